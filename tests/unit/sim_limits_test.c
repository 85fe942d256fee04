/* Numbers and names that no cluster can carry, in objects that are stored already or that come around admission: each becomes a
 * condition that says what to write instead, nothing is made from it, what runs goes on, and a mended object is carried out. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/limits.h"
#include "api/names.h"
#include "base/str.h"
#include "base/unit.h"
#include "controller/core/decide.h"
#include "docs.h"
#include "scenario.h"

static struct jv *live(struct sim *s, struct arena *a, enum kind k, const char *name) {
    return cluster_get(sim_cluster(s), a, k, "default", name);
}

static void patch(struct sim *s, struct arena *a, enum kind k, const char *name, const char *text) {
    struct err e = ERR_INIT;
    ASSERT_OK(cluster_patch(sim_cluster(s), "somebody", k, "default", name, doc_json(a, text), false, &e));
}

static const char *condition(struct sim *s, struct arena *a, enum kind k, const char *name, const char *type) {
    const struct jv *list = jv_path(live(s, a, k, name), "status", "conditions", (char *)0);
    return jv_str(jv_get(jv_find(list, "type", type), "message"), "");
}

static size_t count(struct sim *s, struct arena *a, enum kind k) {
    struct jv **list;
    return cluster_list(sim_cluster(s), a, k, &list);
}

#define TOO_LARGE_MIB 64

/* A pass over it, whatever it says, takes little memory. */
static void assert_cheap(struct sim *s) {
    SCENARIO_CHECK(s, unit_peak() < (size_t)TOO_LARGE_MIB << 20, "%zu MiB", unit_peak() >> 20);
}

START_TEST(a_stored_number_is_a_condition) {
    static const char *const numbers[] = {"2000000000", "10001"};
    for (size_t i = 0; i < 2; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct sim *s = sim_new(&sim_opts_default);
        struct jv *g = scenario_group(a, "g", 2, false);
        scenario_apply(s, g);
        scenario_ready(s);
        size_t pods = count(s, a, KIND_POD);
        struct jv *roles = jv_dup(a, jv_path(live(s, a, KIND_RBG, "g"), "spec", "roles", (char *)0));
        jv_set(a, roles->items[0], "replicas", doc_json(a, numbers[i]));
        patch(s, a, KIND_RBG, "g", arena_printf(a, "{\"spec\":{\"roles\":%s}}", json_text(a, roles)));
        scenario_settle(s, HOUR_MS);
        const char *said = condition(s, a, KIND_RBG, "g", "Ready");
        SCENARIO_CHECK(s, strstr(said, numbers[i]) && strstr(said, "10000") && strstr(said, "lower"), "%s", said);
        ck_assert_uint_eq(count(s, a, KIND_POD), pods);
        assert_cheap(s);
        jv_set_int(a, roles->items[0], "replicas", 3);
        patch(s, a, KIND_RBG, "g", arena_printf(a, "{\"spec\":{\"roles\":%s}}", json_text(a, roles)));
        scenario_ready(s);
        ck_assert_uint_eq(count(s, a, KIND_POD), pods + 1);
        sim_free(s);
    }
}
END_TEST

START_TEST(an_adapters_number_is_a_condition_and_stays_out_of_the_group) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 2, false);
    jv_set(a, scenario_role(g, "worker"), "scalingAdapter", doc_json(a, "{\"enable\":true}"));
    scenario_apply(s, g);
    scenario_ready(s);
    patch(s, a, KIND_ADAPTER, "g-worker", "{\"spec\":{\"replicas\":2000000000}}");
    scenario_settle(s, HOUR_MS);
    const char *said = condition(s, a, KIND_RBG, "g", "Ready");
    SCENARIO_CHECK(s, strstr(said, "2000000000") && strstr(said, "adapter"), "%s", said);
    ck_assert_int_eq(jv_get_int(scenario_role(live(s, a, KIND_RBG, "g"), "worker"), "replicas", 0), 2);
    assert_cheap(s);
    patch(s, a, KIND_ADAPTER, "g-worker", "{\"spec\":{\"replicas\":3}}");
    scenario_ready(s);
    ck_assert_int_eq(jv_get_int(scenario_role(live(s, a, KIND_RBG, "g"), "worker"), "replicas", 0), 3);
    sim_free(s);
}
END_TEST

#define OWN(kind, name) \
    "{apiVersion: workloads.x-k8s.io/v1alpha2, kind: " kind ", metadata: {name: " name ", namespace: default}, spec: "
#define POD "template: {spec: {containers: [{name: c, image: i}]}}"

START_TEST(sets_and_instances_made_by_hand) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, doc_yaml(a, OWN("RoleInstanceSet", "many") "{replicas: 2000000000, selector: {matchLabels: {a: b}}, "
                                  "roleInstanceTemplate: {components: [{name: c, size: 1, " POD "}]}}}"));
    scenario_apply(s, doc_yaml(a, OWN("RoleInstance", "wide") "{components: [{name: c, size: 2000000000, " POD "}, {name: d, size: "
                                  "2000000000, template: {}}]}}"));
    scenario_apply(s, doc_yaml(a, OWN("RoleInstance", "odd") "{components: [{name: \"../../x\", size: 1, " POD "}]}}"));
    scenario_settle(s, HOUR_MS);
    const char *said = condition(s, a, KIND_RIS, "many", "FailedUpdate");
    SCENARIO_CHECK(s, strstr(said, "2000000000") && strstr(said, "lower it"), "%s", said);
    said = condition(s, a, KIND_RI, "wide", "FailedScale");
    SCENARIO_CHECK(s, strstr(said, "4000000000") && strstr(said, "lower their sizes"), "%s", said);
    said = condition(s, a, KIND_RI, "odd", "FailedScale");
    SCENARIO_CHECK(s, strstr(said, "../../x") && strstr(said, "can't be part of the name"), "%s", said);
    ck_assert_uint_eq(count(s, a, KIND_POD), 0);
    assert_cheap(s);
    sim_free(s);
}
END_TEST

/* One role's name costs the others nothing. */
START_TEST(a_stored_name_is_a_condition) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, scenario_group(a, "g", 2, false));
    scenario_ready(s);
    struct jv *roles = jv_dup(a, jv_path(live(s, a, KIND_RBG, "g"), "spec", "roles", (char *)0)), *bad = jv_dup(a, roles->items[0]);
    jv_set_str(a, bad, "name", "../../../../api/v1/namespaces/other/configmaps/x?force=true&a=");
    jv_push(a, roles, bad);
    jv_set_int(a, roles->items[0], "replicas", 3);
    patch(s, a, KIND_RBG, "g", arena_printf(a, "{\"spec\":{\"roles\":%s}}", json_text(a, roles)));
    scenario_settle(s, HOUR_MS);
    const char *said = condition(s, a, KIND_RBG, "g", "Ready");
    SCENARIO_CHECK(s, strstr(said, "rename the role"), "%s", said);
    ck_assert_str_eq(scenario_names(s, a, KIND_RIS), "g-worker");
    ck_assert_int_eq(jv_get_int(jv_get(live(s, a, KIND_RIS, "g-worker"), "spec"), "replicas", 0), 3);
    sim_free(s);
}
END_TEST

/* A reconciler that never has enough. */
static struct world *greedy_observe(struct rctx *c, const struct rkey *key) {
    (void)key;
    while (arena_alloc(c->a, 1 << 20)) continue;
    return NULL;
}

static const char *refused;

static struct world *greedy_refuse(struct rctx *c, const struct jv *root, const char *why) {
    struct world *w = ARENA_NEW(c->a, struct world);
    *w = (struct world){.root = root, .opt = c->opt, .now_ms = c->now_ms};
    refused = arena_strdup(c->a, why);
    return w;
}

static void greedy_plan(const struct world *w, struct plan *p) {
    (void)w;
    plan_after(p, 1);
}

START_TEST(what_takes_too_much_is_refused) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, scenario_group(a, "g", 1, false));
    const struct reconciler greedy = {.name = "greedy", .root = KIND_RBG, .observe = greedy_observe, .plan = greedy_plan,
                                      .refuse = greedy_refuse};
    struct rctx c = {.a = a, .src = cluster_source(sim_cluster(s))};
    struct plan p;
    const struct world *w = decide(&greedy, &c, &(struct rkey){"default", "g"}, &p);
    ck_assert_str_eq(meta_name(w->root), "g");
    ck_assert_uint_eq(p.n, 1);
    ck_assert(strstr(refused, "MiB of memory") != NULL);
    for (size_t i = 0; i < 3; i++) {
        static const struct reconciler *const all[] = {&rbg_reconciler, &ris_reconciler, &ri_reconciler};
        const struct world *said = all[i]->refuse(&c, w->root, refused);
        plan_init(&p, a);
        all[i]->plan(said, &p);
        ck_assert(strstr(json_text(a, plan_doc(a, &p)), "MiB of memory") != NULL);
    }
    sim_free(s);
}
END_TEST

/* As many pods as a group may have, on demand (RBG_PODS=10000); by default fewer: ten roles of instances of ten pods. */
START_TEST(a_large_group_comes_up) {
    const char *wanted = getenv("RBG_PODS");
    size_t pods = wanted ? strtoul(wanted, NULL, 10) : 100;
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 1, false), *roles = jv_path(g, "spec", "roles", (char *)0), *role = roles->items[0];
    struct jv *template = jv_path(role, "standalonePattern", "template", (char *)0);
    ck_assert_ptr_nonnull(template);
    jv_del(role, "standalonePattern");
    struct jv *pattern = jv_need_obj(a, role, "leaderWorkerPattern");
    jv_set_int(a, pattern, "size", 10);
    jv_set(a, pattern, "template", template);
    jv_set_int(a, role, "replicas", (int64_t)pods / 100);
    for (int i = 1; i < 10; i++) {
        struct jv *more = jv_dup(a, role);
        jv_set(a, more, "name", jv_new_strf(a, "worker%d", i));
        jv_push(a, roles, more);
    }
    clock_t start = clock();
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert_uint_eq(count(s, a, KIND_POD), pods);
    struct rctx c = {.a = a, .src = cluster_source(sim_cluster(s)), .opt = &sim_opts_default.decisions};
    struct plan p;
    decide(&rbg_reconciler, &c, &(struct rkey){"default", "g"}, &p);
    size_t group = unit_peak();
    decide(&ris_reconciler, &c, &(struct rkey){"default", "g-worker"}, &p);
    printf("%zu pods: %.1f s of CPU in the simulation; a look at the group takes %zu KiB, at a role of it %zu KiB\n", pods,
           (double)(clock() - start) / CLOCKS_PER_SEC, group >> 10, unit_peak() >> 10);
    sim_free(s);
}
END_TEST

TEST_MAIN("sim_limits", a_stored_number_is_a_condition, an_adapters_number_is_a_condition_and_stays_out_of_the_group,
          sets_and_instances_made_by_hand, a_stored_name_is_a_condition, what_takes_too_much_is_refused,
          a_large_group_comes_up)
