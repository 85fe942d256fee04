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
        int32_t size = c->size.set ? c->size.v : 1;
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
