/* Which of the simulated cluster's nodes has room for a pod: ready, not cordoned, the labels of nodeSelector, and what the node
 * says that it can give. */
#ifndef RBG_SIM_ROOM_H
#define RBG_SIM_ROOM_H

#include "base/arena.h"
#include "doc/json.h"

/* The fitting node with the fewest pods, the first among equals. NULL: none; *why is then a sentence, as a scheduler's. */
const char *room_for(struct arena *a, struct jv *const *nodes, size_t nnodes, struct jv *const *pods, size_t npods,
                     const struct jv *pod, const char **why);

#endif
