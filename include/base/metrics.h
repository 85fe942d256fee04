/* Counters, gauges and histograms in the Prometheus text format. One row per metric; any thread; updates are atomic. */
#ifndef RBG_BASE_METRICS_H
#define RBG_BASE_METRICS_H

#include <stdint.h>

#include "base/buf.h"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metric; /* a family: name, help, type, label names */

/* Registers a family for the life of the process; modules do it in a constructor, so that /metrics and the reference page name
 * every family before the first event. labels: comma-separated label names or NULL. Histograms use seconds and fixed buckets
 * from 0.5 ms to 60 s. */
struct metric *metric_new(enum metric_type t, const char *name, const char *help, const char *labels);

/* values: the label values in the order of the names; NULL for none. Cardinality is bounded at 1000 series a family. */
void metric_add(struct metric *m, double v, const char *const *values);
void metric_set(struct metric *m, double v, const char *const *values);
void metric_observe(struct metric *m, double seconds, const char *const *values);

/* Writes every family, sorted by name. */
void metrics_write(struct buf *out);

/* Calls fn for every family, sorted by name. labels: the names as they were given, "" for none. */
void metrics_each(void (*fn)(void *ctx, enum metric_type t, const char *name, const char *help, const char *labels), void *ctx);

#endif
