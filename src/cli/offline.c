/* kubectl rbg lint, default and convert: admission and conversion on files. */
#include <stddef.h>
#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"

struct check_flags { bool strict; };

static const struct flag check_flags[] = {STRICT_FLAG(struct check_flags)};

/* Never "no problems" when something was warned of. */
static void print_count(const struct manifests *m, size_t warnings) {
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) n += !m->items[i].skipped;
    printf("%zu document%s, ", n, n == 1 ? "" : "s");
    if (warnings) printf("%zu warning%s\n", warnings, warnings == 1 ? "" : "s");
    else printf("no problems\n");
}

static int run_lint(const struct command *self, int argc, char **argv) {
    ARENA_AUTO struct arena *a = arena_new();
    struct manifests m = {0};
    struct check_flags o;
    size_t warnings = 0;
    int rc = cli_args(self, argc, argv, a, &o, &m);
    if (rc) return rc - 1;
    manifests_skip_foreign(&m); /* the embedded cluster knows more kinds than are checked */
    if (!cli_check(a, &m, o.strict, &warnings)) return EXIT_BAD_INPUT;
    fflush(stderr);
    print_count(&m, warnings);
    return 0;
}

const struct command cmd_lint = {
    .name = "lint",
    .args = "-f FILE... [--strict=false]",
    .summary = "Check manifests as the API server and the webhooks would",
    .help = "Prints every problem with its field path, the reason and what to write instead. "
            "Objects of other kinds are counted and skipped. Exit code: 0 when there is none, else 1.",
    .flags = check_flags,
    .nflags = sizeof check_flags / sizeof *check_flags,
    .files = true,
    .run = run_lint,
};

static int run_default(const struct command *self, int argc, char **argv) {
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf out = BUF_INIT;
    struct manifests m = {0};
    struct check_flags o;
    int rc = cli_args(self, argc, argv, a, &o, &m);
    if (rc) return rc - 1;
    if (!cli_check(a, &m, o.strict, NULL)) return EXIT_BAD_INPUT;
    for (size_t i = 0; i < m.n; i++)
        if (!m.items[i].skipped) cli_yaml(&out, m.items[i].doc, out.len == 0);
    fputs(buf_str(&out), stdout);
    return 0;
}

const struct command cmd_default = {
    .name = "default",
    .args = "-f FILE... [--strict=false]",
    .summary = "Print manifests with the defaults that admission would write",
    .help = "Prints v1alpha2; a v1alpha1 manifest is converted first. Objects of other kinds are counted and left out.",
    .flags = check_flags,
    .nflags = sizeof check_flags / sizeof *check_flags,
    .files = true,
    .run = run_default,
};

struct convert_opts { const char *to, *output; };

static const struct flag convert_flags[] = {
    {"to", "v1alpha2", "version to convert to: v1alpha1 or v1alpha2", FLAG_STRING, offsetof(struct convert_opts, to)},
    {"output", "yaml", "yaml, or json: one document a line", FLAG_STRING, offsetof(struct convert_opts, output)},
};

static int check_convert(const struct convert_opts *o) {
    if (!str_eq(o->to, "v1alpha1") && !str_eq(o->to, "v1alpha2")) {
        fprintf(stderr, "kubectl rbg convert: --to %s: write v1alpha1 or v1alpha2\n", o->to);
        return EXIT_USAGE;
    }
    if (!str_eq(o->output, "yaml") && !str_eq(o->output, "json")) {
        fprintf(stderr, "kubectl rbg convert: --output %s: write yaml or json\n", o->output);
        return EXIT_USAGE;
    }
    return 0;
}

/* Objects of other kinds, and those that have the version already, stay as they are. */
static const struct jv *to_version(struct arena *a, const struct manifest *m, const char *version, struct err *e) {
    const char *slash = strchr(jv_str(jv_get(m->given, "apiVersion"), ""), '/');
    if (m->kind == KIND_NONE || !kind_info(m->kind)->convert || (slash && str_eq(slash + 1, version))) return m->given;
    return convert(a, m->kind, m->given, version, e);
}

static int run_convert(const struct command *self, int argc, char **argv) {
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf out = BUF_INIT;
    struct convert_opts o;
    struct manifests m = {0};
    int rc = cli_args(self, argc, argv, a, &o, &m);
    if (rc) return rc - 1;
    if ((rc = check_convert(&o))) return rc;
    for (size_t i = 0; i < m.n; i++) {
        struct err e = ERR_INIT;
        const struct jv *doc = to_version(a, &m.items[i], o.to, &e);
        if (!doc) {
            fprintf(stderr, "%s: %s\n", m.items[i].file, e.msg);
            return EXIT_BAD_INPUT;
        }
        if (str_eq(o.output, "yaml")) cli_yaml(&out, doc, i == 0);
        else buf_printf(&out, "%s\n", json_text(a, doc));
    }
    fputs(buf_str(&out), stdout);
    return 0;
}

const struct command cmd_convert = {
    .name = "convert",
    .args = "-f FILE... [--to VERSION] [--output yaml|json]",
    .summary = "Convert groups and sets between v1alpha1 and v1alpha2",
    .help = "Without loss in both directions: what the other version can't say is kept in an annotation. "
            "Other objects are printed as they are.",
    .flags = convert_flags,
    .nflags = sizeof convert_flags / sizeof *convert_flags,
    .files = true,
    .run = run_convert,
};
