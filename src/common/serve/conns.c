/* Who is connected, from where, and for how long. libmicrohttpd only limits the pause between two bytes, so a client that sends one
 * byte now and then could hold a connection for ever. Here every phase has an end: when it is over, the reaper shuts the socket
 * down and libmicrohttpd cleans up as if the client had gone. Bodies and large answers have none that is fixed: they must make
 * progress.
 * There are at most so many connections, and so many of one address. One more is not turned away: an old one that waits for its
 * client is cut, one of the address that has the most. So whoever opens many only takes them from himself.
 * Invariant: a conn is in the list from accept until just before its descriptor is closed, and descriptors are touched only under
 * the lock; so nobody hits a number that was given to someone else. Counted are those that have not been cut. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/sync.h"
#include "server.h"

#define TICK_MAX_MS 500
#define TICK_MIN_MS 100
#define HELLO_MS 5000
#define HEAD_MS 16000
#define CREDIT_MS 4000   /* a transfer may stand still for so long */
#define BYTES_PER_MS 1049 /* what it must make on the average: 1 MiB/s */

static int64_t mono_ms(void) { return clock_mono_ms(clock_real()); }

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

static int64_t tick_ms(const struct conns *c) {
    int64_t t = lesser(c->request_ms, c->idle_ms) / 8;
    return t > TICK_MAX_MS ? TICK_MAX_MS : t < TICK_MIN_MS ? TICK_MIN_MS : t;
}

/* shutdown(2) on a socket does not block, so holding the lock over it costs nobody anything. */
static void cut_locked(struct conns *c, struct conn *conn) {
    shutdown(conn->fd, SHUT_RDWR);
    if (conn->cut) return;
    conn->cut = true;
    conn->peer->conns--;
    c->n--;
}

static void reap_locked(struct conns *c) {
    int64_t now = mono_ms();
    for (struct conn *p = c->list; p; p = p->next)
        if (now > atomic_load(&p->until_ms)) cut_locked(c, p);
}

static void *reaper_main(void *arg) {
    struct conns *c = arg;
    mutex_lock(&c->lock);
    while (!c->stop) {
        cond_wait_ms(&c->changed, &c->lock, c->list ? tick_ms(c) : -1);
        reap_locked(c);
        mutex_unlock(&c->lock);
        c->tick(c->tick_ctx, mono_ms());
        mutex_lock(&c->lock);
    }
    mutex_unlock(&c->lock);
    return NULL;
}

void conns_init(struct conns *c, const struct serve_opts *o, conns_tick_fn tick, void *ctx) {
    *c = (struct conns){.request_ms = (int64_t)o->request_s * 1000,
                        .idle_ms = (int64_t)o->idle_s * 1000,
                        .max = o->max_connections,
                        .per_ip = o->per_ip,
                        .tick = tick,
                        .tick_ctx = ctx,
                        .last_ms = mono_ms()};
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

/* ---- addresses ---- */

/* IPv4 as IPv6 has it (::ffff:a.b.c.d); all zeros for what has no address. */
static void address_of(const struct sockaddr *sa, unsigned char out[PEER_BYTES]) {
    memset(out, 0, PEER_BYTES);
    if (sa && sa->sa_family == AF_INET6) memcpy(out, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, PEER_BYTES);
    if (!sa || sa->sa_family != AF_INET) return;
    out[10] = out[11] = 0xff;
    memcpy(out + 12, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, 4);
}

/* The last bytes tell neighbours apart. Who makes many addresses of one row has a longer list to go through, of at most as many
 * as there may be connections. */
static struct peer **row_of(struct conns *c, const unsigned char *address) {
    unsigned h = 0;
    for (size_t i = 0; i < PEER_BYTES; i++) h = h * 31 + address[i];
    return &c->peers[h % PEER_ROWS];
}

static struct peer *peer_ref_locked(struct conns *c, const unsigned char *address) {
    struct peer **row = row_of(c, address), *p = *row;
    while (p && memcmp(p->address, address, PEER_BYTES) != 0) p = p->next;
    if (!p) {
        p = must(calloc(1, sizeof *p));
        memcpy(p->address, address, PEER_BYTES);
        p->next = *row;
        *row = p;
    }
    p->refs++;
    return p;
}

static void peer_unref_locked(struct conns *c, struct peer *p) {
    if (--p->refs > 0) return;
    struct peer **at = row_of(c, p->address);
    while (*at != p) at = &(*at)->next;
    *at = p->next;
    free(p);
}

/* ---- who has to go ---- */

enum { NEVER, IN_TRANSFER, WAITS };

/* One whose request is being worked on never goes. */
static int can_go(const struct conn *c) {
    switch (atomic_load(&c->phase)) {
    case CONN_HANDLER: return NEVER;
    case CONN_BODY:
    case CONN_TAKEN: return IN_TRANSFER;
    default: return WAITS;
    }
}

static bool goes_before(const struct conn *a, const struct conn *b) {
    if (a->peer->conns != b->peer->conns) return a->peer->conns > b->peer->conns;
    int of_a = can_go(a), of_b = can_go(b);
    return of_a != of_b ? of_a > of_b : atomic_load(&a->since_ms) <= atomic_load(&b->since_ms);
}

/* The list begins with the newest, so among equals the last one is the oldest. peer NULL: of any. */
static void make_room_locked(struct conns *c, const struct peer *peer) {
    struct conn *victim = NULL;
    for (struct conn *p = c->list; p; p = p->next) {
        if (p->cut || (peer && p->peer != peer) || can_go(p) == NEVER) continue;
        if (!victim || goes_before(p, victim)) victim = p;
    }
    if (victim) cut_locked(c, victim);
}

/* ---- the list ---- */

struct conn *conns_add(struct conns *c, int fd, const struct sockaddr *from, bool tls) {
    struct conn *conn = must(calloc(1, sizeof *conn));
    unsigned char address[PEER_BYTES];
    address_of(from, address);
    conn->fd = fd;
    conns_phase(c, conn, tls ? CONN_HELLO : CONN_FIRST);
    atomic_store(&c->last_ms, mono_ms());
    MUTEX_GUARD(&c->lock);
    conn->peer = peer_ref_locked(c, address);
    conn->peer->conns++;
    c->n++;
    conn->next = c->list;
    if (c->list) c->list->prev = conn;
    else pthread_cond_broadcast(&c->changed); /* the reaper slept for ever */
    c->list = conn;
    if (c->per_ip && conn->peer->conns > c->per_ip) make_room_locked(c, conn->peer);
    else if (c->n > c->max) make_room_locked(c, NULL);
    return conn;
}

void conns_remove(struct conns *c, struct conn *conn) {
    mutex_lock(&c->lock);
    if (conn->prev) conn->prev->next = conn->next;
    else c->list = conn->next;
    if (conn->next) conn->next->prev = conn->prev;
    if (!conn->cut) {
        conn->peer->conns--;
        c->n--;
    }
    peer_unref_locked(c, conn->peer);
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

/* ---- phases ---- */

static int64_t allowed_ms(const struct conns *c, enum conn_phase phase) {
    switch (phase) {
    case CONN_HELLO:
    case CONN_FIRST: return lesser(HELLO_MS, c->request_ms);
    case CONN_HEAD: return lesser(HEAD_MS, c->request_ms);
    case CONN_BODY: return lesser(CREDIT_MS, c->request_ms);
    case CONN_IDLE: return c->idle_ms;
    default: return c->request_ms;
    }
}

void conns_phase(struct conns *c, struct conn *conn, enum conn_phase phase) {
    int64_t now = mono_ms();
    if (phase == CONN_HEAD) atomic_store(&c->last_ms, now);
    conn->credit_ms = phase == CONN_BODY ? allowed_ms(c, phase) : 0;
    atomic_store(&conn->phase, phase);
    atomic_store(&conn->since_ms, now);
    atomic_store(&conn->until_ms, phase == CONN_HANDLER ? INT64_MAX : now + allowed_ms(c, phase));
}

/* Each byte earns time, but nobody can save more than the credit: so a transfer that stands still is over soon, however much went
 * before, and one that drips is over when it has used up what it was given at its begin. */
void conns_transferred(struct conn *conn, size_t n) {
    if (!conn->credit_ms) return;
    conn->unpaid += n;
    int64_t earned = (int64_t)(conn->unpaid / BYTES_PER_MS);
    conn->unpaid %= BYTES_PER_MS;
    atomic_store(&conn->until_ms, lesser(atomic_load(&conn->until_ms) + earned, mono_ms() + conn->credit_ms));
}

void conns_large_answer(struct conns *c, struct conn *conn) {
    conn->credit_ms = allowed_ms(c, CONN_BODY);
    atomic_store(&conn->until_ms, mono_ms() + conn->credit_ms);
}
