/* What reviews cost without TLS and HTTP: the webhook server's handlers, called in this process.
 *
 *   bench-review FILE...   each RoleBasedGroup of v1alpha2 in the files is validated, mutated, and converted to v1alpha1 and back:
 *                          microseconds of CPU for each
 *
 * One JSON line for each. ROUNDS (0): so many reviews of each instead of a second's worth. The release build is trained by this
 * program (hack/train.sh), so with ROUNDS it does the same work in every run.
 * WHAT leaves one kind of review. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "bench.h"
#include "base/str.h"
#include "doc/json.h"
#include "doc/yaml.h"
#include "webhook/webhook.h"

#define REVIEW "{\"apiVersion\":\"%s\",\"kind\":\"%s\",\"request\":{\"uid\":\"705ab4f5-6393-11e8-b7cc-42010a800002\","
#define PATH "workloads-x-k8s-io-v1alpha2-rolebasedgroup"
#define V1 "workloads.x-k8s.io/v1alpha1"
#define V2 "workloads.x-k8s.io/v1alpha2"

enum { BUDGET_US = 1000000 };

static struct serve_route routes[WEBHOOK_ROUTES];
static long rounds;
static const char *only; /* NULL: all */

static const struct serve_route *route(const char *path) {
    for (size_t i = 0; i < WEBHOOK_ROUTES; i++)
        if (str_eq(routes[i].path, path)) return &routes[i];
    die(path, "no such route");
}

/* One request, answered into `answer`, which may be NULL. */
static void review(const struct serve_route *r, const struct buf *body, char *scratch, struct buf *answer) {
    ARENA_AUTO struct arena *a = arena_new();
    struct serve_response out = {0};
    memcpy(scratch, body->s, body->len + 1); /* the parser works in place */
    struct serve_request q = {.arena = a, .method = "POST", .path = r->path, .query = "", .content_type = "application/json",
                              .authorization = "", .body = scratch, .len = body->len};
    r->fn(r->ctx, &q, &out);
    if (out.status != 200) die(r->path, buf_str(&out.body));
    if (answer) buf_add(answer, out.body.s, out.body.len);
    buf_fini(&out.body);
}

/* Fills `answer` with the first one. */
static void measure(const char *file, const char *what, const char *path, const struct buf *body, const char *expect,
                    struct buf *answer) {
    const struct serve_route *r = route(path);
    char *scratch = malloc(body->len + 1);
    if (!scratch) abort();
    review(r, body, scratch, answer);
    if (!strstr(buf_str(answer), expect)) die(file, buf_str(answer));
    if (only && !str_eq(only, what)) {
        free(scratch);
        return;
    }
    double start = cpu_us(), now = start;
    long n = 0;
    while (rounds ? n < rounds : now - start < BUDGET_US) {
        for (int i = 0; i < 10; i++) review(r, body, scratch, NULL);
        n += 10;
        now = cpu_us();
    }
    free(scratch);
    printf("{\"file\":\"%s\",\"what\":\"%s\",\"bytes\":%zu,\"us\":%.1f}\n", file, what, body->len, (now - start) / (double)n);
}

static void admission(const char *file, const struct jv *group) {
    BUF_AUTO struct buf b = BUF_INIT, verdict = BUF_INIT, patch = BUF_INIT;
    buf_printf(&b, REVIEW, "admission.k8s.io/v1", "AdmissionReview");
    buf_puts(&b, "\"kind\":{\"group\":\"workloads.x-k8s.io\",\"version\":\"v1alpha2\",\"kind\":\"RoleBasedGroup\"},"
                 "\"operation\":\"CREATE\",\"object\":");
    json_write(&b, group);
    buf_puts(&b, ",\"oldObject\":null,\"dryRun\":false}}");
    measure(file, "validate", "/validate-" PATH, &b, "\"allowed\":true", &verdict);
    measure(file, "mutate", "/mutate-" PATH, &b, "\"allowed\":true", &patch);
}

static void conversion(const char *file, const char *what, const struct jv *object, const char *version, struct buf *answer) {
    BUF_AUTO struct buf b = BUF_INIT;
    buf_printf(&b, REVIEW "\"desiredAPIVersion\":\"%s\",\"objects\":[", "apiextensions.k8s.io/v1", "ConversionReview", version);
    json_write(&b, object);
    buf_puts(&b, "]}}");
    measure(file, what, "/convert", &b, "\"status\":\"Success\"", answer);
}

static void bench_group(struct arena *a, const char *file, struct jv *group) {
    BUF_AUTO struct buf old = BUF_INIT, back = BUF_INIT;
    struct err e = ERR_INIT;
    admission(file, group);
    conversion(file, "convert", group, V1, &old);
    const struct jv *review = json_parse(a, old.s, old.len, NULL, &e);
    const struct jv *objects = jv_path(review, "response", "convertedObjects", (char *)0);
    if (jv_len(objects) != 1) die(file, "no converted object");
    conversion(file, "convert back", objects->items[0], V2, &back);
}

static void bench(const char *file) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf in = BUF_INIT;
    FILE *f = fopen(file, "re");
    if (!f) die(file, "can't be read");
    for (int c; (c = getc(f)) != EOF;) buf_putc(&in, (char)c);
    fclose(f);
    struct jv **docs;
    size_t n;
    if (yaml_parse_all(a, buf_str(&in), in.len, &docs, &n, &e)) die(file, e.msg);
    for (size_t i = 0; i < n; i++)
        if (str_eq(jv_get_str(docs[i], "apiVersion"), V2)) bench_group(a, file, docs[i]);
}

int main(int argc, char **argv) {
    const char *n = getenv("ROUNDS");
    static const struct webhook_opts opts = {0};
    if (argc < 2) die("usage", "bench-review FILE...");
    if (n) rounds = strtol(n, NULL, 10);
    only = getenv("WHAT");
    webhook_routes(&opts, routes, WEBHOOK_ROUTES);
    for (int i = 1; i < argc; i++) bench(argv[i]);
    return 0;
}
