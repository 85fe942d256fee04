/* JSON: the parser against json-c on random documents, limits, damaged input; the writers against bytes that Go wrote. */
#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "chance.h"
#include "doc/json.h"
#include "testing.h"

static struct jv *parse(struct arena *a, const char *text, struct err *e) {
    return json_parse(a, text, strlen(text), NULL, e);
}

/* A small deterministic generator: failures can be repeated. */
static uint64_t seed = 1;

static unsigned rnd(unsigned n) {
    return chance_below(&seed, n);
}

static void random_string(struct buf *out) {
    static const char *const bits[] = {"a", "key", "\\n", "\\\"", "\\\\", "\\/", "\\u00e9", "\xc3\xa9", "\xe6\x97\xa5",
                                       "\\ud83d\\ude00",
                                       "\xf0\x9f\x98\x80", " ", "longer piece of text", "\\b\\f\\r\\t", "\\u0001", "0", "<&>", "/"};
    buf_putc(out, '"');
    for (unsigned n = rnd(5); n > 0; n--) buf_puts(out, bits[rnd(sizeof bits / sizeof *bits)]);
    buf_putc(out, '"');
}

static void random_space(struct buf *out) {
    static const char *const spaces[] = {"", "", "", " ", "\n", "\t ", "\r\n"};
    buf_puts(out, spaces[rnd(sizeof spaces / sizeof *spaces)]);
}

static void random_value(struct buf *out, int depth) {
    static const char *const plain[] = {"null", "true", "false", "0", "-1", "12", "1.5", "-0.25", "1e3", "2.5E-2",
                                        "9007199254740993"};
    unsigned pick = rnd(depth > 0 ? 4 : 2);
    random_space(out);
    if (pick == 0) {
        buf_puts(out, plain[rnd(sizeof plain / sizeof *plain)]);
    } else if (pick == 1) {
        random_string(out);
    } else {
        unsigned n = rnd(30) ? rnd(5) : rnd(60);
        buf_putc(out, pick == 2 ? '[' : '{');
        for (unsigned i = 0; i < n; i++) {
            if (i) buf_putc(out, ',');
            random_space(out);
            if (pick == 3) buf_printf(out, "\"k%u\"%s:", i, rnd(2) ? " " : "");
            random_value(out, depth - 1);
        }
        random_space(out);
        buf_putc(out, pick == 2 ? ']' : '}');
    }
    random_space(out);
}

static void same(const struct jv *v, json_object *o);

static void same_object(const struct jv *v, json_object *o) {
    ck_assert_uint_eq(v->len, (unsigned)json_object_object_length(o));
    JV_FOR_OBJ(m, v) {
        json_object *child = NULL;
        ck_assert(json_object_object_get_ex(o, m->key, &child));
        same(m->val, child);
    }
}

static void same(const struct jv *v, json_object *o) {
    switch (json_object_get_type(o)) {
    case json_type_null: ck_assert(jv_is(v, J_NULL)); return;
    case json_type_boolean: ck_assert(jv_is(v, J_BOOL) && v->b == json_object_get_boolean(o)); return;
    case json_type_int: ck_assert_int_eq(jv_int(v, -77), json_object_get_int64(o)); return;
    case json_type_double: ck_assert(jv_is(v, J_NUM) && strtod(v->s, NULL) == json_object_get_double(o)); return;
    case json_type_string:
        ck_assert(jv_is(v, J_STR) && v->len == (uint32_t)json_object_get_string_len(o));
        ck_assert_mem_eq(v->s, json_object_get_string(o), v->len);
        return;
    case json_type_array:
        ck_assert(jv_is(v, J_ARR) && v->len == json_object_array_length(o));
        for (uint32_t i = 0; i < v->len; i++) same(v->items[i], json_object_array_get_idx(o, i));
        return;
    case json_type_object: ck_assert(jv_is(v, J_OBJ)); same_object(v, o);
    }
}

START_TEST(test_agrees_with_json_c) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    for (int i = 0; i < 2000; i++) {
        BUF_AUTO struct buf text = BUF_INIT;
        random_value(&text, 4);
        json_object *o = json_tokener_parse(text.s);
        struct jv *v = json_parse(a, text.s, text.len, NULL, &e);
        ASSERT_PTR(v);
        same(v, o);
        json_object_put(o);
        char *written = json_text(a, v);
        struct jv *again = parse(a, written, &e);
        ASSERT_PTR(again);
        ck_assert(jv_eq(v, again));
        ck_assert(jv_eq(v, jv_dup(a, again)));
        ck_assert_str_eq(written, json_text(a, again));
        arena_reset(a);
    }
}
END_TEST

START_TEST(test_truncated_at_every_byte) {
    static const char text[] = "{\"a\":[1,-2.5e+3,true,null,\"x\\u00e9\\ud83d\\ude00\xc3\xa9\"],\"b\":{\"c\":false}}";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        struct err e = ERR_INIT;
        ARENA_AUTO struct arena *a = arena_new();
        char *exact = strndup(text, n); /* the sanitizer sees a read behind the end */
        ck_assert_msg(!json_parse_insitu(a, exact, n, NULL, &e), "the first %zu bytes were accepted", n);
        ck_assert_int_eq(e.code, ERR_PARSE);
        free(exact);
    }
}
END_TEST

START_TEST(test_flipped_bytes_never_crash) {
    BUF_AUTO struct buf text = BUF_INIT;
    while (text.len < 300) {
        buf_reset(&text);
        random_value(&text, 4);
    }
    ARENA_AUTO struct arena *a = arena_new();
    for (int i = 0; i < 20000; i++) {
        struct err e = ERR_INIT;
        char *copy = strndup(text.s, text.len);
        for (unsigned k = rnd(3) + 1; k > 0; k--) copy[rnd((unsigned)text.len)] = (char)rnd(256);
        struct jv *v = json_parse_insitu(a, copy, text.len, NULL, &e);
        if (v) json_text(a, v);
        else ck_assert_msg(e.code == ERR_PARSE && strstr(e.msg, "line "), "%s", e.msg);
        free(copy);
        arena_reset(a);
    }
}
END_TEST

/* ---- the scan for the end of a string ---- */

/* Any byte at any place of a word, with what resembles it around it: neither overlooked, nor seen where it is not, nor read
 * past. */
static void one_byte(struct arena *a, size_t len, size_t at, unsigned char c, char filler) {
    char text[64];
    struct err e = ERR_INIT;
    memset(text, filler, sizeof text);
    text[0] = text[len + 1] = '"';
    text[at + 1] = (char)c;
    char *exact = calloc(1, len + 3); /* the sanitizer sees a read behind the end */
    memcpy(exact, text, len + 2);
    struct jv *v = json_parse_insitu(a, exact, len + 2, NULL, &e);
    bool plain = c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
    if (plain) {
        ck_assert_msg(jv_is(v, J_STR) && v->len == len, "0x%02x at %zu of %zu: %s", c, at, len, e.msg);
        ck_assert_mem_eq(v->s, text + 1, len);
    } else {
        ck_assert_msg(!v, "0x%02x at %zu of %zu was accepted", c, at, len);
        const char *says = c == '"' ? "end of the document" : c == '\\' ? "" : arena_printf(a, "column %zu:", at + 2);
        ck_assert_msg(strstr(e.msg, says), "0x%02x at %zu of %zu: %s", c, at, len, e.msg);
    }
    free(exact);
}

START_TEST(test_every_byte_at_every_place_of_a_string) {
    static const size_t lengths[] = {1, 7, 8, 9, 15, 16, 17, 31, 33};
    static const unsigned char bytes[] = {0,    1,    0x1f, 0x20, 0x21, '"',  0x23, 0x5b, '\\', 0x5d,
                                          0x7e, 0x7f, 0x80, 0x81, 0x9f, 0xa0, 0xa2, 0xc3, 0xdc, 0xff};
    static const char fillers[] = {'a', '#', ' '}; /* the latter two are next to what ends a scan */
    enum { BYTES = sizeof bytes, FILLERS = sizeof fillers };
    ARENA_AUTO struct arena *a = arena_new();
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (size_t at = 0; at < lengths[l]; at++)
            for (size_t i = 0; i < BYTES * FILLERS; i++) {
                one_byte(a, lengths[l], at, bytes[i % BYTES], fillers[i / BYTES]);
                arena_reset(a);
            }
}
END_TEST

/* ---- outlines ---- */

static bool keep_all(const struct json_place *at) {
    (void)at;
    return true;
}

/* Members of odd keys. */
static bool keep_some(const struct json_place *at) {
    return at->klen == 2 && at->key[1] % 2;
}

/* What an outline takes is what the parser takes, with the same values; what one refuses the other refuses in the same words. */
static void outline_agrees(struct arena *a, const char *text, size_t len, json_keep_fn keep) {
    struct err e = ERR_INIT, outline_e = ERR_INIT;
    char *copy = strndup(text, len);
    const struct jv *tree = json_parse(a, text, len, NULL, &e),
                    *outline = json_parse_outline(a, copy, len, NULL, keep, NULL, &outline_e);
    ck_assert_str_eq(outline_e.msg, e.msg);
    ck_assert_int_eq(!outline, !tree);
    if (tree) {
        BUF_AUTO struct buf canonical = BUF_INIT, outline_canonical = BUF_INIT;
        json_write_canonical(&canonical, tree);
        json_write_canonical(&outline_canonical, outline);
        ck_assert_str_eq(buf_str(&outline_canonical), buf_str(&canonical));
        const char *written = json_text(a, outline);
        ck_assert(jv_eq(outline, tree) && jv_eq(jv_dup(a, outline), tree) && jv_eq(tree, outline));
        ck_assert(jv_eq(parse(a, written, &e), tree));
    }
    free(copy);
}

START_TEST(test_outlines) {
    ARENA_AUTO struct arena *a = arena_new();
    for (int i = 0; i < 2000; i++) {
        BUF_AUTO struct buf text = BUF_INIT;
        buf_puts(&text, "{\"k1\":");
        random_value(&text, 4);
        buf_puts(&text, ",\"k2\":");
        random_value(&text, 4);
        buf_puts(&text, "}");
        outline_agrees(a, text.s, text.len, i % 2 ? keep_some : keep_all);
        for (unsigned k = rnd(3) + 1; k > 0; k--) text.s[rnd((unsigned)text.len)] = (char)(rnd(255) + 1);
        outline_agrees(a, text.s, text.len, i % 2 ? keep_some : keep_all);
        arena_reset(a);
    }
}
END_TEST

START_TEST(test_outline_keeps_text) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    char text[] = "{\"k1\": {\"k3\" : [1, 2.50,\t\"\\u00e9\"]} ,\"k2\":{\"k3\":[ 4 ],\"k5\":{ \n},\"k7\":\"k\"}}";
    const struct jv *v = json_parse_outline(a, text, strlen(text), NULL, keep_some, NULL, &e), *raw = jv_get(v, "k1");
    ASSERT_PTR(v);
    ck_assert(jv_is(raw, J_RAW) && !jv_is_empty(raw) && jv_len(raw) == 0);
    ck_assert_str_eq(jv_type_name(raw), "object");
    ck_assert_str_eq(jv_type_name(jv_path(v, "k2", "k3", (char *)0)), "array");
    ck_assert(jv_is(jv_path(v, "k2", "k5", (char *)0), J_OBJ)); /* empty */
    ck_assert_str_eq(json_text(a, v), "{\"k1\":{\"k3\" : [1, 2.50,\t\"\\u00e9\"]},\"k2\":{\"k3\":[ 4 ],\"k5\":{},\"k7\":\"k\"}}");
    struct jv *open = jv_open(a, raw);
    ck_assert_str_eq(jv_str(jv_idx(jv_get(open, "k3"), 2), ""), "\xc3\xa9");
    ck_assert(jv_eq(raw, open) && jv_open(a, open) == open && !jv_open(a, NULL));
    ck_assert(!jv_eq(raw, jv_get(v, "k2")) && !jv_eq(raw, jv_path(v, "k2", "k3", (char *)0)));
}
END_TEST

static bool keep_x_in_o(const struct json_place *at) {
    return at->klen == 1 && *at->key == 'x' && at->in_len == 1 && *at->in == 'o';
}

START_TEST(test_outline_knows_the_object_around) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    char text[] = "{\"x\":[1],\"o\":{\"y\":{\"x\":[2]},\"x\":[3]},\"p\":{\"x\":[4]},\"q\":[{\"x\":[5]},{\"o\":{\"x\":{\"x\":6}}}]}";
    const struct jv *v = json_parse_outline(a, text, strlen(text), NULL, keep_x_in_o, NULL, &e), *q = jv_get(v, "q");
    ASSERT_PTR(v);
    ck_assert(jv_is(jv_get(v, "x"), J_ARR) && jv_is(jv_path(v, "o", "y", "x", (char *)0), J_ARR));
    ck_assert(jv_is(jv_path(v, "o", "x", (char *)0), J_RAW) && jv_is(jv_path(v, "p", "x", (char *)0), J_ARR));
    ck_assert(jv_is(jv_get(jv_idx(q, 0), "x"), J_ARR) && jv_is(jv_path(jv_idx(q, 1), "o", "x", (char *)0), J_RAW));
}
END_TEST

/* More keys than the scratch stack has room for, in objects around each other; `twice`: a key that comes again. */
static void many_keys(struct buf *text, int depth, const char *twice) {
    buf_puts(text, "{\"k\\u0031\":1");
    for (int i = 0; i < 150; i++) buf_printf(text, ",\"key-%d\":[%d]", i, i);
    if (depth > 0) buf_puts(text, ",\"deeper\":"), many_keys(text, depth - 1, NULL);
    if (twice) buf_printf(text, ",\"%s\":0", twice);
    buf_puts(text, "}");
}

START_TEST(test_kept_text_with_many_keys) {
    static const char *const twice[] = {NULL, "key-7", "k1", "k\\u0031", "deepe\\u0072"};
    for (size_t i = 0; i < sizeof twice / sizeof *twice; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        BUF_AUTO struct buf text = BUF_INIT;
        struct err e = ERR_INIT;
        buf_puts(&text, "{\"kept\":");
        many_keys(&text, 5, twice[i]);
        buf_puts(&text, "}");
        outline_agrees(a, text.s, text.len, keep_all);
        struct json_limits few = json_limits_default;
        few.max_nodes = 500;
        ck_assert(!json_parse_outline(a, arena_strdup(a, text.s), text.len, &few, keep_all, NULL, &e) && e.code == ERR_LIMIT);
    }
}
END_TEST

START_TEST(test_kept_text_is_limited_in_depth) {
    for (int depth = 120; depth < 135; depth++) {
        ARENA_AUTO struct arena *a = arena_new();
        BUF_AUTO struct buf text = BUF_INIT;
        buf_puts(&text, "{\"kept\":");
        for (int i = 0; i < depth; i++) buf_puts(&text, i % 2 ? "{\"a\":" : "[");
        buf_puts(&text, "1");
        for (int i = depth; i-- > 0;) buf_putc(&text, i % 2 ? '}' : ']');
        buf_puts(&text, "}");
        outline_agrees(a, text.s, text.len, keep_all);
    }
}
END_TEST

/* ---- streams ---- */

struct taker {
    struct buf seen;   /* what was taken, as text */
    size_t calls, from; /* from this call on elements are taken */
};

static bool take_some(void *ctx, const struct jv *around, const struct jv *element) {
    struct taker *t = ctx;
    if (t->calls++ < t->from) return false;
    const char *name = jv_get_str(around, "name");
    buf_printf(&t->seen, "%s ", name ? name : "?");
    json_write(&t->seen, element);
    buf_puts(&t->seen, ";");
    return true;
}

static struct jv *stream(struct arena *a, const char *text, struct taker *t, const struct json_limits *limits, struct err *e) {
    ARENA_AUTO struct arena *one = arena_new();
    const struct json_stream s = {"request", "objects", one, take_some, t};
    return json_parse_outline(a, arena_strdup(a, text), strlen(text), limits, keep_some, &s, e);
}

START_TEST(test_streams) {
    static const struct {
        const char *text;
        size_t from;
        const char *seen, *left; /* left NULL: refused */
    } rows[] = {
        {"{\"request\":{\"name\":\"n\",\"objects\":[{\"a\":\"\\u00e9\",\"objects\":[1]}, 7,[],\"s\",{\"k1\":[ 2 ]}],\"z\":[{}]},"
         "\"objects\":[3]}", 0,
         "n {\"a\":\"\xc3\xa9\",\"objects\":[1]};n 7;n [];n \"s\";n {\"k1\":[ 2 ]};",
         "{\"request\":{\"name\":\"n\",\"objects\":[],\"z\":[{}]},\"objects\":[3]}"},
        {"{\"request\":{\"objects\":[{\"a\":1},{\"k1\":[2]},3],\"name\":\"n\"}}", 2, "? 3;",
         "{\"request\":{\"objects\":[{\"a\":1},{\"k1\":[2]}],\"name\":\"n\"}}"},
        {"{\"request\":{\"objects\":[]}}", 0, "", "{\"request\":{\"objects\":[]}}"},
        {"{\"request\":{\"objects\":{\"objects\":[1]}}}", 0, "", "{\"request\":{\"objects\":{\"objects\":[1]}}}"},
        {"{\"request\":[{\"objects\":[1]}]}", 0, "", "{\"request\":[{\"objects\":[1]}]}"},
        {"[{\"request\":{\"objects\":[1]}}]", 0, "", "[{\"request\":{\"objects\":[1]}}]"},
        {"{\"objects\":[1],\"request\":{\"request\":{\"objects\":[1]}}}", 0, "",
         "{\"objects\":[1],\"request\":{\"request\":{\"objects\":[1]}}}"},
        {"{\"request\":{\"objects\":[1,{\"a\":1,\"a\":2}]}}", 0, "? 1;", NULL},
        {"{\"request\":{\"objects\":[1,2],\"objects\":[3]}}", 0, "? 1;? 2;? 3;", NULL},
        {"{\"request\":{\"objects\":[1,2}}", 0, "? 1;? 2;", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = ERR_INIT;
        ARENA_AUTO struct arena *a = arena_new();
        struct taker t = {.from = rows[i].from};
        const struct jv *left = stream(a, rows[i].text, &t, NULL, &e);
        ck_assert_str_eq(buf_str(&t.seen), rows[i].seen);
        ck_assert_msg(!left == !rows[i].left, "%s: %s", rows[i].text, e.msg);
        if (left) ck_assert_str_eq(json_text(a, left), rows[i].left);
        buf_fini(&t.seen);
    }
}
END_TEST

/* The number of values is that of one element, not of all; unless they stay. */
START_TEST(test_elements_are_limited_one_by_one) {
    const struct json_limits few = {1000, 10, 6}; /* three for the document, the request and the list */
    static const struct {
        const char *objects;
        size_t from;
        bool taken;
    } rows[] = {
        {"[[1,2,3,4,5]]", 0, true}, {"[[1,2,3,4,5,6]]", 0, false},
        {"[[1],[1,2,3,4,5],{\"a\":[1,2,3]}]", 0, true}, {"[[1],[1],{\"a\":[1,2,3,4,5]}]", 0, false},
        {"[1,2,3]", 0, true}, {"[1,2,3,4]", 0, false},
        {"[[1,2]]", 1, true}, {"[[1,2,3]]", 1, false}, {"[1,[1,2,3,4,5],2]", 1, true}, {"[1,2,3,4]", 9, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct err e = ERR_INIT;
        ARENA_AUTO struct arena *a = arena_new();
        struct taker t = {.from = rows[i].from};
        bool taken = stream(a, arena_printf(a, "{\"request\":{\"objects\":%s}}", rows[i].objects), &t, &few, &e) != NULL;
        ck_assert_msg(taken == rows[i].taken, "%s: %s", rows[i].objects, e.msg);
        ck_assert(taken || e.code == ERR_LIMIT);
        buf_fini(&t.seen);
    }
}
END_TEST

START_TEST(test_refuses) {
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"", "line 1, column 1: the document ends here"},
        {"  \n ", "line 2, column 2"},
        {"{\n  \"a\": 1,\n}", "line 3, column 1: found '}', expected a key in double quotes"},
        {"[1,]", "column 4: found ']', expected a value"},
        {"[1 2]", "expected ',' or ']'"},
        {"{\"a\" 1}", "expected ':'"},
        {"{'a':1}", "found '''"},
        {"{a:1}", "expected a key"},
        {"[1] x", "expected the end of the document"},
        {"// c\n1", "expected a value"},
        {"NaN", "expected a value"},
        {"Infinity", "expected a value"},
        {"-Infinity", "expected a digit"},
        {"+1", "expected a value"},
        {"01", "must not start with 0"},
        {"-01", "must not start with 0"},
        {"1.", "digit after the decimal point"},
        {".5", "expected a value"},
        {"1e", "digit of the exponent"},
        {"1e+", "digit of the exponent"},
        {"-", "expected a digit"},
        {"tru", "expected a value"},
        {"truex", "expected the end"},
        {"\"a\tb\"", "found 0x09, expected an escape"},
        {"\"a\nb\"", "found 0x0a"},
        {"\"\\x\"", "after a backslash"},
        {"\"\\u12g4\"", "four hexadecimal digits"},
        {"\"\\ud800\"", "high surrogate without"},
        {"\"\\ud800\\u0041\"", "high surrogate without"},
        {"\"\\ud800x\"", "high surrogate without"},
        {"\"\\udc00\"", "low surrogate without"},
        {"\"\x80\"", "not valid UTF-8"},
        {"\"\xc0\xaf\"", "not valid UTF-8"},
        {"\"\xc3\"", "not valid UTF-8"},
        {"\"\xe0\x80\x80\"", "not valid UTF-8"},
        {"\"\xed\xa0\x80\"", "not valid UTF-8"},
        {"\"\xf4\x90\x80\x80\"", "not valid UTF-8"},
        {"\"\xf5\x80\x80\x80\"", "not valid UTF-8"},
        {"\"abcdefgh\xff\"", "not valid UTF-8"},
        {"{\"a\":1,\"b\":2,\"a\":3}", "has the key \"a\" twice"},
        {"{\"a\":1,\"\\u0061\":3}", "has the key \"a\" twice"},
        {"{\"\\t\\n\":1,\"b\":2,\"\\u0009\\u000A\":3}", "has the key \"\t\n\" twice"},
        {"\xef\xbb\xbf{}", "found 0xef"},
        {"[\"a\n", "found 0x0a"},
        {"{\"a\":[}", "found '}'"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = ERR_INIT;
        ARENA_AUTO struct arena *a = arena_new();
        ck_assert_msg(!parse(a, bad[i].text, &e), "accepted: %s", bad[i].text);
        ck_assert_int_eq(e.code, ERR_PARSE);
        ck_assert_msg(strstr(e.msg, bad[i].says), "%s: got \"%s\", want \"%s\"", bad[i].text, e.msg, bad[i].says);
        const char *inside = arena_printf(a, "{\"a\\tb\":{\"c\":%s}}", bad[i].text);
        outline_agrees(a, inside, strlen(inside), keep_all);
    }
}
END_TEST

START_TEST(test_many_keys) {
    for (int dup = 0; dup < 2; dup++) {
        struct err e = ERR_INIT;
        ARENA_AUTO struct arena *a = arena_new();
        BUF_AUTO struct buf text = BUF_INIT;
        enum { KEYS = 100000 };
        buf_putc(&text, '{');
        for (int i = 0; i < KEYS; i++) buf_printf(&text, "\"key%d\":%d,", i, i);
        buf_printf(&text, "\"key%d\":0}", dup ? KEYS / 2 : KEYS);
        clock_t start = clock();
        struct jv *v = json_parse(a, text.s, text.len, NULL, &e);
        ck_assert_msg(clock() - start < 5 * CLOCKS_PER_SEC, "quadratic");
        if (dup) {
            ck_assert(!v);
            ck_assert(strstr(e.msg, "\"key50000\" twice"));
        } else {
            ASSERT_PTR(v);
            ck_assert_uint_eq(v->len, KEYS + 1);
            ck_assert_int_eq(jv_get_int(v, "key777", -1), 777);
        }
    }
}
END_TEST

static struct jv *parse_nested(struct arena *a, size_t depth, const struct json_limits *lim, struct err *e) {
    BUF_AUTO struct buf text = BUF_INIT;
    for (size_t i = 0; i < depth; i++) buf_putc(&text, '[');
    for (size_t i = 0; i < depth; i++) buf_putc(&text, ']');
    return json_parse(a, text.s, text.len, lim, e);
}

START_TEST(test_limits) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    ASSERT_PTR(parse_nested(a, 128, NULL, &e));
    ck_assert(!parse_nested(a, 129, NULL, &e));
    ck_assert_int_eq(e.code, ERR_LIMIT);
    ck_assert(strstr(e.msg, "column 129") && strstr(e.msg, "deeper than 128 levels"));
    ck_assert(!parse_nested(a, 10000, NULL, &e));
    ck_assert_int_eq(e.code, ERR_LIMIT);
    ASSERT_PTR(parse_nested(a, 10000, &(struct json_limits){1 << 20, 10000, 1 << 20}, &e));

    struct json_limits few = {1000, 10, 4};
    ASSERT_PTR(json_parse(a, "[1,2,3]", 7, &few, &e));
    ck_assert(!json_parse(a, "[1,2,3,4]", 9, &few, &e));
    ck_assert_int_eq(e.code, ERR_LIMIT);
    ck_assert(strstr(e.msg, "more than 4 values"));
}
END_TEST

START_TEST(test_large_input_is_refused_fast) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    size_t len = 100u << 20;
    char *big = malloc(len);
    memset(big, '[', len);
    clock_t start = clock();
    ck_assert(!json_parse(a, big, len, &json_limits_review, &e));
    ck_assert_int_eq(e.code, ERR_LIMIT);
    ck_assert_msg(strstr(e.msg, "104857600 bytes"), "%s", e.msg);
    ck_assert_int_lt(clock() - start, CLOCKS_PER_SEC / 20);
    ck_assert_uint_lt(arena_bytes(a), 1 << 20);
    free(big);
}
END_TEST

START_TEST(test_numbers_keep_their_text) {
    static const char *const texts[] = {"0", "-0", "1.0", "1e3", "123456789012345678901234567890", "1E-400"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct err e = ERR_INIT;
        ARENA_AUTO struct arena *a = arena_new();
        struct jv *v = parse(a, arena_printf(a, "[ %s,{\"a\":%s}]", texts[i], texts[i]), &e);
        ASSERT_PTR(v);
        ck_assert_str_eq(jv_idx(v, 0)->s, texts[i]);
        ck_assert_str_eq(jv_get(jv_idx(v, 1), "a")->s, texts[i]);
        ck_assert_str_eq(parse(a, texts[i], &e)->s, texts[i]);
    }
}
END_TEST

START_TEST(test_equality) {
    static const struct {
        const char *a, *b;
        bool eq;
    } cases[] = {
        {"1", "1.0", true}, {"100", "1e2", true}, {"0.1", "1e-1", true}, {"0", "-0.00e5", true}, {"1", "-1", false},
        {"9007199254740993", "9007199254740992", false}, {"1e400", "1e401", false}, {"10", "1", false},
        {"0.10", "0.1", true}, {"1e99999999999999999999", "1e2", false},
        {"{\"a\":1,\"b\":[{}]}", "{\"b\":[{}],\"a\":1.0}", true}, {"{\"a\":1}", "{\"b\":1}", false},
        {"{\"a\":null}", "{}", false}, {"[1,2]", "[2,1]", false}, {"\"1\"", "1", false}, {"null", "null", true},
        {"\"a\\u0000b\"", "\"a\\u0000c\"", false}, {"true", "false", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct err e = ERR_INIT;
        ARENA_AUTO struct arena *a = arena_new();
        struct jv *x = parse(a, cases[i].a, &e), *y = parse(a, cases[i].b, &e);
        ck_assert_msg(jv_eq(x, y) == cases[i].eq && jv_eq(y, x) == cases[i].eq, "%s %s", cases[i].a, cases[i].b);
    }
    ck_assert(jv_eq(NULL, NULL));
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert(!jv_eq(jv_null(a), NULL));
    struct jv *up = jv_new_obj(a), *down = jv_new_obj(a);
    for (int i = 0; i < 200; i++) {
        jv_set_int(a, up, arena_printf(a, "k%d", i), i);
        jv_set_int(a, down, arena_printf(a, "k%d", 199 - i), 199 - i);
    }
    ck_assert(jv_eq(up, down));
    jv_set_int(a, down, "k100", 5);
    ck_assert(!jv_eq(up, down));
}
END_TEST

START_TEST(test_reading) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v = parse(a, "{\"s\":\"x\",\"n\":7,\"f\":1.5,\"e\":2e2,\"big\":9223372036854775808,\"b\":true,"
                            "\"o\":{\"p\":{\"q\":[1,2]}},"
                            "\"l\":[{\"name\":\"a\"},{\"name\":\"b\",\"v\":1}],\"z\":null,\"nul\":\"a\\u0000b\"}", &e);
    ASSERT_PTR(v);
    ck_assert_str_eq(jv_get_str(v, "s"), "x");
    ck_assert_ptr_null(jv_get_str(v, "n"));
    ck_assert_int_eq(jv_get_int(v, "n", 0), 7);
    ck_assert_int_eq(jv_get_int(v, "f", -3), -3);
    ck_assert_int_eq(jv_get_int(v, "e", -3), 200);
    ck_assert_int_eq(jv_get_int(v, "big", -3), -3);
    ck_assert_int_eq(jv_get_int(v, "s", -3), -3);
    ck_assert(jv_get_bool(v, "b", false) && jv_get_bool(v, "missing", true));
    ck_assert_int_eq(jv_int(jv_idx(jv_path(v, "o", "p", "q", (char *)0), 1), 0), 2);
    ck_assert_ptr_null(jv_path(v, "o", "x", "q", (char *)0));
    ck_assert_ptr_null(jv_path(NULL, "o", (char *)0));
    ck_assert_int_eq(jv_get_int(jv_find(jv_get(v, "l"), "name", "b"), "v", 0), 1);
    ck_assert_ptr_null(jv_find(jv_get(v, "l"), "name", "c"));
    ck_assert_ptr_null(jv_idx(jv_get(v, "l"), 2));
    ck_assert(jv_is_empty(jv_get(v, "z")) && jv_is_empty(NULL) && !jv_is_empty(jv_get(v, "b")) && !jv_is_empty(jv_get(v, "l")));
    ck_assert_uint_eq(jv_get(v, "nul")->len, 3);
    ck_assert_str_eq(jv_type_name(jv_get(v, "l")), "array");
    size_t n = 0;
    JV_FOR_OBJ(m, v) n += m->klen;
    JV_FOR_ARR(it, jv_get(v, "l")) n += jv_len(*it);
    JV_FOR_ARR(it, jv_get(v, "missing")) n += jv_len(*it) + 1000;
    JV_FOR_OBJ(m, jv_new_obj(a)) n += m->klen + 1000;
    ck_assert_uint_eq(n, 14 + 1 + 2);
}
END_TEST

START_TEST(test_building) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *o = jv_new_obj(a), *l = jv_need_arr(a, o, "l");
    for (int i = 0; i < 20; i++) jv_push(a, l, jv_new_int(a, i));
    jv_insert(a, l, 0, jv_new_str(a, "first"));
    jv_insert(a, l, 99, jv_new_strf(a, "last-%d", 1));
    while (jv_len(l) > 3) jv_remove(l, 1);
    jv_remove(l, 17);
    jv_set(a, o, "z", jv_null(a));
    jv_set_str(a, jv_need_obj(a, o, "z"), "k", "v");
    jv_set_str(a, o, "none", NULL);
    jv_set_bool(a, o, "b", true);
    jv_set_bool(a, o, "b", false);
    jv_set_int(a, o, "gone", INT64_MIN);
    ck_assert(jv_del(o, "gone") && !jv_del(o, "gone"));
    struct jv *over = jv_new_obj(a);
    jv_set(a, over, "b", jv_new_strn(a, "xyz", 2));
    jv_set(a, over, "new", jv_new_arr(a));
    jv_merge_shallow(a, o, over);
    jv_merge_shallow(a, o, NULL);
    ck_assert_str_eq(json_text(a, o), "{\"l\":[\"first\",19,\"last-1\"],\"z\":{\"k\":\"v\"},\"b\":\"xy\",\"new\":[]}");
}
END_TEST

START_TEST(test_dup_is_independent) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v = parse(a, "{\"a\":[{\"b\":1},null,\"x\",true]}", &e), *d = jv_dup(a, v);
    jv_set_int(a, jv_idx(jv_get(d, "a"), 0), "b", 2);
    jv_push(a, jv_get(d, "a"), jv_null(a));
    ck_assert_str_eq(json_text(a, v), "{\"a\":[{\"b\":1},null,\"x\",true]}");
    ck_assert_str_eq(json_text(a, d), "{\"a\":[{\"b\":2},null,\"x\",true,null]}");
}
END_TEST

/* Canonical text and YAML that encoding/json and sigs.k8s.io/yaml 1.6.0 wrote for random values. */
START_TEST(test_writers_agree_with_go) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    size_t len;
    char *text = testing_read(a, "tests/unit/data/canonical/text.json", &len);
    struct jv *all = json_parse(a, text, len, NULL, &e);
    ASSERT_PTR(all);
    ck_assert_uint_gt(jv_len(all), 500);
    JV_FOR_ARR(it, all) {
        BUF_AUTO struct buf canonical = BUF_INIT, yaml = BUF_INIT;
        struct jv *in = jv_get(*it, "in");
        json_write_canonical(&canonical, in);
        ck_assert_str_eq(buf_str(&canonical), jv_get_str(*it, "canonical"));
        json_write_yaml(&yaml, in);
        ck_assert_msg(strcmp(buf_str(&yaml), jv_get_str(*it, "yaml")) == 0, "%s\n--- want\n%s--- got\n%s", json_text(a, in),
                      jv_get_str(*it, "yaml"), buf_str(&yaml));
    }
}
END_TEST

START_TEST(test_yaml_of_a_discovery_file) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v = parse(a, "{\"roles\":{\"p\":{\"size\":1,\"instances\":[{\"ports\":{\"port443\":443,\"port80\":80},"
                            "\"address\":\"d-p-0.s-d-p\"}]},\"none\":{\"instances\":[],\"size\":0}},"
                            "\"group\":{\"size\":2,\"roles\":[\"p\",\"none\"],\"name\":\"d\"}}", &e);
    ASSERT_PTR(v);
    BUF_AUTO struct buf out = BUF_INIT;
    json_write_yaml(&out, v);
    ck_assert_str_eq(out.s,
                     "group:\n  name: d\n  roles:\n  - p\n  - none\n  size: 2\nroles:\n  none:\n    instances: []\n    size: 0\n"
                     "  p:\n    instances:\n    - address: d-p-0.s-d-p\n      ports:\n        port80: 80\n"
                     "        port443: 443\n"
                     "    size: 1\n");
}
END_TEST

START_TEST(test_canonical_escapes) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v = parse(a, "{\"b\":\"<a href='x'>&\\u2028\\u2029\",\"a\":\"\\u0001\\b\\f\\n\\r\\t\\u007f\xc3\xa9/\",\"$p\":1,"
                            "\"B\":null}", &e);
    BUF_AUTO struct buf out = BUF_INIT;
    json_write_canonical(&out, v);
    ck_assert_str_eq(out.s, "{\"$p\":1,\"B\":null,\"a\":\"\\u0001\\b\\f\\n\\r\\t\x7f\xc3\xa9/\","
                            "\"b\":\"\\u003ca href='x'\\u003e\\u0026\\u2028\\u2029\"}");
}
END_TEST

/* The escape of one byte, spelled out. */
static void expect_byte(struct buf *out, unsigned char c) {
    const char *letter = c ? strchr("\bb\ff\nn\rr\tt", c) : NULL;
    if (c == '"' || c == '\\') buf_printf(out, "\\%c", c);
    else if (letter && c < 0x20) buf_printf(out, "\\%c", letter[1]);
    else if (c < 0x20) buf_printf(out, "\\u%04x", c);
    else buf_putc(out, (char)c);
}

/* Strings are copied and looked through by eights: each pair of neighbours at each place of strings of 1 to 20 bytes. */
START_TEST(test_escapes_at_every_place) {
    static const unsigned char special[] = {'"', '\\', 0x00, 0x01, 0x1f, '\n', ' ', '!', '#', '[', ']', 0x7f, 0x80, 0xa2, 0xff};
    for (size_t n = 1; n <= 20; n++) {
        for (size_t at = 0; at < n * sizeof special * sizeof special; at++) {
            BUF_AUTO struct buf want = BUF_INIT, have = BUF_INIT;
            char text[20];
            memset(text, 'x', sizeof text);
            text[at % n] = (char)special[at / n % sizeof special];
            if (at % n + 1 < n) text[at % n + 1] = (char)special[at / n / sizeof special];
            for (size_t i = 0; i < n; i++) expect_byte(&want, (unsigned char)text[i]);
            json_write(&have, &(struct jv){.type = J_STR, .len = (uint32_t)n, .s = text});
            ck_assert_msg(have.len == want.len + 2 && memcmp(have.s + 1, want.s, want.len) == 0, "%s instead of %s", have.s,
                          want.s);
        }
    }
}
END_TEST

TEST_MAIN("doc_json", test_agrees_with_json_c, test_truncated_at_every_byte, test_flipped_bytes_never_crash,
          test_every_byte_at_every_place_of_a_string, test_outlines,
          test_outline_keeps_text, test_outline_knows_the_object_around,
          test_kept_text_with_many_keys, test_kept_text_is_limited_in_depth, test_streams, test_elements_are_limited_one_by_one,
          test_refuses,
          test_many_keys, test_limits, test_large_input_is_refused_fast, test_numbers_keep_their_text, test_equality, test_reading,
          test_building, test_dup_is_independent, test_writers_agree_with_go, test_yaml_of_a_discovery_file, test_canonical_escapes,
          test_escapes_at_every_place)
