/* Rolls instances to the update revision, highest ordinal first, while enough others serve (ris_take). Pure.
 *
 * Broken instances go first and cost nothing: updating them can't make the service worse, and may be what mends it. An update
 * is done in place where only the templates of the same components differ; the instance's own reconciler then decides for each
 * pod. */
#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"
#include "controller/core/history.h"
#include "controller/ris/world.h"
#include "doc/patch.h"

struct rollout {
    struct arena *a;
    const struct ris_world *w;
    const struct ris_revisions *r;
    const struct topology *t;
    struct capacity *c;
    struct plan *p;
    const char *impossible; /* why InPlaceOnly stops */
};

/* ---- in place ---- */

/* Same components, names and sizes: the pods keep their names. */
static bool in_place_possible(const struct jv *old, const struct jv *new) {
    const struct jv *oc = jv_get(old, "components"), *nc = jv_get(new, "components");
    if (!old || jv_len(oc) != jv_len(nc)) return false;
    for (size_t i = 0; i < jv_len(nc); i++) {
        const struct jv *o = jv_idx(oc, i), *n = jv_idx(nc, i);
        if (!str_eq(jv_get_str(o, "name"), jv_get_str(n, "name"))) return false;
        if (jv_get_int(o, "size", 1) != jv_get_int(n, "size", 1)) return false;
    }
    return true;
}

static const char *state_annotation(const struct rollout *s) {
    char now[32];
    struct jv *state = jv_new_obj(s->a);
    jv_set_str(s->a, state, "revision", s->r->update);
    jv_set_str(s->a, state, "updateTimestamp", time_rfc3339(s->w->w.now_ms, now));
    jv_set(s->a, state, "lastContainerStatuses", jv_null(s->a));
    return json_text(s->a, state);
}

/* The labels and annotations that an instance would get if it were made now, plus the identity it keeps. */
static struct jv *wanted_metadata(const struct rollout *s, const struct instance *i) {
    struct jv *fresh = build_ri(s->a, &s->w->set, i->ordinal, s->r->update_template, s->r->update);
    struct jv *meta = jv_new_obj(s->a);
    jv_set(s->a, meta, "labels", jv_path(fresh, "metadata", "labels", (char *)0));
    struct jv *annotations = jv_need_obj(s->a, meta, "annotations");
    jv_merge_shallow(s->a, annotations, jv_path(fresh, "metadata", "annotations", (char *)0));
    jv_set_str(s->a, annotations, A_INPLACE_STATE, state_annotation(s));
    return meta;
}

static struct jv *wanted_spec(const struct rollout *s, const struct instance *i) {
    const struct jv *live = jv_get(i->doc, "spec");
    struct jv *spec = build_ri_spec(s->a, &s->w->set, i->ordinal, s->r->update_template);
    struct jv *gates = jv_need_arr(s->a, spec, "readinessGates");
    if (!jv_find(gates, "conditionType", GATE_RI_INPLACE)) {
        struct jv *gate = jv_new_obj(s->a);
        jv_set_str(s->a, gate, "conditionType", GATE_RI_INPLACE);
        jv_push(s->a, gates, gate);
    }
    if (!jv_get(spec, "readyPolicy")) jv_set(s->a, spec, "readyPolicy", jv_get(live, "readyPolicy"));
    return spec;
}

/* Labels that the set no longer has must go; those of others stay. Only keys that came from the set are known to be removable: the
 * role's revision labels. */
static void drop_stale_labels(const struct rollout *s, const struct instance *i, struct jv *labels) {
    JV_FOR_OBJ(m, jv_path(i->doc, "metadata", "labels", (char *)0)) {
        if (str_has_prefix(m->key, L_ROLE_REVISION_PREFIX) && !jv_get(labels, m->key))
            jv_set(s->a, labels, m->key, jv_null(s->a));
    }
}

/* The instance's own controller may still have its revision to write (it gives way to more urgent work). Afterwards it could not
 * any more, and would recreate pods for want of knowing what they were made from. */
static void record(const struct rollout *s, const struct instance *i) {
    struct history h = {i->revisions, i->nrevisions};
    int32_t collisions = (int32_t)jv_get_int(jv_get(i->doc, "status"), "collisionCount", 0);
    struct revision r;
    struct ri inst;
    struct err e = ERR_INIT;
    if (ri_decode(s->a, i->doc, &inst, &e) || history_of_instance(s->a, &h, &inst, &collisions, &r, &e)) return; /* has no pods */
    size_t planned = s->p->n;
    history_plan(s->p, &h, &r, build_ri_revision_object(s->a, &inst, &r, 0), false);
    if (s->p->n > planned) plan_barrier(s->p);
}

static void update_in_place(const struct rollout *s, const struct instance *i) {
    record(s, i);
    struct jv *patch = jv_new_obj(s->a), *meta = wanted_metadata(s, i);
    drop_stale_labels(s, i, jv_get(meta, "labels"));
    jv_set(s->a, patch, "metadata", meta);
    jv_set(s->a, patch, "spec", merge_patch_diff(s->a, jv_get(i->doc, "spec"), wanted_spec(s, i)));
    action_on_fail(plan_patch(s->p, KIND_RI, i->doc, patch), "FailedUpdateInstanceInPlace");
}

static void recreate(const struct rollout *s, const struct instance *i) {
    struct action *act = plan_delete(s->p, KIND_RI, i->doc);
    action_on_ok(s->p, act, "SuccessfulDelete", "Deleted role instance %s to recreate it at revision %s", meta_name(i->doc),
                 s->r->update);
    action_on_fail(act, "FailedDelete");
}

/* Returns false when the strategy forbids what the update needs. */
static bool update(struct rollout *s, const struct instance *i) {
    const char *type = s->w->set.spec.update_strategy.type;
    const struct jv *old = ris_revision_template(s->a, s->w, i->revision);
    if (!str_eq(type, "RecreatePod") && in_place_possible(old, s->r->update_template)) {
        update_in_place(s, i);
        return true;
    }
    if (str_eq(type, "InPlaceOnly")) {
        s->impossible = arena_printf(s->a, "%s can't be updated in place: components were added, removed, renamed or resized; set "
                                     "type to InPlaceIfPossible or RecreatePod", meta_name(i->doc));
        return false;
    }
    recreate(s, i);
    return true;
}

/* ---- the budget ---- */

static bool at_update(const struct rollout *s, const struct instance *i) {
    return str_eq(i->revision, s->r->update);
}

/* An extra instance of another revision that serves stands in for the base as well as a new one would; it goes at the end. */
static bool is_target(const struct rollout *s, const struct instance *i) {
    if (!i || i->terminating || at_update(s, i)) return false;
    return i->ordinal < s->t->replicas || !ris_serves(i);
}

static bool needs_no_budget(const struct rollout *s, const struct instance *i) {
    return i->ordinal >= s->t->replicas || i->unhealthy_ms >= RIS_STABLY_UNHEALTHY_MS;
}

/* A target that has just become unready may be broken for good: look again when that is certain. */
static void wait_for(const struct rollout *s, const struct instance *i) {
    if (!i->healthy) plan_after(s->p, RIS_STABLY_UNHEALTHY_MS - i->unhealthy_ms);
}

static void roll(struct rollout *s) {
    for (int o = s->t->replicas + s->t->surge_max - 1; o >= s->t->partition; o--) {
        const struct instance *i = ris_instance(s->w, o);
        if (!is_target(s, i)) continue;
        if (needs_no_budget(s, i) || ris_take(s->c, i)) {
            if (!update(s, i)) return;
        } else {
            wait_for(s, i);
        }
    }
}

const char *ris_plan_rollout(struct arena *a, const struct ris_world *w, const struct ris_revisions *r, const struct topology *t,
                             struct capacity *c, struct plan *p) {
    struct rollout s = {.a = a, .w = w, .r = r, .t = t, .c = c, .p = p};
    roll(&s);
    return s.impossible;
}
