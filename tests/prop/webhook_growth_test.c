/* Every list and every map of every kind, made as long as what etcd takes (1.5 MiB) lets it be: reviews and conversions of it grow
 * no faster than 2.3 for a doubling, in time and in memory, and stay within their budgets. The rows come from the field tables, so
 * a new field is covered. By default a sample, another one for each RBG_SEED; RBG_GROWTH=all takes all of them, which is half an
 * hour of a build without sanitizers. RBG_GROWTH=PATH takes the rows whose path contains it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/str.h"
#include "growth.h"
#include "reviews.h"
#include "specimen.h"
#include "testing.h"

enum { OBJECT_BYTES = 3 << 19, SAMPLE = 8 };

/* Elements that are the same, that have names of their own, and names that are long and nearly the same. */
enum variant { SAME, DISTINCT, ALIKE, VARIANTS };
static const char *const variant_names[] = {"same", "distinct", "alike"};

struct tour {
    enum kind kind;
    const char *version, *wanted;
    size_t every, seen, rows;
    double worst_us;
    size_t worst_bytes;
    char worst[400];
};

static const char *unique_name(struct arena *a, enum variant v, size_t i) {
    if (v == SAME) return "name";
    if (v == DISTINCT) return arena_printf(a, "n%zu", i);
    return arena_printf(a, "a-name-that-is-long-and-nearly-like-all-of-the-others-%zu", i);
}

/* The i-th element: with another text in it where it has one that tells it from the others. */
static struct jv *element(struct arena *a, const struct jv *one, enum variant v, size_t i) {
    static const char *const keys[] = {"name", "key", "mountPath", "topologyKey", "conditionType", "profileName", "ip"};
    struct jv *el = jv_dup(a, one);
    if (jv_is(el, J_STR)) return jv_new_str(a, unique_name(a, v, i));
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        if (jv_is(jv_get(el, keys[k]), J_STR)) jv_set_str(a, el, keys[k], unique_name(a, v, i));
    return el;
}

static struct jv *long_value(struct arena *a, const struct jv *short_one, enum variant v, size_t bytes) {
    bool list = jv_is(short_one, J_ARR);
    const struct jv *one = list ? jv_idx(short_one, 0) : jv_len(short_one) ? short_one->members[0].val : NULL;
    struct jv *out = list ? jv_new_arr(a) : jv_new_obj(a);
    if (!one) return NULL;
    size_t each = strlen(json_text(a, one)) + 2, n = bytes / (each + (list ? 0 : 10) + (v == ALIKE ? 55 : 0)) + 1;
    for (size_t i = 0; i < n; i++) {
        const char *key = arena_printf(a, "%s%zu", v == ALIKE ? "a-name-that-is-long-and-nearly-like-the-others" : "k", i);
        if (list) jv_push(a, out, element(a, one, v, i));
        else jv_add(a, out, key, strlen(key), jv_dup(a, one));
    }
    return out;
}

struct job { const char *what; enum kind kind; const char *version; struct jv *doc; };

static void work(void *ctx) {
    const struct job *j = ctx;
    ARENA_AUTO struct arena *a = arena_new();
    if (str_eq(j->what, "convert")) {
        struct jv *objects = jv_new_arr(a);
        jv_push(a, objects, j->doc);
        review_convert_all(a, objects, str_eq(j->version, "v1alpha1") ? "v1alpha2" : "v1alpha1");
    } else {
        bool update = str_eq(j->what, "update");
        review_admit(a, update ? "validate" : j->what, j->kind, j->doc, update ? j->doc : NULL);
    }
}

static void note_worst(struct tour *t, const struct growth *g, const char *what) {
    size_t last = GROWTH_STEPS - 1;
    if (g->bytes[last] > t->worst_bytes) t->worst_bytes = g->bytes[last];
    if (g->us[last] <= t->worst_us) return;
    t->worst_us = g->us[last];
    snprintf(t->worst, sizeof t->worst, "%s", what);
}

static void grow(struct tour *t, const struct specimen *s, enum variant v, const char *what) {
    const char *why = NULL;
    for (int again = 0; again < 3; again++) {
        struct growth g;
        for (size_t step = 0; step < GROWTH_STEPS; step++) {
            ARENA_AUTO struct arena *a = arena_new();
            struct jv *doc = specimen_new(a, t->kind, t->version, s->path), **place = specimen_at(doc, s->path);
            struct jv *value = place ? long_value(a, *place, v, (size_t)(OBJECT_BYTES / 8) << step) : NULL;
            if (!value) return;
            *place = value;
            struct job j = {what, t->kind, t->version, doc};
            growth_measure(&g, step, work, &j);
        }
        char name[400];
        snprintf(name, sizeof name, "%s of %s %s: %s, %s elements", what, kind_info(t->kind)->name, t->version, s->path,
                 variant_names[v]);
        why = growth_excess(&g);
        note_worst(t, &g, name);
        if (!why) return;
    }
    ck_abort_msg("%s of %s %s, %s with %s elements: %s", what, kind_info(t->kind)->name, t->version, s->path, variant_names[v],
                 why);
}

static void check_row(void *ctx, const struct specimen *s) {
    struct tour *t = ctx;
    if (s->element || (s->f->kind != F_LIST && s->f->kind != F_MAP) || str_has_prefix(s->path, "status")) return;
    if (t->wanted ? !strstr(s->path, t->wanted) : t->seen++ % t->every != 0) return;
    ARENA_AUTO struct arena *a = arena_new();
    bool v2 = str_eq(t->version, "v1alpha2");
    t->rows++;
    for (enum variant v = SAME; v < VARIANTS; v++) {
        if (v2 && review_route(a, "validate", t->kind)) grow(t, s, v, "validate");
        if (v2 && review_route(a, "validate", t->kind) && v == ALIKE) grow(t, s, v, "update");
        if (v2 && review_route(a, "mutate", t->kind)) grow(t, s, v, "mutate");
        if (kind_info(t->kind)->convert) grow(t, s, v, "convert");
    }
}

static void count_row(void *ctx, const struct specimen *s) {
    size_t *n = ctx;
    *n += !s->element && (s->f->kind == F_LIST || s->f->kind == F_MAP) && !str_has_prefix(s->path, "status");
}

START_TEST(test_no_list_is_worse_than_n_log_n) {
    const char *wanted = getenv("RBG_GROWTH"), *seed = getenv("RBG_SEED");
    size_t total = 0, rows = 0;
    ARENA_AUTO struct arena *a = arena_new();
    for (enum kind k = KIND_RBG; k <= KIND_WARMUP; k++)
        for (size_t i = 0; i < kind_info(k)->nversions; i++) specimen_each(a, kind_info(k)->versions[i].type, count_row, &total);
    struct tour t = {.wanted = wanted && !str_eq(wanted, "all") ? wanted : NULL, .every = wanted ? 1 : total / SAMPLE};
    t.seen = seed ? (size_t)strtoul(seed, NULL, 10) : 0;
    for (enum kind k = KIND_RBG; k <= KIND_WARMUP; k++)
        for (size_t i = 0; i < kind_info(k)->nversions; i++) {
            t.kind = k;
            t.version = kind_info(k)->versions[i].name;
            t.rows = 0;
            specimen_each(a, kind_info(k)->versions[i].type, check_row, &t);
            rows += t.rows;
        }
    printf("%zu of %zu rows; the longest took %.0f ms: %s; the largest %zu MiB\n", rows, total, t.worst_us / 1e3, t.worst,
           t.worst_bytes >> 20);
    ck_assert_uint_ge(rows, wanted ? 1 : SAMPLE / 2);
}
END_TEST

TEST_MAIN("webhook_growth", test_no_list_is_worse_than_n_log_n)
