/* RoleInstanceSet, v1alpha2. Data only. */
#include "fields.h"

static const struct field rolling_update_rows[] = {
    {.key = "type", .kind = F_STRING, .flags = OPT, AT(struct rolling_update, type),
     .desc = "RecreatePod, InPlaceIfPossible (the default) or InPlaceOnly."},
    {.key = "partition", .kind = F_INTSTR, .flags = PTR, AT(struct rolling_update, partition),
     .desc = "How many instances, a number or a percentage, stay at the old template. Default: 0."},
    {.key = "maxUnavailable", .kind = F_INTSTR, .flags = PTR,
     AT(struct rolling_update, max_unavailable),
     .desc = "How many instances, a number or a percentage, may be unavailable at a time. Default: "
             "10%."},
    {.key = "maxSurge", .kind = F_INTSTR, .flags = PTR, AT(struct rolling_update, max_surge),
     .desc = "How many instances, a number or a percentage, may exist beyond replicas during an "
             "update. Default: 0."},
    {.key = "paused", .kind = F_BOOL, .flags = OPT | FF_OPT, AT(struct rolling_update, paused),
     .desc = "Stops the update where it is until set to false."},
    {.key = "inPlaceUpdateStrategy", .kind = F_OBJECT, .flags = PTR,
     .type = &inplace_strategy_type, AT(struct rolling_update, inplace),
     .desc = "Settings of in-place updates."},
};
const struct type update_strategy_type = {
    .name = "RoleInstanceSetUpdateStrategy", ROWS(rolling_update_rows),
    .size = sizeof(struct rolling_update), .desc = "The pace and the manner of an update.",
};

static const struct field scale_strategy_rows[] = {
    {.key = "roleInstanceToDelete", .kind = F_LIST, .elem = F_STRING, .flags = OPT,
     AT(struct scale_strategy, role_instance_to_delete),
     .desc = "Names of instances to delete first."},
    {.key = "maxUnavailable", .kind = F_INTSTR, .flags = PTR,
     AT(struct scale_strategy, max_unavailable),
     .desc = "How many instances, a number or a percentage, may be unavailable while the set grows. "
             "Default: no limit."},
};
static const struct type scale_strategy_type = {
    .name = "RoleInstanceSetScaleStrategy", ROWS(scale_strategy_rows),
    .size = sizeof(struct scale_strategy), .desc = "The manner of scaling.",
};

static const struct field hook_rows[] = {
    {.key = "labelsHandler", .kind = F_MAP, .elem = F_STRING, .flags = OPT,
     .desc = "The step waits as long as the instance has these labels."},
    {.key = "finalizersHandler", .kind = F_LIST, .elem = F_STRING, .flags = OPT,
     .desc = "The step waits as long as the instance has these finalizers."},
    {.key = "markPodNotReady", .kind = F_BOOL, .flags = OPT,
     .desc = "Takes the instance's pods out of their services meanwhile."},
};
static const struct type hook_type = {
    .name = "LifecycleHook", ROWS(hook_rows), .desc = "Lets another program act before a step.",
};
static const struct field lifecycle_rows[] = {
    {.key = "preDelete", .kind = F_OBJECT, .flags = PTR, .type = &hook_type,
     .desc = "Before an instance is deleted."},
    {.key = "inPlaceUpdate", .kind = F_OBJECT, .flags = PTR, .type = &hook_type,
     .desc = "Before and after an instance is updated in place."},
};
const struct type lifecycle_type = {
    .name = "Lifecycle", ROWS(lifecycle_rows), .desc = "Hooks around deletion and update.",
};

static const struct field ris_spec_rows[] = {
    {.key = "replicas", .kind = F_INT32, .flags = PTR, .max = LIMIT_TEXT(PODS_MAX),
     AT(struct ris_spec, replicas),
     .desc = "Instances of the set. Default: 1."},
    {.key = "selector", .kind = F_OBJECT, .flags = PTR, .type = &meta_LabelSelector,
     AT(struct ris_spec, selector), .desc = "Selects the instances that belong to the set."},
    {.key = "roleInstanceTemplate", .kind = F_OBJECT, .flags = REQ | FF_SCHEMALESS,
     .type = &ri_spec_type, AT(struct ris_spec, template),
     .desc = "The spec of each RoleInstance."},
    {.key = "podManagementPolicy", .kind = F_STRING, .flags = OPT, .dflt = "\"Parallel\"",
     .enums = "OrderedReady|Parallel", AT(struct ris_spec, pod_management_policy),
     .desc = "OrderedReady: one instance after the other, by ordinal. Parallel: all at once."},
    {.key = "scaleStrategy", .kind = F_OBJECT, .flags = PTR, .type = &scale_strategy_type,
     AT(struct ris_spec, scale_strategy), .desc = "The manner of scaling; stateless sets only."},
    {.key = "updateStrategy", .kind = F_OBJECT, .flags = PTR, .type = &update_strategy_type,
     AT(struct ris_spec, update_strategy), .desc = "The pace and the manner of an update."},
    {.key = "revisionHistoryLimit", .kind = F_INT32, .flags = PTR, .dflt = "10", .min = "0",
     AT(struct ris_spec, revision_history_limit),
     .desc = "How many ControllerRevisions that no instance uses are kept."},
    {.key = "minReadySeconds", .kind = F_INT32, .flags = OPT,
     AT(struct ris_spec, min_ready_seconds),
     .desc = "Seconds that an instance must be ready before it counts as available."},
    {.key = "lifecycle", .kind = F_OBJECT, .flags = PTR, .type = &lifecycle_type,
     AT(struct ris_spec, lifecycle),
     .desc = "Hooks around deletion and update; stateless sets only."},
};
const struct type ris_spec_type = {
    .name = "RoleInstanceSetSpec", ROWS(ris_spec_rows), .size = sizeof(struct ris_spec),
    .desc = "What the set shall be.",
};

static const struct field ris_status_rows[] = {
    {.key = "observedGeneration", .kind = F_INT64, .flags = OPT,
     .desc = "The metadata.generation that this status is about."},
    {.key = "replicas", .kind = F_INT32, .flags = REQ, .desc = "Instances that exist."},
    {.key = "readyReplicas", .kind = F_INT32, .flags = REQ, .desc = "Instances that are ready."},
    {.key = "availableReplicas", .kind = F_INT32, .flags = REQ,
     .desc = "Instances that have been ready for minReadySeconds."},
    {.key = "currentReplicas", .kind = F_INT32, .flags = REQ,
     .desc = "Instances at the current revision."},
    {.key = "updatedReplicas", .kind = F_INT32, .flags = REQ,
     .desc = "Instances at the update revision."},
    {.key = "updatedReadyReplicas", .kind = F_INT32, .flags = REQ,
     .desc = "Instances at the update revision that are ready."},
    {.key = "expectedUpdatedReplicas", .kind = F_INT32, .flags = OPT,
     .desc = "Instances that the partition lets be at the update revision."},
    {.key = "updateRevision", .kind = F_STRING, .flags = OPT,
     .desc = "The ControllerRevision of the template."},
    {.key = "currentRevision", .kind = F_STRING, .flags = OPT,
     .desc = "The ControllerRevision of the last completed update."},
    {.key = "collisionCount", .kind = F_INT32, .flags = PTR,
     .desc = "Hash collisions of revisions so far."},
    {.key = "conditions", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &own_condition_type, .desc = "Aspects of the set's state."},
    {.key = "labelSelector", .kind = F_STRING, .flags = OPT,
     .desc = "The selector as text; the scale subresource reports it."},
};
const struct type ris_status_type = {
    .name = "RoleInstanceSetStatus", ROWS(ris_status_rows), .desc = "What was observed last.",
};

static const struct field ris_rows[] = {
    OBJECT_ROWS,
    {.key = "spec", .kind = F_OBJECT, .flags = OPT, .type = &ris_spec_type,
     .desc = "What the set shall be."},
    {.key = "status", .kind = F_OBJECT, .flags = OPT, .type = &ris_status_type,
     .desc = "What was observed last."},
};
const struct type ris_type = {
    .name = "RoleInstanceSet", ROWS(ris_rows),
    .desc = "A number of equal RoleInstances: the workload of one role.",
};
