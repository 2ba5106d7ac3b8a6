/* Whom the router reports as here, and whom its clients see. */
#include "router_rig.h"

#define STATE(name) WIRE_PRESENCE_STATE__PRESENCE_STATE_##name

static struct rig g;

static void setup(void)
{
    rig_config(&g);
    rig_start_all(&g);
}

static void teardown(void) { rig_fini(&g); }

static void watch(link_id link, const uint64_t *ids, size_t count)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireWatchPresence body = WIRE_WATCH_PRESENCE__INIT;

    body.n_user_ids = count;
    body.user_ids = (uint64_t *)ids;
    frame.request_id = 50;
    frame.body_case = CLIENT(WATCH_PRESENCE);
    frame.watch_presence = &body;
    rig_say(&g, link, &frame);
}

static void watch_one(link_id link, uint64_t id) { watch(link, &id, 1); }

/* Feeds it without letting the router speak. */
static void daemon_tells(uint64_t user_id, WirePresenceState state)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WirePresenceBatch batch = WIRE_PRESENCE_BATCH__INIT;
    WirePresence one = WIRE_PRESENCE__INIT, *list[] = {&one};

    one.user_id = user_id;
    one.state = state;
    batch.n_users = 1;
    batch.users = list;
    frame.body_case = LINK(PRESENCE_BATCH);
    frame.presence_batch = &batch;
    rig_peer_says(&g, RIG_PRESENCE, &frame);
}

static const WireSessionPresence *reported(uint64_t user_id)
{
    for (size_t i = g.heard_count; i-- > 0;) {
        const WireLinkFrame *frame = g.heard[i].peer;

        if (!frame || frame->body_case != LINK(PRESENCE_DELTA))
            continue;
        for (size_t j = frame->presence_delta->n_sessions; j-- > 0;)
            if (frame->presence_delta->sessions[j]->user_id == user_id)
                return frame->presence_delta->sessions[j];
    }
    return NULL;
}

static void set_presence(link_id link, WirePresenceState state)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireSetPresence body = WIRE_SET_PRESENCE__INIT;

    body.state = state;
    frame.request_id = 51;
    frame.body_case = CLIENT(SET_PRESENCE);
    frame.set_presence = &body;
    rig_say(&g, link, &frame);
}

START_TEST(sessions_are_reported_as_they_come_change_and_go)
{
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    ck_assert_int_eq(reported(rig_user("alice"))->state, STATE(ONLINE));
    ck_assert_uint_eq(reported(rig_user("alice"))->session_no, g.session_no);

    set_presence(1, STATE(DND));
    ck_assert_int_eq(reported(rig_user("alice"))->state, STATE(DND));
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(OK))->request_id, 51);
    set_presence(1, STATE(OFFLINE));
    rig_problem(&g, 1, PROBLEM(INVALID));
    ck_assert_int_eq(reported(rig_user("alice"))->state, STATE(DND));

    rig_event(&g, EVENT_LINK_CLOSED, 1);
    ck_assert_int_eq(reported(rig_user("alice"))->state, STATE(OFFLINE));
}
END_TEST

START_TEST(a_lease_is_renewed_and_a_new_link_gets_a_snapshot_under_a_higher_epoch)
{
    uint64_t epoch;
    const WireLinkFrame *delta;

    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    rig_forget(&g);
    rig_wait(&g, g.config.limits.lease_ms);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(LEASE)), 1);
    epoch = rig_asked(&g, LINK(LEASE))->lease->epoch;
    ck_assert(!rig_asked(&g, LINK(LEASE))->lease->snapshot_follows);

    rig_down(&g, RIG_PRESENCE);
    rig_wait(&g, 200);
    rig_forget(&g);
    rig_up(&g, RIG_PRESENCE);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(LEASE)), 2);
    ck_assert(rig_asked(&g, LINK(LEASE))->lease->snapshot_done);
    ck_assert_uint_gt(rig_asked(&g, LINK(LEASE))->lease->epoch, epoch);
    delta = rig_asked(&g, LINK(PRESENCE_DELTA));
    ck_assert_uint_eq(delta->presence_delta->n_sessions, 1);
    ck_assert_uint_eq(delta->presence_delta->epoch, epoch + 1);
}
END_TEST

START_TEST(a_lease_that_came_due_while_busy_does_not_spin)
{
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    rig_wait(&g, g.config.limits.lease_ms - 100);
    set_presence(1, STATE(DND)); /* busy: the next look is in 250 ms, past the lease's time */
    rig_wait(&g, 149);
    rig_event(&g, EVENT_LINK_CLOSED, 1);

    rig_wait(&g, 5000); /* asserts that time passes */
    ck_assert_uint_ge(rig_asked_count(&g, LINK(LEASE)), 1);
}
END_TEST

START_TEST(changes_of_one_turn_are_one_delta)
{
    rig_sign_in(&g, 1, "alice", 1);
    rig_sign_in(&g, 2, "alice", 2);
    rig_sign_in(&g, 3, "bob", 3);
    rig_forget(&g);
    for (link_id link = 1; link <= 3; link++) {
        struct event event = {.kind = EVENT_LINK_CLOSED, .link = link};

        rig_feed(&g, &event);
    }
    rig_settle(&g);

    ck_assert_uint_eq(rig_asked_count(&g, LINK(PRESENCE_DELTA)), 1);
    ck_assert_uint_eq(rig_asked(&g, LINK(PRESENCE_DELTA))->presence_delta->n_sessions, 3);
}
END_TEST

START_TEST(a_user_is_watched_once_for_all_who_look)
{
    uint64_t bob = rig_user("bob");

    rig_sign_in(&g, 1, "alice", 1);
    rig_sign_in(&g, 2, "carol", 2);
    watch_one(1, bob);
    watch_one(2, bob);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(WATCH)), 1);
    ck_assert_uint_eq(rig_asked(&g, LINK(WATCH))->watch->add[0], bob);
    daemon_tells(bob, STATE(IDLE));
    rig_settle(&g);
    ck_assert_int_eq(rig_last(&g, 1, SERVER(PRESENCE))->presence->users[0]->state, STATE(IDLE));
    ck_assert_int_eq(rig_last(&g, 2, SERVER(PRESENCE))->presence->users[0]->state, STATE(IDLE));

    watch(1, NULL, 0);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(WATCH)), 1);
    rig_event(&g, EVENT_LINK_CLOSED, 2);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(WATCH)), 2);
    ck_assert_uint_eq(rig_asked(&g, LINK(WATCH))->watch->remove[0], bob);
    ck_assert_uint_eq(rig_stats(&g).watched, 0);
    ck_assert_uint_eq(rig_stats(&g).watches, 0);
}
END_TEST

START_TEST(who_looks_later_is_told_at_once)
{
    uint64_t bob = rig_user("bob");

    rig_sign_in(&g, 1, "alice", 1);
    rig_sign_in(&g, 2, "carol", 2);
    watch_one(1, bob);
    daemon_tells(bob, STATE(ONLINE));
    rig_settle(&g);
    rig_forget(&g);
    watch_one(2, bob);

    ck_assert_int_eq(rig_last(&g, 2, SERVER(PRESENCE))->presence->users[0]->state, STATE(ONLINE));
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(PRESENCE)), 0);
}
END_TEST

START_TEST(a_set_replaces_the_one_before)
{
    uint64_t first[] = {rig_user("bob"), rig_user("carol")};
    uint64_t second[] = {rig_user("carol"), rig_user("dave"), rig_user("dave"), 0};

    rig_sign_in(&g, 1, "alice", 1);
    watch(1, first, 2);
    watch(1, second, 4);
    ck_assert_uint_eq(rig_asked(&g, LINK(WATCH))->watch->n_add, 1);
    ck_assert_uint_eq(rig_asked(&g, LINK(WATCH))->watch->add[0], rig_user("dave"));
    ck_assert_uint_eq(rig_asked(&g, LINK(WATCH))->watch->n_remove, 1);
    ck_assert_uint_eq(rig_asked(&g, LINK(WATCH))->watch->remove[0], rig_user("bob"));
    ck_assert_uint_eq(rig_stats(&g).watched, 2);

    rig_forget(&g);
    daemon_tells(rig_user("bob"), STATE(ONLINE));
    rig_settle(&g);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(PRESENCE)), 0);
}
END_TEST

START_TEST(news_of_one_turn_is_one_frame_a_session)
{
    uint64_t ids[] = {rig_user("bob"), rig_user("carol"), rig_user("dave")};

    rig_sign_in(&g, 1, "alice", 1);
    watch(1, ids, 3);
    rig_forget(&g);
    for (size_t i = 0; i < 3; i++)
        daemon_tells(ids[i], STATE(ONLINE));
    rig_settle(&g);

    ck_assert_uint_eq(rig_count(&g, 1, SERVER(PRESENCE)), 1);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(PRESENCE))->presence->n_users, 3);
}
END_TEST

START_TEST(a_daemon_away_for_ten_seconds_makes_all_appear_offline)
{
    uint64_t bob = rig_user("bob");

    rig_sign_in(&g, 1, "alice", 1);
    watch_one(1, bob);
    daemon_tells(bob, STATE(ONLINE));
    rig_settle(&g);
    rig_down(&g, RIG_PRESENCE);
    rig_forget(&g);
    rig_wait(&g, 9900);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(PRESENCE)), 0);
    rig_wait(&g, 500);
    ck_assert_int_eq(rig_last(&g, 1, SERVER(PRESENCE))->presence->users[0]->state, STATE(OFFLINE));

    /* Back again: watched anew, and told as it is. */
    rig_forget(&g);
    rig_up(&g, RIG_PRESENCE);
    ck_assert_uint_eq(rig_asked(&g, LINK(WATCH))->watch->add[0], bob);
    daemon_tells(bob, STATE(ONLINE));
    rig_settle(&g);
    ck_assert_int_eq(rig_last(&g, 1, SERVER(PRESENCE))->presence->users[0]->state, STATE(ONLINE));
}
END_TEST

START_TEST(watched_users_are_bounded)
{
    uint64_t ids[] = {rig_user("bob"), rig_user("carol"), rig_user("dave")};

    teardown();
    rig_config(&g);
    g.config.limits.watches_max = 2;
    rig_start_all(&g);
    rig_sign_in(&g, 1, "alice", 1);
    watch(1, ids, 2);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(OK)), 1);
    watch(1, ids, 3);
    ck_assert_str_eq(rig_problem(&g, 1, PROBLEM(LIMIT))->limit, "watches_max");

    rig_forget(&g);
    daemon_tells(ids[0], STATE(ONLINE)); /* the set is as it was */
    rig_settle(&g);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(PRESENCE)), 1);
}
END_TEST

START_TEST(a_session_watches_at_most_two_hundred)
{
    uint64_t ids[CHAT_WATCH_MAX];

    for (size_t i = 0; i < CHAT_WATCH_MAX; i++)
        ids[i] = RIG_ID(i % 2, i + 1);
    rig_sign_in(&g, 1, "alice", 1);
    watch(1, ids, CHAT_WATCH_MAX);
    ck_assert_uint_eq(rig_stats(&g).watches, CHAT_WATCH_MAX);
    for (size_t i = 0; i < CHAT_WATCH_MAX; i++)
        daemon_tells(ids[i], STATE(ONLINE));
    rig_settle(&g);

    ck_assert_uint_eq(rig_last(&g, 1, SERVER(PRESENCE))->presence->n_users, CHAT_WATCH_MAX);
}
END_TEST

START_TEST(a_blocked_reader_is_told_presence_as_it_stands_in_the_end)
{
    struct rig_home *room = rig_group(&g, 0, (const char *[]){"alice", NULL});
    uint64_t bob = rig_user("bob");

    rig_sign_in(&g, 1, "alice", 1);
    watch_one(1, bob);
    daemon_tells(bob, STATE(ONLINE));
    rig_settle(&g);
    rig_forget(&g);
    rig_event(&g, EVENT_LINK_BLOCKED, 1);
    for (int i = 0; i < 5; i++) {
        daemon_tells(bob, i % 2 ? STATE(ONLINE) : STATE(IDLE));
        rig_message(&g, room, "x");
    }
    ck_assert_uint_eq(rig_stats(&g).ephemera_dropped, 5);
    rig_event(&g, EVENT_LINK_DRAINED, 1);

    ck_assert_uint_eq(rig_count(&g, 1, SERVER(MESSAGE)), 5);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(PRESENCE)), 1);
    ck_assert_int_eq(rig_last(&g, 1, SERVER(PRESENCE))->presence->users[0]->state, STATE(IDLE));
}
END_TEST

/* Feeds more than one WebSocket message holds, and presence behind it. */
static void overfill(struct rig_home *room, const char *text)
{
    for (int i = 0; i < 4; i++) {
        struct rig_news *news = rig_news(room);

        for (int j = 0; j < 35; j++)
            rig_add_message(news, text);
        rig_feed_news(&g, news);
    }
    for (size_t i = 1; i <= CHAT_WATCH_MAX; i++)
        daemon_tells(RIG_ID(0, i), STATE(ONLINE));
}

START_TEST(presence_makes_room_for_messages)
{
    struct rig_home *room = rig_group(&g, 0, (const char *[]){"alice", NULL});
    uint64_t ids[CHAT_WATCH_MAX];
    struct effect effect;
    char text[8001];

    memset(text, 'x', 8000);
    text[8000] = 0;
    for (size_t i = 0; i < CHAT_WATCH_MAX; i++)
        ids[i] = RIG_ID(0, i + 1);
    rig_sign_in(&g, 1, "alice", 1);
    watch(1, ids, CHAT_WATCH_MAX);
    rig_forget(&g);
    overfill(room, text);
    /* The link blocks at the first of two messages. */
    while (machine_poll(g.machine, &effect) && effect.link != 1)
        ;
    rig_hear(&g, &effect);
    rig_event(&g, EVENT_LINK_BLOCKED, 1);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(PRESENCE)), 0);
    text[1000] = 0;
    while (rig_stats(&g).ephemera_dropped == 0 && g.closed[1] == 0)
        rig_message(&g, room, text);
    ck_assert_uint_eq(g.closed[1], 0);
    rig_event(&g, EVENT_LINK_DRAINED, 1);

    ck_assert_uint_eq(rig_count(&g, 1, SERVER(MESSAGE)), room->seq);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(PRESENCE))->presence->n_users, CHAT_WATCH_MAX);
}
END_TEST

START_TEST(activity_is_told_at_a_walking_pace)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHeartbeat heartbeat = WIRE_HEARTBEAT__INIT;

    heartbeat.active = true;
    frame.body_case = CLIENT(HEARTBEAT);
    frame.heartbeat = &heartbeat;
    rig_sign_in(&g, 1, "alice", 1);
    rig_forget(&g);
    rig_wait(&g, 30000);
    rig_say(&g, 1, &frame);
    ck_assert_ptr_null(reported(rig_user("alice")));
    rig_wait(&g, 30000);
    rig_say(&g, 1, &frame);
    ck_assert_int_eq(reported(rig_user("alice"))->last_active_at_ms, g.now.wall_ms);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("router: presence");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, sessions_are_reported_as_they_come_change_and_go);
    tcase_add_test(all, a_lease_is_renewed_and_a_new_link_gets_a_snapshot_under_a_higher_epoch);
    tcase_add_test(all, a_lease_that_came_due_while_busy_does_not_spin);
    tcase_add_test(all, changes_of_one_turn_are_one_delta);
    tcase_add_test(all, a_user_is_watched_once_for_all_who_look);
    tcase_add_test(all, who_looks_later_is_told_at_once);
    tcase_add_test(all, a_set_replaces_the_one_before);
    tcase_add_test(all, news_of_one_turn_is_one_frame_a_session);
    tcase_add_test(all, a_daemon_away_for_ten_seconds_makes_all_appear_offline);
    tcase_add_test(all, watched_users_are_bounded);
    tcase_add_test(all, a_session_watches_at_most_two_hundred);
    tcase_add_test(all, a_blocked_reader_is_told_presence_as_it_stands_in_the_end);
    tcase_add_test(all, presence_makes_room_for_messages);
    tcase_add_test(all, activity_is_told_at_a_walking_pace);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
