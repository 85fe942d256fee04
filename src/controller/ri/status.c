/* The status of an instance, computed whole from its pods (part D 7). Pure. Conditions that nothing causes any more disappear;
 * those of other writers stay, once. */
#include "api/names.h"
#include "base/str.h"
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

static const char *waiting_container(struct arena *a, const struct jv *pod) {
    JV_FOR_ARR(c, jv_path(pod, "status", "containerStatuses", (char *)0)) {
        const struct jv *w = jv_path(*c, "state", "waiting", (char *)0);
        const char *reason = jv_get_str(w, "reason");
        if (!reason || str_eq(reason, "ContainerCreating") || str_eq(reason, "PodInitializing")) continue;
        return arena_printf(a, "container %s: %s: %.200s", jv_str(jv_get(*c, "name"), "?"), reason,
                            jv_str(jv_get(w, "message"), ""));
    }
    return NULL;
}

/* In one line, what a person would look for first. */
static const char *why_not_ready(struct arena *a, const struct pod *pod) {
    const struct jv *conditions = jv_path(pod->doc, "status", "conditions", (char *)0);
    const struct jv *scheduled = jv_find(conditions, "type", "PodScheduled");
    const char *container = waiting_container(a, pod->doc);
    if (pod->terminating) return arena_printf(a, "pod %s is terminating", pod->name);
    if (pod->failed)
        return arena_printf(a, "pod %s failed: %.200s", pod->name,
                            jv_str(jv_path(pod->doc, "status", "reason", (char *)0), "Error"));
    if (str_eq(jv_get_str(scheduled, "status"), "False"))
        return arena_printf(a, "pod %s waits for a node: %.200s", pod->name, jv_str(jv_get(scheduled, "message"), "unschedulable"));
    if (container) return arena_printf(a, "pod %s: %s", pod->name, container);
    if (!pod->in_place_done) return arena_printf(a, "pod %s is being updated in place", pod->name);
    if (!condition_true(conditions, "ContainersReady")) return arena_printf(a, "the containers of pod %s are not ready", pod->name);
    return arena_printf(a, "pod %s is not ready", pod->name);
}

/* The first pod, in order, that keeps the instance from being ready; NULL when all are. *missing: it does not exist. */
static const char *blocking_pod(struct ri_pass *s, bool *missing) {
    for (size_t c = 0; c < s->w->inst.spec.components.n; c++) {
        for (int id = 0; id < ri_size(s->w, c); id++) {
            const char *name = ri_pod_name(s, c, id);
            const struct pod *pod = ri_pod(s->w, name);
            *missing = !pod;
            if (!pod) return arena_printf(s->a, "pod %s does not exist yet", name);
            if (!pod->ready) return why_not_ready(s->a, pod);
        }
    }
    return NULL;
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

static struct jv *conditions(struct ri_pass *s, const struct totals *t, bool *ready) {
    const struct jv *old = jv_path(s->w->w.root, "status", "conditions", (char *)0);
    int64_t now = s->w->w.now_ms;
    bool gated = has_in_place_gate(s->w), in_place = !gated || t->complete, missing = false;
    bool all = !str_eq(s->w->inst.spec.ready_policy, "None");
    const char *blocker = all ? blocking_pod(s, &missing) : NULL;
    struct jv *list = jv_new_arr(s->a);
    if (s->updating) blocker = blocker ? blocker : "pods are being updated";
    blocker = restart_blocks(s, blocker);
    *ready = in_place && !blocker;
    if (s->failed_scale) condition_put(s->a, list, old, "FailedScale", true, NULL, s->failed_scale, 0, now);
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

/* It was ready, although its first status has not said so yet, and is no longer: the restart policy waits to be told. */
static bool fell_untold(const struct ri_pass *s, bool ready, int64_t wanted) {
    if (ready || !ri_is_fresh(s->w->w.root)) return false;
    for (size_t i = 0; i < s->w->npods; i++)
        if (!pod_was_in_service(s->w->pods[i].doc)) return false;
    return wanted > 0 && (int64_t)s->w->npods == wanted;
}

void ri_plan_status(struct ri_pass *s) {
    const struct jv *root = s->w->w.root, *old = jv_get(root, "status");
    struct totals t = {0};
    bool ready = false;
    struct jv *status = jv_new_obj(s->a);
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
    bool news = turned(old, status, COND_RI_READY) || turned(old, status, "FailedScale") || s->updating ||
                restart_news(s, old, status) || fell_untold(s, ready, t.desired);
    struct action *act = plan_status(s->p, KIND_RI, root, status, news ? 0 : RI_SETTLE * s->w->w.opt->settle_ms);
    /* The set sees it from the pods, by the same rules. */
    if (ready && ri_is_fresh(root) && !str_eq(s->w->inst.spec.ready_policy, "None")) action_gives_way(act);
}
