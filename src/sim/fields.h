/* Which manager set which field, as server-side apply keeps it: sets of field paths in the wire form of
 * metadata.managedFields[].fieldsV1, and what is decided by them. A node of a set is an object: a member for each part below
 * ("f:<name>", "k:{<keys>}", "v:<value>"); the path itself is in the set when the node is empty or has ".". What has parts is told
 * by the shape of the kind (doc/shape.h). Pure; results live in the arena, and share nothing that is changed later. */
#ifndef RBG_SIM_FIELDS_H
#define RBG_SIM_FIELDS_H

#include "doc/json.h"
#include "doc/shape.h"

/* ---- sets; NULL: empty ---- */
struct jv *fields_union(struct arena *a, const struct jv *x, const struct jv *y);
struct jv *fields_minus(struct arena *a, const struct jv *x, const struct jv *y);
struct jv *fields_both(struct arena *a, const struct jv *x, const struct jv *y);
/* With the members that are named by a table, where only something below them is in the set. */
struct jv *fields_named(struct arena *a, const struct shape *s, const struct jv *set);
/* Without what says which object it is, and what only the API server writes. */
struct jv *fields_strip(struct arena *a, const struct jv *set);

/* ---- sets and documents ---- */
struct jv *fields_of(struct arena *a, const struct shape *s, const struct jv *doc);

struct fields_diff { struct jv *added, *modified, *removed; };
struct fields_diff fields_compare(struct arena *a, const struct shape *s, const struct jv *was, const struct jv *is);

/* The document without what is in the set. */
struct jv *fields_take_out(struct arena *a, const struct shape *s, const struct jv *doc, const struct jv *set);

/* live, overlaid with config. Errors: ERR_INVALID (a list with keys has an element twice, or one without keys). */
struct jv *fields_merge(struct arena *a, const struct shape *s, const struct jv *live, const struct jv *config, struct err *e);

/* A list with keys that has an element twice, by its key; NULL: there is none. */
const char *fields_doubled(struct arena *a, const struct shape *s, const struct jv *doc);

/* ---- the list of entries ---- */

/* The entry {manager, operation, apiVersion, fieldsV1} of a list of managed fields, or NULL. The entries of the status subresource
 * are others. */
struct jv *fields_entry(const struct jv *managed, const char *manager, const char *operation, bool status);
/* Puts, replaces, or with an empty set removes that entry. */
void fields_entry_set(struct arena *a, struct jv *managed, const char *manager, const char *operation, bool status,
                      const char *api_version, struct jv *fields);

/* The first path of the set as people write it: "spec.replicas". */
char *fields_first_path(struct arena *a, const struct jv *fields);

#endif
