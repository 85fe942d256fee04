/* The worst reviews that we know, each as large as an object may be (1.5 MiB) or a ConversionReview (32 MiB), and made to be
 * quadratic in one place or another. An admission review takes less than 1 s of CPU and 128 MiB, a conversion less than 4 s and
 * 256 MiB; the figures are printed, and are those of docs/limits.md when this is built as it is shipped. Sanitizers get ten times
 * as long. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api/names.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/unit.h"
#include "reviews.h"
#include "testing.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SLOWER = 10 };
#else
enum { SLOWER = 1 };
#endif

enum { OBJECT = 3 << 19, REVIEW = 32 << 20 };
#define MIB_OF(n) ((double)(n) / (1 << 20))
#define STASH "conversion.workloads.x-k8s.io/stash"
#define CONTAINER "{\"name\":\"c\",\"image\":\"i:1\"}"

static double cpu_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void head(struct buf *b, const char *version, const char *meta) {
    buf_printf(b, "{\"apiVersion\":\"workloads.x-k8s.io/%s\",\"kind\":\"RoleBasedGroup\",\"metadata\":{\"name\":\"g\","
               "\"namespace\":\"n\"%s},\"spec\":{", version, meta);
}

/* n times the text, with a number in it where it says %zu. */
static void row(struct buf *b, size_t n, const char *fmt) {
    for (size_t i = 0; i < n; i++) {
        const char *at = fmt;
        if (i) buf_putc(b, ',');
        for (const char *p; (p = strstr(at, "%zu")); at = p + 3) {
            buf_add(b, at, (size_t)(p - at));
            buf_printf(b, "%zu", i);
        }
        buf_puts(b, at);
    }
}

/* ---- admission ---- */

static void empty_roles(struct buf *b) {
    head(b, "v1alpha2", "");
    buf_puts(b, "\"roles\":[");
    row(b, 120000, "{}");
    buf_puts(b, "]}}");
}

static void many_roles(struct buf *b) {
    head(b, "v1alpha2", "");
    buf_puts(b, "\"roles\":[");
    row(b, 1024, "{\"name\":\"r%zu\",\"dependencies\":[\"q%zu\",\"r1\"],\"standalonePattern\":{\"template\":{\"spec\":{"
                 "\"containers\":[" CONTAINER "]}}}}");
    buf_puts(b, "]}}");
}

/* One role template of so many variables, and so many roles that patch one of them. */
static void fan(struct buf *b, size_t env, size_t roles) {
    static const char patch[] = "{\"spec\":{\"containers\":[{\"name\":\"c\",\"env\":[{\"name\":\"X\",\"value\":\"1\"}]}]}}";
    head(b, "v1alpha2", "");
    buf_puts(b, "\"roleTemplates\":[{\"name\":\"t\",\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"i\","
                "\"env\":[");
    row(b, env, "{\"name\":\"E%zu\",\"value\":\"v\"}");
    buf_puts(b, "]}]}}}],\"roles\":[");
    for (size_t i = 0; i < roles; i++)
        buf_printf(b, "%s{\"name\":\"r%zu\",\"leaderWorkerPattern\":{\"size\":2,\"templateRef\":{\"name\":\"t\",\"patch\":%s},"
                   "\"leaderTemplatePatch\":%s,\"workerTemplatePatch\":%s}}", i ? "," : "", i, patch, patch, patch);
    buf_puts(b, "]}}");
}

static void fan_wide(struct buf *b) { fan(b, 20000, 1000); }
static void fan_allowed(struct buf *b) { fan(b, 700, 250); }

static void one_pod(struct buf *b, void (*inside)(struct buf *)) {
    head(b, "v1alpha2", "");
    buf_puts(b, "\"roles\":[{\"name\":\"r\",\"standalonePattern\":{\"template\":{\"spec\":{");
    inside(b);
    buf_puts(b, "}}}}]}}");
}

#define LONG "a-name-that-is-long-and-like-the-others"
static void mounts_inside(struct buf *b) {
    buf_puts(b, "\"volumes\":[");
    row(b, 9000, "{\"name\":\"" LONG "-%zu\",\"emptyDir\":{}}");
    buf_puts(b, "],\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"volumeMounts\":[");
    row(b, 9000, "{\"name\":\"" LONG "_%zu\",\"mountPath\":\"/%zu\"}");
    buf_puts(b, "]}]");
}
static void mounts(struct buf *b) { one_pod(b, mounts_inside); }

static void resources_inside(struct buf *b) {
    buf_puts(b, "\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{");
    row(b, 30000, "\"a.b/x%zu\":\"1\"");
    buf_puts(b, "},\"requests\":{");
    row(b, 30000, "\"a.b/y%zu\":\"2\"");
    buf_puts(b, "}}}]");
}
static void resources(struct buf *b) { one_pod(b, resources_inside); }

/* Components that all wait for each other, and refer to ports of each other. */
static void components(struct buf *b) {
    BUF_AUTO struct buf after = BUF_INIT, ports = BUF_INIT;
    row(&after, 256, "\\\"c%zu\\\"");
    row(&ports, 60, "{\\\"env\\\":\\\"A\\\",\\\"component\\\":\\\"x%zu\\\",\\\"portName\\\":\\\"p%zu\\\"}");
    head(b, "v1alpha2", "");
    buf_puts(b, "\"roles\":[{\"name\":\"r\",\"customComponentsPattern\":{\"components\":[");
    for (int i = 0; i < 256; i++)
        buf_printf(b, "%s{\"name\":\"c%d\",\"size\":1,\"template\":{\"metadata\":{\"annotations\":{\"" A_COMPONENT_DEPENDS
                   "\":\"{\\\"startAfter\\\":[%s]}\",\"" A_COMPONENT_DISCOVERY "\":\"{\\\"portRefs\\\":[%s]}\"}},\"spec\":{"
                   "\"containers\":[" CONTAINER "]}}}", i ? "," : "", i, after.s, ports.s);
    buf_puts(b, "]}}]}}");
}

/* Names of roles that begin with each other's, with many components each. */
static void namesakes(struct buf *b) {
    BUF_AUTO struct buf parts = BUF_INIT;
    row(&parts, 150, "{\"name\":\"c%zu\",\"template\":{}}");
    head(b, "v1alpha2", "");
    buf_puts(b, "\"roles\":[");
    for (int i = 0; i < 250; i++) {
        buf_printf(b, "%s{\"name\":\"%c%c", i ? "," : "", 'a' + i / 20 % 26, 'a' + i / 20 / 26);
        for (int k = 0; k < i % 20; k++) buf_puts(b, "-0");
        buf_printf(b, "\",\"replicas\":8,\"customComponentsPattern\":{\"components\":[%s]}}", parts.s);
    }
    buf_puts(b, "]}}");
}

static const struct { const char *name; void (*make)(struct buf *b); } admissions[] = {
    {"120,000 empty roles", empty_roles}, {"1,024 roles whose dependencies do not exist", many_roles},
    {"20,000 variables in 1,000 roles", fan_wide}, {"700 variables in 250 roles, patched three times", fan_allowed},
    {"9,000 mounts of 9,000 other volumes", mounts}, {"2 x 30,000 resources", resources},
    {"256 components that wait for each other", components}, {"250 roles with names inside each other", namesakes},
};

START_TEST(test_admission) {
    for (size_t i = 0; i < sizeof admissions / sizeof *admissions; i++) {
        static const char *const verbs[] = {"validate", "mutate"};
        BUF_AUTO struct buf b = BUF_INIT;
        admissions[i].make(&b);
        for (size_t v = 0; v < 2; v++) {
            struct err e = ERR_INIT;
            ARENA_AUTO struct arena *a = arena_new();
            struct jv *doc = json_parse(a, b.s, b.len, NULL, &e);
            ck_assert_msg(doc != NULL, "%s", e.msg);
            double start = cpu_s();
            struct review_answer r = review_admit(a, verbs[v], KIND_RBG, doc, NULL);
            double took = cpu_s() - start;
            printf("%s: %s, %.2f MiB: %.0f ms, %.0f MiB: %.60s\n", verbs[v], admissions[i].name, MIB_OF(b.len), took * 1e3,
                   MIB_OF(unit_peak()), review_allowed(&r) ? "allowed" : review_message(&r));
            ck_assert(b.len <= OBJECT + OBJECT / 8);
            ASSERT_MSG(took < 1.0 * SLOWER, "%s: %.1f s", admissions[i].name, took);
            ASSERT_MSG(unit_peak() < (size_t)120 << 20, "%s: %.0f MiB", admissions[i].name, MIB_OF(unit_peak()));
        }
    }
}
END_TEST

/* ---- conversion ---- */

static void with_stash(struct buf *b, const char *spec, const char *stash) {
    struct jv text = {.type = J_STR, .len = (uint32_t)strlen(stash), .s = stash};
    BUF_AUTO struct buf meta = BUF_INIT;
    buf_puts(&meta, ",\"annotations\":{\"" STASH "\":");
    json_write(&meta, &text);
    buf_putc(&meta, '}');
    head(b, "v1alpha1", meta.s);
    buf_puts(b, spec);
    buf_puts(b, "}}");
}

static void found_by_name(struct buf *b) {
    BUF_AUTO struct buf spec = BUF_INIT, stash = BUF_INIT;
    buf_puts(&spec, "\"roles\":[");
    row(&spec, 95000, "{\"name\":\"b\"}");
    buf_puts(&spec, ",{\"name\":\"a\"}]");
    buf_puts(&stash, "[[\"spec\",[\"roles\",");
    row(&stash, 9000, "[{\"name\":\"a\"},[\"q\",{}]]");
    buf_puts(&stash, "]]]");
    with_stash(b, spec.s, stash.s);
}

static void members(struct buf *b) {
    BUF_AUTO struct buf spec = BUF_INIT, stash = BUF_INIT;
    buf_puts(&spec, "\"x\":{");
    row(&spec, 90000, "\"k%zu\":1");
    buf_puts(&spec, "}");
    buf_puts(&stash, "[[\"spec\",[\"x\",");
    row(&stash, 6000, "[\"k8%zu\",{\"was\":1}],[\"n%zu\",{\"is\":1}]");
    buf_puts(&stash, "]]]");
    with_stash(b, spec.s, stash.s);
}

static void moved_members(struct buf *b) {
    head(b, "v1alpha1", "");
    buf_puts(b, "\"roles\":[{\"name\":\"a\",\"leaderWorkerSet\":{");
    row(b, 120000, "\"k%zu\":1");
    buf_puts(b, "}}]}}");
}

static const struct { const char *name; void (*make)(struct buf *b); } conversions[] = {
    {"9,000 steps to the last of 95,000 roles", found_by_name}, {"12,000 steps to 90,000 members", members},
    {"120,000 members that move", moved_members},
};

START_TEST(test_conversion) {
    for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++) {
        ARENA_AUTO struct arena *a = arena_new();
        BUF_AUTO struct buf one = BUF_INIT, all = BUF_INIT;
        conversions[i].make(&one);
        buf_puts(&all, "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"ConversionReview\",\"request\":{\"uid\":\"u\","
                       "\"desiredAPIVersion\":\"workloads.x-k8s.io/v1alpha2\",\"objects\":[");
        for (size_t n = 0; all.len + one.len + 10 < (size_t)REVIEW; n++) {
            if (n) buf_putc(&all, ',');
            buf_add(&all, one.s, one.len);
        }
        buf_puts(&all, "]}}");
        double start = cpu_s();
        struct review_answer r = review_post(a, "/convert", "application/json", all.s, all.len);
        double took = cpu_s() - start;
        printf("convert: %s, %.1f MiB: %.0f ms, %.0f MiB and the request\n", conversions[i].name, MIB_OF(all.len), took * 1e3,
               MIB_OF(unit_peak()));
        ck_assert_int_eq(r.status, 200);
        ck_assert(strstr(r.text, "\"result\":{\"status\":") != NULL);
        ASSERT_MSG(took < 4.0 * SLOWER, "%s: %.1f s", conversions[i].name, took);
        ASSERT_MSG(unit_peak() < (size_t)200 << 20, "%s: %.0f MiB", conversions[i].name, MIB_OF(unit_peak()));
    }
}
END_TEST

TEST_MAIN("webhook_worst", test_admission, test_conversion)
