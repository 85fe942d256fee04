/* The rules of the API server that the simulated cluster keeps. Where a rule is Kubernetes' own, the expectation is what a real API
 * server does, not what happens to be convenient. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "controller/core/plan.h"
#include "docs.h"
#include "scenario.h"
#include "sim/fields.h"

struct fixture {
    struct arena *a;
    struct clock *clock;
    struct cluster *c;
    int changes;
};

static void count(void *ctx, enum kind k, const struct jv *was, const struct jv *is) {
    (void)k;
    (void)was;
    (void)is;
    ((struct fixture *)ctx)->changes++;
}

static void setup(struct fixture *f) {
    *f = (struct fixture){.a = arena_new(), .clock = clock_fake_new(1767225600000)};
    f->c = cluster_new(f->clock);
    cluster_watch(f->c, count, f);
}

static void teardown(struct fixture *f) {
    cluster_free(f->c);
    clock_fake_free(f->clock);
    arena_free(f->a);
}

static struct jv *config_map(struct fixture *f, const char *data) {
    struct jv *cm = kind_object(f->a, KIND_CONFIGMAP, "default", "x");
    jv_set(f->a, cm, "data", doc_json(f->a, data));
    return cm;
}

static struct jv *get(struct fixture *f, enum kind k, const char *name) {
    return cluster_get(f->c, f->a, k, "default", name);
}

static void ck_json(struct arena *a, const struct jv *have, const char *want) {
    ck_assert_msg(jv_eq(have, doc_json(a, want)), "%s, expected %s", have ? json_text(a, have) : "nothing", want);
}

START_TEST(create_refuses_a_namesake) {
    struct fixture f;
    struct err e = ERR_INIT;
    setup(&f);
    ASSERT_OK(cluster_create(f.c, "m", KIND_CONFIGMAP, config_map(&f, "{}"), &e));
    ASSERT_ERR(cluster_create(f.c, "m", KIND_CONFIGMAP, config_map(&f, "{}"), &e), ERR_EXISTS);
    struct jv *bad = kind_object(f.a, KIND_CONFIGMAP, "default", "No_Name");
    ASSERT_ERR(cluster_create(f.c, "m", KIND_CONFIGMAP, bad, &e), ERR_INVALID);
    ck_assert_uint_eq(cluster_count(f.c, KIND_CONFIGMAP), 1);
    teardown(&f);
}
END_TEST

START_TEST(only_the_spec_makes_a_generation) {
    struct fixture f;
    struct err e = ERR_INIT;
    setup(&f);
    struct jv *g = scenario_group(f.a, "g", 1, false);
    jv_set(f.a, g, "status", doc_json(f.a, "{\"observedGeneration\":7}"));
    ASSERT_OK(cluster_create(f.c, "m", KIND_RBG, g, &e));
    ck_assert_int_eq(meta_generation(get(&f, KIND_RBG, "g")), 1);
    ck_assert_ptr_null(jv_get(get(&f, KIND_RBG, "g"), "status")); /* not through the main resource */
    ASSERT_OK(cluster_patch(f.c, "m", KIND_RBG, "default", "g", doc_json(f.a, "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}"), false,
                            &e));
    ASSERT_OK(cluster_patch(f.c, "m", KIND_RBG, "default", "g",
                            doc_json(f.a, "{\"status\":{\"observedGeneration\":1},\"spec\":{\"roles\":[]}}"), true, &e));
    ck_assert_int_eq(meta_generation(get(&f, KIND_RBG, "g")), 1);
    ck_assert_uint_eq(jv_len(jv_path(get(&f, KIND_RBG, "g"), "spec", "roles", (char *)0)), 1);
    ck_json(f.a, jv_get(get(&f, KIND_RBG, "g"), "status"), "{\"observedGeneration\":1}");
    jv_set_int(f.a, scenario_role(g, "worker"), "replicas", 3);
    ASSERT_OK(cluster_apply(f.c, "m", KIND_RBG, g, true, &e));
    ck_assert_int_eq(meta_generation(get(&f, KIND_RBG, "g")), 2);
    ck_json(f.a, jv_get(get(&f, KIND_RBG, "g"), "status"), "{\"observedGeneration\":1}");
    teardown(&f);
}
END_TEST

START_TEST(a_write_without_a_change_is_none) {
    struct fixture f;
    struct err e = ERR_INIT;
    setup(&f);
    ASSERT_OK(cluster_apply(f.c, "m", KIND_CONFIGMAP, config_map(&f, "{\"a\":\"1\"}"), false, &e));
    const char *rv = meta_rv(get(&f, KIND_CONFIGMAP, "x"));
    ASSERT_OK(cluster_apply(f.c, "m", KIND_CONFIGMAP, config_map(&f, "{\"a\":\"1\"}"), false, &e));
    ASSERT_OK(cluster_patch(f.c, "m", KIND_CONFIGMAP, "default", "x", doc_json(f.a, "{\"data\":{\"a\":\"1\"}}"), false, &e));
    ck_assert_str_eq(rv, meta_rv(get(&f, KIND_CONFIGMAP, "x")));
    ck_assert_int_eq(f.changes, 1);
    teardown(&f);
}
END_TEST

START_TEST(definitions_write_their_defaults) {
    struct fixture f;
    struct err e = ERR_INIT;
    setup(&f);
    struct jv *ris = kind_object(f.a, KIND_RIS, "default", "s"), *ri = kind_object(f.a, KIND_RI, "default", "i");
    jv_set(f.a, ris, "spec", doc_json(f.a, "{\"roleInstanceTemplate\":{\"components\":[]}}"));
    jv_set(f.a, ri, "spec", doc_json(f.a, "{\"components\":[]}"));
    ASSERT_OK(cluster_create(f.c, "m", KIND_RIS, ris, &e));
    ASSERT_OK(cluster_create(f.c, "m", KIND_RI, ri, &e));
    ck_assert_int_eq(jv_get_int(jv_get(get(&f, KIND_RIS, "s"), "spec"), "revisionHistoryLimit", 0), 10);
    ck_assert_str_eq(jv_get_str(jv_get(get(&f, KIND_RI, "i"), "spec"), "readyPolicy"), "AllPodReady");
    teardown(&f);
}
END_TEST

/* ---- server-side apply ---- */

START_TEST(apply_removes_what_it_set_before_and_leaves_what_others_set) {
    struct fixture f;
    struct err e = ERR_INIT;
    setup(&f);
    ASSERT_OK(cluster_apply(f.c, "rbg", KIND_CONFIGMAP, config_map(&f, "{\"a\":\"1\",\"b\":\"1\"}"), false, &e));
    ASSERT_OK(cluster_patch(f.c, "kubectl", KIND_CONFIGMAP, "default", "x", doc_json(f.a, "{\"data\":{\"theirs\":\"1\"}}"), false,
                            &e));
    ASSERT_OK(cluster_apply(f.c, "rbg", KIND_CONFIGMAP, config_map(&f, "{\"a\":\"2\"}"), true, &e));
    ck_json(f.a, jv_get(get(&f, KIND_CONFIGMAP, "x"), "data"), "{\"a\":\"2\",\"theirs\":\"1\"}");
    teardown(&f);
}
END_TEST

START_TEST(a_field_that_two_managers_apply_stays_until_both_let_go) {
    struct fixture f;
    struct err e = ERR_INIT;
    setup(&f);
    ASSERT_OK(cluster_apply(f.c, "one", KIND_CONFIGMAP, config_map(&f, "{\"a\":\"1\",\"b\":\"1\"}"), false, &e));
    /* The same value: no conflict. */
    ASSERT_OK(cluster_apply(f.c, "two", KIND_CONFIGMAP, config_map(&f, "{\"a\":\"1\"}"), false, &e));
    ASSERT_OK(cluster_apply(f.c, "one", KIND_CONFIGMAP, config_map(&f, "{\"b\":\"1\"}"), false, &e));
    ck_json(f.a, jv_get(get(&f, KIND_CONFIGMAP, "x"), "data"), "{\"a\":\"1\",\"b\":\"1\"}");
    ASSERT_OK(cluster_apply(f.c, "two", KIND_CONFIGMAP, config_map(&f, "{\"b\":\"1\"}"), false, &e));
    ck_json(f.a, jv_get(get(&f, KIND_CONFIGMAP, "x"), "data"), "{\"b\":\"1\"}");
    teardown(&f);
}
END_TEST

START_TEST(another_managers_value_is_a_conflict_unless_forced) {
    struct fixture f;
    struct err e = ERR_INIT;
    setup(&f);
    ASSERT_OK(cluster_create(f.c, "kubectl", KIND_CONFIGMAP, config_map(&f, "{\"a\":\"1\"}"), &e));
    ASSERT_ERR(cluster_apply(f.c, "rbg", KIND_CONFIGMAP, config_map(&f, "{\"a\":\"2\"}"), false, &e), ERR_CONFLICT);
    ck_assert_msg(strstr(e.msg, "conflict with \"kubectl\": .data.a"), "%s", e.msg);
    ASSERT_OK(cluster_apply(f.c, "rbg", KIND_CONFIGMAP, config_map(&f, "{\"a\":\"2\"}"), true, &e));
    ck_json(f.a, jv_get(get(&f, KIND_CONFIGMAP, "x"), "data"), "{\"a\":\"2\"}");
    ASSERT_ERR(cluster_apply(f.c, "kubectl", KIND_CONFIGMAP, config_map(&f, "{\"a\":\"1\"}"), false, &e), ERR_CONFLICT);
    teardown(&f);
}
END_TEST

START_TEST(apply_needed_agrees_with_what_an_apply_changes) {
    static const char *const states[] = {"{}", "{\"a\":\"1\"}", "{\"a\":\"2\"}", "{\"b\":\"1\"}", "{\"a\":\"1\",\"b\":\"1\"}"};
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 5; j++) {
            struct fixture f;
            struct err e = ERR_INIT;
            setup(&f);
            struct jv *want = config_map(&f, states[j]);
            ASSERT_OK(cluster_apply(f.c, FIELD_MANAGER, KIND_CONFIGMAP, config_map(&f, states[i]), false, &e));
            bool needed = apply_needed(KIND_CONFIGMAP, want, get(&f, KIND_CONFIGMAP, "x"));
            int before = f.changes;
            ASSERT_OK(cluster_apply(f.c, FIELD_MANAGER, KIND_CONFIGMAP, want, true, &e));
            ck_assert_msg(needed == (f.changes != before), "%s -> %s", states[i], states[j]);
            ck_assert(!apply_needed(KIND_CONFIGMAP, want, get(&f, KIND_CONFIGMAP, "x")));
            teardown(&f);
        }
    }
}
END_TEST

/* ---- patches and preconditions ---- */

START_TEST(another_uid_is_refused) {
    struct fixture f;
    struct err e = ERR_INIT;
    setup(&f);
    ASSERT_OK(cluster_create(f.c, "m", KIND_CONFIGMAP, config_map(&f, "{}"), &e));
    ASSERT_ERR(cluster_patch(f.c, "m", KIND_CONFIGMAP, "default", "x", doc_json(f.a, "{\"metadata\":{\"uid\":\"other\"}}"), false,
                             &e),
               ERR_REJECTED);
    ASSERT_ERR(cluster_delete(f.c, KIND_CONFIGMAP, "default", "x", "other", &e), ERR_CONFLICT);
    ASSERT_ERR(cluster_delete(f.c, KIND_CONFIGMAP, "default", "y", NULL, &e), ERR_NOT_FOUND);
    ASSERT_OK(cluster_delete(f.c, KIND_CONFIGMAP, "default", "x", meta_uid(get(&f, KIND_CONFIGMAP, "x")), &e));
    ck_assert_ptr_null(get(&f, KIND_CONFIGMAP, "x"));
    teardown(&f);
}
END_TEST

START_TEST(pods_are_patched_strategically) {
    struct fixture f;
    struct err e = ERR_INIT;
    setup(&f);
    struct jv *pod = kind_object(f.a, KIND_POD, "default", "p");
    jv_set(f.a, pod, "spec", doc_json(f.a, "{\"containers\":[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"1\"}]}"));
    ASSERT_OK(cluster_create(f.c, "m", KIND_POD, pod, &e));
    ASSERT_OK(cluster_patch(f.c, "m", KIND_POD, "default", "p",
                            doc_json(f.a, "{\"spec\":{\"containers\":[{\"name\":\"b\",\"image\":\"2\"}]}}"), false, &e));
    ck_json(f.a, jv_path(get(&f, KIND_POD, "p"), "spec", "containers", (char *)0),
            "[{\"name\":\"a\",\"image\":\"1\"},{\"name\":\"b\",\"image\":\"2\"}]");
    static const char *const steps[] = {"{\"status\":{\"conditions\":[{\"type\":\"A\",\"status\":\"True\",\"reason\":\"r\"}]}}",
                                        "{\"status\":{\"conditions\":[{\"type\":\"B\",\"status\":\"True\"}]}}",
                                        "{\"status\":{\"conditions\":[{\"type\":\"A\",\"status\":\"False\",\"reason\":null}]}}"};
    for (size_t i = 0; i < 3; i++)
        ASSERT_OK(cluster_patch(f.c, "m", KIND_POD, "default", "p", doc_json(f.a, steps[i]), true, &e));
    const struct jv *list = jv_path(get(&f, KIND_POD, "p"), "status", "conditions", (char *)0);
    ck_assert_uint_eq(jv_len(list), 2);
    ck_json(f.a, jv_find(list, "type", "A"), "{\"type\":\"A\",\"status\":\"False\"}");
    teardown(&f);
}
END_TEST

/* ---- the end of objects ---- */

START_TEST(garbage_goes_generation_by_generation) {
    struct fixture f;
    struct err e = ERR_INIT;
    setup(&f);
    ASSERT_OK(cluster_create(f.c, "m", KIND_RBG, scenario_group(f.a, "g", 1, false), &e));
    struct jv *child = config_map(&f, "{}"), *service = kind_object(f.a, KIND_SERVICE, "default", "s");
    jv_push(f.a, jv_need_arr(f.a, jv_get(child, "metadata"), "ownerReferences"),
            kind_owner_ref(f.a, KIND_RBG, get(&f, KIND_RBG, "g"), true, true));
    ASSERT_OK(cluster_create(f.c, "m", KIND_CONFIGMAP, child, &e));
    jv_push(f.a, jv_need_arr(f.a, jv_get(service, "metadata"), "ownerReferences"),
            kind_owner_ref(f.a, KIND_CONFIGMAP, get(&f, KIND_CONFIGMAP, "x"), true, true));
    ASSERT_OK(cluster_create(f.c, "m", KIND_SERVICE, service, &e));
    ck_assert_uint_eq(cluster_collect(f.c), 0);
    ASSERT_OK(cluster_delete(f.c, KIND_RBG, "default", "g", NULL, &e));
    /* A namesake with another uid is no owner. */
    ASSERT_OK(cluster_create(f.c, "m", KIND_RBG, scenario_group(f.a, "g", 1, false), &e));
    ck_assert_uint_eq(cluster_collect(f.c), 1);
    ck_assert_uint_eq(cluster_collect(f.c), 1);
    ck_assert_uint_eq(cluster_collect(f.c), 0);
    ck_assert_uint_eq(cluster_count(f.c, KIND_NONE), 1);
    teardown(&f);
}
END_TEST

START_TEST(finalizers_hold_an_object) {
    struct fixture f;
    struct err e = ERR_INIT;
    setup(&f);
    struct jv *cm = config_map(&f, "{}");
    jv_set(f.a, jv_get(cm, "metadata"), "finalizers", doc_json(f.a, "[\"example.com/hold\"]"));
    ASSERT_OK(cluster_create(f.c, "m", KIND_CONFIGMAP, cm, &e));
    ASSERT_OK(cluster_delete(f.c, KIND_CONFIGMAP, "default", "x", NULL, &e));
    ck_assert(meta_deleting(get(&f, KIND_CONFIGMAP, "x")));
    ASSERT_OK(cluster_patch(f.c, "m", KIND_CONFIGMAP, "default", "x", doc_json(f.a, "{\"metadata\":{\"finalizers\":null}}"), false,
                            &e));
    ck_assert_ptr_null(get(&f, KIND_CONFIGMAP, "x"));
    teardown(&f);
}
END_TEST

START_TEST(a_running_pod_is_marked_one_without_a_node_is_gone) {
    struct fixture f;
    struct err e = ERR_INIT;
    setup(&f);
    static const char *const specs[] = {"{\"containers\":[]}",
                                        "{\"containers\":[],\"nodeName\":\"n\",\"terminationGracePeriodSeconds\":5}"};
    for (size_t i = 0; i < 2; i++) {
        struct jv *pod = kind_object(f.a, KIND_POD, "default", "p");
        jv_set(f.a, pod, "spec", doc_json(f.a, specs[i]));
        ASSERT_OK(cluster_create(f.c, "m", KIND_POD, pod, &e));
        ASSERT_OK(cluster_delete(f.c, KIND_POD, "default", "p", NULL, &e));
        ck_assert(i ? meta_deleting(get(&f, KIND_POD, "p")) : !get(&f, KIND_POD, "p"));
    }
    ck_assert_str_eq(jv_str(jv_path(get(&f, KIND_POD, "p"), "metadata", "deletionTimestamp", (char *)0), ""),
                     "2026-01-01T00:00:05Z");
    teardown(&f);
}
END_TEST

START_TEST(the_source_shows_what_the_caches_would) {
    struct fixture f;
    struct err e = ERR_INIT;
    setup(&f);
    struct jv *ours = config_map(&f, "{}"), *other = kind_object(f.a, KIND_CONFIGMAP, "default", "y");
    jv_set_str(f.a, jv_need_obj(f.a, jv_get(ours, "metadata"), "labels"), L_GROUP_NAME, "g");
    ASSERT_OK(cluster_create(f.c, "m", KIND_CONFIGMAP, ours, &e));
    ASSERT_OK(cluster_create(f.c, "m", KIND_CONFIGMAP, other, &e));
    struct jv **list;
    const struct source *src = cluster_source(f.c);
    ck_assert_uint_eq(source_group(src, f.a, KIND_CONFIGMAP, "default", "g", &list), 1);
    ck_assert_ptr_null(jv_path(list[0], "metadata", "managedFields", (char *)0)); /* those of others are not kept */
    ck_assert_ptr_null(source_get(src, f.a, KIND_CONFIGMAP, "default", "y"));
    ck_assert_ptr_nonnull(source_get(src, f.a, KIND_CONFIGMAP, "default", "x"));
    teardown(&f);
}
END_TEST

TEST_MAIN("sim_cluster", create_refuses_a_namesake, only_the_spec_makes_a_generation, a_write_without_a_change_is_none,
          definitions_write_their_defaults, apply_removes_what_it_set_before_and_leaves_what_others_set,
          a_field_that_two_managers_apply_stays_until_both_let_go, another_managers_value_is_a_conflict_unless_forced,
          apply_needed_agrees_with_what_an_apply_changes, another_uid_is_refused, pods_are_patched_strategically,
          garbage_goes_generation_by_generation, finalizers_hold_an_object, a_running_pod_is_marked_one_without_a_node_is_gone,
          the_source_shows_what_the_caches_would)
