/* The skimmer: a subtree that an outline keeps as text is read by a loop of its own, in which nothing is built; conversion reads
 * most of its bytes here. What it has to know fits into registers: the containers around, and the keys of those that are open,
 * which must differ, wait on arrays of their own until their container ends. No state outside the call; any thread. */
#include "common/doc/json_scan.h"

#include <stdlib.h>

#include "base/str.h"

#define INLINE static inline __attribute__((always_inline))

/* A container around the one that is read. */
struct level {
    struct jmember *keys; /* on the scratch stack: its first key */
    uint64_t have;        /* a bit for each key */
    bool is_obj, twice;   /* twice: two keys are perhaps the same */
};

/* The container that is read. Handed on by value where functions are called, so that the compiler keeps it in registers. */
struct skim {
    bool is_obj, twice; /* as in struct level */
    uint64_t have;
    struct jmember *keys;
    struct jmember *top, *limit; /* of the scratch stack: where the next key goes, and the end */
    size_t nested, values;
};

/* Values are counted here, too: a list of keys must not grow beyond what the limit allows. Failed: no limit. */
static struct skim more_keys(struct parser *p, struct skim k, struct level *around) {
    struct jmember *old = p->stack, *old_heap = p->stack_heap;
    p->nodes += (uint32_t)k.values;
    k.values = 0;
    k.limit = NULL;
    if (!scan_count_ok(p)) return k;
    p->stack = p->stack_heap = scan_grow(NULL, old, p->stack_cap, &p->stack_cap, sizeof *old);
    for (size_t i = 0; i < k.nested; i++) around[i].keys = p->stack + (around[i].keys - old);
    k.keys = p->stack + (k.keys - old);
    k.top = p->stack + (k.top - old);
    k.limit = p->stack + p->stack_cap;
    free(old_heap);
    return k;
}

/* Equal keys have equal bits. */
INLINE void note_key(struct skim *k, char first, size_t len) {
    unsigned bit = ((unsigned char)first * 3u + (unsigned)len) & 63;
    if (k->have >> bit & 1) k->twice = true;
    k->have |= UINT64_C(1) << bit;
}

/* A key with escapes is needed decoded, to be compared, but must not be changed where it stands. */
static char *escaped_key(struct parser *p, char *s, struct jmember *m) {
    char *only_check = NULL, *end = scan_string_tail(p, s + 1, &only_check);
    if (!end) return NULL;
    char *copy = arena_strndup(p->a, s, (size_t)(end + 1 - s));
    struct parser q = *p;
    q.end = copy + (end + 1 - s);
    read_string(&q, copy, &m->key, &m->klen);
    return end + 1;
}

/* Returns the place of the value. */
INLINE char *skim_key(struct parser *p, char *s, struct skim *k, struct level *around) {
    s = skip_to(p, s, '"');
    if (*s != '"') return scan_unexpected(p, s, "a key in double quotes");
    if (k->top == k->limit && !(*k = more_keys(p, *k, around)).limit) return NULL;
    struct jmember *m = k->top++;
    char *key = s + 1, *end = skip_plain(key, p->end);
    if (*end == '"') {
        m->key = key;
        m->klen = (uint32_t)(end - key);
        note_key(k, *key, (size_t)(end - key)); /* of an empty one: its closing quote */
        s = end + 1;
    } else {
        if (!(s = escaped_key(p, s, m))) return NULL;
        note_key(k, m->klen ? *m->key : '"', m->klen);
    }
    s = skip_to(p, s, ':');
    return *s == ':' ? s + 1 : scan_unexpected(p, s, "':' after the key");
}

INLINE char *skim_string(struct parser *p, char *s) {
    char *only_check = NULL;
    s = skip_plain(s + 1, p->end);
    if (*s != '"' && !(s = scan_string_tail(p, s, &only_check))) return NULL;
    return s + 1;
}

static char *skim_other(struct parser *p, char *s) {
    if (*s == 't') return scan_word(p, s, "true");
    if (*s == 'f') return scan_word(p, s, "false");
    if (*s == 'n') return scan_word(p, s, "null");
    return *s == '-' || is_digit(*s) ? scan_number(p, s) : scan_unexpected(p, s, "a value");
}

/* s is at the bracket; returns the place behind it and white space. */
INLINE char *skim_open(struct parser *p, char *s, struct skim *k, struct level *around) {
    if (p->depth + k->nested >= p->lim->max_depth) return scan_too_deep(p, s);
    around[k->nested++] = (struct level){k->keys, k->have, k->is_obj, k->twice};
    k->is_obj = *s == '{', k->twice = false, k->have = 0, k->keys = k->top;
    return skip_space(p, s + 1);
}

INLINE char *skim_close(struct parser *p, char *s, struct skim *k, const struct level *around) {
    uint32_t may_have;
    if (*s != (k->is_obj ? '}' : ']')) return scan_unexpected(p, s, k->is_obj ? "',' or '}'" : "',' or ']'");
    if (k->twice && !scan_keys_differ(p, s, k->keys, (size_t)(k->top - k->keys), &may_have)) return NULL;
    const struct level *outer = &around[--k->nested];
    k->top = k->keys;
    k->is_obj = outer->is_obj, k->twice = outer->twice, k->have = outer->have, k->keys = outer->keys;
    return s + 1;
}

char *skim_container(struct parser *p, char *s) {
    struct jmember *first = p->stack + p->top;
    struct level around[SKIM_DEPTH];
    struct skim k = {.keys = first, .top = first, .limit = p->stack + p->stack_cap};
    do {
        s = skip_to(p, s, '"');
        k.values++;
        if (*s == '"') {
            s = skim_string(p, s);
        } else if (*s == '{' || *s == '[') {
            s = skim_open(p, s, &k, around);
            if (s && *s != (k.is_obj ? '}' : ']')) {
                if (k.is_obj) s = skim_key(p, s, &k, around);
                continue;
            }
        } else {
            s = skim_other(p, s);
        }
        while (s && *(s = skip_to(p, s, ',')) != ',') {
            s = skim_close(p, s, &k, around);
            if (!s || k.nested > 0) continue;
            p->nodes += (uint32_t)k.values;
            return scan_count_ok(p) ? s : NULL;
        }
        if (s) s = k.is_obj ? skim_key(p, s + 1, &k, around) : s + 1;
    } while (s);
    return NULL;
}
