/* Random scripts of edits, with random delays, orders and failing pods: whatever happens on the way, the end is that of a fresh
 * apply of the last spec. A failing seed is printed; RBG_SEED=n runs that one alone, RBG_ROUNDS=n changes how many are tried. */
#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "chance.h"
#include "docs.h"
#include "scenario.h"

struct script {
    struct arena *a;
    uint64_t seed, state;
    struct jv *group;
    struct buf log;
};

static uint32_t pick(struct script *t, uint32_t n) {
    return chance_below(&t->state, n);
}

static const char *note(struct script *t, const char *what) {
    buf_printf(&t->log, "  %s\n", what);
    return what;
}

static struct jv *any_role(struct script *t) {
    struct jv *roles = jv_path(t->group, "spec", "roles", (char *)0);
    return jv_idx(roles, pick(t, (uint32_t)jv_len(roles)));
}

static struct jv *template_of(struct jv *role) {
    struct jv *pattern = jv_get(role, "standalonePattern");
    if (!pattern) pattern = jv_get(role, "leaderWorkerPattern");
    return jv_get(pattern, "template");
}

static void edit_image(struct script *t, struct jv *role) {
    const char *image = note(t, arena_printf(t->a, "engine:%u", pick(t, 3) + 1));
    jv_set_str(t->a, jv_idx(jv_path(template_of(role), "spec", "containers", (char *)0), 0), "image", image);
}

static void edit_replicas(struct script *t, struct jv *role) {
    int n = (int)pick(t, 5);
    note(t, arena_printf(t->a, "replicas %d", n));
    jv_set_int(t->a, role, "replicas", n);
}

/* A change that can't be made in place. */
static void edit_command(struct script *t, struct jv *role) {
    const char *arg = note(t, arena_printf(t->a, "--level=%u", pick(t, 2)));
    struct jv *list = jv_new_arr(t->a), *c = jv_idx(jv_path(template_of(role), "spec", "containers", (char *)0), 0);
    jv_push(t->a, list, jv_new_str(t->a, arg));
    jv_set(t->a, c, "args", list);
}

static void edit_label(struct script *t, struct jv *role) {
    const char *value = note(t, pick(t, 2) ? "blue" : "green");
    struct jv *meta = jv_need_obj(t->a, template_of(role), "metadata");
    jv_set_str(t->a, jv_need_obj(t->a, meta, "labels"), "colour", value);
}

static void edit_strategy(struct script *t, struct jv *role) {
    static const char *const types[] = {"\"InPlaceIfPossible\"", "\"RecreatePod\""};
    uint32_t surge = pick(t, 3), down = pick(t, 3);
    if (!surge && !down) down = 1;
    note(t, arena_printf(t->a, "surge %u unavailable %u", surge, down));
    scenario_rolling(t->a, role, "type", types[pick(t, 2)]);
    scenario_rolling(t->a, role, "maxSurge", arena_printf(t->a, "%u", surge));
    scenario_rolling(t->a, role, "maxUnavailable", arena_printf(t->a, "%u", down));
}

static void edit_policy(struct script *t, struct jv *role) {
    jv_set_str(t->a, role, "podManagementPolicy", note(t, pick(t, 2) ? "Parallel" : "OrderedReady"));
}

static void edit_size(struct script *t, struct jv *role) {
    struct jv *pattern = jv_get(role, "leaderWorkerPattern");
    if (pattern) jv_set_int(t->a, pattern, "size", 1 + (int)pick(t, 3));
    note(t, pattern ? "size" : "no size to change");
}

static void edit_roles(struct script *t, struct jv *role) {
    struct jv *roles = jv_path(t->group, "spec", "roles", (char *)0);
    (void)role;
    if (jv_len(roles) == 3) {
        note(t, "role extra goes");
        jv_remove(roles, 2);
        return;
    }
    note(t, "role extra comes");
    struct jv *extra = jv_dup(t->a, scenario_role(scenario_group(t->a, "x", 2, false), "worker"));
    jv_set_str(t->a, extra, "name", "extra");
    jv_push(t->a, roles, extra);
}

static void edit_adapter(struct script *t, struct jv *role) {
    static const char *const rows[] = {"{\"enable\":true}", "{\"enable\":true,\"labels\":{\"a\":\"1\"}}", "{\"enable\":false}"};
    jv_set(t->a, role, "scalingAdapter", doc_json(t->a, note(t, rows[pick(t, 3)])));
}

/* A number is changed through the adapter where there is one, and whoever keeps the manifest follows. */
static void follow(struct script *t, struct sim *s, const struct jv *role) {
    struct err e = ERR_INIT;
    const char *name = name_adapter(t->a, "g", jv_get_str(role, "name"));
    if (!jv_get_bool(jv_get(role, "scalingAdapter"), "enable", false)) return;
    if (!cluster_get(sim_cluster(s), t->a, KIND_ADAPTER, "default", name)) return;
    const struct jv *patch = doc_json(t->a, arena_printf(t->a, "{\"spec\":{\"replicas\":%d}}",
                                                         (int)jv_get_int(role, "replicas", 1)));
    ASSERT_OK(cluster_patch(sim_cluster(s), "autoscaler", KIND_ADAPTER, "default", name, patch, false, &e));
}

static void edit(struct script *t, struct sim *s) {
    static void (*const edits[])(struct script *, struct jv *) = {edit_image, edit_image, edit_replicas, edit_command, edit_label,
                                                                  edit_strategy, edit_policy, edit_size, edit_roles,
                                                                  edit_adapter, edit_adapter, edit_replicas};
    struct jv *role = any_role(t);
    note(t, jv_get_str(role, "name"));
    edits[pick(t, sizeof edits / sizeof *edits)](t, role);
    follow(t, s, role);
}

static struct jv *first_spec(struct arena *a) {
    struct jv *g = scenario_group(a, "g", 3, false), *roles = jv_path(g, "spec", "roles", (char *)0);
    jv_push(a, roles, doc_json(a, "{\"name\":\"lead\",\"replicas\":2,\"dependencies\":[\"worker\"],"
                                  "\"leaderWorkerPattern\":{\"size\":2,"
                                  "\"template\":{\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"engine:1\"}]}}}}"));
    return g;
}

static struct sim *random_cluster(uint64_t seed) {
    struct sim_opts o = sim_opts_default;
    o.kubelet.jitter_ms = 1500;
    o.kubelet.seed = o.shuffle = seed;
    o.record_ms = seed % 4 * 5000;
    return sim_new(&o);
}

static void disturb(struct script *t, struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    static const enum kind kinds[] = {KIND_POD, KIND_RI, KIND_RIS, KIND_SERVICE};
    enum kind k = kinds[pick(t, 4)];
    struct jv **list;
    struct err e = ERR_INIT;
    size_t n = cluster_list(sim_cluster(s), a, k, &list);
    if (!n || pick(t, 3)) return;
    const struct jv *victim = list[pick(t, (uint32_t)n)];
    note(t, arena_printf(t->a, "somebody deletes %s %s", kind_info(k)->name, meta_name(victim)));
    sim_delete(s, k, meta_ns(victim), meta_name(victim), &e);
}

static void misbehave(struct script *t, struct sim *s) {
    static const enum kubelet_fault faults[] = {FAULT_CRASH, FAULT_FAIL, FAULT_NOT_READY, FAULT_UNSCHEDULABLE, FAULT_PULL};
    struct kubelet_rule r = {.fault = faults[pick(t, 5)], .after_ms = pick(t, 4000), .times = 2};
    r.pod = arena_printf(t->a, "*-%u", pick(t, 3));
    note(t, arena_printf(t->a, "pods %s: fault %d", r.pod, (int)r.fault));
    kubelet_rule_add(sim_kubelet(s), &r);
}

static void converges(uint64_t seed) {
    ARENA_AUTO struct arena *a = arena_new();
    struct script t = {.a = a, .seed = seed, .state = seed * 2 + 1, .group = first_spec(a)};
    struct sim *s = random_cluster(seed);
    uint32_t edits = 1 + pick(&t, 6);
    scenario_apply(s, t.group);
    for (uint32_t i = 0; i < edits; i++) {
        uint32_t ms = pick(&t, 12000);
        sim_wait(s, ms);
        if (pick(&t, 3) == 0) misbehave(&t, s);
        disturb(&t, s);
        note(&t, arena_printf(a, "after %u ms", ms));
        edit(&t, s);
        scenario_apply(s, t.group);
    }
    sim_wait(s, pick(&t, 20000));
    kubelet_rules_clear(sim_kubelet(s));
    fprintf(stderr, "seed %llu:\n%s", (unsigned long long)seed, buf_str(&t.log));
    scenario_as_fresh(s, t.group, seed);
    buf_fini(&t.log);
}

START_TEST(edits_converge_to_the_last_spec) {
    scenario_seeds(20, converges);
}
END_TEST

TEST_MAIN("sim_edits", edits_converge_to_the_last_spec)
