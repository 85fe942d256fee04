/* Command-line flags. */
#include <stdint.h>
#include <string.h>

#include "base/flags.h"
#include "testing.h"

struct options {
    const char *name, *unset;
    bool verbose, on;
    int64_t count, wait;
    double rate;
};

#define F(n, d, t, m) {.name = n, .dflt = d, .help = "help of " n, .type = t, .off = offsetof(struct options, m)}
static const struct flag table[] = {
    F("name", "me", FLAG_STRING, name),
    F("unset", NULL, FLAG_STRING, unset),
    F("verbose", NULL, FLAG_BOOL, verbose),
    F("on", "true", FLAG_BOOL, on),
    F("count", "3", FLAG_INT, count),
    F("wait-for", "1m30s", FLAG_DURATION_MS, wait),
    F("rate", "0.5", FLAG_DOUBLE, rate),
    {.name = "zap-devel", .dflt = "false", .help = "ignored", .type = FLAG_IGNORED},
    {.name = "zap-encoder", .help = "ignored", .type = FLAG_IGNORED},
};
#define N (sizeof table / sizeof *table)
#define PARSE(o, rest, ...) \
    flags_parse(table, N, (o), (int)(sizeof(char *[]){"prog", __VA_ARGS__} / sizeof(char *)), (char *[]){"prog", __VA_ARGS__}, \
                (rest), &e)

START_TEST(defaults) {
    struct err e = ERR_INIT;
    struct options o;
    memset(&o, 0xff, sizeof o);
    char *argv[] = {"prog", NULL};
    int rest = 0;
    ASSERT_OK(flags_parse(table, N, &o, 1, argv, &rest, &e));
    ck_assert_int_eq(rest, 1);
    ck_assert_str_eq(o.name, "me");
    ck_assert_ptr_null(o.unset);
    ck_assert(!o.verbose && o.on);
    ck_assert_int_eq(o.count, 3);
    ck_assert_int_eq(o.wait, 90000);
    ck_assert_double_eq(o.rate, 0.5);
}
END_TEST

START_TEST(both_syntaxes) {
    struct err e = ERR_INIT;
    struct options o;
    int rest;
    ASSERT_OK(PARSE(&o, &rest, "--name=x=y", "-count", "-7", "--verbose", "--on=f", "--rate", "2.5e3", "-wait-for=0", "file",
                    "--name"));
    ck_assert_str_eq(o.name, "x=y");
    ck_assert_int_eq(o.count, -7);
    ck_assert(o.verbose && !o.on);
    ck_assert_double_eq(o.rate, 2500);
    ck_assert_int_eq(o.wait, 0);
    ck_assert_int_eq(rest, 9);
    ASSERT_OK(PARSE(&o, &rest, "--name=", "--", "--verbose"));
    ck_assert_str_eq(o.name, "");
    ck_assert_int_eq(rest, 3);
    ck_assert(!o.verbose);
    ASSERT_OK(PARSE(&o, &rest, "-", "x"));
    ck_assert_int_eq(rest, 1);
}
END_TEST

START_TEST(ignored_flags_take_their_value) {
    struct err e = ERR_INIT;
    struct options o;
    int rest;
    ASSERT_OK(PARSE(&o, &rest, "--zap-devel", "--zap-encoder", "console", "--zap-encoder=json", "--zap-devel=true", "arg"));
    ck_assert_int_eq(rest, 6);
}
END_TEST

START_TEST(durations_as_go) {
    static const struct {
        char *text;
        int64_t ms;
    } good[] = {{"500ms", 500}, {"1m30s", 90000}, {"1.5h", 5400000}, {"-2s", -2000}, {"+1s", 1000}, {"0", 0}, {"0s", 0},
                {".5s", 500}, {"1.s", 1000}, {"1999us", 1}, {"1000000ns", 1}, {"2\xc2\xb5s3ms", 3},
                {"2540400h", INT64_C(9145440000000)}};
    static char *const bad[] = {"", "5", "s", "1x", "-", "1s ", "1 s", "1s2", ".s", "1..5s", "2600000h", "99999999999999999999s",
                                "0x"};
    struct err e = ERR_INIT;
    struct options o;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ASSERT_OK(PARSE(&o, NULL, "--wait-for", good[i].text));
        ck_assert_msg(o.wait == good[i].ms, "%s: %lld", good[i].text, (long long)o.wait);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(PARSE(&o, NULL, "--wait-for", bad[i]) == -1, "%s was accepted", bad[i]);
}
END_TEST

START_TEST(mistakes_are_explained) {
    struct err e = ERR_INIT;
    struct options o;
    ASSERT_ERR(PARSE(&o, NULL, "--verbos"), ERR_INVALID);
    ck_assert_str_eq(e.msg, "unknown flag --verbos: did you mean --verbose?");
    ASSERT_ERR(PARSE(&o, NULL, "--wait_for=1s"), ERR_INVALID);
    ck_assert_ptr_nonnull(strstr(e.msg, "--wait-for?"));
    ASSERT_ERR(PARSE(&o, NULL, "--count"), ERR_INVALID);
    ck_assert_str_eq(e.msg, "flag --count needs a value: an integer");
    ASSERT_ERR(PARSE(&o, NULL, "--count=1.5"), ERR_INVALID);
    ck_assert_str_eq(e.msg, "flag --count: \"1.5\" is not an integer");
    ASSERT_ERR(PARSE(&o, NULL, "--verbose=maybe"), ERR_INVALID);
    ASSERT_ERR(PARSE(&o, NULL, "--rate=inf"), ERR_INVALID);
    ASSERT_ERR(PARSE(&o, NULL, "--rate=1e999"), ERR_INVALID);
    ASSERT_ERR(PARSE(&o, NULL, "--=x"), ERR_INVALID);
}
END_TEST

START_TEST(help) {
    BUF_AUTO struct buf b = BUF_INIT;
    flags_help(table, N, &b);
    for (size_t i = 0; i < N; i++) ck_assert_ptr_nonnull(strstr(b.s, table[i].name));
    ck_assert_ptr_nonnull(strstr(b.s, "  --name string\n        help of name (default \"me\")\n"));
    ck_assert_ptr_nonnull(strstr(b.s, "  --wait-for duration\n        help of wait-for (default 1m30s)\n"));
    ck_assert_ptr_nonnull(strstr(b.s, "  --verbose\n        help of verbose\n"));
}
END_TEST

TEST_MAIN("flags", defaults, both_syntaxes, ignored_flags_take_their_value, durations_as_go, mistakes_are_explained, help)
