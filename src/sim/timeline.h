/* What happened, for people: one line for each change of state that somebody would point out, "+12.3s RoleInstance g-worker-0
 * Ready". */
#ifndef RBG_SIM_TIMELINE_H
#define RBG_SIM_TIMELINE_H

#include "api/kinds.h"
#include "base/buf.h"

struct timeline;

struct timeline *timeline_new(void);
void timeline_free(struct timeline *t);

/* Also hands each line on, without its newline, as it is written. */
void timeline_listen(struct timeline *t, void (*line)(void *ctx, const char *text), void *ctx);

/* A change of an object at ms since the start; was or is may be NULL. Adds no line when nothing worth telling changed. */
void timeline_change(struct timeline *t, int64_t ms, enum kind k, const struct jv *was, const struct jv *is);
void timeline_say(struct timeline *t, int64_t ms, const char *kind, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* All lines so far, each with its newline. */
const char *timeline_text(const struct timeline *t);

/* The state of an object in a few words: "Ready", "2/3 ready, 1 updated". */
char *state_text(struct arena *a, enum kind k, const struct jv *doc);

#endif
