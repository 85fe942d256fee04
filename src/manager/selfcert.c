/* Owns one thread that looks every ten seconds (more often until an API server has answered, and for a minute while something is
 * not installed yet) whether the certificate has to be renewed, whether another replica has renewed
 * it, and whether somebody (an upgrade of the CRDs) has taken the CA out of one of the objects. Looking costs a metadata-only
 * read each. Whatever fails is tried again, at the start too: a replica without a certificate is not ready, and says why.
 *
 * Replicas agree through the Secret: it is created or updated with its resourceVersion, and whoever loses that race reads the
 * winner's.
 *
 * A new CA is trusted before it is used. API servers take a while to see what was written, and the replicas do not change over
 * at the same moment. So the CA is added to the bundles; a replica that has something else to serve goes over to the new pair
 * when all bundles have held the new CA for SETTLE_MS; and the CAs that were there before stay for OVERLAP_MS. Nobody has to be
 * asked for that, nor anything be written down: each replica measures from when it saw the CA first. */
#include "manager/selfcert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/log.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"
#include "manager/object.h"
#include "manager/trust.h"

#define DAY_MS (24 * 3600 * 1000LL)
#define VALID_DAYS 365
#define RENEW_BEFORE_MS (30 * DAY_MS)
#define LOOK_EVERY_MS 10000
#define HURRY_MS 1000 /* the first pause while there is something left to do; doubled up to LOOK_EVERY_MS when it fails */
#define SILENT_MS 500 /* between tries as long as no API server answers: the first answer shall not wait for us */
#define ARRIVAL_MS 60000 /* so long after its start it looks more often for objects that are not there yet */
#define SETTLE_MS 10000
#define OVERLAP_MS (3600 * 1000LL)
#define TRIES 5 /* of a patch, when others write to the same object */

struct selfcert {
    struct selfcert_opts o;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop; /* under lock */

    /* the thread's own */
    char *secret_rv, *ca, *cert, *key; /* what the Secret holds, PEM; NULL: never read */
    bool served;                       /* ... and is in use */
    int64_t ca_since_ms;               /* when `ca` was seen first */
    bool trusted;                      /* every target was seen to hold `ca` ... */
    int64_t trusted_ms;                /* ... since then */
    bool overlap;                      /* some target held other CAs */
    char *seen[TRUST_TARGETS];         /* resourceVersion of each target after it was found right */
    int64_t pause_ms;                  /* after the last look */
    int64_t start_ms;
    bool absent;                       /* some target was not there */
    bool others[TRUST_TARGETS];        /* that target held other CAs at that time */
};

static int64_t mono_ms(const struct selfcert *s) { return clock_mono_ms(s->o.clock); }

static void set(char **at, const char *value) {
    char *copy = value ? must(strdup(value)) : NULL;
    if (*at) explicit_bzero(*at, strlen(*at)); /* it may be the key */
    free(*at);
    *at = copy;
}

/* ---- talking ---- */

static int get(struct selfcert *s, struct arena *a, enum kind k, const char *ns, const char *name, bool meta_only, struct jv **out,
               struct err *e) {
    if (object_get(s->o.kube, a, k, ns, name, meta_only, out, e) == 0) return 0;
    return err_wrap(e, "%s %s", kind_info(k)->name, name);
}

static struct jv *base64(struct arena *a, const char *text) {
    return jv_new_str(a, base64_encode(a, text, strlen(text)));
}

/* ---- the Secret ---- */

static const char *dns_name(struct selfcert *s, struct arena *a) {
    return arena_printf(a, "%s.%s.svc", s->o.service, s->o.ns);
}

static struct cert_set secret_pair(struct arena *a, const struct jv *secret) {
    const struct jv *data = jv_get(secret, "data");
    return (struct cert_set){.ca_cert = base64_decode(a, jv_get_str(data, "ca-cert.pem"), NULL),
                             .ca_key = base64_decode(a, jv_get_str(data, "ca-key.pem"), NULL),
                             .cert = base64_decode(a, jv_get_str(data, "cert.pem"), NULL),
                             .key = base64_decode(a, jv_get_str(data, "key.pem"), NULL)};
}

static struct jv *secret_object(struct selfcert *s, struct arena *a, const struct cert_set *set, const char *rv) {
    struct jv *o = kind_object(a, KIND_SECRET, s->o.ns, s->o.secret), *data = jv_need_obj(a, o, "data");
    if (rv) jv_set_str(a, jv_get(o, "metadata"), "resourceVersion", rv);
    jv_set(a, data, "ca-key.pem", base64(a, set->ca_key));
    jv_set(a, data, "ca-cert.pem", base64(a, set->ca_cert));
    jv_set(a, data, "key.pem", base64(a, set->key));
    jv_set(a, data, "cert.pem", base64(a, set->cert));
    jv_set(a, data, "tls.key", base64(a, set->key));
    jv_set(a, data, "tls.crt", base64(a, set->cert));
    return o;
}

static bool usable(struct selfcert *s, struct arena *a, const struct cert_set *set) {
    struct err why = ERR_INIT;
    if (!set->ca_cert || !set->ca_key || !set->cert || !set->key) return false;
    return certs_verify(set, dns_name(s, a), clock_now_ms(s->o.clock) + RENEW_BEFORE_MS, &why) == 0;
}

/* Writes a new pair; when another replica was faster, its pair is read instead. */
static int renew(struct selfcert *s, struct arena *a, const struct jv *old, struct jv **secret, struct err *e) {
    struct cert_set before = secret_pair(a, old), set;
    const char *names = arena_printf(a, "%s,localhost,127.0.0.1", dns_name(s, a));
    if (certs_generate(a, before.ca_cert, before.ca_key, names, clock_now_ms(s->o.clock), VALID_DAYS, &set, e)) return -1;
    struct jv *object = secret_object(s, a, &set, old ? meta_rv(old) : NULL);
    const char *path = kind_path(a, KIND_SECRET, s->o.ns, old ? s->o.secret : NULL, NULL);
    if (object_write(s->o.kube, a, old ? "PUT" : "POST", path, NULL, object, secret, e) == 0) {
        log_info("made a serving certificate", "secret", s->o.secret, "names", names);
        return 0;
    }
    if (e->code != ERR_CONFLICT && e->code != ERR_EXISTS) return err_wrap(e, "Secret %s/%s", s->o.ns, s->o.secret);
    return get(s, a, KIND_SECRET, s->o.ns, s->o.secret, false, secret, e);
}

static void forget_targets(struct selfcert *s) {
    for (size_t i = 0; i < TRUST_TARGETS; i++) set(&s->seen[i], NULL);
    s->trusted = false;
}

/* Keeps what the Secret holds; it is served when the time has come. */
static int take(struct selfcert *s, struct arena *a, const struct jv *secret, struct err *e) {
    struct cert_set got = secret_pair(a, secret);
    if (!usable(s, a, &got)) return err_set(e, ERR_TLS, "Secret %s/%s holds no usable certificate", s->o.ns, s->o.secret);
    if (!str_eq(s->ca, got.ca_cert)) {
        forget_targets(s);
        s->ca_since_ms = mono_ms(s);
    }
    if (!str_eq(s->cert, got.cert)) s->served = false;
    set(&s->secret_rv, meta_rv(secret));
    set(&s->ca, got.ca_cert);
    set(&s->cert, got.cert);
    set(&s->key, got.key);
    return 0;
}

static int refresh(struct selfcert *s, struct arena *a, struct err *e) {
    struct jv *secret = NULL;
    if (get(s, a, KIND_SECRET, s->o.ns, s->o.secret, false, &secret, e)) {
        if (e->code != ERR_NOT_FOUND) return -1;
        if (renew(s, a, NULL, &secret, e)) return -1;
    }
    struct cert_set set = secret_pair(a, secret);
    if (!usable(s, a, &set) && renew(s, a, secret, &secret, e)) return -1;
    if (str_eq(s->secret_rv, meta_rv(secret))) return 0;
    return take(s, a, secret, e);
}

/* ---- the CA ---- */

/* A visit to one target. */
struct visit {
    bool overlap; /* the CAs that are there may stay */
    size_t others;
    struct jv *ops; /* that put the CA into every client configuration that lacks it; NULL: all is well */
};

static int visit_config(struct selfcert *s, struct arena *a, struct visit *v, const struct trust_config *c, struct err *e) {
    const char *have = base64_decode(a, jv_get_str(c->v, "caBundle"), NULL);
    char *want = NULL;
    size_t others = 0;
    if (certs_bundle(a, s->ca, have, v->overlap, clock_now_ms(s->o.clock), &want, &others, e)) return -1;
    v->others += others;
    if (str_eq(have, want)) return 0;
    struct jv *op = jv_new_obj(a);
    jv_set_str(a, op, "op", "add");
    jv_set_str(a, op, "path", c->bundle);
    jv_set(a, op, "value", base64(a, want));
    if (!v->ops) v->ops = jv_new_arr(a);
    jv_push(a, v->ops, op);
    return 0;
}

/* The patch holds only for the object that was read. */
static int visit(struct selfcert *s, struct arena *a, const struct jv *doc, struct visit *v, struct err *e) {
    struct trust_config c = {0};
    v->overlap = mono_ms(s) - s->ca_since_ms < OVERLAP_MS || !s->served;
    while (trust_next(a, doc, &c))
        if (visit_config(s, a, v, &c, e)) return -1;
    if (!v->ops) return 0;
    struct jv *test = jv_new_obj(a);
    jv_set_str(a, test, "op", "test");
    jv_set_str(a, test, "path", "/metadata/resourceVersion");
    jv_set_str(a, test, "value", meta_rv(doc));
    jv_insert(a, v->ops, 0, test);
    return 0;
}

/* Reads the target and writes it if need be. A write that fails because somebody else has written is worth another look, which may
 * find that nothing is left to do: replicas that start together all want the same. The API server says 422 when the test in the
 * patch fails. */
static int inject_once(struct selfcert *s, struct arena *a, size_t i, bool *again, struct err *e) {
    const struct trust_target *t = &trust_targets[i];
    struct visit v = {0};
    struct jv *doc = NULL;
    *again = false;
    if (get(s, a, t->kind, NULL, t->name, false, &doc, e)) return e->code == ERR_NOT_FOUND ? 0 : -1;
    if (visit(s, a, doc, &v, e)) return -1;
    if (v.ops) {
        const char *path = kind_path(a, t->kind, NULL, t->name, NULL);
        if (object_write(s->o.kube, a, "PATCH", path, "application/json-patch+json", v.ops, &doc, e)) {
            *again = e->http == 422 || e->code == ERR_CONFLICT;
            return err_wrap(e, "%s %s", kind_info(t->kind)->name, t->name);
        }
        log_info("put the CA in place", "object", t->name);
        s->trusted = false;
    }
    s->others[i] = v.others > 0 && v.overlap;
    set(&s->seen[i], meta_rv(doc));
    return 0;
}

/* While the CAs of before are there, somebody has to come and take them out. */
static bool over(const struct selfcert *s, size_t i) {
    return s->others[i] && s->served && mono_ms(s) - s->ca_since_ms >= OVERLAP_MS;
}

static int inject(struct selfcert *s, struct arena *a, size_t i, struct err *e) {
    const struct trust_target *t = &trust_targets[i];
    struct jv *meta = NULL;
    if (get(s, a, t->kind, NULL, t->name, true, &meta, e)) {
        s->absent = s->absent || e->code == ERR_NOT_FOUND;
        return e->code == ERR_NOT_FOUND ? 0 : -1;
    }
    if (str_eq(s->seen[i], meta_rv(meta)) && !over(s, i)) return 0;
    bool again = true;
    for (int n = 0; again && n < TRIES; n++) {
        *e = ERR_INIT;
        if (inject_once(s, a, i, &again, e) == 0) return 0;
    }
    return -1;
}

static int inject_all(struct selfcert *s, struct arena *a, struct err *e) {
    int rc = 0;
    s->absent = false;
    for (size_t i = 0; i < TRUST_TARGETS; i++) {
        struct err one = ERR_INIT;
        if (inject(s, a, i, &one) == 0) continue;
        if (!rc) *e = one;
        rc = -1;
    }
    s->overlap = false;
    for (size_t i = 0; i < TRUST_TARGETS; i++) s->overlap = s->overlap || s->others[i];
    if (!s->trusted) s->trusted_ms = mono_ms(s);
    s->trusted = rc == 0;
    return rc;
}

/* ---- serving ---- */

/* Where nobody was trusted before, and for who has nothing valid to serve while nobody else is trusted, there is nothing to wait
 * for. A pair that a trusted CA has signed may be served at once. */
static bool time_has_come(const struct selfcert *s) {
    if (!s->trusted) return false;
    bool valid = certs_ok(s->o.certs, clock_now_ms(s->o.clock), NULL);
    return (!valid && !s->overlap) || mono_ms(s) - s->trusted_ms >= SETTLE_MS;
}

static int serve(struct selfcert *s, struct err *e) {
    if (s->served) {
        certs_current(s->o.certs);
        return 0;
    }
    if (!time_has_come(s)) return 0;
    if (certs_set_pem(s->o.certs, s->cert, s->key, e)) return -1;
    s->served = true;
    char until[32];
    log_info("serving certificate loaded", "secret", s->o.secret, "notAfter",
             time_rfc3339(certs_not_after_ms(s->o.certs), until));
    return 0;
}

static int tend(struct selfcert *s, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    arena_secret(a); /* the Secret is in it, with the CA's key */
    if (refresh(s, a, e) || inject_all(s, a, e)) return -1;
    return serve(s, e);
}

/* ---- life ---- */

int64_t selfcert_look(struct selfcert *s) {
    struct err e = ERR_INIT;
    int rc = tend(s, &e);
    if (rc) certs_failed(s->o.certs, &e);
    certs_check(s->o.certs, clock_now_ms(s->o.clock));
    int64_t last = s->pause_ms;
    if (rc && e.code == ERR_UNAVAILABLE && !e.http) return SILENT_MS;
    s->pause_ms = rc == 0 || last == 0 ? HURRY_MS : last * 2 < LOOK_EVERY_MS ? last * 2 : LOOK_EVERY_MS;
    if (rc || !s->served) return s->pause_ms;
    /* Who installs may do so in any order: the definitions come a moment later, and want their CA then. */
    return s->absent && mono_ms(s) - s->start_ms < ARRIVAL_MS ? HURRY_MS : LOOK_EVERY_MS;
}

static void *run(void *arg) {
    struct selfcert *s = arg;
    mutex_lock(&s->lock);
    while (!s->stop) {
        mutex_unlock(&s->lock);
        int64_t ms = selfcert_look(s);
        mutex_lock(&s->lock);
        if (!s->stop) cond_wait_ms(&s->wake, &s->lock, ms);
    }
    mutex_unlock(&s->lock);
    return NULL;
}

void selfcert_free(struct selfcert *s) {
    char **all[] = {&s->secret_rv, &s->ca, &s->cert, &s->key};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) set(all[i], NULL);
    for (size_t i = 0; i < TRUST_TARGETS; i++) set(&s->seen[i], NULL);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

struct selfcert *selfcert_new(const struct selfcert_opts *o) {
    struct selfcert *s = must(calloc(1, sizeof *s));
    s->o = *o;
    s->start_ms = mono_ms(s);
    pthread_mutex_init(&s->lock, NULL);
    cond_init_mono(&s->wake);
    return s;
}

struct selfcert *selfcert_start(const struct selfcert_opts *o) {
    struct selfcert *s = selfcert_new(o);
    s->thread = thread_start("selfcert", run, s);
    return s;
}

void selfcert_stop(struct selfcert *s) {
    if (!s) return;
    mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->wake);
    mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    selfcert_free(s);
}
