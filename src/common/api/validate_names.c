/* Do the names fit? A role becomes a workload, instances, pods, Services, label values and one
 * label key, all of which Kubernetes limits to 63 characters; cutting them would let two roles
 * collide, so what does not fit is refused, with the number of characters that are left. Sources:
 * part A 4.2, part C 3 (revision labels), part D 11 and 15. Pure. */
#include <stdio.h>
#include <string.h>

#include "api/limits.h"
#include "api/names.h"
#include "base/buf.h"
#include "base/str.h"
#include "doc/scalar.h"
#include "validate.h"
#include "validate_place.h"

enum {
    LABEL_MAX = DNS_LABEL_MAX,
    HASH_LEN = 10,             /* safe encoding of 32 bits */
    INSTANCE_ID_LEN = 5,       /* of stateless instances */
    REVISIONED_MAX = LABEL_MAX - 1 - HASH_LEN, /* "<name>-<hash>" is a label value */
};

static size_t digits(int64_t n) {
    size_t count = 1;
    for (; n > 9; n /= 10) count++;
    return count;
}

/* A name that is made of a role's: "<before><group>-<role>-<ordinal>-<component>-<id>". It is only spelled out when it does
 * not fit. */
struct derived {
    const char *before, *component; /* NULL: none */
    int64_t ordinal, id;            /* NONE: none */
    bool stateless;                 /* five random characters instead of the ordinal */
};
enum { NONE = -1 };

static size_t number_len(int64_t n) {
    return n == NONE ? 0 : 1 + digits(n);
}

static size_t pod_part_len(const struct derived *d) {
    return (d->component ? 1 + strlen(d->component) : 0) + number_len(d->id);
}

/* Of everything but the role's name. */
static size_t fixed_len(const struct role_check *k, const struct derived *d) {
    return (d->before ? strlen(d->before) : 0) + strlen(k->c->group) + 1 +
           (d->stateless ? 1 + INSTANCE_ID_LEN : number_len(d->ordinal)) + pod_part_len(d);
}

static char *derived_text(const struct role_check *k, const struct derived *d) {
    BUF_AUTO struct buf b = BUF_INIT;
    buf_printf(&b, "%s%s-%s", d->before ? d->before : "", k->c->group, k->r->name);
    if (d->stateless) buf_puts(&b, "-xxxxx");
    if (d->ordinal != NONE) buf_printf(&b, "-%lld", (long long)d->ordinal);
    if (d->component) buf_printf(&b, "-%s", d->component);
    if (d->id != NONE) buf_printf(&b, "-%lld", (long long)d->id);
    return arena_strdup(k->c->a, buf_str(&b));
}

/* The longest part of a pod's name behind the instance's. */
static void add_pod_part(struct derived *d, const struct role *r) {
    if (r->leader_worker.set) d->id = (int64_t)role_group_size(r) - 1;
    for (size_t i = 0; r->custom.set && i < r->custom.components.n; i++) {
        const struct component *c = &r->custom.components.items[i];
        int32_t size = component_size(c);
        const struct derived part = {.component = c->name ? c->name : "",
                                     .id = size > 0 ? (int64_t)size - 1 : 0};
        if (pod_part_len(&part) <= pod_part_len(d)) continue;
        d->component = part.component;
        d->id = part.id;
    }
}

static bool fits(const struct role_check *k, const struct derived *d, size_t max, const char *what,
                 const char *why) {
    size_t n = strlen(k->r->name), fixed = fixed_len(k, d);
    if (n + fixed <= max) return true;
    const struct place role = place_at(k->path, k->r->doc), name = place_field(&role, "name");
    const char *example = derived_text(k, d);
    if (fixed >= max)
        place_problem(k->c->p, &name, PROBLEM_TOO_LONG,
                      "%s \"%s\" has %zu characters, at most %zu are allowed%s; no role name is "
                      "short enough: shorten the group's name",
                      what, example, n + fixed, max, why);
    else
        place_problem(k->c->p, &name, PROBLEM_TOO_LONG,
                      "%s \"%s\" has %zu characters, at most %zu are allowed%s; %zu characters are "
                      "left for the role's name in group \"%s\"",
                      what, example, n + fixed, max, why, max - fixed, k->c->group);
    return false;
}

/* The workload itself: 63, less where a revision hash or a set's ordinal is appended to it and used
 * as a label value. */
static bool workload_fits(const struct role_check *k) {
    const struct derived own = {.ordinal = NONE, .id = NONE},
                         service = {.before = "s-", .ordinal = NONE, .id = NONE};
    switch (role_workload(k->r)) {
    case WL_DEPLOYMENT:
        return fits(k, &own, LABEL_MAX, "the Deployment's name", "");
    case WL_LWS: {
        size_t max = REVISIONED_MAX - 1 - digits((int64_t)role_replicas(k->r) - 1);
        return fits(k, &own, max, "the LeaderWorkerSet's name",
                    " (its StatefulSets append a number and a revision hash)");
    }
    case WL_STATEFULSET:
        return fits(k, &own, REVISIONED_MAX, "the StatefulSet's name",
                    " (a revision hash follows in a label)");
    case WL_RIS:
    case WL_UNSUPPORTED:
        break;
    }
    if (role_stateful(k->r))
        return fits(k, &own, REVISIONED_MAX, "the RoleInstanceSet's name",
                    " (a revision hash follows in a label)");
    return fits(k, &service, LABEL_MAX, "the Service's name", "");
}

/* Pods of a RoleInstanceSet: their names are host names. A stateless instance's name is cut to fit,
 * so only what follows counts. */
static void pods_fit(const struct role_check *k) {
    int64_t replicas = role_replicas(k->r);
    struct derived pod = {.ordinal = NONE, .id = NONE, .stateless = !role_stateful(k->r)};
    if (!pod.stateless) pod.ordinal = replicas > 0 ? replicas - 1 : 0;
    add_pod_part(&pod, k->r);
    fits(k, &pod, LABEL_MAX, "the pod name", "");
}

void check_names(const struct role_check *k) {
    const struct role *r = k->r;
    const struct place role = place_at(k->path, r->doc), name = place_field(&role, "name");
    const char *wrong = str_empty(r->name) ? NULL : name_dns1123_label(r->name);
    if (str_empty(r->name)) {
        place_problem(k->c->p, &name, PROBLEM_REQUIRED, "a role needs a name");
        return;
    }
    if (strlen(r->name) > ROLE_NAME_MAX) {
        place_problem(k->c->p, &name, PROBLEM_TOO_LONG,
                      "a role's name may have %d characters, because it is part of the label key "
                      "%s<role>; this one has %zu",
                      ROLE_NAME_MAX, L_ROLE_REVISION_PREFIX, strlen(r->name));
        return;
    }
    if (wrong) {
        place_problem(k->c->p, &name, PROBLEM_INVALID,
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
    const char *last = strrchr(rest, '-');
    size_t len = *rest == '-' && last > rest ? (size_t)(last - rest) - 1 : 0;
    for (size_t i = 0; len && r->custom.set && i < r->custom.components.n; i++) {
        const struct component *c = &r->custom.components.items[i];
        bool mine = c->name && strncmp(rest + 1, c->name, len) == 0 && !c->name[len];
        if (mine) return numbered(last, component_size(c));
    }
    return false;
}

/* The first pod of role `s` that role `r` makes too; NULL when there is none. The lowest numbers
 * tell: where one is taken, those before it are. */
static const char *shared_pod(struct arena *a, const struct role *s, const struct role *r, size_t *left) {
    enum { LOOKED_AT = 8 };
    size_t each = r->custom.set ? r->custom.components.n + 1 : 1;
    /* Names of s have more numbers than these patterns give. */
    if (r->standalone.set || (r->leader_worker.set && !s->standalone.set)) return NULL;
    int32_t replicas = role_replicas(s) < LOOKED_AT ? role_replicas(s) : LOOKED_AT,
            size = s->leader_worker.set ? role_group_size(s) : 1;
    size_t parts = s->custom.set ? s->custom.components.n : 1;
    for (int32_t i = 0; i < replicas; i++)
        for (size_t c = 0; c < parts; c++)
            for (int32_t n = 0; n < (size < LOOKED_AT ? size : LOOKED_AT); n++) {
                const char *part = s->custom.set ? s->custom.components.items[c].name : NULL;
                char pod[3 * DNS_LABEL_MAX];
                if (*left < each) return NULL;
                *left -= each;
                if (part)
                    snprintf(pod, sizeof pod, "%s-%d-%s-%d", s->name, (int)i, part, (int)n);
                else if (!s->standalone.set)
                    snprintf(pod, sizeof pod, "%s-%d-%d", s->name, (int)i, (int)n);
                else
                    snprintf(pod, sizeof pod, "%s-%d", s->name, (int)i);
                if (makes_pod(r, pod)) return arena_strdup(a, pod);
            }
    return NULL;
}

/* Role "a" with leader and workers has pods a-0-0 and a-0-1, and so have the first two instances of
 * a role "a-0": only one of them could run. */
void check_pod_names(const struct check *c) {
    size_t left = 1000000; /* names that are compared in all: no group that anybody wrote has so many */
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
            const char *pod = r ? shared_pod(c->a, s, r, &left) : NULL;
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
