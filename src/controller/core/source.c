/* What is kept of each object in the caches, and under which keys it is found. Both a running manager's stores and the simulated
 * cluster use these, so a decision can't see more in one than in the other. */
#include "controller/core/source.h"

#include <stdio.h>

#include "api/build.h"
#include "api/names.h"
#include "base/str.h"
#include "controller/core/plan.h"

const struct source_cache source_caches[SOURCE_CACHES] = {
    {KIND_RBGSET, NULL},
    {KIND_RBG, NULL},
    {KIND_RIS, NULL},
    {KIND_RI, NULL},
    {KIND_PROFILE, NULL},
    {KIND_ADAPTER, NULL},
    {KIND_POD, L_INSTANCE_NAME},
    {KIND_SERVICE, L_GROUP_NAME},
    {KIND_CONFIGMAP, L_GROUP_NAME},
    {KIND_REVISION, L_REVISION_DATA_HASH},
    {KIND_REVISION, L_GROUP_REVISION},
};

/* The profiles that a group's roles name. */
static void index_profiles(const struct jv *doc, void (*add)(void *ctx, const char *key), void *ctx) {
    ARENA_AUTO struct arena *a = arena_new();
    JV_FOR_ARR(role, jv_path(doc, "spec", "roles", (char *)0))
        JV_FOR_ARR(runtime, jv_get(*role, "engineRuntimes"))
            add(ctx, source_profile_key(a, jv_str(jv_get(*runtime, "profileName"), "")));
}

const char *source_profile_key(struct arena *a, const char *profile) {
    return arena_printf(a, "p/%s", profile);
}

void source_index(const struct jv *doc, void (*add)(void *ctx, const char *key), void *ctx) {
    const char *group = meta_label(doc, L_GROUP_NAME);
    char key[512];
    if (jv_path(doc, "spec", "roles", (char *)0)) index_profiles(doc, add, ctx);
    if (!jv_len(jv_path(doc, "metadata", "ownerReferences", (char *)0))) {
        snprintf(key, sizeof key, "-/%s", meta_ns(doc));
        add(ctx, key);
    }
    if (!group) return;
    snprintf(key, sizeof key, "g/%s/%s", meta_ns(doc), group);
    add(ctx, key);
}

/* A new object with those members of `from` that `keys` (NULL-terminated) names. */
static struct jv *pick(struct arena *a, const struct jv *from, const char *const *keys) {
    struct jv *out = jv_new_obj(a);
    for (; *keys; keys++) jv_set(a, out, *keys, jv_get(from, *keys));
    return out;
}

static struct jv *pick_each(struct arena *a, const struct jv *list, const char *const *keys) {
    if (!list) return NULL;
    struct jv *out = jv_new_arr(a);
    JV_FOR_ARR(it, list) jv_push(a, out, pick(a, *it, keys));
    return out;
}

/* A pod is large, and there are many: keep what readiness, restarts and in-place updates look at. */
static struct jv *project_pod(struct arena *a, const struct jv *doc) {
    static const char *const container[] = {"name", "image", NULL};
    static const char *const status[] = {"name",  "image", "imageID",   "containerID", "restartCount",
                                         "ready", "state", "lastState", NULL};
    static const char *const condition[] = {"type", "status", "reason", "message", "lastTransitionTime", NULL};
    static const char *const meta[] = {"name", "namespace", "uid", "resourceVersion", "generation", "labels",
                                       "annotations", "ownerReferences", "creationTimestamp", "deletionTimestamp",
                                       "finalizers", NULL};
    const struct jv *spec = jv_get(doc, "spec"), *st = jv_get(doc, "status");
    struct jv *out = jv_new_obj(a), *ospec = jv_new_obj(a), *ostatus = jv_new_obj(a);
    jv_set(a, out, "metadata", pick(a, jv_get(doc, "metadata"), meta));
    jv_set(a, ospec, "nodeName", jv_get(spec, "nodeName"));
    const char *policy = jv_get_str(spec, "restartPolicy");
    if (!str_eq(policy, "Always")) jv_set_str(a, ospec, "restartPolicy", policy); /* which nearly all have */
    jv_set(a, ospec, "readinessGates", jv_get(spec, "readinessGates"));
    jv_set(a, ospec, "containers", pick_each(a, jv_get(spec, "containers"), container));
    jv_set(a, out, "spec", ospec);
    jv_set(a, ostatus, "observedGeneration", jv_get(st, "observedGeneration"));
    jv_set(a, ostatus, "phase", jv_get(st, "phase"));
    jv_set(a, ostatus, "reason", jv_get(st, "reason"));
    jv_set(a, ostatus, "message", jv_get(st, "message"));
    jv_set(a, ostatus, "conditions", pick_each(a, jv_get(st, "conditions"), condition));
    if (!condition_true(jv_get(st, "conditions"), "Initialized"))
        jv_set(a, ostatus, "initContainerStatuses", pick_each(a, jv_get(st, "initContainerStatuses"), status));
    jv_set(a, ostatus, "containerStatuses", pick_each(a, jv_get(st, "containerStatuses"), status));
    jv_set(a, out, "status", ostatus);
    return out;
}

/* Of an instance's labels and annotations it has to be known which came from its set (ris/metadata.c); those under our own prefix
 * and the identity are known by their names. */
static struct jv *handed_down(struct arena *a, const struct jv *fields) {
    static const char *const maps[] = {"f:labels", "f:annotations"};
    struct jv *meta = jv_new_obj(a), *out = jv_new_obj(a);
    for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
        struct jv *kept = jv_new_obj(a);
        JV_FOR_OBJ(m, jv_path(fields, "f:metadata", maps[i], (char *)0)) {
            const char *key = str_has_prefix(m->key, "f:") ? m->key + 2 : "";
            bool known = i == 0 ? str_has_prefix(key, P_) || str_eq(key, L_REVISION_HASH) || str_eq(key, L_POD_NAME)
                                : !ri_annotation_handed_down(key);
            if (*key && !known) jv_set(a, kept, m->key, m->val);
        }
        if (jv_len(kept)) jv_set(a, meta, maps[i], kept);
    }
    if (!jv_len(meta)) return NULL;
    jv_set(a, out, "f:metadata", meta);
    return out;
}

/* Of managedFields only the entry of our own apply is ever looked at, and of instances, which are not applied, what our own writes
 * handed down. */
static void project_managed_fields(struct arena *a, enum kind k, struct jv *doc) {
    struct jv *meta = jv_get(doc, "metadata"), *kept = jv_new_arr(a);
    JV_FOR_ARR(entry, jv_get(meta, "managedFields")) {
        if (!str_eq(jv_get_str(*entry, "manager"), FIELD_MANAGER)) continue;
        static const char *const keys[] = {"manager", "operation", "fieldsV1", NULL};
        bool applied = str_eq(jv_get_str(*entry, "operation"), "Apply");
        if (jv_get(*entry, "subresource") || (!applied && k != KIND_RI)) continue;
        struct jv *own = pick(a, *entry, keys), *down = applied ? NULL : handed_down(a, jv_get(own, "fieldsV1"));
        if (!applied && !down) continue;
        if (down) jv_set(a, own, "fieldsV1", down);
        jv_push(a, kept, own);
    }
    jv_del(meta, "managedFields");
    if (jv_len(kept)) jv_set(a, meta, "managedFields", kept);
}

/* Every StatefulSet and DaemonSet has revisions, with the same label as ours, and no selector tells them apart. Those without an
 * owner, whose labels are whatever the set's selector says, are known by what they hold. */
static bool is_our_revision(const struct jv *doc) {
    const struct jv *owner = meta_controller(doc), *spec = jv_path(doc, "data", "spec", (char *)0);
    if (owner) return str_has_prefix(jv_str(jv_get(owner, "apiVersion"), ""), API_GROUP "/");
    return jv_get(spec, "roleInstanceTemplate") || jv_get(spec, "components") || jv_get(spec, "roles");
}

struct jv *source_project(struct arena *a, enum kind k, struct jv *doc) {
    if (k == KIND_POD) return project_pod(a, doc);
    if (k == KIND_REVISION && !is_our_revision(doc)) return NULL;
    project_managed_fields(a, k, doc);
    return doc;
}
