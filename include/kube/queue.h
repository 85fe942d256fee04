/* The work queue of a controller: every key at most once, never two workers on one key, delayed adds, per-key backoff.
 * Semantics of client-go's workqueue. Any thread. */
#ifndef RBG_KUBE_QUEUE_H
#define RBG_KUBE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"

struct queue;

/* Backoff of failed keys: base * 2^n up to max (5 ms ... 1000 s), with up to 10 % jitter. */
struct queue *queue_new(const char *name, const struct clock *clock);
void queue_free(struct queue *q);

void queue_add(struct queue *q, const char *key);
void queue_add_after(struct queue *q, const char *key, int64_t ms); /* the earliest of several delays wins */
void queue_add_backoff(struct queue *q, const char *key);
/* At least min_ms, which Retry-After may ask for and which wins, and at most max_ms. */
void queue_add_backoff_between(struct queue *q, const char *key, int64_t min_ms, int64_t max_ms);
void queue_forget(struct queue *q, const char *key);                /* resets the backoff */

/* Takes the next key (copied into key, up to size bytes); blocks. false: shut down. Every get needs a done. */
bool queue_get(struct queue *q, char *key, size_t size);
void queue_done(struct queue *q, const char *key);
void queue_shutdown(struct queue *q); /* get returns false once the queue is empty of ready keys */
size_t queue_len(struct queue *q);    /* ready keys */
void queue_wait_below(struct queue *q, size_t n); /* blocks until fewer than n keys are ready, or it is shut down */
bool queue_idle(struct queue *q);     /* nothing ready, delayed or being worked on */

#endif
