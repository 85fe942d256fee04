/* What the RoleInstance's reconciler decides by. */
#ifndef RBG_CONTROLLER_RI_WORLD_H
#define RBG_CONTROLLER_RI_WORLD_H

#include "api/build.h"
#include "controller/core/reconciler.h"

/* One live pod of the instance, with what every rule asks about it. */
struct pod {
    const struct jv *doc;
    const char *name, *revision; /* label controller-revision-hash, short form; "" if absent */
    int component;               /* index into spec.components; -1: none of them */
    int id;                      /* ordinal inside the component; -1: unreadable */
    bool active;                 /* neither finished nor terminating */
    bool terminating, failed;
    bool in_place_done;          /* no in-place update is on its way */
    bool running;                /* Running, its containers ready, nothing on its way: ready but for the instance's gate */
    bool ready;                  /* the whole pod is ready */
};

struct ri_world {
    struct world w;
    struct ri inst;
    struct err decode;
    const char *role_type;
    struct pod *pods;            /* of the instance, by name */
    size_t npods;
    struct jv **revisions;       /* ControllerRevisions that the instance controls, oldest first */
    size_t nrevisions;
};

/* One reconcile. Filled by the phases, read by the status. */
struct ri_pass {
    struct arena *a;
    const struct ri_world *w;
    struct plan *p;
    const char *update, *current;  /* revision names, full */
    struct jv *update_data;        /* of the update revision */
    int32_t collisions;
    const char *failed_scale;      /* why pods could not be built; NULL */
    struct jv *baselines;          /* status.inPlaceUpdateContainerBaselines as it will be */
    bool updating;                 /* this pass updates pods in place */
};

/* scale.c: deletes failed and surplus pods, or creates missing ones. Returns true when it planned a write: then nothing is updated. */
bool ri_plan_scale(struct ri_pass *s);

/* order.c: may pods of the component be created now (annotation component-depends-on)? *problem: why the annotation is wrong. */
bool ri_may_start(struct ri_pass *s, size_t component, const char **problem);

/* update.c: brings pods of older revisions to the update revision, in place where only images and metadata differ; finishes updates
 * whose grace has passed. */
void ri_plan_update(struct ri_pass *s);
/* Has the in-place update that the pod's annotations tell of been done by the kubelet (part C 8.6)? */
bool pod_update_done(const struct jv *pod);

/* gates.c: the conditions behind the pods' readiness gates. */
void ri_plan_gates(struct ri_pass *s);
/* Adds to `conditions` (a patch list) what makes pod Ready follow its gates, given the new gate conditions in the list. */
void pod_ready_follows(struct arena *a, const struct jv *pod, struct jv *conditions, int64_t now_ms);
struct jv *pod_condition(struct arena *a, const char *type, bool status, const char *reason, const char *message, int64_t now_ms);

/* status.c */
void ri_plan_status(struct ri_pass *s);

/* plan.c */
void ri_plan(const struct world *world, struct plan *p);

/* Does the pod carry the update revision? */
bool ri_at_update(const struct ri_pass *s, const struct pod *pod);

/* Name of the pod of a component's ordinal; the wanted number of its pods. */
const char *ri_pod_name(struct ri_pass *s, size_t component, int id);
int32_t ri_size(const struct ri_world *w, size_t component);
const struct pod *ri_pod(const struct ri_world *w, const char *name);

/* A write that will be followed by a better one very soon may wait so long, in multiples of options.settle_ms. */
#define RI_SETTLE 5 /* 10 s by default: an instance's only news is usually that it is ready */

#endif
