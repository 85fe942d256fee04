/* Hides the two reviews, their memory and their number. A decision is kept for ten seconds under the SHA-256 of its token: a
 * scraper costs two requests at most in that time, a revoked right ends soon, and no token is kept. Failures to ask are not
 * remembered.
 * Whoever reaches the port may send what is no token of anybody, and each costs a question in this manager's name. So what can't be
 * a ServiceAccount's token is refused without asking, and others are asked about only so often: in all, and for one address. Tokens
 * that were good once are not counted: they are asked about again whatever else comes.
 * The tables are small and fixed, and those who may not read have one of their own, the larger one: when it is full its oldest
 * decision gives way, so foreign tokens cost no memory and push no scraper out.
 * The lock is held while tables are read or written, never while the API server is asked. */
#include "manager/metrics_auth.h"

#include <gnutls/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"
#include "serve/https.h"

#define PATH "/metrics"
#define KEEP_MS 10000
#define ASK_MS 5000
#define TOKEN_MAX 16384
#define GOOD_SLOTS 64
#define BAD_SLOTS 512
#define DIGEST 32
#define PEER_SLOTS 64 /* addresses that share one are limited together */
#define TOKEN_REVIEWS "/apis/authentication.k8s.io/v1/tokenreviews"
#define ACCESS_REVIEWS "/apis/authorization.k8s.io/v1/subjectaccessreviews"

struct decision {
    unsigned char token[DIGEST];
    int64_t until_ms; /* monotonic; 0: empty */
    struct err e;     /* ERR_NONE: allowed */
};

/* Questions about strangers: so many a second, and so many more at once. */
struct limit { double per_s, burst; };
struct bucket {
    double used;
    int64_t at_ms;
};

static const struct limit of_all = {10, 50}, of_peer = {4, 20};

struct metrics_auth {
    struct kube *kube;
    const struct clock *clock;
    pthread_mutex_t lock; /* guards all below */
    struct decision good[GOOD_SLOTS], bad[BAD_SLOTS];
    struct bucket all, peers[PEER_SLOTS];
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

static struct decision *find(struct decision *slots, size_t n, const unsigned char *token) {
    for (size_t i = 0; i < n; i++)
        if (slots[i].until_ms && memcmp(slots[i].token, token, DIGEST) == 0) return &slots[i];
    return NULL;
}

/* *was_good: it was allowed once, however long ago. */
static bool recall(struct metrics_auth *m, const unsigned char *token, struct err *e, bool *was_good) {
    MUTEX_GUARD(&m->lock);
    int64_t now = clock_mono_ms(m->clock);
    const struct decision *good = find(m->good, GOOD_SLOTS, token), *bad = find(m->bad, BAD_SLOTS, token);
    *was_good = good != NULL;
    const struct decision *d = good && good->until_ms > now ? good : bad && bad->until_ms > now ? bad : NULL;
    if (d) *e = d->e;
    return d != NULL;
}

static struct decision *oldest(struct decision *slots, size_t n) {
    struct decision *out = &slots[0];
    for (size_t i = 1; i < n; i++)
        if (slots[i].until_ms < out->until_ms) out = &slots[i];
    return out;
}

static void remember(struct metrics_auth *m, const unsigned char *token, const struct err *e) {
    MUTEX_GUARD(&m->lock);
    bool good = e->code == ERR_NONE;
    struct decision *slots = good ? m->good : m->bad, *other = good ? m->bad : m->good;
    size_t n = good ? GOOD_SLOTS : BAD_SLOTS;
    struct decision *d = find(slots, n, token), *before = find(other, good ? BAD_SLOTS : GOOD_SLOTS, token);
    if (before) before->until_ms = 0;
    if (!d) d = oldest(slots, n);
    memcpy(d->token, token, DIGEST);
    d->until_ms = clock_mono_ms(m->clock) + KEEP_MS;
    d->e = *e;
}

/* ---- how often strangers are asked about ---- */

static void refill(struct bucket *b, const struct limit *l, int64_t now) {
    b->used -= (double)(now - b->at_ms) / 1000 * l->per_s;
    if (b->used < 0) b->used = 0;
    b->at_ms = now;
}

static struct bucket *bucket_of(struct metrics_auth *m, const unsigned char *peer) {
    return &m->peers[peer ? fnv1a_64(peer, PEER_BYTES) % PEER_SLOTS : 0];
}

static int may_ask(struct metrics_auth *m, const unsigned char *peer, struct err *e) {
    MUTEX_GUARD(&m->lock);
    int64_t now = clock_mono_ms(m->clock);
    struct bucket *own = bucket_of(m, peer);
    refill(own, &of_peer, now);
    refill(&m->all, &of_all, now);
    if (own->used + 1 > of_peer.burst || m->all.used + 1 > of_all.burst)
        return err_set(e, ERR_THROTTLED, "too many tokens that are not known yet; try again in a second");
    own->used++;
    m->all.used++;
    return 0;
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

/* Three parts of base64url: what every ServiceAccount's token is. */
static bool is_jwt(const char *token) {
    static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (int part = 0; part < 3; part++) {
        size_t n = strspn(token, base64url);
        if (!n || token[n] != (part < 2 ? '.' : '\0')) return false;
        token += n + 1;
    }
    return true;
}

static int bearer(const char *authorization, const char **token, struct err *e) {
    static const char scheme[] = "Bearer ";
    *token = "";
    if (strncasecmp(authorization, scheme, sizeof scheme - 1) == 0) {
        *token = authorization + sizeof scheme - 1;
        *token += strspn(*token, " ");
    }
    size_t n = strlen(*token);
    if (!n) return err_set(e, ERR_UNAUTHORIZED, "send a ServiceAccount's token: Authorization: Bearer TOKEN");
    if (n > TOKEN_MAX) return err_set(e, ERR_UNAUTHORIZED, "a token of %zu bytes is none", n);
    return is_jwt(*token) ? 0 : err_set(e, ERR_UNAUTHORIZED, "this is not a ServiceAccount's token, which is a JWT: a.b.c");
}

/* What the API server says. */
static int decide(struct metrics_auth *m, const char *token, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *user = NULL;
    return authenticate(m, a, token, &user, e) ? -1 : authorize(m, a, user, e);
}

int metrics_auth_check(struct metrics_auth *m, const char *authorization, const unsigned char *peer, struct err *e) {
    unsigned char digest[DIGEST];
    const char *token;
    bool was_good = false;
    struct err found = ERR_INIT;
    if (bearer(authorization, &token, e)) return -1;
    if (gnutls_hash_fast(GNUTLS_DIG_SHA256, token, strlen(token), digest)) return err_set(e, ERR_INTERNAL, "SHA-256 failed");
    if (!recall(m, digest, &found, &was_good)) {
        if (!was_good && may_ask(m, peer, e)) return -1;
        decide(m, token, &found);
        if (found.code != ERR_UNAVAILABLE) remember(m, digest, &found);
    }
    if (found.code == ERR_NONE) return 0;
    *e = found;
    return -1;
}
