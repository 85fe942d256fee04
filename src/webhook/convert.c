/* ConversionReview: every object of a batch to the desired version, in order. One that can't be
 * converted fails the whole batch, as the API server demands, with a message that names it. Objects
 * are not validated: what is stored must stay readable. */
#include <string.h>

#include "base/str.h"
#include "webhook/review.h"

#define API "apiextensions.k8s.io/v1"
#define KIND "ConversionReview"

/* "RoleBasedGroup prod/web (object 3 of 50)": how a person finds it. */
static char *object_name(struct arena *a, const struct jv *doc, size_t i, size_t n) {
    const char *kind = jv_get_str(doc, "kind"), *ns = meta_ns(doc), *name = meta_name(doc);
    if (!*name) name = "without a name";
    return arena_printf(a, "%s %s%s%s (object %zu of %zu)", kind ? kind : "object", ns,
                        *ns ? "/" : "", name, i + 1, n);
}

static struct jv *convert_one(struct arena *a, const struct jv *doc, const char *version,
                              struct err *e) {
    const char *kind_name = jv_get_str(doc, "kind");
    enum kind k = str_empty(kind_name) ? KIND_NONE : kind_find("workloads.x-k8s.io", kind_name);
    if (k != KIND_RBG && k != KIND_RBGSET) {
        err_set(e, ERR_INVALID,
                "kind \"%s\" is not converted here: only RoleBasedGroup and RoleBasedGroupSet are",
                kind_name ? kind_name : "");
        return NULL;
    }
    return convert(a, k, doc, version, e);
}

/* The converted objects, or NULL. */
static struct jv *convert_all(struct arena *a, const struct jv *objects, const char *version,
                              struct err *e) {
    struct jv *out = jv_new_arr(a);
    for (size_t i = 0; i < jv_len(objects); i++) {
        struct jv *v = convert_one(a, objects->items[i], version, e);
        if (!v) {
            err_wrap(e, "%s", object_name(a, objects->items[i], i, jv_len(objects)));
            return NULL;
        }
        jv_push(a, out, v);
    }
    return out;
}

static struct jv *converted(struct arena *a, const struct jv *request, struct err *e) {
    static const char group[] = "workloads.x-k8s.io/";
    const char *desired = jv_get_str(request, "desiredAPIVersion");
    const struct jv *objects = jv_get(request, "objects");
    if (!str_has_prefix(desired, group)) {
        err_set(e, ERR_INVALID,
                "request.desiredAPIVersion: \"%s\" is no version of workloads.x-k8s.io",
                desired ? desired : "");
        return NULL;
    }
    if (!jv_is(objects, J_ARR)) {
        err_set(e, ERR_INVALID, "request.objects: must be a list, got %s", jv_type_name(objects));
        return NULL;
    }
    return convert_all(a, objects, desired + sizeof group - 1, e);
}

void review_convert(void *ctx, struct serve_request *q, struct serve_response *r) {
    (void)ctx;
    const struct jv *request = review_parse(q, r, API, KIND, convert_keep);
    if (!request) return;
    struct err e = ERR_INIT;
    struct jv *objects = converted(q->arena, request, &e), *response = jv_new_obj(q->arena);
    jv_set(q->arena, response, "uid", jv_get(request, "uid"));
    jv_set(q->arena, response, "convertedObjects", objects);
    struct jv *result =
        objects ? jv_new_obj(q->arena) : review_failure(q->arena, 0, "Invalid", e.msg);
    if (objects) jv_set_str(q->arena, result, "status", "Success");
    jv_set(q->arena, response, "result", result);
    const char *desired = jv_get_str(request, "desiredAPIVersion"),
               *slash = desired ? strrchr(desired, '/') : NULL;
    count_conversion(slash ? slash + 1 : "", objects != NULL, jv_len(jv_get(request, "objects")));
    buf_reserve(&r->body, q->len + q->len / 4); /* an answer is about as large as its request */
    review_answer(q, r, API, KIND, response);
}
