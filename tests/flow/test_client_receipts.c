/* Receipts and typing, as a client says and hears them. */
#include "../support/faulty_alloc.h"
#include "view_copy.h"

#include "client_own.h"

/* --- receipts: what we say --- */

START_TEST(what_arrives_is_said_once_a_second_all_channels_together)
{
    rig_add_channel(&rig, CH2);
    rig_store_many(&rig, CH, 3);
    rig_store_many(&rig, CH2, 2);
    rig_start(&rig);
    rig_wait(&rig, 1000);
    ck_assert_uint_eq(service.delivered, 3);
    ck_assert_uint_le(marks(), 2); /* the pages of both came one by one */
    rig.heard_count = 0;
    for (int i = 0; i < 10; i++) {
        rig_post(&rig, CH, "more");
        rig_post(&rig, CH2, "more");
    }
    rig_wait(&rig, 1000);
    ck_assert_uint_eq(marks(), 2); /* one for the first, one for the rest */
    ck_assert_uint_eq(service.marks_of_last, 2);
    ck_assert_uint_eq(service.delivered, 13);
    ck_assert_uint_eq(service.read, 0);
    rig_wait(&rig, 20000);
    ck_assert_uint_eq(marks(), 2);
}
END_TEST

START_TEST(own_messages_are_not_worth_a_word)
{
    rig_start(&rig);
    client_set_read_receipts(rig.core, false);
    rig_wait(&rig, 2000);
    rig.heard_count = 0;
    (void)rig_type(&rig, CH, "hello");
    rig_wait(&rig, 3000);
    ck_assert_uint_eq(marks(), 0);
}
END_TEST

START_TEST(what_the_server_knows_is_not_said_again)
{
    rig_store_many(&rig, CH, 3);
    list_receipt(ME, 3, 0);
    rig_start(&rig);
    rig_wait(&rig, 3000);
    ck_assert_uint_eq(marks(), 0);
}
END_TEST

START_TEST(a_mark_that_was_lost_is_said_again_after_signing_in)
{
    rig_store_many(&rig, CH, 3);
    rig_start(&rig);
    rig_wait(&rig, 1000);
    ck_assert_uint_gt(marks(), 0);
    rig.heard_count = 0;
    reconnect(); /* the list says that the server knows nothing */
    rig_wait(&rig, 1000);
    ck_assert_uint_eq(marks(), 1);
    ck_assert_uint_eq(service.delivered, 3);
}
END_TEST

START_TEST(a_mark_that_was_refused_is_said_again_later)
{
    service.refuse_marks = true;
    rig_store_many(&rig, CH, 3);
    rig_start(&rig);
    rig_wait(&rig, 100);
    ck_assert_uint_eq(marks(), 1);
    service.refuse_marks = false;
    service.delivered = 0;
    rig_wait(&rig, 1300);
    ck_assert_uint_eq(marks(), 1);
    rig_wait(&rig, 300);
    ck_assert_uint_eq(marks(), 2);
    ck_assert_uint_eq(service.delivered, 3);
}
END_TEST

START_TEST(nothing_is_said_of_messages_that_are_not_stored)
{
    rig_store_many(&rig, CH, 3);
    rig.keep_pages = true;
    rig_start(&rig);
    rig_wait(&rig, 3000);
    ck_assert_uint_eq(marks(), 0);
}
END_TEST

START_TEST(reading_is_said_unless_it_is_hidden_and_the_cursor_moves_all_the_same)
{
    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    rig_wait(&rig, 1000);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 2), CHAT_OK);
    rig_wait(&rig, 1000);
    ck_assert_uint_eq(service.read, 2);
    client_set_read_receipts(rig.core, false);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 4), CHAT_OK);
    rig_post(&rig, CH, "six");
    rig_wait(&rig, 2000);
    ck_assert_uint_eq(service.read, 0); /* says nothing */
    ck_assert_uint_eq(service.delivered, 6);
    ck_assert_uint_eq(rig_channel(&rig, CH)->read_seq, 4);
    client_set_read_receipts(rig.core, true);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 5), CHAT_OK);
    rig_wait(&rig, 1000);
    ck_assert_uint_eq(service.read, 5);
}
END_TEST

START_TEST(what_was_read_before_a_crash_is_still_said)
{
    on_disk();
    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    rig_wait(&rig, 1000);
    rig_cut(&rig, 1006);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 5), CHAT_OK);
    rig_crash(&rig);
    service.read = 0;
    rig_start(&rig);
    rig_wait(&rig, 1000);
    ck_assert_uint_eq(service.read, 5);
}
END_TEST

START_TEST(who_answers_has_read)
{
    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    rig_wait(&rig, 1000);
    (void)rig_type(&rig, CH, "an answer");
    rig_wait(&rig, 1000);
    ck_assert_uint_eq(service.read, 6);
}
END_TEST

/* --- receipts: what others say --- */

START_TEST(a_direct_has_its_two_ticks_at_hand)
{
    on_disk();
    rig_store_many(&rig, CH, 5);
    list_receipt(BOB, 3, 1);
    rig_start(&rig);
    rig_pull(&rig);
    ck_assert_uint_eq(channel()->peer_delivered_seq, 3);
    ck_assert_uint_eq(channel()->peer_read_seq, 1);
    say_receipts(0, BOB, 5, 4);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_RECEIPT), 1);
    say_receipts(0, BOB, 4, 2); /* an old one */
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_RECEIPT), 0);
    rig_crash(&rig);
    rig_open(&rig);
    ck_assert_uint_eq(channel()->peer_delivered_seq, 5);
    ck_assert_uint_eq(channel()->peer_read_seq, 4);
}
END_TEST

START_TEST(receipts_that_wait_are_one_event)
{
    rig_store_many(&rig, CH, 9);
    rig_start(&rig);
    rig_pull(&rig);
    for (uint64_t seq = 1; seq <= 9; seq++)
        say_receipts(0, BOB, seq, seq);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_RECEIPT), 1);
}
END_TEST

START_TEST(a_receipt_of_the_peer_is_told_by_views)
{
    static struct copy list, window;
    const struct chat_row *row;

    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    rig_wait(&rig, 2000);
    rig_pull(&rig);
    copy_open(&list, &rig, 0, NULL);
    copy_open(&window, &rig, CH, NULL);
    say_receipts(0, BOB, 5, 4);
    ck_assert(chat_view_is_ready(list.view) && chat_view_is_ready(window.view));
    (void)copy_pull(&list);
    ck_assert_uint_eq(list.diffs[CHAT_DIFF_UPDATE], 1);
    ck_assert(view_get_row(list.view, 0, &row));
    ck_assert_uint_eq(row->channel->peer_read_seq, 4);
    (void)copy_pull(&window);
    ck_assert_uint_eq(window.diffs[CHAT_DIFF_STATUS], 1);
    ck_assert_uint_eq(view_get_status(window.view)->channel->peer_delivered_seq, 5);
}
END_TEST

START_TEST(a_receipt_is_never_shown_beyond_the_head)
{
    const struct chat_receipt *const *list;
    size_t count;

    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    say_receipts(0, BOB, 500, 400);
    ck_assert_uint_eq(channel()->peer_delivered_seq, 5);
    ck_assert_uint_eq(channel()->peer_read_seq, 5);
    ck_assert_int_eq(client_receipts(rig.core, CH, &list, &count), CHAT_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(list[0]->read_seq, 5);
    say_receipts(0, BOB, UINT64_MAX, UINT64_MAX); /* no sane server says so */
    say_receipts(0, 0, 1, 1);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    ck_assert_int_eq(client_receipts(rig.core, CH2, &list, &count), CHAT_E_NOT_FOUND);
}
END_TEST

START_TEST(receipts_that_are_looked_at_are_kept_current)
{
    const struct chat_receipt *const *list;
    size_t count;

    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS), 0);
    ck_assert_int_eq(client_receipts(rig.core, CH, &list, &count), CHAT_OK);
    ck_assert_uint_eq(count, 0);
    rig_turn(&rig);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_RECEIPT), 1);
    ck_assert_int_eq(client_receipts(rig.core, CH, &list, &count), CHAT_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(list[0]->user_id, EVE);
    ck_assert_uint_eq(list[0]->delivered_seq, 2);
    ck_assert_uint_eq(list[0]->read_seq, 1);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS), 1);
    reconnect();
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS), 2);
}
END_TEST

/* Of CH: BOB is the peer, EVE the one that an answer names. */
static void tell_removed(uint64_t user)
{
    WireMemberChanged changed = WIRE_MEMBER_CHANGED__INIT;
    WireMember member = WIRE_MEMBER__INIT;

    member.user_id = user;
    changed.home_id = CH;
    changed.lsn = 1;
    changed.member = &member;
    RIG_SAY(&rig, 0, MEMBER_CHANGED, member_changed, &changed);
    rig_turn(&rig);
}

static size_t count_receipts(void)
{
    const struct chat_receipt *const *list;
    size_t count;

    ck_assert_int_eq(client_receipts(rig.core, CH, &list, &count), CHAT_OK);
    return count;
}

static uint64_t read_by(uint64_t user)
{
    const struct chat_receipt *const *list;
    size_t count;

    ck_assert_int_eq(client_receipts(rig.core, CH, &list, &count), CHAT_OK);
    for (size_t i = 0; i < count; i++)
        if (list[i]->user_id == user)
            return list[i]->read_seq;
    return 0;
}

static void say_many(uint64_t count, uint64_t read)
{
    for (uint64_t i = 0; i < count; i++)
        say_receipts(0, 5000 + i, read, read);
}

/* The store begins anew with a member who was removed and came back. */
START_TEST(who_comes_back_has_read_what_he_had_read)
{
    rig_store_many(&rig, CH, 9);
    rig_start(&rig);
    say_receipts(0, 3001, 4, 4);
    tell_removed(3001);
    (void)count_receipts(); /* a look: all are asked for, and he is not named */
    rig_turn(&rig);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS), 1);
    say_receipts(0, 3001, 9, 0);
    ck_assert_uint_eq(read_by(3001), 4);
}
END_TEST

START_TEST(receipts_of_who_has_left_go_when_they_are_more_than_members_can_be)
{
    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    say_receipts(0, BOB, 5, 5);
    say_many(CHAT_GROUP_MEMBERS_MAX - 2, 3);
    (void)count_receipts();
    rig_turn(&rig); /* the answer has EVE alone */
    ck_assert_uint_eq(count_receipts(), CHAT_GROUP_MEMBERS_MAX);
    say_receipts(0, 4000, 4, 4);
    ck_assert_uint_eq(count_receipts(), CHAT_GROUP_MEMBERS_MAX + 1);
    rig_pull(&rig);
    reconnect();
    ck_assert_uint_eq(count_receipts(), 2);
    ck_assert_uint_eq(read_by(EVE), 1);
    ck_assert_uint_eq(read_by(BOB), 5); /* a direct's peer stays whatever is said */
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_RECEIPT), 1);
}
END_TEST

/* 3003 reads while the answer is on its way, which was made before. */
static bool raise_first(struct rig *r, const WireClientFrame *f)
{
    if (f->body_case == WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS)
        say_receipts(0, 3003, 5, 5);
    return on_frame(r, f);
}

START_TEST(an_answer_does_not_take_away_what_was_heard_meanwhile)
{
    rig.on_frame = raise_first;
    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    say_many(CHAT_GROUP_MEMBERS_MAX, 3);
    (void)count_receipts();
    rig_turn(&rig);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS), 1);
    ck_assert_uint_eq(read_by(3003), 5);
    ck_assert_uint_eq(read_by(EVE), 1);
}
END_TEST

/* Whatever is said. */
START_TEST(receipts_are_bounded_and_a_member_who_is_pushed_out_comes_back)
{
    const uint64_t max = 2 * CHAT_GROUP_MEMBERS_MAX;

    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    (void)count_receipts();
    rig_turn(&rig);
    ck_assert_uint_eq(read_by(EVE), 1); /* who says least */
    say_many(max - 1, 3);
    ck_assert_uint_eq(count_receipts(), max);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS), 1);
    say_receipts(0, 4999, 3, 3); /* one too many: and all are asked for again */
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS), 2);
    ck_assert_uint_eq(count_receipts(), 1);
    ck_assert_uint_eq(read_by(EVE), 1);
}
END_TEST

/* Lists have the user's own and a direct's other. */
START_TEST(a_list_says_nothing_of_other_members)
{
    rig_store_many(&rig, CH, 5);
    list_receipt(8001, 4, 4);
    list_receipt(BOB, 4, 4);
    rig_start(&rig);
    ck_assert_uint_eq(read_by(8001), 0);
    ck_assert_uint_eq(read_by(BOB), 4);
}
END_TEST

static bool keep_fetches(struct rig *r, const WireClientFrame *f)
{
    (void)r;
    return f->body_case == WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS;
}

START_TEST(receipts_are_bounded_when_one_rises_before_the_answer)
{
    rig.on_frame = keep_fetches;
    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    say_many(2 * CHAT_GROUP_MEMBERS_MAX - 1, 3);
    (void)count_receipts();
    rig_turn(&rig);
    say_receipts(0, 3003, 5, 5);
    rig.on_frame = on_frame;
    say_receipts(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS)->request_id, EVE, 2,
                 1); /* one too many: all are asked for again */
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS), 2);
    ck_assert_uint_eq(count_receipts(), 1);
}
END_TEST

START_TEST(what_is_looked_at_is_kept_current_after_an_undone_turn)
{
    static struct faulty_alloc memory;

    faulty_alloc_init(&memory);
    rig.config.allocator = &memory.allocator;
    rig_start(&rig);
    (void)count_receipts();
    rig_turn(&rig);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS), 1);
    rig_pull(&rig);
    faulty_alloc_fail_at(&memory, 0, false);
    rig_post(&rig, CH, "there is no memory for this");
    faulty_alloc_fail_at(&memory, FAULTY_ALLOC_NEVER, false);
    rig_pull(&rig);
    ck_assert_ptr_nonnull(rig_last(&rig, CHAT_EVENT_REREAD));
    rig_wait(&rig, 5000);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS), 2);
    rig_crash(&rig);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

START_TEST(fetched_receipts_come_with_the_ticket)
{
    struct chat_event e = CHAT_EVENT_INIT;
    uint64_t ticket = 0;
    bool found = false;

    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    rig_pull(&rig);
    ck_assert_int_eq(client_fetch_receipts(rig.core, CH2, &ticket), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(client_fetch_receipts(rig.core, CH, &ticket), CHAT_OK);
    rig_turn(&rig);
    while (client_next_event(rig.core, &e)) {
        if (e.type != CHAT_EVENT_RECEIPTS)
            continue;
        found = true;
        ck_assert_uint_eq(e.ticket, ticket);
        ck_assert_int_eq(e.status, CHAT_OK);
        ck_assert_uint_eq(e.channel_id, CH);
        ck_assert_uint_eq(e.receipts_count, 1);
        ck_assert_uint_eq(e.receipts[0]->user_id, EVE);
    }
    ck_assert(found);
}
END_TEST

/* --- typing --- */

static size_t typings(void) { return rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_TYPING); }

START_TEST(typing_is_told_at_once_repeated_and_given_up_by_itself)
{
    rig_start(&rig);
    for (int i = 0; i < 50; i++) { /* 5 s of keystrokes */
        ck_assert_int_eq(client_set_typing(rig.core, CH, true), CHAT_OK);
        rig_turn(&rig);
        if (i == 0)
            ck_assert_uint_eq(typings(), 1);
        rig_wait(&rig, 100);
    }
    ck_assert_uint_eq(typings(), 2);
    rig_wait(&rig, 60000);
    ck_assert_uint_eq(typings(), 4); /* 10 s after the last call */
    ck_assert(!service.typing_stop);
    ck_assert_int_eq(client_set_typing(rig.core, CH2, true), CHAT_E_NOT_FOUND);
}
END_TEST

START_TEST(typing_that_ends_is_told_once_and_a_message_says_it_by_itself)
{
    rig_start(&rig);
    ck_assert_int_eq(client_set_typing(rig.core, CH, false), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(typings(), 0);
    ck_assert_int_eq(client_set_typing(rig.core, CH, true), CHAT_OK);
    rig_turn(&rig);
    ck_assert_int_eq(client_set_typing(rig.core, CH, false), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(typings(), 2);
    ck_assert(service.typing_stop);
    ck_assert_int_eq(client_set_typing(rig.core, CH, true), CHAT_OK);
    rig_turn(&rig);
    (void)rig_type(&rig, CH, "done");
    rig_wait(&rig, 20000);
    ck_assert_uint_eq(typings(), 3);
}
END_TEST

START_TEST(without_a_link_nobody_is_told_of_typing)
{
    rig_start(&rig);
    rig_cut(&rig, 1006);
    ck_assert_int_eq(client_set_typing(rig.core, CH, true), CHAT_OK);
    rig_wait(&rig, 3000);
    ck_assert_uint_eq(typings(), 0);
}
END_TEST

static void hear_typing(uint64_t user, bool stop)
{
    WireTyping t = WIRE_TYPING__INIT;

    t.channel_id = CH;
    t.user_id = user;
    t.stop = stop;
    RIG_SAY(&rig, 0, TYPING, typing, &t);
    rig_turn(&rig);
}

/* "+1002 -1003": what is told, in order. */
static const char *pull_typing(void)
{
    static char text[1024];
    struct chat_event e = CHAT_EVENT_INIT;
    size_t len = 0;

    text[0] = '\0';
    while (client_next_event(rig.core, &e))
        if (e.type == CHAT_EVENT_TYPING)
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%c%u", len ? " " : "",
                                    e.typing ? '+' : '-', (unsigned)e.user_id);
    return text;
}

START_TEST(who_types_is_told_and_forgotten_after_six_seconds)
{
    rig_start(&rig);
    (void)pull_typing();
    hear_typing(BOB, false);
    ck_assert_str_eq(pull_typing(), "+1002");
    rig_wait(&rig, 4000);
    hear_typing(BOB, false); /* goes on: nothing new */
    ck_assert_str_eq(pull_typing(), "");
    rig_wait(&rig, 5999);
    ck_assert_str_eq(pull_typing(), "");
    rig_wait(&rig, 1);
    ck_assert_str_eq(pull_typing(), "-1002");
    rig_wait(&rig, 20000);
    ck_assert_str_eq(pull_typing(), "");
}
END_TEST

START_TEST(typing_ends_by_a_stop_a_message_or_with_the_link)
{
    rig_start(&rig);
    (void)pull_typing();
    hear_typing(BOB, false);
    hear_typing(BOB, true);
    hear_typing(EVE, true); /* of whom nobody heard */
    ck_assert_str_eq(pull_typing(), "-1002");
    hear_typing(BOB, false);
    ck_assert_str_eq(pull_typing(), "+1002");
    rig_post(&rig, CH, "what he typed");
    ck_assert_str_eq(pull_typing(), "-1002");
    hear_typing(BOB, false);
    hear_typing(EVE, false);
    ck_assert_str_eq(pull_typing(), "+1002 +1003");
    rig_cut(&rig, 1006);
    ck_assert_str_eq(pull_typing(), "-1002 -1003");
}
END_TEST

START_TEST(own_typing_on_another_device_and_unknown_channels_are_no_event)
{
    WireTyping t = WIRE_TYPING__INIT;

    rig_start(&rig);
    (void)pull_typing();
    hear_typing(ME, false);
    hear_typing(0, false);
    t.channel_id = CH2;
    t.user_id = BOB;
    RIG_SAY(&rig, 0, TYPING, typing, &t);
    ck_assert_str_eq(pull_typing(), "");
    ck_assert(!client_has_event(rig.core));
}
END_TEST

START_TEST(more_typists_than_anybody_reads_cost_nothing)
{
    struct chat_event e = CHAT_EVENT_INIT;
    size_t told = 0;

    rig_start(&rig);
    for (uint64_t user = 5000; user < 6000; user++)
        hear_typing(user, false);
    while (client_next_event(rig.core, &e))
        told += e.type == CHAT_EVENT_TYPING;
    ck_assert_uint_eq(told, 64);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_receipts");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, what_arrives_is_said_once_a_second_all_channels_together);
    tcase_add_test(all, own_messages_are_not_worth_a_word);
    tcase_add_test(all, what_the_server_knows_is_not_said_again);
    tcase_add_test(all, a_mark_that_was_lost_is_said_again_after_signing_in);
    tcase_add_test(all, a_mark_that_was_refused_is_said_again_later);
    tcase_add_test(all, nothing_is_said_of_messages_that_are_not_stored);
    tcase_add_test(all, reading_is_said_unless_it_is_hidden_and_the_cursor_moves_all_the_same);
    tcase_add_test(all, what_was_read_before_a_crash_is_still_said);
    tcase_add_test(all, who_answers_has_read);
    tcase_add_test(all, a_direct_has_its_two_ticks_at_hand);
    tcase_add_test(all, receipts_that_wait_are_one_event);
    tcase_add_test(all, a_receipt_of_the_peer_is_told_by_views);
    tcase_add_test(all, a_receipt_is_never_shown_beyond_the_head);
    tcase_add_test(all, receipts_that_are_looked_at_are_kept_current);
    tcase_add_test(all, who_comes_back_has_read_what_he_had_read);
    tcase_add_test(all, receipts_of_who_has_left_go_when_they_are_more_than_members_can_be);
    tcase_add_test(all, an_answer_does_not_take_away_what_was_heard_meanwhile);
    tcase_add_test(all, receipts_are_bounded_and_a_member_who_is_pushed_out_comes_back);
    tcase_add_test(all, a_list_says_nothing_of_other_members);
    tcase_add_test(all, receipts_are_bounded_when_one_rises_before_the_answer);
    tcase_add_test(all, what_is_looked_at_is_kept_current_after_an_undone_turn);
    tcase_add_test(all, fetched_receipts_come_with_the_ticket);
    tcase_add_test(all, typing_is_told_at_once_repeated_and_given_up_by_itself);
    tcase_add_test(all, typing_that_ends_is_told_once_and_a_message_says_it_by_itself);
    tcase_add_test(all, without_a_link_nobody_is_told_of_typing);
    tcase_add_test(all, who_types_is_told_and_forgotten_after_six_seconds);
    tcase_add_test(all, typing_ends_by_a_stop_a_message_or_with_the_link);
    tcase_add_test(all, own_typing_on_another_device_and_unknown_channels_are_no_event);
    tcase_add_test(all, more_typists_than_anybody_reads_cost_nothing);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
