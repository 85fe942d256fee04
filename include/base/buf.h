/* A growing byte buffer on the heap, always NUL-terminated once written to. One owner; not thread-safe. */
#ifndef RBG_BASE_BUF_H
#define RBG_BASE_BUF_H

#include <stdarg.h>
#include <stddef.h>
#include <string.h>

struct buf {
    char *s; /* NULL while nothing was written */
    size_t len, cap;
};

#define BUF_INIT ((struct buf){0})

void buf_fini(struct buf *b);
void buf_reset(struct buf *b); /* keeps the memory */
void buf_reserve(struct buf *b, size_t more);
void buf_add(struct buf *b, const void *p, size_t n);
/* Inline, because texts are written in small pieces: a literal is copied by a few instructions where it is written. */
static inline __attribute__((always_inline)) void buf_puts(struct buf *b, const char *s) {
    size_t n = strlen(s);
    if (!__builtin_constant_p(n) || b->cap - b->len <= n) {
        buf_add(b, s, n);
        return;
    }
    memcpy(b->s + b->len, s, n + 1);
    b->len += n;
}
static inline void buf_putc(struct buf *b, char c) {
    if (b->cap - b->len <= 1) buf_reserve(b, 1);
    b->s[b->len++] = c;
    b->s[b->len] = '\0';
}
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
const char *buf_str(const struct buf *b); /* "" when empty */

#define BUF_AUTO __attribute__((cleanup(buf_fini)))

#endif
