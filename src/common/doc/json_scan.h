/* How the bytes of JSON are read: what the parser (json_parse.c) and the skimmer of text that is kept (json_skim.c) share.
 *
 * Every reader takes the place where its part of the text begins and returns the place behind it, or NULL with the error set. The
 * NUL behind the text is no byte that any part may begin or go on with, so it stops all of them and none has to ask for the end.
 * Line and column are counted while white space is skipped: a string can't hold a raw line break. No state outside the parser. */
#ifndef RBG_DOC_JSON_SCAN_H
#define RBG_DOC_JSON_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "doc/json.h"

struct frame {
    bool is_obj;
    size_t base; /* first entry of this container on the stack */
};

struct parser {
    struct arena *a;
    struct err *e;
    const struct json_limits *lim;
    json_keep_fn keep; /* NULL: everything becomes a tree */
    const struct json_stream *stream;
    char *text, *end;
    const char *line_start;
    size_t line;
    uint32_t nodes;
    struct jv *block;
    size_t block_left;
    struct jmember *stack, *stack_heap; /* members that wait for the end of their container */
    size_t top, stack_cap;
    struct frame *frames, *frames_heap;
    size_t depth, frames_cap;
    size_t list_depth; /* of the stream's list while it is open; else 0, which nothing in a container has */
    struct arena *outer; /* what `a` is outside of it */
    uint32_t outer_nodes; /* `nodes` counts those of one element meanwhile */
};

/* ---- errors: they return NULL ---- */
char *scan_fail(struct parser *p, const char *at, const char *what);
/* What is at `at` is not what was expected. */
char *scan_unexpected(struct parser *p, const char *at, const char *expected);
char *scan_too_deep(struct parser *p, const char *at);
/* Is the number of values within the limit? */
bool scan_count_ok(struct parser *p);

/* Doubles an array of which `used` elements are in use: heap memory, or (heap NULL) what the caller lent. */
void *scan_grow(void *heap, const void *lent, size_t used, size_t *cap, size_t size);

/* ---- white space ---- */
char *scan_blanks(struct parser *p, char *s);

static inline char *skip_space(struct parser *p, char *s) {
    return (unsigned char)*s > ' ' ? s : scan_blanks(p, s);
}

/* To the next byte that is not white space, which is expected to be this one, at once. */
static inline char *skip_to(struct parser *p, char *s, char expected) {
    return *s == expected ? s : skip_space(p, s);
}

/* ---- strings ---- */

/* To the first quote, backslash, control or byte that is not ASCII. */
#ifdef __SSE2__
static inline char *skip_plain(char *s, const char *end) {
    const __m128i quote = _mm_set1_epi8('"'), back = _mm_set1_epi8('\\'), blank = _mm_set1_epi8(' ');
    for (; end - s >= 16; s += 16) {
        __m128i w = _mm_loadu_si128((const __m128i *)(const void *)s);
        /* Of x and x - ' ' one has the top bit in a control and in what is not ASCII. */
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(w, quote), _mm_cmpeq_epi8(w, back));
        hit = _mm_or_si128(hit, _mm_or_si128(w, _mm_sub_epi8(w, blank)));
        unsigned m = (unsigned)_mm_movemask_epi8(hit);
        if (m) return s + (unsigned)__builtin_ctz(m);
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

/* The rest of a string that is not plain; returns the place of its closing quote. Decoded text is appended at *out, which moves;
 * NULL: it is only checked. */
char *scan_string_tail(struct parser *p, char *s, char **out);

/* s is at the opening quote. The decoded text starts behind it and gets its NUL. */
static inline char *read_string(struct parser *p, char *s, const char **text, uint32_t *len) {
    char *start = s + 1, *out = s = skip_plain(start, p->end);
    if (*s != '"' && !(s = scan_string_tail(p, s, &out))) return NULL;
    *out = 0;
    *text = start;
    *len = (uint32_t)(out - start);
    return s + 1;
}

/* ---- numbers, words, keys ---- */
char *scan_number(struct parser *p, char *s);
char *scan_word(struct parser *p, char *s, const char *word);

/* Are the n keys of the object that ends here different? *may_have gets their bits, as struct jv has them. */
bool scan_keys_differ(struct parser *p, const char *at, const struct jmember *m, size_t n, uint32_t *may_have);

/* ---- text that is kept ---- */

enum { SKIM_DEPTH = 128 }; /* no limit of the depth is larger where text is kept */

/* An object or array that stays text: checked as the parser does it, and its values counted, but nothing is built, and nothing is
 * written into the text. s is at the opening bracket. */
char *skim_container(struct parser *p, char *s);

#endif
