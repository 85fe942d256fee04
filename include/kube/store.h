/* The caches: one store per kind, filled by its reflector (list + watch), read by everybody.
 *
 * An object is one immutable, reference-counted allocation: what callers ask for often, and the compact text of the
 * (projected) object. Reading parses the text into the reader's arena. One writer per store: its reflector. */
#ifndef RBG_KUBE_STORE_H
#define RBG_KUBE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "doc/json.h"

struct kobj {
    const char *ns, *name, *uid, *rv; /* "" when absent, never NULL */
    const char *owner_uid, *owner_kind, *owner_name; /* of the controller owner; "" */
    int64_t generation;
    bool deleting;
    uint32_t len;
    const char *text; /* compact JSON, NUL-terminated */
};

const struct kobj *kobj_ref(const struct kobj *o);
void kobj_unref(const struct kobj *o);
/* Makes an object from a document (projected by the caller). The one reference belongs to the caller. */
const struct kobj *kobj_new(const struct jv *doc);
/* Parses the object into the arena; the tree is the caller's to change. Never NULL: the text was made by kobj_new. */
struct jv *kobj_doc(struct arena *a, const struct kobj *o);

struct store;

/* index: appends the index keys of an object with `add`; NULL for none. Keys are any text, e.g. "g/<namespace>/<group>". Every
 * object is also indexed under "o/<uid>" for each owner reference, and "n/<namespace>". */
typedef void (*store_index_fn)(const struct jv *doc, void (*add)(void *ctx, const char *key), void *ctx);
/* project: returns the part of a document that is worth keeping (may edit in place), or NULL: the object is none of ours, and not
 * kept at all. No function: all but managedFields. */
typedef struct jv *(*store_project_fn)(struct arena *a, struct jv *doc);
/* Called after each change, without any lock, on the writer's thread. old NULL: added; new NULL: deleted. */
typedef void (*store_change_fn)(void *ctx, struct store *s, const struct kobj *old_obj, const struct kobj *new_obj);

struct store *store_new(const char *name, store_index_fn index, store_project_fn project);
void store_free(struct store *s);
const char *store_name(const struct store *s);
void store_on_change(struct store *s, store_change_fn fn, void *ctx); /* before the reflector starts; several allowed */

/* Borrow-free reads: the object is referenced for the arena's life. NULL when absent. */
const struct kobj *store_get(struct store *s, struct arena *a, const char *ns, const char *name);
/* All objects under an index key (NULL: all), sorted by namespace and name. Returns the number. */
size_t store_list(struct store *s, struct arena *a, const char *index_key, const struct kobj ***out);
size_t store_len(struct store *s);
size_t store_bytes(struct store *s);

/* Writers: the reflector, and tests. put replaces when the resourceVersion is not older (numeric compare). */
void store_put(struct store *s, struct jv *doc);
void store_delete(struct store *s, const char *ns, const char *name);
/* Replaces everything (after a list): deletes what is not named, keeps identical resourceVersions. docs: any order. */
void store_replace(struct store *s, struct jv *const *docs, size_t n);

/* The same in pieces, so that a large list never has to be in memory at once: begin, an item each, end. A list that breaks
 * off is simply begun again; what it brought stays. An item replaces whatever has another resourceVersion, older or not:
 * a consistent list is right even after the cluster's data was restored from a backup. Only `end` deletes, and makes the
 * store synced. */
void store_relist_begin(struct store *s);
void store_relist_item(struct store *s, struct jv *doc);
void store_relist_end(struct store *s);

bool store_synced(struct store *s); /* a first complete list is in */

#endif
