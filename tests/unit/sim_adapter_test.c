/* Scaling adapters on the embedded cluster: made for a role that asks, bound to it, followed both ways, taken away again. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "controller/adapter/world.h"
#include "docs.h"
#include "scenario.h"

/* A group with two workers, whose role asks for an adapter. */
static struct jv *adapted(struct arena *a) {
    struct jv *g = scenario_group(a, "g", 2, false);
    jv_set(a, scenario_role(g, "worker"), "scalingAdapter", doc_json(a, "{\"enable\":true,\"labels\":{\"scale\":\"me\"}}"));
    return g;
}

static struct jv *live(struct sim *s, struct arena *a, enum kind k, const char *name) {
    return cluster_get(sim_cluster(s), a, k, "default", name);
}

static void patch_adapter(struct sim *s, struct arena *a, const char *patch) {
    struct err e = ERR_INIT;
    ASSERT_OK(cluster_patch(sim_cluster(s), "autoscaler", KIND_ADAPTER, "default", "g-worker", doc_json(a, patch), false, &e));
}

static int64_t number(const struct jv *doc, const char *part, const char *field) {
    return jv_get_int(jv_get(doc, part), field, -1);
}

static int64_t role_count(struct sim *s, struct arena *a) {
    return jv_get_int(scenario_role(live(s, a, KIND_RBG, "g"), "worker"), "replicas", -1);
}

START_TEST(it_is_bound_with_the_roles_count) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, adapted(a));
    scenario_ready(s);
    const struct jv *x = live(s, a, KIND_ADAPTER, "g-worker"), *set = live(s, a, KIND_RIS, "g-worker");
    ck_assert_ptr_nonnull(x);
    const struct jv *owner = jv_idx(jv_path(x, "metadata", "ownerReferences", (char *)0), 0);
    ck_assert(meta_owned_by(x, meta_uid(live(s, a, KIND_RBG, "g"))) && !meta_controller(x));
    ck_assert(jv_get_bool(owner, "blockOwnerDeletion", false));
    ck_assert_str_eq(json_text(a, jv_path(x, "metadata", "labels", (char *)0)),
                     "{\"scale\":\"me\",\"" L_GROUP_NAME "\":\"g\",\"" L_ROLE_NAME "\":\"worker\"}");
    ck_assert_int_eq(number(x, "spec", "replicas"), 2);
    ck_assert_int_eq(number(x, "status", "replicas"), 2);
    ck_assert_int_eq(number(x, "status", "readyReplicas"), 2);
    ck_assert_str_eq(jv_get_str(jv_get(x, "status"), "phase"), "Bound");
    ck_assert_str_eq(jv_get_str(jv_get(x, "status"), "selector"), jv_get_str(jv_get(set, "status"), "labelSelector"));
    ck_assert_uint_eq(scenario_events(s, "SuccessfulBound"), 1);
    scenario_fixpoint(s);
    sim_free(s);
}
END_TEST

START_TEST(its_count_becomes_the_roles) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, adapted(a));
    scenario_ready(s);
    static const int64_t counts[] = {5, 1, 0, 3};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        patch_adapter(s, a, arena_printf(a, "{\"spec\":{\"replicas\":%lld}}", (long long)counts[i]));
        scenario_settle(s, HOUR_MS);
        const struct jv *x = live(s, a, KIND_ADAPTER, "g-worker");
        ck_assert_int_eq(role_count(s, a), counts[i]);
        ck_assert_uint_eq(cluster_count(sim_cluster(s), KIND_RI), (size_t)counts[i]);
        ck_assert_int_eq(number(x, "status", "replicas"), counts[i]);
        ck_assert_int_eq(number(x, "status", "readyReplicas"), counts[i]);
        ck_assert_ptr_nonnull(jv_get_str(jv_get(x, "status"), "lastScaleTime"));
        ck_assert_uint_eq(scenario_events(s, "SuccessfulScale"), i + 1);
    }
    ck_assert_uint_eq(scenario_events(s, "FailedScale"), 0);
    scenario_fixpoint(s);
    sim_free(s);
}
END_TEST

/* A manifest that leaves the count to the adapter can be applied again and again. */
START_TEST(a_count_that_is_left_out_is_the_adapters) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = adapted(a);
    jv_del(scenario_role(g, "worker"), "replicas");
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert_int_eq(role_count(s, a), 1);
    patch_adapter(s, a, "{\"spec\":{\"replicas\":3}}");
    scenario_ready(s);
    for (int i = 1; i <= 2; i++) {
        scenario_image(a, scenario_role(g, "worker"), i == 1 ? "engine:1" : "engine:2");
        scenario_apply(s, g);
        ck_assert_int_eq(role_count(s, a), 3);
        scenario_ready(s);
        ck_assert_uint_eq(cluster_count(sim_cluster(s), KIND_POD), 3);
    }
    ck_assert_str_eq(scenario_images(s, a), "g-worker-0=engine:2 g-worker-1=engine:2 g-worker-2=engine:2");
    sim_free(s);
}
END_TEST

/* The set follows although nothing can be written into the group. */
START_TEST(its_count_holds_before_it_is_in_the_group) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *plan_body = NULL;
    struct plan p;
    scenario_apply(s, adapted(a));
    scenario_ready(s);
    patch_adapter(s, a, "{\"spec\":{\"replicas\":4}}");
    plan_init(&p, a);
    struct rctx c = {.a = a, .src = cluster_source(sim_cluster(s)), .opt = &(struct options){0}, .now_ms = 1};
    rbg_reconciler.plan(rbg_reconciler.observe(&c, &(struct rkey){"default", "g"}), &p);
    bool told = false;
    for (size_t i = 0; i < p.n; i++) {
        if (p.items[i].act == ACT_APPLY && p.items[i].kind == KIND_RIS) plan_body = p.items[i].body;
        told |= str_eq(p.items[i].reason, "ReplicasOverriddenByAdapter");
    }
    ck_assert_int_eq(number(plan_body, "spec", "replicas"), 4);
    ck_assert(told);
    ck_assert_int_eq(role_count(s, a), 2);
    sim_free(s);
}
END_TEST

START_TEST(labels_of_others_go) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, adapted(a));
    scenario_ready(s);
    const char *labels = json_text(a, jv_path(live(s, a, KIND_ADAPTER, "g-worker"), "metadata", "labels", (char *)0));
    patch_adapter(s, a, "{\"metadata\":{\"labels\":{\"theirs\":\"1\",\"scale\":\"you\"}}}");
    scenario_settle(s, HOUR_MS);
    ck_assert(jv_eq(jv_path(live(s, a, KIND_ADAPTER, "g-worker"), "metadata", "labels", (char *)0), doc_json(a, labels)));
    sim_free(s);
}
END_TEST

START_TEST(it_goes_when_the_role_asks_no_more) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = adapted(a);
    scenario_apply(s, g);
    scenario_ready(s);
    patch_adapter(s, a, "{\"spec\":{\"replicas\":3}}");
    scenario_settle(s, HOUR_MS);
    jv_set(a, scenario_role(g, "worker"), "scalingAdapter", doc_json(a, "{\"enable\":false}"));
    jv_set_int(a, scenario_role(g, "worker"), "replicas", 3);
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert_ptr_null(live(s, a, KIND_ADAPTER, "g-worker"));
    ck_assert_uint_eq(cluster_count(sim_cluster(s), KIND_RI), 3);
    sim_free(s);
}
END_TEST

START_TEST(it_goes_with_its_role) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 1, true), *roles = jv_path(g, "spec", "roles", (char *)0);
    jv_set(a, scenario_role(g, "router"), "scalingAdapter", doc_json(a, "{\"enable\":true}"));
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert_ptr_nonnull(live(s, a, KIND_ADAPTER, "g-router"));
    for (size_t i = 0; i < jv_len(roles); i++)
        if (str_eq(jv_get_str(jv_idx(roles, i), "name"), "router")) jv_remove(roles, i);
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert_ptr_null(live(s, a, KIND_ADAPTER, "g-router"));
    sim_free(s);
}
END_TEST

/* One of the same name that the group does not own is neither changed nor followed nor deleted. */
START_TEST(one_of_somebody_else_is_left_alone) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct err e = ERR_INIT;
    const struct jv *theirs = doc_json(a,
        "{\"apiVersion\":\"workloads.x-k8s.io/v1alpha2\",\"kind\":\"RoleBasedGroupScalingAdapter\","
        "\"metadata\":{\"name\":\"g-worker\",\"namespace\":\"default\",\"labels\":{\"mine\":\"1\"}},"
        "\"spec\":{\"replicas\":7,\"scaleTargetRef\":{\"name\":\"g\",\"role\":\"worker\"}}}");
    ASSERT_OK(cluster_create(sim_cluster(s), "user", KIND_ADAPTER, theirs, &e));
    scenario_apply(s, adapted(a));
    sim_wait(s, 60000);
    const struct jv *ready = jv_find(jv_path(live(s, a, KIND_RBG, "g"), "status", "conditions", (char *)0), "type", "Ready");
    ck_assert_str_eq(jv_get_str(ready, "reason"), "NameTaken");
    ck_assert_str_eq(jv_get_str(ready, "message"), "role worker: a RoleBasedGroupScalingAdapter g-worker exists that this group "
                                                   "does not control; delete or rename it");
    const struct jv *x = live(s, a, KIND_ADAPTER, "g-worker");
    ck_assert(jv_eq(jv_get(x, "spec"), jv_get(theirs, "spec")) && jv_is_empty(jv_get(x, "status")));
    ck_assert_int_eq(role_count(s, a), 2);
    ck_assert_uint_ge(scenario_events(s, "FailedCreateScalingAdapter"), 1);
    scenario_fixpoint(s);
    ASSERT_OK(sim_delete(s, KIND_ADAPTER, "default", "g-worker", &e)); /* as the event asks */
    sim_wait(s, 60000);
    ck_assert_int_eq(number(live(s, a, KIND_ADAPTER, "g-worker"), "status", "readyReplicas"), 2);
    SCENARIO_CHECK(s, groups_ready(s), "the name is free again");
    sim_free(s);
}
END_TEST

START_TEST(autoscalers_measure_leaders_only) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = adapted(a), *role = scenario_role(g, "worker"),
              *template = jv_path(role, "standalonePattern", "template", (char *)0), *pattern = jv_new_obj(a);
    jv_set_int(a, pattern, "size", 2);
    jv_set(a, pattern, "template", template);
    jv_set(a, role, "leaderWorkerPattern", pattern);
    jv_del(role, "standalonePattern");
    scenario_apply(s, g);
    scenario_ready(s);
    const char *selector = jv_get_str(jv_get(live(s, a, KIND_ADAPTER, "g-worker"), "status"), "selector");
    ck_assert(str_has_suffix(selector, "," L_ROLE_NAME "=worker," L_COMPONENT_INDEX "=0"));
    sim_free(s);
}
END_TEST

/* ---- decisions ---- */

static struct jv *plan_of(struct arena *a, const char *adapter, const char *group, bool has_role) {
    const struct jv *g = doc_json(a, group);
    struct adapter_world w = {.w = {.root = doc_json(a, adapter), .opt = &(struct options){0}, .now_ms = 1000}, .group = g,
                              .role_name = "r"};
    struct plan p;
    if (has_role) w.role = jv_idx(jv_path(g, "spec", "roles", (char *)0), 0);
    plan_init(&p, a);
    adapter_plan(&w.w, &p);
    return plan_doc(a, &p);
}

START_TEST(a_role_that_is_gone_is_said_once) {
    ARENA_AUTO struct arena *a = arena_new();
    static const char group[] = "{\"metadata\":{\"name\":\"g\"}}";
    const struct jv *first = plan_of(a, "{\"metadata\":{\"name\":\"x\"},\"status\":{\"phase\":\"Bound\"}}", group, false),
                    *again = plan_of(a, "{\"metadata\":{\"name\":\"x\"},\"status\":{\"phase\":\"NotBound\"}}", group, false);
    ck_assert_uint_eq(jv_len(first), 3);
    ck_assert_str_eq(jv_get_str(jv_idx(first, 1), "reason"), "FailedGetRBGRole");
    ck_assert_str_eq(json_text(a, jv_get(jv_idx(first, 2), "body")), "{\"status\":{\"phase\":\"NotBound\"}}");
    ck_assert_uint_eq(jv_len(again), 1); /* only: look again */
}
END_TEST

START_TEST(nothing_is_bound_before_the_set_has_a_selector) {
    ARENA_AUTO struct arena *a = arena_new();
    static const char group[] = "{\"spec\":{\"roles\":[{\"name\":\"r\",\"replicas\":2}]}}";
    const struct jv *plan = plan_of(a, "{\"metadata\":{\"name\":\"x\"}}", group, true);
    ck_assert_uint_eq(jv_len(plan), 0);
}
END_TEST

/* The list of roles is written as a whole, so it must be the one that was read. */
START_TEST(the_group_is_only_changed_as_it_was_read) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err conflict = {.code = ERR_CONFLICT};
    static const char adapter[] =
                          "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"replicas\":3},\"status\":{\"phase\":\"Bound\"}}",
                      group[] =
                          "{\"metadata\":{\"name\":\"g\",\"uid\":\"u\",\"resourceVersion\":\"7\"},\"spec\":{\"roles\":["
                          "{\"name\":\"r\",\"replicas\":2,\"x\":1},{\"name\":\"s\"}]}}";
    const struct jv *plan = plan_of(a, adapter, group, true);
    const struct jv *patch = jv_idx(plan, 0);
    ck_assert_str_eq(json_text(a, jv_get(patch, "body")),
                     "{\"metadata\":{\"resourceVersion\":\"7\"},\"spec\":{\"roles\":[{\"name\":\"r\",\"replicas\":3,\"x\":1},"
                     "{\"name\":\"s\"}]}}");
    ck_assert_str_eq(jv_get_str(patch, "failReason"), "FailedScale");
    ck_assert_str_eq(jv_get_str(jv_idx(plan, 1), "act"), "barrier");
    const struct action w = {.act = ACT_PATCH, .body = jv_get(patch, "body")}, unconditional = {.act = ACT_PATCH};
    ck_assert(action_outdated(&w, &conflict) && !action_outdated(&unconditional, &conflict));
    ck_assert(!action_outdated(&w, &(struct err){.code = ERR_FORBIDDEN}));
}
END_TEST

TEST_MAIN("sim_adapter", it_is_bound_with_the_roles_count, a_count_that_is_left_out_is_the_adapters,
          its_count_becomes_the_roles, its_count_holds_before_it_is_in_the_group,
          labels_of_others_go, it_goes_when_the_role_asks_no_more, it_goes_with_its_role, one_of_somebody_else_is_left_alone,
          autoscalers_measure_leaders_only, a_role_that_is_gone_is_said_once, nothing_is_bound_before_the_set_has_a_selector,
          the_group_is_only_changed_as_it_was_read)
