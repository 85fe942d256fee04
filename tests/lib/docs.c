/* Reading documents for tests. Pure. */
#include "docs.h"

#include <string.h>

#include "doc/yaml.h"
#include "testing.h"

struct jv *doc_json(struct arena *a, const char *text) {
    struct err e = ERR_INIT;
    struct jv *v = json_parse(a, text, strlen(text), NULL, &e);
    ASSERT_MSG(v, "%s: %s", text, e.msg);
    return v;
}

struct jv *doc_yaml(struct arena *a, const char *text) {
    struct err e = ERR_INIT;
    struct jv **docs;
    size_t n;
    ASSERT_MSG(yaml_parse_all(a, text, strlen(text), &docs, &n, &e) == 0, "%s: %s", text, e.msg);
    ASSERT_MSG(n == 1, "%s: %zu documents, one expected", text, n);
    return docs[0];
}

const char *doc_text_at(struct arena *a, const struct jv *doc, const char *key) {
    const struct jv *v = jv_get(doc, key);
    return v ? json_text(a, v) : "absent";
}
