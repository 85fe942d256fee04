#include "testing.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "fakeapi.h"
#include "kube/client.h"

static struct fakeapi *api;
static struct kube *k;
static struct kube_config *config;
static char dir[64];

static const char *write_file(const char *name, const char *text) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void make_dir(void) {
    strcpy(dir, "/tmp/rbg-client-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void) {
    static const char *const names[] = {"config", "token", "new", "plugin"};
    char path[256];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

static void connect_as(const char *server, const char *user, const struct kube_opts *o) {
    struct err e = ERR_INIT;
    char text[1024];
    snprintf(text, sizeof text,
             "current-context: c\ncontexts: [{name: c, context: {cluster: s, user: u}}]\n"
             "clusters: [{name: s, cluster: {server: \"%s\"}}]\nusers: [{name: u, user: %s}]\n", server, user);
    ASSERT_PTR(config = kube_config_load(write_file("config", text), NULL, &e));
    ASSERT_PTR(k = kube_new(config, o, &e));
}

static void start(fake_handler fn, void *ctx, const struct kube_opts *o) {
    make_dir();
    api = fakeapi_start(0, fn, ctx);
    connect_as(fakeapi_url(api), "{token: secret}", o);
}

static void finish(void) {
    kube_free(k);
    kube_config_free(config);
    if (api) fakeapi_stop(api);
    api = NULL;
    remove_dir();
}

static const struct kube_opts opts = {.user_agent = "rbg-test/1", .field_manager = "rbg", .timeout_ms = 5000};

static int get(const char *path, struct kube_response *r, struct err *e) {
    struct kube_request q = {.method = "GET", .path = path};
    return kube_do(k, &q, r, e);
}

/* ---- requests ---- */

static void echo(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    char agent[64], token[64], type[64], body[1024];
    (void)ctx;
    fake_header(q, "User-Agent", agent, sizeof agent);
    fake_header(q, "Authorization", token, sizeof token);
    fake_header(q, "Content-Type", type, sizeof type);
    snprintf(body, sizeof body, "%s %s ?%s [%s] [%s] [%s] #%d <%s>", q->method, q->path, q->query, agent, token, type,
             q->connection, q->body);
    fake_reply(c, 200, NULL, body);
}

START_TEST(test_request_as_it_arrives) {
    struct err e = ERR_INIT;
    struct kube_response r;
    start(echo, NULL, &opts);
    ASSERT_OK(get("/api/v1/pods", &r, &e));
    ck_assert_int_eq(r.status, 200);
    ck_assert_str_eq(r.body.s, "GET /api/v1/pods ? [rbg-test/1] [Bearer secret] [] #1 <>");
    buf_fini(&r.body);
    struct kube_request q = {.method = "PATCH", .path = "/x", .query = "force=true", .body = "{\"a\":1}", .len = 7,
                             .content_type = "application/apply-patch+yaml"};
    ASSERT_OK(kube_do(k, &q, &r, &e));
    ck_assert_str_eq(r.body.s, "PATCH /x ?force=true&fieldManager=rbg [rbg-test/1] [Bearer secret] "
                               "[application/apply-patch+yaml] #1 <{\"a\":1}>"); /* and the same connection */
    buf_fini(&r.body);
    q = (struct kube_request){.method = "PUT", .path = "/y", .query = "fieldManager=other", .body = "{}", .len = 2};
    ASSERT_OK(kube_do(k, &q, &r, &e));
    ck_assert_str_eq(r.body.s, "PUT /y ?fieldManager=other [rbg-test/1] [Bearer secret] [application/json] #1 <{}>");
    buf_fini(&r.body);
    q = (struct kube_request){.method = "DELETE", .path = "/z"};
    ASSERT_OK(kube_do(k, &q, NULL, &e));
    finish();
}
END_TEST

static void errors(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    (void)ctx;
    if (strcmp(q->path, "/404") == 0) fake_status(c, 404, "NotFound", "pods x not found");
    else if (strcmp(q->path, "/exists") == 0) fake_status(c, 409, "AlreadyExists", "it is there");
    else if (strcmp(q->path, "/conflict") == 0) fake_status(c, 409, "Conflict", "stale");
    else if (strcmp(q->path, "/denied") == 0)
        fake_status(c, 403, "Forbidden", "admission webhook \\\"a.b\\\" denied the request: no");
    else if (strcmp(q->path, "/forbidden") == 0) fake_status(c, 403, "Forbidden", "you may not");
    else if (strcmp(q->path, "/proxy") == 0) fake_reply(c, 502, NULL, "<html>\n  <b>Bad   Gateway</b>\n</html>");
    else if (strcmp(q->path, "/empty") == 0) fake_reply(c, 500, NULL, "");
    else fake_reply(c, 429, NULL, "{\"message\":\"later\",\"details\":{\"retryAfterSeconds\":7}}");
}

static void expect_error(const char *path, enum err_code code, int http, const char *msg) {
    struct err e = ERR_INIT;
    ASSERT_ERR(get(path, NULL, &e), code);
    ck_assert_int_eq(e.http, http);
    ck_assert_str_eq(e.msg, msg);
}

START_TEST(test_status_errors_are_typed) {
    struct err e = ERR_INIT;
    start(errors, NULL, &opts);
    expect_error("/404", ERR_NOT_FOUND, 404, "GET /404: HTTP 404 NotFound: pods x not found");
    expect_error("/exists", ERR_EXISTS, 409, "GET /exists: HTTP 409 AlreadyExists: it is there");
    expect_error("/conflict", ERR_CONFLICT, 409, "GET /conflict: HTTP 409 Conflict: stale");
    expect_error("/denied", ERR_REJECTED, 403,
                 "GET /denied: HTTP 403 Forbidden: admission webhook \"a.b\" denied the request: no");
    expect_error("/forbidden", ERR_FORBIDDEN, 403, "GET /forbidden: HTTP 403 Forbidden: you may not");
    expect_error("/proxy", ERR_UNAVAILABLE, 502, "GET /proxy: HTTP 502: <html> <b>Bad Gateway</b> </html>");
    expect_error("/empty", ERR_UNAVAILABLE, 500, "GET /empty: HTTP 500");
    struct kube_request q = {.method = "GET", .path = "/later", .timeout_ms = 300};
    ASSERT_ERR(kube_do(k, &q, NULL, &e), ERR_THROTTLED);
    ck_assert_int_eq(e.retry_after_ms, 7000); /* beyond the deadline: the caller's business */
    finish();
}
END_TEST

static void busy_twice(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    (void)ctx;
    if (q->number < 3) fake_reply(c, q->number == 1 ? 429 : 503, "Retry-After: 1\r\n", "{\"message\":\"busy\"}");
    else fake_reply(c, 200, NULL, q->body);
}

START_TEST(test_retry_after_is_obeyed_within_the_deadline) {
    struct err e = ERR_INIT;
    struct kube_response r;
    start(busy_twice, NULL, &opts);
    int64_t begun = clock_mono_ms(clock_real());
    struct kube_request q = {.method = "POST", .path = "/x", .body = "{\"b\":2}", .len = 7};
    ASSERT_OK(kube_do(k, &q, &r, &e));
    int64_t took = clock_mono_ms(clock_real()) - begun;
    ck_assert_int_ge(took, 2000);
    ck_assert_int_lt(took, 4500);
    ck_assert_str_eq(r.body.s, "{\"b\":2}");
    buf_fini(&r.body);
    ck_assert_int_eq(fakeapi_requests(api), 3);
    finish();
}
END_TEST

static void never(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    (void)ctx;
    static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"a\":";
    if (strcmp(q->path, "/half") == 0) fake_raw(c, half, sizeof half - 1);
    if (strcmp(q->path, "/cut") == 0) {
        fake_raw(c, half, sizeof half - 1);
        fake_cut(c);
        return;
    }
    while (fake_sleep(c, 10000)) continue;
    fake_cut(c);
}

START_TEST(test_deadline_ends_a_stall) {
    struct err e = ERR_INIT;
    start(never, NULL, &opts);
    static const char *const paths[] = {"/nothing", "/half"};
    for (size_t i = 0; i < 2; i++) {
        int64_t begun = clock_mono_ms(clock_real());
        struct kube_request q = {.method = "GET", .path = paths[i], .timeout_ms = 300};
        ASSERT_ERR(kube_do(k, &q, NULL, &e), ERR_TIMEOUT);
        ck_assert_int_lt(clock_mono_ms(clock_real()) - begun, 2000);
        ck_assert_ptr_nonnull(strstr(e.msg, "no complete answer from http://127.0.0.1:"));
    }
    finish();
}
END_TEST

START_TEST(test_answer_cut_in_the_middle) {
    struct err e = ERR_INIT;
    start(never, NULL, &opts);
    ASSERT_ERR(get("/cut", NULL, &e), ERR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(e.msg, "was cut"));
    ck_assert_int_eq(e.http, 0);
    finish();
}
END_TEST

START_TEST(test_nobody_listens) {
    struct err e = ERR_INIT;
    start(echo, NULL, &opts);
    fakeapi_stop(api);
    api = NULL;
    ASSERT_ERR(get("/x", NULL, &e), ERR_UNAVAILABLE);
    ck_assert_msg(strstr(e.msg, "GET /x: can't reach http://127.0.0.1:") && strstr(e.msg, "Connection refused"), "%s", e.msg);
    finish();
}
END_TEST

START_TEST(test_unknown_host) {
    struct err e = ERR_INIT;
    make_dir();
    connect_as("https://no-such-host.invalid:6443", "{}", &opts);
    ASSERT_ERR(get("/x", NULL, &e), ERR_UNAVAILABLE);
    ck_assert_msg(strstr(e.msg, "can't reach https://no-such-host.invalid:6443") != NULL, "%s", e.msg);
    finish();
}
END_TEST

START_TEST(test_bad_server_url) {
    struct err e = ERR_INIT;
    make_dir();
    config = kube_config_load(write_file("config", "current-context: c\ncontexts: [{name: c, context: {cluster: s}}]\n"
                                                   "clusters: [{name: s, cluster: {server: 'localhost:8080'}}]\n"), NULL, &e);
    ck_assert_ptr_null(kube_new(config, &opts, &e));
    ck_assert_int_eq(e.code, ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(e.msg, "localhost:8080"));
    kube_config_free(config);
    remove_dir();
}
END_TEST

static void close_each(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    echo(ctx, c, q);
    fake_cut(c); /* without having announced it */
}

START_TEST(test_connection_that_the_server_closed_while_idle) {
    struct err e = ERR_INIT;
    start(close_each, NULL, &opts);
    for (int i = 0; i < 5; i++) {
        ASSERT_OK(get("/x", NULL, &e));
        usleep(20000);
    }
    ck_assert_int_eq(fakeapi_connections(api), 5);
    finish();
}
END_TEST

START_TEST(test_config_may_be_freed_before_the_client) {
    struct err e = ERR_INIT;
    start(echo, NULL, &opts);
    kube_config_free(config);
    config = NULL;
    ASSERT_OK(get("/x", NULL, &e));
    finish();
}
END_TEST

/* ---- batches ---- */

struct crowd {
    int now, most, seen;
    const char *fail;
};

static void crowded(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    struct crowd *w = ctx;
    int now = __atomic_add_fetch(&w->now, 1, __ATOMIC_SEQ_CST);
    int most = __atomic_load_n(&w->most, __ATOMIC_SEQ_CST);
    while (now > most && !__atomic_compare_exchange_n(&w->most, &most, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) continue;
    __atomic_add_fetch(&w->seen, 1, __ATOMIC_SEQ_CST);
    fake_sleep(c, 50);
    __atomic_sub_fetch(&w->now, 1, __ATOMIC_SEQ_CST);
    if (w->fail && strcmp(q->path, w->fail) == 0) fake_status(c, 422, "Invalid", "bad");
    else fake_reply(c, 201, NULL, q->path);
}

static char paths[40][24];

static void batch(struct kube_job *jobs, size_t n) {
    for (size_t i = 0; i < n; i++) {
        snprintf(paths[i], sizeof paths[i], "/%zu", i);
        jobs[i] = (struct kube_job){.q = {.method = "POST", .path = paths[i], .body = "{}", .len = 2}};
    }
}

static void batch_free(struct kube_job *jobs, size_t n) {
    for (size_t i = 0; i < n; i++) buf_fini(&jobs[i].r.body);
}

START_TEST(test_batch_runs_at_once_but_not_more_than_allowed) {
    struct crowd w = {0};
    struct kube_job jobs[40];
    start(crowded, &w, &opts);
    batch(jobs, 40);
    int64_t begun = clock_mono_ms(clock_real());
    kube_do_all(k, jobs, 40, 8, false);
    ck_assert_int_lt(clock_mono_ms(clock_real()) - begun, 1500); /* one after the other: 2 s */
    ck_assert_int_le(w.most, 8);
    ck_assert_int_ge(w.most, 4);
    for (size_t i = 0; i < 40; i++) {
        ck_assert_int_eq(jobs[i].rc, 0);
        ck_assert_int_eq(jobs[i].r.status, 201);
        ck_assert_str_eq(jobs[i].r.body.s, paths[i]);
    }
    ck_assert_int_le(fakeapi_connections(api), 8);
    batch_free(jobs, 40);
    finish();
}
END_TEST

/* One request after a crowd must not cost the crowd its connections. */
START_TEST(test_connections_are_kept_for_the_next_batch) {
    struct crowd w = {0};
    struct kube_job jobs[8];
    start(crowded, &w, &opts);
    for (int round = 0; round < 3; round++) {
        batch(jobs, 8);
        kube_do_all(k, jobs, 8, 8, false);
        batch_free(jobs, 8);
        batch(jobs, 1);
        kube_do_all(k, jobs, 1, 1, false);
        batch_free(jobs, 1);
    }
    ck_assert_int_eq(fakeapi_connections(api), 8);
    finish();
}
END_TEST

START_TEST(test_failure_does_not_stop_independent_requests) {
    struct crowd w = {.fail = "/3"};
    struct kube_job jobs[10];
    start(crowded, &w, &opts);
    batch(jobs, 10);
    kube_do_all(k, jobs, 10, 2, false);
    for (size_t i = 0; i < 10; i++) ck_assert_int_eq(jobs[i].rc, i == 3 ? -1 : 0);
    ck_assert_int_eq(jobs[3].e.code, ERR_REJECTED);
    batch_free(jobs, 10);
    finish();
}
END_TEST

START_TEST(test_slow_start_stops_after_the_batch_that_failed) {
    struct crowd w = {.fail = "/4"}; /* batches: 0, 1-2, 3-6, 7-... */
    struct kube_job jobs[20];
    start(crowded, &w, &opts);
    batch(jobs, 20);
    kube_do_all(k, jobs, 20, 10, true);
    ck_assert_int_eq(w.seen, 7);
    for (size_t i = 0; i < 20; i++) {
        ck_assert_int_eq(jobs[i].rc, i == 4 || i > 6 ? -1 : 0);
        if (i > 6) ck_assert_int_eq(jobs[i].e.code, ERR_CANCELED);
    }
    batch_free(jobs, 20);
    finish();
}
END_TEST

START_TEST(test_own_rate_limit) {
    struct err e = ERR_INIT;
    struct kube_opts slow = opts;
    slow.qps = 20;
    slow.burst = 5;
    start(echo, NULL, &slow);
    int64_t begun = clock_mono_ms(clock_real());
    for (int i = 0; i < 15; i++) ASSERT_OK(get("/x", NULL, &e)); /* 5 at once, 10 at 20 a second */
    ck_assert_int_ge(clock_mono_ms(clock_real()) - begun, 450);
    struct kube_job jobs[10];
    batch(jobs, 10);
    for (size_t i = 0; i < 10; i++) jobs[i].q.timeout_ms = 200;
    kube_do_all(k, jobs, 10, 10, false);
    ck_assert_int_eq(jobs[9].rc, -1);
    ck_assert_int_eq(jobs[9].e.code, ERR_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(jobs[9].e.msg, "rate limit"));
    batch_free(jobs, 10);
    finish();
}
END_TEST

/* ---- who we are ---- */

static void wants_new_token(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    char token[64];
    (void)ctx;
    fake_header(q, "Authorization", token, sizeof token);
    if (strcmp(token, "Bearer new") == 0) fake_reply(c, 200, NULL, "{}");
    else fake_status(c, 401, "Unauthorized", "Unauthorized");
}

START_TEST(test_rotated_token_file) {
    struct err e = ERR_INIT;
    char from[256], to[256];
    make_dir();
    write_file("token", "old\n");
    api = fakeapi_start(0, wants_new_token, NULL);
    connect_as(fakeapi_url(api), "{tokenFile: token}", &opts);
    ASSERT_ERR(get("/x", NULL, &e), ERR_UNAUTHORIZED);
    ck_assert_int_eq(fakeapi_requests(api), 1); /* the same token again would not help */
    snprintf(from, sizeof from, "%s", write_file("new", "new\n"));
    snprintf(to, sizeof to, "%s/token", dir);
    ck_assert_int_eq(rename(from, to), 0);
    ASSERT_OK(get("/x", NULL, &e));
    unlink(to);
    ASSERT_ERR(get("/x", NULL, &e), ERR_UNAUTHORIZED);
    ck_assert_msg(strstr(e.msg, "No such file") != NULL, "%s", e.msg);
    finish();
}
END_TEST

static const char plugin[] =
    "#!/bin/sh\n"
    "case $KUBERNETES_EXEC_INFO in *ExecCredential*) ;; *) exit 3;; esac\n"
    "[ \"$WHO\" = me ] && [ \"$1\" = arg ] || exit 4\n"
    "if [ -e $0.used ]; then t=new; rm $0.used; else t=old; : > $0.used; fi\n"
    "echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"'$t'\"}}'\n";

START_TEST(test_exec_plugin_runs_again_when_refused) {
    struct err e = ERR_INIT;
    make_dir();
    chmod(write_file("plugin", plugin), 0700);
    api = fakeapi_start(0, wants_new_token, NULL);
    connect_as(fakeapi_url(api), "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [arg], "
                                 "env: [{name: WHO, value: me}]}}", &opts);
    ASSERT_OK(get("/x", NULL, &e));
    ck_assert_int_eq(fakeapi_requests(api), 2);
    ASSERT_OK(get("/x", NULL, &e)); /* and is kept */
    ck_assert_int_eq(fakeapi_requests(api), 3);
    finish();
}
END_TEST

START_TEST(test_exec_plugin_that_fails) {
    struct err e = ERR_INIT;
    make_dir();
    chmod(write_file("plugin", "#!/bin/sh\nexit 5\n"), 0700);
    connect_as("http://127.0.0.1:1", "{exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin}}", &opts);
    ASSERT_ERR(get("/x", NULL, &e), ERR_UNAUTHORIZED);
    ck_assert_msg(strstr(e.msg, "exit code 5") != NULL, "%s", e.msg);
    finish();
    make_dir();
    connect_as("http://127.0.0.1:1", "{exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin-xyz, "
                                     "installHint: get it from y}}", &opts);
    ASSERT_ERR(get("/x", NULL, &e), ERR_UNAUTHORIZED);
    ck_assert_msg(strstr(e.msg, "no-such-plugin-xyz") && strstr(e.msg, "get it from y"), "%s", e.msg);
    finish();
}
END_TEST

/* ---- watches ---- */

struct seen {
    char text[4096];
    int lines, stop_after;
};

static int on_line(void *ctx, char *text, size_t len) {
    struct seen *s = ctx;
    if (strlen(text) != len) return -1;
    strncat(s->text, text, sizeof s->text - strlen(s->text) - 2);
    strcat(s->text, "|");
    return ++s->lines == s->stop_after;
}

static const char events[] = "{\"type\":\"ADDED\",\"object\":{\"a\":\"\\n x\"}}\n\n{\"type\":\"BOOKMARK\"}\r\n{\"c\":3}\n";

static void odd_pieces(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    (void)ctx;
    size_t size = strtoul(q->query, NULL, 10), len = strlen(events);
    fake_begin(c);
    for (size_t at = 0; at < len; at += size) {
        fake_piece(c, events + at, size < len - at ? size : len - at);
        if (size < 5) fake_sleep(c, 1);
    }
    fake_end(c);
}

START_TEST(test_watch_lines_split_anywhere) {
    struct err e = ERR_INIT;
    start(odd_pieces, NULL, &opts);
    for (int size = 1; size < 60; size += 1 + size / 4) {
        struct seen s = {""};
        char query[16];
        snprintf(query, sizeof query, "%d", size);
        ASSERT_OK(kube_watch(k, "/w", query, 2000, NULL, on_line, &s, &e));
        ck_assert_str_eq(s.text, "{\"type\":\"ADDED\",\"object\":{\"a\":\"\\n x\"}}|{\"type\":\"BOOKMARK\"}\r|{\"c\":3}|");
    }
    ck_assert_int_eq(fakeapi_connections(api), 1);
    finish();
}
END_TEST

static void endless(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    (void)ctx;
    if (strcmp(q->path, "/gone") == 0) {
        fake_status(c, 410, "Expired", "too old resource version");
        return;
    }
    fake_begin(c);
    fake_text(c, "{\"n\":1}\n");
    if (strcmp(q->path, "/partial") == 0 || strcmp(q->path, "/partial-end") == 0) fake_text(c, "{\"n\":");
    if (strcmp(q->path, "/partial-end") == 0) fake_end(c);
    else if (strcmp(q->path, "/partial") == 0) fake_cut(c);
    else
        while (strcmp(q->path, "/idle") == 0 ? fake_sleep(c, 100000) : fake_sleep(c, 20)) fake_text(c, "{\"n\":2}\n");
}

static void *set_stop(void *arg) {
    usleep(200000);
    __atomic_store_n((bool *)arg, true, __ATOMIC_RELAXED);
    return NULL;
}

START_TEST(test_watch_ends) {
    struct err e = ERR_INIT;
    start(endless, NULL, &opts);
    struct seen s = {.stop_after = 3};
    ASSERT_OK(kube_watch(k, "/w", NULL, 5000, NULL, on_line, &s, &e)); /* the reader has enough */
    ck_assert_int_eq(s.lines, 3);
    bool stop = false;
    pthread_t t;
    pthread_create(&t, NULL, set_stop, &stop);
    s = (struct seen){""};
    ASSERT_OK(kube_watch(k, "/w", NULL, 5000, &stop, on_line, &s, &e));
    ck_assert_int_ge(s.lines, 2);
    pthread_join(t, NULL);
    s = (struct seen){""};
    ASSERT_ERR(kube_watch(k, "/idle", NULL, 300, NULL, on_line, &s, &e), ERR_TIMEOUT);
    ck_assert_str_eq(s.text, "{\"n\":1}|");
    ASSERT_ERR(kube_watch(k, "/gone", NULL, 300, NULL, on_line, &s, &e), ERR_GONE);
    ck_assert_ptr_nonnull(strstr(e.msg, "too old resource version"));
    s = (struct seen){""};
    ASSERT_ERR(kube_watch(k, "/partial", NULL, 3000, NULL, on_line, &s, &e), ERR_UNAVAILABLE);
    ck_assert_str_eq(s.text, "{\"n\":1}|");
    ASSERT_ERR(kube_watch(k, "/partial-end", NULL, 3000, NULL, on_line, &s, &e), ERR_UNAVAILABLE);
    finish();
}
END_TEST

static void flood(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    static char line[10001];
    (void)ctx;
    (void)q;
    memset(line, 'x', 9999);
    line[9999] = '\n';
    fake_begin(c);
    for (int i = 0; i < 1000; i++) fake_piece(c, line, 10000); /* 10 MB, more than a stream may hold unread */
    fake_end(c);
}

static int slow_line(void *ctx, char *text, size_t len) {
    (void)text;
    if (len != 9999) return -1;
    if (++*(int *)ctx % 100 == 0) usleep(20000);
    return 0;
}

START_TEST(test_slow_reader_loses_nothing) {
    struct err e = ERR_INIT;
    int lines = 0;
    start(flood, NULL, &opts);
    ASSERT_OK(kube_watch(k, "/w", NULL, 5000, NULL, slow_line, &lines, &e));
    ck_assert_int_eq(lines, 1000);
    finish();
}
END_TEST

/* ---- threads and metrics ---- */

static void *asker(void *arg) {
    int *failures = arg;
    for (int i = 0; i < 50; i++) {
        struct err e = ERR_INIT;
        struct kube_response r;
        if (get("/t", &r, &e) != 0 || !strstr(r.body.s, "GET /t")) __atomic_add_fetch(failures, 1, __ATOMIC_SEQ_CST);
        buf_fini(&r.body);
    }
    return NULL;
}

START_TEST(test_many_threads_share_the_client) {
    int failures = 0;
    pthread_t t[8];
    start(echo, NULL, &opts);
    for (size_t i = 0; i < 8; i++) ck_assert_int_eq(pthread_create(&t[i], NULL, asker, &failures), 0);
    for (size_t i = 0; i < 8; i++) pthread_join(t[i], NULL);
    ck_assert_int_eq(failures, 0);
    ck_assert_int_eq(fakeapi_requests(api), 400);
    ck_assert_int_le(fakeapi_connections(api), 16);
    ck_assert(testing_metric("rbg_kube_requests_total{verb=\"GET\",code=\"200\"} 400\n"));
    ck_assert(testing_metric("rbg_kube_request_duration_seconds_count{verb=\"GET\"} 400\n"));
    finish();
}
END_TEST

START_TEST(test_silence_of_the_server_is_measured) {
    struct err e = ERR_INIT;
    start(errors, NULL, &opts);
    ck_assert_int_eq(kube_silent_ms(k), 0);
    ASSERT_ERR(get("/404", NULL, &e), ERR_NOT_FOUND);
    ck_assert_int_eq(kube_silent_ms(k), 0); /* that is an answer */
    ck_assert_int_ne(get("/proxy", NULL, &e), 0);
    usleep(20000);
    int64_t first = kube_silent_ms(k);
    ck_assert_int_ge(first, 20); /* 502 is somebody else's */
    int port = fakeapi_port(api);
    fakeapi_stop(api);
    ck_assert_int_ne(get("/404", NULL, &e), 0);
    usleep(20000);
    ck_assert_int_ge(kube_silent_ms(k), first + 20); /* since the first failure */
    api = fakeapi_start(port, errors, NULL);
    ASSERT_ERR(get("/404", NULL, &e), ERR_NOT_FOUND);
    ck_assert_int_eq(kube_silent_ms(k), 0);
    finish();
}
END_TEST

TEST_MAIN("kube/client", test_silence_of_the_server_is_measured, test_request_as_it_arrives, test_status_errors_are_typed,
          test_retry_after_is_obeyed_within_the_deadline, test_deadline_ends_a_stall, test_answer_cut_in_the_middle,
          test_nobody_listens, test_unknown_host, test_bad_server_url, test_connection_that_the_server_closed_while_idle,
          test_config_may_be_freed_before_the_client, test_batch_runs_at_once_but_not_more_than_allowed,
          test_connections_are_kept_for_the_next_batch,
          test_failure_does_not_stop_independent_requests, test_slow_start_stops_after_the_batch_that_failed,
          test_own_rate_limit, test_rotated_token_file, test_exec_plugin_runs_again_when_refused,
          test_exec_plugin_that_fails, test_watch_lines_split_anywhere, test_watch_ends, test_slow_reader_loses_nothing,
          test_many_threads_share_the_client)
