/* Error values. Hides the one table from which every property of an error class comes. No state, any thread. */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int http;
    bool retryable;
} classes[ERR_CODES] = {
    [ERR_NONE] = {"none", 200, false},
    [ERR_INVALID] = {"invalid", 422, false},
    [ERR_PARSE] = {"parse", 400, false},
    [ERR_LIMIT] = {"limit", 413, false},
    [ERR_NOT_FOUND] = {"not_found", 404, false},
    [ERR_EXISTS] = {"exists", 409, false},
    [ERR_CONFLICT] = {"conflict", 409, true},
    [ERR_GONE] = {"gone", 410, true},
    [ERR_UNAUTHORIZED] = {"unauthorized", 401, true}, /* tokens rotate: the next one may be good */
    [ERR_FORBIDDEN] = {"forbidden", 403, false},
    [ERR_REJECTED] = {"rejected", 422, false},
    [ERR_THROTTLED] = {"throttled", 429, true},
    [ERR_UNAVAILABLE] = {"unavailable", 503, true},
    [ERR_TIMEOUT] = {"timeout", 504, true},
    [ERR_TLS] = {"tls", 502, true}, /* certificates are renewed while we run */
    [ERR_IO] = {"io", 500, true},
    [ERR_CANCELED] = {"canceled", 503, false},
    [ERR_INTERNAL] = {"internal", 500, false},
};

static enum err_code checked(enum err_code code) {
    return (unsigned)code < ERR_CODES && classes[code].name ? code : ERR_INTERNAL;
}

int err_vset(struct err *e, enum err_code code, const char *fmt, va_list ap) {
    if (!e) return -1;
    char msg[sizeof e->msg] = ""; /* the arguments may point into e->msg */
    vsnprintf(msg, sizeof msg, fmt, ap);
    *e = (struct err){.code = checked(code)};
    memcpy(e->msg, msg, sizeof msg);
    return -1;
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    err_vset(e, code, fmt, ap);
    va_end(ap);
    return -1;
}

/* Appends what fits at `at`; returns the new end. */
static size_t append(char *to, size_t size, size_t at, const char *s) {
    size_t n = strnlen(s, size - 1 - at);
    memcpy(to + at, s, n);
    to[at + n] = '\0';
    return at + n;
}

int err_wrap(struct err *e, const char *fmt, ...) {
    if (!e) return -1;
    char msg[sizeof e->msg] = "";
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(msg, sizeof msg, fmt, ap);
    va_end(ap);
    size_t at = n < 0 ? 0 : (size_t)n;
    at = append(msg, sizeof msg, at < sizeof msg ? at : sizeof msg - 1, ": ");
    append(msg, sizeof msg, at, e->msg);
    memcpy(e->msg, msg, sizeof msg);
    return -1;
}

bool err_retryable(enum err_code code) { return classes[checked(code)].retryable; }

const char *err_name(enum err_code code) { return classes[checked(code)].name; }

int err_http(enum err_code code) { return classes[checked(code)].http; }

static enum err_code from_409(const char *reason) {
    return reason && strcmp(reason, "AlreadyExists") == 0 ? ERR_EXISTS : ERR_CONFLICT;
}

enum err_code err_from_http(int http, const char *reason) {
    switch (http) {
    case 401: return ERR_UNAUTHORIZED;
    case 403: return ERR_FORBIDDEN;
    case 404: return ERR_NOT_FOUND;
    case 408: return ERR_TIMEOUT;
    case 409: return from_409(reason);
    case 410: return ERR_GONE;
    case 413: return ERR_LIMIT;
    case 422: return ERR_REJECTED;
    case 429: return ERR_THROTTLED;
    case 504: return ERR_TIMEOUT;
    default: break;
    }
    if (http >= 200 && http < 300) return ERR_NONE;
    if (http >= 500) return ERR_UNAVAILABLE;
    return http >= 400 ? ERR_REJECTED : ERR_INTERNAL;
}
