/* Sending, editing and deleting: what a store promises about one conversation. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "store_host.h"

static struct store_host h;
static link_id link;
static uint64_t ann, bob, channel;

static void setup(void)
{
    store_host_init(&h, 1);
    store_host_start(&h, 0);
    ck_assert(store_is_ready(h.stores[0]));
    link = store_host_connect(&h, 0);
    ann = host_user(&h, link, "ann");
    bob = host_user(&h, link, "bob");
    channel = host_direct(&h, link, ann, bob);
}

static void teardown(void) { store_host_fini(&h); }

START_TEST(messages_get_dense_seqs_and_rising_ids)
{
    uint64_t last_id = 0;

    for (uint64_t i = 1; i <= 100; i++) {
        const WireSent *sent =
            expect_sent(host_send(&h, link, i % 2 ? ann : bob, channel, i, 0, "hello"), i);

        ck_assert_uint_gt(sent->message_id, last_id);
        last_id = sent->message_id;
    }
}
END_TEST

START_TEST(nothing_is_answered_or_published_before_the_sync)
{
    ck_assert_int_eq(host_subscribe(&h, link, ann, channel)->body_case,
                     WIRE_LINK_FRAME__BODY_SUBSCRIBED);
    expect_sent(host_send(&h, link, ann, channel, 1, 0, "loads the ring"), 1);
    store_host_forget(&h);
    h.hold[ENGINE_APPEND] = true;

    ck_assert_ptr_null(host_send(&h, link, ann, channel, 2, 1, "wait"));
    ck_assert_uint_eq(store_host_count_publications(&h, link, channel), 0);
    ck_assert_uint_eq(host_history(&h, link, ann, channel, 0, 10, true)->n_messages, 1);
    store_host_release(&h, ENGINE_APPEND);
    ck_assert_uint_eq(store_host_count_publications(&h, link, channel), 1);
    ck_assert_uint_eq(host_history(&h, link, ann, channel, 0, 10, true)->n_messages, 2);
}
END_TEST

START_TEST(what_queues_during_a_sync_goes_in_one_append_and_one_publication)
{
    const WirePublication *publication;
    uint32_t appends;

    host_subscribe(&h, link, ann, channel);
    expect_sent(host_send(&h, link, ann, channel, 1, 0, "first"), 1);
    store_host_forget(&h);
    appends = h.requests[ENGINE_APPEND];
    h.hold[ENGINE_APPEND] = true;
    for (uint64_t i = 2; i <= 20; i++)
        ck_assert_ptr_null(host_send(&h, link, ann, channel, i, i - 1, "more"));
    ck_assert_uint_eq(store_host_count_held(&h, ENGINE_APPEND), 1);
    store_host_release(&h, ENGINE_APPEND);

    ck_assert_uint_eq(h.requests[ENGINE_APPEND] - appends, 2);
    ck_assert_uint_eq(store_host_count_publications(&h, link, channel), 2);
    publication = store_host_publication(&h, link, channel, 1);
    ck_assert_uint_eq(publication->n_events, 18);
    ck_assert_uint_eq(publication->lsn - publication->prev_lsn, 18);
    ck_assert_uint_eq(publication->prev_lsn, store_host_publication(&h, link, channel, 0)->lsn);
    ck_assert_uint_eq(publication->events[17]->message->seq, 20);
}
END_TEST

START_TEST(acknowledgements_leave_before_the_publication)
{
    bool published = false;

    host_subscribe(&h, link, ann, channel);
    store_host_forget(&h);
    expect_sent(host_send(&h, link, ann, channel, 1, 0, "hi"), 1);

    for (size_t i = 0; i < h.heard_count; i++) {
        if (h.heard[i].frame->body_case == WIRE_LINK_FRAME__BODY_PUBLICATION)
            published = true;
        if (h.heard[i].frame->body_case == WIRE_LINK_FRAME__BODY_SENT)
            ck_assert(!published);
    }
    ck_assert(published);
}
END_TEST

START_TEST(a_repeated_nonce_gets_the_first_answer)
{
    const WireSent *first = expect_sent(host_send(&h, link, ann, channel, 7, 0, "once"), 1);
    const WireSent *again = expect_sent(host_send(&h, link, ann, channel, 7, 0, "once"), 1);

    ck_assert_uint_eq(again->message_id, first->message_id);
    ck_assert_int_eq(again->sent_at_ms, first->sent_at_ms);
    ck_assert_uint_eq(host_history(&h, link, ann, channel, 0, 10, true)->n_messages, 1);
}
END_TEST

START_TEST(a_repeat_may_name_another_predecessor)
{
    expect_sent(host_send(&h, link, ann, channel, 1, 0, "one"), 1);
    expect_sent(host_send(&h, link, ann, channel, 2, 1, "two"), 2);
    expect_sent(host_send(&h, link, ann, channel, 1, 2, "one"), 1);
}
END_TEST

START_TEST(a_repeat_is_answered_only_when_the_original_is_synced)
{
    uint64_t id;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSendMessage send = WIRE_SEND_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    expect_sent(host_send(&h, link, ann, channel, 1, 0, "one"), 1);
    h.hold[ENGINE_APPEND] = true;
    ck_assert_ptr_null(host_send(&h, link, ann, channel, 2, 1, "two"));
    nonce.device_id = HOST_DEVICE;
    nonce.counter = 2;
    nonce.after = 1;
    send.channel_id = channel;
    send.nonce = &nonce;
    send.text = (char *)(uintptr_t) "two";
    frame.user_id = ann;
    frame.body_case = WIRE_LINK_FRAME__BODY_SEND_MESSAGE;
    frame.send_message = &send;
    id = store_host_send(&h, link, &frame);

    ck_assert_ptr_null(store_host_answer(&h, link, id));
    store_host_release(&h, ENGINE_APPEND);
    expect_sent(store_host_answer(&h, link, id), 2);
}
END_TEST

START_TEST(a_nonce_with_another_body_or_below_the_ring_is_stale)
{
    expect_sent(host_send(&h, link, ann, channel, 1, 0, "one"), 1);
    expect_problem(host_send(&h, link, ann, channel, 1, 0, "other"), PROBLEM_OF(NONCE_STALE));
    for (uint64_t i = 2; i <= 33; i++)
        expect_sent(host_send(&h, link, ann, channel, i, i - 1, "more"), i);
    expect_sent(host_send(&h, link, ann, channel, 2, 1, "more"), 2);
    expect_problem(host_send(&h, link, ann, channel, 1, 0, "one"), PROBLEM_OF(NONCE_STALE));
}
END_TEST

START_TEST(a_message_whose_predecessor_is_missing_waits_outside)
{
    expect_problem(host_send(&h, link, ann, channel, 2, 1, "two"), PROBLEM_OF(OUT_OF_ORDER));
    expect_sent(host_send(&h, link, ann, channel, 1, 0, "one"), 1);
    expect_sent(host_send(&h, link, ann, channel, 2, 1, "two"), 2);
}
END_TEST

START_TEST(only_members_send_and_read)
{
    uint64_t eve = host_user(&h, link, "eve");

    expect_problem(host_send(&h, link, eve, channel, 1, 0, "hi"), PROBLEM_OF(FORBIDDEN));
    expect_problem(host_subscribe(&h, link, eve, channel), PROBLEM_OF(FORBIDDEN));
    expect_problem(host_send(&h, link, ann, ann, 1, 0, "to myself"), PROBLEM_OF(NOT_FOUND));
    expect_problem(host_send(&h, link, ann, channel + 4, 1, 0, "nobody"), PROBLEM_OF(NOT_FOUND));
}
END_TEST

/* As host_send(), by a session. */
static const WireLinkFrame *send_by(uint64_t session_no, uint64_t user, uint64_t to,
                                    uint64_t counter)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSendMessage send = WIRE_SEND_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = HOST_DEVICE;
    nonce.counter = counter;
    send.channel_id = to;
    send.nonce = &nonce;
    send.text = (char *)"by a session";
    frame.user_id = user;
    frame.session_no = session_no;
    frame.body_case = WIRE_LINK_FRAME__BODY_SEND_MESSAGE;
    frame.send_message = &send;
    return store_host_ask(&h, link, &frame);
}

/* The first copy hangs in a link that died; by the next session the client is refused for
 * good, and tells so. Then the user is let in, and the first copy arrives. */
START_TEST(a_copy_of_an_older_session_is_not_new_after_a_newer_one_was_refused)
{
    uint64_t eve = host_user(&h, link, "eve");
    uint64_t group = host_group(&h, link, ann, 7, &bob, 1);

    expect_problem(send_by(1002, eve, group, 1), PROBLEM_OF(FORBIDDEN));
    (void)host_set_member(&h, link, ann, group, eve, VIEW_SEND);
    expect_problem(send_by(1001, eve, group, 1), PROBLEM_OF(UNAVAILABLE));
    ck_assert_uint_eq(host_history(&h, link, ann, group, 0, 10, true)->n_messages, 0);

    expect_sent(send_by(1003, eve, group, 1), 1);
    expect_sent(send_by(1001, eve, group, 1), 1); /* a repeat, whoever asks */
}
END_TEST

/* A store came back with a clock that is behind. */
START_TEST(sessions_whose_numbers_step_back_are_taken_after_a_while)
{
    expect_sent(send_by(1002, ann, channel, 1), 1);
    expect_problem(send_by(500, ann, channel, 2), PROBLEM_OF(UNAVAILABLE));
    store_host_wait(&h, 121000);
    expect_sent(send_by(500, ann, channel, 2), 2);
}
END_TEST

START_TEST(an_edit_replaces_the_text_and_raises_rev)
{
    const WireHistoryPage *page;
    const WireLinkFrame *answer;

    expect_sent(host_send(&h, link, ann, channel, 1, 0, "one"), 1);
    answer = host_edit(&h, link, ann, channel, 2, 1, "uno");
    ck_assert_int_eq(answer->body_case, WIRE_LINK_FRAME__BODY_ALTERED);
    ck_assert_uint_eq(answer->altered->rev, 1);
    page = host_history(&h, link, bob, channel, 0, 10, true);
    ck_assert_str_eq(page->messages[0]->text, "uno");
    ck_assert_uint_eq(page->messages[0]->rev, 1);
    ck_assert_uint_eq(page->head->rev, 1);
    ck_assert_int_ne(page->messages[0]->edited_at_ms, 0);
    answer = host_edit(&h, link, ann, channel, 2, 1, "uno");
    ck_assert_uint_eq(answer->altered->rev, 1); /* a repeat */
}
END_TEST

START_TEST(only_the_author_edits_and_deletes_in_a_direct)
{
    expect_sent(host_send(&h, link, ann, channel, 1, 0, "one"), 1);
    expect_problem(host_edit(&h, link, bob, channel, 1, 1, "ha"), PROBLEM_OF(FORBIDDEN));
    expect_problem(host_delete(&h, link, bob, channel, 1, 1), PROBLEM_OF(FORBIDDEN));
    expect_problem(host_edit(&h, link, ann, channel, 2, 9, "none"), PROBLEM_OF(NOT_FOUND));
}
END_TEST

START_TEST(a_deletion_leaves_a_tombstone)
{
    const WireHistoryPage *page;

    expect_sent(host_send(&h, link, ann, channel, 1, 0, "one"), 1);
    ck_assert_uint_eq(host_delete(&h, link, ann, channel, 2, 1)->altered->rev, 1);
    page = host_history(&h, link, bob, channel, 0, 10, true);
    ck_assert_uint_eq(page->n_messages, 1);
    ck_assert(page->messages[0]->deleted);
    ck_assert_str_eq(page->messages[0]->text, "");
    expect_problem(host_edit(&h, link, ann, channel, 3, 1, "back"), PROBLEM_OF(INVALID));
}
END_TEST

START_TEST(an_operation_after_an_edit_that_looks_for_its_message_keeps_its_place)
{
    WireLinkFrame frames[2] = {WIRE_LINK_FRAME__INIT, WIRE_LINK_FRAME__INIT};
    WireLinkFrame *list[2] = {&frames[0], &frames[1]};
    WireEditMessage edit = WIRE_EDIT_MESSAGE__INIT;
    WireSendMessage send = WIRE_SEND_MESSAGE__INIT;
    WireNonce nonces[2] = {WIRE_NONCE__INIT, WIRE_NONCE__INIT};

    expect_sent(host_send(&h, link, ann, channel, 1, 0, "one"), 1);
    store_host_wait(&h, 3000); /* applied: the edit has to read it */
    for (size_t i = 0; i < 2; i++) {
        nonces[i].device_id = HOST_DEVICE;
        nonces[i].counter = 2 + i;
        nonces[i].after = 1 + i;
        frames[i].user_id = ann;
    }
    edit.channel_id = send.channel_id = channel;
    edit.seq = 1;
    edit.text = send.text = (char *)(uintptr_t) "text";
    edit.nonce = &nonces[0];
    send.nonce = &nonces[1];
    frames[0].body_case = WIRE_LINK_FRAME__BODY_EDIT_MESSAGE;
    frames[0].edit_message = &edit;
    frames[1].body_case = WIRE_LINK_FRAME__BODY_SEND_MESSAGE;
    frames[1].send_message = &send;
    store_host_send_all(&h, link, list, 2);

    ck_assert_uint_eq(store_host_answer(&h, link, frames[0].request_id)->altered->rev, 1);
    expect_sent(store_host_answer(&h, link, frames[1].request_id), 2);
}
END_TEST

START_TEST(edits_of_a_message_that_is_being_synced_come_after_it)
{
    uint64_t ids[3];
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireEditMessage edit = WIRE_EDIT_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;
    const WireHistoryPage *page;

    expect_sent(host_send(&h, link, ann, channel, 1, 0, "one"), 1);
    h.hold[ENGINE_APPEND] = true;
    ck_assert_ptr_null(host_send(&h, link, ann, channel, 2, 1, "two"));
    nonce.device_id = HOST_DEVICE;
    edit.channel_id = channel;
    edit.nonce = &nonce;
    edit.seq = 2;
    frame.user_id = ann;
    frame.body_case = WIRE_LINK_FRAME__BODY_EDIT_MESSAGE;
    frame.edit_message = &edit;
    for (uint64_t i = 0; i < 3; i++) {
        static const char *const texts[] = {"a", "b", "c"};

        nonce.counter = 3 + i;
        nonce.after = 2 + i;
        edit.text = (char *)(uintptr_t)texts[i];
        ids[i] = store_host_send(&h, link, &frame);
    }
    store_host_release(&h, ENGINE_APPEND);

    for (uint64_t i = 0; i < 3; i++)
        ck_assert_uint_eq(store_host_answer(&h, link, ids[i])->altered->rev, i + 1);
    page = host_history(&h, link, ann, channel, 0, 1, true);
    ck_assert_str_eq(page->messages[0]->text, "c");
    ck_assert_uint_eq(page->messages[0]->rev, 3);
}
END_TEST

START_TEST(empty_messages_and_replies_to_nothing_are_refused)
{
    expect_problem(host_send(&h, link, ann, channel, 1, 0, ""), PROBLEM_OF(INVALID));
    expect_problem(host_send(&h, link, ann, channel, 0, 0, "no counter"), PROBLEM_OF(INVALID));
    expect_problem(host_send(&h, link, ann, channel, 3, 3, "after itself"), PROBLEM_OF(INVALID));
}
END_TEST

START_TEST(a_device_has_at_most_32_messages_under_way_in_a_channel)
{
    expect_sent(host_send(&h, link, ann, channel, 1, 0, "one"), 1);
    h.hold[ENGINE_APPEND] = true;
    for (uint64_t i = 2; i <= 33; i++)
        ck_assert_ptr_null(host_send(&h, link, ann, channel, i, i - 1, "more"));
    expect_problem(host_send(&h, link, ann, channel, 34, 33, "too many"), PROBLEM_OF(OVERLOADED));
    store_host_release(&h, ENGINE_APPEND);
    expect_sent(host_send(&h, link, ann, channel, 34, 33, "now"), 34);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_messages");
    TCase *sending = tcase_create("sending");
    TCase *altering = tcase_create("altering");

    tcase_add_checked_fixture(sending, setup, teardown);
    tcase_add_test(sending, messages_get_dense_seqs_and_rising_ids);
    tcase_add_test(sending, nothing_is_answered_or_published_before_the_sync);
    tcase_add_test(sending, what_queues_during_a_sync_goes_in_one_append_and_one_publication);
    tcase_add_test(sending, acknowledgements_leave_before_the_publication);
    tcase_add_test(sending, a_repeated_nonce_gets_the_first_answer);
    tcase_add_test(sending, a_repeat_may_name_another_predecessor);
    tcase_add_test(sending, a_repeat_is_answered_only_when_the_original_is_synced);
    tcase_add_test(sending, a_nonce_with_another_body_or_below_the_ring_is_stale);
    tcase_add_test(sending, a_message_whose_predecessor_is_missing_waits_outside);
    tcase_add_test(sending, only_members_send_and_read);
    tcase_add_test(sending, a_copy_of_an_older_session_is_not_new_after_a_newer_one_was_refused);
    tcase_add_test(sending, sessions_whose_numbers_step_back_are_taken_after_a_while);
    tcase_add_test(sending, empty_messages_and_replies_to_nothing_are_refused);
    tcase_add_test(sending, a_device_has_at_most_32_messages_under_way_in_a_channel);
    suite_add_tcase(suite, sending);
    tcase_add_checked_fixture(altering, setup, teardown);
    tcase_add_test(altering, an_edit_replaces_the_text_and_raises_rev);
    tcase_add_test(altering, only_the_author_edits_and_deletes_in_a_direct);
    tcase_add_test(altering, a_deletion_leaves_a_tombstone);
    tcase_add_test(altering, an_operation_after_an_edit_that_looks_for_its_message_keeps_its_place);
    tcase_add_test(altering, edits_of_a_message_that_is_being_synced_come_after_it);
    suite_add_tcase(suite, altering);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
