/* Who may read /metrics: the API server is asked about the bearer token (TokenReview) and about the user's right to GET the
 * path (SubjectAccessReview), as part A 8.1 says of --metrics-secure. Any thread. */
#ifndef RBG_MANAGER_METRICS_AUTH_H
#define RBG_MANAGER_METRICS_AUTH_H

#include "base/clock.h"
#include "kube/client.h"

struct metrics_auth;

/* Borrows both. */
struct metrics_auth *metrics_auth_new(struct kube *kube, const struct clock *clock);
void metrics_auth_free(struct metrics_auth *m); /* NULL is allowed */

/* May the bearer of this Authorization header ("" when absent) GET /metrics? Errors: ERR_UNAUTHORIZED: no token, or one that the
 * API server does not know; ERR_FORBIDDEN: it names the user and what is missing; ERR_UNAVAILABLE: it could not be found out;
 * ERR_THROTTLED: there were too many unknown tokens in the last seconds, in all or of this peer (PEER_BYTES; NULL: unknown). */
int metrics_auth_check(struct metrics_auth *m, const char *authorization, const unsigned char *peer, struct err *e);

#endif
