/* From an instance to its pods (part D 4). The template of a component already holds everything
 * that is the same for all of its pods; this file adds what one pod is: its name, identity labels,
 * DNS name, readiness gates. Pure. */
#include "api/names.h"
#include "base/str.h"
#include "template_internal.h"

const char *ri_role_type(const struct ri *ri) {
    return meta_label(ri->doc, L_ROLE_TYPE);
}

const struct component *ri_component(const struct ri *ri, const char *name) {
    for (size_t i = 0; i < ri->spec.components.n; i++)
        if (str_eq(ri->spec.components.items[i].name, name)) return &ri->spec.components.items[i];
    return NULL;
}

static void set_metadata(struct arena *a, struct jv *pod, const struct ri *ri,
                         const struct jv *template) {
    const struct jv *from = jv_get(template, "metadata");
    struct jv *meta = jv_get(pod, "metadata");
    static const char *const copied[] = {"labels", "annotations", "finalizers"};
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++)
        if (!jv_is_empty(jv_get(from, copied[i])))
            jv_set(a, meta, copied[i], jv_get(from, copied[i]));
    jv_set(a, meta, "generateName", jv_new_strf(a, "%s-", ri->name));
    jv_push(a, jv_need_arr(a, meta, "ownerReferences"),
            kind_owner_ref(a, KIND_RI, ri->doc, true, true));
}

static void set_labels(struct arena *a, struct jv *pod, const struct ri *ri,
                       const struct component *c, int id, const char *revision) {
    struct jv *labels = jv_need_obj(a, jv_get(pod, "metadata"), "labels");
    jv_set_str(a, labels, L_REVISION_HASH, name_short_hash(revision));
    jv_set_str(a, labels, L_INSTANCE_NAME, ri->name);
    jv_set_str(a, labels, L_COMPONENT_NAME, c->name);
    jv_set(a, labels, L_COMPONENT_ID, jv_new_strf(a, "%d", id));
    if (str_eq(ri_role_type(ri), ROLE_TYPE_LWS))
        jv_set(a, labels, L_COMPONENT_INDEX,
               jv_new_strf(a, "%d", str_eq(c->name, "worker") ? id + 1 : id));
}

static void add_gate(struct arena *a, struct jv *spec, const char *type) {
    struct jv *gates = jv_need_arr(a, spec, "readinessGates");
    if (jv_find(gates, "conditionType", type)) return;
    struct jv *gate = jv_new_obj(a);
    jv_set_str(a, gate, "conditionType", type);
    jv_push(a, gates, gate);
}

static void set_spec(struct arena *a, struct jv *pod, struct jv *template,
                     const struct component *c, const char *name) {
    struct jv *spec = jv_need_obj(a, template, "spec");
    if (!str_empty(c->service_name)) {
        jv_set_str(a, spec, "hostname", name);
        jv_set_str(a, spec, "subdomain", c->service_name);
    }
    add_gate(a, spec, GATE_INPLACE_UPDATE);
    add_gate(a, spec, GATE_INSTANCE_POD);
    jv_set(a, pod, "spec", spec);
}

struct jv *template_pod(struct arena *a, const struct ri *ri, size_t index, int id,
                        const char *revision, struct err *e) {
    const struct component *c = &ri->spec.components.items[index];
    if (str_empty(c->name)) {
        err_set(e, ERR_INVALID, "spec.components[%zu] has no name", index);
        return NULL;
    }
    /* A copy, and of the right types: templates of instances are schemaless. */
    struct jv *template = schema_canonical(a, c->template, &core_PodTemplateSpec, e);
    if (!template) {
        err_wrap(e, "spec.components[%zu].template", index);
        return NULL;
    }
    char *name = name_pod(a, ri->name, ri_role_type(ri), c->name, id);
    struct jv *pod = kind_object(a, KIND_POD, ri->ns, name);
    set_metadata(a, pod, ri, template);
    set_labels(a, pod, ri, c, id, revision);
    set_spec(a, pod, template, c, name);
    if (pod_inject_ports(a, pod, ri, index, id, e) || pod_inject_discovery(a, pod, ri, e)) {
        err_wrap(e, "pod \"%s\"", name);
        return NULL;
    }
    return pod;
}
