/* Numbers as text. Hides Go's choice between plain and exponent form. Pure; the results live in the caller's arena. */
#include "number.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_internal.h"

static bool same(float a, float b) { return !(a < b) && !(a > b); }

/* As json_shortest, for the nearest float: 9 digits identify any. */
static struct shortest shortest_single(double d) {
    float f = (float)d;
    struct shortest s = {.neg = signbit(d) != 0};
    char text[40];
    for (int precision = 0; precision < 9; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, (double)fabsf(f));
        if (same(strtof(text, NULL), fabsf(f))) break;
    }
    const char *p = text;
    for (; *p && *p != 'e'; p++)
        if (*p != '.') s.digits[s.ndigits++] = *p;
    s.exp = atoi(p + 1);
    return s;
}

static char *print(struct arena *a, const struct shortest *s, bool fixed, int min_exp_digits) {
    BUF_AUTO struct buf b = BUF_INIT;
    if (fixed) json_write_fixed(&b, s);
    else json_write_exp(&b, s, min_exp_digits);
    return arena_strndup(a, b.s, b.len);
}

char *number_json(struct arena *a, double d) {
    struct shortest s = json_shortest(d);
    double size = fabs(d);
    return print(a, &s, !(size > 0) || (size >= 1e-6 && size < 1e21), 1);
}

char *number_key(struct arena *a, double d) {
    if (isinf((float)d)) return arena_strdup(a, d > 0 ? "+Inf" : "-Inf");
    struct shortest s = shortest_single(d);
    return print(a, &s, s.exp >= -4 && s.exp < 6, 2);
}

bool number_underscores_ok(const char *s) {
    for (const char *p = s; (p = strchr(p, '_')); p++)
        if (p == s || !is_digit(p[-1]) || !is_digit(p[1])) return false;
    return true;
}
