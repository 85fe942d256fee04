/* Which node takes a pod, and what is said when none does. */
#include "docs.h"
#include "sim/room.h"
#include "testing.h"

#define READY "conditions: [{type: Ready, status: 'True'}]"
#define POD(spec) "{metadata: {name: p}, spec: {" spec "containers: [{name: c}]}}"

static const char *fit(struct arena *a, const char *nodes, const char *pods, const char *pod, const char **why) {
    const struct jv *n = doc_yaml(a, nodes), *p = doc_yaml(a, pods);
    return room_for(a, n->items, n->len, p->items, p->len, doc_yaml(a, pod), why);
}

START_TEST(labels_and_readiness_decide) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *why = NULL;
    char nodes[] = "[{metadata: {name: a}, status: {" READY "}}, {metadata: {name: b, labels: {gpu: h100}}, status: {" READY "}}, "
                   "{metadata: {name: c, labels: {gpu: h100}}, spec: {unschedulable: true}, status: {" READY "}}]";
    ck_assert_str_eq(fit(a, nodes, "[]", POD(""), &why), "a");
    ck_assert_str_eq(fit(a, nodes, "[]", POD("nodeSelector: {gpu: h100}, "), &why), "b");
    ck_assert_ptr_null(fit(a, nodes, "[]", POD("nodeSelector: {gpu: a10}, "), &why));
    ck_assert_str_eq(why, "0/3 nodes are available: 2 without the labels of the pod's nodeSelector, 1 not ready or cordoned");
}
END_TEST

START_TEST(resources_are_counted) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *why = NULL;
    char nodes[] = "[{metadata: {name: a}, status: {" READY ", allocatable: {pods: '110', nvidia.com/gpu: '8'}}}]",
         full[] = "[{metadata: {name: a}, status: {" READY ", allocatable: {cpu: '2', pods: '110'}}}]",
         pod[] = "{metadata: {name: p}, spec: {containers: [{name: c, resources: {limits: {nvidia.com/gpu: 4}}}]}}",
         one[] = "[{spec: {nodeName: a, containers: [{name: c, resources: {limits: {nvidia.com/gpu: 4}}}]}}]",
         two[] = "[{spec: {nodeName: a, containers: [{name: c, resources: {limits: {nvidia.com/gpu: 5}}}]}}]";
    ck_assert_str_eq(fit(a, nodes, one, pod, &why), "a");
    ck_assert_ptr_null(fit(a, nodes, two, pod, &why));
    ck_assert_str_eq(why, "0/1 nodes are available: 1 with too little nvidia.com/gpu");
    ck_assert_ptr_null(fit(a, full, "[]", pod, &why)); /* who says how much CPU there is says everything */
    ck_assert_str_eq(fit(a, "[{metadata: {name: a}, status: {" READY "}}]", two, pod, &why), "a");
}
END_TEST

TEST_MAIN("sim_room", labels_and_readiness_decide, resources_are_counted)
