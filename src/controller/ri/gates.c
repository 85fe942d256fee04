/* The two conditions behind the readiness gates of every pod (part D 7.6): InPlaceUpdateReady, true when no in-place update is
 * on its way, and InstancePodReady, true when no existing sibling is broken. Both go out in one patch. The pod's own Ready follows
 * from them, but it is the kubelet's to say: it keeps what it said last, and writes that over anybody else's. Pure. */
#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"
#include "controller/ri/world.h"

#define KEY_AGENT "Lifecycle"
#define KEY_NAME "InstanceReady"

struct jv *pod_condition(struct arena *a, const char *type, bool status, const char *reason, const char *message, int64_t now_ms) {
    char now[32];
    struct jv *c = jv_new_obj(a);
    jv_set_str(a, c, "type", type);
    jv_set_str(a, c, "status", status ? "True" : "False");
    jv_set_str(a, c, "lastTransitionTime", time_rfc3339(now_ms, now));
    jv_set(a, c, "reason", reason ? jv_new_str(a, reason) : jv_null(a));
    jv_set(a, c, "message", message ? jv_new_str(a, message) : jv_null(a));
    return c;
}

bool pod_has_gate(const struct jv *pod, const char *type) {
    return jv_find(jv_path(pod, "spec", "readinessGates", (char *)0), "conditionType", type) != NULL;
}

/* The message of InstancePodReady lists who holds the pod back: a JSON array of {userAgent, key}. Ours is added or removed, others
 * stay. */
static const char *keys_message(struct arena *a, const struct jv *old, bool hold) {
    const char *text = jv_get_str(old, "message");
    struct err ignored = ERR_INIT;
    const struct jv *keys = text ? json_parse(a, text, strlen(text), NULL, &ignored) : NULL;
    struct jv *out = jv_new_arr(a);
    JV_FOR_ARR(k, keys) {
        bool ours = str_eq(jv_get_str(*k, "userAgent"), KEY_AGENT) && str_eq(jv_get_str(*k, "key"), KEY_NAME);
        if (!ours) jv_push(a, out, *k);
    }
    if (hold) {
        struct jv *key = jv_new_obj(a);
        jv_set_str(a, key, "userAgent", KEY_AGENT);
        jv_set_str(a, key, "key", KEY_NAME);
        jv_push(a, out, key);
    }
    return json_text(a, out);
}

static bool condition_is(const struct jv *live, bool status, const char *message) {
    if (!live || !str_eq(jv_get_str(live, "status"), status ? "True" : "False")) return false;
    return !message || str_eq(jv_str(jv_get(live, "message"), "[]"), message);
}

static bool add_instance_gate(struct ri_pass *s, const struct jv *pod, bool hold, struct jv *list) {
    const struct jv *live = jv_find(jv_path(pod, "status", "conditions", (char *)0), "type", GATE_INSTANCE_POD);
    if (!pod_has_gate(pod, GATE_INSTANCE_POD)) return false;
    const char *message = keys_message(s->a, live, hold);
    bool status = str_eq(message, "[]");
    if (condition_is(live, status, message)) return false;
    const char *reason = !status && pod_was_in_service(pod) ? "InstanceNotReady" : NULL; /* a reason tells that it was in service */
    jv_push(s->a, list, pod_condition(s->a, GATE_INSTANCE_POD, status, reason, message, s->w->w.now_ms));
    return status || live;
}

/* Before a pod goes into service for the first time: what its containers have restarted up to now is part of starting up. Returns
 * whether that is written down, or there is nothing to write. */
static bool start_noted(struct ri_pass *s, const struct pod *pod) {
    const char *now = pod_start_restarts(s->a, pod->doc);
    if (!now || str_eq(meta_annotation(pod->doc, A_RESTART_BASELINE), now)) return true;
    struct jv *patch = jv_new_obj(s->a), *meta = jv_need_obj(s->a, patch, "metadata");
    jv_set_str(s->a, jv_need_obj(s->a, meta, "annotations"), A_RESTART_BASELINE, now);
    plan_patch(s->p, KIND_POD, pod->doc, patch);
    return false;
}

static bool may_serve(struct ri_pass *s, const struct pod *pod, bool hold) {
    if (hold || pod_was_in_service(pod->doc)) return !hold;
    return pod->running && start_noted(s, pod);
}

static bool add_in_place_gate(struct ri_pass *s, const struct pod *pod, struct jv *list) {
    const struct jv *live = jv_find(jv_path(pod->doc, "status", "conditions", (char *)0), "type", GATE_INPLACE_UPDATE);
    if (!pod_has_gate(pod->doc, GATE_INPLACE_UPDATE) || !pod->in_place_done || condition_is(live, true, NULL)) return false;
    jv_push(s->a, list, pod_condition(s->a, GATE_INPLACE_UPDATE, true, NULL, NULL, s->w->w.now_ms));
    return live != NULL;
}

static bool instance_holds(const struct ri_pass *s) {
    const struct ri_world *w = s->w;
    if (s->restart.step == RESTART_GAVE_UP) return true;
    if (str_eq(w->inst.spec.ready_policy, "None")) return false;
    for (size_t i = 0; i < w->npods; i++) {
        const struct pod *pod = &w->pods[i];
        if (pod->active && !pod->running) return true;
        if (pod->failed && ri_recreates(s) && ri_restart_decides(s, pod)) return true; /* it stays until its backoff has passed */
    }
    return false;
}

/* A young pod whose containers do not run yet can wait for its gates: they will all go out together when it does. */
static void plan_pod(struct ri_pass *s, const struct pod *pod, bool hold) {
    struct jv *list = jv_new_arr(s->a);
    bool news = add_in_place_gate(s, pod, list);
    news |= add_instance_gate(s, pod->doc, !may_serve(s, pod, hold), list);
    if (!jv_len(list)) return;
    struct jv *patch = jv_new_obj(s->a);
    jv_set(s->a, jv_need_obj(s->a, patch, "status"), "conditions", list);
    plan_patch_status(s->p, KIND_POD, pod->doc, patch, news ? 0 : RI_SETTLE * s->w->w.opt->settle_ms);
}

void ri_plan_gates(struct ri_pass *s) {
    if (s->updating) return; /* the update has just lowered them; what follows is seen in the next pass */
    bool hold = instance_holds(s);
    for (size_t i = 0; i < s->w->npods; i++)
        if (s->w->pods[i].active) plan_pod(s, &s->w->pods[i], hold);
}
