/* JSON documents: a strict, bounded parser, one tree type that lives in an arena, and writers.
 *
 * A tree is plain data: reading it from several threads is safe as long as nobody changes it. Strings are
 * NUL-terminated and carry their length. Numbers keep their text, so nothing loses precision on the way through.
 * Object members keep their order; duplicate keys are refused while parsing. A subtree that is attached
 * elsewhere and may change later must be a jv_dup. */
#ifndef RBG_DOC_JSON_H
#define RBG_DOC_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum jtype {
    J_NULL, J_BOOL, J_NUM, J_STR, J_ARR, J_OBJ,
    J_RAW, /* an object or array that was left as text; only json_parse_outline and jv_new_raw make it */
};

struct jmember;

struct jv {
    enum jtype type;
    uint32_t len; /* bytes of a string, a number or raw text; elements of an array; members of an object */
    uint32_t cap;
    uint32_t may_have; /* of an object: the jv_key_bit of every key in it; bits of keys that were taken away may stay */
    union {
        bool b;
        const char *s;          /* J_STR decoded, J_NUM verbatim, both NUL-terminated; J_RAW verbatim, not terminated */
        struct jv **items;      /* J_ARR */
        struct jmember *members; /* J_OBJ */
    };
};

struct jmember {
    const char *key; /* NUL-terminated */
    uint32_t klen;
    struct jv *val;  /* never NULL */
};

struct json_limits {
    size_t max_bytes; /* of the text */
    uint32_t max_depth;
    uint32_t max_nodes;
};
extern const struct json_limits json_limits_default; /* 16 MiB, depth 128, 2 million nodes: what the API server sends */
extern const struct json_limits json_limits_review;  /* admission: 8 MiB, depth 100, 500,000 nodes */

/* Parses exactly one document (RFC 8259, UTF-8 checked, no NaN, no comments, no duplicate keys, no trailing bytes).
 * The text is copied into the arena. limits NULL: default. Errors: ERR_PARSE with line and column, ERR_LIMIT. */
struct jv *json_parse(struct arena *a, const char *text, size_t len, const struct json_limits *limits, struct err *e);

/* As json_parse, but takes over `text`, which must be writable, live as long as the tree, and is changed; text[len] is a NUL. */
struct jv *json_parse_insitu(struct arena *a, char *text, size_t len, const struct json_limits *limits, struct err *e);

/* Where an object or array of a document is. */
struct json_place {
    const char *key; /* of the member that it is */
    uint32_t klen;
    const char *in; /* the key of the object around that; NULL: it is an element, or the document */
    uint32_t in_len;
};
typedef bool (*json_keep_fn)(const struct json_place *at);

/* A list that is read element by element: the member `list` of the member `in` of the document. Each element is handed out as soon
 * as it is complete, and gone when `take` returns true, with all that was made in `a`, which is for one element at a time. When
 * `take` returns false, it stays in the document. `around`: what came before the list in the object that holds it. */
struct json_stream {
    const char *in, *list;
    struct arena *a;
    bool (*take)(void *ctx, const struct jv *around, const struct jv *element);
    void *ctx;
};

/* As json_parse_insitu, for a document of which most is only passed on. An object or array that is a member stays text (J_RAW) when
 * `keep` says so of its place, unless it is empty. It is checked like the rest, but costs no memory. Writers, jv_dup and jv_eq know
 * such values; for all other functions they are neither object nor array until jv_open. max_depth is at most 128.
 * With a stream (may be NULL), a list may be as long as its text, each of its elements only as large as a document: an element that
 * was taken counts as one value of the document, and may have max_nodes of its own. */
struct jv *json_parse_outline(struct arena *a, char *text, size_t len, const struct json_limits *limits, json_keep_fn keep,
                              const struct json_stream *stream, struct err *e);

/* The tree of a J_RAW, made anew; any other value (or NULL) as it is. */
struct jv *jv_open(struct arena *a, const struct jv *v);

/* Compact text, members in their order, only the escapes that JSON demands. */
void json_write(struct buf *out, const struct jv *v);
char *json_text(struct arena *a, const struct jv *v);

/* Canonical text as Kubernetes' Go code hashes it: keys in byte order at every level, <, >, &, U+2028, U+2029 as \uXXXX
 * in lowercase hex, \n \r \t \b \f short, other controls \u00xx, everything else raw; numbers as Go writes a double. */
void json_write_canonical(struct buf *out, const struct jv *v);

/* YAML as sigs.k8s.io/yaml prints it, for files that people read: sorted keys (natural order, so port80 before port443),
 * two-space indent, list dashes not indented, quotes only where needed. */
void json_write_yaml(struct buf *out, const struct jv *v);

/* ---- reading: every function takes NULL for "absent" ---- */
struct jmember *jv_member(const struct jv *obj, const char *key, size_t klen); /* the place, to replace the value there */
static inline uint64_t jv_load64(const char *s) {
    uint64_t x;
    memcpy(&x, s, sizeof x);
    return x;
}
static inline uint32_t jv_load32(const char *s) {
    uint32_t x;
    memcpy(&x, s, sizeof x);
    return x;
}
/* Are two keys of this length equal? Nearly all have up to 32 bytes: words that overlap cost less than a call of memcmp. */
static inline bool jv_key_eq(const char *a, const char *b, size_t klen) {
    if (klen > 32) return memcmp(a, b, klen) == 0;
    if (klen > 16 && (jv_load64(a + 8) != jv_load64(b + 8) || jv_load64(a + klen - 16) != jv_load64(b + klen - 16))) return false;
    if (klen >= 8) return jv_load64(a) == jv_load64(b) && jv_load64(a + klen - 8) == jv_load64(b + klen - 8);
    if (klen >= 4) return jv_load32(a) == jv_load32(b) && jv_load32(a + klen - 4) == jv_load32(b + klen - 4);
    while (klen && *a == *b) a++, b++, klen--;
    return klen == 0;
}
/* Most look-ups are for something optional that is not there: one bit, of the length and the first byte, tells. */
static inline __attribute__((always_inline)) uint32_t jv_key_bit(const char *key, size_t klen) {
    return UINT32_C(1) << (((unsigned char)*key * 3 + klen) & 31);
}
static inline __attribute__((always_inline)) bool jv_may_have(const struct jv *obj, const char *key, size_t klen) {
    return obj && obj->type == J_OBJ && (obj->may_have & jv_key_bit(key, klen));
}
static inline __attribute__((always_inline)) struct jv *jv_getn(const struct jv *obj, const char *key, size_t klen) {
    struct jmember *m = jv_may_have(obj, key, klen) ? jv_member(obj, key, klen) : NULL;
    return m ? m->val : NULL;
}
/* NULL: absent, or not an object */
static inline __attribute__((always_inline)) struct jv *jv_get(const struct jv *obj, const char *key) {
    return jv_getn(obj, key, strlen(key)); /* inline: the length of a literal costs nothing */
}
struct jv *jv_path(const struct jv *v, ...) __attribute__((sentinel)); /* keys, (char *)0 */
struct jv *jv_idx(const struct jv *arr, size_t i);
size_t jv_len(const struct jv *v);                            /* of an array or object; else 0 */
const char *jv_str(const struct jv *v, const char *dflt);
int64_t jv_int(const struct jv *v, int64_t dflt);             /* dflt when it is no integer in range */
bool jv_bool(const struct jv *v, bool dflt);
/* NULL when absent or no string */
static inline const char *jv_get_str(const struct jv *obj, const char *key) {
    return jv_str(jv_get(obj, key), NULL);
}
static inline int64_t jv_get_int(const struct jv *obj, const char *key, int64_t dflt) {
    return jv_int(jv_get(obj, key), dflt);
}
static inline bool jv_get_bool(const struct jv *obj, const char *key, bool dflt) {
    return jv_bool(jv_get(obj, key), dflt);
}
static inline bool jv_is(const struct jv *v, enum jtype t) { return v && v->type == t; }
bool jv_is_empty(const struct jv *v); /* absent, null, {} , [] or "" */
const char *jv_type_name(const struct jv *v); /* "string", "number", ... as shown to users */

/* First element of the array whose member `key` is the string `value`; NULL if none. */
struct jv *jv_find(const struct jv *arr, const char *key, const char *value);

/* Deep equality: member order does not matter, numbers by value. NULL equals NULL only. */
bool jv_eq(const struct jv *a, const struct jv *b);

/* ---- building: in the arena; keys and strings are copied, but for keys that are literals ---- */
struct jv *jv_null(struct arena *a);
struct jv *jv_new_bool(struct arena *a, bool b);
struct jv *jv_new_int(struct arena *a, int64_t n);
struct jv *jv_new_str(struct arena *a, const char *s);
struct jv *jv_new_strn(struct arena *a, const char *s, size_t n);
struct jv *jv_new_strf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The text of an object or array, which is written as it is; it must be JSON. */
struct jv *jv_new_raw(struct arena *a, const char *text, size_t n);
struct jv *jv_new_obj(struct arena *a);
struct jv *jv_new_arr(struct arena *a);
struct jv *jv_dup(struct arena *a, const struct jv *v);      /* deep; NULL yields NULL */

/* Replaces or appends; NULL val: no-op. */
void jv_setn(struct arena *a, struct jv *obj, const char *key, size_t klen, struct jv *val);
/* As jv_setn, with a key that is not copied: it is NUL-terminated and lives as long as the tree. */
void jv_set_kept(struct arena *a, struct jv *obj, const char *key, size_t klen, struct jv *val);
static inline __attribute__((always_inline)) void jv_set(struct arena *a, struct jv *obj, const char *key, struct jv *val) {
    if (__builtin_constant_p(key)) jv_set_kept(a, obj, key, strlen(key), val); /* true of literals only, not of other addresses */
    else jv_setn(a, obj, key, strlen(key), val);
}
void jv_add(struct arena *a, struct jv *obj, const char *key, size_t klen, struct jv *val); /* a key that is not there yet */
static inline __attribute__((always_inline)) void jv_set_str(struct arena *a, struct jv *obj, const char *key, const char *s) {
    if (s) jv_set(a, obj, key, jv_new_str(a, s)); /* NULL: no-op */
}
static inline __attribute__((always_inline)) void jv_set_int(struct arena *a, struct jv *obj, const char *key, int64_t n) {
    jv_set(a, obj, key, jv_new_int(a, n));
}
static inline __attribute__((always_inline)) void jv_set_bool(struct arena *a, struct jv *obj, const char *key, bool b) {
    jv_set(a, obj, key, jv_new_bool(a, b));
}
bool jv_del(struct jv *obj, const char *key);
bool jv_deln(struct jv *obj, const char *key, size_t klen);
void jv_push(struct arena *a, struct jv *arr, struct jv *val);
void jv_insert(struct arena *a, struct jv *arr, size_t at, struct jv *val);
void jv_remove(struct jv *arr, size_t at);

/* The object member `key`, made when absent or null. */
struct jv *jv_need_obj(struct arena *a, struct jv *obj, const char *key);
struct jv *jv_need_arr(struct arena *a, struct jv *obj, const char *key);

/* Overlays the members of `from` (may be NULL) on the object `onto`, shallow copies of the values. */
void jv_merge_shallow(struct arena *a, struct jv *onto, const struct jv *from);

/* Copy on write. A copy of one level of an object or array (any other value: of the value); what is below is shared with the
 * original, so whoever changes it there owns it first. */
struct jv *jv_clone(struct arena *a, const struct jv *v);
/* Makes the object or array member `key` of `obj` such a copy and returns it; NULL when there is none. */
struct jv *jv_own(struct arena *a, struct jv *obj, const char *key);

/* Iterates over members: JV_FOR_OBJ(m, v) use(m->key, m->val); over items: JV_FOR_ARR(it, v) use(*it). v may be NULL. */
#define JV_FOR_OBJ(m, v) \
    for (const struct jmember *m = jv_is((v), J_OBJ) ? (v)->members : NULL, *m##_end = m ? m + (v)->len : NULL; m < m##_end; m++)
#define JV_FOR_ARR(it, v) \
    for (struct jv *const *it = jv_is((v), J_ARR) ? (v)->items : NULL, *const *it##_end = it ? it + (v)->len : NULL; \
         it < it##_end; it++)

#endif
