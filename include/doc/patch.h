/* Patches of documents. None changes its inputs; results share nothing that a caller may change with them. */
#ifndef RBG_DOC_PATCH_H
#define RBG_DOC_PATCH_H

#include "doc/json.h"
#include "doc/schema.h"

/* RFC 7386: members of the patch replace, null removes. */
struct jv *merge_patch_apply(struct arena *a, const struct jv *doc, const struct jv *patch);

/* The merge patch that turns `from` into `to`; an empty object when they are equal objects. */
struct jv *merge_patch_diff(struct arena *a, const struct jv *from, const struct jv *to);

/* RFC 6902 operations (add, replace, remove) that turn `from` into `to`: what a mutating webhook answers. Objects member
 * by member; arrays of equal length item by item, others as a whole. An empty array when they are equal. */
struct jv *json_patch_diff(struct arena *a, const struct jv *from, const struct jv *to);

/* Applies RFC 6902 operations (all six). Errors: ERR_INVALID naming the operation and pointer. */
struct jv *json_patch_apply(struct arena *a, const struct jv *doc, const struct jv *ops, struct err *e);

/* Strategic merge patch as kubectl and the API server do it: lists by merge key where the type says so, directives
 * $patch (replace, delete, merge), $retainKeys, $setElementOrder/<field>, $deleteFromPrimitiveList/<field>; null removes.
 * The result is new where the patch changes something, and shares the rest with `doc`: a jv_dup of it may be changed.
 * t NULL: untyped, lists replaced. Errors: ERR_INVALID with the path, e.g. a list element without its merge key. */
struct jv *smp_apply(struct arena *a, const struct jv *doc, const struct jv *patch, const struct type *t, struct err *e);

#endif
