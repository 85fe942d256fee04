/* Users' manifests, through the same conversion, defaults and validation as in the API server. */
#ifndef RBG_SIM_MANIFEST_H
#define RBG_SIM_MANIFEST_H

#include "api/admission.h"
#include "base/buf.h"

struct manifest {
    const char *file;
    enum kind kind;         /* KIND_NONE: not ours, nor one that the embedded cluster knows */
    const struct jv *given; /* as written */
    struct jv *doc;         /* groups and sets: v1alpha2 with the defaults of admission; else a copy of given */
};
struct manifests { struct manifest *items; size_t n; };

/* Appends the documents of a file of YAML or JSON ("-": standard input); objects of kind List are taken apart. Errors: ERR_IO,
 * ERR_PARSE, ERR_INVALID (a document that is no object with apiVersion, kind and metadata.name). */
int manifests_read(struct arena *a, const char *path, struct manifests *into, struct err *e);

/* Holds all to the schemas of their definitions, converts, defaults and validates them; profiles and groups are looked up among
 * them. Appends a line for each problem and each warning to out ("file: Kind/name: spec.roles[0].name: Required value: ..."),
 * and returns the number of problems. */
size_t manifests_check(struct arena *a, struct manifests *m, struct buf *out);

#endif
