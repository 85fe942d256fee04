/* A default never changes what runs: of random groups, with every pattern, workload annotation, runtime and rollout, the
 * RoleInstanceSet is the same with and without the defaults of admission, and a second pass changes nothing. RBG_SEED
 * repeats a run, RBG_ROUNDS lengthens it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/admission.h"
#include "api/build.h"
#include "api/names.h"
#include "base/str.h"
#include "chance.h"
#include "testing.h"

enum { ROUNDS = 5000, DEPTH = 7 };

static uint64_t state;

static uint32_t rnd(uint32_t n) {
    return chance_below(&state, n);
}

static bool chance(uint32_t percent) {
    return rnd(100) < percent;
}

/* One of the words of a table: "a|b|c". */
static const char *word(struct arena *a, const char *words) {
    size_t n = 1, k;
    for (const char *c = words; *c; c++) n += *c == '|';
    for (k = rnd((uint32_t)n); k; k--) words = strchr(words, '|') + 1;
    return arena_strndup(a, words, strcspn(words, "|"));
}

static struct jv *of_type(struct arena *a, const struct type *t, int depth);

/* A value that the schema of the field takes. */
static struct jv *value(struct arena *a, enum fkind k, const struct field *f, int depth) {
    switch (k) {
    case F_STRING: return jv_new_str(a, f->enums ? word(a, f->enums) : word(a, "a|b|None"));
    case F_BOOL: return jv_new_bool(a, chance(50));
    case F_INT32:
    case F_INT64: return jv_new_int(a, rnd(5));
    case F_FLOAT: return jv_new_int(a, 1);
    case F_QUANTITY: return jv_new_str(a, word(a, "1|500m|0.5Gi|1024Mi|1000m"));
    case F_INTSTR: return chance(50) ? jv_new_int(a, 1 + rnd(3)) : jv_new_str(a, word(a, "10%|25%|100%"));
    case F_TIME: return jv_new_str(a, "2026-11-23T09:03:07Z");
    case F_BYTES: return jv_new_str(a, "AAEC");
    case F_OBJECT: return f->type ? of_type(a, f->type, depth - 1) : jv_new_obj(a);
    case F_ANY:
    case F_LIST:
    case F_MAP: break;
    }
    return jv_new_obj(a); /* a patch that changes nothing */
}

static struct jv *of_field(struct arena *a, const struct field *f, int depth) {
    if (f->kind != F_LIST && f->kind != F_MAP) return value(a, f->kind, f, depth);
    struct jv *v = f->kind == F_LIST ? jv_new_arr(a) : jv_new_obj(a);
    for (uint32_t i = 0, n = 1 + rnd(2); i < n; i++) {
        struct jv *el = value(a, f->elem, f, depth);
        /* Elements are told apart by their keys. */
        if (jv_is(el, J_OBJ) && f->type && type_field(f->type, "name")) jv_set(a, el, "name", jv_new_strf(a, "n%u", i));
        if (jv_get(el, "containerPort")) jv_set_int(a, el, "containerPort", 80 + i);
        if (jv_get(el, "mountPath")) jv_set(a, el, "mountPath", jv_new_strf(a, "/m%u", i));
        if (f->kind == F_LIST)
            jv_push(a, v, el);
        else
            jv_set(a, v, i ? "k" : "l", el);
    }
    return v;
}

static struct jv *of_type(struct arena *a, const struct type *t, int depth) {
    struct jv *v = jv_new_obj(a);
    for (size_t i = 0; depth > 0 && i < t->nfields; i++) {
        const struct field *f = &t->fields[i];
        if (str_eq(f->key, "managedFields")) continue;
        if (f->flags & FF_REQUIRED || chance(t->nfields > 20 ? 10 : 45)) jv_set(a, v, f->key, of_field(a, f, depth));
    }
    return v;
}

/* ---- groups ---- */

static const struct type *type_at(const struct type *t, const char *key) {
    return type_field(t, key)->type;
}

static struct jv *random_role(struct arena *a, uint32_t i, uint32_t templates) {
    static const char *const patterns[] = {"standalonePattern", "leaderWorkerPattern", "customComponentsPattern"};
    const struct type *role_type = type_at(type_at(kind_version(KIND_RBG, "v1alpha2")->type, "spec"), "roles");
    struct jv *role = of_type(a, role_type, DEPTH);
    const char *keep = patterns[rnd(3)];
    for (size_t p = 0; p < 3; p++) jv_del(role, patterns[p]);
    struct jv *pattern = of_type(a, type_at(role_type, keep), DEPTH - 1);
    if (type_field(type_at(role_type, keep), "template")) {
        bool by_name = chance(30);
        if (by_name) jv_del(pattern, "template");
        else jv_del(pattern, "templateRef");
        if (by_name) jv_set(a, jv_need_obj(a, pattern, "templateRef"), "name", jv_new_strf(a, "n%u", rnd(templates)));
        else if (!jv_get(pattern, "template")) jv_set(a, pattern, "template", of_type(a, &core_PodTemplateSpec, DEPTH - 2));
    }
    jv_set(a, role, keep, pattern);
    jv_set(a, role, "name", jv_new_strf(a, "r%u", i));
    jv_del(role, "annotations");
    struct jv *notes = jv_need_obj(a, role, "annotations");
    if (chance(20)) jv_set_str(a, notes, A_PATTERN, word(a, "Stateless|Stateful"));
    if (chance(10)) jv_set_str(a, notes, A_WORKLOAD_TYPE, WORKLOAD_RIS);
    return role;
}

static struct jv *random_group(struct arena *a) {
    struct jv *doc = kind_object(a, KIND_RBG, "ns", "g"), *spec = jv_need_obj(a, doc, "spec");
    jv_set_str(a, jv_get(doc, "metadata"), "uid", "u");
    if (chance(30)) jv_set_str(a, jv_need_obj(a, jv_get(doc, "metadata"), "annotations"), A_EXCLUSIVE_TOPOLOGY, "zone");
    if (chance(30)) jv_set_str(a, jv_need_obj(a, jv_get(doc, "metadata"), "annotations"), A_GANG, "true");
    enum { TEMPLATES = 2 };
    for (uint32_t i = 0; i < TEMPLATES; i++) {
        struct jv *t = jv_new_obj(a);
        jv_set(a, t, "name", jv_new_strf(a, "n%u", i));
        jv_set(a, t, "template", of_type(a, &core_PodTemplateSpec, DEPTH - 2));
        jv_push(a, jv_need_arr(a, spec, "roleTemplates"), t);
    }
    for (uint32_t i = 0, n = 1 + rnd(3); i < n; i++) jv_push(a, jv_need_arr(a, spec, "roles"), random_role(a, i, TEMPLATES));
    return doc;
}

/* ---- what runs ---- */

/* The same profile for all runtimes of all roles; it has the containers that overrides name. */
static const struct jv *const *profiles_of(struct arena *a, const struct role *r) {
    const struct jv **out = ARENA_ARRAY(a, r->engine_runtimes.n + 1, const struct jv *);
    static const char text[] = "{\"spec\":{\"containers\":[{\"name\":\"n0\",\"image\":\"e\",\"ports\":[{\"containerPort\":9}]}],"
                               "\"initContainers\":[{\"name\":\"n1\",\"image\":\"e\"}],\"volumes\":[{\"name\":\"pv\","
                               "\"emptyDir\":{}}]}}";
    for (size_t i = 0; i < r->engine_runtimes.n; i++) out[i] = json_parse(a, text, sizeof text - 1, NULL, NULL);
    return out;
}

/* The sets of all roles as text; "error: ..." for a role that can't be built, which defaults must not change either. */
static char *sets_of(struct arena *a, const struct jv *doc, size_t *built) {
    struct err e = ERR_INIT;
    struct rbg g;
    ASSERT_OK(rbg_decode(a, doc, &g, &e));
    BUF_AUTO struct buf out = BUF_INIT;
    for (size_t i = 0; i < g.spec.roles.n; i++) {
        const struct role *r = &g.spec.roles.items[i];
        struct err why = ERR_INIT;
        struct role_build b = {.ctx = {.group = &g, .service_name = "s", .scheduler = "scheduler-plugins",
                                       .profiles = profiles_of(a, r)},
                               .role_hash = "same", .replicas = role_replicas(r)};
        struct jv *set = build_ris(a, &b, r, &why);
        buf_printf(&out, "%s\n", set ? json_text(a, set) : arena_printf(a, "error: %s", why.msg));
        *built += set != NULL;
    }
    return arena_strdup(a, buf_str(&out));
}

START_TEST(test_defaults_change_nothing_that_runs) {
    const char *s = getenv("RBG_SEED"), *r = getenv("RBG_ROUNDS");
    uint64_t seed = s ? strtoull(s, NULL, 10) : (uint64_t)time(NULL) * ROUNDS, rounds = r ? strtoull(r, NULL, 10) : ROUNDS;
    size_t built = 0;
    printf("seed %llu, %llu groups\n", (unsigned long long)seed, (unsigned long long)rounds);
    for (uint64_t i = 0; i < rounds; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        state = (seed + i) * 0x9E3779B97F4A7C15u | 1;
        struct jv *doc = random_group(a);
        /* As an API server stores it when no webhook answers. */
        schema_default(a, doc, kind_version(KIND_RBG, "v1alpha2")->type, false);
        struct jv *defaulted = jv_dup(a, doc);
        admission_default(a, KIND_RBG, defaulted, true);
        struct jv *once = jv_dup(a, defaulted);
        admission_default(a, KIND_RBG, defaulted, true);
        admission_follow(a, KIND_RBG, defaulted, once);
        ck_assert_msg(jv_eq(once, defaulted), "seed %llu: a second pass changed\n%.1500s", (unsigned long long)(seed + i),
                      json_text(a, once));
        const char *before = sets_of(a, doc, &built), *after = sets_of(a, defaulted, &built);
        size_t same = 0;
        while (before[same] && before[same] == after[same]) same++;
        size_t from = same > 200 ? same - 200 : 0;
        ck_assert_msg(str_eq(before, after), "seed %llu:\n...%.500s\nbecame\n...%.500s", (unsigned long long)(seed + i),
                      before + from, after + from);
    }
    ck_assert_msg(built > rounds, "only %zu sets were built", built);
}
END_TEST

TEST_MAIN("api_defaulting", test_defaults_change_nothing_that_runs)
