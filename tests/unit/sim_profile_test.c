/* Changed profiles: what a role was made with stays (NoUpdate), or rolls group by group (RollingUpdate). */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "scenario.h"

static struct jv *live(struct sim *s, struct arena *a, enum kind k, const char *name) {
    return cluster_get(sim_cluster(s), a, k, "default", name);
}

static void apply_profile(struct sim *s, const char *image, const char *strategy) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *profile = kind_object(a, KIND_PROFILE, NULL, "runtime");
    jv_set(a, profile, "spec", doc_json(a, arena_printf(a, "{\"containers\":[{\"name\":\"side\",\"image\":\"%s\"}]%s}", image,
        strategy ? arena_printf(a, ",\"updateStrategy\":\"%s\"", strategy) : "")));
    scenario_apply(s, profile);
}

static struct jv *with_sidecar(struct arena *a, const char *name, int replicas) {
    struct jv *g = scenario_group(a, name, replicas, false);
    jv_set(a, scenario_role(g, "worker"), "engineRuntimes", doc_json(a, "[{\"profileName\":\"runtime\"}]"));
    return g;
}

/* "g-worker-0=side:1 ...": the sidecar of each pod. */
static char *sidecars(struct sim *s, struct arena *a) {
    struct jv **pods;
    size_t n = cluster_list(sim_cluster(s), a, KIND_POD, &pods);
    char *out = arena_strdup(a, "");
    for (size_t i = 0; i < n; i++) {
        const struct jv *c = jv_find(jv_path(pods[i], "spec", "containers", (char *)0), "name", "side");
        if (meta_deleting(pods[i])) continue;
        out = arena_printf(a, "%s%s%s=%s", out, *out ? " " : "", meta_name(pods[i]), jv_str(jv_get(c, "image"), "none"));
    }
    return out;
}

static void ck_sidecars(struct sim *s, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *have = sidecars(s, a);
    SCENARIO_CHECK(s, str_eq(have, want), "\"%s\", expected \"%s\"", have, want);
}

START_TEST(a_role_starts_when_its_profile_comes) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, with_sidecar(a, "g", 2));
    sim_wait(s, 60000);
    SCENARIO_CHECK(s, cluster_count(sim_cluster(s), KIND_POD) == 0, "pods without their sidecar");
    apply_profile(s, "side:1", NULL);
    scenario_ready(s);
    ck_sidecars(s, "g-worker-0=side:1 g-worker-1=side:1");
    sim_free(s);
}
END_TEST

/* NoUpdate, the default: also when the manager starts anew, and for instances that are added. Another change takes the new one
 * along. */
START_TEST(a_running_role_keeps_what_it_was_made_with) {
    static const char *const strategies[] = {NULL, "NoUpdate"};
    for (size_t i = 0; i < 2; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct sim *s = sim_new(&sim_opts_default);
        struct jv *g = with_sidecar(a, "g", 2);
        apply_profile(s, "side:1", strategies[i]);
        scenario_apply(s, g);
        scenario_ready(s);
        apply_profile(s, "side:2", strategies[i]);
        scenario_ready(s);
        sim_restart(s);
        scenario_ready(s);
        ck_sidecars(s, "g-worker-0=side:1 g-worker-1=side:1");
        jv_set_int(a, scenario_role(g, "worker"), "replicas", 3);
        scenario_apply(s, g);
        scenario_apply(s, with_sidecar(a, "h", 1));
        scenario_ready(s);
        ck_sidecars(s, "g-worker-0=side:1 g-worker-1=side:1 g-worker-2=side:1 h-worker-0=side:2");
        scenario_image(a, scenario_role(g, "worker"), "engine:2");
        scenario_apply(s, g);
        scenario_ready(s);
        ck_sidecars(s, "g-worker-0=side:2 g-worker-1=side:2 g-worker-2=side:2 h-worker-0=side:2");
        sim_free(s);
    }
}
END_TEST

/* What another program made of it, with no word of what: it runs on. */
START_TEST(what_is_not_on_record_stays) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct err e = ERR_INIT;
    apply_profile(s, "side:1", NULL);
    scenario_apply(s, with_sidecar(a, "g", 2));
    scenario_ready(s);
    const char *uid = arena_strdup(a, meta_uid(live(s, a, KIND_POD, "g-worker-0")));
    ASSERT_OK(cluster_patch(sim_cluster(s), FIELD_MANAGER, KIND_RIS, "default", "g-worker",
        doc_json(a, "{\"metadata\":{\"annotations\":{\"" A_RUNTIMES_MADE_WITH "\":null}}}"), false, &e));
    apply_profile(s, "side:2", NULL);
    sim_restart(s);
    scenario_ready(s);
    ck_sidecars(s, "g-worker-0=side:1 g-worker-1=side:1");
    ck_assert_str_eq(meta_uid(live(s, a, KIND_POD, "g-worker-0")), uid);
    sim_free(s);
}
END_TEST

struct watch { size_t most, moved; };

static void count_down(void *ctx, struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    struct watch *w = ctx;
    struct jv **sets;
    size_t n = cluster_list(sim_cluster(s), a, KIND_RIS, &sets), down = 0;
    for (size_t i = 0; i < n; i++) {
        const struct jv *status = jv_get(sets[i], "status");
        int64_t ready = jv_get_int(status, "readyReplicas", 0);
        down += ready < 2;
        SCENARIO_CHECK(s, ready >= 1, "the role's own budget is not kept: %s", json_text(a, status));
    }
    w->moved += down > 0;
    if (down > w->most) w->most = down;
}

START_TEST(a_rolling_profile_goes_group_by_group) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct watch w = {0};
    apply_profile(s, "side:1", "RollingUpdate");
    scenario_apply(s, with_sidecar(a, "g1", 2));
    scenario_apply(s, with_sidecar(a, "g2", 2));
    scenario_apply(s, with_sidecar(a, "g3", 2));
    scenario_ready(s);
    sim_watch_steps(s, count_down, &w);
    apply_profile(s, "side:2", "RollingUpdate");
    scenario_ready(s);
    ck_assert_uint_eq(w.most, 1);
    ck_assert_uint_gt(w.moved, 5);
    ck_sidecars(s, "g1-worker-0=side:2 g1-worker-1=side:2 g2-worker-0=side:2 g2-worker-1=side:2 g3-worker-0=side:2 "
                   "g3-worker-1=side:2");
    sim_free(s);
}
END_TEST

/* A profile that breaks the first group stops there, for as long as it takes. */
START_TEST(a_broken_profile_stops_at_the_first_group) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    apply_profile(s, "side:1", "RollingUpdate");
    scenario_apply(s, with_sidecar(a, "g1", 2));
    scenario_apply(s, with_sidecar(a, "g2", 2));
    scenario_ready(s);
    kubelet_rule_add(sim_kubelet(s), &(struct kubelet_rule){.fault = FAULT_PULL, .image = "side:2"});
    apply_profile(s, "side:2", "RollingUpdate");
    sim_wait(s, 2 * HOUR_MS);
    ck_sidecars(s, "g1-worker-0=side:1 g1-worker-1=side:2 g2-worker-0=side:1 g2-worker-1=side:1");
    apply_profile(s, "side:3", "RollingUpdate");
    scenario_ready(s);
    ck_sidecars(s, "g1-worker-0=side:3 g1-worker-1=side:3 g2-worker-0=side:3 g2-worker-1=side:3");
    sim_free(s);
}
END_TEST

TEST_MAIN("sim_profile", a_role_starts_when_its_profile_comes, a_running_role_keeps_what_it_was_made_with,
          what_is_not_on_record_stays, a_rolling_profile_goes_group_by_group, a_broken_profile_stops_at_the_first_group)
