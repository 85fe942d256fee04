/* Would a server-side apply change an object? */
#ifndef RBG_CONTROLLER_COMPARE_H
#define RBG_CONTROLLER_COMPARE_H

#include "api/kinds.h"

/* Of `desired`, with force, by our field manager, over `live` (NULL: true). `live` has at least our own entry in managedFields, as
 * source_project keeps it. False for an object that would stay as it is, our entry included. */
bool apply_needed(enum kind k, const struct jv *desired, const struct jv *live);

/* fieldsV1 of what our field manager applied last; NULL: it never did. */
const struct jv *applied_fields(const struct jv *live);

#endif
