/* What the program prints from its tables: CRDs, RBAC, webhook configurations, the field reference. */
#ifndef RBG_API_PRINT_H
#define RBG_API_PRINT_H

#include "api/kinds.h"

struct print_opts {
    const char *ns, *service; /* of the webhook: "rbgs-system", "rbgs-webhook-service" */
    const char *url;          /* instead of a service: "https://localhost:9443"; NULL */
    const char *ca_bundle;    /* base64 PEM or NULL */
    const char *secret;       /* of the self-managed certificate; NULL: rbgs-webhook-cert */
    bool deprecated_workloads; /* StatefulSet, Deployment, LeaderWorkerSet rights */
};

struct jv *print_crd(struct arena *a, enum kind k, const struct print_opts *o);            /* apiextensions.k8s.io/v1 */
/* A v1 List: ClusterRole rbgs-controller-role, and in o->ns the Roles rbgs-controller-secret-role (the webhook's certificate)
 * and rbgs-leader-election-role (the lease). No bindings. */
struct jv *print_cluster_role(struct arena *a, const struct print_opts *o);
struct jv *print_validating_config(struct arena *a, const struct print_opts *o);
struct jv *print_mutating_config(struct arena *a, const struct print_opts *o);
/* The reference page, Markdown: kinds with their fields, names, conditions, events, and the metrics that this program
 * registered. */
void print_reference(struct arena *a, struct buf *out);
/* The OpenAPI v3 schema of a type, structural. */
struct jv *print_schema(struct arena *a, const struct type *t);

#endif
