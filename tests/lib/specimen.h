/* Documents made from the field tables: for each row of a kind a small one that has this field, with a value, and is otherwise
 * no more than what makes it valid. */
#ifndef RBG_TEST_SPECIMEN_H
#define RBG_TEST_SPECIMEN_H

#include <stdbool.h>

#include "api/kinds.h"

/* A place in a kind: a field, or (element) what is in a list or map. Paths: "spec.roles[].labels", "spec.roles[].labels{}". */
struct specimen {
    const char *path;
    const struct field *f;
    const struct type *owner; /* that has the field */
    bool element;
    bool schemaless; /* below a field that the CRD does not look into */
    bool core;       /* a row of Kubernetes' types */
};

/* Calls fn for every place below the type, parents before children; metadata, apiVersion and kind are left out. The arena keeps
 * the paths. */
void specimen_each(struct arena *a, const struct type *t, void (*fn)(void *ctx, const struct specimen *s), void *ctx);

/* Of members of maps; it is fit for a label and for a resource. */
#define SPECIMEN_KEY "cpu"

/* The document. The first element of each list on the way has index 0. */
struct jv *specimen_new(struct arena *a, enum kind k, const char *version, const char *path);

/* Where the value is in the document; NULL when it is not there. */
struct jv **specimen_at(struct jv *doc, const char *path);
/* The object or array that holds it. */
struct jv *specimen_parent(struct jv *doc, const char *path);
/* As problems spell it: "spec.roles[0].labels[cpu]". */
char *specimen_path(struct arena *a, const char *path);

#endif
