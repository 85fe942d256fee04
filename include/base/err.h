/* Errors are values: last parameter, never thread-local, never allocated. A function that fails fills the
 * error and returns -1 (or NULL). Every property that depends on the class of an error comes from one table. */
#ifndef RBG_BASE_ERR_H
#define RBG_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum err_code {
    ERR_NONE,
    ERR_INVALID,      /* the input is wrong; trying again does not help */
    ERR_PARSE,        /* not a document */
    ERR_LIMIT,        /* larger or deeper than allowed */
    ERR_NOT_FOUND,    /* 404 */
    ERR_EXISTS,       /* 409 AlreadyExists */
    ERR_CONFLICT,     /* 409 Conflict: stale resourceVersion, failed precondition, foreign field owner */
    ERR_GONE,         /* 410: resourceVersion too old, list again */
    ERR_UNAUTHORIZED, /* 401 */
    ERR_FORBIDDEN,    /* 403 */
    ERR_REJECTED,     /* 422, or denied by an admission webhook */
    ERR_THROTTLED,    /* 429 */
    ERR_UNAVAILABLE,  /* 5xx, connection refused or cut */
    ERR_TIMEOUT,      /* our deadline or the server's */
    ERR_TLS,          /* certificate or handshake */
    ERR_IO,           /* files, sockets */
    ERR_CANCELED,     /* the process ends */
    ERR_INTERNAL,     /* a bug */
    ERR_CODES
};

struct err {
    enum err_code code;
    int http;               /* HTTP status, 0 if none */
    int sys;                /* errno, 0 if none */
    int64_t retry_after_ms; /* what the server asked for, 0 if nothing */
    char msg[1024];
};

#define ERR_INIT ((struct err){0})

/* Fills `e` (which may be NULL) and returns -1, so that a failure is one line. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) __attribute__((cold, format(printf, 3, 4)));
int err_vset(struct err *e, enum err_code code, const char *fmt, va_list ap) __attribute__((cold, format(printf, 3, 0)));

/* Puts "<prefix>: " before the message, keeps the class, returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((cold, format(printf, 2, 3)));

/* From the table: may the same call succeed later? name for logs and metric labels; HTTP status to answer. */
bool err_retryable(enum err_code code);
const char *err_name(enum err_code code);
int err_http(enum err_code code);

/* Class of an HTTP status of the Kubernetes API (reason: Status.reason or NULL). */
enum err_code err_from_http(int http, const char *reason);

#endif
