/* Three requests through the API server, the way a user's apply goes: it calls the webhooks through their Service, over TLS, with
 * the CA that it was given. What the API server does without webhooks (schema defaults) proves nothing, so each expectation
 * names something that only a webhook can have done. */
#include "manager/selftest.h"

#include <string.h>

#include "api/names.h"
#include "base/str.h"

#define GROUP "workloads.x-k8s.io"
#define CONTAINERS "{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"rbgs-self-test\"}]}}"

static const char HEAD[] = "{\"apiVersion\":\"" GROUP "/%s\",\"kind\":\"RoleBasedGroup\","
                           "\"metadata\":{\"name\":\"rbgs-self-test\"},\"spec\":{\"roles\":[{\"name\":\"a\",%s}]}}";

static const struct step {
    const char *what, *version, *role;
    bool refused; /* else created */
} steps[] = {
    {"defaulted", "v1alpha2", "\"standalonePattern\":{\"template\":" CONTAINERS "}", false},
    {"validated", "v1alpha2", "\"dependencies\":[\"nobody\"],\"standalonePattern\":{\"template\":" CONTAINERS "}", true},
    {"converted", "v1alpha1",
     "\"workload\":{\"apiVersion\":\"" GROUP "/v1alpha2\",\"kind\":\"RoleInstanceSet\"},\"template\":" CONTAINERS, false},
};
#define NSTEPS (sizeof steps / sizeof *steps)

static int create(struct kube *kube, const char *ns, struct arena *a, const struct step *s, struct jv **answer, struct err *e) {
    char *body = arena_printf(a, HEAD, s->version, s->role);
    char *path = arena_printf(a, "/apis/" GROUP "/%s/namespaces/%s/rolebasedgroups", s->version, ns);
    struct kube_request q = {.method = "POST", .path = path, .query = "dryRun=All", .body = body, .len = strlen(body)};
    return kube_ask(kube, &q, a, answer, e);
}

/* The mutating webhook writes an annotation, which no schema can; a v1alpha1 role keeps its template under its old name only when
 * it was converted back. */
static int check_created(const struct step *s, const struct jv *answer, struct err *e) {
    const struct jv *role = jv_idx(jv_path(answer, "spec", "roles", (char *)0), 0);
    if (!jv_path(answer, "metadata", "annotations", A_DISCOVERY_MODE, (char *)0))
        return err_set(e, ERR_INVALID, "the group came back without the webhook's defaults: is the mutating configuration there?");
    const char *template = str_eq(s->version, "v1alpha1") ? "template" : "standalonePattern";
    if (!str_has_suffix(jv_str(jv_get(answer, "apiVersion"), ""), s->version) || !jv_get(role, template))
        return err_set(e, ERR_INVALID, "the group came back without %s: is the CRD's conversion webhook there?", template);
    return 0;
}

static int run_step(struct kube *kube, const char *ns, const struct step *s, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    struct jv *answer = NULL;
    int rc = create(kube, ns, a, s, &answer, e);
    if (!s->refused) return rc ? -1 : check_created(s, answer, e);
    if (rc == 0)
        return err_set(e, ERR_INVALID, "a group with a dependency on a role that it does not have was accepted: is the validating "
                       "configuration there?");
    return strstr(e->msg, "spec.roles[0].dependencies[0]") ? 0 : -1;
}

int selftest_run(struct kube *kube, const char *ns, FILE *out) {
    int failed = 0;
    for (size_t i = 0; i < NSTEPS; i++) {
        struct err e = ERR_INIT;
        bool ok = run_step(kube, ns, &steps[i], &e) == 0;
        if (ok) fprintf(out, "ok    a %s group is %s\n", steps[i].version, steps[i].what);
        else fprintf(out, "FAIL  a %s group is %s: %s\n", steps[i].version, steps[i].what, e.msg);
        failed += !ok;
    }
    fprintf(out, "%zu passed, %d failed\n", NSTEPS - (size_t)failed, failed);
    return failed;
}
