/* Gathers the world of one set: its groups, by the index in their names. Reads only. */
#include "api/build.h"
#include "base/str.h"
#include "controller/core/claim.h"
#include "controller/rbgset/world.h"

/* The index of group "<set>-<index>"; -1: not named so. */
static int64_t index_of(const char *set, const char *group) {
    size_t n = strlen(set);
    int64_t i;
    if (strncmp(group, set, n) != 0 || group[n] != '-') return -1;
    const char *digits = group + n + 1;
    bool plain = *digits >= '0' && *digits <= '9' && (*digits != '0' || !digits[1]);
    return plain && str_to_i64(digits, &i) == 0 ? i : -1;
}

static void place(struct rbgset_world *w, const char *set, struct jv *group) {
    int64_t i = index_of(set, meta_name(group));
    if (i >= 0 && i < w->replicas) w->groups[i] = group;
    else w->surplus[w->nsurplus++] = group;
}

/* Has the group been down since before the set's rollout began? Then the new template is not to blame. */
static bool down_before(const struct rbgset_world *w, const struct jv *group) {
    const struct jv *list = jv_path(group, "status", "conditions", (char *)0);
    int64_t since = condition_since(list, "Ready", w->w.now_ms);
    const struct jv *own = jv_path(w->w.root, "status", "conditions", (char *)0);
    if (condition_true(list, "Ready") || !jv_find(list, "type", "Ready")) return false;
    return !condition_true(own, "RollingUpdateInProgress") || since < condition_since(own, "RollingUpdateInProgress", w->w.now_ms);
}

static void observe_rollout(struct rctx *c, struct rbgset_world *w) {
    bool rolling = false;
    w->outdated = ARENA_ARRAY(c->a, (size_t)w->replicas + 1, bool);
    w->settled = ARENA_ARRAY(c->a, (size_t)w->replicas + 1, bool);
    w->stalled = ARENA_ARRAY(c->a, (size_t)w->replicas + 1, bool);
    w->down_before = ARENA_ARRAY(c->a, (size_t)w->replicas + 1, bool);
    for (int32_t i = 0; i < w->replicas; i++) {
        if (!w->groups[i] || meta_deleting(w->groups[i])) continue;
        if (!meta_owned_by(w->groups[i], meta_uid(w->w.root))) continue; /* an orphan is adopted first */
        w->outdated[i] = apply_needed(KIND_RBG, build_set_group(c->a, w->w.root, i, w->groups[i]), w->groups[i]);
        rolling |= w->outdated[i];
    }
    for (int32_t i = 0; rolling && i < w->replicas; i++) {
        w->settled[i] = group_settled(c, w->groups[i]);
        w->stalled[i] = group_stalled(w->groups[i]);
        w->down_before[i] = down_before(w, w->groups[i]);
    }
}

static struct world *rbgset_observe(struct rctx *c, const struct rkey *key) {
    const struct jv *doc = source_get(c->src, c->a, KIND_RBGSET, key->ns, key->name);
    if (!doc || meta_deleting(doc)) return NULL;
    struct rbgset_world *w = ARENA_NEW(c->a, struct rbgset_world);
    struct jv **owned;
    size_t n = source_owned(c->src, c->a, KIND_RBG, meta_uid(doc), &owned);
    int64_t replicas = jv_int(jv_path(doc, "spec", "replicas", (char *)0), 1);
    w->w = (struct world){.root = doc, .opt = c->opt, .now_ms = c->now_ms};
    w->replicas = replicas < 0 ? 0 : replicas > GROUPS_MAX ? GROUPS_MAX : (int32_t)replicas;
    w->groups = ARENA_ARRAY(c->a, (size_t)w->replicas + 1, struct jv *);
    w->foreign = ARENA_ARRAY(c->a, (size_t)w->replicas + 1, struct other);
    w->surplus = ARENA_ARRAY(c->a, n + 1, struct jv *);
    for (size_t i = 0; i < n; i++)
        if (str_eq(jv_get_str(meta_controller(owned[i]), "uid"), meta_uid(doc))) place(w, key->name, owned[i]);
    for (int32_t i = 0; i < w->replicas; i++) {
        const char *name = w->groups[i] ? NULL : arena_printf(c->a, "%s-%d", key->name, (int)i);
        struct jv *other = name ? source_get(c->src, c->a, KIND_RBG, key->ns, name) : NULL;
        enum claim claim = claim_of(c, doc, other, is_group_of_set(doc, other));
        if (claim == CLAIM_ORPHAN) w->groups[i] = other;
        w->foreign[i] = claim_other(claim, other);
    }
    observe_rollout(c, w);
    return &w->w;
}

static const struct route routes[] = {
    {.kind = KIND_RBG},
};

const struct reconciler rbgset_reconciler = {
    .name = "RoleBasedGroupSet",
    .root = KIND_RBGSET,
    .routes = routes,
    .nroutes = sizeof routes / sizeof *routes,
    .observe = rbgset_observe,
    .plan = rbgset_plan,
};
