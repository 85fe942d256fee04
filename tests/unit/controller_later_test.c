/* Records that give way: who waits, who is woken, and when. */
#include "controller/core/later.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "testing.h"

static atomic_bool is_busy;
static atomic_int woken;
static char last[64];
static int mine;

static bool busy(void *ctx) {
    (void)ctx;
    return is_busy;
}

static void wake(void *ctx, void *owner, const char *root_key) {
    ck_assert_ptr_eq(ctx, &is_busy);
    ck_assert_ptr_eq(owner, &mine);
    snprintf(last, sizeof last, "%s", root_key);
    woken++;
}

static struct later *start(const struct clock *clock) {
    is_busy = true;
    woken = 0;
    return later_start(&(struct later_opts){.clock = clock, .batch = 4, .busy = busy, .wake = wake, .ctx = &is_busy});
}

static void end(struct later *l) {
    later_stop(l);
    later_free(l);
}

/* Until so many were woken, or for ms. */
static int woken_within(int want, int ms) {
    for (; woken < want && ms > 0; ms -= 5) nanosleep(&(struct timespec){0, 5000000}, NULL);
    return woken;
}

START_TEST(nothing_waits_while_it_is_quiet) {
    struct later *l = start(clock_real());
    is_busy = false;
    ck_assert(!later_gives_way(l, &mine, "RoleInstance/ns/a"));
    later_done(l, "RoleInstance/ns/a");
    ck_assert_int_eq(woken_within(1, 150), 0);
    end(l);
}
END_TEST

START_TEST(who_waits_is_woken_when_it_is_quiet_again) {
    struct later *l = start(clock_real());
    for (int round = 0; round < 2; round++) /* asked twice, woken once */
        for (char c = 'a'; c <= 'j'; c++) ck_assert(later_gives_way(l, &mine, (char[]){'K', '/', c, 0}));
    ck_assert_int_eq(woken_within(1, 200), 0);
    is_busy = false;
    ck_assert_int_eq(woken_within(10, 5000), 10);
    ck_assert_str_eq(last, "K/j");
    ck_assert_int_eq(woken_within(11, 150), 10);
    ck_assert(!later_gives_way(l, &mine, "K/a"));
    is_busy = true;
    ck_assert(later_gives_way(l, &mine, "K/b")); /* busy again before its turn came */
    end(l);
}
END_TEST

START_TEST(who_is_done_is_not_woken) {
    struct later *l = start(clock_real());
    ck_assert(later_gives_way(l, &mine, "K/a"));
    ck_assert(later_gives_way(l, &mine, "K/b"));
    later_done(l, "K/a");
    later_done(l, "K/unknown");
    is_busy = false;
    ck_assert_int_eq(woken_within(2, 300), 1);
    ck_assert_str_eq(last, "K/b");
    end(l);
}
END_TEST

START_TEST(nobody_waits_for_ever) {
    struct clock *clock = clock_fake_new(0);
    struct later *l = start(clock);
    ck_assert(later_gives_way(l, &mine, "K/a"));
    clock_fake_advance(clock, LATER_MAX_MS - 1);
    ck_assert(later_gives_way(l, &mine, "K/a"));
    clock_fake_advance(clock, 1);
    ck_assert_int_eq(woken_within(1, 5000), 1);
    ck_assert(!later_gives_way(l, &mine, "K/a"));
    later_done(l, "K/a");
    ck_assert(later_gives_way(l, &mine, "K/a")); /* the next record may wait as long */
    end(l);
    clock_fake_free(clock);
}
END_TEST

START_TEST(nobody_waits_once_it_is_stopped) {
    struct later *l = start(clock_real());
    ck_assert(later_gives_way(l, &mine, "K/a"));
    later_stop(l);
    ck_assert(!later_gives_way(l, &mine, "K/b"));
    later_free(l);
    ck_assert_int_eq(woken, 0);
}
END_TEST

TEST_MAIN("controller_later", nothing_waits_while_it_is_quiet, who_waits_is_woken_when_it_is_quiet_again, who_is_done_is_not_woken,
          nobody_waits_for_ever, nobody_waits_once_it_is_stopped)
