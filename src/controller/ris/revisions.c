/* Which revision new instances get, and which one the set comes from. Pure. */
#include "api/names.h"
#include "base/str.h"
#include "controller/core/history.h"
#include "controller/ris/world.h"

#define HISTORY_DEFAULT 10

struct live_ctx { const struct ris_world *w; const struct ris_revisions *r; };

static bool live(const void *ctx, const char *name) {
    const struct live_ctx *l = ctx;
    if (str_eq(name, l->r->update) || str_eq(name, l->r->current)) return true;
    for (size_t i = 0; i < l->w->ninstances; i++)
        if (str_eq(l->w->instances[i].revision, name)) return true;
    return false;
}

static const struct jv *revision_template(struct arena *a, const struct jv *revision) {
    struct jv *t = jv_dup(a, jv_path(revision, "data", "spec", "roleInstanceTemplate", (char *)0));
    if (t) jv_del(t, "$patch");
    return t;
}

const struct jv *ris_revision_template(struct arena *a, const struct ris_world *w, const char *name) {
    struct history h = {w->revisions, w->nrevisions};
    return revision_template(a, history_find(&h, name));
}

static int candidate(struct arena *a, const struct ris_world *w, const struct history *h, int32_t *collisions,
                     struct revision *out, struct err *e) {
    for (;; ++*collisions) {
        if (build_ris_revision(a, &w->set, *collisions, out, e)) return -1;
        if (!history_collides(h, out)) return 0;
    }
}

int ris_plan_revisions(struct arena *a, const struct ris_world *w, struct plan *p, struct ris_revisions *out, struct err *e) {
    struct history h = {w->revisions, w->nrevisions};
    const struct jv *status = jv_get(w->w.root, "status");
    struct revision *r = &out->candidate;
    out->collisions = (int32_t)jv_get_int(status, "collisionCount", 0);
    if (candidate(a, w, &h, &out->collisions, r, e)) return -1;
    out->update = history_plan(p, &h, r, build_ris_revision_object(a, &w->set, r, 0), false);
    out->update_template = w->set.spec.template_doc;
    const char *current = jv_get_str(status, "currentRevision");
    bool known = current && history_find(&h, current);
    out->current = known ? current : out->update;
    out->current_template = known ? ris_revision_template(a, w, current) : out->update_template;
    struct opt32 limit = w->set.spec.revision_history_limit;
    history_truncate(p, &h, limit.set ? (size_t)limit.v : HISTORY_DEFAULT, live, &(struct live_ctx){w, out});
    return 0;
}
