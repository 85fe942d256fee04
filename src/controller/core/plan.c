/* Building plans, and deciding whether a write is needed at all.
 *
 * The comparison before a server-side apply is exact and needs no memory of earlier writes, so it survives restarts: live must
 * contain what we want, and our own entry in managedFields (which the projection keeps) must name nothing that we no longer want.
 * Lists are compared as a whole: all lists in what we apply are atomic for the API server, except owner references. Groups, whose
 * lists have keys and which others may change in part, are compared in shared.c. */
#include "controller/core/plan.h"

#include <string.h>

#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"
#include "doc/find.h"
#include "doc/patch.h"

void plan_init(struct plan *p, struct arena *a) {
    *p = (struct plan){.a = a};
}

static struct action *plan_add(struct plan *p, struct action what) {
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 16;
        p->items = arena_grow(p->a, p->items, p->cap * sizeof *p->items, cap * sizeof *p->items);
        p->cap = cap;
    }
    p->items[p->n] = what;
    return &p->items[p->n++];
}

static struct action write_action(struct plan *p, enum act act, enum kind k, const struct jv *object, struct jv *body) {
    const char *ns = meta_ns(object);
    const char *uid = meta_uid(object);
    return (struct action){.act = act,
                           .kind = k,
                           .ns = *ns ? arena_strdup(p->a, ns) : NULL,
                           .name = arena_strdup(p->a, meta_name(object)),
                           .uid = *uid ? arena_strdup(p->a, uid) : NULL,
                           .body = body};
}

struct action *plan_create(struct plan *p, enum kind k, struct jv *object) {
    return plan_add(p, write_action(p, ACT_CREATE, k, object, object));
}

/* ---- is an apply needed? ---- */

static bool contains(struct arena *a, const struct jv *want, const struct jv *have);

static bool owner_refs_contained(struct arena *a, const struct jv *want, const struct jv *have) {
    JV_FOR_ARR(ref, want) {
        const char *uid = jv_get_str(*ref, "uid");
        const struct jv *found = uid ? jv_find(have, "uid", uid) : NULL;
        if (!found || !contains(a, *ref, found)) return false;
    }
    return true;
}

static bool contains(struct arena *a, const struct jv *want, const struct jv *have) {
    if (!have) return jv_is(want, J_NULL);
    if (!jv_is(want, J_OBJ)) return jv_eq(want, have);
    struct finder there = finder_of(a, have, NULL);
    JV_FOR_OBJ(m, want) {
        const struct jv *h = finder_counterpart(&there, m, (size_t)(m - want->members));
        bool ok = strcmp(m->key, "ownerReferences") == 0 ? owner_refs_contained(a, m->val, h)
                                                         : contains(a, m->val, h);
        if (!ok) return false;
    }
    return jv_is(have, J_OBJ);
}

/* fields: a fieldsV1 subtree. True when each field it names is in `want`. List items ("k:", "v:") only occur in lists that are not
 * atomic; there containment has compared the items, so only the presence of the list counts. */
static bool still_wanted(struct arena *a, const struct jv *fields, const struct jv *want) {
    struct finder there = finder_of(a, want, NULL);
    JV_FOR_OBJ(m, fields) {
        if (!str_has_prefix(m->key, "f:")) continue;
        const struct jmember *w = finder_member(&there, m->key + 2, m->klen - 2);
        if (!w) return false;
        if (jv_is(w->val, J_OBJ) && !still_wanted(a, m->val, w->val)) return false;
    }
    return true;
}

const struct jv *applied_fields(const struct jv *live) {
    JV_FOR_ARR(entry, jv_path(live, "metadata", "managedFields", (char *)0)) {
        if (str_eq(jv_get_str(*entry, "manager"), FIELD_MANAGER) &&
            str_eq(jv_get_str(*entry, "operation"), "Apply") && !jv_get(*entry, "subresource"))
            return jv_get(*entry, "fieldsV1");
    }
    return NULL;
}

bool apply_needed(const struct jv *desired, const struct jv *live) {
    ARENA_AUTO struct arena *a = arena_new();
    if (!live || !contains(a, desired, live)) return true;
    const struct jv *owned = applied_fields(live);
    return !owned || !still_wanted(a, owned, desired);
}

static struct action *apply(struct plan *p, enum kind k, struct jv *desired, const struct jv *live) {
    struct action *w = plan_add(p, write_action(p, ACT_APPLY, k, desired, desired));
    w->force = live != NULL;
    return w;
}

struct action *plan_apply(struct plan *p, enum kind k, struct jv *desired, const struct jv *live) {
    return apply_needed(desired, live) ? apply(p, k, desired, live) : NULL;
}

struct action *plan_apply_shared(struct plan *p, enum kind k, struct jv *desired, const struct jv *live) {
    return apply_shared_needed(desired, live) ? apply(p, k, desired, live) : NULL;
}

/* ---- patches ---- */

struct action *plan_patch(struct plan *p, enum kind k, const struct jv *live, struct jv *patch) {
    return plan_add(p, write_action(p, ACT_PATCH, k, live, patch));
}

struct action *plan_patch_status(struct plan *p, enum kind k, const struct jv *live, struct jv *patch,
                                 int64_t delay_ms) {
    struct action *w = plan_add(p, write_action(p, ACT_PATCH_STATUS, k, live, patch));
    w->delay_ms = delay_ms;
    return w;
}

struct action *plan_status(struct plan *p, enum kind k, const struct jv *live, struct jv *status,
                           int64_t delay_ms) {
    const struct jv *old = jv_get(live, "status");
    struct jv *diff = merge_patch_diff(p->a, old ? old : jv_new_obj(p->a), status);
    if (jv_is_empty(diff)) return NULL;
    struct jv *patch = jv_new_obj(p->a);
    jv_set(p->a, patch, "status", diff);
    return plan_patch_status(p, k, live, patch, delay_ms);
}

struct action *plan_delete(struct plan *p, enum kind k, const struct jv *live) {
    return plan_add(p, write_action(p, ACT_DELETE, k, live, NULL));
}

/* ---- the rest ---- */

void plan_event(struct plan *p, const char *type, const char *reason, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    const char *message = arena_vprintf(p->a, fmt, ap);
    va_end(ap);
    plan_add(p, (struct action){.act = ACT_EVENT, .type = type, .reason = reason, .message = message});
}

void plan_barrier(struct plan *p) {
    if (p->n && p->items[p->n - 1].act != ACT_BARRIER) plan_add(p, (struct action){.act = ACT_BARRIER});
}

void plan_after(struct plan *p, int64_t delay_ms) {
    plan_add(p, (struct action){.act = ACT_AFTER, .delay_ms = delay_ms > 0 ? delay_ms : 1});
}

void action_on_ok(struct plan *p, struct action *w, const char *reason, const char *fmt, ...) {
    if (!w) return;
    va_list ap;
    va_start(ap, fmt);
    w->message = arena_vprintf(p->a, fmt, ap);
    va_end(ap);
    w->reason = reason;
}

void action_on_fail(struct action *w, const char *reason) {
    if (w) w->fail_reason = reason;
}

void action_gives_way(struct action *w) {
    if (w) w->gives_way = true;
}

bool action_harmless(const struct action *w, const struct err *e) {
    switch (w->act) {
    case ACT_DELETE: return e->code == ERR_NOT_FOUND || e->code == ERR_CONFLICT;
    case ACT_PATCH:
    case ACT_PATCH_STATUS: return e->code == ERR_NOT_FOUND;
    case ACT_CREATE: return w->kind == KIND_REVISION && e->code == ERR_EXISTS;
    default: return false;
    }
}

bool action_outdated(const struct action *w, const struct err *e) {
    return e->code == ERR_CONFLICT && w->act == ACT_PATCH && *meta_rv(w->body);
}

bool action_needs_anew(const struct action *w, const struct err *e) {
    return w->anew && w->act == ACT_PATCH && e->http == 422;
}

void action_anew(const struct action *w, struct action *gone, struct action *anew) {
    *gone = (struct action){.act = ACT_DELETE, .kind = w->kind, .ns = w->ns, .name = w->name, .uid = w->uid};
    *anew = (struct action){.act = ACT_CREATE, .kind = w->kind, .ns = w->ns, .name = w->name, .body = w->anew};
}

static const char *act_name(enum act act) {
    static const char *const names[] = {
        [ACT_CREATE] = "create",  [ACT_APPLY] = "apply", [ACT_PATCH] = "patch",
        [ACT_PATCH_STATUS] = "patchStatus", [ACT_DELETE] = "delete", [ACT_EVENT] = "event",
        [ACT_BARRIER] = "barrier", [ACT_AFTER] = "after"};
    return names[act];
}

static struct jv *action_doc(struct arena *a, const struct action *w) {
    struct jv *d = jv_new_obj(a);
    jv_set_str(a, d, "act", act_name(w->act));
    if (w->kind != KIND_NONE) jv_set_str(a, d, "kind", kind_info(w->kind)->name);
    jv_set_str(a, d, "namespace", w->ns);
    jv_set_str(a, d, "name", w->name);
    jv_set_str(a, d, "uid", w->uid);
    if (w->force) jv_set_bool(a, d, "force", true);
    if (w->delay_ms) jv_set_int(a, d, "delayMs", w->delay_ms);
    if (w->gives_way) jv_set_bool(a, d, "givesWay", true);
    jv_set_str(a, d, "type", w->type);
    jv_set_str(a, d, "reason", w->reason);
    jv_set_str(a, d, "message", w->message);
    jv_set_str(a, d, "failReason", w->fail_reason);
    jv_set(a, d, "body", w->body);
    return d;
}

struct jv *plan_doc(struct arena *a, const struct plan *p) {
    struct jv *list = jv_new_arr(a);
    for (size_t i = 0; i < p->n; i++) jv_push(a, list, action_doc(a, &p->items[i]));
    return list;
}

/* ---- conditions ---- */

static const char *transition_time(struct arena *a, const struct jv *old, const char *status,
                                   int64_t now_ms) {
    const char *since = jv_get_str(old, "lastTransitionTime");
    if (since && str_eq(jv_get_str(old, "status"), status)) return since;
    char now[32];
    return arena_strdup(a, time_rfc3339(now_ms, now));
}

void condition_put(struct arena *a, struct jv *into, const struct jv *old, const char *type, bool status,
                   const char *reason, const char *message, int64_t generation, int64_t now_ms) {
    const char *text = status ? "True" : "False";
    struct jv *c = jv_new_obj(a);
    jv_set_str(a, c, "type", type);
    jv_set_str(a, c, "status", text);
    if (generation) jv_set_int(a, c, "observedGeneration", generation);
    jv_set_str(a, c, "lastTransitionTime", transition_time(a, jv_find(old, "type", type), text, now_ms));
    jv_set_str(a, c, "reason", reason);
    jv_set_str(a, c, "message", message);
    jv_push(a, into, c);
}

bool condition_true(const struct jv *conditions, const char *type) {
    return str_eq(jv_get_str(jv_find(conditions, "type", type), "status"), "True");
}

int64_t condition_since(const struct jv *conditions, const char *type, int64_t dflt) {
    const char *text = jv_get_str(jv_find(conditions, "type", type), "lastTransitionTime");
    int64_t ms;
    return text && time_parse_rfc3339(text, &ms) == 0 ? ms : dflt;
}
