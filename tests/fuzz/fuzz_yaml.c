/* YAML on any bytes: a document that is accepted survives JSON, and survives being printed as YAML. */
#include "doc/yaml.h"
#include "fuzz.h"

static void check(struct arena *a, const struct jv *doc) {
    BUF_AUTO struct buf text = BUF_INIT;
    struct err e = ERR_INIT;
    struct jv **docs;
    size_t n;
    fuzz_round_trip(a, doc);
    json_write_yaml(&text, doc);
    int rc = yaml_parse_all(a, buf_str(&text), text.len, &docs, &n, &e);
    if (rc && e.code == ERR_LIMIT) return; /* indentation made it larger than is read */
    PROPERTY(rc == 0, "printed YAML can't be read: %s\n%s", e.msg, buf_str(&text));
    if (doc->type == J_NULL) return; /* an empty document is skipped */
    PROPERTY(n == 1 && jv_eq(docs[0], doc), "printed YAML reads as something else:\n%s", buf_str(&text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ARENA_AUTO struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct jv **docs;
    size_t n = 0;
    int rc = yaml_parse_all(a, (const char *)data, size, &docs, &n, &e);
    PROPERTY(rc == 0 || e.msg[0], "a refusal without a reason");
    for (size_t i = 0; rc == 0 && i < n; i++) check(a, docs[i]);
    return 0;
}
