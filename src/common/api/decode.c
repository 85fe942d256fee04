/* The generic decoder: walks a document by the rows of a type and fills the C struct that the rows' offsets describe. What it
 * fills borrows strings and subtrees from the document; arrays are made in the arena. A wrong type is the only error, and it
 * names the path. The recursion is as deep as the tables, not as the document. */
#include <string.h>

#include "api/model.h"
#include "base/err.h"
#include "base/str.h"
#include "decode.h"

/* A path as a chain of stack frames, spelled out only when something is wrong. */
struct place {
    const struct place *up;
    const char *key;
    long idx; /* -1: none */
};

struct decoder {
    struct arena *a;
    struct err *e;
};

/* The layout that every decoded list of structs has: {T *items; size_t n}. */
struct items {
    void *items;
    size_t n;
};

static int fill(struct decoder *d, const struct jv *doc, const struct type *t, void *out,
                const struct place *at);

static const char *place_text(struct arena *a, const struct place *p) {
    if (!p) return "";
    const char *up = place_text(a, p->up);
    const char *dot = *up && *p->key ? "." : "";
    if (p->idx >= 0) return arena_printf(a, "%s%s%s[%ld]", up, dot, p->key, p->idx);
    return arena_printf(a, "%s%s%s", up, dot, p->key);
}

static int wrong(struct decoder *d, const struct place *at, const char *want, const struct jv *v) {
    const char *path = place_text(d->a, at);
    return err_set(d->e, ERR_INVALID, "%s%s: expected %s, found %s", path,
                   *path ? "" : "the document", want, jv_type_name(v));
}

static int fill_str(struct decoder *d, const struct jv *v, char *to, const struct place *at) {
    if (!jv_is(v, J_STR)) return wrong(d, at, "a string", v);
    const char *s = v->s;
    memcpy(to, &s, sizeof s);
    return 0;
}

static int fill_bool(struct decoder *d, const struct field *f, const struct jv *v, char *to,
                     const struct place *at) {
    if (!jv_is(v, J_BOOL)) return wrong(d, at, "true or false", v);
    struct optbool opt = {true, v->b};
    if (f->flags & (FF_POINTER | FF_OPT)) memcpy(to, &opt, sizeof opt);
    else memcpy(to, &v->b, sizeof v->b);
    return 0;
}

static int fill_int(struct decoder *d, const struct field *f, const struct jv *v, char *to,
                    const struct place *at) {
    int64_t n = jv_int(v, 0);
    bool integer = jv_is(v, J_NUM) && n == jv_int(v, 1);
    if (!integer) return wrong(d, at, "an integer", v);
    if (f->kind == F_INT64) {
        memcpy(to, &n, sizeof n);
        return 0;
    }
    if (n < INT32_MIN || n > INT32_MAX)
        return wrong(d, at, "an integer of 32 bits", v);
    struct opt32 opt = {true, (int32_t)n};
    if (f->flags & (FF_POINTER | FF_OPT)) memcpy(to, &opt, sizeof opt);
    else memcpy(to, &opt.v, sizeof opt.v);
    return 0;
}

static int fill_doc(const struct jv *v, char *to) {
    memcpy(to, &v, sizeof v);
    return 0;
}

static int fill_object(struct decoder *d, const struct field *f, const struct jv *v, char *to,
                       const struct place *at) {
    if (!jv_is(v, J_OBJ)) return wrong(d, at, "an object", v);
    if (!f->type || f->type->size == 0) return fill_doc(v, to);
    if (f->flags & FF_POINTER) {
        bool set = true;
        memcpy(to, &set, sizeof set);
    }
    return fill(d, v, f->type, to, at);
}

static int fill_strings(struct decoder *d, const struct jv *v, char *to, const struct place *at) {
    struct strs out = {ARENA_ARRAY(d->a, jv_len(v), const char *), jv_len(v)};
    for (size_t i = 0; i < out.n; i++) {
        struct place p = {at->up, at->key, (long)i};
        if (fill_str(d, jv_idx(v, i), (char *)&out.items[i], &p) != 0) return -1;
    }
    memcpy(to, &out, sizeof out);
    return 0;
}

static int fill_structs(struct decoder *d, const struct type *t, const struct jv *v, char *to,
                        const struct place *at) {
    struct items out = {arena_array(d->a, jv_len(v), t->size), jv_len(v)};
    for (size_t i = 0; i < out.n; i++) {
        struct place p = {at->up, at->key, (long)i};
        const struct jv *item = jv_idx(v, i);
        if (!jv_is(item, J_OBJ)) return wrong(d, &p, "an object", item);
        if (fill(d, item, t, (char *)out.items + i * t->size, &p) != 0) return -1;
    }
    memcpy(to, &out, sizeof out);
    return 0;
}

static int fill_list(struct decoder *d, const struct field *f, const struct jv *v, char *to,
                     const struct place *at) {
    if (!jv_is(v, J_ARR)) return wrong(d, at, "a list", v);
    if (f->elem == F_STRING) return fill_strings(d, v, to, at);
    if (f->elem == F_OBJECT && f->type && f->type->size) return fill_structs(d, f->type, v, to, at);
    return fill_doc(v, to);
}

static int fill_field(struct decoder *d, const struct field *f, const struct jv *v, char *to,
                      const struct place *at) {
    switch (f->kind) {
    case F_STRING:
    case F_TIME: return fill_str(d, v, to, at);
    case F_BOOL: return fill_bool(d, f, v, to, at);
    case F_INT32:
    case F_INT64: return fill_int(d, f, v, to, at);
    case F_OBJECT: return fill_object(d, f, v, to, at);
    case F_LIST: return fill_list(d, f, v, to, at);
    case F_MAP:
        if (!jv_is(v, J_OBJ)) return wrong(d, at, "an object", v);
        return fill_doc(v, to);
    case F_INTSTR:
        if (!jv_is(v, J_NUM) && !jv_is(v, J_STR))
            return wrong(d, at, "an integer or a string such as \"25%\"", v);
        return fill_doc(v, to);
    case F_ANY:
    case F_FLOAT:
    case F_QUANTITY:
    case F_BYTES: return fill_doc(v, to);
    }
    return 0;
}

static int fill(struct decoder *d, const struct jv *doc, const struct type *t, void *out,
                const struct place *at) {
    for (size_t i = 0; i < t->nfields; i++) {
        const struct field *f = &t->fields[i];
        if (f->off == FIELD_SKIP) continue;
        const struct jv *v = jv_get(doc, f->key);
        if (!v || jv_is(v, J_NULL)) continue;
        struct place p = {at, f->key, -1};
        if (fill_field(d, f, v, (char *)out + f->off, &p) != 0) return -1;
    }
    return 0;
}

int schema_decode_at(struct arena *a, const struct jv *doc, const struct type *t, const char *path,
                     void *out, struct err *e) {
    struct decoder d = {a, e};
    struct place root = {NULL, path, -1};
    memset(out, 0, t->size);
    if (!doc || jv_is(doc, J_NULL)) return 0;
    if (!jv_is(doc, J_OBJ)) return wrong(&d, &root, "an object", doc);
    return fill(&d, doc, t, out, &root);
}

int schema_decode(struct arena *a, const struct jv *doc, const struct type *t, void *out, struct err *e) {
    return schema_decode_at(a, doc, t, "", out, e);
}
