/* The simulated scheduler, kubelet and node controller. Owns one record for each pod: what its containers do, which the pod's
 * status then tells. Learns of pods by watching the cluster; everything it does is a write to the cluster. One thread.
 *
 * It is no kinder than the real one. It tells of a new spec before it acts on it; a container counts as restarted when it runs
 * again, not when it ended; images have the names that a runtime gives them; and the condition Ready is its own: when somebody else
 * has written what it would compute itself, it notices nothing, and some time later writes its older view over it. */
#include "sim/kubelet.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/must.h"
#include "base/str.h"
#include "sim/room.h"

#define NEVER INT64_MAX
#define SCHEDULER "kube-scheduler"
#define KUBELET "kubelet"
#define NODE_CONTROLLER "kube-controller-manager"
#define STALE_MS 6000 /* so long somebody else's Ready stands */

struct container {
    char *name, *image;      /* image: that runs, or ran last; NULL: never started */
    bool running, over;      /* over: it ended, and its pod's restartPolicy says that it stays so */
    int64_t start_at, ready_at, since, starts, ended_at;
    int exit_code;           /* of its last end */
    const char *waiting;     /* reason while it does not run */
};

struct kpod {
    char *ns, *name, *uid;
    int64_t due, born, schedule_at, stop_at, end_at, generation;
    int64_t stale_at;        /* when somebody else's Ready is written over; NEVER: there is none */
    struct container *containers;
    size_t ncontainers;
    const char *phase, *reason, *message; /* of a pod that has ended; NULL: it has not */
    int told_ready;          /* what was last said of Ready; -1: nothing yet */
};

struct krule { struct kubelet_rule r; int used; };

struct kubelet {
    struct cluster *cluster;
    const struct clock *clock;
    struct kubelet_opts o;
    uint64_t random;
    struct kpod **pods;
    size_t npods;
    struct krule *rules;
    size_t nrules;
};

static int64_t now_ms(const struct kubelet *k) {
    return clock_now_ms(k->clock);
}

/* xorshift64*: the same seed gives the same delays everywhere. */
static int64_t delay(struct kubelet *k, int64_t ms) {
    if (!k->o.jitter_ms) return ms;
    k->random ^= k->random >> 12;
    k->random ^= k->random << 25;
    k->random ^= k->random >> 27;
    return ms + (int64_t)((k->random * 2685821657736338717u >> 33) % (uint64_t)(k->o.jitter_ms + 1));
}

/* ---- records ---- */

static void containers_free(struct kpod *p) {
    for (size_t i = 0; i < p->ncontainers; i++) {
        free(p->containers[i].name);
        free(p->containers[i].image);
    }
    free(p->containers);
}

static void kpod_free(struct kpod *p) {
    containers_free(p);
    free(p->ns);
    free(p->name);
    free(p->uid);
    free(p);
}

static size_t pod_at(const struct kubelet *k, const struct jv *doc) {
    for (size_t i = 0; i < k->npods; i++)
        if (str_eq(k->pods[i]->uid, meta_uid(doc))) return i;
    return k->npods;
}

static void forget(struct kubelet *k, size_t at) {
    kpod_free(k->pods[at]);
    memmove(&k->pods[at], &k->pods[at + 1], (k->npods - at - 1) * sizeof(struct kpod *));
    k->npods--;
}

static struct kpod *admit(struct kubelet *k, const struct jv *doc) {
    struct kpod *p = must(calloc(1, sizeof *p));
    const struct jv *list = jv_path(doc, "spec", "containers", (char *)0);
    p->ns = must(strdup(meta_ns(doc)));
    p->name = must(strdup(meta_name(doc)));
    p->uid = must(strdup(meta_uid(doc)));
    p->born = now_ms(k);
    p->schedule_at = p->due = p->born + delay(k, k->o.schedule_ms);
    p->stop_at = p->end_at = p->stale_at = NEVER;
    p->told_ready = -1;
    p->ncontainers = jv_len(list);
    p->containers = must(calloc(p->ncontainers + 1, sizeof *p->containers));
    for (size_t i = 0; i < p->ncontainers; i++) {
        p->containers[i].name = must(strdup(jv_str(jv_get(jv_idx(list, i), "name"), "")));
        p->containers[i].start_at = p->containers[i].ready_at = NEVER;
        p->containers[i].waiting = "ContainerCreating";
    }
    k->pods = must(realloc(k->pods, (k->npods + 1) * sizeof(struct kpod *)));
    k->pods[k->npods++] = p;
    return p;
}

static void wake(struct kpod *p, int64_t at) {
    if (at < p->due) p->due = at;
}

static void on_change(void *ctx, enum kind kind, const struct jv *was, const struct jv *is) {
    struct kubelet *k = ctx;
    if (kind == KIND_NODE)
        for (size_t i = 0; i < k->npods; i++) wake(k->pods[i], now_ms(k) + k->o.sync_ms);
    if (kind != KIND_POD) return;
    size_t at = pod_at(k, is ? is : was);
    if (!is) {
        if (at < k->npods) forget(k, at);
        return;
    }
    if (at == k->npods) admit(k, is);
    else wake(k->pods[at], now_ms(k) + k->o.sync_ms);
}

struct kubelet *kubelet_new(struct cluster *c, const struct clock *clock, const struct kubelet_opts *o) {
    struct kubelet *k = must(calloc(1, sizeof *k));
    *k = (struct kubelet){.cluster = c, .clock = clock, .o = *o, .random = o->seed * 2 + 1};
    cluster_watch(c, on_change, k);
    return k;
}

void kubelet_free(struct kubelet *k) {
    if (!k) return;
    kubelet_rules_clear(k);
    for (size_t i = 0; i < k->npods; i++) kpod_free(k->pods[i]);
    free(k->pods);
    free(k);
}

/* ---- rules ---- */

void kubelet_rule_add(struct kubelet *k, const struct kubelet_rule *r) {
    k->rules = must(realloc(k->rules, (k->nrules + 1) * sizeof *k->rules));
    struct krule *to = &k->rules[k->nrules++];
    *to = (struct krule){.r = *r};
    to->r.pod = r->pod ? must(strdup(r->pod)) : NULL;
    to->r.image = r->image ? must(strdup(r->image)) : NULL;
    for (size_t i = 0; i < k->npods; i++) wake(k->pods[i], now_ms(k));
}

void kubelet_rules_clear(struct kubelet *k) {
    for (size_t i = 0; i < k->nrules; i++) {
        free((char *)(uintptr_t)k->rules[i].r.pod);
        free((char *)(uintptr_t)k->rules[i].r.image);
    }
    free(k->rules);
    k->rules = NULL;
    k->nrules = 0;
    for (size_t i = 0; i < k->npods; i++) wake(k->pods[i], now_ms(k));
}

static bool fits(const char *pattern, const char *text) {
    return !pattern || fnmatch(pattern, text, 0) == 0;
}

static struct krule *rule_for(struct kubelet *k, enum kubelet_fault fault, const char *pod, const char *image) {
    for (size_t i = 0; i < k->nrules; i++) {
        struct krule *r = &k->rules[i];
        if (r->r.fault != fault || (r->r.times && r->used >= r->r.times)) continue;
        if (fits(r->r.pod, pod) && fits(r->r.image, image)) return r;
    }
    return NULL;
}

static struct krule *pod_rule(struct kubelet *k, enum kubelet_fault fault, const struct jv *doc) {
    JV_FOR_ARR(c, jv_path(doc, "spec", "containers", (char *)0)) {
        struct krule *r = rule_for(k, fault, meta_name(doc), jv_str(jv_get(*c, "image"), ""));
        if (r) return r;
    }
    return NULL;
}

/* ---- scheduling ---- */

static const char *pick_node(struct kubelet *k, struct arena *a, const struct jv *pod, const char **why) {
    struct jv **nodes, **pods;
    size_t nn = cluster_list(k->cluster, a, KIND_NODE, &nodes), np = cluster_list(k->cluster, a, KIND_POD, &pods);
    return room_for(a, nodes, nn, pods, np, pod, why);
}

static void write_status(struct kubelet *k, struct arena *a, const char *manager, const struct jv *pod, struct jv *status) {
    struct err ignored = ERR_INIT; /* the pod may be gone */
    struct jv *patch = jv_new_obj(a);
    jv_set(a, patch, "status", status);
    cluster_patch(k->cluster, manager, KIND_POD, meta_ns(pod), meta_name(pod), patch, true, &ignored);
}

static void write_unschedulable(struct kubelet *k, struct arena *a, const struct jv *pod, const char *why) {
    struct jv *status = jv_new_obj(a), *list = jv_new_arr(a);
    condition_put(a, list, jv_path(pod, "status", "conditions", (char *)0), "PodScheduled", false, "Unschedulable",
                  why, 0, now_ms(k));
    jv_set(a, status, "conditions", list);
    write_status(k, a, SCHEDULER, pod, status);
}

/* Returns whether the pod has a node now. */
static bool schedule(struct kubelet *k, struct arena *a, struct kpod *p, const struct jv *pod) {
    if (now_ms(k) < p->schedule_at) {
        wake(p, p->schedule_at);
        return false;
    }
    const char *why = "no node has room for the pod";
    const char *node = pod_rule(k, FAULT_UNSCHEDULABLE, pod) ? NULL : pick_node(k, a, pod, &why);
    if (!node) {
        write_unschedulable(k, a, pod, why);
        p->schedule_at = now_ms(k) + 1000;
        p->due = p->schedule_at; /* what the write woke is this very state */
        return false;
    }
    struct err ignored = ERR_INIT;
    struct jv *patch = jv_new_obj(a);
    jv_set_str(a, jv_need_obj(a, patch, "spec"), "nodeName", node);
    cluster_patch(k->cluster, SCHEDULER, KIND_POD, p->ns, p->name, patch, false, &ignored);
    for (size_t i = 0; i < p->ncontainers; i++) p->containers[i].start_at = now_ms(k) + delay(k, k->o.start_ms);
    return true;
}

/* ---- containers ---- */

static const char *spec_image(const struct jv *pod, const char *container) {
    return jv_str(jv_get(jv_find(jv_path(pod, "spec", "containers", (char *)0), "name", container), "image"), "");
}

static void stop_container(struct kubelet *k, struct container *c, const char *why, int exit_code) {
    c->running = false;
    c->ended_at = now_ms(k);
    c->exit_code = exit_code;
    c->waiting = why;
    c->start_at = now_ms(k) + delay(k, k->o.restart_ms);
    c->ready_at = NEVER;
}

static void start_container(struct kubelet *k, struct kpod *p, struct container *c, const char *image) {
    if (rule_for(k, FAULT_PULL, p->name, image)) { /* tells the two by turns, as kubelets do */
        c->waiting = str_eq(c->waiting, "ErrImagePull") ? "ImagePullBackOff" : "ErrImagePull";
        c->start_at = now_ms(k) + 1000;
        return;
    }
    free(c->image);
    c->image = must(strdup(image));
    c->running = true;
    c->waiting = NULL;
    c->starts++;
    c->since = now_ms(k);
    c->ready_at = c->since + delay(k, k->o.ready_ms);
}

/* Does a container that ended like this run again? */
static bool restarts(const struct jv *pod, int exit_code) {
    const char *policy = jv_str(jv_path(pod, "spec", "restartPolicy", (char *)0), "Always");
    return str_eq(policy, "Always") || (str_eq(policy, "OnFailure") && exit_code);
}

/* The rule by which the running container ends by itself, and how. */
static struct krule *end_rule(struct kubelet *k, const struct kpod *p, const char *image, int *exit_code) {
    struct krule *crash = rule_for(k, FAULT_CRASH, p->name, image);
    *exit_code = crash ? 1 : 0;
    return crash ? crash : rule_for(k, FAULT_EXIT, p->name, image);
}

static void end_if_told(struct kubelet *k, struct kpod *p, struct container *c, const struct jv *pod, const char *image) {
    int code;
    struct krule *r = end_rule(k, p, image, &code);
    if (!r || now_ms(k) < c->since + r->r.after_ms) return;
    r->used++;
    stop_container(k, c, code ? "CrashLoopBackOff" : "Completed", code);
    c->over = !restarts(pod, code);
}

static void run_container(struct kubelet *k, struct kpod *p, struct container *c, const struct jv *pod) {
    const char *image = spec_image(pod, c->name);
    int code;
    if (c->over) return;
    if (c->running && !str_eq(c->image, image)) stop_container(k, c, "ContainerCreating", 0);
    if (c->running) end_if_told(k, p, c, pod, image);
    if (c->over) return;
    if (!c->running && now_ms(k) >= c->start_at) start_container(k, p, c, image);
    if (!c->running) {
        wake(p, c->start_at);
        return;
    }
    if (now_ms(k) < c->ready_at) wake(p, c->ready_at);
    struct krule *ends = end_rule(k, p, image, &code);
    if (ends) wake(p, c->since + ends->r.after_ms);
}

static bool container_ready(struct kubelet *k, const struct kpod *p, const struct container *c) {
    return c->running && now_ms(k) >= c->ready_at && !rule_for(k, FAULT_NOT_READY, p->name, c->image);
}

/* ---- status ---- */

/* The registry and path of an image, as a runtime completes them. */
static const char *full_name(struct arena *a, const char *name) {
    const char *slash = strchr(name, '/');
    if (!slash) return arena_printf(a, "docker.io/library/%s", name);
    size_t host = strcspn(name, "/");
    bool is_host = memchr(name, '.', host) || memchr(name, ':', host) || (host == 9 && !memcmp(name, "localhost", 9));
    return is_host ? name : arena_printf(a, "docker.io/%s", name);
}

/* As a container runtime names them: in full, and by the first of the tags that its digest is known by. A test says that two tags
 * are the same image by the second's name: "engine:2-is-1" has the digest of "engine:1". */
static void put_image(struct arena *a, struct jv *status, const char *image) {
    char digest[41];
    const char *slash = strrchr(image, '/'), *tag = strchr(slash ? slash : image, ':'), *same = tag ? strstr(tag, "-is-") : NULL;
    const char *name = full_name(a, tag ? arena_strndup(a, image, (size_t)(tag - image)) : image);
    const char *first = arena_printf(a, "%s:%s", name, same ? same + 4 : tag ? tag + 1 : "latest");
    sha1_hex(first, strlen(first), digest);
    jv_set_str(a, status, "image", first);
    jv_set_str(a, status, "imageID", arena_printf(a, "%s@sha256:%s", name, digest));
}

static struct jv *terminated(struct arena *a, const struct container *c) {
    char at[32];
    struct jv *s = jv_new_obj(a), *t = jv_need_obj(a, s, "terminated");
    jv_set_int(a, t, "exitCode", c->exit_code);
    jv_set_str(a, t, "reason", c->exit_code ? "Error" : "Completed");
    jv_set_str(a, t, "finishedAt", time_rfc3339(c->ended_at, at));
    return s;
}

static struct jv *waiting(struct arena *a, const struct kpod *p, const struct container *c, const struct jv *pod) {
    struct jv *s = jv_new_obj(a), *w = jv_need_obj(a, s, "waiting");
    const char *image = spec_image(pod, c->name);
    const char *pull = arena_printf(a, "failed to pull and unpack image \"%s\": failed to resolve reference: no such host", image);
    jv_set_str(a, w, "reason", c->waiting);
    if (str_eq(c->waiting, "ErrImagePull")) jv_set_str(a, w, "message", pull);
    if (str_eq(c->waiting, "ImagePullBackOff"))
        jv_set_str(a, w, "message", arena_printf(a, "Back-off pulling image \"%s\": ErrImagePull: %s", image, pull));
    if (str_eq(c->waiting, "CrashLoopBackOff"))
        jv_set_str(a, w, "message", arena_printf(a, "back-off 10s restarting failed container=%s pod=%s_%s(%s)", c->name, p->name,
                                                 p->ns, p->uid));
    return s;
}

static struct jv *running(struct arena *a, const struct container *c) {
    char since[32];
    struct jv *s = jv_new_obj(a);
    jv_set_str(a, jv_need_obj(a, s, "running"), "startedAt", time_rfc3339(c->since, since));
    return s;
}

static struct jv *container_status(struct kubelet *k, struct arena *a, const struct kpod *p, const struct container *c,
                                   const struct jv *pod) {
    struct jv *s = jv_new_obj(a);
    int64_t restarted = c->starts ? c->starts - 1 : 0;
    bool over = c->over || (p->phase && c->starts);
    jv_set_str(a, s, "name", c->name);
    if (c->image) {
        put_image(a, s, c->image);
        jv_set_str(a, s, "containerID", arena_printf(a, "containerd://%s/%s/%lld", p->uid, c->name, (long long)restarted));
    } else {
        jv_set_str(a, s, "image", spec_image(pod, c->name));
        jv_set_str(a, s, "imageID", "");
    }
    jv_set_bool(a, s, "ready", container_ready(k, p, c));
    jv_set_bool(a, s, "started", c->running);
    jv_set_int(a, s, "restartCount", restarted);
    jv_set(a, s, "state", over ? terminated(a, c) : c->running ? running(a, c) : waiting(a, p, c, pod));
    if (c->ended_at && !over) jv_set(a, s, "lastState", terminated(a, c));
    return s;
}

static const char *failing_gate(const struct jv *pod) {
    const struct jv *live = jv_path(pod, "status", "conditions", (char *)0);
    JV_FOR_ARR(gate, jv_path(pod, "spec", "readinessGates", (char *)0)) {
        const char *type = jv_str(jv_get(*gate, "conditionType"), "");
        if (!condition_true(live, type)) return type;
    }
    return NULL;
}

static struct jv *conditions(struct arena *a, const struct jv *pod, bool containers_ready, int64_t now) {
    const struct jv *old = jv_path(pod, "status", "conditions", (char *)0);
    const char *gate = failing_gate(pod), *lag = "ContainersNotReady";
    struct jv *list = jv_new_arr(a);
    condition_put(a, list, old, "PodScheduled", true, NULL, NULL, 0, now);
    condition_put(a, list, old, "Initialized", true, NULL, NULL, 0, now);
    condition_put(a, list, old, "ContainersReady", containers_ready, containers_ready ? NULL : lag, NULL, 0, now);
    condition_put(a, list, old, "Ready", containers_ready && !gate,
                  !containers_ready ? lag : gate ? "ReadinessGatesNotReady" : NULL,
                  containers_ready && gate ? arena_printf(a, "readiness gate %s is not True", gate) : NULL, 0, now);
    JV_FOR_ARR(c, list) /* a patch merges: what is not said must be taken back */
        for (size_t i = 0; i < 2; i++)
            if (!jv_get(*c, i ? "message" : "reason")) jv_set(a, *c, i ? "message" : "reason", jv_null(a));
    return list;
}

static bool ready_told(const struct jv *pod) {
    return condition_true(jv_path(pod, "status", "conditions", (char *)0), "Ready");
}

static bool containers_ready(struct kubelet *k, const struct kpod *p) {
    bool ready = p->ncontainers > 0 && !p->phase;
    for (size_t i = 0; i < p->ncontainers; i++) ready = ready && container_ready(k, p, &p->containers[i]);
    return ready;
}

static void tell_status(struct kubelet *k, struct arena *a, struct kpod *p, const struct jv *pod) {
    struct jv *status = jv_new_obj(a), *list = jv_new_arr(a);
    bool ran = false;
    for (size_t i = 0; i < p->ncontainers; i++) {
        jv_push(a, list, container_status(k, a, p, &p->containers[i], pod));
        ran = ran || p->containers[i].image;
    }
    jv_set_int(a, status, "observedGeneration", p->generation);
    jv_set_str(a, status, "reason", p->reason);
    jv_set_str(a, status, "message", p->message);
    jv_set_str(a, status, "phase", p->phase ? p->phase : ran ? "Running" : "Pending");
    jv_set(a, status, "conditions", conditions(a, pod, containers_ready(k, p), now_ms(k)));
    jv_set(a, status, "containerStatuses", list);
    p->told_ready = condition_true(jv_get(status, "conditions"), "Ready");
    write_status(k, a, KUBELET, pod, status);
}

static void write_ready(struct kubelet *k, struct arena *a, const char *manager, const struct jv *pod, bool ready) {
    struct jv *status = jv_new_obj(a), *list = jv_new_arr(a);
    condition_put(a, list, jv_path(pod, "status", "conditions", (char *)0), "Ready", ready, NULL, NULL, 0, now_ms(k));
    jv_set(a, status, "conditions", list);
    write_status(k, a, manager, pod, status);
}

/* Has somebody else written Ready, and as it would be computed, so that there is nothing to notice? Returns true when nothing is
 * told of the pod now. */
static bool fooled(struct kubelet *k, struct arena *a, struct kpod *p, const struct jv *pod) {
    bool live = ready_told(pod), computed = containers_ready(k, p) && !failing_gate(pod);
    if (p->told_ready < 0 || live == p->told_ready || live != computed) {
        p->stale_at = NEVER;
        return false;
    }
    if (p->stale_at == NEVER) p->stale_at = now_ms(k) + STALE_MS;
    if (now_ms(k) >= p->stale_at) {
        write_ready(k, a, KUBELET, pod, p->told_ready);
        p->stale_at = NEVER;
    } else {
        wake(p, p->stale_at);
    }
    return true;
}

/* ---- one pod ---- */

static void end(struct kubelet *k, struct kpod *p, const char *phase, const char *reason, const char *message) {
    p->phase = phase;
    p->reason = reason;
    p->message = message;
    for (size_t i = 0; i < p->ncontainers; i++) {
        struct container *c = &p->containers[i];
        if (!c->running) continue;
        stop_container(k, c, NULL, str_eq(phase, "Failed") ? 137 : 0);
    }
}

/* All of its containers have ended and stay so. */
static void end_with_containers(struct kubelet *k, struct kpod *p) {
    bool failed = false;
    for (size_t i = 0; i < p->ncontainers; i++) {
        if (!p->containers[i].over) return;
        failed = failed || p->containers[i].exit_code;
    }
    if (p->ncontainers) end(k, p, failed ? "Failed" : "Succeeded", NULL, NULL);
}

static void end_pod_if_told(struct kubelet *k, struct kpod *p, const struct jv *pod) {
    struct krule *fail = pod_rule(k, FAULT_FAIL, pod), *r = fail ? fail : pod_rule(k, FAULT_SUCCEED, pod);
    if (p->phase || !r || !p->ncontainers || !p->containers[0].running) return;
    p->end_at = p->containers[0].since + r->r.after_ms;
    if (now_ms(k) < p->end_at) {
        wake(p, p->end_at);
        return;
    }
    r->used++;
    if (fail) end(k, p, "Failed", "Evicted", "The node was low on resource: memory.");
    else end(k, p, "Succeeded", NULL, NULL);
}

static void stop(struct kubelet *k, struct kpod *p, const struct jv *pod) {
    if (pod_rule(k, FAULT_STUCK, pod)) return;
    if (p->stop_at == NEVER) p->stop_at = now_ms(k) + delay(k, k->o.stop_ms);
    if (now_ms(k) < p->stop_at) p->due = p->stop_at;
    else cluster_remove(k->cluster, KIND_POD, p->ns, p->name); /* frees p */
}

/* Nothing is heard of the pod's node: its kubelet does nothing, and the node controller says that the pod is not ready, which is
 * all that it changes. */
static bool lost(struct kubelet *k, struct arena *a, const struct jv *pod) {
    const char *name = jv_str(jv_path(pod, "spec", "nodeName", (char *)0), NULL);
    const struct jv *node = name ? cluster_get(k->cluster, a, KIND_NODE, NULL, name) : NULL;
    if (!name || condition_true(jv_path(node, "status", "conditions", (char *)0), "Ready")) return false;
    if (ready_told(pod)) write_ready(k, a, NODE_CONTROLLER, pod, false);
    return true;
}

/* Will a running container be killed, because the spec names another image now? */
static bool must_change(const struct kpod *p, const struct jv *pod) {
    for (size_t i = 0; i < p->ncontainers; i++)
        if (p->containers[i].running && !str_eq(p->containers[i].image, spec_image(pod, p->containers[i].name))) return true;
    return false;
}

static void sync(struct kubelet *k, struct arena *a, struct kpod *p) {
    const struct jv *pod = cluster_get(k->cluster, a, KIND_POD, p->ns, p->name);
    p->due = NEVER;
    if (lost(k, a, pod)) return;
    if (meta_deleting(pod)) {
        stop(k, p, pod);
        return;
    }
    if (!jv_path(pod, "spec", "nodeName", (char *)0) && !schedule(k, a, p, pod)) return;
    bool news = p->generation != meta_generation(pod) && must_change(p, pod);
    p->generation = meta_generation(pod);
    if (news) { /* it is seen before anything is done about it */
        tell_status(k, a, p, pod);
        p->due = now_ms(k);
        return;
    }
    for (size_t i = 0; i < p->ncontainers && !p->phase; i++) run_container(k, p, &p->containers[i], pod);
    if (!p->phase) end_with_containers(k, p);
    end_pod_if_told(k, p, pod);
    if (!fooled(k, a, p, pod)) tell_status(k, a, p, pod);
}

static struct kpod *next(const struct kubelet *k) {
    struct kpod *best = NULL;
    for (size_t i = 0; i < k->npods; i++)
        if (k->pods[i]->due != NEVER && (!best || k->pods[i]->due < best->due)) best = k->pods[i];
    return best;
}

int64_t kubelet_due_ms(const struct kubelet *k) {
    const struct kpod *p = next(k);
    return p ? p->due : NEVER;
}

void kubelet_step(struct kubelet *k) {
    struct kpod *p = next(k);
    if (!p || p->due > now_ms(k)) return;
    ARENA_AUTO struct arena *a = arena_new();
    sync(k, a, p);
}

struct jv *kubelet_node(struct arena *a, const char *name) {
    struct jv *node = kind_object(a, KIND_NODE, NULL, name), *labels = jv_new_obj(a), *ready = jv_new_obj(a);
    jv_set_str(a, labels, "kubernetes.io/hostname", name);
    jv_set(a, jv_get(node, "metadata"), "labels", labels);
    jv_set_str(a, ready, "type", "Ready");
    jv_set_str(a, ready, "status", "True");
    struct jv *status = jv_need_obj(a, node, "status");
    jv_push(a, jv_need_arr(a, status, "conditions"), ready);
    jv_set_str(a, jv_need_obj(a, status, "allocatable"), "pods", "110");
    return node;
}
