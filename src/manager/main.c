/* rbg-manager: the webhooks on every replica, the controllers on the elected leader.
 *
 * Start order: flags, client, probes (so that a waiting process can be asked why), certificate, webhooks, caches, election,
 * workers. Ends on SIGTERM or SIGINT: not ready, workers finish what they do, the lease is released so that another replica
 * leads; webhooks are answered for --shutdown-delay-duration more, or until a second signal; the servers drain. A lost lease
 * ends the process at once: another replica leads. Nothing that may get better by itself ends it: without a certificate or an
 * API server it waits, not ready. */
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"
#include "base/sync.h"
#include "controller/core/engine.h"
#include "kube/lease.h"
#include "manager/options.h"
#include "manager/print.h"
#include "manager/probes.h"
#include "manager/selfcert.h"
#include "manager/selftest.h"
#include "manager/trust.h"
#include "webhook/webhook.h"

#define LEASE_NAME "rbg-controller"
#define DRAIN_MS 10000
#define QUIET_MS 1000
#define FILES 8192
#define TRUST_EVERY_MS 1000

struct manager {
    struct manager_options o;
    struct options decisions;
    struct kube_config *config;
    struct kube *kube;
    struct certs *certs, *metrics_certs;
    struct clients *clients; /* NULL: everybody may ask for a review */
    struct selfcert *selfcert;
    struct engine *engine;
    struct server *webhook;
    struct lease *lease;
    struct probes probes;
    struct metrics_auth *metrics_auth;
    struct lookup lookup;
    struct webhook_opts webhook_opts;
    const char *ns;
};

static const struct reconciler *const reconcilers[] = {&rbgset_reconciler, &rbg_reconciler, &adapter_reconciler, &ris_reconciler,
                                                      &ri_reconciler};

/* ---- parts ---- */

static int start_client(struct manager *m, struct err *e) {
    m->config = kube_config_load(m->o.kubeconfig, str_empty(m->o.context) ? NULL : m->o.context, e);
    if (!m->config) return -1;
    struct kube_opts ko = {.user_agent = "rbg-manager/" RBG_VERSION " (linux) rbg-controller/" RBG_COMMIT,
                           .field_manager = "rbg",
                           .qps = m->o.qps,
                           .burst = m->o.burst};
    m->kube = kube_new(m->config, &ko, e);
    return m->kube ? 0 : -1;
}

static void make_engine(struct manager *m) {
    m->decisions = (struct options){.scheduler = m->o.scheduler,
                                    .deprecated_workloads = m->o.deprecated_workloads,
                                    .restrict_profiles = m->o.restrict_profiles,
                                    .settle_ms = m->o.settle_ms,
                                    .progress_ms = m->o.progress_ms};
    m->engine = engine_new(&(struct engine_opts){.kube = m->kube,
                                                 .clock = clock_real(),
                                                 .options = &m->decisions,
                                                 .reconcilers = reconcilers,
                                                 .nreconcilers = sizeof reconcilers / sizeof *reconcilers,
                                                 .workers = (size_t)m->o.workers,
                                                 .event_qps = m->o.event_qps,
                                                 .event_burst = m->o.event_burst});
}

static int watch_pair(struct certs *c, const char *dir, const char *cert, const char *key, struct err *e) {
    char cert_path[4096], key_path[4096];
    snprintf(cert_path, sizeof cert_path, "%s/%s", dir, cert);
    snprintf(key_path, sizeof key_path, "%s/%s", dir, key);
    return certs_watch_files(c, cert_path, key_path, e);
}

static int start_certs(struct manager *m, struct err *e) {
    if (str_empty(m->o.cert_dir)) {
        m->selfcert = selfcert_start(&(struct selfcert_opts){.kube = m->kube, .certs = m->certs, .clock = clock_real(), .ns = m->ns,
                                                             .secret = m->o.secret_name, .service = m->o.service_name});
        return 0;
    }
    return watch_pair(m->certs, m->o.cert_dir, m->o.cert_name, m->o.cert_key, e);
}

/* Metrics are secured where there is a certificate: not without webhooks (part A 8.1). */
static int start_probes(struct manager *m, bool webhooks, struct err *e) {
    bool secure = webhooks && m->o.metrics_secure, own = secure && !str_empty(m->o.metrics_cert_dir);
    m->probes = (struct probes){.clock = clock_real(), .kube = m->kube, .engine = m->engine, .certs = m->certs,
                                .untrusted = webhooks && !str_empty(m->o.cert_dir)};
    if (secure) m->metrics_auth = metrics_auth_new(m->kube, clock_real());
    m->probes.metrics_auth = m->metrics_auth;
    if (own) {
        m->probes.metrics_certs = m->metrics_certs = certs_new("metrics");
        if (watch_pair(m->metrics_certs, m->o.metrics_cert_dir, m->o.metrics_cert_name, m->o.metrics_cert_key, e))
            return err_wrap(e, "--metrics-cert-path");
    }
    struct certs *pair = own ? m->metrics_certs : secure ? m->certs : NULL;
    return probes_start(&m->probes, m->o.health_address, m->o.metrics_address, pair, e);
}

static int profile_exists(void *ctx, const char *name, struct err *e) {
    (void)e;
    struct manager *m = ctx;
    ARENA_AUTO struct arena *a = arena_new();
    return source_get(engine_source(m->engine), a, KIND_PROFILE, NULL, name) != NULL;
}

static int adapter_replicas(void *ctx, const char *ns, const char *name, int32_t *replicas, struct err *e) {
    struct manager *m = ctx;
    ARENA_AUTO struct arena *a = arena_new();
    if (!engine_synced(m->engine)) return err_set(e, ERR_UNAVAILABLE, "this replica is still starting");
    const struct jv *adapter = source_get(engine_source(m->engine), a, KIND_ADAPTER, ns, name),
                    *wanted = jv_path(adapter, "spec", "replicas", (char *)0);
    if (!jv_is(wanted, J_NUM)) return 0;
    *replicas = (int32_t)jv_int(wanted, 0);
    return 1;
}

static const struct jv *stored_group(void *ctx, struct arena *a, const char *ns, const char *name) {
    struct manager *m = ctx;
    return source_get(engine_source(m->engine), a, KIND_RBG, ns, name);
}

static int start_webhook(struct manager *m, struct err *e) {
    struct serve_route routes[16];
    m->lookup = (struct lookup){.ctx = m, .adapter_replicas = adapter_replicas, .profile_exists = profile_exists,
                                .group = stored_group};
    m->webhook_opts = (struct webhook_opts){.lookup = &m->lookup,
                                            .admission = {.deprecated_workloads = m->o.deprecated_workloads}};
    size_t n = webhook_routes(&m->webhook_opts, routes, sizeof routes / sizeof *routes);
    if (!str_empty(m->o.client_ca_file)) {
        m->clients = clients_new(m->o.client_ca_file, m->o.client_name, e);
        if (!m->clients) return err_wrap(e, "--webhook-client-ca-file");
    }
    struct serve_opts o = {.address = m->o.webhook_address, .certs = m->certs, .clients = m->clients, .routes = routes,
                           .nroutes = n};
    m->webhook = server_start(&o, e);
    return m->webhook ? 0 : err_wrap(e, "--webhook-bind-address");
}

static void start_working(void *ctx) {
    struct manager *m = ctx;
    log_info("starting the controllers");
    engine_start_workers(m->engine);
}

static void lost_lease(void *ctx) {
    (void)ctx;
    log_error("the lease is lost, another replica leads: exiting");
    _exit(1);
}

static void start_leading(struct manager *m) {
    static char identity[320];
    char host[256] = "";
    if (!m->o.leader_elect) {
        start_working(m);
        return;
    }
    gethostname(host, sizeof host - 1);
    snprintf(identity, sizeof identity, "%s_%ld_%llx", host, (long)getpid(), (unsigned long long)clock_now_ms(clock_real()));
    m->lease = lease_start(m->kube, &(struct lease_opts){.ns = str_empty(m->o.lease_namespace) ? m->ns : m->o.lease_namespace,
                                                         .name = LEASE_NAME,
                                                         .identity = identity,
                                                         .duration_ms = m->o.lease_ms,
                                                         .renew_ms = m->o.renew_ms,
                                                         .retry_ms = m->o.retry_ms,
                                                         .on_started = start_working,
                                                         .on_lost = lost_lease,
                                                         .ctx = m});
}

/* ---- life ---- */

/* True when a signal to end came within ms. */
static bool signaled(const sigset_t *set, int64_t ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    int sig = sigtimedwait(set, NULL, &t);
    if (sig < 0) return false;
    log_info("ending", "signal", strsignal(sig));
    return true;
}

/* The time in which the API server does not answer is not counted: a restart would not help. */
static int wait_synced(struct manager *m, const sigset_t *signals, struct err *e) {
    int64_t left = m->o.cache_sync_ms, last = clock_mono_ms(clock_real());
    while (!engine_synced(m->engine)) {
        if (signaled(signals, 50)) return err_set(e, ERR_CANCELED, "ended while the caches were filled");
        int64_t now = clock_mono_ms(clock_real());
        if (!kube_silent_ms(m->kube)) left -= now - last;
        last = now;
        if (left < 0)
            return err_set(e, ERR_TIMEOUT, "the caches were not filled within --cache-sync-timeout: are the CRDs installed and may "
                           "the ServiceAccount list them?");
    }
    log_info("the caches are filled");
    return 0;
}

/* A pair from files is vouched for by somebody else, who may need a moment: who waits for us to be ready wants to use the webhooks
 * then. Only at the start: a CA that goes later is no reason to take all replicas out. */
static void wait_trusted(struct manager *m, const sigset_t *signals) {
    char said[sizeof((struct err *)0)->msg] = "";
    while (m->probes.untrusted) {
        struct err e = ERR_INIT;
        int rc = trust_injected(m->kube, &e);
        if (rc == 0 || e.code == ERR_FORBIDDEN) m->probes.untrusted = false;
        if (rc && !str_eq(said, e.msg)) log_warn("waiting until API servers trust the webhooks", "error", e.msg);
        snprintf(said, sizeof said, "%s", e.msg);
        if (m->probes.untrusted && signaled(signals, TRUST_EVERY_MS)) return;
    }
}

static int run(struct manager *m, const sigset_t *signals, struct err *e) {
    bool webhooks = str_eq(m->o.enable_webhooks, "all");
    m->ns = options_namespace();
    if (start_client(m, e)) return -1;
    make_engine(m);
    if (webhooks) m->certs = certs_new("webhook");
    if (start_probes(m, webhooks, e)) return -1;
    if (webhooks && start_certs(m, e)) return -1;
    engine_start_caches(m->engine);
    if (webhooks && start_webhook(m, e)) return -1;
    if (wait_synced(m, signals, e)) return e->code == ERR_CANCELED ? 0 : -1;
    start_leading(m);
    wait_trusted(m, signals);
    while (!m->probes.untrusted && !signaled(signals, 3600 * 1000LL)) {
    }
    return 0;
}

/* API servers and proxies take a while to see that this replica is not ready any more; how long, only they know: the delay, which
 * began at `since`, and as long again while requests still come. */
static int64_t answering_left(const struct manager *m, int64_t since) {
    int64_t left = since + m->o.shutdown_delay_ms - clock_mono_ms(clock_real());
    if (left > 0) return left;
    int64_t last = left + m->o.shutdown_delay_ms, quiet = QUIET_MS - server_quiet_ms(m->webhook);
    return quiet < last ? quiet : last;
}

static bool drain_webhook(struct manager *m, const sigset_t *signals, int64_t since) {
    if (!m->webhook) return true;
    server_drain(m->webhook);
    for (int64_t left; (left = answering_left(m, since)) > 0 && !signaled(signals, left);) {
    }
    return server_stop(m->webhook, DRAIN_MS);
}

/* A review that does not come to an end, or an API server that does not answer: whoever ends us does not have to wait for it. */
static void leave_at_work(void) {
    log_warn("ending while a request is still being worked on");
    _exit(EXIT_SUCCESS);
}

static void stop(struct manager *m, const sigset_t *signals) {
    int64_t since = clock_mono_ms(clock_real());
    m->probes.stopping = true;
    selfcert_stop(m->selfcert); /* first: an installation that goes over to other certificates must not find this CA put back */
    if (m->engine) engine_stop(m->engine);
    if (m->lease) lease_stop(m->lease);
    if (!drain_webhook(m, signals, since) || !probes_stop(&m->probes)) leave_at_work();
    metrics_auth_free(m->metrics_auth);
    certs_free(m->metrics_certs);
    clients_free(m->clients);
    if (m->engine) engine_free(m->engine);
    if (m->certs) certs_free(m->certs);
    if (m->kube) kube_free(m->kube);
    if (m->config) kube_config_free(m->config);
}

/* Other processes of this user must not read the keys, nor may they come into a core file. Sanitizers have to be let in. */
static void keep_to_oneself(void) {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* The limits of connections are our own; some container runtimes give a process only 1024 files. */
static void allow_files(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_cur >= FILES) return;
    files.rlim_cur = files.rlim_max < FILES ? files.rlim_max : FILES;
    setrlimit(RLIMIT_NOFILE, &files);
}

static int manage(struct manager *m) {
    struct err e = ERR_INIT;
    keep_to_oneself();
    allow_files();
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals, NULL); /* every thread inherits it: only sigtimedwait sees them */
    signal(SIGPIPE, SIG_IGN);
    log_info("rbg-manager", "version", RBG_VERSION, "commit", RBG_COMMIT);
    int rc = run(m, &signals, &e);
    if (rc) log_error("can't run", "error", e.msg, "class", err_name(e.code));
    if (rc) m->o.shutdown_delay_ms = 0; /* it never was ready */
    stop(m, &signals);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int self_test(struct manager *m, struct err *e) {
    bool asked = start_client(m, e) == 0;
    bool whole = asked && selftest_run(m->kube, options_namespace(), stdout) == 0 && fflush(stdout) == 0;
    if (m->kube) kube_free(m->kube);
    if (m->config) kube_config_free(m->config);
    if (!asked) fprintf(stderr, "rbg-manager: %s\n", e->msg);
    return whole ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int usage(const struct manager_options *o) {
    BUF_AUTO struct buf text = BUF_INIT;
    if (o->version)
        buf_puts(&text, "rbg-manager " RBG_VERSION " (" RBG_COMMIT ")\n");
    else
        options_help(&text);
    return fputs(buf_str(&text), stdout) < 0;
}

int main(int argc, char **argv) {
    static struct manager m;
    struct err e = ERR_INIT;
    mallopt(M_ARENA_MAX, 2); /* forty threads that each keep a heap of their own would hold memory that nobody uses */
    bool bad = options_parse(&m.o, argc, argv, &e) != 0;
    if (!bad && (m.o.help || m.o.version)) return usage(&m.o);
    if (!bad && m.o.print_reference) {
        if (print_reference_page(&e) == 0) return EXIT_SUCCESS;
        bad = true;
    }
    if (!bad && (m.o.print_crds || m.o.print_rbac || m.o.print_webhooks)) {
        if (print_manifests(&m.o, &e) == 0) return EXIT_SUCCESS;
        bad = true;
    }
    if (!bad && m.o.self_test) return self_test(&m, &e);
    if (bad) {
        fprintf(stderr, "rbg-manager: %s\nTry rbg-manager --help.\n", e.msg);
        return 2;
    }
    return manage(&m);
}
