#include "memory.h"

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SLACK (64 * MIB)
/* The sanitizer would keep 256 MiB of freed memory, which hides what is measured here. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "quarantine_size_mb=8"; }
#elif defined(__SANITIZE_THREAD__)
#define SLACK (128 * MIB) /* shadow memory counts */
#else
#define SLACK (12 * MIB)
#endif

static size_t pages_of(bool resident) {
    long mapped = 0, used = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert(f && fscanf(f, "%ld %ld", &mapped, &used) == 2);
    fclose(f);
    return (size_t)(resident ? used : mapped) * (size_t)sysconf(_SC_PAGESIZE);
}

size_t memory_resident(void) { return pages_of(true); }

size_t memory_mapped(void) { return pages_of(false); }

void memory_assert_bounded(size_t before) {
    size_t after = memory_resident();
    ck_assert_msg(after < before + SLACK, "%zu KiB before, %zu KiB after", before / 1024, after / 1024);
}
