/* Gathers the world of one RoleInstance from the caches: its pods and revisions. */
#include "api/names.h"
#include "api/template.h"
#include "base/map.h"
#include "base/str.h"
#include "controller/core/history.h"
#include "controller/ri/fresh.h"
#include "controller/ri/world.h"

const struct jv *pod_annotation_json(struct arena *a, const struct jv *pod, const char *key) {
    const char *text = meta_annotation(pod, key);
    struct err ignored = ERR_INIT;
    return str_empty(text) ? NULL : json_parse(a, text, strlen(text), NULL, &ignored);
}

int ri_component_index(const struct ri_world *w, const char *name) {
    const struct component *c = ri_component(&w->inst, name);
    return c ? (int)(c - w->inst.spec.components.items) : -1;
}

static int pod_id(const struct jv *doc) {
    int32_t id;
    const char *label = meta_label(doc, L_COMPONENT_ID);
    return label && str_to_i32(label, &id) == 0 && id >= 0 ? id : -1;
}

static const char *restart_policy(const struct jv *pod) {
    return jv_str(jv_path(pod, "spec", "restartPolicy", (char *)0), "Always");
}

/* Ready follows a gate a moment later. */
static bool lowered(const struct jv *conditions, const char *gate) {
    return jv_find(conditions, "type", gate) && !condition_true(conditions, gate);
}

static struct pod view(const struct ri_world *w, const struct jv *doc) {
    const struct jv *status = jv_get(doc, "status"), *conditions = jv_get(status, "conditions");
    const char *phase = jv_str(jv_get(status, "phase"), ""), *revision = meta_label(doc, L_REVISION_HASH);
    struct pod p = {.doc = doc, .name = meta_name(doc), .revision = revision ? name_short_hash(revision) : ""};
    p.component = ri_component_index(w, meta_label(doc, L_COMPONENT_NAME));
    p.id = pod_id(doc);
    p.terminating = meta_deleting(doc);
    bool succeeded = str_eq(phase, "Succeeded"), always = str_eq(restart_policy(doc), "Always");
    p.failed = str_eq(phase, "Failed") || (succeeded && always);
    p.done = succeeded && !always;
    p.active = !p.terminating && !p.failed && !p.done;
    p.in_place_done = pod_update_done(doc);
    p.running = p.active && str_eq(phase, "Running") && condition_true(conditions, "ContainersReady") && p.in_place_done;
    p.ready = p.active && str_eq(phase, "Running") && condition_true(conditions, "Ready") &&
              !lowered(conditions, GATE_INPLACE_UPDATE) && !lowered(conditions, GATE_INSTANCE_POD);
    return p;
}

/* Of pods whose names are missing: who has them. One whose owner no longer exists is taken over. */
static void observe_names(struct rctx *c, struct ri_world *w, struct map *have, size_t cap) {
    w->others = ARENA_ARRAY(c->a, cap + 1, struct other);
    for (size_t i = 0; i < w->inst.spec.components.n; i++) {
        for (int id = 0; id < ri_size(w, i); id++) {
            const char *name = name_pod(c->a, w->inst.name, w->role_type, w->inst.spec.components.items[i].name, id);
            struct jv *other = map_has(have, name) ? NULL : source_get(c->src, c->a, KIND_POD, w->inst.ns, name);
            if (!other) continue;
            enum claim claim = claim_of(c, w->w.root, other, is_pod_of_instance(w->w.root, other));
            if (claim == CLAIM_ORPHAN) w->pods[w->npods++] = view(w, other);
            if (claim_other(claim, other).doc) w->others[w->nothers++] = claim_other(claim, other);
        }
    }
}

static void observe_pods(struct rctx *c, struct ri_world *w) {
    struct jv **docs;
    size_t n = source_owned(c->src, c->a, KIND_POD, w->inst.uid, &docs), wanted = 0;
    claim_orphans(c, KIND_POD, w->w.root, is_pod_of_instance, &docs, &n);
    for (size_t i = 0; i < w->inst.spec.components.n; i++) wanted += (size_t)ri_size(w, i);
    struct map *have = map_in(c->a);
    w->pods = ARENA_ARRAY(c->a, n + wanted + 1, struct pod);
    for (size_t i = 0; i < n; i++) {
        w->pods[w->npods++] = view(w, docs[i]);
        map_put(have, meta_name(docs[i]), docs[i]);
    }
    if (n < wanted) observe_names(c, w, have, wanted);
}

/* The strategy is the set's; an instance does not have it. */
static bool in_place_only(struct rctx *c, const struct jv *doc) {
    const struct jv *owner = meta_controller(doc);
    if (!str_eq(jv_get_str(owner, "kind"), kind_info(KIND_RIS)->name)) return false;
    const struct jv *set = source_get(c->src, c->a, KIND_RIS, meta_ns(doc), jv_str(jv_get(owner, "name"), ""));
    return str_eq(jv_str(jv_path(set, "spec", "updateStrategy", "type", (char *)0), NULL), "InPlaceOnly");
}

/* All but the revisions; they are left out, too, when the object can't be worked with. */
static struct ri_world *observe_instance(struct rctx *c, const struct jv *doc) {
    struct ri_world *w = ARENA_NEW(c->a, struct ri_world);
    w->w = (struct world){.root = doc, .opt = c->opt, .now_ms = c->now_ms};
    w->role_type = meta_label(doc, L_ROLE_TYPE);
    if (ri_decode(c->a, doc, &w->inst, &w->decode) || ri_limits(&w->inst, &w->decode)) return w;
    w->decode.code = ERR_NONE;
    observe_pods(c, w);
    return w;
}

static struct world *ri_observe(struct rctx *c, const struct rkey *key) {
    const struct jv *doc = source_get(c->src, c->a, KIND_RI, key->ns, key->name);
    if (!doc || meta_deleting(doc)) return NULL;
    struct ri_world *w = observe_instance(c, doc);
    w->in_place_only = in_place_only(c, doc);
    if (w->decode.code == ERR_NONE) w->nrevisions = history_observe(c, doc, is_revision_of_instance, &w->revisions);
    return &w->w;
}

/* ---- before the first status ---- */

bool ri_is_fresh(const struct jv *doc) {
    return jv_is_empty(jv_get(doc, "status")) && meta_generation(doc) == 1 &&
           str_eq(jv_get_str(meta_controller(doc), "kind"), kind_info(KIND_RIS)->name);
}

bool ri_fresh_ready(struct rctx *c, const struct jv *doc, int64_t *since_ms) {
    ARENA_AUTO struct arena *a = arena_new(); /* a set asks this of all its instances */
    struct rctx own = *c;
    own.a = a;
    const struct ri_world *w = observe_instance(&own, doc);
    int64_t wanted = 0, ready = 0;
    if (w->decode.code != ERR_NONE || str_eq(w->inst.spec.ready_policy, "None")) return false;
    for (size_t i = 0; i < w->inst.spec.components.n; i++) wanted += ri_size(w, i);
    *since_ms = 0;
    for (size_t i = 0; i < w->npods; i++) {
        int64_t since = condition_since(jv_path(w->pods[i].doc, "status", "conditions", (char *)0), "Ready", c->now_ms);
        if (since > *since_ms) *since_ms = since;
        ready += w->pods[i].ready;
    }
    return ready == wanted && (int64_t)w->npods == wanted;
}

static struct world *ri_refuse(struct rctx *c, const struct jv *root, const char *why) {
    struct ri_world *w = ARENA_NEW(c->a, struct ri_world);
    w->w = (struct world){.root = root, .opt = c->opt, .now_ms = c->now_ms};
    err_set(&w->decode, ERR_LIMIT, "%s", why);
    return &w->w;
}

static const struct route routes[] = {
    {KIND_POD, NULL},
};

const struct reconciler ri_reconciler = {
    .name = "RoleInstance",
    .root = KIND_RI,
    .routes = routes,
    .nroutes = sizeof routes / sizeof *routes,
    .observe = ri_observe,
    .plan = ri_plan,
    .refuse = ri_refuse,
};
