/* The webhooks behind their real HTTPS server, and reviews that are none, or nearly: each gets the right status or a denial with
 * the uid it came with, on every path; the connection goes on where HTTP allows it, the next good review is answered, and memory
 * stays bounded. What the server does with broken HTTP is in serve_hostile_test.c. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/metrics.h"
#include "base/str.h"
#include "http_client.h"
#include "memory.h"
#include "testing.h"
#include "webhook/webhook.h"

static const struct webhook_opts opts = {.admission = {.deprecated_workloads = true}};

struct rig {
    struct arena *arena;
    struct certs *certs;
    struct server *server;
    struct serve_route routes[WEBHOOK_ROUTES];
    struct http_client_opts client;
};

static void rig_start(struct rig *g) {
    struct err e = ERR_INIT;
    struct cert_set set = {0};
    *g = (struct rig){.arena = arena_new(), .certs = certs_new(NULL)};
    webhook_routes(&opts, g->routes, WEBHOOK_ROUTES);
    ASSERT_OK(certs_generate(g->arena, NULL, NULL, "rbg.svc", clock_now_ms(clock_real()), 10, &set, &e));
    ASSERT_OK(certs_set_pem(g->certs, set.cert, set.key, &e));
    struct serve_opts o = {.address = "127.0.0.1:0", .certs = g->certs, .routes = g->routes, .nroutes = WEBHOOK_ROUTES};
    ASSERT_PTR(g->server = server_start(&o, &e));
    g->client = (struct http_client_opts){.port = server_port(g->server), .ca_pem = set.ca_cert};
}

static void rig_stop(struct rig *g) {
    server_stop(g->server, 1000);
    certs_free(g->certs);
    arena_free(g->arena);
}

/* One connection that is made anew when the server has closed it. */
struct line {
    const struct rig *g;
    struct http_client *h;
    struct buf body;
    size_t opened;
};

static int post(struct line *l, const char *path, const char *type, const char *text, size_t n) {
    char head[512];
    int len = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: localhost\r\n%s%s%sContent-Length: %zu\r\n\r\n", path,
                       type ? "Content-Type: " : "", type ? type : "", type ? "\r\n" : "", n);
    for (int tries = 0; tries < 2; tries++) {
        if (!l->h) l->opened++;
        if (!l->h) l->h = http_client_open(&l->g->client);
        ASSERT_MSG(l->h != NULL, "the server takes no connection any more");
        int status = http_client_send(l->h, head, (size_t)len) || http_client_send(l->h, text, n)
                         ? -1
                         : http_client_answer(l->h, false, NULL, &l->body);
        if (status > 0) return status;
        http_client_close(l->h);
        l->h = NULL;
    }
    return -1;
}

static void line_end(struct line *l) {
    if (l->h) http_client_close(l->h);
    buf_fini(&l->body);
}

static struct jv *answer(struct arena *a, const struct line *l) {
    struct err e = ERR_INIT;
    struct jv *doc = json_parse(a, l->body.s, l->body.len, NULL, &e);
    ASSERT_MSG(doc != NULL, "%s: %s", e.msg, buf_str(&l->body));
    ck_assert_str_eq(jv_str(jv_path(doc, "response", "uid", (char *)0), ""), "u-1");
    return jv_get(doc, "response");
}

/* ---- bodies ---- */

#define FRAME(api, kind, request) "{\"apiVersion\":\"" api "\",\"kind\":\"" kind "\",\"request\":{\"uid\":\"u-1\"," request "}}"
#define ADMISSION(kind, version, rest) \
    FRAME("admission.k8s.io/v1", "AdmissionReview", \
          "\"operation\":\"CREATE\",\"kind\":{\"group\":\"workloads.x-k8s.io\",\"version\":\"" version "\",\"kind\":\"" kind \
          "\"}," rest)
#define CONVERSION(version, objects) \
    FRAME("apiextensions.k8s.io/v1", "ConversionReview", "\"desiredAPIVersion\":\"" version "\",\"objects\":" objects)
#define SPEC(replicas) \
    "\"spec\":{\"roles\":[{\"name\":\"a\",\"replicas\":" replicas "," \
    "\"standalonePattern\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}}}]}"
#define OBJECT(version, kind, rest) \
    "{\"apiVersion\":\"workloads.x-k8s.io/" version "\",\"kind\":\"" kind "\",\"metadata\":{\"name\":\"g\"}," rest "}"
#define GROUP(replicas) OBJECT("v1alpha2", "RoleBasedGroup", SPEC(replicas))
#define GOOD ADMISSION("RoleBasedGroup", "v1alpha2", "\"object\":" GROUP("1"))
#define VALIDATE "/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroup"
#define MUTATE "/mutate-workloads-x-k8s-io-v1alpha2-rolebasedgroup"
#define JSON "application/json"

static void still_answers(struct line *l) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_int_eq(post(l, VALIDATE, JSON, GOOD, sizeof GOOD - 1), 200);
    ck_assert(jv_get_bool(answer(a, l), "allowed", false));
}

/* What no parser may take, whatever the path. */
START_TEST(bodies_that_are_no_review_get_a_status) {
    static const struct {
        const char *type, *body;
        int status;
        const char *words;
    } rows[] = {
        {"application/yaml", GOOD, 415, "application/json"},
        {"text/plain; charset=application/json", GOOD, 415, "application/json"},
        {NULL, GOOD, 415, "application/json"},
        {JSON, "", 400, "ends here"},
        {JSON, "{\"apiVersion\":", 400, "ends here"},
        {JSON, "[]", 400, "this path answers"},
        {JSON, "{}", 400, "this path answers"},
        {JSON, "{\"a\":1,\"a\":2}", 400, "twice"},
        {JSON, ADMISSION("RoleBasedGroup", "v1alpha2", "\"object\":" GROUP("1,\"replicas\":2")), 400, "\"replicas\" twice"},
        {JSON, "{\"a\":\"\xff\"}", 400, "UTF-8"},
        {JSON, CONVERSION("workloads.x-k8s.io/v1alpha1", "[{\"a\":\"\xed\xa0\x80\"}]"), 400, "UTF-8"},
        {JSON, CONVERSION("workloads.x-k8s.io/v1alpha1", "[{\"containers\":[{\"a\":1,\"a\":2}]}]"), 400, "twice"},
        {JSON, CONVERSION("workloads.x-k8s.io/v1alpha1", "[{\"containers\":[\"\xc3\"]}]"), 400, "UTF-8"},
        {JSON, "{\"a\":NaN}", 400, "expected a value"},
        {JSON, "{\"a\":0x10}", 400, "found"},
        {JSON, FRAME("admission.k8s.io/v1beta1", "AdmissionReview", "\"x\":1"), 400, "v1beta1"},
        {JSON, "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":7}}", 400, "uid"},
        {JSON, "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"ConversionReview\"}", 400, "request"},
    };
    struct rig g;
    rig_start(&g);
    struct line l = {.g = &g};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t r = 0; r < WEBHOOK_ROUTES; r++) {
            int status = post(&l, g.routes[r].path, rows[i].type, rows[i].body, strlen(rows[i].body));
            ASSERT_MSG(status == rows[i].status, "%s %s: %d %s", g.routes[r].path, rows[i].body, status, buf_str(&l.body));
            /* A path answers one kind of review: to the other it says so. */
            bool said = strstr(buf_str(&l.body), rows[i].words) || strstr(buf_str(&l.body), "this path answers");
            ASSERT_MSG(said, "%s: %s", rows[i].body, buf_str(&l.body));
        }
    still_answers(&l);
    ck_assert_uint_eq(l.opened, 1); /* an error of the body is none of the connection */
    line_end(&l);
    rig_stop(&g);
}
END_TEST

static void repeat(struct buf *out, const char *before, const char *piece, size_t n, const char *after) {
    buf_puts(out, before);
    for (size_t i = 0; i < n; i++) buf_puts(out, piece);
    buf_puts(out, after);
}

/* Deep and wide bodies, in the object too: refused on every path, again and again, and nothing stays. */
START_TEST(deep_and_wide_bodies_stay_out_of_memory) {
    static const char object[] =
        "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u-1\",\"object\":";
    static const char batch[] =
        "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"ConversionReview\",\"request\":{\"uid\":\"u-1\",\"objects\":";
    struct rig g;
    rig_start(&g);
    struct line l = {.g = &g};
    struct buf bodies[5] = {0};
    repeat(&bodies[0], "", "[", 200000, "");
    repeat(&bodies[1], object, "{\"spec\":", 5000, "");
    repeat(&bodies[2], "[0", ",0", 600000, "]");
    repeat(&bodies[3], object, "[[],[],[],[],[],[],[],[],[],[],", 60000, "");
    repeat(&bodies[4], batch, "{\"containers\":", 5000, "");
    size_t before = 0;
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < 5; i++)
            for (size_t r = 0; r < WEBHOOK_ROUTES; r += round ? 3 : 1) {
                int status = post(&l, g.routes[r].path, JSON, bodies[i].s, bodies[i].len);
                ASSERT_MSG(status == 413, "body %zu to %s: %d %s", i, g.routes[r].path, status, buf_str(&l.body));
            }
        if (round == 0) before = memory_resident();
    }
    memory_assert_bounded(before);
    still_answers(&l);
    for (size_t i = 0; i < 5; i++) buf_fini(&bodies[i]);
    line_end(&l);
    rig_stop(&g);
}
END_TEST

struct refused {
    const char *body, *words;
};

/* JSON that is a review: answered with the uid, and with the reason, which `message` finds in a response of its kind. */
static void all_refused(const char *path, const struct refused *rows, size_t n, const char *(*message)(const struct jv *response)) {
    struct rig g;
    rig_start(&g);
    struct line l = {.g = &g};
    for (size_t i = 0; i < n; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        ck_assert_int_eq(post(&l, path, JSON, rows[i].body, strlen(rows[i].body)), 200);
        ASSERT_MSG(strstr(message(answer(a, &l)), rows[i].words), "%s", buf_str(&l.body));
    }
    line_end(&l);
    rig_stop(&g);
}

static const char *denial(const struct jv *response) {
    const struct jv *status = jv_get(response, "status");
    ck_assert(!jv_get_bool(response, "allowed", true));
    ck_assert_int_eq(jv_get_int(status, "code", 0), 400);
    return jv_str(jv_get(status, "message"), "");
}

START_TEST(reviews_of_what_is_not_served_are_denied) {
    static const struct refused rows[] = {
        {ADMISSION("RoleBasedGroup", "v1alpha1", "\"object\":" GROUP("1")), "matchPolicy Equivalent"},
        {ADMISSION("RoleBasedGroup", "v1", "\"object\":" GROUP("1")), "not \"RoleBasedGroup\" of \"workloads.x-k8s.io/v1\""},
        {ADMISSION("RoleInstance", "v1alpha2", "\"object\":" GROUP("1")), "not \"RoleInstance\""},
        {ADMISSION("RoleBasedGroup", "v1alpha2", "\"object\":" OBJECT("v1alpha1", "RoleBasedGroup", SPEC("1"))),
         "not what request.kind says"},
        {ADMISSION("RoleBasedGroup", "v1alpha2", "\"object\":null"), "must be an object"},
        {ADMISSION("RoleBasedGroup", "v1alpha2", "\"dryRun\":true"), "must be an object"},
    };
    all_refused(VALIDATE, rows, sizeof rows / sizeof *rows, denial);
    all_refused(MUTATE, rows, sizeof rows / sizeof *rows, denial);
}
END_TEST

/* Numbers that fit nowhere are JSON, so they come to the rules, and are denied with their field. */
START_TEST(numbers_that_fit_nowhere_are_denied) {
    static const char *const numbers[] = {"99999999999999999999999999999999999999", "-1e400", "1E+999999999", "2147483648",
                                          "-9223372036854775809", "0.5", "-0.0000001"};
    struct rig g;
    rig_start(&g);
    struct line l = {.g = &g};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        char body[1024];
        int n = snprintf(body, sizeof body, "%.*s%s%s", (int)(strstr(GOOD, "\"replicas\":") + 11 - GOOD), GOOD, numbers[i],
                         strstr(GOOD, "\"replicas\":") + 12);
        ck_assert_int_eq(post(&l, VALIDATE, JSON, body, (size_t)n), 200);
        const struct jv *causes = jv_path(answer(a, &l), "status", "details", "causes", (char *)0);
        ck_assert_str_eq(jv_str(jv_get(jv_idx(causes, 0), "field"), ""), "spec.roles[0].replicas");
        ck_assert_int_eq(post(&l, MUTATE, JSON, body, (size_t)n), 200);
        ck_assert(jv_get_bool(answer(a, &l), "allowed", false)); /* the schema refuses it afterwards */
    }
    line_end(&l);
    rig_stop(&g);
}
END_TEST

static const char *failure(const struct jv *response) {
    const struct jv *result = jv_get(response, "result");
    ck_assert_str_eq(jv_str(jv_get(result, "status"), ""), "Failure");
    ck_assert_ptr_null(jv_get(response, "convertedObjects"));
    return jv_str(jv_get(result, "message"), "");
}

START_TEST(conversions_of_what_is_not_served_fail_as_a_whole) {
    static const struct refused rows[] = {
        {CONVERSION("workloads.x-k8s.io/v1alpha1", "[" GROUP("1") "," OBJECT("v1alpha2", "RoleInstance", "\"spec\":{}") "]"),
         "RoleInstance g (object 2 of 2)"},
        {CONVERSION("workloads.x-k8s.io/v1", "[" GROUP("1") "]"), "write v1alpha1 or v1alpha2"},
        {CONVERSION("apps/v1", "[" GROUP("1") "]"), "no version of workloads.x-k8s.io"},
        {CONVERSION("workloads.x-k8s.io/v1alpha1", "[" GROUP("1") ",null]"), "object 2 of 2"},
        {CONVERSION("workloads.x-k8s.io/v1alpha1", "{}"), "request.objects: must be a list"},
        {CONVERSION("workloads.x-k8s.io/v1alpha1", "[{\"kind\":\"RoleBasedGroup\"}]"), "apiVersion"},
    };
    all_refused("/convert", rows, sizeof rows / sizeof *rows, failure);
}
END_TEST

/* ---- a body cut short ---- */

static unsigned long answered(void) {
    BUF_AUTO struct buf out = BUF_INIT;
    metrics_write(&out);
    unsigned long sum = 0;
    for (const char *at = buf_str(&out); (at = strstr(at, "rbg_admission_requests_total{")); at++)
        sum += strtoul(strchr(at, '}') + 1, NULL, 10);
    return sum;
}

/* A client that goes away in the middle: nobody decides about half a review. */
START_TEST(cut_reviews_are_never_decided) {
    struct rig g;
    rig_start(&g);
    unsigned long before = answered();
    for (size_t cut = 0; cut < sizeof GOOD - 1; cut += 61) {
        char head[256];
        int n = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: " JSON
                         "\r\nContent-Length: %zu\r\n\r\n", VALIDATE, sizeof GOOD - 1);
        struct http_client *h = http_client_open(&g.client);
        ck_assert_ptr_nonnull(h);
        ck_assert_int_eq(http_client_send(h, head, (size_t)n) || http_client_send(h, GOOD, cut), 0);
        http_client_close(h);
    }
    struct line l = {.g = &g};
    still_answers(&l);
    ck_assert_uint_eq(answered() - before, 1);
    line_end(&l);
    rig_stop(&g);
}
END_TEST

/* ---- a long list ---- */

#define TO_OLD \
    "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"ConversionReview\",\"request\":{\"uid\":\"u-1\"," \
    "\"desiredAPIVersion\":\"workloads.x-k8s.io/v1alpha1\",\"objects\":["

static void add_group(struct buf *out, int i) {
    buf_printf(out, "%s{\"apiVersion\":\"workloads.x-k8s.io/v1alpha2\",\"kind\":\"RoleBasedGroup\",\"metadata\":{\"name\":\"g-%d\","
               "\"annotations\":{\"rbg.workloads.x-k8s.io/group-gang-scheduling\":\"true\"}},\"spec\":{\"roles\":[{\"name\":\"a\","
               "\"podManagementPolicy\":\"OrderedReady\",\"standalonePattern\":{\"template\":{\"spec\":{\"containers\":[",
               i ? "," : "", i);
    for (int c = 0; c < 3; c++) {
        buf_printf(out, "%s{\"name\":\"c%d\",\"image\":\"registry.example.com/engine:1.0\",\"env\":[", c ? "," : "", c);
        for (int v = 0; v < 200; v++)
            buf_printf(out, "%s{\"name\":\"VARIABLE_%d\",\"value\":\"some value of it\"}", v ? "," : "", v);
        buf_puts(out, "]}");
    }
    buf_puts(out, "]}}}}]}}");
}

static void add_groups(struct buf *out, int n) {
    buf_puts(out, TO_OLD);
    for (int i = 0; i < n; i++) add_group(out, i);
}

/* Five hundred groups of 30 KB, as a list sends them: all of them, in their order, there and back; memory does not grow with
 * their number of times. */
START_TEST(five_hundred_groups_are_converted_in_order) {
    enum { GROUPS = 500 };
    struct rig g;
    rig_start(&g);
    struct line l = {.g = &g};
    BUF_AUTO struct buf body = BUF_INIT;
    add_groups(&body, GROUPS);
    buf_puts(&body, "]}}");
    ck_assert_uint_gt(body.len, 14 * MIB);
    size_t before = 0;
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(post(&l, "/convert", JSON, body.s, body.len), 200);
        if (round == 0) before = memory_resident();
    }
    memory_assert_bounded(before);
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *old = jv_get(answer(a, &l), "convertedObjects");
    ck_assert_uint_eq(jv_len(old), GROUPS);
    for (int i = 0; i < GROUPS; i++) {
        ck_assert_str_eq(meta_name(jv_idx(old, (size_t)i)), arena_printf(a, "g-%d", i));
        ck_assert_str_eq(jv_get_str(jv_idx(old, (size_t)i), "apiVersion"), "workloads.x-k8s.io/v1alpha1");
    }
    const struct jv *objects = jv_path(json_parse(a, body.s, body.len, NULL, NULL), "request", "objects", (char *)0);
    const char *text = arena_printf(a, CONVERSION("workloads.x-k8s.io/v1alpha2", "%s"), json_text(a, old));
    ck_assert_int_eq(post(&l, "/convert", JSON, text, strlen(text)), 200);
    ck_assert(jv_eq(jv_get(answer(a, &l), "convertedObjects"), objects));
    line_end(&l);
    rig_stop(&g);
}
END_TEST

/* What is said of a small review is said of one that is read object by object: the object by its name and number, and a text that
 * is no JSON is none of its objects'. */
START_TEST(one_object_fails_a_large_review) {
    enum { GROUPS = 60 }; /* 1.8 MB */
    static const struct {
        const char *object;
        int status;
        const char *words;
    } rows[] = {
        {OBJECT("v1alpha2", "RoleInstance", "\"spec\":{}"), 200, "RoleInstance g (object 61 of 61): kind \"RoleInstance\" is not"},
        {"{\"kind\":\"RoleBasedGroup\"}", 200, "RoleBasedGroup without a name (object 61 of 61): apiVersion"},
        {"null", 200, "(object 61 of 61)"},
        {"[1]", 200, "(object 61 of 61)"},
        {"{\"a\":}", 400, "expected a value"},
        {"{\"a\":1,\"a\":1}", 400, "twice"},
        {"{\"a\":\"\xc3\"}", 400, "UTF-8"},
        {"{}]", 400, "found"},
        {"{\"a\":", 400, "found"},
    };
    struct rig g;
    rig_start(&g);
    struct line l = {.g = &g};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        BUF_AUTO struct buf body = BUF_INIT;
        add_groups(&body, GROUPS);
        buf_printf(&body, ",%s]}}", rows[i].object);
        ck_assert_uint_gt(body.len, MIB);
        int status = post(&l, "/convert", JSON, body.s, body.len);
        ASSERT_MSG(status == rows[i].status, "%s: %d %.200s", rows[i].object, status, buf_str(&l.body));
        ARENA_AUTO struct arena *a = arena_new();
        const char *said = status == 200 ? failure(answer(a, &l)) : buf_str(&l.body);
        ASSERT_MSG(strstr(said, rows[i].words), "%s: %.200s", rows[i].object, said);
    }
    line_end(&l);
    rig_stop(&g);
}
END_TEST

/* Clients that ask for much and take nothing: what waits for them is bounded, and the others get their small answers meanwhile;
 * large ones too, as soon as those who stand still are cut. */
START_TEST(answers_that_nobody_takes_are_bounded) {
    enum { CLIENTS = 5 }; /* of 10 MB each, which is more than one address may have of answers */
    struct rig g;
    rig_start(&g);
    struct line l = {.g = &g};
    struct http_client *idle[CLIENTS];
    BUF_AUTO struct buf body = BUF_INIT;
    add_groups(&body, 350);
    buf_puts(&body, "]}}");
    char head[256];
    int n = snprintf(head, sizeof head, "POST /convert HTTP/1.1\r\nHost: localhost\r\nContent-Type: " JSON
                     "\r\nContent-Length: %zu\r\n\r\n", body.len);
    for (int i = 0; i < CLIENTS; i++) {
        ck_assert_ptr_nonnull(idle[i] = http_client_open(&g.client));
        ck_assert_int_eq(http_client_send(idle[i], head, (size_t)n) || http_client_send(idle[i], body.s, body.len), 0);
        still_answers(&l);
    }
    ck_assert_int_eq(post(&l, "/convert", JSON, body.s, body.len), 200);
    still_answers(&l);
    for (int i = 0; i < CLIENTS; i++) http_client_close(idle[i]);
    line_end(&l);
    rig_stop(&g);
}
END_TEST

TEST_MAIN("webhook_hostile", bodies_that_are_no_review_get_a_status, deep_and_wide_bodies_stay_out_of_memory,
          reviews_of_what_is_not_served_are_denied, numbers_that_fit_nowhere_are_denied,
          conversions_of_what_is_not_served_fail_as_a_whole, cut_reviews_are_never_decided,
          five_hundred_groups_are_converted_in_order, one_object_fails_a_large_review, answers_that_nobody_takes_are_bounded)
