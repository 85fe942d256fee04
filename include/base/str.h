/* Small string helpers that the C library lacks. All are pure. */
#ifndef RBG_BASE_STR_H
#define RBG_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* NULL equals only NULL. Inline, because the first byte tells most strings apart without a call. */
static inline bool str_eq(const char *a, const char *b) {
    return a == b || (a && b && *a == *b && strcmp(a, b) == 0);
}
bool str_has_prefix(const char *s, const char *prefix);
bool str_has_suffix(const char *s, const char *suffix);
bool str_empty(const char *s);                         /* NULL or "" */
int str_cmp(const void *a, const void *b);             /* for qsort of const char * */
size_t str_distance(const char *a, const char *b);     /* edit distance, for "did you mean" */
/* The same when it is at most `most`, else something larger; texts of up to 255 bytes, longer ones count as far apart. */
size_t str_distance_within(const char *a, const char *b, size_t most);

/* Of ASCII, in any locale. */
static inline bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Decimal without sign games: whole string must be an integer in range. Returns -1 if not. */
int str_to_i64(const char *s, int64_t *out);
int str_to_i32(const char *s, int32_t *out);

#endif
