/* The status of a group, computed whole from the workloads' statuses: one entry per role of the spec, and three conditions whose
 * messages say what a person can act on. Conditions of other writers are kept. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "controller/rbg/world.h"

struct counts { int64_t replicas, ready, updated; };

struct summary {
    const struct rbg_world *w;
    const struct role_result *results;
    struct counts *counts; /* by role */
    bool ready, rolling;
    char ready_msg[700], progress_msg[700], rolling_msg[700];
    const char *progress; /* reason while something moves; NULL when settled */
};

/* Counts of a workload that has not seen its latest spec yet are old; then the last known ones stay, so that nothing flickers. */
static struct counts role_counts(const struct rbg_world *w, size_t i) {
    const struct jv *workload = w->roles[i].workload, *status = jv_get(workload, "status");
    const struct jv *last = jv_find(jv_path(w->w.root, "status", "roleStatuses", (char *)0), "name", w->roles[i].role->name);
    if (!workload) return (struct counts){0};
    if (jv_get_int(status, "observedGeneration", 0) < meta_generation(workload)) status = last;
    return (struct counts){.replicas = jv_get_int(status, "replicas", 0),
                           .ready = jv_get_int(status, "readyReplicas", 0),
                           .updated = jv_get_int(status, "updatedReplicas", 0)};
}

static void say(char *msg, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void say(char *msg, size_t size, const char *fmt, ...) {
    size_t n = strlen(msg);
    if (n && n + 3 < size) {
        memcpy(msg + n, "; ", 3);
        n += 2;
    }
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg + n, size - n, fmt, ap);
    va_end(ap);
}
#define SAY(member, ...) say(member, sizeof member, __VA_ARGS__)

static void summarize_waiting(struct summary *s, size_t i) {
    const struct role_result *r = &s->results[i];
    const char *name = s->w->roles[i].role->name;
    s->ready = false;
    if (r->problem) {
        SAY(s->ready_msg, "%s", r->problem);
        return;
    }
    SAY(s->ready_msg, "role %s waits until role %s is ready", name, r->waits_for);
    SAY(s->progress_msg, "role %s waits until role %s is ready", name, r->waits_for);
    s->progress = "WaitingForDependencies";
}

/* What keeps a rollout from going on by itself. */
static const char *held_by(const struct role *r) {
    const struct rolling_update *u = &r->rollout.rolling_update;
    int64_t partition = jv_int(u->partition, jv_is(u->partition, J_STR) && strcmp(jv_str(u->partition, "0%"), "0%") != 0);
    if (u->paused.set && u->paused.v) return ", the rollout is paused";
    return partition ? ", the partition holds the others" : "";
}

static void summarize_role(struct summary *s, size_t i) {
    const struct role *r = s->w->roles[i].role;
    const struct counts *c = &s->counts[i];
    int64_t want = role_replicas(r);
    if (s->results[i].problem || s->results[i].waiting) {
        summarize_waiting(s, i);
        return;
    }
    if (c->replicas != want || c->ready != want) {
        s->ready = false;
        const char *blocker = s->w->roles[i].blocker;
        SAY(s->ready_msg, "role %s: %lld of %lld instances ready%s%s", r->name, (long long)c->ready, (long long)want,
            blocker ? ", " : "", blocker ? blocker : "");
        SAY(s->progress_msg, "role %s: %lld of %lld instances ready", r->name, (long long)c->ready, (long long)want);
        if (!s->progress) s->progress = "RolesStarting";
    }
    const struct jv *status = jv_get(s->w->roles[i].workload, "status");
    if (status && !str_eq(jv_get_str(status, "currentRevision"), jv_get_str(status, "updateRevision"))) {
        s->rolling = true;
        SAY(s->rolling_msg, "role %s: %lld of %lld instances updated%s", r->name, (long long)c->updated, (long long)want,
            held_by(r));
    }
}

static struct jv *role_statuses(struct arena *a, const struct summary *s) {
    struct jv *list = jv_new_arr(a);
    for (size_t i = 0; i < s->w->group.spec.roles.n; i++) {
        struct jv *entry = jv_new_obj(a);
        jv_set_str(a, entry, "name", s->w->roles[i].role->name);
        jv_set_int(a, entry, "replicas", s->counts[i].replicas);
        jv_set_int(a, entry, "readyReplicas", s->counts[i].ready);
        jv_set_int(a, entry, "updatedReplicas", s->counts[i].updated);
        jv_push(a, list, entry);
    }
    return list;
}

static bool ours(const char *type) {
    return str_eq(type, "Ready") || str_eq(type, "Progressing") || str_eq(type, "RollingUpdateInProgress");
}

static struct jv *conditions(struct arena *a, const struct summary *s, const char *invalid_reason, const char *invalid_message) {
    const struct jv *root = s->w->w.root, *old = jv_path(root, "status", "conditions", (char *)0);
    int64_t gen = meta_generation(root), now = s->w->w.now_ms;
    struct jv *out = jv_new_arr(a);
    bool ready = s->ready && !invalid_reason;
    condition_put(a, out, old, "Ready", ready, ready ? "AllRolesReady" : invalid_reason ? invalid_reason : "RoleNotReady",
                  ready ? "All roles are ready" : invalid_reason ? invalid_message : s->ready_msg, gen, now);
    const char *stop = invalid_reason ? invalid_reason : "Settled";
    bool moving = !invalid_reason && (s->progress || s->rolling);
    condition_put(a, out, old, "Progressing", moving, moving ? (s->progress ? s->progress : "RollingUpdate") : stop,
                  moving ? (s->progress ? s->progress_msg : s->rolling_msg) : invalid_reason ? invalid_message : "Nothing to do",
                  gen, now);
    condition_put(a, out, old, "RollingUpdateInProgress", s->rolling, s->rolling ? "RolesUpdating" : "RolesUpToDate",
                  s->rolling ? s->rolling_msg : "No role is being updated", gen, now);
    JV_FOR_ARR(c, old) if (!ours(jv_get_str(*c, "type"))) jv_push(a, out, *c);
    return out;
}

struct jv *rbg_status(struct arena *a, const struct rbg_world *w, const struct role_result *results, const char *invalid_reason,
                      const char *invalid_message) {
    size_t n = w->roles ? w->group.spec.roles.n : 0;
    struct summary s = {.w = w, .results = results, .ready = true, .counts = ARENA_ARRAY(a, n + 1, struct counts)};
    for (size_t i = 0; i < n; i++) {
        s.counts[i] = role_counts(w, i);
        summarize_role(&s, i);
    }
    struct jv *status = jv_new_obj(a);
    jv_set_int(a, status, "observedGeneration", meta_generation(w->w.root));
    jv_set(a, status, "conditions", conditions(a, &s, invalid_reason, invalid_message));
    jv_set(a, status, "roleStatuses", w->roles ? role_statuses(a, &s) : jv_new_arr(a));
    return status;
}
