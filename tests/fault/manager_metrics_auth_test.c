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
    ASSERT_ERR(metrics_auth_check(auth, "", &e), ERR_UNAUTHORIZED);
    ASSERT_ERR(metrics_auth_check(auth, "Bearer  ", &e), ERR_UNAUTHORIZED);
    ASSERT_ERR(metrics_auth_check(auth, "Basic cHJvbWV0aGV1czp4", &e), ERR_UNAUTHORIZED);
    char *huge = malloc(40000);
    memset(huge, 'x', 39999);
    huge[39999] = 0;
    memcpy(huge, "Bearer ", 7);
    ASSERT_ERR(metrics_auth_check(auth, huge, &e), ERR_UNAUTHORIZED);
    free(huge);
    ck_assert_int_eq(fakeapi_requests(api), 0);
    end();
}
END_TEST

START_TEST(a_user_with_the_right_may_read) {
    struct err e = ERR_INIT;
    begin();
    ASSERT_OK(metrics_auth_check(auth, "Bearer prometheus", &e));
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
    ASSERT_ERR(metrics_auth_check(auth, "Bearer nobody", &e), ERR_UNAUTHORIZED);
    ck_assert_int_eq(atomic_load(&accesses), 0);
    ASSERT_ERR(metrics_auth_check(auth, "bearer someone", &e), ERR_FORBIDDEN);
    ck_assert_ptr_nonnull(strstr(e.msg, "visitor"));
    end();
}
END_TEST

START_TEST(a_decision_is_kept_for_ten_seconds) {
    struct err e = ERR_INIT;
    begin();
    for (int i = 0; i < 5; i++) {
        ASSERT_OK(metrics_auth_check(auth, "Bearer prometheus", &e));
        ASSERT_ERR(metrics_auth_check(auth, "Bearer someone", &e), ERR_FORBIDDEN);
        ASSERT_ERR(metrics_auth_check(auth, "Bearer nobody", &e), ERR_UNAUTHORIZED);
        clock_fake_advance(now, 1900);
    }
    ck_assert_int_eq(atomic_load(&tokens), 3);
    ck_assert_int_eq(atomic_load(&accesses), 2);
    clock_fake_advance(now, 1000);
    ASSERT_OK(metrics_auth_check(auth, "Bearer prometheus", &e));
    ck_assert_int_eq(atomic_load(&tokens), 4);
    end();
}
END_TEST

START_TEST(a_flood_of_tokens_pushes_out_only_the_oldest) {
    struct err e = ERR_INIT;
    char header[64];
    begin();
    for (int i = 0; i < 200; i++) {
        snprintf(header, sizeof header, "Bearer someone-%d", i);
        ASSERT_ERR(metrics_auth_check(auth, header, &e), ERR_FORBIDDEN);
        clock_fake_advance(now, 1);
    }
    ck_assert_int_eq(atomic_load(&tokens), 200);
    ASSERT_ERR(metrics_auth_check(auth, "Bearer someone-199", &e), ERR_FORBIDDEN);
    ck_assert_int_eq(atomic_load(&tokens), 200);
    ASSERT_ERR(metrics_auth_check(auth, "Bearer someone-0", &e), ERR_FORBIDDEN);
    ck_assert_int_eq(atomic_load(&tokens), 201);
    end();
}
END_TEST

START_TEST(a_failure_to_ask_lets_nobody_in_and_is_not_remembered) {
    struct err e = ERR_INIT;
    begin();
    atomic_store(&broken, true);
    ASSERT_ERR(metrics_auth_check(auth, "Bearer prometheus", &e), ERR_UNAVAILABLE);
    atomic_store(&broken, false);
    ASSERT_OK(metrics_auth_check(auth, "Bearer prometheus", &e));
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
    ck_assert_int_eq(get(port, "Authorization: Bearer someone\r\n", &body), 403);
    ck_assert_ptr_null(strstr(buf_str(&body), "# TYPE"));
    ck_assert_int_eq(get(port, "Authorization: Bearer prometheus\r\n", &body), 200);
    ck_assert_ptr_nonnull(strstr(buf_str(&body), "# TYPE rbg_kube_requests_total counter"));
    probes_stop(&p);
    end();
}
END_TEST

TEST_MAIN("metrics_auth", no_token_is_unauthorized_without_asking, a_user_with_the_right_may_read, others_may_not,
          a_decision_is_kept_for_ten_seconds, a_flood_of_tokens_pushes_out_only_the_oldest,
          a_failure_to_ask_lets_nobody_in_and_is_not_remembered, the_endpoint_answers_only_who_may_read)
