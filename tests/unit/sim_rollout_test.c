/* Rollouts on the embedded cluster. What a strategy promises is checked after every single step, not only at the end. */
#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "scenario.h"

/* What is sampled after each step. */
struct bounds {
    int replicas;
    bool settled;                    /* the group has been ready once: from now on the budget holds */
    int most_down, most_instances;   /* base instances not serving; instances alive */
    int least_serving;               /* instances that serve, those of the surge included */
    int oldest_updated;              /* lowest ordinal whose pod had the new image */
    const char *new_image;
};

static bool serving(const struct jv *ri) {
    return ri && !meta_deleting(ri) && condition_true(jv_path(ri, "status", "conditions", (char *)0), COND_RI_READY);
}

static void sample(void *ctx, struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    struct bounds *b = ctx;
    struct jv **pods;
    if (!b->settled) return;
    int down = 0, all = (int)cluster_count(sim_cluster(s), KIND_RI);
    for (int o = 0; o < b->replicas; o++) {
        const char *name = arena_printf(a, "g-worker-%d", o);
        const struct jv *pod = cluster_get(sim_cluster(s), a, KIND_POD, "default", name);
        bool up = serving(cluster_get(sim_cluster(s), a, KIND_RI, "default", name)) &&
                  condition_true(jv_path(pod, "status", "conditions", (char *)0), "Ready");
        down += !up;
    }
    struct jv **ris;
    size_t nris = cluster_list(sim_cluster(s), a, KIND_RI, &ris), n = cluster_list(sim_cluster(s), a, KIND_POD, &pods);
    int up_all = 0;
    for (size_t i = 0; i < nris; i++) up_all += serving(ris[i]);
    if (up_all < b->least_serving) b->least_serving = up_all;
    for (size_t i = 0; i < n; i++) {
        const struct jv *c = jv_idx(jv_path(pods[i], "spec", "containers", (char *)0), 0);
        int ordinal = name_ordinal(meta_name(pods[i]), "g-worker");
        if (str_eq(jv_get_str(c, "image"), b->new_image) && ordinal < b->oldest_updated) b->oldest_updated = ordinal;
    }
    if (down > b->most_down) b->most_down = down;
    if (all > b->most_instances) b->most_instances = all;
}

/* A ready group of `replicas` workers on engine:1, watched. */
static struct sim *ready_group(struct jv *g, int replicas, struct bounds *b) {
    struct sim *s = sim_new(&sim_opts_default);
    *b = (struct bounds){.replicas = replicas, .oldest_updated = INT32_MAX, .least_serving = INT32_MAX, .new_image = "engine:2"};
    sim_watch_steps(s, sample, b);
    scenario_apply(s, g);
    scenario_ready(s);
    b->settled = true;
    return s;
}

static void all_images(struct sim *s, int replicas, const char *image) {
    ARENA_AUTO struct arena *a = arena_new();
    char *want = arena_strdup(a, "");
    for (int o = 0; o < replicas; o++) want = arena_printf(a, "%s%sg-worker-%d=%s", want, o ? " " : "", o, image);
    const char *have = scenario_images(s, a);
    SCENARIO_CHECK(s, str_eq(have, want), "%s, expected %s", have, want);
}

static void uid_is(struct sim *s, const char *pod, const char *uid, bool same) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *now = meta_uid(cluster_get(sim_cluster(s), a, KIND_POD, "default", pod));
    SCENARIO_CHECK(s, str_eq(now, uid) == same, "pod %s was %s", pod, same ? "recreated" : "kept");
}

START_TEST(max_unavailable_is_never_exceeded) {
    static const char *const types[] = {"\"InPlaceIfPossible\"", "\"RecreatePod\"", "\"InPlaceOnly\""};
    for (int max = 1; max <= 3; max++) {
        for (size_t t = 0; t < 3; t++) {
            ARENA_AUTO struct arena *a = arena_new();
            struct bounds b;
            struct jv *g = scenario_group(a, "g", 5, false), *worker = scenario_role(g, "worker");
            scenario_rolling(a, worker, "type", types[t]);
            scenario_rolling(a, worker, "maxUnavailable", arena_printf(a, "%d", max));
            struct sim *s = ready_group(g, 5, &b);
            const char *uid = arena_strdup(a, meta_uid(cluster_get(sim_cluster(s), a, KIND_POD, "default", "g-worker-2")));
            scenario_image(a, worker, "engine:2");
            scenario_apply(s, g);
            scenario_ready(s);
            all_images(s, 5, "engine:2");
            uid_is(s, "g-worker-2", uid, t != 1);
            SCENARIO_CHECK(s, b.most_down == max, "%s: %d down at once, %d allowed", types[t], b.most_down, max);
            SCENARIO_CHECK(s, b.most_instances == 5, "%d instances", b.most_instances);
            sim_free(s);
        }
    }
}
END_TEST

START_TEST(surge_is_bounded_and_goes_again) {
    ARENA_AUTO struct arena *a = arena_new();
    struct bounds b;
    struct jv *g = scenario_group(a, "g", 4, false), *worker = scenario_role(g, "worker");
    scenario_rolling(a, worker, "maxUnavailable", "0");
    scenario_rolling(a, worker, "maxSurge", "2");
    struct sim *s = ready_group(g, 4, &b);
    scenario_image(a, worker, "engine:2");
    scenario_apply(s, g);
    scenario_ready(s);
    all_images(s, 4, "engine:2");
    SCENARIO_CHECK(s, b.most_instances == 6, "%d instances at once", b.most_instances);
    SCENARIO_CHECK(s, b.least_serving >= 4, "only %d of 4 served although none may be unavailable", b.least_serving);
    SCENARIO_CHECK(s, b.most_down <= 2, "%d base instances down: more than the surge stands in for", b.most_down);
    sim_free(s);
}
END_TEST

START_TEST(a_partition_holds_the_lower_ordinals) {
    ARENA_AUTO struct arena *a = arena_new();
    struct bounds b;
    struct jv *g = scenario_group(a, "g", 5, false), *worker = scenario_role(g, "worker");
    scenario_rolling(a, worker, "partition", "3");
    scenario_rolling(a, worker, "maxUnavailable", "4");
    struct sim *s = ready_group(g, 5, &b);
    scenario_image(a, worker, "engine:2");
    scenario_apply(s, g);
    scenario_settle(s, HOUR_MS);
    scenario_fixpoint(s);
    SCENARIO_CHECK(s, b.oldest_updated == 3, "ordinal %d was updated", b.oldest_updated);
    /* An instance below the partition that is lost comes back as it was. */
    struct err e = ERR_INIT;
    ASSERT_OK(sim_delete(s, KIND_RI, "default", "g-worker-1", &e));
    scenario_settle(s, HOUR_MS);
    const char *want = "g-worker-0=engine:1 g-worker-1=engine:1 g-worker-2=engine:1 g-worker-3=engine:2 g-worker-4=engine:2";
    const char *have = scenario_images(s, a);
    SCENARIO_CHECK(s, str_eq(have, want), "%s", have);
    scenario_rolling(a, worker, "partition", "0");
    scenario_apply(s, g);
    scenario_ready(s);
    all_images(s, 5, "engine:2");
    sim_free(s);
}
END_TEST

START_TEST(a_paused_rollout_waits) {
    ARENA_AUTO struct arena *a = arena_new();
    struct bounds b;
    struct jv *g = scenario_group(a, "g", 3, false), *worker = scenario_role(g, "worker");
    scenario_rolling(a, worker, "paused", "true");
    struct sim *s = ready_group(g, 3, &b);
    scenario_image(a, worker, "engine:2");
    scenario_apply(s, g);
    scenario_settle(s, HOUR_MS);
    all_images(s, 3, "engine:1");
    scenario_rolling(a, worker, "paused", "false");
    scenario_apply(s, g);
    scenario_ready(s);
    all_images(s, 3, "engine:2");
    sim_free(s);
}
END_TEST

/* Back to the first template while the rollout to the second is on its way: nobody stays on the second. */
START_TEST(a_b_a_converges_from_every_moment) {
    for (int64_t ms = 0; ms < 16000; ms += 700) {
        ARENA_AUTO struct arena *a = arena_new();
        struct bounds b;
        struct jv *g = scenario_group(a, "g", 3, false), *worker = scenario_role(g, "worker");
        struct sim *s = ready_group(g, 3, &b);
        const char *before = scenario_state(s, a);
        scenario_image(a, worker, "engine:2");
        scenario_apply(s, g);
        sim_wait(s, ms);
        scenario_image(a, worker, "engine:1");
        scenario_apply(s, g);
        scenario_ready(s);
        const char *after = scenario_state(s, a);
        SCENARIO_CHECK(s, str_eq(before, after), "back after %lld ms:\n%s\nbefore:\n%s", (long long)ms, after, before);
        SCENARIO_CHECK(s, b.most_down <= 1, "%d down at once", b.most_down);
        sim_free(s);
    }
}
END_TEST

START_TEST(a_broken_template_is_healed_by_the_next) {
    static const enum kubelet_fault faults[] = {FAULT_NOT_READY, FAULT_PULL};
    for (size_t i = 0; i < 2; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct bounds b;
        struct jv *g = scenario_group(a, "g", 4, false), *worker = scenario_role(g, "worker");
        struct sim *s = ready_group(g, 4, &b);
        kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = faults[i], .image = "*:broken"});
        scenario_image(a, worker, "engine:broken");
        scenario_apply(s, g);
        sim_wait(s, HOUR_MS);
        SCENARIO_CHECK(s, b.most_down == 1, "a broken template took %d of 4 down", b.most_down);
        scenario_image(a, worker, "engine:2");
        scenario_apply(s, g);
        scenario_ready(s);
        all_images(s, 4, "engine:2");
        SCENARIO_CHECK(s, b.most_down == 1, "%d down at once", b.most_down);
        sim_free(s);
    }
}
END_TEST

START_TEST(a_template_broken_from_the_start_is_healed) {
    ARENA_AUTO struct arena *a = arena_new();
    static const char *const policies[] = {"Parallel", "OrderedReady"};
    for (size_t i = 0; i < 2; i++) {
        struct sim *s = sim_new(&sim_opts_default);
        struct jv *g = scenario_group(a, "g", 3, false), *worker = scenario_role(g, "worker");
        kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_NOT_READY, .image = "*:broken"});
        jv_set_str(a, worker, "podManagementPolicy", policies[i]);
        scenario_image(a, worker, "engine:broken");
        scenario_apply(s, g);
        sim_wait(s, 60000);
        scenario_image(a, worker, "engine:2");
        scenario_apply(s, g);
        scenario_ready(s);
        all_images(s, 3, "engine:2");
        sim_free(s);
    }
}
END_TEST

/* An instance of several pods is updated as one: during the update of one instance the others serve. */
START_TEST(instances_of_several_pods_are_updated_as_units) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = kind_object(a, KIND_RBG, NULL, "g");
    jv_set(a, g, "spec",
           doc_json(a, "{\"roles\":[{\"name\":\"worker\",\"replicas\":3,\"leaderWorkerPattern\":{\"size\":3,\"template\":"
                       "{\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"engine:1\"}]}}}}]}"));
    struct jv *pattern = jv_get(scenario_role(g, "worker"), "leaderWorkerPattern");
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert_uint_eq(cluster_count(sim_cluster(s), KIND_POD), 9);
    jv_set_str(a, jv_idx(jv_path(pattern, "template", "spec", "containers", (char *)0), 0), "image", "engine:2");
    scenario_apply(s, g);
    scenario_ready(s);
    SCENARIO_CHECK(s, !strstr(scenario_images(s, a), "engine:1"), "%s", scenario_images(s, a));
    jv_set_int(a, pattern, "size", 2);
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert_uint_eq(cluster_count(sim_cluster(s), KIND_POD), 6);
    sim_free(s);
}
END_TEST

START_TEST(min_ready_seconds_slow_a_rollout_down) {
    ARENA_AUTO struct arena *a = arena_new();
    struct bounds b;
    struct jv *g = scenario_group(a, "g", 3, false), *worker = scenario_role(g, "worker");
    jv_set_int(a, worker, "minReadySeconds", 60);
    struct sim *s = ready_group(g, 3, &b);
    sim_wait(s, 120000);
    int64_t start = sim_elapsed_ms(s);
    scenario_image(a, worker, "engine:2");
    scenario_apply(s, g);
    scenario_ready(s);
    all_images(s, 3, "engine:2");
    SCENARIO_CHECK(s, sim_elapsed_ms(s) - start >= 120000, "took %lld ms", (long long)(sim_elapsed_ms(s) - start));
    sim_free(s);
}
END_TEST

START_TEST(available_replicas_look_again_when_min_ready_seconds_have_passed) {
    ARENA_AUTO struct arena *a = arena_new();
    struct bounds b;
    struct jv *g = scenario_group(a, "g", 2, false);
    jv_set_int(a, scenario_role(g, "worker"), "minReadySeconds", 30);
    struct sim *s = ready_group(g, 2, &b);
    const struct jv *ris = cluster_get(sim_cluster(s), a, KIND_RIS, "default", "g-worker");
    ck_assert_int_eq(jv_get_int(jv_get(ris, "status"), "availableReplicas", -1), 2);
    sim_free(s);
}
END_TEST

static const char *pod_uid(struct sim *s, struct arena *a, const char *pod) {
    return arena_strdup(a, meta_uid(cluster_get(sim_cluster(s), a, KIND_POD, "default", pod)));
}

/* In a busy cluster an instance's revision may wait. The next template comes before it is written, and is rolled out in place
 * all the same, in the middle of the first rollout too. */
START_TEST(revisions_that_still_wait_do_not_recreate_pods) {
    ARENA_AUTO struct arena *a = arena_new();
    static const char *const images[] = {"engine:2", "engine:3", "engine:1", "engine:4"};
    struct sim_opts o = sim_opts_default;
    o.record_ms = 10 * HOUR_MS;
    struct sim *s = sim_new(&o);
    struct jv *g = scenario_group(a, "g", 2, false), *worker = scenario_role(g, "worker");
    scenario_rolling(a, worker, "type", "\"InPlaceIfPossible\"");
    scenario_apply(s, g);
    sim_wait(s, 60000);
    SCENARIO_CHECK(s, groups_ready(s), "it waits for a record");
    const char *first = pod_uid(s, a, "g-worker-0"), *second = pod_uid(s, a, "g-worker-1");
    for (size_t k = 0; k < sizeof images / sizeof *images; k++) {
        scenario_image(a, worker, images[k]);
        scenario_apply(s, g);
        sim_wait(s, k == 0 ? 3000 : 120000);
    }
    all_images(s, 2, "engine:4");
    uid_is(s, "g-worker-0", first, true);
    uid_is(s, "g-worker-1", second, true);
    SCENARIO_CHECK(s, jv_len(sim_pending(s, a)) > 0, "nothing waited");
    sim_free(s);
}
END_TEST

TEST_MAIN("sim_rollout", max_unavailable_is_never_exceeded, surge_is_bounded_and_goes_again, a_partition_holds_the_lower_ordinals,
          a_paused_rollout_waits, a_b_a_converges_from_every_moment, a_broken_template_is_healed_by_the_next,
          a_template_broken_from_the_start_is_healed, instances_of_several_pods_are_updated_as_units,
          min_ready_seconds_slow_a_rollout_down, available_replicas_look_again_when_min_ready_seconds_have_passed,
          revisions_that_still_wait_do_not_recreate_pods)
