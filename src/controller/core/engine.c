/* Owns the stores, reflectors, queues, expectations and worker threads. Locks: `defer_lock` and `event_lock`, both leaves.
 * Stores, queues and expectations have their own. Change handlers run on the reflectors' threads and only touch expectations
 * and queues. A change is first told to the expectations, then to the queues: a worker that is woken by it never finds itself
 * still waiting for it. */
#include "controller/core/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/names.h"
#include "base/log.h"
#include "base/map.h"
#include "base/metrics.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"
#include "controller/core/claim.h"
#include "controller/core/decide.h"
#include "controller/core/exec.h"
#include "controller/core/found.h"
#include "controller/core/later.h"
#include "kube/queue.h"
#include "kube/reflector.h"

#define EXPECT_POLL_MS 50 /* how long a key waits before it asks again whether the cache has caught up */
#define KEY_SIZE 512
#define BUSY_EVENTS 0.25 /* of --event-qps is left while there is more to do than workers */
#define BUSY_FACTOR 6 /* how many times longer a write may wait for company while there is more to do than workers */

struct cache {
    struct engine *g;
    enum kind kind;
    struct store *store;
    struct reflector *reflector;
};

struct controller {
    struct engine *g;
    const struct reconciler *r;
    struct queue *queue;
    struct events *events;
    struct exec exec;
    pthread_t *threads;
    size_t nthreads, started;
    pthread_mutex_t defer_lock;
    struct map *deferred; /* root key -> int64_t *: monotonic ms at which a write was first put off */
};

struct engine {
    struct engine_opts o;
    struct source source;
    struct cache caches[SOURCE_CACHES];
    struct controller *controllers;
    struct expect *expect;
    struct found *found;
    struct later *later;
    struct refusals *refusals;
    pthread_mutex_t event_lock;
    double event_tokens; /* under event_lock, with event_ms: the time they were counted */
    int64_t event_ms;
};

static struct metric *reconciles, *reconcile_seconds, *events_limited;

__attribute__((constructor)) static void metrics_init(void) {
    reconciles = metric_new(METRIC_COUNTER, "rbg_reconcile_total", "Reconciles, by controller and result.", "controller,result");
    reconcile_seconds = metric_new(METRIC_HISTOGRAM, "rbg_reconcile_duration_seconds",
                                   "Duration of a reconcile, requests included.", "controller,result");
    events_limited = metric_new(METRIC_COUNTER, "rbg_events_limited_total", "Normal events that --event-qps held back.", NULL);
}

/* ---- reading ---- */

static struct jv *cache_get(void *self, struct arena *a, enum kind k, const char *ns, const char *name) {
    struct engine *g = self;
    for (size_t i = 0; i < SOURCE_CACHES; i++) {
        if (g->caches[i].kind != k) continue;
        const struct kobj *o = store_get(g->caches[i].store, a, ns ? ns : "", name);
        if (o) return kobj_doc(a, o);
    }
    return found_get(g->found, a, k, ns, name);
}

static bool exec_found(void *ctx, enum kind k, const char *ns, const char *name, struct arena *a, struct jv *doc) {
    struct engine *g = ((struct controller *)ctx)->g;
    struct jv *kept = doc ? source_project(a, k, doc) : NULL;
    return found_put(g->found, k, ns, name, kept ? kept : doc);
}

static size_t cache_list(void *self, struct arena *a, enum kind k, const char *index, struct jv ***out) {
    struct engine *g = self;
    struct jv *all = jv_new_arr(a);
    for (size_t i = 0; i < SOURCE_CACHES; i++) {
        if (g->caches[i].kind != k) continue;
        const struct kobj **objs;
        size_t n = store_list(g->caches[i].store, a, index, &objs);
        for (size_t j = 0; j < n; j++) jv_push(a, all, kobj_doc(a, objs[j]));
    }
    *out = all->items;
    return all->len;
}

/* ---- from changes to keys ---- */

static const char *root_key(char *out, const struct reconciler *r, const char *key) {
    snprintf(out, KEY_SIZE + 64, "%s/%s", kind_info(r->root)->name, key);
    return out;
}

static void enqueue(struct controller *c, const char *ns, const char *name) {
    char key[KEY_SIZE];
    snprintf(key, sizeof key, "%s/%s", ns, name);
    queue_add(c->queue, key);
}

static void route_add(void *ctx, const char *ns, const char *name) {
    enqueue(ctx, ns, name);
}

static void route_owner(struct controller *c, const struct kobj *o) {
    if (o && str_eq(o->owner_kind, kind_info(c->r->root)->name)) enqueue(c, o->ns, o->owner_name);
}

static void route_mapped(struct controller *c, const struct route *route, const struct kobj *was, const struct kobj *is) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *doc = kobj_doc(a, is ? is : was);
    if (route->news && was && is && !route->news(kobj_doc(a, was), doc)) return;
    route->map(doc, route_add, c);
}

static void route_indexed(struct controller *c, const struct route *route, const struct kobj *o) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *key = route->index(a, kobj_doc(a, o));
    for (size_t i = 0; i < SOURCE_CACHES; i++) {
        const struct kobj **roots;
        if (c->g->caches[i].kind != c->r->root) continue;
        size_t n = store_list(c->g->caches[i].store, a, key, &roots);
        for (size_t j = 0; j < n; j++) enqueue(c, roots[j]->ns, roots[j]->name);
    }
}

static void route_change(struct controller *c, enum kind k, const struct kobj *old_obj, const struct kobj *new_obj) {
    if (k == c->r->root) {
        const struct kobj *o = new_obj ? new_obj : old_obj;
        enqueue(c, o->ns, o->name);
    }
    for (size_t i = 0; i < c->r->nroutes; i++) {
        const struct route *route = &c->r->routes[i];
        if (route->kind != k) continue;
        if (route->index) {
            route_indexed(c, route, new_obj ? new_obj : old_obj);
            continue;
        }
        if (route->map) {
            route_mapped(c, route, old_obj, new_obj);
            continue;
        }
        route_owner(c, new_obj);
        if (old_obj && (!new_obj || !str_eq(old_obj->owner_uid, new_obj->owner_uid))) route_owner(c, old_obj);
    }
}

static void observed(struct engine *g, enum kind k, const char *ns, const char *name, const struct kobj *now) {
    char key[KEY_SIZE + 64];
    snprintf(key, sizeof key, "%s/%s/%s", kind_info(k)->name, ns, name);
    if (now)
        expect_observed(g->expect, key, now->rv, now->uid, now->deleting);
    else
        expect_observed(g->expect, key, "", "", false);
}

static void on_change(void *ctx, struct store *s, const struct kobj *old_obj, const struct kobj *new_obj) {
    (void)s;
    struct cache *cache = ctx;
    struct engine *g = cache->g;
    const struct kobj *o = new_obj ? new_obj : old_obj;
    observed(g, cache->kind, o->ns, o->name, new_obj);
    if (!new_obj) found_put(g->found, cache->kind, o->ns, o->name, NULL);
    for (size_t i = 0; i < g->o.nreconcilers; i++) route_change(&g->controllers[i], cache->kind, old_obj, new_obj);
}

static void exec_recheck(void *ctx, enum kind k, const char *ns, const char *name) {
    struct engine *g = ((struct controller *)ctx)->g;
    ARENA_AUTO struct arena *a = arena_new();
    bool known = false;
    for (size_t i = 0; i < SOURCE_CACHES; i++) {
        if (g->caches[i].kind != k) continue;
        known = true;
        const struct kobj *o = store_get(g->caches[i].store, a, ns, name);
        if (o) {
            observed(g, k, ns, name, o);
            return;
        }
    }
    if (!known) observed(g, k, ns, name, NULL); /* not cached: nothing will ever be seen */
}

/* ---- writes that wait for company ---- */

/* More keys are ready than workers can take: what can wait should. */
static bool busy(void *engine) {
    struct engine *g = engine;
    size_t ready = 0;
    for (size_t i = 0; i < g->o.nreconcilers; i++) ready += queue_len(g->controllers[i].queue);
    return ready > g->o.workers;
}

static int64_t exec_put_off(void *ctx, const char *key, int64_t delay_ms) {
    struct controller *c = ctx;
    bool patient = busy(c->g);
    int64_t now = clock_mono_ms(c->g->o.clock);
    MUTEX_GUARD(&c->defer_lock);
    int64_t *since = map_get(c->deferred, key);
    if (!since) {
        since = must(malloc(sizeof *since));
        *since = now;
        map_put(c->deferred, key, since);
    }
    int64_t left = *since + delay_ms - now;
    if (left <= 0 && patient && now - *since < BUSY_FACTOR * delay_ms) left = delay_ms / 2;
    return left > 0 ? left : 0;
}

static void defer_clear(struct controller *c, const char *key) {
    MUTEX_GUARD(&c->defer_lock);
    free(map_del(c->deferred, key));
}

static bool exec_gives_way(void *ctx, const char *root_key) {
    struct controller *c = ctx;
    return later_gives_way(c->g->later, c, root_key);
}

static void wake(void *engine, void *controller, const char *root_key) {
    (void)engine;
    struct controller *c = controller;
    queue_add(c->queue, strchr(root_key, '/') + 1);
}

/* A status that gives way wakes nobody by being written. */
static void wake_owner(struct engine *g, const struct jv *root) {
    const struct jv *owner = meta_controller(root);
    for (size_t i = 0; owner && i < g->o.nreconcilers; i++)
        if (str_eq(kind_info(g->controllers[i].r->root)->name, jv_get_str(owner, "kind")))
            enqueue(&g->controllers[i], meta_ns(root), jv_str(jv_get(owner, "name"), ""));
}

/* ---- events ---- */

/* A token bucket over all reconcilers. Only Normal events are limited: a thousand pods that start at once are not worth a thousand
 * requests to say so, less still while others wait for the API server; a warning always is. */
static bool exec_may_tell(void *ctx) {
    struct engine *g = ((struct controller *)ctx)->g;
    if (g->o.event_qps <= 0) return true;
    int64_t now = clock_mono_ms(g->o.clock);
    double qps = busy(g) ? g->o.event_qps * BUSY_EVENTS : g->o.event_qps;
    MUTEX_GUARD(&g->event_lock);
    g->event_tokens += (double)(now - g->event_ms) / 1000 * qps;
    if (g->event_tokens > (double)g->o.event_burst) g->event_tokens = (double)g->o.event_burst;
    g->event_ms = now;
    if (g->event_tokens < 1) {
        metric_add(events_limited, 1, NULL);
        return false;
    }
    g->event_tokens -= 1;
    return true;
}

/* ---- workers ---- */

/* A root that is deleted without what it owns. */
static void let_go(struct controller *c, struct rctx *ctx, const struct rkey *key, const char *root_key, struct err *e, int *rc) {
    const struct jv *root = source_get(ctx->src, ctx->a, c->r->root, key->ns, key->name);
    struct exec_result ignored = {0};
    struct plan p;
    if (!is_orphaning(root)) return;
    plan_init(&p, ctx->a);
    plan_orphaning(ctx, root, &p);
    *rc = exec_plan(&c->exec, &p, root_key, c->r->root, root, &ignored, e);
}

static void reconcile(struct controller *c, const char *key, struct arena *a, struct exec_result *res, struct err *e, int *rc) {
    char ns[KEY_SIZE], root[KEY_SIZE + 64];
    snprintf(ns, sizeof ns, "%s", key);
    char *slash = strchr(ns, '/');
    *slash = 0;
    struct rkey rkey = {ns, slash + 1};
    struct rctx ctx = {.a = a, .src = &c->g->source, .opt = c->g->o.options, .now_ms = clock_now_ms(c->g->o.clock)};
    struct plan p;
    root_key(root, c->r, key);
    ctx.refused = refusals_get(c->g->refusals, a, root);
    const struct world *world = decide(c->r, &ctx, &rkey, &p);
    if (!world) {
        let_go(c, &ctx, &rkey, root, e, rc);
        expect_forget(c->g->expect, root);
        defer_clear(c, root);
        later_done(c->g->later, root);
        refusals_clear(c->g->refusals, root);
        return;
    }
    *rc = exec_plan(&c->exec, &p, root, c->r->root, world->root, res, e);
    if (!res->put_off) defer_clear(c, root);
    if (!res->gave_way) later_done(c->g->later, root);
    if (res->untold) wake_owner(c->g, world->root);
}

static void finish(struct controller *c, const char *key, int rc, const struct exec_result *res, const struct err *e) {
    if (rc) {
        log_warn("reconcile failed, it will be tried again", "controller", c->r->name, "key", key, "error", e->msg,
                 "class", err_name(e->code));
        queue_add_backoff_between(c->queue, key, e->retry_after_ms, res->refused ? REFUSED_RETRY_MS : INT64_MAX);
        return;
    }
    queue_forget(c->queue, key);
    if (res->after_ms) queue_add_after(c->queue, key, res->after_ms);
}

static void work(struct controller *c, const char *key, struct arena *a) {
    char root[KEY_SIZE + 64];
    int64_t wait_ms = 0;
    if (!expect_satisfied(c->g->expect, root_key(root, c->r, key), &wait_ms)) {
        queue_add_after(c->queue, key, wait_ms < EXPECT_POLL_MS ? wait_ms + 1 : EXPECT_POLL_MS);
        return;
    }
    int64_t start = clock_mono_ms(c->g->o.clock);
    struct exec_result res = {0};
    struct err e = ERR_INIT;
    int rc = 0;
    reconcile(c, key, a, &res, &e, &rc);
    const char *labels[] = {c->r->name, rc ? err_name(e.code) : "ok"};
    metric_add(reconciles, 1, labels);
    metric_observe(reconcile_seconds, (double)(clock_mono_ms(c->g->o.clock) - start) / 1000.0, labels);
    finish(c, key, rc, &res, &e);
}

/* What is begun is finished first: while the controllers of what is owned have more to do than workers, those of the owners
 * leave them the API server, all but one worker each, so that nothing starves. A burst is then made group by group: the first
 * are ready long before the last begin, the pods of a Service come together (its endpoints are written once, not once for
 * each), and owners hear of all their children at once. */
static void let_owned_go_first(const struct controller *c) {
    for (const struct controller *owned = c + 1; owned < c->g->controllers + c->g->o.nreconcilers; owned++)
        queue_wait_below(owned->queue, c->g->o.workers);
}

/* A fresh arena each time: what a large group needed once is not held by every worker for ever. */
static void *worker(void *arg) {
    struct controller *c = arg;
    char key[KEY_SIZE];
    bool constant = __atomic_fetch_add(&c->started, 1, __ATOMIC_RELAXED) == 0;
    for (;;) {
        if (!constant) let_owned_go_first(c);
        if (!queue_get(c->queue, key, sizeof key)) return NULL;
        struct arena *a = arena_new();
        work(c, key, a);
        arena_free(a);
        queue_done(c->queue, key);
    }
}

/* ---- life ---- */

static void controller_init(struct engine *g, struct controller *c, const struct reconciler *r) {
    c->g = g;
    c->r = r;
    c->queue = queue_new(r->name, g->o.clock);
    c->deferred = map_new();
    pthread_mutex_init(&c->defer_lock, NULL);
    c->events = events_new(g->o.kube, r->name, g->o.clock, 0);
    c->exec = (struct exec){.kube = g->o.kube,
                            .expect = g->expect,
                            .refusals = g->refusals,
                            .events = c->events,
                            .clock = g->o.clock,
                            .parallel = 16,
                            .recheck = exec_recheck,
                            .put_off = exec_put_off,
                            .gives_way = exec_gives_way,
                            .found = exec_found,
                            .may_tell = exec_may_tell,
                            .ctx = c};
}

/* Stores differ in how they project; the function type has no context, so there is one function per kind that needs one. */
static struct jv *project_pod(struct arena *a, struct jv *doc) {
    return source_project(a, KIND_POD, doc);
}
static struct jv *project_instance(struct arena *a, struct jv *doc) {
    return source_project(a, KIND_RI, doc);
}
static struct jv *project_revision(struct arena *a, struct jv *doc) {
    return source_project(a, KIND_REVISION, doc);
}
static struct jv *project_other(struct arena *a, struct jv *doc) {
    return source_project(a, KIND_NONE, doc);
}

static struct jv *(*project_of(enum kind k))(struct arena *a, struct jv *doc) {
    switch (k) {
    case KIND_POD: return project_pod;
    case KIND_RI: return project_instance;
    case KIND_REVISION: return project_revision;
    default: return project_other;
    }
}

struct engine *engine_new(const struct engine_opts *o) {
    struct engine *g = must(calloc(1, sizeof *g));
    g->o = *o;
    g->expect = expect_new(o->clock);
    g->refusals = refusals_new();
    g->found = found_new(o->clock);
    g->source = (struct source){.self = g, .get = cache_get, .list = cache_list};
    pthread_mutex_init(&g->event_lock, NULL);
    g->event_tokens = (double)o->event_burst;
    g->event_ms = clock_mono_ms(o->clock);
    for (size_t i = 0; i < SOURCE_CACHES; i++) {
        struct cache *c = &g->caches[i];
        c->g = g;
        c->kind = source_caches[i].kind;
        c->store = store_new(kind_info(c->kind)->plural, source_index, project_of(c->kind));
        store_on_change(c->store, on_change, c);
    }
    g->controllers = must(calloc(o->nreconcilers, sizeof *g->controllers));
    for (size_t i = 0; i < o->nreconcilers; i++) controller_init(g, &g->controllers[i], o->reconcilers[i]);
    /* Half of the workers: what they write wakes owners, which need memory of their own. */
    g->later = later_start(&(struct later_opts){
        .clock = o->clock, .batch = (o->workers + 1) / 2, .busy = busy, .wake = wake, .ctx = g});
    return g;
}

void engine_start_caches(struct engine *g) {
    for (size_t i = 0; i < SOURCE_CACHES; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct reflector_opts ro = {.path = kind_path(a, g->caches[i].kind, NULL, NULL, NULL),
                                    .label_selector = source_caches[i].label,
                                    .optional = kind_info(g->caches[i].kind)->optional};
        g->caches[i].reflector = reflector_start(g->o.kube, g->caches[i].store, &ro);
    }
}

bool engine_synced(struct engine *g) {
    for (size_t i = 0; i < SOURCE_CACHES; i++)
        if (!store_synced(g->caches[i].store)) return false;
    return true;
}

int64_t engine_cache_age_ms(struct engine *g) {
    int64_t worst = 0;
    for (size_t i = 0; i < SOURCE_CACHES; i++) {
        int64_t age = g->caches[i].reflector ? reflector_age_ms(g->caches[i].reflector) : INT64_MAX;
        if (age > worst) worst = age;
    }
    return worst;
}

void engine_start_workers(struct engine *g) {
    for (size_t i = 0; i < g->o.nreconcilers; i++) {
        struct controller *c = &g->controllers[i];
        c->threads = must(calloc(g->o.workers, sizeof *c->threads));
        c->nthreads = g->o.workers;
        for (size_t t = 0; t < c->nthreads; t++) c->threads[t] = thread_start("worker", worker, c);
    }
}

void engine_stop(struct engine *g) {
    later_stop(g->later);
    for (size_t i = 0; i < g->o.nreconcilers; i++) queue_shutdown(g->controllers[i].queue);
    for (size_t i = 0; i < g->o.nreconcilers; i++)
        for (size_t t = 0; t < g->controllers[i].nthreads; t++) pthread_join(g->controllers[i].threads[t], NULL);
    for (size_t i = 0; i < SOURCE_CACHES; i++) {
        if (g->caches[i].reflector) reflector_stop(g->caches[i].reflector);
        g->caches[i].reflector = NULL;
    }
}

static void controller_fini(struct controller *c) {
    events_free(c->events);
    queue_free(c->queue);
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(c->deferred, &it, &key, &value)) free(value);
    map_free(c->deferred);
    pthread_mutex_destroy(&c->defer_lock);
    free(c->threads);
}

void engine_free(struct engine *g) {
    for (size_t i = 0; i < g->o.nreconcilers; i++) controller_fini(&g->controllers[i]);
    for (size_t i = 0; i < SOURCE_CACHES; i++) store_free(g->caches[i].store);
    expect_free(g->expect);
    refusals_free(g->refusals);
    found_free(g->found);
    later_free(g->later);
    pthread_mutex_destroy(&g->event_lock);
    free(g->controllers);
    free(g);
}

const struct source *engine_source(struct engine *g) {
    return &g->source;
}
