/* Shared by the files of the document tree: the order of keys, and the shortest decimal digits of a double. */
#ifndef RBG_DOC_JSON_INTERNAL_H
#define RBG_DOC_JSON_INTERNAL_H

#include "base/buf.h"
#include "base/str.h"
#include "doc/json.h"

/* For qsort of const struct jmember *: by the bytes of the key. */
int json_by_key(const void *x, const void *y);

/* A finite double as sign and d.ddd x 10^exp with the fewest digits that read back as the same double. */
struct shortest {
    bool neg;
    int exp;
    size_t ndigits;
    char digits[24];
};

struct shortest json_shortest(double d);

/* Without an exponent ("0.00012", "1200"), with its sign. */
void json_write_fixed(struct buf *out, const struct shortest *s);

/* "1.2e-7", with its sign; the exponent has at least min_exp_digits digits. */
void json_write_exp(struct buf *out, const struct shortest *s, int min_exp_digits);

#endif
