/* Kubernetes' scalar formats. An input is text; it is tried as each of them, and as a selector when it is JSON. */
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/str.h"
#include "doc/scalar.h"
#include "fuzz.h"

static void quantity(struct arena *a, const struct jv *v) {
    struct err e = ERR_INIT;
    const char *text = quantity_canonical(a, v, &e);
    int sign = quantity_sign(v);
    PROPERTY((text != NULL) == (sign != -2), "canonical form and sign disagree about %s", v->s);
    if (!text) return;
    const struct jv *canonical = jv_new_str(a, text);
    /* As in Go the unit is lost where a binary one does not fit, so that the next round may find a decimal one: 62.5Ki is
     * 64000, which is 64k. */
    const char *again = quantity_canonical(a, canonical, &e);
    const char *last = again ? quantity_canonical(a, jv_new_str(a, again), &e) : NULL;
    PROPERTY(last && strcmp(again, last) == 0, "canonical twice: %s, then %s", text, last ? last : e.msg);
    PROPERTY(quantity_cmp(canonical, jv_new_str(a, again)) == 0, "%s became %s", text, again);
    PROPERTY(strcmp(text, again) == 0 || strchr(v->s, 'i'), "canonical twice: %s, then %s", text, again);
    PROPERTY(quantity_sign(canonical) == sign, "%s has another sign than %s", text, v->s);
    PROPERTY(quantity_cmp(canonical, canonical) == 0, "%s is not itself", text);
}

static void int_or_percent(const struct jv *v) {
    struct err e = ERR_INIT;
    int32_t up, down;
    if (intstr_scaled(v, 1000, true, &up, &e)) return;
    PROPERTY(intstr_scaled(v, 1000, false, &down, &e) == 0, "%s", e.msg);
    PROPERTY(down <= up && up - down <= 1, "%d rounded down, %d up", (int)down, (int)up);
}

static void times(const char *s) {
    int64_t ms, again;
    char text[32];
    if (time_parse_rfc3339(s, &ms)) return;
    PROPERTY(time_parse_rfc3339(time_rfc3339(ms, text), &again) == 0, "%s became %s", s, text);
    const int64_t year_10000 = 253402300800000; /* can be reached with a zone, but not written */
    PROPERTY(ms / 1000 == again / 1000 || ms < 0 || ms >= year_10000, "%s became %s", s, text);
}

static void names(const char *s) {
    const char *label = name_dns1123_label(s), *subdomain = name_dns1123_subdomain(s);
    PROPERTY(label || !subdomain, "a label that is no subdomain: %s", s);
    PROPERTY(name_dns1035_label(s) || !label, "a strict label that is no label: %s", s);
    PROPERTY(label || !name_label_value(s), "a DNS label that is no label value: %s", s);
    name_qualified(s), name_env(s), name_port(s);
}

static void selector(struct arena *a, const char *text, size_t n) {
    const struct jv *v = json_parse(a, text, n, &json_limits_review, NULL);
    if (!v) return;
    selector_matches(v, v);
    selector_matches(v, jv_get(v, "matchLabels"));
    selector_text(a, v);
    if (v->type == J_NUM) quantity(a, v), int_or_percent(v), intstr_valid(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *s = arena_strndup(a, (const char *)data, size);
    const struct jv *v = jv_new_strn(a, s, strlen(s));
    int64_t n;
    quantity(a, v);
    int_or_percent(v);
    intstr_valid(v);
    times(s);
    names(s);
    str_to_i64(s, &n);
    selector(a, s, strlen(s));
    fuzz_bounded(a, size);
    return 0;
}
