/* Roles of both versions: the table of what goes where, and the few lines that walk it. Hides the
 * shapes of a role (plain, leader and workers, custom components) and their order of precedence.
 * Rows run from first to last to v1alpha2 and backwards to v1alpha1, so that a row may rely on what
 * the ones before it have put in place. A field that no row names exists in both versions, or in
 * none that we know, and stays where it is. Edited levels are copies of their own; everything below
 * is shared with the input. Pure. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "convert.h"

#define LW "leaderWorkerPattern"
#define CC "customComponentsPattern"
#define SA "standalonePattern"

#define RESTART_ROWS(shape, pattern)                                                               \
    {shape, NULL, pattern ".restartPolicyConfig", CONV_V2, NULL},                                  \
        {shape, NULL, pattern ".restartPolicy", CONV_V2, NULL},                                    \
        {shape, "restartPolicy", pattern ".restartPolicyConfig.type", CONV_RESTART,                \
         pattern ".restartPolicy"},                                                                \
        {shape, NULL, pattern ".restartPolicyConfig.baseDelaySeconds", CONV_V2, "30"},             \
        {shape, NULL, pattern ".restartPolicyConfig.maxDelaySeconds", CONV_V2, "600"},             \
        {shape, NULL, pattern ".restartPolicyConfig.maxRestarts", CONV_V2, NULL}

#define TEMPLATE_ROWS(shape, pattern)                                                              \
    {shape, "template", pattern ".template", CONV_MOVE, NULL},                                     \
        {shape, "templateRef", pattern ".templateRef", CONV_UNLESS, "template"},                   \
        {shape, "templatePatch", pattern ".templateRef.patch", CONV_INTO, "template"}

const struct conv_row convert_role_rows[] = {
    {CONV_ANY, "workload", "annotations." A_WORKLOAD_TYPE, CONV_WORKLOAD, NULL},
    {CONV_ANY, "rolloutStrategy.rollingUpdate.type", "rolloutStrategy.rollingUpdate.type", CONV_MAP,
     "Recreate=RecreatePod"},
    {CONV_ANY, NULL, "podManagementPolicy", CONV_V2, "\"Parallel\""},
    {CONV_ANY, NULL, "scalingAdapter.labels", CONV_V2, NULL},

    RESTART_ROWS(CONV_LEADER_WORKER, LW),
    {CONV_LEADER_WORKER, NULL, LW ".sharedServiceSelection", CONV_V2, NULL},
    TEMPLATE_ROWS(CONV_LEADER_WORKER, LW),
    {CONV_LEADER_WORKER, "leaderWorkerSet.size", LW ".size", CONV_MOVE, NULL},
    {CONV_LEADER_WORKER, "leaderWorkerSet.patchLeaderTemplate", LW ".leaderTemplatePatch",
     CONV_MOVE, NULL},
    {CONV_LEADER_WORKER, "leaderWorkerSet.patchWorkerTemplate", LW ".workerTemplatePatch",
     CONV_MOVE, NULL},

    RESTART_ROWS(CONV_CUSTOM, CC),
    {CONV_CUSTOM, "components", CC ".components", CONV_MOVE, NULL},
    {CONV_CUSTOM, NULL, CC ".components[].labels", CONV_EACH, NULL},
    {CONV_CUSTOM, NULL, CC ".components[].annotations", CONV_EACH, NULL},
    {CONV_CUSTOM, "template", NULL, CONV_V1, NULL},
    {CONV_CUSTOM, "templateRef", NULL, CONV_V1, NULL},
    {CONV_CUSTOM, "templatePatch", NULL, CONV_V1, NULL},

    TEMPLATE_ROWS(CONV_STANDALONE, SA),
    {CONV_STANDALONE | CONV_NONE, "restartPolicy", NULL, CONV_V1, NULL},

    /* What is left of a pattern's object once the rows above have taken their fields, and patterns
       that lost to another. */
    {CONV_STANDALONE | CONV_LEADER_WORKER | CONV_NONE, "components", NULL, CONV_V1, NULL},
    {CONV_ANY, "leaderWorkerSet", NULL, CONV_V1, NULL},
};
const size_t convert_role_nrows = sizeof convert_role_rows / sizeof *convert_role_rows;

struct jv *convert_clone(struct arena *a, const struct jv *v) {
    struct jv *out = ARENA_NEW(a, struct jv);
    *out = *v;
    out->cap = v->len;
    if (v->type == J_OBJ && v->len) {
        out->members = ARENA_ARRAY(a, v->len, struct jmember);
        memcpy(out->members, v->members, v->len * sizeof *v->members);
    } else if (v->type == J_ARR && v->len) {
        out->items = ARENA_ARRAY(a, v->len, struct jv *);
        memcpy(out->items, v->items, v->len * sizeof *v->items);
    }
    return out;
}

struct jv *convert_own(struct arena *a, struct jv *obj, const char *key) {
    const struct jv *v = jv_get(obj, key);
    if (!jv_is(v, J_OBJ) && !jv_is(v, J_ARR)) return NULL;
    struct jv *own = convert_clone(a, v);
    jv_set(a, obj, key, own);
    return own;
}

/* The last key of a dotted path; what is before it is the parent. Keys that hold dots themselves
 * (annotations) only ever stand last, after "annotations.". */
static const char *last_key(const char *path) {
    static const char notes[] = "annotations.";
    if (strncmp(path, notes, sizeof notes - 1) == 0) return path + sizeof notes - 1;
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

/* The object at the keys in [path, end), as a copy of its own; made when absent and `make`. NULL:
 * absent, or no object. */
static struct jv *own_path(struct arena *a, struct jv *role, const char *path, const char *end,
                           bool make) {
    struct jv *at = role;
    while (path < end && at) {
        size_t n = strcspn(path, ".");
        const struct jv *v = jv_getn(at, path, n);
        const char *key = arena_strndup(a, path, n);
        if (make && (!v || v->type == J_NULL)) jv_set(a, at, key, jv_new_obj(a));
        at = jv_is(jv_getn(at, path, n), J_OBJ) ? convert_own(a, at, key) : NULL;
        path += n + 1;
    }
    return at;
}

/* The parent of the last key, see own_path. */
static struct jv *own_parent(struct arena *a, struct jv *role, const char *path, bool make) {
    return own_path(a, role, path, last_key(path), make);
}

/* Looks without copying. */
static struct jv *peek(const struct jv *role, const char *path) {
    const struct jv *at = role;
    const char *key = last_key(path);
    for (size_t n; path < key && at; path += n + 1) at = jv_getn(at, path, n = strcspn(path, "."));
    return jv_get(at, key);
}

/* Removes and returns what is at the path; null counts as nothing. */
static struct jv *take(struct arena *a, struct jv *role, const char *path) {
    struct jv *v = peek(role, path);
    if (!v) return NULL;
    jv_del(own_parent(a, role, path, false), last_key(path));
    return v->type == J_NULL ? NULL : v;
}

static void put(struct arena *a, struct jv *role, const char *path, struct jv *v, bool make) {
    struct jv *at = v ? own_parent(a, role, path, make) : NULL;
    if (at) jv_set(a, at, last_key(path), v);
}

static void move_word(struct arena *a, struct jv *role, const struct conv_row *r, bool to_v2) {
    const char *from = to_v2 ? r->v1 : r->v2, *to = to_v2 ? r->v2 : r->v1;
    struct jv *v = peek(role, from);
    const char *eq = strchr(r->arg, '=');
    char *v1 = arena_strndup(a, r->arg, (size_t)(eq - r->arg));
    const char *old = to_v2 ? v1 : eq + 1, *new = to_v2 ? eq + 1 : v1;
    if (str_eq(jv_str(v, NULL), old)) put(a, role, to, jv_new_str(a, new), false);
}

/* To v1alpha1, an inline template wins over a reference (part A 7.2); to v1alpha2 both are kept,
 * and refused by the schema. */
static void move_unless(struct arena *a, struct jv *role, const struct conv_row *r, bool to_v2,
                        unsigned shape) {
    struct jv *v = take(a, role, to_v2 ? r->v1 : r->v2);
    const struct jv *inline_template =
        to_v2 ? NULL : jv_get(jv_get(role, shape == CONV_STANDALONE ? SA : LW), r->arg);
    if (jv_is_empty(inline_template)) put(a, role, to_v2 ? r->v2 : r->v1, v, r->op != CONV_INTO);
}

/* Part A 4.1: split at the last '/', which may not be the first character; else a RoleInstanceSet.
 */
static struct jv *workload_of(struct arena *a, const char *type) {
    const char *slash = type ? strrchr(type, '/') : NULL;
    if (!slash || slash == type) type = WORKLOAD_RIS, slash = strrchr(type, '/');
    struct jv *w = jv_new_obj(a);
    jv_set(a, w, "apiVersion", jv_new_strn(a, type, (size_t)(slash - type)));
    jv_set_str(a, w, "kind", slash + 1);
    return w;
}

static void move_workload(struct arena *a, struct jv *role, const struct conv_row *r, bool to_v2) {
    if (!to_v2) {
        jv_set(a, role, r->v1, workload_of(a, jv_str(peek(role, r->v2), NULL)));
        return;
    }
    const struct jv *w = take(a, role, r->v1);
    const char *version = jv_get_str(w, "apiVersion"), *kind = jv_get_str(w, "kind");
    if (!str_empty(version) && !str_empty(kind))
        put(a, role, r->v2, jv_new_strf(a, "%s/%s", version, kind), true);
}

static void move_restart(struct arena *a, struct jv *role, const struct conv_row *r, bool to_v2) {
    struct jv *v = take(a, role, to_v2 ? r->v1 : r->v2);
    if (!to_v2 && str_empty(jv_str(v, NULL))) v = peek(role, r->arg);
    if (!str_empty(jv_str(v, NULL))) put(a, role, to_v2 ? r->v2 : r->v1, v, true);
}

/* A default of the table: a number, or a word in quotes. */
static struct jv *scalar(struct arena *a, const char *json) {
    size_t n = strlen(json);
    if (json[0] == '"') return jv_new_strn(a, json + 1, n - 2);
    struct jv *v = ARENA_NEW(a, struct jv);
    *v = (struct jv){.type = J_NUM, .len = (uint32_t)n, .s = json};
    return v;
}

/* v1alpha2 only. To v1alpha2, a missing value becomes what v1alpha1 means by it (the schema of
 * v1alpha2 would say the same). */
static void only_v2(struct arena *a, struct jv *role, const struct conv_row *r, bool to_v2) {
    if (!to_v2) {
        take(a, role, r->v2);
    } else if (r->arg && !peek(role, r->v2)) {
        put(a, role, r->v2, scalar(a, r->arg), true);
    }
}

/* Rows "list[].field": v1alpha2 only, in every element. */
static void each_only_v2(struct arena *a, struct jv *role, const struct conv_row *r, bool to_v2) {
    if (to_v2) return;
    const char *mark = strstr(r->v2, "[].");
    const char *list_path = arena_strndup(a, r->v2, (size_t)(mark - r->v2)),
               *key = last_key(list_path);
    struct jv *at = own_parent(a, role, list_path, false),
              *list = jv_is(jv_get(at, key), J_ARR) ? convert_own(a, at, key) : NULL;
    for (uint32_t i = 0; list && i < list->len; i++) {
        if (!jv_get(list->items[i], mark + 3)) continue;
        list->items[i] = convert_clone(a, list->items[i]);
        jv_del(list->items[i], mark + 3);
    }
}

static void run_row(struct arena *a, struct jv *role, const struct conv_row *r, bool to_v2,
                    unsigned shape) {
    switch (r->op) {
    case CONV_MOVE:
        put(a, role, to_v2 ? r->v2 : r->v1, take(a, role, to_v2 ? r->v1 : r->v2), true);
        break;
    case CONV_INTO:
    case CONV_UNLESS:
        move_unless(a, role, r, to_v2, shape);
        break;
    case CONV_MAP:
        move_word(a, role, r, to_v2);
        break;
    case CONV_WORKLOAD:
        move_workload(a, role, r, to_v2);
        break;
    case CONV_RESTART:
        move_restart(a, role, r, to_v2);
        break;
    case CONV_V1:
        if (to_v2) take(a, role, r->v1);
        break;
    case CONV_V2:
        only_v2(a, role, r, to_v2);
        break;
    case CONV_EACH:
        each_only_v2(a, role, r, to_v2);
        break;
    }
}

/* Part A 7.1, 7.2: which pattern a role has when it could be read as several. */
static unsigned shape_of(const struct jv *role, bool to_v2) {
    if (jv_is(jv_get(role, to_v2 ? "leaderWorkerSet" : LW), J_OBJ)) return CONV_LEADER_WORKER;
    if (to_v2) return jv_len(jv_get(role, "components")) ? CONV_CUSTOM : CONV_STANDALONE;
    if (jv_is(jv_get(role, CC), J_OBJ)) return CONV_CUSTOM;
    return jv_is(jv_get(role, SA), J_OBJ) ? CONV_STANDALONE : CONV_NONE;
}

/* Members that no row names: they stay with their pattern where the other version has an object for
 * it. */
static void move_rest(struct arena *a, struct jv *role, const char *from, const char *to) {
    const struct jv *rest = jv_get(role, from);
    struct jv *into = own_path(a, role, to, to + strlen(to), true);
    if (!jv_is(rest, J_OBJ) || !into) return;
    JV_FOR_OBJ(m, rest) if (!jv_get(into, m->key)) jv_set(a, into, m->key, m->val);
}

static struct jv *convert_role(struct arena *a, const struct jv *from, bool to_v2) {
    if (!jv_is(from, J_OBJ)) return convert_clone(a, from);
    struct jv *role = convert_clone(a, from);
    unsigned shape = shape_of(role, to_v2);
    /* The pattern is there even when it says nothing. */
    const char *pattern = shape == CONV_LEADER_WORKER ? LW : shape == CONV_CUSTOM ? CC : SA;
    if (to_v2) own_path(a, role, pattern, pattern + strlen(pattern), true);
    for (size_t i = 0; i < convert_role_nrows; i++) {
        const struct conv_row *r = &convert_role_rows[to_v2 ? i : convert_role_nrows - 1 - i];
        bool last = r->op == CONV_V1 && str_eq(r->v1, "leaderWorkerSet");
        if (to_v2 && last && shape == CONV_LEADER_WORKER) move_rest(a, role, r->v1, LW);
        if (r->shapes & shape) run_row(a, role, r, to_v2, shape);
    }
    if (to_v2) return role;
    if (shape == CONV_LEADER_WORKER) move_rest(a, role, LW, "leaderWorkerSet");
    static const char *const patterns[] = {SA, LW, CC};
    for (size_t i = 0; i < 3; i++) jv_del(role, patterns[i]);
    return role;
}

void convert_roles(struct arena *a, struct jv *spec, bool to_v2) {
    struct jv *roles = jv_is(jv_get(spec, "roles"), J_ARR) ? convert_own(a, spec, "roles") : NULL;
    for (uint32_t i = 0; roles && i < roles->len; i++)
        roles->items[i] = convert_role(a, roles->items[i], to_v2);
}
