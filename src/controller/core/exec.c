/* Plans to requests. Owns nothing: requests and answers live in the plan's arena or are freed here. Runs on the worker's
 * thread; independent requests of one plan are in flight together. Creations of one kind go with slow start, so that a plan that
 * can't succeed (a quota, an admission webhook) fails after one request instead of a thousand; what is beside them goes its own
 * way: a refused pod holds up no status and no gate. */
#include "controller/core/exec.h"

#include <string.h>

#include "api/names.h"
#include "base/log.h"
#include "base/str.h"

#define MERGE_PATCH "application/merge-patch+json"
#define STRATEGIC_PATCH "application/strategic-merge-patch+json"
#define APPLY_PATCH "application/apply-patch+yaml"
/* What is written is built from our tables: the API server need not look for misspelt fields, only to tell a program. */
#define NO_FIELD_CHECK "fieldValidation=Ignore"
#define STOPPED_RETRY_MS 1000

struct run {
    const struct exec *x;
    const struct plan *p;
    const char *root_key;
    enum kind root_kind;
    const struct jv *root;
    struct exec_result *out;
    struct err *e;
    bool failed;
    bool noted;   /* among the failures is a refusal */
    bool stopped; /* writes were left out, because one before them came to nothing */
};

static bool is_write(enum act act) {
    return act == ACT_CREATE || act == ACT_APPLY || act == ACT_PATCH || act == ACT_PATCH_STATUS || act == ACT_DELETE;
}

static void emit(const struct run *r, const char *type, const char *reason, const char *message) {
    if (!r->x->events || (str_eq(type, "Normal") && !r->x->may_tell(r->x->ctx))) return;
    events_add(r->x->events, &(struct event){.api_version = kind_api_version(r->root_kind),
                                             .kind = kind_info(r->root_kind)->name,
                                             .ns = meta_ns(r->root),
                                             .name = meta_name(r->root),
                                             .uid = meta_uid(r->root),
                                             .type = type,
                                             .reason = reason,
                                             .message = message});
}

/* The body of a delete: background propagation, and only this very object. */
static char *delete_body(struct arena *a, const struct action *w) {
    struct jv *body = jv_new_obj(a);
    jv_set_str(a, body, "propagationPolicy", "Background");
    if (w->uid) jv_set_str(a, jv_need_obj(a, body, "preconditions"), "uid", w->uid);
    return json_text(a, body);
}

/* A patch must not hit a namesake that took the place of the object it was made for. */
static char *patch_body(struct arena *a, const struct action *w) {
    struct jv *body = jv_dup(a, w->body);
    if (w->uid) jv_set_str(a, jv_need_obj(a, body, "metadata"), "uid", w->uid);
    return json_text(a, body);
}

static void request_for(struct arena *a, const struct action *w, struct kube_request *q) {
    bool collection = w->act == ACT_CREATE;
    q->accept = KUBE_METADATA_ONLY; /* only the resourceVersion is read */
    q->query = w->act == ACT_DELETE ? NULL : NO_FIELD_CHECK;
    q->path = kind_path(a, w->kind, w->ns, collection ? NULL : w->name, w->act == ACT_PATCH_STATUS ? "status" : NULL);
    switch (w->act) {
    case ACT_CREATE:
        q->method = "POST";
        q->body = json_text(a, w->body);
        break;
    case ACT_APPLY:
        q->method = "PATCH";
        q->content_type = APPLY_PATCH;
        q->query = w->force ? NO_FIELD_CHECK "&force=true" : NO_FIELD_CHECK "&force=false";
        q->body = json_text(a, w->force ? w->body : apply_only_new(a, w->body));
        break;
    case ACT_DELETE:
        q->method = "DELETE";
        q->body = delete_body(a, w);
        break;
    default:
        q->method = "PATCH";
        q->content_type = kind_info(w->kind)->ours ? MERGE_PATCH : STRATEGIC_PATCH;
        q->body = patch_body(a, w);
    }
    q->len = strlen(q->body);
}

static const char *object_key(struct arena *a, const struct action *w) {
    return arena_printf(a, "%s/%s/%s", kind_info(w->kind)->name, w->ns ? w->ns : "", w->name);
}

static void announce(const struct run *r, const struct action *w, const struct kube_response *resp) {
    struct arena *a = r->p->a;
    const char *object = object_key(a, w);
    if (w->act == ACT_DELETE) {
        expect_deleted(r->x->expect, r->root_key, object, w->uid ? w->uid : "");
    } else {
        struct err ignored = ERR_INIT;
        const struct jv *doc = json_parse(a, resp->body.s ? resp->body.s : "", resp->body.len, NULL, &ignored);
        const char *rv = meta_rv(doc);
        if (!*rv) return;
        expect_written(r->x->expect, r->root_key, object, rv);
    }
    r->x->recheck(r->x->ctx, w->kind, w->ns ? w->ns : "", w->name);
}

static int write_now(struct run *r, const struct action *w, struct err *e) {
    struct kube_request q = {0};
    struct kube_response resp = {.body = BUF_INIT};
    request_for(r->p->a, w, &q);
    int rc = kube_do(r->x->kube, &q, &resp, e);
    if (rc == 0) announce(r, w, &resp);
    else if (action_harmless(w, e)) rc = 0;
    buf_fini(&resp.body);
    return rc;
}

static int write_anew(struct run *r, const struct action *w, struct err *e) {
    struct action gone, anew;
    action_anew(w, &gone, &anew);
    log_info("a stored revision can't be patched, it is made anew", "object", object_key(r->p->a, w));
    *e = (struct err)ERR_INIT;
    return write_now(r, &gone, e) || write_now(r, &anew, e) ? -1 : 0;
}

/* ---- names that somebody has ---- */

/* The object of that very name as it is now; *doc NULL: there is none. A list of one, as the manager has no right to get: it reads
 * by watching. */
static int ask(const struct run *r, enum kind k, const char *ns, const char *name, struct jv **doc, struct err *e) {
    struct arena *a = r->p->a;
    struct kube_request q = {.method = "GET", .path = kind_path(a, k, ns, NULL, NULL),
                             .query = arena_printf(a, "fieldSelector=metadata.name%%3D%s", name)};
    struct jv *list;
    if (kube_ask(r->x->kube, &q, a, &list, e)) return -1;
    *doc = jv_idx(jv_get(list, "items"), 0);
    return 0;
}

/* Asks for the object under the action's name, and remembers it for those who read. Returns whether there is news. */
static bool look(struct run *r, const struct action *w) {
    struct jv *doc;
    struct err ignored = ERR_INIT;
    if (ask(r, w->kind, w->ns, w->name, &doc, &ignored)) return false;
    return r->x->found(r->x->ctx, w->kind, w->ns, w->name, r->p->a, doc);
}

/* Is the root still what the plan was made for? What is adopted by one that is gone, the garbage collector deletes. */
static bool root_lives(struct run *r) {
    struct jv *now;
    if (ask(r, r->root_kind, meta_ns(r->root), meta_name(r->root), &now, r->e)) return false;
    if (str_eq(meta_uid(now), meta_uid(r->root)) && !meta_deleting(now)) return true;
    err_set(r->e, ERR_CONFLICT, "%s %s is no longer the one that was read", kind_info(r->root_kind)->name, meta_name(r->root));
    return false;
}

static bool may_adopt(struct run *r, size_t from, size_t to) {
    for (size_t i = from; i < to; i++)
        if (r->p->items[i].adopts) return root_lives(r);
    return true;
}

/* A name that is taken is no failure to be told of as such: the next plan sees who has it, and says so. */
static bool is_taken(struct run *r, const struct action *w, const struct err *e) {
    if (!action_taken(w, e)) return false;
    look(r, w);
    return true;
}

/* Tells of a write that failed, once: what is refused is asked again and again, with the same answer. */
static void tell_failure(struct run *r, const struct action *w, struct kube_job *job) {
    struct refusal what = {w->act, w->kind, w->name, arena_strdup(r->p->a, refusal_words(&job->e))};
    bool news = true;
    if (is_refusal(&job->e)) {
        news = refusals_note(r->x->refusals, r->root_key, &what);
        r->out->refused = r->noted = true;
    }
    err_wrap(&job->e, "%s %s %s", job->q.method, kind_info(w->kind)->name, w->name);
    bool told = is_taken(r, w, &job->e) || action_outdated(w, &job->e);
    news = news && !told && !action_early(&job->e, r->root, clock_now_ms(r->x->clock));
    if (news && w->fail_reason) emit(r, "Warning", w->fail_reason, job->e.msg);
    if (!r->failed && r->e) *r->e = job->e;
    r->failed = true;
}

static void settle(struct run *r, const struct action *w, struct kube_job *job) {
    bool anew = job->rc && action_needs_anew(w, &job->e);
    if (anew) job->rc = write_anew(r, w, &job->e);
    if (job->rc == 0) {
        if (!anew) announce(r, w, &job->r);
        if (w->reason) emit(r, "Normal", w->reason, w->message);
    } else if (job->e.code == ERR_CANCELED) {
        r->stopped = true;
    } else if (!kube_namespace_ends(&job->e) && !action_harmless(w, &job->e)) {
        tell_failure(r, w, job);
    }
    buf_fini(&job->r.body);
}

static bool due(struct run *r, const struct action *w) {
    if (w->gives_way && r->x->gives_way(r->x->ctx, r->root_key)) {
        r->out->gave_way = true;
        r->out->untold |= w->act == ACT_PATCH_STATUS;
        return false;
    }
    if (!w->delay_ms) return true;
    int64_t left = r->x->put_off(r->x->ctx, r->root_key, w->delay_ms);
    if (left <= 0) return true;
    r->out->put_off = true;
    if (!r->out->after_ms || left < r->out->after_ms) r->out->after_ms = left;
    return false;
}

/* Is it a name that an object can have? Nothing else is sent, whatever led to it. */
static bool can_be_sent(struct run *r, const struct action *w) {
    static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789.-";
    enum { LONGEST = 253 };
    size_t n = w->name ? strlen(w->name) : 0;
    bool of_chars = n && n <= LONGEST && !w->name[strspn(w->name, chars)] && !strstr(w->name, "..");
    if (of_chars && (!w->ns || !w->ns[strspn(w->ns, chars)])) return true;
    struct err e = ERR_INIT;
    err_set(&e, ERR_INVALID, "%s \"%.100s\" can't be written: no object can have this name", kind_info(w->kind)->name,
            w->name ? w->name : "");
    if (w->fail_reason) emit(r, "Warning", w->fail_reason, e.msg);
    if (!r->failed && r->e) *r->e = e;
    r->failed = true;
    return false;
}

struct batch { struct kube_job *jobs; const struct action **acts; size_t n; };

static void add(struct arena *a, struct batch *b, const struct action *w) {
    request_for(a, w, &b->jobs[b->n].q);
    b->acts[b->n++] = w;
}

static void run_batch(struct run *r, struct batch *b, bool slow_start) {
    if (!b->n) return;
    kube_do_all(r->x->kube, b->jobs, b->n, r->x->parallel, slow_start);
    for (size_t i = 0; i < b->n; i++) settle(r, b->acts[i], &b->jobs[i]);
}

static struct batch batch_new(struct arena *a, size_t n) {
    return (struct batch){ARENA_ARRAY(a, n, struct kube_job), ARENA_ARRAY(a, n, const struct action *), 0};
}

/* Runs the actions [from, to), which do not depend on each other. */
static void run_group(struct run *r, size_t from, size_t to) {
    struct arena *a = r->p->a;
    struct batch creates[KIND_COUNT] = {0}, rest = batch_new(a, to - from);
    if (!may_adopt(r, from, to)) {
        r->failed = true;
        return;
    }
    for (size_t i = from; i < to; i++) {
        const struct action *w = &r->p->items[i];
        if (w->act == ACT_LOOK && look(r, w)) r->out->after_ms = 1;
        if (w->act == ACT_EVENT) emit(r, w->type, w->reason, w->message);
        if (w->act == ACT_AFTER && (!r->out->after_ms || w->delay_ms < r->out->after_ms)) r->out->after_ms = w->delay_ms;
        if (!is_write(w->act) || !due(r, w) || !can_be_sent(r, w)) continue;
        struct batch *b = w->act == ACT_CREATE ? &creates[w->kind] : &rest;
        if (!b->jobs) *b = batch_new(a, to - from);
        add(a, b, w);
    }
    for (size_t k = 0; k < KIND_COUNT; k++) run_batch(r, &creates[k], creates[k].n > 1);
    run_batch(r, &rest, false);
}

int exec_plan(const struct exec *x, const struct plan *p, const char *root_key, enum kind root_kind, const struct jv *root,
              struct exec_result *out, struct err *e) {
    struct run r = {.x = x, .p = p, .root_key = root_key, .root_kind = root_kind, .root = root, .out = out, .e = e};
    *out = (struct exec_result){0};
    for (size_t from = 0; from < p->n && !r.failed && !r.stopped;) {
        size_t to = from;
        while (to < p->n && p->items[to].act != ACT_BARRIER) to++;
        run_group(&r, from, to);
        from = to + 1;
    }
    /* What stopped them was harmless, so it is no failure to be told of; the plan that is made then says what is still to do. */
    if (r.stopped && (!out->after_ms || STOPPED_RETRY_MS < out->after_ms)) out->after_ms = STOPPED_RETRY_MS;
    if (!r.noted) refusals_clear(x->refusals, root_key);
    return r.failed ? -1 : 0;
}
