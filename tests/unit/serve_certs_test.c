/* Certificates: making, verifying, holding, following files. */
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sync.h"
#include "serve/certs.h"
#include "testing.h"

#define DAY INT64_C(86400000)
#define NAME "rbgs-webhook-service.rbgs-system.svc"

static int64_t now(void) { return clock_now_ms(clock_real()); }

static struct cert_set make(struct arena *a, const char *names) {
    struct err e = ERR_INIT;
    struct cert_set s = {0};
    ASSERT_OK(certs_generate(a, NULL, NULL, names, now(), 365, &s, &e));
    return s;
}

static gnutls_x509_crt_t parse(const char *pem) {
    gnutls_x509_crt_t c;
    gnutls_datum_t d = {(unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem)};
    ck_assert_int_eq(gnutls_x509_crt_init(&c), 0);
    ck_assert_int_eq(gnutls_x509_crt_import(c, &d, GNUTLS_X509_FMT_PEM), 0);
    return c;
}

START_TEST(generated_set_verifies_for_each_name) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set s = make(a, NAME ", 10.1.2.3,fd00::1");
    ASSERT_OK(certs_verify(&s, NAME, now(), &e));
    ASSERT_OK(certs_verify(&s, "localhost", now(), &e));
    ASSERT_OK(certs_verify(&s, "10.1.2.3", now(), &e));
    ASSERT_OK(certs_verify(&s, "fd00::1", now(), &e));
    ASSERT_ERR(certs_verify(&s, "other.svc", now(), &e), ERR_TLS);
    ck_assert_ptr_nonnull(strstr(e.msg, "other.svc"));
}
END_TEST

START_TEST(leaf_and_ca_have_the_promised_fields) {
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set s = make(a, NAME);
    gnutls_x509_crt_t ca = parse(s.ca_cert), leaf = parse(s.cert);
    char text[128], oid[64];
    size_t n = sizeof text;
    ck_assert_int_eq(gnutls_x509_crt_get_dn_by_oid(ca, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &n), 0);
    ck_assert_str_eq(text, "webhook-cert-ca");
    n = sizeof text;
    ck_assert_int_eq(gnutls_x509_crt_get_dn_by_oid(leaf, GNUTLS_OID_X520_COMMON_NAME, 0, 0, text, &n), 0);
    ck_assert_str_eq(text, NAME);
    unsigned critical, bits;
    ck_assert_int_eq(gnutls_x509_crt_get_ca_status(ca, &critical), 1);
    ck_assert_int_eq(gnutls_x509_crt_get_ca_status(leaf, &critical), 0);
    ck_assert_int_eq(gnutls_x509_crt_get_pk_algorithm(leaf, &bits), GNUTLS_PK_ECDSA);
    n = sizeof oid;
    ck_assert_int_eq(gnutls_x509_crt_get_key_purpose_oid(leaf, 0, oid, &n, NULL), 0);
    ck_assert_str_eq(oid, GNUTLS_KP_TLS_WWW_SERVER);
    int64_t begin = (int64_t)gnutls_x509_crt_get_activation_time(leaf) * 1000;
    ck_assert_int_lt(begin, now() - 60000);
    ck_assert_int_gt(begin, now() - 3600000);
    int64_t ca_end = (int64_t)gnutls_x509_crt_get_expiration_time(ca) * 1000;
    ck_assert_int_gt(ca_end, now() + 3649 * DAY);
    gnutls_x509_crt_deinit(ca);
    gnutls_x509_crt_deinit(leaf);
}
END_TEST

START_TEST(verify_checks_the_given_time) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set s = make(a, NAME);
    ASSERT_OK(certs_verify(&s, NAME, now() + 364 * DAY, &e));
    ASSERT_ERR(certs_verify(&s, NAME, now() + 366 * DAY, &e), ERR_TLS);
    ASSERT_ERR(certs_verify(&s, NAME, now() - DAY, &e), ERR_TLS);
}
END_TEST

/* A set made long ago: expired by the system's clock, but good at a time within its life. */
START_TEST(verify_does_not_look_at_the_systems_clock) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set s = {0};
    int64_t then = now() - 20 * 365 * DAY;
    ASSERT_OK(certs_generate(a, NULL, NULL, NAME, then, 100, &s, &e));
    ASSERT_OK(certs_verify(&s, NAME, then + DAY, &e));
    ASSERT_ERR(certs_verify(&s, NAME, now(), &e), ERR_TLS);
}
END_TEST

START_TEST(verify_refuses_foreign_parts) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set s = make(a, NAME), t = make(a, NAME), mixed = s;
    mixed.key = t.key;
    ASSERT_ERR(certs_verify(&mixed, NAME, now(), &e), ERR_TLS);
    ck_assert_ptr_nonnull(strstr(e.msg, "belong together"));
    mixed = s;
    mixed.ca_cert = t.ca_cert; /* the same CN: only the key differs */
    ASSERT_ERR(certs_verify(&mixed, NAME, now(), &e), ERR_TLS);
    mixed.ca_cert = arena_printf(a, "%s%s", t.ca_cert, s.ca_cert); /* both, as during a rotation */
    ASSERT_OK(certs_verify(&mixed, NAME, now(), &e));
    mixed.ca_cert = NULL;
    ASSERT_ERR(certs_verify(&mixed, NAME, now(), &e), ERR_TLS);
    mixed.ca_cert = arena_strdup(a, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    ASSERT_ERR(certs_verify(&mixed, NAME, now(), &e), ERR_TLS);
}
END_TEST

START_TEST(good_ca_is_reused_and_bounds_its_leaf) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set s = make(a, NAME), t = {0};
    int64_t later = now() + 8 * 365 * DAY;
    ASSERT_OK(certs_generate(a, s.ca_cert, s.ca_key, NAME, later, 3650, &t, &e));
    ck_assert_str_eq(t.ca_cert, s.ca_cert);
    ck_assert_str_ne(t.cert, s.cert);
    gnutls_x509_crt_t ca = parse(t.ca_cert), leaf = parse(t.cert);
    ck_assert_int_le(gnutls_x509_crt_get_expiration_time(leaf), gnutls_x509_crt_get_expiration_time(ca));
    gnutls_x509_crt_deinit(ca);
    gnutls_x509_crt_deinit(leaf);
    ASSERT_OK(certs_verify(&t, NAME, later, &e));
}
END_TEST

START_TEST(ca_in_its_last_year_or_damaged_is_replaced) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set s = make(a, NAME), other = make(a, NAME), t = {0};
    int64_t late = now() + (3650 - 300) * DAY;
    ASSERT_OK(certs_generate(a, s.ca_cert, s.ca_key, NAME, late, 100, &t, &e));
    ck_assert_str_ne(t.ca_cert, s.ca_cert);
    ASSERT_OK(certs_verify(&t, NAME, late, &e));
    ASSERT_OK(certs_generate(a, s.ca_cert, other.ca_key, NAME, now(), 100, &t, &e));
    ck_assert_str_ne(t.ca_cert, s.ca_cert);
    ASSERT_OK(certs_generate(a, s.cert, s.key, NAME, now(), 100, &t, &e)); /* a leaf is no CA */
    ck_assert_str_ne(t.ca_cert, s.cert);
    ASSERT_OK(certs_generate(a, "rubbish", "rubbish", NAME, now(), 100, &t, &e));
    ASSERT_OK(certs_verify(&t, NAME, now(), &e));
}
END_TEST

START_TEST(bad_names_are_refused) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set s = {0};
    static const char *const bad[] = {"", " , ", "a..b", "-a", "a-", "a_b", "a b/c", ".a", "a.", "a-.b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(certs_generate(a, NULL, NULL, bad[i], now(), 1, &s, &e) != 0 && e.code == ERR_INVALID, "\"%s\"", bad[i]);
    ASSERT_ERR(certs_generate(a, NULL, NULL, NULL, now(), 1, &s, &e), ERR_INVALID);
    ASSERT_ERR(certs_generate(a, NULL, NULL, "a", now(), 0, &s, &e), ERR_INVALID);
    ASSERT_OK(certs_generate(a, NULL, NULL, "*.a-b.example", now(), 1, &s, &e));
    ASSERT_OK(certs_verify(&s, "x.a-b.example", now(), &e));
}
END_TEST

/* A namespace may have 63 characters: the name is then longer than a CN may be. */
START_TEST(long_service_name_fits) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    const char *name = "rbgs-webhook-service.a23456789012345678901234567890123456789012345678901234567890123.svc";
    struct cert_set s = make(a, name);
    ASSERT_OK(certs_verify(&s, name, now(), &e));
}
END_TEST

START_TEST(holder_keeps_the_old_pair_when_the_new_one_is_bad) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set s = make(a, NAME), t = make(a, NAME);
    struct certs *c = certs_new(NULL);
    ck_assert(!certs_ok(c, now(), &e));
    ck_assert_int_eq(certs_not_after_ms(c), 0);
    ASSERT_OK(certs_set_pem(c, s.cert, s.key, &e));
    int64_t until = certs_not_after_ms(c);
    ck_assert_int_gt(until, now() + 364 * DAY);
    ASSERT_ERR(certs_set_pem(c, t.cert, s.key, &e), ERR_TLS);
    ASSERT_ERR(certs_set_pem(c, "", "", &e), ERR_TLS);
    ASSERT_ERR(certs_set_pem(c, t.cert, "-----BEGIN PRIVATE KEY-----\n", &e), ERR_TLS);
    ck_assert_int_eq(certs_not_after_ms(c), until);
    ck_assert(certs_ok(c, now(), &e));
    ck_assert(!certs_ok(c, until + 1, &e));
    ck_assert_ptr_nonnull(strstr(e.msg, "expired"));
    ck_assert(!certs_ok(c, now() - DAY, &e));
    certs_free(c);
}
END_TEST

static void put(const char *dir, const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

/* Waits until the holder's end of life is `want`, at most 6 s. */
static bool becomes(const struct certs *c, int64_t want) {
    for (int i = 0; i < 120; i++) {
        if (certs_not_after_ms(c) == want) return true;
        usleep(50000);
    }
    return false;
}

static int64_t end_of(const struct cert_set *s) {
    struct err e = ERR_INIT;
    struct certs *c = certs_new(NULL);
    ASSERT_OK(certs_set_pem(c, s->cert, s->key, &e));
    int64_t at = certs_not_after_ms(c);
    certs_free(c);
    return at;
}

static struct cert_set make_days(struct arena *a, int64_t days) {
    struct err e = ERR_INIT;
    struct cert_set s = {0};
    ASSERT_OK(certs_generate(a, NULL, NULL, NAME, now(), days, &s, &e));
    return s;
}

START_TEST(watch_follows_a_pair_written_in_two_steps) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set s = make_days(a, 10), t = make_days(a, 20);
    char dir[] = "/tmp/serve-certs-XXXXXX", crt[64], key[64];
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(crt, sizeof crt, "%s/tls.crt", dir);
    snprintf(key, sizeof key, "%s/tls.key", dir);
    struct certs *c = certs_new(NULL);
    ASSERT_OK(certs_watch_files(c, crt, key, &e)); /* it waits for them */
    ck_assert(!certs_ok(c, now(), &e));
    ck_assert_ptr_nonnull(strstr(e.msg, crt));
    put(dir, "tls.crt", s.cert);
    usleep(1500000);
    ck_assert(!certs_ok(c, now(), &e));
    ck_assert_ptr_nonnull(strstr(e.msg, key));
    put(dir, "tls.key", s.key);
    ck_assert(becomes(c, end_of(&s)));
    ck_assert(certs_ok(c, now(), &e));
    ASSERT_ERR(certs_watch_files(c, crt, key, &e), ERR_INTERNAL);
    ck_assert_int_eq(certs_not_after_ms(c), end_of(&s));
    put(dir, "tls.crt", t.cert);
    usleep(2500000);
    ck_assert_int_eq(certs_not_after_ms(c), end_of(&s)); /* the key is missing: the old pair stays */
    put(dir, "tls.key", t.key);
    ck_assert(becomes(c, end_of(&t)));
    unlink(crt);
    usleep(1200000);
    ck_assert(certs_ok(c, now(), &e)); /* gone files take nothing away */
    put(dir, "tls.crt", s.cert);
    put(dir, "tls.key", s.key);
    ck_assert(becomes(c, end_of(&s)));
    certs_free(c);
    unlink(crt);
    unlink(key);
    rmdir(dir);
}
END_TEST

/* The kubelet's way: tls.crt -> ..data/tls.crt, ..data -> a dated directory, swapped by rename(2). */
START_TEST(watch_follows_the_kubelets_symlink_swap) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set sets[] = {make_days(a, 10), make_days(a, 20)};
    char dir[] = "/tmp/serve-certs-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(dir));
    const char *one = arena_printf(a, "%s/1", dir), *two = arena_printf(a, "%s/2", dir);
    const char *data = arena_printf(a, "%s/..data", dir), *fresh = arena_printf(a, "%s/..data_tmp", dir);
    mkdir(one, 0700);
    mkdir(two, 0700);
    put(one, "tls.crt", sets[0].cert), put(one, "tls.key", sets[0].key);
    put(two, "tls.crt", sets[1].cert), put(two, "tls.key", sets[1].key);
    const char *crt = arena_printf(a, "%s/tls.crt", dir), *key = arena_printf(a, "%s/tls.key", dir);
    ck_assert_int_eq(symlink("1", data) | symlink("..data/tls.crt", crt) | symlink("..data/tls.key", key), 0);
    struct certs *c = certs_new(NULL);
    ASSERT_OK(certs_watch_files(c, crt, key, &e));
    ck_assert_int_eq(certs_not_after_ms(c), end_of(&sets[0]));
    ck_assert_int_eq(symlink("2", fresh) | rename(fresh, data), 0);
    ck_assert(becomes(c, end_of(&sets[1])));
    certs_free(c);
    const char *all[] = {"1/tls.crt", "1/tls.key", "2/tls.crt", "2/tls.key", "tls.crt", "tls.key", "..data"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) unlink(arena_printf(a, "%s/%s", dir, all[i]));
    rmdir(one), rmdir(two), rmdir(dir);
}
END_TEST

/* Waits until what is said about the newest files contains `want`; NULL: until nothing is wrong with them. At most 6 s. */
static bool said(const struct certs *c, const char *want) {
    struct err e = ERR_INIT;
    for (int i = 0; i < 120; i++) {
        bool stale = certs_stale(c, &e);
        if (want ? stale && strstr(e.msg, want) : !stale) return true;
        usleep(50000);
    }
    fprintf(stderr, "what is said: %s\n", e.msg);
    return false;
}

#define STALE "rbg_certificate_problem{use=\"faults\",problem=\"stale\"} "

/* Faults: files that can't be used, one after the other. Each is named, none takes the good pair away, and the end heals. */
START_TEST(broken_files_are_named_and_the_old_pair_stays) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set s = make_days(a, 10), t = make_days(a, 20), past = {0}, future = {0};
    ASSERT_OK(certs_generate(a, NULL, NULL, NAME, now() - 50 * DAY, 20, &past, &e));
    ASSERT_OK(certs_generate(a, NULL, NULL, NAME, now() + 5 * DAY, 20, &future, &e));
    const struct { const char *cert, *key, *says; } faults[] = {
        {t.cert, s.key, "do not belong together"},
        {s.cert, t.key, "do not belong together"},
        {arena_strndup(a, t.cert, strlen(t.cert) / 2), t.key, "no PEM chain"},
        {t.cert, arena_strndup(a, t.key, strlen(t.key) / 2), "no unencrypted PEM key"},
        {"", "", "no PEM chain"},
        {past.cert, past.key, "expired at"},
        {future.cert, future.key, "valid only from"},
    };
    char dir[] = "/tmp/serve-certs-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(dir));
    const char *crt = arena_printf(a, "%s/tls.crt", dir), *key = arena_printf(a, "%s/tls.key", dir);
    put(dir, "tls.crt", s.cert);
    put(dir, "tls.key", s.key);
    struct certs *c = certs_new("faults");
    ASSERT_OK(certs_watch_files(c, crt, key, &e));
    ck_assert(testing_metric(arena_printf(a, "rbg_certificate_expiration_timestamp_seconds{use=\"faults\"} %lld",
                                          (long long)(end_of(&s) / 1000))));
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        put(dir, "tls.crt", faults[i].cert);
        put(dir, "tls.key", faults[i].key);
        ck_assert_msg(said(c, faults[i].says), "fault %zu: %s", i, faults[i].says);
        certs_check(c, now());
        ck_assert(testing_metric(STALE "1"));
        ck_assert(certs_ok(c, now(), &e));
        ck_assert_int_eq(certs_not_after_ms(c), end_of(&s));
    }
    put(dir, "tls.crt", t.cert);
    put(dir, "tls.key", t.key);
    ck_assert(becomes(c, end_of(&t)));
    ck_assert(said(c, NULL));
    certs_check(c, now());
    ck_assert(testing_metric(STALE "0"));
    certs_free(c);
    unlink(crt), unlink(key), rmdir(dir);
}
END_TEST

/* At the start there is nothing better. */
START_TEST(expired_files_are_served_and_named) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set past = {0}, t = make_days(a, 20);
    ASSERT_OK(certs_generate(a, NULL, NULL, NAME, now() - 50 * DAY, 20, &past, &e));
    char dir[] = "/tmp/serve-certs-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(dir));
    const char *crt = arena_printf(a, "%s/tls.crt", dir), *key = arena_printf(a, "%s/tls.key", dir);
    put(dir, "tls.crt", past.cert);
    put(dir, "tls.key", past.key);
    struct certs *c = certs_new("past");
    ASSERT_OK(certs_watch_files(c, crt, key, &e));
    ck_assert(!certs_ok(c, now(), &e));
    ck_assert_ptr_nonnull(strstr(e.msg, "expired at"));
    ck_assert(testing_metric("rbg_certificate_problem{use=\"past\",problem=\"expired\"} 1"));
    put(dir, "tls.crt", t.cert);
    put(dir, "tls.key", t.key);
    ck_assert(becomes(c, end_of(&t)));
    ck_assert(certs_ok(c, now(), &e));
    certs_check(c, now());
    ck_assert(testing_metric("rbg_certificate_problem{use=\"past\",problem=\"expired\"} 0"));
    certs_free(c);
    unlink(crt), unlink(key), rmdir(dir);
}
END_TEST

START_TEST(bundle_keeps_what_it_is_told_to) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct cert_set s = make(a, NAME), t = make(a, NAME), past = {0};
    ASSERT_OK(certs_generate(a, NULL, NULL, NAME, now() - 4000 * DAY, 20, &past, &e));
    const char *have = arena_printf(a, "# a comment\n%s%s%s", t.ca_cert, past.ca_cert, s.ca_cert);
    char *out = NULL, *again = NULL;
    size_t others = 0;
    ASSERT_OK(certs_bundle(a, s.ca_cert, have, true, now(), &out, &others, &e));
    ck_assert_str_eq(out, arena_printf(a, "%s%s", s.ca_cert, t.ca_cert));
    ck_assert_uint_eq(others, 2);
    ASSERT_OK(certs_bundle(a, s.ca_cert, out, true, now(), &again, &others, &e));
    ck_assert_str_eq(again, out);
    ck_assert_uint_eq(others, 1);
    ASSERT_OK(certs_bundle(a, s.ca_cert, have, false, now(), &out, &others, &e));
    ck_assert_str_eq(out, s.ca_cert);
    static const char *const nothing[] = {NULL, "", "\n", "rubbish",
                                          "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
        ASSERT_OK(certs_bundle(a, s.ca_cert, nothing[i], true, now(), &out, &others, &e));
        ck_assert_str_eq(out, s.ca_cert);
        ck_assert_uint_eq(others, 0);
    }
    ASSERT_ERR(certs_bundle(a, "rubbish", have, true, now(), &out, &others, &e), ERR_TLS);
}
END_TEST

struct race {
    struct certs *c;
    struct cert_set set[2];
    atomic_bool stop;
    atomic_int bad;
};

static void *reader(void *arg) {
    struct race *r = arg;
    while (!atomic_load(&r->stop))
        if (!certs_ok(r->c, now(), NULL) || certs_not_after_ms(r->c) == 0) atomic_fetch_add(&r->bad, 1);
    return NULL;
}

START_TEST(swap_and_read_from_many_threads) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct race r = {.c = certs_new(NULL), .set = {make(a, NAME), make(a, NAME)}};
    ASSERT_OK(certs_set_pem(r.c, r.set[0].cert, r.set[0].key, &e));
    pthread_t t[3];
    for (int i = 0; i < 3; i++) t[i] = thread_start("reader", reader, &r);
    for (int i = 0; i < 200; i++) ASSERT_OK(certs_set_pem(r.c, r.set[i & 1].cert, r.set[i & 1].key, &e));
    atomic_store(&r.stop, true);
    for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
    ck_assert_int_eq(atomic_load(&r.bad), 0);
    certs_free(r.c);
}
END_TEST

TEST_MAIN("serve_certs", generated_set_verifies_for_each_name, leaf_and_ca_have_the_promised_fields,
          verify_checks_the_given_time, verify_does_not_look_at_the_systems_clock, verify_refuses_foreign_parts,
          good_ca_is_reused_and_bounds_its_leaf, ca_in_its_last_year_or_damaged_is_replaced, bad_names_are_refused,
          long_service_name_fits, holder_keeps_the_old_pair_when_the_new_one_is_bad,
          watch_follows_a_pair_written_in_two_steps, watch_follows_the_kubelets_symlink_swap,
          broken_files_are_named_and_the_old_pair_stays, expired_files_are_served_and_named, bundle_keeps_what_it_is_told_to,
          swap_and_read_from_many_threads)
