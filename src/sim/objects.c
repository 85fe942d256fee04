/* The objects of the simulated cluster, and reading them. Owns the texts; readers get trees in their own arenas. One thread. */
#include "sim/objects.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"

/* ---- life ---- */

static struct jv *source_read(void *self, struct arena *a, enum kind k, const char *ns, const char *name);
static size_t source_read_list(void *self, struct arena *a, enum kind k, const char *index, struct jv ***out);

struct cluster *cluster_new(const struct clock *clock) {
    struct cluster *c = must(calloc(1, sizeof *c));
    c->clock = clock;
    c->version = 1000;
    c->source = (struct source){.self = c, .get = source_read, .list = source_read_list};
    return c;
}

static void keys_free(struct object *o) {
    for (size_t i = 0; i < o->nkeys; i++) free(o->keys[i]);
    free(o->keys);
    o->keys = NULL;
    o->nkeys = 0;
}

static void object_fini(struct object *o) {
    keys_free(o);
    free(o->ns);
    free(o->name);
    free(o->text);
}

void cluster_free(struct cluster *c) {
    if (!c) return;
    for (size_t i = 0; i < c->n; i++) object_fini(&c->objects[i]);
    for (size_t i = 0; i < c->nrevealed; i++) free(c->revealed[i]);
    free(c->revealed);
    free(c->objects);
    free(c->watchers);
    for (size_t i = 0; i < c->nrefusals; i++) {
        free(c->refusals[i].ns);
        free(c->refusals[i].words);
    }
    free(c->refusals);
    free(c);
}

void cluster_watch(struct cluster *c, cluster_watch_fn fn, void *ctx) {
    c->watchers = must(realloc(c->watchers, (c->nwatchers + 1) * sizeof *c->watchers));
    c->watchers[c->nwatchers++] = (struct watcher){fn, ctx};
}

static void tell(struct cluster *c, enum kind k, const struct jv *was, const struct jv *is) {
    for (size_t i = 0; i < c->nwatchers; i++) c->watchers[i].fn(c->watchers[i].ctx, k, was, is);
}

/* ---- finding ---- */

static int order(const struct object *o, enum kind k, const char *ns, const char *name) {
    if (o->kind != k) return o->kind < k ? -1 : 1;
    int d = strcmp(o->ns, ns);
    return d ? d : strcmp(o->name, name);
}

bool objects_find(const struct cluster *c, enum kind k, const char *ns, const char *name, size_t *at) {
    size_t lo = 0, hi = c->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (order(&c->objects[mid], k, ns, name) < 0) lo = mid + 1;
        else hi = mid;
    }
    *at = lo;
    return lo < c->n && order(&c->objects[lo], k, ns, name) == 0;
}

void objects_range(const struct cluster *c, enum kind k, size_t *from, size_t *to) {
    objects_find(c, k, "", "", from);
    objects_find(c, k + 1, "", "", to);
}

static bool is_data(const struct json_place *at) {
    return !at->in && at->klen == 4 && memcmp(at->key, "data", 4) == 0;
}

/* The data of a revision stay the text that was written. */
struct jv *objects_doc(struct arena *a, const struct object *o) {
    struct err e = ERR_INIT;
    struct jv *doc = o->kind == KIND_REVISION
                         ? json_parse_outline(a, arena_strndup(a, o->text, o->len), o->len, &json_limits_default, is_data, NULL, &e)
                         : json_parse(a, o->text, o->len, NULL, &e);
    if (!doc) abort(); /* it was written by json_write */
    return doc;
}

static struct jv *opened_doc(struct arena *a, const struct object *o) {
    struct jv *doc = objects_doc(a, o);
    if (o->kind == KIND_REVISION) jv_set(a, doc, "data", jv_open(a, jv_get(doc, "data")));
    return doc;
}

const char *objects_ns(enum kind k, const char *ns) {
    if (kind_info(k)->cluster_scoped) return "";
    return str_empty(ns) ? "default" : ns;
}

struct jv *objects_get(struct cluster *c, struct arena *a, enum kind k, const char *ns, const char *name) {
    size_t at;
    return objects_find(c, k, objects_ns(k, ns), name, &at) ? objects_doc(a, &c->objects[at]) : NULL;
}

/* ---- changing ---- */

static void add_key(void *ctx, const char *key) {
    struct object *o = ctx;
    o->keys = must(realloc(o->keys, (o->nkeys + 1) * sizeof *o->keys));
    o->keys[o->nkeys++] = must(strdup(key));
}

static void make_keys(struct object *o, struct arena *a, const struct jv *doc) {
    keys_free(o);
    JV_FOR_ARR(ref, jv_path(doc, "metadata", "ownerReferences", (char *)0))
        add_key(o, arena_printf(a, "o/%s", jv_str(jv_get(*ref, "uid"), "")));
    add_key(o, arena_printf(a, "n/%s", o->ns));
    source_index(doc, add_key, o);
}

static struct object *insert(struct cluster *c, size_t at, enum kind k, const char *ns, const char *name) {
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 64;
        c->objects = must(realloc(c->objects, c->cap * sizeof *c->objects));
    }
    memmove(&c->objects[at + 1], &c->objects[at], (c->n - at) * sizeof *c->objects);
    c->n++;
    c->objects[at] = (struct object){.kind = k, .ns = must(strdup(ns)), .name = must(strdup(name))};
    return &c->objects[at];
}

void objects_write(struct cluster *c, struct arena *a, enum kind k, const struct jv *was, struct jv *doc) {
    const char *ns = meta_ns(doc), *name = meta_name(doc);
    size_t at;
    struct object *o = objects_find(c, k, ns, name, &at) ? &c->objects[at] : insert(c, at, k, ns, name);
    jv_set(a, jv_get(doc, "metadata"), "resourceVersion", jv_new_strf(a, "%lld", (long long)++c->version));
    struct buf text = BUF_INIT;
    json_write(&text, doc);
    free(o->text);
    o->text = text.s;
    o->len = text.len;
    make_keys(o, a, doc);
    tell(c, k, was, doc);
}

void objects_remove(struct cluster *c, enum kind k, const char *ns, const char *name) {
    size_t at;
    if (!objects_find(c, k, ns, name, &at)) return;
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *was = objects_doc(a, &c->objects[at]);
    object_fini(&c->objects[at]);
    memmove(&c->objects[at], &c->objects[at + 1], (c->n - at - 1) * sizeof *c->objects);
    c->n--;
    c->version++;
    tell(c, k, was, NULL);
}

/* ---- reading ---- */

struct jv *cluster_get(struct cluster *c, struct arena *a, enum kind k, const char *ns, const char *name) {
    size_t at;
    return objects_find(c, k, ns ? ns : "", name, &at) ? opened_doc(a, &c->objects[at]) : NULL;
}

size_t cluster_list(struct cluster *c, struct arena *a, enum kind k, struct jv ***out) {
    size_t from, to;
    objects_range(c, k, &from, &to);
    *out = ARENA_ARRAY(a, to - from + 1, struct jv *);
    for (size_t i = from; i < to; i++) (*out)[i - from] = opened_doc(a, &c->objects[i]);
    return to - from;
}

size_t cluster_count(const struct cluster *c, enum kind k) {
    size_t from = 0, to = c->n;
    if (k != KIND_NONE) objects_range(c, k, &from, &to);
    return to - from;
}

const struct source *cluster_source(const struct cluster *c) {
    return &c->source;
}

/* A cache only holds what its label selector lets through. */
static bool cached(enum kind k, const struct jv *doc) {
    for (size_t i = 0; i < SOURCE_CACHES; i++) {
        const char *label = source_caches[i].label;
        if (source_caches[i].kind == k && (!label || meta_label(doc, label))) return true;
    }
    return false;
}

void cluster_reveal(struct cluster *c, enum kind k, const char *ns, const char *name) {
    ARENA_AUTO struct arena *a = arena_new();
    c->revealed = must(realloc(c->revealed, (c->nrevealed + 1) * sizeof(char *)));
    c->revealed[c->nrevealed++] = must(strdup(arena_printf(a, "%s/%s/%s", kind_info(k)->name, ns ? ns : "", name)));
}

static bool is_revealed(const struct cluster *c, struct arena *a, enum kind k, const char *ns, const char *name) {
    const char *key = arena_printf(a, "%s/%s/%s", kind_info(k)->name, ns ? ns : "", name);
    for (size_t i = 0; i < c->nrevealed; i++)
        if (str_eq(c->revealed[i], key)) return true;
    return false;
}

static struct jv *source_read(void *self, struct arena *a, enum kind k, const char *ns, const char *name) {
    struct jv *doc = cluster_get(self, a, k, ns, name);
    return doc && (cached(k, doc) || is_revealed(self, a, k, ns, name)) ? source_project(a, k, doc) : NULL;
}

static bool has_key(const struct object *o, const char *key) {
    for (size_t i = 0; i < o->nkeys; i++)
        if (str_eq(o->keys[i], key)) return true;
    return false;
}

static size_t source_read_list(void *self, struct arena *a, enum kind k, const char *index, struct jv ***out) {
    const struct cluster *c = self;
    size_t from, to, n = 0;
    objects_range(c, k, &from, &to);
    *out = ARENA_ARRAY(a, to - from + 1, struct jv *);
    for (size_t i = from; i < to; i++) {
        if (index && !has_key(&c->objects[i], index)) continue;
        struct jv *doc = opened_doc(a, &c->objects[i]);
        if (cached(k, doc) && (doc = source_project(a, k, doc))) (*out)[n++] = doc;
    }
    return n;
}
