/* From the field tables to OpenAPI v3, in the structural form that CustomResourceDefinitions demand. Every node has a type unless
 * it keeps unknown fields or is an int-or-string. Rows of the pod template carry no descriptions: ten copies of them would make
 * the definitions too large for etcd. */
#include <stdlib.h>
#include <string.h>

#include "api/print.h"
#include "base/str.h"

#define QUANTITY_RE \
    "^(\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))" \
    "(([KMGTPE]i)|[numkMGTPE]|([eE](\\+|-)?(([0-9]+(\\.[0-9]*)?)|(\\.[0-9]+))))?$"

static void set_type(struct arena *a, struct jv *out, const char *type, const char *format) {
    jv_set_str(a, out, "type", type);
    jv_set_str(a, out, "format", format);
}

static struct jv *list_of(struct arena *a, const char *text, char separator) {
    struct jv *out = jv_new_arr(a);
    for (const char *at = text, *end; at; at = end ? end + 1 : NULL) {
        end = strchr(at, separator);
        jv_push(a, out, jv_new_strn(a, at, end ? (size_t)(end - at) : strlen(at)));
    }
    return out;
}

static void set_int_or_string(struct arena *a, struct jv *out) {
    struct jv *any = jv_new_arr(a);
    static const char *const types[] = {"integer", "string"};
    for (size_t i = 0; i < 2; i++) {
        struct jv *one = jv_new_obj(a);
        jv_set_str(a, one, "type", types[i]);
        jv_push(a, any, one);
    }
    jv_set(a, out, "anyOf", any);
    jv_set_bool(a, out, "x-kubernetes-int-or-string", true);
}

static struct jv *json_of(struct arena *a, const char *text) {
    struct err e = ERR_INIT;
    struct jv *v = json_parse(a, text, strlen(text), NULL, &e);
    if (!v) abort(); /* the tables are ours */
    return v;
}

/* Structs that server-side apply treats as one value, as Kubernetes marks them. */
static bool is_atomic(const struct type *t) {
    static const char *const names[] = {
        "ConfigMapKeySelector", "LabelSelector",         "LocalObjectReference",
        "NodeSelector",         "NodeSelectorTerm",      "ObjectFieldSelector",
        "ObjectReference",      "ResourceFieldSelector", "SecretKeySelector",
        "SecretReference",      "TypedLocalObjectReference",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_eq(t->name, names[i])) return true;
    return false;
}

static void set_object(struct arena *a, struct jv *out, const struct type *t);

/* One value of `kind`: the node of a field that is no list, or of an element of a list or map. */
static void set_value(struct arena *a, struct jv *out, enum fkind kind, const struct type *t) {
    switch (kind) {
    case F_ANY: jv_set_bool(a, out, "x-kubernetes-preserve-unknown-fields", true); break;
    case F_STRING: set_type(a, out, "string", NULL); break;
    case F_BOOL: set_type(a, out, "boolean", NULL); break;
    case F_INT32: set_type(a, out, "integer", "int32"); break;
    case F_INT64: set_type(a, out, "integer", "int64"); break;
    case F_FLOAT: set_type(a, out, "number", NULL); break;
    case F_QUANTITY:
        set_int_or_string(a, out);
        jv_set_str(a, out, "pattern", QUANTITY_RE);
        break;
    case F_INTSTR: set_int_or_string(a, out); break;
    case F_TIME: set_type(a, out, "string", "date-time"); break;
    case F_BYTES: set_type(a, out, "string", "byte"); break;
    case F_OBJECT: set_object(a, out, t); break;
    case F_MAP: {
        /* A map inside a map: its values are objects of t. */
        set_type(a, out, "object", NULL);
        set_object(a, jv_need_obj(a, out, "additionalProperties"), t);
        break;
    }
    case F_LIST: abort(); /* no table has a list of lists */
    }
}

static void set_list(struct arena *a, struct jv *out, const struct field *f) {
    set_type(a, out, "array", NULL);
    set_value(a, jv_need_obj(a, out, "items"), f->elem, f->type);
    if (f->list_keys) {
        jv_set_str(a, out, "x-kubernetes-list-type", "map");
        jv_set(a, out, "x-kubernetes-list-map-keys", list_of(a, f->list_keys, ','));
    } else if (f->flags & FF_SET) {
        jv_set_str(a, out, "x-kubernetes-list-type", "set");
    }
}

static void set_bounds(struct arena *a, struct jv *out, const struct field *f) {
    if (f->enums) jv_set(a, out, "enum", list_of(a, f->enums, '|'));
    jv_set_str(a, out, "pattern", f->pattern);
    if (f->min) jv_set(a, out, "minimum", json_of(a, f->min));
    if (f->max) jv_set(a, out, "maximum", json_of(a, f->max));
    const struct { const char *key; uint32_t v; } counts[] = {
        {"minItems", f->min_items},
        {"maxItems", f->max_items},
        {"minLength", f->min_length},
        {"maxLength", f->max_length},
        {"minProperties", f->min_properties},
        {"maxProperties", f->max_properties},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].v) jv_set_int(a, out, counts[i].key, counts[i].v);
}

static struct jv *field_schema(struct arena *a, const struct field *f) {
    struct jv *out = jv_new_obj(a);
    jv_set_str(a, out, "description", f->desc);
    if (f->flags & FF_SCHEMALESS) {
        set_value(a, out, F_ANY, NULL);
    } else if (f->kind == F_LIST) {
        set_list(a, out, f);
    } else if (f->kind == F_MAP) {
        set_type(a, out, "object", NULL);
        set_value(a, jv_need_obj(a, out, "additionalProperties"), f->elem, f->type);
    } else {
        set_value(a, out, f->kind, f->type);
    }
    if (f->dflt && !(f->flags & FF_NODEFAULT)) jv_set(a, out, "default", json_of(a, f->dflt));
    set_bounds(a, out, f);
    return out;
}

static void set_rules(struct arena *a, struct jv *out, const struct type *t) {
    if (t->nrules == 0) return;
    struct jv *rules = jv_need_arr(a, out, "x-kubernetes-validations");
    for (size_t i = 0; i < t->nrules; i++) {
        struct jv *rule = jv_new_obj(a);
        jv_set_str(a, rule, "rule", t->rules[i].cel);
        jv_set_str(a, rule, "message", t->rules[i].message);
        jv_set_str(a, rule, "fieldPath", t->rules[i].path);
        jv_push(a, rules, rule);
    }
}

static void set_object(struct arena *a, struct jv *out, const struct type *t) {
    set_type(a, out, "object", NULL);
    if (!t) return;
    struct jv *properties = jv_new_obj(a), *required = jv_new_arr(a);
    for (size_t i = 0; i < t->nfields; i++) {
        const struct field *f = &t->fields[i];
        jv_set(a, properties, f->key, field_schema(a, f));
        if (f->flags & FF_REQUIRED) jv_push(a, required, jv_new_str(a, f->key));
    }
    if (jv_len(properties)) jv_set(a, out, "properties", properties);
    if (jv_len(required)) jv_set(a, out, "required", required);
    if (is_atomic(t)) jv_set_str(a, out, "x-kubernetes-map-type", "atomic");
    set_rules(a, out, t);
}

struct jv *print_schema(struct arena *a, const struct type *t) {
    struct jv *out = jv_new_obj(a);
    jv_set_str(a, out, "description", t->desc);
    set_object(a, out, t);
    return out;
}
