/* Observing and planning, as one unit of work: what takes too much memory or time for one object ends as a condition on it. */
#ifndef RBG_CONTROLLER_DECIDE_H
#define RBG_CONTROLLER_DECIDE_H

#include "controller/core/reconciler.h"

/* The world of the root, and what it needs in `p`; NULL when there is nothing to do. Both live in c->a. */
const struct world *decide(const struct reconciler *r, struct rctx *c, const struct rkey *key, struct plan *p);

#endif
