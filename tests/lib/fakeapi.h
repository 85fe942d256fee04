/* A fake API server for tests: plain HTTP/1.1 on 127.0.0.1, one thread for each connection. What it answers is a function of
 * the test, called on the connection's thread; it must not use Check's assertions (they work on the test's thread only). */
#ifndef RBG_FAKEAPI_H
#define RBG_FAKEAPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fakeapi;
struct fake_conn;

struct fake_request {
    const char *method, *path, *query, *body; /* query "" and body "" when absent */
    size_t len;
    const char *head; /* all header lines */
    int connection;   /* serial number of the connection, from 1 */
    int number;       /* serial number of the request at the server, from 1 */
};

typedef void (*fake_handler)(void *ctx, struct fake_conn *c, const struct fake_request *q);

/* port 0: any free one. Aborts when it can't listen. */
struct fakeapi *fakeapi_start(int port, fake_handler fn, void *ctx);
void fakeapi_stop(struct fakeapi *f); /* cuts every connection, waits for the threads, frees */
int fakeapi_port(const struct fakeapi *f);
const char *fakeapi_url(const struct fakeapi *f);
int fakeapi_requests(struct fakeapi *f);    /* so far */
int fakeapi_connections(struct fakeapi *f); /* so far */

/* Value of a header of the request, copied to out; "" when absent. */
const char *fake_header(const struct fake_request *q, const char *name, char *out, size_t size);

/* A client that talks to it, without credentials (fakeapi_client.c). To be freed: kube_free, then kube_config_free of *config. */
struct kube;
struct kube_opts;
struct kube_config;
struct kube *fakeapi_client(const struct fakeapi *f, const struct kube_opts *o, struct kube_config **config);

/* ---- answers: from the handler only ---- */

/* A whole answer; extra: more header lines ("Retry-After: 1\r\n") or NULL. */
void fake_reply(struct fake_conn *c, int status, const char *extra, const char *body);
void fake_status(struct fake_conn *c, int status, const char *reason, const char *message); /* a Status document */
void fake_begin(struct fake_conn *c);                                  /* 200, chunked */
void fake_piece(struct fake_conn *c, const char *data, size_t len);    /* one chunk, sent at once */
void fake_text(struct fake_conn *c, const char *data);
void fake_end(struct fake_conn *c);                                    /* the orderly end of a chunked answer */
void fake_raw(struct fake_conn *c, const char *data, size_t len);      /* bytes as they are */
void fake_cut(struct fake_conn *c);                                    /* closes the connection after the handler */
bool fake_sleep(struct fake_conn *c, int64_t ms);                      /* false: the server stops, or the client left */

#endif
