/* Who a request says we are, fresh at the moment it is sent. Private to the layer; any thread. */
#ifndef RBG_KUBE_AUTH_H
#define RBG_KUBE_AUTH_H

#include "config.h"

struct auth;

/* c must live as long. */
struct auth *auth_new(const struct kube_config *c);
void auth_free(struct auth *x);

struct credentials {
    const char *token, *cert_file, *key_file; /* NULL: none */
};

/* The credentials of now, strings in the arena: reads the token file again when it changed, runs the exec plugin when what it
 * gave last has expired. Errors: the file can't be read, the plugin failed. */
int auth_get(struct auth *x, struct arena *a, struct credentials *out, struct err *e);

/* The server refused these (401). True when others can be had, so that trying again may help. */
bool auth_refused(struct auth *x, const struct credentials *used);

#endif
