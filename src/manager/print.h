/* --print-crds, --print-rbac, --print-webhooks, --print-reference. */
#ifndef RBG_MANAGER_PRINT_H
#define RBG_MANAGER_PRINT_H

#include "manager/options.h"

/* Writes a JSON List to standard output. */
int print_manifests(const struct manager_options *o, struct err *e);

/* Writes the reference page, Markdown, to standard output. */
int print_reference_page(struct err *e);

#endif
