/* What the fuzz targets share. A target is one function with libFuzzer's signature; the same object file is linked with
 * libFuzzer (hack/fuzz.sh) or with replay.c, which runs the checked-in corpus as an ordinary test. */
#ifndef RBG_FUZZ_H
#define RBG_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "doc/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property of the code under test: ends the process, so that libFuzzer keeps the input. */
#define PROPERTY(cond, ...) \
    do { \
        if (!(cond)) { \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond); \
            fprintf(stderr, __VA_ARGS__); \
            fputc('\n', stderr); \
            abort(); \
        } \
    } while (0)

/* A unit of work may take this much memory for `size` bytes of input. A value of a byte or two is a node of 24 bytes, an entry of
 * 24 and, where it is wrong, an error of some hundred; three trees of each are in memory at most. */
static inline void fuzz_bounded(const struct arena *a, size_t size) {
    size_t most = ((size_t)4 << 20) + size * 4096;
    PROPERTY(arena_bytes(a) <= most, "%zu bytes of memory for an input of %zu", arena_bytes(a), size);
}

/* The tree must survive being written and read. Returns what was read. */
static inline struct jv *fuzz_round_trip(struct arena *a, const struct jv *v) {
    struct err e = ERR_INIT;
    BUF_AUTO struct buf text = BUF_INIT;
    json_write(&text, v);
    const struct json_limits none = {SIZE_MAX, 100000, UINT32_MAX};
    struct jv *again = json_parse(a, buf_str(&text), text.len, &none, &e);
    PROPERTY(again, "what was written can't be read: %s", e.msg);
    PROPERTY(jv_eq(v, again), "what was read differs from what was written: %.300s", buf_str(&text));
    return again;
}

#endif
