/* Clients that mean no good, or are broken: after each of them the server still answers, and its memory stays bounded. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/sync.h"
#include "chance.h"
#include "http_client.h"
#include "memory.h"
#include "serve/https.h"
#include "testing.h"

#define HOST "Host: localhost\r\n"

struct rig {
    struct arena *arena;
    struct certs *certs;
    struct server *server;
    struct http_client_opts tls, tcp; /* clients for the same port */
};

static void size_of(void *ctx, struct serve_request *q, struct serve_response *r) {
    (void)ctx;
    serve_text(r, 200, "%zu", q->len);
}

static const struct serve_route routes[] = {{NULL, "/size", size_of, NULL}};

static void rig_start(struct rig *g, struct serve_opts o, bool tls) {
    struct err e = ERR_INIT;
    *g = (struct rig){.arena = arena_new(), .certs = certs_new(NULL)};
    struct cert_set set = {0};
    ASSERT_OK(certs_generate(g->arena, NULL, NULL, "rbg.svc", clock_now_ms(clock_real()), 10, &set, &e));
    ASSERT_OK(certs_set_pem(g->certs, set.cert, set.key, &e));
    o.address = "127.0.0.1:0";
    o.certs = tls ? g->certs : NULL;
    o.routes = routes;
    o.nroutes = 1;
    ASSERT_PTR(g->server = server_start(&o, &e));
    g->tcp = (struct http_client_opts){.port = server_port(g->server)};
    g->tls = (struct http_client_opts){.port = server_port(g->server), .ca_pem = tls ? set.ca_cert : NULL};
}

static void rig_stop(struct rig *g) {
    server_stop(g->server, 1000);
    certs_free(g->certs);
    arena_free(g->arena);
}

static void still_answers(const struct rig *g) {
    BUF_AUTO struct buf body = BUF_INIT;
    struct http_client *h = http_client_open(&g->tls);
    ck_assert_msg(h != NULL, "the server takes no connection any more");
    ck_assert_int_eq(http_client_post(h, "/size", "abc", 3, &body), 200);
    ck_assert_str_eq(buf_str(&body), "3");
    http_client_close(h);
}

static int64_t mono(void) { return clock_mono_ms(clock_real()); }

static size_t open_files(void) {
    size_t n = 0;
    for (int fd = 0; fd < 4096; fd++) n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

START_TEST(announced_100_mb_are_refused_at_once) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0}, true);
    struct http_client *h = http_client_open(&g.tls);
    ck_assert_ptr_nonnull(h);
    BUF_AUTO struct buf body = BUF_INIT;
    const char *head = "POST /size HTTP/1.1\r\n" HOST "Content-Length: 104857600\r\n\r\n";
    int64_t begin = mono();
    ck_assert_int_eq(http_client_send(h, head, strlen(head)), 0);
    ck_assert_int_eq(http_client_answer(h, false, NULL, &body), 413);
    ck_assert_int_lt(mono() - begin, 2000);
    http_client_close(h);
    still_answers(&g);
    rig_stop(&g);
}
END_TEST

/* Sends 100 MB whatever the server says; how much of it was taken is not our business, the memory is. */
static void pour(struct http_client *h, bool chunked) {
    static char piece[65536 + 16];
    size_t n = chunked ? (size_t)snprintf(piece, sizeof piece, "10000\r\n") : 0;
    memset(piece + n, 'x', 65536);
    if (chunked) memcpy(piece + n + 65536, "\r\n", 2);
    size_t total = n + 65536 + (chunked ? 2 : 0);
    for (int i = 0; i < 1600; i++)
        if (http_client_send(h, piece, total)) return;
}

START_TEST(sent_100_mb_stay_out_of_memory) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0}, true);
    still_answers(&g);
    size_t before = memory_resident();
    static const char *const heads[] = {"POST /size HTTP/1.1\r\n" HOST "Content-Length: 104857600\r\n\r\n",
                                        "POST /size HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n",
                                        "POST /none HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"};
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < 3; i++) {
            struct http_client *h = http_client_open(&g.tls);
            ck_assert_ptr_nonnull(h);
            ck_assert_int_eq(http_client_send(h, heads[i], strlen(heads[i])), 0);
            pour(h, i > 0);
            http_client_close(h);
        }
    memory_assert_bounded(before);
    still_answers(&g);
    rig_stop(&g);
}
END_TEST

START_TEST(truncated_bodies_are_dropped) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0}, true);
    static const char *const heads[] = {"POST /size HTTP/1.1\r\n" HOST "Content-Length: 4000000\r\n\r\nabc",
                                        "POST /size HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nffff\r\nabc",
                                        "POST /size HTTP/1.1\r\nHost: loc", "POST /si", ""};
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
            struct http_client *h = http_client_open(&g.tls);
            ck_assert_ptr_nonnull(h);
            if (*heads[i]) ck_assert_int_eq(http_client_send(h, heads[i], strlen(heads[i])), 0);
            http_client_close(h);
        }
    still_answers(&g);
    rig_stop(&g);
}
END_TEST

START_TEST(malformed_requests_get_an_error_or_the_door) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0}, true);
    g.tls.timeout_ms = 5000;
    static const char *const bad[] = {
        "\r\n\r\n\r\nrubbish\r\n\r\n",
        "POST /size HTTP/1.1\r\n" HOST "Content-Length: -5\r\n\r\n",
        "POST /size HTTP/1.1\r\n" HOST "Content-Length: 12abc\r\n\r\n",
        "POST /size HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n",
        "POST /size HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /size HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
        "GET /size HTTP/9.9\r\n\r\n",
        "GET /size HTTP/1.1\r\n\r\n", /* no Host */
    };
    BUF_AUTO struct buf body = BUF_INIT;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct http_client *h = http_client_open(&g.tls);
        ck_assert_ptr_nonnull(h);
        ck_assert_int_eq(http_client_send(h, bad[i], strlen(bad[i])), 0);
        shutdown(http_client_fd(h), SHUT_WR);
        int status = http_client_answer(h, false, NULL, &body);
        ck_assert_msg(status == -1 || (status >= 400 && status < 600), "%d for %s", status, bad[i]);
        http_client_close(h);
    }
    still_answers(&g);
    rig_stop(&g);
}
END_TEST

START_TEST(endless_headers_are_cut) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0}, true);
    struct http_client *h = http_client_open(&g.tls);
    ck_assert_ptr_nonnull(h);
    BUF_AUTO struct buf line = BUF_INIT;
    buf_puts(&line, "X-Filler: ");
    for (int i = 0; i < 1000; i++) buf_putc(&line, 'f');
    buf_puts(&line, "\r\n");
    ck_assert_int_eq(http_client_send(h, "GET /size HTTP/1.1\r\n" HOST, 20 + strlen(HOST)), 0);
    int sent = 0;
    while (sent < 100000 && http_client_send(h, line.s, line.len) == 0) sent++;
    ck_assert_int_lt(sent, 100000);
    http_client_close(h);
    still_answers(&g);
    rig_stop(&g);
}
END_TEST

START_TEST(garbage_before_and_inside_tls) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0}, true);
    uint64_t seed = 4711;
    char noise[3000];
    for (int i = 0; i < 200; i++) {
        for (size_t k = 0; k < sizeof noise; k++) noise[k] = (char)chance_below(&seed, 256);
        if (i % 3 == 0) memcpy(noise, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11); /* begins as a ClientHello does */
        struct http_client *h = http_client_open(i % 3 == 2 ? &g.tls : &g.tcp);
        ck_assert_ptr_nonnull(h);
        http_client_send(h, noise, 1 + chance_below(&seed, sizeof noise));
        if (i % 3 == 2) send(http_client_fd(h), noise, 100, MSG_NOSIGNAL); /* a damaged record */
        http_client_close(h);
    }
    still_answers(&g);
    rig_stop(&g);
}
END_TEST

START_TEST(plain_http_on_the_tls_port_is_closed) {
    struct rig g;
    rig_start(&g, (struct serve_opts){.request_s = 2}, true);
    struct http_client *h = http_client_open(&g.tcp);
    ck_assert_ptr_nonnull(h);
    const char *req = "GET /size HTTP/1.1\r\n" HOST "\r\n";
    ck_assert_int_eq(http_client_send(h, req, strlen(req)), 0);
    BUF_AUTO struct buf body = BUF_INIT;
    int64_t begin = mono();
    ck_assert_int_eq(http_client_answer(h, false, NULL, &body), -1);
    ck_assert_int_lt(mono() - begin, 6000);
    http_client_close(h);
    still_answers(&g);
    rig_stop(&g);
}
END_TEST

/* Sends one byte of `text` every 300 ms, again and again, until the server closes. Returns how long that took, or -1. */
static int64_t drip(struct http_client *h, const char *text, int64_t give_up_ms) {
    int64_t begin = mono();
    for (size_t i = 0; mono() - begin < give_up_ms; i = text[i + 1] ? i + 1 : i) {
        char c;
        if (http_client_send(h, &text[i], 1)) return mono() - begin;
        ssize_t n = recv(http_client_fd(h), &c, 1, MSG_DONTWAIT | MSG_PEEK);
        if (n == 0) return mono() - begin;
        usleep(300000);
    }
    return -1;
}

struct slow {
    const struct rig *g;
    const char *text;
    int64_t took;
    bool tls;
};

static void *drip_main(void *arg) {
    struct slow *s = arg;
    struct http_client *h = http_client_open(s->tls ? &s->g->tls : &s->g->tcp);
    s->took = h ? drip(h, s->text, 15000) : -1;
    http_client_close(h);
    return NULL;
}

/* A byte now and then keeps the pause between bytes short, but the request never ends. */
START_TEST(slow_senders_are_cut) {
    struct rig g, plain;
    rig_start(&g, (struct serve_opts){.request_s = 1}, true);
    rig_start(&plain, (struct serve_opts){.request_s = 1}, false);
    struct slow s[] = {
        {&plain, "GET /size HTTP/1.1\r\nHost: localhost\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0,
         false},
        {&g, "GET /size HTTP/1.1\r\nHost: localhost\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0, true},
        {&g, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 0, false},
    };
    pthread_t t[3];
    for (int i = 0; i < 3; i++) t[i] = thread_start("drip", drip_main, &s[i]);
    for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
    for (int i = 0; i < 3; i++) ck_assert_msg(s[i].took >= 0 && s[i].took < 8000, "%d: %lld ms", i, (long long)s[i].took);
    struct http_client *h = http_client_open(&g.tls); /* and a slow body */
    ck_assert_ptr_nonnull(h);
    const char *head = "POST /size HTTP/1.1\r\n" HOST "Content-Length: 4000\r\n\r\n";
    ck_assert_int_eq(http_client_send(h, head, strlen(head)), 0);
    int64_t took = drip(h, "b", 15000);
    ck_assert_msg(took >= 0 && took < 8000, "%lld ms", (long long)took);
    http_client_close(h);
    still_answers(&g);
    rig_stop(&g);
    rig_stop(&plain);
}
END_TEST

static int64_t cpu_ms(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000 + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1000;
}

/* Whatever a client leaves unfinished, waiting for the rest must cost nothing: not even in the middle of a handshake. */
START_TEST(waiting_burns_no_cpu) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0}, true);
    struct http_client *silent = http_client_open(&g.tcp), *hello = http_client_open(&g.tcp), *head = http_client_open(&g.tls),
                       *body = http_client_open(&g.tls);
    ck_assert(silent && hello && head && body);
    const char *half = "POST /size HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\nabc";
    ck_assert_int_eq(http_client_send(hello, "\x16\x03\x01\x02\x00\x01", 6), 0);
    ck_assert_int_eq(http_client_send(head, half, 10), 0);
    ck_assert_int_eq(http_client_send(body, half, strlen(half)), 0);
    usleep(200000);
    int64_t before = cpu_ms();
    usleep(1500000);
    int64_t used = cpu_ms() - before;
    ck_assert_msg(used < 150, "%lld ms of CPU in 1500 ms", (long long)used);
    http_client_close(silent), http_client_close(hello), http_client_close(head), http_client_close(body);
    rig_stop(&g);
}
END_TEST

/* How long a connection is kept after `requests` of them. */
static int64_t kept(struct rig *g, int requests) {
    g->tls.timeout_ms = 10000;
    struct http_client *h = http_client_open(&g->tls);
    ck_assert_ptr_nonnull(h);
    BUF_AUTO struct buf body = BUF_INIT;
    for (int i = 0; i < requests; i++) ck_assert_int_eq(http_client_post(h, "/size", "a", 1, &body), 200);
    int64_t begin = mono();
    ck_assert(http_client_closed(h));
    http_client_close(h);
    return mono() - begin;
}

/* One that has shown what it is for is kept longer than its client keeps it. */
START_TEST(idle_connections_end) {
    struct rig g;
    rig_start(&g, (struct serve_opts){.request_s = 1, .idle_s = 3}, true);
    ck_assert_int_lt(kept(&g, 0), 2500);
    int64_t used = kept(&g, 2);
    ck_assert_msg(used >= 2900 && used < 6000, "%lld ms", (long long)used);
    rig_stop(&g);
}
END_TEST

START_TEST(thousands_of_connections_leave_nothing_behind) {
    struct rig g;
    rig_start(&g, (struct serve_opts){.request_s = 2}, true);
    for (int i = 0; i < 300; i++) http_client_close(http_client_open(&g.tcp)); /* warm */
    still_answers(&g);
    size_t before = memory_resident(), files = open_files();
    for (int i = 0; i < 6000; i++) http_client_close(http_client_open(&g.tcp));
    for (int i = 0; i < 300; i++) http_client_close(http_client_open(&g.tls));
    still_answers(&g);
    for (int i = 0; i < 100 && open_files() > files; i++) usleep(50000);
    ck_assert_uint_le(open_files(), files);
    memory_assert_bounded(before);
    rig_stop(&g);
}
END_TEST

/* Silent connections take all places; the oldest gives way and the next client is served at once. */
START_TEST(connection_limit_frees_itself) {
    struct rig g;
    rig_start(&g, (struct serve_opts){.max_connections = 20, .threads = 2}, true);
    struct http_client *h[60];
    for (int i = 0; i < 60; i++) h[i] = http_client_open(&g.tcp);
    int64_t begin = mono();
    still_answers(&g);
    ck_assert_int_lt(mono() - begin, 3000);
    for (int i = 0; i < 60; i++) http_client_close(h[i]);
    rig_stop(&g);
}
END_TEST

START_TEST(per_ip_limit_holds) {
    struct rig g;
    rig_start(&g, (struct serve_opts){.per_ip = 3, .threads = 1}, false);
    struct http_client *h[5];
    BUF_AUTO struct buf body = BUF_INIT;
    int served = 0;
    for (int i = 0; i < 5; i++) ck_assert_ptr_nonnull((h[i] = http_client_open(&g.tcp)));
    usleep(200000);
    for (int i = 0; i < 5; i++) served += http_client_post(h[i], "/size", "a", 1, &body) == 200;
    ck_assert_int_eq(served, 3);
    ck_assert_int_eq(http_client_post(h[4], "/size", "a", 1, &body), 200); /* the newest stay */
    for (int i = 0; i < 5; i++) http_client_close(h[i]);
    rig_stop(&g);
}
END_TEST

TEST_MAIN("serve_hostile", announced_100_mb_are_refused_at_once, sent_100_mb_stay_out_of_memory,
          truncated_bodies_are_dropped, malformed_requests_get_an_error_or_the_door,
          endless_headers_are_cut, garbage_before_and_inside_tls, plain_http_on_the_tls_port_is_closed, slow_senders_are_cut,
          waiting_burns_no_cpu, idle_connections_end, thousands_of_connections_leave_nothing_behind, connection_limit_frees_itself,
          per_ip_limit_holds)
