/* The load of hack/bench.sh admission: kept-alive TLS connections to a webhook server on this machine, each with one request at
 * a time, and what the server's process spent on them. A connection has a thread of its own and speaks GnuTLS directly, so that
 * the load costs little next to what it measures. Only loopback addresses are connected to; requests are bounded in number and
 * time.
 *
 * One line for each kind of request and number of connections; per_cpu_s counts against user and system time of the server alone,
 * its share of TLS and HTTP included. peak_mib is the peak resident size while the line was measured. Every answer is looked at:
 * the first must say success, and the others must have its length. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "bench.h"
#include "base/str.h"
#include "base/sync.h"
#include "doc/json.h"
#include "doc/yaml.h"

#define PATH "workloads-x-k8s-io-v1alpha2-rolebasedgroup"
#define REVIEW "{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"request\":{\"uid\":\"705ab4f5-6393-11e8-b7cc-42010a800002\","
#define GROUP_VERSION_KIND "{\"group\":\"workloads.x-k8s.io\",\"version\":\"v1alpha2\",\"kind\":\"RoleBasedGroup\"}"

/* What Go's API server offers first on machines with AES instructions. */
#define CIPHERS "NORMAL:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305"

enum { MAX_CONNECTIONS = 8, MANY = 50, WARM = 200, SAMPLES = 1 << 19 };

struct load { /* one kind of request */
    const char *what, *path, *expect;
    struct buf request; /* head and body */
};

struct target {
    unsigned port;
    long pid;
    gnutls_certificate_credentials_t creds;
};

struct run {
    const struct target *t;
    const struct load *loads;
    size_t nloads; /* sent in turn */
    int64_t until_ns;
    atomic_long left;
};

struct conn {
    struct run *run;
    pthread_t thread;
    int fd;
    gnutls_session_t tls;
    struct buf in;
    size_t want[4]; /* length of each load's answer */
    int64_t *ns;    /* latencies */
    size_t n;
};

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- the server's process ---- */

static FILE *proc_open(long pid, const char *file, const char *mode) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/%s", pid, file);
    FILE *f = fopen(path, mode);
    if (!f) die(path, strerror(errno));
    return f;
}

static double cpu_seconds(long pid) {
    char line[1024];
    unsigned long user, sys;
    FILE *f = proc_open(pid, "stat", "re");
    const char *rest = fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
    fclose(f);
    if (!rest || sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2)
        die("/proc/PID/stat", "not understood");
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

static double status_mib(long pid, const char *key) {
    char line[256];
    long kib = -1;
    FILE *f = proc_open(pid, "status", "re");
    while (kib < 0 && fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0) kib = strtol(line + strlen(key), NULL, 10);
    fclose(f);
    if (kib < 0) die(key, "not in /proc/PID/status");
    return (double)kib / 1024;
}

/* Starts VmHWM over (proc(5): clear_refs). */
static void reset_peak(long pid) {
    FILE *f = proc_open(pid, "clear_refs", "we");
    fputs("5", f);
    fclose(f);
}

/* ---- a connection ---- */

static void must_tls(int rc, const char *what) {
    if (rc < 0) die(what, gnutls_strerror(rc));
}

static void connect_to(struct conn *c, const struct target *t) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)t->port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int one = 1, rc;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to)) die("connect", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    must_tls(gnutls_init(&c->tls, GNUTLS_CLIENT), "TLS");
    must_tls(gnutls_priority_set_direct(c->tls, CIPHERS, NULL), "TLS");
    must_tls(gnutls_credentials_set(c->tls, GNUTLS_CRD_CERTIFICATE, t->creds), "TLS");
    gnutls_session_set_verify_cert(c->tls, "localhost", 0);
    gnutls_transport_set_int(c->tls, c->fd);
    do rc = gnutls_handshake(c->tls);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    must_tls(rc, "handshake");
}

static void disconnect(struct conn *c) {
    gnutls_bye(c->tls, GNUTLS_SHUT_WR);
    gnutls_deinit(c->tls);
    close(c->fd);
    buf_fini(&c->in);
}

static void send_all(struct conn *c, const struct buf *b) {
    for (size_t at = 0; at < b->len;) {
        ssize_t n = gnutls_record_send(c->tls, b->s + at, b->len - at);
        if (n < 0 && (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)) continue;
        must_tls((int)(n < 0 ? n : 0), "send");
        at += (size_t)n;
    }
}

static void receive_some(struct conn *c) {
    ssize_t n;
    buf_reserve(&c->in, 16384);
    do n = gnutls_record_recv(c->tls, c->in.s + c->in.len, 16384);
    while (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED);
    if (n <= 0) die("receive", n ? gnutls_strerror((int)n) : "the server closed the connection");
    c->in.len += (size_t)n;
    c->in.s[c->in.len] = '\0';
}

/* Reads one answer into c->in; returns its body. */
static const char *receive(struct conn *c, size_t *len) {
    const char *end = NULL;
    buf_reset(&c->in);
    while (c->in.len == 0 || !(end = strstr(c->in.s, "\r\n\r\n"))) receive_some(c);
    if (strncmp(c->in.s, "HTTP/1.1 200 ", 13) != 0) die("answer", c->in.s);
    const char *length = strcasestr(c->in.s, "\r\ncontent-length:");
    if (!length || length > end) die("answer", "has no length");
    *len = strtoul(length + 17, NULL, 10);
    size_t head = (size_t)(end + 4 - c->in.s);
    while (c->in.len < head + *len) receive_some(c);
    return c->in.s + head;
}

static void exchange(struct conn *c, size_t which) {
    const struct load *l = &c->run->loads[which];
    size_t len;
    send_all(c, &l->request);
    const char *body = receive(c, &len);
    if (c->want[which] == 0 && !strstr(body, l->expect)) die(l->what, body);
    if (c->want[which] != 0 && c->want[which] != len) die(l->what, "two answers to one request differ");
    c->want[which] = len;
}

static void *connection_main(void *arg) {
    struct conn *c = arg;
    struct run *r = c->run;
    for (size_t i = 0; atomic_fetch_sub(&r->left, 1) > 0; i++) {
        int64_t start = now_ns();
        if (start > r->until_ns) break;
        exchange(c, i % r->nloads);
        c->ns[c->n++ % SAMPLES] = now_ns() - start;
    }
    return NULL;
}

/* ---- a measurement ---- */

struct result {
    double seconds, cpu, p50_ms, p99_ms;
    size_t n;
};

static int cmp_ns(const void *x, const void *y) {
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;
    return (a > b) - (a < b);
}

static void latencies(struct conn *c, size_t n, struct result *r) {
    int64_t *all = malloc((size_t)SAMPLES * n * sizeof *all);
    size_t total = 0;
    if (!all) abort();
    for (size_t i = 0; i < n; i++) {
        size_t k = c[i].n < SAMPLES ? c[i].n : SAMPLES;
        memcpy(all + total, c[i].ns, k * sizeof *all);
        total += k;
        r->n += c[i].n;
    }
    qsort(all, total, sizeof *all, cmp_ns);
    if (total) r->p50_ms = (double)all[total / 2] / 1e6;
    if (total) r->p99_ms = (double)all[total * 99 / 100] / 1e6;
    free(all);
}

static struct result measure(const struct target *t, const struct load *loads, size_t nloads, size_t par, double seconds,
                             long requests) {
    struct conn conns[MAX_CONNECTIONS] = {0};
    struct run run = {.t = t, .loads = loads, .nloads = nloads};
    struct result r = {0};
    for (size_t i = 0; i < par; i++) {
        struct conn *c = &conns[i];
        c->run = &run;
        c->ns = malloc(SAMPLES * sizeof *c->ns);
        if (!c->ns) abort();
        connect_to(c, t);
        for (size_t k = 0; k < WARM * nloads / par + nloads; k++) exchange(c, k % nloads);
    }
    reset_peak(t->pid);
    double cpu = cpu_seconds(t->pid);
    int64_t start = now_ns();
    run.until_ns = start + (int64_t)(seconds * 1e9);
    atomic_store(&run.left, requests);
    for (size_t i = 0; i < par; i++) conns[i].thread = thread_start("bench", connection_main, &conns[i]);
    for (size_t i = 0; i < par; i++) pthread_join(conns[i].thread, NULL);
    r.seconds = (double)(now_ns() - start) / 1e9;
    r.cpu = cpu_seconds(t->pid) - cpu;
    latencies(conns, par, &r);
    for (size_t i = 0; i < par; i++) {
        disconnect(&conns[i]);
        free(conns[i].ns);
    }
    return r;
}

static void print_result(const char *what, size_t par, const struct result *r, long pid) {
    printf("{\"what\":\"%s\",\"par\":%zu,\"rps\":%.0f,\"per_cpu_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"peak_mib\":%.1f}\n",
           what, par, (double)r->n / r->seconds, (double)r->n / (r->cpu > 0 ? r->cpu : 1e-3), r->p50_ms, r->p99_ms,
           status_mib(pid, "VmHWM:"));
    fflush(stdout);
}

/* ---- requests ---- */

static struct load make_load(const char *what, const char *path, const char *expect, const struct buf *body) {
    struct load l = {.what = what, .path = path, .expect = expect};
    buf_printf(&l.request, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
               path, body->len);
    buf_add(&l.request, body->s, body->len);
    return l;
}

static struct load admission_load(const char *what, const char *path, const char *expect, const struct jv *group) {
    BUF_AUTO struct buf b = BUF_INIT;
    buf_printf(&b, REVIEW, "admission.k8s.io/v1", "AdmissionReview");
    buf_puts(&b, "\"kind\":" GROUP_VERSION_KIND ",\"operation\":\"CREATE\",\"namespace\":\"inference\",\"name\":\"llama-70b\","
                 "\"resource\":{\"group\":\"workloads.x-k8s.io\",\"version\":\"v1alpha2\",\"resource\":\"rolebasedgroups\"},"
                 "\"userInfo\":{\"username\":\"kubernetes-admin\",\"groups\":[\"system:masters\",\"system:authenticated\"]},"
                 "\"object\":");
    json_write(&b, group);
    buf_puts(&b, ",\"oldObject\":null,\"dryRun\":false,\"options\":{\"apiVersion\":\"meta.k8s.io/v1\","
                 "\"kind\":\"CreateOptions\"}}}");
    return make_load(what, path, expect, &b);
}

static struct load conversion_load(struct arena *a, const char *what, const struct jv *group, size_t n) {
    BUF_AUTO struct buf b = BUF_INIT;
    buf_printf(&b, REVIEW, "apiextensions.k8s.io/v1", "ConversionReview");
    buf_puts(&b, "\"desiredAPIVersion\":\"workloads.x-k8s.io/v1alpha1\",\"objects\":[");
    for (size_t i = 0; i < n; i++) {
        struct jv *copy = jv_dup(a, group);
        jv_set(a, jv_get(copy, "metadata"), "name", jv_new_strf(a, "llama-70b-%02zu", i));
        if (i) buf_putc(&b, ',');
        json_write(&b, copy);
    }
    buf_puts(&b, "]}}");
    return make_load(what, "/convert", "\"status\":\"Success\"", &b);
}

static struct jv *read_group(struct arena *a, const char *path) {
    BUF_AUTO struct buf b = BUF_INIT;
    struct err e = ERR_INIT;
    struct jv **docs;
    size_t n;
    FILE *f = fopen(path, "re");
    if (!f) die(path, strerror(errno));
    for (int c; (c = getc(f)) != EOF;) buf_putc(&b, (char)c);
    fclose(f);
    if (yaml_parse_all(a, buf_str(&b), b.len, &docs, &n, &e)) die(path, e.msg);
    if (n != 1) die(path, "one document is needed");
    return docs[0];
}

static double env_number(const char *name, double dflt) {
    const char *s = getenv(name);
    return s && *s ? strtod(s, NULL) : dflt;
}

/* Every kind of request, or the one that $WHAT names. */
static void run_all(const struct target *t, const struct load *loads, size_t n, double seconds) {
    const char *only = getenv("WHAT");
    for (size_t i = 0; i < n; i++) {
        if (only && !str_eq(only, loads[i].what)) continue;
        for (size_t par = 1; par <= MAX_CONNECTIONS; par += MAX_CONNECTIONS - 1) {
            struct result r = measure(t, &loads[i], 1, par, seconds, 10000000);
            print_result(loads[i].what, par, &r, t->pid);
        }
    }
}

static void run_million(const struct target *t, const struct load *loads, long requests) {
    measure(t, loads, 3, MAX_CONNECTIONS, 10, 10000); /* what one-time allocations take is there afterwards */
    double before = status_mib(t->pid, "VmRSS:");
    struct result r = measure(t, loads, 3, MAX_CONNECTIONS, 3600, requests);
    printf("{\"what\":\"million\",\"requests\":%zu,\"per_cpu_s\":%.0f,\"rss_before_mib\":%.1f,\"rss_after_mib\":%.1f}\n", r.n,
           (double)r.n / r.cpu, before, status_mib(t->pid, "VmRSS:"));
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: bench-admission PORT CA-FILE PID GROUP.yaml\n");
        return 2;
    }
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *group = read_group(a, argv[4]);
    struct target t = {.port = (unsigned)strtoul(argv[1], NULL, 10), .pid = strtol(argv[3], NULL, 10)};
    must_tls(gnutls_certificate_allocate_credentials(&t.creds), "TLS");
    must_tls(gnutls_certificate_set_x509_trust_file(t.creds, argv[2], GNUTLS_X509_FMT_PEM), argv[2]);
    struct load loads[] = {
        admission_load("validate", "/validate-" PATH, "\"allowed\":true", group),
        admission_load("mutate", "/mutate-" PATH, "\"patchType\"", group),
        conversion_load(a, "convert", group, 1),
        conversion_load(a, "convert50", group, MANY),
    };
    size_t n = sizeof loads / sizeof *loads;
    long million = (long)env_number("REQUESTS_N", 1e6);
    run_all(&t, loads, n, env_number("SECONDS_EACH", 5));
    if (million > 0) run_million(&t, loads, million);
    for (size_t i = 0; i < n; i++) buf_fini(&loads[i].request);
    gnutls_certificate_free_credentials(t.creds);
    return 0;
}
