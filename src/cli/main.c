/* kubectl-rbg: finds the command and runs it. Also works as `kubectl rbg ...`, since kubectl runs programs named kubectl-*. */
#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"

static const struct command *const commands[] = {&cmd_simulate, &cmd_lint, &cmd_render, &cmd_default, &cmd_convert, &cmd_webhook};
#define NCOMMANDS (sizeof commands / sizeof *commands)

static void usage(FILE *to) {
    fprintf(to, "RoleBasedGroups from the command line; these commands need no cluster.\n\nUsage: kubectl rbg COMMAND [flags]\n\n");
    for (size_t i = 0; i < NCOMMANDS; i++) fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(to, "\nkubectl rbg COMMAND --help says more about a command.\n");
}

static int unknown(const char *name) {
    const char *near = NULL;
    size_t best = 3;
    for (size_t i = 0; i < NCOMMANDS; i++) {
        size_t d = str_distance(name, commands[i]->name);
        if (d < best) {
            best = d;
            near = commands[i]->name;
        }
    }
    fprintf(stderr, "kubectl rbg: no command \"%s\"", name);
    if (near) fprintf(stderr, "; did you mean %s?", near);
    fprintf(stderr, "\n\n");
    usage(stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : NULL;
    if (!name) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (str_eq(name, "help") && argc > 2) {
        for (size_t i = 0; i < NCOMMANDS; i++)
            if (str_eq(argv[2], commands[i]->name)) {
                cli_help(commands[i]);
                return 0;
            }
        return unknown(argv[2]);
    }
    if (str_eq(name, "--help") || str_eq(name, "-h") || str_eq(name, "help")) {
        usage(stdout);
        return 0;
    }
    if (str_eq(name, "--version") || str_eq(name, "version")) {
        printf("kubectl-rbg %s (%s)\n", RBG_VERSION, RBG_COMMIT);
        return 0;
    }
    for (size_t i = 0; i < NCOMMANDS; i++)
        if (str_eq(name, commands[i]->name)) return commands[i]->run(commands[i], argc - 2, argv + 2);
    return unknown(name);
}
