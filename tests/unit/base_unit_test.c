/* Units of work with a budget: they end wherever they are, and give back what they hold. LeakSanitizer is part of every case. */
#include <pthread.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/sync.h"
#include "base/unit.h"
#include "testing.h"

struct probe {
    pthread_mutex_t lock;
    size_t depth, given_back;
    bool returned;
};

static void give_back(struct probe **p) {
    (*p)->given_back++;
}

/* Holds an arena, a buffer, heap memory and a lock, at every depth. */
static void __attribute__((noinline)) take(struct probe *p, size_t depth) {
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf b = BUF_INIT;
    HEAP_AUTO char *heap = must(malloc(100));
    __attribute__((cleanup(give_back))) struct probe *mine = p;
    memset(heap, 1, 100);
    p->depth++;
    arena_alloc(a, 10000);
    buf_printf(&b, "%0*d", 5000, 1);
    if (depth == 0) {
        MUTEX_GUARD(&p->lock);
        while (!p->returned) arena_alloc(a, 1000);
        return;
    }
    take(p, depth - 1);
    ck_assert_ptr_nonnull(mine);
}

static void deep(void *arg) {
    struct probe *p = arg;
    take(p, 50);
    p->returned = true;
}

START_TEST(test_too_much_memory_unwinds) {
    struct probe p = {.lock = PTHREAD_MUTEX_INITIALIZER};
    for (int i = 0; i < 3; i++) {
        const struct unit_budget b = {.bytes = 4 << 20};
        ck_assert_int_eq(unit_run(&b, deep, &p), UNIT_BYTES);
        ck_assert_uint_ge(unit_peak(), 4 << 20);
        ck_assert_int_eq(pthread_mutex_trylock(&p.lock), 0);
        pthread_mutex_unlock(&p.lock);
    }
    ck_assert_uint_eq(p.depth, 3 * 51);
    ck_assert_uint_eq(p.given_back, p.depth);
    ck_assert(!p.returned);
}
END_TEST

static void in_buffer(void *arg) {
    struct buf *b = arg;
    for (;;) buf_puts(b, "0123456789");
}

START_TEST(test_buffers_count) {
    BUF_AUTO struct buf b = BUF_INIT;
    const struct unit_budget budget = {.bytes = 1 << 20};
    ck_assert_int_eq(unit_run(&budget, in_buffer, &b), UNIT_BYTES);
    ck_assert_uint_lt(b.cap, 2 << 20);
}
END_TEST

/* What is given back may be taken again; what was there before does not count. */
static void again_and_again(void *arg) {
    arena_free(arg);
    for (int i = 0; i < 1000; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        arena_alloc(a, 1 << 19);
    }
}

START_TEST(test_memory_is_given_back) {
    struct arena *before = arena_new();
    arena_alloc(before, 8 << 20);
    const struct unit_budget b = {.bytes = 1 << 20};
    ck_assert_int_eq(unit_run(&b, again_and_again, before), UNIT_DONE);
    ck_assert_uint_lt(unit_peak(), 1 << 20);
}
END_TEST

static void search(void *arg) {
    (void)arg;
    for (;;) unit_spend(1000);
}

static bool asked(void *ctx) {
    return ++*(int *)ctx > 3;
}

START_TEST(test_time_ends_a_search) {
    int64_t start = clock_mono_ms(clock_real());
    const struct unit_budget b = {.ms = 50};
    ck_assert_int_eq(unit_run(&b, search, NULL), UNIT_TIME);
    ck_assert_int_lt(clock_mono_ms(clock_real()) - start, 2000);
    int n = 0;
    const struct unit_budget nobody = {.stop = asked, .ctx = &n};
    ck_assert_int_eq(unit_run(&nobody, search, NULL), UNIT_STOPPED);
    ck_assert_int_eq(n, 4);
}
END_TEST

static void nested(void *arg) {
    const struct unit_budget more = {.bytes = 1 << 30};
    unit_run(&more, deep, arg);
    ck_abort_msg("the outer budget holds");
}

START_TEST(test_the_outer_budget_holds) {
    struct probe p = {.lock = PTHREAD_MUTEX_INITIALIZER};
    const struct unit_budget b = {.bytes = 4 << 20};
    ck_assert_int_eq(unit_run(&b, nested, &p), UNIT_BYTES);
    ck_assert_uint_eq(p.given_back, 51);
}
END_TEST

/* The unwinding passes through functions of the C library. */
static int compare(const void *x, const void *y) {
    (void)x, (void)y;
    unit_spend(1 << 20);
    return 0;
}

static void sort(void *arg) {
    qsort(arg, 10, sizeof(int), compare);
}

START_TEST(test_through_the_c_library) {
    int list[10] = {0}, n = 100;
    const struct unit_budget b = {.stop = asked, .ctx = &n};
    ck_assert_int_eq(unit_run(&b, sort, list), UNIT_STOPPED);
}
END_TEST

TEST_MAIN("base_unit", test_too_much_memory_unwinds, test_buffers_count, test_memory_is_given_back, test_time_ends_a_search,
          test_the_outer_budget_holds, test_through_the_c_library)
