/* Makes the pods that are missing, and removes those that failed or are too many (part D 5). Pure.
 *
 * A pass either deletes or creates. A pod's name is free again only when the old pod is gone. */
#include "api/limits.h"
#include "api/names.h"
#include "base/str.h"
#include "controller/core/claim.h"
#include "controller/ri/world.h"

void ri_delete_pod(struct ri_pass *s, const struct pod *pod, const char *why) {
    struct action *act = plan_delete(s->p, KIND_POD, pod->doc);
    action_on_ok(s->p, act, "SuccessfulDelete", "Deleted pod %s: %s", pod->name, why);
    action_on_fail(act, "FailedDelete");
}

static const char *surplus(const struct ri_pass *s, const struct pod *pod) {
    if (pod->failed) return ri_restart_decides(s, pod) ? NULL : "it failed";
    if (pod->done && !pod->terminating && pod->component >= 0 && !ri_at_update(s, pod)) return "it has ended, of an older template";
    if (!pod->active) return NULL;
    if (pod->component < 0) return NULL; /* of a component that is gone: the update removes it */
    if (pod->id < 0) return "its component-id label is no number";
    if (pod->id >= ri_size(s->w, (size_t)pod->component)) return "the component was scaled down";
    return NULL;
}

static bool plan_deletes(struct ri_pass *s) {
    bool any = false;
    for (size_t i = 0; i < s->w->npods; i++) {
        const struct pod *pod = &s->w->pods[i];
        const char *why = pod->terminating ? NULL : surplus(s, pod);
        if (!why) continue;
        ri_delete_pod(s, pod, why);
        any = true;
    }
    return any;
}

static int create_pod(struct ri_pass *s, size_t component, int id) {
    struct err e = ERR_INIT;
    struct jv *pod = template_pod(s->a, &s->w->inst, component, id, s->update, &e);
    if (!pod) {
        s->failed_scale = arena_strdup(s->a, e.msg);
        return -1;
    }
    const char *restart = ri_recreates(s) ? ri_restart_id(s) : NULL;
    if (restart) jv_set_str(s->a, jv_need_obj(s->a, jv_get(pod, "metadata"), "annotations"), A_RESTART_ID, restart);
    struct action *act = plan_create(s->p, KIND_POD, pod);
    action_on_ok(s->p, act, "SuccessfulCreate", "Created pod %s", meta_name(pod));
    action_on_fail(act, "FailedCreate");
    return 0;
}

/* Somebody has the pod's name: an instance of before, whose pods still end, or a stranger. */
static bool waits_for_name(struct ri_pass *s, const char *name) {
    for (size_t i = 0; i < s->w->nothers; i++) {
        const struct other *other = &s->w->others[i];
        if (!str_eq(meta_name(other->doc), name)) continue;
        if (!other->ending) s->name_taken = s->failed_scale = claim_taken(s->a, KIND_POD, other, "this instance");
        plan_wait_for_name(s->p, KIND_POD, other);
        return true;
    }
    return false;
}

/* Returns whether it planned a creation. */
static bool plan_component(struct ri_pass *s, size_t component) {
    const char *problem = NULL;
    bool any = false, start = ri_may_start(s, component, &problem);
    if (problem) s->failed_scale = problem;
    for (int id = 0; start && id < ri_size(s->w, component); id++) {
        const char *name = ri_pod_name(s, component, id);
        if (ri_pod(s->w, name) || waits_for_name(s, name)) continue;
        if (s->created++ == CREATES_MAX) return true; /* the others when these have been seen */
        if (create_pod(s, component, id)) return any;
        any = true;
    }
    return any;
}

bool ri_plan_scale(struct ri_pass *s) {
    if (plan_deletes(s)) return true;
    bool any = false;
    for (size_t i = 0; i < s->w->inst.spec.components.n; i++) any |= plan_component(s, i);
    return any;
}
