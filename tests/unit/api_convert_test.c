/* Conversion: what the other version sees, and who wins when both versions have written. That
 * nothing is lost is shown by tests/prop/api_conversion_test.c, where each field goes by
 * api_convert_rows_test.c; here are the meanings, among them a comparison with recorded reads of
 * the first implementation. */
#include <stdio.h>
#include <string.h>

#include "api/admission.h"
#include "api/names.h"
#include "base/str.h"
#include "doc/scalar.h"
#include "doc/yaml.h"
#include "docs.h"
#include "recorded.h"
#include "testing.h"

#define STASH "conversion.workloads.x-k8s.io/stash"

/* A group with one role "a", which says `role`; `head` goes into metadata and spec. */
static struct jv *group(struct arena *a, const char *version, const char *notes, const char *spec,
                        const char *role) {
    return doc_yaml(a, arena_printf(a,
                                    "{apiVersion: workloads.x-k8s.io/%s, kind: RoleBasedGroup, "
                                    "metadata: {name: g%s}, spec: {%sroles: [{name: a%s}]}}",
                                    version, notes, spec, role));
}

static struct jv *to(struct arena *a, const struct jv *doc, const char *version) {
    struct err e = ERR_INIT;
    struct jv *out = convert(a, KIND_RBG, doc, version, &e);
    if (!out) ck_abort_msg("%s: %s", version, e.msg);
    return jv_dup(a, out);
}

static struct jv *role_of(const struct jv *doc) {
    return jv_idx(jv_path(doc, "spec", "roles", (char *)0), 0);
}

#define TEXT(v, ...) jv_str(jv_path(v, __VA_ARGS__, (char *)0), "(absent)")
#define T "template: {spec: {containers: [{name: m, image: i}]}}"

/* ---- recorded reads ---- */

static bool is_zero(const struct jv *v) {
    if (v->type == J_BOOL) return !v->b;
    return jv_is_empty(v) || (v->type == J_NUM && jv_int(v, 1) == 0);
}

/* What re-typing changes and is decided to stay as the user wrote it: zero values, canonical
 * quantities. Also what we do on purpose: the stash, and the v1alpha1 word Recreate. */
static void normalize(struct arena *a, struct jv *v, const char *key) {
    bool quantities = str_eq(key, "limits") || str_eq(key, "requests");
    JV_FOR_ARR(it, v) normalize(a, *it, "");
    for (uint32_t i = v->type == J_OBJ ? v->len : 0; i-- > 0;) {
        const struct jmember *m = &v->members[i];
        normalize(a, m->val, m->key);
        bool quantity = quantities || str_eq(m->key, "sizeLimit");
        if (quantity && quantity_sign(m->val) != -2)
            v->members[i].val = jv_new_str(a, quantity_canonical(a, m->val, NULL));
        if (str_eq(m->key, "type") && str_eq(jv_str(m->val, ""), "RecreatePod"))
            jv_set_str(a, v, "type", "Recreate");
        if (is_zero(m->val) || str_eq(m->key, STASH)) jv_del(v, m->key);
    }
}

static struct jv *named(struct jv **docs, size_t n, const char *version, const struct jv *like) {
    for (size_t i = 0; i < n; i++) {
        bool same = str_eq(jv_get_str(docs[i], "kind"), jv_get_str(like, "kind")) &&
                    str_eq(meta_name(docs[i]), meta_name(like));
        if (same && str_has_suffix(jv_get_str(docs[i], "apiVersion"), version)) return docs[i];
    }
    return NULL;
}

static int compare_file(struct arena *a, const char *path) {
    struct err e = ERR_INIT;
    struct jv **docs, *want;
    size_t len, n;
    int compared = 0;
    char *text = testing_read(a, path, &len);
    ASSERT_OK(yaml_parse_all(a, text, len, &docs, &n, &e));
    for (size_t i = 0; i < n; i++) {
        enum kind k = kind_by_name(jv_str(jv_get(docs[i], "kind"), ""));
        bool ours = (k == KIND_RBG || k == KIND_RBGSET) &&
                    str_has_suffix(jv_get_str(docs[i], "apiVersion"), "v1alpha2");
        if (!ours || !(want = named(docs, n, "v1alpha1", docs[i]))) continue;
        struct jv *got = convert(a, k, docs[i], "v1alpha1", &e);
        ASSERT_PTR(got);
        got = jv_dup(a, got);
        normalize(a, got, "");
        normalize(a, want, "");
        if (!jv_eq(got, want)) {
            BUF_AUTO struct buf x = BUF_INIT, y = BUF_INIT;
            json_write_yaml(&x, got);
            json_write_yaml(&y, want);
            ck_abort_msg("%s, %s:\n--- recorded\n%s\n--- got\n%s", path, meta_name(want),
                         buf_str(&y), buf_str(&x));
        }
        compared++;
    }
    return compared;
}

START_TEST(test_reads_as_recorded) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *names = arena_new();
    const char *root = recorded_root(names), **cases;
    size_t n;
    int compared = 0;
    if (!root) return;
    ASSERT_OK(recorded_cases(names, root, &cases, &n, &e));
    for (size_t i = 0; i < n; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        compared += compare_file(a, arena_printf(a, "%s/%s/out-1.yaml", root, cases[i]));
    }
    ck_assert_int_ge(compared, 16);
}
END_TEST

/* ---- losses of the first implementation ---- */

START_TEST(test_restart_policy_of_plain_role_survives) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v2 = to(a, group(a, "v1alpha1", "", "", ", restartPolicy: None, " T), "v1alpha2");
    ck_assert_ptr_null(jv_path(role_of(v2), "standalonePattern", "restartPolicy", (char *)0));
    ck_assert_str_eq(TEXT(role_of(to(a, v2, "v1alpha1")), "restartPolicy"), "None");
}
END_TEST

START_TEST(test_recreate_is_recreate_pod) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v2 = to(
        a, group(a, "v1alpha1", "", "", ", rolloutStrategy: {rollingUpdate: {type: Recreate}}, " T),
        "v1alpha2");
    ck_assert_str_eq(TEXT(role_of(v2), "rolloutStrategy", "rollingUpdate", "type"), "RecreatePod");
    struct jv *v1 = to(
        a, group(a, "v1alpha2", "", "", ", rolloutStrategy: {rollingUpdate: {type: RecreatePod}}"),
        "v1alpha1");
    ck_assert_str_eq(TEXT(role_of(v1), "rolloutStrategy", "rollingUpdate", "type"), "Recreate");
}
END_TEST

START_TEST(test_gang_reaches_groups_of_v1alpha1_set) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *set = doc_yaml(a, "{apiVersion: workloads.x-k8s.io/v1alpha1, kind: RoleBasedGroupSet, "
                                 "metadata: {name: s}, spec: {template: "
                                 "{podGroupPolicy: {kubeScheduling: {}}, roles: [{name: a}]}}}");
    struct jv *v2 = convert(a, KIND_RBGSET, set, "v1alpha2", &e);
    ASSERT_PTR(v2);
    ck_assert_str_eq(TEXT(v2, "spec", "groupTemplate", "annotations", A_GANG), "true");
    ck_assert_str_eq(TEXT(v2, "metadata", "annotations", A_GANG), "true");
}
END_TEST

START_TEST(test_unreadable_preservation_stays_an_annotation) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v1 =
        to(a, group(a, "v1alpha2", ", annotations: {" A_V1_COORDINATION ": '[{'}", "", ""),
           "v1alpha1");
    ck_assert_str_eq(TEXT(v1, "metadata", "annotations", A_V1_COORDINATION), "[{");
}
END_TEST

/* ---- a value written through the other version wins ---- */

START_TEST(test_newer_policy_beats_stashed) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v1 = to(
        a,
        group(
            a, "v1alpha2", "", "",
            ", leaderWorkerPattern: {size: 2, restartPolicy: None, sharedServiceSelection: All, " T
            "}"),
        "v1alpha1");
    jv_set_str(a, role_of(v1), "restartPolicy", "RecreateRoleInstanceOnPodRestart");
    struct jv *pattern = jv_get(role_of(to(a, v1, "v1alpha2")), "leaderWorkerPattern");
    ck_assert_str_eq(TEXT(pattern, "restartPolicyConfig", "type"),
                     "RecreateRoleInstanceOnPodRestart");
    ck_assert_str_eq(TEXT(pattern, "restartPolicy"), "(absent)");
    ck_assert_str_eq(TEXT(pattern, "sharedServiceSelection"), "All");
}
END_TEST

START_TEST(test_removed_policy_stays_removed) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v1 =
        to(a, group(a, "v1alpha2", "", "", ", leaderWorkerPattern: {restartPolicy: None, " T "}"),
           "v1alpha1");
    ck_assert(jv_del(role_of(v1), "restartPolicy"));
    struct jv *pattern = jv_get(role_of(to(a, v1, "v1alpha2")), "leaderWorkerPattern");
    ck_assert_str_eq(TEXT(pattern, "restartPolicy"), "(absent)");
    ck_assert_str_eq(TEXT(pattern, "restartPolicyConfig", "type"), "(absent)");
}
END_TEST

START_TEST(test_delays_survive_newer_policy) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v2 = group(a, "v1alpha2", "", "",
                          ", customComponentsPattern: {restartPolicyConfig: {type: None, "
                          "baseDelaySeconds: 5, maxDelaySeconds: 7}, components: [{name: x}]}");
    struct jv *v1 = to(a, v2, "v1alpha1");
    jv_set_str(a, role_of(v1), "restartPolicy", "RecreateRoleInstanceOnPodRestart");
    struct jv *config = jv_path(role_of(to(a, v1, "v1alpha2")), "customComponentsPattern",
                                "restartPolicyConfig", (char *)0);
    ck_assert_str_eq(TEXT(config, "type"), "RecreateRoleInstanceOnPodRestart");
    ck_assert_int_eq(jv_get_int(config, "baseDelaySeconds", 0), 5);
}
END_TEST

START_TEST(test_native_gang_survives_v1alpha1_write) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v1 =
        to(a, group(a, "v1alpha2", ", annotations: {" A_GANG ": \"true\"}", "", ""), "v1alpha1");
    ck_assert_str_eq(TEXT(v1, "metadata", "annotations", A_GANG), "(absent)");
    jv_set_str(a, jv_need_obj(a, jv_get(v1, "metadata"), "annotations"), "added", "later");
    struct jv *v2 = to(a, v1, "v1alpha2");
    ck_assert_str_eq(TEXT(v2, "metadata", "annotations", A_GANG), "true");
    ck_assert_str_eq(TEXT(v2, "metadata", "annotations", "added"), "later");
    ck_assert_str_eq(TEXT(v2, "metadata", "annotations", STASH), "(absent)");
}
END_TEST

START_TEST(test_removed_gang_policy_removes_gang) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v2 = to(a,
                       group(a, "v1alpha1", "",
                             "podGroupPolicy: {kubeScheduling: {scheduleTimeoutSeconds: 5}}, ", ""),
                       "v1alpha2");
    ck_assert_str_eq(TEXT(v2, "metadata", "annotations", A_GANG_TIMEOUT), "5");
    struct jv *v1 = to(a, v2, "v1alpha1");
    ck_assert(jv_del(jv_get(v1, "spec"), "podGroupPolicy"));
    ck_assert_str_eq(TEXT(to(a, v1, "v1alpha2"), "metadata", "annotations", A_GANG), "(absent)");
}
END_TEST

START_TEST(test_changed_workload_beats_stashed) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v1 = to(a, group(a, "v1alpha2", "", "", ", standalonePattern: {" T "}"), "v1alpha1");
    ck_assert_str_eq(TEXT(role_of(v1), "workload", "kind"), "RoleInstanceSet");
    jv_set(a, role_of(v1), "workload", doc_yaml(a, "{apiVersion: apps/v1, kind: Deployment}"));
    ck_assert_str_eq(TEXT(role_of(to(a, v1, "v1alpha2")), "annotations", A_WORKLOAD_TYPE),
                     "apps/v1/Deployment");
}
END_TEST

START_TEST(test_roles_are_found_by_name) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v2 =
        group(a, "v1alpha2", "", "",
              ", podManagementPolicy: OrderedReady}, {name: b, podManagementPolicy: Parallel");
    struct jv *v1 = to(a, v2, "v1alpha1"), *roles = jv_path(v1, "spec", "roles", (char *)0),
              *first = roles->items[0];
    roles->items[0] = roles->items[1];
    roles->items[1] = first;
    jv_push(a, roles, doc_yaml(a, "{name: c}"));
    roles = jv_path(to(a, v1, "v1alpha2"), "spec", "roles", (char *)0);
    ck_assert_str_eq(TEXT(jv_find(roles, "name", "a"), "podManagementPolicy"), "OrderedReady");
    ck_assert_str_eq(TEXT(jv_find(roles, "name", "b"), "podManagementPolicy"), "Parallel");
    ck_assert_str_eq(TEXT(jv_find(roles, "name", "c"), "podManagementPolicy"), "Parallel");
}
END_TEST

START_TEST(test_newer_v1alpha2_value_beats_stash_of_v1alpha1) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v2 = to(a, group(a, "v1alpha1", "", "", ", restartPolicy: None, " T), "v1alpha2"),
              *role = role_of(v2);
    jv_del(role, "standalonePattern");
    jv_set(a, role, "leaderWorkerPattern",
           doc_yaml(a, "{" T ", restartPolicyConfig: {type: RecreateRoleInstanceOnPodRestart}}"));
    ck_assert_str_eq(TEXT(role_of(to(a, v2, "v1alpha1")), "restartPolicy"),
                     "RecreateRoleInstanceOnPodRestart");
}
END_TEST

/* ---- hostile stashes, errors ---- */

START_TEST(test_strange_stashes_do_no_harm) {
    static const char *const stashes[] = {
        "{}",
        "null",
        "[1]",
        "[null]",
        "[{}]",
        "[{\"at\":[]}]",
        "[{\"at\":[1,2]}]",
        "[{\"at\":\"x\",\"is\":1}]",
        "[{\"at\":[\"spec\",\"roles\",99],\"is\":1}]",
        "[{\"at\":[\"spec\",\"roles\",{\"name\":\"zz\"},\"x\"],\"is\":1}]",
        "[{\"at\":[\"spec\",{\"name\":\"a\"}],\"is\":1}]",
        "[{\"at\":[\"metadata\",\"annotations\",\"k\",\"l\"],\"is\":1,\"u\":-4}]",
        "[{\"at\":[null],\"is\":1,\"u\":99999}]",
        "[{\"at\":[\"spec\",\"roles\",-1,\"x\"],\"was\":null,\"u\":1}]",
        "[[]]",
        "[[[]]]",
        "[[[[[]]]],{}]",
        "[[\"spec\"]]",
        "[[\"spec\",1,null,[],[[]],[{}]]]",
        "[[{\"is\":1},{\"is\":1}]]",
        "[[\"spec\",[\"roles\",[99,{\"is\":1}],[{\"name\":\"zz\"},[\"x\",{\"is\":1}]],[-1,{\"u\":1}]]]]",
        "[[\"spec\",[{\"name\":\"a\"},{\"is\":1}],[0,[0,{\"is\":1}]]]]",
        "[[\"metadata\",[\"annotations\",[\"k\",[\"l\",{\"is\":1,\"u\":-4}]]]]]",
        "[[null,{\"is\":1,\"u\":99999}],[\"kind\",[\"x\",{\"is\":1}]]]",
        "[[\"apiVersion\",{\"was\":\"x\",\"is\":\"y\"}],[\"spec\",{\"is\":1}]]",
    };
    for (size_t i = 0; i < sizeof stashes / sizeof *stashes; i++) {
        struct err e = ERR_INIT;
        ARENA_AUTO struct arena *a = arena_new();
        struct jv *v2 = group(a, "v1alpha2", "", "", ", standalonePattern: {" T "}"),
                  *want = to(a, v2, "v1alpha1");
        jv_set_str(a, jv_need_obj(a, jv_get(v2, "metadata"), "annotations"), STASH, stashes[i]);
        struct jv *got = convert(a, KIND_RBG, v2, "v1alpha1", &e);
        ASSERT_PTR(got);
        ck_assert_msg(jv_eq(got, want), "%s: %s", stashes[i], json_text(a, got));
    }
}
END_TEST

/* What stays text on the way there stays text on the way back, too: putting a stash back costs what it
 * changes, not what is beside it. */
START_TEST(test_kept_text_stays_text) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *doc = group(a, "v1alpha2", "", "", ", podManagementPolicy: OrderedReady, standalonePattern: {" T "}");
    static const char *const versions[] = {"v1alpha1", "v1alpha2"};
    for (int i = 0; i < 2; i++) {
        char *text = json_text(a, doc);
        struct jv *outline = json_parse_outline(a, text, strlen(text), NULL, convert_keep, NULL, &e);
        ck_assert_int_eq(jv_path(outline, "metadata", "annotations", STASH, (char *)0) != NULL, i);
        ASSERT_PTR(doc = convert(a, KIND_RBG, outline, versions[i], &e));
        const struct jv *role = role_of(doc), *in = i ? jv_get(role, "standalonePattern") : role;
        ck_assert(jv_is(jv_get(in, "template"), J_RAW));
    }
    ck_assert_str_eq(TEXT(role_of(doc), "podManagementPolicy"), "OrderedReady");
}
END_TEST

/* Deeper than any document, in both forms: neither may take the stack. */
START_TEST(test_endless_paths_do_no_harm) {
    enum { STEPS = 60000 }; /* as many as fit into what is read of a stash */
    struct err e = ERR_INIT;
    for (int nested = 0; nested < 2; nested++) {
        ARENA_AUTO struct arena *a = arena_new();
        BUF_AUTO struct buf text = BUF_INIT;
        struct jv *v2 = group(a, "v1alpha2", "", "", ", standalonePattern: {" T "}"),
                  *want = to(a, v2, "v1alpha1");
        buf_puts(&text, nested ? "[" : "[{\"at\":[0");
        for (int i = 0; i < STEPS; i++) buf_puts(&text, nested ? "[0," : ",0");
        buf_puts(&text, nested ? "{}" : "],\"is\":1}]");
        for (int i = 0; nested && i <= STEPS; i++) buf_putc(&text, ']');
        jv_set_str(a, jv_need_obj(a, jv_get(v2, "metadata"), "annotations"), STASH, text.s);
        struct jv *got = convert(a, KIND_RBG, v2, "v1alpha1", &e);
        ck_assert(jv_eq(got, want));
    }
}
END_TEST

/* What the first releases of this program have stored. */
START_TEST(test_first_texts_are_read) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v1 = group(a, "v1alpha1", "", "", ", restartPolicy: None, " T), *v2 = to(a, v1, "v1alpha2");
    struct jv *notes = jv_path(v2, "metadata", "annotations", (char *)0);
    ck_assert(jv_get(notes, STASH));
    jv_set_str(a, notes, STASH,
               "[{\"at\":[\"spec\",\"roles\",{\"name\":\"a\"},\"workload\"],\"was\":{\"apiVersion\":"
               "\"workloads.x-k8s.io/v1alpha2\",\"kind\":\"RoleInstanceSet\"}},"
               "{\"at\":[\"spec\",\"roles\",{\"name\":\"a\"},\"restartPolicy\"],\"is\":\"None\"}]");
    struct jv *got = convert(a, KIND_RBG, v2, "v1alpha1", &e);
    ck_assert_msg(jv_eq(got, v1), "%s", json_text(a, got));
}
END_TEST

START_TEST(test_errors_say_why) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *v2 = group(a, "v1alpha2", "", "", "");
    ck_assert_ptr_null(convert(a, KIND_RBG, v2, "v1alpha2", &e));
    ck_assert_msg(e.code == ERR_INVALID && strstr(e.msg, "already"), "%s", e.msg);
    ck_assert_ptr_null(convert(a, KIND_RBG, v2, "v1", &e));
    ck_assert_msg(strstr(e.msg, "write v1alpha1 or v1alpha2") != NULL, "%s", e.msg);
    ck_assert_ptr_null(convert(a, KIND_RIS, v2, "v1alpha1", &e));
    ck_assert_ptr_null(
        convert(a, KIND_RBG, doc_yaml(a, "{apiVersion: workloads.x-k8s.io/v1alpha2}"), "v1alpha1", &e));
    ck_assert_msg(strstr(e.msg, "metadata: must be an object") != NULL, "%s", e.msg);
    ck_assert_ptr_null(
        convert(a, KIND_RBG, doc_yaml(a, "{apiVersion: v1, metadata: {}}"), "v1alpha1", &e));
}
END_TEST

TEST_MAIN("api_convert", test_reads_as_recorded, test_restart_policy_of_plain_role_survives,
          test_recreate_is_recreate_pod, test_gang_reaches_groups_of_v1alpha1_set,
          test_unreadable_preservation_stays_an_annotation, test_newer_policy_beats_stashed,
          test_removed_policy_stays_removed, test_delays_survive_newer_policy,
          test_native_gang_survives_v1alpha1_write, test_removed_gang_policy_removes_gang,
          test_changed_workload_beats_stashed, test_roles_are_found_by_name,
          test_newer_v1alpha2_value_beats_stash_of_v1alpha1, test_strange_stashes_do_no_harm,
          test_kept_text_stays_text, test_endless_paths_do_no_harm, test_first_texts_are_read, test_errors_say_why)
