/* RoleBasedGroup and RoleBasedGroupSet, v1alpha2. Data only. */
#include "api/names.h"
#include "fields.h"

/* ---- the three patterns ---- */

static const struct rule one_template_rules[] = {
    {.cel = "!(has(self.template) && has(self.templateRef))",
     .message = "template and templateRef are mutually exclusive: keep one of them"},
};

#define TEMPLATE_ROWS(T) \
    {.key = "template", .kind = F_OBJECT, .flags = PTR, .type = &core_PodTemplateSpec, \
     AT(T, template), .desc = "The pod template, written here. Not together with templateRef."}, \
    {.key = "templateRef", .kind = F_OBJECT, .flags = PTR, .type = &template_ref_type, \
     AT(T, template_ref), .desc = "The pod template, from spec.roleTemplates. Not together with template."}

#define RESTART_ROWS(T) \
    {.key = "restartPolicy", .kind = F_STRING, .flags = OPT, .enums = RESTART_POLICIES, \
     AT(T, restart_policy), \
     .desc = "Deprecated: write restartPolicyConfig.type, which wins over this field."}, \
    {.key = "restartPolicyConfig", .kind = F_OBJECT, .flags = PTR, .type = &restart_config_type, \
     AT(T, restart_config), .desc = "When an instance is recreated as a whole."}

static const struct field standalone_rows[] = {
    TEMPLATE_ROWS(struct standalone_pattern),
};
static const struct type standalone_type = {
    .name = "StandalonePattern", ROWS(standalone_rows), RULES(one_template_rules),
    .size = sizeof(struct standalone_pattern), .desc = "One pod is one instance.",
};

static const struct field leader_worker_rows[] = {
    {.key = "size", .kind = F_INT32, .flags = PTR, .dflt = "1", .max = LIMIT_TEXT(PODS_MAX),
     AT(struct leader_worker_pattern, size),
     .desc = "Pods of one instance: one leader and size - 1 workers."},
    TEMPLATE_ROWS(struct leader_worker_pattern),
    {.key = "leaderTemplatePatch", .kind = F_ANY, .flags = PTR,
     AT(struct leader_worker_pattern, leader_patch),
     .desc = "Strategic merge patch of the template for the leader."},
    {.key = "workerTemplatePatch", .kind = F_ANY, .flags = PTR,
     AT(struct leader_worker_pattern, worker_patch),
     .desc = "Strategic merge patch of the template for the workers."},
    {.key = "sharedServiceSelection", .kind = F_STRING, .flags = OPT, .enums = "All|LeaderOnly",
     AT(struct leader_worker_pattern, shared_service_selection),
     .desc = "Which pods the role's service selects. Default: LeaderOnly when the workload is a "
             "RoleInstanceSet, else All."},
    RESTART_ROWS(struct leader_worker_pattern),
};
static const struct type leader_worker_type = {
    .name = "LeaderWorkerPattern", ROWS(leader_worker_rows), RULES(one_template_rules),
    .size = sizeof(struct leader_worker_pattern),
    .desc = "One leader pod and its workers are one instance.",
};

static const struct field role_component_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .max_length = DNS_LABEL_MAX, .pattern = NAME_RE,
     AT(struct component, name),
     .desc = "Name of the component, unique in its role."},
    {.key = "size", .kind = F_INT32, .flags = PTR, .max = LIMIT_TEXT(PODS_MAX),
     AT(struct component, size),
     .desc = "Pods of this component in one instance. Default: 1."},
    {.key = "serviceName", .kind = F_STRING, .flags = OPT, .max_length = DNS_LABEL_MAX,
     .pattern = SERVICE_NAME_RE, AT(struct component, service_name),
     .desc = "Subdomain of the pods. Default: the role's service."},
    {.key = "labels", .kind = F_MAP, .elem = F_STRING, .flags = OPT, AT(struct component, labels),
     .desc = "Labels of the component's pods; win over the template's."},
    {.key = "annotations", .kind = F_MAP, .elem = F_STRING, .flags = OPT,
     AT(struct component, annotations),
     .desc = "Annotations of the component's pods; win over the template's."},
    {.key = "template", .kind = F_OBJECT, .flags = REQ | FF_SCHEMALESS,
     .type = &core_PodTemplateSpec, AT(struct component, template),
     .desc = "The pod template of this component."},
};
static const struct type role_component_type = {
    .name = "RoleComponent", ROWS(role_component_rows), .size = sizeof(struct component),
    .desc = "Pods of one sort inside an instance.",
};

static const struct field custom_rows[] = {
    {.key = "components", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &role_component_type, .merge_key = "name", .max_items = COMPONENTS_MAX,
     AT(struct custom_pattern, components),
     .desc = "The components of one instance, in their order."},
    RESTART_ROWS(struct custom_pattern),
};
static const struct type custom_type = {
    .name = "CustomComponentsPattern", ROWS(custom_rows), .size = sizeof(struct custom_pattern),
    .desc = "Any set of components is one instance.",
};

/* ---- the role ---- */

static const struct field scaling_adapter_rows[] = {
    {.key = "enable", .kind = F_BOOL, .flags = OPT | FF_OPT, .dflt = "false",
     AT(struct scaling_adapter, enable),
     .desc = "Makes a RoleBasedGroupScalingAdapter for the role, which autoscalers can target."},
    {.key = "labels", .kind = F_MAP, .elem = F_STRING, .flags = OPT,
     AT(struct scaling_adapter, labels), .desc = "Labels of the adapter."},
};
static const struct type scaling_adapter_type = {
    .name = "ScalingAdapter", ROWS(scaling_adapter_rows), .size = sizeof(struct scaling_adapter),
    .desc = "Autoscaling of the role.",
};

static const struct field role_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .min_length = 1, .max_length = ROLE_NAME_MAX,
     .pattern = NAME_RE, AT(struct role, name),
     .desc = "Name of the role, unique in the group. It becomes part of names and labels of "
             "everything that belongs to the role."},
    {.key = "labels", .kind = F_MAP, .elem = F_STRING, .flags = OPT, AT(struct role, labels),
     .desc = "Labels of the role's workload."},
    {.key = "annotations", .kind = F_MAP, .elem = F_STRING, .flags = OPT,
     AT(struct role, annotations),
     .desc = "Annotations of the role's workload and service; some of them are directives."},
    {.key = "replicas", .kind = F_INT32, .flags = FF_POINTER | FF_ALWAYS | FF_NODEFAULT,
     .dflt = "1", .min = "0", .max = LIMIT_TEXT(PODS_MAX), AT(struct role, replicas),
     .desc = "Instances of the role. Left out while a scaling adapter is bound: what the adapter asks for."},
    {.key = "rolloutStrategy", .kind = F_OBJECT, .flags = PTR, .type = &role_rollout_type,
     AT(struct role, rollout), .desc = "How a change of the role reaches its instances."},
    {.key = "dependencies", .kind = F_LIST, .elem = F_STRING, .flags = OPT, .max_items = ROLES_MAX,
     AT(struct role, dependencies),
     .desc = "Roles that must be ready before this one is started for the first time."},
    {.key = "standalonePattern", .kind = F_OBJECT, .flags = PTR, .type = &standalone_type,
     AT(struct role, standalone), .desc = "One pod is one instance."},
    {.key = "leaderWorkerPattern", .kind = F_OBJECT, .flags = PTR, .type = &leader_worker_type,
     AT(struct role, leader_worker), .desc = "One leader pod and its workers are one instance."},
    {.key = "customComponentsPattern", .kind = F_OBJECT, .flags = PTR, .type = &custom_type,
     AT(struct role, custom), .desc = "Any set of components is one instance."},
    {.key = "servicePorts", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &core_ServicePort, AT(struct role, service_ports),
     .desc = "Ports that the discovery file announces for the role."},
    {.key = "engineRuntimes", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &engine_runtime_type, AT(struct role, engine_runtimes),
     .desc = "Sidecars that are injected into the role's pods."},
    {.key = "scalingAdapter", .kind = F_OBJECT, .flags = PTR, .type = &scaling_adapter_type,
     AT(struct role, scaling_adapter), .desc = "Autoscaling of the role."},
    {.key = "minReadySeconds", .kind = F_INT32, .flags = OPT, .dflt = "0",
     AT(struct role, min_ready_seconds),
     .desc = "Seconds that an instance must be ready before it counts as available."},
    {.key = "podManagementPolicy", .kind = F_STRING, .flags = OPT, .dflt = "\"Parallel\"",
     .enums = "OrderedReady|Parallel", AT(struct role, pod_management_policy),
     .desc = "OrderedReady: one instance after the other, by ordinal. Parallel: all at once."},
};
static const struct rule role_rules[] = {
    {.cel = "!(has(self.standalonePattern) && has(self.leaderWorkerPattern))",
     .message = "standalonePattern and leaderWorkerPattern are mutually exclusive: keep one of them"},
    {.cel = "!has(self.leaderWorkerPattern) || "
            "!has(self.leaderWorkerPattern.sharedServiceSelection) || "
            "self.leaderWorkerPattern.sharedServiceSelection != 'LeaderOnly' || "
            "!has(self.annotations) || !('" A_WORKLOAD_TYPE "' in self.annotations) || "
            "self.annotations['" A_WORKLOAD_TYPE "'] == '" WORKLOAD_RIS "'",
     .message = "sharedServiceSelection LeaderOnly works with RoleInstanceSet workloads only: write "
                "All, or remove the annotation " A_WORKLOAD_TYPE},
};
static const struct type role_type = {
    .name = "RoleSpec", ROWS(role_rows), RULES(role_rules), .size = sizeof(struct role),
    .desc = "One role of the group: what its instances are and how many there are.",
};

/* ---- the group ---- */

static const struct field rbg_spec_rows[] = {
    {.key = "roles", .kind = F_LIST, .elem = F_OBJECT, .flags = REQ, .type = &role_type,
     .merge_key = "name", .list_keys = "name", .min_items = 1, .max_items = ROLES_MAX,
     AT(struct rbg_spec, roles),
     .desc = "The roles of the group."},
    {.key = "roleTemplates", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &role_template_type, .merge_key = "name", .list_keys = "name",
     .max_items = TEMPLATES_MAX, AT(struct rbg_spec, role_templates),
     .desc = "Pod templates that roles refer to with templateRef."},
};
const struct type rbg_spec_type = {
    .name = "RoleBasedGroupSpec", ROWS(rbg_spec_rows), .size = sizeof(struct rbg_spec),
    .desc = "What the group shall be.",
};

static const struct field rbg_rows[] = {
    OBJECT_ROWS,
    {.key = "spec", .kind = F_OBJECT, .flags = OPT, .type = &rbg_spec_type,
     .desc = "What the group shall be."},
    {.key = "status", .kind = F_OBJECT, .flags = OPT, .type = &group_status_type,
     .desc = "What was observed last."},
};
const struct type rbg_type = {
    .name = "RoleBasedGroup", ROWS(rbg_rows),
    .desc = "A group of roles that work together, such as router, prefill and decode, and that are "
            "deployed, updated, scaled and found as one.",
};

/* ---- the set of groups ---- */

static const struct field group_template_rows[] = {
    {.key = "labels", .kind = F_MAP, .elem = F_STRING, .flags = OPT, .desc = "Labels of each group."},
    {.key = "annotations", .kind = F_MAP, .elem = F_STRING, .flags = OPT,
     .desc = "Annotations of each group."},
    {.key = "spec", .kind = F_OBJECT, .flags = OPT, .type = &rbg_spec_type,
     .desc = "What each group shall be."},
};
static const struct type group_template_type = {
    .name = "RoleBasedGroupTemplate", ROWS(group_template_rows),
    .desc = "From this the groups of the set are made.",
};

static const struct field rbgset_spec_rows[] = {
    {.key = "replicas", .kind = F_INT32, .flags = PTR, .dflt = "1", .max = LIMIT_TEXT(GROUPS_MAX),
     .desc = "Groups of the set."},
    {.key = "groupTemplate", .kind = F_OBJECT, .flags = REQ, .type = &group_template_type,
     .desc = "From this the groups of the set are made."},
};
static const struct type rbgset_spec_type = {
    .name = "RoleBasedGroupSetSpec", ROWS(rbgset_spec_rows), .desc = "What the set shall be.",
};

static const struct field rbgset_rows[] = {
    OBJECT_ROWS,
    {.key = "spec", .kind = F_OBJECT, .flags = OPT, .type = &rbgset_spec_type,
     .desc = "What the set shall be."},
    {.key = "status", .kind = F_OBJECT, .flags = OPT, .type = &set_status_type,
     .desc = "What was observed last."},
};
const struct type rbgset_type = {
    .name = "RoleBasedGroupSet", ROWS(rbgset_rows),
    .desc = "A number of equal RoleBasedGroups, made from one template.",
};
