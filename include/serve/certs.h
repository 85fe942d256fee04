/* Serving certificates. A `certs` holds the current pair; the server asks it at every handshake, so a change costs no
 * connection. Any thread. */
#ifndef RBG_SERVE_CERTS_H
#define RBG_SERVE_CERTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct certs;

/* use: the label of its metrics, a constant ("webhook"); NULL: none. */
struct certs *certs_new(const char *use);
void certs_free(struct certs *c);

/* Loads a PEM pair and keeps it if certificate and key belong together; else the old pair stays. The text is copied. */
int certs_set_pem(struct certs *c, const char *cert_pem, const char *key_pem, struct err *e);

/* Loads a pair of files and looks for changes every second (also through symlink swaps, as the kubelet does). What can't be
 * used, at the start or later, is a certs_failed and tried again; the old pair stays. Starts a thread that ends with certs_free.
 * Fails when files are watched already. */
int certs_watch_files(struct certs *c, const char *cert_path, const char *key_path, struct err *e);

/* Problem of the current pair: false and a message when it is absent, expired or not yet valid. */
bool certs_ok(const struct certs *c, int64_t now_ms, struct err *e);

/* True and why, while the certificate that should be in use is not. The one that is in use may well be good. */
bool certs_stale(const struct certs *c, struct err *e);

/* For whoever provides the pair: the newest one can't be had or used. Logged when the reason is a new one. Ends with the next
 * certs_set_pem, or with certs_current: the pair in use is the right one. */
void certs_failed(struct certs *c, const struct err *why);
void certs_current(struct certs *c);

/* Logs when the pair in use has become invalid, and sets the metrics. To be called every few seconds (certs_watch_files does). */
void certs_check(struct certs *c, int64_t now_ms);

int64_t certs_not_after_ms(const struct certs *c); /* 0: none */

/* Self-made: a CA (CN webhook-cert-ca) and a leaf for the DNS names ("a,b"; an IPv4 address becomes an IP SAN). PEM texts in
 * the arena. ca_*_in NULL: a new CA is made; else that CA signs if it is still valid for a year. ECDSA P-256 keys. */
struct cert_set { char *ca_cert, *ca_key, *cert, *key; };
int certs_generate(struct arena *a, const char *ca_cert_in, const char *ca_key_in, const char *names, int64_t now_ms,
                   int64_t days, struct cert_set *out, struct err *e);

/* What verifiers are to trust: `ca`, and when `keep`, as while the CA is replaced, the other certificates of `have` (PEM or NULL)
 * that have not expired, the first 8: as the CA comes first, they are the newest. The result is the same text when it is put in
 * again as `have`. *others: how many other ones `have` holds. */
int certs_bundle(struct arena *a, const char *ca, const char *have, bool keep, int64_t now_ms, char **out, size_t *others,
                 struct err *e);

/* Is this set usable for `name` at time `at_ms`: pair matches, chain verifies against the CA, name fits? */
int certs_verify(const struct cert_set *s, const char *name, int64_t at_ms, struct err *e);

#endif
