/* The directives that users write as JSON into template annotations: ports to allocate, addresses
 * of other components, the order in which components start (part D 10 and 11). Each reference is
 * checked against the role's components. Paths are relative to the template. Pure. */
#include <string.h>

#include "api/limits.h"
#include "api/names.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/scalar.h"
#include "validate.h"

struct directive {
    struct problems *p;
    const struct role *r;
    const struct effective *all;
    size_t n, self;
    struct component_notes *notes; /* of each component */
    struct map *by_name;           /* components; NULL: few enough to be searched */
    const char *key, *path; /* the annotation */
    struct words *names;    /* of all components */
};

static const struct jv *parse(struct problems *p, const struct jv *tpl, const char *key,
                              const char *path) {
    const struct jv *v = jv_path(tpl, "metadata", "annotations", key, (char *)0);
    if (!jv_is(v, J_STR) || v->len == 0) return NULL;
    struct err e = ERR_INIT;
    const struct jv *d = json_parse(p->a, v->s, v->len, &json_limits_review, &e);
    if (!d)
        problem_add(p, path, PROBLEM_INVALID, v, "must be JSON: %s", e.msg);
    else if (d->type != J_OBJ)
        problem_add(p, path, PROBLEM_INVALID, v, "must be a JSON object, not a %s",
                    jv_type_name(d));
    return jv_is(d, J_OBJ) ? d : NULL;
}

static const struct jv *list_of(const struct directive *d, const struct jv *doc,
                                const char *field) {
    const struct jv *v = jv_get(doc, field);
    if (!v || v->type == J_ARR) return v;
    if (v->type == J_NULL) return NULL;
    problem_add(d->p, arena_printf(d->p->a, "%s.%s", d->path, field), PROBLEM_INVALID, v,
                "must be a list");
    return NULL;
}

static const char *field_path(const struct directive *d, const char *list, size_t i,
                              const char *field) {
    return arena_printf(d->p->a, "%s.%s[%zu].%s", d->path, list, i, field);
}

/* A required string of an entry; "" and a problem when there is none. */
static const char *required(const struct directive *d, const struct jv *entry, const char *list,
                            size_t i, const char *field) {
    const char *s = jv_get_str(entry, field);
    if (!str_empty(s)) return s;
    problem_add(d->p, field_path(d, list, i, field), PROBLEM_REQUIRED, NULL, "write a string");
    return "";
}

static const struct effective *component(const struct directive *d, const char *name) {
    if (d->by_name) return map_get(d->by_name, name);
    for (size_t i = 0; i < d->n; i++)
        if (str_eq(d->all[i].component, name)) return &d->all[i];
    return NULL;
}

static const struct effective *known_component(const struct directive *d, const char *name,
                                               const char *path) {
    const struct effective *c = component(d, name);
    if (!c && *name && !problems_full(d->p))
        problem_add(d->p, path, PROBLEM_NOT_FOUND, jv_new_str(d->p->a, name),
                    "role \"%s\" has no component of this name%s: use %s",
                    d->r->name ? d->r->name : "", did_you_mean_one_of(d->p->a, name, d->names),
                    words_list(d->p->a, d->names));
    return c;
}

/* ---- ports ---- */

static struct map *allocations(struct arena *a, const struct effective *c) {
    struct map *names = map_in(a);
    const char *text =
        jv_str(jv_path(c->template, "metadata", "annotations", A_PORT_ALLOCATOR, (char *)0), "");
    const struct jv *v =
        *text ? json_parse(a, text, strlen(text), &json_limits_review, NULL) : NULL;
    JV_FOR_ARR(it, jv_get(v, "allocations")) {
        const char *name = jv_get_str(*it, "name");
        if (name) map_put(names, name, names);
    }
    return names;
}

/* Each component's annotation is read once for all references to it. */
static bool allocates(const struct directive *d, const struct effective *c, const char *port) {
    struct map **names = &d->notes[c - d->all].allocated;
    if (!*names) *names = allocations(d->p->a, c);
    return map_has(*names, port);
}

static bool declares(const struct directive *d, const struct effective *c, const char *port) {
    struct map **names = &d->notes[c - d->all].declared;
    if (!*names) {
        *names = map_in(d->p->a);
        JV_FOR_ARR(it, jv_path(c->template, "spec", "containers", (char *)0))
        JV_FOR_ARR(p, jv_get(*it, "ports"))
        if (jv_get_str(*p, "name")) map_put(*names, jv_get_str(*p, "name"), *names);
    }
    return map_has(*names, port);
}

/* Instances keep a PodScoped port in an annotation "<pod>.<port>", a RoleScoped one in
 * "<component>.<port>". */
static void check_allocation(const struct directive *d, const struct jv *entry, size_t i,
                             struct map *names) {
    static const char list[] = "allocations";
    const char *name = required(d, entry, list, i, "name"), *scope = jv_get_str(entry, "scope"),
               *note = jv_get_str(entry, "annotationKey");
    required(d, entry, list, i, "env");
    const char *wrong = *name ? name_qualified(name) : NULL;
    if (wrong || strchr(name, '/') || strchr(name, '.'))
        problem_add(
            d->p, field_path(d, list, i, "name"), PROBLEM_INVALID, jv_get(entry, "name"),
            "the name becomes part of an annotation key: write "
            "letters, digits, '-' and '_' only, beginning and ending with a letter or digit");
    else if (*name && map_put(names, name, names))
        problem_add(d->p, field_path(d, list, i, "name"), PROBLEM_DUPLICATE, jv_get(entry, "name"),
                    "a port of this name is allocated already: rename one");
    if (!str_empty(scope) && !str_eq(scope, "PodScoped") && !str_eq(scope, "RoleScoped"))
        problem_add(d->p, field_path(d, list, i, "scope"), PROBLEM_NOT_SUPPORTED,
                    jv_get(entry, "scope"), "write PodScoped or RoleScoped");
    wrong = str_empty(note) ? NULL : name_qualified(note);
    if (wrong)
        problem_add(d->p, field_path(d, list, i, "annotationKey"), PROBLEM_INVALID,
                    jv_get(entry, "annotationKey"), "no valid annotation key: %s", wrong);
}

static void check_port_reference(const struct directive *d, const struct jv *entry, size_t i) {
    static const char list[] = "references";
    required(d, entry, list, i, "env");
    const char *from = required(d, entry, list, i, "from"), *path = field_path(d, list, i, "from");
    const char *first = strchr(from, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    if (!*from) return;
    if (!second || first == from || second == first + 1 || !second[1] || strchr(second + 1, '.')) {
        problem_add(d->p, path, PROBLEM_INVALID, jv_get(entry, "from"),
                    "write <role>.<component>.<port>, such as \"%s.%s.http\"",
                    d->r->name ? d->r->name : "", d->n ? d->all[0].component : "");
        return;
    }
    const char *role = arena_strndup(d->p->a, from, (size_t)(first - from));
    if (!str_eq(role, d->r->name))
        problem_warn(d->p, "%s: \"%s\" is another role; the ports of role \"%s\" itself are used",
                     path, role, d->r->name ? d->r->name : "");
    const struct effective *c =
        known_component(d, arena_strndup(d->p->a, first + 1, (size_t)(second - first - 1)), path);
    if (c && !allocates(d, c, second + 1))
        problem_add(d->p, path, PROBLEM_NOT_FOUND, jv_get(entry, "from"),
                    "component \"%s\" allocates no port \"%s\": add it to the allocations in its "
                    "annotation %s",
                    c->component, second + 1, A_PORT_ALLOCATOR);
}

static void check_ports(const struct directive *d, const struct jv *doc) {
    struct map *names = map_in(d->p->a);
    const struct jv *list = list_of(d, doc, "allocations");
    for (size_t i = 0; i < jv_len(list); i++) check_allocation(d, jv_idx(list, i), i, names);
    list = list_of(d, doc, "references");
    for (size_t i = 0; i < jv_len(list); i++) check_port_reference(d, jv_idx(list, i), i);
}

/* ---- discovery ---- */

static const struct effective *check_target(const struct directive *d, const struct jv *entry,
                                            const char *list, size_t i) {
    required(d, entry, list, i, "env");
    const char *name = required(d, entry, list, i, "component");
    const struct effective *c = known_component(d, name, field_path(d, list, i, "component"));
    const struct jv *index = jv_get(entry, "index");
    int64_t n = index ? jv_int(index, -1) : 0;
    if (c && (n < 0 || n >= c->size))
        problem_add(d->p, field_path(d, list, i, "index"), PROBLEM_INVALID, index,
                    "no such pod: an instance has %d of component \"%s\", numbered from 0",
                    (int)c->size, name);
    return c;
}

/* Workers have host names of their own only when the role's Service selects them. */
static void check_address(const struct directive *d, const struct jv *entry, size_t i) {
    const struct effective *c = check_target(d, entry, "addressRefs", i);
    bool workers =
        !d->r->standalone.set && d->r->leader_worker.set && c && str_eq(c->component, "worker");
    if (workers && !str_eq(role_shared_service(d->r), "All"))
        problem_add(d->p, field_path(d, "addressRefs", i, "component"), PROBLEM_INVALID,
                    jv_get(entry, "component"),
                    "workers have no DNS name, because the role's Service selects leaders only: "
                    "write sharedServiceSelection: All in leaderWorkerPattern");
}

static void check_discovery(const struct directive *d, const struct jv *doc) {
    const struct jv *list = list_of(d, doc, "addressRefs");
    for (size_t i = 0; i < jv_len(list); i++) check_address(d, jv_idx(list, i), i);
    list = list_of(d, doc, "portRefs");
    for (size_t i = 0; i < jv_len(list); i++) {
        const struct effective *c = check_target(d, jv_idx(list, i), "portRefs", i);
        const char *port = required(d, jv_idx(list, i), "portRefs", i, "portName");
        if (c && *port && !allocates(d, c, port) && !declares(d, c, port))
            problem_add(d->p, field_path(d, "portRefs", i, "portName"), PROBLEM_NOT_FOUND,
                        jv_get(jv_idx(list, i), "portName"),
                        "component \"%s\" has no container port of this name and allocates none: "
                        "name one of its containers' ports",
                        c->component);
    }
}

/* ---- start order ---- */

static const struct jv *depends_of(struct arena *a, const struct effective *c) {
    const char *text = jv_get_str(c->annotations, A_COMPONENT_DEPENDS);
    if (!text)
        text = jv_str(
            jv_path(c->template, "metadata", "annotations", A_COMPONENT_DEPENDS, (char *)0), "");
    return *text ? json_parse(a, text, strlen(text), &json_limits_review, NULL) : NULL;
}

/* Can `from` be reached again along startAfter? `state`: 0 new, 1 seen. Components are few, the
 * recursion visits each once. */
static bool reaches(const struct directive *d, size_t at, size_t target, char *state) {
    struct component_notes *n = &d->notes[at];
    if (!n->after_read) n->after = jv_get(depends_of(d->p->a, &d->all[at]), "startAfter");
    n->after_read = true;
    JV_FOR_ARR(it, n->after) {
        const struct effective *c = component(d, jv_str(*it, ""));
        size_t i = c ? (size_t)(c - d->all) : d->n;
        if (i == target) return true;
        if (i < d->n && !state[i] && (state[i] = 1) && reaches(d, i, target, state)) return true;
    }
    return false;
}

static void check_depends(const struct directive *d, const struct jv *doc) {
    static const char *const fields[] = {"startAfter", "deleteAfter"};
    const char *self = d->all[d->self].component;
    for (size_t f = 0; f < 2; f++) {
        const struct jv *list = list_of(d, doc, fields[f]);
        for (size_t i = 0; i < jv_len(list); i++) {
            const char *path = arena_printf(d->p->a, "%s.%s[%zu]", d->path, fields[f], i),
                       *name = jv_str(jv_idx(list, i), "");
            if (!*name)
                problem_add(d->p, path, PROBLEM_INVALID, jv_idx(list, i),
                            "write a component's name");
            else if (str_eq(name, self))
                problem_add(d->p, path, PROBLEM_INVALID, jv_idx(list, i),
                            "a component can't wait for itself: remove it");
            else
                known_component(d, name, path);
        }
    }
    char *state = arena_alloc(d->p->a, d->n);
    bool own = false; /* said already */
    JV_FOR_ARR(it, jv_get(doc, "startAfter")) own = own || str_eq(jv_str(*it, NULL), self);
    if (!own && d->n <= COMPONENTS_MAX && reaches(d, d->self, d->self, state))
        problem_add(d->p, arena_printf(d->p->a, "%s.startAfter", d->path), PROBLEM_INVALID,
                    jv_get(doc, "startAfter"),
                    "component \"%s\" waits for itself over other components, so none of them "
                    "would ever start: remove one of the references",
                    self);
}

/* Of several of one name the first. */
static struct map *by_name(struct arena *a, const struct effective *all, size_t n) {
    struct map *out = map_in(a);
    for (size_t i = n; i-- > 0;)
        if (*all[i].component) map_put(out, all[i].component, (void *)(uintptr_t)&all[i]);
    return out;
}

void check_directives(struct problems *p, const struct role_check *k, const struct effective *all,
                      size_t n, size_t i) {
    static const struct {
        const char *key;
        void (*check)(const struct directive *d, const struct jv *doc);
    } rows[] = {{A_PORT_ALLOCATOR, check_ports},
                {A_COMPONENT_DISCOVERY, check_discovery},
                {A_COMPONENT_DEPENDS, check_depends}};
    enum { SEARCHED = 16 };
    struct directive d = {
        .p = p, .r = k->r, .all = all, .n = n, .self = i, .notes = k->notes};
    for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
        if (jv_is_empty(
                jv_path(all[i].template, "metadata", "annotations", rows[row].key, (char *)0)))
            continue;
        if (!d.names) {
            d.names = ARENA_NEW(p->a, struct words);
            d.names->items = ARENA_ARRAY(p->a, n, const char *);
            for (size_t c = 0; c < n; c++)
                if (*all[c].component) d.names->items[d.names->n++] = all[c].component;
            d.by_name = n > SEARCHED ? by_name(p->a, all, n) : NULL;
        }
        d.key = rows[row].key;
        d.path = arena_printf(p->a, "metadata.annotations[%s]", d.key);
        const struct jv *doc = parse(p, all[i].template, d.key, d.path);
        if (doc) rows[row].check(&d, doc);
    }
}
