/* A scheduler and a kubelet for all nodes of the simulated cluster: pods get a node, their containers start, get ready, restart
 * with another image, crash, fail and stop, each after a configured time of the virtual clock. Rules make chosen pods
 * misbehave. A Node whose condition Ready a test makes False is lost with its kubelet: its pods are no longer ready, and nothing
 * else changes about them. An image "engine:2-is-1" has the digest of "engine:1", and its first name. */
#ifndef RBG_SIM_KUBELET_H
#define RBG_SIM_KUBELET_H

#include "sim/cluster.h"

struct kubelet_opts { /* milliseconds; each gets up to jitter_ms more, by the seed */
    int64_t schedule_ms, start_ms, ready_ms, restart_ms, stop_ms, sync_ms, jitter_ms;
    uint64_t seed;
};

enum kubelet_fault {
    FAULT_UNSCHEDULABLE, /* no node fits */
    FAULT_PULL,          /* the image can't be pulled */
    FAULT_NOT_READY,     /* runs, but is never ready */
    FAULT_CRASH,         /* a container ends with an error after_ms after its start; then its pod's restartPolicy decides */
    FAULT_EXIT,          /* the same, with exit code 0 */
    FAULT_FAIL,          /* the pod fails for good (evicted) after_ms after its start */
    FAULT_SUCCEED,       /* the pod ends in phase Succeeded after_ms after its start, whatever its restartPolicy */
    FAULT_STUCK,         /* a deleted pod does not go */
};

struct kubelet_rule {
    enum kubelet_fault fault;
    const char *pod, *image; /* shell patterns; NULL: any. image: of any container, for container faults of that container */
    int64_t after_ms;
    int times;               /* how often; 0: always */
};

struct kubelet;

/* Makes no nodes: pods go to Node objects of the cluster that are ready and not cordoned, to the one with the fewest pods. */
struct kubelet *kubelet_new(struct cluster *c, const struct clock *clock, const struct kubelet_opts *o);
void kubelet_free(struct kubelet *k);

/* Rules hold from now on; strings are copied. Without rules, what was held back goes on. */
void kubelet_rule_add(struct kubelet *k, const struct kubelet_rule *r);
void kubelet_rules_clear(struct kubelet *k);

/* When something is to be done next; INT64_MAX: never. Does what is due for one pod. */
int64_t kubelet_due_ms(const struct kubelet *k);
void kubelet_step(struct kubelet *k);

/* A ready node with room for pods. */
struct jv *kubelet_node(struct arena *a, const char *name);

#endif
