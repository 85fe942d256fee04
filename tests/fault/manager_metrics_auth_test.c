/* Who may read /metrics, against an API server that answers, refuses and fails. */
#include "testing.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "fakeapi.h"
#include "http_client.h"
#include "manager/metrics_auth.h"
#include "manager/probes.h"

#define USER "\"user\":{\"username\":\"%s\",\"uid\":\"u1\",\"groups\":[\"g1\",\"g2\"],\"extra\":{\"k\":[\"v\"]}}"

static struct fakeapi *api;
static struct kube_config *config;
static struct kube *k;
static struct clock *now;
static struct metrics_auth *auth;
static atomic_int tokens, accesses; /* reviews so far */
static atomic_bool broken;          /* the API server answers 500 */
static char access_body[4096];      /* of the last SubjectAccessReview */

/* The token is the user's name; "nobody" is no user; only prometheus may read. */
static void token_review(struct fake_conn *c, const struct fake_request *q) {
    char text[512];
    atomic_fetch_add(&tokens, 1);
    const char *name = strstr(q->body, "prometheus") ? "prometheus" : "visitor";
    if (strstr(q->body, "nobody")) snprintf(text, sizeof text, "{\"status\":{\"authenticated\":false,\"error\":\"expired\"}}");
    else snprintf(text, sizeof text, "{\"status\":{\"authenticated\":true," USER "}}", name);
    fake_reply(c, 201, NULL, text);
}

static void answer(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    (void)ctx;
    if (atomic_load(&broken)) {
        fake_status(c, 403, "Forbidden", "the manager may not create tokenreviews");
    } else if (strstr(q->path, "/tokenreviews")) {
        token_review(c, q);
    } else {
        atomic_fetch_add(&accesses, 1);
        snprintf(access_body, sizeof access_body, "%s", q->body);
        fake_reply(c, 201, NULL, strstr(q->body, "\"user\":\"prometheus\"") ? "{\"status\":{\"allowed\":true}}"
                                                                            : "{\"status\":{\"allowed\":false}}");
    }
}

static void begin(void) {
    api = fakeapi_start(0, answer, NULL);
    k = fakeapi_client(api, &(struct kube_opts){.user_agent = "test"}, &config);
    now = clock_fake_new(1000000);
    auth = metrics_auth_new(k, now);
}

static void end(void) {
    metrics_auth_free(auth);
    clock_fake_free(now);
    kube_free(k);
    kube_config_free(config);
    fakeapi_stop(api);
}

START_TEST(no_token_is_unauthorized_without_asking) {
    struct err e = ERR_INIT;
    begin();
    ASSERT_ERR(metrics_auth_check(auth, "", NULL, &e), ERR_UNAUTHORIZED);
    ASSERT_ERR(metrics_auth_check(auth, "Bearer  ", NULL, &e), ERR_UNAUTHORIZED);
    ASSERT_ERR(metrics_auth_check(auth, "Basic cHJvbWV0aGV1czp4", NULL, &e), ERR_UNAUTHORIZED);
    char *huge = malloc(40000);
    memset(huge, 'x', 39999);
    huge[39999] = 0;
    memcpy(huge, "Bearer ", 7);
    ASSERT_ERR(metrics_auth_check(auth, huge, NULL, &e), ERR_UNAUTHORIZED);
    free(huge);
    ck_assert_int_eq(fakeapi_requests(api), 0);
    end();
}
END_TEST

START_TEST(a_user_with_the_right_may_read) {
    struct err e = ERR_INIT;
    begin();
    ASSERT_OK(metrics_auth_check(auth, "Bearer e30.prometheus.c2ln", NULL, &e));
    ck_assert_ptr_nonnull(strstr(access_body, "\"nonResourceAttributes\":{\"path\":\"/metrics\",\"verb\":\"get\"}"));
    ck_assert_ptr_nonnull(strstr(access_body, "\"groups\":[\"g1\",\"g2\"]"));
    ck_assert_ptr_nonnull(strstr(access_body, "\"extra\":{\"k\":[\"v\"]}"));
    ck_assert_ptr_nonnull(strstr(access_body, "\"uid\":\"u1\""));
    end();
}
END_TEST

START_TEST(others_may_not) {
    struct err e = ERR_INIT;
    begin();
    ASSERT_ERR(metrics_auth_check(auth, "Bearer e30.nobody.c2ln", NULL, &e), ERR_UNAUTHORIZED);
    ck_assert_int_eq(atomic_load(&accesses), 0);
    ASSERT_ERR(metrics_auth_check(auth, "bearer e30.someone.c2ln", NULL, &e), ERR_FORBIDDEN);
    ck_assert_ptr_nonnull(strstr(e.msg, "visitor"));
    end();
}
END_TEST

START_TEST(a_decision_is_kept_for_ten_seconds) {
    struct err e = ERR_INIT;
    begin();
    for (int i = 0; i < 5; i++) {
        ASSERT_OK(metrics_auth_check(auth, "Bearer e30.prometheus.c2ln", NULL, &e));
        ASSERT_ERR(metrics_auth_check(auth, "Bearer e30.someone.c2ln", NULL, &e), ERR_FORBIDDEN);
        ASSERT_ERR(metrics_auth_check(auth, "Bearer e30.nobody.c2ln", NULL, &e), ERR_UNAUTHORIZED);
        clock_fake_advance(now, 1900);
    }
    ck_assert_int_eq(atomic_load(&tokens), 3);
    ck_assert_int_eq(atomic_load(&accesses), 2);
    clock_fake_advance(now, 1000);
    ASSERT_OK(metrics_auth_check(auth, "Bearer e30.prometheus.c2ln", NULL, &e));
    ck_assert_int_eq(atomic_load(&tokens), 4);
    end();
}
END_TEST

START_TEST(what_is_no_token_is_refused_without_asking) {
    static const char *const rows[] = {"x", "abcdef.0123456789abcdef", "a.b", "a..c", ".b.c", "a.b.", "a.b.c.d", "a.b.c=",
                                       "a.b c.d", "a.b.c\xff"};
    struct err e = ERR_INIT;
    char header[64];
    begin();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(header, sizeof header, "Bearer %s", rows[i]);
        ASSERT_ERR(metrics_auth_check(auth, header, NULL, &e), ERR_UNAUTHORIZED);
    }
    ck_assert_int_eq(fakeapi_requests(api), 0);
    end();
}
END_TEST

static enum err_code stranger(int i, const unsigned char *peer) {
    struct err e = ERR_INIT;
    char header[64];
    snprintf(header, sizeof header, "Bearer e30.someone-%d.c2ln", i);
    return metrics_auth_check(auth, header, peer, &e) ? e.code : ERR_NONE;
}

static const unsigned char *address(int i) {
    static unsigned char out[PEER_BYTES];
    snprintf((char *)out, sizeof out, "peer %d", i);
    return out;
}

/* A thousand a second from one address: the API server is asked four times a second, after a first twenty, and the scraper is
 * still let in, with the decision that is remembered and when that is over. */
START_TEST(a_flood_of_tokens_is_limited) {
    struct err e = ERR_INIT;
    int asked = 0;
    begin();
    ASSERT_OK(metrics_auth_check(auth, "Bearer e30.prometheus.c2ln", address(1), &e));
    for (int i = 0; i < 30000; i++) {
        enum err_code code = stranger(i, address(2));
        ck_assert(code == ERR_FORBIDDEN || code == ERR_THROTTLED);
        asked += code == ERR_FORBIDDEN;
        if (i % 5000 == 0) ASSERT_OK(metrics_auth_check(auth, "Bearer e30.prometheus.c2ln", address(1), &e));
        clock_fake_advance(now, 1);
    }
    ck_assert_int_ge(asked, 100);
    ck_assert_int_le(asked, 20 + 30 * 4 + 1);
    ck_assert_int_le(atomic_load(&tokens), asked + 4);
    ck_assert_int_eq(stranger(-1, address(3)), ERR_FORBIDDEN); /* a new one of another address */
    end();
}
END_TEST

/* From many addresses: ten a second, after a first fifty. */
START_TEST(a_flood_from_everywhere_is_limited) {
    int asked = 0;
    begin();
    for (int i = 0; i < 10000; i++) {
        asked += stranger(i, address(i)) == ERR_FORBIDDEN;
        clock_fake_advance(now, 1);
    }
    ck_assert_int_ge(asked, 100);
    ck_assert_int_le(asked, 50 + 10 * 10 + 1);
    end();
}
END_TEST

START_TEST(who_may_not_is_remembered_longer_than_others_come) {
    begin();
    for (int i = 0; i < 400; i++) { /* 40 s of ten a second, each asked about once */
        ck_assert_int_eq(stranger(i / 4, address(i)), ERR_FORBIDDEN);
        clock_fake_advance(now, 100);
    }
    ck_assert_int_eq(atomic_load(&tokens), 100);
    end();
}
END_TEST

START_TEST(a_failure_to_ask_lets_nobody_in_and_is_not_remembered) {
    struct err e = ERR_INIT;
    begin();
    atomic_store(&broken, true);
    ASSERT_ERR(metrics_auth_check(auth, "Bearer e30.prometheus.c2ln", NULL, &e), ERR_UNAVAILABLE);
    atomic_store(&broken, false);
    ASSERT_OK(metrics_auth_check(auth, "Bearer e30.prometheus.c2ln", NULL, &e));
    end();
}
END_TEST

static int get(unsigned port, const char *header, struct buf *body) {
    BUF_AUTO struct buf head = BUF_INIT, text = BUF_INIT;
    struct http_client *h = http_client_open(&(struct http_client_opts){.port = port});
    if (!h) return -1;
    buf_printf(&text, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n%s\r\n", header);
    int status = http_client_send(h, text.s, text.len) ? -1 : http_client_answer(h, false, &head, body);
    http_client_close(h);
    return status;
}

START_TEST(the_endpoint_answers_only_who_may_read) {
    struct err e = ERR_INIT;
    BUF_AUTO struct buf body = BUF_INIT;
    begin();
    struct probes p = {.clock = now, .metrics_auth = auth};
    ASSERT_OK(probes_start(&p, "127.0.0.1:0", "127.0.0.1:0", NULL, &e));
    unsigned port = server_port(p.metrics);
    ck_assert_int_eq(get(port, "", &body), 401);
    ck_assert_int_eq(get(port, "Authorization: Bearer e30.someone.c2ln\r\n", &body), 403);
    ck_assert_ptr_null(strstr(buf_str(&body), "# TYPE"));
    ck_assert_int_eq(get(port, "Authorization: Bearer e30.prometheus.c2ln\r\n", &body), 200);
    ck_assert_ptr_nonnull(strstr(buf_str(&body), "# TYPE rbg_kube_requests_total counter"));
    ck_assert(probes_stop(&p));
    end();
}
END_TEST

TEST_MAIN("metrics_auth", no_token_is_unauthorized_without_asking, a_user_with_the_right_may_read, others_may_not,
          a_decision_is_kept_for_ten_seconds, what_is_no_token_is_refused_without_asking, a_flood_of_tokens_is_limited,
          a_flood_from_everywhere_is_limited, who_may_not_is_remembered_longer_than_others_come,
          a_failure_to_ask_lets_nobody_in_and_is_not_remembered, the_endpoint_answers_only_who_may_read)
