/* The restart policy: one pod crashed, so all of the instance's pods are deleted and made anew (part D 9). Pure.
 *
 * All that it knows from before is in the status: how often and when the instance was recreated, and in two conditions whether
 * that is still going on and what the first failure of the row was. The status is written before the first pod is deleted. A
 * pod that is made afterwards carries the number and the time of the recreation in an annotation; one that carries another is
 * of before, and goes. So a manager that dies at any point neither forgets a recreation nor begins it twice, and no two clocks
 * are compared.
 *
 * A pod that failed before it was ever in service, with no recreation shortly before, is replaced alone; that counts and waits
 * alike. So does every pod that failed under policy None, or it would be replaced as fast as it can fail. */
#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"
#include "controller/ri/world.h"

/* Under policy None a failed pod is replaced alone, at first at once, then as a kubelet starts a crashing container again. */
#define ALONE_BASE_S 10
#define ALONE_MAX_S 300
#define STABLE_MIN_S 600 /* part D 9.5: so long without a recreation, and counting starts over; or twice the longest delay */

int64_t ri_restart_delay_s(int64_t n, int64_t base, int64_t max) {
    int64_t cap = max > 0 ? max : INT32_MAX, d = base;
    if (base <= 0 || n <= 0) return 0;
    for (int64_t i = 1; i < n && d < cap; i++) d *= 2;
    return d < cap ? d : cap;
}

static const struct jv *old_status(const struct ri_pass *s) {
    return jv_get(s->w->w.root, "status");
}

static const struct jv *old_condition(const struct ri_pass *s, const char *type) {
    return jv_find(jv_get(old_status(s), "conditions"), "type", type);
}

bool ri_recreates(const struct ri_pass *s) {
    return str_eq(ri_restart(&s->w->inst.spec).type, RESTART_RECREATE);
}

static struct restart_effective policy(const struct ri_pass *s) {
    static const struct restart_effective alone = {.type = "None", .base = ALONE_BASE_S, .max = ALONE_MAX_S};
    return ri_recreates(s) ? ri_restart(&s->w->inst.spec) : alone;
}

/* No update is on its way: what crashes now crashes by itself. */
static bool settled(const struct ri_pass *s) {
    const struct jv *status = old_status(s);
    return str_eq(jv_get_str(status, "currentRevision"), s->update) && str_eq(jv_get_str(status, "updateRevision"), s->update);
}

static bool observed(const struct ri_pass *s) {
    return jv_get_int(old_status(s), "observedGeneration", 0) >= meta_generation(s->w->w.root);
}

/* ---- the row of recreations so far ---- */

struct row {
    struct restart_effective policy;
    int64_t since_ms; /* since the latest one; -1: there was none */
    bool recent;      /* so short a time ago that the next one is counted on */
};

static struct row row_so_far(const struct ri_pass *s) {
    struct row r = {.policy = policy(s), .since_ms = -1};
    int64_t at, stable = 2 * (int64_t)r.policy.max > STABLE_MIN_S ? 2 * (int64_t)r.policy.max : STABLE_MIN_S;
    if (!s->restart.time || time_parse_rfc3339(s->restart.time, &at)) return r;
    r.since_ms = s->w->w.now_ms > at ? s->w->w.now_ms - at : 0;
    r.recent = r.since_ms <= stable * 1000;
    return r;
}

static bool recent_whole(const struct ri_pass *s, const struct row *r) {
    return r->recent && !str_eq(jv_get_str(old_condition(s, COND_RI_FAILED), "reason"), "PodsReplaced");
}

static int64_t wait_ms(const struct ri_pass *s, const struct row *r) {
    if (r->since_ms < 0) return 0;
    int64_t left = ri_restart_delay_s(s->restart.count, r->policy.base, r->policy.max) * 1000 - r->since_ms;
    return left > 0 ? left : 0;
}

/* ---- deciding ---- */

const char *ri_restart_id(const struct ri_pass *s) {
    if (s->restart.count <= 0 || !s->restart.time) return NULL;
    return arena_printf(s->a, "%lld/%s", (long long)s->restart.count, s->restart.time);
}

/* Is a recreation of ours on its way whose old pods are still there? The reference leaves no condition Failed. */
static bool goes_on(const struct ri_pass *s) {
    const char *id = ri_restart_id(s);
    if (!id || !str_eq(jv_get_str(old_condition(s, COND_RI_RESTARTING), "status"), "True") || !old_condition(s, COND_RI_FAILED))
        return false;
    for (size_t i = 0; i < s->w->npods; i++)
        if (!str_eq(meta_annotation(s->w->pods[i].doc, A_RESTART_ID), id)) return true;
    return false;
}

bool ri_restart_decides(const struct ri_pass *s, const struct pod *pod) {
    if (pod->terminating || !ri_at_update(s, pod)) return false;
    return ri_recreates(s) ? !pod_exempt(pod->doc) : pod->failed;
}

/* The first crash of those that there are; whether one of them takes the whole instance along. */
static bool find_crash(struct ri_pass *s, const struct row *row, struct crash *first, bool *whole) {
    bool calm = settled(s), was_up = condition_true(jv_get(old_status(s), "conditions"), COND_RI_READY) || recent_whole(s, row);
    for (size_t i = 0; i < s->w->npods; i++) {
        const struct pod *pod = &s->w->pods[i];
        struct crash c;
        if (!ri_restart_decides(s, pod) || (!pod->failed && !calm) || !ri_crashed(s, pod, &c)) continue;
        *whole |= ri_recreates(s) && calm && (was_up || pod_was_in_service(pod->doc));
        if (!first->pod || c.ms < first->ms) *first = c;
    }
    return first->pod != NULL;
}

static void give_up(struct ri_pass *s, const struct row *row, const char *latest) {
    const struct jv *failed = old_condition(s, COND_RI_FAILED);
    const char *first = row->recent ? jv_get_str(failed, "message") : NULL;
    s->restart.step = RESTART_GAVE_UP;
    s->restart.evidence = arena_printf(s->a, "restartPolicyConfig.maxRestarts (%d) is reached: change the spec, or delete the "
                                       "instance, to start over. First failure: %s%s%s", (int)row->policy.limit.v,
                                       first ? first : latest, first ? ". Latest: " : "", first ? latest : "");
}

static void begin(struct ri_pass *s, const struct row *row, const char *evidence) {
    char now[32];
    s->restart.step = RESTART_BEGINS;
    s->restart.first = row->recent ? jv_get_str(old_condition(s, COND_RI_FAILED), "message") : NULL;
    if (!s->restart.first) s->restart.first = evidence;
    s->restart.count = (row->recent ? s->restart.count : 0) + 1;
    s->restart.time = arena_strdup(s->a, time_rfc3339(s->w->w.now_ms, now));
}

static void decide(struct ri_pass *s) {
    struct crash first = {0};
    struct row row = row_so_far(s);
    if (!find_crash(s, &row, &first, &s->restart.whole)) return;
    int64_t wait = wait_ms(s, &row);
    s->restart.evidence = first.text;
    if (row.policy.limit.set && (row.recent ? s->restart.count : 0) >= row.policy.limit.v) {
        give_up(s, &row, first.text);
    } else if (wait) {
        s->restart.step = RESTART_WAITS;
        s->restart.wait_ms = wait;
    } else {
        begin(s, &row, first.text);
    }
}

void ri_decide_restart(struct ri_pass *s) {
    const struct jv *failed = old_condition(s, COND_RI_FAILED);
    bool gave_up = str_eq(jv_get_str(failed, "status"), "True");
    s->restart.count = jv_get_int(old_status(s), "restartCount", 0);
    s->restart.time = jv_get_str(old_status(s), "lastRestartTime");
    s->restart.first = jv_get_str(failed, "message");
    if (goes_on(s)) {
        s->restart.step = RESTART_GOES_ON;
        s->restart.whole = true;
        s->restart.evidence = jv_str(jv_get(old_condition(s, COND_RI_RESTARTING), "message"), "a pod crashed");
    } else if (gave_up && ri_recreates(s) && observed(s) && settled(s)) {
        s->restart.step = RESTART_GAVE_UP;
        s->restart.evidence = jv_str(jv_get(failed, "message"), "maxRestarts is reached");
    } else if (gave_up) {
        s->restart.count = 0;
        s->restart.first = NULL;
    } else if (observed(s)) {
        decide(s);
    }
}

/* ---- carrying out ---- */

static bool goes(const struct ri_pass *s, const struct pod *pod) {
    if (pod->terminating) return false;
    if (!s->restart.whole) return pod->failed && ri_restart_decides(s, pod);
    return s->restart.step == RESTART_BEGINS || !str_eq(meta_annotation(pod->doc, A_RESTART_ID), ri_restart_id(s));
}

void ri_plan_restart(struct ri_pass *s) {
    ri_plan_status(s);
    plan_barrier(s->p);
    if (s->restart.step == RESTART_BEGINS)
        plan_event(s->p, "Warning", "ReCreateInstance", "%s (restartCount=%lld): %s",
                   s->restart.whole ? "Recreating all pods" : "Replacing failed pods", (long long)s->restart.count,
                   s->restart.evidence);
    for (size_t i = 0; i < s->w->npods; i++)
        if (goes(s, &s->w->pods[i])) ri_delete_pod(s, &s->w->pods[i], s->restart.whole ? "the instance is recreated" : "it failed");
}

void ri_plan_give_up(struct ri_pass *s) {
    if (!str_eq(jv_get_str(old_condition(s, COND_RI_FAILED), "status"), "True")) {
        plan_barrier(s->p);
        plan_event(s->p, "Warning", "RestartLimitExceeded", "%s", s->restart.evidence);
    }
}

/* ---- the conditions ---- */

/* True from the recreation until the instance is ready again; False while one waits for its backoff. */
static void put_restarting(struct ri_pass *s, struct jv *list, const struct jv *old, bool ready) {
    const struct restart *r = &s->restart;
    const struct jv *before = jv_find(old, "type", COND_RI_RESTARTING);
    bool was = str_eq(jv_get_str(before, "status"), "True");
    int64_t now = s->w->w.now_ms;
    char at[32];
    if (r->whole && (r->step == RESTART_BEGINS || r->step == RESTART_GOES_ON))
        condition_put(s->a, list, old, COND_RI_RESTARTING, true, "RestartPolicyTriggered", r->evidence, 0, now);
    else if (r->step == RESTART_WAITS)
        condition_put(s->a, list, old, COND_RI_RESTARTING, false, "BackOff",
                      arena_printf(s->a, "%s from %s on: %s", r->whole ? "the instance is recreated" : "failed pods are replaced",
                                   time_rfc3339(now + r->wait_ms, at), r->evidence), 0, now);
    else if (was && !ready && r->step == RESTART_NONE)
        condition_put(s->a, list, old, COND_RI_RESTARTING, true, "RestartPolicyTriggered", jv_get_str(before, "message"), 0, now);
}

/* Its message is what the row of recreations began with; True when there will be no more of them. */
static void put_failed(struct ri_pass *s, struct jv *list, const struct jv *old) {
    const struct restart *r = &s->restart;
    const char *reason = jv_get_str(jv_find(old, "type", COND_RI_FAILED), "reason");
    if (r->step == RESTART_BEGINS) reason = r->whole ? "Restarted" : "PodsReplaced";
    if (r->step == RESTART_GAVE_UP)
        condition_put(s->a, list, old, COND_RI_FAILED, true, "RestartLimitExceeded", r->evidence, 0, s->w->w.now_ms);
    else if (r->count > 0 && r->first)
        condition_put(s->a, list, old, COND_RI_FAILED, false, reason, r->first, 0, s->w->w.now_ms);
}

void ri_put_restart(struct ri_pass *s, struct jv *list, const struct jv *old, bool ready) {
    put_restarting(s, list, old, ready);
    put_failed(s, list, old);
}
