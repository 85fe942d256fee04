/* The client of server tests, on blocking sockets with timeouts. Bytes that came after an answer are kept for the next one,
 * so pipelined answers can be read one by one. */
#include "http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/hash.h"

struct http_client {
    int fd;
    bool tls;
    gnutls_session_t session;
    gnutls_certificate_credentials_t creds;
    struct buf in; /* received, not yet consumed */
};

static int bind_to(int fd, const char *from) {
    struct sockaddr_in sa = {.sin_family = AF_INET};
    if (!from) return 0;
    return inet_pton(AF_INET, from, &sa.sin_addr) == 1 ? bind(fd, (struct sockaddr *)&sa, sizeof sa) : -1;
}

static int dial(unsigned port, unsigned timeout_ms, const char *from) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0) return -1;
    struct timeval t = {timeout_ms / 1000, (suseconds_t)(timeout_ms % 1000) * 1000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (bind_to(fd, from) == 0 && connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0) return fd;
    close(fd);
    return -1;
}

static int handshake(struct http_client *h, const struct http_client_opts *o, unsigned timeout_ms) {
    gnutls_datum_t ca = {(unsigned char *)(uintptr_t)o->ca_pem, (unsigned)strlen(o->ca_pem)};
    gnutls_init(&h->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL);
    gnutls_certificate_allocate_credentials(&h->creds);
    gnutls_certificate_set_x509_trust_mem(h->creds, &ca, GNUTLS_X509_FMT_PEM);
    if (o->cert_pem) {
        gnutls_datum_t cert = {(unsigned char *)(uintptr_t)o->cert_pem, (unsigned)strlen(o->cert_pem)},
                       key = {(unsigned char *)(uintptr_t)o->key_pem, (unsigned)strlen(o->key_pem)};
        if (gnutls_certificate_set_x509_key_mem(h->creds, &cert, &key, GNUTLS_X509_FMT_PEM) < 0) return -1;
    }
    gnutls_credentials_set(h->session, GNUTLS_CRD_CERTIFICATE, h->creds);
    if (gnutls_priority_set_direct(h->session, o->priority ? o->priority : "NORMAL", NULL) < 0) return -1;
    gnutls_session_set_verify_cert(h->session, "localhost", 0);
    gnutls_transport_set_int(h->session, h->fd);
    gnutls_handshake_set_timeout(h->session, timeout_ms);
    int rc;
    do rc = gnutls_handshake(h->session);
    while (rc < 0 && !gnutls_error_is_fatal(rc));
    return rc;
}

struct http_client *http_client_open(const struct http_client_opts *o) {
    unsigned timeout_ms = o->timeout_ms ? o->timeout_ms : 20000;
    int fd = dial(o->port, timeout_ms, o->from);
    if (fd < 0) return NULL;
    struct http_client *h = calloc(1, sizeof *h);
    if (!h) abort();
    h->fd = fd;
    h->tls = o->ca_pem != NULL;
    if (!h->tls || handshake(h, o, timeout_ms) == 0) return h;
    http_client_close(h);
    return NULL;
}

void http_client_close(struct http_client *h) {
    if (!h) return;
    if (h->session) gnutls_deinit(h->session);
    if (h->creds) gnutls_certificate_free_credentials(h->creds);
    close(h->fd);
    buf_fini(&h->in);
    free(h);
}

int http_client_fd(const struct http_client *h) { return h->fd; }

uint64_t http_client_peer(const struct http_client *h) {
    unsigned n = 0;
    const gnutls_datum_t *list = gnutls_certificate_get_peers(h->session, &n);
    return n ? fnv1a_64(list[0].data, list[0].size) : 0;
}

int http_client_send(struct http_client *h, const void *data, size_t n) {
    const char *p = data;
    while (n > 0) {
        ssize_t w = h->tls ? gnutls_record_send(h->session, p, n) : send(h->fd, p, n, MSG_NOSIGNAL);
        if (w <= 0) return -1;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

/* Bytes, 0 at the end, -1 on error or timeout. */
static ssize_t receive(struct http_client *h) {
    buf_reserve(&h->in, 16384);
    char *to = h->in.s + h->in.len;
    ssize_t n = h->tls ? gnutls_record_recv(h->session, to, 16384) : recv(h->fd, to, 16384, 0);
    if (n <= 0) return n < 0 ? -1 : 0;
    h->in.len += (size_t)n;
    h->in.s[h->in.len] = '\0';
    return n;
}

static void consume(struct http_client *h, size_t n, struct buf *out) {
    if (out) buf_reset(out), buf_add(out, h->in.s, n);
    memmove(h->in.s, h->in.s + n, h->in.len - n + 1);
    h->in.len -= n;
}

int http_client_answer(struct http_client *h, bool no_body, struct buf *headers, struct buf *body) {
    const char *end;
    while (!h->in.s || !(end = strstr(h->in.s, "\r\n\r\n")))
        if (receive(h) <= 0) return -1;
    int status = 0;
    if (sscanf(h->in.s, "HTTP/1.1 %d", &status) != 1) return -1;
    const char *length = strcasestr(h->in.s, "\r\nContent-Length:");
    size_t n = length && length < end && !no_body && status != 100 ? (size_t)strtoul(length + 17, NULL, 10) : 0;
    consume(h, (size_t)(end + 4 - h->in.s), headers);
    while (h->in.len < n)
        if (receive(h) <= 0) return -1;
    consume(h, n, body);
    return status;
}

bool http_client_closed(struct http_client *h) {
    if (h->tls) return h->in.len == 0 && receive(h) <= 0;
    errno = 0;
    return h->in.len == 0 && (receive(h) == 0 || errno == ECONNRESET);
}

int http_client_post(struct http_client *h, const char *path, const char *text, size_t n, struct buf *body) {
    char head[256];
    int len = snprintf(head, sizeof head, "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", path, n);
    if (http_client_send(h, head, (size_t)len) || http_client_send(h, text, n)) return -1;
    return http_client_answer(h, false, NULL, body);
}
