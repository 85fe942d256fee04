#include "scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "doc/yaml.h"
#include "docs.h"

/* ---- manifests ---- */

static struct jv *role_of(struct arena *a, const char *name, int replicas, const char *extra) {
    return doc_json(a, arena_printf(a, "{\"name\":\"%s\",\"replicas\":%d,%s\"standalonePattern\":{\"template\":{\"spec\":"
                                    "{\"containers\":[{\"name\":\"main\",\"image\":\"engine:1\"}]}}}}", name, replicas, extra));
}

struct jv *scenario_group(struct arena *a, const char *name, int replicas, bool router) {
    struct jv *g = kind_object(a, KIND_RBG, NULL, name), *roles = jv_need_arr(a, jv_need_obj(a, g, "spec"), "roles");
    if (router) jv_push(a, roles, role_of(a, "router", 1, "\"dependencies\":[\"worker\"],"));
    jv_push(a, roles, role_of(a, "worker", replicas, ""));
    return g;
}

struct jv *scenario_role(struct jv *group, const char *role) {
    struct jv *r = jv_find(jv_path(group, "spec", "roles", (char *)0), "name", role);
    if (!r) ck_abort_msg("test data: no role %s", role);
    return r;
}

void scenario_image(struct arena *a, struct jv *role, const char *image) {
    struct jv *c = jv_path(role, "standalonePattern", "template", "spec", "containers", (char *)0);
    jv_set_str(a, jv_idx(c, 0), "image", image);
}

void scenario_rolling(struct arena *a, struct jv *role, const char *key, const char *json) {
    struct jv *rollout = jv_need_obj(a, role, "rolloutStrategy");
    jv_set(a, jv_need_obj(a, rollout, "rollingUpdate"), key, doc_json(a, json));
}

size_t scenario_load(struct arena *a, const char *path, struct jv ***out) {
    struct err e = ERR_INIT;
    size_t len, n;
    const char *text = testing_read(a, path, &len);
    if (yaml_parse_all(a, text, len, out, &n, &e)) ck_abort_msg("%s: %s", path, e.msg);
    return n;
}

/* ---- running ---- */

void scenario_fail(struct sim *s, const char *fmt, ...) {
    ARENA_AUTO struct arena *a = arena_new();
    va_list ap;
    va_start(ap, fmt);
    const char *text = arena_vprintf(a, fmt, ap);
    va_end(ap);
    fprintf(stderr, "%sat +%lld ms: %s\n", timeline_text(sim_timeline(s)), (long long)sim_elapsed_ms(s), text);
    ck_abort_msg("at +%lld ms: %.1500s", (long long)sim_elapsed_ms(s), text); /* Check can't carry long messages */
    abort();
}

void scenario_apply(struct sim *s, const struct jv *doc) {
    struct err e = ERR_INIT;
    if (sim_apply(s, doc, &e)) scenario_fail(s, "apply %s: %s", meta_name(doc), e.msg);
}

bool groups_ready(struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv **groups;
    size_t n = cluster_list(sim_cluster(s), a, KIND_RBG, &groups);
    for (size_t i = 0; i < n; i++) {
        const struct jv *status = jv_get(groups[i], "status"), *list = jv_get(status, "conditions");
        if (jv_get_int(status, "observedGeneration", 0) != meta_generation(groups[i])) return false;
        if (!condition_true(list, "Ready") || condition_true(list, "RollingUpdateInProgress")) return false;
    }
    return true;
}

void scenario_settle(struct sim *s, int64_t limit_ms) {
    ARENA_AUTO struct arena *a = arena_new();
    if (sim_run(s, limit_ms, NULL, NULL)) return;
    const struct jv *pending = sim_pending(s, a);
    SCENARIO_CHECK(s, !jv_len(pending), "still moving after %lld ms: %s", (long long)limit_ms, json_text(a, pending));
}

void scenario_ready(struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    scenario_settle(s, HOUR_MS);
    SCENARIO_CHECK(s, groups_ready(s), "%s", scenario_state(s, a));
    scenario_fixpoint(s);
}

static void check_owners(struct sim *s, struct arena *a, const char *uids, enum kind k) {
    struct jv **list;
    size_t n = cluster_list(sim_cluster(s), a, k, &list);
    for (size_t i = 0; i < n; i++)
        JV_FOR_ARR(ref, jv_path(list[i], "metadata", "ownerReferences", (char *)0))
            SCENARIO_CHECK(s, strstr(uids, jv_str(jv_get(*ref, "uid"), "?")), "owner of %s %s is gone", kind_info(k)->name,
                           meta_name(list[i]));
}

void scenario_fixpoint(struct sim *s) {
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf uids = BUF_INIT;
    const struct jv *pending = sim_pending(s, a);
    SCENARIO_CHECK(s, !jv_len(pending), "%s", json_text(a, pending));
    for (int k = KIND_NONE + 1; k < KIND_COUNT; k++) {
        struct jv **list;
        size_t n = cluster_list(sim_cluster(s), a, (enum kind)k, &list);
        for (size_t i = 0; i < n; i++) buf_printf(&uids, "%s ", meta_uid(list[i]));
    }
    for (int k = KIND_NONE + 1; k < KIND_COUNT; k++) check_owners(s, a, buf_str(&uids), (enum kind)k);
}

/* ---- asking ---- */

char *scenario_names(struct sim *s, struct arena *a, enum kind k) {
    struct jv **list;
    size_t n = cluster_list(sim_cluster(s), a, k, &list);
    char *out = arena_strdup(a, "");
    for (size_t i = 0; i < n; i++)
        if (!meta_deleting(list[i])) out = arena_printf(a, "%s%s%s", out, *out ? " " : "", meta_name(list[i]));
    return out;
}

char *scenario_images(struct sim *s, struct arena *a) {
    struct jv **list;
    size_t n = cluster_list(sim_cluster(s), a, KIND_POD, &list);
    char *out = arena_strdup(a, "");
    for (size_t i = 0; i < n; i++) {
        const struct jv *c = jv_idx(jv_path(list[i], "spec", "containers", (char *)0), 0);
        if (!meta_deleting(list[i]))
            out = arena_printf(a, "%s%s%s=%s", out, *out ? " " : "", meta_name(list[i]), jv_str(jv_get(c, "image"), ""));
    }
    return out;
}

/* An instance's copy of the role's revision is that of its last update: a change of the role that is none of the template leaves
 * it. */
static void drop_role_revisions(struct jv *labels) {
    for (uint32_t i = labels ? labels->len : 0; i-- > 0;)
        if (str_has_prefix(labels->members[i].key, L_ROLE_REVISION_PREFIX)) jv_del(labels, labels->members[i].key);
}

/* Instances and pods without the traces of how they came to be: in-place updates leave annotations, gates and node names. */
static void put_object(struct buf *out, struct arena *a, enum kind k, const struct jv *doc) {
    const struct jv *status = jv_get(doc, "status");
    struct jv *labels = jv_dup(a, jv_path(doc, "metadata", "labels", (char *)0)), *spec = jv_dup(a, jv_get(doc, "spec"));
    if (k == KIND_POD) {
        jv_del(spec, "nodeName");
        jv_del(spec, "readinessGates");
    }
    if (k == KIND_RI) {
        jv_del(spec, "readinessGates");
        drop_role_revisions(labels);
    }
    buf_printf(out, "%s %s\n  labels ", kind_info(k)->name, meta_name(doc));
    if (labels) json_write_canonical(out, labels);
    buf_puts(out, "\n  spec ");
    if (spec) json_write_canonical(out, spec);
    static const char *const counts[] = {"replicas", "readyReplicas", "updatedReplicas", "currentRevision", "updateRevision",
                                         "phase"};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (jv_get(status, counts[i])) buf_printf(out, "\n  %s %s", counts[i], json_text(a, jv_get(status, counts[i])));
    buf_printf(out, "\n  state %s\n", state_text(a, k, doc));
}

char *scenario_state(struct sim *s, struct arena *a) {
    static const enum kind kinds[] = {KIND_RBG, KIND_ADAPTER, KIND_RIS, KIND_RI, KIND_POD, KIND_SERVICE, KIND_CONFIGMAP};
    BUF_AUTO struct buf out = BUF_INIT;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct jv **list;
        size_t n = cluster_list(sim_cluster(s), a, kinds[i], &list);
        for (size_t j = 0; j < n; j++) put_object(&out, a, kinds[i], list[j]);
    }
    return arena_strdup(a, buf_str(&out));
}

void scenario_as_fresh(struct sim *s, const struct jv *group, uint64_t seed) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *fresh = sim_new(&sim_opts_default);
    scenario_ready(s);
    scenario_apply(fresh, group);
    scenario_ready(fresh);
    const char *have = scenario_state(s, a), *want = scenario_state(fresh, a);
    SCENARIO_CHECK(s, str_eq(have, want), "seed %llu ends as\n%s\na fresh apply as\n%s", (unsigned long long)seed, have, want);
    sim_free(s);
    sim_free(fresh);
}

size_t scenario_seeds(int64_t runs, void (*one)(uint64_t seed)) {
    const char *alone = getenv("RBG_SEED"), *more = getenv("RBG_ROUNDS");
    int64_t seed;
    if (alone && str_to_i64(alone, &seed) == 0) {
        one((uint64_t)seed);
        return 0;
    }
    if (more && str_to_i64(more, &runs)) ck_abort_msg("RBG_ROUNDS=%s is no number", more);
    for (seed = 1; seed <= runs; seed++) one((uint64_t)seed);
    return (size_t)runs;
}

size_t scenario_events(struct sim *s, const char *reason) {
    const struct sim_event *events;
    size_t n = sim_events(s, &events), count = 0;
    for (size_t i = 0; i < n; i++) count += str_eq(events[i].reason, reason);
    return count;
}
