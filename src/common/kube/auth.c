/* Credentials over time. Hides where a token comes from: the configuration, a file that is rotated, or an exec plugin.
 *
 * Threads: any. `lock` guards all state and is never held while a plugin runs: the first caller that finds the credentials
 * expired runs it, the others wait for the result. Certificates of plugins are files in memory that stay open until the
 * end, because a transfer in flight may still name them. */
#include "auth.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"
#include "exec.h"

#define EXPIRY_SLACK_MS 10000

struct auth {
    const struct kube_config *c;
    pthread_mutex_t lock;
    pthread_cond_t fresh;
    struct arena *a; /* paths of plugin certificates */
    char *token;     /* as last read, or printed by the plugin */
    struct stat seen; /* the token file then */
    bool have, running;
    int64_t expires_ms; /* 0: never */
    char *cert_file, *key_file;
    int *fds;
    size_t nfds;
};

struct auth *auth_new(const struct kube_config *c) {
    struct auth *x = must(calloc(1, sizeof *x));
    x->c = c;
    x->a = arena_new();
    if (pthread_mutex_init(&x->lock, NULL) != 0) abort();
    cond_init_mono(&x->fresh);
    return x;
}

void auth_free(struct auth *x) {
    if (!x) return;
    for (size_t i = 0; i < x->nfds; i++) close(x->fds[i]);
    free(x->fds);
    free(x->token);
    arena_free(x->a);
    pthread_cond_destroy(&x->fresh);
    pthread_mutex_destroy(&x->lock);
    free(x);
}

/* ---- a file ---- */

static bool same_file(const struct stat *a, const struct stat *b) {
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static int from_file(struct auth *x, struct arena *a, struct credentials *out, struct err *e) {
    struct stat now;
    if (stat(x->c->token_file, &now) != 0)
        return err_set(e, ERR_UNAUTHORIZED, "token file %s: %s", x->c->token_file, strerror(errno));
    mutex_lock(&x->lock);
    bool fresh = x->token && same_file(&now, &x->seen);
    out->token = fresh ? arena_strdup(a, x->token) : NULL;
    mutex_unlock(&x->lock);
    if (fresh) return 0;
    char *token = kube_read_file(a, x->c->token_file, NULL, true, e);
    if (!token) return err_wrap(e, "token file");
    out->token = token;
    MUTEX_GUARD(&x->lock);
    free(x->token);
    x->token = must(strdup(token));
    x->seen = now;
    return 0;
}

/* ---- a plugin ---- */

static bool usable_locked(const struct auth *x) {
    return x->have && (!x->expires_ms || clock_now_ms(clock_real()) < x->expires_ms - EXPIRY_SLACK_MS);
}

static void keep_fd_locked(struct auth *x, int fd) {
    x->fds = must(realloc(x->fds, (x->nfds + 1) * sizeof *x->fds));
    x->fds[x->nfds++] = fd;
}

static int keep_pair_locked(struct auth *x, const struct exec_result *r, struct err *e) {
    if (!r->cert) return 0;
    char *cert_file, *key_file;
    int fd = kube_memory_file(x->a, "cert", r->cert, strlen(r->cert), &cert_file, e);
    if (fd < 0) return -1;
    keep_fd_locked(x, fd);
    fd = kube_memory_file(x->a, "key", r->key, strlen(r->key), &key_file, e);
    if (fd < 0) return -1;
    keep_fd_locked(x, fd);
    x->cert_file = cert_file;
    x->key_file = key_file;
    return 0;
}

static int keep_result_locked(struct auth *x, const struct exec_result *r, struct err *e) {
    free(x->token);
    x->token = r->token ? must(strdup(r->token)) : NULL;
    x->expires_ms = r->expires_ms;
    if (keep_pair_locked(x, r, e) != 0) return -1;
    x->have = true;
    return 0;
}

static int run_plugin(struct auth *x, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct exec_result r = {0};
    int rc = exec_run(a, x->c, &r, e);
    MUTEX_GUARD(&x->lock);
    if (rc == 0) rc = keep_result_locked(x, &r, e);
    x->running = false;
    pthread_cond_broadcast(&x->fresh);
    return rc;
}

static int from_plugin(struct auth *x, struct arena *a, struct credentials *out, struct err *e) {
    mutex_lock(&x->lock);
    while (x->running) cond_wait_ms(&x->fresh, &x->lock, -1);
    bool run = !usable_locked(x);
    if (run) x->running = true;
    mutex_unlock(&x->lock);
    if (run && run_plugin(x, e) != 0) return -1;
    MUTEX_GUARD(&x->lock);
    out->token = arena_strdup(a, x->token);
    if (x->cert_file) {
        out->cert_file = arena_strdup(a, x->cert_file);
        out->key_file = arena_strdup(a, x->key_file);
    }
    return 0;
}

int auth_get(struct auth *x, struct arena *a, struct credentials *out, struct err *e) {
    *out = (struct credentials){x->c->token, x->c->cert_file, x->c->key_file};
    if (x->c->exec) return from_plugin(x, a, out, e);
    if (x->c->token_file) return from_file(x, a, out, e);
    return 0;
}

bool auth_refused(struct auth *x, const struct credentials *used) {
    if (!x->c->exec && !x->c->token_file) return false;
    MUTEX_GUARD(&x->lock);
    if (!str_eq(x->token, used->token)) return true; /* somebody else renewed them already */
    if (x->c->token_file && !x->c->exec) {
        struct stat now;
        return stat(x->c->token_file, &now) == 0 && !same_file(&now, &x->seen);
    }
    x->have = false;
    return true;
}
