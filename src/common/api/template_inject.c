/* Edits of a pod template that give its containers what a role's members need to find each other:
 * the discovery file, the sidecars of runtime profiles, environment variables (part B 4.2 to 4.4).
 * Pure; edits the caller's tree in place. */
#include "api/names.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/find.h"
#include "template_internal.h"

#define ENV_PREFIX "RBG_"
#define ENV_LWP_PREFIX "RBG_LWP_"

static struct jv *tpl_spec(struct arena *a, struct jv *tpl) {
    return jv_need_obj(a, tpl, "spec");
}

/* ---- the discovery file ---- */

static bool has_mount(const struct jv *mounts, const char *name, const char *path) {
    JV_FOR_ARR (it, mounts)
        if (str_eq(jv_get_str(*it, "name"), name) && str_eq(jv_get_str(*it, "mountPath"), path))
            return true;
    return false;
}

static struct jv *config_volume(struct arena *a, const char *group) {
    struct jv *item = jv_new_obj(a), *items = jv_new_arr(a), *map = jv_new_obj(a),
              *volume = jv_new_obj(a);
    jv_set_str(a, item, "key", DISCOVERY_KEY);
    jv_set_str(a, item, "path", DISCOVERY_KEY);
    jv_push(a, items, item);
    jv_set_str(a, map, "name", group);
    jv_set(a, map, "items", items);
    jv_set_str(a, volume, "name", DISCOVERY_VOLUME);
    jv_set(a, volume, "configMap", map);
    return volume;
}

static void mount_config(struct arena *a, struct jv *container) {
    struct jv *mounts = jv_need_arr(a, container, "volumeMounts");
    if (has_mount(mounts, DISCOVERY_VOLUME, DISCOVERY_MOUNT)) return;
    struct jv *m = jv_new_obj(a);
    jv_set_str(a, m, "name", DISCOVERY_VOLUME);
    jv_set_str(a, m, "mountPath", DISCOVERY_MOUNT);
    jv_set_bool(a, m, "readOnly", true);
    jv_push(a, mounts, m);
}

void inject_config(struct arena *a, struct jv *tpl, const char *group) {
    struct jv *spec = tpl_spec(a, tpl), *volumes = jv_need_arr(a, spec, "volumes");
    if (!jv_find(volumes, "name", DISCOVERY_VOLUME)) jv_push(a, volumes, config_volume(a, group));
    JV_FOR_ARR (it, jv_get(spec, "containers"))
        if (jv_is(*it, J_OBJ)) mount_config(a, *it);
}

/* ---- sidecars ---- */

static bool wanted(const struct engine_runtime *rt, const char *name) {
    if (!rt->inject_containers.n) return true;
    for (size_t i = 0; i < rt->inject_containers.n; i++)
        if (str_eq(rt->inject_containers.items[i], name)) return true;
    return false;
}

/* Appends the profile's entries that the template does not have yet. rt NULL: all of them. */
static void append_missing(struct arena *a, struct jv *spec, const char *key, const struct jv *from,
                           const struct engine_runtime *rt) {
    if (!jv_len(from)) return;
    struct jv *list = jv_need_arr(a, spec, key);
    struct finder there = finder_of(a, list, "name");
    JV_FOR_ARR (it, from) {
        const char *name = jv_get_str(*it, "name");
        if (!name || finder_find(&there, jv_get(*it, "name")) >= 0 || (rt && !wanted(rt, name))) continue;
        jv_push(a, list, jv_dup(a, *it));
    }
}

static void append_all(struct arena *a, struct jv *container, const char *key,
                       const struct jv *from) {
    if (!jv_len(from)) return;
    struct jv *list = jv_need_arr(a, container, key);
    JV_FOR_ARR (it, from) jv_push(a, list, jv_dup(a, *it));
}

static void override_in(struct arena *a, struct jv *spec, const char *key, const struct jv *profile,
                        const struct jv *over) {
    const char *name = jv_get_str(over, "name");
    if (!name || !jv_find(jv_path(profile, "spec", key, (char *)0), "name", name)) return;
    struct jv *container = jv_find(jv_get(spec, key), "name", name);
    if (!container) return;
    append_all(a, container, "env", jv_get(over, "env"));
    append_all(a, container, "args", jv_get(over, "args"));
}

/* The profile in canonical form, as the template already is. */
static const struct jv *profile_of(struct arena *a, const struct prep *p, size_t i, struct err *e) {
    const char *name = p->role->engine_runtimes.items[i].profile_name;
    const struct jv *doc = p->ctx->profiles ? p->ctx->profiles[i] : NULL;
    if (!doc) {
        err_set(e, ERR_INVALID,
                "role \"%s\": engineRuntimes[%zu].profileName: there is no "
                "ClusterEngineRuntimeProfile \"%s\"; create it or correct the name",
                p->role->name, i, name ? name : "");
        return NULL;
    }
    const struct jv *out =
        schema_canonical(a, doc, kind_version(KIND_PROFILE, "v1alpha2")->type, e);
    if (out && (!p->ctx->restrict_profiles || profile_limits(out, e) == 0)) return out;
    err_wrap(e, "role \"%s\": ClusterEngineRuntimeProfile \"%s\"", p->role->name, name);
    return NULL;
}

static int apply_overrides(struct arena *a, struct jv *spec, const struct prep *p, size_t i,
                           const struct jv *profile, struct err *e) {
    size_t k = 0;
    JV_FOR_ARR (it, p->role->engine_runtimes.items[i].containers) {
        const struct jv *over = schema_canonical(a, *it, &core_Container, e);
        if (!over)
            return err_wrap(e, "role \"%s\": engineRuntimes[%zu].containers[%zu]", p->role->name, i,
                            k);
        override_in(a, spec, "containers", profile, over);
        override_in(a, spec, "initContainers", profile, over);
        k++;
    }
    return 0;
}

int inject_sidecars(struct arena *a, struct jv *tpl, const struct prep *p, struct err *e) {
    struct jv *spec = tpl_spec(a, tpl);
    for (size_t i = 0; i < p->role->engine_runtimes.n; i++) {
        const struct engine_runtime *rt = &p->role->engine_runtimes.items[i];
        const struct jv *profile = profile_of(a, p, i, e), *ps = jv_get(profile, "spec");
        if (!profile) return -1;
        append_missing(a, spec, "initContainers", jv_get(ps, "initContainers"), NULL);
        append_missing(a, spec, "containers", jv_get(ps, "containers"), rt);
        append_missing(a, spec, "volumes", jv_get(ps, "volumes"), NULL);
        if (apply_overrides(a, spec, p, i, profile, e)) return -1;
    }
    return 0;
}

/* ---- environment ---- */

static bool is_lwp(const char *name) {
    return str_has_prefix(name, ENV_LWP_PREFIX);
}

static bool is_common(const char *name) {
    return str_has_prefix(name, ENV_PREFIX) && !is_lwp(name);
}

static bool is_other(const char *name) {
    return !str_has_prefix(name, ENV_PREFIX);
}

/* A container's own variables; `last`: of each name the last. */
struct own_env {
    const struct jv *list;
    struct map *last; /* NULL: few enough to be searched */
};

static struct own_env own_env(struct arena *a, const struct jv *list) {
    enum { SEARCHED = 32 };
    struct own_env own = {list, jv_len(list) > SEARCHED ? map_in(a) : NULL};
    JV_FOR_ARR (it, own.last ? list : NULL)
        if (jv_get_str(*it, "name")) map_put(own.last, jv_get_str(*it, "name"), *it);
    return own;
}

static bool repeated_later(const struct own_env *own, size_t i, const char *name) {
    if (own->last) return map_get(own->last, name) != own->list->items[i];
    for (size_t k = i + 1; k < jv_len(own->list); k++)
        if (str_eq(jv_get_str(jv_idx(own->list, k), "name"), name)) return true;
    return false;
}

/* Copies those variables of `from` that are of a class and not among the injected ones; of
 * duplicates the last. */
static void keep(struct arena *a, struct jv *to, const struct own_env *from, const struct jv *injected,
                 bool (*of_class)(const char *)) {
    for (size_t i = 0; i < jv_len(from->list); i++) {
        struct jv *v = jv_idx(from->list, i);
        const char *name = jv_get_str(v, "name");
        if (name && of_class(name) && !jv_find(injected, "name", name) &&
            !repeated_later(from, i, name))
            jv_push(a, to, v);
    }
}

void template_inject_env(struct arena *a, struct jv *container, const struct jv *env) {
    const struct own_env old = own_env(a, jv_get(container, "env"));
    struct jv *out = jv_new_arr(a);
    keep(a, out, &old, env, is_common);
    JV_FOR_ARR (it, env) jv_push(a, out, jv_dup(a, *it));
    keep(a, out, &old, env, is_lwp);
    keep(a, out, &old, env, is_other);
    jv_set(a, container, "env", out);
}

static void inject_all(struct arena *a, struct jv *tpl, const struct jv *env) {
    JV_FOR_ARR (it, jv_get(tpl_spec(a, tpl), "containers"))
        if (jv_is(*it, J_OBJ)) template_inject_env(a, *it, env);
}

static void env_value(struct arena *a, struct jv *env, const char *name, const char *value) {
    struct jv *v = jv_new_obj(a);
    jv_set_str(a, v, "name", name);
    jv_set_str(a, v, "value", value);
    jv_push(a, env, v);
}

static void env_label(struct arena *a, struct jv *env, const char *name, const char *label) {
    struct jv *ref = jv_new_obj(a), *from = jv_new_obj(a), *v = jv_new_obj(a);
    jv_set(a, ref, "fieldPath", jv_new_strf(a, "metadata.labels['%s']", label));
    jv_set(a, from, "fieldRef", ref);
    jv_set_str(a, v, "name", name);
    jv_set(a, v, "valueFrom", from);
    jv_push(a, env, v);
}

/* Sorted by name: containers see the variables in this order, and hashes depend on it. */
void inject_common_env(struct arena *a, struct jv *tpl, const struct prep *p) {
    bool ris = p->workload == WL_RIS;
    struct jv *env = jv_new_arr(a);
    if (ris) env_label(a, env, "RBG_COMPONENT_INDEX", L_COMPONENT_ID);
    if (ris) env_label(a, env, "RBG_COMPONENT_NAME", L_COMPONENT_NAME);
    env_value(a, env, "RBG_GROUP_NAME", p->ctx->group->name);
    if (role_stateful(p->role))
        env_label(a, env, "RBG_ROLE_INDEX",
                  ris ? L_INSTANCE_INDEX : "apps.kubernetes.io/pod-index");
    if (ris) env_label(a, env, "RBG_ROLE_INSTANCE_NAME", L_INSTANCE_NAME);
    env_value(a, env, "RBG_ROLE_NAME", p->role->name);
    inject_all(a, tpl, env);
}

void inject_lwp_env(struct arena *a, struct jv *tpl, const struct prep *p) {
    struct jv *env = jv_new_arr(a);
    env_value(a, env, "RBG_LWP_LEADER_ADDRESS",
              arena_printf(a, "$(RBG_ROLE_INSTANCE_NAME)-0.%s.%s", p->ctx->service_name,
                           p->ctx->group->ns));
    env_label(a, env, "RBG_LWP_WORKER_INDEX", L_COMPONENT_INDEX);
    env_label(a, env, "RBG_LWP_GROUP_SIZE", L_COMPONENT_SIZE);
    inject_all(a, tpl, env);
}

void env_note(struct arena *a, struct jv *vars, const char *name, const char *value) {
    struct jv *v = jv_new_obj(a);
    jv_set_str(a, v, "name", name);
    jv_set_str(a, v, "value", value);
    jv_push(a, vars, v);
}

static void env_set(struct arena *a, struct jv *container, const struct jv *vars) {
    struct jv *env = jv_need_arr(a, container, "env");
    struct finder there = finder_of(a, env, "name");
    JV_FOR_ARR (it, vars) {
        int64_t i = finder_find(&there, jv_get(*it, "name"));
        struct jv *fresh = jv_dup(a, *it);
        if (i >= 0) env->items[i] = fresh;
        else jv_push(a, env, fresh);
    }
}

void env_set_everywhere(struct arena *a, struct jv *spec, const struct jv *vars) {
    if (!jv_len(vars)) return;
    JV_FOR_ARR (it, jv_get(spec, "initContainers"))
        if (jv_is(*it, J_OBJ)) env_set(a, *it, vars);
    JV_FOR_ARR (it, jv_get(spec, "containers"))
        if (jv_is(*it, J_OBJ)) env_set(a, *it, vars);
}
