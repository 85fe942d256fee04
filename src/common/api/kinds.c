/* The table of kinds and what follows from a row: paths, the head of an object, owner references. Below it the shorthands for
 * metadata. The rows are constant; nothing here has state. Verbs are what the manager calls, no more: server-side apply needs
 * create and patch, reflectors need list and watch. A kind that no controller carries out yet has none. */
#include "api/kinds.h"

#include <string.h>

#include "api/names.h"
#include "base/buf.h"
#include "base/str.h"
#include "fields.h"

#define COLUMNS(array) .columns = (array), .ncolumns = sizeof(array) / sizeof *(array)
#define VERSIONS(array) .versions = (array), .nversions = sizeof(array) / sizeof *(array)

#define READ "list,watch"
/* delete also where the manager deletes none: admission plugin OwnerReferencesPermissionEnforcement asks for it when the owner
 * references of an existing object are put right. */
#define CHILD READ ",create,patch,delete"

#define AGE {"AGE", "date", ".metadata.creationTimestamp", 0}
#define OF_CONDITION(type, member) ".status.conditions[?(@.type=='" type "')]." member
#define CONDITION(type) OF_CONDITION(type, "status")
#define REASON(type) OF_CONDITION(type, "reason")
#define MESSAGE(type) OF_CONDITION(type, "message")

/* The columns of the first implementation come first and stay as they are; columns of priority 1 are those of `-o wide`. */
static const struct column rbg_columns[] = {
    {"READY", "string", CONDITION("Ready"), 0},
    AGE,
    {"ROLES", "string", ".status.rolesReady", 0},
    {"UPDATED", "string", ".status.instancesUpdated", 0},
    {"REASON", "string", REASON("Progressing"), 0},
    {"MESSAGE", "string", MESSAGE("Ready"), 1},
};
static const struct column rbgset_columns[] = {
    {"DESIRED", "string", ".status.replicas", 0},
    {"READY", "string", ".status.readyReplicas", 0},
    AGE,
    {"UPDATED", "integer", ".status.updatedReplicas", 0},
    {"REASON", "string", REASON("Progressing"), 0},
    {"MESSAGE", "string", MESSAGE("Ready"), 1},
};
static const struct column adapter_columns[] = {
    {"PHASE", "string", ".status.phase", 0},
    {"REPLICAS", "integer", ".status.replicas", 0},
    {"READY_REPLICAS", "integer", ".status.readyReplicas", 0},
    AGE,
    {"GROUP", "string", ".spec.scaleTargetRef.name", 0},
    {"ROLE", "string", ".spec.scaleTargetRef.role", 0},
    {"LAST_SCALED", "date", ".status.lastScaleTime", 1},
    {"SELECTOR", "string", ".status.selector", 1},
};
static const struct column adapter_v1alpha1_columns[] = {
    {"PHASE", "string", ".status.phase", 0},
    {"REPLICAS", "integer", ".status.replicas", 0},
    AGE,
};
static const struct column age_columns[] = {AGE};
static const struct column warmup_columns[] = {
    {"PHASE", "string", ".status.phase", 0},
    {"DESIRED", "integer", ".status.desired", 0},
    {"SUCCEEDED", "integer", ".status.succeeded", 0},
    {"FAILED", "integer", ".status.failed", 0},
    AGE,
};
static const struct column profile_columns[] = {
    {"STRATEGY", "string", ".spec.updateStrategy", 0},
    AGE,
};
static const struct column instance_set_columns[] = {
    {"DESIRED", "integer", ".spec.replicas", 0},
    {"UPDATED", "integer", ".status.updatedReplicas", 0},
    {"UPDATED_READY", "integer", ".status.updatedReadyReplicas", 0},
    {"READY", "integer", ".status.readyReplicas", 0},
    {"TOTAL", "integer", ".status.replicas", 0},
    AGE,
    {"SELECTOR", "string", ".status.labelSelector", 1},
};
static const struct column ris_columns[] = {
    {"DESIRED", "integer", ".spec.replicas", 0},
    {"UPDATED", "integer", ".status.updatedReplicas", 0},
    {"UPDATED_READY", "integer", ".status.updatedReadyReplicas", 0},
    {"READY", "integer", ".status.readyReplicas", 0},
    {"TOTAL", "integer", ".status.replicas", 0},
    AGE,
    {"SELECTOR", "string", ".status.labelSelector", 1},
    {"FAILED", "string", ".status.conditions[?(@.status=='True')].type", 0},
    {"MESSAGE", "string", ".status.conditions[?(@.status=='True')].message", 1},
};
static const struct column ri_columns[] = {
    {"READY", "string", CONDITION(COND_RI_READY), 0},
    AGE,
    {"RESTARTS", "integer", ".status.restartCount", 0},
    {"REASON", "string", REASON(COND_RI_READY), 0},
    {"MESSAGE", "string", MESSAGE(COND_RI_READY), 1},
};
static const struct column instance_columns[] = {
    {"READY", "string", CONDITION("InstanceReady"), 0},
    AGE,
};

#define CURRENT .name = "v1alpha2", .served = true, .storage = true
#define FORMER .name = "v1alpha1", .served = true, .deprecated = true
#define SCALE .scale_spec = ".spec.replicas", .scale_status = ".status.replicas"

static const struct kind_version rbg_versions[] = {
    {FORMER, .type = &rbg_v1alpha1_type, COLUMNS(rbg_columns)},
    {CURRENT, .type = &rbg_type, COLUMNS(rbg_columns)},
};
static const struct kind_version rbgset_versions[] = {
    {FORMER, .type = &rbgset_v1alpha1_type, COLUMNS(rbgset_columns), SCALE},
    {CURRENT, .type = &rbgset_type, COLUMNS(rbgset_columns), SCALE},
};
static const struct kind_version adapter_versions[] = {
    {FORMER, .type = &adapter_type, COLUMNS(adapter_v1alpha1_columns), SCALE,
     .scale_selector = ".status.selector"},
    {CURRENT, .type = &adapter_type, COLUMNS(adapter_columns), SCALE,
     .scale_selector = ".status.selector"},
};
static const struct kind_version profile_versions[] = {
    {FORMER, .type = &profile_type, COLUMNS(profile_columns)},
    {CURRENT, .type = &profile_type, COLUMNS(profile_columns)},
};
static const struct kind_version policy_versions[] = {
    {CURRENT, .type = &policy_type, COLUMNS(age_columns)},
};
static const struct kind_version ris_versions[] = {
    {CURRENT, .type = &ris_type, COLUMNS(ris_columns), SCALE,
     .scale_selector = ".status.labelSelector"},
};
static const struct kind_version ri_versions[] = {
    {CURRENT, .type = &ri_type, COLUMNS(ri_columns)},
};
static const struct kind_version warmup_versions[] = {
    {CURRENT, .type = &warmup_type, COLUMNS(warmup_columns)},
};
static const struct kind_version instanceset_versions[] = {
    {FORMER, .storage = true, .type = &instanceset_type, COLUMNS(instance_set_columns), SCALE,
     .scale_selector = ".status.labelSelector"},
};
static const struct kind_version instance_versions[] = {
    {FORMER, .storage = true, .type = &instance_type, COLUMNS(instance_columns)},
};

#define NAMES(kind_name, plural_name, singular_name) \
    .name = kind_name, .plural = plural_name, .singular = singular_name, .list = kind_name "List"
#define CORE .group = "", .version = "v1", .api_version = "v1"
#define IN(g, v) .group = g, .version = v, .api_version = g "/" v
#define OURS_IN(v) IN(API_GROUP, v), .ours = true, .status = true
#define OURS OURS_IN("v1alpha2")

static const struct kind_info kinds[KIND_COUNT] = {
    [KIND_RBG] = {KIND_RBG, OURS, NAMES("RoleBasedGroup", "rolebasedgroups", "rolebasedgroup"),
        .short_name = "rbg", .in_all = true, .convert = true, VERSIONS(rbg_versions), .verbs = CHILD,
        .status_verbs = "patch", .owner = true,
        .desc = "Groups of roles that are deployed, updated, scaled and found as one."},
    [KIND_RBGSET] = {KIND_RBGSET, OURS, NAMES("RoleBasedGroupSet", "rolebasedgroupsets", "rolebasedgroupset"),
        .short_name = "rbgs", .in_all = true, .convert = true, VERSIONS(rbgset_versions), .verbs = READ,
        .status_verbs = "patch", .owner = true,
        .desc = "Numbers of equal groups."},
    [KIND_ADAPTER] = {KIND_ADAPTER, OURS,
        NAMES("RoleBasedGroupScalingAdapter", "rolebasedgroupscalingadapters",
              "rolebasedgroupscalingadapter"),
        .short_name = "rbgsa", .in_all = true, VERSIONS(adapter_versions), .verbs = CHILD, .status_verbs = "patch",
        .desc = "Scale targets, one for a role, for autoscalers."},
    [KIND_PROFILE] = {KIND_PROFILE, OURS,
        NAMES("ClusterEngineRuntimeProfile", "clusterengineruntimeprofiles",
              "clusterengineruntimeprofile"),
        .cluster_scoped = true, VERSIONS(profile_versions), .verbs = READ,
        .desc = "Sidecars that roles can have injected."},
    [KIND_POLICY] = {KIND_POLICY, OURS, NAMES("CoordinatedPolicy", "coordinatedpolicies", "coordinatedpolicy"),
        .short_name = "cpolicy", .in_all = true, VERSIONS(policy_versions),
        .desc = "Rules that keep roles of a group in step."},
    [KIND_RIS] = {KIND_RIS, OURS, NAMES("RoleInstanceSet", "roleinstancesets", "roleinstanceset"),
        .short_name = "ris", VERSIONS(ris_versions), .verbs = CHILD,
        .status_verbs = "patch", .owner = true, .desc = "Workloads of roles."},
    [KIND_RI] = {KIND_RI, OURS, NAMES("RoleInstance", "roleinstances", "roleinstance"),
        .short_name = "rins", VERSIONS(ri_versions), .verbs = CHILD,
        .status_verbs = "patch", .owner = true,
        .desc = "Pods that live and die together."},
    [KIND_WARMUP] = {KIND_WARMUP, OURS,
        NAMES("RoleBasedGroupWarmup", "rolebasedgroupwarmups",
              "rolebasedgroupwarmup"),
        .short_name = "rbgwarmup", .in_all = true, VERSIONS(warmup_versions),
        .desc = "Jobs that prepare nodes before groups need them."},
    [KIND_INSTANCESET] = {KIND_INSTANCESET, OURS_IN("v1alpha1"),
        NAMES("InstanceSet", "instancesets", "instanceset"), .short_name = "is",
        VERSIONS(instanceset_versions),
        .desc = "The predecessor of RoleInstanceSet; stored objects only."},
    [KIND_INSTANCE] = {KIND_INSTANCE, OURS_IN("v1alpha1"), NAMES("Instance", "instances", "instance"),
        .short_name = "ins", VERSIONS(instance_versions),
        .desc = "The predecessor of RoleInstance; stored objects only."},

    [KIND_POD] = {KIND_POD, CORE, NAMES("Pod", "pods", "pod"), .status = true,
        .type = &core_Pod,
        .verbs = CHILD, .status_verbs = "patch"},
    [KIND_SERVICE] = {KIND_SERVICE, CORE, NAMES("Service", "services", "service"),
        .status = true, .type = &core_Service, .verbs = CHILD},
    [KIND_CONFIGMAP] = {KIND_CONFIGMAP, CORE,
        NAMES("ConfigMap", "configmaps", "configmap"), .type = &core_ConfigMap,
        .verbs = CHILD},
    [KIND_REVISION] = {KIND_REVISION, IN("apps", "v1"),
        NAMES("ControllerRevision", "controllerrevisions", "controllerrevision"),
        .type = &apps_ControllerRevision, .verbs = CHILD},
    [KIND_NODE] = {KIND_NODE, CORE, NAMES("Node", "nodes", "node"),
        .cluster_scoped = true, .status = true},
    [KIND_EVENT] = {KIND_EVENT, CORE, NAMES("Event", "events", "event"),
        .verbs = "create,patch"},
    [KIND_SECRET] = {KIND_SECRET, CORE, NAMES("Secret", "secrets", "secret")},
    [KIND_LEASE] = {KIND_LEASE, IN("coordination.k8s.io", "v1"),
        NAMES("Lease", "leases", "lease")},
    [KIND_STATEFULSET] = {KIND_STATEFULSET, IN("apps", "v1"),
        NAMES("StatefulSet", "statefulsets", "statefulset"), .status = true,
        .type = &apps_StatefulSet, .deprecated_workload = true},
    [KIND_DEPLOYMENT] = {KIND_DEPLOYMENT, IN("apps", "v1"),
        NAMES("Deployment", "deployments", "deployment"), .status = true,
        .type = &apps_Deployment, .deprecated_workload = true},
    [KIND_CRD] = {KIND_CRD, IN("apiextensions.k8s.io", "v1"),
        NAMES("CustomResourceDefinition", "customresourcedefinitions",
              "customresourcedefinition"),
        .cluster_scoped = true, .status = true},
    [KIND_VALIDATING_CONFIG] = {KIND_VALIDATING_CONFIG, IN("admissionregistration.k8s.io", "v1"),
        NAMES("ValidatingWebhookConfiguration",
              "validatingwebhookconfigurations",
              "validatingwebhookconfiguration"),
        .cluster_scoped = true},
    [KIND_MUTATING_CONFIG] = {KIND_MUTATING_CONFIG, IN("admissionregistration.k8s.io", "v1"),
        NAMES("MutatingWebhookConfiguration", "mutatingwebhookconfigurations",
              "mutatingwebhookconfiguration"),
        .cluster_scoped = true},
    [KIND_TOKEN_REVIEW] = {KIND_TOKEN_REVIEW, IN("authentication.k8s.io", "v1"),
        NAMES("TokenReview", "tokenreviews", "tokenreview"),
        .cluster_scoped = true, .verbs = "create"},
    [KIND_SUBJECT_ACCESS_REVIEW] = {KIND_SUBJECT_ACCESS_REVIEW, IN("authorization.k8s.io", "v1"),
        NAMES("SubjectAccessReview", "subjectaccessreviews",
              "subjectaccessreview"),
        .cluster_scoped = true, .verbs = "create"},

    [KIND_LWS] = {KIND_LWS, IN("leaderworkerset.x-k8s.io", "v1"),
        NAMES("LeaderWorkerSet", "leaderworkersets", "leaderworkerset"),
        .short_name = "lws", .status = true, .optional = true,
        .deprecated_workload = true},
    [KIND_PODGROUP] = {KIND_PODGROUP, IN("scheduling.x-k8s.io", "v1alpha1"),
        NAMES("PodGroup", "podgroups", "podgroup"), .status = true,
        .optional = true},
    [KIND_VOLCANO_PODGROUP] = {KIND_VOLCANO_PODGROUP, IN("scheduling.volcano.sh", "v1beta1"),
        NAMES("PodGroup", "podgroups", "podgroup"), .status = true,
        .optional = true},
};

const struct kind_info *kind_info(enum kind k) {
    return &kinds[k];
}

static enum kind find(const char *group, size_t len, const char *kind_name) {
    for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
        if (str_eq(kinds[k].name, kind_name) && strlen(kinds[k].group) == len && memcmp(kinds[k].group, group, len) == 0)
            return (enum kind)k;
    return KIND_NONE;
}

enum kind kind_find(const char *group, const char *kind_name) {
    return find(group, strlen(group), kind_name);
}

enum kind kind_of(const struct jv *doc) {
    const char *version = jv_str(jv_get(doc, "apiVersion"), ""), *slash = strchr(version, '/');
    return find(version, slash ? (size_t)(slash - version) : 0, jv_get_str(doc, "kind"));
}

enum kind kind_by_name(const char *kind_name) {
    for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
        if (str_eq(kinds[k].name, kind_name)) return (enum kind)k;
    return KIND_NONE;
}

const struct kind_version *kind_version(enum kind k, const char *version) {
    for (size_t i = 0; i < kinds[k].nversions; i++)
        if (str_eq(kinds[k].versions[i].name, version)) return &kinds[k].versions[i];
    return NULL;
}

const struct type *kind_type(enum kind k) {
    const struct kind_version *v = kinds[k].ours ? kind_version(k, kinds[k].version) : NULL;
    return v ? v->type : kinds[k].type;
}

const char *kind_api_version(enum kind k) {
    return kinds[k].api_version;
}

/* A name comes from a user: in a path it stands for itself, whatever is in it. */
static const char *segment(struct arena *a, const char *s) {
    static const char plain[] = "-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_~:";
    if (!s || (!s[strspn(s, plain)] && strcmp(s, ".") != 0 && strcmp(s, "..") != 0)) return s;
    BUF_AUTO struct buf b = BUF_INIT;
    for (const char *c = s; *c; c++) {
        if (*c != '.' && strchr(plain, *c)) buf_putc(&b, *c);
        else buf_printf(&b, "%%%02X", (unsigned char)*c);
    }
    return arena_strdup(a, buf_str(&b));
}

char *kind_path(struct arena *a, enum kind k, const char *ns, const char *name, const char *sub) {
    const struct kind_info *i = &kinds[k];
    bool in_ns = ns && !i->cluster_scoped;
    bool with_sub = name && sub;
    return arena_printf(a, "/%s/%s%s%s/%s%s%s%s%s", *i->group ? "apis" : "api", i->api_version,
                        in_ns ? "/namespaces/" : "", in_ns ? segment(a, ns) : "", i->plural, name ? "/" : "",
                        name ? segment(a, name) : "", with_sub ? "/" : "", with_sub ? sub : "");
}

struct jv *kind_object(struct arena *a, enum kind k, const char *ns, const char *name) {
    struct jv *doc = jv_new_obj(a);
    jv_set_str(a, doc, "apiVersion", kind_api_version(k));
    jv_set_str(a, doc, "kind", kinds[k].name);
    struct jv *meta = jv_need_obj(a, doc, "metadata");
    jv_set_str(a, meta, "name", name);
    jv_set_str(a, meta, "namespace", ns);
    return doc;
}

struct jv *kind_owner_ref(struct arena *a, enum kind k, const struct jv *owner, bool controller,
                          bool block) {
    struct jv *ref = jv_new_obj(a);
    jv_set_str(a, ref, "apiVersion", kind_api_version(k));
    jv_set_str(a, ref, "kind", kinds[k].name);
    jv_set_str(a, ref, "name", meta_name(owner));
    jv_set_str(a, ref, "uid", meta_uid(owner));
    if (controller) jv_set_bool(a, ref, "controller", true);
    if (block) jv_set_bool(a, ref, "blockOwnerDeletion", true);
    return ref;
}

/* ---- metadata ---- */

static const struct jv *meta(const struct jv *doc) {
    return jv_get(doc, "metadata");
}

static const char *meta_text(const struct jv *doc, const char *key) {
    return jv_str(jv_get(meta(doc), key), "");
}

const struct jv *meta_controller(const struct jv *doc) {
    JV_FOR_ARR(ref, jv_get(meta(doc), "ownerReferences"))
        if (jv_get_bool(*ref, "controller", false)) return *ref;
    return NULL;
}

bool meta_owned_by(const struct jv *doc, const char *uid) {
    return jv_find(jv_get(meta(doc), "ownerReferences"), "uid", uid) != NULL;
}

const char *meta_name(const struct jv *doc) {
    return meta_text(doc, "name");
}

const char *meta_ns(const struct jv *doc) {
    return meta_text(doc, "namespace");
}

const char *meta_uid(const struct jv *doc) {
    return meta_text(doc, "uid");
}

const char *meta_rv(const struct jv *doc) {
    return meta_text(doc, "resourceVersion");
}

int64_t meta_generation(const struct jv *doc) {
    return jv_get_int(meta(doc), "generation", 0);
}

bool meta_deleting(const struct jv *doc) {
    const struct jv *at = jv_get(meta(doc), "deletionTimestamp");
    return at && !jv_is(at, J_NULL);
}

const char *meta_label(const struct jv *doc, const char *key) {
    return jv_get_str(jv_get(meta(doc), "labels"), key);
}

const char *meta_annotation(const struct jv *doc, const char *key) {
    return jv_get_str(jv_get(meta(doc), "annotations"), key);
}
