/* Walks a document along its field table: the canonical form (what Go's typed structs write back) and defaults.
 *
 * The canonical walk keeps one path of segments on the call stack for messages and stops at the first error. It never
 * shares a node with its input. Recursion is as deep as the tables, which have no cycles. Any thread. */
#include "doc/schema.h"

#include <stdlib.h>
#include <string.h>

#include "doc/scalar.h"

/* ---- paths and errors ---- */

struct at {
    const struct at *up; /* NULL: the root */
    const char *key;     /* NULL: an element */
    size_t index;
};

static void write_path(struct buf *out, const struct at *at) {
    if (!at->up) return;
    write_path(out, at->up);
    if (!at->key) buf_printf(out, "[%zu]", at->index);
    else if (at->up->up) buf_printf(out, ".%s", at->key);
    else buf_puts(out, at->key);
}

struct walk {
    struct arena *a;
    struct err *e;
    bool failed;
};

static struct jv *refuse(struct walk *w, const struct at *at, const struct jv *v, const char *want) {
    w->failed = true;
    BUF_AUTO struct buf path = BUF_INIT;
    write_path(&path, at);
    if (jv_is(v, J_STR) || jv_is(v, J_NUM))
        err_set(w->e, ERR_INVALID, "%s: must be %s, not the %s %.100s", path.len ? path.s : "the document", want,
                jv_type_name(v), v->s);
    else
        err_set(w->e, ERR_INVALID, "%s: must be %s, not %s %s", path.len ? path.s : "the document", want,
                v->type == J_ARR || v->type == J_OBJ ? "an" : "a", jv_type_name(v));
    return NULL;
}

/* ---- canonical ---- */

static struct jv *object(struct walk *w, const struct jv *v, const struct type *t, const struct at *at);

/* What Go writes for a value that was never set. */
static struct jv *zero(struct walk *w, enum fkind kind, const struct type *t) {
    static const struct at nowhere = {0};
    switch (kind) {
    case F_STRING: case F_BYTES: return jv_new_str(w->a, "");
    case F_BOOL: return jv_new_bool(w->a, false);
    case F_INT32: case F_INT64: case F_FLOAT: case F_INTSTR: return jv_new_int(w->a, 0);
    case F_QUANTITY: return jv_new_str(w->a, "0");
    case F_OBJECT: return object(w, NULL, t, &nowhere);
    case F_ANY: case F_TIME: case F_LIST: case F_MAP: break;
    }
    return jv_null(w->a);
}

static bool is_zero(const struct jv *v) {
    switch (v->type) {
    case J_NULL: return true;
    case J_BOOL: return !v->b;
    case J_NUM: return strcmp(v->s, "0") == 0;
    default: return v->len == 0;
    }
}

static struct jv *integer(struct walk *w, const struct jv *v, int64_t min, int64_t max, const char *want, const struct at *at) {
    int64_t n = jv_int(v, 0);
    bool fits = jv_is(v, J_NUM) && jv_int(v, 1) == n && n >= min && n <= max;
    return fits ? jv_new_int(w->a, n) : refuse(w, at, v, want);
}

static struct jv *quantity(struct walk *w, const struct jv *v, const struct at *at) {
    if (!jv_is(v, J_STR) && !jv_is(v, J_NUM)) return refuse(w, at, v, "a quantity such as 500m or 2Gi");
    char *text = quantity_canonical(w->a, v, w->e);
    if (text) return jv_new_str(w->a, text);
    w->failed = true;
    BUF_AUTO struct buf path = BUF_INIT;
    write_path(&path, at);
    err_wrap(w->e, "%s", buf_str(&path));
    return NULL;
}

static struct jv *of_type(struct walk *w, const struct jv *v, enum jtype type, const char *want, const struct at *at) {
    return v->type == type ? jv_dup(w->a, v) : refuse(w, at, v, want);
}

/* One value that is not null; no list or map. */
static struct jv *single(struct walk *w, const struct jv *v, enum fkind kind, const struct type *t, const struct at *at) {
    switch (kind) {
    case F_STRING: case F_TIME: case F_BYTES: return of_type(w, v, J_STR, "a string", at);
    case F_BOOL: return of_type(w, v, J_BOOL, "true or false", at);
    case F_FLOAT: return of_type(w, v, J_NUM, "a number", at);
    case F_INT32: return integer(w, v, INT32_MIN, INT32_MAX, "an integer of 32 bits", at);
    case F_INT64: return integer(w, v, INT64_MIN, INT64_MAX, "an integer of 64 bits", at);
    case F_INTSTR:
        if (v->type == J_STR) return jv_dup(w->a, v);
        return integer(w, v, INT32_MIN, INT32_MAX, "an integer or a string", at);
    case F_QUANTITY: return quantity(w, v, at);
    case F_OBJECT: return object(w, v, t, at);
    case F_ANY: case F_LIST: case F_MAP: break;
    }
    return jv_dup(w->a, v);
}

static struct jv *element(struct walk *w, const struct jv *v, const struct field *f, const struct at *at) {
    if (v->type == J_NULL && f->elem != F_ANY) return zero(w, f->elem, f->type);
    return single(w, v, f->elem, f->type, at);
}

static struct jv *list(struct walk *w, const struct jv *v, const struct field *f, const struct at *at) {
    if (v->type != J_ARR) return refuse(w, at, v, "a list");
    struct jv *out = jv_new_arr(w->a);
    for (uint32_t i = 0; i < v->len; i++) {
        struct jv *item = element(w, v->items[i], f, &(struct at){at, NULL, i});
        if (!item) return NULL;
        jv_push(w->a, out, item);
    }
    return out;
}

static struct jv *map(struct walk *w, const struct jv *v, const struct field *f, const struct at *at) {
    if (v->type != J_OBJ) return refuse(w, at, v, "an object");
    struct jv *out = jv_dup(w->a, v);
    for (uint32_t i = 0; i < out->len; i++) {
        struct jmember *m = &out->members[i];
        m->val = element(w, m->val, f, &(struct at){at, m->key, 0});
        if (!m->val) return NULL;
    }
    return out;
}

/* NULL without an error: the field is not written. */
static struct jv *field_value(struct walk *w, const struct jv *v, const struct field *f, const struct at *at) {
    if (!v || v->type == J_NULL) {
        if (!(f->flags & FF_ALWAYS)) return NULL;
        return f->flags & FF_POINTER ? jv_null(w->a) : zero(w, f->kind, f->type);
    }
    struct jv *out = f->kind == F_LIST  ? list(w, v, f, at)
                     : f->kind == F_MAP ? map(w, v, f, at)
                                        : single(w, v, f->kind, f->type, at);
    bool omit = (f->flags & FF_OMITEMPTY) && !(f->flags & FF_POINTER) && f->kind != F_ANY;
    return out && omit && is_zero(out) ? NULL : out;
}

static struct jv *object(struct walk *w, const struct jv *v, const struct type *t, const struct at *at) {
    if (v && v->type != J_OBJ) return refuse(w, at, v, "an object");
    struct jv *out = jv_new_obj(w->a);
    for (size_t i = 0; i < t->nfields; i++) {
        const struct field *f = &t->fields[i];
        struct jv *val = field_value(w, v ? jv_get(v, f->key) : NULL, f, &(struct at){at, f->key, 0});
        if (w->failed) return NULL;
        jv_set(w->a, out, f->key, val);
    }
    return out;
}

struct jv *schema_canonical(struct arena *a, const struct jv *v, const struct type *t, struct err *e) {
    return object(&(struct walk){.a = a, .e = e}, v, t, &(struct at){0});
}

/* ---- defaults ---- */

static void default_items(struct arena *a, struct jv *v, const struct field *f, bool below_schemaless) {
    if (f->kind == F_OBJECT) schema_default(a, v, f->type, below_schemaless);
    if (!f->type || (f->kind != F_LIST && f->kind != F_MAP)) return;
    JV_FOR_ARR(it, v) schema_default(a, *it, f->type, below_schemaless);
    JV_FOR_OBJ(m, v) schema_default(a, m->val, f->type, below_schemaless);
}

static struct jv *default_of(struct arena *a, const struct field *f) {
    struct jv *v = json_parse(a, f->dflt, strlen(f->dflt), NULL, NULL);
    if (!v) abort(); /* the tables are ours */
    return v;
}

/* As the API server does: a null where a default exists counts as absent. */
void schema_default(struct arena *a, struct jv *v, const struct type *t, bool below_schemaless) {
    if (!jv_is(v, J_OBJ)) return;
    for (size_t i = 0; i < t->nfields; i++) {
        const struct field *f = &t->fields[i];
        struct jv *val = jv_get(v, f->key);
        if (f->dflt && !(f->flags & FF_NODEFAULT) && (!val || val->type == J_NULL)) {
            val = default_of(a, f);
            jv_set(a, v, f->key, val);
        }
        if (val && (below_schemaless || !(f->flags & FF_SCHEMALESS))) default_items(a, val, f, below_schemaless);
    }
}
