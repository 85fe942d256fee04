/* A certificate chain with its key. Hides GnuTLS' objects: the chain is kept as DER, the key as parsed. A pair never changes
 * after pair_new, so any number of threads may copy from it; the last reference frees it. A handshake gets copies, because
 * GnuTLS tells nobody when it is done with borrowed ones, and the pair may be replaced in the middle of it. */
#include "pair.h"

#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

struct pair {
    atomic_uint refs;
    gnutls_x509_privkey_t key;
    int64_t not_before_ms, not_after_ms;
    unsigned n;
    gnutls_datum_t der[]; /* leaf first */
};

int tls_err(struct err *e, enum err_code code, int rc, const char *what) {
    return err_set(e, code, "%s: %s", what, gnutls_strerror(rc));
}

static gnutls_datum_t datum(const char *text) {
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)text, (unsigned)strlen(text)};
}

/* Certificate and key have the same public key, and the key's private part is consistent with it. */
static int check_match(gnutls_x509_crt_t leaf, gnutls_x509_privkey_t key, struct err *e) {
    unsigned char of_cert[64], of_key[64];
    size_t n_cert = sizeof of_cert, n_key = sizeof of_key;
    int rc = gnutls_x509_crt_get_key_id(leaf, GNUTLS_KEYID_USE_SHA256, of_cert, &n_cert);
    if (rc < 0) return tls_err(e, ERR_TLS, rc, "the certificate's public key");
    rc = gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, of_key, &n_key);
    if (rc < 0) return tls_err(e, ERR_TLS, rc, "the private key");
    if (n_cert != n_key || memcmp(of_cert, of_key, n_cert) != 0)
        return err_set(e, ERR_TLS, "certificate and private key do not belong together; "
                                   "replace both from the same Secret or Certificate");
    rc = gnutls_x509_privkey_verify_params(key);
    return rc < 0 ? tls_err(e, ERR_TLS, rc, "the private key is damaged") : 0;
}

static int take_chain(struct pair *p, gnutls_x509_crt_t *list, struct err *e) {
    p->not_after_ms = INT64_MAX;
    for (unsigned i = 0; i < p->n; i++) {
        int64_t from = (int64_t)gnutls_x509_crt_get_activation_time(list[i]) * 1000;
        int64_t to = (int64_t)gnutls_x509_crt_get_expiration_time(list[i]) * 1000;
        if (from > p->not_before_ms) p->not_before_ms = from;
        if (to < p->not_after_ms) p->not_after_ms = to;
        int rc = gnutls_x509_crt_export2(list[i], GNUTLS_X509_FMT_DER, &p->der[i]);
        if (rc < 0) return tls_err(e, ERR_TLS, rc, "the certificate");
    }
    return 0;
}

static int take_key(struct pair *p, const char *key_pem, struct err *e) {
    gnutls_datum_t text = datum(key_pem);
    int rc = gnutls_x509_privkey_init(&p->key);
    if (rc < 0) return tls_err(e, ERR_TLS, rc, "the private key");
    rc = gnutls_x509_privkey_import2(p->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc < 0) return tls_err(e, ERR_TLS, rc, "the private key is no unencrypted PEM key");
    return 0;
}

static int fill(struct pair *p, gnutls_x509_crt_t *list, const char *key_pem, struct err *e) {
    if (take_key(p, key_pem, e) || check_match(list[0], p->key, e)) return -1;
    return take_chain(p, list, e);
}

struct pair *pair_new(const char *cert_pem, const char *key_pem, struct err *e) {
    gnutls_datum_t text = datum(cert_pem);
    gnutls_x509_crt_t *list = NULL;
    unsigned n = 0;
    int rc = gnutls_x509_crt_list_import2(&list, &n, &text, GNUTLS_X509_FMT_PEM, GNUTLS_X509_CRT_LIST_SORT);
    if (rc < 0 || n == 0) {
        tls_err(e, ERR_TLS, rc < 0 ? rc : GNUTLS_E_NO_CERTIFICATE_FOUND, "the certificate is no PEM chain, leaf first");
        return NULL;
    }
    struct pair *p = must(calloc(1, sizeof *p + n * sizeof *p->der));
    atomic_init(&p->refs, 1);
    p->n = n;
    rc = fill(p, list, key_pem, e);
    for (unsigned i = 0; i < n; i++) gnutls_x509_crt_deinit(list[i]);
    gnutls_free(list);
    if (rc == 0) return p;
    pair_unref(p);
    return NULL;
}

struct pair *pair_ref(struct pair *p) {
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void pair_unref(struct pair *p) {
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1) return;
    for (unsigned i = 0; i < p->n; i++) gnutls_free(p->der[i].data);
    if (p->key) gnutls_x509_privkey_deinit(p->key);
    free(p);
}

int64_t pair_not_before_ms(const struct pair *p) { return p->not_before_ms; }
int64_t pair_not_after_ms(const struct pair *p) { return p->not_after_ms; }

static int copy_key(const struct pair *p, gnutls_privkey_t *key) {
    int rc = gnutls_privkey_init(key);
    if (rc < 0) return rc;
    rc = gnutls_privkey_import_x509(*key, p->key, GNUTLS_PRIVKEY_IMPORT_COPY);
    if (rc < 0) gnutls_privkey_deinit(*key);
    return rc;
}

int pair_copy(const struct pair *p, gnutls_pcert_st **chain, unsigned *n, gnutls_privkey_t *key) {
    gnutls_pcert_st *copy = gnutls_calloc(p->n, sizeof *copy);
    if (!copy) return GNUTLS_E_MEMORY_ERROR;
    int rc = 0;
    unsigned done = 0;
    while (done < p->n && (rc = gnutls_pcert_import_x509_raw(&copy[done], &p->der[done], GNUTLS_X509_FMT_DER, 0)) >= 0)
        done++;
    if (rc >= 0) rc = copy_key(p, key);
    if (rc >= 0) {
        *chain = copy;
        *n = p->n;
        return 0;
    }
    while (done > 0) gnutls_pcert_deinit(&copy[--done]);
    gnutls_free(copy);
    return rc;
}
