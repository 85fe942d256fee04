/* kubectl-rbg: the commands, one file each, and what they share. */
#ifndef RBG_CLI_CLI_H
#define RBG_CLI_CLI_H

#include "base/flags.h"
#include "sim/manifest.h"
#include "sim/sim.h"

struct command {
    const char *name, *args, *summary, *help;
    const struct flag *flags; /* besides -f */
    size_t nflags;
    bool files;               /* takes -f FILE, once or more, and -R */
    int (*run)(const struct command *self, int argc, char **argv); /* argv: after the command's name; returns the exit code */
};

extern const struct command cmd_simulate, cmd_lint, cmd_render, cmd_default, cmd_convert, cmd_webhook;

enum { EXIT_BAD_INPUT = 1, EXIT_USAGE = 2 };

/* Takes -f FILE..., --filename FILE..., -f=FILE, --filename=FILE, -R and --recursive out of argv, the rest is read as the
 * command's flags into opts. What follows a -f and is no flag is a file, too: a shell's *.yaml. Reads the files into *m
 * (which may be NULL when the command takes none). Says on standard error what is wrong; returns 0, or the exit code + 1
 * of a run that ends here (also of --help). */
int cli_args(const struct command *c, int argc, char **argv, struct arena *a, void *opts, struct manifests *m);

void cli_help(const struct command *c);

/* Converts, defaults and validates; prints problems, warnings and what is skipped on standard error. strict: unknown fields are
 * problems. Returns whether all are valid. *warnings may be NULL. */
bool cli_check(struct arena *a, struct manifests *m, bool strict, size_t *warnings);

/* The flag of commands that check. */
#define STRICT_FLAG(T) \
    {"strict", "true", "refuse fields that the definitions do not know, as kubectl apply does", FLAG_BOOL, offsetof(T, strict)}

/* As `kubectl get`: a heading, then a line for each object of the kind, with the columns of its definition. */
void cli_table(struct sim *s, enum kind k, struct buf *out);

/* Prints documents as YAML, separated. */
void cli_yaml(struct buf *out, const struct jv *doc, bool first);

#endif
