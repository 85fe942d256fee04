/* Locks and threads. Locks are leaves: never two at once, never across I/O or a callback. */
#ifndef RBG_BASE_SYNC_H
#define RBG_BASE_SYNC_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* pthread calls that can only fail by a bug: abort then. */
void mutex_lock(pthread_mutex_t *m);
void mutex_unlock(pthread_mutex_t *m);
void cond_init_mono(pthread_cond_t *c);                     /* waits on CLOCK_MONOTONIC */
bool cond_wait_ms(pthread_cond_t *c, pthread_mutex_t *m, int64_t ms); /* false: time ran out; ms < 0 waits for ever */
pthread_t thread_start(const char *name, void *(*fn)(void *), void *arg); /* aborts on failure; small stack of 512 KiB */
pthread_t thread_start_deep(const char *name, void *(*fn)(void *), void *arg); /* with 2 MiB, for work on documents */

/* A scope guard: MUTEX_GUARD(&m); holds m to the end of the block. */
static inline pthread_mutex_t *mutex_guard_enter(pthread_mutex_t *m) { mutex_lock(m); return m; }
static inline void mutex_guard_leave(pthread_mutex_t **m) { mutex_unlock(*m); }
#define MUTEX_CAT2(a, b) a##b
#define MUTEX_CAT(a, b) MUTEX_CAT2(a, b)
#define MUTEX_GUARD(m) \
    __attribute__((cleanup(mutex_guard_leave), unused)) pthread_mutex_t *MUTEX_CAT(guard_, __LINE__) = mutex_guard_enter(m)

#endif
