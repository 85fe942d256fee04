/* Private to the base layer: text that leaves the process as JSON or metrics must be valid UTF-8. */
#ifndef RBG_BASE_UTF8_H
#define RBG_BASE_UTF8_H

#include <stddef.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the well-formed sequence (RFC 3629) that `s`, NUL-terminated, starts with; 0 when it is malformed. */
size_t utf8_length(const char *s);

#endif
