/* Differences between two templates of a component. Pure.
 *
 * Of a running pod the API server lets us change metadata and images. A change of metadata is in place only if nothing that was
 * made from it when the pod was created would be another now: the variables of our directives, and those that a container reads
 * from the pod's labels and annotations, unless that container starts anew with another image anyway. */
#include "api/inplace.h"

#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "doc/patch.h"

/* ---- paths ---- */

static bool named_alike(const struct jv *x, const struct jv *y) {
    if (!jv_is(x, J_ARR) || !jv_is(y, J_ARR) || x->len != y->len) return false;
    for (size_t i = 0; i < x->len; i++) {
        const char *name = jv_get_str(jv_idx(x, i), "name");
        if (!name || !str_eq(name, jv_get_str(jv_idx(y, i), "name"))) return false;
    }
    return true;
}

/* Where two unequal documents differ first: down through objects, and through lists of the same names. */
static const char *first_difference(struct arena *a, const struct jv *x, const struct jv *y, const char *path) {
    if (named_alike(x, y)) {
        for (size_t i = 0; i < x->len; i++)
            if (!jv_eq(jv_idx(x, i), jv_idx(y, i)))
                return first_difference(a, jv_idx(x, i), jv_idx(y, i),
                                        arena_printf(a, "%s[%s]", path, jv_get_str(jv_idx(x, i), "name")));
    }
    if (!jv_is(x, J_OBJ) || !jv_is(y, J_OBJ)) return path;
    JV_FOR_OBJ(m, y)
        if (!jv_eq(m->val, jv_get(x, m->key)))
            return first_difference(a, jv_get(x, m->key), m->val, arena_printf(a, "%s.%s", path, m->key));
    JV_FOR_OBJ(m, x)
        if (!jv_get(y, m->key)) return arena_printf(a, "%s.%s", path, m->key);
    return path;
}

static const char *differs(struct arena *a, const struct jv *x, const struct jv *y, const char *path) {
    return jv_eq(x, y) ? NULL : first_difference(a, x, y, path);
}

/* ---- the spec ---- */

/* The containers but for their images, in `images` those that change. */
static struct jv *without_images(struct arena *a, const struct jv *containers, const struct jv *others, struct jv *images) {
    struct jv *out = jv_new_arr(a);
    JV_FOR_ARR(it, containers) {
        struct jv *c = jv_dup(a, *it);
        const char *name = jv_get_str(c, "name"), *image = jv_get_str(c, "image"),
                   *other = name ? jv_get_str(jv_find(others, "name", name), "image") : NULL;
        if (image && other) {
            if (images && !str_eq(image, other)) jv_set_str(a, images, name, image);
            jv_del(c, "image");
        }
        jv_push(a, out, c);
    }
    return out;
}

static const char *spec_obstacle(struct arena *a, const struct jv *old, const struct jv *new, const char *path, struct jv *images) {
    const struct jv *oc = jv_get(old, "containers"), *nc = jv_get(new, "containers");
    const char *list = arena_printf(a, "%s.containers", path);
    if (!jv_is(oc, J_ARR) || !jv_is(nc, J_ARR)) return differs(a, old, new, path);
    const char *obstacle = differs(a, without_images(a, oc, nc, NULL), without_images(a, nc, oc, images), list);
    if (obstacle) return obstacle;
    struct jv *x = jv_dup(a, old), *y = jv_dup(a, new);
    jv_del(x, "containers");
    jv_del(y, "containers");
    return differs(a, x, y, path);
}

/* ---- directives ---- */

static const struct jv *directive(struct arena *a, const struct jv *component, const char *key) {
    const char *text = jv_str(jv_path(component, "template", "metadata", "annotations", key, (char *)0), NULL);
    struct err ignored = ERR_INIT;
    if (str_empty(text)) return NULL;
    const struct jv *doc = json_parse(a, text, strlen(text), &json_limits_review, &ignored);
    return doc ? doc : jv_new_str(a, text);
}

static bool allocates(struct arena *a, const struct jv *component, const char *port) {
    return jv_find(jv_get(directive(a, component, A_PORT_ALLOCATOR), "allocations"), "name", port) != NULL;
}

static const struct jv *declared_port(const struct jv *component, const char *port) {
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        JV_FOR_ARR(it, jv_path(component, "template", "spec", lists[i], (char *)0)) {
            const struct jv *found = jv_find(jv_get(*it, "ports"), "name", port);
            if (found) return jv_get(found, "containerPort");
        }
    return NULL;
}

/* The references of a discovery directive, with what they lead to. */
static void add_wiring(struct arena *a, struct jv *into, const struct jv *components, const struct jv *refs, bool ports) {
    JV_FOR_ARR(it, refs) {
        struct jv *ref = jv_new_obj(a);
        const char *name = jv_str(jv_get(*it, "component"), ""), *port = jv_str(jv_get(*it, "portName"), "");
        const struct jv *target = jv_find(components, "name", name);
        jv_set(a, ref, "env", jv_dup(a, jv_get(*it, "env")));
        jv_set_str(a, ref, "component", name);
        jv_set_int(a, ref, "index", jv_get_int(*it, "index", 0));
        if (ports) {
            jv_set_str(a, ref, "port", port);
            if (!allocates(a, target, port)) jv_set(a, ref, "number", jv_dup(a, declared_port(target, port)));
        } else {
            jv_set_str(a, ref, "service", jv_get_str(target, "serviceName"));
        }
        jv_push(a, into, ref);
    }
}

/* The variables that the component's pods get from other components. */
static struct jv *wiring(struct arena *a, const struct jv *components, const struct jv *component) {
    const struct jv *d = directive(a, component, A_COMPONENT_DISCOVERY);
    struct jv *out = jv_new_arr(a);
    add_wiring(a, out, components, jv_get(d, "addressRefs"), false);
    add_wiring(a, out, components, jv_get(d, "portRefs"), true);
    return out;
}

static const char *directive_obstacle(struct arena *a, const struct jv *old, const struct jv *new, const struct jv *oc,
                                      const struct jv *nc, const char *path) {
    const char *changed = NULL;
    if (!jv_eq(directive(a, oc, A_PORT_ALLOCATOR), directive(a, nc, A_PORT_ALLOCATOR))) changed = A_PORT_ALLOCATOR;
    if (!jv_eq(wiring(a, old, oc), wiring(a, new, nc))) changed = A_COMPONENT_DISCOVERY;
    return changed ? arena_printf(a, "%s.annotations[%s]", path, changed) : NULL;
}

/* ---- metadata ---- */

static struct jv *map_patch(struct arena *a, const struct jv *old, const struct jv *new) {
    struct jv *none = jv_new_obj(a), *patch = merge_patch_diff(a, jv_is(old, J_OBJ) ? old : none, jv_is(new, J_OBJ) ? new : none);
    jv_del(patch, A_COMPONENT_DISCOVERY); /* no pod has it: it is read when the pod is made */
    return patch;
}

static bool lists(const struct jv *list, const struct jv *value) {
    JV_FOR_ARR(it, list)
        if (jv_eq(*it, value)) return true;
    return false;
}

/* Those of `list` that `other` lacks. */
static struct jv *missing(struct arena *a, const struct jv *list, const struct jv *other) {
    struct jv *out = jv_new_arr(a);
    JV_FOR_ARR(it, list)
        if (!lists(other, *it)) jv_push(a, out, jv_dup(a, *it));
    return out;
}

static struct jv *metadata_patch(struct arena *a, const struct jv *old, const struct jv *new) {
    static const char *const maps[] = {"labels", "annotations"};
    struct jv *out = jv_new_obj(a);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        struct jv *patch = map_patch(a, jv_get(old, maps[i]), jv_get(new, maps[i]));
        if (jv_len(patch)) jv_set(a, out, maps[i], patch);
    }
    struct jv *added = missing(a, jv_get(new, "finalizers"), jv_get(old, "finalizers")),
              *removed = missing(a, jv_get(old, "finalizers"), jv_get(new, "finalizers"));
    if (jv_len(added)) jv_set(a, out, "finalizers", added);
    if (jv_len(removed)) jv_set(a, out, "$deleteFromPrimitiveList/finalizers", removed);
    return out;
}

/* Does the container have a variable from this label or annotation of its pod? Ours are identities: a pod that lacks one is given
 * it, and is no other pod for that. */
static bool reads(struct arena *a, const struct jv *container, const char *map, const struct jv *changed) {
    JV_FOR_ARR(env, jv_get(container, "env")) {
        const char *path = jv_str(jv_path(*env, "valueFrom", "fieldRef", "fieldPath", (char *)0), "");
        JV_FOR_OBJ(m, changed)
            if (!str_has_prefix(m->key, P_) && str_eq(path, arena_printf(a, "metadata.%s['%s']", map, m->key))) return true;
    }
    return false;
}

/* The first changed label or annotation that a container which is not started anew has in its environment. */
static const char *environment_obstacle(struct arena *a, const struct jv *spec, const struct inplace *d, const char *path) {
    static const char *const maps[] = {"labels", "annotations"}, *const lists_of[] = {"containers", "initContainers"};
    for (size_t m = 0; m < sizeof maps / sizeof *maps; m++)
        for (size_t l = 0; l < sizeof lists_of / sizeof *lists_of; l++)
            JV_FOR_ARR(c, jv_get(spec, lists_of[l])) {
                const char *name = jv_str(jv_get(*c, "name"), "");
                if (l == 0 && jv_get(d->images, name)) continue;
                if (reads(a, *c, maps[m], jv_get(d->metadata, maps[m])))
                    return arena_printf(a, "%s.%s, which the environment of container %s reads", path, maps[m], name);
            }
    return NULL;
}

/* ---- the whole ---- */

static const char *find_obstacle(struct arena *a, const struct jv *old, const struct jv *new, const char *name, struct inplace *d) {
    const struct jv *oc = jv_find(old, "name", name), *nc = jv_find(new, "name", name);
    const char *path = arena_printf(a, "components[%s]", name);
    const struct jv *ot = jv_get(oc, "template"), *nt = jv_get(nc, "template");
    if (!ot || !nt) return path;
    if (!str_eq(jv_str(jv_get(oc, "serviceName"), ""), jv_str(jv_get(nc, "serviceName"), "")))
        return arena_printf(a, "%s.serviceName", path);
    const char *spec = arena_printf(a, "%s.template.spec", path), *meta = arena_printf(a, "%s.template.metadata", path);
    const char *obstacle = spec_obstacle(a, jv_get(ot, "spec"), jv_get(nt, "spec"), spec, d->images);
    if (!obstacle) obstacle = directive_obstacle(a, old, new, oc, nc, meta);
    d->metadata = metadata_patch(a, jv_get(ot, "metadata"), jv_get(nt, "metadata"));
    return obstacle ? obstacle : environment_obstacle(a, jv_get(nt, "spec"), d, meta);
}

struct inplace inplace_component(struct arena *a, const struct jv *old, const struct jv *new, const char *name) {
    struct inplace d = {.images = jv_new_obj(a), .metadata = jv_new_obj(a)};
    d.obstacle = find_obstacle(a, old, new, name, &d);
    return d;
}

const char *inplace_obstacle(struct arena *a, const struct jv *old, const struct jv *new) {
    if (!named_alike(old, new)) return "components";
    for (size_t i = 0; i < jv_len(new); i++) {
        const struct jv *o = jv_idx(old, i), *n = jv_idx(new, i);
        const char *name = jv_get_str(n, "name");
        if (jv_get_int(o, "size", 1) != jv_get_int(n, "size", 1)) return arena_printf(a, "components[%s].size", name);
        struct inplace d = inplace_component(a, old, new, name);
        if (d.obstacle) return d.obstacle;
    }
    return NULL;
}
