/* What an API server makes of a CustomResourceDefinition's schema: the checks of structural OpenAPI v3 that our definitions use,
 * read from the printed definition, not from the field tables. CEL rules are not evaluated. */
#ifndef RBG_TEST_CRD_SCHEMA_H
#define RBG_TEST_CRD_SCHEMA_H

#include <stdbool.h>

#include "api/kinds.h"

/* Where a document does not match, "spec.roles[0].labels[key]", and why. */
struct mismatch {
    char *path, *why;
};
struct mismatches {
    struct mismatch *items;
    size_t n, cap;
};

/* openAPIV3Schema of a version as rbg-manager --print-crds prints it. A keyword that is unknown here aborts the test. */
struct jv *crd_schema(struct arena *a, enum kind k, const char *version);

/* A field that has a default counts as given. */
void crd_schema_check(struct arena *a, const struct jv *schema, const struct jv *doc, struct mismatches *out);

bool mismatches_has(const struct mismatches *m, const char *path);

#endif
