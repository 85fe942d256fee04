/* Pod templates: does the reference resolve, do the patches apply, and is what comes out a pod that
 * Kubernetes takes? Each mistake is reported where the user wrote it: in the inline template, in
 * the role template, or in the patch that brought it in. Pure. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "doc/patch.h"
#include "template_internal.h"
#include "validate.h"
#include "validate_place.h"

/* Most patches leave one of the two as it is; then it was looked at before. */
enum part { FRAME, SPEC, PARTS }; /* SPEC: the pod's spec; FRAME: the rest of its template */

/* A template on its way to a component, and where the part was written that led to it. */
struct stage {
    const struct jv *tpl;
    struct place at;
    const struct component *own; /* whose labels and annotations are in the template; NULL: nobody's */
    struct problems found[PARTS];
    bool looked[PARTS];
};
enum { STAGES_MAX = 3, FOUND_MAX = 100 /* mistakes of one stage */ };
struct chain {
    struct stage items[STAGES_MAX];
    size_t n;
    struct place role, pattern, ref, spec, list, element; /* what the stages' places are below */
};

static const char *pattern_name(const struct role *r) {
    return r->standalone.set ? "standalonePattern" : "leaderWorkerPattern";
}

static void push(struct chain *ch, struct arena *a, const struct jv *tpl, struct place at) {
    ch->items[ch->n++] = (struct stage){
        .tpl = tpl, .at = at, .found = {{.a = a, .max = FOUND_MAX}, {.a = a, .max = FOUND_MAX}}};
}

static void chain_init(struct chain *ch, const struct role_check *k, const char *pattern) {
    ch->n = 0;
    ch->role = place_at(k->path, k->r->doc);
    ch->pattern = place_field(&ch->role, pattern);
}

static bool has(const struct problems *list, const struct problem *x) {
    for (size_t i = 0; i < list->n; i++) {
        const struct problem *y = &list->items[i];
        if (x->kind == y->kind && str_eq(x->path, y->path) && str_eq(x->message, y->message))
            return true;
    }
    return false;
}

/* The discovery file is mounted into the containers of stateful roles, and two volumes can't be mounted
 * at one path. */
static void check_discovery_mount(struct problems *p, const struct role_check *k,
                                  const struct jv *tpl) {
    struct place root = place_root(tpl), spec = place_field(&root, "spec"),
                 list = place_field(&spec, "containers");
    for (size_t i = 0; role_stateful(k->r) && i < place_len(&list); i++) {
        struct place container = place_item(&list, i),
                     mounts = place_field(&container, "volumeMounts");
        for (size_t m = 0; m < place_len(&mounts); m++) {
            struct place mount = place_item(&mounts, m), to = place_field(&mount, "mountPath");
            if (!str_eq(place_text(&to), DISCOVERY_MOUNT) ||
                str_eq(jv_get_str(mount.v, "name"), DISCOVERY_VOLUME))
                continue;
            place_problem(p, &to, PROBLEM_FORBIDDEN,
                          "the file with the group's addresses is mounted there: choose another "
                          "path");
        }
    }
}

static bool warned(const struct problems *list, const char *warning) {
    for (size_t i = 0; i < list->nwarnings; i++)
        if (str_eq(list->warnings[i], warning)) return true;
    return false;
}

static void look(const struct role_check *k, struct stage *st, enum part part) {
    struct problems *found = &st->found[part];
    if (st->looked[part]) return;
    st->looked[part] = true;
    if (part == FRAME) {
        check_pod_frame(found, st->tpl);
        return;
    }
    check_pod_spec(found, st->tpl, k->r->engine_runtimes.n > 0);
    check_discovery_mount(found, k, st->tpl);
}

/* The first stage from which on the problem, or (x NULL) the warning, is there without a break, up to the last of n. */
static const struct stage *origin(const struct role_check *k, struct chain *ch, size_t n,
                                  enum part part, const struct problem *x, const char *warning) {
    size_t at = n - 1;
    for (; at > 0; at--) {
        struct stage *before = &ch->items[at - 1];
        look(k, before, part);
        if (x ? !has(&before->found[part], x) : !warned(&before->found[part], warning)) break;
    }
    return &ch->items[at];
}

/* What a component writes over its template's metadata is beside the template. */
static char *place_of(struct arena *a, const struct stage *from, const char *path) {
    static const char meta[] = "metadata.";
    const char *rest = str_has_prefix(path, meta) ? path + sizeof meta - 1 : NULL,
               *key = rest ? strchr(rest, '[') : NULL, *end = key ? strchr(key, ']') : NULL;
    const char *template = place_path(a, &from->at);
    if (!from->own || !end) return arena_printf(a, "%s.%s", template, path);
    const struct jv *notes = *rest == 'l' ? from->own->labels : from->own->annotations;
    bool beside = jv_getn(notes, key + 1, (size_t)(end - key) - 1);
    return beside ? arena_printf(a, "%s.%s", place_path(a, from->at.up), rest)
                  : arena_printf(a, "%s.%s", template, path);
}

/* Says what is wrong at a stage, unless another component said it of the same one. */
static void report_at(const struct role_check *k, const struct chain *ch, const struct stage *from,
                      const struct problem *x) {
    struct arena *a = k->c->a;
    if (problems_full(k->c->p)) return;
    const char *note = from == &ch->items[0] ? "" : " (after the patch is applied)";
    const char *path = place_of(k->tmp, from, x->path),
               *id = arena_printf(k->tmp, "%s|%d|%s%s", path, (int)x->kind, x->message, note);
    if (map_put(k->c->said, id, k->c->said)) return;
    problem_take(k->c->p, (struct problem){arena_strdup(a, path), x->kind, arena_strdup(a, x->value),
                                           arena_printf(a, "%s%s", x->message, note)});
}

/* What is wrong at the last of the first n stages, each at its origin. */
static void report(const struct role_check *k, struct chain *ch, size_t n, enum part part) {
    const struct problems *found = &ch->items[n - 1].found[part];
    for (size_t i = 0; i < found->n; i++) {
        const struct problem *x = &found->items[i];
        report_at(k, ch, origin(k, ch, n, part, x, NULL), x);
    }
    for (size_t i = 0; i < found->nwarnings; i++) {
        const struct stage *from = origin(k, ch, n, part, NULL, found->warnings[i]);
        problem_warn(k->c->p, "%s", place_of(k->tmp, from, found->warnings[i]));
    }
}

static const struct jv *spec_of(const struct jv *tpl) { return jv_get(tpl, "spec"); }

static void check_spec(const struct role_check *k, struct chain *ch) {
    size_t n = ch->n; /* without the stages at the end that leave the spec as it is */
    while (n > 1 && spec_of(ch->items[n - 1].tpl) == spec_of(ch->items[n - 2].tpl)) n--;
    look(k, &ch->items[n - 1], SPEC);
    report(k, ch, n, SPEC);
}

/* Component i of n, and how it came about. */
static void check_effective(const struct role_check *k, struct chain *ch,
                            const struct effective *all, size_t n, size_t i) {
    struct stage *last = &ch->items[ch->n - 1];
    struct problems *found = &last->found[FRAME];
    last->tpl = all[i].template;
    look(k, last, FRAME);
    check_directives(found, k, all, n, i);
    check_port_keys(k, all, i, found);
    report(k, ch, ch->n, FRAME);
    /* The worker's may be the leader's, which was looked at. */
    if (i == 0 || spec_of(last->tpl) != spec_of(all[0].template)) check_spec(k, ch);
}

/* ---- where a template comes from ---- */

/* The stages before a leader's or worker's own patch. */
static void base_chain(struct chain *ch, const struct role_check *k, const struct jv *resolved) {
    struct arena *a = k->tmp;
    const struct template_ref *ref = role_template_ref(k->r);
    chain_init(ch, k, pattern_name(k->r));
    if (!ref->set) {
        push(ch, a, resolved, place_field(&ch->pattern, "template"));
        return;
    }
    size_t i = role_template_index(k->c->s, ref->name);
    ch->spec = place_at(k->c->path, NULL);
    ch->list = place_field(&ch->spec, "roleTemplates");
    ch->element = place_item(&ch->list, i);
    push(ch, a, k->c->s->role_templates.items[i].template, place_field(&ch->element, "template"));
    ch->ref = place_field(&ch->pattern, "templateRef");
    if (!jv_is_empty(ref->patch)) push(ch, a, resolved, place_field(&ch->ref, "patch"));
}

static void check_leader_worker(const struct role_check *k, const struct jv *resolved,
                                const struct effective *all) {
    const struct leader_worker_pattern *p = &k->r->leader_worker;
    const struct jv *patches[] = {p->leader_patch, p->worker_patch};
    static const char *const fields[] = {"leaderTemplatePatch", "workerTemplatePatch"};
    for (size_t i = 0; i < 2; i++) {
        struct chain ch;
        base_chain(&ch, k, resolved);
        bool patched = !jv_is_empty(patches[i]);
        if (patched) push(&ch, k->tmp, NULL, place_field(&ch.pattern, fields[i]));
        /* Without patches both are the same template: one report is enough. */
        if (patched || i == 0 || !jv_is_empty(patches[0])) check_effective(k, &ch, all, 2, i);
    }
}

static void check_custom(const struct role_check *k, const struct effective *all, size_t n,
                         size_t i) {
    struct chain ch;
    chain_init(&ch, k, "customComponentsPattern");
    ch.list = place_field(&ch.pattern, "components");
    ch.element = place_item(&ch.list, i);
    push(&ch, k->tmp, NULL, place_field(&ch.element, "template"));
    ch.items[0].own = &k->r->custom.components.items[i];
    check_effective(k, &ch, all, n, i);
}

/* ---- references and patches ---- */

static bool check_ref(const struct role_check *k, const struct template_ref *ref,
                      const struct jv *inline_template) {
    struct arena *a = k->tmp;
    const struct place role = place_at(k->path, k->r->doc),
                       pattern = place_field(&role, pattern_name(k->r)),
                       template = place_field(&pattern, "template"),
                       reference = place_field(&pattern, "templateRef"),
                       name = place_field(&reference, "name");
    if (ref->set && !jv_is_empty(inline_template)) {
        place_problem(k->c->p, &pattern, PROBLEM_FORBIDDEN,
                      "template and templateRef are both given: keep one of them");
        return false;
    }
    if (!ref->set && !inline_template) {
        place_problem(k->c->p, &template, PROBLEM_REQUIRED,
                      "write the pod template here, or name one of spec.roleTemplates in "
                      "templateRef");
        return false;
    }
    if (!ref->set || role_template_index(k->c->s, ref->name) < k->c->s->role_templates.n)
        return true;
    struct words known = {ARENA_ARRAY(a, k->c->s->role_templates.n, const char *),
                          k->c->s->role_templates.n};
    for (size_t i = 0; i < known.n; i++) known.items[i] = k->c->s->role_templates.items[i].name;
    place_problem(k->c->p, &name, str_empty(ref->name) ? PROBLEM_REQUIRED : PROBLEM_NOT_FOUND,
                  "the group has no role template of this name%s: add it to %s.roleTemplates%s%s",
                  did_you_mean(a, ref->name ? ref->name : "", &known), k->c->path,
                  known.n ? ", or use " : "", words_list(a, &known));
    return false;
}

static bool patch_applies(const struct role_check *k, const struct jv *base,
                          const struct place *patch, const struct jv **out) {
    struct err e = ERR_INIT;
    *out = jv_is_empty(patch->v)
               ? base
               : smp_apply(k->tmp, base, patch->v, &core_PodTemplateSpec, &e);
    if (*out) return true;
    place_problem(k->c->p, patch, PROBLEM_INVALID,
                  "the patch can't be applied to the pod template: %s", e.msg);
    return false;
}

/* All patches of the role, so that each that fails is reported. ef: the templates that they lead to, of
 * the leader and the worker or of the one component. resolved: the template with the reference's patch.
 * They share what no patch changes, because validation only reads. */
static bool patches_apply(const struct role_check *k, const struct jv **resolved,
                          struct effective ef[2]) {
    const struct role *r = k->r;
    const struct jv *leader, *worker, *base = role_inline_template(r);
    const struct template_ref *ref = role_template_ref(r);
    if (ref->set)
        base = k->c->s->role_templates.items[role_template_index(k->c->s, ref->name)].template;
    if (!jv_is(base, J_OBJ)) return false; /* reported with the role template */
    const struct place role = place_at(k->path, r->doc),
                       pattern = place_field(&role, pattern_name(r)),
                       reference = place_field(&pattern, "templateRef"),
                       patch = place_field(&reference, "patch"),
                       of_leader = place_field(&pattern, "leaderTemplatePatch"),
                       of_worker = place_field(&pattern, "workerTemplatePatch");
    if (!patch_applies(k, base, &patch, resolved)) return false;
    ef[0] = (struct effective){
        .component = r->name ? r->name : "", .size = 1, .template = (struct jv *)(uintptr_t)*resolved};
    if (r->standalone.set) return true;
    bool ok = patch_applies(k, *resolved, &of_leader, &leader);
    ok = patch_applies(k, *resolved, &of_worker, &worker) && ok;
    int32_t size = r->leader_worker.size.set ? r->leader_worker.size.v : 1;
    ef[0] = (struct effective){
        .component = "leader", .size = 1, .template = (struct jv *)(uintptr_t)leader};
    ef[1] = (struct effective){.component = "worker",
                               .size = size > 1 ? size - 1 : 0,
                               .template = (struct jv *)(uintptr_t)worker};
    return ok;
}

/* Labels and annotations of the component can only be added to objects. */
static void check_component_metadata(const struct role_check *k, const struct jv *tpl,
                                     const char *path) {
    const struct jv *v;
    const char *part;
    size_t i = 0;
    while ((part = metadata_mistyped(tpl, &i, &v))) {
        const struct place at = place_at(arena_printf(k->c->a, "%s.%s", path, part), v);
        check_type(k->c->p, F_OBJECT, &at);
    }
}

/* Why the component has no template that could be looked at. */
static void report_component(const struct role_check *k, size_t i) {
    const struct jv *t = k->r->custom.components.items[i].template;
    const char *path = arena_printf(
        k->c->a, "%s.customComponentsPattern.components[%zu].template", k->path, i);
    if (jv_is(t, J_OBJ))
        check_component_metadata(k, t, path);
    else
        problem_add(k->c->p, path, t ? PROBLEM_INVALID : PROBLEM_REQUIRED, t,
                    "write the component's pod template");
}

/* What is wrong with one of them says nothing about the others, which may refer to it. */
static void check_components(const struct role_check *k) {
    size_t n = k->r->custom.components.n;
    struct effective *all = ARENA_ARRAY(k->tmp, n, struct effective);
    for (size_t i = 0; i < n; i++) {
        const struct component *c = &k->r->custom.components.items[i];
        if (template_component(k->tmp, k->r, c, &all[i], NULL)) report_component(k, i);
        all[i].component = c->name ? c->name : "";
    }
    for (size_t i = 0; i < n && !problems_full(k->c->p); i++)
        if (all[i].template) check_custom(k, all, n, i);
}

/* ---- how large ---- */

enum { TEMPLATES_BYTES_MAX = 16 << 20 }; /* that is much for 10,000 pods, and is looked at in a quarter of a second */

/* About the length of its text. */
static size_t weight(const struct jv *v) {
    enum { PUNCTUATION = 4 };
    size_t n = PUNCTUATION + (jv_is(v, J_STR) || jv_is(v, J_NUM) ? v->len : 0);
    JV_FOR_ARR(it, v) n += weight(*it);
    JV_FOR_OBJ(m, v) n += m->klen + weight(m->val);
    return n;
}

/* How many times what the role refers to is looked at, and kept in what is made of it. */
static size_t copies(const struct role *r) {
    return r->leader_worker.set ? 3 : 1;
}

/* One role template may be that of many roles: then little text is many pod templates. */
void check_template_sizes(struct check *c) {
    enum { MANY = 16 };
    size_t n = c->s->role_templates.n, total = 0;
    if (n == 0 || c->s->roles.n < MANY) return;
    size_t *weights = ARENA_ARRAY(c->a, n, size_t);
    for (size_t i = 0; i < c->s->roles.n; i++) {
        const struct role *r = &c->s->roles.items[i];
        const struct template_ref *ref = role_template_ref(r);
        size_t t = ref->set ? role_template_index(c->s, ref->name) : n;
        if (t == n) continue;
        if (!weights[t]) weights[t] = weight(c->s->role_templates.items[t].template);
        total += weights[t] * copies(r);
    }
    if (total <= TEMPLATES_BYTES_MAX) return;
    c->too_much = true;
    problem_add(c->p, arena_printf(c->a, "%s.roles", c->path), PROBLEM_TOO_MANY, NULL,
                "the roles' pod templates, each with what its role template brings, have more than %d MiB "
                "together: make the role templates smaller, or write several groups",
                TEMPLATES_BYTES_MAX >> 20);
}

void check_templates(const struct role_check *k) {
    const struct role *r = k->r;
    if (k->c->too_much) return;
    if (!r->standalone.set && !r->leader_worker.set) {
        if (r->custom.set) check_components(k);
        return;
    }
    const struct jv *resolved = NULL, *own = role_inline_template(r);
    struct effective ef[2];
    const struct template_ref *ref = role_template_ref(r);
    if (!check_ref(k, ref, own) || !patches_apply(k, &resolved, ef)) return;
    if (ref->set && own) {
        problem_add(k->c->p, k->path, PROBLEM_INVALID, NULL,
                    "role \"%s\" has both template and templateRef: keep one of them", r->name);
    } else if (r->standalone.set) {
        struct chain ch;
        base_chain(&ch, k, resolved);
        check_effective(k, &ch, ef, 1, 0);
    } else {
        check_leader_worker(k, resolved, ef);
    }
}
