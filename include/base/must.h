/* For what fails only for want of memory: there is no way on, and no caller that could do better. */
#ifndef RBG_BASE_MUST_H
#define RBG_BASE_MUST_H

#include <stdlib.h>
#include <string.h>

/* Returns `p`, which a function that allocates has returned; aborts when it is NULL. */
static inline void *must(void *p) {
    if (!p) abort();
    return p;
}

/* Frees at the end of the scope what the pointer points to, also when a unit of work ends inside (base/unit.h). */
static inline void heap_cleanup(void *pointer) {
    void *p;
    memcpy(&p, pointer, sizeof p);
    free(p);
}
#define HEAP_AUTO __attribute__((cleanup(heap_cleanup)))

#endif
