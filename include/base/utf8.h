/* Well-formed UTF-8. In the header because the JSON parser asks at every character that is not ASCII. */
#ifndef RBG_BASE_UTF8_H
#define RBG_BASE_UTF8_H

#include <stddef.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* Bytes of the well-formed sequence that `text`, NUL-terminated, starts with; 0 when it is malformed. A NUL counts as one byte.
 * The second byte's range depends on the first, which excludes overlong forms, surrogates and code points past U+10FFFF.
 * Source: RFC 3629, section 4; Unicode 15, table 3-7. */
static inline size_t utf8_length(const char *text) {
    const unsigned char *s = (const unsigned char *)text;
    unsigned lo = 0x80, hi = 0xbf;
    size_t n;
    if (s[0] < 0x80) return 1;
    if (s[0] >= 0xc2 && s[0] <= 0xdf) n = 2;
    else if (s[0] >= 0xe0 && s[0] <= 0xef) n = 3;
    else if (s[0] >= 0xf0 && s[0] <= 0xf4) n = 4;
    else return 0;
    if (s[0] == 0xe0) lo = 0xa0;
    if (s[0] == 0xed) hi = 0x9f;
    if (s[0] == 0xf0) lo = 0x90;
    if (s[0] == 0xf4) hi = 0x8f;
    if (s[1] < lo || s[1] > hi) return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    return n;
}

#endif
