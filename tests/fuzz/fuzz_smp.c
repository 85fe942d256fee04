/* Patches. An input is {"doc": ..., "patch": ..., "typed": bool}: the strategic merge patch is applied as to a pod template or
 * untyped, and the other two kinds of patches must turn doc into patch. */
#include <string.h>

#include "doc/patch.h"
#include "fuzz.h"

static char *text_of(struct arena *a, const struct jv *v) { return json_text(a, v); }

static bool has_null(const struct jv *v) {
    if (v->type == J_NULL) return true;
    JV_FOR_OBJ(m, v) if (has_null(m->val)) return true;
    JV_FOR_ARR(it, v) if (has_null(*it)) return true;
    return false;
}

/* json_patch_apply can't follow a pointer to such a key; json_patch_diff can write it. */
static bool has_nul_key(const struct jv *v) {
    JV_FOR_OBJ(m, v) if (strlen(m->key) != m->klen || has_nul_key(m->val)) return true;
    JV_FOR_ARR(it, v) if (has_nul_key(*it)) return true;
    return false;
}

static void strategic(struct arena *a, const struct jv *doc, const struct jv *patch, const struct type *t) {
    struct err e = ERR_INIT;
    const char *doc_before = text_of(a, doc), *patch_before = text_of(a, patch);
    const struct jv *out = smp_apply(a, doc, patch, t, &e);
    PROPERTY(out || e.msg[0], "a refusal without a reason");
    if (out) fuzz_round_trip(a, out);
    PROPERTY(strcmp(doc_before, text_of(a, doc)) == 0, "the document was changed");
    PROPERTY(strcmp(patch_before, text_of(a, patch)) == 0, "the patch was changed");
    if (!jv_is(doc, J_OBJ)) return;
    const struct jv *same = smp_apply(a, doc, jv_new_obj(a), t, &e);
    PROPERTY(same && jv_eq(same, doc), "an empty patch changed the document");
}

static void others(struct arena *a, const struct jv *from, const struct jv *to) {
    struct err e = ERR_INIT;
    const struct jv *ops = json_patch_diff(a, from, to), *out;
    if (!has_nul_key(from) && !has_nul_key(to)) {
        out = json_patch_apply(a, from, ops, &e);
        PROPERTY(out && jv_eq(out, to), "the JSON patch leads elsewhere: %s", out ? text_of(a, out) : e.msg);
    }
    if (has_null(to)) return; /* a merge patch can't say null */
    out = merge_patch_apply(a, from, merge_patch_diff(a, from, to));
    PROPERTY(out && jv_eq(out, to), "the merge patch leads elsewhere: %s", text_of(a, out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *in = json_parse(a, (const char *)data, size, &json_limits_review, NULL);
    const struct jv *doc = jv_get(in, "doc"), *patch = jv_get(in, "patch");
    if (!doc || !patch) return 0;
    strategic(a, doc, patch, jv_get_bool(in, "typed", false) ? &core_PodTemplateSpec : NULL);
    others(a, doc, patch);
    if (jv_is(patch, J_ARR)) {
        struct err e = ERR_INIT;
        const struct jv *out = json_patch_apply(a, doc, patch, &e);
        PROPERTY(out || e.msg[0], "a refusal without a reason");
    }
    return 0;
}
