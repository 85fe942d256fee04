/* The directives that a user writes as JSON into annotations of a pod template: allocated ports
 * (part D 11) and addresses of other components (part D 10.1). Both end as literal environment
 * variables of a pod. Pure. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "template_internal.h"

/* The JSON object in a template's annotation. *out NULL when there is none. */
static int directive(struct arena *a, const struct jv *tpl, const char *key, const struct jv **out,
                     struct err *e) {
    const char *text = template_annotation(tpl, key);
    *out = NULL;
    if (str_empty(text)) return 0;
    *out = json_parse(a, text, strlen(text), &json_limits_review, e);
    if (!*out) return err_wrap(e, "annotation %s", key);
    if (!jv_is(*out, J_OBJ))
        return err_set(e, ERR_INVALID, "annotation %s: a JSON object is needed, not a %s", key,
                       jv_type_name(*out));
    return 0;
}

/* A required string of a directive's entry; `where` tells the user which entry. */
static const char *required(const struct jv *entry, const char *key, const char *where, size_t i,
                            struct err *e) {
    const char *s = jv_get_str(entry, key);
    if (!str_empty(s)) return s;
    err_set(e, ERR_INVALID, "annotation %s[%zu].%s: a non-empty string is needed", where, i, key);
    return NULL;
}

/* ---- ports ---- */

static int parse_alloc(const struct jv *entry, size_t i, struct port_alloc *out, struct err *e) {
    static const char where[] = A_PORT_ALLOCATOR ": allocations";
    const char *scope = jv_get_str(entry, "scope");
    if (!(out->name = required(entry, "name", where, i, e)) ||
        !(out->env = required(entry, "env", where, i, e)))
        return -1;
    out->annotation_key = jv_get_str(entry, "annotationKey");
    if (str_empty(out->annotation_key)) out->annotation_key = NULL;
    out->role_scoped = str_eq(scope, "RoleScoped");
    if (!str_empty(scope) && !out->role_scoped && !str_eq(scope, "PodScoped"))
        return err_set(e, ERR_INVALID,
                       "annotation %s[%zu].scope: \"%s\" is neither PodScoped nor RoleScoped",
                       where, i, scope);
    return 0;
}

static int parse_ref(struct arena *a, const struct jv *entry, size_t i, struct port_ref *out,
                     struct err *e) {
    static const char where[] = A_PORT_ALLOCATOR ": references";
    const char *from;
    if (!(out->env = required(entry, "env", where, i, e)) ||
        !(from = required(entry, "from", where, i, e)))
        return -1;
    const char *first = strchr(from, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    if (!second || first == from || second == first + 1 || !second[1] || strchr(second + 1, '.'))
        return err_set(e, ERR_INVALID,
                       "annotation %s[%zu].from: \"%s\" is not <role>.<component>.<port>", where, i,
                       from);
    out->component = arena_strndup(a, first + 1, (size_t)(second - first - 1));
    out->port = second + 1;
    return 0;
}

int template_ports(struct arena *a, const struct jv *template, struct ports *out, struct err *e) {
    const struct jv *d;
    *out = (struct ports){0};
    if (directive(a, template, A_PORT_ALLOCATOR, &d, e)) return -1;
    const struct jv *allocs = jv_get(d, "allocations"), *refs = jv_get(d, "references");
    out->allocs = ARENA_ARRAY(a, jv_len(allocs), struct port_alloc);
    out->refs = ARENA_ARRAY(a, jv_len(refs), struct port_ref);
    JV_FOR_ARR (it, allocs) {
        if (parse_alloc(*it, out->nallocs, &out->allocs[out->nallocs], e)) return -1;
        out->nallocs++;
    }
    JV_FOR_ARR (it, refs) {
        if (parse_ref(a, *it, out->nrefs, &out->refs[out->nrefs], e)) return -1;
        out->nrefs++;
    }
    return 0;
}

char *template_port_key(struct arena *a, const struct port_alloc *p, const char *component,
                        const char *pod) {
    return arena_printf(a, "%s.%s", p->role_scoped ? component : pod, p->name);
}

static char *pod_name(struct arena *a, const struct ri *ri, const char *component, int id) {
    return name_pod(a, ri->name, ri_role_type(ri), component, id);
}

/* Is `pod` the name of a pod of the component? Its number stands at the end of it, workers' one higher. */
static bool is_pod(struct arena *a, const struct ri *ri, const struct component *c, const char *pod) {
    const char *dash = strrchr(pod, '-');
    int32_t n, size = component_size(c);
    if (!dash || str_to_i32(dash + 1, &n)) n = 0;
    const int ids[] = {0, n, n - 1};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        if (ids[i] >= 0 && ids[i] < size && str_eq(pod_name(a, ri, c->name, ids[i]), pod)) return true;
    return false;
}

/* Does the annotation hold a port of the component? */
static bool holds_port(struct arena *a, const struct ri *ri, const struct component *c, const struct ports *p,
                       const char *key) {
    const char *dot = strrchr(key, '.');
    if (!dot) return false;
    const char *of = arena_strndup(a, key, (size_t)(dot - key));
    for (size_t k = 0; k < p->nallocs; k++) {
        if (!str_eq(p->allocs[k].name, dot + 1)) continue;
        if (p->allocs[k].role_scoped ? str_eq(of, c->name) : is_pod(a, ri, c, of)) return true;
    }
    return false;
}

/* Has the allocator given this instance any port? Without it, directives stay without effect. Its annotations are few, the ports
 * that its pods could have are many. */
static int has_ports(struct arena *a, const struct ri *ri, bool *out, struct err *e) {
    *out = false;
    for (size_t i = 0; i < ri->spec.components.n; i++) {
        const struct component *c = &ri->spec.components.items[i];
        struct ports p;
        if (template_ports(a, c->template, &p, e)) return -1;
        JV_FOR_OBJ (m, jv_path(ri->doc, "metadata", "annotations", (char *)0))
            *out = *out || (!strchr(m->key, '/') && holds_port(a, ri, c, &p, m->key));
    }
    return 0;
}

static int inject_alloc(struct arena *a, struct jv *pod, struct jv *vars, const struct ri *ri,
                        const struct component *c, const struct port_alloc *p, const char *name,
                        struct err *e) {
    const char *key = template_port_key(a, p, c->name, name),
               *value = meta_annotation(ri->doc, key);
    if (!value)
        return err_set(e, ERR_INVALID,
                       "port \"%s\" has no value yet: the instance has no annotation \"%s\"",
                       p->name, key);
    env_note(a, vars, p->env, value);
    if (p->annotation_key)
        jv_set_str(a, jv_need_obj(a, jv_get(pod, "metadata"), "annotations"), p->annotation_key,
                   value);
    return 0;
}

/* A port of the component's first pod, or of the whole role. */
static int inject_ref(struct arena *a, struct jv *vars, const struct ri *ri, const struct port_ref *r,
                      struct err *e) {
    const char *value = meta_annotation(
        ri->doc, arena_printf(a, "%s.%s", pod_name(a, ri, r->component, 0), r->port));
    if (!value) value = meta_annotation(ri->doc, arena_printf(a, "%s.%s", r->component, r->port));
    if (!value)
        return err_set(e, ERR_INVALID,
                       "annotation %s: component \"%s\" has no allocated port \"%s\"; add it to "
                       "the allocations of "
                       "that component",
                       A_PORT_ALLOCATOR, r->component, r->port);
    env_note(a, vars, r->env, value);
    return 0;
}

int pod_inject_ports(struct arena *a, struct jv *pod, const struct ri *ri, size_t index, int id,
                     struct err *e) {
    const struct component *c = &ri->spec.components.items[index];
    struct ports p;
    bool allocated;
    if (template_ports(a, c->template, &p, e)) return -1;
    if (!p.nallocs && !p.nrefs) return 0;
    if (has_ports(a, ri, &allocated, e)) return -1;
    if (!allocated) return 0;
    const char *name = pod_name(a, ri, c->name, id);
    struct jv *vars = jv_new_arr(a);
    for (size_t i = 0; i < p.nallocs; i++)
        if (inject_alloc(a, pod, vars, ri, c, &p.allocs[i], name, e)) return -1;
    for (size_t i = 0; i < p.nrefs; i++)
        if (inject_ref(a, vars, ri, &p.refs[i], e)) return -1;
    env_set_everywhere(a, jv_get(pod, "spec"), vars);
    return 0;
}

/* ---- addresses and ports of components ---- */

struct reference {
    const char *env, *port;
    const struct component *component;
    int index;
};

static int parse_reference(const struct ri *ri, const struct jv *entry, const char *where, size_t i,
                           bool port, struct reference *out, struct err *e) {
    *out = (struct reference){0};
    const char *name;
    if (!(out->env = required(entry, "env", where, i, e)) ||
        !(name = required(entry, "component", where, i, e)))
        return -1;
    if (port && !(out->port = required(entry, "portName", where, i, e))) return -1;
    const struct jv *index = jv_get(entry, "index");
    int64_t n = jv_int(index, index && !jv_is(index, J_NULL) ? -1 : 0);
    if (n < 0 || n > INT32_MAX)
        return err_set(e, ERR_INVALID, "annotation %s[%zu].index: a number from 0 is needed", where,
                       i);
    out->index = (int)n;
    out->component = ri_component(ri, name);
    if (!out->component)
        return err_set(e, ERR_INVALID,
                       "annotation %s[%zu].component: the role has no component \"%s\"", where, i,
                       name);
    return 0;
}

static int set_address(struct arena *a, struct jv *vars, const struct ri *ri,
                       const struct reference *r, struct err *e) {
    if (str_empty(r->component->service_name))
        return err_set(e, ERR_INVALID,
                       "annotation %s: pods of component \"%s\" have no DNS name, since it has no "
                       "serviceName; for "
                       "workers of a leader-worker role set sharedServiceSelection: All",
                       A_COMPONENT_DISCOVERY, r->component->name);
    char *address =
        arena_printf(a, "%s.%s.%s.svc.cluster.local", pod_name(a, ri, r->component->name, r->index),
                     r->component->service_name, ri->ns);
    env_note(a, vars, r->env, address);
    return 0;
}

static const char *declared_port(struct arena *a, const struct component *c, const char *name) {
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        JV_FOR_ARR (it, jv_path(c->template, "spec", lists[i], (char *)0)) {
            int64_t n = jv_get_int(jv_find(jv_get(*it, "ports"), "name", name), "containerPort", 0);
            if (n > 0) return arena_printf(a, "%lld", (long long)n);
        }
    return NULL;
}

/* An allocated port of the pod, then of the role, then the container port of that name. */
static int set_port(struct arena *a, struct jv *vars, const struct ri *ri, const struct reference *r,
                    struct err *e) {
    const char *component = r->component->name;
    const char *value = meta_annotation(
        ri->doc, arena_printf(a, "%s.%s", pod_name(a, ri, component, r->index), r->port));
    if (!value) value = meta_annotation(ri->doc, arena_printf(a, "%s.%s", component, r->port));
    if (!value) value = declared_port(a, r->component, r->port);
    if (!value)
        return err_set(e, ERR_INVALID,
                       "annotation %s: component \"%s\" has neither an allocated port nor a "
                       "container port named "
                       "\"%s\"",
                       A_COMPONENT_DISCOVERY, component, r->port);
    env_note(a, vars, r->env, value);
    return 0;
}

static int set_references(struct arena *a, struct jv *vars, const struct ri *ri,
                          const struct jv *list, bool port, struct err *e) {
    const char *where =
        port ? A_COMPONENT_DISCOVERY ": portRefs" : A_COMPONENT_DISCOVERY ": addressRefs";
    for (size_t i = 0; i < jv_len(list); i++) {
        struct reference r;
        if (parse_reference(ri, jv_idx(list, i), where, i, port, &r, e)) return -1;
        if (port ? set_port(a, vars, ri, &r, e) : set_address(a, vars, ri, &r, e)) return -1;
    }
    return 0;
}

int pod_inject_discovery(struct arena *a, struct jv *pod, const struct ri *ri, struct err *e) {
    const struct jv *d;
    struct jv *vars = jv_new_arr(a);
    if (directive(a, pod, A_COMPONENT_DISCOVERY, &d, e)) return -1;
    if (d && (set_references(a, vars, ri, jv_get(d, "addressRefs"), false, e) ||
              set_references(a, vars, ri, jv_get(d, "portRefs"), true, e)))
        return -1;
    env_set_everywhere(a, jv_get(pod, "spec"), vars);
    struct jv *meta = jv_get(pod, "metadata"), *annotations = jv_get(meta, "annotations");
    if (jv_del(annotations, A_COMPONENT_DISCOVERY) && !jv_len(annotations))
        jv_del(meta, "annotations");
    return 0;
}
