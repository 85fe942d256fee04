/* How the API server takes a value apart: what server-side apply merges, and what it replaces as a whole. Read off the field
 * tables, as the API server reads its own types: a map or struct member by member unless it is marked atomic, a list as a whole
 * unless it has keys or is a set. Where no table says anything: objects member by member, lists as a whole. Pure. */
#ifndef RBG_DOC_SHAPE_H
#define RBG_DOC_SHAPE_H

#include "doc/schema.h"

enum shape_how {
    SHAPE_WHOLE,   /* one value: scalars, and what is atomic */
    SHAPE_MEMBERS, /* an object, member by member */
    SHAPE_KEYED,   /* a list, element by element, which its keys tell apart */
    SHAPE_SET,     /* a list of scalars, each of which is there or not */
};

struct shape {
    enum fkind kind, elem;
    bool atomic;
    bool named;              /* a member that a table names; not one of a map */
    bool object;             /* a whole object: its metadata are those of every object */
    const struct type *type; /* of F_OBJECT, or of the elements; NULL: nothing is known */
    const struct field *row; /* NULL: none */
};

/* Of a whole object; t NULL: one of which nothing is known. */
struct shape shape_of(const struct type *t);
struct shape shape_member(const struct shape *s, const char *key, size_t klen);
struct shape shape_element(const struct shape *s); /* of a list */

/* How a value of this shape is taken; by the value where the shape does not tell. */
enum shape_how shape_how(const struct shape *s, const struct jv *v);

/* The keys of a list that has some, comma-separated. */
const char *shape_keys(const struct shape *s);
/* What stands for a key that an element leaves out, as JSON text; NULL: nothing. */
const char *shape_key_default(const struct shape *list, const char *key, size_t klen);

#endif
