/* Tables as `kubectl get` prints them: the columns come from the kinds' definitions, pods have those that kubectl gives them. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"

#define MAX_COLUMNS 12

/* ---- JSON paths of printer columns: .a.b.c and .a[?(@.key=='value')].b ---- */

static const struct jv *step_filter(const struct jv *v, const char **p) {
    char key[64], value[128];
    int used = 0;
    if (sscanf(*p, "[?(@.%63[^=]=='%127[^']')]%n", key, value, &used) != 2 || !used) {
        *p += strlen(*p);
        return NULL;
    }
    *p += used;
    return jv_find(v, key, value);
}

static const struct jv *at_path(struct arena *a, const struct jv *doc, const char *path) {
    const struct jv *v = doc;
    for (const char *p = path; *p && v;) {
        if (*p == '[') {
            v = step_filter(v, &p);
            continue;
        }
        size_t n = strcspn(++p, ".[");
        v = jv_get(v, arena_strndup(a, p, n));
        p += n;
    }
    return v;
}

/* As kubectl shortens them: 45s, 12m, 3h. */
static char *age(struct arena *a, const char *since, int64_t now) {
    int64_t then;
    if (time_parse_rfc3339(since, &then)) return arena_strdup(a, "<unknown>");
    int64_t s = (now - then) / 1000;
    if (s < 120) return arena_printf(a, "%llds", (long long)s);
    if (s < 600 && s % 60) return arena_printf(a, "%lldm%llds", (long long)(s / 60), (long long)(s % 60));
    return s < 10800 ? arena_printf(a, "%lldm", (long long)(s / 60)) : arena_printf(a, "%lldh", (long long)(s / 3600));
}

static char *cell(struct arena *a, const struct jv *doc, const struct column *c, int64_t now) {
    const struct jv *v = at_path(a, doc, c->path);
    if (!v || jv_is(v, J_NULL)) return arena_strdup(a, "");
    if (str_eq(c->type, "date")) return age(a, jv_str(v, ""), now);
    return jv_is(v, J_STR) ? arena_strdup(a, v->s) : json_text(a, v);
}

/* ---- rows ---- */

struct table { char **cells; size_t rows, columns; };

static void put(struct table *t, size_t row, size_t column, const char *text) {
    t->cells[row * t->columns + column] = (char *)(uintptr_t)text;
}

static void print(struct arena *a, const struct table *t, struct buf *out) {
    size_t *width = ARENA_ARRAY(a, t->columns, size_t);
    for (size_t i = 0; i < t->rows * t->columns; i++) {
        size_t n = strlen(t->cells[i]);
        if (n > width[i % t->columns]) width[i % t->columns] = n;
    }
    for (size_t i = 0; i < t->rows * t->columns; i++) {
        bool last = i % t->columns == t->columns - 1;
        if (last) buf_printf(out, "%s\n", t->cells[i]);
        else buf_printf(out, "%-*s   ", (int)width[i % t->columns], t->cells[i]);
    }
}

static const struct column pod_columns[] = {
    {"READY", "string", "", 0}, {"STATUS", "string", "", 0}, {"RESTARTS", "string", "", 0},
    {"AGE", "date", ".metadata.creationTimestamp", 0}, {"NODE", "string", ".spec.nodeName", 0},
};

static char *pod_cell(struct arena *a, const struct jv *doc, const struct column *c, int64_t now) {
    const struct jv *statuses = jv_path(doc, "status", "containerStatuses", (char *)0);
    int64_t ready = 0, restarts = 0;
    JV_FOR_ARR(it, statuses) {
        ready += jv_get_bool(*it, "ready", false);
        restarts += jv_get_int(*it, "restartCount", 0);
    }
    if (str_eq(c->name, "READY"))
        return arena_printf(a, "%lld/%zu", (long long)ready, jv_len(jv_path(doc, "spec", "containers", (char *)0)));
    if (str_eq(c->name, "STATUS")) return state_text(a, KIND_POD, doc);
    if (str_eq(c->name, "RESTARTS")) return arena_printf(a, "%lld", (long long)restarts);
    return cell(a, doc, c, now);
}

static size_t columns_of(enum kind k, const struct column **out) {
    const struct kind_version *v = kind_version(k, kind_info(k)->version);
    if (k == KIND_POD) {
        *out = pod_columns;
        return sizeof pod_columns / sizeof *pod_columns;
    }
    *out = v ? v->columns : NULL;
    size_t n = 0; /* those of priority 1 are for -o wide */
    while (v && n < v->ncolumns && n < MAX_COLUMNS && !v->columns[n].priority) n++;
    return n;
}

void cli_table(struct sim *s, enum kind k, struct buf *out) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct column *columns;
    struct jv **docs;
    size_t n = cluster_list(sim_cluster(s), a, k, &docs), nc = columns_of(k, &columns);
    if (!n) return;
    struct table t = {.rows = n + 1, .columns = nc + 1};
    t.cells = ARENA_ARRAY(a, t.rows * t.columns, char *);
    put(&t, 0, 0, "NAME");
    for (size_t c = 0; c < nc; c++) put(&t, 0, c + 1, columns[c].name);
    for (size_t r = 0; r < n; r++) {
        put(&t, r + 1, 0, arena_printf(a, "%s/%s", kind_info(k)->singular, meta_name(docs[r])));
        for (size_t c = 0; c < nc; c++) {
            char *(*show)(struct arena *, const struct jv *, const struct column *, int64_t) = k == KIND_POD ? pod_cell : cell;
            put(&t, r + 1, c + 1, show(a, docs[r], &columns[c], sim_now_ms(s)));
        }
    }
    print(a, &t, out);
    buf_putc(out, '\n');
}
