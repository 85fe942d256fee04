/* Reads and checks manifests. Everything lives in the caller's arena. */
#include "sim/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "doc/yaml.h"

/* ---- reading ---- */

static int read_file(struct arena *a, const char *path, char **text, size_t *len, struct err *e) {
    bool standard = str_eq(path, "-");
    FILE *f = standard ? stdin : fopen(path, "rbe");
    BUF_AUTO struct buf all = BUF_INIT;
    char block[65536];
    size_t n;
    if (!f) return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    while ((n = fread(block, 1, sizeof block, f)) > 0 && all.len <= json_limits_default.max_bytes) buf_add(&all, block, n);
    bool failed = ferror(f) != 0;
    if (!standard) fclose(f);
    if (failed) return err_set(e, ERR_IO, "%s: can't be read", path);
    if (all.len > json_limits_default.max_bytes)
        return err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", path, json_limits_default.max_bytes);
    *text = arena_strndup(a, buf_str(&all), all.len);
    *len = all.len;
    return 0;
}

static int add(struct arena *a, struct manifests *into, const char *file, size_t number, const struct jv *doc, struct err *e) {
    static const char *const keys[] = {"apiVersion", "kind"};
    for (size_t i = 0; i < 2; i++)
        if (str_empty(jv_get_str(doc, keys[i])))
            return err_set(e, ERR_INVALID, "%s: document %zu: %s is missing: a manifest starts with apiVersion and kind",
                           file, number, keys[i]);
    if (str_empty(meta_name(doc)))
        return err_set(e, ERR_INVALID, "%s: document %zu (%s): metadata.name is missing: give the object a name", file, number,
                       jv_get_str(doc, "kind"));
    into->items = arena_grow(a, into->items, into->n * sizeof *into->items, (into->n + 1) * sizeof *into->items);
    into->items[into->n++] = (struct manifest){.file = file, .kind = kind_of(doc), .given = doc, .doc = jv_dup(a, doc)};
    return 0;
}

int manifests_read(struct arena *a, const char *path, struct manifests *into, struct err *e) {
    char *text;
    size_t len, n;
    struct jv **docs;
    if (read_file(a, path, &text, &len, e)) return -1;
    if (yaml_parse_all(a, text, len, &docs, &n, e)) return err_wrap(e, "%s", path);
    if (!n) return err_set(e, ERR_INVALID, "%s: no document in it", path);
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(jv_get_str(docs[i], "kind"), "List")) {
            if (add(a, into, path, i + 1, docs[i], e)) return -1;
            continue;
        }
        JV_FOR_ARR(item, jv_get(docs[i], "items"))
            if (add(a, into, path, i + 1, *item, e)) return -1;
    }
    return 0;
}

/* ---- checking ---- */

static int profile_exists(void *ctx, const char *name, struct err *e) {
    (void)e;
    const struct manifests *m = ctx;
    for (size_t i = 0; i < m->n; i++)
        if (m->items[i].kind == KIND_PROFILE && str_eq(meta_name(m->items[i].doc), name)) return 1;
    return 0;
}

static const struct jv *group(void *ctx, struct arena *a, const char *ns, const char *name) {
    (void)a;
    const struct manifests *m = ctx;
    for (size_t i = 0; i < m->n; i++) {
        const struct jv *doc = m->items[i].doc;
        if (m->items[i].kind == KIND_RBG && str_eq(meta_name(doc), name) && str_eq(meta_ns(doc), ns)) return doc;
    }
    return NULL;
}

static void line(struct buf *out, const struct manifest *m, const char *text) {
    buf_printf(out, "%s: %s/%s: %s\n", m->file, jv_str(jv_get(m->given, "kind"), "?"), meta_name(m->given), text);
}

/* To v1alpha2, with the defaults. Returns false with a line in out when it can't be converted. */
static bool convert_manifest(struct arena *a, struct manifest *m, const char *version, struct buf *out) {
    struct err e = ERR_INIT;
    if (!kind_info(m->kind)->convert) return true;
    if (!str_eq(version, kind_info(m->kind)->version)) {
        struct jv *current = convert(a, m->kind, m->doc, kind_info(m->kind)->version, &e);
        if (!current) {
            line(out, m, e.msg);
            return false;
        }
        m->doc = jv_dup(a, current);
    }
    admission_default(a, m->kind, m->doc, true);
    return true;
}

/* The schema of the version it is written in comes first, as in the API server; what the webhook says of the same place too is left
 * out. */
static size_t report(struct arena *a, const struct manifest *m, const struct problems *p, const struct problems *said,
                     struct buf *out) {
    size_t n = 0;
    for (size_t i = 0; i < p->nwarnings; i++) line(out, m, arena_printf(a, "warning: %s", p->warnings[i]));
    for (size_t i = 0; i < p->n; i++) {
        struct problems one = {.a = a, .items = &p->items[i], .n = 1};
        bool again = false;
        for (size_t k = 0; said && k < said->n; k++) again = again || str_eq(said->items[k].path, p->items[i].path);
        if (again) continue;
        line(out, m, problems_text(a, &one));
        n++;
    }
    return n;
}

static size_t check_ours(struct arena *a, struct manifests *all, struct manifest *m, struct buf *out) {
    struct lookup lookup = {.ctx = all, .profile_exists = profile_exists, .group = group};
    struct admission_opts opts = {.deprecated_workloads = true};
    struct problems schema = {.a = a}, p = {.a = a};
    const char *version = strchr(jv_str(jv_get(m->given, "apiVersion"), ""), '/');
    version = version ? version + 1 : "";
    if (!kind_version(m->kind, version)) {
        line(out, m, arena_printf(a, "apiVersion: there is no version \"%s\" of this kind: write %s", version,
                                  kind_info(m->kind)->api_version));
        return 1;
    }
    admission_check_schema(&schema, m->kind, version, m->given);
    size_t n = report(a, m, &schema, NULL, out);
    if (!convert_manifest(a, m, version, out)) return n + 1;
    admission_validate(&p, m->kind, m->doc, NULL, &lookup, &opts);
    return n + report(a, m, &p, &schema, out);
}

static size_t check(struct arena *a, struct manifests *all, struct manifest *m, struct buf *out) {
    if (m->kind != KIND_NONE) return kind_info(m->kind)->ours ? check_ours(a, all, m, out) : 0;
    line(out, m, arena_printf(a, "apiVersion %s has no such kind here: known are the kinds of workloads.x-k8s.io and those that "
                              "they are made of", jv_str(jv_get(m->given, "apiVersion"), "?")));
    return 1;
}

size_t manifests_check(struct arena *a, struct manifests *m, struct buf *out) {
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) n += check(a, m, &m->items[i], out);
    return n;
}
