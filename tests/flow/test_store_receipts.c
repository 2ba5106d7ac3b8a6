/* Receipts and typing, as a store keeps and passes them on. */
#include "base/snowflake.h"
#include "store_own.h"

/* --- receipts --- */

static void mark(uint64_t user, uint64_t channel, uint64_t delivered, uint64_t read)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireReceiptMark m = WIRE_RECEIPT_MARK__INIT;

    m.channel_id = channel;
    m.delivered_seq = delivered;
    m.read_seq = read;
    frame.user_id = user;
    frame.body_case = BODY(RECEIPT_MARK);
    frame.receipt_mark = &m;
    store_host_tell(&h, link, &frame);
}

static const WireReceipts *fetch(uint64_t user, uint64_t channel)
{
    WireFetchReceipts f = WIRE_FETCH_RECEIPTS__INIT;
    const WireLinkFrame *answer;

    f.channel_id = channel;
    answer = ask(user, BODY(FETCH_RECEIPTS), &f);
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, BODY(RECEIPTS));
    return answer->receipts;
}

static void expect_receipt(const WireReceipts *r, uint64_t user, uint64_t delivered, uint64_t read)
{
    for (size_t i = 0; i < r->n_receipts; i++) {
        if (r->receipts[i]->user_id != user)
            continue;
        ck_assert_uint_eq(r->receipts[i]->delivered_seq, delivered);
        ck_assert_uint_eq(r->receipts[i]->read_seq, read);
        return;
    }
    ck_abort_msg("no receipt of that user");
}

START_TEST(receipts_gather_and_are_published_once_a_second)
{
    const WireHomeEvent *event;

    mark(bob, direct, 1, 0);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 1); /* the first one at once */
    mark(bob, direct, 2, 0);
    mark(ann, direct, 3, 3);
    mark(bob, direct, 4, 3);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 1);
    store_host_wait(&h, 1000);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 2);
    event = event_of(direct, EVENT(RECEIPTS), 1);
    ck_assert_uint_eq(event->receipts->n_receipts, 2);
    expect_receipt(event->receipts, bob, 4, 3);
    expect_receipt(event->receipts, ann, 3, 3);
    store_host_wait(&h, 5000);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 2);
}
END_TEST

START_TEST(receipts_only_rise_and_never_pass_the_head)
{
    mark(bob, direct, 99, 4);
    store_host_wait(&h, 1000);
    mark(bob, direct, 2, 1);
    store_host_wait(&h, 1000);
    expect_receipt(fetch(ann, direct), bob, 5, 4);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 1);
    mark(bob, direct, 0, 5);
    store_host_wait(&h, 1000);
    expect_receipt(fetch(ann, direct), bob, 5, 5);
}
END_TEST

START_TEST(who_has_read_it_has_it)
{
    mark(bob, direct, 0, 3);
    store_host_wait(&h, 1000);
    expect_receipt(fetch(bob, direct), bob, 3, 3);
}
END_TEST

START_TEST(who_may_not_see_the_channel_neither_marks_nor_asks)
{
    WireFetchReceipts f = WIRE_FETCH_RECEIPTS__INIT;

    mark(eve, direct, 5, 5);
    mark(bob, eve, 5, 5); /* a user's home has no channel */
    mark(bob, direct << 8, 5, 5);
    store_host_wait(&h, 2000);
    ck_assert_uint_eq(fetch(ann, direct)->n_receipts, 0);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 0);
    f.channel_id = direct;
    expect_problem(ask(eve, BODY(FETCH_RECEIPTS), &f), PROBLEM_OF(FORBIDDEN));
    f.channel_id = eve;
    expect_problem(ask(eve, BODY(FETCH_RECEIPTS), &f), PROBLEM_OF(NOT_FOUND));
}
END_TEST

START_TEST(journaled_receipts_survive_a_crash)
{
    mark(bob, direct, 2, 1);
    mark(bob, direct, 5, 5); /* still gathering */
    restart();
    expect_receipt(fetch(ann, direct), bob, 2, 1);
    mark(bob, direct, 5, 5); /* its device says it again */
    store_host_wait(&h, 1000);
    restart();
    expect_receipt(fetch(ann, direct), bob, 5, 5);
    store_host_wait(&h, 3000); /* rows */
    restart();
    expect_receipt(fetch(ann, direct), bob, 5, 5);
}
END_TEST

START_TEST(receipts_that_are_not_synced_are_not_told)
{
    const WireReceipts *receipts;
    WireFetchReceipts f = WIRE_FETCH_RECEIPTS__INIT;

    h.hold[ENGINE_APPEND] = true;
    mark(bob, direct, 5, 5);
    f.channel_id = direct;
    ck_assert_ptr_null(ask(ann, BODY(FETCH_RECEIPTS), &f));
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 0);
    store_host_release(&h, ENGINE_APPEND);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 1);
    receipts = fetch(ann, direct);
    expect_receipt(receipts, bob, 5, 5);
}
END_TEST

START_TEST(receipts_refused_by_a_full_disk_are_said_again)
{
    store_host_fail_next(&h, 0, ENGINE_APPEND, CHAT_E_FULL, false);
    mark(bob, direct, 5, 5);
    store_host_wait(&h, 2000);
    ck_assert_uint_eq(fetch(ann, direct)->n_receipts, 0);
    mark(bob, direct, 5, 5);
    store_host_wait(&h, 2000);
    expect_receipt(fetch(ann, direct), bob, 5, 5);
}
END_TEST

START_TEST(a_subscriber_hears_its_own_and_a_directs_others)
{
    const WireSubscribed *said;
    const uint64_t others[] = {bob, eve};
    uint64_t group = host_group(&h, link, ann, 9, others, 2);

    (void)expect_sent(host_send(&h, link, ann, group, 10, 0, "hi"), 1);
    mark(bob, direct, 5, 2);
    mark(bob, group, 1, 1);
    mark(eve, group, 1, 0);
    store_host_wait(&h, 1000);
    said = host_subscribe(&h, link, ann, direct)->subscribed;
    ck_assert_uint_eq(said->channels[0]->n_receipts, 1);
    ck_assert_uint_eq(said->channels[0]->receipts[0]->user_id, bob);
    ck_assert_uint_eq(said->channels[0]->receipts[0]->read_seq, 2);
    said = host_subscribe(&h, link, bob, group)->subscribed;
    ck_assert_uint_eq(said->channels[0]->n_receipts, 1);
    ck_assert_uint_eq(said->channels[0]->receipts[0]->user_id, bob);
}
END_TEST

START_TEST(a_receipt_goes_with_the_membership_and_stays_with_a_changed_one)
{
    const uint64_t others[] = {bob, eve};
    uint64_t group = host_group(&h, link, ann, 9, others, 2);

    (void)expect_sent(host_send(&h, link, ann, group, 10, 0, "hi"), 1);
    mark(bob, group, 1, 1);
    mark(eve, group, 1, 1);
    store_host_wait(&h, 1000);
    (void)host_set_member(&h, link, ann, group, bob, WIRE_PERMISSION__PERMISSION_VIEW);
    (void)host_set_member(&h, link, ann, group, eve, 0);
    expect_receipt(fetch(ann, group), bob, 1, 1);
    ck_assert_uint_eq(fetch(ann, group)->n_receipts, 1);
    (void)host_set_member(&h, link, ann, group, eve, VIEW_SEND);
    restart();
    ck_assert_uint_eq(fetch(ann, group)->n_receipts, 1);
    expect_receipt(fetch(ann, group), bob, 1, 1);
}
END_TEST

START_TEST(a_group_of_500_is_one_record_and_rarer)
{
    static uint64_t members[CHAT_GROUP_MEMBERS_MAX - 1];
    const size_t count = sizeof(members) / sizeof(members[0]);
    uint64_t group;

    for (size_t i = 0; i < count; i++) {
        char name[16];

        snprintf(name, sizeof(name), "user%zu", i);
        members[i] = host_user(&h, link, name);
    }
    group = host_group(&h, link, ann, 9, members, count);
    (void)expect_sent(host_send(&h, link, ann, group, 10, 0, "hi"), 1);
    (void)host_subscribe(&h, link, ann, group);
    mark(ann, group, 1, 0);
    for (size_t i = 0; i < count; i++)
        mark(members[i], group, 1, 1);
    store_host_wait(&h, 10900);
    ck_assert_uint_eq(count_events(group, EVENT(RECEIPTS)), 1);
    store_host_wait(&h, 200); /* 500 members: 11 s */
    ck_assert_uint_eq(count_events(group, EVENT(RECEIPTS)), 2);
    ck_assert_uint_eq(event_of(group, EVENT(RECEIPTS), 1)->receipts->n_receipts, count);
    ck_assert_uint_eq(fetch(ann, group)->n_receipts, CHAT_GROUP_MEMBERS_MAX);
    restart();
    ck_assert_uint_eq(fetch(ann, group)->n_receipts, CHAT_GROUP_MEMBERS_MAX);
}
END_TEST

START_TEST(a_home_with_gathering_receipts_stays_in_memory)
{
    mark(bob, direct, 1, 1);
    mark(bob, direct, 5, 5);
    for (int i = 0; i < 8; i++) { /* more than homes_max */
        char name[16];

        snprintf(name, sizeof(name), "passer-by %d", i);
        (void)host_user(&h, link, name);
    }
    store_host_wait(&h, 1000);
    expect_receipt(fetch(ann, direct), bob, 5, 5);
}
END_TEST

START_TEST(receipts_that_gather_are_journaled_before_a_stop)
{
    uint64_t group = host_group(&h, link, ann, 9, &bob, 1);

    for (uint64_t i = 1; i <= 5; i++)
        (void)expect_sent(host_send(&h, link, ann, group, 9 + i, i > 1 ? 8 + i : 0, "hi"), i);
    for (uint64_t i = 1; i <= 5; i++) {
        mark(bob, direct, i, i);
        mark(bob, group, i, 0);
    }
    store_host_stop(&h, 0);
    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    expect_receipt(fetch(ann, direct), bob, 5, 5);
    expect_receipt(fetch(ann, group), bob, 5, 0);
}
END_TEST

/* `count` groups of ann and bob with two messages each, then a store of these limits. */
static void restart_with(uint64_t *groups, uint64_t count, uint32_t queue_records,
                         uint32_t homes_max)
{
    for (uint64_t i = 0; i < count; i++) {
        groups[i] = host_group(&h, link, ann, 20 + i, &bob, 1);
        for (uint64_t k = 1; k <= 2; k++)
            (void)expect_sent(host_send(&h, link, ann, groups[i], 30 + 2 * i + k, 0, "hi"), k);
    }
    store_host_wait(&h, 3000);
    h.configs[0].limits.queue_records = queue_records;
    h.configs[0].limits.homes_max = homes_max;
    restart();
}

START_TEST(a_stop_with_more_receipts_than_the_queue_holds_journals_them_in_turn)
{
    uint64_t groups[5];

    restart_with(groups, 5, 1, 100);
    for (uint64_t k = 1; k <= 2; k++)
        for (uint64_t i = 0; i < 5; i++)
            mark(bob, groups[i], k, 0);
    store_host_stop(&h, 0);
    ck_assert(h.stopped[0]);
    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    for (uint64_t i = 0; i < 5; i++)
        expect_receipt(fetch(ann, groups[i]), bob, 2, 0);
}
END_TEST

START_TEST(a_stop_without_room_for_receipts_is_a_stop_all_the_same)
{
    uint64_t groups[2];

    restart_with(groups, 2, 100, 100);
    for (uint64_t k = 1; k <= 2; k++)
        for (uint64_t i = 0; i < 2; i++)
            mark(bob, groups[i], k, 0);
    store_host_fail_next(&h, 0, ENGINE_APPEND, CHAT_E_FULL, false);
    store_host_stop(&h, 0);
    ck_assert(h.stopped[0]);
    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    for (uint64_t i = 0; i < 2; i++)
        expect_receipt(fetch(ann, groups[i]), bob, 1, 0);
}
END_TEST

START_TEST(homes_whose_receipts_cannot_be_journaled_make_room_for_others)
{
    uint64_t groups[5];

    restart_with(groups, 5, 1, 4);
    h.hold[ENGINE_APPEND] = true;
    for (uint64_t i = 0; i < 4; i++)
        mark(bob, groups[i], 1, 0); /* the first one fills the queue */
    ck_assert_uint_eq(fetch(ann, groups[4])->n_receipts, 0);
    store_host_release(&h, ENGINE_APPEND);
    for (uint64_t i = 0; i < 4; i++)
        mark(bob, groups[i], 1, 0); /* said again */
    store_host_wait(&h, 2000);
    for (uint64_t i = 0; i < 4; i++)
        expect_receipt(fetch(ann, groups[i]), bob, 1, 0);
}
END_TEST

/* The longest unused ones gather receipts: of the others one goes. */
START_TEST(homes_with_gathering_receipts_do_not_keep_others_out)
{
    uint64_t made[64], groups[11];
    size_t count = 0;

    restart_with(made, 64, 200, 10);
    for (size_t i = 0; i < 64 && count < 11; i++) /* limits are a shard's */
        if (snowflake_shard(made[i]) == snowflake_shard(made[0]))
            groups[count++] = made[i];
    ck_assert_uint_eq(count, 11);
    for (size_t i = 0; i < 9; i++) {
        mark(bob, groups[i], 1, 0); /* the first one at once */
        mark(bob, groups[i], 1, 1);
    }
    for (size_t i = 9; i < 11; i++)
        ck_assert_uint_eq(fetch(ann, groups[i])->n_receipts, 0);
    store_host_wait(&h, 2000);
    for (size_t i = 0; i < 9; i++)
        expect_receipt(fetch(ann, groups[i]), bob, 1, 1);
}
END_TEST

/* --- typing --- */

static void type(uint64_t user, uint64_t channel, bool stop)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireTyping t = WIRE_TYPING__INIT;

    t.channel_id = channel;
    t.stop = stop;
    t.user_id = eve; /* what is said there does not count */
    frame.user_id = user;
    frame.session_no = 77;
    frame.body_case = BODY(TYPING);
    frame.typing = &t;
    store_host_tell(&h, link, &frame);
}

START_TEST(typing_is_passed_on_in_no_order_and_logged_nowhere)
{
    const uint32_t appends = h.requests[ENGINE_APPEND];
    const WireHomeEvent *event;

    type(bob, direct, false);
    event = event_of(direct, EVENT(TYPING), 0);
    ck_assert_ptr_nonnull(event);
    ck_assert_uint_eq(event->typing->user_id, bob);
    ck_assert_uint_eq(event->typing->session_no, 77);
    ck_assert(!event->typing->stop);
    type(bob, direct, true);
    ck_assert(event_of(direct, EVENT(TYPING), 1)->typing->stop);
    for (size_t i = 0; i < h.heard_count; i++)
        if (h.heard[i].frame->body_case == BODY(PUBLICATION))
            ck_assert_uint_eq(h.heard[i].frame->publication->lsn, 0);
    ck_assert_uint_eq(h.requests[ENGINE_APPEND], appends);
}
END_TEST

START_TEST(who_may_not_write_does_not_type)
{
    const uint64_t others[] = {bob};
    uint64_t group = host_group(&h, link, ann, 9, others, 1);

    (void)host_subscribe(&h, link, ann, group);
    (void)host_set_member(&h, link, ann, group, bob, WIRE_PERMISSION__PERMISSION_VIEW);
    type(bob, group, false);
    type(eve, group, false);
    type(eve, direct, false);
    type(ann, ann, false);
    ck_assert_uint_eq(count_events(group, EVENT(TYPING)), 0);
    ck_assert_uint_eq(count_events(direct, EVENT(TYPING)), 0);
}
END_TEST

START_TEST(typing_beyond_the_limit_of_a_home_is_dropped)
{
    const size_t max = h.configs[0].limits.typing_per_second;

    for (size_t i = 0; i < max + 5; i++)
        type(i % 2 ? bob : ann, direct, false);
    ck_assert_uint_eq(count_events(direct, EVENT(TYPING)), max);
    store_host_wait(&h, 1000);
    type(bob, direct, false);
    ck_assert_uint_eq(count_events(direct, EVENT(TYPING)), max + 1);
}
END_TEST

static void setup_few_homes(void)
{
    setup();
    store_host_kill(&h, 0);
    h.configs[0].limits.homes_max = 4;
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    store_host_forget(&h);
}

int main(void)
{
    Suite *suite = suite_create("store_receipts");
    TCase *receipts = tcase_create("receipts");
    TCase *few = tcase_create("few");
    TCase *typing = tcase_create("typing");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(receipts, setup, teardown);
    tcase_add_test(receipts, receipts_gather_and_are_published_once_a_second);
    tcase_add_test(receipts, receipts_only_rise_and_never_pass_the_head);
    tcase_add_test(receipts, who_has_read_it_has_it);
    tcase_add_test(receipts, who_may_not_see_the_channel_neither_marks_nor_asks);
    tcase_add_test(receipts, journaled_receipts_survive_a_crash);
    tcase_add_test(receipts, receipts_that_are_not_synced_are_not_told);
    tcase_add_test(receipts, receipts_refused_by_a_full_disk_are_said_again);
    tcase_add_test(receipts, a_subscriber_hears_its_own_and_a_directs_others);
    tcase_add_test(receipts, a_receipt_goes_with_the_membership_and_stays_with_a_changed_one);
    tcase_add_test(receipts, receipts_that_gather_are_journaled_before_a_stop);
    tcase_add_test(receipts, a_stop_with_more_receipts_than_the_queue_holds_journals_them_in_turn);
    tcase_add_test(receipts, a_stop_without_room_for_receipts_is_a_stop_all_the_same);
    tcase_add_test(receipts, homes_whose_receipts_cannot_be_journaled_make_room_for_others);
    tcase_add_test(receipts, homes_with_gathering_receipts_do_not_keep_others_out);
    tcase_add_test(receipts, a_group_of_500_is_one_record_and_rarer);
    suite_add_tcase(suite, receipts);
    tcase_add_checked_fixture(few, setup_few_homes, teardown);
    tcase_add_test(few, a_home_with_gathering_receipts_stays_in_memory);
    suite_add_tcase(suite, few);
    tcase_add_checked_fixture(typing, setup, teardown);
    tcase_add_test(typing, typing_is_passed_on_in_no_order_and_logged_nowhere);
    tcase_add_test(typing, who_may_not_write_does_not_type);
    tcase_add_test(typing, typing_beyond_the_limit_of_a_home_is_dropped);
    suite_add_tcase(suite, typing);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
