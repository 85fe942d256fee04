/* Shapes from field tables. Plain values, nothing is kept. */
#include "doc/shape.h"

struct shape shape_of(const struct type *t) {
    return (struct shape){.kind = t ? F_OBJECT : F_ANY, .type = t, .object = true};
}

static struct shape shape_of_row(const struct field *f) {
    if (f->flags & FF_SCHEMALESS) return (struct shape){.kind = F_ANY, .named = true, .row = f};
    return (struct shape){.kind = f->kind,
                          .elem = f->elem,
                          .atomic = (f->flags & FF_ATOMIC) || (f->kind == F_OBJECT && f->type && f->type->atomic),
                          .named = true,
                          .type = f->type,
                          .row = f};
}

struct shape shape_element(const struct shape *s) {
    struct shape e = {.kind = s->elem, .atomic = s->elem == F_OBJECT && s->type && s->type->atomic, .type = s->type};
    if (e.kind == F_MAP) e.elem = F_OBJECT; /* a map inside a map: its values are objects of the type */
    return e;
}

struct shape shape_member(const struct shape *s, const char *key, size_t klen) {
    if (s->kind == F_MAP) return shape_element(s);
    if (s->object && klen == 8 && memcmp(key, "metadata", 8) == 0)
        return (struct shape){.kind = F_OBJECT, .named = true, .type = &meta_ObjectMeta};
    const struct field *f = s->kind == F_OBJECT && s->type ? type_fieldn(s->type, key, klen) : NULL;
    return f ? shape_of_row(f) : (struct shape){.kind = F_ANY};
}

const char *shape_keys(const struct shape *s) { return s->kind == F_LIST && s->row ? s->row->list_keys : NULL; }

const char *shape_key_default(const struct shape *list, const char *key, size_t klen) {
    const struct field *f = list->type ? type_fieldn(list->type, key, klen) : NULL;
    return f ? f->dflt : NULL;
}

enum shape_how shape_how(const struct shape *s, const struct jv *v) {
    if (s->atomic) return SHAPE_WHOLE;
    if (shape_keys(s)) return SHAPE_KEYED;
    if (s->kind == F_LIST && s->row && (s->row->flags & FF_SET)) return SHAPE_SET;
    return s->kind == F_OBJECT || s->kind == F_MAP || (s->kind == F_ANY && jv_is(v, J_OBJ)) ? SHAPE_MEMBERS : SHAPE_WHOLE;
}
