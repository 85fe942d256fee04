/* Clocks, dates, locks and threads. */
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/sync.h"
#include "testing.h"

START_TEST(clocks) {
    struct clock *real = clock_real(), *fake = clock_fake_new(1000);
    int64_t mono = clock_mono_ms(real);
    ck_assert_int_ge(clock_now_ms(real), INT64_C(1600000000000));
    ck_assert_int_ge(clock_mono_ms(real), mono);
    ck_assert_int_eq(clock_now_ms(fake), 1000);
    mono = clock_mono_ms(fake);
    clock_fake_advance(fake, 250);
    ck_assert_int_eq(clock_now_ms(fake), 1250);
    ck_assert_int_eq(clock_mono_ms(fake) - mono, 250);
    clock_fake_free(fake);
}
END_TEST

START_TEST(formats) {
    char out[32];
    ck_assert_str_eq(time_rfc3339(0, out), "1970-01-01T00:00:00Z");
    ck_assert_str_eq(time_rfc3339(INT64_C(1795424587999), out), "2026-11-23T09:03:07Z");
    ck_assert_str_eq(time_rfc3339_micro(INT64_C(1795424587045), out), "2026-11-23T09:03:07.045000Z");
    ck_assert_str_eq(time_rfc3339(-1, out), "1969-12-31T23:59:59Z");
    ck_assert_str_eq(time_rfc3339_micro(-1, out), "1969-12-31T23:59:59.999000Z");
    ck_assert_str_eq(time_rfc3339(INT64_MAX, out), "9999-12-31T23:59:59Z");
    ck_assert_str_eq(time_rfc3339(INT64_MIN, out), "0000-01-01T00:00:00Z");
}
END_TEST

START_TEST(agrees_with_the_c_library) {
    for (int64_t t = -30000000000; t < 200000000000; t += 86399 * 377) {
        char mine[32], theirs[32];
        time_t s = (time_t)t;
        struct tm tm;
        gmtime_r(&s, &tm);
        strftime(theirs, sizeof theirs, "%FT%TZ", &tm);
        ck_assert_str_eq(time_rfc3339(t * 1000, mine), theirs);
        int64_t back;
        ck_assert_int_eq(time_parse_rfc3339(mine, &back), 0);
        ck_assert_int_eq(back, t * 1000);
    }
}
END_TEST

START_TEST(parses) {
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},          {"1970-01-01T01:00:00+01:00", 0},  {"1969-12-31T22:30:00-01:30", 0},
        {"1970-01-01T00:00:00.5Z", 500},      {"1970-01-01T00:00:00.0019Z", 1}, {"1970-01-01T00:00:01.123456789Z", 1123},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000)}, {"2000-02-29T00:00:00Z", INT64_C(951782400000)},
    };
    static const char *const bad[] = {
        "", "1970-01-01", "1970-01-01 00:00:00Z", "1970-01-01T00:00:00", "1970-01-01T00:00:00z", "1970-1-01T00:00:00Z",
        "1970-13-01T00:00:00Z", "1970-00-01T00:00:00Z", "1970-01-32T00:00:00Z", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "1970-01-01T24:00:00Z", "1970-01-01T00:60:00Z", "1970-01-01T00:00:60Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00Zx",
        "1970-01-01T00:00:00+1:00", "1970-01-01T00:00:00+0100", "1970-01-01T00:00:00+24:00", "x", NULL};
    int64_t ms = 77;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(time_parse_rfc3339(bad[i], &ms) == -1 && ms == 77, "%s was accepted", bad[i]);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ck_assert_msg(time_parse_rfc3339(good[i].text, &ms) == 0, "%s", good[i].text);
        ck_assert_int_eq(ms, good[i].ms);
    }
}
END_TEST

struct shared {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    int turns;
};

static void *take_turns(void *arg) {
    struct shared *s = arg;
    for (int i = 0; i < 1000; i++) {
        MUTEX_GUARD(&s->lock);
        s->turns++;
        pthread_cond_signal(&s->cond);
    }
    return NULL;
}

START_TEST(threads_and_locks) {
    struct shared s = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t t[4];
    cond_init_mono(&s.cond);
    for (int i = 0; i < 4; i++) t[i] = thread_start("a name longer than the kernel allows", take_turns, &s);
    mutex_lock(&s.lock);
    while (s.turns < 4000) ck_assert(cond_wait_ms(&s.cond, &s.lock, 30000));
    mutex_unlock(&s.lock);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    ck_assert_int_eq(s.turns, 4000);
    pthread_cond_destroy(&s.cond);
}
END_TEST

START_TEST(waiting_ends) {
    struct shared s = {.lock = PTHREAD_MUTEX_INITIALIZER};
    cond_init_mono(&s.cond);
    int64_t start = clock_mono_ms(clock_real());
    mutex_lock(&s.lock);
    while (cond_wait_ms(&s.cond, &s.lock, 30)) /* a spurious wake-up is allowed */
        continue;
    mutex_unlock(&s.lock);
    ck_assert_int_ge(clock_mono_ms(clock_real()) - start, 29);
    pthread_cond_destroy(&s.cond);
}
END_TEST

TEST_MAIN("clock", clocks, formats, agrees_with_the_c_library, parses, threads_and_locks, waiting_ends)
