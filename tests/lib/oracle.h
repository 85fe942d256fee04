/* Watches a simulated cluster from outside: what serves is measured from the pods' own conditions, not from any status of ours,
 * after every single change; and each write of the controllers is judged before it is carried out. A broken rule fails the test and
 * prints the timeline. */
#ifndef RBG_ORACLE_H
#define RBG_ORACLE_H

#include "sim/sim.h"

struct oracle;

/* Sees everything from now on: make it before the first apply. Takes over sim_fail_writes. */
struct oracle *oracle_new(struct sim *s);
void oracle_free(struct oracle *o);

/* Asked before each write of the controllers, as with sim_fail_writes; what it refuses is not judged. */
void oracle_refuse(struct oracle *o, int (*fn)(void *ctx, const struct action *w, struct err *e), void *ctx);

/* From now on this object is somebody else's: it must stay as it is until oracle_give_back. */
void oracle_foreign(struct oracle *o, enum kind k, const char *name);
void oracle_give_back(struct oracle *o, enum kind k, const char *name);

/* How many instances of the set are available now: all pods there and ready for minReadySeconds. */
int oracle_available(struct oracle *o, const char *set);
/* The least and the most that there were at any moment since oracle_reset: instances available, instances alive. */
int oracle_least(const struct oracle *o, const char *set);
int oracle_most(const struct oracle *o, const char *set);
void oracle_reset(struct oracle *o);

/* How often a write took an instance that served out of service, and was allowed to: so that a test can see that it shows
 * something. */
size_t oracle_takes(const struct oracle *o);

#endif
