/* Revisions on the embedded cluster, whose API server writes their data anew at every patch, as a real one does: with sorted keys,
 * and with <, > and & escaped. What it would change it refuses. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "scenario.h"

#define A "one && two > three"
#define B "one < two"

static void command(struct arena *a, struct jv *group, const char *text) {
    struct jv *worker = scenario_role(group, "worker"), *list = jv_new_arr(a);
    struct jv *c = jv_path(worker, "standalonePattern", "template", "spec", "containers", (char *)0);
    jv_push(a, list, jv_new_str(a, text));
    jv_set(a, jv_idx(c, 0), "command", list);
}

static void pods_run(struct sim *s, const char *text) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **pods;
    size_t n = cluster_list(sim_cluster(s), a, KIND_POD, &pods);
    SCENARIO_CHECK(s, n == 2, "%zu pods", n);
    for (size_t i = 0; i < n; i++) {
        const struct jv *c = jv_idx(jv_path(pods[i], "spec", "containers", (char *)0), 0);
        const char *has = jv_str(jv_idx(jv_get(c, "command"), 0), "");
        SCENARIO_CHECK(s, str_eq(has, text), "%s runs %s", meta_name(pods[i]), has);
    }
}

/* Every revision as programs store it that send another text than the API server writes. */
static void spoil(struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct jv **list;
    size_t n = cluster_list(sim_cluster(s), a, KIND_REVISION, &list);
    for (size_t i = 0; i < n; i++) {
        cluster_remove(sim_cluster(s), KIND_REVISION, meta_ns(list[i]), meta_name(list[i]));
        ASSERT_OK(cluster_create(sim_cluster(s), "old", KIND_REVISION, list[i], &e));
    }
}

static int relabel(struct sim *s, const struct jv *revision, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    return cluster_patch(sim_cluster(s), "m", KIND_REVISION, meta_ns(revision), meta_name(revision),
                         doc_json(a, "{\"metadata\":{\"labels\":{\"x\":\"y\"}}}"), false, e);
}

START_TEST(every_revision_can_be_patched) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 2, false), **list;
    command(a, g, A);
    scenario_apply(s, g);
    scenario_ready(s);
    size_t n = cluster_list(sim_cluster(s), a, KIND_REVISION, &list);
    ck_assert_uint_eq(n, 4); /* of the group, the set, and two instances */
    for (size_t i = 0; i < n; i++) ASSERT_OK(relabel(s, list[i], &e));
    spoil(s);
    for (size_t i = 0; i < n; i++) {
        ASSERT_ERR(relabel(s, list[i], &e), ERR_INVALID);
        ck_assert_int_eq(e.http, 422);
    }
    sim_free(s);
}
END_TEST

static void there_and_back(int64_t after_ms, bool spoilt) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 2, false);
    command(a, g, A);
    scenario_apply(s, g);
    scenario_ready(s);
    pods_run(s, A);
    if (spoilt) spoil(s);
    command(a, g, B);
    scenario_apply(s, g);
    if (after_ms) sim_wait(s, after_ms);
    else scenario_ready(s);
    command(a, g, A);
    scenario_apply(s, g);
    scenario_ready(s);
    pods_run(s, A);
    size_t refused = scenario_events(s, "FailedCreateRevision");
    SCENARIO_CHECK(s, refused == 0, "%zu warnings", refused);
    sim_free(s);
}

START_TEST(the_way_back_is_taken) { there_and_back(0, false); }
END_TEST

START_TEST(the_way_back_is_taken_although_older_revisions_can_not_be_patched) {
    there_and_back(0, true);
    for (int64_t ms = 1; ms < 12000; ms += 700) there_and_back(ms, true);
}
END_TEST

static size_t shown(struct sim *s, struct arena *a, struct jv *doc) {
    struct err e = ERR_INIT;
    struct jv **list;
    size_t n = cluster_source(sim_cluster(s))->list((void *)sim_cluster(s), a, KIND_REVISION, NULL, &list);
    ASSERT_OK(cluster_create(sim_cluster(s), "m", KIND_REVISION, doc, &e));
    return cluster_source(sim_cluster(s))->list((void *)sim_cluster(s), a, KIND_REVISION, NULL, &list) - n;
}

#define REVISION(name, owners, spec) \
    doc_json(a, "{\"apiVersion\":\"apps/v1\",\"kind\":\"ControllerRevision\",\"metadata\":{\"name\":\"" name "\"," \
                "\"labels\":{\"controller.kubernetes.io/hash\":\"x\"},\"ownerReferences\":[" owners "]}," \
                "\"data\":{\"spec\":{" spec "}},\"revision\":1}")
#define OWNER(api, kind) \
    "{\"apiVersion\":\"" api "\",\"kind\":\"" kind "\",\"name\":\"o\",\"uid\":\"u\",\"controller\":true}"

START_TEST(revisions_of_other_workloads_are_not_kept) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    ck_assert_uint_eq(shown(s, a, REVISION("a", OWNER("apps/v1", "StatefulSet"), "\"template\":{}")), 0);
    ck_assert_uint_eq(shown(s, a, REVISION("b", "", "\"template\":{}")), 0); /* orphan of a StatefulSet */
    ck_assert_uint_eq(shown(s, a, REVISION("c", OWNER("other/v1", "RoleInstanceSet"), "\"roleInstanceTemplate\":{}")), 0);
    ck_assert_uint_eq(shown(s, a, REVISION("d", OWNER("workloads.x-k8s.io/v1alpha2", "RoleInstanceSet"), "\"x\":{}")), 1);
    ck_assert_uint_eq(shown(s, a, REVISION("e", "", "\"roleInstanceTemplate\":{}")), 1); /* orphans of ours */
    ck_assert_uint_eq(shown(s, a, REVISION("f", "", "\"components\":[]")), 1);
    sim_free(s);
}
END_TEST

TEST_MAIN("sim_revisions", every_revision_can_be_patched, the_way_back_is_taken,
          the_way_back_is_taken_although_older_revisions_can_not_be_patched, revisions_of_other_workloads_are_not_kept)
