/* A real router and real stores: what two people see when they talk. */
#include "router_rig.h"

#include "store_host.h"

#define IDS 65536u
#define PEER 0u /* the router's only store */

static struct rig g;
static struct store_host h;
static link_id store_link;
static uint64_t asked_as[IDS]; /* the host's request id -> the router's */
static size_t carried_up, carried_down;

/* --- the wire between them --- */

static void say_to_store(const WireLinkFrame *frame)
{
    WireLinkFrame said = *frame;
    uint64_t id;

    if (frame->body_case == LINK(LINK_HELLO))
        return; /* the host said it */
    if (frame->request_id == 0) {
        store_host_tell(&h, store_link, &said);
        return;
    }
    id = store_host_send(&h, store_link, &said);
    ck_assert_uint_lt(id, IDS);
    asked_as[id] = frame->request_id;
}

static void say_to_router(const struct host_heard *heard)
{
    WireLinkFrame said = *heard->frame;

    if (heard->link != store_link || said.body_case == LINK(LINK_PONG))
        return;
    if (said.request_id != 0)
        said.request_id = asked_as[said.request_id];
    rig_peer_says(&g, PEER, &said);
}

/* Carries frames both ways until nobody has anything to say. */
static void carry(void)
{
    rig_settle(&g);
    while (carried_up < g.heard_count || carried_down < h.heard_count) {
        while (carried_up < g.heard_count) {
            struct rig_heard heard = g.heard[carried_up++];

            if (heard.peer && heard.link == g.peer_links[PEER] && h.stores[0])
                say_to_store(heard.peer);
        }
        store_host_run(&h);
        while (carried_down < h.heard_count)
            say_to_router(&h.heard[carried_down++]);
        rig_settle(&g);
    }
}

static void wait(int64_t wait_ms)
{
    for (int64_t passed = 0; passed < wait_ms; passed += 50) {
        rig_wait(&g, 50);
        store_host_wait(&h, 50);
        carry();
    }
}

static void connect_store(void)
{
    struct event event = {.kind = EVENT_LINK_OPENED, .link = g.next_peer_link};

    store_link = store_host_connect(&h, 0);
    store_host_run(&h);
    ck_assert(g.dialed[PEER]);
    g.dialed[PEER] = false;
    g.peer_links[PEER] = g.next_peer_link++;
    event.opened.kind = LINK_DIALED;
    event.opened.peer = PEER;
    rig_feed(&g, &event);
    carry();
}

static void setup(void)
{
    rig_config(&g);
    g.hold_open = g.hold_subscribe = true;
    carried_up = carried_down = 0;
    rig_start(&g);
    store_host_init(&h, 1);
    store_host_start(&h, 0);
    store_host_wait(&h, 100);
    connect_store();
    ck_assert(router_is_ready(g.router));
}

static void teardown(void)
{
    rig_fini(&g);
    store_host_fini(&h);
}

/* --- what people do --- */

static uint64_t sign_in(link_id link, const char *name, uint64_t device_id)
{
    const WireServerFrame *list;

    rig_open(&g, link);
    rig_hello(&g, link, name, device_id);
    carry();
    list = rig_last(&g, link, SERVER(CHANNEL_LIST));
    ck_assert_msg(list && list->channel_list->complete, "%s is not in", name);
    return rig_last(&g, link, SERVER(WELCOME))->welcome->user_id;
}

static const WireServerFrame *ask(link_id link, WireClientFrame *frame, uint32_t request_id)
{
    frame->request_id = request_id;
    rig_say(&g, link, frame);
    carry();
    for (size_t i = g.heard_count; i-- > 0;)
        if (g.heard[i].link == link && g.heard[i].server &&
            g.heard[i].server->request_id == request_id)
            return g.heard[i].server;
    return NULL;
}

static uint64_t open_direct(link_id link, uint64_t peer_id)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireOpenDirect body = WIRE_OPEN_DIRECT__INIT;
    const WireServerFrame *answer;

    body.peer_id = peer_id;
    frame.body_case = CLIENT(OPEN_DIRECT);
    frame.open_direct = &body;
    answer = ask(link, &frame, 100);
    ck_assert_int_eq(answer->body_case, SERVER(OPENED));
    return answer->opened->channel_id;
}

static const WireServerFrame *send_text(link_id link, uint64_t channel_id, uint64_t device_id,
                                        uint64_t counter, const char *text)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireSendMessage body = WIRE_SEND_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = device_id;
    nonce.counter = counter;
    nonce.after = counter - 1;
    body.channel_id = channel_id;
    body.nonce = &nonce;
    body.text = (char *)text;
    frame.body_case = CLIENT(SEND_MESSAGE);
    frame.send_message = &body;
    return ask(link, &frame, (uint32_t)(1000 + counter));
}

static const WireServerFrame *set_member(link_id link, uint64_t home_id, uint64_t user_id,
                                         uint32_t permissions)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireSetMember body = WIRE_SET_MEMBER__INIT;

    body.home_id = home_id;
    body.user_id = user_id;
    body.permissions = permissions;
    frame.body_case = CLIENT(SET_MEMBER);
    frame.set_member = &body;
    return ask(link, &frame, 200);
}

static uint64_t create_group(link_id link, uint64_t *members, size_t count)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireCreateGroup body = WIRE_CREATE_GROUP__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;
    const WireServerFrame *answer;

    nonce.device_id = 1;
    nonce.counter = 1;
    body.nonce = &nonce;
    body.name = (char *)"a room";
    body.n_member_ids = count;
    body.member_ids = members;
    frame.body_case = CLIENT(CREATE_GROUP);
    frame.create_group = &body;
    answer = ask(link, &frame, 300);
    ck_assert_int_eq(answer->body_case, SERVER(OPENED));
    return answer->opened->channel_id;
}

START_TEST(two_people_open_a_direct_and_talk)
{
    uint64_t bob, channel;
    const WireServerFrame *sent;

    sign_in(1, "alice", 1);
    bob = sign_in(2, "bob", 2);
    channel = open_direct(1, bob);
    wait(500); /* the notes reach both lists */
    ck_assert_uint_eq(rig_stats(&g).edges, 2);
    sent = send_text(1, channel, 1, 1, "hello bob");
    ck_assert_int_eq(sent->body_case, SERVER(SENT));
    send_text(2, channel, 2, 1, "hello alice");

    ck_assert_uint_eq(rig_count(&g, 1, SERVER(MESSAGE)), 2);
    ck_assert_uint_eq(rig_count(&g, 2, SERVER(MESSAGE)), 2);
    ck_assert_str_eq(rig_last(&g, 1, SERVER(MESSAGE))->message->text, "hello alice");
    ck_assert_uint_eq(rig_last(&g, 2, SERVER(MESSAGE))->message->author_id, bob);
}
END_TEST

START_TEST(history_and_cursors_go_through)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireFetchHistory fetch = WIRE_FETCH_HISTORY__INIT;
    WireMarkRead mark = WIRE_MARK_READ__INIT;
    const WireServerFrame *answer;
    uint64_t bob, channel;

    sign_in(1, "alice", 1);
    bob = sign_in(2, "bob", 2);
    sign_in(3, "bob", 3);
    channel = open_direct(1, bob);
    wait(500);
    for (uint64_t i = 1; i <= 5; i++)
        send_text(1, channel, 1, i, "x");

    fetch.channel_id = channel;
    fetch.limit = 3;
    fetch.backwards = true;
    frame.body_case = CLIENT(FETCH_HISTORY);
    frame.fetch_history = &fetch;
    answer = ask(2, &frame, 400);
    ck_assert_int_eq(answer->body_case, SERVER(HISTORY_PAGE));
    ck_assert_uint_eq(answer->history_page->n_messages, 3);
    ck_assert_uint_eq(answer->history_page->messages[2]->seq, 5);

    mark.channel_id = channel;
    mark.seq = 5;
    frame.body_case = CLIENT(MARK_READ);
    frame.mark_read = &mark;
    answer = ask(2, &frame, 401);
    ck_assert_int_eq(answer->body_case, SERVER(CURSOR));
    ck_assert_uint_eq(answer->cursor->read_seq, 5);
    ck_assert_uint_ne(answer->cursor->read_message_id, 0);
    ck_assert_uint_eq(rig_last(&g, 3, SERVER(CURSOR))->cursor->read_seq, 5);
}
END_TEST

START_TEST(a_member_removed_hears_nothing_after_and_added_again_goes_on)
{
    uint64_t members[1], channel;
    size_t heard, removed;

    sign_in(1, "alice", 1);
    members[0] = sign_in(2, "bob", 2);
    channel = create_group(1, members, 1);
    wait(500);
    send_text(1, channel, 1, 1, "one");
    ck_assert_uint_eq(rig_count(&g, 2, SERVER(MESSAGE)), 1);
    ck_assert_int_eq(set_member(1, channel, members[0], 0)->body_case, SERVER(MEMBER_CHANGED));
    ck_assert_uint_ge(rig_count(&g, 2, SERVER(CHANNEL_REMOVED)), 1);
    send_text(1, channel, 1, 2, "two");
    wait(500);
    ck_assert_uint_eq(rig_count(&g, 2, SERVER(MESSAGE)), 1);
    ck_assert_int_eq(send_text(2, channel, 2, 1, "no")->body_case, SERVER(PROBLEM));

    removed = rig_count(&g, 2, SERVER(CHANNEL_REMOVED)); /* the note may say it again */
    heard = rig_count(&g, 2, SERVER(CHANNEL_LIST));
    set_member(1, channel, members[0], MEMBER);
    send_text(1, channel, 1, 3, "three");
    wait(500);
    ck_assert_uint_gt(rig_count(&g, 2, SERVER(CHANNEL_LIST)), heard);
    ck_assert_uint_eq(rig_last(&g, 2, SERVER(MESSAGE))->message->seq, 3);
    ck_assert_uint_eq(rig_count(&g, 2, SERVER(CHANNEL_REMOVED)), removed);
    ck_assert_uint_eq(rig_stats(&g).edges, 2);
}
END_TEST

START_TEST(a_killed_store_comes_back_and_the_talk_goes_on)
{
    uint64_t bob, channel;
    const WireServerFrame *answer;

    sign_in(1, "alice", 1);
    bob = sign_in(2, "bob", 2);
    channel = open_direct(1, bob);
    wait(500);
    send_text(1, channel, 1, 1, "one");
    h.hold[ENGINE_APPEND] = true;
    ck_assert_ptr_null(send_text(1, channel, 1, 2, "two"));
    store_host_kill(&h, 0);
    h.hold[ENGINE_APPEND] = false;
    rig_down(&g, PEER);
    rig_problem(&g, 1, PROBLEM(UNKNOWN_OUTCOME));
    ck_assert_int_eq(send_text(1, channel, 1, 3, "three")->problem->code, PROBLEM(UNAVAILABLE));
    rig_wait(&g, 200);
    store_host_start(&h, 0);
    store_host_wait(&h, 200);
    connect_store();
    wait(500);

    ck_assert_uint_eq(g.closed[1] + g.closed[2], 0);
    answer = send_text(1, channel, 1, 2, "two");
    ck_assert_uint_eq(answer->sent->seq, 2);
    ck_assert_uint_eq(rig_last(&g, 2, SERVER(MESSAGE))->message->seq, 2);
    ck_assert_uint_eq(rig_stats(&g).homes_lost, 0);
}
END_TEST

START_TEST(the_newest_session_wins_also_across_a_restart_of_the_store)
{
    sign_in(1, "alice", 1);
    sign_in(2, "alice", 1);
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_SUPERSEDED);
    store_host_kill(&h, 0);
    rig_down(&g, PEER);
    rig_wait(&g, 200);
    store_host_start(&h, 0);
    store_host_wait(&h, 200);
    connect_store();
    wait(500);
    ck_assert_uint_eq(g.closed[2], 0);

    sign_in(3, "alice", 1);
    ck_assert_uint_eq(g.closed[2], CHAT_CLOSE_SUPERSEDED);
    ck_assert_uint_eq(g.closed[3], 0);
}
END_TEST

START_TEST(who_comes_back_finds_all_channels_and_positions)
{
    uint64_t bob, channel;
    const WireChannel *found = NULL;

    sign_in(1, "alice", 1);
    bob = sign_in(2, "bob", 2);
    channel = open_direct(1, bob);
    wait(500);
    send_text(1, channel, 1, 1, "one");
    rig_event(&g, EVENT_LINK_CLOSED, 2);
    carry();
    send_text(1, channel, 1, 2, "two");
    sign_in(3, "bob", 2);

    for (size_t i = 0; i < g.heard_count; i++)
        if (g.heard[i].link == 3 && g.heard[i].server &&
            g.heard[i].server->body_case == SERVER(CHANNEL_LIST) &&
            g.heard[i].server->channel_list->n_channels > 0)
            found = g.heard[i].server->channel_list->channels[0];
    ck_assert_ptr_nonnull(found);
    ck_assert_uint_eq(found->head->seq, 2);
    ck_assert_uint_ne(found->peer_id, bob);
    ck_assert_uint_eq(found->permissions, VIEW_SEND);
}
END_TEST

/* --- mentions and reactions --- */

static void mention(link_id link, uint64_t channel_id, uint64_t counter, uint64_t user_id)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireSendMessage body = WIRE_SEND_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = 1;
    nonce.counter = counter;
    body.channel_id = channel_id;
    body.nonce = &nonce;
    body.text = (char *)"@you";
    body.mention_ids = &user_id;
    body.n_mention_ids = 1;
    frame.body_case = CLIENT(SEND_MESSAGE);
    frame.send_message = &body;
    ck_assert_int_eq(ask(link, &frame, (uint32_t)(1000 + counter))->body_case, SERVER(SENT));
}

/* The count that a link was told last, by a list or a push; -1: none. */
static int64_t mentions_told(link_id link, uint64_t channel_id)
{
    int64_t count = -1;

    for (size_t i = 0; i < g.heard_count; i++) {
        const WireServerFrame *f = g.heard[i].link == link ? g.heard[i].server : NULL;

        if (f && f->body_case == SERVER(MENTIONS) && f->mentions->channel_id == channel_id)
            count = f->mentions->count;
        for (size_t k = 0;
             f && f->body_case == SERVER(CHANNEL_LIST) && k < f->channel_list->n_channels; k++)
            if (f->channel_list->channels[k]->mentions)
                count = f->channel_list->channels[k]->mentions->count;
    }
    return count;
}

START_TEST(mentions_are_told_to_all_devices_of_the_user_and_listed_at_sign_in)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireMarkRead mark = WIRE_MARK_READ__INIT;
    uint64_t bob, channel;

    sign_in(1, "alice", 1);
    bob = sign_in(2, "bob", 2);
    sign_in(3, "bob", 3);
    channel = open_direct(1, bob);
    wait(500);
    mention(1, channel, 1, bob);
    mention(1, channel, 2, bob);
    wait(500);
    ck_assert_int_eq(mentions_told(2, channel), 2);
    ck_assert_int_eq(mentions_told(3, channel), 2);
    ck_assert_int_le(mentions_told(1, channel), 0);
    sign_in(4, "bob", 4);
    ck_assert_int_eq(mentions_told(4, channel), 2);

    mark.channel_id = channel;
    mark.seq = 1;
    frame.body_case = CLIENT(MARK_READ);
    frame.mark_read = &mark;
    ck_assert_int_eq(ask(2, &frame, 500)->body_case, SERVER(CURSOR));
    ck_assert_int_eq(mentions_told(3, channel), 1);
    ck_assert_int_eq(mentions_told(4, channel), 1);
}
END_TEST

/* The user's home was not heard for a while: the count comes with its announcement. */
START_TEST(mentions_missed_with_the_store_are_told_once_it_is_back)
{
    uint64_t bob, channel;
    size_t heard, told = 0;

    sign_in(1, "alice", 1);
    bob = sign_in(2, "bob", 2);
    channel = open_direct(1, bob);
    wait(500);
    mention(1, channel, 1, bob);
    wait(500);
    ck_assert_int_eq(mentions_told(2, channel), 1);
    store_host_kill(&h, 0);
    rig_down(&g, PEER);
    rig_wait(&g, 200);
    store_host_start(&h, 0);
    store_host_wait(&h, 200);
    heard = g.heard_count;
    connect_store();
    wait(500);
    for (size_t i = heard; i < g.heard_count; i++)
        told += g.heard[i].link == 2 && g.heard[i].server &&
                g.heard[i].server->body_case == SERVER(MENTIONS);
    ck_assert_uint_gt(told, 0);
    ck_assert_int_eq(mentions_told(2, channel), 1);
}
END_TEST

START_TEST(a_reaction_reaches_every_member)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireReact react = WIRE_REACT__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;
    const WireServerFrame *changed;
    uint64_t bob, channel;

    sign_in(1, "alice", 1);
    bob = sign_in(2, "bob", 2);
    channel = open_direct(1, bob);
    wait(500);
    send_text(1, channel, 1, 1, "hello");
    nonce.device_id = 2;
    nonce.counter = 1;
    react.channel_id = channel;
    react.nonce = &nonce;
    react.seq = 1;
    react.emoji = (char *)"+1";
    frame.body_case = CLIENT(REACT);
    frame.react = &react;
    ck_assert_int_eq(ask(2, &frame, 600)->body_case, SERVER(ALTERED));
    for (link_id link = 1; link <= 2; link++) {
        changed = rig_last(&g, link, SERVER(CHANGED));
        ck_assert_ptr_nonnull(changed);
        ck_assert_uint_eq(changed->changed->n_reactions, 1);
        ck_assert_uint_eq(changed->changed->reactions[0]->user_ids[0], bob);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("router and store");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, two_people_open_a_direct_and_talk);
    tcase_add_test(all, history_and_cursors_go_through);
    tcase_add_test(all, a_member_removed_hears_nothing_after_and_added_again_goes_on);
    tcase_add_test(all, a_killed_store_comes_back_and_the_talk_goes_on);
    tcase_add_test(all, the_newest_session_wins_also_across_a_restart_of_the_store);
    tcase_add_test(all, who_comes_back_finds_all_channels_and_positions);
    tcase_add_test(all, mentions_are_told_to_all_devices_of_the_user_and_listed_at_sign_in);
    tcase_add_test(all, mentions_missed_with_the_store_are_told_once_it_is_back);
    tcase_add_test(all, a_reaction_reaches_every_member);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
