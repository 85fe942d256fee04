/* The scaling adapters of a group's roles (part B 7.2): there while the role asks for one, with the labels that it asks for. What
 * an adapter says about replicas is carried out where the world is observed; binding it to its role is its own controller's. */
#include "api/names.h"
#include "base/str.h"
#include "controller/core/claim.h"
#include "controller/rbg/world.h"

#define FAILED "FailedCreateScalingAdapter"

/* Exactly the wanted labels: those of others go. */
static void plan_labels(struct plan *p, const struct jv *live, const struct jv *wanted) {
    const struct jv *have = jv_path(live, "metadata", "labels", (char *)0),
                    *want = jv_path(wanted, "metadata", "labels", (char *)0);
    if (jv_eq(have, want)) return;
    struct jv *patch = jv_new_obj(p->a), *labels = jv_dup(p->a, want);
    JV_FOR_OBJ(m, have)
        if (!jv_getn(want, m->key, m->klen)) jv_setn(p->a, labels, m->key, m->klen, jv_null(p->a));
    jv_set(p->a, jv_need_obj(p->a, patch, "metadata"), "labels", labels);
    action_on_fail(plan_patch(p, KIND_ADAPTER, live, patch), FAILED);
}

static void tell_override(struct plan *p, const struct role_world *rw) {
    if (!rw->overridden || jv_int(jv_path(rw->workload, "spec", "replicas", (char *)0), -1) == role_replicas(rw->role)) return;
    plan_event(p, "Warning", "ReplicasOverriddenByAdapter", "Role %s is scaled to %d, as adapter %s asks", rw->role->name,
               (int)role_replicas(rw->role), meta_name(rw->adapter));
}

void plan_adapter(struct plan *p, const struct rbg_world *w, const struct role_world *rw, bool fresh) {
    const struct role *r = rw->role;
    if (!r->scaling_adapter.enable.v) {
        if (rw->adapter && !meta_deleting(rw->adapter)) action_on_fail(plan_delete(p, KIND_ADAPTER, rw->adapter), FAILED);
        return;
    }
    tell_override(p, rw);
    if (rw->foreign_adapter.doc) {
        if (fresh)
            plan_event(p, "Warning", FAILED,
                       "Role %s: a RoleBasedGroupScalingAdapter %s exists that this group does not own; delete or rename it",
                       r->name, meta_name(rw->foreign_adapter.doc));
        return;
    }
    struct jv *wanted = build_adapter(p->a, &w->group, r);
    if (rw->adapter && !meta_owned_by(rw->adapter, meta_uid(w->w.root)))
        plan_adopt(p, KIND_ADAPTER, rw->adapter, kind_owner_ref(p->a, KIND_RBG, w->w.root, false, true));
    else if (rw->adapter) plan_labels(p, rw->adapter, wanted);
    else action_on_fail(plan_create(p, KIND_ADAPTER, wanted), FAILED);
}

static bool has_role(const struct rbg_world *w, const struct jv *adapter) {
    for (size_t i = 0; i < w->group.spec.roles.n; i++)
        if (w->roles[i].adapter == adapter) return true;
    return false;
}

void plan_adapter_orphans(struct plan *p, const struct rbg_world *w) {
    for (size_t i = 0; i < w->nadapters; i++) {
        const struct jv *live = w->adapters[i], *target = jv_path(live, "spec", "scaleTargetRef", "name", (char *)0);
        if (has_role(w, live) || meta_deleting(live) || !str_eq(jv_str(target, NULL), w->group.name)) continue;
        action_on_fail(plan_delete(p, KIND_ADAPTER, live), FAILED);
    }
}
