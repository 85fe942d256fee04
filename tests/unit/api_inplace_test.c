/* What a running pod can take over from a new template: one edit each, on an instance of two components that refer to each
 * other. */
#include <string.h>

#include "api/inplace.h"
#include "docs.h"
#include "doc/patch.h"
#include "testing.h"

static const char components[] =
    "- name: leader\n"
    "  size: 1\n"
    "  serviceName: s\n"
    "  template:\n"
    "    metadata: {labels: {app: a, tier: x}, annotations: {note: n}, finalizers: [a/keep]}\n"
    "    spec:\n"
    "      nodeSelector: {pool: a}\n"
    "      initContainers: [{name: prepare, image: prepare:1}]\n"
    "      containers:\n"
    "      - name: engine\n"
    "        image: engine:1\n"
    "        ports: [{name: http, containerPort: 8000}]\n"
    "        env: [{name: A, value: '1'}, {name: TIER, valueFrom: {fieldRef: {fieldPath: \"metadata.labels['tier']\"}}}]\n"
    "      - {name: side, image: side:1}\n"
    "- name: worker\n"
    "  size: 2\n"
    "  template:\n"
    "    metadata:\n"
    "      annotations:\n"
    "        rolebasedgroup.workloads.x-k8s.io/component-discovery: '{\n"
    "          \"addressRefs\": [{\"env\": \"HOST\", \"component\": \"leader\"}],\n"
    "          \"portRefs\": [{\"env\": \"PORT\", \"component\": \"leader\", \"portName\": \"http\"}]}'\n"
    "    spec: {containers: [{name: engine, image: engine:1}]}\n";

static struct arena *a;
static struct jv *old, *new;

static void begin(void) {
    a = arena_new();
    old = doc_yaml(a, components);
    new = jv_dup(a, old);
}

/* Applies JSON patch operations to the new components. */
static void edit(const char *ops) {
    struct err e = ERR_INIT;
    new = json_patch_apply(a, new, doc_json(a, ops), &e);
    ck_assert_msg(new, "%s: %s", ops, e.msg);
}

static struct inplace of(const char *component) {
    return inplace_component(a, old, new, component);
}

START_TEST(equal_templates_differ_in_nothing) {
    begin();
    ck_assert_ptr_null(inplace_obstacle(a, old, new));
    struct inplace d = of("leader");
    ck_assert_ptr_null(d.obstacle);
    ck_assert_uint_eq(jv_len(d.images), 0);
    ck_assert_uint_eq(jv_len(d.metadata), 0);
    arena_free(a);
}
END_TEST

START_TEST(images_and_metadata_are_taken_over) {
    begin();
    edit("[{\"op\":\"replace\",\"path\":\"/0/template/spec/containers/0/image\",\"value\":\"engine:2\"},"
         "{\"op\":\"remove\",\"path\":\"/0/template/metadata/labels/app\"},"
         "{\"op\":\"add\",\"path\":\"/0/template/metadata/annotations/more\",\"value\":\"m\"},"
         "{\"op\":\"replace\",\"path\":\"/0/template/metadata/finalizers\",\"value\":[\"b/new\"]}]");
    ck_assert_ptr_null(inplace_obstacle(a, old, new));
    struct inplace d = of("leader");
    ck_assert_str_eq(json_text(a, d.images), "{\"engine\":\"engine:2\"}");
    ck_assert_str_eq(json_text(a, d.metadata), "{\"labels\":{\"app\":null},\"annotations\":{\"more\":\"m\"},"
                                               "\"finalizers\":[\"b/new\"],"
                                               "\"$deleteFromPrimitiveList/finalizers\":[\"a/keep\"]}");
    ck_assert_uint_eq(jv_len(of("worker").images), 0);
    arena_free(a);
}
END_TEST

/* Metadata that no pod is made from, and a revision's way of writing a component. */
START_TEST(what_no_pod_gets_is_no_difference) {
    begin();
    edit("[{\"op\":\"add\",\"path\":\"/0/template/metadata/name\",\"value\":\"x\"},"
         "{\"op\":\"add\",\"path\":\"/0/template/$patch\",\"value\":\"replace\"},"
         "{\"op\":\"add\",\"path\":\"/1/serviceName\",\"value\":null},"
         "{\"op\":\"remove\",\"path\":\"/0/size\"}]");
    ck_assert_ptr_null(inplace_obstacle(a, old, new));
    ck_assert_uint_eq(jv_len(of("leader").metadata), 0);
    arena_free(a);
}
END_TEST

static const struct { const char *ops, *obstacle; } obstacles[] = {
    {"[{\"op\":\"add\",\"path\":\"/0/template/spec/containers/0/env/-\",\"value\":{\"name\":\"B\",\"value\":\"2\"}}]",
     "components[leader].template.spec.containers[engine].env"},
    {"[{\"op\":\"replace\",\"path\":\"/0/template/spec/containers/0/env/0/value\",\"value\":\"2\"}]",
     "components[leader].template.spec.containers[engine].env[A].value"},
    {"[{\"op\":\"add\",\"path\":\"/0/template/spec/containers/1/command\",\"value\":[\"x\"]}]",
     "components[leader].template.spec.containers[side].command"},
    {"[{\"op\":\"remove\",\"path\":\"/0/template/spec/containers/1\"}]", "components[leader].template.spec.containers"},
    {"[{\"op\":\"remove\",\"path\":\"/0/template/spec/containers/0/image\"}]",
     "components[leader].template.spec.containers[engine].image"},
    {"[{\"op\":\"replace\",\"path\":\"/0/template/spec/initContainers/0/image\",\"value\":\"prepare:2\"}]",
     "components[leader].template.spec.initContainers[prepare].image"},
    {"[{\"op\":\"remove\",\"path\":\"/0/template/spec/nodeSelector\"}]", "components[leader].template.spec.nodeSelector"},
    {"[{\"op\":\"add\",\"path\":\"/0/template/spec/hostNetwork\",\"value\":true}]",
     "components[leader].template.spec.hostNetwork"},
    {"[{\"op\":\"replace\",\"path\":\"/0/serviceName\",\"value\":\"t\"}]", "components[leader].serviceName"},
    {"[{\"op\":\"replace\",\"path\":\"/1/size\",\"value\":3}]", "components[worker].size"},
    {"[{\"op\":\"remove\",\"path\":\"/1\"}]", "components"},
    {"[{\"op\":\"replace\",\"path\":\"/1/name\",\"value\":\"other\"}]", "components"},
    /* a container that is not started anew would keep the old value in its environment */
    {"[{\"op\":\"replace\",\"path\":\"/0/template/metadata/labels/tier\",\"value\":\"y\"}]",
     "components[leader].template.metadata.labels, which the environment of container engine reads"},
    {"[{\"op\":\"replace\",\"path\":\"/1/template/metadata/annotations/"
     "rolebasedgroup.workloads.x-k8s.io~1component-discovery\",\"value\":\"{}\"}]",
     "components[worker].template.metadata.annotations[rolebasedgroup.workloads.x-k8s.io/component-discovery]"},
    {"[{\"op\":\"add\",\"path\":\"/0/template/metadata/annotations/rolebasedgroup.workloads.x-k8s.io~1port-allocator\","
     "\"value\":\"{\\\"allocations\\\":[{\\\"name\\\":\\\"p\\\",\\\"env\\\":\\\"P\\\"}]}\"}]",
     "components[leader].template.metadata.annotations[rolebasedgroup.workloads.x-k8s.io/port-allocator]"},
};

START_TEST(the_first_field_that_needs_another_pod_is_named) {
    begin();
    for (size_t i = 0; i < sizeof obstacles / sizeof *obstacles; i++) {
        new = jv_dup(a, old);
        edit(obstacles[i].ops);
        const char *found = inplace_obstacle(a, old, new);
        ck_assert_msg(found && strcmp(found, obstacles[i].obstacle) == 0, "%s: %s", obstacles[i].ops, found ? found : "in place");
    }
    arena_free(a);
}
END_TEST

/* The port is changed in the leader; it is the worker, too, that can't stay. */
START_TEST(a_changed_port_reaches_the_others) {
    begin();
    edit("[{\"op\":\"replace\",\"path\":\"/0/template/spec/containers/0/ports/0/containerPort\",\"value\":9000}]");
    ck_assert_str_eq(of("worker").obstacle,
                     "components[worker].template.metadata.annotations[rolebasedgroup.workloads.x-k8s.io/component-discovery]");
    arena_free(a);
}
END_TEST

/* Written in another way, but with the same meaning; and the annotation itself never reaches a running pod. */
START_TEST(a_directive_is_compared_by_what_it_does) {
    begin();
    edit("[{\"op\":\"replace\",\"path\":\"/1/template/metadata/annotations/"
         "rolebasedgroup.workloads.x-k8s.io~1component-discovery\",\"value\":"
         "\"{\\\"portRefs\\\":["
         "{\\\"component\\\":\\\"leader\\\",\\\"env\\\":\\\"PORT\\\",\\\"index\\\":0,\\\"portName\\\":\\\"http\\\"}],"
         "\\\"addressRefs\\\":[{\\\"component\\\":\\\"leader\\\",\\\"env\\\":\\\"HOST\\\"}]}\"}]");
    ck_assert_ptr_null(inplace_obstacle(a, old, new));
    ck_assert_uint_eq(jv_len(of("worker").metadata), 0);
    arena_free(a);
}
END_TEST

/* The container starts anew with the other image, and reads the label as it is then. */
START_TEST(a_new_image_reads_its_environment_anew) {
    begin();
    edit("[{\"op\":\"replace\",\"path\":\"/0/template/metadata/labels/tier\",\"value\":\"y\"},"
         "{\"op\":\"replace\",\"path\":\"/0/template/spec/containers/0/image\",\"value\":\"engine:2\"}]");
    ck_assert_ptr_null(inplace_obstacle(a, old, new));
    arena_free(a);
}
END_TEST

/* Templates of instances are schemaless: anything may stand anywhere. */
START_TEST(nonsense_is_compared_as_a_whole) {
    begin();
    static const char *const wrong[] = {"null", "7", "\"x\"", "[]", "{}", "[null]", "{\"a\":[{}]}"};
    static const char *const places[] = {"/0/template", "/0/template/spec", "/0/template/spec/containers", "/0/template/metadata",
                                         "/0/template/metadata/labels", "/0/template/metadata/finalizers",
                                         "/0/template/spec/containers/0", "/0/template/spec/containers/0/env", "/0"};
    for (size_t p = 0; p < sizeof places / sizeof *places; p++)
        for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
            new = jv_dup(a, old);
            edit(arena_printf(a, "[{\"op\":\"replace\",\"path\":\"%s\",\"value\":%s}]", places[p], wrong[w]));
            inplace_obstacle(a, old, new);
            inplace_obstacle(a, new, old);
            ck_assert_msg(p == 8 || !inplace_obstacle(a, new, new), "%s %s", places[p], wrong[w]);
        }
    arena_free(a);
}
END_TEST

TEST_MAIN("api/inplace", equal_templates_differ_in_nothing, images_and_metadata_are_taken_over, what_no_pod_gets_is_no_difference,
          the_first_field_that_needs_another_pod_is_named, a_changed_port_reaches_the_others,
          a_directive_is_compared_by_what_it_does, a_new_image_reads_its_environment_anew, nonsense_is_compared_as_a_whole)
