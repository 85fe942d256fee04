/* Writers of compact text. json_write keeps what the tree has; json_write_canonical gives the bytes that Go's
 * encoding/json gives for the same document read into a generic map: sorted keys, HTML-safe escapes and numbers that
 * went through a double. The second form is hashed and so must never change. Both only read the tree. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/must.h"
#include "common/doc/json_internal.h"
#include "doc/json.h"

#define LITTLE_ENDIAN_BYTES (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

/* What follows the backslash. */
static char *put_code(char *to, unsigned char c) {
    static const char hex[] = "0123456789abcdef", from[] = "\b\f\n\r\t", letters[] = "bfnrt";
    const char *hit = c ? strchr(from, c) : NULL;
    if (hit) {
        *to = letters[hit - from];
        return to + 1;
    }
    memcpy(to, "u00", 3);
    to[3] = hex[c >> 4];
    to[4] = hex[c & 15];
    return to + 5;
}

/* Returns the place behind it: at most 6 bytes. Nearly all are quotes and backslashes, of JSON within a string. */
static inline char *put_escape(char *to, unsigned char c) {
    to[0] = '\\';
    if (c != '"' && c != '\\') return put_code(to + 1, c);
    to[1] = (char)c;
    return to + 2;
}

static bool is_line_separator(const char *s, size_t left) {
    return left >= 3 && memcmp(s, "\xe2\x80", 2) == 0 && (s[2] == '\xa8' || s[2] == '\xa9');
}

/* The inside of a string. */
static void write_escapes(struct buf *out, const char *s, size_t n) {
    char text[8];
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        bool plain = c >= 0x20 && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&';
        bool separator = c == 0xe2 && is_line_separator(s + i, n - i);
        if (plain && !separator) continue;
        buf_add(out, s + from, i - from);
        if (separator) {
            buf_puts(out, s[i + 2] == '\xa8' ? "\\u2028" : "\\u2029");
            i += 2;
        } else {
            buf_add(out, text, (size_t)(put_escape(text, c) - text));
        }
        from = i + 1;
    }
    buf_add(out, s + from, n - from);
}

static void write_string(struct buf *out, const char *s, size_t n) {
    buf_putc(out, '"');
    write_escapes(out, s, n);
    buf_putc(out, '"');
}

/* ---- compact ---- */

/* The compact writer works on a window of the buffer that is known to have room, so that a byte costs no call: answers of
 * conversion are megabytes. The recursion is as deep as the tree. */
struct window {
    struct buf *out;
    char *p, *end; /* [p, end) is free; the buffer's len is behind until window_give */
};

/* Takes the window from the buffer, with room for n bytes at least. */
static void window_take(struct window *w, size_t n) {
    buf_reserve(w->out, n);
    w->p = w->out->s + w->out->len;
    w->end = w->out->s + w->out->cap - 1;
}

/* Gives it back: the buffer is whole again. */
static void window_give(struct window *w) {
    w->out->len = (size_t)(w->p - w->out->s);
    *w->p = 0;
}

static void window_more(struct window *w, size_t n) {
    window_give(w);
    window_take(w, n);
}

static inline void need(struct window *w, size_t n) {
    if ((size_t)(w->end - w->p) < n) window_more(w, n);
}

static inline void put(struct window *w, char c) {
    need(w, 1);
    *w->p++ = c;
}

static inline void put_text(struct window *w, const char *s, size_t n) {
    need(w, n);
    memcpy(w->p, s, n);
    w->p += n;
}

static inline bool needs_escape(char c) {
    return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

static inline char *put_byte(char *to, char c) {
    if (needs_escape(c)) return put_escape(to, (unsigned char)c);
    *to = c;
    return to + 1;
}

/* Copying and looking for escapes is one step, of AT_ONCE bytes. The mark of a byte that needs an escape is one or more bits at its
 * place, MARK_BITS for each byte; only the lowest mark is sure. */
#ifdef __SSE2__
enum { AT_ONCE = 16, MARK_BITS = 1 };

static inline uint64_t marks(__m128i w) {
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(w, _mm_set1_epi8(0x1f)), w);
    __m128i quote = _mm_cmpeq_epi8(w, _mm_set1_epi8('"')), back = _mm_cmpeq_epi8(w, _mm_set1_epi8('\\'));
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(quote, back)));
}

static inline uint64_t copy_at_once(char *to, const char *from) {
    __m128i w = _mm_loadu_si128((const __m128i *)(const void *)from);
    _mm_storeu_si128((__m128i *)(void *)to, w);
    return marks(w);
}

/* From 8 to 16 bytes: the first 8 and the last 8. */
static inline uint64_t copy_8_to_16(char *to, const char *from, size_t n) {
    __m128i first = _mm_loadl_epi64((const __m128i *)(const void *)from);
    __m128i last = _mm_loadl_epi64((const __m128i *)(const void *)(from + n - 8));
    _mm_storel_epi64((__m128i *)(void *)to, first);
    _mm_storel_epi64((__m128i *)(void *)(to + n - 8), last);
    return marks(_mm_unpacklo_epi64(first, last));
}

static inline uint64_t copy_4_to_8(char *to, const char *from, size_t n) {
    uint32_t first = jv_load32(from), last = jv_load32(from + n - 4);
    memcpy(to, &first, 4);
    memcpy(to + n - 4, &last, 4);
    return marks(_mm_set_epi32((int)first, (int)last, (int)first, (int)last));
}
#else
enum { AT_ONCE = 8, MARK_BITS = 8 };

static inline uint64_t copy_at_once(char *to, const char *from) {
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t w;
    memcpy(&w, from, 8);
    memcpy(to, &w, 8);
    uint64_t quote = w ^ (ones * '"'), back = w ^ (ones * '\\');
    return (((quote - ones) & ~quote) | ((back - ones) & ~back) | ((w - ones * 0x20) & ~w)) & tops;
}

static inline uint64_t copy_8_to_16(char *to, const char *from, size_t n) {
    uint64_t first = copy_at_once(to, from);
    return first | copy_at_once(to + n - 8, from + n - 8);
}

static inline uint64_t copy_4_to_8(char *to, const char *from, size_t n) {
    uint64_t escapes = 0;
    for (size_t i = 0; i < n; i++) {
        to[i] = from[i];
        escapes |= needs_escape(from[i]);
    }
    return escapes;
}
#endif

/* Copies while it looks, the last block over the one before it; false: some byte may need an escape. */
static inline bool copy_plain(char *to, const char *s, size_t n) {
    uint64_t escapes = 0;
    if (n > 16) {
        for (size_t i = 0; i < n - AT_ONCE; i += AT_ONCE) escapes |= copy_at_once(to + i, s + i);
        escapes |= copy_at_once(to + n - AT_ONCE, s + n - AT_ONCE);
    } else if (n >= 8) {
        escapes = copy_8_to_16(to, s, n);
    } else if (n >= 4) {
        escapes = copy_4_to_8(to, s, n);
    } else {
        for (size_t i = 0; i < n; i++) {
            to[i] = s[i];
            escapes |= needs_escape(s[i]);
        }
    }
    return escapes == 0;
}

/* JSON within a string has a quote every few bytes, at places that no branch predictor knows. So what is before the next escape is
 * copied with what is behind it, and how much of that counts is computed. */
static void put_escaped(struct window *w, const char *s, size_t n) {
    enum { LONGEST = 6 };
    const char *end = s + n;
    while (s < end) {
        need(w, AT_ONCE + LONGEST);
        if (LITTLE_ENDIAN_BYTES && end - s >= AT_ONCE) {
            uint64_t escapes = copy_at_once(w->p, s);
            size_t plain = escapes ? (size_t)__builtin_ctzll(escapes) / MARK_BITS : AT_ONCE;
            s += plain;
            w->p += plain;
            if (plain < AT_ONCE) w->p = put_escape(w->p, (unsigned char)*s++);
            continue;
        }
        w->p = put_byte(w->p, *s++);
    }
}

/* A string, and behind it `last` unless that is NUL. */
static inline void put_string(struct window *w, const char *s, size_t n, char last) {
    need(w, n + 3);
    *w->p++ = '"';
    if (copy_plain(w->p, s, n)) {
        w->p += n;
    } else {
        put_escaped(w, s, n);
        need(w, 2);
    }
    *w->p++ = '"';
    if (last) *w->p++ = last;
}

static void put_value(struct window *w, const struct jv *v);

static inline void put_element(struct window *w, const struct jv *v) {
    if (v->type == J_STR) put_string(w, v->s, v->len, 0);
    else put_value(w, v);
}

static void put_array(struct window *w, const struct jv *v) {
    put(w, '[');
    for (uint32_t i = 0; i < v->len; i++) {
        if (i) put(w, ',');
        put_element(w, v->items[i]);
    }
    put(w, ']');
}

static void put_object(struct window *w, const struct jv *v) {
    put(w, '{');
    for (uint32_t i = 0; i < v->len; i++) {
        if (i) put(w, ',');
        put_string(w, v->members[i].key, v->members[i].klen, ':');
        put_element(w, v->members[i].val);
    }
    put(w, '}');
}

static void put_value(struct window *w, const struct jv *v) {
    switch (v->type) {
    case J_NULL: put_text(w, "null", 4); return;
    case J_BOOL: put_text(w, v->b ? "true" : "false", v->b ? 4 : 5); return;
    case J_NUM: case J_RAW: put_text(w, v->s, v->len); return;
    case J_STR: put_string(w, v->s, v->len, 0); return;
    case J_ARR: put_array(w, v); return;
    case J_OBJ: put_object(w, v); return;
    }
}

void json_write(struct buf *out, const struct jv *v) {
    struct window w = {.out = out};
    window_take(&w, 0);
    put_value(&w, v);
    window_give(&w);
}

char *json_text(struct arena *a, const struct jv *v) {
    BUF_AUTO struct buf out = BUF_INIT;
    json_write(&out, v);
    return arena_strndup(a, buf_str(&out), out.len);
}

/* ---- canonical ---- */

static void write_scalar(struct buf *out, const struct jv *v) {
    switch (v->type) {
    case J_BOOL: buf_puts(out, v->b ? "true" : "false"); return;
    case J_STR: write_string(out, v->s, v->len); return;
    default: buf_puts(out, "null"); return;
    }
}

struct shortest json_shortest(double d) {
    char text[32];
    struct shortest s = {.neg = signbit(d) != 0};
    d = fabs(d);
    for (int digits = 0; digits < 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits, d);
        if (strtod(text, NULL) == d) break;
    }
    const char *t = text;
    for (; *t != 'e'; t++)
        if (*t != '.') s.digits[s.ndigits++] = *t;
    s.exp = (int)strtol(t + 1, NULL, 10);
    return s;
}

void json_write_fixed(struct buf *out, const struct shortest *s) {
    if (s->neg) buf_putc(out, '-');
    if (s->exp < 0) {
        buf_puts(out, "0.");
        for (int i = -1; i > s->exp; i--) buf_putc(out, '0');
        buf_add(out, s->digits, s->ndigits);
        return;
    }
    size_t whole = (size_t)s->exp + 1;
    buf_add(out, s->digits, s->ndigits < whole ? s->ndigits : whole);
    for (size_t i = s->ndigits; i < whole; i++) buf_putc(out, '0');
    if (s->ndigits > whole) {
        buf_putc(out, '.');
        buf_add(out, s->digits + whole, s->ndigits - whole);
    }
}

void json_write_exp(struct buf *out, const struct shortest *s, int min_exp_digits) {
    if (s->neg) buf_putc(out, '-');
    buf_putc(out, s->digits[0]);
    if (s->ndigits > 1) buf_putc(out, '.');
    buf_add(out, s->digits + 1, s->ndigits - 1);
    buf_printf(out, "e%c%0*d", s->exp < 0 ? '-' : '+', min_exp_digits, abs(s->exp));
}

/* Source: encoding/json's float encoder: exponents only below 1e-6 and from 1e21 on. */
static void write_number(struct buf *out, const struct jv *v) {
    enum { EXACT_DIGITS = 15 };
    if (v->len <= EXACT_DIGITS && !strpbrk(v->s, ".eE")) {
        buf_add(out, v->s, v->len);
        return;
    }
    double d = strtod(v->s, NULL);
    if (!isfinite(d)) {
        buf_add(out, v->s, v->len);
        return;
    }
    struct shortest s = json_shortest(d);
    if (d != 0 && (s.exp < -6 || s.exp >= 21)) json_write_exp(out, &s, 1);
    else json_write_fixed(out, &s);
}

static void write_sorted_object(struct buf *out, const struct jv *v) {
    enum { INLINE = 32 };
    const struct jmember *few[INLINE];
    HEAP_AUTO const struct jmember **many = v->len > INLINE ? must(malloc(v->len * sizeof(*many))) : NULL;
    const struct jmember **list = many ? many : few;
    for (uint32_t i = 0; i < v->len; i++) list[i] = &v->members[i];
    if (v->len) qsort(list, v->len, sizeof *list, json_by_key);
    buf_putc(out, '{');
    for (uint32_t i = 0; i < v->len; i++) {
        if (i) buf_putc(out, ',');
        write_string(out, list[i]->key, list[i]->klen);
        buf_putc(out, ':');
        json_write_canonical(out, list[i]->val);
    }
    buf_putc(out, '}');
}

void json_write_canonical(struct buf *out, const struct jv *v) {
    if (v->type == J_RAW) {
        ARENA_AUTO struct arena *tmp = arena_new();
        json_write_canonical(out, jv_open(tmp, v));
    } else if (v->type == J_OBJ) {
        write_sorted_object(out, v);
    } else if (v->type == J_ARR) {
        buf_putc(out, '[');
        for (uint32_t i = 0; i < v->len; i++) {
            if (i) buf_putc(out, ',');
            json_write_canonical(out, v->items[i]);
        }
        buf_putc(out, ']');
    } else if (v->type == J_NUM) {
        write_number(out, v);
    } else {
        write_scalar(out, v);
    }
}
