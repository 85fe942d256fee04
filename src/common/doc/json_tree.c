/* Trees in memory: reading, comparing and building. Containers grow by doubling inside the arena, the old array is left
 * to it. Nothing here is thread-safe for writing; readers may share a tree that nobody changes. The recursion of
 * jv_eq and jv_dup is as deep as the tree, which the parser bounds. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/unit.h"
#include "common/doc/json_internal.h"
#include "doc/find.h"
#include "doc/json.h"

/* ---- reading ---- */

enum { LONG = 64 }; /* who searches through more says so, in case it is done for each of many */

static inline struct jmember *member(const struct jv *obj, const char *key, size_t klen) {
    if (!jv_may_have(obj, key, klen)) return NULL;
    if (__builtin_expect(obj->len > LONG, 0)) unit_spend(obj->len);
    for (struct jmember *m = obj->members, *end = m + obj->len; m < end; m++) {
        if (m->klen == klen && jv_key_eq(m->key, key, klen)) return m;
    }
    return NULL;
}

struct jmember *jv_member(const struct jv *obj, const char *key, size_t klen) {
    return member(obj, key, klen);
}

struct jv *jv_path(const struct jv *v, ...) {
    va_list ap;
    va_start(ap, v);
    struct jv *at = (struct jv *)(uintptr_t)v;
    for (const char *key; at && (key = va_arg(ap, const char *));) at = jv_get(at, key);
    va_end(ap);
    return at;
}

struct jv *jv_idx(const struct jv *arr, size_t i) {
    return jv_is(arr, J_ARR) && i < arr->len ? arr->items[i] : NULL;
}

size_t jv_len(const struct jv *v) {
    return jv_is(v, J_ARR) || jv_is(v, J_OBJ) ? v->len : 0;
}

const char *jv_str(const struct jv *v, const char *dflt) {
    return jv_is(v, J_STR) ? v->s : dflt;
}

/* An integer may be written with a fraction or exponent ("1.0", "1e3"), as JSON schema has it. */
/* Digits alone, so few that any number of them fits; -1 for anything else. */
static int64_t few_digits(const struct jv *v) {
    if (v->len == 0 || v->len > 18) return -1;
    int64_t n = 0;
    for (const char *s = v->s, *end = s + v->len; s < end; s++) {
        if (!is_digit(*s)) return -1;
        n = n * 10 + (*s - '0');
    }
    return n;
}

int64_t jv_int(const struct jv *v, int64_t dflt) {
    if (!jv_is(v, J_NUM)) return dflt;
    int64_t few = few_digits(v);
    if (few >= 0) return few;
    if (!strpbrk(v->s, ".eE")) {
        errno = 0;
        long long n = strtoll(v->s, NULL, 10);
        return errno ? dflt : n;
    }
    double d = strtod(v->s, NULL);
    const double exact = 9007199254740992.0; /* 2^53 */
    return d >= -exact && d <= exact && floor(d) == d ? (int64_t)d : dflt;
}

bool jv_bool(const struct jv *v, bool dflt) {
    return jv_is(v, J_BOOL) ? v->b : dflt;
}

bool jv_is_empty(const struct jv *v) {
    if (!v || v->type == J_NULL) return true;
    return v->type != J_BOOL && v->type != J_NUM && v->len == 0;
}

const char *jv_type_name(const struct jv *v) {
    static const char *const names[] = {"null", "boolean", "number", "string", "array", "object"};
    if (!v) return "nothing";
    return names[v->type != J_RAW ? v->type : v->s[0] == '{' ? J_OBJ : J_ARR];
}

struct jv *jv_find(const struct jv *arr, const char *key, const char *value) {
    size_t n = strlen(value);
    if (jv_len(arr) > LONG) unit_spend(jv_len(arr));
    JV_FOR_ARR(it, arr) {
        const struct jv *v = jv_get(*it, key);
        if (jv_is(v, J_STR) && v->len == n && memcmp(v->s, value, n) == 0) return *it;
    }
    return NULL;
}

/* ---- comparing ---- */

/* A decimal number as sign, significant digits (no zero at either end) and the power of ten of the last digit. */
struct decimal {
    bool neg;
    size_t ndigits;
    char *digits;
    int64_t exp;
};

static struct decimal decimal_of(const struct jv *v, char *digits) {
    struct decimal d = {.digits = digits};
    const char *s = v->s;
    bool fraction = false;
    if (*s == '-') {
        d.neg = true;
        s++;
    }
    for (; *s && *s != 'e' && *s != 'E'; s++) {
        if (*s == '.') {
            fraction = true;
            continue;
        }
        if (fraction) d.exp--;
        if (d.ndigits || *s != '0') digits[d.ndigits++] = *s;
    }
    int64_t exp = *s ? strtoll(s + 1, NULL, 10) : 0;
    const int64_t far = INT64_MAX / 4;
    d.exp += exp > far ? far : exp < -far ? -far : exp;
    for (; d.ndigits && digits[d.ndigits - 1] == '0'; d.ndigits--) d.exp++;
    if (d.ndigits == 0) d.neg = false, d.exp = 0;
    return d;
}

static bool num_eq(const struct jv *a, const struct jv *b) {
    if (a->len == b->len && memcmp(a->s, b->s, a->len) == 0) return true;
    char *buf = must(malloc((size_t)a->len + b->len)); /* nothing below takes memory, so no unit ends here */
    struct decimal x = decimal_of(a, buf), y = decimal_of(b, buf + a->len);
    bool eq = x.neg == y.neg && x.exp == y.exp && x.ndigits == y.ndigits && memcmp(x.digits, y.digits, x.ndigits) == 0;
    free(buf);
    return eq;
}

int json_by_key(const void *x, const void *y) {
    const struct jmember *a = *(const struct jmember *const *)x, *b = *(const struct jmember *const *)y;
    int c = memcmp(a->key, b->key, a->klen < b->klen ? a->klen : b->klen);
    return c ? c : a->klen < b->klen ? -1 : a->klen > b->klen;
}

static const struct jmember **sorted_members(const struct jv *obj) {
    const struct jmember **list = must(malloc(obj->len * sizeof(*list)));
    for (uint32_t i = 0; i < obj->len; i++) list[i] = &obj->members[i];
    qsort(list, obj->len, sizeof *list, json_by_key);
    return list;
}

/* Large objects whose members are in another order: a search per member would be quadratic. */
static bool obj_eq_sorted(const struct jv *a, const struct jv *b) {
    HEAP_AUTO const struct jmember **x = sorted_members(a), **y = sorted_members(b);
    bool eq = true;
    for (uint32_t i = 0; eq && i < a->len; i++) eq = json_by_key(&x[i], &y[i]) == 0 && jv_eq(x[i]->val, y[i]->val);
    return eq;
}

static bool obj_eq(const struct jv *a, const struct jv *b) {
    enum { SEARCH_MAX = 64 };
    if (a->len != b->len) return false;
    for (uint32_t i = 0; i < a->len; i++) {
        const struct jmember *m = &a->members[i], *o = &b->members[i];
        if (m->klen != o->klen || memcmp(m->key, o->key, m->klen) != 0) {
            if (a->len > SEARCH_MAX) return obj_eq_sorted(a, b);
            o = member(b, m->key, m->klen);
        }
        if (!o || !jv_eq(m->val, o->val)) return false;
    }
    return true;
}

static bool raw_eq(const struct jv *a, const struct jv *b) {
    if (a->type == b->type && a->len == b->len && memcmp(a->s, b->s, a->len) == 0) return true;
    ARENA_AUTO struct arena *tmp = arena_new();
    return jv_eq(jv_open(tmp, a), jv_open(tmp, b));
}

bool jv_eq(const struct jv *a, const struct jv *b) {
    if (a == b) return true;
    if (!a || !b) return false;
    if (a->type == J_RAW || b->type == J_RAW) return raw_eq(a, b);
    if (a->type != b->type) return false;
    switch (a->type) {
    case J_NULL: return true;
    case J_BOOL: return a->b == b->b;
    case J_NUM: return num_eq(a, b);
    case J_STR: return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
    case J_OBJ: return obj_eq(a, b);
    case J_ARR: case J_RAW: break;
    }
    if (a->len != b->len) return false;
    for (uint32_t i = 0; i < a->len; i++)
        if (!jv_eq(a->items[i], b->items[i])) return false;
    return true;
}

/* ---- building ---- */

static inline struct jv *node(struct arena *a, enum jtype type) {
    struct jv *v = arena_raw(a, sizeof *v);
    *v = (struct jv){.type = type};
    return v;
}

struct jv *jv_null(struct arena *a) {
    return node(a, J_NULL);
}

struct jv *jv_new_bool(struct arena *a, bool b) {
    struct jv *v = node(a, J_BOOL);
    v->b = b;
    return v;
}

struct jv *jv_new_int(struct arena *a, int64_t n) {
    struct jv *v = node(a, J_NUM);
    v->s = arena_printf(a, "%lld", (long long)n);
    v->len = (uint32_t)strlen(v->s);
    return v;
}

struct jv *jv_new_strn(struct arena *a, const char *s, size_t n) {
    struct jv *v = node(a, J_STR);
    v->s = arena_strndup(a, s, n);
    v->len = (uint32_t)n;
    return v;
}

struct jv *jv_new_str(struct arena *a, const char *s) {
    return jv_new_strn(a, s, strlen(s));
}

struct jv *jv_new_strf(struct arena *a, const char *fmt, ...) {
    struct jv *v = node(a, J_STR);
    va_list ap;
    va_start(ap, fmt);
    v->s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    v->len = (uint32_t)strlen(v->s);
    return v;
}

struct jv *jv_new_raw(struct arena *a, const char *text, size_t n) {
    struct jv *v = node(a, J_RAW);
    v->s = arena_strndup(a, text, n);
    v->len = (uint32_t)n;
    return v;
}

struct jv *jv_open(struct arena *a, const struct jv *v) {
    static const struct json_limits checked_already = {SIZE_MAX, UINT32_MAX, UINT32_MAX};
    if (!jv_is(v, J_RAW)) return (struct jv *)(uintptr_t)v;
    struct jv *tree = json_parse(a, v->s, v->len, &checked_already, NULL);
    if (!tree) abort();
    return tree;
}

struct jv *jv_new_obj(struct arena *a) {
    return node(a, J_OBJ);
}

struct jv *jv_new_arr(struct arena *a) {
    return node(a, J_ARR);
}

/* A copy is one allocation, carved up: arrays, nodes, text. PAD keeps every array away from the end of the allocation, so that
 * arena_grow never takes one for the newest allocation and extends it over its neighbour. */
enum { PAD = 32 };

struct dup {
    size_t nodes, arrays, text; /* bytes needed */
    struct jv *node;
    char *array, *byte; /* next free */
};

static void dup_measure(struct dup *d, const struct jv *v) {
    d->nodes += sizeof *v;
    switch (v->type) {
    case J_NULL: case J_BOOL: return;
    case J_NUM: case J_STR: case J_RAW: d->text += (size_t)v->len + 1; return;
    case J_ARR:
        d->arrays += v->len * sizeof *v->items;
        for (uint32_t i = 0; i < v->len; i++) dup_measure(d, v->items[i]);
        return;
    case J_OBJ:
        d->arrays += v->len * sizeof *v->members;
        for (uint32_t i = 0; i < v->len; i++) {
            d->text += (size_t)v->members[i].klen + 1;
            dup_measure(d, v->members[i].val);
        }
        return;
    }
}

static void *dup_array(struct dup *d, size_t size) {
    void *p = size ? d->array : NULL;
    d->array += size;
    return p;
}

static const char *dup_text(struct dup *d, const char *s, size_t n) {
    char *p = d->byte;
    memcpy(p, s, n);
    p[n] = '\0';
    d->byte += n + 1;
    return p;
}

static struct jv *dup_node(struct dup *d, const struct jv *v) {
    struct jv *out = d->node++;
    *out = *v;
    if (v->type == J_NUM || v->type == J_STR || v->type == J_RAW) out->s = dup_text(d, v->s, v->len);
    if (v->type != J_ARR && v->type != J_OBJ) return out;
    out->cap = v->len;
    if (v->type == J_ARR) {
        out->items = dup_array(d, v->len * sizeof *v->items);
        for (uint32_t i = 0; i < v->len; i++) out->items[i] = dup_node(d, v->items[i]);
        return out;
    }
    out->members = dup_array(d, v->len * sizeof *v->members);
    for (uint32_t i = 0; i < v->len; i++) {
        const struct jmember *m = &v->members[i];
        const char *key = dup_text(d, m->key, m->klen);
        out->members[i] = (struct jmember){key, m->klen, dup_node(d, m->val)};
    }
    return out;
}

struct jv *jv_dup(struct arena *a, const struct jv *v) {
    if (!v) return NULL;
    struct dup d = {0};
    dup_measure(&d, v);
    d.array = arena_raw(a, d.arrays + d.nodes + d.text + PAD);
    d.node = (struct jv *)(void *)(d.array + d.arrays);
    d.byte = d.array + d.arrays + d.nodes;
    return dup_node(&d, v);
}

static uint32_t next_cap(const struct jv *v) {
    if (v->cap > UINT32_MAX / 2) abort();
    return v->cap ? v->cap * 2 : 4;
}

static void append_member(struct arena *a, struct jv *obj, const char *key, uint32_t klen, struct jv *val) {
    if (obj->len == obj->cap) {
        uint32_t cap = next_cap(obj);
        obj->members = arena_grow(a, obj->members, obj->cap * sizeof *obj->members, cap * sizeof *obj->members);
        obj->cap = cap;
    }
    obj->members[obj->len++] = (struct jmember){key, klen, val};
    obj->may_have |= jv_key_bit(key, klen);
}

void jv_setn(struct arena *a, struct jv *obj, const char *key, size_t klen, struct jv *val) {
    if (!val) return;
    struct jmember *m = member(obj, key, klen);
    if (m) m->val = val;
    else append_member(a, obj, arena_strndup(a, key, klen), (uint32_t)klen, val);
}

void jv_set_kept(struct arena *a, struct jv *obj, const char *key, size_t klen, struct jv *val) {
    if (!val) return;
    struct jmember *m = member(obj, key, klen);
    if (m) m->val = val;
    else append_member(a, obj, key, (uint32_t)klen, val);
}

void jv_add(struct arena *a, struct jv *obj, const char *key, size_t klen, struct jv *val) {
    append_member(a, obj, arena_strndup(a, key, klen), (uint32_t)klen, val);
}

bool jv_del(struct jv *obj, const char *key) {
    return jv_deln(obj, key, strlen(key));
}

bool jv_deln(struct jv *obj, const char *key, size_t klen) {
    struct jmember *m = member(obj, key, klen);
    if (!m) return false;
    size_t after = (size_t)(obj->members + obj->len - (m + 1));
    memmove(m, m + 1, after * sizeof *m);
    obj->len--;
    return true;
}

void jv_insert(struct arena *a, struct jv *arr, size_t at, struct jv *val) {
    if (at > arr->len) at = arr->len;
    if (arr->len == arr->cap) {
        uint32_t cap = next_cap(arr);
        arr->items = arena_grow(a, arr->items, arr->cap * sizeof *arr->items, cap * sizeof *arr->items);
        arr->cap = cap;
    }
    memmove(arr->items + at + 1, arr->items + at, (arr->len - at) * sizeof *arr->items);
    arr->items[at] = val;
    arr->len++;
}

void jv_push(struct arena *a, struct jv *arr, struct jv *val) {
    jv_insert(a, arr, arr->len, val);
}

void jv_remove(struct jv *arr, size_t at) {
    if (at >= arr->len) return;
    memmove(arr->items + at, arr->items + at + 1, (arr->len - at - 1) * sizeof *arr->items);
    arr->len--;
}

static struct jv *need(struct arena *a, struct jv *obj, const char *key, enum jtype type) {
    struct jv *v = jv_get(obj, key);
    if (v && v->type != J_NULL) return v;
    v = node(a, type);
    jv_set(a, obj, key, v);
    return v;
}

struct jv *jv_need_obj(struct arena *a, struct jv *obj, const char *key) {
    return need(a, obj, key, J_OBJ);
}

struct jv *jv_need_arr(struct arena *a, struct jv *obj, const char *key) {
    return need(a, obj, key, J_ARR);
}

void jv_merge_shallow(struct arena *a, struct jv *onto, const struct jv *from) {
    struct finder there = finder_of(a, onto, NULL);
    JV_FOR_OBJ(f, from) {
        struct jmember *m = finder_member(&there, f->key, f->klen);
        if (m) m->val = f->val;
        else append_member(a, onto, f->key, f->klen, f->val);
    }
}

struct jv *jv_clone(struct arena *a, const struct jv *v) {
    struct jv *out = arena_raw(a, sizeof *out);
    *out = *v;
    out->cap = v->len;
    if (v->type == J_OBJ && v->len) {
        out->members = arena_raw(a, v->len * sizeof *v->members); /* no overflow: as large as what is there */
        memcpy(out->members, v->members, v->len * sizeof *v->members);
    } else if (v->type == J_ARR && v->len) {
        out->items = arena_raw(a, v->len * sizeof *v->items);
        memcpy(out->items, v->items, v->len * sizeof *v->items);
    }
    return out;
}

struct jv *jv_own(struct arena *a, struct jv *obj, const char *key) {
    const struct jv *v = jv_get(obj, key);
    if (!jv_is(v, J_OBJ) && !jv_is(v, J_ARR)) return NULL;
    struct jv *own = jv_clone(a, v);
    jv_set(a, obj, key, own);
    return own;
}
