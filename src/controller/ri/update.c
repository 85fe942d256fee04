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
#include "doc/patch.h"

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
    pod_ready_follows(s->a, pod->doc, list, s->w->w.now_ms);
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

struct pending { const struct pod *pod; struct inplace change; bool relabel; };

static void plan_pod_patch(struct ri_pass *s, const struct pending *u) {
    int32_t grace = u->relabel ? 0 : grace_seconds(s);
    struct jv *patch = jv_new_obj(s->a), *meta = jv_need_obj(s->a, patch, "metadata");
    if (!u->relabel && !grace) add_change(s->a, patch, u->change.metadata, u->change.images);
    jv_set_str(s->a, jv_need_obj(s->a, meta, "labels"), L_REVISION_HASH, name_short_hash(s->update));
    if (!u->relabel) {
        struct jv *annotations = jv_need_obj(s->a, meta, "annotations");
        jv_set_str(s->a, annotations, A_INPLACE_STATE, state_text(s, u->pod->doc, u->change.images));
        jv_set(s->a, annotations, A_INPLACE_GRACE,
               grace ? jv_new_str(s->a, grace_text(s, &u->change, grace)) : jv_null(s->a));
        if (grace) plan_after(s->p, (int64_t)grace * 1000);
    }
    struct action *act = plan_patch(s->p, KIND_POD, u->pod->doc, patch);
    if (!u->relabel) action_on_ok(s->p, act, "SuccessfulUpdatePodInPlace", "Updated pod %s in place", u->pod->name);
    action_on_fail(act, "FailedUpdatePodInPlace");
}

static void recreate(struct ri_pass *s, const struct pod *pod) {
    action_on_fail(plan_delete(s->p, KIND_POD, pod->doc), "FailedUpdatePodReCreate");
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

/* Returns true when the pod can stay; fills u. */
static bool decide(struct ri_pass *s, const struct pod *pod, struct pending *u) {
    const struct jv *revision = revision_of(s, pod);
    if (!revision) {
        plan_event(s->p, "Warning", "RevisionNotFound", "Pod %s is at revision %s, which is gone; it is recreated", pod->name,
                   pod->revision);
        return false;
    }
    const char *component = jv_str(jv_path(pod->doc, "metadata", "labels", L_COMPONENT_NAME, (char *)0), "");
    u->pod = pod;
    u->change = inplace_component(s->a, components_of(jv_get(revision, "data")), components_of(s->update_data), component);
    u->relabel = !jv_len(u->change.images) && !jv_len(u->change.metadata);
    return !u->change.obstacle;
}

static void plan_outdated(struct ri_pass *s) {
    struct pending *todo = s->todo = ARENA_ARRAY(s->a, s->w->npods + 1, struct pending);
    size_t n = 0;
    for (size_t i = 0; i < s->w->npods; i++) {
        const struct pod *pod = &s->w->pods[i];
        if (!pod->active || ri_at_update(s, pod)) continue;
        if (decide(s, pod, &todo[n]))
            n++;
        else
            recreate(s, pod);
        s->updating = true;
    }
    for (size_t i = 0; i < n; i++) {
        lower_gates(s, todo[i].pod, todo[i].relabel ? GATE_INSTANCE_POD : GATE_INPLACE_UPDATE,
                    todo[i].relabel ? "StartInstanceUpdate" : "StartInPlaceUpdate");
        if (!todo[i].relabel) note_baselines(s, todo[i].pod, todo[i].change.images);
    }
    s->ntodo = n;
}

void ri_plan_patches(struct ri_pass *s) {
    if (s->ntodo) plan_barrier(s->p);
    for (size_t i = 0; i < s->ntodo; i++) plan_pod_patch(s, &s->todo[i]);
}

/* ---- grace ---- */

static const struct jv *grace_metadata(struct arena *a, const struct jv *grace) {
    size_t len = 0;
    const char *text = base64_decode(a, jv_get_str(grace, "metaDataPatch"), &len);
    struct err ignored = ERR_INIT;
    return text ? jv_get(json_parse(a, text, len, NULL, &ignored), "metadata") : NULL;
}

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

/* ---- completion ---- */

static const char *tagged(struct arena *a, const char *image) {
    return strchr(image, ':') ? image : arena_printf(a, "%s:latest", image);
}

bool pod_update_done(const struct jv *pod) {
    if (!str_empty(meta_annotation(pod, A_INPLACE_GRACE))) return false;
    if (!meta_annotation(pod, A_INPLACE_STATE)) return true;
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *state = pod_annotation_json(a, pod, A_INPLACE_STATE);
    JV_FOR_OBJ(m, jv_get(state, "lastContainerStatuses")) {
        const struct jv *st = status_of(pod, m->key);
        const struct jv *spec = jv_find(jv_path(pod, "spec", "containers", (char *)0), "name", m->key);
        if (!st) return false;
        bool same_id = str_eq(jv_get_str(st, "imageID"), jv_get_str(m->val, "imageID"));
        const char *want = tagged(a, jv_str(jv_get(spec, "image"), ""));
        if (same_id && !str_eq(want, jv_str(jv_get(st, "image"), ""))) return false;
    }
    return true;
}
