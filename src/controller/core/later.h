/* Writes that only record, and that nothing waits for: they give way while there is more to do than workers. */
#ifndef RBG_CONTROLLER_LATER_H
#define RBG_CONTROLLER_LATER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/clock.h"

struct later;

struct later_opts {
    const struct clock *clock;
    size_t batch;                                              /* keys woken at once, so that they are no burst of their own */
    bool (*busy)(void *ctx);                                   /* is there more to do than workers? */
    void (*wake)(void *ctx, void *owner, const char *root_key); /* look at this root again */
    void *ctx;
};

/* Starts a thread, which calls `wake`. */
struct later *later_start(const struct later_opts *o);
void later_stop(struct later *l); /* nobody is woken any more */
void later_free(struct later *l); /* after later_stop; NULL: nothing */

/* Must a write of this root wait? Then the root is woken when it is quiet, and the question asked again. For LATER_MAX_MS from the
 * first question at most: from then on the answer is no. */
bool later_gives_way(struct later *l, void *owner, const char *root_key);
/* Nothing of this root waits any more. */
void later_done(struct later *l, const char *root_key);

#define LATER_MAX_MS 60000

#endif
