/* Do the names fit? A role becomes a workload, instances, pods, Services, label values and one
 * label key, all of which Kubernetes limits to 63 characters; cutting them would let two roles
 * collide, so what does not fit is refused, with the number of characters that are left. Sources:
 * part A 4.2, part C 3 (revision labels), part D 11 and 15. Pure. */
#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "doc/scalar.h"
#include "validate.h"

enum {
    LABEL_MAX = 63,
    HASH_LEN = 10,             /* safe encoding of 32 bits */
    ROLE_MAX = LABEL_MAX - 14, /* "role-revision-<role>" is the name part of a label key */
    INSTANCE_ID_LEN = 5,       /* of stateless instances */
    REVISIONED_MAX = LABEL_MAX - 1 - HASH_LEN, /* "<name>-<hash>" is a label value */
};

static size_t digits(int64_t n) {
    char text[24];
    return (size_t)snprintf(text, sizeof text, "%lld", (long long)(n > 0 ? n : 0));
}

/* The longest part of a pod's name behind the instance's, and what it is made of. */
static size_t pod_suffix(struct arena *a, const struct role *r, const char **example) {
    *example = "";
    if (r->standalone.set) return 0;
    if (r->leader_worker.set) {
        int32_t size = role_group_size(r);
        *example = arena_printf(a, "-%d", (int)size - 1);
        return strlen(*example);
    }
    for (size_t i = 0; r->custom.set && i < r->custom.components.n; i++) {
        const struct component *c = &r->custom.components.items[i];
        int32_t size = component_size(c);
        const char *suffix =
            arena_printf(a, "-%s-%d", c->name ? c->name : "", size > 0 ? (int)size - 1 : 0);
        if (strlen(suffix) > strlen(*example)) *example = suffix;
    }
    return strlen(*example);
}

/* `fixed` characters besides the role's name make a name of at most `max`. */
static bool fits(const struct role_check *k, size_t fixed, size_t max, const char *what,
                 const char *example, const char *why) {
    size_t n = strlen(k->r->name);
    if (n + fixed <= max) return true;
    const char *path = arena_printf(k->c->a, "%s.name", k->path);
    const struct jv *value = jv_get(k->r->doc, "name");
    if (fixed >= max) {
        problem_add(k->c->p, path, PROBLEM_TOO_LONG, value,
                    "%s \"%s\" has %zu characters, at most %zu are allowed%s; no role name is "
                    "short enough: shorten the group's name",
                    what, example, n + fixed, max, why);
        return false;
    }
    problem_add(k->c->p, path, PROBLEM_TOO_LONG, value,
                "%s \"%s\" has %zu characters, at most %zu are allowed%s; %zu characters are left "
                "for the role's name in group \"%s\"",
                what, example, n + fixed, max, why, max - fixed, k->c->group);
    return false;
}

/* The workload itself: 63, less where a revision hash or a set's ordinal is appended to it and used
 * as a label value. */
static bool workload_fits(const struct role_check *k) {
    const char *group = k->c->group, *name = arena_printf(k->c->a, "%s-%s", group, k->r->name);
    size_t fixed = strlen(group) + 1;
    switch (role_workload(k->r)) {
    case WL_DEPLOYMENT:
        return fits(k, fixed, LABEL_MAX, "the Deployment's name", name, "");
    case WL_LWS: {
        size_t max = REVISIONED_MAX - 1 - digits((int64_t)role_replicas(k->r) - 1);
        return fits(k, fixed, max, "the LeaderWorkerSet's name", name,
                    " (its StatefulSets append a number and a revision hash)");
    }
    case WL_STATEFULSET:
        return fits(k, fixed, REVISIONED_MAX, "the StatefulSet's name", name,
                    " (a revision hash follows in a label)");
    case WL_RIS:
    case WL_UNSUPPORTED:
        break;
    }
    if (role_stateful(k->r))
        return fits(k, fixed, REVISIONED_MAX, "the RoleInstanceSet's name", name,
                    " (a revision hash follows in a label)");
    return fits(k, fixed + 2, LABEL_MAX, "the Service's name", arena_printf(k->c->a, "s-%s", name),
                "");
}

/* Pods of a RoleInstanceSet: their names are host names. A stateless instance's name is cut to fit,
 * so only what follows counts. */
static void pods_fit(const struct role_check *k) {
    struct arena *a = k->c->a;
    const char *suffix, *group = k->c->group;
    size_t tail = pod_suffix(a, k->r, &suffix), fixed = strlen(group) + 1 + tail;
    if (role_stateful(k->r)) {
        int64_t last = role_replicas(k->r) > 0 ? (int64_t)role_replicas(k->r) - 1 : 0;
        const char *name =
            arena_printf(a, "%s-%s-%lld%s", group, k->r->name, (long long)last, suffix);
        fits(k, fixed + 1 + digits(last), LABEL_MAX, "the pod name", name, "");
        return;
    }
    const char *name = arena_printf(a, "%s-%s-xxxxx%s", group, k->r->name, suffix);
    fits(k, fixed + 1 + INSTANCE_ID_LEN, LABEL_MAX, "the pod name", name, "");
}

void check_names(const struct role_check *k) {
    const struct role *r = k->r;
    const char *path = arena_printf(k->c->a, "%s.name", k->path),
               *wrong = str_empty(r->name) ? NULL : name_dns1123_label(r->name);
    if (str_empty(r->name)) {
        problem_add(k->c->p, path, PROBLEM_REQUIRED, NULL, "a role needs a name");
        return;
    }
    if (strlen(r->name) > ROLE_MAX) {
        problem_add(k->c->p, path, PROBLEM_TOO_LONG, jv_get(r->doc, "name"),
                    "a role's name may have %d characters, because it is part of the label key "
                    "%s<role>; this one has %zu",
                    ROLE_MAX, L_ROLE_REVISION_PREFIX, strlen(r->name));
        return;
    }
    if (wrong) {
        problem_add(k->c->p, path, PROBLEM_INVALID, jv_get(r->doc, "name"),
                    "the name becomes part of the names of pods and Services and %s", wrong);
        return;
    }
    if (str_empty(k->c->group) || !workload_fits(k)) return;
    if (role_workload(r) == WL_RIS) pods_fit(k);
}

/* ---- pods of different roles with one name ---- */

/* Behind the number at s, which pods have without leading zeros; NULL when there is none. */
static const char *number(const char *s, int64_t *n) {
    size_t len = strspn(s, "0123456789");
    if (len == 0 || len > 9 || (len > 1 && *s == '0')) return NULL;
    *n = 0;
    for (size_t i = 0; i < len; i++) *n = *n * 10 + (s[i] - '0');
    return s + len;
}

/* Is the text "-<n>" and no more, n less than `many`? */
static bool numbered(const char *s, int64_t many) {
    int64_t n;
    const char *end = *s == '-' ? number(s + 1, &n) : NULL;
    return end && !*end && n < many;
}

static bool runs_pods(const struct role *r) {
    return !str_empty(r->name) && role_workload(r) == WL_RIS && role_stateful(r);
}

/* Does the role make the pod of this name (the group's in front left out)? */
static bool makes_pod(const struct role *r, const char *pod) {
    int64_t n;
    const char *rest = number(pod + strlen(r->name) + 1, &n);
    if (!rest || n >= role_replicas(r)) return false;
    if (r->standalone.set) return !*rest;
    if (r->leader_worker.set) return numbered(rest, role_group_size(r));
    for (size_t i = 0; r->custom.set && i < r->custom.components.n; i++) {
        const struct component *c = &r->custom.components.items[i];
        size_t len = c->name ? strlen(c->name) : 0;
        bool mine = len && *rest == '-' && strncmp(rest + 1, c->name, len) == 0;
        if (mine && numbered(rest + 1 + len, component_size(c))) return true;
    }
    return false;
}

/* The first pod of role `s` that role `r` makes too; NULL when there is none. The lowest numbers
 * tell: where one is taken, those before it are. */
static const char *shared_pod(struct arena *a, const struct role *s, const struct role *r) {
    enum { LOOKED_AT = 8 };
    /* Names of s have more numbers than these patterns give. */
    if (r->standalone.set || (r->leader_worker.set && !s->standalone.set)) return NULL;
    int32_t replicas = role_replicas(s) < LOOKED_AT ? role_replicas(s) : LOOKED_AT,
            size = s->leader_worker.set ? role_group_size(s) : 1;
    size_t parts = s->custom.set ? s->custom.components.n : 1;
    for (int32_t i = 0; i < replicas; i++)
        for (size_t c = 0; c < parts; c++)
            for (int32_t n = 0; n < (size < LOOKED_AT ? size : LOOKED_AT); n++) {
                const char *part = s->custom.set ? s->custom.components.items[c].name : NULL;
                const char *instance = arena_printf(a, "%s-%d", s->name, (int)i), *pod = instance;
                if (part)
                    pod = arena_printf(a, "%s-%s-%d", instance, part, (int)n);
                else if (!s->standalone.set)
                    pod = arena_printf(a, "%s-%d", instance, (int)n);
                if (makes_pod(r, pod)) return pod;
            }
    return NULL;
}

/* Role "a" with leader and workers has pods a-0-0 and a-0-1, and so have the first two instances of
 * a role "a-0": only one of them could run. */
void check_pod_names(const struct check *c) {
    struct map *roles = NULL;
    for (size_t i = 0; i < c->s->roles.n; i++) {
        const struct role *s = &c->s->roles.items[i];
        if (!runs_pods(s) || !strchr(s->name, '-')) continue;
        if (!roles) {
            roles = map_in(c->a);
            for (size_t k = 0; k < c->s->roles.n; k++)
                if (runs_pods(&c->s->roles.items[k]))
                    map_put(roles, c->s->roles.items[k].name, &c->s->roles.items[k]);
        }
        for (const char *dash = strchr(s->name, '-'); dash; dash = strchr(dash + 1, '-')) {
            if (dash[1] < '0' || dash[1] > '9') continue; /* no instance of another role */
            const char *start = arena_strndup(c->a, s->name, (size_t)(dash - s->name));
            const struct role *r = map_get(roles, start);
            const char *pod = r ? shared_pod(c->a, s, r) : NULL;
            if (pod)
                problem_add(c->p, arena_printf(c->a, "%s.roles[%zu].name", c->path, i),
                            PROBLEM_INVALID, jv_get(s->doc, "name"),
                            "role \"%s\" has a pod \"%s-%s\" too: rename one of them", r->name,
                            *c->group ? c->group : "<group>", pod);
        }
    }
}

/* "<pod>.<port>" is the name of an annotation key. Stateless instances are cut to fit, not their
 * pods. */
void check_port_keys(const struct role_check *k, const struct effective *all, size_t i,
                     struct problems *p) {
    struct arena *a = k->c->a;
    const char *text = jv_str(
        jv_path(all[i].template, "metadata", "annotations", A_PORT_ALLOCATOR, (char *)0), "");
    const struct jv *ports =
        *text ? jv_get(json_parse(a, text, strlen(text), &json_limits_review, NULL), "allocations")
              : NULL;
    if (!ports || str_empty(k->c->group) || str_empty(k->r->name) || role_workload(k->r) != WL_RIS)
        return;
    int32_t last = role_replicas(k->r) > 0 ? role_replicas(k->r) - 1 : 0;
    const char *instance = role_stateful(k->r)
                               ? arena_printf(a, "%s-%s-%d", k->c->group, k->r->name, (int)last)
                               : arena_printf(a, "%s-%s-xxxxx", k->c->group, k->r->name);
    int id = all[i].size > 0 ? (int)all[i].size - 1 : 0;
    const char *pod = name_pod(a, instance, role_type_label(k->r), all[i].component, id);
    JV_FOR_ARR(it, ports) {
        const char *name = jv_str(jv_get(*it, "name"), ""),
                   *key = arena_printf(a, "%s.%s", pod, name);
        if (str_eq(jv_get_str(*it, "scope"), "RoleScoped") || strlen(key) <= LABEL_MAX ||
            strlen(pod) > LABEL_MAX)
            continue;
        problem_add(p, arena_printf(a, "metadata.annotations[%s]", A_PORT_ALLOCATOR),
                    PROBLEM_TOO_LONG, jv_get(*it, "name"),
                    "the port is kept in an annotation \"%s\" of %zu characters, at most %d are "
                    "allowed; %zu characters are left for the "
                    "port's name",
                    key, strlen(key), LABEL_MAX,
                    LABEL_MAX - strlen(pod) - (strlen(pod) < LABEL_MAX));
    }
}
