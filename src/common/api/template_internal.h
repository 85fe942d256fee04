/* What template.c shares with the files that edit one aspect of a pod template. A function that
 * changes `tpl` gets a tree that belongs to the caller alone. */
#ifndef RBG_API_TEMPLATE_INTERNAL_H
#define RBG_API_TEMPLATE_INTERNAL_H

#include "api/kinds.h"
#include "api/template.h"

/* One component's template on its way to the workload. */
struct prep {
    const struct build_ctx *ctx;
    const struct role *role;
    enum workload workload;
    bool leader, worker;  /* of a leader-worker pattern; both false for the other patterns */
    const char *topology; /* topology key of the group; NULL: none */
};

/* What a role of one pod, or of a leader and workers, says of its pod template. */
const struct jv *role_inline_template(const struct role *r);
const struct template_ref *role_template_ref(const struct role *r);
/* The place among the group's role templates; their number when it is not there. */
size_t role_template_index(const struct rbg_spec *s, const char *name);

/* A component's template with its labels and annotations, to read: it shares the rest with the component. 0, or -1 with e when
 * there is none, or it can't take them. */
int template_component(struct arena *a, const struct role *r, const struct component *c, struct effective *out, struct err *e);

/* The next part of a template's metadata that is no object, though labels and annotations are added to it:
 * its path ("metadata.labels") and value, or NULL when there is no more. Begins with *i at 0. */
const char *metadata_mistyped(const struct jv *tpl, size_t *i, const struct jv **v);

/* Part B 4.2 and 4.4: the discovery file's volume and mounts; sidecars of the runtime profiles. */
void inject_config(struct arena *a, struct jv *tpl, const char *group);
int inject_sidecars(struct arena *a, struct jv *tpl, const struct prep *p, struct err *e);
/* Refuses (ERR_INVALID) a profile in canonical form that has host paths or ports, privileges, or Secrets. */
int profile_limits(const struct jv *profile, struct err *e);
/* Part B 4.3: the common variables, and those of leader-worker instances. */
void inject_common_env(struct arena *a, struct jv *tpl, const struct prep *p);
void inject_lwp_env(struct arena *a, struct jv *tpl, const struct prep *p);

/* Part B 6.3, 6.4. */
void inject_topology(struct arena *a, struct jv *tpl, const struct prep *p);
void inject_gang(struct arena *a, struct jv *tpl, const struct prep *p);

/* Appends a literal variable to a list of them. */
void env_note(struct arena *a, struct jv *vars, const char *name, const char *value);
/* Sets the variables of the list, one after the other, in every container and init container of a pod's spec. */
void env_set_everywhere(struct arena *a, struct jv *spec, const struct jv *vars);

/* Part D 11 and 10.1: edit the pod of component `index`, ordinal id. */
int pod_inject_ports(struct arena *a, struct jv *pod, const struct ri *ri, size_t index, int id,
                     struct err *e);
int pod_inject_discovery(struct arena *a, struct jv *pod, const struct ri *ri, struct err *e);

/* The role-type label of an instance; NULL when it has none. */
const char *ri_role_type(const struct ri *ri);
const char *template_annotation(const struct jv *tpl, const char *key);

#endif
