/* What a role says besides its pod templates: pattern, dependencies, rollout numbers, restart
 * policy, components, runtimes, annotations. Every rule reports with the path of the field, what is
 * wrong and what to write. Pure, except for the lookup of engine runtime profiles. */
#include <string.h>

#include "api/limits.h"
#include "api/names.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/scalar.h"
#include "validate.h"
#include "validate_place.h"

static const char *sub(const struct role_check *k, const char *field) {
    return arena_printf(k->c->a, "%s.%s", k->path, field);
}

/* ---- how many ---- */

static void check_maximum(struct problems *p, const char *path, struct opt32 n,
                          const struct jv *value) {
    if (n.set && n.v > PODS_MAX)
        problem_add(p, path, PROBLEM_INVALID, value, "must be at most %d", PODS_MAX);
}

/* Is one of the numbers beyond the maximum by itself? Then that is what is said. */
static bool has_large_number(const struct role *r) {
    bool large = role_replicas(r) > PODS_MAX;
    if (r->leader_worker.set) large |= role_group_size(r) > PODS_MAX;
    for (size_t i = 0; r->custom.set && i < r->custom.components.n; i++)
        large |= component_size(&r->custom.components.items[i]) > PODS_MAX;
    return large;
}

/* Each number may be within its maximum, and their product beyond it. */
static void check_pods(const struct role_check *k) {
    const struct role *r = k->r;
    check_maximum(k->c->p, sub(k, "replicas"), r->replicas, jv_get(r->doc, "replicas"));
    if (role_pods(r) > PODS_MAX && !has_large_number(r))
        problem_add(k->c->p, sub(k, "replicas"), PROBLEM_INVALID, jv_get(r->doc, "replicas"),
                    "%d replicas of %d pods are %lld pods, at most %d are allowed: lower one of them, or "
                    "write several groups",
                    (int)role_replicas(r), (int)role_group_size(r), (long long)role_pods(r), PODS_MAX);
}

/* ---- the pattern ---- */

static void check_one_pattern(const struct role_check *k) {
    const struct role *r = k->r;
    const char *given[3];
    size_t n = 0;
    if (r->standalone.set) given[n++] = "standalonePattern";
    if (r->leader_worker.set) given[n++] = "leaderWorkerPattern";
    if (r->custom.set) given[n++] = "customComponentsPattern";
    struct words words = {given, n};
    if (n == 0)
        problem_add(k->c->p, k->path, PROBLEM_REQUIRED, NULL,
                    "role \"%s\" says nothing about its pods: write standalonePattern (one pod), "
                    "leaderWorkerPattern (a leader and "
                    "workers) or customComponentsPattern (named components)",
                    r->name ? r->name : "");
    if (n > 1)
        problem_add(k->c->p, k->path, PROBLEM_FORBIDDEN, NULL,
                    "role \"%s\" has %zu patterns, %s: keep one of them", r->name ? r->name : "", n,
                    arena_printf(k->c->a, "%s%s%s%s%s", words.items[0], n > 2 ? ", " : " and ",
                                 words.items[1], n > 2 ? " and " : "",
                                 n > 2 ? words.items[2] : ""));
}

static void check_restart(const struct role_check *k, const char *pattern,
                          const struct restart_config *c) {
    const char *path = arena_printf(k->c->a, "%s.%s.restartPolicyConfig", k->path, pattern);
    const struct jv *doc = jv_path(k->r->doc, pattern, "restartPolicyConfig", (char *)0);
    const struct {
        const char *field;
        struct opt32 v;
    } delays[] = {{"baseDelaySeconds", c->base_delay_seconds},
                  {"maxDelaySeconds", c->max_delay_seconds}};
    bool negative = false;
    for (size_t i = 0; i < 2; i++) {
        if (!delays[i].v.set || delays[i].v.v >= 0) continue;
        problem_add(k->c->p, arena_printf(k->c->a, "%s.%s", path, delays[i].field), PROBLEM_INVALID,
                    jv_get(doc, delays[i].field), "must not be negative");
        negative = true;
    }
    if (c->max_restarts.set && c->max_restarts.v < 0)
        problem_add(k->c->p, arena_printf(k->c->a, "%s.maxRestarts", path), PROBLEM_INVALID,
                    jv_get(doc, "maxRestarts"),
                    "must not be negative: 0 means never, leave it out for no limit");
    struct restart_effective e = role_restart(k->r);
    if (c->set && !negative && e.max < e.base)
        problem_add(k->c->p, path, PROBLEM_INVALID, doc,
                    "maxDelaySeconds (%d) must not be less than baseDelaySeconds (%d): raise the "
                    "one or lower the other",
                    (int)e.max, (int)e.base);
}

static void check_leader_worker(const struct role_check *k) {
    const struct leader_worker_pattern *p = &k->r->leader_worker;
    if (p->size.set && p->size.v < 1)
        problem_add(k->c->p, sub(k, "leaderWorkerPattern.size"), PROBLEM_INVALID,
                    jv_path(k->r->doc, "leaderWorkerPattern", "size", (char *)0),
                    "size counts the leader too, so it must be at least 1");
    check_maximum(k->c->p, sub(k, "leaderWorkerPattern.size"), p->size,
                  jv_path(k->r->doc, "leaderWorkerPattern", "size", (char *)0));
    if (str_eq(p->shared_service_selection, "LeaderOnly") && role_workload(k->r) != WL_RIS)
        problem_add(k->c->p, sub(k, "leaderWorkerPattern.sharedServiceSelection"),
                    PROBLEM_FORBIDDEN, NULL,
                    "LeaderOnly needs the workload type %s: write All, or remove the annotation %s",
                    WORKLOAD_RIS, A_WORKLOAD_TYPE);
    check_restart(k, "leaderWorkerPattern", &p->restart_config);
}

static void check_component(const struct role_check *k, size_t i, struct map *seen) {
    const struct component *c = &k->r->custom.components.items[i];
    const char *path =
        arena_printf(k->c->a, "%s.customComponentsPattern.components[%zu]", k->path, i);
    const struct jv *doc =
        jv_idx(jv_path(k->r->doc, "customComponentsPattern", "components", (char *)0), i);
    const char *wrong = str_empty(c->name) ? NULL : name_dns1123_label(c->name);
    const char *name_path = arena_printf(k->c->a, "%s.name", path);
    if (str_empty(c->name))
        problem_add(k->c->p, name_path, PROBLEM_REQUIRED, NULL, "a component needs a name");
    else if (wrong)
        problem_add(k->c->p, name_path, PROBLEM_INVALID, jv_get(doc, "name"),
                    "the name becomes part of pod names and %s", wrong);
    else if (map_put(seen, c->name, seen))
        problem_add(k->c->p, name_path, PROBLEM_DUPLICATE, jv_get(doc, "name"),
                    "another component of this role has this name: rename one");
    if (c->size.set && c->size.v < 0)
        problem_add(k->c->p, arena_printf(k->c->a, "%s.size", path), PROBLEM_INVALID,
                    jv_get(doc, "size"), "must not be negative");
    check_maximum(k->c->p, arena_printf(k->c->a, "%s.size", path), c->size, jv_get(doc, "size"));
    wrong = str_empty(c->service_name) ? NULL : name_dns1035_label(c->service_name);
    if (wrong)
        problem_add(k->c->p, arena_printf(k->c->a, "%s.serviceName", path), PROBLEM_INVALID,
                    jv_get(doc, "serviceName"), "names a Service and %s", wrong);
}

static void check_custom(const struct role_check *k) {
    const struct custom_pattern *p = &k->r->custom;
    const char *path = sub(k, "customComponentsPattern.components");
    if (p->components.n == 0)
        problem_add(k->c->p, path, PROBLEM_REQUIRED, NULL, "write at least one component");
    if (p->components.n > COMPONENTS_MAX)
        problem_add(k->c->p, path, PROBLEM_TOO_MANY, NULL,
                    "a role may have %d components: write several roles", COMPONENTS_MAX);
    struct map *seen = map_in(k->c->a);
    for (size_t i = 0; i < p->components.n; i++) check_component(k, i, seen);
    if (p->components.n && role_group_size(k->r) < 1)
        problem_add(
            k->c->p, path, PROBLEM_INVALID, NULL,
            "all components have size 0, so an instance would have no pod: give one a size");
    check_restart(k, "customComponentsPattern", &p->restart_config);
}

/* ---- workload type (part A 3.7, 6.2 D) ---- */

static void check_workload(const struct role_check *k) {
    const char *type = role_workload_type(k->r),
               *path = arena_printf(k->c->a, "%s.annotations[%s]", k->path, A_WORKLOAD_TYPE);
    const struct jv *value = jv_get(k->r->annotations, A_WORKLOAD_TYPE);
    enum workload w = role_workload(k->r);
    static const char *all[] = {WORKLOAD_RIS, WORKLOAD_STS, WORKLOAD_DEPLOYMENT, WORKLOAD_LWS};
    struct words known = {all, k->c->deprecated ? 4 : 1};
    if (w == WL_UNSUPPORTED) {
        problem_add(k->c->p, path, PROBLEM_NOT_SUPPORTED, value,
                    "role \"%s\" wants a workload that nothing creates: write %s, or remove "
                    "the annotation%s",
                    k->r->name ? k->r->name : "", words_list(k->c->a, &known),
                    did_you_mean(k->c->a, type, &known));
    } else if (w == WL_RIS) {
        if (!str_eq(type, WORKLOAD_RIS))
            problem_warn(k->c->p, "%s: \"%s\" is no <apiVersion>/<kind>; %s is used", path, type,
                         WORKLOAD_RIS);
    } else if (!k->c->deprecated) {
        problem_add(
            k->c->p, path, PROBLEM_FORBIDDEN, value,
            "role \"%s\" has workload type %s, which this installation has disabled: "
            "remove the annotation to use a RoleInstanceSet. A v1alpha1 role without workload "
            "means apps/v1 StatefulSet: write "
            "workload: {apiVersion: workloads.x-k8s.io/v1alpha2, kind: RoleInstanceSet} there",
            k->r->name ? k->r->name : "", type);
    } else if (k->r->custom.set && !k->r->standalone.set && !k->r->leader_worker.set) {
        problem_add(k->c->p, path, PROBLEM_FORBIDDEN, value,
                    "customComponentsPattern needs a RoleInstanceSet: remove the annotation");
    }
}

/* ---- dependencies ---- */

/* The names of the other roles. */
static struct words others(const struct role_check *k) {
    const struct rbg_spec *s = k->c->s;
    struct words *all = k->c->names;
    if (!all->items) {
        all->items = ARENA_ARRAY(k->c->a, s->roles.n, const char *);
        for (size_t i = 0; i < s->roles.n; i++)
            if (s->roles.items[i].name) all->items[all->n++] = s->roles.items[i].name;
    }
    return (struct words){all->items, all->n, k->r->name};
}

static void check_dependencies(const struct role_check *k) {
    enum { SUGGESTED = 50 };
    for (size_t i = 0; i < k->r->dependencies.n && !problems_full(k->c->p); i++) {
        const char *d = k->r->dependencies.items[i];
        if (map_has(k->c->roles, d)) continue;
        const struct words known = others(k);
        const char *list = words_list(k->c->a, &known);
        problem_add(k->c->p, arena_printf(k->c->a, "%s.dependencies[%zu]", k->path, i),
                    PROBLEM_NOT_FOUND, jv_idx(jv_get(k->r->doc, "dependencies"), i),
                    "the group has no role of this name%s; %s%s",
                    k->c->names->asked++ < SUGGESTED ? did_you_mean(k->c->a, d, &known) : "",
                    *list ? "use " : "it has no other role: remove it", list);
    }
}

/* ---- rollout (part A 6.2 U1 to U3) ---- */

static int scaled(const struct jv *v, int32_t dflt, int32_t total, bool round_up, const char *field,
                  int32_t *out, struct err *e) {
    *out = dflt;
    if (v && v->type != J_NULL && intstr_scaled(v, total, round_up, out, e))
        return err_wrap(e, "%s", field);
    if (*out < 0) *out = 0;
    return 0;
}

int rollout_limits(const struct rolling_update *u, int32_t replicas, int32_t *surge,
                   int32_t *unavailable, struct err *e) {
    if (scaled(u->max_surge, 0, replicas, true, "maxSurge", surge, e)) return -1;
    return scaled(u->max_unavailable, 1, replicas, *surge == 0, "maxUnavailable", unavailable, e);
}

int rollout_partition(const struct rolling_update *u, int32_t replicas, int32_t *kept, struct err *e) {
    if (scaled(u->partition, 0, replicas, false, "partition", kept, e)) return -1;
    if (*kept > replicas) *kept = replicas;
    return 0;
}

static bool check_number(const struct role_check *k, const char *field, const struct jv *v) {
    if (!v || v->type == J_NULL) return true;
    bool negative = jv_is(v, J_NUM) ? jv_int(v, 0) < 0 : jv_is(v, J_STR) && v->s[0] == '-';
    const struct place role = place_at(k->path, NULL), rollout = place_field(&role, "rolloutStrategy"),
                       update = place_field(&rollout, "rollingUpdate"),
                       at = {.up = &update, .field = field, .v = v};
    warn_above_all(k->c->p, &at);
    if (intstr_valid(v) && !negative) return true;
    place_problem(
        k->c->p, &at, PROBLEM_INVALID,
        "write a number of instances, such as 1, or a percentage in quotes, such as \"25%%\"%s",
        negative ? "; not a negative one" : "");
    return false;
}

void check_rollout(const struct role_check *k) {
    const struct rolling_update *u = &k->r->rollout.rolling_update;
    static const char *const types[] = {"RecreatePod", "InPlaceIfPossible", "InPlaceOnly"};
    if (!u->set) return;
    struct words known = {(const char **)(uintptr_t)types, 3};
    const char *path = sub(k, "rolloutStrategy.rollingUpdate");
    bool type_known = str_empty(u->type) || str_eq(u->type, types[0]) ||
                      str_eq(u->type, types[1]) || str_eq(u->type, types[2]);
    if (!type_known)
        problem_add(k->c->p, arena_printf(k->c->a, "%s.type", path), PROBLEM_NOT_SUPPORTED,
                    jv_path(k->r->doc, "rolloutStrategy", "rollingUpdate", "type", (char *)0),
                    "write %s%s", words_list(k->c->a, &known),
                    did_you_mean(k->c->a, u->type, &known));
    bool ok = check_number(k, "maxSurge", u->max_surge);
    ok = check_number(k, "maxUnavailable", u->max_unavailable) && ok;
    bool partition_ok = check_number(k, "partition", u->partition);
    int32_t n = role_replicas(k->r), surge = 0, unavailable = 0, partition = 0;
    if (n <= 0) return;
    if (ok && rollout_limits(u, n, &surge, &unavailable, NULL) == 0 && surge == 0 &&
        unavailable == 0)
        problem_add(k->c->p, path, PROBLEM_INVALID, NULL,
                    "maxUnavailable and maxSurge can't both be 0, no instance could ever be "
                    "replaced: set one of them to at least 1");
    if (partition_ok && rollout_partition(u, n, &partition, NULL) == 0 &&
        partition >= n)
        problem_warn(k->c->p,
                     "%s.partition: %s keeps back all %d replicas of role \"%s\": no instance is "
                     "updated until it is lowered",
                     path, json_text(k->c->a, u->partition), (int)n, k->r->name ? k->r->name : "");
}

/* ---- annotations and runtimes ---- */

static void check_choice(const struct role_check *k, const char *key, const char *a,
                         const char *b) {
    const char *v = jv_get_str(k->r->annotations, key);
    const char *choices[] = {a, b};
    struct words known = {choices, 2};
    if (str_empty(v) || str_eq(v, a) || str_eq(v, b)) return;
    problem_add(k->c->p, arena_printf(k->c->a, "%s.annotations[%s]", k->path, key),
                PROBLEM_NOT_SUPPORTED, jv_get(k->r->annotations, key), "write %s%s",
                words_list(k->c->a, &known), did_you_mean(k->c->a, v, &known));
}

static void check_avoid(const struct role_check *k) {
    const char *v = jv_get_str(k->r->annotations, A_INPLACE_SCHEDULING_AVOID);
    char *copy = arena_strdup(k->c->a, v);
    for (char *save = NULL, *key = copy ? strtok_r(copy, ", ", &save) : NULL; key;
         key = strtok_r(NULL, ", ", &save)) {
        const char *wrong = name_qualified(key);
        if (wrong)
            problem_add(
                k->c->p,
                arena_printf(k->c->a, "%s.annotations[%s]", k->path, A_INPLACE_SCHEDULING_AVOID),
                PROBLEM_INVALID, jv_new_str(k->c->a, key),
                "write node label keys, separated by commas; no valid key: %s", wrong);
    }
}

void check_role_annotations(const struct role_check *k) {
    check_choice(k, A_PATTERN, "Stateful", "Stateless");
    check_choice(k, A_INPLACE_SCHEDULING, "Preferred", "Required");
    check_choice(k, A_INPLACE_SCHEDULING_GRANULARITY, "Pod", "Component");
    check_avoid(k);
}

/* What a user gives is copied to objects: what the API server would refuse there is refused here. */
static void check_metadata(const struct role_check *k) {
    const struct place role = place_at(k->path, k->r->doc),
                       labels = place_field(&role, "labels"),
                       notes = place_field(&role, "annotations"),
                       adapter = place_field(&role, "scalingAdapter"),
                       adapter_labels = place_field(&adapter, "labels");
    check_labels_at(k->c->p, &labels);
    check_annotations_at(k->c->p, &notes);
    check_labels_at(k->c->p, &adapter_labels);
}

static void check_runtimes(const struct role_check *k) {
    struct map *seen = map_in(k->c->a);
    for (size_t i = 0; i < k->r->engine_runtimes.n; i++) {
        const char *name = k->r->engine_runtimes.items[i].profile_name;
        const char *path = arena_printf(k->c->a, "%s.engineRuntimes[%zu].profileName", k->path, i);
        const struct jv *value =
            jv_get(jv_idx(jv_get(k->r->doc, "engineRuntimes"), i), "profileName");
        const char *wrong = str_empty(name) ? NULL : name_dns1123_subdomain(name);
        if (str_empty(name))
            problem_add(k->c->p, path, PROBLEM_REQUIRED, NULL,
                        "name a ClusterEngineRuntimeProfile");
        else if (wrong)
            problem_add(k->c->p, path, PROBLEM_INVALID, value,
                        "names a ClusterEngineRuntimeProfile and %s", wrong);
        else if (map_put(seen, name, seen))
            problem_add(k->c->p, path, PROBLEM_DUPLICATE, value,
                        "this profile is injected already: remove one");
        else if (k->c->l && k->c->l->profile_exists &&
                 k->c->l->profile_exists(k->c->l->ctx, name, NULL) == 0)
            problem_warn(
                k->c->p,
                "%s: there is no ClusterEngineRuntimeProfile \"%s\" yet; role \"%s\" waits for it",
                path, name, k->r->name ? k->r->name : "");
    }
}

void check_role(const struct role_check *k) {
    const struct role *r = k->r;
    check_names(k);
    check_one_pattern(k);
    check_workload(k);
    check_dependencies(k);
    if (r->replicas.set && r->replicas.v < 0)
        problem_add(k->c->p, sub(k, "replicas"), PROBLEM_INVALID, jv_get(r->doc, "replicas"),
                    "must not be negative");
    check_pods(k);
    if (r->min_ready_seconds < 0)
        problem_add(k->c->p, sub(k, "minReadySeconds"), PROBLEM_INVALID,
                    jv_get(r->doc, "minReadySeconds"), "must not be negative");
    check_rollout(k);
    if (r->leader_worker.set) check_leader_worker(k);
    if (r->custom.set) check_custom(k);
    check_role_annotations(k);
    check_metadata(k);
    check_runtimes(k);
    check_unused(k);
    check_templates(k);
}
