/* Stores. Hides how objects are found: one hash table by namespace and name; one of postings, where a posting is the
 * set of entries that share an index key, kept sorted by namespace and name so that a list needs no sorting.
 *
 * Owned: an entry holds one reference to its current object and knows its postings; a posting exists as long as an entry
 * is in it. Threads: one writer (the reflector), any number of readers. `lock` guards both tables, `objects`, `bytes` and
 * what an entry points to; it is held for pointer work only, never while parsing, writing text or calling a handler. The
 * scratch arena and the pass number belong to the writer, the handlers are fixed before it starts. */
#include "kube/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"
#include "kobj.h"
#include "rv.h"

struct entry;

struct posting {
    struct posting *next; /* of its bucket */
    uint64_t hash;
    struct entry **items; /* sorted by namespace and name */
    uint32_t n, cap;
    char key[];
};

struct entry {
    struct entry *next; /* of its bucket */
    uint64_t hash;
    const struct kobj *obj;
    uint32_t pass; /* the last relist that named it */
    uint32_t nposts;
    struct posting **posts;
};

struct handler {
    store_change_fn fn;
    void *ctx;
};

struct store {
    char *name;
    store_index_fn index;
    store_project_fn project;
    struct handler *handlers;
    size_t nhandlers;
    struct arena *scratch;
    uint32_t pass;

    pthread_mutex_t lock;
    struct entry **entries;
    size_t nentries, entry_buckets; /* buckets: a power of two */
    struct posting **postings;
    size_t npostings, posting_buckets;
    struct posting *all;
    size_t bytes;
    bool synced;
};

/* ---- the sorted set of a posting ---- */

static int name_cmp(const struct kobj *o, const char *ns, const char *name) {
    int c = strcmp(o->ns, ns);
    return c ? c : strcmp(o->name, name);
}

/* Where the object is, or would be inserted. Lists arrive sorted, so the end is tried first. */
static uint32_t posting_find(const struct posting *p, const struct kobj *o, bool *found) {
    uint32_t lo = 0, hi = p->n;
    *found = false;
    if (hi && name_cmp(p->items[hi - 1]->obj, o->ns, o->name) < 0) return hi;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = name_cmp(p->items[mid]->obj, o->ns, o->name);
        if (c == 0) {
            *found = true;
            return mid;
        }
        if (c < 0) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

static void posting_add(struct posting *p, struct entry *en) {
    bool found;
    uint32_t at = posting_find(p, en->obj, &found);
    if (found) return;
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 1;
        p->items = must(realloc(p->items, p->cap * sizeof(struct entry *)));
    }
    memmove(p->items + at + 1, p->items + at, (p->n - at) * sizeof(struct entry *));
    p->items[at] = en;
    p->n++;
}

static void posting_remove(struct posting *p, const struct entry *en) {
    bool found;
    uint32_t at = posting_find(p, en->obj, &found);
    if (!found) return;
    p->n--;
    memmove(p->items + at, p->items + at + 1, (p->n - at) * sizeof(struct entry *));
}

static struct posting *posting_new(const char *key, uint64_t hash) {
    size_t n = strlen(key) + 1;
    struct posting *p = must(calloc(1, sizeof *p + n));
    memcpy(p->key, key, n);
    p->hash = hash;
    return p;
}

static void posting_free(struct posting *p) {
    free(p->items);
    free(p);
}

/* ---- the two hash tables ---- */

static void postings_grow_locked(struct store *s) {
    size_t n = s->posting_buckets ? s->posting_buckets * 2 : 64;
    struct posting **table = must(calloc(n, sizeof *table));
    for (size_t i = 0; i < s->posting_buckets; i++) {
        for (struct posting *p = s->postings[i], *next; p; p = next) {
            next = p->next;
            p->next = table[p->hash & (n - 1)];
            table[p->hash & (n - 1)] = p;
        }
    }
    free(s->postings);
    s->postings = table;
    s->posting_buckets = n;
}

static struct posting *posting_get_locked(const struct store *s, const char *key) {
    if (s->posting_buckets == 0) return NULL;
    uint64_t h = fnv1a_64(key, strlen(key));
    struct posting *p = s->postings[h & (s->posting_buckets - 1)];
    while (p && (p->hash != h || strcmp(p->key, key) != 0)) p = p->next;
    return p;
}

static struct posting *posting_need_locked(struct store *s, const char *key) {
    struct posting *p = posting_get_locked(s, key);
    if (p) return p;
    if (s->npostings >= s->posting_buckets) postings_grow_locked(s);
    p = posting_new(key, fnv1a_64(key, strlen(key)));
    struct posting **bucket = &s->postings[p->hash & (s->posting_buckets - 1)];
    p->next = *bucket;
    *bucket = p;
    s->npostings++;
    return p;
}

static void posting_drop_if_empty_locked(struct store *s, struct posting *p) {
    if (p->n) return;
    struct posting **at = &s->postings[p->hash & (s->posting_buckets - 1)];
    while (*at != p) at = &(*at)->next;
    *at = p->next;
    s->npostings--;
    posting_free(p);
}

static uint64_t name_hash(const char *ns, const char *name) {
    return fnv1a_64(ns, strlen(ns)) * 31 + fnv1a_64(name, strlen(name));
}

static struct entry *entry_get_locked(const struct store *s, const char *ns, const char *name) {
    if (s->entry_buckets == 0) return NULL;
    uint64_t h = name_hash(ns, name);
    struct entry *en = s->entries[h & (s->entry_buckets - 1)];
    while (en && (en->hash != h || name_cmp(en->obj, ns, name) != 0)) en = en->next;
    return en;
}

static void entries_grow_locked(struct store *s) {
    size_t n = s->entry_buckets ? s->entry_buckets * 2 : 64;
    struct entry **table = must(calloc(n, sizeof *table));
    for (size_t i = 0; i < s->entry_buckets; i++) {
        for (struct entry *en = s->entries[i], *next; en; en = next) {
            next = en->next;
            en->next = table[en->hash & (n - 1)];
            table[en->hash & (n - 1)] = en;
        }
    }
    free(s->entries);
    s->entries = table;
    s->entry_buckets = n;
}

static struct entry *entry_add_locked(struct store *s, const struct kobj *o) {
    if (s->nentries >= s->entry_buckets) entries_grow_locked(s);
    struct entry *en = must(calloc(1, sizeof *en));
    en->hash = name_hash(o->ns, o->name);
    en->obj = o;
    struct entry **bucket = &s->entries[en->hash & (s->entry_buckets - 1)];
    en->next = *bucket;
    *bucket = en;
    s->nentries++;
    posting_add(s->all, en);
    return en;
}

/* ---- index keys of one object ---- */

struct keys {
    struct arena *a;
    const char **v;
    size_t n, cap;
};

static void keys_add(void *ctx, const char *key) {
    struct keys *k = ctx;
    if (k->n == k->cap) {
        size_t cap = k->cap ? k->cap * 2 : 8;
        k->v = arena_grow(k->a, k->v, k->cap * sizeof *k->v, cap * sizeof *k->v);
        k->cap = cap;
    }
    k->v[k->n++] = arena_strdup(k->a, key);
}

static void keys_sort_unique(struct keys *k) {
    size_t n = 0;
    qsort(k->v, k->n, sizeof *k->v, str_cmp);
    for (size_t i = 0; i < k->n; i++)
        if (n == 0 || strcmp(k->v[n - 1], k->v[i]) != 0) k->v[n++] = k->v[i];
    k->n = n;
}

static void keys_of(const struct store *s, const struct jv *doc, struct keys *k) {
    const struct jv *meta = jv_get(doc, "metadata");
    keys_add(k, arena_printf(k->a, "n/%s", jv_str(jv_get(meta, "namespace"), "")));
    JV_FOR_ARR(it, jv_get(meta, "ownerReferences")) {
        const char *uid = jv_get_str(*it, "uid");
        if (uid) keys_add(k, arena_printf(k->a, "o/%s", uid));
    }
    if (s->index) s->index(doc, keys_add, k);
    keys_sort_unique(k);
}

static bool same_keys(const struct entry *en, const struct keys *k) {
    if (en->nposts != k->n) return false;
    for (size_t i = 0; i < k->n; i++)
        if (strcmp(en->posts[i]->key, k->v[i]) != 0) return false;
    return true;
}

static void unindex_locked(struct store *s, struct entry *en) {
    for (uint32_t i = 0; i < en->nposts; i++) {
        posting_remove(en->posts[i], en);
        posting_drop_if_empty_locked(s, en->posts[i]);
    }
    free(en->posts);
    en->posts = NULL;
    en->nposts = 0;
}

static void index_locked(struct store *s, struct entry *en, const struct keys *k) {
    if (same_keys(en, k)) return;
    unindex_locked(s, en);
    en->posts = must(malloc(k->n * sizeof(struct posting *)));
    en->nposts = (uint32_t)k->n;
    for (size_t i = 0; i < k->n; i++) {
        en->posts[i] = posting_need_locked(s, k->v[i]);
        posting_add(en->posts[i], en);
    }
}

/* ---- life ---- */

struct store *store_new(const char *name, store_index_fn index, store_project_fn project) {
    struct store *s = must(calloc(1, sizeof *s));
    s->name = must(strdup(name));
    s->index = index;
    s->project = project;
    s->scratch = arena_new();
    s->all = posting_new("", 0);
    if (pthread_mutex_init(&s->lock, NULL) != 0) abort();
    return s;
}

static void entry_free(struct entry *en) {
    kobj_unref(en->obj);
    free(en->posts);
    free(en);
}

void store_free(struct store *s) {
    if (!s) return;
    for (uint32_t i = 0; i < s->all->n; i++) entry_free(s->all->items[i]);
    for (size_t i = 0; i < s->posting_buckets; i++) {
        for (struct posting *p = s->postings[i], *next; p; p = next) {
            next = p->next;
            posting_free(p);
        }
    }
    posting_free(s->all);
    free(s->entries);
    free(s->postings);
    free(s->handlers);
    arena_free(s->scratch);
    pthread_mutex_destroy(&s->lock);
    free(s->name);
    free(s);
}

const char *store_name(const struct store *s) { return s->name; }

void store_on_change(struct store *s, store_change_fn fn, void *ctx) {
    s->handlers = must(realloc(s->handlers, (s->nhandlers + 1) * sizeof *s->handlers));
    s->handlers[s->nhandlers++] = (struct handler){fn, ctx};
}

/* ---- readers ---- */

/* Objects that an arena holds references to. */
struct borrowed {
    size_t n;
    const struct kobj *objs[];
};

static void unref_all(void *arg) {
    struct borrowed *b = arg;
    for (size_t i = 0; i < b->n; i++) kobj_unref(b->objs[i]);
}

/* Room for them, which the arena knows before there is a reference: taking memory may end the reader's unit of work. */
static struct borrowed *borrow(struct arena *a, size_t n) {
    struct borrowed *b = arena_alloc(a, sizeof *b + n * sizeof b->objs[0]);
    arena_defer(a, unref_all, b);
    return b;
}

const struct kobj *store_get(struct store *s, struct arena *a, const char *ns, const char *name) {
    MUTEX_GUARD(&s->lock);
    const struct entry *en = entry_get_locked(s, ns, name);
    if (!en) return NULL;
    struct borrowed *b = borrow(a, 1);
    b->objs[b->n++] = kobj_ref(en->obj);
    return b->objs[0];
}

size_t store_list(struct store *s, struct arena *a, const char *index_key, const struct kobj ***out) {
    MUTEX_GUARD(&s->lock);
    const struct posting *p = index_key ? posting_get_locked(s, index_key) : s->all;
    size_t n = p ? p->n : 0;
    struct borrowed *b = borrow(a, n);
    for (; b->n < n; b->n++) b->objs[b->n] = kobj_ref(p->items[b->n]->obj);
    *out = b->objs;
    return n;
}

size_t store_len(struct store *s) {
    MUTEX_GUARD(&s->lock);
    return s->nentries;
}

size_t store_bytes(struct store *s) {
    MUTEX_GUARD(&s->lock);
    return s->bytes;
}

bool store_synced(struct store *s) {
    MUTEX_GUARD(&s->lock);
    return s->synced;
}

/* ---- the writer ---- */

static void notify(struct store *s, const struct kobj *old_obj, const struct kobj *new_obj) {
    for (size_t i = 0; i < s->nhandlers; i++)
        s->handlers[i].fn(s->handlers[i].ctx, s, old_obj, new_obj);
}

static struct jv *project_default(struct jv *doc) {
    jv_del(jv_get(doc, "metadata"), "managedFields");
    return doc;
}

/* Index keys come from the whole document: a projection may drop what they are made of. NULL: not to be kept. */
static const struct kobj *object_of(struct store *s, struct jv *doc, struct keys *keys) {
    keys_of(s, doc, keys);
    struct jv *kept = s->project ? s->project(s->scratch, doc) : project_default(doc);
    return kept ? kobj_new(kept) : NULL;
}

/* Puts the object in; returns false when the store's own is newer. *old: what it replaced (now the caller's), or NULL. */
static bool swap_locked(struct store *s, const struct kobj *o, const struct keys *keys, bool any_rv,
                        const struct kobj **old) {
    struct entry *en = entry_get_locked(s, o->ns, o->name);
    *old = en ? en->obj : NULL;
    if (en && !any_rv && rv_cmp(o->rv, en->obj->rv) < 0) return false;
    if (en) en->obj = o;
    else en = entry_add_locked(s, o);
    en->pass = s->pass;
    index_locked(s, en, keys);
    s->bytes += kobj_size(o) - (*old ? kobj_size(*old) : 0);
    return true;
}

static const struct kobj *remove_locked(struct store *s, struct entry *en) {
    const struct kobj *o = en->obj;
    unindex_locked(s, en);
    posting_remove(s->all, en);
    struct entry **at = &s->entries[en->hash & (s->entry_buckets - 1)];
    while (*at != en) at = &(*at)->next;
    *at = en->next;
    s->nentries--;
    s->bytes -= kobj_size(o);
    free(en);
    return o;
}

void store_delete(struct store *s, const char *ns, const char *name) {
    mutex_lock(&s->lock);
    struct entry *en = entry_get_locked(s, ns, name);
    const struct kobj *old = en ? remove_locked(s, en) : NULL;
    mutex_unlock(&s->lock);
    if (!old) return;
    notify(s, old, NULL);
    kobj_unref(old);
}

static void put_object(struct store *s, const struct kobj *o, const struct keys *keys, bool any_rv) {
    const struct kobj *old;
    kobj_ref(o); /* for the handlers, while readers or a later put may drop the store's */
    mutex_lock(&s->lock);
    bool done = swap_locked(s, o, keys, any_rv, &old);
    mutex_unlock(&s->lock);
    if (done) {
        notify(s, old, o);
        kobj_unref(old);
    } else {
        kobj_unref(o);
    }
    kobj_unref(o);
}

/* An object that is ours no longer, as it is now, is gone for this store. */
static void put(struct store *s, struct jv *doc, bool any_rv) {
    struct keys keys = {.a = s->scratch};
    const struct jv *meta = jv_get(doc, "metadata");
    const char *ns = arena_strdup(s->scratch, jv_str(jv_get(meta, "namespace"), "")),
               *name = arena_strdup(s->scratch, jv_str(jv_get(meta, "name"), ""));
    const struct kobj *o = object_of(s, doc, &keys);
    if (o) put_object(s, o, &keys, any_rv);
    else store_delete(s, ns, name);
    arena_reset(s->scratch);
}

void store_put(struct store *s, struct jv *doc) { put(s, doc, false); }

void store_relist_begin(struct store *s) { s->pass++; }

static bool keep_same_locked(struct store *s, const struct jv *meta) {
    struct entry *en =
        entry_get_locked(s, jv_str(jv_get(meta, "namespace"), ""), jv_str(jv_get(meta, "name"), ""));
    if (!en || strcmp(en->obj->rv, jv_str(jv_get(meta, "resourceVersion"), "")) != 0 ||
        strcmp(en->obj->uid, jv_str(jv_get(meta, "uid"), "")) != 0 || !*en->obj->rv)
        return false;
    en->pass = s->pass;
    return true;
}

void store_relist_item(struct store *s, struct jv *doc) {
    mutex_lock(&s->lock);
    bool same = keep_same_locked(s, jv_get(doc, "metadata"));
    mutex_unlock(&s->lock);
    if (!same) put(s, doc, true);
}

/* Any entry that the pass did not name, from the end so that little moves; *at: where to go on. */
static const struct kobj *remove_stale_locked(struct store *s, uint32_t *at) {
    while (*at > 0) {
        struct entry *en = s->all->items[--*at];
        if (en->pass != s->pass) return remove_locked(s, en);
    }
    return NULL;
}

void store_relist_end(struct store *s) {
    uint32_t at = (uint32_t)store_len(s);
    for (;;) {
        mutex_lock(&s->lock);
        const struct kobj *old = remove_stale_locked(s, &at);
        if (!old) s->synced = true;
        mutex_unlock(&s->lock);
        if (!old) return;
        notify(s, old, NULL);
        kobj_unref(old);
    }
}

void store_replace(struct store *s, struct jv *const *docs, size_t n) {
    store_relist_begin(s);
    for (size_t i = 0; i < n; i++) store_relist_item(s, docs[i]);
    store_relist_end(s);
}
