/* The stash: what one version can't say, as a list of differences against what a plain round trip
 * would give. Because it is computed from the result and not from a list of known fields, a round
 * trip is the identity for every document, and an unchanged document needs no more than its own
 * differences. Shared subtrees compare by address, so the cost is that of the edited levels. Pure;
 * the recursion is as deep as the documents, which the parser bounds. */
#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/str.h"
#include "convert.h"

/* Where the comparison is: a key, or an element by its number or (named) by its name. On the stack,
 * and spelled out only for what differs. */
struct step {
    const struct step *up; /* NULL: at the top */
    const struct jmember *member;
    const struct jv *named; /* an element whose name tells it from the others */
    uint32_t index;
};

struct differ {
    struct arena *a;
    struct buf *out; /* the text of the changes so far; empty: none */
    int64_t units;
};

static bool same(const struct jv *x, const struct jv *y);

static bool same_opened(const struct jv *x, const struct jv *y) {
    ARENA_AUTO struct arena *tmp = arena_new();
    return same(jv_open(tmp, x), jv_open(tmp, y));
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
    JV_FOR_OBJ(m, x) if (!same(m->val, jv_getn(y, m->key, m->klen))) return false;
    return true;
}

static void spell(struct buf *out, const struct step *at) {
    if (at->up) {
        spell(out, at->up);
        buf_putc(out, ',');
    }
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

static void note(struct differ *d, const struct step *at, const struct jv *was, const struct jv *is,
                 int64_t unit) {
    buf_puts(d->out, d->out->len ? ",{\"at\":[" : "[{\"at\":[");
    if (at) spell(d->out, at);
    buf_putc(d->out, ']');
    if (was) buf_puts(d->out, ",\"was\":"), json_write(d->out, was);
    if (is) buf_puts(d->out, ",\"is\":"), json_write(d->out, is);
    if (unit) buf_printf(d->out, ",\"u\":%" PRId64, unit);
    buf_putc(d->out, '}');
}

static void diff(struct differ *d, const struct step *at, const struct jv *base,
                 const struct jv *want, int64_t unit);

/* The policy of restarts is one value in v1alpha1 and two in v1alpha2: they come back together or
 * not at all. */
static int64_t unit_of(const char *key, int64_t inherited, int64_t fresh) {
    if (!inherited && !fresh) return 0;
    if (str_eq(key, "restartPolicy") || str_eq(key, "restartPolicyConfig")) return fresh;
    return str_eq(key, "type") ? inherited : 0;
}

static void diff_members(struct differ *d, const struct step *up, const struct jv *base,
                         const struct jv *want, int64_t unit) {
    int64_t fresh =
        jv_get(base, "restartPolicyConfig") || jv_get(want, "restartPolicyConfig") ? ++d->units : 0;
    JV_FOR_OBJ(m, base) {
        const struct step at = {.up = up, .member = m};
        diff(d, &at, m->val, jv_getn(want, m->key, m->klen), unit_of(m->key, unit, fresh));
    }
    JV_FOR_OBJ(w, want) {
        const struct step at = {.up = up, .member = w};
        if (!jv_getn(base, w->key, w->klen))
            diff(d, &at, NULL, w->val, unit_of(w->key, unit, fresh));
    }
}

/* True when the elements of both lists have the same names in the same order, each of them once. */
static bool named_alike(struct arena *a, const struct jv *x, const struct jv *y) {
    struct map *seen = map_in(a);
    bool alike = true;
    for (uint32_t i = 0; alike && i < x->len; i++) {
        const char *name = jv_get_str(x->items[i], "name");
        alike = !str_empty(name) && str_eq(name, jv_get_str(y->items[i], "name"));
        alike = alike && !map_put(seen, name, x->items[i]);
    }
    return alike;
}

static void diff_items(struct differ *d, const struct step *up, const struct jv *base,
                       const struct jv *want) {
    bool named = named_alike(d->a, base, want);
    for (uint32_t i = 0; i < base->len; i++) {
        const struct step at = {.up = up, .index = i, .named = named ? base->items[i] : NULL};
        diff(d, &at, base->items[i], want->items[i], 0);
    }
}

static bool at_annotations(const struct step *at) {
    return at && at->member && str_eq(at->member->key, "annotations");
}

static void diff(struct differ *d, const struct step *at, const struct jv *base,
                 const struct jv *want, int64_t unit) {
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
    BUF_AUTO struct buf out = BUF_INIT;
    struct differ d = {.a = a, .out = &out};
    diff(&d, NULL, base, want, 0);
    if (!out.len) return NULL;
    buf_putc(&out, ']');
    return jv_new_strn(a, out.s, out.len);
}

/* ---- putting it back ---- */

static int index_of(const struct jv *list, const struct jv *step) {
    if (!jv_is(list, J_ARR)) return -1;
    if (jv_is(step, J_NUM)) {
        int64_t i = jv_int(step, -1);
        return i >= 0 && i < list->len ? (int)i : -1;
    }
    const char *name = jv_get_str(step, "name");
    for (uint32_t i = 0; name && i < list->len; i++)
        if (str_eq(jv_get_str(list->items[i], "name"), name)) return (int)i;
    return -1;
}

static struct jv *step_into(const struct jv *at, const struct jv *step) {
    if (jv_is(step, J_STR)) return jv_getn(at, step->s, step->len);
    int i = index_of(at, step);
    return i < 0 ? NULL : at->items[i];
}

static void set_step(struct arena *a, struct jv *at, const struct jv *step, struct jv *val) {
    if (jv_is(step, J_STR)) {
        if (val)
            jv_setn(a, at, step->s, step->len, val);
        else
            jv_deln(at, step->s, step->len);
        return;
    }
    int i = index_of(at, step);
    if (i >= 0 && val) at->items[i] = val;
}

/* Is the place of the change still as it was? An object of annotations that is missing counts as
 * empty. */
static bool holds(const struct jv *doc, const struct jv *change) {
    const struct jv *at = doc, *path = jv_get(change, "at");
    if (!jv_is(path, J_ARR) || path->len == 0) return false;
    for (uint32_t i = 0; i + 1 < path->len; i++) {
        const struct jv *next = step_into(at, path->items[i]);
        bool notes = i + 2 == path->len && jv_is(at, J_OBJ) &&
                     str_eq(jv_str(path->items[i], NULL), "annotations");
        if (!next && notes) return !jv_get(change, "was");
        at = next;
    }
    const struct jv *step = path->items[path->len - 1];
    if (!at || (jv_is(step, J_STR) ? at->type != J_OBJ : index_of(at, step) < 0)) return false;
    return same(step_into(at, step), jv_get(change, "was"));
}

static void apply_change(struct arena *a, struct jv *doc, const struct jv *change) {
    struct jv *at = doc;
    const struct jv *path = jv_get(change, "at");
    for (uint32_t i = 0; i + 1 < path->len; i++) {
        struct jv *next = step_into(at, path->items[i]);
        if (!next) set_step(a, at, path->items[i], next = jv_new_obj(a));
        at = next;
    }
    set_step(a, at, path->items[path->len - 1], jv_get(change, "is"));
}

/* Copies the levels that changes may edit, as trees, and shares what is below. */
static struct jv *clone_levels(struct arena *a, const struct jv *v, size_t levels) {
    if (levels > 0) v = jv_open(a, v);
    if (levels == 0 || (v->type != J_OBJ && v->type != J_ARR)) return (struct jv *)(uintptr_t)v;
    struct jv *out = jv_clone(a, v);
    for (uint32_t i = 0; i < out->len; i++) {
        if (v->type == J_OBJ)
            out->members[i].val = clone_levels(a, v->members[i].val, levels - 1);
        else
            out->items[i] = clone_levels(a, v->items[i], levels - 1);
    }
    return out;
}

/* Which units may be applied: broken[u] when one of its changes lost to a newer value. Units count
 * from 1. */
static bool *broken_units(struct arena *a, const struct jv *doc, const struct jv *stash) {
    bool *broken = ARENA_ARRAY(a, jv_len(stash) + 1, bool);
    JV_FOR_ARR(c, stash) {
        int64_t u = jv_get_int(*c, "u", 0);
        if (u > 0 && (size_t)u <= stash->len && !holds(doc, *c)) broken[u] = true;
    }
    return broken;
}

struct jv *stash_apply(struct arena *a, const struct jv *doc, const struct jv *stash) {
    size_t deepest = 0;
    JV_FOR_ARR(c, stash) {
        size_t n = jv_len(jv_get(*c, "at"));
        if (n > deepest) deepest = n;
    }
    struct jv *out = clone_levels(a, doc, deepest);
    const bool *broken = broken_units(a, out, stash);
    JV_FOR_ARR(c, stash) {
        int64_t u = jv_get_int(*c, "u", 0);
        if (u > 0 && (size_t)u <= stash->len && broken[u]) continue;
        if (holds(out, *c)) apply_change(a, out, *c);
    }
    return out;
}
