/* What the restart policy of an instance decides, world by world: which pods go, what is counted, how long it waits. The instance
 * is a leader with two workers, all ready; a test changes what it is about. */
#include <string.h>

#include "api/build.h"
#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"
#include "controller/ri/world.h"
#include "docs.h"
#include "testing.h"

#define NOW_MS INT64_C(1790000000000)
#define ALL "g-r-0-0 g-r-0-1 g-r-0-2"

/* ---- a cache of three lists ---- */

struct rig {
    struct arena *a;
    struct jv *ri, *pods, *revisions;
    struct plan plan;
};

static struct jv *get(void *self, struct arena *a, enum kind k, const char *ns, const char *name) {
    struct rig *r = self;
    (void)ns;
    return k == KIND_RI && str_eq(name, meta_name(r->ri)) ? jv_dup(a, r->ri) : NULL;
}

static size_t list(void *self, struct arena *a, enum kind k, const char *index, struct jv ***out) {
    struct rig *r = self;
    struct jv *all = jv_new_arr(a);
    *out = NULL;
    if (*index == '-') return 0; /* all have their owner */
    JV_FOR_ARR(o, k == KIND_POD ? r->pods : r->revisions) jv_push(a, all, source_project(a, k, jv_dup(a, *o)));
    *out = all->items;
    return all->len;
}

static void plan_at(struct rig *r, int64_t now_ms) {
    static const struct options opt = {.scheduler = "scheduler-plugins"};
    const struct source src = {.self = r, .get = get, .list = list};
    struct rctx c = {.a = r->a, .src = &src, .opt = &opt, .now_ms = now_ms};
    const struct world *w = ri_reconciler.observe(&c, &(struct rkey){"default", meta_name(r->ri)});
    ck_assert_ptr_nonnull(w);
    plan_init(&r->plan, r->a);
    ri_reconciler.plan(w, &r->plan);
}

/* ---- what there is ---- */

static struct jv *pod(struct rig *r, int i) {
    return jv_idx(r->pods, (size_t)i);
}

static void condition(struct rig *r, struct jv *object, const char *type, const char *status, const char *reason) {
    struct jv *all = jv_need_arr(r->a, jv_need_obj(r->a, object, "status"), "conditions"), *c = jv_find(all, "type", type);
    if (!c) {
        c = jv_new_obj(r->a);
        jv_push(r->a, all, c);
    }
    jv_set_str(r->a, c, "type", type);
    jv_set_str(r->a, c, "status", status);
    jv_set_str(r->a, c, "lastTransitionTime", "2026-09-21T14:00:00Z");
    jv_set_str(r->a, c, "reason", reason);
}

static void annotate(struct rig *r, struct jv *object, const char *key, const char *value) {
    jv_set_str(r->a, jv_need_obj(r->a, jv_get(object, "metadata"), "annotations"), key, value);
}

static void make_ready(struct rig *r, struct jv *p, int n) {
    static const char *const types[] = {"PodScheduled", "ContainersReady", "Ready", GATE_INPLACE_UPDATE, GATE_INSTANCE_POD};
    jv_set_str(r->a, jv_get(p, "metadata"), "uid", arena_printf(r->a, "uid-%d", n));
    jv_set_str(r->a, jv_need_obj(r->a, p, "status"), "phase", "Running");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) condition(r, p, types[i], "True", NULL);
    jv_set_str(r->a, jv_find(jv_path(p, "status", "conditions", (char *)0), "type", GATE_INSTANCE_POD), "message", "[]");
    jv_set(r->a, jv_get(p, "status"), "containerStatuses",
           doc_json(r->a, "[{\"name\":\"main\",\"image\":\"engine:1\",\"imageID\":\"sha256:1\",\"restartCount\":0,"
                          "\"ready\":true}]"));
}

static void restarted(struct rig *r, int i, int times) {
    struct jv *c = jv_idx(jv_path(pod(r, i), "status", "containerStatuses", (char *)0), 0);
    jv_set_int(r->a, c, "restartCount", times);
    jv_set(r->a, c, "lastState",
           doc_json(r->a, "{\"terminated\":{\"exitCode\":137,\"reason\":\"OOMKilled\",\"finishedAt\":\"2026-09-21T14:13:00Z\"}}"));
}

static void failed(struct rig *r, int i) {
    jv_set_str(r->a, jv_get(pod(r, i), "status"), "phase", "Failed");
    jv_set_str(r->a, jv_get(pod(r, i), "status"), "reason", "Evicted");
    condition(r, pod(r, i), "Ready", "False", NULL);
}

static struct jv *status(struct rig *r) {
    return jv_get(r->ri, "status");
}

static void restarted_before(struct rig *r, int count, int64_t seconds_ago) {
    char at[32];
    jv_set_int(r->a, status(r), "restartCount", count);
    jv_set_str(r->a, status(r), "lastRestartTime", time_rfc3339(NOW_MS - seconds_ago * 1000, at));
}

static void config(struct rig *r, const char *text) {
    jv_set(r->a, jv_get(r->ri, "spec"), "restartPolicyConfig", doc_json(r->a, text));
}

static struct rig setup(struct arena *a) {
    struct rig r = {.a = a, .pods = jv_new_arr(a), .revisions = jv_new_arr(a)};
    r.ri = doc_json(a, "{\"metadata\":{\"name\":\"g-r-0\",\"namespace\":\"default\",\"uid\":\"u\",\"generation\":1,"
                       "\"labels\":{\"" L_ROLE_TYPE
                       "\":\"LeaderWorkerSet\"}},\"spec\":{\"components\":[{\"name\":\"leader\",\"size\":1,"
                       "\"template\":{\"spec\":{\"containers\":"
                       "[{\"name\":\"main\",\"image\":\"engine:1\"}]}}},{\"name\":\"worker\",\"size\":2,"
                       "\"template\":{\"spec\":{\"containers\":"
                       "[{\"name\":\"main\",\"image\":\"engine:1\"}]}}}],\"restartPolicyConfig\":{\"type\":\"" RESTART_RECREATE
                       "\",\"baseDelaySeconds\":30,\"maxDelaySeconds\":600}},\"status\":{\"observedGeneration\":1,"
                       "\"conditions\":[]}}");
    plan_at(&r, NOW_MS); /* the pods and the revision are those that it makes itself */
    for (size_t i = 0; i < r.plan.n; i++) {
        const struct action *w = &r.plan.items[i];
        if (w->act == ACT_CREATE) jv_push(a, w->kind == KIND_POD ? r.pods : r.revisions, jv_dup(a, w->body));
    }
    ck_assert_uint_eq(jv_len(r.pods), 3);
    for (int i = 0; i < 3; i++) make_ready(&r, pod(&r, i), i);
    jv_set_str(a, status(&r), "currentRevision", meta_name(jv_idx(r.revisions, 0)));
    jv_set_str(a, status(&r), "updateRevision", meta_name(jv_idx(r.revisions, 0)));
    condition(&r, r.ri, COND_RI_READY, "True", "Ready");
    return r;
}

/* ---- what is planned ---- */

static const char *names(struct rig *r, enum act act) {
    const char *out = "";
    for (size_t i = 0; i < r->plan.n; i++) {
        const struct action *w = &r->plan.items[i];
        if (w->act == act && w->kind == KIND_POD) out = arena_printf(r->a, "%s%s%s", out, *out ? " " : "", w->name);
    }
    return out;
}

static const char *deletes_at(struct rig *r, int64_t now_ms) {
    plan_at(r, now_ms);
    return names(r, ACT_DELETE);
}

static const char *deletes(struct rig *r) {
    return deletes_at(r, NOW_MS);
}

static size_t place(struct rig *r, enum act act, enum kind k) {
    for (size_t i = 0; i < r->plan.n; i++)
        if (r->plan.items[i].act == act && (act == ACT_BARRIER || r->plan.items[i].kind == k)) return i;
    return SIZE_MAX;
}

/* The status as it is after the plan. */
static struct jv *told(struct rig *r) {
    struct jv *out = jv_dup(r->a, status(r));
    for (size_t i = 0; i < r->plan.n; i++) {
        const struct action *w = &r->plan.items[i];
        if (w->act == ACT_PATCH_STATUS && w->kind == KIND_RI) jv_merge_shallow(r->a, out, jv_get(w->body, "status"));
    }
    return out;
}

static int64_t count(struct rig *r) {
    return jv_get_int(told(r), "restartCount", 0);
}

static const char *condition_of(struct rig *r, const char *type, const char *key) {
    return jv_str(jv_get(jv_find(jv_get(told(r), "conditions"), "type", type), key), "(absent)");
}

static int64_t looks_again(struct rig *r) {
    int64_t soonest = -1;
    for (size_t i = 0; i < r->plan.n; i++)
        if (r->plan.items[i].act == ACT_AFTER && (soonest < 0 || r->plan.items[i].delay_ms < soonest))
            soonest = r->plan.items[i].delay_ms;
    return soonest;
}

/* ---- what is a crash ---- */

START_TEST(a_restarted_container_takes_all_pods_along) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    ck_assert_str_eq(deletes(&r), "");
    restarted(&r, 2, 1);
    ck_assert_str_eq(deletes(&r), ALL);
    ck_assert_int_eq(count(&r), 1);
    ck_assert_str_eq(jv_get_str(told(&r), "lastRestartTime"), "2026-09-21T14:13:20Z");
    ck_assert_str_eq(condition_of(&r, COND_RI_RESTARTING, "reason"), "RestartPolicyTriggered");
    ck_assert_str_eq(condition_of(&r, COND_RI_READY, "status"), "False");
    ck_assert_str_eq(condition_of(&r, COND_RI_FAILED, "status"), "False");
    ck_assert_str_eq(condition_of(&r, COND_RI_FAILED, "message"),
                     "pod g-r-0-2: container main ended with exit code 137 (OOMKilled), at 2026-09-21T14:13:00Z");
}
END_TEST

START_TEST(the_status_is_written_before_the_first_pod_goes) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    failed(&r, 0);
    deletes(&r);
    size_t status_at = place(&r, ACT_PATCH_STATUS, KIND_RI), deleted = place(&r, ACT_DELETE, KIND_POD);
    bool between = false;
    for (size_t i = status_at; i < deleted; i++) between |= r.plan.items[i].act == ACT_BARRIER;
    ck_assert(status_at < deleted && between);
}
END_TEST

START_TEST(a_failed_pod_takes_all_pods_along) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    failed(&r, 1);
    ck_assert_str_eq(deletes(&r), ALL);
    ck_assert_ptr_nonnull(strstr(condition_of(&r, COND_RI_RESTARTING, "message"), "pod g-r-0-1 failed: Evicted"));
}
END_TEST

START_TEST(the_first_of_several_crashes_is_the_evidence) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    restarted(&r, 0, 1);
    restarted(&r, 2, 1);
    jv_set_str(a, jv_path(jv_idx(jv_path(pod(&r, 2), "status", "containerStatuses", (char *)0), 0), "lastState", "terminated",
                          (char *)0),
               "finishedAt", "2026-09-21T14:12:59Z");
    deletes(&r);
    ck_assert_ptr_nonnull(strstr(condition_of(&r, COND_RI_FAILED, "message"), "pod g-r-0-2:"));
}
END_TEST

START_TEST(what_is_no_crash) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    jv_set_str(a, jv_get(pod(&r, 1), "status"), "phase", "Succeeded"); /* which it may */
    jv_set_str(a, jv_get(pod(&r, 1), "spec"), "restartPolicy", "Never");
    ck_assert_str_eq(deletes(&r), "");

    r = setup(a);
    failed(&r, 1); /* deleted from outside, and its containers ended with an error */
    jv_set_str(a, jv_get(pod(&r, 1), "metadata"), "deletionTimestamp", "2026-09-21T14:13:00Z");
    ck_assert_str_eq(deletes(&r), "");

    r = setup(a);
    jv_remove(r.pods, 1);
    ck_assert_str_eq(deletes(&r), "");
    ck_assert_str_eq(names(&r, ACT_CREATE), "g-r-0-1");

    r = setup(a);
    jv_set(a, jv_get(pod(&r, 1), "status"), "initContainerStatuses", doc_json(a, "[{\"name\":\"side\",\"restartCount\":3}]"));
    ck_assert_str_eq(deletes(&r), "");
}
END_TEST

START_TEST(without_the_policy_a_failed_pod_is_replaced_alone) {
    static const char *const configs[] = {"{\"type\":\"None\"}", "{}"};
    for (size_t i = 0; i < 2; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct rig r = setup(a);
        config(&r, configs[i]);
        restarted(&r, 0, 4);
        ck_assert_str_eq(deletes(&r), "");
        failed(&r, 1);
        ck_assert_str_eq(deletes(&r), "g-r-0-1");
        ck_assert_int_eq(count(&r), 1);
        restarted_before(&r, 3, 1); /* the third in a row, a second ago: 40 s lie between it and the next */
        ck_assert_str_eq(deletes(&r), "");
        ck_assert_ptr_nonnull(strstr(condition_of(&r, COND_RI_RESTARTING, "message"), "failed pods are replaced from"));
        ck_assert_str_eq(deletes_at(&r, NOW_MS + 38000), "");
        ck_assert_str_eq(deletes_at(&r, NOW_MS + 40000), "g-r-0-1");
        ck_assert_int_eq(count(&r), 4);
    }
}
END_TEST

START_TEST(the_deprecated_field_is_read_when_there_is_no_type) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    config(&r, "{\"baseDelaySeconds\":5}");
    jv_set_str(a, jv_get(r.ri, "spec"), "restartPolicy", RESTART_RECREATE);
    restarted(&r, 1, 1);
    ck_assert_str_eq(deletes(&r), ALL);
    config(&r, "{\"type\":\"None\"}");
    ck_assert_str_eq(deletes(&r), "");
}
END_TEST

START_TEST(ignored_pods_are_replaced_alone_and_stop_nothing) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    annotate(&r, pod(&r, 1), A_RESTART_TRIGGER, "Ignore");
    restarted(&r, 1, 3);
    ck_assert_str_eq(deletes(&r), "");
    restarted_before(&r, 5, 1);
    failed(&r, 1);
    ck_assert_str_eq(deletes(&r), "g-r-0-1");
    ck_assert_int_eq(count(&r), 5);
    restarted_before(&r, 0, 9999);
    failed(&r, 2);
    ck_assert_str_eq(deletes(&r), ALL);
}
END_TEST

START_TEST(restarts_before_the_first_service_do_not_count) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    for (int i = 0; i < 3; i++) condition(&r, pod(&r, i), GATE_INSTANCE_POD, "False", NULL);
    condition(&r, r.ri, COND_RI_READY, "False", "PodsNotReady");
    restarted(&r, 1, 2);
    ck_assert_str_eq(deletes(&r), "");
    /* It is written down before the pod goes into service, not together with that. */
    const char *patched = names(&r, ACT_PATCH);
    ck_assert_str_eq(patched, "g-r-0-1");
    annotate(&r, pod(&r, 1), A_RESTART_BASELINE, "{\"main\":2}");
    ck_assert_str_eq(deletes(&r), "");
    ck_assert_str_eq(names(&r, ACT_PATCH), "");
    for (int i = 0; i < 3; i++) condition(&r, pod(&r, i), GATE_INSTANCE_POD, "True", NULL);
    ck_assert_str_eq(deletes(&r), "");
    restarted(&r, 1, 3);
    ck_assert_str_eq(deletes(&r), ALL);
}
END_TEST

START_TEST(a_crash_that_already_took_the_instance_out_of_service_counts) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    condition(&r, r.ri, COND_RI_READY, "False", "PodsNotReady");
    for (int i = 0; i < 3; i++) condition(&r, pod(&r, i), GATE_INSTANCE_POD, "False", "InstanceNotReady");
    restarted(&r, 0, 1);
    ck_assert_str_eq(deletes(&r), ALL);
}
END_TEST

START_TEST(an_update_in_place_is_no_crash_but_one_after_it_is) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    annotate(&r, pod(&r, 1), A_INPLACE_STATE, "{\"lastContainerStatuses\":{\"main\":{\"imageID\":\"sha256:0\"}}}");
    restarted(&r, 1, 1);
    ck_assert_str_eq(deletes(&r), ""); /* the status with the baseline was lost */
    jv_set(a, status(&r), "inPlaceUpdateContainerBaselines",
           doc_json(a, "{\"g-r-0-1\":{\"main\":{\"restartCount\":5,\"imageID\":\"sha256:1\"}}}"));
    restarted(&r, 1, 6);
    ck_assert_str_eq(deletes(&r), "");
    restarted(&r, 1, 7);
    ck_assert_str_eq(deletes(&r), ALL);
    condition(&r, pod(&r, 1), GATE_INPLACE_UPDATE, "False", "StartInPlaceUpdate");
    ck_assert_str_eq(deletes(&r), "");
    restarted(&r, 2, 1); /* its sibling still counts */
    ck_assert_str_eq(deletes(&r), ALL);
}
END_TEST

START_TEST(the_baseline_of_an_earlier_pod_excuses_nothing) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    jv_set(a, status(&r), "inPlaceUpdateContainerBaselines",
           doc_json(a, "{\"g-r-0-1\":{\"main\":{\"restartCount\":0,\"imageID\":\"sha256:0\"}}}"));
    restarted(&r, 1, 1);
    ck_assert_str_eq(deletes(&r), ALL);
}
END_TEST

START_TEST(an_update_on_its_way_is_no_time_for_it) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    restarted(&r, 1, 1);
    jv_set_int(a, jv_get(r.ri, "metadata"), "generation", 2);
    ck_assert_str_eq(deletes(&r), "");
    jv_set_int(a, status(&r), "observedGeneration", 2);
    jv_set_str(a, status(&r), "updateRevision", "g-r-0-older");
    ck_assert_str_eq(deletes(&r), "");
    jv_set_str(a, status(&r), "updateRevision", jv_get_str(status(&r), "currentRevision"));
    ck_assert_str_eq(deletes(&r), ALL);
}
END_TEST

/* ---- how long it waits ---- */

START_TEST(delays_double_up_to_the_longest) {
    static const struct { int64_t n, base, max, want; } rows[] = {
        {0, 30, 600, 0}, {1, 30, 600, 30}, {2, 30, 600, 60}, {3, 30, 600, 120}, {4, 30, 600, 240}, {5, 30, 600, 480},
        {6, 30, 600, 600},
        {62, 30, 600, 600}, {INT32_MAX, 30, 600, 600}, {5, 10, 0, 160}, {60, 10, 0, INT32_MAX}, {3, -1, 600, 0}, {3, 0, 0, 0},
        {9, 0, 600, 0}, {1, INT32_MAX, INT32_MAX, INT32_MAX},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_int_eq(ri_restart_delay_s(rows[i].n, rows[i].base, rows[i].max), rows[i].want);
}
END_TEST

START_TEST(nothing_is_touched_until_the_backoff_has_passed) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    restarted_before(&r, 3, 100);
    failed(&r, 1);
    jv_remove(r.pods, 2); /* and it is not made again */
    ck_assert_str_eq(deletes(&r), "");
    ck_assert_str_eq(names(&r, ACT_CREATE), "");
    ck_assert_int_eq(looks_again(&r), 20000);
    ck_assert_str_eq(condition_of(&r, COND_RI_RESTARTING, "status"), "False");
    ck_assert_str_eq(condition_of(&r, COND_RI_RESTARTING, "reason"), "BackOff");
    ck_assert_ptr_nonnull(strstr(condition_of(&r, COND_RI_RESTARTING, "message"),
                                 "from 2026-09-21T14:13:40Z on: pod g-r-0-1 failed"));
    const char *before = json_text(a, told(&r));
    plan_at(&r, NOW_MS + 7777);
    ck_assert_str_eq(condition_of(&r, COND_RI_RESTARTING, "message"),
                     jv_get_str(jv_find(jv_get(doc_json(a, before), "conditions"), "type", COND_RI_RESTARTING), "message"));
    ck_assert_str_eq(deletes_at(&r, NOW_MS + 20000), "g-r-0-0 g-r-0-1");
    ck_assert_int_eq(count(&r), 4);
}
END_TEST

START_TEST(counting_starts_over_after_a_quiet_time) {
    static const struct { const char *config; int count, ago, want; } rows[] = {
        {"{\"baseDelaySeconds\":30,\"maxDelaySeconds\":600}", 5, 900, 6},
        {"{\"baseDelaySeconds\":30,\"maxDelaySeconds\":600}", 5, 1500, 1},
        {"{\"baseDelaySeconds\":1,\"maxDelaySeconds\":10}", 5, 660, 1},
        {"{\"baseDelaySeconds\":1,\"maxDelaySeconds\":10}", 5, 300, 6},
        {"{\"baseDelaySeconds\":1,\"maxDelaySeconds\":0}", 5, 660, 1},
        {"{\"baseDelaySeconds\":30,\"maxDelaySeconds\":1000}", 10, 1800, 11},
        {"{\"baseDelaySeconds\":30,\"maxDelaySeconds\":1000}", 10, 2100, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct rig r = setup(a);
        config(&r, rows[i].config);
        jv_set_str(a, jv_path(r.ri, "spec", "restartPolicyConfig", (char *)0), "type", RESTART_RECREATE);
        restarted_before(&r, rows[i].count, rows[i].ago);
        restarted(&r, 1, 1);
        ck_assert_str_eq(deletes(&r), ALL);
        ck_assert_int_eq(count(&r), rows[i].want);
    }
}
END_TEST

START_TEST(no_delays_mean_no_backoff) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    config(&r, "{\"type\":\"" RESTART_RECREATE "\",\"baseDelaySeconds\":0,\"maxDelaySeconds\":0}");
    restarted_before(&r, 9, 0);
    restarted(&r, 1, 1);
    ck_assert_str_eq(deletes(&r), ALL);
}
END_TEST

START_TEST(a_clock_that_was_set_back_waits_no_longer_than_the_delay) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    restarted_before(&r, 1, -3600);
    restarted(&r, 1, 1);
    ck_assert_str_eq(deletes(&r), "");
    ck_assert_int_eq(looks_again(&r), 30000);
}
END_TEST

/* ---- before the instance was ever ready ---- */

static struct rig fails_at_the_start(struct arena *a) {
    struct rig r = setup(a);
    for (int i = 0; i < 3; i++) condition(&r, pod(&r, i), GATE_INSTANCE_POD, "False", NULL);
    condition(&r, r.ri, COND_RI_READY, "False", "PodsNotReady");
    failed(&r, 1);
    return r;
}

START_TEST(a_pod_that_fails_at_the_start_is_replaced_alone_with_backoff) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = fails_at_the_start(a);
    ck_assert_str_eq(deletes(&r), "g-r-0-1");
    ck_assert_int_eq(count(&r), 1);
    ck_assert_str_eq(condition_of(&r, COND_RI_RESTARTING, "status"), "(absent)");
    ck_assert_str_eq(condition_of(&r, COND_RI_FAILED, "reason"), "PodsReplaced");
    /* The next one waits, while the rest goes on. */
    jv_set(a, r.ri, "status", told(&r));
    jv_remove(r.pods, 2);
    ck_assert_str_eq(deletes_at(&r, NOW_MS + 10000), "");
    ck_assert_str_eq(names(&r, ACT_CREATE), "g-r-0-2");
    ck_assert_int_eq(looks_again(&r), 20000);
    ck_assert_str_eq(deletes_at(&r, NOW_MS + 30000), "g-r-0-1");
    ck_assert_int_eq(count(&r), 2);
}
END_TEST

START_TEST(a_pod_that_fails_after_a_recreation_takes_all_along_again) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = fails_at_the_start(a);
    restarted_before(&r, 1, 60);
    ck_assert_str_eq(deletes(&r), ALL);
    restarted_before(&r, 1, 1300);
    ck_assert_str_eq(deletes(&r), "g-r-0-1"); /* too long ago to have to do with it */
}
END_TEST

/* ---- carrying it out ---- */

static void under_way(struct rig *r) {
    restarted(r, 1, 1);
    deletes(r);
    jv_set(r->a, r->ri, "status", told(r));
}

START_TEST(a_new_process_goes_on_and_counts_once) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    under_way(&r);
    jv_set_str(a, jv_get(pod(&r, 0), "metadata"), "deletionTimestamp", "2026-09-21T14:13:21Z");
    jv_remove(r.pods, 1); /* the crashed one is gone already */
    ck_assert_str_eq(deletes_at(&r, NOW_MS + 1000), "g-r-0-2");
    ck_assert_str_eq(names(&r, ACT_CREATE), "");
    ck_assert_int_eq(count(&r), 1);
    ck_assert_str_eq(condition_of(&r, COND_RI_RESTARTING, "status"), "True");
}
END_TEST

START_TEST(new_pods_are_made_when_all_old_ones_are_gone) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    under_way(&r);
    r.pods = jv_new_arr(a);
    ck_assert_str_eq(deletes_at(&r, NOW_MS + 2000), "");
    ck_assert_str_eq(names(&r, ACT_CREATE), ALL);
    for (size_t i = 0; i < r.plan.n; i++)
        if (r.plan.items[i].act == ACT_CREATE) jv_push(a, r.pods, jv_dup(a, r.plan.items[i].body));
    for (int i = 0; i < 3; i++) {
        make_ready(&r, pod(&r, i), 10 + i);
        ck_assert_str_eq(meta_annotation(pod(&r, i), A_RESTART_ID), "1/2026-09-21T14:13:20Z");
        condition(&r, pod(&r, i), "Ready", "False", NULL);
    }
    plan_at(&r, NOW_MS + 3000);
    ck_assert_str_eq(names(&r, ACT_DELETE), "");
    ck_assert_str_eq(condition_of(&r, COND_RI_RESTARTING, "status"), "True");
    for (int i = 0; i < 3; i++) condition(&r, pod(&r, i), "Ready", "True", NULL);
    plan_at(&r, NOW_MS + 4000);
    ck_assert_str_eq(condition_of(&r, COND_RI_RESTARTING, "status"), "(absent)");
    ck_assert_str_eq(condition_of(&r, COND_RI_READY, "status"), "True");
    ck_assert_int_eq(count(&r), 1);
}
END_TEST

START_TEST(a_recreation_that_the_reference_began_is_left_to_end) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    restarted_before(&r, 2, 5);
    condition(&r, r.ri, COND_RI_READY, "False", "PodsNotReady");
    condition(&r, r.ri, COND_RI_RESTARTING, "True", "RestartPolicyTriggered");
    ck_assert_str_eq(deletes(&r), "");
    ck_assert_str_eq(condition_of(&r, COND_RI_RESTARTING, "status"), "(absent)"); /* all pods are ready */
}
END_TEST

/* ---- giving up ---- */

static struct rig at_the_limit(struct arena *a) {
    struct rig r = setup(a);
    config(&r, "{\"type\":\"" RESTART_RECREATE "\",\"maxRestarts\":2}");
    restarted_before(&r, 2, 500);
    condition(&r, r.ri, COND_RI_FAILED, "False", "Restarted");
    jv_set_str(a, jv_find(jv_get(status(&r), "conditions"), "type", COND_RI_FAILED), "message", "the very first");
    return r;
}

START_TEST(at_the_limit_it_gives_up_with_the_first_failure) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = at_the_limit(a);
    ck_assert_str_eq(deletes(&r), "");
    restarted(&r, 1, 1);
    ck_assert_str_eq(deletes(&r), "");
    ck_assert_str_eq(condition_of(&r, COND_RI_FAILED, "status"), "True");
    ck_assert_str_eq(condition_of(&r, COND_RI_FAILED, "reason"), "RestartLimitExceeded");
    const char *message = condition_of(&r, COND_RI_FAILED, "message");
    ck_assert_msg(strstr(message, "First failure: the very first. Latest: pod g-r-0-1"), "%s", message);
    ck_assert_str_eq(condition_of(&r, COND_RI_READY, "status"), "False");
    size_t events = 0;
    for (size_t i = 0; i < r.plan.n; i++) events += str_eq(r.plan.items[i].reason, "RestartLimitExceeded");
    ck_assert_uint_eq(events, 1);
    /* And it stays so, quietly, whatever becomes of the pods. */
    jv_set(a, r.ri, "status", told(&r));
    restarted(&r, 1, 0);
    jv_remove(r.pods, 2);
    ck_assert_str_eq(deletes_at(&r, NOW_MS + INT64_C(86400000)), "");
    ck_assert_str_eq(names(&r, ACT_CREATE), "");
    ck_assert_uint_eq(place(&r, ACT_EVENT, KIND_NONE), SIZE_MAX);
    ck_assert_str_eq(condition_of(&r, COND_RI_FAILED, "message"), message);
}
END_TEST

START_TEST(a_changed_spec_starts_over) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = at_the_limit(a);
    restarted(&r, 1, 1);
    deletes(&r);
    jv_set(a, r.ri, "status", told(&r));
    config(&r, "{\"type\":\"" RESTART_RECREATE "\",\"maxRestarts\":3}");
    jv_set_int(a, jv_get(r.ri, "metadata"), "generation", 2);
    ck_assert_str_eq(deletes(&r), "");
    ck_assert_str_eq(condition_of(&r, COND_RI_FAILED, "status"), "(absent)");
    struct jv *now = told(&r);
    ck_assert(!jv_get(now, "restartCount") || jv_is(jv_get(now, "restartCount"), J_NULL));
    jv_del(now, "restartCount");
    jv_set(a, r.ri, "status", now);
    ck_assert_str_eq(deletes(&r), ALL);
    ck_assert_int_eq(count(&r), 1);
}
END_TEST

START_TEST(a_limit_of_none_gives_up_at_the_first_crash) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rig r = setup(a);
    config(&r, "{\"type\":\"" RESTART_RECREATE "\",\"maxRestarts\":0}");
    restarted(&r, 1, 1);
    ck_assert_str_eq(deletes(&r), "");
    ck_assert_str_eq(condition_of(&r, COND_RI_FAILED, "status"), "True");
}
END_TEST

TEST_MAIN("controller_restart", a_restarted_container_takes_all_pods_along, the_status_is_written_before_the_first_pod_goes,
          a_failed_pod_takes_all_pods_along, the_first_of_several_crashes_is_the_evidence, what_is_no_crash,
          without_the_policy_a_failed_pod_is_replaced_alone, the_deprecated_field_is_read_when_there_is_no_type,
          ignored_pods_are_replaced_alone_and_stop_nothing, restarts_before_the_first_service_do_not_count,
          a_crash_that_already_took_the_instance_out_of_service_counts, an_update_in_place_is_no_crash_but_one_after_it_is,
          the_baseline_of_an_earlier_pod_excuses_nothing, an_update_on_its_way_is_no_time_for_it, delays_double_up_to_the_longest,
          nothing_is_touched_until_the_backoff_has_passed, counting_starts_over_after_a_quiet_time, no_delays_mean_no_backoff,
          a_clock_that_was_set_back_waits_no_longer_than_the_delay, a_pod_that_fails_at_the_start_is_replaced_alone_with_backoff,
          a_pod_that_fails_after_a_recreation_takes_all_along_again, a_new_process_goes_on_and_counts_once,
          new_pods_are_made_when_all_old_ones_are_gone, a_recreation_that_the_reference_began_is_left_to_end,
          at_the_limit_it_gives_up_with_the_first_failure, a_changed_spec_starts_over, a_limit_of_none_gives_up_at_the_first_crash)
