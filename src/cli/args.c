/* Arguments of the commands, and printing that they share. */
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"

void cli_help(const struct command *c) {
    BUF_AUTO struct buf out = BUF_INIT;
    buf_printf(&out, "%s\n\nUsage: kubectl rbg %s %s\n\n%s\n\nFlags:\n", c->summary, c->name, c->args, c->help);
    if (c->files)
        buf_puts(&out, "  -f, --filename FILE\n"
                       "      manifest, YAML or JSON, or a folder of them; -: standard input; may be given several times\n"
                       "  -R, --recursive\n"
                       "      look into the folders below a folder, too\n");
    flags_help(c->flags, c->nflags, &out);
    fputs(buf_str(&out), stdout);
}

/* The file of a -f at argv[*i], or NULL when there is none; moves *i past a separate value. */
static const char *file_arg(int argc, char **argv, int *i, bool *missing) {
    static const char *const joined[] = {"--filename=", "-f="};
    const char *arg = argv[*i];
    for (size_t k = 0; k < sizeof joined / sizeof *joined; k++)
        if (str_has_prefix(arg, joined[k])) return arg + strlen(joined[k]);
    if (!str_eq(arg, "-f") && !str_eq(arg, "--filename")) return NULL;
    *missing = *i + 1 >= argc;
    return *missing ? "" : argv[++*i];
}

static int fail(const struct command *c, const char *why, int code) {
    fprintf(stderr, "kubectl rbg %s: %s\n", c->name, why);
    if (code == EXIT_USAGE) fprintf(stderr, "kubectl rbg %s --help shows the flags\n", c->name);
    return code + 1;
}

static int parse_rest(const struct command *c, struct arena *a, int argc, char **argv, void *opts) {
    struct err e = ERR_INIT;
    int rest = 0;
    char **all = ARENA_ARRAY(a, (size_t)argc + 2, char *); /* flags_parse starts after the program's name */
    all[0] = arena_strdup(a, c->name);
    memcpy(all + 1, argv, (size_t)argc * sizeof *argv);
    if (flags_parse(c->flags, c->nflags, opts, argc + 1, all, &rest, &e)) return fail(c, e.msg, EXIT_USAGE);
    if (rest < argc + 1)
        return fail(c, arena_printf(a, "\"%s\": not expected here%s", all[rest], c->files ? "; files are given with -f" : ""),
                    EXIT_USAGE);
    return 0;
}

int cli_args(const struct command *c, int argc, char **argv, struct arena *a, void *opts, struct manifests *m) {
    char **rest = ARENA_ARRAY(a, (size_t)argc + 1, char *);
    const char **files = ARENA_ARRAY(a, (size_t)argc + 1, const char *);
    int nrest = 0;
    size_t nfiles = 0;
    bool recursive = false, more = false; /* more: what comes now may be one more file */
    for (int i = 0; i < argc; i++) {
        bool missing = false;
        if (c->files && (str_eq(argv[i], "-R") || str_eq(argv[i], "--recursive"))) {
            recursive = true;
            continue;
        }
        if (more && argv[i][0] != '-') {
            files[nfiles++] = argv[i];
            continue;
        }
        if (str_eq(argv[i], "--help") || str_eq(argv[i], "-h")) {
            cli_help(c);
            return 1;
        }
        const char *file = c->files ? file_arg(argc, argv, &i, &missing) : NULL;
        if (missing) return fail(c, "-f needs a file", EXIT_USAGE);
        more = file != NULL;
        if (file) files[nfiles++] = file;
        else rest[nrest++] = argv[i];
    }
    int rc = parse_rest(c, a, nrest, rest, opts);
    if (rc || !c->files) return rc;
    if (!nfiles) return fail(c, "no input: give a manifest with -f FILE", EXIT_USAGE);
    struct err e = ERR_INIT;
    for (size_t i = 0; i < nfiles; i++)
        if (manifests_read(a, files[i], recursive, m, &e)) return fail(c, e.msg, EXIT_BAD_INPUT);
    return 0;
}

bool cli_check(struct arena *a, struct manifests *m, bool strict, size_t *warnings) {
    BUF_AUTO struct buf out = BUF_INIT;
    size_t none = 0, n = manifests_check(a, m, &(struct check_opts){.lenient = !strict}, warnings ? warnings : &none, &out);
    manifests_others(m, "skipped", &out);
    fputs(buf_str(&out), stderr);
    return n == 0;
}

void cli_yaml(struct buf *out, const struct jv *doc, bool first) {
    if (!first) buf_puts(out, "---\n");
    json_write_yaml(out, doc);
}
