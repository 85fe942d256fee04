/* Exec plugins of kubeconfig files (client.authentication.k8s.io). Private to the layer. */
#ifndef RBG_KUBE_EXEC_H
#define RBG_KUBE_EXEC_H

#include "config.h"

struct exec_result {
    const char *token, *cert, *key; /* cert and key: PEM, both or none */
    int64_t expires_ms;             /* wall time; 0: never */
};

/* Runs the plugin (at most a minute) and reads the ExecCredential that it prints; strings in the arena. */
int exec_run(struct arena *a, const struct kube_config *c, struct exec_result *out, struct err *e);

#endif
