/* Scenarios on the embedded cluster: loading manifests, waiting, asking about the state, and what must hold at the end of each. A
 * failed check prints the timeline. */
#ifndef RBG_SCENARIO_H
#define RBG_SCENARIO_H

#include "sim/sim.h"
#include "testing.h"

#define HOUR_MS INT64_C(3600000)

/* A group to start from: role `worker` (and `router`, which depends on it, when asked for), one container of image engine:1. */
struct jv *scenario_group(struct arena *a, const char *name, int replicas, bool router);
struct jv *scenario_role(struct jv *group, const char *role);
void scenario_image(struct arena *a, struct jv *role, const char *image);
/* Sets role.rolloutStrategy.rollingUpdate.<key> from JSON text. */
void scenario_rolling(struct arena *a, struct jv *role, const char *key, const char *json);
/* All documents of a YAML file. */
size_t scenario_load(struct arena *a, const char *path, struct jv ***out);

void scenario_fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3), noreturn));
#define SCENARIO_CHECK(s, cond, ...) \
    do { \
        if (!(cond)) scenario_fail((s), #cond ": " __VA_ARGS__); \
    } while (0)

void scenario_apply(struct sim *s, const struct jv *doc);
/* Runs until every group is Ready at its latest generation, and until nothing moves any more. */
void scenario_ready(struct sim *s);
/* Runs until nothing is planned or due within limit_ms. */
void scenario_settle(struct sim *s, int64_t limit_ms);
bool groups_ready(struct sim *s);

/* What must hold whenever nothing moves: no reconcile has anything to write, and no object's owner is missing. */
void scenario_fixpoint(struct sim *s);

/* The names of the kind's objects that are not being deleted, joined with spaces. */
char *scenario_names(struct sim *s, struct arena *a, enum kind k);
/* The image of the first container of each live pod, "pod=image", joined with spaces. */
char *scenario_images(struct sim *s, struct arena *a);
/* The desired state without what depends on time and chance (uids, versions, times): names, labels, specs, statuses' counts. */
char *scenario_state(struct sim *s, struct arena *a);
/* Whatever `s` has been through, once it is ready it is what a cluster is to which `group` alone was applied. Frees `s`. */
void scenario_as_fresh(struct sim *s, const struct jv *group, uint64_t seed);
/* Calls `one` with the seeds 1 to `runs`, or to $RBG_ROUNDS; or with $RBG_SEED alone. Returns how many there were, 0 for that one
 * alone. */
size_t scenario_seeds(int64_t runs, void (*one)(uint64_t seed));
size_t scenario_events(struct sim *s, const char *reason);

#endif
