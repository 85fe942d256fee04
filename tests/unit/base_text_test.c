/* Errors, strings and hashes. */
#include <string.h>

#include "base/hash.h"
#include "base/str.h"
#include "testing.h"

START_TEST(errors) {
    struct err e = ERR_INIT;
    e.http = 500;
    ck_assert_int_eq(err_set(&e, ERR_NOT_FOUND, "no %s", "pod"), -1);
    ck_assert_int_eq(e.code, ERR_NOT_FOUND);
    ck_assert_int_eq(e.http, 0); /* nothing of the last failure stays */
    ck_assert_str_eq(e.msg, "no pod");
    ck_assert_int_eq(err_wrap(&e, "reading %d", 7), -1);
    ck_assert_str_eq(e.msg, "reading 7: no pod");
    ck_assert_int_eq(err_wrap(&e, "%s", e.msg), -1);
    ck_assert_str_eq(e.msg, "reading 7: no pod: reading 7: no pod");
    err_set(&e, e.code, "again: %s", e.msg);
    ck_assert_ptr_nonnull(strstr(e.msg, "again: reading 7"));
    ck_assert_int_eq(err_set(NULL, ERR_IO, "x"), -1);
    ck_assert_int_eq(err_wrap(NULL, "x"), -1);
}
END_TEST

START_TEST(long_messages_are_cut) {
    struct err e = ERR_INIT;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(&e, ERR_IO, "%s", text);
    ck_assert_uint_eq(strlen(e.msg), sizeof e.msg - 1);
    err_wrap(&e, "prefix");
    ck_assert_uint_eq(strlen(e.msg), sizeof e.msg - 1);
    ck_assert_int_eq(strncmp(e.msg, "prefix: xxx", 11), 0);
    err_wrap(&e, "%s", text);
    ck_assert_uint_eq(strlen(e.msg), sizeof e.msg - 1);
}
END_TEST

START_TEST(every_class_has_a_row) {
    for (int c = 0; c < ERR_CODES; c++) {
        ck_assert_ptr_nonnull(err_name((enum err_code)c));
        ck_assert_int_ge(err_http((enum err_code)c), 200);
        for (int d = 0; d < c; d++) ck_assert_str_ne(err_name((enum err_code)c), err_name((enum err_code)d));
    }
    ck_assert(err_retryable(ERR_CONFLICT) && err_retryable(ERR_THROTTLED) && err_retryable(ERR_UNAVAILABLE));
    ck_assert(!err_retryable(ERR_INVALID) && !err_retryable(ERR_REJECTED) && !err_retryable(ERR_NOT_FOUND));
    ck_assert_int_eq(err_http((enum err_code)999), 500);
}
END_TEST

START_TEST(classes_of_http) {
    ck_assert_int_eq(err_from_http(201, NULL), ERR_NONE);
    ck_assert_int_eq(err_from_http(404, NULL), ERR_NOT_FOUND);
    ck_assert_int_eq(err_from_http(409, NULL), ERR_CONFLICT);
    ck_assert_int_eq(err_from_http(409, "Conflict"), ERR_CONFLICT);
    ck_assert_int_eq(err_from_http(409, "AlreadyExists"), ERR_EXISTS);
    ck_assert_int_eq(err_from_http(410, "Expired"), ERR_GONE);
    ck_assert_int_eq(err_from_http(422, "Invalid"), ERR_REJECTED);
    ck_assert_int_eq(err_from_http(400, "BadRequest"), ERR_REJECTED);
    ck_assert_int_eq(err_from_http(429, NULL), ERR_THROTTLED);
    ck_assert_int_eq(err_from_http(503, NULL), ERR_UNAVAILABLE);
    ck_assert_int_eq(err_from_http(504, NULL), ERR_TIMEOUT);
}
END_TEST

START_TEST(strings) {
    ck_assert(str_eq(NULL, NULL) && !str_eq("", NULL) && !str_eq(NULL, "") && str_eq("a", "a") && !str_eq("a", "b"));
    ck_assert(str_has_prefix("abc", "ab") && str_has_prefix("abc", "") && !str_has_prefix("a", "ab") && !str_has_prefix(NULL, ""));
    ck_assert(str_has_suffix("abc", "bc") && str_has_suffix("abc", "") && !str_has_suffix("c", "bc") && !str_has_suffix(NULL, ""));
    ck_assert(str_empty(NULL) && str_empty("") && !str_empty(" "));
    ck_assert_uint_eq(str_distance("kitten", "sitting"), 3);
    ck_assert_uint_eq(str_distance("", "abc"), 3);
    ck_assert_uint_eq(str_distance("abc", ""), 3);
    ck_assert_uint_eq(str_distance("abc", "abc"), 0);
    ck_assert_uint_eq(str_distance("abc", "acb"), 2);
    static const char *const words[] = {"", "a", "b", "ab", "ba", "abc", "acb", "kitten", "sitting",
                                         "aaaaaaaa", "aaaabaaa", "xaaaaaaaa"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        for (size_t k = 0; k < sizeof words / sizeof *words; k++)
            for (size_t most = 0; most < 5; most++) {
                size_t d = str_distance(words[i], words[k]), within = str_distance_within(words[i], words[k], most);
                ck_assert(d <= most ? within == d : within > most);
            }
}
END_TEST

START_TEST(integers) {
    int64_t v = 5;
    int32_t w = 5;
    ck_assert(str_to_i64("9223372036854775807", &v) == 0 && v == INT64_MAX);
    ck_assert(str_to_i64("-9223372036854775808", &v) == 0 && v == INT64_MIN);
    ck_assert(str_to_i64("+12", &v) == 0 && v == 12);
    ck_assert(str_to_i64("-0", &v) == 0 && v == 0);
    static const char *const bad[] = {"", "-", "+", " 1", "1 ", "1x", "--1", "9223372036854775808", "-9223372036854775809",
                                      "99999999999999999999", "0x1", "1.0", NULL};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_int_eq(str_to_i64(bad[i], &v), -1);
    ck_assert(str_to_i32("2147483647", &w) == 0 && w == INT32_MAX);
    ck_assert(str_to_i32("-2147483648", &w) == 0 && w == INT32_MIN);
    ck_assert_int_eq(str_to_i32("2147483648", &w), -1);
    ck_assert_int_eq(str_to_i32("-2147483649", &w), -1);
    ck_assert_int_eq(w, INT32_MIN); /* a failure leaves it alone */
}
END_TEST

/* Vectors of http://www.isthe.com/chongo/src/fnv/test_fnv.c and RFC 3174. */
START_TEST(hashes) {
    char hex[41], code[16];
    ck_assert_uint_eq(fnv1_32(FNV32_INIT, "", 0), 0x811c9dc5u);
    ck_assert_uint_eq(fnv1_32(FNV32_INIT, "foobar", 6), 0x31f0b262u);
    ck_assert_uint_eq(fnv1a_32(FNV32_INIT, "foobar", 6), 0xbf9cf968u);
    ck_assert_uint_eq(fnv1a_32(fnv1a_32(FNV32_INIT, "foo", 3), "bar", 3), 0xbf9cf968u);
    ck_assert_uint_eq(fnv1a_64("foobar", 6), 0x85944171f73967e8u);
    ck_assert_str_eq(sha1_hex("abc", 3, hex), "a9993e364706816aba3e25717850c26c9cd0d89d");
    ck_assert_str_eq(sha1_hex(NULL, 0, hex), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    ck_assert_str_eq(safe_encode_u32(1234567890, code), "56789bcdf4");
    ck_assert_str_eq(safe_encode_u32(0, code), "4");
    ck_assert_str_eq(safe_encode_u32(4294967295u, code), "86f8fbc6f9");
}
END_TEST

TEST_MAIN("text", errors, long_messages_are_cut, every_class_has_a_row, classes_of_http, strings, integers, hashes)
