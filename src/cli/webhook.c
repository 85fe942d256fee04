/* kubectl rbg webhook: the admission and conversion webhooks over HTTPS on this machine, with a certificate made for the
 * occasion. For trying them out with curl, and for hack/demo.sh. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cli.h"
#include "webhook/webhook.h"

#define DAYS 1
#define DRAIN_MS 1000

struct webhook_flags { const char *address, *ca_file; };

static const struct flag webhook_flags[] = {
    {"address", "127.0.0.1:0", "where to listen; port 0 picks a free one", FLAG_STRING, offsetof(struct webhook_flags, address)},
    {"ca-file", "", "where to write the CA certificate, for curl --cacert (required)", FLAG_STRING,
     offsetof(struct webhook_flags, ca_file)},
};

static int write_file(const char *path, const char *text, struct err *e) {
    FILE *f = fopen(path, "wbe");
    if (!f) return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    bool bad = fputs(text, f) == EOF;
    bad = fclose(f) != 0 || bad;
    return bad ? err_set(e, ERR_IO, "%s: can't be written", path) : 0;
}

static int serve(struct arena *a, const struct webhook_flags *o, struct certs *certs, struct err *e) {
    struct cert_set set;
    struct webhook_opts wo = {.admission = {.deprecated_workloads = true}};
    struct serve_route routes[WEBHOOK_ROUTES];
    struct serve_opts so = {.address = o->address, .certs = certs, .routes = routes, .threads = 1};
    so.nroutes = webhook_routes(&wo, routes, WEBHOOK_ROUTES);
    if (certs_generate(a, NULL, NULL, "localhost,127.0.0.1", clock_now_ms(clock_real()), DAYS, &set, e)) return -1;
    if (certs_set_pem(certs, set.cert, set.key, e) || write_file(o->ca_file, set.ca_cert, e)) return -1;
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop, NULL); /* before the server's threads are made, which inherit it */
    struct server *server = server_start(&so, e);
    if (!server) return -1;
    printf("https://127.0.0.1:%u\n", server_port(server));
    fflush(stdout);
    int which;
    sigwait(&stop, &which);
    server_stop(server, DRAIN_MS);
    return 0;
}

static int run_webhook(const struct command *self, int argc, char **argv) {
    ARENA_AUTO struct arena *a = arena_new();
    struct webhook_flags o;
    struct err e = ERR_INIT;
    int rc = cli_args(self, argc, argv, a, &o, NULL);
    if (rc) return rc - 1;
    if (str_empty(o.ca_file)) {
        fprintf(stderr, "kubectl rbg webhook: --ca-file is required: clients check the server's certificate with it\n");
        return EXIT_USAGE;
    }
    log_set_level(LOG_WARN);
    struct certs *certs = certs_new(NULL);
    rc = serve(a, &o, certs, &e);
    certs_free(certs);
    if (rc) fprintf(stderr, "kubectl rbg webhook: %s\n", e.msg);
    return rc ? EXIT_BAD_INPUT : 0;
}

const struct command cmd_webhook = {
    .name = "webhook",
    .args = "--ca-file FILE [--address HOST:PORT]",
    .summary = "Serve the admission and conversion webhooks on this machine, to try them out",
    .help = "Prints its URL and serves until it is interrupted. Paths: /mutate-workloads-x-k8s-io-v1alpha2-rolebasedgroup,\n"
            "/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroup, the same for rolebasedgroupset, and /convert. "
            "Rules that need a look at a cluster are skipped.",
    .flags = webhook_flags,
    .nflags = sizeof webhook_flags / sizeof *webhook_flags,
    .run = run_webhook,
};
