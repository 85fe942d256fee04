/* Instance and InstanceSet, v1alpha1: nothing reconciles them any more, stored objects stay readable. Data only. */
#include "fields.h"

static const struct field component_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .desc = "Name of the component."},
    {.key = "size", .kind = F_INT32, .flags = PTR, .desc = "Pods of this component."},
    {.key = "serviceName", .kind = F_STRING, .flags = OPT, .desc = "Subdomain of the pods."},
    {.key = "template", .kind = F_OBJECT, .flags = REQ | FF_SCHEMALESS,
     .type = &core_PodTemplateSpec, .desc = "The pod template of this component."},
};
static const struct type old_component_type = {
    .name = "InstanceComponent", ROWS(component_rows),
    .desc = "Pods of one sort inside the instance.",
};
static const struct field gate_rows[] = {
    {.key = "conditionType", .kind = F_STRING, .flags = REQ,
     .desc = "Type of a condition of the instance that must be True."},
};
static const struct type gate_type = {
    .name = "InstanceReadinessGate", ROWS(gate_rows),
    .desc = "A condition without which the instance is not ready.",
};
static const struct field instance_spec_rows[] = {
    {.key = "components", .kind = F_LIST, .elem = F_OBJECT, .flags = REQ,
     .type = &old_component_type, .merge_key = "name", .desc = "The components of the instance."},
    {.key = "podGroupPolicy", .kind = F_OBJECT, .flags = PTR, .type = &pod_group_policy_type,
     .desc = "Schedules all pods of the instance together or none."},
    {.key = "readyPolicy", .kind = F_STRING, .flags = OPT, .dflt = "\"AllPodReady\"",
     .desc = "AllPodReady: the instance is ready when all of its pods are. None: pods do not count."},
    {.key = "restartPolicy", .kind = F_STRING, .flags = OPT,
     .desc = "None or RecreateInstanceOnPodRestart."},
    {.key = "readinessGates", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT, .type = &gate_type,
     .desc = "Conditions without which the instance is not ready."},
};
static const struct type instance_spec_type = {
    .name = "InstanceSpec", ROWS(instance_spec_rows), .desc = "What the instance shall be.",
};

static const struct field component_status_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .desc = "The component."},
    {.key = "replicas", .kind = F_INT32, .flags = REQ, .desc = "Pods that exist."},
    {.key = "readyReplicas", .kind = F_INT32, .flags = REQ, .desc = "Pods that are ready."},
    {.key = "updatedReplicas", .kind = F_INT32, .flags = REQ,
     .desc = "Pods made from the current template."},
    {.key = "scheduledReplicas", .kind = F_INT32, .flags = REQ, .desc = "Pods that have a node."},
    {.key = "availableReplicas", .kind = F_INT32, .flags = REQ, .desc = "Pods that are available."},
    {.key = "updatedReadyReplicas", .kind = F_INT32, .flags = REQ,
     .desc = "Pods made from the current template that are ready."},
};
static const struct type component_status_type = {
    .name = "InstanceComponentStatus", ROWS(component_status_rows),
    .desc = "How far one component is.",
};
static const struct field instance_status_rows[] = {
    {.key = "observedGeneration", .kind = F_INT64, .flags = OPT,
     .desc = "The metadata.generation that this status is about."},
    {.key = "conditions", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &own_condition_type, .desc = "Aspects of the instance's state."},
    {.key = "componentStatuses", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &component_status_type, .desc = "One entry for each component."},
    {.key = "labelSelector", .kind = F_STRING, .flags = OPT, .desc = "Selects the instance's pods."},
    {.key = "currentRevision", .kind = F_STRING, .flags = OPT,
     .desc = "The ControllerRevision that all pods had last."},
    {.key = "updateRevision", .kind = F_STRING, .flags = OPT,
     .desc = "The ControllerRevision that the pods are to have."},
    {.key = "collisionCount", .kind = F_INT32, .flags = PTR,
     .desc = "Hash collisions of revisions so far."},
};
static const struct type instance_status_type = {
    .name = "InstanceStatus", ROWS(instance_status_rows), .desc = "What was observed last.",
};
static const struct field instance_rows[] = {
    OBJECT_ROWS,
    {.key = "spec", .kind = F_OBJECT, .flags = OPT, .type = &instance_spec_type,
     .desc = "What the instance shall be."},
    {.key = "status", .kind = F_OBJECT, .flags = OPT, .type = &instance_status_type,
     .desc = "What was observed last."},
};
const struct type instance_type = {
    .name = "Instance", ROWS(instance_rows),
    .desc = "Pods that live and die together. Deprecated and no longer acted on: RoleInstance has "
            "taken its place.",
};

static const struct field scale_strategy_rows[] = {
    {.key = "instanceToDelete", .kind = F_LIST, .elem = F_STRING, .flags = OPT,
     .desc = "Names of instances to delete first."},
    {.key = "maxUnavailable", .kind = F_INTSTR, .flags = PTR,
     .desc = "How many instances may be unavailable while the set grows."},
};
static const struct type scale_strategy_type = {
    .name = "InstanceSetScaleStrategy", ROWS(scale_strategy_rows), .desc = "The manner of scaling.",
};
static const struct field set_spec_rows[] = {
    {.key = "replicas", .kind = F_INT32, .flags = PTR, .desc = "Instances of the set. Default: 1."},
    {.key = "selector", .kind = F_OBJECT, .flags = PTR, .type = &meta_LabelSelector,
     .desc = "Selects the instances that belong to the set."},
    {.key = "instanceTemplate", .kind = F_OBJECT, .flags = REQ | FF_SCHEMALESS,
     .type = &instance_spec_type, .desc = "The spec of each Instance."},
    {.key = "scaleStrategy", .kind = F_OBJECT, .flags = PTR, .type = &scale_strategy_type,
     .desc = "The manner of scaling."},
    {.key = "updateStrategy", .kind = F_OBJECT, .flags = PTR, .type = &update_strategy_type,
     .desc = "The pace and the manner of an update."},
    {.key = "revisionHistoryLimit", .kind = F_INT32, .flags = PTR,
     .desc = "How many ControllerRevisions that no instance uses are kept."},
    {.key = "minReadySeconds", .kind = F_INT32, .flags = OPT,
     .desc = "Seconds that an instance must be ready before it counts as available."},
    {.key = "lifecycle", .kind = F_OBJECT, .flags = PTR, .type = &lifecycle_type,
     .desc = "Hooks around deletion and update."},
};
static const struct type set_spec_type = {
    .name = "InstanceSetSpec", ROWS(set_spec_rows), .desc = "What the set shall be.",
};
static const struct field set_rows[] = {
    OBJECT_ROWS,
    {.key = "spec", .kind = F_OBJECT, .flags = OPT, .type = &set_spec_type,
     .desc = "What the set shall be."},
    {.key = "status", .kind = F_OBJECT, .flags = OPT, .type = &ris_status_type,
     .desc = "What was observed last."},
};
const struct type instanceset_type = {
    .name = "InstanceSet", ROWS(set_rows),
    .desc = "A number of equal Instances. Deprecated and no longer acted on: RoleInstanceSet has "
            "taken its place.",
};
