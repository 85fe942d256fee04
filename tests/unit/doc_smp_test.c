/* Strategic merge patches against what Kubernetes' own implementation made of the same documents, including patches that
 * it refuses; and messages. */
#include <string.h>

#include "doc/patch.h"
#include "testing.h"

static struct jv *parse(struct arena *a, const char *text) {
    struct err e = ERR_INIT;
    struct jv *v = json_parse(a, text, strlen(text), NULL, &e);
    ck_assert_msg(v != NULL, "%s: %s", text, e.msg);
    return v;
}

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
    static const char doc[] = "{\"spec\":{\"containers\":[{\"name\":\"a\",\"env\":[{\"name\":\"X\"}]}],\"volumes\":[{\"name\":\"v\"}]}}";
    static const struct {
        const char *patch, *says;
    } cases[] = {
        {"{\"spec\":{\"containers\":[{\"name\":\"a\",\"env\":[{\"value\":\"1\"}]}]}}",
         "patch at spec.containers[\"a\"].env: element 0 of the patch has no \"name\", by which the elements are matched; add it"},
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
        ck_assert_ptr_null(smp_apply(a, parse(a, doc), parse(a, cases[i].patch), &core_PodTemplateSpec, &e));
        ck_assert_int_eq(e.code, ERR_INVALID);
        ck_assert_str_eq(e.msg, cases[i].says);
    }
}
END_TEST

START_TEST(test_untyped) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *got = smp_apply(a, parse(a, "{\"a\":{\"b\":1,\"c\":2},\"l\":[{\"name\":\"x\"}],\"m\":{\"k\":1}}"),
                               parse(a, "{\"a\":{\"b\":null,\"d\":3},\"l\":[{\"name\":\"y\"}],\"m\":{\"$patch\":\"replace\",\"z\":1}}"),
                               NULL, &e);
    ASSERT_PTR(got);
    ck_assert(jv_eq(got, parse(a, "{\"a\":{\"c\":2,\"d\":3},\"l\":[{\"name\":\"y\"}],\"m\":{\"z\":1}}")));
    ck_assert(jv_eq(smp_apply(a, NULL, parse(a, "{\"a\":{\"b\":null,\"c\":1}}"), &core_PodTemplateSpec, &e),
                    parse(a, "{\"a\":{\"c\":1}}")));
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

TEST_MAIN("doc_smp", test_agrees_with_go, test_messages, test_untyped, test_a_long_order)
