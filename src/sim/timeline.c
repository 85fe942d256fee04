/* Describes objects and their changes in words. Owns its text. */
#include "sim/timeline.h"

#include <stdio.h>
#include <stdlib.h>

#include "api/names.h"
#include "base/must.h"
#include "base/str.h"
#include "controller/core/plan.h"

struct timeline {
    struct buf text;
    void (*line)(void *ctx, const char *text);
    void *ctx;
};

struct timeline *timeline_new(void) {
    return must(calloc(1, sizeof(struct timeline)));
}

void timeline_free(struct timeline *t) {
    if (!t) return;
    buf_fini(&t->text);
    free(t);
}

void timeline_listen(struct timeline *t, void (*line)(void *ctx, const char *text), void *ctx) {
    t->line = line;
    t->ctx = ctx;
}

const char *timeline_text(const struct timeline *t) {
    return buf_str(&t->text);
}

void timeline_say(struct timeline *t, int64_t ms, const char *kind, const char *name, const char *fmt, ...) {
    size_t start = t->text.len;
    char at[32];
    snprintf(at, sizeof at, "+%lld.%llds", (long long)(ms / 1000), (long long)(ms % 1000 / 100));
    buf_printf(&t->text, "%8s  %-18s %-26s ", at, kind, name);
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&t->text, fmt, ap);
    va_end(ap);
    if (t->line) t->line(t->ctx, buf_str(&t->text) + start);
    buf_putc(&t->text, '\n');
}

/* ---- states ---- */

static const struct jv *condition(const struct jv *doc, const char *type) {
    return jv_find(jv_path(doc, "status", "conditions", (char *)0), "type", type);
}

static const char *because(struct arena *a, const char *state, const struct jv *c) {
    const char *why = jv_get_str(c, "message");
    if (str_empty(why)) why = jv_get_str(c, "reason");
    return str_empty(why) ? state : arena_printf(a, "%s: %s", state, why);
}

static const char *ready_state(struct arena *a, const struct jv *doc, const char *type) {
    const struct jv *c = condition(doc, type);
    if (!c) return "no status yet";
    return str_eq(jv_get_str(c, "status"), "True") ? "Ready" : because(a, "not ready", c);
}

static const char *set_state(struct arena *a, const struct jv *doc) {
    const struct jv *s = jv_get(doc, "status"), *failed = condition(doc, "FailedUpdate");
    if (!s) return "no status yet";
    char *counts = arena_printf(a, "%lld of %lld ready", (long long)jv_get_int(s, "readyReplicas", 0),
                                (long long)jv_get_int(jv_get(doc, "spec"), "replicas", 1));
    if (!str_eq(jv_get_str(s, "currentRevision"), jv_get_str(s, "updateRevision")))
        counts = arena_printf(a, "%s, %lld updated", counts, (long long)jv_get_int(s, "updatedReplicas", 0));
    return failed ? because(a, counts, failed) : counts;
}

static int64_t restarts(const struct jv *doc) {
    int64_t n = 0;
    JV_FOR_ARR(c, jv_path(doc, "status", "containerStatuses", (char *)0)) n += jv_get_int(*c, "restartCount", 0);
    return n;
}

static const char *waiting_reason(const struct jv *doc) {
    JV_FOR_ARR(c, jv_path(doc, "status", "containerStatuses", (char *)0)) {
        const char *reason = jv_str(jv_path(*c, "state", "waiting", "reason", (char *)0), NULL);
        if (reason && !str_eq(reason, "ContainerCreating")) return reason;
    }
    return NULL;
}

static const char *pod_state(struct arena *a, const struct jv *doc) {
    const struct jv *scheduled = condition(doc, "PodScheduled");
    const char *phase = jv_str(jv_path(doc, "status", "phase", (char *)0), "Pending"), *waiting = waiting_reason(doc);
    if (meta_deleting(doc)) return "Terminating";
    if (str_eq(phase, "Failed")) return arena_printf(a, "Failed: %s", jv_str(jv_path(doc, "status", "reason", (char *)0), "Error"));
    if (str_eq(jv_get_str(scheduled, "status"), "False")) return because(a, "Pending", scheduled);
    if (waiting) return waiting;
    if (str_eq(jv_get_str(condition(doc, "Ready"), "status"), "True")) return "Ready";
    if (str_eq(phase, "Running"))
        return restarts(doc) ? arena_printf(a, "Running, %lld restarts", (long long)restarts(doc)) : "Running";
    const char *node = jv_str(jv_path(doc, "spec", "nodeName", (char *)0), NULL);
    return node ? arena_printf(a, "Pending on %s", node) : "Pending";
}

char *state_text(struct arena *a, enum kind k, const struct jv *doc) {
    const char *s = "";
    if (k == KIND_RBG) s = ready_state(a, doc, "Ready");
    if (k == KIND_RI) s = ready_state(a, doc, COND_RI_READY);
    if (k == KIND_RIS) s = set_state(a, doc);
    if (k == KIND_POD) s = pod_state(a, doc);
    return arena_strdup(a, meta_deleting(doc) && k != KIND_POD ? "Terminating" : s);
}

/* ---- changes ---- */

static bool told(enum kind k) {
    return k == KIND_RBG || k == KIND_RIS || k == KIND_RI || k == KIND_POD || k == KIND_SERVICE || k == KIND_CONFIGMAP;
}

static void tell_images(struct timeline *t, int64_t ms, const struct jv *was, const struct jv *is) {
    JV_FOR_ARR(c, jv_path(is, "spec", "containers", (char *)0)) {
        const char *name = jv_str(jv_get(*c, "name"), ""), *now = jv_str(jv_get(*c, "image"), "");
        const char *old = jv_get_str(jv_find(jv_path(was, "spec", "containers", (char *)0), "name", name), "image");
        if (old && !str_eq(old, now)) timeline_say(t, ms, "Pod", meta_name(is), "%s: image %s instead of %s", name, now, old);
    }
}

void timeline_change(struct timeline *t, int64_t ms, enum kind k, const struct jv *was, const struct jv *is) {
    if (!told(k)) return;
    ARENA_AUTO struct arena *a = arena_new();
    const char *kind = kind_info(k)->name, *name = meta_name(is ? is : was);
    if (!is) timeline_say(t, ms, kind, name, "deleted");
    else if (!was) timeline_say(t, ms, kind, name, "created");
    if (!is || !was) return;
    if (k == KIND_POD) tell_images(t, ms, was, is);
    else if (meta_generation(is) != meta_generation(was)) timeline_say(t, ms, kind, name, "spec changed");
    const char *before = state_text(a, k, was), *after = state_text(a, k, is);
    if (!str_eq(before, after)) timeline_say(t, ms, kind, name, "%s", after);
}
