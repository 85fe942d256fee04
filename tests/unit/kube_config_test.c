#include "testing.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/kube/config.h"

static char dir[64];
static struct err e;

static const char *file(const char *name) {
    static char path[4][128];
    static unsigned n;
    char *p = path[n++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", dir, name);
    return p;
}

static void put(const char *name, const char *text) {
    FILE *f = fopen(file(name), "w");
    ck_assert_ptr_nonnull(f);
    fputs(text, f);
    fclose(f);
}

static void setup(void) {
    strcpy(dir, "/tmp/rbg-config-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    unsetenv("KUBECONFIG");
    unsetenv("KUBERNETES_SERVICE_HOST");
    unsetenv("KUBERNETES_SERVICE_PORT");
    setenv("HOME", dir, 1);
    e = ERR_INIT;
}

static void cleanup(void) {
    static const char *const names[] = {"config", "other", "ca.pem", "cert.pem", "key.pem", "token", "ca.crt",
                                        "namespace", ".kube/config", ".kube"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) remove(file(names[i]));
    rmdir(dir);
}

static struct kube_config *load(const char *text) {
    put("config", text);
    return kube_config_load(file("config"), NULL, &e);
}

#define CONTEXT "current-context: c\ncontexts: [{name: c, context: {cluster: s, user: u, namespace: team}}]\n"
#define CLUSTER(x) "clusters: [{name: s, cluster: {server: 'https://h:1', " x "}}]\n"
#define USER(x) "users: [{name: u, user: {" x "}}]\n"

static void same_text(const char *path, const char *want) {
    ARENA_AUTO struct arena *a = arena_new();
    char *text = kube_read_file(a, path, NULL, false, &e);
    ck_assert_msg(text != NULL, "%s", e.msg);
    ck_assert_str_eq(text, want);
}

START_TEST(test_inline_data) {
    setup();
    struct kube_config *c = load(CONTEXT CLUSTER("certificate-authority-data: Q0EK, tls-server-name: api.example")
                                 USER("client-certificate-data: \"Q0\\nVSVAo=\", client-key-data: S0VZCg==, token: t"));
    ck_assert_msg(c != NULL, "%s", e.msg);
    ck_assert_str_eq(kube_config_server(c), "https://h:1");
    ck_assert_str_eq(kube_config_namespace(c), "team");
    ck_assert_str_eq(c->tls_server_name, "api.example");
    ck_assert_str_eq(c->token, "t");
    same_text(c->ca_file, "CA\n");
    same_text(c->cert_file, "CERT\n");
    same_text(c->key_file, "KEY\n");
    char gone[64];
    snprintf(gone, sizeof gone, "%s", c->key_file);
    kube_config_free(c);
    ck_assert_int_ne(access(gone, F_OK), 0); /* the key died with the configuration */
    cleanup();
}
END_TEST

START_TEST(test_paths_are_relative_to_the_file) {
    setup();
    put("ca.pem", "x");
    put("cert.pem", "y");
    put("key.pem", "z");
    struct kube_config *c = load(CONTEXT CLUSTER("certificate-authority: ca.pem")
                                 USER("client-certificate: cert.pem, client-key: key.pem, tokenFile: token"));
    ck_assert_msg(c != NULL, "%s", e.msg);
    ck_assert_str_eq(c->ca_file, file("ca.pem"));
    ck_assert_str_eq(c->key_file, file("key.pem"));
    ck_assert_str_eq(c->token_file, file("token"));
    kube_config_free(c);
    cleanup();
}
END_TEST

START_TEST(test_named_context_and_json) {
    setup();
    put("config", "{\"current-context\": \"none\", \"contexts\": [{\"name\": \"d\", \"context\": {\"cluster\": \"s\"}}],"
                  "\"clusters\": [{\"name\": \"s\", \"cluster\": {\"server\": \"http://x\", "
                  "\"insecure-skip-tls-verify\": true}}]}");
    struct kube_config *c = kube_config_load(file("config"), "d", &e);
    ck_assert_msg(c != NULL, "%s", e.msg);
    ck_assert(c->insecure);
    ck_assert_str_eq(kube_config_namespace(c), "default");
    kube_config_free(c);
    cleanup();
}
END_TEST

static void refused(const char *text, const char *part) {
    e = ERR_INIT;
    struct kube_config *c = load(text);
    ck_assert_msg(c == NULL, "accepted: %s", text);
    ck_assert_msg(strstr(e.msg, part) != NULL, "wanted \"%s\" in: %s", part, e.msg);
    ck_assert_msg(strstr(e.msg, file("config")) != NULL, "the file is not named: %s", e.msg);
}

START_TEST(test_errors_name_the_file_and_the_field) {
    setup();
    refused("", "the file is empty");
    refused("- a\n", "no mapping");
    refused("a: b\n---\nc: d\n", "several documents");
    refused("a: [", "kubeconfig");
    refused("kind: Config\n", "current-context: not set");
    refused("current-context: x\ncontexts: [{name: c, context: {cluster: s}}]\n", "contexts[name=x]: no such entry");
    refused("current-context: c\ncontexts: [{name: c}]\n", "contexts[name=c].context: is missing");
    refused("current-context: c\ncontexts: [{name: c, context: {user: s}}]\n", "contexts[name=c].context.cluster: missing");
    refused(CONTEXT "clusters: []\n", "clusters[name=s]: no such entry");
    refused(CONTEXT "clusters: [{name: s, cluster: {namespace: x}}]\n", "clusters[name=s].cluster.server: missing");
    refused(CONTEXT "clusters: [{name: s, cluster: {server: 5}}]\n",
            "clusters[name=s].cluster.server: a string is expected, not a number");
    refused(CONTEXT CLUSTER("certificate-authority-data: '***'"), "certificate-authority-data: not base64");
    refused(CONTEXT CLUSTER("certificate-authority: missing.pem"), "missing.pem: No such file");
    refused(CONTEXT CLUSTER("insecure-skip-tls-verify: true, certificate-authority-data: Q0EK"), "remove one of them");
    refused(CONTEXT CLUSTER("") "users: []\n", "users[name=u]: no such entry");
    refused(CONTEXT CLUSTER("") USER("client-certificate-data: Q0EK"), "client-key is missing");
    refused(CONTEXT CLUSTER("") USER("username: a, password: b"), "no longer part of Kubernetes");
    refused(CONTEXT CLUSTER("") USER("exec: {apiVersion: client.authentication.k8s.io/v1}"), "exec.command: missing");
    refused(CONTEXT CLUSTER("") USER("exec: {command: x, apiVersion: v2}"), "exec.apiVersion: \"v2\"");
    cleanup();
}
END_TEST

START_TEST(test_where_it_is_looked_for) {
    setup();
    char both[300];
    ck_assert_ptr_null(kube_config_load("", NULL, &e));
    ck_assert_msg(strstr(e.msg, ".kube/config does not exist") != NULL, "%s", e.msg);
    ck_assert_ptr_null(kube_config_load(file("nowhere"), NULL, &e));
    ck_assert_msg(strstr(e.msg, "nowhere: No such file") != NULL, "%s", e.msg);
    setenv("KUBECONFIG", file("nowhere"), 1);
    ck_assert_ptr_null(kube_config_load(NULL, NULL, &e));
    ck_assert_msg(strstr(e.msg, "none of these files exists") != NULL, "%s", e.msg);
    put("other", CONTEXT CLUSTER("") USER("token: from-env"));
    snprintf(both, sizeof both, "%s:%s", file("nowhere"), file("other"));
    setenv("KUBECONFIG", both, 1);
    struct kube_config *c = kube_config_load(NULL, NULL, &e);
    ck_assert_msg(c != NULL, "%s", e.msg);
    ck_assert_str_eq(c->token, "from-env");
    kube_config_free(c);
    unsetenv("KUBECONFIG");
    ck_assert_int_eq(mkdir(file(".kube"), 0700), 0);
    put(".kube/config", CONTEXT CLUSTER("") USER("token: from-home"));
    c = kube_config_load(NULL, NULL, &e);
    ck_assert_msg(c != NULL, "%s", e.msg);
    ck_assert_str_eq(c->token, "from-home");
    kube_config_free(c);
    cleanup();
}
END_TEST

START_TEST(test_in_cluster) {
    setup();
    ck_assert_ptr_null(kube_config_in_cluster(dir, &e));
    setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    ck_assert_ptr_null(kube_config_in_cluster(dir, &e));
    ck_assert_msg(strstr(e.msg, "service account") && strstr(e.msg, "/token"), "%s", e.msg);
    put("token", "tok\n");
    put("ca.crt", "ca");
    put("namespace", "mine\n");
    struct kube_config *c = kube_config_in_cluster(dir, &e);
    ck_assert_msg(c != NULL, "%s", e.msg);
    ck_assert_str_eq(kube_config_server(c), "https://[fd00::1]:443");
    ck_assert_str_eq(kube_config_namespace(c), "mine");
    ck_assert_str_eq(c->token_file, file("token"));
    kube_config_free(c);
    cleanup();
}
END_TEST

TEST_MAIN("kube/config", test_inline_data, test_paths_are_relative_to_the_file, test_named_context_and_json,
          test_errors_name_the_file_and_the_field, test_where_it_is_looked_for, test_in_cluster)
