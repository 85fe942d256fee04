/* The status of an instance, computed whole from its pods (part D 7). Pure. Conditions that nothing causes any more disappear;
 * those of other writers stay, once. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "controller/core/claim.h"
#include "controller/ri/fresh.h"
#include "controller/ri/world.h"

static bool updated(const struct ri_pass *s, const struct pod *pod) {
    return ri_at_update(s, pod) && str_empty(meta_annotation(pod->doc, A_INPLACE_GRACE));
}

struct totals { int64_t active, updated, desired; bool complete; };

static struct jv *component_status(struct ri_pass *s, size_t component, struct totals *t) {
    int64_t size = 0, ready = 0, upd = 0, scheduled = 0, upd_ready = 0;
    for (size_t i = 0; i < s->w->npods; i++) {
        const struct pod *pod = &s->w->pods[i];
        if (!pod->active || pod->component != (int)component) continue;
        bool up = updated(s, pod);
        size++;
        ready += pod->ready;
        upd += up;
        upd_ready += up && pod->ready;
        scheduled += condition_true(jv_path(pod->doc, "status", "conditions", (char *)0), "PodScheduled");
    }
    t->updated += upd;
    t->desired += ri_size(s->w, component);
    if (upd != ri_size(s->w, component) || upd != size) t->complete = false;
    struct jv *c = jv_new_obj(s->a);
    jv_set_str(s->a, c, "name", s->w->inst.spec.components.items[component].name);
    jv_set_int(s->a, c, "size", size);
    jv_set_int(s->a, c, "readyReplicas", ready);
    jv_set_int(s->a, c, "updatedReplicas", upd);
    jv_set_int(s->a, c, "scheduledReplicas", scheduled);
    jv_set_int(s->a, c, "availableReplicas", ready);
    jv_set_int(s->a, c, "updatedReadyReplicas", upd_ready);
    return c;
}

static struct jv *component_statuses(struct ri_pass *s, struct totals *t) {
    struct jv *list = jv_new_arr(s->a);
    t->complete = true;
    for (size_t i = 0; i < s->w->inst.spec.components.n; i++) jv_push(s->a, list, component_status(s, i, t));
    for (size_t i = 0; i < s->w->npods; i++) t->active += s->w->pods[i].active;
    return list;
}

/* ---- why not ready ---- */

/* Of the first pod, in order, that keeps the instance from being ready, unless one after it has a cause that is known; text NULL
 * when all are ready. *missing: that pod does not exist. */
static struct cause blocking_pod(struct ri_pass *s, bool *missing) {
    struct cause first = {0};
    for (size_t c = 0; c < s->w->inst.spec.components.n; c++) {
        for (int id = 0; id < ri_size(s->w, c); id++) {
            const char *name = ri_pod_name(s, c, id);
            const struct pod *pod = ri_pod(s->w, name);
            if (pod && pod->ready) continue;
            struct cause cause = pod ? pod_cause(s->a, pod, s->told)
                                     : (struct cause){.text = arena_printf(s->a, "pod %s does not exist yet", name)};
            if (first.text && !cause.known) continue;
            if (!first.text) *missing = !pod;
            first = cause;
            if (cause.known) return first;
        }
    }
    return first;
}

/* ---- conditions ---- */

static bool ours(const char *type) {
    static const char *const types[] = {"FailedScale", "FailedUpdate", COND_RI_RESTARTING, COND_RI_FAILED, COND_RI_READY,
                                        COND_RI_ALL_PODS, GATE_RI_INPLACE};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (str_eq(type, types[i])) return true;
    return false;
}

static bool has_in_place_gate(const struct ri_world *w) {
    for (size_t i = 0; i < w->inst.spec.readiness_gates.n; i++)
        if (str_eq(w->inst.spec.readiness_gates.items[i].condition_type, GATE_RI_INPLACE)) return true;
    return false;
}

static void add_ready(struct ri_pass *s, struct jv *list, const struct jv *old, bool in_place, const char *blocker) {
    int64_t now = s->w->w.now_ms;
    if (!in_place)
        condition_put(s->a, list, old, COND_RI_READY, false, "InplaceUpdateNotReady", "pods are being updated", 0, now);
    else if (blocker)
        condition_put(s->a, list, old, COND_RI_READY, false, "PodsNotReady", blocker, 0, now);
    else
        condition_put(s->a, list, old, COND_RI_READY, true, "Ready", NULL, 0, now);
}

/* Its pods may look well, but they are about to go, or will not be trusted again. blocker: what it would be without; NULL:
 * nothing. */
static const char *restart_blocks(const struct ri_pass *s, const char *blocker) {
    const struct restart *r = &s->restart;
    if (r->step == RESTART_GAVE_UP) return r->evidence;
    if (!r->whole || (r->step != RESTART_BEGINS && r->step != RESTART_GOES_ON)) return blocker;
    const char *now = r->step == RESTART_GOES_ON ? blocker : NULL;
    return arena_printf(s->a, "all pods are recreated%s%s: %s", now ? ", now " : "", now ? now : "", r->evidence);
}

static bool pod_missing(struct ri_pass *s) {
    for (size_t c = 0; c < s->w->inst.spec.components.n; c++)
        for (int id = 0; id < ri_size(s->w, c); id++)
            if (!ri_pod(s->w, ri_pod_name(s, c, id))) return true;
    return false;
}

/* Why the API server did not want a pod. What was said of it stays until all pods are there: a manager that has just started does
 * not know it yet. */
static const char *refused_pod(const struct ri_pass *s, const struct jv *old) {
    const struct refusal *r = s->w->w.refused;
    if (r && r->act == ACT_CREATE && r->kind == KIND_POD) return ri_shortened(s->a, r->message);
    const struct jv *before = jv_find(old, "type", "FailedScale");
    bool still = str_eq(jv_get_str(before, "status"), "True") && !str_eq(jv_get_str(before, "reason"), REASON_NAME_TAKEN);
    return still ? jv_get_str(before, "message") : NULL;
}

static struct jv *conditions(struct ri_pass *s, const struct totals *t, bool *ready) {
    const struct jv *old = jv_path(s->w->w.root, "status", "conditions", (char *)0);
    int64_t now = s->w->w.now_ms;
    bool gated = has_in_place_gate(s->w), in_place = !gated || t->complete || s->failed_update, missing = false;
    bool all = !str_eq(s->w->inst.spec.ready_policy, "None");
    if (all) s->cause = blocking_pod(s, &missing);
    if (!s->failed_scale && pod_missing(s)) s->failed_scale = refused_pod(s, old);
    if (s->failed_scale) s->cause = (struct cause){.text = s->failed_scale, .known = strlen(s->failed_scale)};
    const char *blocker = s->cause.text;
    struct jv *list = jv_new_arr(s->a);
    if (s->name_taken) blocker = s->name_taken;
    if (s->updating) blocker = blocker ? blocker : "pods are being updated";
    blocker = restart_blocks(s, blocker);
    *ready = in_place && !blocker;
    const char *reason = s->name_taken ? REASON_NAME_TAKEN : NULL;
    if (s->failed_scale) condition_put(s->a, list, old, "FailedScale", true, reason, s->failed_scale, 0, now);
    if (s->failed_update) condition_put(s->a, list, old, "FailedUpdate", true, "UpdateNotPossible", s->failed_update, 0, now);
    ri_put_restart(s, list, old, *ready);
    add_ready(s, list, old, in_place, blocker);
    if (all)
        condition_put(s->a, list, old, COND_RI_ALL_PODS, !blocker,
                      blocker ? (missing ? NULL : "AtLeastOnePodNotReady") : "PodsReady", blocker ? blocker : "Ready", 0, now);
    if (gated) condition_put(s->a, list, old, GATE_RI_INPLACE, in_place, in_place ? NULL : "StartInPlaceUpdate", NULL, 0, now);
    JV_FOR_ARR(c, old) {
        const char *type = jv_get_str(*c, "type");
        if (!ours(type) && !jv_find(list, "type", type)) jv_push(s->a, list, *c);
    }
    return list;
}

/* ---- when ---- */

/* It has just been made, and nothing is wrong with it: it will be ready soon, which is news enough. */
#define FIRST_STATUS_MS 1000

/* What a person would look for is told at once, but not again as long as it is the same cause. */
static bool cause_is_news(const struct ri_pass *s) {
    return s->cause.known && (!s->told || !strstr(s->told, arena_strndup(s->a, s->cause.text, s->cause.known)));
}

static int64_t status_delay(const struct ri_pass *s, bool news) {
    int64_t settle = RI_SETTLE * s->w->w.opt->settle_ms;
    if (news || cause_is_news(s)) return 0;
    return jv_is_empty(jv_get(s->w->w.root, "status")) && settle > FIRST_STATUS_MS ? FIRST_STATUS_MS : settle;
}

/* ---- the whole ---- */

/* Baselines are of a pod object, not of a name: a pod that is gone takes them along. */
static struct jv *living_baselines(struct ri_pass *s) {
    struct jv *out = jv_new_obj(s->a);
    JV_FOR_OBJ(m, s->baselines) {
        const struct pod *pod = ri_pod(s->w, m->key);
        if (pod && pod->active) jv_add(s->a, out, m->key, m->klen, m->val);
    }
    return jv_len(out) ? out : NULL;
}

static bool turned(const struct jv *old, const struct jv *status, const char *type) {
    return condition_true(jv_get(old, "conditions"), type) != condition_true(jv_get(status, "conditions"), type);
}

/* What the restart policy does is told at once; so is that a new spec has been seen, on which it waits. */
static bool restart_news(const struct ri_pass *s, const struct jv *old, const struct jv *status) {
    static const char *const types[] = {COND_RI_RESTARTING, COND_RI_FAILED};
    if (s->restart.step == RESTART_BEGINS) return true;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (!jv_find(jv_get(old, "conditions"), "type", types[i]) != !jv_find(jv_get(status, "conditions"), "type", types[i]) ||
            turned(old, status, types[i]))
            return true;
    return old && jv_get_int(old, "observedGeneration", 0) != meta_generation(s->w->w.root);
}

/* It was ready, although its first status has not said so yet, and is no longer: the restart policy waits to be told. Where all
 * pods run, it is only the kubelet that has not said yet that they are ready. */
static bool fell_untold(const struct ri_pass *s, bool ready, int64_t wanted) {
    bool down = false;
    if (ready || !ri_is_fresh(s->w->w.root)) return false;
    for (size_t i = 0; i < s->w->npods; i++) {
        if (!pod_was_in_service(s->w->pods[i].doc)) return false;
        down |= !s->w->pods[i].running;
    }
    return down && wanted > 0 && (int64_t)s->w->npods == wanted;
}

void ri_plan_status(struct ri_pass *s) {
    const struct jv *root = s->w->w.root, *old = jv_get(root, "status");
    struct totals t = {0};
    bool ready = false;
    struct jv *status = jv_new_obj(s->a);
    s->told = jv_get_str(jv_find(jv_get(old, "conditions"), "type", COND_RI_READY), "message");
    struct jv *components = component_statuses(s, &t);
    bool converged = t.updated == t.active && t.active == t.desired;
    jv_set_int(s->a, status, "observedGeneration", meta_generation(root));
    jv_set(s->a, status, "conditions", conditions(s, &t, &ready));
    jv_set(s->a, status, "componentStatuses", components);
    jv_set_str(s->a, status, "currentRevision", converged ? s->update : s->current);
    jv_set_str(s->a, status, "updateRevision", s->update);
    jv_set_int(s->a, status, "collisionCount", s->collisions);
    jv_set(s->a, status, "inPlaceUpdateContainerBaselines", living_baselines(s));
    if (s->restart.count > 0) jv_set_int(s->a, status, "restartCount", s->restart.count);
    jv_set_str(s->a, status, "lastRestartTime", s->restart.time);
    bool news = turned(old, status, COND_RI_READY) || turned(old, status, "FailedScale") || turned(old, status, "FailedUpdate") ||
                s->updating ||
                restart_news(s, old, status) || fell_untold(s, ready, t.desired);
    struct action *act = plan_status(s->p, KIND_RI, root, status, status_delay(s, news));
    /* The set sees it from the pods, by the same rules. */
    if (ready && ri_is_fresh(root) && !str_eq(s->w->inst.spec.ready_policy, "None")) action_gives_way(act);
}
