/* YAML input. Hides libyaml: its events are composed into trees in the caller's arena. Plain scalars resolve as the YAML library
 * of kubectl does it (go.yaml.in/yaml/v2 below sigs.k8s.io/yaml), then numbers take the form in which Go writes JSON.
 * Every node, copies for aliases included, counts towards the limits, so a small text cannot become a large tree.
 * Two differences from kubectl are wanted: a key that is given twice is an error, and so is a key that only becomes a duplicate
 * as a string. One parser per call; any thread. */
#include "doc/yaml.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/map.h"
#include "base/str.h"
#include "number.h"

struct anchor {
    struct jv *value; /* NULL while it is being read: an alias to it would contain itself */
    size_t nodes, bytes;
};

struct loader {
    struct arena *a;
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    bool has_event;
    struct map *anchors; /* of the current document: name -> struct anchor in the arena */
    size_t nodes, bytes; /* made so far */
    bool was_float;      /* the last scalar was written as a float, though its JSON form may look like an integer */
    struct err *e;
};

static int fail_at(struct loader *l, yaml_mark_t mark, enum err_code code, const char *what) {
    return err_set(l->e, code, "line %zu, column %zu: %s", mark.line + 1, mark.column + 1, what);
}

static int fail(struct loader *l, const char *what) { return fail_at(l, l->event.start_mark, ERR_PARSE, what); }

static void drop_event(struct loader *l) {
    if (l->has_event) yaml_event_delete(&l->event);
    l->has_event = false;
}

static int fail_parser(struct loader *l) {
    const yaml_parser_t *p = &l->parser;
    if (p->error == YAML_MEMORY_ERROR) abort();
    const char *problem = p->problem ? p->problem : "not YAML";
    if (p->error == YAML_READER_ERROR)
        return err_set(l->e, ERR_PARSE, "byte %zu: %s: the text must be UTF-8 or UTF-16", p->problem_offset, problem);
    const char *context = p->context ? p->context : "";
    return err_set(l->e, ERR_PARSE, "line %zu, column %zu: %s%s%s", p->problem_mark.line + 1, p->problem_mark.column + 1,
                   context, *context ? ": " : "", problem);
}

static int next(struct loader *l) {
    drop_event(l);
    if (!yaml_parser_parse(&l->parser, &l->event)) return fail_parser(l);
    l->has_event = true;
    return 0;
}

static int account(struct loader *l, size_t nodes, size_t bytes) {
    const struct json_limits *max = &json_limits_default;
    l->nodes += nodes;
    l->bytes += bytes;
    if (l->nodes > max->max_nodes)
        return fail_at(l, l->event.start_mark, ERR_LIMIT,
                       "the document is too large once its aliases are expanded: too many values");
    if (l->bytes > max->max_bytes)
        return fail_at(l, l->event.start_mark, ERR_LIMIT,
                       "the document is too large once its aliases are expanded: too many bytes");
    return 0;
}

/* ---- scalars ---- */

static struct jv *number(struct arena *a, const char *text) {
    struct jv *v = ARENA_NEW(a, struct jv);
    *v = (struct jv){.type = J_NUM, .len = (uint32_t)strlen(text), .s = text};
    return v;
}

static bool listed(const char *s, const char *const *list) {
    for (; *list; list++)
        if (strcmp(s, *list) == 0) return true;
    return false;
}

static struct jv *resolve_word(struct arena *a, const char *s) {
    static const char *const yes[] = {"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON", NULL};
    static const char *const no[] = {"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF", NULL};
    static const char *const null[] = {"", "~", "null", "Null", "NULL", NULL};
    if (listed(s, yes)) return jv_new_bool(a, true);
    if (listed(s, no)) return jv_new_bool(a, false);
    return listed(s, null) ? jv_null(a) : NULL;
}

/* Digits in the base that their prefix names (0x, 0o, 0b, or 0 for octal); false when they are none, or beyond 64 bits. */
static bool parse_magnitude(const char *s, uint64_t *out) {
    int base = 10;
    if (s[0] == '0' && s[1]) {
        char c = (char)(s[1] | 0x20);
        base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
        s += c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
    }
    static const char digits[] = "0123456789abcdef";
    if (!*s) return false;
    *out = 0;
    for (; *s; s++) {
        const char *d = strchr(digits, *s >= 'A' && *s <= 'F' ? *s | 0x20 : *s);
        if (!d || d - digits >= base) return false;
        if (__builtin_mul_overflow(*out, (uint64_t)base, out) || __builtin_add_overflow(*out, (uint64_t)(d - digits), out))
            return false;
    }
    return true;
}

static struct jv *resolve_int(struct arena *a, const char *s) {
    bool negative = *s == '-', sign = negative || *s == '+';
    uint64_t v;
    if (!parse_magnitude(s + sign, &v)) return NULL;
    if (negative && v > (uint64_t)INT64_MAX + 1) return NULL;
    if (sign && !negative && v > INT64_MAX) return NULL;
    return number(a, arena_printf(a, "%s%llu", negative && v ? "-" : "", (unsigned long long)v));
}

/* [-+]? (.digits | digits (.digits?)?) ([eE][-+]?digits)? */
static bool is_float(const char *s) {
    s += *s == '-' || *s == '+';
    size_t whole = strspn(s, "0123456789"), fraction = 0;
    s += whole;
    if (*s == '.') {
        fraction = strspn(s + 1, "0123456789");
        s += 1 + fraction;
    }
    if (!whole && !fraction) return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        s += *s == '-' || *s == '+';
        size_t exponent = strspn(s, "0123456789");
        if (!exponent) return false;
        s += exponent;
    }
    return !*s;
}

static struct jv *resolve_float(struct arena *a, const char *s) {
    if (!is_float(s)) return NULL;
    double d = strtod(s, NULL);
    return isfinite(d) ? number(a, number_json(a, d)) : NULL;
}

static char *without_underscores(struct arena *a, const char *s) {
    char *out = arena_strdup(a, s), *to = out;
    for (; *s; s++)
        if (*s != '_') *to++ = *s;
    *to = '\0';
    return out;
}

static bool is_infinite(const char *s) {
    static const char *const names[] = {".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf",
                                        "+.INF", "-.inf", "-.Inf", "-.INF", NULL};
    return listed(s, names);
}

/* A null, boolean or number; NULL when the text is a string. */
static struct jv *resolve(struct arena *a, const char *s, bool *was_float) {
    struct jv *word = resolve_word(a, s);
    if (word) return word;
    if (*s == '.' && !number_underscores_ok(s)) return NULL;
    if (!strchr("+-.0123456789", *s)) return NULL;
    const char *plain = without_underscores(a, s);
    struct jv *n = resolve_int(a, plain);
    if (n) return n;
    n = resolve_float(a, plain);
    *was_float = n != NULL;
    return n;
}

#define TAG(name) "tag:yaml.org,2002:" name

/* True when a value of this type may carry the core tag `tag`. */
static bool fits_tag(const struct jv *v, const char *tag, bool was_float) {
    if (str_eq(tag, TAG("null"))) return jv_is(v, J_NULL);
    if (str_eq(tag, TAG("bool"))) return jv_is(v, J_BOOL);
    if (str_eq(tag, TAG("int"))) return jv_is(v, J_NUM) && !was_float;
    return jv_is(v, J_NUM);
}

static bool is_core_tag(const char *tag) {
    static const char *const tags[] = {TAG("null"), TAG("bool"), TAG("int"), TAG("float"), NULL};
    return listed(tag, tags);
}

static int scalar(struct loader *l, struct jv **out) {
    const char *s = (const char *)l->event.data.scalar.value, *tag = (const char *)l->event.data.scalar.tag;
    size_t n = l->event.data.scalar.length;
    bool implicit = l->event.data.scalar.plain_implicit && !tag;
    if (account(l, 1, n) != 0) return -1;
    if (str_eq(tag, TAG("binary"))) return fail(l, "!!binary is not supported: write the base64 text as a string");
    *out = NULL;
    l->was_float = false;
    if ((implicit || (tag && is_core_tag(tag))) && strlen(s) == n) {
        if (is_infinite(s)) return fail(l, "infinity and NaN cannot be written as JSON: use a finite number or quote the text");
        *out = resolve(l->a, s, &l->was_float);
    }
    if (tag && is_core_tag(tag) && (!*out || !fits_tag(*out, tag, l->was_float)))
        return fail(l, "the value does not fit its tag: correct the value or remove the tag");
    if (!*out) *out = jv_new_strn(l->a, s, n);
    return 0;
}

/* ---- aliases ---- */

static unsigned height(const struct jv *v) {
    unsigned most = 0;
    JV_FOR_ARR(it, v) {
        unsigned h = 1 + height(*it);
        if (h > most) most = h;
    }
    JV_FOR_OBJ(m, v) {
        unsigned h = 1 + height(m->val);
        if (h > most) most = h;
    }
    return most;
}

static int too_deep(struct loader *l) {
    return fail_at(l, l->event.start_mark, ERR_LIMIT, "the document is nested too deeply");
}

static int alias(struct loader *l, unsigned depth, struct jv **out) {
    const char *name = (const char *)l->event.data.alias.anchor;
    const struct anchor *anchor = map_get(l->anchors, name);
    if (!anchor) return fail(l, "unknown anchor: an alias must come after the anchor that it names");
    if (!anchor->value) return fail(l, "the value of an anchor must not contain an alias to itself");
    if (account(l, anchor->nodes, anchor->bytes) != 0) return -1;
    if (depth + height(anchor->value) > json_limits_default.max_depth) return too_deep(l);
    *out = jv_dup(l->a, anchor->value);
    return 0;
}

static struct anchor *anchor_begin(struct loader *l, const yaml_char_t *name) {
    if (!name) return NULL;
    struct anchor *anchor = ARENA_NEW(l->a, struct anchor);
    *anchor = (struct anchor){.nodes = l->nodes, .bytes = l->bytes};
    map_put(l->anchors, (const char *)name, anchor);
    return anchor;
}

static void anchor_end(const struct loader *l, struct anchor *anchor, struct jv *value) {
    if (!anchor) return;
    anchor->value = value;
    anchor->nodes = l->nodes - anchor->nodes;
    anchor->bytes = l->bytes - anchor->bytes;
}

/* ---- collections ---- */

static int node(struct loader *l, unsigned depth, struct jv **out);

static int sequence(struct loader *l, unsigned depth, struct jv **out) {
    if (account(l, 1, 0) != 0) return -1;
    *out = jv_new_arr(l->a);
    for (;;) {
        struct jv *item;
        if (next(l) != 0) return -1;
        if (l->event.type == YAML_SEQUENCE_END_EVENT) return 0;
        if (node(l, depth + 1, &item) != 0) return -1;
        jv_push(l->a, *out, item);
    }
}

/* A mapping under construction: members in order, found by key. */
struct pairs {
    struct jmember *members;
    bool *merged; /* came from a merge key, so writing it again is no mistake */
    size_t n, cap;
    struct map *index; /* key -> position + 1 */
};

static void pairs_fini(struct pairs *p) { map_free(p->index); }
#define PAIRS_AUTO __attribute__((cleanup(pairs_fini)))

static void pairs_append(struct arena *a, struct pairs *p, const char *key, struct jv *value, bool merged) {
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 8;
        p->members = arena_grow(a, p->members, p->cap * sizeof *p->members, cap * sizeof *p->members);
        p->merged = arena_grow(a, p->merged, p->cap * sizeof *p->merged, cap * sizeof *p->merged);
        p->cap = cap;
    }
    p->members[p->n] = (struct jmember){key, (uint32_t)strlen(key), value};
    p->merged[p->n++] = merged;
    map_put(p->index, key, (void *)(uintptr_t)p->n);
}

/* Returns false when the key was written twice. */
static bool pairs_put(struct arena *a, struct pairs *p, const char *key, struct jv *value, bool merged) {
    size_t at = (size_t)(uintptr_t)map_get(p->index, key);
    if (!at) {
        pairs_append(a, p, key, value, merged);
        return true;
    }
    if (!merged && !p->merged[at - 1]) return false;
    p->members[at - 1].val = value;
    p->merged[at - 1] = p->merged[at - 1] && merged;
    return true;
}

static bool is_merge_key(const yaml_event_t *ev) {
    if (ev->type != YAML_SCALAR_EVENT || strcmp((const char *)ev->data.scalar.value, "<<") != 0) return false;
    const char *tag = (const char *)ev->data.scalar.tag;
    return tag ? str_eq(tag, TAG("merge")) : ev->data.scalar.plain_implicit;
}

static int merge_one(struct loader *l, yaml_mark_t mark, struct pairs *p, const struct jv *from) {
    if (!jv_is(from, J_OBJ)) return fail_at(l, mark, ERR_PARSE, "a merge key (<<) takes a mapping or a list of mappings");
    JV_FOR_OBJ(m, from) pairs_put(l->a, p, m->key, m->val, true);
    return 0;
}

/* As in kubectl a merge overrides the keys before it; of a list of mappings the first one wins. */
static int merge(struct loader *l, unsigned depth, struct pairs *p) {
    struct jv *from;
    if (next(l) != 0) return -1;
    yaml_mark_t mark = l->event.start_mark;
    if (node(l, depth + 1, &from) != 0) return -1;
    if (!jv_is(from, J_ARR)) return merge_one(l, mark, p, from);
    for (size_t i = jv_len(from); i-- > 0;)
        if (merge_one(l, mark, p, jv_idx(from, i)) != 0) return -1;
    return 0;
}

static int key_text(struct loader *l, yaml_mark_t mark, const struct jv *v, const char **out) {
    switch (v->type) {
    case J_BOOL: *out = v->b ? "true" : "false"; return 0;
    case J_NUM: *out = l->was_float ? number_key(l->a, strtod(v->s, NULL)) : v->s; return 0;
    case J_STR:
        if (strlen(v->s) != v->len) return fail_at(l, mark, ERR_PARSE, "a key must not contain a NUL byte");
        *out = v->s;
        return 0;
    case J_NULL: return fail_at(l, mark, ERR_PARSE, "null cannot be a key: quote it or give it a name");
    default: return fail_at(l, mark, ERR_PARSE, "a list or mapping cannot be a key: use a string");
    }
}

static int pair(struct loader *l, unsigned depth, struct pairs *p) {
    struct jv *key, *value;
    const char *text = NULL;
    yaml_mark_t mark = l->event.start_mark;
    if (node(l, depth + 1, &key) != 0 || key_text(l, mark, key, &text) != 0) return -1;
    if (next(l) != 0 || node(l, depth + 1, &value) != 0) return -1;
    if (pairs_put(l->a, p, text, value, false)) return 0;
    return err_set(l->e, ERR_PARSE, "line %zu, column %zu: the key \"%.200s\" is already set in this mapping: remove one of them",
                   mark.line + 1, mark.column + 1, text);
}

static int mapping(struct loader *l, unsigned depth, struct jv **out) {
    if (account(l, 1, 0) != 0) return -1;
    PAIRS_AUTO struct pairs p = {.index = map_new()};
    for (;;) {
        if (next(l) != 0) return -1;
        if (l->event.type == YAML_MAPPING_END_EVENT) break;
        if ((is_merge_key(&l->event) ? merge(l, depth, &p) : pair(l, depth, &p)) != 0) return -1;
    }
    *out = jv_new_obj(l->a);
    (*out)->members = p.members;
    (*out)->len = (uint32_t)p.n;
    (*out)->cap = (uint32_t)p.cap;
    JV_FOR_OBJ(m, *out) (*out)->may_have |= jv_key_bit(m->key, m->klen);
    return 0;
}

/* The node that starts with the current event. */
static int node(struct loader *l, unsigned depth, struct jv **out) {
    if (depth > json_limits_default.max_depth) return too_deep(l);
    struct anchor *anchor;
    int rc;
    switch (l->event.type) {
    case YAML_ALIAS_EVENT: return alias(l, depth, out);
    case YAML_SCALAR_EVENT:
        anchor = anchor_begin(l, l->event.data.scalar.anchor);
        rc = scalar(l, out);
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = anchor_begin(l, l->event.data.sequence_start.anchor);
        rc = sequence(l, depth, out);
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = anchor_begin(l, l->event.data.mapping_start.anchor);
        rc = mapping(l, depth, out);
        break;
    default: return fail(l, "a value is missing here");
    }
    if (rc == 0) anchor_end(l, anchor, *out);
    return rc;
}

/* ---- the stream ---- */

/* One document; *out is NULL at the end of the stream. Anchors do not reach across documents. */
static int document(struct loader *l, struct jv **out) {
    *out = NULL;
    do
        if (next(l) != 0) return -1;
    while (l->event.type == YAML_STREAM_START_EVENT || l->event.type == YAML_DOCUMENT_END_EVENT);
    if (l->event.type == YAML_STREAM_END_EVENT) return 0;
    map_free(l->anchors);
    l->anchors = map_new();
    if (next(l) != 0) return -1;
    return node(l, 0, out);
}

static int documents(struct loader *l, struct jv ***out, size_t *n) {
    size_t cap = 0;
    for (;;) {
        struct jv *v;
        if (document(l, &v) != 0) return -1;
        if (!v) return 0;
        if (jv_is(v, J_NULL)) continue;
        if (*n == cap) {
            *out = arena_grow(l->a, *out, cap * sizeof **out, (cap + 16) * 2 * sizeof **out);
            cap = (cap + 16) * 2;
        }
        (*out)[(*n)++] = v;
    }
}

int yaml_parse_all(struct arena *a, const char *text, size_t len, struct jv ***out, size_t *n, struct err *e) {
    *out = ARENA_ARRAY(a, 0, struct jv *);
    *n = 0;
    if (len > json_limits_default.max_bytes)
        return err_set(e, ERR_LIMIT, "the text has %zu bytes, %zu are allowed", len, json_limits_default.max_bytes);
    struct loader l = {.a = a, .anchors = map_new(), .e = e};
    if (!yaml_parser_initialize(&l.parser)) abort();
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, len);
    int rc = documents(&l, out, n);
    drop_event(&l);
    yaml_parser_delete(&l.parser);
    map_free(l.anchors);
    return rc;
}
