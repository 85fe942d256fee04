/* Merge patches (RFC 7386) and JSON patches (RFC 6902). Inputs are never changed: values that go into a result are
 * copied. Recursion is as deep as the documents, which the parser bounds. Any thread. */
#include "doc/patch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "doc/find.h"

/* ---- merge patch ---- */

struct jv *merge_patch_apply(struct arena *a, const struct jv *doc, const struct jv *patch) {
    if (!jv_is(patch, J_OBJ)) return jv_dup(a, patch);
    struct jv *out = jv_is(doc, J_OBJ) ? jv_dup(a, doc) : jv_new_obj(a);
    struct finder there = finder_of(a, out, NULL);
    JV_FOR_OBJ(m, patch) { /* a member that goes has no value until the end */
        struct jmember *was = finder_member(&there, m->key, m->klen);
        bool gone = m->val->type == J_NULL;
        struct jv *val = gone ? NULL : merge_patch_apply(a, was ? was->val : NULL, m->val);
        if (was) was->val = val;
        else if (!gone) jv_add(a, out, m->key, m->klen, val);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < out->len; i++)
        if (out->members[i].val) out->members[kept++] = out->members[i];
    out->len = kept;
    return out;
}

struct jv *merge_patch_diff(struct arena *a, const struct jv *from, const struct jv *to) {
    if (!jv_is(from, J_OBJ) || !jv_is(to, J_OBJ)) return jv_dup(a, to);
    struct jv *out = jv_new_obj(a);
    struct finder in_to = finder_of(a, to, NULL), in_from = finder_of(a, from, NULL);
    JV_FOR_OBJ(m, from)
        if (!finder_counterpart(&in_to, m, (size_t)(m - from->members))) jv_add(a, out, m->key, m->klen, jv_null(a));
    JV_FOR_OBJ(m, to) {
        const struct jv *was = finder_counterpart(&in_from, m, (size_t)(m - to->members));
        if (jv_eq(was, m->val)) continue;
        bool both = jv_is(was, J_OBJ) && m->val->type == J_OBJ;
        jv_add(a, out, m->key, m->klen, both ? merge_patch_diff(a, was, m->val) : jv_dup(a, m->val));
    }
    return out;
}

/* ---- JSON patch: making ---- */

/* A place as a chain of stack frames: a pointer is spelled out only where there is a difference. */
struct step {
    const struct step *up; /* NULL: the root, which has no text */
    const struct jmember *member; /* NULL: an element */
    uint32_t index;
};

struct diff {
    struct arena *a;
    struct jv *ops;
};

static void write_pointer(struct buf *out, const struct step *at) {
    if (!at->up) return;
    write_pointer(out, at->up);
    if (!at->member) {
        buf_printf(out, "/%u", at->index);
        return;
    }
    buf_putc(out, '/');
    for (const char *c = at->member->key, *end = c + at->member->klen; c < end; c++) {
        if (*c == '~' || *c == '/') buf_puts(out, *c == '~' ? "~0" : "~1");
        else buf_putc(out, *c);
    }
}

static void emit(struct diff *d, const char *op, const struct step *at, const struct jv *value) {
    BUF_AUTO struct buf path = BUF_INIT;
    write_pointer(&path, at);
    struct jv *v = jv_new_obj(d->a);
    jv_set_str(d->a, v, "op", op);
    jv_set(d->a, v, "path", jv_new_strn(d->a, buf_str(&path), path.len));
    jv_set(d->a, v, "value", jv_dup(d->a, value));
    jv_push(d->a, d->ops, v);
}

static void diff_value(struct diff *d, const struct step *at, const struct jv *from, const struct jv *to);

static void diff_object(struct diff *d, const struct step *at, const struct jv *from, const struct jv *to) {
    struct finder in_to = finder_of(d->a, to, NULL), in_from = finder_of(d->a, from, NULL);
    JV_FOR_OBJ(m, from) {
        if (finder_counterpart(&in_to, m, (size_t)(m - from->members))) continue;
        emit(d, "remove", &(struct step){at, m, 0}, NULL);
    }
    JV_FOR_OBJ(m, to) {
        const struct jv *old = finder_counterpart(&in_from, m, (size_t)(m - to->members));
        const struct step here = {at, m, 0};
        if (old) diff_value(d, &here, old, m->val);
        else emit(d, "add", &here, m->val);
    }
}

/* Containers are not compared first: those without a difference emit nothing. */
static void diff_value(struct diff *d, const struct step *at, const struct jv *from, const struct jv *to) {
    if (jv_is(from, J_OBJ) && jv_is(to, J_OBJ)) {
        diff_object(d, at, from, to);
    } else if (jv_is(from, J_ARR) && jv_is(to, J_ARR) && from->len == to->len) {
        for (uint32_t i = 0; i < to->len; i++) diff_value(d, &(struct step){at, NULL, i}, from->items[i], to->items[i]);
    } else if (!jv_eq(from, to)) {
        emit(d, "replace", at, to);
    }
}

struct jv *json_patch_diff(struct arena *a, const struct jv *from, const struct jv *to) {
    struct diff d = {.a = a, .ops = jv_new_arr(a)};
    diff_value(&d, &(struct step){0}, from, to);
    return d.ops;
}

/* ---- JSON patch: applying ---- */

struct op {
    struct arena *a;
    struct err *e;
    size_t index;
    const char *name;
};

static int refuse(const struct op *op, const char *pointer, const char *why) {
    return err_set(op->e, ERR_INVALID, "operation %zu (%s %s): %s", op->index, op->name, pointer, why);
}

/* Where a pointer ends: the container and the last token, unescaped. parent NULL: the whole document. */
struct target {
    struct jv *parent;
    char *token;
};

/* Unescapes the token at *s (behind its '/') and moves *s behind it. NULL: a ~ without 0 or 1. */
static char *next_token(struct arena *a, const char **s) {
    size_t n = strcspn(*s, "/"), len = 0;
    char *token = arena_strndup(a, *s, n);
    for (size_t i = 0; i < n; i++) {
        if (token[i] != '~') {
            token[len++] = token[i];
        } else if (token[i + 1] == '0' || token[i + 1] == '1') {
            token[len++] = token[++i] == '0' ? '~' : '/';
        } else {
            return NULL;
        }
    }
    token[len] = 0;
    *s += n;
    return token;
}

/* An array index: digits without a leading zero, below limit. */
static bool array_index(const char *token, uint32_t limit, uint32_t *out) {
    size_t n = strlen(token);
    if (n == 0 || n > 9 || strspn(token, "0123456789") != n || (*token == '0' && n > 1)) return false;
    *out = (uint32_t)strtoul(token, NULL, 10);
    return *out < limit;
}

static struct jv *child(const struct jv *v, const char *token) {
    uint32_t i;
    if (jv_is(v, J_ARR)) return array_index(token, v->len, &i) ? v->items[i] : NULL;
    return jv_get(v, token);
}

static int resolve(const struct op *op, struct jv *doc, const char *pointer, struct target *t) {
    const char *s = pointer;
    *t = (struct target){0};
    if (*s && *s != '/') return refuse(op, pointer, "a pointer starts with '/'");
    struct jv *at = doc;
    while (*s) {
        s++;
        char *token = next_token(op->a, &s);
        if (!token) return refuse(op, pointer, "in a pointer '~' is written as ~0 and '/' as ~1");
        if (!jv_is(at, J_OBJ) && !jv_is(at, J_ARR))
            return refuse(op, pointer, "the parent is no object or array, or does not exist");
        *t = (struct target){at, token};
        at = child(at, token);
    }
    return 0;
}

static int get(const struct op *op, struct jv *doc, const char *pointer, struct jv **out) {
    struct target t;
    if (resolve(op, doc, pointer, &t) < 0) return -1;
    *out = t.parent ? child(t.parent, t.token) : doc;
    return *out ? 0 : refuse(op, pointer, "there is nothing at this place");
}

static int add(const struct op *op, struct jv **doc, const char *pointer, struct jv *value) {
    struct target t;
    uint32_t i;
    if (resolve(op, *doc, pointer, &t) < 0) return -1;
    if (!t.parent) {
        *doc = value;
    } else if (t.parent->type == J_OBJ) {
        jv_set(op->a, t.parent, t.token, value);
    } else if (str_eq(t.token, "-")) {
        jv_push(op->a, t.parent, value);
    } else {
        if (!array_index(t.token, t.parent->len + 1, &i)) return refuse(op, pointer, "the array has no such index");
        jv_insert(op->a, t.parent, i, value);
    }
    return 0;
}

static int take_out(const struct op *op, struct jv *doc, const char *pointer) {
    struct target t;
    uint32_t i;
    if (resolve(op, doc, pointer, &t) < 0) return -1;
    if (!t.parent) return refuse(op, pointer, "the whole document can't be removed");
    if (!child(t.parent, t.token)) return refuse(op, pointer, "there is nothing at this place");
    if (t.parent->type == J_OBJ) jv_del(t.parent, t.token);
    else if (array_index(t.token, t.parent->len, &i)) jv_remove(t.parent, i);
    return 0;
}

static int replace(const struct op *op, struct jv **doc, const char *pointer, struct jv *value) {
    struct target t;
    struct jv *old;
    uint32_t i;
    if (get(op, *doc, pointer, &old) < 0 || resolve(op, *doc, pointer, &t) < 0) return -1;
    if (!t.parent) *doc = value;
    else if (t.parent->type == J_OBJ) jv_set(op->a, t.parent, t.token, value);
    else if (array_index(t.token, t.parent->len, &i)) t.parent->items[i] = value;
    return 0;
}

static int move_or_copy(const struct op *op, struct jv **doc, const char *from, const char *path) {
    struct jv *value;
    bool move = str_eq(op->name, "move");
    size_t n = strlen(from);
    if (get(op, *doc, from, &value) < 0) return -1;
    if (move && str_eq(from, path)) return 0;
    if (move && strncmp(path, from, n) == 0 && path[n] == '/') return refuse(op, path, "a value can't be moved into itself");
    if (!move) value = jv_dup(op->a, value);
    else if (take_out(op, *doc, from) < 0) return -1;
    return add(op, doc, path, value);
}

/* A pointer of an operation; NULL when it is missing or no string. Keys with a NUL in them can't be named. */
static const char *pointer_of(const struct jv *o, const char *field) {
    const struct jv *v = jv_get(o, field);
    return jv_is(v, J_STR) && strlen(v->s) == v->len ? v->s : NULL;
}

static int apply_one(const struct op *op, struct jv **doc, const struct jv *o) {
    const char *path = pointer_of(o, "path"), *from = pointer_of(o, "from");
    struct jv *value = jv_dup(op->a, jv_get(o, "value")), *is;
    bool needs_value = str_eq(op->name, "add") || str_eq(op->name, "replace") || str_eq(op->name, "test");
    bool needs_from = str_eq(op->name, "move") || str_eq(op->name, "copy");
    if (!path) return refuse(op, "", "\"path\" is missing, no string, or has a NUL in it");
    if (needs_value && !value) return refuse(op, path, "\"value\" is missing");
    if (needs_from && !from) return refuse(op, path, "\"from\" is missing, no string, or has a NUL in it");
    if (needs_from) return move_or_copy(op, doc, from, path);
    if (str_eq(op->name, "add")) return add(op, doc, path, value);
    if (str_eq(op->name, "remove")) return take_out(op, *doc, path);
    if (str_eq(op->name, "replace")) return replace(op, doc, path, value);
    if (!str_eq(op->name, "test")) return refuse(op, path, "\"op\" must be add, remove, replace, move, copy or test");
    if (get(op, *doc, path, &is) < 0) return -1;
    return jv_eq(is, value) ? 0 : refuse(op, path, "the value differs from the one tested for");
}

struct jv *json_patch_apply(struct arena *a, const struct jv *doc, const struct jv *ops, struct err *e) {
    struct op op = {.a = a, .e = e, .name = "?"};
    struct jv *out = jv_dup(a, doc);
    if (!jv_is(ops, J_ARR)) {
        err_set(e, ERR_INVALID, "a JSON patch must be an array of operations, not %s", jv_type_name(ops));
        return NULL;
    }
    JV_FOR_ARR(it, ops) {
        op.name = jv_str(jv_get(*it, "op"), "?");
        if (apply_one(&op, &out, *it) < 0) return NULL;
        op.index++;
    }
    return out;
}
