/* Comparison before apply, over random objects: it says yes exactly when an apply would change the object in the simulated API
 * server, whose server-side apply the end-to-end tests hold against the real one. Others apply, patch and remove in between. */
#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/buf.h"
#include "chance.h"
#include "controller/core/compare.h"
#include "controller/core/source.h"
#include "scenario.h"

struct trial { struct arena *a; struct clock *clock; struct cluster *c; uint64_t state; int changes; };

static uint32_t pick(struct trial *w, uint32_t n) { return chance_below(&w->state, n); }
static bool coin(struct trial *w) { return pick(w, 2) == 0; }

static void count(void *ctx, enum kind k, const struct jv *was, const struct jv *is) {
    (void)k;
    (void)was;
    (void)is;
    ((struct trial *)ctx)->changes++;
}

static void maybe_str(struct trial *w, struct jv *o, const char *key, const char *const *values, uint32_t n) {
    if (coin(w)) jv_set_str(w->a, o, key, values[pick(w, n)]);
}

/* Never empty: an empty map of ours and one that others fill look the same in the entry. */
static void maybe_map(struct trial *w, struct jv *o, const char *key) {
    static const char *const keys[] = {"a", "b", "c"}, *const values[] = {"1", "2"};
    uint32_t which = pick(w, 8);
    for (uint32_t i = 0; i < 3; i++)
        if (which >> i & 1) jv_set_str(w->a, jv_need_obj(w->a, o, key), keys[i], values[pick(w, 2)]);
}

/* Elements in a random order. */
static void maybe_list(struct trial *w, struct jv *o, const char *key, struct jv *(*element)(struct trial *, uint32_t)) {
    uint32_t which = pick(w, 8), turn = pick(w, 3);
    for (uint32_t i = 0; i < 3; i++)
        if (which >> (i + turn) % 3 & 1) jv_push(w->a, jv_need_arr(w->a, o, key), element(w, (i + turn) % 3));
}

static struct jv *port(struct trial *w, uint32_t i) {
    static const char *const names[] = {"x", "y"};
    struct jv *p = jv_new_obj(w->a);
    jv_set_int(w->a, p, "port", 50 + i / 2);
    if (i == 1) jv_set_str(w->a, p, "protocol", "UDP");
    else if (coin(w)) jv_set_str(w->a, p, "protocol", "TCP");
    maybe_str(w, p, "name", names, 2);
    return p;
}

static struct jv *text(struct trial *w, uint32_t i) { return jv_new_strf(w->a, "t%u", i); }

static struct jv *variable(struct trial *w, uint32_t i) {
    struct jv *v = jv_new_obj(w->a);
    jv_set(w->a, v, "name", jv_new_strf(w->a, "V%u", i));
    if (coin(w)) jv_set(w->a, v, "value", jv_new_strf(w->a, "%u", pick(w, 2)));
    else jv_set_str(w->a, jv_need_obj(w->a, jv_need_obj(w->a, v, "valueFrom"), "fieldRef"), "fieldPath", coin(w) ? "p" : "q");
    return v;
}

static struct jv *container(struct trial *w, uint32_t i) {
    static const char *const images[] = {"one", "two"};
    struct jv *c = jv_new_obj(w->a);
    jv_set(w->a, c, "name", jv_new_strf(w->a, "c%u", i));
    maybe_str(w, c, "image", images, 2);
    maybe_list(w, c, "args", text);
    maybe_list(w, c, "env", variable);
    return c;
}

static struct jv *hook(struct trial *w, uint32_t i) {
    struct jv *c = jv_new_obj(w->a);
    jv_set(w->a, c, "name", jv_new_strf(w->a, "c%u", i));
    return c;
}

static struct jv *owner(struct trial *w, uint32_t i) {
    struct jv *o = jv_new_obj(w->a);
    jv_set(w->a, o, "uid", jv_new_strf(w->a, "u%u", i));
    if (coin(w)) jv_set_bool(w->a, o, "blockOwnerDeletion", coin(w));
    return o;
}

static struct jv *random_object(struct trial *w, enum kind k) {
    struct jv *o = kind_object(w->a, k, "default", "x"), *meta = jv_get(o, "metadata");
    maybe_map(w, meta, "labels");
    maybe_map(w, meta, "annotations");
    maybe_list(w, meta, "ownerReferences", owner);
    maybe_list(w, meta, "finalizers", text);
    if (k == KIND_CONFIGMAP) maybe_map(w, o, "data");
    struct jv *spec = k == KIND_CONFIGMAP ? NULL : jv_need_obj(w->a, o, "spec");
    if (k == KIND_SERVICE) maybe_map(w, spec, "selector");
    if (k == KIND_SERVICE) maybe_list(w, spec, "ports", port);
    struct jv *template = NULL;
    if (k == KIND_RIS) template = jv_need_obj(w->a, spec, "roleInstanceTemplate");
    if (k == KIND_STATEFULSET) template = jv_need_obj(w->a, jv_need_obj(w->a, spec, "template"), "spec");
    if (template) maybe_list(w, template, "containers", container), maybe_map(w, template, "nodeSelector");
    if (k == KIND_RBG) maybe_list(w, spec, "roles", hook);
    if (spec && !jv_len(spec)) jv_del(o, "spec");
    return o;
}

static struct jv *live(struct trial *w, enum kind k) {
    struct jv *doc = cluster_get(w->c, w->a, k, "default", "x");
    return doc ? source_project(w->a, k, doc) : NULL;
}

/* Applies, and says whether that changed anything. */
static void apply_ours(struct trial *w, enum kind k, const struct jv *want) {
    const struct jv *before = live(w, k);
    bool needed = apply_needed(k, want, before);
    int changes = w->changes;
    struct err e = ERR_INIT;
    ASSERT_OK(cluster_apply(w->c, FIELD_MANAGER, k, want, true, &e));
    const struct jv *after = live(w, k);
    ck_assert_msg(needed == (w->changes != changes), "needed: %d; %s\n over %s\n  -> %s", needed, json_text(w->a, want),
                  before ? json_text(w->a, before) : "nothing", json_text(w->a, after));
    ck_assert_msg(!apply_needed(k, want, after), "still needed: %s\n over %s", json_text(w->a, want), json_text(w->a, after));
}

static void meddle(struct trial *w, enum kind k) {
    struct err ignored = ERR_INIT;
    struct jv *doc = random_object(w, k);
    if (coin(w)) cluster_apply(w->c, coin(w) ? "one" : "two", k, doc, coin(w), &ignored);
    else cluster_patch(w->c, "three", k, "default", "x", doc, false, &ignored);
}

static void agrees(uint64_t seed) {
    static const enum kind kinds[] = {KIND_CONFIGMAP, KIND_SERVICE, KIND_RIS, KIND_RBG, KIND_STATEFULSET};
    ARENA_AUTO struct arena *a = arena_new();
    struct trial w = {.a = a, .clock = clock_fake_new(1767225600000), .state = seed * 2 + 1};
    enum kind k = kinds[seed % (sizeof kinds / sizeof *kinds)];
    w.c = cluster_new(w.clock);
    cluster_watch(w.c, count, &w);
    struct jv *want = random_object(&w, k);
    for (int i = 0; i < 30; i++) {
        if (pick(&w, 3)) want = random_object(&w, k);
        apply_ours(&w, k, want);
        for (uint32_t n = pick(&w, 3); n > 0; n--) meddle(&w, k);
    }
    cluster_free(w.c);
    clock_fake_free(w.clock);
}

START_TEST(an_apply_is_needed_when_it_changes_something) { scenario_seeds(200, agrees); }
END_TEST

TEST_MAIN("sim_compare", an_apply_is_needed_when_it_changes_something)
