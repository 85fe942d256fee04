/* Keeps a store equal to the API server: list in pages, then watch with bookmarks, resume from the last resourceVersion, list
 * again after 410 or a gap; backoff with jitter on errors. One thread each. */
#ifndef RBG_KUBE_REFLECTOR_H
#define RBG_KUBE_REFLECTOR_H

#include "kube/client.h"
#include "kube/store.h"

struct reflector;

struct reflector_opts {
    const char *path;           /* of the collection: "/apis/workloads.x-k8s.io/v1alpha2/roleinstances" */
    const char *label_selector; /* NULL: all */
    bool optional;              /* 404 (CRD not installed) is not an error: look again every 30 s, counts as synced */
};

struct reflector *reflector_start(struct kube *k, struct store *s, const struct reflector_opts *o);
void reflector_stop(struct reflector *r); /* waits for the thread, frees */

/* Milliseconds since the last successful contact (list, event or bookmark): for readiness. */
int64_t reflector_age_ms(const struct reflector *r);

#endif
