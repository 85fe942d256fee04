/* What a kubeconfig or the in-cluster service account says. Private to the layer. */
#ifndef RBG_KUBE_CONFIG_H
#define RBG_KUBE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "kube/client.h"

/* A plugin that prints credentials: client.authentication.k8s.io. */
struct kube_exec {
    char *api_version, *command, *install_hint;
    char **args; /* NULL-terminated; args[0] is the command */
    char **env;  /* NULL-terminated "NAME=value", added to ours */
    bool provide_cluster_info;
};

struct kube_config {
    unsigned refs;   /* the loader's, and one for each client made from it */
    struct arena *a; /* owns every string below */
    char *server, *ns, *tls_server_name, *proxy_url;
    char *ca_file, *cert_file, *key_file; /* paths; those of inline data lead to memory (see fds) */
    char *ca_data;                        /* base64 as it stood in the file, for exec plugins; or NULL */
    char *token, *token_file;
    struct kube_exec *exec;
    bool insecure;
    int fds[3]; /* memory files with inline data; -1 */
};

const struct kube_config *kube_config_ref(const struct kube_config *c);

/* The service account that a pod finds in `dir`, at the address that the environment names. */
struct kube_config *kube_config_in_cluster(const char *dir, struct err *e);

/* Makes an anonymous file in memory: private keys never touch a disk, and libraries that read files can read it by
 * *path (in the arena). Returns the descriptor, which keeps the file alive, or -1. */
int kube_memory_file(struct arena *a, const char *name, const void *data, size_t len, char **path, struct err *e);

/* Reads a small file into the arena, without a trailing newline when `trim`. NULL on error. */
char *kube_read_file(struct arena *a, const char *path, size_t *len, bool trim, struct err *e);


#endif
