/* Events. Hides when and how they are written. events_add puts a message into the group of its object, type and reason; a
 * group collects for the window and is then written as one event: a new one, or, when the same text about the same thing
 * was written in the last ten minutes, a patch that counts it up.
 *
 * Threads: events_add from any; one writer thread sends. `lock` guards the list of collecting groups (oldest first, at most
 * PENDING_MAX of them: beyond that the oldest is dropped and counted); the memory of what was written is the writer's
 * own. No request is made under the lock. */
#include "kube/events.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/map.h"
#include "base/metrics.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"

#define WINDOW_MS 1000
#define REPEAT_MS 600000
#define PENDING_MAX 1024
#define WRITTEN_MAX 4096
#define MESSAGE_MAX 1024
#define TAIL_ROOM 32 /* for "; … and 4000000000 more" */
#define FLUSH_MS 5000
#define REQUEST_MS 10000

/* One burst: everything about one object with one type and reason. */
struct group {
    struct group *next;
    char *key; /* object, type, reason */
    char *api_version, *kind, *ns, *name, *uid, *type, *reason;
    struct buf message;
    struct map *messages; /* those already in it; values unused */
    unsigned more;        /* different ones that found no room */
    int64_t count;        /* calls */
    int64_t first_ms, last_ms, due_ms;
};

/* An event that the API server has. */
struct written {
    struct written *prev, *next; /* oldest first */
    char *key, *ns, *name;
    int64_t count, last_ms;
};

struct events {
    struct kube *k;
    char *component;
    const struct clock *clock;
    int64_t window_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct map *groups; /* key -> collecting group */
    struct group *head, **tail;
    size_t npending;
    bool stop;
    int64_t flush_until; /* monotonic, real; once stopping */

    struct map *written; /* the writer's own: key and message -> written */
    struct written *oldest, *newest;
};

static struct metric *dropped;

__attribute__((constructor)) static void metrics_init(void) {
    dropped = metric_new(METRIC_COUNTER, "rbg_events_dropped_total", "Events that could not be written.", NULL);
}

static char *dup(const char *s) { return must(strdup(s ? s : "")); }

/* ---- groups ---- */

static struct group *group_new(const struct event *w, char *key, int64_t now, int64_t window) {
    struct group *g = must(calloc(1, sizeof *g));
    *g = (struct group){
        .key = key, .api_version = dup(w->api_version), .kind = dup(w->kind), .ns = dup(w->ns), .name = dup(w->name),
        .uid = dup(w->uid), .type = dup(w->type), .reason = dup(w->reason), .messages = map_new(),
        .first_ms = now, .last_ms = now, .due_ms = now + window,
    };
    return g;
}

static void group_free(struct group *g) {
    char *const strings[] = {g->key, g->api_version, g->kind, g->ns, g->name, g->uid, g->type, g->reason};
    for (size_t i = 0; i < sizeof strings / sizeof *strings; i++) free(strings[i]);
    map_free(g->messages);
    buf_fini(&g->message);
    free(g);
}

static size_t utf8_cut(const char *s, size_t max) {
    size_t n = strlen(s);
    if (n <= max) return n;
    while (max && ((unsigned char)s[max] & 0xC0) == 0x80) max--;
    return max;
}

/* Joins a message to the burst; the first always fits, cut if it must. */
static void group_add(struct group *g, const char *message) {
    g->count++;
    if (map_has(g->messages, message)) return;
    size_t room = MESSAGE_MAX - TAIL_ROOM - g->message.len;
    if (g->message.len == 0) {
        buf_add(&g->message, message, utf8_cut(message, MESSAGE_MAX - TAIL_ROOM));
    } else if (g->more == 0 && strlen(message) + 2 <= room) {
        buf_printf(&g->message, "; %s", message);
    } else {
        g->more++;
        if (map_len(g->messages) >= PENDING_MAX) return;
    }
    map_put(g->messages, message, g);
}

/* How often it happened: the calls with one text; a burst of several is one happening. */
static int64_t times(const struct group *g) { return map_len(g->messages) == 1 ? g->count : 1; }

static void remove_head_locked(struct events *ev) {
    struct group *g = ev->head;
    ev->head = g->next;
    if (!ev->head) ev->tail = &ev->head;
    map_del(ev->groups, g->key);
    ev->npending--;
}

static struct group *group_need_locked(struct events *ev, const struct event *w, int64_t now, struct group **victim) {
    struct buf key = BUF_INIT;
    buf_printf(&key, "%s/%s/%s/%s/%s/%s", w->kind, w->ns ? w->ns : "", w->name, w->uid ? w->uid : "", w->type, w->reason);
    struct group *g = map_get(ev->groups, key.s);
    if (g) {
        buf_fini(&key);
        return g;
    }
    if (ev->npending >= PENDING_MAX) {
        *victim = ev->head;
        remove_head_locked(ev);
    }
    g = group_new(w, key.s, now, ev->window_ms);
    map_put(ev->groups, g->key, g);
    *ev->tail = g;
    ev->tail = &g->next;
    ev->npending++;
    return g;
}

void events_add(struct events *ev, const struct event *what) {
    struct group *victim = NULL;
    int64_t now = clock_now_ms(ev->clock);
    mutex_lock(&ev->lock);
    bool idle = !ev->head;
    struct group *g = group_need_locked(ev, what, now, &victim);
    g->last_ms = now;
    group_add(g, what->message ? what->message : "");
    if (idle) pthread_cond_signal(&ev->wake);
    mutex_unlock(&ev->lock);
    if (!victim) return;
    group_free(victim);
    metric_add(dropped, 1, NULL);
}

/* ---- what was written ---- */

static void written_unlink(struct events *ev, struct written *w) {
    *(w->prev ? &w->prev->next : &ev->oldest) = w->next;
    *(w->next ? &w->next->prev : &ev->newest) = w->prev;
    w->prev = w->next = NULL;
}

static void written_append(struct events *ev, struct written *w) {
    w->prev = ev->newest;
    *(ev->newest ? &ev->newest->next : &ev->oldest) = w;
    ev->newest = w;
}

static void written_drop(struct events *ev, struct written *w) {
    written_unlink(ev, w);
    map_del(ev->written, w->key);
    free(w->key);
    free(w->ns);
    free(w->name);
    free(w);
}

static void written_trim(struct events *ev, int64_t now) {
    while (ev->oldest && (map_len(ev->written) > WRITTEN_MAX || now - ev->oldest->last_ms > REPEAT_MS))
        written_drop(ev, ev->oldest);
}

/* ---- writing ---- */

static int send_doc(struct events *ev, struct arena *a, const char *method, const char *path, const struct jv *doc,
                    struct err *e) {
    char *text = json_text(a, doc);
    struct kube_request q = {.method = method, .path = path, .body = text, .len = strlen(text), .timeout_ms = REQUEST_MS};
    if (str_eq(method, "PATCH")) q.content_type = "application/merge-patch+json";
    mutex_lock(&ev->lock);
    int64_t left = ev->stop ? ev->flush_until - clock_mono_ms(clock_real()) : REQUEST_MS;
    mutex_unlock(&ev->lock);
    if (left <= 0) return err_set(e, ERR_CANCELED, "no time left");
    if (left < q.timeout_ms) q.timeout_ms = left;
    return kube_do(ev->k, &q, NULL, e);
}

static const char *event_ns(const struct group *g) { return *g->ns ? g->ns : "default"; }

/* "<object>.<hex>", at most what a name may be long. */
static char *event_name(struct arena *a, const struct group *g) {
    uint64_t v = 0;
    if (getrandom(&v, sizeof v, 0) != sizeof v) v = (uint64_t)g->first_ms * 1000003u;
    int n = (int)strlen(g->name);
    if (n > 236) n = 236;
    while (n && (g->name[n - 1] == '.' || g->name[n - 1] == '-')) n--;
    return arena_printf(a, "%.*s.%016llx", n, g->name, (unsigned long long)v);
}

static struct jv *event_doc(struct events *ev, struct arena *a, const struct group *g, const char *name) {
    struct jv *doc = jv_new_obj(a), *meta = jv_need_obj(a, doc, "metadata"), *about, *source;
    char at[32];
    jv_set_str(a, doc, "apiVersion", "v1");
    jv_set_str(a, doc, "kind", "Event");
    jv_set_str(a, meta, "name", name);
    jv_set_str(a, meta, "namespace", event_ns(g));
    about = jv_need_obj(a, doc, "involvedObject");
    jv_set_str(a, about, "apiVersion", g->api_version);
    jv_set_str(a, about, "kind", g->kind);
    if (*g->ns) jv_set_str(a, about, "namespace", g->ns);
    jv_set_str(a, about, "name", g->name);
    if (*g->uid) jv_set_str(a, about, "uid", g->uid);
    jv_set_str(a, doc, "type", g->type);
    jv_set_str(a, doc, "reason", g->reason);
    jv_set_str(a, doc, "message", buf_str(&g->message));
    source = jv_need_obj(a, doc, "source");
    jv_set_str(a, source, "component", ev->component);
    jv_set_str(a, doc, "reportingComponent", ev->component);
    jv_set_str(a, doc, "firstTimestamp", time_rfc3339(g->first_ms, at));
    jv_set_str(a, doc, "lastTimestamp", time_rfc3339(g->last_ms, at));
    jv_set_int(a, doc, "count", times(g));
    return doc;
}

static int count_up(struct events *ev, struct arena *a, const struct group *g, struct written *w, struct err *e) {
    struct jv *patch = jv_new_obj(a);
    char at[32];
    jv_set_int(a, patch, "count", w->count + times(g));
    jv_set_str(a, patch, "lastTimestamp", time_rfc3339(g->last_ms, at));
    char *path = arena_printf(a, "/api/v1/namespaces/%s/events/%s", w->ns, w->name);
    if (send_doc(ev, a, "PATCH", path, patch, e) != 0) return -1;
    w->count += times(g);
    w->last_ms = g->last_ms;
    written_unlink(ev, w);
    written_append(ev, w);
    return 0;
}

static int create(struct events *ev, struct arena *a, const struct group *g, const char *key, struct err *e) {
    char *name = event_name(a, g), *path = arena_printf(a, "/api/v1/namespaces/%s/events", event_ns(g));
    if (send_doc(ev, a, "POST", path, event_doc(ev, a, g, name), e) != 0) return -1;
    struct written *w = must(calloc(1, sizeof *w));
    *w = (struct written){.key = dup(key), .ns = dup(event_ns(g)), .name = dup(name), .count = times(g),
                          .last_ms = g->last_ms};
    map_put(ev->written, w->key, w);
    written_append(ev, w);
    return 0;
}

static void write_group(struct events *ev, struct group *g) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    if (g->more) buf_printf(&g->message, "; … and %u more", g->more);
    char *key = arena_printf(a, "%s\n%s", g->key, buf_str(&g->message));
    written_trim(ev, g->last_ms);
    struct written *w = map_get(ev->written, key);
    int rc = w ? count_up(ev, a, g, w, &e) : create(ev, a, g, key, &e);
    if (rc != 0 && w && e.code == ERR_NOT_FOUND) { /* the server forgets events after an hour */
        written_drop(ev, w);
        rc = create(ev, a, g, key, &e);
    }
    if (rc == 0) return;
    metric_add(dropped, 1, NULL);
    if (kube_namespace_ends(&e)) return;
    log_warn("can't write an event", "object", g->name, "reason", g->reason, "message", buf_str(&g->message), "error", e.msg);
}

/* The first group whose window is over; NULL when the process ends and nothing is left. */
static struct group *next_group(struct events *ev) {
    MUTEX_GUARD(&ev->lock);
    for (;;) {
        int64_t left = ev->head ? ev->head->due_ms - clock_now_ms(ev->clock) : -1;
        if (ev->head && (left <= 0 || ev->stop)) break;
        if (ev->stop) return NULL;
        if (left > 10 && ev->clock != clock_real()) left = 10; /* a virtual clock wakes nobody */
        cond_wait_ms(&ev->wake, &ev->lock, left);
    }
    struct group *g = ev->head;
    remove_head_locked(ev);
    return g;
}

static void *writer(void *arg) {
    struct events *ev = arg;
    struct group *g;
    while ((g = next_group(ev))) {
        write_group(ev, g);
        group_free(g);
    }
    return NULL;
}

/* ---- life ---- */

struct events *events_new(struct kube *k, const char *component, const struct clock *clock, int64_t window_ms) {
    struct events *ev = must(calloc(1, sizeof *ev));
    ev->k = k;
    ev->component = dup(component);
    ev->clock = clock;
    ev->window_ms = window_ms > 0 ? window_ms : WINDOW_MS;
    ev->groups = map_new();
    ev->written = map_new();
    ev->tail = &ev->head;
    if (pthread_mutex_init(&ev->lock, NULL) != 0) abort();
    cond_init_mono(&ev->wake);
    ev->thread = thread_start("events", writer, ev);
    return ev;
}

void events_free(struct events *ev) {
    if (!ev) return;
    mutex_lock(&ev->lock);
    ev->stop = true;
    ev->flush_until = clock_mono_ms(clock_real()) + FLUSH_MS;
    pthread_cond_signal(&ev->wake);
    mutex_unlock(&ev->lock);
    pthread_join(ev->thread, NULL);
    while (ev->oldest) written_drop(ev, ev->oldest);
    map_free(ev->written);
    map_free(ev->groups);
    pthread_cond_destroy(&ev->wake);
    pthread_mutex_destroy(&ev->lock);
    free(ev->component);
    free(ev);
}
