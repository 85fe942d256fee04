/* The reference pages from the tables: a page for each kind with a table of fields for each version, and one with labels,
 * annotations, variables, conditions, reasons, events, metrics, which begins with a list of contents. Types below a pod template
 * are Kubernetes' own; their rows carry no descriptions and are not repeated. */
#include <ctype.h>
#include <string.h>

#include "api/names.h"
#include "api/print.h"
#include "base/metrics.h"
#include "base/str.h"

/* Text inside a cell: a bar would end it. */
static void put_cell(struct buf *out, const char *s) {
    for (; s && *s; s++) {
        if (*s == '|') buf_putc(out, '\\');
        buf_putc(out, *s == '\n' ? ' ' : *s);
    }
}

static void put_code(struct buf *out, const char *s) {
    buf_putc(out, '`');
    put_cell(out, s);
    buf_putc(out, '`');
}

/* ---- fields ---- */

static const char *scalar_name(enum fkind k) {
    static const char *const names[] = {
        [F_ANY] = "any",         [F_STRING] = "string", [F_BOOL] = "boolean",   [F_INT32] = "int32",
        [F_INT64] = "int64",     [F_FLOAT] = "number",  [F_QUANTITY] = "quantity", [F_INTSTR] = "int or string",
        [F_TIME] = "time",       [F_BYTES] = "base64",  [F_OBJECT] = "object",  [F_LIST] = "list",
        [F_MAP] = "map",
    };
    return names[k];
}

/* Ours carry descriptions; Kubernetes' own do not. */
static bool is_core(const struct type *t) {
    return t && !t->desc;
}

static const char *value_name(enum fkind k, const struct type *t) {
    return k == F_OBJECT && is_core(t) ? t->name : scalar_name(k);
}

static void put_type(struct buf *out, const struct field *f) {
    bool many = f->kind == F_LIST || f->kind == F_MAP;
    if (many) buf_puts(out, f->kind == F_LIST ? "list of " : "map of ");
    buf_puts(out, value_name(many ? f->elem : f->kind, f->type));
    if (f->list_keys) buf_printf(out, ", by %s", f->list_keys);
    if (f->flags & FF_SET) buf_puts(out, ", no duplicates");
}

static void put_bounds(struct buf *out, const struct field *f) {
    const struct { const char *text; uint32_t v; } counts[] = {
        {"at least %u items", f->min_items},
        {"at most %u items", f->max_items},
        {"length at least %u", f->min_length},
        {"length at most %u", f->max_length},
        {"at least %u members", f->min_properties},
        {"at most %u members", f->max_properties},
    };
    const char *sep = "";
    if (f->enums) {
        for (const char *at = f->enums, *end; at; at = end ? end + 1 : NULL, sep = ", ") {
            end = strchr(at, '|');
            buf_printf(out, "%s`%.*s`", sep, (int)(end ? (size_t)(end - at) : strlen(at)), at);
        }
    }
    if (f->min) buf_printf(out, "%s>= %s", sep, f->min), sep = ", ";
    if (f->max) buf_printf(out, "%s<= %s", sep, f->max), sep = ", ";
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (!counts[i].v) continue;
        buf_puts(out, sep);
        buf_printf(out, counts[i].text, counts[i].v);
        sep = ", ";
    }
    if (!f->pattern) return;
    buf_puts(out, sep);
    put_code(out, f->pattern);
}

static void put_field(struct buf *out, const char *path, const struct field *f) {
    buf_printf(out, "| `%s`%s | ", path, f->flags & FF_REQUIRED ? " *" : "");
    put_type(out, f);
    buf_puts(out, " | ");
    if (f->dflt) put_code(out, f->dflt);
    buf_puts(out, " | ");
    put_bounds(out, f);
    buf_puts(out, " | ");
    put_cell(out, f->desc);
    buf_puts(out, " |\n");
}

static void put_fields(struct arena *a, struct buf *out, const char *prefix, const struct type *t) {
    for (size_t i = 0; i < t->nfields; i++) {
        const struct field *f = &t->fields[i];
        if (!*prefix && !f->type) continue; /* apiVersion, kind, metadata: the same everywhere */
        const char *end = f->kind == F_LIST ? "[]" : f->kind == F_MAP ? ".<key>" : "";
        const char *path = arena_printf(a, "%s%s", prefix, f->key);
        put_field(out, path, f);
        if (f->type && !is_core(f->type)) put_fields(a, out, arena_printf(a, "%s%s.", path, end), f->type);
    }
}

static void put_rules(struct buf *out, const struct type *t) {
    for (size_t i = 0; i < t->nrules; i++) {
        buf_puts(out, "| ");
        put_cell(out, t->name);
        buf_puts(out, " | ");
        put_cell(out, t->rules[i].message);
        buf_puts(out, " | ");
        put_code(out, t->rules[i].cel);
        buf_puts(out, " |\n");
    }
    for (size_t i = 0; i < t->nfields; i++)
        if (t->fields[i].type && !is_core(t->fields[i].type)) put_rules(out, t->fields[i].type);
}

static bool has_rules(const struct type *t) {
    if (t->nrules) return true;
    for (size_t i = 0; i < t->nfields; i++)
        if (t->fields[i].type && !is_core(t->fields[i].type) && has_rules(t->fields[i].type)) return true;
    return false;
}

static void put_version(struct arena *a, struct buf *out, const struct kind_info *k, size_t i) {
    const struct kind_version *v = &k->versions[i];
    buf_printf(out, "\n## %s %s/%s\n\n", k->name, k->group, v->name);
    buf_printf(out, "%s%s%s.\n", v->storage ? "Stored" : "Served", v->deprecated ? ", deprecated" : "",
               v->scale_spec ? ", with the scale subresource" : "");
    if (i + 1 < k->nversions && v->type == k->versions[i + 1].type) {
        buf_printf(out, "\nThe fields are those of %s.\n", k->versions[i + 1].name);
        return;
    }
    buf_puts(out, "\n| Field | Type | Default | Allowed | Meaning |\n|---|---|---|---|---|\n");
    put_fields(a, out, "", v->type);
    if (!has_rules(v->type)) return;
    buf_puts(out, "\n| Type | Rule | CEL |\n|---|---|---|\n");
    put_rules(out, v->type);
}

/* Each page begins with a line that names its file; hack/generate.sh cuts there. */
static void begin_page(struct buf *out, const char *file) {
    buf_printf(out, "<!-- file: docs/%s -->\n", file);
}

static const char *page_of(struct arena *a, const struct kind_info *k) {
    char *file = arena_printf(a, "reference/%s.md", k->name);
    for (char *c = file; *c; c++) *c = (char)tolower((unsigned char)*c);
    return file;
}

static void put_kind(struct arena *a, struct buf *out, const struct kind_info *k) {
    begin_page(out, page_of(a, k));
    buf_printf(out, "# %s\n\n%s `kubectl get %s`", k->name, k->desc, k->plural);
    if (k->short_name) buf_printf(out, " or `%s`", k->short_name);
    buf_printf(out, "; %s. Names, metrics and flags: [reference](../reference.md).\n\n",
               k->cluster_scoped ? "cluster-scoped" : "namespaced");
    buf_puts(out, "`*` is required; `[]` stands for every element of a list, `<key>` for every key of a map. A type with a capital "
                  "letter is Kubernetes' own.\n");
    for (size_t i = k->nversions; i-- > 0;) put_version(a, out, k, i); /* the newest first */
}

/* ---- names ---- */

struct names_section { enum name_kind kind; const char *title, *head, *on; };

static void put_names(struct buf *out, const struct names_section *s) {
    size_t n;
    const struct name_info *rows = names_table(&n);
    buf_printf(out, "\n## %s\n\n| %s | %s | Meaning |\n|---|---|---|\n", s->title, s->head, s->on);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].kind != s->kind) continue;
        buf_puts(out, "| ");
        put_code(out, rows[i].name);
        buf_puts(out, " | ");
        put_cell(out, rows[i].on);
        buf_puts(out, " | ");
        put_cell(out, rows[i].desc);
        buf_puts(out, " |\n");
    }
}

static void put_metric(void *ctx, enum metric_type t, const char *name, const char *help, const char *labels) {
    static const char *const types[] = {[METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};
    struct buf *out = ctx;
    buf_printf(out, "| `%s` | %s | %s | ", name, types[t], labels);
    put_cell(out, help);
    buf_puts(out, " |\n");
}

static const struct names_section sections[] = {
    {NAME_LABEL, "Labels", "Label", "On"},
    {NAME_ANNOTATION, "Annotations", "Annotation", "On"},
    {NAME_ENV, "Environment variables of containers", "Variable", "In"},
    {NAME_CONDITION, "Conditions", "Type", "On"},
    {NAME_REASON, "Reasons of conditions", "Reason", "Of"},
    {NAME_EVENT, "Events", "Reason", "About"},
};
enum { NSECTIONS = sizeof sections / sizeof *sections };

/* A heading's anchor, as GitHub makes it: lower case, hyphens for spaces. */
static const char *anchor(struct arena *a, const char *title) {
    char *out = arena_strdup(a, title);
    for (char *c = out; *c; c++) *c = *c == ' ' ? '-' : (char)tolower((unsigned char)*c);
    return out;
}

static void put_contents(struct arena *a, struct buf *out) {
    begin_page(out, "reference.md");
    buf_puts(out, "# Reference\n\n"
                  "Printed by `rbg-manager --print-reference`; `hack/generate.sh` rewrites these pages. What has no effect in this "
                  "version is listed in README.md, \"What it does today\".\n\n| Kind | |\n|---|---|\n");
    for (int k = KIND_NONE + 1; k < KIND_COUNT; k++) {
        const struct kind_info *info = kind_info((enum kind)k);
        if (info->ours) buf_printf(out, "| [%s](%s) | %s |\n", info->name, page_of(a, info), info->desc);
    }
    buf_putc(out, '\n');
    for (size_t i = 0; i < NSECTIONS; i++) buf_printf(out, "- [%s](#%s)\n", sections[i].title, anchor(a, sections[i].title));
    buf_puts(out, "- [Metrics](#metrics)\n- [Flags of the manager](#rbg-manager---help)\n");
}

void print_reference(struct arena *a, struct buf *out) {
    for (int k = KIND_NONE + 1; k < KIND_COUNT; k++)
        if (kind_info((enum kind)k)->ours) put_kind(a, out, kind_info((enum kind)k));
    put_contents(a, out);
    for (size_t i = 0; i < NSECTIONS; i++) put_names(out, &sections[i]);
    buf_puts(out, "\n## Metrics\n\n| Name | Type | Labels | Meaning |\n|---|---|---|---|\n");
    metrics_each(put_metric, out);
}
