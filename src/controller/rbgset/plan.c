/* Decides what a set needs (part B 8): its groups, and its status. Pure.
 *
 * A change of the template rolls: a group that is not ready anyway is changed at once, of those that serve one at a time, the
 * highest index first, and the next only when all are ready again. What a group has beyond its template is its own: labels and
 * annotations of others, and the replicas of a role that its scaling adapter scales. */
#include "api/build.h"
#include "base/str.h"
#include "controller/rbgset/world.h"

#define ROLLOUT_RECHECK_MS 2000 /* what a group's workloads do while the group's own status stays is no news that reaches the set */

struct pass {
    struct arena *a;
    const struct rbgset_world *w;
    struct plan *p;
    int32_t ready, outdated, missing;
    const char *first; /* why the first that is not ready is not */
};

/* ---- groups ---- */

static void plan_surplus(struct pass *s) {
    for (size_t i = 0; i < s->w->nsurplus; i++) {
        const struct jv *group = s->w->surplus[i];
        if (meta_deleting(group)) continue;
        struct action *act = plan_delete(s->p, KIND_RBG, group);
        action_on_ok(s->p, act, "SuccessfulDelete", "Deleted group %s", meta_name(group));
        action_on_fail(act, "FailedDelete");
    }
}

static void why_not(struct pass *s, const char *name, const char *why) {
    if (!s->first) s->first = arena_printf(s->a, "%s: %.400s", name, why);
}

static void plan_missing(struct pass *s, int32_t i) {
    struct jv *group = build_set_group(s->a, s->w->w.root, i, NULL);
    s->missing++;
    if (s->w->foreign[i]) {
        why_not(s, meta_name(group), "a RoleBasedGroup of this name exists that this set does not control; delete or rename it");
        plan_after(s->p, NAMESAKE_RECHECK_MS);
        return;
    }
    why_not(s, meta_name(group), "it is being created");
    struct action *act = plan_apply(s->p, KIND_RBG, group, NULL);
    action_on_ok(s->p, act, "SuccessfulCreate", "Created group %s", meta_name(group));
    action_on_fail(act, "FailedCreate");
}

static void look(struct pass *s, int32_t i) {
    const struct jv *group = s->w->groups[i], *conditions = jv_path(group, "status", "conditions", (char *)0);
    bool ready = group_ready(group);
    const char *said = jv_get_str(jv_find(conditions, "type", "Ready"), "message");
    s->ready += ready;
    s->outdated += s->w->outdated[i];
    if (!ready) why_not(s, meta_name(group), meta_deleting(group) ? "it is being deleted" : said ? said : "it is starting");
}

static void plan_update(struct pass *s, int32_t i) {
    struct action *act = plan_apply(s->p, KIND_RBG, build_set_group(s->a, s->w->w.root, i, s->w->groups[i]),
                                          s->w->groups[i]);
    action_on_ok(s->p, act, "SuccessfulUpdate", "Updated group %s", meta_name(s->w->groups[i]));
    action_on_fail(act, "FailedUpdate");
}

static void plan_rollout(struct pass *s) {
    const struct rbgset_world *w = s->w;
    bool all_serve = true;
    for (int32_t i = 0; i < w->replicas; i++) all_serve = all_serve && w->settled[i];
    for (int32_t i = w->replicas; i-- > 0;) {
        if (!w->outdated[i] || (w->settled[i] && !all_serve)) continue;
        plan_update(s, i);
        all_serve = false;
    }
    if (s->outdated) plan_after(s->p, ROLLOUT_RECHECK_MS);
}

static void plan_groups(struct pass *s) {
    for (int32_t i = 0; i < s->w->replicas; i++) {
        if (s->w->groups[i]) look(s, i);
        else plan_missing(s, i);
    }
    plan_rollout(s);
}

/* ---- status ---- */

static const char *message(const struct pass *s) {
    const char *text = arena_printf(s->a, "%d of %d groups are ready", (int)s->ready, (int)s->w->replicas);
    if (jv_int(jv_path(s->w->w.root, "spec", "replicas", (char *)0), 1) > GROUPS_MAX)
        text = arena_printf(s->a, "%s, more than %d are not made", text, GROUPS_MAX);
    if (s->outdated) text = arena_printf(s->a, "%s, %d not updated yet", text, (int)s->outdated);
    return s->first ? arena_printf(s->a, "%s; %s", text, s->first) : text;
}

static void plan_set_status(struct pass *s) {
    const struct jv *root = s->w->w.root, *old = jv_path(root, "status", "conditions", (char *)0);
    struct jv *status = jv_new_obj(s->a), *conditions = jv_new_arr(s->a);
    bool ready = s->ready >= s->w->replicas;
    condition_put(s->a, conditions, old, "Ready", ready, ready ? "AllReplicasReady" : "ReplicasNotReady", message(s),
                  meta_generation(root), s->w->w.now_ms);
    JV_FOR_ARR(c, old)
        if (!str_eq(jv_get_str(*c, "type"), "Ready")) jv_push(s->a, conditions, *c);
    jv_set_int(s->a, status, "observedGeneration", meta_generation(root));
    jv_set_int(s->a, status, "replicas", (int64_t)s->w->replicas - s->missing + (int64_t)s->w->nsurplus);
    jv_set_int(s->a, status, "readyReplicas", s->ready);
    jv_set(s->a, status, "conditions", conditions);
    bool turned = condition_true(old, "Ready") != ready;
    bool fresh = jv_get_int(jv_get(root, "status"), "observedGeneration", 0) != meta_generation(root);
    plan_status(s->p, KIND_RBGSET, root, status, turned || fresh ? 0 : s->w->w.opt->settle_ms);
}

void rbgset_plan(const struct world *world, struct plan *p) {
    struct pass s = {.a = p->a, .w = (const struct rbgset_world *)world, .p = p};
    plan_surplus(&s);
    plan_groups(&s);
    plan_set_status(&s);
}
