/* The status of a set, computed whole from its instances (part C 4.9). Pure. */
#include "base/str.h"
#include "controller/core/claim.h"
#include "controller/ris/world.h"
#include "doc/scalar.h"

struct counts { int64_t all, ready, available, current, updated, updated_ready; };

static struct counts count(const struct ris_world *w, const struct ris_revisions *r) {
    struct counts c = {0};
    for (size_t k = 0; k < w->ninstances; k++) {
        const struct instance *i = &w->instances[k];
        bool updated = str_eq(i->revision, r->update);
        if (i->ordinal < 0) continue;
        c.all++;
        c.ready += i->healthy;
        c.available += ris_serves(i);
        c.current += str_eq(i->revision, r->current);
        c.updated += updated && i->complete;
        c.updated_ready += updated && i->healthy;
    }
    return c;
}

/* The rollout is over. With a partition it never is, so that lowering the partition goes on with the same rollout. */
static bool rolled_out(const struct ris_world *w, const struct ris_revisions *r, const struct topology *t) {
    return !t->partition && ris_base_done(w, r, t);
}

static struct jv *conditions(const struct ris_pass *s) {
    const struct ris_world *w = s->w;
    const struct other *taken = ris_name_taken(w, &s->t);
    const struct jv *old = jv_path(w->w.root, "status", "conditions", (char *)0);
    struct jv *list = jv_new_arr(s->a);
    if (taken)
        condition_put(s->a, list, old, "FailedScale", true, REASON_NAME_TAKEN, claim_taken(s->a, KIND_RI, taken, "this set"), 0,
                      w->w.now_ms);
    if (s->t.obstacle)
        condition_put(s->a, list, old, "FailedUpdate", true, "UpdateNotPossible", s->t.obstacle, 0, w->w.now_ms);
    return jv_len(list) ? list : NULL;
}

struct jv *ris_status(const struct ris_pass *pass) {
    struct arena *a = pass->a;
    const struct ris_world *w = pass->w;
    const struct ris_revisions *r = &pass->r;
    const struct topology *t = &pass->t;
    struct counts c = count(w, r);
    struct jv *s = jv_new_obj(a);
    jv_set_int(a, s, "observedGeneration", meta_generation(w->w.root));
    jv_set_int(a, s, "replicas", c.all);
    jv_set_int(a, s, "readyReplicas", c.ready);
    jv_set_int(a, s, "availableReplicas", c.available);
    jv_set_int(a, s, "currentReplicas", c.current);
    jv_set_int(a, s, "updatedReplicas", c.updated);
    jv_set_int(a, s, "updatedReadyReplicas", c.updated_ready);
    if (t->replicas > t->partition) jv_set_int(a, s, "expectedUpdatedReplicas", t->replicas - t->partition);
    jv_set_str(a, s, "updateRevision", r->update);
    jv_set_str(a, s, "currentRevision", rolled_out(w, r, t) ? r->update : r->current);
    jv_set_int(a, s, "collisionCount", r->collisions);
    jv_set(a, s, "conditions", conditions(pass));
    jv_set_str(a, s, "labelSelector", selector_text(a, w->set.spec.selector));
    return s;
}
