/* What the RoleInstance's reconciler decides by. */
#ifndef RBG_CONTROLLER_RI_WORLD_H
#define RBG_CONTROLLER_RI_WORLD_H

#include "api/build.h"
#include "controller/core/claim.h"

/* One live pod of the instance, with what every rule asks about it. */
struct pod {
    const struct jv *doc;
    const char *name, *revision; /* label controller-revision-hash, short form; "" if absent */
    int component;               /* index into spec.components; -1: none of them */
    int id;                      /* ordinal inside the component; -1: unreadable */
    bool active;                 /* neither finished nor terminating */
    bool terminating;
    bool failed;                /* it has ended, and must be made anew: phase Failed, or Succeeded under restartPolicy Always */
    bool done;                  /* it has ended well, and its restartPolicy lets it */
    bool in_place_done;          /* no in-place update is on its way */
    bool running;                /* Running, its containers ready, nothing on its way: ready but for the instance's gate */
    bool ready;                  /* the kubelet says so, and no gate of ours has been lowered since */
};

struct ri_world {
    struct world w;
    struct ri inst;
    struct err decode;
    const char *role_type;
    bool in_place_only;          /* the set's strategy: a pod that can't take over an update in place is left as it is */
    struct pod *pods;            /* of the instance, by name */
    size_t npods;
    struct other *others;        /* whoever else has the name of a pod that is missing */
    size_t nothers;
    struct jv **revisions;       /* ControllerRevisions that the instance controls, oldest first */
    size_t nrevisions;
};

/* What the restart policy says in this pass. */
enum restart_step {
    RESTART_NONE,
    RESTART_WAITS,   /* there is a crash, but the latest recreation was too short a time ago */
    RESTART_BEGINS,  /* it is counted now, and pods are deleted */
    RESTART_GOES_ON, /* pods of before are still there */
    RESTART_GAVE_UP, /* as often as the policy allows; nothing is done any more until the spec changes */
};
struct restart {
    enum restart_step step;
    bool whole;           /* all pods go, else those that failed */
    const char *evidence; /* what happened, for people */
    const char *first;    /* what the row of recreations began with; NULL: there is none */
    int64_t wait_ms;      /* RESTART_WAITS: so long still */
    int64_t count;        /* status.restartCount and lastRestartTime as they will be; time NULL: absent */
    const char *time;
};

struct crash { const struct pod *pod; int64_t ms; const char *text; }; /* ms: when, since 1970; INT64_MAX: nobody knows */

/* What keeps a pod, or the instance, from being ready. */
struct cause {
    const char *text; /* NULL: nothing does */
    size_t known;     /* so much of the text tells causes apart; 0: it is only starting, or going */
};

/* One reconcile. Filled by the phases, read by the status. */
struct ri_pass {
    struct arena *a;
    const struct ri_world *w;
    struct plan *p;
    const char *update, *current;  /* revision names, full */
    struct jv *update_data;        /* of the update revision */
    int32_t collisions;
    int created;                   /* pods that this pass makes */
    const char *failed_scale;      /* why pods could not be built, or made; NULL */
    const char *told;              /* what was said last of why the instance is not ready; NULL */
    struct cause cause;            /* what keeps it from being ready now */
    const char *failed_update;     /* why the update stops under InPlaceOnly; NULL */
    const char *name_taken;        /* that it is because of a name */
    struct jv *baselines;          /* status.inPlaceUpdateContainerBaselines as it will be */
    bool updating;                 /* this pass updates pods in place */
    struct pending *todo;          /* update.c's: the pods that are updated in place */
    size_t ntodo;
    struct restart restart;
};

/* observe.c: the JSON in an annotation of the pod; NULL when there is none that can be read. */
const struct jv *pod_annotation_json(struct arena *a, const struct jv *pod, const char *key);
/* The index of the component of that name; -1: none. */
int ri_component_index(const struct ri_world *w, const char *name);

/* scale.c: deletes failed and surplus pods, or creates missing ones. Returns true when it planned a write: then nothing is
 * updated. */
bool ri_plan_scale(struct ri_pass *s);
void ri_delete_pod(struct ri_pass *s, const struct pod *pod, const char *why);

/* order.c: may pods of the component be created now (annotation component-depends-on)? *problem: why the annotation is wrong. */
bool ri_may_start(struct ri_pass *s, size_t component, const char **problem);

/* update.c: brings pods of older revisions to the update revision, in place where only images and metadata differ; finishes updates
 * whose grace has passed. */
void ri_plan_update(struct ri_pass *s);
/* The pods' patches of such an update. After the status: the baselines in it must be there before a container restarts. */
void ri_plan_patches(struct ri_pass *s);

/* done.c: has the in-place update that the pod's annotations tell of been done by the kubelet? */
bool pod_update_done(const struct jv *pod);
/* Annotation inplace-update-before of a pod that gets new images now: what the containers were before the updates that are on their
 * way, {container: {image, imageID, containerID, restartCount, updates}}. NULL: nothing. */
struct jv *pod_before(struct arena *a, const struct pod *pod, const struct jv *images);

/* gates.c: the conditions behind the pods' readiness gates. */
void ri_plan_gates(struct ri_pass *s);
bool pod_has_gate(const struct jv *pod, const char *type);
struct jv *pod_condition(struct arena *a, const char *type, bool status, const char *reason, const char *message, int64_t now_ms);

/* crash.c */
/* Has the pod failed, or has a container of it restarted by itself since the pod first went into service? */
bool ri_crashed(struct ri_pass *s, const struct pod *pod, struct crash *out);
bool pod_was_in_service(const struct jv *pod);
/* The policy does not look at it: it is told to, or the pod is being updated in place. */
bool pod_exempt(const struct jv *pod);
/* JSON {container: restarts} of those that have restarted; NULL: none has. */
const char *pod_start_restarts(struct arena *a, const struct jv *pod);
/* The pod's own entry in the baselines, by container; NULL: none. */
const struct jv *ri_baselines(const struct ri_pass *s, const struct pod *pod);

/* restart.c */
void ri_decide_restart(struct ri_pass *s); /* fills s->restart */
bool ri_recreates(const struct ri_pass *s); /* is it the policy that a crash takes the whole instance along? */
/* Is it the restart policy that decides about the pod when it fails? */
bool ri_restart_decides(const struct ri_pass *s, const struct pod *pod);
void ri_plan_restart(struct ri_pass *s); /* the status, then the deletions: the whole pass when one begins or goes on */
void ri_plan_give_up(struct ri_pass *s);
/* Names the latest recreation, for the pods that are made after it; NULL: there was none. */
const char *ri_restart_id(const struct ri_pass *s);
/* Appends the conditions Restarting and Failed. */
void ri_put_restart(struct ri_pass *s, struct jv *list, const struct jv *old, bool ready);
/* Seconds between recreation n and the next one (part D 9.5): base * 2^(n-1), at most max; max 0: no limit but int32. */
int64_t ri_restart_delay_s(int64_t n, int64_t base, int64_t max);

/* told.c: what keeps a pod from being ready. before: what was said last of the instance, or NULL. */
struct cause pod_cause(struct arena *a, const struct pod *pod, const char *before);
const char *ri_shortened(struct arena *a, const char *text); /* others' words, without their middle when they are long */

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
