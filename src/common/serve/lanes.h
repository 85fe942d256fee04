/* Budgets of memory, and threads, so that large requests keep nobody else waiting. Private to `serve`. */
#ifndef RBG_SERVE_LANES_H
#define RBG_SERVE_LANES_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct peer;

/* Small bodies, of any route, have a lane of their own and are worked on by the thread that has read them. Large ones are worked on
 * by the threads of their lane. */
enum lane_id { LANE_SMALL, LANE_LARGE, LANE_APART, LANE_ANSWERS, LANES };

#define SMALL_BODY ((size_t)256 << 10)

/* A place in a lane, or in the row of those who wait for one. Belongs to an exchange; while it waits, the lanes hold it and its
 * connection is suspended. */
enum ticket_state { TICKET_NONE, TICKET_WAITS, TICKET_HELD, TICKET_REFUSED };

struct ticket {
    struct ticket *next;
    struct MHD_Connection *mc;
    struct peer *peer;
    enum lane_id lane;
    size_t n; /* bytes */
    int64_t until_ms;
    enum ticket_state state; /* under lanes.lock while it waits */
};

/* Work for a lane's thread. The connection is suspended until it is done. */
struct job {
    struct job *next;
    void (*run)(struct job *j);
    struct MHD_Connection *mc;
};

struct lanes {
    pthread_mutex_t lock;
    pthread_cond_t more, none; /* jobs, or stop; nobody is suspended */
    unsigned suspended;        /* connections that a ticket or a job has stopped and that have not been resumed */
    struct {
        size_t budget, used;
        struct ticket *wait, **wait_end;
        struct job *jobs, **jobs_end;
    } lane[LANES];
    bool closed, ended, stop;
    struct lane_worker {
        struct lanes *lanes;
        enum lane_id lane;
        pthread_t thread;
    } *workers;
    unsigned nworkers;
};

/* budgets[lane]: bytes that all its tickets together may have. threads: of each lane that has some. */
void lanes_init(struct lanes *l, const size_t budgets[LANES], unsigned threads);
void lanes_fini(struct lanes *l);

/* A place of n bytes. It is held (until lanes_release), or refused, or it waits: then the connection was suspended, and when it
 * goes on the ticket is held or refused. One address has at most half of a lane, unless it has nothing else there. */
enum ticket_state lanes_take(struct lanes *l, struct ticket *t, struct MHD_Connection *mc, struct peer *peer, enum lane_id lane,
                             size_t n);
enum ticket_state lanes_state(struct lanes *l, const struct ticket *t);
void lanes_release(struct lanes *l, struct ticket *t); /* in any state but waiting */

/* Suspends the connection, lets a thread of the lane do the work, and resumes it. False: nothing of that, lanes_end was called. */
bool lanes_run(struct lanes *l, enum lane_id lane, struct job *j, struct MHD_Connection *mc);

/* Refuses those who have waited too long. */
void lanes_expire(struct lanes *l, int64_t now_ms);
/* Refuses all who wait, now and later. */
void lanes_close(struct lanes *l);
/* No work begins any more. True: no connection is suspended, at the latest after `ms`. */
bool lanes_end(struct lanes *l, int64_t ms);

#endif
