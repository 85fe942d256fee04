/* CoordinatedPolicy, RoleBasedGroupScalingAdapter and ClusterEngineRuntimeProfile. The latter two are the same in both of their
 * versions. Data only. */
#include "fields.h"

/* ---- CoordinatedPolicy ---- */

static const struct field rolling_update_rows[] = {
    {.key = "maxSkew", .kind = F_INTSTR, .flags = PTR,
     .desc = "How far the updates of the roles may drift apart: a percentage, or a number of "
             "instances."},
    {.key = "partition", .kind = F_INTSTR, .flags = PTR,
     .desc = "How many instances of each role stay at the old template."},
    {.key = "maxUnavailable", .kind = F_INTSTR, .flags = PTR,
     .desc = "How many instances of each role may be unavailable at a time."},
};
static const struct type rolling_update_type = {
    .name = "CoordinatedRollingUpdate", ROWS(rolling_update_rows),
    .desc = "Keeps updates of the roles in step.",
};
static const struct field scaling_rows[] = {
    {.key = "maxSkew", .kind = F_INTSTR, .flags = PTR,
     .desc = "How far the sizes of the roles may drift apart: a percentage, or a number of "
             "instances."},
    {.key = "progression", .kind = F_STRING, .flags = OPT, .enums = "OrderScheduled|OrderReady",
     .desc = "When the next step may begin: when the pods of this one are scheduled, or ready. At "
             "once if unset."},
};
static const struct type scaling_type = {
    .name = "CoordinatedScaling", ROWS(scaling_rows), .desc = "Keeps scaling of the roles in step.",
};
static const struct field strategy_rows[] = {
    {.key = "rollingUpdate", .kind = F_OBJECT, .flags = PTR, .type = &rolling_update_type,
     .desc = "Keeps updates of the roles in step."},
    {.key = "scaling", .kind = F_OBJECT, .flags = PTR, .type = &scaling_type,
     .desc = "Keeps scaling of the roles in step."},
};
static const struct type strategy_type = {
    .name = "CoordinatedStrategy", ROWS(strategy_rows), .desc = "What is kept in step.",
};
static const struct field rule_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .min_length = 1, .desc = "Name of the rule."},
    {.key = "roles", .kind = F_LIST, .elem = F_STRING, .flags = REQ, .min_items = 1, .max_items = ROLES_MAX,
     .desc = "The roles that are kept in step."},
    {.key = "strategy", .kind = F_OBJECT, .flags = REQ, .type = &strategy_type,
     .desc = "What is kept in step."},
};
static const struct type rule_type = {
    .name = "CoordinatedPolicyRule", ROWS(rule_rows), .desc = "One rule about several roles.",
};
static const struct field policy_spec_rows[] = {
    {.key = "policies", .kind = F_LIST, .elem = F_OBJECT, .flags = REQ, .type = &rule_type,
     .merge_key = "name", .list_keys = "name", .min_items = 1, .max_items = ROLES_MAX, .desc = "The rules."},
};
static const struct type policy_spec_type = {
    .name = "CoordinatedPolicySpec", ROWS(policy_spec_rows), .desc = "The rules.",
};
static const struct field policy_status_rows[] = {
    {.key = "observedGeneration", .kind = F_INT64, .flags = OPT,
     .desc = "The metadata.generation that this status is about."},
    {.key = "conditions", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT, .type = &condition_type,
     .merge_key = "type", .list_keys = "type", .desc = "Aspects of the policy's state."},
};
static const struct type policy_status_type = {
    .name = "CoordinatedPolicyStatus", ROWS(policy_status_rows), .desc = "What was observed last.",
};
static const struct field policy_rows[] = {
    OBJECT_ROWS,
    {.key = "spec", .kind = F_OBJECT, .flags = OPT, .type = &policy_spec_type, .desc = "The rules."},
    {.key = "status", .kind = F_OBJECT, .flags = OPT, .type = &policy_status_type,
     .desc = "What was observed last."},
};
const struct type policy_type = {
    .name = "CoordinatedPolicy", ROWS(policy_rows),
    .desc = "Keeps updates and scaling of several roles in step. It belongs to the RoleBasedGroup of "
            "the same name and namespace.",
};

/* ---- RoleBasedGroupScalingAdapter ---- */

static const struct field scale_target_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .desc = "The RoleBasedGroup."},
    {.key = "role", .kind = F_STRING, .flags = REQ, .desc = "The role of that group."},
};
static const struct type scale_target_type = {
    .name = "AdapterScaleTargetRef", ROWS(scale_target_rows), .desc = "The role that is scaled.",
};
static const struct field adapter_spec_rows[] = {
    {.key = "replicas", .kind = F_INT32, .flags = PTR, .max = LIMIT_TEXT(PODS_MAX),
     .desc = "Instances that the role shall have; autoscalers write it."},
    {.key = "scaleTargetRef", .kind = F_OBJECT, .flags = FF_REQUIRED | FF_POINTER,
     .type = &scale_target_type, .desc = "The role that is scaled."},
};
static const struct type adapter_spec_type = {
    .name = "RoleBasedGroupScalingAdapterSpec", ROWS(adapter_spec_rows),
    .desc = "Which role, and to how many instances.",
};
static const struct field adapter_status_rows[] = {
    {.key = "phase", .kind = F_STRING, .flags = OPT,
     .desc = "Bound: follows its role. NotBound: there is no such role."},
    {.key = "replicas", .kind = F_INT32, .flags = PTR, .desc = "Instances of the role."},
    {.key = "readyReplicas", .kind = F_INT32, .flags = PTR,
     .desc = "Instances of the role that are ready."},
    {.key = "selector", .kind = F_STRING, .flags = OPT,
     .desc = "Selects the pods that an autoscaler measures."},
    {.key = "lastScaleTime", .kind = F_TIME, .flags = PTR,
     .desc = "When the role was last scaled through this object."},
};
static const struct type adapter_status_type = {
    .name = "RoleBasedGroupScalingAdapterStatus", ROWS(adapter_status_rows),
    .desc = "What was observed last.",
};
static const struct field adapter_rows[] = {
    OBJECT_ROWS,
    {.key = "spec", .kind = F_OBJECT, .flags = OPT, .type = &adapter_spec_type,
     .desc = "Which role, and to how many instances."},
    {.key = "status", .kind = F_OBJECT, .flags = OPT, .type = &adapter_status_type,
     .desc = "What was observed last."},
};
const struct type adapter_type = {
    .name = "RoleBasedGroupScalingAdapter", ROWS(adapter_rows),
    .desc = "Makes one role of a group a target for autoscalers.",
};

/* ---- ClusterEngineRuntimeProfile ---- */

static const struct field profile_spec_rows[] = {
    {.key = "initContainers", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &core_Container, .desc = "Init containers to inject."},
    {.key = "containers", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT, .type = &core_Container,
     .desc = "Containers to inject."},
    {.key = "volumes", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT, .type = &core_Volume,
     .desc = "Volumes that the injected containers need."},
    {.key = "updateStrategy", .kind = F_STRING, .flags = REQ, .dflt = "\"NoUpdate\"",
     .enums = "NoUpdate|RollingUpdate",
     .desc = "NoUpdate: a running role keeps the profile it was made with until something else of it changes. "
             "RollingUpdate: a change updates the roles that use it, one group after another."},
};
static const struct type profile_spec_type = {
    .name = "ClusterEngineRuntimeProfileSpec", ROWS(profile_spec_rows), .desc = "What to inject.",
};
static const struct type profile_status_type = {
    .name = "ClusterEngineRuntimeProfileStatus", .desc = "Always empty.",
};
static const struct field profile_rows[] = {
    OBJECT_ROWS,
    {.key = "spec", .kind = F_OBJECT, .flags = OPT, .type = &profile_spec_type,
     .desc = "What to inject."},
    {.key = "status", .kind = F_OBJECT, .flags = OPT, .type = &profile_status_type,
     .desc = "Always empty."},
};
const struct type profile_type = {
    .name = "ClusterEngineRuntimeProfile", ROWS(profile_rows),
    .desc = "Sidecars for inference engines, which roles name in engineRuntimes.",
};
