/* Pod templates of components and pods of instances. */
#include <string.h>

#include "api/kinds.h"
#include "api/names.h"
#include "api/template.h"
#include "base/str.h"
#include "docs.h"
#include "testing.h"

static void group(struct arena *a, const char *text, struct rbg *out) {
    struct err e = ERR_INIT;
    ASSERT_OK(rbg_decode(a, doc_yaml(a, text), out, &e));
}

static struct jv *components(struct arena *a, const struct rbg *g, size_t role) {
    struct err e = ERR_INIT;
    const struct role *r = &g->spec.roles.items[role];
    struct build_ctx c = {.group = g,
                          .service_name = name_service(a, g->name, r->name),
                          .scheduler = "scheduler-plugins"};
    struct jv *out = template_components(a, &c, r, &e);
    ASSERT_PTR(out);
    return out;
}

static struct jv *container(const struct jv *component, size_t i) {
    return jv_idx(jv_path(component, "template", "spec", "containers", (char *)0), i);
}

static const char *label(const struct jv *component, const char *key) {
    return jv_str(jv_path(component, "template", "metadata", "labels", key, (char *)0), NULL);
}

static const char *env_names(struct arena *a, const struct jv *c) {
    const char *out = "";
    JV_FOR_ARR (it, jv_get(c, "env"))
        out = arena_printf(a, "%s%s%s", out, *out ? " " : "", jv_get_str(*it, "name"));
    return out;
}

#define HEAD                                                                                       \
    "apiVersion: workloads.x-k8s.io/v1alpha2\nkind: RoleBasedGroup\nmetadata: {name: g, "          \
    "namespace: ns, uid: u"
#define MAIN "{spec: {containers: [{name: main, image: i}]}}"

/* ---- which template ---- */

static const char *const two_templates =
    HEAD "}\nspec:\n"
         "  roleTemplates:\n  - {name: base, template: {spec: {containers: [{name: main, image: i, "
         "env: [{name: A, value: '1'}]}]}}}\n"
         "  - {name: other, template: " MAIN "}\n"
         "  roles:\n"
         "  - {name: plain, standalonePattern: {templateRef: {name: base}}}\n"
         "  - {name: patched, standalonePattern: {templateRef: {name: base, patch: {spec: "
         "{containers: [{name: main, image: j}]}}}}}\n"
         "  - {name: lost, standalonePattern: {templateRef: {name: bass}}}\n"
         "  - {name: both, standalonePattern: {template: " MAIN ", templateRef: {name: base}}}\n"
         "  - {name: none, standalonePattern: {}}\n"
         "  - {name: nothing}\n";

START_TEST(reference_without_patch_is_the_template) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct rbg g;
    group(a, two_templates, &g);
    struct jv *t = template_resolve(a, &g.spec, &g.spec.roles.items[0], &e);
    ASSERT_PTR(t);
    ck_assert(jv_eq(t, g.spec.role_templates.items[0].template));
    ck_assert_ptr_ne(t, g.spec.role_templates.items[0].template);
    t = template_resolve(a, &g.spec, &g.spec.roles.items[1], &e);
    ASSERT_PTR(t);
    const struct jv *c = jv_idx(jv_path(t, "spec", "containers", (char *)0), 0);
    ck_assert_str_eq(jv_get_str(c, "image"), "j");
    ck_assert_uint_eq(jv_len(jv_get(c, "env")), 1);
    ck_assert_str_eq(jv_get_str(jv_idx(jv_path(g.spec.role_templates.items[0].template, "spec",
                                               "containers", (char *)0),
                                       0),
                                "image"),
                     "i");
}
END_TEST

START_TEST(unusable_templates_are_errors_that_say_what_to_do) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rbg g;
    group(a, two_templates, &g);
    static const struct {
        size_t role;
        const char *part;
    } cases[] = {
        {2, "role \"lost\": templateRef.name: the group has no role template \"bass\""},
        {2, "use one of \"base\", \"other\""},
        {3, "role \"both\" has both template and templateRef"},
        {4, "role \"none\" has neither template nor templateRef"},
        {5, "role \"nothing\" has no pattern"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;
        struct effective *ef;
        size_t n;
        ASSERT_ERR(template_effective(a, &g.spec, &g.spec.roles.items[cases[i].role], &ef, &n, &e),
                   ERR_INVALID);
        ck_assert_msg(strstr(e.msg, cases[i].part), "\"%s\" is not in \"%s\"", cases[i].part,
                      e.msg);
    }
}
END_TEST

/* ---- patterns ---- */

START_TEST(leader_and_worker_do_not_share_what_a_patch_changes) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct rbg g;
    group(a,
          HEAD "}\nspec:\n  roles:\n  - name: r\n    leaderWorkerPattern:\n      size: 3\n      "
               "template: " MAIN "\n"
               "      leaderTemplatePatch: {metadata: {labels: {part: leader}}}\n",
          &g);
    struct effective *ef;
    size_t n;
    ASSERT_OK(template_effective(a, &g.spec, &g.spec.roles.items[0], &ef, &n, &e));
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(ef[0].size, 1);
    ck_assert_int_eq(ef[1].size, 2);
    jv_set_str(a, jv_need_obj(a, ef[1].template, "metadata"), "changed", "yes");
    jv_set_str(a, jv_idx(jv_path(ef[0].template, "spec", "containers", (char *)0), 0), "image",
               "k");
    ck_assert_str_eq(json_text(a, jv_get(ef[0].template, "metadata")),
                     "{\"labels\":{\"part\":\"leader\"}}");
    ck_assert_str_eq(
        jv_get_str(jv_idx(jv_path(ef[1].template, "spec", "containers", (char *)0), 0), "image"),
        "i");
}
END_TEST

START_TEST(worker_component_stays_when_the_group_has_no_workers) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rbg g;
    group(a, HEAD "}\nspec: {roles: [{name: r, leaderWorkerPattern: {template: " MAIN "}}]}\n", &g);
    struct jv *c = components(a, &g, 0);
    ck_assert_uint_eq(jv_len(c), 2);
    ck_assert_str_eq(doc_text_at(a, jv_idx(c, 1), "size"), "0");
    ck_assert_str_eq(doc_text_at(a, jv_idx(c, 1), "serviceName"), "absent");
    ck_assert_str_eq(label(jv_idx(c, 1), L_COMPONENT_SIZE), "1");
    ck_assert_str_eq(label(jv_idx(c, 1), L_COMPONENT_NAME), "worker");
}
END_TEST

START_TEST(shared_service_gives_workers_the_service) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rbg g;
    group(a,
          HEAD "}\nspec: {roles: [{name: r, leaderWorkerPattern: {size: 2, sharedServiceSelection: "
               "All, template: " MAIN "}}]}\n",
          &g);
    ck_assert_str_eq(doc_text_at(a, jv_idx(components(a, &g, 0), 1), "serviceName"), "\"s-g-r\"");
}
END_TEST

START_TEST(custom_component_without_size_has_one_pod) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rbg g;
    group(a,
          HEAD "}\nspec:\n  roles:\n  - name: r\n    customComponentsPattern:\n      components:\n"
               "      - {name: x, labels: {a: mine}, annotations: {k: v}, template: {metadata: "
               "{labels: {a: theirs, b: kept}}, spec: {containers: []}}}\n"
               "      - {name: yy, size: 3, serviceName: own, template: " MAIN "}\n",
          &g);
    struct jv *c = components(a, &g, 0), *x = jv_idx(c, 0), *y = jv_idx(c, 1);
    ck_assert_str_eq(doc_text_at(a, x, "size"), "1");
    ck_assert_str_eq(doc_text_at(a, x, "serviceName"), "\"s-g-r\"");
    ck_assert_str_eq(label(x, "a"), "mine");
    ck_assert_str_eq(label(x, "b"), "kept");
    ck_assert_str_eq(label(x, L_COMPONENT_SIZE), "1");
    ck_assert_ptr_null(label(x, L_COMPONENT_NAME));
    ck_assert_str_eq(doc_text_at(a, x, "annotations"), "{\"k\":\"v\"}");
    ck_assert_str_eq(doc_text_at(a, y, "serviceName"), "\"own\"");
    ck_assert_str_eq(label(y, L_COMPONENT_SIZE), "3");
}
END_TEST

/* ---- environment ---- */

static void check_env(const char *old, const char *injected, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *c = jv_new_obj(a);
    if (old) jv_set(a, c, "env", doc_yaml(a, old));
    template_inject_env(a, c, doc_yaml(a, injected));
    ck_assert_str_eq(env_names(a, c), want);
}

START_TEST(env_is_merged_in_the_order_that_references_need) {
    check_env(NULL, "[{name: RBG_A}, {name: RBG_B}]", "RBG_A RBG_B");
    check_env("[{name: U}, {name: RBG_LWP_X}, {name: RBG_Z}, {name: RBG_B}]",
              "[{name: RBG_A}, {name: RBG_B}]", "RBG_Z RBG_A RBG_B RBG_LWP_X U");
    check_env("[{name: U}, {name: V}, {name: U}]", "[{name: RBG_A}]", "RBG_A V U");
    check_env("[{name: W}, {name: U}]", "[{name: W}]", "W U");
}
END_TEST

START_TEST(injected_values_replace_those_of_the_user_and_the_last_duplicate_wins) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *c = doc_yaml(
        a, "{env: [{name: U, value: first}, {name: RBG_A, value: user}, {name: U, value: last}]}");
    template_inject_env(a, c, doc_yaml(a, "[{name: RBG_A, value: ours}]"));
    ck_assert_str_eq(
        json_text(a, jv_get(c, "env")),
        "[{\"name\":\"RBG_A\",\"value\":\"ours\"},{\"name\":\"U\",\"value\":\"last\"}]");
}
END_TEST

START_TEST(stateless_roles_get_neither_index_nor_discovery_file) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rbg g;
    group(a,
          HEAD "}\nspec: {roles: [{name: r, annotations: {" A_PATTERN
               ": Stateless}, standalonePattern: {template: " MAIN "}}]}\n",
          &g);
    struct jv *c = jv_idx(components(a, &g, 0), 0);
    ck_assert_str_eq(env_names(a, container(c, 0)),
                     "RBG_COMPONENT_INDEX RBG_COMPONENT_NAME RBG_GROUP_NAME RBG_ROLE_INSTANCE_NAME "
                     "RBG_ROLE_NAME");
    ck_assert_str_eq(doc_text_at(a, container(c, 0), "volumeMounts"), "absent");
    ck_assert_str_eq(doc_text_at(a, jv_path(c, "template", "spec", (char *)0), "volumes"), "absent");
}
END_TEST

START_TEST(a_mount_or_volume_of_the_user_is_not_doubled) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rbg g;
    group(a,
          HEAD "}\nspec: {roles: [{name: r, standalonePattern: {template: {spec: {volumes: [{name: "
               "rbg-cluster-config, emptyDir: {}}],"
               " containers: [{name: m, volumeMounts: [{name: rbg-cluster-config, mountPath: "
               "/etc/rbg}]}, {name: nn}]}}}}]}\n",
          &g);
    struct jv *c = jv_idx(components(a, &g, 0), 0);
    ck_assert_uint_eq(jv_len(jv_path(c, "template", "spec", "volumes", (char *)0)), 1);
    ck_assert_uint_eq(jv_len(jv_get(container(c, 0), "volumeMounts")), 1);
    ck_assert_uint_eq(jv_len(jv_get(container(c, 1), "volumeMounts")), 1);
}
END_TEST

/* ---- sidecars ---- */

static const char *const profile_text = "kind: ClusterEngineRuntimeProfile\nmetadata: {name: "
                                        "p}\nspec:\n  initContainers: [{name: init, image: x}]\n"
                                        "  containers: [{name: s1, image: x, args: [a]}, {name: "
                                        "s2, image: x}, {name: main, image: not-used}]\n"
                                        "  volumes: [{name: v, emptyDir: {}}]\n";

static struct jv *with_profile(struct arena *a, const char *runtime, const char *pattern) {
    struct err e = ERR_INIT;
    struct rbg g;
    group(a,
          arena_printf(a, HEAD "}\nspec: {roles: [{name: r, engineRuntimes: [%s], %s}]}\n", runtime,
                       pattern),
          &g);
    const struct jv *profiles[] = {doc_yaml(a, profile_text)};
    struct build_ctx c = {.group = &g, .service_name = "s-g-r", .profiles = profiles};
    struct jv *out = template_components(a, &c, &g.spec.roles.items[0], &e);
    ASSERT_PTR(out);
    return out;
}

#define STANDALONE "standalonePattern: {template: " MAIN "}"

START_TEST(sidecars_follow_the_containers_and_get_env_but_no_mount) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *c = jv_idx(with_profile(a, "{profileName: p}", STANDALONE), 0);
    ck_assert_uint_eq(jv_len(jv_path(c, "template", "spec", "containers", (char *)0)), 3);
    ck_assert_str_eq(jv_get_str(container(c, 0), "image"), "i");
    ck_assert_str_eq(jv_get_str(container(c, 1), "name"), "s1");
    ck_assert(str_has_prefix(env_names(a, container(c, 2)), "RBG_COMPONENT_INDEX "));
    ck_assert_str_eq(doc_text_at(a, container(c, 1), "volumeMounts"), "absent");
}
END_TEST

/* The error of a role that uses a profile with this spec, under --restrict-profiles; NULL: it is built. */
static const char *refused_profile(struct arena *a, const char *spec) {
    struct err e = ERR_INIT;
    struct rbg g;
    group(a, HEAD "}\nspec: {roles: [{name: r, engineRuntimes: [{profileName: p}], " STANDALONE "}]}\n", &g);
    const struct jv *profiles[] = {
        doc_yaml(a, arena_printf(a, "kind: ClusterEngineRuntimeProfile\nmetadata: {name: p}\nspec: {%s}\n", spec))};
    struct build_ctx c = {.group = &g, .service_name = "s-g-r", .profiles = profiles};
    ASSERT_PTR(template_components(a, &c, &g.spec.roles.items[0], &e)); /* without the flag */
    c.restrict_profiles = true;
    return template_components(a, &c, &g.spec.roles.items[0], &e) ? NULL : arena_strdup(a, e.msg);
}

START_TEST(profiles_can_be_restricted) {
    static const struct { const char *spec, *says; } rows[] = {
        {"containers: [{name: s, image: x, ports: [{containerPort: 80}], env: [{name: A, value: b}], securityContext: "
         "{runAsNonRoot: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}, "
         "seccompProfile: {type: RuntimeDefault}}}], volumes: [{name: v, emptyDir: {}}, {name: c, configMap: {name: c}}, "
         "{name: d, projected: {sources: [{downwardAPI: {}}]}}]", NULL},
        {"containers: [{name: s, image: x, securityContext: {privileged: true}}]", "container \"s\" has privileged"},
        {"initContainers: [{name: s, image: x, securityContext: {privileged: true}}]", "container \"s\" has privileged"},
        {"containers: [{name: s, image: x, securityContext: {allowPrivilegeEscalation: true}}]", "allowPrivilegeEscalation"},
        {"containers: [{name: s, image: x, securityContext: {capabilities: {add: [SYS_ADMIN]}}}]", "added capabilities"},
        {"containers: [{name: s, image: x, securityContext: {procMount: Unmasked}}]", "procMount"},
        {"containers: [{name: s, image: x, securityContext: {seccompProfile: {type: Unconfined}}}]", "Unconfined"},
        {"containers: [{name: s, image: x, securityContext: {seLinuxOptions: {type: t}}}]", "seLinuxOptions"},
        {"containers: [{name: s, image: x, ports: [{containerPort: 1, hostPort: 1}]}]", "hostPort"},
        {"containers: [{name: s, image: x, env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]}]", "secretKeyRef"},
        {"containers: [{name: s, image: x, envFrom: [{secretRef: {name: s}}]}]", "secretRef"},
        {"volumes: [{name: v, hostPath: {path: /}}]", "volume \"v\" has hostPath"},
        {"volumes: [{name: v, secret: {secretName: s}}]", "volume \"v\" has secret"},
        {"volumes: [{name: v, csi: {driver: d}}]", "volume \"v\" has csi"},
        {"volumes: [{name: v, projected: {sources: [{secret: {name: s}}]}}]", "volume \"v\" has secret"},
        {"volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: t}}]}}]", "has serviceAccountToken"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        const char *said = refused_profile(a, rows[i].spec);
        ck_assert_msg(!said == !rows[i].says, "%s: %s", rows[i].spec, said ? said : "taken");
        if (said) ck_assert_msg(strstr(said, rows[i].says) && strstr(said, "ClusterEngineRuntimeProfile \"p\""), "%s", said);
    }
}
END_TEST

START_TEST(inject_containers_chooses_among_the_profile_containers) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *c =
        jv_idx(with_profile(a, "{profileName: p, injectContainers: [s2]}", STANDALONE), 0);
    ck_assert_uint_eq(jv_len(jv_path(c, "template", "spec", "containers", (char *)0)), 2);
    ck_assert_str_eq(jv_get_str(container(c, 1), "name"), "s2");
    ck_assert_uint_eq(jv_len(jv_path(c, "template", "spec", "initContainers", (char *)0)), 1);
}
END_TEST

START_TEST(overrides_reach_containers_and_init_containers_of_the_profile) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *c = jv_idx(with_profile(a,
                                       "{profileName: p, containers: [{name: s1, args: [b], env: "
                                       "[{name: K, value: v}]}, {name: init, args: [z]},"
                                       " {name: unknown, args: [nn]}]}",
                                       STANDALONE),
                          0);
    ck_assert_str_eq(doc_text_at(a, container(c, 1), "args"), "[\"a\",\"b\"]");
    ck_assert(str_has_suffix(env_names(a, container(c, 1)), " K"));
    const struct jv *init = jv_idx(jv_path(c, "template", "spec", "initContainers", (char *)0), 0);
    ck_assert_str_eq(doc_text_at(a, init, "args"), "[\"z\"]");
}
END_TEST

START_TEST(workers_get_no_sidecars) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *c =
        with_profile(a, "{profileName: p}", "leaderWorkerPattern: {size: 2, template: " MAIN "}");
    ck_assert_uint_eq(jv_len(jv_path(jv_idx(c, 0), "template", "spec", "containers", (char *)0)),
                      3);
    ck_assert_uint_eq(jv_len(jv_path(jv_idx(c, 1), "template", "spec", "containers", (char *)0)),
                      1);
}
END_TEST

START_TEST(missing_profile_is_an_error) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct rbg g;
    group(a,
          HEAD "}\nspec: {roles: [{name: r, engineRuntimes: [{profileName: gone}], " STANDALONE
               "}]}\n",
          &g);
    struct build_ctx c = {.group = &g, .service_name = "s-g-r"};
    ck_assert_ptr_null(template_components(a, &c, &g.spec.roles.items[0], &e));
    ck_assert_msg(strstr(e.msg, "no ClusterEngineRuntimeProfile \"gone\""), "%s", e.msg);
}
END_TEST

/* ---- scheduling ---- */

#define TOPOLOGY ", annotations: {" A_EXCLUSIVE_TOPOLOGY ": zone}}\nspec: {roles: [{name: r, "

static const struct jv *affinity(const struct jv *component) {
    return jv_path(component, "template", "spec", "affinity", (char *)0);
}

START_TEST(exclusive_pods_carry_the_label_that_their_affinity_selects) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rbg g;
    group(a, HEAD TOPOLOGY STANDALONE "}]}\n", &g);
    struct jv *c = jv_idx(components(a, &g, 0), 0);
    const char *hash = name_group_uid(a, "ns", "g");
    ck_assert_str_eq(label(c, L_GROUP_UNIQUE_HASH), hash);
    ck_assert_str_eq(
        json_text(a, affinity(c)),
        arena_printf(a,
                     "{\"podAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{"
                     "\"labelSelector\":{\"matchExpressions\":[{\"key\":"
                     "\"rbg.workloads.x-k8s.io/"
                     "group-unique-hash\",\"operator\":\"In\",\"values\":[\"%s\"]}]},"
                     "\"topologyKey\":\"zone\"}]},"
                     "\"podAntiAffinity\":{\"requiredDuringSchedulingIgnoredDuringExecution\":[{"
                     "\"labelSelector\":{\"matchExpressions\":[{\"key\":"
                     "\"rbg.workloads.x-k8s.io/"
                     "group-unique-hash\",\"operator\":\"Exists\"},{\"key\":\"rbg.workloads.x-k8s."
                     "io/group-unique-hash\","
                     "\"operator\":\"NotIn\",\"values\":[\"%s\"]}]},\"topologyKey\":\"zone\"}]}}",
                     hash, hash));
}
END_TEST

START_TEST(exclusive_topology_can_be_turned_off_on_role_and_template) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rbg g;
    group(a,
          HEAD TOPOLOGY "annotations: {" A_DISABLE_EXCLUSIVE ": 'true'}, " STANDALONE
                        "}, {name: t, standalonePattern: {template: {metadata:"
                        " {annotations: {" A_DISABLE_EXCLUSIVE
                        ": 'true'}}, spec: {containers: []}}}}]}\n",
          &g);
    for (size_t i = 0; i < 2; i++) {
        struct jv *c = jv_idx(components(a, &g, i), 0);
        ck_assert_ptr_null(affinity(c));
        ck_assert_ptr_null(label(c, L_GROUP_UNIQUE_HASH));
    }
}
END_TEST

START_TEST(exclusive_topology_keeps_the_terms_of_the_user) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rbg g;
    group(a,
          HEAD TOPOLOGY "standalonePattern: {template: {spec: {containers: [], affinity: "
                        "{podAffinity: {requiredDuringScheduling"
                        "IgnoredDuringExecution: [{topologyKey: zone}]}, podAntiAffinity: "
                        "{requiredDuringSchedulingIgnoredDuringExecution:"
                        " [{topologyKey: zone}]}}}}}}]}\n",
          &g);
    const struct jv *af = affinity(jv_idx(components(a, &g, 0), 0));
    ck_assert_uint_eq(jv_len(jv_path(af, "podAffinity",
                                     "requiredDuringSchedulingIgnoredDuringExecution", (char *)0)),
                      1);
    ck_assert_uint_eq(jv_len(jv_path(af, "podAntiAffinity",
                                     "requiredDuringSchedulingIgnoredDuringExecution", (char *)0)),
                      1);
}
END_TEST

START_TEST(empty_topology_key_is_an_error) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct rbg g;
    group(a,
          HEAD ", annotations: {" A_EXCLUSIVE_TOPOLOGY
               ": ''}}\nspec: {roles: [{name: r, " STANDALONE "}]}\n",
          &g);
    struct build_ctx c = {.group = &g, .service_name = "s-g-r"};
    ck_assert_ptr_null(template_components(a, &c, &g.spec.roles.items[0], &e));
    ck_assert_msg(strstr(e.msg, "is empty: name a node label"), "%s", e.msg);
}
END_TEST

START_TEST(gang_membership_is_a_label_or_for_volcano_an_annotation) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct rbg g;
    group(a,
          HEAD ", annotations: {" A_GANG ": 'true'}}\nspec: {roles: [{name: r, " STANDALONE "}]}\n",
          &g);
    ck_assert_str_eq(label(jv_idx(components(a, &g, 0), 0), L_POD_GROUP), "g");
    struct build_ctx c = {.group = &g, .service_name = "s-g-r", .scheduler = "volcano"};
    struct jv *v = template_components(a, &c, &g.spec.roles.items[0], &e);
    ASSERT_PTR(v);
    ck_assert_ptr_null(label(jv_idx(v, 0), L_POD_GROUP));
    ck_assert_str_eq(
        doc_text_at(a, jv_path(jv_idx(v, 0), "template", "metadata", (char *)0), "annotations"),
        "{\"scheduling.k8s.io/group-name\":\"g\"}");
}
END_TEST

/* ---- pods ---- */

#define RI                                                                                         \
    "apiVersion: workloads.x-k8s.io/v1alpha2\nkind: RoleInstance\nmetadata:\n  name: g-r-0\n  "    \
    "namespace: ns\n  uid: u\n"

static void instance(struct arena *a, const char *text, struct ri *out) {
    struct err e = ERR_INIT;
    ASSERT_OK(ri_decode(a, doc_yaml(a, text), out, &e));
}

static struct jv *pod(struct arena *a, const struct ri *ri, size_t component, int id) {
    struct err e = ERR_INIT;
    struct jv *p = template_pod(a, ri, component, id, "g-r-0-abc", &e);
    ASSERT_PTR(p);
    return p;
}

static const char *env_value(const struct jv *p, const char *list, const char *name) {
    const struct jv *c = jv_idx(jv_path(p, "spec", list, (char *)0), 0);
    return jv_get_str(jv_find(jv_get(c, "env"), "name", name), "value");
}

START_TEST(pod_has_the_identity_of_its_slot) {
    ARENA_AUTO struct arena *a = arena_new();
    struct ri ri;
    instance(a,
             RI "  labels: {" L_ROLE_TYPE ": LeaderWorkerSet}\nspec:\n  components:\n  - {name: "
                "leader, size: 1, serviceName: s, template: " MAIN "}\n"
                "  - {name: worker, size: 2, template: {metadata: {labels: {x: z}, finalizers: "
                "[f]}, spec: {containers: [],"
                " readinessGates: [{conditionType: InstancePodReady}]}}}\n",
             &ri);
    struct jv *p = pod(a, &ri, 1, 1);
    ck_assert_str_eq(meta_name(p), "g-r-0-2");
    ck_assert_str_eq(meta_label(p, L_COMPONENT_ID), "1");
    ck_assert_str_eq(meta_label(p, L_COMPONENT_INDEX), "2");
    ck_assert_str_eq(meta_label(p, L_REVISION_HASH), "abc");
    ck_assert_str_eq(meta_label(p, "x"), "z");
    ck_assert_str_eq(doc_text_at(a, jv_get(p, "metadata"), "finalizers"), "[\"f\"]");
    ck_assert_str_eq(doc_text_at(a, jv_get(p, "spec"), "hostname"), "absent");
    ck_assert_str_eq(
        doc_text_at(a, jv_get(p, "spec"), "readinessGates"),
        "[{\"conditionType\":\"InstancePodReady\"},{\"conditionType\":\"InPlaceUpdateReady\"}]");
    p = pod(a, &ri, 0, 0);
    ck_assert_str_eq(doc_text_at(a, jv_get(p, "spec"), "hostname"), "\"g-r-0-0\"");
    ck_assert_str_eq(doc_text_at(a, jv_get(p, "spec"), "subdomain"), "\"s\"");
}
END_TEST

#define DISCOVERY(addresses, ports)                                                                \
    "{metadata: {annotations: {" A_COMPONENT_DISCOVERY ": '{\"addressRefs\":[" addresses           \
    "],\"portRefs\":[" ports "]}'}}, spec: {initContainers: [{name: i}], containers: [{name: c, "  \
    "env: [{name: ADDR, value: old}]}]}}"

START_TEST(discovery_finds_declared_container_ports) {
    ARENA_AUTO struct arena *a = arena_new();
    struct ri ri;
    instance(a,
             RI "spec:\n  components:\n  - {name: leader, size: 1, serviceName: s, template: "
                "{spec: {containers: [{name: c, ports: [{name: http,"
                " containerPort: 8000}]}]}}}\n  - {name: worker, size: 1, serviceName: s, "
                "template: " DISCOVERY(
                    "{\"env\":\"ADDR\",\"component\":\"leader\"}",
                    "{\"env\":\"PORT\",\"component\":\"leader\",\"portName\":\"http\"}") "}\n",
             &ri);
    struct jv *p = pod(a, &ri, 1, 0);
    ck_assert_str_eq(env_value(p, "containers", "ADDR"), "g-r-0-leader-0.s.ns.svc.cluster.local");
    ck_assert_str_eq(env_value(p, "initContainers", "ADDR"),
                     "g-r-0-leader-0.s.ns.svc.cluster.local");
    ck_assert_str_eq(env_value(p, "containers", "PORT"), "8000");
    ck_assert_ptr_null(meta_annotation(p, A_COMPONENT_DISCOVERY));
    ck_assert_ptr_null(jv_path(p, "metadata", "annotations", (char *)0));
    ck_assert_ptr_nonnull(jv_path(ri.spec.components.items[1].template, "metadata", "annotations",
                                  A_COMPONENT_DISCOVERY, (char *)0));
}
END_TEST

START_TEST(allocated_ports_win_over_declared_ones) {
    ARENA_AUTO struct arena *a = arena_new();
    struct ri ri;
    instance(a,
             RI "  annotations: {leader.http: '31000'}\nspec:\n  components:\n  - {name: leader, "
                "size: 1, serviceName: s, template: {spec:"
                " {containers: [{name: c, ports: [{name: http, containerPort: 8000}]}]}}}\n  - "
                "{name: worker, size: 1, serviceName: s, template: " DISCOVERY(
                    "", "{\"env\":\"PORT\",\"component\":\"leader\",\"portName\":\"http\"}") "}\n",
             &ri);
    ck_assert_str_eq(env_value(pod(a, &ri, 1, 0), "containers", "PORT"), "31000");
}
END_TEST

START_TEST(discovery_names_the_pods_of_leader_worker_instances) {
    ARENA_AUTO struct arena *a = arena_new();
    struct ri ri;
    instance(a,
             RI "  labels: {" L_ROLE_TYPE ": LeaderWorkerSet}\nspec:\n  components:\n  - {name: "
                "leader, size: 1, serviceName: s, template: " MAIN "}\n"
                "  - {name: worker, size: 1, template: " DISCOVERY(
                    "{\"env\":\"ADDR\",\"component\":\"leader\"}", "") "}\n",
             &ri);
    ck_assert_str_eq(env_value(pod(a, &ri, 1, 0), "containers", "ADDR"),
                     "g-r-0-0.s.ns.svc.cluster.local");
}
END_TEST

static void check_pod_error(const char *directive, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct ri ri;
    instance(a,
             arena_printf(a,
                          RI "spec:\n  components:\n  - {name: bare, size: 1, template: " MAIN
                             "}\n  - {name: c, size: 1, serviceName: s, template:"
                             " {metadata: {annotations: {%s}}, spec: {containers: []}}}\n",
                          directive),
             &ri);
    ck_assert_ptr_null(template_pod(a, &ri, 1, 0, "r-1", &e));
    ck_assert_int_eq(e.code, ERR_INVALID);
    ck_assert_msg(strstr(e.msg, want), "\"%s\" is not in \"%s\"", want, e.msg);
    ck_assert_msg(strstr(e.msg, "pod \"g-r-0-c-0\": "), "%s", e.msg);
}

START_TEST(references_that_name_nothing_are_errors) {
    check_pod_error(A_COMPONENT_DISCOVERY
                    ": '{\"addressRefs\":[{\"env\":\"A\",\"component\":\"no\"}]}'",
                    "addressRefs[0].component: the role has no component \"no\"");
    check_pod_error(A_COMPONENT_DISCOVERY
                    ": '{\"addressRefs\":[{\"env\":\"A\",\"component\":\"bare\"}]}'",
                    "have no DNS name");
    check_pod_error(A_COMPONENT_DISCOVERY ": '{\"addressRefs\":[{\"component\":\"bare\"}]}'",
                    "addressRefs[0].env: a non-empty string is needed");
    check_pod_error(
        A_COMPONENT_DISCOVERY
        ": '{\"portRefs\":[{\"env\":\"P\",\"component\":\"bare\",\"portName\":\"x\"}]}'",
        "neither an allocated port nor a container port named \"x\"");
    check_pod_error(A_COMPONENT_DISCOVERY ": '[]'", "a JSON object is needed");
}
END_TEST

#define PORTS(json)                                                                                \
    "{metadata: {annotations: {" A_PORT_ALLOCATOR ": '" json "'}}, spec: {containers: [{name: "    \
    "c}]}}"

static const char *const ports_text =
    "spec:\n  components:\n  - {name: l, size: 2, "
    "template: " PORTS("{\"allocations\":[{\"name\":\"http\",\"env\":\"HTTP\","
                       "\"annotationKey\":\"x/"
                       "http\"},{\"name\":\"dist\",\"env\":\"DIST\",\"scope\":"
                       "\"RoleScoped\"}]}") "}\n  - {name: w, size: 1, "
                                            "template: " PORTS("{\"references\":"
                                                               "[{\"env\":"
                                                               "\"LH\",\"from\":"
                                                               "\"r.l.http\"},{"
                                                               "\"env\":\"LD\","
                                                               "\"from\":\"r.l."
                                                               "dist\"}]}") "}"
                                                                            "\n";

START_TEST(allocated_ports_reach_env_and_annotations) {
    ARENA_AUTO struct arena *a = arena_new();
    struct ri ri;
    instance(a,
             arena_printf(
                 a, RI "  annotations: {g-r-0-l-0.http: '1', g-r-0-l-1.http: '2', l.dist: '3'}\n%s",
                 ports_text),
             &ri);
    struct jv *p = pod(a, &ri, 0, 1);
    ck_assert_str_eq(env_value(p, "containers", "HTTP"), "2");
    ck_assert_str_eq(env_value(p, "containers", "DIST"), "3");
    ck_assert_str_eq(meta_annotation(p, "x/http"), "2");
    ck_assert_ptr_nonnull(meta_annotation(p, A_PORT_ALLOCATOR));
    p = pod(a, &ri, 1, 0);
    ck_assert_str_eq(env_value(p, "containers", "LH"), "1");
    ck_assert_str_eq(env_value(p, "containers", "LD"), "3");
}
END_TEST

START_TEST(port_directives_are_skipped_until_a_port_is_allocated) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct ri ri;
    instance(a, arena_printf(a, RI "  annotations: {" A_INPLACE_STATE ": x}\n%s", ports_text), &ri);
    ck_assert_ptr_null(env_value(pod(a, &ri, 0, 0), "containers", "HTTP"));
    instance(a, arena_printf(a, RI "  annotations: {l.dist: '3'}\n%s", ports_text), &ri);
    ck_assert_ptr_null(template_pod(a, &ri, 0, 0, "r-1", &e));
    ck_assert_msg(
        strstr(e.msg,
               "port \"http\" has no value yet: the instance has no annotation \"g-r-0-l-0.http\""),
        "%s", e.msg);
}
END_TEST

START_TEST(bad_port_directives_are_errors) {
    check_pod_error(A_PORT_ALLOCATOR
                    ": '{\"allocations\":[{\"name\":\"a\",\"env\":\"A\",\"scope\":\"Node\"}]}'",
                    "allocations[0].scope: \"Node\" is neither");
    check_pod_error(A_PORT_ALLOCATOR ": '{\"references\":[{\"env\":\"A\",\"from\":\"x.y\"}]}'",
                    "references[0].from: \"x.y\" is not <role>.<component>.<port>");
    check_pod_error(A_PORT_ALLOCATOR ": '{\"references\":[{\"env\":\"A\",\"from\":\"x..y\"}]}'",
                    "is not <role>.<component>.<port>");
}
END_TEST

/* Templates of components are stored without a schema. */
static const char *const garbage[] = {
    "{metadata: x}",
    "{metadata: {labels: []}}",
    "{metadata: {annotations: 1}}",
    "{spec: []}",
    "{spec: {containers: {}}}",
    "{spec: {containers: [1]}}",
    "{spec: {volumes: x}}",
    "{spec: {containers: [{name: c, env: {}}]}}",
    "{spec: {containers: [{name: c, env: [[]]}]}}",
    "{spec: {containers: [{name: c, volumeMounts: 3}]}}",
    "{spec: {affinity: []}}",
    "{spec: {affinity: {podAffinity: x}}}",
    "{spec: {readinessGates: {}}}",
};

START_TEST(wrong_types_in_a_schemaless_template_are_errors) {
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct err e = ERR_INIT;
        struct rbg g;
        struct ri ri;
        group(a,
              arena_printf(a,
                           HEAD TOPOLOGY
                           "customComponentsPattern: {components: [{name: c, size: 1,"
                           " labels: {k: v}, annotations: {k: v}, template: %s}]}}]}\n",
                           garbage[i]),
              &g);
        struct build_ctx c = {.group = &g, .service_name = "s"};
        ck_assert_msg(!template_components(a, &c, &g.spec.roles.items[0], &e), "%s", garbage[i]);
        ck_assert_msg(e.code == ERR_INVALID && strstr(e.msg, "role \"r\""), "%s: %s", garbage[i],
                      e.msg);
        e = ERR_INIT;
        instance(a,
                 arena_printf(a, RI "spec: {components: [{name: c, size: 1, template: %s}]}\n",
                              garbage[i]),
                 &ri);
        ck_assert_msg(!template_pod(a, &ri, 0, 0, "r-1", &e), "%s", garbage[i]);
        ck_assert_msg(e.code == ERR_INVALID, "%s: %s", garbage[i], e.msg);
    }
}
END_TEST

START_TEST(pods_share_nothing_with_the_instance) {
    ARENA_AUTO struct arena *a = arena_new();
    struct ri ri;
    instance(a,
             RI "spec:\n  components:\n  - {name: c, size: 1, template: {metadata: {labels: {x: "
                "z}}, spec: {containers: [{name: c}]}}}\n",
             &ri);
    const char *before = json_text(a, ri.doc);
    struct jv *p = pod(a, &ri, 0, 0);
    jv_set_str(a, jv_path(p, "metadata", "labels", (char *)0), "x", "changed");
    jv_set_str(a, jv_idx(jv_path(p, "spec", "containers", (char *)0), 0), "image", "changed");
    ck_assert_str_eq(json_text(a, ri.doc), before);
}
END_TEST

TEST_MAIN("api_template", reference_without_patch_is_the_template,
          unusable_templates_are_errors_that_say_what_to_do,
          leader_and_worker_do_not_share_what_a_patch_changes,
          worker_component_stays_when_the_group_has_no_workers,
          shared_service_gives_workers_the_service, custom_component_without_size_has_one_pod,
          env_is_merged_in_the_order_that_references_need,
          injected_values_replace_those_of_the_user_and_the_last_duplicate_wins,
          stateless_roles_get_neither_index_nor_discovery_file,
          a_mount_or_volume_of_the_user_is_not_doubled,
          sidecars_follow_the_containers_and_get_env_but_no_mount,
          profiles_can_be_restricted,
          inject_containers_chooses_among_the_profile_containers,
          overrides_reach_containers_and_init_containers_of_the_profile, workers_get_no_sidecars,
          missing_profile_is_an_error, exclusive_pods_carry_the_label_that_their_affinity_selects,
          exclusive_topology_can_be_turned_off_on_role_and_template,
          exclusive_topology_keeps_the_terms_of_the_user, empty_topology_key_is_an_error,
          gang_membership_is_a_label_or_for_volcano_an_annotation, pod_has_the_identity_of_its_slot,
          discovery_finds_declared_container_ports, allocated_ports_win_over_declared_ones,
          discovery_names_the_pods_of_leader_worker_instances,
          references_that_name_nothing_are_errors, allocated_ports_reach_env_and_annotations,
          port_directives_are_skipped_until_a_port_is_allocated, bad_port_directives_are_errors,
          wrong_types_in_a_schemaless_template_are_errors, pods_share_nothing_with_the_instance)
