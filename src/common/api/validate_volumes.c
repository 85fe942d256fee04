/* Volumes of a pod, their sources, and where containers mount them. Sources that have no rules of
 * their own are held to the field table: what it requires has to say something. Pure. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "doc/find.h"
#include "doc/scalar.h"
#include "validate.h"
#include "validate_place.h"

enum { MODE_MAX = 0777, TOKEN_SECONDS_MIN = 600 };
#define TOKEN_SECONDS_MAX (INT64_C(1) << 32)

#define MODE_RULE(name) {PLACE_FIELD(name), .bounded = true, .max = MODE_MAX}

/* ---- files in a volume ---- */

static const struct place_rule item_rules[] = {
    {PLACE_FIELD("key"), .needs = "write a key"},
    {PLACE_FIELD("path"), .needs = "write the file's path", .text = text_local_path},
    MODE_RULE("mode"),
};

/* paths: files of a projected volume so far, which must not meet; NULL elsewhere. */
static void unique_path(struct problems *p, const struct place *path, struct map *paths) {
    if (paths && *place_text(path) && map_put(paths, place_text(path), paths))
        place_problem(p, path, PROBLEM_INVALID, "another source puts a file there: rename one");
}

static void check_items(struct problems *p, const struct place *source, struct map *paths) {
    struct place items = place_field(source, "items");
    for (size_t i = 0; i < place_len(&items); i++) {
        struct place at = place_item(&items, i), path = place_field(&at, "path");
        PLACE_RULES(p, &at, item_rules);
        unique_path(p, &path, paths);
    }
}

static void check_downward(struct problems *p, const struct place *source, struct map *paths) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("path"), .needs = "write the file's path", .text = text_local_path},
        MODE_RULE("mode")};
    static const char *const refs[] = {"fieldRef", "resourceFieldRef"};
    struct place items = place_field(source, "items");
    for (size_t i = 0; i < place_len(&items); i++) {
        struct place at = place_item(&items, i), path = place_field(&at, "path");
        PLACE_RULES(p, &at, rules);
        unique_path(p, &path, paths);
        const char *which = place_one_of(p, &at, refs, 2, true);
        if (!which) continue;
        struct place ref = place_field(&at, which);
        if (str_eq(which, "fieldRef"))
            check_field_ref(p, &ref, true);
        else
            check_resource_ref(p, &ref, true);
    }
}

/* ---- sources ---- */

static void check_empty_dir(struct problems *p, const struct place *at) {
    struct place limit = place_field(at, "sizeLimit");
    if (quantity_sign(limit.v) == -1)
        place_problem(p, &limit, PROBLEM_INVALID, "must not be negative");
}

static void check_host_path(struct problems *p, const struct place *at) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("path"), .needs = "write a path on the node", .text = text_no_backsteps},
        {PLACE_FIELD("type"),
         .enums = "DirectoryOrCreate|Directory|FileOrCreate|File|Socket|CharDevice|BlockDevice"}};
    PLACE_RULES(p, at, rules);
}

static void check_secret(struct problems *p, const struct place *at) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("secretName"), .needs = "name a Secret"}, MODE_RULE("defaultMode")};
    PLACE_RULES(p, at, rules);
    check_items(p, at, NULL);
}

static void check_config_map(struct problems *p, const struct place *at) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("name"), .needs = "name a ConfigMap"}, MODE_RULE("defaultMode")};
    PLACE_RULES(p, at, rules);
    check_items(p, at, NULL);
}

static void check_downward_volume(struct problems *p, const struct place *at) {
    static const struct place_rule rules[] = {MODE_RULE("defaultMode")};
    PLACE_RULES(p, at, rules);
    check_downward(p, at, NULL);
}

static void check_nfs(struct problems *p, const struct place *at) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("server"), .needs = "name the server"},
        {PLACE_FIELD("path"), .needs = "write the exported path", .text = text_absolute_path}};
    PLACE_RULES(p, at, rules);
}

static const char *driver_name(const char *s) {
    if (strlen(s) > 63) return "must be no more than 63 characters";
    char lower[64];
    size_t n = strlen(s);
    for (size_t i = 0; i <= n; i++) lower[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + 32 : s[i]);
    return name_dns1123_subdomain(lower);
}

static void check_csi(struct problems *p, const struct place *at) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("driver"), .needs = "name a driver", .text = driver_name}};
    static const struct place_rule secret[] = {{PLACE_FIELD("name"), .needs = "name a Secret"}};
    struct place ref = place_field(at, "nodePublishSecretRef");
    PLACE_RULES(p, at, rules);
    if (place_given(&ref)) PLACE_RULES(p, &ref, secret);
}

static void check_image(struct problems *p, const struct place *at) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("pullPolicy"), .enums = "Always|Never|IfNotPresent"}};
    PLACE_RULES(p, at, rules);
}

/* What a claim is filled from. */
static void check_data_source(struct problems *p, const struct place *at) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("name"), .needs = "name the object"},
        {PLACE_FIELD("kind"), .needs = "write the kind of the object"}};
    struct place kind = place_field(at, "kind");
    if (!place_given(at) || place_mistyped(at, J_OBJ)) return;
    PLACE_RULES(p, at, rules);
    if (*place_text(&kind) && str_empty(jv_get_str(at->v, "apiGroup")) &&
        !str_eq(place_text(&kind), "PersistentVolumeClaim"))
        place_problem(p, &kind, PROBLEM_INVALID,
                      "without apiGroup it must be PersistentVolumeClaim: write apiGroup too");
}

static void check_ephemeral(struct problems *p, const struct place *at) {
    struct place claim = place_field(at, "volumeClaimTemplate"), spec = place_field(&claim, "spec"),
                 list = place_field(&spec, "accessModes"),
                 resources = place_field(&spec, "resources"),
                 requests = place_field(&resources, "requests"),
                 size = place_field(&requests, "storage"),
                 selector = place_field(&spec, "selector"),
                 source = place_field(&spec, "dataSource"),
                 other = place_field(&spec, "dataSourceRef");
    if (!place_given(&claim)) {
        place_problem(p, &claim, PROBLEM_REQUIRED, "write the template of the claim");
        return;
    }
    if (place_len(&list) == 0 && !place_mistyped(&list, J_ARR))
        place_problem(p, &list, PROBLEM_REQUIRED, "write at least one, such as ReadWriteOnce");
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place mode = place_item(&list, i);
        const char *s = place_text(&mode);
        if (!str_eq(s, "ReadWriteOnce") && !str_eq(s, "ReadOnlyMany") &&
            !str_eq(s, "ReadWriteMany") && !str_eq(s, "ReadWriteOncePod"))
            place_problem(p, &mode, PROBLEM_NOT_SUPPORTED,
                          "write ReadWriteOnce, ReadOnlyMany, ReadWriteMany or ReadWriteOncePod");
    }
    if (!place_given(&size))
        place_problem(p, &size, PROBLEM_REQUIRED, "write how much storage to ask for");
    else if (quantity_sign(size.v) == 0 || quantity_sign(size.v) == -1)
        place_problem(p, &size, PROBLEM_INVALID, "must be greater than 0");
    check_label_selector(p, &selector);
    check_data_source(p, &source);
    check_data_source(p, &other);
}

static void check_token(struct problems *p, const struct place *at, struct map *paths) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("path"), .needs = "write the file's path", .text = text_local_path},
        {PLACE_FIELD("expirationSeconds"),
         .bounded = true,
         .min = TOKEN_SECONDS_MIN,
         .max = TOKEN_SECONDS_MAX}};
    struct place path = place_field(at, "path");
    PLACE_RULES(p, at, rules);
    unique_path(p, &path, paths);
}

static void check_projection(struct problems *p, const struct place *at, struct map *paths) {
    static const char *const kinds[] = {"secret",      "configMap",          "downwardAPI",
                                        "serviceAccountToken", "clusterTrustBundle",
                                        "podCertificate"};
    static const struct place_rule named[] = {{PLACE_FIELD("name"), .needs = "name the object"}};
    const char *which = place_one_of(p, at, kinds, 6, false);
    if (!which) return;
    struct place source = place_field(at, which);
    if (place_mistyped(&source, J_OBJ)) return;
    if (str_eq(which, "serviceAccountToken")) check_token(p, &source, paths);
    if (str_eq(which, "downwardAPI")) check_downward(p, &source, paths);
    if (!str_eq(which, "secret") && !str_eq(which, "configMap")) return;
    PLACE_RULES(p, &source, named);
    check_items(p, &source, paths);
}

static void check_projected(struct problems *p, const struct place *at) {
    static const struct place_rule rules[] = {MODE_RULE("defaultMode")};
    struct place list = place_field(at, "sources");
    struct map *paths = map_in(p->a);
    PLACE_RULES(p, at, rules);
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place source = place_item(&list, i);
        check_projection(p, &source, paths);
    }
}

static const struct {
    const char *source;
    void (*check)(struct problems *p, const struct place *at);
} sources[] = {
    {"emptyDir", check_empty_dir},   {"hostPath", check_host_path},
    {"secret", check_secret},        {"configMap", check_config_map},
    {"projected", check_projected},  {"downwardAPI", check_downward_volume},
    {"nfs", check_nfs},              {"csi", check_csi},
    {"ephemeral", check_ephemeral},  {"image", check_image},
};

static void check_required(struct problems *p, const struct place *at, const struct type *t) {
    for (size_t i = 0; t && i < t->nfields; i++) {
        struct place v = place_field(at, t->fields[i].key);
        bool said = v.v && v.v->type != J_NULL &&
                    !((v.v->type == J_STR || v.v->type == J_ARR) && v.v->len == 0);
        if ((t->fields[i].flags & FF_REQUIRED) && !said)
            place_problem(p, &v, PROBLEM_REQUIRED, "a volume of this kind needs it");
    }
}

/* The source that is given, when it is one; they are the members of core/v1 Volume that are objects. */
static const struct field *source_of(struct problems *p, const struct place *volume) {
    const struct field *first = NULL, *last = NULL;
    JV_FOR_OBJ(m, volume->v) {
        const struct field *f = type_fieldn(&core_Volume, m->key, m->klen);
        if (!f || f->kind != F_OBJECT || m->val->type == J_NULL) continue;
        if (!first || f < first) first = f;
        if (!last || f > last) last = f;
    }
    if (first == last) return first;
    place_problem(p, volume, PROBLEM_FORBIDDEN, "%s and %s are both given: keep one of them",
                  first->key, last->key);
    return NULL;
}

static void check_source(struct problems *p, const struct place *volume) {
    const struct field *which = source_of(p, volume);
    if (!which) return;
    struct place source = place_field(volume, which->key);
    if (place_mistyped(&source, J_OBJ)) return;
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (!str_eq(sources[i].source, which->key)) continue;
        sources[i].check(p, &source);
        return;
    }
    check_required(p, &source, which->type);
}

void check_volumes(struct pod_check *k) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("name"), .needs = "a volume needs a name", .text = name_dns1123_label}};
    struct place list = place_field(k->spec, "volumes");
    for (size_t i = 0; i < place_len(&list); i++) {
        struct place at = place_item(&list, i), name = place_field(&at, "name");
        if (place_mistyped(&at, J_OBJ)) continue;
        PLACE_RULES(k->p, &at, rules);
        place_unique(k->p, &name, k->volumes, "a volume");
        check_source(k->p, &at);
    }
}

/* ---- mounts ---- */

static struct words *volume_names(struct pod_check *k) {
    const struct jv *volumes = jv_get(k->spec->v, "volumes");
    struct words *all = k->volume_names;
    if (all) return all;
    all = k->volume_names = ARENA_NEW(k->p->a, struct words);
    all->items = ARENA_ARRAY(k->p->a, jv_len(volumes), const char *);
    JV_FOR_ARR(it, volumes)
    if (jv_get_str(*it, "name")) all->items[all->n++] = jv_get_str(*it, "name");
    return all;
}

/* The volume that is meant; NULL when it is none of the template's own. */
static const struct jv *check_volume_name(struct pod_check *k, const struct place *mount) {
    struct place name = place_field(mount, "name");
    const char *s = place_text(&name);
    if (place_mistyped(&name, J_STR)) return NULL;
    if (!*s) {
        place_problem(k->p, &name, PROBLEM_REQUIRED, "name one of spec.volumes");
        return NULL;
    }
    const struct jv *found = map_get(k->volumes, s);
    if (found || k->injected || str_eq(s, DISCOVERY_VOLUME)) return found;
    if (problems_full(k->p)) return NULL;
    place_problem(k->p, &name, PROBLEM_NOT_FOUND,
                  "the pod has no volume of this name%s: add it to spec.volumes",
                  did_you_mean_one_of(k->p->a, s, volume_names(k)));
    return NULL;
}

static void check_propagation(struct problems *p, const struct place *mount,
                              const struct place *container) {
    struct place how = place_field(mount, "mountPropagation"),
                 deep = place_field(mount, "recursiveReadOnly");
    const char *s = place_text(&how), *d = place_text(&deep);
    const struct jv *privileged = jv_path(container->v, "securityContext", "privileged", (char *)0);
    if (str_eq(s, "Bidirectional") && !jv_bool(privileged, false))
        place_problem(p, &how, PROBLEM_FORBIDDEN,
                      "Bidirectional needs a privileged container: write "
                      "securityContext.privileged: true, or HostToContainer");
    if (!*d || str_eq(d, "Disabled")) return;
    if (!jv_get_bool(mount->v, "readOnly", false))
        place_problem(p, &deep, PROBLEM_FORBIDDEN, "the mount is writable: write readOnly: true");
    else if (*s && !str_eq(s, "None"))
        place_problem(p, &deep, PROBLEM_FORBIDDEN, "needs mountPropagation None");
}

static void check_mount(struct pod_check *k, const struct place *at, const struct place *container,
                        struct map *paths) {
    static const struct place_rule rules[] = {
        {PLACE_FIELD("mountPath"), .needs = "write where to mount the volume"},
        {PLACE_FIELD("subPath"), .text = text_local_path},
        {PLACE_FIELD("subPathExpr"), .text = text_local_path},
        {PLACE_FIELD("mountPropagation"), .enums = "None|HostToContainer|Bidirectional"},
        {PLACE_FIELD("recursiveReadOnly"), .enums = "Disabled|IfPossible|Enabled"}};
    struct place to = place_field(at, "mountPath"), expr = place_field(at, "subPathExpr");
    check_volume_name(k, at);
    PLACE_RULES(k->p, at, rules);
    check_propagation(k->p, at, container);
    if (*place_text(&expr) && !str_empty(jv_get_str(at->v, "subPath")))
        place_problem(k->p, &expr, PROBLEM_FORBIDDEN,
                      "subPath and subPathExpr are both given: keep one of them");
    if (*place_text(&to) && map_put(paths, place_text(&to), paths))
        place_problem(k->p, &to, PROBLEM_DUPLICATE, "two volumes can't be mounted at one path");
}

static void check_device(struct pod_check *k, const struct place *at, struct map *paths) {
    static const struct place_rule rules[] = {{PLACE_FIELD("devicePath"),
                                               .needs = "write the path of the device",
                                               .text = text_no_backsteps}};
    struct place path = place_field(at, "devicePath"), name = place_field(at, "name");
    const struct jv *volume = check_volume_name(k, at);
    PLACE_RULES(k->p, at, rules);
    if (*place_text(&path) && map_put(paths, place_text(&path), paths))
        place_problem(k->p, &path, PROBLEM_DUPLICATE, "something else is at this path already");
    if (volume && !jv_get(volume, "persistentVolumeClaim") && !jv_get(volume, "ephemeral"))
        place_problem(k->p, &name, PROBLEM_INVALID,
                      "only a volume with persistentVolumeClaim or ephemeral can be a device");
}

void check_mounts(struct pod_check *k, const struct place *container) {
    struct place mounts = place_field(container, "volumeMounts"),
                 devices = place_field(container, "volumeDevices");
    if (place_len(&mounts) + place_len(&devices) == 0) return;
    struct map *paths = map_in(k->p->a);
    struct finder mounted = finder_of(k->p->a, mounts.v, "name");
    for (size_t i = 0; i < place_len(&mounts); i++) {
        struct place at = place_item(&mounts, i);
        if (!place_mistyped(&at, J_OBJ)) check_mount(k, &at, container, paths);
    }
    for (size_t i = 0; i < place_len(&devices); i++) {
        struct place at = place_item(&devices, i), name = place_field(&at, "name");
        if (place_mistyped(&at, J_OBJ)) continue;
        check_device(k, &at, paths);
        if (*place_text(&name) && finder_find(&mounted, name.v) >= 0)
            place_problem(k->p, &name, PROBLEM_INVALID,
                          "the container mounts this volume already: keep one of the two");
    }
}
