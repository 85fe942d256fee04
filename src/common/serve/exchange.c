/* One request and its answer. libmicrohttpd calls exchange_begin with the request line, exchange_step once with the headers,
 * once for each piece of the body and once at its end, and exchange_end when the answer is sent or the client is gone; all on
 * the one thread that serves the connection. The exchange lives in its own arena; only the body is on the heap, because a
 * large one must neither be zeroed nor kept. It grows by what comes, not by what is announced.
 * Before a body is read it has a place in a lane (lanes.h), and so has a large answer before it is sent. Who waits for a place, and
 * whose large body is worked on by a thread of its lane, has its connection suspended: while that lasts, exchange_step and
 * exchange_end are not called. When it goes on, libmicrohttpd calls exchange_step as it did before.
 * A request that is going to be refused is read to its end without being stored: a server that closes while the client still
 * sends resets the connection, and the client may never see why. One that announces more than DRAIN limits, or asks first
 * (Expect: 100-continue), is refused at once; one that sends more than that unannounced is cut. */
#include <malloc.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/metrics.h"
#include "base/must.h"
#include "base/str.h"
#include "server.h"

#define FIRST_ALLOC ((size_t)16 << 10)
#define DRAIN 2 /* times the limit of a body: read, but not stored */
#define SMALL_ANSWER ((size_t)64 << 10)
#define LARGE ((size_t)4 << 20) /* bytes of a body whose memory is worth giving back */
#define PLAIN "text/plain; charset=utf-8"

enum step {
    STEP_HEAD,       /* nothing but the request line is known */
    STEP_ADMISSION,  /* waits for a place for the body */
    STEP_BODY,
    STEP_COMPUTED,   /* the handler has answered */
    STEP_COLLECTION, /* waits for a place for the answer */
    STEP_ANSWERED,
};

struct exchange {
    struct serve_request q;
    struct server *s;
    struct conn *conn;
    const struct serve_route *route; /* NULL: refused */
    enum step step;
    int64_t start_ns;
    char *body; /* heap; NUL-terminated at `len` when it is handed out */
    size_t len, cap;
    size_t seen; /* body bytes that came, stored or not */
    struct ticket body_place, answer_place;
    struct job job;
    struct serve_response response, refusal; /* status 0: none */
    const char *allow;
};

static struct metric *requests_total, *request_seconds;

__attribute__((constructor)) static void metrics_init(void) {
    requests_total = metric_new(METRIC_COUNTER, "rbg_http_requests_total",
                                "HTTP requests by route and status code.", "path,code");
    request_seconds = metric_new(METRIC_HISTOGRAM, "rbg_http_request_duration_seconds",
                                 "Time from the headers of a request to its answer.", "path");
}

/* Finer than the clock of `base`, and for a measurement only: nothing depends on it. */
static int64_t mono_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void serve_text(struct serve_response *r, int status, const char *fmt, ...) {
    r->status = status;
    r->content_type = PLAIN;
    buf_reset(&r->body);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&r->body, fmt, ap);
    va_end(ap);
}

/* A client that shuts down only its side is gone as well: no API server does that while it waits. */
bool serve_client_gone(const struct serve_request *q) {
    struct pollfd p = {.fd = q->socket, .events = POLLRDHUP};
    return q->socket > 0 && poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR));
}

/* The path of an absolute target ("http://host/path", RFC 9112 3.2.2), which every server must understand. */
static const char *origin_form(const char *uri) {
    const char *rest = strncasecmp(uri, "http://", 7) == 0 ? uri + 7 : strncasecmp(uri, "https://", 8) == 0 ? uri + 8 : NULL;
    if (!rest) return uri;
    const char *slash = strchr(rest, '/');
    return slash ? slash : "/";
}

/* Path and query are kept as they came, not percent-decoded: routes are plain text, and nothing can be hidden in them. */
void *exchange_begin(void *cls, const char *uri, struct MHD_Connection *mc) {
    struct server *s = cls;
    struct arena *a = server_take_arena(s);
    struct exchange *x = ARENA_NEW(a, struct exchange);
    x->s = s;
    x->conn = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    const char *target = origin_form(uri), *mark = strchrnul(target, '?');
    x->q.arena = a;
    x->q.socket = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    x->q.path = arena_strndup(a, target, (size_t)(mark - target));
    x->q.query = arena_strdup(a, *mark ? mark + 1 : "");
    x->q.peer = x->conn->peer->address;
    conns_phase(&s->conns, x->conn, CONN_HEAD);
    return x;
}

static void body_drop(struct exchange *x) {
    lanes_release(&x->s->lanes, &x->body_place);
    free(x->body);
    x->body = NULL;
    x->len = x->cap = 0;
}

void exchange_end(void *cls, struct MHD_Connection *mc, void **state, enum MHD_RequestTerminationCode why) {
    (void)mc, (void)why;
    struct server *s = cls;
    struct exchange *x = *state;
    if (!x) return;
    *state = NULL;
    body_drop(x);
    lanes_release(&s->lanes, &x->answer_place);
    buf_fini(&x->response.body);
    buf_fini(&x->refusal.body);
    if (x->step != STEP_HEAD) conns_end(&s->conns);
    conns_phase(&s->conns, x->conn, CONN_IDLE);
    records_flush(x->conn);
    bool large = x->seen > LARGE || arena_bytes(x->q.arena) > LARGE;
    server_give_arena(s, x->q.arena);
    if (large) malloc_trim(0); /* what freed blocks of it lie between is kept by the allocator otherwise */
}

static const char *header(struct MHD_Connection *mc, const char *name) {
    const char *v = MHD_lookup_connection_value(mc, MHD_HEADER_KIND, name);
    return v ? v : "";
}

static bool path_matches(const struct serve_route *r, const char *path) {
    size_t n = strlen(r->path);
    if (n > 0 && r->path[n - 1] == '*') return strncmp(path, r->path, n - 1) == 0;
    return strcmp(path, r->path) == 0;
}

/* Who may be asked with GET may be asked with HEAD; libmicrohttpd leaves the body away. */
static bool method_matches(const struct serve_route *r, const char *method) {
    return !r->method || str_eq(r->method, method) || (str_eq(r->method, "GET") && str_eq(method, "HEAD"));
}

static void add_allowed(struct exchange *x, const struct serve_route *r) {
    const char *more = str_eq(r->method, "GET") ? "GET, HEAD" : r->method;
    x->allow = x->allow ? arena_printf(x->q.arena, "%s, %s", x->allow, more) : more;
}

static void find_route(struct exchange *x) {
    const struct serve_opts *o = &x->s->o;
    for (size_t i = 0; i < o->nroutes && !x->route; i++) {
        const struct serve_route *r = &o->routes[i];
        if (!path_matches(r, x->q.path)) continue;
        if (method_matches(r, x->q.method)) x->route = r;
        else add_allowed(x, r);
    }
    if (x->route) return;
    if (x->allow) serve_text(&x->refusal, 405, "method %s is not allowed here; use %s\n", x->q.method, x->allow);
    else serve_text(&x->refusal, 404, "there is nothing at this path\n");
}

static void refuse(struct exchange *x, int status, const char *text) {
    body_drop(x);
    serve_text(&x->refusal, status, "%s\n", text);
}

static bool is_known(struct exchange *x, struct MHD_Connection *mc) {
    if (x->conn->asked) return x->conn->known;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mc, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    x->conn->asked = true;
    return x->conn->known = info && clients_known(x->s->o.clients, info->tls_session);
}

static void check_client(struct exchange *x, struct MHD_Connection *mc) {
    if (!x->route || !x->route->known_only || !x->s->o.clients || is_known(x, mc)) return;
    refuse(x, 403, "only for clients that show a certificate of a known CA, with the expected name: the API server is to have one");
}

/* The label is the route's pattern: a client must not be able to make up series. */
static void count(const struct exchange *x, int status) {
    const char *path = x->route ? x->route->path : "other";
    char code[12];
    snprintf(code, sizeof code, "%d", status);
    metric_add(requests_total, 1, (const char *const[]){path, code});
    metric_observe(request_seconds, (double)(mono_ns() - x->start_ns) / 1e9, (const char *const[]){path});
}

static struct MHD_Response *to_mhd(struct exchange *x, struct serve_response *r) {
    bool empty = r->body.len == 0;
    if (empty) buf_fini(&r->body);
    struct MHD_Response *m = MHD_create_response_from_buffer(r->body.len, empty ? (void *)(uintptr_t)"" : r->body.s,
                                                             empty ? MHD_RESPMEM_PERSISTENT : MHD_RESPMEM_MUST_FREE);
    if (!m) abort(); /* out of memory */
    r->body = BUF_INIT;
    MHD_add_response_header(m, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type ? r->content_type : "application/json");
    if (r->status == 405 && x->allow) MHD_add_response_header(m, MHD_HTTP_HEADER_ALLOW, x->allow);
    if (r->status == 503 || r->status == 429) MHD_add_response_header(m, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    return m;
}

/* Takes the response over and queues it; `last` closes the connection afterwards. */
static enum MHD_Result answer(struct exchange *x, struct MHD_Connection *mc, struct serve_response *r, bool last) {
    x->step = STEP_ANSWERED;
    conns_phase(&x->s->conns, x->conn, CONN_TAKEN);
    if (r->body.len > SMALL_ANSWER) conns_large_answer(&x->s->conns, x->conn);
    count(x, r->status);
    bool has_body = r->status != 204 && r->status != 304 && !str_eq(x->q.method, "HEAD");
    records_answer(x->conn, has_body ? r->body.len : 0);
    struct MHD_Response *m = to_mhd(x, r);
    if (last || atomic_load(&x->s->draining)) MHD_add_response_header(m, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result rc = MHD_queue_response(mc, (unsigned)r->status, m);
    MHD_destroy_response(m);
    return rc;
}

static size_t body_limit(const struct exchange *x) {
    return x->route && x->route->max_body ? x->route->max_body : x->s->o.max_body;
}

static void refuse_size(struct exchange *x) {
    refuse(x, 413, arena_printf(x->q.arena, "the request body is larger than the limit of %zu bytes", body_limit(x)));
}

/* Room for n more bytes and the NUL. */
static void body_grow(struct exchange *x, size_t n) {
    size_t cap = x->cap ? x->cap * 2 : FIRST_ALLOC;
    if (cap <= x->len + n) cap = x->len + n + 1;
    x->body = must(realloc(x->body, cap));
    x->cap = cap;
}

/* A length beyond 64 bits counts as too large, as everything does that is no number. */
static size_t declared_length(const char *text) {
    char *end;
    unsigned long long n = strtoull(text, &end, 10);
    return *end || n > SIZE_MAX / 2 ? SIZE_MAX / 2 : (size_t)n;
}

/* The place for the body is there, or it is known that there is none. */
static enum MHD_Result admitted(struct exchange *x) {
    x->step = STEP_BODY;
    conns_phase(&x->s->conns, x->conn, CONN_BODY);
    if (lanes_state(&x->s->lanes, &x->body_place) == TICKET_REFUSED)
        refuse(x, 503, "too many large requests at the same time; try again");
    return MHD_YES;
}

/* A body of a length that is not known is taken for as large as it may be. Large ones share the lane of their route. */
static enum MHD_Result admit(struct exchange *x, struct MHD_Connection *mc, size_t n) {
    enum lane_id lane = n <= SMALL_BODY ? LANE_SMALL : x->route->apart ? LANE_APART : LANE_LARGE;
    conns_phase(&x->s->conns, x->conn, CONN_HANDLER);
    x->step = STEP_ADMISSION;
    enum ticket_state t = lanes_take(&x->s->lanes, &x->body_place, mc, x->conn->peer, lane, n);
    return t == TICKET_WAITS ? MHD_YES : admitted(x); /* who waits may be served by another thread already */
}

/* The headers are there. Refuses at once what has to be refused without reading on. */
static enum MHD_Result start(struct exchange *x, struct MHD_Connection *mc, const char *method) {
    x->step = STEP_BODY;
    x->start_ns = mono_ns();
    conns_begin(&x->s->conns);
    conns_phase(&x->s->conns, x->conn, CONN_BODY);
    x->q.method = arena_strdup(x->q.arena, method);
    x->q.content_type = header(mc, MHD_HTTP_HEADER_CONTENT_TYPE);
    x->q.authorization = header(mc, MHD_HTTP_HEADER_AUTHORIZATION);
    const char *length = header(mc, MHD_HTTP_HEADER_CONTENT_LENGTH);
    bool chunked = *header(mc, MHD_HTTP_HEADER_TRANSFER_ENCODING) != '\0';
    find_route(x);
    check_client(x, mc);
    if (chunked && *length) {
        refuse(x, 400, "a request has either a Content-Length or a Transfer-Encoding, not both");
        return answer(x, mc, &x->refusal, true);
    }
    size_t n = *length ? declared_length(length) : 0;
    if (n > body_limit(x)) {
        refuse_size(x);
        bool asks = *header(mc, MHD_HTTP_HEADER_EXPECT) != '\0';
        if (asks || n / DRAIN > body_limit(x)) return answer(x, mc, &x->refusal, true);
    }
    if (x->refusal.status || (!n && !chunked)) return MHD_YES;
    return admit(x, mc, chunked ? body_limit(x) : n);
}

static void store(struct exchange *x, const char *data, size_t n) {
    if (n > body_limit(x) - x->len) {
        refuse_size(x);
        return;
    }
    if (n >= x->cap - x->len) body_grow(x, n);
    memcpy(x->body + x->len, data, n);
    x->len += n;
}

/* A piece of the body. MHD_NO cuts the connection: the client sends more than any answer is worth. */
static enum MHD_Result receive(struct exchange *x, const char *data, size_t *size) {
    size_t n = *size;
    *size = 0;
    x->seen += n;
    conns_transferred(x->conn, n);
    if (x->seen / DRAIN > body_limit(x)) return MHD_NO;
    if (!x->refusal.status) store(x, data, n);
    return MHD_YES;
}

/* Runs on the connection's thread, or on one of the lane's while the connection is suspended. */
static void call_handler(struct exchange *x) {
    struct serve_response *r = &x->response;
    if (!x->body) body_grow(x, 0);
    x->body[x->len] = '\0';
    x->q.body = x->body;
    x->q.len = x->len;
    atomic_fetch_add(&x->s->computing, 1);
    if (atomic_load(&x->s->closing)) serve_text(r, 503, "this server is ending; try again\n");
    else x->route->fn(x->route->ctx, &x->q, r);
    if (r->status < 200 || r->status > 599) serve_text(r, 500, "the handler of %s gave no answer\n", x->route->path);
    body_drop(x); /* before the answer is sent, which may take a while */
    x->step = STEP_COMPUTED;
    atomic_fetch_sub(&x->s->computing, 1);
}

static void run_job(struct job *j) { call_handler((struct exchange *)(void *)((char *)j - offsetof(struct exchange, job))); }

static enum MHD_Result collected(struct exchange *x, struct MHD_Connection *mc) {
    if (lanes_state(&x->s->lanes, &x->answer_place) == TICKET_REFUSED) {
        buf_fini(&x->response.body);
        serve_text(&x->response, 503, "too many large answers wait to be taken; try again\n");
    }
    return answer(x, mc, &x->response, false);
}

/* A client that does not take its answer keeps it in memory until its time is over: there must not be too many large ones. Small
 * ones are not counted, so that nobody who waits with large ones keeps the others from theirs. */
static enum MHD_Result deliver(struct exchange *x, struct MHD_Connection *mc) {
    size_t n = x->response.body.len;
    if (n <= SMALL_ANSWER) return answer(x, mc, &x->response, false);
    x->step = STEP_COLLECTION;
    enum ticket_state t = lanes_take(&x->s->lanes, &x->answer_place, mc, x->conn->peer, LANE_ANSWERS, n);
    return t == TICKET_WAITS ? MHD_YES : collected(x, mc);
}

static enum MHD_Result complete(struct exchange *x, struct MHD_Connection *mc) {
    if (x->refusal.status) return answer(x, mc, &x->refusal, false);
    conns_phase(&x->s->conns, x->conn, CONN_HANDLER);
    x->job.run = run_job;
    if (x->len > SMALL_BODY && lanes_run(&x->s->lanes, x->body_place.lane, &x->job, mc)) return MHD_YES;
    call_handler(x);
    return deliver(x, mc);
}

enum MHD_Result exchange_step(void *cls, struct MHD_Connection *mc, const char *url, const char *method, const char *version,
                              const char *data, size_t *size, void **state) {
    (void)cls, (void)url, (void)version;
    struct exchange *x = *state;
    switch (x->step) {
    case STEP_HEAD: return start(x, mc, method);
    case STEP_ADMISSION:
        admitted(x);
        return *size > 0 ? receive(x, data, size) : MHD_YES;
    case STEP_BODY: return *size > 0 ? receive(x, data, size) : complete(x, mc);
    case STEP_COMPUTED: return deliver(x, mc);
    case STEP_COLLECTION: return collected(x, mc);
    case STEP_ANSWERED: break;
    }
    return MHD_YES;
}
