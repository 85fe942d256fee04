/* The self-managed serving certificate: made once, kept in a Secret that all replicas share, renewed before it expires, and its
 * CA put where the API server looks for it: the conversion webhooks of our CRDs and both webhook configurations. */
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

/* Starts to tend the certificate and its CA. What goes wrong is tried again, and told to `certs` (certs_failed). */
struct selfcert *selfcert_start(const struct selfcert_opts *o);
void selfcert_stop(struct selfcert *s);

/* The same without a thread. selfcert_look does what is to be done now; returns the ms after which to look again. */
struct selfcert *selfcert_new(const struct selfcert_opts *o);
int64_t selfcert_look(struct selfcert *s);
void selfcert_free(struct selfcert *s);

#endif
