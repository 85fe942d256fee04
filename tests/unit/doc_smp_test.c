/* Strategic merge patches against what Kubernetes' own implementation made of the same documents, including patches that
 * it refuses; and messages. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "doc/find.h"
#include "doc/patch.h"
#include "docs.h"
#include "testing.h"

START_TEST(test_agrees_with_go) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    size_t len, good = 0, bad = 0;
    char *text = testing_read(a, "tests/unit/data/smp/pod_template.json", &len);
    struct jv *cases = json_parse(a, text, len, NULL, &e);
    ASSERT_PTR(cases);
    JV_FOR_ARR(it, cases) {
        const struct jv *doc = jv_get(*it, "doc"), *patch = jv_get(*it, "patch"), *want = jv_get(*it, "result");
        const char *doc_text = json_text(a, doc), *patch_text = json_text(a, patch);
        e = ERR_INIT;
        struct jv *got = smp_apply(a, doc, patch, &core_PodTemplateSpec, &e);
        ck_assert_str_eq(json_text(a, doc), doc_text);
        ck_assert_str_eq(json_text(a, patch), patch_text);
        if (!want) {
            ck_assert_msg(!got && e.code == ERR_INVALID, "accepted\ndoc   %s\npatch %s\ngot %s", doc_text, patch_text,
                          got ? json_text(a, got) : "nothing");
            bad++;
            continue;
        }
        ck_assert_msg(got != NULL, "%s\ndoc   %s\npatch %s", e.msg, doc_text, patch_text);
        ck_assert_msg(jv_eq(got, want), "\ndoc   %s\npatch %s\nwant  %s\ngot   %s", doc_text, patch_text, json_text(a, want),
                      json_text(a, got));
        good++;
    }
    ck_assert_uint_gt(good, 400);
    ck_assert_uint_gt(bad, 20);
}
END_TEST

START_TEST(test_messages) {
    static const char doc[] =
        "{\"spec\":{\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"X\"}]}],\"volumes\":[{\"name\":\"v\"}]}}";
    static const struct {
        const char *patch, *says;
    } cases[] = {
        {"{\"spec\":{\"containers\":[{\"name\":\"a\",\"env\":[{\"value\":\"1\"}]}]}}",
         "patch at spec.containers[\"a\"].env: element 0 of the patch has no \"name\", by which the elements are matched; add it"},
        {"{\"spec\":{\"containers\":[{\"name\":null}]}}",
         "patch at spec.containers: an element of the patch has null for \"name\"; give it a value"},
        {"{\"spec\":{\"containers\":[{\"$patch\":\"delete\"}]}}",
         "patch at spec.containers: an element with $patch: delete needs \"name\" to say which element to delete"},
        {"{\"spec\":{\"volumes\":[{\"name\":\"v\",\"$retainKeys\":[\"name\"],\"emptyDir\":{}}]}}",
         "patch at spec.volumes[\"v\"]: the patch sets \"emptyDir\", which its $retainKeys does not name; add it there"},
        {"{\"$patch\":\"merge\"}", "patch at the top: $patch in an object must be \"replace\" or \"delete\", not \"merge\""},
        {"[]", "patch at the top: must be an object, not array"},
        {"{\"spec\":{\"$setElementOrder/containers\":[{\"name\":\"b\"}],\"containers\":[{\"name\":\"a\"}]}}",
         "patch at spec.containers: the patch and its $setElementOrder list differ in elements or order"},
        /* Taken for "...containers", it was handled and found again for ever. */
        {"{\"spec\":{\"$setElementOrder/containers\\u0000b\":[{\"name\":\"a\"}]}}",
         "patch at spec: the key that begins with \"$setElementOrder/containers\" has a NUL in it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;
        ARENA_AUTO struct arena *a = arena_new();
        ck_assert_ptr_null(smp_apply(a, doc_json(a, doc), doc_json(a, cases[i].patch), &core_PodTemplateSpec, &e));
        ck_assert_int_eq(e.code, ERR_INVALID);
        ck_assert_str_eq(e.msg, cases[i].says);
    }
}
END_TEST

START_TEST(test_untyped) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *got = smp_apply(a, doc_json(a, "{\"a\":{\"b\":1,\"c\":2},\"l\":[{\"name\":\"x\"}],\"m\":{\"k\":1}}"),
                               doc_json(a, "{\"a\":{\"b\":null,\"d\":3},\"l\":[{\"name\":\"y\"}],\"m\":{\"$patch\":\"replace\","
                                           "\"z\":1}}"),
                               NULL, &e);
    ASSERT_PTR(got);
    ck_assert(jv_eq(got, doc_json(a, "{\"a\":{\"c\":2,\"d\":3},\"l\":[{\"name\":\"y\"}],\"m\":{\"z\":1}}")));
    ck_assert(jv_eq(smp_apply(a, NULL, doc_json(a, "{\"a\":{\"b\":null,\"c\":1}}"), &core_PodTemplateSpec, &e),
                    doc_json(a, "{\"a\":{\"c\":1}}")));
}
END_TEST

/* A list and its reverse as the order: looking up each of a pair in each comparison took a minute for this one. */
START_TEST(test_a_long_order) {
    enum { N = 2000 };
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *list = jv_new_arr(a), *order = jv_new_arr(a), *doc = jv_new_obj(a), *patch = jv_new_obj(a);
    for (int64_t i = 0; i < N; i++) jv_push(a, list, jv_new_int(a, i));
    for (int64_t i = N; i-- > 0;) jv_push(a, order, jv_new_int(a, i));
    jv_set(a, doc, "l", list);
    jv_set(a, patch, "$setElementOrder/l", order);
    struct jv *got = jv_get(smp_apply(a, doc, patch, NULL, &e), "l");
    ASSERT_PTR(got);
    ck_assert_uint_eq(jv_len(got), N);
    ck_assert(jv_eq(got, order));
}
END_TEST

/* ---- finding elements ---- */

static struct jv *number(struct arena *a, const char *text) { return json_parse(a, text, strlen(text), NULL, NULL); }

/* Values with equal ones among them that are written differently. */
static struct jv *random_value(struct arena *a) {
    static const char *const texts[] = {"1",     "1.0",   "10e-1", "0",     "-0",      "0e9",  "2",
                                        "1e400", "1e401", "-3.50", "-3.5",  "true",    "false", "null",
                                        "\"1\"", "\"\"",  "[]",    "[1,2]", "[2,1]",   "[1.0,2]", "{}",
                                        "{\"a\":1,\"b\":2}", "{\"b\":2.0,\"a\":1}",
                                        "{\"a\":2,\"b\":1}", "{\"a\":{\"b\":[null]}}"};
    if (random() % 2) return jv_new_strf(a, "value-%ld", random() % 60);
    return number(a, texts[(size_t)random() % (sizeof texts / sizeof *texts)]);
}

static int64_t found_by_search(const struct jv *list, const struct jv *id, const char *merge_key) {
    for (uint32_t i = 0; i < list->len; i++)
        if (jv_eq(finder_identity(list->items[i], merge_key), id)) return i;
    return -1;
}

/* Hashed or searched, and while the list grows: the first equal element is found. */
START_TEST(test_finds_the_first_equal) {
    srandom(11);
    for (int round = 0; round < 300; round++) {
        ARENA_AUTO struct arena *a = arena_new();
        const char *merge_key = round % 2 ? "name" : NULL;
        struct jv *list = jv_new_arr(a);
        struct finder f = finder_of(a, list, merge_key);
        for (int i = 0; i < 70; i++) {
            struct jv *v = random_value(a), *element = v;
            if (merge_key) {
                element = jv_new_obj(a);
                if (i % 7) jv_set(a, element, "name", v);
            }
            jv_push(a, list, element);
            const struct jv *id = random_value(a);
            ck_assert_int_eq(finder_find(&f, id), found_by_search(list, id, merge_key));
            ck_assert_int_eq(finder_find(&f, v), found_by_search(list, v, merge_key));
        }
        ck_assert_int_eq(finder_find(&f, NULL), -1);
    }
}
END_TEST

/* A hundred thousand elements, equal ones among them, in every list and object that a patch can have. */
START_TEST(test_large_documents_take_no_time) {
    enum { N = 100000 };
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = jv_new_obj(a), *patch = jv_new_obj(a), *names = jv_new_arr(a), *gone = jv_new_arr(a), *env = jv_new_arr(a),
              *more = jv_new_arr(a), *labels = jv_new_obj(a), *others = jv_new_obj(a);
    for (int64_t i = 0; i < N; i++) {
        struct jv *var = jv_new_obj(a), *change = jv_new_obj(a);
        jv_push(a, names, i % 3 ? jv_new_strf(a, "name-%d", (int)i) : jv_new_str(a, "same"));
        jv_push(a, gone, jv_new_strf(a, "name-%d", (int)(2 * i)));
        jv_set(a, var, "name", jv_new_strf(a, "VAR_%d", (int)i));
        jv_set(a, change, "name", jv_new_strf(a, "VAR_%d", (int)(N + N / 2 - i)));
        if (i % 5 == 0) jv_set_str(a, change, "$patch", "delete");
        jv_push(a, env, var);
        jv_push(a, more, change);
        char key[24];
        snprintf(key, sizeof key, "key-%d", (int)i);
        jv_add(a, labels, key, strlen(key), jv_new_str(a, "x"));
        jv_add(a, others, key, strlen(key), i % 2 ? jv_null(a) : jv_new_str(a, "y"));
    }
    struct jv *container = jv_need_obj(a, doc, "container"), *to = jv_need_obj(a, patch, "container");
    jv_set(a, container, "env", env);
    jv_set(a, to, "env", more);
    jv_set(a, to, "$setElementOrder/args", names);
    jv_set(a, container, "args", names);
    jv_set(a, doc, "labels", labels);
    jv_set(a, patch, "labels", others);
    jv_set(a, doc, "finalizers", names);
    jv_set(a, patch, "$deleteFromPrimitiveList/finalizers", gone);
    static const struct field spec_rows[] = {
        {"env", F_LIST, .elem = F_OBJECT, .type = &core_EnvVar, .merge_key = "name"}, {"args", F_LIST, .elem = F_STRING}};
    static const struct type spec = {.name = "Spec", .fields = spec_rows, .nfields = 2};
    static const struct field rows[] = {{"container", F_OBJECT, .type = &spec},
                                        {"labels", F_MAP, .elem = F_STRING},
                                        {"finalizers", F_LIST, .elem = F_STRING, .flags = FF_PATCH_MERGE}};
    static const struct type type = {.name = "Doc", .fields = rows, .nfields = 3};
    clock_t start = clock();
    const struct jv *got = smp_apply(a, doc, patch, &type, &e);
    clock_t took = clock() - start;
    ck_assert_msg(got != NULL, "%s", e.msg);
    ck_assert_msg(took < 5 * CLOCKS_PER_SEC, "%.1f s", (double)took / CLOCKS_PER_SEC);
    ck_assert_uint_eq(jv_len(jv_get(got, "labels")), N / 2);
    ck_assert_str_eq(jv_get_str(jv_get(got, "labels"), "key-4"), "y");
    ck_assert(!jv_get(jv_get(got, "labels"), "key-5"));
    ck_assert_uint_eq(jv_len(jv_path(got, "container", "args", (char *)0)), N);
    ck_assert_ptr_null(jv_find(jv_path(got, "container", "env", (char *)0), "name", "VAR_50005"));
    ck_assert_ptr_nonnull(jv_find(jv_path(got, "container", "env", (char *)0), "name", "VAR_50001"));
}
END_TEST

TEST_MAIN("doc_smp", test_agrees_with_go, test_messages, test_untyped, test_a_long_order, test_finds_the_first_equal,
          test_large_documents_take_no_time)
