/* Brings the pods of an instance to its update revision (part C 8, part D 6). Pure.
 *
 * A pod is updated in place when it can take over what its new template says (api/inplace.h); a pod whose template did not
 * change just gets the new revision label; any other is deleted, and made again by a later pass. All pods of an instance go
 * together. An in-place update takes the pod out of service first: the gate goes False, and the status notes what its
 * containers have restarted, in writes of their own, before the image changes. */
#include "api/inplace.h"
#include "api/names.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/str.h"
#include "controller/core/history.h"
#include "controller/ri/world.h"

#define STRATEGY_RECHECK_MS 10000

/* ---- the writes ---- */

static struct jv *image_list(struct arena *a, const struct jv *images) {
    struct jv *list = jv_new_arr(a);
    JV_FOR_OBJ(m, images) {
        struct jv *c = jv_new_obj(a);
        jv_set_str(a, c, "name", m->key);
        jv_set(a, c, "image", m->val);
        jv_push(a, list, c);
    }
    return list;
}

/* What a running pod gets: the template's metadata changes and the new images. Strategic: containers merge by name. */
static void add_change(struct arena *a, struct jv *patch, const struct jv *metadata, const struct jv *images) {
    static const char *const lists[] = {"finalizers", "$deleteFromPrimitiveList/finalizers"};
    struct jv *meta = jv_need_obj(a, patch, "metadata");
    JV_FOR_OBJ(m, metadata) {
        bool map = str_eq(m->key, "labels") || str_eq(m->key, "annotations");
        if (map && jv_is(m->val, J_OBJ)) jv_merge_shallow(a, jv_need_obj(a, meta, m->key), m->val);
    }
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) jv_set(a, meta, lists[i], jv_get(metadata, lists[i]));
    if (jv_len(images)) jv_set(a, jv_need_obj(a, patch, "spec"), "containers", image_list(a, images));
}

static const struct jv *status_of(const struct jv *pod, const char *container) {
    return jv_find(jv_path(pod, "status", "containerStatuses", (char *)0), "name", container);
}

static const char *state_text(struct ri_pass *s, const struct jv *pod, const struct jv *images) {
    char now[32];
    struct jv *state = jv_new_obj(s->a), *last = jv_new_obj(s->a);
    JV_FOR_OBJ(m, images) {
        struct jv *entry = jv_new_obj(s->a);
        jv_set_str(s->a, entry, "imageID", jv_str(jv_get(status_of(pod, m->key), "imageID"), ""));
        jv_set(s->a, last, m->key, entry);
    }
    jv_set_str(s->a, state, "revision", s->update);
    jv_set_str(s->a, state, "updateTimestamp", time_rfc3339(s->w->w.now_ms, now));
    jv_set(s->a, state, "lastContainerStatuses", last);
    return json_text(s->a, state);
}

/* The update waits in an annotation until its grace has passed: {revision, containerImages, metaDataPatch (base64),
 * graceSeconds}. */
static const char *grace_text(struct ri_pass *s, const struct inplace *c, int32_t seconds) {
    struct jv *grace = jv_new_obj(s->a);
    jv_set_str(s->a, grace, "revision", s->update);
    if (jv_len(c->images)) jv_set(s->a, grace, "containerImages", c->images);
    if (jv_len(c->metadata)) {
        struct jv *wrapped = jv_new_obj(s->a);
        jv_set(s->a, wrapped, "metadata", c->metadata);
        const char *text = json_text(s->a, wrapped);
        jv_set_str(s->a, grace, "metaDataPatch", base64_encode(s->a, text, strlen(text)));
    }
    jv_set_int(s->a, grace, "graceSeconds", seconds);
    return json_text(s->a, grace);
}

static int32_t grace_seconds(const struct ri_pass *s) {
    int32_t n;
    const char *text = meta_annotation(s->w->w.root, A_INPLACE_GRACE_SECONDS);
    return text && str_to_i32(text, &n) == 0 && n > 0 ? n : 0;
}

static void lower_gates(struct ri_pass *s, const struct pod *pod, const char *gate, const char *reason) {
    struct jv *list = jv_new_arr(s->a), *patch = jv_new_obj(s->a);
    if (!pod_has_gate(pod->doc, gate)) return;
    if (str_eq(gate, GATE_INSTANCE_POD) && !pod_was_in_service(pod->doc)) return; /* it is down already */
    const char *message = str_eq(gate, GATE_INSTANCE_POD) ? "[{\"userAgent\":\"Lifecycle\",\"key\":\"InstanceReady\"}]" : NULL;
    jv_push(s->a, list, pod_condition(s->a, gate, false, reason, message, s->w->w.now_ms));
    jv_set(s->a, jv_need_obj(s->a, patch, "status"), "conditions", list);
    plan_patch_status(s->p, KIND_POD, pod->doc, patch, 0);
}

/* How often the container had restarted before this update. One more restart is still to come when an earlier update of it is
 * on its way. */
static int64_t restarts_before(const struct ri_pass *s, const struct pod *pod, const char *container) {
    int64_t now = jv_get_int(status_of(pod->doc, container), "restartCount", 0);
    const struct jv *noted = jv_get(ri_baselines(s, pod), container);
    int64_t coming = noted && !pod->in_place_done ? jv_get_int(noted, "restartCount", 0) + 1 : 0;
    return coming > now ? coming : now;
}

/* What each container that restarts now had restarted before, so that this restart is not taken for a crash (part D 9.4). */
static void note_baselines(struct ri_pass *s, const struct pod *pod, const struct jv *images) {
    if (!jv_len(images)) return;
    if (!s->baselines) s->baselines = jv_new_obj(s->a);
    const struct jv *own = ri_baselines(s, pod);
    struct jv *of_pod = own ? jv_dup(s->a, own) : jv_new_obj(s->a);
    JV_FOR_OBJ(m, images) {
        const struct jv *st = status_of(pod->doc, m->key);
        struct jv *entry = jv_new_obj(s->a);
        jv_set_int(s->a, entry, "restartCount", restarts_before(s, pod, m->key));
        jv_set_str(s->a, entry, "imageID", jv_str(jv_get(st, "imageID"), ""));
        jv_set(s->a, of_pod, m->key, entry);
    }
    jv_set(s->a, s->baselines, pod->name, of_pod);
}

struct pending {
    const struct pod *pod;
    struct inplace change;
    bool relabel; /* nothing changes but the revision */
    bool lost;    /* nobody knows from what it was made */
};

static const struct jv *grace_metadata(struct arena *a, const struct jv *grace) {
    size_t len = 0;
    const char *text = base64_decode(a, jv_get_str(grace, "metaDataPatch"), &len);
    struct err ignored = ERR_INIT;
    return text ? jv_get(json_parse(a, text, len, NULL, &ignored), "metadata") : NULL;
}

/* What an update that its grace still held back would have changed is part of the one that overtakes it. */
static struct inplace with_held_back(struct ri_pass *s, const struct pending *u) {
    const struct jv *grace = pod_annotation_json(s->a, u->pod->doc, A_INPLACE_GRACE);
    struct inplace all = {.images = jv_new_obj(s->a), .metadata = jv_dup(s->a, grace_metadata(s->a, grace))};
    if (!grace) return u->change;
    if (!all.metadata) all.metadata = jv_new_obj(s->a);
    jv_merge_shallow(s->a, all.images, jv_get(grace, "containerImages"));
    jv_merge_shallow(s->a, all.images, u->change.images);
    JV_FOR_OBJ(m, u->change.metadata) {
        if (jv_is(m->val, J_OBJ)) jv_merge_shallow(s->a, jv_need_obj(s->a, all.metadata, m->key), m->val);
        else jv_set(s->a, all.metadata, m->key, m->val);
    }
    return all;
}

static void plan_pod_patch(struct ri_pass *s, const struct pending *u) {
    int32_t grace = u->relabel ? 0 : grace_seconds(s);
    struct jv *patch = jv_new_obj(s->a), *meta = jv_need_obj(s->a, patch, "metadata");
    const struct inplace change = with_held_back(s, u);
    if (!u->relabel && !grace) add_change(s->a, patch, change.metadata, change.images);
    jv_set_str(s->a, jv_need_obj(s->a, meta, "labels"), L_REVISION_HASH, name_short_hash(s->update));
    if (!u->relabel) {
        struct jv *annotations = jv_need_obj(s->a, meta, "annotations");
        const struct jv *before = pod_before(s->a, u->pod, change.images);
        jv_set_str(s->a, annotations, A_INPLACE_STATE, state_text(s, u->pod->doc, change.images));
        jv_set(s->a, annotations, A_INPLACE_BEFORE, before ? jv_new_str(s->a, json_text(s->a, before)) : jv_null(s->a));
        jv_set(s->a, annotations, A_INPLACE_GRACE,
               grace ? jv_new_str(s->a, grace_text(s, &change, grace)) : jv_null(s->a));
        if (grace) plan_after(s->p, (int64_t)grace * 1000);
    }
    struct action *act = plan_patch(s->p, KIND_POD, u->pod->doc, patch);
    if (!u->relabel) action_on_ok(s->p, act, "SuccessfulUpdatePodInPlace", "Updated pod %s in place", u->pod->name);
    action_on_fail(act, "FailedUpdatePodInPlace");
}

static void recreate(struct ri_pass *s, const struct pending *u) {
    if (u->lost)
        plan_event(s->p, "Warning", "RevisionNotFound", "Pod %s is at revision %s, which is gone; it is recreated", u->pod->name,
                   u->pod->revision);
    action_on_fail(plan_delete(s->p, KIND_POD, u->pod->doc), "FailedUpdatePodReCreate");
}

/* ---- deciding ---- */

static const struct jv *revision_of(const struct ri_pass *s, const struct pod *pod) {
    for (size_t i = 0; i < s->w->nrevisions; i++)
        if (str_eq(name_short_hash(meta_name(s->w->revisions[i])), pod->revision)) return s->w->revisions[i];
    return NULL;
}

static const struct jv *components_of(const struct jv *data) {
    return jv_path(data, "spec", "components", (char *)0);
}

/* Fills u. Returns why the pod can't stay, for people; NULL: it can. */
static const char *decide(struct ri_pass *s, const struct pod *pod, struct pending *u) {
    const struct jv *revision = revision_of(s, pod);
    u->pod = pod;
    u->lost = !revision;
    if (!revision) return arena_printf(s->a, "revision %s, from which pod %s was made, is gone", pod->revision, pod->name);
    const char *component = jv_str(jv_path(pod->doc, "metadata", "labels", L_COMPONENT_NAME, (char *)0), "");
    u->change = inplace_component(s->a, components_of(jv_get(revision, "data")), components_of(s->update_data), component);
    u->relabel = !jv_len(u->change.images) && !jv_len(u->change.metadata) && str_empty(meta_annotation(pod->doc, A_INPLACE_GRACE));
    return u->change.obstacle ? arena_printf(s->a, "spec.%s", u->change.obstacle) : NULL;
}

/* Until the set's strategy or the template changes, which needs no news of the instance. */
static void stop_update(struct ri_pass *s, const char *obstacle) {
    s->failed_update = arena_printf(s->a, "%s can't be changed in a running pod, and the set's update type is InPlaceOnly: take "
                                    "the change back, or set the type to InPlaceIfPossible or RecreatePod", obstacle);
    s->ntodo = 0;
    plan_after(s->p, STRATEGY_RECHECK_MS);
}

static void carry_out(struct ri_pass *s, const struct pending *u) {
    if (u->relabel) {
        lower_gates(s, u->pod, GATE_INSTANCE_POD, "StartInstanceUpdate");
        return;
    }
    lower_gates(s, u->pod, GATE_INPLACE_UPDATE, "StartInPlaceUpdate");
    note_baselines(s, u->pod, u->change.images);
}

/* All outdated pods go together, those that can stay and those that can't; under InPlaceOnly all, or none. */
static void plan_outdated(struct ri_pass *s) {
    struct pending *todo = s->todo = ARENA_ARRAY(s->a, 2 * s->w->npods + 1, struct pending), *gone = todo + s->w->npods;
    size_t n = 0, ngone = 0;
    const char *obstacle = NULL;
    for (size_t i = 0; i < s->w->npods; i++) {
        const struct pod *pod = &s->w->pods[i];
        if (!pod->active || ri_at_update(s, pod)) continue;
        const char *why = decide(s, pod, &todo[n]);
        if (why) gone[ngone++] = todo[n];
        else n++;
        if (!obstacle) obstacle = why;
    }
    s->ntodo = n;
    if (obstacle && s->w->in_place_only) {
        stop_update(s, obstacle);
        return;
    }
    s->updating = n || ngone;
    for (size_t i = 0; i < ngone; i++) recreate(s, &gone[i]);
    for (size_t i = 0; i < n; i++) carry_out(s, &todo[i]);
}

void ri_plan_patches(struct ri_pass *s) {
    if (s->ntodo) plan_barrier(s->p);
    for (size_t i = 0; i < s->ntodo; i++) plan_pod_patch(s, &s->todo[i]);
}

/* ---- grace ---- */

static int64_t grace_left(const struct ri_pass *s, const struct jv *pod, const struct jv *grace) {
    const struct jv *state = pod_annotation_json(s->a, pod, A_INPLACE_STATE);
    int64_t since;
    if (time_parse_rfc3339(jv_str(jv_get(state, "updateTimestamp"), ""), &since)) return 0;
    return since + jv_get_int(grace, "graceSeconds", 0) * 1000 - s->w->w.now_ms;
}

/* A deferred update whose time has come is done; one that a newer revision has overtaken is dropped. */
static void finish_grace(struct ri_pass *s, const struct pod *pod) {
    const struct jv *grace = pod_annotation_json(s->a, pod->doc, A_INPLACE_GRACE);
    bool valid = grace && str_eq(name_short_hash(jv_str(jv_get(grace, "revision"), "")), pod->revision);
    int64_t left = valid ? grace_left(s, pod->doc, grace) : 0;
    if (left > 0) {
        plan_after(s->p, left);
        return;
    }
    struct jv *patch = jv_new_obj(s->a);
    if (valid) add_change(s->a, patch, grace_metadata(s->a, grace), jv_get(grace, "containerImages"));
    struct jv *annotations = jv_need_obj(s->a, jv_need_obj(s->a, patch, "metadata"), "annotations");
    jv_set(s->a, annotations, A_INPLACE_GRACE, jv_null(s->a));
    action_on_fail(plan_patch(s->p, KIND_POD, pod->doc, patch), "FailedUpdatePodInPlace");
}

void ri_plan_update(struct ri_pass *s) {
    for (size_t i = 0; i < s->w->npods; i++) {
        const struct pod *pod = &s->w->pods[i];
        if (pod->active && ri_at_update(s, pod) && !str_empty(meta_annotation(pod->doc, A_INPLACE_GRACE))) finish_grace(s, pod);
    }
    plan_outdated(s);
}
