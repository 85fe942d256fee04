/* The I/O thread. Hides libcurl: one multi handle, used by that thread alone, carries every request and every watch, so that
 * they share connections (HTTP/2 streams over TLS, kept-alive HTTP/1.1 otherwise).
 *
 * Threads: callers prepare an easy handle, put the transfer into the inbox and wake the thread; it reports by setting
 * `done` and signalling the transfer's waiter. `lock` guards the inbox, the list of active transfers, `done`, waiters and
 * the buffers of streams; no curl function that does I/O is called under it.
 *
 * A stream that is read too slowly is paused at STREAM_HIGH bytes and resumed when its reader took them. Dead peers: the
 * kernel's keepalive probes an idle connection after 30 s, TCP_USER_TIMEOUT ends one whose data stays unacknowledged; a
 * server that acknowledges but never answers is found by the deadline of a request, and its connection is then shut
 * so that the others that share it do not wait for theirs. */
#include "transport.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"

/* Kept for the next request. curl's own limit is four for each request that runs, so that the last of a crowd closes what the next
 * crowd needs. Matters to servers that speak HTTP/1.1 only. */
#define IDLE_CONNECTIONS 64L

#define CONNECT_MS 10000L
#define KEEPALIVE_IDLE_S 30
#define KEEPALIVE_INTERVAL_S 10
#define UNACKED_MS 30000u
#define BODY_MAX ((size_t)64 << 20)
#define ERROR_BODY_MAX ((size_t)256 << 10)
#define STREAM_HIGH ((size_t)1 << 20)
#define STREAM_KEEP ((size_t)64 << 10) /* a drained stream buffer larger than this is given back */
#define POOL_MAX 16

enum { OP_ADD = 1, OP_CANCEL = 2, OP_RESUME = 4 };

struct xfer {
    struct transport *t;
    struct waiter *w;
    CURL *easy;
    struct curl_slist *headers, *connect_to;
    char *url;
    bool stream;
    int64_t timeout_ms, start_ms, took_ms;

    /* under the lock */
    struct xfer *next_in, *prev, *next;
    unsigned ops;
    bool done, paused;
    struct buf pieces; /* of a stream */

    /* the I/O thread's until done */
    bool in_multi;
    struct buf body; /* of a request, or of an error answer */
    CURLcode code;
    long status, sys;
    bool too_big;
    int64_t retry_after_ms, last_byte_ms;
    char why[CURL_ERROR_SIZE];
};

struct transport {
    char *server, *tls_server_name, *ca_file, *proxy_url, *user_agent;
    char *base_url;   /* server, or the one with tls_server_name as its host */
    char *connect_to; /* then: where to connect really */
    bool insecure;
    CURLM *multi;
    pthread_t thread;
    int64_t last_byte_ms; /* I/O thread: on any transfer */

    pthread_mutex_t lock;
    struct xfer *inbox, **inbox_tail, *active;
    CURL *pool[POOL_MAX];
    size_t npool;
    bool stop;
};

static void must_curl(CURLcode c) {
    if (c != CURLE_OK) abort(); /* only for options that fail by a bug or for want of memory */
}

#define SET(x, opt, val) must_curl(curl_easy_setopt((x)->easy, (opt), (val)))

static int64_t now_ms(void) { return clock_mono_ms(clock_real()); }

/* ---- callbacks of curl: on the I/O thread, except that preparing a handle may open nothing ---- */

static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose) {
    (void)ctx;
    (void)purpose;
    unsigned unacked = UNACKED_MS;
    int probes = 3;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unacked, sizeof unacked); /* best effort */
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    return CURL_SOCKOPT_OK;
}

static size_t append_bounded(struct xfer *x, const char *p, size_t n, size_t max) {
    if (x->body.len + n > max) {
        x->too_big = true;
        return 0;
    }
    buf_add(&x->body, p, n);
    return n;
}

static void fire_locked(struct xfer *x) {
    x->w->fired = true;
    pthread_cond_signal(&x->w->cond);
}

static size_t append_stream(struct xfer *x, const char *p, size_t n) {
    MUTEX_GUARD(&x->t->lock);
    if (x->pieces.len >= STREAM_HIGH) {
        x->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    buf_add(&x->pieces, p, n);
    fire_locked(x);
    return n;
}

static size_t on_body(char *p, size_t size, size_t nmemb, void *ctx) {
    struct xfer *x = ctx;
    size_t n = size * nmemb;
    x->last_byte_ms = x->t->last_byte_ms = now_ms();
    if (x->status == 0) curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &x->status);
    if (x->stream && x->status < 300) return append_stream(x, p, n);
    return append_bounded(x, p, n, x->status >= 300 ? ERROR_BODY_MAX : BODY_MAX);
}

static size_t on_header(char *p, size_t size, size_t nmemb, void *ctx) {
    struct xfer *x = ctx;
    (void)p;
    x->last_byte_ms = x->t->last_byte_ms = now_ms();
    return size * nmemb;
}

/* ---- preparing a transfer: on the caller's thread ---- */

static CURL *easy_get(struct transport *t) {
    CURL *easy = NULL;
    mutex_lock(&t->lock);
    if (t->npool) easy = t->pool[--t->npool];
    mutex_unlock(&t->lock);
    return easy ? easy : must(curl_easy_init());
}

static void easy_put(struct transport *t, CURL *easy) {
    curl_easy_reset(easy);
    mutex_lock(&t->lock);
    if (t->npool < POOL_MAX) {
        t->pool[t->npool++] = easy;
        easy = NULL;
    }
    mutex_unlock(&t->lock);
    if (easy) curl_easy_cleanup(easy);
}

static void set_tls(struct xfer *x, const struct xfer_request *q) {
    const struct transport *t = x->t;
    SET(x, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(x, CURLOPT_SSL_VERIFYPEER, t->insecure ? 0L : 1L);
    SET(x, CURLOPT_SSL_VERIFYHOST, t->insecure ? 0L : 2L);
    if (t->ca_file) SET(x, CURLOPT_CAINFO, t->ca_file);
    if (q->cert_file) SET(x, CURLOPT_SSLCERT, q->cert_file);
    if (q->key_file) SET(x, CURLOPT_SSLKEY, q->key_file);
}

static void set_connection(struct xfer *x) {
    const struct transport *t = x->t;
    SET(x, CURLOPT_NOSIGNAL, 1L);
    SET(x, CURLOPT_PROTOCOLS_STR, "https,http");
    SET(x, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(x, CURLOPT_PIPEWAIT, 1L); /* rather share a connection than open another one */
    SET(x, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    SET(x, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(x, CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE_S);
    SET(x, CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL_S);
    SET(x, CURLOPT_SOCKOPTFUNCTION, on_socket);
    SET(x, CURLOPT_USERAGENT, t->user_agent);
    if (t->proxy_url) SET(x, CURLOPT_PROXY, t->proxy_url);
    if (!t->connect_to) return;
    x->connect_to = must(curl_slist_append(NULL, t->connect_to));
    SET(x, CURLOPT_CONNECT_TO, x->connect_to);
}

static void add_header(struct xfer *x, const char *name, const char *value) {
    BUF_AUTO struct buf line = BUF_INIT;
    buf_printf(&line, "%s: %s", name, value);
    x->headers = must(curl_slist_append(x->headers, line.s));
}

static void set_request(struct xfer *x, const struct xfer_request *q) {
    SET(x, CURLOPT_URL, x->url);
    SET(x, CURLOPT_PATH_AS_IS, 1L); /* the path is what it says, also when there are dots in it */
    SET(x, CURLOPT_CUSTOMREQUEST, q->method);
    if (q->body) {
        SET(x, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->len);
        SET(x, CURLOPT_POSTFIELDS, q->body);
        add_header(x, "Content-Type", q->content_type ? q->content_type : "application/json");
        x->headers = must(curl_slist_append(x->headers, "Expect:")); /* no 100-continue */
    }
    add_header(x, "Accept", q->accept ? q->accept : "application/json");
    if (!str_empty(q->token)) {
        BUF_AUTO struct buf bearer = BUF_INIT;
        buf_printf(&bearer, "Bearer %s", q->token);
        add_header(x, "Authorization", bearer.s);
    }
    SET(x, CURLOPT_HTTPHEADER, x->headers);
    if (q->timeout_ms > 0) SET(x, CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
}

static void set_callbacks(struct xfer *x) {
    SET(x, CURLOPT_PRIVATE, x);
    SET(x, CURLOPT_ERRORBUFFER, x->why);
    SET(x, CURLOPT_WRITEFUNCTION, on_body);
    SET(x, CURLOPT_WRITEDATA, x);
    SET(x, CURLOPT_HEADERFUNCTION, on_header);
    SET(x, CURLOPT_HEADERDATA, x);
}

static char *url_of(const struct transport *t, const struct xfer_request *q) {
    struct buf url = BUF_INIT;
    buf_printf(&url, "%s%s", t->base_url, q->path);
    if (!str_empty(q->query)) buf_printf(&url, "?%s", q->query);
    return url.s;
}

static void post_locked(struct xfer *x, unsigned op) {
    struct transport *t = x->t;
    if (!x->ops) {
        x->next_in = NULL;
        *t->inbox_tail = x;
        t->inbox_tail = &x->next_in;
    }
    x->ops |= op;
}

struct xfer *transport_submit(struct transport *t, const struct xfer_request *q, struct waiter *w) {
    struct xfer *x = must(calloc(1, sizeof *x));
    x->t = t;
    x->w = w;
    x->stream = q->stream;
    x->timeout_ms = q->timeout_ms;
    x->easy = easy_get(t);
    x->url = url_of(t, q);
    x->start_ms = now_ms();
    set_connection(x);
    set_tls(x, q);
    set_request(x, q);
    set_callbacks(x);
    mutex_lock(&t->lock);
    x->next = t->active;
    if (x->next) x->next->prev = x;
    t->active = x;
    post_locked(x, OP_ADD);
    mutex_unlock(&t->lock);
    curl_multi_wakeup(t->multi);
    return x;
}

/* ---- the I/O thread ---- */

static void finish(struct xfer *x, CURLcode code) {
    struct transport *t = x->t;
    curl_off_t retry_after = 0;
    x->code = code;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &x->status);
    curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &x->sys);
    curl_easy_getinfo(x->easy, CURLINFO_RETRY_AFTER, &retry_after);
    x->retry_after_ms = (int64_t)retry_after * 1000;
    x->took_ms = now_ms() - x->start_ms;
    mutex_lock(&t->lock);
    x->done = true;
    if (x->prev) x->prev->next = x->next;
    else t->active = x->next;
    if (x->next) x->next->prev = x->prev;
    fire_locked(x);
    mutex_unlock(&t->lock);
}

/* A request that got no byte until its deadline, while nothing else moved either: the server hangs. */
static void shut_hanging_connection(struct xfer *x) {
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (x->last_byte_ms || x->t->last_byte_ms >= x->start_ms) return;
    if (curl_easy_getinfo(x->easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK && fd != CURL_SOCKET_BAD)
        shutdown(fd, SHUT_RDWR);
}

static void leave_multi(struct xfer *x, CURLcode code) {
    if (code == CURLE_OPERATION_TIMEDOUT) shut_hanging_connection(x);
    if (x->in_multi) curl_multi_remove_handle(x->t->multi, x->easy);
    x->in_multi = false;
    finish(x, code);
}

static void apply(struct xfer *x, unsigned ops) {
    if (ops & OP_CANCEL) {
        leave_multi(x, CURLE_ABORTED_BY_CALLBACK);
        return;
    }
    if (ops & OP_ADD) {
        if (curl_multi_add_handle(x->t->multi, x->easy) != CURLM_OK) abort();
        x->in_multi = true;
    }
    if (ops & OP_RESUME) curl_easy_pause(x->easy, CURLPAUSE_CONT);
}

/* Takes the next letter of a transfer that still runs. One that is done may be freed as soon as the lock is open, one
 * that is not stays until this thread ends it. */
static struct xfer *inbox_take(struct transport *t, unsigned *ops) {
    MUTEX_GUARD(&t->lock);
    while (t->inbox) {
        struct xfer *x = t->inbox;
        t->inbox = x->next_in;
        if (!t->inbox) t->inbox_tail = &t->inbox;
        *ops = x->ops;
        x->ops = 0;
        if (!x->done) return x;
    }
    return NULL;
}

static void read_results(struct transport *t) {
    const CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(t->multi, &left))) {
        if (m->msg != CURLMSG_DONE) continue;
        struct xfer *x = NULL;
        CURLcode code = m->data.result; /* the message dies with remove_handle */
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x);
        leave_multi(x, code);
    }
}

static bool stopping(struct transport *t) {
    MUTEX_GUARD(&t->lock);
    return t->stop;
}

static struct xfer *any_active(struct transport *t) {
    MUTEX_GUARD(&t->lock);
    return t->active;
}

static void *io_thread(void *arg) {
    struct transport *t = arg;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL); /* a cut connection must not raise SIGPIPE */
    while (!stopping(t)) {
        struct xfer *x;
        unsigned ops;
        int running;
        while ((x = inbox_take(t, &ops))) apply(x, ops);
        curl_multi_perform(t->multi, &running);
        read_results(t);
        curl_multi_poll(t->multi, NULL, 0, 60000, NULL);
    }
    struct xfer *x;
    while ((x = any_active(t))) leave_multi(x, CURLE_ABORTED_BY_CALLBACK);
    return NULL;
}

/* ---- waiting and results: on the caller's thread ---- */

void waiter_init(struct waiter *w) {
    cond_init_mono(&w->cond);
    w->fired = false;
}

void waiter_fini(struct waiter *w) { pthread_cond_destroy(&w->cond); }

void transport_wait(struct transport *t, struct waiter *w, int64_t ms) {
    int64_t end = now_ms() + ms;
    MUTEX_GUARD(&t->lock);
    while (!w->fired) {
        int64_t left = ms < 0 ? -1 : end - now_ms();
        if (ms >= 0 && left <= 0) break;
        if (!cond_wait_ms(&w->cond, &t->lock, left)) break;
    }
    w->fired = false;
}

void transport_wake(struct transport *t) {
    MUTEX_GUARD(&t->lock);
    for (struct xfer *x = t->active; x; x = x->next)
        if (x->stream) fire_locked(x);
}

bool xfer_done(struct xfer *x) {
    MUTEX_GUARD(&x->t->lock);
    return x->done;
}

bool xfer_take(struct xfer *x, struct buf *into) {
    if (into->cap > STREAM_KEEP) buf_fini(into);
    buf_reset(into);
    mutex_lock(&x->t->lock);
    struct buf full = x->pieces;
    bool any = full.len > 0, resume = x->paused && any;
    if (any) {
        x->pieces = *into;
        *into = full;
    }
    if (resume) {
        x->paused = false;
        post_locked(x, OP_RESUME);
    }
    mutex_unlock(&x->t->lock);
    if (resume) curl_multi_wakeup(x->t->multi);
    return any;
}

static void cancel_and_wait(struct xfer *x) {
    struct transport *t = x->t;
    mutex_lock(&t->lock);
    if (!x->done) post_locked(x, OP_CANCEL);
    mutex_unlock(&t->lock);
    curl_multi_wakeup(t->multi);
    while (!xfer_done(x)) transport_wait(t, x->w, -1);
}

/* A letter that was still in the inbox when the transfer ended. */
static void inbox_forget(struct xfer *x) {
    struct transport *t = x->t;
    MUTEX_GUARD(&t->lock);
    if (!x->ops) return;
    struct xfer **at = &t->inbox;
    while (*at != x) at = &(*at)->next_in;
    *at = x->next_in;
    if (t->inbox_tail == &x->next_in) t->inbox_tail = at;
    x->ops = 0;
}

void xfer_free(struct xfer *x) {
    if (!x) return;
    if (!xfer_done(x)) cancel_and_wait(x);
    inbox_forget(x);
    easy_put(x->t, x->easy);
    curl_slist_free_all(x->headers);
    curl_slist_free_all(x->connect_to);
    buf_fini(&x->body);
    buf_fini(&x->pieces);
    free(x->url);
    free(x);
}

int xfer_status(const struct xfer *x) { return (int)x->status; }
int64_t xfer_retry_after_ms(const struct xfer *x) { return x->retry_after_ms; }
int64_t xfer_took_ms(const struct xfer *x) { return x->took_ms; }
struct buf *xfer_body(struct xfer *x) { return &x->body; }

static int timed_out(const struct xfer *x, struct err *e) {
    const char *server = x->t->server;
    if (strstr(x->why, "onnection time"))
        return err_set(e, ERR_TIMEOUT, "can't reach %s: no connection within %ld s; is the address right, and does a "
                       "firewall or network policy allow it?", server, CONNECT_MS / 1000);
    return err_set(e, ERR_TIMEOUT, "no complete answer from %s within %.1f s", server, (double)x->timeout_ms / 1000);
}

static const char *reason_of(const struct xfer *x) { return x->why[0] ? x->why : curl_easy_strerror(x->code); }

int xfer_result(const struct xfer *x, struct err *e) {
    const char *server = x->t->server;
    if (x->too_big && x->status < 300)
        return err_set(e, ERR_LIMIT, "the answer of %s is larger than %zu MiB", server, BODY_MAX >> 20);
    if (x->too_big) return 0; /* the status tells enough */
    switch (x->code) {
    case CURLE_OK: return 0;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return err_set(e, ERR_UNAVAILABLE, "can't reach %s: %s", server, reason_of(x));
    case CURLE_COULDNT_CONNECT: {
        char text[128];
        const char *why = x->sys ? strerror_r((int)x->sys, text, sizeof text) : reason_of(x);
        err_set(e, ERR_UNAVAILABLE, "can't reach %s: %s", server, why);
        if (e) e->sys = (int)x->sys;
        return -1;
    }
    case CURLE_OPERATION_TIMEDOUT: return timed_out(x, e);
    case CURLE_ABORTED_BY_CALLBACK: return err_set(e, ERR_CANCELED, "request to %s canceled", server);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return err_set(e, ERR_TLS, "TLS with %s: %s%s", server, reason_of(x),
                       x->code == CURLE_PEER_FAILED_VERIFICATION && !x->t->ca_file
                           ? "; no certificate authority is configured (certificate-authority in the kubeconfig)" : "");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return err_set(e, ERR_INVALID, "server %s: %s", server, reason_of(x));
    default: return err_set(e, ERR_UNAVAILABLE, "connection to %s was cut: %s", server, reason_of(x));
    }
}

/* ---- life ---- */

static char *dup_or_null(const char *s) { return s ? must(strdup(s)) : NULL; }

/* The certificate is checked against the host of the URL: so that becomes the wanted name, and the connection goes to the
 * real address. */
static int set_base_url(struct transport *t, struct err *e) {
    if (!t->tls_server_name) {
        t->base_url = must(strdup(t->server));
        return 0;
    }
    char *host = NULL, *port = NULL, *out = NULL;
    CURLU *u = must(curl_url());
    CURLUcode rc = curl_url_set(u, CURLUPART_URL, t->server, 0);
    if (!rc) rc = curl_url_get(u, CURLUPART_HOST, &host, 0);
    if (!rc) rc = curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
    if (!rc) rc = curl_url_set(u, CURLUPART_HOST, t->tls_server_name, 0);
    if (!rc) rc = curl_url_get(u, CURLUPART_URL, &out, 0);
    if (!rc) {
        struct buf to = BUF_INIT;
        buf_printf(&to, "%s:%s:%s:%s", t->tls_server_name, port, host, port);
        t->connect_to = to.s;
        t->base_url = must(strdup(out));
        size_t n = strlen(t->base_url);
        if (n && t->base_url[n - 1] == '/') t->base_url[n - 1] = '\0';
    }
    curl_free(host);
    curl_free(port);
    curl_free(out);
    curl_url_cleanup(u);
    return rc ? err_set(e, ERR_INVALID, "server %s with tls-server-name %s: %s", t->server, t->tls_server_name,
                        curl_url_strerror(rc)) : 0;
}

static int check_url(const char *server, struct err *e) {
    CURLU *u = must(curl_url());
    CURLUcode rc = curl_url_set(u, CURLUPART_URL, server, 0);
    curl_url_cleanup(u);
    if (!rc && (str_has_prefix(server, "https://") || str_has_prefix(server, "http://"))) return 0;
    return err_set(e, ERR_INVALID, "server \"%s\" is no URL of an API server: %s; write https://<host>:<port>", server,
                   rc ? curl_url_strerror(rc) : "it must begin with https:// or http://");
}

static void curl_init(void) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) abort();
}

static void transport_fini(struct transport *t) {
    for (size_t i = 0; i < t->npool; i++) curl_easy_cleanup(t->pool[i]);
    if (t->multi) curl_multi_cleanup(t->multi);
    pthread_mutex_destroy(&t->lock);
    free(t->server);
    free(t->tls_server_name);
    free(t->ca_file);
    free(t->proxy_url);
    free(t->user_agent);
    free(t->base_url);
    free(t->connect_to);
    free(t);
}

struct transport *transport_new(const struct transport_opts *o, struct err *e) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, curl_init);
    struct transport *t = must(calloc(1, sizeof *t));
    t->server = must(strdup(o->server));
    t->tls_server_name = str_empty(o->tls_server_name) ? NULL : must(strdup(o->tls_server_name));
    t->ca_file = dup_or_null(o->ca_file);
    t->proxy_url = dup_or_null(o->proxy_url);
    t->user_agent = must(strdup(o->user_agent));
    t->insecure = o->insecure;
    t->inbox_tail = &t->inbox;
    if (pthread_mutex_init(&t->lock, NULL) != 0) abort();
    for (size_t n = strlen(t->server); n && t->server[n - 1] == '/'; n--) t->server[n - 1] = '\0';
    if (check_url(t->server, e) != 0 || set_base_url(t, e) != 0) {
        transport_fini(t);
        return NULL;
    }
    t->multi = must(curl_multi_init());
    curl_multi_setopt(t->multi, CURLMOPT_PIPELINING, CURLPIPE_MULTIPLEX);
    curl_multi_setopt(t->multi, CURLMOPT_MAXCONNECTS, IDLE_CONNECTIONS);
    t->thread = thread_start("kube-io", io_thread, t);
    return t;
}

void transport_free(struct transport *t) {
    if (!t) return;
    mutex_lock(&t->lock);
    t->stop = true;
    mutex_unlock(&t->lock);
    curl_multi_wakeup(t->multi);
    pthread_join(t->thread, NULL);
    transport_fini(t);
}

const char *transport_server(const struct transport *t) { return t->server; }
