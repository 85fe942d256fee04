/* Where the API server is and who we are. Hides the kubeconfig format. Everything a configuration says lives in its
 * arena; inline certificates and keys become anonymous files in memory (the TLS library of Debian's curl reads files only),
 * which die with the configuration. Immutable after loading, so any thread may read it. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/str.h"
#include "doc/yaml.h"

#define SERVICE_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
#define FILE_MAX ((size_t)4 << 20)

/* ---- files ---- */

static int read_all(int fd, struct buf *out) {
    for (;;) {
        buf_reserve(out, 4096);
        ssize_t n = read(fd, out->s + out->len, out->cap - out->len - 1);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) return 0;
        out->len += (size_t)n;
        out->s[out->len] = '\0';
        if (out->len > FILE_MAX) {
            errno = EFBIG;
            return -1;
        }
    }
}

char *kube_read_file(struct arena *a, const char *path, size_t *len, bool trim, struct err *e) {
    BUF_AUTO struct buf b = BUF_INIT;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read_all(fd, &b) != 0) {
        int sys = errno;
        if (fd >= 0) close(fd);
        err_set(e, ERR_IO, "%s: %s", path, strerror(sys));
        if (e) e->sys = sys;
        return NULL;
    }
    close(fd);
    while (trim && b.len && strchr(" \t\r\n", b.s[b.len - 1])) b.len--;
    if (len) *len = b.len;
    return arena_strndup(a, buf_str(&b), b.len);
}

int kube_memory_file(struct arena *a, const char *name, const void *data, size_t len, char **path, struct err *e) {
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0) return err_set(e, ERR_IO, "can't make a file in memory for %s: %s", name, strerror(errno));
    for (size_t at = 0; at < len;) {
        ssize_t n = write(fd, (const char *)data + at, len - at);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            err_set(e, ERR_IO, "can't write a file in memory for %s: %s", name, strerror(errno));
            close(fd);
            return -1;
        }
        at += (size_t)n;
    }
    *path = arena_printf(a, "/proc/self/fd/%d", fd);
    return fd;
}

/* ---- kubeconfig ---- */

struct loader {
    struct kube_config *c;
    const char *file;
    struct jv *doc;
    struct err *e;
};

static bool exists(const char *path) { return access(path, F_OK) == 0; }

static char *beside(struct loader *l, const char *path) {
    const char *slash = strrchr(l->file, '/');
    if (path[0] == '/' || !slash) return arena_strdup(l->c->a, path);
    return arena_printf(l->c->a, "%.*s/%s", (int)(slash - l->file), l->file, path);
}

/* The member `inner` of the element of list `list` with this name. */
static int find_named(struct loader *l, const char *list, const char *inner, const char *name, const char *wanted_by,
                      struct jv **out) {
    const struct jv *el = jv_find(jv_get(l->doc, list), "name", name);
    *out = jv_get(el, inner);
    if (jv_is(*out, J_OBJ)) return 0;
    return err_set(l->e, ERR_INVALID, "%s: %s[name=%s]%s%s: %s, but %s names it", l->file, list, name, el ? "." : "",
                   el ? inner : "", el ? "is missing" : "no such entry", wanted_by);
}

/* A string member; *out stays NULL when it is absent or empty. */
static int get_text(struct loader *l, const struct jv *obj, const char *where, const char *key, char **out) {
    const struct jv *v = jv_get(obj, key);
    if (jv_is_empty(v)) return 0;
    if (!jv_is(v, J_STR))
        return err_set(l->e, ERR_INVALID, "%s: %s.%s: a string is expected, not a %s", l->file, where, key,
                       jv_type_name(v));
    *out = arena_strdup(l->c->a, jv_str(v, ""));
    return 0;
}

/* Certificates and keys come as a path (`key`) or inline (`key`-data, which wins). */
static int get_pem(struct loader *l, const struct jv *obj, const char *where, const char *key, int slot, char **path) {
    struct arena *a = l->c->a;
    char *data = NULL, *file = NULL, *data_key = arena_printf(a, "%s-data", key);
    if (get_text(l, obj, where, data_key, &data) != 0 || get_text(l, obj, where, key, &file) != 0) return -1;
    if (data) {
        size_t len = 0;
        char *pem = base64_decode(a, data, &len);
        if (!pem)
            return err_set(l->e, ERR_INVALID, "%s: %s.%s: not base64; give the PEM text in base64, or a path in %s",
                           l->file, where, data_key, key);
        l->c->fds[slot] = kube_memory_file(a, key, pem, len, path, l->e);
        return l->c->fds[slot] < 0 ? -1 : 0;
    }
    if (!file) return 0;
    *path = beside(l, file);
    if (access(*path, R_OK) == 0) return 0;
    return err_set(l->e, ERR_INVALID, "%s: %s.%s: can't read %s: %s", l->file, where, key, *path, strerror(errno));
}

static int load_cluster(struct loader *l, const struct jv *cluster, const char *where) {
    struct kube_config *c = l->c;
    if (get_text(l, cluster, where, "server", &c->server) != 0 ||
        get_text(l, cluster, where, "tls-server-name", &c->tls_server_name) != 0 ||
        get_text(l, cluster, where, "proxy-url", &c->proxy_url) != 0 ||
        get_pem(l, cluster, where, "certificate-authority", 0, &c->ca_file) != 0)
        return -1;
    if (!c->server)
        return err_set(l->e, ERR_INVALID, "%s: %s.server: missing; write https://<host>:<port>", l->file, where);
    c->ca_data = arena_strdup(c->a, jv_get_str(cluster, "certificate-authority-data"));
    c->insecure = jv_get_bool(cluster, "insecure-skip-tls-verify", false);
    if (c->insecure && c->ca_file)
        return err_set(l->e, ERR_INVALID, "%s: %s: insecure-skip-tls-verify together with a certificate authority; "
                       "remove one of them", l->file, where);
    return 0;
}

static int exec_list(struct loader *l, const struct jv *v, const char *where, const char *first, char ***out) {
    size_t n = 0;
    *out = ARENA_ARRAY(l->c->a, jv_len(v) + 2, char *);
    if (first) (*out)[n++] = arena_strdup(l->c->a, first);
    JV_FOR_ARR(it, v) {
        const char *name = jv_get_str(*it, "name"), *value = jv_get_str(*it, "value");
        if (jv_is(*it, J_STR)) (*out)[n++] = arena_strdup(l->c->a, jv_str(*it, ""));
        else if (name && value) (*out)[n++] = arena_printf(l->c->a, "%s=%s", name, value);
        else return err_set(l->e, ERR_INVALID, "%s: %s: a string or {name, value} is expected", l->file, where);
    }
    return 0;
}

static int load_exec(struct loader *l, const struct jv *exec, const char *where) {
    struct kube_exec *x = ARENA_NEW(l->c->a, struct kube_exec);
    char *command = NULL;
    if (get_text(l, exec, where, "command", &command) != 0 ||
        get_text(l, exec, where, "apiVersion", &x->api_version) != 0 ||
        get_text(l, exec, where, "installHint", &x->install_hint) != 0)
        return -1;
    if (!command) return err_set(l->e, ERR_INVALID, "%s: %s.command: missing", l->file, where);
    if (!x->api_version || !str_has_prefix(x->api_version, "client.authentication.k8s.io/v1"))
        return err_set(l->e, ERR_INVALID, "%s: %s.apiVersion: \"%s\"; client.authentication.k8s.io/v1 is expected",
                       l->file, where, x->api_version ? x->api_version : "");
    /* as the shell does: a name with a slash is a path, relative to the file; a bare name is searched in $PATH */
    x->command = strchr(command, '/') ? beside(l, command) : command;
    x->provide_cluster_info = jv_get_bool(exec, "provideClusterInfo", false);
    l->c->exec = x;
    if (exec_list(l, jv_get(exec, "args"), arena_printf(l->c->a, "%s.args", where), x->command, &x->args) != 0)
        return -1;
    return exec_list(l, jv_get(exec, "env"), arena_printf(l->c->a, "%s.env", where), NULL, &x->env);
}

static int load_user(struct loader *l, const struct jv *user, const char *where) {
    struct kube_config *c = l->c;
    char *token_file = NULL;
    if (jv_get(user, "auth-provider") || jv_get(user, "username"))
        return err_set(l->e, ERR_INVALID, "%s: %s: auth-provider and username/password are no longer part of "
                       "Kubernetes; use exec, token or a client certificate", l->file, where);
    if (get_text(l, user, where, "token", &c->token) != 0 || get_text(l, user, where, "tokenFile", &token_file) != 0 ||
        get_pem(l, user, where, "client-certificate", 1, &c->cert_file) != 0 ||
        get_pem(l, user, where, "client-key", 2, &c->key_file) != 0)
        return -1;
    if (token_file) c->token_file = beside(l, token_file);
    if (!c->cert_file != !c->key_file)
        return err_set(l->e, ERR_INVALID, "%s: %s: client-certificate and client-key belong together, %s is missing",
                       l->file, where, c->cert_file ? "client-key" : "client-certificate");
    const struct jv *exec = jv_get(user, "exec");
    return jv_is(exec, J_OBJ) ? load_exec(l, exec, arena_printf(c->a, "%s.exec", where)) : 0;
}

static int parse_file(struct loader *l) {
    struct jv **docs;
    size_t n, len;
    char *text = kube_read_file(l->c->a, l->file, &len, false, l->e);
    if (!text) return err_wrap(l->e, "kubeconfig");
    if (yaml_parse_all(l->c->a, text, len, &docs, &n, l->e) != 0) return err_wrap(l->e, "kubeconfig %s", l->file);
    if (n == 1 && jv_is(docs[0], J_OBJ)) {
        l->doc = docs[0];
        return 0;
    }
    return err_set(l->e, ERR_INVALID, "%s: no kubeconfig: %s", l->file,
                   n == 0 ? "the file is empty" : n > 1 ? "it holds several documents" : "it is no mapping");
}

static int load_context(struct loader *l, const char *context) {
    struct arena *a = l->c->a;
    struct jv *ctx, *cluster, *user;
    char *cluster_name = NULL, *user_name = NULL;
    if (str_empty(context)) context = jv_get_str(l->doc, "current-context");
    if (str_empty(context))
        return err_set(l->e, ERR_INVALID, "%s: current-context: not set; run kubectl config use-context, or name a context",
                       l->file);
    if (find_named(l, "contexts", "context", context, "current-context or the command line", &ctx) != 0) return -1;
    char *where = arena_printf(a, "contexts[name=%s].context", context);
    if (get_text(l, ctx, where, "cluster", &cluster_name) != 0 || get_text(l, ctx, where, "user", &user_name) != 0 ||
        get_text(l, ctx, where, "namespace", &l->c->ns) != 0)
        return -1;
    if (!cluster_name) return err_set(l->e, ERR_INVALID, "%s: %s.cluster: missing", l->file, where);
    if (find_named(l, "clusters", "cluster", cluster_name, where, &cluster) != 0 ||
        load_cluster(l, cluster, arena_printf(a, "clusters[name=%s].cluster", cluster_name)) != 0)
        return -1;
    if (!user_name) return 0; /* anonymous */
    if (find_named(l, "users", "user", user_name, where, &user) != 0) return -1;
    return load_user(l, user, arena_printf(a, "users[name=%s].user", user_name));
}

static struct kube_config *config_new(void) {
    struct arena *a = arena_new();
    struct kube_config *c = ARENA_NEW(a, struct kube_config);
    *c = (struct kube_config){.refs = 1, .a = a, .fds = {-1, -1, -1}};
    return c;
}

static struct kube_config *load_file(const char *path, const char *context, struct err *e) {
    struct kube_config *c = config_new();
    struct loader l = {.c = c, .file = path, .e = e};
    if (parse_file(&l) == 0 && load_context(&l, context) == 0) return c;
    kube_config_free(c);
    return NULL;
}

/* ---- in the cluster ---- */

static int in_cluster(struct kube_config *c, const char *dir, struct err *e) {
    const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
    if (str_empty(host) || str_empty(port))
        return err_set(e, ERR_INVALID, "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set");
    c->server = arena_printf(c->a, strchr(host, ':') ? "https://[%s]:%s" : "https://%s:%s", host, port);
    c->token_file = arena_printf(c->a, "%s/token", dir);
    c->ca_file = arena_printf(c->a, "%s/ca.crt", dir);
    if (!kube_read_file(c->a, c->token_file, NULL, true, e) || !kube_read_file(c->a, c->ca_file, NULL, true, e))
        return err_wrap(e, "service account");
    c->ns = kube_read_file(c->a, arena_printf(c->a, "%s/namespace", dir), NULL, true, NULL);
    return 0;
}

struct kube_config *kube_config_in_cluster(const char *dir, struct err *e) {
    struct kube_config *c = config_new();
    if (in_cluster(c, dir, e) == 0) return c;
    kube_config_free(c);
    return NULL;
}

/* ---- the order ---- */

static struct kube_config *load_env(const char *list, const char *context, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    char *save = NULL;
    for (char *p = strtok_r(arena_strdup(a, list), ":", &save); p; p = strtok_r(NULL, ":", &save))
        if (exists(p)) return load_file(p, context, e);
    err_set(e, ERR_INVALID, "$KUBECONFIG: none of these files exists: %s", list);
    return NULL;
}

struct kube_config *kube_config_load(const char *path, const char *context, struct err *e) {
    ARENA_AUTO struct arena *a = arena_new();
    const char *env = getenv("KUBECONFIG"), *home = getenv("HOME");
    if (!str_empty(path)) return load_file(path, context, e);
    if (!str_empty(env)) return load_env(env, context, e);
    if (!str_empty(getenv("KUBERNETES_SERVICE_HOST")) && exists(SERVICE_ACCOUNT_DIR "/token"))
        return kube_config_in_cluster(SERVICE_ACCOUNT_DIR, e);
    const char *dflt = arena_printf(a, "%s/.kube/config", str_empty(home) ? "" : home);
    if (exists(dflt)) return load_file(dflt, context, e);
    err_set(e, ERR_INVALID, "no cluster is configured: %s does not exist, $KUBECONFIG is not set, and this is no pod with a "
            "service account; give --kubeconfig", dflt);
    return NULL;
}

const struct kube_config *kube_config_ref(const struct kube_config *c) {
    __atomic_fetch_add(&((struct kube_config *)(uintptr_t)c)->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void kube_config_free(struct kube_config *c) {
    if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    for (size_t i = 0; i < sizeof c->fds / sizeof c->fds[0]; i++)
        if (c->fds[i] >= 0) close(c->fds[i]);
    arena_free(c->a);
}

const char *kube_config_namespace(const struct kube_config *c) { return str_empty(c->ns) ? "default" : c->ns; }

const char *kube_config_server(const struct kube_config *c) { return c->server; }
