/* Measuring growth. Other processes disturb the time: the least of several runs counts, and what is below the floors is noise. */
#include "growth.h"

#include <stdio.h>
#include <time.h>

#include "base/unit.h"

enum { RUNS = 3, FLOOR_US = 40000 };
#define FLOOR_BYTES ((size_t)8 << 20)

static double thread_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

void growth_measure(struct growth *g, size_t step, void (*work)(void *ctx), void *ctx) {
    for (int run = 0; run < RUNS; run++) {
        double start = thread_us();
        work(ctx);
        double us = thread_us() - start;
        if (run == 0 || us < g->us[step]) g->us[step] = us;
        if (us < FLOOR_US / 20.0) break;
    }
    g->bytes[step] = unit_peak();
}

const char *growth_excess(const struct growth *g) {
    static char text[200];
    const size_t last = GROWTH_STEPS - 1;
    const double most = GROWTH_MAX * GROWTH_MAX * GROWTH_MAX;
    text[0] = '\0';
    if (g->bytes[last] > FLOOR_BYTES && (double)g->bytes[last] > most * (double)g->bytes[0])
        snprintf(text, sizeof text, "memory: %zu, %zu, %zu, %zu KiB", g->bytes[0] >> 10, g->bytes[1] >> 10, g->bytes[2] >> 10,
                 g->bytes[3] >> 10);
    else if (g->us[last] > FLOOR_US && g->us[last] > most * g->us[0])
        snprintf(text, sizeof text, "time: %.1f, %.1f, %.1f, %.1f ms", g->us[0] / 1e3, g->us[1] / 1e3, g->us[2] / 1e3,
                 g->us[3] / 1e3);
    return text[0] ? text : NULL;
}
