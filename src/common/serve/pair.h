/* A loaded certificate chain with its private key: immutable and shared by reference count. Private to `serve`. */
#ifndef RBG_SERVE_PAIR_H
#define RBG_SERVE_PAIR_H

#include <gnutls/abstract.h>
#include <stdint.h>

#include "base/err.h"
#include "serve/certs.h"

struct pair;

/* NULL when the texts are no PEM, or certificate and key do not belong together. The result has one reference. */
struct pair *pair_new(const char *cert_pem, const char *key_pem, struct err *e);
struct pair *pair_ref(struct pair *p);
void pair_unref(struct pair *p); /* NULL is allowed */

/* Validity of the whole chain: the latest begin and the earliest end, in ms since 1970. */
int64_t pair_not_before_ms(const struct pair *p);
int64_t pair_not_after_ms(const struct pair *p);

/* Private copies for one handshake, all from GnuTLS' allocator, to be freed by GnuTLS. Returns a GnuTLS code. */
int pair_copy(const struct pair *p, gnutls_pcert_st **chain, unsigned *n, gnutls_privkey_t *key);

/* The current pair with a reference of its own, or NULL. Any thread. */
struct pair *certs_ref(struct certs *c);

/* Error for a failed GnuTLS call. */
int tls_err(struct err *e, enum err_code code, int rc, const char *what);

#endif
