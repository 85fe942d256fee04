/* Revision history, the same for sets and instances (part C 3.3 and 3.5): which stored revision equals a candidate, what has to be
 * written, and what may be forgotten. */
#ifndef RBG_CONTROLLER_HISTORY_H
#define RBG_CONTROLLER_HISTORY_H

#include "api/build.h"
#include "controller/core/claim.h"

/* All ControllerRevisions that the object controls, and those without an owner that are its own, oldest first. */
size_t history_observe(struct rctx *c, const struct jv *parent, identity_fn identity, struct jv ***out);
/* Plans the adoption of those that have no owner. */
void history_adopt(struct plan *p, struct jv *const *list, size_t n, enum kind parent_kind, const struct jv *parent);

struct history {
    struct jv *const *list; /* oldest first */
    size_t n;
};

const struct jv *history_find(const struct history *h, const char *name);

/* Is there a revision of this name with other data? Then the caller builds again with one collision more. */
bool history_collides(const struct history *h, const struct revision *r);

/* The revision that an instance's present spec has or will have. collisions: in, those of its status; out, those it takes. */
int history_of_instance(struct arena *a, const struct history *h, const struct ri *inst, int32_t *collisions, struct revision *out,
                        struct err *e);

/* Plans what makes `r` the newest revision: nothing when it is, a new number when an older one is equal (its name stays), else its
 * creation from `object`, whose `.revision` is set here. gives_way: the creation may wait until there is less to do. Returns the
 * name that the revision has. */
const char *history_plan(struct plan *p, const struct history *h, const struct revision *r, struct jv *object, bool gives_way);

/* Plans the deletion of the oldest revisions that `live` does not claim, down to `limit` of them. */
void history_truncate(struct plan *p, const struct history *h, size_t limit, bool (*live)(const void *ctx, const char *name),
                      const void *ctx);

#endif
