/* What the RoleInstanceSet's reconciler decides by. */
#ifndef RBG_CONTROLLER_RIS_WORLD_H
#define RBG_CONTROLLER_RIS_WORLD_H

#include "api/build.h"
#include "controller/core/claim.h"

/* One live RoleInstance, with what every rule asks about it. */
struct instance {
    const struct jv *doc;
    int ordinal;              /* -1: not named as an instance of this set */
    const char *revision;     /* label controller-revision-hash; "" if absent */
    bool healthy;             /* ready, and its status belongs to its latest spec */
    bool terminating;
    bool complete;            /* all its pods are at its latest spec */
    bool available;           /* ready for minReadySeconds */
    int64_t available_in_ms;  /* when healthy but not available yet */
    int64_t unhealthy_ms;     /* how long not ready; 0 when healthy, and while it may still be (its latest spec is not seen yet) */
    struct jv **revisions;    /* ControllerRevisions that it controls, oldest first; only while the set may be rolling */
    size_t nrevisions;
};

struct ris_world {
    struct world w;
    struct ris set;
    struct err decode;
    struct instance *instances; /* controlled by the set, by ordinal */
    size_t ninstances;
    struct other *others;       /* by ordinal: whoever else has the name of an instance that is missing */
    int nothers;
    struct jv **revisions;      /* ControllerRevisions that the set controls, and orphans of it, oldest first */
    size_t nrevisions;
    const char *pattern;        /* annotation role-instance-pattern; NULL: none, which means Stateful */
};

/* The numbers of one pass (part C 4.4). */
struct topology {
    int32_t replicas, surge_max, unavailable_max, partition;
    int32_t end;              /* wanted ordinals: [0, end); those from `replicas` on are the surge */
    int32_t keep;             /* extra instances below this ordinal stay while the base is not done */
    bool rolling;
    const char *obstacle;     /* why nothing is updated under InPlaceOnly, for people; NULL: nothing is in the way */
};

/* What serves, and how much of it has to. One for each pass: whatever takes an instance out of service in it asks ris_take. */
struct capacity { int32_t serving, least; };

/* The two revisions of one pass. */
struct ris_revisions {
    const char *update, *current;         /* full names */
    const struct jv *update_template;     /* roleInstanceTemplate documents */
    const struct jv *current_template;
    struct revision candidate;            /* of the set as it is now: its bytes are the update revision's data */
    int32_t collisions;
};

/* One pass over a set. Filled by the phases, in the order of ris_plan. */
struct ris_pass {
    struct arena *a;
    const struct ris_world *w;
    struct plan *p;
    struct ris_revisions r;
    struct topology t;
    struct capacity c;
    bool ordered;   /* OrderedReady */
    bool *written;  /* by instance: this pass updates or removes it */
};

/* revisions.c: picks or creates (plans to) the update revision, finds the current one, plans the truncation of the history. */
int ris_plan_revisions(struct arena *a, const struct ris_world *w, struct plan *p, struct ris_revisions *out, struct err *e);
/* The roleInstanceTemplate that a revision holds; NULL if the name is not listed. */
const struct jv *ris_revision_template(struct arena *a, const struct ris_world *w, const char *name);

/* topology.c */
int ris_topology(struct arena *a, const struct ris_world *w, const struct ris_revisions *r, struct topology *out, struct err *e);
/* The instance of an ordinal, or NULL. */
const struct instance *ris_instance(const struct ris_world *w, int ordinal);

/* Does the instance serve? It is available (ready for minReadySeconds), all its pods are at its latest spec, and it is not on its
 * way out. Its revision does not matter, nor whether it is one of `replicas` or of the surge. The only measure of that: for the
 * budget, the surge, the end of a rollout, OrderedReady and the status. NULL does not. */
bool ris_serves(const struct instance *i);
struct capacity ris_capacity(const struct ris_world *w, const struct topology *t);
/* May the instance be taken out of service? Only while the others keep `replicas - maxUnavailable` in service; then it is no longer
 * counted. */
bool ris_take(struct capacity *c, const struct instance *i);
/* All base instances from the partition on are at the update revision, and serve. */
bool ris_base_done(const struct ris_world *w, const struct ris_revisions *r, const struct topology *t);

/* rollout.c: updates as many instances as the capacity allows. */
void ris_plan_rollout(struct ris_pass *s);

/* inplace.c */
/* Can the instance itself stay (its components and their sizes are the same)? Its own controller then decides for each pod. */
bool ris_in_place_possible(const struct jv *old_template, const struct jv *new_template);
void ris_update_in_place(const struct ris_pass *s, const struct instance *i);
/* What an instance of that revision has that can't be updated in place down to its pods, as a path; NULL: nothing. */
const char *ris_obstacle(struct arena *a, const struct ris_world *w, const struct ris_revisions *r, const char *revision);

/* metadata.c: labels and annotations that the set hands down. */
/* A merge patch {labels, annotations} that makes the instance's follow; empty: they do. updated: the instance is brought to the
 * update revision, so that the labels which tell of it change too. */
struct jv *ris_metadata_patch(const struct ris_pass *s, const struct instance *i, bool updated);
/* Plans it for all that this pass does not write anyway. */
void ris_plan_metadata(const struct ris_pass *s);

/* Who has the name of a wanted instance, and will not give it up; NULL: nobody. */
const struct other *ris_name_taken(const struct ris_world *w, const struct topology *t);

/* status.c */
struct jv *ris_status(const struct ris_pass *s);

/* plan.c */
void ris_plan(const struct world *world, struct plan *p);

#define RIS_SETTLE_MS 1000            /* so long at most a set's status may differ from what its instances say */
#define RIS_STABLY_UNHEALTHY_MS 10000 /* part C 4.5: so long not ready, and an update needs no budget */

#endif
