/* The self-managed certificate, with replicas that share an API server and a clock. What holds at every step of every test:
 * each replica that serves at all serves a certificate that every bundle vouches for, by the keys that are in it then. */
#include "testing.h"

#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/str.h"
#include "common/serve/pair.h"
#include "doc/patch.h"
#include "fakeapi.h"
#include "manager/selfcert.h"

#define NAME "svc.ns.svc"
#define DAY ((int64_t)86400000)
#define START ((int64_t)1800000000000)
#define SETTLE_MS 10000
#define HOUR_MS 3600000
#define NTARGETS 4
#define NREPLICAS 2
#define SETS 64
#define SECRET "/api/v1/namespaces/ns/secrets/"

/* What the API server holds. */
static struct world {
    pthread_mutex_t lock;
    struct arena *arena;
    struct jv *target[NTARGETS], *secret; /* secret NULL: there is none */
    int version;
    struct cert_set set[SETS]; /* every certificate that was ever in the Secret, PEM */
    int nsets;
    atomic_int busy;      /* as many patches find that somebody else has written in between */
    atomic_bool forbidden; /* Secrets */
    atomic_bool silent;    /* nobody answers */
    atomic_bool absent;    /* the definitions are not installed yet */
} w;

static const char *const target_name[NTARGETS] = {"rolebasedgroups.workloads.x-k8s.io", "rolebasedgroupsets.workloads.x-k8s.io",
                                                  "rbgs-validating-webhook-configuration", "rbgs-mutating-webhook-configuration"};

static struct fakeapi *api;
static struct clock *now;
static struct replica {
    struct kube *kube;
    struct kube_config *config;
    struct certs *certs;
    struct selfcert *selfcert; /* NULL: it does not run */
} replica[NREPLICAS];

/* ---- the API server ---- */

static void bump(struct jv *doc) {
    jv_set_str(w.arena, jv_need_obj(w.arena, doc, "metadata"), "resourceVersion", arena_printf(w.arena, "%d", ++w.version));
}

static struct cert_set decoded(struct arena *a, const struct jv *secret) {
    const struct jv *data = jv_get(secret, "data");
    return (struct cert_set){.ca_cert = base64_decode(a, jv_get_str(data, "ca-cert.pem"), NULL),
                             .cert = base64_decode(a, jv_get_str(data, "tls.crt"), NULL),
                             .key = base64_decode(a, jv_get_str(data, "tls.key"), NULL)};
}

static void store_secret(struct fake_conn *c, const char *body, size_t len, bool create) {
    struct jv *fresh = json_parse(w.arena, body, len, NULL, NULL);
    if (create && w.secret) {
        fake_status(c, 409, "AlreadyExists", "it is there");
    } else if (!create && !str_eq(jv_get_str(jv_get(fresh, "metadata"), "resourceVersion"),
                                  jv_get_str(jv_get(w.secret, "metadata"), "resourceVersion"))) {
        fake_status(c, 409, "Conflict", "stale");
    } else {
        bump(fresh);
        w.secret = fresh;
        w.set[w.nsets++ % SETS] = decoded(w.arena, fresh);
        fake_reply(c, create ? 201 : 200, NULL, json_text(w.arena, fresh));
    }
}

static void answer_secret(struct fake_conn *c, const struct fake_request *q) {
    if (atomic_load(&w.forbidden)) fake_status(c, 403, "Forbidden", "secrets is forbidden");
    else if (str_eq(q->method, "POST")) store_secret(c, q->body, q->len, true);
    else if (!w.secret) fake_status(c, 404, "NotFound", "no such secret");
    else if (str_eq(q->method, "PUT")) store_secret(c, q->body, q->len, false);
    else fake_reply(c, 200, NULL, json_text(w.arena, w.secret));
}

static void answer_target(struct fake_conn *c, const struct fake_request *q, struct jv **doc) {
    if (str_eq(q->method, "PATCH")) {
        if (atomic_load(&w.busy) > 0) {
            atomic_fetch_sub(&w.busy, 1);
            bump(*doc);
        }
        struct jv *ops = json_parse(w.arena, q->body, q->len, NULL, NULL);
        struct jv *next = json_patch_apply(w.arena, *doc, ops, NULL);
        if (!next) {
            fake_status(c, 422, "Invalid", "the server rejected our request due to an error in our request");
            return;
        }
        bump(next);
        *doc = next;
    }
    fake_reply(c, 200, NULL, json_text(w.arena, *doc));
}

static void answer(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    (void)ctx;
    pthread_mutex_lock(&w.lock);
    size_t i = 0;
    while (i < NTARGETS && !str_has_suffix(q->path, target_name[i])) i++;
    if (atomic_load(&w.silent)) fake_cut(c);
    else if (i < 2 && atomic_load(&w.absent)) fake_status(c, 404, "NotFound", "not found");
    else if (i < NTARGETS) answer_target(c, q, &w.target[i]);
    else answer_secret(c, q);
    pthread_mutex_unlock(&w.lock);
}

/* ---- the rig ---- */

static struct jv *new_target(size_t i) {
    static const char crd[] = "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"conversion\":{\"webhook\":{\"clientConfig\":{}}}}}";
    static const char hooks[] = "{\"metadata\":{\"name\":\"%s\"},\"webhooks\":[{\"name\":\"a\",\"clientConfig\":{}},"
                                "{\"name\":\"b\",\"clientConfig\":{\"caBundle\":\"Cg==\"}}]}";
    char *text = arena_printf(w.arena, i < 2 ? crd : hooks, target_name[i]);
    struct jv *doc = json_parse(w.arena, text, strlen(text), NULL, NULL);
    bump(doc);
    return doc;
}

static void connect_all(void) {
    for (size_t i = 0; i < NREPLICAS; i++)
        replica[i].kube = fakeapi_client(api, &(struct kube_opts){.user_agent = "t"}, &replica[i].config);
}

static void run_replica(size_t i) {
    replica[i].certs = certs_new("webhook");
    replica[i].selfcert = selfcert_new(&(struct selfcert_opts){.kube = replica[i].kube, .certs = replica[i].certs, .clock = now,
                                                               .ns = "ns", .secret = "cert", .service = "svc"});
}

static void end_replica(size_t i) {
    if (!replica[i].selfcert) return;
    selfcert_free(replica[i].selfcert);
    certs_free(replica[i].certs);
    replica[i].selfcert = NULL;
}

static void setup(void) {
    memset(&w, 0, sizeof w);
    pthread_mutex_init(&w.lock, NULL);
    w.arena = arena_new();
    for (size_t i = 0; i < NTARGETS; i++) w.target[i] = new_target(i);
    now = clock_fake_new(START);
    api = fakeapi_start(0, answer, NULL);
    connect_all();
    run_replica(0);
}

static void teardown(void) {
    for (size_t i = 0; i < NREPLICAS; i++) {
        end_replica(i);
        kube_free(replica[i].kube);
        kube_config_free(replica[i].config);
    }
    fakeapi_stop(api);
    clock_fake_free(now);
    arena_free(w.arena);
}

/* ---- what holds ---- */

static int64_t time_now(void) { return clock_now_ms(now); }

/* The bundles of all client configurations, as PEM. */
static size_t bundles(struct arena *a, const char *out[], size_t max) {
    size_t n = 0;
    for (size_t i = 0; i < NTARGETS; i++) {
        const struct jv *cc = jv_path(w.target[i], "spec", "conversion", "webhook", "clientConfig", (char *)0);
        const struct jv *hooks = jv_get(w.target[i], "webhooks");
        if (cc && n < max) out[n++] = base64_decode(a, jv_get_str(cc, "caBundle"), NULL);
        for (size_t h = 0; h < jv_len(hooks) && n < max; h++)
            out[n++] = base64_decode(a, jv_get_str(jv_get(jv_idx(hooks, h), "clientConfig"), "caBundle"), NULL);
    }
    return n;
}

/* How many certificates a bundle holds. */
static unsigned size_of(const char *pem) {
    unsigned n = 0;
    for (const char *s = pem; s && (s = strstr(s, "-----BEGIN")); s++) n++;
    return n;
}

static bool same_leaf(const char *pem, const gnutls_datum_t *der) {
    gnutls_datum_t text = {(unsigned char *)(uintptr_t)pem, (unsigned)strlen(pem)}, have = {0};
    bool same = gnutls_pem_base64_decode2("CERTIFICATE", &text, &have) >= 0 && have.size == der->size &&
                memcmp(have.data, der->data, der->size) == 0;
    gnutls_free(have.data);
    return same;
}

/* Which of the certificates that were ever made the replica serves; -1: none. */
static int serves(size_t i) {
    struct pair *p = certs_ref(replica[i].certs);
    if (!p) return -1;
    gnutls_pcert_st *chain;
    gnutls_privkey_t key;
    unsigned n;
    ck_assert_int_eq(pair_copy(p, &chain, &n, &key), 0);
    int which = -1;
    for (int s = 0; s < w.nsets; s++)
        if (same_leaf(w.set[s].cert, &chain[0].cert)) which = s;
    ck_assert_int_ge(which, 0);
    for (unsigned c = 0; c < n; c++) gnutls_pcert_deinit(&chain[c]);
    gnutls_free(chain);
    gnutls_privkey_deinit(key);
    pair_unref(p);
    return which;
}

static void everyone_is_trusted(void) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    const char *list[16];
    size_t n = bundles(a, list, 16);
    ck_assert_uint_eq(n, 6);
    for (size_t r = 0; r < NREPLICAS; r++) {
        int which = replica[r].selfcert ? serves(r) : -1;
        for (size_t b = 0; which >= 0 && b < n; b++) {
            struct cert_set s = {.ca_cert = (char *)(uintptr_t)list[b], .cert = w.set[which].cert, .key = w.set[which].key};
            ASSERT_OK(certs_verify(&s, NAME, time_now(), &e));
        }
    }
}

static int64_t look(size_t i) {
    int64_t ms = selfcert_look(replica[i].selfcert);
    everyone_is_trusted();
    return ms;
}

static void every_bundle_has(unsigned certificates) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *list[16];
    size_t n = bundles(a, list, 16);
    for (size_t i = 0; i < n; i++) ck_assert_uint_eq(size_of(list[i]), certificates);
}

/* Both run and serve the first certificate. */
static void two_that_serve(void) {
    look(0);
    run_replica(1);
    look(1);
    ck_assert_int_eq(serves(0), 0);
    ck_assert_int_eq(serves(1), 0);
}

/* ---- tests ---- */

START_TEST(a_first_installation_serves_at_once) {
    ck_assert_int_eq(look(0), 10000);
    ck_assert_int_eq(serves(0), 0);
    ck_assert_int_eq(w.nsets, 1);
    every_bundle_has(1);
    int requests = fakeapi_requests(api);
    look(0);
    ck_assert_int_eq(fakeapi_requests(api) - requests, 1 + NTARGETS); /* nothing is written, nor read in full */
}
END_TEST

/* The pauses grew while nobody answered, and the first answer had to wait for the last of them. */
START_TEST(the_first_answer_does_not_wait_for_a_long_pause) {
    atomic_store(&w.silent, true);
    for (int i = 0; i < 20; i++) ck_assert_int_le(selfcert_look(replica[0].selfcert), 500);
    atomic_store(&w.silent, false);
    ck_assert_int_eq(look(0), 10000);
    ck_assert_int_eq(serves(0), 0);
}
END_TEST

/* Definitions that were installed after the manager's start got their CA ten seconds later, and no group could be written. */
START_TEST(definitions_that_come_a_moment_later_get_their_ca_at_once) {
    atomic_store(&w.absent, true);
    ck_assert_int_eq(selfcert_look(replica[0].selfcert), 1000);
    ck_assert_int_eq(serves(0), 0);
    atomic_store(&w.absent, false);
    ck_assert_int_eq(look(0), 10000);
    every_bundle_has(1);
    atomic_store(&w.absent, true); /* nobody looks for ever for what does not come */
    clock_fake_advance(now, 61000);
    ck_assert_int_eq(selfcert_look(replica[0].selfcert), 10000);
}
END_TEST

static void *look_once(void *arg) {
    selfcert_look(((struct replica *)arg)->selfcert);
    return NULL;
}

/* They ended with "HTTP 422 Invalid" when the other one had written between their read and their write. */
START_TEST(replicas_that_start_together_agree) {
    pthread_t t[NREPLICAS];
    run_replica(1);
    atomic_store(&w.busy, 3);
    for (size_t i = 0; i < NREPLICAS; i++) ck_assert_int_eq(pthread_create(&t[i], NULL, look_once, &replica[i]), 0);
    for (size_t i = 0; i < NREPLICAS; i++) pthread_join(t[i], NULL);
    everyone_is_trusted();
    ck_assert_int_eq(serves(0), 0);
    ck_assert_int_eq(serves(1), 0);
    ck_assert_int_eq(w.nsets, 1);
    every_bundle_has(1);
}
END_TEST

START_TEST(one_that_never_gets_its_turn_says_so) {
    struct err e = ERR_INIT;
    atomic_store(&w.busy, 1000);
    ck_assert_int_eq(look(0), 1000);
    ck_assert_int_eq(look(0), 2000);
    ck_assert(!certs_ok(replica[0].certs, time_now(), &e));
    ck_assert_ptr_nonnull(strstr(e.msg, target_name[0]));
    atomic_store(&w.busy, 0);
    ck_assert_int_eq(look(0), 10000);
    ck_assert(certs_ok(replica[0].certs, time_now(), &e));
    ck_assert(!certs_stale(replica[0].certs, &e));
}
END_TEST

START_TEST(a_new_ca_is_trusted_before_it_is_used_and_the_old_one_after) {
    two_that_serve();
    clock_fake_advance(now, 2 * DAY);
    w.secret = NULL; /* how a user asks for a new CA */
    ck_assert_int_eq(look(0), 1000);
    every_bundle_has(2);
    ck_assert_int_eq(serves(0), 0);
    clock_fake_advance(now, SETTLE_MS - 1);
    look(0);
    look(1); /* sees it only now: the bundles are whole already */
    ck_assert_int_eq(serves(0), 0);
    ck_assert_int_eq(serves(1), 0);
    clock_fake_advance(now, 1);
    ck_assert_int_eq(look(0), 10000);
    look(1);
    ck_assert_int_eq(serves(0), 1);
    ck_assert_int_eq(serves(1), 0);
    clock_fake_advance(now, SETTLE_MS);
    look(1);
    ck_assert_int_eq(serves(1), 1);
    clock_fake_advance(now, HOUR_MS - 3 * SETTLE_MS);
    look(0);
    every_bundle_has(2);
    clock_fake_advance(now, 3 * SETTLE_MS);
    look(0);
    every_bundle_has(1);
    look(1);
    every_bundle_has(1);
    ck_assert_int_eq(w.nsets, 2);
}
END_TEST

START_TEST(a_replica_that_starts_amid_the_change_waits) {
    struct err e = ERR_INIT;
    two_that_serve();
    w.secret = NULL;
    look(0);
    end_replica(1);
    run_replica(1);
    ck_assert_int_eq(look(1), 1000);
    ck_assert(!certs_ok(replica[1].certs, time_now(), &e)); /* not ready */
    clock_fake_advance(now, SETTLE_MS);
    ck_assert_int_eq(look(1), 10000);
    ck_assert_int_eq(serves(1), 1);
    end_replica(0);
    run_replica(0);
    look(0);
    ck_assert_int_eq(serves(0), -1);
    clock_fake_advance(now, SETTLE_MS);
    look(0);
    ck_assert_int_eq(serves(0), 1);
}
END_TEST

START_TEST(one_ca_after_another_leaves_none_behind) {
    two_that_serve();
    for (int i = 0; i < 12; i++) {
        clock_fake_advance(now, SETTLE_MS);
        w.secret = NULL;
        look(0);
        look(1);
        clock_fake_advance(now, SETTLE_MS);
        look(0);
        look(1);
        ck_assert_int_eq(serves(0), i + 1);
        ck_assert_int_eq(serves(1), i + 1);
    }
    every_bundle_has(9);
    clock_fake_advance(now, HOUR_MS);
    look(1);
    every_bundle_has(1);
}
END_TEST

START_TEST(a_renewed_pair_of_the_same_ca_is_served_at_once) {
    two_that_serve();
    clock_fake_advance(now, 336 * DAY);
    look(0);
    ck_assert_int_eq(serves(0), 1);
    ck_assert_int_eq(serves(1), 0);
    look(1);
    ck_assert_int_eq(serves(1), 1);
    every_bundle_has(1);
    ck_assert_str_eq(w.set[0].ca_cert, w.set[1].ca_cert);
}
END_TEST

START_TEST(a_ca_in_its_last_year_is_replaced_in_the_same_way) {
    two_that_serve();
    for (int year = 1; year <= 11; year++)
        for (int n = 0; n < 3; n++) {
            look(0);
            look(1);
            clock_fake_advance(now, n < 2 ? SETTLE_MS : 335 * DAY);
        }
    ck_assert_str_ne(w.set[0].ca_cert, w.set[w.nsets - 1].ca_cert);
    look(0);
    look(1);
    clock_fake_advance(now, SETTLE_MS);
    look(0);
    every_bundle_has(1);
}
END_TEST

/* Fault: what is in the Secret is half of one certificate and half of another, cut off, or no PEM at all. */
START_TEST(a_broken_secret_is_replaced_without_a_gap) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct cert_set other;
    ASSERT_OK(certs_generate(a, NULL, NULL, NAME, START, 300, &other, &e));
    two_that_serve();
    const struct { const char *key, *value; } broken[] = {
        {"key.pem", other.key}, {"cert.pem", other.cert}, {"ca-cert.pem", other.ca_cert}, {"cert.pem", "rubbish"},
        {"ca-key.pem", NULL},
        {"cert.pem", arena_strndup(a, other.cert, strlen(other.cert) / 2)}};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct jv *data = jv_get(w.secret, "data");
        jv_del(data, broken[i].key);
        if (broken[i].value)
            jv_set_str(w.arena, data, broken[i].key, base64_encode(w.arena, broken[i].value, strlen(broken[i].value)));
        bump(w.secret);
        for (int n = 0; n < 2; n++) {
            look(1);
            look(0);
            clock_fake_advance(now, SETTLE_MS);
        }
        ck_assert_int_eq(serves(0), w.nsets - 1);
        ck_assert_int_eq(serves(1), w.nsets - 1);
        ck_assert_int_eq(w.nsets, (int)i + 2);
    }
}
END_TEST

START_TEST(what_goes_wrong_is_said_and_heals) {
    struct err e = ERR_INIT;
    atomic_store(&w.forbidden, true);
    look(0);
    ck_assert(!certs_ok(replica[0].certs, time_now(), &e));
    ck_assert_ptr_nonnull(strstr(e.msg, "secrets is forbidden"));
    ck_assert(testing_metric("rbg_certificate_problem{use=\"webhook\",problem=\"absent\"} 1"));
    atomic_store(&w.forbidden, false);
    look(0);
    ck_assert(certs_ok(replica[0].certs, time_now(), &e));
    ck_assert(testing_metric("rbg_certificate_problem{use=\"webhook\",problem=\"absent\"} 0"));
    atomic_store(&w.forbidden, true);
    look(0);
    ck_assert(certs_ok(replica[0].certs, time_now(), &e)); /* ready all the same */
    ck_assert(certs_stale(replica[0].certs, &e));
    ck_assert(testing_metric("rbg_certificate_problem{use=\"webhook\",problem=\"stale\"} 1"));
    clock_fake_advance(now, 366 * DAY);
    selfcert_look(replica[0].selfcert);
    ck_assert(!certs_ok(replica[0].certs, time_now(), &e));
    ck_assert_ptr_nonnull(strstr(e.msg, "expired at"));
    ck_assert(testing_metric("rbg_certificate_problem{use=\"webhook\",problem=\"expired\"} 1"));
    atomic_store(&w.forbidden, false);
    look(0);
    ck_assert(certs_ok(replica[0].certs, time_now(), &e));
    ck_assert(testing_metric("rbg_certificate_problem{use=\"webhook\",problem=\"expired\"} 0"));
    ck_assert(testing_metric("rbg_certificate_problem{use=\"webhook\",problem=\"stale\"} 0"));
}
END_TEST

/* An upgrade writes the definitions again. */
START_TEST(a_ca_that_was_taken_out_is_put_back) {
    two_that_serve();
    for (size_t i = 0; i < NTARGETS; i++) w.target[i] = new_target(i);
    selfcert_look(replica[1].selfcert);
    every_bundle_has(1);
    everyone_is_trusted();
}
END_TEST

/* What somebody else's certificate was verified with stays for a while: its pods may still run. */
START_TEST(a_foreign_ca_goes_after_an_hour) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct cert_set other;
    ASSERT_OK(certs_generate(a, NULL, NULL, "other", START, 300, &other, &e));
    struct jv *cc = jv_path(w.target[0], "spec", "conversion", "webhook", "clientConfig", (char *)0);
    jv_set_str(w.arena, cc, "caBundle", base64_encode(w.arena, other.ca_cert, strlen(other.ca_cert)));
    look(0);
    ck_assert_int_eq(serves(0), -1);
    clock_fake_advance(now, SETTLE_MS);
    look(0);
    ck_assert_int_eq(serves(0), 0);
    cc = jv_path(w.target[0], "spec", "conversion", "webhook", "clientConfig", (char *)0);
    ck_assert_uint_eq(size_of(base64_decode(a, jv_get_str(cc, "caBundle"), NULL)), 2);
    clock_fake_advance(now, HOUR_MS);
    look(0);
    every_bundle_has(1);
}
END_TEST

START_TEST(the_thread_does_the_same) {
    struct err e = ERR_INIT;
    struct certs *certs = certs_new(NULL);
    struct selfcert *s = selfcert_start(&(struct selfcert_opts){.kube = replica[1].kube, .certs = certs, .clock = now, .ns = "ns",
                                                                .secret = "cert", .service = "svc"});
    for (int i = 0; i < 200 && !certs_ok(certs, time_now(), NULL); i++) usleep(50000);
    ck_assert(certs_ok(certs, time_now(), &e));
    selfcert_stop(s);
    certs_free(certs);
}
END_TEST

int main(void) {
    const TTest *const tests[] = {
        a_first_installation_serves_at_once, the_first_answer_does_not_wait_for_a_long_pause,
        definitions_that_come_a_moment_later_get_their_ca_at_once,
        replicas_that_start_together_agree, one_that_never_gets_its_turn_says_so,
        a_new_ca_is_trusted_before_it_is_used_and_the_old_one_after, a_replica_that_starts_amid_the_change_waits,
        one_ca_after_another_leaves_none_behind, a_renewed_pair_of_the_same_ca_is_served_at_once,
        a_ca_in_its_last_year_is_replaced_in_the_same_way, a_broken_secret_is_replaced_without_a_gap,
        what_goes_wrong_is_said_and_heals,
        a_ca_that_was_taken_out_is_put_back, a_foreign_ca_goes_after_an_hour, the_thread_does_the_same};
    Suite *suite = suite_create("manager_selfcert");
    TCase *tc = tcase_create("manager_selfcert");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) tcase_add_test(tc, tests[i]);
    suite_add_tcase(suite, tc);
    return testing_run(suite);
}
