/* The routes run in the calling thread, with the request in the caller's arena. */
#include "reviews.h"

#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "testing.h"
#include "webhook/webhook.h"

#define UID "4f8e2c1a-review"

static const struct webhook_opts opts = {.admission = {.deprecated_workloads = true}};

struct review_answer review_post(struct arena *a, const char *path, const char *content_type, const char *body, size_t n) {
    struct serve_route routes[WEBHOOK_ROUTES];
    ASSERT_MSG(webhook_routes(&opts, routes, WEBHOOK_ROUTES) == WEBHOOK_ROUTES, "not all routes are here");
    struct serve_request q = {.arena = a, .method = "POST", .path = path, .query = "", .content_type = content_type,
                              .authorization = "", .body = arena_strndup(a, body, n), .len = n};
    struct serve_response r = {0};
    for (size_t i = 0; i < WEBHOOK_ROUTES; i++)
        if (str_eq(routes[i].path, path)) routes[i].fn(routes[i].ctx, &q, &r);
    ASSERT_MSG(r.status != 0, "%s: no answer", path);
    struct review_answer out = {.status = r.status, .text = arena_strdup(a, buf_str(&r.body))};
    buf_fini(&r.body);
    out.doc = r.status == 200 ? json_parse(a, out.text, strlen(out.text), NULL, NULL) : NULL;
    out.response = jv_get(out.doc, "response");
    return out;
}

const char *review_route(struct arena *a, const char *verb, enum kind k) {
    struct serve_route routes[WEBHOOK_ROUTES];
    char *path = arena_printf(a, "/%s-workloads-x-k8s-io-v1alpha2-%s", verb, kind_info(k)->singular);
    webhook_routes(&opts, routes, WEBHOOK_ROUTES);
    for (size_t i = 0; i < WEBHOOK_ROUTES; i++)
        if (str_eq(routes[i].path, path)) return path;
    return NULL;
}

/* Every answer to a review that could be read. */
static void check_frame(const struct review_answer *r, const char *api_version, const char *kind, const char *sent) {
    ASSERT_MSG(r->status == 200 && r->doc, "%d %s\n%s", r->status, r->text, sent);
    bool framed = str_eq(jv_get_str(r->doc, "apiVersion"), api_version) && str_eq(jv_get_str(r->doc, "kind"), kind);
    ASSERT_MSG(framed && str_eq(jv_get_str(r->response, "uid"), UID), "%s", r->text);
}

struct review_answer review_admit(struct arena *a, const char *verb, enum kind k, const struct jv *object, const struct jv *old) {
    BUF_AUTO struct buf b = BUF_INIT;
    buf_printf(&b, "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"" UID "\","
               "\"operation\":\"%s\",\"kind\":{\"group\":\"" API_GROUP "\",\"version\":\"v1alpha2\",\"kind\":\"%s\"},\"object\":",
               old ? "UPDATE" : "CREATE", kind_info(k)->name);
    json_write(&b, object);
    if (old) {
        buf_puts(&b, ",\"oldObject\":");
        json_write(&b, old);
    }
    buf_puts(&b, "}}");
    struct review_answer r = review_post(a, review_route(a, verb, k), "application/json", b.s, b.len);
    check_frame(&r, "admission.k8s.io/v1", "AdmissionReview", b.s);
    ASSERT_MSG(jv_is(jv_get(r.response, "allowed"), J_BOOL), "%s", r.text);
    int64_t code = jv_int(jv_path(r.response, "status", "code", (char *)0), 0);
    bool known = code == 400 || code == 403 || code == 413 || code == 504; /* the last two: by the budget */
    ASSERT_MSG(review_allowed(&r) || (*review_message(&r) && known), "%s", r.text);
    return r;
}

struct review_answer review_convert_all(struct arena *a, const struct jv *objects, const char *version) {
    BUF_AUTO struct buf b = BUF_INIT;
    buf_printf(&b, "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"ConversionReview\",\"request\":{\"uid\":\"" UID "\","
               "\"desiredAPIVersion\":\"" API_GROUP "/%s\",\"objects\":", version);
    json_write(&b, objects);
    buf_puts(&b, "}}");
    struct review_answer r = review_post(a, "/convert", "application/json", b.s, b.len);
    check_frame(&r, "apiextensions.k8s.io/v1", "ConversionReview", b.s);
    const char *status = jv_str(jv_path(r.response, "result", "status", (char *)0), "");
    bool done = str_eq(status, "Success") && jv_len(jv_get(r.response, "convertedObjects")) == jv_len(objects);
    ASSERT_MSG(done || (str_eq(status, "Failure") && jv_path(r.response, "result", "message", (char *)0)), "%s", r.text);
    return r;
}

bool review_allowed(const struct review_answer *r) {
    return jv_get_bool(r->response, "allowed", false);
}

const char *review_message(const struct review_answer *r) {
    return jv_str(jv_path(r->response, "status", "message", (char *)0), "");
}

bool review_names(const struct review_answer *r, const char *path, bool below) {
    size_t n = strlen(path);
    JV_FOR_ARR(c, jv_path(r->response, "status", "details", "causes", (char *)0)) {
        const char *field = jv_str(jv_get(*c, "field"), "");
        if (strncmp(field, path, n) == 0 && (!field[n] || (below && (field[n] == '.' || field[n] == '[')))) return true;
    }
    return false;
}
