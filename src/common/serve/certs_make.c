/* Self-made certificates: a small CA and a leaf that the API server can verify, and the check that decides whether a stored
 * set is still good. Hides GnuTLS' X.509 objects. Pure but for randomness; no shared state, any thread. */
#include <arpa/inet.h>
#include <ctype.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/str.h"
#include "pair.h"

#define DAY_MS ((int64_t)86400000)
#define CA_DAYS 3650
#define CA_RENEW_DAYS 365
#define BACKDATE_MS ((int64_t)5 * 60000) /* the API server's clock may be behind ours */
#define CA_NAME "webhook-cert-ca"
#define CN_MAX 64 /* ub-common-name, RFC 5280 appendix A.1 */
#define NAME_MAX_LEN 253

/* A certificate with its key; either may be unset. */
struct ident {
    gnutls_x509_crt_t cert;
    gnutls_x509_privkey_t key;
};

static void ident_fini(struct ident *i) {
    if (i->cert) gnutls_x509_crt_deinit(i->cert);
    if (i->key) gnutls_x509_privkey_deinit(i->key);
}
#define IDENT_AUTO __attribute__((cleanup(ident_fini)))

static gnutls_datum_t datum(const char *text) {
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)text, (unsigned)strlen(text)};
}

static int64_t begin_ms(gnutls_x509_crt_t c) { return (int64_t)gnutls_x509_crt_get_activation_time(c) * 1000; }
static int64_t end_ms(gnutls_x509_crt_t c) { return (int64_t)gnutls_x509_crt_get_expiration_time(c) * 1000; }

static int key_new(gnutls_x509_privkey_t *key) {
    int rc = gnutls_x509_privkey_init(key);
    if (rc < 0) return rc;
    return gnutls_x509_privkey_generate(*key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
}

/* 127 random bits: positive, and never the same for two certificates of one CA (RFC 5280, 4.1.2.2). */
static int set_serial(gnutls_x509_crt_t c) {
    unsigned char serial[16];
    int rc = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
    if (rc < 0) return rc;
    serial[0] = (unsigned char)((serial[0] & 0x7f) | 0x40);
    return gnutls_x509_crt_set_serial(c, serial, sizeof serial);
}

static int set_common_name(gnutls_x509_crt_t c, const char *name) {
    return gnutls_x509_crt_set_dn_by_oid(c, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name));
}

static int set_key_id(gnutls_x509_crt_t c) {
    unsigned char id[64];
    size_t n = sizeof id;
    int rc = gnutls_x509_crt_get_key_id(c, 0, id, &n);
    return rc < 0 ? rc : gnutls_x509_crt_set_subject_key_id(c, id, n);
}

/* What both kinds of certificate have: version, serial, key, times, name, key identifier. */
static int fill_common(struct ident *i, const char *cn, int64_t from_ms, int64_t to_ms) {
    int rc;
    if ((rc = key_new(&i->key)) < 0 || (rc = gnutls_x509_crt_init(&i->cert)) < 0) return rc;
    if ((rc = gnutls_x509_crt_set_version(i->cert, 3)) < 0 || (rc = set_serial(i->cert)) < 0) return rc;
    if ((rc = gnutls_x509_crt_set_key(i->cert, i->key)) < 0 || (rc = set_key_id(i->cert)) < 0) return rc;
    if ((rc = gnutls_x509_crt_set_activation_time(i->cert, (time_t)(from_ms / 1000))) < 0) return rc;
    if ((rc = gnutls_x509_crt_set_expiration_time(i->cert, (time_t)(to_ms / 1000))) < 0) return rc;
    return set_common_name(i->cert, cn);
}

static int make_ca(struct ident *ca, int64_t now_ms) {
    int rc = fill_common(ca, CA_NAME, now_ms - BACKDATE_MS, now_ms + CA_DAYS * DAY_MS);
    if (rc >= 0) rc = gnutls_x509_crt_set_basic_constraints(ca->cert, 1, 0);
    if (rc >= 0)
        rc = gnutls_x509_crt_set_key_usage(ca->cert,
                                           GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN | GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (rc >= 0) rc = gnutls_x509_crt_sign2(ca->cert, ca->cert, ca->key, GNUTLS_DIG_SHA256, 0);
    return rc;
}

/* Fills `ca` from the given texts; false when they can't sign for another year. */
static bool load_ca(struct ident *ca, const char *cert_pem, const char *key_pem, int64_t now_ms) {
    if (str_empty(cert_pem) || str_empty(key_pem)) return false;
    struct pair *p = pair_new(cert_pem, key_pem, NULL);
    if (!p) return false;
    bool fresh = pair_not_before_ms(p) <= now_ms && pair_not_after_ms(p) >= now_ms + CA_RENEW_DAYS * DAY_MS;
    pair_unref(p);
    gnutls_datum_t c = datum(cert_pem), k = datum(key_pem);
    unsigned critical;
    return fresh && gnutls_x509_crt_init(&ca->cert) >= 0 && gnutls_x509_privkey_init(&ca->key) >= 0 &&
           gnutls_x509_crt_import(ca->cert, &c, GNUTLS_X509_FMT_PEM) >= 0 &&
           gnutls_x509_privkey_import2(ca->key, &k, GNUTLS_X509_FMT_PEM, NULL, 0) >= 0 &&
           gnutls_x509_crt_get_ca_status(ca->cert, &critical) == 1;
}

static bool dns_ok(const char *name) {
    size_t n = strlen(name), label = 0;
    const char *s = str_has_prefix(name, "*.") ? name + 2 : name;
    if (n == 0 || n > NAME_MAX_LEN) return false;
    for (; *s; s++) {
        if (*s == '.' ? label == 0 || s[-1] == '-' : !isalnum((unsigned char)*s) && (*s != '-' || label == 0)) return false;
        label = *s == '.' ? 0 : label + 1;
        if (label > 63) return false;
    }
    return label > 0 && s[-1] != '-';
}

static int add_name(gnutls_x509_crt_t c, const char *name, struct err *e) {
    unsigned char ip[16];
    int rc;
    if (inet_pton(AF_INET, name, ip) == 1)
        rc = gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_IPADDRESS, ip, 4, GNUTLS_FSAN_APPEND);
    else if (inet_pton(AF_INET6, name, ip) == 1)
        rc = gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_IPADDRESS, ip, 16, GNUTLS_FSAN_APPEND);
    else if (!dns_ok(name))
        return err_set(e, ERR_INVALID, "\"%s\" is neither a DNS name nor an IP address, so it can't go into a certificate",
                       name);
    else
        rc = gnutls_x509_crt_set_subject_alt_name(c, GNUTLS_SAN_DNSNAME, name, (unsigned)strlen(name), GNUTLS_FSAN_APPEND);
    return rc < 0 ? tls_err(e, ERR_INTERNAL, rc, "add a name to the certificate") : 0;
}

/* The names as a list without blanks; "localhost" is added at the end unless it is there. */
static char **split_names(struct arena *a, const char *names, size_t *n) {
    char *text = arena_strdup(a, names), *save = NULL;
    char **list = ARENA_ARRAY(a, strlen(names) / 2 + 3, char *);
    bool local = false;
    *n = 0;
    for (char *s = strtok_r(text, ", \t\n", &save); s; s = strtok_r(NULL, ", \t\n", &save)) {
        list[(*n)++] = s;
        local = local || str_eq(s, "localhost");
    }
    if (*n > 0 && !local) list[(*n)++] = arena_strdup(a, "localhost");
    return list;
}

static int set_usage(gnutls_x509_crt_t c) {
    int rc = gnutls_x509_crt_set_basic_constraints(c, 0, -1);
    if (rc >= 0) rc = gnutls_x509_crt_set_key_usage(c, GNUTLS_KEY_DIGITAL_SIGNATURE);
    return rc < 0 ? rc : gnutls_x509_crt_set_key_purpose_oid(c, GNUTLS_KP_TLS_WWW_SERVER, 0);
}

static int sign_leaf(struct ident *leaf, const struct ident *ca) {
    unsigned char id[64];
    size_t n = sizeof id;
    int rc = gnutls_x509_crt_get_subject_key_id(ca->cert, id, &n, NULL);
    if (rc >= 0) rc = gnutls_x509_crt_set_authority_key_id(leaf->cert, id, n);
    if (rc < 0 && rc != GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE) return rc;
    return gnutls_x509_crt_sign2(leaf->cert, ca->cert, ca->key, GNUTLS_DIG_SHA256, 0);
}

/* A leaf never outlives its CA, nor begins before it: some verifiers demand that the one contains the other. */
static int make_leaf(struct ident *leaf, const struct ident *ca, char **names, size_t n, int64_t now_ms, int64_t days,
                     struct err *e) {
    int64_t from = now_ms - BACKDATE_MS, to = now_ms + days * DAY_MS;
    if (from < begin_ms(ca->cert)) from = begin_ms(ca->cert);
    if (to > end_ms(ca->cert)) to = end_ms(ca->cert);
    int rc = fill_common(leaf, strlen(names[0]) <= CN_MAX ? names[0] : "webhook", from, to);
    if (rc < 0) return tls_err(e, ERR_INTERNAL, rc, "make the serving certificate");
    for (size_t i = 0; i < n; i++)
        if (add_name(leaf->cert, names[i], e)) return -1;
    if ((rc = set_usage(leaf->cert)) >= 0) rc = sign_leaf(leaf, ca);
    return rc < 0 ? tls_err(e, ERR_INTERNAL, rc, "sign the serving certificate") : 0;
}

static char *take_text(struct arena *a, gnutls_datum_t *d) {
    char *s = arena_strndup(a, (const char *)d->data, d->size);
    gnutls_memset(d->data, 0, d->size); /* it may be a key */
    gnutls_free(d->data);
    return s;
}

static int print(struct arena *a, const struct ident *i, char **cert, char **key, struct err *e) {
    gnutls_datum_t c, k;
    int rc = gnutls_x509_crt_export2(i->cert, GNUTLS_X509_FMT_PEM, &c);
    if (rc < 0) return tls_err(e, ERR_INTERNAL, rc, "write the certificate as PEM");
    *cert = take_text(a, &c);
    rc = gnutls_x509_privkey_export2(i->key, GNUTLS_X509_FMT_PEM, &k);
    if (rc < 0) return tls_err(e, ERR_INTERNAL, rc, "write the key as PEM");
    *key = take_text(a, &k);
    return 0;
}

int certs_generate(struct arena *a, const char *ca_cert_in, const char *ca_key_in, const char *names, int64_t now_ms,
                   int64_t days, struct cert_set *out, struct err *e) {
    IDENT_AUTO struct ident old = {0};
    IDENT_AUTO struct ident fresh = {0};
    IDENT_AUTO struct ident leaf = {0};
    size_t n = 0;
    char **list = split_names(a, names ? names : "", &n);
    if (n == 0) return err_set(e, ERR_INVALID, "a serving certificate needs at least one DNS name");
    if (days < 1 || days > 36500)
        return err_set(e, ERR_INVALID, "a certificate's life is 1 to 36500 days, not %lld", (long long)days);
    const struct ident *ca = &old;
    if (!load_ca(&old, ca_cert_in, ca_key_in, now_ms)) {
        int rc = make_ca(&fresh, now_ms);
        if (rc < 0) return tls_err(e, ERR_INTERNAL, rc, "make the CA");
        ca = &fresh;
    }
    if (make_leaf(&leaf, ca, list, n, now_ms, days, e)) return -1;
    if (print(a, ca, &out->ca_cert, &out->ca_key, e)) return -1;
    return print(a, &leaf, &out->cert, &out->key, e);
}

/* Certificates of a PEM text. */
struct chain {
    gnutls_x509_crt_t *list;
    unsigned n;
};

static void chain_fini(struct chain *c) {
    for (unsigned i = 0; i < c->n; i++) gnutls_x509_crt_deinit(c->list[i]);
    gnutls_free(c->list);
}
#define CHAIN_AUTO __attribute__((cleanup(chain_fini)))

static int chain_load(struct chain *c, const char *pem, const char *what, struct err *e) {
    gnutls_datum_t text = datum(pem);
    int rc = gnutls_x509_crt_list_import2(&c->list, &c->n, &text, GNUTLS_X509_FMT_PEM, 0);
    if (rc >= 0) return 0;
    *c = (struct chain){0};
    return tls_err(e, ERR_TLS, rc, what);
}

#define BUNDLE_MAX 8

static int append_pem(struct buf *out, gnutls_x509_crt_t c, struct err *e) {
    gnutls_datum_t text;
    int rc = gnutls_x509_crt_export2(c, GNUTLS_X509_FMT_PEM, &text);
    if (rc < 0) return tls_err(e, ERR_INTERNAL, rc, "write the certificate as PEM");
    buf_add(out, text.data, text.size);
    gnutls_free(text.data);
    return 0;
}

static bool among(const struct chain *set, gnutls_x509_crt_t c) {
    for (unsigned i = 0; i < set->n; i++)
        if (gnutls_x509_crt_equals(set->list[i], c)) return true;
    return false;
}

int certs_bundle(struct arena *a, const char *ca, const char *have, bool keep, int64_t now_ms, char **out, size_t *others,
                 struct err *e) {
    CHAIN_AUTO struct chain own = {0};
    CHAIN_AUTO struct chain old = {0};
    BUF_AUTO struct buf text = BUF_INIT;
    *others = 0;
    if (chain_load(&own, ca, "the CA is no PEM certificate", e)) return -1;
    /* What can't be read is trusted by nobody and may go. */
    if (!str_empty(have)) chain_load(&old, have, "the bundle is no PEM text", NULL);
    for (unsigned i = 0; i < own.n; i++)
        if (append_pem(&text, own.list[i], e)) return -1;
    for (unsigned i = 0; i < old.n; i++) {
        if (among(&own, old.list[i])) continue;
        ++*others;
        bool ended = now_ms >= end_ms(old.list[i]), many = *others > BUNDLE_MAX; /* the newest come first */
        if (keep && !ended && !many && append_pem(&text, old.list[i], e)) return -1;
    }
    *out = arena_strdup(a, buf_str(&text));
    return 0;
}

/* GnuTLS checks times only against the system's clock, so that check is switched off and a CA of the bundle that is not
 * valid at `at_ms` is not trusted in the first place. */
static int trust(gnutls_x509_trust_list_t trusted, const struct chain *cas, int64_t at_ms, struct err *e) {
    int added = 0;
    for (unsigned i = 0; i < cas->n; i++) {
        if (at_ms < begin_ms(cas->list[i]) || at_ms >= end_ms(cas->list[i])) continue;
        added += gnutls_x509_trust_list_add_cas(trusted, &cas->list[i], 1, 0);
    }
    return added > 0 ? 0 : err_set(e, ERR_TLS, "the CA is not valid at the given time");
}

static int verify_chain(gnutls_x509_trust_list_t trusted, struct chain *chain, const char *name, struct err *e) {
    gnutls_typed_vdata_st want[] = {
        {GNUTLS_DT_DNS_HOSTNAME, (unsigned char *)(uintptr_t)name, 0},
        {GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_SERVER, 0},
    };
    unsigned status = 0;
    int rc = gnutls_x509_trust_list_verify_crt2(trusted, chain->list, chain->n, want, 2, GNUTLS_VERIFY_DISABLE_TIME_CHECKS,
                                                &status, NULL);
    if (rc < 0) return tls_err(e, ERR_TLS, rc, "verify the serving certificate");
    if (status == 0) return 0;
    if (status & GNUTLS_CERT_UNEXPECTED_OWNER)
        return err_set(e, ERR_TLS, "the serving certificate is not for the name \"%s\"", name);
    gnutls_datum_t text = {0};
    gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0);
    err_set(e, ERR_TLS, "the serving certificate can't be verified against the CA: %s",
            text.data ? (const char *)text.data : "unknown reason");
    gnutls_free(text.data);
    return -1;
}

int certs_verify(const struct cert_set *s, const char *name, int64_t at_ms, struct err *e) {
    if (str_empty(s->ca_cert) || str_empty(s->cert) || str_empty(s->key))
        return err_set(e, ERR_TLS, "CA, certificate or key is missing");
    struct pair *p = pair_new(s->cert, s->key, e);
    if (!p) return -1;
    bool current = at_ms >= pair_not_before_ms(p) && at_ms < pair_not_after_ms(p);
    pair_unref(p);
    if (!current) return err_set(e, ERR_TLS, "the serving certificate is not valid at the given time");
    CHAIN_AUTO struct chain cas = {0};
    CHAIN_AUTO struct chain chain = {0};
    if (chain_load(&cas, s->ca_cert, "the CA is no PEM certificate", e)) return -1;
    if (chain_load(&chain, s->cert, "the certificate is no PEM chain", e)) return -1;
    gnutls_x509_trust_list_t trusted;
    int rc = gnutls_x509_trust_list_init(&trusted, 0);
    if (rc < 0) return tls_err(e, ERR_INTERNAL, rc, "verify the serving certificate");
    rc = trust(trusted, &cas, at_ms, e);
    if (rc == 0) rc = verify_chain(trusted, &chain, name, e);
    gnutls_x509_trust_list_deinit(trusted, 0); /* the CAs are ours */
    return rc;
}
