/* Names, int-or-percent and selectors against the vectors of k8s.io/apimachinery. */
#include <stdio.h>

#include "doc/scalar.h"
#include "docs.h"
#include "testing.h"
#include "vectors.h"

static const struct {
    const char *name;
    const char *(*check)(const char *);
} rules[] = {
    {"dns1123_label", name_dns1123_label}, {"dns1123_subdomain", name_dns1123_subdomain},
    {"dns1035_label", name_dns1035_label}, {"qualified", name_qualified},
    {"label_value", name_label_value},     {"env", name_env},
    {"port", name_port},
};

static const char *check(const char *rule, const char *name) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (strcmp(rules[i].name, rule) == 0) return rules[i].check(name);
    ck_abort_msg("no rule %s", rule);
    return NULL;
}

START_TEST(names_as_go) {
    ARENA_AUTO struct arena *a = arena_new();
    char *at = testing_read(a, "tests/unit/data/names.tsv", NULL), *col[VECTOR_COLUMNS];
    int n = 0, wrong = 0;
    while (vector_next(&at, true, col)) {
        const char *reason = check(col[0], col[1]);
        n++;
        if ((reason == NULL) == (strcmp(col[2], "ok") == 0)) continue;
        wrong++;
        fprintf(stderr, "%s \"%s\": expected %s, got %s\n", col[0], col[1], col[2], reason ? reason : "ok");
    }
    ck_assert_int_gt(n, 1000);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(reasons_fit_the_mistake) {
    ck_assert_str_eq(name_dns1123_label("a.b"), "must be an RFC 1123 label, without dots");
    ck_assert_ptr_nonnull(strstr(name_qualified("/b"), "prefix"));
    ck_assert_ptr_nonnull(strstr(name_qualified("a/"), "must not be empty"));
    ck_assert_ptr_nonnull(strstr(name_port("0123456789abcdef"), "15"));
    ck_assert_ptr_nonnull(strstr(name_port("80"), "letter"));
}
END_TEST

START_TEST(intstr_as_go) {
    ARENA_AUTO struct arena *a = arena_new();
    char *at = testing_read(a, "tests/unit/data/intstr.tsv", NULL), *col[VECTOR_COLUMNS];
    int n = 0;
    while (vector_next(&at, false, col)) {
        struct err e = ERR_INIT;
        int32_t got = 0;
        struct jv *v = doc_json(a, col[0]);
        int rc = intstr_scaled(v, (int32_t)strtol(col[1], NULL, 10), strcmp(col[2], "true") == 0, &got, &e);
        char text[16];
        snprintf(text, sizeof text, rc == 0 ? "%d" : "!", got);
        ck_assert_msg(strcmp(text, col[3]) == 0, "%s of %s, up %s: expected %s, got %s", col[0], col[1], col[2], col[3], text);
        if (rc == 0) ck_assert(intstr_valid(v));
        n++;
    }
    ck_assert_int_gt(n, 500);
}
END_TEST

START_TEST(intstr_refusals) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    int32_t got;
    ASSERT_ERR(intstr_scaled(NULL, 1, true, &got, &e), ERR_INVALID);
    ASSERT_ERR(intstr_scaled(jv_new_str(a, "5"), 1, true, &got, &e), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(e.msg, "\"5\""));
    ASSERT_ERR(intstr_scaled(jv_new_strn(a, "5\0%", 3), 1, true, &got, &e), ERR_INVALID);
    ASSERT_ERR(intstr_scaled(jv_new_obj(a), 1, true, &got, &e), ERR_INVALID);
    ck_assert(!intstr_valid(jv_new_str(a, "5")));
    ck_assert(!intstr_valid(NULL));
}
END_TEST

START_TEST(selectors_as_go) {
    ARENA_AUTO struct arena *a = arena_new();
    char *at = testing_read(a, "tests/unit/data/selector.tsv", NULL), *col[VECTOR_COLUMNS];
    int n = 0;
    while (vector_next(&at, false, col)) {
        struct jv *selector = doc_json(a, col[0]), *labels = doc_json(a, col[1]);
        ck_assert_str_eq(selector_text(a, selector), col[2]);
        ck_assert_msg(selector_matches(selector, labels) == (strcmp(col[3], "true") == 0), "%s on %s: expected %s",
                      col[0], col[1], col[3]);
        n++;
    }
    ck_assert_int_gt(n, 100);
    ck_assert(!selector_matches(NULL, jv_new_obj(a)));
    ck_assert_str_eq(selector_text(a, NULL), "<none>");
}
END_TEST

TEST_MAIN("scalar", names_as_go, reasons_fit_the_mistake, intstr_as_go, intstr_refusals, selectors_as_go)
