/* Hashes whose bytes never change: they are part of object names. Pure functions, any thread. SHA-1 names things here
 * (as git does); it protects nothing. */
#include "base/hash.h"

#include <gnutls/crypto.h>
#include <stdlib.h>

#define FNV32_PRIME 16777619u
#define FNV64_INIT 14695981039346656037u
#define FNV64_PRIME 1099511628211u

uint32_t fnv1_32(uint32_t h, const void *p, size_t n) {
    const unsigned char *s = p;
    for (size_t i = 0; i < n; i++) h = (h * FNV32_PRIME) ^ s[i];
    return h;
}

uint32_t fnv1a_32(uint32_t h, const void *p, size_t n) {
    const unsigned char *s = p;
    for (size_t i = 0; i < n; i++) h = (h ^ s[i]) * FNV32_PRIME;
    return h;
}

uint64_t fnv1a_64(const void *p, size_t n) {
    const unsigned char *s = p;
    uint64_t h = FNV64_INIT;
    for (size_t i = 0; i < n; i++) h = (h ^ s[i]) * FNV64_PRIME;
    return h;
}

/* rand.SafeEncodeString of k8s.io/apimachinery/pkg/util maps each byte to "bcdfghjklmnpqrstvwxz2456789"[byte % 27].
 * Over the ASCII digits 48..57 that starts at index 21 and wraps after '5', hence the string below. */
char *safe_encode_u32(uint32_t v, char out[16]) {
    static const char digits[] = "456789bcdf";
    char tmp[16];
    size_t n = 0;
    do {
        tmp[n++] = digits[v % 10];
        v /= 10;
    } while (v);
    for (size_t i = 0; i < n; i++) out[i] = tmp[n - 1 - i];
    out[n] = '\0';
    return out;
}

char *sha1_hex(const void *p, size_t n, char out[41]) {
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[20];
    if (gnutls_hash_fast(GNUTLS_DIG_SHA1, n ? p : "", n, digest) != 0) abort();
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = hex[digest[i] >> 4];
        out[2 * i + 1] = hex[digest[i] & 15];
    }
    out[40] = '\0';
    return out;
}
