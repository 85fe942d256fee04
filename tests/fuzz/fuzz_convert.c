/* Conversion. An input is an object in either version: what converts must come back as it was. An object that has a stash already
 * comes back with one that is written anew (changes that lost to newer values are gone from it), so there the next round trip
 * counts. */
#include <string.h>

#include "api/admission.h"
#include "base/str.h"
#include "fuzz.h"

static void there_and_back(struct arena *a, enum kind k, const struct jv *doc) {
    struct err e = ERR_INIT;
    bool v1 = str_eq(jv_get_str(doc, "apiVersion"), "workloads.x-k8s.io/v1alpha1");
    const char *before = json_text(a, doc);
    const struct jv *there = convert(a, k, doc, v1 ? "v1alpha2" : "v1alpha1", &e);
    PROPERTY(there || e.msg[0], "a refusal without a reason");
    PROPERTY(str_eq(before, json_text(a, doc)), "the document was changed");
    if (!there) return;
    /* Through text, as the API server stores it. */
    const struct jv *stored = fuzz_round_trip(a, there);
    const struct jv *back = convert(a, k, stored, v1 ? "v1alpha1" : "v1alpha2", &e);
    PROPERTY(back, "no way back: %s", e.msg);
    if (meta_annotation(doc, "conversion.workloads.x-k8s.io/stash")) {
        doc = there;
        there = back;
        back = convert(a, k, fuzz_round_trip(a, back), v1 ? "v1alpha2" : "v1alpha1", &e);
        PROPERTY(back, "no second way: %s", e.msg);
    }
    PROPERTY(jv_eq(back, doc), "came back as\n%s\nby way of\n%s", json_text(a, back), json_text(a, there));
}

/* What conversion passes on as text makes no difference. */
static void outline_alike(struct arena *a, enum kind k, const struct jv *doc) {
    struct err e = ERR_INIT;
    bool v1 = str_eq(jv_get_str(doc, "apiVersion"), "workloads.x-k8s.io/v1alpha1");
    const struct jv *want = convert(a, k, doc, v1 ? "v1alpha2" : "v1alpha1", &e);
    char *text = json_text(a, doc);
    const struct jv *outline = json_parse_outline(a, text, strlen(text), NULL, convert_keep, NULL, &e);
    PROPERTY(outline, "can't be read again: %s", e.msg);
    const struct jv *got = convert(a, k, outline, v1 ? "v1alpha2" : "v1alpha1", &e);
    PROPERTY(jv_eq(got, want), "the outline became\n%s\nthe tree\n%s", got ? json_text(a, got) : e.msg,
             want ? json_text(a, want) : "nothing");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *doc = json_parse(a, (const char *)data, size, &json_limits_review, NULL);
    if (!doc) return 0;
    enum kind k = kind_by_name(jv_str(jv_get(doc, "kind"), ""));
    if (k != KIND_RBG && k != KIND_RBGSET) return 0;
    there_and_back(a, k, doc);
    outline_alike(a, k, doc);
    return 0;
}
