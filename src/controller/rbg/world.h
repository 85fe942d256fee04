/* What the group's reconciler decides by. */
#ifndef RBG_CONTROLLER_RBG_WORLD_H
#define RBG_CONTROLLER_RBG_WORLD_H

#include "api/build.h"
#include "controller/core/reconciler.h"

struct role_world {
    const struct role *role;
    const struct jv *workload;        /* the live RoleInstanceSet that this group controls, or NULL */
    const struct jv *foreign;         /* an object of the workload's name that is somebody else's, or NULL */
    const struct jv *service;
    const char *service_name;
    const struct jv **profiles;       /* of engineRuntimes, in order; a missing one is NULL */
    int level;                        /* start order */
    const char *blocker;              /* why the first instance that is not ready is not, or NULL */
};

struct rbg_world {
    struct world w;
    struct rbg group;
    struct err decode;                /* code ERR_NONE, or why the stored object can't be read */
    struct role_world *roles;         /* in spec order */
    size_t *order;                    /* indexes into roles, by level and name */
    struct err order_err;             /* unknown dependency or cycle */
    struct jv **workloads;            /* all RoleInstanceSets that this group controls */
    size_t nworkloads;
    struct jv **revisions;            /* all ControllerRevisions of this group, oldest first */
    size_t nrevisions;
    const struct jv *configmap;
};

/* One role's problem, for the status: why it can't be built, or NULL. */
struct role_result { const char *problem, *reason; bool waiting; const char *waits_for; };

/* status.c: the whole wanted status of the group. */
struct jv *rbg_status(struct arena *a, const struct rbg_world *w, const struct role_result *results, const char *invalid_reason,
                      const char *invalid_message);

/* A role's workload has all its replicas ready, and has seen its latest spec. */
bool workload_ready(const struct jv *workload);


/* plan.c */
void rbg_plan(const struct world *world, struct plan *p);

#endif
