/* Running an exec plugin. Hides the process: its standard output is a pipe that is read until it closes, its standard error
 * is ours, so that what it asks or complains about reaches the user. No state; the calling thread waits. */
#include "exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define TIMEOUT_MS 60000
#define OUTPUT_MAX ((size_t)1 << 20)

extern char **environ;

static char *exec_info(struct arena *a, const struct kube_config *c) {
    struct jv *info = jv_new_obj(a), *spec;
    jv_set_str(a, info, "kind", "ExecCredential");
    jv_set_str(a, info, "apiVersion", c->exec->api_version);
    spec = jv_need_obj(a, info, "spec");
    jv_set_bool(a, spec, "interactive", isatty(STDIN_FILENO) == 1);
    if (c->exec->provide_cluster_info) {
        struct jv *cluster = jv_need_obj(a, spec, "cluster");
        jv_set_str(a, cluster, "server", c->server);
        jv_set_str(a, cluster, "certificate-authority-data", c->ca_data);
        jv_set_str(a, cluster, "tls-server-name", c->tls_server_name);
        if (c->insecure) jv_set_bool(a, cluster, "insecure-skip-tls-verify", true);
    }
    return json_text(a, info);
}

/* Ours, then the plugin's, then the info: getenv in the child finds the last of equal names only if the earlier ones are
 * dropped. */
static char **environment(struct arena *a, const struct kube_config *c) {
    size_t n = 0, extra = 0;
    while (environ[n]) n++;
    while (c->exec->env[extra]) extra++;
    char **env = ARENA_ARRAY(a, n + extra + 2, char *);
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        size_t name = strcspn(environ[i], "=") + 1;
        bool replaced = str_has_prefix(environ[i], "KUBERNETES_EXEC_INFO=");
        for (size_t j = 0; j < extra; j++) replaced |= strncmp(environ[i], c->exec->env[j], name) == 0;
        if (!replaced) env[k++] = environ[i];
    }
    for (size_t j = 0; j < extra; j++) env[k++] = c->exec->env[j];
    env[k] = arena_printf(a, "KUBERNETES_EXEC_INFO=%s", exec_info(a, c));
    return env;
}

static int spawn(struct arena *a, const struct kube_config *c, int out_fd, pid_t *pid, struct err *e) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    sigemptyset(&none);
    if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attr) != 0) abort();
    posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    int rc = posix_spawnp(pid, c->exec->command, &actions, &attr, c->exec->args, environment(a, c));
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    if (rc == 0) return 0;
    const char *hint = c->exec->install_hint;
    return err_set(e, ERR_UNAUTHORIZED, "credential plugin %s: %s%s%s", c->exec->command, strerror(rc), hint ? "\n" : "",
                   hint ? hint : "");
}

static int read_output(int fd, const char *command, struct buf *out, struct err *e) {
    int64_t end = clock_mono_ms(clock_real()) + TIMEOUT_MS;
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = end - clock_mono_ms(clock_real());
        int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0)
            return err_set(e, ERR_UNAUTHORIZED, "credential plugin %s: no answer within %d s", command, TIMEOUT_MS / 1000);
        buf_reserve(out, 4096);
        ssize_t n = read(fd, out->s + out->len, out->cap - out->len - 1);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return 0;
        out->len += (size_t)n;
        out->s[out->len] = '\0';
        if (out->len > OUTPUT_MAX)
            return err_set(e, ERR_UNAUTHORIZED, "credential plugin %s: it prints too much", command);
    }
}

static int reap(pid_t pid, bool failed, const char *command, struct err *e) {
    int status = 0;
    if (failed) kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    if (failed) return -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
    if (WIFEXITED(status))
        return err_set(e, ERR_UNAUTHORIZED, "credential plugin %s: exit code %d", command, WEXITSTATUS(status));
    return err_set(e, ERR_UNAUTHORIZED, "credential plugin %s: killed by signal %d", command, WTERMSIG(status));
}

static int run(struct arena *a, const struct kube_config *c, struct buf *out, struct err *e) {
    int fds[2];
    pid_t pid;
    if (pipe2(fds, O_CLOEXEC) != 0) return err_set(e, ERR_IO, "pipe: %s", strerror(errno));
    int rc = spawn(a, c, fds[1], &pid, e);
    close(fds[1]);
    if (rc == 0) {
        bool failed = read_output(fds[0], c->exec->command, out, e) != 0;
        close(fds[0]);
        return reap(pid, failed, c->exec->command, e);
    }
    close(fds[0]);
    return rc;
}

static int read_status(struct arena *a, const struct kube_config *c, const struct jv *doc, struct exec_result *out,
                       struct err *e) {
    const struct jv *status = jv_get(doc, "status");
    const char *expires = jv_get_str(status, "expirationTimestamp"), *version = jv_get_str(doc, "apiVersion");
    if (!str_eq(version, c->exec->api_version))
        return err_set(e, ERR_UNAUTHORIZED, "credential plugin %s: it printed apiVersion %s, %s was asked for",
                       c->exec->command, version ? version : "(none)", c->exec->api_version);
    out->token = arena_strdup(a, jv_get_str(status, "token"));
    out->cert = arena_strdup(a, jv_get_str(status, "clientCertificateData"));
    out->key = arena_strdup(a, jv_get_str(status, "clientKeyData"));
    if (!out->cert != !out->key || (!out->cert && !out->token))
        return err_set(e, ERR_UNAUTHORIZED, "credential plugin %s: status has neither a token nor a certificate with its key",
                       c->exec->command);
    if (expires && time_parse_rfc3339(expires, &out->expires_ms) != 0)
        return err_set(e, ERR_UNAUTHORIZED, "credential plugin %s: status.expirationTimestamp %s is no time",
                       c->exec->command, expires);
    return 0;
}

int exec_run(struct arena *a, const struct kube_config *c, struct exec_result *out, struct err *e) {
    BUF_AUTO struct buf text = BUF_INIT;
    if (run(a, c, &text, e) != 0) return -1;
    const struct jv *doc = json_parse(a, buf_str(&text), text.len, NULL, e);
    if (!doc) return err_wrap(e, "credential plugin %s", c->exec->command);
    return read_status(a, c, doc, out, e);
}
