/* ConversionReview: every object of a batch to the desired version, in order. One that can't be
 * converted fails the whole batch, as the API server demands, with a message that names it. Objects
 * are not validated: what is stored must stay readable.
 * A batch may be a whole list, so an object is written as soon as it is converted, and what its
 * conversion took is free for the next. Of a large review nothing else is in memory but its text, the
 * answer so far and one object: it is parsed object by object. A small one is parsed at once, which
 * is faster by one look at its text. */
#include <string.h>

#include "base/str.h"
#include "webhook/review.h"

#define API "apiextensions.k8s.io/v1"
#define KIND "ConversionReview"
#define SMALL ((size_t)1 << 20) /* bytes of a review */

/* Depth and number of values are those of one object, as in admission, when the review is large. */
static const struct json_limits review_limits = {CONVERSION_BYTES, 100, 500000};

static bool keep_objects(const struct json_place *at) {
    static const char objects[] = "objects";
    return at->element && at->klen == sizeof objects - 1 && memcmp(at->key, objects, at->klen) == 0;
}

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

/* Converted objects may be larger than what they came from: each holds what its version can't say as
 * text in an annotation, and that with escapes. More than this is a text made for it. */
static int check_answer(const struct buf *out, size_t request_len, struct err *e) {
    size_t most = 2 * request_len + SMALL;
    if (out->len <= most) return 0;
    return err_set(e, ERR_LIMIT,
                   "the converted objects have more than %zu bytes, too many for a review of %zu: "
                   "ask for fewer objects at a time",
                   most, request_len);
}

/* Appends the object `doc`; `a` is for this object alone. */
static int add_object(struct arena *a, const struct jv *doc, const char *version, size_t i,
                      size_t n, struct buf *out, struct err *e) {
    bool text = jv_is(doc, J_RAW);
    if (text) doc = jv_open_insitu(a, doc, &json_limits_review, convert_keep, e);
    const struct jv *v = text && !doc ? NULL : convert_one(a, doc, version, e);
    if (!v) return err_wrap(e, "%s", object_name(a, doc, i, n));
    if (i > 0) buf_putc(out, ',');
    json_write(out, v);
    return 0;
}

static int add_objects(const struct jv *objects, const char *version, size_t request_len,
                       struct buf *out, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    size_t n = jv_len(objects);
    for (size_t i = 0; i < n; i++) {
        if (add_object(a, objects->items[i], version, i, n, out, e)) return -1;
        if (check_answer(out, request_len, e)) return -1;
        arena_reset(a);
    }
    return 0;
}

static int convert_all(const struct jv *request, size_t request_len, struct buf *out,
                       struct err *e) {
    static const char group[] = "workloads.x-k8s.io/";
    const char *desired = jv_get_str(request, "desiredAPIVersion");
    const struct jv *objects = jv_get(request, "objects");
    if (!str_has_prefix(desired, group))
        return err_set(e, ERR_INVALID,
                       "request.desiredAPIVersion: \"%s\" is no version of workloads.x-k8s.io",
                       desired ? desired : "");
    if (!jv_is(objects, J_ARR))
        return err_set(e, ERR_INVALID, "request.objects: must be a list, got %s",
                       jv_type_name(objects));
    return add_objects(objects, desired + sizeof group - 1, request_len, out, e);
}

static void answer_failure(struct serve_request *q, struct serve_response *r, struct jv *uid,
                           const char *message) {
    struct jv *response = jv_new_obj(q->arena);
    jv_set(q->arena, response, "uid", uid);
    jv_set(q->arena, response, "result", review_failure(q->arena, 0, "Invalid", message));
    buf_fini(&r->body);
    review_answer(q, r, API, KIND, response);
}

void review_convert(void *ctx, struct serve_request *q, struct serve_response *r) {
    (void)ctx;
    const struct jv *request = review_parse(q, r, API, KIND, &review_limits,
                                            q->len > SMALL ? keep_objects : convert_keep);
    if (!request) return;
    struct err e = ERR_INIT;
    struct jv *uid = jv_get(request, "uid");
    const char *desired = jv_get_str(request, "desiredAPIVersion"),
               *slash = desired ? strrchr(desired, '/') : NULL;
    r->status = 200;
    buf_reserve(&r->body, q->len + q->len / 4); /* an answer is about as large as its request */
    buf_puts(&r->body, "{\"apiVersion\":\"" API "\",\"kind\":\"" KIND "\",\"response\":{\"uid\":");
    json_write(&r->body, uid);
    buf_puts(&r->body, ",\"convertedObjects\":[");
    bool ok = convert_all(request, q->len, &r->body, &e) == 0;
    buf_puts(&r->body, "],\"result\":{\"status\":\"Success\"}}}");
    if (!ok) answer_failure(q, r, uid, e.msg);
    count_conversion(slash ? slash + 1 : "", ok, jv_len(jv_get(request, "objects")));
}
