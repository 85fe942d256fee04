/* Single objects of the API server, read and written without a cache: for what is looked at now and then. */
#ifndef RBG_MANAGER_OBJECT_H
#define RBG_MANAGER_OBJECT_H

#include "api/kinds.h"
#include "kube/client.h"

/* The object, or with meta_only its metadata alone, which costs little of a CRD. ns NULL: cluster-scoped. Errors: kube_ask's. */
int object_get(struct kube *kube, struct arena *a, enum kind k, const char *ns, const char *name, bool meta_only, struct jv **out,
               struct err *e);

/* Sends a document (type NULL: application/json); *out: the object as it is stored then. Errors: kube_ask's. */
int object_write(struct kube *kube, struct arena *a, const char *method, const char *path, const char *type, const struct jv *body,
                 struct jv **out, struct err *e);

#endif
