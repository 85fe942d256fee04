/* For what fails only for want of memory: there is no way on, and no caller that could do better. */
#ifndef RBG_BASE_MUST_H
#define RBG_BASE_MUST_H

#include <stdlib.h>

/* Returns `p`, which a function that allocates has returned; aborts when it is NULL. */
static inline void *must(void *p) {
    if (!p) abort();
    return p;
}

#endif
