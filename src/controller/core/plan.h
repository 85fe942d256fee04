/* A plan: what one reconcile wants to write, in order. Made by pure functions from a world, carried out by an executor (the API
 * server's or the simulation's). A plan for a world that is as wanted is empty: that is how a quiet cluster sees no writes. */
#ifndef RBG_CONTROLLER_PLAN_H
#define RBG_CONTROLLER_PLAN_H

#include "controller/core/compare.h"

enum act {
    ACT_CREATE,       /* POST; an object of that name that is there already is an error */
    ACT_APPLY,        /* server-side apply, field manager rbg */
    ACT_PATCH,        /* merge patch (strategic for Kubernetes' own kinds), with the uid as precondition */
    ACT_PATCH_STATUS,
    ACT_DELETE,       /* background propagation, with the uid as precondition; gone already is fine */
    ACT_EVENT,        /* about the root */
    ACT_LOOK,         /* ask for an object in the way that no cache may show; its news wake the root */
    ACT_BARRIER,      /* what follows is only done when everything before has succeeded */
    ACT_AFTER,        /* look again after delay_ms, whatever happens */
};

struct action {
    enum act act;
    enum kind kind;
    const char *ns, *name, *uid;
    bool force;        /* ACT_APPLY: the object is known to be ours: over other field managers. Else it has to be made: one that is
                        * there already is an error, as for ACT_CREATE */
    bool adopts;       /* ACT_PATCH: makes the root an owner, so only while it still exists */
    struct jv *body;
    struct jv *anew;   /* ACT_PATCH of a revision: what takes its place when it can't be patched */
    int64_t delay_ms;  /* ACT_*_STATUS, ACT_PATCH: may wait this long for company; ACT_AFTER: the delay */
    bool gives_way;    /* only records something: may wait until there is less to do (later.h); nothing may depend on it. When it
                        * is a status, the controller of the root's owner is told that it waits */
    /* ACT_EVENT; on a write: the event to emit when it succeeded. NULL reason: none. */
    const char *type, *reason, *message;
    const char *fail_reason; /* on a write: the Warning event when it failed */
};

struct plan {
    struct arena *a;
    struct action *items;
    size_t n, cap;
};

void plan_init(struct plan *p, struct arena *a);

/* Writes. Each returns the action, so that events can be attached at once (the next one may move it), or NULL when nothing has to
 * be written. */
struct action *plan_create(struct plan *p, enum kind k, struct jv *object);
/* live: what the source has, or NULL. Nothing is planned when the apply would change nothing (compare.h). An absent object is only
 * made, so that a namesake that no cache shows is no victim. */
struct action *plan_apply(struct plan *p, enum kind k, struct jv *desired, const struct jv *live);
/* status: the whole wanted status. Nothing is planned when live's status is equal. Conditions and lists are replaced as a whole. */
struct action *plan_status(struct plan *p, enum kind k, const struct jv *live, struct jv *status, int64_t delay_ms);
struct action *plan_patch(struct plan *p, enum kind k, const struct jv *live, struct jv *patch);
struct action *plan_patch_status(struct plan *p, enum kind k, const struct jv *live, struct jv *patch, int64_t delay_ms);
struct action *plan_delete(struct plan *p, enum kind k, const struct jv *live);

void plan_look(struct plan *p, enum kind k, const struct jv *live);

void plan_event(struct plan *p, const char *type, const char *reason, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void plan_barrier(struct plan *p);
void plan_after(struct plan *p, int64_t delay_ms);
#define NAMESAKE_RECHECK_MS 10000 /* the end of somebody else's object is no news that reaches the root */

/* Attaches events to a write; w may be NULL. */
void action_on_ok(struct plan *p, struct action *w, const char *reason, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
void action_on_fail(struct action *w, const char *reason);
void action_gives_way(struct action *w); /* only records; w may be NULL */

/* Is this failure of a write as good as success? What was to be deleted or patched is gone; a revision of that name can only
 * hold the same data (a plan gives different data a different name). */
bool action_harmless(const struct action *w, const struct err *e);

/* Was it refused because somebody has the name, whom no cache shows? */
bool action_taken(const struct action *w, const struct err *e);
/* The body of a server-side apply that only makes an object: no object ever has this version, and the API server does not ask for
 * one where there is none. */
struct jv *apply_only_new(struct arena *a, const struct jv *desired);

/* Was this write refused because the object has changed since it was read? It is made anew then, which is no news to anybody. */
bool action_outdated(const struct action *w, const struct err *e);

/* Was it refused because an API server that checks owner references has not heard of our kinds yet? So it goes for some seconds
 * after the definitions were made; the first roots are tried again in silence. root: with its creationTimestamp. */
bool action_early(const struct err *e, const struct jv *root, int64_t now_ms);

/* Was the patch of a revision refused, because the API server would write its data otherwise than they are stored? Programs that
 * sent other bytes than it writes itself have left such revisions. Then these two writes, in order, do what the patch was for. */
bool action_needs_anew(const struct action *w, const struct err *e);
void action_anew(const struct action *w, struct action *gone, struct action *anew);

/* The plan as a document, for golden tests and for people: a list of {act, kind, name, body, ...}. */
struct jv *plan_doc(struct arena *a, const struct plan *p);

/* ---- conditions ---- */

/* Appends {type, status, lastTransitionTime, reason, message[, observedGeneration]} to `into`. lastTransitionTime is kept from
 * `old` (array, may be NULL) while the status is the same, else it is now. reason, message NULL: left out. generation 0: left
 * out. */
void condition_put(struct arena *a, struct jv *into, const struct jv *old, const char *type, bool status, const char *reason,
                   const char *message, int64_t generation, int64_t now_ms);
bool condition_true(const struct jv *conditions, const char *type);
/* Milliseconds since 1970 of the last transition; dflt when the condition is absent. */
int64_t condition_since(const struct jv *conditions, const char *type, int64_t dflt);

#endif
