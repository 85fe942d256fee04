/* Random crashes, evictions, deletions, edits and ends of the manager: no recreation comes before its time, the pods of before it
 * and of after it never meet, no instance stays half, and the end is that of a fresh apply of the last spec. A failing seed is
 * printed; RBG_SEED=n runs that one alone, RBG_ROUNDS=n changes how many are tried. */
#include <stdio.h>
#include <string.h>

#include "api/model.h"
#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"
#include "chance.h"
#include "docs.h"
#include "scenario.h"

/* What was last seen of an instance. */
struct known { const char *uid, *time; int64_t count; };

struct script {
    struct arena *a;
    uint64_t seed, state;
    struct jv *group;
    struct buf log;
    struct known known[64];
    size_t nknown;
};

static size_t recreations; /* of all runs */

static uint32_t pick(struct script *t, uint32_t n) {
    return chance_below(&t->state, n);
}

static void note(struct script *t, const char *what) {
    buf_printf(&t->log, "  %s\n", what);
}

/* ---- what always holds ---- */

static struct known *known(struct script *t, const char *uid) {
    for (size_t i = 0; i < t->nknown; i++)
        if (str_eq(t->known[i].uid, uid)) return &t->known[i];
    ck_assert_uint_lt(t->nknown, sizeof t->known / sizeof *t->known);
    t->known[t->nknown] = (struct known){.uid = arena_strdup(t->a, uid)};
    return &t->known[t->nknown++];
}

static int64_t wanted_gap_ms(const struct jv *ri, int64_t count) {
    const struct jv *c = jv_path(ri, "spec", "restartPolicyConfig", (char *)0);
    /* Without a policy failed pods are replaced alone, as a kubelet starts a crashing container again: 10 s to 5 minutes. */
    bool alone = !str_eq(jv_get_str(c, "type"), RESTART_RECREATE);
    int64_t d = alone ? 10 : jv_get_int(c, "baseDelaySeconds", 30), max = alone ? 300 : jv_get_int(c, "maxDelaySeconds", 600);
    for (int64_t i = 1; i < count && d < max; i++) d *= 2;
    return count ? (d < max ? d : max) * 1000 : 0;
}

static void backoff_holds(struct script *t, struct sim *s, const struct jv *ri) {
    const struct jv *status = jv_get(ri, "status");
    const char *time = jv_str(jv_get(status, "lastRestartTime"), "");
    struct known *k = known(t, meta_uid(ri));
    int64_t now = 0, before = 0, count = jv_get_int(status, "restartCount", 0);
    if (*time && !str_eq(time, k->time)) {
        recreations++;
        ck_assert_int_eq(time_parse_rfc3339(time, &now), 0);
        if (k->time) ck_assert_int_eq(time_parse_rfc3339(k->time, &before), 0);
        SCENARIO_CHECK(s, !k->time || now - before >= wanted_gap_ms(ri, k->count),
                       "%s: recreation %lld comes %lld ms after the one before",
                       meta_name(ri), (long long)count, (long long)(now - before));
    }
    k->count = count;
    if (*time) k->time = arena_strdup(t->a, time);
}

/* While a recreation is on its way, no pod that it made stands beside one that it is to remove, and the instance is not ready. */
static void generations_do_not_meet(struct sim *s, struct arena *a, const struct jv *ri) {
    const struct jv *status = jv_get(ri, "status"), *conditions = jv_get(status, "conditions");
    if (!condition_true(conditions, COND_RI_RESTARTING)) return;
    const char *id = arena_printf(a, "%lld/%s", (long long)jv_get_int(status, "restartCount", 0),
                                  jv_str(jv_get(status, "lastRestartTime"), ""));
    struct jv **pods;
    size_t n = cluster_list(sim_cluster(s), a, KIND_POD, &pods), old = 0, new = 0;
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(jv_get_str(meta_controller(pods[i]), "uid"), meta_uid(ri))) continue;
        if (str_eq(meta_annotation(pods[i], A_RESTART_ID), id)) new++;
        else old++;
    }
    SCENARIO_CHECK(s, !old || !new, "%s: %zu new pods beside %zu old ones", meta_name(ri), new, old);
    SCENARIO_CHECK(s, !condition_true(conditions, COND_RI_READY), "%s is ready while it is recreated", meta_name(ri));
}

static void check(void *ctx, struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **ris;
    size_t n = cluster_list(sim_cluster(s), a, KIND_RI, &ris);
    for (size_t i = 0; i < n; i++) {
        backoff_holds(ctx, s, ris[i]);
        if (!meta_deleting(ris[i])) generations_do_not_meet(s, a, ris[i]);
    }
}

/* ---- what happens ---- */

static struct jv *first_spec(struct arena *a) {
    struct jv *g = kind_object(a, KIND_RBG, NULL, "g"), *roles = jv_need_arr(a, jv_need_obj(a, g, "spec"), "roles");
    jv_push(a, roles, doc_json(a, "{\"name\":\"lw\",\"replicas\":2,\"leaderWorkerPattern\":{\"size\":3,\"template\":{\"spec\":{"
                                  "\"containers\":[{\"name\":\"main\",\"image\":\"engine:1\"}]}}}}"));
    jv_push(a, roles, doc_json(a, "{\"name\":\"cc\",\"replicas\":1,\"customComponentsPattern\":{\"components\":["
                                  "{\"name\":\"a\",\"size\":1,\"template\":{\"spec\":{\"containers\":[{\"name\":\"main\","
                                  "\"image\":\"engine:1\"}]}}},"
                                  "{\"name\":\"b\",\"size\":2,\"annotations\":{\"" A_COMPONENT_DEPENDS
                                  "\":\"{\\\"startAfter\\\":[\\\"a\\\"]}\"},"
                                  "\"template\":{\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"engine:1\"}]}}}]}}"));
    return g;
}

static struct jv *pattern(struct script *t, uint32_t role) {
    struct jv *r = jv_idx(jv_path(t->group, "spec", "roles", (char *)0), role), *lw = jv_get(r, "leaderWorkerPattern");
    return lw ? lw : jv_get(r, "customComponentsPattern");
}

static void edit_policy(struct script *t) {
    static const char *const configs[] = {
        "{\"baseDelaySeconds\":1,\"maxDelaySeconds\":8}",
        "{\"type\":\"" RESTART_RECREATE "\",\"baseDelaySeconds\":5,\"maxDelaySeconds\":20}",
        "{\"type\":\"" RESTART_RECREATE "\",\"baseDelaySeconds\":2,\"maxDelaySeconds\":20,\"maxRestarts\":1}",
        "{\"type\":\"None\",\"baseDelaySeconds\":30,\"maxDelaySeconds\":600}",
    };
    const char *text = configs[pick(t, 4)];
    note(t, text);
    jv_set(t->a, pattern(t, pick(t, 2)), "restartPolicyConfig", doc_json(t->a, text));
}

static void edit_image(struct script *t) {
    struct jv *p = pattern(t, pick(t, 2)), *components = jv_get(p, "components");
    struct jv *template = jv_get(components ? jv_idx(components, pick(t, 2)) : p, "template");
    const char *image = arena_printf(t->a, "engine:%u", pick(t, 3) + 1);
    note(t, image);
    jv_set_str(t->a, jv_idx(jv_path(template, "spec", "containers", (char *)0), 0), "image", image);
}

static void edit_replicas(struct script *t) {
    uint32_t n = pick(t, 4);
    note(t, arena_printf(t->a, "%u instances of lw", n));
    jv_set_int(t->a, scenario_role(t->group, "lw"), "replicas", n);
}

static void misbehave(struct script *t, struct sim *s) {
    static const enum kubelet_fault faults[] = {FAULT_CRASH, FAULT_CRASH, FAULT_FAIL, FAULT_FAIL, FAULT_UNSCHEDULABLE};
    struct kubelet_rule r = {.fault = faults[pick(t, 5)], .after_ms = pick(t, 2) ? pick(t, 2000) : 3000 + pick(t, 9000)};
    r.times = r.fault == FAULT_UNSCHEDULABLE ? 3 : 1 + (int)pick(t, 6);
    r.pod = arena_printf(t->a, "*-%u", pick(t, 3));
    note(t, arena_printf(t->a, "pods %s: fault %d after %lld ms, %d times", r.pod, (int)r.fault, (long long)r.after_ms, r.times));
    kubelet_rule_add(sim_kubelet(s), &r);
}

static void delete_pod(struct script *t, struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **pods;
    struct err e = ERR_INIT;
    size_t n = cluster_list(sim_cluster(s), a, KIND_POD, &pods);
    if (!n) return;
    const struct jv *victim = pods[pick(t, (uint32_t)n)];
    note(t, arena_printf(t->a, "somebody deletes %s", meta_name(victim)));
    sim_delete(s, KIND_POD, meta_ns(victim), meta_name(victim), &e);
}

static void end_of_the_manager(struct script *t, struct sim *s) {
    uint32_t writes = 1 + pick(t, 8), outage = pick(t, 2) * pick(t, 40000);
    note(t, arena_printf(t->a, "the manager dies after %u writes, for %u ms", writes, outage));
    sim_crash_after(s, writes);
    sim_wait(s, 10000);
    sim_wait(s, outage);
    if (sim_crashed(s)) sim_restart(s);
    sim_crash_after(s, INT64_MAX);
}

static void something(struct script *t, struct sim *s) {
    switch (pick(t, 8)) {
    case 0: edit_policy(t); break;
    case 1: edit_image(t); break;
    case 2: edit_replicas(t); break;
    case 3: delete_pod(t, s); return;
    case 4: end_of_the_manager(t, s); return;
    default: misbehave(t, s); return;
    }
    scenario_apply(s, t->group);
}

static void survives(uint64_t seed) {
    ARENA_AUTO struct arena *a = arena_new();
    struct script t = {.a = a, .seed = seed, .state = seed * 2 + 1, .group = first_spec(a)};
    struct sim_opts o = sim_opts_default;
    o.kubelet.jitter_ms = 1500;
    o.kubelet.seed = o.shuffle = seed;
    struct sim *s = sim_new(&o);
    sim_watch_steps(s, check, &t);
    edit_policy(&t);
    scenario_apply(s, t.group);
    for (uint32_t i = 4 + pick(&t, 12); i > 0; i--) {
        uint32_t ms = pick(&t, 20000);
        sim_wait(s, ms);
        note(&t, arena_printf(a, "after %u ms", ms));
        something(&t, s);
    }
    sim_wait(s, pick(&t, 60000));
    kubelet_rules_clear(sim_kubelet(s));
    /* An instance that has given up starts over with a change of its spec. */
    for (uint32_t i = 0; i < 2; i++) jv_set(a, pattern(&t, i), "restartPolicyConfig", doc_json(a, "{\"baseDelaySeconds\":3}"));
    fprintf(stderr, "seed %llu:\n%s", (unsigned long long)seed, buf_str(&t.log));
    scenario_apply(s, t.group);
    scenario_as_fresh(s, t.group, seed);
    buf_fini(&t.log);
}

START_TEST(crashes_and_edits_leave_whole_instances) {
    size_t runs = scenario_seeds(30, survives);
    ck_assert_uint_ge(recreations, runs); /* else it shows nothing */
}
END_TEST

TEST_MAIN("sim_restarts", crashes_and_edits_leave_whole_instances)
