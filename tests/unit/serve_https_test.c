/* The server as a well-behaved client sees it: routes, methods, bodies, keep-alive, metrics, certificates, stop. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/str.h"
#include "base/sync.h"
#include "http_client.h"
#include "serve/https.h"
#include "testing.h"

/* A TLS server with a certificate of its own. */
struct rig {
    struct arena *arena;
    struct certs *certs;
    struct cert_set set;
    struct server *server;
    struct http_client_opts client;
};

static void echo(void *ctx, struct serve_request *q, struct serve_response *r) {
    (void)ctx;
    r->status = 200;
    buf_printf(&r->body, "%s %s?%s [%s] [%s] %zu ", q->method, q->path, q->query, q->content_type, q->authorization, q->len);
    ck_assert_int_eq(q->body[q->len], '\0');
    buf_add(&r->body, q->body, q->len);
    memset(q->body, 'x', q->len); /* it is ours */
    r->content_type = arena_strdup(q->arena, "text/x-echo");
}

static void slow(void *ctx, struct serve_request *q, struct serve_response *r) {
    (void)q;
    atomic_fetch_add((atomic_int *)ctx, 1);
    usleep(400000);
    serve_text(r, 200, "done");
}

static void silent(void *ctx, struct serve_request *q, struct serve_response *r) { (void)ctx, (void)q, (void)r; }

static void touch(void *arg) { atomic_fetch_add((atomic_int *)arg, 1); }

static void deferring(void *ctx, struct serve_request *q, struct serve_response *r) {
    arena_defer(q->arena, touch, ctx);
    memset(arena_alloc(q->arena, 3 << 20), 1, 3 << 20); /* a large arena is not kept */
    r->status = 204;
}

static atomic_int slow_begun, disposed;

/* Position by position another text, so that nothing can be lost, doubled or moved unseen. */
static void put_pattern(struct buf *out, size_t n, size_t seed) {
    for (size_t i = 0; i < n; i++) buf_putc(out, (char)('a' + (i * 7 + i / 251 + seed) % 26));
}

/* /sized?N: N bytes. */
static void sized(void *ctx, struct serve_request *q, struct serve_response *r) {
    (void)ctx;
    int64_t n = 0;
    ck_assert_int_eq(str_to_i64(q->query, &n), 0);
    r->status = 200;
    put_pattern(&r->body, (size_t)n, (size_t)n);
}

static const struct serve_route routes[] = {
    {"POST", "/echo", echo, NULL},   {"GET", "/echo", echo, NULL},      {NULL, "/any/*", echo, NULL},
    {"GET", "/slow", slow, &slow_begun}, {"POST", "/silent", silent, NULL}, {"GET", "/defer", deferring, &disposed},
    {"GET", "/sized", sized, NULL},
};

static void rig_start(struct rig *g, struct serve_opts o) {
    struct err e = ERR_INIT;
    *g = (struct rig){.arena = arena_new(), .certs = certs_new(NULL)};
    ASSERT_OK(certs_generate(g->arena, NULL, NULL, "rbg.svc", clock_now_ms(clock_real()), 10, &g->set, &e));
    ASSERT_OK(certs_set_pem(g->certs, g->set.cert, g->set.key, &e));
    o.address = "127.0.0.1:0";
    o.certs = g->certs;
    o.routes = routes;
    o.nroutes = sizeof routes / sizeof *routes;
    ASSERT_PTR(g->server = server_start(&o, &e));
    g->client = (struct http_client_opts){.port = server_port(g->server), .ca_pem = g->set.ca_cert};
}

static void rig_stop(struct rig *g) {
    server_stop(g->server, 1000);
    certs_free(g->certs);
    arena_free(g->arena);
}

static struct http_client *dial(const struct rig *g) {
    struct http_client *h = http_client_open(&g->client);
    ck_assert_msg(h != NULL, "handshake failed");
    return h;
}

/* Sends `request` and checks the status; body and headers go to the buffers. */
static void ask(struct http_client *h, const char *request, int want, struct buf *headers, struct buf *body) {
    ck_assert_int_eq(http_client_send(h, request, strlen(request)), 0);
    int got = http_client_answer(h, str_has_prefix(request, "HEAD"), headers, body);
    ck_assert_msg(got == want, "%d expected, got %d for %s: %s", want, got, request, buf_str(body));
}

#define HOST "Host: localhost\r\n"

START_TEST(routes_methods_and_headers) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0});
    BUF_AUTO struct buf head = BUF_INIT;
    BUF_AUTO struct buf body = BUF_INIT;
    struct http_client *h = dial(&g); /* all on one kept-alive connection */
    ask(h, "POST /echo?timeout=10s&x HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nAuthorization: Bearer t\r\n"
           "Content-Length: 5\r\n\r\nhello", 200, &head, &body);
    ck_assert_str_eq(buf_str(&body), "POST /echo?timeout=10s&x [application/json] [Bearer t] 5 hello");
    ck_assert_ptr_nonnull(strcasestr(buf_str(&head), "content-type: text/x-echo"));
    ask(h, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 200, &head, &body);
    ck_assert_str_eq(buf_str(&body), "POST /echo? [] [] 0 ");
    ask(h, "POST /echo HTTP/1.1\r\n" HOST "\r\n", 200, &head, &body);
    ask(h, "GET /echo HTTP/1.1\r\n" HOST "\r\n", 200, &head, &body);
    ask(h, "HEAD /echo HTTP/1.1\r\n" HOST "\r\n", 200, &head, &body);
    ck_assert_uint_eq(body.len, 0);
    ck_assert_ptr_nonnull(strcasestr(buf_str(&head), "content-length: "));
    ask(h, "PUT /any/thing/here HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nok", 200, &head, &body);
    ask(h, "GET http://localhost/echo?a HTTP/1.1\r\n" HOST "\r\n", 200, &head, &body);
    ck_assert_str_eq(buf_str(&body), "GET /echo?a [] [] 0 ");
    ask(h, "GET /nothing HTTP/1.1\r\n" HOST "\r\n", 404, &head, &body);
    ask(h, "POST /nothing HTTP/1.1\r\n" HOST "Content-Length: 4\r\n\r\nbody", 404, &head, &body);
    ask(h, "GET /ech%6f HTTP/1.1\r\n" HOST "\r\n", 404, &head, &body); /* paths are compared as they came */
    ask(h, "DELETE /echo HTTP/1.1\r\n" HOST "\r\n", 405, &head, &body);
    ck_assert_ptr_nonnull(strcasestr(buf_str(&head), "allow: POST, GET, HEAD"));
    ask(h, "PUT /silent HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 405, &head, &body);
    ask(h, "POST /silent HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", 500, &head, &body);
    http_client_close(h);
    rig_stop(&g);
}
END_TEST

START_TEST(bodies_at_and_beyond_the_limit) {
    struct rig g;
    rig_start(&g, (struct serve_opts){.max_body = 100000});
    BUF_AUTO struct buf body = BUF_INIT;
    char *text = arena_alloc(g.arena, 100001);
    memset(text, 'a', 100001);
    struct http_client *h = dial(&g);
    ck_assert_int_eq(http_client_post(h, "/echo", text, 100000, &body), 200);
    ck_assert_uint_eq(body.len, strlen("POST /echo? [] [] 100000 ") + 100000);
    ck_assert_int_eq(http_client_post(h, "/echo", text, 100001, &body), 413);
    ck_assert_ptr_nonnull(strstr(buf_str(&body), "limit of 100000 bytes"));
    ck_assert_int_eq(http_client_post(h, "/echo", text, 10, &body), 200); /* the connection lives on */
    http_client_close(h);
    rig_stop(&g);
}
END_TEST

/* The client waits for a word before it sends: it gets 413 instead of 100, or 100 and then its answer. */
START_TEST(expect_100_continue) {
    struct rig g;
    rig_start(&g, (struct serve_opts){.max_body = 1000});
    BUF_AUTO struct buf head = BUF_INIT;
    BUF_AUTO struct buf body = BUF_INIT;
    struct http_client *h = dial(&g);
    ask(h, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n", 100, &head, &body);
    ask(h, "hello", 200, &head, &body);
    ask(h, "POST /echo HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n", 413, &head, &body);
    http_client_close(h);
    rig_stop(&g);
}
END_TEST

START_TEST(chunked_bodies_are_counted) {
    struct rig g;
    rig_start(&g, (struct serve_opts){.max_body = 100000});
    BUF_AUTO struct buf head = BUF_INIT;
    BUF_AUTO struct buf body = BUF_INIT;
    BUF_AUTO struct buf req = BUF_INIT;
    struct http_client *h = dial(&g);
    ask(h, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", 200, &head,
        &body);
    ck_assert_str_eq(buf_str(&body), "POST /echo? [] [] 11 hello world");
    for (size_t chunks = 10; chunks <= 11; chunks++) { /* 100000 bytes, then 110000 */
        buf_reset(&req);
        buf_puts(&req, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
        for (size_t i = 0; i < chunks; i++) {
            buf_printf(&req, "%x\r\n", 10000);
            for (size_t k = 0; k < 10000; k++) buf_putc(&req, (char)('a' + i));
            buf_puts(&req, "\r\n");
        }
        buf_puts(&req, "0\r\n\r\n");
        ask(h, req.s, chunks == 10 ? 200 : 413, &head, &body);
    }
    ask(h, "GET /echo HTTP/1.1\r\n" HOST "\r\n", 200, &head, &body); /* the connection lives on */
    ask(h, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400, &head, &body);
    ck_assert(http_client_closed(h));
    http_client_close(h);
    rig_stop(&g);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_order) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0});
    BUF_AUTO struct buf req = BUF_INIT;
    BUF_AUTO struct buf body = BUF_INIT;
    for (int i = 0; i < 50; i++)
        buf_printf(&req, "POST /any/%d HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", i);
    struct http_client *h = dial(&g);
    ck_assert_int_eq(http_client_send(h, req.s, req.len), 0);
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(http_client_answer(h, false, NULL, &body), 200);
        ck_assert_str_eq(buf_str(&body), arena_printf(g.arena, "POST /any/%d? [] [] 3 abc", i));
    }
    http_client_close(h);
    rig_stop(&g);
}
END_TEST

/* Sooner or later the socket takes a part of an answer only, or nothing. */
START_TEST(answers_wait_whole_for_who_reads_late) {
    enum { ANSWERS = 600, MOST = 60000 };
    struct rig g;
    rig_start(&g, (struct serve_opts){0});
    BUF_AUTO struct buf req = BUF_INIT;
    BUF_AUTO struct buf body = BUF_INIT;
    BUF_AUTO struct buf want = BUF_INIT;
    size_t sizes[ANSWERS];
    for (size_t i = 0; i < ANSWERS; i++) {
        sizes[i] = i % 3 ? i * 7919 % MOST : i % 200; /* none, a few bytes, up to some records */
        buf_printf(&req, "GET /sized?%zu HTTP/1.1\r\n" HOST "\r\n", sizes[i]);
    }
    struct http_client *h = dial(&g);
    ck_assert_int_eq(http_client_send(h, req.s, req.len), 0);
    for (size_t i = 0; i < ANSWERS; i++) {
        if (i % 40 == 0) usleep(20000); /* the socket's buffers fill again */
        ck_assert_int_eq(http_client_answer(h, false, NULL, &body), 200);
        buf_reset(&want);
        put_pattern(&want, sizes[i], sizes[i]);
        ck_assert_uint_eq(body.len, want.len);
        ck_assert(memcmp(buf_str(&body), buf_str(&want), want.len) == 0);
    }
    http_client_close(h);
    rig_stop(&g);
}
END_TEST

START_TEST(arena_is_released_after_the_answer) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0});
    BUF_AUTO struct buf body = BUF_INIT;
    struct http_client *h = dial(&g);
    for (int i = 0; i < 5; i++) ask(h, "GET /defer HTTP/1.1\r\n" HOST "\r\n", 204, NULL, &body);
    http_client_close(h);
    rig_stop(&g);
    ck_assert_int_eq(atomic_load(&disposed), 5);
}
END_TEST

START_TEST(metrics_name_the_route_and_never_the_path) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0});
    BUF_AUTO struct buf body = BUF_INIT;
    struct http_client *h = dial(&g);
    ask(h, "GET /any/secret-1 HTTP/1.1\r\n" HOST "\r\n", 200, NULL, &body);
    ask(h, "GET /any/secret-2 HTTP/1.1\r\n" HOST "\r\n", 200, NULL, &body);
    ask(h, "GET /secret-3 HTTP/1.1\r\n" HOST "\r\n", 404, NULL, &body);
    ck_assert(testing_metric("rbg_http_requests_total{path=\"/any/*\",code=\"200\"} 2\n"));
    ck_assert(testing_metric("rbg_http_requests_total{path=\"other\",code=\"404\"} 1\n"));
    ck_assert(testing_metric("rbg_http_request_duration_seconds_count{path=\"/any/*\"} 2\n"));
    ck_assert(!testing_metric("secret"));
    http_client_close(h);
    rig_stop(&g);
}
END_TEST

START_TEST(plain_http_on_every_address) {
    struct err e = ERR_INIT;
    struct serve_opts o = {.address = ":0", .routes = routes, .nroutes = 2, .threads = 1};
    struct server *s;
    ASSERT_PTR(s = server_start(&o, &e));
    struct http_client_opts c = {.port = server_port(s)};
    struct http_client *h = http_client_open(&c);
    ASSERT_PTR(h);
    BUF_AUTO struct buf body = BUF_INIT;
    ask(h, "GET /echo HTTP/1.1\r\n" HOST "\r\n", 200, NULL, &body);
    http_client_close(h);
    server_stop(s, 0);
}
END_TEST

START_TEST(bad_addresses_say_what_to_write) {
    struct err e = ERR_INIT;
    static const char *const bad[] = {"", "9443", "localhost", ":x", ":70000", ":-1", "::1:9443", "no.such.host.invalid:1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct serve_opts o = {.address = bad[i]};
        ck_assert_ptr_null(server_start(&o, &e));
        ck_assert_msg(e.code == ERR_INVALID && strstr(e.msg, ":9443"), "%s: %s", bad[i], e.msg);
    }
    struct serve_opts first = {.address = "127.0.0.1:0"};
    struct server *s;
    ASSERT_PTR(s = server_start(&first, &e));
    char same[32];
    snprintf(same, sizeof same, "127.0.0.1:%u", server_port(s));
    struct serve_opts second = {.address = same};
    ck_assert_ptr_null(server_start(&second, &e));
    ck_assert_int_eq(e.code, ERR_IO);
    ck_assert_ptr_nonnull(strstr(e.msg, same));
    server_stop(s, 0);
}
END_TEST

/* Each server presents its own certificate, though one process serves both. */
START_TEST(two_servers_have_two_certificates) {
    struct rig g, k;
    rig_start(&g, (struct serve_opts){.threads = 2});
    rig_start(&k, (struct serve_opts){.threads = 2});
    for (int i = 0; i < 10; i++) { /* a foreign certificate would fail the client's check against its CA */
        http_client_close(dial(&g));
        http_client_close(dial(&k));
    }
    k.client.ca_pem = g.set.ca_cert;
    ck_assert_ptr_null(http_client_open(&k.client));
    rig_stop(&g);
    rig_stop(&k);
}
END_TEST

START_TEST(no_certificate_no_handshake) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0});
    struct err e = ERR_INIT;
    struct certs *none = certs_new(NULL);
    struct serve_opts o = {.address = "127.0.0.1:0", .certs = none, .routes = routes, .nroutes = 1};
    struct server *s;
    ASSERT_PTR(s = server_start(&o, &e));
    struct http_client_opts c = {.port = server_port(s), .ca_pem = g.set.ca_cert, .timeout_ms = 3000};
    ck_assert_ptr_null(http_client_open(&c));
    ASSERT_OK(certs_set_pem(none, g.set.cert, g.set.key, &e)); /* and from now on it works */
    struct http_client *h = http_client_open(&c);
    ASSERT_PTR(h);
    http_client_close(h);
    server_stop(s, 0);
    certs_free(none);
    rig_stop(&g);
}
END_TEST

START_TEST(only_tls_1_2_and_1_3) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0});
    g.client.timeout_ms = 3000;
    static const struct { const char *priority; bool ok; } rows[] = {
        {"NORMAL:-VERS-ALL:+VERS-TLS1.3", true},  {"NORMAL:-VERS-ALL:+VERS-TLS1.2", true},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.1", false}, {"NORMAL:-VERS-ALL:+VERS-TLS1.0", false},
        {"NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        g.client.priority = rows[i].priority;
        struct http_client *h = http_client_open(&g.client);
        ck_assert_msg((h != NULL) == rows[i].ok, "%s: %s", rows[i].priority, h ? "accepted" : "refused");
        http_client_close(h);
    }
    rig_stop(&g);
}
END_TEST

static void *get_slow(void *arg) {
    struct http_client *h = dial(arg);
    BUF_AUTO struct buf head = BUF_INIT;
    BUF_AUTO struct buf body = BUF_INIT;
    ask(h, "GET /slow HTTP/1.1\r\n" HOST "\r\n", 200, &head, &body);
    ck_assert_str_eq(buf_str(&body), "done");
    ck_assert_ptr_nonnull(strcasestr(buf_str(&head), "connection: close"));
    http_client_close(h);
    return NULL;
}

START_TEST(stop_lets_the_running_request_finish) {
    struct rig g;
    atomic_store(&slow_begun, 0);
    rig_start(&g, (struct serve_opts){0});
    struct http_client *idle = dial(&g);
    pthread_t t = thread_start("client", get_slow, &g);
    while (atomic_load(&slow_begun) == 0) usleep(1000);
    int64_t begin = clock_mono_ms(clock_real());
    server_stop(g.server, 10000);
    ck_assert_int_lt(clock_mono_ms(clock_real()) - begin, 5000); /* an idle connection holds nothing up */
    pthread_join(t, NULL);
    ck_assert(http_client_closed(idle));
    http_client_close(idle);
    ck_assert_ptr_null(http_client_open(&g.client));
    certs_free(g.certs);
    arena_free(g.arena);
}
END_TEST

struct load {
    const struct rig *g;
    int requests;
    atomic_int bad;
};

static void *post_many(void *arg) {
    struct load *l = arg;
    BUF_AUTO struct buf body = BUF_INIT;
    char text[8192];
    memset(text, 'b', sizeof text);
    struct http_client *h = http_client_open(&l->g->client);
    for (int i = 0; h && i < l->requests; i++) {
        if (http_client_post(h, "/echo", text, sizeof text, &body) == 200 && body.len == sizeof text + 23) continue;
        atomic_fetch_add(&l->bad, 1);
        break;
    }
    if (!h) atomic_fetch_add(&l->bad, 1);
    http_client_close(h);
    return NULL;
}

START_TEST(while_it_drains_it_answers_and_closes) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0});
    BUF_AUTO struct buf head = BUF_INIT;
    BUF_AUTO struct buf body = BUF_INIT;
    struct http_client *h = dial(&g);
    ask(h, "GET /echo HTTP/1.1\r\n" HOST "\r\n", 200, &head, &body);
    ck_assert_ptr_null(strcasestr(buf_str(&head), "connection: close"));
    server_drain(g.server);
    ask(h, "GET /echo HTTP/1.1\r\n" HOST "\r\n", 200, &head, &body); /* kept alive until then */
    ck_assert_ptr_nonnull(strcasestr(buf_str(&head), "connection: close"));
    ck_assert(http_client_closed(h));
    http_client_close(h);
    usleep(300000);
    ck_assert_int_ge(server_quiet_ms(g.server), 300);
    h = dial(&g); /* new ones are taken */
    ck_assert_int_lt(server_quiet_ms(g.server), 300);
    usleep(300000);
    ask(h, "GET /echo HTTP/1.1\r\n" HOST "\r\n", 200, &head, &body);
    ck_assert_int_lt(server_quiet_ms(g.server), 300);
    http_client_close(h);
    rig_stop(&g);
}
END_TEST

START_TEST(fifty_connections_at_once) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0});
    struct load l = {.g = &g, .requests = 40};
    pthread_t t[50];
    for (int i = 0; i < 50; i++) t[i] = thread_start("client", post_many, &l);
    for (int i = 0; i < 50; i++) pthread_join(t[i], NULL);
    ck_assert_int_eq(atomic_load(&l.bad), 0);
    rig_stop(&g);
}
END_TEST

struct churn {
    const struct rig *g;
    const char *both_cas;
    atomic_bool stop;
    atomic_int done, failed;
    _Atomic uint64_t last_peer;
};

static void *shake_hands(void *arg) {
    struct churn *c = arg;
    struct http_client_opts o = c->g->client;
    o.ca_pem = c->both_cas;
    while (!atomic_load(&c->stop)) {
        struct http_client *h = http_client_open(&o);
        atomic_fetch_add(h ? &c->done : &c->failed, 1);
        if (h) atomic_store(&c->last_peer, http_client_peer(h));
        http_client_close(h);
    }
    return NULL;
}

START_TEST(certificates_change_under_handshakes_without_a_failure) {
    struct rig g;
    rig_start(&g, (struct serve_opts){.threads = 2});
    struct err e = ERR_INIT;
    struct cert_set other = {0};
    ASSERT_OK(certs_generate(g.arena, NULL, NULL, "rbg.svc", clock_now_ms(clock_real()), 10, &other, &e));
    struct churn c = {.g = &g, .both_cas = arena_printf(g.arena, "%s%s", g.set.ca_cert, other.ca_cert)};
    BUF_AUTO struct buf body = BUF_INIT;
    struct http_client *old = dial(&g); /* lives through all changes */
    ask(old, "GET /echo HTTP/1.1\r\n" HOST "\r\n", 200, NULL, &body);
    pthread_t t[4];
    for (int i = 0; i < 4; i++) t[i] = thread_start("client", shake_hands, &c);
    uint64_t seen[2] = {0, 0};
    for (int i = 0; i < 300; i++) {
        const struct cert_set *s = i & 1 ? &other : &g.set;
        ASSERT_OK(certs_set_pem(g.certs, s->cert, s->key, &e));
        usleep(3000);
        uint64_t p = atomic_load(&c.last_peer);
        if (!seen[0]) seen[0] = p;
        if (p != seen[0]) seen[1] = p;
    }
    atomic_store(&c.stop, true);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    ck_assert_int_eq(atomic_load(&c.failed), 0);
    ck_assert_int_gt(atomic_load(&c.done), 50);
    ck_assert_msg(seen[0] && seen[1], "both certificates were presented");
    ask(old, "GET /echo HTTP/1.1\r\n" HOST "\r\n", 200, NULL, &body);
    http_client_close(old);
    rig_stop(&g);
}
END_TEST

TEST_MAIN("serve_https", routes_methods_and_headers, bodies_at_and_beyond_the_limit, expect_100_continue,
          chunked_bodies_are_counted, pipelined_requests_are_answered_in_order, answers_wait_whole_for_who_reads_late,
          arena_is_released_after_the_answer, metrics_name_the_route_and_never_the_path, plain_http_on_every_address,
          bad_addresses_say_what_to_write, two_servers_have_two_certificates, no_certificate_no_handshake, only_tls_1_2_and_1_3,
          stop_lets_the_running_request_finish, while_it_drains_it_answers_and_closes, fifty_connections_at_once,
          certificates_change_under_handshakes_without_a_failure)
