/* Whether API servers have been given a CA, against a fake one that has the four objects. */
#include "testing.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"
#include "fakeapi.h"
#include "manager/trust.h"

static struct fakeapi *api;
static struct kube_config *config;
static struct kube *kube;
static const char *annotation[TRUST_TARGETS], *ca[TRUST_TARGETS]; /* NULL: none */
static bool there[TRUST_TARGETS];
static bool forbidden;
static atomic_int whole; /* objects that were read with all they have */

static void answer(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    (void)ctx;
    ARENA_AUTO struct arena *a = arena_new();
    char accept[256];
    bool meta_only = strstr(fake_header(q, "Accept", accept, sizeof accept), "PartialObjectMetadata") != NULL;
    size_t i = 0;
    while (i < TRUST_TARGETS && !str_has_suffix(q->path, trust_targets[i].name)) i++;
    if (forbidden || i == TRUST_TARGETS) {
        fake_status(c, 403, "Forbidden", "you may not");
        return;
    }
    if (!there[i]) {
        fake_status(c, 404, "NotFound", "it is not there");
        return;
    }
    atomic_fetch_add(&whole, !meta_only);
    const char *notes = annotation[i] ? arena_printf(a, "\"%s\":\"x/y\"", annotation[i]) : "";
    const char *config_text = ca[i] ? arena_printf(a, "{\"caBundle\":\"%s\"}", ca[i]) : "{}";
    const char *rest = trust_targets[i].kind == KIND_CRD
        ? arena_printf(a, "\"spec\":{\"conversion\":{\"webhook\":{\"clientConfig\":%s}}}", config_text)
        : arena_printf(a, "\"webhooks\":[{\"clientConfig\":{\"caBundle\":\"Cg==\"}},{\"clientConfig\":%s}]", config_text);
    fake_reply(c, 200, NULL, arena_printf(a, "{\"metadata\":{\"name\":\"%s\",\"annotations\":{%s}}%s%s}", trust_targets[i].name,
                                          notes, meta_only ? "" : ",", meta_only ? "" : rest));
}

static void setup(void) {
    api = fakeapi_start(0, answer, NULL);
    kube = fakeapi_client(api, &(struct kube_opts){.user_agent = "t"}, &config);
    forbidden = false;
    atomic_store(&whole, 0);
    for (size_t i = 0; i < TRUST_TARGETS; i++) there[i] = true, annotation[i] = "cert-manager.io/inject-ca-from", ca[i] = "Q0E=";
}

static void teardown(void) {
    kube_free(kube);
    kube_config_free(config);
    fakeapi_stop(api);
}

START_TEST(all_have_a_ca) {
    struct err e = ERR_INIT;
    setup();
    ASSERT_OK(trust_injected(kube, &e));
    teardown();
}
END_TEST

START_TEST(each_is_looked_at) {
    setup();
    for (size_t i = 0; i < TRUST_TARGETS; i++) {
        struct err e = ERR_INIT;
        ca[i] = NULL;
        annotation[i] = i % 2 ? "cert-manager.io/inject-ca-from-secret" : "cert-manager.io/inject-ca-from";
        ck_assert_int_eq(trust_injected(kube, &e), -1);
        ck_assert_int_eq(e.code, ERR_NOT_FOUND);
        ck_assert_msg(strstr(e.msg, trust_targets[i].name) && strstr(e.msg, "cainjector"), "%s", e.msg);
        ca[i] = ""; /* as good as none */
        ck_assert_int_eq(trust_injected(kube, &e), -1);
        ca[i] = "Q0E=";
    }
    teardown();
}
END_TEST

/* Of what asks for no CA nobody knows when it gets one; and it is not read whole. */
START_TEST(who_does_not_ask_is_not_waited_for) {
    struct err e = ERR_INIT;
    setup();
    for (size_t i = 0; i < TRUST_TARGETS; i++) annotation[i] = i ? "cert-manager.io/issuer" : NULL, ca[i] = NULL;
    ASSERT_OK(trust_injected(kube, &e));
    ck_assert_int_eq(atomic_load(&whole), 0);
    for (size_t i = 0; i < TRUST_TARGETS; i++) there[i] = false;
    ASSERT_OK(trust_injected(kube, &e));
    ck_assert_int_eq(e.code, ERR_NONE);
    teardown();
}
END_TEST

START_TEST(who_may_not_look_is_told) {
    struct err e = ERR_INIT;
    setup();
    forbidden = true;
    ck_assert_int_eq(trust_injected(kube, &e), -1);
    ck_assert_int_eq(e.code, ERR_FORBIDDEN);
    teardown();
}
END_TEST

TEST_MAIN("trust", all_have_a_ca, each_is_looked_at, who_does_not_ask_is_not_waited_for, who_may_not_look_is_told)
