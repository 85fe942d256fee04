/* UTF-8 validation by the table of RFC 3629, section 4: the second byte's range depends on the first, which excludes
 * overlong forms, surrogates and code points past U+10FFFF. Pure. */
#include "utf8.h"

#include <stdbool.h>

static bool within(unsigned char c, unsigned lo, unsigned hi) { return c >= lo && c <= hi; }

static size_t expected(unsigned char first) {
    if (first < 0x80) return 1;
    if (within(first, 0xc2, 0xdf)) return 2;
    if (within(first, 0xe0, 0xef)) return 3;
    return within(first, 0xf0, 0xf4) ? 4 : 0;
}

static bool second_fits(unsigned char first, unsigned char second) {
    switch (first) {
    case 0xe0: return within(second, 0xa0, 0xbf);
    case 0xed: return within(second, 0x80, 0x9f);
    case 0xf0: return within(second, 0x90, 0xbf);
    case 0xf4: return within(second, 0x80, 0x8f);
    default: return within(second, 0x80, 0xbf);
    }
}

size_t utf8_length(const char *s) {
    const unsigned char *u = (const unsigned char *)s;
    size_t n = expected(u[0]);
    if (n < 2) return n;
    if (!second_fits(u[0], u[1])) return 0;
    for (size_t i = 2; i < n; i++)
        if (!within(u[i], 0x80, 0xbf)) return 0;
    return n;
}
