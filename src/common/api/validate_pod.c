/* What Kubernetes would refuse in a pod: the basics of core/v1 validation, for an effective pod
 * template. Only what every supported server refuses is refused here; a field that this program
 * does not know is a warning, because a newer server may. Paths are relative to the template.
 * Source of the rules: k8s.io/kubernetes/pkg/apis/core/validation. Pure. */
#include <string.h>

#include "api/names.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/scalar.h"
#include "validate.h"

struct pod_check {
    struct problems *p;
    const struct jv *spec;
    struct map *containers, *volumes; /* names seen so far */
    bool injected;
};

/* Elements of an array; 0 for anything else, which the type check has reported. */
static size_t count(const struct jv *v) {
    return jv_is(v, J_ARR) ? v->len : 0;
}

/* Something is there, but no string: reported as a wrong type. */
static bool mistyped(const struct jv *v) {
    return v && v->type != J_STR && v->type != J_NULL;
}

static char *at(struct problems *p, const char *path, const char *field) {
    return arena_printf(p->a, "%s.%s", path, field);
}

static char *item(struct problems *p, const char *path, const char *field, size_t i) {
    return arena_printf(p->a, "%s.%s[%zu]", path, field, i);
}

/* A required name that obeys a rule and is new; *name NULL when it is not usable. */
static void check_name(struct problems *p, const char *path, const struct jv *holder,
                       const char *(*rule)(const char *), struct map *seen, const char *what) {
    const struct jv *v = jv_get(holder, "name");
    if (mistyped(v)) return;
    const char *name = jv_str(v, "");
    const char *where = at(p, path, "name"), *wrong = *name ? rule(name) : NULL;
    if (!*name)
        problem_add(p, where, PROBLEM_REQUIRED, NULL, "%s needs a name", what);
    else if (wrong)
        problem_add(p, where, PROBLEM_INVALID, v, "the name of %s %s", what, wrong);
    else if (map_put(seen, name, seen))
        problem_add(p, where, PROBLEM_DUPLICATE, v, "the name of %s must be unique: rename one",
                    what);
}

/* ---- a container ---- */

static void check_ports(struct problems *p, const char *path, const struct jv *c) {
    struct map *seen = map_new();
    for (size_t i = 0; i < count(jv_get(c, "ports")); i++) {
        const struct jv *port = jv_idx(jv_get(c, "ports"), i),
                        *number = jv_get(port, "containerPort");
        const char *where = item(p, path, "ports", i);
        int64_t n = jv_int(number, -1);
        if (!number)
            problem_add(p, at(p, where, "containerPort"), PROBLEM_REQUIRED, NULL,
                        "write the port's number");
        else if (n < 1 || n > 65535)
            problem_add(p, at(p, where, "containerPort"), PROBLEM_INVALID, number,
                        "a port is a number from 1 to 65535");
        const struct jv *host = jv_get(port, "hostPort");
        if (host && (jv_int(host, -1) < 0 || jv_int(host, -1) > 65535))
            problem_add(p, at(p, where, "hostPort"), PROBLEM_INVALID, host,
                        "a port is a number from 1 to 65535");
        const char *proto = jv_get_str(port, "protocol");
        if (proto && !str_eq(proto, "TCP") && !str_eq(proto, "UDP") && !str_eq(proto, "SCTP"))
            problem_add(p, at(p, where, "protocol"), PROBLEM_NOT_SUPPORTED,
                        jv_get(port, "protocol"), "write TCP, UDP or SCTP");
        if (!str_empty(jv_get_str(port, "name")))
            check_name(p, where, port, name_port, seen, "a port");
    }
    map_free(seen);
}

/* Newer servers allow nearly anything as a variable's name; what all of them refuse is refused
 * here. */
static const char *env_rule(const char *s) {
    for (; *s; s++)
        if (*s == '=' || (unsigned char)*s < ' ' || (unsigned char)*s > '~')
            return "must consist of printable ASCII characters other than '='";
    return NULL;
}

static void check_env(struct problems *p, const char *path, const struct jv *c) {
    for (size_t i = 0; i < count(jv_get(c, "env")); i++) {
        const struct jv *env = jv_idx(jv_get(c, "env"), i), *name = jv_get(env, "name");
        const char *where = item(p, path, "env", i), *wrong = env_rule(jv_str(name, ""));
        if (mistyped(name)) continue;
        if (jv_is_empty(name))
            problem_add(p, at(p, where, "name"), PROBLEM_REQUIRED, NULL, "a variable needs a name");
        else if (wrong)
            problem_add(p, at(p, where, "name"), PROBLEM_INVALID, name, "the name of a variable %s",
                        wrong);
        if (!jv_is_empty(jv_get(env, "value")) && !jv_is_empty(jv_get(env, "valueFrom")))
            problem_add(p, at(p, where, "valueFrom"), PROBLEM_FORBIDDEN, NULL,
                        "variable \"%s\" has a value already: keep one of value and valueFrom",
                        jv_str(name, ""));
    }
}

static void check_volume_name(const struct pod_check *k, const char *where, const struct jv *name) {
    const char *s = jv_str(name, "");
    if (!*s) {
        problem_add(k->p, at(k->p, where, "name"), PROBLEM_REQUIRED, NULL,
                    "name one of spec.volumes");
        return;
    }
    if (k->injected || map_has(k->volumes, s) || str_eq(s, DISCOVERY_VOLUME)) return;
    const struct jv *volumes = jv_get(k->spec, "volumes");
    struct words known = {ARENA_ARRAY(k->p->a, count(volumes), const char *), count(volumes)};
    for (size_t i = 0; i < known.n; i++) known.items[i] = jv_get_str(jv_idx(volumes, i), "name");
    problem_add(k->p, at(k->p, where, "name"), PROBLEM_NOT_FOUND, name,
                "the pod has no volume of this name%s: add it to spec.volumes",
                did_you_mean(k->p->a, s, &known));
}

static void check_mounts(const struct pod_check *k, const char *path, const struct jv *c) {
    struct map *paths = map_new();
    for (size_t i = 0; i < count(jv_get(c, "volumeMounts")); i++) {
        const struct jv *m = jv_idx(jv_get(c, "volumeMounts"), i), *to = jv_get(m, "mountPath");
        const char *where = item(k->p, path, "volumeMounts", i);
        check_volume_name(k, where, jv_get(m, "name"));
        if (jv_is_empty(to))
            problem_add(k->p, at(k->p, where, "mountPath"), PROBLEM_REQUIRED, NULL,
                        "write where to mount the volume");
        else if (map_put(paths, jv_str(to, ""), paths))
            problem_add(k->p, at(k->p, where, "mountPath"), PROBLEM_DUPLICATE, to,
                        "two volumes can't be mounted at one path");
    }
    for (size_t i = 0; i < count(jv_get(c, "volumeDevices")); i++)
        check_volume_name(k, item(k->p, path, "volumeDevices", i),
                          jv_get(jv_idx(jv_get(c, "volumeDevices"), i), "name"));
    map_free(paths);
}

static void check_resources(struct problems *p, const char *path, const struct jv *c) {
    static const char *const lists[] = {"limits", "requests"};
    const struct jv *limits = jv_path(c, "resources", "limits", (char *)0);
    for (size_t i = 0; i < 2; i++) {
        JV_FOR_OBJ(m, jv_path(c, "resources", lists[i], (char *)0)) {
            const char *where = arena_printf(p->a, "%s.resources.%s[%s]", path, lists[i], m->key),
                       *wrong = name_qualified(m->key);
            const struct jv *limit = i == 1 ? jv_get(limits, m->key) : NULL;
            int sign = quantity_sign(m->val);
            if (wrong)
                problem_add(p, where, PROBLEM_INVALID, jv_new_str(p->a, m->key),
                            "no valid name of a resource: %s", wrong);
            if (sign == -2) continue; /* no quantity: reported as a wrong type */
            if (sign < 0)
                problem_add(p, where, PROBLEM_INVALID, m->val, "must not be negative");
            else if (limit && quantity_cmp(m->val, limit) > 0)
                problem_add(
                    p, where, PROBLEM_INVALID, m->val,
                    "the request must not exceed the limit %s: lower it, or raise the limit",
                    json_text(p->a, limit));
        }
    }
}

static void check_container(const struct pod_check *k, const char *path, const struct jv *c) {
    check_name(k->p, path, c, name_dns1123_label, k->containers, "a container");
    const struct jv *image = jv_get(c, "image");
    const char *s = jv_str(image, "");
    if (!*s && !mistyped(image))
        problem_add(k->p, at(k->p, path, "image"), PROBLEM_REQUIRED, NULL,
                    "container \"%s\" has no image", jv_str(jv_get(c, "name"), ""));
    else if (*s && (*s == ' ' || s[strlen(s) - 1] == ' '))
        problem_add(k->p, at(k->p, path, "image"), PROBLEM_INVALID, image,
                    "remove the spaces around it");
    check_ports(k->p, path, c);
    check_env(k->p, path, c);
    check_mounts(k, path, c);
    check_resources(k->p, path, c);
}

/* ---- the pod ---- */

static void check_volumes(const struct pod_check *k) {
    const struct jv *volumes = jv_get(k->spec, "volumes");
    for (size_t i = 0; i < count(volumes); i++)
        check_name(k->p, item(k->p, "spec", "volumes", i), jv_idx(volumes, i), name_dns1123_label,
                   k->volumes, "a volume");
}

static void check_metadata(struct problems *p, const struct jv *tpl) {
    JV_FOR_OBJ(m, jv_path(tpl, "metadata", "labels", (char *)0)) {
        const char *where = arena_printf(p->a, "metadata.labels[%s]", m->key),
                   *wrong = name_qualified(m->key);
        if (wrong)
            problem_add(p, where, PROBLEM_INVALID, jv_new_str(p->a, m->key),
                        "no valid label key: %s", wrong);
        wrong = jv_is(m->val, J_STR) ? name_label_value(m->val->s) : NULL;
        if (wrong)
            problem_add(p, where, PROBLEM_INVALID, m->val, "no valid label value: %s", wrong);
    }
    JV_FOR_OBJ(n, jv_path(tpl, "metadata", "annotations", (char *)0)) {
        const char *wrong = name_qualified(n->key);
        if (wrong)
            problem_add(p, arena_printf(p->a, "metadata.annotations[%s]", n->key), PROBLEM_INVALID,
                        jv_new_str(p->a, n->key), "no valid annotation key: %s", wrong);
    }
}

static void check_containers(const struct pod_check *k) {
    const struct jv *list = jv_get(k->spec, "containers");
    if (count(list) == 0)
        problem_add(k->p, "spec.containers", PROBLEM_REQUIRED, NULL,
                    "a pod needs at least one container, and here none is left");
    for (size_t i = 0; i < count(list); i++)
        check_container(k, item(k->p, "spec", "containers", i), jv_idx(list, i));
    list = jv_get(k->spec, "initContainers");
    for (size_t i = 0; i < count(list); i++)
        check_container(k, item(k->p, "spec", "initContainers", i), jv_idx(list, i));
}

void check_pod_template(struct problems *p, const struct jv *tpl, bool injected) {
    check_pod_types(p, tpl);
    struct pod_check k = {.p = p, .spec = jv_get(tpl, "spec"), .injected = injected};
    k.containers = map_new();
    k.volumes = map_new();
    check_metadata(p, tpl);
    check_volumes(&k);
    check_containers(&k);
    const struct jv *restart = jv_get(k.spec, "restartPolicy");
    const char *s = jv_str(restart, "Always");
    if (*s && !str_eq(s, "Always") && !str_eq(s, "OnFailure") && !str_eq(s, "Never"))
        problem_add(p, "spec.restartPolicy", PROBLEM_NOT_SUPPORTED, restart,
                    "write Always, OnFailure or Never");
    map_free(k.containers);
    map_free(k.volumes);
}
