/* The current serving pair. Hides where it comes from: set by a caller, or read from two files that a thread looks at once a
 * second. The holder has one reference to the current pair; whoever serves a handshake takes another for a moment, so a
 * swap never waits and never frees under a reader.
 * The kubelet and cert-manager replace two files one after the other (or both behind one symlink): between the two the pair
 * does not match. So a pair that fails is complained about only when the next look finds the very same bytes. Files that fail
 * are read again at every look: a pair that is not valid yet becomes so without a write.
 * What is wrong is said three times: once in the log, and for as long as it lasts in certs_ok or certs_stale and the metrics. */
#include "serve/certs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"
#include "pair.h"

#define POLL_MS 1000
#define FILE_MAX_BYTES ((size_t)1 << 20)

/* What stat says about the file behind the path: equal stamps mean that nothing was written. */
struct stamp {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime, ctime;
};

/* Owned by the watching thread once it runs. */
struct watch {
    char *path[2]; /* certificate, key */
    struct stamp stamp[2];
    uint64_t content;   /* hash of both texts of the last look */
    bool failed;        /* the last look could not use them */
    pthread_t thread;
};

/* Of the pair in use; the names are values of a label. */
enum validity { VALID, ABSENT, EXPIRED, NOT_YET_VALID };
static const char *const problems[] = {[ABSENT] = "absent", [EXPIRED] = "expired", [NOT_YET_VALID] = "not_yet_valid"};
#define STALE "stale"

struct certs {
    const char *use; /* NULL: no metrics */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct pair *pair;
    struct err failure;     /* ERR_NONE: what came last is in use */
    enum validity reported; /* in the log */
    bool stop;
    struct watch *watch; /* NULL: no thread */
};

static struct metric *end_seconds, *problem;

__attribute__((constructor)) static void metrics_init(void) {
    end_seconds = metric_new(METRIC_GAUGE, "rbg_certificate_expiration_timestamp_seconds",
                             "When the certificate in use ends, in seconds since 1970; 0: there is none.", "use");
    problem = metric_new(METRIC_GAUGE, "rbg_certificate_problem",
                         "1: the certificate is absent, expired or not_yet_valid, or stale: its replacement can't be used.",
                         "use,problem");
}

struct certs *certs_new(const char *use) {
    struct certs *c = must(calloc(1, sizeof *c));
    c->use = use;
    c->reported = ABSENT; /* nothing is wrong with a start */
    pthread_mutex_init(&c->lock, NULL);
    cond_init_mono(&c->wake);
    return c;
}

static void watch_free(struct watch *w) {
    if (!w) return;
    free(w->path[0]);
    free(w->path[1]);
    free(w);
}

static void stop_watching(struct certs *c) {
    mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    mutex_unlock(&c->lock);
    pthread_join(c->watch->thread, NULL);
    watch_free(c->watch);
}

void certs_free(struct certs *c) {
    if (!c) return;
    if (c->watch) stop_watching(c);
    pair_unref(c->pair);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

struct pair *certs_ref(struct certs *c) {
    MUTEX_GUARD(&c->lock);
    return c->pair ? pair_ref(c->pair) : NULL;
}

static void use_pair(struct certs *c, struct pair *fresh) {
    mutex_lock(&c->lock);
    struct pair *old = c->pair;
    c->pair = fresh;
    c->failure = ERR_INIT;
    mutex_unlock(&c->lock);
    pair_unref(old);
}

int certs_set_pem(struct certs *c, const char *cert_pem, const char *key_pem, struct err *e) {
    struct pair *fresh = pair_new(cert_pem, key_pem, e);
    if (!fresh) return -1;
    use_pair(c, fresh);
    return 0;
}

/* A lock is no part of the observable state: readers take it on a const holder. */
static struct certs *unlocked(const struct certs *c) { return (struct certs *)(uintptr_t)c; }
static struct pair *peek(const struct certs *c) { return certs_ref(unlocked(c)); }

static enum validity validity(const struct pair *p, int64_t now_ms) {
    return !p ? ABSENT : now_ms < pair_not_before_ms(p) ? NOT_YET_VALID : now_ms >= pair_not_after_ms(p) ? EXPIRED : VALID;
}

/* The error for a pair that is not VALID. `p` is unset when it is ABSENT. */
static void say(enum validity v, const struct pair *p, struct err *e) {
    char when[32];
    if (v == ABSENT) err_set(e, ERR_TLS, "no serving certificate is loaded yet");
    else if (v == NOT_YET_VALID)
        err_set(e, ERR_TLS, "the serving certificate is valid only from %s; check the clock or issue a new one",
                time_rfc3339(pair_not_before_ms(p), when));
    else
        err_set(e, ERR_TLS, "the serving certificate expired at %s; renew it", time_rfc3339(pair_not_after_ms(p), when));
}

bool certs_ok(const struct certs *c, int64_t now_ms, struct err *e) {
    struct pair *p = peek(c);
    enum validity v = validity(p, now_ms);
    if (v != VALID) say(v, p, e);
    pair_unref(p);
    struct err why = ERR_INIT;
    if (v != VALID && e && certs_stale(c, &why)) {
        err_wrap(&why, "%s", e->msg);
        err_set(e, ERR_TLS, "%s", why.msg);
    }
    return v == VALID;
}

bool certs_stale(const struct certs *c, struct err *e) {
    MUTEX_GUARD(&unlocked(c)->lock);
    if (c->failure.code == ERR_NONE) return false;
    *e = c->failure;
    return true;
}

void certs_failed(struct certs *c, const struct err *why) {
    mutex_lock(&c->lock);
    bool news = !str_eq(c->failure.msg, why->msg), serving = c->pair != NULL;
    c->failure = *why;
    mutex_unlock(&c->lock);
    if (!news) return;
    if (serving) log_warn("serving certificate not replaced, the old one stays", "error", why->msg);
    else log_error("there is no serving certificate", "error", why->msg);
}

void certs_current(struct certs *c) {
    MUTEX_GUARD(&c->lock);
    c->failure = ERR_INIT;
}

static void set_metrics(const struct certs *c, enum validity v, bool stale) {
    if (!c->use) return;
    metric_set(end_seconds, (double)(certs_not_after_ms(c) / 1000), (const char *const[]){c->use});
    for (size_t i = ABSENT; i <= NOT_YET_VALID; i++) metric_set(problem, v == i, (const char *const[]){c->use, problems[i]});
    metric_set(problem, stale, (const char *const[]){c->use, STALE});
}

void certs_check(struct certs *c, int64_t now_ms) {
    struct err why = ERR_INIT, ignored;
    struct pair *p = peek(c);
    enum validity v = validity(p, now_ms);
    pair_unref(p);
    mutex_lock(&c->lock);
    bool news = v != c->reported;
    c->reported = v;
    mutex_unlock(&c->lock);
    if (news && v != VALID && !certs_ok(c, now_ms, &why)) log_error("the serving certificate is not valid", "error", why.msg);
    set_metrics(c, v, certs_stale(c, &ignored));
}

int64_t certs_not_after_ms(const struct certs *c) {
    struct pair *p = peek(c);
    int64_t at = p ? pair_not_after_ms(p) : 0;
    pair_unref(p);
    return at;
}

static bool stamp_of(const char *path, struct stamp *out) {
    struct stat st;
    *out = (struct stamp){0};
    if (stat(path, &st) != 0) return false;
    *out = (struct stamp){st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim};
    return true;
}

static bool time_eq(struct timespec a, struct timespec b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

static bool stamp_eq(const struct stamp *a, const struct stamp *b) {
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size && time_eq(a->mtime, b->mtime) &&
           time_eq(a->ctime, b->ctime);
}

static int read_all(int fd, const char *path, struct buf *out, struct err *e) {
    for (;;) {
        buf_reserve(out, 4096);
        ssize_t n = read(fd, out->s + out->len, out->cap - out->len - 1);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_set(e, ERR_IO, "read %s: %s", path, strerror(errno));
        if (n == 0) return 0;
        out->len += (size_t)n;
        out->s[out->len] = '\0';
        if (out->len > FILE_MAX_BYTES) return err_set(e, ERR_LIMIT, "%s is larger than 1 MiB: no PEM file", path);
    }
}

static int read_file(const char *path, struct buf *out, struct err *e) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        int sys = errno;
        err_set(e, ERR_IO, "open %s: %s; mount the Secret with the serving certificate there", path, strerror(sys));
        if (e) e->sys = sys;
        return -1;
    }
    int rc = read_all(fd, path, out, e);
    close(fd);
    return rc;
}

/* A pair that is not valid does not replace one that is. */
static int replace(struct certs *c, const char *cert_pem, const char *key_pem, struct err *e) {
    struct pair *fresh = pair_new(cert_pem, key_pem, e);
    if (!fresh) return -1;
    int64_t now = clock_now_ms(clock_real());
    enum validity v = validity(fresh, now);
    if (v != VALID && certs_ok(c, now, NULL)) {
        say(v, fresh, e);
        pair_unref(fresh);
        return -1;
    }
    use_pair(c, fresh);
    return 0;
}

static void wipe(struct buf *b) {
    if (b->s) explicit_bzero(b->s, b->cap);
    buf_fini(b);
}

/* Reads both files and takes them as the pair; *content gets the hash of what was read, 0 when a file can't be read. */
static int load(struct certs *c, const struct watch *w, uint64_t *content, struct err *e) {
    BUF_AUTO struct buf cert = BUF_INIT;
    __attribute__((cleanup(wipe))) struct buf key = BUF_INIT;
    *content = 0;
    if (read_file(w->path[0], &cert, e) || read_file(w->path[1], &key, e)) return -1;
    *content = fnv1a_64(buf_str(&cert), cert.len) * 31 + fnv1a_64(buf_str(&key), key.len);
    if (*content == w->content && !w->failed) return 0; /* rewritten with the same bytes */
    if (replace(c, buf_str(&cert), buf_str(&key), e))
        return err_wrap(e, "%s and %s", w->path[0], w->path[1]);
    return 0;
}

static void announce(const struct certs *c, const struct watch *w) {
    char until[32];
    log_info("serving certificate loaded", "file", w->path[0], "notAfter", time_rfc3339(certs_not_after_ms(c), until));
}

static void look(struct certs *c, struct watch *w) {
    struct stamp now[2];
    bool there = stamp_of(w->path[0], &now[0]);
    there = stamp_of(w->path[1], &now[1]) && there;
    bool same = stamp_eq(&now[0], &w->stamp[0]) && stamp_eq(&now[1], &w->stamp[1]);
    if (same && !w->failed) return;
    struct err e = ERR_INIT;
    uint64_t content = 0;
    bool bad = load(c, w, &content, &e) != 0;
    if (bad && w->failed && content == w->content) certs_failed(c, &e);
    if (!bad && (w->failed || content != w->content)) announce(c, w);
    memcpy(w->stamp, now, sizeof now);
    w->content = content;
    w->failed = bad || !there;
}

static void *watch_main(void *arg) {
    struct certs *c = arg;
    for (;;) {
        mutex_lock(&c->lock);
        if (!c->stop) cond_wait_ms(&c->wake, &c->lock, POLL_MS);
        bool stop = c->stop;
        mutex_unlock(&c->lock);
        if (stop) return NULL;
        look(c, c->watch);
        certs_check(c, clock_now_ms(clock_real()));
    }
}

int certs_watch_files(struct certs *c, const char *cert_path, const char *key_path, struct err *e) {
    if (c->watch) return err_set(e, ERR_INTERNAL, "certificate files are watched already: %s", c->watch->path[0]);
    struct watch *w = must(calloc(1, sizeof *w));
    w->path[0] = must(strdup(cert_path));
    w->path[1] = must(strdup(key_path));
    w->failed = true; /* nothing is loaded: whatever is read is new */
    stamp_of(cert_path, &w->stamp[0]);
    stamp_of(key_path, &w->stamp[1]);
    struct err why = ERR_INIT;
    w->failed = load(c, w, &w->content, &why) != 0;
    if (w->failed) certs_failed(c, &why);
    else announce(c, w);
    certs_check(c, clock_now_ms(clock_real()));
    c->watch = w;
    w->thread = thread_start("certs", watch_main, c);
    return 0;
}
