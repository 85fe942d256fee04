/* The restart policy on the embedded cluster: pods crash, are evicted and deleted, and their instances come back whole. */
#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"
#include "docs.h"
#include "scenario.h"

#define POLICY "\"type\":\"RecreateRoleInstanceOnPodRestart\",\"baseDelaySeconds\":30,\"maxDelaySeconds\":600"
#define FIRST "g-pair-0-0 g-pair-0-1"

/* Role `pair`: two instances of a leader and a worker. */
static struct jv *pairs(struct arena *a, const char *config) {
    struct jv *g = kind_object(a, KIND_RBG, NULL, "g"), *roles = jv_need_arr(a, jv_need_obj(a, g, "spec"), "roles");
    jv_push(a, roles, doc_json(a, arena_printf(a, "{\"name\":\"pair\",\"replicas\":2,\"leaderWorkerPattern\":{\"size\":2,"
                                                  "\"restartPolicyConfig\":{%s},\"template\":{\"spec\":{\"containers\":"
                                                  "[{\"name\":\"main\",\"image\":\"engine:1\"}]}}}}", config)));
    return g;
}

static struct jv *pattern(struct jv *g) {
    return jv_get(scenario_role(g, "pair"), "leaderWorkerPattern");
}

static void set_image(struct arena *a, struct jv *g, const char *image) {
    jv_set_str(a, jv_idx(jv_path(pattern(g), "template", "spec", "containers", (char *)0), 0), "image", image);
}

static struct sim *start(struct jv *g) {
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, g);
    scenario_ready(s);
    return s;
}

/* Breaks the pod's container, or the whole pod, once, now. */
static void strike(struct sim *s, enum kubelet_fault fault, const char *pod) {
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = fault, .pod = pod, .times = 1});
}

static struct jv *instance(struct sim *s, struct arena *a, int ordinal) {
    struct jv *ri = cluster_get(sim_cluster(s), a, KIND_RI, "default", arena_printf(a, "g-pair-%d", ordinal));
    SCENARIO_CHECK(s, ri, "instance %d is not there", ordinal);
    return ri;
}

static int64_t restarts(struct sim *s, int ordinal) {
    ARENA_AUTO struct arena *a = arena_new();
    return jv_get_int(jv_get(instance(s, a, ordinal), "status"), "restartCount", 0);
}

static struct jv *condition(struct sim *s, struct arena *a, int ordinal, const char *type) {
    return jv_find(jv_path(instance(s, a, ordinal), "status", "conditions", (char *)0), "type", type);
}

static struct jv *uids(struct sim *s, struct arena *a) {
    struct jv **pods, *out = jv_new_obj(a);
    size_t n = cluster_list(sim_cluster(s), a, KIND_POD, &pods);
    for (size_t i = 0; i < n; i++) jv_set_str(a, out, meta_name(pods[i]), meta_uid(pods[i]));
    return out;
}

/* The names of the pods that are others than before. */
static void replaced(struct sim *s, const struct jv *before, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *have = "";
    JV_FOR_OBJ(m, uids(s, a))
        if (!str_eq(jv_str(m->val, ""), jv_str(jv_get(before, m->key), "")))
            have = arena_printf(a, "%s%s%s", have, *have ? " " : "", m->key);
    SCENARIO_CHECK(s, str_eq(have, want), "replaced: \"%s\", expected \"%s\"", have, want);
}

/* ---- what takes the instance along ---- */

struct seen { bool restarting, mixed, serving; int created; struct jv *uids; struct arena *a; };

/* Pods of before a recreation and of after it are never there together, and the instance is not ready meanwhile. */
static void watch(void *ctx, struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    struct seen *seen = ctx;
    struct jv **pods;
    size_t n = cluster_list(sim_cluster(s), a, KIND_POD, &pods), marked = 0, all = 0;
    bool restarting = str_eq(jv_get_str(condition(s, a, 0, COND_RI_RESTARTING), "status"), "True");
    for (size_t i = 0; i < n; i++) {
        if (!jv_get(seen->uids, meta_uid(pods[i]))) {
            jv_set_str(seen->a, seen->uids, arena_strdup(seen->a, meta_uid(pods[i])), "");
            seen->created++;
        }
        if (!str_has_prefix(meta_name(pods[i]), "g-pair-0-")) continue;
        all++;
        marked += meta_annotation(pods[i], A_RESTART_ID) != NULL;
    }
    seen->restarting |= restarting;
    seen->mixed |= restarting && marked && marked != all;
    seen->serving |= restarting && condition_true(jv_path(instance(s, a, 0), "status", "conditions", (char *)0), COND_RI_READY);
}

static void takes_its_instance_along(enum kubelet_fault fault, const char *said) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = start(pairs(a, POLICY));
    struct jv *before = uids(s, a);
    struct seen seen = {.a = a, .uids = jv_new_obj(a)};
    sim_watch_steps(s, watch, &seen);
    strike(s, fault, "g-pair-0-1");
    scenario_ready(s);
    replaced(s, before, FIRST);
    SCENARIO_CHECK(s, seen.restarting && !seen.mixed && !seen.serving, "seen: restarting %d, mixed %d, serving %d", seen.restarting,
                   seen.mixed, seen.serving);
    SCENARIO_CHECK(s, seen.created == 4 + 2, "%d pods in all", seen.created);
    ck_assert_int_eq(restarts(s, 0), 1);
    ck_assert_int_eq(restarts(s, 1), 0);
    ck_assert_ptr_null(condition(s, a, 0, COND_RI_RESTARTING));
    const char *message = jv_str(jv_get(condition(s, a, 0, COND_RI_FAILED), "message"), "");
    SCENARIO_CHECK(s, strstr(message, said), "%s", message);
    ck_assert_uint_eq(scenario_events(s, "ReCreateInstance"), 1);
    sim_free(s);
}

START_TEST(a_container_that_ended_takes_its_instance_along) {
    takes_its_instance_along(FAULT_CRASH, "pod g-pair-0-1: container main ended with exit code 1 (Error), at ");
}
END_TEST

START_TEST(an_evicted_pod_takes_its_instance_along) {
    takes_its_instance_along(FAULT_FAIL, "pod g-pair-0-1 failed: Evicted: The node was low on resource: memory.");
}
END_TEST

START_TEST(a_pod_deleted_by_hand_comes_back_alone) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct sim *s = start(pairs(a, POLICY));
    struct jv *before = uids(s, a);
    ASSERT_OK(sim_delete(s, KIND_POD, "default", "g-pair-0-1", &e));
    scenario_ready(s);
    replaced(s, before, "g-pair-0-1");
    ck_assert_int_eq(restarts(s, 0), 0);
    sim_free(s);
}
END_TEST

START_TEST(without_the_policy_siblings_stay) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = start(pairs(a, "\"type\":\"None\""));
    struct jv *before = uids(s, a);
    strike(s, FAULT_CRASH, "g-pair-0-0");
    scenario_ready(s);
    replaced(s, before, "");
    strike(s, FAULT_FAIL, "g-pair-0-1");
    scenario_ready(s);
    replaced(s, before, "g-pair-0-1");
    SCENARIO_CHECK(s, !condition(s, a, 0, COND_RI_RESTARTING), "one pod that failed was taken for more");
    sim_free(s);
}
END_TEST

START_TEST(components_start_in_their_order_again) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *g = kind_object(a, KIND_RBG, NULL, "g"), **pods;
    jv_push(a, jv_need_arr(a, jv_need_obj(a, g, "spec"), "roles"),
            doc_json(a, "{\"name\":\"pair\",\"replicas\":1,\"customComponentsPattern\":{\"components\":["
                        "{\"name\":\"b\",\"size\":1,\"annotations\":{\"" A_COMPONENT_DEPENDS
                        "\":\"{\\\"startAfter\\\":[\\\"a\\\"]}\"},"
                        "\"template\":{\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"engine:1\"}]}}},{\"name\":\"a\","
                        "\"size\":2,\"template\":{\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"engine:1\"}]}}}]}}"));
    struct sim *s = start(g);
    struct jv *before = uids(s, a);
    strike(s, FAULT_CRASH, "g-pair-0-a-1");
    scenario_ready(s);
    replaced(s, before, "g-pair-0-a-0 g-pair-0-a-1 g-pair-0-b-0");
    size_t n = cluster_list(sim_cluster(s), a, KIND_POD, &pods);
    int64_t born[3], ready;
    ck_assert_uint_eq(n, 3);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(time_parse_rfc3339(jv_str(jv_path(pods[i], "metadata", "creationTimestamp", (char *)0), ""), &born[i]), 0);
    ready = condition_since(jv_path(pods[0], "status", "conditions", (char *)0), "ContainersReady", INT64_MAX);
    SCENARIO_CHECK(s, born[2] >= ready, "b was made before a was ready");
    sim_free(s);
}
END_TEST

/* ---- backoff and limit ---- */

START_TEST(the_second_crash_waits) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = start(pairs(a, POLICY));
    strike(s, FAULT_CRASH, "g-pair-0-1");
    sim_wait(s, 15000);
    SCENARIO_CHECK(s, groups_ready(s), "not ready again after 15 s");
    struct jv *before = uids(s, a);
    strike(s, FAULT_FAIL, "g-pair-0-0");
    sim_wait(s, 10000);
    replaced(s, before, ""); /* the failed pod is there to be looked at */
    const struct jv *mate = cluster_get(sim_cluster(s), a, KIND_POD, "default", "g-pair-0-1");
    SCENARIO_CHECK(s, !condition_true(jv_path(mate, "status", "conditions", (char *)0), "Ready"), "half an instance is in service");
    struct jv *waits = condition(s, a, 0, COND_RI_RESTARTING);
    ck_assert_str_eq(jv_str(jv_get(waits, "reason"), ""), "BackOff");
    sim_wait(s, 20000);
    replaced(s, before, FIRST);
    ck_assert_int_eq(restarts(s, 0), 2);
    scenario_ready(s);
    sim_free(s);
}
END_TEST

struct storm { int64_t count, at; bool too_soon; };

static void measure(void *ctx, struct sim *s) {
    struct storm *t = ctx;
    int64_t n = restarts(s, 0), least = 0;
    if (n == t->count) return;
    for (int64_t i = 0, d = 30; i < t->count; i++, d *= 2) least = d < 600 ? d : 600;
    if (n > t->count && t->count && sim_now_ms(s) - t->at < least * 1000 - 1000) t->too_soon = true; /* times are told in seconds */
    t->count = n;
    t->at = sim_now_ms(s);
}

static void never_storms(enum kubelet_fault fault, int64_t after_ms) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = start(pairs(a, POLICY));
    struct storm t = {0};
    sim_watch_steps(s, measure, &t);
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = fault, .pod = "g-pair-0-1", .after_ms = after_ms});
    size_t made = scenario_events(s, "SuccessfulCreate");
    sim_wait(s, HOUR_MS);
    SCENARIO_CHECK(s, !t.too_soon, "a recreation came before its time");
    /* 0, 30, 90, 210, 450, 930 s, and then every 600 s */
    SCENARIO_CHECK(s, t.count >= 9 && t.count <= 10, "%lld recreations in an hour", (long long)t.count);
    made = scenario_events(s, "SuccessfulCreate") - made;
    SCENARIO_CHECK(s, made == 2 * (size_t)t.count, "%zu pods were made", made);
    kubelet_rules_clear(sim_kubelet(s));
    scenario_ready(s);
    sim_free(s);
}

/* Without a policy the pod alone, but no faster than a kubelet would start its container again; whatever becomes of the manager. */
START_TEST(without_the_policy_there_is_no_storm_either) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = start(pairs(a, "\"type\":\"None\""));
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_FAIL, .pod = "g-pair-0-1", .after_ms = 500});
    size_t made = scenario_events(s, "SuccessfulCreate");
    for (int i = 0; i < 60; i++) {
        sim_wait(s, 60000);
        sim_restart(s);
        sim_wait(s, 1);
    }
    made = scenario_events(s, "SuccessfulCreate") - made;
    /* 0, 10, 30, 70, 150, 310 s, and then every 300 s */
    SCENARIO_CHECK(s, made >= 15 && made <= 17, "%zu pods were made in an hour", made);
    const char *said = jv_str(jv_get(condition(s, a, 0, COND_RI_RESTARTING), "message"), "");
    SCENARIO_CHECK(s, strstr(said, "failed pods are replaced from") && strstr(said, "Evicted"), "%s", said);
    kubelet_rules_clear(sim_kubelet(s));
    scenario_ready(s);
    sim_wait(s, 700000); /* it has run well */
    size_t before = scenario_events(s, "SuccessfulCreate");
    strike(s, FAULT_FAIL, "g-pair-0-1");
    sim_wait(s, 8000);
    SCENARIO_CHECK(s, scenario_events(s, "SuccessfulCreate") == before + 1, "the pauses did not begin anew");
    sim_free(s);
}
END_TEST

START_TEST(pods_that_always_fail_are_recreated_ever_more_rarely) { never_storms(FAULT_FAIL, 500); }
END_TEST
START_TEST(containers_that_always_crash_are_recreated_ever_more_rarely) { never_storms(FAULT_CRASH, 9000); }
END_TEST

START_TEST(at_the_limit_it_gives_up_until_the_spec_changes) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *g = pairs(a, POLICY ",\"maxRestarts\":2");
    struct sim *s = start(g);
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_FAIL, .image = "engine:1", .pod = "g-pair-0-1",
                                                            .after_ms = 9000});
    sim_wait(s, HOUR_MS);
    const struct jv *failed = condition(s, a, 0, COND_RI_FAILED);
    ck_assert_str_eq(jv_str(jv_get(failed, "status"), ""), "True");
    SCENARIO_CHECK(s, strstr(jv_str(jv_get(failed, "message"), ""), "First failure: pod g-pair-0-1 failed: Evicted"), "%s",
                   jv_str(jv_get(failed, "message"), ""));
    ck_assert_uint_eq(scenario_events(s, "RestartLimitExceeded"), 1);
    struct jv *before = uids(s, a);
    int64_t writes = sim_writes(s);
    sim_wait(s, 24 * HOUR_MS);
    replaced(s, before, "");
    ck_assert_int_eq(sim_writes(s), writes);
    set_image(a, g, "engine:2");
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert_ptr_null(condition(s, a, 0, COND_RI_FAILED));
    sim_free(s);
}
END_TEST

/* ---- before the instance is ready ---- */

START_TEST(restarts_while_starting_do_not_count) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    /* Ready takes two seconds: these never were. */
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_CRASH, .pod = "g-pair-0-1", .after_ms = 500,
                                                            .times = 3});
    scenario_apply(s, pairs(a, POLICY));
    scenario_ready(s);
    ck_assert_int_eq(restarts(s, 0), 0);
    const struct jv *pod = cluster_get(sim_cluster(s), a, KIND_POD, "default", "g-pair-0-1");
    ck_assert_str_eq(meta_annotation(pod, A_RESTART_BASELINE), "{\"main\":3}");
    struct jv *before = uids(s, a);
    strike(s, FAULT_CRASH, "g-pair-0-1");
    scenario_ready(s);
    replaced(s, before, FIRST);
    ck_assert_int_eq(restarts(s, 0), 1);
    sim_free(s);
}
END_TEST

START_TEST(a_pod_that_fails_while_starting_leaves_its_siblings) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_FAIL, .pod = "g-pair-0-1", .after_ms = 500, .times = 1});
    scenario_apply(s, pairs(a, POLICY));
    sim_wait(s, 1000);
    struct jv *before = uids(s, a);
    scenario_ready(s);
    replaced(s, before, "g-pair-0-1");
    sim_free(s);
}
END_TEST

/* ---- beside updates and scaling ---- */

START_TEST(a_new_image_is_no_crash) {
    static const char *const graces[] = {"{}", "{\"gracePeriodSeconds\":5}"};
    for (size_t i = 0; i < 2; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct jv *g = pairs(a, POLICY);
        scenario_rolling(a, scenario_role(g, "pair"), "inPlaceUpdateStrategy", graces[i]);
        struct sim *s = start(g);
        struct jv *before = uids(s, a);
        for (int image = 2; image <= 5; image++) {
            set_image(a, g, arena_printf(a, "engine:%d", image));
            scenario_apply(s, g);
            if (image != 3) scenario_ready(s);
            else sim_wait(s, 1300); /* the next one comes while this one is on its way */
        }
        sim_wait(s, HOUR_MS);
        replaced(s, before, "");
        ck_assert_int_eq(restarts(s, 0) + restarts(s, 1), 0);
        strike(s, FAULT_CRASH, "g-pair-1-0");
        scenario_ready(s);
        replaced(s, before, "g-pair-1-0 g-pair-1-1");
        sim_free(s);
    }
}
END_TEST

START_TEST(a_new_template_does_not_wait_for_the_backoff) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *g = pairs(a, POLICY);
    struct sim *s = start(g);
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_FAIL, .image = "engine:1", .after_ms = 4000});
    sim_wait(s, 500000);
    set_image(a, g, "engine:2");
    scenario_apply(s, g);
    sim_wait(s, 60000);
    SCENARIO_CHECK(s, groups_ready(s), "not mended within a minute");
    sim_free(s);
}
END_TEST

START_TEST(scaling_down_ends_what_goes_on) {
    for (int64_t ms = 0; ms < 40000; ms += 1300) {
        ARENA_AUTO struct arena *a = arena_new();
        struct jv *g = pairs(a, POLICY);
        struct sim *s = start(g);
        kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_CRASH, .pod = "g-pair-1-0", .after_ms = 6000});
        sim_wait(s, ms);
        jv_set_int(a, scenario_role(g, "pair"), "replicas", 1);
        scenario_apply(s, g);
        scenario_ready(s);
        const char *pods = scenario_names(s, a, KIND_POD);
        SCENARIO_CHECK(s, str_eq(pods, FIRST), "%s", pods);
        sim_free(s);
    }
}
END_TEST

/* ---- the manager's own end ---- */

static struct sim *struck(struct arena *a) {
    struct sim *s = start(pairs(a, POLICY));
    strike(s, FAULT_CRASH, "g-pair-0-1");
    return s;
}

START_TEST(a_manager_that_dies_counts_once) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *calm = struck(a);
    int64_t before = sim_writes(calm);
    scenario_ready(calm);
    int64_t writes = sim_writes(calm) - before;
    const char *want = scenario_state(calm, a);
    sim_free(calm);
    ck_assert_int_gt(writes, 6);
    for (int64_t after = 1; after <= writes; after++) {
        struct sim *s = struck(a);
        struct seen seen = {.a = a, .uids = jv_new_obj(a)};
        sim_watch_steps(s, watch, &seen);
        sim_crash_after(s, after);
        sim_run(s, HOUR_MS, NULL, NULL);
        SCENARIO_CHECK(s, sim_crashed(s), "no crash after %lld writes", (long long)after);
        sim_wait(s, after % 2 ? 0 : 45000);
        sim_restart(s);
        scenario_ready(s);
        const char *have = scenario_state(s, a);
        SCENARIO_CHECK(s, str_eq(have, want), "a crash after %lld writes ends as\n%s\ninstead of\n%s", (long long)after, have,
                       want);
        SCENARIO_CHECK(s, restarts(s, 0) == 1 && seen.created == 4 + 2 && !seen.mixed,
                       "%lld recreations, %d pods, after %lld writes", (long long)restarts(s, 0), seen.created, (long long)after);
        sim_free(s);
    }
}
END_TEST

START_TEST(a_crash_while_no_manager_runs_is_found) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = start(pairs(a, POLICY));
    struct jv *before = uids(s, a);
    struct err e = ERR_INIT;
    sim_crash_after(s, 1);
    ASSERT_OK(sim_delete(s, KIND_POD, "default", "g-pair-1-0", &e)); /* something to write */
    sim_wait(s, 5000);
    SCENARIO_CHECK(s, sim_crashed(s), "the manager still runs");
    strike(s, FAULT_CRASH, "g-pair-0-1");
    sim_wait(s, 60000); /* the pod runs again, and is ready */
    sim_restart(s);
    scenario_ready(s);
    replaced(s, before, FIRST " g-pair-1-0");
    sim_free(s);
}
END_TEST

/* It was in service, although in a burst its first status has not been written yet. */
START_TEST(an_instance_whose_status_waits_is_recreated_whole) {
    static const enum kubelet_fault faults[] = {FAULT_FAIL, FAULT_CRASH};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct sim_opts o = sim_opts_default;
        o.record_ms = 60000;
        o.decisions.settle_ms = 2000;
        struct sim *s = sim_new(&o);
        scenario_apply(s, pairs(a, POLICY));
        sim_wait(s, 5000);
        SCENARIO_CHECK(s, groups_ready(s) && jv_is_empty(jv_get(instance(s, a, 0), "status")), "no status waits");
        struct jv *before = uids(s, a);
        strike(s, faults[i], "g-pair-0-1");
        sim_wait(s, 2000);
        ck_assert_int_eq(restarts(s, 0), 1);
        scenario_ready(s);
        replaced(s, before, FIRST);
        sim_free(s);
    }
}
END_TEST

TEST_MAIN("sim_restart", a_container_that_ended_takes_its_instance_along, an_evicted_pod_takes_its_instance_along,
          an_instance_whose_status_waits_is_recreated_whole,
          a_pod_deleted_by_hand_comes_back_alone, without_the_policy_siblings_stay, components_start_in_their_order_again,
          the_second_crash_waits, pods_that_always_fail_are_recreated_ever_more_rarely,
          without_the_policy_there_is_no_storm_either,
          containers_that_always_crash_are_recreated_ever_more_rarely, at_the_limit_it_gives_up_until_the_spec_changes,
          restarts_while_starting_do_not_count, a_pod_that_fails_while_starting_leaves_its_siblings, a_new_image_is_no_crash,
          a_new_template_does_not_wait_for_the_backoff, scaling_down_ends_what_goes_on, a_manager_that_dies_counts_once,
          a_crash_while_no_manager_runs_is_found)
