/* Validation: the list of problems, the ratchet, the rounding, and that no document can bring it
 * down. Which mistakes are found, and how they read, is in tests/golden/validate. */
#include <string.h>
#include <time.h>

#include "api/admission.h"
#include "api/names.h"
#include "base/str.h"
#include "common/api/validate.h"
#include "doc/yaml.h"
#include "docs.h"
#include "recorded.h"
#include "testing.h"

static const char head[] =
    "apiVersion: workloads.x-k8s.io/v1alpha2\nkind: RoleBasedGroup\nmetadata: {name: g}\nspec:\n";

static struct jv *group(struct arena *a, const char *spec) {
    return doc_yaml(a, arena_printf(a, "%s  %s\n", head, spec));
}

static const struct admission_opts all_types = {.deprecated_workloads = true};

static struct problems check(struct arena *a, const struct jv *doc, const struct jv *old) {
    struct problems p = {.a = a};
    admission_validate(&p, KIND_RBG, doc, old, NULL, &all_types);
    return p;
}

#define T "standalonePattern: {template: {spec: {containers: [{name: m, image: i}]}}}"

/* ---- the list ---- */

START_TEST(test_text_of_one_and_of_several) {
    ARENA_AUTO struct arena *a = arena_new();
    struct problems p = {.a = a};
    ck_assert_str_eq(problems_text(a, &p), "");
    problem_add(&p, "spec.x", PROBLEM_INVALID, jv_new_str(a, "v"), "reason %d", 1);
    ck_assert_str_eq(problems_text(a, &p), "spec.x: Invalid value: \"v\": reason 1");
    problem_add(&p, "spec.x", PROBLEM_INVALID, jv_new_str(a, "v"), "reason 1");
    problem_add(&p, "spec.y", PROBLEM_REQUIRED, NULL, "write it");
    ck_assert_str_eq(problems_text(a, &p),
                     "[spec.x: Invalid value: \"v\": reason 1, spec.y: Required value: write it]");
}
END_TEST

START_TEST(test_fifty_are_spelled_out) {
    ARENA_AUTO struct arena *a = arena_new();
    struct problems p = {.a = a};
    for (int i = 0; i < 75; i++)
        problem_add(&p, arena_printf(a, "p%d", i), PROBLEM_FORBIDDEN, NULL, "no");
    const char *text = problems_text(a, &p);
    ck_assert(strstr(text, "p49: ") && !strstr(text, "p50: "));
    ck_assert_msg(str_has_suffix(text, ", and 25 more]"), "%s", text);
}
END_TEST

START_TEST(test_long_values_are_cut_between_characters) {
    ARENA_AUTO struct arena *a = arena_new();
    for (size_t shift = 0; shift < 2; shift++) {
        char value[400] = "x";
        for (size_t i = shift; i + 2 < sizeof value; i += 2) memcpy(value + i, "é", 2);
        struct problems p = {.a = a};
        problem_add(&p, "x", PROBLEM_INVALID, jv_new_str(a, value), "no");
        const char *cut = p.items[0].value;
        ck_assert(strlen(cut) < 130 && str_has_suffix(cut, "..."));
        const char *whole =
            arena_printf(a, "%.*s\"", (int)strlen(cut) - 3, cut); /* must be UTF-8 */
        ck_assert_ptr_nonnull(json_parse(a, whole, strlen(whole), NULL, NULL));
    }
}
END_TEST

START_TEST(test_suggestions_are_near) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *names[] = {"prefill", "decode", "router", "a"};
    struct words w = {names, 4};
    ck_assert_str_eq(did_you_mean(a, "decoed", &w), " (did you mean \"decode\"?)");
    ck_assert_str_eq(did_you_mean(a, "scheduler", &w), "");
    ck_assert_str_eq(did_you_mean(a, "b", &w), "");
    ck_assert_str_eq(words_list(a, &w), "\"prefill\", \"decode\", \"router\" or \"a\"");
}
END_TEST

START_TEST(test_a_role_is_not_told_to_wait_for_itself) {
    ARENA_AUTO struct arena *a = arena_new();
    struct problems p =
        check(a,
              group(a, "roles: [{name: router, dependencies: [routes], " T "}, {name: b, " T "}]"),
              NULL);
    ck_assert_uint_eq(p.n, 1);
    ck_assert_str_eq(p.items[0].message,
                     "the group has no role of this name; use \"b\"");
    p = check(a, group(a, "roles: [{name: router, dependencies: [routes], " T "}]"), NULL);
    ck_assert_str_eq(p.items[0].message,
                     "the group has no role of this name; it has no other role: remove it");
}
END_TEST

/* An annotation that refers to all of its own ports is read once, not once for each reference. */
START_TEST(test_many_port_references) {
    enum { PORTS = 3500 };
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf b = BUF_INIT;
    for (int i = 0; i < PORTS; i++)
        buf_printf(&b, "%s{\"name\":\"p%d\",\"env\":\"P\"}", i ? "," : "{\"allocations\":[", i);
    for (int i = 0; i < PORTS; i++)
        buf_printf(&b, "%s{\"env\":\"E\",\"from\":\"r.x.p%d\"}", i ? "," : "],\"references\":[",
                   i == 777 ? PORTS : i);
    buf_puts(&b, "]}");
    struct jv *doc = group(a, "roles: [{name: r, customComponentsPattern: {components: [{name: x, "
                              "size: 1, template: {metadata: {annotations: {}}, spec: {containers: "
                              "[{name: m, image: i}]}}}]}}]");
    struct jv *role = jv_idx(jv_path(doc, "spec", "roles", (char *)0), 0);
    struct jv *component =
        jv_idx(jv_path(role, "customComponentsPattern", "components", (char *)0), 0);
    jv_set_str(a, jv_path(component, "template", "metadata", "annotations", (char *)0),
               A_PORT_ALLOCATOR, b.s);
    clock_t start = clock();
    struct problems p = check(a, doc, NULL);
    ck_assert_msg(clock() - start < 4 * CLOCKS_PER_SEC, "quadratic");
    ck_assert_msg(p.n == 1 && strstr(p.items[0].path, "references[777].from"), "%s",
                  problems_text(a, &p));
}
END_TEST

/* ---- the ratchet ---- */

START_TEST(test_stored_mistakes_do_not_lock) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *bad = "roles: [{name: Up, dependencies: [gone], " T "}, {name: b, " T "}]";
    ck_assert_uint_eq(check(a, group(a, bad), NULL).n, 2);
    ck_assert_uint_eq(check(a, group(a, bad), group(a, bad)).n, 0);
}
END_TEST

START_TEST(test_moved_role_is_the_same_role) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *old = group(a, "roles: [{name: Up, dependencies: [gone], " T "}, {name: b, " T "}]");
    struct jv *doc = group(a, "roles: [{name: b, " T "}, {name: Up, dependencies: [gone], " T "}]");
    struct problems p = check(a, doc, old);
    ck_assert_msg(p.n == 0, "%s", problems_text(a, &p));
}
END_TEST

START_TEST(test_new_mistake_is_refused) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *old = group(a, "roles: [{name: a, dependencies: [gone], " T "}, {name: b, " T "}]");
    struct jv *other =
        group(a, "roles: [{name: a, dependencies: [lost], " T "}, {name: b, " T "}]");
    struct jv *second = group(a, "roles: [{name: a, dependencies: [gone], " T
                                 "}, {name: b, dependencies: [gone], " T "}]");
    ck_assert_uint_eq(check(a, other, old).n, 1);
    struct problems p = check(a, second, old);
    ck_assert_uint_eq(p.n, 1);
    ck_assert_str_eq(p.items[0].path, "spec.roles[1].dependencies[0]");
}
END_TEST

START_TEST(test_cycle_that_grows_is_new) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *old = group(a, "roles: [{name: a, dependencies: [b], " T
                              "}, {name: b, dependencies: [a], " T "}]");
    ck_assert_uint_eq(check(a, old, old).n, 0);
    struct jv *doc =
        group(a, "roles: [{name: a, dependencies: [c], " T "}, {name: b, dependencies: [a], " T
                 "}, {name: c, dependencies: [b], " T "}]");
    ck_assert_uint_eq(check(a, doc, old).n, 1);
}
END_TEST

START_TEST(test_autoscaler_may_go_below_partition) {
    ARENA_AUTO struct arena *a = arena_new();
    struct problems p = check(
        a,
        group(
            a,
            "roles: [{name: a, replicas: 1, rolloutStrategy: {rollingUpdate: {partition: 1}}, " T
            "}]"),
        NULL);
    ck_assert_uint_eq(p.n, 0);
    ck_assert_uint_eq(p.nwarnings, 1);
    /* Half of one is none that is kept back, as the set counts. */
    p = check(a, group(a, "roles: [{name: a, replicas: 1, rolloutStrategy: {rollingUpdate: {partition: 50%}}, " T "}]"), NULL);
    ck_assert_uint_eq(p.nwarnings, 0);
}
END_TEST

/* ---- rounding ---- */

static void limits(const char *surge, const char *unavailable, int32_t n, int32_t want_surge,
                   int32_t want_unavailable) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct rolling_update u = {.max_surge = surge ? doc_yaml(a, surge) : NULL,
                               .max_unavailable = unavailable ? doc_yaml(a, unavailable) : NULL};
    int32_t s, m;
    ASSERT_OK(rollout_limits(&u, n, &s, &m, &e));
    ck_assert_int_eq(s, want_surge);
    ck_assert_int_eq(m, want_unavailable);
}

START_TEST(test_one_rounding) {
    limits(NULL, NULL, 5, 0, 1);
    limits(NULL, "\"10%\"", 5, 0, 1); /* up without a surge */
    limits("1", "\"10%\"", 5, 1, 0);  /* down with one */
    limits("\"10%\"", "\"50%\"", 3, 1, 1);
    limits("\"30%\"", "0", 3, 1, 0);
    limits("-1", "-2", 3, 0, 0);
    limits("0", "\"100%\"", 2147483647, 0, 2147483647);
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    int32_t s, m;
    struct rolling_update u = {.max_unavailable = jv_new_str(a, "5")};
    ASSERT_ERR(rollout_limits(&u, 3, &s, &m, &e), ERR_INVALID);
    ck_assert_msg(str_has_prefix(e.msg, "maxUnavailable: "), "%s", e.msg);
}
END_TEST

/* ---- nothing brings it down ---- */

static const char full_group[] =
    "apiVersion: workloads.x-k8s.io/v1alpha2\nkind: RoleBasedGroup\n"
    "metadata: {name: g, namespace: ns, labels: {a: b}, annotations: "
    "{rbg.workloads.x-k8s.io/group-gang-scheduling: \"true\",\n"
    "  rbg.workloads.x-k8s.io/group-gang-scheduling-timeout: \"30\", "
    "rbg.workloads.x-k8s.io/group-exclusive-topology: zone}}\n"
    "spec:\n"
    "  roleTemplates:\n"
    "  - {name: base, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: m, image: "
    "i, ports: [{name: http, containerPort: 80}]}]}}}\n"
    "  roles:\n"
    "  - name: one\n"
    "    replicas: 2\n"
    "    minReadySeconds: 3\n"
    "    labels: {a: b}\n"
    "    annotations: {rbg.workloads.x-k8s.io/role-inplace-scheduling: Required, "
    "rbg.workloads.x-k8s.io/role-inplace-scheduling-avoid: \"a,b\"}\n"
    "    rolloutStrategy: {type: RollingUpdate, rollingUpdate: {type: RecreatePod, partition: 1, "
    "maxSurge: 1, maxUnavailable: 25%, paused: true}}\n"
    "    standalonePattern: {templateRef: {name: base, patch: {spec: {containers: [{name: m, env: "
    "[{name: A, value: b}]}]}}}}\n"
    "    engineRuntimes: [{profileName: p, injectContainers: [x], containers: [{name: z}]}]\n"
    "    scalingAdapter: {enable: true, labels: {a: b}}\n"
    "    servicePorts: [{name: http, port: 80}]\n"
    "  - name: two\n"
    "    dependencies: [one]\n"
    "    leaderWorkerPattern:\n"
    "      size: 2\n"
    "      sharedServiceSelection: All\n"
    "      restartPolicyConfig: {type: None, baseDelaySeconds: 1, maxDelaySeconds: 2}\n"
    "      leaderTemplatePatch: {metadata: {labels: {a: b}}}\n"
    "      workerTemplatePatch: {spec: {containers: [{name: m, resources: {limits: {cpu: 2}, "
    "requests: {cpu: 1}}}]}}\n"
    "      template:\n"
    "        spec:\n"
    "          initContainers: [{name: init, image: i}]\n"
    "          containers: [{name: m, image: i, volumeMounts: [{name: v, mountPath: /v}], ports: "
    "[{containerPort: 1}]}]\n"
    "          volumes: [{name: v, emptyDir: {sizeLimit: 1Gi}}]\n"
    "  - name: three\n"
    "    customComponentsPattern:\n"
    "      components:\n"
    "      - name: x\n"
    "        size: 1\n"
    "        annotations:\n"
    "          rolebasedgroup.workloads.x-k8s.io/port-allocator: "
    "'{\"allocations\":[{\"name\":\"h\",\"env\":\"H\"}]}'\n"
    "        template: {spec: {containers: [{name: m, image: i}]}}\n"
    "      - name: z\n"
    "        serviceName: s\n"
    "        annotations:\n"
    "          rolebasedgroup.workloads.x-k8s.io/port-allocator: "
    "'{\"references\":[{\"env\":\"H\",\"from\":\"three.x.h\"}]}'\n"
    "          rolebasedgroup.workloads.x-k8s.io/component-discovery: "
    "'{\"addressRefs\":[{\"env\":\"E\",\"component\":\"x\"}],\"portRefs\":[{\"env\":\"P\","
    "\"component\":\"x\",\"portName\":\"h\"}]}'\n"
    "          rolebasedgroup.workloads.x-k8s.io/component-depends-on: '{\"startAfter\":[\"x\"]}'\n"
    "        template: {spec: {containers: [{name: m, image: i}]}}\n";

static const char *const odd_values[] = {"null",  "true",         "-1",           "1e99",  "\"\"",
                                         "\"x\"", "[]",           "[null]",       "[[1]]", "[{}]",
                                         "{}",    "{\"a\":null}", "{\"name\":{}}"};

/* Puts each odd value at each place of `root`, and removes each member, with the whole document run
 * every time. */
static size_t replace_all(struct arena *a, struct jv *root, struct jv *at,
                          void (*run)(const struct jv *root, const struct jv *good),
                          const struct jv *good) {
    size_t runs = 0;
    for (uint32_t i = 0; (at->type == J_OBJ || at->type == J_ARR) && i < at->len; i++) {
        struct jv **place = at->type == J_OBJ ? &at->members[i].val : &at->items[i], *kept = *place;
        for (size_t v = 0; v < sizeof odd_values / sizeof *odd_values; v++) {
            *place = json_parse(a, odd_values[v], strlen(odd_values[v]), NULL, NULL);
            run(root, good);
            runs++;
        }
        *place = kept;
        runs += replace_all(a, root, kept, run, good);
    }
    return runs;
}

static void run_validate(const struct jv *doc, const struct jv *good) {
    ARENA_AUTO struct arena *a = arena_new();
    struct problems p = check(a, doc, NULL), same = check(a, doc, doc);
    problems_text(a, &p);
    ck_assert_msg(same.n == 0, "a stored object is locked: %s", problems_text(a, &same));
    check(a, doc, good);
    check(a, good, doc);
}

START_TEST(test_every_value_of_every_type) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = doc_yaml(a, full_group), *good = jv_dup(a, doc);
    struct problems p = check(a, good, NULL);
    ck_assert_msg(p.n == 0, "%s", problems_text(a, &p));
    ck_assert_uint_gt(replace_all(a, doc, doc, run_validate, good), 1500);
}
END_TEST

static void run_set(const struct jv *doc, const struct jv *good) {
    ARENA_AUTO struct arena *a = arena_new();
    struct problems p = {.a = a};
    admission_validate(&p, KIND_RBGSET, doc, good, NULL, &all_types);
}

START_TEST(test_every_value_of_a_set) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *set =
        doc_yaml(a, "{apiVersion: workloads.x-k8s.io/v1alpha2, kind: RoleBasedGroupSet, metadata: "
                    "{name: s}, spec: {replicas: 3, groupTemplate: "
                    "{labels: {a: b}, annotations: {c: d}, spec: {roles: [{name: a, " T "}]}}}}");
    struct jv *good = jv_dup(a, set);
    struct problems p = {.a = a};
    admission_validate(&p, KIND_RBGSET, good, NULL, NULL, &all_types);
    ck_assert_msg(p.n == 0, "%s", problems_text(a, &p));
    ck_assert_uint_gt(replace_all(a, set, set, run_set, good), 200);
}
END_TEST

static void run_convert(const struct jv *doc, const struct jv *good) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v1 = convert(a, KIND_RBG, doc, "v1alpha1", NULL);
    (void)good;
    if (v1) ck_assert(jv_eq(convert(a, KIND_RBG, v1, "v1alpha2", NULL), doc));
}

START_TEST(test_every_value_converts) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = doc_yaml(a, full_group);
    replace_all(a, doc, doc, run_convert, NULL);
}
END_TEST

/* Every manifest that the first implementation was recorded with is admitted, as a new object and
 * as an update of itself. */
static size_t check_recorded(struct arena *a, const char *path) {
    struct err e = ERR_INIT;
    struct jv **docs;
    size_t len, n, checked = 0;
    char *text = testing_read(a, path, &len);
    ASSERT_OK(yaml_parse_all(a, text, len, &docs, &n, &e));
    for (size_t i = 0; i < n; i++) {
        enum kind k = kind_by_name(jv_str(jv_get(docs[i], "kind"), ""));
        if (k != KIND_RBG && k != KIND_RBGSET) continue;
        struct jv *doc = docs[i];
        bool v1 = str_has_suffix(jv_get_str(doc, "apiVersion"), "v1alpha1");
        if (v1) ASSERT_PTR(doc = convert(a, k, doc, "v1alpha2", &e));
        struct problems p = {.a = a};
        admission_validate(&p, k, doc, NULL, NULL, &all_types);
        ck_assert_msg(p.n == 0, "%s: %s", path, problems_text(a, &p));
        checked++;
    }
    return checked;
}

START_TEST(test_recorded_manifests_are_admitted) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *names = arena_new();
    const char *root = recorded_root(names), **cases;
    size_t n, checked = 0;
    if (!root) return;
    ASSERT_OK(recorded_cases(names, root, &cases, &n, &e));
    for (size_t i = 0; i < n; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        checked += check_recorded(a, arena_printf(a, "%s/%s/in.yaml", root, cases[i]));
        checked += check_recorded(a, arena_printf(a, "%s/%s/out-1.yaml", root, cases[i]));
    }
    ck_assert_uint_ge(checked, 32);
}
END_TEST

TEST_MAIN("api_validate", test_text_of_one_and_of_several, test_fifty_are_spelled_out,
          test_long_values_are_cut_between_characters, test_suggestions_are_near,
          test_a_role_is_not_told_to_wait_for_itself, test_many_port_references,
          test_stored_mistakes_do_not_lock, test_moved_role_is_the_same_role,
          test_new_mistake_is_refused, test_cycle_that_grows_is_new,
          test_autoscaler_may_go_below_partition, test_one_rounding, test_every_value_of_every_type,
          test_every_value_of_a_set, test_every_value_converts,
          test_recorded_manifests_are_admitted)
