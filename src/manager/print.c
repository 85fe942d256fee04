/* Prints what the tables say, as Lists that kubectl takes. */
#include "manager/print.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/print.h"
#include "base/base64.h"
#include "base/str.h"

#define CA_FILE_MAX (64 * 1024)

static int read_ca(struct arena *a, const char *path, const char **out, struct err *e) {
    if (str_empty(path)) return 0;
    FILE *f = fopen(path, "re");
    if (!f) return err_set(e, ERR_IO, "--webhook-ca-file=%s: %s", path, strerror(errno));
    char pem[CA_FILE_MAX];
    size_t n = fread(pem, 1, sizeof pem, f);
    bool whole = feof(f) && !ferror(f);
    fclose(f);
    if (!whole) return err_set(e, ERR_IO, "--webhook-ca-file=%s: can't be read, or larger than %d bytes", path, CA_FILE_MAX);
    *out = base64_encode(a, pem, n);
    return 0;
}

static void add_crds(struct arena *a, struct jv *items, const struct print_opts *p) {
    for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
        if (kind_info((enum kind)k)->ours) jv_push(a, items, print_crd(a, (enum kind)k, p));
}

static int put_out(const char *text, struct err *e) {
    if (fputs(text, stdout) < 0 || fflush(stdout)) return err_set(e, ERR_IO, "standard output: %s", strerror(errno));
    return 0;
}

int print_reference_page(struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf out = BUF_INIT;
    print_reference(a, &out);
    buf_puts(&out, "\n## rbg-manager --help\n\n```\n");
    options_help(&out);
    buf_puts(&out, "```\n");
    return put_out(buf_str(&out), e);
}

int print_manifests(const struct manager_options *o, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct print_opts p = {.ns = options_namespace(),
                           .service = str_eq(o->enable_webhooks, "none") ? NULL : o->service_name,
                           .url = str_empty(o->webhook_url) ? NULL : o->webhook_url,
                           .secret = o->secret_name,
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
    return put_out(arena_printf(a, "%s\n", json_text(a, list)), e);
}
