/* Random numbers for tests: the same ones for the same seed. */
#ifndef RBG_TEST_CHANCE_H
#define RBG_TEST_CHANCE_H

#include <stdint.h>

/* A number from 0 to n - 1 (n at least 1); *state moves on and is never 0. Xorshift64*: S. Vigna, ACM TOMS 42(4), 2016. */
static inline uint32_t chance_below(uint64_t *state, uint32_t n) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)(*state * 2685821657736338717u >> 33) % n;
}

#endif
