/* Reflectors. Hides list + watch: how one store is kept equal to one collection of the API server.
 *
 * The first list and every list after a gap is consistent (no resourceVersion) and paged: pages of 500 are served from a
 * snapshot, so memory stays bounded (resourceVersion=0 would come from the watch cache as one answer of any size, and may
 * lie further back than what the store has seen). Elements go into the store as they arrive; only the end of a complete
 * list deletes. Then a watch with bookmarks runs from the list's resourceVersion; when it ends it is resumed from the last
 * one seen. 410 means that the server forgot it: list again.
 *
 * Threads: one for each reflector, which is the store's only writer. `stop` and `contact_ms` are atomics; `lock` and `wake`
 * only serve to cut a pause short. */
#include "kube/reflector.h"

#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"
#include "stream.h"

#define PAGE 500
#define LIST_IDLE_MS 30000
#define WATCH_IDLE_MS 90000 /* bookmarks come about once a minute */
#define WATCH_MIN_S 300
#define BACKOFF_MIN_MS 200
#define BACKOFF_MAX_MS 30000
#define RECONNECT_MAX_MS 1000 /* while the server is away: so that it heals soon after it is back */
#define AWAY_FAILURES 3        /* what a long absence counts for, when the first answers are errors */
#define OPTIONAL_MS 30000
#define ENDED_AT_ONCE_MS 1000
#define HEALTHY_MS 5000 /* a watch that lasted this long resets the backoff */

struct reflector {
    struct kube *k;
    struct store *s;
    char *path, *selector; /* selector: escaped, or NULL */
    bool optional;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;
    int64_t contact_ms;

    /* the thread's own */
    struct arena *a;
    char rv[64];       /* where the next watch begins; "": list first */
    char *kind, *version; /* of the elements, from the list */
    unsigned failures;
    bool gone; /* the server no longer had our rv, and nothing has come since: next time that is a failure like others */
};

static struct metric *lists, *watches, *objects;

__attribute__((constructor)) static void metrics_init(void) {
    lists = metric_new(METRIC_COUNTER, "rbg_reflector_lists_total", "Complete lists, by store.", "store");
    watches = metric_new(METRIC_COUNTER, "rbg_reflector_watches_total", "Watches begun, by store.", "store");
    objects = metric_new(METRIC_GAUGE, "rbg_store_objects", "Objects in the cache, by store.", "store");
}

static int64_t now_ms(void) { return clock_mono_ms(clock_real()); }

static uint32_t random_below(uint32_t n) {
    uint32_t v = 0;
    if (getrandom(&v, sizeof v, 0) != sizeof v) v = (uint32_t)now_ms();
    return v % n;
}

static bool stopping(const struct reflector *r) { return __atomic_load_n(&r->stop, __ATOMIC_RELAXED); }

static void touch(struct reflector *r) { __atomic_store_n(&r->contact_ms, now_ms(), __ATOMIC_RELAXED); }

static void set_rv(struct reflector *r, const char *rv) { snprintf(r->rv, sizeof r->rv, "%s", rv ? rv : ""); }

static void show_size(struct reflector *r) {
    const char *const labels[] = {store_name(r->s)};
    metric_set(objects, (double)store_len(r->s), labels);
}

static void count(struct reflector *r, struct metric *m) {
    const char *const labels[] = {store_name(r->s)};
    metric_add(m, 1, labels);
}

/* ---- list ---- */

struct listing {
    struct reflector *r;
    struct list_reader reader;
    struct arena *a; /* of one element */
    struct err e;
};

/* Elements of a list of a built-in kind carry neither apiVersion nor kind; those of a watch do. */
static void complete(const struct reflector *r, struct arena *a, struct jv *doc) {
    if (r->version && !jv_get(doc, "apiVersion")) jv_set_str(a, doc, "apiVersion", r->version);
    if (r->kind && !jv_get(doc, "kind")) jv_set_str(a, doc, "kind", r->kind);
}

static int list_item(void *ctx, char *text, size_t len) {
    struct listing *l = ctx;
    struct jv *doc = json_parse_insitu(l->a, text, len, NULL, &l->e);
    if (!doc) return err_wrap(&l->e, "LIST %s: element", l->r->path);
    if (str_empty(jv_get_str(jv_get(doc, "metadata"), "name")))
        return err_set(&l->e, ERR_PARSE, "LIST %s: an element without metadata.name", l->r->path);
    complete(l->r, l->a, doc);
    store_relist_item(l->r->s, doc);
    arena_reset(l->a);
    return 0;
}

/* The type of the elements, once known: "PodList" -> "Pod". Kubernetes writes kind and apiVersion before the items. */
static void learn_kind(struct listing *l) {
    struct reflector *r = l->r;
    if (r->kind || !l->reader.in_items) return;
    struct arena *a = arena_new();
    char *text = arena_printf(a, "%s]}", buf_str(&l->reader.envelope));
    const struct jv *head = json_parse_insitu(a, text, strlen(text), NULL, NULL);
    const char *kind = jv_get_str(head, "kind"), *version = jv_get_str(head, "apiVersion");
    if (kind && version && str_has_suffix(kind, "List")) {
        r->kind = must(strndup(kind, strlen(kind) - 4));
        r->version = must(strdup(version));
    }
    arena_free(a);
}

static int list_piece(void *ctx, char *data, size_t len) {
    struct listing *l = ctx;
    touch(l->r);
    if (!l->r->kind) { /* byte by byte to the first element, so that it is completed too */
        while (len && !l->reader.in_items) {
            if (list_reader_feed(&l->reader, data, 1) != 0) return -1;
            data++;
            len--;
        }
        learn_kind(l);
    }
    return list_reader_feed(&l->reader, data, len);
}

static void list_query(const struct reflector *r, const char *token, struct buf *q) {
    buf_printf(q, "limit=%d", PAGE);
    if (r->selector) buf_printf(q, "&labelSelector=%s", r->selector);
    if (str_empty(token)) return;
    buf_puts(q, "&continue=");
    query_escape(q, token);
}

static int read_envelope(struct listing *l, struct buf *token, struct err *e) {
    struct buf *text = &l->reader.envelope;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = json_parse(a, buf_str(text), text->len, NULL, e);
    if (!doc) return err_wrap(e, "LIST %s", l->r->path);
    const struct jv *meta = jv_get(doc, "metadata");
    if (!jv_is(jv_get(doc, "items"), J_ARR) && !jv_is(jv_get(doc, "items"), J_NULL))
        return err_set(e, ERR_PARSE, "LIST %s: the answer is no list", l->r->path);
    buf_reset(token);
    buf_puts(token, jv_str(jv_get(meta, "continue"), ""));
    set_rv(l->r, jv_get_str(meta, "resourceVersion"));
    return 0;
}

static int list_page(struct reflector *r, struct buf *token, struct err *e) {
    BUF_AUTO struct buf query = BUF_INIT;
    struct listing l = {.r = r, .a = r->a};
    l.reader.item = list_item;
    l.reader.ctx = &l;
    list_query(r, buf_str(token), &query);
    struct kube_stream s = {"LIST", r->path, query.s, LIST_IDLE_MS, &r->stop, list_piece, &l};
    int rc = kube_stream(r->k, &s, e);
    if (rc == 0 && l.e.code) {
        if (e) *e = l.e;
        rc = -1;
    }
    if (rc == 0 && l.reader.too_big) rc = err_set(e, ERR_LIMIT, "LIST %s: an element is too large", r->path);
    if (rc == 0 && stopping(r)) rc = err_set(e, ERR_CANCELED, "LIST %s: stopped", r->path);
    if (rc == 0) rc = read_envelope(&l, token, e);
    list_reader_fini(&l.reader);
    arena_reset(r->a);
    return rc;
}

static int list(struct reflector *r, struct err *e) {
    BUF_AUTO struct buf token = BUF_INIT;
    store_relist_begin(r->s);
    do {
        if (list_page(r, &token, e) != 0) {
            set_rv(r, "");
            return -1;
        }
    } while (token.len);
    store_relist_end(r->s);
    if (!*r->rv) return err_set(e, ERR_PARSE, "LIST %s: the answer has no resourceVersion", r->path);
    touch(r);
    count(r, lists);
    show_size(r);
    malloc_trim(0); /* what the elements needed while they were parsed */
    return 0;
}

/* ---- watch ---- */

struct watching {
    struct reflector *r;
    unsigned events; /* that came, bookmarks included */
    struct err e;
};

static int watch_error(struct watching *w, const struct jv *status) {
    int code = (int)jv_get_int(status, "code", 500);
    const char *reason = jv_get_str(status, "reason");
    enum err_code c = err_from_http(code, reason);
    if (str_eq(reason, "Expired") || str_eq(reason, "Gone")) c = ERR_GONE;
    err_set(&w->e, c, "WATCH %s: %s", w->r->path, jv_str(jv_get(status, "message"), "error event"));
    w->e.http = code;
    return -1;
}

static void recovered(struct reflector *r) {
    r->failures = 0;
    r->gone = false;
}

static int watch_object(struct watching *w, const char *type, struct jv *doc) {
    struct reflector *r = w->r;
    const struct jv *meta = jv_get(doc, "metadata");
    const char *name = jv_get_str(meta, "name"), *rv = jv_get_str(meta, "resourceVersion");
    if (str_empty(rv)) return err_set(&w->e, ERR_PARSE, "WATCH %s: an object without resourceVersion", r->path);
    char seen[sizeof r->rv];
    snprintf(seen, sizeof seen, "%s", rv); /* the store may edit the document */
    bool bookmark = str_eq(type, "BOOKMARK");
    if (!bookmark && str_empty(name))
        return err_set(&w->e, ERR_PARSE, "WATCH %s: an object without metadata.name", r->path);
    if (str_eq(type, "ADDED") || str_eq(type, "MODIFIED")) store_put(r->s, doc);
    else if (str_eq(type, "DELETED")) store_delete(r->s, jv_str(jv_get(meta, "namespace"), ""), name);
    else if (!bookmark) return err_set(&w->e, ERR_PARSE, "WATCH %s: unknown event type %s", r->path, type);
    set_rv(r, seen);
    recovered(r);
    w->events++;
    if (!bookmark) show_size(r);
    return 0;
}

static int watch_line(void *ctx, char *text, size_t len) {
    struct watching *w = ctx;
    struct reflector *r = w->r;
    struct jv *event = json_parse_insitu(r->a, text, len, NULL, &w->e);
    int rc;
    touch(r);
    if (!event) {
        rc = err_wrap(&w->e, "WATCH %s", r->path);
    } else {
        const char *type = jv_str(jv_get(event, "type"), "");
        struct jv *doc = jv_get(event, "object");
        rc = str_eq(type, "ERROR") ? watch_error(w, doc) : watch_object(w, type, doc);
    }
    arena_reset(r->a);
    return rc;
}

/* *progress: something came; a server under load may end a watch early, and resuming at once is right then. */
static int watch(struct reflector *r, bool *progress, struct err *e) {
    BUF_AUTO struct buf q = BUF_INIT;
    struct watching w = {.r = r};
    buf_printf(&q, "watch=true&allowWatchBookmarks=true&timeoutSeconds=%u&resourceVersion=%s",
               (unsigned)(WATCH_MIN_S + random_below(WATCH_MIN_S)), r->rv);
    if (r->selector) buf_printf(&q, "&labelSelector=%s", r->selector);
    count(r, watches);
    int rc = kube_watch(r->k, r->path, q.s, WATCH_IDLE_MS, &r->stop, watch_line, &w, e);
    *progress = w.events > 0;
    if (rc == 0 && w.e.code) {
        *e = w.e;
        rc = -1;
    }
    return rc;
}

/* ---- the loop ---- */

static void pause_ms(struct reflector *r, int64_t ms) {
    int64_t end = now_ms() + ms;
    MUTEX_GUARD(&r->lock);
    while (!stopping(r) && now_ms() < end) cond_wait_ms(&r->wake, &r->lock, end - now_ms());
}

/* Nobody listens: a restart, most likely. */
static bool away(const struct err *e) { return e->code == ERR_UNAVAILABLE && e->http == 0; }

/* Doubles from 200 ms to 30 s; only to a second while nobody listens, because then an attempt costs nobody anything. The
 * jitter spreads the reflectors after a restart of the server. */
static int64_t backoff_ms(struct reflector *r, const struct err *e) {
    int64_t max = away(e) ? RECONNECT_MAX_MS : BACKOFF_MAX_MS;
    int64_t ms = r->failures > 12 ? max : (int64_t)BACKOFF_MIN_MS << r->failures;
    if (ms > max) ms = max;
    ms = ms / 2 + random_below((uint32_t)(ms / 2) + 1);
    return ms < e->retry_after_ms ? e->retry_after_ms : ms;
}

static void failed(struct reflector *r, const char *doing, const struct err *e) {
    int64_t ms = backoff_ms(r, e);
    char pause[32];
    snprintf(pause, sizeof pause, "%lld", (long long)ms);
    if (r->failures == 0 || r->failures % 10 == 9)
        log_warn("the cache can't follow the API server; trying again", "store", store_name(r->s), "doing", doing, "error",
                 e->msg, "class", err_name(e->code), "pause_ms", pause);
    if (!away(e) || r->failures < AWAY_FAILURES) r->failures++;
    pause_ms(r, ms);
}

/* A kind that is not installed has no objects. */
static void absent(struct reflector *r) {
    store_replace(r->s, NULL, 0);
    touch(r);
    pause_ms(r, OPTIONAL_MS);
}

static void do_list(struct reflector *r) {
    struct err e = ERR_INIT;
    if (list(r, &e) == 0 || stopping(r)) return;
    if (e.code == ERR_NOT_FOUND && r->optional) absent(r);
    else if (e.code == ERR_GONE && !r->gone) r->gone = true; /* a page token expired: once more at once */
    else failed(r, "list", &e);
}

static void do_watch(struct reflector *r) {
    struct err e = ERR_INIT;
    int64_t begun = now_ms();
    bool progress;
    int rc = watch(r, &progress, &e);
    if (stopping(r)) return;
    if (now_ms() - begun >= HEALTHY_MS) recovered(r);
    if (rc == 0) {
        if (!progress && now_ms() - begun < ENDED_AT_ONCE_MS)
            failed(r, "watch", &(struct err){.code = ERR_UNAVAILABLE, .http = 200, .msg = "the watch ended at once"});
        return;
    }
    if (e.code == ERR_GONE || e.code == ERR_NOT_FOUND || e.code == ERR_PARSE || e.code == ERR_LIMIT) set_rv(r, "");
    if (e.code == ERR_GONE && !r->gone) {
        log_info("the API server no longer has our resourceVersion; listing again", "store", store_name(r->s), "error",
                 e.msg);
        r->gone = true;
        return;
    }
    failed(r, "watch", &e);
}

static void *reflect(void *arg) {
    struct reflector *r = arg;
    while (!stopping(r)) {
        if (*r->rv) do_watch(r);
        else do_list(r);
    }
    return NULL;
}

/* ---- life ---- */

static char *escaped_or_null(const char *s) {
    if (str_empty(s)) return NULL;
    struct buf b = BUF_INIT;
    query_escape(&b, s);
    return b.s;
}

struct reflector *reflector_start(struct kube *k, struct store *s, const struct reflector_opts *o) {
    struct reflector *r = must(calloc(1, sizeof *r));
    r->k = k;
    r->s = s;
    r->path = must(strdup(o->path));
    r->selector = escaped_or_null(o->label_selector);
    r->optional = o->optional;
    r->a = arena_new();
    r->contact_ms = now_ms();
    if (pthread_mutex_init(&r->lock, NULL) != 0) abort();
    cond_init_mono(&r->wake);
    r->thread = thread_start("reflector", reflect, r);
    return r;
}

void reflector_stop(struct reflector *r) {
    if (!r) return;
    mutex_lock(&r->lock);
    __atomic_store_n(&r->stop, true, __ATOMIC_RELAXED);
    pthread_cond_broadcast(&r->wake);
    mutex_unlock(&r->lock);
    kube_wake(r->k);
    pthread_join(r->thread, NULL);
    arena_free(r->a);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    free(r->path);
    free(r->selector);
    free(r->kind);
    free(r->version);
    free(r);
}

int64_t reflector_age_ms(const struct reflector *r) {
    return now_ms() - __atomic_load_n(&r->contact_ms, __ATOMIC_RELAXED);
}
