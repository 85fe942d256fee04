/* A lane is a budget of bytes with a row of those who wait for a part of it. Who takes a place takes all that it will need, so
 * nobody who has some waits for more. First come, first served, but for an address that has its half: the others do not wait for
 * it. Who waits has its connection suspended: it costs no thread.
 * Lanes of large bodies have threads that do the work; the others have none. They are joined by lanes_fini, when no connection is
 * suspended any more.
 * One lock for all; connections are resumed without it. */
#include "lanes.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/sync.h"
#include "server.h"

#define WAIT_MS 8000 /* less than API servers wait for an admission, which is ten seconds */

static const bool has_threads[LANES] = {[LANE_LARGE] = true, [LANE_APART] = true};

/* ---- places ---- */

static bool half_used(const struct lanes *l, const struct ticket *t) {
    size_t held = t->peer->held[t->lane];
    return held > 0 && held + t->n > l->lane[t->lane].budget / 2;
}

static bool fits(const struct lanes *l, const struct ticket *t) {
    size_t used = l->lane[t->lane].used;
    return used == 0 || used + t->n <= l->lane[t->lane].budget;
}

static void hold(struct lanes *l, struct ticket *t) {
    t->state = TICKET_HELD;
    l->lane[t->lane].used += t->n;
    t->peer->held[t->lane] += t->n;
}

static void unlink_waiting(struct lanes *l, struct ticket **at) {
    struct ticket *t = *at;
    *at = t->next;
    if (!*at) l->lane[t->lane].wait_end = at;
}

/* Takes those out of the row that go on now, as a list. */
static struct ticket *admit_locked(struct lanes *l, enum lane_id lane) {
    struct ticket *out = NULL;
    for (struct ticket **at = &l->lane[lane].wait; *at;) {
        struct ticket *t = *at;
        if (half_used(l, t)) {
            at = &t->next;
            continue;
        }
        if (!fits(l, t)) break;
        unlink_waiting(l, at);
        hold(l, t);
        t->next = out;
        out = t;
    }
    return out;
}

static void resumed(struct lanes *l, unsigned n) {
    MUTEX_GUARD(&l->lock);
    l->suspended -= n;
    if (!l->suspended) pthread_cond_broadcast(&l->none);
}

/* As soon as it is resumed, a ticket belongs to its exchange again. */
static void resume_all(struct lanes *l, struct ticket *t) {
    unsigned n = 0;
    for (struct ticket *next; t; t = next, n++) {
        next = t->next;
        MHD_resume_connection(t->mc);
    }
    if (n) resumed(l, n);
}

/* Nobody overtakes those who wait already, but for those that their half keeps waiting. */
static enum ticket_state take_locked(struct lanes *l, struct ticket *t) {
    bool next = true;
    for (const struct ticket *w = l->lane[t->lane].wait; w && next; w = w->next) next = half_used(l, w);
    if (next && fits(l, t) && !half_used(l, t)) hold(l, t);
    else if (l->closed) t->state = TICKET_REFUSED;
    return t->state;
}

static enum ticket_state take_at_once(struct lanes *l, struct ticket *t) {
    MUTEX_GUARD(&l->lock);
    return take_locked(l, t);
}

static enum ticket_state take_or_wait(struct lanes *l, struct ticket *t) {
    MUTEX_GUARD(&l->lock);
    if (take_locked(l, t) != TICKET_NONE) return t->state;
    *l->lane[t->lane].wait_end = t;
    l->lane[t->lane].wait_end = &t->next;
    l->suspended++;
    return t->state = TICKET_WAITS;
}

/* The connection is suspended before the ticket is in the row, because another thread may resume it at once. */
enum ticket_state lanes_take(struct lanes *l, struct ticket *t, struct MHD_Connection *mc, struct peer *peer, enum lane_id lane,
                             size_t n) {
    *t = (struct ticket){.mc = mc, .peer = peer, .lane = lane, .n = n, .until_ms = clock_mono_ms(clock_real()) + WAIT_MS};
    enum ticket_state at_once = take_at_once(l, t);
    if (at_once != TICKET_NONE) return at_once;
    MHD_suspend_connection(mc);
    if (take_or_wait(l, t) != TICKET_WAITS) MHD_resume_connection(mc);
    return TICKET_WAITS;
}

enum ticket_state lanes_state(struct lanes *l, const struct ticket *t) {
    MUTEX_GUARD(&l->lock);
    return t->state;
}

void lanes_release(struct lanes *l, struct ticket *t) {
    struct ticket *go = NULL;
    mutex_lock(&l->lock);
    if (t->state == TICKET_HELD) {
        l->lane[t->lane].used -= t->n;
        t->peer->held[t->lane] -= t->n;
        go = admit_locked(l, t->lane);
    }
    t->state = TICKET_NONE;
    mutex_unlock(&l->lock);
    resume_all(l, go);
}

static void refuse_until(struct lanes *l, int64_t now_ms) {
    struct ticket *out = NULL;
    mutex_lock(&l->lock);
    for (size_t i = 0; i < LANES; i++)
        for (struct ticket **at = &l->lane[i].wait; *at;) {
            struct ticket *t = *at;
            if (t->until_ms > now_ms) {
                at = &t->next;
                continue;
            }
            unlink_waiting(l, at);
            t->state = TICKET_REFUSED;
            t->next = out;
            out = t;
        }
    mutex_unlock(&l->lock);
    resume_all(l, out);
}

void lanes_expire(struct lanes *l, int64_t now_ms) { refuse_until(l, now_ms); }

void lanes_close(struct lanes *l) {
    mutex_lock(&l->lock);
    l->closed = true;
    mutex_unlock(&l->lock);
    refuse_until(l, INT64_MAX);
}

/* ---- work ---- */

static bool may_run(struct lanes *l) {
    MUTEX_GUARD(&l->lock);
    if (!l->ended) l->suspended++;
    return !l->ended;
}

bool lanes_run(struct lanes *l, enum lane_id lane, struct job *j, struct MHD_Connection *mc) {
    if (!may_run(l)) return false;
    MHD_suspend_connection(mc);
    j->mc = mc;
    j->next = NULL;
    MUTEX_GUARD(&l->lock);
    *l->lane[lane].jobs_end = j;
    l->lane[lane].jobs_end = &j->next;
    pthread_cond_broadcast(&l->more);
    return true;
}

bool lanes_end(struct lanes *l, int64_t ms) {
    int64_t end = clock_mono_ms(clock_real()) + ms;
    MUTEX_GUARD(&l->lock);
    l->ended = true;
    for (int64_t left = ms; l->suspended > 0 && left > 0; left = end - clock_mono_ms(clock_real()))
        cond_wait_ms(&l->none, &l->lock, left);
    return l->suspended == 0;
}

static struct job *next_job(struct lanes *l, enum lane_id lane) {
    MUTEX_GUARD(&l->lock);
    while (!l->lane[lane].jobs && !l->stop) cond_wait_ms(&l->more, &l->lock, -1);
    struct job *j = l->lane[lane].jobs;
    if (!j) return NULL;
    l->lane[lane].jobs = j->next;
    if (!j->next) l->lane[lane].jobs_end = &l->lane[lane].jobs;
    return j;
}

static void *worker_main(void *arg) {
    struct lane_worker *w = arg;
    for (struct job *j; (j = next_job(w->lanes, w->lane));) {
        struct MHD_Connection *mc = j->mc;
        j->run(j);
        MHD_resume_connection(mc);
        resumed(w->lanes, 1);
    }
    return NULL;
}

void lanes_init(struct lanes *l, const size_t budgets[LANES], unsigned threads) {
    *l = (struct lanes){.workers = must(calloc((size_t)threads * LANES + 1, sizeof *l->workers))};
    pthread_mutex_init(&l->lock, NULL);
    cond_init_mono(&l->more);
    cond_init_mono(&l->none);
    for (enum lane_id i = 0; i < LANES; i++) {
        l->lane[i].budget = budgets[i];
        l->lane[i].wait_end = &l->lane[i].wait;
        l->lane[i].jobs_end = &l->lane[i].jobs;
        for (unsigned k = 0; has_threads[i] && budgets[i] && k < threads; k++)
            l->workers[l->nworkers++] = (struct lane_worker){.lanes = l, .lane = i};
    }
    for (unsigned i = 0; i < l->nworkers; i++)
        l->workers[i].thread = thread_start_deep("serve-large", worker_main, &l->workers[i]);
}

void lanes_fini(struct lanes *l) {
    mutex_lock(&l->lock);
    l->stop = true;
    pthread_cond_broadcast(&l->more);
    mutex_unlock(&l->lock);
    for (unsigned i = 0; i < l->nworkers; i++) pthread_join(l->workers[i].thread, NULL);
    free(l->workers);
    pthread_cond_destroy(&l->none);
    pthread_cond_destroy(&l->more);
    pthread_mutex_destroy(&l->lock);
}
