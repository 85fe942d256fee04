/* What can be set on the command line: one row per flag in options.c. */
#ifndef RBG_MANAGER_OPTIONS_H
#define RBG_MANAGER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct manager_options {
    const char *kubeconfig, *context, *metrics_address, *health_address, *webhook_address, *enable_webhooks, *scheduler;
    const char *cert_dir, *cert_name, *cert_key, *secret_name, *service_name, *webhook_url, *ca_bundle_file;
    const char *client_ca_file, *client_name;
    const char *log_level, *log_encoder, *lease_namespace, *metrics_cert_dir, *metrics_cert_name, *metrics_cert_key;
    bool restrict_profiles, metrics_secure, leader_elect, deprecated_workloads, help, version;
    bool self_test, print_crds, print_rbac, print_webhooks, print_reference;
    int64_t workers, cache_sync_ms, settle_ms, progress_ms, lease_ms, renew_ms, retry_ms, shutdown_delay_ms;
    double qps, event_qps;
    int64_t burst, event_burst;
};

/* Reads argv. Errors: ERR_INVALID naming the flag, its value and what is allowed. */
int options_parse(struct manager_options *o, int argc, char **argv, struct err *e);
void options_help(struct buf *out);

/* $POD_NAMESPACE, else the service account's, else "rbgs-system". */
const char *options_namespace(void);

#endif
