/* Decoding: every stored object of the recorded cases, wrong types, effective values, and the start order of roles. */
#include <string.h>

#include "api/kinds.h"
#include "api/model.h"
#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "recorded.h"
#include "testing.h"

static struct rbg_spec spec_of(struct arena *a, const char *text) {
    struct err e = ERR_INIT;
    struct rbg_spec s;
    ASSERT_OK(rbg_spec_decode(a, doc_yaml(a, text), &s, &e));
    return s;
}

/* ---- recorded objects ---- */

static void check_group(struct arena *a, const struct jv *doc) {
    struct err e = ERR_INIT;
    struct rbg g;
    ASSERT_OK(rbg_decode(a, doc, &g, &e));
    const struct jv *roles = jv_path(doc, "spec", "roles", (char *)0);
    ck_assert_uint_eq(g.spec.roles.n, jv_len(roles));
    for (size_t i = 0; i < g.spec.roles.n; i++) {
        const struct role *r = &g.spec.roles.items[i];
        const struct jv *d = jv_idx(roles, i);
        ck_assert_ptr_eq(r->doc, d);
        ck_assert_str_eq(r->name, jv_get_str(d, "name"));
        ck_assert_int_eq(role_replicas(r), jv_get_int(d, "replicas", -1));
        ck_assert_int_eq(r->min_ready_seconds, jv_get_int(d, "minReadySeconds", -1));
        ck_assert(r->standalone.set == (jv_get(d, "standalonePattern") != NULL));
        ck_assert(r->leader_worker.set == (jv_get(d, "leaderWorkerPattern") != NULL));
        ck_assert_uint_eq(r->custom.components.n,
                          jv_len(jv_path(d, "customComponentsPattern", "components", (char *)0)));
        ck_assert_ptr_eq(r->rollout.rolling_update.partition,
                         jv_path(d, "rolloutStrategy", "rollingUpdate", "partition", (char *)0));
        ck_assert_uint_eq(r->dependencies.n, jv_len(jv_get(d, "dependencies")));
        ck_assert_ptr_nonnull(role_type_label(r));
    }
}

static void check_components(const struct jv *docs, const struct component *items, size_t n) {
    ck_assert_uint_eq(n, jv_len(docs));
    for (size_t i = 0; i < n; i++) {
        ck_assert_str_eq(items[i].name, jv_get_str(jv_idx(docs, i), "name"));
        ck_assert_ptr_eq(items[i].template, jv_get(jv_idx(docs, i), "template"));
        ck_assert_int_eq(component_size(&items[i]), jv_get_int(jv_idx(docs, i), "size", 1));
    }
}

static void check_set(struct arena *a, const struct jv *doc) {
    struct err e = ERR_INIT;
    struct ris s;
    ASSERT_OK(ris_decode(a, doc, &s, &e));
    const struct jv *spec = jv_get(doc, "spec");
    ck_assert_str_eq(s.name, meta_name(doc));
    ck_assert_int_eq(s.spec.replicas.v, jv_get_int(spec, "replicas", -1));
    ck_assert_int_eq(s.spec.revision_history_limit.v, 10);
    ck_assert(s.spec.update_strategy.set && s.spec.update_strategy.paused.set);
    ck_assert_ptr_eq(s.spec.template_doc, jv_get(spec, "roleInstanceTemplate"));
    check_components(jv_get(s.spec.template_doc, "components"), s.spec.template.components.items,
                     s.spec.template.components.n);
    ck_assert(s.spec.template.restart_config.set);
    ck_assert_ptr_null(s.spec.template.ready_policy);
}

static void check_instance(struct arena *a, const struct jv *doc) {
    struct err e = ERR_INIT;
    struct ri i;
    ASSERT_OK(ri_decode(a, doc, &i, &e));
    check_components(jv_path(doc, "spec", "components", (char *)0), i.spec.components.items,
                     i.spec.components.n);
    ck_assert_str_eq(i.spec.ready_policy, "AllPodReady");
}

START_TEST(model_decodes_every_recorded_object) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    const char *root = recorded_root(a), **cases = NULL;
    size_t n = 0, seen[3] = {0};
    if (!root) return;
    ASSERT_OK(recorded_cases(a, root, &cases, &n, &e));
    for (size_t c = 0; c < n; c++) {
        for (int step = 1; recorded_has_step(a, root, cases[c], step); step++) {
            struct objects o = {0};
            ASSERT_OK(recorded_load(a, root, cases[c], step, &o, &e));
            for (size_t i = 0; i < o.n; i++) {
                const char *kind = jv_get_str(o.items[i], "kind");
                if (str_eq(kind, "RoleBasedGroup")) check_group(a, o.items[i]), seen[0]++;
                if (str_eq(kind, "RoleInstanceSet")) check_set(a, o.items[i]), seen[1]++;
                if (str_eq(kind, "RoleInstance")) check_instance(a, o.items[i]), seen[2]++;
            }
        }
    }
    ck_assert_msg(seen[0] >= 16 && seen[1] >= 20 && seen[2] >= 40, "%zu groups, %zu sets, %zu instances",
                  seen[0], seen[1], seen[2]);
}
END_TEST

/* ---- wrong types ---- */

START_TEST(model_names_the_path_of_a_wrong_type) {
    static const struct { const char *json, *want; } rows[] = {
        {"{\"spec\":[]}", "spec: expected an object, found array"},
        {"{\"spec\":{\"roles\":{}}}", "spec.roles: expected a list, found object"},
        {"{\"spec\":{\"roles\":[null]}}", "spec.roles[0]: expected an object, found null"},
        {"{\"spec\":{\"roles\":[{\"name\":\"a\"},{\"name\":7}]}}",
         "spec.roles[1].name: expected a string, found number"},
        {"{\"spec\":{\"roles\":[{\"replicas\":\"3\"}]}}",
         "spec.roles[0].replicas: expected an integer, found string"},
        {"{\"spec\":{\"roles\":[{\"replicas\":1.5}]}}",
         "spec.roles[0].replicas: expected an integer, found number"},
        {"{\"spec\":{\"roles\":[{\"replicas\":4294967296}]}}",
         "spec.roles[0].replicas: expected an integer of 32 bits, found number"},
        {"{\"spec\":{\"roles\":[{\"dependencies\":[\"a\",true]}]}}",
         "spec.roles[0].dependencies[1]: expected a string, found boolean"},
        {"{\"spec\":{\"roles\":[{\"labels\":[]}]}}",
         "spec.roles[0].labels: expected an object, found array"},
        {"{\"spec\":{\"roles\":[{\"rolloutStrategy\":{\"rollingUpdate\":{\"paused\":1}}}]}}",
         "spec.roles[0].rolloutStrategy.rollingUpdate.paused: expected true or false, found number"},
        {"{\"spec\":{\"roles\":[{\"rolloutStrategy\":{\"rollingUpdate\":{\"partition\":{}}}}]}}",
         "spec.roles[0].rolloutStrategy.rollingUpdate.partition: expected an integer or a string such "
         "as \"25%\", found object"},
    };
    ARENA_AUTO struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = ERR_INIT;
        struct rbg g;
        ASSERT_ERR(rbg_decode(a, doc_json(a, rows[i].json), &g, &e), ERR_INVALID);
        ck_assert_str_eq(e.msg, rows[i].want);
    }
}
END_TEST

START_TEST(model_takes_null_for_absent) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rbg_spec s = spec_of(a, "roles: [{name: a, replicas: null, standalonePattern: null}]");
    ck_assert(!s.roles.items[0].replicas.set);
    ck_assert(!s.roles.items[0].standalone.set);
    ck_assert_int_eq(role_replicas(&s.roles.items[0]), 1);
    struct err e = ERR_INIT;
    struct rbg g;
    ASSERT_OK(rbg_decode(a, doc_yaml(a, "metadata: {name: x}"), &g, &e));
    ck_assert_uint_eq(g.spec.roles.n, 0);
}
END_TEST

/* ---- effective values ---- */

START_TEST(model_workload_of_a_role) {
    static const struct { const char *type; enum workload want; bool stateful; } rows[] = {
        {"", WL_RIS, true},
        {WORKLOAD_RIS, WL_RIS, true},
        {WORKLOAD_STS, WL_STATEFULSET, true},
        {WORKLOAD_DEPLOYMENT, WL_DEPLOYMENT, false},
        {WORKLOAD_LWS, WL_LWS, true},
        {WORKLOAD_INSTANCESET, WL_UNSUPPORTED, true},
        {"nonsense", WL_RIS, true},
        {"/nonsense", WL_RIS, true},
        {"batch/v1/Job", WL_UNSUPPORTED, true},
    };
    ARENA_AUTO struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct jv *annotations = jv_new_obj(a);
        jv_set_str(a, annotations, A_WORKLOAD_TYPE, rows[i].type);
        struct role r = {.annotations = annotations};
        ck_assert_msg(role_workload(&r) == rows[i].want, "%s", rows[i].type);
        ck_assert_msg(role_stateful(&r) == rows[i].stateful, "%s", rows[i].type);
        jv_set_str(a, annotations, A_PATTERN, "Stateless");
        ck_assert(role_stateful(&r) == (rows[i].stateful && rows[i].want != WL_RIS));
    }
}
END_TEST

START_TEST(model_group_size_counts_every_pod_of_custom_components) {
    static const struct { const char *role; int32_t want; const char *label; } rows[] = {
        {"standalonePattern: {}", 1, ROLE_TYPE_POD},
        {"leaderWorkerPattern: {}", 1, ROLE_TYPE_LWS},
        {"leaderWorkerPattern: {size: 4}", 4, ROLE_TYPE_LWS},
        {"leaderWorkerPattern: {size: 0}", 1, ROLE_TYPE_LWS},
        {"leaderWorkerPattern: {size: -3}", 1, ROLE_TYPE_LWS},
        {"customComponentsPattern: {components: [{name: a, size: 2}, {name: b}, {name: c, size: 0}]}", 3,
         ROLE_TYPE_COMPONENTS},
        {"customComponentsPattern: {components: [{name: a, size: 2147483647}, {name: b, size: 9}]}",
         INT32_MAX, ROLE_TYPE_COMPONENTS},
        {"replicas: 3", 1, NULL},
    };
    ARENA_AUTO struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct rbg_spec s = spec_of(a, arena_printf(a, "roles:\n- name: r\n  %s\n", rows[i].role));
        ck_assert_msg(role_group_size(&s.roles.items[0]) == rows[i].want, "%s", rows[i].role);
        ck_assert_msg(str_eq(role_type_label(&s.roles.items[0]), rows[i].label), "%s", rows[i].role);
    }
}
END_TEST

START_TEST(model_restart_and_service_selection) {
    static const struct { const char *role, *type; int32_t base, max; const char *shared; } rows[] = {
        {"standalonePattern: {}", "None", 30, 600, "All"},
        {"leaderWorkerPattern: {}", "RecreateRoleInstanceOnPodRestart", 30, 600, "LeaderOnly"},
        {"leaderWorkerPattern: {restartPolicy: None, sharedServiceSelection: All}", "None", 30, 600, "All"},
        {"leaderWorkerPattern: {restartPolicy: None, restartPolicyConfig: "
         "{type: RecreateRoleInstanceOnPodRestart, baseDelaySeconds: 0, maxDelaySeconds: 5}}",
         "RecreateRoleInstanceOnPodRestart", 0, 5, "LeaderOnly"},
        {"customComponentsPattern: {restartPolicyConfig: {maxDelaySeconds: 90}}",
         "RecreateRoleInstanceOnPodRestart", 30, 90, "All"},
        {"{leaderWorkerPattern: {}, annotations: {" A_WORKLOAD_TYPE ": " WORKLOAD_LWS "}}",
         "RecreateRoleInstanceOnPodRestart", 30, 600, "All"},
    };
    ARENA_AUTO struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = rows[i].role[0] == '{' ? arena_printf(a, "roles: [%s]", rows[i].role)
                                                  : arena_printf(a, "roles: [{%s}]", rows[i].role);
        const struct role r = spec_of(a, text).roles.items[0];
        struct restart_effective got = role_restart(&r);
        ck_assert_str_eq(got.type, rows[i].type);
        ck_assert_int_eq(got.base, rows[i].base);
        ck_assert_int_eq(got.max, rows[i].max);
        ck_assert_str_eq(role_shared_service(&r), rows[i].shared);
    }
}
END_TEST

/* ---- start order ---- */

/* "b>c a>b" makes roles in that order with these dependencies; returns "c|b|a", levels separated by '|'. */
static const char *order_of(struct arena *a, const char *text, struct err *e) {
    struct jv *spec = jv_new_obj(a), *roles = jv_need_arr(a, spec, "roles");
    char *copy = arena_strdup(a, text);
    for (char *save = NULL, *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
        struct jv *role = jv_new_obj(a), *deps = jv_need_arr(a, role, "dependencies");
        char *save2 = NULL;
        jv_set_str(a, role, "name", strtok_r(w, ">,", &save2));
        for (char *d; (d = strtok_r(NULL, ">,", &save2));) jv_push(a, deps, jv_new_str(a, d));
        jv_push(a, roles, role);
    }
    struct rbg_spec s;
    size_t *order;
    int *level;
    if (rbg_spec_decode(a, spec, &s, e) != 0 || rbg_order(a, &s, &order, &level, e) != 0) return NULL;
    const char *out = "";
    for (size_t i = 0; i < s.roles.n; i++) {
        const char *sep = i == 0 ? "" : level[order[i]] == level[order[i - 1]] ? "," : "|";
        ck_assert(i == 0 || level[order[i]] - level[order[i - 1]] <= 1);
        out = arena_printf(a, "%s%s%s", out, sep, s.roles.items[order[i]].name);
    }
    return out;
}

START_TEST(model_orders_roles_by_level_then_name) {
    static const struct { const char *roles, *want; } rows[] = {
        {"", ""},
        {"c b a", "a,b,c"},
        {"a>b b>c c", "c|b|a"},
        {"a>c b>c c", "c|a,b"},
        {"z a>z,b b>z", "z|b|a"},
        {"a>b,b b", "b|a"},
    };
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *got = order_of(a, rows[i].roles, &e);
        ASSERT_PTR(got);
        ck_assert_str_eq(got, rows[i].want);
    }
}
END_TEST

START_TEST(model_refuses_cycles_and_unknown_roles) {
    static const struct { const char *roles, *want; } rows[] = {
        {"a>b b>a", "the dependencies of roles form a cycle: a -> b -> a"},
        {"a>a", "the dependencies of roles form a cycle: a -> a"},
        {"x y>x z>c b>c c>d d>b", "the dependencies of roles form a cycle: b -> c -> d -> b"},
        {"a>b", "spec.roles[0].dependencies[0]: role \"a\" depends on \"b\", which is no role of this group"},
    };
    ARENA_AUTO struct arena *a = arena_new();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = ERR_INIT;
        ck_assert_ptr_null(order_of(a, rows[i].roles, &e));
        ck_assert_int_eq(e.code, ERR_INVALID);
        ck_assert_str_eq(e.msg, rows[i].want);
    }
}
END_TEST

START_TEST(model_order_does_not_recurse) {
    ARENA_AUTO struct arena *a = arena_new();
    enum { N = 50000 };
    struct rbg_spec s = {.roles = {ARENA_ARRAY(a, N, struct role), N}};
    for (int i = 0; i < N; i++) {
        struct role *r = &s.roles.items[i];
        r->name = arena_printf(a, "r%06d", i);
        r->dependencies = (struct strs){ARENA_ARRAY(a, 1, const char *), i + 1 < N ? 1 : 0};
        r->dependencies.items[0] = arena_printf(a, "r%06d", i + 1);
    }
    struct err e = ERR_INIT;
    size_t *order;
    int *level;
    ASSERT_OK(rbg_order(a, &s, &order, &level, &e));
    ck_assert_uint_eq(order[0], N - 1);
    ck_assert_int_eq(level[0], N - 1);
    s.roles.items[N - 1].dependencies = (struct strs){&s.roles.items[0].name, 1};
    ASSERT_ERR(rbg_order(a, &s, &order, &level, &e), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(e.msg, "r000000 -> r000001"));
    ck_assert_ptr_nonnull(strstr(e.msg, "... -> r000000"));
}
END_TEST

TEST_MAIN("model", model_decodes_every_recorded_object, model_names_the_path_of_a_wrong_type,
          model_takes_null_for_absent, model_workload_of_a_role,
          model_group_size_counts_every_pod_of_custom_components, model_restart_and_service_selection,
          model_orders_roles_by_level_then_name, model_refuses_cycles_and_unknown_roles,
          model_order_does_not_recurse)
