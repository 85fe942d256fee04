/* Who is connected, and for how long. libmicrohttpd only limits the pause between two bytes, so a client that sends one byte
 * now and then could hold a connection for ever. Here every phase has an end: when it is over, the reaper shuts the socket
 * down and libmicrohttpd cleans up as if the client had gone.
 * Invariant: a conn is in the list from accept until just before its descriptor is closed, and the reaper touches
 * descriptors only under the lock; so it never hits a number that was given to someone else. */
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/sync.h"
#include "server.h"

#define TICK_MAX_MS 1000
#define TICK_MIN_MS 100

static int64_t mono_ms(void) { return clock_mono_ms(clock_real()); }

static int64_t tick_ms(const struct conns *c) {
    int64_t t = (c->request_ms < c->idle_ms ? c->request_ms : c->idle_ms) / 8;
    return t > TICK_MAX_MS ? TICK_MAX_MS : t < TICK_MIN_MS ? TICK_MIN_MS : t;
}

/* shutdown(2) on a socket does not block, so holding the lock over it costs nobody anything. */
static void reap_locked(struct conns *c) {
    int64_t now = mono_ms();
    for (struct conn *p = c->list; p; p = p->next)
        if (now > atomic_load(&p->until_ms)) shutdown(p->fd, SHUT_RDWR);
}

static void *reaper_main(void *arg) {
    struct conns *c = arg;
    mutex_lock(&c->lock);
    while (!c->stop) {
        cond_wait_ms(&c->changed, &c->lock, c->list ? tick_ms(c) : -1);
        reap_locked(c);
    }
    mutex_unlock(&c->lock);
    return NULL;
}

void conns_init(struct conns *c, int64_t request_ms, int64_t idle_ms) {
    *c = (struct conns){.request_ms = request_ms, .idle_ms = idle_ms, .last_ms = mono_ms()};
    pthread_mutex_init(&c->lock, NULL);
    cond_init_mono(&c->changed);
    cond_init_mono(&c->idle);
    c->reaper = thread_start("serve-reaper", reaper_main, c);
}

void conns_fini(struct conns *c) {
    mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_broadcast(&c->changed);
    mutex_unlock(&c->lock);
    pthread_join(c->reaper, NULL);
    pthread_cond_destroy(&c->idle);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
}

struct conn *conns_add(struct conns *c, int fd) {
    struct conn *conn = must(calloc(1, sizeof *conn));
    conn->fd = fd;
    conns_phase(c, conn, CONN_REQUEST);
    MUTEX_GUARD(&c->lock);
    conn->next = c->list;
    if (c->list) c->list->prev = conn;
    else pthread_cond_broadcast(&c->changed); /* the reaper slept for ever */
    c->list = conn;
    return conn;
}

void conns_remove(struct conns *c, struct conn *conn) {
    mutex_lock(&c->lock);
    if (conn->prev) conn->prev->next = conn->next;
    else c->list = conn->next;
    if (conn->next) conn->next->prev = conn->prev;
    mutex_unlock(&c->lock);
    free(conn);
}

void conns_begin(struct conns *c) {
    MUTEX_GUARD(&c->lock);
    c->active++;
}

void conns_end(struct conns *c) {
    MUTEX_GUARD(&c->lock);
    if (--c->active == 0) pthread_cond_broadcast(&c->idle);
}

void conns_wait_idle(struct conns *c, int64_t ms) {
    int64_t end = mono_ms() + ms;
    MUTEX_GUARD(&c->lock);
    for (int64_t left = ms; c->active > 0 && left > 0; left = end - mono_ms())
        cond_wait_ms(&c->idle, &c->lock, left);
}

void conns_phase(struct conns *c, struct conn *conn, enum conn_phase phase) {
    int64_t now = mono_ms();
    if (phase == CONN_REQUEST) atomic_store(&c->last_ms, now);
    atomic_store(&conn->until_ms, phase == CONN_HANDLER ? INT64_MAX : now + (phase == CONN_IDLE ? c->idle_ms : c->request_ms));
}
