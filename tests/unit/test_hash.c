/* Published vectors: what is stored or sent must hash the same for ever. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"

/* vectors_sip64 of the reference implementation: key 00 01 .. 0f, message 00 01 .. (n-1). */
static const uint64_t sip_vectors[16] = {
    UINT64_C(0x726fdb47dd0e0e31), UINT64_C(0x74f839c593dc67fd), UINT64_C(0x0d6c8009d9a94f5a),
    UINT64_C(0x85676696d7fb7e2d), UINT64_C(0xcf2794e0277187b7), UINT64_C(0x18765564cd99a68d),
    UINT64_C(0xcbc9466e58fee3ce), UINT64_C(0xab0200f58b01d137), UINT64_C(0x93f5f5799a932462),
    UINT64_C(0x9e0082df0ba9e4b0), UINT64_C(0x7a5dbbc594ddb9f3), UINT64_C(0xf4b32f46226bada7),
    UINT64_C(0x751e8fbc860ee5fb), UINT64_C(0x14ea5627c0843d90), UINT64_C(0xf723ca908e7af2ee),
    UINT64_C(0xa129ca6149be45e5),
};

static const uint64_t sip_key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

START_TEST(siphash_equals_the_published_vectors)
{
    uint8_t message[16];

    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)i;
    ck_assert_uint_eq(hash_bytes(sip_key, message, (size_t)_i), sip_vectors[_i]);
}
END_TEST

START_TEST(siphash_depends_on_the_key)
{
    uint64_t other[2] = {sip_key[0], sip_key[1] ^ 1};

    ck_assert_uint_ne(hash_bytes(sip_key, "abc", 3), hash_bytes(other, "abc", 3));
}
END_TEST

static const struct {
    const char *name;
    uint8_t first, step;
    size_t len;
    uint32_t crc;
} crc_vectors[] = {
    /* RFC 3720, B.4 */
    {"32 of 00", 0x00, 0, 32, 0x8a9136aa},
    {"32 of ff", 0xff, 0, 32, 0x62a8ab43},
    {"00 up to 1f", 0x00, 1, 32, 0x46dd794e},
    {"1f down to 00", 0x1f, 0xff, 32, 0x113fdb5c},
    /* the check value of the CRC catalogues */
    {"123456789", '1', 1, 9, 0xe3069283},
    {"nothing", 0, 0, 0, 0},
};

START_TEST(crc32c_equals_the_published_vectors)
{
    uint8_t bytes[32];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(crc_vectors[_i].first + i * crc_vectors[_i].step);
    ck_assert_uint_eq(hash_crc32c(0, bytes, crc_vectors[_i].len), crc_vectors[_i].crc);
    ck_assert_uint_eq(hash_crc32c_portable(0, bytes, crc_vectors[_i].len), crc_vectors[_i].crc);
}
END_TEST

/* Bit by bit, as in the definition. */
static uint32_t plain_crc32c(const uint8_t *bytes, size_t len)
{
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < len; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
    }
    return ~crc;
}

START_TEST(crc32c_is_the_same_by_every_path_at_every_length_and_alignment)
{
    uint8_t bytes[256];
    struct rng r;

    rng_seed(&r, 1);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)rng_u64(&r);
    for (size_t start = 0; start < 9; start++) {
        for (size_t len = 0; start + len <= sizeof(bytes); len++) {
            uint32_t expected = plain_crc32c(bytes + start, len);
            ck_assert_uint_eq(hash_crc32c(0, bytes + start, len), expected);
            ck_assert_uint_eq(hash_crc32c_portable(0, bytes + start, len), expected);
        }
    }
}
END_TEST

START_TEST(crc32c_goes_on_from_any_cut)
{
    static const char text[] = "the quick brown fox jumps over the lazy dog";
    uint32_t whole = hash_crc32c(0, text, sizeof(text));

    for (size_t cut = 0; cut <= sizeof(text); cut++) {
        uint32_t first = hash_crc32c(0, text, cut);
        ck_assert_uint_eq(hash_crc32c(first, text + cut, sizeof(text) - cut), whole);
        ck_assert_uint_eq(hash_crc32c_portable(first, text + cut, sizeof(text) - cut), whole);
    }
}
END_TEST

START_TEST(number_hashes_are_stable)
{
    /* splitmix64 seeded with 0 gives this first. */
    ck_assert_uint_eq(hash_u64(UINT64_C(0x9e3779b97f4a7c15)), UINT64_C(0xe220a8397b1dcdaf));
    ck_assert_uint_eq(hash_pair(1, 2), UINT64_C(0xf2826f98653e9e57));
    ck_assert_uint_ne(hash_pair(1, 2), hash_pair(2, 1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hash");
    TCase *all = tcase_create("all");

    tcase_add_loop_test(all, siphash_equals_the_published_vectors, 0, 16);
    tcase_add_test(all, siphash_depends_on_the_key);
    tcase_add_loop_test(all, crc32c_equals_the_published_vectors, 0,
                        (int)(sizeof(crc_vectors) / sizeof(crc_vectors[0])));
    tcase_add_test(all, crc32c_is_the_same_by_every_path_at_every_length_and_alignment);
    tcase_add_test(all, crc32c_goes_on_from_any_cut);
    tcase_add_test(all, number_hashes_are_stable);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
