/* Transfers over HTTP(S): one thread carries all of them. Private to the layer; no curl type leaves transport.c.
 *
 * A transfer belongs to the thread that made it, except between transport_submit and the moment it is seen as done: then
 * the I/O thread may write to it. Everything handed over by pointer must live until then. */
#ifndef RBG_KUBE_TRANSPORT_H
#define RBG_KUBE_TRANSPORT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct transport;
struct xfer;

struct transport_opts {
    const char *server;          /* "https://host:port[/prefix]" */
    const char *tls_server_name; /* NULL: the host's */
    const char *ca_file;         /* NULL: the system's authorities */
    const char *proxy_url;       /* NULL: as the environment says */
    const char *user_agent;
    bool insecure;
};

struct transport *transport_new(const struct transport_opts *o, struct err *e);
void transport_free(struct transport *t);
const char *transport_server(const struct transport *t);

/* One waiting thread; several transfers may report to the same one. */
struct waiter {
    pthread_cond_t cond;
    bool fired;
};
void waiter_init(struct waiter *w);
void waiter_fini(struct waiter *w);

struct xfer_request {
    const char *method, *path, *query, *content_type, *accept, *body;
    size_t len;
    const char *token, *cert_file, *key_file; /* NULL: none */
    int64_t timeout_ms;                       /* of the whole transfer; 0: none */
    bool stream;                              /* hand the body over in pieces */
};

/* Starts a transfer. */
struct xfer *transport_submit(struct transport *t, const struct xfer_request *q, struct waiter *w);

/* Sleeps until a transfer of this waiter has news (done, or a piece of a stream), somebody called transport_wake, or
 * ms passed (ms < 0: no limit). */
void transport_wait(struct transport *t, struct waiter *w, int64_t ms);

/* Wakes everyone who waits for a stream, to look at what else they watch. */
void transport_wake(struct transport *t);

bool xfer_done(struct xfer *x);

/* Moves what has arrived of a stream into `into` (emptied first); false when there is nothing. */
bool xfer_take(struct xfer *x, struct buf *into);

/* Cancels what still runs, waits until the I/O thread has let go, frees. */
void xfer_free(struct xfer *x);

/* ---- of a transfer that is done ---- */
int xfer_status(const struct xfer *x);             /* HTTP status; 0: no answer came */
int64_t xfer_retry_after_ms(const struct xfer *x); /* 0: not named */
int64_t xfer_took_ms(const struct xfer *x);
struct buf *xfer_body(struct xfer *x);             /* of a stream: only that of an error answer */
/* 0 when a complete answer came, whatever its status; else the error, in words for a person. */
int xfer_result(const struct xfer *x, struct err *e);

#endif
