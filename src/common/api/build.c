/* The objects as they are applied: the groups of a set (part B 8), a role's RoleInstanceSet, scaling
 * adapter and Service (part B 5.2 to 5.4, 7.2), and the instances of a set (part C 4.3, 5.3). What
 * the controller owns is in these trees and nothing else: a key that one of them drops disappears
 * from the live object. Pure; trees share no node that a caller may change. */
#include "api/build.h"

#include "api/admission.h"
#include "api/names.h"
#include "base/str.h"
#include "doc/find.h"
#include "doc/scalar.h"

static void set_owner(struct arena *a, struct jv *object, struct jv *ref) {
    jv_push(a, jv_need_arr(a, jv_get(object, "metadata"), "ownerReferences"), ref);
}

static struct jv *copy_map(struct arena *a, const struct jv *from) {
    return jv_is(from, J_OBJ) ? jv_dup(a, from) : jv_new_obj(a);
}

/* ---- group of a set ---- */

static bool is_scaled(const struct jv *role) {
    return jv_get_bool(jv_get(role, "scalingAdapter"), "enable", false);
}

/* Autoscalers write the count of such a role into the group, so the template only says where it
 * begins. */
static struct jv *group_spec(struct arena *a, const struct jv *template, const struct jv *live) {
    struct jv *spec = jv_is(template, J_OBJ) ? jv_clone(a, template) : jv_new_obj(a),
              *roles = jv_own(a, spec, "roles");
    const struct jv *present = jv_path(live, "spec", "roles", (char *)0);
    struct finder by_name = finder_of(a, present, "name");
    for (size_t i = 0; i < jv_len(roles); i++) {
        if (!is_scaled(roles->items[i])) continue;
        int64_t at = finder_find(&by_name, jv_get(roles->items[i], "name"));
        const struct jv *role = at < 0 ? NULL : jv_idx(present, (size_t)at);
        if (!is_scaled(role) || !jv_get(role, "replicas")) continue;
        roles->items[i] = jv_clone(a, roles->items[i]);
        jv_set(a, roles->items[i], "replicas", jv_get(role, "replicas"));
    }
    return spec;
}

struct jv *build_set_group(struct arena *a, const struct jv *set, int32_t i, const struct jv *live) {
    const struct jv *template = jv_path(set, "spec", "groupTemplate", (char *)0);
    const char *name = arena_printf(a, "%s-%d", meta_name(set), (int)i);
    struct jv *o = kind_object(a, KIND_RBG, meta_ns(set), name), *meta = jv_get(o, "metadata"),
              *labels = copy_map(a, jv_get(template, "labels")),
              *notes = copy_map(a, jv_get(template, "annotations"));
    jv_set_str(a, labels, L_GROUPSET_NAME, meta_name(set));
    jv_set(a, labels, L_GROUPSET_INDEX, jv_new_strf(a, "%d", (int)i));
    jv_set(a, meta, "labels", labels);
    if (notes->len) jv_set(a, meta, "annotations", notes);
    set_owner(a, o, kind_owner_ref(a, KIND_RBGSET, set, true, true));
    jv_set(a, o, "spec", group_spec(a, jv_get(template, "spec"), live));
    return o;
}

/* ---- RoleInstanceSet ---- */

static struct jv *ris_labels(struct arena *a, const struct role_build *b, const struct role *r) {
    const struct rbg *g = b->ctx.group;
    struct jv *labels = copy_map(a, r->labels);
    jv_merge_shallow(a, labels, labels_common(a, g->ns, g->name, r->name));
    jv_set_str(a, labels, name_role_revision_label(a, r->name), b->role_hash);
    jv_set_str(a, labels, L_ROLE_TYPE, role_type_label(r));
    if (!str_empty(jv_get_str(r->annotations, A_INPLACE_SCHEDULING)))
        jv_set_str(a, labels, L_RBG_OWNER_UID, g->uid);
    return labels;
}

static struct jv *ris_annotations(struct arena *a, const struct role_build *b,
                                  const struct role *r) {
    const struct inplace_strategy *inplace = &r->rollout.rolling_update.inplace;
    struct jv *out = copy_map(a, r->annotations);
    jv_set(a, out, A_ROLE_SIZE, jv_new_strf(a, "%d", (int)b->replicas));
    if (str_empty(jv_get_str(out, A_PATTERN))) jv_set_str(a, out, A_PATTERN, "Stateful");
    if (inplace->set)
        jv_set(a, out, A_INPLACE_GRACE_SECONDS,
               jv_new_strf(a, "%d", (int)inplace->grace_period_seconds.v));
    return out;
}

static struct jv *value_or(struct arena *a, const struct jv *over, const struct jv *own,
                           int64_t dflt) {
    if (over) return jv_dup(a, over);
    if (own && !jv_is(own, J_NULL)) return jv_dup(a, own);
    return jv_new_int(a, dflt);
}

/* A rollout that may neither add nor take away an instance never ends. A percentage counts from one
 * replica up, so that a role scaled to zero is no error. */
static int check_budget(const struct role *r, const struct jv *surge, const struct jv *unavailable,
                        int32_t replicas, struct err *e) {
    const struct rolling_update u = {.max_surge = surge, .max_unavailable = unavailable};
    int32_t extra, missing;
    if (rollout_limits(&u, replicas > 0 ? replicas : 1, &extra, &missing, e))
        return err_wrap(e, "role \"%s\": rolloutStrategy.rollingUpdate", r->name);
    if (extra == 0 && missing == 0)
        return err_set(e, ERR_INVALID,
                       "role \"%s\": rolloutStrategy.rollingUpdate: maxSurge and maxUnavailable "
                       "are both 0, so no "
                       "instance could ever be updated; set one of them to 1 or more",
                       r->name);
    return 0;
}

static struct jv *update_strategy(struct arena *a, const struct role_build *b, const struct role *r,
                                  struct err *e) {
    const struct rolling_update *u = &r->rollout.rolling_update;
    struct jv *out = jv_new_obj(a), *surge = value_or(a, NULL, u->max_surge, 0);
    struct jv *unavailable = value_or(a, b->max_unavailable, u->max_unavailable, 1);
    if (check_budget(r, surge, unavailable, b->replicas, e)) return NULL;
    jv_set_str(a, out, "type", str_empty(u->type) ? "InPlaceIfPossible" : u->type);
    jv_set_bool(a, out, "paused", u->paused.set && u->paused.v);
    jv_set(a, out, "partition", value_or(a, b->partition, u->partition, 0));
    jv_set(a, out, "maxUnavailable", unavailable);
    jv_set(a, out, "maxSurge", surge);
    if (u->inplace.set) {
        struct jv *inplace = jv_new_obj(a);
        if (u->inplace.grace_period_seconds.v)
            jv_set_int(a, inplace, "gracePeriodSeconds", u->inplace.grace_period_seconds.v);
        jv_set(a, out, "inPlaceUpdateStrategy", inplace);
    }
    return out;
}

static struct jv *instance_template(struct arena *a, const struct role_build *b,
                                    const struct role *r, struct err *e) {
    struct jv *components = template_components(a, &b->ctx, r, e);
    if (!components) return NULL;
    struct restart_effective restart = role_restart(r);
    struct jv *out = jv_new_obj(a), *config = jv_new_obj(a);
    jv_set_str(a, config, "type", restart.type);
    jv_set_int(a, config, "baseDelaySeconds", restart.base);
    jv_set_int(a, config, "maxDelaySeconds", restart.max);
    if (restart.limit.set) jv_set_int(a, config, "maxRestarts", restart.limit.v);
    jv_set(a, out, "components", components);
    jv_set(a, out, "restartPolicyConfig", config);
    return out;
}

static struct jv *ris_spec(struct arena *a, const struct role_build *b, const struct role *r,
                           struct err *e) {
    const struct rbg *g = b->ctx.group;
    struct jv *spec = jv_new_obj(a), *selector = jv_new_obj(a);
    struct jv *strategy = update_strategy(a, b, r, e);
    struct jv *template = strategy ? instance_template(a, b, r, e) : NULL;
    if (!template) return NULL;
    jv_set(a, selector, "matchLabels", labels_common(a, g->ns, g->name, r->name));
    jv_set_int(a, spec, "replicas", b->replicas);
    jv_set(a, spec, "selector", selector);
    jv_set_int(a, spec, "minReadySeconds", r->min_ready_seconds);
    jv_set_str(a, spec, "podManagementPolicy",
               str_empty(r->pod_management_policy) ? "Parallel" : r->pod_management_policy);
    jv_set(a, spec, "updateStrategy", strategy);
    jv_set(a, spec, "roleInstanceTemplate", template);
    return spec;
}

struct jv *build_ris(struct arena *a, const struct role_build *b, const struct role *r,
                     struct err *e) {
    const struct rbg *g = b->ctx.group;
    struct jv *spec = ris_spec(a, b, r, e);
    if (!spec) return NULL;
    struct jv *o = kind_object(a, KIND_RIS, g->ns, name_workload(a, g->name, r->name)),
              *meta = jv_get(o, "metadata");
    jv_set(a, meta, "labels", ris_labels(a, b, r));
    jv_set(a, meta, "annotations", ris_annotations(a, b, r));
    set_owner(a, o, kind_owner_ref(a, KIND_RBG, g->doc, true, true));
    jv_set(a, o, "spec", spec);
    return o;
}

/* ---- scaling adapter ---- */

struct jv *build_adapter(struct arena *a, const struct rbg *g, const struct role *r) {
    struct jv *o = kind_object(a, KIND_ADAPTER, g->ns, name_adapter(a, g->name, r->name)),
              *labels = copy_map(a, r->scaling_adapter.labels), *spec = jv_new_obj(a),
              *target = jv_new_obj(a);
    jv_set_str(a, labels, L_GROUP_NAME, g->name);
    jv_set_str(a, labels, L_ROLE_NAME, r->name);
    jv_set(a, jv_get(o, "metadata"), "labels", labels);
    set_owner(a, o, kind_owner_ref(a, KIND_RBG, g->doc, false, true));
    jv_set_str(a, target, "name", g->name);
    jv_set_str(a, target, "role", r->name);
    jv_set(a, spec, "scaleTargetRef", target);
    jv_set(a, o, "spec", spec);
    return o;
}

/* ---- Service ---- */

/* Only our own: what others read on Services (a name in somebody's DNS, a load balancer's settings) must not
 * come from whoever may write groups. */
static struct jv *service_annotations(struct arena *a, const struct role *r,
                                      const struct jv *owner) {
    const char *size = meta_annotation(owner, A_ROLE_SIZE);
    struct jv *out = jv_new_obj(a);
    JV_FOR_OBJ (m, r->annotations)
        if (str_has_prefix(m->key, P_)) jv_setn(a, out, m->key, m->klen, jv_dup(a, m->val));
    jv_del(out, A_WORKLOAD_TYPE);
    jv_set_str(a, out, A_ROLE_SIZE, size ? size : arena_printf(a, "%d", (int)role_replicas(r)));
    return out;
}

static struct jv *service_spec(struct arena *a, const struct rbg *g, const struct role *r) {
    struct jv *spec = jv_new_obj(a), *selector = jv_new_obj(a);
    jv_set_str(a, selector, L_GROUP_NAME, g->name);
    jv_set_str(a, selector, L_ROLE_NAME, r->name);
    if (str_eq(role_shared_service(r), "LeaderOnly"))
        jv_set_str(a, selector, L_COMPONENT_NAME, "leader");
    jv_set_str(a, spec, "type", "ClusterIP");
    jv_set_str(a, spec, "clusterIP", "None");
    jv_set_bool(a, spec, "publishNotReadyAddresses", true);
    jv_set(a, spec, "selector", selector);
    return spec;
}

struct jv *build_service(struct arena *a, const struct rbg *g, const struct role *r,
                         const char *service_name, enum kind owner_kind, const struct jv *owner) {
    struct jv *o = kind_object(a, KIND_SERVICE, g->ns, service_name), *meta = jv_get(o, "metadata");
    jv_set(a, meta, "labels", labels_common(a, g->ns, g->name, r->name));
    jv_set(a, meta, "annotations", service_annotations(a, r, owner));
    set_owner(a, o, kind_owner_ref(a, owner_kind, owner, false, true));
    jv_set(a, o, "spec", service_spec(a, g, r));
    return o;
}

/* ---- RoleInstances ---- */

bool ris_stateless(const struct ris *s) {
    return str_eq(meta_annotation(s->doc, A_PATTERN), "Stateless");
}

static struct jv *ri_labels(struct arena *a, const struct ris *s) {
    struct jv *labels = copy_map(a, jv_path(s->doc, "metadata", "labels", (char *)0));
    jv_merge_shallow(a, labels, jv_get(s->spec.selector, "matchLabels"));
    return labels;
}

static const char *const handed_down[] = {A_INSTANCE_GANG, A_INPLACE_SCHEDULING,
                                          A_INPLACE_SCHEDULING_GRANULARITY, A_INPLACE_SCHEDULING_AVOID,
                                          A_INPLACE_GRACE_SECONDS};

bool ri_annotation_handed_down(const char *key) {
    for (size_t i = 0; i < sizeof handed_down / sizeof *handed_down; i++)
        if (str_eq(key, handed_down[i])) return true;
    return false;
}

struct jv *build_ri_annotations(struct arena *a, const struct ris *s) {
    struct jv *out = jv_new_obj(a);
    for (size_t i = 0; i < sizeof handed_down / sizeof *handed_down; i++)
        jv_set_str(a, out, handed_down[i], meta_annotation(s->doc, handed_down[i]));
    return out;
}

static struct jv *ri_object(struct arena *a, const struct ris *s, const char *name,
                            struct jv *labels, struct jv *annotations, struct jv *spec) {
    struct jv *o = kind_object(a, KIND_RI, s->ns, name), *meta = jv_get(o, "metadata");
    jv_set(a, meta, "labels", labels);
    if (jv_len(annotations)) jv_set(a, meta, "annotations", annotations);
    set_owner(a, o, kind_owner_ref(a, KIND_RIS, s->doc, true, true));
    jv_set(a, o, "spec", spec);
    return o;
}

static void set_identity(struct arena *a, struct jv *labels, const struct ris *s, int ordinal) {
    jv_set(a, labels, L_POD_NAME, jv_new_strf(a, "%s-%d", s->name, ordinal));
    jv_set(a, labels, L_INSTANCE_INDEX, jv_new_strf(a, "%d", ordinal));
}

/* The object member `key`, made when absent; NULL when something else is there: a set's template is
 * schemaless. Such a set has no revision either (schema_canonical refuses it), so the gap never
 * reaches a pod. */
static struct jv *object_at(struct arena *a, struct jv *parent, const char *key) {
    if (!jv_is(parent, J_OBJ)) return NULL;
    struct jv *v = jv_need_obj(a, parent, key);
    return jv_is(v, J_OBJ) ? v : NULL;
}

struct jv *build_ri_spec(struct arena *a, const struct ris *s, int ordinal,
                         const struct jv *template) {
    struct jv *spec = jv_dup(a, template);
    JV_FOR_ARR (it, jv_get(spec, "components")) {
        struct jv *meta = object_at(a, object_at(a, *it, "template"), "metadata");
        struct jv *labels = object_at(a, meta, "labels");
        if (labels) set_identity(a, labels, s, ordinal);
    }
    return spec;
}

struct jv *build_ri_labels(struct arena *a, const struct ris *s, int ordinal, const char *revision) {
    struct jv *labels = ri_labels(a, s);
    jv_set_str(a, labels, L_REVISION_HASH, revision);
    set_identity(a, labels, s, ordinal);
    return labels;
}

struct jv *build_ri(struct arena *a, const struct ris *s, int ordinal, const struct jv *template,
                    const char *revision) {
    const char *name = arena_printf(a, "%s-%d", s->name, ordinal);
    return ri_object(a, s, name, build_ri_labels(a, s, ordinal, revision), build_ri_annotations(a, s),
                     build_ri_spec(a, s, ordinal, template));
}

static struct jv *stateless_spec(struct arena *a, const struct jv *template) {
    struct jv *spec = jv_dup(a, template), *gates = jv_need_arr(a, spec, "readinessGates");
    if (!jv_is(gates, J_ARR) || jv_find(gates, "conditionType", GATE_RI_INPLACE)) return spec;
    struct jv *gate = jv_new_obj(a);
    jv_set_str(a, gate, "conditionType", GATE_RI_INPLACE);
    jv_push(a, gates, gate);
    return spec;
}

struct jv *build_ri_stateless(struct arena *a, const struct ris *s, const char *id,
                              const struct jv *template, const char *revision, const char *now) {
    struct jv *labels = ri_labels(a, s), *annotations = build_ri_annotations(a, s);
    jv_set_str(a, labels, L_INSTANCE_ID, id);
    jv_set_str(a, labels, L_INSTANCE_OWNER, s->uid);
    jv_set_str(a, labels, L_REVISION_HASH, name_short_hash(revision));
    jv_set_str(a, labels, L_LIFECYCLE_STATE, "Normal");
    jv_set_str(a, annotations, A_LIFECYCLE_TIME, now);
    const char *name = arena_printf(a, "%.*s-%s", 63 - 1 - (int)strlen(id), s->name, id);
    struct jv *o = ri_object(a, s, name, labels, annotations, stateless_spec(a, template));
    jv_set(a, jv_get(o, "metadata"), "generateName", jv_new_strf(a, "%s-", s->name));
    return o;
}
