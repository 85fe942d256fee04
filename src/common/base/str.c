/* String helpers. Pure functions, any thread. */
#include "base/str.h"

#include <stdlib.h>

#include "base/must.h"

bool str_has_prefix(const char *s, const char *prefix) {
    return s && strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_has_suffix(const char *s, const char *suffix) {
    if (!s) return false;
    size_t n = strlen(s), k = strlen(suffix);
    return n >= k && memcmp(s + n - k, suffix, k) == 0;
}

bool str_empty(const char *s) { return !s || !*s; }

int str_cmp(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static size_t min3(size_t a, size_t b, size_t c) {
    size_t m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein with one row: row[j] is the distance between the part of `a` read so far and the first j bytes of `b`. */
size_t str_distance(const char *a, const char *b) {
    size_t nb = strlen(b);
    size_t *row = must(malloc((nb + 1) * sizeof *row));
    for (size_t j = 0; j <= nb; j++) row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < nb; j++) {
            size_t above = row[j + 1];
            row[j + 1] = min3(above + 1, row[j] + 1, diagonal + (a[i] != b[j]));
            diagonal = above;
        }
    }
    size_t d = row[nb];
    free(row);
    return d;
}

/* Row by row as above, but only the places near the diagonal, from which the end can still be reached within `most`. */
size_t str_distance_within(const char *a, const char *b, size_t most) {
    enum { LONGEST = 255 };
    size_t na = strlen(a), nb = strlen(b), row[LONGEST + 1], far = most + 1;
    if (na > nb + most || nb > na + most || na > LONGEST || nb > LONGEST) return far;
    for (size_t j = 0; j <= nb; j++) row[j] = j < far ? j : far;
    for (size_t i = 1; i <= na; i++) {
        size_t from = i > most ? i - most : 0, to = i + most < nb ? i + most : nb;
        size_t diagonal = from ? row[from - 1] : 0, left = far, least = far;
        for (size_t j = from; j <= to; j++) {
            size_t above = row[j], d = j ? min3(above + 1, left + 1, diagonal + (a[i - 1] != b[j - 1])) : i;
            diagonal = above;
            row[j] = left = d < far ? d : far;
            if (left < least) least = left;
        }
        if (to < nb) row[to + 1] = far;
        if (least == far) return far;
    }
    return row[nb];
}

int str_to_i64(const char *s, int64_t *out) {
    if (!s) return -1;
    bool negative = *s == '-';
    if (*s == '-' || *s == '+') s++;
    if (!*s) return -1;
    int64_t v = 0; /* kept negative: that side reaches one further */
    for (; *s; s++) {
        if (*s < '0' || *s > '9') return -1;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, *s - '0', &v)) return -1;
    }
    if (!negative && v == INT64_MIN) return -1;
    *out = negative ? v : -v;
    return 0;
}

int str_to_i32(const char *s, int32_t *out) {
    int64_t v;
    if (str_to_i64(s, &v) != 0 || v < INT32_MIN || v > INT32_MAX) return -1;
    *out = (int32_t)v;
    return 0;
}
