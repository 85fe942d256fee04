/* The numbers of one pass: how many instances are wanted, how many may be missing, how many may be extra (part C 4.4). Pure. */
#include "api/admission.h"
#include "base/str.h"
#include "controller/ris/world.h"
#include "doc/scalar.h"

const struct instance *ris_instance(const struct ris_world *w, int ordinal) {
    for (size_t i = 0; i < w->ninstances; i++)
        if (w->instances[i].ordinal == ordinal) return &w->instances[i];
    return NULL;
}

static bool at_update(const struct instance *i, const struct ris_revisions *r) {
    return i && str_eq(i->revision, r->update);
}

static bool serving(const struct instance *i) {
    return i && i->healthy && !i->terminating;
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

static bool base_done(const struct ris_world *w, const struct ris_revisions *r, const struct topology *t) {
    for (int o = t->partition; o < t->replicas; o++) {
        const struct instance *i = ris_instance(w, o);
        if (!serving(i) || !at_update(i, r)) return false;
    }
    return true;
}

static int32_t healthy_old(const struct ris_world *w, const struct ris_revisions *r, const struct topology *t) {
    int32_t n = 0;
    for (int o = t->partition; o < t->replicas; o++) {
        const struct instance *i = ris_instance(w, o);
        n += serving(i) && !at_update(i, r);
    }
    return n;
}

static int32_t valid_surge(const struct ris_world *w, const struct ris_revisions *r, const struct topology *t) {
    int32_t n = 0;
    for (int o = t->replicas; o < t->replicas + t->surge_max; o++) {
        const struct instance *i = ris_instance(w, o);
        n += i && !i->terminating && at_update(i, r);
    }
    return n;
}

static int32_t min32(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t max32(int32_t a, int32_t b) { return a > b ? a : b; }

/* The last targets have been told to update, but the rollout is not over: the status still names another current revision. */
static bool finishing(const struct ris_world *w, const struct ris_revisions *r, const struct topology *t) {
    return !str_eq(r->current, r->update) && !base_done(w, r, t);
}

/* Extra instances are made only while healthy old ones beyond the budget would otherwise have to go, and stay until the base is
 * done, ready and not merely updated: they are what keeps the service at strength. */
static int32_t active_surge(const struct ris_world *w, const struct ris_revisions *r, const struct topology *t, bool paused) {
    if (!t->surge_max) return 0;
    int32_t have = valid_surge(w, r, t);
    if (!t->rolling) return (paused && !base_done(w, r, t)) || finishing(w, r, t) ? min32(have, t->surge_max) : 0;
    int32_t need = max32(0, healthy_old(w, r, t) - t->unavailable_max);
    return min32(base_done(w, r, t) ? need : max32(need, have), t->surge_max);
}

/* The rollout numbers of a set: a RoleInstanceSet that says nothing means 10% (part C 4.4). */
static int limits(const struct rolling_update *u, struct topology *t, struct err *e) {
    static const struct jv dflt = {.type = J_STR, .len = 3, .s = "10%"};
    struct rolling_update own = *u;
    if (!own.max_unavailable) own.max_unavailable = &dflt;
    if (rollout_limits(&own, t->replicas, &t->surge_max, &t->unavailable_max, e)) return err_wrap(e, "spec.updateStrategy");
    if (u->partition && intstr_scaled(u->partition, t->replicas, false, &t->partition, e))
        return err_wrap(e, "spec.updateStrategy.partition");
    return 0;
}

int ris_topology(const struct ris_world *w, const struct ris_revisions *r, struct topology *t, struct err *e) {
    const struct rolling_update *u = &w->set.spec.update_strategy;
    bool paused = u->paused.set && u->paused.v;
    *t = (struct topology){.replicas = w->set.spec.replicas.set ? max32(w->set.spec.replicas.v, 0) : 1};
    if (limits(u, t, e)) return -1;
    if (!t->surge_max) t->unavailable_max = max32(t->unavailable_max, 1);
    t->partition = min32(max32(t->partition, 0), t->replicas);
    t->rolling = !paused && base_has_targets(w, r, t);
    t->end = t->replicas + active_surge(w, r, t, paused);
    return 0;
}
