/* The flags of rbg-manager. Flags of the first implementation keep their names, meanings and defaults (part A 8.1); where it had a
 * flag without any effect, the flag is accepted and ignored, so that old command lines keep working. */
#include "manager/options.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/flags.h"
#include "base/log.h"
#include "base/str.h"

#define AT(member) offsetof(struct manager_options, member)

static const struct flag rows[] = {
    {"kubeconfig", "", "kubeconfig file; empty: $KUBECONFIG, the service account, ~/.kube/config", FLAG_STRING, AT(kubeconfig)},
    {"context", "", "context of the kubeconfig; empty: its current one", FLAG_STRING, AT(context)},
    {"metrics-bind-address", "0", "address of /metrics; 0: off", FLAG_STRING, AT(metrics_address)},
    {"metrics-secure", "true", "serve /metrics over HTTPS, to users who may get it (TokenReview, SubjectAccessReview)", FLAG_BOOL,
     AT(metrics_secure)},
    {"metrics-cert-path", "", "directory of the metrics' own pair, reloaded when it changes; empty: the webhooks' pair",
     FLAG_STRING, AT(metrics_cert_dir)},
    {"metrics-cert-name", "tls.crt", "file of the certificate", FLAG_STRING, AT(metrics_cert_name)},
    {"metrics-cert-key", "tls.key", "file of the key", FLAG_STRING, AT(metrics_cert_key)},
    {"health-probe-bind-address", ":8082", "address of /healthz and /readyz", FLAG_STRING, AT(health_address)},
    {"webhook-bind-address", ":9443", "address of the admission and conversion webhooks", FLAG_STRING, AT(webhook_address)},
    {"enable-webhooks", "all", "all or none", FLAG_STRING, AT(enable_webhooks)},
    {"leader-elect", "false", "reconcile only while holding the lease rbg-controller", FLAG_BOOL, AT(leader_elect)},
    {"leader-elect-namespace", "", "namespace of the lease; empty: the pod's", FLAG_STRING, AT(lease_namespace)},
    {"leader-elect-lease-duration", "15s", "how long a lease that is not renewed is respected", FLAG_DURATION_MS, AT(lease_ms)},
    {"leader-elect-renew-deadline", "10s", "how long the leader tries to renew before it gives up", FLAG_DURATION_MS, AT(renew_ms)},
    {"leader-elect-retry-period", "2s", "pause between tries", FLAG_DURATION_MS, AT(retry_ms)},
    {"max-concurrent-reconciles", "10", "workers of each controller", FLAG_INT, AT(workers)},
    {"cache-sync-timeout", "120s", "give up when the caches are not filled by then", FLAG_DURATION_MS, AT(cache_sync_ms)},
    {"event-qps", "10", "Normal events a second that are written, a quarter of them in a burst; warnings always are; 0: no limit",
     FLAG_DOUBLE, AT(event_qps)},
    {"event-burst", "100", "Normal events that may exceed event-qps at once", FLAG_INT, AT(event_burst)},
    {"status-settle-time", "2s", "how long a status that is still changing may wait to be written once", FLAG_DURATION_MS,
     AT(settle_ms)},
    {"progress-deadline", "10m", "how long the same cause may keep a group still until it is called stalled", FLAG_DURATION_MS,
     AT(progress_ms)},
    {"kube-api-qps", "0", "requests a second to the API server; 0: no limit of our own", FLAG_DOUBLE, AT(qps)},
    {"kube-api-burst", "0", "requests that may exceed kube-api-qps at once", FLAG_INT, AT(burst)},
    {"scheduler-name", "scheduler-plugins", "gang scheduler: scheduler-plugins or volcano", FLAG_STRING, AT(scheduler)},
    {"enable-deprecated-workload-types", "true", "admit roles that run as StatefulSet, Deployment or LeaderWorkerSet", FLAG_BOOL,
     AT(deprecated_workloads)},
    {"webhook-cert-dir", "", "directory of the serving pair, reloaded when it changes; empty: self-managed in a Secret",
     FLAG_STRING, AT(cert_dir)},
    {"webhook-cert-name", "tls.crt", "file of the certificate", FLAG_STRING, AT(cert_name)},
    {"webhook-cert-key", "tls.key", "file of the key", FLAG_STRING, AT(cert_key)},
    {"webhook-client-ca-file", "",
     "PEM file of CAs: review only for clients with a certificate of one of them; empty: for everybody who reaches the port",
     FLAG_STRING, AT(client_ca_file)},
    {"webhook-client-name", "", "common name that the client's certificate must have; empty: any", FLAG_STRING, AT(client_name)},
    {"webhook-secret-name", "rbgs-webhook-cert", "Secret of the self-managed certificate", FLAG_STRING, AT(secret_name)},
    {"webhook-service-name", "rbgs-webhook-service", "Service of the webhooks", FLAG_STRING, AT(service_name)},
    {"restrict-profiles", "false",
     "use no ClusterEngineRuntimeProfile with host paths or ports, privileges, or Secrets", FLAG_BOOL, AT(restrict_profiles)},
    {"shutdown-delay-duration", "0s",
     "how long to go on answering webhooks after SIGTERM; up to twice as long while they still come", FLAG_DURATION_MS,
     AT(shutdown_delay_ms)},
    {"webhook-url", "", "with --print-*: call the webhooks at this URL instead of through the Service", FLAG_STRING,
     AT(webhook_url)},
    {"webhook-ca-file", "", "with --print-*: PEM file of the CA bundle to print", FLAG_STRING, AT(ca_bundle_file)},
    {"print-crds", "false", "print the CustomResourceDefinitions as JSON and exit", FLAG_BOOL, AT(print_crds)},
    {"print-rbac", "false", "print the ClusterRole as JSON and exit", FLAG_BOOL, AT(print_rbac)},
    {"print-webhooks", "false", "print the webhook configurations as JSON and exit", FLAG_BOOL, AT(print_webhooks)},
    {"print-reference", "false", "print the reference page as Markdown and exit", FLAG_BOOL, AT(print_reference)},
    {"self-test", "false",
     "ask the API server, by dry runs in $POD_NAMESPACE, whether groups are defaulted, validated and converted", FLAG_BOOL,
     AT(self_test)},
    {"zap-log-level", "info", "debug, info, warn or error", FLAG_STRING, AT(log_level)},
    {"zap-encoder", "json", "json or console", FLAG_STRING, AT(log_encoder)},
    {"zap-devel", "false", "accepted for compatibility", FLAG_IGNORED, 0},
    {"zap-stacktrace-level", "", "accepted for compatibility", FLAG_IGNORED, 0},
    {"zap-time-encoding", "", "accepted for compatibility", FLAG_IGNORED, 0},
    {"development", "false", "accepted for compatibility", FLAG_IGNORED, 0},
    {"enable-http2", "false", "accepted for compatibility", FLAG_IGNORED, 0},
    {"enable-pprof", "false", "accepted for compatibility: profiles of Go programs", FLAG_IGNORED, 0},
    {"pprof-bind-address", "", "accepted for compatibility: profiles of Go programs", FLAG_IGNORED, 0},
    {"enable-port-allocator", "false", "accepted for compatibility: ports are not allocated", FLAG_IGNORED, 0},
    {"port-allocate-strategy", "", "accepted for compatibility", FLAG_IGNORED, 0},
    {"start-port", "", "accepted for compatibility", FLAG_IGNORED, 0},
    {"port-range", "", "accepted for compatibility", FLAG_IGNORED, 0},
    {"stateful-instanceset-workers", "", "accepted for compatibility", FLAG_IGNORED, 0},
    {"disable-no-deepcopy", "false", "accepted for compatibility", FLAG_IGNORED, 0},
    {"help", "false", "print this text and exit", FLAG_BOOL, AT(help)},
    {"version", "false", "print the version and exit", FLAG_BOOL, AT(version)},
};
#define NROWS (sizeof rows / sizeof *rows)

static int one_of(const char *flag, const char *value, const char *a, const char *b, struct err *e) {
    if (str_eq(value, a) || str_eq(value, b)) return 0;
    return err_set(e, ERR_INVALID, "--%s=%s: must be %s or %s", flag, value, a, b);
}

static int set_log(const struct manager_options *o, struct err *e) {
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    size_t i = 0;
    while (i < 4 && !str_eq(o->log_level, levels[i])) i++;
    if (i == 4) return err_set(e, ERR_INVALID, "--zap-log-level=%s: must be debug, info, warn or error", o->log_level);
    log_set_level((enum log_level)i);
    log_set_console(str_eq(o->log_encoder, "console"));
    return one_of("zap-encoder", o->log_encoder, "json", "console", e);
}

/* Who leads must have given up before another one may begin, and must have had time for a second try. */
static int check_lease(const struct manager_options *o, struct err *e) {
    if (o->retry_ms <= 0)
        return err_set(e, ERR_INVALID, "--leader-elect-retry-period: must be more than 0");
    if (o->lease_ms <= o->renew_ms)
        return err_set(e, ERR_INVALID, "--leader-elect-lease-duration (%lld ms) must be more than --leader-elect-renew-deadline "
                       "(%lld ms): else two replicas lead at the same time", (long long)o->lease_ms, (long long)o->renew_ms);
    if ((double)o->renew_ms > (double)o->retry_ms * 1.2) return 0;
    return err_set(e, ERR_INVALID, "--leader-elect-renew-deadline (%lld ms) must be more than 1.2 times --leader-elect-retry-period"
                   " (%lld ms): else one request that fails costs the lease", (long long)o->renew_ms, (long long)o->retry_ms);
}

int options_parse(struct manager_options *o, int argc, char **argv, struct err *e) {
    int rest = 0;
    memset(o, 0, sizeof *o);
    if (flags_parse(rows, NROWS, o, argc, argv, &rest, e)) return -1;
    if (rest < argc) return err_set(e, ERR_INVALID, "unexpected argument %s", argv[rest]);
    if (one_of("enable-webhooks", o->enable_webhooks, "all", "none", e)) return -1;
    if (one_of("scheduler-name", o->scheduler, "scheduler-plugins", "volcano", e)) return -1;
    if (o->workers < 1 || o->workers > 1000)
        return err_set(e, ERR_INVALID, "--max-concurrent-reconciles=%lld: must be between 1 and 1000", (long long)o->workers);
    if (!str_empty(o->client_name) && str_empty(o->client_ca_file))
        return err_set(e, ERR_INVALID, "--webhook-client-name needs --webhook-client-ca-file");
    if (o->leader_elect && check_lease(o, e)) return -1;
    return set_log(o, e);
}

void options_help(struct buf *out) {
    buf_puts(out, "rbg-manager runs the RoleBasedGroup controllers and webhooks.\n\nFlags:\n");
    flags_help(rows, NROWS, out);
}

const char *options_namespace(void) {
    static char ns[256];
    const char *env = getenv("POD_NAMESPACE");
    if (!str_empty(env)) return env;
    FILE *f = fopen("/var/run/secrets/kubernetes.io/serviceaccount/namespace", "r");
    size_t n = f ? fread(ns, 1, sizeof ns - 1, f) : 0;
    if (f) fclose(f);
    ns[n] = 0;
    return n ? ns : "rbgs-system";
}
