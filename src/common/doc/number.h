/* Private to the document layer: numbers as Go's encoding/json and strconv print them. */
#ifndef RBG_DOC_NUMBER_H
#define RBG_DOC_NUMBER_H

#include <stdbool.h>
#include "base/arena.h"

/* Shortest text that reads back as the same double, in Go's JSON form: plain decimal for magnitudes in [1e-6, 1e21),
 * else like 1e-7 or 1e+21. d must be finite. */
char *number_json(struct arena *a, double d);

/* strconv.FormatFloat(d, 'g', -1, 32): how a float becomes a map key; "+Inf" beyond a float. d must be finite. */
char *number_key(struct arena *a, double d);

/* Go's own rule for underscores, which YAML readers in Go apply to numbers that start with a point: each stands between digits. */
bool number_underscores_ok(const char *s);

#endif
