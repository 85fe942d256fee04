/* Looks without writing, and holds nothing. Of a target that asks for no CA only the metadata is read: a CRD has half a megabyte. */
#include "manager/trust.h"

#include <string.h>

#include "base/str.h"

#define ASKS "cert-manager.io/inject-"
#define REQUEST_MS 15000

const struct trust_target trust_targets[TRUST_TARGETS] = {
    {KIND_CRD, "rolebasedgroups.workloads.x-k8s.io"},
    {KIND_CRD, "rolebasedgroupsets.workloads.x-k8s.io"},
    {KIND_VALIDATING_CONFIG, "rbgs-validating-webhook-configuration"},
    {KIND_MUTATING_CONFIG, "rbgs-mutating-webhook-configuration"},
};

/* *doc NULL: it is not there. */
static int get(struct kube *kube, struct arena *a, const struct trust_target *t, bool meta_only, struct jv **doc, struct err *e) {
    struct kube_request q = {.method = "GET", .path = kind_path(a, t->kind, NULL, t->name, NULL),
                             .accept = meta_only ? KUBE_METADATA_ONLY : NULL, .timeout_ms = REQUEST_MS};
    if (kube_ask(kube, &q, a, doc, e) == 0) return 0;
    if (e->code != ERR_NOT_FOUND) return -1;
    *e = ERR_INIT;
    return 0;
}

static bool asks(const struct jv *doc) {
    JV_FOR_OBJ(m, jv_path(doc, "metadata", "annotations", (char *)0)) if (str_has_prefix(m->key, ASKS)) return true;
    return false;
}

static bool without_ca(const struct jv *client_config) { return client_config && jv_is_empty(jv_get(client_config, "caBundle")); }

static bool lacks(const struct jv *doc) {
    if (without_ca(jv_path(doc, "spec", "conversion", "webhook", "clientConfig", (char *)0))) return true;
    JV_FOR_ARR(hook, jv_get(doc, "webhooks")) if (without_ca(jv_get(*hook, "clientConfig"))) return true;
    return false;
}

static int look(struct kube *kube, const struct trust_target *t, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = NULL;
    if (get(kube, a, t, true, &doc, e)) return -1;
    if (!asks(doc)) return 0;
    if (get(kube, a, t, false, &doc, e)) return -1;
    if (!lacks(doc)) return 0;
    return err_set(e, ERR_NOT_FOUND, "cert-manager's cainjector has not yet written the CA into %s %s", kind_info(t->kind)->name, t->name);
}

int trust_injected(struct kube *kube, struct err *e) {
    for (size_t i = 0; i < TRUST_TARGETS; i++)
        if (look(kube, &trust_targets[i], e)) return -1;
    return 0;
}
