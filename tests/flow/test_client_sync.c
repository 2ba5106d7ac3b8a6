/* What a client does to know everything: signing in, catching up, gaps, rewritten history. */
#include "client_rig.h"

static struct rig rig;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

static void expect_text(uint64_t seq, const char *text)
{
    chat_page *page = NULL;

    ck_assert_int_eq(client_read(rig.core, CH, seq, 1, false, &page), CHAT_OK);
    ck_assert_uint_eq(chat_page_get_count(page), 1);
    ck_assert_str_eq(chat_page_get_message(page, 0)->text, text);
    chat_page_free(page);
}

START_TEST(signing_in_leads_to_live_with_all_messages)
{
    rig_store_many(&rig, CH, 450);
    rig_start(&rig);
    rig_pull(&rig);

    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    ck_assert_uint_eq(client_user_id(rig.core), ME);
    rig_expect_stream(&rig, CH, 1, 450);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_GAP), 0);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY), 3);
    ck_assert_str_eq(client_user(rig.core, BOB)->name, "bob");
}
END_TEST

START_TEST(live_messages_come_once_and_in_order)
{
    rig_start(&rig);
    rig_post(&rig, CH, "one");
    rig_post(&rig, CH, "two");
    rig_publish(&rig, CH, 1, false);
    rig_publish(&rig, CH, 2, false);
    rig_turn(&rig);
    rig_pull(&rig);

    rig_expect_stream(&rig, CH, 1, 2);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY), 0);
}
END_TEST

START_TEST(a_live_hole_is_pulled_and_nothing_overtakes)
{
    rig_start(&rig);
    rig_post(&rig, CH, "one");
    rig_store_many(&rig, CH, 3); /* never published */
    rig_post(&rig, CH, "five");
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 1, 1);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY), 0);

    rig_wait(&rig, 300);
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 2, 5);
    ck_assert_uint_eq(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY)->limit, 3);
}
END_TEST

START_TEST(a_hole_that_closes_by_itself_costs_no_request)
{
    rig_start(&rig);
    rig_store_many(&rig, CH, 2);
    rig_publish(&rig, CH, 2, false);
    rig_turn(&rig);
    rig_publish(&rig, CH, 1, false);
    rig_wait(&rig, 1000);
    rig_pull(&rig);

    rig_expect_stream(&rig, CH, 1, 2);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY), 0);
}
END_TEST

START_TEST(a_reconnect_pulls_exactly_what_was_missed)
{
    rig_store_many(&rig, CH, 10);
    rig_start(&rig);
    rig_pull(&rig);
    rig_cut(&rig, 1006);
    rig_store_many(&rig, CH, 5);
    rig.heard_count = 0;
    rig_wait(&rig, 2000);
    rig_pull(&rig);

    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    rig_expect_stream(&rig, CH, 11, 15);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY), 1);
    ck_assert_uint_eq(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY)->start, 11);
}
END_TEST

START_TEST(alterations_missed_are_pulled_by_rev)
{
    rig_store_many(&rig, CH, 100);
    rig_start(&rig);
    rig_pull(&rig);
    rig_cut(&rig, 1006);
    rig_alter(&rig, CH, 3, "edited");
    rig_alter(&rig, CH, 90, "edited, too");
    rig_store_many(&rig, CH, 1);
    rig_wait(&rig, 2000);
    rig_pull(&rig);

    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_MESSAGE_CHANGED), 2);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES), 1);
    expect_text(3, "edited");
    expect_text(90, "edited, too");
    rig_expect_stream(&rig, CH, 101, 101);
}
END_TEST

START_TEST(live_alterations_apply_once_and_only_forwards)
{
    rig_store_many(&rig, CH, 3);
    rig_start(&rig);
    rig_pull(&rig);
    rig_alter(&rig, CH, 2, "b");
    rig_publish(&rig, CH, 2, true);
    rig_publish(&rig, CH, 2, true);
    rig_wait(&rig, 1000);
    rig_pull(&rig);

    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_MESSAGE_CHANGED), 1);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES), 0);
    expect_text(2, "b");
}
END_TEST

START_TEST(a_missed_alteration_is_noticed_by_the_next_one)
{
    rig_store_many(&rig, CH, 50);
    rig_start(&rig);
    rig_pull(&rig);
    rig_alter(&rig, CH, 1, "first"); /* never published */
    rig_alter(&rig, CH, 2, "second");
    rig_publish(&rig, CH, 2, true);
    rig_wait(&rig, 1000);

    expect_text(1, "first");
    expect_text(2, "second");
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES), 1);
}
END_TEST

static bool too_many(struct rig *r, const WireClientFrame *f)
{
    WireChangesPage page = WIRE_CHANGES_PAGE__INIT;
    WirePosition head = rig_head(rig_channel(r, CH));

    if (f->body_case != WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES)
        return false;
    page.head = &head;
    page.too_many = true;
    RIG_SAY(r, f->request_id, CHANGES_PAGE, changes_page, &page);
    return true;
}

START_TEST(too_many_alterations_become_a_told_gap_that_can_be_filled)
{
    uint64_t ticket;

    rig_store_many(&rig, CH, 100);
    rig_start(&rig);
    rig_pull(&rig);
    rig_cut(&rig, 1006);
    rig_alter(&rig, CH, 7, "edited");
    rig.on_frame = too_many;
    rig_wait(&rig, 2000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_GAP), 1);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_GAP)->to, 100);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);

    ck_assert_int_eq(client_fetch_history(rig.core, CH, 1, 100, false, &ticket), CHAT_OK);
    rig_turn(&rig);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_GAP_FILLED)->to, 100);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_HISTORY)->count, 100);
    expect_text(7, "edited");
}
END_TEST

START_TEST(catching_up_can_be_limited_to_the_newest)
{
    rig.config.keep_max = 20;
    rig_store_many(&rig, CH, 100);
    rig_start(&rig);
    rig_pull(&rig);

    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_GAP)->from, 1);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_GAP)->to, 80);
    rig_expect_stream(&rig, CH, 81, 100);
}
END_TEST

/* 255 holes in one channel, and more: the oldest part is given up for what is new. */
START_TEST(more_holes_than_are_remembered_cost_the_oldest_messages_only)
{
    rig.config.keep_max = 1;
    rig_store_many(&rig, CH, 2);
    rig_start(&rig);
    for (int i = 0; i < 300; i++) {
        rig_cut(&rig, 1006);
        rig_store_many(&rig, CH, 2);
        rig_wait(&rig, 70000);
        ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
        rig_pull(&rig);
    }
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY), 301);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_MESSAGE)->seq, 602);
    expect_text(602, "m602");
    expect_text(602 - 2 * 255, "m92");
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_GAP), 2); /* what was skipped, and the oldest */
}
END_TEST

START_TEST(live_messages_with_a_hole_before_each_are_taken_all_the_same)
{
    rig_start(&rig);
    rig.silent = true;
    for (int i = 0; i < 400; i++) {
        rig_store_many(&rig, CH, 2);
        rig_publish(&rig, CH, rig.channels[0].seq, false);
        rig_turn(&rig);
    }
    ck_assert_uint_eq(rig.closes, 0);
    rig.silent = false;
    rig_cut(&rig, 1006);
    rig_wait(&rig, 60000);
    rig_pull(&rig);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    rig_expect_stream(&rig, CH, 1, 800);
}
END_TEST

START_TEST(what_retention_removed_is_a_gap_that_cannot_be_filled)
{
    rig_store_many(&rig, CH, 30);
    rig.channels[0].first_seq = 11;
    rig_start(&rig);
    rig_pull(&rig);

    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_GAP)->to, 10);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_GAP)->status, CHAT_E_NOT_FOUND);
    rig_expect_stream(&rig, CH, 11, 30);
}
END_TEST

START_TEST(partial_pages_are_asked_on)
{
    rig.page_cut = 7;
    rig_store_many(&rig, CH, 30);
    rig_start(&rig);
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 1, 30);
}
END_TEST

START_TEST(a_new_epoch_rebuilds_the_channel_and_keeps_the_outbox)
{
    rig_store_many(&rig, CH, 20);
    rig_start(&rig);
    rig_pull(&rig);
    rig_cut(&rig, 1006);
    rig_type(&rig, CH, "mine");
    rig.channels[0].epoch = 2;
    rig.channels[0].seq = 0;
    rig_store_many(&rig, CH, 12);
    rig_wait(&rig, 2000);
    rig_pull(&rig);

    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_CHANNEL_RESET), 1);
    rig_expect_stream(&rig, CH, 1, 13);
    expect_text(13, "mine");
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

/* The page that proves the rewriting was read before our message was in. */
START_TEST(an_own_message_acknowledged_meanwhile_is_not_forgotten_with_the_old_history)
{
    WireHistoryPage page = WIRE_HISTORY_PAGE__INIT;
    WireRange covered = WIRE_RANGE__INIT;
    WireMessage message = WIRE_MESSAGE__INIT, *messages[] = {&message};
    WireNonce nonce = WIRE_NONCE__INIT;
    WirePosition head;

    rig_store_many(&rig, CH, 20);
    rig_start(&rig);
    rig_pull(&rig);
    rig_cut(&rig, 1006);
    rig.channels[0].epoch = 2;
    rig.channels[0].seq = 0;
    rig_store_many(&rig, CH, 12);
    rig.keep_pages = true;
    rig_wait(&rig, 2000);
    head = rig_head(&rig.channels[0]);
    rig_type(&rig, CH, "mine");
    rig_turn(&rig);
    ck_assert_uint_eq(rig.channels[0].seq, 13);

    rig_wire(&rig.channels[0], 12, &message, &nonce);
    covered.from_seq = covered.to_seq = 12;
    page.head = &head;
    page.covered = &covered;
    page.first_seq = 1;
    page.messages = messages;
    page.n_messages = 1;
    RIG_SAY(&rig, rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY)->request_id,
            HISTORY_PAGE, history_page, &page);
    ck_assert_uint_eq(client_channel(rig.core, CH)->head_seq, 13);
    rig.keep_pages = false;
    rig_wait(&rig, 1000);
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 1, 13);
}
END_TEST

START_TEST(a_head_behind_ours_rebuilds_the_channel)
{
    rig_store_many(&rig, CH, 20);
    rig_start(&rig);
    rig_pull(&rig);
    rig_cut(&rig, 1006);
    rig.channels[0].seq = 15;
    rig_wait(&rig, 2000);
    rig_pull(&rig);

    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_CHANNEL_RESET), 1);
    rig_expect_stream(&rig, CH, 1, 15);
}
END_TEST

START_TEST(a_stale_hint_of_a_router_destroys_nothing)
{
    WireHeartbeatAck ack = WIRE_HEARTBEAT_ACK__INIT;
    WirePosition head, *pointer = &head;

    rig_store_many(&rig, CH, 20);
    rig_start(&rig);
    rig_pull(&rig);
    head = rig_head(&rig.channels[0]);
    head.seq = 10;
    head.message_id = rig.channels[0].messages[10].message_id;
    ack.heads = &pointer;
    ack.n_heads = 1;
    RIG_SAY(&rig, 0, HEARTBEAT_ACK, heartbeat_ack, &ack);
    rig_wait(&rig, 1000);
    rig_pull(&rig);

    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_CHANNEL_RESET), 0);
    expect_text(20, "m20");
}
END_TEST

START_TEST(a_heartbeat_answer_reveals_a_silent_loss)
{
    WireHeartbeatAck ack = WIRE_HEARTBEAT_ACK__INIT;
    WirePosition head, *pointer = &head;

    rig_start(&rig);
    rig_store_many(&rig, CH, 4);
    head = rig_head(&rig.channels[0]);
    ack.heads = &pointer;
    ack.n_heads = 1;
    RIG_SAY(&rig, 0, HEARTBEAT_ACK, heartbeat_ack, &ack);
    rig_turn(&rig);
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 1, 4);
}
END_TEST

START_TEST(leaving_a_channel_removes_it_and_keeps_what_was_typed)
{
    rig_add_channel(&rig, CH2);
    rig_store_many(&rig, CH2, 5);
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig_type(&rig, CH2, "too late");
    rig_pull(&rig);
    rig.channel_count = 1;
    rig_wait(&rig, 2000);
    rig_pull(&rig);

    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_CHANNEL_REMOVED)->channel_id, CH2);
    ck_assert_ptr_null(client_channel(rig.core, CH2));
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->out_state, CHAT_OUTGOING_REFUSED);
    ck_assert_str_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->text, "too late");
    rig.channel_count = 2;
}
END_TEST

static bool no_pages_of_ch2(struct rig *r, const WireClientFrame *f)
{
    if (f->body_case != WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY ||
        f->fetch_history->channel_id != CH2)
        return false;
    rig_problem(r, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_UNAVAILABLE, WIRE_RETRY__RETRY_LATER,
                0);
    return true;
}

START_TEST(a_channel_whose_store_is_away_holds_nobody_back)
{
    rig_add_channel(&rig, CH2);
    rig_store_many(&rig, CH, 5);
    rig_store_many(&rig, CH2, 5);
    rig.on_frame = no_pages_of_ch2;
    rig_start(&rig);
    rig_pull(&rig);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    rig_expect_stream(&rig, CH, 1, 5);
    rig.on_frame = NULL;
    rig_wait(&rig, 3000);
    rig_pull(&rig);
    rig_expect_stream(&rig, CH2, 1, 5);
}
END_TEST

START_TEST(a_channel_listed_as_unavailable_is_kept_as_it_is)
{
    WireChannelList list = WIRE_CHANNEL_LIST__INIT;
    WireChannel channel = WIRE_CHANNEL__INIT, *pointer = &channel;
    WirePosition head = WIRE_POSITION__INIT;

    rig_store_many(&rig, CH, 5);
    rig.no_list = true;
    rig_start(&rig);
    rig_list(&rig);
    rig_turn(&rig);
    rig_cut(&rig, 1006);
    rig_wait(&rig, 600);
    head.channel_id = CH;
    channel.head = &head;
    channel.home_id = CH;
    channel.unavailable = true;
    list.channels = &pointer;
    list.n_channels = 1;
    list.complete = true;
    RIG_SAY(&rig, 0, CHANNEL_LIST, channel_list, &list);
    rig_turn(&rig);
    rig_pull(&rig);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_CHANNEL_REMOVED), 0);
    ck_assert_uint_eq(client_channel(rig.core, CH)->head_seq, 5);
    expect_text(5, "m5");
}
END_TEST

START_TEST(history_is_local_first_and_exact)
{
    uint64_t ticket;
    const struct rig_seen *seen;

    rig.config.keep_max = 50;
    rig_store_many(&rig, CH, 300);
    rig_start(&rig);
    rig_pull(&rig);
    rig.heard_count = 0;
    ck_assert_int_eq(client_fetch_history(rig.core, CH, 0, 50, true, &ticket), CHAT_OK);
    rig_turn(&rig);
    rig_pull(&rig);
    seen = rig_last(&rig, CHAT_EVENT_HISTORY);
    ck_assert(seen->complete && seen->count == 50 && seen->from == 251);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY), 0);

    rig.page_cut = 30; /* the service cuts: the answer is whole all the same */
    ck_assert_int_eq(client_fetch_history(rig.core, CH, 250, 100, true, &ticket), CHAT_OK);
    rig_turn(&rig);
    rig_pull(&rig);
    seen = rig_last(&rig, CHAT_EVENT_HISTORY);
    ck_assert_uint_eq(seen->ticket, ticket);
    ck_assert(seen->complete && seen->count == 100 && seen->from == 151 && seen->to == 250);
}
END_TEST

static bool leave_and_come_back(struct rig *r, const WireClientFrame *f)
{
    WireChannelRemoved removed = WIRE_CHANNEL_REMOVED__INIT;

    if (f->body_case != WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY)
        return false;
    r->on_frame = NULL;
    removed.channel_id = CH;
    RIG_SAY(r, 0, CHANNEL_REMOVED, channel_removed, &removed);
    rig_list(r);
    return false; /* the answer to what was asked before comes now */
}

START_TEST(history_of_a_channel_that_went_and_came_back_meanwhile_is_whole)
{
    uint64_t ticket;

    rig.config.keep_max = 20;
    rig_store_many(&rig, CH, 100);
    rig_start(&rig);
    rig_pull(&rig);
    rig.on_frame = leave_and_come_back;
    ck_assert_int_eq(client_fetch_history(rig.core, CH, 1, 30, false, &ticket), CHAT_OK);
    rig_wait(&rig, 100);
    rig_pull(&rig);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_HISTORY)->status, CHAT_OK);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_HISTORY)->count, 30);
}
END_TEST

START_TEST(history_without_a_link_says_what_there_is)
{
    uint64_t ticket;

    rig_store_many(&rig, CH, 10);
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig.dial_fails = true;
    ck_assert_int_eq(client_fetch_history(rig.core, CH, 11, 5, false, &ticket), CHAT_OK);
    ck_assert_int_eq(client_fetch_history(rig.core, CH, 0, 200, true, &ticket), CHAT_OK);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_HISTORY), 2);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_HISTORY)->count, 10);
}
END_TEST

START_TEST(a_restart_goes_on_where_the_cache_ends)
{
    char path[] = "client_sync.db";

    remove(path);
    rig.config.cache_path = path;
    rig_store_many(&rig, CH, 250);
    rig_start(&rig);
    rig_pull(&rig);
    rig_crash(&rig);
    rig_store_many(&rig, CH, 5);
    rig.heard_count = 0;
    rig_open(&rig);
    expect_text(250, "m250");
    rig_start(&rig);
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 251, 255);
    ck_assert_uint_eq(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY)->start, 251);
    rig_crash(&rig);
    remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_sync");
    TCase *tc = tcase_create("sync");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, signing_in_leads_to_live_with_all_messages);
    tcase_add_test(tc, live_messages_come_once_and_in_order);
    tcase_add_test(tc, a_live_hole_is_pulled_and_nothing_overtakes);
    tcase_add_test(tc, a_hole_that_closes_by_itself_costs_no_request);
    tcase_add_test(tc, a_reconnect_pulls_exactly_what_was_missed);
    tcase_add_test(tc, alterations_missed_are_pulled_by_rev);
    tcase_add_test(tc, live_alterations_apply_once_and_only_forwards);
    tcase_add_test(tc, a_missed_alteration_is_noticed_by_the_next_one);
    tcase_add_test(tc, too_many_alterations_become_a_told_gap_that_can_be_filled);
    tcase_add_test(tc, catching_up_can_be_limited_to_the_newest);
    tcase_add_test(tc, more_holes_than_are_remembered_cost_the_oldest_messages_only);
    tcase_add_test(tc, live_messages_with_a_hole_before_each_are_taken_all_the_same);
    tcase_add_test(tc, what_retention_removed_is_a_gap_that_cannot_be_filled);
    tcase_add_test(tc, partial_pages_are_asked_on);
    tcase_add_test(tc, a_new_epoch_rebuilds_the_channel_and_keeps_the_outbox);
    tcase_add_test(tc, an_own_message_acknowledged_meanwhile_is_not_forgotten_with_the_old_history);
    tcase_add_test(tc, a_head_behind_ours_rebuilds_the_channel);
    tcase_add_test(tc, a_stale_hint_of_a_router_destroys_nothing);
    tcase_add_test(tc, a_heartbeat_answer_reveals_a_silent_loss);
    tcase_add_test(tc, leaving_a_channel_removes_it_and_keeps_what_was_typed);
    tcase_add_test(tc, a_channel_whose_store_is_away_holds_nobody_back);
    tcase_add_test(tc, a_channel_listed_as_unavailable_is_kept_as_it_is);
    tcase_add_test(tc, history_is_local_first_and_exact);
    tcase_add_test(tc, history_of_a_channel_that_went_and_came_back_meanwhile_is_whole);
    tcase_add_test(tc, history_without_a_link_says_what_there_is);
    tcase_add_test(tc, a_restart_goes_on_where_the_cache_ends);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
