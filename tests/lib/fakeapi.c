/* The fake API server. One thread accepts, one thread for each connection reads requests and calls the handler. `lock`
 * guards the list of connections and the counters; a connection's other members belong to its thread. Stopping shuts all
 * sockets, which ends every read and every sleep. */
#include "fakeapi.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/must.h"

#define HEAD_MAX 16384

struct fake_conn {
    struct fake_conn *next;
    struct fakeapi *f;
    pthread_t thread;
    int fd, serial;
    bool cut;
    char head[HEAD_MAX];
};

struct fakeapi {
    int listener, port;
    char url[64];
    fake_handler fn;
    void *ctx;
    pthread_t thread;
    pthread_mutex_t lock;
    struct fake_conn *conns;
    int nconns, nrequests;
    bool stop;
};

static void lock(struct fakeapi *f) {
    if (pthread_mutex_lock(&f->lock) != 0) abort();
}

static void unlock(struct fakeapi *f) {
    if (pthread_mutex_unlock(&f->lock) != 0) abort();
}

/* ---- answers ---- */

void fake_raw(struct fake_conn *c, const char *data, size_t len) {
    while (len && !c->cut) {
        ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL);
        if (n <= 0) {
            c->cut = true;
            return;
        }
        data += n;
        len -= (size_t)n;
    }
}

void fake_text(struct fake_conn *c, const char *data) { fake_piece(c, data, strlen(data)); }

void fake_reply(struct fake_conn *c, int status, const char *extra, const char *body) {
    char head[1024];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n", status,
                     extra ? extra : "", strlen(body));
    fake_raw(c, head, (size_t)n);
    fake_raw(c, body, strlen(body));
}

void fake_status(struct fake_conn *c, int status, const char *reason, const char *message) {
    char body[2048];
    snprintf(body, sizeof body,
             "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"status\":\"Failure\",\"reason\":\"%s\",\"message\":\"%s\",\"code\":%d}",
             reason, message, status);
    fake_reply(c, status, NULL, body);
}

void fake_begin(struct fake_conn *c) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    fake_raw(c, head, sizeof head - 1);
}

void fake_piece(struct fake_conn *c, const char *data, size_t len) {
    char head[32];
    if (len == 0) return;
    int n = snprintf(head, sizeof head, "%zx\r\n", len);
    fake_raw(c, head, (size_t)n);
    fake_raw(c, data, len);
    fake_raw(c, "\r\n", 2);
}

void fake_end(struct fake_conn *c) { fake_raw(c, "0\r\n\r\n", 5); }

void fake_cut(struct fake_conn *c) { c->cut = true; }

bool fake_sleep(struct fake_conn *c, int64_t ms) {
    struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};
    return !c->cut && poll(&p, 1, (int)ms) == 0;
}

/* ---- requests ---- */

const char *fake_header(const struct fake_request *q, const char *name, char *out, size_t size) {
    size_t n = strlen(name);
    out[0] = '\0';
    for (const char *line = q->head; line; line = strstr(line, "\r\n")) {
        while (*line == '\r' || *line == '\n') line++;
        if (strncasecmp(line, name, n) != 0 || line[n] != ':') continue;
        const char *v = line + n + 1;
        while (*v == ' ') v++;
        snprintf(out, size, "%.*s", (int)strcspn(v, "\r\n"), v);
        break;
    }
    return out;
}

/* Reads to the end of the head; *have bytes are in c->head then. Returns the length of the head, or 0. */
static size_t read_head(struct fake_conn *c, size_t *have) {
    for (;;) {
        c->head[*have] = '\0';
        char *end = strstr(c->head, "\r\n\r\n");
        if (end) return (size_t)(end - c->head) + 4;
        if (*have == HEAD_MAX - 1) return 0;
        ssize_t n = recv(c->fd, c->head + *have, HEAD_MAX - 1 - *have, 0);
        if (n <= 0) return 0;
        *have += (size_t)n;
    }
}

static char *read_body(struct fake_conn *c, const char *extra, size_t have, size_t len) {
    char *body = must(malloc(len + 1));
    if (have > len) have = len;
    memcpy(body, extra, have);
    while (have < len) {
        ssize_t n = recv(c->fd, body + have, len - have, 0);
        if (n <= 0) {
            free(body);
            return NULL;
        }
        have += (size_t)n;
    }
    body[len] = '\0';
    return body;
}

static int next_number(struct fakeapi *f) {
    lock(f);
    int n = ++f->nrequests;
    unlock(f);
    return n;
}

static bool serve_one(struct fake_conn *c) {
    size_t have = 0, head = read_head(c, &have);
    char number[32], *save = NULL;
    if (head == 0) return false;
    c->head[head - 2] = '\0';
    struct fake_request q = {.connection = c->serial};
    char *line_end = strstr(c->head, "\r\n");
    *line_end = '\0';
    q.head = line_end + 2;
    q.method = strtok_r(c->head, " ", &save);
    char *target = strtok_r(NULL, " ", &save);
    if (!q.method || !target) return false;
    char *mark = strchr(target, '?');
    if (mark) *mark = '\0';
    q.path = target;
    q.query = mark ? mark + 1 : "";
    q.len = strtoul(fake_header(&q, "Content-Length", number, sizeof number), NULL, 10);
    char *body = read_body(c, c->head + head, have - head, q.len);
    if (!body) return false;
    q.body = body;
    q.number = next_number(c->f);
    c->f->fn(c->f->ctx, c, &q);
    free(body);
    return !c->cut;
}

static void *connection(void *arg) {
    struct fake_conn *c = arg;
    while (serve_one(c)) continue;
    shutdown(c->fd, SHUT_RDWR);
    return NULL;
}

static void adopt(struct fakeapi *f, int fd) {
    int on = 1;
    struct fake_conn *c = must(calloc(1, sizeof *c));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->f = f;
    c->fd = fd;
    lock(f);
    c->serial = ++f->nconns;
    c->next = f->conns;
    f->conns = c;
    if (f->stop) shutdown(fd, SHUT_RDWR);
    if (pthread_create(&c->thread, NULL, connection, c) != 0) abort();
    unlock(f);
}

static void *acceptor(void *arg) {
    struct fakeapi *f = arg;
    for (;;) {
        int fd = accept(f->listener, NULL, NULL);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (fd < 0) return NULL;
        adopt(f, fd);
    }
}

static void listen_on(struct fakeapi *f, int port) {
    int on = 1;
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t len = sizeof sa;
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(f->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(f->listener, (struct sockaddr *)&sa, sizeof sa) != 0 || listen(f->listener, 64) != 0 ||
        getsockname(f->listener, (struct sockaddr *)&sa, &len) != 0) {
        perror("fakeapi: listen");
        abort();
    }
    f->port = ntohs(sa.sin_port);
    snprintf(f->url, sizeof f->url, "http://127.0.0.1:%d", f->port);
}

struct fakeapi *fakeapi_start(int port, fake_handler fn, void *ctx) {
    struct fakeapi *f = must(calloc(1, sizeof *f));
    f->fn = fn;
    f->ctx = ctx;
    if (pthread_mutex_init(&f->lock, NULL) != 0) abort();
    listen_on(f, port);
    if (pthread_create(&f->thread, NULL, acceptor, f) != 0) abort();
    return f;
}

void fakeapi_stop(struct fakeapi *f) {
    lock(f);
    f->stop = true;
    for (struct fake_conn *c = f->conns; c; c = c->next) shutdown(c->fd, SHUT_RDWR);
    unlock(f);
    shutdown(f->listener, SHUT_RDWR);
    pthread_join(f->thread, NULL);
    close(f->listener);
    for (struct fake_conn *c = f->conns, *next; c; c = next) {
        next = c->next;
        pthread_join(c->thread, NULL);
        close(c->fd);
        free(c);
    }
    pthread_mutex_destroy(&f->lock);
    free(f);
}

int fakeapi_port(const struct fakeapi *f) { return f->port; }
const char *fakeapi_url(const struct fakeapi *f) { return f->url; }

int fakeapi_requests(struct fakeapi *f) {
    lock(f);
    int n = f->nrequests;
    unlock(f);
    return n;
}

int fakeapi_connections(struct fakeapi *f) {
    lock(f);
    int n = f->nconns;
    unlock(f);
    return n;
}
