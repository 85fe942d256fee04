/* Every place of every kind that has a webhook, replaced by each JSON type, through a full AdmissionReview to validate and to
 * mutate: an answer each time, either allowed or a denial that names the place; and what is of the wrong type is refused, by the
 * definition's schema or, where that does not look, by the webhook. Objects of v1alpha1 come to the webhook converted, so theirs go
 * through /convert, and what comes out through validation.
 *
 * The document is a specimen: it has the field, and is accepted as it is. Of a pod template's places, which come again in each
 * pattern, one template has all types, the others some that the seed chooses; RBG_ROUNDS=all has all. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/admission.h"
#include "base/base64.h"
#include "base/str.h"
#include "crd_schema.h"
#include "doc/patch.h"
#include "reviews.h"
#include "specimen.h"
#include "testing.h"

static const char *const values[] = {"null", "true", "-3",          "123456789012345678901234567890", "2.5", "\"x y\"",
                                     "\"\"", "[]",   "[{\"a\":1}]", "{}",                             "{\"a\":[]}"};
enum { VALUES = sizeof values / sizeof *values };

/* Fields with no value that would be accepted, and why: their specimens are refused as they are. */
static const struct {
    const char *part, *why;
} never_accepted[] = {
    {"ephemeralContainers", "they are added to running pods only"},
    {"readinessProbe.terminationGracePeriodSeconds", "a readiness probe ends no container"},
    {"customizedAction.containers[].lifecycle.stopSignal", "needs spec.os, which an action has not"},
    {"customizedAction.containers[].resources.claims", "needs spec.resourceClaims, which an action has not"},
    {"template.spec.resources.claims", "they belong to containers"},
};

/* Where a denial names another place: what this one has to agree with. A null counts as nothing there, so what is missing may also
 * be said of the object that would have it ("write one of ..."). */
static const struct {
    const char *end, *named;
} elsewhere[] = {
    {".tolerations[].key", ".operator: Invalid value: without a key it must be Exists"},
    {".roleTemplates", ".templateRef.name: Not found: \"a\": the group has no role template of this name"},
    {".templateRef", ".template: Required value: write the pod template here, or name one"},
};

static uint64_t state;

static void next_state(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    state ^= state >> 29;
}

struct tour {
    enum kind kind;
    const char *version;
    const struct jv *schema;
    bool mutates; /* has a webhook for it */
    bool all;
    struct arena *scratch; /* of one review */
    size_t places, reviews;
};

static bool accepted_once(const struct specimen *s) {
    if (strstr(s->path, "engineRuntimes[]")) return true; /* additions to containers, of which only some fields are read */
    for (size_t i = 0; i < sizeof never_accepted / sizeof *never_accepted; i++)
        if (strstr(s->path, never_accepted[i].part)) return false;
    return true;
}

static bool named(struct arena *a, const struct specimen *s, const struct review_answer *r, bool null) {
    const char *at = specimen_path(a, s->path), *last = strrchr(at, '.');
    if (review_names(r, at, true)) return true;
    if (null && last && review_names(r, arena_strndup(a, at, (size_t)(last - at)), false)) return true;
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (str_has_suffix(s->path, elsewhere[i].end) && strstr(review_message(r), elsewhere[i].named)) return true;
    return false;
}

static bool is_integer(const struct jv *v) {
    return jv_is(v, J_NUM) && jv_int(v, 0) == jv_int(v, 1);
}

/* Is the value of the row's type? Null is as if it were not there. */
static bool of_type(const struct specimen *s, const struct jv *v) {
    enum fkind k = s->element ? s->f->elem : s->f->kind;
    if (s->element && k == F_MAP && !str_has_suffix(s->path, "{}{}")) return v->type == J_OBJ;
    if (s->element && k == F_MAP) k = F_OBJECT;
    switch (k) {
    case F_ANY: return true;
    case F_STRING:
    case F_TIME:
    case F_BYTES: return v->type == J_STR;
    case F_BOOL: return v->type == J_BOOL;
    case F_INT32:
    case F_INT64: return is_integer(v);
    case F_FLOAT: return v->type == J_NUM;
    case F_QUANTITY: return v->type == J_STR || v->type == J_NUM; /* Kubernetes reads a fraction, too */
    case F_INTSTR: return v->type == J_STR || is_integer(v);
    case F_OBJECT:
    case F_MAP: return v->type == J_OBJ;
    case F_LIST: return v->type == J_ARR;
    }
    return false;
}

/* What the API server does with the answer: an allowed object is changed by the patch, which has to apply. */
static void check_mutation(struct arena *a, enum kind k, const struct jv *doc) {
    struct err e = ERR_INIT;
    struct review_answer r = review_admit(a, "mutate", k, doc, NULL);
    ASSERT_MSG(review_allowed(&r), "%s", review_message(&r));
    const char *patch = jv_get_str(r.response, "patch");
    if (!patch) return;
    size_t n;
    char *text = base64_decode(a, patch, &n);
    const struct jv *ops = text ? json_parse(a, text, n, NULL, &e) : NULL;
    ASSERT_MSG(ops && json_patch_apply(a, doc, ops, &e), "%s: %s", r.text, e.msg);
}

static void replace(struct tour *t, const struct specimen *s, struct jv *doc, const char *value, bool mutate) {
    struct arena *a = t->scratch;
    arena_reset(a);
    struct jv **place = specimen_at(doc, s->path);
    const struct jv *v = *place = json_parse(a, value, strlen(value), NULL, NULL);
    const char *at = specimen_path(a, s->path), *text = json_text(a, doc);
    struct review_answer r = review_admit(a, "validate", t->kind, doc, NULL);
    bool named_here = !review_allowed(&r) && named(a, s, &r, v->type == J_NULL);
    if (accepted_once(s))
        ASSERT_MSG(review_allowed(&r) || named_here, "%s is %s, and the denial does not name it: %s\n%s", at, value,
                      review_message(&r), text);
    if (mutate) check_mutation(a, t->kind, doc);
    t->reviews++;
    bool null = v->type == J_NULL;
    if (!null && of_type(s, v)) return;
    struct mismatches m;
    crd_schema_check(a, t->schema, doc, &m);
    bool by_schema = mismatches_has(&m, at);
    struct problems p = {.a = a}; /* what the program says when there is no API server */
    admission_check_schema(&p, t->kind, t->version, doc);
    ASSERT_MSG((m.n > 0) == (p.n > 0) || str_has_prefix(s->path, "status"), "%s is %s: %s instead of %s", at, value,
               problems_text(a, &p), m.n ? m.items[0].path : "nothing");
    ASSERT_MSG(null || by_schema || named_here || !accepted_once(s), "%s may be %s\n%s", at, value, text);
}

static void check_place(void *ctx, const struct specimen *s) {
    struct tour *t = ctx;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = specimen_new(a, t->kind, t->version, s->path);
    struct mismatches m;
    ASSERT_MSG(specimen_at(doc, s->path), "%s is not in its specimen: %s", s->path, json_text(a, doc));
    t->places++;
    bool all = t->all || !s->core, whole = all || (t->kind == KIND_RBG && strstr(s->path, "standalonePattern.template"));
    struct jv *kept = *specimen_at(doc, s->path);
    for (size_t i = 0; i < VALUES; i++) {
        bool chosen = i == state % VALUES;
        if (whole || (chosen && state % 2)) replace(t, s, doc, values[i], t->mutates && (all || chosen));
    }
    *specimen_at(doc, s->path) = kept;
    next_state();
    if (!whole && state % 8) return;
    crd_schema_check(a, t->schema, doc, &m);
    ASSERT_MSG(m.n == 0, "the specimen is no start: %s %s", m.items[0].path, m.items[0].why);
    struct review_answer r = review_admit(a, "validate", t->kind, doc, NULL);
    ASSERT_MSG(review_allowed(&r) == accepted_once(s), "%s: the specimen is no start: %s", s->path, review_message(&r));
}

static void start(void) {
    const char *seed = getenv("RBG_SEED");
    state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("seed %llu\n", (unsigned long long)state);
}

START_TEST(test_every_place_of_every_type) {
    static const enum kind kinds[] = {KIND_RBG, KIND_RBGSET, KIND_POLICY, KIND_WARMUP};
    const char *rounds = getenv("RBG_ROUNDS");
    start();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct tour t = {.kind = kinds[i], .version = "v1alpha2", .all = str_eq(rounds, "all")};
        ck_assert(review_route(a, "validate", t.kind) != NULL);
        t.scratch = arena_new();
        t.mutates = review_route(a, "mutate", t.kind);
        t.schema = crd_schema(a, t.kind, t.version);
        specimen_each(a, kind_version(t.kind, t.version)->type, check_place, &t);
        printf("%s: %zu places, %zu reviews\n", kind_info(t.kind)->name, t.places, t.reviews);
        ck_assert_uint_ge(t.places, 24);
        arena_free(t.scratch);
    }
}
END_TEST

/* ---- v1alpha1 ---- */

static struct jv *converted(struct arena *a, const struct jv *doc, const char *version) {
    struct jv *list = jv_new_arr(a);
    jv_push(a, list, jv_dup(a, doc));
    struct review_answer r = review_convert_all(a, list, version);
    ASSERT_MSG(jv_len(jv_get(r.response, "convertedObjects")) == 1, "%s\n%s", r.text, json_text(a, doc));
    return jv_idx(jv_get(r.response, "convertedObjects"), 0);
}

/* Whatever a field holds, the object is converted, or nobody could read it any more; what comes out can be reviewed, and back it is
 * what it was. */
static void check_old_place(void *ctx, const struct specimen *s) {
    struct tour *t = ctx;
    ARENA_AUTO struct arena *a = arena_new();
    next_state();
    t->places++;
    if (s->core && state % 128 && !t->all) return; /* templates are passed on as they are */
    struct jv *doc = specimen_new(a, t->kind, t->version, s->path), **place = specimen_at(doc, s->path);
    ASSERT_MSG(place != NULL, "%s is not in its specimen", s->path);
    for (size_t i = 0; i < VALUES; i++) {
        arena_reset(t->scratch);
        *place = json_parse(t->scratch, values[i], strlen(values[i]), NULL, NULL);
        struct jv *new = converted(t->scratch, doc, "v1alpha2");
        review_admit(t->scratch, "validate", t->kind, new, NULL);
        check_mutation(t->scratch, t->kind, new);
        const struct jv *back = converted(t->scratch, new, "v1alpha1");
        ASSERT_MSG(jv_eq(back, doc), "%s came back as %s", json_text(a, doc), json_text(a, back));
        t->reviews++;
    }
}

START_TEST(test_every_place_of_v1alpha1_is_converted) {
    static const enum kind kinds[] = {KIND_RBG, KIND_RBGSET};
    start();
    for (size_t i = 0; i < 2; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct tour t = {.kind = kinds[i], .version = "v1alpha1", .scratch = arena_new(),
                         .all = str_eq(getenv("RBG_ROUNDS"), "all")};
        specimen_each(a, kind_version(t.kind, t.version)->type, check_old_place, &t);
        printf("%s: %zu places, %zu reviews\n", kind_info(t.kind)->name, t.places, t.reviews);
        ck_assert_uint_ge(t.reviews, 400);
        arena_free(t.scratch);
    }
}
END_TEST

TEST_MAIN("webhook_types", test_every_place_of_every_type, test_every_place_of_v1alpha1_is_converted)
