/* How TLS records leave. libmicrohttpd writes the head of an answer and its body as records of their own, a long body as many.
 * Sent one by one each is a system call, and wakes the client; so the head waits here until the body comes, and both leave in one
 * call, and while more of the body is to come, the kernel is told so and fills its packets.
 * Only what surely has a successor waits, and here only as much as fits. What the socket does not take stays in front of the next
 * try, for which GnuTLS and libmicrohttpd wait as always. One thread at a time, the connection's. */
#include <errno.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "server.h"

enum { PIECES_MAX = 16 };

static void keep(struct conn *c, const giovec_t *v, int n) {
    for (int i = 0; i < n; i++) {
        memcpy(c->kept + c->nkept, v[i].iov_base, v[i].iov_len);
        c->nkept += v[i].iov_len;
    }
}

/* What was kept, and behind it the n pieces: how many bytes of the pieces went away, 0 when not all of what was kept did; or -1
 * and errno. */
static ssize_t send_behind_kept(struct conn *c, const giovec_t *v, int n) {
    struct iovec all[PIECES_MAX + 1] = {{c->kept, c->nkept}};
    bool kept = c->nkept > 0;
    if (n > 0) memcpy(all + 1, v, (size_t)n * sizeof *v);
    const struct msghdr m = {.msg_iov = kept ? all : all + 1, .msg_iovlen = (size_t)n + kept};
    ssize_t sent = sendmsg(c->fd, &m, c->body_left ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL);
    if (sent < 0) return -1;
    size_t of_kept = (size_t)sent < c->nkept ? (size_t)sent : c->nkept;
    memmove(c->kept, c->kept + of_kept, c->nkept - of_kept);
    c->nkept -= of_kept;
    return sent - (ssize_t)of_kept;
}

ssize_t records_push(gnutls_transport_ptr_t ptr, const giovec_t *v, int n) {
    struct conn *c = ptr;
    size_t all = 0;
    if (!c) return errno = EPIPE, -1;
    if (n > PIECES_MAX) n = PIECES_MAX;
    for (int i = 0; i < n; i++) all += v[i].iov_len;
    bool head = c->head_next;
    c->head_next = false;
    /* A record is longer than what it carries, so the end of the body may seem to be near too early, never too late. */
    if (!head) c->body_left -= all < c->body_left ? all : c->body_left;
    if (head && all <= sizeof c->kept - c->nkept) {
        keep(c, v, n);
        return (ssize_t)all;
    }
    ssize_t sent = send_behind_kept(c, v, n);
    if (sent > 0 && atomic_load(&c->phase) == CONN_TAKEN) conns_transferred(c, (size_t)sent);
    return sent == 0 && all > 0 ? (errno = EAGAIN, -1) : sent;
}

void records_answer(struct conn *c, size_t body) {
    c->head_next = body > 0;
    c->body_left = body;
}

/* The answer is over. Should its second record never have come, this is what the client waits for. */
void records_flush(struct conn *c) {
    c->head_next = false;
    c->body_left = 0;
    if (c->nkept > 0) send_behind_kept(c, NULL, 0); /* what does not go now goes with the next record */
}

void records_begin(struct conn *c, gnutls_session_t session) {
    gnutls_transport_set_ptr2(session, gnutls_transport_get_ptr(session), c);
    gnutls_transport_set_vec_push_function(session, records_push);
}

void records_end(gnutls_session_t session) {
    gnutls_transport_set_ptr2(session, gnutls_transport_get_ptr(session), NULL);
}
