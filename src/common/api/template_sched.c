/* Edits of a pod template that concern where its pods run: exclusive topology (part B 6.4) and
 * membership in the group's gang (part B 6.3). Pure; edits the caller's tree in place. */
#include "api/names.h"
#include "base/str.h"
#include "template_internal.h"

#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"
#define A_VOLCANO_GROUP "scheduling.k8s.io/group-name"

/* Any value but the empty one opts out, as the first implementation reads it; there also "false"
 * does. */
static bool opted_out(const struct jv *tpl, const struct role *r) {
    return !str_empty(template_annotation(tpl, A_DISABLE_EXCLUSIVE)) ||
           !str_empty(jv_get_str(r->annotations, A_DISABLE_EXCLUSIVE));
}

static bool has_term(const struct jv *affinity, const char *kind, const char *key) {
    return jv_find(jv_path(affinity, kind, REQUIRED, (char *)0), "topologyKey", key) != NULL;
}

static void add_expression(struct arena *a, struct jv *list, const char *op, const char *value) {
    struct jv *x = jv_new_obj(a);
    jv_set_str(a, x, "key", L_GROUP_UNIQUE_HASH);
    jv_set_str(a, x, "operator", op);
    if (value) jv_push(a, jv_need_arr(a, x, "values"), jv_new_str(a, value));
    jv_push(a, list, x);
}

/* Appends an empty required term and returns its expressions. */
static struct jv *add_term(struct arena *a, struct jv *affinity, const char *kind,
                           const char *key) {
    struct jv *term = jv_new_obj(a), *selector = jv_new_obj(a), *list = jv_new_arr(a);
    jv_set(a, selector, "matchExpressions", list);
    jv_set(a, term, "labelSelector", selector);
    jv_set_str(a, term, "topologyKey", key);
    jv_push(a, jv_need_arr(a, jv_need_obj(a, affinity, kind), REQUIRED), term);
    return list;
}

void inject_topology(struct arena *a, struct jv *tpl, const struct prep *p) {
    if (!p->topology || opted_out(tpl, p->role)) return;
    const char *hash = name_group_uid(a, p->ctx->group->ns, p->ctx->group->name);
    struct jv *meta = jv_need_obj(a, tpl, "metadata");
    jv_set_str(a, jv_need_obj(a, meta, "annotations"), A_EXCLUSIVE_TOPOLOGY, p->topology);
    jv_set_str(a, jv_need_obj(a, meta, "labels"), L_GROUP_UNIQUE_HASH, hash);

    struct jv *affinity = jv_need_obj(a, jv_need_obj(a, tpl, "spec"), "affinity");
    if (has_term(affinity, "podAffinity", p->topology) &&
        has_term(affinity, "podAntiAffinity", p->topology))
        return;
    add_expression(a, add_term(a, affinity, "podAffinity", p->topology), "In", hash);
    struct jv *others = add_term(a, affinity, "podAntiAffinity", p->topology);
    add_expression(a, others, "Exists", NULL);
    add_expression(a, others, "NotIn", hash);
}

void inject_gang(struct arena *a, struct jv *tpl, const struct prep *p) {
    const struct rbg *g = p->ctx->group;
    if (!str_eq(meta_annotation(g->doc, A_GANG), "true")) return;
    struct jv *meta = jv_need_obj(a, tpl, "metadata");
    if (!str_eq(p->ctx->scheduler, "volcano")) {
        jv_set_str(a, jv_need_obj(a, meta, "labels"), L_POD_GROUP, g->name);
        return;
    }
    struct jv *annotations = jv_need_obj(a, meta, "annotations");
    if (!jv_get(annotations, A_VOLCANO_GROUP)) jv_set_str(a, annotations, A_VOLCANO_GROUP, g->name);
}
