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
/* From now on the source shows this object, too, though no cache selects it: somebody has met it. */
void cluster_reveal(struct cluster *c, enum kind k, const char *ns, const char *name);

/* ---- writing: 0, or -1 as the API server would refuse: ERR_EXISTS, ERR_NOT_FOUND, ERR_CONFLICT, ERR_INVALID ---- */

/* A namespaced object without a namespace goes to "default". Documents are not changed. */
int cluster_create(struct cluster *c, const char *manager, enum kind k, const struct jv *doc, struct err *e);
int cluster_apply(struct cluster *c, const char *manager, enum kind k, const struct jv *doc, bool force, struct err *e);
enum patch_type { PATCH_MERGE, PATCH_STRATEGIC, PATCH_JSON };
/* metadata.uid and metadata.resourceVersion that the patch leads to are preconditions. status: of the status subresource, which
 * changes nothing else; without it the status does not change. A definition's objects take no strategic merge patch (415). */
int cluster_patch_as(struct cluster *c, const char *manager, enum kind k, const char *ns, const char *name, enum patch_type type,
                     const struct jv *patch, bool status, struct err *e);
/* As the controllers patch: a strategic merge patch for Kubernetes' own kinds, a merge patch for ours. */
int cluster_patch(struct cluster *c, const char *manager, enum kind k, const char *ns, const char *name, const struct jv *patch,
                  bool status, struct err *e);
struct cluster_deletion {
    const char *uid, *version; /* preconditions; NULL: none */
    const char *policy;        /* "Orphan", "Foreground", "Background"; NULL: what its finalizers say, or Background */
};
/* A pod with a node is only marked: its kubelet removes it. */
int cluster_delete_as(struct cluster *c, enum kind k, const char *ns, const char *name, const struct cluster_deletion *how,
                      struct err *e);
/* Background propagation. uid NULL: no precondition. */
int cluster_delete(struct cluster *c, enum kind k, const char *ns, const char *name, const char *uid, struct err *e);
/* What an action of a plan asks for. */
int cluster_do(struct cluster *c, const char *manager, const struct action *w, struct err *e);

/* The kubelet's last word about a pod: it is gone. */
void cluster_remove(struct cluster *c, enum kind k, const char *ns, const char *name);

/* From now on, creates of the kind in the namespace (NULL: in any) are refused with 403 and these words, as a quota or an
 * admission plugin does; words NULL: no longer. */
void cluster_refuse(struct cluster *c, enum kind k, const char *ns, const char *words);

/* One pass of the garbage collector: objects all of whose owners are gone are deleted, references to owners that are gone are taken
 * out of others, and what "orphan" and "foregroundDeletion" promise is carried on. Returns how many objects it changed. */
size_t cluster_collect(struct cluster *c);

#endif
