/* The listening socket. Hides address syntax: ":9443" is every address of the host (IPv6 and IPv4 in one socket where the
 * kernel has IPv6), a host in brackets is IPv6. The socket belongs to the caller. */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "server.h"

#define BACKLOG 1024

struct target {
    char host[256];
    char port[8];
};

static int bad_address(struct err *e, const char *address, const char *why) {
    return err_set(e, ERR_INVALID, "listen address \"%s\": %s; write \":9443\", \"127.0.0.1:9443\" or \"[::1]:9443\"",
                   address ? address : "", why);
}

static int parse(const char *address, struct target *t, struct err *e) {
    const char *colon = address ? strrchr(address, ':') : NULL;
    if (!colon) return bad_address(e, address, "no port");
    int32_t port;
    if (strlen(colon + 1) >= sizeof t->port || str_to_i32(colon + 1, &port) || port < 0 || port > 65535)
        return bad_address(e, address, "the port is no number from 0 to 65535");
    memcpy(t->port, colon + 1, strlen(colon + 1) + 1);
    const char *host = address;
    size_t n = (size_t)(colon - address);
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') host++, n -= 2;
    else if (memchr(host, ':', n)) return bad_address(e, address, "an IPv6 address needs brackets");
    if (n >= sizeof t->host) return bad_address(e, address, "the host is too long");
    memcpy(t->host, host, n);
    t->host[n] = '\0';
    return 0;
}

static int try_bind(const struct addrinfo *ai) {
    int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, ai->ai_protocol);
    if (fd < 0) return -1;
    int on = 1, off = 0;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (ai->ai_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int sys = errno;
    close(fd);
    errno = sys;
    return -1;
}

/* IPv6 first: with no host that one socket takes both families. */
static int bind_any(const struct addrinfo *list, int *sys) {
    static const int order[] = {AF_INET6, AF_INET};
    *sys = EADDRNOTAVAIL;
    for (size_t i = 0; i < 2; i++)
        for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
            if (ai->ai_family != order[i]) continue;
            int fd = try_bind(ai);
            if (fd >= 0) return fd;
            *sys = errno;
            if (errno == EADDRINUSE || errno == EACCES) return -1; /* the other family would hide the cause */
        }
    return -1;
}

static unsigned bound_port(int fd) {
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    if (getsockname(fd, (struct sockaddr *)&sa, &n) != 0) return 0;
    if (sa.ss_family == AF_INET6) return ntohs(((struct sockaddr_in6 *)&sa)->sin6_port);
    return ntohs(((struct sockaddr_in *)&sa)->sin_port);
}

int listen_open(const char *address, unsigned *port, struct err *e) {
    struct target t;
    if (parse(address, &t, e)) return -1;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list = NULL;
    int rc = getaddrinfo(t.host[0] ? t.host : NULL, t.port, &hints, &list);
    if (rc != 0) return bad_address(e, address, gai_strerror(rc));
    int sys = 0, fd = bind_any(list, &sys);
    freeaddrinfo(list);
    if (fd < 0) {
        err_set(e, ERR_IO, "listen on %s: %s%s", address, strerror(sys),
                sys == EADDRINUSE ? "; stop the other process or choose another port"
                : sys == EACCES   ? "; choose a port above 1023"
                                  : "");
        if (e) e->sys = sys;
        return -1;
    }
    *port = bound_port(fd);
    return fd;
}
