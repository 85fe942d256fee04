/* Strategic merge patch. Follows k8s.io/apimachinery/pkg/util/strategicpatch step by step, also where a step is
 * surprising (an appended list element keeps its nulls and nested directives, $patch: merge is refused), because the
 * results are hashed. The patch is copied first, and the copy is changed freely; of the
 * document each object is copied that the patch goes through, the rest is shared. Recursion is as deep as the patch. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "doc/find.h"
#include "doc/patch.h"

static const char patch_key[] = "$patch", retain_key[] = "$retainKeys";
static const char order_prefix[] = "$setElementOrder/", delete_prefix[] = "$deleteFromPrimitiveList/";

enum { ORDERED_MAX = 100 }; /* no object has more lists; each costs a walk through the patch */

struct at {
    const struct at *up;
    const char *key; /* NULL: the element whose merge key has the value `value` */
    const struct jv *value;
};

struct ctx {
    struct arena *a;
    struct err *e;
};

static void write_path(struct buf *out, const struct at *at) {
    if (!at || !at->up) return;
    write_path(out, at->up);
    if (at->key) {
        if (at->up->up) buf_putc(out, '.');
        buf_puts(out, at->key);
    } else {
        buf_putc(out, '[');
        json_write(out, at->value);
        buf_putc(out, ']');
    }
}

static int refuse(struct ctx *c, const struct at *at, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static int refuse(struct ctx *c, const struct at *at, const char *fmt, ...) {
    BUF_AUTO struct buf path = BUF_INIT;
    va_list ap;
    va_start(ap, fmt);
    err_vset(c->e, ERR_INVALID, fmt, ap);
    va_end(ap);
    write_path(&path, at);
    return err_wrap(c->e, "patch at %s", path.len ? path.s : "the top");
}

static struct jv *merge_map(struct ctx *c, const struct jv *was, struct jv *patch, const struct type *t, const struct at *at);

/* ---- lists: keys and order ---- */

/* Where the element stands in the list of the finder; -1: nowhere. */
static int64_t place_in(struct finder *list, const struct jv *item) {
    return finder_find(list, finder_identity(item, list->merge_key));
}

/* An item, where it is in the list that gives the order, and where it was. */
struct ranked {
    struct jv *item;
    int64_t rank;
    uint32_t was;
};

static int ranked_cmp(const void *x, const void *y) {
    const struct ranked *a = x, *b = y;
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    return a->was < b->was ? -1 : a->was > b->was;
}

/* Stable sort by the position in `order`; all items are in it. Each is looked up once: the sender chooses how many there are. */
static void sort_by(struct ctx *c, struct jv *list, struct finder *order) {
    if (list->len < 2) return;
    struct ranked *all = ARENA_ARRAY(c->a, list->len, struct ranked);
    for (uint32_t i = 0; i < list->len; i++) all[i] = (struct ranked){list->items[i], place_in(order, list->items[i]), i};
    qsort(all, list->len, sizeof *all, ranked_cmp);
    for (uint32_t i = 0; i < list->len; i++) list->items[i] = all[i].item;
}

/* The items of `merged` in their final order: those that `patch_order` names follow it, the others keep the order of
 * `server_order`, and the two rows are merged so that the others stay in front of what they preceded on the server. */
static struct jv *ordered(struct ctx *c, const struct jv *merged, const struct jv *patch_order, const struct jv *server_order,
                          const char *merge_key) {
    struct jv *named = jv_new_arr(c->a), *rest = jv_new_arr(c->a), *out = jv_new_arr(c->a);
    struct finder of_patch = finder_of(c->a, patch_order, merge_key), of_server = finder_of(c->a, server_order, merge_key);
    JV_FOR_ARR(it, merged) jv_push(c->a, place_in(&of_patch, *it) >= 0 ? named : rest, *it);
    sort_by(c, named, &of_patch);
    sort_by(c, rest, &of_server);
    uint32_t i = 0, k = 0;
    while (i < rest->len || k < named->len) {
        bool take_rest = k >= named->len;
        if (!take_rest && i < rest->len) {
            int64_t left = place_in(&of_server, rest->items[i]), right = place_in(&of_server, named->items[k]);
            take_rest = left >= 0 && right >= 0 && left < right;
        }
        jv_push(c->a, out, take_rest ? rest->items[i++] : named->items[k++]);
    }
    return out;
}

static int check_keys(struct ctx *c, const struct jv *list, const char *merge_key, const char *which, const struct at *at) {
    if (!merge_key) return 0;
    for (uint32_t i = 0; i < jv_len(list); i++) {
        if (!jv_is(list->items[i], J_OBJ))
            return refuse(c, at, "element %u of %s must be an object, not %s", i, which, jv_type_name(list->items[i]));
        if (!jv_get(list->items[i], merge_key))
            return refuse(c, at, "element %u of %s has no \"%s\", by which the elements are matched; add it", i, which, merge_key);
    }
    return 0;
}

/* All elements must be of one type, and no lists. *type: that type. */
static int element_type(struct ctx *c, const struct jv *x, const struct jv *y, enum jtype *type, const struct at *at) {
    bool first = true;
    const struct jv *both[] = {x, y};
    for (int i = 0; i < 2; i++) {
        JV_FOR_ARR(it, both[i]) {
            if (jv_is(*it, J_ARR) || jv_is(*it, J_NULL))
                return refuse(c, at, "a merged list can't have elements of type %s", jv_type_name(*it));
            if (!first && (*it)->type != *type) return refuse(c, at, "the elements of a merged list must have one type");
            *type = (*it)->type;
            first = false;
        }
    }
    return first ? refuse(c, at, "neither the document nor the patch has an element in this list") : 0;
}

/* ---- lists: merging ---- */

/* Those of `list` that have no equal in `gone`. */
static struct jv *without(struct ctx *c, const struct jv *list, const struct jv *gone, const char *merge_key) {
    struct jv *out = jv_new_arr(c->a);
    struct finder of_gone = finder_of(c->a, gone, merge_key);
    JV_FOR_ARR(it, list)
        if (place_in(&of_gone, *it) < 0) jv_push(c->a, out, *it);
    return out;
}

/* Carries out the elements with $patch. *orig and *patch get the lists that are left to merge. */
static int special_elements(struct ctx *c, struct jv **orig, struct jv **patch, const char *merge_key, const struct at *at) {
    struct jv *plain = jv_new_arr(c->a), *gone = jv_new_arr(c->a);
    bool replace = false;
    JV_FOR_ARR(it, *patch) {
        const struct jv *directive = jv_get(*it, patch_key), *id = jv_get(*it, merge_key);
        if (!directive) {
            jv_push(c->a, plain, *it);
            continue;
        }
        const char *name = jv_str(directive, "");
        if (str_eq(name, "replace")) {
            replace = true;
        } else if (!str_eq(name, "delete")) {
            return refuse(c, at, "$patch in a list element must be \"delete\" or \"replace\", not \"%s\"", name);
        } else if (!id) {
            return refuse(c, at, "an element with $patch: delete needs \"%s\" to say which element to delete", merge_key);
        } else {
            jv_push(c->a, gone, *it);
        }
    }
    *patch = replace ? jv_new_arr(c->a) : plain;
    if (replace) *orig = plain;
    else if (gone->len) *orig = without(c, *orig, gone, merge_key);
    return 0;
}

static struct jv *merge_elements(struct ctx *c, const struct jv *orig, const struct jv *patch, const struct field *f,
                                 const struct at *at) {
    struct jv *merged = jv_new_arr(c->a);
    struct finder of_merged = finder_of(c->a, merged, f->merge_key);
    JV_FOR_ARR(it, orig) jv_push(c->a, merged, *it);
    JV_FOR_ARR(it, patch) {
        const struct jv *id = jv_get(*it, f->merge_key);
        /* It would take the name from the element that it is merged into, and nothing runs without one. */
        if (jv_is(id, J_NULL))
            return refuse(c, at, "an element of the patch has null for \"%s\"; give it a value", f->merge_key), NULL;
        int64_t i = finder_find(&of_merged, id);
        if (i < 0) {
            jv_push(c->a, merged, *it);
            continue;
        }
        struct jv *item = merge_map(c, merged->items[i], *it, f->type, &(struct at){at, NULL, id});
        if (!item) return NULL;
        merged->items[i] = item;
    }
    return merged;
}

static struct jv *merge_scalars(struct ctx *c, const struct jv *orig, const struct jv *patch) {
    struct jv *merged = jv_new_arr(c->a);
    struct finder of_merged = finder_of(c->a, merged, NULL);
    const struct jv *both[] = {orig, patch};
    for (int i = 0; i < 2; i++)
        JV_FOR_ARR(it, both[i])
            if (finder_find(&of_merged, *it) < 0) jv_push(c->a, merged, *it);
    return merged;
}

static struct jv *merge_list(struct ctx *c, struct jv *orig, struct jv *patch, const struct field *f, const struct at *at) {
    enum jtype type = J_NULL;
    if (orig->len == 0 && patch->len == 0) return orig;
    if (element_type(c, orig, patch, &type, at) < 0) return NULL;
    if (type != J_OBJ) {
        if (f->merge_key) return refuse(c, at, "the elements must be objects with \"%s\"", f->merge_key), NULL;
        return ordered(c, merge_scalars(c, orig, patch), patch, orig, NULL);
    }
    if (!f->merge_key) return refuse(c, at, "a list of objects without a merge key can't be merged"), NULL;
    if (special_elements(c, &orig, &patch, f->merge_key, at) < 0) return NULL;
    if (check_keys(c, patch, f->merge_key, "the patch", at) < 0) return NULL;
    if (check_keys(c, orig, f->merge_key, "the document", at) < 0) return NULL;
    struct jv *merged = merge_elements(c, orig, patch, f, at);
    return merged ? ordered(c, merged, patch, orig, f->merge_key) : NULL;
}

/* ---- values that have no counterpart ---- */

static void discard_nulls(struct jv *v) {
    if (jv_is(v, J_OBJ)) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < v->len; i++)
            if (v->members[i].val->type != J_NULL) v->members[kept++] = v->members[i];
        v->len = kept;
    }
    JV_FOR_OBJ(m, v) discard_nulls(m->val);
    JV_FOR_ARR(it, v) discard_nulls(*it);
}

/* Drops every object with $patch below v; false when v is one. */
static bool drop_directives(struct jv *v) {
    uint32_t kept = 0;
    if (jv_is(v, J_OBJ)) {
        if (jv_get(v, patch_key)) return false;
        for (uint32_t i = 0; i < v->len; i++)
            if (drop_directives(v->members[i].val)) v->members[kept++] = v->members[i];
        v->len = kept;
    } else if (jv_is(v, J_ARR)) {
        for (uint32_t i = 0; i < v->len; i++)
            if (drop_directives(v->items[i])) v->items[kept++] = v->items[i];
        v->len = kept;
    }
    return true;
}

/* An object while a patch is merged into it. A member that goes gets no value, and leaves at the end. */
struct target {
    struct jv *obj;
    struct finder keys;
    bool holes;
};

static struct jv *target_get(struct target *to, const char *key) {
    struct jmember *m = finder_member(&to->keys, key, strlen(key));
    return m ? m->val : NULL;
}

static void target_set(struct ctx *c, struct target *to, const char *key, struct jv *val) {
    struct jmember *m = finder_member(&to->keys, key, strlen(key));
    if (m) m->val = val;
    else jv_add(c->a, to->obj, key, strlen(key), val);
}

static void target_del(struct target *to, const char *key) {
    struct jmember *m = finder_member(&to->keys, key, strlen(key));
    if (!m) return;
    m->val = NULL;
    to->holes = true;
}

static void target_close(struct target *to) {
    uint32_t kept = 0;
    if (!to->holes) return;
    for (uint32_t i = 0; i < to->obj->len; i++)
        if (to->obj->members[i].val) to->obj->members[kept++] = to->obj->members[i];
    to->obj->len = kept;
}

static void take_patch(struct ctx *c, struct target *to, const char *key, struct jv *val) {
    discard_nulls(val);
    if (drop_directives(val)) target_set(c, to, key, val);
    else target_del(to, key);
}

/* ---- objects ---- */

static bool names(struct finder *list, const char *key) {
    return finder_find(list, &(struct jv){.type = J_STR, .len = (uint32_t)strlen(key), .s = key}) >= 0;
}

static int retain_keys(struct ctx *c, struct jv *orig, struct jv *patch, const struct at *at) {
    const struct jv *keep = jv_get(patch, retain_key);
    if (!keep) return 0;
    if (!jv_is(keep, J_ARR)) return refuse(c, at, "$retainKeys must be a list of keys");
    jv_del(patch, retain_key);
    struct finder kept_keys = finder_of(c->a, keep, NULL);
    JV_FOR_OBJ(m, patch) {
        bool directive = str_has_prefix(m->key, delete_prefix) || str_has_prefix(m->key, order_prefix);
        if (!directive && m->val->type != J_NULL && !names(&kept_keys, m->key))
            return refuse(c, at, "the patch sets \"%s\", which its $retainKeys does not name; add it there", m->key);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < orig->len; i++)
        if (names(&kept_keys, orig->members[i].key)) orig->members[kept++] = orig->members[i];
    orig->len = kept;
    return 0;
}

/* The row of a key; *f stays NULL in an untyped document. */
static int lookup(struct ctx *c, const struct type *t, const char *key, const struct field **f, const struct at *at) {
    *f = t ? type_field(t, key) : NULL;
    return t && !*f ? refuse(c, at, "%s has no such field", t->name) : 0;
}

static bool is_merged(const struct field *f) {
    return f && (f->merge_key || (f->flags & FF_PATCH_MERGE));
}

static struct jv *list_handler(struct ctx *c, struct jv *orig, struct jv *patch, const struct field *f, const struct at *at) {
    return is_merged(f) ? merge_list(c, orig, patch, f, at) : patch;
}

/* The elements of the patch list must come in the order of the $setElementOrder list and all be in it. */
static int check_order(struct ctx *c, const struct jv *patch, const struct jv *order, const struct field *f, const struct at *at) {
    const char *merge_key = f ? f->merge_key : NULL;
    uint32_t next = 0;
    if (!jv_len(order)) return 0;
    JV_FOR_ARR(it, patch) {
        if (jv_get(*it, patch_key)) continue;
        const struct jv *id = finder_identity(*it, merge_key);
        if (!id) return refuse(c, at, "an element of the patch has no \"%s\"; add it", merge_key);
        while (next < order->len && !jv_eq(finder_identity(order->items[next], merge_key), id)) next++;
        if (next++ >= order->len)
            return refuse(c, at, "the patch and its $setElementOrder list differ in elements or order");
    }
    return 0;
}

static int order_one(struct ctx *c, struct jv *orig, struct jv *patch, const struct jv *order, const char *key,
                     const struct type *t, const struct at *at) {
    const struct field *f;
    struct jv *was = jv_get(orig, key), *add = jv_get(patch, key), *merged = was;
    enum jtype type;
    if (!jv_is(order, J_ARR) || (was && was->type != J_ARR) || (add && add->type != J_ARR))
        return refuse(c, at, "$setElementOrder and the list that it orders must be lists");
    if (lookup(c, t, key, &f, at) < 0) return -1;
    if (check_order(c, add, order, f, at) < 0) return -1;
    if (!was && !add) return 0;
    struct jv *server_order = jv_new_arr(c->a);
    JV_FOR_ARR(it, was) jv_push(c->a, server_order, *it);
    if (element_type(c, was, add, &type, at) < 0) return -1;
    if (!was) drop_directives(add);
    if (add) merged = was ? list_handler(c, was, add, f, at) : add;
    if (!merged) return -1;
    const char *merge_key = f ? f->merge_key : NULL;
    if (check_keys(c, merged, merge_key, "the result", at) < 0) return -1;
    if (check_keys(c, order, merge_key, "$setElementOrder", at) < 0) return -1;
    jv_set(c->a, orig, key, is_merged(f) || type != J_OBJ ? ordered(c, merged, order, server_order, merge_key) : merged);
    jv_del(patch, key);
    return 0;
}

/* Handles each $setElementOrder together with the list that it orders; both leave the patch. */
static int set_element_order(struct ctx *c, struct jv *orig, struct jv *patch, const struct type *t, const struct at *at) {
    unsigned lists = 0;
    for (uint32_t i = 0; i < patch->len;) {
        const char *directive = patch->members[i].key;
        if (!str_has_prefix(directive, order_prefix)) {
            i++;
            continue;
        }
        if (++lists > ORDERED_MAX) return refuse(c, at, "$setElementOrder is given for more than %d lists", ORDERED_MAX);
        const struct jv *order = patch->members[i].val;
        const char *key = directive + strlen(order_prefix);
        jv_del(patch, directive);
        if (order_one(c, orig, patch, order, key, t, &(struct at){at, key, NULL}) < 0) return -1;
        i = 0;
    }
    return 0;
}

/* Merges a value whose counterpart `was` has the same type. */
static struct jv *merge_value(struct ctx *c, struct jv *was, struct jv *val, const struct type *t, const struct at *at) {
    const struct field *f;
    if (val->type != J_OBJ && val->type != J_ARR) return val;
    if (lookup(c, t, at->key, &f, at) < 0) return NULL;
    if (val->type == J_ARR) return list_handler(c, was, val, f, at);
    return merge_map(c, was, val, f && f->kind == F_OBJECT ? f->type : NULL, at);
}

static int merge_member(struct ctx *c, struct target *to, const struct jmember *m, const struct type *t, const struct at *up) {
    bool deletes = str_has_prefix(m->key, delete_prefix);
    const char *key = deletes ? m->key + strlen(delete_prefix) : m->key;
    struct jv *was = target_get(to, key);
    struct at at = {up, key, NULL};
    if (m->val->type == J_NULL) {
        target_del(to, key);
    } else if (deletes) {
        if (jv_is(was, J_ARR) && jv_is(m->val, J_ARR)) target_set(c, to, key, without(c, was, m->val, NULL));
        else if (m->val->type != J_ARR) return refuse(c, &at, "%s must be a list", m->key);
    } else if (!was || was->type != m->val->type) {
        take_patch(c, to, key, m->val);
    } else {
        struct jv *merged = merge_value(c, was, m->val, t, &at);
        if (!merged) return -1;
        target_set(c, to, key, merged);
    }
    return 0;
}

/* `was` stays as it is; `patch` may be changed, and becomes part of the result. */
static struct jv *merge_map(struct ctx *c, const struct jv *was, struct jv *patch, const struct type *t, const struct at *at) {
    const struct jv *directive = jv_get(patch, patch_key);
    if (directive) {
        const char *name = jv_str(directive, "");
        if (str_eq(name, "delete")) return jv_new_obj(c->a);
        if (!str_eq(name, "replace"))
            return refuse(c, at, "$patch in an object must be \"replace\" or \"delete\", not \"%s\"", name), NULL;
        jv_del(patch, patch_key);
        return patch;
    }
    JV_FOR_OBJ(m, patch) /* directives are parts of keys, and no key of Kubernetes has a NUL */
        if (strlen(m->key) != m->klen) return refuse(c, at, "the key that begins with \"%s\" has a NUL in it", m->key), NULL;
    struct jv *orig = jv_clone(c->a, was);
    if (retain_keys(c, orig, patch, at) < 0) return NULL;
    if (set_element_order(c, orig, patch, t, at) < 0) return NULL;
    struct target to = {.obj = orig, .keys = finder_of(c->a, orig, NULL)};
    JV_FOR_OBJ(m, patch)
        if (merge_member(c, &to, m, t, at) < 0) return NULL;
    target_close(&to);
    return orig;
}

struct jv *smp_apply(struct arena *a, const struct jv *doc, const struct jv *patch, const struct type *t, struct err *e) {
    struct ctx c = {a, e};
    struct at top = {0};
    if (!jv_is(patch, J_OBJ)) return refuse(&c, &top, "must be an object, not %s", jv_type_name(patch)), NULL;
    if (doc && doc->type != J_NULL && doc->type != J_OBJ)
        return refuse(&c, &top, "the document must be an object, not %s", jv_type_name(doc)), NULL;
    const struct jv *orig = jv_is(doc, J_OBJ) ? doc : jv_new_obj(a);
    return merge_map(&c, orig, jv_dup(a, patch), t, &top);
}
