/* The executor against an API server that refuses: what depends on nothing that was refused is written all the same. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "controller/core/exec.h"
#include "docs.h"
#include "fakeapi.h"
#include "kube/client.h"
#include "testing.h"

struct server { pthread_mutex_t lock; int posts, patches; };

static void quota(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    struct server *s = ctx;
    bool post = strcmp(q->method, "POST") == 0 && strstr(q->path, "/pods");
    pthread_mutex_lock(&s->lock);
    s->posts += post;
    s->patches += strcmp(q->method, "PATCH") == 0;
    pthread_mutex_unlock(&s->lock);
    if (post) fake_status(c, 403, "Forbidden", "exceeded quota: few");
    else fake_reply(c, 200, NULL, "{\"metadata\":{\"resourceVersion\":\"7\"}}");
}

static int64_t now_or_never(void *ctx, const char *key, int64_t delay_ms) { (void)ctx, (void)key, (void)delay_ms; return 0; }
static bool no(void *ctx, const char *key) { (void)ctx, (void)key; return false; }
static bool may_tell(void *ctx) { (void)ctx; return true; }
static void recheck(void *ctx, enum kind k, const char *ns, const char *name) { (void)ctx, (void)k, (void)ns, (void)name; }

static struct jv *object(struct arena *a, enum kind k, const char *name) {
    return kind_object(a, k, "default", name);
}

START_TEST(a_refused_creation_cancels_nothing_but_others_of_its_kind) {
    ARENA_AUTO struct arena *a = arena_new();
    struct server server = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct fakeapi *api = fakeapi_start(0, quota, &server);
    struct kube_config *config;
    struct kube_opts opts = {.user_agent = "t", .field_manager = "rbg", .timeout_ms = 5000};
    struct kube *kube = fakeapi_client(api, &opts, &config);
    struct refusals *refusals = refusals_new();
    struct expect *expect = expect_new(clock_real());
    struct exec x = {.kube = kube, .expect = expect, .refusals = refusals, .clock = clock_real(), .parallel = 4, .recheck = recheck,
                     .put_off = now_or_never, .gives_way = no, .may_tell = may_tell};
    for (int round = 0; round < 2; round++) {
        struct plan p;
        struct exec_result out;
        struct err e = ERR_INIT;
        struct jv *root = object(a, KIND_RI, "g-0"), *status = doc_json(a, "{\"observedGeneration\":1}");
        plan_init(&p, a);
        if (!round)
            for (int i = 0; i < 3; i++) plan_create(&p, KIND_POD, object(a, KIND_POD, arena_printf(a, "g-0-%d", i)));
        plan_status(&p, KIND_RI, root, status, 0);
        plan_patch_status(&p, KIND_POD, object(a, KIND_POD, "g-0-9"), doc_json(a, "{\"status\":{}}"), 0);
        ck_assert_int_eq(exec_plan(&x, &p, "RoleInstance/default/g-0", KIND_RI, root, &out, &e), round ? 0 : -1);
        ck_assert_int_eq(server.posts, 1);
        ck_assert_int_eq(server.patches, 2 * (round + 1));
        const struct refusal *r = refusals_get(refusals, a, "RoleInstance/default/g-0");
        ck_assert_int_eq(out.refused, !round);
        if (round) ck_assert_ptr_null(r);
        else ck_assert_str_eq(r->message, "exceeded quota: few");
    }
    expect_free(expect);
    refusals_free(refusals);
    kube_free(kube);
    kube_config_free(config);
    fakeapi_stop(api);
}
END_TEST

START_TEST(the_same_refusal_is_news_once) {
    ARENA_AUTO struct arena *a = arena_new();
    struct refusals *r = refusals_new();
    struct refusal what = {ACT_CREATE, KIND_POD, "p", "no"}, other = {ACT_CREATE, KIND_POD, "p", "still no"};
    ck_assert(refusals_note(r, "k", &what));
    ck_assert(!refusals_note(r, "k", &what));
    ck_assert(refusals_note(r, "other", &what));
    ck_assert(refusals_note(r, "k", &other));
    ck_assert_str_eq(refusals_get(r, a, "k")->message, "still no");
    refusals_clear(r, "k");
    ck_assert_ptr_null(refusals_get(r, a, "k"));
    ck_assert(refusals_note(r, "k", &other));
    refusals_free(r);
}
END_TEST

TEST_MAIN("controller/exec", a_refused_creation_cancels_nothing_but_others_of_its_kind, the_same_refusal_is_news_once)
