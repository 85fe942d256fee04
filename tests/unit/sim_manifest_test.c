/* Manifests from files, as `kubectl rbg lint` checks them: what an API server's schema would refuse, then what the webhooks would,
 * each place once; all kinds, both versions. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "sim/manifest.h"
#include "testing.h"

#define T "template: {spec: {containers: [{name: c, image: i}]}}"
#define HEAD(version, kind) "apiVersion: workloads.x-k8s.io/" version "\nkind: " kind "\nmetadata: {name: g}\n"

/* The lines about a file with this text; *problems: how many of them are more than a warning. */
static const char *lint(struct arena *a, const char *text, size_t *problems) {
    struct err e = ERR_INIT;
    struct manifests m = {0};
    BUF_AUTO struct buf out = BUF_INIT;
    char path[] = "/tmp/rbg-manifest-XXXXXX";
    int fd = mkstemp(path);
    ck_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    int rc = manifests_read(a, path, false, &m, &e);
    unlink(path);
    if (rc) ck_abort_msg("%s", e.msg);
    *problems = manifests_check(a, &m, &(struct check_opts){.lenient = false}, NULL, &out);
    return arena_strdup(a, buf_str(&out));
}

static void expect(const char *text, size_t problems, const char *const *says) {
    ARENA_AUTO struct arena *a = arena_new();
    size_t n;
    const char *lines = lint(a, text, &n);
    ck_assert_msg(n == problems, "%zu problems in\n%s\n%s", n, text, lines);
    for (; *says; says++) ck_assert_msg(strstr(lines, *says), "\"%s\" is not in\n%s", *says, lines);
}
#define EXPECT(text, n, ...) expect(text, n, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(what_the_schema_refuses_is_found) {
    EXPECT(HEAD("v1alpha2", "RoleBasedGroup") "spec: {roles: [{name: a, podManagementPolicy: Orderd, leaderWorkerPattern: {" T
           ", sharedServiceSelection: All, restartPolicy: Always}}]}\n", 2,
           "RoleBasedGroup/g: spec.roles[0].podManagementPolicy: Unsupported value: \"Orderd\": write \"OrderedReady\" or "
           "\"Parallel\"", "spec.roles[0].leaderWorkerPattern.restartPolicy: Unsupported value: \"Always\"");
    EXPECT(HEAD("v1alpha1", "RoleBasedGroup")
           "spec: {coordination: [{name: c, roles: [a], strategy: {rollingUpdate: {maxSkew: 5}}}], "
           "roles: [{name: a, workload: {apiVersion: v1, kind: StatefulSet}, " T "}]}\n", 3,
           "spec.roles[0].workload.apiVersion: Invalid value: \"v1\": must match",
           "spec.coordination[0].strategy.rollingUpdate.maxSkew: Invalid value: 5: write a string instead of a number");
    EXPECT(HEAD("v1alpha2", "RoleBasedGroupScalingAdapter") "spec: {replicas: many}\n", 2, "spec.scaleTargetRef: Required value",
           "spec.replicas: Invalid value: \"many\"");
    EXPECT(HEAD("v1alpha2", "ClusterEngineRuntimeProfile") "spec: {containers: [{image: i}], updateStrategy: Never}\n", 2,
           "spec.containers[0].name: Required value", "spec.updateStrategy: Unsupported value: \"Never\"");
}
END_TEST

/* As the API server prunes it. */
START_TEST(null_is_as_if_it_were_not_there) {
    EXPECT(HEAD("v1alpha2", "RoleBasedGroup")
           "spec: {roleTemplates: null, roles: [{name: a, labels: {x: null}, replicas: null, dependencies: null, "
           "standalonePattern: {" T "}, leaderWorkerPattern: null}]}\n", 0, "");
    EXPECT(HEAD("v1alpha2", "CoordinatedPolicy") "spec: {policies: [{name: null, roles: [a, null], strategy: {}}]}\n", 2,
           "spec.policies[0].name: Required value",
           "spec.policies[0].roles[1]: Invalid value: null: write a string instead of a null");
}
END_TEST

START_TEST(a_place_is_reported_once) {
    EXPECT(HEAD("v1alpha2", "RoleBasedGroup") "spec: {roles: [{name: a, replicas: -1, standalonePattern: {" T "}}]}\n", 1,
           "spec.roles[0].replicas: Invalid value: -1: must be at least 0");
}
END_TEST

START_TEST(policies_and_warmups_are_checked_as_their_webhooks_do) {
    EXPECT(HEAD("v1alpha2", "CoordinatedPolicy")
           "spec: {policies: [{name: p, roles: [a, a, x], strategy: {rollingUpdate: {maxSkew: -1}}}]}\n"
           "---\n" HEAD("v1alpha2", "RoleBasedGroup") "spec: {roles: [{name: a, standalonePattern: {" T "}}]}\n", 2,
           "CoordinatedPolicy/g: spec.policies[0].roles[1]: Duplicate value",
           "spec.policies[0].strategy.rollingUpdate.maxSkew: Invalid value",
           "warning: spec.policies[0].roles[2]: group \"g\" has no role \"x\"");
    EXPECT(HEAD("v1alpha2", "RoleBasedGroupWarmup") "spec: {policies: {maxFailedNodes: 1}, targetNodes: {nodeNames: [node-1], "
           "nodeSelector: {a: b}}, targetRoleBasedGroup: {name: g, roles: {a: {}}}}\n", 5,
           "spec: Forbidden: targetNodes and targetRoleBasedGroup are both given",
           "spec.targetNodes: Forbidden: nodeNames and nodeSelector are both given",
           "spec.targetNodes: Required value: nothing to do: write imagePreload",
           "spec.targetRoleBasedGroup.roles[a]: Required value",
           "spec.policies.maxFailedNodes: Forbidden: needs backoffLimitPerNode");
    EXPECT(HEAD("v1alpha2", "RoleBasedGroupWarmup") "spec: {policies: {maxFailedNodes: 1, backoffLimitPerNode: 0}, targetNodes: "
           "{nodeNames: [node-1], imagePreload: {images: [i]}}}\n", 0, "");
}
END_TEST

START_TEST(versions_and_kinds_that_are_not_served_are_told) {
    EXPECT(HEAD("v1beta1", "CoordinatedPolicy") "spec: {}\n", 1,
           "there is no version \"v1beta1\" of this kind: write workloads.x-k8s.io/v1alpha2");
    EXPECT(HEAD("v1alpha2", "InstanceSet") "spec: {}\n", 1, "write workloads.x-k8s.io/v1alpha1");
    EXPECT("apiVersion: workloads.x-k8s.io/v1alpha2\nkind: RoleBasedGrup\nmetadata: {name: g}\n", 1,
           "has no such kind: correct its name");
    EXPECT("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: g}\ndata: 7\n", 0, ""); /* Kubernetes' own are not looked into */
}
END_TEST

START_TEST(a_list_is_taken_apart) {
    EXPECT("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: workloads.x-k8s.io/v1alpha2, kind: RoleInstance, "
           "metadata: {name: a}, spec: {}}\n"
           "- {apiVersion: workloads.x-k8s.io/v1alpha2, kind: RoleInstance, metadata: {name: b}, spec: {components: []}}\n", 1,
           "RoleInstance/a: spec.components: Required value");
}
END_TEST

/* ---- users' whole files ---- */

static struct manifests read_all(struct arena *a, const char *text, struct buf *others) {
    struct err e = ERR_INIT;
    struct manifests m = {0};
    char path[] = "/tmp/rbg-manifest-XXXXXX";
    int fd = mkstemp(path);
    ck_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    ASSERT_OK(manifests_read(a, path, false, &m, &e));
    unlink(path);
    manifests_others(&m, "skipped", others);
    return m;
}

START_TEST(other_kinds_are_counted_and_skipped) {
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf out = BUF_INIT;
    read_all(a, "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}}\n---\n"
                "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {generateName: b}}\n---\n"
                "{apiVersion: example.com/v1, kind: Own, metadata: {name: a}}\n---\n"
                HEAD("v1alpha2", "RoleBasedGroup") "spec: {roles: [{name: a, standalonePattern: {" T "}}]}\n", &out);
    ck_assert_str_eq(buf_str(&out), "3 other objects skipped (PersistentVolumeClaim, Own)\n");
    EXPECT("{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: a}}\n", 0, "");
}
END_TEST

START_TEST(fields_that_nobody_knows_are_refused_as_kubectl_apply_does) {
    EXPECT(HEAD("v1alpha2", "RoleBasedGroup")
           "spec: {roles: [{name: a, replica: 2, standalonePattern: {" T "}}], roleTemplate: []}\n", 2,
           "spec.roles[0].replica: Forbidden: there is no such field (did you mean \"replicas\"?)", "spec.roleTemplate: Forbidden");
    EXPECT(HEAD("v1alpha1", "RoleBasedGroup") "spec: {roles: [{name: a, standalonePattern: {}, workload: {apiVersion: "
           "workloads.x-k8s.io/v1alpha2, kind: RoleInstanceSet}, " T "}]}\n", 1, "spec.roles[0].standalonePattern: Forbidden");
}
END_TEST

/* `kubectl get -o yaml`: the group can be run again, what was made of it is not. */
START_TEST(what_a_server_added_is_left_out) {
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf out = BUF_INIT;
    struct manifests m = read_all(
        a, "apiVersion: v1\nkind: List\nitems:\n"
           "- {apiVersion: workloads.x-k8s.io/v1alpha2, kind: RoleBasedGroup, metadata: {name: g, uid: u, resourceVersion: \"7\", "
           "generation: 3, creationTimestamp: \"2026-01-01T00:00:00Z\"}, spec: {}, status: {observedGeneration: 3}}\n"
           "- {apiVersion: workloads.x-k8s.io/v1alpha2, kind: RoleInstanceSet, metadata: {name: g-a, ownerReferences: "
           "[{apiVersion: workloads.x-k8s.io/v1alpha2, kind: RoleBasedGroup, name: g, uid: u}]}, spec: {}}\n", &out);
    ck_assert_str_eq(buf_str(&out), "1 other object skipped (RoleInstanceSet)\n");
    const struct jv *meta = jv_get(m.items[0].doc, "metadata");
    ck_assert_uint_eq(jv_len(meta), 1);
    ck_assert_ptr_null(jv_get(m.items[0].doc, "status"));
}
END_TEST

START_TEST(a_folder_is_read_by_name) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct manifests m = {0}, none = {0};
    char root[] = "/tmp/rbg-manifests-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(root));
    const char *names[] = {"b.yaml", "a.yml", "notes.txt", "below/c.json"};
    ck_assert_int_eq(mkdir(arena_printf(a, "%s/below", root), 0700), 0);
    ASSERT_ERR(manifests_read(a, root, true, &none, &e), ERR_INVALID);
    for (size_t i = 0; i < 4; i++) {
        FILE *f = fopen(arena_printf(a, "%s/%s", root, names[i]), "w");
        ck_assert_ptr_nonnull(f);
        fprintf(f, "{apiVersion: v1, kind: ConfigMap, metadata: {name: x%zu}}", i);
        fclose(f);
    }
    ASSERT_OK(manifests_read(a, root, false, &m, &e));
    ck_assert_uint_eq(m.n, 2);
    ck_assert_str_eq(meta_name(m.items[0].given), "x1");
    ASSERT_OK(manifests_read(a, root, true, &m, &e));
    ck_assert_uint_eq(m.n, 5);
    for (size_t i = 0; i < 4; i++) unlink(arena_printf(a, "%s/%s", root, names[i]));
    rmdir(arena_printf(a, "%s/below", root));
    rmdir(root);
}
END_TEST

TEST_MAIN("sim_manifest", what_the_schema_refuses_is_found, null_is_as_if_it_were_not_there, a_place_is_reported_once,
          policies_and_warmups_are_checked_as_their_webhooks_do, versions_and_kinds_that_are_not_served_are_told,
          a_list_is_taken_apart, other_kinds_are_counted_and_skipped,
          fields_that_nobody_knows_are_refused_as_kubectl_apply_does, what_a_server_added_is_left_out, a_folder_is_read_by_name)
