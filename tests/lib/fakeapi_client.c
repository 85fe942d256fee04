/* A client of the fake API server. In a file of its own, so that only tests of what has a client need the client's layer. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fakeapi.h"
#include "kube/client.h"
#include "testing.h"

struct kube *fakeapi_client(const struct fakeapi *f, const struct kube_opts *o, struct kube_config **config) {
    struct err e = ERR_INIT;
    char path[] = "/tmp/rbg-kubeconfig-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    dprintf(fd, "current-context: c\ncontexts: [{name: c, context: {cluster: s}}]\nclusters: [{name: s, "
                "cluster: {server: '%s'}}]\n",
            fakeapi_url(f));
    close(fd);
    *config = kube_config_load(path, NULL, &e);
    unlink(path);
    ASSERT_PTR(*config);
    struct kube *k = kube_new(*config, o, &e);
    ASSERT_PTR(k);
    return k;
}
