/* What was typed: sent in order, once, whatever happens on the way. */
#include "client_rig.h"

static struct rig rig;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

static const char *stored(uint64_t seq) { return rig.channels[0].messages[seq].text; }

/* The operation's way, as the application was told it. */
static chat_outgoing_state last_state(void)
{
    const struct rig_seen *seen = rig_last(&rig, CHAT_EVENT_OUTGOING);

    ck_assert_ptr_nonnull(seen);
    return seen->out_state;
}

START_TEST(a_message_is_queued_acknowledged_and_seen_under_one_nonce)
{
    struct chat_nonce nonce;
    const struct rig_seen *seen;

    rig_start(&rig);
    rig_pull(&rig);
    nonce = rig_type(&rig, CH, "hello");
    rig_pull(&rig);
    ck_assert_int_eq(last_state(), CHAT_OUTGOING_QUEUED);
    ck_assert_str_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->text, "hello");
    rig_turn(&rig);
    rig_pull(&rig);

    ck_assert_int_eq(last_state(), CHAT_OUTGOING_DONE);
    seen = rig_last(&rig, CHAT_EVENT_MESSAGE);
    ck_assert_uint_eq(seen->nonce.counter, nonce.counter);
    ck_assert_uint_eq(seen->nonce.device_id, nonce.device_id);
    rig_expect_stream(&rig, CH, 1, 1);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

START_TEST(a_publication_before_the_acknowledgement_resolves_once)
{
    rig.ack_last = true;
    rig_start(&rig);
    rig_pull(&rig);
    rig_type(&rig, CH, "hello");
    rig_turn(&rig);
    rig_pull(&rig);

    rig_expect_stream(&rig, CH, 1, 1);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_OUTGOING), 2);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

START_TEST(an_acknowledgement_alone_puts_the_message_into_history)
{
    chat_page *page = NULL;

    rig.no_publish = true;
    rig_store_many(&rig, CH, 2);
    rig_start(&rig);
    rig_type(&rig, CH, "mine");
    rig_turn(&rig);
    rig_pull(&rig);

    rig_expect_stream(&rig, CH, 1, 3);
    ck_assert_int_eq(client_read(rig.core, CH, 3, 1, false, &page), CHAT_OK);
    ck_assert(chat_page_get_message(page, 0)->own);
    ck_assert_uint_eq(client_channel(rig.core, CH)->read_seq, 3);
    chat_page_free(page);
}
END_TEST

START_TEST(typed_offline_goes_out_in_order_over_a_restart)
{
    char path[] = "client_outbox.db", text[16];

    remove(path);
    rig.config.cache_path = path;
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig.dial_fails = true;
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof(text), "t%d", i);
        rig_type(&rig, CH, text);
    }
    rig_crash(&rig); /* at once: the call promised durability */
    rig.dial_fails = false;
    rig_open(&rig);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 50);
    rig_start(&rig);
    ck_assert_uint_eq(rig.channels[0].seq, 50);
    for (uint64_t i = 0; i < 50; i++) {
        snprintf(text, sizeof(text), "t%d", (int)i);
        ck_assert_str_eq(stored(i + 1), text);
    }
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 1, 50);
    rig_crash(&rig);
    remove(path);
}
END_TEST

START_TEST(a_lost_link_resends_the_same_nonces_and_nothing_twice)
{
    struct chat_nonce first;

    rig_start(&rig);
    rig_pull(&rig);
    rig.lose_acks = true; /* they are stored, but the client never hears */
    first = rig_type(&rig, CH, "one");
    rig_type(&rig, CH, "two");
    rig_turn(&rig);
    ck_assert_uint_eq(rig.channels[0].seq, 2);
    rig_cut(&rig, 1006);
    rig.lose_acks = false;
    rig_wait(&rig, 2000);
    rig_pull(&rig);

    ck_assert_uint_eq(rig.channels[0].seq, 2);
    ck_assert_uint_eq(rig.channels[0].messages[1].counter, first.counter);
    rig_expect_stream(&rig, CH, 1, 2);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

START_TEST(unanswered_ones_keep_their_nonces_when_sent_again)
{
    uint64_t counters[3];

    rig_start(&rig);
    rig.keep_sends = true;
    for (int i = 0; i < 3; i++)
        counters[i] = rig_type(&rig, CH, "x").counter;
    rig_turn(&rig);
    rig_cut(&rig, 1006);
    rig.keep_sends = false;
    rig.heard_count = 0;
    rig_wait(&rig, 2000);

    ck_assert_uint_eq(rig.channels[0].seq, 3);
    for (uint64_t i = 0; i < 3; i++)
        ck_assert_uint_eq(rig.channels[0].messages[i + 1].counter, counters[i]);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE), 3);
}
END_TEST

START_TEST(at_most_32_are_in_flight_and_each_names_the_one_before)
{
    uint64_t before = 0;
    size_t sends = 0;

    rig_start(&rig);
    rig.keep_sends = true;
    for (int i = 0; i < 40; i++)
        rig_type(&rig, CH, "x");
    rig_turn(&rig);
    for (size_t i = 0; i < rig.heard_count; i++) {
        if (rig.heard[i].body != WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE)
            continue;
        ck_assert_uint_eq(rig.heard[i].after, before);
        before = rig.heard[i].counter;
        sends++;
    }
    ck_assert_uint_eq(sends, CHAT_IN_FLIGHT_MAX);
}
END_TEST

START_TEST(a_refused_message_keeps_its_text_and_lets_the_others_pass)
{
    struct chat_nonce refused, again;
    const struct rig_seen *seen = NULL;

    rig_start(&rig);
    rig_pull(&rig);
    rig.op_problems = 1;
    rig.op_problem = WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN;
    rig.problem_retry = WIRE_RETRY__RETRY_NEVER;
    refused = rig_type(&rig, CH, "refused");
    rig_type(&rig, CH, "second");
    rig_type(&rig, CH, "third");
    rig_wait(&rig, 5000);
    rig_pull(&rig);

    ck_assert_uint_eq(rig.channels[0].seq, 2);
    ck_assert_str_eq(stored(1), "second");
    ck_assert_str_eq(stored(2), "third");
    for (size_t i = 0; i < rig.seen_count; i++)
        if (rig.seen[i].out_state == CHAT_OUTGOING_REFUSED)
            seen = &rig.seen[i];
    ck_assert_ptr_nonnull(seen);
    ck_assert_int_eq(seen->status, CHAT_E_FORBIDDEN);
    ck_assert_str_eq(seen->text, "refused");
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1);

    ck_assert_int_eq(client_resend(rig.core, &refused, &again), CHAT_OK);
    ck_assert_uint_gt(again.counter, refused.counter);
    rig_turn(&rig);
    rig_pull(&rig);
    ck_assert_str_eq(stored(3), "refused");
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

START_TEST(a_refused_message_can_be_discarded)
{
    struct chat_nonce nonce;

    rig_start(&rig);
    rig.op_problems = 1;
    rig.op_problem = WIRE_PROBLEM_CODE__PROBLEM_LIMIT;
    rig.problem_retry = WIRE_RETRY__RETRY_NEVER;
    nonce = rig_type(&rig, CH, "no");
    rig_turn(&rig);
    ck_assert_int_eq(client_discard(rig.core, &nonce), CHAT_OK);
    ck_assert_int_eq(client_discard(rig.core, &nonce), CHAT_E_NOT_FOUND);
    rig_pull(&rig);
    ck_assert_int_eq(last_state(), CHAT_OUTGOING_DISCARDED);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

START_TEST(a_temporary_problem_holds_the_head_and_keeps_the_order)
{
    static const WireProblemCode codes[] = {
        WIRE_PROBLEM_CODE__PROBLEM_UNAVAILABLE, WIRE_PROBLEM_CODE__PROBLEM_RATE_LIMITED,
        WIRE_PROBLEM_CODE__PROBLEM_UNKNOWN_OUTCOME, WIRE_PROBLEM_CODE__PROBLEM_STORAGE_FULL};

    rig_start(&rig);
    rig_pull(&rig);
    rig.op_problems = 1;
    rig.op_problem = codes[_i];
    rig.problem_retry = WIRE_RETRY__RETRY_LATER;
    rig.problem_after_ms = 700;
    rig_type(&rig, CH, "one");
    rig_type(&rig, CH, "two");
    rig_wait(&rig, 600);
    ck_assert_uint_eq(rig.channels[0].seq, 0); /* "two" was sent, and had to wait */
    rig_wait(&rig, 10000);
    rig_pull(&rig);

    ck_assert_str_eq(stored(1), "one");
    ck_assert_str_eq(stored(2), "two");
    rig_expect_stream(&rig, CH, 1, 2);
}
END_TEST

static bool stale_once(struct rig *r, const WireClientFrame *f)
{
    if (f->body_case != WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE ||
        f->send_message->nonce->device_id != r->keep_device)
        return false;
    rig_problem(r, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_NONCE_STALE, WIRE_RETRY__RETRY_NEVER,
                0);
    return true;
}

START_TEST(a_stale_nonce_is_looked_for_in_history_before_it_goes_out_anew)
{
    struct chat_nonce in, out;

    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    rig_pull(&rig);
    rig_cut(&rig, 1006);
    in = rig_type(&rig, CH, "is in");
    out = rig_type(&rig, CH, "is not in");
    rig_store_many(&rig, CH, 210);
    rig.keep_device = in.device_id;
    rig.on_frame = stale_once;
    rig.config.keep_max = 10;
    rig_store(&rig, CH, ME, "is in", in.device_id, in.counter); /* by an answer that was lost */
    rig_store_many(&rig, CH, 3);
    rig_wait(&rig, 20000);
    rig_pull(&rig);

    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_uint_eq(rig.channels[0].seq, 220);
    ck_assert_str_eq(stored(220), "is not in");
    ck_assert_uint_ne(rig.channels[0].messages[220].device, out.device_id);
    for (size_t i = 0; i < rig.seen_count; i++)
        if (rig.seen[i].type == CHAT_EVENT_OUTGOING && rig.seen[i].old_nonce.device_id)
            ck_assert_uint_eq(rig.seen[i].old_nonce.counter, out.counter);
    rig_expect_stream(&rig, CH, 6, 220);
}
END_TEST

START_TEST(a_copied_cache_does_not_take_the_others_message_for_its_own)
{
    struct chat_nonce nonce;

    rig_start(&rig);
    rig_pull(&rig);
    rig.keep_sends = true;
    nonce = rig_type(&rig, CH, "mine");
    rig.keep_device = nonce.device_id;
    rig.on_frame = stale_once;
    rig.keep_sends = false;
    /* The copy used the nonce first. */
    rig_store(&rig, CH, ME, "the copy's", nonce.device_id, nonce.counter);
    rig_publish(&rig, CH, 1, false);
    rig_wait(&rig, 20000);
    rig_pull(&rig);

    ck_assert_uint_eq(rig.channels[0].seq, 2);
    ck_assert_str_eq(stored(2), "mine");
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

START_TEST(after_a_restore_a_lost_predecessor_does_not_block_for_ever)
{
    rig_start(&rig);
    rig_type(&rig, CH, "one");
    rig_turn(&rig);
    rig.channels[0].messages[1].counter = 1; /* the store has forgotten that nonce */
    rig_type(&rig, CH, "two");
    rig_wait(&rig, 10000);
    ck_assert_str_eq(stored(2), "two");
}
END_TEST

START_TEST(an_edit_is_done_when_the_cache_shows_it)
{
    chat_page *page = NULL;

    rig.no_publish = true; /* its publication is lost */
    rig_store_many(&rig, CH, 3);
    rig.channels[0].messages[2].author = ME;
    rig_start(&rig);
    ck_assert_int_eq(rig_try_edit(&rig, CH, 2, "better"), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1);
    rig_wait(&rig, 2000);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_int_eq(client_read(rig.core, CH, 2, 1, false, &page), CHAT_OK);
    ck_assert_str_eq(chat_page_get_message(page, 0)->text, "better");
    chat_page_free(page);
}
END_TEST

START_TEST(a_delete_leaves_a_tombstone_and_counts_as_read)
{
    rig_store_many(&rig, CH, 3);
    rig_start(&rig);
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 3);
    ck_assert_int_eq(client_delete(rig.core, CH, 2, NULL), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 2);
}
END_TEST

START_TEST(live_messages_and_tombstones_keep_the_unread_count_right)
{
    struct rig_channel *ch = &rig.channels[0];

    rig_store_many(&rig, CH, 3);
    rig_start(&rig);
    rig_alter(&rig, CH, 1, "");
    ch->messages[1].deleted = true;
    rig_publish(&rig, CH, 1, true);
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 2);
    rig_post(&rig, CH, "four");
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 3);
    rig_store_many(&rig, CH, 3); /* six is gone before it is seen; five and six come in a page */
    rig_alter(&rig, CH, 6, "");
    ch->messages[6].deleted = true;
    rig_publish(&rig, CH, 7, false);
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 6);
    rig_wait(&rig, 1000);
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 5);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 5), CHAT_OK);
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 1);
}
END_TEST

START_TEST(reading_moves_forward_only_and_is_coalesced)
{
    rig_store_many(&rig, CH, 10);
    rig_start(&rig);
    rig_pull(&rig);
    rig_cut(&rig, 1006);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 3), CHAT_OK);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 7), CHAT_OK);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 5), CHAT_OK);
    ck_assert_uint_eq(client_channel(rig.core, CH)->read_seq, 7);
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 3);
    rig_wait(&rig, 2000);
    rig_pull(&rig);

    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_MARK_READ), 1);
    ck_assert_uint_eq(rig.channels[0].read_seq, 7);
    ck_assert_uint_eq(client_channel(rig.core, CH)->read_seq, 7);
}
END_TEST

START_TEST(the_outbox_is_bounded_and_bad_input_is_refused)
{
    static char big[CHAT_TEXT_MAX + 1];
    struct chat_content beyond = rig_content("x", 1);

    beyond.reply_to_seq = 99;
    rig.config.outbox_max = 3;
    rig_start(&rig);
    rig_cut(&rig, 1006);
    memset(big, 'x', sizeof(big));
    ck_assert_int_eq(rig_try_send(&rig, CH, big, sizeof(big), NULL), CHAT_E_TOO_LARGE);
    ck_assert_int_eq(rig_try_send(&rig, CH, "\xff", 1, NULL), CHAT_E_INVALID);
    ck_assert_int_eq(rig_try_send(&rig, CH, "", 0, NULL), CHAT_E_INVALID);
    ck_assert_int_eq(client_send(rig.core, CH, &beyond, NULL), CHAT_E_INVALID);
    ck_assert_int_eq(rig_try_send(&rig, 12345, "x", 1, NULL), CHAT_E_NOT_FOUND);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(rig_try_send(&rig, CH, big, CHAT_TEXT_MAX, NULL), CHAT_OK);
    ck_assert_int_eq(rig_try_send(&rig, CH, "x", 1, NULL), CHAT_E_FULL);
}
END_TEST

START_TEST(operations_keep_to_the_rate_that_the_server_named)
{
    rig.ops_per_second = 10;
    rig_start(&rig);
    rig_wait(&rig, 1000);
    for (int i = 0; i < 30; i++)
        rig_type(&rig, CH, "x");
    rig.heard_count = 0;
    rig_turn(&rig);
    ck_assert_uint_le(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE), 10);
    rig_wait(&rig, 1000);
    ck_assert_uint_le(rig.channels[0].seq, 21);
    ck_assert_uint_ge(rig.channels[0].seq, 18);
    rig_wait(&rig, 1500);
    ck_assert_uint_eq(rig.channels[0].seq, 30);
}
END_TEST

START_TEST(questions_keep_to_a_rate_of_their_own)
{
    uint64_t ticket;

    rig.ops_per_second = 20;
    rig.reads_per_second = 5;
    rig_start(&rig);
    rig_wait(&rig, 1000);
    rig.heard_count = 0;
    for (int i = 0; i < 12; i++)
        ck_assert_int_eq(client_find_user(rig.core, "nobody", 6, &ticket), CHAT_OK);
    for (int i = 0; i < 12; i++)
        rig_type(&rig, CH, "x");
    rig_turn(&rig);
    ck_assert_uint_le(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FIND_USER), 5);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE), 12);
    rig_wait(&rig, 1500);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FIND_USER), 12);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_outbox");
    TCase *tc = tcase_create("outbox");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_message_is_queued_acknowledged_and_seen_under_one_nonce);
    tcase_add_test(tc, a_publication_before_the_acknowledgement_resolves_once);
    tcase_add_test(tc, an_acknowledgement_alone_puts_the_message_into_history);
    tcase_add_test(tc, typed_offline_goes_out_in_order_over_a_restart);
    tcase_add_test(tc, a_lost_link_resends_the_same_nonces_and_nothing_twice);
    tcase_add_test(tc, unanswered_ones_keep_their_nonces_when_sent_again);
    tcase_add_test(tc, at_most_32_are_in_flight_and_each_names_the_one_before);
    tcase_add_test(tc, a_refused_message_keeps_its_text_and_lets_the_others_pass);
    tcase_add_test(tc, a_refused_message_can_be_discarded);
    tcase_add_loop_test(tc, a_temporary_problem_holds_the_head_and_keeps_the_order, 0, 4);
    tcase_add_test(tc, a_stale_nonce_is_looked_for_in_history_before_it_goes_out_anew);
    tcase_add_test(tc, a_copied_cache_does_not_take_the_others_message_for_its_own);
    tcase_add_test(tc, after_a_restore_a_lost_predecessor_does_not_block_for_ever);
    tcase_add_test(tc, an_edit_is_done_when_the_cache_shows_it);
    tcase_add_test(tc, a_delete_leaves_a_tombstone_and_counts_as_read);
    tcase_add_test(tc, live_messages_and_tombstones_keep_the_unread_count_right);
    tcase_add_test(tc, reading_moves_forward_only_and_is_coalesced);
    tcase_add_test(tc, the_outbox_is_bounded_and_bad_input_is_refused);
    tcase_add_test(tc, questions_keep_to_a_rate_of_their_own);
    tcase_add_test(tc, operations_keep_to_the_rate_that_the_server_named);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
