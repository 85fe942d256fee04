#include "testing.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/metrics.h"

int testing_run(Suite *s) {
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

char *testing_read(struct arena *a, const char *path, size_t *len) {
    char full[4096];
    const char *root = getenv("RBG_SOURCE_DIR");
    snprintf(full, sizeof full, "%s%s%s", path[0] == '/' ? "" : (root ? root : RBG_TEST_ROOT), path[0] == '/' ? "" : "/", path);
    FILE *f = fopen(full, "rb");
    if (!f) ck_abort_msg("can't read %s", full);
    fseek(f, 0, SEEK_END);
    long n = ftell(f);
    rewind(f);
    char *text = arena_alloc(a, (size_t)n + 1);
    if (fread(text, 1, (size_t)n, f) != (size_t)n) ck_abort_msg("can't read all of %s", full);
    fclose(f);
    if (len) *len = (size_t)n;
    return text;
}

bool testing_metric(const char *line) {
    BUF_AUTO struct buf text = BUF_INIT;
    metrics_write(&text);
    return strstr(buf_str(&text), line) != NULL;
}
