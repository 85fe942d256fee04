/* Base64 (RFC 4648, with padding): Secrets, CA bundles, patches in admission answers. */
#ifndef RBG_BASE_BASE64_H
#define RBG_BASE_BASE64_H

#include <stddef.h>

#include "base/arena.h"

char *base64_encode(struct arena *a, const void *p, size_t n);

/* The decoded bytes, NUL-terminated; NULL when the text (NULL allowed) is none. White space is ignored. *n may be NULL. */
char *base64_decode(struct arena *a, const char *text, size_t *n);

#endif
