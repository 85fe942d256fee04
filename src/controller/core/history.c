/* Pure functions over lists of ControllerRevisions. */
#include "controller/core/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static int revision_order(const void *x, const void *y) {
    const struct jv *a = *(struct jv *const *)x, *b = *(struct jv *const *)y;
    int64_t ra = jv_get_int(a, "revision", 0), rb = jv_get_int(b, "revision", 0);
    if (ra != rb) return ra < rb ? -1 : 1;
    return strcmp(meta_name(a), meta_name(b));
}

size_t history_observe(struct rctx *c, const struct jv *parent, identity_fn identity, struct jv ***out) {
    const char *uid = meta_uid(parent);
    size_t n = source_owned(c->src, c->a, KIND_REVISION, uid, out), kept = 0;
    for (size_t i = 0; i < n; i++)
        if (str_eq(jv_get_str(meta_controller((*out)[i]), "uid"), uid)) (*out)[kept++] = (*out)[i];
    claim_orphans(c, KIND_REVISION, parent, identity, out, &kept);
    if (kept > 1) qsort(*out, kept, sizeof **out, revision_order);
    return kept;
}

void history_adopt(struct plan *p, struct jv *const *list, size_t n, enum kind parent_kind, const struct jv *parent) {
    for (size_t i = 0; i < n; i++)
        if (!meta_owned_by(list[i], meta_uid(parent)))
            plan_adopt(p, KIND_REVISION, list[i], kind_owner_ref(p->a, parent_kind, parent, true, true));
}

const struct jv *history_find(const struct history *h, const char *name) {
    for (size_t i = 0; i < h->n; i++)
        if (str_eq(meta_name(h->list[i]), name)) return h->list[i];
    return NULL;
}

bool history_collides(const struct history *h, const struct revision *r) {
    const struct jv *namesake = history_find(h, r->name);
    return namesake && !build_revision_same(namesake, r->bytes, r->len);
}

static const struct jv *equal_revision(const struct history *h, const struct revision *r) {
    for (size_t i = h->n; i-- > 0;)
        if (build_revision_same(h->list[i], r->bytes, r->len)) return h->list[i];
    return NULL;
}

int history_of_instance(struct arena *a, const struct history *h, const struct ri *inst, int32_t *collisions, struct revision *out,
                        struct err *e) {
    for (;; ++*collisions) {
        if (build_ri_revision(a, inst, *collisions, out, e)) return -1;
        if (!history_collides(h, out)) return 0;
    }
}

/* The revision `equal` as it would be made today: another number, and data in canonical form. */
static struct jv *renewed(struct arena *a, struct jv *object, const struct jv *equal, int64_t number) {
    struct jv *meta = jv_get(object, "metadata");
    jv_set_str(a, meta, "name", meta_name(equal));
    jv_set(a, meta, "labels", jv_dup(a, jv_path(equal, "metadata", "labels", (char *)0)));
    jv_set_int(a, object, "revision", number);
    return object;
}

const char *history_plan(struct plan *p, const struct history *h, const struct revision *r, struct jv *object, bool gives_way) {
    const struct jv *newest = h->n ? h->list[h->n - 1] : NULL, *equal = equal_revision(h, r);
    int64_t next = jv_get_int(newest, "revision", 0) + 1;
    if (!equal) {
        jv_set_int(p->a, object, "revision", next);
        struct action *act = plan_create(p, KIND_REVISION, object);
        action_on_fail(act, "FailedCreateRevision");
        if (gives_way) action_gives_way(act);
        return r->name;
    }
    if (equal != newest && jv_len(jv_path(equal, "metadata", "ownerReferences", (char *)0))) { /* else it is being adopted */
        struct jv *patch = jv_new_obj(p->a);
        jv_set_int(p->a, patch, "revision", next);
        struct action *act = plan_patch(p, KIND_REVISION, equal, patch);
        act->anew = renewed(p->a, object, equal, next);
        action_on_fail(act, "FailedCreateRevision");
    }
    return arena_strdup(p->a, meta_name(equal));
}

void history_truncate(struct plan *p, const struct history *h, size_t limit, bool (*live)(const void *ctx, const char *name),
                      const void *ctx) {
    size_t idle = 0;
    for (size_t i = 0; i < h->n; i++) idle += !live(ctx, meta_name(h->list[i]));
    for (size_t i = 0; i < h->n && idle > limit; i++) {
        if (live(ctx, meta_name(h->list[i]))) continue;
        plan_delete(p, KIND_REVISION, h->list[i]);
        idle--;
    }
}
