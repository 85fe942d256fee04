/* Labels and annotations that a set hands down to its instances follow it while the instances live: added, changed and removed,
 * with no update of what runs. Pure.
 *
 * What others put on an instance stays. What came from the set is known by our own entry in managedFields, of which the cache keeps
 * these keys (core/source.c): it names what we wrote last and nobody has changed since. Labels under our own prefix tell of the
 * template that the instance has, so they change with it and not before. */
#include "api/names.h"
#include "base/str.h"
#include "controller/ris/world.h"

static bool tells_of_the_template(const char *label) {
    return str_has_prefix(label, P_) || str_eq(label, L_REVISION_HASH) || str_eq(label, L_POD_NAME);
}

/* map: "f:labels" or "f:annotations". */
static bool came_from_the_set(struct arena *a, const struct jv *doc, const char *map, const char *key) {
    const char *field = arena_printf(a, "f:%s", key);
    JV_FOR_ARR(entry, jv_path(doc, "metadata", "managedFields", (char *)0))
        if (jv_get(jv_path(*entry, "fieldsV1", "f:metadata", map, (char *)0), field)) return true;
    return false;
}

static void put_wanted(struct arena *a, struct jv *out, const struct jv *want, const struct jv *have, bool all) {
    JV_FOR_OBJ(m, want)
        if ((all || !tells_of_the_template(m->key)) && !jv_eq(m->val, jv_get(have, m->key))) jv_set(a, out, m->key, m->val);
}

static struct jv *labels(const struct ris_pass *s, const struct instance *i, bool updated) {
    const struct jv *have = jv_path(i->doc, "metadata", "labels", (char *)0);
    struct jv *want = build_ri_labels(s->a, &s->w->set, i->ordinal, s->r.update), *out = jv_new_obj(s->a);
    put_wanted(s->a, out, want, have, updated);
    JV_FOR_OBJ(m, have) {
        if (jv_get(want, m->key)) continue;
        bool goes = tells_of_the_template(m->key) ? updated && str_has_prefix(m->key, L_ROLE_REVISION_PREFIX)
                                                  : came_from_the_set(s->a, i->doc, "f:labels", m->key);
        if (goes) jv_set(s->a, out, m->key, jv_null(s->a));
    }
    return out;
}

static struct jv *annotations(const struct ris_pass *s, const struct instance *i) {
    const struct jv *have = jv_path(i->doc, "metadata", "annotations", (char *)0);
    struct jv *want = build_ri_annotations(s->a, &s->w->set), *out = jv_new_obj(s->a);
    put_wanted(s->a, out, want, have, true);
    JV_FOR_OBJ(m, have)
        if (!jv_get(want, m->key) && ri_annotation_handed_down(m->key) &&
            came_from_the_set(s->a, i->doc, "f:annotations", m->key))
            jv_set(s->a, out, m->key, jv_null(s->a));
    return out;
}

struct jv *ris_metadata_patch(const struct ris_pass *s, const struct instance *i, bool updated) {
    struct jv *out = jv_new_obj(s->a), *l = labels(s, i, updated), *n = annotations(s, i);
    if (jv_len(l)) jv_set(s->a, out, "labels", l);
    if (jv_len(n)) jv_set(s->a, out, "annotations", n);
    return out;
}

void ris_plan_metadata(const struct ris_pass *s) {
    for (size_t k = 0; k < s->w->ninstances; k++) {
        const struct instance *i = &s->w->instances[k];
        if (s->written[k] || i->terminating || i->ordinal < 0) continue;
        struct jv *meta = ris_metadata_patch(s, i, false), *patch = jv_new_obj(s->a);
        if (!jv_len(meta)) continue;
        jv_set(s->a, patch, "metadata", meta);
        action_on_fail(plan_patch(s->p, KIND_RI, i->doc, patch), "FailedUpdateInstanceInPlace");
    }
}
