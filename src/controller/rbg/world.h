/* What the group's reconciler decides by. */
#ifndef RBG_CONTROLLER_RBG_WORLD_H
#define RBG_CONTROLLER_RBG_WORLD_H

#include "api/build.h"
#include "controller/core/claim.h"

/* What keeps an instance, or what should make it, from being ready. */
struct cause {
    const char *object; /* whose it is; NULL: there is none */
    const char *text;   /* for people, as the object says it */
    const char *word;   /* for programs; NULL: it is on its way */
    bool stuck;         /* nothing comes of waiting: somebody has to change something */
    bool moves;         /* it is being dealt with all the same */
    int64_t since_ms;
};

struct role_causes {
    struct cause first; /* the one to tell: stuck ones, then those with a word, then the longest waiting */
    size_t waiting;     /* instances that are not ready, and say so */
    size_t moving;      /* of them, those that are on their way */
    bool of_set;        /* the workload itself has one */
};

struct role_world {
    const struct role *role;
    const struct jv *workload;        /* the live RoleInstanceSet that this group controls, or an orphan of it, or NULL */
    struct other foreign;             /* who else has the workload's name */
    const struct jv *service;         /* of the role; NULL when it has none yet, or somebody else has its name */
    struct other foreign_service;     /* who has it */
    bool borrowed_service;            /* service is a user's own: it is used, and stays when the group goes */
    const char *service_name;
    const struct jv *adapter;         /* the scaling adapter of this role that this group owns, or NULL */
    struct other foreign_adapter;     /* who else has its name */
    bool overridden;                  /* role's replicas are not the spec's: the adapter's count, until they are written there */
    const struct jv **profiles;       /* of engineRuntimes, in order; a missing one is NULL */
    bool profile_rolls;               /* one of them says RollingUpdate */
    int64_t profile_wait_ms;          /* it is another group's turn: look again then; 0: it is this one's */
    int level;                        /* start order */
    bool of_before;                   /* there is a ConfigMap of the workload's name, as each role once had */
    struct role_causes causes;        /* while the workload is not wholly ready */
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
    struct other foreign_configmap;   /* who else has its name */
};

/* What this pass found about a role, for the status. */
struct role_result {
    const char *problem, *reason; /* why it can't be built; NULL: it can */
    bool waiting;                 /* for a dependency, before its first start */
    const char *waits_for;
    bool applied;                 /* its workload is changed in this pass: whatever the workload says is of before */
    bool reshaped;                /* and its instances with it, not only their number */
};

/* progress.c: how far a role is. */
struct role_state {
    int64_t want, replicas, ready, updated;
    int64_t expected;  /* instances that are to be updated: fewer while a partition or a pause holds the others */
    bool pending;      /* its workload has not looked at what it is asked for */
    bool rolling;      /* there are, or are about to be, instances of an older revision */
    bool held;         /* by a partition or a pause */
    bool done;         /* all that was asked for is there, ready, and at its revision */
    bool moves;        /* not done, and something goes on without help */
    struct cause cause;
};
struct role_state role_state(const struct rbg_world *w, const struct role_result *results, size_t i);

/* cause.c */
void observe_causes(struct rctx *c, const struct jv *set, struct role_causes *out);
bool cause_before(const struct cause *x, const struct cause *y);
/* Does the group hear something new from this change of an instance? */
bool cause_news(const struct jv *was, const struct jv *is);

/* status.c: the whole wanted status of the group. stalled: it is said now that nothing moves; look_ms: look again then, 0: need
 * not. */
struct status_told { const char *stalled; int64_t look_ms; };
struct jv *rbg_status(struct arena *a, const struct rbg_world *w, const struct role_result *results, const char *invalid_reason,
                      const char *invalid_message, struct status_told *told);

/* A role's workload has all its replicas ready, and has seen its latest spec. */
bool workload_ready(const struct jv *workload);

/* turn.c: whose turn it is, when a profile that several groups name has changed. Reads. */
void observe_turn(struct rctx *c, const struct rbg_world *w, struct role_world *rw);

/* kept.c */
/* Hash of what a role's profiles say now. */
const char *profiles_hash(struct arena *a, const struct jv *const *profiles, size_t n);
/* The hash of the profiles that the workload was made with; NULL: not on record. */
const char *profiles_made_with(struct arena *a, const struct jv *workload);
/* Writes into `wanted`, the role's workload, what it is made with. made_without: the same without profiles, and the role's hash. A
 * running role whose profiles alone have changed keeps its template until its turn comes: then *waits. */
void keep_profiles(struct arena *a, const struct role_world *rw, const char *role_hash, const struct jv *made_without,
                   struct jv *wanted, bool *waits);
/* Do the role's pods mount the discovery file, and did they before anything of the role changed? Then they go on to. */
bool keeps_mount(struct arena *a, const struct role_world *rw, const char *role_hash);

/* adapters.c: the scaling adapter of a role that has its workload; and those of roles that have none any more. */
void plan_adapter(struct plan *p, const struct rbg_world *w, const struct role_world *rw, bool fresh);
void plan_adapter_orphans(struct plan *p, const struct rbg_world *w);

/* plan.c */
void rbg_plan(const struct world *world, struct plan *p);

#endif
