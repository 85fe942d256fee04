/* What the schema of a definition refuses, said about a manifest that no API server has seen. Walks
 * the document along the same rows that the schema is printed from, so both say the same: types,
 * what is required and has no default, words, bounds, patterns, lengths, elements that are there
 * twice. A member that is null counts as absent, as in the API server. Does not look into fields
 * that the schema leaves open. The recursion is as deep as the tables. Pure. */
#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "validate.h"
#include "validate_place.h"

static void check_object(struct problems *p, const struct type *t, const struct place *at);

/* ---- scalars ---- */

static bool matches(const char *pattern, const char *s) {
    regex_t re;
    if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB)) abort(); /* the tables are ours */
    bool found = regexec(&re, s, 0, NULL, 0) == 0;
    regfree(&re);
    return found;
}

static void check_text(struct problems *p, const struct field *f, const struct place *at) {
    size_t n = 0; /* characters */
    for (const char *c = at->v->s; *c; c++) n += ((unsigned char)*c & 0xc0) != 0x80;
    if (f->enums)
        place_words(p, at, f->enums);
    else if (n < f->min_length)
        place_problem(p, at, PROBLEM_REQUIRED, "must not be empty");
    else if (f->max_length && n > f->max_length)
        place_problem(p, at, PROBLEM_TOO_LONG, "has %zu characters, at most %u are allowed", n,
                      f->max_length);
    else if (f->pattern && !matches(f->pattern, at->v->s))
        place_problem(p, at, PROBLEM_INVALID, "must match %s", f->pattern);
}

static void check_bounds(struct problems *p, const struct field *f, const struct place *at) {
    int64_t n = jv_int(at->v, 0), limit;
    if (f->min && str_to_i64(f->min, &limit) == 0 && n < limit)
        place_problem(p, at, PROBLEM_INVALID, "must be at least %s", f->min);
    if (f->max && str_to_i64(f->max, &limit) == 0 && n > limit)
        place_problem(p, at, PROBLEM_INVALID, "must be at most %s", f->max);
}

/* Kubernetes' own types take a fraction for a quantity, a schema does not. */
static bool is_fraction(const struct jv *v) {
    return v->type == J_NUM && jv_int(v, 0) != jv_int(v, 1) && strpbrk(v->s, ".eE");
}

/* Kubernetes' own types read a unit alone as zero of it, the pattern of a schema wants a digit. */
static bool lacks_number(const struct jv *v) {
    if (v->type != J_STR) return false;
    const char *s = v->s + strspn(v->s, "+-");
    return !is_digit(s[*s == '.']);
}

/* ---- lists, objects ---- */

/* The value of a key of the list, or its default. */
static const char *key_text(struct arena *a, const struct field *f, const struct jv *item,
                            const char *key) {
    const struct field *k = f->type ? type_field(f->type, key) : NULL;
    const struct jv *v = jv_get(item, key);
    if (v && v->type != J_NULL) return json_text(a, v);
    return k && k->dflt ? k->dflt : "";
}

static void check_unique(struct problems *p, const struct field *f, const struct place *at) {
    if (!f->list_keys && !(f->flags & FF_SET)) return;
    struct map *seen = map_in(p->a);
    for (size_t i = 0; i < place_len(at); i++) {
        struct place item = place_item(at, i);
        const char *id = f->list_keys ? "" : json_text(p->a, item.v);
        char *keys = arena_strdup(p->a, f->list_keys ? f->list_keys : "");
        for (char *save = NULL, *key = strtok_r(keys, ",", &save); key;
             key = strtok_r(NULL, ",", &save))
            id = arena_printf(p->a, "%s|%s", id, key_text(p->a, f, item.v, key));
        if (map_put(seen, id, seen))
            place_problem(p, &item, PROBLEM_DUPLICATE, "another element has the same %s",
                          f->list_keys ? f->list_keys : "value");
    }
}

static void check_value(struct problems *p, enum fkind k, const struct type *t,
                        const struct place *at) {
    if (k == F_QUANTITY && is_fraction(at->v))
        place_problem(p, at, PROBLEM_INVALID, "write it in quotes");
    else if (k == F_QUANTITY && lacks_number(at->v))
        place_problem(p, at, PROBLEM_INVALID, "write a number before the unit");
    else if (check_type(p, k, at) && k == F_OBJECT && t)
        check_object(p, t, at);
}

static void check_elements(struct problems *p, const struct field *f, const struct place *at) {
    for (size_t i = 0; i < place_len(at); i++) {
        struct place item = place_item(at, i);
        check_value(p, f->elem, f->type, &item);
    }
    JV_FOR_OBJ(m, f->kind == F_MAP ? at->v : NULL) {
        struct place entry = place_key(at, m);
        if (place_given(&entry)) check_value(p, f->elem, f->type, &entry);
    }
    if (f->max_properties && jv_len(at->v) > f->max_properties)
        place_problem(p, at, PROBLEM_TOO_MANY, "has %zu members, at most %u are allowed", jv_len(at->v), f->max_properties);
    if (jv_len(at->v) < f->min_items || jv_len(at->v) < f->min_properties)
        place_problem(p, at, PROBLEM_REQUIRED, "write at least one");
    if (f->max_items && place_len(at) > f->max_items) {
        struct place all = *at;
        all.v = NULL; /* too much to be shown */
        place_problem(p, &all, PROBLEM_TOO_MANY, "has %zu elements, at most %u are allowed", place_len(at), f->max_items);
        return; /* they are too many to be compared */
    }
    check_unique(p, f, at);
}

static void check_field(struct problems *p, const struct field *f, const struct place *at) {
    if (f->flags & FF_SCHEMALESS) return;
    size_t before = p->n;
    check_value(p, f->kind, f->type, at);
    if (p->n > before) return;
    if (f->kind == F_STRING) check_text(p, f, at);
    if (f->kind == F_INT32 || f->kind == F_INT64) check_bounds(p, f, at);
    if (f->kind == F_LIST || f->kind == F_MAP) check_elements(p, f, at);
}

static void check_object(struct problems *p, const struct type *t, const struct place *at) {
    for (size_t i = 0; i < t->nfields; i++) {
        const struct field *f = &t->fields[i];
        struct place v = place_field(at, f->key);
        if (place_given(&v))
            check_field(p, f, &v);
        else if (f->flags & FF_REQUIRED && !f->dflt)
            place_problem(p, &v, PROBLEM_REQUIRED, "%s", f->desc ? f->desc : "write it");
    }
}

void admission_check_schema(struct problems *p, enum kind k, const char *version,
                            const struct jv *doc) {
    const struct field *f = type_field(kind_version(k, version)->type, "spec");
    const struct place root = place_root(doc);
    struct place spec = place_field(&root, "spec");
    if (place_given(&spec))
        check_field(p, f, &spec);
    else if (f->flags & FF_REQUIRED)
        place_problem(p, &spec, PROBLEM_REQUIRED, "%s", f->desc);
}

/* ---- unknown fields ---- */

/* Strict decoding, as `kubectl apply` asks the API server for it. */
static void unknown_in(struct problems *p, const struct type *t, const struct place *at);

static void unknown_below(struct problems *p, const struct field *f, const struct place *at) {
    if (f->flags & FF_SCHEMALESS || !f->type) return;
    if (f->kind == F_OBJECT) unknown_in(p, f->type, at);
    if (f->elem != F_OBJECT) return;
    for (size_t i = 0; f->kind == F_LIST && i < place_len(at); i++) {
        struct place item = place_item(at, i);
        unknown_in(p, f->type, &item);
    }
    JV_FOR_OBJ(m, f->kind == F_MAP ? at->v : NULL) {
        struct place entry = place_key(at, m);
        unknown_in(p, f->type, &entry);
    }
}

static void unknown_field(struct problems *p, const struct type *t, const struct place *at) {
    struct words known = {ARENA_ARRAY(p->a, t->nfields + 1, const char *), 0};
    for (size_t i = 0; i < t->nfields; i++) known.items[known.n++] = t->fields[i].key;
    place_problem(p, at, PROBLEM_FORBIDDEN, "there is no such field%s", did_you_mean(p->a, at->field, &known));
}

static void unknown_in(struct problems *p, const struct type *t, const struct place *at) {
    JV_FOR_OBJ(m, at->v) {
        const struct field *f = type_fieldn(t, m->key, m->klen);
        struct place v = {.up = at, .field = m->key, .v = m->val};
        if (f)
            unknown_below(p, f, &v);
        else
            unknown_field(p, t, &v);
    }
}

void admission_check_unknown(struct problems *p, enum kind k, const char *version, const struct jv *doc) {
    const struct place root = place_root(doc);
    unknown_in(p, kind_version(k, version)->type, &root);
}
