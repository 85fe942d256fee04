/* What plans and conditions look like. */
#include "controller/core/plan.h"

#include <string.h>

#include "base/clock.h"
#include "docs.h"
#include "testing.h"

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

/* The first group after an installation, where owner references are checked: no Warning in its first half minute. */
START_TEST(a_kind_that_is_not_known_yet_is_no_news) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *root = doc_json(a, "{\"metadata\":{\"creationTimestamp\":\"2026-01-01T00:00:00Z\"}}");
    int64_t born;
    struct err e = ERR_INIT, other = ERR_INIT;
    ck_assert_int_eq(time_parse_rfc3339("2026-01-01T00:00:00Z", &born), 0);
    err_set(&e, ERR_FORBIDDEN, "HTTP 403 Forbidden: cannot set blockOwnerDeletion in this case because cannot find RESTMapping for "
            "APIVersion workloads.x-k8s.io/v1alpha2 Kind RoleBasedGroup: no matches for kind \"RoleBasedGroup\" in version");
    err_set(&other, ERR_FORBIDDEN, "HTTP 403 Forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource "
            "you can't set finalizers on");
    ck_assert(action_early(&e, root, born + 29000));
    ck_assert(!action_early(&e, root, born + 30000));
    ck_assert(!action_early(&other, root, born + 1000));
}
END_TEST

TEST_MAIN("plan", a_kind_that_is_not_known_yet_is_no_news, only_a_known_object_is_applied_with_force, an_equal_status_plans_nothing,
          a_transition_time_moves_with_the_status_only, barriers_do_not_pile_up)
