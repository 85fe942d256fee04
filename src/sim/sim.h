/* The embedded cluster: an API server in memory, a scheduler and a kubelet, and the very reconcilers of the manager, on a
 * virtual clock. Deterministic: the same calls give the same objects, the same events and the same timeline. One thread. */
#ifndef RBG_SIM_SIM_H
#define RBG_SIM_SIM_H

#include "controller/core/reconciler.h"
#include "sim/cluster.h"
#include "sim/kubelet.h"
#include "sim/timeline.h"

struct sim;

struct sim_opts {
    struct kubelet_opts kubelet;
    struct options decisions;
    size_t nodes;
    int64_t collect_ms; /* how long garbage lies before it is collected */
    int64_t record_ms;  /* how long writes that give way have to wait */
    uint64_t shuffle;   /* 0: due keys in order of their names; else in an order that depends on this seed */
};
/* What a small, fast cluster does: images are there, containers start in 1 s and are ready 2 s later. */
extern const struct sim_opts sim_opts_default;

struct sim *sim_new(const struct sim_opts *o);
void sim_free(struct sim *s);

struct cluster *sim_cluster(struct sim *s);
struct kubelet *sim_kubelet(struct sim *s);
struct timeline *sim_timeline(struct sim *s);
int64_t sim_elapsed_ms(const struct sim *s);
int64_t sim_now_ms(const struct sim *s); /* wall time of the virtual clock */

/* A user's `kubectl apply`: v1alpha1 is converted, the defaults of admission are written. Not validated: see sim/manifest.h.
 * Errors: of conversion, of the cluster. */
int sim_apply(struct sim *s, const struct jv *doc, struct err *e);
/* A node with these labels, spec and allocatable resources; ready unless its conditions say otherwise. */
int sim_add_node(struct sim *s, const struct jv *node, struct err *e);
int sim_delete(struct sim *s, enum kind k, const char *ns, const char *name, struct err *e);

/* Does the next thing, moving the clock to it: one reconcile, one pod's step, or one garbage collection. Returns false when
 * nothing will ever happen again without a change from outside, or the engine has crashed and only it had something to do. */
bool sim_step(struct sim *s);
/* Steps until done() (NULL: never) or until nothing happens any more; false when limit_ms of virtual time have passed before. */
bool sim_run(struct sim *s, int64_t limit_ms, bool (*done)(void *ctx, struct sim *s), void *ctx);
/* Lets time pass even when nothing happens. */
void sim_wait(struct sim *s, int64_t ms);

/* Called after every step, to check what must always hold. */
void sim_watch_steps(struct sim *s, void (*fn)(void *ctx, struct sim *s), void *ctx);

/* ---- faults of the controllers ---- */

/* The engine dies right after this many more writes, in the middle of a plan if it comes so. */
void sim_crash_after(struct sim *s, int64_t writes);
bool sim_crashed(const struct sim *s);
/* A new process: no memory of anything but what is in the cluster; looks at every root once. */
void sim_restart(struct sim *s);
/* Asked before each write; returns -1 with an error when the write shall fail. NULL: none fails. */
void sim_fail_writes(struct sim *s, int (*fn)(void *ctx, const struct action *w, struct err *e), void *ctx);

/* ---- what happened ---- */

struct sim_event { int64_t ms; const char *kind, *ns, *name, *type, *reason, *message; };
size_t sim_events(const struct sim *s, const struct sim_event **out);
int64_t sim_writes(const struct sim *s);     /* of the controllers, all that the API server was asked for */
int64_t sim_reconciles(const struct sim *s);

/* The plan that a reconcile of each root would make now, for those that are not empty: a list of {root, plan}. Empty when
 * everything is as wanted. Looking again later (ACT_AFTER) is no write and does not count. */
struct jv *sim_pending(struct sim *s, struct arena *a);

#endif
