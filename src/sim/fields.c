/* Sets of field paths. Trees in and out, nothing is kept. */
#include "sim/fields.h"

#include <string.h>

#include "base/str.h"

/* ---- from documents ---- */

static bool server_written(const char *key) {
    static const char *const keys[] = {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
                                       "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "generateName"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (str_eq(key, keys[i])) return true;
    return false;
}

static char *item_key(struct arena *a, const struct jv *ref) {
    struct jv *key = jv_new_obj(a);
    jv_set_str(a, key, "uid", jv_get_str(ref, "uid"));
    return arena_printf(a, "k:%s", json_text(a, key));
}

static struct jv *fields_of_value(struct arena *a, const struct jv *was, const struct jv *now);

/* Owner references are a list with a key: each item belongs to who added it. */
static struct jv *fields_of_owners(struct arena *a, const struct jv *was, const struct jv *now) {
    struct jv *out = jv_new_obj(a);
    JV_FOR_ARR(ref, now) {
        const char *uid = jv_get_str(*ref, "uid");
        if (uid && !jv_eq(jv_find(was, "uid", uid), *ref)) jv_set(a, out, item_key(a, *ref), jv_new_obj(a));
    }
    return out;
}

static struct jv *fields_of_members(struct arena *a, const struct jv *was, const struct jv *now, bool is_meta) {
    struct jv *out = jv_new_obj(a);
    JV_FOR_OBJ(m, now) {
        const struct jv *old = jv_get(was, m->key);
        if ((is_meta && server_written(m->key)) || (old && jv_eq(old, m->val))) continue;
        bool owners = is_meta && str_eq(m->key, "ownerReferences");
        jv_set(a, out, arena_printf(a, "f:%s", m->key),
               owners ? fields_of_owners(a, old, m->val) : fields_of_value(a, old, m->val));
    }
    return out;
}

static struct jv *fields_of_value(struct arena *a, const struct jv *was, const struct jv *now) {
    return jv_is(now, J_OBJ) ? fields_of_members(a, was, now, false) : jv_new_obj(a);
}

struct jv *fields_changed(struct arena *a, const struct jv *was, const struct jv *now) {
    struct jv *out = jv_new_obj(a);
    JV_FOR_OBJ(m, now) {
        const struct jv *old = jv_get(was, m->key);
        bool is_meta = str_eq(m->key, "metadata");
        if (str_eq(m->key, "apiVersion") || str_eq(m->key, "kind") || (old && jv_eq(old, m->val))) continue;
        struct jv *below = is_meta ? fields_of_members(a, old, m->val, true) : fields_of_value(a, old, m->val);
        if (!is_meta || jv_len(below)) jv_set(a, out, arena_printf(a, "f:%s", m->key), below);
    }
    return out;
}

struct jv *fields_of(struct arena *a, const struct jv *doc) {
    return fields_changed(a, NULL, doc);
}

/* ---- sets ---- */

struct jv *fields_union(struct arena *a, const struct jv *x, const struct jv *y) {
    struct jv *out = x ? jv_dup(a, x) : jv_new_obj(a);
    JV_FOR_OBJ(m, y) jv_set(a, out, m->key, fields_union(a, jv_get(out, m->key), m->val));
    return out;
}

struct jv *fields_minus(struct arena *a, const struct jv *x, const struct jv *y) {
    struct jv *out = jv_new_obj(a);
    JV_FOR_OBJ(m, x) {
        const struct jv *other = jv_get(y, m->key);
        if (!other) jv_set(a, out, m->key, jv_dup(a, m->val));
        else if (jv_len(m->val) && jv_len(other)) {
            struct jv *rest = fields_minus(a, m->val, other);
            if (jv_len(rest)) jv_set(a, out, m->key, rest);
        }
    }
    return out;
}

struct jv *fields_both(struct arena *a, const struct jv *x, const struct jv *y) {
    struct jv *out = jv_new_obj(a);
    JV_FOR_OBJ(m, x) {
        const struct jv *other = jv_get(y, m->key);
        if (!other) continue;
        bool inner = jv_len(m->val) && jv_len(other);
        struct jv *below = inner ? fields_both(a, m->val, other) : jv_dup(a, m->val);
        if (!inner || jv_len(below)) jv_set(a, out, m->key, below);
    }
    return out;
}

static void take_item(struct arena *a, struct jv *list, const char *key) {
    struct err ignored = ERR_INIT;
    const struct jv *id = json_parse(a, key, strlen(key), NULL, &ignored);
    for (size_t i = jv_len(list); i-- > 0;)
        if (str_eq(jv_get_str(jv_idx(list, i), "uid"), jv_get_str(id, "uid"))) jv_remove(list, i);
}

void fields_take_out(struct arena *a, struct jv *doc, const struct jv *fields) {
    JV_FOR_OBJ(m, fields) {
        if (str_has_prefix(m->key, "k:")) {
            take_item(a, doc, m->key + 2);
            continue;
        }
        struct jv *v = jv_get(doc, m->key + 2);
        if (!v) continue;
        if (jv_len(m->val)) fields_take_out(a, v, m->val);
        if (!jv_len(m->val) || (jv_is(v, J_OBJ) && !jv_len(v)) || (jv_is(v, J_ARR) && !jv_len(v))) jv_del(doc, m->key + 2);
    }
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
        path = arena_printf(a, "%s%s%s", path, *path ? "." : "", m->key + 2);
        fields = m->val;
    }
    return path;
}
