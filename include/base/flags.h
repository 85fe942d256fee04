/* Command-line flags from one table: parsing, --help text and the reference page come from the same rows.
 * Syntax: --name=value, --name value, --bool, --bool=false; a single dash is accepted as Go programs do. */
#ifndef RBG_BASE_FLAGS_H
#define RBG_BASE_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

enum flag_type { FLAG_STRING, FLAG_BOOL, FLAG_INT, FLAG_DOUBLE, FLAG_DURATION_MS, FLAG_IGNORED };

struct flag {
    const char *name, *dflt, *help;
    enum flag_type type;
    size_t off; /* offset of the member: const char *, bool, int64_t, double, int64_t (ms) */
};

/* Sets defaults, then reads argv. Stops at the first non-flag or "--"; *rest gets its index. Unknown flags are errors
 * that name the nearest known flag. Durations: Go syntax ("1m30s", "500ms"). */
int flags_parse(const struct flag *flags, size_t n, void *into, int argc, char **argv, int *rest, struct err *e);
void flags_help(const struct flag *flags, size_t n, struct buf *out);

#endif
