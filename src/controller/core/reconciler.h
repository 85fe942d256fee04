/* A reconciler: observe gathers everything that a decision may use, plan decides. plan has no clock, randomness, log or I/O: the
 * same world gives the same plan, which is what the golden tests, the simulation and the dry runs stand on. */
#ifndef RBG_CONTROLLER_RECONCILER_H
#define RBG_CONTROLLER_RECONCILER_H

#include "controller/core/plan.h"
#include "controller/core/refusals.h"
#include "controller/core/source.h"

struct rkey { const char *ns, *name; };

struct options { /* what flags can change about decisions */
    const char *scheduler;         /* "scheduler-plugins" or "volcano" */
    bool deprecated_workloads;
    bool restrict_profiles; /* use no profile that profile_limits refuses */
    int64_t settle_ms;             /* how long a status that will change again at once may wait; 0 in tests */
    int64_t progress_ms;           /* how long the same cause may keep a group still until it is called stalled */
};

struct rctx {
    struct arena *a;
    const struct source *src;
    const struct options *opt;
    int64_t now_ms; /* wall time of this reconcile */
    const struct refusal *refused; /* of the last plan of this root (refusals.h); NULL: nothing */
};

/* Everything a decision may use. Each reconciler's own world starts with this. */
struct world {
    const struct jv *root; /* the document */
    const struct options *opt;
    int64_t now_ms;
    const struct refusal *refused; /* as in rctx; set by decide */
};

/* Which roots a changed object concerns: calls add(ctx, namespace, name) for each. */
typedef void (*route_fn)(const struct jv *doc, void (*add)(void *ctx, const char *ns, const char *name), void *ctx);
struct route {
    enum kind kind;
    route_fn map; /* NULL: the controller owner of the root's kind */
    /* Instead: the roots under this index key of the source; for kinds that roots refer to by name. */
    const char *(*index)(struct arena *a, const struct jv *doc);
    /* With map: does this change concern the roots at all? NULL: every one does. Objects that come or go always do. */
    bool (*news)(const struct jv *was, const struct jv *is);
};

struct reconciler {
    const char *name;      /* of the event source and in metrics: "RoleBasedGroup" */
    enum kind root;
    const struct route *routes; /* besides the root itself */
    size_t nroutes;
    /* Returns NULL when there is nothing to do: the root is gone, or being deleted. */
    struct world *(*observe)(struct rctx *c, const struct rkey *key);
    void (*plan)(const struct world *w, struct plan *p);
    /* A world from which plan says this of the root, and does nothing else; NULL: there is no way to say it. */
    struct world *(*refuse)(struct rctx *c, const struct jv *root, const char *why);
};

extern const struct reconciler rbgset_reconciler, rbg_reconciler, adapter_reconciler, ris_reconciler, ri_reconciler;

#endif
