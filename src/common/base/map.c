/* String-keyed hash map. Hides an insertion-ordered layout: `entries` holds the pairs in the order of insertion, `index`
 * is an open-addressed table (linear probing, power of two) of positions in it. A deleted entry stays as a hole with a
 * NULL key, and its slot as DELETED, until the next insertion that needs room rebuilds both: so deleting never moves
 * anything and is safe while iterating. Invariant: used < slots * 3 / 4, so probing always ends. One owner, no lock.
 * In an arena, what a rebuild leaves behind stays there; without deletions, that is as much again as the map at most. */
#include "base/map.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/must.h"

#define EMPTY 0u
#define DELETED UINT32_MAX
#define SLOTS_MIN 16u

struct entry {
    char *key; /* owned; NULL: a hole */
    uint64_t hash;
    void *value;
};

struct map {
    struct arena *a; /* NULL: the heap */
    struct entry *entries;
    uint32_t *index; /* EMPTY, DELETED or position + 1; in the allocation of `entries` */
    size_t slots;    /* of index; entries has room for slots * 3 / 4 */
    size_t used;     /* entries, holes included */
    size_t live;
};

static size_t room(size_t slots) { return slots / 4 * 3; }

/* Zeroed memory. */
static void *alloc(struct arena *a, size_t n) {
    return a ? arena_alloc(a, n) : must(calloc(1, n));
}

static void release(struct arena *a, void *p) {
    if (!a) free(p);
}

struct map *map_in(struct arena *a) {
    struct map *m = alloc(a, sizeof *m);
    m->a = a;
    return m;
}

struct map *map_new(void) { return map_in(NULL); }

void map_free(struct map *m) {
    if (!m || m->a) return;
    for (size_t i = 0; i < m->used; i++) free(m->entries[i].key);
    free(m->entries);
    free(m);
}

/* The slot that points to `key`, or NULL. */
static uint32_t *find(const struct map *m, const char *key, uint64_t hash) {
    if (!m->live) return NULL;
    for (size_t i = hash & (m->slots - 1);; i = (i + 1) & (m->slots - 1)) {
        uint32_t at = m->index[i];
        if (at == EMPTY) return NULL;
        if (at == DELETED) continue;
        const struct entry *en = &m->entries[at - 1];
        if (en->hash == hash && strcmp(en->key, key) == 0) return &m->index[i];
    }
}

static uint64_t hash_of(const char *key) { return fnv1a_64(key, strlen(key)); }

void *map_get(const struct map *m, const char *key) {
    const uint32_t *slot = find(m, key, hash_of(key));
    return slot ? m->entries[*slot - 1].value : NULL;
}

bool map_has(const struct map *m, const char *key) { return find(m, key, hash_of(key)) != NULL; }

static void index_insert(struct map *m, size_t position) {
    size_t i = m->entries[position].hash & (m->slots - 1);
    while (m->index[i] != EMPTY) i = (i + 1) & (m->slots - 1);
    m->index[i] = (uint32_t)position + 1;
}

/* Makes room for one more entry: drops the holes, and doubles the table when the live entries alone fill half of it. */
static void rebuild(struct map *m) {
    size_t slots = m->slots ? m->slots : SLOTS_MIN;
    if (m->live >= room(slots) / 2) slots *= 2;
    if (slots > UINT32_MAX / 2) abort();
    size_t size = room(slots) * sizeof(struct entry);
    struct entry *entries = alloc(m->a, size + slots * sizeof(uint32_t));
    uint32_t *index = (uint32_t *)(void *)((char *)entries + size);
    size_t n = 0;
    for (size_t i = 0; i < m->used; i++)
        if (m->entries[i].key) entries[n++] = m->entries[i];
    release(m->a, m->entries);
    *m = (struct map){m->a, entries, index, slots, n, n};
    for (size_t i = 0; i < n; i++) index_insert(m, i);
}

static char *copy_key(struct arena *a, const char *key) {
    return a ? arena_strdup(a, key) : must(strdup(key));
}

void *map_put(struct map *m, const char *key, void *value) {
    uint64_t hash = hash_of(key);
    uint32_t *slot = find(m, key, hash);
    if (slot) {
        void *old = m->entries[*slot - 1].value;
        m->entries[*slot - 1].value = value;
        return old;
    }
    if (m->used >= room(m->slots)) rebuild(m);
    m->entries[m->used] = (struct entry){copy_key(m->a, key), hash, value};
    index_insert(m, m->used);
    m->used++;
    m->live++;
    return NULL;
}

void *map_del(struct map *m, const char *key) {
    uint32_t *slot = find(m, key, hash_of(key));
    if (!slot) return NULL;
    struct entry *en = &m->entries[*slot - 1];
    void *old = en->value;
    release(m->a, en->key);
    *en = (struct entry){0};
    *slot = DELETED;
    m->live--;
    return old;
}

size_t map_len(const struct map *m) { return m->live; }

bool map_next(const struct map *m, size_t *it, const char **key, void **value) {
    while (*it < m->used) {
        const struct entry *en = &m->entries[(*it)++];
        if (!en->key) continue;
        if (key) *key = en->key;
        if (value) *value = en->value;
        return true;
    }
    return false;
}
