/* Expectations. Hides two maps: roots (what a worker waits for) and objects (what the stores showed lately). An entry is in
 * the list of one root and of one object. A change may reach the store before the call that caused it has returned, so
 * what was observed is remembered for a minute, at most OBSERVED_MAX objects: an expectation that is registered late
 * is then satisfied at once. Threads: any; one lock guards everything and is a leaf.
 *
 * Invariants: a root exists while it has entries; an object exists while it has entries or is in the `recent` list,
 * which is ordered by the time of observation, oldest first. */
#include "kube/expect.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/map.h"
#include "base/metrics.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"
#include "rv.h"

#define EXPIRE_MS 30000
#define OBSERVED_MS 60000
#define OBSERVED_MAX 16384

struct object;
struct root;

struct entry {
    struct entry *root_next, *object_next;
    struct root *root;
    struct object *object;
    int64_t due_ms;
    bool deleted;   /* else: written */
    char value[64]; /* resourceVersion, or uid */
};

struct root {
    struct entry *entries;
    char key[];
};

struct object {
    struct entry *entries;
    struct object *prev, *next; /* recent */
    bool recent, gone, deleting;
    int64_t seen_ms;
    char rv[32], uid[64]; /* as last observed; kept when it is gone */
    char key[];
};

struct expect {
    const struct clock *clock;
    pthread_mutex_t lock;
    struct map *roots, *objects;
    struct object *oldest, *newest;
    size_t nrecent;
};

static struct metric *expired;

__attribute__((constructor)) static void metrics_init(void) {
    expired = metric_new(METRIC_COUNTER, "rbg_expectations_expired_total",
                         "Own writes that the watch did not show within 30 seconds.", NULL);
}

struct expect *expect_new(const struct clock *clock) {
    struct expect *x = must(calloc(1, sizeof *x));
    x->clock = clock;
    x->roots = map_new();
    x->objects = map_new();
    if (pthread_mutex_init(&x->lock, NULL) != 0) abort();
    return x;
}

void expect_free(struct expect *x) {
    if (!x) return;
    size_t it = 0;
    const char *key;
    void *v;
    while (map_next(x->roots, &it, &key, &v)) {
        struct root *r = v;
        for (struct entry *en = r->entries, *next; en; en = next) {
            next = en->root_next;
            free(en);
        }
        free(r);
    }
    it = 0;
    while (map_next(x->objects, &it, &key, &v)) free(v);
    map_free(x->roots);
    map_free(x->objects);
    pthread_mutex_destroy(&x->lock);
    free(x);
}

/* ---- what was observed lately ---- */

static void recent_remove_locked(struct expect *x, struct object *o) {
    *(o->prev ? &o->prev->next : &x->oldest) = o->next;
    *(o->next ? &o->next->prev : &x->newest) = o->prev;
    o->prev = o->next = NULL;
    o->recent = false;
    x->nrecent--;
}

static void recent_append_locked(struct expect *x, struct object *o) {
    o->prev = x->newest;
    *(x->newest ? &x->newest->next : &x->oldest) = o;
    x->newest = o;
    o->recent = true;
    x->nrecent++;
}

static void object_drop_if_unused_locked(struct expect *x, struct object *o) {
    if (o->entries || o->recent) return;
    map_del(x->objects, o->key);
    free(o);
}

static void recent_trim_locked(struct expect *x, int64_t now) {
    while (x->oldest && (x->nrecent > OBSERVED_MAX || now - x->oldest->seen_ms > OBSERVED_MS)) {
        struct object *o = x->oldest;
        recent_remove_locked(x, o);
        object_drop_if_unused_locked(x, o);
    }
}

static struct object *object_need_locked(struct expect *x, const char *key) {
    struct object *o = map_get(x->objects, key);
    if (o) return o;
    size_t n = strlen(key) + 1;
    o = must(calloc(1, sizeof *o + n));
    memcpy(o->key, key, n);
    map_put(x->objects, key, o);
    return o;
}

/* ---- entries ---- */

static struct root *root_need_locked(struct expect *x, const char *key) {
    struct root *r = map_get(x->roots, key);
    if (r) return r;
    size_t n = strlen(key) + 1;
    r = must(calloc(1, sizeof *r + n));
    memcpy(r->key, key, n);
    map_put(x->roots, key, r);
    return r;
}

/* By what was observed so far. That an object is gone says nothing about a write: it may be made anew just now. */
static bool satisfied(const struct object *o, bool deleted, const char *value) {
    if (!o->recent) return false; /* nothing was observed */
    if (deleted) return o->gone || o->deleting || strcmp(o->uid, value) != 0;
    return rv_cmp(o->rv, value) >= 0;
}

static void unlink_object_side(struct entry *en) {
    struct entry **at = &en->object->entries;
    while (*at != en) at = &(*at)->object_next;
    *at = en->object_next;
}

/* Frees the entry, and its root when that was the last. */
static void entry_free_locked(struct expect *x, struct entry *en) {
    struct root *r = en->root;
    struct object *o = en->object;
    struct entry **at = &r->entries;
    while (*at != en) at = &(*at)->root_next;
    *at = en->root_next;
    unlink_object_side(en);
    free(en);
    object_drop_if_unused_locked(x, o);
    if (!r->entries) {
        map_del(x->roots, r->key);
        free(r);
    }
}

static struct entry *entry_find_locked(const struct expect *x, const char *root, const char *object, bool deleted) {
    const struct root *r = map_get(x->roots, root);
    for (struct entry *en = r ? r->entries : NULL; en; en = en->root_next)
        if (en->deleted == deleted && str_eq(en->object->key, object)) return en;
    return NULL;
}

static void copy(char *to, size_t size, const char *from) {
    size_t n = strlen(from);
    if (n >= size) n = size - 1;
    memcpy(to, from, n);
    to[n] = '\0';
}

static void entry_add_locked(struct expect *x, const char *root, struct object *o, bool deleted, const char *value) {
    struct entry *en = entry_find_locked(x, root, o->key, deleted);
    if (!en) {
        en = must(calloc(1, sizeof *en));
        en->root = root_need_locked(x, root);
        en->object = o;
        en->root_next = en->root->entries;
        en->root->entries = en;
        en->object_next = o->entries;
        o->entries = en;
    }
    en->deleted = deleted;
    en->due_ms = clock_mono_ms(x->clock) + EXPIRE_MS;
    if (deleted || rv_cmp(value, en->value) > 0) copy(en->value, sizeof en->value, value);
}

static void expect_add(struct expect *x, const char *root, const char *object, bool deleted, const char *value) {
    if (str_empty(value)) return; /* a server that names none can't be waited for */
    MUTEX_GUARD(&x->lock);
    recent_trim_locked(x, clock_mono_ms(x->clock));
    struct object *o = object_need_locked(x, object);
    if (satisfied(o, deleted, value)) return;
    entry_add_locked(x, root, o, deleted, value);
}

void expect_written(struct expect *x, const char *root, const char *object, const char *rv) {
    expect_add(x, root, object, false, rv);
}

void expect_deleted(struct expect *x, const char *root, const char *object, const char *uid) {
    expect_add(x, root, object, true, uid);
}

void expect_observed(struct expect *x, const char *object, const char *rv, const char *uid, bool deleting) {
    MUTEX_GUARD(&x->lock);
    int64_t now = clock_mono_ms(x->clock);
    recent_trim_locked(x, now);
    struct object *o = object_need_locked(x, object);
    if (o->recent) recent_remove_locked(x, o);
    recent_append_locked(x, o);
    o->seen_ms = now;
    o->gone = str_empty(rv) && str_empty(uid);
    o->deleting = deleting;
    if (!o->gone) {
        copy(o->rv, sizeof o->rv, rv ? rv : "");
        copy(o->uid, sizeof o->uid, uid ? uid : "");
    }
    for (struct entry *en = o->entries, *next; en; en = next) {
        next = en->object_next;
        /* Gone after we wrote: after a gap in the watch nothing else will ever come. */
        if (o->gone || satisfied(o, en->deleted, en->value)) entry_free_locked(x, en);
    }
}

/* Returns how many of the root's entries are too old; *oldest: when the first of the others expires. */
static size_t expire_locked(struct expect *x, const char *root, int64_t now, int64_t *oldest) {
    size_t n = 0;
    const struct root *r = map_get(x->roots, root);
    *oldest = -1;
    for (struct entry *en = r ? r->entries : NULL, *next; en; en = next) {
        next = en->root_next; /* the root dies with its last entry, after which next is NULL */
        if (en->due_ms <= now) {
            entry_free_locked(x, en);
            n++;
        } else if (*oldest < 0 || en->due_ms < *oldest) {
            *oldest = en->due_ms;
        }
    }
    return n;
}

bool expect_satisfied(struct expect *x, const char *root, int64_t *wait_ms) {
    int64_t oldest, now = clock_mono_ms(x->clock);
    mutex_lock(&x->lock);
    size_t n = expire_locked(x, root, now, &oldest);
    mutex_unlock(&x->lock);
    if (n) {
        metric_add(expired, (double)n, NULL);
        log_warn("the watch did not show our own writes within 30 s; going on without", "root", root);
    }
    if (oldest < 0) return true;
    if (wait_ms) *wait_ms = oldest - now;
    return false;
}

void expect_forget(struct expect *x, const char *root) {
    MUTEX_GUARD(&x->lock);
    const struct root *r = map_get(x->roots, root);
    for (struct entry *en = r ? r->entries : NULL, *next; en; en = next) {
        next = en->root_next;
        entry_free_locked(x, en);
    }
}
