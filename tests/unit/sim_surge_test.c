/* What serves is capacity, whatever its revision is and whether it is one of `replicas` or of the surge: it is taken out of service
 * only while the others are enough. Measured from the pods (lib/oracle.h), after every single change. */
#include <stdio.h>

#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "oracle.h"
#include "scenario.h"

static const char *const update_types[] = {"RecreatePod", "InPlaceIfPossible"};

/* Three instances of two pods, of which none may be missing; an update that has to make pods anew takes long. */
static struct jv *group(struct arena *a, const char *type, int replicas, int down, int surge, int min_ready) {
    struct jv *g = kind_object(a, KIND_RBG, NULL, "g");
    jv_set(a, g, "spec",
           doc_json(a, arena_printf(a, "{\"roles\":[{\"name\":\"w\",\"replicas\":%d,\"minReadySeconds\":%d,"
                                    "\"leaderWorkerPattern\":{\"size\":2,\"template\":{\"spec\":{\"containers\":["
                                    "{\"name\":\"main\",\"image\":\"eng:1\"}]}}},"
                                    "\"rolloutStrategy\":{\"type\":\"RollingUpdate\",\"rollingUpdate\":{\"type\":\"%s\","
                                    "\"maxUnavailable\":%d,\"maxSurge\":%d}}}]}", replicas, min_ready, type, down, surge)));
    return g;
}

static void set_image(struct arena *a, struct jv *g, const char *image) {
    struct jv *t = jv_path(scenario_role(g, "w"), "leaderWorkerPattern", "template", "spec", "containers", (char *)0);
    jv_set_str(a, jv_idx(t, 0), "image", image);
}

static bool instance_ready(struct sim *s, const char *name) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *ri = cluster_get(sim_cluster(s), a, KIND_RI, "default", name);
    return ri && condition_true(jv_path(ri, "status", "conditions", (char *)0), COND_RI_READY);
}

static bool surge_stands_in(void *ctx, struct sim *s) {
    (void)ctx;
    return instance_ready(s, "g-w-3") && !instance_ready(s, "g-w-2");
}

static struct sim *settled(struct jv *g, struct oracle **o) {
    struct sim *s = sim_new(&sim_opts_default);
    *o = oracle_new(s);
    scenario_apply(s, g);
    scenario_ready(s);
    sim_wait(s, 60000);
    oracle_reset(*o);
    return s;
}

static void all_at(struct sim *s, const char *image) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **pods;
    size_t n = cluster_list(sim_cluster(s), a, KIND_POD, &pods);
    SCENARIO_CHECK(s, n == 6, "%zu pods", n);
    for (size_t i = 0; i < n; i++) {
        const struct jv *c = jv_idx(jv_path(pods[i], "spec", "containers", (char *)0), 0);
        SCENARIO_CHECK(s, str_eq(jv_get_str(c, "image"), image), "%s", scenario_images(s, a));
    }
}

/* From the middle of a rollout with surge to `image`: the third template, or the first again. The manager dies after `writes` of
 * the writes that follow; 0: it does not. Returns whether it died. */
static bool turn(const char *type, const char *image, int64_t writes) {
    ARENA_AUTO struct arena *a = arena_new();
    struct oracle *o;
    struct jv *g = group(a, type, 3, 0, 1, 0);
    struct sim *s = settled(g, &o);
    set_image(a, g, "eng:2");
    scenario_apply(s, g);
    bool there = sim_run(s, HOUR_MS, surge_stands_in, NULL);
    SCENARIO_CHECK(s, there, "the extra instance never stands in for g-w-2");
    set_image(a, g, image);
    if (writes) sim_crash_after(s, writes);
    scenario_apply(s, g);
    sim_wait(s, 20000);
    bool died = sim_crashed(s);
    if (died) sim_restart(s);
    scenario_ready(s);
    all_at(s, image);
    SCENARIO_CHECK(s, oracle_least(o, "g-w") >= 3, "%s to %s: only %d of 3 instances served", type, image, oracle_least(o, "g-w"));
    SCENARIO_CHECK(s, oracle_most(o, "g-w") <= 4, "%d instances", oracle_most(o, "g-w"));
    oracle_free(o);
    sim_free(s);
    return died;
}

START_TEST(a_third_template_in_a_rollout_with_surge_keeps_all_in_service) {
    for (size_t t = 0; t < 2; t++) turn(update_types[t], "eng:3", 0);
}
END_TEST

START_TEST(a_rollback_in_a_rollout_with_surge_keeps_all_in_service) {
    for (size_t t = 0; t < 2; t++) turn(update_types[t], "eng:1", 0);
}
END_TEST

START_TEST(so_does_a_manager_that_ends_at_any_write) {
    for (size_t t = 0; t < 2; t++) {
        int64_t writes = 1 + (int64_t)t * 3;
        while (turn(update_types[t], t ? "eng:3" : "eng:1", writes)) writes += 7;
        ck_assert_int_gt(writes, 20);
    }
}
END_TEST

/* Ready is not available: what has been ready for less than minReadySeconds stands in for nobody, at either end of a rollout. */
START_TEST(min_ready_seconds_count_for_the_surge_too) {
    for (size_t t = 0; t < 2; t++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct oracle *o;
        struct jv *g = group(a, update_types[t], 3, 0, 1, 30);
        struct sim *s = settled(g, &o);
        set_image(a, g, "eng:2");
        scenario_apply(s, g);
        scenario_ready(s);
        all_at(s, "eng:2");
        SCENARIO_CHECK(s, oracle_least(o, "g-w") >= 3, "%s: only %d of 3 were available", update_types[t], oracle_least(o, "g-w"));
        SCENARIO_CHECK(s, oracle_takes(o) >= 3, "%zu", oracle_takes(o));
        const struct jv *ris = cluster_get(sim_cluster(s), a, KIND_RIS, "default", "g-w");
        ck_assert_int_eq(jv_get_int(jv_get(ris, "status"), "availableReplicas", -1), 3);
        oracle_free(o);
        sim_free(s);
    }
}
END_TEST

/* Scaled in, paused, or its partition raised in the middle: the extra instance stays until the base serves without it. */
START_TEST(other_edits_in_a_rollout_with_surge_keep_all_in_service) {
    static const char *const edits[] = {"\"paused\":true", "\"partition\":2", "\"maxSurge\":2", "\"type\":\"RecreatePod\"",
                                        "replicas"};
    for (size_t k = 0; k < sizeof edits / sizeof *edits; k++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct oracle *o;
        struct jv *g = group(a, update_types[k % 2], 3, 0, 1, 5), *role = scenario_role(g, "w");
        struct sim *s = settled(g, &o);
        set_image(a, g, "eng:2");
        scenario_apply(s, g);
        sim_run(s, HOUR_MS, surge_stands_in, NULL);
        if (edits[k][0] == 'r') jv_set_int(a, role, "replicas", 2);
        else jv_merge_shallow(a, jv_path(role, "rolloutStrategy", "rollingUpdate", (char *)0),
                              doc_json(a, arena_printf(a, "{%s}", edits[k])));
        scenario_apply(s, g);
        scenario_settle(s, HOUR_MS);
        scenario_fixpoint(s);
        int want = edits[k][0] == 'r' ? 2 : 3;
        SCENARIO_CHECK(s, oracle_least(o, "g-w") >= want, "%s: only %d were available", edits[k], oracle_least(o, "g-w"));
        SCENARIO_CHECK(s, oracle_available(o, "g-w") == (k == 0 ? 4 : want), "%s: %d at the end", edits[k],
                       oracle_available(o, "g-w"));
        oracle_free(o);
        sim_free(s);
    }
}
END_TEST

/* An instance that serves beyond the wanted ordinals is no surplus while the base does not serve. */
START_TEST(a_scaled_in_set_keeps_what_serves_until_the_base_does) {
    ARENA_AUTO struct arena *a = arena_new();
    struct oracle *o;
    struct jv *g = group(a, "RecreatePod", 4, 1, 0, 0);
    struct sim *s = settled(g, &o);
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_NOT_READY, .pod = "g-w-[01]-*"});
    struct err e = ERR_INIT;
    ASSERT_OK(sim_delete(s, KIND_RI, "default", "g-w-0", &e));
    ASSERT_OK(sim_delete(s, KIND_RI, "default", "g-w-1", &e));
    sim_wait(s, 30000);
    jv_set_int(a, scenario_role(g, "w"), "replicas", 2);
    scenario_apply(s, g);
    sim_wait(s, 60000);
    ck_assert_str_eq(scenario_names(s, a, KIND_RI), "g-w-0 g-w-1 g-w-2"); /* one of two may be missing */
    kubelet_rules_clear(sim_kubelet(s));
    scenario_ready(s);
    ck_assert_str_eq(scenario_names(s, a, KIND_RI), "g-w-0 g-w-1");
    oracle_free(o);
    sim_free(s);
}
END_TEST

/* A broken extra instance serves nobody: a corrected template replaces it at once, and the base waits for it. */
START_TEST(a_broken_surge_is_replaced_without_budget) {
    for (size_t t = 0; t < 2; t++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct oracle *o;
        struct jv *g = group(a, update_types[t], 3, 0, 1, 0);
        struct sim *s = settled(g, &o);
        kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_NOT_READY, .image = "*:broken"});
        set_image(a, g, "eng:broken");
        scenario_apply(s, g);
        sim_wait(s, 60000);
        ck_assert_int_eq(oracle_available(o, "g-w"), 3);
        set_image(a, g, "eng:2");
        scenario_apply(s, g);
        scenario_ready(s);
        all_at(s, "eng:2");
        SCENARIO_CHECK(s, oracle_least(o, "g-w") >= 3, "only %d of 3 instances served", oracle_least(o, "g-w"));
        oracle_free(o);
        sim_free(s);
    }
}
END_TEST

static void available_never_falls(void *ctx, struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    int64_t *most = ctx;
    const struct jv *set = cluster_get(sim_cluster(s), a, KIND_RIS, "default", "g-w");
    int64_t now = jv_get_int(jv_get(set, "status"), "availableReplicas", 0);
    SCENARIO_CHECK(s, now >= *most, "%lld are available after %lld", (long long)now, (long long)*most);
    *most = now;
}

/* In a busy cluster an instance's first status is written long after its pods were ready; it says nothing new. */
START_TEST(a_late_first_status_makes_nobody_unavailable) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim_opts o = sim_opts_default;
    int64_t most = 0;
    o.record_ms = 30000;
    struct sim *s = sim_new(&o);
    sim_watch_steps(s, available_never_falls, &most);
    scenario_apply(s, group(a, "RecreatePod", 3, 1, 0, 15));
    scenario_ready(s);
    ck_assert_int_eq(most, 3);
    sim_free(s);
}
END_TEST

TEST_MAIN("sim_surge", a_third_template_in_a_rollout_with_surge_keeps_all_in_service,
          a_rollback_in_a_rollout_with_surge_keeps_all_in_service, so_does_a_manager_that_ends_at_any_write,
          min_ready_seconds_count_for_the_surge_too, other_edits_in_a_rollout_with_surge_keep_all_in_service,
          a_scaled_in_set_keeps_what_serves_until_the_base_does, a_broken_surge_is_replaced_without_budget,
          a_late_first_status_makes_nobody_unavailable)
