/* Hides the two reviews and their memory. A decision is kept for ten seconds under the SHA-256 of its token: a scraper costs two
 * requests at most in that time, a revoked right ends soon, and no token is kept. Failures to ask are not remembered. The table
 * is small and fixed: when it is full the oldest decision gives way, so foreign tokens cost requests but no memory.
 * The lock is held while the table is read or written, never while the API server is asked. */
#include "manager/metrics_auth.h"

#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"

#define PATH "/metrics"
#define KEEP_MS 10000
#define ASK_MS 5000
#define TOKEN_MAX 16384
#define NSLOTS 64
#define DIGEST 32
#define TOKEN_REVIEWS "/apis/authentication.k8s.io/v1/tokenreviews"
#define ACCESS_REVIEWS "/apis/authorization.k8s.io/v1/subjectaccessreviews"

struct decision {
    unsigned char token[DIGEST];
    int64_t until_ms; /* monotonic; 0: empty */
    struct err e;     /* ERR_NONE: allowed */
};

struct metrics_auth {
    struct kube *kube;
    const struct clock *clock;
    pthread_mutex_t lock;
    struct decision slots[NSLOTS]; /* under lock */
};

struct metrics_auth *metrics_auth_new(struct kube *kube, const struct clock *clock) {
    struct metrics_auth *m = must(calloc(1, sizeof *m));
    m->kube = kube;
    m->clock = clock;
    pthread_mutex_init(&m->lock, NULL);
    return m;
}

void metrics_auth_free(struct metrics_auth *m) {
    if (!m) return;
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ---- remembering ---- */

static bool recall(struct metrics_auth *m, const unsigned char *token, struct err *e) {
    MUTEX_GUARD(&m->lock);
    int64_t now = clock_mono_ms(m->clock);
    for (size_t i = 0; i < NSLOTS; i++) {
        const struct decision *d = &m->slots[i];
        if (d->until_ms <= now || memcmp(d->token, token, DIGEST) != 0) continue;
        *e = d->e;
        return true;
    }
    return false;
}

static void remember(struct metrics_auth *m, const unsigned char *token, const struct err *e) {
    MUTEX_GUARD(&m->lock);
    struct decision *oldest = &m->slots[0];
    for (size_t i = 1; i < NSLOTS; i++)
        if (m->slots[i].until_ms < oldest->until_ms) oldest = &m->slots[i];
    memcpy(oldest->token, token, DIGEST);
    oldest->until_ms = clock_mono_ms(m->clock) + KEEP_MS;
    oldest->e = *e;
}

/* ---- asking ---- */

static struct jv *review(struct arena *a, const char *version, const char *kind) {
    struct jv *o = jv_new_obj(a);
    jv_set_str(a, o, "apiVersion", version);
    jv_set_str(a, o, "kind", kind);
    return o;
}

/* The status of a review. Whatever goes wrong here is not the client's fault. */
static struct jv *ask(struct metrics_auth *m, struct arena *a, const char *path, const struct jv *body, struct err *e) {
    char *text = json_text(a, body);
    struct kube_request q = {.method = "POST", .path = path, .body = text, .len = strlen(text), .timeout_ms = ASK_MS};
    struct err why = ERR_INIT;
    struct jv *answer = NULL;
    if (kube_ask(m->kube, &q, a, &answer, &why) == 0 && jv_is(jv_get(answer, "status"), J_OBJ))
        return jv_get(answer, "status");
    log_warn("can't find out who may read the metrics", "path", path, "error", answer ? "the answer has no status" : why.msg);
    err_set(e, ERR_UNAVAILABLE, "the API server could not be asked who you are and what you may do; see the manager's log");
    return NULL;
}

static int authenticate(struct metrics_auth *m, struct arena *a, const char *token, struct jv **user, struct err *e) {
    struct jv *o = review(a, "authentication.k8s.io/v1", "TokenReview");
    jv_set_str(a, jv_need_obj(a, o, "spec"), "token", token);
    struct jv *status = ask(m, a, TOKEN_REVIEWS, o, e);
    if (!status) return -1;
    *user = jv_get(status, "user");
    if (jv_get_bool(status, "authenticated", false) && !str_empty(jv_get_str(*user, "username"))) return 0;
    return err_set(e, ERR_UNAUTHORIZED, "the API server does not accept this token");
}

static int authorize(struct metrics_auth *m, struct arena *a, const struct jv *user, struct err *e) {
    struct jv *o = review(a, "authorization.k8s.io/v1", "SubjectAccessReview"), *spec = jv_need_obj(a, o, "spec");
    const char *name = jv_get_str(user, "username");
    jv_set_str(a, spec, "user", name);
    jv_set(a, spec, "uid", jv_get(user, "uid"));
    jv_set(a, spec, "groups", jv_get(user, "groups"));
    jv_set(a, spec, "extra", jv_get(user, "extra"));
    struct jv *what = jv_need_obj(a, spec, "nonResourceAttributes");
    jv_set_str(a, what, "path", PATH);
    jv_set_str(a, what, "verb", "get");
    const struct jv *status = ask(m, a, ACCESS_REVIEWS, o, e);
    if (!status) return -1;
    if (jv_get_bool(status, "allowed", false)) return 0;
    return err_set(e, ERR_FORBIDDEN, "%s may not get the non-resource URL %s: bind it to the ClusterRole rbgs-metrics-reader", name,
                   PATH);
}

/* ---- deciding ---- */

static int bearer(const char *authorization, const char **token, struct err *e) {
    static const char scheme[] = "Bearer ";
    *token = "";
    if (strncasecmp(authorization, scheme, sizeof scheme - 1) == 0) {
        *token = authorization + sizeof scheme - 1;
        *token += strspn(*token, " ");
    }
    size_t n = strlen(*token);
    if (!n) return err_set(e, ERR_UNAUTHORIZED, "send a ServiceAccount's token: Authorization: Bearer TOKEN");
    return n > TOKEN_MAX ? err_set(e, ERR_UNAUTHORIZED, "a token of %zu bytes is none", n) : 0;
}

int metrics_auth_check(struct metrics_auth *m, const char *authorization, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    unsigned char digest[DIGEST];
    const char *token;
    struct jv *user = NULL;
    struct err found = ERR_INIT;
    if (bearer(authorization, &token, e)) return -1;
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, token, strlen(token), digest)) return err_set(e, ERR_INTERNAL, "SHA-256 failed");
    if (!recall(m, digest, &found)) {
        if (authenticate(m, a, token, &user, &found) == 0) authorize(m, a, user, &found);
        if (found.code != ERR_UNAVAILABLE) remember(m, digest, &found);
    }
    if (found.code == ERR_NONE) return 0;
    *e = found;
    return -1;
}
