/* Rows that several kinds share: references to templates, rollout and restart settings, conditions. Data only. */
#include "fields.h"

static const struct field template_ref_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .min_length = 1, .max_length = 63,
     .pattern = NAME_RE, AT(struct template_ref, name),
     .desc = "Name of an entry of spec.roleTemplates."},
    {.key = "patch", .kind = F_ANY, .flags = PTR, AT(struct template_ref, patch),
     .desc = "Strategic merge patch that turns the named template into this role's: lists merge by "
             "their keys, $patch directives work."},
};
const struct type template_ref_type = {
    .name = "TemplateRef", ROWS(template_ref_rows), .size = sizeof(struct template_ref),
    .desc = "A shared pod template and what differs from it.",
};

static const struct field template_ref_v1alpha1_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .min_length = 1, .max_length = 63,
     .pattern = NAME_RE, .desc = "Name of an entry of spec.roleTemplates."},
};
const struct type template_ref_v1alpha1_type = {
    .name = "TemplateRef", ROWS(template_ref_v1alpha1_rows), .desc = "A shared pod template.",
};

static const struct field restart_config_rows[] = {
    {.key = "type", .kind = F_STRING, .flags = OPT, .enums = RESTART_POLICIES,
     AT(struct restart_config, type),
     .desc = "What the restart of a pod's container means for its instance: None leaves the "
             "instance alone, RecreateRoleInstanceOnPodRestart makes all of its pods anew. "
             "Default: RecreateRoleInstanceOnPodRestart."},
    {.key = "baseDelaySeconds", .kind = F_INT32, .flags = PTR, .dflt = "30", .min = "0",
     AT(struct restart_config, base_delay_seconds),
     .desc = "Seconds between the first recreation, which is immediate, and the second; doubles "
             "with each further one."},
    {.key = "maxDelaySeconds", .kind = F_INT32, .flags = PTR, .dflt = "600", .min = "0",
     AT(struct restart_config, max_delay_seconds),
     .desc = "The longest wait between two recreations, in seconds; not less than "
             "baseDelaySeconds. 0, as that then is too: no wait."},
    {.key = "maxRestarts", .kind = F_INT32, .flags = PTR, .min = "0",
     AT(struct restart_config, max_restarts),
     .desc = "So many recreations in a row, then the instance is left as it is, with condition Failed. The "
             "row ends when twice maxDelaySeconds, at least 10 minutes, pass without one. Default: no limit."},
};
static const struct rule restart_config_rules[] = {
    {.cel = "!has(self.baseDelaySeconds) || !has(self.maxDelaySeconds) || "
            "self.maxDelaySeconds >= self.baseDelaySeconds",
     .message = "maxDelaySeconds must be greater than or equal to baseDelaySeconds"},
};
const struct type restart_config_type = {
    .name = "RestartPolicyConfig", ROWS(restart_config_rows), RULES(restart_config_rules),
    .size = sizeof(struct restart_config),
    .desc = "When an instance is recreated as a whole, and how long to wait between attempts.",
};

static const struct field inplace_strategy_rows[] = {
    {.key = "gracePeriodSeconds", .kind = F_INT32, .flags = OPT | FF_OPT,
     AT(struct inplace_strategy, grace_period_seconds),
     .desc = "Seconds between taking a pod out of its services and changing it in place."},
};
const struct type inplace_strategy_type = {
    .name = "InPlaceUpdateStrategy", ROWS(inplace_strategy_rows),
    .size = sizeof(struct inplace_strategy),
    .desc = "How pods are changed without being recreated.",
};

static const struct field role_rolling_update_rows[] = {
    {.key = "type", .kind = F_STRING, .flags = OPT, AT(struct rolling_update, type),
     .desc = "RecreatePod, InPlaceIfPossible (the default) or InPlaceOnly."},
    {.key = "partition", .kind = F_INTSTR, .flags = PTR, .dflt = "0",
     AT(struct rolling_update, partition),
     .desc = "How many instances, a number or a percentage, stay at the old template; the ones "
             "with the lowest ordinals."},
    {.key = "maxUnavailable", .kind = F_INTSTR, .flags = PTR, .dflt = "1",
     AT(struct rolling_update, max_unavailable),
     .desc = "How many instances, a number or a percentage, may be unavailable at a time. Not 0 "
             "together with maxSurge 0."},
    {.key = "maxSurge", .kind = F_INTSTR, .flags = PTR, .dflt = "0",
     AT(struct rolling_update, max_surge),
     .desc = "How many instances, a number or a percentage, may exist beyond replicas during an "
             "update."},
    {.key = "paused", .kind = F_BOOL, .flags = OPT | FF_OPT, AT(struct rolling_update, paused),
     .desc = "Stops the update where it is until set to false."},
    {.key = "inPlaceUpdateStrategy", .kind = F_OBJECT, .flags = PTR,
     .type = &inplace_strategy_type, AT(struct rolling_update, inplace),
     .desc = "Settings of in-place updates."},
};
const struct type role_rolling_update_type = {
    .name = "RollingUpdate", ROWS(role_rolling_update_rows), .size = sizeof(struct rolling_update),
    .desc = "The pace and the manner of an update.",
};

static const struct field role_rollout_rows[] = {
    {.key = "type", .kind = F_STRING, .flags = REQ, .dflt = "\"RollingUpdate\"",
     .enums = "RollingUpdate", AT(struct rollout_strategy, type),
     .desc = "RollingUpdate: replaces instances step by step."},
    {.key = "rollingUpdate", .kind = F_OBJECT, .flags = PTR, .type = &role_rolling_update_type,
     AT(struct rollout_strategy, rolling_update), .desc = "Settings of the rolling update."},
};
const struct type role_rollout_type = {
    .name = "RolloutStrategy", ROWS(role_rollout_rows), .size = sizeof(struct rollout_strategy),
    .desc = "How a change of the role reaches its instances.",
};

static const struct field engine_runtime_rows[] = {
    {.key = "profileName", .kind = F_STRING, .flags = REQ, AT(struct engine_runtime, profile_name),
     .desc = "Name of a ClusterEngineRuntimeProfile."},
    {.key = "injectContainers", .kind = F_LIST, .elem = F_STRING, .flags = OPT,
     AT(struct engine_runtime, inject_containers),
     .desc = "Names of the profile's containers to inject; all of them if empty."},
    {.key = "containers", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT, .type = &core_Container,
     AT(struct engine_runtime, containers),
     .desc = "Arguments and environment to add to injected containers of the same name."},
};
const struct type engine_runtime_type = {
    .name = "EngineRuntime", ROWS(engine_runtime_rows), .size = sizeof(struct engine_runtime),
    .desc = "Sidecars from a profile, with this role's additions.",
};

static const struct field role_template_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .min_length = 1, .max_length = 63,
     .pattern = NAME_RE, AT(struct role_template, name), .desc = "What templateRef.name says."},
    {.key = "template", .kind = F_OBJECT, .flags = REQ, .type = &core_PodTemplateSpec,
     AT(struct role_template, template), .desc = "A pod template."},
};
const struct type role_template_type = {
    .name = "RoleTemplate", ROWS(role_template_rows), .size = sizeof(struct role_template),
    .desc = "A pod template that several roles of the group may refer to.",
};

static const struct field condition_rows[] = {
    {.key = "type", .kind = F_STRING, .flags = REQ, .max_length = 316,
     .pattern = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
                "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
     .desc = "What the condition is about."},
    {.key = "status", .kind = F_STRING, .flags = REQ, .enums = "True|False|Unknown",
     .desc = "Whether it holds."},
    {.key = "observedGeneration", .kind = F_INT64, .flags = OPT, .min = "0",
     .desc = "The metadata.generation that this was found for."},
    {.key = "lastTransitionTime", .kind = F_TIME, .flags = REQ,
     .desc = "When the status last changed."},
    {.key = "reason", .kind = F_STRING, .flags = REQ, .min_length = 1, .max_length = 1024,
     .pattern = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
     .desc = "Why, as one word for programs."},
    {.key = "message", .kind = F_STRING, .flags = REQ, .max_length = 32768,
     .desc = "Why, as a sentence for people."},
};
const struct type condition_type = {
    .name = "Condition", ROWS(condition_rows), .desc = "One aspect of the object's state.",
};

static const struct field own_condition_rows[] = {
    {.key = "type", .kind = F_STRING, .flags = REQ, .desc = "What the condition is about."},
    {.key = "status", .kind = F_STRING, .flags = REQ, .desc = "Whether it holds."},
    {.key = "lastTransitionTime", .kind = F_TIME, .flags = OPT,
     .desc = "When the status last changed."},
    {.key = "reason", .kind = F_STRING, .flags = OPT, .desc = "Why, as one word for programs."},
    {.key = "message", .kind = F_STRING, .flags = OPT, .desc = "Why, as a sentence for people."},
};
const struct type own_condition_type = {
    .name = "InstanceCondition", ROWS(own_condition_rows),
    .desc = "One aspect of the object's state.",
};

static const struct field role_status_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .desc = "The role."},
    {.key = "replicas", .kind = F_INT32, .flags = REQ, .desc = "Instances that exist."},
    {.key = "readyReplicas", .kind = F_INT32, .flags = REQ, .desc = "Instances that are ready."},
    {.key = "updatedReplicas", .kind = F_INT32, .flags = REQ,
     .desc = "Instances made from the current template."},
};
static const struct type role_status_type = {
    .name = "RoleStatus", ROWS(role_status_rows), .desc = "How far one role is.",
};

static const struct field group_status_rows[] = {
    {.key = "observedGeneration", .kind = F_INT64, .flags = OPT,
     .desc = "The metadata.generation that this status is about."},
    {.key = "conditions", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT, .type = &condition_type,
     .merge_key = "type", .list_keys = "type",
     .desc = "Ready, Progressing, RollingUpdateInProgress, and Stalled while one cause keeps everything still."},
    {.key = "roleStatuses", .kind = F_LIST, .elem = F_OBJECT, .flags = REQ,
     .type = &role_status_type, .desc = "One entry for each role."},
    {.key = "rolesReady", .kind = F_STRING, .flags = OPT,
     .desc = "Roles that are wholly as the spec asks, of all: \"2/3\". For columns."},
    {.key = "instancesUpdated", .kind = F_STRING, .flags = OPT,
     .desc = "Instances made from the current templates, of those wanted: \"5/6\". For columns."},
};
const struct type group_status_type = {
    .name = "RoleBasedGroupStatus", ROWS(group_status_rows), .desc = "What was observed last.",
};

static const struct field set_status_rows[] = {
    {.key = "observedGeneration", .kind = F_INT64, .flags = OPT,
     .desc = "The metadata.generation that this status is about."},
    {.key = "replicas", .kind = F_INT32, .flags = OPT, .desc = "Groups that exist."},
    {.key = "readyReplicas", .kind = F_INT32, .flags = FF_ALWAYS, .desc = "Groups that are ready."},
    {.key = "updatedReplicas", .kind = F_INT32, .flags = OPT, .desc = "Groups that are what the template says."},
    {.key = "conditions", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT, .type = &condition_type,
     .merge_key = "type", .list_keys = "type",
     .desc = "Ready, Progressing, RollingUpdateInProgress, and Stalled while one cause keeps everything still."},
};
const struct type set_status_type = {
    .name = "RoleBasedGroupSetStatus", ROWS(set_status_rows), .desc = "What was observed last.",
};
