/* How TLS records leave: what is kept, what leaves together, and that a socket that takes little at a time loses nothing. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "chance.h"
#include "common/serve/server.h"
#include "testing.h"

/* A connection whose other end is ours. */
struct line {
    struct conn conn;
    int peer;
};

static void line_open(struct line *l, int room) {
    int fds[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    ck_assert_int_eq(setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof room), 0);
    *l = (struct line){.conn = {.fd = fds[0]}, .peer = fds[1]};
}

static void line_close(struct line *l) {
    close(l->conn.fd);
    close(l->peer);
}

static ssize_t push(struct line *l, const void *data, size_t n) {
    return records_push(&l->conn, &(giovec_t){(void *)(uintptr_t)data, n}, 1);
}

/* What has arrived, at most n bytes. */
static size_t drain(struct line *l, struct buf *got, size_t n) {
    char part[4096];
    ssize_t r = recv(l->peer, part, n < sizeof part ? n : sizeof part, 0);
    if (r > 0) buf_add(got, part, (size_t)r);
    return r > 0 ? (size_t)r : 0;
}

static void drained_is(struct line *l, const char *want) {
    BUF_AUTO struct buf got = BUF_INIT;
    drain(l, &got, 4096);
    ck_assert_str_eq(buf_str(&got), want);
}

START_TEST(two_records_leave_together) {
    struct line l;
    line_open(&l, 1 << 16);
    records_answer(&l.conn, 4);
    ck_assert_int_eq(push(&l, "head", 4), 4);
    drained_is(&l, "");
    ck_assert_int_eq(push(&l, "body", 4), 4);
    drained_is(&l, "headbody");
    ck_assert_int_eq(push(&l, "next", 4), 4); /* only the first is kept */
    drained_is(&l, "next");
    line_close(&l);
}
END_TEST

START_TEST(nothing_is_kept_for_ever) {
    struct line l;
    char large[sizeof l.conn.kept + 1];
    memset(large, 'x', sizeof large);
    line_open(&l, 1 << 16);
    records_answer(&l.conn, 1); /* a head that does not fit */
    ck_assert_int_eq(push(&l, large, sizeof large), sizeof large);
    BUF_AUTO struct buf got = BUF_INIT;
    ck_assert_uint_eq(drain(&l, &got, 4096), sizeof large);
    records_answer(&l.conn, 1); /* one without a successor */
    ck_assert_int_eq(push(&l, "head", 4), 4);
    records_flush(&l.conn);
    drained_is(&l, "head");
    records_answer(&l.conn, 1); /* none at all */
    records_flush(&l.conn);
    ck_assert_int_eq(push(&l, "next", 4), 4);
    drained_is(&l, "next");
    line_close(&l);
}
END_TEST

START_TEST(a_full_socket_loses_nothing) {
    struct line l;
    uint64_t chance = 1;
    BUF_AUTO struct buf sent = BUF_INIT;
    BUF_AUTO struct buf got = BUF_INIT;
    size_t full = 0, behind_kept = 0;
    line_open(&l, 4608);
    for (size_t i = 0; i < 20000; i++) {
        char record[3000];
        size_t n = 1 + chance_below(&chance, chance_below(&chance, 3) ? 300 : sizeof record);
        for (size_t k = 0; k < n; k++) record[k] = (char)('a' + (i + k * 7) % 26);
        if (l.conn.nkept == 0) records_answer(&l.conn, chance_below(&chance, 2));
        for (size_t done = 0; done < n;) { /* as GnuTLS does it: the same again, from where it was taken */
            bool kept = l.conn.nkept > 0;
            ssize_t r = push(&l, record + done, n - done);
            ck_assert(r > 0 || (r == -1 && errno == EAGAIN));
            full += r < 0;
            behind_kept += r < 0 && kept;
            if (r > 0) done += (size_t)r;
            else drain(&l, &got, 1 + chance_below(&chance, 2000));
        }
        buf_add(&sent, record, n);
    }
    records_flush(&l.conn);
    while (drain(&l, &got, 4096) > 0) records_flush(&l.conn);
    ck_assert_uint_eq(got.len, sent.len);
    ck_assert(memcmp(got.s, sent.s, sent.len) == 0);
    ck_assert_uint_gt(full, 1000);
    ck_assert_uint_gt(behind_kept, 100);
    line_close(&l);
}
END_TEST

START_TEST(a_connection_that_has_gone_is_an_error) {
    struct line l;
    line_open(&l, 1 << 16);
    close(l.peer);
    ck_assert_int_eq(push(&l, "x", 1), -1);
    ck_assert_int_eq(errno, EPIPE);
    ck_assert_int_eq(records_push(NULL, &(giovec_t){"x", 1}, 1), -1);
    ck_assert_int_eq(errno, EPIPE);
    close(l.conn.fd);
}
END_TEST

TEST_MAIN("serve_records", two_records_leave_together, nothing_is_kept_for_ever, a_full_socket_loses_nothing,
          a_connection_that_has_gone_is_an_error)
