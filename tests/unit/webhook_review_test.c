/* The webhook as the API server sees it: reviews in, reviews out, by the routes' own functions. */
#include <string.h>

#include "base/metrics.h"
#include "base/str.h"
#include "doc/patch.h"
#include "doc/yaml.h"
#include "testing.h"
#include "webhook/webhook.h"

#define VALIDATE "/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroup"
#define VALIDATE_SET VALIDATE "set"
#define MUTATE "/mutate-workloads-x-k8s-io-v1alpha2-rolebasedgroup"
#define T "standalonePattern: {template: {spec: {containers: [{name: m, image: i}]}}}"
#define GROUP                                                                                      \
    "apiVersion: workloads.x-k8s.io/v1alpha2, kind: RoleBasedGroup, metadata: {name: g, "          \
    "namespace: ns}"
#define GOOD "{" GROUP ", spec: {roles: [{name: a, replicas: 1, " T "}]}}"
#define BAD "{" GROUP ", spec: {roles: [{name: Up, dependencies: [x], " T "}]}}"
#define KIND "kind: {group: workloads.x-k8s.io, version: v1alpha2, kind: RoleBasedGroup}"

static const struct webhook_opts opts = {.admission = {.deprecated_workloads = true}};

struct answer {
    int status;
    char *text;
    struct jv *response; /* NULL when the body is no review */
};

/* Sends raw bytes to the route. */
static struct answer send_raw(struct arena *a, const char *path, const char *type, const char *body,
                              size_t n) {
    struct serve_route routes[WEBHOOK_ROUTES];
    ck_assert_uint_eq(webhook_routes(&opts, routes, WEBHOOK_ROUTES), WEBHOOK_ROUTES);
    struct serve_request q = {.arena = a,
                              .method = "POST",
                              .path = path,
                              .query = "",
                              .content_type = type,
                              .authorization = "",
                              .body = arena_strndup(a, body, n),
                              .len = n};
    struct serve_response r = {0};
    for (size_t i = 0; i < WEBHOOK_ROUTES; i++)
        if (str_eq(routes[i].path, path)) routes[i].fn(routes[i].ctx, &q, &r);
    ck_assert_msg(r.status != 0, "%s: no answer", path);
    struct answer out = {.status = r.status, .text = arena_strdup(a, buf_str(&r.body))};
    buf_fini(&r.body);
    struct jv *doc = r.status == 200 ? json_parse(a, out.text, strlen(out.text), NULL, NULL) : NULL;
    out.response = jv_get(doc, "response");
    return out;
}

/* Sends a review written as YAML. */
static struct answer ask(struct arena *a, const char *path, const char *yaml) {
    struct err e = ERR_INIT;
    struct jv **docs;
    size_t n;
    ASSERT_OK(yaml_parse_all(a, yaml, strlen(yaml), &docs, &n, &e));
    char *text = json_text(a, docs[0]);
    return send_raw(a, path, "application/json", text, strlen(text));
}

static struct answer review(struct arena *a, const char *path, const char *request) {
    return ask(
        a, path,
        arena_printf(
            a, "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {uid: u-1, %s}}",
            request));
}

static struct answer conversion(struct arena *a, const char *desired, const char *objects) {
    return ask(
        a, "/convert",
        arena_printf(
            a,
            "{apiVersion: apiextensions.k8s.io/v1, kind: ConversionReview, request: {uid: u-2, "
            "desiredAPIVersion: %s, objects: [%s]}}",
            desired, objects));
}

static bool allowed(const struct answer *x) {
    ck_assert_msg(x->response != NULL, "%d %s", x->status, x->text);
    ck_assert_str_eq(jv_str(jv_get(x->response, "uid"), ""), "u-1");
    ck_assert(jv_is(jv_get(x->response, "allowed"), J_BOOL));
    return jv_get_bool(x->response, "allowed", false);
}

static const char *message(const struct answer *x) {
    return jv_str(jv_path(x->response, "status", "message", (char *)0), "");
}

/* ---- validate ---- */

START_TEST(test_valid_group_is_allowed) {
    ARENA_AUTO struct arena *a = arena_new();
    struct answer x =
        review(a, VALIDATE, "operation: CREATE, dryRun: true, " KIND ", object: " GOOD);
    ck_assert(allowed(&x));
    ck_assert_ptr_null(jv_get(x.response, "status"));
    ck_assert_ptr_null(jv_get(x.response, "patch"));
}
END_TEST

START_TEST(test_denial_names_every_field) {
    ARENA_AUTO struct arena *a = arena_new();
    struct answer x = review(a, VALIDATE, "operation: CREATE, " KIND ", object: " BAD);
    ck_assert(!allowed(&x));
    const struct jv *status = jv_get(x.response, "status");
    ck_assert_int_eq(jv_get_int(status, "code", 0), 403);
    ck_assert_str_eq(jv_get_str(status, "reason"), "Forbidden");
    ck_assert_msg(strstr(message(&x), "spec.roles[0].name: ") &&
                      strstr(message(&x), "spec.roles[0].dependencies[0]: "),
                  "%s", message(&x));
    /* A line each: kubectl prints the message as it is. */
    ck_assert(str_has_prefix(message(&x), "\n* spec.roles[0].name: "));
    ck_assert_ptr_nonnull(strstr(message(&x), "\n* spec.roles[0].dependencies[0]: "));
    const struct jv *causes = jv_path(status, "details", "causes", (char *)0);
    ck_assert_uint_eq(jv_len(causes), 2);
    ck_assert_str_eq(jv_get_str(jv_idx(causes, 0), "field"), "spec.roles[0].name");
    ck_assert_str_eq(jv_get_str(jv_idx(causes, 1), "reason"), "FieldValueNotFound");
}
END_TEST

START_TEST(test_update_is_ratcheted) {
    ARENA_AUTO struct arena *a = arena_new();
    struct answer same =
        review(a, VALIDATE, "operation: UPDATE, " KIND ", object: " BAD ", oldObject: " BAD);
    ck_assert(allowed(&same));
    struct answer worse =
        review(a, VALIDATE, "operation: UPDATE, " KIND ", object: " BAD ", oldObject: " GOOD);
    ck_assert(!allowed(&worse));
}
END_TEST

START_TEST(test_deleted_object_may_lose_its_finalizers) {
    ARENA_AUTO struct arena *a = arena_new();
    struct answer x =
        review(a, VALIDATE,
               "operation: UPDATE, " KIND
               ", object: {apiVersion: workloads.x-k8s.io/v1alpha2, kind: RoleBasedGroup, "
               "metadata: {name: g, deletionTimestamp: \"2026-11-23T09:00:00Z\"}, spec: {}}, "
               "oldObject: " GOOD);
    ck_assert(allowed(&x));
}
END_TEST

START_TEST(test_warnings_come_with_the_answer) {
    ARENA_AUTO struct arena *a = arena_new();
    struct answer x = review(a, VALIDATE,
                             "operation: CREATE, " KIND ", object: {" GROUP
                             ", spec: {roles: [{name: a, replicas: 1, rolloutStrategy: "
                             "{rollingUpdate: {partition: 1}}, " T "}]}}");
    ck_assert(allowed(&x));
    ck_assert_uint_eq(jv_len(jv_get(x.response, "warnings")), 1);
}
END_TEST

START_TEST(test_set_route_takes_sets) {
    ARENA_AUTO struct arena *a = arena_new();
    struct answer x =
        review(a, VALIDATE_SET,
               "operation: CREATE, kind: {group: workloads.x-k8s.io, version: v1alpha2, kind: "
               "RoleBasedGroupSet}, object: "
               "{apiVersion: workloads.x-k8s.io/v1alpha2, kind: RoleBasedGroupSet, metadata: "
               "{name: a.b}, spec: {groupTemplate: {spec: {roles: [{name: a, " T "}]}}}}");
    ck_assert(!allowed(&x));
    struct answer wrong = review(a, VALIDATE_SET, "operation: CREATE, " KIND ", object: " GOOD);
    ck_assert(!allowed(&wrong));
    ck_assert_msg(strstr(message(&wrong), "RoleBasedGroupSet") != NULL, "%s", message(&wrong));
}
END_TEST

START_TEST(test_deletes_and_subresources_pass) {
    ARENA_AUTO struct arena *a = arena_new();
    static const char *const requests[] = {
        "operation: DELETE, " KIND ", oldObject: " GOOD, "operation: CONNECT, " KIND,
        "operation: UPDATE, subResource: status, " KIND ", object: " BAD ", oldObject: " GOOD};
    static const char *const paths[] = {VALIDATE, MUTATE};
    for (size_t i = 0; i < 6; i++) {
        struct answer x = review(a, paths[i % 2], requests[i / 2]);
        ck_assert_msg(allowed(&x) && !jv_get(x.response, "patch"), "%s", requests[i / 2]);
    }
}
END_TEST

START_TEST(test_what_is_not_ours_is_denied) {
    ARENA_AUTO struct arena *a = arena_new();
    static const struct {
        const char *request, *says;
    } cases[] = {
        {"operation: CREATE, kind: {group: apps, version: v1, kind: Deployment}, object: {}",
         "this webhook handles RoleBasedGroup"},
        {"operation: CREATE, kind: {group: workloads.x-k8s.io, version: v1alpha1, kind: "
         "RoleBasedGroup}, object: {}",
         "matchPolicy Equivalent"},
        {"operation: PATCH, " KIND ", object: " GOOD, "none of CREATE, UPDATE"},
        {"operation: CREATE, " KIND, "request.object: must be an object, got nothing"},
        {"operation: CREATE, " KIND ", object: [1]",
         "request.object: must be an object, got array"},
        {"operation: CREATE, " KIND ", object: {apiVersion: v1, kind: Pod}",
         "not what request.kind says"},
        {"operation: UPDATE, " KIND ", object: " GOOD, "request.oldObject: must be an object"},
        {"operation: CREATE, object: " GOOD, "this webhook handles"},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        struct answer x = review(a, i % 2 ? MUTATE : VALIDATE, cases[i / 2].request);
        ck_assert(!allowed(&x));
        ck_assert_int_eq(jv_int(jv_path(x.response, "status", "code", (char *)0), 0), 400);
        ck_assert_msg(strstr(message(&x), cases[i / 2].says) != NULL, "%s: %s",
                      cases[i / 2].request, message(&x));
    }
}
END_TEST

/* ---- mutate ---- */

static int digit(char c) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = strchr(digits, c);
    ck_assert_msg(at != NULL && c, "no base64: '%c'", c);
    return (int)(at - digits);
}

static struct jv *decode_patch(struct arena *a, const char *s) {
    char *out = arena_alloc(a, strlen(s) + 1);
    size_t n = 0;
    ck_assert_uint_eq(strlen(s) % 4, 0);
    for (; *s; s += 4) {
        int pad = (s[2] == '=') + (s[3] == '=');
        int v = digit(s[0]) << 18 | digit(s[1]) << 12 | (pad > 1 ? 0 : digit(s[2]) << 6) |
                (pad > 0 ? 0 : digit(s[3]));
        for (int i = 0; i < 3 - pad; i++) out[n++] = (char)(v >> (16 - 8 * i));
    }
    return json_parse(a, out, n, NULL, NULL);
}

START_TEST(test_defaults_come_as_a_patch_that_applies) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **docs, *want;
    size_t n;
    struct answer x = review(a, MUTATE, "operation: CREATE, " KIND ", object: " GOOD);
    ck_assert(allowed(&x));
    ck_assert_str_eq(jv_get_str(x.response, "patchType"), "JSONPatch");
    struct jv *ops = decode_patch(a, jv_get_str(x.response, "patch"));
    ASSERT_PTR(ops);
    ASSERT_OK(yaml_parse_all(a, GOOD, strlen(GOOD), &docs, &n, &e));
    struct jv *got = json_patch_apply(a, docs[0], ops, &e);
    ASSERT_PTR(got);
    want = jv_dup(a, docs[0]);
    admission_default(a, KIND_RBG, want, true);
    ck_assert(jv_eq(got, want));
    /* A second time there is nothing left to write. */
    char *again = arena_printf(a,
                               "{\"apiVersion\":\"admission.k8s.io/"
                               "v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u-1\","
                               "\"operation\":\"CREATE\",\"kind\":"
                               "{\"group\":\"workloads.x-k8s.io\",\"version\":\"v1alpha2\","
                               "\"kind\":\"RoleBasedGroup\"},\"object\":%s}}",
                               json_text(a, got));
    struct answer y = send_raw(a, MUTATE, "application/json", again, strlen(again));
    ck_assert(allowed(&y) && !jv_get(y.response, "patch") && !jv_get(y.response, "patchType"));
}
END_TEST

/* ---- convert ---- */

#define V1(name)                                                                                   \
    "{apiVersion: workloads.x-k8s.io/v1alpha1, kind: RoleBasedGroup, metadata: {name: " name       \
    "}, spec: {roles: [{name: a, restartPolicy: None}]}}"

START_TEST(test_batch_keeps_its_order) {
    ARENA_AUTO struct arena *a = arena_new();
    struct answer x = conversion(a, "workloads.x-k8s.io/v1alpha2",
                                 V1("z") ", {apiVersion: workloads.x-k8s.io/v1alpha1, kind: "
                                         "RoleBasedGroupSet, metadata: {name: m}, "
                                         "spec: {template: {roles: []}}}, " V1("b"));
    ck_assert_str_eq(jv_get_str(x.response, "uid"), "u-2");
    ck_assert_str_eq(jv_str(jv_path(x.response, "result", "status", (char *)0), ""), "Success");
    const struct jv *objects = jv_get(x.response, "convertedObjects");
    ck_assert_uint_eq(jv_len(objects), 3);
    ck_assert_str_eq(meta_name(jv_idx(objects, 0)), "z");
    ck_assert_str_eq(meta_name(jv_idx(objects, 1)), "m");
    ck_assert_str_eq(meta_name(jv_idx(objects, 2)), "b");
    for (size_t i = 0; i < 3; i++)
        ck_assert_str_eq(jv_get_str(jv_idx(objects, i), "apiVersion"),
                         "workloads.x-k8s.io/v1alpha2");
}
END_TEST

/* Objects that come before the version that they shall have. */
START_TEST(test_any_order_of_a_request) {
    ARENA_AUTO struct arena *a = arena_new();
    static const char bad[] = ", {apiVersion: workloads.x-k8s.io/v1alpha1, kind: Instance, metadata: {name: bad}}";
    for (int i = 0; i < 2; i++) {
        struct answer x = ask(a, "/convert",
                              arena_printf(a,
                                           "{apiVersion: apiextensions.k8s.io/v1, kind: ConversionReview, request: {objects: "
                                           "[%s%s, %s], uid: u-2, desiredAPIVersion: workloads.x-k8s.io/v1alpha2}}",
                                           V1("z"), i ? bad : "", V1("b")));
        ck_assert_str_eq(jv_get_str(x.response, "uid"), "u-2");
        const char *text = jv_str(jv_path(x.response, "result", "message", (char *)0), "");
        if (i) ck_assert_msg(strstr(text, "Instance bad (object 2 of 3): ") != NULL, "%s", text);
        const struct jv *objects = jv_get(x.response, "convertedObjects");
        ck_assert_uint_eq(jv_len(objects), i ? 0 : 2);
        if (!i) ck_assert_str_eq(meta_name(jv_idx(objects, 1)), "b");
    }
}
END_TEST

START_TEST(test_failure_names_the_object) {
    ARENA_AUTO struct arena *a = arena_new();
    static const struct {
        const char *desired, *objects, *says;
    } cases[] = {
        {"workloads.x-k8s.io/v1alpha2",
         V1("ok") ", {apiVersion: workloads.x-k8s.io/v1alpha1, kind: Instance, metadata: {name: "
                  "bad, namespace: ns}}",
         "Instance ns/bad (object 2 of 2): "},
        {"workloads.x-k8s.io/v1alpha1", V1("same"), "already"},
        {"workloads.x-k8s.io/v1", V1("x"), "write v1alpha1 or v1alpha2"},
        {"apps/v1", V1("x"), "no version of workloads.x-k8s.io"},
        {"workloads.x-k8s.io/v1alpha2", "7", "object without a name (object 1 of 1)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct answer x = conversion(a, cases[i].desired, cases[i].objects);
        ck_assert_str_eq(jv_get_str(x.response, "uid"), "u-2");
        ck_assert_str_eq(jv_str(jv_path(x.response, "result", "status", (char *)0), ""), "Failure");
        ck_assert_ptr_null(jv_get(x.response, "convertedObjects"));
        const char *text = jv_str(jv_path(x.response, "result", "message", (char *)0), "");
        ck_assert_msg(strstr(text, cases[i].says) != NULL, "%s", text);
    }
}
END_TEST

START_TEST(test_empty_batch_succeeds) {
    ARENA_AUTO struct arena *a = arena_new();
    struct answer x = conversion(a, "workloads.x-k8s.io/v1alpha2", "");
    ck_assert(jv_is(jv_get(x.response, "convertedObjects"), J_ARR));
}
END_TEST

/* ---- bodies that are none ---- */

#define OTHER(kind) "/validate-workloads-x-k8s-io-v1alpha2-" kind
static const char *const all_paths[] = {VALIDATE, VALIDATE_SET, OTHER("coordinatedpolicy"),
                                        OTHER("rolebasedgroupwarmup"), MUTATE, MUTATE "set", "/convert"};
enum { PATHS = sizeof all_paths / sizeof *all_paths };

START_TEST(test_bad_bodies) {
    ARENA_AUTO struct arena *a = arena_new();
    static const struct {
        const char *type, *body;
        int status;
    } cases[] = {
        {"application/yaml", "{}", 415},
        {"", "{}", 415},
        {"application/jsonx", "{}", 415},
        {"application/json", "", 400},
        {"application/json", "{", 400},
        {"application/json; charset=utf-8", "[]", 400},
        {"application/json", "{} {}", 400},
        {"APPLICATION/JSON", "null", 400},
        {"application/json", "{\"a\":1,\"a\":2}", 400},
        {"application/json",
         "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\"}", 400},
        {"application/json",
         "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{}}",
         400},
        {"application/json",
         "{\"apiVersion\":\"admission.k8s.io/"
         "v1beta1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u\"}}",
         400},
        {"application/json",
         "{\"apiVersion\":\"apiextensions.k8s.io/"
         "v1\",\"kind\":\"ConversionReview\",\"request\":[]}",
         400},
    };
    for (size_t i = 0; i < PATHS * sizeof cases / sizeof *cases; i++) {
        struct answer x = send_raw(a, all_paths[i % PATHS], cases[i / PATHS].type, cases[i / PATHS].body,
                                   strlen(cases[i / PATHS].body));
        ck_assert_msg(x.status == cases[i / PATHS].status, "%s: %d %s", cases[i / PATHS].body, x.status,
                      x.text);
        ck_assert_uint_gt(strlen(x.text), 10);
    }
}
END_TEST

START_TEST(test_deep_and_wide_bodies_are_refused) {
    for (size_t i = 0; i < PATHS; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        BUF_AUTO struct buf deep = BUF_INIT, wide = BUF_INIT;
        for (int n = 0; n < 100000; n++) buf_putc(&deep, '[');
        ck_assert_int_eq(send_raw(a, all_paths[i], "application/json", deep.s, deep.len).status,
                         413);
        buf_puts(&wide, "[{}");
        for (int n = 0; n < 600000; n++) buf_puts(&wide, ",{}");
        buf_puts(&wide, "]");
        ck_assert_int_eq(send_raw(a, all_paths[i], "application/json", wide.s, wide.len).status,
                         413);
    }
}
END_TEST

/* Every value of a good review replaced by every type: an answer each time, never a crash. */
static void replace_all(struct arena *scratch, struct jv *root, struct jv *at, const char *path) {
    static const char *const odd[] = {"null", "true",   "3",  "\"x\"",
                                      "[]",   "[null]", "{}", "{\"a\":[]}"};
    for (uint32_t i = 0; (at->type == J_OBJ || at->type == J_ARR) && i < at->len; i++) {
        struct jv **place = at->type == J_OBJ ? &at->members[i].val : &at->items[i], *kept = *place;
        for (size_t v = 0; v < sizeof odd / sizeof *odd; v++) {
            ARENA_AUTO struct arena *a = arena_new();
            *place = json_parse(scratch, odd[v], strlen(odd[v]), NULL, NULL);
            char *text = json_text(a, root);
            struct answer x = send_raw(a, path, "application/json", text, strlen(text));
            ck_assert_msg(x.status == 400 || jv_get(x.response, "uid"), "%d: %s", x.status, text);
        }
        *place = kept;
        replace_all(scratch, root, kept, path);
    }
}

START_TEST(test_every_value_of_every_type) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    const char *yaml = "{apiVersion: admission.k8s.io/v1, kind: AdmissionReview, request: {uid: "
                       "u-1, operation: UPDATE, " KIND ", object: " GOOD ", oldObject: " GOOD "}}";
    const char *convert_yaml =
        "{apiVersion: apiextensions.k8s.io/v1, kind: ConversionReview, request: {uid: u-2, "
        "desiredAPIVersion: workloads.x-k8s.io/v1alpha2, objects: [" V1("a") "]}}";
    struct jv **docs;
    size_t n;
    ASSERT_OK(yaml_parse_all(a, yaml, strlen(yaml), &docs, &n, &e));
    replace_all(a, docs[0], docs[0], VALIDATE);
    replace_all(a, docs[0], docs[0], MUTATE);
    ASSERT_OK(yaml_parse_all(a, convert_yaml, strlen(convert_yaml), &docs, &n, &e));
    replace_all(a, docs[0], docs[0], "/convert");
}
END_TEST

#define REVIEW(object)                                                                             \
    "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"uid\":\"u\","     \
    "\"operation\":\"CREATE\",\"kind\":{\"group\":\"workloads.x-k8s.io\",\"version\":\"v1alpha2\","     \
    "\"kind\":\"RoleBasedGroup\"},\"object\":" object "}}"
#define OBJECT(spec)                                                                               \
    "{\"apiVersion\":\"workloads.x-k8s.io/v1alpha2\",\"kind\":\"RoleBasedGroup\",\"metadata\":{\"name\":\"g\"}," \
    "\"spec\":" spec "}"
#define ROLE(more)                                                                                 \
    "{\"roles\":[{\"name\":\"a\"," more "\"standalonePattern\":{\"template\":{\"spec\":{\"containers\":"   \
    "[{\"name\":\"c\",\"image\":\"i\"}]}}}}]}"

/* A connection that breaks in the middle: whatever has come is no review. */
START_TEST(test_cut_bodies_are_refused) {
    static const char body[] = REVIEW(OBJECT(ROLE("\"replicas\":1,")));
    const size_t n = sizeof body - 1;
    for (size_t i = 0; i < PATHS; i++)
        for (size_t cut = 0; cut < n; cut += i < 2 ? 1 : 17) {
            ARENA_AUTO struct arena *a = arena_new();
            struct answer x = send_raw(a, all_paths[i], "application/json", body, cut);
            ck_assert_msg(x.status == 400, "cut at %zu: %d %s", cut, x.status, x.text);
        }
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_int_eq(send_raw(a, VALIDATE, "application/json", body, n).status, 200);
}
END_TEST

/* What is JSON for lenient parsers only, deep inside an object: refused as a whole, never half read. Numbers beyond
 * any type are JSON, and denied with their field. */
START_TEST(test_strange_bodies) {
    static const struct {
        const char *body;
        int status;
        const char *words; /* of the answer */
    } rows[] = {
        {REVIEW(OBJECT(ROLE("\"replicas\":1,\"replicas\":2,"))), 400, "replicas"},
        {REVIEW(OBJECT(ROLE("\"labels\":{\"a\":\"\xff\"},"))), 400, "UTF-8"},
        {REVIEW(OBJECT(ROLE("\"labels\":{\"a\":\"\xc3\x28\"},"))), 400, "UTF-8"},
        {REVIEW(OBJECT(ROLE("\"replicas\":NaN,"))), 400, "line"},
        {REVIEW(OBJECT(ROLE("\"replicas\":01,"))), 400, "line"},
        {REVIEW(OBJECT(ROLE("\"replicas\":99999999999999999999999999,"))), 200, "spec.roles[0].replicas"},
        {REVIEW(OBJECT(ROLE("\"replicas\":1e999999,"))), 200, "spec.roles[0].replicas"},
        {REVIEW(OBJECT(ROLE("\"replicas\":1.5,"))), 200, "spec.roles[0].replicas"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct answer x = send_raw(a, VALIDATE, "application/json", rows[i].body, strlen(rows[i].body));
        ck_assert_msg(x.status == rows[i].status && strstr(x.text, rows[i].words), "%s\n%d %s", rows[i].body, x.status,
                      x.text);
        if (x.status == 200) ck_assert(!jv_get_bool(x.response, "allowed", true));
    }
}
END_TEST

/* As many as the API server sends in one review of a long list. */
START_TEST(test_five_hundred_objects) {
    enum { OBJECTS = 500 };
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf list = BUF_INIT;
    for (int i = 0; i < OBJECTS; i++) buf_printf(&list, "%s%s", i ? ", " : "", V1("many"));
    struct answer x = conversion(a, "workloads.x-k8s.io/v1alpha2", buf_str(&list));
    ck_assert_str_eq(jv_str(jv_path(x.response, "result", "status", (char *)0), ""), "Success");
    const struct jv *out = jv_get(x.response, "convertedObjects");
    ck_assert_uint_eq(jv_len(out), OBJECTS);
    JV_FOR_ARR(it, out) ck_assert_str_eq(jv_get_str(*it, "apiVersion"), "workloads.x-k8s.io/v1alpha2");
}
END_TEST

START_TEST(test_metrics_count) {
    ARENA_AUTO struct arena *a = arena_new();
    review(a, VALIDATE, "operation: CREATE, " KIND ", object: " BAD);
    review(a, VALIDATE, "operation: BOGUS, " KIND);
    conversion(a, "workloads.x-k8s.io/v1alpha2", V1("a") ", " V1("b"));
    BUF_AUTO struct buf out = BUF_INIT;
    metrics_write(&out);
    const char *text = buf_str(&out);
    ck_assert_msg(
        strstr(text, "rbg_admission_requests_total{operation=\"CREATE\",allowed=\"false\"} 1") !=
            NULL,
        "%s", text);
    ck_assert(
        strstr(text, "rbg_admission_requests_total{operation=\"other\",allowed=\"false\"} 1"));
    ck_assert(
        strstr(text, "rbg_conversion_objects_total{version=\"v1alpha2\",result=\"success\"} 2"));
}
END_TEST

TEST_MAIN("webhook_review", test_valid_group_is_allowed, test_denial_names_every_field,
          test_update_is_ratcheted, test_deleted_object_may_lose_its_finalizers,
          test_warnings_come_with_the_answer, test_set_route_takes_sets,
          test_deletes_and_subresources_pass, test_what_is_not_ours_is_denied,
          test_defaults_come_as_a_patch_that_applies, test_batch_keeps_its_order,
          test_any_order_of_a_request, test_failure_names_the_object, test_empty_batch_succeeds, test_bad_bodies,
          test_deep_and_wide_bodies_are_refused, test_every_value_of_every_type, test_cut_bodies_are_refused, test_strange_bodies,
          test_five_hundred_objects, test_metrics_count)
