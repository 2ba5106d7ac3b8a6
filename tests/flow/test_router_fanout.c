/* What a home publishes, to whom, in which order; and what happens when some of it is missing. */
#include "router_rig.h"

static struct rig g;
static struct rig_home *room;

static void setup(void)
{
    rig_config(&g);
    rig_start_all(&g);
    room = rig_group(&g, 0, (const char *[]){"alice", "bob", NULL});
}

static void teardown(void) { rig_fini(&g); }

static void all_sign_in(void)
{
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    rig_sign_in(&g, 2, "bob", RIG_DEVICE);
    rig_forget(&g);
}

/* Seqs of the messages a link heard, as text: "1 2 3". */
static const char *seqs(link_id link)
{
    static char text[4096];
    size_t len = 0;

    text[0] = 0;
    for (size_t i = 0; i < g.heard_count; i++) {
        const WireServerFrame *frame = g.heard[i].server;

        if (g.heard[i].link == link && frame && frame->body_case == SERVER(MESSAGE))
            len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", len ? " " : "",
                                    (unsigned)frame->message->seq);
    }
    return text;
}

START_TEST(every_member_gets_a_message_and_nobody_else)
{
    all_sign_in();
    rig_sign_in(&g, 3, "carol", RIG_DEVICE);
    rig_message(&g, room, "hello");

    ck_assert_str_eq(seqs(1), "1");
    ck_assert_str_eq(seqs(2), "1");
    ck_assert_str_eq(seqs(3), "");
    ck_assert_str_eq(rig_last(&g, 1, SERVER(MESSAGE))->message->text, "hello");
}
END_TEST

START_TEST(a_home_is_subscribed_once_and_left_with_the_last_member)
{
    all_sign_in();
    ck_assert_uint_eq(rig_stats(&g).homes, 1);
    rig_event(&g, EVENT_LINK_CLOSED, 1);
    ck_assert_uint_eq(rig_stats(&g).homes, 1);
    rig_forget(&g);
    rig_event(&g, EVENT_LINK_CLOSED, 2);

    ck_assert_uint_eq(rig_stats(&g).homes, 0);
    ck_assert_uint_eq(rig_stats(&g).edges, 0);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(UNSUBSCRIBE)), 2); /* the room, and bob's home */
}
END_TEST

START_TEST(all_of_one_turn_is_one_message_in_order)
{
    all_sign_in();
    for (int i = 0; i < 3; i++) {
        struct rig_news *news = rig_news(room);

        for (int j = 0; j < 4; j++)
            rig_add_message(news, "x");
        rig_feed_news(&g, news);
    }
    rig_settle(&g);

    ck_assert_str_eq(seqs(1), "1 2 3 4 5 6 7 8 9 10 11 12");
    ck_assert_str_eq(seqs(2), "1 2 3 4 5 6 7 8 9 10 11 12");
    ck_assert_uint_eq(g.sends[1], 1);
    ck_assert_uint_eq(g.sends[2], 1);
}
END_TEST

START_TEST(a_publication_is_encoded_once_for_all_sessions)
{
    struct rig_news *news = rig_news(room);
    size_t before;

    for (link_id link = 1; link <= 40; link++)
        rig_sign_in(&g, link, "alice", link);
    rig_forget(&g);
    rig_add_message(news, "x");
    rig_add_message(news, "y");
    faulty_alloc_fail_after(&g.memory, FAULTY_ALLOC_NEVER);
    rig_feed_news(&g, news);
    before = g.memory.calls;
    ck_assert_uint_le(before, 4); /* one frame; the link's decoding keeps its memory */
    rig_settle(&g);

    for (link_id link = 1; link <= 40; link++)
        ck_assert_str_eq(seqs(link), "1 2");
    ck_assert_uint_eq(g.memory.calls, before);
}
END_TEST

START_TEST(a_removed_member_gets_what_came_before_and_nothing_after)
{
    struct rig_news *news = rig_news(room);

    all_sign_in();
    rig_add_message(news, "before");
    rig_add_change(news, "bob", 0);
    rig_add_message(news, "after");
    rig_publish(&g, news);

    ck_assert_str_eq(seqs(1), "1 2");
    ck_assert_str_eq(seqs(2), "1");
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(MEMBER_CHANGED)), 1);
    ck_assert_uint_eq(rig_last(&g, 2, SERVER(CHANNEL_REMOVED))->channel_removed->channel_id,
                      room->home_id);
    ck_assert_uint_eq(rig_count(&g, 2, SERVER(MEMBER_CHANGED)), 0);
    rig_message(&g, room, "later");
    ck_assert_str_eq(seqs(2), "1");
}
END_TEST

START_TEST(an_added_member_gets_the_channel_and_what_comes_after)
{
    struct rig_news *news = rig_news(room);
    const WireChannel *channel;

    all_sign_in();
    rig_sign_in(&g, 3, "carol", RIG_DEVICE);
    rig_forget(&g);
    rig_add_message(news, "before");
    rig_add_change(news, "carol", MEMBER);
    rig_add_message(news, "after");
    rig_publish(&g, news);

    ck_assert_str_eq(seqs(1), "1 2");
    ck_assert_str_eq(seqs(3), "2");
    channel = rig_last(&g, 3, SERVER(CHANNEL_LIST))->channel_list->channels[0];
    ck_assert_uint_eq(channel->head->seq, 1);
    ck_assert_uint_eq(channel->permissions, MEMBER);
    ck_assert(!rig_last(&g, 3, SERVER(CHANNEL_LIST))->channel_list->complete);
}
END_TEST

START_TEST(a_member_without_view_gets_no_message)
{
    struct rig_news *news = rig_news(room);

    all_sign_in();
    rig_add_change(news, "bob", WIRE_PERMISSION__PERMISSION_SEND);
    rig_add_message(news, "unseen");
    rig_publish(&g, news);

    ck_assert_str_eq(seqs(1), "1");
    ck_assert_str_eq(seqs(2), "");
}
END_TEST

START_TEST(a_hole_stops_delivery_until_members_are_checked_and_told_the_head)
{
    const WireLinkFrame *asked;

    all_sign_in();
    rig_message(&g, room, "one");
    rig_forget(&g);
    g.hold_subscribe = true;
    room->lsn++; /* a message that this router never hears */
    room->seq++;
    room->published_lsn++;
    rig_message(&g, room, "three");
    ck_assert_str_eq(seqs(1), "");
    rig_message(&g, room, "four");
    ck_assert_str_eq(seqs(1), "");

    asked = rig_asked(&g, LINK(SUBSCRIBE));
    ck_assert_uint_eq(asked->subscribe->user_id, 0);
    ck_assert_uint_eq(asked->subscribe->n_user_ids, 2);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(SUBSCRIBE)), 1);
    rig_set_member(room, rig_user("bob"), 0); /* decided in the part that was missed */
    rig_answer_subscribe(&g, 0, asked);
    rig_settle(&g);

    ck_assert_uint_eq(rig_last(&g, 1, SERVER(CHANNEL_LIST))->channel_list->channels[0]->head->seq,
                      4);
    ck_assert_uint_eq(rig_count(&g, 2, SERVER(CHANNEL_REMOVED)), 1);
    rig_message(&g, room, "five");
    ck_assert_str_eq(seqs(1), "5");
    ck_assert_str_eq(seqs(2), "");
    ck_assert_uint_eq(rig_stats(&g).holes, 1);
    ck_assert_uint_eq(rig_stats(&g).homes_lost, 0);
}
END_TEST

START_TEST(a_newcomer_does_not_keep_a_lost_home_from_being_rechecked)
{
    all_sign_in();
    g.hold_subscribe = true;
    room->lsn++;
    room->published_lsn++;
    rig_message(&g, room, "after a hole");
    rig_answer_problem(&g, 0, rig_asked(&g, LINK(SUBSCRIBE))->request_id, PROBLEM(UNAVAILABLE));
    rig_settle(&g);
    g.hold_subscribe = false;
    rig_sign_in(&g, 3, "alice", RIG_DEVICE + 1); /* the home is known again, for him */
    rig_message(&g, room, "for the newcomer");
    ck_assert_str_eq(seqs(1), "");
    ck_assert_str_eq(seqs(3), "2");

    rig_wait(&g, 1000);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(CHANNEL_LIST))->channel_list->channels[0]->head->seq,
                      2);
    rig_message(&g, room, "for all");
    ck_assert_str_eq(seqs(1), "3");
    ck_assert_str_eq(seqs(2), "3");
    ck_assert_uint_eq(rig_stats(&g).homes_lost, 0);
}
END_TEST

START_TEST(a_newcomer_does_not_keep_other_sessions_from_being_announced)
{
    uint32_t shard = shard_of_id(rig_user("alice"), RIG_SHARDS);
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;

    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    g.hold_open = true;
    event.body_case = WIRE_HOME_EVENT__BODY_ROUTERS;
    rig_user_event(&g, "alice", 8, 9, &event); /* a hole */
    rig_answer_problem(&g, shard, rig_asked(&g, LINK(OPEN_SESSION))->request_id,
                       PROBLEM(UNAVAILABLE));
    rig_settle(&g);
    g.hold_open = false;
    rig_sign_in(&g, 2, "alice", RIG_DEVICE + 1);
    rig_forget(&g);
    rig_wait(&g, 1000);

    ck_assert_uint_eq(rig_asked_count(&g, LINK(OPEN_SESSION)), 2);
    ck_assert_uint_ne(rig_asked(&g, LINK(OPEN_SESSION))->open_session->session_no, 0);
    ck_assert_uint_eq(g.closed[1] + g.closed[2], 0);
}
END_TEST

START_TEST(an_answer_older_than_what_was_published_is_asked_again)
{
    const WireLinkFrame *asked;
    struct rig_home then;

    all_sign_in();
    g.hold_subscribe = true;
    rig_open(&g, 3);
    rig_hello(&g, 3, "alice", RIG_DEVICE + 1);
    asked = rig_asked(&g, LINK(SUBSCRIBE));
    then = *room;
    rig_message(&g, room, "meanwhile");
    *room = then;
    rig_answer_subscribe(&g, 0, asked);
    rig_settle(&g);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(SUBSCRIBE)), 2);
    ck_assert_uint_eq(rig_stats(&g).syncing, 1);

    room->lsn++;
    room->seq++;
    room->published_lsn = room->lsn;
    rig_answer_subscribe(&g, 0, rig_asked(&g, LINK(SUBSCRIBE)));
    rig_settle(&g);
    ck_assert_uint_eq(rig_stats(&g).syncing, 0);
    ck_assert_uint_eq(rig_stats(&g).edges, 3);
}
END_TEST

START_TEST(what_was_seen_before_is_not_delivered_twice)
{
    struct rig_news *news = rig_news(room);

    all_sign_in();
    rig_add_message(news, "once");
    rig_publish(&g, news);
    room->published_lsn = room->lsn - 1;
    rig_publish(&g, news);

    ck_assert_str_eq(seqs(1), "1");
    ck_assert_uint_eq(rig_stats(&g).holes, 0);
}
END_TEST

START_TEST(a_lost_store_link_rechecks_every_home_and_session)
{
    all_sign_in();
    room->seq += 5;
    room->lsn += 5;
    room->published_lsn = room->lsn;
    rig_down(&g, 0);
    rig_wait(&g, 200);
    rig_up(&g, 0);

    ck_assert_uint_eq(rig_last(&g, 1, SERVER(CHANNEL_LIST))->channel_list->channels[0]->head->seq,
                      5);
    rig_message(&g, room, "on we go");
    ck_assert_str_eq(seqs(1), "6");
    ck_assert_str_eq(seqs(2), "6");
    ck_assert_uint_eq(g.closed[1] + g.closed[2], 0);
}
END_TEST

START_TEST(a_lost_users_home_announces_its_sessions_by_number)
{
    uint32_t shard = shard_of_id(rig_user("alice"), RIG_SHARDS);
    uint64_t session_no;

    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    session_no = rig_last(&g, 1, SERVER(WELCOME))->welcome->session_no;
    rig_down(&g, shard);
    rig_wait(&g, 200);
    rig_forget(&g);
    rig_up(&g, shard);
    ck_assert_uint_eq(rig_asked(&g, LINK(OPEN_SESSION))->open_session->session_no, session_no);
    ck_assert_uint_eq(rig_asked(&g, LINK(OPEN_SESSION))->open_session->device_id, RIG_DEVICE);
    ck_assert_uint_eq(g.closed[1], 0);

    /* Another router has a newer one: the store says so. */
    rig_down(&g, shard);
    rig_wait(&g, 200);
    g.hold_open = true;
    rig_up(&g, shard);
    rig_answer_problem(&g, shard, rig_asked(&g, LINK(OPEN_SESSION))->request_id,
                       PROBLEM(SUPERSEDED));
    rig_settle(&g);
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_SUPERSEDED);
}
END_TEST

START_TEST(a_channel_added_meanwhile_is_found_by_the_announcement)
{
    uint32_t shard = shard_of_id(rig_user("alice"), RIG_SHARDS);
    struct rig_home *late;

    all_sign_in();
    rig_down(&g, shard);
    late = rig_group(&g, 1, (const char *[]){"alice", NULL});
    rig_wait(&g, 200);
    rig_up(&g, shard);

    rig_message(&g, late, "found");
    ck_assert_str_eq(seqs(1), "1");
}
END_TEST

START_TEST(a_channel_note_brings_the_channel_to_every_session_of_the_user)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    WireUserChannel channel = WIRE_USER_CHANNEL__INIT;
    struct rig_home *other;

    all_sign_in();
    rig_sign_in(&g, 3, "alice", RIG_DEVICE + 1);
    rig_forget(&g);
    other = rig_group(&g, 1, (const char *[]){"alice", NULL});
    channel.home_id = other->home_id;
    channel.read_seq = 3;
    event.body_case = WIRE_HOME_EVENT__BODY_CHANNEL_ADDED;
    event.channel_added = &channel;
    rig_user_event(&g, "alice", 7, 8, &event);

    ck_assert_uint_eq(rig_last(&g, 1, SERVER(CHANNEL_LIST))->channel_list->channels[0]->home_id,
                      other->home_id);
    ck_assert_uint_eq(rig_last(&g, 3, SERVER(CHANNEL_LIST))->channel_list->channels[0]->read_seq,
                      3);
    rig_message(&g, other, "x");
    ck_assert_str_eq(seqs(1), "1");
    ck_assert_str_eq(seqs(3), "1");
    ck_assert_str_eq(seqs(2), "");
}
END_TEST

START_TEST(a_channel_removed_note_is_checked_with_the_home_itself)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;

    all_sign_in();
    event.body_case = WIRE_HOME_EVENT__BODY_CHANNEL_REMOVED;
    event.channel_removed = room->home_id;
    rig_user_event(&g, "alice", 7, 8, &event); /* an old note: she is a member again */
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(CHANNEL_REMOVED)), 0);

    rig_set_member(room, rig_user("alice"), 0);
    rig_user_event(&g, "alice", 8, 9, &event);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(CHANNEL_REMOVED)), 1);
    rig_message(&g, room, "x");
    ck_assert_str_eq(seqs(1), "");
    ck_assert_str_eq(seqs(2), "1");
}
END_TEST

START_TEST(a_cursor_goes_to_all_devices_of_its_user)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    WireCursor cursor = WIRE_CURSOR__INIT;

    all_sign_in();
    rig_sign_in(&g, 3, "alice", RIG_DEVICE + 1);
    cursor.channel_id = room->home_id;
    cursor.read_seq = 4;
    event.body_case = WIRE_HOME_EVENT__BODY_CURSOR;
    event.cursor = &cursor;
    rig_user_event(&g, "alice", 7, 8, &event);

    ck_assert_uint_eq(rig_last(&g, 1, SERVER(CURSOR))->cursor->read_seq, 4);
    ck_assert_uint_eq(rig_last(&g, 3, SERVER(CURSOR))->cursor->read_seq, 4);
    ck_assert_ptr_null(rig_last(&g, 2, SERVER(CURSOR)));
}
END_TEST

START_TEST(a_store_away_holds_back_only_complete)
{
    struct rig_home *far = rig_group(&g, 1, (const char *[]){"alice", "bob", NULL});
    const char *name = shard_of_id(rig_user("alice"), RIG_SHARDS) == 0 ? "alice" : "bob";

    rig_down(&g, 1);
    rig_open(&g, 1);
    rig_hello(&g, 1, name, RIG_DEVICE);
    rig_message(&g, room, "here");
    ck_assert_str_eq(seqs(1), "1");
    ck_assert_uint_eq(rig_stats(&g).syncing, 1);

    rig_wait(&g, 200);
    rig_up(&g, 1);
    ck_assert_uint_eq(rig_stats(&g).live, 1);
    ck_assert(rig_last(&g, 1, SERVER(CHANNEL_LIST))->channel_list->complete);
    rig_message(&g, far, "there");
    ck_assert_str_eq(seqs(1), "1 1");
}
END_TEST

START_TEST(a_store_away_for_long_leaves_its_channels_unavailable)
{
    struct rig_home *far = rig_group(&g, 1, (const char *[]){"alice", "bob", NULL});
    const char *name = shard_of_id(rig_user("alice"), RIG_SHARDS) == 0 ? "alice" : "bob";
    const WireChannel *channel = NULL;

    rig_down(&g, 1);
    rig_open(&g, 1);
    rig_hello(&g, 1, name, RIG_DEVICE);
    rig_wait(&g, g.config.limits.sync_patience_ms - 1);
    ck_assert_uint_eq(rig_stats(&g).syncing, 1);
    rig_wait(&g, 1);
    ck_assert_uint_eq(rig_stats(&g).live, 1);
    ck_assert(rig_last(&g, 1, SERVER(CHANNEL_LIST))->channel_list->complete);
    for (size_t i = 0; i < g.heard_count; i++)
        if (g.heard[i].server && g.heard[i].server->body_case == SERVER(CHANNEL_LIST) &&
            g.heard[i].server->channel_list->n_channels == 1)
            channel = g.heard[i].server->channel_list->channels[0];
    ck_assert(channel->unavailable);
    ck_assert_uint_eq(channel->head->channel_id, far->home_id);

    rig_forget(&g);
    rig_up(&g, 1);
    channel = rig_last(&g, 1, SERVER(CHANNEL_LIST))->channel_list->channels[0];
    ck_assert(!channel->unavailable);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(CHANNEL_LIST)), 1);
    rig_message(&g, far, "there");
    ck_assert_str_eq(seqs(1), "1");
}
END_TEST

START_TEST(a_sync_asks_only_so_many_homes_at_once)
{
    for (uint32_t i = 0; i < 40; i++)
        rig_group(&g, i % 2, (const char *[]){"alice", NULL});
    g.hold_subscribe = true;
    rig_open(&g, 1);
    rig_hello(&g, 1, "alice", RIG_DEVICE);

    ck_assert_uint_eq(rig_asked_count(&g, LINK(SUBSCRIBE)), g.config.limits.sync_in_flight);
}
END_TEST

START_TEST(removal_by_swap_keeps_every_edge)
{
    struct rig_home *rooms[6];

    for (uint32_t i = 0; i < 6; i++)
        rooms[i] = rig_group(&g, i % 2, (const char *[]){"alice", "bob", "carol", NULL});
    for (link_id link = 1; link <= 9; link++)
        rig_sign_in(&g, link, link % 3 == 0 ? "alice" : link % 3 == 1 ? "bob" : "carol", link);
    for (uint32_t i = 0; i < 6; i += 2) {
        struct rig_news *news = rig_news(rooms[i]);

        rig_add_change(news, i == 2 ? "alice" : "bob", 0);
        rig_publish(&g, news);
    }
    rig_event(&g, EVENT_LINK_CLOSED, 5);
    rig_forget(&g);
    for (uint32_t i = 0; i < 6; i++)
        rig_message(&g, rooms[i], "x");

    for (link_id link = 1; link <= 9; link++) {
        size_t expected = link % 3 == 0 ? 5 : link % 3 == 1 ? 4 : 6;

        ck_assert_uint_eq(rig_count(&g, link, SERVER(MESSAGE)), link == 5 ? 0 : expected);
    }
}
END_TEST

/* --- those who do not read --- */

static const char *long_text(void)
{
    static char text[8001];

    memset(text, 'x', 8000);
    return text;
}

START_TEST(a_blocked_session_gets_nothing_until_drained)
{
    all_sign_in();
    rig_event(&g, EVENT_LINK_BLOCKED, 2);
    rig_message(&g, room, "a");
    rig_message(&g, room, "b");
    ck_assert_str_eq(seqs(1), "1 2");
    ck_assert_str_eq(seqs(2), "");
    ck_assert_uint_gt(rig_stats(&g).queued_bytes, 0);

    rig_event(&g, EVENT_LINK_DRAINED, 2);
    ck_assert_str_eq(seqs(2), "1 2");
    ck_assert_uint_eq(g.sends[2], 1);
    ck_assert_uint_eq(rig_stats(&g).queued_bytes, 0);
}
END_TEST

START_TEST(a_slow_consumer_is_closed_at_its_cap_and_others_never_wait)
{
    size_t sent = 0;

    all_sign_in();
    rig_event(&g, EVENT_LINK_BLOCKED, 2);
    while (g.closed[2] == 0 && sent < 1000) {
        rig_message(&g, room, long_text());
        sent++;
        if (g.closed[2] == 0)
            ck_assert_uint_le(rig_stats(&g).queued_bytes, g.config.limits.session_queue_max);
    }

    ck_assert_uint_eq(g.closed[2], CHAT_CLOSE_SLOW_CONSUMER);
    ck_assert_uint_gt(sent * 8000, g.config.limits.session_queue_max - 16000);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(MESSAGE)), sent);
    ck_assert_uint_eq(rig_count(&g, 2, SERVER(MESSAGE)), 0);
    ck_assert_uint_eq(rig_stats(&g).slow, 1);
    ck_assert_uint_eq(rig_stats(&g).edges, 1);
}
END_TEST

START_TEST(a_burst_larger_than_a_message_goes_out_in_several)
{
    all_sign_in();
    for (int i = 0; i < 10; i++) {
        struct rig_news *news = rig_news(room);

        for (int j = 0; j < 40; j++)
            rig_add_message(news, long_text());
        rig_feed_news(&g, news);
    }
    rig_settle(&g);

    ck_assert_uint_eq(rig_count(&g, 1, SERVER(MESSAGE)), 400);
    ck_assert_uint_eq(g.closed[1], 0);
    ck_assert_uint_ge(g.sends[1], 4);
}
END_TEST

START_TEST(a_fan_out_without_memory_is_a_hole_not_a_loss)
{
    struct rig_news *news = rig_news(room);

    all_sign_in();
    rig_message(&g, room, "warm");
    rig_forget(&g);
    rig_add_message(news, "lost");
    faulty_alloc_fail_after(&g.memory, 0);
    rig_feed_news(&g, news);
    faulty_alloc_fail_after(&g.memory, FAULTY_ALLOC_NEVER);
    rig_settle(&g);

    ck_assert_uint_eq(g.closed[1] + g.closed[2], 0);
    ck_assert_str_eq(seqs(1), "");
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(CHANNEL_LIST))->channel_list->channels[0]->head->seq,
                      2);
    rig_message(&g, room, "next");
    ck_assert_str_eq(seqs(1), "3");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("router: fan-out");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, every_member_gets_a_message_and_nobody_else);
    tcase_add_test(all, a_home_is_subscribed_once_and_left_with_the_last_member);
    tcase_add_test(all, all_of_one_turn_is_one_message_in_order);
    tcase_add_test(all, a_publication_is_encoded_once_for_all_sessions);
    tcase_add_test(all, a_removed_member_gets_what_came_before_and_nothing_after);
    tcase_add_test(all, an_added_member_gets_the_channel_and_what_comes_after);
    tcase_add_test(all, a_member_without_view_gets_no_message);
    tcase_add_test(all, a_hole_stops_delivery_until_members_are_checked_and_told_the_head);
    tcase_add_test(all, a_newcomer_does_not_keep_a_lost_home_from_being_rechecked);
    tcase_add_test(all, a_newcomer_does_not_keep_other_sessions_from_being_announced);
    tcase_add_test(all, an_answer_older_than_what_was_published_is_asked_again);
    tcase_add_test(all, what_was_seen_before_is_not_delivered_twice);
    tcase_add_test(all, a_lost_store_link_rechecks_every_home_and_session);
    tcase_add_test(all, a_lost_users_home_announces_its_sessions_by_number);
    tcase_add_test(all, a_channel_added_meanwhile_is_found_by_the_announcement);
    tcase_add_test(all, a_channel_note_brings_the_channel_to_every_session_of_the_user);
    tcase_add_test(all, a_channel_removed_note_is_checked_with_the_home_itself);
    tcase_add_test(all, a_cursor_goes_to_all_devices_of_its_user);
    tcase_add_test(all, a_store_away_holds_back_only_complete);
    tcase_add_test(all, a_store_away_for_long_leaves_its_channels_unavailable);
    tcase_add_test(all, a_sync_asks_only_so_many_homes_at_once);
    tcase_add_test(all, removal_by_swap_keeps_every_edge);
    tcase_add_test(all, a_blocked_session_gets_nothing_until_drained);
    tcase_add_test(all, a_slow_consumer_is_closed_at_its_cap_and_others_never_wait);
    tcase_add_test(all, a_burst_larger_than_a_message_goes_out_in_several);
    tcase_add_test(all, a_fan_out_without_memory_is_a_hole_not_a_loss);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
