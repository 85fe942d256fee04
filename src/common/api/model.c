/* The decoded objects, the values that hold where a user wrote nothing, and the start order of roles. Pure; results live in the
 * caller's arena and borrow from the document. */
#include <stdlib.h>
#include <string.h>

#include "api/model.h"
#include "api/names.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "decode.h"
#include "fields.h"

enum { BASE_DELAY_SECONDS = 30, MAX_DELAY_SECONDS = 600, CYCLE_NAMES_SHOWN = 12 };

/* ---- decoding ---- */

static int decode_rbg_spec(struct arena *a, const struct jv *spec, const char *path,
                           struct rbg_spec *out, struct err *e) {
    if (schema_decode_at(a, spec, &rbg_spec_type, path, out, e) != 0) return -1;
    const struct jv *roles = jv_get(spec, "roles");
    for (size_t i = 0; i < out->roles.n; i++) out->roles.items[i].doc = jv_idx(roles, i);
    return 0;
}

int rbg_spec_decode(struct arena *a, const struct jv *spec, struct rbg_spec *out, struct err *e) {
    return decode_rbg_spec(a, spec, "", out, e);
}

/* The document's metadata, as far as every decoded object has it. */
static void decode_meta(const struct jv *doc, const char **ns, const char **name, const char **uid) {
    *ns = meta_ns(doc);
    *name = meta_name(doc);
    *uid = meta_uid(doc);
}

int rbg_decode(struct arena *a, const struct jv *doc, struct rbg *out, struct err *e) {
    *out = (struct rbg){.doc = doc};
    decode_meta(doc, &out->ns, &out->name, &out->uid);
    return decode_rbg_spec(a, jv_get(doc, "spec"), "spec", &out->spec, e);
}

int ris_decode(struct arena *a, const struct jv *doc, struct ris *out, struct err *e) {
    const struct jv *spec = jv_get(doc, "spec");
    *out = (struct ris){.doc = doc};
    decode_meta(doc, &out->ns, &out->name, &out->uid);
    if (schema_decode_at(a, spec, &ris_spec_type, "spec", &out->spec, e) != 0) return -1;
    out->spec.template_doc = jv_get(spec, "roleInstanceTemplate");
    return 0;
}

int ri_decode(struct arena *a, const struct jv *doc, struct ri *out, struct err *e) {
    *out = (struct ri){.doc = doc};
    decode_meta(doc, &out->ns, &out->name, &out->uid);
    return schema_decode_at(a, jv_get(doc, "spec"), &ri_spec_type, "spec", &out->spec, e);
}

/* ---- effective values ---- */

const char *role_workload_type(const struct role *r) {
    const char *type = jv_get_str(r->annotations, A_WORKLOAD_TYPE);
    return str_empty(type) ? WORKLOAD_RIS : type;
}

enum workload role_workload(const struct role *r) {
    static const struct { const char *type; enum workload workload; } known[] = {
        {WORKLOAD_RIS, WL_RIS},
        {WORKLOAD_STS, WL_STATEFULSET},
        {WORKLOAD_DEPLOYMENT, WL_DEPLOYMENT},
        {WORKLOAD_LWS, WL_LWS},
    };
    const char *type = role_workload_type(r);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_eq(type, known[i].type)) return known[i].workload;
    /* What can't be split into apiVersion and kind counts as not written. */
    const char *slash = strrchr(type, '/');
    return slash && slash != type ? WL_UNSUPPORTED : WL_RIS;
}

bool role_stateful(const struct role *r) {
    switch (role_workload(r)) {
    case WL_DEPLOYMENT: return false;
    case WL_RIS: return !str_eq(jv_get_str(r->annotations, A_PATTERN), "Stateless");
    case WL_STATEFULSET:
    case WL_LWS:
    case WL_UNSUPPORTED: break;
    }
    return true;
}

int32_t role_replicas(const struct role *r) {
    return r->replicas.set ? r->replicas.v : 1;
}

int32_t component_size(const struct component *c) {
    return c->size.set ? c->size.v : 1;
}

int32_t role_group_size(const struct role *r) {
    if (r->standalone.set) return 1;
    if (r->leader_worker.set) {
        struct opt32 size = r->leader_worker.size;
        return size.set && size.v > 1 ? size.v : 1;
    }
    if (!r->custom.set) return 1;
    int64_t pods = 0;
    for (size_t i = 0; i < r->custom.components.n; i++) {
        int32_t size = component_size(&r->custom.components.items[i]);
        if (size > 0) pods += size;
    }
    return pods > INT32_MAX ? INT32_MAX : (int32_t)pods;
}

int64_t role_pods(const struct role *r) {
    int32_t replicas = role_replicas(r);
    return replicas > 0 ? (int64_t)replicas * role_group_size(r) : 0;
}

const char *role_type_label(const struct role *r) {
    if (r->standalone.set) return ROLE_TYPE_POD;
    if (r->leader_worker.set) return ROLE_TYPE_LWS;
    return r->custom.set ? ROLE_TYPE_COMPONENTS : NULL;
}

const char *role_shared_service(const struct role *r) {
    if (!r->leader_worker.set || role_workload(r) != WL_RIS) return "All";
    const char *chosen = r->leader_worker.shared_service_selection;
    return str_empty(chosen) ? "LeaderOnly" : chosen;
}

static struct restart_effective restart(const struct restart_config *c, const char *legacy, const char *fallback) {
    const char *type = !str_empty(c->type) ? c->type : legacy;
    return (struct restart_effective){
        .type = str_empty(type) ? fallback : type,
        .base = c->base_delay_seconds.set ? c->base_delay_seconds.v : BASE_DELAY_SECONDS,
        .max = c->max_delay_seconds.set ? c->max_delay_seconds.v : MAX_DELAY_SECONDS,
        .limit = c->max_restarts,
    };
}

struct restart_effective role_restart(const struct role *r) {
    if (r->leader_worker.set)
        return restart(&r->leader_worker.restart_config, r->leader_worker.restart_policy, RESTART_RECREATE);
    if (r->custom.set) return restart(&r->custom.restart_config, r->custom.restart_policy, RESTART_RECREATE);
    return (struct restart_effective){.type = "None", .base = BASE_DELAY_SECONDS, .max = MAX_DELAY_SECONDS};
}

struct restart_effective ri_restart(const struct ri_spec *s) {
    return restart(&s->restart_config, s->restart_policy, "");
}

const struct role *rbg_role(const struct rbg_spec *s, const char *name) {
    for (size_t i = 0; i < s->roles.n; i++)
        if (str_eq(s->roles.items[i].name, name)) return &s->roles.items[i];
    return NULL;
}

/* ---- start order ---- */

/* Dependencies as a graph of role indexes. Everything is iterative: the number of roles comes from a user, the stack does not
 * grow with it. */
struct graph {
    const struct rbg_spec *s;
    size_t n;
    size_t *by_name;      /* role indexes, names ascending */
    size_t **deps;        /* per role: indexes of what it depends on */
    size_t **dependents;  /* per role: indexes of what depends on it */
    size_t *ndependents;
    size_t *open;         /* per role: dependencies without a level yet */
    int *level;
};

static const char *name_of(const struct rbg_spec *s, size_t i) {
    return s->roles.items[i].name ? s->roles.items[i].name : "";
}

static int cmp_name(const void *x, const void *y, void *spec) {
    size_t i = *(const size_t *)x, j = *(const size_t *)y;
    int c = strcmp(name_of(spec, i), name_of(spec, j));
    return c ? c : (i > j) - (i < j);
}

static int cmp_order(const void *x, const void *y, void *graph) {
    const struct graph *g = graph;
    size_t i = *(const size_t *)x, j = *(const size_t *)y;
    if (g->level[i] != g->level[j]) return g->level[i] < g->level[j] ? -1 : 1;
    int c = strcmp(name_of(g->s, i), name_of(g->s, j));
    return c ? c : (i > j) - (i < j);
}

/* Index of the role called `name`, g->n if there is none. */
static size_t find_role(const struct graph *g, const char *name) {
    size_t lo = 0, hi = g->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (strcmp(name_of(g->s, g->by_name[mid]), name) < 0) lo = mid + 1;
        else hi = mid;
    }
    if (lo < g->n && strcmp(name_of(g->s, g->by_name[lo]), name) == 0) return g->by_name[lo];
    return g->n;
}

static void graph_init(struct arena *a, struct graph *g, const struct rbg_spec *s) {
    size_t n = s->roles.n;
    *g = (struct graph){.s = s, .n = n};
    g->by_name = ARENA_ARRAY(a, n, size_t);
    g->deps = ARENA_ARRAY(a, n, size_t *);
    g->dependents = ARENA_ARRAY(a, n, size_t *);
    g->ndependents = ARENA_ARRAY(a, n, size_t);
    g->open = ARENA_ARRAY(a, n, size_t);
    g->level = ARENA_ARRAY(a, n, int);
    for (size_t i = 0; i < n; i++) g->by_name[i] = i;
    if (n) qsort_r(g->by_name, n, sizeof *g->by_name, cmp_name, (void *)(uintptr_t)s);
}

static int graph_resolve(struct arena *a, struct graph *g, struct err *e) {
    for (size_t i = 0; i < g->n; i++) {
        const struct strs *names = &g->s->roles.items[i].dependencies;
        g->deps[i] = ARENA_ARRAY(a, names->n, size_t);
        g->open[i] = names->n;
        for (size_t j = 0; j < names->n; j++) {
            size_t dep = find_role(g, names->items[j]);
            if (dep == g->n)
                return err_set(e, ERR_INVALID,
                               "spec.roles[%zu].dependencies[%zu]: role \"%s\" depends on \"%s\", "
                               "which is no role of this group",
                               i, j, name_of(g->s, i), names->items[j]);
            g->deps[i][j] = dep;
            g->ndependents[dep]++;
        }
    }
    return 0;
}

static void graph_turn(struct arena *a, struct graph *g) {
    for (size_t i = 0; i < g->n; i++) {
        g->dependents[i] = ARENA_ARRAY(a, g->ndependents[i], size_t);
        g->ndependents[i] = 0;
    }
    for (size_t i = 0; i < g->n; i++)
        for (size_t j = 0; j < g->s->roles.items[i].dependencies.n; j++) {
            size_t dep = g->deps[i][j];
            g->dependents[dep][g->ndependents[dep]++] = i;
        }
}

/* Gives a level to every role that is on no cycle and behind none. Returns how many. */
static size_t graph_level(struct arena *a, struct graph *g) {
    size_t *queue = ARENA_ARRAY(a, g->n, size_t), head = 0, tail = 0;
    for (size_t i = 0; i < g->n; i++)
        if (g->open[i] == 0) queue[tail++] = i;
    while (head < tail) {
        size_t at = queue[head++];
        for (size_t j = 0; j < g->ndependents[at]; j++) {
            size_t next = g->dependents[at][j];
            if (g->level[next] < g->level[at] + 1) g->level[next] = g->level[at] + 1;
            if (--g->open[next] == 0) queue[tail++] = next;
        }
    }
    return tail;
}

/* The first dependency of a role that has no level: there is one when the role itself has none. */
static size_t unresolved_dep(const struct graph *g, size_t i) {
    size_t j = 0;
    while (g->open[g->deps[i][j]] == 0) j++;
    return g->deps[i][j];
}

/* Walks from the first role without a level until a role repeats: that is a cycle. */
static int cycle_error(struct arena *a, const struct graph *g, struct err *e) {
    size_t at = 0, steps = 0;
    while (g->open[g->by_name[at]] == 0) at++;
    at = g->by_name[at];
    for (size_t i = 0; i < g->n; i++) at = unresolved_dep(g, at); /* now surely on a cycle */
    size_t first = at;
    do {
        if (strcmp(name_of(g->s, at), name_of(g->s, first)) < 0) first = at;
        at = unresolved_dep(g, at);
    } while (++steps < g->n);
    const char *text = name_of(g->s, first);
    at = first;
    steps = 0;
    do {
        at = unresolved_dep(g, at);
        if (steps < CYCLE_NAMES_SHOWN || at == first)
            text = arena_printf(a, "%s -> %s", text, name_of(g->s, at));
        else if (steps == CYCLE_NAMES_SHOWN) text = arena_printf(a, "%s -> ...", text);
        steps++;
    } while (at != first);
    return err_set(e, ERR_INVALID, "the dependencies of roles form a cycle: %s", text);
}

int rbg_order(struct arena *a, const struct rbg_spec *s, size_t **order, int **level, struct err *e) {
    struct graph g;
    graph_init(a, &g, s);
    if (graph_resolve(a, &g, e) != 0) return -1;
    graph_turn(a, &g);
    if (graph_level(a, &g) < g.n) return cycle_error(a, &g, e);
    if (g.n) qsort_r(g.by_name, g.n, sizeof *g.by_name, cmp_order, &g);
    *order = g.by_name;
    *level = g.level;
    return 0;
}
