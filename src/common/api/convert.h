/* Inside conversion: the table of rows, and the stash. See convert.c. */
#ifndef RBG_API_CONVERT_INTERNAL_H
#define RBG_API_CONVERT_INTERNAL_H

#include "api/admission.h"

/* Roles of a spec, one version to the other; `spec` is the caller's own copy. */
void convert_roles(struct arena *a, struct jv *spec, bool to_v2);

/* What `want` has or lacks compared with `base`, as a string that holds JSON (see convert_stash.c); NULL when they are the same
 * document. */
struct jv *stash_diff(struct arena *a, const struct jv *base, const struct jv *want);

/* Puts the differences, parsed, back into `doc`; returns the result, which shares subtrees with `doc` and
 * `stash`. A change whose place does not hold "was" any more is left out: somebody wrote a newer
 * value. */
struct jv *stash_apply(struct arena *a, const struct jv *doc, const struct jv *stash);

/* One row of the table: where a field of a role (or of a component) is in each version. */
enum conv_op {
    CONV_MOVE,     /* the same value in both */
    CONV_MAP,      /* a word that the versions spell differently: arg is "<v1alpha1>=<v1alpha2>" */
    CONV_UNLESS,   /* as MOVE, but to v1alpha1 only when the pattern has no field `arg` */
    CONV_INTO,     /* as UNLESS, and to v1alpha2 only when the parent is there already */
    CONV_WORKLOAD, /* an object {apiVersion, kind} on one side, one annotation on the other */
    CONV_RESTART,  /* back from the configuration's type or else from the old plain string */
    CONV_V1,       /* v1alpha1 only: stashed */
    CONV_V2,       /* v1alpha2 only: stashed; arg: what a v1alpha1 object means by leaving it out */
    CONV_EACH,     /* rows of `each` for every element */
};
enum conv_shape {
    CONV_STANDALONE = 1,
    CONV_LEADER_WORKER = 2,
    CONV_CUSTOM = 4,
    CONV_NONE = 8,
    CONV_ANY = 15
};

struct conv_row {
    unsigned shapes;
    const char *v1, *v2; /* dotted paths below the role */
    enum conv_op op;
    const char *arg;
};
extern const struct conv_row convert_role_rows[];
extern const size_t convert_role_nrows;

#endif
