/* Random scripts against one set of instances, bare or a role's: edits of every kind, scaling, rollbacks, ends of the manager at
 * any write, pods that fail, writes that are refused, namesakes and labels of others. The oracle (lib/oracle.h) judges every write
 * and every change on the way; once the trouble is over, the set is as one to which the last spec alone was applied, and nothing is
 * written any more. A failing seed is printed; RBG_SEED=n runs that one alone, RBG_ROUNDS=n changes how many are tried. */
#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "chance.h"
#include "docs.h"
#include "oracle.h"
#include "scenario.h"

#define SET "g-w"
#define FOREIGN_LABEL "others.example.com/mark"
#define MOST_TEMPLATES 32

struct script {
    struct arena *a;
    uint64_t state;
    struct sim *s;
    struct oracle *o;
    struct jv *doc;       /* what the user keeps: a group with the role w, or the set itself */
    bool bare;
    const struct jv *templates[MOST_TEMPLATES]; /* of before */
    size_t ntemplates;
    enum kind refused;    /* creations that the API server refuses now */
};

static size_t steps, takes, refusals, deaths, namesakes; /* of all runs */

static uint32_t pick(struct script *t, uint32_t n) {
    return chance_below(&t->state, n);
}

static const char *any(struct script *t, const char *const *list, size_t n) {
    return list[pick(t, (uint32_t)n)];
}
#define ANY(t, list) any((t), (list), sizeof(list) / sizeof *(list))

static void note(struct script *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void note(struct script *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "  +%lld %s\n", t->s ? (long long)sim_elapsed_ms(t->s) : 0, arena_vprintf(t->a, fmt, ap));
    va_end(ap);
}

/* ---- the places of the document ---- */

static struct jv *role(struct script *t) {
    return t->bare ? jv_get(t->doc, "spec") : scenario_role(t->doc, "w");
}

static struct jv *strategy(struct script *t) {
    if (t->bare) return jv_need_obj(t->a, role(t), "updateStrategy");
    struct jv *rollout = jv_need_obj(t->a, role(t), "rolloutStrategy");
    jv_set_str(t->a, rollout, "type", "RollingUpdate");
    return jv_need_obj(t->a, rollout, "rollingUpdate");
}

/* The object that holds the template, and the size of an instance. */
static struct jv *pattern(struct script *t) {
    if (t->bare) return jv_idx(jv_path(role(t), "roleInstanceTemplate", "components", (char *)0), 0);
    struct jv *lw = jv_get(role(t), "leaderWorkerPattern");
    return lw ? lw : jv_get(role(t), "standalonePattern");
}

static struct jv *container(struct script *t) {
    return jv_idx(jv_path(pattern(t), "template", "spec", "containers", (char *)0), 0);
}

static void first_doc(struct script *t) {
    static const char *const containers = "{\"spec\":{\"containers\":[{\"name\":\"main\",\"image\":\"eng:1\",\"resources\":{}}]}}";
    uint32_t shape = pick(t, 4), size = 1 + pick(t, 2);
    t->bare = shape == 0;
    if (t->bare) {
        t->doc = kind_object(t->a, KIND_RIS, NULL, SET);
        jv_set(t->a, jv_get(t->doc, "metadata"), "labels", doc_json(t->a, "{\"app\":\"w\"}"));
        jv_set(t->a, t->doc, "spec",
               doc_json(t->a, arena_printf(t->a, "{\"replicas\":3,\"selector\":{\"matchLabels\":{\"app\":\"w\"}},"
                                           "\"roleInstanceTemplate\":{\"components\":[{\"name\":\"main\",\"size\":%u,"
                                           "\"template\":%s}]}}", size, containers)));
    } else {
        t->doc = kind_object(t->a, KIND_RBG, NULL, "g");
        const char *p = shape == 1 ? arena_printf(t->a, "\"standalonePattern\":{\"template\":%s}", containers)
                                   : arena_printf(t->a, "\"leaderWorkerPattern\":{\"size\":%u,\"template\":%s}", size, containers);
        const char *other = "{\"name\":\"router\",\"replicas\":2,\"dependencies\":[\"w\"],\"standalonePattern\":{\"template\":";
        bool two = pick(t, 3) == 0;
        jv_set(t->a, t->doc, "spec",
               doc_json(t->a, arena_printf(t->a, "{\"roles\":[{\"name\":\"w\",\"replicas\":3,%s}%s%s%s%s]}", p, two ? "," : "",
                                           two ? other : "", two ? containers : "", two ? "}}" : "")));
    }
    note(t, "%s of size %u", t->bare ? "a bare set" : shape == 1 ? "a plain role" : "a leader-worker role", size);
}

/* ---- edits ---- */

static void keep_template(struct script *t) {
    if (t->ntemplates < MOST_TEMPLATES) t->templates[t->ntemplates++] = jv_dup(t->a, jv_get(pattern(t), "template"));
}

static void edit_image(struct script *t) {
    static const char *const images[] = {"eng:1", "eng:2", "eng:3", "eng:4", "eng:bad"};
    const char *image = ANY(t, images);
    note(t, "image %s", image);
    jv_set_str(t->a, container(t), "image", image);
}

static void edit_env(struct script *t) {
    uint32_t level = pick(t, 3);
    note(t, "variable LEVEL=%u", level);
    jv_set(t->a, container(t), "env", doc_json(t->a, arena_printf(t->a, "[{\"name\":\"LEVEL\",\"value\":\"%u\"}]", level)));
}

static void edit_template_label(struct script *t) {
    static const char *const colours[] = {"blue", "green", "red"};
    const char *colour = ANY(t, colours);
    note(t, "template label colour=%s", colour);
    struct jv *meta = jv_need_obj(t->a, jv_get(pattern(t), "template"), "metadata");
    jv_set_str(t->a, jv_need_obj(t->a, meta, "labels"), "colour", colour);
}

static void roll_back(struct script *t) {
    uint32_t n = pick(t, (uint32_t)t->ntemplates);
    note(t, "back to template %u", n);
    jv_set(t->a, pattern(t), "template", jv_dup(t->a, t->templates[n]));
}

static void edit_replicas(struct script *t) {
    uint32_t n = pick(t, 6);
    note(t, "replicas %u", n);
    jv_set_int(t->a, role(t), "replicas", n);
}

static void edit_budget(struct script *t) {
    static const char *const numbers[] = {"0", "1", "2", "\"25%\"", "\"50%\""};
    const char *surge = ANY(t, numbers), *down = ANY(t, numbers);
    if (*surge == '0' && *down != '1' && *down != '2') down = "1";
    if (*down == '"' && *surge == '"') surge = "1"; /* rounded down it may be 0 */
    note(t, "maxSurge %s, maxUnavailable %s", surge, down);
    jv_set(t->a, strategy(t), "maxSurge", doc_json(t->a, surge));
    jv_set(t->a, strategy(t), "maxUnavailable", doc_json(t->a, down));
}

static void edit_type(struct script *t) {
    static const char *const types[] = {"RecreatePod", "InPlaceIfPossible"};
    const char *type = ANY(t, types);
    note(t, "type %s", type);
    jv_set_str(t->a, strategy(t), "type", type);
}

static void edit_partition(struct script *t) {
    static const char *const numbers[] = {"0", "0", "1", "2", "\"50%\""};
    const char *n = ANY(t, numbers);
    note(t, "partition %s", n);
    jv_set(t->a, strategy(t), "partition", doc_json(t->a, n));
}

static void edit_paused(struct script *t) {
    bool paused = pick(t, 2);
    note(t, "paused %d", paused);
    jv_set_bool(t->a, strategy(t), "paused", paused);
}

static void edit_min_ready(struct script *t) {
    static const uint32_t seconds[] = {0, 0, 5, 20};
    uint32_t n = seconds[pick(t, 4)];
    note(t, "minReadySeconds %u", n);
    jv_set_int(t->a, role(t), "minReadySeconds", n);
}

static void edit_order(struct script *t) {
    static const char *const policies[] = {"Parallel", "OrderedReady"};
    const char *policy = ANY(t, policies);
    note(t, "%s", policy);
    jv_set_str(t->a, role(t), "podManagementPolicy", policy);
}

static void edit_set_label(struct script *t) {
    static const char *const maps[] = {"{}", "{\"team\":\"a\"}", "{\"team\":\"b\"}", "{\"tier\":\"gold\"}"};
    const char *map = ANY(t, maps);
    note(t, "labels %s", map);
    struct jv *labels = doc_json(t->a, map), *into = t->bare ? jv_get(t->doc, "metadata") : role(t);
    if (t->bare) jv_set_str(t->a, labels, "app", "w");
    jv_set(t->a, into, "labels", labels);
}

static void edit(struct script *t) {
    static void (*const edits[])(struct script *) = {edit_image, edit_image, edit_env, edit_template_label, roll_back, roll_back,
                                                     edit_replicas, edit_replicas, edit_budget, edit_budget, edit_type,
                                                     edit_partition, edit_paused, edit_min_ready, edit_order,
                                                     edit_set_label, edit_set_label};
    keep_template(t);
    edits[pick(t, sizeof edits / sizeof *edits)](t);
    scenario_apply(t->s, t->doc);
}

/* ---- trouble ---- */

static void misbehave(struct script *t) {
    static const enum kubelet_fault faults[] = {FAULT_CRASH, FAULT_EXIT, FAULT_FAIL, FAULT_SUCCEED, FAULT_NOT_READY,
                                               FAULT_UNSCHEDULABLE, FAULT_STUCK};
    struct kubelet_rule r = {.fault = faults[pick(t, 7)], .after_ms = pick(t, 6000), .times = 1 + (int)pick(t, 3)};
    r.pod = arena_printf(t->a, SET "-%u*", pick(t, 5));
    note(t, "pods %s: fault %d", r.pod, (int)r.fault);
    kubelet_rule_add(sim_kubelet(t->s), &r);
}

static void end_misbehaviour(struct script *t) {
    note(t, "pods behave again");
    kubelet_rules_clear(sim_kubelet(t->s));
    kubelet_rule_add(sim_kubelet(t->s), &(struct kubelet_rule){.fault = FAULT_PULL, .image = "*:bad"});
}

static void disturb(struct script *t) {
    ARENA_AUTO struct arena *a = arena_new();
    static const enum kind kinds[] = {KIND_POD, KIND_RI};
    struct jv **list;
    struct err e = ERR_INIT;
    enum kind k = kinds[pick(t, 2)];
    size_t n = cluster_list(sim_cluster(t->s), a, k, &list);
    if (!n) return;
    const struct jv *victim = list[pick(t, (uint32_t)n)];
    note(t, "somebody deletes %s %s", kind_info(k)->name, meta_name(victim));
    oracle_give_back(t->o, k, meta_name(victim));
    sim_delete(t->s, k, "default", meta_name(victim), &e);
}

static void end_of_the_manager(struct script *t) {
    uint32_t writes = 1 + pick(t, 8), outage = pick(t, 2) * pick(t, 40000);
    note(t, "the manager ends after %u writes, for %u ms", writes, outage);
    sim_crash_after(t->s, writes);
    edit(t);
    sim_wait(t->s, 5000);
    sim_wait(t->s, outage);
    deaths += sim_crashed(t->s);
    if (sim_crashed(t->s)) sim_restart(t->s);
    sim_crash_after(t->s, INT64_MAX);
}

static int refuse(void *ctx, const struct action *w, struct err *e) {
    const struct script *t = ctx;
    if (w->act != ACT_CREATE || w->kind != t->refused) return 0;
    refusals++;
    e->http = 403;
    return err_set(e, ERR_FORBIDDEN, "%s \"%s\" is forbidden: exceeded quota: small", kind_info(w->kind)->plural, w->name);
}

static void change_refusal(struct script *t) {
    static const enum kind kinds[] = {KIND_NONE, KIND_RI, KIND_POD};
    t->refused = kinds[pick(t, 3)];
    note(t, "creations that are refused: %s", t->refused ? kind_info(t->refused)->name : "none");
}

/* A pod of somebody else, named as one that a scaled-out set would have. */
static void make_namesake(struct script *t) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *instance = arena_printf(a, SET "-%u", 2 + pick(t, 3));
    const char *component = t->bare ? "main" : "leader";
    const char *type = t->bare ? NULL : jv_get(role(t), "leaderWorkerPattern") ? ROLE_TYPE_LWS : ROLE_TYPE_POD;
    const char *name = name_pod(a, instance, type, component, 0);
    struct jv *pod = kind_object(a, KIND_POD, "default", name);
    struct err e = ERR_INIT;
    if (cluster_get(sim_cluster(t->s), a, KIND_POD, "default", name)) return;
    jv_set(a, pod, "spec", doc_json(a, "{\"containers\":[{\"name\":\"theirs\",\"image\":\"busybox:1\"}]}"));
    ASSERT_OK(cluster_create(sim_cluster(t->s), "somebody", KIND_POD, pod, &e));
    oracle_foreign(t->o, KIND_POD, name);
    note(t, "somebody makes pod %s", name);
    namesakes++;
}

static void remove_namesakes(struct script *t) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **pods;
    struct err e = ERR_INIT;
    size_t n = cluster_list(sim_cluster(t->s), a, KIND_POD, &pods);
    for (size_t i = 0; i < n; i++) {
        if (!jv_find(jv_path(pods[i], "spec", "containers", (char *)0), "name", "theirs") || meta_deleting(pods[i])) continue;
        note(t, "and takes %s away", meta_name(pods[i]));
        oracle_give_back(t->o, KIND_POD, meta_name(pods[i]));
        ASSERT_OK(sim_delete(t->s, KIND_POD, "default", meta_name(pods[i]), &e));
    }
}

/* ---- labels of others ---- */

static void mark_all(struct script *t, bool mark) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **list;
    struct err e = ERR_INIT;
    size_t n = cluster_list(sim_cluster(t->s), a, KIND_RI, &list);
    const struct jv *patch = doc_json(a, arena_printf(a, "{\"metadata\":{\"labels\":{\"" FOREIGN_LABEL "\":%s}}}",
                                                      mark ? "\"1\"" : "null"));
    note(t, "somebody %s the instances", mark ? "marks" : "takes the marks off");
    for (size_t i = 0; i < n; i++)
        if (!!meta_label(list[i], FOREIGN_LABEL) != mark)
            ASSERT_OK(cluster_patch(sim_cluster(t->s), "somebody", KIND_RI, "default", meta_name(list[i]), patch, false, &e));
}

static void something(struct script *t) {
    switch (pick(t, 14)) {
    case 0:
    case 1: misbehave(t); break;
    case 2: end_misbehaviour(t); break;
    case 3: disturb(t); break;
    case 4: end_of_the_manager(t); break;
    case 5: change_refusal(t); break;
    case 6: make_namesake(t); break;
    case 7: remove_namesakes(t); break;
    case 8: mark_all(t, true); break;
    default: edit(t);
    }
}

/* ---- the end ---- */

static void end_of_trouble(struct script *t) {
    t->refused = KIND_NONE;
    kubelet_rules_clear(sim_kubelet(t->s));
    remove_namesakes(t);
    mark_all(t, false);
    if (str_eq(jv_get_str(container(t), "image"), "eng:bad")) jv_set_str(t->a, container(t), "image", "eng:4");
    jv_set_int(t->a, strategy(t), "partition", 0);
    jv_set_bool(t->a, strategy(t), "paused", false);
    scenario_apply(t->s, t->doc);
}

static void quiet(struct script *t) {
    scenario_ready(t->s);
    int64_t writes = sim_writes(t->s);
    sim_wait(t->s, HOUR_MS / 2);
    SCENARIO_CHECK(t->s, sim_writes(t->s) == writes, "%lld writes in a quiet half an hour", (long long)(sim_writes(t->s) - writes));
}

static void count_step(void *ctx, struct sim *s) {
    (void)ctx, (void)s;
    steps++;
}

static struct sim *random_cluster(uint64_t seed) {
    struct sim_opts o = sim_opts_default;
    o.kubelet.jitter_ms = 1500;
    o.kubelet.seed = o.shuffle = seed;
    o.record_ms = seed % 4 * 5000;
    return sim_new(&o);
}

static void run(uint64_t seed) {
    ARENA_AUTO struct arena *a = arena_new();
    struct script t = {.a = a, .state = seed * 2 + 1};
    fprintf(stderr, "seed %llu:\n", (unsigned long long)seed);
    first_doc(&t);
    edit_budget(&t);
    t.s = random_cluster(seed);
    t.o = oracle_new(t.s);
    oracle_refuse(t.o, refuse, &t);
    sim_watch_steps(t.s, count_step, NULL);
    end_misbehaviour(&t);
    scenario_apply(t.s, t.doc);
    sim_wait(t.s, 20000);
    for (uint32_t n = 6 + pick(&t, 14); n > 0; n--) {
        something(&t);
        sim_wait(t.s, pick(&t, 3) ? pick(&t, 9000) : pick(&t, 60000));
    }
    end_of_trouble(&t);
    quiet(&t);
    takes += oracle_takes(t.o);
    scenario_as_fresh(t.s, t.doc, seed);
    oracle_free(t.o);
}

START_TEST(a_set_keeps_its_promises_through_random_scripts) {
    size_t runs = scenario_seeds(70, run);
    fprintf(stderr, "%zu steps, %zu instances taken out of service, %zu refusals, %zu ends of the manager, %zu namesakes\n", steps,
            takes, refusals, deaths, namesakes);
    /* Else it shows nothing. */
    ck_assert_uint_ge(steps, runs * 200);
    ck_assert_uint_ge(takes, runs);
    ck_assert_uint_ge(4 * refusals, runs);
    ck_assert_uint_ge(4 * deaths, runs);
    ck_assert_uint_ge(8 * namesakes, runs);
}
END_TEST

TEST_MAIN("sim_rollouts", a_set_keeps_its_promises_through_random_scripts)
