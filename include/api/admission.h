/* Defaults, validation and conversion of our kinds. Pure: what needs a look at the cluster comes in through `lookup`. */
#ifndef RBG_API_ADMISSION_H
#define RBG_API_ADMISSION_H

#include "api/kinds.h"
#include "api/model.h"

/* A list of a user's mistakes, all reported at once. */
enum problem_kind { PROBLEM_REQUIRED, PROBLEM_INVALID, PROBLEM_DUPLICATE, PROBLEM_NOT_FOUND, PROBLEM_FORBIDDEN,
                    PROBLEM_NOT_SUPPORTED, PROBLEM_TOO_LONG, PROBLEM_TOO_MANY };
struct problem { char *path; enum problem_kind kind; char *value; char *message; };
struct problems {
    struct arena *a;
    struct problem *items;
    size_t n, max; /* no more than max are kept; 0: PROBLEMS_MAX */
    char **warnings;
    size_t nwarnings;
};
enum { PROBLEMS_MAX = 1000 }; /* no object that anybody wrote has more; one made to exhaust memory may */
bool problems_full(const struct problems *p);
bool problems_warned(const struct problems *p); /* no more warnings are kept: one need not be made */

void problem_add(struct problems *p, const char *path, enum problem_kind kind, const struct jv *value, const char *fmt, ...)
    __attribute__((cold, format(printf, 5, 6)));
void problem_take(struct problems *p, struct problem x); /* its texts are in the list's arena */
void problem_warn(struct problems *p, const char *fmt, ...) __attribute__((cold, format(printf, 2, 3)));
/* "spec.roles[0].name: Invalid value: \"X\": a lowercase ... (write ...)"; several: joined as the API server does. At most 50
 * are spelled out. */
char *problems_text(struct arena *a, const struct problems *p);

/* The same with each of several on a line of its own, as the API server's own lists look behind "is invalid: ". */
char *problems_lines(struct arena *a, const struct problems *p);

/* What validation may ask about the cluster; any member may be NULL (then the rule is skipped). Errors: -1. */
struct lookup {
    void *ctx;
    /* spec.replicas of adapter ns/name: 1 found and set, 0 absent or unset. */
    int (*adapter_replicas)(void *ctx, const char *ns, const char *name, int32_t *replicas, struct err *e);
    int (*profile_exists)(void *ctx, const char *name, struct err *e); /* 1 yes, 0 no */
    /* The group ns/name as stored, in the arena; NULL when there is none. */
    const struct jv *(*group)(void *ctx, struct arena *a, const char *ns, const char *name);
};

struct admission_opts { bool deprecated_workloads; };

/* What a rollout may do at a time, of `replicas`: part A 6.2 and part C 4.4, by one function for admission and controllers.
 * maxSurge (default 0) rounds up; maxUnavailable (default 1) rounds up without a surge, so that 10% of 5 is 1, and down with
 * one. Negative values count as 0. Errors: ERR_INVALID naming the field. */
int rollout_limits(const struct rolling_update *u, int32_t replicas, int32_t *surge, int32_t *unavailable, struct err *e);
/* How many of `replicas` the partition (default 0) keeps back, rounded down; at most all. Errors as above. */
int rollout_partition(const struct rolling_update *u, int32_t replicas, int32_t *kept, struct err *e);

/* Writes the defaults of admission into a v1alpha2 RoleBasedGroup or RoleBasedGroupSet document (in place); idempotent.
 * create: also what is decided once (the discovery mode). Never changes what a role's workload is made of. */
void admission_default(struct arena *a, enum kind k, struct jv *doc, bool create);

/* Before the defaults: a role that leaves its replicas out, and whose scaling adapter has a count, has that count. A number that
 * somebody wrote stays, and is validated. An adapter that can't be looked up counts as none here; validation refuses then. */
void admission_scale(struct arena *a, enum kind k, struct jv *doc, const struct lookup *l);

/* On update, before the defaults: where the user has changed a deprecated field whose meaning was once written into the field that
 * takes its place, and left that one alone, it follows (restartPolicy and restartPolicyConfig.type). A discovery mode that was lost
 * is what it was. old: the stored object. */
void admission_follow(struct arena *a, enum kind k, struct jv *doc, const struct jv *old);

/* Validates a document of version v1alpha2: groups, sets, coordinated policies, warmups; nothing is said about other kinds.
 * old: the stored object on update (ratchets: only what the update makes wrong is refused), NULL on create. */
void admission_validate(struct problems *p, enum kind k, const struct jv *doc, const struct jv *old, const struct lookup *l,
                        const struct admission_opts *o);

/* What the schema of a kind's definition says of a document of that version, as it is written (not of its status): for
 * manifests that no API server has looked at. CEL rules are left out. The version must be one of the kind's. */
void admission_check_schema(struct problems *p, enum kind k, const char *version, const struct jv *doc);

/* Members that the definition does not know, as strict decoding refuses them; not of metadata, nor where the schema takes
 * anything. */
void admission_check_unknown(struct problems *p, enum kind k, const char *version, const struct jv *doc);

/* Converts a document (kind RBG or RBGSET) between "v1alpha1" and "v1alpha2". Lossless in both directions: what the target can't
 * say is stashed in annotation conversion.workloads.x-k8s.io/stash, and taken out of it on the way back unless the other version
 * has written a newer value there. The result shares unchanged subtrees with doc: jv_dup it before editing. Errors: ERR_INVALID
 * (another kind or version, no metadata). */
struct jv *convert(struct arena *a, enum kind k, const struct jv *doc, const char *to_version, struct err *e);

/* For json_parse_outline: members that are the same in both versions, and most of an object. convert() passes them on as text. */
bool convert_keep(const struct json_place *at);

#endif
