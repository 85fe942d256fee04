/* RoleBasedGroup and RoleBasedGroupSet, v1alpha1: the deprecated form, which is converted to v1alpha2 for storage. Data only. */
#include "fields.h"

/* ---- scheduling as a group ---- */

static const struct field kube_scheduling_rows[] = {
    {.key = "scheduleTimeoutSeconds", .kind = F_INT32, .flags = PTR, .dflt = "60",
     .desc = "Seconds that the scheduler waits for all pods of the group to fit."},
};
static const struct type kube_scheduling_type = {
    .name = "KubeSchedulingPodGroupPolicy", ROWS(kube_scheduling_rows),
    .desc = "Gang scheduling by the coscheduling plugin.",
};
static const struct field volcano_scheduling_rows[] = {
    {.key = "priorityClassName", .kind = F_STRING, .flags = OPT,
     .desc = "Priority class of the pod group."},
    {.key = "queue", .kind = F_STRING, .flags = OPT, .desc = "Queue of the pod group."},
};
static const struct type volcano_scheduling_type = {
    .name = "VolcanoSchedulingPodGroupPolicy", ROWS(volcano_scheduling_rows),
    .desc = "Gang scheduling by Volcano.",
};
static const struct field pod_group_policy_rows[] = {
    {.key = "kubeScheduling", .kind = F_OBJECT, .flags = PTR, .type = &kube_scheduling_type,
     .desc = "Gang scheduling by the coscheduling plugin."},
    {.key = "volcanoScheduling", .kind = F_OBJECT, .flags = PTR, .type = &volcano_scheduling_type,
     .desc = "Gang scheduling by Volcano."},
};
const struct type pod_group_policy_type = {
    .name = "PodGroupPolicy", ROWS(pod_group_policy_rows),
    .desc = "Schedules all pods of the group together or none.",
};

/* ---- coordination ---- */

static const struct field rolling_update_rows[] = {
    {.key = "maxSkew", .kind = F_STRING, .flags = PTR, .pattern = PERCENT_RE,
     .desc = "How far the updates of the roles may drift apart, as a percentage."},
    {.key = "partition", .kind = F_STRING, .flags = PTR, .pattern = PERCENT_RE,
     .desc = "Share of each role's instances that stay at the old template."},
    {.key = "maxUnavailable", .kind = F_STRING, .flags = PTR, .pattern = PERCENT_RE,
     .desc = "Share of each role's instances that may be unavailable at a time."},
};
static const struct type rolling_update_type = {
    .name = "CoordinationRollingUpdate", ROWS(rolling_update_rows),
    .desc = "Keeps updates of the roles in step.",
};
static const struct field scaling_rows[] = {
    {.key = "maxSkew", .kind = F_STRING, .flags = PTR, .pattern = PERCENT_RE,
     .desc = "How far the sizes of the roles may drift apart, as a percentage."},
    {.key = "progression", .kind = F_STRING, .flags = PTR, .dflt = "\"OrderScheduled\"",
     .enums = "OrderScheduled|OrderReady",
     .desc = "When the next step may begin: when the pods of this one are scheduled, or ready."},
};
static const struct type scaling_type = {
    .name = "CoordinationScaling", ROWS(scaling_rows), .desc = "Keeps scaling of the roles in step.",
};
static const struct field strategy_rows[] = {
    {.key = "rollingUpdate", .kind = F_OBJECT, .flags = PTR, .type = &rolling_update_type,
     .desc = "Keeps updates of the roles in step."},
    {.key = "scaling", .kind = F_OBJECT, .flags = PTR, .type = &scaling_type,
     .desc = "Keeps scaling of the roles in step."},
};
static const struct type strategy_type = {
    .name = "CoordinationStrategy", ROWS(strategy_rows), .desc = "What is kept in step.",
};
static const struct field coordination_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .desc = "Name of the rule."},
    {.key = "roles", .kind = F_LIST, .elem = F_STRING, .flags = REQ, .max_items = ROLES_MAX,
     .desc = "The roles that are kept in step."},
    {.key = "strategy", .kind = F_OBJECT, .flags = PTR, .type = &strategy_type,
     .desc = "What is kept in step."},
};
static const struct type coordination_type = {
    .name = "Coordination", ROWS(coordination_rows), .desc = "One rule about several roles.",
};

/* ---- the role ---- */

static const struct field workload_rows[] = {
    {.key = "apiVersion", .kind = F_STRING, .flags = OPT, .dflt = "\"apps/v1\"",
     .pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
                "/v[0-9]+((alpha|beta)[0-9]+)?$",
     .desc = "Group and version of the workload."},
    {.key = "kind", .kind = F_STRING, .flags = OPT, .dflt = "\"StatefulSet\"",
     .desc = "StatefulSet, Deployment, LeaderWorkerSet or RoleInstanceSet."},
};
static const struct type workload_type = {
    .name = "WorkloadSpec", ROWS(workload_rows), .desc = "The kind of the role's workload.",
};

static const struct field leader_worker_set_rows[] = {
    {.key = "size", .kind = F_INT32, .flags = PTR, .dflt = "1", .max = LIMIT_TEXT(PODS_MAX),
     .desc = "Pods of one instance: one leader and size - 1 workers."},
    {.key = "patchLeaderTemplate", .kind = F_ANY, .flags = PTR,
     .desc = "Strategic merge patch of the template for the leader."},
    {.key = "patchWorkerTemplate", .kind = F_ANY, .flags = PTR,
     .desc = "Strategic merge patch of the template for the workers."},
};
static const struct type leader_worker_set_type = {
    .name = "LeaderWorkerTemplate", ROWS(leader_worker_set_rows),
    .desc = "One leader pod and its workers are one instance.",
};

static const struct field component_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .max_length = DNS_LABEL_MAX, .pattern = NAME_RE,
     .desc = "Name of the component."},
    {.key = "size", .kind = F_INT32, .flags = PTR, .max = LIMIT_TEXT(PODS_MAX),
     .desc = "Pods of the component in one instance."},
    {.key = "serviceName", .kind = F_STRING, .flags = OPT, .max_length = DNS_LABEL_MAX,
     .pattern = SERVICE_NAME_RE,
     .desc = "Subdomain of the pods. Default: the role's service."},
    {.key = "template", .kind = F_OBJECT, .flags = REQ | FF_SCHEMALESS,
     .type = &core_PodTemplateSpec, .desc = "The pod template of this component."},
};
static const struct type role_component_type = {
    .name = "RoleComponent", ROWS(component_rows), .desc = "Pods of one sort inside an instance.",
};

static const struct field scaling_adapter_rows[] = {
    {.key = "enable", .kind = F_BOOL, .flags = OPT, .dflt = "false",
     .desc = "Makes a RoleBasedGroupScalingAdapter for the role."},
};
static const struct type scaling_adapter_type = {
    .name = "ScalingAdapter", ROWS(scaling_adapter_rows), .desc = "Autoscaling of the role.",
};

static const struct field role_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .min_length = 1, .max_length = ROLE_NAME_MAX,
     .pattern = NAME_RE,
     .desc = "Name of the role, unique in the group."},
    {.key = "labels", .kind = F_MAP, .elem = F_STRING, .flags = OPT,
     .desc = "Labels of the role's workload."},
    {.key = "annotations", .kind = F_MAP, .elem = F_STRING, .flags = OPT,
     .desc = "Annotations of the role's workload and service."},
    {.key = "replicas", .kind = F_INT32, .flags = FF_POINTER | FF_ALWAYS | FF_NODEFAULT,
     .dflt = "1", .min = "0", .max = LIMIT_TEXT(PODS_MAX), .desc = "Instances of the role."},
    {.key = "rolloutStrategy", .kind = F_OBJECT, .flags = PTR, .type = &role_rollout_type,
     .desc = "How a change of the role reaches its instances."},
    {.key = "restartPolicy", .kind = F_STRING, .flags = OPT, .enums = RESTART_POLICIES,
     .desc = "What the restart of a pod's container means for its instance."},
    {.key = "dependencies", .kind = F_LIST, .elem = F_STRING, .flags = OPT, .max_items = ROLES_MAX,
     .desc = "Roles that must be ready before this one is started for the first time."},
    {.key = "workload", .kind = F_OBJECT, .flags = FF_ALWAYS, .type = &workload_type,
     .dflt = "{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\"}",
     .desc = "The kind of the role's workload."},
    {.key = "template", .kind = F_OBJECT, .flags = PTR, .type = &core_PodTemplateSpec,
     .desc = "The pod template, written here. Not together with templateRef."},
    {.key = "templateRef", .kind = F_OBJECT, .flags = PTR, .type = &template_ref_v1alpha1_type,
     .desc = "The pod template, from spec.roleTemplates. Not together with template."},
    {.key = "templatePatch", .kind = F_ANY, .flags = PTR,
     .desc = "Strategic merge patch of the template that templateRef names."},
    {.key = "leaderWorkerSet", .kind = F_OBJECT, .flags = PTR, .type = &leader_worker_set_type,
     .desc = "One leader pod and its workers are one instance."},
    {.key = "components", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &role_component_type, .merge_key = "name", .max_items = COMPONENTS_MAX,
     .desc = "Any set of components is one instance."},
    {.key = "servicePorts", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &core_ServicePort, .desc = "Ports that the discovery file announces for the role."},
    {.key = "engineRuntimes", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &engine_runtime_type, .desc = "Sidecars that are injected into the role's pods."},
    {.key = "scalingAdapter", .kind = F_OBJECT, .flags = PTR, .type = &scaling_adapter_type,
     .desc = "Autoscaling of the role."},
    {.key = "minReadySeconds", .kind = F_INT32, .flags = OPT, .dflt = "0",
     .desc = "Seconds that an instance must be ready before it counts as available."},
};
/* The third rule lets a role through that v1alpha2 stores as custom components of a RoleInstanceSet: what can be read through
 * v1alpha1 can be written back. */
static const struct rule role_rules[] = {
    {.cel = "!has(self.templateRef) || self.workload.kind != 'InstanceSet'",
     .message = "templateRef does not work with workload kind InstanceSet: write template"},
    {.cel = "!has(self.templateRef) || self.workload.kind != 'LeaderWorkerSet'",
     .message = "templateRef does not work with workload kind LeaderWorkerSet: write template"},
    {.cel = "has(self.template) || has(self.templateRef) || self.workload.kind == 'InstanceSet' || "
            "(self.workload.kind == 'RoleInstanceSet' && has(self.components))",
     .message = "a role needs template or templateRef"},
    {.cel = "!(has(self.template) && has(self.templateRef))",
     .message = "template and templateRef are mutually exclusive: keep one of them"},
};
static const struct type role_type = {
    .name = "RoleSpec", ROWS(role_rows), RULES(role_rules),
    .desc = "One role of the group: what its instances are and how many there are.",
};

/* ---- the group and the set ---- */

static const struct field spec_rows[] = {
    {.key = "roles", .kind = F_LIST, .elem = F_OBJECT, .flags = REQ, .type = &role_type,
     .merge_key = "name", .list_keys = "name", .min_items = 1, .max_items = ROLES_MAX,
     .desc = "The roles of the group."},
    {.key = "roleTemplates", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &role_template_type, .merge_key = "name", .list_keys = "name",
     .max_items = TEMPLATES_MAX,
     .desc = "Pod templates that roles refer to with templateRef."},
    {.key = "podGroupPolicy", .kind = F_OBJECT, .flags = PTR, .type = &pod_group_policy_type,
     .desc = "Schedules all pods of the group together or none."},
    {.key = "coordination", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &coordination_type, .merge_key = "name", .list_keys = "name", .max_items = ROLES_MAX,
     .desc = "Rules that keep roles in step."},
};
static const struct type spec_type = {
    .name = "RoleBasedGroupSpec", ROWS(spec_rows), .desc = "What the group shall be.",
};

static const struct field rbg_rows[] = {
    OBJECT_ROWS,
    {.key = "spec", .kind = F_OBJECT, .flags = OPT, .type = &spec_type,
     .desc = "What the group shall be."},
    {.key = "status", .kind = F_OBJECT, .flags = OPT, .type = &group_status_type,
     .desc = "What was observed last."},
};
const struct type rbg_v1alpha1_type = {
    .name = "RoleBasedGroup", ROWS(rbg_rows),
    .desc = "A group of roles that work together. Deprecated: use v1alpha2.",
};

static const struct field set_spec_rows[] = {
    {.key = "replicas", .kind = F_INT32, .flags = PTR, .dflt = "1", .max = LIMIT_TEXT(GROUPS_MAX),
     .desc = "Groups of the set."},
    {.key = "template", .kind = F_OBJECT, .flags = REQ, .type = &spec_type,
     .desc = "The spec of each group."},
};
static const struct type set_spec_type = {
    .name = "RoleBasedGroupSetSpec", ROWS(set_spec_rows), .desc = "What the set shall be.",
};
static const struct field set_rows[] = {
    OBJECT_ROWS,
    {.key = "spec", .kind = F_OBJECT, .flags = OPT, .type = &set_spec_type,
     .desc = "What the set shall be."},
    {.key = "status", .kind = F_OBJECT, .flags = OPT, .type = &set_status_type,
     .desc = "What was observed last."},
};
const struct type rbgset_v1alpha1_type = {
    .name = "RoleBasedGroupSet", ROWS(set_rows),
    .desc = "A number of equal groups. Deprecated: use v1alpha2.",
};
