/* Whose is an object that has the name of a child? One rule for every kind, at every level. */
#ifndef RBG_CONTROLLER_CLAIM_H
#define RBG_CONTROLLER_CLAIM_H

#include "controller/core/reconciler.h"

enum claim {
    CLAIM_FREE,    /* nobody has the name */
    CLAIM_OURS,    /* the parent's very uid is among its owners */
    CLAIM_ORPHAN,  /* no owner that still exists, and it says itself that it is this parent's: to be adopted */
    CLAIM_ENDING,  /* not ours, and on its way out: the name will be free */
    CLAIM_FOREIGN, /* somebody else's: never touched */
};

/* child: what the source has under the name, or NULL. identity: its labels and names say that it is this parent's. An object whose
 * owner has just gone is left to the garbage collector, which deletes it, or takes the owner out; only when it has done neither
 * for ABANDONED_MS is the object an orphan. */
enum claim claim_of(struct rctx *c, const struct jv *parent, const struct jv *child, bool identity);
#define ABANDONED_MS 30000

/* Whoever else has the name of a child that is missing. doc NULL: nobody. */
struct other {
    const struct jv *doc;
    bool ending; /* the name will be free soon */
};
struct other claim_other(enum claim claim, const struct jv *child); /* nobody, when it is free, ours or an orphan */

/* Of the objects of a kind in the namespace that have no owner at all, those that `identity` takes for the parent's and that are
 * not on their way out are appended to the *n in *list, which then has a new place in the arena. */
typedef bool (*identity_fn)(const struct jv *parent, const struct jv *child);
void claim_orphans(struct rctx *c, enum kind k, const struct jv *parent, identity_fn identity, struct jv ***list, size_t *n);

/* Identities: does the child say, by its labels and its name, that it is the parent's? */
bool is_of_role(const struct jv *group, const char *role, const struct jv *child); /* workload, Service, adapter */
bool is_configmap_of_group(const struct jv *group, const struct jv *child);
bool is_revision_of_group(const struct jv *group, const struct jv *child);
bool is_group_of_set(const struct jv *groupset, const struct jv *child);
bool is_instance_of_set(const struct jv *set, const struct jv *child);
bool is_revision_of_set(const struct jv *set, const struct jv *child);
bool is_pod_of_instance(const struct jv *instance, const struct jv *child);
bool is_revision_of_instance(const struct jv *instance, const struct jv *child);

/* Somebody's own headless Service, of a name that a role's Service would have: no owner, and nothing says that it is of a group. It
 * is used, and stays when the group goes. */
bool is_service_of_user(const struct jv *group, const struct jv *service);

/* Plans that an orphan belongs to the root from now on: `ref` is the only owner, nothing else changes. It only happens to the
 * object as it was read, and while the root still exists. Returns the action. */
struct action *plan_adopt(struct plan *p, enum kind k, const struct jv *orphan, struct jv *ref);

/* Who has the name, and what to do about it: for Ready. whose: "this group". */
const char *claim_taken(struct arena *a, enum kind k, const struct other *other, const char *whose);

/* Plans to look again soon at an object in the way, also when no cache of ours shows it. */
void plan_wait_for_name(struct plan *p, enum kind k, const struct other *other);

/* The root is being deleted, and what it owns is to stay (kubectl delete --cascade=orphan). The garbage collector takes the owner
 * reference out of each object; out of revisions that can't be patched the controller has to. */
void plan_orphaning(struct rctx *c, const struct jv *root, struct plan *p);
bool is_orphaning(const struct jv *root);

extern const char REASON_NAME_TAKEN[];

#endif
