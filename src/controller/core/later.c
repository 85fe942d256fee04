/* Owns the roots whose records wait, and the thread that wakes them, the longest waiting first. A root is in the map from its
 * first question until later_done, and in the line while it is neither woken nor done. One lock, a leaf: `busy` and `wake` are
 * called outside it. */
#include "controller/core/later.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"
#include "base/sync.h"

#define LOOK_MS 50 /* how soon it is seen that there is less to do; also the pause between batches */

struct waiting {
    struct waiting *next; /* in the line */
    void *owner;
    int64_t since_ms;
    bool in_line, done;
    char root_key[];
};

struct later {
    struct later_opts o;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct map *roots; /* root key -> waiting */
    struct waiting *head, **tail;
    bool stop;
};

static int64_t age_ms(const struct later *l, const struct waiting *w) {
    return clock_mono_ms(l->o.clock) - w->since_ms;
}

static struct waiting *need_locked(struct later *l, void *owner, const char *root_key) {
    struct waiting *w = map_get(l->roots, root_key);
    if (w) return w;
    size_t n = strlen(root_key) + 1;
    w = must(calloc(1, sizeof *w + n));
    w->owner = owner;
    w->since_ms = clock_mono_ms(l->o.clock);
    memcpy(w->root_key, root_key, n);
    map_put(l->roots, root_key, w);
    return w;
}

bool later_gives_way(struct later *l, void *owner, const char *root_key) {
    if (!l->o.busy(l->o.ctx)) return false;
    MUTEX_GUARD(&l->lock);
    struct waiting *w = need_locked(l, owner, root_key);
    if (age_ms(l, w) >= LATER_MAX_MS || l->stop) return false;
    if (w->in_line) return true;
    w->in_line = true;
    w->next = NULL;
    if (!l->head) pthread_cond_signal(&l->wake);
    *l->tail = w;
    l->tail = &w->next;
    return true;
}

/* One that is still in the line is freed when its turn comes. */
void later_done(struct later *l, const char *root_key) {
    MUTEX_GUARD(&l->lock);
    struct waiting *w = map_del(l->roots, root_key);
    if (!w) return;
    w->done = true;
    if (!w->in_line) free(w);
}

static struct waiting *take_locked(struct later *l) {
    struct waiting *w = l->head;
    l->head = w->next;
    if (!l->head) l->tail = &l->head;
    w->in_line = false;
    return w;
}

/* The next root to wake, its key on the heap. False: none now. */
static bool next(struct later *l, bool quiet, void **owner, char **root_key) {
    MUTEX_GUARD(&l->lock);
    while (l->head && l->head->done) free(take_locked(l));
    if (!l->head || (!quiet && age_ms(l, l->head) < LATER_MAX_MS)) return false;
    const struct waiting *w = take_locked(l);
    *owner = w->owner;
    *root_key = must(strdup(w->root_key));
    return true;
}

static void wake_some(struct later *l) {
    bool quiet = !l->o.busy(l->o.ctx);
    void *owner;
    char *key;
    for (size_t n = 0; n < l->o.batch && next(l, quiet, &owner, &key); n++) {
        l->o.wake(l->o.ctx, owner, key);
        free(key);
    }
}

static void *run(void *arg) {
    struct later *l = arg;
    mutex_lock(&l->lock);
    while (!l->stop) {
        cond_wait_ms(&l->wake, &l->lock, l->head ? LOOK_MS : -1);
        mutex_unlock(&l->lock);
        wake_some(l);
        mutex_lock(&l->lock);
    }
    mutex_unlock(&l->lock);
    return NULL;
}

struct later *later_start(const struct later_opts *o) {
    struct later *l = must(calloc(1, sizeof *l));
    l->o = *o;
    l->roots = map_new();
    l->tail = &l->head;
    pthread_mutex_init(&l->lock, NULL);
    cond_init_mono(&l->wake);
    l->thread = thread_start("later", run, l);
    return l;
}

void later_stop(struct later *l) {
    mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_signal(&l->wake);
    mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
}

void later_free(struct later *l) {
    if (!l) return;
    while (l->head) {
        struct waiting *w = take_locked(l);
        if (w->done) free(w);
    }
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(l->roots, &it, &key, &value)) free(value);
    map_free(l->roots);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    free(l);
}
