/* Region memory: everything that one unit of work (a request, a reconcile, a watch line) allocates is
 * released in one step. Not thread-safe: an arena belongs to the thread that works on the unit. */
#ifndef RBG_BASE_ARENA_H
#define RBG_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* Makes an empty arena. Aborts when memory is exhausted, as does every function here. */
struct arena *arena_new(void);

/* Runs the dispose hooks (last first) and releases everything. NULL is allowed. */
void arena_free(struct arena *a);

/* As arena_free, but the arena stays usable and keeps one chunk for the next unit of work. */
void arena_reset(struct arena *a);

/* Returns `size` zeroed bytes, aligned for any type; never NULL. Size 0 yields a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);

/* As arena_alloc, but not zeroed: for what is written in full at once. */
void *arena_raw(struct arena *a, size_t size);

/* As arena_alloc, for `n` elements of `size` bytes; aborts when the product overflows. */
void *arena_array(struct arena *a, size_t n, size_t size);

/* Grows an array in place when it was the last allocation, else copies it. New bytes are zero. */
void *arena_grow(struct arena *a, void *old, size_t old_size, size_t new_size);

char *arena_strdup(struct arena *a, const char *s);             /* NULL yields NULL */
char *arena_strndup(struct arena *a, const char *s, size_t n);  /* always NUL-terminated */
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

/* Registers `fn(arg)` to run when the arena is freed or reset: for what is not arena memory. */
void arena_defer(struct arena *a, void (*fn)(void *), void *arg);

/* What the arena holds, now or later, is wiped when it is freed or reset: for private keys. */
void arena_secret(struct arena *a);

/* Bytes held from the system: for memory limits and metrics. */
size_t arena_bytes(const struct arena *a);

#define ARENA_NEW(a, T) ((T *)arena_alloc((a), sizeof(T)))
#define ARENA_ARRAY(a, n, T) ((T *)arena_array((a), (n), sizeof(T)))

/* Cleanup attribute: `ARENA_AUTO struct arena *a = arena_new();` frees at the end of the scope. */
void arena_cleanup(struct arena **a);
#define ARENA_AUTO __attribute__((cleanup(arena_cleanup)))

#endif
