/* Users' manifests, through the same conversion, defaults and validation as in the API server. */
#ifndef RBG_SIM_MANIFEST_H
#define RBG_SIM_MANIFEST_H

#include "api/admission.h"
#include "base/buf.h"

struct manifest {
    const char *file;
    enum kind kind;         /* KIND_NONE: not ours, nor one that the embedded cluster knows */
    bool skipped;           /* neither checked nor run: another kind, or what the controllers make of another manifest */
    const struct jv *given; /* as written */
    struct jv *doc;         /* groups and sets: v1alpha2 with the defaults of admission; else a copy of given */
};
struct manifests { struct manifest *items; size_t n; };

/* Appends the documents of a file of YAML or JSON ("-": standard input), or of those files of a folder that are called *.yaml,
 * *.yml or *.json, by name; recursive: of those below it, too. Objects of kind List are taken apart. What a server has written
 * into an object (status, uid, owner references...) is left out. Errors: ERR_IO, ERR_PARSE, ERR_INVALID (a document that is no
 * object with apiVersion, kind and metadata.name). */
int manifests_read(struct arena *a, const char *path, bool recursive, struct manifests *into, struct err *e);

/* Kubernetes' own kinds are skipped, too, although the embedded cluster knows them: nothing is checked in them. */
void manifests_skip_foreign(struct manifests *m);

/* Appends "3 other objects skipped (PersistentVolumeClaim, Secret)" when there are any; says: what happens to them. */
void manifests_others(const struct manifests *m, const char *says, struct buf *out);

struct check_opts { bool lenient; }; /* unknown fields are dropped, as by kubectl apply --validate=false; else problems */

/* Holds all to the schemas of their definitions, converts, defaults and validates them; profiles and groups are looked up among
 * them. Appends a line for each problem and each warning to out ("file: Kind/name: spec.roles[0].name: Required value: ..."),
 * and returns the number of problems. *warnings (may be NULL): theirs. */
size_t manifests_check(struct arena *a, struct manifests *m, const struct check_opts *o, size_t *warnings,
                       struct buf *out);

#endif
