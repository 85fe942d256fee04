/* Requests. Hides the conversation around a transfer: credentials, the field manager of writes, client-side rate limit,
 * waiting as long as Retry-After says, and turning an answer into a typed error.
 *
 * One engine runs a single request and a batch alike: the calling thread keeps up to `parallel` calls started, sleeps
 * until one has news or its pause is over, and moves that one on. Threads: any; `lock` guards the token bucket only. */
#include "kube/client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth.h"
#include "base/clock.h"
#include "base/metrics.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"
#include "stream.h"
#include "transport.h"

#define TIMEOUT_MS 30000
#define RETRY_MIN_MS 100
#define STREAM_POLL_MS 1000

struct kube {
    const struct kube_config *config;
    struct transport *transport;
    struct auth *auth;
    char *manager_query; /* "fieldManager=rbg" or NULL */
    int64_t timeout_ms;
    double qps, burst;
    int64_t silent_since_ms; /* atomic; 0: the API server answers */

    pthread_mutex_t lock;
    double tokens;
    int64_t filled_ms;
};

static struct metric *requests, *durations;

__attribute__((constructor)) static void metrics_init(void) {
    requests = metric_new(METRIC_COUNTER, "rbg_kube_requests_total",
                          "Requests to the API server by verb and HTTP status, or class of error when none came.",
                          "verb,code");
    durations = metric_new(METRIC_HISTOGRAM, "rbg_kube_request_duration_seconds",
                           "Time from sending a request to the end of the answer, without watches.", "verb");
}

static int64_t now_ms(void) { return clock_mono_ms(clock_real()); }

/* ---- life ---- */

static char *manager_query(const char *manager) {
    if (str_empty(manager)) return NULL;
    struct buf b = BUF_INIT;
    buf_puts(&b, "fieldManager=");
    query_escape(&b, manager);
    return b.s;
}

struct kube *kube_new(const struct kube_config *c, const struct kube_opts *o, struct err *e) {
    struct transport_opts t = {
        .server = c->server,
        .tls_server_name = c->tls_server_name,
        .ca_file = c->ca_file,
        .proxy_url = c->proxy_url,
        .user_agent = str_empty(o->user_agent) ? "rbg/" RBG_VERSION : o->user_agent,
        .insecure = c->insecure,
    };
    struct transport *transport = transport_new(&t, e);
    if (!transport) return NULL;
    struct kube *k = must(calloc(1, sizeof *k));
    k->transport = transport;
    k->config = kube_config_ref(c);
    k->auth = auth_new(c);
    k->manager_query = manager_query(o->field_manager);
    k->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : TIMEOUT_MS;
    k->qps = o->qps > 0 ? o->qps : 0;
    k->burst = o->burst > 0 ? (double)o->burst : k->qps < 1 ? 1 : k->qps;
    k->tokens = k->burst;
    k->filled_ms = now_ms();
    if (pthread_mutex_init(&k->lock, NULL) != 0) abort();
    return k;
}

void kube_free(struct kube *k) {
    if (!k) return;
    transport_free(k->transport);
    auth_free(k->auth);
    kube_config_free((struct kube_config *)(uintptr_t)k->config);
    pthread_mutex_destroy(&k->lock);
    free(k->manager_query);
    free(k);
}

void query_escape(struct buf *out, const char *s) {
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(*s) || strchr("-._~", c);
        if (plain) buf_putc(out, (char)c);
        else buf_printf(out, "%%%02X", c);
    }
}

/* ---- is anybody there ---- */

/* status 0: no answer came. */
static void heard(struct kube *k, int status) {
    int64_t none = 0;
    bool silent = status == 0 || (status >= 502 && status <= 504);
    if (!silent) __atomic_store_n(&k->silent_since_ms, 0, __ATOMIC_RELAXED);
    else __atomic_compare_exchange_n(&k->silent_since_ms, &none, now_ms(), false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

int64_t kube_silent_ms(const struct kube *k) {
    int64_t since = __atomic_load_n(&k->silent_since_ms, __ATOMIC_RELAXED);
    return since ? now_ms() - since : 0;
}

/* ---- rate limit ---- */

/* Takes a token, on credit if need be; returns how long to wait until it is earned. */
static int64_t bucket_take(struct kube *k, int64_t now) {
    if (k->qps <= 0) return 0;
    MUTEX_GUARD(&k->lock);
    k->tokens += (double)(now - k->filled_ms) / 1000 * k->qps;
    if (k->tokens > k->burst) k->tokens = k->burst;
    k->filled_ms = now;
    k->tokens -= 1;
    return k->tokens >= 0 ? 0 : (int64_t)(-k->tokens / k->qps * 1000) + 1;
}

/* ---- answers ---- */

static void count(const char *verb, int status, const struct err *e) {
    char code[16];
    snprintf(code, sizeof code, "%d", status);
    const char *const labels[] = {verb, status ? code : err_name(e->code)};
    metric_add(requests, 1, labels);
}

static bool denied_by_webhook(const char *message) {
    return str_has_prefix(message, "admission webhook \"") && strstr(message, "denied the request") != NULL;
}

/* Some printable words of a body that is no Status: a proxy's page, a plain text. */
static char *words_of(struct arena *a, const struct buf *body) {
    char *s = arena_strndup(a, buf_str(body), body->len < 200 ? body->len : 200);
    size_t n = 0;
    for (const char *p = s; *p; p++) {
        char c = (unsigned char)*p < ' ' ? ' ' : *p;
        if (c != ' ' || (n && s[n - 1] != ' ')) s[n++] = c;
    }
    while (n && s[n - 1] == ' ') n--;
    s[n] = '\0';
    return s;
}

int kube_status_error(const char *method, const char *path, int status, int64_t retry_after_ms, const struct buf *body,
                      struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *doc = json_parse(a, buf_str(body), body->len, NULL, NULL);
    const char *message = jv_get_str(doc, "message"), *reason = jv_get_str(doc, "reason");
    int64_t seconds = jv_get_int(jv_get(doc, "details"), "retryAfterSeconds", 0);
    enum err_code code = err_from_http(status, reason);
    if (denied_by_webhook(message)) code = ERR_REJECTED;
    if (str_empty(message)) message = words_of(a, body);
    err_set(e, code, "%s %s: HTTP %d%s%s%s%s", method, path, status, reason ? " " : "", reason ? reason : "",
            *message ? ": " : "", message);
    if (!e) return -1;
    e->http = status;
    e->retry_after_ms = retry_after_ms > 0 ? retry_after_ms : seconds > 0 && seconds < 86400 ? seconds * 1000 : 0;
    return -1;
}

/* ---- the engine ---- */

struct call {
    struct kube_job *job;
    struct xfer *x;
    struct arena *a; /* credentials and query, while it runs */
    struct credentials who;
    int64_t deadline, not_before;
    bool started, done, renewed;
};

static bool is_write(const char *method) {
    return str_eq(method, "POST") || str_eq(method, "PUT") || str_eq(method, "PATCH");
}

static const char *query_of(const struct kube *k, struct call *c) {
    const struct kube_request *q = &c->job->q;
    const char *given = str_empty(q->query) ? NULL : q->query;
    if (!k->manager_query || !is_write(q->method) || (given && strstr(given, "fieldManager="))) return given;
    return given ? arena_printf(c->a, "%s&%s", given, k->manager_query) : k->manager_query;
}

static void call_end(struct call *c, int rc) {
    c->job->rc = rc;
    c->done = true;
    xfer_free(c->x);
    c->x = NULL;
    arena_free(c->a);
    c->a = NULL;
}

/* Starts the call, and its clock. A pause (rate limit) may come before it is sent. */
static void call_start(struct kube *k, struct call *c) {
    int64_t now = now_ms(), timeout = c->job->q.timeout_ms > 0 ? c->job->q.timeout_ms : k->timeout_ms;
    c->started = true;
    c->a = arena_new();
    c->deadline = now + timeout;
    int64_t wait = bucket_take(k, now);
    c->not_before = now + wait;
    if (c->not_before < c->deadline) return;
    err_set(&c->job->e, ERR_TIMEOUT, "%s %s: the client's own rate limit of %g requests/s would delay it by %.1f s, longer "
            "than its deadline", c->job->q.method, c->job->q.path, k->qps, (double)wait / 1000);
    call_end(c, -1);
}

static void call_send(struct kube *k, struct call *c, struct waiter *w) {
    const struct kube_request *q = &c->job->q;
    int64_t left = c->deadline - now_ms();
    if (auth_get(k->auth, c->a, &c->who, &c->job->e) != 0) {
        err_wrap(&c->job->e, "%s %s", q->method, q->path);
        call_end(c, -1);
        return;
    }
    struct xfer_request x = {
        .method = q->method, .path = q->path, .query = query_of(k, c), .content_type = q->content_type,
        .accept = q->accept,
        .body = q->body, .len = q->len, .token = c->who.token, .cert_file = c->who.cert_file,
        .key_file = c->who.key_file, .timeout_ms = left > 1 ? left : 1,
    };
    c->x = transport_submit(k->transport, &x, w);
}

/* The pause after which the call is sent again; -1: it is over. */
static int64_t pause_before_retry(struct kube *k, struct call *c, int status, int64_t retry_after_ms) {
    if (status == 401 && !c->renewed && auth_refused(k->auth, &c->who)) {
        c->renewed = true;
        return 0;
    }
    if ((status != 429 && status != 503) || retry_after_ms <= 0) return -1;
    int64_t ms = retry_after_ms < RETRY_MIN_MS ? RETRY_MIN_MS : retry_after_ms;
    return now_ms() + ms < c->deadline ? ms : -1;
}

static void deliver(struct call *c, int status) {
    struct kube_job *j = c->job;
    j->r.status = status;
    j->r.body = *xfer_body(c->x);
    *xfer_body(c->x) = BUF_INIT;
    call_end(c, 0);
}

/* The transfer is done: the call ends, or pauses before the next attempt. */
static void call_answered(struct kube *k, struct call *c) {
    const struct kube_request *q = &c->job->q;
    const char *const verb[] = {q->method};
    struct err *e = &c->job->e;
    int rc = xfer_result(c->x, e), status = rc == 0 ? xfer_status(c->x) : 0;
    count(q->method, status, e);
    heard(k, status);
    metric_observe(durations, (double)xfer_took_ms(c->x) / 1000, verb);
    if (rc != 0) {
        err_wrap(e, "%s %s", q->method, q->path);
        call_end(c, -1);
        return;
    }
    if (status < 300) {
        deliver(c, status);
        return;
    }
    struct err answer = ERR_INIT;
    kube_status_error(q->method, q->path, status, xfer_retry_after_ms(c->x), xfer_body(c->x), &answer);
    int64_t pause = pause_before_retry(k, c, status, answer.retry_after_ms);
    if (pause < 0) {
        *e = answer;
        call_end(c, -1);
        return;
    }
    xfer_free(c->x);
    c->x = NULL;
    c->not_before = now_ms() + pause;
}

/* Moves a call on as far as it goes. Returns how long it may be left alone; -1: until its transfer has news. */
static int64_t call_step(struct kube *k, struct call *c, struct waiter *w) {
    if (!c->started) call_start(k, c);
    if (c->x && xfer_done(c->x)) call_answered(k, c);
    if (c->done || c->x) return -1;
    int64_t wait = c->not_before - now_ms();
    if (wait > 0) return wait;
    call_send(k, c, w);
    return -1;
}

/* Calls [first, started) are under way or done; those before `first` are done. */
static void run(struct kube *k, struct call *calls, size_t n, size_t parallel) {
    struct waiter w;
    size_t first = 0, started = 0, busy = 0;
    waiter_init(&w);
    while (first < n) {
        int64_t wait = -1;
        while (started < n && busy < parallel) {
            started++;
            busy++;
        }
        for (size_t i = first; i < started; i++) {
            if (calls[i].done) continue;
            int64_t ms = call_step(k, &calls[i], &w);
            if (ms >= 0 && (wait < 0 || ms < wait)) wait = ms;
            if (calls[i].done) busy--;
        }
        while (first < started && calls[first].done) first++;
        if (first < n && (busy == parallel || started == n)) transport_wait(k->transport, &w, wait);
    }
    waiter_fini(&w);
}

int kube_do(struct kube *k, const struct kube_request *q, struct kube_response *r, struct err *e) {
    struct kube_job job = {.q = *q};
    struct call call = {.job = &job};
    run(k, &call, 1, 1);
    if (e) *e = job.e;
    if (r) *r = job.r;
    else buf_fini(&job.r.body);
    return job.rc;
}

int kube_ask(struct kube *k, const struct kube_request *q, struct arena *a, struct jv **answer, struct err *e) {
    struct kube_response r = {0};
    *answer = NULL;
    if (kube_do(k, q, &r, e)) return -1;
    *answer = json_parse(a, buf_str(&r.body), r.body.len, NULL, e);
    buf_fini(&r.body);
    return *answer ? 0 : err_wrap(e, "%s %s", q->method, q->path);
}

/* In words only: not every version puts the cause NamespaceTerminating into its Status. */
bool kube_namespace_ends(const struct err *e) {
    if (e->code == ERR_FORBIDDEN) return strstr(e->msg, "because it is being terminated");
    return e->code == ERR_NOT_FOUND && strstr(e->msg, ": namespaces \"");
}

static bool any_failed(const struct kube_job *jobs, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (jobs[i].rc != 0) return true;
    return false;
}

static void cancel_rest(struct kube_job *jobs, size_t n) {
    for (size_t i = 0; i < n; i++)
        jobs[i].rc = err_set(&jobs[i].e, ERR_CANCELED, "%s %s: not started, because another of the same batch failed",
                             jobs[i].q.method, jobs[i].q.path);
}

void kube_do_all(struct kube *k, struct kube_job *jobs, size_t n, size_t parallel, bool slow_start) {
    if (n == 0) return;
    if (parallel == 0) parallel = 1;
    struct call *calls = must(calloc(n, sizeof *calls));
    for (size_t i = 0; i < n; i++) {
        jobs[i].r = (struct kube_response){0};
        jobs[i].e = ERR_INIT;
        calls[i].job = &jobs[i];
    }
    size_t at = 0, batch = slow_start ? 1 : n;
    while (at < n) {
        size_t some = batch < n - at ? batch : n - at;
        run(k, calls + at, some, parallel);
        at += some;
        batch *= 2;
        if (slow_start && any_failed(jobs, at)) break;
    }
    cancel_rest(jobs + at, n - at);
    free(calls);
}

/* ---- streams ---- */

struct reading {
    struct kube *k;
    const struct kube_stream *s;
    struct xfer *x;
    struct waiter w;
    int64_t last_ms;
    bool ended; /* by `piece` or by stop */
};

static bool stopped(const struct kube_stream *s) { return s->stop && __atomic_load_n(s->stop, __ATOMIC_RELAXED); }

static void hand_over(struct reading *r, struct buf *piece) {
    r->last_ms = now_ms();
    heard(r->k, 200);
    if (r->s->piece(r->s->ctx, piece->s, piece->len) != 0) r->ended = true;
}

/* Until the answer is complete, the reader has enough, or it is idle for too long. */
static int read_stream(struct reading *r, struct err *e) {
    BUF_AUTO struct buf piece = BUF_INIT;
    while (!r->ended) {
        bool done = xfer_done(r->x); /* before the last piece is taken, so that none is missed */
        if (stopped(r->s)) r->ended = true;
        else if (xfer_take(r->x, &piece)) hand_over(r, &piece);
        else if (done) return 0;
        else if (now_ms() - r->last_ms >= r->s->idle_ms)
            return err_set(e, ERR_TIMEOUT, "%s: nothing came from %s for %.1f s", r->s->path,
                           transport_server(r->k->transport), (double)r->s->idle_ms / 1000);
        else {
            int64_t left = r->s->idle_ms - (now_ms() - r->last_ms);
            transport_wait(r->k->transport, &r->w, left < STREAM_POLL_MS ? left : STREAM_POLL_MS);
        }
    }
    return 0;
}

static int stream_result(struct reading *r, const struct credentials *who, struct err *e) {
    const struct kube_stream *s = r->s;
    struct err own = ERR_INIT;
    int rc = xfer_result(r->x, &own), status = xfer_status(r->x);
    count(s->verb, status, &own);
    heard(r->k, rc == 0 ? status : 0);
    if (rc == 0 && status < 300) return 0;
    if (status == 401) auth_refused(r->k->auth, who);
    if (rc == 0) return kube_status_error(s->verb, s->path, status, xfer_retry_after_ms(r->x), xfer_body(r->x), e);
    if (e) *e = own;
    return err_wrap(e, "%s %s", s->verb, s->path);
}

int kube_stream(struct kube *k, const struct kube_stream *s, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct credentials who;
    if (auth_get(k->auth, a, &who, e) != 0) return err_wrap(e, "%s %s", s->verb, s->path);
    struct xfer_request q = {.method = "GET", .path = s->path, .query = s->query, .token = who.token,
                             .cert_file = who.cert_file, .key_file = who.key_file, .stream = true};
    struct reading r = {.k = k, .s = s, .last_ms = now_ms()};
    waiter_init(&r.w);
    r.x = transport_submit(k->transport, &q, &r.w);
    int rc = read_stream(&r, e);
    if (rc != 0) {
        count(s->verb, 0, e ? e : &(struct err){.code = ERR_TIMEOUT});
        heard(k, 0);
    } else if (!r.ended) {
        rc = stream_result(&r, &who, e);
    }
    xfer_free(r.x);
    waiter_fini(&r.w);
    return rc;
}

void kube_wake(struct kube *k) { transport_wake(k->transport); }
