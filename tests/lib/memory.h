/* Whether memory stays bounded, for tests that nothing may stay behind. A test that uses this gets a sanitizer that soon gives back
 * what was freed. */
#ifndef RBG_TEST_MEMORY_H
#define RBG_TEST_MEMORY_H

#include <stddef.h>

#define MIB ((size_t)1 << 20)

/* The resident memory of the process, in bytes. */
size_t memory_resident(void);

/* The addresses that it has mapped, touched or not, in bytes. */
size_t memory_mapped(void);

/* Fails the test when the process has grown by 12 MiB or more since it had `before`; with a sanitizer, by some times that. */
void memory_assert_bounded(size_t before);

#endif
