/* What clients ask: passed on under their user, answered under their number, or refused. */
#include "router_rig.h"

static struct rig g;
static struct rig_home *room;

static void setup_config(void)
{
    rig_config(&g);
    room = rig_group(&g, 0, (const char *[]){"alice", "bob", NULL});
}

static void start(void)
{
    rig_start_all(&g);
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    rig_forget(&g);
}

static void setup(void)
{
    setup_config();
    start();
}

static void teardown(void) { rig_fini(&g); }

static void send_message(link_id link, uint32_t request_id, uint64_t channel_id)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireSendMessage message = WIRE_SEND_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = RIG_DEVICE;
    nonce.counter = request_id;
    message.channel_id = channel_id;
    message.nonce = &nonce;
    message.text = (char *)"hello";
    frame.request_id = request_id;
    frame.body_case = CLIENT(SEND_MESSAGE);
    frame.send_message = &message;
    rig_say(&g, link, &frame);
}

static void fetch_history(link_id link, uint32_t request_id, uint64_t channel_id)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireFetchHistory fetch = WIRE_FETCH_HISTORY__INIT;

    fetch.channel_id = channel_id;
    fetch.limit = 50;
    fetch.backwards = true;
    frame.request_id = request_id;
    frame.body_case = CLIENT(FETCH_HISTORY);
    frame.fetch_history = &fetch;
    rig_say(&g, link, &frame);
}

static void mark_read(uint32_t request_id, uint64_t channel_id, uint64_t seq)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireMarkRead mark = WIRE_MARK_READ__INIT;

    mark.channel_id = channel_id;
    mark.seq = seq;
    mark.message_id = 12345; /* ignored */
    frame.request_id = request_id;
    frame.body_case = CLIENT(MARK_READ);
    frame.mark_read = &mark;
    rig_say(&g, 1, &frame);
}

static void answer_sent(uint32_t peer, uint64_t request_id, uint64_t seq)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSent sent = WIRE_SENT__INIT;

    sent.channel_id = room->home_id;
    sent.seq = seq;
    frame.request_id = request_id;
    frame.body_case = LINK(SENT);
    frame.sent = &sent;
    rig_peer_says(&g, peer, &frame);
    rig_settle(&g);
}

START_TEST(a_request_travels_under_its_user_and_comes_back_under_its_number)
{
    const WireLinkFrame *asked;

    send_message(1, 41, room->home_id);
    asked = rig_asked(&g, LINK(SEND_MESSAGE));
    ck_assert_uint_eq(asked->user_id, rig_user("alice"));
    ck_assert_uint_ne(asked->session_no, 0);
    ck_assert_str_eq(asked->send_message->text, "hello");
    answer_sent(0, asked->request_id, 5);

    ck_assert_uint_eq(rig_last(&g, 1, SERVER(SENT))->request_id, 41);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(SENT))->sent->seq, 5);
    ck_assert_uint_eq(rig_stats(&g).requests, 0);
}
END_TEST

START_TEST(answers_in_any_order_find_who_asked)
{
    uint64_t asked[3];
    size_t count = 0;

    rig_sign_in(&g, 2, "bob", RIG_DEVICE);
    rig_forget(&g);
    send_message(1, 7, room->home_id);
    send_message(2, 7, room->home_id);
    send_message(1, 8, room->home_id);
    for (size_t i = 0; i < g.heard_count; i++)
        if (g.heard[i].peer && g.heard[i].peer->body_case == LINK(SEND_MESSAGE))
            asked[count++] = g.heard[i].peer->request_id;
    ck_assert_uint_eq(count, 3);
    answer_sent(0, asked[2], 30);
    answer_sent(0, asked[1], 20);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(SENT))->request_id, 8);
    ck_assert_uint_eq(rig_last(&g, 2, SERVER(SENT))->request_id, 7);
    ck_assert_uint_eq(rig_last(&g, 2, SERVER(SENT))->sent->seq, 20);
    answer_sent(0, asked[0], 10);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(SENT))->request_id, 7);
}
END_TEST

START_TEST(an_answer_for_who_left_reaches_nobody)
{
    uint64_t asked;

    send_message(1, 7, room->home_id);
    asked = rig_asked(&g, LINK(SEND_MESSAGE))->request_id;
    rig_event(&g, EVENT_LINK_CLOSED, 1);
    rig_open(&g, 2); /* the same slot, another session */
    answer_sent(0, asked, 5);

    ck_assert_ptr_null(rig_last(&g, 2, SERVER(SENT)));
    ck_assert_uint_eq(rig_stats(&g).requests, 0);
}
END_TEST

START_TEST(a_lost_link_makes_writes_unknown_and_reads_unavailable)
{
    size_t problems = 0;

    send_message(1, 7, room->home_id);
    fetch_history(1, 8, room->home_id);
    rig_down(&g, 0);

    for (size_t i = 0; i < g.heard_count; i++) {
        const WireServerFrame *frame = g.heard[i].server;

        if (!frame || frame->body_case != SERVER(PROBLEM))
            continue;
        problems++;
        ck_assert_int_eq(frame->problem->code,
                         frame->request_id == 7 ? PROBLEM(UNKNOWN_OUTCOME) : PROBLEM(UNAVAILABLE));
        ck_assert_int_eq(frame->problem->retry, WIRE_RETRY__RETRY_LATER);
        ck_assert_uint_gt(frame->problem->retry_after_ms, 0);
    }
    ck_assert_uint_eq(problems, 2);
    ck_assert_uint_eq(rig_stats(&g).requests, 0);
}
END_TEST

START_TEST(without_a_store_a_request_is_unavailable_at_once)
{
    rig_down(&g, 0);
    send_message(1, 7, room->home_id);

    ck_assert_uint_gt(rig_problem(&g, 1, PROBLEM(UNAVAILABLE))->retry_after_ms, 0);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(PROBLEM))->request_id, 7);
}
END_TEST

START_TEST(a_store_that_never_answers_is_given_up)
{
    send_message(1, 7, room->home_id);
    rig_wait(&g, g.config.limits.request_ms - 1000);
    ck_assert_ptr_null(rig_last(&g, 1, SERVER(PROBLEM)));
    rig_wait(&g, 1500);

    rig_problem(&g, 1, PROBLEM(UNKNOWN_OUTCOME));
    ck_assert_uint_eq(rig_stats(&g).requests_late, 1);
    ck_assert_uint_eq(rig_stats(&g).requests, 0);
}
END_TEST

START_TEST(a_problem_of_the_store_is_passed_on_but_its_map_is_not)
{
    send_message(1, 7, room->home_id);
    rig_answer_problem(&g, 0, rig_asked(&g, LINK(SEND_MESSAGE))->request_id, PROBLEM(OUT_OF_ORDER));
    rig_settle(&g);
    rig_problem(&g, 1, PROBLEM(OUT_OF_ORDER));

    send_message(1, 8, room->home_id);
    rig_answer_problem(&g, 0, rig_asked(&g, LINK(SEND_MESSAGE))->request_id, PROBLEM(WRONG_SHARD));
    rig_settle(&g);
    rig_problem(&g, 1, PROBLEM(UNAVAILABLE));
}
END_TEST

START_TEST(an_id_of_no_shard_reaches_nobody)
{
    send_message(1, 7, RIG_ID(RIG_SHARDS, 1));

    rig_problem(&g, 1, PROBLEM(NOT_FOUND));
    ck_assert_uint_eq(rig_asked_count(&g, LINK(SEND_MESSAGE)), 0);
}
END_TEST

START_TEST(marking_read_is_checked_against_what_the_router_knows)
{
    const WireLinkFrame *asked;

    rig_message(&g, room, "one");
    rig_message(&g, room, "two");
    mark_read(7, room->home_id, 2);
    asked = rig_asked(&g, LINK(MARK_READ));
    ck_assert_uint_eq(asked->mark_read->message_id, 20); /* of the newest: known */
    ck_assert_uint_eq(asked->user_id, rig_user("alice"));
    mark_read(8, room->home_id, 1);
    ck_assert_uint_eq(rig_asked(&g, LINK(MARK_READ))->mark_read->message_id, 0);
    ck_assert_ptr_null(rig_last(&g, 1, SERVER(PROBLEM)));

    mark_read(9, room->home_id, 3);
    ck_assert_int_eq(rig_problem(&g, 1, PROBLEM(INVALID))->retry, WIRE_RETRY__RETRY_LATER);
    mark_read(10, RIG_ID(0, 4711), 1);
    rig_problem(&g, 1, PROBLEM(FORBIDDEN));
    ck_assert_uint_eq(rig_asked_count(&g, LINK(MARK_READ)), 2);
}
END_TEST

START_TEST(a_page_that_comes_after_the_removal_is_not_passed_on)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireHistoryPage page = WIRE_HISTORY_PAGE__INIT;
    struct rig_news *news = rig_news(room);

    fetch_history(1, 7, room->home_id);
    rig_add_change(news, "alice", 0);
    rig_publish(&g, news);
    frame.request_id = rig_asked(&g, LINK(FETCH_HISTORY))->request_id;
    frame.body_case = LINK(HISTORY_PAGE);
    frame.history_page = &page;
    rig_peer_says(&g, 0, &frame);
    rig_settle(&g);

    ck_assert_ptr_null(rig_last(&g, 1, SERVER(HISTORY_PAGE)));
    rig_problem(&g, 1, PROBLEM(FORBIDDEN));
}
END_TEST

/* The home was lost and is known again for a newcomer; the one who asks is still a member for
 * all anybody knows. */
START_TEST(who_is_still_to_be_checked_is_not_told_that_he_is_no_member)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireHistoryPage page = WIRE_HISTORY_PAGE__INIT;

    rig_message(&g, room, "one");
    fetch_history(1, 7, room->home_id);
    frame.request_id = rig_asked(&g, LINK(FETCH_HISTORY))->request_id;
    g.hold_subscribe = true;
    room->lsn++;
    room->published_lsn++;
    rig_message(&g, room, "after a hole");
    rig_answer_problem(&g, 0, rig_asked(&g, LINK(SUBSCRIBE))->request_id, PROBLEM(UNAVAILABLE));
    rig_settle(&g);
    g.hold_subscribe = false;
    rig_sign_in(&g, 3, "alice", RIG_DEVICE + 1);
    rig_forget(&g);

    mark_read(8, room->home_id, 1);
    ck_assert_uint_eq(rig_problem(&g, 1, PROBLEM(UNAVAILABLE))->retry, WIRE_RETRY__RETRY_LATER);
    frame.body_case = LINK(HISTORY_PAGE);
    frame.history_page = &page;
    rig_peer_says(&g, 0, &frame);
    rig_settle(&g);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(HISTORY_PAGE))->request_id, 7);
}
END_TEST

START_TEST(who_just_joined_is_judged_by_the_store_alone)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireHistoryPage page = WIRE_HISTORY_PAGE__INIT;

    fetch_history(1, 7, RIG_ID(0, 4711)); /* opened a moment ago: the note is on its way */
    frame.request_id = rig_asked(&g, LINK(FETCH_HISTORY))->request_id;
    frame.body_case = LINK(HISTORY_PAGE);
    frame.history_page = &page;
    rig_peer_says(&g, 0, &frame);
    rig_settle(&g);

    ck_assert_uint_eq(rig_last(&g, 1, SERVER(HISTORY_PAGE))->request_id, 7);
}
END_TEST

/* --- several stores --- */

static void fetch_users(uint32_t request_id, uint64_t *ids, size_t count)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireFetchUsers fetch = WIRE_FETCH_USERS__INIT;

    fetch.n_user_ids = count;
    fetch.user_ids = ids;
    frame.request_id = request_id;
    frame.body_case = CLIENT(FETCH_USERS);
    frame.fetch_users = &fetch;
    rig_say(&g, 1, &frame);
}

/* Every FetchUsers heard is answered with one user, the first asked for. */
static void answer_users(void)
{
    size_t count = g.heard_count;

    for (size_t i = 0; i < count; i++) {
        const WireLinkFrame *asked = g.heard[i].peer;
        WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
        WireUsers users = WIRE_USERS__INIT;
        WireUser user = WIRE_USER__INIT, *list[] = {&user};

        if (!asked || asked->body_case != LINK(FETCH_USERS))
            continue;
        user.user_id = asked->fetch_users->user_ids[0];
        user.name = (char *)"somebody";
        users.n_users = 1;
        users.users = list;
        frame.request_id = asked->request_id;
        frame.body_case = LINK(USERS);
        frame.users = &users;
        rig_peer_says(&g, shard_of_id(user.user_id, RIG_SHARDS), &frame);
    }
    rig_settle(&g);
}

START_TEST(users_of_several_stores_are_gathered)
{
    uint64_t ids[] = {RIG_ID(0, 1), RIG_ID(1, 2), RIG_ID(0, 3), RIG_ID(9, 9)};

    fetch_users(7, ids, 4);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(FETCH_USERS)), 2);
    answer_users();

    ck_assert_uint_eq(rig_count(&g, 1, SERVER(USERS)), 1);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(USERS))->request_id, 7);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(USERS))->users->n_users, 2);
    ck_assert_uint_eq(rig_stats(&g).requests, 0);
}
END_TEST

START_TEST(a_part_that_fails_fails_the_whole_once)
{
    uint64_t ids[] = {RIG_ID(0, 1), RIG_ID(1, 2)};

    fetch_users(7, ids, 2);
    rig_down(&g, 1);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(PROBLEM)), 1);
    g.peer_links[1] = 0;
    for (size_t i = 0; i < g.heard_count; i++) {
        const WireLinkFrame *asked = g.heard[i].peer;

        if (asked && asked->body_case == LINK(FETCH_USERS) && g.heard[i].link == g.peer_links[0]) {
            rig_answer_problem(&g, 0, asked->request_id, PROBLEM(INTERNAL));
            break;
        }
    }
    rig_settle(&g);

    ck_assert_uint_eq(rig_count(&g, 1, SERVER(PROBLEM)), 1);
    ck_assert_ptr_null(rig_last(&g, 1, SERVER(USERS)));
    ck_assert_uint_eq(rig_stats(&g).requests, 0);
}
END_TEST

START_TEST(a_user_is_found_within_the_askers_issuer)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireFindUser find = WIRE_FIND_USER__INIT;

    find.subject = (char *)"bob";
    frame.request_id = 7;
    frame.body_case = CLIENT(FIND_USER);
    frame.find_user = &find;
    rig_say(&g, 1, &frame);

    ck_assert_str_eq(rig_asked(&g, LINK(FIND_USER))->find_user->issuer, RIG_ISSUER);
    ck_assert_str_eq(rig_asked(&g, LINK(FIND_USER))->find_user->subject, "bob");
}
END_TEST

/* --- limits --- */

START_TEST(requests_wait_for_credit_in_order)
{
    uint64_t answered = 0;

    teardown();
    setup_config();
    g.credit = 2;
    start();
    for (uint32_t i = 1; i <= 6; i++)
        send_message(1, i, room->home_id);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(SEND_MESSAGE)), 2);
    ck_assert_uint_eq(rig_stats(&g).requests_waiting, 4);

    for (size_t i = 0; i < g.heard_count && answered < 6; i++) {
        const WireLinkFrame *asked = g.heard[i].peer;

        if (!asked || asked->body_case != LINK(SEND_MESSAGE))
            continue;
        answered++;
        ck_assert_uint_eq(asked->send_message->nonce->counter, answered);
        answer_sent(0, asked->request_id, answered);
    }
    ck_assert_uint_eq(answered, 6);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(SENT))->request_id, 6);
    ck_assert_uint_eq(rig_stats(&g).requests_waiting, 0);
}
END_TEST

START_TEST(the_waiting_line_is_bounded)
{
    teardown();
    setup_config();
    g.credit = 1;
    g.config.limits.waiting_per_peer = 3;
    start();
    for (uint32_t i = 1; i <= 4; i++)
        send_message(1, i, room->home_id);
    ck_assert_ptr_null(rig_last(&g, 1, SERVER(PROBLEM)));
    send_message(1, 5, room->home_id);

    ck_assert_str_eq(rig_problem(&g, 1, PROBLEM(OVERLOADED))->limit, "waiting_per_peer");
    /* What was never sent has no unknown outcome. */
    rig_forget(&g);
    rig_down(&g, 0);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(PROBLEM)), 4);
    rig_problem(&g, 1, PROBLEM(UNAVAILABLE));
}
END_TEST

START_TEST(requests_of_all_clients_are_bounded)
{
    teardown();
    setup_config();
    g.config.limits.requests_max = 2;
    start();
    send_message(1, 1, room->home_id);
    send_message(1, 2, room->home_id);
    ck_assert_ptr_null(rig_last(&g, 1, SERVER(PROBLEM)));
    send_message(1, 3, room->home_id);

    ck_assert_str_eq(rig_problem(&g, 1, PROBLEM(OVERLOADED))->limit, "requests_max");
}
END_TEST

START_TEST(requests_of_one_client_are_bounded)
{
    teardown();
    setup_config();
    g.config.limits.session_requests = 2;
    start();
    send_message(1, 1, room->home_id);
    send_message(1, 2, room->home_id);
    ck_assert_ptr_null(rig_last(&g, 1, SERVER(PROBLEM)));
    send_message(1, 3, room->home_id);
    ck_assert_str_eq(rig_problem(&g, 1, PROBLEM(LIMIT))->limit, "session_requests");

    answer_sent(0, rig_asked(&g, LINK(SEND_MESSAGE))->request_id, 1);
    rig_forget(&g);
    send_message(1, 4, room->home_id);
    ck_assert_ptr_null(rig_last(&g, 1, SERVER(PROBLEM)));
}
END_TEST

START_TEST(operations_are_limited_per_user_and_a_reconnect_gains_nothing)
{
    const WireProblem *problem;

    for (uint32_t i = 1; i <= g.config.limits.operations_burst; i++)
        send_message(1, i, room->home_id);
    ck_assert_ptr_null(rig_last(&g, 1, SERVER(PROBLEM)));
    send_message(1, 100, room->home_id);
    problem = rig_problem(&g, 1, PROBLEM(RATE_LIMITED));
    ck_assert_str_eq(problem->limit, "operations_per_second");
    ck_assert_uint_gt(problem->retry_after_ms, 0);
    ck_assert_uint_le(problem->retry_after_ms, 51);

    rig_event(&g, EVENT_LINK_CLOSED, 1);
    rig_sign_in(&g, 2, "alice", RIG_DEVICE);
    send_message(2, 1, room->home_id);
    rig_problem(&g, 2, PROBLEM(RATE_LIMITED));
    /* Reads have a bucket of their own. */
    fetch_history(2, 2, room->home_id);
    ck_assert_uint_eq(rig_count(&g, 2, SERVER(PROBLEM)), 1);
    /* And others are not concerned. */
    rig_sign_in(&g, 3, "bob", RIG_DEVICE);
    send_message(3, 1, room->home_id);
    ck_assert_ptr_null(rig_last(&g, 3, SERVER(PROBLEM)));

    rig_wait(&g, 51);
    send_message(2, 3, room->home_id);
    ck_assert_uint_eq(rig_count(&g, 2, SERVER(PROBLEM)), 1);
}
END_TEST

START_TEST(the_rate_is_shared_by_the_routers_that_hold_the_user)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;

    event.body_case = WIRE_HOME_EVENT__BODY_ROUTERS;
    event.routers = 4;
    rig_user_event(&g, "alice", 7, 8, &event);
    for (uint32_t i = 1; i <= g.config.limits.operations_burst; i++)
        send_message(1, i, room->home_id);
    send_message(1, 100, room->home_id);

    ck_assert_uint_gt(rig_problem(&g, 1, PROBLEM(RATE_LIMITED))->retry_after_ms, 150);
}
END_TEST

/* --- what must not be --- */

START_TEST(an_unknown_request_is_unsupported_and_the_session_stays)
{
    /* frames: { request_id: 9, field 60: "" } */
    static const uint8_t bytes[] = {0x0a, 0x05, 0x08, 0x09, 0xe2, 0x03, 0x00};

    rig_feed_bytes(&g, 1, bytes, sizeof(bytes));
    rig_settle(&g);

    ck_assert_uint_eq(rig_last(&g, 1, SERVER(PROBLEM))->request_id, 9);
    rig_problem(&g, 1, PROBLEM(UNSUPPORTED));
    ck_assert_uint_eq(g.closed[1], 0);
}
END_TEST

START_TEST(malformed_bytes_close_as_a_protocol_error)
{
    static const uint8_t bytes[] = {0x0a, 0x7f, 0x01};

    rig_feed_bytes(&g, 1, bytes, sizeof(bytes));
    rig_settle(&g);

    rig_problem(&g, 1, PROBLEM(MALFORMED));
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_PROTOCOL);
    ck_assert_uint_eq(rig_stats(&g).faults_malformed, 1);
}
END_TEST

START_TEST(a_field_past_its_limit_closes_and_names_it)
{
    static char text[CHAT_TEXT_MAX + 2];
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireSendMessage message = WIRE_SEND_MESSAGE__INIT;

    memset(text, 'x', CHAT_TEXT_MAX + 1);
    message.channel_id = room->home_id;
    message.text = text;
    frame.request_id = 3;
    frame.body_case = CLIENT(SEND_MESSAGE);
    frame.send_message = &message;
    rig_say(&g, 1, &frame);

    ck_assert_str_eq(rig_problem(&g, 1, PROBLEM(LIMIT))->limit, "SendMessage.text");
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_POLICY);
    ck_assert_uint_eq(rig_stats(&g).faults_limit, 1);
}
END_TEST

START_TEST(a_message_too_long_closes_as_too_large)
{
    static uint8_t bytes[CHAT_CLIENT_MESSAGE_MAX + 1];

    rig_feed_bytes(&g, 1, bytes, sizeof(bytes));
    rig_settle(&g);

    rig_problem(&g, 1, PROBLEM(LIMIT));
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_TOO_LARGE);
}
END_TEST

START_TEST(a_request_without_a_number_is_invalid)
{
    send_message(1, 0, room->home_id);

    ck_assert_str_eq(rig_problem(&g, 1, PROBLEM(INVALID))->limit, "request_id");
    ck_assert_uint_eq(g.closed[1], 0);
}
END_TEST

START_TEST(a_heartbeat_is_told_where_it_is_behind)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHeartbeat heartbeat = WIRE_HEARTBEAT__INIT;
    WirePosition at = WIRE_POSITION__INIT, other = WIRE_POSITION__INIT;
    WirePosition *positions[] = {&at, &other};
    const WireHeartbeatAck *ack;

    rig_message(&g, room, "one");
    rig_message(&g, room, "two");
    at.channel_id = room->home_id;
    at.epoch = 1;
    at.seq = 1;
    other.channel_id = RIG_ID(1, 4711);
    other.seq = 9;
    heartbeat.n_positions = 2;
    heartbeat.positions = positions;
    frame.request_id = 5;
    frame.body_case = CLIENT(HEARTBEAT);
    frame.heartbeat = &heartbeat;
    rig_say(&g, 1, &frame);
    ack = rig_last(&g, 1, SERVER(HEARTBEAT_ACK))->heartbeat_ack;
    ck_assert_uint_eq(ack->n_heads, 1);
    ck_assert_uint_eq(ack->heads[0]->seq, 2);
    ck_assert_int_eq(ack->server_time_ms, g.now.wall_ms);

    at.seq = 2;
    at.message_id = 20;
    rig_say(&g, 1, &frame);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(HEARTBEAT_ACK))->heartbeat_ack->n_heads, 0);
    at.epoch = 7;
    rig_say(&g, 1, &frame);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(HEARTBEAT_ACK))->heartbeat_ack->n_heads, 1);
    at.epoch = 1;
    at.seq = 3; /* ahead of what this router heard */
    rig_say(&g, 1, &frame);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(HEARTBEAT_ACK))->heartbeat_ack->n_heads, 0);
}
END_TEST

START_TEST(metrics_name_requests_and_problems)
{
    struct metrics m;

    send_message(1, 7, RIG_ID(RIG_SHARDS, 1));
    metrics_init(&m, NULL, NULL);
    router_write_metrics(g.router, &m);
    ck_assert_int_eq(buf_append(&m.text, "", 1), CHAT_OK);

    ck_assert_ptr_nonnull(
        strstr((char *)m.text.bytes, "chat_router_requests_total{body=\"send_message\"} 1\n"));
    ck_assert_ptr_nonnull(
        strstr((char *)m.text.bytes, "chat_router_problems_total{code=\"not_found\"} 1\n"));
    ck_assert_ptr_nonnull(strstr((char *)m.text.bytes, "chat_router_live 1\n"));
    metrics_fini(&m);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("router: requests");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, a_request_travels_under_its_user_and_comes_back_under_its_number);
    tcase_add_test(all, answers_in_any_order_find_who_asked);
    tcase_add_test(all, an_answer_for_who_left_reaches_nobody);
    tcase_add_test(all, a_lost_link_makes_writes_unknown_and_reads_unavailable);
    tcase_add_test(all, without_a_store_a_request_is_unavailable_at_once);
    tcase_add_test(all, a_store_that_never_answers_is_given_up);
    tcase_add_test(all, a_problem_of_the_store_is_passed_on_but_its_map_is_not);
    tcase_add_test(all, an_id_of_no_shard_reaches_nobody);
    tcase_add_test(all, marking_read_is_checked_against_what_the_router_knows);
    tcase_add_test(all, a_page_that_comes_after_the_removal_is_not_passed_on);
    tcase_add_test(all, who_is_still_to_be_checked_is_not_told_that_he_is_no_member);
    tcase_add_test(all, who_just_joined_is_judged_by_the_store_alone);
    tcase_add_test(all, users_of_several_stores_are_gathered);
    tcase_add_test(all, a_part_that_fails_fails_the_whole_once);
    tcase_add_test(all, a_user_is_found_within_the_askers_issuer);
    tcase_add_test(all, requests_wait_for_credit_in_order);
    tcase_add_test(all, the_waiting_line_is_bounded);
    tcase_add_test(all, requests_of_all_clients_are_bounded);
    tcase_add_test(all, requests_of_one_client_are_bounded);
    tcase_add_test(all, operations_are_limited_per_user_and_a_reconnect_gains_nothing);
    tcase_add_test(all, the_rate_is_shared_by_the_routers_that_hold_the_user);
    tcase_add_test(all, an_unknown_request_is_unsupported_and_the_session_stays);
    tcase_add_test(all, malformed_bytes_close_as_a_protocol_error);
    tcase_add_test(all, a_field_past_its_limit_closes_and_names_it);
    tcase_add_test(all, a_message_too_long_closes_as_too_large);
    tcase_add_test(all, a_request_without_a_number_is_invalid);
    tcase_add_test(all, a_heartbeat_is_told_where_it_is_behind);
    tcase_add_test(all, metrics_name_requests_and_problems);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
