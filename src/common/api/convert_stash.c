/* The stash: what one version can't say, as the differences against what a plain round trip would
 * give. Because it is computed from the result and not from a list of known fields, a round trip is
 * the identity for every document, and an unchanged document needs no more than its own
 * differences. Shared subtrees compare by address, so the cost is that of the edited levels. Pure;
 * the recursion is as deep as the documents, which the parser bounds.
 *
 * Text: an array of branches. A branch is an array: a step (a member's name, {"name": ...} for an
 * element of a named list, a number for any other element), and behind it what changes there:
 * branches, and changes {"was": ..., "is": ..., "u": ...} of that place itself. "was" or "is"
 * missing means that there is nothing. Changes with the same number "u" are one: all of them hold
 * or none. The first texts were arrays of changes with their whole path as "at"; they are read. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/str.h"
#include "convert.h"
#include "doc/find.h"

/* Where the comparison is: a key, or an element by its number or (named) by its name. On the stack;
 * its branch is begun with the first change in it. */
struct step {
    struct step *up; /* NULL: at the top */
    const struct jmember *member;
    const struct jv *named; /* an element whose name tells it from the others */
    uint32_t index;
    bool begun;
};

struct differ {
    struct arena *a;
    struct buf *out; /* the text of the changes so far; empty: none */
    int64_t units;
};

static bool same(const struct jv *x, const struct jv *y);

static bool is_container(const struct jv *v) {
    return v->type == J_OBJ || v->type == J_ARR || v->type == J_RAW;
}

static bool same_opened(const struct jv *x, const struct jv *y) {
    ARENA_AUTO struct arena *tmp = arena_new();
    return same(jv_open(tmp, x), jv_open(tmp, y));
}

/* Objects with the same number of members, in any order. */
static bool same_members(const struct jv *x, const struct jv *y) {
    enum { SEARCHED_MAX = 64 };
    ARENA_AUTO struct arena *tmp = NULL;
    struct finder in_y = finder_of(NULL, y, NULL);
    for (uint32_t i = 0; i < x->len; i++) {
        const struct jmember *m = &x->members[i], *o = &y->members[i];
        const struct jv *v = o->val;
        if (m->klen != o->klen || (m->key != o->key && memcmp(m->key, o->key, m->klen) != 0)) {
            if (x->len > SEARCHED_MAX && !tmp) in_y.a = tmp = arena_new();
            v = tmp ? finder_counterpart(&in_y, m, i) : jv_getn(y, m->key, m->klen);
        }
        if (!same(m->val, v)) return false;
    }
    return true;
}

/* Stricter than jv_eq: a round trip keeps the text of numbers too. */
static bool same(const struct jv *x, const struct jv *y) {
    if (x == y) return true;
    if (!x || !y) return false;
    if (x->type == J_RAW || y->type == J_RAW)
        return (x->type == y->type && x->s == y->s) || same_opened(x, y);
    if (x->type != y->type || (x->type != J_BOOL && x->len != y->len)) return false;
    if (x->type == J_NUM || x->type == J_STR) return memcmp(x->s, y->s, x->len) == 0;
    if (x->type == J_BOOL) return x->b == y->b;
    for (uint32_t i = 0; x->type == J_ARR && i < x->len; i++)
        if (!same(x->items[i], y->items[i])) return false;
    return x->type != J_OBJ || same_members(x, y);
}

static void write_step(struct buf *out, const struct step *at) {
    if (at->member) {
        json_write(out, &(struct jv){J_STR, .len = at->member->klen, .s = at->member->key});
    } else if (at->named) {
        buf_puts(out, "{\"name\":");
        json_write(out, jv_get(at->named, "name"));
        buf_putc(out, '}');
    } else {
        buf_printf(out, "%" PRIu32, at->index);
    }
}

static void begin_branch(struct buf *out, struct step *at) {
    if (at->begun) return;
    if (at->up) begin_branch(out, at->up);
    buf_puts(out, at->up || out->len ? ",[" : "[[");
    write_step(out, at);
    at->begun = true;
}

static void end_branch(struct buf *out, const struct step *at) {
    if (at->begun) buf_putc(out, ']');
}

static void note(struct differ *d, struct step *at, const struct jv *was, const struct jv *is,
                 int64_t unit) {
    begin_branch(d->out, at);
    buf_puts(d->out, ",{");
    if (was) buf_puts(d->out, "\"was\":"), json_write(d->out, was);
    if (is) buf_puts(d->out, was ? ",\"is\":" : "\"is\":"), json_write(d->out, is);
    if (unit) buf_printf(d->out, ",\"u\":%" PRId64, unit);
    buf_putc(d->out, '}');
}

static void diff(struct differ *d, struct step *at, const struct jv *base, const struct jv *want,
                 int64_t unit);

/* The policy of restarts is one value in v1alpha1 and two in v1alpha2: they come back together or
 * not at all. */
static int64_t unit_of(const char *key, int64_t inherited, int64_t fresh) {
    if (!inherited && !fresh) return 0;
    if (str_eq(key, "restartPolicy") || str_eq(key, "restartPolicyConfig")) return fresh;
    return str_eq(key, "type") ? inherited : 0;
}

/* The member of an object with the key of `m`, which is number `i` of its own: mostly that of a copy, with the same keys at the
 * same places. */
static struct jv *counterpart(struct finder *f, const struct jmember *m, size_t i) {
    const struct jv *v = f->in;
    if (jv_is(v, J_OBJ) && i < v->len && v->members[i].key == m->key) return v->members[i].val;
    return finder_counterpart(f, m, i);
}

static void diff_members(struct differ *d, struct step *up, const struct jv *base,
                         const struct jv *want, int64_t unit) {
    int64_t fresh =
        jv_get(base, "restartPolicyConfig") || jv_get(want, "restartPolicyConfig") ? ++d->units : 0;
    struct finder in_base = finder_of(d->a, base, NULL), in_want = finder_of(d->a, want, NULL);
    JV_FOR_OBJ(m, base) {
        const struct jv *now = counterpart(&in_want, m, (size_t)(m - base->members));
        if (now == m->val) continue;
        struct step at = {.up = up, .member = m};
        diff(d, &at, m->val, now, unit_of(m->key, unit, fresh));
        end_branch(d->out, &at);
    }
    JV_FOR_OBJ(w, want) {
        struct step at = {.up = up, .member = w};
        if (counterpart(&in_base, w, (size_t)(w - want->members))) continue;
        diff(d, &at, NULL, w->val, unit_of(w->key, unit, fresh));
        end_branch(d->out, &at);
    }
}

/* Is it the first element with its name? */
static bool is_first(const struct jv *list, uint32_t i) {
    const struct jv *name = jv_get(list->items[i], "name");
    for (uint32_t k = 0; k < i; k++)
        if (same(jv_get(list->items[k], "name"), name)) return false;
    return true;
}

/* True when the elements of both lists have the same names in the same order, each of them once. */
static bool named_alike(struct arena *a, const struct jv *x, const struct jv *y) {
    enum { FEW = 8 }; /* are compared with each other faster than put into a map */
    struct map *seen = x->len > FEW ? map_in(a) : NULL;
    for (uint32_t i = 0; i < x->len; i++) {
        const struct jv *name = jv_get(x->items[i], "name");
        if (!jv_is(name, J_STR) || !name->len || !same(name, jv_get(y->items[i], "name"))) return false;
        if (seen ? map_put(seen, name->s, x->items[i]) != NULL : !is_first(x, i)) return false;
    }
    return true;
}

static void diff_items(struct differ *d, struct step *up, const struct jv *base,
                       const struct jv *want) {
    bool named = named_alike(d->a, base, want);
    for (uint32_t i = 0; i < base->len; i++) {
        struct step at = {.up = up, .index = i, .named = named ? base->items[i] : NULL};
        diff(d, &at, base->items[i], want->items[i], 0);
        end_branch(d->out, &at);
    }
}

static bool at_annotations(const struct step *at) {
    return at && at->member && str_eq(at->member->key, "annotations");
}

static void diff(struct differ *d, struct step *at, const struct jv *base, const struct jv *want,
                 int64_t unit) {
    if (same(base, want)) return;
    base = jv_open(d->a, base);
    want = jv_open(d->a, want);
    if (jv_is(base, J_OBJ) && jv_is(want, J_OBJ)) {
        diff_members(d, at, base, want, unit);
    } else if (jv_is(base, J_ARR) && jv_is(want, J_ARR) && base->len == want->len) {
        diff_items(d, at, base, want);
    } else if (at_annotations(at) && jv_is(base, J_OBJ) && !want) {
        /* Key by key, so that an annotation that somebody adds does not keep ours from going. */
        diff_members(d, at, base, NULL, 0);
        note(d, at, &(struct jv){.type = J_OBJ}, NULL, 0);
    } else if (at_annotations(at) && !base && jv_is(want, J_OBJ) && want->len) {
        diff_members(d, at, NULL, want, 0);
    } else {
        note(d, at, base, want, unit);
    }
}

struct jv *stash_diff(struct arena *a, const struct jv *base, const struct jv *want) {
    enum { USUAL = 1000 }; /* bytes of a group's stash */
    BUF_AUTO struct buf out = BUF_INIT;
    buf_reserve(&out, USUAL);
    struct differ d = {.a = a, .out = &out};
    diff(&d, NULL, base, want, 0);
    if (!out.len) return NULL;
    buf_putc(&out, ']');
    return jv_new_strn(a, out.s, out.len);
}

/* ---- what changes may edit, as copies ---- */

/* An object or list that is a copy, where its members or named elements are, and which of them are copies, too. A member that was
 * taken away has no value until the end. The stash says how often something is looked up in how large a list. */
struct copy {
    struct jv *v;
    struct finder in;
    struct copy **below; /* of the first nbelow; NULL: none */
    uint32_t nbelow, nholes;
    struct copy *made; /* the annotations, where there were none */
};

static struct copy *copy_of(struct arena *a, const struct jv *v) {
    struct copy *c = ARENA_NEW(a, struct copy);
    c->v = jv_clone(a, jv_open(a, v));
    c->in = finder_of(a, c->v, c->v->type == J_ARR ? "name" : NULL);
    return c;
}

/* The number of the member or element that a step leads to; -1: there is none. */
static int64_t index_of(struct copy *c, const struct jv *step) {
    if (c->v->type == J_OBJ) {
        const struct jmember *m = jv_is(step, J_STR) ? finder_member(&c->in, step->s, step->len) : NULL;
        return m && m->val ? m - c->v->members : -1;
    }
    if (jv_is(step, J_NUM)) {
        int64_t i = jv_int(step, -1);
        return i >= 0 && i < c->v->len ? i : -1;
    }
    const struct jv *name = jv_get(step, "name");
    return jv_is(name, J_STR) ? finder_find(&c->in, name) : -1;
}

static struct jv **place(const struct copy *c, int64_t i) {
    return c->v->type == J_OBJ ? &c->v->members[i].val : &c->v->items[i];
}

/* The copy of what a step leads to; NULL: that is nothing, or no container. */
static struct copy *copy_below(struct arena *a, struct copy *c, const struct jv *step) {
    int64_t i = index_of(c, step);
    if (i < 0 || !is_container(*place(c, i))) return NULL;
    if (!c->below) {
        c->nbelow = c->v->len;
        c->below = ARENA_ARRAY(a, c->nbelow, struct copy *);
    }
    if (!c->below[i]) {
        c->below[i] = copy_of(a, *place(c, i));
        *place(c, i) = c->below[i]->v;
    }
    return c->below[i];
}

/* ---- putting it back ---- */

/* Which changes may be applied, and their application: two walks over the branches. */
struct restorer {
    struct arena *a;
    size_t nchanges;
    bool *broken; /* by unit, which count from 1: one of its changes lost to a newer value */
    struct map *opened; /* the trees of text that changes are compared with, so that each is made once */
    bool apply;
};

/* Copies what the branch leads through. `c` is where its step is taken. */
static void copy_along(struct restorer *r, struct copy *c, const struct jv *branch) {
    struct copy *below = NULL;
    for (uint32_t i = 1; i < branch->len; i++) {
        const struct jv *entry = branch->items[i];
        r->nchanges += jv_is(entry, J_OBJ);
        if (!jv_is(entry, J_ARR) || entry->len == 0) continue;
        if (!below && c) below = copy_below(r->a, c, branch->items[0]);
        copy_along(r, below, entry);
    }
}

static int64_t unit_of_change(const struct restorer *r, const struct jv *change) {
    int64_t u = jv_get_int(change, "u", 0);
    return u > 0 && (size_t)u <= r->nchanges ? u : 0;
}

/* The object or list where a step is taken; NULL: none. A missing object of annotations counts as empty, and is
 * made below `holder` when it is needed. */
struct ground {
    struct copy *c, *holder;
};

static const struct jv *opened(struct restorer *r, const struct jv *v) {
    char key[2 * sizeof(void *) + 3];
    if (!jv_is(v, J_RAW)) return v;
    snprintf(key, sizeof key, "%p", (const void *)v->s);
    if (!r->opened) r->opened = map_in(r->a);
    struct jv *tree = map_get(r->opened, key);
    if (!tree) map_put(r->opened, key, tree = jv_open(r->a, v));
    return tree;
}

/* Is the object, of which members were taken away, the same as this one? */
static bool same_without_holes(struct restorer *r, struct copy *c, const struct jv *was) {
    if (!jv_is(was, J_OBJ) || was->len != c->v->len - c->nholes) return false;
    JV_FOR_OBJ(m, was) {
        const struct jmember *now = finder_member(&c->in, m->key, m->klen);
        if (!now || !same(opened(r, now->val), m->val)) return false;
    }
    return true;
}

/* The copy that the value at this place is; NULL: it is none. */
static struct copy *copy_at(const struct copy *c, int64_t i) {
    struct copy *below = i >= 0 && i < c->nbelow ? c->below[i] : NULL;
    if (!below && i >= 0 && c->made && *place(c, i) == c->made->v) return c->made;
    return below && *place(c, i) == below->v ? below : NULL;
}

/* Is the place of the change still as it was? */
static bool holds(struct restorer *r, struct ground g, const struct jv *step, const struct jv *change) {
    const struct jv *was = jv_get(change, "was");
    if (g.holder) return jv_is(step, J_STR) && !was;
    if (!g.c) return false;
    int64_t i = index_of(g.c, step);
    if (jv_is(step, J_STR) ? g.c->v->type != J_OBJ : i < 0) return false;
    struct copy *copy = copy_at(g.c, i);
    if (i < 0 || !was) return i < 0 && !was;
    return copy && copy->nholes ? same_without_holes(r, copy, was) : same(opened(r, *place(g.c, i)), was);
}

static void set_step(struct arena *a, struct copy *c, const struct jv *step, struct jv *val) {
    struct jmember *m = jv_is(step, J_STR) ? finder_member(&c->in, step->s, step->len) : NULL;
    int64_t i = jv_is(step, J_STR) ? -1 : index_of(c, step);
    if (i >= 0 && val) c->v->items[i] = val;
    if (!jv_is(step, J_STR)) return;
    if (m && m->val && !val) c->nholes++;
    if (m && !m->val && val) c->nholes--;
    if (m) m->val = val;
    else if (val) jv_add(a, c->v, step->s, step->len, val);
}

/* The annotations that are missing below the holder, which stand at the end of it from then on. */
static struct copy *make_annotations(struct arena *a, struct copy *holder) {
    static const struct jv step = {.type = J_STR, .len = sizeof "annotations" - 1, .s = "annotations"};
    set_step(a, holder, &step, jv_new_obj(a));
    struct copy *c = ARENA_NEW(a, struct copy);
    c->v = *place(holder, index_of(holder, &step));
    c->in = finder_of(a, c->v, NULL);
    return holder->made = c;
}

static void restore_change(struct restorer *r, struct ground *g, const struct jv *step,
                           const struct jv *change) {
    int64_t u = unit_of_change(r, change);
    bool ok = holds(r, *g, step, change);
    if (!r->apply) {
        r->broken[u] |= !ok;
    } else if (ok && !(u && r->broken[u])) {
        if (g->holder) *g = (struct ground){make_annotations(r->a, g->holder), NULL};
        set_step(r->a, g->c, step, jv_get(change, "is"));
    }
}

/* What a change has put there is nobody's copy, and no branch leads into it. */
static struct ground step_onto(struct ground g, const struct jv *step) {
    int64_t i = g.c ? index_of(g.c, step) : -1;
    bool notes = i < 0 && g.c && g.c->v->type == J_OBJ && str_eq(jv_str(step, NULL), "annotations");
    return (struct ground){g.c ? copy_at(g.c, i) : NULL, notes ? g.c : NULL};
}

static void restore_branch(struct restorer *r, struct ground *g, const struct jv *branch) {
    const struct jv *step = branch->items[0];
    struct ground below = {NULL, NULL};
    bool there = false;
    for (uint32_t i = 1; i < branch->len; i++) {
        const struct jv *entry = branch->items[i];
        if (jv_is(entry, J_OBJ)) restore_change(r, g, step, entry);
        if (!jv_len(entry) || entry->type != J_ARR) continue;
        if (!there) below = step_onto(*g, step);
        there = true;
        restore_branch(r, &below, entry);
    }
}

static void restore(struct restorer *r, struct copy *top, const struct jv *stash) {
    struct ground g = {top, NULL};
    JV_FOR_ARR(b, stash)
    if (jv_is(*b, J_ARR) && (*b)->len) restore_branch(r, &g, *b);
}

/* Closes up what was taken away. */
static void close_holes(struct copy *c) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < c->nbelow; i++)
        if (c->below[i]) close_holes(c->below[i]);
    if (c->made) close_holes(c->made);
    if (!c->nholes) return;
    for (uint32_t i = 0; i < c->v->len; i++)
        if (c->v->members[i].val) c->v->members[kept++] = c->v->members[i];
    c->v->len = kept;
}

/* A change with its whole path, as a branch. A path that no document is deep enough for counts as
 * none, so that the recursion is bounded. */
enum { DEEPEST_PATH = 128 };
static struct jv *branch_of(struct arena *a, struct jv *change) {
    const struct jv *path = jv_get(change, "at");
    struct jv *entry = change;
    bool usable = jv_is(path, J_ARR) && path->len <= DEEPEST_PATH;
    for (size_t i = usable ? path->len : 0; i-- > 0;) {
        struct jv *branch = jv_new_arr(a);
        jv_push(a, branch, path->items[i]);
        jv_push(a, branch, entry);
        entry = branch;
    }
    return entry;
}

struct jv *stash_apply(struct arena *a, const struct jv *doc, const struct jv *stash) {
    struct restorer r = {.a = a};
    struct jv *branches = jv_clone(a, stash);
    struct copy *top = copy_of(a, doc);
    for (uint32_t i = 0; i < branches->len; i++) {
        struct jv *b = branches->items[i];
        if (jv_is(b, J_OBJ)) b = branches->items[i] = branch_of(a, b);
        if (jv_is(b, J_ARR) && b->len) copy_along(&r, top, b);
    }
    r.broken = ARENA_ARRAY(a, r.nchanges + 1, bool);
    restore(&r, top, branches);
    r.apply = true;
    restore(&r, top, branches);
    close_holes(top);
    return top->v;
}
