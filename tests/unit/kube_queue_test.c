#include "testing.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "kube/queue.h"

static char key[64];

static const char *get(struct queue *q) { return queue_get(q, key, sizeof key) ? key : NULL; }

START_TEST(test_first_in_first_out_and_each_once) {
    struct queue *q = queue_new("t", clock_real());
    ck_assert(queue_idle(q));
    queue_add(q, "a");
    queue_add(q, "b");
    queue_add(q, "a");
    ck_assert_uint_eq(queue_len(q), 2);
    ck_assert_str_eq(get(q), "a");
    ck_assert(!queue_idle(q));
    ck_assert_str_eq(get(q), "b");
    queue_done(q, "a");
    queue_done(q, "b");
    ck_assert(queue_idle(q));
    queue_free(q);
}
END_TEST

START_TEST(test_key_added_while_running_comes_again_after_done) {
    struct queue *q = queue_new("t", clock_real());
    queue_add(q, "a");
    ck_assert_str_eq(get(q), "a");
    queue_add(q, "a");
    queue_add(q, "a");
    ck_assert_uint_eq(queue_len(q), 0); /* no second worker may get it now */
    queue_done(q, "a");
    ck_assert_uint_eq(queue_len(q), 1);
    ck_assert_str_eq(get(q), "a");
    queue_done(q, "a");
    ck_assert_uint_eq(queue_len(q), 0);
    queue_free(q);
}
END_TEST

START_TEST(test_earliest_delay_wins) {
    struct clock *c = clock_fake_new(1000);
    struct queue *q = queue_new("t", c);
    queue_add_after(q, "late", 500);
    queue_add_after(q, "k", 1000);
    queue_add_after(q, "k", 200);
    queue_add_after(q, "k", 3000);
    ck_assert(!queue_idle(q));
    ck_assert_uint_eq(queue_len(q), 0);
    clock_fake_advance(c, 199);
    ck_assert_uint_eq(queue_len(q), 0);
    clock_fake_advance(c, 1);
    ck_assert_uint_eq(queue_len(q), 1);
    ck_assert_str_eq(get(q), "k");
    queue_done(q, "k");
    clock_fake_advance(c, 5000);
    ck_assert_str_eq(get(q), "late");
    queue_done(q, "late");
    ck_assert(queue_idle(q)); /* the longer delays of k are void */
    queue_add_after(q, "now", 0);
    ck_assert_uint_eq(queue_len(q), 1);
    queue_free(q);
    clock_fake_free(c);
}
END_TEST

START_TEST(test_many_delays_come_in_order) {
    struct clock *c = clock_fake_new(0);
    struct queue *q = queue_new("t", c);
    char k[16];
    for (unsigned i = 0; i < 500; i++) {
        unsigned ms = (i * 7919u) % 500u + 1;
        snprintf(k, sizeof k, "%03u", ms);
        queue_add_after(q, k, (int64_t)ms + 1000);
        if (i % 3 == 0) queue_add_after(q, k, ms);
    }
    char last[64] = "";
    for (unsigned i = 0; i < 2000; i++) {
        clock_fake_advance(c, 1);
        while (queue_len(q)) {
            ck_assert_ptr_nonnull(get(q));
            snprintf(last, sizeof last, "%u", i + 1);
            unsigned want = (unsigned)atoi(key);
            ck_assert(i + 1 == want || i + 1 == want + 1000);
            queue_done(q, key);
        }
    }
    ck_assert(queue_idle(q));
    queue_free(q);
    clock_fake_free(c);
}
END_TEST

static int64_t delay_of(struct queue *q, struct clock *c) {
    int64_t ms = 0;
    while (queue_len(q) == 0) {
        clock_fake_advance(c, 1);
        ck_assert_int_lt(++ms, 2000000);
    }
    ck_assert_ptr_nonnull(get(q));
    queue_done(q, key);
    return ms;
}

START_TEST(test_backoff_doubles_up_to_a_limit_and_is_forgotten) {
    struct clock *c = clock_fake_new(0);
    struct queue *q = queue_new("t", c);
    int64_t want = 5;
    for (int i = 0; i < 12; i++, want *= 2) {
        queue_add_backoff(q, "k");
        int64_t ms = delay_of(q, c);
        ck_assert_int_ge(ms, want);
        ck_assert_int_le(ms, want + want / 10 + 1);
    }
    queue_add_backoff_between(q, "k", 60000, INT64_MAX); /* more than the 20.48 s that its failures give */
    ck_assert_int_eq(delay_of(q, c), 60000);
    for (int i = 0; i < 60; i++) queue_add_backoff(q, "k"); /* must not overflow */
    clock_fake_advance(c, 1100000);
    ck_assert_uint_eq(queue_len(q), 1);
    ck_assert_str_eq(get(q), "k");
    queue_forget(q, "k");
    queue_done(q, "k");
    ck_assert(queue_idle(q));
    queue_add_backoff(q, "k");
    ck_assert_int_le(delay_of(q, c), 6);
    queue_free(q);
    clock_fake_free(c);
}
END_TEST

START_TEST(test_shutdown_drains_ready_keys_only) {
    struct queue *q = queue_new("t", clock_real());
    queue_add(q, "a");
    queue_add_after(q, "b", 100000);
    queue_shutdown(q);
    queue_add(q, "c");
    ck_assert_str_eq(get(q), "a");
    queue_add(q, "a");
    queue_done(q, "a");
    ck_assert_ptr_null(get(q));
    ck_assert(queue_idle(q));
    queue_free(q);
}
END_TEST

struct crew {
    struct queue *q;
    int busy[50];
    int done[50];
};

static void *worker(void *arg) {
    struct crew *w = arg;
    char k[64];
    while (queue_get(w->q, k, sizeof k)) {
        int i = atoi(k);
        ck_assert_int_eq(__atomic_fetch_add(&w->busy[i], 1, __ATOMIC_SEQ_CST), 0);
        sched_yield();
        __atomic_fetch_sub(&w->busy[i], 1, __ATOMIC_SEQ_CST);
        __atomic_fetch_add(&w->done[i], 1, __ATOMIC_SEQ_CST);
        queue_done(w->q, k);
    }
    return NULL;
}

START_TEST(test_never_two_workers_on_one_key) {
    struct crew w = {.q = queue_new("t", clock_real())};
    pthread_t t[4];
    for (size_t i = 0; i < 4; i++) ck_assert_int_eq(pthread_create(&t[i], NULL, worker, &w), 0);
    char k[16];
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(k, sizeof k, "%u", (i * 31u) % 50u);
        if (i % 3 == 0) queue_add_after(w.q, k, 1 + i % 5);
        else queue_add(w.q, k);
    }
    struct timespec ms = {0, 1000000};
    while (!queue_idle(w.q)) nanosleep(&ms, NULL);
    queue_shutdown(w.q);
    for (size_t i = 0; i < 4; i++) pthread_join(t[i], NULL);
    for (size_t i = 0; i < 50; i++) ck_assert_int_ge(w.done[i], 1);
    queue_free(w.q);
}
END_TEST

struct waiter {
    struct queue *q;
    bool passed;
};

static void *wait_below_two(void *arg) {
    struct waiter *w = arg;
    queue_wait_below(w->q, 2);
    __atomic_store_n(&w->passed, true, __ATOMIC_SEQ_CST);
    return NULL;
}

START_TEST(test_one_waits_until_the_line_is_shorter) {
    struct waiter w = {.q = queue_new("t", clock_real())};
    queue_wait_below(w.q, 2); /* an empty one is short enough */
    for (const char *k = "abc"; *k; k++) queue_add(w.q, (char[]){*k, 0});
    pthread_t t;
    ck_assert_int_eq(pthread_create(&t, NULL, wait_below_two, &w), 0);
    ck_assert_str_eq(get(w.q), "a");
    ck_assert(!__atomic_load_n(&w.passed, __ATOMIC_SEQ_CST)); /* two are left */
    ck_assert_str_eq(get(w.q), "b");
    pthread_join(t, NULL);
    for (const char *k = "ab"; *k; k++) queue_done(w.q, (char[]){*k, 0});
    queue_add(w.q, "d");
    ck_assert_int_eq(pthread_create(&t, NULL, wait_below_two, &w), 0);
    queue_shutdown(w.q);
    pthread_join(t, NULL);
    queue_free(w.q);
}
END_TEST

static void *slow_worker(void *arg) {
    char k[64];
    struct timespec long_time = {0, 400000000};
    while (queue_get(arg, k, sizeof k)) {
        if (strcmp(k, "slow") == 0) nanosleep(&long_time, NULL);
        queue_done(arg, k);
    }
    return NULL;
}

START_TEST(test_delayed_key_does_not_wait_for_the_worker_that_would_have_woken) {
    struct queue *q = queue_new("t", clock_real());
    pthread_t t[2];
    for (size_t i = 0; i < 2; i++) ck_assert_int_eq(pthread_create(&t[i], NULL, slow_worker, q), 0);
    struct timespec settle = {0, 20000000};
    nanosleep(&settle, NULL);
    queue_add_after(q, "delayed", 60);
    nanosleep(&settle, NULL);
    queue_add(q, "slow");
    int64_t start = clock_mono_ms(clock_real());
    struct timespec ms = {0, 1000000};
    nanosleep(&settle, NULL);
    /* "slow" runs for 400 ms; when only it is left, the delayed key was served meanwhile */
    bool served = false;
    while (!served && clock_mono_ms(clock_real()) - start < 300) {
        nanosleep(&ms, NULL);
        served = clock_mono_ms(clock_real()) - start > 200 && queue_len(q) == 0;
    }
    ck_assert(served);
    queue_shutdown(q);
    for (size_t i = 0; i < 2; i++) pthread_join(t[i], NULL);
    ck_assert(queue_idle(q));
    queue_free(q);
}
END_TEST

TEST_MAIN("kube/queue", test_first_in_first_out_and_each_once, test_key_added_while_running_comes_again_after_done,
          test_earliest_delay_wins, test_many_delays_come_in_order,
          test_backoff_doubles_up_to_a_limit_and_is_forgotten, test_shutdown_drains_ready_keys_only,
          test_never_two_workers_on_one_key, test_one_waits_until_the_line_is_shorter,
          test_delayed_key_does_not_wait_for_the_worker_that_would_have_woken)
