/* Hashes. hash_bytes is keyed, for tables whose keys come from outside. */
#ifndef CHAT_BASE_HASH_H
#define CHAT_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

/* A good mix of one number (splitmix64's finalizer). Stable for ever. */
static inline uint64_t hash_u64(uint64_t x)
{
    x ^= x >> 30;
    x *= UINT64_C(0xbf58476d1ce4e5b9);
    x ^= x >> 27;
    x *= UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/* Combines; order matters. */
static inline uint64_t hash_pair(uint64_t a, uint64_t b)
{
    return hash_u64(a ^ hash_u64(b + UINT64_C(0x9e3779b97f4a7c15)));
}

/* SipHash-2-4. Stable for ever: stored keys depend on it. */
uint64_t hash_bytes(const uint64_t key[2], const void *bytes, size_t len);

/* CRC-32C (Castagnoli); start with 0, feed the last result to go on. */
uint32_t hash_crc32c(uint32_t crc, const void *bytes, size_t len);
/* The same without the processor's instruction for it: for tests to compare with. */
uint32_t hash_crc32c_portable(uint32_t crc, const void *bytes, size_t len);

#endif
