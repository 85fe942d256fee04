/* One record for each set, instance and pod, kept by watching the cluster. An instance is `taken` from the moment when a controller
 * writes what takes it out of service (its deletion, a new spec, a pod's deletion, gate or image) until its pods have been unready
 * and are ready again; a pod that fails by itself takes nothing. So each fall of the service is laid to whoever caused it.
 * The rules:
 * - a write takes an instance that is available only while the others are replicas - maxUnavailable, but for the pods that a
 *   restart policy makes anew after a crash;
 * - no instance is made beyond replicas + maxSurge, no pod beyond the sizes of its instance's components;
 * - objects of others do not change. */
#include "oracle.h"

#include <stdlib.h>
#include <string.h>

#include "api/names.h"
#include "base/clock.h"
#include "base/must.h"
#include "base/str.h"
#include "scenario.h"

#define TAKEN_FORGET_MS 60000 /* a new spec that changed no pod */

enum taken { NOT_TAKEN, WAITS_FOR_POD, POD_TOUCHED, POD_FELL };

struct o_set { char *name, *uid; int replicas, least_allowed, surge, least, most; int64_t min_ready_ms; };
struct o_instance {
    char *name, *uid, *set;
    int ordinal, wanted;
    bool terminating, crashed; /* crashed: a pod of it did, so its restart policy may make pods anew, at its own time */
    enum taken taken;
    int64_t taken_ms;
};
struct o_pod {
    char *name, *uid, *instance, *ran; /* ran: the image that its first container had when it started last */
    bool ready, ending;
    int64_t since_ms, restarts;
};
struct o_foreign { enum kind kind; char *name, *text; };

struct oracle {
    struct sim *s;
    struct o_set *sets;
    struct o_instance *instances;
    struct o_pod *pods;
    struct o_foreign *foreign;
    size_t nsets, ninstances, npods, nforeign, takes;
    int (*refuse)(void *ctx, const struct action *w, struct err *e);
    void *refuse_ctx;
};

#define PUSH(list, n, item) ((list) = must(realloc((list), ((n) + 1) * sizeof *(list))), (list)[(n)] = (item), &(list)[(n)++])
#define DROP(list, n, at) (memmove(&(list)[at], &(list)[(at) + 1], ((n) - (at) - 1) * sizeof *(list)), (n)--)

static char *copy(const char *text) { return must(strdup(text ? text : "")); }

static struct o_set *set_named(const struct oracle *o, const char *name) {
    for (size_t i = 0; i < o->nsets; i++)
        if (str_eq(o->sets[i].name, name)) return &o->sets[i];
    return NULL;
}

static struct o_instance *instance_of(const struct oracle *o, const char *uid) {
    for (size_t i = 0; i < o->ninstances; i++)
        if (str_eq(o->instances[i].uid, uid)) return &o->instances[i];
    return NULL;
}

static struct o_pod *pod_of(const struct oracle *o, const char *uid) {
    for (size_t i = 0; i < o->npods; i++)
        if (str_eq(o->pods[i].uid, uid)) return &o->pods[i];
    return NULL;
}

/* ---- what serves ---- */

static bool is_up(const struct oracle *o, const struct o_instance *i, int64_t min_ready_ms) {
    int up = 0;
    int64_t since = 0;
    for (size_t k = 0; k < o->npods; k++) {
        const struct o_pod *p = &o->pods[k];
        if (!str_eq(p->instance, i->uid) || p->ending) continue;
        if (!p->ready) return false;
        if (p->since_ms > since) since = p->since_ms;
        up++;
    }
    return !i->terminating && i->wanted > 0 && up == i->wanted && sim_now_ms(o->s) - since >= min_ready_ms;
}

static bool is_available(const struct oracle *o, const struct o_set *set, const struct o_instance *i) {
    return str_eq(i->set, set->uid) && is_up(o, i, set->min_ready_ms);
}

int oracle_available(struct oracle *o, const char *name) {
    const struct o_set *set = set_named(o, name);
    int n = 0;
    for (size_t i = 0; set && i < o->ninstances; i++) n += is_available(o, set, &o->instances[i]);
    return n;
}

static int available_and_left_alone(const struct oracle *o, const struct o_set *set) {
    int n = 0;
    for (size_t i = 0; i < o->ninstances; i++)
        n += o->instances[i].taken == NOT_TAKEN && is_available(o, set, &o->instances[i]);
    return n;
}

static int alive(const struct oracle *o, const struct o_set *set) {
    int n = 0;
    for (size_t i = 0; i < o->ninstances; i++) n += str_eq(o->instances[i].set, set->uid) && !o->instances[i].terminating;
    return n;
}

static void sample(struct oracle *o) {
    for (size_t i = 0; i < o->nsets; i++) {
        struct o_set *set = &o->sets[i];
        int up = oracle_available(o, set->name), all = alive(o, set);
        if (up < set->least) set->least = up;
        if (all > set->most) set->most = all;
    }
}

/* ---- watching ---- */

/* Written out again here: an oracle that asked the controllers' own arithmetic would agree with its mistakes. */
static int scaled(const struct jv *v, int total, bool up, int dflt) {
    if (!jv_is(v, J_STR)) return (int)jv_int(v, dflt);
    int percent = atoi(jv_str(v, "0"));
    return (percent * total + (up ? 99 : 0)) / 100;
}

static void see_set(struct oracle *o, const struct jv *is) {
    const struct jv *spec = jv_get(is, "spec"), *u = jv_get(spec, "updateStrategy");
    struct o_set *set = set_named(o, meta_name(is));
    if (!set) set = PUSH(o->sets, o->nsets, ((struct o_set){.name = copy(meta_name(is)), .least = INT32_MAX}));
    free(set->uid);
    set->uid = copy(meta_uid(is));
    set->replicas = (int)jv_get_int(spec, "replicas", 1);
    set->surge = scaled(jv_get(u, "maxSurge"), set->replicas, true, 0);
    int down = jv_get(u, "maxUnavailable") ? scaled(jv_get(u, "maxUnavailable"), set->replicas, !set->surge, 1)
                                           : (set->replicas + (set->surge ? 0 : 9)) / 10;
    set->least_allowed = set->replicas - (down || set->surge ? down : 1);
    set->min_ready_ms = jv_get_int(spec, "minReadySeconds", 0) * 1000;
}

static void see_instance(struct oracle *o, const struct jv *is) {
    struct o_instance *i = instance_of(o, meta_uid(is));
    const struct jv *owner = meta_controller(is);
    if (!i) i = PUSH(o->instances, o->ninstances, ((struct o_instance){.name = copy(meta_name(is)), .uid = copy(meta_uid(is))}));
    free(i->set);
    i->set = copy(jv_get_str(owner, "uid"));
    i->ordinal = name_ordinal(meta_name(is), jv_str(jv_get(owner, "name"), ""));
    i->terminating = meta_deleting(is);
    i->wanted = 0;
    JV_FOR_ARR(c, jv_path(is, "spec", "components", (char *)0)) i->wanted += (int)jv_get_int(*c, "size", 1);
}

/* Ready as the kubelet will say once it has looked at the gates. */
static bool pod_ready(const struct jv *is) {
    const struct jv *conditions = jv_path(is, "status", "conditions", (char *)0);
    JV_FOR_ARR(gate, jv_path(is, "spec", "readinessGates", (char *)0))
        if (!condition_true(conditions, jv_str(jv_get(*gate, "conditionType"), ""))) return false;
    return condition_true(conditions, "Ready");
}

static void judge_taken(struct oracle *o, struct o_instance *i) {
    if (i->taken == NOT_TAKEN) return;
    bool up = is_up(o, i, 0);
    if (i->taken == POD_TOUCHED && !up) i->taken = POD_FELL;
    if (i->taken == POD_FELL && up) i->taken = NOT_TAKEN;
    if (i->taken == WAITS_FOR_POD && sim_now_ms(o->s) - i->taken_ms > TAKEN_FORGET_MS) i->taken = NOT_TAKEN;
}

/* Its container has started anew with the image that it had before. */
static bool pod_crashed(struct o_pod *p, const struct jv *is) {
    const struct jv *c = jv_idx(jv_path(is, "status", "containerStatuses", (char *)0), 0);
    const char *image = jv_str(jv_get(jv_idx(jv_path(is, "spec", "containers", (char *)0), 0), "image"), "");
    int64_t restarts = jv_get_int(c, "restartCount", 0);
    bool again = restarts > p->restarts;
    if (p->ran && !again) return false;
    bool crashed = again && str_eq(p->ran, image);
    free(p->ran);
    p->ran = copy(image);
    p->restarts = restarts;
    return crashed;
}

static void see_pod(struct oracle *o, const struct jv *is) {
    struct o_instance *of = instance_of(o, jv_get_str(meta_controller(is), "uid"));
    struct o_pod *p = pod_of(o, meta_uid(is));
    if (!p) p = PUSH(o->pods, o->npods, ((struct o_pod){.name = copy(meta_name(is)), .uid = copy(meta_uid(is))}));
    if (pod_crashed(p, is) && of) of->crashed = true;
    free(p->instance);
    p->instance = copy(jv_get_str(meta_controller(is), "uid"));
    p->ending = meta_deleting(is);
    p->ready = pod_ready(is);
    p->since_ms = condition_since(jv_path(is, "status", "conditions", (char *)0), "Ready", sim_now_ms(o->s));
}

static void forget(struct oracle *o, enum kind k, const char *uid) {
    for (size_t i = o->npods; k == KIND_POD && i-- > 0;) {
        if (!str_eq(o->pods[i].uid, uid)) continue;
        free(o->pods[i].name), free(o->pods[i].uid), free(o->pods[i].instance), free(o->pods[i].ran);
        DROP(o->pods, o->npods, i);
    }
    for (size_t i = o->ninstances; k == KIND_RI && i-- > 0;) {
        if (!str_eq(o->instances[i].uid, uid)) continue;
        free(o->instances[i].name), free(o->instances[i].uid), free(o->instances[i].set);
        DROP(o->instances, o->ninstances, i);
    }
}

/* What only its owner may change: not what the API server counts, nor what the scheduler and the kubelet say of a pod. */
static const char *own_part(struct arena *a, const struct jv *doc) {
    static const char *const counted[] = {"resourceVersion", "managedFields", "generation"};
    struct jv *d = jv_dup(a, doc);
    for (size_t i = 0; i < sizeof counted / sizeof *counted; i++) jv_del(jv_get(d, "metadata"), counted[i]);
    jv_del(d, "status");
    if (jv_get(d, "spec")) jv_del(jv_get(d, "spec"), "nodeName");
    return json_text(a, d);
}

static struct o_foreign *foreign(const struct oracle *o, enum kind k, const char *name) {
    for (size_t i = 0; i < o->nforeign; i++)
        if (o->foreign[i].kind == k && str_eq(o->foreign[i].name, name)) return &o->foreign[i];
    return NULL;
}

static void on_change(void *ctx, enum kind k, const struct jv *was, const struct jv *is) {
    ARENA_AUTO struct arena *a = arena_new();
    struct oracle *o = ctx;
    const struct o_foreign *f = foreign(o, k, meta_name(is ? is : was));
    const char *text = f && is ? own_part(a, is) : "";
    SCENARIO_CHECK(o->s, !f || str_eq(f->text, text), "%s %s is somebody else's, and becomes\n%s\ninstead of\n%s",
                   kind_info(k)->name, f->name, text, f->text);
    if (!is) forget(o, k, meta_uid(was));
    else if (k == KIND_RIS) see_set(o, is);
    else if (k == KIND_RI) see_instance(o, is);
    else if (k == KIND_POD) see_pod(o, is);
    for (size_t i = 0; k == KIND_POD && i < o->ninstances; i++) judge_taken(o, &o->instances[i]);
    if (k == KIND_RIS || k == KIND_RI || k == KIND_POD) sample(o);
}

/* ---- judging writes ---- */

static void take(struct oracle *o, struct o_instance *i, const struct action *w, enum taken how) {
    const struct o_set *set = NULL;
    for (size_t k = 0; i && k < o->nsets && !set; k++)
        if (str_eq(o->sets[k].uid, i->set)) set = &o->sets[k];
    if (!set) return;
    if (i->taken == NOT_TAKEN && is_available(o, set, i)) {
        int others = available_and_left_alone(o, set) - 1;
        SCENARIO_CHECK(o->s, others >= set->least_allowed, "%s %s takes instance %s: %d others are available, %d of %d must be",
                       w->act == ACT_DELETE ? "the deletion of" : "a patch of", w->name, i->name, others, set->least_allowed,
                       set->replicas);
        o->takes++;
    }
    if (i->taken < how) i->taken = how;
    i->taken_ms = sim_now_ms(o->s);
}

static bool lowers_a_gate(const struct action *w) {
    JV_FOR_ARR(c, jv_path(w->body, "status", "conditions", (char *)0))
        if (str_eq(jv_get_str(*c, "status"), "False") && !str_eq(jv_get_str(*c, "type"), "Ready")) return true;
    return false;
}

static void judge_pod(struct oracle *o, const struct action *w) {
    const struct o_pod *p = w->uid ? pod_of(o, w->uid) : NULL;
    struct o_instance *i = p ? instance_of(o, p->instance) : NULL;
    bool touches = w->act == ACT_DELETE || (w->act == ACT_PATCH && jv_get(w->body, "spec")) ||
                   (w->act == ACT_PATCH_STATUS && lowers_a_gate(w));
    if (i && !p->ending && touches && !(w->act == ACT_DELETE && i->crashed)) take(o, i, w, POD_TOUCHED);
    if (i) judge_taken(o, i);
}

static void judge_new_instance(struct oracle *o, const struct action *w) {
    const struct jv *owner = meta_controller(w->body);
    const struct o_set *set = set_named(o, jv_get_str(owner, "name"));
    int ordinal = name_ordinal(w->name, jv_str(jv_get(owner, "name"), ""));
    if (!set) return;
    SCENARIO_CHECK(o->s, ordinal >= 0 && ordinal < set->replicas + set->surge, "instance %s is made, with replicas %d and surge %d",
                   w->name, set->replicas, set->surge);
}

static void judge_new_pod(struct oracle *o, const struct action *w) {
    const struct o_instance *i = instance_of(o, jv_get_str(meta_controller(w->body), "uid"));
    int n = 0;
    for (size_t k = 0; i && k < o->npods; k++) n += str_eq(o->pods[k].instance, i->uid) && !o->pods[k].ending;
    SCENARIO_CHECK(o->s, !i || n < i->wanted, "pod %s is made beside %d of %d", w->name, n, i->wanted);
}

static int on_write(void *ctx, const struct action *w, struct err *e) {
    struct oracle *o = ctx;
    if (o->refuse && o->refuse(o->refuse_ctx, w, e)) return -1;
    if (w->act == ACT_CREATE && w->kind == KIND_RI) judge_new_instance(o, w);
    if (w->act == ACT_CREATE && w->kind == KIND_POD) judge_new_pod(o, w);
    else if (w->kind == KIND_POD) judge_pod(o, w);
    if (w->kind == KIND_RI && (w->act == ACT_DELETE || (w->act == ACT_PATCH && jv_get(w->body, "spec"))))
        take(o, instance_of(o, w->uid), w, WAITS_FOR_POD);
    return 0;
}

/* ---- outside ---- */

struct oracle *oracle_new(struct sim *s) {
    struct oracle *o = must(calloc(1, sizeof *o));
    o->s = s;
    cluster_watch(sim_cluster(s), on_change, o);
    sim_fail_writes(s, on_write, o);
    return o;
}

void oracle_free(struct oracle *o) {
    while (o->npods) forget(o, KIND_POD, o->pods[0].uid);
    while (o->ninstances) forget(o, KIND_RI, o->instances[0].uid);
    for (size_t i = 0; i < o->nsets; i++) free(o->sets[i].name), free(o->sets[i].uid);
    for (size_t i = 0; i < o->nforeign; i++) free(o->foreign[i].name), free(o->foreign[i].text);
    free(o->sets), free(o->instances), free(o->pods), free(o->foreign), free(o);
}

void oracle_refuse(struct oracle *o, int (*fn)(void *ctx, const struct action *w, struct err *e), void *ctx) {
    o->refuse = fn;
    o->refuse_ctx = ctx;
}

void oracle_foreign(struct oracle *o, enum kind k, const char *name) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *text = own_part(a, cluster_get(sim_cluster(o->s), a, k, "default", name));
    PUSH(o->foreign, o->nforeign, ((struct o_foreign){k, copy(name), copy(text)}));
}

void oracle_give_back(struct oracle *o, enum kind k, const char *name) {
    struct o_foreign *f = foreign(o, k, name);
    if (!f) return;
    free(f->name), free(f->text);
    DROP(o->foreign, o->nforeign, (size_t)(f - o->foreign));
}

int oracle_least(const struct oracle *o, const char *set) { return set_named(o, set)->least; }
int oracle_most(const struct oracle *o, const char *set) { return set_named(o, set)->most; }
size_t oracle_takes(const struct oracle *o) { return o->takes; }

void oracle_reset(struct oracle *o) {
    for (size_t i = 0; i < o->nsets; i++) o->sets[i].least = INT32_MAX, o->sets[i].most = 0;
    sample(o);
}
