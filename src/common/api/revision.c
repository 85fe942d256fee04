/* ControllerRevisions: what a group, a set or an instance was made of, as canonical bytes, and the
 * hash of these bytes, which names the revision (parts B 1.6, C 3, D 3). The bytes are on disk in
 * clusters and compared with newly built ones, so they never change for the same input. An object is made
 * of these very bytes: the API server stores data as they come, writes them in canonical form itself at the
 * next patch of whatever part of the object, and refuses that patch when the bytes would change. Pure. */
#include "api/build.h"
#include "api/names.h"
#include "base/hash.h"
#include "base/str.h"

static const struct type *member_type(const struct type *t, const char *key) {
    const struct field *f = type_field(t, key);
    return f ? f->type : NULL;
}

static const struct type *spec_type(enum kind k) {
    return member_type(kind_version(k, "v1alpha2")->type, "spec");
}

static char *canonical_bytes(struct arena *a, const struct jv *v, size_t *len) {
    BUF_AUTO struct buf b = BUF_INIT;
    json_write_canonical(&b, v);
    *len = b.len;
    return arena_strndup(a, buf_str(&b), b.len);
}

static struct jv *replace_directive(struct arena *a) {
    struct jv *d = jv_new_obj(a);
    jv_set_str(a, d, "$patch", "replace");
    return d;
}

/* ---- groups ---- */

static struct jv *canonical_role(struct arena *a, const struct role *r, const struct type *t,
                                 struct err *e) {
    struct jv *role = schema_canonical(a, r->doc, t, e);
    if (!role) {
        err_wrap(e, "role \"%s\"", r->name);
        return NULL;
    }
    jv_set(a, role, "replicas", jv_null(a));
    return role;
}

static struct jv *group_data(struct arena *a, struct jv *templates, struct jv *roles) {
    struct jv *spec = jv_new_obj(a), *data = jv_new_obj(a);
    jv_set(a, spec, "roleTemplates", templates);
    jv_set(a, spec, "roles", roles);
    jv_set(a, data, "spec", spec);
    return data;
}

static struct jv *canonical_templates(struct arena *a, const struct rbg *g, struct err *e) {
    const struct type *t = member_type(spec_type(KIND_RBG), "roleTemplates");
    struct jv *out = jv_new_arr(a);
    jv_push(a, out, replace_directive(a));
    JV_FOR_ARR (it, jv_path(g->doc, "spec", "roleTemplates", (char *)0)) {
        struct jv *tpl = schema_canonical(a, *it, t, e);
        if (!tpl) {
            err_wrap(e, "role template \"%s\"", jv_str(jv_get(*it, "name"), ""));
            return NULL;
        }
        jv_push(a, out, tpl);
    }
    return out;
}

/* The role's canonical bytes, followed by those of the template that it refers to. */
static void hash_role(struct arena *a, const struct role *r, const struct jv *role,
                      const struct jv *templates, char out[16]) {
    size_t len;
    const char *bytes = canonical_bytes(a, role, &len);
    uint32_t h = fnv1a_32(FNV32_INIT, bytes, len);
    const struct template_ref *ref = r->standalone.template_ref.set
                                         ? &r->standalone.template_ref
                                         : &r->leader_worker.template_ref;
    const struct jv *tpl =
        ref->set && ref->name ? jv_get(jv_find(templates, "name", ref->name), "template") : NULL;
    if (tpl) {
        bytes = canonical_bytes(a, tpl, &len);
        h = fnv1a_32(h, bytes, len);
    }
    safe_encode_u32(h, out);
}

int build_group_revision(struct arena *a, const struct rbg *g, struct group_revision *out,
                         struct err *e) {
    const struct type *t = member_type(spec_type(KIND_RBG), "roles");
    struct jv *templates = canonical_templates(a, g, e), *roles = jv_new_arr(a);
    if (!templates) return -1;
    jv_push(a, roles, replace_directive(a));
    out->role_hash = arena_array(a, g->spec.roles.n, sizeof *out->role_hash);
    for (size_t i = 0; i < g->spec.roles.n; i++) {
        const struct role *r = &g->spec.roles.items[i];
        struct jv *role = canonical_role(a, r, t, e);
        if (!role) return -1;
        hash_role(a, r, role, templates, out->role_hash[i]);
        jv_push(a, roles, role);
    }
    out->bytes = canonical_bytes(a, group_data(a, templates, roles), &out->len);
    safe_encode_u32(fnv1a_32(FNV32_INIT, out->bytes, out->len), out->hash);
    return 0;
}

static struct jv *revision_object(struct arena *a, const char *ns, const char *name,
                                  struct jv *labels, struct jv *owner, const char *bytes,
                                  size_t len, int64_t number) {
    struct jv *o = kind_object(a, KIND_REVISION, ns, name), *meta = jv_get(o, "metadata");
    jv_set(a, meta, "labels", labels);
    jv_push(a, jv_need_arr(a, meta, "ownerReferences"), owner);
    jv_set(a, o, "data", jv_new_raw(a, bytes, len));
    jv_set_int(a, o, "revision", number);
    return o;
}

struct jv *build_group_revision_object(struct arena *a, const struct rbg *g,
                                       const struct group_revision *r, int64_t number) {
    struct jv *labels = jv_new_obj(a);
    jv_set_str(a, labels, L_GROUP_NAME, g->name);
    jv_set_str(a, labels, L_GROUP_REVISION, r->hash);
    char *name = arena_printf(a, "%.220s-%s-%lld", g->name, r->hash, (long long)number);
    return revision_object(a, g->ns, name, labels, kind_owner_ref(a, KIND_RBG, g->doc, true, true),
                           r->bytes, r->len, number);
}

/* ---- sets and instances ---- */

static void finish(struct arena *a, const struct jv *data, const char *owner, int32_t collisions,
                   struct revision *out) {
    out->bytes = canonical_bytes(a, data, &out->len);
    const char *count = arena_printf(a, "%d", (int)collisions);
    uint32_t h = fnv1_32(FNV32_INIT, out->bytes, out->len);
    safe_encode_u32(fnv1_32(h, count, strlen(count)), out->hash);
    out->name = arena_printf(a, "%.223s-%s", owner, out->hash);
}

static struct jv *in_spec(struct arena *a, struct jv *spec) {
    struct jv *data = jv_new_obj(a);
    jv_set(a, data, "spec", spec);
    return data;
}

int build_ris_revision(struct arena *a, const struct ris *s, int32_t collisions,
                       struct revision *out, struct err *e) {
    const struct type *t = member_type(spec_type(KIND_RIS), "roleInstanceTemplate");
    struct jv *tpl = schema_canonical(a, s->spec.template_doc, t, e);
    if (!tpl) return err_wrap(e, "spec.roleInstanceTemplate");
    jv_set_str(a, tpl, "$patch", "replace");
    struct jv *spec = jv_new_obj(a);
    jv_set(a, spec, "roleInstanceTemplate", tpl);
    finish(a, in_spec(a, spec), s->name, collisions, out);
    return 0;
}

/* The component as a patch: without its size, so that a new size is no new revision. */
static struct jv *component_patch(struct arena *a, const struct jv *component, const struct type *t,
                                  struct err *e) {
    struct jv *c = schema_canonical(a, component, t, e);
    if (!c) return NULL;
    jv_del(c, "size");
    if (!jv_get(c, "serviceName")) jv_set(a, c, "serviceName", jv_null(a));
    jv_set_str(a, jv_need_obj(a, c, "template"), "$patch", "replace");
    return c;
}

int build_ri_revision(struct arena *a, const struct ri *i, int32_t collisions, struct revision *out,
                      struct err *e) {
    const struct type *t = member_type(spec_type(KIND_RI), "components");
    struct jv *order = jv_new_arr(a), *components = jv_new_arr(a), *spec = jv_new_obj(a);
    JV_FOR_ARR (it, jv_path(i->doc, "spec", "components", (char *)0)) {
        struct jv *c = component_patch(a, *it, t, e), *name = jv_new_obj(a);
        if (!c) return err_wrap(e, "spec.components[%zu]", jv_len(components));
        jv_set_str(a, name, "name", jv_get_str(*it, "name"));
        jv_push(a, order, name);
        jv_push(a, components, c);
    }
    jv_set(a, spec, "$setElementOrder/components", order);
    jv_set(a, spec, "components", components);
    finish(a, in_spec(a, spec), i->name, collisions, out);
    return 0;
}

bool build_revision_same(const struct jv *object, const char *bytes, size_t len) {
    BUF_AUTO struct buf b = BUF_INIT;
    const struct jv *data = jv_get(object, "data");
    if (!data) return false;
    json_write_canonical(&b, data);
    return b.len == len && memcmp(buf_str(&b), bytes, len) == 0;
}

static void copy_annotations(struct arena *a, struct jv *object, const struct jv *owner) {
    const struct jv *from = jv_path(owner, "metadata", "annotations", (char *)0);
    if (!jv_is_empty(from)) jv_set(a, jv_get(object, "metadata"), "annotations", jv_dup(a, from));
}

struct jv *build_ris_revision_object(struct arena *a, const struct ris *s, const struct revision *r,
                                     int64_t number) {
    struct jv *labels = jv_new_obj(a);
    if (ris_stateless(s))
        jv_set_str(a, labels, L_INSTANCE_OWNER, s->uid);
    else
        jv_merge_shallow(a, labels, jv_get(s->spec.selector, "matchLabels"));
    jv_set_str(a, labels, L_REVISION_DATA_HASH, r->hash);
    struct jv *owner = kind_owner_ref(a, KIND_RIS, s->doc, true, true);
    struct jv *o = revision_object(a, s->ns, r->name, labels, owner, r->bytes, r->len, number);
    copy_annotations(a, o, s->doc);
    return o;
}

struct jv *build_ri_revision_object(struct arena *a, const struct ri *i, const struct revision *r,
                                    int64_t number) {
    struct jv *labels = jv_new_obj(a);
    jv_set_str(a, labels, L_INSTANCE_NAME, i->name);
    jv_set_str(a, labels, L_REVISION_DATA_HASH, r->hash);
    struct jv *owner = kind_owner_ref(a, KIND_RI, i->doc, true, true);
    struct jv *o = revision_object(a, i->ns, r->name, labels, owner, r->bytes, r->len, number);
    copy_annotations(a, o, i->doc);
    return o;
}
