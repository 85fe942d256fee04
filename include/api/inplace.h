/* What a running pod can take over from a new template of its component, and what only a new pod can have (part C 8.2). Pure; the
 * one place that says so, for sets, which must not begin what can't be done, and for instances, which do it. */
#ifndef RBG_API_INPLACE_H
#define RBG_API_INPLACE_H

#include "doc/json.h"

struct inplace {
    const char *obstacle; /* the first field that needs a new pod, as a path from the list's owner on:
                           * "components[worker].template.spec.containers[engine].env"; NULL: there is none */
    struct jv *images;    /* container name -> new image */
    struct jv *metadata;  /* strategic merge patch of the pod's metadata; empty: nothing changes */
};

/* old, new: two lists of components, of an instance's spec, of a set's roleInstanceTemplate, or of the revision of either. What
 * lies between the templates of the component of that name. What other components say counts where this one's directives refer
 * to it: a port that is passed on in a variable. */
struct inplace inplace_component(struct arena *a, const struct jv *old, const struct jv *new, const char *name);

/* The first obstacle of all components, also that one was added, removed, renamed or resized; NULL: all can be done in place. */
const char *inplace_obstacle(struct arena *a, const struct jv *old, const struct jv *new);

#endif
