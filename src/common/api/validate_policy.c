/* Validation of CoordinatedPolicy and RoleBasedGroupWarmup, and of what a change of a group leaves
 * behind: as far as CEL in the definitions can't say it. A role that no group has is a warning only,
 * because the group may come, or change, later. Pure, but for the lookup of the group. */
#include <string.h>

#include "api/names.h"
#include "base/map.h"
#include "base/str.h"
#include "doc/scalar.h"
#include "validate.h"
#include "validate_place.h"

/* The names of the roles of group ns/name; *found false: there is no such group, or nobody to ask. */
static struct words roles_of(struct problems *p, const struct lookup *l, const char *ns,
                             const char *name, bool *found) {
    const struct jv *group = l && l->group && *name ? l->group(l->ctx, p->a, ns, name) : NULL,
                    *roles = jv_path(group, "spec", "roles", (char *)0);
    struct words out = {ARENA_ARRAY(p->a, jv_len(roles) + 1, const char *), 0};
    JV_FOR_ARR(it, roles)
    if (jv_get_str(*it, "name")) out.items[out.n++] = jv_get_str(*it, "name");
    *found = group != NULL;
    return out;
}

static bool has_word(const struct words *w, const char *s) {
    for (size_t i = 0; i < w->n; i++)
        if (str_eq(w->items[i], s)) return true;
    return false;
}

static void warn_role(struct problems *p, const struct place *at, const char *role,
                      const struct words *known, const char *group) {
    if (!*role || problems_warned(p) || has_word(known, role)) return;
    problem_warn(p, "%s: group \"%s\" has no role \"%s\"%s; it has %s", place_path(p->a, at), group,
                 role, did_you_mean(p->a, role, known), words_list(p->a, known));
}

/* ---- coordinated policies ---- */

static void check_count(struct problems *p, const struct place *holder, const char *field) {
    struct place at = place_field(holder, field);
    if (!place_given(&at)) return;
    bool negative = jv_is(at.v, J_NUM) ? jv_int(at.v, 0) < 0 : *place_text(&at) == '-';
    warn_above_all(p, &at);
    if (!intstr_valid(at.v) || negative)
        place_problem(p, &at, PROBLEM_INVALID,
                      "write a number of instances, such as 1, or a percentage in quotes, such as "
                      "\"25%%\"%s",
                      negative ? "; not a negative one" : "");
}

static void check_rule(struct problems *p, const struct place *rule, const struct words *known,
                       const char *group, bool found) {
    struct place roles = place_field(rule, "roles"), strategy = place_field(rule, "strategy"),
                 update = place_field(&strategy, "rollingUpdate"),
                 scaling = place_field(&strategy, "scaling");
    struct map *seen = map_in(p->a);
    for (size_t i = 0; i < place_len(&roles); i++) {
        struct place at = place_item(&roles, i);
        const char *role = place_text(&at);
        if (*role && map_put(seen, role, seen))
            place_problem(p, &at, PROBLEM_DUPLICATE, "the rule names this role already: remove one");
        else if (found)
            warn_role(p, &at, role, known, group);
    }
    if (place_len(&roles) == 1)
        problem_warn(p, "%s: one role alone is always in step: name the others too",
                     place_path(p->a, &roles));
    check_count(p, &update, "maxSkew");
    check_count(p, &update, "partition");
    check_count(p, &update, "maxUnavailable");
    check_count(p, &scaling, "maxSkew");
}

/* Two rules that say something about the same role: which one holds? */
static void warn_overlap(struct problems *p, const struct place *rules, const char *strategy) {
    struct map *seen = map_in(p->a);
    for (size_t i = 0; i < place_len(rules); i++) {
        struct place rule = place_item(rules, i), roles = place_field(&rule, "roles");
        if (!jv_path(rule.v, "strategy", strategy, (char *)0)) continue;
        for (size_t r = 0; r < place_len(&roles); r++) {
            struct place at = place_item(&roles, r);
            const struct jv *other = *place_text(&at) ? map_put(seen, place_text(&at), (void *)(uintptr_t)rule.v) : NULL;
            if (other && other != rule.v && !problems_warned(p))
                problem_warn(p, "%s: rule \"%s\" coordinates %s of role \"%s\" too; both hold",
                             place_path(p->a, &at), jv_str(jv_get(other, "name"), ""), strategy,
                             place_text(&at));
        }
    }
}

void validate_coordination(struct problems *p, const struct jv *doc, const struct lookup *l) {
    struct place root = place_root(doc), spec = place_field(&root, "spec"),
                 rules = place_field(&spec, "policies");
    const char *name = meta_name(doc);
    bool found;
    struct words known = roles_of(p, l, meta_ns(doc), name, &found);
    if (!found && l && l->group && *name)
        problem_warn(p, "metadata.name: there is no RoleBasedGroup \"%s\" in this namespace yet; a "
                        "policy belongs to the group of the same name",
                     name);
    for (size_t i = 0; i < place_len(&rules); i++) {
        struct place rule = place_item(&rules, i);
        check_rule(p, &rule, &known, name, found);
    }
    warn_overlap(p, &rules, "rollingUpdate");
    warn_overlap(p, &rules, "scaling");
}

/* ---- warmups ---- */

/* The containers of an action run in pods of their own: the rules of pods hold, at other paths. */
static void check_action(struct problems *p, const struct place *at) {
    static const char inside[] = "spec.";
    struct place action = place_field(at, "customizedAction");
    if (!jv_is(action.v, J_OBJ)) return;
    struct problems found = {.a = p->a};
    struct jv *tpl = jv_new_obj(p->a);
    jv_set(p->a, tpl, "spec", (struct jv *)(uintptr_t)action.v);
    check_pod_spec(&found, tpl, false);
    const char *path = place_path(p->a, &action);
    for (size_t i = 0; i < found.n; i++) {
        const struct problem *x = &found.items[i];
        const char *rest = str_has_prefix(x->path, inside) ? x->path + sizeof inside - 1 : x->path;
        problem_take(p, (struct problem){arena_printf(p->a, "%s.%s", path, rest), x->kind, x->value,
                                         x->message});
    }
}

static void check_images(struct problems *p, const struct place *at) {
    struct place preload = place_field(at, "imagePreload"), images = place_field(&preload, "images");
    for (size_t i = 0; i < place_len(&images); i++) {
        struct place image = place_item(&images, i);
        const char *s = place_text(&image);
        if (place_mistyped(&image, J_STR)) continue;
        if (!*s)
            place_problem(p, &image, PROBLEM_REQUIRED, "name an image");
        else if (*s == ' ' || s[strlen(s) - 1] == ' ')
            place_problem(p, &image, PROBLEM_INVALID, "remove the spaces around it");
    }
}

/* What CEL says in the definition, for manifests that no API server has seen. */
static void check_action_given(struct problems *p, const struct place *at) {
    if (!jv_is(at->v, J_OBJ) || jv_get(at->v, "imagePreload") || jv_get(at->v, "customizedAction"))
        return;
    place_problem(p, at, PROBLEM_REQUIRED,
                  "nothing to do: write imagePreload, customizedAction or both");
}

static void check_choices(struct problems *p, const struct place *spec, const struct place *nodes) {
    static const char *const targets[] = {"targetNodes", "targetRoleBasedGroup"};
    static const char *const ways[] = {"nodeNames", "nodeSelector"};
    struct place policies = place_field(spec, "policies"),
                 failed = place_field(&policies, "maxFailedNodes");
    place_one_of(p, spec, targets, 2, true);
    if (place_given(nodes)) place_one_of(p, nodes, ways, 2, true);
    check_action_given(p, nodes);
    if (place_given(&failed) && !jv_get(policies.v, "backoffLimitPerNode"))
        place_problem(p, &failed, PROBLEM_FORBIDDEN,
                      "needs backoffLimitPerNode: without it no node ever counts as failed");
}

void validate_warmup(struct problems *p, const struct jv *doc, const struct lookup *l) {
    struct place root = place_root(doc), spec = place_field(&root, "spec"),
                 nodes = place_field(&spec, "targetNodes"),
                 group = place_field(&spec, "targetRoleBasedGroup"),
                 labels = place_field(&nodes, "nodeSelector"), roles = place_field(&group, "roles");
    const char *name = jv_str(jv_get(group.v, "name"), "");
    bool found;
    struct words known = roles_of(p, l, meta_ns(doc), name, &found);
    check_choices(p, &spec, &nodes);
    check_labels_at(p, &labels);
    check_images(p, &nodes);
    check_action(p, &nodes);
    if (!found && l && l->group && *name)
        problem_warn(p, "spec.targetRoleBasedGroup.name: there is no RoleBasedGroup \"%s\" in this "
                        "namespace yet; the warmup waits for its pods",
                     name);
    JV_FOR_OBJ(m, roles.v) {
        struct place at = place_key(&roles, m);
        if (found) warn_role(p, &at, m->key, &known, name);
        check_action_given(p, &at);
        check_images(p, &at);
        check_action(p, &at);
    }
    check_tolerations(p, &spec);
}

/* ---- v1alpha1 coordination, kept in an annotation ---- */

void check_coordination_note(struct problems *p, const struct jv *notes, const char *path,
                             const struct rbg_spec *s) {
    const char *at = arena_printf(p->a, "%s[%s]", path, A_V1_COORDINATION),
               *text = jv_get_str(notes, A_V1_COORDINATION);
    struct err e = ERR_INIT;
    if (str_empty(text)) return;
    const struct jv *rules = json_parse(p->a, text, strlen(text), &json_limits_review, &e);
    if (!jv_is(rules, J_ARR)) {
        problem_add(p, at, PROBLEM_INVALID, jv_get(notes, A_V1_COORDINATION),
                    "must be a JSON list: %s; write a CoordinatedPolicy instead",
                    rules ? "it is none" : e.msg);
        return;
    }
    struct words known = {ARENA_ARRAY(p->a, s->roles.n + 1, const char *), 0};
    for (size_t i = 0; i < s->roles.n; i++)
        if (s->roles.items[i].name) known.items[known.n++] = s->roles.items[i].name;
    JV_FOR_ARR(rule, rules) JV_FOR_ARR(role, jv_get(*rule, "roles")) {
        const char *name = jv_str(*role, "");
        if (*name && !problems_warned(p) && !has_word(&known, name))
            problem_warn(p, "coordination \"%s\": the group has no role \"%s\"%s",
                         jv_str(jv_get(*rule, "name"), ""), name, did_you_mean(p->a, name, &known));
    }
}

/* ---- deprecated fields ---- */

static void warn_restart(const struct role_check *k, const struct role *was, const char *pattern,
                         const char *said, const char *type, const char *was_said) {
    const char *path = arena_printf(k->c->a, "%s.%s", k->path, pattern);
    if (!str_empty(said) && !str_empty(type) && !str_eq(said, type))
        problem_warn(k->c->p,
                     "%s.restartPolicy: \"%s\" has no effect, because restartPolicyConfig.type is "
                     "\"%s\": remove it",
                     path, said, type);
    else if (!str_empty(said))
        problem_warn(k->c->p, "%s.restartPolicy: deprecated, write restartPolicyConfig.type: %s",
                     path, said);
    else if (was && !str_empty(was_said) && str_eq(was_said, type))
        problem_warn(k->c->p,
                     "%s.restartPolicy: was removed, but restartPolicyConfig.type stays %s: change "
                     "that one",
                     path, type);
}

void check_deprecated(const struct role_check *k, const struct role *was) {
    const struct role *r = k->r;
    if (r->leader_worker.set)
        warn_restart(k, was, "leaderWorkerPattern", r->leader_worker.restart_policy,
                     r->leader_worker.restart_config.type,
                     was ? was->leader_worker.restart_policy : NULL);
    if (r->custom.set)
        warn_restart(k, was, "customComponentsPattern", r->custom.restart_policy,
                     r->custom.restart_config.type, was ? was->custom.restart_policy : NULL);
}
