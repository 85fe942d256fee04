/* The discovery file: which pods a group's stateful roles have, under the names that DNS resolves
 * (part B 4.2). It does not name pods that come and go by load, so it changes with the spec only.
 * Pure. */
#include <string.h>

#include "api/build.h"
#include "api/names.h"
#include "base/str.h"
#include "doc/find.h"

struct listing {
    const struct rbg *group;
    const struct role *role;
    const char *workload, *service;
    struct jv *ports, *instances;
};

char *discovery_port_key(struct arena *a, const char *name, int64_t number) {
    char *key = str_empty(name) ? arena_printf(a, "port%lld", (long long)number) : arena_strdup(a, name);
    for (char *p = key; *p; p++) {
        if (*p == '-')
            *p = '_';
        else if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    }
    return key;
}

/* Name -> number; unnamed ports under their number. */
static struct jv *port_map(struct arena *a, const struct jv *service_ports) {
    struct jv *out = jv_new_obj(a);
    struct finder there = finder_of(a, out, NULL);
    JV_FOR_ARR (it, service_ports) {
        int64_t number = jv_get_int(*it, "port", 0);
        char *key = discovery_port_key(a, jv_get_str(*it, "name"), number);
        struct jmember *m = finder_member(&there, key, strlen(key));
        if (m) m->val = jv_new_int(a, number);
        else jv_add(a, out, key, strlen(key), jv_new_int(a, number));
    }
    return out;
}

static void add_entry(struct arena *a, const struct listing *l, const char *pod,
                      const char *service) {
    struct jv *entry = jv_new_obj(a);
    jv_set(a, entry, "address", jv_new_strf(a, "%s.%s", pod, service));
    if (jv_len(l->ports)) jv_set(a, entry, "ports", jv_dup(a, l->ports));
    jv_push(a, l->instances, entry);
}

/* Every pod of the instance; a component with a serviceName of its own is under that name. */
static void add_custom(struct arena *a, const struct listing *l, const char *instance) {
    for (size_t i = 0; i < l->role->custom.components.n; i++) {
        const struct component *c = &l->role->custom.components.items[i];
        int32_t size = c->size.set ? c->size.v : 1;
        const char *service = str_empty(c->service_name) ? l->service : c->service_name;
        for (int id = 0; id < size; id++)
            add_entry(a, l, name_pod(a, instance, ROLE_TYPE_COMPONENTS, c->name, id), service);
    }
}

static void add_instance(struct arena *a, const struct listing *l, int32_t ordinal) {
    const char *instance = arena_printf(a, "%s-%d", l->workload, (int)ordinal),
               *type = role_type_label(l->role);
    enum workload w = role_workload(l->role);
    if (w == WL_LWS)
        add_entry(a, l, instance, l->workload);
    else if (w != WL_RIS || str_eq(type, ROLE_TYPE_POD))
        add_entry(a, l, instance, l->service);
    else if (str_eq(type, ROLE_TYPE_LWS))
        add_entry(a, l, name_pod(a, instance, type, "leader", 0), l->service);
    else
        add_custom(a, l, instance);
}

static struct jv *role_entry(struct arena *a, const struct rbg *g, const struct role *r,
                             const char *service) {
    struct listing l = {.group = g,
                        .role = r,
                        .workload = name_workload(a, g->name, r->name),
                        .service = service ? service : name_service(a, g->name, r->name),
                        .ports = port_map(a, r->service_ports),
                        .instances = jv_new_arr(a)};
    for (int32_t i = 0; i < role_replicas(r); i++) add_instance(a, &l, i);
    struct jv *out = jv_new_obj(a);
    jv_set_int(a, out, "size", role_replicas(r));
    jv_set(a, out, "instances", l.instances);
    return out;
}

static struct jv *discovery_tree(struct arena *a, const struct rbg *g,
                                 const char *const *services) {
    struct jv *group = jv_new_obj(a), *names = jv_new_arr(a), *roles = jv_new_obj(a),
              *root = jv_new_obj(a);
    for (size_t i = 0; i < g->spec.roles.n; i++) {
        const struct role *r = &g->spec.roles.items[i];
        if (!role_stateful(r)) continue;
        jv_push(a, names, jv_new_str(a, r->name));
        jv_set(a, roles, r->name, role_entry(a, g, r, services ? services[i] : NULL));
    }
    if (!jv_len(names)) return NULL;
    jv_set_str(a, group, "name", g->name);
    jv_set(a, group, "roles", names);
    jv_set_int(a, group, "size", (int64_t)jv_len(names));
    jv_set(a, root, "group", group);
    jv_set(a, root, "roles", roles);
    return root;
}

char *build_discovery_text(struct arena *a, const struct rbg *g, const char *const *services) {
    const struct jv *tree = discovery_tree(a, g, services);
    if (!tree) return NULL;
    BUF_AUTO struct buf b = BUF_INIT;
    json_write_yaml(&b, tree);
    return arena_strndup(a, buf_str(&b), b.len);
}

struct jv *build_discovery(struct arena *a, const struct rbg *g, const char *const *services) {
    const char *text = build_discovery_text(a, g, services);
    if (!text) return NULL;
    struct jv *o = kind_object(a, KIND_CONFIGMAP, g->ns, g->name), *data = jv_new_obj(a);
    jv_push(a, jv_need_arr(a, jv_get(o, "metadata"), "ownerReferences"),
            kind_owner_ref(a, KIND_RBG, g->doc, true, true));
    /* The label lets the controllers watch their own ConfigMaps only, and so repair one that was
     * edited or deleted. */
    jv_set_str(a, jv_need_obj(a, jv_get(o, "metadata"), "labels"), L_GROUP_NAME, g->name);
    jv_set_str(a, data, DISCOVERY_KEY, text);
    jv_set(a, o, "data", data);
    return o;
}
