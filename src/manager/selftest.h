/* --self-test: is this installation whole? What helm test runs. */
#ifndef RBG_MANAGER_SELFTEST_H
#define RBG_MANAGER_SELFTEST_H

#include <stdio.h>

#include "kube/client.h"

/* Creates groups in `ns` by dry runs, which store nothing: one must come back with the webhook's defaults, one must be refused
 * with the path of its mistake, one is written and answered as v1alpha1. Prints a line for each to `out`; needs the right to
 * create rolebasedgroups. Returns how many failed. */
int selftest_run(struct kube *kube, const char *ns, FILE *out);

#endif
