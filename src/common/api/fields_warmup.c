/* RoleBasedGroupWarmup, v1alpha2. Data only. */
#include "fields.h"

static const struct field image_preload_rows[] = {
    {.key = "images", .kind = F_LIST, .elem = F_STRING, .flags = REQ, .min_items = 1,
     .desc = "Images to pull."},
    {.key = "pullSecrets", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &core_LocalObjectReference, .desc = "Secrets to pull them with."},
};
static const struct type image_preload_type = {
    .name = "ImagePreload", ROWS(image_preload_rows), .desc = "Pulls images onto the nodes.",
};
static const struct field customized_action_rows[] = {
    {.key = "containers", .kind = F_LIST, .elem = F_OBJECT, .flags = REQ, .type = &core_Container,
     .min_items = 1, .desc = "Containers to run to their end."},
    {.key = "volumes", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT, .type = &core_Volume,
     .desc = "Volumes that they need."},
};
static const struct type customized_action_type = {
    .name = "CustomizedAction", ROWS(customized_action_rows),
    .desc = "Runs containers on the nodes.",
};

#define ACTION_ROWS \
    {.key = "imagePreload", .kind = F_OBJECT, .flags = PTR, .type = &image_preload_type, \
     .desc = "Pulls images onto the nodes."}, \
    {.key = "customizedAction", .kind = F_OBJECT, .flags = PTR, .type = &customized_action_type, \
     .desc = "Runs containers on the nodes."}
#define ACTION_RULE \
    {.cel = "has(self.imagePreload) || has(self.customizedAction)", \
     .message = "nothing to do: write imagePreload, customizedAction or both"}

static const struct field actions_rows[] = {ACTION_ROWS};
static const struct rule actions_rules[] = {ACTION_RULE};
static const struct type actions_type = {
    .name = "WarmupActions", ROWS(actions_rows), RULES(actions_rules),
    .desc = "What is done on each node.",
};

static const struct field target_nodes_rows[] = {
    {.key = "nodeNames", .kind = F_LIST, .elem = F_STRING, .flags = OPT, .min_items = 1,
     .desc = "The nodes, by name. Not together with nodeSelector."},
    {.key = "nodeSelector", .kind = F_MAP, .elem = F_STRING, .flags = OPT, .min_properties = 1,
     .desc = "The nodes, by their labels. Not together with nodeNames."},
    ACTION_ROWS,
};
static const struct rule target_nodes_rules[] = {
    {.cel = "has(self.nodeNames) != has(self.nodeSelector)",
     .message = "write exactly one of nodeNames and nodeSelector"},
    ACTION_RULE,
};
static const struct type target_nodes_type = {
    .name = "TargetNodes", ROWS(target_nodes_rows), RULES(target_nodes_rules),
    .desc = "Nodes, and what is done on each.",
};

static const struct field target_group_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .min_length = 1, .desc = "The group."},
    {.key = "roles", .kind = F_MAP, .elem = F_OBJECT, .flags = REQ, .type = &actions_type,
     .min_properties = 1, .max_properties = ROLES_MAX, .desc = "For each role: what is done on the nodes of its pods."},
};
static const struct type target_group_type = {
    .name = "TargetRoleBasedGroup", ROWS(target_group_rows),
    .desc = "The nodes that a group's pods run on.",
};

static const struct field policies_rows[] = {
    {.key = "parallelism", .kind = F_INT32, .flags = PTR, .min = "1",
     .desc = "Nodes at a time; all if unset."},
    {.key = "backoffLimitPerNode", .kind = F_INT32, .flags = PTR, .min = "0",
     .desc = "Attempts after the first failure on a node; without limit if unset."},
    {.key = "maxFailedNodes", .kind = F_INT32, .flags = PTR, .min = "0",
     .desc = "With more failed nodes than this the warmup fails. Needs backoffLimitPerNode."},
    {.key = "globalTimeoutSeconds", .kind = F_INT64, .flags = PTR, .min = "1",
     .desc = "Seconds after which the warmup fails."},
    {.key = "ttlSecondsAfterFinished", .kind = F_INT32, .flags = PTR, .min = "0",
     .desc = "Seconds after its end when the warmup is deleted; never if unset."},
};
static const struct rule policies_rules[] = {
    {.cel = "!has(self.maxFailedNodes) || has(self.backoffLimitPerNode)",
     .message = "maxFailedNodes needs backoffLimitPerNode: without it no node ever counts as failed"},
};
static const struct type policies_type = {
    .name = "WarmupPolicies", ROWS(policies_rows), RULES(policies_rules),
    .desc = "Pace and limits.",
};

static const struct field spec_rows[] = {
    {.key = "paused", .kind = F_BOOL, .flags = PTR, .desc = "Starts nothing new until set to false."},
    {.key = "policies", .kind = F_OBJECT, .flags = PTR, .type = &policies_type,
     .desc = "Pace and limits."},
    {.key = "targetNodes", .kind = F_OBJECT, .flags = PTR, .type = &target_nodes_type,
     .desc = "Nodes, and what is done on each. Not together with targetRoleBasedGroup."},
    {.key = "targetRoleBasedGroup", .kind = F_OBJECT, .flags = PTR, .type = &target_group_type,
     .desc = "The nodes that a group's pods run on. Not together with targetNodes."},
    {.key = "tolerations", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &core_Toleration, .desc = "Tolerations of the pods that do the work."},
};
static const struct rule spec_rules[] = {
    {.cel = "has(self.targetNodes) != has(self.targetRoleBasedGroup)",
     .message = "write exactly one of targetNodes and targetRoleBasedGroup"},
};
static const struct type spec_type = {
    .name = "RoleBasedGroupWarmupSpec", ROWS(spec_rows), RULES(spec_rules),
    .desc = "Which nodes are prepared, and how.",
};

static const struct field status_rows[] = {
    {.key = "phase", .kind = F_STRING, .flags = REQ,
     .desc = "Empty, Running, Paused, Completed or Failed."},
    {.key = "desired", .kind = F_INT32, .flags = REQ, .desc = "Nodes to prepare."},
    {.key = "active", .kind = F_INT32, .flags = REQ, .desc = "Nodes being prepared."},
    {.key = "succeeded", .kind = F_INT32, .flags = REQ, .desc = "Nodes that are prepared."},
    {.key = "failed", .kind = F_INT32, .flags = REQ, .desc = "Nodes that could not be prepared."},
    {.key = "startTime", .kind = F_TIME, .flags = PTR, .desc = "When the work began."},
    {.key = "completionTime", .kind = F_TIME, .flags = PTR, .desc = "When the work ended."},
    {.key = "conditions", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT, .type = &condition_type,
     .merge_key = "type", .list_keys = "type", .desc = "Complete, Failed and VolumeConflict."},
};
static const struct type status_type = {
    .name = "RoleBasedGroupWarmupStatus", ROWS(status_rows), .desc = "What was observed last.",
};

static const struct field warmup_rows[] = {
    OBJECT_ROWS,
    {.key = "spec", .kind = F_OBJECT, .flags = REQ, .type = &spec_type,
     .desc = "Which nodes are prepared, and how."},
    {.key = "status", .kind = F_OBJECT, .flags = OPT, .type = &status_type,
     .desc = "What was observed last."},
};
const struct type warmup_type = {
    .name = "RoleBasedGroupWarmup", ROWS(warmup_rows),
    .desc = "Prepares nodes once, by pulling images or running containers, before pods need them.",
};
