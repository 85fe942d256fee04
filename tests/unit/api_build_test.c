/* Objects of a group: sets, services, the discovery file, instances, revisions. The golden test
 * compares them with recorded ones; here is what the recordings do not show. */
#include <string.h>

#include "api/build.h"
#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "testing.h"

static void group(struct arena *a, const char *text, struct rbg *out) {
    struct err e = ERR_INIT;
    ASSERT_OK(rbg_decode(a, doc_yaml(a, text), out, &e));
}

static struct role_build build_of(struct arena *a, const struct rbg *g, size_t role) {
    const struct role *r = &g->spec.roles.items[role];
    struct role_build b = {.role_hash = "h", .replicas = role_replicas(r)};
    b.ctx = (struct build_ctx){.group = g,
                               .service_name = name_service(a, g->name, r->name),
                               .scheduler = "scheduler-plugins"};
    return b;
}

#define HEAD                                                                                       \
    "apiVersion: workloads.x-k8s.io/v1alpha2\nkind: RoleBasedGroup\nmetadata: {name: g, "          \
    "namespace: ns, uid: u}\nspec:\n"
#define STANDALONE "standalonePattern: {template: {spec: {containers: [{name: main, image: i}]}}}"

/* ---- revisions of groups ---- */

START_TEST(revision_is_that_of_the_worked_example) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct rbg g;
    struct group_revision r;
    group(a,
          "apiVersion: workloads.x-k8s.io/v1alpha2\nkind: RoleBasedGroup\nmetadata: {name: "
          "fleet-0, namespace: rec, uid: u}\n"
          "spec: {roles: [{name: w, replicas: 1, minReadySeconds: 0, podManagementPolicy: "
          "Parallel, standalonePattern: {template: {spec:"
          " {containers: [{name: main, image: 'example.com/m:1'}]}}}}]}\n",
          &g);
    ASSERT_OK(build_group_revision(a, &g, &r, &e));
    ck_assert_uint_eq(r.len, 272);
    ck_assert_str_eq(r.hash, "7fb7985cbb");
    ck_assert_str_eq(r.role_hash[0], "67fdb6ffbc");
    ck_assert_str_eq(meta_name(build_group_revision_object(a, &g, &r, 1)), "fleet-0-7fb7985cbb-1");
}
END_TEST

static const char *hash_of(struct arena *a, const char *spec, size_t role) {
    struct err e = ERR_INIT;
    struct rbg g;
    struct group_revision r;
    group(a, arena_printf(a, HEAD "%s", spec), &g);
    ASSERT_OK(build_group_revision(a, &g, &r, &e));
    return role == SIZE_MAX ? arena_strdup(a, r.hash) : arena_strdup(a, r.role_hash[role]);
}

START_TEST(role_hash_includes_the_template_that_the_role_refers_to) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *fmt = "  roleTemplates: [{name: base, template: {metadata: {labels: {app: base}}, "
                      "spec: {containers: [{name: main, image: '%s',"
                      " env: [{name: A, value: '1'}, {name: B, value: '2'}], resources: {requests: "
                      "{cpu: 100m}}}],"
                      " volumes: [{name: v, emptyDir: {}}]}}}]\n"
                      "  roles: [{name: small, podManagementPolicy: Parallel, standalonePattern: "
                      "{templateRef: {name: base, patch: {}}}}, {name: other, " STANDALONE "}]\n";
    const char *one = arena_printf(a, fmt, "example.com/m:1"),
               *two = arena_printf(a, fmt, "example.com/m:2");
    ck_assert_str_eq(hash_of(a, one, 0), "78cfd76df4");
    ck_assert_str_ne(hash_of(a, two, 0), "78cfd76df4");
    ck_assert_str_eq(hash_of(a, one, 1), hash_of(a, two, 1));
}
END_TEST

START_TEST(replicas_are_no_part_of_a_revision) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *fmt = "  roles: [{name: r, replicas: %d, minReadySeconds: %d, " STANDALONE "}]\n";
    ck_assert_str_eq(hash_of(a, arena_printf(a, fmt, 1, 0), SIZE_MAX),
                     hash_of(a, arena_printf(a, fmt, 5, 0), SIZE_MAX));
    ck_assert_str_ne(hash_of(a, arena_printf(a, fmt, 1, 0), SIZE_MAX),
                     hash_of(a, arena_printf(a, fmt, 1, 5), SIZE_MAX));
}
END_TEST

START_TEST(a_bad_quantity_names_role_and_field) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct rbg g;
    struct group_revision r;
    group(a,
          HEAD "  roles: [{name: r, standalonePattern: {template: {spec: {containers: [{name: m, "
               "resources: {limits: {cpu: lots}}}]}}}}]\n",
          &g);
    ASSERT_ERR(build_group_revision(a, &g, &r, &e), ERR_INVALID);
    ck_assert_msg(strstr(e.msg, "role \"r\"") && strstr(e.msg, "limits"), "%s", e.msg);
}
END_TEST

START_TEST(stored_revision_is_recognised_by_its_bytes) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct rbg g;
    struct group_revision r;
    group(a, HEAD "  roles: [{name: r, annotations: {k: '<&>'}, " STANDALONE "}]\n", &g);
    ASSERT_OK(build_group_revision(a, &g, &r, &e));
    struct jv *o = build_group_revision_object(a, &g, &r, 3);
    ck_assert(build_revision_same(o, r.bytes, r.len));
    ck_assert(!build_revision_same(o, r.bytes, r.len - 1));
    ck_assert(!build_revision_same(jv_new_obj(a), r.bytes, r.len));
    ck_assert_int_eq(jv_get_int(o, "revision", 0), 3);
}
END_TEST

/* ---- sets ---- */

static struct jv *set_of(struct arena *a, const char *role, struct role_build *over) {
    struct err e = ERR_INIT;
    struct rbg *g = ARENA_NEW(a, struct rbg);
    group(a, arena_printf(a, HEAD "  roles: [{name: r, %s}]\n", role), g);
    struct role_build b = build_of(a, g, 0);
    if (over) b.partition = over->partition, b.max_unavailable = over->max_unavailable;
    struct jv *o = build_ris(a, &b, &g->spec.roles.items[0], &e);
    ASSERT_PTR(o);
    return o;
}

static const char *strategy(struct arena *a, const char *role, struct role_build *over) {
    return json_text(a, jv_path(set_of(a, role, over), "spec", "updateStrategy", (char *)0));
}

START_TEST(update_strategy_has_all_values) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_str_eq(strategy(a, STANDALONE, NULL),
                     "{\"type\":\"InPlaceIfPossible\",\"paused\":false,\"partition\":0,"
                     "\"maxUnavailable\":1,\"maxSurge\":0}");
    ck_assert_str_eq(strategy(a,
                              "rolloutStrategy: {rollingUpdate: {type: RecreatePod, paused: true, "
                              "partition: 40%, maxUnavailable: 30%, maxSurge: 2,"
                              " inPlaceUpdateStrategy: {gracePeriodSeconds: 7}}}, " STANDALONE,
                              NULL),
                     "{\"type\":\"RecreatePod\",\"paused\":true,\"partition\":\"40%\","
                     "\"maxUnavailable\":\"30%\",\"maxSurge\":2,"
                     "\"inPlaceUpdateStrategy\":{\"gracePeriodSeconds\":7}}");
}
END_TEST

START_TEST(coordination_overrides_partition_and_max_unavailable) {
    ARENA_AUTO struct arena *a = arena_new();
    struct role_build over = {.partition = jv_new_int(a, 3),
                              .max_unavailable = jv_new_str(a, "50%")};
    ck_assert_str_eq(strategy(a,
                              "replicas: 4, rolloutStrategy: {rollingUpdate: {partition: 1, "
                              "maxUnavailable: 1}}, " STANDALONE,
                              &over),
                     "{\"type\":\"InPlaceIfPossible\",\"paused\":false,\"partition\":3,"
                     "\"maxUnavailable\":\"50%\",\"maxSurge\":0}");
}
END_TEST

static void check_budget_error(const char *rolling, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct rbg g;
    group(a,
          arena_printf(
              a,
              HEAD
              "  roles: [{name: r, replicas: 3, rolloutStrategy: {rollingUpdate: {%s}}, " STANDALONE
              "}]\n",
              rolling),
          &g);
    struct role_build b = build_of(a, &g, 0);
    ck_assert_ptr_null(build_ris(a, &b, &g.spec.roles.items[0], &e));
    ck_assert_msg(strstr(e.msg, want), "\"%s\" is not in \"%s\"", want, e.msg);
}

START_TEST(a_rollout_that_can_not_move_is_an_error) {
    check_budget_error("maxUnavailable: 0, maxSurge: 0", "maxSurge and maxUnavailable are both 0");
    check_budget_error("maxUnavailable: 0%", "maxSurge and maxUnavailable are both 0");
    check_budget_error("maxUnavailable: some",
                       "role \"r\": rolloutStrategy.rollingUpdate: maxUnavailable");
    check_budget_error("maxSurge: '5'", "role \"r\": rolloutStrategy.rollingUpdate: maxSurge");
}
END_TEST

START_TEST(a_percentage_is_fine_for_a_role_scaled_to_zero) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *o = set_of(
        a, "replicas: 0, rolloutStrategy: {rollingUpdate: {maxUnavailable: 30%}}, " STANDALONE,
        NULL);
    ck_assert_int_eq(jv_int(jv_path(o, "spec", "replicas", (char *)0), -1), 0);
    ck_assert_str_eq(meta_annotation(o, A_ROLE_SIZE), "0");
}
END_TEST

START_TEST(set_metadata_overrides_that_of_the_role) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *o =
        set_of(a,
               "labels: {mine: kept, " L_GROUP_NAME ": stolen}, annotations: {" A_ROLE_SIZE
               ": '99', " A_INPLACE_SCHEDULING ": Preferred},"
               " rolloutStrategy: {rollingUpdate: {inPlaceUpdateStrategy: {}}}, " STANDALONE,
               NULL);
    ck_assert_str_eq(meta_label(o, "mine"), "kept");
    ck_assert_str_eq(meta_label(o, L_GROUP_NAME), "g");
    ck_assert_str_eq(meta_label(o, L_RBG_OWNER_UID), "u");
    ck_assert_str_eq(meta_label(o, L_ROLE_REVISION_PREFIX "r"), "h");
    ck_assert_str_eq(meta_annotation(o, A_ROLE_SIZE), "1");
    ck_assert_str_eq(meta_annotation(o, A_PATTERN), "Stateful");
    ck_assert_str_eq(meta_annotation(o, A_INPLACE_GRACE_SECONDS), "0");
    ck_assert_str_eq(
        doc_text_at(a, jv_path(o, "spec", "roleInstanceTemplate", (char *)0), "restartPolicyConfig"),
        "{\"type\":\"None\",\"baseDelaySeconds\":30,\"maxDelaySeconds\":600}");
}
END_TEST

START_TEST(the_restart_policy_reaches_set_and_instance) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    static const char want[] = "{\"type\":\"RecreateRoleInstanceOnPodRestart\",\"baseDelaySeconds\":5,\"maxDelaySeconds\":60,"
                               "\"maxRestarts\":4}";
    struct jv *o = set_of(a,
                          "leaderWorkerPattern: {restartPolicyConfig: {baseDelaySeconds: 5, maxDelaySeconds: 60, maxRestarts: 4}, "
                          "template: {spec: {containers: [{name: main, image: m}]}}}", NULL);
    struct jv *template = jv_path(o, "spec", "roleInstanceTemplate", (char *)0);
    ck_assert_str_eq(doc_text_at(a, template, "restartPolicyConfig"), want);
    struct ris set;
    ASSERT_OK(ris_decode(a, o, &set, &e));
    struct jv *ri = build_ri(a, &set, 0, template, "w-1");
    ck_assert_str_eq(doc_text_at(a, jv_get(ri, "spec"), "restartPolicyConfig"), want);
    struct ri inst;
    ASSERT_OK(ri_decode(a, ri, &inst, &e));
    struct restart_effective got = ri_restart(&inst.spec);
    ck_assert_str_eq(got.type, RESTART_RECREATE);
    ck_assert_int_eq(got.base, 5);
    ck_assert_int_eq(got.max, 60);
    ck_assert(got.limit.set && got.limit.v == 4);
}
END_TEST

/* ---- service ---- */

START_TEST(service_selects_leaders_unless_shared) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rbg g;
    group(a,
          HEAD
          "  roles:\n  - {name: l, leaderWorkerPattern: {template: {spec: {containers: []}}}}\n"
          "  - {name: s, leaderWorkerPattern: {sharedServiceSelection: All, template: {spec: "
          "{containers: []}}}}\n"
          "  - {name: t, annotations: {" A_WORKLOAD_TYPE
          ": apps/v1/StatefulSet}, leaderWorkerPattern: {template: {spec: {containers: []}}}}\n",
          &g);
    struct jv *owner =
        doc_yaml(a, "{kind: RoleInstanceSet, metadata: {name: w, uid: x, annotations: {" A_ROLE_SIZE
                    ": '7'}}}");
    static const bool leader_only[] = {true, false, false};
    for (size_t i = 0; i < 3; i++) {
        struct jv *s = build_service(a, &g, &g.spec.roles.items[i], "svc", KIND_RIS, owner);
        const char *component =
            jv_str(jv_path(s, "spec", "selector", L_COMPONENT_NAME, (char *)0), NULL);
        ck_assert_msg((component != NULL) == leader_only[i], "role %zu", i);
        ck_assert_str_eq(meta_annotation(s, A_ROLE_SIZE), "7");
        ck_assert_ptr_null(meta_annotation(s, A_WORKLOAD_TYPE));
        ck_assert_str_eq(doc_text_at(a, jv_get(s, "metadata"), "ownerReferences"),
                         "[{\"apiVersion\":\"workloads.x-k8s.io/"
                         "v1alpha2\",\"kind\":\"RoleInstanceSet\",\"name\":\"w\",\"uid\":\"x\","
                         "\"blockOwnerDeletion\":true}]");
    }
}
END_TEST

/* ---- discovery ---- */

static const char *discovery(struct arena *a, const char *roles) {
    struct rbg g;
    group(a,
          arena_printf(a,
                       "apiVersion: workloads.x-k8s.io/v1alpha2\nkind: RoleBasedGroup\nmetadata: "
                       "{name: demo, namespace: ns, uid: u}\nspec: {roles: [%s]}\n",
                       roles),
          &g);
    return build_discovery_text(a, &g, NULL);
}

START_TEST(discovery_lists_stateful_roles_with_their_ports) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_str_eq(discovery(a, "{name: router, annotations: {" A_WORKLOAD_TYPE
                                  ": apps/v1/Deployment}, " STANDALONE "},"
                                  "{name: prefill, replicas: 2, servicePorts: [{name: http-API, "
                                  "port: 8000, targetPort: 1}, {port: 9000}], " STANDALONE "},"
                                  "{name: decode, " STANDALONE
                                  "}, {name: idle, replicas: 0, " STANDALONE "}"),
                     "group:\n  name: demo\n  roles:\n  - prefill\n  - decode\n  - idle\n  size: "
                     "3\nroles:\n  decode:\n    instances:\n"
                     "    - address: demo-decode-0.s-demo-decode\n    size: 1\n  idle:\n    "
                     "instances: []\n    size: 0\n  prefill:\n    instances:\n"
                     "    - address: demo-prefill-0.s-demo-prefill\n      ports:\n        "
                     "http_api: 8000\n        port9000: 9000\n"
                     "    - address: demo-prefill-1.s-demo-prefill\n      ports:\n        "
                     "http_api: 8000\n        port9000: 9000\n    size: 2\n");
}
END_TEST

START_TEST(discovery_addresses_are_names_that_pods_have) {
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_str_eq(discovery(a, "{name: lw, replicas: 2, leaderWorkerPattern: {size: 4, "
                                  "template: {spec: {containers: []}}}}"),
                     "group:\n  name: demo\n  roles:\n  - lw\n  size: 1\nroles:\n  lw:\n    "
                     "instances:\n    - address: demo-lw-0-0.s-demo-lw\n"
                     "    - address: demo-lw-1-0.s-demo-lw\n    size: 2\n");
    ck_assert_str_eq(
        discovery(a, "{name: cc, customComponentsPattern: {components: [{name: x, size: 2, "
                     "template: {}}, {name: z, size: 1, serviceName: own, template: {}}]}}"),
        "group:\n  name: demo\n  roles:\n  - cc\n  size: 1\nroles:\n  cc:\n    instances:\n    - "
        "address: demo-cc-0-x-0.s-demo-cc\n"
        "    - address: demo-cc-0-x-1.s-demo-cc\n    - address: demo-cc-0-z-0.own\n    size: 1\n");
    ck_assert_str_eq(
        discovery(a, "{name: l, annotations: {" A_WORKLOAD_TYPE
                     ": leaderworkerset.x-k8s.io/v1/LeaderWorkerSet}, leaderWorkerPattern: {size: "
                     "2, template: {spec: {containers: []}}}}"),
        "group:\n  name: demo\n  roles:\n  - l\n  size: 1\nroles:\n  l:\n    instances:\n    - "
        "address: demo-l-0.demo-l\n    size: 1\n");
}
END_TEST

START_TEST(no_stateful_role_no_discovery_file) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rbg g;
    group(a, HEAD "  roles: [{name: r, annotations: {" A_PATTERN ": Stateless}, " STANDALONE "}]\n",
          &g);
    ck_assert_ptr_null(build_discovery(a, &g, NULL));
    ck_assert_ptr_null(build_discovery_text(a, &g, NULL));
}
END_TEST

/* ---- instances ---- */

static const char *const ris_text =
    "apiVersion: workloads.x-k8s.io/v1alpha2\nkind: RoleInstanceSet\n"
    "metadata: {name: s, namespace: ns, uid: su, labels: {l: v, sel: old}, annotations: "
    "{" A_ROLE_SIZE ": '2', " A_INSTANCE_GANG ": 'true', %s}}\n"
    "spec:\n  replicas: 2\n  selector: {matchLabels: {sel: new}}\n"
    "  roleInstanceTemplate: {components: [{name: c, size: 1, template: {spec: {containers: "
    "[{name: m, image: i}]}}}]}\n";

static void set(struct arena *a, const char *annotation, struct ris *out) {
    struct err e = ERR_INIT;
    ASSERT_OK(ris_decode(a, doc_yaml(a, arena_printf(a, ris_text, annotation)), out, &e));
}

START_TEST(stateful_instances_do_not_share_identity_labels) {
    ARENA_AUTO struct arena *a = arena_new();
    struct ris s;
    set(a, "x: z", &s);
    const char *before = json_text(a, s.spec.template_doc);
    struct jv *zero = build_ri(a, &s, 0, s.spec.template_doc, "s-abc"),
              *one = build_ri(a, &s, 1, s.spec.template_doc, "s-abc");
    for (int i = 0; i < 2; i++) {
        const struct jv *ri = i ? one : zero,
                        *c = jv_idx(jv_path(ri, "spec", "components", (char *)0), 0);
        const struct jv *labels = jv_path(c, "template", "metadata", "labels", (char *)0);
        ck_assert_str_eq(jv_get_str(labels, L_INSTANCE_INDEX), i ? "1" : "0");
        ck_assert_str_eq(jv_get_str(labels, L_POD_NAME), i ? "s-1" : "s-0");
        ck_assert_str_eq(meta_label(ri, L_REVISION_HASH), "s-abc");
        ck_assert_str_eq(meta_label(ri, "sel"), "new");
        ck_assert_str_eq(doc_text_at(a, jv_get(ri, "metadata"), "annotations"),
                         "{\"" A_INSTANCE_GANG "\":\"true\"}");
    }
    ck_assert_str_eq(json_text(a, s.spec.template_doc), before);
}
END_TEST

START_TEST(a_broken_template_is_passed_on_without_labels) {
    ARENA_AUTO struct arena *a = arena_new();
    struct ris s;
    set(a, "x: z", &s);
    static const char *const broken[] = {
        "{components: [{name: c, template: {metadata: []}}]}",
        "{components: [{name: c, template: {metadata: {labels: x}}}]}",
        "{components: [{name: c, template: 3}, x]}",
        "{components: {}, readinessGates: x}",
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        struct jv *t = doc_yaml(a, broken[i]);
        ck_assert(jv_eq(build_ri_spec(a, &s, 0, t), t));
        ck_assert_ptr_nonnull(build_ri_stateless(a, &s, "abcde", t, "s-1", "t"));
    }
}
END_TEST

START_TEST(stateless_instance_is_known_by_owner_and_id) {
    ARENA_AUTO struct arena *a = arena_new();
    struct ris s;
    set(a, A_PATTERN ": Stateless", &s);
    ck_assert(ris_stateless(&s));
    struct jv *ri =
        build_ri_stateless(a, &s, "bcd2x", s.spec.template_doc, "s-abc", "2026-01-02T03:04:05Z");
    ck_assert_str_eq(meta_name(ri), "s-bcd2x");
    ck_assert_str_eq(meta_label(ri, L_INSTANCE_OWNER), "su");
    ck_assert_str_eq(meta_label(ri, L_REVISION_HASH), "abc");
    ck_assert_str_eq(meta_annotation(ri, A_LIFECYCLE_TIME), "2026-01-02T03:04:05Z");
    ck_assert_str_eq(doc_text_at(a, jv_get(ri, "spec"), "readinessGates"),
                     "[{\"conditionType\":\"RoleInstanceInPlaceUpdateReady\"}]");
    ck_assert_ptr_null(jv_get(s.spec.template_doc, "readinessGates"));
}
END_TEST

START_TEST(a_long_set_name_leaves_room_for_the_id) {
    ARENA_AUTO struct arena *a = arena_new();
    struct ris s;
    set(a, A_PATTERN ": Stateless", &s);
    s.name = "a123456789b123456789c123456789d123456789e123456789f123456789";
    const char *name =
        meta_name(build_ri_stateless(a, &s, "bcd2x", s.spec.template_doc, "s-abc", "t"));
    ck_assert_uint_eq(strlen(name), 63);
    ck_assert_str_eq(name + 57, "-bcd2x");
}
END_TEST

/* ---- revisions of sets and instances ---- */

START_TEST(hand_written_sets_are_hashed_in_canonical_form) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct ris s;
    struct revision r, again;
    set(a, "x: z", &s);
    ASSERT_OK(build_ris_revision(a, &s, 0, &r, &e));
    ck_assert_str_eq(
        r.bytes,
        "{\"spec\":{\"roleInstanceTemplate\":{\"$patch\":\"replace\",\"components\":[{\"name\":"
        "\"c\",\"size\":1,\"template\":{\"metadata\":{},"
        "\"spec\":{\"containers\":[{\"image\":\"i\",\"name\":\"m\",\"resources\":{}}]}}}]}}}");
    ASSERT_OK(build_ris_revision(a, &s, 1, &again, &e));
    ck_assert_str_ne(r.hash, again.hash);
    ck_assert_str_eq(r.name, arena_printf(a, "s-%s", r.hash));
    struct jv *o = build_ris_revision_object(a, &s, &r, 4);
    ck_assert(build_revision_same(o, r.bytes, r.len));
    ck_assert_str_eq(
        doc_text_at(a, jv_get(o, "metadata"), "labels"),
        arena_printf(a, "{\"sel\":\"new\",\"controller.kubernetes.io/hash\":\"%s\"}", r.hash));
}
END_TEST

START_TEST(sizes_are_no_part_of_an_instance_revision) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct ri one, two;
    struct revision r1, r2;
    const char *fmt = "apiVersion: workloads.x-k8s.io/v1alpha2\nkind: RoleInstance\nmetadata: "
                      "{name: i, namespace: ns, uid: iu}\n"
                      "spec: {readyPolicy: %s, components: [{name: c, size: %d, template: {spec: "
                      "{containers: []}}}]}\n";
    ASSERT_OK(ri_decode(a, doc_yaml(a, arena_printf(a, fmt, "AllPodReady", 1)), &one, &e));
    ASSERT_OK(ri_decode(a, doc_yaml(a, arena_printf(a, fmt, "None", 3)), &two, &e));
    ASSERT_OK(build_ri_revision(a, &one, 0, &r1, &e));
    ASSERT_OK(build_ri_revision(a, &two, 0, &r2, &e));
    ck_assert_str_eq(r1.name, r2.name);
    ck_assert(str_has_prefix(
        r1.bytes,
        "{\"spec\":{\"$setElementOrder/"
        "components\":[{\"name\":\"c\"}],\"components\":[{\"name\":\"c\",\"serviceName\":null,"
        "\"template\":{\"$patch\":\"replace\",\"metadata\":{}"));
    ck_assert_ptr_null(
        jv_path(build_ri_revision_object(a, &one, &r1, 1), "metadata", "annotations", (char *)0));
}
END_TEST

TEST_MAIN("api_build", the_restart_policy_reaches_set_and_instance, revision_is_that_of_the_worked_example,
          role_hash_includes_the_template_that_the_role_refers_to,
          replicas_are_no_part_of_a_revision, a_bad_quantity_names_role_and_field,
          stored_revision_is_recognised_by_its_bytes, update_strategy_has_all_values,
          coordination_overrides_partition_and_max_unavailable,
          a_rollout_that_can_not_move_is_an_error, a_percentage_is_fine_for_a_role_scaled_to_zero,
          set_metadata_overrides_that_of_the_role, service_selects_leaders_unless_shared,
          discovery_lists_stateful_roles_with_their_ports,
          discovery_addresses_are_names_that_pods_have, no_stateful_role_no_discovery_file,
          stateful_instances_do_not_share_identity_labels,
          stateless_instance_is_known_by_owner_and_id,
          a_broken_template_is_passed_on_without_labels, a_long_set_name_leaves_room_for_the_id,
          hand_written_sets_are_hashed_in_canonical_form, sizes_are_no_part_of_an_instance_revision)
