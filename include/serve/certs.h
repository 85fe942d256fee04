/* Serving certificates. A `certs` holds the current pair; the server asks it at every handshake, so a change costs no
 * connection. Any thread. */
#ifndef RBG_SERVE_CERTS_H
#define RBG_SERVE_CERTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct certs;

struct certs *certs_new(void);
void certs_free(struct certs *c);

/* Loads a PEM pair and keeps it if certificate and key belong together; else the old pair stays. The text is copied. */
int certs_set_pem(struct certs *c, const char *cert_pem, const char *key_pem, struct err *e);

/* Loads `dir`/tls.crt and tls.key (names may be changed) and looks for changes every second (also through symlink swaps, as
 * the kubelet does). A broken new pair is logged and the old one stays. Starts a thread that ends with certs_free. */
int certs_watch_files(struct certs *c, const char *cert_path, const char *key_path, struct err *e);

/* Problem of the current pair: false and a message when it is absent, expired or not yet valid. */
bool certs_ok(const struct certs *c, int64_t now_ms, struct err *e);
int64_t certs_not_after_ms(const struct certs *c); /* 0: none */

/* Self-made: a CA (CN webhook-cert-ca) and a leaf for the DNS names ("a,b"; an IPv4 address becomes an IP SAN). PEM texts in
 * the arena. ca_*_in NULL: a new CA is made; else that CA signs if it is still valid for a year. ECDSA P-256 keys. */
struct cert_set { char *ca_cert, *ca_key, *cert, *key; };
int certs_generate(struct arena *a, const char *ca_cert_in, const char *ca_key_in, const char *names, int64_t now_ms,
                   int64_t days, struct cert_set *out, struct err *e);

/* Is this set usable for `name` at time `at_ms`: pair matches, chain verifies against the CA, name fits? */
int certs_verify(const struct cert_set *s, const char *name, int64_t at_ms, struct err *e);

#endif
