/* Work queues. Hides the states of a key: ready (in the line), running (a worker has it), again (added while running, so
 * `done` puts it back in line), delayed (in a heap by due time), failing (its backoff counts). An item exists while any
 * of them holds. Threads: any; one lock guards everything and is a leaf. Metrics are updated outside it.
 *
 * Invariants: a key is in the line at most once and never while it runs; heap[i]->slot == i + 1; an item that is in no
 * state is freed at once. A virtual clock can't wake a sleeper, so with one a blocked worker looks again every 10 ms. */
#include "kube/queue.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/metrics.h"
#include "base/must.h"
#include "base/sync.h"

#define BACKOFF_BASE_MS 5
#define BACKOFF_MAX_MS 1000000
#define VIRTUAL_POLL_MS 10

struct item {
    struct item *next; /* in line */
    bool ready, running, again;
    uint32_t failures;
    size_t slot; /* in the heap, from 1; 0: not delayed */
    int64_t due_ms;
    int64_t since_ms; /* when it became ready, or when its run began */
    char key[];
};

struct queue {
    char *name;
    const struct clock *clock;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_cond_t taken; /* there are fewer ready keys than before */
    struct map *items;
    struct item *head, **tail;
    size_t nready, nrunning;
    struct item **heap;
    size_t nheap, heap_cap;
    uint64_t seed;
    bool down;
};

static struct metric *depth, *adds, *retries, *wait_seconds, *work_seconds;

__attribute__((constructor)) static void metrics_init(void) {
    depth = metric_new(METRIC_GAUGE, "workqueue_depth", "Keys that are ready to be worked on.", "name");
    adds = metric_new(METRIC_COUNTER, "workqueue_adds_total", "Keys that became ready.", "name");
    retries = metric_new(METRIC_COUNTER, "workqueue_retries_total", "Keys put back with backoff.", "name");
    wait_seconds = metric_new(METRIC_HISTOGRAM, "workqueue_queue_duration_seconds",
                              "Time from ready to the start of the work.", "name");
    work_seconds = metric_new(METRIC_HISTOGRAM, "workqueue_work_duration_seconds",
                              "Time that the work on a key took.", "name");
}

struct queue *queue_new(const char *name, const struct clock *clock) {
    struct queue *q = must(calloc(1, sizeof *q));
    q->name = must(strdup(name));
    q->clock = clock;
    q->items = map_new();
    q->tail = &q->head;
    q->seed = (uint64_t)clock_now_ms(clock) * 2654435761u + 1;
    if (pthread_mutex_init(&q->lock, NULL) != 0) abort();
    cond_init_mono(&q->wake);
    cond_init_mono(&q->taken);
    return q;
}

void queue_free(struct queue *q) {
    if (!q) return;
    size_t it = 0;
    const char *key;
    void *item;
    while (map_next(q->items, &it, &key, &item)) free(item);
    map_free(q->items);
    free(q->heap);
    pthread_cond_destroy(&q->wake);
    pthread_cond_destroy(&q->taken);
    pthread_mutex_destroy(&q->lock);
    free(q->name);
    free(q);
}

/* ---- the heap of delayed keys, earliest first ---- */

static void heap_set(struct queue *q, size_t i, struct item *it) {
    q->heap[i] = it;
    it->slot = i + 1;
}

static void heap_up(struct queue *q, size_t i) {
    struct item *it = q->heap[i];
    while (i > 0 && q->heap[(i - 1) / 2]->due_ms > it->due_ms) {
        heap_set(q, i, q->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_set(q, i, it);
}

static void heap_down(struct queue *q, size_t i) {
    struct item *it = q->heap[i];
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= q->nheap) break;
        if (child + 1 < q->nheap && q->heap[child + 1]->due_ms < q->heap[child]->due_ms) child++;
        if (q->heap[child]->due_ms >= it->due_ms) break;
        heap_set(q, i, q->heap[child]);
        i = child;
    }
    heap_set(q, i, it);
}

static void heap_push(struct queue *q, struct item *it) {
    if (q->nheap == q->heap_cap) {
        q->heap_cap = q->heap_cap ? q->heap_cap * 2 : 16;
        q->heap = must(realloc(q->heap, q->heap_cap * sizeof(struct item *)));
    }
    heap_set(q, q->nheap++, it);
    heap_up(q, q->nheap - 1);
}

static struct item *heap_pop(struct queue *q) {
    struct item *first = q->heap[0], *last = q->heap[--q->nheap];
    first->slot = 0;
    if (last != first) {
        heap_set(q, 0, last);
        heap_down(q, 0);
    }
    return first;
}

/* ---- states ---- */

static struct item *item_need_locked(struct queue *q, const char *key) {
    struct item *it = map_get(q->items, key);
    if (it) return it;
    size_t n = strlen(key) + 1;
    it = must(calloc(1, sizeof *it + n));
    memcpy(it->key, key, n);
    map_put(q->items, key, it);
    return it;
}

static void drop_if_unused_locked(struct queue *q, struct item *it) {
    if (it->ready || it->running || it->again || it->slot || it->failures) return;
    map_del(q->items, it->key);
    free(it);
}

/* Returns true when the key joined the line. */
static bool ready_locked(struct queue *q, struct item *it) {
    if (q->down || it->ready) return false;
    if (it->running) {
        it->again = true;
        return false;
    }
    it->ready = true;
    it->since_ms = clock_mono_ms(q->clock);
    it->next = NULL;
    *q->tail = it;
    q->tail = &it->next;
    q->nready++;
    pthread_cond_signal(&q->wake);
    return true;
}

static size_t promote_due_locked(struct queue *q) {
    size_t n = 0;
    int64_t now = clock_mono_ms(q->clock);
    while (q->nheap && q->heap[0]->due_ms <= now) {
        struct item *it = heap_pop(q);
        if (ready_locked(q, it)) n++;
        else drop_if_unused_locked(q, it);
    }
    return n;
}

static void delay_locked(struct queue *q, struct item *it, int64_t ms) {
    int64_t due = clock_mono_ms(q->clock) + ms;
    if (q->down || (it->slot && it->due_ms <= due)) return;
    it->due_ms = due;
    if (it->slot) heap_up(q, it->slot - 1);
    else heap_push(q, it);
    if (it->slot == 1) pthread_cond_signal(&q->wake); /* a sleeper must wait less long now */
}

/* ---- adding ---- */

static void count(struct queue *q, size_t joined, size_t ready) {
    const char *const labels[] = {q->name};
    if (joined) metric_add(adds, (double)joined, labels);
    metric_set(depth, (double)ready, labels);
}

void queue_add(struct queue *q, const char *key) {
    mutex_lock(&q->lock);
    struct item *it = item_need_locked(q, key);
    bool joined = ready_locked(q, it);
    drop_if_unused_locked(q, it);
    size_t ready = q->nready;
    mutex_unlock(&q->lock);
    if (joined) count(q, 1, ready);
}

void queue_add_after(struct queue *q, const char *key, int64_t ms) {
    if (ms <= 0) {
        queue_add(q, key);
        return;
    }
    MUTEX_GUARD(&q->lock);
    struct item *it = item_need_locked(q, key);
    delay_locked(q, it, ms);
    drop_if_unused_locked(q, it);
}

static uint32_t random_locked(struct queue *q) {
    q->seed ^= q->seed << 13;
    q->seed ^= q->seed >> 7;
    q->seed ^= q->seed << 17;
    return (uint32_t)(q->seed >> 32);
}

static int64_t backoff_locked(struct queue *q, uint32_t failures) {
    int64_t ms = failures >= 18 ? BACKOFF_MAX_MS : (int64_t)BACKOFF_BASE_MS << failures;
    if (ms > BACKOFF_MAX_MS) ms = BACKOFF_MAX_MS;
    return ms + ms * (int64_t)(random_locked(q) % 1000) / 10000;
}

void queue_add_backoff_between(struct queue *q, const char *key, int64_t min_ms, int64_t max_ms) {
    mutex_lock(&q->lock);
    struct item *it = item_need_locked(q, key);
    int64_t ms = backoff_locked(q, it->failures++);
    if (ms > max_ms) ms = max_ms;
    delay_locked(q, it, ms < min_ms ? min_ms : ms);
    mutex_unlock(&q->lock);
    const char *const labels[] = {q->name};
    metric_add(retries, 1, labels);
}

void queue_add_backoff(struct queue *q, const char *key) { queue_add_backoff_between(q, key, 0, INT64_MAX); }

void queue_forget(struct queue *q, const char *key) {
    MUTEX_GUARD(&q->lock);
    struct item *it = map_get(q->items, key);
    if (!it) return;
    it->failures = 0;
    drop_if_unused_locked(q, it);
}

/* ---- working ---- */

static int64_t sleep_ms_locked(const struct queue *q) {
    if (q->nheap == 0) return -1;
    int64_t ms = q->heap[0]->due_ms - clock_mono_ms(q->clock);
    if (q->clock != clock_real() && ms > VIRTUAL_POLL_MS) return VIRTUAL_POLL_MS;
    return ms > 0 ? ms : 0;
}

static struct item *take_locked(struct queue *q) {
    struct item *it = q->head;
    q->head = it->next;
    if (!q->head) q->tail = &q->head;
    q->nready--;
    q->nrunning++;
    it->ready = false;
    it->running = true;
    pthread_cond_broadcast(&q->taken);
    return it;
}

bool queue_get(struct queue *q, char *key, size_t size) {
    size_t joined = 0;
    mutex_lock(&q->lock);
    joined += promote_due_locked(q);
    while (!q->head && !q->down) {
        cond_wait_ms(&q->wake, &q->lock, sleep_ms_locked(q));
        joined += promote_due_locked(q);
    }
    struct item *it = q->head ? take_locked(q) : NULL;
    int64_t now = clock_mono_ms(q->clock), waited = it ? now - it->since_ms : 0;
    if (it) {
        size_t n = strlen(it->key) + 1;
        if (n > size) abort(); /* a cut key would be another key */
        memcpy(key, it->key, n);
        it->since_ms = now;
        if (q->head || q->nheap) pthread_cond_signal(&q->wake); /* the others may sleep too long */
    }
    size_t ready = q->nready;
    mutex_unlock(&q->lock);
    count(q, joined, ready);
    const char *const labels[] = {q->name};
    if (it) metric_observe(wait_seconds, (double)waited / 1000, labels);
    return it != NULL;
}

void queue_done(struct queue *q, const char *key) {
    mutex_lock(&q->lock);
    struct item *it = map_get(q->items, key);
    if (!it || !it->running) abort();
    bool again = it->again;
    int64_t took = clock_mono_ms(q->clock) - it->since_ms;
    it->running = it->again = false;
    q->nrunning--;
    bool joined = again && ready_locked(q, it);
    drop_if_unused_locked(q, it);
    size_t ready = q->nready;
    mutex_unlock(&q->lock);
    const char *const labels[] = {q->name};
    metric_observe(work_seconds, (double)took / 1000, labels);
    if (joined) count(q, 1, ready);
}

void queue_shutdown(struct queue *q) {
    MUTEX_GUARD(&q->lock);
    q->down = true;
    while (q->nheap) drop_if_unused_locked(q, heap_pop(q));
    pthread_cond_broadcast(&q->wake);
    pthread_cond_broadcast(&q->taken);
}

size_t queue_len(struct queue *q) {
    MUTEX_GUARD(&q->lock);
    promote_due_locked(q);
    return q->nready;
}

void queue_wait_below(struct queue *q, size_t n) {
    MUTEX_GUARD(&q->lock);
    while (q->nready >= n && !q->down) cond_wait_ms(&q->taken, &q->lock, -1);
}

bool queue_idle(struct queue *q) {
    MUTEX_GUARD(&q->lock);
    return q->nready == 0 && q->nrunning == 0 && q->nheap == 0;
}
