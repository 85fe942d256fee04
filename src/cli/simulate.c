/* kubectl rbg simulate, and render, which prints the objects that a simulation ends with. */
#include <stddef.h>
#include <stdio.h>

#include "base/str.h"
#include "cli/cli.h"

struct simulate { bool timeline, events; int64_t limit_ms; };

static const struct flag simulate_flags[] = {
    {"timeline", "false", "print each change of state as it happens", FLAG_BOOL, offsetof(struct simulate, timeline)},
    {"events", "false", "print the events that the controllers record", FLAG_BOOL, offsetof(struct simulate, events)},
    {"for", "10m", "virtual time after which groups that are not Ready count as failed", FLAG_DURATION_MS,
     offsetof(struct simulate, limit_ms)},
};

static bool group_ready(const struct jv *group) {
    const struct jv *status = jv_get(group, "status");
    return jv_get_int(status, "observedGeneration", 0) == meta_generation(group) &&
           condition_true(jv_get(status, "conditions"), "Ready");
}

/* Counts the groups; *ready: those that are Ready. */
static size_t count_groups(struct sim *s, size_t *ready) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **groups;
    size_t n = cluster_list(sim_cluster(s), a, KIND_RBG, &groups);
    *ready = 0;
    for (size_t i = 0; i < n; i++) *ready += group_ready(groups[i]);
    return n;
}

static bool all_ready(void *ctx, struct sim *s) {
    (void)ctx;
    size_t ready, n = count_groups(s, &ready);
    return n == ready;
}

static void print_line(void *ctx, const char *text) {
    (void)ctx;
    puts(text);
}

static int apply_all(struct sim *s, const struct manifests *m) {
    for (int profiles = 1; profiles >= 0; profiles--) { /* what groups refer to first */
        for (size_t i = 0; i < m->n; i++) {
            struct err e = ERR_INIT;
            if ((m->items[i].kind == KIND_PROFILE) != profiles) continue;
            if (!sim_apply(s, m->items[i].doc, &e)) continue;
            fprintf(stderr, "%s: %s\n", m->items[i].file, e.msg);
            return -1;
        }
    }
    return 0;
}

static void print_state(struct sim *s) {
    static const enum kind kinds[] = {KIND_RBG, KIND_RIS, KIND_RI, KIND_POD};
    BUF_AUTO struct buf out = BUF_INIT;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) cli_table(s, kinds[i], &out);
    fputs(buf_str(&out), stdout);
}

static void print_events(struct sim *s) {
    const struct sim_event *events;
    size_t n = sim_events(s, &events);
    for (size_t i = 0; i < n; i++) {
        const struct sim_event *ev = &events[i];
        printf("+%lld.%llds  %-8s %-24s %s/%s  %s\n", (long long)(ev->ms / 1000), (long long)(ev->ms % 1000 / 100), ev->type,
               ev->reason, ev->kind, ev->name, ev->message);
    }
    if (n) putchar('\n');
}

static void print_reasons(struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **groups;
    size_t n = cluster_list(sim_cluster(s), a, KIND_RBG, &groups);
    for (size_t i = 0; i < n; i++)
        if (!group_ready(groups[i])) fprintf(stderr, "%s: %s\n", meta_name(groups[i]), state_text(a, KIND_RBG, groups[i]));
}

static int finish(struct sim *s, const struct simulate *o, bool in_time) {
    size_t ready, n = count_groups(s, &ready);
    if (o->timeline) putchar('\n');
    if (o->events) print_events(s);
    print_state(s);
    long long ms = sim_elapsed_ms(s);
    printf("%zu of %zu groups Ready after %lld.%llds of virtual time; %lld writes\n", ready, n, ms / 1000, ms % 1000 / 100,
           (long long)sim_writes(s));
    if (!n) fprintf(stderr, "no RoleBasedGroup among the manifests\n");
    fflush(stdout);
    print_reasons(s);
    return in_time && n && ready == n ? 0 : EXIT_BAD_INPUT;
}

static int run_simulate(const struct command *self, int argc, char **argv) {
    ARENA_AUTO struct arena *a = arena_new();
    struct simulate o;
    struct manifests m = {0};
    int rc = cli_args(self, argc, argv, a, &o, &m);
    if (rc) return rc - 1;
    if (!cli_check(a, &m)) return EXIT_BAD_INPUT;
    struct sim *s = sim_new(&sim_opts_default);
    if (o.timeline) timeline_listen(sim_timeline(s), print_line, NULL);
    rc = EXIT_BAD_INPUT;
    if (apply_all(s, &m) == 0) rc = finish(s, &o, sim_run(s, o.limit_ms, all_ready, NULL));
    sim_free(s);
    return rc;
}

const struct command cmd_simulate = {
    .name = "simulate",
    .args = "-f FILE... [--timeline] [--events] [--for DURATION]",
    .summary = "Run manifests on an embedded cluster with a virtual clock",
    .help = "Runs the controllers' own code against an API server, scheduler and kubelet in memory: containers start in 1 s "
            "and are ready 2 s later.\nNothing is sent anywhere. Prints the objects at the end as kubectl get would.\n\n"
            "Exit code: 0 when every group got Ready, 1 when one did not or a manifest is invalid, 2 for wrong flags.",
    .flags = simulate_flags,
    .nflags = sizeof simulate_flags / sizeof *simulate_flags,
    .files = true,
    .run = run_simulate,
};

/* ---- render ---- */

/* What an author would have written: without what the server and the bookkeeping add. */
static void strip(struct jv *doc) {
    static const char *const server[] = {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"};
    struct jv *meta = jv_get(doc, "metadata");
    for (size_t i = 0; i < sizeof server / sizeof *server; i++) jv_del(meta, server[i]);
    JV_FOR_ARR(ref, jv_get(meta, "ownerReferences")) jv_del(*ref, "uid");
    jv_del(doc, "status");
    jv_del(jv_get(doc, "spec"), "nodeName");
}

static int run_render(const struct command *self, int argc, char **argv) {
    static const enum kind kinds[] = {KIND_CONFIGMAP, KIND_SERVICE, KIND_RIS, KIND_RI, KIND_POD, KIND_REVISION};
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf out = BUF_INIT;
    struct manifests m = {0};
    int none, rc = cli_args(self, argc, argv, a, &none, &m);
    if (rc) return rc - 1;
    if (!cli_check(a, &m)) return EXIT_BAD_INPUT;
    struct sim *s = sim_new(&sim_opts_default);
    rc = apply_all(s, &m) ? EXIT_BAD_INPUT : 0;
    if (!rc) sim_run(s, 600000, all_ready, NULL);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct jv **docs;
        size_t n = cluster_list(sim_cluster(s), a, kinds[i], &docs);
        for (size_t j = 0; j < n; j++) {
            strip(docs[j]);
            cli_yaml(&out, docs[j], out.len == 0);
        }
    }
    fputs(buf_str(&out), stdout);
    print_reasons(s);
    sim_free(s);
    return rc;
}

const struct command cmd_render = {
    .name = "render",
    .args = "-f FILE...",
    .summary = "Print every object that the controllers make of manifests",
    .help = "Runs the manifests on the embedded cluster and prints what groups turn into: the discovery file, Services, "
            "RoleInstanceSets,\nRoleInstances, Pods and revisions, as YAML without what only a server knows.",
    .files = true,
    .run = run_render,
};
