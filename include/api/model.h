/* The spec model: what admission, the controllers and the simulation decide by. Decoded from the stored v1alpha2 documents by
 * the field tables; pod templates and maps stay documents. Everything lives in the arena of the caller and borrows from the
 * document. Absent optional values: NULL pointers, or .set == false. */
#ifndef RBG_API_MODEL_H
#define RBG_API_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "doc/json.h"
#include "doc/schema.h"

struct opt32 { bool set; int32_t v; };     /* a decoded FF_POINTER integer */
struct optbool { bool set, v; };           /* a decoded FF_POINTER boolean */
struct strs { const char **items; size_t n; };

struct role_template { const char *name; const struct jv *template; };

struct inplace_strategy { bool set; struct opt32 grace_period_seconds; };

struct rolling_update {
    bool set;
    const char *type; /* NULL: InPlaceIfPossible */
    const struct jv *partition, *max_unavailable, *max_surge;
    struct optbool paused;
    struct inplace_strategy inplace;
};

struct rollout_strategy { bool set; const char *type; struct rolling_update rolling_update; };

struct template_ref { bool set; const char *name; const struct jv *patch; };

struct restart_config { bool set; const char *type; struct opt32 base_delay_seconds, max_delay_seconds, max_restarts; };

struct component {
    const char *name;
    struct opt32 size;
    const char *service_name;
    const struct jv *labels, *annotations, *template;
};

struct standalone_pattern { bool set; const struct jv *template; struct template_ref template_ref; };

struct leader_worker_pattern {
    bool set;
    const struct jv *template;
    struct template_ref template_ref;
    struct opt32 size;
    const struct jv *leader_patch, *worker_patch;
    const char *shared_service_selection, *restart_policy;
    struct restart_config restart_config;
};

struct custom_pattern {
    bool set;
    struct { struct component *items; size_t n; } components;
    const char *restart_policy;
    struct restart_config restart_config;
};

struct engine_runtime { const char *profile_name; struct strs inject_containers; const struct jv *containers; };

struct scaling_adapter { bool set; struct optbool enable; const struct jv *labels; };

struct role {
    const char *name;
    const struct jv *labels, *annotations;
    struct opt32 replicas;
    struct rollout_strategy rollout;
    struct strs dependencies;
    struct standalone_pattern standalone;
    struct leader_worker_pattern leader_worker;
    struct custom_pattern custom;
    const struct jv *service_ports;
    struct { struct engine_runtime *items; size_t n; } engine_runtimes;
    struct scaling_adapter scaling_adapter;
    int32_t min_ready_seconds;
    const char *pod_management_policy;
    const struct jv *doc; /* the role as stored; set by the decoder of the group, not by a row */
};

struct rbg_spec {
    struct { struct role *items; size_t n; } roles;
    struct { struct role_template *items; size_t n; } role_templates;
};

struct rbg {
    const struct jv *doc; /* the whole object */
    const char *ns, *name, *uid;
    struct rbg_spec spec;
};

struct readiness_gate { const char *condition_type; };

struct ri_spec {
    struct { struct component *items; size_t n; } components;
    const char *ready_policy, *restart_policy;
    struct restart_config restart_config;
    struct { struct readiness_gate *items; size_t n; } readiness_gates;
};

struct ri {
    const struct jv *doc;
    const char *ns, *name, *uid;
    struct ri_spec spec;
};

struct scale_strategy { bool set; struct strs role_instance_to_delete; const struct jv *max_unavailable; };

struct ris_spec {
    struct opt32 replicas;
    const struct jv *selector;
    struct ri_spec template;          /* roleInstanceTemplate, decoded */
    const struct jv *template_doc;    /* the same, as stored; set by ris_decode */
    const char *pod_management_policy;
    struct scale_strategy scale_strategy;
    struct rolling_update update_strategy;
    struct opt32 revision_history_limit;
    int32_t min_ready_seconds;
    const struct jv *lifecycle;
};

struct ris {
    const struct jv *doc;
    const char *ns, *name, *uid;
    struct ris_spec spec;
};

/* Decodes a v1alpha2 document that a CRD schema has accepted. Errors: ERR_INVALID with the path for wrong types, which only an
 * object stored around the schema can have. */
int rbg_decode(struct arena *a, const struct jv *doc, struct rbg *out, struct err *e);
int ris_decode(struct arena *a, const struct jv *doc, struct ris *out, struct err *e);
int ri_decode(struct arena *a, const struct jv *doc, struct ri *out, struct err *e);
int rbg_spec_decode(struct arena *a, const struct jv *spec, struct rbg_spec *out, struct err *e); /* also of a set's template */

/* Numbers beyond their maximum, and names that can't be names of objects, in what is stored already: nothing may be made from it.
 * Errors: ERR_LIMIT or ERR_INVALID with the path and the cure. role_usable: of one role's name alone. */
int rbg_spec_limits(const struct rbg_spec *s, struct err *e);   /* lists */
int rbg_pods_limits(const struct rbg_spec *s, struct err *e);   /* numbers */
int ris_limits(const struct ris *s, struct err *e);
int ri_limits(const struct ri *i, struct err *e);

/* The generic decoder behind them: fills the C struct of t from the document by the rows' `off`. Member types by row:
 * F_STRING/F_TIME const char *; F_BOOL bool, with FF_POINTER or FF_OPT struct optbool; F_INT32 int32_t, with FF_POINTER or
 * FF_OPT struct opt32; F_INT64 int64_t; F_INTSTR, F_ANY, F_MAP, F_QUANTITY const struct jv *; F_OBJECT with a type that has a
 * size: the struct itself, whose first member is `bool set` when the row has FF_POINTER; F_OBJECT without: const struct jv *;
 * F_LIST of strings struct strs; F_LIST of objects with a sized type: {T *items; size_t n}; any other list const struct jv *.
 * Rows with off == FIELD_SKIP are not decoded. */
#define FIELD_SKIP ((size_t)-1)
int schema_decode(struct arena *a, const struct jv *doc, const struct type *t, void *out, struct err *e);

/* ---- effective values (part A 4.4) ---- */
enum workload { WL_RIS, WL_STATEFULSET, WL_DEPLOYMENT, WL_LWS, WL_UNSUPPORTED };
const char *role_workload_type(const struct role *r);           /* annotation or WORKLOAD_RIS */
enum workload role_workload(const struct role *r);
bool role_stateful(const struct role *r);
int32_t role_replicas(const struct role *r);                    /* 1 when unset */
int32_t role_group_size(const struct role *r);                  /* pods of one replica: custom components counted by size */
int64_t role_pods(const struct role *r);                         /* of all replicas; never negative */
int32_t component_size(const struct component *c);              /* 1 when unset */
const char *role_type_label(const struct role *r);              /* ROLE_TYPE_*; NULL: no pattern */
const char *role_shared_service(const struct role *r);          /* "All" or "LeaderOnly" */
#define RESTART_RECREATE "RecreateRoleInstanceOnPodRestart"
struct restart_effective { const char *type; int32_t base, max; struct opt32 limit; };
struct restart_effective role_restart(const struct role *r);    /* with all defaults; standalone: None/30/600 */
struct restart_effective ri_restart(const struct ri_spec *s);   /* no default for the type: "" is like None */
const struct role *rbg_role(const struct rbg_spec *s, const char *name);

/* Start order: levels by dependency depth, names ascending inside a level. Errors: ERR_INVALID naming the unknown role or the
 * cycle ("a -> b -> a"). order: indexes of roles, level: of each role by index; both of roles.n elements in the arena. */
int rbg_order(struct arena *a, const struct rbg_spec *s, size_t **order, int **level, struct err *e);

#endif
