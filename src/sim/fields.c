/* Sets of field paths, and the list of a document's entries. Trees in and out, nothing is kept. */
#include "sim/fields.h"

#include <string.h>

#include "base/str.h"

/* ---- nodes ---- */

static bool is_self(const struct jmember *m) { return m->klen == 1 && m->key[0] == '.'; }

/* Is the path itself in the set? */
static bool has_self(const struct jv *node) { return node && (node->len == 0 || jv_get(node, ".")); }

/* parts: an object without "."; NULL when the node would be nothing. */
static struct jv *node(struct arena *a, bool self, struct jv *parts) {
    if (!jv_len(parts)) return self ? jv_new_obj(a) : NULL;
    if (self) jv_set(a, parts, ".", jv_new_obj(a));
    return parts;
}

struct jv *fields_union(struct arena *a, const struct jv *x, const struct jv *y) {
    if (!x || !y) return jv_dup(a, x ? x : y);
    struct jv *parts = jv_new_obj(a);
    JV_FOR_OBJ(m, x)
        if (!is_self(m)) jv_setn(a, parts, m->key, m->klen, fields_union(a, m->val, jv_getn(y, m->key, m->klen)));
    JV_FOR_OBJ(m, y)
        if (!is_self(m) && !jv_getn(x, m->key, m->klen)) jv_setn(a, parts, m->key, m->klen, jv_dup(a, m->val));
    return node(a, has_self(x) || has_self(y), parts);
}

struct jv *fields_minus(struct arena *a, const struct jv *x, const struct jv *y) {
    if (!x || !y) return jv_dup(a, x);
    struct jv *parts = jv_new_obj(a);
    JV_FOR_OBJ(m, x)
        if (!is_self(m)) jv_setn(a, parts, m->key, m->klen, fields_minus(a, m->val, jv_getn(y, m->key, m->klen)));
    return node(a, has_self(x) && !has_self(y), parts);
}

struct jv *fields_both(struct arena *a, const struct jv *x, const struct jv *y) {
    if (!x || !y) return NULL;
    struct jv *parts = jv_new_obj(a);
    JV_FOR_OBJ(m, x)
        if (!is_self(m)) jv_setn(a, parts, m->key, m->klen, fields_both(a, m->val, jv_getn(y, m->key, m->klen)));
    return node(a, has_self(x) && has_self(y), parts);
}

static struct shape shape_of_part(const struct shape *s, const struct jmember *m) {
    return m->key[0] == 'f' ? shape_member(s, m->key + 2, m->klen - 2) : shape_element(s);
}

struct jv *fields_named(struct arena *a, const struct shape *s, const struct jv *set) {
    if (!set) return NULL;
    struct jv *parts = jv_new_obj(a);
    JV_FOR_OBJ(m, set) {
        if (is_self(m)) continue;
        struct shape below = shape_of_part(s, m);
        struct jv *part = fields_named(a, &below, m->val);
        if (below.named && part->len) part = node(a, true, part);
        jv_setn(a, parts, m->key, m->klen, part);
    }
    return node(a, has_self(set), parts);
}

struct jv *fields_strip(struct arena *a, const struct jv *set) {
    struct err ignored = ERR_INIT;
    static const char text[] =
        "{\"f:apiVersion\":{},\"f:kind\":{},\"f:metadata\":{\".\":{},\"f:name\":{},\"f:namespace\":{},\"f:uid\":{},"
        "\"f:resourceVersion\":{},\"f:generation\":{},\"f:creationTimestamp\":{},\"f:managedFields\":{},\"f:selfLink\":{}}}";
    return fields_minus(a, set, json_parse(a, text, sizeof text - 1, NULL, &ignored));
}

/* ---- the list of entries ---- */

static bool is_entry(const struct jv *entry, const char *manager, const char *operation, bool status) {
    return str_eq(jv_get_str(entry, "manager"), manager) && str_eq(jv_get_str(entry, "operation"), operation) &&
           (jv_get(entry, "subresource") != NULL) == status;
}

struct jv *fields_entry(const struct jv *managed, const char *manager, const char *operation, bool status) {
    JV_FOR_ARR(it, managed)
        if (is_entry(*it, manager, operation, status)) return *it;
    return NULL;
}

void fields_entry_set(struct arena *a, struct jv *managed, const char *manager, const char *operation, bool status,
                      const char *api_version, struct jv *fields) {
    struct jv *entry = fields_entry(managed, manager, operation, status);
    if (!jv_len(fields)) {
        for (size_t i = jv_len(managed); i-- > 0;)
            if (jv_idx(managed, i) == entry) jv_remove(managed, i);
        return;
    }
    if (!entry) {
        entry = jv_new_obj(a);
        jv_set_str(a, entry, "manager", manager);
        jv_set_str(a, entry, "operation", operation);
        jv_set_str(a, entry, "apiVersion", api_version);
        jv_set_str(a, entry, "fieldsType", "FieldsV1");
        if (status) jv_set_str(a, entry, "subresource", "status");
        jv_push(a, managed, entry);
    }
    jv_set(a, entry, "fieldsV1", fields);
}

char *fields_first_path(struct arena *a, const struct jv *fields) {
    char *path = arena_strdup(a, "");
    while (jv_len(fields)) {
        const struct jmember *m = &fields->members[0];
        if (is_self(m)) break;
        path = arena_printf(a, "%s%s%s", path, *path ? "." : "", m->key + 2);
        fields = m->val;
    }
    return path;
}
