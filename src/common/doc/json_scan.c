/* Errors, white space, strings with escapes, numbers, words, duplicate keys: see json_scan.h. */
#include "common/doc/json_scan.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/str.h"
#include "base/utf8.h"

enum { LINEAR_KEYS = 16 }; /* up to here comparing each key with each is fastest */

static char *fail(struct parser *p, const char *at, enum err_code code, const char *what) {
    err_set(p->e, code, "line %zu, column %zu: %s", p->line, (size_t)(at - p->line_start) + 1, what);
    return NULL;
}

char *scan_fail(struct parser *p, const char *at, const char *what) {
    return fail(p, at, ERR_PARSE, what);
}

char *scan_unexpected(struct parser *p, const char *at, const char *expected) {
    size_t column = (size_t)(at - p->line_start) + 1;
    unsigned char c = (unsigned char)*at;
    char shown[8] = {'\'', (char)c, '\'', 0};
    if (c < 0x20 || c >= 0x7f) snprintf(shown, sizeof shown, "0x%02x", c);
    if (at < p->end) err_set(p->e, ERR_PARSE, "line %zu, column %zu: found %s, expected %s", p->line, column, shown, expected);
    else err_set(p->e, ERR_PARSE, "line %zu, column %zu: the document ends here, expected %s", p->line, column, expected);
    return NULL;
}

char *scan_too_deep(struct parser *p, const char *at) {
    char text[64];
    snprintf(text, sizeof text, "the document is nested deeper than %u levels", p->lim->max_depth);
    return fail(p, at, ERR_LIMIT, text);
}

bool scan_count_ok(struct parser *p) {
    if (p->nodes <= p->lim->max_nodes) return true;
    err_set(p->e, ERR_LIMIT, "the document has more than %u values", p->lim->max_nodes);
    return false;
}

void *scan_grow(void *heap, const void *lent, size_t used, size_t *cap, size_t size) {
    *cap *= 2;
    void *more = must(realloc(heap, *cap * size));
    if (!heap) memcpy(more, lent, used * size);
    return more;
}

char *scan_blanks(struct parser *p, char *s) {
    for (;; s++) {
        if (*s == '\n') {
            p->line++;
            p->line_start = s + 1;
        } else if (*s != ' ' && *s != '\t' && *s != '\r') {
            return s;
        }
    }
}

/* ---- strings ---- */

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
    if (hi < 0) return scan_fail(p, s, "\\u needs four hexadecimal digits");
    if (hi >= 0xdc00 && hi <= 0xdfff) return scan_fail(p, s, "a low surrogate without the high one before it");
    *c = (unsigned)hi;
    if (hi < 0xd800 || hi > 0xdbff) return s + 5;
    const char *next = s + 5;
    int lo = next[0] == '\\' && next[1] == 'u' ? hex4(next + 2, p->end) : -1;
    if (lo < 0xdc00 || lo > 0xdfff) return scan_fail(p, s, "a high surrogate without the low one after it");
    *c = 0x10000 + (((unsigned)hi - 0xd800) << 10) + ((unsigned)lo - 0xdc00);
    return s + 11;
}

/* Appends decoded text, which may be further on in the same memory. */
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
    if (!hit) return scan_unexpected(p, s, s < p->end ? "one of \" \\ / b f n r t u after a backslash" : "an escape");
    emit(out, &to[hit - from], 1);
    return s + 1;
}

char *scan_string_tail(struct parser *p, char *s, char **out) {
    while (s && *s != '"') {
        unsigned char c = (unsigned char)*s;
        if (c == '\\') {
            s = unescape(p, s + 1, out);
            continue;
        }
        if (s == p->end) return scan_unexpected(p, s, "the closing quote of a string");
        if (c < 0x20) return scan_unexpected(p, s, "an escape: control characters must be written as \\u00XX");
        size_t n = c < 0x80 ? (size_t)(skip_plain(s, p->end) - s) : utf8_length(s);
        if (n == 0) return scan_fail(p, s, "the text is not valid UTF-8");
        emit(out, s, n);
        s += n;
    }
    return s;
}

/* ---- numbers and words ---- */

static inline char *skip_digits(char *s) {
    while (is_digit(*s)) s++;
    return s;
}

char *scan_number(struct parser *p, char *s) {
    char *digits = *s == '-' ? ++s : s;
    s = skip_digits(s);
    if (s == digits) return scan_unexpected(p, s, "a digit");
    if (*digits == '0' && s - digits > 1) return scan_fail(p, digits, "a number must not start with 0");
    if (*s == '.') {
        digits = ++s;
        s = skip_digits(s);
        if (s == digits) return scan_unexpected(p, s, "a digit after the decimal point");
    }
    if (*s == 'e' || *s == 'E') {
        s++;
        if (*s == '+' || *s == '-') s++;
        digits = s;
        s = skip_digits(s);
        if (s == digits) return scan_unexpected(p, s, "a digit of the exponent");
    }
    return s;
}

char *scan_word(struct parser *p, char *s, const char *word) {
    size_t n = strlen(word);
    return strncmp(s, word, n) == 0 ? s + n : scan_unexpected(p, s, "a value");
}

/* ---- keys ---- */

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

bool scan_keys_differ(struct parser *p, const char *at, const struct jmember *m, size_t n, uint32_t *may_have) {
    const struct jmember *dup = n <= LINEAR_KEYS ? duplicate_linear(m, n, may_have) : duplicate_sorted(m, n, may_have);
    if (!dup) return true;
    err_set(p->e, ERR_PARSE, "line %zu, column %zu: the object that ends here has the key \"%.*s\" twice; keep one", p->line,
            (size_t)(at - p->line_start) + 1, dup->klen < 200 ? (int)dup->klen : 200, dup->key);
    return false;
}
