/* One note for each root at most, under one lock. */
#include "controller/core/refusals.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"

struct refusals {
    pthread_mutex_t lock;
    struct map *notes; /* root key -> struct refusal *, owned with its strings */
};

static char *copy(const char *s) {
    return s ? must(strdup(s)) : NULL;
}

static void note_free(struct refusal *n) {
    if (!n) return;
    free((char *)(uintptr_t)n->name);
    free((char *)(uintptr_t)n->message);
    free(n);
}

struct refusals *refusals_new(void) {
    struct refusals *r = must(calloc(1, sizeof *r));
    pthread_mutex_init(&r->lock, NULL);
    r->notes = map_new();
    return r;
}

void refusals_free(struct refusals *r) {
    size_t it = 0;
    const char *key;
    void *note;
    if (!r) return;
    while (map_next(r->notes, &it, &key, &note)) note_free(note);
    map_free(r->notes);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

const char *refusal_words(const struct err *e) {
    const char *http = strstr(e->msg, ": HTTP "), *words = http ? strstr(http + 7, ": ") : NULL;
    return words ? words + 2 : e->msg;
}

bool is_refusal(const struct err *e) {
    return e->code == ERR_FORBIDDEN || e->code == ERR_REJECTED || e->code == ERR_INVALID;
}

bool refusals_note(struct refusals *r, const char *root_key, const struct refusal *what) {
    MUTEX_GUARD(&r->lock);
    struct refusal *old = map_get(r->notes, root_key);
    if (old && old->act == what->act && old->kind == what->kind && str_eq(old->message, what->message)) return false;
    struct refusal *now = must(malloc(sizeof *now));
    *now = (struct refusal){what->act, what->kind, copy(what->name), copy(what->message)};
    note_free(map_put(r->notes, root_key, now));
    return true;
}

const struct refusal *refusals_get(struct refusals *r, struct arena *a, const char *root_key) {
    MUTEX_GUARD(&r->lock);
    const struct refusal *n = map_get(r->notes, root_key);
    if (!n) return NULL;
    struct refusal *out = ARENA_NEW(a, struct refusal);
    *out = (struct refusal){n->act, n->kind, n->name ? arena_strdup(a, n->name) : NULL, arena_strdup(a, n->message)};
    return out;
}

void refusals_clear(struct refusals *r, const char *root_key) {
    MUTEX_GUARD(&r->lock);
    note_free(map_del(r->notes, root_key));
}
