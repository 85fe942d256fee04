/* What is printed for the API server: structural schemas within etcd's limits, rights with no wildcard, webhooks that agree with
 * the paths of the contract. That a real API server accepts them is checked by the end-to-end tests. */
#include <string.h>

#include "api/print.h"
#include "base/str.h"
#include "testing.h"

static const struct print_opts in_cluster = {.ns = "rbgs-system", .service = "rbgs-webhook-service",
                                             .ca_bundle = "Q0E=", .deprecated_workloads = true};

enum { CRD_BYTES_MAX = 600000 };

/* ---- structural schemas ---- */

static void check_node(const struct jv *node, const char *path);

static void check_map_list(struct arena *a, const struct jv *node, const char *path) {
    const struct jv *items = jv_get(node, "items");
    JV_FOR_ARR(key, jv_get(node, "x-kubernetes-list-map-keys")) {
        bool required = false;
        JV_FOR_ARR(r, jv_get(items, "required")) required |= str_eq((*r)->s, (*key)->s);
        const struct jv *p = jv_path(items, "properties", (*key)->s, (char *)0);
        ck_assert_msg(p && (required || jv_get(p, "default")), "%s", arena_printf(a, "%s[].%s", path, (*key)->s));
    }
}

/* Types everywhere but where anything goes, no property that the parent does not have, defaults only beside a type. */
static void check_node(const struct jv *node, const char *path) {
    ARENA_AUTO struct arena *a = arena_new();
    bool any = jv_get(node, "x-kubernetes-preserve-unknown-fields");
    bool mixed = jv_get(node, "x-kubernetes-int-or-string");
    const char *type = jv_get_str(node, "type");
    ck_assert_msg((type != NULL) == !(any || mixed), "%s: %s", path, json_text(a, node));
    if (any) ck_assert_msg(!jv_get(node, "properties"), "%s", path);
    ck_assert_msg(!str_eq(type, "array") == !jv_get(node, "items"), "%s", path);
    if (!str_eq(type, "object")) ck_assert_msg(!jv_get(node, "properties"), "%s", path);
    JV_FOR_ARR(r, jv_get(node, "required"))
        ck_assert_msg(jv_path(node, "properties", (*r)->s, (char *)0), "%s.%s", path, (*r)->s);
    check_map_list(a, node, path);
    JV_FOR_OBJ(m, jv_get(node, "properties")) check_node(m->val, arena_printf(a, "%s.%s", path, m->key));
    if (jv_get(node, "items")) check_node(jv_get(node, "items"), arena_printf(a, "%s[]", path));
    const struct jv *values = jv_get(node, "additionalProperties");
    if (values) check_node(values, arena_printf(a, "%s{}", path));
}

START_TEST(print_schemas_are_structural_and_small) {
    for (enum kind k = KIND_NONE + 1; k < KIND_COUNT; k++) {
        if (!kind_info(k)->ours) continue;
        ARENA_AUTO struct arena *a = arena_new();
        struct jv *crd = print_crd(a, k, &in_cluster);
        JV_FOR_ARR(v, jv_path(crd, "spec", "versions", (char *)0)) {
            const struct jv *schema = jv_path(*v, "schema", "openAPIV3Schema", (char *)0);
            check_node(schema, kind_info(k)->name);
            ck_assert(jv_eq(jv_path(schema, "properties", "metadata", (char *)0),
                            json_parse(a, "{\"type\":\"object\"}", 17, NULL, NULL)));
        }
        ck_assert_uint_lt(strlen(json_text(a, crd)), CRD_BYTES_MAX);
    }
}
END_TEST

static const struct jv *schema_of(struct arena *a, enum kind k, const char *version) {
    const struct jv *versions = jv_path(print_crd(a, k, NULL), "spec", "versions", (char *)0);
    return jv_path(jv_find(versions, "name", version), "schema", "openAPIV3Schema", (char *)0);
}

static const struct jv *at(const struct jv *schema, const char *path) {
    ARENA_AUTO struct arena *a = arena_new();
    char *copy = arena_strdup(a, path);
    for (char *save = NULL, *w = strtok_r(copy, ".", &save); w && schema; w = strtok_r(NULL, ".", &save))
        schema = str_eq(w, "[]") ? jv_get(schema, "items") : jv_path(schema, "properties", w, (char *)0);
    return schema;
}

START_TEST(print_schema_of_a_role) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *group = schema_of(a, KIND_RBG, "v1alpha2"), *roles = at(group, "spec.roles");
    ck_assert_str_eq(jv_get_str(roles, "x-kubernetes-list-type"), "map");
    ck_assert_int_eq(jv_get_int(roles, "minItems", 0), 1);
    ck_assert_uint_eq(jv_len(jv_path(roles, "items", "x-kubernetes-validations", (char *)0)), 2);
    const struct jv *replicas = at(roles, "[].replicas");
    ck_assert_ptr_null(jv_get(replicas, "default")); /* it would hide that the number was left to an autoscaler */
    ck_assert_str_eq(json_text(a, jv_path(roles, "items", "required", (char *)0)), "[\"name\"]");
    ck_assert_int_eq(jv_get_int(replicas, "minimum", -1), 0);
    const struct jv *unavailable = at(roles, "[].rolloutStrategy.rollingUpdate.maxUnavailable");
    ck_assert_uint_eq(jv_len(jv_get(unavailable, "anyOf")), 2);
    ck_assert_int_eq(jv_get_int(unavailable, "default", -1), 1);
    const struct jv *template = at(roles, "[].standalonePattern.template");
    ck_assert_uint_eq(jv_len(jv_get(at(template, "metadata"), "properties")), 5);
    ck_assert_str_eq(jv_str(jv_idx(jv_get(at(template, "spec"), "required"), 0), ""), "containers");
    ck_assert_str_eq(jv_get_str(at(template, "spec.containers.[].ports.[].protocol"), "default"), "TCP");
    ck_assert_ptr_null(jv_get(at(template, "spec.containers"), "description"));
    const struct jv *custom = at(roles, "[].customComponentsPattern.components.[].template");
    ck_assert(jv_get_bool(custom, "x-kubernetes-preserve-unknown-fields", false));
    ck_assert_ptr_null(jv_get(custom, "type"));
}
END_TEST

START_TEST(print_schema_of_a_map_of_maps) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *pods = at(schema_of(a, KIND_RI, "v1alpha2"), "status.inPlaceUpdateContainerBaselines");
    const struct jv *baseline =
        jv_path(pods, "additionalProperties", "additionalProperties", "properties", (char *)0);
    ck_assert_str_eq(jv_get_str(jv_get(baseline, "imageID"), "type"), "string");
}
END_TEST

/* ---- what the rules may cost ---- */

/* API servers estimate what a rule can cost at most, and refuse the definition above a limit of each rule and of all of a
 * definition's. Kubernetes 1.28 counts most strictly. This is an upper bound of its estimate: each token of the rule is at most
 * one step, each character of a literal a tenth of one; inside a list or map without a bound it is as many elements as the
 * smallest possible ones of a request of 3 MiB. */
enum { REQUEST_BYTES = 3 << 20, SMALLEST_ELEMENT = 3 };
static const double rule_cost_max = 1e7, crd_cost_max = 1e8, margin = 10;

static double rule_cost(const char *cel) {
    double cost = 0;
    for (const char *c = cel; *c; c++) {
        if (*c == '\'') {
            size_t literal = strcspn(c + 1, "'");
            cost += 1 + (double)literal / 10;
            c += literal + 1;
        } else if (*c != ' ') {
            size_t word = strspn(c, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
            cost += 1;
            c += word ? word - 1 : 0;
        }
    }
    return cost;
}

static double elements(const struct jv *node, const char *bound) {
    return (double)jv_get_int(node, bound, REQUEST_BYTES / SMALLEST_ELEMENT);
}

static double node_cost(const struct jv *node, double times, const char *path) {
    ARENA_AUTO struct arena *a = arena_new();
    double sum = 0;
    JV_FOR_ARR(r, jv_get(node, "x-kubernetes-validations")) {
        double cost = times * rule_cost(jv_get_str(*r, "rule"));
        ck_assert_msg(cost * margin < rule_cost_max, "%s: the rule %s may cost %.0f, %.2f times as much as is allowed", path,
                      jv_get_str(*r, "rule"), cost, cost / rule_cost_max);
        sum += cost;
    }
    JV_FOR_OBJ(m, jv_get(node, "properties")) sum += node_cost(m->val, times, arena_printf(a, "%s.%s", path, m->key));
    const struct jv *items = jv_get(node, "items"), *values = jv_get(node, "additionalProperties");
    if (items) sum += node_cost(items, times * elements(node, "maxItems"), arena_printf(a, "%s[]", path));
    if (values) sum += node_cost(values, times * elements(node, "maxProperties"), arena_printf(a, "%s{}", path));
    return sum;
}

START_TEST(print_rules_are_cheap_enough_for_every_api_server) {
    ck_assert(rule_cost("!has(self.a) || self.a == 'abcdefghij'") > 10);
    for (enum kind k = KIND_NONE + 1; k < KIND_COUNT; k++) {
        if (!kind_info(k)->ours) continue;
        ARENA_AUTO struct arena *a = arena_new();
        JV_FOR_ARR(v, jv_path(print_crd(a, k, NULL), "spec", "versions", (char *)0)) {
            double all = node_cost(jv_path(*v, "schema", "openAPIV3Schema", (char *)0), 1, kind_info(k)->name);
            ck_assert_msg(all * margin < crd_cost_max, "%s: %.0f", kind_info(k)->name, all);
        }
    }
}
END_TEST

/* ---- definitions ---- */

START_TEST(print_crd_versions_names_and_subresources) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *crd = print_crd(a, KIND_RBGSET, NULL);
    ck_assert_str_eq(jv_get_str(jv_get(crd, "metadata"), "name"), "rolebasedgroupsets.workloads.x-k8s.io");
    ck_assert_ptr_null(jv_path(crd, "spec", "conversion", (char *)0));
    const struct jv *versions = jv_path(crd, "spec", "versions", (char *)0);
    const struct jv *old = jv_find(versions, "name", "v1alpha1"), *now = jv_find(versions, "name", "v1alpha2");
    ck_assert(jv_get_bool(old, "deprecated", false) && jv_get_bool(old, "served", false));
    ck_assert(!jv_get_bool(old, "storage", true) && jv_get_bool(now, "storage", false));
    ck_assert_ptr_nonnull(strstr(jv_get_str(old, "deprecationWarning"), "v1alpha2 RoleBasedGroupSet"));
    ck_assert_ptr_null(jv_get(now, "deprecated"));
    ck_assert_str_eq(jv_get_str(jv_path(now, "subresources", "scale", (char *)0), "specReplicasPath"),
                     ".spec.replicas");
    ck_assert_ptr_nonnull(jv_path(now, "subresources", "status", (char *)0));
    const struct jv *is = jv_idx(jv_path(print_crd(a, KIND_INSTANCESET, NULL), "spec", "versions", (char *)0), 0);
    ck_assert_ptr_nonnull(strstr(jv_get_str(is, "deprecationWarning"), "v1alpha2 RoleInstanceSet"));
}
END_TEST

START_TEST(print_crd_conversion_needs_a_webhook) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *c = jv_path(print_crd(a, KIND_RBG, &in_cluster), "spec", "conversion", "webhook",
                                 "clientConfig", (char *)0);
    ck_assert_str_eq(jv_get_str(jv_get(c, "service"), "path"), "/convert");
    ck_assert_str_eq(jv_get_str(c, "caBundle"), "Q0E=");
    struct print_opts local = {.url = "https://localhost:9443", .service = "ignored"};
    c = jv_path(print_crd(a, KIND_RBG, &local), "spec", "conversion", "webhook", "clientConfig", (char *)0);
    ck_assert_str_eq(jv_get_str(c, "url"), "https://localhost:9443/convert");
    ck_assert_ptr_null(jv_get(c, "service"));
    ck_assert_ptr_null(jv_path(print_crd(a, KIND_ADAPTER, &in_cluster), "spec", "conversion", (char *)0));
}
END_TEST

/* ---- webhooks and rights ---- */

static void check_webhook(const struct jv *config, const char *name, const char *path, const char *failure) {
    const struct jv *w = jv_find(jv_get(config, "webhooks"), "name", name);
    ck_assert_msg(w != NULL, "%s", name);
    ck_assert_str_eq(jv_get_str(jv_path(w, "clientConfig", "service", (char *)0), "path"), path);
    ck_assert_str_eq(jv_get_str(w, "failurePolicy"), failure);
    ck_assert_str_eq(jv_get_str(w, "sideEffects"), "None");
    ck_assert_int_eq(jv_get_int(w, "timeoutSeconds", 0), 10);
    ck_assert_uint_eq(jv_len(jv_get(jv_idx(jv_get(w, "rules"), 0), "operations")), 2);
}

START_TEST(print_webhooks_of_the_contract) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v = print_validating_config(a, &in_cluster), *m = print_mutating_config(a, &in_cluster);
    ck_assert_uint_eq(jv_len(jv_get(v, "webhooks")), 4);
    ck_assert_uint_eq(jv_len(jv_get(m, "webhooks")), 2);
    check_webhook(v, "vrolebasedgroup.kb.io", "/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroup", "Fail");
    check_webhook(v, "vrolebasedgroupset.kb.io", "/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroupset", "Fail");
    /* What has rules in its definition too must not wait for us. */
    check_webhook(v, "vcoordinatedpolicy.kb.io", "/validate-workloads-x-k8s-io-v1alpha2-coordinatedpolicy", "Ignore");
    check_webhook(v, "vrolebasedgroupwarmup.kb.io", "/validate-workloads-x-k8s-io-v1alpha2-rolebasedgroupwarmup", "Ignore");
    check_webhook(m, "mrolebasedgroup.kb.io", "/mutate-workloads-x-k8s-io-v1alpha2-rolebasedgroup", "Fail");
    check_webhook(m, "mrolebasedgroupset.kb.io", "/mutate-workloads-x-k8s-io-v1alpha2-rolebasedgroupset", "Fail");
    ck_assert_str_eq(jv_get_str(jv_get(v, "metadata"), "name"), "rbgs-validating-webhook-configuration");
    ck_assert_str_eq(jv_get_str(jv_get(m, "metadata"), "name"), "rbgs-mutating-webhook-configuration");
}
END_TEST

static bool has(const struct jv *list, const char *s) {
    JV_FOR_ARR(it, list) if (str_eq((*it)->s, s)) return true;
    return false;
}

static bool may(const struct jv *role, const char *group, const char *resource, const char *verb) {
    JV_FOR_ARR(r, jv_get(role, "rules"))
        if (has(jv_get(*r, "apiGroups"), group) && has(jv_get(*r, "resources"), resource) &&
            has(jv_get(*r, "verbs"), verb))
            return true;
    return false;
}

START_TEST(print_rights_are_the_least) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *items = jv_get(print_cluster_role(a, &in_cluster), "items"), *cluster = jv_idx(items, 0);
    ck_assert_str_eq(jv_get_str(jv_get(cluster, "metadata"), "name"), "rbgs-controller-role");
    ck_assert(may(cluster, "workloads.x-k8s.io", "roleinstances", "delete"));
    ck_assert(may(cluster, "workloads.x-k8s.io", "roleinstances/status", "patch"));
    ck_assert(may(cluster, "workloads.x-k8s.io", "roleinstancesets/finalizers", "update"));
    ck_assert(may(cluster, "", "pods", "delete") && may(cluster, "", "pods/status", "patch"));
    ck_assert(!may(cluster, "", "secrets", "get") && !may(cluster, "", "pods", "get"));
    ck_assert(!may(cluster, "workloads.x-k8s.io", "clusterengineruntimeprofiles", "patch"));
    ck_assert(may(cluster, "workloads.x-k8s.io", "rolebasedgroups", "delete")); /* of a set that is scaled down */
    ck_assert(!may(cluster, "workloads.x-k8s.io", "rolebasedgroupsets", "patch"));
    ck_assert(!may(cluster, "workloads.x-k8s.io", "coordinatedpolicies", "list"));
    JV_FOR_ARR(item, items)
        JV_FOR_ARR(r, jv_get(*item, "rules")) {
            ck_assert(!has(jv_get(*r, "verbs"), "*") && !has(jv_get(*r, "resources"), "*"));
            bool config = has(jv_get(*r, "apiGroups"), "apiextensions.k8s.io") ||
                          has(jv_get(*r, "apiGroups"), "admissionregistration.k8s.io");
            ck_assert(!config || jv_len(jv_get(*r, "resourceNames")) > 0);
        }
    const struct jv *secrets = jv_get(jv_idx(items, 1), "rules");
    ck_assert_uint_eq(jv_len(secrets), 2);
    ck_assert(!jv_get(jv_idx(secrets, 0), "resourceNames") && jv_len(jv_get(jv_idx(secrets, 0), "verbs")) == 1);
    ck_assert(has(jv_get(jv_idx(secrets, 0), "verbs"), "create"));
    const struct jv *named = jv_get(jv_idx(secrets, 1), "resourceNames");
    ck_assert(jv_len(named) == 1 && has(named, "rbgs-webhook-cert"));
    struct print_opts modern = {.ns = "x", .secret = "mine"};
    const struct jv *mine = jv_get(jv_idx(jv_get(print_cluster_role(a, &modern), "items"), 1), "rules");
    ck_assert(has(jv_get(jv_idx(mine, 1), "resourceNames"), "mine"));
    const struct jv *less = jv_idx(jv_get(print_cluster_role(a, &modern), "items"), 0);
    ck_assert(!may(less, "apps", "statefulsets", "get"));
    ck_assert(!may(less, "leaderworkerset.x-k8s.io", "leaderworkersets", "get"));
    ck_assert(may(less, "apps", "controllerrevisions", "create"));
}
END_TEST

TEST_MAIN("print", print_schemas_are_structural_and_small, print_schema_of_a_role, print_schema_of_a_map_of_maps,
          print_rules_are_cheap_enough_for_every_api_server, print_crd_versions_names_and_subresources,
          print_crd_conversion_needs_a_webhook, print_webhooks_of_the_contract, print_rights_are_the_least)
