/* AdmissionReview: validate and mutate. A request that these hooks have nothing to say about (a
 * delete, a subresource) is allowed unchanged; one that they can't understand is denied, never
 * guessed at. Nothing is written to the cluster, so a dry run is like any other. Memory: the arena
 * of the request. */
#include "webhook/review.h"

#include <string.h>

#include "api/names.h"
#include "base/base64.h"
#include "base/str.h"
#include "doc/patch.h"

#define API "admission.k8s.io/v1"
#define KIND "AdmissionReview"

/* A request, understood. */
struct review {
    const struct webhook_opts *o;
    enum kind kind;
    struct serve_request *q;
    struct serve_response *r;
    void (*decide)(struct review *v);
    const struct jv *request, *object, *old;
    const char *operation;
    struct jv *response;
};

static void deny(struct review *v, int code, const char *reason, const char *message) {
    jv_set_bool(v->q->arena, v->response, "allowed", false);
    jv_set(v->q->arena, v->response, "status", review_failure(v->q->arena, code, reason, message));
}

static bool begin(struct review *v) {
    struct serve_request *q = v->q;
    v->request = review_parse(q, v->r, API, KIND, &json_limits_review, NULL, NULL);
    if (!v->request) return false;
    v->operation = jv_str(jv_get(v->request, "operation"), "");
    v->object = jv_get(v->request, "object");
    v->old = jv_get(v->request, "oldObject");
    v->response = jv_new_obj(q->arena);
    jv_set(q->arena, v->response, "uid", jv_get(v->request, "uid"));
    jv_set_bool(q->arena, v->response, "allowed", true);
    return true;
}

static void finish(struct review *v) {
    count_admission(v->operation, jv_get_bool(v->response, "allowed", false));
    review_answer(v->q, v->r, API, KIND, v->response);
}

/* Kubernetes sends the object in the version of the rule; "kind" says what it is after conversion.
 */
static bool expected_kind(struct review *v) {
    const struct kind_info *want = kind_info(v->kind);
    const struct jv *kind = jv_get(v->request, "kind");
    const char *group = jv_str(jv_get(kind, "group"), ""),
               *version = jv_str(jv_get(kind, "version"), ""),
               *name = jv_str(jv_get(kind, "kind"), "");
    if (str_eq(group, API_GROUP) && str_eq(version, "v1alpha2") && str_eq(name, want->name))
        return true;
    deny(v, 400, "BadRequest",
         arena_printf(v->q->arena,
                      "this webhook handles %s of %s/v1alpha2, not \"%s\" of \"%s/%s\": correct "
                      "the rules of the webhook configuration, "
                      "with matchPolicy Equivalent",
                      want->name, API_GROUP, name, group, version));
    return false;
}

static bool expected_object(struct review *v, const struct jv *object, const char *field) {
    struct arena *a = v->q->arena;
    const char *version = jv_get_str(object, "apiVersion"), *kind = jv_get_str(object, "kind");
    const char *wrong = NULL;
    if (!jv_is(object, J_OBJ))
        wrong =
            arena_printf(a, "request.%s: must be an object, got %s", field, jv_type_name(object));
    else if (!str_eq(version, API_GROUP "/v1alpha2") || !str_eq(kind, kind_info(v->kind)->name))
        wrong = arena_printf(a, "request.%s: \"%s\" of \"%s\" is not what request.kind says", field,
                             kind ? kind : "", version ? version : "");
    else if (!jv_is(jv_get(object, "metadata"), J_OBJ))
        wrong = arena_printf(a, "request.%s.metadata: must be an object", field);
    if (wrong) deny(v, 400, "BadRequest", wrong);
    return !wrong;
}

/* Is there an object to look at? */
static bool concerns(struct review *v) {
    bool create = str_eq(v->operation, "CREATE"), update = str_eq(v->operation, "UPDATE");
    if (str_eq(v->operation, "DELETE") || str_eq(v->operation, "CONNECT")) return false;
    if (!create && !update) {
        deny(v, 400, "BadRequest",
             arena_printf(v->q->arena,
                          "request.operation: \"%s\" is none of CREATE, UPDATE, DELETE, CONNECT",
                          v->operation));
        return false;
    }
    if (!expected_kind(v) || !str_empty(jv_get_str(v->request, "subResource"))) return false;
    return expected_object(v, v->object, "object") &&
           (create || expected_object(v, v->old, "oldObject"));
}

/* ---- validate ---- */

static const char *cause_type(enum problem_kind k) {
    static const char *const types[] = {
        [PROBLEM_REQUIRED] = "FieldValueRequired",
        [PROBLEM_INVALID] = "FieldValueInvalid",
        [PROBLEM_DUPLICATE] = "FieldValueDuplicate",
        [PROBLEM_NOT_FOUND] = "FieldValueNotFound",
        [PROBLEM_FORBIDDEN] = "FieldValueForbidden",
        [PROBLEM_NOT_SUPPORTED] = "FieldValueNotSupported",
        [PROBLEM_TOO_LONG] = "FieldValueTooLong",
        [PROBLEM_TOO_MANY] = "FieldValueTooMany",
    };
    return types[k];
}

/* Status.details, as the API server gives it for its own kinds: programs find the fields there. */
static struct jv *details(struct review *v, const struct problems *p) {
    enum { CAUSES_MAX = 50 };
    struct arena *a = v->q->arena;
    struct jv *d = jv_new_obj(a), *causes = jv_new_arr(a);
    jv_set(a, d, "name", jv_path(v->object, "metadata", "name", (char *)0));
    jv_set_str(a, d, "group", API_GROUP);
    jv_set_str(a, d, "kind", kind_info(v->kind)->name);
    for (size_t i = 0; i < p->n && i < CAUSES_MAX; i++) {
        struct jv *c = jv_new_obj(a);
        jv_set_str(a, c, "reason", cause_type(p->items[i].kind));
        jv_set_str(a, c, "message", p->items[i].message);
        jv_set_str(a, c, "field", p->items[i].path);
        jv_push(a, causes, c);
    }
    jv_set(a, d, "causes", causes);
    return d;
}

static void set_warnings(struct review *v, const struct problems *p) {
    struct jv *list = jv_new_arr(v->q->arena);
    for (size_t i = 0; i < p->nwarnings; i++)
        jv_push(v->q->arena, list, jv_new_str(v->q->arena, p->warnings[i]));
    if (list->len) jv_set(v->q->arena, v->response, "warnings", list);
}

static void validate(struct review *v) {
    struct problems p = {.a = v->q->arena};
    /* An object on its way out has only its finalizers left to change. */
    if (str_eq(v->operation, "UPDATE") && meta_deleting(v->object)) return;
    admission_validate(&p, v->kind, v->object, str_eq(v->operation, "UPDATE") ? v->old : NULL,
                       v->o->lookup, &v->o->admission);
    set_warnings(v, &p);
    if (p.n == 0) return;
    deny(v, 403, "Forbidden", problems_lines(v->q->arena, &p));
    jv_set(v->q->arena, jv_get(v->response, "status"), "details", details(v, &p));
}


/* ---- mutate ---- */

static void mutate(struct review *v) {
    struct arena *a = v->q->arena;
    if (meta_deleting(v->object)) return;
    struct jv *doc = jv_dup(a, v->object);
    if (str_eq(v->operation, "UPDATE")) admission_follow(a, v->kind, doc, v->old);
    admission_scale(a, v->kind, doc, v->o->lookup);
    admission_default(a, v->kind, doc, str_eq(v->operation, "CREATE"));
    const struct jv *ops = json_patch_diff(a, v->object, doc);
    if (jv_len(ops) == 0) return;
    BUF_AUTO struct buf text = BUF_INIT;
    json_write(&text, ops);
    jv_set_str(a, v->response, "patchType", "JSONPatch");
    jv_set_str(a, v->response, "patch", base64_encode(a, text.s, text.len));
}

/* ---- within the budget ---- */

static void run(void *arg) {
    struct review *v = arg;
    if (!begin(v)) return;
    if (concerns(v)) v->decide(v);
    finish(v);
}

/* Ended by its budget: denied, or refused when it was not even read to its end. */
static void exceeded(struct review *v, const struct review_excess *why) {
    if (!v->response || !jv_get(v->response, "uid")) {
        serve_text(v->r, why->code, "%s\n", why->text);
        return;
    }
    struct jv *uid = jv_get(v->response, "uid");
    v->response = jv_new_obj(v->q->arena);
    jv_set(v->q->arena, v->response, "uid", uid);
    deny(v, why->code, why->reason, why->text);
    finish(v);
}

static void review(const struct webhook_opts *o, enum kind k, struct serve_request *q, struct serve_response *r,
                   void (*decide)(struct review *v)) {
    struct review v = {.o = o, .kind = k, .q = q, .r = r, .decide = decide};
    struct review_excess why;
    if (!review_within(q, r, ADMISSION_BYTES, run, &v, &why)) exceeded(&v, &why);
}

void review_validate(const struct webhook_opts *o, enum kind k, struct serve_request *q, struct serve_response *r) {
    review(o, k, q, r, validate);
}

void review_mutate(const struct webhook_opts *o, enum kind k, struct serve_request *q, struct serve_response *r) {
    review(o, k, q, r, mutate);
}
