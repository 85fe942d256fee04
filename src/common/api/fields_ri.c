/* RoleInstance, v1alpha2. Data only. */
#include "fields.h"

static const struct field component_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .max_length = DNS_LABEL_MAX, .pattern = NAME_RE,
     AT(struct component, name),
     .desc = "Name of the component, unique in its instance."},
    {.key = "size", .kind = F_INT32, .flags = PTR, .max = LIMIT_TEXT(PODS_MAX),
     AT(struct component, size),
     .desc = "Pods of this component. Default: 1."},
    {.key = "serviceName", .kind = F_STRING, .flags = OPT, .max_length = DNS_LABEL_MAX,
     .pattern = SERVICE_NAME_RE, AT(struct component, service_name),
     .desc = "Subdomain of the component's pods; their hostname is then the pod's name."},
    {.key = "labels", .kind = F_MAP, .elem = F_STRING, .flags = OPT, AT(struct component, labels),
     .desc = "Labels of the component."},
    {.key = "annotations", .kind = F_MAP, .elem = F_STRING, .flags = OPT,
     AT(struct component, annotations), .desc = "Annotations of the component."},
    {.key = "template", .kind = F_OBJECT, .flags = REQ | FF_SCHEMALESS,
     .type = &core_PodTemplateSpec, AT(struct component, template),
     .desc = "The pod template of this component."},
};
static const struct type component_type = {
    .name = "RoleInstanceComponent", ROWS(component_rows), .size = sizeof(struct component),
    .desc = "Pods of one sort inside the instance.",
};

static const struct field readiness_gate_rows[] = {
    {.key = "conditionType", .kind = F_STRING, .flags = REQ,
     AT(struct readiness_gate, condition_type),
     .desc = "Type of a condition of the instance that must be True."},
};
static const struct type readiness_gate_type = {
    .name = "RoleInstanceReadinessGate", ROWS(readiness_gate_rows),
    .size = sizeof(struct readiness_gate),
    .desc = "A condition without which the instance is not ready.",
};

static const struct field ri_spec_rows[] = {
    {.key = "components", .kind = F_LIST, .elem = F_OBJECT, .flags = REQ, .type = &component_type,
     .merge_key = "name", .max_items = COMPONENTS_MAX, AT(struct ri_spec, components),
     .desc = "The components of the instance, in their order."},
    {.key = "readyPolicy", .kind = F_STRING, .flags = OPT, .dflt = "\"AllPodReady\"",
     AT(struct ri_spec, ready_policy),
     .desc = "AllPodReady: the instance is ready when all of its pods are. None: pods do not count."},
    {.key = "restartPolicy", .kind = F_STRING, .flags = OPT, .enums = RESTART_POLICIES,
     AT(struct ri_spec, restart_policy),
     .desc = "Deprecated: write restartPolicyConfig.type, which wins over this field."},
    {.key = "restartPolicyConfig", .kind = F_OBJECT, .flags = PTR, .type = &restart_config_type,
     AT(struct ri_spec, restart_config), .desc = "When the instance is recreated as a whole."},
    {.key = "readinessGates", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &readiness_gate_type, AT(struct ri_spec, readiness_gates),
     .desc = "Conditions without which the instance is not ready."},
};
const struct type ri_spec_type = {
    .name = "RoleInstanceSpec", ROWS(ri_spec_rows), .size = sizeof(struct ri_spec),
    .desc = "What the instance shall be.",
};

static const struct field component_status_rows[] = {
    {.key = "name", .kind = F_STRING, .flags = REQ, .desc = "The component."},
    {.key = "size", .kind = F_INT32, .flags = REQ, .desc = "Pods that exist."},
    {.key = "readyReplicas", .kind = F_INT32, .flags = REQ, .desc = "Pods that are ready."},
    {.key = "updatedReplicas", .kind = F_INT32, .flags = REQ,
     .desc = "Pods made from the current template."},
    {.key = "scheduledReplicas", .kind = F_INT32, .flags = REQ, .desc = "Pods that have a node."},
    {.key = "availableReplicas", .kind = F_INT32, .flags = REQ, .desc = "Pods that are available."},
    {.key = "updatedReadyReplicas", .kind = F_INT32, .flags = REQ,
     .desc = "Pods made from the current template that are ready."},
};
static const struct type component_status_type = {
    .name = "RoleInstanceComponentStatus", ROWS(component_status_rows),
    .desc = "How far one component is.",
};

static const struct field baseline_rows[] = {
    {.key = "restartCount", .kind = F_INT32, .flags = REQ,
     .desc = "Restarts of the container that are no crash: those before this moment."},
    {.key = "imageID", .kind = F_STRING, .flags = OPT,
     .desc = "The image that the container ran at that moment."},
};
static const struct type baseline_type = {
    .name = "ContainerBaseline", ROWS(baseline_rows),
    .desc = "A container's state when an in-place update of it began.",
};
static const struct field ri_status_rows[] = {
    {.key = "observedGeneration", .kind = F_INT64, .flags = OPT,
     .desc = "The metadata.generation that this status is about."},
    {.key = "conditions", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &own_condition_type, .desc = "Aspects of the instance's state."},
    {.key = "componentStatuses", .kind = F_LIST, .elem = F_OBJECT, .flags = OPT,
     .type = &component_status_type, .desc = "One entry for each component."},
    {.key = "labelSelector", .kind = F_STRING, .flags = OPT,
     .desc = "Selects the instance's pods."},
    {.key = "currentRevision", .kind = F_STRING, .flags = OPT,
     .desc = "The ControllerRevision that all pods had last."},
    {.key = "updateRevision", .kind = F_STRING, .flags = OPT,
     .desc = "The ControllerRevision that the pods are to have."},
    {.key = "collisionCount", .kind = F_INT32, .flags = PTR,
     .desc = "Hash collisions of revisions so far."},
    {.key = "inPlaceUpdateContainerBaselines", .kind = F_MAP, .elem = F_MAP, .flags = OPT,
     .type = &baseline_type, /* pod -> container -> baseline */
     .desc = "Per pod and container: what counts as no crash after an in-place update."},
    {.key = "restartCount", .kind = F_INT32, .flags = OPT,
     .desc = "Recreations by the restart policy so far."},
    {.key = "lastRestartTime", .kind = F_TIME, .flags = PTR,
     .desc = "When the restart policy last recreated the instance."},
};
static const struct type ri_status_type = {
    .name = "RoleInstanceStatus", ROWS(ri_status_rows), .desc = "What was observed last.",
};

static const struct field ri_rows[] = {
    OBJECT_ROWS,
    {.key = "spec", .kind = F_OBJECT, .flags = OPT, .type = &ri_spec_type,
     .desc = "What the instance shall be."},
    {.key = "status", .kind = F_OBJECT, .flags = OPT, .type = &ri_status_type,
     .desc = "What was observed last."},
};
const struct type ri_type = {
    .name = "RoleInstance", ROWS(ri_rows),
    .desc = "Pods that live and die together: one replica of a role.",
};
