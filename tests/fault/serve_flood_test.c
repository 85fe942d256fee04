/* Neighbours that take what there is: connections, budgets, threads. Whatever one of them does, another one is served at once. The
 * neighbours come from addresses of their own. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sync.h"
#include "http_client.h"
#include "memory.h"
#include "serve/https.h"
#include "testing.h"

#define HOST "Host: localhost\r\n"
#define NEIGHBOUR "127.0.0.2"
#define SOON_MS 3000 /* a second, and what sanitizers and other tests on the machine add; less than any of the deadlines */
#define APART_MAX (8 * MIB)

struct rig {
    struct arena *arena;
    struct certs *certs;
    struct server *server;
    struct http_client_opts tls, tcp; /* clients for the same port */
};

static atomic_int slow_ms, at_work;

static void size_of(void *ctx, struct serve_request *q, struct serve_response *r) {
    (void)ctx;
    serve_text(r, 200, "%zu", q->len);
}

static void slow(void *ctx, struct serve_request *q, struct serve_response *r) {
    atomic_fetch_add(&at_work, 1);
    for (int i = 0; i < atomic_load(&slow_ms); i += 10) usleep(10000);
    atomic_fetch_sub(&at_work, 1);
    size_of(ctx, q, r);
}

static const struct serve_route routes[] = {
    {"POST", "/size", size_of, NULL},
    {"POST", "/list", size_of, NULL, APART_MAX, .apart = true},
    {"POST", "/slow", slow, NULL},
    {"POST", "/slow-list", slow, NULL, APART_MAX, .apart = true},
};

static void rig_start(struct rig *g, struct serve_opts o, bool tls) {
    struct err e = ERR_INIT;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files); /* both ends of every connection are ours */
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    *g = (struct rig){.arena = arena_new(), .certs = certs_new(NULL)};
    struct cert_set set = {0};
    ASSERT_OK(certs_generate(g->arena, NULL, NULL, "rbg.svc", clock_now_ms(clock_real()), 10, &set, &e));
    ASSERT_OK(certs_set_pem(g->certs, set.cert, set.key, &e));
    o.address = "127.0.0.1:0";
    o.certs = tls ? g->certs : NULL;
    o.routes = routes;
    o.nroutes = sizeof routes / sizeof *routes;
    ASSERT_PTR(g->server = server_start(&o, &e));
    g->tcp = (struct http_client_opts){.port = server_port(g->server), .from = NEIGHBOUR};
    g->tls = (struct http_client_opts){.port = server_port(g->server), .ca_pem = tls ? set.ca_cert : NULL};
}

static void rig_stop(struct rig *g) {
    ck_assert(server_stop(g->server, 1000));
    certs_free(g->certs);
    arena_free(g->arena);
}

static int64_t mono(void) { return clock_mono_ms(clock_real()); }

/* A request of n bytes on a connection of its own: 200, and how long it took. */
static int64_t served_in(const struct rig *g, const char *path, size_t n) {
    BUF_AUTO struct buf body = BUF_INIT;
    char *text = malloc(n), want[32];
    memset(text, 'x', n);
    int64_t begin = mono();
    struct http_client *h = http_client_open(&g->tls);
    ck_assert_msg(h != NULL, "the server takes no connection");
    int status = http_client_post(h, path, text, n, &body);
    int64_t took = mono() - begin;
    ck_assert_msg(status == 200, "%s: %d %s after %lld ms", path, status, buf_str(&body), (long long)took);
    snprintf(want, sizeof want, "%zu", n);
    ck_assert_str_eq(buf_str(&body), want);
    http_client_close(h);
    free(text);
    return took;
}

static void served_soon(const struct rig *g, const char *path, size_t n) {
    int64_t took = served_in(g, path, n);
    ck_assert_msg(took < SOON_MS, "%s of %zu bytes: %lld ms", path, n, (long long)took);
}

/* ---- connections ---- */

enum { FLOOD = 1100 };

static void flood(const struct rig *g, struct http_client **h, int n) {
    for (int i = 0; i < n; i++) ck_assert_ptr_nonnull(h[i] = http_client_open(&g->tcp));
}

static void close_all(struct http_client **h, int n) {
    for (int i = 0; i < n; i++) http_client_close(h[i]);
}

static void idle_flood(bool tls, struct serve_opts o) {
    struct rig g;
    static struct http_client *h[FLOOD];
    BUF_AUTO struct buf body = BUF_INIT;
    rig_start(&g, o, tls);
    struct http_client *kept = http_client_open(&g.tls); /* of another address, and idle */
    ck_assert_int_eq(http_client_post(kept, "/size", "abc", 3, &body), 200);
    flood(&g, h, FLOOD);
    served_soon(&g, "/size", 3);
    struct rig neighbour = g;
    neighbour.tls.from = NEIGHBOUR; /* who floods may still be somebody with a right to be served, behind one address */
    served_soon(&neighbour, "/size", 3);
    ck_assert_int_eq(http_client_post(kept, "/size", "abc", 3, &body), 200);
    http_client_close(kept);
    close_all(h, FLOOD);
    rig_stop(&g);
}

START_TEST(idle_connections_take_no_place_from_others) { idle_flood(true, (struct serve_opts){0}); }
END_TEST

/* As the probes' port is: few connections, one thread. */
START_TEST(nor_on_a_small_port) { idle_flood(false, (struct serve_opts){.max_connections = 64, .threads = 1, .max_body = 1024}); }
END_TEST

/* How long a connection is left alone that sends so many bytes of `text`, or nothing. */
static int64_t left_alone(const struct http_client_opts *o, const char *text) {
    struct http_client *h = http_client_open(o);
    ck_assert_ptr_nonnull(h);
    if (*text) ck_assert_int_eq(http_client_send(h, text, strlen(text)), 0);
    int64_t begin = mono();
    ck_assert(http_client_closed(h));
    http_client_close(h);
    return mono() - begin;
}

START_TEST(handshake_and_first_line_have_five_seconds) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0}, true);
    const struct { const struct http_client_opts *o; const char *text; } rows[] = {
        {&g.tcp, ""}, {&g.tcp, "\x16\x03\x01\x02"}, {&g.tls, ""}, {&g.tls, "POST /si"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int64_t took = left_alone(rows[i].o, rows[i].text);
        ck_assert_msg(took > 3500 && took < 5000 + SOON_MS, "%zu: %lld ms", i, (long long)took);
    }
    rig_stop(&g);
}
END_TEST

/* ---- budgets ---- */

static struct http_client *announce(const struct rig *g, const char *from, const char *path, size_t n, size_t send_now) {
    struct http_client_opts o = g->tls;
    o.from = from;
    o.timeout_ms = 2000; /* nobody reads while it waits for its place */
    struct http_client *h = http_client_open(&o);
    ck_assert_ptr_nonnull(h);
    char head[200], *text = malloc(send_now + 1);
    memset(text, 'y', send_now);
    int k = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", path, n);
    ck_assert_int_eq(http_client_send(h, head, (size_t)k), 0);
    if (send_now) http_client_send(h, text, send_now);
    free(text);
    return h;
}

/* Two that never finish their lists hold all that lists may have. Admission does not feel it, nor do small lists; a large one waits
 * until those who stand still are cut. */
START_TEST(lists_that_do_not_end_stop_nobody_else) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0}, true);
    struct http_client *h[2];
    for (int i = 0; i < 2; i++) h[i] = announce(&g, i ? "127.0.0.3" : NEIGHBOUR, "/list", APART_MAX, MIB);
    served_soon(&g, "/size", 3);
    served_soon(&g, "/size", 3 * MIB);
    served_soon(&g, "/list", 100000);
    int64_t took = served_in(&g, "/list", 5 * MIB);
    ck_assert_msg(took < 5000 + SOON_MS, "%lld ms", (long long)took);
    close_all(h, 2);
    rig_stop(&g);
}
END_TEST

/* One address can't have more than half, so one neighbour does not even delay large requests. */
START_TEST(one_address_has_at_most_half_of_a_budget) {
    struct rig g;
    rig_start(&g, (struct serve_opts){0}, true);
    struct http_client *h[10];
    for (int i = 0; i < 5; i++) h[i] = announce(&g, NEIGHBOUR, "/list", APART_MAX, 1);
    for (int i = 5; i < 10; i++) h[i] = announce(&g, NEIGHBOUR, "/size", 8 * MIB, 1);
    served_soon(&g, "/size", 3 * MIB);
    served_soon(&g, "/list", 5 * MIB);
    close_all(h, 10);
    rig_stop(&g);
}
END_TEST

START_TEST(small_bodies_that_do_not_end_take_half_at_most) {
    struct rig g;
    static struct http_client *h[300];
    rig_start(&g, (struct serve_opts){0}, true);
    for (int i = 0; i < 300; i++) h[i] = announce(&g, NEIGHBOUR, "/size", 250000, 1); /* 75 MB */
    served_soon(&g, "/size", 3);
    served_soon(&g, "/size", 200000);
    close_all(h, 300);
    rig_stop(&g);
}
END_TEST

static atomic_int all_served;

static void *post_large(void *arg) {
    served_in(arg, "/size", MIB);
    atomic_fetch_add(&all_served, 1);
    return NULL;
}

/* More at once than the budget has room for: each waits for its turn, none is turned away. */
START_TEST(a_crowd_of_large_requests_is_served_one_after_the_other) {
    enum { CROWD = 24 };
    struct rig g;
    pthread_t t[CROWD];
    rig_start(&g, (struct serve_opts){.threads = 2, .max_body = MIB}, true);
    for (int i = 0; i < CROWD; i++) t[i] = thread_start("crowd", post_large, &g);
    for (int i = 0; i < CROWD; i++) pthread_join(t[i], NULL);
    ck_assert_int_eq(atomic_load(&all_served), CROWD);
    rig_stop(&g);
}
END_TEST

/* What is announced costs no memory, not even addresses. */
START_TEST(announcing_allocates_nothing) {
    struct rig g;
    struct http_client *h[4];
    rig_start(&g, (struct serve_opts){.max_body = 64 * MIB, .threads = 1}, true);
    served_soon(&g, "/size", 3);
    size_t before = memory_mapped();
    for (int i = 0; i < 4; i++) h[i] = announce(&g, i & 1 ? "127.0.0.3" : NEIGHBOUR, "/size", 60 * MIB, 1000);
    served_soon(&g, "/size", 3);
    ck_assert_uint_lt(memory_mapped() - before, 60 * MIB);
    close_all(h, 4);
    rig_stop(&g);
}
END_TEST

/* Sends `n` bytes every 100 ms until the server closes or `give_up_ms` are over: how long it took, or -1. */
static int64_t trickle(struct http_client *h, size_t n, int64_t give_up_ms) {
    char *text = calloc(1, n);
    int64_t begin = mono(), took = -1;
    while (took < 0 && mono() - begin < give_up_ms) {
        char c;
        if (http_client_send(h, text, n) || recv(http_client_fd(h), &c, 1, MSG_DONTWAIT | MSG_PEEK) == 0) took = mono() - begin;
        usleep(100000);
    }
    free(text);
    return took;
}

START_TEST(a_body_must_make_progress) {
    struct rig g;
    rig_start(&g, (struct serve_opts){.max_body = 64 * MIB}, true);
    struct http_client *h = announce(&g, NEIGHBOUR, "/size", 60 * MIB, 0);
    int64_t took = trickle(h, 20000, 20000); /* a fifth of what it must have */
    ck_assert_msg(took > 3500 && took < 5000 + 2 * SOON_MS, "%lld ms", (long long)took);
    http_client_close(h);
    h = announce(&g, NEIGHBOUR, "/size", 60 * MIB, 0);
    ck_assert_int_eq(trickle(h, 600000, 9000), -1);
    http_client_close(h);
    rig_stop(&g);
}
END_TEST

/* ---- threads ---- */

static void *post_slow_list(void *arg) {
    served_in(arg, "/slow-list", 2 * MIB);
    return NULL;
}

static void *post_slow(void *arg) {
    served_in(arg, "/slow", 2 * MIB);
    return NULL;
}

/* Large requests are worked on beside the threads that serve small ones, and lists beside large admission reviews. */
START_TEST(large_work_holds_no_small_request_up) {
    struct rig g;
    rig_start(&g, (struct serve_opts){.threads = 1}, true);
    atomic_store(&slow_ms, 5000);
    pthread_t list[2] = {thread_start("list", post_slow_list, &g), thread_start("list", post_slow_list, &g)};
    while (atomic_load(&at_work) < 1) usleep(1000);
    served_soon(&g, "/size", 3);
    served_soon(&g, "/size", 3 * MIB);
    served_soon(&g, "/list", 100000);
    pthread_t review = thread_start("review", post_slow, &g);
    while (atomic_load(&at_work) < 2) usleep(1000);
    served_soon(&g, "/size", 3);
    atomic_store(&slow_ms, 0);
    for (int i = 0; i < 2; i++) pthread_join(list[i], NULL);
    pthread_join(review, NULL);
    rig_stop(&g);
}
END_TEST

/* ---- the end ---- */

static void stop_at_work(const char *path, size_t n, int clients) {
    struct rig g;
    rig_start(&g, (struct serve_opts){.threads = 2}, true);
    atomic_store(&slow_ms, 60000);
    struct http_client *h[6];
    for (int i = 0; i < clients; i++) h[i] = announce(&g, NEIGHBOUR, path, n, n);
    while (atomic_load(&at_work) < 1) usleep(1000);
    int64_t begin = mono();
    ck_assert(!server_stop(g.server, 500));
    ck_assert_int_lt(mono() - begin, 500 + SOON_MS);
    atomic_store(&slow_ms, 0);
    rig_stop(&g);
    close_all(h, clients);
}

/* A handler that does not end, with others behind it that wait for its thread or for a place. */
START_TEST(stopping_waits_for_no_large_work) { stop_at_work("/slow-list", 5 * MIB, 6); }
END_TEST

START_TEST(stopping_waits_for_no_small_work) { stop_at_work("/slow", 1000, 1); }
END_TEST

TEST_MAIN("serve_flood", idle_connections_take_no_place_from_others, nor_on_a_small_port,
          handshake_and_first_line_have_five_seconds,
          lists_that_do_not_end_stop_nobody_else, one_address_has_at_most_half_of_a_budget,
          small_bodies_that_do_not_end_take_half_at_most, a_crowd_of_large_requests_is_served_one_after_the_other,
          announcing_allocates_nothing, a_body_must_make_progress, large_work_holds_no_small_request_up,
          stopping_waits_for_no_large_work, stopping_waits_for_no_small_work)
