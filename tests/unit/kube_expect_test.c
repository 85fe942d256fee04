#include "testing.h"

#include <pthread.h>
#include <stdio.h>

#include "kube/expect.h"

START_TEST(test_waits_until_the_store_has_the_write_or_a_newer_one) {
    struct clock *c = clock_fake_new(0);
    struct expect *x = expect_new(c);
    int64_t wait = 0;
    ck_assert(expect_satisfied(x, "r", &wait));
    expect_written(x, "r", "Pod/n/a", "100");
    clock_fake_advance(c, 1000);
    ck_assert(!expect_satisfied(x, "r", &wait));
    ck_assert_int_eq(wait, 29000);
    ck_assert(expect_satisfied(x, "other", &wait));
    expect_observed(x, "Pod/n/a", "99", "u", false);
    ck_assert(!expect_satisfied(x, "r", &wait));
    expect_observed(x, "Pod/n/b", "500", "u", false);
    ck_assert(!expect_satisfied(x, "r", &wait));
    expect_observed(x, "Pod/n/a", "101", "u", false);
    ck_assert(expect_satisfied(x, "r", &wait));
    expect_free(x);
    clock_fake_free(c);
}
END_TEST

START_TEST(test_change_seen_before_the_call_returned) {
    struct clock *c = clock_fake_new(0);
    struct expect *x = expect_new(c);
    expect_observed(x, "Pod/n/a", "7", "u", false);
    expect_written(x, "r", "Pod/n/a", "7");
    ck_assert(expect_satisfied(x, "r", NULL));
    expect_written(x, "r", "Pod/n/a", "8");
    ck_assert(!expect_satisfied(x, "r", NULL));
    expect_observed(x, "Pod/n/b", "", "", false);
    expect_deleted(x, "s", "Pod/n/b", "u");
    ck_assert(expect_satisfied(x, "s", NULL));
    clock_fake_advance(c, 61000); /* forgotten by now, and the entry of r expired */
    expect_written(x, "s", "Pod/n/a", "7");
    ck_assert(!expect_satisfied(x, "s", NULL));
    ck_assert(expect_satisfied(x, "r", NULL));
    expect_free(x);
    clock_fake_free(c);
}
END_TEST

START_TEST(test_recreated_object_is_waited_for_although_it_was_just_gone) {
    struct expect *x = expect_new(clock_real());
    expect_observed(x, "Pod/n/a", "5", "old", true);
    expect_observed(x, "Pod/n/a", "", "", false);
    expect_written(x, "r", "Pod/n/a", "9");
    ck_assert(!expect_satisfied(x, "r", NULL));
    expect_observed(x, "Pod/n/a", "9", "new", false);
    ck_assert(expect_satisfied(x, "r", NULL));
    expect_written(x, "r", "Pod/n/a", "12");
    expect_observed(x, "Pod/n/a", "", "", false); /* lost in a gap of the watch */
    ck_assert(expect_satisfied(x, "r", NULL));
    expect_free(x);
}
END_TEST

START_TEST(test_deletions) {
    struct expect *x = expect_new(clock_real());
    expect_deleted(x, "r", "Pod/n/a", "u1");
    expect_deleted(x, "r", "Pod/n/b", "u2");
    expect_deleted(x, "r", "Pod/n/c", "u3");
    expect_observed(x, "Pod/n/a", "5", "u1", false);
    ck_assert(!expect_satisfied(x, "r", NULL));
    expect_observed(x, "Pod/n/a", "6", "u1", true);
    expect_observed(x, "Pod/n/b", "", "", false);
    ck_assert(!expect_satisfied(x, "r", NULL));
    expect_observed(x, "Pod/n/c", "9", "another", false);
    ck_assert(expect_satisfied(x, "r", NULL));
    expect_free(x);
}
END_TEST

START_TEST(test_old_entries_are_dropped) {
    struct clock *c = clock_fake_new(0);
    struct expect *x = expect_new(c);
    int64_t wait;
    expect_written(x, "r", "Pod/n/a", "5");
    clock_fake_advance(c, 20000);
    expect_written(x, "r", "Pod/n/b", "5");
    clock_fake_advance(c, 10000);
    ck_assert(!expect_satisfied(x, "r", &wait));
    ck_assert_int_eq(wait, 20000);
    clock_fake_advance(c, 20000);
    ck_assert(expect_satisfied(x, "r", &wait));
    expect_free(x);
    clock_fake_free(c);
}
END_TEST

START_TEST(test_two_roots_may_wait_for_one_object) {
    struct expect *x = expect_new(clock_real());
    expect_written(x, "r", "Pod/n/a", "5");
    expect_written(x, "s", "Pod/n/a", "6");
    expect_written(x, "s", "Pod/n/a", "4"); /* an earlier answer that comes late */
    expect_deleted(x, "s", "Pod/n/a", "u");
    expect_observed(x, "Pod/n/a", "5", "u", false);
    ck_assert(expect_satisfied(x, "r", NULL));
    ck_assert(!expect_satisfied(x, "s", NULL));
    expect_observed(x, "Pod/n/a", "6", "u", true);
    ck_assert(expect_satisfied(x, "s", NULL));
    expect_written(x, "s", "Pod/n/a", "10");
    expect_forget(x, "s");
    expect_forget(x, "nobody");
    ck_assert(expect_satisfied(x, "s", NULL));
    expect_written(x, "s", "Pod/n/a", "10"); /* freed with the rest */
    expect_free(x);
}
END_TEST

static void *observer(void *arg) {
    char object[32], rv[16];
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(object, sizeof object, "Pod/n/%u", i % 100);
        snprintf(rv, sizeof rv, "%u", i);
        expect_observed(arg, object, rv, "u", i % 5 == 0);
    }
    return NULL;
}

static void *writer(void *arg) {
    char object[32], root[16], rv[16];
    for (unsigned i = 0; i < 3000; i++) {
        snprintf(object, sizeof object, "Pod/n/%u", i % 100);
        snprintf(root, sizeof root, "r%u", i % 7);
        snprintf(rv, sizeof rv, "%u", i);
        if (i % 4 == 0) expect_deleted(arg, root, object, "u");
        else expect_written(arg, root, object, rv);
        expect_satisfied(arg, root, NULL);
        if (i % 11 == 0) expect_forget(arg, root);
    }
    return NULL;
}

START_TEST(test_threads) {
    struct expect *x = expect_new(clock_real());
    pthread_t t[4];
    for (size_t i = 0; i < 4; i++) ck_assert_int_eq(pthread_create(&t[i], NULL, i % 2 ? observer : writer, x), 0);
    for (size_t i = 0; i < 4; i++) pthread_join(t[i], NULL);
    for (unsigned i = 0; i < 100; i++) {
        char object[32];
        snprintf(object, sizeof object, "Pod/n/%u", i);
        expect_observed(x, object, "4000", "u", true);
    }
    for (unsigned i = 0; i < 7; i++) {
        char root[16];
        snprintf(root, sizeof root, "r%u", i);
        ck_assert(expect_satisfied(x, root, NULL));
    }
    expect_free(x);
}
END_TEST

TEST_MAIN("kube/expect", test_waits_until_the_store_has_the_write_or_a_newer_one,
          test_change_seen_before_the_call_returned, test_recreated_object_is_waited_for_although_it_was_just_gone,
          test_deletions, test_old_entries_are_dropped, test_two_roots_may_wait_for_one_object, test_threads)
