/* kubectl rbg simulate, and render, which prints the objects that a simulation ends with. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "cli/cli.h"

struct simulate {
    bool timeline, events, strict;
    int64_t limit_ms, nodes, gpus;
    const char *labels;
};

#define NODE_FLAGS(T) \
    {"nodes", "4", "nodes of the cluster, unless the input has Node objects", FLAG_INT, offsetof(T, nodes)}, \
    {"node-labels", "", "their labels: key=value,key=value", FLAG_STRING, offsetof(T, labels)}, \
    {"gpus", "0", "nvidia.com/gpu of each; 0: as many as are asked for", FLAG_INT, offsetof(T, gpus)}, \
    STRICT_FLAG(T)

static const struct flag simulate_flags[] = {
    {"timeline", "false", "print each change of state as it happens", FLAG_BOOL, offsetof(struct simulate, timeline)},
    {"events", "false", "print the events that the controllers record", FLAG_BOOL, offsetof(struct simulate, events)},
    {"for", "10m", "virtual time after which groups that are not Ready count as failed", FLAG_DURATION_MS,
     offsetof(struct simulate, limit_ms)},
    NODE_FLAGS(struct simulate),
};

static bool is_ready(const struct jv *doc) {
    const struct jv *status = jv_get(doc, "status");
    return jv_get_int(status, "observedGeneration", 0) == meta_generation(doc) &&
           condition_true(jv_get(status, "conditions"), "Ready");
}

/* Counts the objects of a kind; *ready: those that are Ready. */
static size_t count_ready(struct sim *s, enum kind k, size_t *ready) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **docs;
    size_t n = cluster_list(sim_cluster(s), a, k, &docs);
    *ready = 0;
    for (size_t i = 0; i < n; i++) *ready += is_ready(docs[i]);
    return n;
}

/* A set is Ready when it has all its groups, and they are. */
static bool all_ready(void *ctx, struct sim *s) {
    (void)ctx;
    size_t ready;
    return count_ready(s, KIND_RBGSET, &ready) == ready && count_ready(s, KIND_RBG, &ready) == ready;
}

/* ---- nodes ---- */

static bool has_nodes(const struct manifests *m) {
    for (size_t i = 0; i < m->n; i++)
        if (m->items[i].kind == KIND_NODE) return true;
    return false;
}

static int node_labels(struct arena *a, const char *text, struct jv *labels, struct err *e) {
    for (char *save = NULL, *one = strtok_r(arena_strdup(a, text), ",", &save); one; one = strtok_r(NULL, ",", &save)) {
        char *value = strchr(one, '=');
        if (!value) return err_set(e, ERR_INVALID, "--node-labels: \"%s\": write key=value", one);
        *value = '\0';
        jv_set_str(a, labels, one, value + 1);
    }
    return 0;
}

static int make_nodes(struct sim *s, const struct simulate *o, struct err *e) {
    enum { NODES_MAX = 1000 };
    ARENA_AUTO struct arena *a = arena_new();
    if (o->nodes < 0 || o->nodes > NODES_MAX || o->gpus < 0)
        return err_set(e, ERR_INVALID, "--nodes: write a number up to %d, and --gpus none below 0", NODES_MAX);
    for (int64_t i = 1; i <= o->nodes; i++) {
        struct jv *node = kubelet_node(a, arena_printf(a, "node-%lld", (long long)i));
        if (node_labels(a, o->labels, jv_path(node, "metadata", "labels", (char *)0), e)) return -1;
        struct jv *can = jv_path(node, "status", "allocatable", (char *)0);
        if (o->gpus) jv_set(a, can, "nvidia.com/gpu", jv_new_strf(a, "%lld", (long long)o->gpus));
        if (sim_add_node(s, node, e)) return -1;
    }
    return 0;
}

/* Each node that the input has, or as many as the flags say. */
static int add_nodes(struct sim *s, const struct manifests *m, const struct simulate *o, struct err *e) {
    if (!has_nodes(m)) return make_nodes(s, o, e);
    for (size_t i = 0; i < m->n; i++)
        if (m->items[i].kind == KIND_NODE && sim_add_node(s, m->items[i].doc, e)) return err_wrap(e, "%s", m->items[i].file);
    return 0;
}

/* ---- the run ---- */

static void print_line(void *ctx, const char *text) {
    (void)ctx;
    puts(text);
}

static int apply_all(struct sim *s, const struct manifests *m) {
    for (int profiles = 1; profiles >= 0; profiles--) { /* what groups refer to first */
        for (size_t i = 0; i < m->n; i++) {
            struct err e = ERR_INIT;
            const struct manifest *x = &m->items[i];
            if ((x->kind == KIND_PROFILE) != profiles || x->skipped || x->kind == KIND_NODE) continue;
            if (!sim_apply(s, x->doc, &e)) continue;
            fprintf(stderr, "%s: %s\n", x->file, e.msg);
            return -1;
        }
    }
    return 0;
}

/* A cluster with nodes and manifests; NULL: said on standard error. */
static struct sim *start(const struct manifests *m, const struct simulate *o) {
    struct sim_opts so = sim_opts_default;
    struct err e = ERR_INIT;
    so.nodes = 0;
    struct sim *s = sim_new(&so);
    if (o->timeline) timeline_listen(sim_timeline(s), print_line, NULL);
    if (add_nodes(s, m, o, &e)) fprintf(stderr, "kubectl rbg: %s\n", e.msg);
    else if (apply_all(s, m) == 0) return s;
    sim_free(s);
    return NULL;
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

static const char *reason(struct arena *a, enum kind k, const struct jv *doc) {
    if (k == KIND_RBG) return state_text(a, k, doc);
    const struct jv *ready = jv_find(jv_path(doc, "status", "conditions", (char *)0), "type", "Ready");
    return jv_str(jv_get(ready, "message"), "has no groups yet");
}

/* Of sets, and of groups: what keeps them from being Ready. */
static void print_reasons(struct sim *s) {
    static const enum kind kinds[] = {KIND_RBGSET, KIND_RBG};
    ARENA_AUTO struct arena *a = arena_new();
    for (size_t k = 0; k < 2; k++) {
        struct jv **docs;
        size_t n = cluster_list(sim_cluster(s), a, kinds[k], &docs);
        for (size_t i = 0; i < n; i++)
            if (!is_ready(docs[i])) fprintf(stderr, "%s: %s\n", meta_name(docs[i]), reason(a, kinds[k], docs[i]));
    }
}

static int finish(struct sim *s, const struct simulate *o, bool in_time) {
    size_t ready, sets_ready, n = count_ready(s, KIND_RBG, &ready), sets = count_ready(s, KIND_RBGSET, &sets_ready);
    if (o->timeline) putchar('\n');
    if (o->events) print_events(s);
    print_state(s);
    long long ms = sim_elapsed_ms(s);
    printf("%zu of %zu groups Ready after %lld.%llds of virtual time; %lld writes\n", ready, n, ms / 1000, ms % 1000 / 100,
           (long long)sim_writes(s));
    fflush(stdout);
    if (!n && !sets) fprintf(stderr, "no RoleBasedGroup or RoleBasedGroupSet among the manifests\n");
    print_reasons(s);
    return in_time && n + sets && ready == n && sets_ready == sets ? 0 : EXIT_BAD_INPUT;
}

static int run_simulate(const struct command *self, int argc, char **argv) {
    ARENA_AUTO struct arena *a = arena_new();
    struct simulate o;
    struct manifests m = {0};
    int rc = cli_args(self, argc, argv, a, &o, &m);
    if (rc) return rc - 1;
    if (!cli_check(a, &m, o.strict, NULL)) return EXIT_BAD_INPUT;
    fflush(stderr);
    struct sim *s = start(&m, &o);
    if (!s) return EXIT_BAD_INPUT;
    rc = finish(s, &o, sim_run(s, o.limit_ms, all_ready, NULL));
    sim_free(s);
    return rc;
}

const struct command cmd_simulate = {
    .name = "simulate",
    .args = "-f FILE... [--timeline] [--events] [--for DURATION] [--nodes N] [--node-labels LABELS] [--gpus N]",
    .summary = "Run manifests on an embedded cluster with a virtual clock",
    .help = "Runs the controllers' own code against an API server, scheduler and kubelet in memory: containers start in 1 s "
            "and are ready 2 s later.\nNothing is sent anywhere. Prints the objects at the end as kubectl get would.\n"
            "Nodes are those of the input (Node objects, as kubectl get nodes -o yaml prints them), or as the flags say.\n\n"
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

static const struct flag render_flags[] = {NODE_FLAGS(struct simulate)};

static int run_render(const struct command *self, int argc, char **argv) {
    static const enum kind kinds[] = {KIND_CONFIGMAP, KIND_SERVICE, KIND_RIS, KIND_RI, KIND_POD, KIND_REVISION};
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf out = BUF_INIT;
    struct manifests m = {0};
    struct simulate o = {0};
    int rc = cli_args(self, argc, argv, a, &o, &m);
    if (rc) return rc - 1;
    if (!cli_check(a, &m, o.strict, NULL)) return EXIT_BAD_INPUT;
    struct sim *s = start(&m, &o);
    if (!s) return EXIT_BAD_INPUT;
    rc = sim_run(s, 600000, all_ready, NULL) && all_ready(NULL, s) ? 0 : EXIT_BAD_INPUT;
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
    .args = "-f FILE... [--nodes N] [--node-labels LABELS] [--gpus N]",
    .summary = "Print every object that the controllers make of manifests",
    .help = "Runs the manifests on the embedded cluster and prints what groups turn into: the discovery file, Services, "
            "RoleInstanceSets,\nRoleInstances, Pods and revisions, as YAML without what only a server knows.\n"
            "Exit code: 1 when not every group got Ready: then something is missing. Nodes: as for simulate.",
    .flags = render_flags,
    .nflags = sizeof render_flags / sizeof *render_flags,
    .files = true,
    .run = run_render,
};
