/* Kubernetes' scalar formats. All functions are pure. */
#ifndef RBG_DOC_SCALAR_H
#define RBG_DOC_SCALAR_H

#include <stdbool.h>
#include <stdint.h>

#include "doc/json.h"

/* Canonical text of a resource.Quantity ("1000m" -> "1", "4096Mi" -> "4Gi", 0.5Gi -> "512Mi", number 100000000 -> "100M").
 * Source: k8s.io/apimachinery/pkg/api/resource. v: string or number. Errors: ERR_INVALID. */
char *quantity_canonical(struct arena *a, const struct jv *v, struct err *e);
/* -1, 0, 1 by value; both must be valid (checked), else -2. */
int quantity_cmp(const struct jv *a, const struct jv *b);
/* Are these together, none of them negative, more than `most`? False if one of them is no quantity. */
bool quantity_sum_exceeds(const struct jv *const *items, size_t n, const struct jv *most);
bool quantity_is_whole(const struct jv *v); /* without a fraction; false if it is no quantity */
int quantity_sign(const struct jv *v); /* -1, 0, 1; -2 if it is no quantity */

/* int-or-percent: an integer as it is, "N%" of total rounded up or down in double arithmetic; anything else is ERR_INVALID.
 * Source: intstr.GetScaledValueFromIntOrPercent. */
int intstr_scaled(const struct jv *v, int32_t total, bool round_up, int32_t *out, struct err *e);
bool intstr_valid(const struct jv *v); /* integer, or integer followed by '%' */

/* Name rules of k8s.io/apimachinery/pkg/util/validation. Return NULL when fine, else the reason (static text). */
const char *name_dns1123_label(const char *s);
const char *name_dns1123_subdomain(const char *s);
const char *name_dns1035_label(const char *s);
const char *name_qualified(const char *s);     /* label and annotation keys */
const char *name_label_value(const char *s);
const char *name_env(const char *s);
const char *name_port(const char *s);

/* Label selectors. selector: metav1.LabelSelector; matches nothing when NULL, everything when empty. */
bool selector_matches(const struct jv *selector, const struct jv *labels);
/* Text form as metav1.FormatLabelSelector prints it, keys sorted ("a=b,c in (d,e)"). */
char *selector_text(struct arena *a, const struct jv *selector);

#endif
