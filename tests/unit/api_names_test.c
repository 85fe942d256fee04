/* How child objects are called: the contract's examples and the edges of the 63 bytes. */
#include <string.h>

#include "api/names.h"
#include "testing.h"

START_TEST(names_workload_is_cut_at_63_without_trailing_dash) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_str_eq(name_workload(a, "web", "router"), "web-router");
    ck_assert_str_eq(name_service(a, "web", "router"), "s-web-router");
    char role[100];
    memset(role, 'r', sizeof role);
    role[99] = '\0';
    ck_assert_uint_eq(strlen(name_workload(a, "web", role)), 63);
    memcpy(role + 57, "---", 3); /* "web-" and 57 letters, then dashes up to byte 63 and beyond */
    char *cut = name_workload(a, "web", role);
    ck_assert_uint_eq(strlen(cut), 61 + 2 - 2);
    ck_assert_int_eq(cut[strlen(cut) - 1], 'r');
}
END_TEST

START_TEST(names_adapter_is_not_cut) {
    ARENA_AUTO struct arena *a = arena_new();
    char role[80];
    memset(role, 'r', sizeof role);
    role[79] = '\0';
    ck_assert_uint_eq(strlen(name_adapter(a, "web", role)), 83);
}
END_TEST

START_TEST(names_group_uid_is_the_recorded_hash) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_str_eq(name_group_uid(a, "rec", "web"), "fc97c330f3348d7fb8a1fa09d3febb711da6d381");
}
END_TEST

START_TEST(names_pods_by_role_type) {
    static const struct { const char *type, *component; int id; const char *want; } rows[] = {
        {ROLE_TYPE_POD, "router", 0, "g-r-0"},
        {ROLE_TYPE_POD, "router", 3, "g-r-0"},
        {ROLE_TYPE_LWS, "leader", 0, "g-r-0-0"},
        {ROLE_TYPE_LWS, "worker", 0, "g-r-0-1"},
        {ROLE_TYPE_LWS, "worker", 4, "g-r-0-5"},
        {ROLE_TYPE_COMPONENTS, "worker", 4, "g-r-0-worker-4"},
        {NULL, "main", 0, "g-r-0-main-0"},
        {"Something", "main", 2, "g-r-0"},
    };
    ARENA_AUTO struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_str_eq(name_pod(a, "g-r-0", rows[i].type, rows[i].component, rows[i].id),
                         rows[i].want);
}
END_TEST

START_TEST(names_ordinal_takes_canonical_numbers_only) {
    static const struct { const char *name, *parent; int want; } rows[] = {
        {"web-r-0", "web-r", 0},    {"web-r-12", "web-r", 12},    {"web-r-012", "web-r", -1},
        {"web-r-", "web-r", -1},    {"web-r", "web-r", -1},       {"web-r-1-0", "web-r", -1},
        {"web-rr-1", "web-r", -1},  {"web-r--1", "web-r", -1},    {"web-r-+1", "web-r", -1},
        {"web-r-1x", "web-r", -1},  {"other-1", "web-r", -1},     {"web-r-2147483647", "web-r", 2147483647},
        {"web-r-2147483648", "web-r", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(name_ordinal(rows[i].name, rows[i].parent) == rows[i].want, "%s of %s",
                      rows[i].name, rows[i].parent);
}
END_TEST

START_TEST(names_short_hash_and_labels) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_str_eq(name_short_hash("web-router-7949f57bdc"), "7949f57bdc");
    ck_assert_str_eq(name_short_hash("7949f57bdc"), "7949f57bdc");
    ck_assert_str_eq(name_role_revision_label(a, "router"), "rbg.workloads.x-k8s.io/role-revision-router");
    ck_assert_str_eq(json_text(a, labels_common(a, "rec", "web", "router")),
                     "{\"rbg.workloads.x-k8s.io/group-name\":\"web\","
                     "\"rbg.workloads.x-k8s.io/group-uid\":\"fc97c330f3348d7fb8a1fa09d3febb711da6d381\","
                     "\"rbg.workloads.x-k8s.io/role-name\":\"router\"}");
}
END_TEST

TEST_MAIN("names", names_workload_is_cut_at_63_without_trailing_dash, names_adapter_is_not_cut,
          names_group_uid_is_the_recorded_hash, names_pods_by_role_type,
          names_ordinal_takes_canonical_numbers_only, names_short_hash_and_labels)
