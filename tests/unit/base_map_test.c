/* Hash maps, against a plain model. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "testing.h"

static void *ptr(uintptr_t n) { return (void *)n; }

START_TEST(put_get_delete) {
    struct map *m = map_new();
    ck_assert_ptr_null(map_get(m, "a"));
    ck_assert_ptr_null(map_del(m, "a"));
    ck_assert_ptr_null(map_put(m, "a", ptr(1)));
    ck_assert_ptr_eq(map_put(m, "a", ptr(2)), ptr(1));
    ck_assert_ptr_eq(map_get(m, "a"), ptr(2));
    ck_assert_ptr_null(map_put(m, "null", NULL));
    ck_assert(map_has(m, "null") && !map_get(m, "null"));
    ck_assert_uint_eq(map_len(m), 2);
    ck_assert_ptr_eq(map_del(m, "a"), ptr(2));
    ck_assert(!map_has(m, "a"));
    ck_assert_uint_eq(map_len(m), 1);
    map_free(m);
    map_free(NULL);
}
END_TEST

static void as_a_model(struct map *m) {
    enum { KEYS = 500, STEPS = 200000 };
    uintptr_t model[KEYS] = {0};
    size_t live = 0;
    uint32_t seed = 42;
    for (uintptr_t step = 1; step <= STEPS; step++) {
        seed = seed * 1664525u + 1013904223u;
        uint32_t k = (seed >> 8) % KEYS;
        char key[16];
        snprintf(key, sizeof key, "key-%u", k);
        bool put = (seed >> 28) % (step / 20000 % 2 ? 4 : 2) == 0; /* phases of growing and of shrinking */
        void *old = put ? map_put(m, key, ptr(step)) : map_del(m, key);
        ck_assert_ptr_eq(old, ptr(model[k]));
        live += put && !model[k];
        live -= !put && model[k];
        model[k] = put ? step : 0;
        ck_assert_uint_eq(map_len(m), live);
    }
    for (uint32_t k = 0; k < KEYS; k++) {
        char key[16];
        snprintf(key, sizeof key, "key-%u", k);
        ck_assert_ptr_eq(map_get(m, key), ptr(model[k]));
    }
    map_free(m);
}

START_TEST(on_the_heap_as_a_model) { as_a_model(map_new()); }
END_TEST

START_TEST(in_an_arena_as_a_model) {
    ARENA_AUTO struct arena *a = arena_new();
    as_a_model(map_in(a));
}
END_TEST

START_TEST(iterates_in_insertion_order) {
    struct map *m = map_new();
    char key[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "%d", i * 7 % 1000);
        map_put(m, key, ptr((uintptr_t)i + 1));
    }
    const char *k;
    void *v;
    uintptr_t want = 0;
    for (size_t it = 0; map_next(m, &it, &k, &v);) ck_assert_ptr_eq(v, ptr(++want));
    ck_assert_uint_eq(want, 1000);
    map_free(m);
}
END_TEST

START_TEST(deletes_while_iterating) {
    struct map *m = map_new();
    char key[16];
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "%d", i);
        map_put(m, key, ptr((uintptr_t)i + 1));
    }
    const char *k;
    void *v;
    size_t seen = 0;
    for (size_t it = 0; map_next(m, &it, &k, &v); seen++)
        if ((uintptr_t)v % 2) map_del(m, k);
    ck_assert_uint_eq(seen, 300);
    ck_assert_uint_eq(map_len(m), 150);
    for (size_t it = 0; map_next(m, &it, NULL, &v);) ck_assert_uint_eq((uintptr_t)v % 2, 0);
    map_free(m);
}
END_TEST

TEST_MAIN("map", put_get_delete, on_the_heap_as_a_model, in_an_arena_as_a_model, iterates_in_insertion_order,
          deletes_while_iterating)
