/* Label selectors. Hides the two notations, matchLabels and matchExpressions, behind one list of requirements. Pure.
 * Source of the rules: metav1.LabelSelectorAsSelector and k8s.io/apimachinery/pkg/labels. A selector that the API server
 * would refuse matches nothing. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "doc/scalar.h"

enum op { OP_EQUALS, OP_IN, OP_NOT_IN, OP_EXISTS, OP_ABSENT, OP_UNKNOWN };

struct requirement {
    const char *key;
    enum op op;
    const char *value;       /* of OP_EQUALS */
    const struct jv *values; /* of OP_IN and OP_NOT_IN */
};

static enum op op_of(const char *name) {
    static const char *const names[] = {
        [OP_IN] = "In", [OP_NOT_IN] = "NotIn", [OP_EXISTS] = "Exists", [OP_ABSENT] = "DoesNotExist"};
    for (size_t i = OP_IN; i < OP_UNKNOWN; i++)
        if (str_eq(name, names[i])) return (enum op)i;
    return OP_UNKNOWN;
}

static bool is_label_value(const struct jv *v) { return jv_is(v, J_STR) && !name_label_value(v->s); }

static bool values_valid(const struct jv *values) {
    JV_FOR_ARR(it, values)
        if (!is_label_value(*it)) return false;
    return true;
}

static bool valid(const struct requirement *r) {
    if (!r->key || name_qualified(r->key)) return false;
    switch (r->op) {
    case OP_EQUALS: return r->value && !name_label_value(r->value);
    case OP_IN:
    case OP_NOT_IN: return jv_len(r->values) > 0 && values_valid(r->values);
    case OP_EXISTS:
    case OP_ABSENT: return jv_len(r->values) == 0;
    case OP_UNKNOWN: break;
    }
    return false;
}

static struct requirement from_label(const struct jmember *m) {
    return (struct requirement){m->key, OP_EQUALS, jv_str(m->val, NULL), NULL};
}

static struct requirement from_expression(const struct jv *e) {
    return (struct requirement){jv_get_str(e, "key"), op_of(jv_get_str(e, "operator")), NULL, jv_get(e, "values")};
}

static bool contains(const struct jv *values, const char *s) {
    JV_FOR_ARR(it, values)
        if (str_eq((*it)->s, s)) return true;
    return false;
}

static bool satisfied(const struct requirement *r, const struct jv *labels) {
    const char *label = jv_get_str(labels, r->key);
    switch (r->op) {
    case OP_EQUALS: return str_eq(label, r->value);
    case OP_IN: return label && contains(r->values, label);
    case OP_NOT_IN: return !label || !contains(r->values, label);
    case OP_EXISTS: return label != NULL;
    case OP_ABSENT: return label == NULL;
    case OP_UNKNOWN: break;
    }
    return false;
}

bool selector_matches(const struct jv *selector, const struct jv *labels) {
    if (!jv_is(selector, J_OBJ)) return false;
    JV_FOR_OBJ(m, jv_get(selector, "matchLabels")) {
        struct requirement r = from_label(m);
        if (!valid(&r) || !satisfied(&r, labels)) return false;
    }
    JV_FOR_ARR(it, jv_get(selector, "matchExpressions")) {
        struct requirement r = from_expression(*it);
        if (!valid(&r) || !satisfied(&r, labels)) return false;
    }
    return true;
}

/* Keeps the list sorted by key; equal keys stay in the order in which they come. */
static void insert(struct requirement *list, size_t n, struct requirement r) {
    for (; n && strcmp(list[n - 1].key, r.key) > 0; n--) list[n] = list[n - 1];
    list[n] = r;
}

static void put_values(struct arena *a, struct buf *b, const struct jv *values) {
    size_t n = 0;
    const char **sorted = ARENA_ARRAY(a, jv_len(values), const char *);
    JV_FOR_ARR(it, values) sorted[n++] = (*it)->s;
    qsort(sorted, n, sizeof *sorted, str_cmp);
    for (size_t i = 0; i < n; i++) {
        if (i) buf_putc(b, ',');
        buf_puts(b, sorted[i]);
    }
}

static void put_requirement(struct arena *a, struct buf *b, const struct requirement *r) {
    buf_printf(b, "%s%s", r->op == OP_ABSENT ? "!" : "", r->key);
    if (r->op == OP_EQUALS) buf_printf(b, "=%s", r->value);
    if (r->op != OP_IN && r->op != OP_NOT_IN) return;
    buf_puts(b, r->op == OP_IN ? " in (" : " notin (");
    put_values(a, b, r->values);
    buf_putc(b, ')');
}

char *selector_text(struct arena *a, const struct jv *selector) {
    const struct jv *labels = jv_get(selector, "matchLabels"), *expressions = jv_get(selector, "matchExpressions");
    struct requirement *list = ARENA_ARRAY(a, jv_len(labels) + jv_len(expressions), struct requirement);
    size_t n = 0;
    JV_FOR_OBJ(m, labels) {
        struct requirement r = from_label(m);
        if (!valid(&r)) return arena_strdup(a, "<error>");
        insert(list, n++, r);
    }
    JV_FOR_ARR(it, expressions) {
        struct requirement r = from_expression(*it);
        if (!valid(&r)) return arena_strdup(a, "<error>");
        insert(list, n++, r);
    }
    if (!n) return arena_strdup(a, "<none>");
    BUF_AUTO struct buf b = BUF_INIT;
    for (size_t i = 0; i < n; i++) {
        if (i) buf_putc(&b, ',');
        put_requirement(a, &b, &list[i]);
    }
    return arena_strndup(a, b.s, b.len);
}
