/* What real kubelets do to an instance, on the embedded cluster: when an in-place update is over, whose the condition Ready is, how
 * pods end. */
#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "scenario.h"

static struct jv *pod(struct sim *s, struct arena *a, const char *name) {
    struct jv *p = cluster_get(sim_cluster(s), a, KIND_POD, "default", name);
    SCENARIO_CHECK(s, p, "pod %s is not there", name);
    return p;
}

static const struct jv *engine_status(struct sim *s, struct arena *a, const char *name) {
    return jv_idx(jv_path(pod(s, a, name), "status", "containerStatuses", (char *)0), 0);
}

static const struct jv *condition(const struct jv *doc, const char *type) {
    return jv_find(jv_path(doc, "status", "conditions", (char *)0), "type", type);
}

static void restarts_are(struct sim *s, const char *name, int64_t want) {
    ARENA_AUTO struct arena *a = arena_new();
    int64_t n = jv_get_int(engine_status(s, a, name), "restartCount", -1);
    SCENARIO_CHECK(s, n == want, "%s: restarted %lld times, expected %lld", name, (long long)n, (long long)want);
}

static void set_image(struct sim *s, struct arena *a, struct jv *g, const char *image) {
    scenario_image(a, scenario_role(g, "worker"), image);
    scenario_apply(s, g);
}

/* ---- the end of an in-place update ---- */

START_TEST(a_new_tag_of_the_same_image_is_rolled_out) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 2, false);
    scenario_apply(s, g);
    scenario_ready(s);
    const char *id = arena_strdup(a, jv_get_str(engine_status(s, a, "g-worker-0"), "imageID"));
    set_image(s, a, g, "engine:2-is-1");
    scenario_ready(s);
    const struct jv *now = engine_status(s, a, "g-worker-0");
    SCENARIO_CHECK(s, str_eq(jv_get_str(now, "imageID"), id), "the test's images differ");
    SCENARIO_CHECK(s, str_eq(jv_get_str(now, "image"), "docker.io/library/engine:1"), "%s", jv_get_str(now, "image"));
    restarts_are(s, "g-worker-0", 1);
    sim_free(s);
}
END_TEST

/* Also in the moment between: the kubelet tells that it has seen the spec before it does anything. */
START_TEST(an_update_is_not_over_before_the_container_has_started_anew) {
    static const char *const images[] = {"engine:2", "engine:2-is-1"};
    for (size_t i = 0; i < 2; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct sim *s = sim_new(&sim_opts_default);
        struct jv *g = scenario_group(a, "g", 1, false);
        scenario_apply(s, g);
        scenario_ready(s);
        set_image(s, a, g, images[i]);
        bool saw_updating = false;
        while (!groups_ready(s) || !saw_updating) {
            ARENA_AUTO struct arena *b = arena_new();
            SCENARIO_CHECK(s, sim_step(s), "nothing happens any more");
            const struct jv *p = pod(s, b, "g-worker-0"), *c = jv_idx(jv_path(p, "spec", "containers", (char *)0), 0);
            bool new_spec = str_eq(jv_get_str(c, "image"), images[i]);
            bool gate = condition_true(jv_path(p, "status", "conditions", (char *)0), GATE_INPLACE_UPDATE);
            int64_t n = jv_get_int(jv_idx(jv_path(p, "status", "containerStatuses", (char *)0), 0), "restartCount", 0);
            saw_updating |= new_spec;
            SCENARIO_CHECK(s, !new_spec || !gate || n == 1, "%s: the gate is open, and the container has not restarted", images[i]);
        }
        sim_free(s);
    }
}
END_TEST

START_TEST(a_bad_image_and_back) {
    static const char *const back[] = {"engine:1", "engine:3", "engine:3-is-1"};
    for (size_t i = 0; i < 3; i++) {
        for (int64_t ms = 0; ms < 20000; ms = ms * 2 + 50) {
            ARENA_AUTO struct arena *a = arena_new();
            struct sim *s = sim_new(&sim_opts_default);
            struct jv *g = scenario_group(a, "g", 2, false);
            scenario_apply(s, g);
            scenario_ready(s);
            kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_PULL, .image = "*:bad"});
            set_image(s, a, g, "engine:bad");
            sim_wait(s, ms);
            set_image(s, a, g, back[i]);
            scenario_ready(s);
            sim_free(s);
        }
    }
}
END_TEST

/* One image after the other, each after any time, with a kubelet that may be too slow to see them all. */
START_TEST(updates_that_overtake_each_other_end) {
    static const char *const images[] = {"engine:1", "engine:2", "engine:2-is-1", "engine:3", "engine:1-is-2"};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct sim_opts o = sim_opts_default;
        uint64_t r = seed * 2654435761u;
        o.kubelet.sync_ms = (int64_t)(seed % 4) * 700 + 50;
        struct sim *s = sim_new(&o);
        struct jv *g = scenario_group(a, "g", 1, false);
        scenario_apply(s, g);
        scenario_ready(s);
        for (int i = 0; i < 6; i++) {
            r = r * 6364136223846793005u + 1442695040888963407u;
            set_image(s, a, g, images[(r >> 33) % 5]);
            sim_wait(s, (int64_t)((r >> 40) % 2500));
        }
        scenario_ready(s);
        sim_free(s);
    }
}
END_TEST

/* ---- whose Ready is ---- */

static int only_gates(void *ctx, const struct action *w, struct err *e) {
    (void)e;
    if (w->kind != KIND_POD || w->act != ACT_PATCH_STATUS) return 0;
    JV_FOR_ARR(c, jv_path(w->body, "status", "conditions", (char *)0)) {
        const char *type = jv_str(jv_get(*c, "type"), "");
        if (!str_eq(type, GATE_INPLACE_UPDATE) && !str_eq(type, GATE_INSTANCE_POD)) ++*(int *)ctx;
    }
    return 0;
}

START_TEST(the_condition_ready_of_a_pod_is_the_kubelets) {
    ARENA_AUTO struct arena *a = arena_new();
    int foreign = 0;
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 3, false);
    sim_fail_writes(s, only_gates, &foreign);
    scenario_apply(s, g);
    scenario_ready(s);
    set_image(s, a, g, "engine:2");
    scenario_ready(s);
    scenario_rolling(a, scenario_role(g, "worker"), "type", "\"RecreatePod\"");
    set_image(s, a, g, "engine:3");
    scenario_ready(s);
    SCENARIO_CHECK(s, !foreign, "%d conditions of pods were written that are not ours", foreign);
    sim_free(s);
}
END_TEST

/* The simulated kubelet writes its older view over somebody else's Ready, as a real one does some seconds later. */
START_TEST(a_ready_of_somebody_else_does_not_last) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, scenario_group(a, "g", 1, false));
    scenario_ready(s);
    const struct jv *patch = doc_json(a, "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}]}}");
    ASSERT_OK(cluster_patch(sim_cluster(s), "somebody", KIND_POD, "default", "g-worker-0", patch, true, &e));
    sim_wait(s, 20000);
    SCENARIO_CHECK(s, condition_true(jv_path(pod(s, a, "g-worker-0"), "status", "conditions", (char *)0), "Ready"), "it lasts");
    sim_free(s);
}
END_TEST

/* The node controller changes a pod's Ready and nothing else; the containers of the pod stay ready. Nobody else takes that back. */
START_TEST(a_pod_on_a_lost_node_is_not_ready) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, scenario_group(a, "g", 2, false));
    scenario_ready(s);
    const char *node = jv_get_str(jv_get(pod(s, a, "g-worker-0"), "spec"), "nodeName");
    const struct jv *down = doc_json(a, "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"Unknown\"}]}}");
    ASSERT_OK(cluster_patch(sim_cluster(s), "node-controller", KIND_NODE, NULL, node, down, true, &e));
    sim_wait(s, HOUR_MS);
    const struct jv *p = pod(s, a, "g-worker-0");
    SCENARIO_CHECK(s, str_eq(jv_get_str(condition(p, "ContainersReady"), "status"), "True"), "the containers are told of");
    SCENARIO_CHECK(s, str_eq(jv_get_str(condition(p, "Ready"), "status"), "False"), "the pod is ready on a lost node");
    SCENARIO_CHECK(s, !groups_ready(s), "a lost node goes unnoticed");
    const struct jv *up = doc_json(a, "{\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}");
    ASSERT_OK(cluster_patch(sim_cluster(s), "node-controller", KIND_NODE, NULL, node, up, true, &e));
    scenario_ready(s);
    sim_free(s);
}
END_TEST

/* ---- how pods end ---- */

static void set_policy(struct arena *a, struct jv *g, const char *policy) {
    struct jv *spec = jv_path(scenario_role(g, "worker"), "standalonePattern", "template", "spec", (char *)0);
    jv_set_str(a, spec, "restartPolicy", policy);
}

static struct sim *with_policy(struct arena *a, const char *policy, enum kubelet_fault fault) {
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 1, false);
    set_policy(a, g, policy);
    scenario_apply(s, g);
    scenario_ready(s);
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = fault, .times = 1});
    return s;
}

static const struct { const char *policy; enum kubelet_fault fault; bool anew; } ends[] = {
    {"Always", FAULT_SUCCEED, true},  {"Always", FAULT_FAIL, true},     {"Always", FAULT_EXIT, false},
    {"Always", FAULT_CRASH, false},   {"OnFailure", FAULT_EXIT, false}, {"OnFailure", FAULT_CRASH, false},
    {"OnFailure", FAULT_FAIL, true},  {"Never", FAULT_EXIT, false},     {"Never", FAULT_CRASH, true},
    {"Never", FAULT_SUCCEED, false},
};

/* Is the pod made anew? A container that the kubelet itself starts again, and a pod that may end, are no reason. */
START_TEST(every_end_under_every_restart_policy) {
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct sim *s = with_policy(a, ends[i].policy, ends[i].fault);
        const char *uid = arena_strdup(a, meta_uid(pod(s, a, "g-worker-0")));
        sim_wait(s, 200);
        scenario_settle(s, HOUR_MS);
        const struct jv *now = pod(s, a, "g-worker-0");
        bool done = str_eq(jv_get_str(jv_get(now, "status"), "phase"), "Succeeded");
        SCENARIO_CHECK(s, !str_eq(meta_uid(now), uid) == ends[i].anew, "%s, fault %d: %s", ends[i].policy, ends[i].fault,
                       ends[i].anew ? "kept" : "made anew");
        SCENARIO_CHECK(s, groups_ready(s) == !done, "%s, fault %d: %s", ends[i].policy, ends[i].fault, scenario_state(s, a));
        sim_free(s);
    }
}
END_TEST

/* A pod that has ended well belongs to its template. The next one is run again. */
START_TEST(a_pod_that_is_done_is_made_anew_for_another_template) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = with_policy(a, "Never", FAULT_EXIT);
    scenario_settle(s, HOUR_MS);
    const struct jv *ri = cluster_get(sim_cluster(s), a, KIND_RI, "default", "g-worker-0");
    const char *said = jv_str(jv_get(condition(ri, COND_RI_READY), "message"), "");
    SCENARIO_CHECK(s, strstr(said, "pod g-worker-0 has ended (Succeeded)"), "%s", said);
    struct jv *g = scenario_group(a, "g", 1, false);
    set_policy(a, g, "Never");
    set_image(s, a, g, "engine:2");
    scenario_ready(s);
    sim_free(s);
}
END_TEST

/* The pods of a leader-worker role belong together: the policy decides about one that ended although it never may. */
START_TEST(an_end_that_may_not_be_is_a_crash) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *g = kind_object(a, KIND_RBG, NULL, "g"), *roles = jv_need_arr(a, jv_need_obj(a, g, "spec"), "roles");
    jv_push(a, roles, doc_json(a, "{\"name\":\"pair\",\"replicas\":1,\"leaderWorkerPattern\":{\"size\":2,\"template\":{\"spec\":"
                                  "{\"containers\":[{\"name\":\"main\",\"image\":\"engine:1\"}]}}}}"));
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, g);
    scenario_ready(s);
    const char *uid = arena_strdup(a, meta_uid(pod(s, a, "g-pair-0-0")));
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_SUCCEED, .pod = "g-pair-0-1", .times = 1});
    sim_wait(s, 60000);
    scenario_ready(s);
    SCENARIO_CHECK(s, !str_eq(meta_uid(pod(s, a, "g-pair-0-0")), uid), "the leader stayed");
    const struct jv *ri = cluster_get(sim_cluster(s), a, KIND_RI, "default", "g-pair-0");
    const char *first = jv_str(jv_get(condition(ri, COND_RI_FAILED), "message"), "");
    SCENARIO_CHECK(s, strstr(first, "container main ended with exit code 0 (Completed)"), "%s", first);
    sim_free(s);
}
END_TEST

/* A pod that does not end keeps its name; the instance waits for it, and says so. */
START_TEST(a_pod_that_will_not_end_is_waited_for) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, scenario_group(a, "g", 2, false));
    scenario_ready(s);
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_STUCK, .pod = "g-worker-1"});
    ASSERT_OK(sim_delete(s, KIND_POD, "default", "g-worker-1", &e));
    sim_wait(s, HOUR_MS);
    const struct jv *ri = cluster_get(sim_cluster(s), a, KIND_RI, "default", "g-worker-1");
    const char *said = jv_str(jv_get(condition(ri, COND_RI_READY), "message"), "");
    SCENARIO_CHECK(s, strstr(said, "pod g-worker-1 is terminating"), "%s", said);
    kubelet_rules_clear(sim_kubelet(s));
    scenario_ready(s);
    sim_free(s);
}
END_TEST

/* ---- what is refused, and what is told ---- */

static int over_quota(void *ctx, const struct action *w, struct err *e) {
    size_t *left = ctx;
    if (w->kind != KIND_POD || w->act != ACT_CREATE) return 0;
    if (*left) {
        --*left;
        return 0;
    }
    return err_set(e, ERR_FORBIDDEN, "POST /api/v1/pods: HTTP 403 Forbidden: pods \"%s\" is forbidden: exceeded quota: few",
                   w->name);
}

typedef int fail_fn(void *ctx, const struct action *w, struct err *e);

static struct sim *leader_and_workers(struct arena *a, int size, const char *type, fail_fn *fail, void *ctx) {
    struct jv *g = kind_object(a, KIND_RBG, NULL, "g"), *roles = jv_need_arr(a, jv_need_obj(a, g, "spec"), "roles");
    jv_push(a, roles, doc_json(a, arena_printf(a, "{\"name\":\"pair\",\"replicas\":1,\"rolloutStrategy\":{\"rollingUpdate\":"
        "{\"type\":\"%s\"}},\"leaderWorkerPattern\":{\"size\":%d,\"template\":{\"spec\":{\"containers\":"
        "[{\"name\":\"main\",\"image\":\"engine:1\"}]}}}}", type, size)));
    struct sim *s = sim_new(&sim_opts_default);
    sim_fail_writes(s, fail, ctx);
    scenario_apply(s, g);
    return s;
}

static const char *said(struct sim *s, struct arena *a, const char *instance, const char *type) {
    const struct jv *ri = cluster_get(sim_cluster(s), a, KIND_RI, "default", instance);
    return jv_str(jv_get(condition(ri, type), "message"), "absent");
}

START_TEST(a_refused_pod_is_told_of_and_asked_for_again) {
    ARENA_AUTO struct arena *a = arena_new();
    size_t left = 1;
    struct sim *s = leader_and_workers(a, 3, "InPlaceIfPossible", over_quota, &left);
    sim_wait(s, 1000);
    static const char words[] = "pods \"g-pair-0-1\" is forbidden: exceeded quota: few";
    SCENARIO_CHECK(s, str_eq(said(s, a, "g-pair-0", "FailedScale"), words), "%s", said(s, a, "g-pair-0", "FailedScale"));
    SCENARIO_CHECK(s, str_eq(said(s, a, "g-pair-0", COND_RI_READY), words), "%s", said(s, a, "g-pair-0", COND_RI_READY));
    sim_wait(s, HOUR_MS);
    const struct jv *leader = jv_path(pod(s, a, "g-pair-0-0"), "status", "conditions", (char *)0);
    SCENARIO_CHECK(s, condition_true(leader, GATE_INPLACE_UPDATE), "its gates wait, too");
    SCENARIO_CHECK(s, scenario_events(s, "FailedCreate") == 1, "%zu warnings", scenario_events(s, "FailedCreate"));
    int64_t writes = sim_writes(s);
    sim_wait(s, 300000);
    SCENARIO_CHECK(s, sim_writes(s) - writes <= 11, "%lld writes in five minutes", (long long)(sim_writes(s) - writes));
    sim_restart(s); /* which does not know of it, and does not take it back */
    sim_wait(s, 1);
    SCENARIO_CHECK(s, str_eq(said(s, a, "g-pair-0", "FailedScale"), words), "%s", said(s, a, "g-pair-0", "FailedScale"));
    left = 2;
    sim_wait(s, 31000);
    scenario_ready(s);
    SCENARIO_CHECK(s, str_eq(said(s, a, "g-pair-0", "FailedScale"), "absent"), "it stays");
    sim_free(s);
}
END_TEST

/* Told within a second of being known, in words that stay the same as long as the cause does. */
START_TEST(the_cause_is_told_at_once_and_once) {
    static const struct { enum kubelet_fault fault; const char *want; } causes[] = {
        {FAULT_PULL, "pod g-worker-0: container main: ErrImagePull: failed to pull and unpack image"},
        {FAULT_CRASH, "pod g-worker-0: container main ended with exit code 1 (Error), "},
        {FAULT_UNSCHEDULABLE, "pod g-worker-0 waits for a node: "},
    };
    for (size_t i = 0; i < sizeof causes / sizeof *causes; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct sim *s = sim_new(&sim_opts_default);
        kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = causes[i].fault, .after_ms = 100});
        scenario_apply(s, scenario_group(a, "g", 1, false));
        sim_wait(s, 2500);
        const char *first = said(s, a, "g-worker-0", COND_RI_READY);
        SCENARIO_CHECK(s, strstr(first, causes[i].want), "%s", first);
        sim_wait(s, 20000);
        const char *later = said(s, a, "g-worker-0", COND_RI_READY);
        SCENARIO_CHECK(s, strstr(later, causes[i].want), "%s", later);
        int64_t writes = sim_writes(s);
        sim_wait(s, 60000);
        SCENARIO_CHECK(s, causes[i].fault == FAULT_CRASH || sim_writes(s) == writes, "%s: %lld writes in a minute", causes[i].want,
                       (long long)(sim_writes(s) - writes));
        sim_free(s);
    }
}
END_TEST

/* ---- what reaches a running pod ---- */

START_TEST(labels_and_annotations_reach_running_pods) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 1, false);
    struct jv *template = jv_path(scenario_role(g, "worker"), "standalonePattern", "template", (char *)0);
    jv_set(a, template, "metadata", doc_json(a, "{\"labels\":{\"a\":\"1\",\"b\":\"1\"},\"annotations\":{\"n\":\"1\"}}"));
    scenario_apply(s, g);
    scenario_ready(s);
    const char *uid = arena_strdup(a, meta_uid(pod(s, a, "g-worker-0")));
    jv_set(a, template, "metadata", doc_json(a, "{\"labels\":{\"a\":\"2\",\"c\":\"1\"}}"));
    scenario_apply(s, g);
    scenario_ready(s);
    const struct jv *now = pod(s, a, "g-worker-0");
    SCENARIO_CHECK(s, str_eq(meta_uid(now), uid), "the pod was recreated");
    restarts_are(s, "g-worker-0", 0);
    ck_assert_str_eq(meta_label(now, "a"), "2");
    ck_assert_str_eq(meta_label(now, "c"), "1");
    ck_assert_ptr_null(meta_label(now, "b"));
    ck_assert_ptr_null(meta_annotation(now, "n"));
    sim_free(s);
}
END_TEST

static const char *variable(struct sim *s, struct arena *a, const char *name, const char *env) {
    const struct jv *c = jv_idx(jv_path(pod(s, a, name), "spec", "containers", (char *)0), 0);
    return jv_str(jv_get(jv_find(jv_get(c, "env"), "name", env), "value"), "absent");
}

static struct jv *component(struct arena *a, const char *name, const char *annotations, int port) {
    return doc_json(a, arena_printf(a, "{\"name\":\"%s\",\"size\":1,\"annotations\":{%s},\"template\":{\"spec\":{\"containers\":"
        "[{\"name\":\"main\",\"image\":\"engine:1\",\"ports\":[{\"name\":\"http\",\"containerPort\":%d}]}]}}}", name,
        annotations, port));
}

#define REFERS(env) "\"rolebasedgroup.workloads.x-k8s.io/component-discovery\":" \
    "\"{\\\"portRefs\\\":[{\\\"env\\\":\\\"" env "\\\",\\\"component\\\":\\\"front\\\",\\\"portName\\\":\\\"http\\\"}]}\""

/* The port of one component is a variable of the other, which no running container would take over. */
START_TEST(a_changed_port_or_directive_reaches_the_containers) {
    static const struct { int port; const char *refers, *env; } steps[] = {
        {8000, REFERS("PORT"), "PORT"}, {9000, REFERS("PORT"), "PORT"}, {9000, REFERS("OTHER"), "OTHER"}};
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct jv *g = kind_object(a, KIND_RBG, NULL, "g"), *roles = jv_need_arr(a, jv_need_obj(a, g, "spec"), "roles");
        struct jv *role = doc_json(a, "{\"name\":\"c\",\"replicas\":1,\"customComponentsPattern\":{\"components\":[]}}");
        struct jv *list = jv_path(role, "customComponentsPattern", "components", (char *)0);
        jv_push(a, list, component(a, "front", "", steps[i].port));
        jv_push(a, list, component(a, "back", steps[i].refers, 7000));
        jv_push(a, roles, role);
        scenario_apply(s, g);
        scenario_ready(s);
        const char *value = variable(s, a, "g-c-0-back-0", steps[i].env), *want = arena_printf(a, "%d", steps[i].port);
        SCENARIO_CHECK(s, str_eq(value, want), "step %zu: %s", i, value);
        const char *key = "rolebasedgroup.workloads.x-k8s.io/component-discovery";
        SCENARIO_CHECK(s, !meta_annotation(pod(s, a, "g-c-0-back-0"), key), "the directive is on a pod");
    }
    sim_free(s);
}
END_TEST

/* ---- in place only ---- */

static void set_spec(struct sim *s, struct arena *a, const char *path_json) {
    struct err e = ERR_INIT;
    ASSERT_OK(cluster_patch(sim_cluster(s), "kubectl", KIND_RI, "default", "g-pair-0", doc_json(a, path_json), false, &e));
}

/* An instance that somebody changes himself: its set did not have to agree. */
START_TEST(in_place_only_holds_down_to_the_pod) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = leader_and_workers(a, 2, "InPlaceOnly", NULL, NULL);
    scenario_ready(s);
    const char *uid = arena_strdup(a, meta_uid(pod(s, a, "g-pair-0-1")));
    struct jv *ri = cluster_get(sim_cluster(s), a, KIND_RI, "default", "g-pair-0"), *patch = jv_new_obj(a);
    struct jv *components = jv_path(ri, "spec", "components", (char *)0);
    struct jv *c = jv_idx(jv_path(jv_idx(components, 1), "template", "spec", "containers", (char *)0), 0);
    jv_push(a, jv_need_arr(a, c, "env"), doc_json(a, "{\"name\":\"MORE\",\"value\":\"1\"}"));
    jv_set(a, jv_need_obj(a, patch, "spec"), "components", components);
    set_spec(s, a, json_text(a, patch));
    sim_wait(s, 60000);
    SCENARIO_CHECK(s, str_eq(meta_uid(pod(s, a, "g-pair-0-1")), uid), "the pod was recreated");
    const char *why = said(s, a, "g-pair-0", "FailedUpdate");
    SCENARIO_CHECK(s, strstr(why, "spec.components[worker].template.spec.containers[main].env"), "%s", why);
    const struct jv *now = cluster_get(sim_cluster(s), a, KIND_RI, "default", "g-pair-0");
    SCENARIO_CHECK(s, condition_true(jv_path(now, "status", "conditions", (char *)0), COND_RI_READY), "its pods serve as before");
    struct err e = ERR_INIT;
    ASSERT_OK(cluster_patch(sim_cluster(s), "kubectl", KIND_RIS, "default", "g-pair",
                            doc_json(a, "{\"spec\":{\"updateStrategy\":{\"type\":\"RecreatePod\"}}}"), false, &e));
    sim_wait(s, 500);
    SCENARIO_CHECK(s, str_eq(meta_uid(pod(s, a, "g-pair-0-1")), uid), "the group takes the set's strategy back");
    sim_free(s);
}
END_TEST

TEST_MAIN("sim/kubelet", a_refused_pod_is_told_of_and_asked_for_again, the_cause_is_told_at_once_and_once,
          labels_and_annotations_reach_running_pods, a_changed_port_or_directive_reaches_the_containers,
          in_place_only_holds_down_to_the_pod, a_new_tag_of_the_same_image_is_rolled_out,
          an_update_is_not_over_before_the_container_has_started_anew,
          a_bad_image_and_back, updates_that_overtake_each_other_end, the_condition_ready_of_a_pod_is_the_kubelets,
          a_ready_of_somebody_else_does_not_last, a_pod_on_a_lost_node_is_not_ready, every_end_under_every_restart_policy,
          a_pod_that_is_done_is_made_anew_for_another_template, an_end_that_may_not_be_is_a_crash,
          a_pod_that_will_not_end_is_waited_for)
