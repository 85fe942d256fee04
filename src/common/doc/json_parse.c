/* The JSON parser: one pass over the text, which is changed in place. Strings are decoded where they stand (the
 * decoded form is never longer) and end with a NUL in the place of the closing quote; a number moves one byte to the
 * left, over a byte that was consumed already, to make room for its NUL.
 *
 * The pass is a loop, not a recursion: open containers are frames, and the members that belong to them wait on one
 * scratch stack until the container ends, when they are copied to an array of exactly their number. So the arena gets
 * nodes (from small blocks) and arrays, and nothing is reallocated there. Line and column are counted while white space
 * is skipped: a string can't hold a raw line break. No state outside the call; any thread.
 *
 * Every reader takes the place where its part of the text begins and returns the place behind it, or NULL with the error set. The
 * NUL behind the text is no byte that any part may begin or go on with, so it stops all of them and none has to ask for the end.
 *
 * A subtree that an outline keeps as text goes through the same loop with `raw` set, a constant for the compiler: then
 * nothing is built and nothing is written into the text; only the keys are collected, because they must differ. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/must.h"
#include "base/str.h"
#include "base/utf8.h"
#include "doc/json.h"

const struct json_limits json_limits_default = {16u << 20, 128, 2000000};
const struct json_limits json_limits_review = {8u << 20, 100, 500000};

#define CONST_RAW static inline __attribute__((always_inline)) /* of functions that are compiled for raw and for not raw */

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
    json_keep_fn keep; /* NULL: everything becomes a tree */
    char *text, *end;
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

static char *fail(struct parser *p, const char *at, enum err_code code, const char *what) {
    err_set(p->e, code, "line %zu, column %zu: %s", p->line, (size_t)(at - p->line_start) + 1, what);
    return NULL;
}

static char *fail_parse(struct parser *p, const char *at, const char *what) {
    return fail(p, at, ERR_PARSE, what);
}

/* What is at `at` is not what was expected. */
static char *fail_byte(struct parser *p, const char *at, const char *expected) {
    size_t column = (size_t)(at - p->line_start) + 1;
    unsigned char c = (unsigned char)*at;
    char shown[8] = {'\'', (char)c, '\'', 0};
    if (c < 0x20 || c >= 0x7f) snprintf(shown, sizeof shown, "0x%02x", c);
    if (at < p->end) err_set(p->e, ERR_PARSE, "line %zu, column %zu: found %s, expected %s", p->line, column, shown, expected);
    else err_set(p->e, ERR_PARSE, "line %zu, column %zu: the document ends here, expected %s", p->line, column, expected);
    return NULL;
}

static inline bool count_node(struct parser *p) {
    if (p->nodes++ < p->lim->max_nodes) return true;
    err_set(p->e, ERR_LIMIT, "the document has more than %u values", p->lim->max_nodes);
    return false;
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

/* Doubles an array of which `used` elements are in use: heap memory, or (heap NULL) what the caller lent. */
static void *grow(void *heap, const void *lent, size_t used, size_t *cap, size_t size) {
    *cap *= 2;
    void *more = must(realloc(heap, *cap * size));
    if (!heap) memcpy(more, lent, used * size);
    return more;
}

static inline struct jmember *stack_push(struct parser *p) {
    if (p->top == p->stack_cap) p->stack = p->stack_heap = grow(p->stack_heap, p->stack, p->top, &p->stack_cap, sizeof *p->stack);
    return &p->stack[p->top++];
}

static char *too_deep(struct parser *p, const char *at) {
    char text[64];
    snprintf(text, sizeof text, "the document is nested deeper than %u levels", p->lim->max_depth);
    return fail(p, at, ERR_LIMIT, text);
}

static char *skip_blanks(struct parser *p, char *s) {
    for (;; s++) {
        if (*s == '\n') {
            p->line++;
            p->line_start = s + 1;
        } else if (*s != ' ' && *s != '\t' && *s != '\r') {
            return s;
        }
    }
}

static inline char *skip_space(struct parser *p, char *s) {
    return (unsigned char)*s > ' ' ? s : skip_blanks(p, s);
}

/* ---- strings ---- */

/* To the first quote, backslash, control or byte that is not ASCII. Nearly always that is the closing quote of a short string, and
 * everything behind it waits for its place: so nothing else is between the text and the quote's place. */
#ifdef __SSE2__
static inline char *skip_plain(char *s, const char *end) {
    const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\'), blank = _mm_set1_epi8(' ');
    for (; end - s >= 16; s += 16) {
        __m128i w = _mm_loadu_si128((const __m128i *)(const void *)s);
        unsigned quotes = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(w, quote));
        __m128i other = _mm_or_si128(_mm_cmpeq_epi8(w, back), _mm_cmplt_epi8(w, blank)); /* signed: not ASCII is less, too */
        unsigned others = (unsigned)_mm_movemask_epi8(other), to_quote = quotes ^ (quotes - 1);
        if (quotes && !(others & to_quote)) return s + (unsigned)__builtin_ctz(quotes);
        if (others) return s + (unsigned)__builtin_ctz(others);
    }
    while (*s != '"' && *s != '\\' && (signed char)*s >= ' ') s++;
    return s;
}
#else
/* A mask with the top bit set in each of the 8 bytes that is a quote, a backslash, a control or not ASCII. Exact up to
 * and including the first such byte, which is all the caller looks at. */
static inline uint64_t special_bytes(uint64_t w) {
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t quote = w ^ (ones * '"'), back = w ^ (ones * '\\');
    uint64_t m = ((quote - ones) & ~quote) | ((back - ones) & ~back) | ((w - ones * 0x20) & ~w) | w;
    return m & tops;
}

static inline char *skip_plain(char *s, const char *end) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - s >= 8) {
        uint64_t w;
        memcpy(&w, s, 8);
        uint64_t m = special_bytes(w);
        if (m) return s + (__builtin_ctzll(m) >> 3);
        s += 8;
    }
#endif
    while (*s != '"' && *s != '\\' && (unsigned char)*s >= 0x20 && (unsigned char)*s < 0x80) s++;
    return s;
}
#endif

static int hex4(const char *s, const char *end) {
    if (end - s < 4) return -1;
    int v = 0;
    for (int i = 0; i < 4; i++) {
        char c = s[i];
        int d = is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

/* Returns the number of bytes. */
static size_t encode_utf8(char out[4], unsigned c) {
    size_t n = 0;
    if (c < 0x80) {
        out[n++] = (char)c;
    } else if (c < 0x800) {
        out[n++] = (char)(0xc0 | c >> 6);
        out[n++] = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        out[n++] = (char)(0xe0 | c >> 12);
        out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        out[n++] = (char)(0x80 | (c & 0x3f));
    } else {
        out[n++] = (char)(0xf0 | c >> 18);
        out[n++] = (char)(0x80 | (c >> 12 & 0x3f));
        out[n++] = (char)(0x80 | (c >> 6 & 0x3f));
        out[n++] = (char)(0x80 | (c & 0x3f));
    }
    return n;
}

/* s is at the 'u' of \uXXXX; surrogate pairs are joined. */
static char *unicode_escape(struct parser *p, char *s, unsigned *c) {
    int hi = hex4(s + 1, p->end);
    if (hi < 0) return fail_parse(p, s, "\\u needs four hexadecimal digits");
    if (hi >= 0xdc00 && hi <= 0xdfff) return fail_parse(p, s, "a low surrogate without the high one before it");
    *c = (unsigned)hi;
    if (hi < 0xd800 || hi > 0xdbff) return s + 5;
    const char *next = s + 5;
    int lo = next[0] == '\\' && next[1] == 'u' ? hex4(next + 2, p->end) : -1;
    if (lo < 0xdc00 || lo > 0xdfff) return fail_parse(p, s, "a high surrogate without the low one after it");
    *c = 0x10000 + (((unsigned)hi - 0xd800) << 10) + ((unsigned)lo - 0xdc00);
    return s + 11;
}

/* Appends decoded text at *out, which moves; NULL: the string is only checked. The text may be further on in the same memory. */
static void emit(char **out, const char *s, size_t n) {
    if (!*out) return;
    memmove(*out, s, n);
    *out += n;
}

/* s is behind the backslash. */
static char *unescape(struct parser *p, char *s, char **out) {
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (*s == 'u') {
        char text[4];
        unsigned c = 0;
        s = unicode_escape(p, s, &c);
        if (s) emit(out, text, encode_utf8(text, c));
        return s;
    }
    const char *hit = *s ? strchr(from, *s) : NULL;
    if (!hit) return fail_byte(p, s, s < p->end ? "one of \" \\ / b f n r t u after a backslash" : "an escape");
    emit(out, &to[hit - from], 1);
    return s + 1;
}

/* The rest of a string; returns the place of its closing quote. */
static char *string_tail(struct parser *p, char *s, char **out) {
    while (s && *s != '"') {
        unsigned char c = (unsigned char)*s;
        if (c == '\\') {
            s = unescape(p, s + 1, out);
            continue;
        }
        if (s == p->end) return fail_byte(p, s, "the closing quote of a string");
        if (c < 0x20) return fail_byte(p, s, "an escape: control characters must be written as \\u00XX");
        size_t n = c < 0x80 ? (size_t)(skip_plain(s, p->end) - s) : utf8_length(s);
        if (n == 0) return fail_parse(p, s, "the text is not valid UTF-8");
        emit(out, s, n);
        s += n;
    }
    return s;
}

/* s is at the opening quote. The decoded text starts behind it and gets its NUL. */
static inline char *read_string(struct parser *p, char *s, const char **text, uint32_t *len) {
    char *start = s + 1, *out = s = skip_plain(start, p->end);
    if (*s != '"' && !(s = string_tail(p, s, &out))) return NULL;
    *out = 0;
    *text = start;
    *len = (uint32_t)(out - start);
    return s + 1;
}

static inline char *skim_string(struct parser *p, char *s) {
    char *only_check = NULL;
    s = skip_plain(s + 1, p->end);
    if (*s != '"' && !(s = string_tail(p, s, &only_check))) return NULL;
    return s + 1;
}

/* A key with escapes: it is needed decoded to be compared, but must not be changed where it stands. */
static void decode_key(struct parser *p, const char *start, const char *end, struct jmember *m) {
    char *copy = arena_strndup(p->a, start, (size_t)(end - start));
    struct parser q = *p;
    q.end = copy + (end - start);
    read_string(&q, copy, &m->key, &m->klen);
}

static inline char *skim_key(struct parser *p, char *start, struct jmember *m) {
    char *s = skip_plain(start + 1, p->end);
    m->key = start + 1;
    m->klen = (uint32_t)(s - m->key);
    if (*s == '"') return s + 1;
    s = skim_string(p, start);
    if (s) decode_key(p, start, s, m);
    return s;
}

/* ---- numbers and words ---- */

static inline char *skip_digits(char *s) {
    while (is_digit(*s)) s++;
    return s;
}

static inline char *skip_number(struct parser *p, char *s) {
    char *digits = *s == '-' ? ++s : s;
    s = skip_digits(s);
    if (s == digits) return fail_byte(p, s, "a digit");
    if (*digits == '0' && s - digits > 1) return fail_parse(p, digits, "a number must not start with 0");
    if (*s == '.') {
        digits = ++s;
        s = skip_digits(s);
        if (s == digits) return fail_byte(p, s, "a digit after the decimal point");
    }
    if (*s == 'e' || *s == 'E') {
        s++;
        if (*s == '+' || *s == '-') s++;
        digits = s;
        s = skip_digits(s);
        if (s == digits) return fail_byte(p, s, "a digit of the exponent");
    }
    return s;
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

CONST_RAW char *read_number(struct parser *p, char *s, struct jv **v, bool raw) {
    char *end = skip_number(p, s);
    if (end && !raw) *v = make_number(p, s, end);
    return end;
}

CONST_RAW char *read_word(struct parser *p, char *s, struct jv **v, const char *word, enum jtype type, bool raw) {
    size_t n = strlen(word);
    if (strncmp(s, word, n) != 0) return fail_byte(p, s, "a value");
    if (!raw) *v = new_node(p, type);
    if (!raw && type == J_BOOL) (*v)->b = *word == 't';
    return s + n;
}

CONST_RAW char *read_scalar(struct parser *p, char *s, struct jv **v, bool raw) {
    if (!count_node(p)) return NULL;
    switch (*s) {
    case '"':
        if (raw) return skim_string(p, s);
        *v = new_node(p, J_STR);
        return read_string(p, s, &(*v)->s, &(*v)->len);
    case 't': return read_word(p, s, v, "true", J_BOOL, raw);
    case 'f': return read_word(p, s, v, "false", J_BOOL, raw);
    case 'n': return read_word(p, s, v, "null", J_NULL, raw);
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        return read_number(p, s, v, raw);
    default: return fail_byte(p, s, "a value");
    }
}

/* ---- containers ---- */

static int member_cmp(const void *x, const void *y) {
    const struct jmember *a = *(const struct jmember *const *)x, *b = *(const struct jmember *const *)y;
    if (a->klen != b->klen) return a->klen < b->klen ? -1 : 1;
    return memcmp(a->key, b->key, a->klen);
}

/* Also says which keys there may be: one whose bit is new has no equal before it. */
static const struct jmember *duplicate_linear(const struct jmember *m, size_t n, uint32_t *may_have) {
    uint32_t have = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bit = jv_key_bit(m[i].key, m[i].klen);
        for (size_t k = 0; have & bit && k < i; k++)
            if (m[i].klen == m[k].klen && jv_key_eq(m[i].key, m[k].key, m[i].klen)) return &m[i];
        have |= bit;
    }
    *may_have = have;
    return NULL;
}

/* Sorting, unlike hashing, has no bad case that a sender could prepare. */
static const struct jmember *duplicate_sorted(const struct jmember *m, size_t n, uint32_t *may_have) {
    const struct jmember **by_key = must(malloc(n * sizeof(*by_key)));
    for (size_t i = 0; i < n; i++) {
        by_key[i] = &m[i];
        *may_have |= jv_key_bit(m[i].key, m[i].klen);
    }
    qsort(by_key, n, sizeof *by_key, member_cmp);
    const struct jmember *hit = NULL;
    for (size_t i = 1; i < n && !hit; i++)
        if (member_cmp(&by_key[i - 1], &by_key[i]) == 0) hit = by_key[i];
    free(by_key);
    return hit;
}

static bool check_keys(struct parser *p, const char *at, const struct jmember *m, size_t n, uint32_t *may_have) {
    const struct jmember *dup = n <= LINEAR_KEYS ? duplicate_linear(m, n, may_have) : duplicate_sorted(m, n, may_have);
    if (!dup) return true;
    err_set(p->e, ERR_PARSE, "line %zu, column %zu: the object that ends here has the key \"%.*s\" twice; keep one", p->line,
            (size_t)(at - p->line_start) + 1, dup->klen < 200 ? (int)dup->klen : 200, dup->key);
    return false;
}

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

/* s is at the closing bracket of the innermost container. */
CONST_RAW char *close_container(struct parser *p, char *s, struct jv **v, bool raw) {
    struct frame f = p->frames[--p->depth];
    const struct jmember *m = p->stack + f.base;
    size_t n = p->top - f.base;
    uint32_t may_have = 0;
    if ((f.is_obj && !check_keys(p, s, m, n, &may_have)) || !count_node(p)) return NULL;
    p->top = f.base;
    if (!raw) *v = make_container(p, f.is_obj, m, n, may_have);
    return s + 1;
}

CONST_RAW char *read_key(struct parser *p, char *s, bool raw) {
    s = skip_space(p, s);
    if (*s != '"') return fail_byte(p, s, "a key in double quotes");
    struct jmember *m = stack_push(p);
    s = raw ? skim_key(p, s, m) : read_string(p, s, &m->key, &m->klen);
    if (!s) return NULL;
    s = skip_space(p, s);
    return *s == ':' ? s + 1 : fail_byte(p, s, "':' after the key");
}

static char *keep_text(struct parser *p, char *s, struct jv **v);

static bool in_array(const struct parser *p) { return !p->frames[p->depth - 1].is_obj; }

/* s is at the opening bracket of a container: does it stay text? */
static bool stays_text(const struct parser *p, const char *s) {
    if (p->depth == 0) return false;
    bool element = in_array(p), in_member = p->depth > 1 && p->frames[p->depth - 2].is_obj;
    if (element && !in_member) return false;
    const struct jmember *around = in_member ? &p->stack[p->frames[p->depth - 1].base - 1] : NULL,
                         *m = element ? around : &p->stack[p->top - 1];
    struct json_place at = {.key = m->key, .klen = m->klen, .element = element};
    if (!element && around) at.in = around->key, at.in_len = around->klen;
    const char *next = s + 1;
    while (*next == ' ' || *next == '\n' || *next == '\t' || *next == '\r') next++;
    return *next != ']' && *next != '}' && p->keep(&at);
}

/* Reads a scalar, or as much of a container as is before its first value: then *opened is true. */
CONST_RAW char *start_value(struct parser *p, char *s, struct jv **v, bool *opened, bool raw) {
    *opened = false;
    s = skip_space(p, s);
    bool is_obj = *s == '{';
    if (!is_obj && *s != '[') return read_scalar(p, s, v, raw);
    if (!raw && p->keep && stays_text(p, s)) return keep_text(p, s, v);
    if (p->depth >= p->lim->max_depth) return too_deep(p, s);
    if (p->depth == p->frames_cap)
        p->frames = p->frames_heap = grow(p->frames_heap, p->frames, p->depth, &p->frames_cap, sizeof *p->frames);
    p->frames[p->depth++] = (struct frame){is_obj, p->top};
    s = skip_space(p, s + 1);
    if (*s == (is_obj ? '}' : ']')) return close_container(p, s, v, raw);
    *opened = true;
    return is_obj ? read_key(p, s, raw) : s;
}

/* After a value inside a container: goes on to the next one (*opened), or ends the container. */
CONST_RAW char *next_value(struct parser *p, char *s, struct jv **v, bool *opened, bool raw) {
    bool is_obj = p->frames[p->depth - 1].is_obj;
    s = skip_space(p, s);
    *opened = *s == ',';
    if (*opened) return is_obj ? read_key(p, s + 1, raw) : s + 1;
    if (*s == (is_obj ? '}' : ']')) return close_container(p, s, v, raw);
    return fail_byte(p, s, is_obj ? "',' or '}'" : "',' or ']'");
}

/* Gives a complete value to the container around it. */
static inline void attach(struct parser *p, struct jv *v) {
    if (p->frames[p->depth - 1].is_obj) p->stack[p->top - 1].val = v;
    else *stack_push(p) = (struct jmember){.val = v};
}

/* One value with everything in it. */
CONST_RAW char *read_value(struct parser *p, char *s, struct jv **v, bool raw) {
    size_t around = p->depth;
    bool opened;
    do {
        s = start_value(p, s, v, &opened, raw);
        while (s && !opened && p->depth > around) {
            if (!raw) attach(p, *v);
            s = next_value(p, s, v, &opened, raw);
        }
    } while (s && opened);
    return s;
}

static char *keep_text(struct parser *p, char *s, struct jv **v) {
    uint32_t outside = p->nodes;
    bool element = in_array(p);
    if (element && !count_node(p)) return NULL;
    if (element) p->nodes = 0;
    char *end = read_value(p, s, v, true);
    if (!end) return NULL;
    if (element) p->nodes = outside + 1;
    *v = new_node(p, J_RAW);
    (*v)->s = s;
    (*v)->len = (uint32_t)(end - s);
    return end;
}

static struct jv *read_document(struct parser *p) {
    struct jv *v = NULL;
    char *s = read_value(p, p->text, &v, false);
    if (!s) return NULL;
    s = skip_space(p, s);
    return s == p->end ? v : (fail_byte(p, s, "the end of the document"), NULL);
}

static int check_size(size_t len, const struct json_limits *lim, struct err *e) {
    if (len > lim->max_bytes || len > UINT32_MAX - 1)
        return err_set(e, ERR_LIMIT, "the document has %zu bytes, more than the %zu allowed", len, lim->max_bytes);
    return 0;
}

struct jv *json_parse_outline(struct arena *a, char *text, size_t len, const struct json_limits *limits, json_keep_fn keep,
                              struct err *e) {
    struct jmember stack[STACK_INLINE];
    struct frame frames[FRAMES_INLINE];
    struct parser p = {.a = a, .e = e, .lim = limits ? limits : &json_limits_default, .keep = keep, .text = text,
                       .end = text + len, .line_start = text, .line = 1, .stack = stack, .stack_cap = STACK_INLINE,
                       .frames = frames, .frames_cap = FRAMES_INLINE};
    if (check_size(len, p.lim, e) < 0) return NULL;
    if (*p.end) abort();
    struct jv *v = read_document(&p);
    free(p.stack_heap);
    free(p.frames_heap);
    return v;
}

struct jv *jv_open_insitu(struct arena *a, const struct jv *raw, const struct json_limits *limits, json_keep_fn keep,
                          struct err *e) {
    char *text = (char *)(uintptr_t)raw->s;
    text[raw->len] = '\0'; /* a comma, a bracket or white space, and read already */
    return json_parse_outline(a, text, raw->len, limits, keep, e);
}

struct jv *json_parse_insitu(struct arena *a, char *text, size_t len, const struct json_limits *limits, struct err *e) {
    return json_parse_outline(a, text, len, limits, NULL, e);
}

struct jv *json_parse(struct arena *a, const char *text, size_t len, const struct json_limits *limits, struct err *e) {
    if (check_size(len, limits ? limits : &json_limits_default, e) < 0) return NULL;
    return json_parse_insitu(a, arena_strndup(a, text, len), len, limits, e);
}
