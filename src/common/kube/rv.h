/* Resource versions as the API server counts them: decimal numbers without leading zeros, compared by value however long
 * they are. Private to the layer. */
#ifndef RBG_KUBE_RV_H
#define RBG_KUBE_RV_H

#include <string.h>

/* <0, 0, >0 by value. "" is older than everything. */
static inline int rv_cmp(const char *a, const char *b) {
    size_t na = strlen(a), nb = strlen(b);
    if (na != nb) return na < nb ? -1 : 1;
    return strcmp(a, b);
}

#endif
