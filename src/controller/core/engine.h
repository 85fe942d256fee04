/* The running controllers: caches, routes from changes to keys, queues, workers. */
#ifndef RBG_CONTROLLER_ENGINE_H
#define RBG_CONTROLLER_ENGINE_H

#include "controller/core/reconciler.h"
#include "kube/client.h"
#include "kube/store.h"

struct engine;

struct engine_opts {
    struct kube *kube;
    const struct clock *clock;
    const struct options *options;
    const struct reconciler *const *reconcilers; /* owners before what they own */
    size_t nreconcilers;
    size_t workers;             /* per reconciler */
    double event_qps;           /* Normal events a second, and how many may exceed it at once; 0: no limit */
    int64_t event_burst;
};

struct engine *engine_new(const struct engine_opts *o);

/* Starts the reflectors: on every replica, so that a new leader starts with warm caches. */
void engine_start_caches(struct engine *g);
bool engine_synced(struct engine *g);
/* Milliseconds since the quietest cache last heard from the API server. */
int64_t engine_cache_age_ms(struct engine *g);

/* Starts the workers (on the leader): every root in the caches is looked at once. */
void engine_start_workers(struct engine *g);

/* Stops workers, then caches; waits for what is being done. */
void engine_stop(struct engine *g);
void engine_free(struct engine *g);

/* Reads of the caches, for admission. */
const struct source *engine_source(struct engine *g);

#endif
