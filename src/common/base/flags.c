/* Command-line flags. Hides Go's flag syntax, so that command lines written for the Go programs keep working. Pure but for
 * the struct that the caller gives; strings point into argv or the table. A default in the table that does not
 * parse is a bug and aborts. */
#include "base/flags.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/str.h"

static int parse_bool(const char *s, bool *out) {
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (!str_eq(s, yes[i]) && !str_eq(s, no[i])) continue;
        *out = str_eq(s, yes[i]);
        return 0;
    }
    return -1;
}

static int parse_double(const char *s, double *out) {
    char *end;
    errno = 0;
    *out = strtod(s, &end);
    return end == s || *end || errno || !isfinite(*out) ? -1 : 0;
}

static const struct unit {
    const char *name;
    int64_t ns;
} units[] = {
    {"ns", 1},       {"us", 1000},       {"\xc2\xb5s", 1000},         {"\xce\xbcs", 1000},
    {"ms", 1000000}, {"s", 1000000000}, {"m", INT64_C(60000000000)}, {"h", INT64_C(3600000000000)},
};

static const struct unit *unit_at(const char **s) {
    size_t n = strcspn(*s, ".0123456789");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) != n || memcmp(units[i].name, *s, n) != 0) continue;
        *s += n;
        return &units[i];
    }
    return NULL;
}

/* The digits at *s as an integer, and what a fraction behind them counts in billionths. */
static int parse_decimal(const char **s, int64_t *whole, int64_t *billionths) {
    bool any = false;
    *whole = *billionths = 0;
    for (; is_digit(**s); (*s)++, any = true)
        if (__builtin_mul_overflow(*whole, 10, whole) || __builtin_add_overflow(*whole, **s - '0', whole)) return -1;
    if (**s != '.') return any ? 0 : -1;
    (*s)++;
    for (int64_t unit = 100000000; is_digit(**s); (*s)++, any = true, unit /= 10)
        *billionths += unit * (**s - '0');
    return any ? 0 : -1;
}

/* Go's time.ParseDuration, cut to milliseconds. */
static int parse_duration(const char *s, int64_t *out_ms) {
    bool negative = *s == '-';
    if (*s == '-' || *s == '+') s++;
    if (!*s) return -1;
    int64_t total = 0;
    if (str_eq(s, "0")) s++;
    while (*s) {
        int64_t whole, billionths, ns;
        if (parse_decimal(&s, &whole, &billionths) != 0) return -1;
        const struct unit *u = unit_at(&s);
        if (!u || __builtin_mul_overflow(whole, u->ns, &ns) || __builtin_add_overflow(total, ns, &total)) return -1;
        int64_t part = (int64_t)((__int128)billionths * u->ns / 1000000000);
        if (__builtin_add_overflow(total, part, &total)) return -1;
    }
    *out_ms = (negative ? -total : total) / 1000000;
    return 0;
}

static const char *const expected[] = {
    [FLAG_STRING] = "a string",
    [FLAG_BOOL] = "true or false",
    [FLAG_INT] = "an integer",
    [FLAG_DOUBLE] = "a number",
    [FLAG_DURATION_MS] = "a duration such as 1m30s or 500ms",
    [FLAG_IGNORED] = "anything",
};

/* Stores the value in the caller's struct; -1 when it is not of the flag's type. */
static int store(const struct flag *f, void *into, const char *value) {
    char *at = (char *)into + f->off;
    bool b;
    int64_t i;
    double d;
    switch (f->type) {
    case FLAG_STRING: memcpy(at, &value, sizeof value); return 0;
    case FLAG_BOOL: return parse_bool(value, &b) ? -1 : (memcpy(at, &b, sizeof b), 0);
    case FLAG_INT: return str_to_i64(value, &i) ? -1 : (memcpy(at, &i, sizeof i), 0);
    case FLAG_DOUBLE: return parse_double(value, &d) ? -1 : (memcpy(at, &d, sizeof d), 0);
    case FLAG_DURATION_MS: return parse_duration(value, &i) ? -1 : (memcpy(at, &i, sizeof i), 0);
    case FLAG_IGNORED: return 0;
    }
    abort();
}

static const char *zero_of(enum flag_type t) {
    return t == FLAG_BOOL ? "false" : t == FLAG_INT || t == FLAG_DOUBLE || t == FLAG_DURATION_MS ? "0" : NULL;
}

static void set_defaults(const struct flag *flags, size_t n, void *into) {
    for (size_t i = 0; i < n; i++)
        if (store(&flags[i], into, flags[i].dflt ? flags[i].dflt : zero_of(flags[i].type)) != 0) abort();
}

static const struct flag *lookup(const struct flag *flags, size_t n, const char *name, size_t len) {
    for (size_t i = 0; i < n; i++)
        if (strlen(flags[i].name) == len && memcmp(flags[i].name, name, len) == 0) return &flags[i];
    return NULL;
}

static int unknown(const struct flag *flags, size_t n, const char *name, size_t len, struct err *e) {
    char typed[128];
    if (len >= sizeof typed) len = sizeof typed - 1;
    memcpy(typed, name, len);
    typed[len] = '\0';
    const struct flag *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (size_t i = 0; i < n; i++) {
        size_t d = str_distance(typed, flags[i].name);
        if (d >= best_distance) continue;
        best = &flags[i];
        best_distance = d;
    }
    if (!best) return err_set(e, ERR_INVALID, "unknown flag --%s: this program takes no flags", typed);
    return err_set(e, ERR_INVALID, "unknown flag --%s: did you mean --%s?", typed, best->name);
}

/* Without "=", Go's booleans take no value; a flag that is ignored is a boolean when its default is one. */
static bool is_switch(const struct flag *f) {
    bool b;
    return f->type == FLAG_BOOL || (f->type == FLAG_IGNORED && f->dflt && parse_bool(f->dflt, &b) == 0);
}

/* Reads argv[*i] and, where the value is there, argv[*i + 1]. */
static int parse_one(const struct flag *flags, size_t n, void *into, int argc, char **argv, int *i, struct err *e) {
    const char *name = argv[*i] + (argv[*i][1] == '-' ? 2 : 1);
    size_t len = strcspn(name, "=");
    const struct flag *f = lookup(flags, n, name, len);
    if (!f) return unknown(flags, n, name, len, e);
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    if (!value && is_switch(f)) value = "true";
    else if (!value && *i + 1 < argc) value = argv[++*i];
    if (!value) return err_set(e, ERR_INVALID, "flag --%s needs a value: %s", f->name, expected[f->type]);
    if (store(f, into, value) != 0)
        return err_set(e, ERR_INVALID, "flag --%s: \"%s\" is not %s", f->name, value, expected[f->type]);
    return 0;
}

int flags_parse(const struct flag *flags, size_t n, void *into, int argc, char **argv, int *rest, struct err *e) {
    set_defaults(flags, n, into);
    int i = 1;
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        if (str_eq(argv[i], "--")) {
            i++;
            break;
        }
        if (parse_one(flags, n, into, argc, argv, &i, e) != 0) return -1;
    }
    if (rest) *rest = i;
    return 0;
}

void flags_help(const struct flag *flags, size_t n, struct buf *out) {
    static const char *const types[] = {[FLAG_STRING] = " string",         [FLAG_BOOL] = "",
                                        [FLAG_INT] = " int",               [FLAG_DOUBLE] = " number",
                                        [FLAG_DURATION_MS] = " duration", [FLAG_IGNORED] = ""};
    for (size_t i = 0; i < n; i++) {
        const struct flag *f = &flags[i];
        buf_printf(out, "  --%s%s\n        %s", f->name, types[f->type], f->help);
        if (!str_empty(f->dflt) && f->type != FLAG_IGNORED)
            buf_printf(out, f->type == FLAG_STRING ? " (default \"%s\")" : " (default %s)", f->dflt);
        buf_putc(out, '\n');
    }
}
