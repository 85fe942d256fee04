/* The list of routes, the metrics, and the frame of a review: reading one from a request and
 * writing the answer. The options are the context of every route and only read. */
#include "webhook/webhook.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/metrics.h"
#include "base/str.h"
#include "base/unit.h"
#include "webhook/review.h"

/* ---- metrics ---- */

static struct metric *admissions, *conversions, *excesses;

__attribute__((constructor)) static void metrics_init(void) {
    admissions = metric_new(METRIC_COUNTER, "rbg_admission_requests_total",
                            "Admission reviews answered.", "operation,allowed");
    conversions =
        metric_new(METRIC_COUNTER, "rbg_conversion_objects_total",
                   "Objects of conversion reviews, by desired version.", "version,result");
    excesses = metric_new(METRIC_COUNTER, "rbg_review_excess_total",
                          "Reviews that were ended: too much memory, too long, or the client had gone.", "what");
}

/* Label values come from a fixed set: a client can't make series. */
static const char *one_of(const char *s, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (str_eq(s, words[i])) return words[i];
    return "other";
}

void count_admission(const char *operation, bool allowed) {
    static const char *const known[] = {"CREATE", "UPDATE", "DELETE", "CONNECT"};
    metric_add(admissions, 1,
               (const char *const[]){one_of(operation, known, 4), allowed ? "true" : "false"});
}

void count_conversion(const char *version, bool ok, size_t objects) {
    static const char *const known[] = {"v1alpha1", "v1alpha2"};
    metric_add(conversions, (double)objects,
               (const char *const[]){one_of(version, known, 2), ok ? "success" : "failure"});
}

/* ---- the frame of a review ---- */

static bool is_json(const char *content_type) {
    static const char json[] = "application/json";
    const size_t n = sizeof json - 1;
    return strncasecmp(content_type, json, n) == 0 &&
           (content_type[n] == '\0' || strchr("; \t", content_type[n]));
}

const struct jv *review_parse(struct serve_request *q, struct serve_response *r,
                              const char *api_version, const char *kind,
                              const struct json_limits *limits, json_keep_fn keep,
                              const struct json_stream *stream) {
    struct err e = ERR_INIT;
    if (!is_json(q->content_type)) {
        serve_text(r, 415, "content type \"%s\" is not supported: send application/json",
                   q->content_type);
        return NULL;
    }
    const struct jv *doc = json_parse_outline(q->arena, q->body, q->len, limits, keep, stream, &e);
    if (!doc) {
        serve_text(r, e.code == ERR_LIMIT ? 413 : 400, "the body can't be read as %s %s: %s",
                   *kind == 'A' ? "an" : "a", kind, e.msg);
        return NULL;
    }
    const char *version = jv_get_str(doc, "apiVersion"), *got = jv_get_str(doc, "kind");
    if (!str_eq(version, api_version) || !str_eq(got, kind)) {
        serve_text(r, 400, "the body is a \"%s\" of \"%s\", this path answers %s of %s",
                   got ? got : "", version ? version : "", kind, api_version);
        return NULL;
    }
    const struct jv *request = jv_get(doc, "request");
    if (!jv_is(request, J_OBJ) || str_empty(jv_get_str(request, "uid"))) {
        serve_text(r, 400, "the %s has no request with a uid", kind);
        return NULL;
    }
    return request;
}

void review_answer(struct serve_request *q, struct serve_response *r, const char *api_version,
                   const char *kind, struct jv *response) {
    struct jv *doc = jv_new_obj(q->arena);
    jv_set_str(q->arena, doc, "apiVersion", api_version);
    jv_set_str(q->arena, doc, "kind", kind);
    jv_set(q->arena, doc, "response", response);
    r->status = 200;
    json_write(&r->body, doc);
}

struct jv *review_failure(struct arena *a, int code, const char *reason, const char *message) {
    struct jv *s = jv_new_obj(a);
    jv_set_str(a, s, "status", "Failure");
    jv_set_str(a, s, "message", message);
    jv_set_str(a, s, "reason", reason);
    if (code) jv_set_int(a, s, "code", code);
    return s;
}

/* ---- budgets ---- */

static bool client_gone(void *ctx) {
    return serve_client_gone(ctx);
}

bool review_within(struct serve_request *q, struct serve_response *r, size_t bytes, void (*fn)(void *), void *arg,
                   struct review_excess *why) {
    const struct unit_budget b = {.bytes = bytes, .ms = REVIEW_MS, .stop = client_gone, .ctx = q};
    enum unit_end end = unit_run(&b, fn, arg);
    if (end == UNIT_DONE) return true;
    buf_fini(&r->body);
    *r = (struct serve_response){0};
    why->code = end == UNIT_BYTES ? 413 : 504;
    why->reason = end == UNIT_BYTES ? "RequestEntityTooLarge" : "Timeout";
    metric_add(excesses, 1, (const char *const[]){end == UNIT_BYTES ? "memory" : end == UNIT_TIME ? "time" : "client"});
    if (end == UNIT_BYTES)
        snprintf(why->text, sizeof why->text, "it takes more than %zu MiB of memory to look at this: make it smaller, with shorter "
                 "lists or several objects", bytes >> 20);
    else
        snprintf(why->text, sizeof why->text, "it takes more than %d s to look at this: make it smaller, with shorter lists or "
                 "several objects; or try again when there is less to do", REVIEW_MS / 1000);
    return false;
}

/* ---- routes ---- */

static void validate_group(void *ctx, struct serve_request *q, struct serve_response *r) {
    review_validate(ctx, KIND_RBG, q, r);
}
static void validate_set(void *ctx, struct serve_request *q, struct serve_response *r) {
    review_validate(ctx, KIND_RBGSET, q, r);
}
static void validate_policy(void *ctx, struct serve_request *q, struct serve_response *r) {
    review_validate(ctx, KIND_POLICY, q, r);
}
static void validate_warmup(void *ctx, struct serve_request *q, struct serve_response *r) {
    review_validate(ctx, KIND_WARMUP, q, r);
}
static void mutate_group(void *ctx, struct serve_request *q, struct serve_response *r) {
    review_mutate(ctx, KIND_RBG, q, r);
}
static void mutate_set(void *ctx, struct serve_request *q, struct serve_response *r) {
    review_mutate(ctx, KIND_RBGSET, q, r);
}

static const struct {
    const char *path;
    serve_fn fn;
    size_t max_body;
    /* Reviews look things up in the cluster, for API servers only, where they can be told from
     * others. They show no certificate when they convert. Lists to convert must not be in the way
     * of reviews. */
    bool reviews;
} rows[WEBHOOK_ROUTES] = {
    {"/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroup", validate_group, 0, true},
    {"/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroupset", validate_set, 0, true},
    {"/validate-workloads-x-k8s-io-v1alpha2-coordinatedpolicy", validate_policy, 0, true},
    {"/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroupwarmup", validate_warmup, 0, true},
    {"/mutate-workloads-x-k8s-io-v1alpha2-rolebasedgroup", mutate_group, 0, true},
    {"/mutate-workloads-x-k8s-io-v1alpha2-rolebasedgroupset", mutate_set, 0, true},
    {"/convert", review_convert, CONVERSION_BYTES, false},
};

size_t webhook_routes(const struct webhook_opts *o, struct serve_route *out, size_t max) {
    for (size_t i = 0; i < WEBHOOK_ROUTES && i < max; i++)
        out[i] = (struct serve_route){"POST", rows[i].path, rows[i].fn, (void *)(uintptr_t)o,
                                      rows[i].max_body, .known_only = rows[i].reviews,
                                      .apart = !rows[i].reviews};
    return WEBHOOK_ROUTES;
}
