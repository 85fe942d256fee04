/* What reading a document costs, beside json-c (docs/adr/0001-one-document-tree.md).
 *
 *   bench-parse FILE...    each file's first document (YAML or JSON), and a list of fifty of it: microseconds of CPU to parse the
 *                          text and free the tree, and the bytes that the tree holds
 *
 * One JSON line for each; json-c reads in its strict mode with a depth that suffices. */
#include <json-c/json.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "bench.h"
#include "doc/json.h"
#include "doc/yaml.h"

enum { COPIES = 50, BUDGET_MS = 1000 };

/* Returns the bytes of the tree. */
static size_t ours(const char *text, size_t len) {
    struct err e = ERR_INIT;
    struct arena *a = arena_new();
    if (!json_parse(a, text, len, NULL, &e)) die("json_parse", e.msg);
    size_t held = arena_bytes(a);
    arena_free(a);
    return held;
}

static size_t theirs(const char *text, size_t len) {
    size_t before = mallinfo2().uordblks;
    struct json_tokener *tok = json_tokener_new_ex(128);
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *o = json_tokener_parse_ex(tok, text, (int)len);
    if (!o) die("json-c", json_tokener_error_desc(json_tokener_get_error(tok)));
    json_tokener_free(tok);
    size_t held = mallinfo2().uordblks - before;
    json_object_put(o);
    return held;
}

static double measure(size_t (*parse)(const char *, size_t), const char *text, size_t len, size_t *held) {
    *held = parse(text, len);
    double start = cpu_us(), now = start;
    long n = 0;
    while (now - start < BUDGET_MS * 1000.0) {
        for (int i = 0; i < 10; i++) parse(text, len);
        n += 10;
        now = cpu_us();
    }
    return (now - start) / (double)n;
}

static void line(const char *file, int copies, const struct buf *text) {
    size_t held, held_c;
    double us = measure(ours, text->s, text->len, &held), us_c = measure(theirs, text->s, text->len, &held_c);
    printf("{\"file\":\"%s\",\"copies\":%d,\"bytes\":%zu,\"us\":%.1f,\"held\":%zu,\"jsonc_us\":%.1f,\"jsonc_held\":%zu}\n", file,
           copies, text->len, us, held, us_c, held_c);
}

static void bench(const char *file) {
    struct err e = ERR_INIT;
    ARENA_AUTO struct arena *a = arena_new();
    BUF_AUTO struct buf in = BUF_INIT, one = BUF_INIT, many = BUF_INIT;
    FILE *f = fopen(file, "r");
    if (!f) die(file, "can't be read");
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;) buf_add(&in, part, n);
    fclose(f);
    struct jv **docs;
    size_t ndocs;
    if (yaml_parse_all(a, buf_str(&in), in.len, &docs, &ndocs, &e)) die(file, e.msg);
    if (!ndocs) die(file, "no document");
    json_write(&one, docs[0]);
    for (int i = 0; i < COPIES; i++) {
        buf_putc(&many, i ? ',' : '[');
        buf_add(&many, one.s, one.len);
    }
    buf_putc(&many, ']');
    line(file, 1, &one);
    line(file, COPIES, &many);
}

int main(int argc, char **argv) {
    if (argc < 2) die("usage", "bench-parse FILE...");
    for (int i = 1; i < argc; i++) bench(argv[i]);
    return 0;
}
