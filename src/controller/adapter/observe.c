/* Gathers the world of one scaling adapter: the group that owns it, the role that it names, and the role's workload. Reads only. */
#include "api/names.h"
#include "base/str.h"
#include "controller/adapter/world.h"

static void observe_role(struct adapter_world *w) {
    const struct jv *roles = jv_path(w->group, "spec", "roles", (char *)0);
    for (size_t i = 0; i < jv_len(roles) && !w->role; i++) {
        if (!str_eq(jv_get_str(jv_idx(roles, i), "name"), w->role_name)) continue;
        w->role = jv_idx(roles, i);
        w->role_index = i;
    }
    w->role_status = jv_find(jv_path(w->group, "status", "roleStatuses", (char *)0), "name", w->role_name);
}

/* An adapter that no group owns is nobody's business: who made it may have other plans with it. */
static struct world *adapter_observe(struct rctx *c, const struct rkey *key) {
    const struct jv *doc = source_get(c->src, c->a, KIND_ADAPTER, key->ns, key->name),
                    *target = jv_path(doc, "spec", "scaleTargetRef", (char *)0);
    const char *group = jv_get_str(target, "name"), *role = jv_get_str(target, "role");
    if (!doc || meta_deleting(doc) || !group || !role) return NULL;
    const struct jv *owner = source_get(c->src, c->a, KIND_RBG, key->ns, group);
    if (!owner || meta_deleting(owner) || !meta_owned_by(doc, meta_uid(owner))) return NULL;
    struct adapter_world *w = ARENA_NEW(c->a, struct adapter_world);
    *w = (struct adapter_world){.w = {.root = doc, .opt = c->opt, .now_ms = c->now_ms}, .group = owner, .role_name = role};
    observe_role(w);
    w->workload = source_get(c->src, c->a, KIND_RIS, key->ns, name_workload(c->a, group, role));
    return &w->w;
}

typedef void (*add_fn)(void *ctx, const char *ns, const char *name);

static void route_group(const struct jv *doc, add_fn add, void *ctx) {
    ARENA_AUTO struct arena *a = arena_new();
    JV_FOR_ARR(role, jv_path(doc, "spec", "roles", (char *)0)) {
        const char *name = jv_get_str(*role, "name");
        if (name && jv_get_bool(jv_get(*role, "scalingAdapter"), "enable", false))
            add(ctx, meta_ns(doc), name_adapter(a, meta_name(doc), name));
    }
}

/* The set's status has the selector, once it has a status. */
static void route_workload(const struct jv *doc, add_fn add, void *ctx) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *group = meta_label(doc, L_GROUP_NAME), *role = meta_label(doc, L_ROLE_NAME);
    if (group && role) add(ctx, meta_ns(doc), name_adapter(a, group, role));
}

static const struct route routes[] = {
    {.kind = KIND_RBG, .map = route_group},
    {.kind = KIND_RIS, .map = route_workload},
};

const struct reconciler adapter_reconciler = {
    .name = "RoleBasedGroupScalingAdapter",
    .root = KIND_ADAPTER,
    .routes = routes,
    .nroutes = sizeof routes / sizeof *routes,
    .observe = adapter_observe,
    .plan = adapter_plan,
};
