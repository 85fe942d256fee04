/* Gathers the world of one RoleInstanceSet from the caches: its instances and revisions. */
#include <stdlib.h>
#include <string.h>

#include "api/names.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/str.h"
#include "controller/core/history.h"
#include "controller/ri/fresh.h"
#include "controller/ris/world.h"

static int by_ordinal(const void *x, const void *y) {
    const struct instance *a = x, *b = y;
    if (a->ordinal != b->ordinal) return a->ordinal < b->ordinal ? -1 : 1;
    return strcmp(meta_name(a->doc), meta_name(b->doc));
}

/* Every component of the spec has all its pods at the latest revision (part C 0.5). */
static bool update_complete(const struct jv *doc) {
    const struct jv *status = jv_get(doc, "status"), *parts = jv_get(status, "componentStatuses");
    const struct jv *components = jv_path(doc, "spec", "components", (char *)0);
    if (jv_get_int(status, "observedGeneration", 0) < meta_generation(doc)) return false;
    if (jv_len(parts) != jv_len(components)) return false;
    JV_FOR_ARR(c, components) {
        const struct jv *st = jv_find(parts, "name", jv_str(jv_get(*c, "name"), ""));
        if (!st || jv_get_int(st, "updatedReplicas", 0) != jv_get_int(*c, "size", 1)) return false;
    }
    return true;
}

/* Has the instance been ready for so long already? Before its first status its pods tell. */
static bool is_healthy(struct rctx *c, const struct jv *doc, int64_t *since_ms) {
    const struct jv *status = jv_get(doc, "status"), *conditions = jv_get(status, "conditions");
    if (ri_is_fresh(doc) && ri_fresh_ready(c, doc, since_ms)) return true;
    int64_t born = c->now_ms;
    time_parse_rfc3339(jv_str(jv_path(doc, "metadata", "creationTimestamp", (char *)0), ""), &born);
    *since_ms = condition_since(conditions, COND_RI_READY, born);
    return condition_true(conditions, COND_RI_READY) &&
           jv_get_int(status, "observedGeneration", 0) >= meta_generation(doc);
}

/* A status may be written long after its pods were ready, in a burst: the pods tell since when. Else an instance that is available
 * already, by its pods, would not be for a while when its first status comes. */
static int64_t ready_since(struct rctx *c, const struct jv *doc, int64_t told) {
    int64_t pods;
    return ri_fresh_ready(c, doc, &pods) && pods < told ? pods : told;
}

static struct instance view(struct rctx *c, const struct ris_world *w, const struct jv *doc) {
    struct instance i = {.doc = doc, .ordinal = name_ordinal(meta_name(doc), w->set.name)};
    const char *revision = meta_label(doc, L_REVISION_HASH);
    int64_t since, min_ready = (int64_t)w->set.spec.min_ready_seconds * 1000;
    i.healthy = is_healthy(c, doc, &since);
    if (i.healthy && w->w.now_ms - since < min_ready) since = ready_since(c, doc, since);
    int64_t age = w->w.now_ms - since;
    i.revision = revision ? revision : "";
    i.terminating = meta_deleting(doc);
    i.complete = update_complete(doc) || (i.healthy && ri_is_fresh(doc));
    i.available = i.healthy && age >= min_ready;
    i.available_in_ms = i.healthy && !i.available ? min_ready - age : 0;
    i.unhealthy_ms = i.healthy || condition_true(jv_path(doc, "status", "conditions", (char *)0), COND_RI_READY) ? 0 : age;
    return i;
}

/* Ordinals that may be wanted: those of a surge, too. */
static int wanted_ordinals(const struct ris_world *w) {
    int replicas = w->set.spec.replicas.set ? w->set.spec.replicas.v : 1;
    const struct jv *surge = w->set.spec.update_strategy.max_surge;
    int64_t extra = jv_is(surge, J_STR) ? replicas + 1 : jv_int(surge, 0);
    return (int)(replicas + (extra < 0 ? 0 : extra > replicas + 1 ? replicas + 1 : extra));
}

/* Whoever has the names of instances that are missing: one whose owner no longer exists is taken over, too. */
static void observe_names(struct rctx *c, struct ris_world *w, struct jv ***docs, size_t *n) {
    struct map *have = map_in(c->a);
    for (size_t i = 0; i < *n; i++) map_put(have, meta_name((*docs)[i]), w);
    w->nothers = wanted_ordinals(w);
    w->others = ARENA_ARRAY(c->a, (size_t)w->nothers + 1, struct other);
    struct jv **all = ARENA_ARRAY(c->a, *n + (size_t)w->nothers + 1, struct jv *);
    if (*n) memcpy(all, *docs, *n * sizeof *all);
    *docs = all;
    for (int o = 0; o < w->nothers; o++) {
        const char *name = arena_printf(c->a, "%s-%d", w->set.name, o);
        struct jv *other = map_has(have, name) ? NULL : source_get(c->src, c->a, KIND_RI, w->set.ns, name);
        if (!other) continue;
        enum claim claim = claim_of(c, w->w.root, other, is_instance_of_set(w->w.root, other));
        if (claim == CLAIM_ORPHAN) all[(*n)++] = other;
        w->others[o] = claim_other(claim, other);
    }
}

static void observe_instances(struct rctx *c, struct ris_world *w) {
    struct jv **docs;
    size_t found = source_owned(c->src, c->a, KIND_RI, w->set.uid, &docs), n = 0;
    for (size_t i = 0; i < found; i++)
        if (str_eq(jv_get_str(meta_controller(docs[i]), "uid"), w->set.uid)) docs[n++] = docs[i];
    claim_orphans(c, KIND_RI, w->w.root, is_instance_of_set, &docs, &n);
    observe_names(c, w, &docs, &n);
    w->instances = ARENA_ARRAY(c->a, n + 1, struct instance);
    for (size_t i = 0; i < n; i++) w->instances[w->ninstances++] = view(c, w, docs[i]);
    if (w->ninstances > 1) qsort(w->instances, w->ninstances, sizeof *w->instances, by_ordinal);
}

/* A rollout changes specs: what an instance is to be updated from has to be on record before. */
static void observe_records(struct rctx *c, struct ris_world *w) {
    const struct jv *status = jv_get(w->w.root, "status");
    bool seen = jv_get_int(status, "observedGeneration", 0) == meta_generation(w->w.root);
    if (seen && str_eq(jv_get_str(status, "currentRevision"), jv_get_str(status, "updateRevision"))) return;
    for (size_t k = 0; k < w->ninstances; k++) {
        struct instance *i = &w->instances[k];
        i->nrevisions = history_observe(c, i->doc, is_revision_of_instance, &i->revisions);
    }
}

static struct world *ris_observe(struct rctx *c, const struct rkey *key) {
    const struct jv *doc = source_get(c->src, c->a, KIND_RIS, key->ns, key->name);
    if (!doc || meta_deleting(doc)) return NULL;
    struct ris_world *w = ARENA_NEW(c->a, struct ris_world);
    w->w = (struct world){.root = doc, .opt = c->opt, .now_ms = c->now_ms};
    w->pattern = meta_annotation(doc, A_PATTERN);
    if (ris_decode(c->a, doc, &w->set, &w->decode) || ris_limits(&w->set, &w->decode)) return &w->w;
    w->decode.code = ERR_NONE;
    observe_instances(c, w);
    observe_records(c, w);
    w->nrevisions = history_observe(c, doc, is_revision_of_set, &w->revisions);
    return &w->w;
}

static struct world *ris_refuse(struct rctx *c, const struct jv *root, const char *why) {
    struct ris_world *w = ARENA_NEW(c->a, struct ris_world);
    w->w = (struct world){.root = root, .opt = c->opt, .now_ms = c->now_ms};
    err_set(&w->decode, ERR_LIMIT, "%s", why);
    return &w->w;
}

static const struct route routes[] = {
    {KIND_RI, NULL},
};

const struct reconciler ris_reconciler = {
    .name = "RoleInstanceSet",
    .root = KIND_RIS,
    .routes = routes,
    .nroutes = sizeof routes / sizeof *routes,
    .observe = ris_observe,
    .plan = ris_plan,
    .refuse = ris_refuse,
};
