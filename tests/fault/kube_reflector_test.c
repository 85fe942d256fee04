/* The reflector against a server that misbehaves. */
#include "testing.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fakeapi.h"
#include "kube/reflector.h"

#define POD(name, rv) "{\"metadata\":{\"namespace\":\"n\",\"name\":\"" name "\",\"uid\":\"u\",\"resourceVersion\":\"" rv "\"}}"
#define LIST_HEAD "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":"
#define EVENT(type, name, rv) "{\"type\":\"" type "\",\"object\":" POD(name, rv) "}\n"
#define BOOKMARK(rv) "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{\"resourceVersion\":\"" rv "\"}}}\n"

struct script {
    const struct script_ops {
        void (*list)(struct script *s, struct fake_conn *c, const struct fake_request *q);
        void (*watch)(struct script *s, struct fake_conn *c, const struct fake_request *q);
    } *ops;
    int lists, watches; /* begun so far */
    char queries[4096]; /* of the watches */
    pthread_mutex_t lock;
};

static struct fakeapi *api;
static struct kube_config *config;
static struct kube *k;
static struct store *store;
static struct reflector *refl;
static struct script script;

static void dispatch(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    struct script *s = ctx;
    bool is_watch = strstr(q->query, "watch=true") != NULL;
    pthread_mutex_lock(&s->lock);
    if (is_watch) {
        s->watches++;
        strncat(s->queries, q->query, sizeof s->queries - strlen(s->queries) - 2);
        strcat(s->queries, "\n");
    } else {
        s->lists++;
    }
    pthread_mutex_unlock(&s->lock);
    if (is_watch) s->ops->watch(s, c, q);
    else s->ops->list(s, c, q);
}

static int count(const int *n) {
    pthread_mutex_lock(&script.lock);
    int v = *n;
    pthread_mutex_unlock(&script.lock);
    return v;
}

static bool queried(const char *part) {
    pthread_mutex_lock(&script.lock);
    bool found = strstr(script.queries, part) != NULL;
    pthread_mutex_unlock(&script.lock);
    return found;
}

static void begin(const struct script_ops *ops, bool optional) {
    script = (struct script){.ops = ops, .lock = PTHREAD_MUTEX_INITIALIZER};
    api = fakeapi_start(0, dispatch, &script);
    k = fakeapi_client(api, &(struct kube_opts){.timeout_ms = 5000}, &config);
    store = store_new("pods", NULL, NULL);
    refl = reflector_start(k, store, &(struct reflector_opts){
        .path = "/api/v1/pods", .label_selector = "a=b,c in (d)", .optional = optional});
}

static void end(void) {
    reflector_stop(refl);
    kube_free(k);
    kube_config_free(config);
    store_free(store);
    if (api) fakeapi_stop(api);
}

/* "a@1 b@2 " once the store looks like that, else what it looks like after ms. */
static const char *settles(const char *want, int ms) {
    static char now[1024];
    for (int i = 0; i < ms / 5 + 1; i++) {
        struct arena *a = arena_new();
        const struct kobj **o;
        size_t n = store_list(store, a, NULL, &o);
        now[0] = '\0';
        for (size_t j = 0; j < n && j < 40; j++) sprintf(now + strlen(now), "%s@%s ", o[j]->name, o[j]->rv);
        arena_free(a);
        if (strcmp(now, want) == 0 && store_synced(store)) return now;
        usleep(5000);
    }
    return now;
}

static void hold(struct fake_conn *c) {
    while (fake_sleep(c, 60000)) continue;
    fake_cut(c);
}

/* ---- the ordinary way ---- */

static void list_two_pages(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    (void)s;
    char selector[] = "labelSelector=a%3Db%2Cc%20in%20%28d%29";
    if (!strstr(q->query, "limit=500") || !strstr(q->query, selector)) fake_status(c, 400, "BadRequest", "query");
    else if (strstr(q->query, "continue=t%2F1"))
        fake_reply(c, 200, NULL, LIST_HEAD "{\"resourceVersion\":\"20\"},\"items\":[" POD("c", "3") "]}");
    else
        fake_reply(c, 200, NULL, LIST_HEAD "{\"resourceVersion\":\"20\",\"continue\":\"t/1\"},\"items\":["
                   POD("a", "1") " , \n" POD("b", "2") "]}");
}

static void watch_changes(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    (void)s;
    fake_begin(c);
    if (strstr(q->query, "resourceVersion=20&")) {
        fake_text(c, EVENT("MODIFIED", "a", "21") EVENT("DELETED", "b", "22") EVENT("ADDED", "d", "23") BOOKMARK("40"));
        fake_end(c); /* as after timeoutSeconds */
        return;
    }
    hold(c);
}

START_TEST(test_list_in_pages_then_watch_then_resume_at_the_bookmark) {
    begin(&(struct script_ops){list_two_pages, watch_changes}, false);
    ck_assert_str_eq(settles("a@21 c@3 d@23 ", 3000), "a@21 c@3 d@23 ");
    for (int i = 0; i < 200 && !queried("resourceVersion=40"); i++) usleep(10000);
    ck_assert(queried("resourceVersion=40"));
    ck_assert(queried("allowWatchBookmarks=true"));
    ck_assert_int_eq(count(&script.lists), 2);
    ck_assert_int_lt(reflector_age_ms(refl), 3000);
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *doc = kobj_doc(a, store_get(store, a, "n", "c"));
    ck_assert_str_eq(jv_get_str(doc, "kind"), "Pod");
    ck_assert_str_eq(jv_get_str(doc, "apiVersion"), "v1");
    int64_t begun = clock_mono_ms(clock_real());
    end();
    ck_assert_int_lt(clock_mono_ms(clock_real()) - begun, 1000); /* stopping does not wait for the watch */
}
END_TEST

/* ---- 410 ---- */

static void list_by_turns(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    (void)q;
    if (count(&s->lists) == 1)
        fake_reply(c, 200, NULL, LIST_HEAD "{\"resourceVersion\":\"20\"},\"items\":[" POD("a", "1") "," POD("b", "2") "]}");
    else
        fake_reply(c, 200, NULL, LIST_HEAD "{\"resourceVersion\":\"90\"},\"items\":[" POD("b", "80") "]}");
}

static void watch_gone_event(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    (void)s;
    fake_begin(c);
    if (strstr(q->query, "resourceVersion=20&"))
        fake_text(c, "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"reason\":\"Expired\","
                     "\"message\":\"too old\"}}\n");
    hold(c);
}

static void watch_gone_status(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    (void)s;
    if (strstr(q->query, "resourceVersion=20&")) {
        fake_status(c, 410, "Gone", "too old");
        return;
    }
    fake_begin(c);
    hold(c);
}

START_TEST(test_gone_means_list_again) {
    static const struct script_ops ops[] = {{list_by_turns, watch_gone_event}, {list_by_turns, watch_gone_status}};
    for (size_t i = 0; i < 2; i++) {
        begin(&ops[i], false);
        ck_assert_str_eq(settles("b@80 ", 3000), "b@80 ");
        ck_assert_int_eq(count(&script.lists), 2);
        end();
    }
}
END_TEST

static void always_gone(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    (void)s;
    (void)q;
    fake_status(c, 410, "Gone", "too old");
}

START_TEST(test_server_that_always_says_gone_is_not_hammered) {
    begin(&(struct script_ops){list_by_turns, always_gone}, false);
    usleep(1500000);
    ck_assert_int_ge(count(&script.lists), 3);
    ck_assert_int_le(count(&script.lists), 12);
    end();
}
END_TEST

/* As an API server that starts: it forbids everything for a moment, and does not know what was before. */
static void watch_forbidden_then_gone(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    if (count(&s->watches) <= 4) fake_status(c, 403, "Forbidden", "starting");
    else watch_gone_status(s, c, q);
}

START_TEST(test_gone_means_list_again_at_once_after_failures_too) {
    begin(&(struct script_ops){list_by_turns, watch_forbidden_then_gone}, false);
    for (int ms = 0; ms < 10000 && count(&script.watches) < 5; ms++) usleep(1000);
    int64_t begun = clock_mono_ms(clock_real());
    while (count(&script.lists) < 2 && clock_mono_ms(clock_real()) - begun < 10000) usleep(1000);
    ck_assert_int_lt(clock_mono_ms(clock_real()) - begun, 1000); /* the next pause would be 1.6 s at least */
    ck_assert_str_eq(settles("b@80 ", 3000), "b@80 ");
    end();
}
END_TEST

static void list_continue_expires(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    if (strstr(q->query, "continue=")) fake_status(c, 410, "Expired", "the token is too old");
    else if (count(&s->lists) <= 2)
        fake_reply(c, 200, NULL, LIST_HEAD "{\"resourceVersion\":\"20\",\"continue\":\"t\"},\"items\":[" POD("a", "1") "]}");
    else
        fake_reply(c, 200, NULL, LIST_HEAD "{\"resourceVersion\":\"30\"},\"items\":[" POD("b", "2") "]}");
}

static void watch_hold(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    (void)s;
    (void)q;
    fake_begin(c);
    hold(c);
}

START_TEST(test_expired_page_token_begins_the_list_anew) {
    begin(&(struct script_ops){list_continue_expires, watch_hold}, false);
    ck_assert_str_eq(settles("b@2 ", 3000), "b@2 ");
    end();
}
END_TEST

/* ---- cuts ---- */

static void list_cut(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    if (count(&s->lists) == 1) {
        static const char half[] = "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" LIST_HEAD
                                   "{\"resourceVersion\":\"20\"},\"items\":[" POD("zombie", "1") ",{\"metad";
        fake_raw(c, half, sizeof half - 1);
        fake_cut(c);
        return;
    }
    list_two_pages(s, c, q);
}

static void watch_cut(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    (void)s;
    fake_begin(c);
    if (strstr(q->query, "resourceVersion=20&")) {
        fake_text(c, EVENT("MODIFIED", "a", "21") "{\"type\":\"DELETED\",\"object\":{\"metadata\":{\"na");
        fake_cut(c);
        return;
    }
    if (strstr(q->query, "resourceVersion=21&")) fake_text(c, EVENT("DELETED", "a", "22"));
    hold(c);
}

START_TEST(test_cut_in_the_middle_of_a_list_and_of_an_event) {
    begin(&(struct script_ops){list_cut, watch_cut}, false);
    ck_assert_str_eq(settles("b@2 c@3 ", 5000), "b@2 c@3 ");
    ck_assert(queried("resourceVersion=21&"));
    end();
}
END_TEST

static void watch_garbage(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    (void)q;
    fake_begin(c);
    if (count(&s->watches) == 1) fake_text(c, "{\"type\":\"ADDED\",\"object\":{]}\n");
    hold(c);
}

START_TEST(test_event_that_is_no_json_lists_again) {
    begin(&(struct script_ops){list_by_turns, watch_garbage}, false);
    ck_assert_str_eq(settles("b@80 ", 5000), "b@80 ");
    end();
}
END_TEST

START_TEST(test_restart_of_the_server_heals_soon) {
    begin(&(struct script_ops){list_two_pages, watch_cut}, false);
    ck_assert_str_eq(settles("b@2 c@3 ", 5000), "b@2 c@3 ");
    int port = fakeapi_port(api), before = count(&script.watches);
    fakeapi_stop(api);
    usleep(2500000);
    api = fakeapi_start(port, dispatch, &script);
    int64_t begun = clock_mono_ms(clock_real());
    while (count(&script.watches) == before && clock_mono_ms(clock_real()) - begun < 5000) usleep(5000);
    ck_assert_int_lt(clock_mono_ms(clock_real()) - begun, 2000);
    ck_assert_int_eq(count(&script.lists), 2); /* the watch is resumed, nothing is listed again */
    end();
}
END_TEST

static void list_not_installed(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    (void)s;
    (void)q;
    fake_reply(c, 404, NULL, "404 page not found\n");
}

START_TEST(test_kind_that_is_not_installed) {
    begin(&(struct script_ops){list_not_installed, watch_hold}, true);
    ck_assert_str_eq(settles("", 2000), "");
    ck_assert(store_synced(store));
    end();
    begin(&(struct script_ops){list_not_installed, watch_hold}, false);
    usleep(300000);
    ck_assert(!store_synced(store));
    end();
}
END_TEST

/* ---- odd lists ---- */

static const char tricky[] =
    LIST_HEAD "{\"resourceVersion\":\"7\"} , \"items\" : [ {\"a\":\"]}\\\"items\\\":[{\",\"metadata\":{\"name\":\"x\","
    "\"resourceVersion\":\"1\"},"
    "\"items\":[[{}],[]]},{\"metadata\":{\"name\":\"y\",\"resourceVersion\":\"2\",\"labels\":{\"k\\\\\":\"\\\\\"}}} ] }";

static void list_tricky(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    (void)q;
    size_t size = (size_t)count(&s->lists), len = strlen(tricky);
    fake_begin(c);
    for (size_t at = 0; at < len; at += size) fake_piece(c, tricky + at, size < len - at ? size : len - at);
    fake_end(c);
}

static void watch_then_gone(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    if (count(&s->watches) < 4) always_gone(s, c, q);
    else watch_hold(s, c, q);
}

START_TEST(test_list_split_anywhere) {
    begin(&(struct script_ops){list_tricky, watch_then_gone}, false);
    for (int i = 0; i < 1000 && count(&script.watches) < 4; i++) usleep(10000);
    ck_assert_int_eq(count(&script.lists), 4); /* in pieces of 1, 2, 3 and 4 bytes */
    ck_assert_str_eq(settles("x@1 y@2 ", 1000), "x@1 y@2 ");
    ARENA_AUTO struct arena *a = arena_new();
    ck_assert_str_eq(jv_get_str(kobj_doc(a, store_get(store, a, "", "x")), "a"), "]}\"items\":[{");
    end();
}
END_TEST

static void list_null_items(struct script *s, struct fake_conn *c, const struct fake_request *q) {
    (void)q;
    if (count(&s->lists) == 1) fake_reply(c, 200, NULL, "{\"kind\":\"Surprise\"}");
    else fake_reply(c, 200, NULL, LIST_HEAD "{\"resourceVersion\":\"7\"},\"items\":null}");
}

START_TEST(test_answer_that_is_no_list_is_refused_and_null_items_are_none) {
    begin(&(struct script_ops){list_null_items, watch_hold}, false);
    for (int i = 0; i < 300 && count(&script.watches) == 0; i++) usleep(10000);
    ck_assert_int_eq(count(&script.lists), 2);
    ck_assert(store_synced(store));
    ck_assert_uint_eq(store_len(store), 0);
    end();
}
END_TEST

TEST_MAIN("kube/reflector", test_list_in_pages_then_watch_then_resume_at_the_bookmark, test_gone_means_list_again,
          test_gone_means_list_again_at_once_after_failures_too, test_server_that_always_says_gone_is_not_hammered,
          test_expired_page_token_begins_the_list_anew,
          test_cut_in_the_middle_of_a_list_and_of_an_event, test_event_that_is_no_json_lists_again,
          test_restart_of_the_server_heals_soon, test_kind_that_is_not_installed, test_list_split_anywhere,
          test_answer_that_is_no_list_is_refused_and_null_items_are_none)
