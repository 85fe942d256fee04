/* Where a pod may run: node selectors, affinity, tolerations, spreading. Pure. */
#include <string.h>

#include "base/str.h"
#include "doc/find.h"
#include "doc/scalar.h"
#include "validate_place.h"

void check_labels_at(struct problems *p, const struct place *map) {
    JV_FOR_OBJ(m, map->v) {
        struct place at = place_key(map, m);
        const char *wrong = name_qualified(m->key);
        if (wrong) {
            at.v = jv_new_str(p->a, m->key);
            place_problem(p, &at, PROBLEM_INVALID, "no valid label key: %s", wrong);
            at.v = m->val;
        }
        wrong = jv_is(m->val, J_STR) ? name_label_value(m->val->s) : NULL;
        if (wrong) place_problem(p, &at, PROBLEM_INVALID, "no valid label value: %s", wrong);
    }
}

/* ---- expressions ---- */

/* How many values an operator takes: none, some, or one number. */
static void check_values(struct problems *p, const struct place *at) {
    struct place op = place_field(at, "operator"), values = place_field(at, "values");
    const char *s = place_text(&op);
    size_t n = place_len(&values);
    bool none = str_eq(s, "Exists") || str_eq(s, "DoesNotExist"),
         number = str_eq(s, "Gt") || str_eq(s, "Lt");
    if (place_mistyped(&values, J_ARR) || !*s) return;
    if (none && n)
        place_problem(p, &values, PROBLEM_FORBIDDEN, "operator %s takes no values: remove them", s);
    if ((str_eq(s, "In") || str_eq(s, "NotIn")) && n == 0)
        place_problem(p, &values, PROBLEM_REQUIRED, "operator %s needs values", s);
    if (number && n != 1)
        place_problem(p, &values, PROBLEM_REQUIRED, "operator %s needs one value, a number", s);
}

static void check_node_term(struct problems *p, const struct place *term) {
    static const struct place_rule label[] = {
        {PLACE_FIELD("key"), .needs = "name a node label", .text = name_qualified},
        {PLACE_FIELD("operator"), .needs = "write an operator",
         .enums = "In|NotIn|Exists|DoesNotExist|Gt|Lt"}};
    static const struct place_rule member[] = {
        {PLACE_FIELD("key"), .needs = "write metadata.name", .enums = "metadata.name"},
        {PLACE_FIELD("operator"), .needs = "write an operator", .enums = "In|NotIn"}};
    struct place labels = place_field(term, "matchExpressions"),
                 fields = place_field(term, "matchFields");
    for (size_t i = 0; i < place_len(&labels); i++) {
        struct place at = place_item(&labels, i);
        PLACE_RULES(p, &at, label);
        check_values(p, &at);
    }
    for (size_t i = 0; i < place_len(&fields); i++) {
        struct place at = place_item(&fields, i), values = place_field(&at, "values");
        PLACE_RULES(p, &at, member);
        if (place_len(&values) != 1)
            place_problem(p, &values, PROBLEM_REQUIRED, "write the name of one node");
    }
}

void check_label_selector(struct problems *p, const struct place *at) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("key"), .needs = "name a label", .text = name_qualified},
        {PLACE_FIELD("operator"), .needs = "write an operator",
         .enums = "In|NotIn|Exists|DoesNotExist"}};
    struct place labels = place_field(at, "matchLabels"), list = place_field(at, "matchExpressions");
    check_labels_at(p, &labels);
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place e = place_item(&list, i), values = place_field(&e, "values");
        PLACE_RULES(p, &e, rules);
        check_values(p, &e);
        for (size_t n = 0; n < place_len(&values); n++) {
            struct place v = place_item(&values, n);
            const char *wrong = name_label_value(place_text(&v));
            if (wrong) place_problem(p, &v, PROBLEM_INVALID, "no valid label value: %s", wrong);
        }
    }
}

/* ---- affinity ---- */

static const struct place_rule weight_rules[] = {
    {PLACE_FIELD("weight"), .needs = "write a number from 1 to 100", .bounded = true, .min = 1, .max = 100}};

#define REQUIRED_TERMS "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED_TERMS "preferredDuringSchedulingIgnoredDuringExecution"

static void check_node_affinity(struct problems *p, const struct place *at) {
    struct place needed = place_field(at, REQUIRED_TERMS),
                 terms = place_field(&needed, "nodeSelectorTerms"),
                 wished = place_field(at, PREFERRED_TERMS);
    if (jv_is(needed.v, J_OBJ) && place_len(&terms) == 0 && !place_mistyped(&terms, J_ARR))
        place_problem(p, &terms, PROBLEM_REQUIRED, "write at least one term");
    for (size_t i = 0; i < place_len(&terms); i++) {
        struct place term = place_item(&terms, i);
        check_node_term(p, &term);
    }
    for (size_t i = 0; i < place_len(&wished); i++) {
        struct place wish = place_item(&wished, i), term = place_field(&wish, "preference");
        PLACE_RULES(p, &wish, weight_rules);
        check_node_term(p, &term);
    }
}

static void check_pod_term(struct problems *p, const struct place *term) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("topologyKey"),
         .needs = "name a node label, such as kubernetes.io/hostname",
         .text = name_qualified}};
    struct place selector = place_field(term, "labelSelector"),
                 spaces = place_field(term, "namespaceSelector"),
                 names = place_field(term, "namespaces"), keys = place_field(term, "matchLabelKeys"),
                 others = place_field(term, "mismatchLabelKeys");
    PLACE_RULES(p, term, rules);
    check_label_selector(p, &selector);
    check_label_selector(p, &spaces);
    place_texts(p, &names, name_dns1123_label);
    place_texts(p, &keys, name_qualified);
    place_texts(p, &others, name_qualified);
    if ((place_len(&keys) || place_len(&others)) && !place_given(&selector))
        place_problem(p, place_len(&keys) ? &keys : &others, PROBLEM_FORBIDDEN,
                      "keys are added to labelSelector, and there is none: write it");
}

static void check_pod_affinity(struct problems *p, const struct place *at) {
    struct place needed = place_field(at, REQUIRED_TERMS), wished = place_field(at, PREFERRED_TERMS);
    for (size_t i = 0; i < place_len(&needed); i++) {
        struct place term = place_item(&needed, i);
        check_pod_term(p, &term);
    }
    for (size_t i = 0; i < place_len(&wished); i++) {
        struct place wish = place_item(&wished, i), term = place_field(&wish, "podAffinityTerm");
        PLACE_RULES(p, &wish, weight_rules);
        check_pod_term(p, &term);
    }
}

/* ---- tolerations and spreading ---- */

/* Lt and Gt compare numbers; only newer servers know them, and they say what they don't take. */
static void check_toleration(struct problems *p, const struct place *at) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("key"), .text = name_qualified},
        {PLACE_FIELD("operator"), .enums = "Equal|Exists|Lt|Gt"},
        {PLACE_FIELD("effect"), .enums = "NoSchedule|PreferNoSchedule|NoExecute"}};
    struct place key = place_field(at, "key"), op = place_field(at, "operator"),
                 value = place_field(at, "value"), seconds = place_field(at, "tolerationSeconds");
    PLACE_RULES(p, at, rules);
    bool exists = str_eq(place_text(&op), "Exists");
    const char *wrong = name_label_value(place_text(&value));
    if (!*place_text(&key) && !exists)
        place_problem(p, &op, PROBLEM_INVALID, "without a key it must be Exists");
    if (exists && *place_text(&value))
        place_problem(p, &value, PROBLEM_INVALID, "operator Exists takes no value: remove it");
    else if (wrong)
        place_problem(p, &value, PROBLEM_INVALID, "no valid label value: %s", wrong);
    if (place_given(&seconds) && !str_eq(jv_get_str(at->v, "effect"), "NoExecute"))
        place_problem(p, &seconds, PROBLEM_INVALID,
                      "only effect NoExecute has an end: write that effect, or remove it");
}

static void check_spread_keys(struct problems *p, const struct place *at,
                              const struct place *selector) {
    struct place keys = place_field(at, "matchLabelKeys");
    place_texts(p, &keys, name_qualified);
    if (place_len(&keys) && !place_given(selector))
        place_problem(p, &keys, PROBLEM_FORBIDDEN,
                      "keys are added to labelSelector, and there is none: write it");
    struct finder labels = finder_of(p->a, jv_get(selector->v, "matchLabels"), NULL),
                  expressions = finder_of(p->a, jv_get(selector->v, "matchExpressions"), "key");
    for (size_t i = 0; i < place_len(&keys); i++) {
        struct place key = place_item(&keys, i);
        if (jv_is(key.v, J_STR) && (finder_member(&labels, key.v->s, key.v->len) || finder_find(&expressions, key.v) >= 0))
            place_problem(p, &key, PROBLEM_INVALID, "labelSelector has this key already");
    }
}

static void check_spread(struct problems *p, const struct place *at, struct map *seen) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("maxSkew"), .needs = "write a number of at least 1", .bounded = true, .min = 1,
         .max = INT32_MAX},
        {PLACE_FIELD("topologyKey"), .needs = "name a node label, such as kubernetes.io/hostname",
         .text = name_qualified},
        {PLACE_FIELD("whenUnsatisfiable"), .needs = "write DoNotSchedule or ScheduleAnyway",
         .enums = "DoNotSchedule|ScheduleAnyway"},
        {PLACE_FIELD("minDomains"), .bounded = true, .min = 1, .max = INT32_MAX},
        {PLACE_FIELD("nodeAffinityPolicy"), .enums = "Ignore|Honor"},
        {PLACE_FIELD("nodeTaintsPolicy"), .enums = "Ignore|Honor"}};
    struct place selector = place_field(at, "labelSelector"), least = place_field(at, "minDomains"),
                 key = place_field(at, "topologyKey"), when = place_field(at, "whenUnsatisfiable");
    PLACE_RULES(p, at, rules);
    check_label_selector(p, &selector);
    check_spread_keys(p, at, &selector);
    if (place_given(&least) && !str_eq(place_text(&when), "DoNotSchedule"))
        place_problem(p, &least, PROBLEM_INVALID, "needs whenUnsatisfiable: DoNotSchedule");
    const char *both = arena_printf(p->a, "%s %s", place_text(&key), place_text(&when));
    if (*place_text(&key) && map_put(seen, both, seen))
        place_problem(p, at, PROBLEM_DUPLICATE,
                      "another constraint has this topologyKey and whenUnsatisfiable: remove one");
}

void check_tolerations(struct problems *p, const struct place *spec) {
    struct place list = place_field(spec, "tolerations");
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place at = place_item(&list, i);
        check_toleration(p, &at);
    }
}

void check_scheduling(struct problems *p, const struct place *spec) {
    struct place nodes = place_field(spec, "nodeSelector"), affinity = place_field(spec, "affinity"),
                 node = place_field(&affinity, "nodeAffinity"),
                 with = place_field(&affinity, "podAffinity"),
                 apart = place_field(&affinity, "podAntiAffinity"),
                 spreads = place_field(spec, "topologySpreadConstraints");
    check_labels_at(p, &nodes);
    check_node_affinity(p, &node);
    check_pod_affinity(p, &with);
    check_pod_affinity(p, &apart);
    check_tolerations(p, spec);
    struct map *seen = map_in(p->a);
    for (size_t i = 0; i < place_len(&spreads); i++) {
        struct place at = place_item(&spreads, i);
        check_spread(p, &at, seen);
    }
}
