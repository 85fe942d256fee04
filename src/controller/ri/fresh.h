/* Instances that have no status yet. What the status would say gives way in a burst (core/later.h); until it is written the set
 * looks at the pods instead, so nobody waits for it. */
#ifndef RBG_CONTROLLER_RI_FRESH_H
#define RBG_CONTROLLER_RI_FRESH_H

#include "controller/core/reconciler.h"

/* A set's instance without a status yet, and with the spec that it was created with: its pods can't be of another. One that
 * somebody made by hand has nobody who would look at its pods. */
bool ri_is_fresh(const struct jv *doc);

/* Are all pods of the instance there and ready? *since_ms: since when, wall time. */
bool ri_fresh_ready(struct rctx *c, const struct jv *doc, int64_t *since_ms);

#endif
