/* Holds nothing; any thread may call. */
#include "manager/object.h"

#include <string.h>

#define REQUEST_MS 15000

int object_get(struct kube *kube, struct arena *a, enum kind k, const char *ns, const char *name, bool meta_only, struct jv **out,
               struct err *e) {
    struct kube_request q = {.method = "GET", .path = kind_path(a, k, ns, name, NULL),
                             .accept = meta_only ? KUBE_METADATA_ONLY : NULL, .timeout_ms = REQUEST_MS};
    return kube_ask(kube, &q, a, out, e);
}

int object_write(struct kube *kube, struct arena *a, const char *method, const char *path, const char *type, const struct jv *body,
                 struct jv **out, struct err *e) {
    char *text = json_text(a, body);
    struct kube_request q = {.method = method, .path = path, .content_type = type, .body = text, .len = strlen(text),
                             .timeout_ms = REQUEST_MS};
    return kube_ask(kube, &q, a, out, e);
}
