/* Our own entry in managedFields says what we applied last, in the API server's own reading: "f:<name>" for a member, "k:{...}" for
 * an element of a list with keys, "v:..." for a value of a set, and an empty object for what it takes as a whole: a scalar, and a
 * map or list that is atomic. So one walk along desired, entry and live is exact for every kind and release, and needs no memory
 * of earlier writes:
 *
 *   - what is desired must be in the entry, and what is in the entry must be desired: else the apply changes who owns what, and
 *     removes what is desired no longer;
 *   - live must have the values; what is taken as a whole must be equal, our elements must come in our order. Everything else in
 *     live is a default, or somebody else's.
 *
 * The entry does not tell an atomic {} or [] from one that is merged; only there the field tables are asked (doc/shape.h). The
 * recursion is as deep as the object. Whoever wrote the object chose how many members there are, so they are looked up by hash
 * where there are many. */
#include "controller/core/compare.h"

#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "doc/find.h"
#include "doc/shape.h"

/* The way from the object down to a value: its shape is looked up when it is asked for. */
struct spot {
    const struct spot *up; /* NULL: the object */
    struct arena *a;
    enum kind kind;        /* of the object */
    const char *key;       /* of the member; NULL: an element of the list above */
    uint32_t klen;
};

static struct shape shape_at(const struct spot *at) {
    if (!at->up) return shape_of(kind_type(at->kind));
    struct shape up = shape_at(at->up);
    return at->key ? shape_member(&up, at->key, at->klen) : shape_element(&up);
}

static bool differs(const struct spot *at, const struct jv *ours, const struct jv *want, const struct jv *have);

/* ---- what is taken as a whole ---- */

static bool is_zero(const struct jv *v) {
    return jv_is_empty(v) || (v->type == J_BOOL && !v->b) || (v->type == J_NUM && jv_int(v, 1) == 0);
}

/* What the API server adds inside of values that it takes as a whole: core/v1's defaults. */
static bool is_added(const struct jmember *in, const struct jmember *m) {
    static const struct {
        const char *in, *key, *value;
    } added[] = {{"fieldRef", "apiVersion", "v1"}, {"serviceAccountToken", "expirationSeconds", "3600"}};
    for (size_t i = 0; in && i < sizeof added / sizeof *added; i++)
        if (str_eq(in->key, added[i].in) && str_eq(m->key, added[i].key))
            return (m->val->type == J_STR || m->val->type == J_NUM) && str_eq(m->val->s, added[i].value);
    return false;
}

/* in: the member that the two are; NULL: elements. */
static bool same(const struct jmember *in, const struct jv *want, const struct jv *have) {
    if (jv_is(want, J_ARR) && jv_is(have, J_ARR)) {
        if (want->len != have->len) return false;
        for (size_t i = 0; i < want->len; i++)
            if (!same(NULL, want->items[i], have->items[i])) return false;
        return true;
    }
    if (!jv_is(want, J_OBJ) || !jv_is(have, J_OBJ)) return jv_eq(want, have);
    JV_FOR_OBJ(m, have)
        if (!jv_getn(want, m->key, m->klen) && !is_added(in, m)) return false;
    JV_FOR_OBJ(m, want) {
        const struct jv *h = jv_getn(have, m->key, m->klen);
        if (!h || !same(m, m->val, h)) return false;
    }
    return true;
}

static bool whole_differs(const struct spot *at, const struct jv *want, const struct jv *have) {
    /* Whoever else takes a value away takes it out of our entry, too: the API server itself stores none. */
    if (!have) return !is_zero(want);
    if (jv_is(want, J_OBJ) && !want->len && jv_is(have, J_OBJ) && have->len) {
        return shape_at(at).atomic; /* else: members of others, to which we add none */
    }
    struct jmember in = {.key = at->key ? at->key : "", .klen = at->klen};
    return !same(&in, want, have);
}

/* ---- objects ---- */

/* What says which object it is, and what is the API server's, is never a field of a manager. */
static bool is_field(const struct spot *at, const char *key) {
    static const char *const of_object[] = {"apiVersion", "kind", "status", NULL};
    static const char *const of_meta[] = {"name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
                                          "managedFields", "selfLink", NULL};
    const char *const *not = !at->up ? of_object : !at->up->up && str_eq(at->key, "metadata") ? of_meta : NULL;
    for (; not && *not; not++)
        if (str_eq(key, *not)) return false;
    return true;
}

/* An empty list that is merged element by element is not in the entry, nor is a struct with nothing else in it. */
static bool leaves_no_trace(const struct spot *at, const struct jv *want) {
    struct shape s = shape_at(at);
    enum shape_how how = shape_how(&s, want);
    if (jv_is(want, J_ARR)) return !want->len && how != SHAPE_WHOLE;
    if (!jv_is(want, J_OBJ) || how != SHAPE_MEMBERS || !s.named) return false;
    if (!want->len) return !at->up->up && str_eq(at->key, "metadata");
    JV_FOR_OBJ(m, want) {
        struct spot below = {.up = at, .a = at->a, .kind = at->kind, .key = m->key, .klen = m->klen};
        if (is_field(at, m->key) && !leaves_no_trace(&below, m->val)) return false;
    }
    return true;
}

static struct spot spot_below(const struct spot *at, const struct jmember *m) {
    return (struct spot){.up = at, .a = at->a, .kind = at->kind, .key = m->key, .klen = m->klen};
}

/* Is everything that is wanted, and is not in the entry, what leaves no trace there? */
static bool only_traceless(const struct spot *at, const struct jv *ours, const struct jv *want) {
    struct finder fields = finder_of(at->a, ours, NULL);
    JV_FOR_OBJ(m, want) {
        const char *field = arena_printf(at->a, "f:%s", m->key);
        struct spot below = spot_below(at, m);
        if (is_field(at, m->key) && !finder_member(&fields, field, m->klen + 2) && !leaves_no_trace(&below, m->val)) return false;
    }
    return true;
}

static bool members_differ(const struct spot *at, const struct jv *ours, const struct jv *want, const struct jv *have) {
    struct finder wanted = finder_of(at->a, want, NULL), there = finder_of(at->a, have, NULL);
    size_t n = 0;
    JV_FOR_OBJ(field, ours) {
        if (field->klen < 2 || field->key[0] != 'f' || field->key[1] != ':') continue;
        const struct jmember *m = finder_member(&wanted, field->key + 2, field->klen - 2);
        if (!m || !is_field(at, m->key)) return true;
        struct spot below = spot_below(at, m);
        if (differs(&below, field->val, m->val, finder_counterpart(&there, m, (size_t)(m - want->members)))) return true;
        n++;
    }
    return n != want->len && !only_traceless(at, ours, want);
}

/* ---- lists that are merged ---- */

static bool is_element(const struct jmember *m) { return (m->key[0] == 'k' || m->key[0] == 'v') && m->key[1] == ':'; }

/* A scalar of the text, and where it ends. Keys are scalars; the API server writes them as compact JSON. */
static const char *scalar_end(const char *s) {
    if (*s != '"') return s + strcspn(s, ",}");
    for (s++; *s && *s != '"'; s++)
        if (*s == '\\' && s[1]) s++;
    return *s ? s + 1 : s;
}

static struct jv *scalar(struct arena *a, const char *from, const char *to) {
    struct err ignored = ERR_INIT;
    return json_parse(a, from, (size_t)(to - from), NULL, &ignored);
}

static bool is_scalar(const char *from, const char *to, const struct jv *v) {
    size_t n = (size_t)(to - from);
    if (!v) return false;
    if (v->type == J_STR && n >= 2 && *from == '"' && !memchr(from, '\\', n))
        return v->len == n - 2 && memcmp(v->s, from + 1, v->len) == 0;
    if (v->type == J_NUM && v->len == n && memcmp(v->s, from, n) == 0) return true;
    ARENA_AUTO struct arena *a = arena_new();
    return jv_eq(scalar(a, from, to), v);
}

/* Does the entry of an element name the field of a key? There are as many keys as a table says. */
static bool names(const struct jv *element, const char *key, size_t klen) {
    JV_FOR_OBJ(m, element)
        if (m->klen == klen + 2 && m->key[0] == 'f' && memcmp(m->key + 2, key, klen) == 0) return true;
    return false;
}

struct key { const char *name, *name_end, *value, *end; };

/* Reads the next key of an entry's text "{...}"; false: there is no other. */
static bool next_key(const char **at, struct key *k) {
    const char *s = *at;
    if ((*s != '{' && *s != ',') || s[1] != '"') return false;
    const char *end = scalar_end(s + 1);
    if (*end != ':') return false;
    *k = (struct key){.name = s + 2, .name_end = end - 1, .value = end + 1, .end = scalar_end(end + 1)};
    *at = k->end;
    return true;
}

/* Is this the element of that entry? A key that the applied element left out stands in the entry with its default, but not among
 * the fields: then it must be left out of what is wanted, too. Live has all keys. */
static bool has_keys(const struct jmember *entry, const struct jv *item, bool live) {
    const char *s = entry->key + 2;
    if (*s != '{') return is_scalar(s, entry->key + entry->klen, item);
    if (!jv_is(item, J_OBJ)) return false;
    for (struct key k; next_key(&s, &k);) {
        size_t n = (size_t)(k.name_end - k.name);
        const struct jv *v = jv_getn(item, k.name, n);
        bool left_out = !live && entry->val->len && !names(entry->val, k.name, n);
        if (left_out ? v != NULL : !is_scalar(k.value, k.end, v)) return false;
    }
    return *s == '}';
}

#define FEW 16

/* The first of many elements that may be the one: by its first key, which has no default. */
static size_t first_candidate(struct arena *a, struct finder *many, const struct jv *want, const struct jmember *entry) {
    const char *s = entry->key + 2;
    struct key k = {.name = s, .name_end = s, .value = s, .end = scalar_end(s)};
    bool keyed = next_key(&s, &k);
    if (want->len <= FEW) return 0;
    if (!many->in) *many = finder_of(a, want, keyed ? arena_strndup(a, k.name, (size_t)(k.name_end - k.name)) : NULL);
    int64_t at = finder_find(many, scalar(a, k.value, k.end));
    return at < 0 ? want->len : (size_t)at;
}

/* Which entry belongs to which wanted element; NULL: one of them belongs to none. */
static const struct jmember **entries_of(struct arena *a, const struct jv *ours, const struct jv *want) {
    const struct jmember **of = ARENA_ARRAY(a, want->len + 1, const struct jmember *);
    memset(of, 0, (want->len + 1) * sizeof *of);
    struct finder many = {0};
    size_t n = 0;
    JV_FOR_OBJ(entry, ours) {
        if (!is_element(entry)) continue;
        size_t i = first_candidate(a, &many, want, entry);
        while (i < want->len && (of[i] || !has_keys(entry, want->items[i], false))) i++;
        if (i >= want->len) return NULL;
        of[i] = entry;
        n++;
    }
    return n == want->len ? of : NULL;
}

/* Each wanted element is ours and there, in this order; and no other is ours. */
static bool elements_differ(const struct spot *at, const struct jv *ours, const struct jv *want, const struct jv *have) {
    const struct jmember **entries = entries_of(at->a, ours, want);
    if (!entries) return true;
    struct spot below = {.up = at, .a = at->a, .kind = at->kind};
    size_t next = 0;
    for (uint32_t i = 0; i < want->len; i++, next++) {
        while (next < jv_len(have) && !has_keys(entries[i], have->items[next], true)) next++;
        if (next >= jv_len(have) || differs(&below, entries[i]->val, want->items[i], have->items[next])) return true;
    }
    return false;
}

/* ---- the walk ---- */

/* ours: the fieldsV1 of this value. "." is the value itself, beside its parts. */
static bool differs(const struct spot *at, const struct jv *ours, const struct jv *want, const struct jv *have) {
    bool parts = ours->len > 1 || (ours->len == 1 && !str_eq(ours->members[0].key, "."));
    if (!parts) return whole_differs(at, want, have);
    if (jv_is(want, J_OBJ)) return members_differ(at, ours, want, have);
    return !jv_is(want, J_ARR) || elements_differ(at, ours, want, have);
}

const struct jv *applied_fields(const struct jv *live) {
    JV_FOR_ARR(entry, jv_path(live, "metadata", "managedFields", (char *)0)) {
        if (str_eq(jv_get_str(*entry, "manager"), FIELD_MANAGER) && str_eq(jv_get_str(*entry, "operation"), "Apply") &&
            !jv_get(*entry, "subresource"))
            return jv_get(*entry, "fieldsV1");
    }
    return NULL;
}

bool apply_needed(enum kind k, const struct jv *desired, const struct jv *live) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *ours = live ? applied_fields(live) : NULL;
    struct spot object = {.a = a, .kind = k};
    return !jv_is(ours, J_OBJ) || members_differ(&object, ours, desired, live);
}
