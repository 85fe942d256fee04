/* As kube-scheduler's filters, as far as the nodes of the simulated cluster go: no affinity, taints or topology. A node that says
 * how much CPU it has says everything; of any other, resources that it does not name are plenty. Pure. */
#include "sim/room.h"

#include <string.h>

#include "api/kinds.h"
#include "base/buf.h"
#include "base/str.h"
#include "controller/core/plan.h"
#include "doc/scalar.h"

enum refusal { FITS, NOT_OPEN, LABELS, ROOM };

static const struct jv *allocatable(const struct jv *node) { return jv_path(node, "status", "allocatable", (char *)0); }

static bool runs_on(const struct jv *pod, const char *node) {
    return str_eq(jv_str(jv_path(pod, "spec", "nodeName", (char *)0), ""), node);
}

static bool is_open(const struct jv *node) {
    return !jv_get_bool(jv_get(node, "spec"), "unschedulable", false) &&
           condition_true(jv_path(node, "status", "conditions", (char *)0), "Ready");
}

static bool has_labels(const struct jv *node, const struct jv *selector) {
    JV_FOR_OBJ(m, selector)
        if (!str_eq(meta_label(node, m->key), jv_str(m->val, ""))) return false;
    return true;
}

/* Appends what the pod's containers ask for of the resource; a limit alone is a request, too. */
static void add_requests(const struct jv *pod, const char *resource, const struct jv **items, size_t *n, size_t max) {
    JV_FOR_ARR(c, jv_path(pod, "spec", "containers", (char *)0)) {
        const struct jv *v = jv_path(*c, "resources", "requests", resource, (char *)0);
        if (!v) v = jv_path(*c, "resources", "limits", resource, (char *)0);
        if (v && *n < max) items[(*n)++] = v;
    }
}

static bool too_small(struct arena *a, const struct jv *node, struct jv *const *pods, size_t npods, const struct jv *pod,
                      const char *resource) {
    enum { MOST = 4096 };
    const struct jv *has = jv_get(allocatable(node), resource);
    if (!has) return jv_get(allocatable(node), "cpu") != NULL;
    const struct jv **items = ARENA_ARRAY(a, MOST, const struct jv *);
    size_t n = 0;
    add_requests(pod, resource, items, &n, MOST);
    for (size_t i = 0; i < npods; i++)
        if (runs_on(pods[i], meta_name(node))) add_requests(pods[i], resource, items, &n, MOST);
    return quantity_sum_exceeds(items, n, has);
}

/* The first resource of which the node has too little; NULL: none. */
static const char *lacks(struct arena *a, const struct jv *node, struct jv *const *pods, size_t npods, const struct jv *pod) {
    static const char *const lists[] = {"requests", "limits"};
    JV_FOR_ARR(c, jv_path(pod, "spec", "containers", (char *)0))
        for (size_t i = 0; i < 2; i++)
            JV_FOR_OBJ(m, jv_path(*c, "resources", lists[i], (char *)0))
                if (too_small(a, node, pods, npods, pod, m->key)) return m->key;
    return NULL;
}

static size_t pods_on(struct jv *const *pods, size_t n, const char *node) {
    size_t count = 0;
    for (size_t i = 0; i < n; i++) count += runs_on(pods[i], node);
    return count;
}

static enum refusal judge(struct arena *a, const struct jv *node, struct jv *const *pods, size_t npods, const struct jv *pod,
                          const char **resource) {
    int64_t room;
    const char *text = jv_str(jv_get(allocatable(node), "pods"), "110");
    if (!is_open(node)) return NOT_OPEN;
    if (!has_labels(node, jv_path(pod, "spec", "nodeSelector", (char *)0))) return LABELS;
    *resource = "pods";
    if (str_to_i64(text, &room) || (int64_t)pods_on(pods, npods, meta_name(node)) >= room) return ROOM;
    *resource = lacks(a, node, pods, npods, pod);
    return *resource ? ROOM : FITS;
}

const char *room_for(struct arena *a, struct jv *const *nodes, size_t nnodes, struct jv *const *pods, size_t npods,
                     const struct jv *pod, const char **why) {
    const char *best = NULL, *resource = NULL, *short_of = NULL;
    size_t least = SIZE_MAX, refused[ROOM + 1] = {0};
    for (size_t i = 0; i < nnodes; i++) {
        enum refusal r = judge(a, nodes[i], pods, npods, pod, &resource);
        size_t load = r == FITS ? pods_on(pods, npods, meta_name(nodes[i])) : SIZE_MAX;
        refused[r]++;
        if (r == ROOM) short_of = resource;
        if (load >= least) continue;
        least = load;
        best = meta_name(nodes[i]);
    }
    if (best) return best;
    BUF_AUTO struct buf text = BUF_INIT;
    buf_printf(&text, "0/%zu nodes are available", nnodes);
    const char *sep = ": ";
    if (refused[LABELS]) buf_printf(&text, "%s%zu without the labels of the pod's nodeSelector", sep, refused[LABELS]), sep = ", ";
    if (refused[ROOM]) buf_printf(&text, "%s%zu with too little %s", sep, refused[ROOM], short_of), sep = ", ";
    if (refused[NOT_OPEN]) buf_printf(&text, "%s%zu not ready or cordoned", sep, refused[NOT_OPEN]);
    *why = arena_strdup(a, buf_str(&text));
    return NULL;
}
