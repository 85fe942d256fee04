/* Test vectors: tab-separated files below tests/unit/data, see the README there. */
#ifndef RBG_VECTORS_H
#define RBG_VECTORS_H

#include <string.h>

#include "testing.h"

#define VECTOR_COLUMNS 4

/* Cuts the line at *at into columns, undoing \n, \t, \r and \\ when `escaped`, and moves *at to the next one.
 * Returns the number of columns, 0 at the end of the file. Lines that start with '#' are skipped. */
static inline int vector_next(char **at, bool escaped, char *columns[VECTOR_COLUMNS]) {
    while (**at == '#') *at += strcspn(*at, "\n") + 1;
    if (!**at) return 0;
    int n = 0;
    char *to = *at, *from = *at;
    columns[n++] = to;
    for (; *from != '\n'; from++) {
        if (*from == '\t') {
            *to++ = '\0';
            ck_assert_int_lt(n, VECTOR_COLUMNS);
            columns[n++] = to;
        } else if (escaped && n == 1 && *from == '\\') {
            from++;
            *to++ = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from == 'r' ? '\r' : *from;
        } else {
            *to++ = *from;
        }
    }
    *at = from + 1;
    *to = '\0';
    return n;
}

#endif
