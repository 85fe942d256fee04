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
    const struct jv *adapter;         /* the scaling adapter of this role that this group owns, or NULL */
    const struct jv *foreign_adapter; /* one of its name that is somebody else's, or NULL */
    bool overridden;                  /* role's replicas are not the spec's: the adapter's count, until they are written there */
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
    struct jv **adapters;             /* all scaling adapters that this group owns */
    size_t nadapters;
    const struct jv *configmap;
};

/* One role's problem, for the status: why it can't be built, or NULL. */
struct role_result { const char *problem, *reason; bool waiting; const char *waits_for; };

/* status.c: the whole wanted status of the group. */
struct jv *rbg_status(struct arena *a, const struct rbg_world *w, const struct role_result *results, const char *invalid_reason,
                      const char *invalid_message);

/* A role's workload has all its replicas ready, and has seen its latest spec. */
bool workload_ready(const struct jv *workload);

/* adapters.c: the scaling adapter of a role that has its workload; and those of roles that have none any more. */
void plan_adapter(struct plan *p, const struct rbg_world *w, const struct role_world *rw, bool fresh);
void plan_adapter_orphans(struct plan *p, const struct rbg_world *w);

/* plan.c */
void rbg_plan(const struct world *world, struct plan *p);

#endif
