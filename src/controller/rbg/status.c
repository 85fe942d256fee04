/* The status of a group, computed whole from how far its roles are: one entry per role of the spec, the counts that columns
 * show, and conditions whose messages say what a person can act on. It never runs ahead: Ready is True when every role is wholly at
 * what the spec asks for, or where a partition or a pause holds it. Conditions of other writers are kept. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "controller/rbg/world.h"

#define MESSAGE_MAX 4096 /* bytes; roles beyond are counted */

struct summary {
    struct arena *a;
    const struct rbg_world *w;
    const struct role_result *results;
    struct role_state *states; /* by role */
    size_t *order;             /* indexes of roles: those whose causes are to be told first */
    size_t n;
    bool ready, rolling, starting, waiting, held;
    bool moves;                /* something goes on without help */
    struct cause cause;        /* the first of all; its object NULL: none */
    const char *problem;       /* reason of the first role that can't be built */
    const char *ready_msg, *rolling_msg;
};

/* ---- the roles' words ---- */

static const char *plural(int64_t n) { return n == 1 ? "" : "s"; }

/* What keeps a rollout from going on by itself. */
static const char *held_by(const struct role *r) {
    const struct rolling_update *u = &r->rollout.rolling_update;
    return u->paused.set && u->paused.v ? ", the rollout is paused" : ", the partition holds the others";
}

static void put_cause(struct buf *out, const struct role_world *rw, const struct role_state *s) {
    if (!s->cause.object || str_empty(s->cause.text)) return;
    bool of_set = rw->causes.of_set && str_eq(s->cause.object, meta_name(rw->workload));
    size_t others = rw->causes.waiting - (of_set ? 0 : 1);
    buf_printf(out, ", %s: %s", s->cause.object, s->cause.text);
    if (others) buf_printf(out, "; and %zu more instance%s", others, plural((int64_t)others));
}

static void put_role(struct buf *out, const struct summary *s, size_t i) {
    const struct role_world *rw = &s->w->roles[i];
    const struct role_state *st = &s->states[i];
    const struct role_result *r = &s->results[i];
    if (r->problem) {
        buf_puts(out, r->problem);
        return;
    }
    if (r->waiting) {
        buf_printf(out, "role %s waits until role %s is ready", rw->role->name, r->waits_for);
        return;
    }
    buf_printf(out, "role %s: %lld of %lld instance%s ready", rw->role->name, (long long)st->ready, (long long)st->want,
               plural(st->want));
    if (st->rolling) buf_printf(out, ", %lld updated", (long long)st->updated);
    put_cause(out, rw, st);
}

static void put_rolling(struct buf *out, const struct summary *s, size_t i) {
    const struct role_state *st = &s->states[i];
    const struct role *r = s->w->roles[i].role;
    buf_printf(out, "role %s: %lld of %lld instance%s updated%s", r->name, (long long)st->updated, (long long)st->want,
               plural(st->want), st->held ? held_by(r) : "");
}

typedef void (*put_fn)(struct buf *out, const struct summary *s, size_t i);

/* The roles that `wanted` says, each with what `put` says of it, whole; those that are too many are counted. */
static const char *of_roles(const struct summary *s, bool (*wanted)(const struct role_state *), put_fn put) {
    BUF_AUTO struct buf out = BUF_INIT;
    size_t left = 0;
    for (size_t k = 0; k < s->n; k++) {
        size_t i = s->order[k];
        if (!wanted(&s->states[i])) continue;
        if (out.len > MESSAGE_MAX) {
            left++;
            continue;
        }
        if (out.len) buf_puts(&out, "; ");
        put(&out, s, i);
    }
    if (left) buf_printf(&out, "; and %zu more role%s", left, plural((int64_t)left));
    return arena_strdup(s->a, buf_str(&out));
}

static bool not_done(const struct role_state *s) { return !s->done; }
static bool is_rolling(const struct role_state *s) { return s->rolling; }

/* ---- the whole group ---- */

static void sort_roles(struct summary *s) {
    for (size_t i = 0; i < s->n; i++) {
        size_t at = i;
        for (; at > 0; at--) {
            const struct cause *mine = &s->states[i].cause, *theirs = &s->states[s->order[at - 1]].cause;
            if (!mine->object || (theirs->object && !cause_before(mine, theirs))) break;
            s->order[at] = s->order[at - 1];
        }
        s->order[at] = i;
    }
}

static void add_role(struct summary *s, size_t i) {
    const struct role_state *st = &s->states[i];
    const struct role_result *r = &s->results[i];
    s->ready = s->ready && st->done;
    s->rolling = s->rolling || st->rolling;
    s->held = s->held || st->held;
    s->moves = s->moves || st->moves;
    if (r->waiting) s->waiting = true;
    else if (!st->done && !st->rolling && !r->problem) s->starting = true;
    if (r->problem && !s->problem) s->problem = r->reason;
}

/* The discovery file's name: it concerns all roles. */
static void add_taken(struct summary *s, const char *message) {
    s->ready_msg = s->ready ? message : arena_printf(s->a, "%s; %s", message, s->ready_msg);
    s->ready = s->moves = false;
    s->problem = REASON_NAME_TAKEN;
    s->cause = (struct cause){.object = meta_name(s->w->w.root), .text = message, .word = REASON_NAME_TAKEN, .stuck = true};
}

static struct summary summarize(struct arena *a, const struct rbg_world *w, const struct role_result *results) {
    size_t n = w->roles ? w->group.spec.roles.n : 0;
    struct summary s = {.a = a, .w = w, .results = results, .n = n, .ready = true};
    s.states = ARENA_ARRAY(a, n + 1, struct role_state);
    s.order = ARENA_ARRAY(a, n + 1, size_t);
    for (size_t i = 0; i < n; i++) {
        s.states[i] = role_state(w, results, i);
        add_role(&s, i);
    }
    sort_roles(&s);
    if (n) s.cause = s.states[s.order[0]].cause;
    s.ready_msg = of_roles(&s, not_done, put_role);
    s.rolling_msg = of_roles(&s, is_rolling, put_rolling);
    if (w->foreign_configmap.doc && !w->foreign_configmap.ending)
        add_taken(&s, claim_taken(a, KIND_CONFIGMAP, &w->foreign_configmap, "this group"));
    return s;
}

/* ---- conditions ---- */

struct put { /* what all conditions of one status share */
    struct arena *a;
    struct jv *list;
    const struct jv *old;
    int64_t generation, now;
};

static void put(const struct put *p, const struct jv *old, const char *type, bool status, const char *reason, const char *message) {
    condition_put(p->a, p->list, old, type, status, reason, message, p->generation, p->now);
}

/* Since when the same cause has kept everything still: the condition Stalled remembers it while it is False. It begins again with
 * another cause, and with another spec. */
static bool goes_on(const struct put *p, const char *word) {
    const struct jv *was = jv_find(p->old, "type", "Stalled");
    return str_eq(jv_get_str(was, "reason"), word) && jv_get_int(was, "observedGeneration", 0) == p->generation;
}

static bool is_stalled(const struct summary *s, const struct put *p, const char *word, struct status_told *told) {
    bool same = goes_on(p, word);
    if (s->cause.stuck || (same && condition_true(p->old, "Stalled"))) return true;
    int64_t since = same ? condition_since(p->old, "Stalled", p->now) : p->now;
    int64_t left = since + s->w->w.opt->progress_ms - p->now;
    if (left > 0) told->look_ms = left;
    return left <= 0;
}

static void put_stalled(const struct put *p, bool stalled, const char *word, const char *message, struct status_told *told) {
    const struct jv *old = goes_on(p, word) ? p->old : NULL;
    put(p, old, "Stalled", stalled, word, message);
    if (stalled && !condition_true(old, "Stalled")) told->stalled = word;
}

static const char *moving_reason(const struct summary *s) {
    if (s->cause.word) return s->cause.word;
    if (s->rolling) return "RollingUpdate";
    return s->starting ? "RolesStarting" : "WaitingForDependencies";
}

static void put_progress(const struct summary *s, const struct put *p, struct status_told *told) {
    bool blocked = !s->ready && !s->moves && s->cause.word;
    bool stalled = blocked && is_stalled(s, p, s->cause.word, told);
    if (s->ready)
        put(p, p->old, "Progressing", false, s->held ? "RolloutHeld" : "Settled", s->held ? s->rolling_msg : "Nothing to do");
    else
        put(p, p->old, "Progressing", !stalled, moving_reason(s), s->ready_msg);
    if (blocked) put_stalled(p, stalled, s->cause.word, s->ready_msg, told);
}

static void put_conditions(const struct summary *s, const struct put *p, struct status_told *told) {
    bool taken = str_eq(s->problem, REASON_NAME_TAKEN) || str_eq(s->cause.word, REASON_NAME_TAKEN);
    put(p, p->old, "Ready", s->ready, s->ready ? "AllRolesReady" : taken ? REASON_NAME_TAKEN : "RoleNotReady",
        s->ready ? "All roles are ready" : s->ready_msg);
    put_progress(s, p, told);
    put(p, p->old, "RollingUpdateInProgress", s->rolling, s->rolling ? "RolesUpdating" : "RolesUpToDate",
        s->rolling ? s->rolling_msg : "No role is being updated");
}

/* Nothing is done about a spec that can't be carried out: somebody has to change it. */
static void put_invalid(const struct summary *s, const struct put *p, const char *reason, const char *message) {
    put(p, p->old, "Ready", false, reason, message);
    put(p, p->old, "Progressing", false, reason, message);
    put(p, p->old, "RollingUpdateInProgress", s->rolling, s->rolling ? "RolesUpdating" : "RolesUpToDate",
        s->rolling ? s->rolling_msg : "No role is being updated");
    put(p, goes_on(p, reason) ? p->old : NULL, "Stalled", true, reason, message);
}

static bool ours(const char *type) {
    return str_eq(type, "Ready") || str_eq(type, "Progressing") || str_eq(type, "RollingUpdateInProgress") ||
           str_eq(type, "Stalled");
}

/* ---- the rest ---- */

static struct jv *role_statuses(const struct summary *s) {
    struct jv *list = jv_new_arr(s->a);
    for (size_t i = 0; i < s->n; i++) {
        struct jv *entry = jv_new_obj(s->a);
        jv_set_str(s->a, entry, "name", s->w->roles[i].role->name);
        jv_set_int(s->a, entry, "replicas", s->states[i].replicas);
        jv_set_int(s->a, entry, "readyReplicas", s->states[i].ready);
        jv_set_int(s->a, entry, "updatedReplicas", s->states[i].updated);
        jv_push(s->a, list, entry);
    }
    return list;
}

/* For columns, which can't count. */
static void put_totals(const struct summary *s, struct jv *status) {
    int64_t roles = 0, updated = 0, wanted = 0;
    for (size_t i = 0; i < s->n; i++) {
        roles += s->states[i].done;
        updated += s->states[i].updated;
        wanted += s->states[i].want;
    }
    jv_set_str(s->a, status, "rolesReady", arena_printf(s->a, "%lld/%zu", (long long)roles, s->n));
    jv_set_str(s->a, status, "instancesUpdated", arena_printf(s->a, "%lld/%lld", (long long)updated, (long long)wanted));
}

struct jv *rbg_status(struct arena *a, const struct rbg_world *w, const struct role_result *results, const char *invalid_reason,
                      const char *invalid_message, struct status_told *told) {
    struct summary s = summarize(a, w, results);
    const struct jv *root = w->w.root;
    struct put p = {.a = a, .list = jv_new_arr(a), .old = jv_path(root, "status", "conditions", (char *)0)};
    struct jv *status = jv_new_obj(a);
    p.generation = meta_generation(root);
    p.now = w->w.now_ms;
    *told = (struct status_told){0};
    if (invalid_reason) put_invalid(&s, &p, invalid_reason, invalid_message);
    else put_conditions(&s, &p, told);
    JV_FOR_ARR(c, p.old) if (!ours(jv_get_str(*c, "type"))) jv_push(a, p.list, *c);
    jv_set_int(a, status, "observedGeneration", p.generation);
    jv_set(a, status, "conditions", p.list);
    jv_set(a, status, "roleStatuses", role_statuses(&s));
    put_totals(&s, status);
    return status;
}
