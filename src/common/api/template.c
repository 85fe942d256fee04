/* From a role to the pod templates of its components: which template, which patches, and in which
 * order the edits come (part D 15.2). The edits themselves are in template_inject.c and
 * template_sched.c, pods in template_pod.c.
 *
 * Every template that leaves this file is a tree of its own: no two components, and no result and
 * input, share a node that either may change. Pure; memory is the caller's arena. */
#include "api/template.h"

#include "api/names.h"
#include "base/str.h"
#include "doc/patch.h"
#include "template_internal.h"

static int unknown_template(struct arena *a, const struct rbg_spec *s, const struct role *r,
                            const char *name, struct err *e) {
    enum { SHOWN = 10 };
    const char *known = "";
    for (size_t i = 0; i < s->role_templates.n && i < SHOWN; i++)
        known =
            arena_printf(a, "%s%s\"%s\"", known, i ? ", " : "", s->role_templates.items[i].name);
    if (!*known)
        return err_set(
            e, ERR_INVALID,
            "role \"%s\": templateRef.name: the group has no role template \"%s\"; add it to "
            "spec.roleTemplates",
            r->name, name);
    return err_set(
        e, ERR_INVALID,
        "role \"%s\": templateRef.name: the group has no role template \"%s\"; add it to "
        "spec.roleTemplates, or use one of %s",
        r->name, name, known);
}

const struct jv *role_inline_template(const struct role *r) {
    return r->standalone.set ? r->standalone.template : r->leader_worker.template;
}

const struct template_ref *role_template_ref(const struct role *r) {
    return r->standalone.set ? &r->standalone.template_ref : &r->leader_worker.template_ref;
}

size_t role_template_index(const struct rbg_spec *s, const char *name) {
    size_t i = 0;
    while (i < s->role_templates.n && !str_eq(s->role_templates.items[i].name, name)) i++;
    return i;
}

static struct jv *resolve_ref(struct arena *a, const struct rbg_spec *s, const struct role *r,
                              const struct template_ref *ref, struct err *e) {
    size_t i = role_template_index(s, ref->name);
    const struct jv *base = i < s->role_templates.n ? s->role_templates.items[i].template : NULL;
    if (!base) {
        unknown_template(a, s, r, ref->name ? ref->name : "", e);
        return NULL;
    }
    if (jv_is_empty(ref->patch)) return jv_dup(a, base);
    const struct jv *out = smp_apply(a, base, ref->patch, &core_PodTemplateSpec, e);
    if (!out) err_wrap(e, "role \"%s\": templateRef.patch", r->name);
    return jv_dup(a, out);
}

struct jv *template_resolve(struct arena *a, const struct rbg_spec *s, const struct role *r,
                            struct err *e) {
    const struct jv *inline_tpl = role_inline_template(r);
    const struct template_ref *ref = role_template_ref(r);
    if (!r->standalone.set && !r->leader_worker.set) {
        err_set(e, ERR_INVALID,
                "role \"%s\" has no pod template of its own: set standalonePattern or "
                "leaderWorkerPattern",
                r->name);
        return NULL;
    }
    if (ref->set && inline_tpl) {
        err_set(e, ERR_INVALID, "role \"%s\" has both template and templateRef: keep one of them",
                r->name);
        return NULL;
    }
    if (ref->set) return resolve_ref(a, s, r, ref, e);
    if (!jv_is(inline_tpl, J_OBJ)) {
        err_set(e, ERR_INVALID, "role \"%s\" has neither template nor templateRef: set one of them",
                r->name);
        return NULL;
    }
    return jv_dup(a, inline_tpl);
}

/* ---- effective templates ---- */

static int effective_standalone(struct arena *a, const struct rbg_spec *s, const struct role *r,
                                struct effective **out, size_t *n, struct err *e) {
    struct jv *t = template_resolve(a, s, r, e);
    if (!t) return -1;
    *out = ARENA_NEW(a, struct effective);
    **out = (struct effective){.component = r->name, .size = 1, .template = t};
    *n = 1;
    return 0;
}

/* The base with a leader or worker patch; always a new tree. */
static struct jv *patched(struct arena *a, const struct role *r, const struct jv *base,
                          const struct jv *patch, const char *field, struct err *e) {
    if (jv_is_empty(patch)) return jv_dup(a, base);
    const struct jv *out = smp_apply(a, base, patch, &core_PodTemplateSpec, e);
    if (!out) err_wrap(e, "role \"%s\": leaderWorkerPattern.%s", r->name, field);
    return jv_dup(a, out);
}

static int effective_leader_worker(struct arena *a, const struct rbg_spec *s, const struct role *r,
                                   struct effective **out, size_t *n, struct err *e) {
    const struct jv *base = template_resolve(a, s, r, e);
    if (!base) return -1;
    int32_t size = r->leader_worker.size.set ? r->leader_worker.size.v : 1;
    struct effective *ef = ARENA_ARRAY(a, 2, struct effective);
    ef[0] = (struct effective){.component = "leader", .size = 1};
    ef[1] = (struct effective){.component = "worker", .size = size > 1 ? size - 1 : 0};
    ef[0].template = patched(a, r, base, r->leader_worker.leader_patch, "leaderTemplatePatch", e);
    if (!ef[0].template) return -1;
    ef[1].template = patched(a, r, base, r->leader_worker.worker_patch, "workerTemplatePatch", e);
    if (!ef[1].template) return -1;
    *out = ef;
    *n = 2;
    return 0;
}

const char *metadata_mistyped(const struct jv *tpl, size_t *i, const struct jv **v) {
    static const char *const parts[] = {"metadata", "metadata.labels", "metadata.annotations"};
    const struct jv *meta = jv_get(tpl, "metadata");
    const struct jv *const values[] = {meta, jv_get(meta, "labels"), jv_get(meta, "annotations")};
    while (*i < sizeof parts / sizeof *parts) {
        const char *part = parts[*i];
        *v = values[(*i)++];
        if (*v && !jv_is(*v, J_OBJ) && !jv_is(*v, J_NULL)) return part;
    }
    return NULL;
}

/* Templates of components are schemaless in the CRD, so anything may be stored there. */
static int check_metadata(const struct role *r, const struct component *c, struct err *e) {
    const struct jv *v;
    size_t i = 0;
    const char *part = metadata_mistyped(c->template, &i, &v);
    if (!part) return 0;
    return err_set(e, ERR_INVALID,
                   "role \"%s\": component \"%s\": template.%s must be an object, got %s", r->name,
                   c->name, part, jv_type_name(v));
}

static struct jv *own_object(struct arena *a, struct jv *obj, const char *key) {
    struct jv *own = jv_own(a, obj, key);
    return own ? own : jv_need_obj(a, obj, key);
}

int template_component(struct arena *a, const struct role *r, const struct component *c,
                       struct effective *out, struct err *e) {
    if (!jv_is(c->template, J_OBJ))
        return err_set(e, ERR_INVALID,
                       "role \"%s\": component \"%s\" has no template: set its template", r->name,
                       c->name);
    if (check_metadata(r, c, e)) return -1;
    *out = (struct effective){.component = c->name,
                              .size = component_size(c),
                              .service_name = c->service_name,
                              .labels = c->labels,
                              .annotations = c->annotations,
                              .template = jv_clone(a, c->template)};
    struct jv *meta = own_object(a, out->template, "metadata");
    if (!jv_is_empty(c->labels)) jv_merge_shallow(a, own_object(a, meta, "labels"), c->labels);
    if (!jv_is_empty(c->annotations))
        jv_merge_shallow(a, own_object(a, meta, "annotations"), c->annotations);
    return 0;
}

static int effective_custom(struct arena *a, const struct role *r, struct effective **out,
                            size_t *n, struct err *e) {
    *n = r->custom.components.n;
    *out = ARENA_ARRAY(a, *n, struct effective);
    for (size_t i = 0; i < *n; i++) {
        const struct component *c = &r->custom.components.items[i];
        if (str_empty(c->name))
            return err_set(e, ERR_INVALID, "role \"%s\": a component has no name", r->name);
        if (template_component(a, r, c, &(*out)[i], e)) return -1;
        (*out)[i].template = jv_dup(a, (*out)[i].template);
    }
    return 0;
}

int template_effective(struct arena *a, const struct rbg_spec *s, const struct role *r,
                       struct effective **out, size_t *n, struct err *e) {
    if (r->standalone.set) return effective_standalone(a, s, r, out, n, e);
    if (r->leader_worker.set) return effective_leader_worker(a, s, r, out, n, e);
    if (r->custom.set) return effective_custom(a, r, out, n, e);
    return err_set(e, ERR_INVALID,
                   "role \"%s\" has no pattern: set standalonePattern, leaderWorkerPattern or "
                   "customComponentsPattern",
                   r->name);
}

/* ---- preparation ---- */

const char *template_annotation(const struct jv *tpl, const char *key) {
    return jv_str(jv_path(tpl, "metadata", "annotations", key, (char *)0), NULL);
}

static int topology_key(const struct rbg *g, const char **out, struct err *e) {
    *out = meta_annotation(g->doc, A_EXCLUSIVE_TOPOLOGY);
    if (*out && !**out)
        return err_set(e, ERR_INVALID,
                       "metadata.annotations[%s] is empty: name a node label such as "
                       "kubernetes.io/hostname, or "
                       "remove the annotation",
                       A_EXCLUSIVE_TOPOLOGY);
    return 0;
}

static void set_group_labels(struct arena *a, struct jv *tpl, const struct prep *p) {
    const struct rbg *g = p->ctx->group;
    struct jv *labels = jv_need_obj(a, jv_need_obj(a, tpl, "metadata"), "labels");
    jv_merge_shallow(a, labels, labels_common(a, g->ns, g->name, p->role->name));
}

/* Steps 2 to 8 of part D 15.2, except the component labels. The canonical form comes first: what it
 * accepts has the types that the edits rely on, and they add nothing that is not canonical. */
static int prepare(struct arena *a, const struct prep *p, struct effective *ef, struct err *e) {
    struct jv *tpl = schema_canonical(a, ef->template, &core_PodTemplateSpec, e);
    if (!tpl)
        return err_wrap(e, "role \"%s\": template of component \"%s\"", p->role->name,
                        ef->component);
    if (role_stateful(p->role) && !p->ctx->no_discovery) inject_config(a, tpl, p->ctx->group->name);
    if (!p->worker && inject_sidecars(a, tpl, p, e)) return -1;
    inject_common_env(a, tpl, p);
    if (p->workload == WL_RIS && (p->leader || p->worker)) inject_lwp_env(a, tpl, p);
    inject_topology(a, tpl, p);
    inject_gang(a, tpl, p);
    set_group_labels(a, tpl, p);
    ef->template = tpl;
    return 0;
}

static struct prep prep_of(const struct build_ctx *c, const struct role *r, enum workload w,
                           const struct effective *ef) {
    struct prep p = {.ctx = c, .role = r, .workload = w};
    if (!r->standalone.set && r->leader_worker.set) {
        p.leader = str_eq(ef->component, "leader");
        p.worker = str_eq(ef->component, "worker");
    }
    return p;
}

static void set_component_labels(struct arena *a, const struct prep *p,
                                 const struct effective *ef) {
    struct jv *labels = jv_need_obj(a, jv_need_obj(a, ef->template, "metadata"), "labels");
    bool lwp = p->leader || p->worker;
    int32_t declared = p->role->leader_worker.size.set ? p->role->leader_worker.size.v : 1;
    jv_set(a, labels, L_COMPONENT_SIZE, jv_new_strf(a, "%d", (int)(lwp ? declared : ef->size)));
    if (lwp) jv_set_str(a, labels, L_COMPONENT_NAME, ef->component);
}

/* The Service that a component's pods belong to; NULL: none. */
static const char *component_service(const struct prep *p, const struct effective *ef) {
    if (p->worker && !str_eq(role_shared_service(p->role), "All")) return NULL;
    return str_empty(ef->service_name) ? p->ctx->service_name : ef->service_name;
}

static struct jv *component_doc(struct arena *a, const struct prep *p, const struct effective *ef) {
    struct jv *c = jv_new_obj(a);
    if (!jv_is_empty(ef->annotations)) jv_set(a, c, "annotations", jv_dup(a, ef->annotations));
    if (!jv_is_empty(ef->labels)) jv_set(a, c, "labels", jv_dup(a, ef->labels));
    jv_set_str(a, c, "name", ef->component);
    jv_set_str(a, c, "serviceName", component_service(p, ef));
    jv_set_int(a, c, "size", ef->size);
    jv_set(a, c, "template", ef->template);
    return c;
}

struct jv *template_components(struct arena *a, const struct build_ctx *c, const struct role *r,
                               struct err *e) {
    struct effective *ef;
    size_t n;
    const char *topology;
    if (topology_key(c->group, &topology, e) ||
        template_effective(a, &c->group->spec, r, &ef, &n, e))
        return NULL;
    struct jv *out = jv_new_arr(a);
    for (size_t i = 0; i < n; i++) {
        struct prep p = prep_of(c, r, WL_RIS, &ef[i]);
        p.topology = topology;
        if (prepare(a, &p, &ef[i], e)) return NULL;
        set_component_labels(a, &p, &ef[i]);
        jv_push(a, out, component_doc(a, &p, &ef[i]));
    }
    return out;
}

/* StatefulSets and Deployments have one template, without the patches of leader and worker. */
static int workload_effective(struct arena *a, const struct build_ctx *c, const struct role *r,
                              struct effective **out, size_t *n, struct err *e) {
    if (role_workload(r) != WL_LWS) return effective_standalone(a, &c->group->spec, r, out, n, e);
    if (r->leader_worker.set) return effective_leader_worker(a, &c->group->spec, r, out, n, e);
    struct effective *one;
    if (effective_standalone(a, &c->group->spec, r, &one, n, e)) return -1;
    *out = ARENA_ARRAY(a, 2, struct effective);
    (*out)[0] = (struct effective){.component = "leader", .size = 1, .template = one->template};
    (*out)[1] = (struct effective){.component = "worker", .template = jv_dup(a, one->template)};
    *n = 2;
    return 0;
}

int template_workload(struct arena *a, const struct build_ctx *c, const struct role *r,
                      struct effective **out, size_t *n, struct err *e) {
    const char *topology;
    if (topology_key(c->group, &topology, e) || workload_effective(a, c, r, out, n, e)) return -1;
    enum workload w = role_workload(r);
    for (size_t i = 0; i < *n; i++) {
        struct effective *ef = &(*out)[i];
        struct prep p = {.ctx = c, .role = r, .workload = w, .topology = topology};
        p.leader = w == WL_LWS && str_eq(ef->component, "leader");
        p.worker = w == WL_LWS && str_eq(ef->component, "worker");
        if (prepare(a, &p, ef, e)) return -1;
    }
    return 0;
}
