#include "base/base64.h"

#include <string.h>

#include "testing.h"

/* RFC 4648, section 10 */
START_TEST(vectors_of_the_standard) {
    ARENA_AUTO struct arena *a = arena_new();
    static const char *const rows[][2] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ck_assert_str_eq(base64_encode(a, rows[i][0], strlen(rows[i][0])), rows[i][1]);
        if (i) ck_assert_str_eq(base64_decode(a, rows[i][1], NULL), rows[i][0]);
    }
}
END_TEST

START_TEST(all_bytes_survive) {
    ARENA_AUTO struct arena *a = arena_new();
    unsigned char in[256];
    for (size_t i = 0; i < sizeof in; i++) in[i] = (unsigned char)i;
    size_t n = 0;
    char *out = base64_decode(a, base64_encode(a, in, sizeof in), &n);
    ck_assert_uint_eq(n, sizeof in);
    ck_assert_mem_eq(out, in, n);
}
END_TEST

START_TEST(garbage_is_refused) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_ptr_null(base64_decode(a, NULL, NULL));
    ck_assert_ptr_null(base64_decode(a, "", NULL));
    ck_assert_ptr_null(base64_decode(a, "*not base64*", NULL));
}
END_TEST

TEST_MAIN("base64", vectors_of_the_standard, all_bytes_survive, garbage_is_refused)
