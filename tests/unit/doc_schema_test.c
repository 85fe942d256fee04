/* The typed pass over pod templates: the canonical form against what Go's corev1.PodTemplateSpec wrote, defaults, messages. */
#include <string.h>

#include "doc/schema.h"
#include "docs.h"
#include "testing.h"

static const char *canonical_text(struct arena *a, const struct jv *v) {
    BUF_AUTO struct buf out = BUF_INIT;
    json_write_canonical(&out, v);
    return arena_strndup(a, out.s, out.len);
}

START_TEST(test_agrees_with_go) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    size_t len, good = 0, bad = 0;
    char *text = testing_read(a, "tests/unit/data/canonical/pod_template.json", &len);
    struct jv *cases = json_parse(a, text, len, NULL, &e);
    ASSERT_PTR(cases);
    JV_FOR_ARR(it, cases) {
        const struct jv *in = jv_get(*it, "in"), *want = jv_get(*it, "out");
        const char *before = json_text(a, in);
        e = ERR_INIT;
        struct jv *got = schema_canonical(a, in, &core_PodTemplateSpec, &e);
        ck_assert_str_eq(json_text(a, in), before);
        if (!want) {
            ck_assert_msg(!got && e.code == ERR_INVALID, "accepted: %s", before);
            bad++;
            continue;
        }
        ck_assert_msg(got != NULL, "%s: %s", before, e.msg);
        ck_assert_msg(strcmp(canonical_text(a, got), canonical_text(a, want)) == 0, "\nin   %s\nwant %s\ngot  %s", before,
                      canonical_text(a, want), canonical_text(a, got));
        ck_assert(jv_eq(schema_canonical(a, got, &core_PodTemplateSpec, &e), got));
        good++;
    }
    ck_assert_uint_gt(good, 200);
    ck_assert_uint_ge(bad, 8);
}
END_TEST

START_TEST(test_messages_name_the_field) {
    static const struct {
        const char *in, *says;
    } cases[] = {
        {"{\"spec\":{\"containers\":[{},{\"name\":1}]}}", "spec.containers[1].name: must be a string, not the number 1"},
        {"{\"spec\":{\"containers\":{}}}", "spec.containers: must be a list, not an object"},
        {"{\"spec\":{\"hostNetwork\":\"true\"}}", "spec.hostNetwork: must be true or false, not the string true"},
        {"{\"spec\":{\"priority\":4294967296}}", "spec.priority: must be an integer of 32 bits, not the number 4294967296"},
        {"{\"metadata\":{\"labels\":{\"a\":[]}}}", "metadata.labels.a: must be a string, not an array"},
        {"{\"spec\":{\"containers\":[{\"resources\":{\"limits\":{\"cpu\":\"1x\"}}}]}}",
         "spec.containers[0].resources.limits.cpu: "},
        {"{\"spec\":{\"containers\":[{\"livenessProbe\":{\"httpGet\":{\"port\":true}}}]}}",
         "spec.containers[0].livenessProbe.httpGet.port: must be an integer or a string, not a boolean"},
        {"[]", "the document: must be an object, not an array"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;
        ARENA_AUTO struct arena *a = arena_new();
        ck_assert_ptr_null(schema_canonical(a, doc_json(a, cases[i].in), &core_PodTemplateSpec, &e));
        ck_assert_int_eq(e.code, ERR_INVALID);
        ck_assert_msg(strncmp(e.msg, cases[i].says, strlen(cases[i].says)) == 0, "got \"%s\", want \"%s\"", e.msg, cases[i].says);
    }
}
END_TEST

START_TEST(test_service_port_gets_a_target) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v = schema_canonical(a, doc_json(a, "{\"name\":\"x\",\"port\":80,\"nodePort\":0}"), &core_ServicePort, &e);
    ASSERT_PTR(v);
    ck_assert_str_eq(canonical_text(a, v), "{\"name\":\"x\",\"port\":80,\"targetPort\":0}");
}
END_TEST

START_TEST(test_table_facts) {
    const struct field *ports = type_field(&core_Container, "ports");
    ck_assert_ptr_nonnull(ports);
    ck_assert_str_eq(ports->merge_key, "containerPort");
    ck_assert_str_eq(ports->list_keys, "containerPort,protocol");
    ck_assert_str_eq(type_field(ports->type, "protocol")->dflt, "\"TCP\"");
    ck_assert(type_field(&core_PodSpec, "volumes")->flags & FF_RETAIN_KEYS);
    ck_assert(type_field(&core_PodSpec, "containers")->flags & FF_REQUIRED);
    ck_assert(!(type_field(&core_Container, "image")->flags & FF_REQUIRED));
    ck_assert_ptr_null(type_field(&core_PodSpec, "tolerations")->merge_key);
    ck_assert(type_field(&core_ObjectMeta, "finalizers")->flags & FF_PATCH_MERGE);
    ck_assert_ptr_null(type_field(&core_ObjectMeta, "creationTimestamp"));
    ck_assert_str_eq(type_field(&core_Volume, "emptyDir")->type->name, "EmptyDirVolumeSource");
}
END_TEST

static const struct field inner_fields[] = {{"n", F_INT32, .dflt = "3"}, {"s", F_STRING}};
static const struct type inner = {"Inner", inner_fields, 2};
static const struct field outer_fields[] = {
    {"one", F_OBJECT, .type = &inner},
    {"auto", F_OBJECT, .type = &inner, .dflt = "{}"},
    {"list", F_LIST, .elem = F_OBJECT, .type = &inner},
    {"map", F_MAP, .elem = F_OBJECT, .type = &inner},
    {"free", F_OBJECT, .type = &inner, .flags = FF_SCHEMALESS},
    {"any", F_ANY},
};
static const struct type outer = {"Outer", outer_fields, 6};

START_TEST(test_defaults) {
    static const char in[] = "{\"one\":{\"n\":null},\"list\":[{\"n\":0},{}],\"map\":{\"k\":{}},\"free\":{},\"any\":{}}";
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v = doc_json(a, in);
    schema_default(a, v, &outer, false);
    ck_assert_str_eq(canonical_text(a, v), "{\"any\":{},\"auto\":{\"n\":3},\"free\":{},\"list\":[{\"n\":0},{\"n\":3}],"
                                           "\"map\":{\"k\":{\"n\":3}},\"one\":{\"n\":3}}");
    schema_default(a, v, &outer, true);
    ck_assert_int_eq(jv_get_int(jv_get(v, "free"), "n", 0), 3);
    struct jv *absent = jv_new_obj(a);
    schema_default(a, absent, &outer, true);
    ck_assert_str_eq(canonical_text(a, absent), "{\"auto\":{\"n\":3}}");
}
END_TEST

START_TEST(test_pod_template_defaults) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v = doc_json(a, "{\"spec\":{\"containers\":[{\"name\":\"c\",\"ports\":[{\"containerPort\":1},{\"containerPort\":2,"
                               "\"protocol\":\"UDP\"}]}]}}");
    schema_default(a, v, &core_PodTemplateSpec, true);
    ck_assert_str_eq(canonical_text(a, v), "{\"spec\":{\"containers\":[{\"name\":\"c\",\"ports\":[{\"containerPort\":1,"
                                           "\"protocol\":\"TCP\"},{\"containerPort\":2,\"protocol\":\"UDP\"}]}]}}");
}
END_TEST

TEST_MAIN("doc_schema", test_agrees_with_go, test_messages_name_the_field, test_service_port_gets_a_target, test_table_facts,
          test_defaults, test_pod_template_defaults)
