/* Where each field goes when it is converted: every leaf of the field tables of RoleBasedGroup and
 * RoleBasedGroupSet, of both versions and of every shape of a role, is claimed exactly once, by a
 * row of the conversion or by the fact that both versions have it at the same place; and a document
 * with nothing but this leaf shows that what the claim says is what happens. */
#include <string.h>

#include "api/admission.h"
#include "api/names.h"
#include "base/str.h"
#include "common/api/convert.h"
#include "testing.h"

#define STASH "conversion.workloads.x-k8s.io/stash"
#define MARK "leaf-7391"
enum { MARK_NUMBER = 7391 };

/* What lies outside the roles: part A 7.1 and 7.3. `v2` NULL: nowhere but in the stash; `copy`:
 * where the value is too, because that is what the controllers read. */
static const struct object_row {
    enum kind kind;
    const char *v1, *v2, *copy;
} object_rows[] = {
    {KIND_RBG, "spec.podGroupPolicy", "metadata.annotations." A_V1_POD_GROUP_POLICY, NULL},
    {KIND_RBG, "spec.podGroupPolicy.kubeScheduling.scheduleTimeoutSeconds",
     "metadata.annotations." A_V1_POD_GROUP_POLICY, "metadata.annotations." A_GANG_TIMEOUT},
    {KIND_RBG, "spec.podGroupPolicy.volcanoScheduling.queue",
     "metadata.annotations." A_V1_POD_GROUP_POLICY, "metadata.annotations." A_GANG_VOLCANO_QUEUE},
    {KIND_RBG, "spec.podGroupPolicy.volcanoScheduling.priorityClassName",
     "metadata.annotations." A_V1_POD_GROUP_POLICY,
     "metadata.annotations." A_GANG_VOLCANO_PRIORITY},
    {KIND_RBG, "spec.coordination", "metadata.annotations." A_V1_COORDINATION, NULL},
    {KIND_RBGSET, "spec.template.podGroupPolicy", "metadata.annotations." A_V1_POD_GROUP_POLICY,
     NULL},
    {KIND_RBGSET, "spec.template.podGroupPolicy.kubeScheduling.scheduleTimeoutSeconds",
     "metadata.annotations." A_V1_POD_GROUP_POLICY,
     "spec.groupTemplate.annotations." A_GANG_TIMEOUT},
    {KIND_RBGSET, "spec.template.podGroupPolicy.volcanoScheduling.queue",
     "metadata.annotations." A_V1_POD_GROUP_POLICY,
     "spec.groupTemplate.annotations." A_GANG_VOLCANO_QUEUE},
    {KIND_RBGSET, "spec.template.podGroupPolicy.volcanoScheduling.priorityClassName",
     "metadata.annotations." A_V1_POD_GROUP_POLICY,
     "spec.groupTemplate.annotations." A_GANG_VOLCANO_PRIORITY},
    {KIND_RBGSET, "spec.template.coordination", "metadata.annotations." A_V1_COORDINATION,
     "spec.groupTemplate.annotations." A_V1_COORDINATION},
    {KIND_RBGSET, "spec.template.roleTemplates", "spec.groupTemplate.spec.roleTemplates", NULL},
    {KIND_RBGSET, NULL, "spec.groupTemplate.labels", NULL},
    {KIND_RBGSET, NULL, "spec.groupTemplate.annotations", NULL},
};
enum { OBJECT_ROWS_N = sizeof object_rows / sizeof *object_rows };

/* One leaf on its way. */
struct leaf {
    struct arena *a;
    enum kind kind;
    bool v2;        /* the version it is written in */
    unsigned shape; /* of the role; 0: the leaf is outside of the roles */
    const char *path;
    const struct field *f;
    bool in_template;
    size_t n; /* leaves so far */
};

static const char *version_of(bool v2) {
    return v2 ? "v1alpha2" : "v1alpha1";
}

static const char *roles_of(enum kind k, bool v2) {
    if (k == KIND_RBG) return "spec.roles[]";
    return v2 ? "spec.groupTemplate.spec.roles[]" : "spec.template.roles[]";
}

static const struct type *role_type(bool v2) {
    const struct type *t = kind_version(KIND_RBG, version_of(v2))->type;
    return type_field(type_field(t, "spec")->type, "roles")->type;
}

/* Is `path` the row's place, or below it? */
static bool below(const char *row, const char *path) {
    size_t n = row ? strlen(row) : 0;
    return n && strncmp(row, path, n) == 0 && (path[n] == '\0' || strchr(".[", path[n]));
}

/* The field at a path, NULL when there is none; a key of a map is the map. */
static const struct field *field_at(const struct type *t, const char *path) {
    const struct field *f = NULL;
    while (*path && t) {
        char key[128];
        size_t n = strcspn(path, ".[");
        ck_assert_uint_lt(n, sizeof key);
        memcpy(key, path, n);
        key[n] = '\0';
        f = type_field(t, key);
        if (!f || f->kind == F_MAP) return f;
        path += n + strspn(path + n, "[].");
        t = f->type;
    }
    return *path ? NULL : f;
}

/* ---- claims ---- */

/* The nearest of the rows that are about this leaf of a role, and how many are equally near. */
static const struct conv_row *role_row(const struct leaf *l, const char *in_role, size_t *rows) {
    const struct conv_row *found = NULL;
    size_t nearest = 0;
    *rows = 0;
    for (size_t i = 0; i < convert_role_nrows; i++) {
        const struct conv_row *r = &convert_role_rows[i];
        const char *row = l->v2 ? r->v2 : r->v1;
        if (!(r->shapes & l->shape) || !below(row, in_role) || strlen(row) < nearest) continue;
        *rows = strlen(row) > nearest ? 1 : *rows + 1;
        nearest = strlen(row);
        found = r;
    }
    return found;
}

static const struct object_row *object_row(const struct leaf *l, size_t *rows) {
    const struct object_row *found = NULL;
    size_t nearest = 0;
    *rows = 0;
    for (size_t i = 0; i < OBJECT_ROWS_N; i++) {
        const struct object_row *r = &object_rows[i];
        const char *row = l->v2 ? r->v2 : r->v1;
        if (r->kind != l->kind || !below(row, l->path) || strlen(row) < nearest) continue;
        *rows = strlen(row) > nearest ? 1 : *rows + 1;
        nearest = strlen(row);
        found = r;
    }
    return found;
}

/* v1alpha2 only: the pattern of a role that has another one is stashed as a whole. */
static bool of_other_pattern(const struct leaf *l, const char *in_role) {
    static const char *const patterns[] = {"standalonePattern", "leaderWorkerPattern",
                                           "customComponentsPattern"};
    for (size_t i = 0; l->v2 && i < 3; i++)
        if (below(patterns[i], in_role)) return l->shape != 1u << i;
    return false;
}

/* The same place with the same type in the other version: it stays where it is. */
static bool stays(const struct leaf *l, const char *in_role) {
    const struct type *other = in_role ? role_type(!l->v2)
                                       : kind_version(l->kind, version_of(!l->v2))->type;
    const struct field *f = field_at(other, in_role ? in_role : l->path);
    return f && f->kind == l->f->kind && f->elem == l->f->elem;
}

/* Where the leaf is after conversion; NULL: in the stash only. *copy: where it is too. */
static const char *target(struct leaf *l, const char **copy) {
    const char *roles = roles_of(l->kind, l->v2);
    const char *in_role = l->shape ? l->path + strlen(roles) + 1 : NULL;
    size_t rows = 0;
    *copy = NULL;
    if (!in_role) {
        const struct object_row *r = object_row(l, &rows);
        bool same = stays(l, NULL);
        ASSERT_MSG(rows + same == 1, "%s %s %s: %zu rows%s", kind_info(l->kind)->name,
                      version_of(l->v2), l->path, rows, same ? ", and it stays" : "");
        if (same) return l->path;
        *copy = r->copy;
        const char *from = l->v2 ? r->v2 : r->v1, *to = l->v2 ? r->v1 : r->v2;
        bool text = to && str_has_prefix(to, "metadata.annotations.");
        return !to || text ? to : arena_printf(l->a, "%s%s", to, l->path + strlen(from));
    }
    const struct conv_row *r = role_row(l, in_role, &rows);
    bool other = of_other_pattern(l, in_role), same = stays(l, in_role);
    const char *there = roles_of(l->kind, !l->v2);
    /* A row may spell a word of a field that stays, or take away a member that one version lacks.
     */
    ASSERT_MSG(other ? rows == 0 : rows == 1 || (rows == 0 && same),
                  "%s %s %s, shape %u: %zu rows%s", kind_info(l->kind)->name, version_of(l->v2),
                  l->path, l->shape, rows, same ? ", and it stays" : "");
    if (other) return NULL;
    if (!r) return arena_printf(l->a, "%s.%s", there, in_role);
    const char *from = l->v2 ? r->v2 : r->v1, *to = l->v2 ? r->v1 : r->v2;
    for (size_t i = 0; i < convert_role_nrows; i++) {
        const struct conv_row *x = &convert_role_rows[i];
        if (x->op != CONV_RESTART || !(x->shapes & l->shape) || !l->v2) continue;
        if (str_eq(x->arg, in_role)) *copy = arena_printf(l->a, "%s.%s", there, x->v1);
    }
    if (!to || r->op == CONV_V1 || r->op == CONV_V2 || r->op == CONV_EACH) return NULL;
    if (r->op == CONV_WORKLOAD) return arena_printf(l->a, "%s.%s", there, to);
    return arena_printf(l->a, "%s.%s%s", there, to, in_role + strlen(from));
}

/* ---- a document with one leaf ---- */

static struct jv *one_value(struct arena *a, enum fkind k) {
    struct jv *v;
    switch (k) {
    case F_BOOL:
        return jv_new_bool(a, true);
    case F_INT32:
    case F_INT64:
    case F_FLOAT:
        return jv_new_int(a, MARK_NUMBER);
    case F_ANY:
    case F_OBJECT:
    case F_MAP:
        v = jv_new_obj(a);
        jv_set_str(a, v, "key", MARK);
        return v;
    default:
        return jv_new_str(a, MARK);
    }
}

static struct jv *leaf_value(struct arena *a, const struct field *f) {
    if (f->kind == F_LIST) {
        struct jv *list = jv_new_arr(a);
        jv_push(a, list, one_value(a, f->elem));
        return list;
    }
    return one_value(a, f->kind);
}

/* What names the document itself. */
static bool is_head(const struct leaf *l) {
    return str_eq(l->path, "apiVersion") || str_eq(l->path, "kind");
}

/* "spec.roles[].name": the parents are made, a list gets one element. What comes after
 * "annotations." is one key. */
static void put(struct arena *a, struct jv *at, const char *path, struct jv *v) {
    for (;;) {
        bool note = str_has_prefix(path, "annotations.");
        size_t n = note ? sizeof "annotations" - 1 : strcspn(path, ".[");
        const char *key = arena_strndup(a, path, n);
        path += n;
        if (!*path) {
            jv_set(a, at, key, v);
            return;
        }
        if (*path == '[') {
            struct jv *list = jv_need_arr(a, at, key);
            if (jv_len(list) == 0) jv_push(a, list, jv_new_obj(a));
            at = jv_idx(list, 0);
            path += 3;
        } else {
            at = jv_need_obj(a, at, key);
            path += 1;
        }
        if (note) {
            jv_set(a, at, path, v);
            return;
        }
    }
}

static struct jv *document(struct leaf *l) {
    static const char *const v1[] = {NULL, "leaderWorkerSet", "components[]"},
                             *const v2[] = {"standalonePattern", "leaderWorkerPattern",
                                            "customComponentsPattern"};
    struct arena *a = l->a;
    struct jv *doc = jv_new_obj(a);
    jv_set(a, doc, "apiVersion", jv_new_strf(a, "%s/%s", API_GROUP, version_of(l->v2)));
    jv_set_str(a, doc, "kind", kind_info(l->kind)->name);
    put(a, doc, "metadata.name", jv_new_str(a, "g"));
    if (l->kind == KIND_RBGSET) /* without it a set says nothing about groups */
        put(a, doc, l->v2 ? "spec.groupTemplate.spec.roles" : "spec.template.roles", jv_new_arr(a));
    const char *roles = roles_of(l->kind, l->v2);
    for (size_t i = 0; i < 3 && l->shape; i++) {
        const char *key = l->v2 ? v2[i] : v1[i];
        if (l->shape != 1u << i || !key) continue;
        if (str_has_suffix(key, "[]"))
            put(a, doc, arena_printf(a, "%s.%s.name", roles, key), jv_new_str(a, "c"));
        else
            put(a, doc, arena_printf(a, "%s.%s", roles, key), jv_new_obj(a));
    }
    if (l->shape) put(a, doc, arena_printf(a, "%s.name", roles), jv_new_str(a, "r"));
    /* Values that go nowhere alone. */
    if (str_has_suffix(l->path, ".templatePatch"))
        put(a, doc, arena_printf(a, "%s.templateRef.name", roles), jv_new_str(a, "t"));
    if (l->shape && strstr(l->path, "].workload.")) {
        put(a, doc, arena_printf(a, "%s.workload.apiVersion", roles), jv_new_str(a, "v"));
        put(a, doc, arena_printf(a, "%s.workload.kind", roles), jv_new_str(a, "k"));
    }
    if (!is_head(l)) put(a, doc, l->path, leaf_value(a, l->f));
    return doc;
}

/* ---- where it went ---- */

static bool marked(const struct jv *v, const struct leaf *l) {
    if (l->f->kind == F_BOOL) return jv_is(v, J_BOOL);
    if (jv_is(v, J_NUM)) return jv_int(v, 0) == MARK_NUMBER;
    return jv_is(v, J_STR) && (strstr(v->s, MARK) || strstr(v->s, "7391"));
}

/* All places with the value, in the form of `leaf.path`, each once: "a b c". */
static void find(const struct jv *v, const struct leaf *l, const char *path, struct buf *out) {
    if (str_has_suffix(path, "annotations." STASH)) return;
    if (marked(v, l)) buf_printf(out, " %s", path);
    JV_FOR_ARR(it, v) find(*it, l, arena_printf(l->a, "%s[]", path), out);
    JV_FOR_OBJ(m, v)
    find(m->val, l, arena_printf(l->a, "%s%s%s", path, *path ? "." : "", m->key), out);
}

/* Does the leaf make the role one of another shape? Then there is no such document. */
static bool changes_shape(const struct leaf *l) {
    if (!l->shape) return false;
    const char *in_role = l->path + strlen(roles_of(l->kind, l->v2)) + 1;
    if (l->v2 && l->shape == CONV_NONE) return of_other_pattern(l, in_role);
    if (l->v2) /* leader and workers before components before one pod */
        return (below("leaderWorkerPattern", in_role) && l->shape != CONV_LEADER_WORKER) ||
               (below("customComponentsPattern", in_role) && l->shape == CONV_STANDALONE);
    return (below("leaderWorkerSet", in_role) && l->shape != CONV_LEADER_WORKER) ||
           (below("components", in_role) && l->shape == CONV_STANDALONE);
}

static void check_leaf(struct leaf *l) {
    struct err e = ERR_INIT;
    const char *copy, *to = target(l, &copy);
    ASSERT_MSG(!to || str_has_prefix(to, "metadata.") ||
                      field_at(kind_version(l->kind, version_of(!l->v2))->type, to),
                  "%s %s %s goes to %s, which is no field", kind_info(l->kind)->name,
                  version_of(l->v2), l->path, to);
    if (changes_shape(l)) return;
    /* The hundreds of a pod template move together: some of them show it. */
    if (l->in_template && l->n % 64) return;
    struct jv *doc = document(l), *out = convert(l->a, l->kind, doc, version_of(!l->v2), &e);
    ASSERT_PTR(out);
    BUF_AUTO struct buf got = BUF_INIT, before = BUF_INIT;
    find(doc, l, "", &before);
    ASSERT_MSG(before.len || is_head(l), "%s is not in its document", l->path);
    find(out, l, "", &got);
    bool list = l->f->kind == F_LIST, member = l->f->kind == F_MAP || l->f->kind == F_ANY ||
                                               (list && l->f->elem == F_OBJECT) ||
                                               l->f->kind == F_OBJECT;
    size_t found = 0;
    char *save = NULL;
    for (char *at = strtok_r(arena_strdup(l->a, buf_str(&got)), " ", &save); at;
         at = strtok_r(NULL, " ", &save), found++) {
        const char *want = to ? arena_printf(l->a, "%s%s%s", to, list ? "[]" : "",
                                             member ? ".key" : "")
                              : "";
        bool text = to && str_has_prefix(to, "metadata.annotations.") && str_eq(at, to);
        bool set_notes = copy && str_has_prefix(copy, "spec.groupTemplate.annotations.") &&
                         str_eq(at + sizeof "metadata" - 1, strstr(copy, ".annotations."));
        bool known = str_eq(at, want) || text || (copy && str_eq(at, copy)) || set_notes;
        ASSERT_MSG(known, "%s %s %s, shape %u: is at %s, not at %s", kind_info(l->kind)->name,
                      version_of(l->v2), l->path, l->shape, at, want);
    }
    bool stashed = strstr(json_text(l->a, out), STASH) != NULL;
    ASSERT_MSG(is_head(l) || (to ? found > 0 : stashed && (found == 0 || copy)),
                  "%s %s %s, shape %u: in %zu places, %s", kind_info(l->kind)->name,
                  version_of(l->v2), l->path, l->shape, found, json_text(l->a, out));
    const struct jv *back = convert(l->a, l->kind, out, version_of(l->v2), &e);
    ASSERT_MSG(jv_eq(back, doc), "%s became %s", json_text(l->a, doc), json_text(l->a, back));
}

static void each_leaf(struct leaf *l, const struct type *t, const char *path) {
    for (size_t i = 0; i < t->nfields; i++) {
        const struct field *f = &t->fields[i];
        const char *here = arena_printf(l->a, "%s%s%s", path, *path ? "." : "", f->key);
        bool roles = str_has_suffix(here, ".roles") && f->elem == F_OBJECT;
        if (roles && !l->shape) continue; /* walked on their own, once for each shape */
        if (f->type && f->type->nfields) {
            bool outside = !l->in_template && f->type == &core_PodTemplateSpec;
            l->in_template = l->in_template || outside;
            each_leaf(l, f->type, f->kind == F_LIST ? arena_printf(l->a, "%s[]", here) : here);
            l->in_template = l->in_template && !outside;
        } else {
            struct leaf one = *l;
            one.a = arena_new();
            one.path = here;
            one.f = f;
            check_leaf(&one);
            arena_free(one.a);
            l->n++;
        }
    }
}

START_TEST(test_every_leaf_goes_to_one_place) {
    static const enum kind kinds[] = {KIND_RBG, KIND_RBGSET};
    static const unsigned shapes[] = {CONV_STANDALONE, CONV_LEADER_WORKER, CONV_CUSTOM, CONV_NONE};
    ARENA_AUTO struct arena *a = arena_new();
    for (size_t k = 0; k < 2; k++)
        for (int v2 = 0; v2 < 2; v2++) {
            struct leaf object = {.a = a, .kind = kinds[k], .v2 = v2};
            each_leaf(&object, kind_version(kinds[k], version_of(v2))->type, "");
            /* A pod template alone has as many. */
            ck_assert_uint_ge(object.n, 700);
            for (size_t s = 0; s < (v2 ? 4 : 3); s++) {
                struct leaf role = {.a = a, .kind = kinds[k], .v2 = v2, .shape = shapes[s]};
                each_leaf(&role, role_type(v2), roles_of(kinds[k], v2));
                ck_assert_uint_ge(role.n, 1500);
            }
        }
}
END_TEST

/* No row is about a field that does not exist. */
START_TEST(test_every_row_names_a_field) {
    for (size_t i = 0; i < convert_role_nrows; i++)
        for (int v = 0; v < 2; v++) {
            const char *path = v ? convert_role_rows[i].v2 : convert_role_rows[i].v1;
            ASSERT_MSG(!path || field_at(role_type(v), path), "row %zu: there is no field %s", i,
                          path);
        }
    for (size_t i = 0; i < OBJECT_ROWS_N; i++) {
        const struct object_row *r = &object_rows[i];
        ASSERT_MSG(!r->v1 || field_at(kind_version(r->kind, "v1alpha1")->type, r->v1),
                      "there is no field %s", r->v1);
    }
}
END_TEST

TEST_MAIN("api_convert_rows", test_every_leaf_goes_to_one_place, test_every_row_names_a_field)
