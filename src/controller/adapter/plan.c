/* Decides what a scaling adapter needs (part B 7.3). Bound to its role, it begins with the role's replicas; from then on its own
 * count, which autoscalers write through the scale subresource, is written into the group. Pure. */
#include "api/limits.h"
#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"
#include "controller/adapter/world.h"

#define ROLE_RECHECK_MS 10000

/* The pods that an autoscaler measures: of instances of several pods the leaders alone. NULL: the set has not said yet. */
static const char *selector(struct arena *a, const struct adapter_world *w) {
    const char *of_set = jv_str(jv_path(w->workload, "status", "labelSelector", (char *)0), NULL);
    if (str_empty(of_set)) return NULL;
    bool leaders = jv_is(jv_get(w->role, "leaderWorkerPattern"), J_OBJ);
    return leaders ? arena_printf(a, "%s,%s=0", of_set, L_COMPONENT_INDEX) : of_set;
}

static const struct jv *old_status(const struct adapter_world *w, const char *field) {
    return jv_get(jv_get(w->w.root, "status"), field);
}

/* The whole status, bound; what nobody knows at the moment stays. scaled: now. */
static struct jv *status_bound(struct arena *a, const struct adapter_world *w, int64_t replicas, bool scaled) {
    char now[32];
    struct jv *s = jv_new_obj(a);
    const char *pods = selector(a, w);
    int64_t ready = jv_int(old_status(w, "readyReplicas"), 0);
    jv_set_str(a, s, "phase", ADAPTER_BOUND);
    jv_set_int(a, s, "replicas", replicas);
    jv_set_int(a, s, "readyReplicas", jv_get_int(w->role_status, "readyReplicas", ready));
    jv_set_str(a, s, "selector", pods ? pods : jv_str(old_status(w, "selector"), NULL));
    jv_set_str(a, s, "lastScaleTime", scaled ? time_rfc3339(w->w.now_ms, now) : jv_str(old_status(w, "lastScaleTime"), NULL));
    return s;
}

static void plan_unbound(const struct adapter_world *w, struct plan *p) {
    static const char not_bound[] = "NotBound";
    plan_after(p, ROLE_RECHECK_MS);
    if (str_eq(jv_str(old_status(w, "phase"), ""), not_bound)) return;
    struct jv *patch = jv_new_obj(p->a);
    jv_set_str(p->a, jv_need_obj(p->a, patch, "status"), "phase", not_bound);
    plan_event(p, "Warning", "FailedGetRBGRole", "RoleBasedGroup %s has no role %s", meta_name(w->group), w->role_name);
    plan_patch_status(p, KIND_ADAPTER, w->w.root, patch, 0);
}

/* Status last: as long as it does not say so, the adapter is not bound, and this is done again. */
static void plan_bind(const struct adapter_world *w, struct plan *p, int64_t replicas) {
    if (!selector(p->a, w)) return; /* news of the set comes here */
    if (jv_int(jv_path(w->w.root, "spec", "replicas", (char *)0), -1) != replicas) {
        struct jv *patch = jv_new_obj(p->a);
        jv_set_int(p->a, jv_need_obj(p->a, patch, "spec"), "replicas", replicas);
        plan_patch(p, KIND_ADAPTER, w->w.root, patch);
        plan_barrier(p);
    }
    struct action *act = plan_status(p, KIND_ADAPTER, w->w.root, status_bound(p->a, w, replicas, false), 0);
    action_on_ok(p, act, "SuccessfulBound", "Bound to role %s of RoleBasedGroup %s", w->role_name, meta_name(w->group));
}

/* The list of roles as it was read, with another count in one of them; only onto that very version of the group. */
static struct jv *scaled_group(struct arena *a, const struct adapter_world *w, int64_t replicas) {
    struct jv *patch = jv_new_obj(a), *roles = jv_dup(a, jv_path(w->group, "spec", "roles", (char *)0));
    jv_set_int(a, roles->items[w->role_index], "replicas", replicas);
    jv_set_str(a, jv_need_obj(a, patch, "metadata"), "resourceVersion", meta_rv(w->group));
    jv_set(a, jv_need_obj(a, patch, "spec"), "roles", roles);
    return patch;
}

static void plan_scale(const struct adapter_world *w, struct plan *p, int64_t from, int64_t to) {
    action_on_fail(plan_patch(p, KIND_RBG, w->group, scaled_group(p->a, w, to)), "FailedScale");
    plan_barrier(p);
    struct action *act = plan_status(p, KIND_ADAPTER, w->w.root, status_bound(p->a, w, to, true), 0);
    action_on_ok(p, act, "SuccessfulScale", "Scaled role %s from %lld to %lld", w->role_name, (long long)from, (long long)to);
}

void adapter_plan(const struct world *world, struct plan *p) {
    const struct adapter_world *w = (const struct adapter_world *)world;
    if (!w->role) {
        plan_unbound(w, p);
        return;
    }
    int64_t have = jv_get_int(w->role, "replicas", 1), want = jv_int(jv_path(world->root, "spec", "replicas", (char *)0), have);
    if (!str_eq(jv_str(old_status(w, "phase"), ""), ADAPTER_BOUND)) plan_bind(w, p, have);
    else if (want != have && want <= PODS_MAX) plan_scale(w, p, have, want); /* else the group says what is wrong */
    else plan_status(p, KIND_ADAPTER, world->root, status_bound(p->a, w, have, false), world->opt->settle_ms);
}
