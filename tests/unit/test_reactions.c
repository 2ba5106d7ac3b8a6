/* The lists of reactions in a message, at their limits. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/reactions.h"

static struct arena arena;
static WireMessage message;

static void setup(void)
{
    arena_init(&arena, NULL, 64u << 20);
    wire_message__init(&message);
}

static void teardown(void) { arena_fini(&arena); }

START_TEST(a_thousand_fit_and_one_more_does_not)
{
    for (uint64_t user = 1; user <= CHAT_REACTIONS_MAX; user++)
        ck_assert_int_eq(reactions_add(&message, &arena, user % 2 ? "a" : "b", user),
                         REACTIONS_CHANGED);
    ck_assert_int_eq(reactions_add(&message, &arena, "a", 5000), REACTIONS_TOO_MANY);
    ck_assert_int_eq(reactions_add(&message, &arena, "c", 5000), REACTIONS_TOO_MANY);
    ck_assert_int_eq(reactions_add(&message, &arena, "a", 1), REACTIONS_SAME);
    ck_assert_int_eq(reactions_remove(&message, &arena, "a", 1), REACTIONS_CHANGED);
    ck_assert_int_eq(reactions_add(&message, &arena, "c", 5000), REACTIONS_CHANGED);
    ck_assert_uint_eq(message.n_reactions, 3);
    ck_assert_uint_eq(message.reactions[0]->n_user_ids, CHAT_REACTIONS_MAX / 2 - 1);
    ck_assert_uint_eq(message.reactions[0]->user_ids[0], 3);
}
END_TEST

START_TEST(what_was_there_before_is_left_as_it_is)
{
    WireMessage before;

    reactions_add(&message, &arena, "a", 1);
    before = message;
    reactions_add(&message, &arena, "a", 2);
    reactions_remove(&message, &arena, "a", 1);
    ck_assert_uint_eq(before.reactions[0]->n_user_ids, 1);
    ck_assert_uint_eq(before.reactions[0]->user_ids[0], 1);
    ck_assert_uint_eq(message.reactions[0]->user_ids[0], 2);
}
END_TEST

START_TEST(without_memory_nothing_changes)
{
    struct arena small;

    reactions_add(&message, &arena, "a", 1);
    arena_init(&small, NULL, 16);
    ck_assert_int_eq(reactions_add(&message, &small, "a", 2), REACTIONS_NO_MEMORY);
    ck_assert_int_eq(reactions_remove(&message, &small, "a", 1), REACTIONS_NO_MEMORY);
    ck_assert_uint_eq(message.reactions[0]->n_user_ids, 1);
    arena_fini(&small);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reactions");
    TCase *tc = tcase_create("lists");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_thousand_fit_and_one_more_does_not);
    tcase_add_test(tc, what_was_there_before_is_left_as_it_is);
    tcase_add_test(tc, without_memory_nothing_changes);
    suite_add_tcase(suite, tc);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
