/* Decides what a RoleInstance needs (part D 2). Pure.
 *
 * A pass, in order: revisions, the restart policy, scaling, in-place updates (not in a pass that scales), the pods' gates,
 * status, the pods' patches. A pass that recreates the instance does nothing else. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "controller/core/history.h"
#include "controller/ri/world.h"

#define HISTORY_LIMIT 5

const char *ri_pod_name(struct ri_pass *s, size_t component, int id) {
    return name_pod(s->a, s->w->inst.name, s->w->role_type, s->w->inst.spec.components.items[component].name, id);
}

int32_t ri_size(const struct ri_world *w, size_t component) {
    struct opt32 size = w->inst.spec.components.items[component].size;
    return size.set ? (size.v > 0 ? size.v : 0) : 1;
}

const struct pod *ri_pod(const struct ri_world *w, const char *name) {
    size_t lo = 0, hi = w->npods; /* they are sorted by it */
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(w->pods[mid].name, name) < 0) lo = mid + 1;
        else hi = mid;
    }
    return lo < w->npods && str_eq(w->pods[lo].name, name) ? &w->pods[lo] : NULL;
}

bool ri_at_update(const struct ri_pass *s, const struct pod *pod) {
    return str_eq(pod->revision, name_short_hash(s->update));
}

static bool live(const void *ctx, const char *name) {
    const struct ri_pass *s = ctx;
    if (str_eq(name, s->update) || str_eq(name, s->current)) return true;
    for (size_t i = 0; i < s->w->npods; i++)
        if (s->w->pods[i].active && str_eq(s->w->pods[i].revision, name_short_hash(name))) return true;
    return false;
}

/* Nobody reads the revision of the present spec before there is another one, and whoever changes the spec sees to it that it is
 * there (ris/rollout.c): so it may wait. */
static int plan_revisions(struct ri_pass *s, struct err *e) {
    const struct ri_world *w = s->w;
    struct history h = {w->revisions, w->nrevisions};
    const struct jv *status = jv_get(w->w.root, "status");
    struct revision r;
    s->collisions = (int32_t)jv_get_int(status, "collisionCount", 0);
    if (history_of_instance(s->a, &h, &w->inst, &s->collisions, &r, e)) return -1;
    s->update_data = json_parse(s->a, r.bytes, r.len, NULL, e);
    if (!s->update_data) return -1;
    s->update = history_plan(s->p, &h, &r, build_ri_revision_object(s->a, &w->inst, &r, 0), true);
    const char *current = jv_get_str(status, "currentRevision");
    s->current = current && history_find(&h, current) ? current : s->update;
    history_truncate(s->p, &h, HISTORY_LIMIT, live, s);
    return 0;
}

/* The stored object can't be worked with: say so in the status, once. */
static void plan_invalid(struct ri_pass *s, const char *message) {
    const struct jv *root = s->w->w.root, *old = jv_get(root, "status");
    struct jv *status = old ? jv_dup(s->a, old) : jv_new_obj(s->a), *list = jv_new_arr(s->a);
    condition_put(s->a, list, jv_get(old, "conditions"), "FailedScale", true, NULL, message, 0, s->w->w.now_ms);
    condition_put(s->a, list, jv_get(old, "conditions"), COND_RI_READY, false, "PodsNotReady", message, 0, s->w->w.now_ms);
    jv_set(s->a, status, "conditions", list);
    plan_status(s->p, KIND_RI, root, status, 0);
}

/* Pods of a crashed instance stay as they are until their time has come, so that one can look at them. */
static bool frozen(const struct ri_pass *s) {
    return s->restart.step == RESTART_GAVE_UP || (s->restart.step == RESTART_WAITS && s->restart.whole);
}

/* Pods and revisions that have lost their owner. What else the pass does to them comes when they are the instance's again. */
static void adopt(struct ri_pass *s) {
    const struct jv *root = s->w->w.root;
    size_t planned = s->p->n;
    history_adopt(s->p, s->w->revisions, s->w->nrevisions, KIND_RI, root);
    for (size_t i = 0; i < s->w->npods; i++)
        if (!meta_owned_by(s->w->pods[i].doc, meta_uid(root)))
            plan_adopt(s->p, KIND_POD, s->w->pods[i].doc, kind_owner_ref(s->a, KIND_RI, root, true, true));
    if (s->p->n > planned) plan_barrier(s->p);
}

void ri_plan(const struct world *world, struct plan *p) {
    const struct ri_world *w = (const struct ri_world *)world;
    struct ri_pass s = {.a = p->a, .w = w, .p = p};
    struct err e = ERR_INIT;
    if (w->decode.code != ERR_NONE || plan_revisions(&s, &e)) {
        plan_invalid(&s, arena_strdup(p->a, w->decode.code != ERR_NONE ? w->decode.msg : e.msg));
        return;
    }
    adopt(&s);
    s.baselines = jv_dup(p->a, jv_path(world->root, "status", "inPlaceUpdateContainerBaselines", (char *)0));
    ri_decide_restart(&s);
    if (s.restart.step == RESTART_BEGINS || s.restart.step == RESTART_GOES_ON) {
        ri_plan_restart(&s);
        return;
    }
    if (s.restart.step == RESTART_WAITS) plan_after(p, s.restart.wait_ms);
    if (!frozen(&s) && !ri_plan_scale(&s)) ri_plan_update(&s);
    ri_plan_gates(&s);
    ri_plan_status(&s);
    ri_plan_patches(&s);
    if (s.restart.step == RESTART_GAVE_UP) ri_plan_give_up(&s);
}
