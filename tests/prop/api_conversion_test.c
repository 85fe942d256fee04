/* Conversion loses nothing: random documents of both versions, made from the field tables and then
 * damaged, survive the way to the other version and back. The seed is printed; RBG_SEED repeats a
 * run, RBG_ROUNDS lengthens it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/admission.h"
#include "api/names.h"
#include "base/str.h"
#include "chance.h"
#include "testing.h"

#define STASH "conversion.workloads.x-k8s.io/stash"

static uint64_t state;

static uint32_t rnd(uint32_t n) {
    return chance_below(&state, n);
}

static bool chance(uint32_t percent) {
    return rnd(100) < percent;
}

static const char *pick(const char *const *words) {
    uint32_t n = 0;
    while (words[n]) n++;
    return words[rnd(n)];
}

static const char *const keys[] = {"a",          "b",       "name",       "x-unknown",
                                   "template",   "labels",  "type",       "restartPolicy",
                                   "components", "volumes", "containers", NULL};
static const char *const texts[] = {
    "",     "a",      "b",   "None", "Recreate", "RecreatePod", "InPlaceIfPossible",
    "true", "é\"\\/", "10%", NULL};

static struct jv *any(struct arena *a, int depth) {
    static const char *const numbers[] = {"0", "1", "-3", "2.50", "1e3", "12345678901234567890",
                                          NULL};
    uint32_t kind = rnd(depth > 0 ? 6 : 4);
    if (kind == 0) return jv_null(a);
    if (kind == 1) return jv_new_bool(a, chance(50));
    if (kind == 2) return jv_new_str(a, pick(texts));
    if (kind == 3) {
        const char *n = pick(numbers);
        return json_parse(a, n, strlen(n), NULL, NULL);
    }
    struct jv *v = kind == 4 ? jv_new_arr(a) : jv_new_obj(a);
    for (uint32_t i = rnd(4); i > 0; i--) {
        if (kind == 4)
            jv_push(a, v, any(a, depth - 1));
        else
            jv_set(a, v, pick(keys), any(a, depth - 1));
    }
    return v;
}

static const char *one_of(struct arena *a, const char *enums) {
    char *copy = arena_strdup(a, enums), *words[16] = {0};
    size_t n = 0;
    for (char *save = NULL, *w = strtok_r(copy, "|", &save); w && n < 16;
         w = strtok_r(NULL, "|", &save))
        words[n++] = w;
    return words[rnd((uint32_t)n)];
}

static struct jv *of_type(struct arena *a, const struct type *t, int depth);

static struct jv *scalar(struct arena *a, enum fkind k, const struct field *f, int depth) {
    switch (k) {
    case F_STRING:
        return jv_new_str(a, f->enums ? one_of(a, f->enums) : pick(texts));
    case F_BOOL:
        return jv_new_bool(a, chance(50));
    case F_INT32:
    case F_INT64:
        return jv_new_int(a, rnd(100));
    case F_INTSTR:
        return chance(50) ? jv_new_int(a, rnd(5)) : jv_new_str(a, "25%");
    case F_QUANTITY:
        return jv_new_str(a, "1000m");
    case F_TIME:
        return jv_new_str(a, "2026-11-23T09:03:07Z");
    case F_BYTES:
        return jv_new_str(a, "AAEC");
    case F_FLOAT:
        return jv_new_int(a, rnd(7));
    default:
        return any(a, depth > 2 ? 2 : depth);
    }
}

static struct jv *value(struct arena *a, enum fkind k, const struct field *f, int depth) {
    if (k == F_OBJECT) return f->type ? of_type(a, f->type, depth - 1) : any(a, 1);
    return scalar(a, k, f, depth);
}

static struct jv *of_field(struct arena *a, const struct field *f, int depth) {
    if (f->kind != F_LIST && f->kind != F_MAP) return value(a, f->kind, f, depth);
    struct jv *v = f->kind == F_LIST ? jv_new_arr(a) : jv_new_obj(a);
    for (uint32_t i = 0, n = rnd(4); i < n; i++) {
        struct jv *el = value(a, f->elem, f, depth);
        bool named = jv_is(el, J_OBJ) && (f->list_keys || chance(50)) && !chance(10);
        if (named) jv_set(a, el, "name", jv_new_strf(a, "n%u", chance(95) ? i : 0));
        if (f->kind == F_LIST)
            jv_push(a, v, el);
        else
            jv_set(a, v, pick(keys), el);
    }
    return v;
}

static struct jv *of_type(struct arena *a, const struct type *t, int depth) {
    struct jv *v = jv_new_obj(a);
    if (depth <= 0) return v;
    uint32_t few = t->nfields > 15 ? 12 : 55;
    size_t start = t->nfields ? rnd((uint32_t)t->nfields) : 0; /* members in any order */
    for (size_t i = 0; i < t->nfields; i++) {
        const struct field *f = &t->fields[(start + i) % t->nfields];
        if (chance(few) || (f->flags & FF_REQUIRED && chance(80)))
            jv_set(a, v, f->key, of_field(a, f, depth));
    }
    if (chance(4)) jv_set(a, v, pick(keys), any(a, 2));
    return v;
}

/* Values and places at which conversion decides something. */
static void set_notes(struct arena *a, struct jv *holder, const char *const (*notes)[2], size_t n) {
    for (size_t i = 0; i < n; i++)
        if (chance(20))
            jv_set_str(a, jv_need_obj(a, holder, "annotations"), notes[i][0], notes[i][1]);
    if (chance(5)) jv_set(a, holder, "annotations", chance(50) ? jv_new_obj(a) : jv_null(a));
}

static const char *const object_notes[][2] = {
    {A_GANG, "true"},
    {A_GANG_TIMEOUT, "90"},
    {A_GANG_VOLCANO_QUEUE, "q"},
    {A_EXCLUSIVE_TOPOLOGY, "zone"},
    {A_V1_EXCLUSIVE_TOPOLOGY, "host"},
    {A_V1_COORDINATION, "[ {\"name\":\"c\"} ]"},
    {A_V1_COORDINATION, "not json"},
    {A_V1_POD_GROUP_POLICY, "{\"kubeScheduling\":{\"scheduleTimeoutSeconds\":120}}"},
    {A_V1_POD_GROUP_POLICY, "[]"},
    {"note", "mine"},
    {STASH, "[]"},
    {STASH, "nonsense"},
};
static const char *const role_notes[][2] = {
    {A_WORKLOAD_TYPE, WORKLOAD_RIS},
    {A_WORKLOAD_TYPE, "apps/v1/Deployment"},
    {A_WORKLOAD_TYPE, "odd"},
    {A_WORKLOAD_TYPE, ""},
    {"n", "v"},
};
#define COUNT(x) (sizeof(x) / sizeof *(x))

static void damage(struct arena *a, struct jv *v) {
    if (!v || v->len == 0 || (v->type != J_OBJ && v->type != J_ARR)) return;
    uint32_t i = rnd(v->len);
    struct jv **at = v->type == J_OBJ ? &v->members[i].val : &v->items[i];
    if (chance(25))
        *at = any(a, 2);
    else
        damage(a, *at);
}

static struct jv *random_object(struct arena *a, enum kind k, const char *version) {
    struct jv *doc = of_type(a, kind_version(k, version)->type, 9);
    jv_set(a, doc, "apiVersion", jv_new_strf(a, "%s/%s", API_GROUP, version));
    jv_set_str(a, doc, "kind", kind_info(k)->name);
    struct jv *spec = jv_get(doc, "spec");
    if (k == KIND_RBGSET)
        spec = str_eq(version, "v1alpha2") ? jv_path(spec, "groupTemplate", "spec", (char *)0)
                                           : jv_get(spec, "template");
    JV_FOR_ARR(r, jv_get(spec, "roles")) set_notes(a, *r, role_notes, COUNT(role_notes));
    if (chance(30)) damage(a, jv_get(doc, "spec"));
    struct jv *meta = jv_new_obj(a);
    jv_set_str(a, meta, "name", "g");
    jv_set(a, doc, "metadata", meta);
    set_notes(a, meta, object_notes, COUNT(object_notes));
    return doc;
}

/* The text with sorted members: the order of members is not part of a document, the spelling of
 * numbers is. */
static char *canonical(struct arena *a, const struct jv *v) {
    BUF_AUTO struct buf b = BUF_INIT;
    json_write_canonical(&b, v);
    return arena_strdup(a, buf_str(&b));
}

/* A stash that came with the document is spent by the first conversion. */
static void forget_stash(struct jv *doc) {
    struct jv *meta = jv_get(doc, "metadata"), *notes = jv_get(meta, "annotations");
    if (notes && jv_del(notes, STASH) && notes->len == 0) jv_del(meta, "annotations");
}

/* As the webhook reads documents: what conversion passes on stays text. It must not make a
 * difference. */
static void outline_alike(struct arena *a, enum kind k, const char *text, const char *to,
                          const struct jv *converted, uint64_t seed) {
    struct err e = ERR_INIT;
    const struct jv *doc =
        json_parse_outline(a, arena_strdup(a, text), strlen(text), NULL, convert_keep, NULL, &e);
    const struct jv *got = convert(a, k, doc, to, &e);
    if (!got) ck_abort_msg("seed %llu: outline: %s\n%s", (unsigned long long)seed, e.msg, text);
    char *x = canonical(a, got), *y = canonical(a, converted);
    ck_assert_msg(str_eq(x, y), "seed %llu, %s to %s:\n outline %s\n tree    %s\n of %s",
                  (unsigned long long)seed, kind_info(k)->name, to, x, y, text);
}

static void there_and_back(struct arena *a, enum kind k, const char *from, const char *to,
                           uint64_t seed) {
    struct err e = ERR_INIT;
    struct jv *doc = random_object(a, k, from);
    char *before = canonical(a, doc);
    struct jv *other = convert(a, k, doc, to, &e);
    if (!other) ck_abort_msg("seed %llu: %s\n%s", (unsigned long long)seed, e.msg, before);
    ck_assert_msg(str_eq(before, canonical(a, doc)), "seed %llu: conversion changed its input",
                  (unsigned long long)seed);
    outline_alike(a, k, json_text(a, doc), to, other, seed);
    /* Through the wire, as between two requests. */
    char *text = json_text(a, other);
    struct jv *back = convert(a, k, json_parse(a, text, strlen(text), NULL, &e), from, &e);
    if (!back) ck_abort_msg("seed %llu: back: %s\n%s", (unsigned long long)seed, e.msg, before);
    outline_alike(a, k, text, from, back, seed);
    forget_stash(doc);
    char *want = canonical(a, doc), *got = canonical(a, back);
    ck_assert_msg(str_eq(want, got) && jv_eq(doc, back),
                  "seed %llu, %s %s:\n before %s\n after  %s\n as %s %s", (unsigned long long)seed,
                  kind_info(k)->name, from, want, got, to, text);
}

/* So many at a time that a run takes seconds; RBG_ROUNDS=250000 makes a million documents. A seed
 * of the clock makes the next run try others. */
enum { ROUNDS = 6000 };

START_TEST(test_round_trips) {
    const char *s = getenv("RBG_SEED"), *r = getenv("RBG_ROUNDS");
    uint64_t seed = s ? strtoull(s, NULL, 10) : (uint64_t)time(NULL) * ROUNDS,
             rounds = r ? strtoull(r, NULL, 10) : ROUNDS;
    printf("seed %llu, %llu rounds of 4 documents\n", (unsigned long long)seed,
           (unsigned long long)rounds);
    static const enum kind kinds[] = {KIND_RBG, KIND_RBGSET};
    ARENA_AUTO struct arena *a = arena_new();
    for (uint64_t i = 0; i < rounds; i++) {
        for (size_t k = 0; k < 2; k++) {
            state = (seed + i) * 0x9E3779B97F4A7C15u | 1;
            there_and_back(a, kinds[k], "v1alpha2", "v1alpha1", seed + i);
            there_and_back(a, kinds[k], "v1alpha1", "v1alpha2", seed + i);
            arena_reset(a);
        }
    }
}
END_TEST

TEST_MAIN("api_convert", test_round_trips)
