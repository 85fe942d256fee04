/* Documents and sets of their fields, as server-side apply takes documents apart: the fields that a document has, the fields in
 * which two differ, one laid over the other, one without some fields. Each walk goes along the shape of the kind; recursion is as
 * deep as the document. Nothing is kept. */
#include <string.h>

#include "base/str.h"
#include "sim/fields.h"

/* ---- parts ---- */

static const char *member_part(struct arena *a, const struct jmember *m) { return arena_printf(a, "f:%s", m->key); }

/* The part that an element of a list is: its value, or its keys in the order of their names. NULL: it has none. */
static const char *element_part(struct arena *a, const struct shape *list, const struct jv *item) {
    const char *keys = shape_keys(list);
    if (!keys) return arena_printf(a, "v:%s", json_text(a, item));
    struct jv *id = jv_new_obj(a);
    for (const char *k = keys, *end; k; k = end ? end + 1 : NULL) {
        end = strchr(k, ',');
        size_t n = end ? (size_t)(end - k) : strlen(k);
        const char *dflt = shape_key_default(list, k, n);
        struct err ignored = ERR_INIT;
        struct jv *v = jv_getn(item, k, n);
        jv_setn(a, id, k, n, v ? v : dflt ? json_parse(a, dflt, strlen(dflt), NULL, &ignored) : NULL);
    }
    return id->len ? arena_printf(a, "k:%s", json_text(a, id)) : NULL;
}

struct part { const char *key; const struct jv *v; };
struct parts { struct part *items; size_t n; };

static const struct jv *part_find(const struct parts *in, const char *key) {
    for (size_t i = 0; i < in->n; i++)
        if (str_eq(in->items[i].key, key)) return in->items[i].v;
    return NULL;
}

static struct parts parts_of(struct arena *a, const struct shape *s, const struct jv *v) {
    struct parts p = {.items = ARENA_ARRAY(a, jv_len(v) + 1, struct part)};
    JV_FOR_OBJ(m, v) p.items[p.n++] = (struct part){member_part(a, m), m->val};
    JV_FOR_ARR(it, v) {
        const char *key = element_part(a, s, *it);
        if (key && !part_find(&p, key)) p.items[p.n++] = (struct part){key, *it};
    }
    return p;
}

static struct shape shape_of_part(const struct shape *s, const char *key) {
    return key[0] == 'f' ? shape_member(s, key + 2, strlen(key + 2)) : shape_element(s);
}

static void put(struct arena *a, struct jv **set, const char *key, struct jv *part) {
    if (!part) return;
    if (!*set) *set = jv_new_obj(a);
    jv_set(a, *set, key, part);
}

static struct jv *with_self(struct arena *a, struct jv *set) {
    if (!jv_len(set)) return jv_new_obj(a);
    jv_set(a, set, ".", jv_new_obj(a));
    return set;
}

/* ---- the fields of a document ---- */

struct jv *fields_of(struct arena *a, const struct shape *s, const struct jv *v) {
    if (shape_how(s, v) == SHAPE_WHOLE) return jv_new_obj(a);
    struct parts p = parts_of(a, s, v);
    struct jv *set = NULL;
    for (size_t i = 0; i < p.n; i++) {
        struct shape below = shape_of_part(s, p.items[i].key);
        const struct jv *val = p.items[i].v;
        struct jv *part = fields_of(a, &below, val);
        bool self = !below.named || jv_is(val, J_NULL) || (jv_is(val, J_OBJ) && !val->len);
        put(a, &set, p.items[i].key, self ? with_self(a, part) : part);
    }
    return set;
}

/* ---- where two differ ---- */

static struct fields_diff leaf_diff(struct arena *a, const struct jv *was, const struct jv *is) {
    struct fields_diff d = {0};
    if (!was) d.added = jv_new_obj(a);
    else if (!is) d.removed = jv_new_obj(a);
    else if (!jv_eq(was, is)) d.modified = jv_new_obj(a);
    return d;
}

static bool is_container(const struct jv *v) { return jv_is(v, J_OBJ) || jv_is(v, J_ARR); }

static void diff_parts(struct arena *a, const struct shape *s, const struct jv *was, const struct jv *is, struct fields_diff *d) {
    struct parts x = parts_of(a, s, was), y = parts_of(a, s, is);
    for (size_t i = 0; i < x.n + y.n; i++) {
        const char *key = i < x.n ? x.items[i].key : y.items[i - x.n].key;
        const struct jv *in_x = part_find(&x, key);
        if (i >= x.n && in_x) continue;
        struct shape below = shape_of_part(s, key);
        struct fields_diff part = fields_compare(a, &below, in_x, part_find(&y, key));
        put(a, &d->added, key, part.added);
        put(a, &d->modified, key, part.modified);
        put(a, &d->removed, key, part.removed);
    }
}

struct fields_diff fields_compare(struct arena *a, const struct shape *s, const struct jv *was, const struct jv *is) {
    if (was && is && jv_eq(was, is)) return (struct fields_diff){0};
    enum shape_how x = shape_how(s, was ? was : is), y = shape_how(s, is ? is : was);
    if (x != y) { /* without a type: something else than it was */
        struct fields_diff d = {0};
        diff_parts(a, s, x == SHAPE_WHOLE ? NULL : was, y == SHAPE_WHOLE ? NULL : is, &d);
        d.modified = with_self(a, d.modified);
        return d;
    }
    if (x == SHAPE_WHOLE || (!jv_len(was) && !jv_len(is))) return leaf_diff(a, was, is);
    struct fields_diff d = {0};
    diff_parts(a, s, is_container(was) ? was : NULL, is_container(is) ? is : NULL, &d);
    if (!was) d.added = with_self(a, d.added);
    if (!is) d.removed = with_self(a, d.removed);
    return d;
}

/* ---- without some ---- */

/* NULL: nothing is left. */
static struct jv *take_out(struct arena *a, const struct shape *s, const struct jv *v, const struct jv *set) {
    bool list = jv_is(v, J_ARR);
    if (!is_container(v)) return jv_dup(a, v);
    if (!v->len || shape_how(s, v) == SHAPE_WHOLE) return NULL;
    struct jv *out = list ? jv_new_arr(a) : jv_new_obj(a);
    for (uint32_t i = 0; i < v->len; i++) {
        const struct jv *val = list ? v->items[i] : v->members[i].val;
        const char *key = list ? element_part(a, s, val) : member_part(a, &v->members[i]);
        const struct jv *gone = key ? jv_get(set, key) : NULL;
        if (gone && (!gone->len || jv_get(gone, "."))) continue;
        struct shape below = shape_of_part(s, key ? key : "");
        struct jv *rest = gone ? take_out(a, &below, val, gone) : jv_dup(a, val);
        if (!rest) rest = jv_null(a);
        if (list) jv_push(a, out, rest);
        else jv_set(a, out, v->members[i].key, rest);
    }
    return out->len ? out : NULL;
}

struct jv *fields_take_out(struct arena *a, const struct shape *s, const struct jv *doc, const struct jv *set) {
    struct jv *out = jv_len(set) ? take_out(a, s, doc, set) : jv_dup(a, doc);
    return out ? out : jv_new_obj(a);
}

/* ---- one over the other ---- */

struct merging { struct arena *a; const struct shape *s; struct parts live, config; struct jv *out; struct err *e; };

static struct jv *merge(struct arena *a, const struct shape *s, const struct jv *live, const struct jv *config, struct err *e);

static int merge_part(struct merging *g, const char *key, const struct jv *live, const struct jv *config) {
    struct shape below = shape_of_part(g->s, key);
    struct jv *v = merge(g->a, &below, live, config, g->e);
    if (g->e->code) return -1;
    if (v && jv_is(g->out, J_ARR)) jv_push(g->a, g->out, v);
    else if (v) jv_set(g->a, g->out, key + 2, v);
    return 0;
}

static int part_index(const struct parts *in, const char *key) {
    for (size_t i = 0; i < in->n; i++)
        if (str_eq(in->items[i].key, key)) return (int)i;
    return -1;
}

/* The next element of the config, from r on, that live has, too. */
static size_t next_shared(const struct merging *g, size_t r) {
    while (r < g->config.n && part_index(&g->live, g->config.items[r].key) < 0) r++;
    return r;
}

/* The elements of the config keep their order; those that only live has stay between the neighbours that they had. */
static int merge_lists(struct merging *g) {
    const struct parts *x = &g->live, *y = &g->config;
    size_t l = 0, r = 0;
    while (l < x->n || r < y->n) {
        int at = l < x->n ? part_index(y, x->items[l].key) : -1;
        size_t shared = next_shared(g, r);
        if (l < x->n && at < 0) { /* only live has it */
            if (merge_part(g, x->items[l].key, x->items[l].v, NULL)) return -1;
            l++;
        } else if (l < x->n && shared < y->n && (size_t)at != shared) {
            l++; /* it came, or comes, at its place in the config */
        } else {
            if (l < x->n && (size_t)at <= r) l++;
            if (r == y->n) continue;
            if (merge_part(g, y->items[r].key, part_find(x, y->items[r].key), y->items[r].v)) return -1;
            r++;
        }
    }
    return 0;
}

static int merge_objects(struct merging *g) {
    for (size_t i = 0; i < g->live.n; i++)
        if (merge_part(g, g->live.items[i].key, g->live.items[i].v, part_find(&g->config, g->live.items[i].key))) return -1;
    for (size_t i = 0; i < g->config.n; i++)
        if (!part_find(&g->live, g->config.items[i].key) &&
            merge_part(g, g->config.items[i].key, NULL, g->config.items[i].v))
            return -1;
    return 0;
}

/* NULL: nothing, or *e is set. */
static struct jv *merge(struct arena *a, const struct shape *s, const struct jv *live, const struct jv *config, struct err *e) {
    const struct jv *of = config ? config : live;
    if (shape_how(s, of) == SHAPE_WHOLE || (!jv_len(live) && !jv_len(config)) || (config && !is_container(config)))
        return jv_dup(a, of);
    struct merging g = {.a = a, .s = s, .live = parts_of(a, s, live), .config = parts_of(a, s, config), .e = e};
    if (jv_is(config, J_ARR) && g.config.n != config->len)
        return err_set(e, ERR_INVALID, "an element of a list occurs twice, or has no key: %s", json_text(a, config)), NULL;
    g.out = jv_is(of, J_ARR) ? jv_new_arr(a) : jv_new_obj(a);
    if (jv_is(of, J_ARR) ? merge_lists(&g) : merge_objects(&g)) return NULL;
    return g.out->len ? g.out : NULL;
}

struct jv *fields_merge(struct arena *a, const struct shape *s, const struct jv *live, const struct jv *config, struct err *e) {
    struct err mine = ERR_INIT;
    struct jv *out = merge(a, s, live, config, &mine);
    if (mine.code) {
        if (e) *e = mine;
        return NULL;
    }
    return out ? out : jv_new_obj(a);
}

const char *fields_doubled(struct arena *a, const struct shape *s, const struct jv *v) {
    enum shape_how how = shape_how(s, v);
    if (how == SHAPE_WHOLE || !is_container(v)) return NULL;
    struct parts p = parts_of(a, s, v);
    const char *found = p.n != v->len ? s->row->key : NULL;
    for (size_t i = 0; i < p.n && !found; i++) {
        struct shape below = shape_of_part(s, p.items[i].key);
        found = fields_doubled(a, &below, p.items[i].v);
    }
    return found;
}
