/* Expectations: a worker waits until the store has seen its own writes. Keyed by the root that was reconciled. An entry that
 * is older than 30 s is dropped with a metric (rbg_expectations_expired_total), and the run goes on. Any thread. */
#ifndef RBG_KUBE_EXPECT_H
#define RBG_KUBE_EXPECT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"

struct expect;

struct expect *expect_new(const struct clock *clock);
void expect_free(struct expect *x);

/* We wrote `object` ("kind/namespace/name") and got resourceVersion rv back: wait until the store has it or a newer one. */
void expect_written(struct expect *x, const char *root, const char *object, const char *rv);
/* We deleted `object` with this uid: wait until the store lost it or shows it deleting or with another uid. */
void expect_deleted(struct expect *x, const char *root, const char *object, const char *uid);
/* Called from the stores' change handlers. rv "" and uid "": the object is gone. */
void expect_observed(struct expect *x, const char *object, const char *rv, const char *uid, bool deleting);
/* True when nothing is pending for the root. *wait_ms: until the oldest entry expires, when false. */
bool expect_satisfied(struct expect *x, const char *root, int64_t *wait_ms);
void expect_forget(struct expect *x, const char *root);

#endif
