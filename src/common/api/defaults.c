/* The defaults of admission: what the schema of the definitions writes, and what the controllers would otherwise assume. A default
 * says what happens anyway, so that a user can read it; it never changes what a role's pods are made of. Deliberately not
 * written:
 * - the rollout strategy of Deployment and LeaderWorkerSet roles, whose own defaults differ and hold as long as none is given;
 * - anything inside a pod template beyond the schema's own defaults.
 * Pure and idempotent; the document is changed in place. */
#include "api/admission.h"
#include "api/names.h"
#include "base/err.h"
#include "base/str.h"
#include "doc/find.h"
#include "fields.h"

static const char *const restart_patterns[] = {"leaderWorkerPattern", "customComponentsPattern"};

/* Writes `key` when it is absent or null. */
static void default_int(struct arena *a, struct jv *obj, const char *key, int64_t v) {
    const struct jv *had = jv_get(obj, key);
    if (!had || jv_is(had, J_NULL)) jv_set_int(a, obj, key, v);
}

static void default_str(struct arena *a, struct jv *obj, const char *key, const char *v) {
    const struct jv *had = jv_get(obj, key);
    if (!had || jv_is(had, J_NULL)) jv_set_str(a, obj, key, v);
}

/* The member, made when absent; NULL when it is something else than an object. */
static struct jv *default_obj(struct arena *a, struct jv *obj, const char *key) {
    struct jv *v = jv_need_obj(a, obj, key);
    return jv_is(v, J_OBJ) ? v : NULL;
}

static void default_rollout(struct arena *a, struct jv *role, enum workload workload) {
    if (workload != WL_RIS && workload != WL_STATEFULSET) return;
    struct jv *rollout = default_obj(a, role, "rolloutStrategy");
    if (!rollout) return;
    default_str(a, rollout, "type", "RollingUpdate");
    struct jv *rolling = default_obj(a, rollout, "rollingUpdate");
    if (!rolling) return;
    if (workload == WL_RIS) default_str(a, rolling, "type", "InPlaceIfPossible");
    schema_default(a, rolling, &role_rolling_update_type, false);
}

static void default_sizes(struct arena *a, struct jv *role) {
    JV_FOR_ARR(it, jv_path(role, "customComponentsPattern", "components", (char *)0))
        if (jv_is(*it, J_OBJ)) default_int(a, *it, "size", 1);
}

/* What a deprecated restartPolicy means. */
static void default_restart(struct arena *a, struct jv *role) {
    for (size_t i = 0; i < sizeof restart_patterns / sizeof *restart_patterns; i++) {
        struct jv *pattern = jv_get(role, restart_patterns[i]);
        const char *said = jv_get_str(pattern, "restartPolicy");
        if (str_empty(said)) continue;
        struct jv *config = default_obj(a, pattern, "restartPolicyConfig");
        if (!config || !str_empty(jv_get_str(config, "type"))) continue;
        jv_set_str(a, config, "type", said);
        schema_default(a, config, &restart_config_type, false);
    }
}

static void default_role(struct arena *a, struct jv *doc) {
    if (!jv_is(doc, J_OBJ)) return;
    struct role role = {.annotations = jv_get(doc, "annotations")};
    default_int(a, doc, "replicas", 1);
    default_rollout(a, doc, role_workload(&role));
    default_sizes(a, doc);
    default_restart(a, doc);
}

static void default_roles(struct arena *a, struct jv *spec) {
    JV_FOR_ARR(it, jv_get(spec, "roles")) default_role(a, *it);
}

void admission_scale(struct arena *a, enum kind k, struct jv *doc, const struct lookup *l) {
    if (k != KIND_RBG || !l || !l->adapter_replicas) return;
    JV_FOR_ARR(it, jv_path(doc, "spec", "roles", (char *)0)) {
        const struct jv *had = jv_get(*it, "replicas");
        const char *name = jv_get_str(*it, "name");
        struct err e = ERR_INIT;
        int32_t wants;
        if (!name || !jv_get_bool(jv_get(*it, "scalingAdapter"), "enable", false) || (had && !jv_is(had, J_NULL))) continue;
        if (l->adapter_replicas(l->ctx, meta_ns(doc), name_adapter(a, meta_name(doc), name), &wants, &e) > 0)
            jv_set_int(a, *it, "replicas", wants);
    }
}

/* Whether the group has the one ConfigMap or those of its former life is decided once: a group that is created now has the one. */
static void default_discovery(struct arena *a, struct jv *doc) {
    const char *mode = meta_annotation(doc, A_DISCOVERY_MODE);
    if (str_eq(mode, "legacy") || str_eq(mode, "refine")) return;
    struct jv *meta = default_obj(a, doc, "metadata");
    struct jv *annotations = meta ? default_obj(a, meta, "annotations") : NULL;
    if (annotations) jv_set_str(a, annotations, A_DISCOVERY_MODE, "refine");
}

void admission_default(struct arena *a, enum kind k, struct jv *doc, bool create) {
    if ((k != KIND_RBG && k != KIND_RBGSET) || !jv_is(doc, J_OBJ)) return;
    schema_default(a, doc, k == KIND_RBG ? &rbg_type : &rbgset_type, false);
    if (k == KIND_RBGSET) {
        default_roles(a, jv_path(doc, "spec", "groupTemplate", "spec", (char *)0));
        return;
    }
    default_roles(a, jv_get(doc, "spec"));
    if (create) default_discovery(a, doc);
}

/* ---- fields that follow deprecated ones ---- */

static void follow_role(struct arena *a, struct jv *role, const struct jv *was) {
    for (size_t i = 0; i < sizeof restart_patterns / sizeof *restart_patterns; i++) {
        const char *now = jv_get_str(jv_get(role, restart_patterns[i]), "restartPolicy"),
                   *before = jv_get_str(jv_get(was, restart_patterns[i]), "restartPolicy");
        struct jv *config = jv_path(role, restart_patterns[i], "restartPolicyConfig", (char *)0);
        const char *old_type = jv_str(jv_path(was, restart_patterns[i], "restartPolicyConfig", "type", (char *)0), "");
        if (str_empty(now) || str_empty(before) || str_eq(now, before)) continue;
        if (str_eq(old_type, before) && str_eq(jv_get_str(config, "type"), before))
            jv_set_str(a, config, "type", now);
    }
}

/* The mode is what it was: an update that has lost the annotation (kubectl replace, or a hand) does not mean to change it. */
static void follow_discovery(struct arena *a, struct jv *doc, const struct jv *old) {
    const char *was = meta_annotation(old, A_DISCOVERY_MODE);
    if (!was || meta_annotation(doc, A_DISCOVERY_MODE)) return;
    struct jv *meta = default_obj(a, doc, "metadata"), *annotations = meta ? default_obj(a, meta, "annotations") : NULL;
    if (annotations) jv_set_str(a, annotations, A_DISCOVERY_MODE, was);
}

void admission_follow(struct arena *a, enum kind k, struct jv *doc, const struct jv *old) {
    if (k != KIND_RBG && k != KIND_RBGSET) return;
    if (k == KIND_RBG) follow_discovery(a, doc, old);
    const struct jv *spec = jv_get(doc, "spec"), *was = jv_get(old, "spec");
    if (k == KIND_RBGSET) {
        spec = jv_path(spec, "groupTemplate", "spec", (char *)0);
        was = jv_path(was, "groupTemplate", "spec", (char *)0);
    }
    const struct jv *roles = jv_get(was, "roles");
    struct finder by_name = finder_of(a, roles, "name");
    JV_FOR_ARR(it, jv_get(spec, "roles")) {
        const struct jv *name = jv_get(*it, "name");
        int64_t i = jv_is(name, J_STR) ? finder_find(&by_name, name) : -1;
        if (i >= 0) follow_role(a, *it, jv_idx(roles, (size_t)i));
    }
}
