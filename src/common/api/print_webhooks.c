/* The validating and the mutating webhook configuration: one webhook for each kind that is converted, since those are the kinds
 * that users write by hand, and validation of two more. Those never stand in the way: when nobody answers, the definition's own
 * rules have to do. */
#include <string.h>

#include "base/str.h"
#include "print_internal.h"

enum { WEBHOOK_PORT = 443, WEBHOOK_TIMEOUT_SECONDS = 10 };

struct jv *print_one(struct arena *a, const char *s) {
    struct jv *out = jv_new_arr(a);
    jv_push(a, out, jv_new_str(a, s));
    return out;
}

struct jv *print_words(struct arena *a, const char *s) {
    struct jv *out = jv_new_arr(a);
    for (const char *at = s, *end; at; at = end ? end + 1 : NULL) {
        end = strchr(at, ',');
        jv_push(a, out, jv_new_strn(a, at, end ? (size_t)(end - at) : strlen(at)));
    }
    return out;
}

struct jv *print_client_config(struct arena *a, const struct print_opts *o, const char *path) {
    if (!o || (str_empty(o->url) && str_empty(o->service))) return NULL;
    struct jv *out = jv_new_obj(a);
    if (!str_empty(o->url)) {
        jv_set(a, out, "url", jv_new_strf(a, "%s%s", o->url, path));
    } else {
        struct jv *service = jv_need_obj(a, out, "service");
        jv_set_str(a, service, "namespace", o->ns);
        jv_set_str(a, service, "name", o->service);
        jv_set_str(a, service, "path", path);
        jv_set_int(a, service, "port", WEBHOOK_PORT);
    }
    if (!str_empty(o->ca_bundle)) jv_set_str(a, out, "caBundle", o->ca_bundle);
    return out;
}

static struct jv *rule(struct arena *a, const struct kind_info *k) {
    struct jv *out = jv_new_obj(a);
    jv_set(a, out, "apiGroups", print_one(a, k->group));
    jv_set(a, out, "apiVersions", print_one(a, k->version));
    jv_set(a, out, "operations", print_words(a, "CREATE,UPDATE"));
    jv_set(a, out, "resources", print_one(a, k->plural));
    return out;
}

/* prefix: the first letter of the webhook's name; verb: the first word of its path. */
static struct jv *webhook(struct arena *a, const struct kind_info *k, const struct print_opts *o,
                          const char *prefix, const char *verb) {
    struct jv *out = jv_new_obj(a);
    const char *path = arena_printf(a, "/%s-workloads-x-k8s-io-%s-%s", verb, k->version,
                                    k->singular);
    jv_set(a, out, "name", jv_new_strf(a, "%s%s.kb.io", prefix, k->singular));
    jv_set(a, out, "admissionReviewVersions", print_one(a, "v1"));
    jv_set(a, out, "clientConfig", print_client_config(a, o, path));
    jv_set_str(a, out, "failurePolicy", "Fail");
    jv_set_str(a, out, "matchPolicy", "Equivalent");
    jv_set_str(a, out, "sideEffects", "None");
    jv_set_int(a, out, "timeoutSeconds", WEBHOOK_TIMEOUT_SECONDS);
    struct jv *rules = jv_need_arr(a, out, "rules");
    jv_push(a, rules, rule(a, k));
    return out;
}

static bool validated_only(enum kind k) {
    return k == KIND_POLICY || k == KIND_WARMUP;
}

static struct jv *config(struct arena *a, enum kind kind, const char *name,
                         const struct print_opts *o, const char *prefix, const char *verb) {
    struct jv *doc = kind_object(a, kind, NULL, name);
    struct jv *webhooks = jv_need_arr(a, doc, "webhooks");
    for (enum kind k = KIND_NONE + 1; k < KIND_COUNT; k++)
        if (kind_info(k)->convert) jv_push(a, webhooks, webhook(a, kind_info(k), o, prefix, verb));
    for (enum kind k = KIND_NONE + 1; kind == KIND_VALIDATING_CONFIG && k < KIND_COUNT; k++) {
        if (!validated_only(k)) continue;
        struct jv *w = webhook(a, kind_info(k), o, prefix, verb);
        jv_set_str(a, w, "failurePolicy", "Ignore");
        jv_push(a, webhooks, w);
    }
    return doc;
}

struct jv *print_validating_config(struct arena *a, const struct print_opts *o) {
    return config(a, KIND_VALIDATING_CONFIG, VALIDATING_CONFIG, o, "v", "validate");
}

struct jv *print_mutating_config(struct arena *a, const struct print_opts *o) {
    struct jv *doc = config(a, KIND_MUTATING_CONFIG, MUTATING_CONFIG, o, "m", "mutate");
    /* Defaulting is idempotent, so another webhook may add a role after ours and have it defaulted too. */
    JV_FOR_ARR(it, jv_get(doc, "webhooks")) jv_set_str(a, *it, "reinvocationPolicy", "IfNeeded");
    return doc;
}
