/* The admission and conversion webhooks, as routes of the HTTPS server. Stateless: any thread, one
 * arena per request. */
#ifndef RBG_WEBHOOK_WEBHOOK_H
#define RBG_WEBHOOK_WEBHOOK_H

#include "api/admission.h"
#include "serve/https.h"

struct webhook_opts {
    const struct lookup *lookup; /* NULL: rules that need a look at the cluster are skipped */
    struct admission_opts admission;
};

/* /validate-workloads-x-k8s-io-v1alpha2-rolebasedgroup, -rolebasedgroupset, -coordinatedpolicy,
 * -rolebasedgroupwarmup, /mutate-... of the first two, /convert. */
enum { WEBHOOK_ROUTES = 7 };

/* Fills `out` with at most `max` routes; returns how many there are. `o` must outlive the server.
 * Registers the metrics rbg_admission_requests_total{operation,allowed} and
 * rbg_conversion_objects_total{version,result}. */
size_t webhook_routes(const struct webhook_opts *o, struct serve_route *out, size_t max);

#endif
