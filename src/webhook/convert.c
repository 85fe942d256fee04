/* ConversionReview: every object of a batch to the desired version, in order. One that can't be
 * converted fails the whole batch, as the API server demands, with a message that names it. Objects
 * are not validated: what is stored must stay readable.
 * A batch may be a whole list, so an object is converted and written as soon as it is read, and what
 * that took is free for the next. Nothing else is in memory but the text of the review, the answer
 * so far and one object. That needs the desired version to come before the objects, as API servers
 * send it; otherwise the objects wait for it, within the limits of one document. */
#include <string.h>

#include "base/str.h"
#include "webhook/review.h"

#define API "apiextensions.k8s.io/v1"
#define KIND "ConversionReview"
#define GROUP "workloads.x-k8s.io/"

/* Depth and number of values are those of one object, as in admission. */
static const struct json_limits review_limits = {CONVERSION_BYTES, 100, 500000};

struct batch {
    struct serve_request *q;
    struct serve_response *r;
    struct arena *a; /* for one object at a time */
    struct buf *out; /* the answer so far */
    struct jv *uid;  /* as soon as it was read */
    size_t n;        /* objects */
    size_t failed;   /* the number of the first that can't be converted, from 1; 0: none */
    const char *name;
    struct err e;    /* why */
};

/* "RoleBasedGroup prod/web": how a person finds it. */
static const char *object_name(struct arena *a, const struct jv *doc) {
    const char *kind = jv_get_str(doc, "kind"), *ns = meta_ns(doc), *name = meta_name(doc);
    return arena_printf(a, "%s %s%s%s", kind ? kind : "object", ns, *ns ? "/" : "",
                        *name ? name : "without a name");
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
static int check_answer(const struct batch *b, struct err *e) {
    size_t most = 2 * b->q->len + ((size_t)1 << 20);
    if (b->out->len <= most) return 0;
    return err_set(e, ERR_LIMIT,
                   "the converted objects have more than %zu bytes, too many for a review of %zu: "
                   "ask for fewer objects at a time",
                   most, b->q->len);
}

static const char *version_of(const char *desired) {
    return str_has_prefix(desired, GROUP) ? desired + sizeof GROUP - 1 : NULL;
}

/* Appends the converted object. After one that failed the others only count. */
static void add_object(struct batch *b, const struct jv *doc, const char *version) {
    b->n++;
    if (b->failed) return;
    const struct jv *v = convert_one(b->a, doc, version, &b->e);
    if (v) {
        if (b->n > 1) buf_putc(b->out, ',');
        json_write(b->out, v);
    }
    if (v && check_answer(b, &b->e) == 0) return;
    b->failed = b->n;
    b->name = object_name(b->q->arena, doc);
}

static bool take_object(void *ctx, const struct jv *around, const struct jv *doc) {
    struct batch *b = ctx;
    const char *version = version_of(jv_get_str(around, "desiredAPIVersion"));
    if (!b->uid) b->uid = jv_dup(b->q->arena, jv_get(around, "uid"));
    if (version) add_object(ctx, doc, version);
    return version != NULL;
}

/* The objects that were not taken when they were read. */
static int convert_rest(struct batch *b, const struct jv *request) {
    const char *desired = jv_get_str(request, "desiredAPIVersion"), *version = version_of(desired);
    const struct jv *objects = jv_get(request, "objects");
    if (!version)
        return err_set(&b->e, ERR_INVALID,
                       "request.desiredAPIVersion: \"%s\" is no version of workloads.x-k8s.io",
                       desired ? desired : "");
    if (!jv_is(objects, J_ARR))
        return err_set(&b->e, ERR_INVALID, "request.objects: must be a list, got %s",
                       jv_type_name(objects));
    JV_FOR_ARR(doc, objects) {
        add_object(b, *doc, version);
        arena_reset(b->a);
    }
    if (!b->failed) return 0;
    return err_wrap(&b->e, "%s (object %zu of %zu)", b->name, b->failed, b->n);
}

static void answer_failure(struct serve_request *q, struct serve_response *r, struct jv *uid,
                           const char *message) {
    struct jv *response = jv_new_obj(q->arena);
    jv_set(q->arena, response, "uid", uid);
    jv_set(q->arena, response, "result", review_failure(q->arena, 0, "Invalid", message));
    buf_fini(&r->body);
    review_answer(q, r, API, KIND, response);
}

static void end_answer(struct serve_response *r, const struct jv *uid) {
    r->status = 200;
    buf_puts(&r->body, "],\"uid\":");
    json_write(&r->body, uid);
    buf_puts(&r->body, ",\"result\":{\"status\":\"Success\"}}}");
}

static void run(void *arg) {
    struct batch *b = arg;
    struct serve_response *r = b->r;
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf out = BUF_INIT;
    b->a = a;
    b->out = &out;
    const struct json_stream objects = {"request", "objects", a, take_object, b};
    buf_reserve(&out, b->q->len + b->q->len / 4); /* an answer is about as large as its request */
    buf_puts(&out, "{\"apiVersion\":\"" API "\",\"kind\":\"" KIND
                   "\",\"response\":{\"convertedObjects\":[");
    const struct jv *request =
        review_parse(b->q, r, API, KIND, &review_limits, convert_keep, &objects);
    if (!request) return;
    const char *desired = jv_get_str(request, "desiredAPIVersion"),
               *slash = desired ? strrchr(desired, '/') : NULL;
    bool ok = convert_rest(b, request) == 0;
    if (ok) {
        r->body = out;
        out = BUF_INIT;
        end_answer(r, jv_get(request, "uid"));
    } else {
        answer_failure(b->q, r, jv_get(request, "uid"), b->e.msg);
    }
    count_conversion(slash ? slash + 1 : "", ok, b->n);
}

void review_convert(void *ctx, struct serve_request *q, struct serve_response *r) {
    (void)ctx;
    struct batch b = {.q = q, .r = r, .e = ERR_INIT};
    struct review_excess why;
    if (review_within(q, r, CONVERSION_MEMORY, run, &b, &why)) return;
    if (jv_is(b.uid, J_STR) && b.uid->len)
        answer_failure(q, r, b.uid, arena_printf(q->arena, "object %zu: %s", b.n, why.text));
    else
        serve_text(r, why.code, "%s\n", why.text);
    count_conversion("", false, b.n);
}
