/* A small HTTP/1.1 client over TLS or plain TCP for tests of a server: it can send anything, also what is wrong. A client
 * belongs to one thread. Only TLS peers that verify against the given CA for "localhost" are accepted. */
#ifndef RBG_HTTP_CLIENT_H
#define RBG_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct http_client;

struct http_client_opts {
    unsigned port;
    const char *ca_pem;   /* NULL: plain TCP */
    const char *priority; /* GnuTLS; NULL: the default */
    unsigned timeout_ms;  /* of each read and write; 0: 20 s */
    const char *from;     /* the client's address, as "127.0.0.2"; NULL: any */
    const char *cert_pem, *key_pem; /* shown when the server asks for a certificate; NULL: none */
};

/* NULL when the connection or the handshake fails. */
struct http_client *http_client_open(const struct http_client_opts *o);
void http_client_close(struct http_client *h); /* NULL is allowed; no TLS goodbye */
int http_client_fd(const struct http_client *h);
uint64_t http_client_peer(const struct http_client *h); /* hash of the server's certificate */

/* 0, or -1 when the server has gone. */
int http_client_send(struct http_client *h, const void *data, size_t n);
/* Reads one answer with a Content-Length. `no_body`: to a HEAD. Returns the status, or -1 at end, error or timeout. */
int http_client_answer(struct http_client *h, bool no_body, struct buf *headers, struct buf *body);
/* True when the server closes within the timeout and sends nothing before. */
bool http_client_closed(struct http_client *h);

/* POSTs and reads the answer. */
int http_client_post(struct http_client *h, const char *path, const char *text, size_t n, struct buf *body);

#endif
