/* Where API servers look up whom to trust when they call the webhooks: the CA bundles of the conversion webhooks in our CRDs and of
 * both webhook configurations. */
#ifndef RBG_MANAGER_TRUST_H
#define RBG_MANAGER_TRUST_H

#include "api/kinds.h"
#include "kube/client.h"

struct trust_target {
    enum kind kind;
    const char *name;
};
enum { TRUST_TARGETS = 4 };
extern const struct trust_target trust_targets[TRUST_TARGETS];

/* The client configurations of a target's document, one at a time: the conversion webhook's of a CRD, or those of each webhook.
 * Starts with {0}; returns false when there is none left. */
struct trust_config {
    size_t next;
    const struct jv *v; /* the clientConfig */
    const char *bundle; /* where it keeps its CAs, as a JSON pointer */
};
bool trust_next(struct arena *a, const struct jv *doc, struct trust_config *c);

/* Whether cert-manager's cainjector has done what the targets ask it for (annotations cert-manager.io/inject-...): until it has
 * written a CA, every call of a webhook fails. Targets that do not ask, or that are not there, count as done. Returns 0 when all is
 * done; else an error: ERR_NOT_FOUND with the name of a target without a CA, or what kept us from looking. Up to 8 requests. */
int trust_injected(struct kube *kube, struct err *e);

#endif
