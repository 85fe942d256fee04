/* CustomResourceDefinitions of our kinds, from the table of kinds and the field tables. */
#include "api/names.h"
#include "base/str.h"
#include "print_internal.h"

char *print_crd_name(struct arena *a, enum kind k) {
    return arena_printf(a, "%s.%s", kind_info(k)->plural, kind_info(k)->group);
}

static struct jv *names(struct arena *a, const struct kind_info *k) {
    struct jv *out = jv_new_obj(a);
    jv_set_str(a, out, "kind", k->name);
    jv_set_str(a, out, "listKind", k->list);
    jv_set_str(a, out, "plural", k->plural);
    jv_set_str(a, out, "singular", k->singular);
    if (k->short_name) jv_set(a, out, "shortNames", print_one(a, k->short_name));
    if (k->in_all) jv_set(a, out, "categories", print_one(a, "all"));
    return out;
}

/* The kind that takes the place of one with no current version. */
static const char *successor(const struct kind_info *k) {
    switch (k->kind) {
    case KIND_INSTANCE: return "RoleInstance";
    case KIND_INSTANCESET: return "RoleInstanceSet";
    default: return k->name;
    }
}

static struct jv *columns(struct arena *a, const struct kind_version *v) {
    struct jv *out = jv_new_arr(a);
    for (size_t i = 0; i < v->ncolumns; i++) {
        const struct column *c = &v->columns[i];
        struct jv *col = jv_new_obj(a);
        jv_set_str(a, col, "name", c->name);
        jv_set_str(a, col, "type", c->type);
        jv_set_str(a, col, "jsonPath", c->path);
        if (c->priority) jv_set_int(a, col, "priority", c->priority);
        jv_push(a, out, col);
    }
    return out;
}

static struct jv *subresources(struct arena *a, const struct kind_info *k,
                               const struct kind_version *v) {
    struct jv *out = jv_new_obj(a);
    if (k->status) jv_need_obj(a, out, "status");
    if (v->scale_spec) {
        struct jv *scale = jv_need_obj(a, out, "scale");
        jv_set_str(a, scale, "specReplicasPath", v->scale_spec);
        jv_set_str(a, scale, "statusReplicasPath", v->scale_status);
        jv_set_str(a, scale, "labelSelectorPath", v->scale_selector);
    }
    return out;
}

/* The API server describes metadata itself; of the root it wants the type only. */
static struct jv *root_schema(struct arena *a, const struct type *t) {
    struct jv *schema = print_schema(a, t), *metadata = jv_new_obj(a);
    jv_set_str(a, metadata, "type", "object");
    jv_set(a, jv_get(schema, "properties"), "metadata", metadata);
    return schema;
}

static struct jv *version(struct arena *a, const struct kind_info *k, const struct kind_version *v) {
    struct jv *out = jv_new_obj(a);
    jv_set_str(a, out, "name", v->name);
    jv_set_bool(a, out, "served", v->served);
    jv_set_bool(a, out, "storage", v->storage);
    if (v->deprecated) {
        jv_set_bool(a, out, "deprecated", true);
        jv_set(a, out, "deprecationWarning",
               jv_new_strf(a, "%s/%s %s is deprecated: use %s/v1alpha2 %s", k->group, v->name,
                           k->name, k->group, successor(k)));
    }
    if (v->ncolumns) jv_set(a, out, "additionalPrinterColumns", columns(a, v));
    jv_set(a, jv_need_obj(a, out, "schema"), "openAPIV3Schema", root_schema(a, v->type));
    jv_set(a, out, "subresources", subresources(a, k, v));
    return out;
}

static struct jv *conversion(struct arena *a, struct jv *client_config) {
    struct jv *out = jv_new_obj(a);
    jv_set_str(a, out, "strategy", "Webhook");
    struct jv *webhook = jv_need_obj(a, out, "webhook");
    jv_set(a, webhook, "clientConfig", client_config);
    jv_set(a, webhook, "conversionReviewVersions", print_one(a, "v1"));
    return out;
}

struct jv *print_crd(struct arena *a, enum kind kind, const struct print_opts *o) {
    const struct kind_info *k = kind_info(kind);
    struct jv *doc = kind_object(a, KIND_CRD, NULL, print_crd_name(a, kind));
    struct jv *spec = jv_need_obj(a, doc, "spec");
    jv_set_str(a, spec, "group", k->group);
    jv_set_str(a, spec, "scope", k->cluster_scoped ? "Cluster" : "Namespaced");
    jv_set(a, spec, "names", names(a, k));
    struct jv *client_config = k->convert ? print_client_config(a, o, "/convert") : NULL;
    if (client_config) jv_set(a, spec, "conversion", conversion(a, client_config));
    struct jv *versions = jv_need_arr(a, spec, "versions");
    for (size_t i = 0; i < k->nversions; i++) jv_push(a, versions, version(a, k, &k->versions[i]));
    return doc;
}
