/* The command line: what is wrong is said with the flag's name. */
#include <string.h>

#include "manager/options.h"
#include "testing.h"

static int parse(struct manager_options *o, struct err *e, int argc, const char *const *flags) {
    char *argv[12] = {(char *)(uintptr_t)"rbg-manager"};
    for (int i = 0; i < argc; i++) argv[i + 1] = (char *)(uintptr_t)flags[i];
    return options_parse(o, argc + 1, argv, e);
}

/* As client-go has it: lease > renew deadline > 1.2 retry periods. */
START_TEST(two_leaders_at_a_time_are_refused) {
    static const struct { const char *lease, *renew, *retry, *says; } rows[] = {
        {"15s", "10s", "2s", NULL},
        {"5s", "60s", "30s", "--leader-elect-lease-duration (5000 ms)"},
        {"10s", "10s", "2s", "--leader-elect-lease-duration"},
        {"15s", "10s", "9s", "--leader-elect-renew-deadline"},
        {"15s", "12s", "10s", "--leader-elect-renew-deadline"},
        {"15s", "12001ms", "10s", NULL},
        {"15s", "10s", "0s", "--leader-elect-retry-period"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct manager_options o;
        struct err e = ERR_INIT;
        const char *const flags[] = {"--leader-elect",
                                     "--leader-elect-lease-duration", rows[i].lease,
                                     "--leader-elect-renew-deadline", rows[i].renew,
                                     "--leader-elect-retry-period", rows[i].retry};
        int rc = parse(&o, &e, 7, flags);
        ck_assert_msg((rc == 0) == !rows[i].says, "%zu: %s", i, e.msg);
        if (rows[i].says) ck_assert_msg(strstr(e.msg, rows[i].says) != NULL, "%zu: %s", i, e.msg);
        ck_assert_int_eq(parse(&o, &e, 6, flags + 1), 0); /* without an election they mean nothing */
    }
}
END_TEST

TEST_MAIN("options", two_leaders_at_a_time_are_refused)
