/* YAML input (1.1 as kubectl reads it), read into the same trees as JSON. Built on libyaml; aliases are expanded within
 * the limits of json_limits, so that a small text can't become a large tree. */
#ifndef RBG_DOC_YAML_H
#define RBG_DOC_YAML_H

#include "doc/json.h"

/* Parses all documents of the stream; empty ones are skipped. *out gets an array in the arena, *n its length. */
int yaml_parse_all(struct arena *a, const char *text, size_t len, struct jv ***out, size_t *n, struct err *e);

#endif
