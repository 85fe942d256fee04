/* Whole scenarios on the embedded cluster: groups come up in order, scale, lose roles, survive failing pods and writes, and go
 * away. */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "scenario.h"

static struct sim *small(void) {
    return sim_new(&sim_opts_default);
}

static void ck_names(struct sim *s, enum kind k, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *have = scenario_names(s, a, k);
    SCENARIO_CHECK(s, str_eq(have, want), "%s: \"%s\", expected \"%s\"", kind_info(k)->plural, have, want);
}

/* ---- coming up ---- */

START_TEST(every_example_gets_ready) {
    glob_t found;
    ck_assert_int_eq(glob(SOURCE_DIR "/examples/*.yaml", 0, NULL, &found), 0);
    ck_assert_uint_ge(found.gl_pathc, 5);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct sim *s = small();
        struct jv **docs;
        size_t n = scenario_load(a, found.gl_pathv[i], &docs);
        for (size_t d = 0; d < n; d++) scenario_apply(s, docs[d]);
        scenario_ready(s);
        SCENARIO_CHECK(s, cluster_count(sim_cluster(s), KIND_POD) >= 2, "%s", found.gl_pathv[i]);
        sim_free(s);
    }
    globfree(&found);
}
END_TEST

struct seen { bool router, violated; };

static void router_after_workers(void *ctx, struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    struct seen *seen = ctx;
    if (!cluster_get(sim_cluster(s), a, KIND_RIS, "default", "g-router") || seen->router) return;
    seen->router = true; /* the moment it is created */
    struct jv **ris;
    size_t n = cluster_list(sim_cluster(s), a, KIND_RI, &ris), ready = 0;
    for (size_t i = 0; i < n; i++)
        ready += condition_true(jv_path(ris[i], "status", "conditions", (char *)0), COND_RI_READY);
    seen->violated = ready < 3;
}

START_TEST(a_role_starts_when_its_dependencies_are_ready) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    struct seen seen = {0};
    sim_watch_steps(s, router_after_workers, &seen);
    scenario_apply(s, scenario_group(a, "g", 3, true));
    scenario_ready(s);
    SCENARIO_CHECK(s, seen.router && !seen.violated, "the router was created before its workers were ready");
    sim_free(s);
}
END_TEST

START_TEST(a_dependency_that_breaks_later_stops_nothing) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    struct jv *g = scenario_group(a, "g", 2, true);
    scenario_apply(s, g);
    scenario_ready(s);
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_NOT_READY, .pod = "g-worker-*"});
    jv_set_int(a, scenario_role(g, "router"), "replicas", 3);
    scenario_apply(s, g);
    sim_wait(s, 60000);
    ck_names(s, KIND_RI, "g-router-0 g-router-1 g-router-2 g-worker-0 g-worker-1");
    SCENARIO_CHECK(s, !groups_ready(s), "broken workers go unnoticed");
    kubelet_rules_clear(sim_kubelet(s));
    scenario_ready(s);
    sim_free(s);
}
END_TEST


struct order { size_t last; bool violated; };

/* Under OrderedReady, the moment an instance appears all before it are ready. */
static void in_order(void *ctx, struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    struct order *o = ctx;
    struct jv **ris;
    size_t n = cluster_list(sim_cluster(s), a, KIND_RI, &ris);
    if (n > o->last + 1) o->violated = true;
    for (size_t i = 0; n > o->last && i + 1 < n; i++)
        if (!condition_true(jv_path(ris[i], "status", "conditions", (char *)0), COND_RI_READY)) o->violated = true;
    o->last = n;
}

START_TEST(ordered_ready_makes_one_after_the_other) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    struct jv *g = scenario_group(a, "g", 4, false);
    struct order order = {0};
    jv_set_str(a, scenario_role(g, "worker"), "podManagementPolicy", "OrderedReady");
    sim_watch_steps(s, in_order, &order);
    scenario_apply(s, g);
    sim_run(s, 1000, NULL, NULL);
    ck_names(s, KIND_RI, "g-worker-0");
    scenario_ready(s);
    SCENARIO_CHECK(s, !order.violated && order.last == 4, "an instance was made before the one before it was ready");
    ck_names(s, KIND_RI, "g-worker-0 g-worker-1 g-worker-2 g-worker-3");
    sim_free(s);
}
END_TEST

/* ---- changing ---- */

START_TEST(scales_up_and_down_from_the_end) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    struct jv *g = scenario_group(a, "g", 1, false), *worker = scenario_role(g, "worker");
    static const int sizes[] = {1, 5, 2, 0, 3};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        jv_set_int(a, worker, "replicas", sizes[i]);
        scenario_apply(s, g);
        scenario_ready(s);
        char *want = arena_strdup(a, "");
        for (int o = 0; o < sizes[i]; o++) want = arena_printf(a, "%s%sg-worker-%d", want, o ? " " : "", o);
        ck_names(s, KIND_RI, want);
        ck_names(s, KIND_POD, want);
    }
    sim_free(s);
}
END_TEST

START_TEST(scaling_leaves_the_other_pods_alone) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    struct jv *g = scenario_group(a, "g", 2, false);
    scenario_apply(s, g);
    scenario_ready(s);
    const char *before = meta_uid(cluster_get(sim_cluster(s), a, KIND_POD, "default", "g-worker-0"));
    jv_set_int(a, scenario_role(g, "worker"), "replicas", 4);
    scenario_apply(s, g);
    scenario_ready(s);
    const char *after = meta_uid(cluster_get(sim_cluster(s), a, KIND_POD, "default", "g-worker-0"));
    SCENARIO_CHECK(s, str_eq(before, after), "scaling recreated a pod");
    sim_free(s);
}
END_TEST

START_TEST(a_removed_role_takes_its_objects_along) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    struct jv *g = scenario_group(a, "g", 2, true), *roles = jv_path(g, "spec", "roles", (char *)0);
    scenario_apply(s, g);
    scenario_ready(s);
    jv_remove(roles, 0); /* the router */
    scenario_apply(s, g);
    scenario_ready(s);
    ck_names(s, KIND_RIS, "g-worker");
    ck_names(s, KIND_SERVICE, "s-g-worker");
    ck_names(s, KIND_POD, "g-worker-0 g-worker-1");
    sim_free(s);
}
END_TEST

START_TEST(a_deleted_group_leaves_nothing) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    struct err e = ERR_INIT;
    scenario_apply(s, scenario_group(a, "g", 3, true));
    scenario_ready(s);
    ASSERT_OK(sim_delete(s, KIND_RBG, "default", "g", &e));
    scenario_settle(s, HOUR_MS);
    size_t left = cluster_count(sim_cluster(s), KIND_NONE) - cluster_count(sim_cluster(s), KIND_NODE);
    SCENARIO_CHECK(s, left == 0, "%zu objects are left", left);
    sim_free(s);
}
END_TEST

START_TEST(a_group_deleted_and_made_again_at_once_comes_up) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    struct err e = ERR_INIT;
    struct jv *g = scenario_group(a, "g", 2, true);
    scenario_apply(s, g);
    scenario_ready(s);
    ASSERT_OK(sim_delete(s, KIND_RBG, "default", "g", &e));
    scenario_apply(s, g);
    scenario_ready(s);
    sim_free(s);
}
END_TEST

/* ---- failing pods ---- */

START_TEST(a_failed_pod_is_replaced) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    kubelet_rule_add(sim_kubelet(s),
                     &(struct kubelet_rule){.fault = FAULT_FAIL, .pod = "g-worker-1", .after_ms = 5000, .times = 1});
    scenario_apply(s, scenario_group(a, "g", 2, false));
    sim_wait(s, 4000);
    const char *before = meta_uid(cluster_get(sim_cluster(s), a, KIND_POD, "default", "g-worker-1"));
    scenario_ready(s);
    const char *after = meta_uid(cluster_get(sim_cluster(s), a, KIND_POD, "default", "g-worker-1"));
    SCENARIO_CHECK(s, !str_eq(before, after), "the failed pod is still there");
    sim_free(s);
}
END_TEST

START_TEST(a_pod_deleted_by_hand_comes_back) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    struct err e = ERR_INIT;
    scenario_apply(s, scenario_group(a, "g", 2, false));
    scenario_ready(s);
    ASSERT_OK(sim_delete(s, KIND_POD, "default", "g-worker-0", &e));
    sim_wait(s, 500);
    SCENARIO_CHECK(s, !groups_ready(s), "a missing pod goes unnoticed");
    scenario_ready(s);
    ck_names(s, KIND_POD, "g-worker-0 g-worker-1");
    sim_free(s);
}
END_TEST

START_TEST(children_deleted_by_hand_come_back) {
    ARENA_AUTO struct arena *a = arena_new();
    static const struct { enum kind kind; const char *name; } victims[] = {
        {KIND_RIS, "g-worker"}, {KIND_RI, "g-worker-1"}, {KIND_SERVICE, "s-g-worker"}, {KIND_CONFIGMAP, "g"}};
    struct sim *s = small();
    scenario_apply(s, scenario_group(a, "g", 2, true));
    scenario_ready(s);
    const char *before = scenario_state(s, a);
    for (size_t i = 0; i < sizeof victims / sizeof *victims; i++) {
        struct err e = ERR_INIT;
        ASSERT_OK(sim_delete(s, victims[i].kind, "default", victims[i].name, &e));
        scenario_ready(s);
        const char *after = scenario_state(s, a);
        SCENARIO_CHECK(s, str_eq(before, after), "after the loss of %s:\n%s\nbefore:\n%s", victims[i].name, after, before);
    }
    sim_free(s);
}
END_TEST

START_TEST(an_unschedulable_pod_is_named_in_the_status) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_UNSCHEDULABLE, .pod = "g-worker-1"});
    scenario_apply(s, scenario_group(a, "g", 2, false));
    sim_wait(s, 30000);
    const char *state = state_text(a, KIND_RI, cluster_get(sim_cluster(s), a, KIND_RI, "default", "g-worker-1"));
    SCENARIO_CHECK(s, strstr(state, "g-worker-1 waits for a node"), "%s", state);
    sim_wait(s, HOUR_MS); /* within which it is called stalled */
    int64_t writes = sim_writes(s);
    sim_wait(s, HOUR_MS);
    SCENARIO_CHECK(s, sim_writes(s) == writes, "%lld writes in an hour in which nothing changed",
                   (long long)(sim_writes(s) - writes));
    kubelet_rules_clear(sim_kubelet(s));
    scenario_ready(s);
    sim_free(s);
}
END_TEST

/* ---- failing writes ---- */

struct unlucky { int left; };

static int every_third(void *ctx, const struct action *w, struct err *e) {
    struct unlucky *u = ctx;
    (void)w;
    return u->left > 0 && u->left-- % 3 == 0 ? err_set(e, ERR_UNAVAILABLE, "injected") : 0;
}

START_TEST(failing_writes_are_tried_again) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small(), *calm = small();
    struct unlucky u = {200};
    sim_fail_writes(s, every_third, &u);
    scenario_apply(s, scenario_group(a, "g", 4, true));
    scenario_apply(calm, scenario_group(a, "g", 4, true));
    scenario_ready(s);
    scenario_ready(calm);
    ck_assert_str_eq(scenario_state(s, a), scenario_state(calm, a));
    sim_free(s);
    sim_free(calm);
}
END_TEST

START_TEST(a_foreign_namesake_is_no_victim) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    struct err e = ERR_INIT;
    struct jv *theirs = kind_object(a, KIND_RIS, "default", "g-worker");
    jv_set(a, theirs, "spec", doc_json(a, "{\"replicas\":0,\"roleInstanceTemplate\":{\"components\":[]}}"));
    ASSERT_OK(cluster_create(sim_cluster(s), "somebody", KIND_RIS, theirs, &e));
    scenario_apply(s, scenario_group(a, "g", 2, true));
    sim_wait(s, 60000);
    const struct jv *live = cluster_get(sim_cluster(s), a, KIND_RIS, "default", "g-worker");
    ck_assert_int_eq(jv_get_int(jv_get(live, "spec"), "replicas", -1), 0);
    const char *state = state_text(a, KIND_RBG, cluster_get(sim_cluster(s), a, KIND_RBG, "default", "g"));
    SCENARIO_CHECK(s, strstr(state, "RoleInstanceSet g-worker"), "%s", state);
    ASSERT_OK(sim_delete(s, KIND_RIS, "default", "g-worker", &e));
    scenario_ready(s);
    sim_free(s);
}
END_TEST

/* ---- quiet, and always the same ---- */

START_TEST(nothing_is_written_when_nothing_changes) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    scenario_apply(s, scenario_group(a, "g", 3, true));
    scenario_ready(s);
    int64_t writes = sim_writes(s);
    sim_wait(s, 24 * HOUR_MS);
    sim_restart(s);
    sim_wait(s, HOUR_MS);
    ck_assert_int_eq(sim_writes(s), writes);
    sim_free(s);
}
END_TEST

START_TEST(seven_writes_a_pod_are_enough) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = small();
    scenario_apply(s, scenario_group(a, "g", 20, false));
    scenario_ready(s);
    SCENARIO_CHECK(s, sim_writes(s) <= 7 * 20, "%lld writes for 20 pods", (long long)sim_writes(s));
    sim_free(s);
}
END_TEST

static char *run_once(struct arena *a, uint64_t seed) {
    struct sim_opts o = sim_opts_default;
    o.kubelet.jitter_ms = 700;
    o.kubelet.seed = o.shuffle = seed;
    struct sim *s = sim_new(&o);
    struct jv *g = scenario_group(a, "g", 5, true);
    scenario_apply(s, g);
    scenario_ready(s);
    scenario_image(a, scenario_role(g, "worker"), "engine:2");
    scenario_apply(s, g);
    scenario_ready(s);
    char *text = arena_strdup(a, timeline_text(sim_timeline(s)));
    sim_free(s);
    return text;
}

START_TEST(the_same_input_gives_the_same_timeline) {
    ARENA_AUTO struct arena *a = arena_new();
    for (uint64_t seed = 1; seed <= 3; seed++) ck_assert_str_eq(run_once(a, seed), run_once(a, seed));
    ck_assert_str_ne(run_once(a, 1), run_once(a, 2));
}
END_TEST

/* In a burst the first status of an instance waits. Nobody waits for it: the set looks at the pods, the role that depends on it
 * starts, the group is ready. */
START_TEST(a_first_status_that_waits_holds_nothing_up) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim_opts o = sim_opts_default;
    o.record_ms = 60000;
    struct sim *s = sim_new(&o);
    struct jv *g = scenario_group(a, "g", 2, true);
    jv_set_int(a, scenario_role(g, "worker"), "minReadySeconds", 15);
    scenario_apply(s, g);
    sim_wait(s, 10000);
    const struct jv *ri = cluster_get(sim_cluster(s), a, KIND_RI, "default", "g-worker-0"),
                    *ris = cluster_get(sim_cluster(s), a, KIND_RIS, "default", "g-worker");
    SCENARIO_CHECK(s, groups_ready(s), "it waits for the status of an instance");
    SCENARIO_CHECK(s, jv_is_empty(jv_get(ri, "status")), "the status did not wait");
    ck_assert_int_eq(jv_get_int(jv_get(ris, "status"), "readyReplicas", -1), 2);
    ck_assert_int_eq(jv_get_int(jv_get(ris, "status"), "availableReplicas", -1), 0);
    sim_wait(s, 20000);
    ris = cluster_get(sim_cluster(s), a, KIND_RIS, "default", "g-worker");
    ck_assert_int_eq(jv_get_int(jv_get(ris, "status"), "availableReplicas", -1), 2);
    scenario_ready(s);
    ri = cluster_get(sim_cluster(s), a, KIND_RI, "default", "g-worker-0");
    ck_assert(condition_true(jv_path(ri, "status", "conditions", (char *)0), COND_RI_READY));
    sim_free(s);
}
END_TEST

#define SPEC(policy) "{" policy "\"components\":[{\"name\":\"c\",\"size\":1,\"template\":{\"spec\":{\"containers\":" \
                     "[{\"name\":\"main\",\"image\":\"engine:1\"}]}}}]}"

static void told_at_once(enum kind k, const char *name, const char *spec, const char *instance) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim_opts o = sim_opts_default;
    o.record_ms = HOUR_MS;
    struct sim *s = sim_new(&o);
    struct jv *doc = kind_object(a, k, "default", name);
    jv_set(a, doc, "spec", doc_json(a, spec));
    scenario_apply(s, doc);
    sim_wait(s, 10000);
    const struct jv *ri = cluster_get(sim_cluster(s), a, KIND_RI, "default", instance);
    SCENARIO_CHECK(s, condition_true(jv_path(ri, "status", "conditions", (char *)0), COND_RI_READY), "%s is not told", name);
    sim_free(s);
}

/* An instance that is ready without its pods, and one that no set looks at, can only be seen to be ready from their status. */
START_TEST(a_first_status_that_pods_do_not_tell_does_not_wait) {
    told_at_once(KIND_RI, "one", SPEC(""), "one");
    told_at_once(KIND_RIS, "set", "{\"replicas\":1,\"selector\":{\"matchLabels\":{\"a\":\"b\"}},\"roleInstanceTemplate\":"
                                  SPEC("\"readyPolicy\":\"None\",") "}", "set-0");
}
END_TEST

TEST_MAIN("sim_scenario", every_example_gets_ready, a_first_status_that_waits_holds_nothing_up,
          a_first_status_that_pods_do_not_tell_does_not_wait, a_role_starts_when_its_dependencies_are_ready,
          a_dependency_that_breaks_later_stops_nothing, ordered_ready_makes_one_after_the_other, scales_up_and_down_from_the_end,
          scaling_leaves_the_other_pods_alone, a_removed_role_takes_its_objects_along, a_deleted_group_leaves_nothing,
          a_group_deleted_and_made_again_at_once_comes_up, a_failed_pod_is_replaced, a_pod_deleted_by_hand_comes_back,
          children_deleted_by_hand_come_back, an_unschedulable_pod_is_named_in_the_status, failing_writes_are_tried_again,
          a_foreign_namesake_is_no_victim, nothing_is_written_when_nothing_changes,
          seven_writes_a_pod_are_enough, the_same_input_gives_the_same_timeline)
