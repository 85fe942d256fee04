/* Does work grow no faster than n log n? A thing is done with 1x, 2x, 4x and 8x of something, and measured: the memory of its unit
 * of work, which is exact, and time of the CPU, of which the least of several is taken. */
#ifndef RBG_TEST_GROWTH_H
#define RBG_TEST_GROWTH_H

#include <stddef.h>

enum { GROWTH_STEPS = 4 };

struct growth { double us[GROWTH_STEPS]; size_t bytes[GROWTH_STEPS]; };

/* Calls work(ctx, step) and notes what it took. The memory is that of the unit of work that it has run (base/unit.h). */
void growth_measure(struct growth *g, size_t step, void (*work)(void *ctx), void *ctx);

/* NULL, or what grew too fast: more than GROWTH_MAX for a doubling, over all of them. What is small all the time may do what it
 * likes. */
#define GROWTH_MAX 2.3
const char *growth_excess(const struct growth *g);

#endif
