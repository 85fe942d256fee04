/* A unit of work with a budget: what is done for one request, one object or one reconcile may take so much memory and time, and
 * ends when it wants more, wherever it is. The end unwinds the stack: cleanup attributes of the functions in between run, as they
 * do when a thread is cancelled, so what they hold (arenas, buffers, locks) is given back. Everything that may run inside a unit is
 * compiled with -fexceptions and holds what it must give back by such attributes or in an arena. docs/adr/0009. */
#ifndef RBG_BASE_UNIT_H
#define RBG_BASE_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unit_budget {
    size_t bytes;             /* of chunks of arenas and of buffers, what was there before not counted; 0: no limit */
    int64_t ms;               /* by the monotonic clock; 0: no limit */
    bool (*stop)(void *ctx);  /* asked from time to time: nobody needs the result any more; NULL: never */
    void *ctx;
};

enum unit_end { UNIT_DONE, UNIT_BYTES, UNIT_TIME, UNIT_STOPPED };

/* Calls fn(arg) on this thread, within the budget. Inside another unit it is just called: the outer one's budget holds. */
enum unit_end unit_run(const struct unit_budget *b, void (*fn)(void *arg), void *arg);

/* Memory is taken, before it is, or was given back. Does not return when it is too much. Outside of units: nothing. */
void unit_charge(size_t bytes);
void unit_refund(size_t bytes);

/* So many elements were looked at, in a search that somebody may repeat for each of many. Does not return when time is over. */
void unit_spend(size_t steps);

/* The most that the thread's last unit had at a time: for tests and metrics. */
size_t unit_peak(void);

#endif
