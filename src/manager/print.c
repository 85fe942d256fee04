/* Prints what the tables say, as Lists that kubectl takes. */
#include "manager/print.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/print.h"
#include "base/str.h"

static int read_ca(struct arena *a, const char *path, const char **out, struct err *e) {
    gnutls_datum_t in, text;
    if (str_empty(path)) return 0;
    if (gnutls_load_file(path, &in)) return err_set(e, ERR_IO, "--webhook-ca-file=%s: can't be read", path);
    int rc = gnutls_base64_encode2(&in, &text);
    gnutls_free(in.data);
    if (rc) return err_set(e, ERR_INTERNAL, "--webhook-ca-file=%s: %s", path, gnutls_strerror(rc));
    *out = arena_strndup(a, (char *)text.data, text.size);
    gnutls_free(text.data);
    return 0;
}

static void add_crds(struct arena *a, struct jv *items, const struct print_opts *p) {
    for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
        if (kind_info((enum kind)k)->ours) jv_push(a, items, print_crd(a, (enum kind)k, p));
}

int print_manifests(const struct manager_options *o, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct print_opts p = {.ns = options_namespace(),
                           .service = str_eq(o->enable_webhooks, "none") ? NULL : o->service_name,
                           .url = str_empty(o->webhook_url) ? NULL : o->webhook_url,
                           .deprecated_workloads = o->deprecated_workloads};
    if (read_ca(a, o->ca_bundle_file, &p.ca_bundle, e)) return -1;
    struct jv *list = jv_new_obj(a), *items = jv_new_arr(a);
    if (o->print_crds) add_crds(a, items, &p);
    if (o->print_rbac) {
        JV_FOR_ARR(it, jv_get(print_cluster_role(a, &p), "items")) jv_push(a, items, *it);
    }
    if (o->print_webhooks) {
        jv_push(a, items, print_validating_config(a, &p));
        jv_push(a, items, print_mutating_config(a, &p));
    }
    jv_set_str(a, list, "apiVersion", "v1");
    jv_set_str(a, list, "kind", "List");
    jv_set(a, list, "items", items);
    puts(json_text(a, list));
    return fflush(stdout) ? err_set(e, ERR_IO, "standard output: %s", strerror(errno)) : 0;
}
