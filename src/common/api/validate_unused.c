/* What is admitted and has no effect, or another one than was written: said as warnings, each with what to write instead. Three
 * sorts: labels and annotations under the API's prefixes that nothing reads, or not where they stand; features that this version
 * does not carry out, one row each; fields that others make void. Never a refusal. Pure. */
#include <string.h>

#include "api/build.h"
#include "api/names.h"
#include "base/str.h"
#include "doc/scalar.h"
#include "validate.h"
#include "validate_place.h"

/* ---- features that are not carried out: what arrives deletes its row ---- */

static const struct {
    unsigned where;         /* AT_*: an annotation; 0: a kind */
    const char *key;        /* the annotation, or the kind */
    const char *value;      /* NULL: any but an empty one */
    const char *member;     /* of the JSON in the annotation, not empty; NULL: the annotation itself */
    const char *says;
} not_carried_out[] = {
    {AT_GROUP, A_GANG, "true", NULL,
     "gang scheduling is not carried out by this version: no PodGroup is made, and pods are placed one by one"},
    {AT_ROLE, A_INSTANCE_GANG, "true", NULL,
     "gang scheduling is not carried out by this version: no PodGroup is made, and pods are placed one by one"},
    {AT_ROLE, A_PATTERN, "Stateless", NULL,
     "roles without ordinals are not carried out by this version: no instance is made until you write Stateful"},
    {AT_ROLE, A_INPLACE_SCHEDULING, NULL, NULL,
     "in-place scheduling is not carried out by this version: a recreated pod may go to any node"},
    {AT_ROLE, A_WORKLOAD_TYPE, WORKLOAD_STS, NULL,
     "this version makes no StatefulSets, the role stays without pods: write " WORKLOAD_RIS ", or remove the annotation"},
    {AT_ROLE, A_WORKLOAD_TYPE, WORKLOAD_DEPLOYMENT, NULL,
     "this version makes no Deployments, the role stays without pods: write " WORKLOAD_RIS ", or remove the annotation"},
    {AT_ROLE, A_WORKLOAD_TYPE, WORKLOAD_LWS, NULL,
     "this version makes no LeaderWorkerSets, the role stays without pods: write " WORKLOAD_RIS ", or remove the annotation"},
    {AT_TEMPLATE, A_PORT_ALLOCATOR, NULL, "allocations",
     "this version allocates no ports: write containerPorts of your own"},
    {AT_TEMPLATE, A_COMPONENT_DEPENDS, NULL, "deleteAfter",
     "deleteAfter is not carried out by this version: components end in any order"},
    {AT_GROUP, A_DISCOVERY_MODE, "legacy", NULL,
     "in this mode no file with addresses is written or kept up to date: write refine for one"},
    {AT_GROUP, A_V1_COORDINATION, NULL, NULL,
     "coordination is not carried out by this version: roles are updated and scaled each by itself"},
    {0, "CoordinatedPolicy", NULL, NULL,
     "is stored, but not carried out by this version: roles are updated and scaled each by itself"},
    {0, "RoleBasedGroupWarmup", NULL, NULL, "is stored, but not carried out by this version: no node is prepared"},
};
enum { NOT_CARRIED_OUT = sizeof not_carried_out / sizeof *not_carried_out };

void warn_kind(struct problems *p, enum kind k) {
    for (size_t i = 0; i < NOT_CARRIED_OUT; i++)
        if (!not_carried_out[i].where && str_eq(not_carried_out[i].key, kind_info(k)->name))
            problem_warn(p, "%s: %s", kind_info(k)->name, not_carried_out[i].says);
}

static bool has_member(struct arena *a, const char *text, const char *member) {
    return !jv_is_empty(jv_get(json_parse(a, text, strlen(text), &json_limits_review, NULL), member));
}

static void warn_feature(struct problems *p, const struct place *at, unsigned where) {
    const char *value = place_text(at);
    for (size_t i = 0; *value && i < NOT_CARRIED_OUT; i++)
        if (not_carried_out[i].where & where && str_eq(not_carried_out[i].key, at->field) &&
            (!not_carried_out[i].value || str_eq(not_carried_out[i].value, value)) &&
            (!not_carried_out[i].member || has_member(p->a, value, not_carried_out[i].member)))
            problem_warn(p, "%s: %s", place_path(p->a, at), not_carried_out[i].says);
}

/* ---- names under our prefixes ---- */

/* "workloads.x-k8s.io/", alone or below something. */
static bool is_ours(const char *key) {
    static const char group[] = API_GROUP;
    const char *slash = strchr(key, '/');
    size_t n = slash ? (size_t)(slash - key) : 0;
    return n >= sizeof group - 1 && memcmp(slash - (sizeof group - 1), group, sizeof group - 1) == 0 &&
           (n == sizeof group - 1 || slash[-(long)sizeof group] == '.');
}

static const char *tail(const char *key) {
    const char *slash = strchr(key, '/');
    return slash ? slash + 1 : key;
}

static const struct name_info *known_name(const char *key, bool label) {
    size_t n;
    const struct name_info *rows = names_table(&n);
    for (size_t i = 0; i < n; i++)
        if (rows[i].kind == (label ? NAME_LABEL : NAME_ANNOTATION) && str_eq(rows[i].name, key)) return &rows[i];
    return NULL;
}

/* What a user may have meant: the nearest of those that users write, whatever is before the slash. */
static const char *meant(struct arena *a, const char *key) {
    size_t n;
    const struct name_info *rows = names_table(&n);
    struct words tails = {ARENA_ARRAY(a, n, const char *), 0};
    for (size_t i = 0; i < n; i++) {
        if (rows[i].kind != NAME_ANNOTATION || !rows[i].user || str_eq(rows[i].name, key)) continue;
        if (str_eq(tail(rows[i].name), tail(key))) return rows[i].name;
        tails.items[tails.n++] = tail(rows[i].name);
    }
    const char *word = nearest_word(tail(key), &tails);
    for (size_t i = 0; word && i < n; i++)
        if (rows[i].kind == NAME_ANNOTATION && rows[i].user && str_eq(tail(rows[i].name), word)) return rows[i].name;
    return NULL;
}

static const char *home(unsigned where, bool set) {
    if (where & AT_GROUP && set) return "spec.groupTemplate.annotations";
    if (where & AT_GROUP) return "the annotations of the RoleBasedGroup";
    return where & AT_ROLE ? "the annotations of a role" : "the annotations of a pod template";
}

static void warn_old(struct problems *p, const struct place *map, const struct place *at, const struct name_old *old) {
    const struct name_info *now = known_name(old->now, old->kind == NAME_LABEL);
    if (jv_get(map->v, old->now)) return;
    if (now && now->user)
        problem_warn(p, "%s: this name is of an older version and has no effect: write %s", place_path(p->a, at), old->now);
    else
        problem_warn(p, "%s: this name is of an older version and has no effect: remove it; today the controllers write %s%s",
                     place_path(p->a, at), old->now, str_has_suffix(old->now, "-") ? "<role>" : "");
}

static void warn_unknown(struct problems *p, const struct place *at, bool label) {
    const char *near = meant(p->a, at->field);
    if (known_name(at->field, !label))
        problem_warn(p, "%s: has no effect: this is %s, move it there", place_path(p->a, at), label ? "an annotation" : "a label");
    else if (near)
        problem_warn(p, "%s: nothing reads this %s (did you mean the annotation %s?)", place_path(p->a, at),
                     label ? "label" : "annotation", near);
    else
        problem_warn(p, "%s: nothing reads this %s: remove it, or use a prefix of your own", place_path(p->a, at),
                     label ? "label" : "annotation");
}

static void judge(struct problems *p, const struct place *map, const struct place *at, bool label, unsigned where) {
    static const char conversion[] = "conversion." API_GROUP "/";
    const struct name_info *info = known_name(at->field, label);
    const struct name_old *old = name_old(at->field);
    if (!label) warn_feature(p, at, where);
    if (str_has_prefix(at->field, conversion)) return; /* written when an object is converted */
    if (old)
        warn_old(p, map, at, old);
    else if (label && str_has_prefix(at->field, L_ROLE_REVISION_PREFIX))
        problem_warn(p, "%s: the controllers write this label: remove it", place_path(p->a, at));
    else if (!info)
        warn_unknown(p, at, label);
    else if (!info->user)
        problem_warn(p, "%s: the controllers write this %s, and yours has no effect: remove it", place_path(p->a, at),
                     label ? "label" : "annotation");
    else if (!(info->user & where))
        problem_warn(p, "%s: has no effect here: it belongs in %s", place_path(p->a, at), home(info->user, where == AT_SET));
}

void check_our_names(struct problems *p, const struct place *map, bool label, unsigned where) {
    JV_FOR_OBJ(m, map->v) {
        if (!is_ours(m->key) || problems_warned(p)) continue;
        struct place at = place_key(map, m);
        judge(p, map, &at, label, where);
    }
}

static void check_metadata(struct problems *p, const struct place *holder, unsigned where) {
    const struct place labels = place_field(holder, "labels"), notes = place_field(holder, "annotations");
    check_our_names(p, &labels, true, where);
    check_our_names(p, &notes, false, where);
}

/* Of a template, or of a patch of one. */
void check_template_names(struct problems *p, const struct place *template) {
    const struct place meta = place_field(template, "metadata");
    check_metadata(p, &meta, AT_TEMPLATE);
}

static void check_template_in(struct problems *p, const struct place *up, const char *field) {
    const struct place template = {.up = up, .field = field, .v = jv_get(up->v, field)};
    check_template_names(p, &template);
}

static void check_names_of_role(const struct role_check *k, const struct place *role) {
    static const char *const patterns[] = {"standalonePattern", "leaderWorkerPattern"};
    struct problems *p = k->c->p;
    check_metadata(p, role, AT_ROLE);
    for (size_t i = 0; i < 2; i++) {
        const struct place pattern = {.up = role, .field = patterns[i], .v = jv_get(role->v, patterns[i])},
                           ref = place_field(&pattern, "templateRef");
        check_template_in(p, &pattern, "template");
        check_template_in(p, &ref, "patch");
        check_template_in(p, &pattern, "leaderTemplatePatch");
        check_template_in(p, &pattern, "workerTemplatePatch");
    }
    const struct place custom = place_field(role, "customComponentsPattern"),
                       list = place_field(&custom, "components");
    for (size_t i = 0; i < place_len(&list); i++) {
        const struct place component = place_item(&list, i);
        check_metadata(p, &component, AT_TEMPLATE);
        check_template_in(p, &component, "template");
    }
}

/* ---- fields that others make void ---- */

static void warn_at(const struct role_check *k, const char *field, const char *says) {
    problem_warn(k->c->p, "%s.%s: %s", k->path, field, says);
}

/* An annotation that only says how another one is carried out. */
void check_needs(struct problems *p, const struct place *notes, const char *key, const char *needs, bool given) {
    if (given || jv_is_empty(jv_get(notes->v, key))) return;
    const struct place at = {.up = notes, .field = key, .key = true};
    problem_warn(p, "%s: has no effect without %s", place_path(p->a, &at), needs);
}

static void check_void_annotations(const struct role_check *k, const struct place *role) {
    const struct place notes = place_field(role, "annotations");
    bool back = !jv_is_empty(jv_get(notes.v, A_INPLACE_SCHEDULING));
    check_needs(k->c->p, &notes, A_INPLACE_SCHEDULING_GRANULARITY, A_INPLACE_SCHEDULING, back);
    check_needs(k->c->p, &notes, A_INPLACE_SCHEDULING_AVOID, A_INPLACE_SCHEDULING, back);
}

static void check_void_fields(const struct role_check *k) {
    const struct role *r = k->r;
    const struct rolling_update *u = &r->rollout.rolling_update;
    enum workload w = role_workload(r);
    if (r->leader_worker.set && (w == WL_STATEFULSET || w == WL_DEPLOYMENT))
        warn_at(k, "leaderWorkerPattern",
                "the workload type has no leaders and workers: size, patches and restart policy have no effect; remove the "
                "annotation " A_WORKLOAD_TYPE);
    if (r->standalone.set && w == WL_LWS)
        warn_at(k, "standalonePattern", "a LeaderWorkerSet of it has groups of one pod: write leaderWorkerPattern with a size");
    if (u->set && u->inplace.set && str_eq(u->type, "RecreatePod"))
        warn_at(k, "rolloutStrategy.rollingUpdate.inPlaceUpdateStrategy",
                "has no effect with type RecreatePod: remove it, or write InPlaceIfPossible");
    if (jv_len(r->scaling_adapter.labels) && !r->scaling_adapter.enable.v)
        warn_at(k, "scalingAdapter.labels", "has no effect as long as enable is not true");
}

/* Of a runtime's container only what is added to the injected one counts. */
static void check_overrides(const struct role_check *k, const struct place *role) {
    static const char *const used[] = {"name", "env", "args"};
    const struct place runtimes = place_field(role, "engineRuntimes");
    for (size_t i = 0; i < place_len(&runtimes); i++) {
        const struct place runtime = place_item(&runtimes, i), list = place_field(&runtime, "containers");
        for (size_t c = 0; c < place_len(&list); c++) {
            const struct place container = place_item(&list, c);
            JV_FOR_OBJ(m, problems_warned(k->c->p) ? NULL : container.v) {
                const struct place at = place_field(&container, m->key);
                bool counts = str_eq(m->key, used[0]) || str_eq(m->key, used[1]) || str_eq(m->key, used[2]);
                if (!counts && !jv_is_empty(m->val))
                    problem_warn(k->c->p, "%s: has no effect: only env and args are added to the profile's container; change "
                                 "the profile", place_path(k->c->a, &at));
            }
        }
    }
}

/* A percentage above 100 means no more than all. */
void warn_above_all(struct problems *p, const struct place *at) {
    const char *s = jv_str(at->v, ""), *end = s + strspn(s, "0123456789");
    int64_t n;
    if (!jv_is(at->v, J_STR) || end == s || !str_eq(end, "%")) return;
    if (str_to_i64(arena_strndup(p->a, s, (size_t)(end - s)), &n) == 0 && n > 100)
        problem_warn(p, "%s: \"%s\" is no more than all: write \"100%%\" or less", place_path(p->a, at), s);
}

/* ---- ports of the discovery file ---- */

/* Written there under the name, or the number. */
static char *announced(struct arena *a, const struct place *port) {
    const char *name = jv_get_str(port->v, "name");
    return discovery_port_key(a, name, jv_get_int(port->v, "port", 0));
}

static void check_port(const struct role_check *k, const struct place *port, struct map *seen, bool alone) {
    static const char *const unused[] = {"targetPort", "nodePort", "appProtocol"};
    struct problems *p = k->c->p;
    const struct place number = place_field(port, "port"), name = place_field(port, "name");
    int64_t n = jv_int(number.v, 0);
    if (jv_is(number.v, J_NUM) && (n < 1 || n > 65535)) {
        place_problem(p, &number, PROBLEM_INVALID, "write a port between 1 and 65535");
        return;
    }
    char *key = announced(k->c->a, port);
    if (map_put(seen, key, seen))
        place_problem(p, *place_text(&name) ? &name : &number, PROBLEM_DUPLICATE,
                      "another port of the role is announced as \"%s\" too: give each a name of its own", key);
    else if (!alone && !*place_text(&name))
        problem_warn(p, "%s: has no name, so it is announced as \"%s\": name each of several ports", place_path(p->a, port), key);
    for (size_t i = 0; i < sizeof unused / sizeof *unused; i++) {
        const struct place at = {.up = port, .field = unused[i], .v = jv_get(port->v, unused[i])};
        if (!jv_is_empty(at.v) && !(jv_is(at.v, J_NUM) && jv_int(at.v, 0) == 0))
            problem_warn(p, "%s: has no effect: the file with the addresses says name and port only; write a Service of your own "
                         "for more", place_path(p->a, &at));
    }
}

static void check_service_ports(const struct role_check *k, const struct place *role) {
    const struct place ports = place_field(role, "servicePorts");
    struct map *seen = place_len(&ports) ? map_in(k->c->a) : NULL;
    for (size_t i = 0; i < place_len(&ports); i++) {
        const struct place port = place_item(&ports, i);
        check_port(k, &port, seen, place_len(&ports) == 1);
    }
}

void check_unused(const struct role_check *k) {
    const struct place role = place_at(k->path, k->r->doc);
    check_names_of_role(k, &role);
    check_void_annotations(k, &role);
    check_void_fields(k);
    check_overrides(k, &role);
    check_service_ports(k, &role);
}
