/* Bounds, words, patterns, lengths and what is required: for every row of every kind and version that has such a property, a
 * value outside is refused with exactly the field's path, and one inside is not. The rows come from the field tables, so a new
 * one is covered, and must say here if the webhook refuses it too.
 *
 * Two refuse. The schema of the CustomResourceDefinition, as it is printed, says all of it except below fields that it does not
 * look into (FF_SCHEMALESS): an API server asks it before any validating webhook. The webhook repeats some of it (`repeated`), for
 * manifests that are checked with no API server, and is alone with the templates of components, where it demands what Kubernetes
 * demands of a pod. RoleInstanceSets and Instances are made by programs and have no webhook: below their schemaless fields nobody
 * refuses. No row of today says that a field can't change. */
#include <regex.h>
#include <stdio.h>
#include <string.h>

#include "api/admission.h"
#include "base/str.h"
#include "crd_schema.h"
#include "reviews.h"
#include "specimen.h"
#include "testing.h"

/* A property that this test does not know makes the rows larger. */
_Static_assert(sizeof(void *) != 8 || sizeof(struct field) == 128, "a new property of fields needs cases here");

enum property { REQUIRED, BOUND, WORD, TEXT, COUNT, UNIQUE, PROPERTIES };
static const char *const property_names[] = {"required", "bound", "word", "text", "count", "unique"};

/* Rows that the webhook refuses too, by the end of their path. Properties that are not named are the schema's alone. */
static const struct {
    enum kind kind;
    const char *end;
    unsigned properties;
} repeated[] = {
    {KIND_RBG, "spec.roles", 1 << REQUIRED | 1 << COUNT | 1 << UNIQUE},
    {KIND_RBG, "spec.roles[].name", 1 << REQUIRED | 1 << TEXT},
    {KIND_RBG, "spec.roles[].replicas", 1 << BOUND},
    {KIND_RBG, ".leaderWorkerPattern.size", 1 << BOUND},
    {KIND_RBG, ".components", 1 << COUNT},
    {KIND_RBG, ".components[].name", 1 << REQUIRED | 1 << TEXT},
    {KIND_RBG, ".components[].size", 1 << BOUND},
    {KIND_RBG, ".components[].serviceName", 1 << TEXT},
    {KIND_RBG, ".templateRef.name", 1 << REQUIRED | 1 << TEXT},
    {KIND_RBG, ".restartPolicyConfig.baseDelaySeconds", 1 << BOUND},
    {KIND_RBG, ".restartPolicyConfig.maxDelaySeconds", 1 << BOUND},
    {KIND_RBG, ".restartPolicyConfig.maxRestarts", 1 << BOUND},
    {KIND_RBG, ".components[].template", 1 << REQUIRED},
    {KIND_RBG, ".engineRuntimes[].profileName", 1 << REQUIRED},
    {KIND_RBG, ".roleTemplates", 1 << UNIQUE | 1 << COUNT},
    {KIND_RBG, ".roleTemplates[].name", 1 << REQUIRED | 1 << TEXT},
    {KIND_RBG, ".roleTemplates[].template", 1 << REQUIRED},
    {KIND_RBGSET, "spec.replicas", 1 << BOUND},
    {KIND_RBGSET, "spec.groupTemplate", 1 << REQUIRED},
    {KIND_WARMUP, "spec", 1 << REQUIRED},
    {KIND_WARMUP, ".customizedAction.containers", 1 << REQUIRED | 1 << COUNT},
};

/* Rows of pods that are required in a schema and that Kubernetes fills with nothing all the same, or does not look at while the
 * feature is off: the webhook must not refuse what a Deployment may have. */
static const char *const not_demanded[] = {
    ".httpHeaders[].value", ".sysctls[].value", ".sleep.seconds", ".preference", ".template.spec.resources.claims[].name",
    ".podCertificate.signerName", ".podCertificate.keyType", ".clusterTrustBundle.path",
    ".clusterTrustBundle.labelSelector.matchExpressions[].key", ".clusterTrustBundle.labelSelector.matchExpressions[].operator",
    ".restartPolicyRules[].action", ".restartPolicyRules[].exitCodes.operator", "servicePorts[].port",
};

struct tour {
    struct arena *a; /* of the paths */
    enum kind kind;
    const char *version;
    const struct jv *schema;
    bool webhook;
    size_t rows, cases[PROPERTIES];
    size_t outside, inside; /* of the row */
};

/* Does the webhook refuse it, as the tables above say? */
static bool said_to_refuse(const struct tour *t, const struct specimen *s, enum property p) {
    if (!t->webhook || str_has_prefix(s->path, "status") || strstr(s->path, "engineRuntimes[].containers[]")) return false;
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) {
        bool of_group = repeated[i].kind == KIND_RBG && t->kind == KIND_RBGSET && str_has_prefix(s->path, "spec.groupTemplate.");
        bool here = (repeated[i].kind == t->kind || of_group) && repeated[i].properties & 1u << p;
        if (here && str_has_suffix(s->path, repeated[i].end)) return true;
    }
    for (size_t i = 0; i < sizeof not_demanded / sizeof *not_demanded; i++)
        if (str_has_suffix(s->path, not_demanded[i])) return false;
    return s->core && p == REQUIRED;
}

/* What the program says of manifests with no API server is what the schema says: the same places, the status left out. */
static void check_offline(const struct tour *t, const struct mismatches *m, const struct jv *doc) {
    struct problems p = {.a = t->a};
    admission_check_schema(&p, t->kind, t->version, doc);
    for (size_t i = 0; i < m->n; i++) {
        bool found = str_has_prefix(m->items[i].path, "status");
        for (size_t k = 0; k < p.n && !found; k++) found = str_eq(p.items[k].path, m->items[i].path);
        ASSERT_MSG(found, "the schema says that %s %s: %s", m->items[i].path, m->items[i].why, problems_text(t->a, &p));
    }
    for (size_t k = 0; k < p.n; k++)
        ASSERT_MSG(mismatches_has(m, p.items[k].path), "the schema does not say: %s", problems_text(t->a, &p));
}

/* ---- one case ---- */

static void check_case(struct tour *t, const struct specimen *s, enum property p, struct jv *doc, const char *at, bool outside) {
    struct arena *a = t->a;
    struct mismatches m;
    const char *text = json_text(a, doc);
    crd_schema_check(a, t->schema, doc, &m);
    check_offline(t, &m, doc);
    bool by_schema = outside && !s->schemaless;
    ASSERT_MSG(mismatches_has(&m, at) == by_schema, "%s %s: the schema %s %s (%s)\n%s", kind_info(t->kind)->name, t->version,
                  by_schema ? "takes" : "refuses", at, property_names[p], text);
    for (size_t i = 0; i < m.n; i++)
        ASSERT_MSG(str_eq(m.items[i].path, at), "%s: the schema says %s %s too", at, m.items[i].path, m.items[i].why);
    t->cases[p]++;
    if (outside) t->outside++;
    else t->inside++;
    if (!t->webhook) return;
    struct review_answer r = review_admit(a, "validate", t->kind, doc, NULL);
    bool by_webhook = outside && said_to_refuse(t, s, p);
    /* Of an object that is not there its required parts may be named. */
    bool named = review_names(&r, at, p == REQUIRED);
    ASSERT_MSG(named == by_webhook, "%s: the webhook %s %s (%s): %s\n%s", kind_info(t->kind)->name,
                  by_webhook ? "takes" : "refuses", at, property_names[p], review_message(&r), text);
}

static void with_value(struct tour *t, const struct specimen *s, enum property p, struct jv *value, bool outside) {
    ARENA_AUTO struct arena *a = arena_new();
    struct tour here = *t;
    here.a = a;
    struct jv *doc = specimen_new(a, t->kind, t->version, s->path), **place = specimen_at(doc, s->path);
    ASSERT_MSG(place != NULL, "%s is not in its specimen", s->path);
    if (value) *place = value;
    else ck_assert(jv_del(specimen_parent(doc, s->path), s->f->key));
    /* A reference has to find something. */
    const char *ref = strstr(s->path, "templateRef.name");
    const char *roles = ref ? strstr(s->path, "roles[]") : NULL;
    if (roles && jv_is(value, J_STR)) {
        const char *name = arena_printf(a, "%.*sroleTemplates[].name", (int)(roles - s->path), s->path);
        if (!outside) *specimen_at(doc, name) = value;
    }
    check_case(&here, s, p, doc, specimen_path(a, s->path), outside);
    memcpy(t->cases, here.cases, sizeof t->cases);
    t->outside = here.outside;
    t->inside = here.inside;
}

/* ---- what a property takes ---- */

static void bounds(struct tour *t, const struct specimen *s) {
    const struct { const char *limit; int out; } sides[] = {{s->f->min, -1}, {s->f->max, 1}};
    for (size_t i = 0; i < 2; i++) {
        if (!sides[i].limit) continue;
        int64_t n;
        ck_assert_int_eq(str_to_i64(sides[i].limit, &n), 0);
        with_value(t, s, BOUND, jv_new_int(t->a, n), false);
        with_value(t, s, BOUND, jv_new_int(t->a, n + sides[i].out), true);
    }
}

static void words(struct tour *t, const struct specimen *s) {
    const char *last = "";
    for (char *save = NULL, *w = strtok_r(arena_strdup(t->a, s->f->enums), "|", &save); w; w = strtok_r(NULL, "|", &save)) {
        with_value(t, s, WORD, jv_new_str(t->a, w), false);
        last = w;
    }
    const char *const wrong[] = {"", arena_printf(t->a, "%sX", last), arena_strndup(t->a, last, strlen(last) - 1), s->f->enums};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        /* With one word only, all of them is that word. */
        bool inside = strchr(s->f->enums, '|') == NULL && wrong[i] == s->f->enums;
        with_value(t, s, WORD, jv_new_str(t->a, wrong[i]), !inside);
    }
}

static bool text_fits(const struct field *f, const char *s) {
    regex_t re;
    size_t n = strlen(s);
    if (n < f->min_length || (f->max_length && n > f->max_length)) return false;
    if (!f->pattern) return true;
    ck_assert_int_eq(regcomp(&re, f->pattern, REG_EXTENDED | REG_NOSUB), 0);
    bool fits = regexec(&re, s, 0, NULL, 0) == 0;
    regfree(&re);
    return fits;
}

static char *letters(struct arena *a, size_t n) {
    char *s = arena_alloc(a, n + 1);
    memset(s, 'a', n);
    s[n] = '\0';
    return s;
}

static void texts(struct tour *t, const struct specimen *s) {
    const struct field *f = s->f;
    const char *const tries[] = {"", "a", "-a", "a-", "A", "a b", "0%", "100%", "101%", "-1%", "%", "a/v1", "v1", "a/v1gamma1",
                                 "a/b/c", "a.b/C", letters(t->a, f->max_length ? f->max_length : 1),
                                 letters(t->a, f->max_length ? f->max_length + 1 : 1)};
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        bool fits = text_fits(f, tries[i]);
        /* A name of a role has to fit into other names too: what the schema alone would take is not for this test. */
        bool part = !f->pattern || str_has_suffix(s->path, ".roles[].name") || str_has_suffix(s->path, ".components[].name");
        if (fits && t->webhook && part && !str_has_prefix(s->path, "status") && !str_eq(tries[i], "a")) continue;
        with_value(t, s, TEXT, jv_new_str(t->a, tries[i]), !fits);
    }
}

/* The specimen's element n times, each with a name of its own where it has one. */
static struct jv *many(struct arena *a, const struct specimen *s, const struct jv *one, size_t n) {
    struct jv *out = jv_new_arr(a);
    for (size_t i = 0; i < n; i++) {
        struct jv *item = jv_dup(a, jv_idx(one, 0));
        const char *key = s->f->list_keys ? s->f->list_keys : "name";
        if (i && jv_is(jv_get(item, key), J_STR)) jv_set(a, item, key, jv_new_strf(a, "n%zu", i));
        jv_push(a, out, item);
    }
    return out;
}

static struct jv *many_members(struct arena *a, const struct jv *one, uint32_t n) {
    struct jv *all = jv_new_obj(a);
    for (uint32_t i = 0; i < n; i++) jv_set(a, all, arena_printf(a, "n%u", i), jv_dup(a, one->members[0].val));
    return all;
}

static void counts(struct tour *t, const struct specimen *s) {
    ck_assert_uint_le(s->f->min_items + s->f->min_properties, 1); /* a specimen has one element */
    if (s->f->min_items + s->f->min_properties)
        with_value(t, s, COUNT, s->f->min_items ? jv_new_arr(t->a) : jv_new_obj(t->a), true);
    struct jv *doc = specimen_new(t->a, t->kind, t->version, s->path);
    const struct jv *one = *specimen_at(doc, s->path);
    with_value(t, s, COUNT, jv_dup(t->a, one), false);
    if (s->f->max_properties) {
        with_value(t, s, COUNT, many_members(t->a, one, s->f->max_properties), false);
        with_value(t, s, COUNT, many_members(t->a, one, s->f->max_properties + 1), true);
    }
    if (!s->f->max_items) return;
    with_value(t, s, COUNT, many(t->a, s, one, s->f->max_items + 1), true);
    if (str_has_suffix(s->path, "ependencies")) return; /* of roles that have to be there */
    with_value(t, s, COUNT, many(t->a, s, one, s->f->max_items), false);
}

/* An element twice is refused where the second one is. */
static void unique(struct tour *t, const struct specimen *s) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = specimen_new(a, t->kind, t->version, s->path), *list = *specimen_at(doc, s->path);
    jv_push(a, list, jv_dup(a, jv_idx(list, 0)));
    struct mismatches m;
    crd_schema_check(a, t->schema, doc, &m);
    check_offline(&(struct tour){.a = a, .kind = t->kind, .version = t->version}, &m, doc);
    const char *second = arena_printf(a, "%s[1]", specimen_path(a, s->path));
    ASSERT_MSG(mismatches_has(&m, second) == !s->schemaless, "%s", second);
    t->cases[UNIQUE]++;
    t->outside++;
    if (!t->webhook) return;
    struct review_answer r = review_admit(a, "validate", t->kind, doc, NULL);
    bool own = !s->core && said_to_refuse(t, s, UNIQUE);
    ASSERT_MSG(!own || review_names(&r, second, true), "%s: %s", second, review_message(&r));
}

/* ---- all rows ---- */

static void check_row(void *ctx, const struct specimen *s) {
    struct tour *t = ctx;
    const struct field *f = s->f;
    bool text = f->pattern || f->min_length || f->max_length, count = f->min_items || f->max_items || f->min_properties,
         list = f->list_keys || f->flags & FF_SET;
    bool any = f->flags & FF_REQUIRED || f->min || f->max || f->enums || text || count || list;
    /* Ephemeral containers are refused as a whole, whatever is in them. */
    if (s->element || !any || strstr(s->path, "ephemeralContainers")) return;
    t->rows++;
    t->outside = t->inside = 0;
    if (f->flags & FF_REQUIRED) with_value(t, s, REQUIRED, NULL, !f->dflt);
    bounds(t, s);
    if (f->enums) words(t, s);
    if (text) texts(t, s);
    if (count) counts(t, s);
    if (list) unique(t, s);
    ASSERT_MSG(t->outside > 0 || (f->flags & FF_REQUIRED && f->dflt), "%s: nothing was outside", s->path);
    bool one_sided = !f->min && !f->max && !f->enums && !text && !count;
    ASSERT_MSG(t->inside > 0 || one_sided, "%s: nothing was inside", s->path);
}

START_TEST(test_every_bound_of_every_row) {
    size_t cases[PROPERTIES] = {0};
    for (enum kind k = KIND_RBG; k <= KIND_INSTANCE; k++)
        for (size_t i = 0; i < kind_info(k)->nversions; i++) {
            ARENA_AUTO struct arena *a = arena_new();
            const struct kind_version *v = &kind_info(k)->versions[i];
            struct tour t = {.a = a, .kind = k, .version = v->name, .schema = crd_schema(a, k, v->name)};
            t.webhook = str_eq(v->name, "v1alpha2") && review_route(a, "validate", k);
            specimen_each(a, v->type, check_row, &t);
            printf("%s %s: %zu rows\n", kind_info(k)->name, v->name, t.rows);
            ck_assert_uint_ge(t.rows, 3);
            for (size_t p = 0; p < PROPERTIES; p++) cases[p] += t.cases[p];
        }
    for (size_t p = 0; p < PROPERTIES; p++) ck_assert_uint_gt(cases[p], 10);
}
END_TEST

/* The rows of `repeated` and `not_demanded` are about fields that exist. */
static void note_end(void *ctx, const struct specimen *s) {
    bool *seen = ctx;
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++)
        seen[i] = seen[i] || str_has_suffix(s->path, repeated[i].end);
    for (size_t i = 0; i < sizeof not_demanded / sizeof *not_demanded; i++)
        seen[100 + i] = seen[100 + i] || str_has_suffix(s->path, not_demanded[i]);
}

START_TEST(test_exceptions_name_fields) {
    bool seen[200] = {false};
    ARENA_AUTO struct arena *a = arena_new();
    for (enum kind k = KIND_RBG; k <= KIND_INSTANCE; k++)
        if (kind_version(k, "v1alpha2")) specimen_each(a, kind_version(k, "v1alpha2")->type, note_end, seen);
    for (size_t i = 0; i < sizeof repeated / sizeof *repeated; i++) ASSERT_MSG(seen[i], "%s", repeated[i].end);
    for (size_t i = 0; i < sizeof not_demanded / sizeof *not_demanded; i++) ASSERT_MSG(seen[100 + i], "%s", not_demanded[i]);
}
END_TEST

TEST_MAIN("webhook_bounds", test_every_bound_of_every_row, test_exceptions_name_fields)
