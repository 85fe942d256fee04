/* Roles of both versions: the table of what goes where, and the few lines that walk it. Hides the
 * shapes of a role (plain, leader and workers, custom components) and their order of precedence.
 * Rows run from first to last to v1alpha2 and backwards to v1alpha1, so that a row may rely on what
 * the ones before it have put in place. A field that no row names exists in both versions, or in
 * none that we know, and stays where it is. Edited levels are copies of their own; everything below
 * is shared with the input. Pure. */
#include <stdlib.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "convert.h"
#include "doc/find.h"

#define LW "leaderWorkerPattern"
#define CC "customComponentsPattern"
#define SA "standalonePattern"
#define LWS "leaderWorkerSet"

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
    {CONV_LEADER_WORKER, LWS ".size", LW ".size", CONV_MOVE, NULL},
    {CONV_LEADER_WORKER, LWS ".patchLeaderTemplate", LW ".leaderTemplatePatch", CONV_MOVE, NULL},
    {CONV_LEADER_WORKER, LWS ".patchWorkerTemplate", LW ".workerTemplatePatch", CONV_MOVE, NULL},

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
    {CONV_ANY, LWS, NULL, CONV_V1, NULL},
};
const size_t convert_role_nrows = sizeof convert_role_rows / sizeof *convert_role_rows;

/* ---- paths ---- */

/* The keys of a dotted path. A key that holds dots itself (of an annotation) only ever stands last,
 * after "annotations.". Of a path "list[].field" the keys of the list. */
enum { DEEPEST = 3 };
struct path {
    struct {
        const char *s;
        size_t len;
    } keys[DEEPEST];
    size_t n;
    bool in_pattern; /* begins with the pattern of the row's shape */
};

/* What the rows hold, until the program ends. */
static struct arena *fixed;

static struct path parse_path(const char *text) {
    struct path p = {.n = 0};
    const char *end = text ? strstr(text, "[].") : NULL;
    if (text && !end) end = text + strlen(text);
    while (text && text < end) {
        bool note = p.n == 1 && str_eq(p.keys[0].s, "annotations");
        const char *dot = note ? NULL : memchr(text, '.', (size_t)(end - text));
        if (p.n == DEEPEST) abort();
        p.keys[p.n].len = (size_t)((dot ? dot : end) - text);
        p.keys[p.n].s = arena_strndup(fixed, text, p.keys[p.n].len);
        p.n++;
        text = dot ? dot + 1 : end;
    }
    const char *first = p.n > 1 ? p.keys[0].s : NULL;
    p.in_pattern = first && (str_eq(first, SA) || str_eq(first, LW) || str_eq(first, CC));
    return p;
}

/* A row with its paths parsed, once when the program starts. */
struct row {
    const struct conv_row *r;
    struct path v1, v2, arg; /* arg: where it is the path of a field of v1alpha2 */
    struct jv *value;        /* arg: where it is a value */
};
enum { NROWS = sizeof convert_role_rows / sizeof *convert_role_rows };
static struct row rows[NROWS];

/* The rows that may do something, in the order in which they run: by direction and shape. Most have
 * nothing to do in most roles, which one bit tells: that of the key that the role or its pattern
 * must have. */
struct program {
    struct step {
        const struct row *row;
        uint32_t need; /* 0: it always runs */
        bool in_pattern;
        bool rest; /* before it, what is left of the old object goes to the pattern */
    } steps[NROWS];
    size_t n;
};
static struct program programs[2][CONV_ANY + 1];

/* What a role without a workload means, in each version. */
static struct jv *usual_workload, *usual_type;

/* Part A 4.1: split at the last '/', which may not be the first character; else a RoleInstanceSet.
 */
static struct jv *workload_of(struct arena *a, const char *type) {
    const char *slash = type ? strrchr(type, '/') : NULL;
    if (!slash || slash == type) return usual_workload;
    struct jv *w = jv_new_obj(a);
    jv_set(a, w, "apiVersion", jv_new_strn(a, type, (size_t)(slash - type)));
    jv_set_str(a, w, "kind", slash + 1);
    return w;
}

static bool does_nothing(const struct conv_row *r, bool to_v2) {
    if (to_v2) return r->op == CONV_EACH || (r->op == CONV_V2 && !r->arg);
    return r->op == CONV_V1;
}

/* A restart policy comes from one of two fields of the pattern. */
static struct step step_of(const struct row *r, bool to_v2) {
    const struct path *p = to_v2 ? &r->v1 : &r->v2;
    struct step s = {.row = r, .in_pattern = p->in_pattern && r->r->op != CONV_RESTART};
    bool always = r->r->op == (to_v2 ? CONV_V2 : CONV_WORKLOAD);
    if (!always) s.need = jv_key_bit(p->keys[s.in_pattern].s, p->keys[s.in_pattern].len);
    return s;
}

static void add_to_programs(const struct row *r, bool to_v2) {
    if (does_nothing(r->r, to_v2)) return;
    for (unsigned shape = 1; shape < CONV_ANY; shape *= 2) {
        struct program *p = &programs[to_v2][shape];
        if (!(r->r->shapes & shape)) continue;
        p->steps[p->n] = step_of(r, to_v2);
        p->steps[p->n++].rest = shape == CONV_LEADER_WORKER && str_eq(r->r->v1, LWS) && to_v2;
    }
}

__attribute__((constructor)) static void parse_rows(void) {
    fixed = arena_new();
    usual_type = jv_new_str(fixed, WORKLOAD_RIS);
    usual_workload = workload_of(fixed, WORKLOAD_RIS);
    for (size_t i = 0; i < NROWS; i++) {
        const struct conv_row *r = &convert_role_rows[i];
        rows[i] = (struct row){.r = r, .v1 = parse_path(r->v1), .v2 = parse_path(r->v2)};
        if (r->op == CONV_RESTART) rows[i].arg = parse_path(r->arg);
        if (r->op == CONV_V2 && r->arg)
            rows[i].value = json_parse(fixed, r->arg, strlen(r->arg), NULL, NULL);
        add_to_programs(&rows[i], true);
    }
    for (size_t i = NROWS; i-- > 0;) add_to_programs(&rows[i], false);
}

/* ---- a role that is edited ---- */

/* A role, and the levels below it that are copies of its own already, so that each is copied once.
 * What finds no room in `own` is copied again, which is slower and does no harm. */
enum { OWN_MAX = 12 };
struct edit {
    struct arena *a;
    struct jv *role, *pattern; /* pattern: NULL: none, or no object */
    const struct jv *own[OWN_MAX];
    size_t nown;
    unsigned shape;
    bool to_v2;
};

static struct jv *remember(struct edit *e, struct jv *own) {
    if (e->nown < OWN_MAX) e->own[e->nown++] = own;
    return own;
}

static struct jv *owned(struct edit *e, struct jv *v) {
    for (size_t i = 0; i < e->nown; i++)
        if (e->own[i] == v) return v;
    return remember(e, jv_clone(e->a, v));
}

/* An object below `in`, as a copy of its own; made when absent and `make`. NULL: absent, or no
 * object. The key is a row's, or a literal. */
static struct jv *own_member(struct edit *e, struct jv *in, const char *key, size_t klen,
                             bool make) {
    struct jmember *m = jv_may_have(in, key, klen) ? jv_member(in, key, klen) : NULL;
    if (m && m->val->type == J_OBJ) return m->val = owned(e, m->val);
    if (!make || (m && m->val->type != J_NULL)) return NULL;
    struct jv *made = remember(e, jv_new_obj(e->a));
    jv_set_kept(e->a, in, key, klen, made);
    return made;
}

/* The object at the first n keys, likewise. */
static struct jv *own_path(struct edit *e, const struct path *p, size_t n, bool make) {
    bool within = p->in_pattern && e->pattern;
    struct jv *at = within ? e->pattern : e->role;
    for (size_t i = within; at && i < n; i++)
        at = own_member(e, at, p->keys[i].s, p->keys[i].len, make);
    return at;
}

/* Looks without copying. */
static struct jv *peek(const struct edit *e, const struct path *p) {
    bool within = p->in_pattern && e->pattern;
    struct jv *at = within ? e->pattern : e->role;
    for (size_t i = within; i < p->n && at; i++) at = jv_getn(at, p->keys[i].s, p->keys[i].len);
    return at;
}

/* Removes and returns what is at the path; null counts as nothing. */
static struct jv *take(struct edit *e, const struct path *p) {
    struct jv *v = peek(e, p);
    if (!v) return NULL;
    jv_deln(own_path(e, p, p->n - 1, false), p->keys[p->n - 1].s, p->keys[p->n - 1].len);
    return v->type == J_NULL ? NULL : v;
}

static void put(struct edit *e, const struct path *p, struct jv *v, bool make) {
    struct jv *at = v ? own_path(e, p, p->n - 1, make) : NULL;
    if (at) jv_set_kept(e->a, at, p->keys[p->n - 1].s, p->keys[p->n - 1].len, v);
}

/* ---- rows ---- */

static const struct path *source(const struct edit *e, const struct row *r) {
    return e->to_v2 ? &r->v1 : &r->v2;
}

static const struct path *target(const struct edit *e, const struct row *r) {
    return e->to_v2 ? &r->v2 : &r->v1;
}

static void move_word(struct edit *e, const struct row *r) {
    struct jv *v = peek(e, source(e, r));
    if (!v) return;
    const char *eq = strchr(r->r->arg, '=');
    char *v1 = arena_strndup(e->a, r->r->arg, (size_t)(eq - r->r->arg));
    const char *old = e->to_v2 ? v1 : eq + 1, *new = e->to_v2 ? eq + 1 : v1;
    if (str_eq(jv_str(v, NULL), old)) put(e, target(e, r), jv_new_str(e->a, new), false);
}

/* To v1alpha1, an inline template wins over a reference (part A 7.2); to v1alpha2 both are kept,
 * and refused by the schema. */
static void move_unless(struct edit *e, const struct row *r) {
    struct jv *v = take(e, source(e, r));
    const struct jv *inline_template =
        e->to_v2 ? NULL : jv_get(e->pattern, r->r->arg);
    if (jv_is_empty(inline_template)) put(e, target(e, r), v, r->r->op != CONV_INTO);
}

static void move_workload(struct edit *e, const struct row *r) {
    if (!e->to_v2) {
        put(e, &r->v1, workload_of(e->a, jv_str(peek(e, &r->v2), NULL)), true);
        return;
    }
    const struct jv *w = take(e, &r->v1);
    const char *version = jv_get_str(w, "apiVersion"), *kind = jv_get_str(w, "kind");
    if (w == usual_workload)
        put(e, &r->v2, usual_type, true);
    else if (!str_empty(version) && !str_empty(kind))
        put(e, &r->v2, jv_new_strf(e->a, "%s/%s", version, kind), true);
}

static void move_restart(struct edit *e, const struct row *r) {
    struct jv *v = take(e, source(e, r));
    if (!e->to_v2 && str_empty(jv_str(v, NULL))) v = peek(e, &r->arg);
    if (!str_empty(jv_str(v, NULL))) put(e, target(e, r), v, true);
}

/* v1alpha2 only. To v1alpha2, a missing value becomes what v1alpha1 means by it (the schema of
 * v1alpha2 would say the same). */
static void only_v2(struct edit *e, const struct row *r) {
    if (!e->to_v2)
        take(e, &r->v2);
    else if (!peek(e, &r->v2))
        put(e, &r->v2, r->value, true);
}

/* Rows "list[].field": v1alpha2 only, in every element. */
static void each_only_v2(struct edit *e, const struct row *r) {
    const char *field = strstr(r->r->v2, "[].") + 3;
    if (!jv_is(peek(e, &r->v2), J_ARR)) return;
    struct jv *list = jv_clone(e->a, peek(e, &r->v2));
    put(e, &r->v2, list, false);
    for (uint32_t i = 0; i < list->len; i++) {
        if (!jv_get(list->items[i], field)) continue;
        list->items[i] = jv_clone(e->a, list->items[i]);
        jv_del(list->items[i], field);
    }
}

static void run_row(struct edit *e, const struct row *r) {
    switch (r->r->op) {
    case CONV_MOVE:
        put(e, target(e, r), take(e, source(e, r)), true);
        break;
    case CONV_INTO:
    case CONV_UNLESS:
        move_unless(e, r);
        break;
    case CONV_MAP:
        move_word(e, r);
        break;
    case CONV_WORKLOAD:
        move_workload(e, r);
        break;
    case CONV_RESTART:
        move_restart(e, r);
        break;
    case CONV_V1:
        take(e, &r->v1);
        break;
    case CONV_V2:
        only_v2(e, r);
        break;
    case CONV_EACH:
        each_only_v2(e, r);
        break;
    }
}

/* Part A 7.1, 7.2: which pattern a role has when it could be read as several. */
static unsigned shape_of(const struct jv *role, bool to_v2) {
    if (jv_is(jv_get(role, to_v2 ? LWS : LW), J_OBJ)) return CONV_LEADER_WORKER;
    if (to_v2) return jv_len(jv_get(role, "components")) ? CONV_CUSTOM : CONV_STANDALONE;
    if (jv_is(jv_get(role, CC), J_OBJ)) return CONV_CUSTOM;
    return jv_is(jv_get(role, SA), J_OBJ) ? CONV_STANDALONE : CONV_NONE;
}

/* Members that no row names: they stay with their pattern where the other version has an object for
 * it. */
static void move_rest(struct edit *e, const char *from, struct jv *into) {
    const struct jv *rest = jv_get(e->role, from);
    if (!jv_is(rest, J_OBJ) || !into) return;
    struct finder there = finder_of(e->a, into, NULL);
    JV_FOR_OBJ(m, rest)
    if (!finder_member(&there, m->key, m->klen)) jv_add(e->a, into, m->key, m->klen, m->val);
}

static void run_steps(struct edit *e, const struct program *p) {
    for (size_t i = 0; i < p->n; i++) {
        const struct step *s = &p->steps[i];
        const struct jv *in = s->in_pattern ? e->pattern : e->role;
        if (s->need && !(in && in->may_have & s->need)) continue;
        if (s->rest) move_rest(e, LWS, e->pattern);
        run_row(e, s->row);
    }
}

static void find_pattern(struct edit *e, bool make) {
    const char *name = e->shape == CONV_LEADER_WORKER ? LW : e->shape == CONV_CUSTOM ? CC : SA;
    e->pattern = own_member(e, e->role, name, strlen(name), make);
}

static void role_to_v2(struct edit *e) {
    find_pattern(e, true); /* it is there even when it says nothing */
    run_steps(e, &programs[true][e->shape]);
}

static void role_to_v1(struct edit *e) {
    static const char *const patterns[] = {SA, LW, CC};
    find_pattern(e, false);
    run_steps(e, &programs[false][e->shape]);
    if (e->shape == CONV_LEADER_WORKER)
        move_rest(e, LW, own_member(e, e->role, LWS, strlen(LWS), true));
    for (size_t i = 0; i < 3; i++) jv_del(e->role, patterns[i]);
}

static struct jv *convert_role(struct arena *a, const struct jv *from, bool to_v2) {
    struct edit e = {.a = a, .role = jv_clone(a, from), .to_v2 = to_v2};
    if (!jv_is(from, J_OBJ)) return e.role;
    e.shape = shape_of(e.role, to_v2);
    if (to_v2)
        role_to_v2(&e);
    else
        role_to_v1(&e);
    return e.role;
}

void convert_roles(struct arena *a, struct jv *spec, bool to_v2) {
    struct jv *roles = jv_is(jv_get(spec, "roles"), J_ARR) ? jv_own(a, spec, "roles") : NULL;
    for (uint32_t i = 0; roles && i < roles->len; i++)
        roles->items[i] = convert_role(a, roles->items[i], to_v2);
}
