/* Whose a child's name is: what has lost its owner is taken over as it is, what somebody else has is left alone and said. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "docs.h"
#include "scenario.h"

#define SHELL "one && two" /* the data of revisions that hold it were stored otherwise once */

static struct jv *live(struct sim *s, struct arena *a, enum kind k, const char *name) {
    return cluster_get(sim_cluster(s), a, k, "default", name);
}

static struct jv *group(struct arena *a) {
    struct jv *g = scenario_group(a, "g", 2, false), *command = jv_new_arr(a);
    struct jv *c = jv_path(scenario_role(g, "worker"), "standalonePattern", "template", "spec", "containers", (char *)0);
    jv_push(a, command, jv_new_str(a, SHELL));
    jv_set(a, jv_idx(c, 0), "command", command);
    return g;
}

/* What the garbage collector does for --cascade=orphan: the owner only goes when all that it owns has been released. */
static void release(struct sim *s, struct arena *a, enum kind k, const char *uid) {
    struct err e = ERR_INIT;
    struct jv **list;
    size_t n = cluster_list(sim_cluster(s), a, k, &list);
    for (size_t i = 0; i < n; i++) {
        if (!meta_owned_by(list[i], uid)) continue;
        const char *patch = kind_info(k)->ours ? "{\"metadata\":{\"ownerReferences\":null}}"
            : arena_printf(a, "{\"metadata\":{\"ownerReferences\":[{\"$patch\":\"delete\",\"uid\":\"%s\"}]}}", uid);
        if (cluster_patch(sim_cluster(s), "gc", k, "default", meta_name(list[i]), doc_json(a, patch), false, &e))
            scenario_fail(s, "release %s: %s", meta_name(list[i]), e.msg);
    }
}

static void orphan(struct sim *s, enum kind k, const char *name, bool again) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    const char *uid = meta_uid(live(s, a, k, name));
    ASSERT_OK(cluster_delete_as(sim_cluster(s), k, "default", name, &(struct cluster_deletion){.policy = "Orphan"}, &e));
    if (again) sim_wait(s, 100); /* revisions that the collector can't patch are released by the controller */
    for (int i = KIND_NONE + 1; i < KIND_COUNT; i++) release(s, a, (enum kind)i, uid);
    cluster_remove(sim_cluster(s), k, "default", name);
}

static char *uids(struct sim *s, struct arena *a, enum kind k) {
    struct jv **list;
    size_t n = cluster_list(sim_cluster(s), a, k, &list);
    char *out = arena_strdup(a, "");
    for (size_t i = 0; i < n; i++) out = arena_printf(a, "%s%s=%s ", out, meta_name(list[i]), meta_uid(list[i]));
    return out;
}

/* The kinds below the one that is made anew keep every object. */
static void orphaned_at(enum kind k, const char *name, bool again) {
    ARENA_AUTO struct arena *a = arena_new();
    static const enum kind kinds[] = {KIND_RIS, KIND_RI, KIND_POD, KIND_REVISION, KIND_CONFIGMAP, KIND_SERVICE};
    struct sim *s = sim_new(&sim_opts_default);
    const char *before[6];
    scenario_apply(s, group(a));
    scenario_ready(s);
    const char *state = scenario_state(s, a);
    for (size_t i = 0; i < 6; i++) before[i] = uids(s, a, kinds[i]);
    orphan(s, k, name, again);
    if (k == KIND_RBG) scenario_apply(s, group(a));
    scenario_ready(s);
    for (size_t i = 0; i < 6; i++) {
        const char *now = uids(s, a, kinds[i]);
        if (kinds[i] == k || (kinds[i] == KIND_RIS && k == KIND_RI) || (k == KIND_RIS && kinds[i] == KIND_RIS)) continue;
        if (kinds[i] == KIND_RI && k == KIND_RI) continue;
        SCENARIO_CHECK(s, str_eq(now, before[i]), "%s: %s, before %s", kind_info(kinds[i])->name, now, before[i]);
    }
    SCENARIO_CHECK(s, str_eq(scenario_state(s, a), state), "%s\nbefore\n%s", scenario_state(s, a), state);
    sim_free(s);
}

START_TEST(a_group_made_again_takes_over_what_was_orphaned) { orphaned_at(KIND_RBG, "g", false); }
END_TEST
START_TEST(a_set_made_again_takes_over_what_was_orphaned) { orphaned_at(KIND_RIS, "g-worker", false); }
END_TEST
START_TEST(an_instance_made_again_takes_over_what_was_orphaned) { orphaned_at(KIND_RI, "g-worker-0", false); }
END_TEST

START_TEST(an_older_revision_does_not_hold_up_the_deletion) {
    static const enum kind kinds[] = {KIND_RBG, KIND_RIS, KIND_RI};
    static const char *const names[] = {"g", "g-worker", "g-worker-0"};
    for (size_t i = 0; i < 3; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        struct err e = ERR_INIT;
        struct sim *s = sim_new(&sim_opts_default);
        struct jv **list;
        scenario_apply(s, group(a));
        scenario_ready(s);
        const char *pods = uids(s, a, KIND_POD);
        size_t n = cluster_list(sim_cluster(s), a, KIND_REVISION, &list);
        for (size_t j = 0; j < n; j++) { /* as they were stored once */
            cluster_remove(sim_cluster(s), KIND_REVISION, "default", meta_name(list[j]));
            ASSERT_OK(cluster_create(sim_cluster(s), "old", KIND_REVISION, list[j], &e));
        }
        scenario_settle(s, HOUR_MS);
        orphan(s, kinds[i], names[i], true);
        if (kinds[i] == KIND_RBG) scenario_apply(s, group(a));
        scenario_ready(s);
        SCENARIO_CHECK(s, str_eq(uids(s, a, KIND_POD), pods), "%s, before %s", uids(s, a, KIND_POD), pods);
        sim_free(s);
    }
}
END_TEST

/* ---- names that somebody else has ---- */

static void ready_says(struct sim *s, const char *group, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *ready = jv_find(jv_path(live(s, a, KIND_RBG, group), "status", "conditions", (char *)0), "type", "Ready");
    const char *message = jv_str(jv_get(ready, "message"), "");
    SCENARIO_CHECK(s, str_eq(jv_get_str(ready, "reason"), "NameTaken") && strstr(message, want), "%s: %s, wanted %s",
                   jv_get_str(ready, "reason"), message, want);
}

static void create(struct sim *s, struct arena *a, enum kind k, const char *name, const char *more) {
    struct err e = ERR_INIT;
    struct jv *doc = kind_object(a, k, "default", name), *extra = doc_json(a, more);
    jv_merge_shallow(a, jv_get(doc, "metadata"), jv_get(extra, "metadata"));
    jv_del(extra, "metadata");
    jv_merge_shallow(a, doc, extra);
    ASSERT_OK(cluster_create(sim_cluster(s), "user", k, doc, &e));
}

/* What no controller but its own may change; the kubelet does what it does to every pod. */
static char *identity(struct sim *s, struct arena *a, enum kind k, const char *name) {
    struct jv *meta = jv_dup(a, jv_get(live(s, a, k, name), "metadata"));
    jv_del(meta, "managedFields");
    jv_del(meta, "resourceVersion");
    jv_del(meta, "generation");
    const struct jv *data = jv_get(live(s, a, k, name), k == KIND_SERVICE ? "spec" : "data");
    return arena_printf(a, "%s %s", json_text(a, meta), data ? json_text(a, data) : "");
}

/* The stranger stays as it is, is named within a second, and the group goes on when it goes. */
static void taken(enum kind k, const char *name, const char *more, const char *says) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct sim *s = sim_new(&sim_opts_default);
    create(s, a, k, name, more);
    const char *before = identity(s, a, k, name);
    scenario_apply(s, group(a));
    sim_wait(s, k == KIND_POD || k == KIND_RI ? 3000 : 1000);
    ready_says(s, "g", says);
    sim_wait(s, 60000);
    ready_says(s, "g", says);
    SCENARIO_CHECK(s, str_eq(identity(s, a, k, name), before), "%s was changed", name);
    ASSERT_OK(sim_delete(s, k, "default", name, &e));
    if (k == KIND_POD) cluster_remove(sim_cluster(s), k, "default", name);
    scenario_ready(s);
    const struct jv *ours = live(s, a, k, name);
    SCENARIO_CHECK(s, ours && jv_path(ours, "metadata", "ownerReferences", (char *)0), "%s is not there", name);
    ASSERT_OK(sim_delete(s, KIND_RBG, "default", "g", &e));
    sim_free(s);
}

#define THEIRS "{\"metadata\":{\"labels\":{\"rbg.workloads.x-k8s.io/group-name\":\"prod\"}}," \
               "\"spec\":{\"clusterIP\":\"None\",\"selector\":{\"app\":\"prod\"}}}"

START_TEST(a_config_map_of_somebody_else) { taken(KIND_CONFIGMAP, "g", "{\"data\":{\"mine\":\"1\"}}", "a ConfigMap g exists"); }
END_TEST
START_TEST(a_service_with_an_address) {
    taken(KIND_SERVICE, "s-g-worker", "{\"spec\":{\"selector\":{\"app\":\"x\"}}}", "role worker: a Service s-g-worker exists");
}
END_TEST
START_TEST(a_headless_service_of_another_group) { taken(KIND_SERVICE, "s-g-worker", THEIRS, "a Service s-g-worker exists"); }
END_TEST
START_TEST(a_pod_of_somebody_else) {
    taken(KIND_POD, "g-worker-1", "{\"spec\":{\"containers\":[]}}", "a Pod g-worker-1 exists that this instance does not control");
}
END_TEST
START_TEST(an_instance_of_somebody_else) {
    taken(KIND_RI, "g-worker-0", "{\"spec\":{\"components\":[]}}",
          "a RoleInstance g-worker-0 exists that this set does not control");
}
END_TEST

/* The spec is the group's, the object the user's: it stays when the group goes. */
START_TEST(a_headless_service_of_the_user_is_used_and_outlives_the_group) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct sim *s = sim_new(&sim_opts_default);
    create(s, a, KIND_SERVICE, "s-g-worker",
           "{\"metadata\":{\"labels\":{\"mine\":\"1\"}},\"spec\":{\"clusterIP\":\"None\",\"selector\":{\"app\":\"x\"}}}");
    const char *uid = meta_uid(live(s, a, KIND_SERVICE, "s-g-worker"));
    for (int i = 0; i < 2; i++) {
        scenario_apply(s, group(a));
        scenario_ready(s);
        const struct jv *service = live(s, a, KIND_SERVICE, "s-g-worker");
        const struct jv *selector = jv_path(service, "spec", "selector", (char *)0);
        ck_assert_str_eq(jv_str(jv_get(selector, "rbg.workloads.x-k8s.io/role-name"), ""), "worker");
        ck_assert_str_eq(meta_label(service, "mine"), "1");
        ck_assert_ptr_null(jv_path(service, "metadata", "ownerReferences", (char *)0));
        ASSERT_OK(sim_delete(s, KIND_RBG, "default", "g", &e));
        scenario_settle(s, HOUR_MS);
        ck_assert_str_eq(meta_uid(live(s, a, KIND_SERVICE, "s-g-worker")), uid);
    }
    sim_free(s);
}
END_TEST

/* Services "s-foo-bar" of group foo, role bar, and of group s-foo, role bar when it was named without the prefix. */
START_TEST(two_groups_whose_services_share_a_name) {
    ARENA_AUTO struct arena *a = arena_new();
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *foo = scenario_group(a, "foo", 1, false), *other = scenario_group(a, "s-foo", 1, false);
    scenario_apply(s, foo);
    scenario_ready(s);
    const char *before = json_text(a, live(s, a, KIND_SERVICE, "s-foo-worker"));
    scenario_apply(s, other);
    scenario_settle(s, HOUR_MS);
    const char *after = json_text(a, live(s, a, KIND_SERVICE, "s-foo-worker"));
    SCENARIO_CHECK(s, str_eq(after, before), "the first group's Service was changed");
    SCENARIO_CHECK(s, groups_ready(s), "the second has a Service of its own");
    sim_free(s);
}
END_TEST

START_TEST(two_groups_whose_sets_share_a_name) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct sim *s = sim_new(&sim_opts_default);
    struct jv *one = scenario_group(a, "a", 1, false), *two = scenario_group(a, "a-b", 1, false);
    jv_set_str(a, scenario_role(one, "worker"), "name", "b-0");
    jv_set_str(a, scenario_role(two, "worker"), "name", "0");
    scenario_apply(s, one);
    scenario_ready(s);
    scenario_apply(s, two);
    sim_wait(s, 1000);
    ready_says(s, "a-b", "role 0: a RoleInstanceSet a-b-0 exists that this group does not control");
    ASSERT_OK(sim_delete(s, KIND_RBG, "default", "a", &e));
    scenario_ready(s);
    sim_free(s);
}
END_TEST

TEST_MAIN("sim_ownership", a_group_made_again_takes_over_what_was_orphaned, a_set_made_again_takes_over_what_was_orphaned,
          an_instance_made_again_takes_over_what_was_orphaned, an_older_revision_does_not_hold_up_the_deletion,
          a_config_map_of_somebody_else, a_service_with_an_address, a_headless_service_of_another_group, a_pod_of_somebody_else,
          an_instance_of_somebody_else, a_headless_service_of_the_user_is_used_and_outlives_the_group,
          two_groups_whose_services_share_a_name, two_groups_whose_sets_share_a_name)
