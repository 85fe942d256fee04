/* Arenas and buffers. */
#include <stdint.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

#include "base/buf.h"
#include "testing.h"

START_TEST(memory_is_zeroed_and_aligned) {
    ARENA_AUTO struct arena *a = arena_new();
    for (size_t n = 0; n < 3000; n += 7) {
        unsigned char *p = arena_alloc(a, n);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++) ck_assert_uint_eq(p[i], 0);
        memset(p, 0xa5, n);
    }
}
END_TEST

START_TEST(allocations_do_not_overlap) {
    enum { N = 2000 };
    ARENA_AUTO struct arena *a = arena_new();
    unsigned char *p[N];
    size_t n[N];
    for (size_t i = 0; i < N; i++) {
        n[i] = (i * 7919) % 1500 + (i % 97 == 0 ? 300000 : 0); /* some have a chunk of their own */
        p[i] = arena_alloc(a, n[i]);
        memset(p[i], (int)(i & 0xff), n[i]);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < n[i]; k++) ck_assert_uint_eq(p[i][k], i & 0xff);
}
END_TEST

START_TEST(secrets_are_wiped) {
    ARENA_AUTO struct arena *a = arena_new();
    arena_secret(a);
    char *key = arena_strdup(a, "-----BEGIN PRIVATE KEY-----");
    arena_reset(a); /* keeps the chunk, so that it can be looked at */
#if defined(__SANITIZE_ADDRESS__)
    ASAN_UNPOISON_MEMORY_REGION(key, 27);
#endif
    for (int i = 0; i < 27; i++) ck_assert_int_eq(key[i], 0);
}
END_TEST

START_TEST(huge_allocations) {
    ARENA_AUTO struct arena *a = arena_new();
    char *big = arena_alloc(a, (size_t)5 << 20);
    big[((size_t)5 << 20) - 1] = 'x';
    char *small = arena_strdup(a, "after");
    ck_assert_str_eq(small, "after");
    ck_assert_uint_gt(arena_bytes(a), (size_t)5 << 20);
    arena_reset(a);
    ck_assert_uint_lt(arena_bytes(a), (size_t)2 << 20);
}
END_TEST

START_TEST(reset_keeps_one_chunk_and_zeroes_again) {
    ARENA_AUTO struct arena *a = arena_new();
    for (int i = 0; i < 100; i++) memset(arena_alloc(a, 5000), 0xff, 5000);
    arena_reset(a);
    size_t kept = arena_bytes(a);
    ck_assert_uint_gt(kept, 4000);
    for (int round = 0; round < 10; round++) {
        unsigned char *p = arena_alloc(a, 3000);
        for (size_t i = 0; i < 3000; i++) ck_assert_uint_eq(p[i], 0);
        memset(p, 0xff, 3000);
        arena_reset(a);
        ck_assert_uint_eq(arena_bytes(a), kept); /* the same work costs no new memory */
    }
}
END_TEST

#if defined(__SANITIZE_ADDRESS__)
START_TEST(the_sanitizer_sees_stray_pointers) {
    ARENA_AUTO struct arena *a = arena_new();
    char *p = arena_alloc(a, 20), *q = arena_alloc(a, 20);
    ck_assert(!__asan_address_is_poisoned(p + 19) && __asan_address_is_poisoned(p + 20));
    ck_assert(!__asan_address_is_poisoned(q) && __asan_address_is_poisoned(q + 20));
    arena_reset(a);
    ck_assert(__asan_address_is_poisoned(p) && __asan_address_is_poisoned(q));
}
END_TEST
#else
#define the_sanitizer_sees_stray_pointers memory_is_zeroed_and_aligned
#endif

START_TEST(grow_in_place_and_by_copy) {
    ARENA_AUTO struct arena *a = arena_new();
    char *p = arena_alloc(a, 10);
    memcpy(p, "0123456789", 10);
    char *q = arena_grow(a, p, 10, 100);
    ck_assert_ptr_eq(p, q);
    arena_alloc(a, 1);
    char *r = arena_grow(a, q, 100, 200);
    ck_assert_ptr_ne(r, q);
    ck_assert_int_eq(memcmp(r, "0123456789", 10), 0);
    for (size_t i = 10; i < 200; i++) ck_assert_int_eq(r[i], 0);
    char *s = arena_grow(a, r, 200, 2000000);
    ck_assert_int_eq(memcmp(s, "0123456789", 10), 0);
    ck_assert_int_eq(s[1999999], 0);
    ck_assert_ptr_nonnull(arena_grow(a, NULL, 0, 4));
    ck_assert_ptr_eq(arena_grow(a, s, 2000000, 10), s);
}
END_TEST

START_TEST(strings) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_ptr_null(arena_strdup(a, NULL));
    ck_assert_str_eq(arena_strndup(a, "abcdef", 3), "abc");
    ck_assert_str_eq(arena_printf(a, "%s-%d", "x", 7), "x-7");
    char *longer = arena_printf(a, "%0*d", 1000, 5);
    ck_assert_uint_eq(strlen(longer), 1000);
    ck_assert_int_eq(longer[999], '5');
    ck_assert_str_eq(arena_printf(a, "%s[%zu].%s%%", "spec.roles", (size_t)10, ""), "spec.roles[10].%");
    ck_assert_str_eq(arena_printf(a, "%zu%zu", (size_t)0, SIZE_MAX), "018446744073709551615");
    ck_assert_str_eq(arena_printf(a, "%s[%zu]%s", "spec", SIZE_MAX, "."), "spec[18446744073709551615].");
    for (size_t n = 230; n < 260; n++) { /* around the size of the buffer on the stack */
        char *x = arena_alloc(a, n + 1);
        memset(x, 'x', n);
        ck_assert_str_eq(arena_printf(a, "%s", x), x);
        char *numbered = arena_printf(a, "%s%zu", x, (size_t)42);
        ck_assert(strncmp(numbered, x, n) == 0 && strcmp(numbered + n, "42") == 0);
    }
}
END_TEST

static void append(void *arg) {
    struct buf **to = arg;
    buf_puts(to[0], (const char *)to[1]);
}

START_TEST(hooks_run_last_first) {
    BUF_AUTO struct buf b = BUF_INIT;
    struct arena *a = arena_new();
    const void *one[] = {&b, "1"}, *two[] = {&b, "2"}, *three[] = {&b, "3"};
    arena_defer(a, append, one);
    arena_defer(a, append, two);
    arena_reset(a);
    ck_assert_str_eq(buf_str(&b), "21");
    arena_defer(a, append, three);
    arena_free(a);
    ck_assert_str_eq(buf_str(&b), "213");
    arena_free(NULL);
}
END_TEST

START_TEST(buffers) {
    BUF_AUTO struct buf b = BUF_INIT;
    ck_assert_str_eq(buf_str(&b), "");
    buf_reset(&b);
    for (int i = 0; i < 1000; i++) buf_printf(&b, "%d,", i);
    ck_assert_uint_eq(b.len, 3890);
    ck_assert_uint_eq(strlen(b.s), b.len);
    buf_printf(&b, "%0*d", 10000, 1);
    ck_assert_uint_eq(b.len, 13890);
    buf_reset(&b);
    ck_assert_str_eq(buf_str(&b), "");
    buf_add(&b, "a\0b", 3);
    ck_assert_uint_eq(b.len, 3);
    buf_add(&b, NULL, 0);
    buf_putc(&b, 'c');
    ck_assert_int_eq(memcmp(b.s, "a\0bc", 5), 0);
}
END_TEST

TEST_MAIN("arena", memory_is_zeroed_and_aligned, allocations_do_not_overlap, huge_allocations, secrets_are_wiped,
          reset_keeps_one_chunk_and_zeroes_again, the_sanitizer_sees_stray_pointers, grow_in_place_and_by_copy, strings,
          hooks_run_last_first, buffers)
