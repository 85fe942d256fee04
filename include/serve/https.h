/* An HTTPS (or plain HTTP) server on libmicrohttpd + GnuTLS: a fixed set of routes, bounded bodies, deadlines and connections. */
#ifndef RBG_SERVE_HTTPS_H
#define RBG_SERVE_HTTPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "serve/certs.h"
#include "serve/clients.h"

#define PEER_BYTES 16

struct serve_request {
    struct arena *arena;     /* of this request: freed after the answer was sent */
    const char *method, *path, *query;
    const char *content_type; /* "" when absent */
    const char *authorization; /* the header, "" when absent */
    const unsigned char *peer; /* the client's address: IPv6, or IPv4 in it; zeros: unknown */
    char *body;              /* writable, NUL-terminated */
    size_t len;
    int socket;              /* of the client, from 1 on; 0: there is none */
};

struct serve_response {
    int status;
    const char *content_type; /* NULL: application/json */
    struct buf body;          /* taken over by the server */
};

typedef void (*serve_fn)(void *ctx, struct serve_request *q, struct serve_response *r);

struct serve_route {
    const char *method; /* "POST"; NULL: any */
    const char *path;   /* exact, or a prefix when it ends in '*' */
    serve_fn fn;
    void *ctx;
    size_t max_body; /* instead of the server's; 0: the server's */
    bool known_only; /* where the server knows its clients, others get a 403 */
    bool apart;      /* large bodies of this route have a budget and threads of their own */
};

struct serve_opts {
    const char *address;        /* ":9443", "127.0.0.1:9443", "[::1]:9443"; port 0 picks one */
    struct certs *certs;        /* NULL: plain HTTP */
    struct clients *clients;    /* who may use routes that are known_only; NULL: everybody */
    const struct serve_route *routes; /* the first match answers; none: 404 */
    size_t nroutes;
    size_t max_body;            /* bytes; larger: 413, nothing is kept; at once when more than twice this is announced. 0: 8 MiB.
                                 * All bodies of up to 256 KiB together may take 32 MiB, all larger ones four times the largest
                                 * that their routes allow (twice, for the routes `apart`), all answers of more than 64 KiB that
                                 * wait to be taken 64 MiB; one address may have half of each. A request beyond that waits, at
                                 * most 8 s: 503. Larger bodies than 256 KiB are worked on by threads of their own */
    unsigned max_connections;   /* 0: 1000. One more: one that waits for its client is cut, the oldest of the address that has
                                 * the most */
    unsigned per_ip;            /* of one address; one more: its oldest that waits is cut. 0: half of max_connections */
    unsigned request_s;         /* at most so long each: the TLS handshake and the first line of the first request (also at most
                                 * 5 s each), the rest of the head (16 s), a small answer until it is taken. Bodies and large
                                 * answers must not stand still for 4 s nor be slower than 1 MiB/s for longer. 0: 30 s */
    unsigned idle_s;            /* a connection without a request is kept so long. 0: 120 s. Longer than clients keep it, which
                                 * is 90 s for API servers: a request that meets a connection being closed is lost */
    unsigned threads;           /* 0: number of cores, at most 4. For large bodies half as many again, of either kind */
};

struct server;

struct server *server_start(const struct serve_opts *o, struct err *e);
unsigned server_port(const struct server *s);
/* Goes on as before, but every answer closes its connection, so that clients look for another server. */
void server_drain(struct server *s);
/* How long ago the last connection or request came (ms); since the start if none did. */
int64_t server_quiet_ms(const struct server *s);
/* Stops accepting, finishes what is being answered (at most drain_ms), frees. False: a handler is still at work after that time;
 * nothing was freed, and what is left to do is to end the process, or to try again. */
bool server_stop(struct server *s, int64_t drain_ms);

/* Has the client closed its connection, or its side of it? Then nobody waits for the answer. False outside of a server. */
bool serve_client_gone(const struct serve_request *q);

/* Answers a plain text: serve_text(r, 404, "..."). */
void serve_text(struct serve_response *r, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
