/* What Kubernetes would refuse in a pod: core/v1 validation, for an effective pod template. Only
 * what every supported server refuses is refused here; a field that this program does not know is a
 * warning, because a newer server may. Paths are relative to the template. tests/e2e compares with
 * what an API server says to a Deployment of the same template.
 * Source of the rules: k8s.io/kubernetes/pkg/apis/core/validation. Pure. */
#include <string.h>

#include "base/str.h"
#include "doc/scalar.h"
#include "validate.h"
#include "validate_place.h"

enum { NOTES_MAX = 256 * 1024, NAMESERVERS_MAX = 3, SEARCHES_MAX = 32, SEARCH_BYTES_MAX = 2048 };

void check_annotations_at(struct problems *p, const struct place *notes) {
    size_t bytes = 0;
    JV_FOR_OBJ(m, notes->v) {
        const char *wrong = name_qualified(m->key);
        char *lower = wrong ? arena_strdup(p->a, m->key) : NULL;
        for (char *c = lower; c && *c; c++)
            if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
        if (lower) wrong = name_qualified(lower);
        struct place at = place_key(notes, m);
        if (wrong) place_problem(p, &at, PROBLEM_INVALID, "no valid annotation key: %s", wrong);
        bytes += m->klen + (jv_is(m->val, J_STR) ? m->val->len : 0);
    }
    struct place all = *notes;
    all.v = NULL; /* too much to be shown */
    if (bytes > NOTES_MAX)
        place_problem(p, &all, PROBLEM_TOO_LONG, "has %zu bytes, at most %d are allowed", bytes,
                      NOTES_MAX);
}

static void check_metadata(struct problems *p, const struct place *tpl) {
    struct place metadata = place_field(tpl, "metadata"), labels = place_field(&metadata, "labels"),
                 notes = place_field(&metadata, "annotations");
    check_labels_at(p, &labels);
    check_annotations_at(p, &notes);
}

/* ---- names and addresses ---- */

/* Newer servers take underscores and a final dot in a search domain. */
static const char *search_domain(const char *s) {
    char plain[256];
    size_t n = strlen(s);
    if (n > 254) return "must be no more than 253 characters";
    for (size_t i = 0; i <= n; i++) plain[i] = s[i] == '_' ? 'x' : s[i];
    if (n > 1 && plain[n - 1] == '.') plain[n - 1] = '\0';
    return str_eq(plain, ".") ? NULL : name_dns1123_subdomain(plain);
}

static void check_list(struct problems *p, const struct place *list,
                       const char *(*rule)(const char *), size_t max, const char *what) {
    if (place_len(list) > max)
        place_problem(p, list, PROBLEM_INVALID, "at most %zu %s are allowed", max, what);
    place_texts(p, list, rule);
}

static void check_dns(struct problems *p, const struct place *spec) {
    static const struct place_rule option[] = {{PLACE_FIELD("name"), .needs = "an option needs a name"}};
    struct place config = place_field(spec, "dnsConfig"), servers = place_field(&config, "nameservers"),
                 searches = place_field(&config, "searches"), options = place_field(&config, "options");
    if (str_eq(jv_get_str(spec->v, "dnsPolicy"), "None") && place_len(&servers) == 0)
        place_problem(p, &servers, PROBLEM_REQUIRED, "dnsPolicy None needs at least one nameserver");
    check_list(p, &servers, text_ip, NAMESERVERS_MAX, "nameservers");
    check_list(p, &searches, search_domain, SEARCHES_MAX, "search domains");
    size_t bytes = 0;
    for (size_t i = 0; i < place_len(&searches); i++) bytes += searches.v->items[i]->len + 1;
    if (bytes > SEARCH_BYTES_MAX)
        place_problem(p, &searches, PROBLEM_INVALID, "at most %d characters are allowed in all",
                      SEARCH_BYTES_MAX);
    for (size_t i = 0; i < place_len(&options); i++) {
        struct place at = place_item(&options, i);
        PLACE_RULES(p, &at, option);
    }
}

static void check_host_aliases(struct problems *p, const struct place *spec) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("ip"), .needs = "write an IP address", .text = text_ip}};
    struct place list = place_field(spec, "hostAliases");
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place at = place_item(&list, i), names = place_field(&at, "hostnames");
        PLACE_RULES(p, &at, rules);
        check_list(p, &names, name_dns1123_subdomain, SIZE_MAX, "names");
    }
}

/* ---- gates and claims ---- */

static void check_gates(struct problems *p, const struct place *spec) {
    static const struct place_rule ready[] = {
        {PLACE_FIELD("conditionType"), .needs = "name a condition", .text = name_qualified}};
    static const struct place_rule gate[] = {
        {PLACE_FIELD("name"), .needs = "a gate needs a name", .text = name_qualified}};
    struct place conditions = place_field(spec, "readinessGates"),
                 gates = place_field(spec, "schedulingGates");
    for (size_t i = 0; i < place_len(&conditions); i++) {
        struct place at = place_item(&conditions, i);
        PLACE_RULES(p, &at, ready);
    }
    struct map *seen = map_in(p->a);
    for (size_t i = 0; i < place_len(&gates); i++) {
        struct place at = place_item(&gates, i), name = place_field(&at, "name");
        PLACE_RULES(p, &at, gate);
        place_unique(p, &name, seen, "a gate");
    }
}

static void check_resource_claims(struct pod_check *k) {
    static const char *const sources[] = {"resourceClaimName", "resourceClaimTemplateName"};
    static const struct place_rule rules[] = {
        {PLACE_FIELD("name"), .needs = "a claim needs a name", .text = name_dns1123_label},
        {PLACE_FIELD("resourceClaimName"), .text = name_dns1123_subdomain},
        {PLACE_FIELD("resourceClaimTemplateName"), .text = name_dns1123_subdomain}};
    struct place list = place_field(k->spec, "resourceClaims");
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place at = place_item(&list, i), name = place_field(&at, "name");
        PLACE_RULES(k->p, &at, rules);
        place_unique(k->p, &name, k->claims, "a claim");
        place_one_of(k->p, &at, sources, 2, true);
    }
}

/* ---- the pod ---- */

static void check_containers(struct pod_check *k) {
    struct place list = place_field(k->spec, "containers"),
                 first = place_field(k->spec, "initContainers"),
                 later = place_field(k->spec, "ephemeralContainers");
    if (place_len(&list) == 0) {
        list.v = NULL;
        place_problem(k->p, &list, PROBLEM_REQUIRED,
                      "a pod needs at least one container, and here none is left");
    }
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place at = place_item(&list, i);
        check_container(k, &at, false);
    }
    for (size_t i = 0; i < place_len(&first); i++) {
        struct place at = place_item(&first, i);
        check_container(k, &at, true);
    }
    if (place_len(&later))
        place_problem(k->p, &later, PROBLEM_FORBIDDEN,
                      "ephemeral containers are added to running pods only: remove them");
}

static void check_overhead(struct problems *p, const struct place *spec) {
    struct place overhead = place_field(spec, "overhead");
    JV_FOR_OBJ(m, overhead.v) {
        struct place at = place_key(&overhead, m);
        if (quantity_sign(m->val) == -1)
            place_problem(p, &at, PROBLEM_INVALID, "must not be negative");
    }
}

static void check_spec(struct pod_check *k) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("restartPolicy"), .enums = "Always|OnFailure|Never"},
        {PLACE_FIELD("dnsPolicy"), .enums = "ClusterFirst|ClusterFirstWithHostNet|Default|None"},
        {PLACE_FIELD("preemptionPolicy"), .enums = "PreemptLowerPriority|Never"},
        {PLACE_FIELD("hostname"), .text = name_dns1123_label},
        {PLACE_FIELD("subdomain"), .text = name_dns1123_label},
        {PLACE_FIELD("nodeName"), .text = name_dns1123_subdomain},
        {PLACE_FIELD("serviceAccountName"), .text = name_dns1123_subdomain},
        {PLACE_FIELD("priorityClassName"), .text = name_dns1123_subdomain},
        {PLACE_FIELD("runtimeClassName"), .text = name_dns1123_subdomain},
        {PLACE_FIELD("activeDeadlineSeconds"), .bounded = true, .min = 1, .max = INT32_MAX}};
    static const struct place_rule os[] = {
        {PLACE_FIELD("name"), .needs = "write linux or windows", .enums = "linux|windows"}};
    struct place system = place_field(k->spec, "os");
    PLACE_RULES(k->p, k->spec, rules);
    if (place_given(&system)) PLACE_RULES(k->p, &system, os);
    check_dns(k->p, k->spec);
    check_host_aliases(k->p, k->spec);
    check_gates(k->p, k->spec);
    check_resource_claims(k);
    check_overhead(k->p, k->spec);
}

void check_pod_frame(struct problems *p, const struct jv *tpl) {
    struct place root = place_root(tpl);
    check_pod_types(p, tpl, false);
    check_metadata(p, &root);
}

void check_pod_spec(struct problems *p, const struct jv *tpl, bool injected) {
    struct place root = place_root(tpl), spec = place_field(&root, "spec");
    struct pod_check k = {.p = p, .spec = &spec, .injected = injected};
    check_pod_types(p, tpl, true);
    if (place_mistyped(&spec, J_OBJ)) return;
    k.containers = map_in(p->a);
    k.volumes = map_in(p->a);
    k.claims = map_in(p->a);
    k.host_ports = map_in(p->a);
    check_spec(&k);
    check_volumes(&k);
    check_containers(&k);
    check_pod_resources(&k);
    check_scheduling(p, &spec);
    check_pod_security(p, &spec);
}
