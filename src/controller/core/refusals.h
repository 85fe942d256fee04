/* Writes that the API server refused: by quota, Pod Security, somebody's webhook, a LimitRange, our own rights. The next plan of
 * the same root is told, so that its status can say why nothing moves. Nothing else is decided by it: the write is planned again,
 * and a manager that has just started asks once to know. */
#ifndef RBG_CONTROLLER_REFUSALS_H
#define RBG_CONTROLLER_REFUSALS_H

#include "base/err.h"
#include "controller/core/plan.h"

struct refusal {
    enum act act;
    enum kind kind;
    const char *name;    /* of the object; NULL when it gets one when it is made */
    const char *message; /* the API server's words */
};

struct refusals;

struct refusals *refusals_new(void);
void refusals_free(struct refusals *r);

/* Is it such an answer: to this very write, and not to be had by asking again at once? */
bool is_refusal(const struct err *e);
const char *refusal_words(const struct err *e); /* what the API server said, without the request and the status code */
/* Returns whether it is news: false when the last note of this root says the same. */
bool refusals_note(struct refusals *r, const char *root_key, const struct refusal *what);
/* NULL: everything that was planned last went through. */
const struct refusal *refusals_get(struct refusals *r, struct arena *a, const char *root_key);
void refusals_clear(struct refusals *r, const char *root_key);

#define REFUSED_RETRY_MS 30000 /* so long at most until it is asked again: what refused it may be over */

#endif
