/* int-or-percent values. Pure. Source of the rules: k8s.io/apimachinery/pkg/util/intstr. */
#include "doc/scalar.h"

#include <math.h>

#include "base/str.h"

/* Reads N or "N%"; -1 if it is neither. */
static int parse(const struct jv *v, int64_t *n, bool *percent) {
    if (jv_is(v, J_NUM)) {
        int32_t i;
        if (str_to_i32(v->s, &i) != 0) return -1;
        *n = i;
        *percent = false;
        return 0;
    }
    if (!jv_is(v, J_STR) || v->len < 2 || v->len > 32 || v->s[v->len - 1] != '%') return -1;
    char digits[33];
    memcpy(digits, v->s, v->len - 1);
    digits[v->len - 1] = '\0';
    *percent = true;
    return strlen(digits) == v->len - 1 ? str_to_i64(digits, n) : -1;
}

int intstr_scaled(const struct jv *v, int32_t total, bool round_up, int32_t *out, struct err *e) {
    int64_t n;
    bool percent;
    if (!v) return err_set(e, ERR_INVALID, "a value is missing: give an integer or a percentage such as \"10%%\"");
    if (parse(v, &n, &percent) != 0)
        return err_set(e, ERR_INVALID, "%s%s%s is neither an integer nor a percentage such as \"10%%\"",
                       jv_is(v, J_STR) ? "\"" : "", jv_is(v, J_STR) || jv_is(v, J_NUM) ? v->s : jv_type_name(v),
                       jv_is(v, J_STR) ? "\"" : "");
    if (!percent) {
        *out = (int32_t)n;
        return 0;
    }
    double scaled = (double)n * (double)total / 100;
    scaled = round_up ? ceil(scaled) : floor(scaled);
    if (!(scaled >= INT32_MIN && scaled <= INT32_MAX))
        return err_set(e, ERR_INVALID, "%s of %d is out of range: use a smaller percentage", v->s, (int)total);
    *out = (int32_t)scaled;
    return 0;
}

bool intstr_valid(const struct jv *v) {
    int64_t n;
    bool percent;
    return parse(v, &n, &percent) == 0;
}
