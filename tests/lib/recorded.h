/* Comparison with the recorded behaviour of the first implementation: loads a case, makes two sets
 * of objects comparable, and lists their differences. Each difference is either noise that says
 * nothing about a controller (what the API server fills in, what time has changed since), or
 * decided by the contract and named in docs/compatibility.md, or a failure. */
#ifndef RBG_TEST_RECORDED_H
#define RBG_TEST_RECORDED_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "doc/json.h"

struct objects {
    struct jv **items;
    size_t n, cap;
};
void objects_add(struct arena *a, struct objects *o, struct jv *doc);
/* NULL when there is none. api_version may be NULL. */
struct jv *objects_find(const struct objects *o, const char *kind, const char *name);

/* The folder of cases: $RBG_RECORDED, else ../shared/recorded/cases beside the source directory.
 * NULL: $RBG_RECORDED is "none", so the caller skips. */
const char *recorded_root(struct arena *a);
/* Names of the cases, sorted. Errors: ERR_IO when the folder can't be read. */
int recorded_cases(struct arena *a, const char *root, const char ***out, size_t *n, struct err *e);
bool recorded_has_step(struct arena *a, const char *root, const char *name, int step);
/* The objects of a step, in v1alpha2; each with the uid "UID(Kind/name)". */
int recorded_load(struct arena *a, const char *root, const char *name, int step,
                  struct objects *out, struct err *e);

/* An object as the API server answered it. Its answers escape <, > and & in the data of a revision, whatever it has
 * stored, and reading the answer takes the escapes away: they come back, unless the order of the keys shows that other
 * bytes are stored. */
void recorded_answered(struct arena *a, struct jv *doc);

/* Makes objects of a real cluster comparable: drops what differs from run to run (times, resource
 * versions, managed fields) and turns every uid into "UID(Kind/name)" of the object that has it. */
void recorded_normalise(struct arena *a, struct objects *o);

struct difference {
    const char *scope;           /* "02-leader-worker/1" */
    const char *object;          /* "Pod/lw-decode-0-0" */
    const char *path;            /* JSON pointer; "" when the object is only on one side */
    const char *ours, *recorded; /* JSON text; NULL: absent */
    const char *rule; /* the row of docs/compatibility.md that decides it; NULL: unexpected */
};
struct differences {
    struct difference *items;
    size_t n, cap;
};

/* The rules: patterns in recorded_rules.c, each with the id of a row in the file `doc`. */
struct rules;
struct rules *recorded_rules(struct arena *a, const char *doc);
/* Ids that a pattern names and the file lacks, and patterns that no comparison has needed; NULL
 * when there are none. */
const char *recorded_rules_problem(struct arena *a, const struct rules *r);

/* Compares objects of the same kind and name. all: an object that only one side has is a
 * difference; otherwise only ours must be on the other side. Differences that are noise are left
 * out. */
void recorded_compare(struct arena *a, const char *scope, const struct objects *ours,
                      const struct objects *recorded, bool all, struct rules *rules,
                      struct differences *out);

/* For recorded_compare: which rule accepts it, or NULL; is it noise? (recorded_rules.c) */
bool rules_noise(const struct difference *d);
const char *rules_match(struct rules *r, const struct difference *d);

#endif
