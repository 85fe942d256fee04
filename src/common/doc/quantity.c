/* Quantities as resource.Quantity of k8s.io/apimachinery reads, rounds and prints them. Hides the decimal arithmetic: a value
 * is a string of digits and a power of ten, so it is exact at any length. Pure; working memory comes from an arena.
 *
 * Two habits of the Go code show in its output, and therefore here. Text that looks canonical to its quick check is printed as
 * it was written, so "+1" and "1.500" survive. And a decimal value beyond 10^21 loses its suffix, because there is none. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "doc/scalar.h"
#include "number.h"

enum format { DECIMAL_SI, BINARY_SI, DECIMAL_EXPONENT };

#define NANO (-9)
#define INT64_DIGITS 18 /* any number of so many digits fits */

static const struct suffix {
    const char *text;
    enum format format;
    int power; /* of 10 or of 2 */
} suffixes[] = {
    {"", DECIMAL_SI, 0},   {"n", DECIMAL_SI, -9}, {"u", DECIMAL_SI, -6}, {"m", DECIMAL_SI, -3},
    {"k", DECIMAL_SI, 3},  {"M", DECIMAL_SI, 6},  {"G", DECIMAL_SI, 9},  {"T", DECIMAL_SI, 12},
    {"P", DECIMAL_SI, 15}, {"E", DECIMAL_SI, 18}, {"Ki", BINARY_SI, 10}, {"Mi", BINARY_SI, 20},
    {"Gi", BINARY_SI, 30}, {"Ti", BINARY_SI, 40}, {"Pi", BINARY_SI, 50}, {"Ei", BINARY_SI, 60},
};
#define NSUFFIXES (sizeof suffixes / sizeof *suffixes)

struct quantity {
    bool negative;
    char *digits; /* no leading zeros; empty for zero */
    size_t n;
    int64_t exp; /* value = digits * 10^exp */
    enum format format;
    const char *verbatim; /* printed instead of the canonical form, if set */
};

/* The parts of the text as they are written. */
struct parts {
    const char *text;
    bool negative;
    const char *num, *denom, *suffix;
    size_t nnum, ndenom; /* nnum without leading zeros */
    bool any_digit;
};

static size_t count_digits(const char *s) { return strspn(s, "0123456789"); }

static int split(const char *s, struct parts *p, struct err *e) {
    *p = (struct parts){.text = s, .negative = *s == '-'};
    s += *s == '-' || *s == '+';
    size_t zeros = strspn(s, "0");
    p->num = s + zeros;
    p->nnum = count_digits(p->num);
    s = p->num + p->nnum;
    if (*s == '.') {
        p->denom = s + 1;
        p->ndenom = count_digits(p->denom);
        s = p->denom + p->ndenom;
    }
    p->any_digit = zeros + p->nnum + p->ndenom > 0;
    p->suffix = s;
    s += strspn(s, "eEinumkKMGTP");
    s += *s == '-' || *s == '+';
    s += count_digits(s);
    if (!*s) return 0;
    return err_set(e, ERR_INVALID, "\"%.64s\" is not a quantity: write a number and an optional unit, such as 500m, 2 or 1.5Gi",
                   p->text);
}

/* Format and power of the suffix: a unit, or e/E and an exponent. */
static int interpret(const struct parts *p, enum format *format, int *power, struct err *e) {
    for (size_t i = 0; i < NSUFFIXES; i++) {
        if (!str_eq(p->suffix, suffixes[i].text)) continue;
        *format = suffixes[i].format;
        *power = suffixes[i].power;
        return 0;
    }
    int32_t exponent;
    if ((*p->suffix != 'e' && *p->suffix != 'E') || str_to_i32(p->suffix + 1, &exponent) != 0)
        return err_set(e, ERR_INVALID,
                       "quantity \"%.64s\" has the unknown unit \"%.16s\": use n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, "
                       "Ei or an exponent such as e3",
                       p->text, p->suffix);
    *format = DECIMAL_EXPONENT;
    *power = exponent;
    return 0;
}

static void strip_leading_zeros(struct quantity *q) {
    while (q->n && *q->digits == '0') q->digits++, q->n--;
}

static void strip_trailing_zeros(struct quantity *q) {
    while (q->n && q->digits[q->n - 1] == '0') q->n--, q->exp++;
    if (!q->n) q->exp = 0;
}

/* Multiplies the digits by 1024: four more of them at most. */
static void times_1024(struct arena *a, struct quantity *q) {
    char *out = arena_alloc(a, q->n + 4);
    unsigned carry = 0;
    for (size_t i = q->n; i-- > 0;) {
        carry += (unsigned)(q->digits[i] - '0') * 1024;
        out[i + 4] = (char)('0' + carry % 10);
        carry /= 10;
    }
    for (size_t i = 4; i-- > 0; carry /= 10) out[i] = (char)('0' + carry % 10);
    q->digits = out;
    q->n += 4;
    strip_leading_zeros(q);
}

/* Adds one to the last digit. */
static void increment(struct arena *a, struct quantity *q) {
    char *out = arena_alloc(a, q->n + 1);
    out[0] = '0';
    memcpy(out + 1, q->digits, q->n);
    size_t i = q->n;
    while (out[i] == '9') out[i--] = '0';
    out[i]++;
    q->digits = out;
    q->n++;
    strip_leading_zeros(q);
}

/* Away from zero to whole multiples of 10^-9: whoever asks for something gets something. */
static void round_up_to_nano(struct arena *a, struct quantity *q) {
    strip_trailing_zeros(q);
    if (!q->n || q->exp >= NANO) return;
    uint64_t drop = (uint64_t)(NANO - q->exp);
    q->n = drop < q->n ? q->n - (size_t)drop : 0;
    q->exp = NANO;
    increment(a, q); /* what was dropped ended in a digit that is not 0 */
    strip_trailing_zeros(q);
}

/* Compares magnitudes; both without leading and trailing zeros. */
static int compare_magnitude(const struct quantity *x, const struct quantity *y) {
    if (!x->n || !y->n) return (x->n > 0) - (y->n > 0);
    int64_t top_x = (int64_t)x->n + x->exp, top_y = (int64_t)y->n + y->exp;
    if (top_x != top_y) return top_x < top_y ? -1 : 1;
    int order = memcmp(x->digits, y->digits, x->n < y->n ? x->n : y->n);
    if (order) return order < 0 ? -1 : 1;
    return (x->n > y->n) - (x->n < y->n);
}

static void cap_at_int64(struct arena *a, struct quantity *q) {
    struct quantity max = {.digits = arena_strdup(a, "9223372036854775807"), .n = 19};
    if (compare_magnitude(q, &max) <= 0) return;
    q->digits = max.digits;
    q->n = max.n;
    q->exp = 0;
}

/* The quick check of Go's parser for text that needs no canonical form. */
static bool is_verbatim(const struct parts *p, const struct quantity *q, int power) {
    size_t nnum = p->nnum ? p->nnum : 1, len = nnum + p->ndenom; /* Go reads no digits as one zero */
    if (!q->n || !p->nnum) return false;
    if (q->format == BINARY_SI) {
        if (p->ndenom || len > INT64_DIGITS || 15 - (int)len - power * 3 / 10 - 1 < 0) return false;
        return strtoll(q->digits, NULL, 10) % 8 != 0;
    }
    int64_t scale = (int64_t)power - (int64_t)p->ndenom;
    if (len > INT64_DIGITS || scale < NANO || scale % 3 != 0) return false;
    return len < 3 || strncmp(q->digits + len - 3, "000", 3) != 0;
}

static int parse_text(struct arena *a, const char *text, struct quantity *q, struct err *e) {
    struct parts p;
    int power = 0;
    *q = (struct quantity){0};
    if (!*text) return err_set(e, ERR_INVALID, "an empty string is not a quantity: write 0 or a number with a unit");
    if (split(text, &p, e) != 0 || interpret(&p, &q->format, &power, e) != 0) return -1;
    /* Go's fast path takes no digits for a zero, its exact path (Pi and Ei never fit the fast one) refuses them. */
    if (!p.any_digit && q->format == BINARY_SI && power >= 50)
        return err_set(e, ERR_INVALID, "quantity \"%.64s\" has no digits: write a number before the unit", text);
    q->negative = p.negative;
    q->n = p.nnum + p.ndenom;
    q->digits = arena_alloc(a, q->n + 1);
    memcpy(q->digits, p.num, p.nnum);
    if (p.ndenom) memcpy(q->digits + p.nnum, p.denom, p.ndenom);
    bool verbatim = is_verbatim(&p, q, power);
    q->exp = -(int64_t)p.ndenom + (q->format == BINARY_SI ? 0 : power);
    strip_leading_zeros(q);
    for (int i = 0; q->format == BINARY_SI && i < power; i += 10) times_1024(a, q);
    round_up_to_nano(a, q);
    if (q->format == BINARY_SI) cap_at_int64(a, q);
    strip_trailing_zeros(q);
    q->verbatim = verbatim && q->n ? text : NULL;
    return 0;
}

/* A number in the form that the API server stores: without an exponent where it can be. NULL: it refuses the number. */
static const char *text_of_number(struct arena *a, const struct jv *v, struct err *e) {
    if (!strpbrk(v->s, "eE")) return v->s;
    double d = strtod(v->s, NULL);
    if (isfinite(d)) return number_json(a, d);
    err_set(e, ERR_INVALID, "the number %.64s is too large for a quantity: write a smaller one, with a unit such as Gi", v->s);
    return NULL;
}

/* A string without the white space around it. */
static const char *text_of(struct arena *a, const struct jv *v) {
    const char *s = v->s, *end = s + v->len;
    while (s < end && strchr(" \t\r\n\v\f", *s) && *s) s++;
    while (end > s && strchr(" \t\r\n\v\f", end[-1]) && end[-1]) end--;
    return arena_strndup(a, s, (size_t)(end - s));
}

static int parse(struct arena *a, const struct jv *v, struct quantity *q, struct err *e) {
    if (!jv_is(v, J_STR) && !jv_is(v, J_NUM))
        return err_set(e, ERR_INVALID, "%s is not a quantity: write a number, or a string such as \"500m\" or \"1Gi\"",
                       v ? jv_type_name(v) : "an absent value");
    if (v->len != strlen(v->s)) return err_set(e, ERR_INVALID, "a quantity must not contain NUL bytes");
    const char *text = jv_is(v, J_NUM) ? text_of_number(a, v, e) : text_of(a, v);
    return text ? parse_text(a, text, q, e) : -1;
}

static const char *suffix_text(enum format format, int64_t power) {
    for (size_t i = 0; i < NSUFFIXES; i++)
        if (suffixes[i].format == format && suffixes[i].power == power) return suffixes[i].text;
    return "";
}

/* The value as an integer when it is one and fits; 0 if not. Used on values of at least 1024. */
static uint64_t whole(const struct quantity *q) {
    if (q->exp < 0) return 0;
    uint64_t v = 0;
    for (size_t i = 0; i < q->n; i++) v = v * 10 + (uint64_t)(q->digits[i] - '0');
    for (int64_t i = 0; i < q->exp; i++) v *= 10;
    return v;
}

/* NULL when the value is better shown in decimal: below 1024, or not whole. */
static char *print_binary(struct arena *a, const struct quantity *q) {
    uint64_t v = whole(q);
    int power = 0;
    if (v < 1024) return NULL;
    for (; v % 1024 == 0; v /= 1024) power += 10;
    return arena_printf(a, "%s%llu%s", q->negative ? "-" : "", (unsigned long long)v, suffix_text(BINARY_SI, power));
}

static char *print_decimal(struct arena *a, const struct quantity *q, enum format format) {
    int64_t power = q->exp - (q->exp % 3 + 3) % 3;
    const char *sign = q->negative ? "-" : "", *zeros = "00";
    int extra = (int)(q->exp - power);
    if (format == DECIMAL_EXPONENT && power != 0)
        return arena_printf(a, "%s%.*s%.*se%lld", sign, (int)q->n, q->digits, extra, zeros, (long long)power);
    return arena_printf(a, "%s%.*s%.*s%s", sign, (int)q->n, q->digits, extra, zeros, suffix_text(DECIMAL_SI, power));
}

char *quantity_canonical(struct arena *a, const struct jv *v, struct err *e) {
    struct quantity q;
    if (parse(a, v, &q, e) != 0) return NULL;
    if (!q.n) return arena_strdup(a, "0");
    if (q.verbatim) return arena_strdup(a, q.verbatim);
    char *binary = q.format == BINARY_SI ? print_binary(a, &q) : NULL;
    return binary ? binary : print_decimal(a, &q, q.format == BINARY_SI ? DECIMAL_SI : q.format);
}

static int sign_of(const struct quantity *q) { return !q->n ? 0 : q->negative ? -1 : 1; }

/* What quantities nearly always are: up to nine digits and a unit that keeps them below 2^63. They need no memory. */
struct plain {
    int64_t n; /* with its sign */
    const struct suffix *unit;
};

static bool plain_of(const struct jv *v, struct plain *out) {
    enum { DIGITS_MAX = 9, BINARY_MAX = 30 };
    if (!jv_is(v, J_STR) && !jv_is(v, J_NUM)) return false;
    const char *s = v->s + (v->s[0] == '-'), *first = s;
    *out = (struct plain){0};
    for (; is_digit(*s) && s - first <= DIGITS_MAX; s++) out->n = out->n * 10 + (*s - '0');
    if (s == first || s - first > DIGITS_MAX || strlen(s) != v->len - (size_t)(s - v->s)) return false;
    if (v->s[0] == '-') out->n = -out->n;
    for (size_t i = 0; i < NSUFFIXES && !out->unit; i++)
        if (suffixes[i].text[0] == *s && strcmp(s, suffixes[i].text) == 0) out->unit = &suffixes[i];
    return out->unit && (out->unit->format != BINARY_SI || out->unit->power <= BINARY_MAX);
}

__extension__ typedef __int128 int128;

/* In units of 10^-9, exactly: at most 10^9 * 10^18 * 10^9 < 2^127. */
static int128 nanos(const struct plain *p) {
    int128 n = p->n;
    bool binary = p->unit->format == BINARY_SI;
    if (binary) n *= (int128)1 << p->unit->power;
    for (int power = binary ? 0 : p->unit->power; power > NANO; power--) n *= 10;
    return n;
}

int quantity_cmp(const struct jv *a, const struct jv *b) {
    struct plain m, n;
    if (plain_of(a, &m) && plain_of(b, &n)) {
        int128 x = nanos(&m), y = nanos(&n);
        return (x > y) - (x < y);
    }
    ARENA_AUTO struct arena *scratch = arena_new();
    struct quantity x, y;
    if (parse(scratch, a, &x, NULL) != 0 || parse(scratch, b, &y, NULL) != 0) return -2;
    if (sign_of(&x) != sign_of(&y)) return sign_of(&x) < sign_of(&y) ? -1 : 1;
    return x.negative ? compare_magnitude(&y, &x) : compare_magnitude(&x, &y);
}

/* In nanos; what is beyond an int64 is as much as fits into one, which is how Go reads it. */
static bool capped_nanos(const struct jv *v, int128 *out) {
    const int128 most = (int128)INT64_MAX * 1000000000;
    struct plain p;
    if (plain_of(v, &p)) {
        *out = nanos(&p) < most ? nanos(&p) : most;
        return true;
    }
    ARENA_AUTO struct arena *scratch = arena_new();
    struct quantity q;
    if (parse(scratch, v, &q, NULL) != 0) return false;
    *out = 0;
    for (size_t i = 0; i < q.n; i++) *out = *out * 10 + (q.digits[i] - '0');
    for (int64_t i = q.exp; i > NANO; i--) *out *= 10;
    if (q.negative) *out = -*out;
    return true;
}

bool quantity_sum_exceeds(const struct jv *const *items, size_t n, const struct jv *most) {
    int128 sum = 0, one, limit;
    if (!capped_nanos(most, &limit)) return false;
    for (size_t i = 0; i < n; i++) {
        if (!capped_nanos(items[i], &one)) return false;
        sum += one;
    }
    return sum > limit;
}

bool quantity_is_whole(const struct jv *v) {
    struct plain n;
    if (plain_of(v, &n)) return nanos(&n) % 1000000000 == 0;
    ARENA_AUTO struct arena *scratch = arena_new();
    struct quantity q;
    /* The digits have no trailing zeros. */
    return parse(scratch, v, &q, NULL) == 0 && q.exp >= 0;
}

int quantity_sign(const struct jv *v) {
    struct plain n;
    if (plain_of(v, &n)) return (n.n > 0) - (n.n < 0);
    ARENA_AUTO struct arena *scratch = arena_new();
    struct quantity q;
    return parse(scratch, v, &q, NULL) != 0 ? -2 : sign_of(&q);
}
