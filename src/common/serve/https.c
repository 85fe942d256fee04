/* The server's life: options, libmicrohttpd's daemon with its pool of event-loop threads, drain and stop. The routes are copied
 * and never change, so the threads read them without a lock. Handlers run on the pool's threads: one that blocks holds up the
 * other connections of its thread.
 * Handshakes: libmicrohttpd hands the certificate callback no context of ours. But a pool thread serves one daemon for life
 * and accepts its connections itself, so it remembers at accept which server it works for. */
#include "serve/https.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/sync.h"
#include "pair.h"
#include "server.h"

#define DEFAULT_BODY ((size_t)8 << 20)
#define DEFAULT_CONNECTIONS 1000
#define DEFAULT_REQUEST_S 30
#define DEFAULT_IDLE_S 120
#define MAX_THREADS 4
#define SMALL_BODIES ((size_t)32 << 20) /* bytes of all small bodies together */
#define LARGE_BODIES 4 /* full-sized bodies in memory at the same time */
#define APART_BODIES 2
#define LARGE_ANSWERS ((size_t)64 << 20)
#define LAST_MS 500
#define PEERS_SHARE 2 /* one address has at most half of the connections */
#define CONNECTION_MEMORY ((size_t)40 << 10) /* half of it reads, more than a TLS record; also the limit of a request's headers */
#define SPARE_ARENA_BYTES ((size_t)128 << 10)
#define STACK_BYTES ((size_t)2 << 20)
#define MMAP_FROM (4 << 20)
#define HEAP_KEPT (6 << 20) /* of free memory: what one large conversion works with, so that the next finds it mapped */

/* TLS 1.3 and 1.2, forward secrecy and AEAD only. */
#define PRIORITIES \
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-ECDSA:+ECDHE-RSA:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:" \
    "+CHACHA20-POLY1305:-MAC-ALL:+AEAD:%SERVER_PRECEDENCE"

static _Thread_local struct server *my_server;

static void log_mhd(void *cls, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* What clients do wrong is no event of ours: a scanner must not fill the log. */
static void log_mhd(void *cls, const char *fmt, va_list ap) {
    const struct server *s = cls;
    if (!log_enabled(LOG_DEBUG)) return;
    char text[512];
    vsnprintf(text, sizeof text, fmt, ap);
    text[strcspn(text, "\n")] = '\0';
    log_debug("connection", "address", s->o.address, "detail", text);
}

static gnutls_session_t session_of(struct MHD_Connection *mc) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info ? info->tls_session : NULL;
}

/* The client's Finished has come. */
static int on_finished(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming, const gnutls_datum_t *message) {
    (void)type, (void)when, (void)message;
    gnutls_transport_ptr_t receives, sends;
    gnutls_transport_get_ptr2(session, &receives, &sends);
    struct conn *conn = sends;
    if (incoming && conn && my_server && atomic_load(&conn->phase) == CONN_HELLO) conns_phase(&my_server->conns, conn, CONN_FIRST);
    return 0;
}

static void on_connection(void *cls, struct MHD_Connection *mc, void **state, enum MHD_ConnectionNotificationCode code) {
    struct server *s = cls;
    gnutls_session_t session = session_of(mc); /* NULL: without TLS */
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        my_server = s;
        *state = conns_add(&s->conns, MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd,
                           MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, session != NULL);
        if (!session) return;
        records_begin(*state, session);
        if (s->o.clients) gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
        gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_FINISHED, GNUTLS_HOOK_POST, on_finished);
    } else if (*state) {
        if (session) records_end(session);
        conns_remove(&s->conns, *state);
        *state = NULL;
    }
}

static int on_handshake(gnutls_session_t session, const struct gnutls_cert_retr_st *info, gnutls_pcert_st **chain, unsigned *n,
                        gnutls_ocsp_data_st **ocsp, unsigned *n_ocsp, gnutls_privkey_t *key, unsigned *flags) {
    (void)session, (void)info;
    struct pair *p = my_server ? certs_ref(my_server->o.certs) : NULL;
    if (!p) return -1;
    int rc = pair_copy(p, chain, n, key);
    pair_unref(p);
    if (rc < 0) return -1;
    *ocsp = NULL;
    *n_ocsp = 0;
    *flags = GNUTLS_CERT_RETR_DEINIT_ALL;
    return 0;
}

struct arena *server_take_arena(struct server *s) {
    {
        MUTEX_GUARD(&s->spare_lock);
        if (s->nspare > 0) return s->spare[--s->nspare];
    }
    return arena_new();
}

void server_give_arena(struct server *s, struct arena *a) {
    arena_reset(a);
    if (arena_bytes(a) <= SPARE_ARENA_BYTES) {
        MUTEX_GUARD(&s->spare_lock);
        if (s->nspare < SPARE_ARENAS) {
            s->spare[s->nspare++] = a;
            return;
        }
    }
    arena_free(a);
}

static unsigned pool_size(unsigned wanted) {
    if (wanted > 0) return wanted;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > MAX_THREADS ? MAX_THREADS : (unsigned)cores;
}

static const struct serve_route *copy_routes(struct arena *a, const struct serve_opts *o) {
    struct serve_route *r = ARENA_ARRAY(a, o->nroutes, struct serve_route);
    for (size_t i = 0; i < o->nroutes; i++) {
        r[i] = o->routes[i];
        r[i].method = arena_strdup(a, r[i].method);
        r[i].path = arena_strdup(a, r[i].path);
    }
    return r;
}

static size_t largest_body(const struct serve_opts *o, bool apart) {
    size_t n = 0;
    for (size_t i = 0; i < o->nroutes; i++) {
        size_t max = o->routes[i].max_body ? o->routes[i].max_body : o->max_body;
        if (o->routes[i].apart == apart && max > n) n = max;
    }
    return n;
}

static void start_lanes(struct server *s) {
    size_t large = largest_body(&s->o, false), apart = largest_body(&s->o, true);
    const size_t budgets[LANES] = {[LANE_SMALL] = SMALL_BODIES,
                                   [LANE_LARGE] = large > SMALL_BODY ? large * LARGE_BODIES : 0,
                                   [LANE_APART] = apart > SMALL_BODY ? apart * APART_BODIES : 0,
                                   [LANE_ANSWERS] = LARGE_ANSWERS};
    lanes_init(&s->lanes, budgets, s->o.threads > 1 ? s->o.threads / 2 : 1);
}

static void tick(void *ctx, int64_t now_ms) { lanes_expire(&((struct server *)ctx)->lanes, now_ms); }

static struct server *server_new(const struct serve_opts *o) {
    struct server *s = must(calloc(1, sizeof *s));
    s->arena = arena_new();
    s->listening = -1;
    s->o = *o;
    s->o.address = arena_strdup(s->arena, o->address);
    s->o.routes = copy_routes(s->arena, o);
    if (!s->o.max_body) s->o.max_body = DEFAULT_BODY;
    if (!s->o.max_connections) s->o.max_connections = DEFAULT_CONNECTIONS;
    if (!s->o.request_s) s->o.request_s = DEFAULT_REQUEST_S;
    if (!s->o.idle_s) s->o.idle_s = DEFAULT_IDLE_S;
    s->o.threads = pool_size(o->threads);
    if (s->o.max_connections < s->o.threads) s->o.threads = s->o.max_connections;
    if (!s->o.per_ip) s->o.per_ip = s->o.max_connections / PEERS_SHARE;
    pthread_mutex_init(&s->spare_lock, NULL);
    start_lanes(s);
    conns_init(&s->conns, &s->o, tick, s);
    return s;
}

static void server_free(struct server *s) {
    conns_fini(&s->conns);
    lanes_fini(&s->lanes);
    while (s->nspare > 0) arena_free(s->spare[--s->nspare]);
    pthread_mutex_destroy(&s->spare_lock);
    arena_free(s->arena);
    free(s);
}

static struct MHD_Daemon *start_daemon(struct server *s, int fd) {
    struct MHD_OptionItem common[] = {
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, s},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)exchange_end, s},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)exchange_begin, s},
        /* more than ours: a connection that we have cut takes a place until its thread has seen it */
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)(s->o.max_connections + s->o.max_connections / 4 + 8 * s->o.threads), NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)CONNECTION_MEMORY, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL}, /* no Host, bare line ends and the like: 400 */
        {MHD_OPTION_THREAD_STACK_SIZE, (intptr_t)STACK_BYTES, NULL},
        /* the last but one: a pool of one thread is an error for libmicrohttpd */
        {s->o.threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)s->o.threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags = MHD_USE_ITC | MHD_USE_ERROR_LOG | MHD_ALLOW_SUSPEND_RESUME;
    if (!s->o.certs)
        return MHD_start_daemon(flags | MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, exchange_step, s,
                                MHD_OPTION_EXTERNAL_LOGGER, log_mhd, (void *)s, MHD_OPTION_ARRAY, common,
                                MHD_OPTION_END);
    return MHD_start_daemon(flags | MHD_USE_POLL_INTERNAL_THREAD | MHD_USE_TLS, 0, NULL, NULL, exchange_step, s,
                            MHD_OPTION_EXTERNAL_LOGGER, log_mhd, (void *)s, MHD_OPTION_HTTPS_PRIORITIES, PRIORITIES,
                            MHD_OPTION_HTTPS_CERT_CALLBACK2, on_handshake, MHD_OPTION_ARRAY, common,
                            MHD_OPTION_END);
}

/* glibc raises its limit for own mappings to the largest block ever freed. One large body, and from then on each thread's
 * heap would keep that much. With fixed limits large blocks go back to the system at once. */
static void fix_malloc_limits(void) {
    mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
    mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
}

struct server *server_start(const struct serve_opts *o, struct err *e) {
    fix_malloc_limits();
    unsigned port = 0;
    int fd = listen_open(o->address, &port, e);
    if (fd < 0) return NULL;
    struct server *s = server_new(o);
    s->port = port;
    s->daemon = start_daemon(s, fd);
    if (s->daemon) return s;
    /* Not the descriptor: on some failures libmicrohttpd has closed it, and a start that fails ends the process. */
    server_free(s);
    err_set(e, ERR_INTERNAL, "libmicrohttpd did not start on %s", o->address);
    return NULL;
}

unsigned server_port(const struct server *s) { return s->port; }

void server_drain(struct server *s) { atomic_store(&s->draining, true); }

int64_t server_quiet_ms(const struct server *s) { return clock_mono_ms(clock_real()) - atomic_load(&s->conns.last_ms); }

/* After the time to drain no handler begins any more; one that has just begun gets a moment to find that out. */
static bool at_work(struct server *s) {
    atomic_store(&s->closing, true);
    bool suspended = !lanes_end(&s->lanes, LAST_MS);
    for (int i = 0; i < LAST_MS && atomic_load(&s->computing) > 0; i += 10) usleep(10000);
    return suspended || atomic_load(&s->computing) > 0;
}

bool server_stop(struct server *s, int64_t drain_ms) {
    if (!s) return true;
    server_drain(s);
    MHD_socket fd = MHD_quiesce_daemon(s->daemon);
    if (fd != MHD_INVALID_SOCKET) s->listening = fd;
    lanes_close(&s->lanes);
    conns_wait_idle(&s->conns, drain_ms);
    if (at_work(s)) return false;
    MHD_stop_daemon(s->daemon);
    if (s->listening >= 0) close(s->listening);
    server_free(s);
    return true;
}
