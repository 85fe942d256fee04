/* Leader election and events, against a server that keeps one Lease and remembers the events. */
#include "testing.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fakeapi.h"
#include "kube/events.h"
#include "kube/lease.h"

static struct fakeapi *api;
static struct kube_config *config;
static struct kube *k;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char lease_doc[2048]; /* "" when there is none */
static int version;          /* its resourceVersion */
static bool broken;          /* answers 500 */
static bool stalled;         /* answers nothing */
static char writes[1 << 20];    /* events: a line each */

/* Keeps a written lease, if it was made from the current version. */
static int keep(const char *body, bool create) {
    struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct jv *doc = json_parse(a, body, strlen(body), NULL, &e);
    int status = 400;
    if (doc) {
        const char *rv = jv_str(jv_path(doc, "metadata", "resourceVersion", (char *)0), "");
        status = create ? (*lease_doc ? 409 : 201) : atoi(rv) == version ? 200 : 409;
        if (status < 300) {
            jv_set(a, jv_get(doc, "metadata"), "resourceVersion", jv_new_strf(a, "%d", ++version));
            snprintf(lease_doc, sizeof lease_doc, "%s", json_text(a, doc));
        }
    }
    arena_free(a);
    return status;
}

static void handle(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    char copy[sizeof lease_doc];
    int status = 200;
    (void)ctx;
    pthread_mutex_lock(&lock);
    bool stall = stalled;
    pthread_mutex_unlock(&lock);
    if (stall) {
        while (fake_sleep(c, 60000)) continue;
        fake_cut(c);
        return;
    }
    pthread_mutex_lock(&lock);
    if (broken) {
        status = 500;
    } else if (strstr(q->path, "/events")) {
        snprintf(writes + strlen(writes), sizeof writes - strlen(writes), "%s %s %s\n", q->method, q->path, q->body);
    } else if (strcmp(q->method, "GET") == 0) {
        status = *lease_doc ? 200 : 404;
    } else {
        status = keep(q->body, strcmp(q->method, "POST") == 0);
    }
    strcpy(copy, lease_doc);
    pthread_mutex_unlock(&lock);
    if (status >= 300) fake_status(c, status, status == 409 ? "Conflict" : "Other", "no");
    else fake_reply(c, status, NULL, *copy ? copy : "{}");
}

static void begin(void) {
    api = fakeapi_start(0, handle, NULL);
    k = fakeapi_client(api, &(struct kube_opts){.field_manager = "rbg"}, &config);
}

static void end(void) {
    kube_free(k);
    kube_config_free(config);
    fakeapi_stop(api);
}

/* A string of the lease's spec; numbers as text. */
static const char *spec(const char *key) {
    static char out[128];
    struct arena *a = arena_new();
    pthread_mutex_lock(&lock);
    struct jv *v = jv_path(json_parse(a, lease_doc, strlen(lease_doc), NULL, NULL), "spec", key, (char *)0);
    pthread_mutex_unlock(&lock);
    snprintf(out, sizeof out, "%s", jv_is(v, J_STR) || jv_is(v, J_NUM) ? v->s : "");
    arena_free(a);
    return out;
}

struct told {
    int started, lost;
};

static void on_started(void *ctx) { __atomic_add_fetch(&((struct told *)ctx)->started, 1, __ATOMIC_SEQ_CST); }
static void on_lost(void *ctx) { __atomic_add_fetch(&((struct told *)ctx)->lost, 1, __ATOMIC_SEQ_CST); }

static struct lease *candidate(const char *identity, struct told *t) {
    return lease_start(k, &(struct lease_opts){.ns = "sys", .name = "rbg-controller", .identity = identity,
        .duration_ms = 1000, .renew_ms = 600, .retry_ms = 100, .on_started = on_started, .on_lost = on_lost, .ctx = t});
}

static bool wait_held(struct lease *l, bool want, int ms) {
    for (int i = 0; i < ms / 5 && lease_held(l) != want; i++) usleep(5000);
    return lease_held(l) == want;
}

START_TEST(test_one_leads_and_hands_over) {
    struct told ta = {0}, tb = {0};
    begin();
    struct lease *a = candidate("a", &ta);
    ck_assert(wait_held(a, true, 2000));
    struct lease *b = candidate("b", &tb);
    usleep(1800000); /* nearly two durations: a renews */
    ck_assert(lease_held(a));
    ck_assert(!lease_held(b));
    ck_assert_str_eq(spec("holderIdentity"), "a");
    ck_assert_str_eq(spec("leaseDurationSeconds"), "1");
    ck_assert_str_eq(spec("leaseTransitions"), "0");
    ck_assert_uint_eq(strlen(spec("renewTime")), strlen("2026-11-23T09:03:07.000000Z"));
    int64_t begun = clock_mono_ms(clock_real());
    lease_stop(a);
    ck_assert(wait_held(b, true, 2000));
    ck_assert_int_lt(clock_mono_ms(clock_real()) - begun, 900); /* released: not waited until it expires */
    ck_assert_str_eq(spec("holderIdentity"), "b");
    ck_assert_str_eq(spec("leaseTransitions"), "1");
    lease_stop(b);
    ck_assert_str_eq(spec("holderIdentity"), "");
    ck_assert_int_eq(ta.started + tb.started, 2);
    ck_assert_int_eq(ta.lost + tb.lost, 0);
    end();
}
END_TEST

START_TEST(test_dead_leader_is_succeeded_after_the_duration_by_our_own_clock) {
    struct told t = {0};
    begin();
    /* a dead leader whose clock ran a year ahead */
    ck_assert_int_eq(keep("{\"metadata\":{\"name\":\"rbg-controller\"},\"spec\":{\"holderIdentity\":\"dead\","
                          "\"leaseDurationSeconds\":1,"
                          "\"leaseTransitions\":4,\"renewTime\":\"2099-01-01T00:00:00.000000Z\"}}", true), 201);
    struct lease *l = candidate("a", &t);
    usleep(700000);
    ck_assert(!lease_held(l));
    ck_assert(wait_held(l, true, 1500));
    ck_assert_str_eq(spec("leaseTransitions"), "5");
    lease_stop(l);
    end();
}
END_TEST

static void gives_up_in_time(bool *how) {
    struct told t = {0};
    begin();
    struct lease *l = candidate("a", &t);
    ck_assert(wait_held(l, true, 2000));
    pthread_mutex_lock(&lock);
    *how = true;
    pthread_mutex_unlock(&lock);
    int64_t begun = clock_mono_ms(clock_real());
    ck_assert(wait_held(l, false, 3000));
    ck_assert_int_lt(clock_mono_ms(clock_real()) - begun, 950);
    for (int i = 0; i < 100 && !__atomic_load_n(&t.lost, __ATOMIC_SEQ_CST); i++) usleep(5000);
    lease_stop(l);
    ck_assert_int_eq(t.lost, 1);
    end();
}

START_TEST(test_leader_that_can_not_renew_gives_up_before_it_expires) {
    gives_up_in_time(&broken);
}
END_TEST

START_TEST(test_leader_whose_renewal_hangs_gives_up_before_it_expires) {
    gives_up_in_time(&stalled);
}
END_TEST

/* ---- events ---- */

static int lines(const char *prefix) {
    int n = 0;
    pthread_mutex_lock(&lock);
    for (const char *l = writes; l && *l; l = strchr(l, '\n') ? strchr(l, '\n') + 1 : NULL)
        n += strncmp(l, prefix, strlen(prefix)) == 0;
    pthread_mutex_unlock(&lock);
    return n;
}

static bool wrote(const char *part) {
    pthread_mutex_lock(&lock);
    bool found = strstr(writes, part) != NULL;
    pthread_mutex_unlock(&lock);
    return found;
}

static struct event about(const char *ns, const char *message) {
    return (struct event){.api_version = "workloads.x-k8s.io/v1alpha2", .kind = "RoleInstance", .ns = ns, .name = "ri-0",
                          .uid = "u-1", .type = "Normal", .reason = "SuccessfulCreate", .message = message};
}

static void wait_lines(const char *prefix, int n) {
    for (int i = 0; i < 600 && lines(prefix) < n; i++) usleep(5000);
    ck_assert_int_eq(lines(prefix), n);
}

START_TEST(test_burst_becomes_one_event_and_a_repetition_is_counted) {
    begin();
    struct events *ev = events_new(k, "RoleInstance", clock_real(), 100);
    for (int round = 0; round < 2; round++) {
        struct event a = about("team", "created pod a"), b = about("team", "created pod b");
        events_add(ev, &a);
        events_add(ev, &b);
        events_add(ev, &a);
        wait_lines(round == 0 ? "POST" : "PATCH", 1);
    }
    ck_assert(wrote("POST /api/v1/namespaces/team/events "));
    ck_assert(wrote("\"message\":\"created pod a; created pod b\""));
    ck_assert(wrote("\"involvedObject\":{\"apiVersion\":\"workloads.x-k8s.io/v1alpha2\",\"kind\":\"RoleInstance\","
                    "\"namespace\":\"team\",\"name\":\"ri-0\",\"uid\":\"u-1\"}"));
    ck_assert(wrote("\"source\":{\"component\":\"RoleInstance\"}"));
    ck_assert(wrote("PATCH /api/v1/namespaces/team/events/ri-0."));
    ck_assert(wrote("{\"count\":2,\"lastTimestamp\":"));
    events_free(ev);
    ck_assert_int_eq(lines("POST"), 1);
    end();
}
END_TEST

START_TEST(test_different_things_are_different_events) {
    begin();
    struct events *ev = events_new(k, "x", clock_real(), 60000);
    struct event one = about("team", "m"), warning = about("team", "m"), other = about("team", "m"), cluster = about(NULL, "m");
    warning.type = "Warning";
    other.name = "ri-1";
    cluster.name = "node-1";
    events_add(ev, &one);
    events_add(ev, &one);
    events_add(ev, &warning);
    events_add(ev, &other);
    events_add(ev, &cluster);
    events_free(ev); /* writes what is pending although the window is long */
    ck_assert_int_eq(lines("POST"), 4);
    ck_assert(wrote("\"count\":2"));
    ck_assert(wrote("POST /api/v1/namespaces/default/events "));
    end();
}
END_TEST

START_TEST(test_long_burst_is_cut_with_a_count) {
    begin();
    struct events *ev = events_new(k, "x", clock_real(), 60000);
    for (int i = 0; i < 200; i++) {
        char m[64];
        snprintf(m, sizeof m, "created pod number %d", i);
        struct event w = about("team", m);
        events_add(ev, &w);
    }
    events_free(ev);
    ck_assert_int_eq(lines("POST"), 1);
    char *from = strstr(writes, "\"message\":\"") + 11, *to = strchr(from, '"');
    ck_assert_int_le(to - from, 1024);
    int written = 1;
    for (char *p = from; p < to; p++) written += *p == ';';
    char want[64]; /* the last ';' stands before the rest */
    snprintf(want, sizeof want, "; … and %d more\"", 200 - (written - 1));
    ck_assert_msg(strstr(from, want) != NULL, "wanted %s in %.1100s", want, from);
    end();
}
END_TEST

START_TEST(test_full_queue_drops_the_oldest) {
    begin();
    struct events *ev = events_new(k, "x", clock_real(), 60000);
    for (int i = 0; i < 1030; i++) {
        char name[32];
        snprintf(name, sizeof name, "obj-%d-end", i);
        struct event w = about("team", "m");
        w.name = name;
        w.uid = "";
        events_add(ev, &w);
    }
    events_free(ev);
    ck_assert(!wrote("obj-0-end") && !wrote("obj-5-end"));
    ck_assert(wrote("obj-6-end"));
    end();
}
END_TEST

TEST_MAIN("kube/lease", test_one_leads_and_hands_over, test_dead_leader_is_succeeded_after_the_duration_by_our_own_clock,
          test_leader_that_can_not_renew_gives_up_before_it_expires,
          test_leader_whose_renewal_hangs_gives_up_before_it_expires,
          test_burst_becomes_one_event_and_a_repetition_is_counted, test_different_things_are_different_events,
          test_long_burst_is_cut_with_a_count, test_full_queue_drops_the_oldest)
