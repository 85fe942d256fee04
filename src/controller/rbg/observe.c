/* Gathers the world of one group from the caches: its workloads, services, revisions and discovery file, and the profiles that its
 * roles name. Reads only; a group that can't be decoded or ordered still gets a world, so that its status can say why. */
#include "api/names.h"
#include "base/str.h"
#include "controller/core/history.h"
#include "controller/rbg/world.h"

static const struct jv *named(struct jv *const *list, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++)
        if (str_eq(meta_name(list[i]), name)) return list[i];
    return NULL;
}

static void observe_profiles(struct rctx *c, const struct rbg_world *w, struct role_world *rw) {
    const struct role *r = rw->role;
    rw->profiles = ARENA_ARRAY(c->a, r->engine_runtimes.n + 1, const struct jv *);
    for (size_t i = 0; i < r->engine_runtimes.n; i++)
        rw->profiles[i] = source_get(c->src, c->a, KIND_PROFILE, NULL, r->engine_runtimes.items[i].profile_name);
    if (rw->workload && r->engine_runtimes.n) observe_turn(c, w, rw);
}

/* Is there anything to be told of the workload's instances? */
static bool wholly_ready(const struct jv *workload) {
    const struct jv *status = jv_get(workload, "status");
    return workload_ready(workload) && str_eq(jv_get_str(status, "currentRevision"), jv_get_str(status, "updateRevision")) &&
           !jv_len(jv_get(status, "conditions"));
}

/* What an autoscaler asks for holds at once, before the adapter's controller has written it into the group (part B 1.3). */
static void observe_adapter(struct rctx *c, struct rbg_world *w, size_t i) {
    struct role *role = &w->group.spec.roles.items[i];
    struct role_world *rw = &w->roles[i];
    const char *name = name_adapter(c->a, w->group.name, role->name);
    rw->adapter = named(w->adapters, w->nadapters, name);
    if (!rw->adapter && role->scaling_adapter.enable.v) {
        const struct jv *other = source_get(c->src, c->a, KIND_ADAPTER, w->group.ns, name);
        enum claim claim = claim_of(c, w->w.root, other, is_of_role(w->w.root, role->name, other));
        if (claim == CLAIM_ORPHAN) rw->adapter = other;
        rw->foreign_adapter = claim_other(claim, other);
    }
    const struct jv *wanted = jv_path(rw->adapter, "spec", "replicas", (char *)0);
    bool bound = str_eq(jv_str(jv_path(rw->adapter, "status", "phase", (char *)0), ""), ADAPTER_BOUND);
    int64_t n = jv_int(wanted, -1);
    if (!role->scaling_adapter.enable.v || !bound || n < 0 || n == role_replicas(role)) return;
    role->replicas = (struct opt32){.set = true, .v = n < INT32_MAX ? (int32_t)n : INT32_MAX};
    rw->overridden = true;
}

/* A Service is owned by the role's workload. Before that is there, it says itself whose it is. */
static enum claim claim_service(struct rctx *c, const struct rbg_world *w, const struct role_world *rw, const struct jv *service) {
    const char *uid = name_group_uid(c->a, w->group.ns, w->group.name);
    bool identity = is_of_role(w->w.root, rw->role->name, service) && str_eq(meta_label(service, L_GROUP_UID), uid);
    return claim_of(c, rw->workload ? rw->workload : w->w.root, service, identity);
}

/* Groups made before the prefix existed keep the Service that is named like the workload. */
static void observe_service(struct rctx *c, const struct rbg_world *w, struct role_world *rw) {
    const char *old = name_workload(c->a, w->group.name, rw->role->name);
    rw->service_name = name_service(c->a, w->group.name, rw->role->name);
    const struct jv *unprefixed = source_get(c->src, c->a, KIND_SERVICE, w->group.ns, old);
    enum claim claim = claim_service(c, w, rw, unprefixed);
    if (claim == CLAIM_OURS || claim == CLAIM_ORPHAN) {
        rw->service = unprefixed;
        rw->service_name = old;
        return;
    }
    const struct jv *service = source_get(c->src, c->a, KIND_SERVICE, w->group.ns, rw->service_name);
    claim = claim_service(c, w, rw, service);
    rw->borrowed_service = claim == CLAIM_FOREIGN && is_service_of_user(w->w.root, service);
    if (claim == CLAIM_OURS || claim == CLAIM_ORPHAN || rw->borrowed_service) rw->service = service;
    else rw->foreign_service = claim_other(claim, service);
}

static void observe_workload(struct rctx *c, const struct rbg_world *w, struct role_world *rw) {
    const char *name = name_workload(c->a, w->group.name, rw->role->name);
    rw->workload = named(w->workloads, w->nworkloads, name);
    if (rw->workload) return;
    const struct jv *other = source_get(c->src, c->a, KIND_RIS, w->group.ns, name);
    enum claim claim = claim_of(c, w->w.root, other, is_of_role(w->w.root, rw->role->name, other));
    if (claim == CLAIM_ORPHAN) rw->workload = other;
    rw->foreign = claim_other(claim, other);
}

static void observe_role(struct rctx *c, struct rbg_world *w, struct role_world *rw) {
    observe_workload(c, w, rw);
    observe_service(c, w, rw);
    const char *name = name_workload(c->a, w->group.name, rw->role->name);
    rw->of_before = source_get(c->src, c->a, KIND_CONFIGMAP, w->group.ns, name) != NULL;
    if (rw->workload && !wholly_ready(rw->workload)) observe_causes(c, rw->workload, &rw->causes);
    observe_profiles(c, w, rw);
}

static void observe_roles(struct rctx *c, struct rbg_world *w) {
    size_t n = w->group.spec.roles.n;
    w->roles = ARENA_ARRAY(c->a, n + 1, struct role_world);
    int *level = NULL;
    if (rbg_order(c->a, &w->group.spec, &w->order, &level, &w->order_err) == 0) w->order_err.code = ERR_NONE;
    for (size_t i = 0; i < n; i++) {
        w->roles[i].role = &w->group.spec.roles.items[i];
        w->roles[i].level = level && w->order_err.code == ERR_NONE ? level[i] : 0;
        observe_role(c, w, &w->roles[i]);
        observe_adapter(c, w, i);
    }
}

/* Keeps those that the group controls; the cache's index also finds other owner references. */
static size_t controlled(struct jv **list, size_t n, const char *uid) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (str_eq(jv_get_str(meta_controller(list[i]), "uid"), uid)) list[kept++] = list[i];
    return kept;
}

static struct world *rbg_observe(struct rctx *c, const struct rkey *key) {
    const struct jv *doc = source_get(c->src, c->a, KIND_RBG, key->ns, key->name);
    if (!doc || meta_deleting(doc)) return NULL;
    struct rbg_world *w = ARENA_NEW(c->a, struct rbg_world);
    w->w = (struct world){.root = doc, .opt = c->opt, .now_ms = c->now_ms};
    const char *uid = meta_uid(doc);
    w->nworkloads = source_owned(c->src, c->a, KIND_RIS, uid, &w->workloads);
    w->nworkloads = controlled(w->workloads, w->nworkloads, uid);
    w->nadapters = source_owned(c->src, c->a, KIND_ADAPTER, uid, &w->adapters);
    w->nrevisions = history_observe(c, doc, is_revision_of_group, &w->revisions);
    const struct jv *cm = source_get(c->src, c->a, KIND_CONFIGMAP, key->ns, key->name);
    enum claim claim = claim_of(c, doc, cm, is_configmap_of_group(doc, cm));
    if (claim == CLAIM_OURS || claim == CLAIM_ORPHAN) w->configmap = cm;
    w->foreign_configmap = claim_other(claim, cm);
    if (rbg_decode(c->a, doc, &w->group, &w->decode) == 0 && rbg_spec_limits(&w->group.spec, &w->decode) == 0) {
        w->decode.code = ERR_NONE;
        observe_roles(c, w);
        if (rbg_pods_limits(&w->group.spec, &w->decode)) w->roles = NULL; /* nothing is made of any of them */
    }
    return &w->w;
}

static struct world *rbg_refuse(struct rctx *c, const struct jv *root, const char *why) {
    struct rbg_world *w = ARENA_NEW(c->a, struct rbg_world);
    w->w = (struct world){.root = root, .opt = c->opt, .now_ms = c->now_ms};
    err_set(&w->decode, ERR_LIMIT, "%s", why);
    return &w->w;
}

/* A Service is owned by its workload, so the group is found by the label. */
static void route_by_label(const struct jv *doc, void (*add)(void *ctx, const char *ns, const char *name), void *ctx) {
    const char *group = meta_label(doc, L_GROUP_NAME);
    if (group) add(ctx, meta_ns(doc), group);
}

/* The group owns its adapters, but is not their controller. */
static void route_by_owner(const struct jv *doc, void (*add)(void *ctx, const char *ns, const char *name), void *ctx) {
    JV_FOR_ARR(ref, jv_path(doc, "metadata", "ownerReferences", (char *)0))
        if (str_eq(jv_get_str(*ref, "kind"), kind_info(KIND_RBG)->name)) add(ctx, meta_ns(doc), jv_get_str(*ref, "name"));
}

static const char *profile_key(struct arena *a, const struct jv *doc) {
    return source_profile_key(a, meta_name(doc));
}

/* What keeps an instance from being ready is news of the instance, not of its set. */
static const struct route routes[] = {
    {.kind = KIND_RIS},
    {.kind = KIND_RIS, .map = route_by_label}, /* also a namesake of another owner, whose end lets a role start */
    {.kind = KIND_RI, .map = route_by_label, .news = cause_news},
    {.kind = KIND_CONFIGMAP},
    {.kind = KIND_CONFIGMAP, .map = route_by_label},
    {.kind = KIND_SERVICE, .map = route_by_label},
    {.kind = KIND_ADAPTER, .map = route_by_owner},
    {.kind = KIND_PROFILE, .index = profile_key},
};

const struct reconciler rbg_reconciler = {
    .name = "RoleBasedGroup",
    .root = KIND_RBG,
    .routes = routes,
    .nroutes = sizeof routes / sizeof *routes,
    .observe = rbg_observe,
    .plan = rbg_plan,
    .refuse = rbg_refuse,
};
