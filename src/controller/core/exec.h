/* Carries out plans against the API server: the only caller of the Kubernetes client in the controllers. */
#ifndef RBG_CONTROLLER_EXEC_H
#define RBG_CONTROLLER_EXEC_H

#include "base/clock.h"
#include "controller/core/plan.h"
#include "controller/core/refusals.h"
#include "kube/client.h"
#include "kube/events.h"
#include "kube/expect.h"

struct exec {
    struct kube *kube;
    struct expect *expect;
    struct refusals *refusals; /* noted here, and cleared when a plan goes through */
    struct events *events;     /* of the reconciler; NULL: none are written */
    const struct clock *clock;
    size_t parallel;           /* requests of one plan in flight */
    /* Has the cache seen this already? Called right after a write was announced to `expect`, so that an event that came before the
     * answer is not waited for. */
    void (*recheck)(void *ctx, enum kind k, const char *ns, const char *name);
    /* A write may be put off to be collected with later ones: returns how many ms are left of delay_ms since the first call for
     * this key, 0 when it is due. */
    int64_t (*put_off)(void *ctx, const char *root_key, int64_t delay_ms);
    /* Must a write that only records wait, because there is more to do? Then the root is looked at again. */
    bool (*gives_way)(void *ctx, const char *root_key);
    /* What is under this name now, as a GET has shown (NULL: nothing). Returns whether that is news. */
    bool (*found)(void *ctx, enum kind k, const char *ns, const char *name, struct arena *a, struct jv *doc);
    bool (*may_tell)(void *ctx); /* may a Normal event be written now? */
    void *ctx;
};

struct exec_result {
    int64_t after_ms; /* look again then; 0: only when something changes */
    bool refused;     /* the API server does not want a write as it is: ask again, but neither at once nor ever more rarely */
    bool put_off;     /* a write waits for company */
    bool gave_way;    /* a write waits until there is less to do */
    bool untold;      /* it is the status, so the root's owner has to look for itself */
};

/* root_key: of the expectations ("RoleInstance/ns/name"); root: the document that events are about. Independent actions run at
 * the same time; nothing after a barrier runs once something before it failed. Returns -1 with the first error. */
int exec_plan(const struct exec *x, const struct plan *p, const char *root_key, enum kind root_kind, const struct jv *root,
              struct exec_result *out, struct err *e);

#endif
