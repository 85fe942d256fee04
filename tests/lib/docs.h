/* Documents that a test has as text. Text that is no document ends the test. */
#ifndef RBG_TEST_DOCS_H
#define RBG_TEST_DOCS_H

#include "doc/json.h"

struct jv *doc_json(struct arena *a, const char *text);
struct jv *doc_yaml(struct arena *a, const char *text); /* exactly one document */

/* The compact text of a member; "absent" when there is none. */
const char *doc_text_at(struct arena *a, const struct jv *doc, const char *key);

#endif
