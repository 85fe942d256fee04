/* Validation of groups and sets: what concerns the object as a whole, and which of the mistakes
 * found are worth a refusal.
 *
 * Ratchet: on update the stored object is looked at with the same rules, and a mistake that it has
 * already is no reason to refuse: an object that is stored is never locked by a rule that came
 * later. Mistakes are the same when place, kind and value are; a place in a list counts by the name
 * of the element, so that moving a role changes nothing. Pure, but for the lookup. */
#include <string.h>

#include "api/limits.h"
#include "api/names.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/find.h"
#include "doc/scalar.h"
#include "validate.h"
#include "validate_place.h"

/* ---- group annotations ---- */

static const char *note_path(struct problems *p, const char *path, const char *key) {
    return arena_printf(p->a, "%s[%s]", path, key);
}

static void check_gang(struct problems *p, const struct jv *notes, const char *path) {
    static const char *const settings[] = {A_GANG_TIMEOUT, A_GANG_VOLCANO_QUEUE, A_GANG_VOLCANO_PRIORITY};
    const struct jv *gang = jv_get(notes, A_GANG), *timeout = jv_get(notes, A_GANG_TIMEOUT);
    int64_t seconds;
    if (str_eq(jv_str(gang, ""), "true") && str_eq(jv_get_str(notes, A_INSTANCE_GANG), "true"))
        problem_add(p, note_path(p, path, A_INSTANCE_GANG), PROBLEM_FORBIDDEN, NULL,
                    "%s schedules the whole group at once, %s each instance: keep one of them",
                    A_GANG, A_INSTANCE_GANG);
    if (!jv_is_empty(gang) && !str_eq(gang->s, "true") && !str_eq(gang->s, "false"))
        problem_warn(p, "%s: \"%s\" is neither \"true\" nor \"false\" and has no effect",
                     note_path(p, path, A_GANG), gang->s);
    if (!jv_is_empty(timeout) &&
        (str_to_i64(timeout->s, &seconds) || seconds < 1 || seconds > INT32_MAX))
        problem_add(p, note_path(p, path, A_GANG_TIMEOUT), PROBLEM_INVALID, timeout,
                    "write a number of seconds, such as \"60\"");
    const struct place at = place_at(path, notes);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        check_needs(p, &at, settings[i], A_GANG ": \"true\"", str_eq(jv_str(gang, ""), "true"));
}

void check_group_annotations(struct problems *p, const struct jv *notes, const char *path) {
    JV_FOR_OBJ(m, notes) {
        if (!jv_is(m->val, J_STR)) {
            problem_add(p, note_path(p, path, m->key), PROBLEM_INVALID, m->val,
                        "write a string: put the value in quotes");
            return;
        }
    }
    const struct jv *topology = jv_get(notes, A_EXCLUSIVE_TOPOLOGY),
                    *mode = jv_get(notes, A_DISCOVERY_MODE);
    const char *wrong = topology && topology->len ? name_qualified(topology->s) : NULL;
    check_gang(p, notes, path);
    if (topology && topology->len == 0)
        problem_add(p, note_path(p, path, A_EXCLUSIVE_TOPOLOGY), PROBLEM_INVALID, topology,
                    "name a node label, such as kubernetes.io/hostname, or remove the annotation");
    if (wrong)
        problem_add(p, note_path(p, path, A_EXCLUSIVE_TOPOLOGY), PROBLEM_INVALID, topology,
                    "names a node label, such as kubernetes.io/hostname, and %s", wrong);
    if (!jv_is_empty(mode) && !str_eq(mode->s, "legacy") && !str_eq(mode->s, "refine"))
        problem_add(p, note_path(p, path, A_DISCOVERY_MODE), PROBLEM_NOT_SUPPORTED, mode,
                    "write \"refine\", or remove the annotation");
}

/* ---- the spec of a group ---- */

static void check_role_templates(const struct check *c, const struct jv *spec) {
    struct map *seen = map_in(c->a);
    for (size_t i = 0; i < c->s->role_templates.n; i++) {
        const struct role_template *t = &c->s->role_templates.items[i];
        const char *path = arena_printf(c->a, "%s.roleTemplates[%zu]", c->path, i),
                   *name_path = arena_printf(c->a, "%s.name", path);
        const struct jv *value = jv_get(jv_idx(jv_get(spec, "roleTemplates"), i), "name");
        const char *wrong = str_empty(t->name) ? NULL : name_dns1123_label(t->name);
        if (str_empty(t->name))
            problem_add(c->p, name_path, PROBLEM_REQUIRED, NULL, "a role template needs a name");
        else if (wrong)
            problem_add(c->p, name_path, PROBLEM_INVALID, value, "a role template's name %s",
                        wrong);
        else if (map_put(seen, t->name, seen))
            problem_add(c->p, name_path, PROBLEM_DUPLICATE, value,
                        "another role template has this name: rename one");
        if (jv_len(jv_path(t->template, "spec", "containers", (char *)0)) == 0)
            problem_add(c->p, arena_printf(c->a, "%s.template.spec.containers", path),
                        PROBLEM_REQUIRED, NULL, "a role template needs at least one container");
    }
}

static bool dependencies_known(const struct check *c) {
    for (size_t i = 0; i < c->s->roles.n; i++)
        for (size_t d = 0; d < c->s->roles.items[i].dependencies.n; d++)
            if (!map_has(c->roles, c->s->roles.items[i].dependencies.items[d])) return false;
    return true;
}

static void check_cycle(const struct check *c) {
    struct err e = ERR_INIT;
    size_t *order;
    int *level;
    if (dependencies_known(c) && rbg_order(c->a, c->s, &order, &level, &e))
        problem_add(c->p, arena_printf(c->a, "%s.roles", c->path), PROBLEM_INVALID, NULL, "%s",
                    e.msg);
}

/* Roles by their names; of several of one name the first. */
static struct map *roles_by_name(struct arena *a, const struct rbg_spec *s) {
    struct map *roles = map_in(a);
    for (size_t i = s ? s->roles.n : 0; i-- > 0;) {
        struct role *r = &s->roles.items[i];
        if (!str_empty(r->name)) map_put(roles, r->name, r);
    }
    return roles;
}

static void check_role_names(const struct check *c) {
    for (size_t i = 0; i < c->s->roles.n; i++) {
        const struct role *r = &c->s->roles.items[i];
        if (!str_empty(r->name) && map_get(c->roles, r->name) != r)
            problem_add(c->p, arena_printf(c->a, "%s.roles[%zu].name", c->path, i),
                        PROBLEM_DUPLICATE, jv_get(r->doc, "name"),
                        "another role has this name: rename one");
    }
}

static void warn_role_templates(const struct check *c, const struct jv *spec) {
    const struct place at = place_at(c->path, spec), list = place_field(&at, "roleTemplates");
    for (size_t i = 0; i < place_len(&list); i++) {
        const struct place item = place_item(&list, i), template = place_field(&item, "template");
        check_template_names(c->p, &template);
    }
}

/* A role that is too large by itself is reported there. */
static void check_group_pods(const struct check *c) {
    int64_t pods = 0;
    for (size_t i = 0; i < c->s->roles.n; i++) {
        int64_t n = role_pods(&c->s->roles.items[i]);
        if (n > PODS_MAX) return;
        pods += n;
    }
    if (pods > PODS_MAX)
        problem_add(c->p, arena_printf(c->a, "%s.roles", c->path), PROBLEM_INVALID, NULL,
                    "the roles together have %lld pods, at most %d are allowed: lower their "
                    "replicas, or write several groups",
                    (long long)pods, PODS_MAX);
}

static bool check_counts(const struct check *c) {
    enum { LOOKED_AT = 4 }; /* times the maximum: stored objects may be from before there was one */
    if (c->s->roles.n == 0)
        problem_add(c->p, arena_printf(c->a, "%s.roles", c->path), PROBLEM_REQUIRED, NULL,
                    "write at least one role");
    if (c->s->roles.n > ROLES_MAX)
        problem_add(c->p, arena_printf(c->a, "%s.roles", c->path), PROBLEM_TOO_MANY, NULL,
                    "a group may have %d roles: write several groups", ROLES_MAX);
    if (c->s->role_templates.n > TEMPLATES_MAX)
        problem_add(c->p, arena_printf(c->a, "%s.roleTemplates", c->path), PROBLEM_TOO_MANY, NULL,
                    "a group may have %d role templates: remove those that no role names",
                    TEMPLATES_MAX);
    return c->s->roles.n <= LOOKED_AT * ROLES_MAX && c->s->role_templates.n <= LOOKED_AT * TEMPLATES_MAX;
}

static void check_roles(const struct check *c) {
    ARENA_AUTO struct arena *tmp = arena_new();
    for (size_t i = 0; i < c->s->roles.n && !problems_full(c->p); i++) {
        const struct role *r = &c->s->roles.items[i];
        size_t components = r->custom.components.n + 2; /* or one, or a leader and a worker */
        struct role_check k = {.c = c,
                               .r = r,
                               .path = arena_printf(c->a, "%s.roles[%zu]", c->path, i),
                               .tmp = tmp,
                               .notes = ARENA_ARRAY(tmp, components, struct component_notes)};
        check_role(&k);
        check_deprecated(&k, c->was && r->name ? map_get(c->was_roles, r->name) : NULL);
        arena_reset(tmp);
    }
}

static void check_spec(struct check *c, const struct jv *spec) {
    struct words names = {NULL, 0};
    if (!check_counts(c)) return;
    c->roles = roles_by_name(c->a, c->s);
    if (c->was) c->was_roles = roles_by_name(c->a, c->was);
    c->names = &names;
    c->said = map_in(c->a);
    check_group_pods(c);
    check_template_sizes(c);
    check_role_templates(c, spec);
    warn_role_templates(c, spec);
    check_role_names(c);
    check_roles(c);
    check_cycle(c);
    check_pod_names(c);
}

/* ---- kinds ---- */

/* Roles that an autoscaler holds (part A 6.2 S): a write that would scale against it is refused,
 * with the number it wants. */
static void check_adapters(const struct check *c, const char *ns, const char *group) {
    if (!c->l || !c->l->adapter_replicas || !c->was_roles) return;
    for (size_t i = 0; i < c->s->roles.n; i++) {
        const struct role *r = &c->s->roles.items[i], *was = r->name ? map_get(c->was_roles, r->name) : NULL;
        if (!r->scaling_adapter.enable.v || !was || !r->replicas.set ||
            (was->replicas.set && was->replicas.v == r->replicas.v))
            continue;
        const char *adapter = name_adapter(c->a, group, r->name),
                   *path = arena_printf(c->a, "%s.roles[%zu].replicas", c->path, i);
        int32_t wants = 0;
        struct err e = ERR_INIT;
        int found = c->l->adapter_replicas(c->l->ctx, ns, adapter, &wants, &e);
        if (found < 0)
            problem_add(c->p, path, PROBLEM_FORBIDDEN, NULL,
                        "can't tell whether scaling adapter \"%s\" agrees: %s; try again", adapter,
                        e.msg);
        else if (found && wants != r->replicas.v)
            problem_add(c->p, path, PROBLEM_FORBIDDEN, NULL,
                        "role \"%s\" is scaled by adapter \"%s\", which wants %d replicas, not %d: "
                        "leave replicas out, scale the adapter, or disable scalingAdapter first",
                        r->name, adapter, (int)wants, (int)r->replicas.v);
    }
}

/* Labels and annotations under our prefixes, of what becomes a group (AT_GROUP), or of a set. */
static void check_own_names(struct problems *p, const struct jv *labels, const struct jv *notes, const char *path,
                            unsigned where) {
    const struct place meta = place_at(path, NULL),
                       l = {.up = &meta, .field = "labels", .v = labels},
                       n = {.up = &meta, .field = "annotations", .v = notes};
    check_our_names(p, &l, true, where);
    check_our_names(p, &n, false, where);
}

static void validate_group(struct check *c, const struct jv *doc, const struct jv *old) {
    const char *name = meta_name(doc), *wrong = *name ? name_dns1123_label(name) : NULL;
    struct rbg_spec spec, was;
    struct err e = ERR_INIT;
    if (wrong)
        problem_add(c->p, "metadata.name", PROBLEM_INVALID,
                    jv_path(doc, "metadata", "name", (char *)0),
                    "the name becomes part of the names of pods and Services: it %s", wrong);
    check_group_annotations(c->p, jv_path(doc, "metadata", "annotations", (char *)0),
                            "metadata.annotations");
    check_own_names(c->p, jv_path(doc, "metadata", "labels", (char *)0), jv_path(doc, "metadata", "annotations", (char *)0),
                    "metadata", AT_GROUP);
    if (rbg_spec_decode(c->a, jv_get(doc, "spec"), &spec, &e)) {
        problem_add(c->p, "spec", PROBLEM_INVALID, NULL, "%s", e.msg);
        return;
    }
    c->s = &spec;
    c->path = "spec";
    c->group = wrong ? "" : name;
    if (old && rbg_spec_decode(c->a, jv_get(old, "spec"), &was, NULL) == 0) c->was = &was;
    check_spec(c, jv_get(doc, "spec"));
    check_coordination_note(c->p, jv_path(doc, "metadata", "annotations", (char *)0),
                            "metadata.annotations", &spec);
    if (c->was) check_adapters(c, meta_ns(doc), name);
}

/* The annotations that a set has and its template has not: conversion writes some on both. */
static const struct jv *notes_of_set(struct arena *a, const struct jv *notes, const struct jv *of_groups) {
    struct jv *out = jv_new_obj(a);
    struct finder there = finder_of(a, of_groups, NULL);
    JV_FOR_OBJ(m, notes)
        if (!finder_member(&there, m->key, m->klen)) jv_add(a, out, m->key, m->klen, m->val);
    return out;
}

/* A set's groups are "<set>-<index>": the longest of them is what has to fit. */
static void validate_set(struct check *c, const struct jv *doc, const struct jv *old) {
    const char *name = meta_name(doc);
    const struct jv *spec = jv_get(doc, "spec"), *replicas = jv_get(spec, "replicas"),
                    *template = jv_get(spec, "groupTemplate");
    int64_t n = jv_int(replicas, 1);
    if (n < 0)
        problem_add(c->p, "spec.replicas", PROBLEM_INVALID, replicas, "must not be negative");
    if (n > GROUPS_MAX)
        problem_add(c->p, "spec.replicas", PROBLEM_INVALID, replicas, "must be at most %d",
                    GROUPS_MAX);
    c->group = *name ? arena_printf(c->a, "%s-%lld", name, (long long)(n > 1 ? n - 1 : 0)) : "";
    const char *wrong = *name ? name_dns1123_label(c->group) : NULL;
    if (wrong) {
        problem_add(c->p, "metadata.name", PROBLEM_INVALID,
                    jv_path(doc, "metadata", "name", (char *)0),
                    "the set's groups are called \"%s\" and so on, and the name of a group %s",
                    c->group, wrong);
        c->group = "";
    }
    check_group_annotations(c->p, jv_path(doc, "metadata", "annotations", (char *)0),
                            "metadata.annotations");
    check_group_annotations(c->p, jv_get(template, "annotations"),
                            "spec.groupTemplate.annotations");
    check_own_names(c->p, jv_path(doc, "metadata", "labels", (char *)0),
                    notes_of_set(c->a, jv_path(doc, "metadata", "annotations", (char *)0), jv_get(template, "annotations")),
                    "metadata", AT_SET);
    check_own_names(c->p, jv_get(template, "labels"), jv_get(template, "annotations"), "spec.groupTemplate", AT_GROUP);
    const struct place labels = place_at("spec.groupTemplate.labels", jv_get(template, "labels")),
                       notes = place_at("spec.groupTemplate.annotations",
                                        jv_get(template, "annotations"));
    check_labels_at(c->p, &labels);
    check_annotations_at(c->p, &notes);
    if (!jv_is(template, J_OBJ) || !jv_is(jv_get(template, "spec"), J_OBJ)) {
        problem_add(c->p, "spec.groupTemplate.spec", PROBLEM_REQUIRED, NULL,
                    "write the spec of the groups");
        return;
    }
    struct rbg_spec group;
    struct err e = ERR_INIT;
    if (rbg_spec_decode(c->a, jv_get(template, "spec"), &group, &e)) {
        problem_add(c->p, "spec.groupTemplate.spec", PROBLEM_INVALID, NULL, "%s", e.msg);
        return;
    }
    c->s = &group;
    c->path = "spec.groupTemplate.spec";
    struct rbg_spec was;
    const struct jv *before = jv_path(old, "spec", "groupTemplate", "spec", (char *)0);
    if (before && rbg_spec_decode(c->a, before, &was, NULL) == 0) c->was = &was;
    check_coordination_note(c->p, jv_get(template, "annotations"),
                            "spec.groupTemplate.annotations", &group);
    check_spec(c, jv_get(template, "spec"));
}

static void validate_all(struct problems *p, enum kind k, const struct jv *doc,
                         const struct jv *old, const struct lookup *l,
                         const struct admission_opts *o) {
    struct check c = {.p = p, .a = p->a, .l = l, .deprecated = o && o->deprecated_workloads};
    if (k != KIND_RBG && k != KIND_RBGSET && k != KIND_POLICY && k != KIND_WARMUP) return;
    if (!jv_is(jv_get(doc, "spec"), J_OBJ)) {
        problem_add(p, "spec", PROBLEM_REQUIRED, NULL, "write a spec");
        return;
    }
    size_t before = p->n;
    warn_kind(p, k);
    check_spec_types(p, doc, k);
    if (p->n > before) return; /* nothing below can be decoded */
    if (k == KIND_POLICY)
        validate_coordination(p, doc, l);
    else if (k == KIND_WARMUP)
        validate_warmup(p, doc, l);
    else if (k == KIND_RBG)
        validate_group(&c, doc, old);
    else
        validate_set(&c, doc, old);
}

/* ---- ratchet ---- */

/* "roles[3]" as "roles[name]" where the element has a name: the same place before and after a list
 * was sorted. */
static void stable_path(struct buf *out, const struct jv *doc, const char *path) {
    const struct jv *at = doc;
    while (*path) {
        size_t n = strcspn(path, ".["), k = *path == '[' ? strcspn(path, "]") : 0;
        if (k && path[k] == ']') {
            char text[256];
            int64_t i;
            size_t len = k - 1 < sizeof text - 1 ? k - 1 : sizeof text - 1;
            memcpy(text, path + 1, len);
            text[len] = '\0';
            const struct jv *el = jv_is(at, J_ARR) && str_to_i64(text, &i) == 0 && i >= 0
                                      ? jv_idx(at, (size_t)i)
                                      : jv_get(at, text);
            const char *name = jv_is(at, J_ARR) ? jv_get_str(el, "name") : NULL;
            buf_printf(out, "[%s]", name ? name : text);
            at = el;
            path += k + 1;
            continue;
        }
        if (*path == '.') {
            path++;
            continue;
        }
        if (n == 0) n = 1; /* a bracket that does not close */
        char key[256];
        size_t len = n < sizeof key - 1 ? n : sizeof key - 1;
        memcpy(key, path, len);
        key[len] = '\0';
        buf_printf(out, ".%s", key);
        at = jv_get(at, key);
        path += n;
    }
}

static char *identity(struct arena *a, const struct jv *doc, const struct problem *p) {
    BUF_AUTO struct buf b = BUF_INIT;
    stable_path(&b, doc, p->path);
    buf_printf(&b, "|%d|%s", (int)p->kind, p->value ? p->value : p->message);
    return arena_strdup(a, buf_str(&b));
}

static void drop_known(struct problems *p, size_t first, const struct jv *doc, const struct jv *old,
                       const struct problems *known) {
    struct map *seen = map_in(p->a);
    for (size_t i = 0; i < known->n; i++)
        map_put(seen, identity(p->a, old, &known->items[i]), seen);
    size_t kept = first;
    for (size_t i = first; i < p->n; i++)
        if (!map_has(seen, identity(p->a, doc, &p->items[i]))) p->items[kept++] = p->items[i];
    p->n = kept;
}

void admission_validate(struct problems *p, enum kind k, const struct jv *doc, const struct jv *old,
                        const struct lookup *l, const struct admission_opts *o) {
    size_t first = p->n;
    validate_all(p, k, doc, old, l, o);
    if (!old || p->n == first) return;
    struct problems known = {.a = p->a};
    validate_all(&known, k, old, NULL, NULL, o);
    drop_known(p, first, doc, old, &known);
}
