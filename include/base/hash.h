/* Hashes that other programs can see: they name objects, so their bytes never change. */
#ifndef RBG_BASE_HASH_H
#define RBG_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#define FNV32_INIT 2166136261u

/* FNV-1 and FNV-1a, 32 bit, continued from `h` (start with FNV32_INIT). http://www.isthe.com/chongo/tech/comp/fnv/ */
uint32_t fnv1_32(uint32_t h, const void *p, size_t n);
uint32_t fnv1a_32(uint32_t h, const void *p, size_t n);
uint64_t fnv1a_64(const void *p, size_t n); /* for hash tables and change detection only */

/* Kubernetes' safe encoding of a decimal number: digits 0..9 -> 4 5 6 7 8 9 b c d f; no padding. out: >= 11 bytes. */
char *safe_encode_u32(uint32_t v, char out[16]);

/* Lowercase hex SHA-1 of p. */
char *sha1_hex(const void *p, size_t n, char out[41]);

#endif
