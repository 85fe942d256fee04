/* What the scaling adapter's reconciler decides by. */
#ifndef RBG_CONTROLLER_ADAPTER_WORLD_H
#define RBG_CONTROLLER_ADAPTER_WORLD_H

#include "controller/core/reconciler.h"

struct adapter_world {
    struct world w;
    const struct jv *group;       /* the group, which owns the adapter */
    const char *role_name;
    const struct jv *role;        /* of the group's spec; NULL: it has no such role */
    size_t role_index;
    const struct jv *role_status; /* of the group's status, or NULL */
    const struct jv *workload;    /* the role's RoleInstanceSet, or NULL */
};

void adapter_plan(const struct world *world, struct plan *p);

#endif
