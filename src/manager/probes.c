/* The probes answer from what the process really can do: alive means that the server answers; ready means that the certificate is
 * valid, the caches are complete, and the API server answers: within seconds where something is asked for all the time (the lease),
 * or by the bookmark that comes every minute. What is wrong without being a reason to take the replica out is said too. */
#include "manager/probes.h"

#include "base/metrics.h"
#include "base/str.h"

#define CACHE_AGE_MAX_MS 180000
#define SILENCE_MAX_MS 10000

static void healthz(void *ctx, struct serve_request *q, struct serve_response *r) {
    (void)ctx;
    (void)q;
    serve_text(r, 200, "ok");
}

static const char *not_ready(struct probes *p, struct err *e) {
    if (p->stopping) return "shutting down";
    if (p->certs && !certs_ok(p->certs, clock_now_ms(p->clock), e)) return e->msg;
    int64_t silent = kube_silent_ms(p->kube);
    if (silent > SILENCE_MAX_MS) {
        err_set(e, ERR_UNAVAILABLE, "the API server has not answered for %lld s", (long long)(silent / 1000));
        return e->msg;
    }
    if (!engine_synced(p->engine)) return "the caches are not filled yet";
    if (p->untrusted)
        return "API servers do not trust the webhooks yet: cert-manager's cainjector has still to write the CA, see the log";
    if (engine_cache_age_ms(p->engine) > CACHE_AGE_MAX_MS) return "the API server has not been heard from for minutes";
    return NULL;
}

/* What does not make it unready. */
static void add_remarks(const struct probes *p, struct serve_response *r) {
    struct err e = ERR_INIT;
    if (p->certs && certs_stale(p->certs, &e)) buf_printf(&r->body, "\nthe serving certificate can't be replaced: %s", e.msg);
    if (!p->metrics_certs) return;
    if (!certs_ok(p->metrics_certs, clock_now_ms(p->clock), &e)) buf_printf(&r->body, "\nmetrics: %s", e.msg);
    else if (certs_stale(p->metrics_certs, &e)) buf_printf(&r->body, "\nthe metrics' certificate can't be replaced: %s", e.msg);
}

static void readyz(void *ctx, struct serve_request *q, struct serve_response *r) {
    (void)q;
    struct err e = ERR_INIT;
    const char *why = not_ready(ctx, &e);
    if (why) serve_text(r, 503, "not ready: %s", why);
    else serve_text(r, 200, "ok");
    if (!why) add_remarks(ctx, r);
}

static void metrics(void *ctx, struct serve_request *q, struct serve_response *r) {
    struct probes *p = ctx;
    struct err e = ERR_INIT;
    if (p->metrics_auth && metrics_auth_check(p->metrics_auth, q->authorization, q->peer, &e)) {
        serve_text(r, err_http(e.code), "%s", e.msg);
        return;
    }
    r->status = 200;
    r->content_type = "text/plain; version=0.0.4; charset=utf-8";
    metrics_write(&r->body);
}

int probes_start(struct probes *p, const char *health_address, const char *metrics_address, struct certs *metrics_certs,
                 struct err *e) {
    const struct serve_route health[] = {{"GET", "/healthz", healthz, p}, {"GET", "/readyz", readyz, p}};
    const struct serve_route metric[] = {{"GET", "/metrics", metrics, p}};
    struct serve_opts o = {.address = health_address, .routes = health, .nroutes = 2, .max_body = 1024, .threads = 1};
    p->health = server_start(&o, e);
    if (!p->health) return err_wrap(e, "--health-probe-bind-address");
    if (str_eq(metrics_address, "0")) return 0;
    o = (struct serve_opts){.address = metrics_address, .certs = metrics_certs, .routes = metric, .nroutes = 1, .max_body = 1024,
                            .threads = 1};
    p->metrics = server_start(&o, e);
    return p->metrics ? 0 : err_wrap(e, "--metrics-bind-address");
}

bool probes_stop(struct probes *p) { return server_stop(p->metrics, 1000) && server_stop(p->health, 1000); }
