/* Metrics as Prometheus reads them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/metrics.h"
#include "base/sync.h"
#include "testing.h"

static char *scrape(struct arena *a) {
    BUF_AUTO struct buf b = BUF_INIT;
    metrics_write(&b);
    return arena_strdup(a, buf_str(&b));
}

#define ASSERT_HAS(text, part) ck_assert_msg(strstr((text), (part)) != NULL, "%s not in\n%s", (part), (text))

START_TEST(counters_and_gauges) {
    ARENA_AUTO struct arena *a = arena_new();
    struct metric *c = metric_new(METRIC_COUNTER, "test_total", "Things \\ and\nmore.", "kind,result");
    struct metric *g = metric_new(METRIC_GAUGE, "test_gauge", "A gauge.", NULL);
    ASSERT_HAS(scrape(a), "\ntest_gauge 0\n");
    metric_add(c, 1, (const char *const[]){"a", "ok"});
    metric_add(c, 2, (const char *const[]){"a", "ok"});
    metric_add(c, -5, (const char *const[]){"a", "ok"});
    metric_add(c, NAN, (const char *const[]){"a", "ok"});
    metric_add(c, 0.1, (const char *const[]){"a\"b\\c\nd\xff", NULL});
    metric_set(g, 7, NULL);
    metric_add(g, -7.25, NULL);
    char *text = scrape(a);
    ASSERT_HAS(text, "# HELP test_gauge A gauge.\n# TYPE test_gauge gauge\ntest_gauge -0.25\n");
    ASSERT_HAS(text, "# HELP test_total Things \\\\ and\\nmore.\n# TYPE test_total counter\n");
    ASSERT_HAS(text, "test_total{kind=\"a\",result=\"ok\"} 3\n");
    ASSERT_HAS(text, "test_total{kind=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\",result=\"\"} 0.1\n");
    ck_assert_ptr_eq(metric_new(METRIC_COUNTER, "test_total", "Things", "kind,result"), c);
}
END_TEST

START_TEST(families_are_sorted) {
    ARENA_AUTO struct arena *a = arena_new();
    metric_new(METRIC_COUNTER, "sort_b", "b", NULL);
    metric_new(METRIC_COUNTER, "sort_c", "c", NULL);
    metric_new(METRIC_COUNTER, "sort_a", "a", NULL);
    char *text = scrape(a);
    const char *x = strstr(text, "\nsort_a "), *y = strstr(text, "\nsort_b "), *z = strstr(text, "\nsort_c ");
    ck_assert(x && y && z && x < y && y < z);
}
END_TEST

START_TEST(histograms) {
    ARENA_AUTO struct arena *a = arena_new();
    struct metric *h = metric_new(METRIC_HISTOGRAM, "test_seconds", "Time.", "verb");
    const char *const get[] = {"get"};
    metric_observe(h, 0.0005, get); /* bounds are inclusive */
    metric_observe(h, 0.02, get);
    metric_observe(h, 0.02, get);
    metric_observe(h, 61, get);
    metric_observe(h, NAN, get);
    char *text = scrape(a);
    ASSERT_HAS(text, "# TYPE test_seconds histogram\n");
    ASSERT_HAS(text, "test_seconds_bucket{verb=\"get\",le=\"0.0005\"} 1\n");
    ASSERT_HAS(text, "test_seconds_bucket{verb=\"get\",le=\"0.01\"} 1\n");
    ASSERT_HAS(text, "test_seconds_bucket{verb=\"get\",le=\"0.025\"} 3\n");
    ASSERT_HAS(text, "test_seconds_bucket{verb=\"get\",le=\"60\"} 3\n");
    ASSERT_HAS(text, "test_seconds_bucket{verb=\"get\",le=\"+Inf\"} 4\n");
    ASSERT_HAS(text, "test_seconds_sum{verb=\"get\"} 61.0405\n");
    ASSERT_HAS(text, "test_seconds_count{verb=\"get\"} 4\n");
    metric_new(METRIC_HISTOGRAM, "plain_seconds", "Time.", NULL);
    ASSERT_HAS(scrape(a), "plain_seconds_bucket{le=\"+Inf\"} 0\nplain_seconds_sum 0\nplain_seconds_count 0\n");
}
END_TEST

START_TEST(series_are_bounded) {
    ARENA_AUTO struct arena *a = arena_new();
    struct metric *c = metric_new(METRIC_COUNTER, "many_total", "Many.", "name");
    for (int i = 0; i < 3000; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%d", i);
        metric_add(c, 1, (const char *const[]){name});
    }
    metric_add(c, 1, (const char *const[]){"n5"}); /* a known one still counts by itself */
    char *text = scrape(a);
    int series = 0;
    for (const char *p = text; (p = strstr(p, "\nmany_total{")); p++) series++;
    ck_assert_int_eq(series, 1001);
    ASSERT_HAS(text, "many_total{name=\"_other\"} 2000\n");
    ASSERT_HAS(text, "many_total{name=\"n5\"} 2\n");
}
END_TEST

static void *hammer(void *arg) {
    BUF_AUTO struct buf b = BUF_INIT;
    for (int i = 0; i < 2000; i++) {
        struct metric *c = metric_new(METRIC_COUNTER, "race_total", "Race.", "who");
        struct metric *h = metric_new(METRIC_HISTOGRAM, "race_seconds", "Race.", NULL);
        metric_add(c, 1, (const char *const[]){i % 2 ? (const char *)arg : "all"});
        metric_observe(h, 0.25, NULL);
        if (i % 200) continue;
        buf_reset(&b);
        metrics_write(&b);
    }
    return NULL;
}

START_TEST(threads) {
    ARENA_AUTO struct arena *a = arena_new();
    static char who[4][2] = {"0", "1", "2", "3"};
    pthread_t t[4];
    for (int i = 0; i < 4; i++) t[i] = thread_start("hammer", hammer, who[i]);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    char *text = scrape(a);
    ASSERT_HAS(text, "race_total{who=\"all\"} 4000\n");
    ASSERT_HAS(text, "race_total{who=\"3\"} 1000\n");
    ASSERT_HAS(text, "race_seconds_count 8000\n");
    ASSERT_HAS(text, "race_seconds_sum 2000\n");
}
END_TEST

TEST_MAIN("metrics", counters_and_gauges, families_are_sorted, histograms, series_are_bounded, threads)
