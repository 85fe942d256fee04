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

struct serve_request {
    struct arena *arena;     /* of this request: freed after the answer was sent */
    const char *method, *path, *query;
    const char *content_type; /* "" when absent */
    const char *authorization; /* the header, "" when absent */
    char *body;              /* writable, NUL-terminated */
    size_t len;
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
    size_t max_body; /* instead of the server's, within what all bodies may take; 0: the server's */
};

struct serve_opts {
    const char *address;        /* ":9443", "127.0.0.1:9443", "[::1]:9443"; port 0 picks one */
    struct certs *certs;        /* NULL: plain HTTP */
    const struct serve_route *routes; /* the first match answers; none: 404 */
    size_t nroutes;
    size_t max_body;            /* bytes; larger: 413, nothing is kept; at once when more than twice this is announced. All
                                 * bodies together may take 8 times this, beyond that: 503. 0: 8 MiB. All answers of more than
                                 * 64 KiB that wait to be taken may together have 64 MiB: one beyond that becomes a 503 */
    unsigned max_connections;   /* 0: 1000 */
    unsigned per_ip;            /* 0: no limit */
    unsigned request_s;         /* a connection's first request must begin within this, every request be complete so long after
                                 * it began, and its answer taken so long after it was given. 0: 30 s */
    unsigned idle_s;            /* a connection without a request is kept so long. 0: 120 s. Longer than clients keep it, which
                                 * is 90 s for API servers: a request that meets a connection being closed is lost */
    unsigned threads;           /* 0: number of cores, at most 4 */
};

struct server;

struct server *server_start(const struct serve_opts *o, struct err *e);
unsigned server_port(const struct server *s);
/* Goes on as before, but every answer closes its connection, so that clients look for another server. */
void server_drain(struct server *s);
/* How long ago the last connection or request came (ms); since the start if none did. */
int64_t server_quiet_ms(const struct server *s);
/* Stops accepting, finishes what is being answered (at most drain_ms), frees. */
void server_stop(struct server *s, int64_t drain_ms);

/* Answers a plain text: serve_text(r, 404, "..."). */
void serve_text(struct serve_response *r, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
