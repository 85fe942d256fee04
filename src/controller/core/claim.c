/* Ownership: deciding whose an object is, taking over what has lost its owner, and letting go. Pure, but for reading the source. */
#include "controller/core/claim.h"

#include <stdio.h>
#include <string.h>

#include "api/names.h"
#include "base/clock.h"
#include "base/str.h"

#define ENDING_RECHECK_MS 1000
#define ORPHAN_FINALIZER "orphan"

const char REASON_NAME_TAKEN[] = "NameTaken";

/* Owners of kinds that are not cached are never judged. */
static bool owner_gone(struct rctx *c, const struct jv *child, const struct jv *ref) {
    enum kind k = kind_of(ref);
    if (k != KIND_RBGSET && k != KIND_RBG && k != KIND_RIS && k != KIND_RI) return false;
    const struct jv *owner = source_get(c->src, c->a, k, meta_ns(child), jv_str(jv_get(ref, "name"), ""));
    return !owner || !str_eq(meta_uid(owner), jv_get_str(ref, "uid"));
}

static const struct jv *owners(const struct jv *doc) {
    return jv_path(doc, "metadata", "ownerReferences", (char *)0);
}

static int64_t age_ms(const struct rctx *c, const struct jv *doc) {
    int64_t born = c->now_ms;
    time_parse_rfc3339(jv_str(jv_path(doc, "metadata", "creationTimestamp", (char *)0), ""), &born);
    return c->now_ms - born;
}

enum claim claim_of(struct rctx *c, const struct jv *parent, const struct jv *child, bool identity) {
    if (!child) return CLAIM_FREE;
    if (meta_owned_by(child, meta_uid(parent))) return CLAIM_OURS;
    if (meta_deleting(child)) return CLAIM_ENDING;
    JV_FOR_ARR(ref, owners(child))
        if (!owner_gone(c, child, *ref)) return CLAIM_FOREIGN;
    if (!identity) return CLAIM_FOREIGN;
    return jv_len(owners(child)) && age_ms(c, parent) < ABANDONED_MS ? CLAIM_ENDING : CLAIM_ORPHAN;
}

struct other claim_other(enum claim claim, const struct jv *child) {
    if (claim != CLAIM_ENDING && claim != CLAIM_FOREIGN) return (struct other){0};
    return (struct other){child, claim == CLAIM_ENDING};
}

void claim_orphans(struct rctx *c, enum kind k, const struct jv *parent, identity_fn identity, struct jv ***list, size_t *n) {
    struct jv **orphans;
    size_t found = source_orphans(c->src, c->a, k, meta_ns(parent), &orphans);
    struct jv **all = found ? ARENA_ARRAY(c->a, *n + found, struct jv *) : NULL;
    if (!found) return;
    if (*n) memcpy(all, *list, *n * sizeof *all);
    *list = all;
    for (size_t i = 0; i < found; i++)
        if (!jv_len(owners(orphans[i])) && !meta_deleting(orphans[i]) && identity(parent, orphans[i])) all[(*n)++] = orphans[i];
}

/* ---- identities ---- */

static bool has_label(const struct jv *child, const char *key, const char *value) {
    return str_eq(meta_label(child, key), value);
}

bool is_of_role(const struct jv *group, const char *role, const struct jv *child) {
    return has_label(child, L_GROUP_NAME, meta_name(group)) && has_label(child, L_ROLE_NAME, role);
}

/* The first implementation gave it no label, but wrote it under the same field manager. */
bool is_configmap_of_group(const struct jv *group, const struct jv *child) {
    return has_label(child, L_GROUP_NAME, meta_name(group)) || (!meta_label(child, L_GROUP_NAME) && applied_fields(child));
}

bool is_revision_of_group(const struct jv *group, const struct jv *child) {
    return has_label(child, L_GROUP_NAME, meta_name(group)) && meta_label(child, L_GROUP_REVISION);
}

bool is_group_of_set(const struct jv *groupset, const struct jv *child) {
    int ordinal = name_ordinal(meta_name(child), meta_name(groupset));
    char text[16];
    snprintf(text, sizeof text, "%d", ordinal);
    return ordinal >= 0 && has_label(child, L_GROUPSET_NAME, meta_name(groupset)) && has_label(child, L_GROUPSET_INDEX, text);
}

static bool has_labels_of(const struct jv *set, const struct jv *child) {
    JV_FOR_OBJ(m, jv_path(set, "spec", "selector", "matchLabels", (char *)0))
        if (!has_label(child, m->key, jv_str(m->val, ""))) return false;
    return true;
}

bool is_instance_of_set(const struct jv *set, const struct jv *child) {
    int ordinal = name_ordinal(meta_name(child), meta_name(set));
    char text[16];
    snprintf(text, sizeof text, "%d", ordinal);
    return ordinal >= 0 && has_label(child, L_INSTANCE_INDEX, text) && has_labels_of(set, child);
}

/* "<parent cut to 223>-<hash>", where the hash has no dash. */
static bool is_named_as_revision_of(const struct jv *parent, const struct jv *child) {
    size_t n = strlen(meta_name(parent));
    if (n > 223) n = 223;
    const char *name = meta_name(child);
    return strncmp(name, meta_name(parent), n) == 0 && name[n] == '-' && !strchr(name + n + 1, '-');
}

bool is_revision_of_set(const struct jv *set, const struct jv *child) {
    return is_named_as_revision_of(set, child) && jv_path(child, "data", "spec", "roleInstanceTemplate", (char *)0) &&
           has_labels_of(set, child);
}

bool is_pod_of_instance(const struct jv *instance, const struct jv *child) {
    return has_label(child, L_INSTANCE_NAME, meta_name(instance));
}

bool is_revision_of_instance(const struct jv *instance, const struct jv *child) {
    return is_named_as_revision_of(instance, child) && has_label(child, L_INSTANCE_NAME, meta_name(instance));
}

bool is_service_of_user(const struct jv *group, const struct jv *service) {
    const char *labelled = meta_label(service, L_GROUP_NAME);
    return !jv_len(owners(service)) && (!labelled || (str_eq(labelled, meta_name(group)) && !meta_label(service, L_ROLE_NAME))) &&
           str_eq(jv_str(jv_path(service, "spec", "clusterIP", (char *)0), ""), "None");
}

/* ---- adopting ---- */

/* Owner references are a list with a key for Kubernetes' own kinds, so what goes has to be named. */
static struct jv *replacing(struct arena *a, enum kind k, const struct jv *old, struct jv *ref) {
    struct jv *list = jv_new_arr(a);
    if (ref) jv_push(a, list, ref);
    JV_FOR_ARR(r, old) {
        if (kind_info(k)->ours || str_eq(jv_get_str(*r, "uid"), jv_get_str(ref, "uid"))) continue;
        struct jv *gone = jv_new_obj(a);
        jv_set_str(a, gone, "$patch", "delete");
        jv_set_str(a, gone, "uid", jv_get_str(*r, "uid"));
        jv_push(a, list, gone);
    }
    return list;
}

/* A revision as it is made anew, when it can't be patched. */
static struct jv *anew(struct arena *a, const struct jv *live, struct jv *ref) {
    struct jv *o = kind_object(a, KIND_REVISION, meta_ns(live), meta_name(live)), *meta = jv_get(o, "metadata");
    static const char *const kept[] = {"labels", "annotations"};
    for (size_t i = 0; i < 2; i++) jv_set(a, meta, kept[i], jv_dup(a, jv_path(live, "metadata", kept[i], (char *)0)));
    if (ref) jv_push(a, jv_need_arr(a, meta, "ownerReferences"), jv_dup(a, ref));
    BUF_AUTO struct buf data = BUF_INIT;
    json_write_canonical(&data, jv_get(live, "data"));
    jv_set(a, o, "data", jv_new_raw(a, buf_str(&data), data.len));
    jv_set(a, o, "revision", jv_dup(a, jv_get(live, "revision")));
    return o;
}

static struct action *plan_owner(struct plan *p, enum kind k, const struct jv *live, const struct jv *old, struct jv *ref) {
    struct jv *patch = jv_new_obj(p->a), *meta = jv_need_obj(p->a, patch, "metadata");
    jv_set_str(p->a, meta, "resourceVersion", meta_rv(live));
    jv_set(p->a, meta, "ownerReferences", replacing(p->a, k, old, ref));
    struct action *act = plan_patch(p, k, live, patch);
    if (k == KIND_REVISION) act->anew = anew(p->a, live, ref);
    return act;
}

struct action *plan_adopt(struct plan *p, enum kind k, const struct jv *orphan, struct jv *ref) {
    struct action *act = plan_owner(p, k, orphan, owners(orphan), ref);
    act->adopts = true;
    return act;
}

const char *claim_taken(struct arena *a, enum kind k, const struct other *other, const char *whose) {
    const char *kind = kind_info(k)->name, *name = meta_name(other->doc);
    if (other->ending) return arena_printf(a, "an older %s %s is still being deleted", kind, name);
    return arena_printf(a, "a %s %s exists that %s does not control; delete or rename it", kind, name, whose);
}

void plan_wait_for_name(struct plan *p, enum kind k, const struct other *other) {
    plan_look(p, k, other->doc);
    plan_after(p, other->ending ? ENDING_RECHECK_MS : NAMESAKE_RECHECK_MS);
}

/* ---- letting go ---- */

bool is_orphaning(const struct jv *root) {
    if (!root || !meta_deleting(root)) return false;
    JV_FOR_ARR(f, jv_path(root, "metadata", "finalizers", (char *)0))
        if (str_eq(jv_str(*f, ""), ORPHAN_FINALIZER)) return true;
    return false;
}

/* May the API server have other bytes than it would write itself? Their order is seen; whether <, > and & were escaped is not. */
static bool is_doubtful(const struct jv *revision) {
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf data = BUF_INIT;
    json_write_canonical(&data, jv_get(revision, "data"));
    return !str_eq(buf_str(&data), json_text(a, jv_get(revision, "data")));
}

void plan_orphaning(struct rctx *c, const struct jv *root, struct plan *p) {
    struct jv **list;
    size_t n = source_owned(c->src, c->a, KIND_REVISION, meta_uid(root), &list);
    for (size_t i = 0; i < n; i++) {
        if (meta_deleting(list[i]) || !jv_get(list[i], "data") || !is_doubtful(list[i])) continue;
        struct jv *only = jv_new_arr(p->a);
        jv_push(p->a, only, jv_dup(p->a, jv_find(owners(list[i]), "uid", meta_uid(root))));
        plan_owner(p, KIND_REVISION, list[i], only, NULL);
    }
}
