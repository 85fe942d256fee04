/* /healthz, /readyz and /metrics. */
#ifndef RBG_MANAGER_PROBES_H
#define RBG_MANAGER_PROBES_H

#include "base/clock.h"
#include "controller/core/engine.h"
#include "manager/metrics_auth.h"
#include "serve/https.h"

struct probes {
    const struct clock *clock;
    struct kube *kube;
    struct engine *engine;
    struct certs *certs, *metrics_certs; /* NULL: no webhooks; none of their own */
    struct metrics_auth *metrics_auth; /* NULL: everybody may read /metrics */
    _Atomic bool untrusted; /* API servers can't call the webhooks yet */
    _Atomic bool stopping; /* not ready any more, so that no new request comes while the old ones end */
    struct server *health, *metrics;
};

/* Starts the servers. metrics_address "0": no metrics. metrics_certs NULL: plain HTTP. */
int probes_start(struct probes *p, const char *health_address, const char *metrics_address, struct certs *metrics_certs,
                 struct err *e);
/* False: the API server is still being asked who may read the metrics; only the end of the process is left (server_stop). */
bool probes_stop(struct probes *p);

#endif
