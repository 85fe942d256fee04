/* What is stored already may be larger than what admission lets in today, or have come by another way: through a scaling adapter, a
 * scale subresource, or around the schema. The controllers ask here before they make anything from it. Pure. */
#include "api/limits.h"

#include "api/model.h"
#include "base/err.h"
#include "base/str.h"
#include "doc/scalar.h"

enum { LOOKED_AT = 4 }; /* times the maximum: lists from before there was one are still worked with */

int rbg_spec_limits(const struct rbg_spec *s, struct err *e) {
    if (s->roles.n > LOOKED_AT * ROLES_MAX)
        return err_set(e, ERR_LIMIT, "spec.roles: %zu roles are too many, a group may have %d: write several groups", s->roles.n,
                       ROLES_MAX);
    if (s->role_templates.n > LOOKED_AT * TEMPLATES_MAX)
        return err_set(e, ERR_LIMIT, "spec.roleTemplates: %zu role templates are too many, a group may have %d: remove those "
                       "that no role names", s->role_templates.n, TEMPLATES_MAX);
    return 0;
}

int rbg_pods_limits(const struct rbg_spec *s, struct err *e) {
    int64_t pods = 0;
    for (size_t i = 0; i < s->roles.n; i++) {
        const struct role *r = &s->roles.items[i];
        int64_t n = role_pods(r);
        if (n > PODS_MAX)
            return err_set(e, ERR_LIMIT, "spec.roles[%zu]: role %s wants %d replicas of %d pods, a group may have %d pods: lower "
                           "its replicas, or scale its adapter if it has one", i, r->name ? r->name : "", (int)role_replicas(r),
                           (int)role_group_size(r), PODS_MAX);
        pods += n;
    }
    if (pods > PODS_MAX)
        return err_set(e, ERR_LIMIT, "spec.roles: the roles want %lld pods together, a group may have %d: lower their replicas, or "
                       "write several groups", (long long)pods, PODS_MAX);
    return 0;
}

static int64_t pods_of(const struct ri_spec *s) {
    int64_t pods = 0;
    for (size_t i = 0; i < s->components.n; i++) {
        int32_t size = component_size(&s->components.items[i]);
        pods += size > 0 ? size : 0;
    }
    return pods;
}

static int component_limits(const struct ri_spec *s, const char *path, struct err *e) {
    if (s->components.n > LOOKED_AT * COMPONENTS_MAX)
        return err_set(e, ERR_LIMIT, "%s: %zu components are too many, an instance may have %d", path, s->components.n,
                       COMPONENTS_MAX);
    for (size_t i = 0; i < s->components.n; i++) {
        const char *name = s->components.items[i].name, *wrong = str_empty(name) ? NULL : name_dns1123_label(name);
        if (wrong)
            return err_set(e, ERR_INVALID, "%s[%zu].name: \"%.100s\" can't be part of the name of a pod: it %s", path, i, name,
                           wrong);
    }
    return 0;
}

int ris_limits(const struct ris *s, struct err *e) {
    static const char path[] = "spec.roleInstanceTemplate.components";
    int64_t replicas = s->spec.replicas.set ? s->spec.replicas.v : 1, each = pods_of(&s->spec.template);
    if (component_limits(&s->spec.template, path, e)) return -1;
    if (replicas <= PODS_MAX && replicas * each <= PODS_MAX) return 0;
    return err_set(e, ERR_LIMIT, "spec.replicas: %lld instances of %lld pods are too many, a set may have %d pods: lower it",
                   (long long)replicas, (long long)each, PODS_MAX);
}

int ri_limits(const struct ri *i, struct err *e) {
    int64_t pods = pods_of(&i->spec);
    if (component_limits(&i->spec, "spec.components", e)) return -1;
    if (pods <= PODS_MAX) return 0;
    return err_set(e, ERR_LIMIT, "spec.components: %lld pods are too many, an instance may have %d: lower their sizes",
                   (long long)pods, PODS_MAX);
}
