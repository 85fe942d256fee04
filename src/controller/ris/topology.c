/* The numbers of one pass: how many instances are wanted, how many may be missing, how many may be extra (part C 4.4). Pure. */
#include "api/admission.h"
#include "base/str.h"
#include "controller/ris/world.h"
#include "doc/scalar.h"

const struct instance *ris_instance(const struct ris_world *w, int ordinal) {
    size_t lo = 0, hi = w->ninstances; /* they are sorted by it */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (w->instances[mid].ordinal < ordinal) lo = mid + 1;
        else hi = mid;
    }
    return lo < w->ninstances && w->instances[lo].ordinal == ordinal ? &w->instances[lo] : NULL;
}

bool ris_serves(const struct instance *i) {
    return i && i->ordinal >= 0 && i->available && i->complete && !i->terminating;
}

struct capacity ris_capacity(const struct ris_world *w, const struct topology *t) {
    struct capacity c = {.least = t->replicas - t->unavailable_max};
    for (size_t k = 0; k < w->ninstances; k++) c.serving += ris_serves(&w->instances[k]);
    return c;
}

bool ris_take(struct capacity *c, const struct instance *i) {
    int32_t others = c->serving - ris_serves(i);
    if (others < c->least) return false;
    c->serving = others;
    return true;
}

static bool at_update(const struct instance *i, const struct ris_revisions *r) {
    return i && str_eq(i->revision, r->update);
}

/* A base instance that is not at the update revision is a target, whatever the names of the revisions are: a template that goes
 * A -> B -> A in the middle of a rollout leaves nobody on B. */
static bool base_has_targets(const struct ris_world *w, const struct ris_revisions *r, const struct topology *t) {
    for (int o = t->partition; o < t->replicas; o++) {
        const struct instance *i = ris_instance(w, o);
        if (i && !at_update(i, r)) return true;
    }
    return false;
}

/* Under InPlaceOnly: the first target, the highest, that can't be updated in place. Then nothing is updated: half a rollout would
 * leave two templates side by side that nobody asked for. */
static const char *obstacle(struct arena *a, const struct ris_world *w, const struct ris_revisions *r, const struct topology *t) {
    const char *fine = NULL;
    if (!str_eq(w->set.spec.update_strategy.type, "InPlaceOnly")) return NULL;
    for (int o = t->replicas - 1; o >= t->partition; o--) {
        const struct instance *i = ris_instance(w, o);
        if (!i || at_update(i, r) || str_eq(i->revision, fine)) continue;
        const char *path = ris_obstacle(a, w, r, i->revision);
        if (path)
            return arena_printf(a, "%s can't be updated in place: roleInstanceTemplate.%s differs; undo that change, or set the "
                                "update type to InPlaceIfPossible or RecreatePod", meta_name(i->doc), path);
        fine = i->revision;
    }
    return NULL;
}

bool ris_base_done(const struct ris_world *w, const struct ris_revisions *r, const struct topology *t) {
    for (int o = t->partition; o < t->replicas; o++) {
        const struct instance *i = ris_instance(w, o);
        if (!ris_serves(i) || !at_update(i, r)) return false;
    }
    return true;
}

static int32_t serving_old(const struct ris_world *w, const struct ris_revisions *r, const struct topology *t) {
    int32_t n = 0;
    for (int o = t->partition; o < t->replicas; o++) {
        const struct instance *i = ris_instance(w, o);
        n += ris_serves(i) && !at_update(i, r);
    }
    return n;
}

static int32_t min32(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t max32(int32_t a, int32_t b) { return a > b ? a : b; }

/* Extra instances are made only while old ones that serve would otherwise have to go, beyond the budget. Those that are there stay
 * until the base is done, and serves, whatever their revision is: they are what keeps the service at strength. After that they go
 * as any surplus does (ris_take). */
static void surge(const struct ris_world *w, const struct ris_revisions *r, struct topology *t, bool has_targets) {
    int32_t need = t->rolling ? min32(max32(serving_old(w, r, t) - t->unavailable_max, 0), t->surge_max) : 0;
    bool over = str_eq(r->current, r->update) || ris_base_done(w, r, t);
    t->end = t->replicas + need;
    t->keep = t->replicas + (has_targets || !over ? t->surge_max : 0);
}

/* The rollout numbers of a set: a RoleInstanceSet that says nothing means 10% (part C 4.4). */
static int limits(const struct rolling_update *u, struct topology *t, struct err *e) {
    static const struct jv dflt = {.type = J_STR, .len = 3, .s = "10%"};
    struct rolling_update own = *u;
    if (!own.max_unavailable) own.max_unavailable = &dflt;
    if (rollout_limits(&own, t->replicas, &t->surge_max, &t->unavailable_max, e)) return err_wrap(e, "spec.updateStrategy");
    if (rollout_partition(u, t->replicas, &t->partition, e)) return err_wrap(e, "spec.updateStrategy");
    return 0;
}

int ris_topology(struct arena *a, const struct ris_world *w, const struct ris_revisions *r, struct topology *t, struct err *e) {
    const struct rolling_update *u = &w->set.spec.update_strategy;
    bool paused = u->paused.set && u->paused.v;
    *t = (struct topology){.replicas = w->set.spec.replicas.set ? max32(w->set.spec.replicas.v, 0) : 1};
    if (limits(u, t, e)) return -1;
    if (!t->surge_max) t->unavailable_max = max32(t->unavailable_max, 1);
    bool has_targets = base_has_targets(w, r, t);
    t->obstacle = has_targets ? obstacle(a, w, r, t) : NULL;
    t->rolling = !paused && has_targets && !t->obstacle;
    surge(w, r, t, has_targets);
    return 0;
}
