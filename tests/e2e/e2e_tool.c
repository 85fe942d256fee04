/* What the end-to-end tests need of the C code: YAML as JSON, the merge keys of our own tables, and
 * the comparison with the recorded behaviour, which the golden tests share. One thread, one arena.
 *
 *   e2e_tool json                      YAML documents from stdin as one JSON array
 *   e2e_tool merge-keys                how strategic merge treats each list below a pod template
 *   e2e_tool compare CASE STEP         objects from stdin (a JSON array) against the recorded ones:
 *                                      a JSON array of differences, each with its rule or null */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "doc/schema.h"
#include "doc/yaml.h"
#include "recorded.h"

static int usage(void) {
    fputs("usage: e2e_tool json | merge-keys | compare CASE STEP\n", stderr);
    return 2;
}

static void read_stdin(struct buf *b) {
    char chunk[65536];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, stdin)) > 0;) buf_add(b, chunk, n);
}

static int print(struct arena *a, const struct jv *v) {
    return puts(json_text(a, v)) < 0 || fflush(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int yaml_to_json(struct arena *a, struct err *e) {
    BUF_AUTO struct buf in = BUF_INIT;
    struct jv **docs, *out = jv_new_arr(a);
    size_t n;
    read_stdin(&in);
    if (yaml_parse_all(a, buf_str(&in), in.len, &docs, &n, e)) return -1;
    for (size_t i = 0; i < n; i++) jv_push(a, out, docs[i]);
    return print(a, out);
}

/* ---- merge keys ---- */

static void list_type(struct arena *a, struct jv *out, const char *path, const struct type *t);

static void list_field(struct arena *a, struct jv *out, const char *path, const struct field *f) {
    const char *at = arena_printf(a, "%s%s%s", path, *path ? "." : "", f->key);
    bool merged = f->merge_key || (f->flags & FF_PATCH_MERGE);
    if (merged || (f->flags & FF_RETAIN_KEYS)) {
        struct jv *row = jv_need_obj(a, out, at);
        jv_set_bool(a, row, "merge", merged);
        jv_set_bool(a, row, "retainKeys", (f->flags & FF_RETAIN_KEYS) != 0);
        jv_set_str(a, row, "key", f->merge_key);
    }
    if (f->type) list_type(a, out, at, f->type);
}

static void list_type(struct arena *a, struct jv *out, const char *path, const struct type *t) {
    for (size_t i = 0; i < t->nfields; i++) list_field(a, out, path, &t->fields[i]);
}

static int merge_keys(struct arena *a) {
    struct jv *out = jv_new_obj(a);
    list_type(a, out, "", &core_PodTemplateSpec);
    return print(a, out);
}

/* ---- comparison ---- */

static struct jv *json_or_null(struct arena *a, const char *text) {
    return text ? jv_new_str(a, text) : jv_null(a);
}

static struct jv *difference_json(struct arena *a, const struct difference *d) {
    struct jv *o = jv_new_obj(a);
    jv_set_str(a, o, "object", d->object);
    jv_set_str(a, o, "path", d->path);
    jv_set(a, o, "ours", json_or_null(a, d->ours));
    jv_set(a, o, "recorded", json_or_null(a, d->recorded));
    jv_set(a, o, "rule", json_or_null(a, d->rule));
    return o;
}

static int compare(struct arena *a, const char *name, const char *step, struct err *e) {
    BUF_AUTO struct buf in = BUF_INIT;
    const char *root = recorded_root(a);
    struct objects ours = {0}, recorded = {0};
    struct differences found = {0};
    read_stdin(&in);
    if (!root) return err_set(e, ERR_INVALID, "RBG_RECORDED=none: there is nothing to compare with");
    const struct jv *docs = json_parse(a, buf_str(&in), in.len, NULL, e);
    if (!docs || recorded_load(a, root, name, atoi(step), &recorded, e)) return -1;
    JV_FOR_ARR (it, docs) {
        recorded_answered(a, *it);
        objects_add(a, &ours, *it);
    }
    recorded_normalise(a, &ours);
    recorded_normalise(a, &recorded);
    recorded_compare(a, arena_printf(a, "%s/%s", name, step), &ours, &recorded, true,
                     recorded_rules(a, "docs/compatibility.md"), &found);
    struct jv *out = jv_new_arr(a);
    for (size_t i = 0; i < found.n; i++) jv_push(a, out, difference_json(a, &found.items[i]));
    return print(a, out);
}

int main(int argc, char **argv) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    int rc;
    if (argc == 2 && str_eq(argv[1], "json"))
        rc = yaml_to_json(a, &e);
    else if (argc == 2 && str_eq(argv[1], "merge-keys"))
        rc = merge_keys(a);
    else if (argc == 4 && str_eq(argv[1], "compare"))
        rc = compare(a, argv[2], argv[3], &e);
    else
        return usage();
    if (rc < 0) fprintf(stderr, "e2e_tool: %s\n", e.msg);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
