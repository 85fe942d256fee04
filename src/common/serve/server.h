/* What the files of the HTTPS server share. Private to `serve`. */
#ifndef RBG_SERVE_SERVER_H
#define RBG_SERVE_SERVER_H

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "lanes.h"
#include "serve/https.h"

#define SPARE_ARENAS 8
#define PEER_ROWS 256

/* What a connection waits for. */
enum conn_phase {
    CONN_HELLO,   /* the end of the TLS handshake */
    CONN_FIRST,   /* the first line of the first request */
    CONN_HEAD,    /* the rest of the head */
    CONN_BODY,    /* a body, which must make progress */
    CONN_HANDLER, /* us, not the client */
    CONN_TAKEN,   /* the client takes the answer */
    CONN_IDLE,    /* the next request, if any */
};

/* An address from which there are connections. */
struct peer {
    struct peer *next;
    unsigned char address[PEER_BYTES];
    unsigned refs, conns;  /* under conns.lock; conns: without those that have been cut */
    size_t held[LANES];    /* under lanes.lock */
};

/* One accepted connection. Written by the thread that serves it, read by the reaper and by who needs its place. */
struct conn {
    struct conn *prev, *next; /* in conns.list, under its lock */
    struct peer *peer;
    int fd;
    bool cut; /* under conns.lock */
    atomic_int phase;
    atomic_llong since_ms, until_ms; /* the begin and the end of its present phase */
    int64_t credit_ms;               /* 0: progress does not count */
    size_t unpaid;                   /* bytes that have not earned time yet */
    bool asked, known;               /* its certificate was looked at, and is a good one */
    bool head_next;        /* the record that comes next is the head of an answer with a body */
    size_t body_left;      /* bytes of a body that surely come behind this record */
    size_t nkept;
    unsigned char kept[384]; /* records that wait for the next one; the head of an answer has some 130 bytes */
};

typedef void (*conns_tick_fn)(void *ctx, int64_t now_ms);

/* The open connections and the thread that cuts those which take too long. */
struct conns {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* for the reaper: a first connection, or stop */
    pthread_cond_t idle;    /* no exchange is active any more */
    struct conn *list;
    struct peer *peers[PEER_ROWS];
    unsigned n;           /* connections that have not been cut */
    unsigned active;      /* exchanges between headers and the last byte of the answer */
    bool stop;
    unsigned max, per_ip; /* connections; per_ip 0: no limit */
    int64_t request_ms, idle_ms;
    conns_tick_fn tick; /* called by the reaper, without the lock, a few times a second while there are connections */
    void *tick_ctx;
    atomic_llong last_ms; /* a connection or a request came */
    pthread_t reaper;
};

struct server {
    struct serve_opts o; /* routes in `arena` */
    struct arena *arena;
    struct MHD_Daemon *daemon;
    unsigned port;
    int listening; /* the socket, once it is no longer the daemon's; -1 before */
    struct conns conns;
    struct lanes lanes;
    atomic_uint computing; /* handlers at work */
    atomic_bool draining, closing; /* closing: no handler begins any more */
    pthread_mutex_t spare_lock;
    struct arena *spare[SPARE_ARENAS];
    size_t nspare;
};

void conns_init(struct conns *c, const struct serve_opts *o, conns_tick_fn tick, void *ctx);
void conns_fini(struct conns *c);
/* When there are too many now, another one is cut. */
struct conn *conns_add(struct conns *c, int fd, const struct sockaddr *from, bool tls);
void conns_remove(struct conns *c, struct conn *conn);
void conns_begin(struct conns *c); /* an exchange begins, ends */
void conns_end(struct conns *c);
/* Waits until no exchange is active, at most `ms`. */
void conns_wait_idle(struct conns *c, int64_t ms);
/* A phase begins, and with it the time that it may take. */
void conns_phase(struct conns *c, struct conn *conn, enum conn_phase phase);
/* So many bytes of a body, or of a large answer, went over the line. */
void conns_transferred(struct conn *conn, size_t n);
/* The answer that is being taken is a large one: it must make progress from now on. */
void conns_large_answer(struct conns *c, struct conn *conn);

/* Records of the session go through the connection. The end is told before the connection is removed. */
void records_begin(struct conn *c, gnutls_session_t session);
/* An answer begins, with so many bytes of a body; its records may wait for each other until the answer is over. */
void records_answer(struct conn *c, size_t body);
void records_flush(struct conn *c);
/* GnuTLS' writev on a conn: how many bytes of the n pieces went away, or -1 and errno. */
ssize_t records_push(gnutls_transport_ptr_t c, const giovec_t *v, int n);
void records_end(gnutls_session_t session);

/* Did the session's client show a certificate that makes it a known one? */
bool clients_known(struct clients *c, gnutls_session_t session);

/* A listening socket; *port gets the real port. Returns -1 with an error. */
int listen_open(const char *address, unsigned *port, struct err *e);

/* libmicrohttpd's callbacks; `cls` is the server. */
void *exchange_begin(void *cls, const char *uri, struct MHD_Connection *mc);
enum MHD_Result exchange_step(void *cls, struct MHD_Connection *mc, const char *url, const char *method, const char *version,
                              const char *data, size_t *size, void **state);
void exchange_end(void *cls, struct MHD_Connection *mc, void **state, enum MHD_RequestTerminationCode why);

/* The arena for one exchange: a spare one or a new one; small ones are kept for the next. */
struct arena *server_take_arena(struct server *s);
void server_give_arena(struct server *s, struct arena *a);

#endif
