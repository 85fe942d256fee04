/* Quantities against the vectors of resource.Quantity, and their order. */
#include <stdio.h>

#include "doc/scalar.h"
#include "docs.h"
#include "testing.h"
#include "vectors.h"

static struct jv *value(struct arena *a, const char *kind, const char *text) {
    return *kind == 's' ? jv_new_str(a, text) : doc_json(a, text);
}

START_TEST(canonical_as_go) {
    ARENA_AUTO struct arena *a = arena_new();
    char *at = testing_read(a, "tests/unit/data/quantity.tsv", NULL), *col[VECTOR_COLUMNS];
    int n = 0, wrong = 0;
    while (vector_next(&at, false, col)) {
        struct err e = ERR_INIT;
        char *got = quantity_canonical(a, value(a, col[0], col[1]), &e);
        n++;
        if (strcmp(got ? got : "!", col[2]) == 0) continue;
        wrong++;
        fprintf(stderr, "%s \"%s\": expected %s, got %s %s\n", col[0], col[1], col[2], got ? got : "!", e.msg);
    }
    ck_assert_int_gt(n, 500);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(canonical_is_idempotent_in_value) {
    ARENA_AUTO struct arena *a = arena_new();
    char *at = testing_read(a, "tests/unit/data/quantity.tsv", NULL), *col[VECTOR_COLUMNS];
    while (vector_next(&at, false, col)) {
        struct jv *v = value(a, col[0], col[1]);
        char *text = quantity_canonical(a, v, NULL);
        /* beyond 10^21 Go's text loses its suffix, and with it the value */
        if (!text || strchr(col[1], 'E') || strlen(col[1]) > 20) continue;
        ck_assert_msg(quantity_cmp(v, jv_new_str(a, text)) == 0, "%s is not %s", col[1], text);
    }
}
END_TEST

static int cmp(struct arena *a, const char *x, const char *y) { return quantity_cmp(jv_new_str(a, x), jv_new_str(a, y)); }

START_TEST(order) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_int_eq(cmp(a, "1", "1000m"), 0);
    ck_assert_int_eq(cmp(a, "1Ki", "1k"), 1);
    ck_assert_int_eq(cmp(a, "999m", "1"), -1);
    ck_assert_int_eq(cmp(a, "-1", "1"), -1);
    ck_assert_int_eq(cmp(a, "-2", "-1"), -1);
    ck_assert_int_eq(cmp(a, "-0", "0"), 0);
    ck_assert_int_eq(cmp(a, "1e-12", "1n"), 0);
    ck_assert_int_eq(cmp(a, "0", "1e-12"), -1);
    ck_assert_int_eq(cmp(a, "100Ei", "9223372036854775807"), 0);
    ck_assert_int_eq(cmp(a, "12345678901234567890123", "12345678901234567890122"), 1);
    ck_assert_int_eq(cmp(a, "x", "1"), -2);
    ck_assert_int_eq(cmp(a, "1", ""), -2);
    ck_assert_int_eq(quantity_cmp(jv_new_int(a, 1024), jv_new_str(a, "1Ki")), 0);
}
END_TEST

/* With so many digits the quick way is not taken. */
static const char *padded(struct arena *a, const char *number, const char *unit) {
    return arena_printf(a, "%s000000000000%s%s", *number == '-' ? "-" : "", number + (*number == '-'), unit);
}

START_TEST(the_quick_way_agrees) {
    static const char *const numbers[] = {"0", "1", "-1", "-7", "512", "1000", "1024", "-1048576", "999999999"},
                             *const units[] = {"", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti"};
    enum { NUMBERS = sizeof numbers / sizeof *numbers, ALL = NUMBERS * (sizeof units / sizeof *units) };
    ARENA_AUTO struct arena *a = arena_new();
    for (size_t i = 0; i < ALL; i++) {
        const char *x = arena_printf(a, "%s%s", numbers[i % NUMBERS], units[i / NUMBERS]),
                   *slow_x = padded(a, numbers[i % NUMBERS], units[i / NUMBERS]);
        ck_assert_msg(quantity_is_whole(jv_new_str(a, x)) == quantity_is_whole(jv_new_str(a, slow_x)), "%s", x);
        for (size_t k = 0; k < ALL; k++) {
            const char *y = arena_printf(a, "%s%s", numbers[k % NUMBERS], units[k / NUMBERS]);
            int slow = cmp(a, slow_x, padded(a, numbers[k % NUMBERS], units[k / NUMBERS]));
            ck_assert_msg(cmp(a, x, y) == slow, "%s and %s: %d", x, y, slow);
        }
    }
}
END_TEST

START_TEST(whole_ones) {
    ARENA_AUTO struct arena *a = arena_new();
    static const char *const whole[] = {"0", "-0", "2", "1.0", "2000m", "1.5Ki", "1e3", "12345678901234567890123"},
                             *const others[] = {"1.5", "500m", "1n", "-1001u", "1.0001Ki", "1e-3", "", "many"};
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
        ck_assert_msg(quantity_is_whole(jv_new_str(a, whole[i])), "%s", whole[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!quantity_is_whole(jv_new_str(a, others[i])), "%s", others[i]);
    ck_assert(quantity_is_whole(jv_new_int(a, 8)));
    ck_assert(!quantity_is_whole(NULL));
}
END_TEST

START_TEST(sign) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_int_eq(quantity_sign(jv_new_str(a, "0Gi")), 0);
    ck_assert_int_eq(quantity_sign(jv_new_str(a, "1m")), 1);
    ck_assert_int_eq(quantity_sign(jv_new_str(a, "-1e-30")), -1);
    ck_assert_int_eq(quantity_sign(jv_new_str(a, "many")), -2);
    ck_assert_int_eq(quantity_sign(jv_new_bool(a, true)), -2);
    ck_assert_int_eq(quantity_sign(NULL), -2);
}
END_TEST

START_TEST(refusals_say_what_to_write) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    ck_assert_ptr_null(quantity_canonical(a, jv_new_str(a, "5Gb"), &e));
    ck_assert_int_eq(e.code, ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(e.msg, "5Gb"));
    ck_assert_ptr_null(quantity_canonical(a, jv_new_str(a, "5mm"), &e));
    ck_assert_ptr_nonnull(strstr(e.msg, "unknown unit \"mm\""));
    ck_assert_ptr_null(quantity_canonical(a, jv_new_str(a, ""), &e));
    ck_assert_ptr_null(quantity_canonical(a, jv_new_strn(a, "1\0G", 3), &e));
    ck_assert_ptr_null(quantity_canonical(a, jv_new_arr(a), &e));
    ck_assert_ptr_null(quantity_canonical(a, NULL, &e));
    ck_assert_ptr_null(quantity_canonical(a, jv_new_str(a, "1e2147483648"), &e));
}
END_TEST

START_TEST(numbers_beyond_a_double) {
    ARENA_AUTO struct arena *a = arena_new();
    static const char *const texts[] = {"1e999", "-1e999", "1e+062435028398684730898684"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct err e = ERR_INIT;
        ck_assert_int_eq(quantity_sign(value(a, "n", texts[i])), -2);
        ck_assert_ptr_null(quantity_canonical(a, value(a, "n", texts[i]), &e));
        ck_assert_msg(strstr(e.msg, "too large"), "%s", e.msg);
    }
    ck_assert_int_eq(quantity_sign(value(a, "n", "1e-999")), 0);
}
END_TEST

START_TEST(test_sums) {
    static const struct {
        const char *items[3], *most;
        bool exceeds;
    } rows[] = {
        {{"500m", "500m"}, "1", false},
        {{"500m", "501m"}, "1", true},
        {{"1Gi", "1Gi"}, "2Gi", false},
        {{"1Gi", "1Gi", "1"}, "2Gi", true},
        {{"0.5Gi", "1.5Gi"}, "2147483648", false},
        {{"1n", "0.000000001"}, "2n", false},
        {{"1n", "0.0000000011"}, "2n", true}, /* rounded up */
        {{"9223372036854775807", "1"}, "9223372036854775807", true},
        {{"999999999E", "999999999E"}, "9223372036854775807", true},
        {{"1e18", "12345678901234567890"}, "9223372036854775807", true},
        {{"7E", "100k"}, "8E", false},
        {{NULL}, "0", false},
        {{"1", "x"}, "0", false},
        {{"1"}, "x", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        const struct jv *items[3];
        size_t n = 0;
        for (; n < 3 && rows[i].items[n]; n++) items[n] = jv_new_str(a, rows[i].items[n]);
        ck_assert_msg(quantity_sum_exceeds(items, n, jv_new_str(a, rows[i].most)) == rows[i].exceeds, "row %zu", i);
    }
}
END_TEST

TEST_MAIN("quantity", numbers_beyond_a_double, canonical_as_go, canonical_is_idempotent_in_value, order, the_quick_way_agrees,
          whole_ones, sign, refusals_say_what_to_write, test_sums)
