/* Finds the row of a member in a field table. Walking a document along its tables is one look-up per member, and a row is
 * three cache lines, so each type gets a small table of hashes when it is first asked for: hash of the key -> row.
 *
 * The tables are constant and their types few (some 150), so indexes are made once, kept for good, and found by the type's
 * address. Any thread: an index is complete before it is published, and never changes. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "doc/schema.h"

enum {
    TYPES_MAX = 512, /* places for indexes, a power of two */
    FIELDS_MAX = 128,
    KEY_MAX = UINT8_MAX,
};

struct slot {
    uint8_t row1; /* the row's number from 1 on; 0: nobody's */
    uint8_t klen;
};

struct type_index {
    const struct type *type;
    uint32_t mask;
    struct slot slots[]; /* at most half of them are used, so that a search ends */
};

static _Atomic(struct type_index *) indexes[TYPES_MAX];

static uint32_t key_hash(const char *key, size_t klen) {
    return (uint32_t)((unsigned char)key[0] * 7u + (unsigned char)key[klen - 1] * 31u + klen);
}

static void add_row(struct type_index *x, size_t row) {
    const char *key = x->type->fields[row].key;
    size_t klen = strlen(key);
    if (klen == 0 || klen > KEY_MAX) abort(); /* the tables are ours */
    uint32_t at = key_hash(key, klen);
    while (x->slots[at & x->mask].row1) at++;
    x->slots[at & x->mask] = (struct slot){(uint8_t)(row + 1), (uint8_t)klen};
}

static struct type_index *index_new(const struct type *t) {
    size_t n = 4;
    if (t->nfields > FIELDS_MAX) abort();
    while (n < 2 * t->nfields) n *= 2;
    struct type_index *x = calloc(1, sizeof *x + n * sizeof *x->slots);
    if (!x) abort();
    x->type = t;
    x->mask = (uint32_t)n - 1;
    for (size_t i = 0; i < t->nfields; i++) add_row(x, i);
    return x;
}

/* Puts it there, or drops it when another thread was faster; either way returns what is there. */
static const struct type_index *publish(_Atomic(struct type_index *) *place, struct type_index *mine) {
    struct type_index *there = NULL;
    if (atomic_compare_exchange_strong(place, &there, mine)) return mine;
    free(mine);
    return there;
}

const struct type_index *type_index(const struct type *t) {
    uint64_t at = ((uint64_t)(uintptr_t)t * UINT64_C(0x9e3779b97f4a7c15)) >> 32; /* Fibonacci hashing */
    for (unsigned tried = 0; tried < TYPES_MAX; at++, tried++) {
        _Atomic(struct type_index *) *place = &indexes[at % TYPES_MAX];
        const struct type_index *x = atomic_load_explicit(place, memory_order_acquire);
        if (!x) x = publish(place, index_new(t));
        if (x->type == t) return x;
    }
    abort(); /* more types than places: raise TYPES_MAX */
}

const struct field *type_index_find(const struct type_index *x, const char *key, size_t klen) {
    if (klen == 0 || klen > KEY_MAX) return NULL;
    uint32_t at = key_hash(key, klen);
    for (const struct slot *s; s = &x->slots[at & x->mask], s->row1; at++) {
        const struct field *f = &x->type->fields[s->row1 - 1];
        if (s->klen == klen && jv_key_eq(f->key, key, klen)) return f;
    }
    return NULL;
}
