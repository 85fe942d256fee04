/* Golden tests of admission: a folder below validate/, convert/ or mutate/ is a test. in.yaml is
 * what a user applies; in validate/, old.yaml is the stored object of an update. want.yaml is the
 * answer. RBG_GOLDEN_UPDATE=1 writes the answers anew: review the difference. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "api/admission.h"
#include "base/str.h"
#include "doc/patch.h"
#include "doc/yaml.h"
#include "testing.h"

static const char *const adapter_note =
    "tests/adapter-replicas"; /* what the lookup answers for every adapter */

static int adapter_replicas(void *ctx, const char *ns, const char *name, int32_t *replicas,
                            struct err *e) {
    const char *text = meta_annotation(ctx, adapter_note);
    if (str_eq(text, "error"))
        return err_set(e, ERR_UNAVAILABLE, "adapter %s/%s can't be read", ns, name);
    return text && str_to_i32(text, replicas) == 0;
}

static int profile_exists(void *ctx, const char *name, struct err *e) {
    (void)ctx, (void)e;
    return !str_eq(name, "missing");
}

static bool exists(const char *path) {
    struct stat st;
    char full[4096];
    snprintf(full, sizeof full, "%s/%s", SOURCE_DIR, path);
    return stat(full, &st) == 0;
}

static struct jv *read_yaml(struct arena *a, const char *path) {
    struct err e = ERR_INIT;
    size_t len, n;
    char *text = testing_read(a, path, &len);
    struct jv **docs;
    if (yaml_parse_all(a, text, len, &docs, &n, &e)) ck_abort_msg("%s: %s", path, e.msg);
    ck_assert_msg(n == 1, "%s: %zu documents, one expected", path, n);
    return docs[0];
}

static struct jv *validate(struct arena *a, const char *dir, const struct jv *in) {
    char *old_path = arena_printf(a, "%s/old.yaml", dir);
    const struct jv *old = exists(old_path) ? read_yaml(a, old_path) : NULL;
    struct lookup l = {(void *)(uintptr_t)in, adapter_replicas, profile_exists};
    struct admission_opts o = {.deprecated_workloads = !meta_annotation(in, "tests/no-deprecated")};
    struct problems p = {.a = a};
    admission_validate(&p, kind_of(in), in, old, &l, &o);
    struct jv *out = jv_new_obj(a);
    jv_set_bool(a, out, "allowed", p.n == 0);
    for (size_t i = 0; i < p.n; i++) {
        struct problems one = {.a = a, .items = &p.items[i], .n = 1};
        jv_push(a, jv_need_arr(a, out, "problems"), jv_new_str(a, problems_text(a, &one)));
    }
    for (size_t i = 0; i < p.nwarnings; i++)
        jv_push(a, jv_need_arr(a, out, "warnings"), jv_new_str(a, p.warnings[i]));
    return out;
}

/* The other version; that the way back gives in.yaml is part of every case. */
static struct jv *convert_case(struct arena *a, const char *dir, const struct jv *in) {
    struct err e = ERR_INIT;
    bool v1 = str_has_suffix(jv_get_str(in, "apiVersion"), "v1alpha1");
    struct jv *out = convert(a, kind_of(in), in, v1 ? "v1alpha2" : "v1alpha1", &e), *back;
    if (!out) ck_abort_msg("%s: %s", dir, e.msg);
    ASSERT_PTR(back = convert(a, kind_of(in), out, v1 ? "v1alpha1" : "v1alpha2", &e));
    ck_assert_msg(jv_eq(back, in), "%s: back again: %s", dir, json_text(a, back));
    return out;
}

static struct jv *mutate(struct arena *a, const char *dir, const struct jv *in) {
    struct jv *doc = jv_dup(a, in);
    struct lookup l = {(void *)(uintptr_t)in, adapter_replicas, profile_exists};
    admission_scale(a, kind_of(in), doc, &l);
    admission_default(a, kind_of(in), doc, true);
    struct jv *again = jv_dup(a, doc);
    admission_scale(a, kind_of(in), again, &l);
    admission_default(a, kind_of(in), again, true);
    ck_assert_msg(jv_eq(doc, again), "%s: a second run changes something", dir);
    return json_patch_diff(a, in, doc);
}

static void compare(struct arena *a, const char *dir, const struct jv *got) {
    BUF_AUTO struct buf text = BUF_INIT;
    json_write_yaml(&text, got);
    char *path = arena_printf(a, "%s/want.yaml", dir);
    if (getenv("RBG_GOLDEN_UPDATE")) {
        FILE *f = fopen(arena_printf(a, "%s/%s", SOURCE_DIR, path), "w");
        ck_assert_ptr_nonnull(f);
        fputs(buf_str(&text), f);
        ck_assert_int_eq(fclose(f), 0);
        return;
    }
    ck_assert_msg(exists(path), "%s is missing: run with RBG_GOLDEN_UPDATE=1 and review it", path);
    char *want = testing_read(a, path, NULL);
    ck_assert_msg(str_eq(want, buf_str(&text)), "%s:\n--- want\n%s\n--- got\n%s", dir, want,
                  buf_str(&text));
}

static void run_all(const char *what,
                    struct jv *(*run)(struct arena *, const char *, const struct jv *)) {
    char root[4096];
    snprintf(root, sizeof root, "%s/tests/golden/%s", SOURCE_DIR, what);
    DIR *d = opendir(root);
    ck_assert_msg(d != NULL, "%s is missing", root);
    int cases = 0;
    for (const struct dirent *it; (it = readdir(d));) {
        ARENA_AUTO struct arena *a = arena_new();
        char *dir = arena_printf(a, "tests/golden/%s/%s", what, it->d_name);
        if (it->d_name[0] == '.' || !exists(arena_printf(a, "%s/in.yaml", dir))) continue;
        compare(a, dir, run(a, dir, read_yaml(a, arena_printf(a, "%s/in.yaml", dir))));
        cases++;
    }
    closedir(d);
    ck_assert_msg(cases > 0, "no case in %s", root);
}

START_TEST(test_validate) {
    run_all("validate", validate);
}
END_TEST

START_TEST(test_convert) {
    run_all("convert", convert_case);
}
END_TEST

START_TEST(test_mutate) {
    run_all("mutate", mutate);
}
END_TEST

TEST_MAIN("webhook_golden", test_validate, test_convert, test_mutate)
