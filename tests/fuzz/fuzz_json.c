/* The JSON parser and writers on any bytes: what is accepted survives both writers, and the canonical form is a fixpoint. */
#include <string.h>

#include "fuzz.h"

static void canonical(struct buf *out, const struct jv *v) {
    buf_reset(out);
    json_write_canonical(out, v);
}

static bool keep_odd(const struct json_place *at) {
    return at->klen > 0 && at->key[at->klen - 1] % 2;
}

/* An outline takes what the parser takes, with the same values. */
static void outline(struct arena *a, const uint8_t *data, size_t size, const struct jv *tree) {
    struct err e = ERR_INIT;
    char *copy = arena_strndup(a, (const char *)data, size);
    const struct jv *v = json_parse_outline(a, copy, size, &json_limits_review, keep_odd, NULL, &e);
    PROPERTY(!v == !tree, "%s", v ? "an outline of what is refused" : e.msg);
    if (!v) return;
    PROPERTY(jv_eq(v, tree), "an outline differs");
    fuzz_round_trip(a, v);
}

struct taker {
    const struct jv *list; /* of the tree */
    size_t taken;
};

static bool take(void *ctx, const struct jv *around, const struct jv *element) {
    struct taker *t = ctx;
    (void)around;
    if (t->list) PROPERTY(jv_eq(element, jv_idx(t->list, t->taken)), "element %zu differs", t->taken);
    t->taken++;
    return true;
}

/* The list "d" of "b", element by element; keys that keep_odd does not keep. */
static void stream(struct arena *a, const uint8_t *data, size_t size, const struct jv *tree) {
    ARENA_AUTO struct arena *one = arena_new();
    struct err e = ERR_INIT;
    char *copy = arena_strndup(a, (const char *)data, size);
    const struct jv *list = jv_path(tree, "b", "d", (char *)0);
    struct taker t = {.list = jv_is(list, J_ARR) ? list : NULL};
    const struct json_stream s = {"b", "d", one, take, &t};
    const struct jv *v = json_parse_outline(a, copy, size, &json_limits_review, keep_odd, &s, &e);
    PROPERTY(!v == !tree, "%s", v ? "a stream of what is refused" : e.msg);
    PROPERTY(!tree || t.taken == jv_len(t.list), "%zu of %zu elements were taken", t.taken, jv_len(t.list));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf first = BUF_INIT, second = BUF_INIT;
    struct err e = ERR_INIT;
    const struct jv *v = json_parse(a, (const char *)data, size, &json_limits_review, &e);
    fuzz_bounded(a, size);
    PROPERTY(v || e.msg[0], "a refusal without a reason");
    outline(a, data, size, v);
    stream(a, data, size, v);
    if (!v) return 0;
    fuzz_round_trip(a, v);
    PROPERTY(jv_eq(jv_dup(a, v), v), "a copy differs");
    canonical(&first, v);
    const struct jv *again = json_parse(a, buf_str(&first), first.len, NULL, &e);
    PROPERTY(again, "the canonical form can't be read: %s", e.msg);
    canonical(&second, again);
    PROPERTY(first.len == second.len && memcmp(first.s, second.s, first.len) == 0, "canonical twice: %s, then %s", first.s,
             second.s);
    return 0;
}
