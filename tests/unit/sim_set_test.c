/* Sets of groups on the embedded cluster: made, scaled, rolled one at a time, mended, left alone where others have a say. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "scenario.h"
#include "verdict.h"

static struct jv *fleet(struct arena *a, int replicas) {
    struct jv *set = doc_json(a, "{\"apiVersion\":\"workloads.x-k8s.io/v1alpha2\",\"kind\":\"RoleBasedGroupSet\","
                                 "\"metadata\":{\"name\":\"fleet\",\"namespace\":\"default\"}}"),
              *spec = jv_need_obj(a, set, "spec"), *template = jv_need_obj(a, spec, "groupTemplate");
    jv_set_int(a, spec, "replicas", replicas);
    jv_set(a, template, "labels", doc_json(a, "{\"fleet\":\"x\"}"));
    jv_set(a, template, "annotations", doc_json(a, "{\"note\":\"why\"}"));
    jv_set(a, template, "spec", jv_get(scenario_group(a, "g", 1, false), "spec"));
    return set;
}

static struct jv *template_role(struct jv *set) {
    return jv_idx(jv_path(set, "spec", "groupTemplate", "spec", "roles", (char *)0), 0);
}

static struct jv *live(struct sim *s, struct arena *a, enum kind k, const char *name) {
    return cluster_get(sim_cluster(s), a, k, "default", name);
}

static const struct jv *ready_of(struct sim *s, struct arena *a) {
    return jv_find(jv_path(live(s, a, KIND_RBGSET, "fleet"), "status", "conditions", (char *)0), "type", "Ready");
}

static int64_t count_of(struct sim *s, struct arena *a, const char *field) {
    return jv_get_int(jv_get(live(s, a, KIND_RBGSET, "fleet"), "status"), field, -1);
}

static void ck_groups(struct sim *s, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *have = scenario_names(s, a, KIND_RBG);
    SCENARIO_CHECK(s, str_eq(have, want), "\"%s\", expected \"%s\"", have, want);
}

static void patch_group(struct sim *s, struct arena *a, const char *name, const char *patch) {
    struct err e = ERR_INIT;
    ASSERT_OK(cluster_patch(sim_cluster(s), "user", KIND_RBG, "default", name, doc_json(a, patch), false, &e));
}

START_TEST(groups_are_made_of_the_template) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, fleet(a, 2));
    scenario_ready(s);
    ck_groups(s, "fleet-0 fleet-1");
    const struct jv *g = live(s, a, KIND_RBG, "fleet-1"), *meta = jv_get(g, "metadata");
    ck_assert(jv_eq(jv_get(meta, "labels"), doc_json(a, "{\"fleet\":\"x\",\"" L_GROUPSET_NAME "\":\"fleet\",\"" L_GROUPSET_INDEX
                                                       "\":\"1\"}")));
    ck_assert_str_eq(meta_annotation(g, "note"), "why");
    ck_assert_str_eq(jv_get_str(meta_controller(g), "uid"), meta_uid(live(s, a, KIND_RBGSET, "fleet")));
    ck_assert_str_eq(jv_get_str(ready_of(s, a), "reason"), "AllReplicasReady");
    ck_assert_int_eq(count_of(s, a, "replicas"), 2);
    ck_assert_int_eq(count_of(s, a, "readyReplicas"), 2);
    ck_assert_int_eq(count_of(s, a, "observedGeneration"), meta_generation(live(s, a, KIND_RBGSET, "fleet")));
    scenario_fixpoint(s);
    sim_free(s);
}
END_TEST

START_TEST(scaling_takes_the_highest) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    static const struct { int n; const char *names; } steps[] = {
        {3, "fleet-0 fleet-1 fleet-2"}, {1, "fleet-0"}, {0, ""}, {2, "fleet-0 fleet-1"}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        scenario_apply(s, fleet(a, steps[i].n));
        scenario_settle(s, HOUR_MS);
        ck_groups(s, steps[i].names);
        ck_assert_int_eq(count_of(s, a, "replicas"), steps[i].n);
        ck_assert(condition_true(jv_path(live(s, a, KIND_RBGSET, "fleet"), "status", "conditions", (char *)0), "Ready"));
    }
    scenario_fixpoint(s);
    sim_free(s);
}
END_TEST

struct watch { size_t most, before; };

/* How many of the groups serve nobody at this moment. */
static void count_down(void *ctx, struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    struct watch *w = ctx;
    struct jv **groups;
    size_t n = cluster_list(sim_cluster(s), a, KIND_RBG, &groups), down = 0;
    for (size_t i = 0; i < n; i++)
        down += !condition_true(jv_path(groups[i], "status", "conditions", (char *)0), "Ready") ||
                jv_get_int(jv_get(groups[i], "status"), "observedGeneration", 0) != meta_generation(groups[i]);
    if (down > w->most) w->most = down;
}

START_TEST(a_template_rolls_one_group_at_a_time) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *set = fleet(a, 4);
    struct watch w = {0};
    scenario_apply(s, set);
    scenario_ready(s);
    scenario_image(a, template_role(set), "engine:2");
    scenario_rolling(a, template_role(set), "type", "\"RecreatePod\"");
    sim_watch_steps(s, count_down, &w);
    scenario_apply(s, set);
    scenario_settle(s, HOUR_MS);
    ck_assert_uint_eq(w.most, 1);
    ck_assert_uint_eq(scenario_events(s, "SuccessfulUpdate"), 4);
    ck_assert_str_eq(scenario_images(s, a), "fleet-0-worker-0=engine:2 fleet-1-worker-0=engine:2 fleet-2-worker-0=engine:2 "
                                            "fleet-3-worker-0=engine:2");
    scenario_fixpoint(s);
    sim_free(s);
}
END_TEST

static bool runs(struct sim *s, struct arena *a, const char *group, const char *image) {
    return strstr(json_text(a, live(s, a, KIND_RBG, group)), arena_printf(a, "\"image\":\"%s\"", image)) != NULL;
}

static void ck_runs(struct sim *s, const char *image, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **groups;
    size_t n = cluster_list(sim_cluster(s), a, KIND_RBG, &groups);
    char *have = arena_strdup(a, "");
    for (size_t i = 0; i < n; i++)
        if (runs(s, a, meta_name(groups[i]), image))
            have = arena_printf(a, "%s%s%s", have, *have ? " " : "", meta_name(groups[i]));
    SCENARIO_CHECK(s, str_eq(have, want), "%s is in \"%s\", expected \"%s\"", image, have, want);
}

/* Nobody is served by those that are down, so they go first: one, to see whether the template is good. */
START_TEST(broken_groups_are_changed_first) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *set = fleet(a, 4);
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_PULL, .pod = "fleet-[123]-*", .image = "engine:1"});
    scenario_apply(s, set);
    sim_wait(s, 60000);
    const char *message = jv_get_str(ready_of(s, a), "message");
    SCENARIO_CHECK(s, strstr(message, "1 of 4 groups are ready; fleet-1: role worker") && strstr(message, "; and 2 more groups"),
                   "%s", message);
    scenario_image(a, template_role(set), "engine:2");
    scenario_apply(s, set);
    sim_wait(s, 1000);
    ck_runs(s, "engine:2", "fleet-3");
    sim_run(s, HOUR_MS, NULL, NULL);
    scenario_ready(s);
    ck_runs(s, "engine:2", "fleet-0 fleet-1 fleet-2 fleet-3");
    sim_free(s);
}
END_TEST

/* One whose node is gone, say: the template is not to blame. */
START_TEST(one_that_was_broken_before_does_not_stop_the_others_for_ever) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *set = fleet(a, 3);
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_UNSCHEDULABLE, .pod = "fleet-1-*"});
    scenario_apply(s, set);
    sim_wait(s, 60000);
    scenario_image(a, template_role(set), "engine:2");
    scenario_apply(s, set);
    sim_wait(s, 60000);
    ck_runs(s, "engine:2", "fleet-1");
    sim_wait(s, HOUR_MS);
    ck_runs(s, "engine:2", "fleet-0 fleet-1 fleet-2");
    const struct jv *conditions = jv_path(live(s, a, KIND_RBGSET, "fleet"), "status", "conditions", (char *)0);
    ck_assert_str_eq(jv_get_str(jv_find(conditions, "type", "Stalled"), "reason"), "Unschedulable");
    ck_assert_int_eq(verdict_kstatus(live(s, a, KIND_RBGSET, "fleet")), FAILED);
    sim_free(s);
}
END_TEST

START_TEST(a_broken_template_stops_at_the_first) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *set = fleet(a, 3);
    scenario_apply(s, set);
    scenario_ready(s);
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_PULL, .image = "engine:2"});
    scenario_image(a, template_role(set), "engine:2");
    scenario_apply(s, set);
    sim_wait(s, 3 * HOUR_MS);
    ck_runs(s, "engine:2", "fleet-2");
    scenario_image(a, template_role(set), "engine:3");
    scenario_apply(s, set);
    sim_wait(s, HOUR_MS);
    ck_runs(s, "engine:3", "fleet-0 fleet-1 fleet-2");
    sim_free(s);
}
END_TEST

static void count_changed(void *ctx, struct sim *s) {
    struct watch *w = ctx;
    size_t n = scenario_events(s, "SuccessfulUpdate");
    if (n - w->before > w->most) w->most = n - w->before;
    w->before = n;
}

/* They may serve all the same, by another program. */
START_TEST(groups_that_can_never_be_ready_are_changed_one_by_one) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *set = fleet(a, 3);
    struct watch w = {0};
    jv_set(a, template_role(set), "annotations", doc_json(a, "{\"" A_WORKLOAD_TYPE "\":\"apps/v1/Deployment\"}"));
    scenario_apply(s, set);
    sim_wait(s, 60000);
    scenario_image(a, template_role(set), "engine:2");
    sim_watch_steps(s, count_changed, &w);
    scenario_apply(s, set);
    sim_wait(s, 60000);
    ck_runs(s, "engine:2", "fleet-0 fleet-1 fleet-2");
    ck_assert_uint_eq(w.most, 1);
    sim_free(s);
}
END_TEST

static void judge(void *ctx, struct sim *s) {
    struct watch *w = ctx;
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *set = live(s, a, KIND_RBGSET, "fleet");
    if (!strstr(scenario_images(s, a), "engine:1")) return;
    w->most++;
    SCENARIO_CHECK(s, verdict_kubectl_wait(set, "Ready") == IN_PROGRESS && verdict_kstatus(set) == IN_PROGRESS &&
                   verdict_argo(set) == IN_PROGRESS, "%s", json_text(a, jv_get(set, "status")));
}

START_TEST(nobody_is_told_too_early) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *set = fleet(a, 3);
    struct watch w = {0};
    scenario_apply(s, set);
    scenario_ready(s);
    scenario_image(a, template_role(set), "engine:2");
    sim_watch_steps(s, judge, &w);
    scenario_apply(s, set);
    scenario_settle(s, HOUR_MS);
    ck_assert_uint_gt(w.most, 10);
    set = live(s, a, KIND_RBGSET, "fleet");
    ck_assert_int_eq(verdict_kubectl_wait(set, "Ready"), CURRENT);
    ck_assert_int_eq(verdict_kstatus(set), CURRENT);
    ck_assert_int_eq(count_of(s, a, "updatedReplicas"), 3);
    sim_free(s);
}
END_TEST

START_TEST(what_others_add_stays_and_what_they_take_comes_back) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, fleet(a, 2));
    scenario_ready(s);
    patch_group(s, a, "fleet-0", "{\"metadata\":{\"labels\":{\"theirs\":\"1\",\"fleet\":null},\"annotations\":{\"a\":\"b\"}}}");
    struct err e = ERR_INIT;
    ASSERT_OK(sim_delete(s, KIND_RBG, "default", "fleet-1", &e));
    scenario_settle(s, HOUR_MS);
    const struct jv *g = live(s, a, KIND_RBG, "fleet-0");
    ck_assert_str_eq(meta_label(g, "theirs"), "1");
    ck_assert_str_eq(meta_label(g, "fleet"), "x");
    ck_assert_str_eq(meta_annotation(g, "a"), "b");
    ck_groups(s, "fleet-0 fleet-1");
    scenario_fixpoint(s);
    sim_free(s);
}
END_TEST

START_TEST(a_role_that_is_autoscaled_keeps_its_count) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *set = fleet(a, 2);
    struct err e = ERR_INIT;
    jv_set(a, template_role(set), "scalingAdapter", doc_json(a, "{\"enable\":true}"));
    scenario_apply(s, set);
    scenario_ready(s);
    ASSERT_OK(cluster_patch(sim_cluster(s), "autoscaler", KIND_ADAPTER, "default", "fleet-0-worker",
                            doc_json(a, "{\"spec\":{\"replicas\":3}}"), false, &e));
    scenario_settle(s, HOUR_MS);
    ck_assert_uint_eq(cluster_count(sim_cluster(s), KIND_RI), 4);
    scenario_image(a, template_role(set), "engine:2");
    scenario_apply(s, set);
    scenario_settle(s, HOUR_MS);
    ck_assert_uint_eq(cluster_count(sim_cluster(s), KIND_RI), 4);
    ck_assert(!strstr(scenario_images(s, a), "engine:1"));
    scenario_fixpoint(s);
    sim_free(s);
}
END_TEST

START_TEST(a_group_of_somebody_else_is_left_alone) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, scenario_group(a, "fleet-0", 2, false));
    scenario_apply(s, fleet(a, 2));
    sim_wait(s, 60000);
    const char *message = jv_get_str(ready_of(s, a), "message");
    SCENARIO_CHECK(s, strstr(message, "1 of 2 groups are ready; fleet-0: a RoleBasedGroup fleet-0 exists"), "%s", message);
    ck_assert_ptr_null(meta_controller(live(s, a, KIND_RBG, "fleet-0")));
    ck_groups(s, "fleet-0 fleet-1");
    struct err e = ERR_INIT;
    ASSERT_OK(sim_delete(s, KIND_RBG, "default", "fleet-0", &e));
    sim_wait(s, 60000);
    scenario_ready(s);
    ck_assert_str_eq(jv_get_str(ready_of(s, a), "reason"), "AllReplicasReady");
    sim_free(s);
}
END_TEST

START_TEST(groups_go_with_their_set) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct err e = ERR_INIT;
    scenario_apply(s, fleet(a, 2));
    scenario_ready(s);
    ASSERT_OK(sim_delete(s, KIND_RBGSET, "default", "fleet", &e));
    scenario_settle(s, HOUR_MS);
    for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
        if (k != KIND_NODE) ck_assert_str_eq(scenario_names(s, a, (enum kind)k), "");
    sim_free(s);
}
END_TEST

TEST_MAIN("sim_set", groups_are_made_of_the_template, scaling_takes_the_highest, a_template_rolls_one_group_at_a_time,
          broken_groups_are_changed_first,
          one_that_was_broken_before_does_not_stop_the_others_for_ever, a_broken_template_stops_at_the_first,
          groups_that_can_never_be_ready_are_changed_one_by_one, nobody_is_told_too_early,
          what_others_add_stays_and_what_they_take_comes_back,
          a_role_that_is_autoscaled_keeps_its_count, a_group_of_somebody_else_is_left_alone, groups_go_with_their_set)
