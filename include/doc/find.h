/* Where in a list is the element with this identity, where in an object the member with this key? For who looks up many in one
 * list: the sender chooses how many there are, so long ones are found by hash; the rest is searched. */
#ifndef RBG_DOC_FIND_H
#define RBG_DOC_FIND_H

#include "doc/json.h"

struct finder {
    struct arena *a;
    const struct jv *in;   /* may grow at its end; NULL: finds nothing */
    const char *merge_key; /* of the elements; NULL: they are what identifies them */
    uint32_t *slots;       /* number of the element from 1 on; 0: nobody's. NULL: too few elements to hash */
    uint32_t mask, n;      /* n: elements that are in slots */
};

struct finder finder_of(struct arena *a, const struct jv *in, const char *merge_key);

/* What identifies an element: the value of the merge key, or the element itself. NULL when it has none. */
const struct jv *finder_identity(const struct jv *item, const char *merge_key);

/* The first element whose identity is equal (jv_eq) to id; -1: none, or id is NULL. */
int64_t finder_find(struct finder *f, const struct jv *id);

/* The member of this key, in an object; NULL: none. */
struct jmember *finder_member(struct finder *f, const char *key, size_t klen);

/* The value of the member with the key of m, which is number i of its own object; NULL: none. Objects that are compared nearly
 * always have the same keys at the same places, so that is tried first. */
struct jv *finder_counterpart(struct finder *f, const struct jmember *m, size_t i);

#endif
