/* A map from "Kind/namespace/name" to texts. One lock, a leaf. */
#include "controller/core/found.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"

struct meeting {
    int64_t ms; /* monotonic: when it was last looked at */
    char *text;
};

struct found {
    const struct clock *clock;
    pthread_mutex_t lock;
    struct map *meetings;
};

struct found *found_new(const struct clock *clock) {
    struct found *f = must(calloc(1, sizeof *f));
    f->clock = clock;
    f->meetings = map_new();
    pthread_mutex_init(&f->lock, NULL);
    return f;
}

static void meeting_free(struct meeting *m) {
    if (!m) return;
    free(m->text);
    free(m);
}

void found_free(struct found *f) {
    size_t it = 0;
    const char *key;
    void *value;
    while (map_next(f->meetings, &it, &key, &value)) meeting_free(value);
    map_free(f->meetings);
    pthread_mutex_destroy(&f->lock);
    free(f);
}

static const char *key_of(struct arena *a, enum kind k, const char *ns, const char *name) {
    return arena_printf(a, "%s/%s/%s", kind_info(k)->name, ns ? ns : "", name);
}

static void forget_old_locked(struct found *f, struct arena *a) {
    int64_t now = clock_mono_ms(f->clock);
    const char **old = arena_array(a, map_len(f->meetings) + 1, sizeof *old), *key;
    size_t it = 0, n = 0;
    void *value;
    while (map_next(f->meetings, &it, &key, &value))
        if (now - ((struct meeting *)value)->ms > FOUND_KEPT_MS) old[n++] = arena_strdup(a, key);
    for (size_t i = 0; i < n; i++) meeting_free(map_del(f->meetings, old[i]));
}

/* Nearly always. */
static bool is_empty(struct found *f) {
    MUTEX_GUARD(&f->lock);
    return map_len(f->meetings) == 0;
}

bool found_put(struct found *f, enum kind k, const char *ns, const char *name, const struct jv *doc) {
    if (!doc && is_empty(f)) return false;
    ARENA_AUTO struct arena *a = arena_new();
    const char *key = key_of(a, k, ns, name), *text = doc ? json_text(a, doc) : NULL;
    MUTEX_GUARD(&f->lock);
    forget_old_locked(f, a);
    struct meeting *old = map_del(f->meetings, key);
    bool news = !old != !text || (old && !str_eq(old->text, text));
    if (text && map_len(f->meetings) < FOUND_MAX) { /* the arena is this function's own: it has room, or the process ends */
        struct meeting *m = must(malloc(sizeof *m));
        *m = (struct meeting){clock_mono_ms(f->clock), must(strdup(text))};
        map_put(f->meetings, key, m);
    }
    meeting_free(old);
    return news;
}

/* Not into the arena: a unit of work that has no memory left ends there, and must not hold the lock. */
static char *text_of(struct found *f, const char *key) {
    MUTEX_GUARD(&f->lock);
    const struct meeting *m = map_get(f->meetings, key);
    return m ? must(strdup(m->text)) : NULL;
}

struct jv *found_get(struct found *f, struct arena *a, enum kind k, const char *ns, const char *name) {
    struct err ignored = ERR_INIT;
    char *text = is_empty(f) ? NULL : text_of(f, key_of(a, k, ns, name));
    if (text) arena_defer(a, free, text);
    return text ? json_parse(a, text, strlen(text), NULL, &ignored) : NULL;
}
