/* Cached objects. Hides the box around struct kobj: a reference count before it, the bytes of its strings and its text
 * behind it, all in one allocation, because thousands of them live as long as the process. Nobody owns an object, it is
 * shared; it never changes after kobj_new, so any thread may read it. The count is atomic, its last decrement frees. */
#include "kobj.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/must.h"

struct box {
    unsigned refs;
    uint32_t size;
    struct kobj o;
    char data[];
};

static struct box *box_of(const struct kobj *o) {
    return (struct box *)((char *)(uintptr_t)o - offsetof(struct box, o));
}

const struct kobj *kobj_ref(const struct kobj *o) {
    __atomic_fetch_add(&box_of(o)->refs, 1, __ATOMIC_RELAXED);
    return o;
}

void kobj_unref(const struct kobj *o) {
    if (o && __atomic_sub_fetch(&box_of(o)->refs, 1, __ATOMIC_ACQ_REL) == 0) free(box_of(o));
}

size_t kobj_size(const struct kobj *o) { return box_of(o)->size; }

static const struct jv *controller_of(const struct jv *meta) {
    JV_FOR_ARR(it, jv_get(meta, "ownerReferences"))
        if (jv_get_bool(*it, "controller", false)) return *it;
    return NULL;
}

enum { PART_NS, PART_NAME, PART_UID, PART_RV, PART_OWNER_UID, PART_OWNER_KIND, PART_OWNER_NAME, PARTS };

static void parts_of(const struct jv *meta, const struct jv *parts[PARTS]) {
    const struct jv *owner = controller_of(meta);
    parts[PART_NS] = jv_get(meta, "namespace");
    parts[PART_NAME] = jv_get(meta, "name");
    parts[PART_UID] = jv_get(meta, "uid");
    parts[PART_RV] = jv_get(meta, "resourceVersion");
    parts[PART_OWNER_UID] = jv_get(owner, "uid");
    parts[PART_OWNER_KIND] = jv_get(owner, "kind");
    parts[PART_OWNER_NAME] = jv_get(owner, "name");
}

static size_t part_len(const struct jv *v) { return jv_is(v, J_STR) ? v->len : 0; }

static const char *part_copy(char **at, const struct jv *v) {
    size_t n = part_len(v);
    if (n == 0) return "";
    char *s = memcpy(*at, v->s, n);
    s[n] = '\0';
    *at += n + 1;
    return s;
}

const struct kobj *kobj_new(const struct jv *doc) {
    const struct jv *meta = jv_get(doc, "metadata"), *parts[PARTS];
    BUF_AUTO struct buf text = BUF_INIT;
    json_write(&text, doc);
    parts_of(meta, parts);
    size_t size = sizeof(struct box) + text.len + 1;
    for (size_t i = 0; i < PARTS; i++) size += part_len(parts[i]) + 1;
    if (size > UINT32_MAX) abort();
    struct box *b = must(malloc(size));
    char *at = b->data;
    *b = (struct box){.refs = 1, .size = (uint32_t)size};
    b->o = (struct kobj){
        .ns = part_copy(&at, parts[PART_NS]),
        .name = part_copy(&at, parts[PART_NAME]),
        .uid = part_copy(&at, parts[PART_UID]),
        .rv = part_copy(&at, parts[PART_RV]),
        .owner_uid = part_copy(&at, parts[PART_OWNER_UID]),
        .owner_kind = part_copy(&at, parts[PART_OWNER_KIND]),
        .owner_name = part_copy(&at, parts[PART_OWNER_NAME]),
        .generation = jv_get_int(meta, "generation", 0),
        .deleting = jv_get_str(meta, "deletionTimestamp") != NULL,
        .len = (uint32_t)text.len,
        .text = at,
    };
    memcpy(at, text.s, text.len + 1);
    return &b->o;
}

/* What the server sent once may be larger than what a reader of untrusted text accepts. */
static const struct json_limits own_text = {.max_bytes = UINT32_MAX, .max_depth = 1024, .max_nodes = UINT32_MAX};

struct jv *kobj_doc(struct arena *a, const struct kobj *o) {
    struct err e = ERR_INIT;
    struct jv *doc = json_parse(a, o->text, o->len, &own_text, &e);
    if (!doc) abort();
    return doc;
}
