/* A thin cover of GnuTLS's codec, so that its types and its memory stay in here. */
#include "base/base64.h"

#include <gnutls/gnutls.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static char *take(struct arena *a, gnutls_datum_t *d, size_t *n) {
    char *s = arena_strndup(a, (const char *)d->data, d->size);
    if (n) *n = d->size;
    gnutls_free(d->data);
    return s;
}

char *base64_encode(struct arena *a, const void *p, size_t n) {
    gnutls_datum_t in = {(unsigned char *)(uintptr_t)p, (unsigned)n}, out;
    if (n > UINT_MAX / 2) abort();
    if (n == 0) return arena_strdup(a, "");
    if (gnutls_base64_encode2(&in, &out)) abort(); /* only for want of memory */
    return take(a, &out, NULL);
}

char *base64_decode(struct arena *a, const char *text, size_t *n) {
    if (!text) return NULL;
    size_t len = 0;
    char *dense = arena_alloc(a, strlen(text) + 1);
    for (const char *s = text; *s; s++)
        if (!strchr(" \t\r\n", *s)) dense[len++] = *s;
    gnutls_datum_t in = {(unsigned char *)dense, (unsigned)len}, out;
    if (len == 0 || len > UINT_MAX || gnutls_base64_decode2(&in, &out)) return NULL;
    return take(a, &out, n);
}
