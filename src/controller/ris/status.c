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

static bool instance_missing(const struct ris_pass *s) {
    for (int o = 0; o < s->t.end; o++)
        if (!ris_instance(s->w, o)) return true;
    return false;
}

/* Why the API server did not want an instance. What was said of it stays until all are there: a manager that has just started does
 * not know it yet. */
static const char *refused_instance(const struct ris_pass *s, const struct jv *old) {
    const struct refusal *r = s->w->w.refused;
    if (!instance_missing(s)) return NULL;
    if (r && r->act == ACT_CREATE && r->kind == KIND_RI) return r->message;
    const struct jv *before = jv_find(old, "type", "FailedScale");
    return str_eq(jv_get_str(before, "status"), "True") && !jv_get(before, "reason") ? jv_get_str(before, "message") : NULL;
}

static struct jv *conditions(const struct ris_pass *s) {
    const struct ris_world *w = s->w;
    const struct other *taken = ris_name_taken(w, &s->t);
    const struct jv *old = jv_path(w->w.root, "status", "conditions", (char *)0);
    int64_t now = w->w.now_ms;
    const char *words = taken ? claim_taken(s->a, KIND_RI, taken, "this set") : refused_instance(s, old);
    struct jv *list = jv_new_arr(s->a);
    if (words) condition_put(s->a, list, old, "FailedScale", true, taken ? REASON_NAME_TAKEN : NULL, words, 0, now);
    if (s->t.obstacle) condition_put(s->a, list, old, "FailedUpdate", true, "UpdateNotPossible", s->t.obstacle, 0, now);
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
