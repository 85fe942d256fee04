/* The JSON parser: one pass over the text, which is changed in place. Strings are decoded where they stand (the
 * decoded form is never longer) and end with a NUL in the place of the closing quote; a number moves one byte to the
 * left, over a byte that was consumed already, to make room for its NUL.
 *
 * The pass is a loop, not a recursion: open containers are frames, and the members that belong to them wait on one
 * scratch stack until the container ends, when they are copied to an array of exactly their number. So the arena gets
 * nodes (from small blocks) and arrays, and nothing is reallocated there. Line and column are counted while white space
 * is skipped: a string can't hold a raw line break. No state outside the call; any thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doc/json.h"

const struct json_limits json_limits_default = {16u << 20, 128, 2000000};
const struct json_limits json_limits_review = {8u << 20, 100, 500000};

enum {
    STACK_INLINE = 192,  /* members that wait without heap memory */
    FRAMES_INLINE = 64,
    NODE_BLOCK = 64,
    LINEAR_KEYS = 16,    /* up to here comparing each key with each is fastest */
};

struct frame {
    bool is_obj;
    size_t base; /* first entry of this container on the stack */
};

struct parser {
    struct arena *a;
    struct err *e;
    const struct json_limits *lim;
    char *text, *p, *end;
    const char *line_start;
    size_t line;
    uint32_t nodes;
    struct jv *block;
    size_t block_left;
    struct jmember *stack, *stack_heap;
    size_t top, stack_cap;
    struct frame *frames, *frames_heap;
    size_t depth, frames_cap;
};

static int fail(struct parser *p, const char *what)
{
    err_set(p->e, ERR_PARSE, "line %zu, column %zu: %s", p->line, (size_t)(p->p - p->line_start) + 1, what);
    return -1;
}

static int fail_byte(struct parser *p, const char *expected)
{
    if (p->p >= p->end) {
        err_set(p->e, ERR_PARSE, "line %zu, column %zu: the document ends here, expected %s", p->line,
                (size_t)(p->p - p->line_start) + 1, expected);
        return -1;
    }
    unsigned char c = (unsigned char)*p->p;
    char shown[8] = {'\'', (char)c, '\'', 0};
    if (c < 0x20 || c >= 0x7f) snprintf(shown, sizeof shown, "0x%02x", c);
    err_set(p->e, ERR_PARSE, "line %zu, column %zu: found %s, expected %s", p->line,
            (size_t)(p->p - p->line_start) + 1, shown, expected);
    return -1;
}

static void *must(void *m)
{
    if (!m) abort();
    return m;
}

static struct jv *new_node(struct parser *p, enum jtype type)
{
    if (p->nodes++ >= p->lim->max_nodes) {
        err_set(p->e, ERR_LIMIT, "the document has more than %u values", p->lim->max_nodes);
        return NULL;
    }
    if (p->block_left == 0) {
        p->block = ARENA_ARRAY(p->a, NODE_BLOCK, struct jv);
        p->block_left = NODE_BLOCK;
    }
    p->block_left--;
    struct jv *v = p->block++;
    v->type = type;
    return v;
}

static void stack_grow(struct parser *p)
{
    size_t cap = p->stack_cap * 2;
    struct jmember *heap = must(realloc(p->stack_heap, cap * sizeof *heap));
    if (!p->stack_heap) memcpy(heap, p->stack, p->top * sizeof *heap);
    p->stack = p->stack_heap = heap;
    p->stack_cap = cap;
}

static inline void stack_push(struct parser *p, struct jmember m)
{
    if (p->top == p->stack_cap) stack_grow(p);
    p->stack[p->top++] = m;
}

static int frame_push(struct parser *p, bool is_obj)
{
    if (p->depth >= p->lim->max_depth)
        return err_set(p->e, ERR_LIMIT, "line %zu, column %zu: the document is nested deeper than %u levels", p->line,
                       (size_t)(p->p - p->line_start) + 1, p->lim->max_depth);
    if (p->depth == p->frames_cap) {
        size_t cap = p->frames_cap * 2;
        struct frame *heap = must(realloc(p->frames_heap, cap * sizeof *heap));
        if (!p->frames_heap) memcpy(heap, p->frames, p->depth * sizeof *heap);
        p->frames = p->frames_heap = heap;
        p->frames_cap = cap;
    }
    p->frames[p->depth++] = (struct frame){is_obj, p->top};
    return 0;
}

static inline void skip_space(struct parser *p)
{
    char *const end = p->end;
    if (p->p < end && (unsigned char)*p->p > ' ') return;
    for (; p->p < end; p->p++) {
        char c = *p->p;
        if (c == '\n') {
            p->line++;
            p->line_start = p->p + 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
    }
}

/* ---- strings ---- */

/* A mask with the top bit set in each of the 8 bytes that is a quote, a backslash, a control or not ASCII. Exact up to
 * and including the first such byte, which is all the caller looks at. */
static inline uint64_t special_bytes(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t quote = w ^ (ones * '"'), back = w ^ (ones * '\\');
    uint64_t m = ((quote - ones) & ~quote) | ((back - ones) & ~back) | ((w - ones * 0x20) & ~w) | w;
    return m & tops;
}

static inline char *skip_plain(char *s, const char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - s >= 8) {
        uint64_t w;
        memcpy(&w, s, 8);
        uint64_t m = special_bytes(w);
        if (m) return s + (__builtin_ctzll(m) >> 3);
        s += 8;
    }
#endif
    while (s < end && *s != '"' && *s != '\\' && (unsigned char)*s >= 0x20 && (unsigned char)*s < 0x80) s++;
    return s;
}

/* Length of the well-formed UTF-8 sequence at s, which starts with a byte >= 0x80; 0 when there is none.
 * Source: Unicode 15, table 3-7. */
static size_t utf8_len(const char *text, const char *end)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t left = (size_t)(end - text);
    unsigned lo = 0x80, hi = 0xbf;
    size_t n;
    if (s[0] >= 0xc2 && s[0] <= 0xdf) n = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef) n = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4) n = 4;
    else return 0;
    if (s[0] == 0xe0) lo = 0xa0;
    if (s[0] == 0xed) hi = 0x9f;
    if (s[0] == 0xf0) lo = 0x90;
    if (s[0] == 0xf4) hi = 0x8f;
    if (left < n || s[1] < lo || s[1] > hi) return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    return n;
}

static int hex4(const char *s, const char *end)
{
    if (end - s < 4) return -1;
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = s[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

static char *put_utf8(char *out, unsigned c)
{
    if (c < 0x80) {
        *out++ = (char)c;
    } else if (c < 0x800) {
        *out++ = (char)(0xc0 | c >> 6);
        *out++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *out++ = (char)(0xe0 | c >> 12);
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    } else {
        *out++ = (char)(0xf0 | c >> 18);
        *out++ = (char)(0x80 | (c >> 12 & 0x3f));
        *out++ = (char)(0x80 | (c >> 6 & 0x3f));
        *out++ = (char)(0x80 | (c & 0x3f));
    }
    return out;
}

/* p->p is at the 'u' of \uXXXX. Returns the code point and moves behind it, surrogate pairs joined; -1 on error. */
static int unicode_escape(struct parser *p)
{
    int hi = hex4(p->p + 1, p->end);
    if (hi < 0) return fail(p, "\\u needs four hexadecimal digits");
    if (hi >= 0xdc00 && hi <= 0xdfff) return fail(p, "a low surrogate without the high one before it");
    if (hi < 0xd800 || hi > 0xdbff) {
        p->p += 5;
        return hi;
    }
    const char *next = p->p + 5;
    int lo = p->end - next >= 6 && next[0] == '\\' && next[1] == 'u' ? hex4(next + 2, p->end) : -1;
    if (lo < 0xdc00 || lo > 0xdfff) return fail(p, "a high surrogate without the low one after it");
    p->p += 11;
    return 0x10000 + ((hi - 0xd800) << 10) + (lo - 0xdc00);
}

/* p->p is behind the backslash. Writes the character to *out, which it moves. */
static int unescape(struct parser *p, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (p->p >= p->end) return fail_byte(p, "an escape");
    if (*p->p == 'u') {
        int c = unicode_escape(p);
        if (c < 0) return -1;
        *out = put_utf8(*out, (unsigned)c);
        return 0;
    }
    const char *hit = *p->p ? strchr(from, *p->p) : NULL;
    if (!hit) return fail_byte(p, "one of \" \\ / b f n r t u after a backslash");
    *(*out)++ = to[hit - from];
    p->p++;
    return 0;
}

/* Reads the rest of a string whose first plain run ended at p->p. Returns the end of the decoded text. */
static char *string_tail(struct parser *p)
{
    char *out = p->p;
    while (p->p < p->end && *p->p != '"') {
        unsigned char c = (unsigned char)*p->p;
        size_t n = 0;
        if (c == '\\') {
            p->p++;
            if (unescape(p, &out) < 0) return NULL;
            continue;
        }
        if (c < 0x20) return fail_byte(p, "an escape: control characters must be written as \\u00XX"), NULL;
        if (c >= 0x80) {
            n = utf8_len(p->p, p->end);
            if (n == 0) return fail(p, "the text is not valid UTF-8"), NULL;
        } else {
            n = (size_t)(skip_plain(p->p, p->end) - p->p);
        }
        memmove(out, p->p, n);
        out += n;
        p->p += n;
    }
    if (p->p >= p->end) return fail_byte(p, "the closing quote of a string"), NULL;
    return out;
}

/* p->p is at the opening quote. The decoded text starts behind it and gets its NUL. */
static int read_string(struct parser *p, const char **s, uint32_t *len)
{
    char *start = ++p->p;
    p->p = skip_plain(p->p, p->end);
    char *out = p->p;
    if (p->p >= p->end || *p->p != '"') {
        out = string_tail(p);
        if (!out) return -1;
    }
    p->p++;
    *out = 0;
    *s = start;
    *len = (uint32_t)(out - start);
    return 0;
}

/* ---- numbers and words ---- */

static char *skip_digits(char *s, const char *end)
{
    while (s < end && *s >= '0' && *s <= '9') s++;
    return s;
}

/* Moves p->p behind the number. */
static int scan_number(struct parser *p)
{
    char *s = p->p;
    if (*s == '-') p->p = ++s;
    s = skip_digits(s, p->end);
    if (s == p->p) return fail_byte(p, "a digit");
    if (*p->p == '0' && s - p->p > 1) return fail(p, "a number must not start with 0");
    p->p = s;
    if (s < p->end && *s == '.') {
        p->p = ++s;
        s = skip_digits(s, p->end);
        if (s == p->p) return fail_byte(p, "a digit after the decimal point");
        p->p = s;
    }
    if (s < p->end && (*s == 'e' || *s == 'E')) {
        s++;
        if (s < p->end && (*s == '+' || *s == '-')) s++;
        p->p = s;
        s = skip_digits(s, p->end);
        if (s == p->p) return fail_byte(p, "a digit of the exponent");
        p->p = s;
    }
    return 0;
}

static struct jv *read_number(struct parser *p)
{
    struct jv *v = new_node(p, J_NUM);
    char *start = p->p;
    if (!v || scan_number(p) < 0) return NULL;
    v->len = (uint32_t)(p->p - start);
    if (start == p->text) {
        v->s = arena_strndup(p->a, start, v->len);
        return v;
    }
    for (char *c = start; c < p->p; c++) c[-1] = *c; /* mostly a few digits */
    p->p[-1] = 0;
    v->s = start - 1;
    return v;
}

static struct jv *read_word(struct parser *p, const char *word, enum jtype type, bool b)
{
    size_t n = strlen(word);
    if ((size_t)(p->end - p->p) < n || memcmp(p->p, word, n) != 0) return fail_byte(p, "a value"), NULL;
    struct jv *v = new_node(p, type);
    if (!v) return NULL;
    if (type == J_BOOL) v->b = b;
    p->p += n;
    return v;
}

static struct jv *read_scalar(struct parser *p)
{
    struct jv *v;
    switch (*p->p) {
    case '"':
        v = new_node(p, J_STR);
        return v && read_string(p, &v->s, &v->len) == 0 ? v : NULL;
    case 't': return read_word(p, "true", J_BOOL, true);
    case 'f': return read_word(p, "false", J_BOOL, false);
    case 'n': return read_word(p, "null", J_NULL, false);
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        return read_number(p);
    default: return fail_byte(p, "a value"), NULL;
    }
}

/* ---- containers ---- */

static int member_cmp(const void *x, const void *y)
{
    const struct jmember *a = *(const struct jmember *const *)x, *b = *(const struct jmember *const *)y;
    if (a->klen != b->klen) return a->klen < b->klen ? -1 : 1;
    return memcmp(a->key, b->key, a->klen);
}

static const struct jmember *duplicate_linear(const struct jmember *m, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (m[i].klen == m[k].klen && memcmp(m[i].key, m[k].key, m[i].klen) == 0) return &m[i];
    return NULL;
}

/* Sorting, unlike hashing, has no bad case that a sender could prepare. */
static const struct jmember *duplicate_sorted(const struct jmember *m, size_t n)
{
    const struct jmember **by_key = must(malloc(n * sizeof(*by_key)));
    for (size_t i = 0; i < n; i++) by_key[i] = &m[i];
    qsort(by_key, n, sizeof *by_key, member_cmp);
    const struct jmember *hit = NULL;
    for (size_t i = 1; i < n && !hit; i++)
        if (member_cmp(&by_key[i - 1], &by_key[i]) == 0) hit = by_key[i];
    free(by_key);
    return hit;
}

static int check_keys(struct parser *p, const struct jmember *m, size_t n)
{
    const struct jmember *dup = n <= LINEAR_KEYS ? duplicate_linear(m, n) : duplicate_sorted(m, n);
    if (!dup) return 0;
    return err_set(p->e, ERR_PARSE, "line %zu, column %zu: the object that ends here has the key \"%.200s\" twice; keep one",
                   p->line, (size_t)(p->p - p->line_start) + 1, dup->key);
}

/* p->p is at the closing bracket of the innermost container. */
static struct jv *close_container(struct parser *p)
{
    struct frame f = p->frames[--p->depth];
    const struct jmember *m = p->stack + f.base;
    size_t n = p->top - f.base;
    if (f.is_obj && check_keys(p, m, n) < 0) return NULL;
    struct jv *v = new_node(p, f.is_obj ? J_OBJ : J_ARR);
    if (!v) return NULL;
    p->p++;
    p->top = f.base;
    v->len = v->cap = (uint32_t)n;
    if (n == 0) return v;
    if (f.is_obj) {
        v->members = ARENA_ARRAY(p->a, n, struct jmember);
        memcpy(v->members, m, n * sizeof *m);
    } else {
        v->items = ARENA_ARRAY(p->a, n, struct jv *);
        for (size_t i = 0; i < n; i++) v->items[i] = m[i].val;
    }
    return v;
}

static int read_key(struct parser *p)
{
    struct jmember m = {0};
    skip_space(p);
    if (p->p >= p->end || *p->p != '"') return fail_byte(p, "a key in double quotes");
    if (read_string(p, &m.key, &m.klen) < 0) return -1;
    skip_space(p);
    if (p->p >= p->end || *p->p != ':') return fail_byte(p, "':' after the key");
    p->p++;
    stack_push(p, m);
    return 0;
}

/* Starts a value. 1: it is complete, in *v; 0: a container was opened and its first value comes next; -1: error. */
static int start_value(struct parser *p, struct jv **v)
{
    skip_space(p);
    if (p->p >= p->end) return fail_byte(p, "a value");
    bool is_obj = *p->p == '{';
    if (!is_obj && *p->p != '[') {
        *v = read_scalar(p);
        return *v ? 1 : -1;
    }
    if (frame_push(p, is_obj) < 0) return -1;
    p->p++;
    skip_space(p);
    if (p->p < p->end && *p->p == (is_obj ? '}' : ']')) {
        *v = close_container(p);
        return *v ? 1 : -1;
    }
    return is_obj ? read_key(p) : 0;
}

/* After a value inside a container. 1: the container ended, it is in *v; 0: another value follows; -1: error. */
static int next_value(struct parser *p, struct jv **v)
{
    bool is_obj = p->frames[p->depth - 1].is_obj;
    skip_space(p);
    char c = p->p < p->end ? *p->p : 0;
    if (c == ',') {
        p->p++;
        return is_obj ? read_key(p) : 0;
    }
    if (c != (is_obj ? '}' : ']')) return fail_byte(p, is_obj ? "',' or '}'" : "',' or ']'");
    *v = close_container(p);
    return *v ? 1 : -1;
}

static struct jv *parse_document(struct parser *p)
{
    struct jv *v = NULL;
    for (;;) {
        int complete = start_value(p, &v);
        while (complete > 0 && p->depth > 0) {
            if (p->frames[p->depth - 1].is_obj) p->stack[p->top - 1].val = v;
            else stack_push(p, (struct jmember){.val = v});
            complete = next_value(p, &v);
        }
        if (complete < 0) return NULL;
        if (complete > 0) break;
    }
    skip_space(p);
    if (p->p < p->end) return fail_byte(p, "the end of the document"), NULL;
    return v;
}

static int check_size(size_t len, const struct json_limits *lim, struct err *e)
{
    if (len > lim->max_bytes || len > UINT32_MAX - 1)
        return err_set(e, ERR_LIMIT, "the document has %zu bytes, more than the %zu allowed", len, lim->max_bytes);
    return 0;
}

struct jv *json_parse_insitu(struct arena *a, char *text, size_t len, const struct json_limits *limits, struct err *e)
{
    struct jmember stack[STACK_INLINE];
    struct frame frames[FRAMES_INLINE];
    struct parser p = {.a = a, .e = e, .lim = limits ? limits : &json_limits_default, .text = text, .p = text,
                       .end = text + len, .line_start = text, .line = 1, .stack = stack, .stack_cap = STACK_INLINE,
                       .frames = frames, .frames_cap = FRAMES_INLINE};
    if (check_size(len, p.lim, e) < 0) return NULL;
    struct jv *v = parse_document(&p);
    free(p.stack_heap);
    free(p.frames_heap);
    return v;
}

struct jv *json_parse(struct arena *a, const char *text, size_t len, const struct json_limits *limits, struct err *e)
{
    if (check_size(len, limits ? limits : &json_limits_default, e) < 0) return NULL;
    return json_parse_insitu(a, arena_strndup(a, text, len), len, limits, e);
}
