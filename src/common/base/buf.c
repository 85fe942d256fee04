/* A growing byte buffer. Hides the growth policy: capacity doubles from 64 bytes. Invariant: once `s` is set,
 * s[len] is NUL and len < cap. */
#include "base/buf.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/unit.h"

void buf_fini(struct buf *b) {
    unit_refund(b->cap);
    free(b->s);
    *b = BUF_INIT;
}

void buf_reset(struct buf *b) {
    b->len = 0;
    if (b->s) b->s[0] = '\0';
}

void buf_reserve(struct buf *b, size_t more) {
    if (more >= SIZE_MAX / 2 - b->len) abort();
    size_t need = b->len + more + 1;
    if (need <= b->cap) return;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need) cap *= 2;
    unit_charge(cap - b->cap);
    b->s = must(realloc(b->s, cap));
    b->cap = cap;
    b->s[b->len] = '\0';
}

void buf_add(struct buf *b, const void *p, size_t n) {
    buf_reserve(b, n);
    if (n) memcpy(b->s + b->len, p, n);
    b->len += n;
    b->s[b->len] = '\0';
}

void buf_printf(struct buf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    buf_reserve(b, 64);
    int n = vsnprintf(b->s + b->len, b->cap - b->len, fmt, ap);
    if (n < 0) abort();
    if ((size_t)n >= b->cap - b->len) {
        buf_reserve(b, (size_t)n);
        vsnprintf(b->s + b->len, b->cap - b->len, fmt, again);
    }
    b->len += (size_t)n;
    va_end(again);
}

const char *buf_str(const struct buf *b) { return b->s ? b->s : ""; }
