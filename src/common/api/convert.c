/* Conversion of RoleBasedGroup and RoleBasedGroupSet between v1alpha1 and v1alpha2.
 *
 * Two plain maps, one to each version, say what a value means in the other version (convert_roles.c
 * has the rows; the annotations of the whole object are here). Neither is lossless. So after each
 * conversion the result is mapped back, and what differs from the document we came from is put as
 * JSON into one annotation of the result. Converting back maps, then restores from the annotation
 * whatever was not written anew in between. Hence identity both ways, for known and unknown fields.
 *
 * Results share unchanged subtrees with the document; nothing below is changed by us. Pure. */
#include <string.h>

#include "api/names.h"
#include "base/str.h"
#include "convert.h"

#define A_STASH "conversion.workloads.x-k8s.io/stash"
enum { STASH_MAX = 256 * 1024 }; /* what an object may have of annotations in all */

/* Fields of a v1alpha1 spec that v1alpha2 keeps as the text of an annotation. */
static const struct {
    const char *field, *annotation;
    enum jtype type;
} preserved[] = {
    {"podGroupPolicy", A_V1_POD_GROUP_POLICY, J_OBJ},
    {"coordination", A_V1_COORDINATION, J_ARR},
};

/* What v1alpha2 derives from them; never shown in v1alpha1. */
static const char *const derived[] = {A_GANG, A_GANG_TIMEOUT, A_GANG_VOLCANO_QUEUE,
                                      A_GANG_VOLCANO_PRIORITY, A_EXCLUSIVE_TOPOLOGY};
enum { NDERIVED = sizeof derived / sizeof *derived };

/* The order in which the first implementation printed the members, for the text of the annotations.
 */
static const char *const member_order[] = {"name",           "roles",   "strategy",
                                           "rollingUpdate",  "maxSkew", "partition",
                                           "maxUnavailable", "scaling"};

static bool has_place(const struct jmember *m) {
    for (size_t i = 0; i < sizeof member_order / sizeof *member_order; i++)
        if (strlen(member_order[i]) == m->klen && memcmp(member_order[i], m->key, m->klen) == 0) return true;
    return false;
}

static struct jv *ordered(struct arena *a, const struct jv *v) {
    v = jv_open(a, v);
    struct jv *out = jv_clone(a, v);
    if (v->type == J_ARR)
        for (uint32_t i = 0; i < v->len; i++) out->items[i] = ordered(a, v->items[i]);
    if (v->type != J_OBJ) return out;
    out->len = 0;
    for (size_t i = 0; i < sizeof member_order / sizeof *member_order; i++) {
        const struct jv *m = jv_get(v, member_order[i]);
        if (m) jv_set(a, out, member_order[i], ordered(a, m));
    }
    JV_FOR_OBJ(m, v)
    if (!has_place(m)) jv_add(a, out, m->key, m->klen, ordered(a, m->val));
    return out;
}

static void note_text(struct arena *a, struct jv *notes, const char *key, const struct jv *v) {
    const char *s = jv_is(v, J_NUM) || jv_is(v, J_STR) ? v->s : NULL;
    if (!str_empty(s)) jv_set_str(a, notes, key, s);
}

/* Part A 7.1: both given, kube wins. */
static void gang_to_v2(struct arena *a, struct jv *notes, const struct jv *policy) {
    const struct jv *kube = jv_get(policy, "kubeScheduling"),
                    *volcano = jv_get(policy, "volcanoScheduling");
    if (jv_is(kube, J_OBJ)) {
        jv_set_str(a, notes, A_GANG, "true");
        note_text(a, notes, A_GANG_TIMEOUT, jv_get(kube, "scheduleTimeoutSeconds"));
    } else if (jv_is(volcano, J_OBJ)) {
        jv_set_str(a, notes, A_GANG, "true");
        note_text(a, notes, A_GANG_VOLCANO_QUEUE, jv_get(volcano, "queue"));
        note_text(a, notes, A_GANG_VOLCANO_PRIORITY, jv_get(volcano, "priorityClassName"));
    }
}

/* The annotations below `holder` (metadata, or a set's groupTemplate) as a copy of its own. */
static struct jv *own_notes(struct arena *a, struct jv *holder, bool make) {
    if (make) jv_need_obj(a, holder, "annotations");
    return jv_is(jv_get(holder, "annotations"), J_OBJ) ? jv_own(a, holder, "annotations")
                                                       : NULL;
}

static void drop_empty(struct jv *holder, const struct jv *notes) {
    if (notes && notes->len == 0) jv_del(holder, "annotations");
}

/* Takes what v1alpha1 says in its spec, and v1alpha2 in annotations. */
static void notes_to_v2(struct arena *a, struct jv *meta, struct jv *spec) {
    struct jv *add = jv_new_obj(a);
    for (size_t i = 0; i < sizeof preserved / sizeof *preserved; i++) {
        const struct jv *v = jv_get(spec, preserved[i].field);
        bool says = jv_is(v, preserved[i].type) && (v->type == J_OBJ || v->len);
        if (says) jv_set_str(a, add, preserved[i].annotation, json_text(a, ordered(a, v)));
        if (says && v->type == J_OBJ) gang_to_v2(a, add, v);
        if (v) jv_del(spec, preserved[i].field);
    }
    note_text(a, add, A_EXCLUSIVE_TOPOLOGY,
              jv_path(meta, "annotations", A_V1_EXCLUSIVE_TOPOLOGY, (char *)0));
    struct jv *notes = add->len ? own_notes(a, meta, true) : NULL;
    if (notes) jv_merge_shallow(a, notes, add);
}

static void notes_to_v1(struct arena *a, struct jv *meta, struct jv *spec) {
    struct jv *notes = own_notes(a, meta, false);
    if (!notes || notes->len == 0) return;
    for (size_t i = 0; i < sizeof preserved / sizeof *preserved; i++) {
        const struct jv *text = jv_get(notes, preserved[i].annotation);
        struct jv *v = jv_is(text, J_STR) ? json_parse(a, text->s, text->len, NULL, NULL) : NULL;
        /* Text that is none stays an annotation: an error here would hide the object from every
         * v1alpha1 reader. */
        if (!jv_is(v, preserved[i].type)) continue;
        jv_set(a, spec, preserved[i].field, v);
        jv_del(notes, preserved[i].annotation);
    }
    for (size_t i = 0; i < NDERIVED; i++) jv_del(notes, derived[i]);
    drop_empty(meta, notes);
}

/* What the groups of a set need: the set's own annotations do not reach them. */
static void notes_to_groups(struct arena *a, const struct jv *meta, struct jv *template) {
    struct jv *add = jv_new_obj(a);
    const struct jv *from = jv_get(meta, "annotations");
    jv_set(a, add, A_V1_COORDINATION, jv_get(from, A_V1_COORDINATION));
    for (size_t i = 0; i < NDERIVED; i++) jv_set(a, add, derived[i], jv_get(from, derived[i]));
    struct jv *notes = add->len ? own_notes(a, template, true) : NULL;
    if (notes) jv_merge_shallow(a, notes, add);
}

static struct jv *own_or_new(struct arena *a, struct jv *obj, const char *key) {
    return jv_is(jv_get(obj, key), J_OBJ) ? jv_own(a, obj, key) : jv_new_obj(a);
}

static void group_map(struct arena *a, struct jv *doc, bool to_v2) {
    struct jv *meta = own_or_new(a, doc, "metadata"), *spec = own_or_new(a, doc, "spec");
    if (to_v2)
        notes_to_v2(a, meta, spec);
    else
        notes_to_v1(a, meta, spec);
    convert_roles(a, spec, to_v2);
}

static void set_to_v2(struct arena *a, struct jv *doc) {
    struct jv *meta = own_or_new(a, doc, "metadata"), *spec = own_or_new(a, doc, "spec");
    if (!jv_is(jv_get(spec, "template"), J_OBJ)) return;
    struct jv *group = jv_own(a, spec, "template"),
              *template = own_or_new(a, spec, "groupTemplate");
    jv_del(spec, "template");
    jv_set(a, spec, "groupTemplate", template);
    jv_set(a, template, "spec", group);
    notes_to_v2(a, meta, group);
    notes_to_groups(a, meta, template);
    convert_roles(a, group, true);
}

static void set_to_v1(struct arena *a, struct jv *doc) {
    struct jv *meta = own_or_new(a, doc, "metadata"), *spec = own_or_new(a, doc, "spec");
    struct jv *template = own_or_new(a, spec, "groupTemplate"),
              *group = own_or_new(a, template, "spec");
    if (!jv_get(spec, "groupTemplate")) return;
    jv_del(spec, "groupTemplate");
    jv_set(a, spec, "template", group);
    notes_to_v1(a, meta, group);
    convert_roles(a, group, false);
}

/* The plain map. Total: what has an unexpected type stays where it is. */
static struct jv *map_to(struct arena *a, enum kind k, const struct jv *from, bool to_v2) {
    struct jv *doc = jv_clone(a, from);
    jv_set_str(a, doc, "apiVersion", to_v2 ? API_GROUP "/v1alpha2" : API_GROUP "/v1alpha1");
    if (k == KIND_RBG)
        group_map(a, doc, to_v2);
    else if (to_v2)
        set_to_v2(a, doc);
    else
        set_to_v1(a, doc);
    return doc;
}

/* ---- the annotation ---- */

/* Takes the stash off a copy of the document. *stash: NULL when there is none, or none that can be
 * read. */
static struct jv *unstash(struct arena *a, const struct jv *from, const struct jv **stash) {
    *stash = NULL;
    const struct jv *text = jv_path(from, "metadata", "annotations", A_STASH, (char *)0);
    if (!text) return (struct jv *)(uintptr_t)from;
    struct jv *v = jv_is(text, J_STR) ? json_parse(a, text->s, text->len, NULL, NULL) : NULL;
    if (jv_is(v, J_ARR)) *stash = v;
    struct jv *doc = jv_clone(a, from), *meta = jv_own(a, doc, "metadata"),
              *notes = own_notes(a, meta, false);
    jv_del(notes, A_STASH);
    drop_empty(meta, notes);
    return doc;
}

/* An empty map of annotations would not come back from under the stash, so it counts as absent when
 * there is one. */
static struct jv *without_empty_notes(struct arena *a, struct jv *doc) {
    const struct jv *notes = jv_path(doc, "metadata", "annotations", (char *)0);
    if (!notes || !jv_is_empty(notes)) return doc;
    struct jv *out = jv_clone(a, doc), *meta = jv_own(a, out, "metadata");
    jv_del(meta, "annotations");
    return out;
}

static struct jv *stashed(struct arena *a, enum kind k, const struct jv *from, struct jv *to,
                          bool to_v2) {
    struct jv *stash = stash_diff(a, map_to(a, k, to, !to_v2), from);
    if (!stash) return to;
    struct jv *out = without_empty_notes(a, to);
    if (out != to) stash = stash_diff(a, map_to(a, k, out, !to_v2), from);
    if (!stash) return to;
    out = jv_clone(a, out);
    struct jv *notes = own_notes(a, jv_own(a, out, "metadata"), true);
    jv_set(a, notes, A_STASH, stash);
    return out;
}

/* ---- the entry ---- */

/* A template is the same in both, but for that of a set in v1alpha1, which is a group. */
bool convert_keep(const struct json_place *at) {
#define SAME(word) {sizeof word - 1, word}
    static const struct {
        size_t len;
        char word[26];
    } same_in_both[] = {SAME("template"),       SAME("containers"),
                        SAME("initContainers"), SAME("volumes"),
                        SAME("affinity"),       SAME("tolerations"),
                        SAME("status"),         SAME("topologySpreadConstraints"),
                        SAME("labels"),         SAME("managedFields"),
                        SAME("patch"),          SAME("leaderTemplatePatch"),
                        SAME("templatePatch"),  SAME("workerTemplatePatch"),
                        SAME("dependencies"),   SAME("patchLeaderTemplate"),
                        SAME("engineRuntimes"), SAME("patchWorkerTemplate")};
#undef SAME
    for (size_t i = 0; i < sizeof same_in_both / sizeof *same_in_both; i++)
        if (same_in_both[i].len == at->klen && jv_key_eq(same_in_both[i].word, at->key, at->klen))
            return i > 0 || !at->in || at->in_len != 4 || memcmp(at->in, "spec", 4) != 0;
    return false;
}

static int check_input(enum kind k, const struct jv *doc, const char *to, struct err *e) {
    const char *from = jv_get_str(doc, "apiVersion");
    if (k != KIND_RBG && k != KIND_RBGSET)
        return err_set(
            e, ERR_INVALID,
            "only RoleBasedGroup and RoleBasedGroupSet have more than one form to convert between");
    if (!str_eq(to, "v1alpha1") && !str_eq(to, "v1alpha2"))
        return err_set(e, ERR_INVALID,
                       "can't convert to version \"%s\": write v1alpha1 or v1alpha2", to ? to : "");
    if (!str_eq(from, API_GROUP "/v1alpha1") && !str_eq(from, API_GROUP "/v1alpha2"))
        return err_set(e, ERR_INVALID, "apiVersion: \"%s\" is neither %s/v1alpha1 nor %s/v1alpha2",
                       from ? from : "", API_GROUP, API_GROUP);
    if (str_has_suffix(from, to))
        return err_set(e, ERR_INVALID, "apiVersion: is %s already, there is nothing to convert",
                       from);
    const struct jv *meta = jv_get(doc, "metadata"), *notes = jv_get(meta, "annotations");
    if (!jv_is(meta, J_OBJ))
        return err_set(e, ERR_INVALID, "metadata: must be an object, got %s", jv_type_name(meta));
    if (notes && !jv_is(notes, J_OBJ) && !jv_is(notes, J_NULL))
        return err_set(e, ERR_INVALID, "metadata.annotations: must be an object, got %s",
                       jv_type_name(notes));
    const struct jv *stash = jv_get(notes, A_STASH);
    if (jv_is(stash, J_STR) && stash->len > STASH_MAX)
        return err_set(e, ERR_LIMIT,
                       "metadata.annotations[%s]: has %u bytes, at most %d can be stored: remove it, "
                       "it is written by conversion alone",
                       A_STASH, (unsigned)stash->len, STASH_MAX);
    return 0;
}

struct jv *convert(struct arena *a, enum kind k, const struct jv *doc, const char *to_version,
                   struct err *e) {
    if (check_input(k, doc, to_version, e)) return NULL;
    bool to_v2 = str_eq(to_version, "v1alpha2");
    const struct jv *stash, *from = unstash(a, doc, &stash);
    struct jv *to = map_to(a, k, from, to_v2);
    if (stash) to = stash_apply(a, to, stash);
    return stashed(a, k, from, to, to_v2);
}
