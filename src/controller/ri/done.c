/* Has an in-place update come to its end? Told by what the kubelet did, not by names or digests: a runtime names an image in full
 * and by the first of its tags, and two tags may be one image. Pure.
 *
 * What each container was before the updates that are on their way is noted in annotation inplace-update-before of the pod, in the
 * same write that changes its image. An image that differs from what is noted must be followed by a start of the container. One
 * that is the same again need not be: a kubelet that has not seen what came between leaves the container alone. */
#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"
#include "controller/ri/world.h"

static const struct jv *status_of(const struct jv *pod, const char *container) {
    return jv_find(jv_path(pod, "status", "containerStatuses", (char *)0), "name", container);
}

static const char *image_of(const struct jv *pod, const char *container) {
    return jv_str(jv_get(jv_find(jv_path(pod, "spec", "containers", (char *)0), "name", container), "image"), "");
}

/* Of an image name, what a short name and its full form have in common: the path from its last slash on, with a tag. */
static bool same_name(struct arena *a, const char *x, const char *y) {
    const char *const names[] = {x, y};
    const char *ends[2];
    for (size_t i = 0; i < 2; i++) {
        const char *slash = strrchr(names[i], '/');
        ends[i] = slash ? slash + 1 : names[i];
        if (!strchr(ends[i], ':')) ends[i] = arena_printf(a, "%s:latest", ends[i]);
    }
    return str_eq(ends[0], ends[1]);
}

/* Was the container that runs now started after the update was written? Clocks of nodes differ, so this only decides where counts
 * can't. */
static bool started_after(const struct jv *status, const struct jv *state) {
    int64_t started, updated;
    const char *at = jv_str(jv_path(status, "state", "running", "startedAt", (char *)0), "");
    return !time_parse_rfc3339(at, &started) && !time_parse_rfc3339(jv_str(jv_get(state, "updateTimestamp"), ""), &updated) &&
           started >= updated;
}

/* Where the server has it: the kubelet has seen the latest spec. */
static bool seen(const struct jv *pod) {
    int64_t observed = jv_get_int(jv_get(pod, "status"), "observedGeneration", 0);
    return !observed || observed >= meta_generation(pod);
}

/* before: {image, imageID, containerID, restartCount, updates} of the container; see pod_before. */
static bool container_done(struct arena *a, const struct jv *pod, const char *name, const struct jv *before,
                           const struct jv *state) {
    const struct jv *st = status_of(pod, name);
    const char *want = image_of(pod, name), *id = jv_get_str(st, "containerID");
    int64_t restarts = jv_get_int(st, "restartCount", 0) - jv_get_int(before, "restartCount", 0);
    bool running = jv_path(st, "state", "running", (char *)0), other = id && !str_eq(id, jv_get_str(before, "containerID"));
    int64_t updates = jv_get_int(before, "updates", 1);
    if (!st) return false;
    if (restarts >= updates) return true; /* one start for each update: the latest is among them */
    if (!running) return false;
    bool back = str_eq(want, jv_str(jv_get(before, "image"), ""));
    if (!other && restarts <= 0) return back;
    if (updates == 1) return true;
    /* It runs anew, but not once for each update. The kubelet has left some out, or has not come to the latest yet. */
    if (back && str_eq(jv_get_str(st, "imageID"), jv_get_str(before, "imageID"))) return true;
    return same_name(a, want, jv_str(jv_get(st, "image"), "")) || started_after(st, state);
}

/* An update that was begun by another implementation notes the digests only. */
static bool foreign_done(struct arena *a, const struct jv *pod, const char *name, const struct jv *last, const struct jv *state) {
    const struct jv *st = status_of(pod, name);
    if (!st) return false;
    return !str_eq(jv_get_str(st, "imageID"), jv_get_str(last, "imageID")) || started_after(st, state) ||
           same_name(a, image_of(pod, name), jv_str(jv_get(st, "image"), ""));
}

bool pod_update_done(const struct jv *pod) {
    const struct jv *conditions = jv_path(pod, "status", "conditions", (char *)0);
    if (!str_empty(meta_annotation(pod, A_INPLACE_GRACE))) return false;
    if (!meta_annotation(pod, A_INPLACE_STATE)) return true;
    if (condition_true(conditions, GATE_INPLACE_UPDATE)) return true; /* it is False from before an update until its end */
    if (!seen(pod)) return false;
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *state = pod_annotation_json(a, pod, A_INPLACE_STATE), *before = pod_annotation_json(a, pod, A_INPLACE_BEFORE);
    JV_FOR_OBJ(m, jv_get(state, "lastContainerStatuses"))
        if (!jv_get(before, m->key) && !foreign_done(a, pod, m->key, m->val, state)) return false;
    JV_FOR_OBJ(m, before)
        if (!container_done(a, pod, m->key, m->val, state)) return false;
    return true;
}

static struct jv *as_it_is(struct arena *a, const struct jv *pod, const char *container) {
    const struct jv *st = status_of(pod, container);
    struct jv *entry = jv_new_obj(a);
    jv_set_str(a, entry, "image", image_of(pod, container));
    jv_set_str(a, entry, "imageID", jv_get_str(st, "imageID"));
    jv_set_str(a, entry, "containerID", jv_get_str(st, "containerID"));
    jv_set_int(a, entry, "restartCount", jv_get_int(st, "restartCount", 0));
    return entry;
}

struct jv *pod_before(struct arena *a, const struct pod *pod, const struct jv *images) {
    bool waits = !str_empty(meta_annotation(pod->doc, A_INPLACE_GRACE)); /* the update before has not changed any image yet */
    const struct jv *noted = pod->in_place_done ? NULL : pod_annotation_json(a, pod->doc, A_INPLACE_BEFORE);
    struct jv *out = jv_is(noted, J_OBJ) ? jv_dup(a, noted) : jv_new_obj(a);
    JV_FOR_OBJ(m, images) {
        struct jv *entry = jv_get(out, m->key);
        if (!entry) jv_set(a, out, m->key, entry = as_it_is(a, pod->doc, m->key));
        int64_t updates = jv_get_int(entry, "updates", 0);
        jv_set_int(a, entry, "updates", waits && updates ? updates : updates + 1);
    }
    return jv_len(out) ? out : NULL;
}
