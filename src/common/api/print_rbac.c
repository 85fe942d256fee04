/* What the manager may do, from the verbs in the table of kinds: one ClusterRole for what it touches in all namespaces, two Roles
 * for its own namespace. Rights on single objects name them. */
#include "base/str.h"
#include "print_internal.h"

#define RBAC "rbac.authorization.k8s.io/v1"
#define DEFAULT_SECRET "rbgs-webhook-cert"
#define LEASE_NAME "rbg-controller"

static struct jv *role(struct arena *a, const char *kind, const char *name, const char *ns) {
    struct jv *doc = jv_new_obj(a);
    jv_set_str(a, doc, "apiVersion", RBAC);
    jv_set_str(a, doc, "kind", kind);
    struct jv *metadata = jv_need_obj(a, doc, "metadata");
    jv_set_str(a, metadata, "name", name);
    jv_set_str(a, metadata, "namespace", ns);
    jv_need_arr(a, doc, "rules");
    return doc;
}

/* names: the objects that the rule is limited to; NULL: none, all of them. */
static void add_named(struct arena *a, struct jv *doc, const char *group, const char *resource,
                      const char *verbs, struct jv *names) {
    struct jv *rule = jv_new_obj(a);
    jv_set(a, rule, "apiGroups", print_one(a, group));
    jv_set(a, rule, "resources", print_one(a, resource));
    jv_set(a, rule, "resourceNames", names);
    jv_set(a, rule, "verbs", print_words(a, verbs));
    jv_push(a, jv_get(doc, "rules"), rule);
}

/* As above for all objects; joins a rule of the same group and verbs. */
static void add(struct arena *a, struct jv *doc, const char *group, const char *resource,
                const char *verbs) {
    struct jv *groups = print_one(a, group), *words = print_words(a, verbs);
    JV_FOR_ARR(it, jv_get(doc, "rules")) {
        bool same = jv_eq(jv_get(*it, "apiGroups"), groups) && jv_eq(jv_get(*it, "verbs"), words);
        if (!same || jv_get(*it, "resourceNames")) continue;
        jv_push(a, jv_get(*it, "resources"), jv_new_str(a, resource));
        return;
    }
    add_named(a, doc, group, resource, verbs, NULL);
}

static void add_kind(struct arena *a, struct jv *doc, const struct kind_info *k) {
    if (k->verbs) add(a, doc, k->group, k->plural, k->verbs);
    if (k->status_verbs)
        add(a, doc, k->group, arena_printf(a, "%s/status", k->plural), k->status_verbs);
    if (k->owner) add(a, doc, k->group, arena_printf(a, "%s/finalizers", k->plural), "update");
}

/* The definitions with a conversion webhook. */
static struct jv *converted_crds(struct arena *a) {
    struct jv *out = jv_new_arr(a);
    for (enum kind k = KIND_NONE + 1; k < KIND_COUNT; k++)
        if (kind_info(k)->convert) jv_push(a, out, jv_new_str(a, print_crd_name(a, k)));
    return out;
}

/* Objects with a CA bundle. Every manager looks whether there is one; the rule to write it is for those with a CA of their own. */
static void add_trusting(struct arena *a, struct jv *doc, enum kind k, struct jv *names) {
    const struct kind_info *info = kind_info(k);
    add_named(a, doc, info->group, info->plural, "get", names);
    add_named(a, doc, info->group, info->plural, "patch", names);
}

static struct jv *cluster_role(struct arena *a, const struct print_opts *o) {
    struct jv *doc = role(a, "ClusterRole", "rbgs-controller-role", NULL);
    bool deprecated = o && o->deprecated_workloads;
    for (enum kind k = KIND_NONE + 1; k < KIND_COUNT; k++)
        if (deprecated || !kind_info(k)->deprecated_workload) add_kind(a, doc, kind_info(k));
    add_trusting(a, doc, KIND_CRD, converted_crds(a));
    add_trusting(a, doc, KIND_VALIDATING_CONFIG, print_one(a, VALIDATING_CONFIG));
    add_trusting(a, doc, KIND_MUTATING_CONFIG, print_one(a, MUTATING_CONFIG));
    return doc;
}

/* The Secret of the webhook's certificate. Creation can't be limited to a name. */
static struct jv *secret_role(struct arena *a, const char *ns, const char *secret) {
    struct jv *doc = role(a, "Role", "rbgs-controller-secret-role", ns);
    const struct kind_info *k = kind_info(KIND_SECRET);
    add_named(a, doc, k->group, k->plural, "create", NULL);
    add_named(a, doc, k->group, k->plural, "get,update", print_one(a, secret ? secret : DEFAULT_SECRET));
    return doc;
}

static struct jv *lease_role(struct arena *a, const char *ns) {
    struct jv *doc = role(a, "Role", "rbgs-leader-election-role", ns);
    const struct kind_info *k = kind_info(KIND_LEASE);
    add_named(a, doc, k->group, k->plural, "create", NULL);
    add_named(a, doc, k->group, k->plural, "get,update", print_one(a, LEASE_NAME));
    return doc;
}

struct jv *print_cluster_role(struct arena *a, const struct print_opts *o) {
    const char *ns = o ? o->ns : NULL;
    struct jv *list = jv_new_obj(a);
    jv_set_str(a, list, "apiVersion", "v1");
    jv_set_str(a, list, "kind", "List");
    struct jv *items = jv_need_arr(a, list, "items");
    jv_push(a, items, cluster_role(a, o));
    jv_push(a, items, secret_role(a, ns, o ? o->secret : NULL));
    jv_push(a, items, lease_role(a, ns));
    return list;
}
