/* What a set does with its instances besides rolling them: InPlaceOnly, labels that are handed down, what it can't work with. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "oracle.h"
#include "scenario.h"

static const struct jv *live(struct sim *s, struct arena *a, enum kind k, const char *name) {
    return cluster_get(sim_cluster(s), a, k, "default", name);
}

static const struct jv *set_condition(struct sim *s, struct arena *a, const char *type) {
    return jv_find(jv_path(live(s, a, KIND_RIS, "g-worker"), "status", "conditions", (char *)0), "type", type);
}

static char *uids(struct sim *s, struct arena *a, enum kind k) {
    struct jv **list;
    size_t n = cluster_list(sim_cluster(s), a, k, &list);
    char *out = arena_strdup(a, "");
    for (size_t i = 0; i < n; i++) out = arena_printf(a, "%s %s", out, meta_uid(list[i]));
    return out;
}

static struct jv *container(struct jv *g) {
    return jv_idx(jv_path(scenario_role(g, "worker"), "standalonePattern", "template", "spec", "containers", (char *)0), 0);
}

/* ---- InPlaceOnly ---- */

START_TEST(in_place_only_touches_no_pod_that_would_have_to_be_made_anew) {
    for (int surge = 0; surge < 2; surge++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct jv *g = scenario_group(a, "g", 3, false), *worker = scenario_role(g, "worker");
        scenario_rolling(a, worker, "type", "\"InPlaceOnly\"");
        scenario_rolling(a, worker, "maxSurge", surge ? "1" : "0");
        struct sim *s = sim_new(&sim_opts_default);
        scenario_apply(s, g);
        scenario_ready(s);
        const char *pods = uids(s, a, KIND_POD), *instances = uids(s, a, KIND_RI);
        jv_set(a, container(g), "env", doc_json(a, "[{\"name\":\"LEVEL\",\"value\":\"1\"}]"));
        scenario_image(a, worker, "engine:2");
        scenario_apply(s, g);
        scenario_settle(s, HOUR_MS);
        scenario_fixpoint(s);
        ck_assert_str_eq(uids(s, a, KIND_POD), pods);
        ck_assert_str_eq(uids(s, a, KIND_RI), instances);
        ck_assert_str_eq(scenario_images(s, a), "g-worker-0=engine:1 g-worker-1=engine:1 g-worker-2=engine:1");
        const struct jv *failed = set_condition(s, a, "FailedUpdate");
        ck_assert_str_eq(jv_get_str(failed, "reason"), "UpdateNotPossible");
        ck_assert_str_eq(jv_get_str(failed, "message"),
                         "g-worker-2 can't be updated in place: roleInstanceTemplate.components[worker].template.spec."
                         "containers[main].env differs; undo that change, or set the update type to InPlaceIfPossible or "
                         "RecreatePod");
        /* Undone, the rest of the change is made, and the condition is gone. */
        jv_del(container(g), "env");
        scenario_apply(s, g);
        scenario_ready(s);
        ck_assert_str_eq(uids(s, a, KIND_POD), pods);
        ck_assert_str_eq(scenario_images(s, a), "g-worker-0=engine:2 g-worker-1=engine:2 g-worker-2=engine:2");
        ck_assert_ptr_null(set_condition(s, a, "FailedUpdate"));
        sim_free(s);
    }
}
END_TEST

/* ---- labels and annotations ---- */

static void label_is(struct sim *s, const char *key, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **list;
    size_t n = cluster_list(sim_cluster(s), a, KIND_RI, &list);
    for (size_t i = 0; i < n; i++) {
        const char *have = meta_label(list[i], key);
        SCENARIO_CHECK(s, want ? str_eq(have, want) : !have, "%s: label %s is %s", meta_name(list[i]), key, have ? have : "absent");
    }
}

START_TEST(labels_of_a_role_reach_its_instances_without_a_restart) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *g = scenario_group(a, "g", 3, false), *worker = scenario_role(g, "worker");
    jv_set(a, worker, "labels", doc_json(a, "{\"team\":\"a\",\"tier\":\"gold\"}"));
    struct sim *s = sim_new(&sim_opts_default);
    struct oracle *o = oracle_new(s);
    struct err e = ERR_INIT;
    scenario_apply(s, g);
    scenario_ready(s);
    const char *pods = uids(s, a, KIND_POD);
    const struct jv *mark = doc_json(a, "{\"metadata\":{\"labels\":{\"others.example.com/mark\":\"1\",\"role\":\"x\"}}}");
    for (int i = 0; i < 3; i++)
        ASSERT_OK(cluster_patch(sim_cluster(s), "me", KIND_RI, "default", arena_printf(a, "g-worker-%d", i), mark, false, &e));
    oracle_reset(o);
    jv_set(a, worker, "labels", doc_json(a, "{\"team\":\"b\",\"zone\":\"west\"}"));
    scenario_apply(s, g);
    scenario_ready(s);
    label_is(s, "team", "b");
    label_is(s, "zone", "west");
    label_is(s, "tier", NULL);
    label_is(s, "others.example.com/mark", "1");
    label_is(s, "role", "x");
    jv_del(worker, "labels");
    scenario_apply(s, g);
    scenario_ready(s);
    label_is(s, "team", NULL);
    label_is(s, "zone", NULL);
    label_is(s, "others.example.com/mark", "1");
    ck_assert_str_eq(uids(s, a, KIND_POD), pods);
    ck_assert_int_eq(oracle_least(o, "g-worker"), 3);
    oracle_free(o);
    sim_free(s);
}
END_TEST

/* The label that tells which revision of the role an instance has changes when the instance does. */
START_TEST(scaling_writes_no_label_of_running_instances) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *g = scenario_group(a, "g", 3, false), *worker = scenario_role(g, "worker");
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, g);
    scenario_ready(s);
    const char *rv = arena_strdup(a, meta_rv(live(s, a, KIND_RI, "g-worker-0")));
    jv_set_int(a, worker, "replicas", 4);
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert_str_eq(meta_rv(live(s, a, KIND_RI, "g-worker-0")), rv);
    sim_free(s);
}
END_TEST

START_TEST(a_grace_period_that_is_taken_back_leaves_the_instances) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *g = scenario_group(a, "g", 1, false), *worker = scenario_role(g, "worker");
    scenario_rolling(a, worker, "inPlaceUpdateStrategy", "{\"gracePeriodSeconds\":7}");
    struct sim *s = sim_new(&sim_opts_default);
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert_str_eq(meta_annotation(live(s, a, KIND_RI, "g-worker-0"), A_INPLACE_GRACE_SECONDS), "7");
    scenario_rolling(a, worker, "inPlaceUpdateStrategy", "{\"gracePeriodSeconds\":9}");
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert_str_eq(meta_annotation(live(s, a, KIND_RI, "g-worker-0"), A_INPLACE_GRACE_SECONDS), "9");
    jv_del(jv_path(worker, "rolloutStrategy", "rollingUpdate", (char *)0), "inPlaceUpdateStrategy");
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert_ptr_null(meta_annotation(live(s, a, KIND_RI, "g-worker-0"), A_INPLACE_GRACE_SECONDS));
    sim_free(s);
}
END_TEST

/* ---- what it can't work with ---- */

START_TEST(a_misspelt_pattern_is_told_and_nothing_is_done) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *g = scenario_group(a, "g", 2, false), *worker = scenario_role(g, "worker");
    struct sim *s = sim_new(&sim_opts_default);
    jv_set(a, worker, "annotations", doc_json(a, "{\"" A_PATTERN "\":\"stateful\"}"));
    scenario_apply(s, g);
    scenario_settle(s, 300000);
    ck_assert_uint_eq(cluster_count(sim_cluster(s), KIND_RI), 0);
    ck_assert_str_eq(jv_get_str(set_condition(s, a, "FailedUpdate"), "reason"), "UnknownRoleInstancePattern");
    ck_assert_str_eq(jv_get_str(set_condition(s, a, "FailedUpdate"), "message"),
                     "annotation " A_PATTERN " is \"stateful\": write Stateful, or remove it");
    ck_assert_uint_eq(scenario_events(s, "UnknownRoleInstancePattern"), 1);
    jv_del(worker, "annotations");
    scenario_apply(s, g);
    scenario_ready(s);
    ck_assert_uint_eq(cluster_count(sim_cluster(s), KIND_RI), 2);
    ck_assert_ptr_null(set_condition(s, a, "FailedUpdate"));
    sim_free(s);
}
END_TEST

/* ---- refused creations ---- */

static enum kind refused_kind;

static int refuse_creations(void *ctx, const struct action *w, struct err *e) {
    size_t *n = ctx;
    if (w->act != ACT_CREATE || w->kind != refused_kind) return 0;
    ++*n;
    e->http = 403;
    return err_set(e, ERR_FORBIDDEN, "%s \"%s\" is forbidden: exceeded quota: small, requested: 1, used: 2, limited: 2",
                   kind_info(w->kind)->plural, w->name);
}

START_TEST(refused_instances_are_told_in_the_status_and_asked_for_again) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *g = scenario_group(a, "g", 2, false);
    struct sim *s = sim_new(&sim_opts_default);
    size_t asked = 0;
    scenario_apply(s, g);
    scenario_ready(s);
    refused_kind = KIND_RI;
    sim_fail_writes(s, refuse_creations, &asked);
    jv_set_int(a, scenario_role(g, "worker"), "replicas", 4);
    scenario_apply(s, g);
    sim_wait(s, 1000);
    const struct jv *failed = set_condition(s, a, "FailedScale");
    ck_assert_str_eq(jv_str(jv_get(failed, "status"), "absent"), "True");
    ck_assert_ptr_nonnull(strstr(jv_get_str(failed, "message"), "exceeded quota: small"));
    const struct jv *status = jv_get(live(s, a, KIND_RIS, "g-worker"), "status");
    ck_assert_int_eq(jv_get_int(status, "observedGeneration", 0), meta_generation(live(s, a, KIND_RIS, "g-worker")));
    sim_wait(s, 600000);
    ck_assert_uint_eq(scenario_events(s, "FailedCreate"), 1);
    size_t before = asked;
    sim_wait(s, 31000);
    ck_assert_uint_gt(asked, before);
    sim_fail_writes(s, NULL, NULL);
    sim_wait(s, 31000);
    ck_assert_uint_eq(cluster_count(sim_cluster(s), KIND_RI), 4);
    scenario_ready(s);
    ck_assert_ptr_null(set_condition(s, a, "FailedScale"));
    sim_free(s);
}
END_TEST

START_TEST(a_refused_revision_is_told_in_the_status) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *g = scenario_group(a, "g", 2, false);
    struct sim *s = sim_new(&sim_opts_default);
    size_t asked = 0;
    scenario_apply(s, g);
    scenario_ready(s);
    const char *pods = uids(s, a, KIND_POD);
    refused_kind = KIND_REVISION;
    sim_fail_writes(s, refuse_creations, &asked);
    scenario_image(a, scenario_role(g, "worker"), "engine:2");
    scenario_apply(s, g);
    sim_wait(s, 60000);
    ck_assert_str_eq(jv_get_str(set_condition(s, a, "FailedUpdate"), "reason"), "RevisionRefused");
    ck_assert_str_eq(scenario_images(s, a), "g-worker-0=engine:1 g-worker-1=engine:1");
    sim_fail_writes(s, NULL, NULL);
    sim_wait(s, 31000);
    scenario_ready(s);
    ck_assert_str_eq(scenario_images(s, a), "g-worker-0=engine:2 g-worker-1=engine:2");
    ck_assert_str_eq(uids(s, a, KIND_POD), pods);
    ck_assert_ptr_null(set_condition(s, a, "FailedUpdate"));
    sim_free(s);
}
END_TEST

/* ---- status ---- */

struct lag { int64_t since_ms, longest_ms; };

/* Do the set's counts differ from what its instances say? */
static void measure_lag(void *ctx, struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    struct lag *l = ctx;
    struct jv **list;
    int64_t ready = 0;
    size_t n = cluster_list(sim_cluster(s), a, KIND_RI, &list);
    for (size_t i = 0; i < n; i++) {
        const struct jv *status = jv_get(list[i], "status");
        ready += condition_true(jv_get(status, "conditions"), COND_RI_READY) &&
                 jv_get_int(status, "observedGeneration", 0) == meta_generation(list[i]);
    }
    const struct jv *status = jv_get(live(s, a, KIND_RIS, "g-worker"), "status");
    bool same = jv_get_int(status, "readyReplicas", 0) == ready && jv_get_int(status, "replicas", 0) == (int64_t)n;
    if (same) l->since_ms = -1;
    else if (l->since_ms < 0) l->since_ms = sim_elapsed_ms(s);
    if (!same && sim_elapsed_ms(s) - l->since_ms > l->longest_ms) l->longest_ms = sim_elapsed_ms(s) - l->since_ms;
}

START_TEST(a_set_says_within_a_second_what_its_instances_say) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim_opts o = sim_opts_default;
    struct lag l = {.since_ms = -1};
    o.decisions.settle_ms = 2000; /* as the manager has it by default */
    o.kubelet.jitter_ms = 3000;
    struct sim *s = sim_new(&o);
    struct jv *g = scenario_group(a, "g", 6, false);
    scenario_apply(s, g);
    scenario_ready(s);
    sim_watch_steps(s, measure_lag, &l);
    jv_set_int(a, scenario_role(g, "worker"), "replicas", 12);
    scenario_apply(s, g);
    scenario_ready(s);
    scenario_image(a, scenario_role(g, "worker"), "engine:2");
    scenario_apply(s, g);
    scenario_ready(s);
    SCENARIO_CHECK(s, l.longest_ms <= 1000, "%lld ms", (long long)l.longest_ms);
    sim_free(s);
}
END_TEST

/* ---- history ---- */

static size_t revisions_of(struct sim *s, enum kind k, const char *name) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **list;
    size_t n = cluster_list(sim_cluster(s), a, KIND_REVISION, &list), count = 0;
    const char *uid = meta_uid(live(s, a, k, name));
    for (size_t i = 0; i < n; i++) count += str_eq(jv_get_str(meta_controller(list[i]), "uid"), uid);
    return count;
}

START_TEST(histories_keep_what_they_say) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *g = scenario_group(a, "g", 1, false);
    struct sim *s = sim_new(&sim_opts_default);
    for (int i = 1; i <= 14; i++) {
        scenario_image(a, scenario_role(g, "worker"), arena_printf(a, "engine:%d", i));
        scenario_apply(s, g);
        scenario_ready(s);
        size_t group = revisions_of(s, KIND_RBG, "g"), set = revisions_of(s, KIND_RIS, "g-worker");
        SCENARIO_CHECK(s, group == (size_t)(i < 5 ? i : 5), "%zu of the group after %d edits", group, i);
        SCENARIO_CHECK(s, set == (size_t)(i < 11 ? i : 11), "%zu of the set after %d edits", set, i); /* 10, and the one in use */
    }
    sim_free(s);
}
END_TEST

TEST_MAIN("sim_instances", in_place_only_touches_no_pod_that_would_have_to_be_made_anew,
          labels_of_a_role_reach_its_instances_without_a_restart, scaling_writes_no_label_of_running_instances,
          a_grace_period_that_is_taken_back_leaves_the_instances, a_misspelt_pattern_is_told_and_nothing_is_done,
          refused_instances_are_told_in_the_status_and_asked_for_again, a_refused_revision_is_told_in_the_status,
          a_set_says_within_a_second_what_its_instances_say, histories_keep_what_they_say)
