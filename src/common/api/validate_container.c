/* A container: image, ports, environment. Pure. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "doc/scalar.h"
#include "validate.h"
#include "validate_place.h"

#define PORT_MAX 65535

/* ---- ports ---- */

/* Two containers of a pod can't have one port of the node. */
static void check_host_port(struct pod_check *k, const struct place *at, bool init) {
    struct place host = place_field(at, "hostPort");
    int64_t n = jv_int(host.v, 0), inside = jv_get_int(at->v, "containerPort", n);
    if (n <= 0 || n > PORT_MAX) return;
    if (jv_get_bool(k->spec->v, "hostNetwork", false) && n != inside)
        place_problem(k->p, &host, PROBLEM_INVALID,
                      "with hostNetwork the container's port is the node's: write %lld",
                      (long long)inside);
    const char *proto = jv_get_str(at->v, "protocol"), *ip = jv_get_str(at->v, "hostIP");
    const char *key = arena_printf(k->p->a, "%s/%s/%lld", str_empty(proto) ? "TCP" : proto,
                                   ip ? ip : "", (long long)n);
    if (!init && map_put(k->host_ports, key, k))
        place_problem(k->p, &host, PROBLEM_DUPLICATE, "another port of the pod is there already");
}

static void check_ports(struct pod_check *k, const struct place *c, bool init) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("containerPort"),
         .needs = "write the port's number",
         .bounded = true,
         .min = 1,
         .max = PORT_MAX},
        {PLACE_FIELD("hostPort"), .bounded = true, .max = PORT_MAX},
        {PLACE_FIELD("protocol"), .enums = "TCP|UDP|SCTP"},
        {PLACE_FIELD("name"), .text = name_port}};
    struct place list = place_field(c, "ports");
    struct map *seen = map_in(k->p->a);
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place at = place_item(&list, i), name = place_field(&at, "name");
        if (place_mistyped(&at, J_OBJ)) continue;
        PLACE_RULES(k->p, &at, rules);
        place_unique(k->p, &name, seen, "a port");
        check_host_port(k, &at, init);
    }
}

/* ---- environment ---- */

/* Newer servers allow nearly anything as a variable's name; what all of them refuse is refused
 * here. */
static const char *env_rule(const char *s) {
    for (; *s; s++)
        if (*s == '=' || (unsigned char)*s < ' ' || (unsigned char)*s > '~')
            return "must consist of printable ASCII characters other than '='";
    return NULL;
}

static bool one_of(const char *s, const char *const *words, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (str_eq(s, words[i])) return true;
    return false;
}

/* "metadata.labels['key']": the key; NULL when it is no such path. */
static const char *subscript(struct arena *a, const char *path, const char *map) {
    size_t n = strlen(map), len = strlen(path);
    if (strncmp(path, map, n) || len < n + 4 || strncmp(path + n, "['", 2) ||
        strcmp(path + len - 2, "']"))
        return NULL;
    return arena_strndup(a, path + n + 2, len - n - 4);
}

void check_field_ref(struct problems *p, const struct place *at, bool volume) {
    static const char *const of_env[] = {
        "metadata.name",   "metadata.namespace", "metadata.uid",  "spec.nodeName",
        "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP",
        "status.podIPs"};
    static const char *const of_volumes[] = {"metadata.name", "metadata.namespace", "metadata.uid",
                                             "metadata.labels", "metadata.annotations"};
    static const struct place_rule rules[] = {
        {PLACE_FIELD("apiVersion"), .enums = "v1"},
        {PLACE_FIELD("fieldPath"), .needs = "write a field of the pod, such as metadata.name"}};
    struct place path = place_field(at, "fieldPath");
    const char *s = place_text(&path), *key;
    PLACE_RULES(p, at, rules);
    if (!*s) return;
    key = subscript(p->a, s, "metadata.labels");
    if (!key) key = subscript(p->a, s, "metadata.annotations");
    const char *wrong = key ? name_qualified(key) : NULL;
    /* Annotations may be written in capitals. */
    if (wrong && !strncmp(s, "metadata.annotations", 20)) {
        char *lower = arena_strdup(p->a, key);
        for (char *c = lower; *c; c++)
            if (*c >= 'A' && *c <= 'Z') *c = (char)(*c + 32);
        wrong = name_qualified(lower);
    }
    if (wrong)
        place_problem(p, &path, PROBLEM_INVALID, "no valid key: %s", wrong);
    if (key) return;
    struct words known = volume ? (struct words){(const char **)(uintptr_t)of_volumes, 5}
                                : (struct words){(const char **)(uintptr_t)of_env, 9};
    if (!one_of(s, known.items, known.n))
        place_problem(p, &path, PROBLEM_NOT_SUPPORTED,
                      "write %s, metadata.labels['<key>'] or metadata.annotations['<key>']%s",
                      words_list(p->a, &known), did_you_mean(p->a, s, &known));
}

void check_resource_ref(struct problems *p, const struct place *at, bool volume) {
    static const char *const names[] = {"limits.cpu",   "limits.memory",   "limits.ephemeral-storage",
                                        "requests.cpu", "requests.memory", "requests.ephemeral-storage"};
    static const char *const of_cpu[] = {"1m", "1"};
    static const char *const of_bytes[] = {"1",   "1k",  "1M",  "1G",  "1T",  "1P", "1E",
                                           "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"};
    static const struct place_rule rules[] = {
        {PLACE_FIELD("resource"), .needs = "write a resource, such as limits.cpu"}};
    static const struct place_rule container[] = {
        {PLACE_FIELD("containerName"), .needs = "name the container"}};
    struct place name = place_field(at, "resource"), divisor = place_field(at, "divisor");
    const char *s = place_text(&name);
    struct words known = {(const char **)(uintptr_t)names, 6};
    PLACE_RULES(p, at, rules);
    if (volume) PLACE_RULES(p, at, container);
    if (!*s) return;
    if (!one_of(s, names, 6) && !str_has_prefix(s, "limits.hugepages-") &&
        !str_has_prefix(s, "requests.hugepages-")) {
        place_problem(p, &name, PROBLEM_NOT_SUPPORTED, "write %s%s", words_list(p->a, &known),
                      did_you_mean(p->a, s, &known));
        return;
    }
    if (!place_given(&divisor) || quantity_sign(divisor.v) == 0 || quantity_sign(divisor.v) == -2)
        return;
    bool cpu = str_has_suffix(s, ".cpu");
    const char *const *units = cpu ? of_cpu : of_bytes;
    size_t n = cpu ? 2 : sizeof of_bytes / sizeof *of_bytes;
    for (size_t i = 0; i < n; i++)
        if (quantity_cmp(divisor.v, jv_new_str(p->a, units[i])) == 0) return;
    place_problem(p, &divisor, PROBLEM_INVALID, "write %s",
                  cpu ? "1 or 1m" : "1, or one of a unit, such as 1Mi");
}

static void check_value_from(struct problems *p, const struct place *at) {
    static const char *const sources[] = {"fieldRef", "resourceFieldRef", "configMapKeyRef",
                                          "secretKeyRef", "fileKeyRef"};
    static const struct place_rule key[] = {
        {PLACE_FIELD("name"), .needs = "name the object"},
        {PLACE_FIELD("key"), .needs = "write a key", .text = text_file_key}};
    static const struct place_rule file[] = {
        {PLACE_FIELD("volumeName"), .needs = "name a volume", .text = name_dns1123_label},
        {PLACE_FIELD("path"), .needs = "write the file's path", .text = text_local_path},
        {PLACE_FIELD("key"), .needs = "write a key"}};
    const char *which = place_one_of(p, at, sources, 5, true);
    if (!which) return;
    struct place ref = place_field(at, which);
    if (place_mistyped(&ref, J_OBJ)) return;
    if (str_eq(which, "fieldRef"))
        check_field_ref(p, &ref, false);
    else if (str_eq(which, "resourceFieldRef"))
        check_resource_ref(p, &ref, false);
    else if (str_eq(which, "fileKeyRef"))
        PLACE_RULES(p, &ref, file);
    else
        PLACE_RULES(p, &ref, key);
}

static void check_env(struct problems *p, const struct place *c) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("name"), .needs = "a variable needs a name", .text = env_rule}};
    struct place list = place_field(c, "env");
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place at = place_item(&list, i), from = place_field(&at, "valueFrom");
        if (place_mistyped(&at, J_OBJ)) continue;
        PLACE_RULES(p, &at, rules);
        if (!place_given(&from)) continue;
        if (!jv_is_empty(jv_get(at.v, "value")))
            place_problem(p, &from, PROBLEM_FORBIDDEN,
                          "variable \"%s\" has a value already: keep one of value and valueFrom",
                          jv_str(jv_get(at.v, "name"), ""));
        check_value_from(p, &from);
    }
}

static void check_env_from(struct problems *p, const struct place *c) {
    static const char *const sources[] = {"configMapRef", "secretRef"};
    static const struct place_rule rules[] = {{PLACE_FIELD("prefix"), .text = env_rule}};
    static const struct place_rule named[] = {{PLACE_FIELD("name"), .needs = "name the object"}};
    struct place list = place_field(c, "envFrom");
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place at = place_item(&list, i);
        PLACE_RULES(p, &at, rules);
        const char *which = place_one_of(p, &at, sources, 2, true);
        if (!which) continue;
        struct place ref = place_field(&at, which);
        PLACE_RULES(p, &ref, named);
    }
}

/* ---- the container ---- */

static void check_image(struct problems *p, const struct place *c) {
    struct place image = place_field(c, "image");
    const char *s = place_text(&image);
    if (place_mistyped(&image, J_STR)) return;
    if (!*s)
        place_problem(p, &image, PROBLEM_REQUIRED, "container \"%s\" has no image",
                      jv_str(jv_get(c->v, "name"), ""));
    else if (*s == ' ' || s[strlen(s) - 1] == ' ')
        place_problem(p, &image, PROBLEM_INVALID, "remove the spaces around it");
}

void check_container(struct pod_check *k, const struct place *at, bool init) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("name"), .needs = "a container needs a name", .text = name_dns1123_label},
        {PLACE_FIELD("imagePullPolicy"), .enums = "Always|Never|IfNotPresent"},
        {PLACE_FIELD("terminationMessagePolicy"), .enums = "File|FallbackToLogsOnError"},
        {PLACE_FIELD("restartPolicy"), .enums = "Always|OnFailure|Never"}};
    struct place name = place_field(at, "name");
    if (place_mistyped(at, J_OBJ)) return;
    PLACE_RULES(k->p, at, rules);
    place_unique(k->p, &name, k->containers, "a container");
    check_image(k->p, at);
    check_ports(k, at, init);
    check_env(k->p, at);
    check_env_from(k->p, at);
    check_mounts(k, at);
    check_probes(k->p, at, k->spec, init);
    check_container_resources(k, at);
    check_container_security(k->p, at, k->spec);
}
