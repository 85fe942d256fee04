/* Cutting what streams in: a watch into lines, a list into its elements. Pure state machines over bytes that may be split
 * anywhere; the caller's thread. A line or element is bounded, the answer as a whole is not. */
#include <string.h>

#include "base/str.h"
#include "kube/client.h"
#include "stream.h"

#define ELEMENT_MAX ((size_t)16 << 20)
#define ENVELOPE_MAX ((size_t)1 << 20)
#define KEEP_MAX ((size_t)64 << 10) /* a buffer that once held more is given back */

/* ---- lines ---- */

struct lines {
    struct buf partial;
    int (*line)(void *ctx, char *text, size_t len);
    void *ctx;
    bool enough, too_big; /* the reader said so; a line exceeds its bound */
};

static bool blank(const char *s, size_t n) {
    while (n && strchr(" \t\r", *s)) s++, n--;
    return n == 0;
}

static int one_line(struct lines *l, char *text, size_t len) {
    l->enough = !blank(text, len) && l->line(l->ctx, text, len) != 0;
    return l->enough;
}

static int join_line(struct lines *l, const char *rest, size_t n) {
    buf_add(&l->partial, rest, n);
    int rc = one_line(l, l->partial.s, l->partial.len);
    if (l->partial.cap > KEEP_MAX) buf_fini(&l->partial);
    buf_reset(&l->partial);
    return rc;
}

static int cut_lines(void *ctx, char *data, size_t len) {
    struct lines *l = ctx;
    for (char *end; len && (end = memchr(data, '\n', len)); ) {
        size_t n = (size_t)(end - data);
        *end = '\0';
        int rc = l->partial.len ? join_line(l, data, n) : one_line(l, data, n);
        if (rc) return rc;
        data += n + 1;
        len -= n + 1;
    }
    if (len) buf_add(&l->partial, data, len);
    l->too_big = l->partial.len > ELEMENT_MAX;
    return l->too_big;
}

int kube_watch(struct kube *k, const char *path, const char *query, int64_t idle_ms, const volatile bool *stop,
               int (*line)(void *ctx, char *text, size_t len), void *ctx, struct err *e) {
    struct lines l = {.line = line, .ctx = ctx};
    struct kube_stream s = {"WATCH", path, query, idle_ms, stop, cut_lines, &l};
    int rc = kube_stream(k, &s, e);
    bool over = l.enough || (stop && __atomic_load_n(stop, __ATOMIC_RELAXED));
    if (rc == 0 && l.too_big)
        rc = err_set(e, ERR_LIMIT, "WATCH %s: an event is larger than %zu MiB", path, ELEMENT_MAX >> 20);
    else if (rc == 0 && !over && l.partial.len)
        rc = err_set(e, ERR_UNAVAILABLE, "WATCH %s: the answer ended within an event", path);
    buf_fini(&l.partial);
    return rc;
}

/* ---- elements of a list ---- */

static int element_end(struct list_reader *r) {
    int rc = r->item(r->ctx, r->element.s, r->element.len);
    if (r->element.cap > KEEP_MAX) buf_fini(&r->element);
    buf_reset(&r->element);
    return rc;
}

static void in_string(struct list_reader *r, char c) {
    if (r->escaped) r->escaped = false;
    else if (c == '\\') r->escaped = true;
    else if (c == '"') r->in_string = false;
}

static void begin_string(struct list_reader *r) {
    r->in_string = true;
    if (r->depth == 1) buf_reset(&r->key);
}

static void open_bracket(struct list_reader *r, char c) {
    if (r->depth == 1 && c == '[' && str_eq(buf_str(&r->key), "items")) r->in_items = true;
    r->depth++;
}

/* Returns true when an element is complete. */
static bool close_bracket(struct list_reader *r) {
    if (r->depth) r->depth--;
    if (r->depth == 1) r->in_items = false;
    return r->in_items && r->depth == 2;
}

/* Does a byte here belong to an element, and not to the document around them? */
static bool in_element(const struct list_reader *r, char c) {
    return r->in_items && (r->depth > 2 || (r->depth == 2 && (c == '{' || c == '[')));
}

/* Bytes that change no state: most of a document, so they are copied in one go. */
static size_t plain_run(const struct list_reader *r, const char *s, size_t len) {
    size_t n = 0;
    if (r->escaped || (r->depth == 1 && r->in_string)) return 0;
    if (r->in_string)
        while (n < len && s[n] != '"' && s[n] != '\\') n++;
    else if (r->depth > 2 || !r->in_items)
        while (n < len && !strchr("\"{}[]", s[n])) n++;
    return n;
}

static int feed_one(struct list_reader *r, char c) {
    if (r->in_items && r->depth == 2 && !r->in_string && c == ',') return 0; /* between elements */
    buf_putc(in_element(r, c) ? &r->element : &r->envelope, c);
    if (r->in_string) {
        if (r->depth == 1 && c != '"') buf_putc(&r->key, c);
        in_string(r, c);
    } else if (c == '"') {
        begin_string(r);
    } else if (c == '{' || c == '[') {
        open_bracket(r, c);
    } else if (c == '}' || c == ']') {
        return close_bracket(r) ? element_end(r) : 0;
    }
    return 0;
}

int list_reader_feed(struct list_reader *r, const char *data, size_t len) {
    for (size_t i = 0; i < len;) {
        size_t n = plain_run(r, data + i, len - i);
        if (n) buf_add(in_element(r, ' ') ? &r->element : &r->envelope, data + i, n);
        i += n;
        int rc = i < len ? feed_one(r, data[i++]) : 0;
        r->too_big = r->element.len > ELEMENT_MAX || r->envelope.len > ENVELOPE_MAX;
        if (rc || r->too_big) return rc ? rc : 1;
    }
    return 0;
}

void list_reader_fini(struct list_reader *r) {
    buf_fini(&r->element);
    buf_fini(&r->envelope);
    buf_fini(&r->key);
}
