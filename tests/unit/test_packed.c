/* The lists of a message as bytes: there and back, and what is no such bytes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cache/packed.h"

static struct packed_reactions lists;
static struct chat_message out;

static void setup(void)
{
    memset(&lists, 0, sizeof(lists));
    memset(&out, 0, sizeof(out));
}

START_TEST(ids_come_back_as_they_were)
{
    uint64_t ids[CHAT_MENTIONS_MAX], back[CHAT_MENTIONS_MAX];
    uint8_t bytes[PACKED_IDS_MAX + 8];

    for (size_t i = 0; i < CHAT_MENTIONS_MAX; i++)
        ids[i] = UINT64_C(0x0123456789abcdef) * (i + 1);
    ck_assert_uint_eq(packed_put_ids(ids, CHAT_MENTIONS_MAX, bytes), PACKED_IDS_MAX);
    ck_assert_uint_eq(bytes[0], 0xef); /* the least first, on every machine */
    ck_assert_uint_eq(packed_get_ids(bytes, PACKED_IDS_MAX, back), CHAT_MENTIONS_MAX);
    ck_assert_mem_eq(back, ids, sizeof(ids));
    ck_assert_uint_eq(packed_get_ids(bytes, sizeof(bytes), back), CHAT_MENTIONS_MAX);
    ck_assert_uint_eq(packed_get_ids(bytes, 15, back), 1);
    ck_assert_uint_eq(packed_get_ids(NULL, 0, back), 0);
}
END_TEST

START_TEST(reactions_at_all_their_limits_come_back)
{
    static uint64_t users[CHAT_REACTIONS_MAX];
    static uint8_t bytes[PACKED_REACTIONS_MAX];
    struct chat_reaction reactions[CHAT_REACTION_KINDS_MAX];
    const struct chat_reaction *pointers[CHAT_REACTION_KINDS_MAX];
    char emoji[CHAT_EMOJI_MAX + 1];
    struct chat_message m = {.reactions = pointers, .reactions_count = CHAT_REACTION_KINDS_MAX};
    const size_t each = CHAT_REACTIONS_MAX / CHAT_REACTION_KINDS_MAX;
    size_t len;

    memset(emoji, 'e', sizeof(emoji));
    for (size_t i = 0; i < CHAT_REACTIONS_MAX; i++)
        users[i] = i + 1;
    for (size_t i = 0; i < CHAT_REACTION_KINDS_MAX; i++) {
        reactions[i] = (struct chat_reaction){.emoji = emoji,
                                              .emoji_len = CHAT_EMOJI_MAX,
                                              .count = each,
                                              .user_ids = users + i * each};
        pointers[i] = &reactions[i];
    }
    len = packed_put_reactions(&m, bytes);
    ck_assert_uint_le(len, PACKED_REACTIONS_MAX);
    packed_get_reactions(bytes, len, each + 1, &lists, &out);
    ck_assert_uint_eq(out.reactions_count, CHAT_REACTION_KINDS_MAX);
    for (size_t i = 0; i < CHAT_REACTION_KINDS_MAX; i++) {
        ck_assert_uint_eq(out.reactions[i]->count, each);
        ck_assert_mem_eq(out.reactions[i]->emoji, emoji, CHAT_EMOJI_MAX);
        ck_assert_int_eq(out.reactions[i]->emoji[CHAT_EMOJI_MAX], 0);
        ck_assert_uint_eq(out.reactions[i]->user_ids[0], i * each + 1);
        ck_assert_int_eq(out.reactions[i]->mine, i == 1);
    }
}
END_TEST

/* Of every length, cut and with each byte turned: nothing is read beyond the end. */
START_TEST(other_bytes_are_left_out)
{
    static const uint64_t users[2] = {7, 8};
    const struct chat_reaction reaction = {
        .emoji = "x", .emoji_len = 1, .count = 2, .user_ids = users};
    const struct chat_reaction *pointers[1] = {&reaction};
    const struct chat_message m = {.reactions = pointers, .reactions_count = 1};
    uint8_t bytes[PACKED_REACTIONS_MAX];
    size_t len = packed_put_reactions(&m, bytes);

    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1);

        ck_assert_ptr_nonnull(exact);
        memcpy(exact, bytes, cut);
        packed_get_reactions(exact, cut, 0, &lists, &out);
        ck_assert_uint_eq(out.reactions_count, 0);
        free(exact);
    }
    for (size_t i = 0; i < len * 8; i++) {
        uint8_t *exact = malloc(len);

        ck_assert_ptr_nonnull(exact);
        memcpy(exact, bytes, len);
        exact[i / 8] ^= (uint8_t)(1u << i % 8);
        packed_get_reactions(exact, len, 0, &lists, &out);
        ck_assert_uint_le(out.reactions_count, CHAT_REACTION_KINDS_MAX);
        free(exact);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("packed");
    TCase *tc = tcase_create("bytes");

    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, ids_come_back_as_they_were);
    tcase_add_test(tc, reactions_at_all_their_limits_come_back);
    tcase_add_test(tc, other_bytes_are_left_out);
    suite_add_tcase(suite, tc);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
