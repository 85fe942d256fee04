/* Reads and checks manifests. Everything lives in the caller's arena. */
#include "sim/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/names.h"
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

/* What a server adds. Nodes keep their status: it says what room they have. */
static struct jv *as_written(struct arena *a, const struct jv *given, enum kind k) {
    static const char *const server[] = {"uid",          "resourceVersion",   "generation",      "creationTimestamp",
                                         "managedFields", "selfLink",          "ownerReferences", "deletionTimestamp",
                                         "deletionGracePeriodSeconds"};
    struct jv *doc = jv_dup(a, given), *meta = jv_get(doc, "metadata");
    for (size_t i = 0; i < sizeof server / sizeof *server; i++) jv_del(meta, server[i]);
    if (k != KIND_NODE) jv_del(doc, "status");
    return doc;
}

/* A misspelt kind of our group is a mistake, others are other people's. */
static bool foreign(const struct jv *doc, enum kind k) {
    return k == KIND_NONE && !str_has_prefix(jv_get_str(doc, "apiVersion"), API_GROUP "/");
}

static int add(struct arena *a, struct manifests *into, const char *file, size_t number, const struct jv *doc, struct err *e) {
    static const char *const keys[] = {"apiVersion", "kind"};
    enum kind k = kind_of(doc);
    for (size_t i = 0; i < 2; i++)
        if (str_empty(jv_get_str(doc, keys[i])))
            return err_set(e, ERR_INVALID, "%s: document %zu: %s is missing: a manifest starts with apiVersion and kind",
                           file, number, keys[i]);
    if (str_empty(meta_name(doc)) && !foreign(doc, k))
        return err_set(e, ERR_INVALID, "%s: document %zu (%s): metadata.name is missing: give the object a name", file, number,
                       jv_get_str(doc, "kind"));
    into->items = arena_grow(a, into->items, into->n * sizeof *into->items, (into->n + 1) * sizeof *into->items);
    into->items[into->n++] = (struct manifest){
        .file = file, .kind = k, .skipped = foreign(doc, k), .given = doc, .doc = as_written(a, doc, k)};
    return 0;
}

static int read_documents(struct arena *a, const char *path, struct manifests *into, struct err *e) {
    char *text;
    size_t len, n;
    struct jv **docs;
    if (read_file(a, path, &text, &len, e)) return -1;
    if (yaml_parse_all(a, text, len, &docs, &n, e)) return err_wrap(e, "%s", path);
    if (!n) return err_set(e, ERR_INVALID, "%s: no document in it", path);
    for (size_t i = 0; i < n; i++) {
        if (!str_has_suffix(jv_get_str(docs[i], "kind"), "List") || !jv_is(jv_get(docs[i], "items"), J_ARR)) {
            if (add(a, into, path, i + 1, docs[i], e)) return -1;
            continue;
        }
        JV_FOR_ARR(item, jv_get(docs[i], "items"))
            if (add(a, into, path, i + 1, *item, e)) return -1;
    }
    return 0;
}

/* ---- folders ---- */

static bool is_folder(const char *path) {
    struct stat st;
    return !str_eq(path, "-") && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_manifest(const char *name) {
    return str_has_suffix(name, ".yaml") || str_has_suffix(name, ".yml") || str_has_suffix(name, ".json");
}

static int by_name(const void *x, const void *y) { return strcmp(*(char *const *)x, *(char *const *)y); }

/* The folder's entries by name, hidden ones left out. */
static int folder_names(struct arena *a, const char *path, char ***out, size_t *n, struct err *e) {
    DIR *d = opendir(path);
    if (!d) return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    *out = NULL;
    *n = 0;
    for (const struct dirent *it; (it = readdir(d));) {
        if (it->d_name[0] == '.') continue;
        *out = arena_grow(a, *out, *n * sizeof **out, (*n + 1) * sizeof **out);
        (*out)[(*n)++] = arena_printf(a, "%s/%s", path, it->d_name);
    }
    closedir(d);
    if (*n) qsort(*out, *n, sizeof **out, by_name);
    return 0;
}

enum { FOLDERS_MAX = 32 }; /* in one another: more are a circle of links */

static int read_folder(struct arena *a, const char *path, bool recursive, int depth, struct manifests *into, struct err *e) {
    char **names;
    size_t n;
    if (depth > FOLDERS_MAX) return err_set(e, ERR_LIMIT, "%s: folders are more than %d deep", path, FOLDERS_MAX);
    if (folder_names(a, path, &names, &n, e)) return -1;
    for (size_t i = 0; i < n; i++) {
        if (is_folder(names[i])) {
            if (recursive && read_folder(a, names[i], true, depth + 1, into, e)) return -1;
        } else if (is_manifest(names[i]) && read_documents(a, names[i], into, e)) {
            return -1;
        }
    }
    return 0;
}

/* What the controllers have made of another one of the manifests: it will be made again. */
static void skip_children(struct manifests *m) {
    for (size_t i = 0; i < m->n; i++) {
        struct manifest *child = &m->items[i];
        JV_FOR_ARR(ref, jv_path(child->given, "metadata", "ownerReferences", (char *)0))
            for (size_t k = 0; k < m->n; k++) {
                const struct jv *owner = m->items[k].given;
                child->skipped |= k != i && str_eq(jv_get_str(*ref, "kind"), jv_get_str(owner, "kind")) &&
                                  str_eq(jv_get_str(*ref, "name"), meta_name(owner)) &&
                                  str_eq(meta_ns(owner), meta_ns(child->given));
            }
    }
}

int manifests_read(struct arena *a, const char *path, bool recursive, struct manifests *into, struct err *e) {
    size_t before = into->n;
    int rc = is_folder(path) ? read_folder(a, path, recursive, 0, into, e) : read_documents(a, path, into, e);
    if (rc) return -1;
    if (into->n == before)
        return err_set(e, ERR_INVALID, "%s: no file called *.yaml, *.yml or *.json in it%s", path,
                       recursive ? "" : "; -R looks into the folders below it");
    skip_children(into);
    return 0;
}

void manifests_skip_foreign(struct manifests *m) {
    for (size_t i = 0; i < m->n; i++)
        m->items[i].skipped |= m->items[i].kind != KIND_NONE && !kind_info(m->items[i].kind)->ours;
}

void manifests_others(const struct manifests *m, const char *says, struct buf *out) {
    BUF_AUTO struct buf kinds = BUF_INIT;
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        const char *kind = jv_str(jv_get(m->items[i].given, "kind"), "");
        bool first = true;
        if (!m->items[i].skipped) continue;
        for (size_t k = 0; k < i; k++)
            first = first && !(m->items[k].skipped && str_eq(kind, jv_get_str(m->items[k].given, "kind")));
        if (first) buf_printf(&kinds, "%s%s", n ? ", " : "", kind);
        n++;
    }
    if (n) buf_printf(out, "%zu other object%s %s (%s)\n", n, n == 1 ? "" : "s", says, buf_str(&kinds));
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
    for (size_t i = 0; i < p->nwarnings; i++) {
        bool again = false; /* a warning begins with its path */
        for (size_t k = 0; said && k < said->n && !again; k++)
            again = str_has_prefix(p->warnings[i], said->items[k].path) && p->warnings[i][strlen(said->items[k].path)] == ':';
        if (!again) line(out, m, arena_printf(a, "warning: %s", p->warnings[i]));
    }
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

static size_t check_ours(struct arena *a, struct manifests *all, struct manifest *m, const struct check_opts *o, size_t *warnings,
                         struct buf *out) {
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
    if (!o->lenient) admission_check_unknown(&schema, m->kind, version, m->given);
    size_t n = report(a, m, &schema, NULL, out);
    if (!convert_manifest(a, m, version, out)) return n + 1;
    admission_validate(&p, m->kind, m->doc, NULL, &lookup, &opts);
    *warnings += p.nwarnings;
    return n + report(a, m, &p, &schema, out);
}

static size_t check(struct arena *a, struct manifests *all, struct manifest *m, const struct check_opts *o, size_t *warnings,
                    struct buf *out) {
    if (m->skipped) return 0;
    if (m->kind != KIND_NONE) return kind_info(m->kind)->ours ? check_ours(a, all, m, o, warnings, out) : 0;
    line(out, m, arena_printf(a, "apiVersion %s has no such kind: correct its name", jv_str(jv_get(m->given, "apiVersion"), "?")));
    return 1;
}

size_t manifests_check(struct arena *a, struct manifests *m, const struct check_opts *o, size_t *warnings, struct buf *out) {
    size_t n = 0, none = 0;
    for (size_t i = 0; i < m->n; i++) n += check(a, m, &m->items[i], o, warnings ? warnings : &none, out);
    return n;
}
