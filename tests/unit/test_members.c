/* An array without gaps that grows without moving what is many. */
#include <check.h>
#include <stdlib.h>

#include "../support/faulty_alloc.h"
#include "server/router/members.h"

#define MANY (20u * MEMBERS_BLOCK + 7u) /* the pointers to blocks grow, too */

static struct members m;
static struct faulty_alloc memory;

static void setup(void)
{
    m = (struct members){0};
    faulty_alloc_init(&memory);
}

static void teardown(void)
{
    members_fini(&m, &memory.allocator);
    ck_assert_uint_eq(memory.live, 0);
}

static void push(uint32_t session)
{
    ck_assert_int_eq(members_reserve(&m, &memory.allocator), CHAT_OK);
    members_push(&m, &(struct home_member){.session = session, .permissions = 1, .slot = 3});
}

START_TEST(they_stand_in_the_order_they_came)
{
    for (uint32_t i = 0; i < MANY; i++)
        push(i);

    ck_assert_uint_eq(m.count, MANY);
    for (uint32_t i = 0; i < MANY; i++)
        ck_assert_uint_eq(members_get(&m, i).session, i);
}
END_TEST

START_TEST(all_of_a_member_is_kept_while_it_grows)
{
    for (uint32_t i = 0; i < MANY; i++) {
        const struct home_member member = {.session = MEMBERS_SESSION_MAX - i,
                                           .permissions = (uint16_t)(0xffff - i),
                                           .slot = (uint16_t)(MEMBERS_SLOT_MAX - i % 4096)};
        ck_assert_int_eq(members_reserve(&m, &memory.allocator), CHAT_OK);
        members_push(&m, &member);
    }
    members_set_permissions(&m, 300, 5);

    for (uint32_t i = 0; i < MANY; i++) {
        const struct home_member member = members_get(&m, i);
        ck_assert_uint_eq(member.session, MEMBERS_SESSION_MAX - i);
        ck_assert_uint_eq(member.permissions, i == 300 ? 5 : (uint16_t)(0xffff - i));
        ck_assert_uint_eq(member.slot, MEMBERS_SLOT_MAX - i % 4096);
    }
}
END_TEST

START_TEST(beyond_a_block_nothing_moves)
{
    const uint32_t *early, *late;

    for (uint32_t i = 0; i < 2 * MEMBERS_BLOCK; i++)
        push(i);
    early = m.first;
    late = m.blocks[0];
    for (uint32_t i = m.count; i < MANY; i++)
        push(i);

    ck_assert_ptr_eq(m.first, early);
    ck_assert_ptr_eq(m.blocks[0], late);
    ck_assert_uint_le(m.cap, MANY + MEMBERS_BLOCK);
}
END_TEST

START_TEST(the_last_takes_the_place_of_who_leaves)
{
    for (uint32_t i = 0; i < MANY; i++)
        push(i);
    members_take(&m, 5);
    ck_assert_uint_eq(members_get(&m, 5).session, MANY - 1);
    members_take(&m, MEMBERS_BLOCK + 5);
    ck_assert_uint_eq(members_get(&m, MEMBERS_BLOCK + 5).session, MANY - 2);
    while (m.count > 0)
        members_take(&m, m.count - 1);
    push(9);
    ck_assert_uint_eq(members_get(&m, 0).session, 9);
}
END_TEST

START_TEST(without_memory_nothing_changes_and_it_goes_on_later)
{
    for (uint32_t i = 0; i < MANY; i++) {
        while (m.count == m.cap) {
            const uint32_t cap = m.cap;

            for (size_t allowed = 0; m.cap == cap; allowed++) {
                faulty_alloc_fail_after(&memory, allowed);
                if (members_reserve(&m, &memory.allocator) != CHAT_OK)
                    ck_assert_uint_eq(m.cap, cap);
            }
            faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
        }
        push(i);
    }
    for (uint32_t i = 0; i < MANY; i++)
        ck_assert_uint_eq(members_get(&m, i).session, i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("members");
    TCase *all = tcase_create("members");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, they_stand_in_the_order_they_came);
    tcase_add_test(all, all_of_a_member_is_kept_while_it_grows);
    tcase_add_test(all, beyond_a_block_nothing_moves);
    tcase_add_test(all, the_last_takes_the_place_of_who_leaves);
    tcase_add_test(all, without_memory_nothing_changes_and_it_goes_on_later);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
