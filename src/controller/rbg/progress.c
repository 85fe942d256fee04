/* How far each role is, by what its workload says, what this pass does to it, and what keeps its instances. A workload that has not
 * looked at its latest spec says nothing about it: until then the role is on its way. Pure. */
#include <string.h>

#include "base/str.h"
#include "controller/rbg/world.h"

static const struct jv *old_conditions(const struct rbg_world *w) {
    return jv_path(w->w.root, "status", "conditions", (char *)0);
}

static const struct jv *last_counts(const struct rbg_world *w, size_t i) {
    return jv_find(jv_path(w->w.root, "status", "roleStatuses", (char *)0), "name", w->roles[i].role->name);
}

static bool unobserved(const struct jv *workload) {
    return jv_get_int(jv_get(workload, "status"), "observedGeneration", 0) < meta_generation(workload);
}

/* Is a rollout announced, of which the workload has not said anything yet? */
static bool about_to_roll(const struct rbg_world *w, const struct role_result *r, bool pending) {
    return r->reshaped || (pending && condition_true(old_conditions(w), "RollingUpdateInProgress"));
}

static bool holds(const struct role *r) {
    const struct rolling_update *u = &r->rollout.rolling_update;
    bool partition = u->partition && !jv_is(u->partition, J_NULL) && jv_int(u->partition, 1) != 0;
    return (u->paused.set && u->paused.v) || (partition && !str_eq(jv_str(u->partition, ""), "0%"));
}

static int64_t expected(const struct role *r, const struct jv *status, int64_t want) {
    const struct rolling_update *u = &r->rollout.rolling_update;
    if (u->paused.set && u->paused.v) return 0;
    return holds(r) ? jv_get_int(status, "expectedUpdatedReplicas", 0) : want;
}

/* Counts of a workload that has not seen its latest spec yet are old; then the last known ones stay, so that nothing flickers. */
static void count(struct role_state *s, const struct jv *status) {
    s->replicas = jv_get_int(status, "replicas", 0);
    s->ready = jv_get_int(status, "readyReplicas", 0);
    s->updated = jv_get_int(status, "updatedReplicas", 0);
}

static void of_workload(struct role_state *s, const struct rbg_world *w, const struct role_result *r, size_t i) {
    const struct role_world *rw = &w->roles[i];
    const struct jv *status = jv_get(rw->workload, "status");
    bool old = unobserved(rw->workload);
    s->pending = r->applied || old;
    count(s, old ? last_counts(w, i) : status);
    bool coming = about_to_roll(w, r, s->pending);
    s->rolling = coming || (!old && !str_eq(jv_get_str(status, "currentRevision"), jv_get_str(status, "updateRevision")));
    if (coming) s->updated = 0;
    s->held = s->rolling && !coming && holds(rw->role);
    s->expected = s->rolling ? expected(rw->role, status, s->want) : s->want;
    if (s->pending) return;
    s->cause = rw->causes.first;
    s->done = s->replicas == s->want && s->ready == s->want && (!s->rolling || (s->held && s->updated >= s->expected)) &&
              !rw->causes.of_set;
}

/* Something goes on: what is asked for has not been looked at, an instance is on its way, or the next one is about to be. */
static bool moves(const struct role_state *s, const struct role_world *rw) {
    if (!rw->workload || s->pending || rw->causes.moving) return true;
    return !rw->causes.waiting && !rw->causes.of_set;
}

struct role_state role_state(const struct rbg_world *w, const struct role_result *results, size_t i) {
    const struct role_world *rw = &w->roles[i];
    const struct role_result *r = &results[i];
    struct role_state s = {.want = role_replicas(rw->role)};
    s.expected = s.want;
    if (rw->workload) of_workload(&s, w, r, i);
    if (r->problem) {
        s.cause = (struct cause){.object = rw->role->name, .text = r->problem, .word = r->reason, .stuck = true};
        s.done = false;
    } else if (r->waiting) {
        s.done = false;
    } else if (!s.done) {
        s.moves = moves(&s, rw);
    }
    return s;
}
