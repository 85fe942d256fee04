/* Resources of a container and of a whole pod. Source: ValidateResourceRequirements and validatePodResourceConsistency of
 * k8s.io/kubernetes. Pure. */
#include <string.h>

#include "base/str.h"
#include "doc/find.h"
#include "doc/scalar.h"
#include "validate_place.h"

static bool is_huge(const char *name) {
    return str_has_prefix(name, "hugepages-");
}

/* A device and the like: with a domain that is not Kubernetes' own. */
static bool is_extended(const char *name) {
    return strchr(name, '/') && !strstr(name, "kubernetes.io/");
}

static void check_amount(struct problems *p, const struct place *at, const struct jv *limit,
                         bool request) {
    const char *name = at->field, *wrong = name_qualified(name);
    bool exact = is_huge(name) || is_extended(name);
    int sign = quantity_sign(at->v);
    if (wrong)
        place_problem(p, at, PROBLEM_INVALID, "no valid name of a resource: %s", wrong);
    else if (!strchr(name, '/') && !str_eq(name, "cpu") && !str_eq(name, "memory") &&
             !str_eq(name, "ephemeral-storage") && !is_huge(name))
        place_problem(p, at, PROBLEM_INVALID,
                      "a resource is cpu, memory, ephemeral-storage, hugepages-<size> or has a "
                      "domain, such as nvidia.com/gpu");
    if (sign == -2) return; /* no quantity: reported as a wrong type */
    if (sign < 0)
        place_problem(p, at, PROBLEM_INVALID, "must not be negative");
    else if (is_extended(name) && !quantity_is_whole(at->v))
        place_problem(p, at, PROBLEM_INVALID, "must be a whole number");
    else if (request && exact && !limit)
        place_problem(p, at, PROBLEM_INVALID, "it can't be shared: write the same limit too");
    else if (request && exact && quantity_cmp(at->v, limit) != 0)
        place_problem(p, at, PROBLEM_INVALID, "it can't be shared: write the same as the limit, %s",
                      json_text(p->a, limit));
    else if (request && limit && quantity_cmp(at->v, limit) > 0)
        place_problem(p, at, PROBLEM_INVALID,
                      "the request must not exceed the limit %s: lower it, or raise the limit",
                      json_text(p->a, limit));
}

static void check_claims(struct pod_check *k, const struct place *resources) {
    struct place list = place_field(resources, "claims");
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place at = place_item(&list, i), name = place_field(&at, "name");
        if (!*place_text(&name))
            place_problem(k->p, &name, PROBLEM_REQUIRED, "name one of spec.resourceClaims");
        else if (!map_has(k->claims, place_text(&name)))
            place_problem(k->p, &name, PROBLEM_NOT_FOUND,
                          "the pod has no claim of this name: add it to spec.resourceClaims");
    }
}

static void check_resize(struct problems *p, const struct place *c) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("resourceName"), .needs = "write cpu or memory", .enums = "cpu|memory"},
        {PLACE_FIELD("restartPolicy"),
         .needs = "write NotRequired or RestartContainer",
         .enums = "NotRequired|RestartContainer"}};
    struct place list = place_field(c, "resizePolicy");
    struct map *seen = map_in(p->a);
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place at = place_item(&list, i), name = place_field(&at, "resourceName");
        PLACE_RULES(p, &at, rules);
        place_unique(p, &name, seen, "a resource");
    }
}

/* What limits and requests say of themselves. */
static void check_lists(struct problems *p, const struct place *resources) {
    static const char *const lists[] = {"limits", "requests"};
    bool huge = false, other = false;
    for (size_t i = 0; i < 2; i++) {
        struct place list = place_field(resources, lists[i]);
        struct finder limits = finder_of(p->a, jv_get(resources->v, "limits"), NULL);
        JV_FOR_OBJ(m, list.v) {
            struct place at = place_key(&list, m);
            check_amount(p, &at, finder_counterpart(&limits, m, (size_t)(m - list.v->members)), i == 1);
            huge = huge || is_huge(m->key);
            other = other || str_eq(m->key, "cpu") || str_eq(m->key, "memory");
        }
    }
    if (huge && !other)
        place_problem(p, resources, PROBLEM_FORBIDDEN,
                      "huge pages need cpu or memory too: write one of them");
}

void check_container_resources(struct pod_check *k, const struct place *c) {
    struct place resources = place_field(c, "resources");
    check_lists(k->p, &resources);
    check_claims(k, &resources);
    check_resize(k->p, c);
}

/* ---- of the whole pod ---- */

/* What a container asks for; without a request that is its limit. */
static const struct jv *asked(const struct jv *container, const char *name) {
    const struct jv *v = jv_path(container, "resources", "requests", name, (char *)0);
    return v ? v : jv_path(container, "resources", "limits", name, (char *)0);
}

/* Do the containers ask for more than `most` at some time? Init containers run one after another, beside those before them that
 * are restarted for ever; then the containers run, beside all of these. */
static bool ask_for_more(struct arena *a, const struct jv *spec, const char *name,
                         const struct jv *most) {
    const struct jv *inits = jv_get(spec, "initContainers"), *mains = jv_get(spec, "containers");
    const struct jv **items = ARENA_ARRAY(a, jv_len(inits) + jv_len(mains), const struct jv *), *v;
    enum { SUMMED = 256 }; /* init containers that go on, at most, while the next one begins; the others count at the end */
    size_t n = 0;
    for (size_t i = 0; i < jv_len(inits); i++) {
        if (!(v = asked(jv_idx(inits, i), name))) continue;
        items[n] = v;
        if (n < SUMMED && quantity_sum_exceeds(items, n + 1, most)) return true;
        if (str_eq(jv_get_str(jv_idx(inits, i), "restartPolicy"), "Always")) n++;
    }
    for (size_t i = 0; i < jv_len(mains); i++)
        if ((v = asked(jv_idx(mains, i), name))) items[n++] = v;
    return quantity_sum_exceeds(items, n, most);
}

static void check_pod_limit(struct problems *p, const struct place *limit, const char *list_name,
                            const struct place *spec) {
    struct place list = place_field(spec, list_name);
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place at = place_item(&list, i), resources = place_field(&at, "resources"),
                     limits = place_field(&resources, "limits"),
                     own = place_field(&limits, limit->field);
        if (own.v && quantity_cmp(own.v, limit->v) > 0)
            place_problem(p, &own, PROBLEM_INVALID,
                          "the whole pod has a limit of %s: lower this, or raise that",
                          json_text(p->a, limit->v));
    }
}

/* Against what its containers have. */
static void check_pod_amount(struct problems *p, const struct place *at, bool request,
                             const struct jv *requests, const struct place *spec) {
    const char *name = at->field;
    if (!str_eq(name, "cpu") && !str_eq(name, "memory") && !is_huge(name)) {
        place_problem(p, at, PROBLEM_NOT_SUPPORTED,
                      "a whole pod has cpu, memory and hugepages-<size>: write others for a "
                      "container");
        return;
    }
    /* Without a request the pod asks for what its containers do. */
    if ((request || !jv_get(requests, name)) && ask_for_more(p->a, spec->v, name, at->v))
        place_problem(p, at, PROBLEM_INVALID,
                      "the containers together ask for more: raise this, or lower theirs");
    if (request) return;
    check_pod_limit(p, at, "initContainers", spec);
    check_pod_limit(p, at, "containers", spec);
}

void check_pod_resources(struct pod_check *k) {
    enum { AMOUNTS_MAX = 64 }; /* each is compared with every container */
    static const char *const lists[] = {"limits", "requests"};
    struct place resources = place_field(k->spec, "resources"),
                 claims = place_field(&resources, "claims");
    if (!place_given(&resources)) return;
    check_lists(k->p, &resources);
    if (place_len(&claims))
        place_problem(k->p, &claims, PROBLEM_FORBIDDEN,
                      "a whole pod has none: write them for a container");
    for (size_t i = 0; i < 2; i++) {
        struct place list = place_field(&resources, lists[i]), all = list;
        all.v = NULL; /* too much to be shown */
        if (jv_len(list.v) > AMOUNTS_MAX)
            place_problem(k->p, &all, PROBLEM_TOO_MANY, "at most %d resources are looked at", AMOUNTS_MAX);
        JV_FOR_OBJ(m, jv_len(list.v) > AMOUNTS_MAX ? NULL : list.v) {
            struct place at = place_key(&list, m);
            check_pod_amount(k->p, &at, i == 1, jv_get(resources.v, "requests"), k->spec);
        }
    }
}
