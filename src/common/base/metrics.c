/* Metrics in the Prometheus text format 0.0.4. Hides the registry (an array of families sorted by name, which only grows)
 * and each family's series, keyed by their rendered labels: escaping is injective, so the text is a fine key.
 * Threads: `registry_lock` guards the registry, each family's own lock its series; metrics_write copies the registry first, so
 * never holds both. Families live as long as the process.
 * A family never has more than SERIES_MAX series: what comes later is counted in one series whose labels are all "_other",
 * so sums stay true when somebody's names explode. */
#include "base/metrics.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"
#include "base/str.h"
#include "base/sync.h"
#include "base/utf8.h"

#define SERIES_MAX 1000
#define LABELS_MAX 8
#define OTHER "_other"

static const double bounds[] = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                0.25,   0.5,   1,      2.5,   5,    10,    30,   60};
#define NBOUNDS (sizeof bounds / sizeof *bounds)

struct series {
    double value;              /* of a counter or gauge; the sum of a histogram */
    uint64_t count;            /* observations */
    uint64_t buckets[NBOUNDS]; /* observations at or below this bound and above the one before */
};

struct metric {
    enum metric_type type;
    char *name, *help, *label_text; /* label_text: the names as they were given, "" for none */
    char *labels[LABELS_MAX]; /* as they stand in front of their values: `a="`, `,b="` */
    size_t nlabels;
    pthread_mutex_t lock;
    struct map *series;  /* rendered labels -> struct series */
    struct buf scratch;  /* for rendering labels under the lock */
};

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric **registry;
static size_t registry_len;

static bool name_ok(const char *s, bool colon) {
    if (!isalpha((unsigned char)*s) && *s != '_' && !(colon && *s == ':')) return false;
    while (isalnum((unsigned char)*s) || *s == '_' || (colon && *s == ':')) s++;
    return !*s;
}

static void split_labels(struct metric *m, const char *labels) {
    for (const char *p = labels; *p;) {
        size_t n = strcspn(p, ",");
        if (m->nlabels == LABELS_MAX) abort();
        char *name = must(strndup(p, n));
        if (!name_ok(name, false)) abort();
        if (asprintf(&m->labels[m->nlabels], "%s%s=\"", m->nlabels ? "," : "", name) < 0) abort();
        free(name);
        m->nlabels++;
        p += n + (p[n] == ',');
    }
}

static void put_escaped(struct buf *b, const char *s, bool quote) {
    while (*s) {
        size_t n = utf8_length(s);
        if (n == 0) buf_puts(b, UTF8_REPLACEMENT);
        else if (*s == '\n') buf_puts(b, "\\n");
        else if (*s == '\\') buf_puts(b, "\\\\");
        else if (*s == '"' && quote) buf_puts(b, "\\\"");
        else buf_add(b, s, n);
        s += n ? n : 1;
    }
}

/* The labels as they are printed between the braces; `values` NULL with labels means empty values. */
static const char *render_locked(struct metric *m, const char *const *values, const char *same) {
    buf_reset(&m->scratch);
    for (size_t i = 0; i < m->nlabels; i++) {
        const char *value = same ? same : values && values[i] ? values[i] : "";
        buf_puts(&m->scratch, m->labels[i]);
        put_escaped(&m->scratch, value, true);
        buf_putc(&m->scratch, '"');
    }
    return buf_str(&m->scratch);
}

static struct series *series_locked(struct metric *m, const char *const *values) {
    const char *key = render_locked(m, values, NULL);
    struct series *s = map_get(m->series, key);
    if (s) return s;
    if (map_len(m->series) >= SERIES_MAX) {
        key = render_locked(m, NULL, OTHER);
        s = map_get(m->series, key);
        if (s) return s;
    }
    s = must(calloc(1, sizeof *s));
    map_put(m->series, key, s);
    return s;
}

static struct metric *family_new(enum metric_type t, const char *name, const char *help, const char *labels) {
    struct metric *m = must(calloc(1, sizeof *m));
    m->type = t;
    m->name = must(strdup(name));
    m->help = must(strdup(help));
    m->label_text = must(strdup(labels ? labels : ""));
    split_labels(m, m->label_text);
    pthread_mutex_init(&m->lock, NULL);
    m->series = map_new();
    if (!m->nlabels) series_locked(m, NULL); /* not shared yet; a plain counter is visible as 0 before its first event */
    return m;
}

/* Position of the name, or where it belongs. */
static size_t position_locked(const char *name) {
    size_t i = 0;
    while (i < registry_len && strcmp(registry[i]->name, name) < 0) i++;
    return i;
}

struct metric *metric_new(enum metric_type t, const char *name, const char *help, const char *labels) {
    if (!name_ok(name, true)) abort();
    MUTEX_GUARD(&registry_lock);
    size_t at = position_locked(name);
    if (at < registry_len && strcmp(registry[at]->name, name) == 0) {
        struct metric *known = registry[at];
        if (known->type != t || !str_eq(known->label_text, labels ? labels : "")) abort();
        return known;
    }
    registry = must(realloc(registry, (registry_len + 1) * sizeof *registry));
    memmove(registry + at + 1, registry + at, (registry_len - at) * sizeof *registry);
    registry_len++;
    return registry[at] = family_new(t, name, help, labels);
}

void metric_add(struct metric *m, double v, const char *const *values) {
    if (m->type == METRIC_HISTOGRAM) abort();
    if (m->type == METRIC_COUNTER && !(v >= 0)) return; /* a counter that falls would read as a restart */
    MUTEX_GUARD(&m->lock);
    series_locked(m, values)->value += v;
}

void metric_set(struct metric *m, double v, const char *const *values) {
    if (m->type != METRIC_GAUGE) abort();
    MUTEX_GUARD(&m->lock);
    series_locked(m, values)->value = v;
}

void metric_observe(struct metric *m, double seconds, const char *const *values) {
    if (m->type != METRIC_HISTOGRAM) abort();
    if (isnan(seconds)) return;
    size_t i = 0;
    while (i < NBOUNDS && seconds > bounds[i]) i++;
    MUTEX_GUARD(&m->lock);
    struct series *s = series_locked(m, values);
    if (i < NBOUNDS) s->buckets[i]++;
    s->count++;
    s->value += seconds;
}

/* The shortest decimal that reads back as the same double. */
static void put_number(struct buf *b, double v) {
    if (isnan(v) || isinf(v)) {
        buf_puts(b, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
        return;
    }
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (!(strtod(text, NULL) < v) && !(strtod(text, NULL) > v)) break;
    }
    buf_puts(b, text);
}

/* "name_suffix{labels,le="..."} " */
static void put_sample(struct buf *b, const struct metric *m, const char *suffix, const char *labels, const char *le) {
    buf_printf(b, "%s%s", m->name, suffix);
    const char *comma = *labels && le ? "," : "";
    if (*labels || le) buf_printf(b, "{%s%s", labels, comma);
    if (le) buf_printf(b, "le=\"%s\"", le);
    if (*labels || le) buf_putc(b, '}');
    buf_putc(b, ' ');
}

static void put_histogram(struct buf *b, const struct metric *m, const char *labels, const struct series *s) {
    uint64_t below = 0;
    for (size_t i = 0; i < NBOUNDS; i++) {
        BUF_AUTO struct buf le = BUF_INIT;
        put_number(&le, bounds[i]);
        below += s->buckets[i];
        put_sample(b, m, "_bucket", labels, buf_str(&le));
        buf_printf(b, "%llu\n", (unsigned long long)below);
    }
    put_sample(b, m, "_bucket", labels, "+Inf");
    buf_printf(b, "%llu\n", (unsigned long long)s->count);
    put_sample(b, m, "_sum", labels, NULL);
    put_number(b, s->value);
    buf_putc(b, '\n');
    put_sample(b, m, "_count", labels, NULL);
    buf_printf(b, "%llu\n", (unsigned long long)s->count);
}

static void put_family(struct buf *b, struct metric *m) {
    static const char *const types[] = {
        [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    buf_printf(b, "# HELP %s ", m->name);
    put_escaped(b, m->help, false);
    buf_printf(b, "\n# TYPE %s %s\n", m->name, types[m->type]);
    MUTEX_GUARD(&m->lock);
    const char *labels;
    void *series;
    for (size_t it = 0; map_next(m->series, &it, &labels, &series);) {
        const struct series *s = series;
        if (m->type == METRIC_HISTOGRAM) {
            put_histogram(b, m, labels, s);
            continue;
        }
        put_sample(b, m, "", labels, NULL);
        put_number(b, s->value);
        buf_putc(b, '\n');
    }
}

/* A copy of the registry, on the heap. */
static struct metric **families(size_t *n) {
    MUTEX_GUARD(&registry_lock);
    *n = registry_len;
    struct metric **copy = must(malloc((registry_len + 1) * sizeof *copy));
    if (registry_len) memcpy(copy, registry, registry_len * sizeof *copy);
    return copy;
}

void metrics_write(struct buf *out) {
    size_t n;
    struct metric **all = families(&n);
    for (size_t i = 0; i < n; i++) put_family(out, all[i]);
    free(all);
}

void metrics_each(void (*fn)(void *ctx, enum metric_type t, const char *name, const char *help, const char *labels), void *ctx) {
    size_t n;
    struct metric **all = families(&n);
    for (size_t i = 0; i < n; i++) fn(ctx, all[i]->type, all[i]->name, all[i]->help, all[i]->label_text);
    free(all);
}
