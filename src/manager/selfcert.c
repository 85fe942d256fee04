/* Owns one thread that looks every ten seconds whether the certificate has to be renewed, whether another replica has renewed it, and
 * whether somebody (an upgrade of the CRDs) has taken the CA out of one of the objects. Looking costs a metadata-only read each.
 *
 * Replicas agree through the Secret: it is created or updated with its resourceVersion, and whoever loses that race reads the winner's. */
#include "manager/selfcert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/kinds.h"
#include "base/base64.h"
#include "base/log.h"
#include "base/str.h"
#include "base/sync.h"

#define DAY_MS (24 * 3600 * 1000LL)
#define VALID_DAYS 365
#define RENEW_BEFORE_MS (30 * DAY_MS)
#define LOOK_EVERY_MS 10000
#define METADATA_ONLY "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

static const struct target { enum kind kind; const char *name; } targets[] = {
    {KIND_CRD, "rolebasedgroups.workloads.x-k8s.io"},
    {KIND_CRD, "rolebasedgroupsets.workloads.x-k8s.io"},
    {KIND_VALIDATING_CONFIG, "rbgs-validating-webhook-configuration"},
    {KIND_MUTATING_CONFIG, "rbgs-mutating-webhook-configuration"},
};
#define NTARGETS (sizeof targets / sizeof *targets)

struct selfcert {
    struct selfcert_opts o;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop;                      /* under lock */
    char *secret_rv;                /* of the Secret that is in use; this thread only */
    char *ca;                       /* PEM; this thread only */
    char *seen[NTARGETS];           /* resourceVersion of each target after it was found right */
};

/* ---- talking ---- */

static int get(struct selfcert *s, struct arena *a, enum kind k, const char *ns, const char *name, bool meta_only, struct jv **out,
               struct err *e) {
    struct kube_request q = {.method = "GET", .path = kind_path(a, k, ns, name, NULL), .accept = meta_only ? METADATA_ONLY : NULL};
    struct kube_response r = {0};
    if (kube_do(s->o.kube, &q, &r, e)) return err_wrap(e, "%s %s", kind_info(k)->name, name);
    *out = json_parse(a, buf_str(&r.body), r.body.len, NULL, e);
    buf_fini(&r.body);
    return *out ? 0 : -1;
}

static int put(struct selfcert *s, struct arena *a, const char *method, const char *path, const char *type, const struct jv *body,
               struct jv **out, struct err *e) {
    char *text = json_text(a, body);
    struct kube_request q = {.method = method, .path = path, .content_type = type, .body = text, .len = strlen(text)};
    struct kube_response r = {0};
    if (kube_do(s->o.kube, &q, &r, e)) return -1;
    if (out) *out = json_parse(a, buf_str(&r.body), r.body.len, NULL, e);
    buf_fini(&r.body);
    return out && !*out ? -1 : 0;
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
    if (put(s, a, old ? "PUT" : "POST", path, NULL, object, secret, e) == 0) {
        log_info("made a serving certificate", "secret", s->o.secret, "names", names);
        return 0;
    }
    if (e->code != ERR_CONFLICT && e->code != ERR_EXISTS) return err_wrap(e, "Secret %s/%s", s->o.ns, s->o.secret);
    return get(s, a, KIND_SECRET, s->o.ns, s->o.secret, false, secret, e);
}

static int use(struct selfcert *s, struct arena *a, const struct jv *secret, struct err *e) {
    struct cert_set set = secret_pair(a, secret);
    if (!usable(s, a, &set)) return err_set(e, ERR_TLS, "Secret %s/%s holds no usable certificate", s->o.ns, s->o.secret);
    if (certs_set_pem(s->o.certs, set.cert, set.key, e)) return -1;
    bool new_ca = !str_eq(s->ca, set.ca_cert);
    free(s->secret_rv);
    free(s->ca);
    s->secret_rv = strdup(meta_rv(secret));
    s->ca = strdup(set.ca_cert);
    if (!s->secret_rv || !s->ca) abort();
    for (size_t i = 0; new_ca && i < NTARGETS; i++) {
        free(s->seen[i]);
        s->seen[i] = NULL;
    }
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
    return use(s, a, secret, e);
}

/* ---- the CA ---- */

static bool ca_is(const struct jv *client_config, const struct jv *ca) {
    return str_eq(jv_get_str(client_config, "caBundle"), jv_str(ca, NULL));
}

/* Operations that put the CA into every client configuration that lacks it; each guarded by a test of what it was read from. */
static struct jv *injection(struct arena *a, enum kind k, const struct jv *doc, const struct jv *ca) {
    struct jv *ops = jv_new_arr(a);
    const struct jv *conversion = jv_path(doc, "spec", "conversion", "webhook", "clientConfig", (char *)0);
    const struct jv *hooks = k == KIND_CRD ? NULL : jv_get(doc, "webhooks");
    size_t n = k == KIND_CRD ? (conversion != NULL) : jv_len(hooks);
    for (size_t i = 0; i < n; i++) {
        const struct jv *cc = k == KIND_CRD ? conversion : jv_get(jv_idx(hooks, i), "clientConfig");
        if (ca_is(cc, ca)) continue;
        struct jv *op = jv_new_obj(a);
        jv_set_str(a, op, "op", "add");
        jv_set_str(a, op, "path", k == KIND_CRD ? "/spec/conversion/webhook/clientConfig/caBundle"
                                                : arena_printf(a, "/webhooks/%zu/clientConfig/caBundle", i));
        jv_set(a, op, "value", jv_dup(a, ca));
        jv_push(a, ops, op);
    }
    if (!jv_len(ops)) return NULL;
    struct jv *test = jv_new_obj(a);
    jv_set_str(a, test, "op", "test");
    jv_set_str(a, test, "path", "/metadata/resourceVersion");
    jv_set_str(a, test, "value", meta_rv(doc));
    jv_insert(a, ops, 0, test);
    return ops;
}

static int inject(struct selfcert *s, struct arena *a, size_t i, struct err *e) {
    const struct target *t = &targets[i];
    struct jv *meta = NULL, *doc = NULL;
    if (get(s, a, t->kind, NULL, t->name, true, &meta, e)) return e->code == ERR_NOT_FOUND ? 0 : -1;
    if (str_eq(s->seen[i], meta_rv(meta))) return 0;
    if (get(s, a, t->kind, NULL, t->name, false, &doc, e)) return -1;
    struct jv *ops = injection(a, t->kind, doc, base64(a, s->ca));
    if (ops) {
        const char *path = kind_path(a, t->kind, NULL, t->name, NULL);
        if (put(s, a, "PATCH", path, "application/json-patch+json", ops, &doc, e)) return err_wrap(e, "%s %s", path, t->name);
        log_info("put the CA in place", "object", t->name);
    }
    free(s->seen[i]);
    s->seen[i] = strdup(meta_rv(doc));
    return 0;
}

static int tend(struct selfcert *s, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    if (refresh(s, a, e)) return -1;
    int rc = 0;
    for (size_t i = 0; i < NTARGETS; i++) {
        struct err one = ERR_INIT;
        if (inject(s, a, i, &one) == 0) continue;
        if (!rc) *e = one;
        rc = -1;
    }
    return rc;
}

/* ---- life ---- */

static void *run(void *arg) {
    struct selfcert *s = arg;
    mutex_lock(&s->lock);
    while (!s->stop) {
        cond_wait_ms(&s->wake, &s->lock, LOOK_EVERY_MS);
        if (s->stop) break;
        mutex_unlock(&s->lock);
        struct err e = ERR_INIT;
        if (tend(s, &e)) log_warn("can't tend the serving certificate", "error", e.msg);
        mutex_lock(&s->lock);
    }
    mutex_unlock(&s->lock);
    return NULL;
}

static void fini(struct selfcert *s) {
    free(s->secret_rv);
    free(s->ca);
    for (size_t i = 0; i < NTARGETS; i++) free(s->seen[i]);
    free(s);
}

struct selfcert *selfcert_start(const struct selfcert_opts *o, struct err *e) {
    struct selfcert *s = calloc(1, sizeof *s);
    if (!s) abort();
    s->o = *o;
    if (tend(s, e)) {
        fini(s);
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    cond_init_mono(&s->wake);
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
    fini(s);
}
