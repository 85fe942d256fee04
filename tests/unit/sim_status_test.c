/* What the group's status says, at every moment: never that something is done which is not, and what keeps it from being done. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "scenario.h"
#include "verdict.h"

static struct jv *live(struct sim *s, struct arena *a, enum kind k, const char *name) {
    return cluster_get(sim_cluster(s), a, k, "default", name);
}

static const struct jv *condition(struct sim *s, struct arena *a, const char *type) {
    return jv_find(jv_path(live(s, a, KIND_RBG, "g"), "status", "conditions", (char *)0), "type", type);
}

static const char *told(struct sim *s, struct arena *a, const char *type) {
    const struct jv *c = condition(s, a, type);
    return c ? arena_printf(a, "%s %s: %s", jv_str(jv_get(c, "status"), "?"), jv_str(jv_get(c, "reason"), "?"),
                            jv_str(jv_get(c, "message"), "")) : "";
}

static void ck_told(struct sim *s, const char *type, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *have = told(s, a, type);
    SCENARIO_CHECK(s, str_has_prefix(have, want), "%s is \"%s\", not \"%s...\"", type, have, want);
}

/* ---- never ahead ---- */

struct rollout {
    const char *image; /* what every pod shall run */
    size_t pods;
    size_t seen;       /* steps at which it was under way */
};

/* As a person would find it out: by the pods that stay. */
static bool really_done(struct sim *s, struct arena *a, const struct rollout *r) {
    struct jv **pods;
    size_t n = cluster_list(sim_cluster(s), a, KIND_POD, &pods), stay = 0;
    for (size_t i = 0; i < n; i++) {
        const struct jv *c = jv_idx(jv_path(pods[i], "spec", "containers", (char *)0), 0);
        if (meta_deleting(pods[i])) continue;
        if (!str_eq(jv_get_str(c, "image"), r->image)) return false;
        if (!condition_true(jv_path(pods[i], "status", "conditions", (char *)0), "Ready")) return false;
        stay++;
    }
    return stay == r->pods;
}

static void judge(void *ctx, struct sim *s) {
    struct rollout *r = ctx;
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *g = live(s, a, KIND_RBG, "g"), *list = jv_path(g, "status", "conditions", (char *)0);
    if (really_done(s, a, r)) return;
    r->seen++;
    SCENARIO_CHECK(s, verdict_kubectl_wait(g, "Ready") == IN_PROGRESS, "kubectl wait has returned: %s", told(s, a, "Ready"));
    SCENARIO_CHECK(s, verdict_kstatus(g) == IN_PROGRESS, "kstatus and Flux call that done");
    SCENARIO_CHECK(s, verdict_argo(g) == IN_PROGRESS, "Argo CD calls that done");
    if (jv_get_int(jv_get(g, "status"), "observedGeneration", 0) != meta_generation(g)) return;
    SCENARIO_CHECK(s, condition_true(list, "Progressing"), "%s", told(s, a, "Progressing"));
}

static void watch_change(struct sim *s, const struct jv *group, const char *image, size_t pods) {
    struct rollout r = {.image = image, .pods = pods};
    sim_watch_steps(s, judge, &r);
    scenario_apply(s, group);
    scenario_ready(s);
    sim_watch_steps(s, NULL, NULL);
    SCENARIO_CHECK(s, r.seen > 5, "the change was under way at %zu steps", r.seen);
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *g = live(s, a, KIND_RBG, "g");
    ck_assert_int_eq(verdict_kubectl_wait(g, "Ready"), CURRENT);
    ck_assert_int_eq(verdict_kstatus(g), CURRENT);
    ck_assert_int_eq(verdict_argo(g), CURRENT);
    ck_told(s, "Progressing", "False Settled");
    ck_told(s, "RollingUpdateInProgress", "False RolesUpToDate");
}

static void roll(uint64_t seed, const char *key, const char *json) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim_opts o = sim_opts_default;
    o.shuffle = o.kubelet.seed = seed;
    o.kubelet.jitter_ms = 900;
    struct sim *s = sim_new(&o);
    struct jv *g = scenario_group(a, "g", 3, false);
    if (key) scenario_rolling(a, scenario_role(g, "worker"), key, json);
    scenario_apply(s, g);
    scenario_ready(s);
    scenario_image(a, scenario_role(g, "worker"), "engine:2");
    watch_change(s, g, "engine:2", 3);
    jv_set_int(a, scenario_role(g, "worker"), "replicas", 5);
    watch_change(s, g, "engine:2", 5);
    jv_set_int(a, scenario_role(g, "worker"), "replicas", 2);
    scenario_image(a, scenario_role(g, "worker"), "engine:3");
    watch_change(s, g, "engine:3", 2);
    sim_free(s);
}

static void by_seed(uint64_t seed) {
    static const char *const how[][2] = {
        {NULL, NULL}, {"type", "\"RecreatePod\""}, {"maxUnavailable", "2"}, {"maxSurge", "1"}};
    roll(seed, how[seed % 4][0], how[seed % 4][1]);
}

START_TEST(nobody_who_waits_is_told_too_early) {
    scenario_seeds(16, by_seed);
}
END_TEST

/* The very first status of a new spec knows that its workloads are about to be changed. */
static void first_word(void *ctx, struct sim *s) {
    bool *seen = ctx;
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *g = live(s, a, KIND_RBG, "g"), *list = jv_path(g, "status", "conditions", (char *)0);
    if (*seen || jv_get_int(jv_get(g, "status"), "observedGeneration", 0) != meta_generation(g)) return;
    *seen = true;
    SCENARIO_CHECK(s, condition_true(list, "RollingUpdateInProgress") && condition_true(list, "Progressing"), "%s",
                   told(s, a, "RollingUpdateInProgress"));
    ck_told(s, "Ready", "False RoleNotReady: role worker: 3 of 3 instances ready, 0 updated");
}

START_TEST(the_first_status_knows_what_comes) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 3, false);
    bool seen = false;
    scenario_apply(s, g);
    scenario_ready(s);
    scenario_image(a, scenario_role(g, "worker"), "engine:2");
    scenario_apply(s, g);
    sim_watch_steps(s, first_word, &seen);
    scenario_ready(s);
    ck_assert(seen);
    sim_free(s);
}
END_TEST

/* A rollout that is held is where it was sent: nobody waits for it, and everybody can read that it is held. */
START_TEST(a_held_rollout_is_no_progress) {
    static const char *const how[][3] = {{"partition", "2", "the partition holds the others"},
                                         {"paused", "true", "the rollout is paused"}};
    for (size_t i = 0; i < 2; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct sim *s = sim_new(&sim_opts_default);
        struct jv *g = scenario_group(a, "g", 3, false);
        scenario_rolling(a, scenario_role(g, "worker"), how[i][0], how[i][1]);
        scenario_apply(s, g);
        scenario_ready(s);
        scenario_image(a, scenario_role(g, "worker"), "engine:2");
        scenario_apply(s, g);
        scenario_settle(s, HOUR_MS);
        ck_told(s, "Ready", "True AllRolesReady");
        ck_told(s, "RollingUpdateInProgress", "True RolesUpdating");
        ck_told(s, "Progressing", "False RolloutHeld");
        SCENARIO_CHECK(s, strstr(told(s, a, "Progressing"), how[i][2]), "%s", told(s, a, "Progressing"));
        sim_free(s);
    }
}
END_TEST

/* ---- what keeps it ---- */

static struct sim *broken(struct arena *a, const struct kubelet_rule *rule, int replicas) {
    struct sim *s = sim_new(&sim_opts_default);
    kubelet_rule_add(sim_kubelet(s), rule);
    scenario_apply(s, scenario_group(a, "g", replicas, false));
    return s;
}

struct hearing { const char *what; int64_t instance_ms, group_ms; };

static void hear(void *ctx, struct sim *s) {
    struct hearing *h = ctx;
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *ready = jv_find(jv_path(live(s, a, KIND_RI, "g-worker-0"), "status", "conditions", (char *)0), "type",
                                     COND_RI_READY);
    const char *of_instance = jv_str(jv_get(ready, "message"), "");
    if (!h->instance_ms && strstr(of_instance, h->what)) h->instance_ms = sim_elapsed_ms(s);
    if (!h->group_ms && strstr(told(s, a, "Ready"), h->what)) h->group_ms = sim_elapsed_ms(s);
}

START_TEST(the_cause_is_in_the_group_at_once) {
    static const struct { enum kubelet_fault fault; const char *what, *word; } rows[] = {
        {FAULT_UNSCHEDULABLE, "waits for a node", "Unschedulable"},
        {FAULT_PULL, "ImagePull", "ErrImagePull"},
        {FAULT_CRASH, "ended with exit code 1 (Error)", "CrashLoopBackOff"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct hearing h = {.what = rows[i].what};
        struct sim *s = broken(a, &(struct kubelet_rule){.fault = rows[i].fault, .after_ms = 500}, 1);
        sim_watch_steps(s, hear, &h);
        sim_wait(s, 60000);
        SCENARIO_CHECK(s, h.group_ms, "%s is not told: %s", rows[i].what, told(s, a, "Ready"));
        SCENARIO_CHECK(s, h.group_ms - h.instance_ms <= 1000, "the instance has it after %lld ms, the group after %lld",
                       (long long)h.instance_ms, (long long)h.group_ms);
        ck_told(s, "Progressing", arena_printf(a, "True %s", rows[i].word));
        ck_told(s, "Stalled", arena_printf(a, "False %s", rows[i].word));
        sim_free(s);
    }
}
END_TEST

START_TEST(the_others_are_counted) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = broken(a, &(struct kubelet_rule){.fault = FAULT_UNSCHEDULABLE}, 3);
    sim_wait(s, 60000);
    ck_told(s, "Ready", "False RoleNotReady: role worker: 0 of 3 instances ready, g-worker-0: pod g-worker-0 waits for a node: ");
    SCENARIO_CHECK(s, str_has_suffix(told(s, a, "Ready"), "; and 2 more instances"), "%s", told(s, a, "Ready"));
    sim_free(s);
}
END_TEST

START_TEST(after_the_deadline_it_is_stalled_and_goes_on_when_it_can) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = broken(a, &(struct kubelet_rule){.fault = FAULT_PULL, .image = "engine:1"}, 2);
    sim_wait(s, 500000);
    ck_told(s, "Progressing", "True ErrImagePull");
    ck_assert_int_eq(verdict_kstatus(live(s, a, KIND_RBG, "g")), IN_PROGRESS);
    sim_wait(s, 200000);
    ck_told(s, "Progressing", "False ErrImagePull: role worker: 0 of 2 instances ready");
    ck_told(s, "Stalled", "True ErrImagePull");
    ck_assert_int_eq(verdict_kstatus(live(s, a, KIND_RBG, "g")), FAILED);
    ck_assert_int_eq(verdict_argo(live(s, a, KIND_RBG, "g")), FAILED);
    ck_assert_uint_eq(scenario_events(s, "Stalled"), 1);
    int64_t writes = sim_writes(s);
    sim_wait(s, HOUR_MS);
    ck_assert_uint_eq(scenario_events(s, "Stalled"), 1);
    SCENARIO_CHECK(s, sim_writes(s) == writes, "%lld writes although nothing changes", (long long)(sim_writes(s) - writes));
    kubelet_rules_clear(sim_kubelet(s));
    scenario_ready(s);
    ck_told(s, "Progressing", "False Settled");
    ck_assert_ptr_null(condition(s, a, "Stalled"));
    sim_free(s);
}
END_TEST

START_TEST(another_spec_gets_its_own_time) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = broken(a, &(struct kubelet_rule){.fault = FAULT_PULL}, 1);
    struct jv *g = scenario_group(a, "g", 1, false);
    sim_wait(s, 800000);
    ck_told(s, "Stalled", "True ErrImagePull");
    scenario_image(a, scenario_role(g, "worker"), "engine:2");
    scenario_apply(s, g);
    sim_wait(s, 60000);
    ck_told(s, "Progressing", "True ErrImagePull");
    ck_told(s, "Stalled", "False ErrImagePull");
    sim_wait(s, 800000);
    ck_told(s, "Stalled", "True ErrImagePull");
    ck_assert_uint_eq(scenario_events(s, "Stalled"), 2);
    sim_free(s);
}
END_TEST

/* A server that loads its weights runs, and is not ready: for as long as it takes. */
START_TEST(a_slow_start_is_not_stalled) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = broken(a, &(struct kubelet_rule){.fault = FAULT_NOT_READY}, 1);
    sim_wait(s, HOUR_MS);
    ck_told(s, "Progressing", "True RolesStarting");
    ck_assert_ptr_null(condition(s, a, "Stalled"));
    sim_free(s);
}
END_TEST

/* What waiting can't mend is stalled at once. */
START_TEST(a_pattern_that_is_not_served_is_said_at_once) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 2, false);
    jv_set_str(a, jv_need_obj(a, scenario_role(g, "worker"), "annotations"), A_PATTERN, "Stateless");
    scenario_apply(s, g);
    sim_wait(s, 5000);
    SCENARIO_CHECK(s, strstr(told(s, a, "Ready"), "Stateless"), "%s", told(s, a, "Ready"));
    ck_told(s, "Progressing", "False InvalidSpec");
    ck_assert_int_eq(verdict_kstatus(live(s, a, KIND_RBG, "g")), FAILED);
    sim_free(s);
}
END_TEST

START_TEST(a_workload_that_is_not_served_is_said_at_once) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 2, true);
    jv_set_str(a, jv_need_obj(a, scenario_role(g, "worker"), "annotations"), A_WORKLOAD_TYPE, "apps/v1/Deployment");
    scenario_apply(s, g);
    sim_wait(s, 5000);
    SCENARIO_CHECK(s, strstr(told(s, a, "Ready"), "apps/v1/Deployment is not supported"), "%s", told(s, a, "Ready"));
    ck_told(s, "Stalled", "True FailedReconcileWorkload");
    sim_free(s);
}
END_TEST

START_TEST(a_reference_to_nothing_is_said_at_once) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 2, false);
    jv_set(a, scenario_role(g, "worker"), "standalonePattern", doc_json(a, "{\"templateRef\":{\"name\":\"nothing\"}}"));
    scenario_apply(s, g);
    sim_wait(s, 5000);
    ck_told(s, "Stalled", "True InvalidTemplateRef");
    ck_assert_uint_eq(scenario_events(s, "InvalidTemplateRef"), 1);
    ck_assert_uint_eq(scenario_events(s, "Stalled"), 0); /* said already */
    sim_free(s);
}
END_TEST

START_TEST(a_policy_that_gave_up_is_said_at_once) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 1, false), *role = scenario_role(g, "worker");
    jv_del(role, "standalonePattern");
    jv_set(a, role, "leaderWorkerPattern", doc_json(a, "{\"size\":2,"
        "\"restartPolicyConfig\":{\"type\":\"RecreateRoleInstanceOnPodRestart\",\"maxRestarts\":1},"
        "\"template\":{\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"engine:1\"}]}}}"));
    scenario_apply(s, g);
    scenario_ready(s);
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_CRASH, .pod = "g-worker-0-1", .after_ms = 9000});
    sim_wait(s, 300000);
    ck_told(s, "Progressing", "False RestartLimitExceeded");
    ck_told(s, "Stalled", "True RestartLimitExceeded");
    ck_assert_uint_eq(scenario_events(s, "Stalled"), 1);
    sim_free(s);
}
END_TEST

/* ---- words ---- */

START_TEST(a_healthy_life_has_no_warnings) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 3, true);
    const struct sim_event *events;
    scenario_apply(s, g);
    scenario_ready(s);
    scenario_image(a, scenario_role(g, "worker"), "engine:2");
    scenario_apply(s, g);
    scenario_ready(s);
    size_t n = sim_events(s, &events);
    ck_assert_uint_gt(n, 5);
    for (size_t i = 0; i < n; i++)
        SCENARIO_CHECK(s, str_eq(events[i].type, "Normal"), "%s %s: %s", events[i].type, events[i].reason, events[i].message);
    ck_assert_uint_eq(scenario_events(s, "DependencyNotMet"), 1);
    ck_assert_uint_eq(scenario_events(s, "Succeed"), 2);
    ck_assert_str_eq(jv_get_str(jv_get(live(s, a, KIND_RBG, "g"), "status"), "rolesReady"), "2/2");
    ck_assert_str_eq(jv_get_str(jv_get(live(s, a, KIND_RBG, "g"), "status"), "instancesUpdated"), "4/4");
    sim_free(s);
}
END_TEST

TEST_MAIN("sim_status", nobody_who_waits_is_told_too_early, the_first_status_knows_what_comes, a_held_rollout_is_no_progress,
          the_cause_is_in_the_group_at_once, the_others_are_counted,
          after_the_deadline_it_is_stalled_and_goes_on_when_it_can, another_spec_gets_its_own_time, a_slow_start_is_not_stalled,
          a_pattern_that_is_not_served_is_said_at_once, a_workload_that_is_not_served_is_said_at_once,
          a_reference_to_nothing_is_said_at_once,
          a_policy_that_gave_up_is_said_at_once, a_healthy_life_has_no_warnings)
