/* How many deleted messages above a read cursor do not count as unread, as a store tells it. */
#include "../support/faulty_alloc.h"
#include "store_own.h"

/* Of ann in the direct, who has read so far. */
static uint64_t deleted_above(uint64_t read_seq)
{
    WireSubscribe subscribe = WIRE_SUBSCRIBE__INIT;
    const WireLinkFrame *answer;

    subscribe.home_id = direct;
    subscribe.user_id = ann;
    subscribe.read_seq = read_seq;
    answer = ask(ann, BODY(SUBSCRIBE), &subscribe);
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, BODY(SUBSCRIBED));
    ck_assert_uint_eq(answer->subscribed->n_channels, 1);
    return answer->subscribed->channels[0]->deleted_unread;
}

static uint64_t next_counter = 100;

static const WireLinkFrame *delete_one(uint64_t seq)
{
    return host_delete(&h, link, ann, direct, ++next_counter, seq);
}

static uint64_t rev_of(const WireLinkFrame *answer)
{
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, BODY(ALTERED));
    return answer->altered->rev;
}

static void expect_counts_of_2_and_4(void)
{
    ck_assert_uint_eq(deleted_above(0), 2);
    ck_assert_uint_eq(deleted_above(1), 2);
    ck_assert_uint_eq(deleted_above(2), 1);
    ck_assert_uint_eq(deleted_above(3), 1);
    ck_assert_uint_eq(deleted_above(4), 0);
    ck_assert_uint_eq(deleted_above(UINT64_MAX), 0);
}

START_TEST(deleted_messages_above_the_cursor_are_counted_wherever_their_rows_are)
{
    ck_assert_uint_eq(deleted_above(0), 0);
    (void)rev_of(delete_one(4));
    store_host_wait(&h, 3000); /* a row */
    restart();
    ck_assert_uint_eq(deleted_above(0), 1);
    (void)rev_of(delete_one(2));
    (void)rev_of(host_edit(&h, link, ann, direct, ++next_counter, 3, "edited"));
    expect_counts_of_2_and_4();
    restart(); /* one row, one in the log */
    expect_counts_of_2_and_4();
    store_host_wait(&h, 3000);
    restart();
    expect_counts_of_2_and_4();
}
END_TEST

START_TEST(who_is_not_named_is_told_no_count)
{
    WireSubscribe subscribe = WIRE_SUBSCRIBE__INIT;
    const WireLinkFrame *answer;

    (void)rev_of(delete_one(2));
    subscribe.home_id = direct;
    subscribe.user_ids = &ann;
    subscribe.n_user_ids = 1;
    answer = ask(0, BODY(SUBSCRIBE), &subscribe);
    ck_assert_uint_eq(answer->subscribed->channels[0]->deleted_unread, 0);
}
END_TEST

START_TEST(what_is_deleted_already_stays_as_it_is)
{
    const uint64_t rev = rev_of(delete_one(3));

    ck_assert_uint_eq(rev_of(delete_one(3)), rev);
    ck_assert_uint_eq(rev_of(host_edit(&h, link, ann, direct, ++next_counter, 1, "x")), rev + 1);
    ck_assert_uint_eq(rev_of(delete_one(3)), rev);
    ck_assert_uint_eq(deleted_above(0), 1);
    restart();
    ck_assert_uint_eq(rev_of(delete_one(3)), rev);
    ck_assert_uint_eq(deleted_above(0), 1);
}
END_TEST

START_TEST(a_deletion_that_is_refused_does_not_count)
{
    store_host_fail_next(&h, 0, ENGINE_APPEND, CHAT_E_FULL, false);
    expect_problem(delete_one(3), PROBLEM_OF(STORAGE_FULL));
    ck_assert_uint_eq(deleted_above(0), 0);
    expect_problem(host_delete(&h, link, bob, direct, ++next_counter, 3), PROBLEM_OF(FORBIDDEN));
    ck_assert_uint_eq(deleted_above(0), 0);
}
END_TEST

START_TEST(a_deletion_that_finds_no_memory_does_not_count)
{
    static struct faulty_alloc memory;
    size_t allowed = 0;

    faulty_alloc_init(&memory);
    store_host_kill(&h, 0);
    h.configs[0].allocator = &memory.allocator;
    for (; allowed == 0 || memory.failed; allowed++) {
        const WireLinkFrame *answer;

        store_host_start(&h, 0);
        link = store_host_connect(&h, 0);
        store_host_forget(&h);
        (void)deleted_above(0);
        faulty_alloc_fail_at(&memory, allowed, false);
        answer = delete_one(3);
        faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
        store_host_wait(&h, 5000);
        if (!store_host_is_open(&h, link))
            link = store_host_connect(&h, 0);
        if (answer && answer->body_case == BODY(PROBLEM) &&
            answer->problem->code == PROBLEM_OF(OVERLOADED))
            ck_assert_uint_eq(deleted_above(0), 0);
        ck_assert_uint_le(deleted_above(0), 1);
        if (deleted_above(0) == 1) /* it is in, answered or not */
            break;
        store_host_kill(&h, 0);
    }
    ck_assert_uint_gt(allowed, 3);
    ck_assert_uint_eq(deleted_above(0), 1);
    store_host_kill(&h, 0);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

static void expect_counts_of_all(uint64_t head)
{
    ck_assert_uint_eq(deleted_above(0), HOME_TOMBSTONES_MAX); /* or more */
    ck_assert_uint_eq(deleted_above(head - HOME_TOMBSTONES_MAX), HOME_TOMBSTONES_MAX);
    ck_assert_uint_eq(deleted_above(head - HOME_TOMBSTONES_MAX + 1), HOME_TOMBSTONES_MAX - 1);
    ck_assert_uint_eq(deleted_above(head - 1), 1);
}

START_TEST(the_newest_1000_are_counted_in_whatever_order_they_came)
{
    const uint64_t head = HOME_TOMBSTONES_MAX + 50;

    for (uint64_t seq = 6; seq <= head; seq++)
        (void)expect_sent(host_send(&h, link, ann, direct, ++next_counter, 0, "x"), seq);
    for (uint64_t i = 0; i < head; i++) {
        (void)rev_of(delete_one(i * 11 % head + 1)); /* 11 and head have no common divisor */
        if (i % 100 == 0)
            store_host_forget(&h);
    }
    expect_counts_of_all(head);
    restart();
    expect_counts_of_all(head);
    store_host_wait(&h, 5000);
    restart();
    expect_counts_of_all(head);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_tombstones");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, deleted_messages_above_the_cursor_are_counted_wherever_their_rows_are);
    tcase_add_test(all, who_is_not_named_is_told_no_count);
    tcase_add_test(all, what_is_deleted_already_stays_as_it_is);
    tcase_add_test(all, a_deletion_that_is_refused_does_not_count);
    tcase_add_test(all, a_deletion_that_finds_no_memory_does_not_count);
    tcase_add_test(all, the_newest_1000_are_counted_in_whatever_order_they_came);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
