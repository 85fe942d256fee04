/* Why a role's instances are not ready: of each that is not, the deepest reason that is known, and of all of them the one to tell
 * first. The text is what the instance's own conditions say; the word, by which programs and columns tell causes apart, and by
 * which the group sees that nothing moves, comes from the instance's conditions and its pods. Reads only. */
#include <string.h>

#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"
#include "controller/rbg/world.h"

#define PODS_LOOKED_AT 16       /* instances of a role whose pods are read in one pass */
#define CRASH_OVER_MS 360000    /* longer than the kubelet's longest pause: a container that runs so long has got over its crash */

/* ---- pods ---- */

/* A condition's reason must be one word, and runtimes may say what they like. */
static const char *one_word(const char *said, const char *other) {
    if (str_empty(said) || strspn(said, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != strlen(said)) return other;
    return said;
}

static const char *waiting_word(const char *reason) {
    static const char *const pulls[] = {"ErrImagePull", "ImagePullBackOff"}; /* one cause, told by turns */
    if (!reason || str_eq(reason, "ContainerCreating") || str_eq(reason, "PodInitializing")) return NULL;
    for (size_t i = 0; i < sizeof pulls / sizeof *pulls; i++)
        if (str_eq(reason, pulls[i])) return pulls[0];
    return one_word(reason, "ContainerWaiting");
}

static bool failed_once(const struct jv *ended) {
    return ended && jv_get_int(ended, "exitCode", 0) != 0;
}

/* A container that crashes is told as waiting, as running and as ended by turns: all of it is the same crash loop. */
static const char *container_word(const struct jv *status, int64_t now_ms) {
    const struct jv *state = jv_get(status, "state"), *running = jv_get(state, "running");
    const char *word = waiting_word(jv_get_str(jv_get(state, "waiting"), "reason")), *since = jv_get_str(running, "startedAt");
    int64_t started = now_ms;
    if (jv_get_bool(status, "ready", false)) return NULL;
    if (word) return word;
    if (failed_once(jv_get(state, "terminated"))) return "CrashLoopBackOff";
    if (since) time_parse_rfc3339(since, &started);
    bool crashed = failed_once(jv_path(status, "lastState", "terminated", (char *)0));
    return crashed && now_ms - started < CRASH_OVER_MS ? "CrashLoopBackOff" : NULL;
}

static const char *pod_word(const struct jv *pod, int64_t now_ms) {
    static const char *const lists[] = {"initContainerStatuses", "containerStatuses"};
    const struct jv *status = jv_get(pod, "status");
    const struct jv *scheduled = jv_find(jv_get(status, "conditions"), "type", "PodScheduled");
    if (meta_deleting(pod)) return NULL;
    if (str_eq(jv_get_str(scheduled, "status"), "False")) return one_word(jv_get_str(scheduled, "reason"), "Unschedulable");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        JV_FOR_ARR(c, jv_get(status, lists[i])) {
            const char *word = container_word(*c, now_ms);
            if (word) return word;
        }
    }
    return str_eq(jv_get_str(status, "phase"), "Failed") ? one_word(jv_get_str(status, "reason"), "PodFailed") : NULL;
}

static const char *pods_word(struct rctx *c, const struct jv *instance) {
    struct jv **pods;
    size_t n = source_owned(c->src, c->a, KIND_POD, meta_uid(instance), &pods);
    for (size_t i = 0; i < n; i++) {
        const char *word = pod_word(pods[i], c->now_ms);
        if (word) return word;
    }
    return NULL;
}

/* ---- instances and their set ---- */

static const struct jv *true_condition(const struct jv *conditions, const char *type) {
    const struct jv *found = jv_find(conditions, "type", type);
    return str_eq(jv_get_str(found, "status"), "True") ? found : NULL;
}

static const char *message_of(const struct jv *condition) {
    return jv_str(jv_get(condition, "message"), "");
}

/* What the instance's own conditions tell of it; false: it is ready, or has not said anything yet. */
static bool instance_cause(struct rctx *c, const struct jv *instance, struct cause *out) {
    const struct jv *list = jv_path(instance, "status", "conditions", (char *)0), *ready = jv_find(list, "type", COND_RI_READY);
    const struct jv *failed = true_condition(list, COND_RI_FAILED), *scale = true_condition(list, "FailedScale");
    const struct jv *update = true_condition(list, "FailedUpdate"), *restarting = jv_find(list, "type", COND_RI_RESTARTING);
    if (meta_deleting(instance) || str_eq(jv_str(jv_get(ready, "status"), "True"), "True")) return false;
    bool waits = restarting && !str_eq(jv_get_str(restarting, "status"), "True");
    const struct jv *tells = failed ? failed : update ? update : scale ? scale : waits ? restarting : ready;
    *out = (struct cause){.object = meta_name(instance), .text = message_of(tells), .stuck = failed || update};
    out->since_ms = condition_since(list, COND_RI_READY, c->now_ms);
    if (failed || update) out->word = one_word(jv_get_str(tells, "reason"), failed ? COND_RI_FAILED : "FailedUpdate");
    else if (scale) out->word = one_word(jv_get_str(scale, "reason"), "FailedScale");
    else if (restarting) out->word = COND_RI_RESTARTING;
    out->moves = !failed && !update && !scale && restarting; /* until its policy gives up */
    return true;
}

/* A set that can't make or update its instances. */
static bool set_cause(struct rctx *c, const struct jv *set, struct cause *out) {
    const struct jv *list = jv_path(set, "status", "conditions", (char *)0);
    const struct jv *update = true_condition(list, "FailedUpdate"), *scale = true_condition(list, "FailedScale");
    const struct jv *tells = update ? update : scale;
    if (!tells) return false;
    *out = (struct cause){.object = meta_name(set), .text = message_of(tells), .stuck = update != NULL};
    out->word = one_word(jv_get_str(tells, "reason"), update ? "FailedUpdate" : "FailedScale");
    out->since_ms = condition_since(list, update ? "FailedUpdate" : "FailedScale", c->now_ms);
    return true;
}

/* ---- which one is told ---- */

bool cause_before(const struct cause *x, const struct cause *y) {
    if (x->stuck != y->stuck) return x->stuck;
    if (!x->word != !y->word) return x->word != NULL;
    return x->since_ms < y->since_ms;
}

static void take(struct role_causes *r, const struct cause *c) {
    if (!r->first.object || cause_before(c, &r->first)) r->first = *c;
}

/* The longest waiting first: those are looked at more closely. */
static void sort_by_age(struct cause *list, const struct jv **docs, size_t n) {
    for (size_t i = 1; i < n; i++) {
        struct cause c = list[i];
        const struct jv *doc = docs[i];
        size_t at = i;
        for (; at > 0 && c.since_ms < list[at - 1].since_ms; at--) {
            list[at] = list[at - 1];
            docs[at] = docs[at - 1];
        }
        list[at] = c;
        docs[at] = doc;
    }
}

void observe_causes(struct rctx *c, const struct jv *set, struct role_causes *out) {
    struct jv **all;
    struct cause of_set;
    size_t n = source_owned(c->src, c->a, KIND_RI, meta_uid(set), &all);
    struct cause *waiting = ARENA_ARRAY(c->a, n + 1, struct cause);
    const struct jv **docs = ARENA_ARRAY(c->a, n + 1, const struct jv *);
    for (size_t i = 0; i < n; i++) {
        docs[out->waiting] = all[i];
        out->waiting += instance_cause(c, all[i], &waiting[out->waiting]);
    }
    sort_by_age(waiting, docs, out->waiting);
    for (size_t i = 0; i < out->waiting; i++) {
        if (!waiting[i].word && i < PODS_LOOKED_AT) waiting[i].word = pods_word(c, docs[i]);
        out->moving += !waiting[i].word || waiting[i].moves;
        take(out, &waiting[i]);
    }
    out->of_set = set_cause(c, set, &of_set);
    if (out->of_set) take(out, &of_set);
}

/* ---- what is news of an instance to its group ---- */

static bool told_differently(const struct jv *was, const struct jv *is, const char *type) {
    const struct jv *a = jv_find(was, "type", type), *b = jv_find(is, "type", type);
    return !str_eq(jv_get_str(a, "status"), jv_get_str(b, "status")) || !str_eq(jv_get_str(a, "message"), jv_get_str(b, "message"));
}

bool cause_news(const struct jv *was, const struct jv *is) {
    static const char *const types[] = {COND_RI_READY, COND_RI_FAILED, COND_RI_RESTARTING, "FailedScale", "FailedUpdate"};
    const struct jv *a = jv_path(was, "status", "conditions", (char *)0), *b = jv_path(is, "status", "conditions", (char *)0);
    if (condition_true(b, COND_RI_READY)) return false; /* its set tells that */
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (told_differently(a, b, types[i])) return true;
    return false;
}
