/* Leader election on a coordination.k8s.io/v1 Lease: 15 s lease, 10 s renew deadline, 2 s retry; released on exit. */
#ifndef RBG_KUBE_LEASE_H
#define RBG_KUBE_LEASE_H

#include "kube/client.h"

struct lease;

struct lease_opts {
    const char *ns, *name, *identity;
    int64_t duration_ms, renew_ms, retry_ms; /* 0: 15000, 10000, 2000 */
    void (*on_started)(void *ctx);           /* we lead now; own thread of the lease */
    void (*on_lost)(void *ctx);              /* the lease was lost: the process must end */
    void *ctx;
};

struct lease *lease_start(struct kube *k, const struct lease_opts *o);
bool lease_held(const struct lease *l);
void lease_stop(struct lease *l); /* releases the lease when held, waits for the thread, frees */

#endif
