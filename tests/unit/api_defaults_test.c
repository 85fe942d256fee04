/* The defaults of admission: what is written, what is left alone, and that a second pass changes nothing and no workload's
 * template depends on it. */
#include <string.h>

#include "api/admission.h"
#include "api/build.h"
#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "recorded.h"
#include "testing.h"

static void check(const char *before, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = doc_yaml(a, arena_printf(a, "spec: {roles: [%s]}", before));
    admission_default(a, KIND_RBG, doc, false);
    struct jv *got = jv_idx(jv_path(doc, "spec", "roles", (char *)0), 0);
    ck_assert_msg(jv_eq(got, doc_yaml(a, want)), "%s\nbecame %s\nnot    %s", before, json_text(a, got),
                  json_text(a, doc_yaml(a, want)));
}

#define COMMON "replicas: 1, minReadySeconds: 0, podManagementPolicy: Parallel"
#define ROLLOUT "rolloutStrategy: {type: RollingUpdate, rollingUpdate: {type: InPlaceIfPossible, " \
                "partition: 0, maxUnavailable: 1, maxSurge: 0}}"
#define ROLLOUT_STS "rolloutStrategy: {type: RollingUpdate, rollingUpdate: {partition: 0, maxUnavailable: " \
                    "1, maxSurge: 0}}"
#define TYPE(t) "annotations: {" A_WORKLOAD_TYPE ": " t "}"

START_TEST(defaults_of_a_role) {
    check("{name: r}", "{name: r, " COMMON ", " ROLLOUT "}");
    check("{name: r, replicas: 0, minReadySeconds: 5, podManagementPolicy: OrderedReady}",
          "{name: r, replicas: 0, minReadySeconds: 5, podManagementPolicy: OrderedReady, " ROLLOUT "}");
    check("{name: r, rolloutStrategy: {rollingUpdate: {type: RecreatePod, partition: '50%'}}}",
          "{name: r, " COMMON ", rolloutStrategy: {type: RollingUpdate, rollingUpdate: {type: RecreatePod, "
          "partition: '50%', maxUnavailable: 1, maxSurge: 0}}}");
}
END_TEST

START_TEST(defaults_keep_the_rollout_of_other_workloads) {
    check("{name: r, " TYPE(WORKLOAD_STS) "}", "{name: r, " TYPE(WORKLOAD_STS) ", " COMMON ", " ROLLOUT_STS "}");
    check("{name: r, " TYPE(WORKLOAD_DEPLOYMENT) "}", "{name: r, " TYPE(WORKLOAD_DEPLOYMENT) ", " COMMON "}");
    check("{name: r, " TYPE(WORKLOAD_LWS) "}", "{name: r, " TYPE(WORKLOAD_LWS) ", " COMMON "}");
    check("{name: r, " TYPE(WORKLOAD_LWS) ", rolloutStrategy: {rollingUpdate: {maxSurge: 1}}}",
          "{name: r, " TYPE(WORKLOAD_LWS) ", " COMMON ", rolloutStrategy: {type: RollingUpdate, "
          "rollingUpdate: {partition: 0, maxUnavailable: 1, maxSurge: 1}}}");
}
END_TEST

START_TEST(defaults_of_patterns) {
    check("{name: r, leaderWorkerPattern: {restartPolicyConfig: {}}}",
          "{name: r, " COMMON ", " ROLLOUT ", leaderWorkerPattern: {size: 1, restartPolicyConfig: "
          "{baseDelaySeconds: 30, maxDelaySeconds: 600}}}");
    check("{name: r, customComponentsPattern: {components: [{name: a}, {name: b, size: 3}]}}",
          "{name: r, " COMMON ", " ROLLOUT ", customComponentsPattern: {components: [{name: a, size: 1}, "
          "{name: b, size: 3}]}}");
}
END_TEST

#define DELAYS "baseDelaySeconds: 30, maxDelaySeconds: 600"

START_TEST(defaults_say_what_a_deprecated_restart_policy_means) {
    check("{name: r, leaderWorkerPattern: {restartPolicy: None, restartPolicyConfig: {}}}",
          "{name: r, " COMMON ", " ROLLOUT ", leaderWorkerPattern: {size: 1, restartPolicy: None, "
          "restartPolicyConfig: {type: None, " DELAYS "}}}");
    check("{name: r, customComponentsPattern: {restartPolicy: None}}",
          "{name: r, " COMMON ", " ROLLOUT ", customComponentsPattern: {restartPolicy: None, "
          "restartPolicyConfig: {type: None, " DELAYS "}}}");
    check("{name: r, leaderWorkerPattern: {restartPolicy: None, restartPolicyConfig: {type: "
          "RecreateRoleInstanceOnPodRestart, baseDelaySeconds: 1}}}",
          "{name: r, " COMMON ", " ROLLOUT ", leaderWorkerPattern: {size: 1, restartPolicy: None, restartPolicyConfig: "
          "{type: RecreateRoleInstanceOnPodRestart, baseDelaySeconds: 1, maxDelaySeconds: 600}}}");
    check("{name: r, leaderWorkerPattern: {}}", "{name: r, " COMMON ", " ROLLOUT ", leaderWorkerPattern: {size: 1}}");
}
END_TEST

/* The type that results from an update: what was stored, and what the user has written over it. */
static void check_follow(const char *was, const char *now, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *old = doc_yaml(a, arena_printf(a, "spec: {roles: [{name: x}, {name: r, leaderWorkerPattern: %s}]}", was)),
              *doc = doc_yaml(a, arena_printf(a, "spec: {roles: [{name: r, leaderWorkerPattern: %s}]}", now));
    admission_follow(a, KIND_RBG, doc, old);
    admission_default(a, KIND_RBG, doc, false);
    const struct jv *role = jv_idx(jv_path(doc, "spec", "roles", (char *)0), 0);
    const char *got = jv_str(jv_path(role, "leaderWorkerPattern", "restartPolicyConfig", "type", (char *)0), "");
    ck_assert_msg(str_eq(got, want), "%s\nthen %s\nis %s, not %s", was, now, got, want);
}

START_TEST(defaults_follow_a_changed_restart_policy) {
    /* Nobody but us wrote the type: it follows. */
    check_follow("{restartPolicy: None, restartPolicyConfig: {type: None}}",
                 "{restartPolicy: B, restartPolicyConfig: {type: None}}", "B");
    /* The user wrote it, now or before: it stays. */
    check_follow("{restartPolicy: None, restartPolicyConfig: {type: B}}",
                 "{restartPolicy: C, restartPolicyConfig: {type: B}}", "B");
    check_follow("{restartPolicy: None, restartPolicyConfig: {type: None}}",
                 "{restartPolicy: B, restartPolicyConfig: {type: C}}", "C");
    /* From the deprecated field to the other: the type that is written there is meant. */
    check_follow("{restartPolicy: None, restartPolicyConfig: {type: None}}", "{restartPolicyConfig: {type: None}}", "None");
    check_follow("{}", "{restartPolicy: B}", "B");
}
END_TEST

START_TEST(defaults_write_port_protocols_where_the_schema_does) {
    check("{name: r, servicePorts: [{port: 1}], standalonePattern: {template: {spec: {containers: [{name: c, "
          "ports: [{containerPort: 1}]}]}}}}",
          "{name: r, " COMMON ", " ROLLOUT ", servicePorts: [{port: 1, protocol: TCP}], standalonePattern: "
          "{template: {spec: {containers: [{name: c, ports: [{containerPort: 1, protocol: TCP}]}]}}}}");
    check("{name: r, customComponentsPattern: {components: [{name: a, size: 1, template: {spec: {containers: "
          "[{name: c, ports: [{containerPort: 1}]}]}}}]}}",
          "{name: r, " COMMON ", " ROLLOUT ", customComponentsPattern: {components: [{name: a, size: 1, template: "
          "{spec: {containers: [{name: c, ports: [{containerPort: 1}]}]}}}]}}");
}
END_TEST

START_TEST(defaults_decide_the_discovery_mode_once) {
    ARENA_AUTO struct arena *a = arena_new();
    static const struct { const char *doc; bool create; const char *want; } rows[] = {
        {"{metadata: {name: g}}", true, "refine"},
        {"{metadata: {name: g}}", false, NULL},
        {"{metadata: {name: g, annotations: {" A_DISCOVERY_MODE ": legacy}}}", true, "legacy"},
        {"{metadata: {name: g, annotations: {" A_DISCOVERY_MODE ": other}}}", true, "refine"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct jv *doc = doc_yaml(a, rows[i].doc);
        admission_default(a, KIND_RBG, doc, rows[i].create);
        ck_assert(str_eq(meta_annotation(doc, A_DISCOVERY_MODE), rows[i].want));
    }
    struct jv *set = doc_yaml(a, "{metadata: {name: s}, spec: {groupTemplate: {spec: {roles: [{name: r}]}}}}");
    admission_default(a, KIND_RBGSET, set, true);
    ck_assert_ptr_null(meta_annotation(set, A_DISCOVERY_MODE));
    ck_assert_int_eq(jv_get_int(jv_get(set, "spec"), "replicas", -1), 1);
    struct jv *role = jv_idx(jv_path(set, "spec", "groupTemplate", "spec", "roles", (char *)0), 0);
    ck_assert(jv_eq(role, doc_yaml(a, "{name: r, " COMMON ", " ROLLOUT "}")));
}
END_TEST

START_TEST(defaults_survive_nonsense) {
    static const char *const docs[] = {
        "[]", "spec: []", "spec: {roles: 3}", "spec: {roles: [1, null, []]}", "metadata: 1",
        "spec: {roles: [{annotations: 1, rolloutStrategy: 1, customComponentsPattern: []}]}",
        "spec: {roles: [{rolloutStrategy: {rollingUpdate: x}, customComponentsPattern: {components: [1]}}]}",
        "metadata: {annotations: x}",
    };
    for (size_t i = 0; i < sizeof docs / sizeof *docs; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct jv *doc = doc_yaml(a, docs[i]);
        admission_default(a, KIND_RBG, doc, true);
        struct jv *once = jv_dup(a, doc);
        admission_default(a, KIND_RBG, doc, true);
        ck_assert(jv_eq(once, doc));
    }
}
END_TEST

/* The set of each RoleInstanceSet role that the group leads to, as text, without the label that carries the role's hash. */
static char *sets_of(struct arena *a, const struct jv *doc) {
    struct err e = ERR_INIT;
    struct rbg g;
    ASSERT_OK(rbg_decode(a, doc, &g, &e));
    struct jv *all = jv_new_arr(a);
    for (size_t i = 0; i < g.spec.roles.n; i++) {
        const struct role *r = &g.spec.roles.items[i];
        if (role_workload(r) != WL_RIS || r->engine_runtimes.n) continue;
        struct role_build b = {.ctx = {.group = &g, .service_name = "s", .scheduler = "scheduler-plugins"},
                               .role_hash = "same", .replicas = role_replicas(r)};
        struct jv *set = build_ris(a, &b, r, &e);
        ASSERT_PTR(set);
        jv_push(a, all, set);
    }
    return json_text(a, all);
}

START_TEST(defaults_change_no_workload_and_nothing_twice) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    const char *root = recorded_root(a), **cases = NULL;
    size_t n = 0, seen = 0;
    if (!root) return;
    ASSERT_OK(recorded_cases(a, root, &cases, &n, &e));
    for (size_t c = 0; c < n; c++) {
        struct objects o = {0};
        ASSERT_OK(recorded_load(a, root, cases[c], 1, &o, &e));
        for (size_t i = 0; i < o.n; i++) {
            if (!str_eq(jv_get_str(o.items[i], "kind"), "RoleBasedGroup")) continue;
            struct jv *doc = jv_dup(a, o.items[i]);
            admission_default(a, KIND_RBG, doc, true);
            struct jv *once = jv_dup(a, doc);
            admission_default(a, KIND_RBG, doc, true);
            ck_assert_msg(jv_eq(once, doc), "%s: a second pass changed the group", cases[c]);
            const char *before = sets_of(a, o.items[i]), *after = sets_of(a, doc);
            ck_assert_msg(str_eq(before, after), "%s:\n%s\n%s", cases[c], before, after);
            seen++;
        }
    }
    ck_assert_uint_ge(seen, 16);
}
END_TEST

TEST_MAIN("defaults", defaults_of_a_role, defaults_keep_the_rollout_of_other_workloads, defaults_of_patterns,
          defaults_say_what_a_deprecated_restart_policy_means, defaults_follow_a_changed_restart_policy,
          defaults_write_port_protocols_where_the_schema_does, defaults_decide_the_discovery_mode_once,
          defaults_survive_nonsense, defaults_change_no_workload_and_nothing_twice)
