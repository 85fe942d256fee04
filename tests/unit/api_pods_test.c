/* Validation of pod templates, coordinated policies and warmups stays calm whatever stands where: every value of a
 * template that uses nearly every field is replaced by a value of every type. What the rules say is compared with a real
 * API server in tests/e2e/test_whole_api_pods.py. */
#include <string.h>

#include "api/admission.h"
#include "base/str.h"
#include "docs.h"
#include "testing.h"

static const char full_pod[] =
    "metadata: {labels: {a: b}, annotations: {c: d}}\n"
    "spec:\n"
    "  restartPolicy: Always\n"
    "  dnsPolicy: None\n"
    "  dnsConfig: {nameservers: [1.1.1.1], searches: [a.b], options: [{name: ndots, value: '2'}]}\n"
    "  hostname: h\n"
    "  subdomain: s\n"
    "  serviceAccountName: a\n"
    "  nodeSelector: {a: b}\n"
    "  hostAliases: [{ip: 1.2.3.4, hostnames: [a]}]\n"
    "  hostNetwork: true\n"
    "  os: {name: linux}\n"
    "  terminationGracePeriodSeconds: 30\n"
    "  readinessGates: [{conditionType: a/b}]\n"
    "  schedulingGates: [{name: g}]\n"
    "  resourceClaims: [{name: gpu, resourceClaimName: c}]\n"
    "  securityContext: {runAsUser: 1, fsGroup: 2, supplementalGroups: [1], sysctls: [{name: net.a, value: '1'}],\n"
    "    seccompProfile: {type: Localhost, localhostProfile: p}}\n"
    "  tolerations: [{key: a, operator: Equal, value: b, effect: NoExecute, tolerationSeconds: 5}]\n"
    "  topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: DoNotSchedule, minDomains: 1,\n"
    "    labelSelector: {matchLabels: {a: b}}, matchLabelKeys: [c]}]\n"
    "  affinity:\n"
    "    nodeAffinity:\n"
    "      requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: In, "
    "values: [b]}],\n"
    "        matchFields: [{key: metadata.name, operator: In, values: [node]}]}]}\n"
    "      preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: a, "
    "operator: Exists}]}}]\n"
    "    podAntiAffinity:\n"
    "      requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: z, namespaces: [space], labelSelector:\n"
    "        {matchExpressions: [{key: a, operator: In, values: [b]}]}}]\n"
    "      preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: z}}]\n"
    "  volumes:\n"
    "  - {name: a, emptyDir: {sizeLimit: 1Gi}}\n"
    "  - {name: b, secret: {secretName: s, defaultMode: 1, items: [{key: k, path: p, mode: 1}]}}\n"
    "  - {name: c, projected: {sources: [{serviceAccountToken: {path: t, expirationSeconds: 600}}, {configMap: {name: c, "
    "items: [{key: k, path: q}]}},\n"
    "      {downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}, {path: l, "
    "resourceFieldRef: {containerName: m, resource: limits.cpu}}]}}]}}\n"
    "  - {name: d, hostPath: {path: /x, type: File}}\n"
    "  - {name: e, ephemeral: {volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], "
    "resources: {requests: {storage: 1Gi}}}}}}\n"
    "  - {name: f, csi: {driver: a.b, nodePublishSecretRef: {name: s}}}\n"
    "  - {name: g, nfs: {server: s, path: /x}}\n"
    "  - {name: h, persistentVolumeClaim: {claimName: c}}\n"
    "  initContainers:\n"
    "  - {name: i, image: e, restartPolicy: Always, readinessProbe: {tcpSocket: {port: a}}, "
    "lifecycle: {preStop: {sleep: {seconds: 1}}}}\n"
    "  containers:\n"
    "  - name: m\n"
    "    image: e\n"
    "    imagePullPolicy: Always\n"
    "    ports: [{name: p, containerPort: 80, hostPort: 80, protocol: TCP, hostIP: 1.2.3.4}]\n"
    "    envFrom: [{prefix: P, configMapRef: {name: c}}, {secretRef: {name: s}}]\n"
    "    env:\n"
    "    - {name: A, value: x}\n"
    "    - {name: B, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: 'metadata.labels[''a'']'}}}\n"
    "    - {name: C, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}\n"
    "    - {name: D, valueFrom: {secretKeyRef: {name: s, key: k}}}\n"
    "    resources: {limits: {cpu: 1, memory: 1Gi, nvidia.com/gpu: 1}, requests: {cpu: 500m, nvidia.com/gpu: 1}, "
    "claims: [{name: gpu}]}\n"
    "    resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}]\n"
    "    volumeMounts: [{name: a, mountPath: /a, subPath: b, mountPropagation: None, readOnly: true, recursiveReadOnly: Enabled}]\n"
    "    volumeDevices: [{name: h, devicePath: /dev/x}]\n"
    "    livenessProbe: {httpGet: {port: 80, scheme: HTTP, httpHeaders: [{name: A, value: b}]}, periodSeconds: 1, "
    "terminationGracePeriodSeconds: 5}\n"
    "    readinessProbe: {exec: {command: [a]}, successThreshold: 2}\n"
    "    startupProbe: {grpc: {port: 5}}\n"
    "    lifecycle: {postStart: {exec: {command: [a]}}, preStop: {sleep: {seconds: 3}}, stopSignal: SIGTERM}\n"
    "    securityContext: {runAsUser: 1, privileged: false, allowPrivilegeEscalation: false, capabilities: {add: [X], "
    "drop: [ALL]},\n"
    "      procMount: Default, appArmorProfile: {type: RuntimeDefault}}\n";

static const char policy[] =
    "{apiVersion: workloads.x-k8s.io/v1alpha2, kind: CoordinatedPolicy, metadata: {name: g, namespace: space}, spec: {policies: [\n"
    "{name: a, roles: [x, w], strategy: {rollingUpdate: {maxSkew: 1, partition: 10%, maxUnavailable: 1}, "
    "scaling: {maxSkew: 5%}}},\n"
    "{name: b, roles: [x, z], strategy: {scaling: {maxSkew: 5%, progression: OrderReady}}}]}}";

#define WARMUP(spec) \
    "{apiVersion: workloads.x-k8s.io/v1alpha2, kind: RoleBasedGroupWarmup, metadata: {name: w, namespace: space}, spec: {" spec \
    ", policies: {maxFailedNodes: 1, backoffLimitPerNode: 2}, tolerations: [{operator: Exists}]}}"
static const char warmup_of_nodes[] =
    WARMUP("targetNodes: {nodeSelector: {a: b}, imagePreload: {images: [i]}, customizedAction: {containers: [{name: c, image: i,\n"
           "volumeMounts: [{name: v, mountPath: /v}]}], volumes: [{name: v, emptyDir: {}}]}}");
static const char warmup_of_group[] = WARMUP("targetRoleBasedGroup: {name: g, roles: {x: {imagePreload: {images: [i]}}}}");

/* A group with the template in a component, where no schema has looked at it. */
static struct jv *group_of(struct arena *a, struct jv *tpl) {
    struct jv *doc = doc_yaml(a, "{apiVersion: workloads.x-k8s.io/v1alpha2, kind: RoleBasedGroup, metadata: {name: g, "
                                 "namespace: space}, spec: {roles: "
                                 "[{name: r, customComponentsPattern: {components: [{name: c, template: null}]}}]}}");
    struct jv *role = jv_idx(jv_path(doc, "spec", "roles", (char *)0), 0);
    jv_set(a, jv_idx(jv_path(role, "customComponentsPattern", "components", (char *)0), 0), "template", tpl);
    return doc;
}

static const struct jv *no_group(void *ctx, struct arena *a, const char *ns, const char *name) {
    (void)ns, (void)name;
    return ctx ? doc_yaml(a, ctx) : NULL;
}

static struct problems look(struct arena *a, const struct jv *doc, const struct jv *old, char *group) {
    static const struct admission_opts all = {.deprecated_workloads = true};
    struct lookup l = {.ctx = group, .group = no_group};
    struct problems p = {.a = a};
    admission_validate(&p, kind_by_name(jv_get_str(doc, "kind")), doc, old, &l, &all);
    return p;
}

static const char *const odd[] = {"null", "true", "-1", "0", "1e99", "12345678901234567890", "\"\"", "\"x\"", "\"é\\u0000/..\"",
                                  "[]", "[null]", "[[1]]", "[{}]", "{}", "{\"a\":null}", "{\"name\":{}}"};

/* Each odd value at each place below `at`, with the whole document looked at every time. */
static size_t replace_all(struct arena *a, struct jv *root, struct jv *at) {
    size_t runs = 0;
    for (uint32_t i = 0; (at->type == J_OBJ || at->type == J_ARR) && i < at->len; i++) {
        struct jv **place = at->type == J_OBJ ? &at->members[i].val : &at->items[i], *kept = *place;
        for (size_t v = 0; v < sizeof odd / sizeof *odd; v++) {
            ARENA_AUTO struct arena *once = arena_new();
            *place = json_parse(a, odd[v], strlen(odd[v]), NULL, NULL);
            if (!*place) *place = kept; /* a NUL in a string is refused by the parser */
            struct problems p = look(once, root, NULL, (char[]){"{spec: {roles: [{name: x}, {name: 3}, 5]}}"});
            problems_text(once, &p);
            struct problems same = look(once, root, root, NULL);
            ck_assert_msg(same.n == 0, "a stored object is locked: %s", problems_text(once, &same));
            runs++;
        }
        *place = kept;
        runs += replace_all(a, root, kept);
    }
    return runs;
}

static void every_value(const char *text, bool pod, size_t least) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = pod ? group_of(a, doc_yaml(a, text)) : doc_yaml(a, text);
    struct problems p = look(a, doc, NULL, NULL);
    ck_assert_msg(p.n == 0, "%s", problems_text(a, &p));
    size_t runs = replace_all(a, doc, jv_get(doc, "spec"));
    ck_assert_msg(runs >= least, "only %zu runs", runs);
}

START_TEST(test_every_value_of_a_pod) {
    every_value(full_pod, true, 5000);
}
END_TEST

START_TEST(test_every_value_of_a_policy) {
    every_value(policy, false, 300);
}
END_TEST

START_TEST(test_every_value_of_a_warmup) {
    every_value(warmup_of_nodes, false, 400);
    every_value(warmup_of_group, false, 150);
}
END_TEST

START_TEST(test_roles_that_no_group_has_are_warnings) {
    ARENA_AUTO struct arena *a = arena_new();
    char group[] = "{spec: {roles: [{name: x}, {name: zz}]}}";
    struct problems p = look(a, doc_yaml(a, policy), NULL, group);
    ck_assert_uint_eq(p.n, 0);
    ck_assert_uint_eq(p.nwarnings, 4); /* not carried out, y, z, and x in two rules about scaling */
    ck_assert(strstr(p.warnings[0], "not carried out"));
    ck_assert(strstr(p.warnings[1], "spec.policies[0].roles[1]") && strstr(p.warnings[1], "no role \"w\""));
    ck_assert(strstr(p.warnings[2], "did you mean \"zz\""));
    ck_assert(strstr(p.warnings[3], "spec.policies[1].roles[0]") && strstr(p.warnings[3], "\"a\""));
    p = look(a, doc_yaml(a, policy), NULL, NULL);
    ck_assert(strstr(p.warnings[1], "no RoleBasedGroup \"g\""));
}
END_TEST

TEST_MAIN("api_pods", test_every_value_of_a_pod, test_every_value_of_a_policy, test_every_value_of_a_warmup,
          test_roles_that_no_group_has_are_warnings)
