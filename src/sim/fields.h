/* Which manager set which field: sets of field paths in the wire form of metadata.managedFields[].fieldsV1 ("f:<name>" for
 * members, "k:{"uid":...}" for owner references), and what server-side apply decides by them. A leaf is an empty object. Lists
 * are atomic, as they are in everything that the controllers apply. Pure; results live in the arena. */
#ifndef RBG_SIM_FIELDS_H
#define RBG_SIM_FIELDS_H

#include "doc/json.h"

/* The fields that a document sets; without what identifies the object and what only the server writes. */
struct jv *fields_of(struct arena *a, const struct jv *doc);
/* The fields that `now` sets to something else than `was` (NULL: to anything). */
struct jv *fields_changed(struct arena *a, const struct jv *was, const struct jv *now);

struct jv *fields_union(struct arena *a, const struct jv *x, const struct jv *y);
struct jv *fields_minus(struct arena *a, const struct jv *x, const struct jv *y);
/* Those of x that y has too, or lies above or below. */
struct jv *fields_both(struct arena *a, const struct jv *x, const struct jv *y);

/* Takes the fields out of the document; an object that gets empty goes too. */
void fields_take_out(struct arena *a, struct jv *doc, const struct jv *fields);

/* The entry {manager, operation, fieldsV1} of a list of managed fields, or NULL. The entries of the status subresource are
 * others. */
struct jv *fields_entry(const struct jv *managed, const char *manager, const char *operation, bool status);
/* Puts, replaces, or with an empty set removes that entry. */
void fields_entry_set(struct arena *a, struct jv *managed, const char *manager, const char *operation, bool status,
                      const char *api_version, struct jv *fields);

/* The first path of the set as people write it: "spec.replicas". */
char *fields_first_path(struct arena *a, const struct jv *fields);

#endif
