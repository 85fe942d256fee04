/* Leader election. Hides the protocol on one Lease object, that of client-go: whoever wrote the record last holds it until
 * nobody renewed it for the duration that it names. Clocks of different machines are never compared: a candidate
 * measures, on its own monotonic clock, for how long it has seen the record unchanged.
 *
 * Threads: one; it alone touches the record and calls the callbacks. `held` and `stop` are atomics, `lock` and `wake` serve
 * to cut its sleep short. A write carries the resourceVersion that was read, so two candidates can't both win. */
#include "kube/lease.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"

#define DURATION_MS 15000
#define RENEW_MS 10000
#define RETRY_MS 2000
#define REQUEST_MS 5000

struct lease {
    struct kube *k;
    char *ns, *name, *identity;
    struct lease_opts o;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stop, held;

    /* the thread's own: the record as last observed */
    char observed[512]; /* holder, times, transitions: what changes when somebody writes */
    int64_t observed_ms, observed_duration_ms;
    char *holder;
    int64_t deadline_ms; /* of the attempt that is under way */
    int64_t renewed_ms;  /* begin of the last one that wrote */
};

static int64_t now_ms(void) { return clock_mono_ms(clock_real()); }

static bool stopping(const struct lease *l) { return __atomic_load_n(&l->stop, __ATOMIC_RELAXED); }

bool lease_held(const struct lease *l) { return __atomic_load_n(&l->held, __ATOMIC_ACQUIRE); }

static void sleep_ms(struct lease *l, int64_t ms) {
    int64_t end = now_ms() + ms;
    MUTEX_GUARD(&l->lock);
    while (!stopping(l) && now_ms() < end) cond_wait_ms(&l->wake, &l->lock, end - now_ms());
}

/* ---- the record ---- */

/* A lease counts whole seconds; what is asked for in less is never rounded to none. */
static int64_t duration_s(const struct lease *l) { return (l->o.duration_ms + 999) / 1000; }

static void observe(struct lease *l, const struct jv *doc) {
    const struct jv *spec = jv_get(doc, "spec");
    char now[sizeof l->observed];
    snprintf(now, sizeof now, "%s %s %s %" PRId64, jv_str(jv_get(spec, "holderIdentity"), ""),
             jv_str(jv_get(spec, "acquireTime"), ""), jv_str(jv_get(spec, "renewTime"), ""),
             jv_get_int(spec, "leaseTransitions", 0));
    if (strcmp(now, l->observed) == 0) return;
    memcpy(l->observed, now, sizeof now);
    l->observed_ms = now_ms();
    l->observed_duration_ms = jv_get_int(spec, "leaseDurationSeconds", 0) * 1000;
    const char *holder = jv_str(jv_get(spec, "holderIdentity"), "");
    if (!str_eq(holder, l->holder) && *holder && !str_eq(holder, l->identity))
        log_info("another replica leads", "lease", l->name, "leader", holder);
    free(l->holder);
    l->holder = must(strdup(holder));
}

static int request(struct lease *l, struct arena *a, const char *method, const struct jv *doc, struct jv **out,
                   struct err *e) {
    bool create = str_eq(method, "POST");
    char *text = doc ? json_text(a, doc) : NULL;
    int64_t timeout = l->deadline_ms - now_ms();
    if (timeout <= 0) return err_set(e, ERR_TIMEOUT, "lease %s/%s: no time left", l->ns, l->name);
    if (timeout > REQUEST_MS) timeout = REQUEST_MS;
    struct kube_request q = {.method = method, .body = text, .len = text ? strlen(text) : 0, .timeout_ms = timeout};
    q.path = arena_printf(a, "/apis/coordination.k8s.io/v1/namespaces/%s/leases%s%s", l->ns, create ? "" : "/",
                          create ? "" : l->name);
    return kube_ask(l->k, &q, a, out, e);
}

static struct jv *fresh(struct lease *l, struct arena *a) {
    struct jv *doc = jv_new_obj(a), *meta = jv_new_obj(a);
    jv_set_str(a, doc, "apiVersion", "coordination.k8s.io/v1");
    jv_set_str(a, doc, "kind", "Lease");
    jv_set_str(a, meta, "namespace", l->ns);
    jv_set_str(a, meta, "name", l->name);
    jv_set(a, doc, "metadata", meta);
    return doc;
}

static void fill(struct lease *l, struct arena *a, struct jv *doc) {
    struct jv *spec = jv_need_obj(a, doc, "spec");
    bool ours = str_eq(jv_get_str(spec, "holderIdentity"), l->identity);
    char now[32];
    time_rfc3339_micro(clock_now_ms(clock_real()), now);
    if (!ours) {
        jv_set_str(a, spec, "acquireTime", now);
        jv_set_int(a, spec, "leaseTransitions", jv_get_int(spec, "leaseTransitions", -1) + 1);
    }
    jv_set_str(a, spec, "holderIdentity", l->identity);
    jv_set_int(a, spec, "leaseDurationSeconds", duration_s(l));
    jv_set_str(a, spec, "renewTime", now);
}

static bool someone_else_holds(const struct lease *l) {
    return !str_empty(l->holder) && !str_eq(l->holder, l->identity) &&
           now_ms() < l->observed_ms + l->observed_duration_ms;
}

/* One attempt to get or keep the lease, over at the deadline. 0: it is ours now; 1: another's; -1: error. */
static int try_hold(struct lease *l, int64_t deadline_ms, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc, *written;
    int64_t begun = now_ms(); /* the lease runs from before the write */
    l->deadline_ms = deadline_ms;
    bool create = false;
    if (request(l, a, "GET", NULL, &doc, e) != 0) {
        if (e->code != ERR_NOT_FOUND) return -1;
        create = true;
        doc = fresh(l, a);
    } else {
        observe(l, doc);
        if (someone_else_holds(l)) return 1;
    }
    fill(l, a, doc);
    if (request(l, a, create ? "POST" : "PUT", doc, &written, e) != 0) return -1;
    observe(l, written);
    l->renewed_ms = begun;
    return 0;
}

/* ---- the thread ---- */

/* Up to 20 % longer, so that candidates do not move in step. */
static int64_t jittered(int64_t ms) {
    uint16_t v = 0;
    if (getrandom(&v, sizeof v, 0) != sizeof v) v = 0;
    return ms + ms * v / UINT16_MAX / 5;
}

static bool acquire(struct lease *l) {
    while (!stopping(l)) {
        struct err e = ERR_INIT;
        int rc = try_hold(l, now_ms() + l->o.renew_ms, &e);
        if (rc == 0) return true;
        if (rc < 0 && e.code != ERR_CONFLICT && e.code != ERR_EXISTS)
            log_warn("leader election: can't read or write the lease", "lease", l->name, "error", e.msg);
        sleep_ms(l, jittered(l->o.retry_ms));
    }
    return false;
}

/* Returns when the lease is lost, or the process ends. No attempt lasts beyond the renew deadline, which lies before the
 * moment at which another replica may take over. */
static void keep(struct lease *l) {
    while (!stopping(l)) {
        int64_t deadline = l->renewed_ms + l->o.renew_ms, left = deadline - now_ms();
        if (left <= 0) return;
        sleep_ms(l, left < l->o.retry_ms ? left : l->o.retry_ms);
        if (stopping(l)) return;
        struct err e = ERR_INIT;
        int rc = try_hold(l, deadline, &e);
        if (rc > 0) log_error("leader election: another replica took the lease", "lease", l->name, "leader", l->holder);
        if (rc < 0) log_warn("leader election: can't renew the lease", "lease", l->name, "error", e.msg);
        if (rc > 0) return;
    }
}

/* Gives it up, so that the next leader need not wait for it to expire. */
static void release(struct lease *l) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct jv *doc, *written;
    l->deadline_ms = now_ms() + REQUEST_MS;
    if (request(l, a, "GET", NULL, &doc, &e) == 0) {
        struct jv *spec = jv_need_obj(a, doc, "spec");
        if (!str_eq(jv_get_str(spec, "holderIdentity"), l->identity)) return;
        char now[32];
        time_rfc3339_micro(clock_now_ms(clock_real()), now);
        jv_set_str(a, spec, "holderIdentity", "");
        jv_set_int(a, spec, "leaseDurationSeconds", 1);
        jv_set_str(a, spec, "renewTime", now);
        jv_set_str(a, spec, "acquireTime", now);
        if (request(l, a, "PUT", doc, &written, &e) == 0) return;
    }
    log_warn("leader election: can't release the lease; it expires by itself", "lease", l->name, "error", e.msg);
}

static void *elect(void *arg) {
    struct lease *l = arg;
    if (!acquire(l)) return NULL;
    __atomic_store_n(&l->held, true, __ATOMIC_RELEASE);
    log_info("this replica leads", "lease", l->name, "identity", l->identity);
    if (l->o.on_started) l->o.on_started(l->o.ctx);
    keep(l);
    bool lost = !stopping(l);
    __atomic_store_n(&l->held, false, __ATOMIC_RELEASE);
    if (!lost) release(l);
    else if (l->o.on_lost) l->o.on_lost(l->o.ctx);
    return NULL;
}

/* ---- life ---- */

struct lease *lease_start(struct kube *k, const struct lease_opts *o) {
    struct lease *l = must(calloc(1, sizeof *l));
    l->k = k;
    l->o = *o;
    l->ns = must(strdup(o->ns));
    l->name = must(strdup(o->name));
    l->identity = must(strdup(o->identity));
    if (l->o.duration_ms <= 0) l->o.duration_ms = DURATION_MS;
    if (l->o.renew_ms <= 0) l->o.renew_ms = RENEW_MS;
    if (l->o.retry_ms <= 0) l->o.retry_ms = RETRY_MS;
    if (pthread_mutex_init(&l->lock, NULL) != 0) abort();
    cond_init_mono(&l->wake);
    l->thread = thread_start("lease", elect, l);
    return l;
}

void lease_stop(struct lease *l) {
    if (!l) return;
    mutex_lock(&l->lock);
    __atomic_store_n(&l->stop, true, __ATOMIC_RELAXED);
    pthread_cond_broadcast(&l->wake);
    mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    pthread_cond_destroy(&l->wake);
    pthread_mutex_destroy(&l->lock);
    free(l->ns);
    free(l->name);
    free(l->identity);
    free(l->holder);
    free(l);
}
