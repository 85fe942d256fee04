/* What every test needs: Check, an arena per test, assertions that print the error's message. */
#ifndef RBG_TESTING_H
#define RBG_TESTING_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"

/* A call that must succeed (returns 0 or a pointer); prints the error's message if not. */
#define ASSERT_OK(expr) \
    do { \
        if ((expr) != 0) ck_abort_msg("%s failed: %s", #expr, e.msg); \
    } while (0)
#define ASSERT_PTR(expr) \
    do { \
        if (!(expr)) ck_abort_msg("%s failed: %s", #expr, e.msg); \
    } while (0)
/* A call that must fail with this class. */
#define ASSERT_ERR(expr, want) \
    do { \
        if ((expr) == 0) ck_abort_msg("%s succeeded, %s expected", #expr, err_name(want)); \
        ck_assert_msg(e.code == (want), "%s: %s expected, got %s: %s", #expr, err_name(want), err_name(e.code), e.msg); \
    } while (0)

/* As ck_assert_msg, for what is asked thousands of times: Check notes every place that it passes in a file. */
#define ASSERT_MSG(cond, ...) \
    do { \
        if (!(cond)) ck_abort_msg(__VA_ARGS__); \
    } while (0)

/* Runs the suite and returns the exit code. CK_FORK=no under a debugger; sanitizers see everything either way. */
int testing_run(Suite *s);

/* The file's text, NUL-terminated, in the arena; aborts the test when it can't be read. `path` is relative to the
 * source directory. *len may be NULL. */
char *testing_read(struct arena *a, const char *path, size_t *len);

/* Do the metrics of this process, as they are scraped, contain this text? */
bool testing_metric(const char *line);

/* Builds a suite from a list of tests: TEST_MAIN("name", test_a, test_b, ...). */
#define TEST_MAIN(suite_name, ...) \
    int main(void) { \
        Suite *suite_ = suite_create(suite_name); \
        TCase *tc_ = tcase_create(suite_name); \
        tcase_set_timeout(tc_, 1200); \
        const TTest *const list_[] = {__VA_ARGS__}; \
        for (size_t i_ = 0; i_ < sizeof list_ / sizeof *list_; i_++) tcase_add_test(tc_, list_[i_]); \
        suite_add_tcase(suite_, tc_); \
        return testing_run(suite_); \
    }

#endif
