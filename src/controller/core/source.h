/* Where a reconcile reads from: the stores of a running manager, or the simulated cluster. Reads never block and never fail. */
#ifndef RBG_CONTROLLER_SOURCE_H
#define RBG_CONTROLLER_SOURCE_H

#include "api/kinds.h"

struct source {
    void *self;
    /* A fresh tree in the arena, the caller's to change; NULL when the object does not exist. ns NULL: cluster-scoped. */
    struct jv *(*get)(void *self, struct arena *a, enum kind k, const char *ns, const char *name);
    /* All objects of the kind under an index key, sorted by namespace and name. Keys: "o/<uid>" of any owner,
     * "n/<namespace>", "g/<namespace>/<group>" by label group-name, "-/<namespace>" those that have no owner,
     * "p/<profile>" groups whose roles name it. */
    size_t (*list)(void *self, struct arena *a, enum kind k, const char *index, struct jv ***out);
};

static inline struct jv *source_get(const struct source *s, struct arena *a, enum kind k, const char *ns, const char *name) {
    return s->get(s->self, a, k, ns, name);
}
static inline size_t source_owned(const struct source *s, struct arena *a, enum kind k, const char *uid, struct jv ***out) {
    return s->list(s->self, a, k, arena_printf(a, "o/%s", uid), out);
}
static inline size_t source_group(const struct source *s, struct arena *a, enum kind k, const char *ns, const char *group,
                                  struct jv ***out) {
    return s->list(s->self, a, k, arena_printf(a, "g/%s/%s", ns, group), out);
}

static inline size_t source_orphans(const struct source *s, struct arena *a, enum kind k, const char *ns, struct jv ***out) {
    return s->list(s->self, a, k, arena_printf(a, "-/%s", ns), out);
}
const char *source_profile_key(struct arena *a, const char *profile);

/* What is cached, and of each kind only objects that carry the label (NULL: all). A kind may have several rows: no selector can say
 * "this label or that one". */
enum { SOURCE_CACHES = 11 };
struct source_cache { enum kind kind; const char *label; };
extern const struct source_cache source_caches[SOURCE_CACHES];

/* Index keys and projections of every kind that is cached: both kinds of source use them. A projection of NULL: the selector let
 * something through that is none of ours; it is not kept. */
void source_index(const struct jv *doc, void (*add)(void *ctx, const char *key), void *ctx);
struct jv *source_project(struct arena *a, enum kind k, struct jv *doc);

#endif
