/* Time. Hides whether a clock is the system's or a virtual one; both may be read from any thread. A virtual clock's wall
 * and monotonic time advance together. Dates are computed, not asked from the C library, whose functions depend on
 * the zone of the process: the proleptic Gregorian calendar in eras of 400 years that start on March 1st. */
#include "base/clock.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/must.h"
#include "base/str.h"

#define DAY_MS INT64_C(86400000)

struct clock {
    bool fake;
    _Atomic int64_t now; /* of a fake clock */
};

struct clock *clock_real(void) {
    static struct clock real;
    return &real;
}

struct clock *clock_fake_new(int64_t unix_ms) {
    struct clock *c = must(calloc(1, sizeof *c));
    c->fake = true;
    atomic_init(&c->now, unix_ms);
    return c;
}

void clock_fake_free(struct clock *c) { free(c); }

void clock_fake_advance(struct clock *c, int64_t ms) {
    if (!c->fake) abort();
    atomic_fetch_add(&c->now, ms);
}

static int64_t system_ms(clockid_t id) {
    struct timespec t;
    if (clock_gettime(id, &t) != 0) abort();
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_now_ms(const struct clock *c) {
    return c->fake ? atomic_load(&c->now) : system_ms(CLOCK_REALTIME);
}

int64_t clock_mono_ms(const struct clock *c) {
    return c->fake ? atomic_load(&c->now) : system_ms(CLOCK_MONOTONIC);
}

struct civil {
    int year, month, day;
};

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Days since 1970-01-01 and back; http://howardhinnant.github.io/date_algorithms.html */
static int64_t days_from_civil(struct civil c) {
    int64_t y = c.month <= 2 ? c.year - 1 : c.year;
    int64_t era = floor_div(y, 400), year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (c.month + (c.month > 2 ? -3 : 9)) + 2) / 5 + c.day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static struct civil civil_from_days(int64_t days) {
    int64_t z = days + 719468, era = floor_div(z, 146097), doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    struct civil c = {.day = (int)(doy - (153 * mp + 2) / 5 + 1), .month = (int)(mp < 10 ? mp + 3 : mp - 9)};
    c.year = (int)(yoe + era * 400 + (c.month <= 2));
    return c;
}

/* Keeps the year in four digits, as RFC 3339 demands. */
static int64_t clamp_ms(int64_t ms) {
    const int64_t first = INT64_C(-62167219200000), last = INT64_C(253402300799999);
    return ms < first ? first : ms > last ? last : ms;
}

static char *format(int64_t unix_ms, bool micro, char out[32]) {
    unix_ms = clamp_ms(unix_ms);
    int64_t days = floor_div(unix_ms, DAY_MS);
    int ms = (int)(unix_ms - days * DAY_MS);
    struct civil c = civil_from_days(days);
    int n = snprintf(out, 32, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)c.year % 10000, (unsigned)c.month % 100,
                     (unsigned)c.day % 100, (unsigned)ms / 3600000 % 100, (unsigned)ms / 60000 % 60,
                     (unsigned)ms / 1000 % 60);
    if (micro) snprintf(out + n, 32 - (size_t)n, ".%03u000Z", (unsigned)ms % 1000);
    else snprintf(out + n, 32 - (size_t)n, "Z");
    return out;
}

char *time_rfc3339(int64_t unix_ms, char out[32]) { return format(unix_ms, false, out); }

char *time_rfc3339_micro(int64_t unix_ms, char out[32]) { return format(unix_ms, true, out); }

/* Reads exactly n digits. */
static bool digits(const char **s, int n, int *out) {
    *out = 0;
    for (int i = 0; i < n; i++, (*s)++) {
        if (**s < '0' || **s > '9') return false;
        *out = *out * 10 + (**s - '0');
    }
    return true;
}

static bool literal(const char **s, char c) {
    if (**s != c) return false;
    (*s)++;
    return true;
}

static int month_days(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool parse_date(const char **s, struct civil *c) {
    return digits(s, 4, &c->year) && literal(s, '-') && digits(s, 2, &c->month) && literal(s, '-') &&
           digits(s, 2, &c->day) && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
           c->day <= month_days(c->year, c->month);
}

static bool parse_time(const char **s, int64_t *ms) {
    int h, m, sec;
    if (!digits(s, 2, &h) || !literal(s, ':') || !digits(s, 2, &m) || !literal(s, ':') || !digits(s, 2, &sec))
        return false;
    *ms = ((h * 60 + m) * 60 + sec) * INT64_C(1000);
    return h < 24 && m < 60 && sec < 60;
}

/* An optional fraction, cut to milliseconds. */
static bool parse_fraction(const char **s, int64_t *ms) {
    if (!literal(s, '.')) return true;
    int n = 0;
    for (int64_t unit = 100; is_digit(**s); (*s)++, n++, unit /= 10) *ms += (**s - '0') * unit;
    return n > 0;
}

static bool parse_zone(const char **s, int64_t *offset_ms) {
    *offset_ms = 0;
    if (literal(s, 'Z')) return true;
    int h, m, sign = **s == '-' ? -1 : 1;
    if (!literal(s, '+') && !literal(s, '-')) return false;
    if (!digits(s, 2, &h) || !literal(s, ':') || !digits(s, 2, &m)) return false;
    *offset_ms = sign * (h * 60 + m) * INT64_C(60000);
    return h < 24 && m < 60;
}

int time_parse_rfc3339(const char *s, int64_t *unix_ms) {
    struct civil c;
    int64_t ms, offset;
    if (!s || !parse_date(&s, &c) || !literal(&s, 'T') || !parse_time(&s, &ms) || !parse_fraction(&s, &ms) ||
        !parse_zone(&s, &offset) || *s)
        return -1;
    *unix_ms = days_from_civil(c) * DAY_MS + ms - offset;
    return 0;
}
