/* The order in which the components of an instance start (part D 10.2): annotation component-depends-on, JSON {startAfter: [...]},
 * on the component or on its template. A cycle or an unknown name can't be obeyed; admission refuses both, and a stored one starts
 * everything at once, as without the annotation. Pure. */
#include "api/names.h"
#include "base/str.h"
#include "controller/ri/world.h"

static const struct jv *start_after(struct ri_pass *s, size_t component, const char **problem) {
    const struct component *c = &s->w->inst.spec.components.items[component];
    const char *text = jv_get_str(c->annotations, A_COMPONENT_DEPENDS);
    if (!text) text = jv_str(jv_path(c->template, "metadata", "annotations", A_COMPONENT_DEPENDS, (char *)0), NULL);
    if (str_empty(text)) return NULL;
    struct err e = ERR_INIT;
    const struct jv *doc = json_parse(s->a, text, strlen(text), NULL, &e);
    if (doc) return jv_get(doc, "startAfter");
    *problem = arena_printf(s->a, "component %s: annotation %s is no JSON object: %s", c->name, A_COMPONENT_DEPENDS, e.msg);
    return NULL;
}

/* Does the start of `from` wait, directly or not, for `target`? seen: by component, so that each is walked once. */
static bool reaches(struct ri_pass *s, int from, int target, bool *seen) {
    const char *ignored = NULL;
    if (seen[from]) return false;
    seen[from] = true;
    JV_FOR_ARR(it, start_after(s, (size_t)from, &ignored)) {
        int next = ri_component_index(s->w, jv_str(*it, ""));
        if (next >= 0 && (next == target || reaches(s, next, target, seen))) return true;
    }
    return false;
}

static bool all_ready(struct ri_pass *s, size_t component) {
    for (int id = 0; id < ri_size(s->w, component); id++) {
        const struct pod *pod = ri_pod(s->w, ri_pod_name(s, component, id));
        if (!pod || !pod->ready) return false;
    }
    return true;
}

bool ri_may_start(struct ri_pass *s, size_t component, const char **problem) {
    const struct jv *names = start_after(s, component, problem);
    bool *seen = ARENA_ARRAY(s->a, s->w->inst.spec.components.n, bool);
    if (*problem) return false;
    if (!jv_len(names) || reaches(s, (int)component, (int)component, seen)) return true;
    JV_FOR_ARR(it, names) {
        int dep = ri_component_index(s->w, jv_str(*it, ""));
        if (dep >= 0 && !all_ready(s, (size_t)dep)) return false;
    }
    return true;
}
