/* The tables say what a type is made of, but not which values Kubernetes takes together: that is in `seeds`. A test that uses
 * specimens shows that each of them is accepted as it is, so a new row either gets along with the values that its kind suggests,
 * or needs a seed. */
#include "specimen.h"

#include <regex.h>
#include <string.h>

#include "base/str.h"
#include "docs.h"
#include "testing.h"

/* What a type or field needs.
 *   value   of the field
 *   with    members that are there too: made if they are empty objects, taken away if null; a later row wins over an earlier one
 *   when    only on the way to one of these keys, '|'-separated; the empty one: when the way ends here
 *   unless  the contrary
 *   way     only when what is left of the way holds this
 *   inside  only when all of the way does */
static const struct seed {
    const char *type, *key, *value, *with, *when, *unless, *way, *inside;
} seeds[] = {
#include "specimen_seeds.inc"
};
enum { SEEDS = sizeof seeds / sizeof *seeds };

struct maker {
    struct arena *a;
    const char *path;
};

static struct jv *make(struct maker *m, const struct type *t, const char *rest);

static bool among(const char *words, const char *word) {
    size_t n = strlen(word);
    for (const char *at = words; at; at = strchr(at, '|')) {
        if (*at == '|') at++;
        if (strncmp(at, word, n) == 0 && (at[n] == '|' || at[n] == '\0')) return true;
    }
    return false;
}

/* ---- values ---- */

static struct jv *text_for(struct arena *a, const struct field *f) {
    static const char *const tries[] = {"a", "10%", "example.com/v1", "A"};
    if (f->enums) return jv_new_strn(a, f->enums, strcspn(f->enums, "|"));
    for (size_t i = 0; f->pattern && i < sizeof tries / sizeof *tries; i++) {
        regex_t re;
        ASSERT_MSG(regcomp(&re, f->pattern, REG_EXTENDED | REG_NOSUB) == 0, "pattern %s", f->pattern);
        bool fits = regexec(&re, tries[i], 0, NULL, 0) == 0;
        regfree(&re);
        if (fits) return jv_new_str(a, tries[i]);
    }
    return jv_new_str(a, "a");
}

static struct jv *one(struct maker *m, enum fkind kind, const struct field *f, const char *rest) {
    switch (kind) {
    case F_STRING: return text_for(m->a, f);
    case F_BOOL: return jv_new_bool(m->a, true);
    case F_INT32:
    case F_INT64: return doc_json(m->a, f->min ? f->min : "1");
    case F_FLOAT:
    case F_INTSTR: return jv_new_int(m->a, 1);
    case F_QUANTITY: return jv_new_str(m->a, "1");
    case F_TIME: return jv_new_str(m->a, "2026-11-23T09:03:07Z");
    case F_BYTES: return jv_new_str(m->a, "AAEC");
    case F_OBJECT: return f->type ? make(m, f->type, rest) : jv_new_obj(m->a);
    case F_MAP: { /* a map in a map */
        struct jv *v = jv_new_obj(m->a);
        jv_set(m->a, v, SPECIMEN_KEY, make(m, f->type, str_has_prefix(rest, "{}") ? rest + 2 : rest));
        return v;
    }
    case F_ANY:
    case F_LIST: break;
    }
    return jv_new_obj(m->a);
}

/* The value that a seed has for the field; NULL without one. */
static struct jv *seeded(struct maker *m, const struct type *t, const struct field *f) {
    for (size_t i = 0; i < SEEDS; i++) {
        const struct seed *s = &seeds[i];
        bool here = !s->inside || strstr(m->path, s->inside);
        if (here && s->value && str_eq(s->type, t->name) && str_eq(s->key, f->key)) return doc_json(m->a, s->value);
    }
    return NULL;
}

static struct jv *of_field(struct maker *m, const struct type *t, const struct field *f, const char *rest) {
    const char *inside = *rest && (f->kind == F_LIST || f->kind == F_MAP) ? rest + 2 : rest;
    /* The element of a seeded list is in the seed. */
    struct jv *known = *inside ? NULL : seeded(m, t, f);
    if (known) return known;
    if (f->kind != F_LIST && f->kind != F_MAP) return one(m, f->kind, f, rest);
    struct jv *v = f->kind == F_LIST ? jv_new_arr(m->a) : jv_new_obj(m->a);
    struct jv *el = one(m, f->elem, f, inside);
    if (f->kind == F_LIST) jv_push(m->a, v, el);
    else jv_set(m->a, v, SPECIMEN_KEY, el);
    return v;
}

/* ---- objects ---- */

static bool applies(const struct maker *m, const struct seed *s, const struct type *t, const char *on, const char *rest) {
    if (!s->with || !str_eq(s->type, t->name)) return false;
    if (s->inside && !strstr(m->path, s->inside)) return false;
    if (s->way) return strstr(rest, s->way) != NULL;
    if (s->key) return str_eq(s->key, on);
    return (!s->when || among(s->when, on)) && (!s->unless || !among(s->unless, on));
}

/* The member of t on the way, and what is left of the way behind it. */
static const struct field *next(const struct type *t, const char *rest, const char **behind) {
    if (*rest == '.') rest++;
    char key[64];
    size_t n = strcspn(rest, ".[{");
    ASSERT_MSG(n < sizeof key, "%s", rest);
    memcpy(key, rest, n);
    key[n] = '\0';
    *behind = rest + n;
    const struct field *f = n ? type_field(t, key) : NULL;
    ASSERT_MSG(f || n == 0, "%s has no field %s", t->name, rest);
    return f;
}

static struct jv *make(struct maker *m, const struct type *t, const char *rest) {
    struct jv *v = jv_new_obj(m->a);
    const char *behind;
    const struct field *on = next(t, rest, &behind);
    for (size_t i = 0; i < t->nfields; i++) {
        const struct field *f = &t->fields[i];
        if (f == on) jv_set(m->a, v, f->key, of_field(m, t, f, behind));
        else if (f->flags & FF_REQUIRED) jv_set(m->a, v, f->key, of_field(m, t, f, ""));
    }
    for (size_t i = 0; i < SEEDS; i++) {
        if (!applies(m, &seeds[i], t, on ? on->key : "", rest)) continue;
        JV_FOR_OBJ(w, doc_json(m->a, seeds[i].with)) {
            const struct field *f = type_field(t, w->key);
            if (!f || f == on) continue; /* another version's, or what it is all about */
            if (w->val->type == J_NULL) {
                jv_del(v, w->key);
                continue;
            }
            bool made = jv_is_empty(w->val) && f->kind == F_OBJECT && f->type;
            jv_set(m->a, v, w->key, made ? of_field(m, t, f, "") : w->val);
        }
    }
    return v;
}

/* Who depends on a role needs one. */
static void add_other_role(struct maker *m, enum kind k, const char *version, struct jv *doc, const char *path) {
    const char *at = strstr(path, "roles[].dependencies");
    if (!at) return;
    char *list = arena_strndup(m->a, path, (size_t)(at - path) + sizeof "roles" - 1);
    struct jv *other = specimen_new(m->a, k, version, arena_printf(m->a, "%s[].name", list));
    struct jv *role = jv_idx(*specimen_at(other, list), 0);
    jv_set_str(m->a, role, "name", "other");
    jv_push(m->a, *specimen_at(doc, list), role);
}

struct jv *specimen_new(struct arena *a, enum kind k, const char *version, const char *path) {
    struct maker m = {a, path};
    const struct type *t = kind_version(k, version)->type;
    struct jv *doc = make(&m, t, path);
    jv_set(a, doc, "apiVersion", jv_new_strf(a, "%s/%s", kind_info(k)->group, version));
    jv_set_str(a, doc, "kind", kind_info(k)->name);
    struct jv *meta = jv_new_obj(a);
    jv_set_str(a, meta, "name", "g");
    if (!kind_info(k)->cluster_scoped) jv_set_str(a, meta, "namespace", "ns");
    jv_set(a, doc, "metadata", meta);
    if (!jv_get(doc, "spec") && type_field(t, "spec")) {
        const struct field *spec = type_field(t, "spec");
        jv_set(a, doc, "spec", make(&m, spec->type, ""));
    }
    add_other_role(&m, k, version, doc, path);
    return doc;
}

/* ---- every place ---- */

struct tour {
    struct arena *a;
    void (*fn)(void *ctx, const struct specimen *s);
    void *ctx;
};

static bool is_core(const struct type *t, const struct specimen *up) {
    const struct type *const roots[] = {&core_PodTemplateSpec, &core_Container, &core_Volume, &core_Toleration,
                                        &core_ServicePort, &core_LocalObjectReference, &meta_LabelSelector};
    bool core = up->core;
    for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) core = core || t == roots[i];
    return core;
}

static void tour(const struct tour *w, const struct type *t, const struct specimen *up);

static void tour_field(const struct tour *w, const struct type *t, const struct field *f, const struct specimen *up) {
    struct specimen s = *up;
    s.path = arena_printf(w->a, "%s%s%s", up->path, *up->path ? "." : "", f->key);
    s.f = f;
    s.owner = t;
    s.element = false;
    w->fn(w->ctx, &s);
    s.schemaless = up->schemaless || f->flags & FF_SCHEMALESS;
    s.element = f->kind == F_LIST || f->kind == F_MAP;
    if (s.element) s.path = arena_printf(w->a, "%s%s", s.path, f->kind == F_LIST ? "[]" : "{}");
    if (s.element) w->fn(w->ctx, &s);
    if (f->kind == F_MAP && f->elem == F_MAP) {
        s.path = arena_printf(w->a, "%s{}", s.path);
        w->fn(w->ctx, &s);
    }
    if (f->type) tour(w, f->type, &s);
}

static void tour(const struct tour *w, const struct type *t, const struct specimen *up) {
    struct specimen here = *up;
    here.core = is_core(t, up);
    for (size_t i = 0; i < t->nfields; i++) tour_field(w, t, &t->fields[i], &here);
}

void specimen_each(struct arena *a, const struct type *t, void (*fn)(void *ctx, const struct specimen *s), void *ctx) {
    const struct tour w = {a, fn, ctx};
    const struct specimen root = {.path = ""};
    for (size_t i = 0; i < t->nfields; i++) {
        const char *key = t->fields[i].key;
        if (!str_eq(key, "metadata") && !str_eq(key, "apiVersion") && !str_eq(key, "kind"))
            tour_field(&w, t, &t->fields[i], &root);
    }
}

/* ---- places in a document ---- */

/* The next step of a path: a key, "[]" or "{}"; the member of v that it means. */
static struct jv **step(struct jv *v, const char **path) {
    const char *at = *path;
    if (*at == '.') at++;
    bool list = *at == '[', map = *at == '{';
    size_t n = list || map ? 2 : strcspn(at, ".[{");
    *path = at + n;
    if (list) return jv_len(v) && v->type == J_ARR ? &v->items[0] : NULL;
    for (uint32_t i = 0; jv_is(v, J_OBJ) && i < v->len; i++) {
        const struct jmember *m = &v->members[i];
        if (map ? str_eq(m->key, SPECIMEN_KEY) : m->klen == n && memcmp(m->key, at, n) == 0) return &v->members[i].val;
    }
    return NULL;
}

static struct jv **walk(struct jv *doc, const char *path, struct jv **parent) {
    struct jv **at = NULL;
    *parent = NULL;
    if (!*path) return NULL;
    do {
        *parent = at ? *at : doc;
        at = step(*parent, &path);
    } while (at && *path);
    return at;
}

struct jv **specimen_at(struct jv *doc, const char *path) {
    struct jv *parent;
    return walk(doc, path, &parent);
}

struct jv *specimen_parent(struct jv *doc, const char *path) {
    struct jv *parent;
    walk(doc, path, &parent);
    return parent;
}

char *specimen_path(struct arena *a, const char *path) {
    BUF_AUTO struct buf out = BUF_INIT;
    for (; *path; path++) {
        if (*path == '[') buf_puts(&out, "[0"), path++;
        if (*path == '{') buf_puts(&out, "[" SPECIMEN_KEY), path++;
        if (*path == '}') buf_putc(&out, ']');
        else buf_putc(&out, *path);
    }
    return arena_strdup(a, buf_str(&out));
}
