/* Runs reconcilers on the simulated cluster as the manager's engine and executor do on a real one: keys that are due, backoff
 * after errors, writes that wait for company, barriers, events. What differs: reads see every write at once, so there is
 * nothing to expect; and one thing happens at a time. Owns the clock, the cluster and the keys. */
#include <stdlib.h>
#include <string.h>

#include "api/admission.h"
#include "api/names.h"
#include "controller/core/decide.h"
#include "base/must.h"
#include "base/str.h"
#include "controller/core/claim.h"
#include "sim/sim.h"

#define NEVER INT64_MAX
#define START_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define BACKOFF_BASE_MS 5
#define BACKOFF_MAX_MS 1000000
#define BUSY_FACTOR 6

const struct sim_opts sim_opts_default = {
    .kubelet = {.schedule_ms = 100, .start_ms = 1000, .ready_ms = 2000, .restart_ms = 1000, .stop_ms = 1000, .sync_ms = 100,
                .seed = 1},
    .decisions = {.scheduler = "scheduler-plugins", .deprecated_workloads = true, .settle_ms = 1000, .progress_ms = 600000},
    .nodes = 4,
    .collect_ms = 200,
};

static const struct reconciler *const reconcilers[] = {&rbgset_reconciler, &rbg_reconciler, &adapter_reconciler, &ris_reconciler,
                                                      &ri_reconciler};
#define NRECONCILERS (sizeof reconcilers / sizeof *reconcilers)

struct key {
    const struct reconciler *r;
    char *ns, *name;
    int64_t due;       /* NEVER: waits for a change */
    int64_t put_off;   /* since when a write waits; NEVER: none does */
    unsigned failures;
    bool refused;      /* a write of the last plan */
};

struct sim {
    struct sim_opts o;
    struct clock *clock;
    struct cluster *cluster;
    struct kubelet *kubelet;
    struct timeline *timeline;
    struct arena *a;   /* of events */
    struct key **keys; /* by reconciler, namespace, name */
    size_t nkeys;
    int64_t collect_at;
    uint64_t random;
    struct sim_event *events;
    size_t nevents;
    int64_t writes, reconciles, writes_left;
    struct refusals *refusals;
    bool crashed;
    int (*fail)(void *ctx, const struct action *w, struct err *e);
    void *fail_ctx;
    void (*after_step)(void *ctx, struct sim *s);
    void *step_ctx;
};

int64_t sim_now_ms(const struct sim *s) { return clock_now_ms(s->clock); }
int64_t sim_elapsed_ms(const struct sim *s) { return sim_now_ms(s) - START_MS; }
struct cluster *sim_cluster(struct sim *s) { return s->cluster; }
struct kubelet *sim_kubelet(struct sim *s) { return s->kubelet; }
struct timeline *sim_timeline(struct sim *s) { return s->timeline; }
int64_t sim_writes(const struct sim *s) { return s->writes; }
int64_t sim_reconciles(const struct sim *s) { return s->reconciles; }
bool sim_crashed(const struct sim *s) { return s->crashed; }

/* ---- keys ---- */

static int key_order(const struct key *k, const struct reconciler *r, const char *ns, const char *name) {
    size_t x = 0, y = 0;
    while (reconcilers[x] != k->r) x++;
    while (reconcilers[y] != r) y++;
    if (x != y) return x < y ? -1 : 1;
    int d = strcmp(k->ns, ns);
    return d ? d : strcmp(k->name, name);
}

static struct key *need_key(struct sim *s, const struct reconciler *r, const char *ns, const char *name) {
    size_t at = 0;
    while (at < s->nkeys && key_order(s->keys[at], r, ns, name) < 0) at++;
    if (at < s->nkeys && key_order(s->keys[at], r, ns, name) == 0) return s->keys[at];
    struct key *k = must(calloc(1, sizeof *k));
    *k = (struct key){.r = r, .ns = must(strdup(ns)), .name = must(strdup(name)), .due = NEVER, .put_off = NEVER};
    s->keys = must(realloc(s->keys, (s->nkeys + 1) * sizeof(struct key *)));
    memmove(&s->keys[at + 1], &s->keys[at], (s->nkeys - at) * sizeof(struct key *));
    s->nkeys++;
    s->keys[at] = k;
    return k;
}

static void keys_clear(struct sim *s) {
    for (size_t i = 0; i < s->nkeys; i++) {
        free(s->keys[i]->ns);
        free(s->keys[i]->name);
        free(s->keys[i]);
    }
    free(s->keys);
    s->keys = NULL;
    s->nkeys = 0;
}

static void key_after(const struct sim *s, struct key *k, int64_t ms) {
    int64_t at = sim_now_ms(s) + ms;
    if (at < k->due) k->due = at;
}

struct routing { struct sim *s; const struct reconciler *r; };

static void route_to(void *ctx, const char *ns, const char *name) {
    struct routing *to = ctx;
    key_after(to->s, need_key(to->s, to->r, ns, name), 0);
}

static void route_owner(struct routing *to, const struct jv *doc) {
    const struct jv *owner = meta_controller(doc);
    if (str_eq(jv_get_str(owner, "kind"), kind_info(to->r->root)->name))
        route_to(to, meta_ns(doc), jv_str(jv_get(owner, "name"), ""));
}

static void route_all(struct routing *to) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **roots;
    size_t n = cluster_list(to->s->cluster, a, to->r->root, &roots);
    for (size_t i = 0; i < n; i++) route_to(to, meta_ns(roots[i]), meta_name(roots[i]));
}

static void route_indexed(struct routing *to, const struct route *route, const struct jv *doc) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct source *src = cluster_source(to->s->cluster);
    struct jv **roots;
    size_t n = src->list(src->self, a, to->r->root, route->index(a, doc), &roots);
    for (size_t i = 0; i < n; i++) route_to(to, meta_ns(roots[i]), meta_name(roots[i]));
}

static void route_change(struct routing *to, enum kind k, const struct jv *was, const struct jv *is) {
    if (k == to->r->root) route_to(to, meta_ns(is ? is : was), meta_name(is ? is : was));
    for (size_t i = 0; i < to->r->nroutes; i++) {
        const struct route *route = &to->r->routes[i];
        if (route->kind != k) continue;
        if (route->index) route_indexed(to, route, is ? is : was);
        else if (route->map && !(route->news && was && is && !route->news(was, is))) route->map(is ? is : was, route_to, to);
        else if (!route->map) {
            if (is) route_owner(to, is);
            if (was) route_owner(to, was);
        }
    }
}

static void on_change(void *ctx, enum kind k, const struct jv *was, const struct jv *is) {
    struct sim *s = ctx;
    timeline_change(s->timeline, sim_elapsed_ms(s), k, was, is);
    if (!is || !was || meta_deleting(is)) {
        int64_t at = sim_now_ms(s) + s->o.collect_ms;
        if (at < s->collect_at) s->collect_at = at;
    }
    for (size_t i = 0; i < NRECONCILERS && !s->crashed; i++) route_change(&(struct routing){s, reconcilers[i]}, k, was, is);
}

/* ---- life ---- */

int sim_add_node(struct sim *s, const struct jv *given, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *name = meta_name(given);
    struct jv *node = kubelet_node(a, name), *meta = jv_get(node, "metadata"), *has = jv_get(node, "status"),
              *status = jv_new_obj(a);
    jv_merge_shallow(a, jv_get(meta, "labels"), jv_path(given, "metadata", "labels", (char *)0));
    jv_set(a, node, "spec", jv_dup(a, jv_get(given, "spec")));
    jv_merge_shallow(a, jv_get(has, "allocatable"), jv_path(given, "status", "allocatable", (char *)0));
    const struct jv *conditions = jv_path(given, "status", "conditions", (char *)0);
    if (conditions) jv_set(a, has, "conditions", jv_dup(a, conditions));
    jv_set(a, status, "status", has);
    if (cluster_create(s->cluster, "kubelet", KIND_NODE, node, e)) return -1;
    return cluster_patch(s->cluster, "kubelet", KIND_NODE, NULL, name, status, true, e);
}

static void add_node(struct sim *s, const char *name) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    if (sim_add_node(s, kubelet_node(a, name), &e)) abort();
}

struct sim *sim_new(const struct sim_opts *o) {
    struct sim *s = must(calloc(1, sizeof *s));
    s->o = *o;
    s->clock = clock_fake_new(START_MS);
    s->cluster = cluster_new(s->clock);
    s->timeline = timeline_new();
    s->refusals = refusals_new();
    s->a = arena_new();
    s->collect_at = NEVER;
    s->writes_left = NEVER;
    s->random = o->shuffle;
    s->kubelet = kubelet_new(s->cluster, s->clock, &o->kubelet);
    for (size_t i = 0; i < o->nodes; i++) add_node(s, arena_printf(s->a, "node-%zu", i + 1));
    cluster_watch(s->cluster, on_change, s);
    return s;
}

void sim_free(struct sim *s) {
    if (!s) return;
    keys_clear(s);
    kubelet_free(s->kubelet);
    cluster_free(s->cluster);
    clock_fake_free(s->clock);
    timeline_free(s->timeline);
    refusals_free(s->refusals);
    arena_free(s->a);
    free(s->events);
    free(s);
}

/* ---- users ---- */

static int adapter_replicas(void *ctx, const char *ns, const char *name, int32_t *replicas, struct err *e) {
    (void)e;
    struct sim *s = ctx;
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *adapter = cluster_get(s->cluster, a, KIND_ADAPTER, *ns ? ns : "default", name);
    const struct jv *wanted = jv_path(adapter, "spec", "replicas", (char *)0);
    *replicas = (int32_t)jv_int(wanted, 0);
    return jv_is(wanted, J_NUM);
}

int sim_apply(struct sim *s, const struct jv *from, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    enum kind k = kind_of(from);
    if (k == KIND_NONE) {
        return err_set(e, ERR_INVALID, "%s %s: the embedded cluster does not know this kind",
                       jv_str(jv_get(from, "apiVersion"), "?"), jv_str(jv_get(from, "kind"), "?"));
    }
    struct jv *doc = jv_dup(a, from);
    const char *version = strchr(jv_str(jv_get(doc, "apiVersion"), ""), '/');
    if (kind_info(k)->convert && version && !str_eq(version + 1, kind_info(k)->version)) {
        doc = convert(a, k, doc, kind_info(k)->version, e);
        if (!doc) return -1;
        doc = jv_dup(a, doc);
    }
    bool is_new = !cluster_get(s->cluster, a, k, *meta_ns(doc) ? meta_ns(doc) : "default", meta_name(doc));
    admission_scale(a, k, doc, &(struct lookup){.ctx = s, .adapter_replicas = adapter_replicas});
    admission_default(a, k, doc, is_new);
    return cluster_apply(s->cluster, "kubectl", k, doc, true, e);
}

int sim_delete(struct sim *s, enum kind k, const char *ns, const char *name, struct err *e) {
    return cluster_delete(s->cluster, k, ns, name, NULL, e);
}

/* ---- carrying out a plan ---- */

static void emit(struct sim *s, const struct key *k, const char *type, const char *reason, const char *message) {
    const char *kind = kind_info(k->r->root)->name;
    s->events = must(realloc(s->events, (s->nevents + 1) * sizeof *s->events));
    s->events[s->nevents++] = (struct sim_event){.ms = sim_elapsed_ms(s),
                                                 .kind = kind,
                                                 .ns = arena_strdup(s->a, k->ns),
                                                 .name = arena_strdup(s->a, k->name),
                                                 .type = arena_strdup(s->a, type),
                                                 .reason = arena_strdup(s->a, reason),
                                                 .message = arena_strdup(s->a, message)};
    if (!str_eq(type, "Normal")) timeline_say(s->timeline, sim_elapsed_ms(s), kind, k->name, "%s %s: %s", type, reason, message);
}

static const char *root_key(struct arena *a, const struct key *k) {
    return arena_printf(a, "%s/%s/%s", kind_info(k->r->root)->name, k->ns, k->name);
}

/* Is the failure news? A refusal is noted for the next plan. */
static bool note_failure(struct sim *s, struct key *k, const struct action *w, const struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    if (!is_refusal(e)) return true;
    k->refused = true;
    return refusals_note(s->refusals, root_key(a, k), &(struct refusal){w->act, w->kind, w->name, refusal_words(e)});
}

/* Returns false when the plan must not go on past the next barrier. */
static bool write_one(struct sim *s, struct key *k, const struct action *w) {
    struct err e = ERR_INIT;
    s->writes++;
    int rc = s->fail ? s->fail(s->fail_ctx, w, &e) : 0;
    if (!rc) rc = cluster_do(s->cluster, FIELD_MANAGER, w, &e);
    if (--s->writes_left <= 0) s->crashed = true;
    if (!rc && w->reason) emit(s, k, "Normal", w->reason, w->message);
    if (!rc || action_harmless(w, &e)) return true;
    if (action_taken(w, &e)) cluster_reveal(s->cluster, w->kind, w->ns, w->name);
    if (note_failure(s, k, w, &e) && w->fail_reason && !action_taken(w, &e)) emit(s, k, "Warning", w->fail_reason, e.msg);
    return false;
}

static bool due(struct sim *s, struct key *k, const struct action *w, bool *waits) {
    /* record_ms: there is more to do than workers, so what waits for company waits longer, too */
    int64_t delay_ms = w->gives_way && s->o.record_ms ? s->o.record_ms : s->o.record_ms ? w->delay_ms * BUSY_FACTOR : w->delay_ms;
    if (!delay_ms) return true;
    if (k->put_off == NEVER) k->put_off = sim_now_ms(s);
    int64_t left = k->put_off + delay_ms - sim_now_ms(s);
    if (left <= 0) return true;
    key_after(s, k, left);
    *waits = true;
    return false;
}

static void wake_owner(struct sim *s, const struct jv *root) {
    for (size_t i = 0; i < NRECONCILERS; i++) route_owner(&(struct routing){s, reconcilers[i]}, root);
}

/* As the executor: when the creation of one object fails, the others of its kind are left out, and nothing else. */
static bool carry_out(struct sim *s, struct key *k, const struct jv *root, const struct plan *p) {
    bool ok = true, waits = false, spoiled[KIND_COUNT] = {false};
    k->refused = false;
    for (size_t i = 0; i < p->n && !s->crashed; i++) {
        const struct action *w = &p->items[i];
        if (w->act == ACT_BARRIER && !ok) break;
        if (w->act == ACT_CREATE && spoiled[w->kind]) continue;
        if (w->act == ACT_EVENT) emit(s, k, w->type, w->reason, w->message);
        else if (w->act == ACT_AFTER) key_after(s, k, w->delay_ms);
        else if (w->act != ACT_BARRIER && w->act != ACT_LOOK && due(s, k, w, &waits)) {
            bool done = write_one(s, k, w);
            if (!done && w->act == ACT_CREATE) spoiled[w->kind] = true;
            ok = done && ok;
        }
        else if (w->gives_way && w->act == ACT_PATCH_STATUS) wake_owner(s, root);
    }
    if (!waits) k->put_off = NEVER;
    if (!k->refused) refusals_clear(s->refusals, root_key(p->a, k));
    return ok;
}

static struct rctx context(struct sim *s, struct arena *a) {
    return (struct rctx){.a = a, .src = cluster_source(s->cluster), .opt = &s->o.decisions, .now_ms = sim_now_ms(s)};
}

static const struct world *look(struct sim *s, struct arena *a, const struct key *k, struct plan *p) {
    struct rctx c = context(s, a);
    c.refused = refusals_get(s->refusals, a, root_key(a, k));
    return decide(k->r, &c, &(struct rkey){k->ns, k->name}, p);
}

static void let_go(struct sim *s, struct arena *a, struct key *k) {
    struct rctx c = context(s, a);
    const struct jv *root = source_get(c.src, a, k->r->root, k->ns, k->name);
    struct plan p;
    if (!is_orphaning(root)) return;
    plan_init(&p, a);
    plan_orphaning(&c, root, &p);
    carry_out(s, k, root, &p);
}

static void reconcile(struct sim *s, struct key *k) {
    ARENA_AUTO struct arena *a = arena_new();
    struct plan p;
    const struct world *w = look(s, a, k, &p);
    k->due = NEVER;
    s->reconciles++;
    if (!w) {
        let_go(s, a, k);
        k->put_off = NEVER;
        k->failures = 0;
        return;
    }
    if (carry_out(s, k, w->root, &p)) {
        k->failures = 0;
        return;
    }
    int64_t ms = k->failures >= 18 ? BACKOFF_MAX_MS : (int64_t)BACKOFF_BASE_MS << k->failures;
    k->failures++;
    int64_t most = k->refused ? REFUSED_RETRY_MS : BACKOFF_MAX_MS;
    key_after(s, k, ms < most ? ms : most);
}

/* ---- time ---- */

static uint64_t next_random(struct sim *s) {
    s->random ^= s->random >> 12;
    s->random ^= s->random << 25;
    s->random ^= s->random >> 27;
    return s->random * 2685821657736338717u >> 33;
}

/* The key to look at now, or NULL; *soonest: when the first key is due. */
static struct key *due_key(struct sim *s, int64_t *soonest) {
    int64_t now = sim_now_ms(s);
    size_t n = 0;
    struct key *first = NULL;
    *soonest = NEVER;
    for (size_t i = 0; i < s->nkeys && !s->crashed; i++) {
        if (s->keys[i]->due < *soonest) *soonest = s->keys[i]->due;
        if (s->keys[i]->due > now) continue;
        n++;
        if (!first || (s->o.shuffle && next_random(s) % n == 0)) first = s->keys[i];
    }
    return first;
}

static void advance(struct sim *s, int64_t to) {
    if (to > sim_now_ms(s)) clock_fake_advance(s->clock, to - sim_now_ms(s));
}

static void collect(struct sim *s) {
    s->collect_at = NEVER;
    cluster_collect(s->cluster);
}

static int64_t next_due(struct sim *s) {
    int64_t at, kubelet = kubelet_due_ms(s->kubelet);
    due_key(s, &at);
    if (kubelet < at) at = kubelet;
    return s->collect_at < at ? s->collect_at : at;
}

bool sim_step(struct sim *s) {
    int64_t at = next_due(s), ignored;
    if (at == NEVER) return false;
    advance(s, at);
    struct key *k = due_key(s, &ignored);
    if (k) reconcile(s, k);
    else if (kubelet_due_ms(s->kubelet) <= sim_now_ms(s)) kubelet_step(s->kubelet);
    else collect(s);
    if (s->after_step) s->after_step(s->step_ctx, s);
    return true;
}

bool sim_run(struct sim *s, int64_t limit_ms, bool (*done)(void *ctx, struct sim *s), void *ctx) {
    int64_t end = sim_now_ms(s) + limit_ms;
    while (!done || !done(ctx, s)) {
        int64_t at = next_due(s);
        if (at == NEVER) return !done;
        if (at > end) return false;
        sim_step(s);
    }
    return true;
}

void sim_wait(struct sim *s, int64_t ms) {
    int64_t end = sim_now_ms(s) + ms;
    while (next_due(s) <= end) sim_step(s);
    advance(s, end);
}

void sim_watch_steps(struct sim *s, void (*fn)(void *ctx, struct sim *s), void *ctx) {
    s->after_step = fn;
    s->step_ctx = ctx;
}

/* ---- faults ---- */

void sim_crash_after(struct sim *s, int64_t writes) {
    s->writes_left = writes;
}

void sim_restart(struct sim *s) {
    s->crashed = false;
    s->writes_left = NEVER;
    keys_clear(s);
    refusals_free(s->refusals);
    s->refusals = refusals_new();
    for (size_t i = 0; i < NRECONCILERS; i++) route_all(&(struct routing){s, reconcilers[i]});
}

void sim_fail_writes(struct sim *s, int (*fn)(void *ctx, const struct action *w, struct err *e), void *ctx) {
    s->fail = fn;
    s->fail_ctx = ctx;
}

/* ---- what happened, and what would ---- */

size_t sim_events(const struct sim *s, const struct sim_event **out) {
    *out = s->events;
    return s->nevents;
}

static bool quiet(const struct plan *p) {
    for (size_t i = 0; i < p->n; i++)
        if (p->items[i].act != ACT_AFTER && p->items[i].act != ACT_BARRIER && p->items[i].act != ACT_LOOK) return false;
    return true;
}

static void add_pending(struct sim *s, struct arena *a, struct jv *list, const struct reconciler *r, const struct jv *root) {
    struct key k = {.r = r, .ns = arena_strdup(a, meta_ns(root)), .name = arena_strdup(a, meta_name(root))};
    struct plan p;
    look(s, a, &k, &p);
    if (quiet(&p)) return;
    struct jv *entry = jv_new_obj(a);
    jv_set(a, entry, "root", jv_new_strf(a, "%s %s/%s", r->name, k.ns, k.name));
    jv_set(a, entry, "plan", plan_doc(a, &p));
    jv_push(a, list, entry);
}

struct jv *sim_pending(struct sim *s, struct arena *a) {
    struct jv *list = jv_new_arr(a);
    for (size_t i = 0; i < NRECONCILERS; i++) {
        struct jv **roots;
        size_t n = cluster_list(s->cluster, a, reconcilers[i]->root, &roots);
        for (size_t j = 0; j < n; j++) add_pending(s, a, list, reconcilers[i], roots[j]);
    }
    return list;
}
