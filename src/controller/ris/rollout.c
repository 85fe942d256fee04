/* Rolls instances to the update revision, highest ordinal first, while enough others serve (ris_take). Pure.
 *
 * Broken instances cost nothing: updating them can't make the service worse, and may be what mends it. An update is done in place
 * where only the templates of the same components differ (inplace.c). */
#include "api/names.h"
#include "base/str.h"
#include "controller/ris/world.h"

static void recreate(const struct ris_pass *s, const struct instance *i) {
    struct action *act = plan_delete(s->p, KIND_RI, i->doc);
    action_on_ok(s->p, act, "SuccessfulDelete", "Deleted role instance %s to recreate it at revision %s", meta_name(i->doc),
                 s->r.update);
    action_on_fail(act, "FailedDelete");
}

/* Under InPlaceOnly it is known already that all targets can be updated in place (topology.c). */
static void update(const struct ris_pass *s, const struct instance *i) {
    const char *type = s->w->set.spec.update_strategy.type;
    bool in_place = !str_eq(type, "RecreatePod") &&
                    ris_in_place_possible(ris_revision_template(s->a, s->w, i->revision), s->r.update_template);
    s->written[i - s->w->instances] = true;
    if (in_place) ris_update_in_place(s, i);
    else recreate(s, i);
}

static bool at_update(const struct ris_pass *s, const struct instance *i) {
    return str_eq(i->revision, s->r.update);
}

/* An extra instance of another revision that serves stands in for the base as well as a new one would; it goes at the end. */
static bool is_target(const struct ris_pass *s, const struct instance *i) {
    if (!i || i->terminating || at_update(s, i)) return false;
    return i->ordinal < s->t.replicas || !ris_serves(i);
}

static bool needs_no_budget(const struct ris_pass *s, const struct instance *i) {
    return i->ordinal >= s->t.replicas || i->unhealthy_ms >= RIS_STABLY_UNHEALTHY_MS;
}

/* A target that has just become unready may be broken for good: look again when that is certain. */
static void wait_for(const struct ris_pass *s, const struct instance *i) {
    if (!i->healthy) plan_after(s->p, RIS_STABLY_UNHEALTHY_MS - i->unhealthy_ms);
}

void ris_plan_rollout(struct ris_pass *s) {
    for (int o = s->t.replicas + s->t.surge_max - 1; o >= s->t.partition; o--) {
        const struct instance *i = ris_instance(s->w, o);
        if (!is_target(s, i)) continue;
        if (needs_no_budget(s, i) || ris_take(&s->c, i)) update(s, i);
        else wait_for(s, i);
    }
}
