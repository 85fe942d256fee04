/* A table of hashes beside a list or an object. Hashes agree with jv_eq: equal values have equal hashes, also numbers that
 * are written differently and objects in another order. Elements are entered in their order and never leave, so of several
 * equal ones the first is found. Recursion is as deep as the documents. */
#include "doc/find.h"

#include <stdlib.h>

#include "base/hash.h"

enum { SEARCHED_MAX = 16 }; /* so few are compared one by one */

struct finder finder_of(struct arena *a, const struct jv *in, const char *merge_key) {
    return (struct finder){.a = a, .in = in, .merge_key = merge_key};
}

const struct jv *finder_identity(const struct jv *item, const char *merge_key) {
    return merge_key ? jv_get(item, merge_key) : item;
}

static uint64_t mix(uint64_t h) {
    h *= UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 32;
}

/* Numbers that are equal are read as the same double; 0 has two. */
static uint64_t number_hash(const struct jv *v) {
    double d = strtod(v->s, NULL) + 0.0;
    return fnv1a_64(&d, sizeof d);
}

static uint64_t value_hash(const struct jv *v) {
    uint64_t h = (uint64_t)v->type + 1;
    switch (v->type) {
    case J_NULL: case J_RAW: break;
    case J_BOOL: h += (uint64_t)v->b << 8; break;
    case J_NUM: h += number_hash(v); break;
    case J_STR: h += fnv1a_64(v->s, v->len); break;
    case J_ARR:
        for (uint32_t i = 0; i < v->len; i++) h = mix(h) + value_hash(v->items[i]);
        break;
    case J_OBJ: /* a sum, because the order does not count */
        for (uint32_t i = 0; i < v->len; i++)
            h += mix(fnv1a_64(v->members[i].key, v->members[i].klen) + mix(value_hash(v->members[i].val)));
        break;
    }
    return mix(h);
}

static uint64_t key_hash(const char *key, size_t klen) { return mix(fnv1a_64(key, klen)); }

static bool is_at(const struct finder *f, uint32_t i, const struct jv *id) {
    return jv_eq(finder_identity(f->in->items[i], f->merge_key), id);
}

/* Equal elements after the first are left out: nobody looks for them, and a row of them would be walked each time. */
static void enter_item(struct finder *f, uint32_t i) {
    const struct jv *id = finder_identity(f->in->items[i], f->merge_key);
    if (!id) return;
    uint64_t h = value_hash(id);
    for (uint32_t slot; (slot = f->slots[h & f->mask]) != 0; h++)
        if (is_at(f, slot - 1, id)) return;
    f->slots[h & f->mask] = i + 1;
}

static void enter_member(struct finder *f, uint32_t i) {
    uint64_t h = key_hash(f->in->members[i].key, f->in->members[i].klen);
    while (f->slots[h & f->mask]) h++;
    f->slots[h & f->mask] = i + 1;
}

static void make_room(struct finder *f) {
    uint32_t size = f->slots ? f->mask + 1 : 2 * SEARCHED_MAX;
    while (size / 2 < f->in->len) size *= 2;
    f->slots = ARENA_ARRAY(f->a, size, uint32_t);
    f->mask = size - 1;
    f->n = 0;
}

/* Enters what was added since the last time. False: few enough to be searched. */
static bool hashed(struct finder *f) {
    if (!f->slots && f->in->len <= SEARCHED_MAX) return false;
    if (!f->slots || f->in->len > (f->mask + 1) / 2) make_room(f);
    for (; f->n < f->in->len; f->n++)
        if (f->in->type == J_OBJ) enter_member(f, f->n);
        else enter_item(f, f->n);
    return true;
}

int64_t finder_find(struct finder *f, const struct jv *id) {
    if (!id || !jv_is(f->in, J_ARR)) return -1;
    if (hashed(f)) {
        uint64_t h = value_hash(id);
        for (uint32_t slot; (slot = f->slots[h & f->mask]) != 0; h++)
            if (is_at(f, slot - 1, id)) return slot - 1;
        return -1;
    }
    for (uint32_t i = 0; i < f->in->len; i++)
        if (is_at(f, i, id)) return i;
    return -1;
}

struct jv *finder_counterpart(struct finder *f, const struct jmember *m, size_t i) {
    if (!jv_is(f->in, J_OBJ)) return NULL;
    const struct jmember *same = i < f->in->len ? &f->in->members[i] : NULL;
    if (same && same->klen == m->klen && jv_key_eq(same->key, m->key, m->klen)) return same->val;
    if (f->in->len <= SEARCHED_MAX) return jv_getn(f->in, m->key, m->klen);
    struct jmember *found = finder_member(f, m->key, m->klen);
    return found ? found->val : NULL;
}

struct jmember *finder_member(struct finder *f, const char *key, size_t klen) {
    if (!jv_is(f->in, J_OBJ)) return NULL;
    if (!hashed(f)) return jv_member(f->in, key, klen);
    uint64_t h = key_hash(key, klen);
    for (uint32_t slot; (slot = f->slots[h & f->mask]) != 0; h++) {
        struct jmember *m = &f->in->members[slot - 1];
        if (m->klen == klen && jv_key_eq(m->key, key, klen)) return m;
    }
    return NULL;
}
