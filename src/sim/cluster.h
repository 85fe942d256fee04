/* An API server in memory: objects by kind, namespace and name, with the rules of Kubernetes that controllers depend on:
 * versions, uids, generations, defaults of our definitions, the status subresource, server-side apply with field ownership,
 * patches, conflicts, preconditions, graceful deletion of pods, garbage collection by owner references. Time is virtual; uids
 * and versions are counted, so the same calls give the same objects. One thread. */
#ifndef RBG_SIM_CLUSTER_H
#define RBG_SIM_CLUSTER_H

#include "base/clock.h"
#include "controller/core/plan.h"
#include "controller/core/source.h"

struct cluster;

struct cluster *cluster_new(const struct clock *clock);
void cluster_free(struct cluster *c);

/* Called after each change; was NULL: created, is NULL: gone. The trees are only valid during the call. */
typedef void (*cluster_watch_fn)(void *ctx, enum kind k, const struct jv *was, const struct jv *is);
void cluster_watch(struct cluster *c, cluster_watch_fn fn, void *ctx);

/* ---- reading: whole objects, fresh trees in the arena ---- */
struct jv *cluster_get(struct cluster *c, struct arena *a, enum kind k, const char *ns, const char *name); /* NULL: none */
/* All of a kind, sorted by namespace and name. */
size_t cluster_list(struct cluster *c, struct arena *a, enum kind k, struct jv ***out);
size_t cluster_count(const struct cluster *c, enum kind k); /* KIND_NONE: all */
/* What the manager's caches would show: the labels they select by, their projections. */
const struct source *cluster_source(const struct cluster *c);

/* ---- writing: 0, or -1 as the API server would refuse: ERR_EXISTS, ERR_NOT_FOUND, ERR_CONFLICT, ERR_INVALID ---- */

/* A namespaced object without a namespace goes to "default". Documents are not changed. */
int cluster_create(struct cluster *c, const char *manager, enum kind k, const struct jv *doc, struct err *e);
int cluster_apply(struct cluster *c, const char *manager, enum kind k, const struct jv *doc, bool force, struct err *e);
/* A strategic merge patch for Kubernetes' own kinds, a merge patch for ours. metadata.uid in the patch is a precondition.
 * status: of the status subresource, which changes nothing else; without it the status does not change. */
int cluster_patch(struct cluster *c, const char *manager, enum kind k, const char *ns, const char *name, const struct jv *patch,
                  bool status, struct err *e);
/* Background propagation. uid NULL: no precondition. A pod is only marked: its kubelet removes it. */
int cluster_delete(struct cluster *c, enum kind k, const char *ns, const char *name, const char *uid, struct err *e);
/* What an action of a plan asks for. */
int cluster_do(struct cluster *c, const char *manager, const struct action *w, struct err *e);

/* The kubelet's last word about a pod: it is gone. */
void cluster_remove(struct cluster *c, enum kind k, const char *ns, const char *name);

/* One pass of the garbage collector: objects all of whose owners are gone are deleted. Returns how many. */
size_t cluster_collect(struct cluster *c);

#endif
