/* What the set's reconciler decides by. */
#ifndef RBG_CONTROLLER_RBGSET_WORLD_H
#define RBG_CONTROLLER_RBGSET_WORLD_H

#include "api/limits.h"
#include "controller/core/claim.h"

struct rbgset_world {
    struct world w;
    int32_t replicas;           /* wanted, at most GROUPS_MAX */
    struct jv **groups;         /* by index; NULL where the set has none */
    struct other *foreign;      /* by index: who else has that name */
    bool *outdated;             /* by index: the group is not what the template says */
    bool *settled;              /* by index, while one is outdated: the group serves, and nothing in it is being changed */
    bool *stalled;              /* by index: it is at rest without being ready */
    bool *down_before;          /* by index: it was not ready before this rollout began */
    struct jv **surplus;        /* groups of the set that no index is for */
    size_t nsurplus;
};

/* The group has looked at its latest spec, and is ready. */
bool group_ready(const struct jv *group);
/* It is at rest without being ready: somebody has to do something. */
bool group_stalled(const struct jv *group);
/* Its workloads have, too: a group is Ready as long as they have not begun with what it asks. */
bool group_settled(struct rctx *c, const struct jv *group);

void rbgset_plan(const struct world *world, struct plan *p);

#endif
