/* Looks without writing, and holds nothing. Of a target that asks for no CA only the metadata is read: a CRD has half a
 * megabyte. */
#include "manager/trust.h"

#include <string.h>

#include "base/str.h"
#include "manager/object.h"

#define ASKS "cert-manager.io/inject-"

const struct trust_target trust_targets[TRUST_TARGETS] = {
    {KIND_CRD, "rolebasedgroups.workloads.x-k8s.io"},
    {KIND_CRD, "rolebasedgroupsets.workloads.x-k8s.io"},
    {KIND_VALIDATING_CONFIG, "rbgs-validating-webhook-configuration"},
    {KIND_MUTATING_CONFIG, "rbgs-mutating-webhook-configuration"},
};

bool trust_next(struct arena *a, const struct jv *doc, struct trust_config *c) {
    const struct jv *hooks = jv_get(doc, "webhooks");
    for (c->v = NULL; !c->v && c->next <= jv_len(hooks); c->next++) {
        if (c->next == 0) {
            c->v = jv_path(doc, "spec", "conversion", "webhook", "clientConfig", (char *)0);
            c->bundle = "/spec/conversion/webhook/clientConfig/caBundle";
        } else {
            c->v = jv_get(jv_idx(hooks, c->next - 1), "clientConfig");
            c->bundle = arena_printf(a, "/webhooks/%zu/clientConfig/caBundle", c->next - 1);
        }
    }
    return c->v;
}

/* *doc NULL: it is not there. */
static int get(struct kube *kube, struct arena *a, const struct trust_target *t, bool meta_only, struct jv **doc, struct err *e) {
    if (object_get(kube, a, t->kind, NULL, t->name, meta_only, doc, e) == 0) return 0;
    if (e->code != ERR_NOT_FOUND) return -1;
    *e = ERR_INIT;
    return 0;
}

static bool asks(const struct jv *doc) {
    JV_FOR_OBJ(m, jv_path(doc, "metadata", "annotations", (char *)0)) if (str_has_prefix(m->key, ASKS)) return true;
    return false;
}

static bool lacks(struct arena *a, const struct jv *doc) {
    struct trust_config c = {0};
    while (trust_next(a, doc, &c))
        if (jv_is_empty(jv_get(c.v, "caBundle"))) return true;
    return false;
}

static int look(struct kube *kube, const struct trust_target *t, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = NULL;
    if (get(kube, a, t, true, &doc, e)) return -1;
    if (!asks(doc)) return 0;
    if (get(kube, a, t, false, &doc, e)) return -1;
    if (!lacks(a, doc)) return 0;
    return err_set(e, ERR_NOT_FOUND, "cert-manager's cainjector has not yet written the CA into %s %s",
                   kind_info(t->kind)->name, t->name);
}

int trust_injected(struct kube *kube, struct err *e) {
    for (size_t i = 0; i < TRUST_TARGETS; i++)
        if (look(kube, &trust_targets[i], e)) return -1;
    return 0;
}
