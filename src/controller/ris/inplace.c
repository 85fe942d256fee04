/* Updates an instance in place (part C 6): the object stays, its spec is replaced; its controller decides for each pod. Pure. */
#include "api/inplace.h"
#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"
#include "controller/core/history.h"
#include "controller/ris/world.h"
#include "doc/patch.h"

/* Same components, names and sizes: the pods keep their names. */
bool ris_in_place_possible(const struct jv *old, const struct jv *new) {
    const struct jv *oc = jv_get(old, "components"), *nc = jv_get(new, "components");
    if (!old || jv_len(oc) != jv_len(nc)) return false;
    for (size_t i = 0; i < jv_len(nc); i++) {
        const struct jv *o = jv_idx(oc, i), *n = jv_idx(nc, i);
        if (!str_eq(jv_get_str(o, "name"), jv_get_str(n, "name"))) return false;
        if (jv_get_int(o, "size", 1) != jv_get_int(n, "size", 1)) return false;
    }
    return true;
}

static const char *state_annotation(const struct ris_pass *s) {
    char now[32];
    struct jv *state = jv_new_obj(s->a);
    jv_set_str(s->a, state, "revision", s->r.update);
    jv_set_str(s->a, state, "updateTimestamp", time_rfc3339(s->w->w.now_ms, now));
    jv_set(s->a, state, "lastContainerStatuses", jv_null(s->a));
    return json_text(s->a, state);
}

static struct jv *wanted_spec(const struct ris_pass *s, const struct instance *i) {
    const struct jv *live = jv_get(i->doc, "spec");
    struct jv *spec = build_ri_spec(s->a, &s->w->set, i->ordinal, s->r.update_template);
    struct jv *gates = jv_need_arr(s->a, spec, "readinessGates");
    if (!jv_find(gates, "conditionType", GATE_RI_INPLACE)) {
        struct jv *gate = jv_new_obj(s->a);
        jv_set_str(s->a, gate, "conditionType", GATE_RI_INPLACE);
        jv_push(s->a, gates, gate);
    }
    if (!jv_get(spec, "readyPolicy")) jv_set(s->a, spec, "readyPolicy", jv_get(live, "readyPolicy"));
    return spec;
}

/* The instance's own controller may still have its revision to write (it gives way to more urgent work). Afterwards it could not
 * any more, and would recreate pods for want of knowing what they were made from. */
static void record(const struct ris_pass *s, const struct instance *i) {
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

void ris_update_in_place(const struct ris_pass *s, const struct instance *i) {
    record(s, i);
    struct jv *patch = jv_new_obj(s->a), *meta = ris_metadata_patch(s, i, true);
    jv_set_str(s->a, jv_need_obj(s->a, meta, "annotations"), A_INPLACE_STATE, state_annotation(s));
    jv_set(s->a, patch, "metadata", meta);
    jv_set(s->a, patch, "spec", merge_patch_diff(s->a, jv_get(i->doc, "spec"), wanted_spec(s, i)));
    action_on_fail(plan_patch(s->p, KIND_RI, i->doc, patch), "FailedUpdateInstanceInPlace");
}

/* Both sides as revisions hold them: two spellings of one template are no difference. */
const char *ris_obstacle(struct arena *a, const struct ris_world *w, const struct ris_revisions *r, const char *revision) {
    const struct jv *old = ris_revision_template(a, w, revision);
    struct err ignored = ERR_INIT;
    const struct jv *data = json_parse(a, r->candidate.bytes, r->candidate.len, NULL, &ignored);
    const struct jv *new = jv_path(data, "spec", "roleInstanceTemplate", (char *)0);
    return old ? inplace_obstacle(a, jv_get(old, "components"), jv_get(new, "components")) : "components";
}
