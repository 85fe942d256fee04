/* When a server-side apply is needed. The entries are as an API server of Kubernetes 1.36 writes them. */
#include "controller/core/compare.h"

#include <string.h>

#include "docs.h"
#include "testing.h"

#define OWNED(fields) "\"managedFields\":[{\"manager\":\"rbg\",\"operation\":\"Apply\",\"fieldsV1\":" fields "}]"

static bool needed(const char *desired, const char *live) {
    ARENA_AUTO struct arena *a = arena_new();
    return apply_needed(KIND_NONE, doc_json(a, desired), doc_json(a, live));
}

START_TEST(an_absent_object_is_applied) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert(apply_needed(KIND_CONFIGMAP, doc_json(a, "{}"), NULL));
}
END_TEST

START_TEST(defaults_of_the_server_are_no_difference) {
    ck_assert(!needed("{\"spec\":{\"replicas\":1}}",
                      "{\"metadata\":{" OWNED("{\"f:spec\":{\"f:replicas\":{}}}")
                      "},\"spec\":{\"replicas\":1,\"revisionHistoryLimit\":10}}"));
}
END_TEST

START_TEST(another_value_is_a_difference) {
    ck_assert(needed("{\"spec\":{\"replicas\":2}}",
                     "{\"metadata\":{" OWNED("{\"f:spec\":{\"f:replicas\":{}}}") "},\"spec\":{\"replicas\":1}}"));
}
END_TEST

START_TEST(a_key_that_we_applied_and_no_longer_want_is_a_difference) {
    ck_assert(needed("{\"metadata\":{\"labels\":{\"a\":\"1\"}}}",
                     "{\"metadata\":{" OWNED("{\"f:metadata\":{\"f:labels\":{\"f:a\":{},\"f:b\":{}}}}")
                     ",\"labels\":{\"a\":\"1\",\"b\":\"2\"}}}"));
}
END_TEST

START_TEST(a_key_of_somebody_else_is_none) {
    ck_assert(!needed("{\"metadata\":{\"labels\":{\"a\":\"1\"}}}",
                      "{\"metadata\":{" OWNED("{\"f:metadata\":{\"f:labels\":{\"f:a\":{}}}}")
                      ",\"labels\":{\"a\":\"1\",\"b\":\"2\"}}}"));
}
END_TEST

START_TEST(an_object_that_we_never_applied_is_applied) {
    ck_assert(needed("{\"data\":{\"k\":\"v\"}}",
                     "{\"metadata\":{\"managedFields\":[{\"manager\":\"other\",\"operation\":\"Apply\",\"fieldsV1\":{}}]},"
                     "\"data\":{\"k\":\"v\"}}"));
}
END_TEST

START_TEST(status_entries_do_not_count_as_applied) {
    ck_assert(needed("{\"data\":{}}",
                     "{\"metadata\":{\"managedFields\":[{\"manager\":\"rbg\",\"operation\":\"Apply\",\"subresource\":\"status\","
                     "\"fieldsV1\":{}}]},\"data\":{}}"));
}
END_TEST

START_TEST(lists_are_compared_whole) {
    static const char live[] = "{\"metadata\":{" OWNED("{\"f:l\":{}}") "},\"l\":[{\"a\":1,\"b\":2}]}";
    ck_assert(needed("{\"l\":[{\"a\":1}]}", live)); /* b was removed from an item of an atomic list */
    ck_assert(!needed("{\"l\":[{\"b\":2,\"a\":1}]}", live));
}
END_TEST

START_TEST(owner_references_of_others_are_no_difference) {
    static const char ours[] = "{\"metadata\":{\"ownerReferences\":[{\"uid\":\"1\",\"name\":\"g\"}]}}";
    ck_assert(!needed(ours, "{\"metadata\":{" OWNED("{\"f:metadata\":{\"f:ownerReferences\":{\"k:{\\\"uid\\\":\\\"1\\\"}\":{}}}}")
                            ",\"ownerReferences\":[{\"uid\":\"0\",\"name\":\"x\"},{\"uid\":\"1\",\"name\":\"g\"}]}}"));
    ck_assert(needed(ours, "{\"metadata\":{" OWNED("{}") ",\"ownerReferences\":[{\"uid\":\"0\",\"name\":\"g\"}]}}"));
}
END_TEST

/* ---- objects that others change in part ---- */

#define ROLES_OF(a_fields, b_fields) \
    OWNED("{\"f:metadata\":{\"f:labels\":{\"f:l\":{}}},\"f:spec\":{\"f:roles\":{\"k:{\\\"name\\\":\\\"a\\\"}\":" a_fields \
          ",\"k:{\\\"name\\\":\\\"b\\\"}\":" b_fields "}}}")
#define ROLES ROLES_OF("{\".\":{},\"f:name\":{},\"f:replicas\":{}}", "{\".\":{},\"f:name\":{}}")
#define LIVE(roles) \
    "{\"metadata\":{\"name\":\"g\",\"labels\":{\"l\":\"1\",\"theirs\":\"2\"}," ROLES "},\"spec\":{\"roles\":[" roles "]}}"
#define WANT(roles) "{\"kind\":\"K\",\"metadata\":{\"name\":\"g\",\"labels\":{\"l\":\"1\"}},\"spec\":{\"roles\":[" roles "]}}"
#define ROLE_A "{\"name\":\"a\",\"replicas\":1}"
#define ROLE_B "{\"name\":\"b\"}"

START_TEST(a_shared_object_is_compared_element_by_element) {
    static const struct {
        const char *want, *live;
        bool needed;
    } cases[] = {
        {WANT(ROLE_A "," ROLE_B), LIVE(ROLE_A "," ROLE_B), false},
        {WANT(ROLE_A "," ROLE_B), LIVE(ROLE_B "," ROLE_A), true},                                    /* another order */
        {WANT(ROLE_A "," ROLE_B), LIVE(ROLE_A ",{\"name\":\"c\"}," ROLE_B), false},              /* one of others between */
        {WANT(ROLE_A "," ROLE_B), LIVE(ROLE_A ",{\"name\":\"b\",\"replicas\":7}"), false},          /* a field of others */
        {WANT(ROLE_A "," ROLE_B), LIVE(ROLE_A "," ROLE_B ",{\"name\":\"c\"}"), false},              /* an element of others */
        {WANT(ROLE_A "," ROLE_B), LIVE("{\"name\":\"a\",\"replicas\":2}," ROLE_B), true},           /* what we said is changed */
        {WANT(ROLE_A "," ROLE_B), LIVE(ROLE_A), true},                                               /* or gone */
        {WANT(ROLE_A), LIVE(ROLE_A "," ROLE_B), true},                                               /* wanted no more */
        {WANT("{\"name\":\"a\"}," ROLE_B), LIVE(ROLE_A "," ROLE_B), true},                          /* a field wanted no more */
        {WANT(ROLE_A "," ROLE_B ",{\"name\":\"c\"}"), LIVE(ROLE_A "," ROLE_B), true},               /* one more */
        {WANT(ROLE_A "," ROLE_B ",{\"name\":\"c\"}"), LIVE(ROLE_A "," ROLE_B ",{\"name\":\"c\"}"), true}, /* there, not ours */
        {WANT(ROLE_A "," ROLE_B), "{\"metadata\":{\"labels\":{\"l\":\"1\"}},\"spec\":{\"roles\":[" ROLE_A "," ROLE_B "]}}", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        bool got = apply_needed(KIND_RBG, doc_json(a, cases[i].want), doc_json(a, cases[i].live));
        ck_assert_msg(got == cases[i].needed, "case %zu", i);
    }
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert(apply_needed(KIND_RBG, doc_json(a, WANT(ROLE_A)), NULL));
}
END_TEST

START_TEST(values_of_sets_and_whole_lists) {
    static const char live[] = "{\"metadata\":{" OWNED("{\"f:spec\":{\"f:set\":{\"v:\\\"x\\\"\":{}},\"f:list\":{}}}")
                               "},\"spec\":{\"set\":[\"y\",\"x\"],\"list\":[1,2]}}";
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *have = doc_json(a, live);
    ck_assert(!apply_needed(KIND_RBG, doc_json(a, "{\"metadata\":{},\"spec\":{\"set\":[\"x\"],\"list\":[1,2]}}"), have));
    ck_assert(apply_needed(KIND_RBG, doc_json(a, "{\"metadata\":{},\"spec\":{\"set\":[\"x\"],\"list\":[2,1]}}"), have));
    ck_assert(apply_needed(KIND_RBG, doc_json(a, "{\"metadata\":{},\"spec\":{\"set\":[\"z\"],\"list\":[1,2]}}"), have));
    ck_assert(apply_needed(KIND_RBG, doc_json(a, "{\"metadata\":{},\"spec\":{\"list\":[1,2]}}"), have));
}
END_TEST

/* ---- what is atomic, keyed, a set ---- */

struct row { enum kind kind; const char *want, *fields, *live; bool needed; };

static void check_rows(const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct jv *live = doc_json(a, rows[i].live), *entry = jv_new_obj(a);
        jv_set_str(a, entry, "manager", "rbg");
        jv_set_str(a, entry, "operation", "Apply");
        jv_set(a, entry, "fieldsV1", doc_json(a, rows[i].fields));
        jv_push(a, jv_need_arr(a, jv_need_obj(a, live, "metadata"), "managedFields"), entry);
        bool got = apply_needed(rows[i].kind, doc_json(a, rows[i].want), live);
        ck_assert_msg(got == rows[i].needed, "row %zu: %s over %s", i, rows[i].want, rows[i].live);
    }
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof *(rows))

START_TEST(a_key_that_leaves_an_atomic_map_is_seen) {
#define SELECTOR(text) "{\"metadata\":{\"name\":\"s\"},\"spec\":{\"selector\":" text "}}"
    static const struct row rows[] = {
        {KIND_SERVICE, SELECTOR("{\"a\":\"1\"}"), "{\"f:spec\":{\"f:selector\":{}}}", SELECTOR("{\"a\":\"1\"}"), false},
        {KIND_SERVICE, SELECTOR("{\"a\":\"1\"}"), "{\"f:spec\":{\"f:selector\":{}}}", SELECTOR("{\"a\":\"1\",\"b\":\"2\"}"), true},
        {KIND_SERVICE, SELECTOR("{\"a\":\"1\",\"b\":\"2\"}"), "{\"f:spec\":{\"f:selector\":{}}}", SELECTOR("{\"a\":\"1\"}"), true},
        {KIND_SERVICE, SELECTOR("{}"), "{\"f:spec\":{\"f:selector\":{}}}", SELECTOR("{\"b\":\"2\"}"), true},
    };
    CHECK_ROWS(rows);
}
END_TEST

/* The same text of an entry: {} that was applied to a map which is merged, and others' members in it. */
START_TEST(an_empty_map_that_is_merged_leaves_others_alone) {
    static const struct row rows[] = {
        {KIND_CONFIGMAP, "{\"metadata\":{\"labels\":{}}}", "{\"f:metadata\":{\"f:labels\":{}}}",
         "{\"metadata\":{\"labels\":{\"b\":\"2\"}}}",
         false},
        {KIND_CONFIGMAP, "{\"metadata\":{\"labels\":{}}}", "{\"f:metadata\":{\"f:labels\":{}}}", "{\"metadata\":{}}", false},
        {KIND_CONFIGMAP, "{\"metadata\":{\"name\":\"x\"}}", "{}", "{\"metadata\":{\"labels\":{\"b\":\"2\"}}}", false},
        {KIND_CONFIGMAP, "{\"metadata\":{\"finalizers\":[]}}", "{}", "{\"metadata\":{\"finalizers\":[\"b\"]}}", false},
        {KIND_RIS, "{\"spec\":{\"gone\":null}}", "{\"f:spec\":{\"f:gone\":{}}}", "{\"spec\":{}}", false},
    };
    CHECK_ROWS(rows);
}
END_TEST

/* Live shows the default of a key that what we want leaves out; the entry shows it in the key, but not among the fields. */
START_TEST(a_key_with_a_default_may_be_left_out) {
#define PORT_TCP "\"k:{\\\"port\\\":53,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:port\":{}}"
#define PORT_UDP "\"k:{\\\"port\\\":53,\\\"protocol\\\":\\\"UDP\\\"}\":{\".\":{},\"f:port\":{},\"f:protocol\":{}}"
#define OF(ports) "{\"f:spec\":{\"f:ports\":{" ports "}}}"
#define PORTS(list) "{\"spec\":{\"ports\":[" list "]}}"
#define TCP "{\"port\":53,\"protocol\":\"TCP\",\"targetPort\":53}"
#define UDP "{\"port\":53,\"protocol\":\"UDP\",\"targetPort\":53}"
    static const struct row rows[] = {
        {KIND_SERVICE, PORTS("{\"port\":53}"), OF(PORT_TCP), PORTS(TCP), false},
        {KIND_SERVICE, PORTS("{\"port\":53},{\"port\":53,\"protocol\":\"UDP\"}"), OF(PORT_TCP "," PORT_UDP), PORTS(TCP "," UDP),
         false},
        {KIND_SERVICE, PORTS("{\"port\":53,\"protocol\":\"UDP\"},{\"port\":53}"), OF(PORT_TCP "," PORT_UDP), PORTS(TCP "," UDP),
         true},
        {KIND_SERVICE, PORTS("{\"port\":53}"), OF(PORT_TCP "," PORT_UDP), PORTS(TCP "," UDP), true}, /* one less */
        {KIND_SERVICE, PORTS("{\"port\":53}"), OF(PORT_UDP), PORTS(UDP), true},                      /* another one */
        {KIND_SERVICE, PORTS("{\"port\":53,\"protocol\":\"TCP\"}"), OF(PORT_TCP), PORTS(TCP), true}, /* said now */
        {KIND_SERVICE, PORTS("{\"port\":53,\"name\":\"x\"}"), OF(PORT_TCP), PORTS(TCP), true},
        {KIND_SERVICE, PORTS("{\"port\":54}"), OF(PORT_TCP), PORTS(TCP), true},
        {KIND_SERVICE, PORTS(""), OF(PORT_TCP), PORTS(TCP), true},
    };
    CHECK_ROWS(rows);
}
END_TEST

#define ENV "\"k:{\\\"name\\\":\\\"A\\\"}\":{\".\":{},\"f:name\":{},\"f:valueFrom\":{\"f:fieldRef\":{}}}"
#define CONTAINER "\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},\"f:name\":{},\"f:args\":{},\"f:env\":{" ENV "}}"
#define TEMPLATE_FIELDS "{\"f:spec\":{\"f:template\":{\"f:spec\":{\"f:containers\":{" CONTAINER "}}}}}"
#define TEMPLATE(container, more) \
    "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\"," container "}]" more "}}}}"
#define ENV_FROM(more) "\"env\":[{\"name\":\"A\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"p\"" more "}}}]"

/* The lists of a workload's template have keys; what the API server adds, also inside of what is atomic, is no difference. */
START_TEST(a_workloads_template_is_compared_by_its_keys) {
    static const struct row rows[] = {
        {KIND_STATEFULSET, TEMPLATE("\"args\":[\"x\"]," ENV_FROM(""), ""), TEMPLATE_FIELDS,
         TEMPLATE("\"imagePullPolicy\":\"Always\",\"args\":[\"x\"]," ENV_FROM(",\"apiVersion\":\"v1\""),
         ",\"dnsPolicy\":\"ClusterFirst\""),
         false},
        {KIND_STATEFULSET, TEMPLATE("\"args\":[\"x\"]," ENV_FROM(""), ""), TEMPLATE_FIELDS,
         TEMPLATE("\"args\":[\"x\",\"y\"]," ENV_FROM(""), ""), true},
        {KIND_DEPLOYMENT, TEMPLATE("\"args\":[\"x\"]," ENV_FROM(""), ""), TEMPLATE_FIELDS,
         TEMPLATE("\"args\":[\"x\"]," ENV_FROM(",\"apiVersion\":\"v2\""), ""), true},
        {KIND_DEPLOYMENT, TEMPLATE("\"args\":[\"x\"]", ""), TEMPLATE_FIELDS, TEMPLATE("\"args\":[\"x\"]," ENV_FROM(""), ""), true},
        {KIND_LWS, TEMPLATE("\"args\":[\"x\"]," ENV_FROM(""), ""), TEMPLATE_FIELDS,
         TEMPLATE("\"args\":[\"x\"]," ENV_FROM(",\"apiVersion\":\"v1\""), ",\"dnsPolicy\":\"ClusterFirst\""), false},
    };
    CHECK_ROWS(rows);
}
END_TEST

/* An object that the API server stores without a zero value that we name, as Go's omitempty does. */
START_TEST(a_zero_that_is_not_stored_is_no_difference) {
    static const struct row rows[] = {
        {KIND_STATEFULSET, TEMPLATE("\"stdin\":false", ",\"hostNetwork\":false"),
         "{\"f:spec\":{\"f:template\":{\"f:spec\":{\"f:hostNetwork\":{},\"f:containers\":{\"k:{\\\"name\\\":\\\"c\\\"}\":{\".\":{},"
         "\"f:name\":{},\"f:stdin\":{}}}}}}}",
         "{\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\"}]}}}}", false},
        {KIND_STATEFULSET, "{\"spec\":{\"replicas\":2}}", "{\"f:spec\":{\"f:replicas\":{}}}", "{\"spec\":{}}", true},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(keys_are_read_with_their_escapes) {
    static const struct row rows[] = {
        {KIND_NONE, "{\"l\":[{\"name\":\"a\\\"}\"}]}",
         "{\"f:l\":{\"k:{\\\"name\\\":\\\"a\\\\\\\"}\\\"}\":{\".\":{},\"f:name\":{}}}}",
         "{\"l\":[{\"name\":\"a\\\"}\",\"more\":1}]}", false},
        {KIND_NONE, "{\"l\":[1,true]}", "{\"f:l\":{\"v:1\":{},\"v:true\":{}}}", "{\"l\":[1,\"x\",true]}", false},
        {KIND_NONE, "{\"l\":[1]}", "{\"f:l\":{\"v:\\\"1\\\"\":{}}}", "{\"l\":[\"1\"]}", true},
    };
    CHECK_ROWS(rows);
}
END_TEST

/* An entry is written by the API server, but read from outside: nothing in it may lead astray. */
START_TEST(a_broken_entry_only_means_that_an_apply_is_needed) {
    static const char *const fields[] = {"{\"f:l\":{\"k:\":{}}}", "{\"f:l\":{\"k:{\":{}}}", "{\"f:l\":{\"k:{\\\"name\":{}}}",
                                         "{\"f:l\":{\"k:{\\\"name\\\":\":{}}}", "{\"f:l\":{\"v:\":{}}}", "{\"f:l\":{\"i:0\":{}}}",
                                         "{\"f:l\":{\"\":{}}}", "{\"\":{},\"f\":{},\"f:\":{}}"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        struct row row = {KIND_NONE, "{\"l\":[{\"name\":\"a\"}]}", fields[i], "{\"l\":[{\"name\":\"a\"}]}", true};
        check_rows(&row, 1);
    }
}
END_TEST

/* Many elements are found by hash; those of the same first key one after the other. */
START_TEST(many_elements_are_compared_as_few_are) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *want = jv_new_arr(a), *entries = jv_new_obj(a), *live = jv_new_obj(a), *entry = jv_new_obj(a);
    for (int i = 0; i < 3000; i++) {
        const char *protocol = i % 2 ? "UDP" : "TCP";
        jv_push(a, want, doc_json(a, arena_printf(a, "{\"port\":%d,\"protocol\":\"%s\"}", i / 2, protocol)));
        jv_set(a, entries, arena_printf(a, "k:{\"port\":%d,\"protocol\":\"%s\"}", i / 2, protocol),
               doc_json(a, "{\".\":{},\"f:port\":{},\"f:protocol\":{}}"));
    }
    jv_set(a, jv_need_obj(a, live, "spec"), "ports", jv_dup(a, want));
    jv_set_str(a, entry, "manager", "rbg");
    jv_set_str(a, entry, "operation", "Apply");
    jv_set(a, jv_need_obj(a, jv_need_obj(a, entry, "fieldsV1"), "f:spec"), "f:ports", entries);
    jv_push(a, jv_need_arr(a, jv_need_obj(a, live, "metadata"), "managedFields"), entry);
    struct jv *desired = jv_new_obj(a);
    jv_set(a, jv_need_obj(a, desired, "spec"), "ports", want);
    ck_assert(!apply_needed(KIND_SERVICE, desired, live));
    jv_set_str(a, jv_idx(want, 2999), "protocol", "SCTP");
    ck_assert(apply_needed(KIND_SERVICE, desired, live));
}
END_TEST

TEST_MAIN("compare", an_absent_object_is_applied, defaults_of_the_server_are_no_difference, another_value_is_a_difference,
          a_key_that_we_applied_and_no_longer_want_is_a_difference, a_key_of_somebody_else_is_none,
          an_object_that_we_never_applied_is_applied, status_entries_do_not_count_as_applied, lists_are_compared_whole,
          owner_references_of_others_are_no_difference, a_shared_object_is_compared_element_by_element,
          values_of_sets_and_whole_lists, a_key_that_leaves_an_atomic_map_is_seen,
          an_empty_map_that_is_merged_leaves_others_alone, a_key_with_a_default_may_be_left_out,
          a_workloads_template_is_compared_by_its_keys, a_zero_that_is_not_stored_is_no_difference,
          keys_are_read_with_their_escapes,
          a_broken_entry_only_means_that_an_apply_is_needed, many_elements_are_compared_as_few_are)
