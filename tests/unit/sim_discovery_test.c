/* The discovery file: which groups have one, and that nobody mounts one that nobody writes. */
#include <string.h>

#include "api/admission.h"
#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "scenario.h"

static struct jv *live(struct sim *s, struct arena *a, enum kind k, const char *name) {
    return cluster_get(sim_cluster(s), a, k, "default", name);
}

static const char *mode(struct sim *s, struct arena *a) {
    return meta_annotation(live(s, a, KIND_RBG, "g"), A_DISCOVERY_MODE);
}

static void lose_mode(struct sim *s, struct arena *a) {
    struct err e = ERR_INIT;
    ASSERT_OK(cluster_patch(sim_cluster(s), "user", KIND_RBG, "default", "g",
                            doc_json(a, "{\"metadata\":{\"annotations\":{\"" A_DISCOVERY_MODE "\":null}}}"), false, &e));
}

static bool mounts(struct sim *s, struct arena *a, const char *pod) {
    return jv_find(jv_path(live(s, a, KIND_POD, pod), "spec", "volumes", (char *)0), "name", DISCOVERY_VOLUME) != NULL;
}

/* kubectl annotate g discovery-config-mode-, where no webhook puts it back. */
START_TEST(a_lost_annotation_means_what_it_was) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *g = scenario_group(a, "g", 2, false);
    scenario_apply(s, g);
    scenario_ready(s);
    lose_mode(s, a);
    scenario_ready(s);
    ck_assert_str_eq(mode(s, a), "refine");
    jv_set_int(a, scenario_role(g, "worker"), "replicas", 3);
    scenario_apply(s, g);
    scenario_ready(s);
    const char *text = jv_get_str(jv_get(live(s, a, KIND_CONFIGMAP, "g"), "data"), "config.yaml");
    SCENARIO_CHECK(s, strstr(text, "g-worker-2."), "%s", text);
    sim_free(s);
}
END_TEST

/* kubectl replace: the webhook puts it back. */
START_TEST(an_update_does_not_lose_it) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *old = scenario_group(a, "g", 2, false), *new = scenario_group(a, "g", 3, false);
    jv_set_str(a, jv_need_obj(a, jv_get(old, "metadata"), "annotations"), A_DISCOVERY_MODE, "legacy");
    admission_follow(a, KIND_RBG, new, old);
    ck_assert_str_eq(meta_annotation(new, A_DISCOVERY_MODE), "legacy");
    jv_set_str(a, jv_need_obj(a, jv_get(new, "metadata"), "annotations"), A_DISCOVERY_MODE, "refine");
    admission_follow(a, KIND_RBG, new, old);
    ck_assert_str_eq(meta_annotation(new, A_DISCOVERY_MODE), "refine");
}
END_TEST

/* A group as it was stored before there was a mode: it has a status, and no file of ours. */
static struct sim *of_before(struct arena *a, bool configmap) {
    struct sim *s = sim_new(&sim_opts_default);
    struct err e = ERR_INIT;
    if (configmap) {
        struct jv *cm = kind_object(a, KIND_CONFIGMAP, "default", "g-worker");
        jv_set(a, jv_get(cm, "metadata"), "labels", doc_json(a, "{\"" L_GROUP_NAME "\":\"g\"}"));
        ASSERT_OK(cluster_create(sim_cluster(s), "old", KIND_CONFIGMAP, cm, &e));
    }
    ASSERT_OK(cluster_create(sim_cluster(s), "old", KIND_RBG, scenario_group(a, "g", 2, false), &e));
    if (!configmap)
        ASSERT_OK(cluster_patch(sim_cluster(s), "old", KIND_RBG, "default", "g",
                                doc_json(a, "{\"status\":{\"observedGeneration\":1,\"roleStatuses\":[]}}"), true, &e));
    return s;
}

START_TEST(a_group_of_before_mounts_no_file_that_nobody_writes) {
    for (int configmap = 0; configmap < 2; configmap++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct sim *s = of_before(a, configmap);
        scenario_ready(s);
        ck_assert_str_eq(mode(s, a), "legacy");
        ck_assert_ptr_null(live(s, a, KIND_CONFIGMAP, "g"));
        ck_assert(!mounts(s, a, "g-worker-1"));
        sim_free(s);
    }
}
END_TEST

/* What runs with the mount goes on with it until the role changes. */
START_TEST(a_running_role_is_not_made_anew_for_it) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct err e = ERR_INIT;
    struct jv *g = scenario_group(a, "g", 2, false);
    scenario_apply(s, g);
    scenario_ready(s);
    const char *uid = arena_strdup(a, meta_uid(live(s, a, KIND_POD, "g-worker-0")));
    ASSERT_OK(cluster_patch(sim_cluster(s), "user", KIND_RBG, "default", "g",
                            doc_json(a, "{\"metadata\":{\"annotations\":{\"" A_DISCOVERY_MODE "\":\"legacy\"}}}"), false, &e));
    scenario_ready(s);
    ck_assert(mounts(s, a, "g-worker-0"));
    ck_assert_str_eq(meta_uid(live(s, a, KIND_POD, "g-worker-0")), uid);
    struct jv *containers = jv_path(scenario_role(g, "worker"), "standalonePattern", "template", "spec", "containers", (char *)0);
    jv_set(a, jv_idx(containers, 0), "args", doc_json(a, "[\"new\"]"));
    jv_set_str(a, jv_need_obj(a, jv_get(g, "metadata"), "annotations"), A_DISCOVERY_MODE, "legacy");
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert(!mounts(s, a, "g-worker-0"));
    sim_free(s);
}
END_TEST

TEST_MAIN("sim_discovery", a_lost_annotation_means_what_it_was, an_update_does_not_lose_it,
          a_group_of_before_mounts_no_file_that_nobody_writes, a_running_role_is_not_made_anew_for_it)
