/* Which clients are known: by the CA of their certificate, its purpose and its name. */
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "http_client.h"
#include "serve/https.h"
#include "testing.h"

static void answer(void *ctx, struct serve_request *q, struct serve_response *r) {
    (void)ctx, (void)q;
    serve_text(r, 200, "ok");
}

static const struct serve_route routes[] = {{"POST", "/review", answer, NULL, .known_only = true},
                                            {"POST", "/convert", answer, NULL}};

struct signer {
    gnutls_x509_crt_t cert;
    gnutls_x509_privkey_t key;
};

/* A certificate signed by `by` (NULL: by itself, as a CA), with this purpose. */
static struct signer make(const char *name, const struct signer *by, const char *purpose) {
    static unsigned char serial;
    struct signer s;
    time_t now = time(NULL);
    serial++;
    gnutls_x509_privkey_init(&s.key);
    gnutls_x509_privkey_generate(s.key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    gnutls_x509_crt_init(&s.cert);
    gnutls_x509_crt_set_version(s.cert, 3);
    gnutls_x509_crt_set_serial(s.cert, &serial, 1);
    gnutls_x509_crt_set_activation_time(s.cert, now - 60);
    gnutls_x509_crt_set_expiration_time(s.cert, now + 3600);
    gnutls_x509_crt_set_dn_by_oid(s.cert, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name));
    gnutls_x509_crt_set_key(s.cert, s.key);
    gnutls_x509_crt_set_basic_constraints(s.cert, !by, -1);
    if (purpose) gnutls_x509_crt_set_key_purpose_oid(s.cert, purpose, 0);
    ck_assert_int_ge(gnutls_x509_crt_sign2(s.cert, by ? by->cert : s.cert, by ? by->key : s.key, GNUTLS_DIG_SHA256, 0), 0);
    return s;
}

static char *pem(struct arena *a, const struct signer *s, bool key) {
    gnutls_datum_t d;
    int rc = key ? gnutls_x509_privkey_export2(s->key, GNUTLS_X509_FMT_PEM, &d)
                 : gnutls_x509_crt_export2(s->cert, GNUTLS_X509_FMT_PEM, &d);
    ck_assert_int_ge(rc, 0);
    char *out = arena_strndup(a, (const char *)d.data, d.size);
    gnutls_free(d.data);
    return out;
}

static void drop(struct signer *s) {
    gnutls_x509_crt_deinit(s->cert);
    gnutls_x509_privkey_deinit(s->key);
}

static void write_file(const char *path, const char *text, time_t at) {
    FILE *f = fopen(path, "w");
    ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
    ck_assert_int_eq(utimensat(AT_FDCWD, path, (struct timespec[2]){{.tv_sec = at}, {.tv_sec = at}}, 0), 0);
}

struct rig {
    struct arena *a;
    struct certs *certs;
    struct clients *clients;
    struct server *server;
    struct http_client_opts client;
    struct signer ca, other_ca;
    char path[64];
};

static void rig_start(struct rig *g, const char *name) {
    struct err e = ERR_INIT;
    struct cert_set set;
    *g = (struct rig){.a = arena_new(), .certs = certs_new(NULL)};
    g->ca = make("ca", NULL, NULL);
    g->other_ca = make("other", NULL, NULL);
    snprintf(g->path, sizeof g->path, "/tmp/serve-clients-%ld.pem", (long)getpid());
    write_file(g->path, pem(g->a, &g->ca, false), 1000);
    ASSERT_OK(certs_generate(g->a, NULL, NULL, "rbg.svc", clock_now_ms(clock_real()), 10, &set, &e));
    ASSERT_OK(certs_set_pem(g->certs, set.cert, set.key, &e));
    ASSERT_PTR(g->clients = clients_new(g->path, name, &e));
    struct serve_opts o = {.address = "127.0.0.1:0", .certs = g->certs, .clients = g->clients, .routes = routes, .nroutes = 2};
    ASSERT_PTR(g->server = server_start(&o, &e));
    g->client = (struct http_client_opts){.port = server_port(g->server), .ca_pem = set.ca_cert};
}

static void rig_stop(struct rig *g) {
    ck_assert(server_stop(g->server, 1000));
    clients_free(g->clients);
    certs_free(g->certs);
    drop(&g->ca), drop(&g->other_ca);
    arena_free(g->a);
    unlink(g->path);
}

static int post(const struct rig *g, const struct signer *s, const char *path) {
    BUF_AUTO struct buf body = BUF_INIT;
    struct http_client_opts o = g->client;
    if (s) {
        o.cert_pem = pem(g->a, s, false);
        o.key_pem = pem(g->a, s, true);
    }
    struct http_client *h = http_client_open(&o);
    ck_assert_ptr_nonnull(h);
    int status = http_client_post(h, path, "{}", 2, &body);
    ck_assert_int_eq(http_client_post(h, path, "{}", 2, &body), status); /* what is known of a connection stays */
    http_client_close(h);
    return status;
}

START_TEST(reviews_are_for_known_clients) {
    struct rig g;
    rig_start(&g, "apiserver");
    struct signer good = make("apiserver", &g.ca, GNUTLS_KP_TLS_WWW_CLIENT),
                  named = make("kubelet", &g.ca, GNUTLS_KP_TLS_WWW_CLIENT),
                  server = make("apiserver", &g.ca, GNUTLS_KP_TLS_WWW_SERVER),
                  foreign = make("apiserver", &g.other_ca, GNUTLS_KP_TLS_WWW_CLIENT),
                  self = make("apiserver", NULL, GNUTLS_KP_TLS_WWW_CLIENT);
    ck_assert_int_eq(post(&g, &good, "/review"), 200);
    ck_assert_int_eq(post(&g, NULL, "/review"), 403);
    ck_assert_int_eq(post(&g, &named, "/review"), 403);
    ck_assert_int_eq(post(&g, &server, "/review"), 403);
    ck_assert_int_eq(post(&g, &foreign, "/review"), 403);
    ck_assert_int_eq(post(&g, &self, "/review"), 403);
    ck_assert_int_eq(post(&g, NULL, "/convert"), 200); /* API servers show none there */
    drop(&good), drop(&named), drop(&server), drop(&foreign), drop(&self);
    rig_stop(&g);
}
END_TEST

START_TEST(any_name_when_none_is_asked_for) {
    struct rig g;
    rig_start(&g, "");
    struct signer s = make("whoever", &g.ca, GNUTLS_KP_TLS_WWW_CLIENT);
    ck_assert_int_eq(post(&g, &s, "/review"), 200);
    drop(&s);
    rig_stop(&g);
}
END_TEST

START_TEST(a_changed_file_is_taken_and_a_bad_one_is_not) {
    struct rig g;
    rig_start(&g, NULL);
    struct signer s = make("apiserver", &g.other_ca, GNUTLS_KP_TLS_WWW_CLIENT);
    ck_assert_int_eq(post(&g, &s, "/review"), 403);
    write_file(g.path, pem(g.a, &g.other_ca, false), 2000);
    usleep(1200000);
    ck_assert_int_eq(post(&g, &s, "/review"), 200);
    write_file(g.path, "no certificate", 3000);
    usleep(1200000);
    ck_assert_int_eq(post(&g, &s, "/review"), 200);
    drop(&s);
    rig_stop(&g);
}
END_TEST

START_TEST(a_file_without_certificates_is_refused) {
    struct err e = ERR_INIT;
    ck_assert_ptr_null(clients_new("/nonexistent/ca.crt", NULL, &e));
    ck_assert_ptr_nonnull(strstr(e.msg, "/nonexistent/ca.crt"));
    ck_assert_ptr_null(clients_new("/dev/null", NULL, &e));
}
END_TEST

TEST_MAIN("serve_clients", reviews_are_for_known_clients, any_name_when_none_is_asked_for,
          a_changed_file_is_taken_and_a_bad_one_is_not, a_file_without_certificates_is_refused)
