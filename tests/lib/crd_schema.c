/* A validator of structural schemas, as an API server behaves: what a null is, which numbers an integer's format holds, what
 * makes elements of a list the same. A member that is null counts as absent, an element that is null is of the wrong type.
 * Regular expressions are compiled once for each text. */
#include "crd_schema.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "api/print.h"
#include "base/map.h"
#include "base/str.h"
#include "testing.h"

/* A keyword that is not checked here would make every test that relies on it pass. */
static void known_keywords(const struct jv *schema) {
    static const char *const known[] = {
        "description", "type", "format", "properties", "required", "items", "additionalProperties", "enum", "pattern", "minimum",
        "maximum", "minItems", "maxItems", "maxProperties", "minLength",
        "maxLength", "minProperties", "default", "anyOf", "x-kubernetes-int-or-string",
        "x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type", "x-kubernetes-list-map-keys",
        "x-kubernetes-map-type", "x-kubernetes-validations"};
    JV_FOR_OBJ(m, schema) {
        bool found = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) found = found || str_eq(known[i], m->key);
        ASSERT_MSG(found, "the validator of tests does not know the keyword %s", m->key);
    }
    JV_FOR_OBJ(p, jv_get(schema, "properties")) known_keywords(p->val);
    if (jv_get(schema, "items")) known_keywords(jv_get(schema, "items"));
    if (jv_get(schema, "additionalProperties")) known_keywords(jv_get(schema, "additionalProperties"));
}

struct jv *crd_schema(struct arena *a, enum kind k, const char *version) {
    static const struct print_opts o = {.ns = "ns", .service = "s"};
    JV_FOR_ARR(v, jv_path(print_crd(a, k, &o), "spec", "versions", (char *)0)) {
        if (!str_eq(jv_get_str(*v, "name"), version)) continue;
        struct jv *schema = jv_path(*v, "schema", "openAPIV3Schema", (char *)0);
        known_keywords(schema);
        return schema;
    }
    ck_abort_msg("%s has no version %s", kind_info(k)->name, version);
    return NULL;
}

struct check {
    struct arena *a;
    struct mismatches *out;
};

static void add(const struct check *c, const char *path, const char *why) {
    struct mismatches *m = c->out;
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 8;
        m->items = arena_grow(c->a, m->items, m->n * sizeof *m->items, cap * sizeof *m->items);
        m->cap = cap;
    }
    m->items[m->n++] = (struct mismatch){arena_strdup(c->a, *path == '.' ? path + 1 : path), arena_strdup(c->a, why)};
}

bool mismatches_has(const struct mismatches *m, const char *path) {
    for (size_t i = 0; i < m->n; i++)
        if (str_eq(m->items[i].path, path)) return true;
    return false;
}

/* ---- scalars ---- */

static bool matches(const char *pattern, const char *text) {
    static struct map *compiled;
    if (!compiled) compiled = map_new();
    regex_t *re = map_get(compiled, pattern);
    if (!re) {
        re = malloc(sizeof *re);
        ASSERT_MSG(re && regcomp(re, pattern, REG_EXTENDED | REG_NOSUB) == 0, "pattern %s", pattern);
        map_put(compiled, pattern, re);
    }
    return regexec(re, text, 0, NULL, 0) == 0;
}

static size_t characters(const struct jv *v) {
    size_t n = 0;
    for (uint32_t i = 0; i < v->len; i++) n += ((unsigned char)v->s[i] & 0xc0) != 0x80;
    return n;
}

static bool of_format(const struct jv *v, const char *format) {
    static const char time[] = "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$",
                      bytes[] = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$";
    if (!format) return true;
    if (str_eq(format, "int32")) return jv_int(v, INT64_MAX) <= INT32_MAX && jv_int(v, INT64_MIN) >= INT32_MIN;
    if (str_eq(format, "int64")) return jv_int(v, 0) == jv_int(v, 1);
    if (str_eq(format, "date-time")) return matches(time, v->s);
    if (str_eq(format, "byte")) return matches(bytes, v->s);
    ck_abort_msg("format %s", format);
    return false;
}

/* Beyond 64 bits a number is none, as Go reads it. */
static bool is_integer(const struct jv *v) {
    return jv_is(v, J_NUM) && !strpbrk(v->s, ".eE") && jv_int(v, 0) == jv_int(v, 1);
}

static bool of_type(const struct jv *v, const struct jv *schema) {
    const char *type = jv_get_str(schema, "type");
    if (jv_get_bool(schema, "x-kubernetes-int-or-string", false)) return is_integer(v) || v->type == J_STR;
    if (!type) return true;
    if (str_eq(type, "object")) return v->type == J_OBJ;
    if (str_eq(type, "array")) return v->type == J_ARR;
    if (str_eq(type, "string")) return v->type == J_STR;
    if (str_eq(type, "boolean")) return v->type == J_BOOL;
    if (str_eq(type, "number")) return v->type == J_NUM;
    ASSERT_MSG(str_eq(type, "integer"), "type %s", type);
    return is_integer(v);
}

static void check_scalar(const struct check *c, const struct jv *schema, const struct jv *v, const char *path) {
    const struct jv *enums = jv_get(schema, "enum"), *min = jv_get(schema, "minimum"), *max = jv_get(schema, "maximum");
    const char *pattern = jv_get_str(schema, "pattern");
    bool known = !enums;
    JV_FOR_ARR(it, enums) known = known || jv_eq(*it, v);
    if (!known) add(c, path, "is none of the known values");
    if (!of_format(v, jv_get_str(schema, "format"))) add(c, path, "has not the format");
    if (v->type == J_NUM && min && strtod(v->s, NULL) < strtod(min->s, NULL)) add(c, path, "is less than the minimum");
    if (v->type == J_NUM && max && strtod(v->s, NULL) > strtod(max->s, NULL)) add(c, path, "is more than the maximum");
    if (v->type != J_STR) return;
    if (pattern && !matches(pattern, v->s)) add(c, path, "does not match the pattern");
    if ((int64_t)characters(v) < jv_get_int(schema, "minLength", 0)) add(c, path, "is too short");
    if ((int64_t)characters(v) > jv_get_int(schema, "maxLength", INT64_MAX)) add(c, path, "is too long");
}

/* ---- lists, objects ---- */

static void check_value(const struct check *c, const struct jv *schema, const struct jv *v, const char *path);

/* The value of an element's key, or its default. */
static const char *key_text(const struct check *c, const struct jv *schema, const struct jv *item, const struct jv *key) {
    const struct jv *v = jv_get(item, key->s);
    if (!v || v->type == J_NULL) v = jv_path(schema, "items", "properties", key->s, "default", (char *)0);
    return v ? json_text(c->a, v) : "";
}

static void check_unique(const struct check *c, const struct jv *schema, const struct jv *v, const char *path) {
    const char *kind = jv_get_str(schema, "x-kubernetes-list-type");
    if (!kind) return;
    struct map *seen = map_new();
    for (uint32_t i = 0; i < v->len; i++) {
        const char *id = str_eq(kind, "set") ? json_text(c->a, v->items[i]) : "";
        JV_FOR_ARR(key, jv_get(schema, "x-kubernetes-list-map-keys"))
            id = arena_printf(c->a, "%s|%s", id, key_text(c, schema, v->items[i], *key));
        if (map_put(seen, id, seen)) add(c, arena_printf(c->a, "%s[%u]", path, i), "is there already");
    }
    map_free(seen);
}

static void check_array(const struct check *c, const struct jv *schema, const struct jv *v, const char *path) {
    if (v->len < jv_get_int(schema, "minItems", 0)) add(c, path, "has too few items");
    if (v->len > jv_get_int(schema, "maxItems", INT64_MAX)) {
        add(c, path, "has too many items");
        return; /* an API server does not look into them */
    }
    for (uint32_t i = 0; i < v->len; i++)
        check_value(c, jv_get(schema, "items"), v->items[i], arena_printf(c->a, "%s[%u]", path, i));
    check_unique(c, schema, v, path);
}

static void check_object(const struct check *c, const struct jv *schema, const struct jv *v, const char *path) {
    const struct jv *properties = jv_get(schema, "properties"), *values = jv_get(schema, "additionalProperties");
    if (v->len < jv_get_int(schema, "minProperties", 0)) add(c, path, "has too few members");
    if (v->len > jv_get_int(schema, "maxProperties", INT64_MAX)) add(c, path, "has too many members");
    JV_FOR_ARR(r, jv_get(schema, "required")) {
        const struct jv *p = jv_get(properties, (*r)->s), *m = jv_get(v, (*r)->s);
        bool given = (m && m->type != J_NULL) || jv_get(p, "default");
        if (!given) add(c, arena_printf(c->a, "%s.%s", path, (*r)->s), "is required");
    }
    JV_FOR_OBJ(m, v) {
        const struct jv *p = jv_get(properties, m->key);
        if (m->val->type == J_NULL) continue;
        if (p) check_value(c, p, m->val, arena_printf(c->a, "%s.%s", path, m->key));
        if (values) check_value(c, values, m->val, arena_printf(c->a, "%s[%s]", path, m->key));
    }
}

static void check_value(const struct check *c, const struct jv *schema, const struct jv *v, const char *path) {
    bool any = jv_get_bool(schema, "x-kubernetes-preserve-unknown-fields", false) && !jv_get(schema, "type");
    if (any) return;
    if (!of_type(v, schema)) add(c, path, "has the wrong type");
    else if (v->type == J_ARR) check_array(c, schema, v, path);
    else if (v->type == J_OBJ) check_object(c, schema, v, path);
    else check_scalar(c, schema, v, path);
}

void crd_schema_check(struct arena *a, const struct jv *schema, const struct jv *doc, struct mismatches *out) {
    *out = (struct mismatches){0};
    check_value(&(struct check){a, out}, schema, doc, "");
}
