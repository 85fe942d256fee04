/* Calls a reconciler's two functions within a budget. What exceeds it is forgotten; then the reconciler makes a world that holds
 * nothing but the root and the reason, and plans from that, which is a condition. */
#include "controller/core/decide.h"

#include "base/log.h"
#include "base/unit.h"

#define RECONCILE_BYTES ((size_t)384 << 20) /* 10,000 instances, each with a pod template of some kilobytes */
#define RECONCILE_MS 30000

struct attempt {
    const struct reconciler *r;
    struct rctx *c;
    const struct rkey *key;
    struct plan *p;
    const struct world *w;
};

static void attempt(void *arg) {
    struct attempt *t = arg;
    struct world *w = t->r->observe(t->c, t->key);
    t->w = w;
    if (!w) return;
    w->refused = t->c->refused;
    t->r->plan(w, t->p);
}

const struct world *decide(const struct reconciler *r, struct rctx *c, const struct rkey *key, struct plan *p) {
    static const struct unit_budget budget = {.bytes = RECONCILE_BYTES, .ms = RECONCILE_MS};
    struct attempt t = {.r = r, .c = c, .key = key, .p = p};
    plan_init(p, c->a);
    enum unit_end end = unit_run(&budget, attempt, &t);
    if (end == UNIT_DONE) return t.w;
    arena_reset(c->a);
    plan_init(p, c->a);
    const char *why = arena_printf(c->a, "it takes more than %lld %s to work with this: make it smaller, or several of it",
                                   end == UNIT_BYTES ? (long long)(RECONCILE_BYTES >> 20) : RECONCILE_MS / 1000LL,
                                   end == UNIT_BYTES ? "MiB of memory" : "s");
    log_warn("an object is too large to be worked with", "controller", r->name, "namespace", key->ns, "name", key->name, "why",
             why);
    const struct jv *root = r->refuse ? source_get(c->src, c->a, r->root, key->ns, key->name) : NULL;
    t.w = root ? r->refuse(c, root, why) : NULL;
    if (t.w) r->plan(t.w, p);
    return t.w;
}
