/* Would a server-side apply change an object that others change in part? Our own entry in managedFields says what we applied last:
 * that must be what is wanted now, and live must still have it. Everything else in live is somebody else's. In a list with keys the
 * entry names each element of ours ("k:{...}", by its keys), in a set each value ("v:..."); a list that it names as a whole is ours
 * as a whole. The recursion is as deep as the object. */
#include <string.h>

#include "base/str.h"
#include "controller/core/plan.h"
#include "doc/find.h"

static bool differs(struct arena *a, const struct jv *ours, const struct jv *want, const struct jv *have);

static bool is_element(const char *field) { return str_has_prefix(field, "k:") || str_has_prefix(field, "v:"); }

static bool by_element(const struct jv *ours) {
    JV_FOR_OBJ(m, ours)
        if (is_element(m->key)) return true;
    return false;
}

static bool has_id(char kind, const struct jv *id, const struct jv *item) {
    if (kind == 'v') return jv_eq(id, item);
    JV_FOR_OBJ(m, id)
        if (!jv_eq(m->val, jv_getn(item, m->key, m->klen))) return false;
    return jv_is(item, J_OBJ);
}

/* A list whose elements have ids of one key, nearly all of them: it is looked up in once for each element. */
struct elements {
    const struct jv *list;
    const char *key; /* of `by_key`; NULL: none yet */
    struct finder by_key;
};

static const struct jv *element(struct arena *a, struct elements *in, const char *field, const struct jv *id) {
    if (*field == 'k' && jv_len(id) == 1) {
        if (!in->key || !str_eq(in->key, id->members[0].key)) {
            in->key = id->members[0].key;
            in->by_key = finder_of(a, in->list, in->key);
        }
        int64_t i = finder_find(&in->by_key, id->members[0].val);
        return i < 0 ? NULL : jv_idx(in->list, (size_t)i);
    }
    JV_FOR_ARR(it, in->list)
        if (has_id(*field, id, *it)) return *it;
    return NULL;
}

/* Each element that we applied is wanted and there; and none is wanted that we have not applied. */
static bool elements_differ(struct arena *a, const struct jv *ours, const struct jv *want, const struct jv *have) {
    size_t n = 0;
    struct elements in_want = {.list = want}, in_have = {.list = have};
    JV_FOR_OBJ(m, ours) {
        if (!is_element(m->key)) continue;
        struct err e = ERR_INIT;
        const struct jv *id = json_parse(a, m->key + 2, m->klen - 2, NULL, &e), *w = element(a, &in_want, m->key, id);
        if (!w || differs(a, m->val, w, element(a, &in_have, m->key, id))) return true;
        n++;
    }
    return n != jv_len(want);
}

static bool members_differ(struct arena *a, const struct jv *ours, const struct jv *want, const struct jv *have) {
    struct finder in_ours = finder_of(a, ours, NULL), in_want = finder_of(a, want, NULL), in_have = finder_of(a, have, NULL);
    JV_FOR_OBJ(m, ours)
        if (str_has_prefix(m->key, "f:") && !finder_member(&in_want, m->key + 2, m->klen - 2)) return true;
    JV_FOR_OBJ(m, want) {
        const char *field = arena_printf(a, "f:%s", m->key);
        const struct jmember *below = finder_member(&in_ours, field, strlen(field));
        const struct jv *h = finder_counterpart(&in_have, m, (size_t)(m - want->members));
        if (differs(a, below ? below->val : NULL, m->val, h)) return true;
    }
    return false;
}

/* ours: the fieldsV1 of this value; NULL: not ours yet, though live may have the value anyway. */
static bool differs(struct arena *a, const struct jv *ours, const struct jv *want, const struct jv *have) {
    if (!have) return !jv_is(want, J_NULL);
    if (jv_is(want, J_OBJ) && jv_is(have, J_OBJ)) return members_differ(a, ours, want, have);
    if (jv_is(want, J_ARR) && by_element(ours)) return elements_differ(a, ours, want, have);
    return !jv_eq(want, have);
}

bool apply_shared_needed(const struct jv *desired, const struct jv *live) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *ours = live ? applied_fields(live) : NULL;
    if (!ours) return true;
    struct jv *want = jv_clone(a, desired), *meta = jv_own(a, want, "metadata");
    jv_del(want, "apiVersion"); /* what says which object it is, is no field of ours */
    jv_del(want, "kind");
    jv_del(meta, "name");
    jv_del(meta, "namespace");
    return differs(a, ours, want, live);
}
