/* The self-managed serving certificate: made once, kept in a Secret that all replicas share, renewed before it expires, and its CA put
 * where the API server looks for it: the conversion webhooks of our CRDs and both webhook configurations. */
#ifndef RBG_MANAGER_SELFCERT_H
#define RBG_MANAGER_SELFCERT_H

#include "base/clock.h"
#include "kube/client.h"
#include "serve/certs.h"

struct selfcert;

struct selfcert_opts {
    struct kube *kube;
    struct certs *certs;    /* gets the pair */
    const struct clock *clock;
    const char *ns, *secret, *service;
};

/* Reads or makes the certificate and puts its CA in place. Errors name the object and what the API server said. */
struct selfcert *selfcert_start(const struct selfcert_opts *o, struct err *e);
void selfcert_stop(struct selfcert *s);

#endif
