/* Loading, normalising and comparing recorded objects. Everything lives in the caller's arena; one
 * thread. */
#include "recorded.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"
#include "base/str.h"
#include "doc/yaml.h"
#include "testing.h"

void objects_add(struct arena *a, struct objects *o, struct jv *doc) {
    if (!doc) return;
    if (o->n == o->cap) {
        size_t cap = o->cap ? o->cap * 2 : 16;
        o->items = arena_grow(a, o->items, o->cap * sizeof *o->items, cap * sizeof *o->items);
        o->cap = cap;
    }
    o->items[o->n++] = doc;
}

static const char *doc_name(const struct jv *doc) {
    return jv_str(jv_path(doc, "metadata", "name", (char *)0), "");
}

struct jv *objects_find(const struct objects *o, const char *kind, const char *name) {
    for (size_t i = 0; i < o->n; i++)
        if (str_eq(jv_get_str(o->items[i], "kind"), kind) && str_eq(doc_name(o->items[i]), name))
            return o->items[i];
    return NULL;
}

/* ---- loading ---- */

const char *recorded_root(struct arena *a) {
    const char *env = getenv("RBG_RECORDED");
    if (str_eq(env, "none")) return NULL;
    if (!str_empty(env) && env[0] != '/') {
        char cwd[4096];
        return getcwd(cwd, sizeof cwd) ? arena_printf(a, "%s/%s", cwd, env) : env;
    }
    if (!str_empty(env)) return env;
    const char *source = getenv("RBG_SOURCE_DIR");
    return arena_printf(a, "%s/../shared/recorded/cases", source ? source : RBG_TEST_ROOT);
}

int recorded_cases(struct arena *a, const char *root, const char ***out, size_t *n, struct err *e) {
    DIR *dir = opendir(root);
    if (!dir)
        return err_set(e, ERR_IO,
                       "can't read the recorded cases in %s (set RBG_RECORDED to their folder)",
                       root);
    size_t cap = 0;
    *n = 0;
    *out = NULL;
    for (struct dirent *d; (d = readdir(dir));) {
        if (d->d_name[0] == '.') continue;
        if (*n == cap) {
            *out = arena_grow(a, *out, cap * sizeof **out, (cap + 32) * sizeof **out);
            cap += 32;
        }
        (*out)[(*n)++] = arena_strdup(a, d->d_name);
    }
    closedir(dir);
    qsort(*out, *n, sizeof **out, str_cmp);
    return 0;
}

static char *step_path(struct arena *a, const char *root, const char *name, int step) {
    return arena_printf(a, "%s/%s/out-%d.yaml", root, name, step);
}

bool recorded_has_step(struct arena *a, const char *root, const char *name, int step) {
    return access(step_path(a, root, name, step), R_OK) == 0;
}

static char *uid_text(struct arena *a, const struct jv *doc) {
    return arena_printf(a, "UID(%s/%s)", jv_str(jv_get(doc, "kind"), ""), doc_name(doc));
}

int recorded_load(struct arena *a, const char *root, const char *name, int step,
                  struct objects *out, struct err *e) {
    size_t len, n;
    struct jv **docs;
    const char *path = step_path(a, root, name, step), *text = testing_read(a, path, &len);
    if (yaml_parse_all(a, text, len, &docs, &n, e)) return err_wrap(e, "%s", path);
    for (size_t i = 0; i < n; i++) {
        if (str_eq(jv_get_str(docs[i], "apiVersion"), "workloads.x-k8s.io/v1alpha1"))
            continue; /* a second view of the same */
        jv_set_str(a, jv_need_obj(a, docs[i], "metadata"), "uid", uid_text(a, docs[i]));
        objects_add(a, out, docs[i]);
    }
    return 0;
}

/* ---- normalising ---- */

static void replace_uids(struct arena *a, struct jv *v, const struct map *names) {
    if (jv_is(v, J_STR)) {
        const char *name = map_get(names, v->s);
        if (name) *v = *jv_new_str(a, name);
    }
    JV_FOR_ARR (it, v) replace_uids(a, *it, names);
    JV_FOR_OBJ (m, v) replace_uids(a, m->val, names);
}

static void drop_volatile(struct jv *doc) {
    static const char *const keys[] = {"creationTimestamp", "deletionTimestamp", "managedFields",
                                       "resourceVersion", "selfLink"};
    struct jv *meta = jv_get(doc, "metadata");
    for (size_t i = 0; meta && i < sizeof keys / sizeof *keys; i++) jv_del(meta, keys[i]);
    JV_FOR_ARR (it, jv_path(doc, "status", "conditions", (char *)0)) {
        jv_del(*it, "lastTransitionTime");
        jv_del(*it, "lastProbeTime");
        jv_del(*it, "lastUpdateTime");
        jv_del(*it, "message");
    }
}

/* The data of a revision are compared as the bytes that go to the API server: it keeps them, and refuses every later write of an
 * object whose data it would write otherwise itself. */
static void flatten_revision(struct arena *a, struct jv *doc) {
    const struct jv *data = jv_get(doc, "data");
    if (!str_eq(jv_get_str(doc, "kind"), "ControllerRevision") || jv_is(data, J_STR) || !data) return;
    jv_set(a, doc, "data", jv_new_str(a, json_text(a, data)));
}

void recorded_answered(struct arena *a, struct jv *doc) {
    struct jv *data = jv_get(doc, "data");
    struct err e = ERR_INIT;
    if (!str_eq(jv_get_str(doc, "kind"), "ControllerRevision") || !jv_is(data, J_OBJ)) return;
    BUF_AUTO struct buf b = BUF_INIT;
    json_write_canonical(&b, data);
    const struct jv *tree = json_parse(a, buf_str(&b), b.len, NULL, &e);
    if (str_eq(json_text(a, tree), json_text(a, data))) jv_set(a, doc, "data", jv_new_raw(a, buf_str(&b), b.len));
}

void recorded_normalise(struct arena *a, struct objects *o) {
    struct map *names = map_new();
    for (size_t i = 0; i < o->n; i++) {
        const char *uid = jv_str(jv_path(o->items[i], "metadata", "uid", (char *)0), "");
        if (*uid) map_put(names, uid, uid_text(a, o->items[i]));
    }
    for (size_t i = 0; i < o->n; i++) {
        drop_volatile(o->items[i]);
        flatten_revision(a, o->items[i]);
        replace_uids(a, o->items[i], names);
    }
    map_free(names);
}

/* ---- comparing ---- */

struct comparison {
    struct arena *a;
    const char *scope, *object;
    struct rules *rules;
    struct differences *out;
};

static void report(struct comparison *c, const char *path, const struct jv *ours,
                   const struct jv *recorded) {
    struct difference d = {.scope = c->scope, .object = c->object, .path = path};
    d.ours = ours ? json_text(c->a, ours) : NULL;
    d.recorded = recorded ? json_text(c->a, recorded) : NULL;
    if (rules_noise(&d)) return;
    d.rule = rules_match(c->rules, &d);
    struct differences *l = c->out;
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 64;
        l->items = arena_grow(c->a, l->items, l->cap * sizeof *l->items, cap * sizeof *l->items);
        l->cap = cap;
    }
    l->items[l->n++] = d;
}

static const char *member_path(struct arena *a, const char *path, const char *key) {
    BUF_AUTO struct buf b = BUF_INIT;
    for (const char *p = key; *p; p++) {
        if (*p == '/')
            buf_puts(&b, "~1");
        else if (*p == '~')
            buf_puts(&b, "~0");
        else
            buf_putc(&b, *p);
    }
    return arena_printf(a, "%s/%s", path, buf_str(&b));
}

static void compare(struct comparison *c, const char *path, const struct jv *ours,
                    const struct jv *recorded);

static void compare_objects(struct comparison *c, const char *path, const struct jv *ours,
                            const struct jv *recorded) {
    JV_FOR_OBJ (m, ours)
        compare(c, member_path(c->a, path, m->key), m->val, jv_get(recorded, m->key));
    JV_FOR_OBJ (m, recorded)
        if (!jv_get(ours, m->key)) compare(c, member_path(c->a, path, m->key), NULL, m->val);
}

static void compare_arrays(struct comparison *c, const char *path, const struct jv *ours,
                           const struct jv *recorded) {
    size_t n = jv_len(ours) > jv_len(recorded) ? jv_len(ours) : jv_len(recorded);
    for (size_t i = 0; i < n; i++)
        compare(c, arena_printf(c->a, "%s/%zu", path, i), jv_idx(ours, i), jv_idx(recorded, i));
}

static const struct jv *yaml_of(struct arena *a, const struct jv *text) {
    struct jv **docs;
    size_t n;
    struct err e = ERR_INIT;
    return yaml_parse_all(a, text->s, text->len, &docs, &n, &e) == 0 && n == 1 ? docs[0] : NULL;
}

/* Texts of a discovery file that differ are compared as trees, so that a rule can name what may
 * differ. */
static bool compare_yaml(struct comparison *c, const char *path, const struct jv *ours,
                         const struct jv *recorded) {
    if (!str_has_suffix(path, "/config.yaml") || !jv_is(ours, J_STR) || !jv_is(recorded, J_STR) ||
        jv_eq(ours, recorded))
        return false;
    const struct jv *mine = yaml_of(c->a, ours), *theirs = yaml_of(c->a, recorded);
    if (!mine || !theirs || jv_eq(mine, theirs)) return false;
    compare(c, path, mine, theirs);
    return true;
}

/* An object that one side lacks is reported member by member, so that a rule can name the member.
 */
static bool both_sides(const struct jv *ours, const struct jv *recorded) {
    return (!ours && jv_is(recorded, J_OBJ) && jv_len(recorded)) ||
           (!recorded && jv_is(ours, J_OBJ) && jv_len(ours));
}

static void compare(struct comparison *c, const char *path, const struct jv *ours,
                    const struct jv *recorded) {
    if (compare_yaml(c, path, ours, recorded)) return;
    if (*path && both_sides(ours, recorded))
        compare_objects(c, path, ours, recorded);
    else if (jv_is(ours, J_OBJ) && jv_is(recorded, J_OBJ))
        compare_objects(c, path, ours, recorded);
    else if (jv_is(ours, J_ARR) && jv_is(recorded, J_ARR))
        compare_arrays(c, path, ours, recorded);
    else if (!ours || !recorded || !jv_eq(ours, recorded))
        report(c, path, ours, recorded);
}

static const char *object_name(struct arena *a, const struct jv *doc) {
    return arena_printf(a, "%s/%s", jv_str(jv_get(doc, "kind"), ""), doc_name(doc));
}

void recorded_compare(struct arena *a, const char *scope, const struct objects *ours,
                      const struct objects *recorded, bool all, struct rules *rules,
                      struct differences *out) {
    struct comparison c = {.a = a, .scope = scope, .rules = rules, .out = out};
    for (size_t i = 0; i < ours->n; i++) {
        const struct jv *mine = ours->items[i];
        const struct jv *theirs =
            objects_find(recorded, jv_str(jv_get(mine, "kind"), ""), doc_name(mine));
        c.object = object_name(a, mine);
        compare(&c, "", mine, theirs);
    }
    for (size_t i = 0; all && i < recorded->n; i++) {
        const struct jv *theirs = recorded->items[i];
        if (objects_find(ours, jv_str(jv_get(theirs, "kind"), ""), doc_name(theirs))) continue;
        c.object = object_name(a, theirs);
        compare(&c, "", NULL, theirs);
    }
}
