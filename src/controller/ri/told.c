/* What keeps an instance from being ready, in one line for people: what one would look for first. Pure.
 *
 * A cause stays the same text as long as it is the same cause, so that nothing is written only because a kubelet tells it by turns
 * in two ways: an image that can't be pulled as ErrImagePull and ImagePullBackOff, a crash as the end, the wait, the new start. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "base/utf8.h"
#include "controller/ri/world.h"

#define MESSAGE_MAX 800 /* of others' words; what is longer loses its middle, as causes stand at the end */
#define MESSAGE_HEAD 300

/* Where a character begins, at or after `at`. */
static size_t boundary(const char *s, size_t at) {
    while (((unsigned char)s[at] & 0xc0) == 0x80) at++;
    return at;
}

const char *ri_shortened(struct arena *a, const char *text) {
    size_t len = strlen(text);
    if (len <= MESSAGE_MAX) return text;
    size_t head = boundary(text, MESSAGE_HEAD), tail = boundary(text, len - (MESSAGE_MAX - MESSAGE_HEAD));
    return arena_printf(a, "%.*s ... %s", (int)head, text, text + tail);
}

/* ---- one container ---- */

static bool pulls(const char *reason) {
    return str_eq(reason, "ErrImagePull") || str_eq(reason, "ImagePullBackOff");
}

/* The cause, which the older kubelets say only every other time: then what was said before stays. */
static const char *pull_failure(struct arena *a, const struct jv *waiting, const char *prefix, const char *before) {
    static const char mark[] = "ErrImagePull: ";
    const char *message = jv_str(jv_get(waiting, "message"), ""), *cause = strstr(message, mark);
    const char *said = before ? strstr(before, prefix) : NULL;
    if (!cause && str_has_prefix(message, "Back-off pulling image") && said) return said + strlen(prefix);
    return ri_shortened(a, cause ? cause + strlen(mark) : message);
}

static const struct jv *end_of(const struct jv *container) {
    const struct jv *now = jv_path(container, "state", "terminated", (char *)0);
    return now ? now : jv_path(container, "lastState", "terminated", (char *)0);
}

/* It has ended at least once, and is not ready since. */
static struct cause crash(struct arena *a, const char *pod, const struct jv *container) {
    const struct jv *t = end_of(container);
    const char *name = jv_str(jv_get(container, "name"), "?"), *reason = jv_get_str(t, "reason"), *words = jv_get_str(t, "message");
    long long n = (long long)jv_get_int(container, "restartCount", 0);
    const char *same = arena_printf(a, "pod %s: container %s ended with exit code %lld%s%s%s", pod, name,
                                    (long long)jv_get_int(t, "exitCode", 0), reason ? " (" : "", reason ? reason : "",
                                    reason ? ")" : "");
    return (struct cause){.text = arena_printf(a, "%s, %lld restart%s%s%s; kubectl logs %s -c %s -p", same, n, n == 1 ? "" : "s",
                                               str_empty(words) ? "" : ": ", str_empty(words) ? "" : ri_shortened(a, words),
                                               pod, name),
                          .known = strlen(same)};
}

static struct cause waits(struct arena *a, const char *pod, const struct jv *container, const char *before) {
    const struct jv *w = jv_path(container, "state", "waiting", (char *)0);
    const char *reason = jv_get_str(w, "reason"), *name = jv_str(jv_get(container, "name"), "?");
    const char *prefix = arena_printf(a, "pod %s: container %s: %s: ", pod, name, pulls(reason) ? "ErrImagePull" : reason);
    const char *why = pulls(reason) ? pull_failure(a, w, prefix, before) : ri_shortened(a, jv_str(jv_get(w, "message"), ""));
    return (struct cause){.text = arena_printf(a, "%s%s", prefix, why), .known = strlen(prefix)};
}

static bool starting(const char *reason) {
    return !reason || str_eq(reason, "ContainerCreating") || str_eq(reason, "PodInitializing");
}

/* An init container may end; with an error, or again and again, it may not. */
static struct cause container_cause(struct arena *a, const char *pod, const struct jv *container, bool init, const char *before) {
    const char *waiting = jv_get_str(jv_path(container, "state", "waiting", (char *)0), "reason");
    const struct jv *end = end_of(container);
    bool ended = end && (!init || jv_get_int(end, "exitCode", 0));
    if (jv_get_bool(container, "ready", false)) return (struct cause){0};
    if (ended && (starting(waiting) || str_eq(waiting, "CrashLoopBackOff") || str_eq(waiting, "Error") ||
                  str_eq(waiting, "Completed")))
        return jv_get_int(end, "exitCode", 0) || !starting(waiting) ? crash(a, pod, container) : (struct cause){0};
    return starting(waiting) ? (struct cause){0} : waits(a, pod, container, before);
}

static struct cause containers_cause(struct arena *a, const struct pod *pod, const char *before) {
    static const char *const lists[] = {"initContainerStatuses", "containerStatuses"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        JV_FOR_ARR(c, jv_path(pod->doc, "status", lists[i], (char *)0)) {
            struct cause cause = container_cause(a, pod->name, *c, i == 0, before);
            if (cause.text) return cause;
        }
    return (struct cause){0};
}

/* ---- one pod ---- */

static struct cause known(struct arena *a, const char *same, const char *more) {
    return (struct cause){.text = arena_printf(a, "%s%s%s", same, *more ? ": " : "", more), .known = strlen(same)};
}

static struct cause failed(struct arena *a, const struct pod *pod) {
    const struct jv *status = jv_get(pod->doc, "status");
    const char *reason = jv_get_str(status, "reason"), *message = jv_str(jv_get(status, "message"), "");
    if (reason) return known(a, arena_printf(a, "pod %s failed: %s", pod->name, reason), ri_shortened(a, message));
    JV_FOR_ARR(c, jv_get(status, "containerStatuses"))
        if (end_of(*c)) return crash(a, pod->name, *c);
    return known(a, arena_printf(a, "pod %s failed", pod->name), ri_shortened(a, message));
}

struct cause pod_cause(struct arena *a, const struct pod *pod, const char *before) {
    const struct jv *conditions = jv_path(pod->doc, "status", "conditions", (char *)0);
    const struct jv *scheduled = jv_find(conditions, "type", "PodScheduled");
    if (pod->terminating) return (struct cause){.text = arena_printf(a, "pod %s is terminating", pod->name)};
    if (pod->failed) return failed(a, pod);
    if (pod->done)
        return known(a, arena_printf(a, "pod %s has ended (Succeeded), and its restartPolicy does not start it again", pod->name),
                     "");
    if (str_eq(jv_get_str(scheduled, "status"), "False"))
        return known(a, arena_printf(a, "pod %s waits for a node", pod->name),
                     ri_shortened(a, jv_str(jv_get(scheduled, "message"), "unschedulable")));
    struct cause container = containers_cause(a, pod, before);
    if (container.text) return container;
    if (!pod->in_place_done) return (struct cause){.text = arena_printf(a, "pod %s is being updated in place", pod->name)};
    if (!condition_true(conditions, "ContainersReady"))
        return (struct cause){.text = arena_printf(a, "the containers of pod %s are not ready", pod->name)};
    return (struct cause){.text = arena_printf(a, "pod %s is not ready", pod->name)};
}
