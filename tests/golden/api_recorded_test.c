/* The builders against what the first implementation made of the same stored groups: for every
 * recorded case and step our objects are built from the recorded parents (group -> sets, services,
 * discovery file, revision; set -> instances, revision; instance -> pods, revision) and compared
 * with the recorded ones. See tests/lib/recorded.h for what may differ. */
#include <stdio.h>
#include <string.h>

#include "api/build.h"
#include "api/names.h"
#include "base/str.h"
#include "doc/yaml.h"
#include "docs.h"
#include "recorded.h"
#include "testing.h"

struct run {
    struct arena *a;
    const char *root, *name;
    int step;
    struct objects recorded, ours,
        inputs; /* inputs: what was applied, for cluster-scoped objects */
};

static const char *const workload_kinds[] = {[WL_RIS] = "RoleInstanceSet",
                                             [WL_STATEFULSET] = "StatefulSet",
                                             [WL_DEPLOYMENT] = "Deployment",
                                             [WL_LWS] = "LeaderWorkerSet"};

static bool owned_by(const struct jv *doc, const struct jv *owner) {
    return meta_owned_by(doc, meta_uid(owner));
}

/* ---- group -> its objects ---- */

static const char *service_of(struct run *t, const struct rbg *g, const struct role *r) {
    const char *old = name_workload(t->a, g->name, r->name);
    const struct jv *service = objects_find(&t->recorded, "Service", old);
    return meta_label(service, L_GROUP_NAME) ? old : name_service(t->a, g->name, r->name);
}

static int64_t newest_revision(struct run *t, const struct jv *owner) {
    int64_t max = 0;
    for (size_t i = 0; i < t->recorded.n; i++) {
        const struct jv *d = t->recorded.items[i];
        if (!str_eq(jv_get_str(d, "kind"), "ControllerRevision") || !owned_by(d, owner)) continue;
        int64_t n = jv_get_int(d, "revision", 0);
        if (n > max) max = n;
    }
    return max;
}

static const struct jv **profiles_of(struct run *t, const struct role *r) {
    const struct jv **out = ARENA_ARRAY(t->a, r->engine_runtimes.n, const struct jv *);
    for (size_t i = 0; i < r->engine_runtimes.n; i++)
        out[i] = objects_find(&t->inputs, "ClusterEngineRuntimeProfile",
                              r->engine_runtimes.items[i].profile_name);
    return out;
}

/* The rolling update of the group's policy that names the role. */
static const struct jv *policy_of(struct run *t, const struct rbg *g, const struct role *r) {
    const struct jv *policy = objects_find(&t->recorded, "CoordinatedPolicy", g->name);
    JV_FOR_ARR (it, jv_path(policy, "spec", "policies", (char *)0))
        JV_FOR_ARR (name, jv_get(*it, "roles"))
            if (str_eq(jv_str(*name, ""), r->name))
                return jv_path(*it, "strategy", "rollingUpdate", (char *)0);
    return NULL;
}

static void build_role(struct run *t, const struct rbg *g, const struct role *r, const char *hash) {
    struct err e = ERR_INIT;
    struct role_build b = {.role_hash = hash, .replicas = role_replicas(r)};
    b.ctx = (struct build_ctx){.group = g,
                               .service_name = service_of(t, g, r),
                               .profiles = profiles_of(t, r),
                               .scheduler = "scheduler-plugins"};
    b.max_unavailable = jv_get(policy_of(t, g, r), "maxUnavailable");
    struct jv *set = build_ris(t->a, &b, r, &e);
    ASSERT_PTR(set);
    objects_add(t->a, &t->ours, set);
    const struct jv *live = objects_find(&t->recorded, "RoleInstanceSet", meta_name(set));
    ck_assert_msg(live, "%s/%d: no recorded set %s", t->name, t->step, meta_name(set));
    objects_add(t->a, &t->ours, build_service(t->a, g, r, b.ctx.service_name, KIND_RIS, live));
}

/* Only the pod templates: the rest of these objects is not made by the builders tested here. */
static void build_other_role(struct run *t, const struct rbg *g, const struct role *r) {
    struct err e = ERR_INIT;
    struct build_ctx c = {
        .group = g, .service_name = service_of(t, g, r), .profiles = profiles_of(t, r)};
    struct effective *ef;
    size_t n;
    enum workload w = role_workload(r);
    ASSERT_OK(template_workload(t->a, &c, r, &ef, &n, &e));
    const struct jv *live =
        objects_find(&t->recorded, workload_kinds[w], name_workload(t->a, g->name, r->name));
    ck_assert_msg(live, "%s/%d: no recorded workload of role %s", t->name, t->step, r->name);
    struct jv *mine = jv_dup(t->a, live), *spec = jv_get(mine, "spec");
    if (w == WL_LWS) {
        ck_assert_uint_eq(n, 2);
        struct jv *lwt = jv_get(spec, "leaderWorkerTemplate");
        jv_set(t->a, lwt, "leaderTemplate", ef[0].template);
        jv_set(t->a, lwt, "workerTemplate", ef[1].template);
    } else {
        ck_assert_uint_eq(n, 1);
        jv_set(t->a, spec, "template", ef[0].template);
    }
    objects_add(t->a, &t->ours, mine);
    if (w == WL_STATEFULSET)
        objects_add(t->a, &t->ours,
                    build_service(t->a, g, r, c.service_name, KIND_STATEFULSET, live));
}

/* The role's hash is recorded as a label of its workload. */
static void check_role_hash(struct run *t, const struct rbg *g, const struct role *r,
                            const char *hash) {
    const struct jv *live = objects_find(&t->recorded, workload_kinds[role_workload(r)],
                                         name_workload(t->a, g->name, r->name));
    const char *label = meta_label(live, name_role_revision_label(t->a, r->name));
    if (live)
        ck_assert_msg(str_eq(label, hash), "%s/%d role %s: hash %s, recorded %s", t->name, t->step,
                      r->name, hash, label);
}

static void build_group(struct run *t, const struct jv *doc) {
    struct err e = ERR_INIT;
    struct rbg g;
    struct group_revision rev;
    ASSERT_OK(rbg_decode(t->a, doc, &g, &e));
    ASSERT_OK(build_group_revision(t->a, &g, &rev, &e));
    objects_add(t->a, &t->ours,
                build_group_revision_object(t->a, &g, &rev, newest_revision(t, doc)));
    const char **services = ARENA_ARRAY(t->a, g.spec.roles.n, const char *);
    bool blocked =
        str_eq(t->name, "13-v1alpha1"); /* no role was ever started: its policy was refused */
    for (size_t i = 0; i < g.spec.roles.n; i++) {
        const struct role *r = &g.spec.roles.items[i];
        services[i] = service_of(t, &g, r);
        check_role_hash(t, &g, r, rev.role_hash[i]);
        if (blocked) continue;
        if (role_workload(r) == WL_RIS)
            build_role(t, &g, r, rev.role_hash[i]);
        else
            build_other_role(t, &g, r);
    }
    objects_add(t->a, &t->ours, build_discovery(t->a, &g, services));
}

/* ---- set -> instances, instance -> pods ---- */

static int64_t revision_number(struct run *t, const char *name) {
    return jv_get_int(objects_find(&t->recorded, "ControllerRevision", name), "revision", -1);
}

/* The revision of a set that an instance was made of: by its full name, or by its short hash. */
static const char *revision_of(struct run *t, const struct jv *instance, const struct ris *s) {
    const char *label = meta_label(instance, L_REVISION_HASH);
    return ris_stateless(s) ? arena_printf(t->a, "%s-%s", s->name, label) : label;
}

static struct jv *template_of(struct run *t, const char *revision) {
    struct err e = ERR_INIT;
    const struct jv *object = objects_find(&t->recorded, "ControllerRevision", revision);
    const char *text = jv_get_str(object, "data");
    ck_assert_msg(text, "%s/%d: no recorded revision %s", t->name, t->step, revision);
    struct jv *data = json_parse(t->a, text, strlen(text), NULL, &e);
    ASSERT_PTR(data);
    struct jv *tpl = jv_path(data, "spec", "roleInstanceTemplate", (char *)0);
    jv_del(tpl, "$patch");
    return tpl;
}

static void build_instance(struct run *t, const struct ris *s, const struct jv *recorded) {
    const char *revision = revision_of(t, recorded, s);
    struct jv *tpl = template_of(t, revision), *mine;
    if (ris_stateless(s))
        mine = build_ri_stateless(t->a, s, meta_label(recorded, L_INSTANCE_ID), tpl, revision,
                                  "2026-01-01T00:00:00Z");
    else
        mine = build_ri(t->a, s, name_ordinal(meta_name(recorded), s->name), tpl, revision);
    objects_add(t->a, &t->ours, mine);
}

static void build_set(struct run *t, const struct jv *doc) {
    struct err e = ERR_INIT;
    struct ris s;
    struct revision rev;
    ASSERT_OK(ris_decode(t->a, doc, &s, &e));
    ASSERT_OK(build_ris_revision(t->a, &s, 0, &rev, &e));
    ck_assert_str_eq(rev.name, jv_str(jv_path(doc, "status", "updateRevision", (char *)0), ""));
    objects_add(t->a, &t->ours,
                build_ris_revision_object(t->a, &s, &rev, revision_number(t, rev.name)));
    for (size_t i = 0; i < t->recorded.n; i++) {
        const struct jv *d = t->recorded.items[i];
        if (str_eq(jv_get_str(d, "kind"), "RoleInstance") && owned_by(d, doc))
            build_instance(t, &s, d);
    }
}

static void build_pod_of(struct run *t, const struct ri *ri, const struct jv *recorded,
                         const char *revision) {
    struct err e = ERR_INIT;
    const char *component = meta_label(recorded, L_COMPONENT_NAME);
    for (size_t i = 0; i < ri->spec.components.n; i++) {
        if (!str_eq(ri->spec.components.items[i].name, component)) continue;
        struct jv *pod =
            template_pod(t->a, ri, i, atoi(meta_label(recorded, L_COMPONENT_ID)), revision, &e);
        ASSERT_PTR(pod);
        objects_add(t->a, &t->ours, pod);
        return;
    }
    ck_abort_msg("%s: no component %s", meta_name(recorded), component);
}

static void build_instance_children(struct run *t, const struct jv *doc) {
    struct err e = ERR_INIT;
    struct ri ri;
    struct revision rev;
    ASSERT_OK(ri_decode(t->a, doc, &ri, &e));
    ASSERT_OK(build_ri_revision(t->a, &ri, 0, &rev, &e));
    ck_assert_str_eq(rev.name, jv_str(jv_path(doc, "status", "updateRevision", (char *)0), ""));
    objects_add(t->a, &t->ours,
                build_ri_revision_object(t->a, &ri, &rev, revision_number(t, rev.name)));
    for (size_t i = 0; i < t->recorded.n; i++) {
        const struct jv *d = t->recorded.items[i];
        if (str_eq(jv_get_str(d, "kind"), "Pod") && owned_by(d, doc))
            build_pod_of(t, &ri, d, rev.name);
    }
}

/* ---- the run ---- */

static void load_inputs(struct run *t) {
    struct err e = ERR_INIT;
    size_t len, n;
    struct jv **docs;
    const char *text =
        testing_read(t->a, arena_printf(t->a, "%s/%s/in.yaml", t->root, t->name), &len);
    ASSERT_OK(yaml_parse_all(t->a, text, len, &docs, &n, &e));
    for (size_t i = 0; i < n; i++) objects_add(t->a, &t->inputs, docs[i]);
}

static void build_all(struct run *t) {
    for (size_t i = 0; i < t->recorded.n; i++) {
        const struct jv *d = t->recorded.items[i];
        const char *kind = jv_str(jv_get(d, "kind"), "");
        if (str_eq(kind, "RoleBasedGroup")) build_group(t, d);
        if (str_eq(kind, "RoleInstanceSet")) build_set(t, d);
        if (str_eq(kind, "RoleInstance")) build_instance_children(t, d);
    }
}

static void run_step(struct arena *a, const char *root, const char *name, int step,
                     struct rules *rules, struct differences *out) {
    struct err e = ERR_INIT;
    struct run t = {.a = a, .root = root, .name = name, .step = step};
    ASSERT_OK(recorded_load(a, root, name, step, &t.recorded, &e));
    load_inputs(&t);
    build_all(&t);
    ck_assert_msg(t.ours.n >= 2, "%s/%d: built only %zu objects", name, step, t.ours.n);
    recorded_normalise(a, &t.ours);
    recorded_normalise(a, &t.recorded);
    recorded_compare(a, arena_printf(a, "%s/%d", name, step), &t.ours, &t.recorded, false, rules,
                     out);
}

static size_t print_unexpected(const struct differences *d) {
    size_t unexpected = 0;
    for (size_t i = 0; i < d->n; i++) {
        const struct difference *x = &d->items[i];
        if (x->rule) continue;
        unexpected++;
        fprintf(stderr, "%s %s %s\n  ours:     %.3000s\n  recorded: %.3000s\n", x->scope, x->object,
                x->path, x->ours ? x->ours : "-", x->recorded ? x->recorded : "-");
    }
    return unexpected;
}

START_TEST(objects_are_those_of_the_first_implementation) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    const char *root = recorded_root(a), **cases;
    if (!root) return; /* RBG_RECORDED=none */
    size_t n, steps = 0;
    ASSERT_OK(recorded_cases(a, root, &cases, &n, &e));
    ck_assert_uint_ge(n, 16);
    struct rules *rules = recorded_rules(a, "docs/compatibility.md");
    struct differences d = {0};
    for (size_t i = 0; i < n; i++)
        for (int step = 1; recorded_has_step(a, root, cases[i], step); step++, steps++)
            run_step(a, root, cases[i], step, rules, &d);
    ck_assert_uint_ge(steps, 26);
    size_t unexpected = print_unexpected(&d);
    ck_assert_msg(unexpected == 0, "%zu unexpected differences", unexpected);
    const char *problem = recorded_rules_problem(a, rules);
    ck_assert_msg(!problem, "%s", problem);
}
END_TEST

/* The comparison itself: what is neither noise nor decided is reported, with its path and both
 * sides. */
START_TEST(comparison_reports_what_no_rule_covers) {
    ARENA_AUTO struct arena *a = arena_new();
    struct rules *rules = recorded_rules(a, "docs/compatibility.md");
    struct objects ours = {0}, recorded = {0};
    struct differences d = {0};
    objects_add(a, &ours,
                doc_json(a, "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"labels\":{\"a/"
                            "b\":\"1\"}},\"spec\":{\"x\":[1,2]}}"));
    objects_add(a, &ours, doc_json(a, "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"q\"}}"));
    objects_add(a, &recorded,
                doc_json(a, "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"x\":[1],"
                            "\"nodeName\":\"n\"}}"));
    objects_add(a, &recorded, doc_json(a, "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"r\"}}"));
    recorded_compare(a, "99-x/1", &ours, &recorded, true, rules, &d);
    ck_assert_uint_eq(d.n, 4);
    ck_assert_str_eq(d.items[0].path, "/metadata/labels/a~1b");
    ck_assert_str_eq(d.items[0].ours, "\"1\"");
    ck_assert_ptr_null(d.items[0].recorded);
    ck_assert_str_eq(d.items[1].path, "/spec/x/1");
    ck_assert_str_eq(d.items[2].object, "Pod/q");
    ck_assert_str_eq(d.items[3].object, "Pod/r");
    for (size_t i = 0; i < d.n; i++) ck_assert_ptr_null(d.items[i].rule);
    ck_assert_ptr_nonnull(recorded_rules_problem(a, rules)); /* no rule was needed */
}
END_TEST

START_TEST(normalising_names_uids_and_drops_what_changes_from_run_to_run) {
    ARENA_AUTO struct arena *a = arena_new();
    struct objects o = {0};
    objects_add(
        a, &o,
        doc_json(a,
                 "{\"kind\":\"RoleInstanceSet\",\"metadata\":{\"name\":\"s\",\"uid\":\"7-7\","
                 "\"resourceVersion\":\"9\"},"
                 "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"lastTransitionTime\":\"t\"}]}}"));
    objects_add(a, &o,
                doc_json(a, "{\"kind\":\"ControllerRevision\",\"metadata\":{\"name\":\"c\",\"labels\":"
                            "{\"o\":\"7-7\"}},"
                            "\"data\":{\"b\":\"<\",\"a\":1}}"));
    recorded_normalise(a, &o);
    ck_assert_str_eq(
        json_text(a, o.items[0]),
        "{\"kind\":\"RoleInstanceSet\",\"metadata\":{\"name\":\"s\",\"uid\":"
        "\"UID(RoleInstanceSet/s)\"},\"status\":{\"conditions\":[{\"type\":\"Ready\"}]}}");
    ck_assert_str_eq(jv_str(jv_path(o.items[1], "metadata", "labels", "o", (char *)0), ""),
                     "UID(RoleInstanceSet/s)");
    ck_assert_str_eq(jv_get_str(o.items[1], "data"), "{\"b\":\"<\",\"a\":1}");
}
END_TEST

TEST_MAIN("api_recorded", objects_are_those_of_the_first_implementation,
          comparison_reports_what_no_rule_covers,
          normalising_names_uids_and_drops_what_changes_from_run_to_run)
