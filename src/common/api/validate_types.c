/* Types: of a spec that comes from a file, and of what a CRD schema does not look into, custom
 * component templates and what patches make of a template. Walks the document along the field
 * tables. A wrong type is a mistake; an unknown field only a warning. The recursion is as deep as
 * the document, which the parser bounds. Pure. */
#include <string.h>

#include "base/str.h"
#include "doc/scalar.h"
#include "validate.h"
#include "validate_place.h"

static void walk_object(struct problems *p, const struct type *t, const struct place *at);

static const char *expected(enum fkind k) {
    static const char *const names[] = {
        [F_ANY] = "anything",
        [F_STRING] = "a string",
        [F_BOOL] = "true or false",
        [F_INT32] = "an integer",
        [F_INT64] = "an integer",
        [F_FLOAT] = "a number",
        [F_QUANTITY] = "a quantity, such as 500m, 2 or 8Gi",
        [F_INTSTR] = "an integer or a string",
        [F_TIME] = "a time as a string",
        [F_BYTES] = "base64 in a string",
        [F_OBJECT] = "an object",
        [F_LIST] = "a list",
        [F_MAP] = "an object",
    };
    return names[k];
}

static bool is_integer(const struct jv *v, int64_t min, int64_t max) {
    int64_t n = jv_int(v, INT64_MIN);
    return jv_is(v, J_NUM) && !(n == INT64_MIN) && n >= min && n <= max;
}

static bool type_fits(const struct jv *v, enum fkind k) {
    switch (k) {
    case F_ANY:
        return true;
    case F_STRING:
    case F_TIME:
    case F_BYTES:
        return v->type == J_STR;
    case F_BOOL:
        return v->type == J_BOOL;
    case F_INT32:
        return is_integer(v, INT32_MIN, INT32_MAX);
    case F_INT64:
        return is_integer(v, INT64_MIN + 1, INT64_MAX);
    case F_FLOAT:
        return v->type == J_NUM;
    case F_QUANTITY:
        return quantity_sign(v) != -2;
    case F_INTSTR:
        return v->type == J_STR || is_integer(v, INT32_MIN, INT32_MAX);
    case F_OBJECT:
    case F_MAP:
        return v->type == J_OBJ;
    case F_LIST:
        return v->type == J_ARR;
    }
    return false;
}

bool check_type(struct problems *p, enum fkind k, const struct place *at) {
    if (type_fits(at->v, k)) return true;
    place_problem(p, at, PROBLEM_INVALID, "write %s instead of %s %s", expected(k),
                  at->v->type == J_ARR || at->v->type == J_OBJ ? "an" : "a", jv_type_name(at->v));
    return false;
}

/* Most values are strings where strings belong, or not there: nothing to look at any closer. */
static inline bool plainly_fits(const struct jv *v, enum fkind k) {
    return v->type == J_NULL || (k == F_STRING && v->type == J_STR);
}

static void walk_value(struct problems *p, enum fkind k, const struct type *t,
                       const struct place *at) {
    if (!check_type(p, k, at)) return;
    /* The pod templates in a spec are looked at later, as they are after their patches. */
    if (k == F_OBJECT && t && t != &core_PodTemplateSpec) walk_object(p, t, at);
}

static void walk_field(struct problems *p, const struct field *f, const struct place *at) {
    const struct jv *v = at->v;
    size_t before = p->n;
    walk_value(p, f->kind, f->type, at);
    if (p->n > before || (f->kind != F_LIST && f->kind != F_MAP)) return;
    for (uint32_t i = 0; v->type == J_ARR && i < v->len; i++) {
        if (f->elem == F_STRING && v->items[i]->type == J_STR) continue;
        const struct place item = {.up = at, .index = i, .v = v->items[i]};
        walk_value(p, f->elem, f->type, &item);
    }
    JV_FOR_OBJ(m, v) {
        if (plainly_fits(m->val, f->elem)) continue;
        const struct place entry = place_key(at, m);
        walk_value(p, f->elem, f->type, &entry);
    }
}

static void unknown_field(struct problems *p, const struct type *t, const struct place *at) {
    if (t == &core_ObjectMeta)
        return; /* creationTimestamp and the like, which the API server drops */
    if (problems_warned(p)) return;
    struct words known = {ARENA_ARRAY(p->a, t->nfields, const char *), t->nfields};
    for (size_t i = 0; i < t->nfields; i++) known.items[i] = t->fields[i].key;
    problem_warn(p, "%s: unknown field%s", place_path(p->a, at),
                 did_you_mean(p->a, at->field, &known));
}

static inline void walk_member(struct problems *p, const struct type_index *rows,
                               const struct type *t, const struct place *at,
                               const struct jmember *m) {
    const struct field *f = type_index_find(rows, m->key, m->klen);
    if (f && plainly_fits(m->val, f->kind)) return;
    const struct place member = {.up = at, .field = m->key, .v = m->val};
    if (f)
        walk_field(p, f, &member);
    else
        unknown_field(p, t, &member);
}

static void walk_object(struct problems *p, const struct type *t, const struct place *at) {
    const struct type_index *rows = type_index(t);
    JV_FOR_OBJ(m, at->v) walk_member(p, rows, t, at, m);
}

void check_pod_types(struct problems *p, const struct jv *tpl, bool spec) {
    const struct type *t = &core_PodTemplateSpec;
    const struct type_index *rows = type_index(t);
    const struct place root = place_root(tpl);
    JV_FOR_OBJ(m, tpl)
        if (str_eq(m->key, "spec") == spec) walk_member(p, rows, t, &root, m);
}

void check_spec_types(struct problems *p, const struct jv *doc, enum kind k) {
    const struct field *spec = type_field(kind_version(k, "v1alpha2")->type, "spec");
    const struct place root = place_root(doc), at = place_field(&root, "spec");
    walk_object(p, spec->type, &at);
}
