/* Building plans. Whether a server-side apply is needed at all is decided in compare.c. */
#include "controller/core/plan.h"

#include <string.h>

#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"
#include "doc/patch.h"

#define EARLY_MS 30000

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

struct action *plan_apply(struct plan *p, enum kind k, struct jv *desired, const struct jv *live) {
    if (!apply_needed(k, desired, live)) return NULL;
    struct action *w = plan_add(p, write_action(p, ACT_APPLY, k, desired, desired));
    w->force = live != NULL;
    return w;
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

void plan_look(struct plan *p, enum kind k, const struct jv *live) {
    plan_add(p, write_action(p, ACT_LOOK, k, live, NULL));
}

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

bool action_taken(const struct action *w, const struct err *e) {
    if (w->act == ACT_APPLY) return !w->force && e->code == ERR_CONFLICT;
    return w->act == ACT_CREATE && w->kind != KIND_REVISION && e->code == ERR_EXISTS;
}

struct jv *apply_only_new(struct arena *a, const struct jv *desired) {
    struct jv *body = jv_clone(a, desired);
    jv_set_str(a, jv_own(a, body, "metadata"), "resourceVersion", "1");
    return body;
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

bool action_early(const struct err *e, const struct jv *root, int64_t now_ms) {
    int64_t born;
    const char *text = jv_str(jv_path(root, "metadata", "creationTimestamp", (char *)0), "");
    if (time_parse_rfc3339(text, &born) || now_ms - born >= EARLY_MS) return false;
    return strstr(e->msg, "cannot set blockOwnerDeletion") && strstr(e->msg, "no matches for kind");
}

static const char *act_name(enum act act) {
    static const char *const names[] = {
        [ACT_CREATE] = "create",  [ACT_APPLY] = "apply", [ACT_PATCH] = "patch",
        [ACT_PATCH_STATUS] = "patchStatus", [ACT_DELETE] = "delete", [ACT_EVENT] = "event",
        [ACT_LOOK] = "look", [ACT_BARRIER] = "barrier", [ACT_AFTER] = "after"};
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
    if (w->adopts) jv_set_bool(a, d, "adopts", true);
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
