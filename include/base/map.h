/* String-keyed hash map, on the heap or in an arena. Keys are copied; values are pointers that the map does not own. */
#ifndef RBG_BASE_MAP_H
#define RBG_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map;

struct arena;

struct map *map_new(void);
struct map *map_in(struct arena *a);       /* goes with the arena, map_free does nothing to it; not for many deletions */
void map_free(struct map *m);              /* not the values */
void *map_get(const struct map *m, const char *key);          /* NULL when absent */
bool map_has(const struct map *m, const char *key);
void *map_put(struct map *m, const char *key, void *value);   /* returns the old value or NULL */
void *map_del(struct map *m, const char *key);                /* returns the removed value or NULL */
size_t map_len(const struct map *m);

/* Iterates in insertion order as long as nothing was deleted: `size_t it = 0; while (map_next(m, &it, &k, &v))`.
 * The current entry may be deleted while iterating; nothing may be inserted. */
bool map_next(const struct map *m, size_t *it, const char **key, void **value);

#endif
