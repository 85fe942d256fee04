/* What the API server does with writes. Each write works on a fresh tree of the stored object; a write that changes nothing leaves
 * the version alone and tells nobody. One thread. */
#include "sim/cluster.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/str.h"
#include "doc/patch.h"
#include "doc/scalar.h"
#include "sim/fields.h"
#include "sim/objects.h"

/* ---- helpers ---- */

static const char *now_text(const struct cluster *c, char out[32]) {
    return time_rfc3339(clock_now_ms(c->clock), out);
}

static int refuse(struct err *e, enum err_code code, int http, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static int refuse(struct err *e, enum err_code code, int http, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    err_vset(e, code, fmt, ap);
    va_end(ap);
    if (e) e->http = http;
    return -1;
}

static int not_found(enum kind k, const char *name, struct err *e) {
    return refuse(e, ERR_NOT_FOUND, 404, "%s \"%s\" not found", kind_info(k)->plural, name);
}

static bool has_text(const struct jv *list, const char *text) {
    JV_FOR_ARR(it, list)
        if (str_eq(jv_str(*it, NULL), text)) return true;
    return false;
}

static const struct jv *finalizers_of(const struct jv *doc) { return jv_path(doc, "metadata", "finalizers", (char *)0); }

/* A patch that says another uid would change it; an object that is being deleted gets no more finalizers. */
static int check_meta(const struct jv *live, const char *uid, const struct jv *doc, struct err *e) {
    const char *kind = jv_str(jv_get(live, "kind"), "object");
    if (!str_empty(uid) && !str_eq(uid, meta_uid(live)))
        return refuse(e, ERR_REJECTED, 422, "%s \"%s\" is invalid: metadata.uid: Invalid value: \"%s\": field is immutable", kind,
                      meta_name(live), uid);
    JV_FOR_ARR(it, finalizers_of(doc))
        if (meta_deleting(live) && !has_text(finalizers_of(live), jv_str(*it, "")))
            return refuse(e, ERR_REJECTED, 422, "%s \"%s\" is invalid: metadata.finalizers: Forbidden: no new finalizers can be "
                          "added if the object is being deleted, found new finalizers []string{\"%s\"}", kind, meta_name(live),
                          jv_str(*it, ""));
    return 0;
}

static int check_version(const struct jv *live, const char *version, struct err *e) {
    if (str_empty(version) || str_eq(version, meta_rv(live))) return 0;
    return refuse(e, ERR_CONFLICT, 409, "Operation cannot be fulfilled on %s \"%s\": the object has been modified; please apply "
                  "your changes to the latest version and try again", jv_str(jv_get(live, "kind"), "object"), meta_name(live));
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
    drop_empty(jv_get(doc, "metadata"), &meta_ObjectMeta);
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
    return refuse(e, ERR_REJECTED, 422, "%s \"%s\" is invalid: %s: Duplicate value", kind_info(k)->name, meta_name(doc), list);
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
    if (k == KIND_POD) jv_set_str(a, jv_need_obj(a, doc, "status"), "phase", "Pending");
    drop_empty_managed(doc);
    objects_write(c, a, k, NULL, doc);
}

/* Nothing is written when only the bookkeeping would differ. A last finalizer that goes takes a deleted object along. */
static void store_changed(struct cluster *c, struct arena *a, enum kind k, const struct jv *was, struct jv *doc) {
    drop_empty_managed(doc);
    if (jv_eq(was, doc)) return;
    if (has_generation(k) && spec_changed(a, was, doc))
        jv_set_int(a, jv_get(doc, "metadata"), "generation", meta_generation(was) + 1);
    bool waits = k == KIND_POD && jv_get_int(jv_get(doc, "metadata"), "deletionGracePeriodSeconds", 0) > 0; /* for the kubelet */
    bool last = meta_deleting(doc) && !waits && !jv_len(finalizers_of(doc));
    if (last) objects_remove(c, k, meta_ns(was), meta_name(was));
    else objects_write(c, a, k, was, doc);
}

/* Takes the set out of what another manager has; an entry without fields goes. */
static void take_from(struct arena *a, struct jv *managed, size_t at, const struct jv *set) {
    struct jv *entry = jv_idx(managed, at), *rest = fields_minus(a, jv_get(entry, "fieldsV1"), set);
    if (rest) jv_set(a, entry, "fieldsV1", rest);
    else jv_remove(managed, at);
}

/* What a new object is compared with: of Kubernetes' own kinds a Go struct, in which some members are always there. */
static struct jv *nothing(struct arena *a, enum kind k) {
    struct jv *empty = jv_new_obj(a), *zero = NULL;
    struct err ignored = ERR_INIT;
    if (!kind_info(k)->ours && kind_type(k)) zero = schema_canonical(a, empty, kind_type(k), &ignored);
    return zero ? zero : empty;
}

/* A plain write takes over what it changes; what it removes is nobody's. */
static void note_update(struct arena *a, enum kind k, const char *manager, const struct jv *was, struct jv *doc, bool status) {
    struct jv *managed = managed_fields(a, doc);
    struct shape s = shape_of_kind(k);
    struct fields_diff d = fields_compare(a, &s, was ? was : nothing(a, k), doc);
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

void cluster_refuse(struct cluster *c, enum kind k, const char *ns, const char *words) {
    for (size_t i = c->nrefusals; i-- > 0;) {
        struct refusal *r = &c->refusals[i];
        if (r->kind != k || !str_eq(r->ns ? r->ns : "", ns ? ns : "")) continue;
        free(r->ns);
        free(r->words);
        *r = c->refusals[--c->nrefusals];
    }
    if (!words) return;
    c->refusals = must(realloc(c->refusals, (c->nrefusals + 1) * sizeof *c->refusals));
    c->refusals[c->nrefusals++] = (struct refusal){k, ns ? must(strdup(ns)) : NULL, must(strdup(words))};
}

static int check_allowed(const struct cluster *c, enum kind k, const struct jv *doc, struct err *e) {
    for (size_t i = 0; i < c->nrefusals; i++) {
        const struct refusal *r = &c->refusals[i];
        if (r->kind == k && (!r->ns || str_eq(r->ns, meta_ns(doc))))
            return refuse(e, ERR_FORBIDDEN, 403, "%s \"%s\" is forbidden: %s", kind_info(k)->plural, meta_name(doc), r->words);
    }
    return 0;
}

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
    const char *ns = objects_ns(k, meta_ns(doc));
    if (*ns) jv_set_str(a, meta, "namespace", ns);
    return doc;
}

int cluster_create(struct cluster *c, const char *manager, enum kind k, const struct jv *from, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = prepare(a, k, from);
    if (check_new(doc, k, e)) return -1;
    if (objects_get(c, a, k, meta_ns(doc), meta_name(doc))) {
        return refuse(e, ERR_EXISTS, 409, "%s \"%s\" already exists", kind_info(k)->plural, meta_name(doc));
    }
    if (kind_info(k)->status) jv_del(doc, "status");
    set_defaults(a, k, doc);
    if (check_allowed(c, k, doc, e) || check_lists(a, k, doc, e)) return -1;
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
            return refuse(e, ERR_CONFLICT, 409, "Apply failed with 1 conflict: conflict with \"%s\": .%s",
                          jv_str(jv_get(entry, "manager"), ""), fields_first_path(a, fight));
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
    struct jv *from = live ? jv_dup(a, live) : nothing(a, k), *set = fields_of(a, &s, want);
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
    struct jv *doc = applied(a, manager, k, live, want, force, e);
    if (!doc || check_meta(live, meta_uid(want), doc, e) || keeps_data(a, k, live, doc, e)) return -1;
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
    const struct jv *live = objects_get(c, a, k, meta_ns(want), meta_name(want));
    if (live) {
        if (*meta_rv(from) && !str_eq(meta_rv(from), meta_rv(live))) {
            err_set(e, ERR_CONFLICT, "Operation cannot be fulfilled on %s \"%s\": the object has been modified; please apply your "
                    "changes to the latest version and try again", kind_info(k)->plural, meta_name(want));
            if (e) e->http = 409;
            return -1;
        }
        if (*meta_uid(from)) jv_set_str(a, jv_get(want, "metadata"), "uid", meta_uid(from));
        return apply_over(c, a, manager, k, live, want, force, e);
    }
    if (*meta_uid(from))
        return refuse(e, ERR_CONFLICT, 409, "Operation cannot be fulfilled on %s \"%s\": uid mismatch: the provided object "
                      "specified uid %s, and no existing object was found", kind_info(k)->plural, meta_name(want), meta_uid(from));
    struct jv *doc = applied(a, manager, k, NULL, want, force, e);
    if (!doc || check_allowed(c, k, doc, e)) return -1;
    store_new(c, a, k, doc);
    return 0;
}

/* ---- patch ---- */

static struct jv *patched(struct arena *a, enum kind k, enum patch_type type, const struct jv *live, const struct jv *patch,
                          struct err *e) {
    struct jv *doc = NULL;
    switch (type) {
    case PATCH_MERGE: return merge_patch_apply(a, live, patch);
    case PATCH_STRATEGIC: doc = smp_apply(a, live, patch, kind_type(k), e); break;
    case PATCH_JSON: doc = json_patch_apply(a, live, patch, e); break;
    }
    if (!doc && e && !e->http) e->http = 422;
    return doc ? jv_dup(a, doc) : NULL;
}

/* What a patch can't change: which object it is, and what only the API server writes. */
static void keep_meta(struct arena *a, const struct jv *live, struct jv *doc) {
    static const char *const kept[] = {"generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "uid",
                                       "resourceVersion", "managedFields"};
    struct jv *meta = jv_need_obj(a, doc, "metadata");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const struct jv *v = jv_get(jv_get(live, "metadata"), kept[i]);
        if (v) jv_set(a, meta, kept[i], jv_dup(a, v));
        else jv_del(meta, kept[i]);
    }
}

/* One part changes, the other stays. */
static struct jv *split_status(struct arena *a, const struct jv *live, struct jv *doc, bool status) {
    struct jv *keep = status ? jv_dup(a, live) : doc, *other = jv_get(status ? doc : live, "status");
    jv_del(keep, "status");
    jv_set(a, keep, "status", jv_dup(a, other));
    return keep;
}

int cluster_patch_as(struct cluster *c, const char *manager, enum kind k, const char *ns, const char *name, enum patch_type type,
                     const struct jv *patch, bool status, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    if (type == PATCH_STRATEGIC && kind_info(k)->ours)
        return refuse(e, ERR_REJECTED, 415, "the body of the request was in an unknown format - accepted media types include: "
                      "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml");
    const struct jv *live = objects_get(c, a, k, ns, name);
    if (!live) return not_found(k, name, e);
    struct jv *doc = patched(a, k, type, live, patch, e);
    if (!doc || check_version(live, meta_rv(doc), e) || check_meta(live, meta_uid(doc), doc, e)) return -1;
    keep_meta(a, live, doc);
    if (keeps_data(a, k, live, doc, e)) return -1;
    if (status || kind_info(k)->status) doc = split_status(a, live, doc, status);
    set_defaults(a, k, doc);
    if (check_lists(a, k, doc, e)) return -1;
    note_update(a, k, manager, live, doc, status);
    store_changed(c, a, k, live, doc);
    return 0;
}

int cluster_patch(struct cluster *c, const char *manager, enum kind k, const char *ns, const char *name, const struct jv *patch,
                  bool status, struct err *e) {
    return cluster_patch_as(c, manager, k, ns, name, kind_info(k)->ours ? PATCH_MERGE : PATCH_STRATEGIC, patch, status, e);
}

/* ---- delete ---- */

#define ORPHAN "orphan"
#define FOREGROUND "foregroundDeletion"

/* The finalizers that a deletion leaves: those of the garbage collector follow the policy. */
static struct jv *finalizers_for(struct arena *a, const struct jv *live, const char *policy) {
    const struct jv *now = finalizers_of(live);
    struct jv *out = jv_new_arr(a);
    bool orphan = policy ? str_eq(policy, "Orphan") : has_text(now, ORPHAN);
    bool foreground = policy ? str_eq(policy, "Foreground") : has_text(now, FOREGROUND);
    JV_FOR_ARR(it, now)
        if (!str_eq(jv_str(*it, ""), ORPHAN) && !str_eq(jv_str(*it, ""), FOREGROUND)) jv_push(a, out, jv_dup(a, *it));
    if (orphan) jv_push(a, out, jv_new_str(a, ORPHAN));
    if (foreground) jv_push(a, out, jv_new_str(a, FOREGROUND));
    return out;
}

static void mark_deleted(struct cluster *c, struct arena *a, enum kind k, const struct jv *live, struct jv *finalizers,
                         int64_t grace_s) {
    char at[32];
    struct jv *doc = jv_dup(a, live), *meta = jv_get(doc, "metadata");
    jv_del(meta, "finalizers");
    if (jv_len(finalizers)) jv_set(a, meta, "finalizers", finalizers);
    if (!meta_deleting(live)) {
        jv_set_str(a, meta, "deletionTimestamp", time_rfc3339(clock_now_ms(c->clock) + grace_s * 1000, at));
        jv_set_int(a, meta, "deletionGracePeriodSeconds", grace_s);
        if (meta_generation(live)) jv_set_int(a, meta, "generation", meta_generation(live) + 1);
    }
    if (!jv_eq(doc, live)) objects_write(c, a, k, live, doc);
}

static int64_t grace_of(enum kind k, const struct jv *live) {
    const struct jv *spec = jv_get(live, "spec");
    const char *phase = jv_str(jv_path(live, "status", "phase", (char *)0), "");
    if (k != KIND_POD || !jv_get(spec, "nodeName") || str_eq(phase, "Succeeded") || str_eq(phase, "Failed")) return 0;
    return jv_get_int(spec, "terminationGracePeriodSeconds", 30);
}

int cluster_delete_as(struct cluster *c, enum kind k, const char *ns, const char *name, const struct cluster_deletion *how,
                      struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    const struct jv *live = objects_get(c, a, k, ns, name);
    if (!live) return not_found(k, name, e);
    if (how->uid && !str_eq(how->uid, meta_uid(live)))
        return refuse(e, ERR_CONFLICT, 409, "Precondition failed: UID in precondition: %s, UID in object meta: %s", how->uid,
                      meta_uid(live));
    if (how->version && !str_eq(how->version, meta_rv(live)))
        return refuse(e, ERR_CONFLICT, 409, "Precondition failed: ResourceVersion in precondition: %s, ResourceVersion in object "
                      "meta: %s", how->version, meta_rv(live));
    struct jv *finalizers = finalizers_for(a, live, how->policy);
    int64_t grace_s = grace_of(k, live);
    if (grace_s || jv_len(finalizers)) mark_deleted(c, a, k, live, finalizers, grace_s);
    else objects_remove(c, k, meta_ns(live), meta_name(live));
    return 0;
}

int cluster_delete(struct cluster *c, enum kind k, const char *ns, const char *name, const char *uid, struct err *e) {
    return cluster_delete_as(c, k, ns, name, &(struct cluster_deletion){.uid = uid, .policy = "Background"}, e);
}

void cluster_remove(struct cluster *c, enum kind k, const char *ns, const char *name) {
    objects_remove(c, k, objects_ns(k, ns), name);
}

/* ---- plans ---- */

static int do_patch(struct cluster *c, const char *manager, const struct action *w, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *patch = jv_dup(a, w->body);
    if (w->uid) jv_set_str(a, jv_need_obj(a, patch, "metadata"), "uid", w->uid);
    return cluster_patch(c, manager, w->kind, w->ns, w->name, patch, w->act == ACT_PATCH_STATUS, e);
}

static int do_apply(struct cluster *c, const char *manager, const struct action *w, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    return cluster_apply(c, manager, w->kind, w->force ? w->body : apply_only_new(a, w->body), w->force, e);
}

static int do_anew(struct cluster *c, const char *manager, const struct action *w, struct err *e) {
    struct action gone, anew;
    action_anew(w, &gone, &anew);
    return cluster_do(c, manager, &gone, e) || cluster_do(c, manager, &anew, e) ? -1 : 0;
}

int cluster_do(struct cluster *c, const char *manager, const struct action *w, struct err *e) {
    switch (w->act) {
    case ACT_CREATE: return cluster_create(c, manager, w->kind, w->body, e);
    case ACT_APPLY: return do_apply(c, manager, w, e);
    case ACT_PATCH:
    case ACT_PATCH_STATUS:
        if (do_patch(c, manager, w, e) == 0) return 0;
        return action_needs_anew(w, e) ? do_anew(c, manager, w, e) : -1;
    case ACT_DELETE: return cluster_delete(c, w->kind, w->ns, w->name, w->uid, e);
    case ACT_EVENT:
    case ACT_LOOK:
    case ACT_BARRIER:
    case ACT_AFTER: break;
    }
    return 0;
}

/* ---- garbage ---- */

#define COLLECTOR "kube-controller-manager"

enum owner_state { OWNER_LIVES, OWNER_GONE, OWNER_WAITS };

/* OWNER_WAITS: it is deleted in the foreground, so it waits for its dependents. */
static enum owner_state owner_state(struct cluster *c, struct arena *a, const struct jv *dependent, const struct jv *ref) {
    enum kind k = kind_of(ref);
    if (k == KIND_NONE) return OWNER_LIVES; /* not of this cluster: never judged */
    const struct jv *owner = objects_get(c, a, k, meta_ns(dependent), jv_str(jv_get(ref, "name"), ""));
    if (!owner || !str_eq(meta_uid(owner), jv_get_str(ref, "uid"))) return OWNER_GONE;
    bool waits = meta_deleting(owner) && has_text(finalizers_of(owner), FOREGROUND);
    return waits ? OWNER_WAITS : OWNER_LIVES;
}

static const struct jv *owners(const struct jv *doc) { return jv_path(doc, "metadata", "ownerReferences", (char *)0); }

static void set_list(struct cluster *c, struct arena *a, enum kind k, const struct jv *doc, const char *key, struct jv *list) {
    struct err ignored = ERR_INIT;
    struct jv *patch = jv_new_obj(a);
    jv_set(a, jv_need_obj(a, patch, "metadata"), key, jv_len(list) ? list : jv_null(a));
    cluster_patch_as(c, COLLECTOR, k, meta_ns(doc), meta_name(doc), PATCH_MERGE, patch, false, &ignored);
}

static void drop_finalizer(struct cluster *c, struct arena *a, enum kind k, const struct jv *doc, const char *name) {
    struct jv *rest = jv_new_arr(a);
    JV_FOR_ARR(it, finalizers_of(doc))
        if (!str_eq(jv_str(*it, NULL), name)) jv_push(a, rest, jv_dup(a, *it));
    set_list(c, a, k, doc, "finalizers", rest);
}

struct garbage { enum kind kind; const struct jv *doc; };
struct pass { struct cluster *c; struct arena *a; struct garbage *all; size_t n; };

static bool has_dependents(const struct pass *p, const struct jv *owner, bool blocking) {
    for (size_t i = 0; i < p->n; i++) {
        const struct jv *ref = jv_find(owners(p->all[i].doc), "uid", meta_uid(owner));
        if (ref && (!blocking || jv_get_bool(ref, "blockOwnerDeletion", false))) return true;
    }
    return false;
}

static void orphan_dependents(struct pass *p, const struct jv *owner) {
    for (size_t i = 0; i < p->n; i++) {
        const struct jv *refs = owners(p->all[i].doc);
        if (!jv_find(refs, "uid", meta_uid(owner))) continue;
        struct jv *rest = jv_new_arr(p->a);
        JV_FOR_ARR(it, refs)
            if (!str_eq(jv_get_str(*it, "uid"), meta_uid(owner))) jv_push(p->a, rest, jv_dup(p->a, *it));
        set_list(p->c, p->a, p->all[i].kind, p->all[i].doc, "ownerReferences", rest);
    }
}

/* Of an object that is being deleted: what its finalizers promise. */
static bool finalize(struct pass *p, const struct garbage *g) {
    const struct jv *finalizers = finalizers_of(g->doc);
    if (has_text(finalizers, ORPHAN)) {
        orphan_dependents(p, g->doc);
        drop_finalizer(p->c, p->a, g->kind, g->doc, ORPHAN);
        return true;
    }
    if (!has_text(finalizers, FOREGROUND) || has_dependents(p, g->doc, true)) return false;
    drop_finalizer(p->c, p->a, g->kind, g->doc, FOREGROUND);
    return true;
}

/* Of an object with owners: it goes when none of them lives; references to those that are gone go, when another one lives. */
static bool judge(struct pass *p, const struct garbage *g) {
    struct jv *rest = jv_new_arr(p->a);
    bool waits = false;
    JV_FOR_ARR(ref, owners(g->doc)) {
        enum owner_state state = owner_state(p->c, p->a, g->doc, *ref);
        if (state == OWNER_LIVES) jv_push(p->a, rest, jv_dup(p->a, *ref));
        waits |= state == OWNER_WAITS;
    }
    if (jv_len(rest) == jv_len(owners(g->doc))) return false;
    if (jv_len(rest)) {
        set_list(p->c, p->a, g->kind, g->doc, "ownerReferences", rest);
        return true;
    }
    const struct jv *finalizers = finalizers_of(g->doc);
    const char *policy = has_text(finalizers, ORPHAN) ? "Orphan"
                         : has_text(finalizers, FOREGROUND) || (waits && has_dependents(p, g->doc, false)) ? "Foreground"
                                                                                                              : "Background";
    struct err ignored = ERR_INIT;
    cluster_delete_as(p->c, g->kind, meta_ns(g->doc), meta_name(g->doc),
                      &(struct cluster_deletion){.uid = meta_uid(g->doc), .policy = policy}, &ignored);
    return true;
}

/* Decided by what there was when the pass began: what a deletion orphans is for the next one, as in a real cluster. */
size_t cluster_collect(struct cluster *c) {
    ARENA_AUTO struct arena *a = arena_new();
    struct pass p = {.c = c, .a = a, .all = ARENA_ARRAY(a, c->n + 1, struct garbage)};
    bool *go = ARENA_ARRAY(a, c->n + 1, bool);
    size_t changed = 0;
    for (size_t i = 0; i < c->n; i++) p.all[p.n++] = (struct garbage){c->objects[i].kind, objects_doc(a, &c->objects[i])};
    for (size_t i = 0; i < p.n; i++) {
        go[i] = false;
        JV_FOR_ARR(ref, owners(p.all[i].doc)) go[i] |= owner_state(c, a, p.all[i].doc, *ref) != OWNER_LIVES;
    }
    for (size_t i = 0; i < p.n; i++)
        if (go[i] && !meta_deleting(p.all[i].doc)) changed += judge(&p, &p.all[i]);
    for (size_t i = 0; i < p.n; i++)
        if (meta_deleting(p.all[i].doc)) changed += finalize(&p, &p.all[i]);
    return changed;
}
