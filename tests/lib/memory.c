#include "memory.h"

#include <check.h>
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

size_t memory_resident(void) {
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert(f && fscanf(f, "%*s %ld", &pages) == 1);
    fclose(f);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

void memory_assert_bounded(size_t before) {
    size_t after = memory_resident();
    ck_assert_msg(after < before + SLACK, "%zu KiB before, %zu KiB after", before / 1024, after / 1024);
}
