/* What the API server does with writes. Each write works on a fresh tree of the stored object; a write that changes nothing leaves
 * the version alone and tells nobody. One thread. */
#include "sim/cluster.h"

#include <string.h>

#include "base/str.h"
#include "doc/patch.h"
#include "doc/scalar.h"
#include "sim/fields.h"
#include "sim/objects.h"

/* ---- helpers ---- */

static const char *now_text(const struct cluster *c, char out[32]) {
    return time_rfc3339(clock_now_ms(c->clock), out);
}

static const char *ns_of(enum kind k, const char *ns) {
    if (kind_info(k)->cluster_scoped) return "";
    return str_empty(ns) ? "default" : ns;
}

static struct jv *find(struct cluster *c, struct arena *a, enum kind k, const char *ns, const char *name) {
    size_t at;
    return objects_find(c, k, ns_of(k, ns), name, &at) ? objects_doc(a, &c->objects[at]) : NULL;
}

static int not_found(enum kind k, const char *name, struct err *e) {
    err_set(e, ERR_NOT_FOUND, "%s \"%s\" not found", kind_info(k)->plural, name);
    if (e) e->http = 404;
    return -1;
}

/* Kubernetes' own kinds are Go structs: what is null, or empty and marked omitempty, is not stored. */
static void drop_empty(struct jv *v, const struct type *t) {
    for (size_t i = jv_len(v); jv_is(v, J_OBJ) && i-- > 0;) {
        struct jmember *m = &v->members[i];
        const struct field *f = type_fieldn(t, m->key, m->klen);
        if (!f) continue;
        if (f->type && f->kind == F_OBJECT) drop_empty(m->val, f->type);
        JV_FOR_ARR(it, m->val)
            if (f->type) drop_empty(*it, f->type);
        bool zero = jv_is_empty(m->val) || (m->val->type == J_BOOL && !m->val->b) || (m->val->type == J_NUM && !jv_int(m->val, 1));
        if (m->val->type == J_NULL || (zero && (f->flags & FF_OMITEMPTY))) jv_deln(v, m->key, m->klen);
    }
}

/* What the structural schema of a definition adds. Kubernetes' own kinds get the few defaults that anybody here looks at. */
static void set_defaults(struct arena *a, enum kind k, struct jv *doc) {
    const struct kind_info *info = kind_info(k);
    const struct type *t = kind_type(k);
    if (t) schema_default(a, doc, t, !info->ours);
    if (t && !info->ours) drop_empty(doc, t);
    if (k == KIND_POD) {
        struct jv *status = jv_need_obj(a, doc, "status");
        if (!jv_get(status, "phase")) jv_set_str(a, status, "phase", "Pending");
    }
}

static struct jv *managed_fields(struct arena *a, struct jv *doc) {
    return jv_need_arr(a, jv_need_obj(a, doc, "metadata"), "managedFields");
}

static void drop_empty_managed(struct jv *doc) {
    struct jv *meta = jv_get(doc, "metadata");
    if (!jv_len(jv_get(meta, "managedFields"))) jv_del(meta, "managedFields");
}

/* The part of an object whose change is a new generation. */
static bool spec_changed(struct arena *a, const struct jv *was, const struct jv *is) {
    struct jv *x = jv_dup(a, was), *y = jv_dup(a, is);
    static const char *const others[] = {"metadata", "status"};
    for (size_t i = 0; i < 2; i++) {
        jv_del(x, others[i]);
        jv_del(y, others[i]);
    }
    return !jv_eq(x, y);
}

static bool has_generation(enum kind k) {
    return kind_info(k)->ours || k == KIND_POD || k == KIND_STATEFULSET || k == KIND_DEPLOYMENT || k == KIND_LWS;
}

static struct shape shape_of_kind(enum kind k) { return shape_of(kind_type(k)); }

/* Lists with keys of our definitions, and of the kinds whose validation looks for it, have each element once. */
static int check_lists(struct arena *a, enum kind k, const struct jv *doc, struct err *e) {
    struct shape s = shape_of_kind(k);
    const char *list = kind_info(k)->ours || k == KIND_SERVICE ? fields_doubled(a, &s, doc) : NULL;
    if (!list) return 0;
    err_set(e, ERR_REJECTED, "%s \"%s\" is invalid: %s: Duplicate value", kind_info(k)->name, meta_name(doc), list);
    if (e) e->http = 422;
    return -1;
}

/* ---- storing ---- */

static void store_new(struct cluster *c, struct arena *a, enum kind k, struct jv *doc) {
    char now[32];
    struct jv *meta = jv_need_obj(a, doc, "metadata");
    jv_set(a, meta, "uid", jv_new_strf(a, "%08llx-0000-4000-8000-000000000000", (unsigned long long)++c->uids));
    jv_set_str(a, meta, "creationTimestamp", now_text(c, now));
    if (has_generation(k)) jv_set_int(a, meta, "generation", 1);
    if (kind_info(k)->status) jv_del(doc, "status");
    set_defaults(a, k, doc);
    drop_empty_managed(doc);
    objects_write(c, a, k, NULL, doc);
}

/* Nothing is written when only the bookkeeping would differ. A last finalizer that goes takes a deleted object along. */
static void store_changed(struct cluster *c, struct arena *a, enum kind k, const struct jv *was, struct jv *doc) {
    drop_empty_managed(doc);
    if (jv_eq(was, doc)) return;
    if (has_generation(k) && spec_changed(a, was, doc))
        jv_set_int(a, jv_get(doc, "metadata"), "generation", meta_generation(was) + 1);
    bool last = meta_deleting(doc) && k != KIND_POD && !jv_len(jv_path(doc, "metadata", "finalizers", (char *)0));
    if (last) objects_remove(c, k, meta_ns(was), meta_name(was));
    else objects_write(c, a, k, was, doc);
}

/* Takes the set out of what another manager has; an entry without fields goes. */
static void take_from(struct arena *a, struct jv *managed, size_t at, const struct jv *set) {
    struct jv *entry = jv_idx(managed, at), *rest = fields_minus(a, jv_get(entry, "fieldsV1"), set);
    if (rest) jv_set(a, entry, "fieldsV1", rest);
    else jv_remove(managed, at);
}

/* A plain write takes over what it changes; what it removes is nobody's. */
static void note_update(struct arena *a, enum kind k, const char *manager, const struct jv *was, struct jv *doc, bool status) {
    struct jv *managed = managed_fields(a, doc);
    struct shape s = shape_of_kind(k);
    struct fields_diff d = fields_compare(a, &s, was ? was : jv_new_obj(a), doc);
    const struct jv *set = fields_union(a, d.added, d.modified), *gone = fields_strip(a, d.removed), *own;
    set = fields_strip(a, set);
    if (!set && !gone) return;
    const struct jv *mine = fields_entry(managed, manager, "Update", status), *all = fields_union(a, set, gone);
    for (size_t i = jv_len(managed); i-- > 0;)
        if (jv_idx(managed, i) != mine) take_from(a, managed, i, all);
    own = jv_get(fields_entry(managed, manager, "Update", status), "fieldsV1");
    fields_entry_set(a, managed, manager, "Update", status, kind_api_version(k), fields_union(a, fields_minus(a, own, gone), set));
}

/* Whatever part of a revision a patch is about, its data are written anew, in canonical form; and data never change. */
static int keeps_data(struct arena *a, enum kind k, const struct jv *live, struct jv *doc, struct err *e) {
    if (k != KIND_REVISION || !jv_get(doc, "data")) return 0;
    BUF_AUTO struct buf data = BUF_INIT;
    json_write_canonical(&data, jv_get(doc, "data"));
    jv_set(a, doc, "data", jv_new_raw(a, buf_str(&data), data.len));
    if (str_eq(json_text(a, jv_get(live, "data")), buf_str(&data))) return 0;
    err_set(e, ERR_INVALID, "ControllerRevision.apps \"%s\" is invalid: data: field is immutable", meta_name(live));
    if (e) e->http = 422;
    return -1;
}

/* ---- create ---- */

static int check_new(const struct jv *doc, enum kind k, struct err *e) {
    if (str_empty(meta_name(doc))) return err_set(e, ERR_INVALID, "%s: metadata.name is required", kind_info(k)->name);
    const char *bad = name_dns1123_subdomain(meta_name(doc));
    if (bad) return err_set(e, ERR_INVALID, "%s \"%s\": metadata.name: %s", kind_info(k)->name, meta_name(doc), bad);
    return 0;
}

static struct jv *prepare(struct arena *a, enum kind k, const struct jv *from) {
    struct jv *doc = jv_dup(a, from), *meta = jv_need_obj(a, doc, "metadata");
    static const char *const server[] = {"uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"};
    for (size_t i = 0; i < sizeof server / sizeof *server; i++) jv_del(meta, server[i]);
    const char *ns = ns_of(k, meta_ns(doc));
    if (*ns) jv_set_str(a, meta, "namespace", ns);
    return doc;
}

int cluster_create(struct cluster *c, const char *manager, enum kind k, const struct jv *from, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = prepare(a, k, from);
    if (check_new(doc, k, e)) return -1;
    if (find(c, a, k, meta_ns(doc), meta_name(doc))) {
        err_set(e, ERR_EXISTS, "%s \"%s\" already exists", kind_info(k)->plural, meta_name(doc));
        if (e) e->http = 409;
        return -1;
    }
    note_update(a, k, manager, NULL, doc, false);
    store_new(c, a, k, doc);
    return 0;
}

/* ---- apply ---- */

/* Fields of other managers that this apply changes: a conflict, or with force taken from them. */
static int settle_conflicts(struct arena *a, struct jv *managed, const struct jv *own, const struct fields_diff *d, bool force,
                            struct err *e) {
    const struct jv *changed = fields_union(a, d->added, d->modified);
    for (size_t i = jv_len(managed); i-- > 0;) {
        const struct jv *entry = jv_idx(managed, i), *fight = fields_both(a, jv_get(entry, "fieldsV1"), changed);
        if (entry == own) continue;
        if (fight && !force) {
            err_set(e, ERR_CONFLICT, "Apply failed with 1 conflict: conflict with \"%s\": .%s",
                    jv_str(jv_get(entry, "manager"), ""), fields_first_path(a, fight));
            if (e) e->http = 409;
            return -1;
        }
        take_from(a, managed, i, fields_union(a, fight, d->removed));
    }
    return 0;
}

/* What an earlier apply of this manager set, and nobody claims any more, goes. */
static struct jv *prune(struct arena *a, const struct shape *s, const struct jv *merged, const struct jv *last,
                        const struct jv *managed) {
    if (!last) return jv_dup(a, merged);
    const struct jv *claimed = NULL, *all = fields_named(a, s, fields_of(a, s, merged)), *before = fields_named(a, s, last);
    JV_FOR_ARR(entry, managed) claimed = fields_union(a, claimed, jv_get(*entry, "fieldsV1"));
    struct jv *kept = fields_take_out(a, s, merged, before);
    const struct jv *stays = fields_union(a, fields_named(a, s, fields_of(a, s, kept)), fields_named(a, s, claimed));
    kept = fields_take_out(a, s, merged, fields_minus(a, all, stays));
    return fields_take_out(a, s, merged, fields_both(a, fields_minus(a, all, fields_named(a, s, fields_of(a, s, kept))), before));
}

/* live NULL: the object is new. NULL: refused. */
static struct jv *applied(struct arena *a, const char *manager, enum kind k, const struct jv *live, const struct jv *want,
                          bool force, struct err *e) {
    struct shape s = shape_of_kind(k);
    struct jv *from = live ? jv_dup(a, live) : jv_new_obj(a), *set = fields_of(a, &s, want);
    struct jv *managed = live ? jv_dup(a, jv_path(from, "metadata", "managedFields", (char *)0)) : NULL;
    if (!managed) managed = jv_new_arr(a);
    if (live) jv_del(jv_get(from, "metadata"), "managedFields");
    struct jv *last = jv_dup(a, jv_get(fields_entry(managed, manager, "Apply", false), "fieldsV1"));
    struct jv *doc = fields_merge(a, &s, from, want, e);
    if (!doc) return NULL;
    fields_entry_set(a, managed, manager, "Apply", false, kind_api_version(k), set);
    doc = prune(a, &s, doc, last, managed);
    struct fields_diff d = fields_compare(a, &s, from, doc);
    if (settle_conflicts(a, managed, fields_entry(managed, manager, "Apply", false), &d, force, e)) return NULL;
    fields_entry_set(a, managed, manager, "Apply", false, kind_api_version(k), fields_strip(a, set));
    jv_set(a, jv_need_obj(a, doc, "metadata"), "managedFields", managed);
    return doc;
}

static int apply_over(struct cluster *c, struct arena *a, const char *manager, enum kind k, const struct jv *live,
                      const struct jv *want, bool force, struct err *e) {
    const char *uid = meta_uid(want);
    if (*uid && !str_eq(uid, meta_uid(live)))
        return err_set(e, ERR_CONFLICT, "%s \"%s\": uid mismatch: %s is not %s", kind_info(k)->plural, meta_name(live), uid,
                       meta_uid(live));
    struct jv *doc = applied(a, manager, k, live, want, force, e);
    if (!doc || keeps_data(a, k, live, doc, e)) return -1;
    set_defaults(a, k, doc);
    if (check_lists(a, k, doc, e)) return -1;
    store_changed(c, a, k, live, doc);
    return 0;
}

int cluster_apply(struct cluster *c, const char *manager, enum kind k, const struct jv *from, bool force, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *want = prepare(a, k, from);
    if (check_new(want, k, e)) return -1;
    if (kind_info(k)->status) jv_del(want, "status");
    const struct jv *live = find(c, a, k, meta_ns(want), meta_name(want));
    if (live) {
        if (*meta_uid(from)) jv_set_str(a, jv_get(want, "metadata"), "uid", meta_uid(from));
        return apply_over(c, a, manager, k, live, want, force, e);
    }
    if (*meta_uid(from)) return not_found(k, meta_name(want), e);
    struct jv *doc = applied(a, manager, k, NULL, want, force, e);
    if (!doc) return -1;
    store_new(c, a, k, doc);
    return 0;
}

/* ---- patch ---- */

static struct jv *patched(struct arena *a, enum kind k, const struct jv *live, const struct jv *patch, struct err *e) {
    if (kind_info(k)->ours) return merge_patch_apply(a, live, patch);
    return jv_dup(a, smp_apply(a, live, patch, kind_type(k), e));
}

int cluster_patch(struct cluster *c, const char *manager, enum kind k, const char *ns, const char *name, const struct jv *patch,
                  bool status, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *live = find(c, a, k, ns, name);
    if (!live) return not_found(k, name, e);
    struct jv *doc = patched(a, k, live, patch, e);
    if (!doc) return -1;
    const char *read = meta_rv(patch);
    if (*read && !str_eq(read, meta_rv(live))) {
        err_set(e, ERR_CONFLICT, "Operation cannot be fulfilled: the object has been modified; please apply your changes to the "
                "latest version and try again");
        if (e) e->http = 409;
        return -1;
    }
    if (!str_eq(meta_uid(doc), meta_uid(live))) {
        err_set(e, ERR_CONFLICT, "Precondition failed: UID in precondition: %s, UID in object meta: %s", meta_uid(doc),
                meta_uid(live));
        if (e) e->http = 409;
        return -1;
    }
    if (keeps_data(a, k, live, doc, e)) return -1;
    if (status || kind_info(k)->status) { /* one part changes, the other stays */
        struct jv *keep = jv_dup(a, live), *other = jv_get(status ? doc : live, "status");
        if (!status) keep = doc;
        jv_del(keep, "status");
        jv_set(a, keep, "status", jv_dup(a, other));
        doc = keep;
    }
    set_defaults(a, k, doc);
    if (check_lists(a, k, doc, e)) return -1;
    note_update(a, k, manager, live, doc, status);
    store_changed(c, a, k, live, doc);
    return 0;
}

/* ---- delete ---- */

static void mark_deleted(struct cluster *c, struct arena *a, enum kind k, const struct jv *live, int64_t grace_s) {
    char at[32];
    struct jv *doc = jv_dup(a, live), *meta = jv_get(doc, "metadata");
    jv_set_str(a, meta, "deletionTimestamp", time_rfc3339(clock_now_ms(c->clock) + grace_s * 1000, at));
    jv_set_int(a, meta, "deletionGracePeriodSeconds", grace_s);
    objects_write(c, a, k, live, doc);
}

int cluster_delete(struct cluster *c, enum kind k, const char *ns, const char *name, const char *uid, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *live = find(c, a, k, ns, name);
    if (!live) return not_found(k, name, e);
    if (uid && !str_eq(uid, meta_uid(live))) {
        err_set(e, ERR_CONFLICT, "Precondition failed: UID in precondition: %s, UID in object meta: %s", uid, meta_uid(live));
        if (e) e->http = 409;
        return -1;
    }
    if (meta_deleting(live)) return 0;
    if (k == KIND_POD && jv_path(live, "spec", "nodeName", (char *)0))
        mark_deleted(c, a, k, live, jv_get_int(jv_get(live, "spec"), "terminationGracePeriodSeconds", 30));
    else if (jv_len(jv_path(live, "metadata", "finalizers", (char *)0)))
        mark_deleted(c, a, k, live, 0);
    else
        objects_remove(c, k, meta_ns(live), meta_name(live));
    return 0;
}

void cluster_remove(struct cluster *c, enum kind k, const char *ns, const char *name) {
    objects_remove(c, k, ns_of(k, ns), name);
}

/* ---- plans ---- */

static int do_patch(struct cluster *c, const char *manager, const struct action *w, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *patch = jv_dup(a, w->body);
    if (w->uid) jv_set_str(a, jv_need_obj(a, patch, "metadata"), "uid", w->uid);
    return cluster_patch(c, manager, w->kind, w->ns, w->name, patch, w->act == ACT_PATCH_STATUS, e);
}

static int do_anew(struct cluster *c, const char *manager, const struct action *w, struct err *e) {
    struct action gone, anew;
    action_anew(w, &gone, &anew);
    return cluster_do(c, manager, &gone, e) || cluster_do(c, manager, &anew, e) ? -1 : 0;
}

int cluster_do(struct cluster *c, const char *manager, const struct action *w, struct err *e) {
    switch (w->act) {
    case ACT_CREATE: return cluster_create(c, manager, w->kind, w->body, e);
    case ACT_APPLY: return cluster_apply(c, manager, w->kind, w->body, w->force, e);
    case ACT_PATCH:
    case ACT_PATCH_STATUS:
        if (do_patch(c, manager, w, e) == 0) return 0;
        return action_needs_anew(w, e) ? do_anew(c, manager, w, e) : -1;
    case ACT_DELETE: return cluster_delete(c, w->kind, w->ns, w->name, w->uid, e);
    case ACT_EVENT:
    case ACT_BARRIER:
    case ACT_AFTER: break;
    }
    return 0;
}

/* ---- garbage ---- */

static bool owner_lives(struct cluster *c, struct arena *a, const struct jv *dependent, const struct jv *ref) {
    enum kind k = kind_of(ref);
    if (k == KIND_NONE) return true; /* not of this cluster: never judged */
    const struct jv *owner = find(c, a, k, meta_ns(dependent), jv_str(jv_get(ref, "name"), ""));
    return owner && str_eq(meta_uid(owner), jv_get_str(ref, "uid"));
}

static bool orphaned(struct cluster *c, struct arena *a, const struct jv *doc) {
    const struct jv *refs = jv_path(doc, "metadata", "ownerReferences", (char *)0);
    JV_FOR_ARR(ref, refs)
        if (owner_lives(c, a, doc, *ref)) return false;
    return jv_len(refs) > 0;
}

struct garbage { enum kind kind; const struct jv *doc; };

/* Found first, deleted then: a deletion moves the table, and what it orphans is for the next pass, as in a real cluster. */
size_t cluster_collect(struct cluster *c) {
    ARENA_AUTO struct arena *a = arena_new();
    struct garbage *found = ARENA_ARRAY(a, c->n + 1, struct garbage);
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        const struct jv *doc = objects_doc(a, &c->objects[i]);
        if (!meta_deleting(doc) && orphaned(c, a, doc)) found[n++] = (struct garbage){c->objects[i].kind, doc};
    }
    struct err ignored = ERR_INIT;
    for (size_t i = 0; i < n; i++)
        cluster_delete(c, found[i].kind, meta_ns(found[i].doc), meta_name(found[i].doc), meta_uid(found[i].doc), &ignored);
    return n;
}
