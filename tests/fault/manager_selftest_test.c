/* --self-test against API servers with and without working webhooks. */
#include "testing.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "fakeapi.h"
#include "manager/selftest.h"

#define META \
    "\"metadata\":{\"name\":\"rbgs-self-test\",\"annotations\":{\"rbg.workloads.x-k8s.io/discovery-config-mode\":\"refine\"}}"

/* What the API server's webhooks do. */
static struct behaviour { bool defaults, validates, converts; } behaviour;
static atomic_int not_dry;

static void answer(void *ctx, struct fake_conn *c, const struct fake_request *q) {
    (void)ctx;
    char text[1024];
    bool old = strstr(q->path, "/v1alpha1/") != NULL;
    if (!strstr(q->query, "dryRun=All") || strcmp(q->method, "POST") != 0) atomic_fetch_add(&not_dry, 1);
    if (strstr(q->body, "nobody") && behaviour.validates) {
        fake_status(c, 422, "Invalid", "admission webhook denied the request: spec.roles[0].dependencies[0]: Not found");
    } else {
        snprintf(text, sizeof text, "{\"apiVersion\":\"workloads.x-k8s.io/%s\",%s,\"spec\":{\"roles\":[{\"%s\":{}}]}}",
                 old && behaviour.converts ? "v1alpha1" : "v1alpha2", behaviour.defaults ? META : "\"metadata\":{}",
                 old && behaviour.converts ? "template" : "standalonePattern");
        fake_reply(c, 201, NULL, text);
    }
}

/* Runs it; the report's text goes to `report`. */
static int self_test(struct behaviour b, char *report, size_t size) {
    struct kube_config *config;
    behaviour = b;
    struct fakeapi *api = fakeapi_start(0, answer, NULL);
    struct kube *k = fakeapi_client(api, &(struct kube_opts){.user_agent = "test"}, &config);
    FILE *out = fmemopen(report, size, "w");
    ck_assert_ptr_nonnull(out);
    int failed = selftest_run(k, "ns", out);
    fclose(out);
    kube_free(k);
    kube_config_free(config);
    fakeapi_stop(api);
    ck_assert_int_eq(atomic_load(&not_dry), 0);
    return failed;
}

START_TEST(a_whole_installation_passes) {
    char report[2048] = "";
    ck_assert_int_eq(self_test((struct behaviour){true, true, true}, report, sizeof report), 0);
    ck_assert_ptr_nonnull(strstr(report, "3 passed, 0 failed"));
}
END_TEST

START_TEST(each_missing_webhook_is_named) {
    static const struct { struct behaviour b; int failed; const char *says; } cases[] = {
        {{false, true, true}, 2, "is the mutating configuration there?"},
        {{true, false, true}, 1, "is the validating configuration there?"},
        {{true, true, false}, 1, "is the CRD's conversion webhook there?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char report[2048] = "";
        ck_assert_int_eq(self_test(cases[i].b, report, sizeof report), cases[i].failed);
        ck_assert_ptr_nonnull(strstr(report, cases[i].says));
    }
}
END_TEST

TEST_MAIN("selftest", a_whole_installation_passes, each_missing_webhook_is_named)
