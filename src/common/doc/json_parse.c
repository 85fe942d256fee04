/* The JSON parser: one pass over the text, which is changed in place. Strings are decoded where they stand (the
 * decoded form is never longer) and end with a NUL in the place of the closing quote; a number moves one byte to the
 * left, over a byte that was consumed already, to make room for its NUL.
 *
 * The pass is a loop, not a recursion: open containers are frames, and the members that belong to them wait on one
 * scratch stack until the container ends, when they are copied to an array of exactly their number. So the arena gets
 * nodes (from small blocks) and arrays, and nothing is reallocated there. No state outside the call; any thread.
 *
 * What an outline keeps as text is read by the skimmer (json_skim.c). */
#include <stdlib.h>

#include "base/str.h"
#include "common/doc/json_scan.h"

const struct json_limits json_limits_default = {16u << 20, 128, 2000000};
const struct json_limits json_limits_review = {8u << 20, 100, 500000};

enum {
    STACK_INLINE = 192,  /* members that wait without heap memory */
    FRAMES_INLINE = 64,
    NODE_BLOCK = 64,
};

static inline bool count_node(struct parser *p) {
    p->nodes++;
    return p->nodes <= p->lim->max_nodes || scan_count_ok(p);
}

static inline struct jv *new_node(struct parser *p, enum jtype type) {
    if (p->block_left == 0) {
        p->block = arena_raw(p->a, NODE_BLOCK * sizeof *p->block);
        p->block_left = NODE_BLOCK;
    }
    p->block_left--;
    struct jv *v = p->block++;
    *v = (struct jv){.type = type};
    return v;
}

static inline struct jmember *stack_push(struct parser *p) {
    if (p->top == p->stack_cap)
        p->stack = p->stack_heap = scan_grow(p->stack_heap, p->stack, p->top, &p->stack_cap, sizeof *p->stack);
    return &p->stack[p->top++];
}

/* The number in [s, end). */
static struct jv *make_number(struct parser *p, char *s, char *end) {
    struct jv *v = new_node(p, J_NUM);
    v->len = (uint32_t)(end - s);
    if (s == p->text) {
        v->s = arena_strndup(p->a, s, v->len);
        return v;
    }
    for (char *c = s; c < end; c++) c[-1] = *c; /* mostly a few digits */
    end[-1] = 0;
    v->s = s - 1;
    return v;
}

static char *read_number(struct parser *p, char *s, struct jv **v) {
    char *end = scan_number(p, s);
    if (end) *v = make_number(p, s, end);
    return end;
}

static char *read_word(struct parser *p, char *s, struct jv **v, const char *word, enum jtype type) {
    *v = new_node(p, type);
    if (type == J_BOOL) (*v)->b = *word == 't';
    return scan_word(p, s, word);
}

static inline char *read_scalar(struct parser *p, char *s, struct jv **v) {
    if (!count_node(p)) return NULL;
    switch (*s) {
    case '"':
        *v = new_node(p, J_STR);
        return read_string(p, s, &(*v)->s, &(*v)->len);
    case 't': return read_word(p, s, v, "true", J_BOOL);
    case 'f': return read_word(p, s, v, "false", J_BOOL);
    case 'n': return read_word(p, s, v, "null", J_NULL);
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        return read_number(p, s, v);
    default: return scan_unexpected(p, s, "a value");
    }
}

/* ---- containers ---- */

static struct jv *make_container(struct parser *p, bool is_obj, const struct jmember *m, size_t n, uint32_t may_have) {
    struct jv *v = new_node(p, is_obj ? J_OBJ : J_ARR);
    v->len = v->cap = (uint32_t)n;
    v->may_have = may_have;
    if (n == 0) return v;
    if (is_obj) {
        v->members = arena_raw(p->a, n * sizeof *m); /* no overflow: they are on the stack */
        memcpy(v->members, m, n * sizeof *m);
    } else {
        v->items = arena_raw(p->a, n * sizeof *v->items);
        for (size_t i = 0; i < n; i++) v->items[i] = m[i].val;
    }
    return v;
}

/* ---- a list that is read element by element ---- */

static bool key_is(const struct jmember *m, const char *key) {
    return m->klen == strlen(key) && memcmp(m->key, key, m->klen) == 0;
}

/* An array is about to open. */
static bool is_streamed(const struct parser *p) {
    const struct json_stream *s = p->stream;
    return p->depth == 2 && p->frames[0].is_obj && p->frames[1].is_obj && key_is(&p->stack[p->frames[1].base - 1], s->in) &&
           key_is(&p->stack[p->top - 1], s->list);
}

/* Nodes come from the element's arena, or again from the document's. */
static void use_arena(struct parser *p, struct arena *a) {
    p->a = a;
    p->block_left = 0;
}

static void enter_list(struct parser *p) {
    p->list_depth = p->depth;
    p->outer = p->a;
    p->outer_nodes = p->nodes;
    p->nodes = 0;
    use_arena(p, p->stream->a);
}

static void leave_list(struct parser *p) {
    p->list_depth = 0;
    p->nodes = p->outer_nodes;
    use_arena(p, p->outer);
}

/* Hands the element out; else it becomes one of the document's. */
static bool give_element(struct parser *p, struct jv *v) {
    const struct frame *f = &p->frames[p->depth - 2];
    size_t members = p->frames[p->depth - 1].base - f->base - 1; /* without the list, which has no value yet */
    const struct jv around = {.type = J_OBJ, .len = (uint32_t)members, .may_have = UINT32_MAX, .members = p->stack + f->base};
    bool taken = p->stream->take(p->stream->ctx, &around, v);
    if (!taken) *stack_push(p) = (struct jmember){.val = jv_dup(p->outer, v)};
    p->outer_nodes += taken ? 1 : p->nodes;
    p->nodes = p->outer_nodes;
    if (!scan_count_ok(p)) return false;
    p->nodes = 0;
    arena_reset(p->a);
    use_arena(p, p->a);
    return true;
}

/* ---- reading ---- */

/* s is at the closing bracket of the innermost container. */
static inline char *close_container(struct parser *p, char *s, struct jv **v) {
    if (p->depth == p->list_depth) leave_list(p);
    struct frame f = p->frames[--p->depth];
    const struct jmember *m = p->stack + f.base;
    size_t n = p->top - f.base;
    uint32_t may_have = 0;
    if ((f.is_obj && !scan_keys_differ(p, s, m, n, &may_have)) || !count_node(p)) return NULL;
    p->top = f.base;
    *v = make_container(p, f.is_obj, m, n, may_have);
    return s + 1;
}

static inline char *read_key(struct parser *p, char *s) {
    s = skip_to(p, s, '"');
    if (*s != '"') return scan_unexpected(p, s, "a key in double quotes");
    struct jmember *m = stack_push(p);
    s = read_string(p, s, &m->key, &m->klen);
    if (!s) return NULL;
    s = skip_to(p, s, ':');
    return *s == ':' ? s + 1 : scan_unexpected(p, s, "':' after the key");
}

static char *keep_text(struct parser *p, char *s, struct jv **v);

static bool in_array(const struct parser *p) { return !p->frames[p->depth - 1].is_obj; }

/* s is at the opening bracket of a container: does it stay text? */
static bool stays_text(const struct parser *p, const char *s) {
    if (p->depth == 0 || in_array(p)) return false;
    const struct jmember *m = &p->stack[p->top - 1];
    struct json_place at = {.key = m->key, .klen = m->klen};
    if (p->depth > 1 && p->frames[p->depth - 2].is_obj) {
        const struct jmember *around = &p->stack[p->frames[p->depth - 1].base - 1];
        at.in = around->key, at.in_len = around->klen;
    }
    const char *next = s + 1;
    while (*next == ' ' || *next == '\n' || *next == '\t' || *next == '\r') next++;
    return *next != ']' && *next != '}' && p->keep(&at);
}

/* Reads a scalar, or as much of a container as is before its first value: then *opened is true. */
static inline char *start_value(struct parser *p, char *s, struct jv **v, bool *opened) {
    *opened = false;
    s = skip_to(p, s, '"');
    bool is_obj = *s == '{';
    if (!is_obj && *s != '[') return read_scalar(p, s, v);
    if (p->keep && stays_text(p, s)) return keep_text(p, s, v);
    if (p->depth >= p->lim->max_depth) return scan_too_deep(p, s);
    if (p->depth == p->frames_cap)
        p->frames = p->frames_heap = scan_grow(p->frames_heap, p->frames, p->depth, &p->frames_cap, sizeof *p->frames);
    bool streamed = p->stream && !is_obj && is_streamed(p);
    p->frames[p->depth++] = (struct frame){is_obj, p->top};
    if (streamed) enter_list(p);
    s = skip_space(p, s + 1);
    if (*s == (is_obj ? '}' : ']')) return close_container(p, s, v);
    *opened = true;
    return is_obj ? read_key(p, s) : s;
}

/* After a value inside a container: goes on to the next one (*opened), or ends the container. */
static inline char *next_value(struct parser *p, char *s, struct jv **v, bool *opened) {
    bool is_obj = p->frames[p->depth - 1].is_obj;
    s = skip_to(p, s, ',');
    *opened = *s == ',';
    if (*opened) return is_obj ? read_key(p, s + 1) : s + 1;
    if (*s == (is_obj ? '}' : ']')) return close_container(p, s, v);
    return scan_unexpected(p, s, is_obj ? "',' or '}'" : "',' or ']'");
}

/* Gives a complete value to the container around it. */
static inline bool attach(struct parser *p, struct jv *v) {
    if (p->depth == p->list_depth) return give_element(p, v);
    if (p->frames[p->depth - 1].is_obj) p->stack[p->top - 1].val = v;
    else *stack_push(p) = (struct jmember){.val = v};
    return true;
}

static char *keep_text(struct parser *p, char *s, struct jv **v) {
    char *end = skim_container(p, s);
    if (!end) return NULL;
    *v = new_node(p, J_RAW);
    (*v)->s = s;
    (*v)->len = (uint32_t)(end - s);
    return end;
}

static struct jv *read_document(struct parser *p) {
    struct jv *v = NULL;
    char *s = p->text;
    bool opened;
    do {
        s = start_value(p, s, &v, &opened);
        while (s && !opened && p->depth > 0) {
            if (!attach(p, v)) return NULL;
            s = next_value(p, s, &v, &opened);
        }
    } while (s && opened);
    if (!s) return NULL;
    s = skip_space(p, s);
    return s == p->end ? v : (scan_unexpected(p, s, "the end of the document"), NULL);
}

static int check_size(size_t len, const struct json_limits *lim, struct err *e) {
    if (len > lim->max_bytes || len > UINT32_MAX - 1)
        return err_set(e, ERR_LIMIT, "the document has %zu bytes, more than the %zu allowed", len, lim->max_bytes);
    return 0;
}

static void parser_release(struct parser *p) {
    free(p->stack_heap);
    free(p->frames_heap);
}

struct jv *json_parse_outline(struct arena *a, char *text, size_t len, const struct json_limits *limits, json_keep_fn keep,
                              const struct json_stream *stream, struct err *e) {
    struct jmember stack[STACK_INLINE];
    struct frame frames[FRAMES_INLINE];
    __attribute__((cleanup(parser_release))) struct parser p = {
                       .a = a, .e = e, .lim = limits ? limits : &json_limits_default, .keep = keep, .stream = stream,
                       .text = text, .end = text + len, .line_start = text, .line = 1, .stack = stack, .stack_cap = STACK_INLINE,
                       .frames = frames, .frames_cap = FRAMES_INLINE};
    if (check_size(len, p.lim, e) < 0) return NULL;
    if (*p.end || (keep && p.lim->max_depth > SKIM_DEPTH)) abort();
    struct jv *v = read_document(&p);
    return v;
}

struct jv *json_parse_insitu(struct arena *a, char *text, size_t len, const struct json_limits *limits, struct err *e) {
    return json_parse_outline(a, text, len, limits, NULL, NULL, e);
}

struct jv *json_parse(struct arena *a, const char *text, size_t len, const struct json_limits *limits, struct err *e) {
    if (check_size(len, limits ? limits : &json_limits_default, e) < 0) return NULL;
    return json_parse_insitu(a, arena_strndup(a, text, len), len, limits, e);
}
