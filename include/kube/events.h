/* Events about objects, written in the background: equal ones (object, type, reason, message) within ten minutes are counted
 * on the first (count, lastTimestamp) instead of written again; a burst of one reason about one object becomes one event that
 * lists the messages; a bounded queue drops the oldest when the API server can't keep up. Never fails its caller. */
#ifndef RBG_KUBE_EVENTS_H
#define RBG_KUBE_EVENTS_H

#include <stdint.h>

#include "base/clock.h"
#include "kube/client.h"

struct events;

struct event {
    const char *api_version, *kind, *ns, *name, *uid; /* the object it is about */
    const char *type;    /* "Normal" or "Warning" */
    const char *reason;  /* CamelCase */
    const char *message;
};

/* component: source of the events. window_ms: how long a burst is collected before it is written (0: 1000). */
struct events *events_new(struct kube *k, const char *component, const struct clock *clock, int64_t window_ms);
void events_add(struct events *ev, const struct event *what); /* copies */
void events_free(struct events *ev);                         /* writes what is pending (at most 5 s), then frees */

#endif
