/* Every name that other programs read: labels, annotations, env vars, reasons, and how child objects are called.
 * Source of each: the contract, parts A (3, 4.2) and D (15). */
#ifndef RBG_API_NAMES_H
#define RBG_API_NAMES_H

#include "base/arena.h"
#include "doc/json.h"

#define API_GROUP "workloads.x-k8s.io"
#define FIELD_MANAGER "rbg"
#define P_ "rbg.workloads.x-k8s.io/"
#define O_ "rolebasedgroup.workloads.x-k8s.io/" /* the prefix of three user directives and of v1alpha1 */

#define L_GROUP_NAME P_ "group-name"
#define L_GROUP_UID P_ "group-uid"
#define L_GROUP_UNIQUE_HASH P_ "group-unique-hash"
#define L_GROUP_REVISION P_ "group-revision"
#define L_GROUPSET_NAME P_ "groupset-name"
#define L_GROUPSET_INDEX P_ "groupset-index"
#define L_RBG_OWNER_UID P_ "rbg-owner-uid"
#define L_ROLE_NAME P_ "role-name"
#define L_ROLE_TYPE P_ "role-type"
#define L_ROLE_REVISION_PREFIX P_ "role-revision-"
#define L_INSTANCE_OWNER P_ "role-instance-owner"
#define L_INSTANCE_ID P_ "role-instance-id"
#define L_INSTANCE_NAME P_ "role-instance-name"
#define L_INSTANCE_INDEX P_ "role-instance-index"
#define L_INSTANCE_DELETE P_ "role-instance-delete"
#define L_LIFECYCLE_STATE P_ "role-instance-lifecycle-state"
#define L_COMPONENT_NAME P_ "component-name"
#define L_COMPONENT_ID P_ "component-id"
#define L_COMPONENT_INDEX P_ "component-index"
#define L_COMPONENT_SIZE P_ "component-size"
#define L_POD_NAME "statefulset.kubernetes.io/pod-name"
#define L_REVISION_HASH "controller-revision-hash"
#define L_REVISION_DATA_HASH "controller.kubernetes.io/hash"
#define L_POD_GROUP "pod-group.scheduling.sigs.k8s.io/name"

#define A_EXCLUSIVE_TOPOLOGY P_ "group-exclusive-topology"
#define A_DISABLE_EXCLUSIVE P_ "role-disable-exclusive"
#define A_GANG P_ "group-gang-scheduling"
#define A_GANG_TIMEOUT P_ "group-gang-scheduling-timeout"
#define A_GANG_VOLCANO_QUEUE P_ "group-gang-scheduling-volcano-queue"
#define A_GANG_VOLCANO_PRIORITY P_ "group-gang-scheduling-volcano-priority"
#define A_INSTANCE_GANG P_ "role-instance-gang-scheduling"
#define A_ROLE_SIZE P_ "role-size"
#define A_WORKLOAD_TYPE P_ "role-workload-type"
#define A_PATTERN P_ "role-instance-pattern"
#define A_DISCOVERY_MODE P_ "discovery-config-mode"
#define A_RUNTIMES_MADE_WITH P_ "engine-runtimes-made-with"
#define A_LIFECYCLE_TIME P_ "role-instance-lifecycle-timestamp"
#define A_INPLACE_STATE P_ "inplace-update-state"
#define A_INPLACE_BEFORE P_ "inplace-update-before"
#define A_INPLACE_GRACE P_ "inplace-update-grace"
#define A_INPLACE_GRACE_SECONDS P_ "inplace-update-grace-period-seconds"
#define A_RESTART_TRIGGER P_ "restart-trigger-policy"
#define A_RESTART_BASELINE P_ "restart-baseline"
#define A_RESTART_ID P_ "instance-restart"
#define A_INPLACE_SCHEDULING P_ "role-inplace-scheduling"
#define A_INPLACE_SCHEDULING_GRANULARITY P_ "role-inplace-scheduling-granularity"
#define A_INPLACE_SCHEDULING_AVOID P_ "role-inplace-scheduling-avoid"
#define A_PORT_ALLOCATOR O_ "port-allocator"
#define A_COMPONENT_DISCOVERY O_ "component-discovery"
#define A_COMPONENT_DEPENDS O_ "component-depends-on"
#define A_RUNTIME_META "workloads.x-k8s.io/runtime-containers-meta"
#define A_V1_POD_GROUP_POLICY "conversion.workloads.x-k8s.io/v1alpha1-pod-group-policy"
#define A_V1_COORDINATION "conversion.workloads.x-k8s.io/v1alpha1-coordination"
#define A_V1_EXCLUSIVE_TOPOLOGY O_ "exclusive-topology"

#define GATE_INPLACE_UPDATE "InPlaceUpdateReady"   /* on pods */
#define GATE_INSTANCE_POD "InstancePodReady"       /* on pods */
#define GATE_RI_INPLACE "RoleInstanceInPlaceUpdateReady"
#define ADAPTER_BOUND "Bound" /* phase of a scaling adapter that its role follows */
#define COND_RI_READY "RoleInstanceReady"
#define COND_RI_ALL_PODS "RoleInstanceAllPodsReady"
#define COND_RI_RESTARTING "Restarting"
#define COND_RI_FAILED "Failed"
#define COND_RI_CUSTOM "RoleInstanceCustomReady"

#define ROLE_TYPE_POD "PodTemplate"
#define ROLE_TYPE_LWS "LeaderWorkerSet"
#define ROLE_TYPE_COMPONENTS "Components"
#define WORKLOAD_RIS "workloads.x-k8s.io/v1alpha2/RoleInstanceSet"
#define WORKLOAD_STS "apps/v1/StatefulSet"
#define WORKLOAD_DEPLOYMENT "apps/v1/Deployment"
#define WORKLOAD_LWS "leaderworkerset.x-k8s.io/v1/LeaderWorkerSet"
#define WORKLOAD_INSTANCESET "workloads.x-k8s.io/v1alpha1/InstanceSet"

#define DISCOVERY_VOLUME "rbg-cluster-config"
#define DISCOVERY_MOUNT "/etc/rbg"
#define DISCOVERY_KEY "config.yaml"

/* "<rbg>-<role>" cut to 63 bytes, trailing '-' removed. Validation refuses names for which the cut would change anything. */
char *name_workload(struct arena *a, const char *rbg, const char *role);
char *name_service(struct arena *a, const char *rbg, const char *role);  /* "s-<rbg>-<role>", same cut */
char *name_adapter(struct arena *a, const char *rbg, const char *role);  /* not cut */
char *name_group_uid(struct arena *a, const char *ns, const char *rbg);  /* hex SHA-1 of "<ns>/<rbg>" */
char *name_role_revision_label(struct arena *a, const char *role);       /* L_ROLE_REVISION_PREFIX + role */
/* Pod name of component `component`, ordinal id, of an instance whose role-type label is role_type (NULL: Components). */
char *name_pod(struct arena *a, const char *instance, const char *role_type, const char *component, int id);
/* Ordinal of "<parent>-<n>"; -1 when the name is none of parent's. */
int name_ordinal(const char *name, const char *parent);
/* The text after the last '-': the short form of a revision name. */
const char *name_short_hash(const char *revision);

/* The three labels that are also the selector: group-name, group-uid, role-name. */
struct jv *labels_common(struct arena *a, const char *ns, const char *rbg, const char *role);

/* What a name means: one row each, for the reference page. */
enum name_kind { NAME_LABEL, NAME_ANNOTATION, NAME_ENV, NAME_CONDITION, NAME_REASON, NAME_EVENT };
struct name_info {
    enum name_kind kind;
    const char *name;
    const char *on; /* the kinds that carry it; of a reason the condition, of an event also its type */
    const char *desc;
    unsigned user; /* AT_*: where a user may write it; 0: the controllers do */
};
const struct name_info *names_table(size_t *n);

/* Where labels and annotations stand that users write: on a group (or a set's groupTemplate), a role, a pod template (or a
 * component); on a set itself, where none has an effect. */
enum { AT_GROUP = 1, AT_ROLE = 2, AT_TEMPLATE = 4, AT_SET = 8 };

/* Names of older versions, and those of today. */
struct name_old { enum name_kind kind; const char *name, *now; };
const struct name_old *names_old(size_t *n);
const struct name_old *name_old(const char *key); /* NULL: none of them. A prefix of L_ROLE_REVISION_PREFIX counts */

#endif
