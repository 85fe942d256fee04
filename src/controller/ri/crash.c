/* What counts as a crash of a pod (part D 9.2, 9.4), and what is said about it. Pure.
 *
 * Restarts of a container count from the moment the pod first went into service. Before that the kubelet's own restarts are
 * part of starting up: how many there were is written into annotation restart-baseline of the pod itself, so that it belongs to
 * this very pod and is gone with it. Each change of an image restarts its container once more, which is no crash either. */
#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"
#include "controller/ri/world.h"

static const struct jv *statuses(const struct jv *pod) {
    return jv_path(pod, "status", "containerStatuses", (char *)0);
}

const char *pod_start_restarts(struct arena *a, const struct jv *pod) {
    struct jv *out = jv_new_obj(a);
    JV_FOR_ARR(c, statuses(pod)) {
        int64_t n = jv_get_int(*c, "restartCount", 0);
        if (n > 0) jv_set_int(a, out, jv_str(jv_get(*c, "name"), "?"), n);
    }
    return jv_len(out) ? json_text(a, out) : NULL;
}

bool pod_was_in_service(const struct jv *pod) {
    const struct jv *conditions = jv_path(pod, "status", "conditions", (char *)0);
    const struct jv *gate = jv_find(conditions, "type", GATE_INSTANCE_POD);
    if (!pod_has_gate(pod, GATE_INSTANCE_POD)) return condition_true(conditions, "Ready");
    return condition_true(conditions, GATE_INSTANCE_POD) || !str_empty(jv_get_str(gate, "reason"));
}

bool pod_exempt(const struct jv *pod) {
    const struct jv *gate = jv_find(jv_path(pod, "status", "conditions", (char *)0), "type", GATE_INPLACE_UPDATE);
    return str_eq(meta_annotation(pod, A_RESTART_TRIGGER), "Ignore") || str_eq(jv_get_str(gate, "status"), "False");
}

const struct jv *ri_baselines(const struct ri_pass *s, const struct pod *pod) {
    if (str_empty(meta_annotation(pod->doc, A_INPLACE_STATE))) return NULL; /* of an earlier pod of that name */
    return jv_get(s->baselines, pod->name);
}

/* How many restarts of the container are explained by its start and by changes of its image. */
static int64_t explained(struct ri_pass *s, const struct pod *pod, const char *container) {
    int64_t start = jv_get_int(pod_annotation_json(s->a, pod->doc, A_RESTART_BASELINE), container, 0), most = start;
    const struct jv *noted = jv_get(ri_baselines(s, pod), container);
    const struct jv *last = jv_get(pod_annotation_json(s->a, pod->doc, A_INPLACE_STATE), "lastContainerStatuses");
    if (noted) most = jv_get_int(noted, "restartCount", 0) + 1;
    else if (jv_get(last, container)) most = start + 1;
    return most > start ? most : start;
}

/* ---- what is said ---- */

static const struct jv *ended(const struct jv *container) {
    const struct jv *now = jv_path(container, "state", "terminated", (char *)0);
    return now ? now : jv_path(container, "lastState", "terminated", (char *)0);
}

static const char *how(struct arena *a, const struct jv *container) {
    const struct jv *t = ended(container);
    const char *name = jv_str(jv_get(container, "name"), "?"), *message = jv_get_str(t, "message"),
               *reason = jv_get_str(t, "reason");
    if (!t) return arena_printf(a, "container %s was restarted", name);
    return arena_printf(a, "container %s ended with exit code %lld%s%s%s%s%.200s", name, (long long)jv_get_int(t, "exitCode", 0),
                        reason ? " (" : "", reason ? reason : "", reason ? ")" : "", str_empty(message) ? "" : ": ",
                        str_empty(message) ? "" : message);
}

static const char *dated(struct arena *a, const char *text, int64_t ms) {
    char at[32];
    return ms == INT64_MAX ? text : arena_printf(a, "%s, at %s", text, time_rfc3339(ms, at));
}

static int64_t end_of(const struct jv *container) {
    int64_t ms;
    return time_parse_rfc3339(jv_str(jv_get(ended(container), "finishedAt"), ""), &ms) ? INT64_MAX : ms;
}

static void container_crash(struct ri_pass *s, const struct pod *pod, const struct jv *container, struct crash *out) {
    int64_t ms = end_of(container);
    if (out->text && ms >= out->ms) return;
    out->ms = ms;
    out->text = dated(s->a, arena_printf(s->a, "pod %s: %s", pod->name, how(s->a, container)), ms);
}

static void failed_pod(struct ri_pass *s, const struct pod *pod, struct crash *out) {
    const struct jv *status = jv_get(pod->doc, "status");
    const char *reason = jv_get_str(status, "reason"), *message = jv_get_str(status, "message");
    bool well = str_eq(jv_get_str(status, "phase"), "Succeeded");
    if (!reason) {
        JV_FOR_ARR(c, statuses(pod->doc))
            if (well || jv_get_int(ended(*c), "exitCode", 0)) container_crash(s, pod, *c, out);
        if (out->text) return;
    }
    out->ms = condition_since(jv_get(status, "conditions"), "Ready", INT64_MAX);
    if (!reason) reason = well ? "it ended, and must not" : "Error";
    out->text = dated(s->a, arena_printf(s->a, "pod %s failed: %s%s%.200s", pod->name, reason,
                                         str_empty(message) ? "" : ": ", str_empty(message) ? "" : message), out->ms);
}

bool ri_crashed(struct ri_pass *s, const struct pod *pod, struct crash *out) {
    *out = (struct crash){.pod = pod, .ms = INT64_MAX};
    if (pod->failed) {
        failed_pod(s, pod, out);
        return true;
    }
    if (!pod_was_in_service(pod->doc)) return false;
    JV_FOR_ARR(c, statuses(pod->doc)) {
        int64_t n = jv_get_int(*c, "restartCount", 0);
        if (n > 0 && n > explained(s, pod, jv_str(jv_get(*c, "name"), ""))) container_crash(s, pod, *c, out);
    }
    return out->text != NULL;
}
