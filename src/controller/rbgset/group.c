/* One group of a set: what is wanted of it, and how far it is. Reads only. */
#include "api/build.h"
#include "api/names.h"
#include "base/str.h"
#include "controller/rbgset/world.h"

static bool is_scaled(const struct jv *role) { return jv_get_bool(jv_get(role, "scalingAdapter"), "enable", false); }

/* Autoscalers write the count of such a role into the group, so the template only says where it begins. Shares with the template
 * what it leaves, as there may be many groups. */
static struct jv *spec_for(struct arena *a, const struct jv *template, const struct jv *live) {
    struct jv *spec = jv_is(template, J_OBJ) ? jv_clone(a, template) : jv_new_obj(a), *roles = jv_own(a, spec, "roles");
    for (size_t i = 0; i < jv_len(roles); i++) {
        const struct jv *role = jv_find(jv_path(live, "spec", "roles", (char *)0), "name",
                                        jv_str(jv_get(roles->items[i], "name"), ""));
        if (!is_scaled(roles->items[i]) || !is_scaled(role) || !jv_get(role, "replicas")) continue;
        roles->items[i] = jv_clone(a, roles->items[i]);
        jv_set(a, roles->items[i], "replicas", jv_get(role, "replicas"));
    }
    return spec;
}

static struct jv *copy_of(struct arena *a, const struct jv *map) { return jv_is(map, J_OBJ) ? jv_dup(a, map) : jv_new_obj(a); }

struct jv *rbgset_group(struct arena *a, const struct rbgset_world *w, int32_t i) {
    const struct jv *set = w->w.root, *template = jv_path(set, "spec", "groupTemplate", (char *)0);
    struct jv *o = kind_object(a, KIND_RBG, meta_ns(set), arena_printf(a, "%s-%d", meta_name(set), (int)i)),
              *meta = jv_get(o, "metadata"), *labels = copy_of(a, jv_get(template, "labels")),
              *notes = copy_of(a, jv_get(template, "annotations"));
    jv_set_str(a, labels, L_GROUPSET_NAME, meta_name(set));
    jv_set(a, labels, L_GROUPSET_INDEX, jv_new_strf(a, "%d", (int)i));
    jv_set(a, meta, "labels", labels);
    if (notes->len) jv_set(a, meta, "annotations", notes);
    jv_push(a, jv_need_arr(a, meta, "ownerReferences"), kind_owner_ref(a, KIND_RBGSET, set, true, true));
    jv_set(a, o, "spec", spec_for(a, jv_get(template, "spec"), w->groups[i]));
    return o;
}

bool group_ready(const struct jv *group) {
    const struct jv *status = jv_get(group, "status");
    return group && !meta_deleting(group) && jv_get_int(status, "observedGeneration", 0) >= meta_generation(group) &&
           condition_true(jv_get(status, "conditions"), "Ready");
}

/* Has the role's workload been brought to the role as it is now, and arrived there? A rollout that is held by a partition or paused
 * has arrived where it was sent. */
static bool arrived(const struct jv *workload, const struct role *r, const char *label, const char *hash) {
    const struct jv *status = jv_get(workload, "status"), *spec = jv_get(workload, "spec");
    const struct rolling_update *u = &r->rollout.rolling_update;
    bool held = (u->paused.set && u->paused.v) || (u->partition && !jv_is(u->partition, J_NULL) && jv_int(u->partition, 1) != 0);
    return str_eq(meta_label(workload, label), hash) &&
           jv_get_int(status, "observedGeneration", 0) >= meta_generation(workload) &&
           jv_get_int(status, "readyReplicas", 0) == jv_get_int(spec, "replicas", 1) &&
           (held || str_eq(jv_get_str(status, "currentRevision"), jv_get_str(status, "updateRevision")));
}

bool group_settled(struct rctx *c, const struct jv *group) {
    struct rbg g;
    struct group_revision revision;
    struct err e = ERR_INIT;
    if (!group_ready(group) || rbg_decode(c->a, group, &g, &e) || build_group_revision(c->a, &g, &revision, &e)) return false;
    for (size_t i = 0; i < g.spec.roles.n; i++) {
        const struct role *r = &g.spec.roles.items[i];
        const struct jv *workload = source_get(c->src, c->a, KIND_RIS, g.ns, name_workload(c->a, g.name, r->name));
        if (!workload || !arrived(workload, r, name_role_revision_label(c->a, r->name), revision.role_hash[i])) return false;
    }
    return true;
}
