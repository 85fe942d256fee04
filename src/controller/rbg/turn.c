/* A changed profile rolls the roles of many groups: one group after another, by namespace and name, each within its own budgets. A
 * group begins when all before it run the new profile, and no group that runs it is on its way to being ready. One that is stalled
 * with it holds the others as long as no group has become ready with it: then the profile may be to blame. Reads only. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "controller/rbg/world.h"

#define LOOK_MS 2000
#define LOOK_EACH_MS 100 /* more for each group that has to be looked at */

struct turn {
    struct rctx *c;
    const char *profile;
    bool others_turn, stalled, proven;
};

static bool names_profile(const struct jv *role, const char *profile) {
    return jv_find(jv_get(role, "engineRuntimes"), "profileName", profile) != NULL;
}

static const char *role_profiles_hash(struct rctx *c, const struct jv *role) {
    const struct jv *runtimes = jv_get(role, "engineRuntimes");
    size_t n = jv_len(runtimes);
    const struct jv **profiles = ARENA_ARRAY(c->a, n + 1, const struct jv *);
    for (size_t i = 0; i < n; i++)
        profiles[i] = source_get(c->src, c->a, KIND_PROFILE, NULL, jv_str(jv_get(jv_idx(runtimes, i), "profileName"), ""));
    return profiles_hash(c->a, profiles, n);
}

static bool arrived(const struct jv *workload) {
    const struct jv *status = jv_get(workload, "status");
    return workload_ready(workload) && str_eq(jv_get_str(status, "currentRevision"), jv_get_str(status, "updateRevision"));
}

static void look_at_role(struct turn *t, const struct jv *group, const struct jv *role, bool before) {
    const char *name = name_workload(t->c->a, meta_name(group), jv_str(jv_get(role, "name"), ""));
    const struct jv *workload = source_get(t->c->src, t->c->a, KIND_RIS, meta_ns(group), name);
    const char *made = profiles_made_with(t->c->a, workload);
    if (!made || !names_profile(role, t->profile)) return;
    if (!str_eq(made, role_profiles_hash(t->c, role))) t->others_turn |= before;
    else if (arrived(workload)) t->proven = true;
    else if (condition_true(jv_path(group, "status", "conditions", (char *)0), "Stalled")) t->stalled = true;
    else t->others_turn = true;
}

static int order(const struct jv *x, const struct jv *y) {
    int d = strcmp(meta_ns(x), meta_ns(y));
    return d ? d : strcmp(meta_name(x), meta_name(y));
}

/* Returns how long to wait; 0: it is this group's turn. */
static int64_t wait_for(struct rctx *c, const struct jv *root, const char *profile) {
    struct turn t = {.c = c, .profile = profile};
    struct jv **groups;
    size_t n = c->src->list(c->src->self, c->a, KIND_RBG, source_profile_key(c->a, profile), &groups);
    for (size_t i = 0; i < n && !t.others_turn; i++) {
        int at = order(groups[i], root);
        if (at == 0 || meta_deleting(groups[i])) continue;
        JV_FOR_ARR(role, jv_path(groups[i], "spec", "roles", (char *)0)) look_at_role(&t, groups[i], *role, at < 0);
    }
    return t.others_turn || (t.stalled && !t.proven) ? LOOK_MS + LOOK_EACH_MS * (int64_t)n : 0;
}

void observe_turn(struct rctx *c, const struct rbg_world *w, struct role_world *rw) {
    const char *made = profiles_made_with(c->a, rw->workload);
    size_t n = rw->role->engine_runtimes.n;
    for (size_t i = 0; i < n; i++)
        rw->profile_rolls |= str_eq(jv_str(jv_path(rw->profiles[i], "spec", "updateStrategy", (char *)0), ""), "RollingUpdate");
    if (!rw->profile_rolls || !made || str_eq(made, profiles_hash(c->a, rw->profiles, n))) return;
    for (size_t i = 0; i < n && !rw->profile_wait_ms; i++) {
        const struct jv *p = rw->profiles[i];
        if (str_eq(jv_str(jv_path(p, "spec", "updateStrategy", (char *)0), ""), "RollingUpdate"))
            rw->profile_wait_ms = wait_for(c, w->w.root, meta_name(p));
    }
}
