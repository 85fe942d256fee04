/* Structured logs, one JSON object a line on standard error: time (RFC 3339, ms), level, message, then the
 * key-value pairs of the call. Any thread. A line is written with one write(2). */
#ifndef RBG_BASE_LOG_H
#define RBG_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level min);
void log_set_console(bool console); /* human-readable lines instead of JSON */
bool log_enabled(enum log_level l);

/* Pairs: const char *key, const char *value, ..., NULL. A NULL value is written as null. */
void log_msg(enum log_level l, const char *caller, const char *msg, ...) __attribute__((sentinel));

#define LOG_STR2(x) #x
#define LOG_STR(x) LOG_STR2(x)
#define LOG_AT(l, ...) \
    do { \
        if (log_enabled(l)) log_msg((l), __FILE_NAME__ ":" LOG_STR(__LINE__), __VA_ARGS__, (char *)0); \
    } while (0)
#ifndef __FILE_NAME__
#define __FILE_NAME__ __FILE__
#endif
#define log_debug(...) LOG_AT(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_INFO, __VA_ARGS__)
#define log_warn(...) LOG_AT(LOG_WARN, __VA_ARGS__)
#define log_error(...) LOG_AT(LOG_ERROR, __VA_ARGS__)

#endif
