/* Decides what a RoleInstanceSet needs (part C 4). Pure.
 *
 * A pass, in order: revisions, scaling (fill the wanted ordinals, remove the others), rolling update, labels, status. OrderedReady
 * makes or removes one instance a pass and goes on when it serves or is gone; Parallel does all at once. */
#include "api/limits.h"
#include "api/names.h"
#include "base/str.h"
#include "controller/core/history.h"
#include "controller/ris/world.h"

/* ---- scaling ---- */

static const struct other *other_at(const struct ris_world *w, int ordinal) {
    return ordinal < w->nothers && w->others[ordinal].doc ? &w->others[ordinal] : NULL;
}

const struct other *ris_name_taken(const struct ris_world *w, const struct topology *t) {
    for (int o = 0; o < t->end; o++) {
        const struct other *other = other_at(w, o);
        if (other && !other->ending) return other;
    }
    return NULL;
}

/* Instances that have lost their owner, with all that they are. */
static void adopt(const struct ris_pass *s) {
    const struct jv *root = s->w->w.root;
    history_adopt(s->p, s->w->revisions, s->w->nrevisions, KIND_RIS, root);
    for (size_t k = 0; k < s->w->ninstances; k++)
        if (!meta_owned_by(s->w->instances[k].doc, meta_uid(root)))
            plan_adopt(s->p, KIND_RI, s->w->instances[k].doc, kind_owner_ref(s->a, KIND_RIS, root, true, true));
}

static void create(const struct ris_pass *s, int ordinal) {
    if (other_at(s->w, ordinal)) { /* its name */
        plan_wait_for_name(s->p, KIND_RI, other_at(s->w, ordinal));
        return;
    }
    bool update = ordinal >= s->t.partition;
    struct jv *ri = build_ri(s->a, &s->w->set, ordinal, update ? s->r.update_template : s->r.current_template,
                             update ? s->r.update : s->r.current);
    struct action *act = plan_create(s->p, KIND_RI, ri);
    action_on_ok(s->p, act, "SuccessfulCreate", "Created role instance %s", meta_name(ri));
    action_on_fail(act, "FailedCreate");
}

/* Returns false when the pass ends here: it has made enough, or OrderedReady waits for what it made, or for one that does not
 * serve. */
static bool fill(const struct ris_pass *s) {
    int made = 0;
    for (int o = 0; o < s->t.end; o++) {
        const struct instance *i = ris_instance(s->w, o);
        if (!i && made++ == CREATES_MAX) return false;
        if (!i) create(s, o);
        if (s->ordered && !ris_serves(i)) return false;
    }
    return true;
}

static void condemn(const struct ris_pass *s, const struct instance *i) {
    s->written[i - s->w->instances] = true;
    struct action *act = plan_delete(s->p, KIND_RI, i->doc);
    action_on_ok(s->p, act, "SuccessfulDelete", "Deleted role instance %s", meta_name(i->doc));
    action_on_fail(act, "FailedDelete");
}

/* Instances beyond the wanted ordinals go, the highest first: but one that serves only while the others are enough, also when the
 * set is scaled in. One that is going already is not told twice. */
static void trim(struct ris_pass *s) {
    for (size_t k = s->w->ninstances; k-- > 0;) {
        const struct instance *i = &s->w->instances[k];
        if (i->ordinal < s->t.keep) continue;
        if (!i->terminating && (!ris_serves(i) || ris_take(&s->c, i))) condemn(s, i);
        if (s->ordered) return;
    }
}

/* Left over from another pattern, or named by hand: not an instance of a stateful set. */
static void remove_strangers(const struct ris_pass *s) {
    for (size_t k = 0; k < s->w->ninstances; k++)
        if (s->w->instances[k].ordinal < 0 && !s->w->instances[k].terminating) condemn(s, &s->w->instances[k]);
}

/* ---- status ---- */

static void wake_when_available(const struct ris_pass *s) {
    int64_t soonest = 0;
    for (size_t k = 0; k < s->w->ninstances; k++) {
        int64_t ms = s->w->instances[k].available_in_ms;
        if (ms && (!soonest || ms < soonest)) soonest = ms;
    }
    if (soonest) plan_after(s->p, soonest);
}

static int64_t counted(const struct jv *status, const char *key) { return jv_get_int(status, key, 0); }

/* What others wait for is told at once: all are ready, or available; fewer are; a condition changes; a rollout goes on. Counts on
 * the way there are collected, but not for long. */
static int64_t status_delay(const struct ris_pass *s, const struct jv *status) {
    static const char *const counts[] = {"readyReplicas", "availableReplicas"};
    const struct jv *old = jv_get(s->w->w.root, "status");
    int64_t settle = s->w->w.opt->settle_ms;
    bool seen = counted(old, "observedGeneration") == meta_generation(s->w->w.root);
    bool rolling = !str_eq(jv_get_str(status, "currentRevision"), jv_get_str(status, "updateRevision"));
    if (rolling || (!seen && old) || !jv_eq(jv_get(old, "conditions"), jv_get(status, "conditions"))) return 0;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        int64_t now = counted(status, counts[i]), before = counted(old, counts[i]);
        if (now < before || (now == s->t.replicas && before != now)) return 0;
    }
    return settle < RIS_SETTLE_MS ? settle : RIS_SETTLE_MS;
}

static void finish(const struct ris_pass *s) {
    struct jv *status = ris_status(s);
    plan_status(s->p, KIND_RIS, s->w->w.root, status, status_delay(s, status));
    wake_when_available(s);
}

/* The stored object can't be worked with: say so in the status, once. */
static void plan_failed(struct plan *p, const struct ris_world *w, const char *reason, const char *message) {
    const struct jv *root = w->w.root, *old = jv_get(root, "status");
    struct jv *status = old ? jv_dup(p->a, old) : jv_new_obj(p->a), *list = jv_new_arr(p->a);
    condition_put(p->a, list, jv_get(old, "conditions"), "FailedUpdate", true, reason, message, 0, w->w.now_ms);
    jv_set_int(p->a, status, "observedGeneration", meta_generation(root)); /* it has been looked at */
    jv_set(p->a, status, "conditions", list);
    static const char *const counts[] = {"replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas",
                                         "updatedReadyReplicas"};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (!jv_get(status, counts[i])) jv_set_int(p->a, status, counts[i], 0);
    plan_status(p, KIND_RIS, root, status, 0);
}

/* Nothing is done then, rather than something that nobody asked for; the event is told once. */
static void plan_unknown_pattern(struct plan *p, const struct ris_world *w) {
    const struct jv *old = jv_find(jv_path(w->w.root, "status", "conditions", (char *)0), "type", "FailedUpdate");
    const char *message = arena_printf(p->a, "annotation " A_PATTERN " is \"%.63s\": write Stateful, or remove it", w->pattern);
    if (!str_eq(jv_get_str(old, "message"), message)) plan_event(p, "Warning", "UnknownRoleInstancePattern", "%s", message);
    plan_failed(p, w, "UnknownRoleInstancePattern", message);
}

static int prepare(struct ris_pass *s, struct err *e) {
    adopt(s);
    return ris_plan_revisions(s->a, s->w, s->p, &s->r, e) || ris_topology(s->a, s->w, &s->r, &s->t, e) ? -1 : 0;
}

/* Its revision comes before everything else. It is asked for in this plan again, and what follows is only done when it is there. */
static bool revision_refused(const struct ris_pass *s) {
    const struct refusal *r = s->w->w.refused;
    if (!r || r->act != ACT_CREATE || r->kind != KIND_REVISION) return false;
    for (size_t i = 0; i < s->p->n; i++)
        if (s->p->items[i].act == ACT_CREATE && s->p->items[i].kind == KIND_REVISION) return true;
    return false;
}

/* What can be worked with? Else the status says why not. */
static bool begin(struct ris_pass *s) {
    const struct ris_world *w = s->w;
    struct err e = ERR_INIT;
    if (w->decode.code != ERR_NONE) {
        plan_failed(s->p, w, "InvalidSpec", w->decode.msg);
    } else if (str_eq(w->pattern, "Stateless")) {
        plan_failed(s->p, w, "InvalidSpec", "pattern Stateless is not served: set annotation " A_PATTERN " to Stateful");
    } else if (!str_empty(w->pattern) && !str_eq(w->pattern, "Stateful")) {
        plan_unknown_pattern(s->p, w);
    } else if (prepare(s, &e)) {
        plan_failed(s->p, w, "InvalidSpec", arena_strdup(s->a, e.msg));
    } else {
        return true;
    }
    return false;
}

void ris_plan(const struct world *world, struct plan *p) {
    const struct ris_world *w = (const struct ris_world *)world;
    struct ris_pass s = {.a = p->a, .w = w, .p = p, .written = ARENA_ARRAY(p->a, w->ninstances + 1, bool)};
    if (!begin(&s)) return;
    s.c = ris_capacity(w, &s.t);
    s.ordered = !str_eq(w->set.spec.pod_management_policy, "Parallel") && w->set.spec.pod_management_policy;
    if (revision_refused(&s)) plan_failed(p, w, "RevisionRefused", w->w.refused->message);
    plan_barrier(p); /* instances name their revision */
    remove_strangers(&s);
    if (fill(&s)) trim(&s);
    /* Also when OrderedReady waits for a broken instance: the update may be what mends it. */
    if (s.t.rolling) ris_plan_rollout(&s);
    ris_plan_metadata(&s);
    finish(&s);
}
