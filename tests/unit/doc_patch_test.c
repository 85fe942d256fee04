/* Merge patches and JSON patches: the examples of RFC 7386 and RFC 6902, refusals, and round trips of random documents. */
#include <string.h>

#include "chance.h"
#include "doc/patch.h"
#include "docs.h"
#include "testing.h"

START_TEST(test_merge_patch_examples) {
    static const char *const cases[][3] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct jv *doc = doc_json(a, cases[i][0]), *patch = doc_json(a, cases[i][1]);
        ck_assert_str_eq(json_text(a, merge_patch_apply(a, doc, patch)), cases[i][2]);
        ck_assert_str_eq(json_text(a, doc), cases[i][0]);
        ck_assert_str_eq(json_text(a, patch), cases[i][1]);
    }
}
END_TEST

static uint64_t seed = 5;

static unsigned rnd(unsigned n) {
    return chance_below(&seed, n);
}

/* nulls: a merge patch can't express a null inside an object. */
static struct jv *random_doc(struct arena *a, int depth, bool nulls) {
    static const char *const keys[] = {"a", "b", "c/d", "e~f", "", "0", "~1"};
    unsigned pick = rnd(depth > 0 ? 7 : 4);
    if (pick == 0 && nulls) return jv_null(a);
    if (pick <= 1) return jv_new_int(a, rnd(3));
    if (pick == 2) return jv_new_bool(a, rnd(2));
    if (pick == 3) return jv_new_str(a, keys[rnd(7)]);
    struct jv *v = pick == 4 ? jv_new_arr(a) : jv_new_obj(a);
    for (unsigned n = rnd(4); n > 0; n--) {
        if (pick == 4) jv_push(a, v, random_doc(a, depth - 1, nulls));
        else jv_set(a, v, keys[rnd(7)], random_doc(a, depth - 1, nulls));
    }
    return v;
}

START_TEST(test_diffs_turn_one_into_the_other) {
    ARENA_AUTO struct arena *a = arena_new();
    for (int i = 0; i < 5000; i++) {
        struct err e = ERR_INIT;
        struct jv *from = random_doc(a, 4, true), *to = random_doc(a, 4, true);
        const char *from_text = json_text(a, from), *to_text = json_text(a, to);
        struct jv *ops = json_patch_diff(a, from, to);
        struct jv *got = json_patch_apply(a, from, ops, &e);
        ck_assert_msg(got && jv_eq(got, to), "%s\n%s\n%s\n%s", from_text, to_text, json_text(a, ops), e.msg);
        ck_assert_uint_eq(jv_len(json_patch_diff(a, got, to)), 0);
        ck_assert_int_eq(jv_len(ops) == 0, jv_eq(from, to));

        struct jv *plain_from = random_doc(a, 4, false), *plain_to = random_doc(a, 4, false);
        if (!jv_is(plain_to, J_OBJ)) plain_to = jv_new_obj(a);
        struct jv *merged = merge_patch_apply(a, plain_from, merge_patch_diff(a, plain_from, plain_to));
        if (jv_is(plain_from, J_OBJ))
            ck_assert_msg(jv_eq(merged, plain_to), "%s\n%s", json_text(a, plain_from), json_text(a, plain_to));
        ck_assert_str_eq(json_text(a, from), from_text);
        ck_assert_str_eq(json_text(a, to), to_text);
        arena_reset(a);
    }
}
END_TEST

START_TEST(test_json_patch_diff_is_small) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *ops = json_patch_diff(a, doc_json(a, "{\"a\":1,\"l\":[{\"x\":1},2],\"m\":[1],\"k/~\":1}"),
                                     doc_json(a, "{\"l\":[{\"x\":2},2],\"m\":[1,2],\"k/~\":1,\"n\":null}"));
    ck_assert_str_eq(json_text(a, ops), "[{\"op\":\"remove\",\"path\":\"/a\"},{\"op\":\"replace\",\"path\":\"/l/0/x\",\"value\":2},"
                                        "{\"op\":\"replace\",\"path\":\"/m\",\"value\":[1,2]},{\"op\":\"add\",\"path\":\"/n\","
                                        "\"value\":null}]");
}
END_TEST

START_TEST(test_merge_patch_diff_is_small) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *patch = merge_patch_diff(a, doc_json(a, "{\"a\":1,\"b\":{\"c\":1,\"d\":2},\"e\":[1]}"),
                                        doc_json(a, "{\"b\":{\"c\":1,\"d\":3},\"e\":[1],\"f\":{}}"));
    ck_assert_str_eq(json_text(a, patch), "{\"a\":null,\"b\":{\"d\":3},\"f\":{}}");
    ck_assert_str_eq(json_text(a, merge_patch_diff(a, patch, patch)), "{}");
}
END_TEST

/* No key of Kubernetes has a NUL in it, but it is no other key either. */
START_TEST(test_keys_with_a_nul) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *from = doc_json(a, "{\"a\":1,\"a\\u0000b\":2,\"c\":3}"), *to = doc_json(a, "{\"c\":3,\"a\\u0000b\":4,\"a\":1}");
    ck_assert_str_eq(json_text(a, json_patch_diff(a, from, to)), "[{\"op\":\"replace\",\"path\":\"/a\\u0000b\",\"value\":4}]");
    struct jv *patch = merge_patch_diff(a, from, to);
    ck_assert_str_eq(json_text(a, patch), "{\"a\\u0000b\":4}");
    ck_assert(jv_eq(merge_patch_apply(a, from, patch), to));
}
END_TEST

START_TEST(test_json_patch_operations) {
    static const char *const cases[][3] = {
        {"{\"foo\":\"bar\"}", "[{\"op\":\"add\",\"path\":\"/baz\",\"value\":\"qux\"}]", "{\"foo\":\"bar\",\"baz\":\"qux\"}"},
        {"{\"foo\":[\"bar\",\"baz\"]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":\"qux\"}]",
         "{\"foo\":[\"bar\",\"qux\",\"baz\"]}"},
        {"{\"foo\":[1]}", "[{\"op\":\"add\",\"path\":\"/foo/1\",\"value\":2},{\"op\":\"add\",\"path\":\"/foo/-\",\"value\":[3]}]",
         "{\"foo\":[1,2,[3]]}"},
        {"{\"baz\":\"qux\",\"foo\":\"bar\"}", "[{\"op\":\"remove\",\"path\":\"/baz\"}]", "{\"foo\":\"bar\"}"},
        {"{\"foo\":[1,2,3]}", "[{\"op\":\"remove\",\"path\":\"/foo/1\"}]", "{\"foo\":[1,3]}"},
        {"{\"a\":[1,2]}", "[{\"op\":\"replace\",\"path\":\"/a/1\",\"value\":null}]", "{\"a\":[1,null]}"},
        {"{\"a\":1}", "[{\"op\":\"replace\",\"path\":\"\",\"value\":[]}]", "[]"},
        {"{\"foo\":{\"bar\":1,\"w\":2},\"q\":{}}", "[{\"op\":\"move\",\"from\":\"/foo/w\",\"path\":\"/q/t\"}]",
         "{\"foo\":{\"bar\":1},\"q\":{\"t\":2}}"},
        {"[1,2,3,4]", "[{\"op\":\"move\",\"from\":\"/1\",\"path\":\"/3\"}]", "[1,3,4,2]"},
        {"{\"a\":{\"b\":1}}",
         "[{\"op\":\"copy\",\"from\":\"/a\",\"path\":\"/c\"},{\"op\":\"replace\",\"path\":\"/a/b\",\"value\":2}]",
         "{\"a\":{\"b\":2},\"c\":{\"b\":1}}"},
        {"{\"a/b\":{\"m~n\":1}}",
         "[{\"op\":\"test\",\"path\":\"/a~1b/m~0n\",\"value\":1.0},{\"op\":\"remove\",\"path\":\"/a~1b/m~0n\"}]", "{\"a/b\":{}}"},
        {"{\"~1\":1}", "[{\"op\":\"remove\",\"path\":\"/~01\"}]", "{}"},
        {"{\"\":1}", "[{\"op\":\"replace\",\"path\":\"/\",\"value\":2}]", "{\"\":2}"},
        {"{\"a\":1}", "[{\"op\":\"test\",\"path\":\"\",\"value\":{\"a\":1}},{\"op\":\"move\",\"from\":\"/a\",\"path\":\"/a\"}]",
         "{\"a\":1}"},
        {"{}", "[]", "{}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;
        ARENA_AUTO struct arena *a = arena_new();
        struct jv *doc = doc_json(a, cases[i][0]), *got = json_patch_apply(a, doc, doc_json(a, cases[i][1]), &e);
        ASSERT_PTR(got);
        ck_assert_str_eq(json_text(a, got), cases[i][2]);
        ck_assert_str_eq(json_text(a, doc), cases[i][0]);
    }
}
END_TEST

START_TEST(test_json_patch_refuses) {
    static const struct {
        const char *ops, *says;
    } cases[] = {
        {"{}", "a JSON patch must be an array of operations, not object"},
        {"[1]", "operation 0 (? ): \"path\" is missing, no string, or has a NUL in it"},
        {"[{\"op\":\"remove\",\"path\":\"/a\\u0000b\"}]", "has a NUL in it"},
        {"[{\"op\":\"add\",\"path\":\"/x\"}]", "operation 0 (add /x): \"value\" is missing"},
        {"[{\"op\":\"move\",\"path\":\"/x\"}]", "\"from\" is missing"},
        {"[{\"op\":\"merge\",\"path\":\"/a\",\"value\":1}]", "\"op\" must be add, remove, replace, move, copy or test"},
        {"[{\"op\":\"test\",\"path\":\"/a\",\"value\":1},{\"op\":\"remove\",\"path\":\"/x\"}]",
         "operation 1 (remove /x): there is nothing at this place"},
        {"[{\"op\":\"replace\",\"path\":\"/x\",\"value\":1}]", "there is nothing at this place"},
        {"[{\"op\":\"add\",\"path\":\"/x/y\",\"value\":1}]", "the parent is no object or array, or does not exist"},
        {"[{\"op\":\"add\",\"path\":\"/a/y\",\"value\":1}]", "the parent is no object or array"},
        {"[{\"op\":\"add\",\"path\":\"/l/3\",\"value\":1}]", "the array has no such index"},
        {"[{\"op\":\"add\",\"path\":\"/l/01\",\"value\":1}]", "the array has no such index"},
        {"[{\"op\":\"add\",\"path\":\"/l/x\",\"value\":1}]", "the array has no such index"},
        {"[{\"op\":\"remove\",\"path\":\"/l/-\"}]", "there is nothing at this place"},
        {"[{\"op\":\"remove\",\"path\":\"/l/2\"}]", "there is nothing at this place"},
        {"[{\"op\":\"remove\",\"path\":\"\"}]", "the whole document can't be removed"},
        {"[{\"op\":\"remove\",\"path\":\"a\"}]", "a pointer starts with '/'"},
        {"[{\"op\":\"remove\",\"path\":\"/a~2\"}]", "in a pointer '~' is written as ~0 and '/' as ~1"},
        {"[{\"op\":\"remove\",\"path\":\"/a~\"}]", "in a pointer '~' is written as ~0"},
        {"[{\"op\":\"test\",\"path\":\"/a\",\"value\":2}]", "the value differs from the one tested for"},
        {"[{\"op\":\"move\",\"from\":\"/o\",\"path\":\"/o/p\"}]", "a value can't be moved into itself"},
        {"[{\"op\":\"copy\",\"from\":\"/q\",\"path\":\"/o/p\"}]", "there is nothing at this place"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;
        ARENA_AUTO struct arena *a = arena_new();
        struct jv *doc = doc_json(a, "{\"a\":1,\"l\":[1,2],\"o\":{}}");
        ck_assert_msg(!json_patch_apply(a, doc, doc_json(a, cases[i].ops), &e), "accepted: %s", cases[i].ops);
        ck_assert_int_eq(e.code, ERR_INVALID);
        ck_assert_msg(strstr(e.msg, cases[i].says), "%s: got \"%s\", want \"%s\"", cases[i].ops, e.msg, cases[i].says);
        ck_assert_str_eq(json_text(a, doc), "{\"a\":1,\"l\":[1,2],\"o\":{}}");
    }
}
END_TEST

TEST_MAIN("doc_patch", test_merge_patch_examples, test_diffs_turn_one_into_the_other, test_json_patch_diff_is_small,
          test_merge_patch_diff_is_small, test_keys_with_a_nul, test_json_patch_operations, test_json_patch_refuses)
