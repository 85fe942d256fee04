/* Decides what a set needs (part B 8): its groups, and its status. Pure.
 *
 * A change of the template rolls, the highest index first. A group that serves is changed when all others serve, one at a time.
 * Groups that are down anyway go first: one of them, and when a group has become ready with the new template, the rest at once. A
 * group that is down with the new template holds all others: the template may be to blame. Not so when it has come to rest, and was
 * down before the rollout began, or others are ready with the template. What a group has beyond its template is its own: labels and
 * annotations of others, and the replicas of a role that its scaling adapter scales. */
#include "api/build.h"
#include "base/str.h"
#include "controller/core/claim.h"
#include "controller/rbgset/world.h"

#define ROLLOUT_RECHECK_MS 2000 /* what a group's workloads do while the group's own status stays is no news that reaches the set */

struct pass {
    struct arena *a;
    const struct rbgset_world *w;
    struct plan *p;
    int32_t ready, outdated, missing;
    int32_t changed;       /* groups that this pass changes */
    int32_t down, stalled; /* groups that are not ready; of them those at rest */
    const char *first;     /* why the first that is not ready is not */
    const char *reason;    /* the same in one word */
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

static void why_not(struct pass *s, const char *name, const char *why, const char *reason) {
    s->down++;
    if (s->first) return;
    s->first = arena_printf(s->a, "%s: %s", name, why);
    s->reason = reason;
}

static void plan_missing(struct pass *s, int32_t i) {
    struct jv *group = build_set_group(s->a, s->w->w.root, i, NULL);
    s->missing++;
    if (s->w->foreign[i].doc) {
        why_not(s, meta_name(group), claim_taken(s->a, KIND_RBG, &s->w->foreign[i], "this set"),
                s->w->foreign[i].ending ? NULL : REASON_NAME_TAKEN);
        plan_wait_for_name(s->p, KIND_RBG, &s->w->foreign[i]);
        return;
    }
    why_not(s, meta_name(group), "it is being created", "GroupsStarting");
    struct action *act = plan_apply(s->p, KIND_RBG, group, NULL);
    action_on_ok(s->p, act, "SuccessfulCreate", "Created group %s", meta_name(group));
    action_on_fail(act, "FailedCreate");
}

static void look(struct pass *s, int32_t i) {
    const struct jv *root = s->w->w.root;
    if (!meta_owned_by(s->w->groups[i], meta_uid(root)))
        plan_adopt(s->p, KIND_RBG, s->w->groups[i], kind_owner_ref(s->a, KIND_RBGSET, root, true, true));
    const struct jv *group = s->w->groups[i], *conditions = jv_path(group, "status", "conditions", (char *)0);
    bool ready = group_ready(group);
    const char *said = jv_get_str(jv_find(conditions, "type", "Ready"), "message"),
               *reason = jv_get_str(jv_find(conditions, "type", "Progressing"), "reason");
    s->ready += ready;
    s->outdated += s->w->outdated[i];
    s->stalled += !ready && group_stalled(group);
    if (ready) return;
    bool stale = jv_get_int(jv_get(group, "status"), "observedGeneration", 0) < meta_generation(group) ||
                 condition_true(conditions, "Ready");
    why_not(s, meta_name(group), meta_deleting(group) ? "it is being deleted" : said && !stale ? said : "it is starting",
            reason && !stale ? reason : "GroupsStarting");
}

static void plan_update(struct pass *s, int32_t i) {
    struct action *act = plan_apply(s->p, KIND_RBG, build_set_group(s->a, s->w->w.root, i, s->w->groups[i]),
                                          s->w->groups[i]);
    action_on_ok(s->p, act, "SuccessfulUpdate", "Updated group %s", meta_name(s->w->groups[i]));
    action_on_fail(act, "FailedUpdate");
}

/* Has a group become ready with the new template? */
static bool proven(const struct rbgset_world *w) {
    for (int32_t i = 0; i < w->replicas; i++)
        if (w->groups[i] && !w->outdated[i] && w->settled[i]) return true;
    return false;
}

/* A group that has the new template, and is not ready with it. */
static bool holds_all(const struct rbgset_world *w, int32_t i, bool good) {
    if (w->outdated[i] || w->settled[i]) return false;
    return !w->groups[i] || !w->stalled[i] || (!w->down_before[i] && !good);
}

static bool is_down(const struct rbgset_world *w, int32_t i) {
    return w->groups[i] && w->outdated[i] && !w->settled[i];
}

static void update(struct pass *s, int32_t i) {
    plan_update(s, i);
    s->changed++;
}

static void plan_rollout(struct pass *s) {
    const struct rbgset_world *w = s->w;
    bool good = proven(w), held = false;
    if (!s->outdated) return;
    plan_after(s->p, ROLLOUT_RECHECK_MS);
    for (int32_t i = 0; i < w->replicas; i++) held = held || holds_all(w, i, good);
    for (int32_t i = w->replicas; i-- > 0;)
        if (is_down(w, i) && (good || (!held && !s->changed))) update(s, i);
    for (int32_t i = w->replicas; i-- > 0 && !held && !s->changed;)
        if (w->outdated[i] && w->settled[i]) update(s, i);
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
    const char *text = arena_printf(s->a, "%d of %d group%s", (int)s->ready, (int)s->w->replicas,
                                    s->w->replicas == 1 ? " is ready" : "s are ready");
    if (jv_int(jv_path(s->w->w.root, "spec", "replicas", (char *)0), 1) > GROUPS_MAX)
        text = arena_printf(s->a, "%s, more than %d are not made", text, GROUPS_MAX);
    if (s->outdated) text = arena_printf(s->a, "%s, %d not updated yet", text, (int)s->outdated);
    if (s->first) text = arena_printf(s->a, "%s; %s", text, s->first);
    if (s->down > 1) text = arena_printf(s->a, "%s; and %d more group%s", text, (int)s->down - 1, s->down == 2 ? "" : "s");
    return text;
}

struct conditions {
    struct pass *s;
    struct jv *list;
    const struct jv *old;
};

static void put(const struct conditions *c, const char *type, bool status, const char *reason, const char *text) {
    const struct world *w = &c->s->w->w;
    condition_put(c->s->a, c->list, c->old, type, status, reason, text, meta_generation(w->root), w->now_ms);
}

static bool ours(const char *type) {
    return str_eq(type, "Ready") || str_eq(type, "Progressing") || str_eq(type, "RollingUpdateInProgress") ||
           str_eq(type, "Stalled");
}

/* Ready and done is a set whose groups all are what the template says, and ready; a group that this pass changes is neither. */
static void put_conditions(const struct conditions *c) {
    struct pass *s = c->s;
    const char *text = message(s);
    bool ready = s->ready >= s->w->replicas && !s->outdated && !s->w->nsurplus;
    bool stalled = !ready && s->down && s->stalled == s->down && !s->changed && s->ready + s->down == s->w->replicas;
    const char *reason = s->reason ? s->reason : s->outdated ? "RollingUpdate" : "GroupsStarting";
    put(c, "Ready", ready, ready ? "AllReplicasReady" : "ReplicasNotReady", text);
    put(c, "Progressing", !ready && !stalled, ready ? "Settled" : reason, ready ? "Nothing to do" : text);
    put(c, "RollingUpdateInProgress", s->outdated > 0, s->outdated ? "GroupsUpdating" : "GroupsUpToDate",
        s->outdated ? text : "No group is being updated");
    if (stalled) put(c, "Stalled", true, reason, text);
    JV_FOR_ARR(old, c->old)
        if (!ours(jv_get_str(*old, "type"))) jv_push(s->a, c->list, *old);
}

static bool is_news(const struct jv *old, const struct jv *now) {
    static const char *const types[] = {"Ready", "Progressing", "Stalled", "RollingUpdateInProgress"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (condition_true(old, types[i]) != condition_true(now, types[i])) return true;
    return false;
}

static void plan_set_status(struct pass *s) {
    const struct jv *root = s->w->w.root, *old = jv_path(root, "status", "conditions", (char *)0);
    struct jv *status = jv_new_obj(s->a);
    struct conditions c = {.s = s, .list = jv_new_arr(s->a), .old = old};
    put_conditions(&c);
    jv_set_int(s->a, status, "observedGeneration", meta_generation(root));
    jv_set_int(s->a, status, "replicas", (int64_t)s->w->replicas - s->missing + (int64_t)s->w->nsurplus);
    jv_set_int(s->a, status, "readyReplicas", s->ready);
    jv_set_int(s->a, status, "updatedReplicas", (int64_t)s->w->replicas - s->missing - s->outdated);
    jv_set(s->a, status, "conditions", c.list);
    bool fresh = jv_get_int(jv_get(root, "status"), "observedGeneration", 0) != meta_generation(root);
    plan_status(s->p, KIND_RBGSET, root, status, fresh || is_news(old, c.list) ? 0 : s->w->w.opt->settle_ms);
}

void rbgset_plan(const struct world *world, struct plan *p) {
    struct pass s = {.a = p->a, .w = (const struct rbgset_world *)world, .p = p};
    plan_surplus(&s);
    plan_groups(&s);
    plan_set_status(&s);
}
