/* Inside the simulated cluster: the objects themselves. A sorted array of compact texts with their index keys. */
#ifndef RBG_SIM_OBJECTS_H
#define RBG_SIM_OBJECTS_H

#include "sim/cluster.h"

struct object {
    enum kind kind;
    char *ns, *name;   /* ns "": cluster-scoped */
    char *text;
    size_t len;
    char **keys;       /* source_index, and "o/<uid>", "n/<namespace>" */
    size_t nkeys;
};

struct watcher { cluster_watch_fn fn; void *ctx; };

struct refusal { enum kind kind; char *ns, *words; };

struct cluster {
    const struct clock *clock;
    struct object *objects; /* by kind, namespace, name */
    size_t n, cap;
    int64_t version, uids;
    struct watcher *watchers;
    size_t nwatchers;
    struct refusal *refusals;
    size_t nrefusals;
    struct source source;
    char **revealed; /* "Kind/namespace/name" */
    size_t nrevealed;
};

/* Position of the object, or where it would be. */
bool objects_find(const struct cluster *c, enum kind k, const char *ns, const char *name, size_t *at);
/* The range [*from, *to) of a kind. */
void objects_range(const struct cluster *c, enum kind k, size_t *from, size_t *to);
/* A namespaced object without a namespace is in "default". */
const char *objects_ns(enum kind k, const char *ns);
/* The whole object, a fresh tree; NULL: there is none. */
struct jv *objects_get(struct cluster *c, struct arena *a, enum kind k, const char *ns, const char *name);
struct jv *objects_doc(struct arena *a, const struct object *o);
/* Stores a new state under a new version, and tells the watchers. was: the old one, NULL when the object is new. */
void objects_write(struct cluster *c, struct arena *a, enum kind k, const struct jv *was, struct jv *doc);
void objects_remove(struct cluster *c, enum kind k, const char *ns, const char *name);

#endif
