/* From a role to the pod templates of its components (part B 5.2, part D 15.2), and from an instance to its pods (D 4). The only
 * file pair that edits pod templates. Pure. */
#ifndef RBG_API_TEMPLATE_H
#define RBG_API_TEMPLATE_H

#include "api/model.h"

/* The role's base pod template: inline, or the named role template with the reference's patch applied. A fresh tree.
 * Errors: ERR_INVALID saying which role, which template, and what to do. */
struct jv *template_resolve(struct arena *a, const struct rbg_spec *s, const struct role *r, struct err *e);

/* One effective template per component, before injection: leader and worker patches applied, custom labels and annotations merged.
 * names: "leader", "worker", or as declared. Used by validation and by the builder. */
struct effective {
    const char *component;
    int32_t size;
    const char *service_name;
    const struct jv *labels, *annotations;
    struct jv *template;
};
int template_effective(struct arena *a, const struct rbg_spec *s, const struct role *r, struct effective **out, size_t *n,
                       struct err *e);

struct build_ctx {
    const struct rbg *group;
    const char *service_name;        /* compatible name of the role's service */
    const struct jv *const *profiles; /* ClusterEngineRuntimeProfile documents of the role's engineRuntimes, same order */
    const char *scheduler;           /* "scheduler-plugins" or "volcano" */
    bool restrict_profiles;          /* those that profile_limits refuses are errors */
    bool no_discovery;               /* nobody writes the discovery file, so it is not mounted */
};

/* components[] of the role's roleInstanceTemplate: effective templates with config volume, sidecars, env, topology, gang and
 * labels, in canonical form (schema_canonical). */
struct jv *template_components(struct arena *a, const struct build_ctx *c, const struct role *r, struct err *e);

/* The same templates for a role that runs as a StatefulSet, Deployment or LeaderWorkerSet (part B 5.2): one, or for a
 * LeaderWorkerSet "leader" and "worker". Labels of the role's selector are in; component labels and the env of leader-worker
 * instances are not. */
int template_workload(struct arena *a, const struct build_ctx *c, const struct role *r, struct effective **out, size_t *n,
                      struct err *e);

/* The port directive of a pod template (annotation A_PORT_ALLOCATOR, part D 11); both lists are empty without one. */
struct port_alloc { const char *name, *env, *annotation_key; bool role_scoped; };
struct port_ref { const char *env, *component, *port; };
struct ports { struct port_alloc *allocs; size_t nallocs; struct port_ref *refs; size_t nrefs; };
int template_ports(struct arena *a, const struct jv *template, struct ports *out, struct err *e);
/* Annotation under which a port is kept: "<component>.<port>" on set and instance (role scope), "<pod>.<port>" on the instance. */
char *template_port_key(struct arena *a, const struct port_alloc *p, const char *component, const char *pod);

/* Injects `env` (array of env vars) into a container as the contract orders them: part B 4.3. */
void template_inject_env(struct arena *a, struct jv *container, const struct jv *env);

/* The pod of component `index` (of spec.components) with ordinal id. revision: full name of the instance's update revision.
 * Ports are injected when the instance has any allocated port; the allocator keeps their values as its annotations.
 * Errors: ERR_INVALID (a directive that is no JSON, a discovery reference that names nothing, a port without a value). */
struct jv *template_pod(struct arena *a, const struct ri *ri, size_t index, int id, const char *revision, struct err *e);

/* The component of an instance that has this name; NULL: none. */
const struct component *ri_component(const struct ri *ri, const char *name);

#endif
