/* The current serving pair. Hides where it comes from: set by a caller, or read from two files that a thread looks at once a
 * second. The holder has one reference to the current pair; whoever serves a handshake takes another for a moment, so a
 * swap never waits and never frees under a reader.
 * The kubelet and cert-manager replace two files one after the other (or both behind one symlink): between the two the pair
 * does not match. So a pair that fails is complained about only when the next look finds the very same bytes. */
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
    bool complained;    /* about this content */
    pthread_t thread;
};

struct certs {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct pair *pair;
    bool stop;
    struct watch *watch; /* NULL: no thread */
};

struct certs *certs_new(void) {
    struct certs *c = calloc(1, sizeof *c);
    if (!c) abort();
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

int certs_set_pem(struct certs *c, const char *cert_pem, const char *key_pem, struct err *e) {
    struct pair *fresh = pair_new(cert_pem, key_pem, e);
    if (!fresh) return -1;
    mutex_lock(&c->lock);
    struct pair *old = c->pair;
    c->pair = fresh;
    mutex_unlock(&c->lock);
    pair_unref(old);
    return 0;
}

/* A lock is no part of the observable state: readers take it on a const holder. */
static struct pair *peek(const struct certs *c) { return certs_ref((struct certs *)(uintptr_t)c); }

bool certs_ok(const struct certs *c, int64_t now_ms, struct err *e) {
    struct pair *p = peek(c);
    if (!p) {
        err_set(e, ERR_TLS, "no serving certificate is loaded yet");
        return false;
    }
    int64_t from = pair_not_before_ms(p), to = pair_not_after_ms(p);
    pair_unref(p);
    char when[32];
    if (now_ms < from)
        err_set(e, ERR_TLS, "the serving certificate is valid only from %s; check the clock or issue a new one",
                time_rfc3339(from, when));
    else if (now_ms >= to)
        err_set(e, ERR_TLS, "the serving certificate expired at %s; renew it", time_rfc3339(to, when));
    return now_ms >= from && now_ms < to;
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

/* Reads both files and takes them as the pair; *content gets the hash of what was read, 0 when a file can't be read. */
static int load(struct certs *c, const struct watch *w, uint64_t *content, struct err *e) {
    BUF_AUTO struct buf cert = BUF_INIT;
    BUF_AUTO struct buf key = BUF_INIT;
    *content = 0;
    if (read_file(w->path[0], &cert, e) || read_file(w->path[1], &key, e)) return -1;
    *content = fnv1a_64(buf_str(&cert), cert.len) * 31 + fnv1a_64(buf_str(&key), key.len);
    if (*content == w->content && !w->failed) return 0; /* rewritten with the same bytes */
    if (certs_set_pem(c, buf_str(&cert), buf_str(&key), e))
        return err_wrap(e, "%s and %s", w->path[0], w->path[1]);
    return 0;
}

static void complain(struct watch *w, const struct err *e) {
    log_warn("serving certificate not replaced, the old one stays", "error", e->msg);
    w->complained = true;
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
    if (same && (!w->failed || w->complained)) return;
    struct err e = ERR_INIT;
    uint64_t content = 0;
    bool bad = load(c, w, &content, &e) != 0;
    bool seen = w->failed && content == w->content;
    if (content != w->content) w->complained = false;
    if (bad && seen && !w->complained) complain(w, &e);
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
    }
}

static char *must_dup(const char *s) {
    char *copy = strdup(s);
    if (!copy) abort();
    return copy;
}

int certs_watch_files(struct certs *c, const char *cert_path, const char *key_path, struct err *e) {
    if (c->watch) return err_set(e, ERR_INTERNAL, "certificate files are watched already: %s", c->watch->path[0]);
    struct watch *w = calloc(1, sizeof *w);
    if (!w) abort();
    w->path[0] = must_dup(cert_path);
    w->path[1] = must_dup(key_path);
    w->failed = true; /* nothing is loaded: whatever is read is new */
    stamp_of(cert_path, &w->stamp[0]);
    stamp_of(key_path, &w->stamp[1]);
    if (load(c, w, &w->content, e)) {
        watch_free(w);
        return -1;
    }
    w->failed = false;
    announce(c, w);
    c->watch = w;
    w->thread = thread_start("certs", watch_main, c);
    return 0;
}
