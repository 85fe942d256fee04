/* Known clients. Hides GnuTLS' trust list, which is replaced as a whole when the file of the CAs has changed; that is looked at
 * when a client shows a certificate, once a second at most. The lock is held while a chain is verified: once for a connection. */
#include "serve/clients.h"

#include <gnutls/x509.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"
#include "pair.h"
#include "server.h"

#define LOOK_MS 1000
#define CHAIN_MAX 8

struct clients {
    char *ca_file, *name; /* name: NULL: any */
    pthread_mutex_t lock; /* guards all below */
    gnutls_x509_trust_list_t cas;
    struct timespec changed;
    int64_t next_look_ms;
};

static int load(struct clients *c, struct err *e) {
    gnutls_x509_trust_list_t fresh;
    if (gnutls_x509_trust_list_init(&fresh, 0) < 0) return err_set(e, ERR_INTERNAL, "out of memory");
    int n = gnutls_x509_trust_list_add_trust_file(fresh, c->ca_file, NULL, GNUTLS_X509_FMT_PEM, 0, 0);
    if (n <= 0) {
        gnutls_x509_trust_list_deinit(fresh, 1);
        return tls_err(e, ERR_TLS, n ? n : GNUTLS_E_NO_CERTIFICATE_FOUND, c->ca_file);
    }
    if (c->cas) gnutls_x509_trust_list_deinit(c->cas, 1);
    c->cas = fresh;
    return 0;
}

static void look_locked(struct clients *c) {
    struct err e = ERR_INIT;
    struct stat st;
    int64_t now = clock_mono_ms(clock_real());
    if (now < c->next_look_ms) return;
    c->next_look_ms = now + LOOK_MS;
    if (stat(c->ca_file, &st) || memcmp(&st.st_mtim, &c->changed, sizeof c->changed) == 0) return;
    c->changed = st.st_mtim;
    if (load(c, &e)) log_warn("the CAs of clients are not replaced, the old ones stay", "error", e.msg);
}

struct clients *clients_new(const char *ca_file, const char *name, struct err *e) {
    struct clients *c = must(calloc(1, sizeof *c));
    struct stat st;
    c->ca_file = must(strdup(ca_file));
    c->name = str_empty(name) ? NULL : must(strdup(name));
    pthread_mutex_init(&c->lock, NULL);
    if (stat(ca_file, &st) == 0) c->changed = st.st_mtim;
    if (load(c, e) == 0) return c;
    clients_free(c);
    return NULL;
}

void clients_free(struct clients *c) {
    if (!c) return;
    if (c->cas) gnutls_x509_trust_list_deinit(c->cas, 1);
    pthread_mutex_destroy(&c->lock);
    free(c->ca_file);
    free(c->name);
    free(c);
}

static bool named(const struct clients *c, gnutls_x509_crt_t leaf) {
    char cn[256];
    size_t n = sizeof cn;
    if (!c->name) return true;
    return gnutls_x509_crt_get_dn_by_oid(leaf, GNUTLS_OID_X520_COMMON_NAME, 0, 0, cn, &n) >= 0 && str_eq(cn, c->name);
}

static bool verified(struct clients *c, gnutls_x509_crt_t *chain, unsigned n) {
    gnutls_typed_vdata_st for_clients = {.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = (void *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT};
    unsigned status = 1;
    MUTEX_GUARD(&c->lock);
    look_locked(c);
    return gnutls_x509_trust_list_verify_crt2(c->cas, chain, n, &for_clients, 1, 0, &status, NULL) >= 0 && status == 0;
}

bool clients_known(struct clients *c, gnutls_session_t session) {
    unsigned n = 0, done = 0;
    const gnutls_datum_t *der = gnutls_certificate_get_peers(session, &n);
    gnutls_x509_crt_t chain[CHAIN_MAX];
    bool known = der && n > 0 && n <= CHAIN_MAX;
    for (; known && done < n; done++) {
        if (gnutls_x509_crt_init(&chain[done]) < 0) break;
        known = gnutls_x509_crt_import(chain[done], &der[done], GNUTLS_X509_FMT_DER) >= 0;
    }
    known = known && done == n && verified(c, chain, n) && named(c, chain[0]);
    while (done > 0) gnutls_x509_crt_deinit(chain[--done]);
    return known;
}
