/* Structured logs on standard error. Hides the two encodings and the escaping: whatever bytes a value holds, a line stays
 * one line, valid JSON and valid UTF-8. The settings are atomics; a line is built on the heap and leaves with one write(2),
 * so lines of different threads do not mix. errno survives a call, because errors are logged before they are looked at. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/utf8.h"

static const char *const level_names[] = {
    [LOG_DEBUG] = "DEBUG", [LOG_INFO] = "INFO", [LOG_WARN] = "WARN", [LOG_ERROR] = "ERROR"};

static _Atomic int min_level = LOG_INFO;
static _Atomic bool console_mode;

void log_set_level(enum log_level min) { atomic_store_explicit(&min_level, (int)min, memory_order_relaxed); }

void log_set_console(bool console) { atomic_store_explicit(&console_mode, console, memory_order_relaxed); }

bool log_enabled(enum log_level l) { return (int)l >= atomic_load_explicit(&min_level, memory_order_relaxed); }

static void put_ascii(struct buf *b, char c) {
    switch (c) {
    case '"': buf_puts(b, "\\\""); return;
    case '\\': buf_puts(b, "\\\\"); return;
    case '\n': buf_puts(b, "\\n"); return;
    case '\r': buf_puts(b, "\\r"); return;
    case '\t': buf_puts(b, "\\t"); return;
    default: break;
    }
    if ((unsigned char)c < 0x20 || c == 0x7f) buf_printf(b, "\\u%04x", (unsigned)c);
    else buf_putc(b, c);
}

/* The inside of a JSON string. */
static void put_escaped(struct buf *b, const char *s) {
    while (*s) {
        size_t n = utf8_length(s);
        if (n == 0) buf_puts(b, UTF8_REPLACEMENT);
        else if (n == 1) put_ascii(b, *s);
        else buf_add(b, s, n);
        s += n ? n : 1;
    }
}

static void put_string(struct buf *b, const char *s) {
    buf_putc(b, '"');
    put_escaped(b, s);
    buf_putc(b, '"');
}

static void put_pair(struct buf *b, const char *key, const char *value) {
    put_string(b, key);
    buf_putc(b, ':');
    if (value) put_string(b, value);
    else buf_puts(b, "null");
}

static void put_time(struct buf *b) {
    char text[32];
    int64_t now = clock_now_ms(clock_real());
    time_rfc3339(now, text);
    buf_printf(b, "%.19s.%03dZ", text, (int)(now % 1000));
}

/* The last two parts of a path, as Go's loggers shorten it. */
static const char *short_caller(const char *caller) {
    const char *last = strrchr(caller, '/');
    if (!last) return caller;
    const char *p = last;
    while (p > caller && p[-1] != '/') p--;
    return p;
}

static void json_line(struct buf *b, enum log_level l, const char *caller, const char *msg, va_list ap) {
    buf_printf(b, "{\"level\":\"%s\",\"time\":\"", level_names[l]);
    put_time(b);
    buf_puts(b, "\",");
    put_pair(b, "caller", short_caller(caller));
    buf_putc(b, ',');
    put_pair(b, "message", msg);
    for (const char *key; (key = va_arg(ap, const char *));) {
        buf_putc(b, ',');
        put_pair(b, key, va_arg(ap, const char *));
    }
    buf_puts(b, "}\n");
}

/* A value that could be misread as more than one word is quoted. */
static bool is_bare(const char *s) { return *s && !s[strcspn(s, " \"\\=\t\r\n")]; }

static void console_line(struct buf *b, enum log_level l, const char *caller, const char *msg, va_list ap) {
    put_time(b);
    buf_printf(b, " %-5s ", level_names[l]);
    put_escaped(b, short_caller(caller));
    buf_puts(b, "  ");
    put_escaped(b, msg);
    for (const char *key; (key = va_arg(ap, const char *));) {
        const char *value = va_arg(ap, const char *);
        buf_putc(b, ' ');
        put_escaped(b, key);
        buf_putc(b, '=');
        if (!value) buf_puts(b, "null");
        else if (is_bare(value)) put_escaped(b, value);
        else put_string(b, value);
    }
    buf_putc(b, '\n');
}

/* One call in the normal case; a line that cannot be written is lost, for there is nowhere to complain. */
static void write_all(const char *s, size_t n) {
    while (n) {
        ssize_t k = write(STDERR_FILENO, s, n);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return;
        s += k;
        n -= (size_t)k;
    }
}

void log_msg(enum log_level l, const char *caller, const char *msg, ...) {
    if (!log_enabled(l)) return;
    int saved = errno;
    BUF_AUTO struct buf b = BUF_INIT;
    va_list ap;
    va_start(ap, msg);
    if (atomic_load_explicit(&console_mode, memory_order_relaxed)) console_line(&b, l, caller, msg, ap);
    else json_line(&b, l, caller, msg, ap);
    va_end(ap);
    write_all(b.s, b.len);
    errno = saved;
}
