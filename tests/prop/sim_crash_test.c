/* The controllers die after every single write of a run and start again with nothing but what is in the cluster: the end is always
 * the same, and nothing is there twice. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "docs.h"
#include "scenario.h"

/* One story: a group is made, then changed. */
typedef void (*change_fn)(struct arena *a, struct sim *s, struct jv *group);

static void no_change(struct arena *a, struct sim *s, struct jv *g) {
    (void)a, (void)s, (void)g;
}

static void change_image(struct arena *a, struct sim *s, struct jv *g) {
    (void)s;
    scenario_image(a, scenario_role(g, "worker"), "engine:2");
}

static void recreate_with_surge(struct arena *a, struct sim *s, struct jv *g) {
    struct jv *worker = scenario_role(g, "worker");
    scenario_rolling(a, worker, "type", "\"RecreatePod\"");
    scenario_rolling(a, worker, "maxSurge", "1");
    change_image(a, s, g);
}

/* An autoscaler's write, and the old manifest once more: the adapter has the last word. */
static void scale_by_adapter(struct arena *a, struct sim *s, struct jv *g) {
    struct err e = ERR_INIT;
    (void)g;
    ASSERT_OK(cluster_patch(sim_cluster(s), "autoscaler", KIND_ADAPTER, "default", "g-worker",
                            doc_json(a, "{\"spec\":{\"replicas\":5}}"), false, &e));
}

static void scale_down_and_drop(struct arena *a, struct sim *s, struct jv *g) {
    (void)s;
    jv_set_int(a, scenario_role(g, "worker"), "replicas", 1);
    jv_remove(jv_path(g, "spec", "roles", (char *)0), 0);
}

static struct sim *start(struct arena *a, struct jv **g, change_fn change) {
    struct sim *s = sim_new(&sim_opts_default);
    *g = scenario_group(a, "g", 3, true);
    if (change == no_change || change == scale_by_adapter)
        jv_set(a, scenario_role(*g, "worker"), "scalingAdapter", doc_json(a, "{\"enable\":true}"));
    if (change == no_change) return s;
    scenario_apply(s, *g);
    scenario_ready(s);
    change(a, s, *g);
    return s;
}

/* The state at the end, and how many writes the change took, without a crash. */
static char *calm(struct arena *a, change_fn change, int64_t *writes) {
    struct jv *g;
    struct sim *s = start(a, &g, change);
    int64_t before = sim_writes(s);
    scenario_apply(s, g);
    scenario_ready(s);
    *writes = sim_writes(s) - before;
    char *state = scenario_state(s, a);
    sim_free(s);
    return state;
}

static void survives(change_fn change, const char *want, int64_t after, int64_t outage_ms) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *g;
    struct sim *s = start(a, &g, change);
    sim_crash_after(s, after);
    scenario_apply(s, g);
    sim_run(s, HOUR_MS, NULL, NULL);
    SCENARIO_CHECK(s, sim_crashed(s), "no crash after %lld writes", (long long)after);
    sim_wait(s, outage_ms);
    sim_restart(s);
    scenario_ready(s);
    const char *have = scenario_state(s, a);
    SCENARIO_CHECK(s, str_eq(have, want), "a crash after %lld writes ends as\n%s\ninstead of\n%s", (long long)after, have, want);
    struct jv **revisions;
    size_t n = cluster_list(sim_cluster(s), a, KIND_REVISION, &revisions);
    for (size_t i = 0; i < n; i++)
        for (size_t j = i + 1; j < n; j++)
            SCENARIO_CHECK(s, !jv_eq(jv_get(revisions[i], "data"), jv_get(revisions[j], "data")) ||
                                  !str_eq(jv_get_str(meta_controller(revisions[i]), "uid"),
                                          jv_get_str(meta_controller(revisions[j]), "uid")),
                           "revisions %s and %s hold the same", meta_name(revisions[i]), meta_name(revisions[j]));
    sim_free(s);
}

static void survives_everywhere(change_fn change) {
    ARENA_AUTO struct arena *a = arena_new();
    int64_t writes;
    const char *want = calm(a, change, &writes);
    ck_assert_int_gt(writes, 5);
    for (int64_t i = 1; i <= writes; i++) survives(change, want, i, i % 2 ? 0 : 30000);
}

START_TEST(while_coming_up) { survives_everywhere(no_change); }
END_TEST
START_TEST(while_updating_in_place) { survives_everywhere(change_image); }
END_TEST
START_TEST(while_recreating_with_surge) { survives_everywhere(recreate_with_surge); }
END_TEST
START_TEST(while_scaling_down) { survives_everywhere(scale_down_and_drop); }
END_TEST
START_TEST(while_an_adapter_scales) { survives_everywhere(scale_by_adapter); }
END_TEST

TEST_MAIN("sim_crash", while_coming_up, while_updating_in_place, while_recreating_with_surge, while_scaling_down,
          while_an_adapter_scales)
