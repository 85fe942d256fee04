/* When a server-side apply is needed, and what plans and conditions look like. */
#include "controller/core/plan.h"

#include <string.h>

#include "docs.h"
#include "testing.h"

#define OWNED(fields) "\"managedFields\":[{\"manager\":\"rbg\",\"operation\":\"Apply\",\"fieldsV1\":" fields "}]"

static bool needed(const char *desired, const char *live) {
    ARENA_AUTO struct arena *a = arena_new();
    return apply_needed(doc_json(a, desired), doc_json(a, live));
}

START_TEST(an_absent_object_is_applied) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert(apply_needed(doc_json(a, "{}"), NULL));
}
END_TEST

START_TEST(defaults_of_the_server_are_no_difference) {
    ck_assert(!needed("{\"spec\":{\"replicas\":1}}",
                      "{\"metadata\":{" OWNED("{\"f:spec\":{\"f:replicas\":{}}}")
                      "},\"spec\":{\"replicas\":1,\"revisionHistoryLimit\":10}}"));
}
END_TEST

START_TEST(another_value_is_a_difference) {
    ck_assert(needed("{\"spec\":{\"replicas\":2}}",
                     "{\"metadata\":{" OWNED("{\"f:spec\":{\"f:replicas\":{}}}") "},\"spec\":{\"replicas\":1}}"));
}
END_TEST

START_TEST(a_key_that_we_applied_and_no_longer_want_is_a_difference) {
    ck_assert(needed("{\"metadata\":{\"labels\":{\"a\":\"1\"}}}",
                     "{\"metadata\":{" OWNED("{\"f:metadata\":{\"f:labels\":{\"f:a\":{},\"f:b\":{}}}}")
                     ",\"labels\":{\"a\":\"1\",\"b\":\"2\"}}}"));
}
END_TEST

START_TEST(a_key_of_somebody_else_is_none) {
    ck_assert(!needed("{\"metadata\":{\"labels\":{\"a\":\"1\"}}}",
                      "{\"metadata\":{" OWNED("{\"f:metadata\":{\"f:labels\":{\"f:a\":{}}}}")
                      ",\"labels\":{\"a\":\"1\",\"b\":\"2\"}}}"));
}
END_TEST

START_TEST(an_object_that_we_never_applied_is_applied) {
    ck_assert(needed("{\"data\":{\"k\":\"v\"}}",
                     "{\"metadata\":{\"managedFields\":[{\"manager\":\"other\",\"operation\":\"Apply\",\"fieldsV1\":{}}]},"
                     "\"data\":{\"k\":\"v\"}}"));
}
END_TEST

START_TEST(status_entries_do_not_count_as_applied) {
    ck_assert(needed("{\"data\":{}}",
                     "{\"metadata\":{\"managedFields\":[{\"manager\":\"rbg\",\"operation\":\"Apply\",\"subresource\":\"status\","
                     "\"fieldsV1\":{}}]},\"data\":{}}"));
}
END_TEST

START_TEST(lists_are_compared_whole) {
    static const char live[] = "{\"metadata\":{" OWNED("{\"f:l\":{}}") "},\"l\":[{\"a\":1,\"b\":2}]}";
    ck_assert(needed("{\"l\":[{\"a\":1}]}", live)); /* b was removed from an item of an atomic list */
    ck_assert(!needed("{\"l\":[{\"b\":2,\"a\":1}]}", live));
}
END_TEST

START_TEST(owner_references_of_others_are_no_difference) {
    static const char ours[] = "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"1\",\"name\":\"g\"}]}}";
    ck_assert(!needed(ours, "{\"metadata\":{" OWNED("{\"f:metadata\":{\"f:ownerReferences\":{\"k:{\\\"uid\\\":\\\"1\\\"}\":{}}}}")
                            ",\"ownerReferences\":[{\"uid\":\"0\",\"name\":\"x\"},{\"uid\":\"1\",\"name\":\"g\","
                            "\"controller\":true}]}}"));
    ck_assert(needed(ours, "{\"metadata\":{" OWNED("{}") ",\"ownerReferences\":[{\"uid\":\"0\",\"name\":\"g\"}]}}"));
}
END_TEST

START_TEST(only_a_known_object_is_applied_with_force) {
    ARENA_AUTO struct arena *a = arena_new();
    struct plan p;
    plan_init(&p, a);
    struct jv *desired = doc_json(a, "{\"metadata\":{\"name\":\"x\"},\"data\":{\"k\":\"v\"}}");
    ck_assert(!plan_apply(&p, KIND_CONFIGMAP, desired, NULL)->force);
    ck_assert(plan_apply(&p, KIND_CONFIGMAP, desired, doc_json(a, "{\"metadata\":{\"name\":\"x\"}}"))->force);
}
END_TEST

START_TEST(an_equal_status_plans_nothing) {
    ARENA_AUTO struct arena *a = arena_new();
    struct plan p;
    plan_init(&p, a);
    struct jv *live = doc_json(a, "{\"metadata\":{\"name\":\"x\"},\"status\":{\"n\":1,\"old\":2}}");
    ck_assert_ptr_null(plan_status(&p, KIND_RIS, live, doc_json(a, "{\"old\":2,\"n\":1}"), 0));
    ck_assert_uint_eq(p.n, 0);
    struct action *w = plan_status(&p, KIND_RIS, live, doc_json(a, "{\"n\":1}"), 0);
    ck_assert_str_eq(json_text(a, w->body), "{\"status\":{\"old\":null}}"); /* what is gone is removed */
}
END_TEST

START_TEST(a_transition_time_moves_with_the_status_only) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *old = doc_json(a, "[{\"type\":\"Ready\",\"status\":\"True\",\"lastTransitionTime\":\"2026-01-01T00:00:00Z\"}]"),
        *list = jv_new_arr(a);
    int64_t now = 1800000000000;
    condition_put(a, list, old, "Ready", true, "Other", NULL, 0, now);
    condition_put(a, list, old, "Ready", false, NULL, "why", 3, now);
    ck_assert_str_eq(jv_get_str(jv_idx(list, 0), "lastTransitionTime"), "2026-01-01T00:00:00Z");
    ck_assert_str_eq(jv_get_str(jv_idx(list, 1), "lastTransitionTime"), "2027-01-15T08:00:00Z");
    ck_assert_int_eq(jv_get_int(jv_idx(list, 1), "observedGeneration", 0), 3);
    ck_assert_ptr_null(jv_get(jv_idx(list, 1), "reason"));
}
END_TEST

START_TEST(barriers_do_not_pile_up) {
    ARENA_AUTO struct arena *a = arena_new();
    struct plan p;
    plan_init(&p, a);
    plan_barrier(&p);
    ck_assert_uint_eq(p.n, 0);
    plan_event(&p, "Normal", "R", "%s", "m");
    plan_barrier(&p);
    plan_barrier(&p);
    ck_assert_uint_eq(p.n, 2);
}
END_TEST

/* ---- objects that others change in part ---- */

#define ROLES_OF(a_fields, b_fields) \
    OWNED("{\"f:metadata\":{\"f:labels\":{\"f:l\":{}}},\"f:spec\":{\"f:roles\":{\"k:{\\\"name\\\":\\\"a\\\"}\":" a_fields \
          ",\"k:{\\\"name\\\":\\\"b\\\"}\":" b_fields "}}}")
#define ROLES ROLES_OF("{\".\":{},\"f:name\":{},\"f:replicas\":{}}", "{\".\":{},\"f:name\":{}}")
#define LIVE(roles) \
    "{\"metadata\":{\"name\":\"g\",\"labels\":{\"l\":\"1\",\"theirs\":\"2\"}," ROLES "},\"spec\":{\"roles\":[" roles "]}}"
#define WANT(roles) "{\"kind\":\"K\",\"metadata\":{\"name\":\"g\",\"labels\":{\"l\":\"1\"}},\"spec\":{\"roles\":[" roles "]}}"
#define ROLE_A "{\"name\":\"a\",\"replicas\":1}"
#define ROLE_B "{\"name\":\"b\"}"

START_TEST(a_shared_object_is_compared_element_by_element) {
    static const struct {
        const char *want, *live;
        bool needed;
    } cases[] = {
        {WANT(ROLE_A "," ROLE_B), LIVE(ROLE_A "," ROLE_B), false},
        {WANT(ROLE_A "," ROLE_B), LIVE(ROLE_B "," ROLE_A), false},                                   /* another order */
        {WANT(ROLE_A "," ROLE_B), LIVE(ROLE_A ",{\"name\":\"b\",\"replicas\":7}"), false},          /* a field of others */
        {WANT(ROLE_A "," ROLE_B), LIVE(ROLE_A "," ROLE_B ",{\"name\":\"c\"}"), false},              /* an element of others */
        {WANT(ROLE_A "," ROLE_B), LIVE("{\"name\":\"a\",\"replicas\":2}," ROLE_B), true},           /* what we said is changed */
        {WANT(ROLE_A "," ROLE_B), LIVE(ROLE_A), true},                                               /* or gone */
        {WANT(ROLE_A), LIVE(ROLE_A "," ROLE_B), true},                                               /* wanted no more */
        {WANT("{\"name\":\"a\"}," ROLE_B), LIVE(ROLE_A "," ROLE_B), true},                          /* a field wanted no more */
        {WANT(ROLE_A "," ROLE_B ",{\"name\":\"c\"}"), LIVE(ROLE_A "," ROLE_B), true},               /* one more */
        {WANT(ROLE_A "," ROLE_B ",{\"name\":\"c\"}"), LIVE(ROLE_A "," ROLE_B ",{\"name\":\"c\"}"), true}, /* there, not ours */
        {WANT(ROLE_A "," ROLE_B), "{\"metadata\":{\"labels\":{\"l\":\"1\"}},\"spec\":{\"roles\":[" ROLE_A "," ROLE_B "]}}", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        bool got = apply_shared_needed(doc_json(a, cases[i].want), doc_json(a, cases[i].live));
        ck_assert_msg(got == cases[i].needed, "case %zu", i);
    }
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert(apply_shared_needed(doc_json(a, WANT(ROLE_A)), NULL));
}
END_TEST

START_TEST(values_of_sets_and_whole_lists) {
    static const char live[] = "{\"metadata\":{" OWNED("{\"f:spec\":{\"f:set\":{\"v:\\\"x\\\"\":{}},\"f:list\":{}}}")
                               "},\"spec\":{\"set\":[\"y\",\"x\"],\"list\":[1,2]}}";
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *have = doc_json(a, live);
    ck_assert(!apply_shared_needed(doc_json(a, "{\"metadata\":{},\"spec\":{\"set\":[\"x\"],\"list\":[1,2]}}"), have));
    ck_assert(apply_shared_needed(doc_json(a, "{\"metadata\":{},\"spec\":{\"set\":[\"x\"],\"list\":[2,1]}}"), have));
    ck_assert(apply_shared_needed(doc_json(a, "{\"metadata\":{},\"spec\":{\"set\":[\"z\"],\"list\":[1,2]}}"), have));
    ck_assert(apply_shared_needed(doc_json(a, "{\"metadata\":{},\"spec\":{\"list\":[1,2]}}"), have));
}
END_TEST

TEST_MAIN("plan", an_absent_object_is_applied, defaults_of_the_server_are_no_difference, another_value_is_a_difference,
          a_key_that_we_applied_and_no_longer_want_is_a_difference, a_key_of_somebody_else_is_none,
          an_object_that_we_never_applied_is_applied, status_entries_do_not_count_as_applied, lists_are_compared_whole,
          owner_references_of_others_are_no_difference, only_a_known_object_is_applied_with_force, an_equal_status_plans_nothing,
          a_transition_time_moves_with_the_status_only, barriers_do_not_pile_up, a_shared_object_is_compared_element_by_element,
          values_of_sets_and_whole_lists)
