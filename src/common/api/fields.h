/* Inside the api layer: the types whose rows the fields_*.c files hold, and shorthands for writing rows. A row of a type that
 * has a C struct (type.size) names the member with AT or says SKIP; rows of other types leave `off` alone. */
#ifndef RBG_API_FIELDS_H
#define RBG_API_FIELDS_H

#include <stddef.h>

#include "api/kinds.h"
#include "api/limits.h"
#include "api/model.h"
#include "doc/schema.h"

#define AT(T, member) .off = offsetof(T, member)
#define SKIP .off = FIELD_SKIP

/* How Go's struct tags of the published API read: name | name,omitempty | *T name,omitempty. */
#define REQ (FF_REQUIRED | FF_ALWAYS)
#define OPT FF_OMITEMPTY
#define PTR (FF_POINTER | FF_OMITEMPTY)

#define ROWS(array) .fields = (array), .nfields = sizeof(array) / sizeof *(array)
#define RULES(array) .rules = (array), .nrules = sizeof(array) / sizeof *(array)

#define NAME_RE "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
#define SERVICE_NAME_RE "^([a-z]([-a-z0-9]*[a-z0-9])?)?$" /* empty: none */
#define PERCENT_RE "^([0-9]|[1-9][0-9]|100)%$"

#define RESTART_POLICIES "None|RecreateRoleInstanceOnPodRestart"

/* The first rows of every whole object. */
#define OBJECT_ROWS \
    {.key = "apiVersion", .kind = F_STRING, .flags = OPT, \
     .desc = "Group and version of this representation of the object."}, \
    {.key = "kind", .kind = F_STRING, .flags = OPT, \
     .desc = "The kind of the object, in CamelCase."}, \
    {.key = "metadata", .kind = F_ANY, .flags = OPT}

/* Shared by several kinds (fields_shared.c). */
extern const struct type template_ref_type, template_ref_v1alpha1_type, restart_config_type,
    inplace_strategy_type, role_rolling_update_type, role_rollout_type, engine_runtime_type,
    role_template_type, condition_type, own_condition_type, group_status_type, set_status_type;

/* Shared by RoleInstanceSet and InstanceSet (fields_ris.c), by groups and Instance (fields_rbg_v1alpha1.c). */
extern const struct type update_strategy_type, lifecycle_type, ris_status_type, pod_group_policy_type;

/* The decoded specs (fields_rbg.c, fields_ris.c, fields_ri.c). */
extern const struct type rbg_spec_type, ris_spec_type, ri_spec_type;

/* Whole objects, one for each kind and version; adapters and profiles are the same in both versions. */
extern const struct type rbg_type, rbg_v1alpha1_type, rbgset_type, rbgset_v1alpha1_type,
    adapter_type, profile_type, policy_type, ris_type, ri_type, warmup_type, instance_type,
    instanceset_type;

#endif
