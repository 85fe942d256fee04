/* Locks and threads over pthreads. The calls here fail only by a bug in the caller or for lack of memory, so they abort
 * instead of handing on an error that nobody could handle. */
#include "base/sync.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BYTES ((size_t)4 << 20) /* sanitizers enlarge every frame */
#else
#define STACK_BYTES ((size_t)512 << 10)
#endif

static void must(int rc) {
    if (rc != 0) abort();
}

void mutex_lock(pthread_mutex_t *m) { must(pthread_mutex_lock(m)); }

void mutex_unlock(pthread_mutex_t *m) { must(pthread_mutex_unlock(m)); }

void cond_init_mono(pthread_cond_t *c) {
    pthread_condattr_t attr;
    must(pthread_condattr_init(&attr));
    must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC));
    must(pthread_cond_init(c, &attr));
    must(pthread_condattr_destroy(&attr));
}

/* Now plus ms, saturated: a deadline beyond what time_t holds is as good as none. */
static struct timespec deadline(int64_t ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    if (ms > INT64_C(1000) * 1000 * 1000 * 1000) ms = INT64_C(1000) * 1000 * 1000 * 1000;
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    return t;
}

bool cond_wait_ms(pthread_cond_t *c, pthread_mutex_t *m, int64_t ms) {
    if (ms < 0) {
        must(pthread_cond_wait(c, m));
        return true;
    }
    struct timespec t = deadline(ms);
    int rc = pthread_cond_timedwait(c, m, &t);
    if (rc == ETIMEDOUT) return false;
    must(rc);
    return true;
}

static pthread_t start(const char *name, void *(*fn)(void *), void *arg, size_t stack) {
    pthread_attr_t attr;
    pthread_t thread;
    must(pthread_attr_init(&attr));
    must(pthread_attr_setstacksize(&attr, stack));
    must(pthread_create(&thread, &attr, fn, arg));
    must(pthread_attr_destroy(&attr));
    char cut[16]; /* the kernel's limit */
    snprintf(cut, sizeof cut, "%s", name);
    pthread_setname_np(thread, cut); /* only for people who look at it; it may fail when the thread has ended */
    return thread;
}

pthread_t thread_start(const char *name, void *(*fn)(void *), void *arg) { return start(name, fn, arg, STACK_BYTES); }

pthread_t thread_start_deep(const char *name, void *(*fn)(void *), void *arg) { return start(name, fn, arg, 4 * STACK_BYTES); }
