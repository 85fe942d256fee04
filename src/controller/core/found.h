/* Objects in the way: what a refused creation has met under its name, and no cache shows. Any thread. */
#ifndef RBG_CONTROLLER_FOUND_H
#define RBG_CONTROLLER_FOUND_H

#include "api/kinds.h"
#include "base/clock.h"

struct found;

struct found *found_new(const struct clock *clock);
void found_free(struct found *f);

/* The object is as `doc` says; NULL: there is none any more. Returns whether that is news. Those that nobody has looked at for
 * FOUND_KEPT_MS are forgotten; of more than FOUND_MAX the rest is not kept. */
bool found_put(struct found *f, enum kind k, const char *ns, const char *name, const struct jv *doc);
/* A fresh tree; NULL: nothing is known. */
struct jv *found_get(struct found *f, struct arena *a, enum kind k, const char *ns, const char *name);

#define FOUND_KEPT_MS 60000
#define FOUND_MAX 1000

#endif
