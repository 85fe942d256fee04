/* Decides what a group needs: its revision, discovery file, workloads, services and status. Pure.
 *
 * Dependencies gate the first start of a role only: a role that runs is updated, scaled and cleaned up whatever its
 * dependencies do. A role that can't be built (a template that is gone, a profile that is missing) is reported in the status
 * and does not hold up the others. */
#include <string.h>

#include "api/limits.h"
#include "api/names.h"
#include "base/str.h"
#include "controller/core/history.h"
#include "controller/rbg/world.h"
#include "doc/scalar.h"

#define HISTORY_LIMIT 5

struct pass {
    struct arena *a;
    const struct rbg_world *w;
    struct plan *p;
    struct group_revision revision;
    struct role_result *results;
    bool fresh;   /* this generation has not been seen by the status yet: events that belong to a change are due */
    bool started; /* the workload of a role is made in this pass */
    const char *excess; /* why the discovery file can't be written; NULL: it can */
    bool refine;  /* there is a discovery file */
};

/* An orphan is adopted first, and looked at again when it is ours. Returns whether it is one. */
static bool adopted(struct pass *s, enum kind k, const struct jv *live, enum kind owner_kind, const struct jv *owner,
                    bool controller) {
    if (!live || meta_owned_by(live, meta_uid(owner))) return false;
    plan_adopt(s->p, k, live, kind_owner_ref(s->a, owner_kind, owner, controller, true));
    return true;
}

/* ---- revisions ---- */

static void plan_revision(struct pass *s) {
    const struct rbg_world *w = s->w;
    const struct jv *newest = w->nrevisions ? w->revisions[w->nrevisions - 1] : NULL;
    history_adopt(s->p, w->revisions, w->nrevisions, KIND_RBG, w->w.root);
    size_t surplus = w->nrevisions > HISTORY_LIMIT ? w->nrevisions - HISTORY_LIMIT : 0;
    for (size_t i = 0; i < surplus; i++) plan_delete(s->p, KIND_REVISION, w->revisions[i]);
    if (newest && build_revision_same(newest, s->revision.bytes, s->revision.len)) return;
    int64_t number = jv_get_int(newest, "revision", 0) + 1;
    struct jv *object = build_group_revision_object(s->a, &w->group, &s->revision, number);
    struct action *act = plan_create(s->p, KIND_REVISION, object);
    action_on_ok(s->p, act, "SucceedCreateRevision", "Created revision %s", meta_name(object));
    action_on_fail(act, "FailedCreateRevision");
}

/* ---- discovery ---- */

/* What a group without the annotation was. "refine": one ConfigMap for the group, which is there and ours. "legacy": from before
 * that mode, by the ConfigMaps of its roles or by its status. Neither: it is new. */
static bool was_refine(const struct rbg_world *w) {
    const struct jv *status = jv_get(w->w.root, "status");
    if (w->configmap && str_eq(jv_get_str(meta_controller(w->configmap), "uid"), meta_uid(w->w.root))) return true;
    for (size_t i = 0; i < w->group.spec.roles.n; i++)
        if (w->roles[i].of_before) return false;
    return !jv_get_int(status, "observedGeneration", 0) && !jv_len(jv_get(status, "roleStatuses"));
}

/* Written before the first status: by that, a new group would look like one of before. */
static bool plan_discovery_mode(struct pass *s) {
    const struct jv *root = s->w->w.root;
    const char *mode = meta_annotation(root, A_DISCOVERY_MODE);
    if (str_eq(mode, "refine") || str_eq(mode, "legacy")) return str_eq(mode, "refine");
    bool refine = was_refine(s->w);
    struct jv *patch = jv_new_obj(s->a);
    struct jv *meta = jv_need_obj(s->a, patch, "metadata");
    jv_set_str(s->a, jv_need_obj(s->a, meta, "annotations"), A_DISCOVERY_MODE, refine ? "refine" : "legacy");
    plan_patch(s->p, KIND_RBG, root, patch);
    plan_barrier(s->p);
    return refine;
}

static void plan_discovery(struct pass *s) {
    s->refine = plan_discovery_mode(s);
    if (!s->refine) return;
    size_t n = s->w->group.spec.roles.n;
    const char **services = ARENA_ARRAY(s->a, n + 1, const char *);
    for (size_t i = 0; i < n; i++) services[i] = s->w->roles[i].service_name;
    struct jv *cm = build_discovery(s->a, &s->w->group, services);
    if (!cm) return;
    if (s->w->foreign_configmap.doc) {
        plan_wait_for_name(s->p, KIND_CONFIGMAP, &s->w->foreign_configmap);
        return;
    }
    const struct jv *text = jv_path(cm, "data", DISCOVERY_KEY, (char *)0);
    if (text && text->len > CONFIGMAP_MAX) {
        s->excess = arena_printf(s->a, "the discovery file has %u bytes, a ConfigMap may have %d: have fewer pods, shorter names "
                                 "or fewer servicePorts", (unsigned)text->len, CONFIGMAP_MAX);
        if (s->fresh) plan_event(s->p, "Warning", "FailedReconcileDiscoveryConfigMap", "%s", s->excess);
        return;
    }
    if (!adopted(s, KIND_CONFIGMAP, s->w->configmap, KIND_RBG, s->w->w.root, true))
        action_on_fail(plan_apply(s->p, KIND_CONFIGMAP, cm, s->w->configmap), "FailedReconcileDiscoveryConfigMap");
}

/* ---- roles ---- */

bool workload_ready(const struct jv *workload) {
    const struct jv *spec = jv_get(workload, "spec"), *status = jv_get(workload, "status");
    if (!workload || jv_get_int(status, "observedGeneration", 0) < meta_generation(workload)) return false;
    return jv_get_int(status, "readyReplicas", 0) == jv_get_int(spec, "replicas", 1);
}

static const struct role_world *role_world(const struct rbg_world *w, const char *name) {
    for (size_t i = 0; i < w->group.spec.roles.n; i++)
        if (str_eq(w->roles[i].role->name, name)) return &w->roles[i];
    return NULL;
}

/* The first dependency that a role that does not run yet has to wait for; NULL when it may start. */
static const char *waits_for(const struct rbg_world *w, const struct role *r) {
    for (size_t i = 0; i < r->dependencies.n; i++) {
        const struct role_world *dep = role_world(w, r->dependencies.items[i]);
        if (!dep || !workload_ready(dep->workload)) return r->dependencies.items[i];
    }
    return NULL;
}

static void role_problem(struct pass *s, size_t i, const char *reason, const char *message) {
    s->results[i].reason = reason;
    s->results[i].problem = message;
    if (s->fresh) plan_event(s->p, "Warning", reason, "%s", message);
}

static const char *missing_profile(const struct role_world *rw) {
    for (size_t i = 0; i < rw->role->engine_runtimes.n; i++)
        if (!rw->profiles[i]) return rw->role->engine_runtimes.items[i].profile_name;
    return NULL;
}

/* The status of this very pass must know what the workload is about to be told. */
static void note_change(struct pass *s, size_t i, const struct jv *wanted, bool applied) {
    const struct jv *live = s->w->roles[i].workload;
    const char *label = name_role_revision_label(s->a, s->w->roles[i].role->name);
    bool scaled = jv_path(live, "spec", "replicas", (char *)0) &&
                  !jv_eq(jv_path(live, "spec", "replicas", (char *)0), jv_path(wanted, "spec", "replicas", (char *)0));
    s->results[i].applied = applied;
    s->results[i].reshaped = applied && live && (!scaled || !str_eq(meta_label(live, label), meta_label(wanted, label)));
    if (applied && !live) s->started = true;
}

static int plan_profiles(struct pass *s, size_t i, const struct role_build *b, struct jv *ris, struct err *e) {
    const struct role_world *rw = &s->w->roles[i];
    struct role without = *rw->role;
    without.engine_runtimes.n = 0;
    const struct jv *base = build_ris(s->a, b, &without, e);
    bool waits;
    if (!base) return -1;
    keep_profiles(s->a, rw, s->revision.role_hash[i], base, ris, &waits);
    if (waits) plan_after(s->p, rw->profile_wait_ms);
    return 0;
}

/* One that is on its way out is only waited for. */
static void name_taken(struct pass *s, size_t i, enum kind k, const struct other *other) {
    const char *role = s->w->roles[i].role->name, *message = claim_taken(s->a, k, other, "this group");
    plan_wait_for_name(s->p, k, other);
    if (other->ending) return;
    s->results[i].reason = REASON_NAME_TAKEN;
    s->results[i].problem = arena_printf(s->a, "role %s: %s", role, message);
    if (s->fresh) plan_event(s->p, "Warning", "FailedReconcileWorkload", "%s", s->results[i].problem);
}

/* The Service is owned by the workload, so it comes once the workload has a uid. One that the user has brought gets no owner, and
 * only the label by which the cache finds it. */
static void plan_service(struct pass *s, size_t i) {
    const struct role_world *rw = &s->w->roles[i];
    if (rw->foreign_service.doc) {
        name_taken(s, i, KIND_SERVICE, &rw->foreign_service);
        return;
    }
    struct jv *service = build_service(s->a, &s->w->group, rw->role, rw->service_name, KIND_RIS, rw->workload);
    if (rw->borrowed_service) {
        struct jv *meta = jv_get(service, "metadata"), *labels = jv_new_obj(s->a);
        jv_set_str(s->a, labels, L_GROUP_NAME, s->w->group.name);
        jv_set(s->a, meta, "labels", labels);
        jv_del(meta, "annotations");
        jv_del(meta, "ownerReferences");
    } else if (adopted(s, KIND_SERVICE, rw->service, KIND_RIS, rw->workload, false)) {
        return;
    }
    action_on_fail(plan_apply(s->p, KIND_SERVICE, service, rw->service), "FailedReconcileWorkload");
}

static void plan_workload(struct pass *s, size_t i) {
    const struct role_world *rw = &s->w->roles[i];
    struct role_build b = {.ctx = {.group = &s->w->group,
                                   .service_name = rw->service_name,
                                   .profiles = rw->profiles,
                                   .scheduler = s->w->w.opt->scheduler,
                                   .restrict_profiles = s->w->w.opt->restrict_profiles,
                                   .no_discovery = !s->refine && !keeps_mount(s->a, rw, s->revision.role_hash[i])},
                           .role_hash = s->revision.role_hash[i],
                           .replicas = role_replicas(rw->role)};
    struct err e = ERR_INIT;
    struct jv *ris = build_ris(s->a, &b, rw->role, &e);
    if (ris && rw->role->engine_runtimes.n && plan_profiles(s, i, &b, ris, &e)) ris = NULL;
    if (!ris) {
        bool refers = rw->role->standalone.template_ref.set || rw->role->leader_worker.template_ref.set;
        bool reference = refers && !template_resolve(s->a, &s->w->group.spec, rw->role, NULL);
        role_problem(s, i, reference ? "InvalidTemplateRef" : "FailedReconcileWorkload", arena_strdup(s->a, e.msg));
        return;
    }
    if (!adopted(s, KIND_RIS, rw->workload, KIND_RBG, s->w->w.root, true)) {
        struct action *act = plan_apply(s->p, KIND_RIS, ris, rw->workload);
        action_on_fail(act, "FailedReconcileWorkload");
        note_change(s, i, ris, act != NULL);
    }
    plan_adapter(s->p, s->w, rw, s->fresh);
    if (rw->foreign_adapter.doc) name_taken(s, i, KIND_ADAPTER, &rw->foreign_adapter);
    /* What a workload that goes would own would go with it, also when its children are to stay. */
    if (rw->workload && !meta_deleting(rw->workload)) plan_service(s, i);
}

static void plan_role(struct pass *s, size_t i) {
    const struct role_world *rw = &s->w->roles[i];
    const char *name = rw->role->name, *profile = missing_profile(rw);
    const char *wrong = name ? name_dns1123_label(name) : "is missing";
    if (wrong)
        role_problem(s, i, "FailedReconcileWorkload",
                     arena_printf(s->a, "role %.100s: the name becomes part of names of objects, and it %s: rename the role",
                                  name ? name : "", wrong));
    else if (role_workload(rw->role) != WL_RIS)
        role_problem(s, i, "FailedReconcileWorkload",
                     arena_printf(s->a, "role %s: workload type %s is not supported; remove annotation %s to run it as a "
                                  "RoleInstanceSet", name, role_workload_type(rw->role), A_WORKLOAD_TYPE));
    else if (rw->foreign.doc)
        name_taken(s, i, KIND_RIS, &rw->foreign);
    else if (profile)
        role_problem(s, i, "FailedReconcileWorkload",
                     arena_printf(s->a, "role %s: ClusterEngineRuntimeProfile %s does not exist; create it or correct "
                                  "engineRuntimes[].profileName", name, profile));
    else
        plan_workload(s, i);
}

static void plan_roles(struct pass *s) {
    const struct rbg_world *w = s->w;
    for (size_t k = 0; k < w->group.spec.roles.n; k++) {
        size_t i = w->order_err.code == ERR_NONE ? w->order[k] : k;
        const struct role_world *rw = &w->roles[i];
        if (!rw->workload && w->order_err.code != ERR_NONE) continue; /* the status says what is wrong */
        const char *dep = rw->workload ? NULL : waits_for(w, rw->role);
        if (!dep) {
            plan_role(s, i);
            continue;
        }
        s->results[i] = (struct role_result){.waiting = true, .waits_for = dep};
        if (s->fresh)
            plan_event(s->p, "Normal", "DependencyNotMet", "Role %s waits until role %s is ready", rw->role->name, dep);
    }
}

/* Workloads of roles that the group no longer has. Their Services, instances and pods follow by owner reference. */
static void plan_orphans(struct pass *s) {
    const struct rbg_world *w = s->w;
    for (size_t i = 0; i < w->nworkloads; i++) {
        bool wanted = meta_deleting(w->workloads[i]);
        for (size_t r = 0; r < w->group.spec.roles.n && !wanted; r++) wanted = w->roles[r].workload == w->workloads[i];
        if (!wanted) action_on_fail(plan_delete(s->p, KIND_RIS, w->workloads[i]), "FailedDeleteWorkload");
    }
}

/* ---- the group ---- */

static const char *told_reason(const struct jv *conditions, const char *type) {
    return jv_get_str(jv_find(conditions, "type", type), "reason");
}

/* What people wait for is told at once: a turn of Ready, and another cause. Counts on the way there may be collected. */
static bool is_news(const struct jv *old, const struct jv *conditions) {
    static const char *const types[] = {"Ready", "Progressing", "Stalled"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (condition_true(old, types[i]) != condition_true(conditions, types[i])) return true;
    return !str_eq(told_reason(old, "Progressing"), told_reason(conditions, "Progressing"));
}

static bool problem_of(const struct pass *s) {
    for (size_t i = 0; s->w->roles && i < s->w->group.spec.roles.n; i++)
        if (s->results[i].problem) return true;
    return false;
}

static void plan_group_status(struct pass *s, const char *reason, const char *message) {
    const struct jv *root = s->w->w.root, *old = jv_path(root, "status", "conditions", (char *)0);
    struct status_told told;
    struct jv *status = rbg_status(s->a, s->w, s->results, reason, message, &told);
    const struct jv *conditions = jv_get(status, "conditions");
    bool at_once = s->fresh || is_news(old, conditions);
    action_on_fail(plan_status(s->p, KIND_RBG, root, status, at_once ? 0 : s->w->w.opt->settle_ms), "FailedUpdateStatus");
    bool told_already = s->fresh || !told.stalled || problem_of(s);
    if (!told_already)
        plan_event(s->p, "Warning", "Stalled", "%s: %s", told.stalled,
                   jv_str(jv_get(jv_find(conditions, "type", "Ready"), "message"), ""));
    if (told.look_ms) plan_after(s->p, told.look_ms);
}

static void plan_invalid(struct pass *s, const char *reason, const char *message) {
    if (s->fresh) plan_event(s->p, "Warning", reason, "%s", message);
    plan_group_status(s, reason, message);
}

/* "Succeed" is the event that people and scripts wait for: every role has been applied. */
static void plan_succeed(struct pass *s) {
    size_t n = s->w->group.spec.roles.n;
    if (!s->fresh && !s->started) return;
    for (size_t i = 0; i < n; i++)
        if (s->results[i].problem || s->results[i].waiting) return;
    if (n == 1) plan_event(s->p, "Normal", "Succeed", "The role is applied");
    else plan_event(s->p, "Normal", "Succeed", "All %zu roles are applied", n);
}

void rbg_plan(const struct world *world, struct plan *p) {
    const struct rbg_world *w = (const struct rbg_world *)world;
    struct pass s = {.a = p->a, .w = w, .p = p};
    s.fresh = jv_get_int(jv_get(world->root, "status"), "observedGeneration", 0) != meta_generation(world->root);
    s.results = ARENA_ARRAY(p->a, w->group.spec.roles.n + 1, struct role_result);
    struct err e = ERR_INIT;
    if (w->decode.code != ERR_NONE) {
        plan_invalid(&s, "InvalidSpec", w->decode.msg);
        return;
    }
    if (build_group_revision(p->a, &w->group, &s.revision, &e)) {
        plan_invalid(&s, "InvalidRoleTemplates", arena_strdup(p->a, e.msg));
        return;
    }
    plan_revision(&s);
    plan_discovery(&s);
    plan_roles(&s);
    plan_orphans(&s);
    plan_adapter_orphans(s.p, w);
    if (w->order_err.code != ERR_NONE) {
        plan_invalid(&s, "InvalidRoleDependency", w->order_err.msg);
        return;
    }
    if (s.excess) {
        plan_group_status(&s, "FailedReconcileDiscoveryConfigMap", s.excess);
        return;
    }
    plan_succeed(&s);
    plan_group_status(&s, NULL, NULL);
}
