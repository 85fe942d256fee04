/* Region memory. Hides the chunks: a singly linked list, newest first, of which only the head is bumped. Chunks double
 * from 4 KiB to 256 KiB; an allocation beyond a quarter of that gets a chunk of its own. An arena has one owner and no lock.
 * Invariants: `used` is a multiple of ALIGN and never exceeds `size`; memory is zeroed when it is handed out, not
 * before, so a kept chunk may hold old bytes. Under AddressSanitizer everything not handed out is poisoned, and a gap stays behind
 * each allocation, so that an overrun or a use after a reset is reported. */
#include "base/arena.h"

#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/unit.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define POISON(p, n) ASAN_POISON_MEMORY_REGION((p), (n))
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION((p), (n))
#define REDZONE ((size_t)16)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#define REDZONE ((size_t)0)
#endif

#define ALIGN ((size_t)alignof(max_align_t))
#define CHUNK_MIN ((size_t)4096)
#define CHUNK_MAX ((size_t)1 << 18)
#define OVERSIZED (CHUNK_MAX / 4)

struct chunk {
    struct chunk *next;
    size_t size, used; /* of data[] */
    alignas(max_align_t) unsigned char data[];
};

struct hook {
    struct hook *next;
    void (*fn)(void *);
    void *arg;
};

struct arena {
    struct chunk *head;
    struct hook *hooks; /* in arena memory, newest first */
    size_t next_size;   /* of the next chunk, header included */
    size_t bytes;
    bool secret; /* chunks are wiped before they go */
};

static size_t align_up(size_t n) {
    if (n > SIZE_MAX / 2) abort();
    return (n + ALIGN - 1) & ~(ALIGN - 1);
}

struct arena *arena_new(void) {
    struct arena *a = must(calloc(1, sizeof *a));
    a->next_size = CHUNK_MIN;
    a->bytes = sizeof *a;
    return a;
}

static void run_hooks(struct arena *a) {
    while (a->hooks) {
        struct hook *h = a->hooks;
        a->hooks = h->next; /* first: the hook may register another one */
        h->fn(h->arg);
    }
}

static void chunk_free(struct arena *a, struct chunk *c) {
    UNPOISON(c->data, c->size);
    if (a->secret) explicit_bzero(c->data, c->size);
    unit_refund(sizeof *c + c->size);
    a->bytes -= sizeof *c + c->size;
    free(c);
}

static void chunks_free(struct arena *a, struct chunk *c) {
    while (c) {
        struct chunk *next = c->next;
        chunk_free(a, c);
        c = next;
    }
}

void arena_secret(struct arena *a) { a->secret = true; }

void arena_free(struct arena *a) {
    if (!a) return;
    run_hooks(a);
    chunks_free(a, a->head);
    free(a);
}

/* The largest regular chunk is kept; one that served a single huge allocation is not worth its memory. */
static struct chunk *chunk_to_keep(const struct arena *a) {
    struct chunk *best = NULL;
    for (struct chunk *c = a->head; c; c = c->next)
        if (sizeof *c + c->size <= CHUNK_MAX && (!best || c->size > best->size)) best = c;
    return best;
}

void arena_reset(struct arena *a) {
    run_hooks(a);
    struct chunk *keep = chunk_to_keep(a);
    for (struct chunk *c = a->head, *next; c; c = next) {
        next = c->next;
        if (c != keep) chunk_free(a, c);
    }
    a->head = keep;
    a->next_size = keep ? sizeof *keep + keep->size : CHUNK_MIN;
    if (!keep) return;
    keep->next = NULL;
    keep->used = 0;
    UNPOISON(keep->data, keep->size);
    if (a->secret) explicit_bzero(keep->data, keep->size);
    POISON(keep->data, keep->size);
}

static struct chunk *chunk_new(struct arena *a, size_t data_size) {
    unit_charge(sizeof(struct chunk) + data_size);
    struct chunk *c = must(malloc(sizeof *c + data_size));
    c->size = data_size;
    c->used = 0;
    POISON(c->data, c->size);
    a->bytes += sizeof *c + data_size;
    return c;
}

/* One of its own for an oversized allocation, linked behind the head so that the head keeps its free space. */
static struct chunk *chunk_oversized(struct arena *a, size_t need) {
    struct chunk *own = chunk_new(a, need);
    struct chunk **at = a->head ? &a->head->next : &a->head;
    own->next = *at;
    *at = own;
    return own;
}

static void next_size_double(struct arena *a) {
    a->next_size = a->next_size < CHUNK_MAX / 2 ? a->next_size * 2 : CHUNK_MAX;
}

/* A chunk with room for `need` bytes, in the list. */
static struct chunk *chunk_for(struct arena *a, size_t need) {
    if (need > OVERSIZED) return chunk_oversized(a, need);
    while (a->next_size - sizeof(struct chunk) < need) next_size_double(a);
    struct chunk *c = chunk_new(a, a->next_size - sizeof(struct chunk));
    next_size_double(a);
    c->next = a->head;
    a->head = c;
    return c;
}

static size_t footprint(size_t size) { return align_up((size ? size : 1) + REDZONE); }

void *arena_raw(struct arena *a, size_t size) {
    if (size > SIZE_MAX / 4) abort();
    size_t need = footprint(size);
    struct chunk *c = a->head;
    if (!c || c->size - c->used < need) c = chunk_for(a, need);
    unsigned char *p = c->data + c->used;
    c->used += need;
    UNPOISON(p, size ? size : 1);
    return p;
}

void *arena_alloc(struct arena *a, size_t size) { return memset(arena_raw(a, size), 0, size ? size : 1); }

void *arena_array(struct arena *a, size_t n, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(n, size, &total)) abort();
    return arena_alloc(a, total);
}

/* Extends the last allocation of the head chunk; false when `old` is not that, or there is no room. */
static bool grow_in_place(struct arena *a, unsigned char *old, size_t old_size, size_t new_size) {
    struct chunk *c = a->head;
    if (!c || c->used < footprint(old_size) || old != c->data + c->used - footprint(old_size)) return false;
    size_t need = footprint(new_size), start = c->used - footprint(old_size);
    if (c->size - start < need) return false;
    c->used = start + need;
    UNPOISON(old, new_size);
    memset(old + old_size, 0, new_size - old_size);
    return true;
}

void *arena_grow(struct arena *a, void *old, size_t old_size, size_t new_size) {
    if (!old) return arena_alloc(a, new_size);
    if (new_size <= old_size) return old;
    if (new_size > SIZE_MAX / 4) abort();
    if (grow_in_place(a, old, old_size, new_size)) return old;
    void *p = arena_alloc(a, new_size);
    memcpy(p, old, old_size);
    return p;
}

char *arena_strdup(struct arena *a, const char *s) { return s ? arena_strndup(a, s, strlen(s)) : NULL; }

char *arena_strndup(struct arena *a, const char *s, size_t n) {
    if (n == SIZE_MAX) abort();
    char *p = arena_raw(a, n + 1);
    if (n) memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    char *s = arena_vprintf(a, fmt, ap);
    va_end(ap);
    return s;
}

static char *put_decimal(char *out, size_t n) {
    char digits[24], *d = digits + sizeof digits;
    do *--d = (char)('0' + n % 10);
    while (n /= 10);
    size_t len = (size_t)(digits + sizeof digits - d);
    memcpy(out, d, len);
    return out + len;
}

/* Formats of nothing but text, %s and %zu: paths of fields, of which a review makes dozens, and vsnprintf takes ten times as long.
 * Returns the length, -1 when the format has more or `out` is too small. */
static int format_simple(char *out, size_t size, const char *fmt, va_list ap) {
    enum { DIGITS_MAX = 20 };
    char *at = out, *end = out + size;
    while (*fmt) {
        const char *piece = fmt;
        size_t n = (size_t)(strchrnul(fmt, '%') - fmt);
        if (n > 0) {
            fmt += n;
        } else if (fmt[1] == 's') {
            piece = va_arg(ap, const char *);
            n = piece ? strlen(piece) : size;
            fmt += 2;
        } else if (fmt[1] == 'z' && fmt[2] == 'u') {
            if (end - at < DIGITS_MAX) return -1;
            at = put_decimal(at, va_arg(ap, size_t));
            fmt += 3;
        } else {
            return -1;
        }
        if (n >= (size_t)(end - at)) return -1;
        memcpy(at, piece, n);
        at += n;
    }
    return (int)(at - out);
}

char *arena_vprintf(struct arena *a, const char *fmt, va_list ap) {
    char small[256];
    va_list first, again;
    va_copy(first, ap);
    va_copy(again, ap);
    int n = format_simple(small, sizeof small, fmt, first);
    if (n < 0) n = vsnprintf(small, sizeof small, fmt, ap);
    if (n < 0) abort();
    char *s = arena_raw(a, (size_t)n + 1);
    if ((size_t)n >= sizeof small) vsnprintf(s, (size_t)n + 1, fmt, again);
    else memcpy(s, small, (size_t)n);
    s[n] = '\0';
    va_end(first);
    va_end(again);
    return s;
}

void arena_defer(struct arena *a, void (*fn)(void *), void *arg) {
    struct hook *h = ARENA_NEW(a, struct hook);
    *h = (struct hook){a->hooks, fn, arg};
    a->hooks = h;
}

size_t arena_bytes(const struct arena *a) { return a->bytes; }

void arena_cleanup(struct arena **a) {
    arena_free(*a);
    *a = NULL;
}
