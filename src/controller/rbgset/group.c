/* How far one group of a set is. Reads only. */
#include "api/build.h"
#include "api/names.h"
#include "base/str.h"
#include "controller/rbgset/world.h"

bool group_ready(const struct jv *group) {
    const struct jv *status = jv_get(group, "status");
    return group && !meta_deleting(group) && jv_get_int(status, "observedGeneration", 0) >= meta_generation(group) &&
           condition_true(jv_get(status, "conditions"), "Ready");
}

bool group_stalled(const struct jv *group) {
    const struct jv *status = jv_get(group, "status");
    return group && jv_get_int(status, "observedGeneration", 0) >= meta_generation(group) &&
           condition_true(jv_get(status, "conditions"), "Stalled");
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
