/* YAML input against the vectors of sigs.k8s.io/yaml; limits, streams and messages. */
#include <stdio.h>

#include "doc/yaml.h"
#include "testing.h"
#include "vectors.h"

/* The only document as JSON text, "null" when there is none, "!" for an error. */
static const char *json_of(struct arena *a, const char *text, struct err *e) {
    struct jv **docs;
    size_t n;
    if (yaml_parse_all(a, text, strlen(text), &docs, &n, e) != 0) return "!";
    if (n == 0) return "null";
    ck_assert_uint_eq(n, 1);
    return json_text(a, docs[0]);
}

/* Equal but for the order of members; numbers to the last digit. */
static bool same(struct arena *a, const char *got, const char *want) {
    struct err e = ERR_INIT;
    if (*want == '!' || *got == '!') return strcmp(got, want) == 0;
    struct jv *x = json_parse(a, got, strlen(got), NULL, &e), *y = json_parse(a, want, strlen(want), NULL, &e);
    const struct jv *n = jv_get(x, "v");
    if (jv_is(n, J_NUM) && strcmp(n->s, jv_get(y, "v")->s) != 0) return false;
    return jv_eq(x, y);
}

START_TEST(as_kubectl) {
    ARENA_AUTO struct arena *a = arena_new();
    char *at = testing_read(a, "tests/unit/data/yaml.tsv", NULL), *col[VECTOR_COLUMNS];
    int n = 0, wrong = 0;
    while (vector_next(&at, true, col)) {
        struct err e = ERR_INIT;
        const char *got = json_of(a, col[0], &e);
        n++;
        if (same(a, got, col[1])) continue;
        wrong++;
        fprintf(stderr, "---\n%s=> expected %s, got %s %s\n", col[0], col[1], got, e.msg);
    }
    ck_assert_int_gt(n, 200);
    ck_assert_int_eq(wrong, 0);
}
END_TEST

START_TEST(streams) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct jv **docs;
    size_t n;
    const char *text = "# leading comment\n---\na: 1\n---\n# nothing\n---\nnull\n---\n- b\n...\n---\nc\n";
    ASSERT_OK(yaml_parse_all(a, text, strlen(text), &docs, &n, &e));
    ck_assert_uint_eq(n, 3);
    ck_assert_int_eq(jv_get_int(docs[0], "a", 0), 1);
    ck_assert_str_eq(jv_str(jv_idx(docs[1], 0), ""), "b");
    ck_assert_str_eq(jv_str(docs[2], ""), "c");
    ASSERT_OK(yaml_parse_all(a, "", 0, &docs, &n, &e));
    ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(many_documents) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    BUF_AUTO struct buf b = BUF_INIT;
    struct jv **docs;
    size_t n;
    for (int i = 0; i < 200; i++) buf_printf(&b, "---\ni: %d\n", i);
    ASSERT_OK(yaml_parse_all(a, b.s, b.len, &docs, &n, &e));
    ck_assert_uint_eq(n, 200);
    for (int i = 0; i < 200; i++) ck_assert_int_eq(jv_get_int(docs[i], "i", -1), i);
}
END_TEST

START_TEST(stricter_or_laxer_than_kubectl) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    ck_assert_str_eq(json_of(a, "a: 3\n<<: {a: 1}\na: 4\n", &e), "!"); /* a merge does not hide a duplicate */
    ck_assert_str_eq(json_of(a, "1: a\n'1': b\n", &e), "!");
    ck_assert_str_eq(json_of(a, "a: \"b\\/c\"\n", &e), "{\"a\":\"b/c\"}"); /* JSON's escape */
}
END_TEST

START_TEST(trees_can_be_edited) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct jv **docs;
    size_t n;
    const char *text = "a: &x {k: v}\nb: *x\nc: []\n";
    ASSERT_OK(yaml_parse_all(a, text, strlen(text), &docs, &n, &e));
    for (int i = 0; i < 40; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        jv_set_int(a, docs[0], key, i);
        jv_set_int(a, jv_get(docs[0], "b"), key, i);
        jv_push(a, jv_get(docs[0], "c"), jv_new_int(a, i));
    }
    ck_assert_uint_eq(jv_len(docs[0]), 43);
    ck_assert_uint_eq(jv_len(jv_get(docs[0], "a")), 1); /* the alias was a copy */
    ck_assert_uint_eq(jv_len(jv_get(docs[0], "b")), 41);
    ck_assert_uint_eq(jv_len(jv_get(docs[0], "c")), 40);
}
END_TEST

static void assert_message(const char *text, enum err_code code, const char *place, const char *part) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    ck_assert_str_eq(json_of(a, text, &e), "!");
    ck_assert_msg(e.code == code, "%s: %s", err_name(e.code), e.msg);
    ck_assert_msg(strncmp(e.msg, place, strlen(place)) == 0 && strstr(e.msg, part), "%s", e.msg);
}

START_TEST(errors_name_the_place) {
    assert_message("a: 1\nb:\n  c: 1\n  c: 2\n", ERR_PARSE, "line 4, column 3: ", "\"c\" is already set");
    assert_message("a: [1\nb: 2\n", ERR_PARSE, "line 2, column ", "");
    assert_message("a: .nan\n", ERR_PARSE, "line 1, column 4: ", "NaN");
    assert_message("a: *x\n", ERR_PARSE, "line 1, column 4: ", "anchor");
    assert_message("a: &x [*x]\n", ERR_PARSE, "line 1, column 8: ", "itself");
    assert_message("a: !!binary aGk=\n", ERR_PARSE, "line 1, column 4: ", "base64");
    assert_message("1: a\n\"1\": b\n", ERR_PARSE, "line 2, column 1: ", "\"1\" is already set");
    assert_message("\"a\\0b\": c\n", ERR_PARSE, "line 1, column 1: ", "NUL");
    assert_message("a: \xff\n", ERR_PARSE, "byte 3: ", "UTF-8");
    assert_message("a: &x 1\n---\nb: *x\n", ERR_PARSE, "line 3, column 4: ", "anchor");
}
END_TEST

START_TEST(aliases_cannot_explode) {
    BUF_AUTO struct buf b = BUF_INIT;
    buf_puts(&b, "l0: &l0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        buf_printf(&b, "l%d: &l%d [", i, i);
        for (int k = 0; k < 10; k++) buf_printf(&b, "%s*l%d", k ? ", " : "", i - 1);
        buf_puts(&b, "]\n");
    }
    assert_message(b.s, ERR_LIMIT, "line 7, ", "too many values");

    buf_reset(&b);
    buf_puts(&b, "big: &b ");
    for (int i = 0; i < 1 << 17; i++) buf_puts(&b, "xxxxxxxx");
    buf_puts(&b, "\nlist:\n");
    for (int i = 0; i < 40; i++) buf_puts(&b, "- *b\n");
    assert_message(b.s, ERR_LIMIT, "line ", "too many bytes");
}
END_TEST

static void nest(struct buf *b, const char *open, int n) {
    for (int i = 0; i < n; i++) buf_puts(b, open);
}

START_TEST(depth_is_limited) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    BUF_AUTO struct buf b = BUF_INIT;
    nest(&b, "[", 100);
    nest(&b, "]", 100);
    ck_assert_str_eq(json_of(a, b.s, &e), b.s);

    buf_reset(&b);
    nest(&b, "[", 200);
    nest(&b, "]", 200);
    assert_message(b.s, ERR_LIMIT, "line 1, ", "nested too deeply");

    buf_reset(&b); /* also when aliases stack up */
    buf_puts(&b, "a: &a ");
    nest(&b, "[", 80);
    nest(&b, "]", 80);
    buf_puts(&b, "\nb: ");
    nest(&b, "[", 80);
    buf_puts(&b, "*a");
    nest(&b, "]", 80);
    assert_message(b.s, ERR_LIMIT, "line 2, ", "nested too deeply");
}
END_TEST

START_TEST(test_keys_beyond_a_float) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct jv **docs;
    size_t n;
    ASSERT_OK(yaml_parse_all(a, "1e300: a\n-1e300: b\n", 19, &docs, &n, &e));
    ck_assert_str_eq(json_text(a, docs[0]), "{\"+Inf\":\"a\",\"-Inf\":\"b\"}");
}
END_TEST

TEST_MAIN("yaml", test_keys_beyond_a_float, as_kubectl, streams, many_documents, stricter_or_laxer_than_kubectl,
          trees_can_be_edited, errors_name_the_place, aliases_cannot_explode, depth_is_limited)
