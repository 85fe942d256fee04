/* The webhook's handlers. An input is the body of a request, which is sent to every route. What is answered with status 200 is
 * a review with the uid of the request and a verdict; a patch applies, and leaves nothing more to default. */
#include <string.h>

#include "api/admission.h"
#include "base/base64.h"
#include "base/str.h"
#include "doc/patch.h"
#include "fuzz.h"
#include "webhook/webhook.h"

static int adapter_replicas(void *ctx, const char *ns, const char *name, int32_t *replicas, struct err *e) {
    (void)ctx, (void)ns, (void)e;
    *replicas = 3;
    return name[0] % 2;
}

static int profile_exists(void *ctx, const char *name, struct err *e) {
    (void)ctx, (void)e;
    return !str_eq(name, "missing");
}

static const struct lookup lookup = {NULL, adapter_replicas, profile_exists};
static const struct webhook_opts opts = {.lookup = &lookup, .admission = {.deprecated_workloads = true}};

/* What the API server does with the patch of a mutating webhook. */
static void check_patch(struct arena *a, const struct jv *request, const char *patch) {
    struct err e = ERR_INIT;
    size_t n;
    char *text = base64_decode(a, patch, &n);
    PROPERTY(text, "the patch is no base64");
    const struct jv *ops = json_parse(a, text, n, NULL, &e), *object = jv_get(request, "object");
    struct jv *doc = ops ? json_patch_apply(a, object, ops, &e) : NULL;
    PROPERTY(doc, "the patch does not apply: %s", e.msg);
    enum kind k = kind_by_name(jv_str(jv_get(object, "kind"), ""));
    struct jv *again = jv_dup(a, doc);
    admission_default(a, k, again, str_eq(jv_get_str(request, "operation"), "CREATE"));
    PROPERTY(jv_eq(doc, again), "defaults are not idempotent");
}

static void check_answer(struct arena *a, const struct serve_route *route, const struct jv *body, const struct buf *answer) {
    struct err e = ERR_INIT;
    const struct jv *v = json_parse(a, buf_str(answer), answer->len, NULL, &e);
    PROPERTY(v, "the answer of %s is no JSON: %s", route->path, e.msg);
    const struct jv *response = jv_get(v, "response"), *request = jv_get(body, "request");
    PROPERTY(jv_eq(jv_get(response, "uid"), jv_get(request, "uid")), "%s answers another request", route->path);
    bool verdict = jv_is(jv_get(response, "allowed"), J_BOOL) || jv_is(jv_path(response, "result", "status", (char *)0), J_STR);
    PROPERTY(verdict, "%s gives no verdict: %s", route->path, buf_str(answer));
    const char *patch = jv_get_str(response, "patch");
    if (patch) check_patch(a, request, patch);
}

static void post(const struct serve_route *route, const char *data, size_t size) {
    ARENA_AUTO struct arena *a = arena_new();
    ARENA_AUTO struct arena *checks = arena_new();
    struct serve_response r = {0};
    struct serve_request q = {.arena = a, .method = "POST", .path = route->path, .query = "", .authorization = "",
                              .content_type = "application/json", .body = arena_strndup(checks, data, size), .len = size};
    const struct jv *body = json_parse(checks, data, size, &json_limits_review, NULL);
    route->fn(route->ctx, &q, &r);
    fuzz_bounded(a, size);
    PROPERTY(r.status == 200 || (r.status >= 400 && r.status < 500), "status %d", r.status);
    PROPERTY(r.status == 200 ? body != NULL : r.body.len > 0, "status %d for %s", r.status, buf_str(&r.body));
    if (r.status == 200) check_answer(checks, route, body, &r.body);
    buf_fini(&r.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct serve_route routes[WEBHOOK_ROUTES];
    static size_t n;
    if (n == 0) n = webhook_routes(&opts, routes, WEBHOOK_ROUTES);
    for (size_t i = 0; i < n; i++) post(&routes[i], (const char *)data, size);
    return 0;
}
