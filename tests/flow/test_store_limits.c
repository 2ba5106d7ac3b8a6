/* Every limit of a store, at the limit; and what happens without memory. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/limits.h>

#include "../support/faulty_alloc.h"
#include "store_host.h"

static struct store_host h;
static link_id link;
static uint64_t ann, bob, channel;

static void begin(void)
{
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    ann = host_user(&h, link, "ann");
    bob = host_user(&h, link, "bob");
    channel = host_direct(&h, link, ann, bob);
    expect_sent(host_send(&h, link, ann, channel, 1, 0, "loads the ring"), 1);
}

static void setup(void) { store_host_init(&h, 1); }
static void teardown(void) { store_host_fini(&h); }

static struct store_limits *limits(void) { return &h.configs[0].limits; }

static struct store_stats stats(void)
{
    struct store_stats out;

    store_get_stats(h.stores[0], &out);
    return out;
}

/* The nth message's request, with one device per message so that no ring is in the way. */
static uint64_t send_as(uint64_t device, const char *text)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSendMessage send = WIRE_SEND_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = device;
    nonce.counter = 1;
    send.channel_id = channel;
    send.nonce = &nonce;
    send.text = (char *)(uintptr_t)text;
    frame.user_id = ann;
    frame.body_case = WIRE_LINK_FRAME__BODY_SEND_MESSAGE;
    frame.send_message = &send;
    return store_host_send(&h, link, &frame);
}

START_TEST(a_configuration_out_of_bounds_is_refused)
{
    struct store *store = NULL;
    struct store_config config;
    uint32_t twice[2] = {1, 1};

    config = h.configs[0];
    config.shard_count = 0;
    ck_assert_int_eq(store_new(&config, &store), CHAT_E_INVALID);
    config = h.configs[0];
    config.shard_count = CHAT_SHARDS_MAX + 1;
    ck_assert_int_eq(store_new(&config, &store), CHAT_E_INVALID);
    config = h.configs[0];
    config.shards = twice;
    config.shards_held = 2;
    ck_assert_int_eq(store_new(&config, &store), CHAT_E_INVALID);
    config = h.configs[0];
    config.limits.homes_max = 0;
    ck_assert_int_eq(store_new(&config, &store), CHAT_E_INVALID);
    ck_assert_ptr_null(store);
}
END_TEST

START_TEST(the_queue_of_decisions_is_bounded)
{
    uint64_t id;

    limits()->queue_records = 10;
    begin();
    h.hold[ENGINE_APPEND] = true;
    for (uint64_t i = 2; i <= 11; i++)
        ck_assert_ptr_null(host_send(&h, link, ann, channel, i, i - 1, "x"));
    expect_problem(host_send(&h, link, ann, channel, 12, 11, "x"), PROBLEM_OF(OVERLOADED));
    ck_assert_uint_eq(stats().queued_records, 10);
    store_host_release(&h, ENGINE_APPEND);
    expect_sent(host_send(&h, link, ann, channel, 12, 11, "x"), 12);
    id = send_as(77, "y");
    expect_sent(store_host_answer(&h, link, id), 13);
}
END_TEST

START_TEST(an_applier_that_falls_behind_becomes_backpressure)
{
    uint64_t sent = 1;

    limits()->unapplied_records = 50;
    limits()->apply_records = 10;
    begin();
    h.hold[ENGINE_APPLY] = true;
    for (uint64_t i = 2; i <= 100; i++) {
        const WireLinkFrame *answer = host_send(&h, link, ann, channel, i, 0, "x");

        if (answer->body_case == WIRE_LINK_FRAME__BODY_SENT)
            sent++;
        else
            expect_problem(answer, PROBLEM_OF(OVERLOADED));
    }
    ck_assert_uint_lt(sent, 70);
    store_host_release(&h, ENGINE_APPLY);
    expect_sent(host_send(&h, link, ann, channel, 101, 0, "x"), sent + 1);
    ck_assert_uint_eq(host_history(&h, link, bob, channel, 0, 200, true)->n_messages, sent + 1);
}
END_TEST

START_TEST(requests_waiting_for_one_thing_are_bounded)
{
    WireLinkFrame frames[6];
    WireLinkFrame *list[6];
    WireFindUserIn find = WIRE_FIND_USER_IN__INIT;

    limits()->waiting_per_key = 5;
    begin();
    find.issuer = (char *)(uintptr_t) "i";
    find.subject = (char *)(uintptr_t) "nobody";
    for (size_t i = 0; i < 6; i++) {
        wire_link_frame__init(&frames[i]);
        frames[i].body_case = WIRE_LINK_FRAME__BODY_FIND_USER;
        frames[i].find_user = &find;
        list[i] = &frames[i];
    }
    h.hold[ENGINE_READ] = true;
    store_host_send_all(&h, link, list, 6);
    expect_problem(store_host_answer(&h, link, frames[5].request_id), PROBLEM_OF(OVERLOADED));
    ck_assert_uint_eq(stats().waiting, 5);
    store_host_release(&h, ENGINE_READ);
    for (size_t i = 0; i < 5; i++)
        ck_assert_uint_eq(store_host_answer(&h, link, frames[i].request_id)->users->n_users, 0);
    ck_assert_uint_eq(stats().waiting, 0);
}
END_TEST

START_TEST(reads_at_the_engine_are_bounded)
{
    limits()->reads_in_flight = 2;
    begin();
    h.hold[ENGINE_READ] = true;
    for (uint64_t i = 0; i < 5; i++)
        send_as(100 + i, "x");
    ck_assert_uint_eq(store_host_count_held(&h, ENGINE_READ), 2);
    ck_assert_uint_eq(stats().reads, 5);
    store_host_release(&h, ENGINE_READ);
    ck_assert_uint_eq(stats().reads, 0);
    ck_assert_uint_eq(stats().sent, 6);
}
END_TEST

START_TEST(subscriptions_are_bounded)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireOpenSession open = WIRE_OPEN_SESSION__INIT;
    char subject[16];
    int opened = 0, refused = 0;

    limits()->subscriptions_max = 2; /* a shard */
    begin();
    open.issuer = (char *)(uintptr_t) "i";
    open.device_id = 1;
    open.name = subject;
    open.subject = subject;
    frame.body_case = WIRE_LINK_FRAME__BODY_OPEN_SESSION;
    frame.open_session = &open;
    for (int i = 0; i < 40; i++) {
        const WireLinkFrame *answer;

        snprintf(subject, sizeof(subject), "u%d", i);
        answer = store_host_ask(&h, link, &frame);
        if (answer->body_case == WIRE_LINK_FRAME__BODY_SESSION_OPENED)
            opened++;
        else
            refused++;
    }
    ck_assert_uint_eq(stats().subscriptions, 2 * HOST_SHARDS);
    ck_assert_int_eq(opened, 2 * (int)HOST_SHARDS - 2);
    ck_assert_int_eq(refused, 40 - opened);
    ck_assert(store_host_is_open(&h, link));
}
END_TEST

START_TEST(outstanding_notes_are_bounded)
{
    uint64_t members[3];
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireCreateGroup create = WIRE_CREATE_GROUP__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    limits()->notes_max = 4;
    begin();
    store_host_wait(&h, 3000);
    for (uint64_t i = 0; i < 3; i++)
        members[i] = bob + 1 + i; /* nobody: their notes are acknowledged all the same */
    nonce.device_id = 1;
    nonce.counter = 1;
    create.nonce = &nonce;
    create.name = (char *)(uintptr_t) "g";
    create.member_ids = members;
    create.n_member_ids = 3;
    frame.user_id = ann;
    frame.body_case = WIRE_LINK_FRAME__BODY_CREATE_GROUP;
    frame.create_group = &create;
    ck_assert_int_eq(store_host_ask(&h, link, &frame)->body_case, WIRE_LINK_FRAME__BODY_OPENED);
    nonce.counter = 2;
    expect_problem(store_host_ask(&h, link, &frame), PROBLEM_OF(OVERLOADED));
    store_host_wait(&h, 3000);
    ck_assert_int_eq(store_host_ask(&h, link, &frame)->body_case, WIRE_LINK_FRAME__BODY_OPENED);
    ck_assert_uint_eq(stats().lists_full, 0);
}
END_TEST

START_TEST(a_group_has_at_most_500_members)
{
    uint64_t members[CHAT_GROUP_MEMBERS_MAX];
    uint64_t group;

    begin();
    for (uint64_t i = 0; i < CHAT_GROUP_MEMBERS_MAX; i++)
        members[i] = bob + 1 + i;
    group = host_group(&h, link, ann, 1, members, CHAT_GROUP_MEMBERS_MAX - 1);
    expect_problem(host_set_member(&h, link, ann, group, bob, VIEW_SEND), PROBLEM_OF(LIMIT));
    host_set_member(&h, link, ann, group, members[0], 0);
    ck_assert_int_eq(host_set_member(&h, link, ann, group, bob, VIEW_SEND)->body_case,
                     WIRE_LINK_FRAME__BODY_MEMBER_CHANGED);
    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    expect_sent(host_send(&h, link, bob, group, 1, 0, "here"), 1);
}
END_TEST

START_TEST(a_user_lists_at_most_2000_conversations)
{
    uint64_t peer = bob;
    const WireSessionOpened *session;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireCreateGroup create = WIRE_CREATE_GROUP__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    begin();
    peer = bob;
    for (uint64_t i = 1; i < CHAT_USER_CHANNELS_MAX; i++) {
        host_direct(&h, link, ann, ++peer);
        if (i % 500 == 0)
            store_host_forget(&h);
    }
    ck_assert_uint_eq(stats().lists_full, 0);
    nonce.device_id = nonce.counter = 1;
    create.nonce = &nonce;
    create.name = (char *)(uintptr_t) "g";
    frame.user_id = ann;
    frame.body_case = WIRE_LINK_FRAME__BODY_CREATE_GROUP;
    frame.create_group = &create;
    expect_problem(store_host_ask(&h, link, &frame), PROBLEM_OF(LIMIT));
    host_direct(&h, link, ann, ++peer); /* is made, and left out of the list */
    ck_assert_uint_eq(stats().lists_full, 1);
    session = host_session(&h, link, "ann", 2);
    ck_assert_uint_eq(session->n_channels, CHAT_USER_CHANNELS_MAX);
    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    ck_assert_uint_eq(host_session(&h, link, "ann", 2)->n_channels, CHAT_USER_CHANNELS_MAX);
}
END_TEST

START_TEST(left_conversations_make_room_for_new_cursors)
{
    uint64_t group;

    begin();
    for (uint64_t i = 1; i <= 2 * CHAT_USER_CHANNELS_MAX - 1; i++)
        ck_assert_int_eq(host_mark_read(&h, link, bob, 1000 + i, 1)->body_case,
                         WIRE_LINK_FRAME__BODY_CURSOR);
    expect_problem(host_mark_read(&h, link, bob, 999, 1), PROBLEM_OF(LIMIT));
    group = host_group(&h, link, ann, 9, &bob, 1);
    ck_assert_uint_eq(host_session(&h, link, "bob", 3)->n_channels, 2);
    store_host_wait(&h, 3000);
    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    ck_assert_uint_eq(host_session(&h, link, "bob", 3)->n_channels, 2);
    (void)group;
}
END_TEST

START_TEST(a_router_that_does_not_read_is_cut_off)
{
    struct event blocked = {.kind = EVENT_LINK_BLOCKED};
    char text[1001];
    link_id slow;

    h.configs[0].link_queue_max = 100000;
    begin();
    slow = store_host_connect(&h, 0);
    host_subscribe(&h, slow, bob, channel);
    blocked.now = h.now;
    blocked.link = slow;
    machine_feed(store_machine(h.stores[0]), &blocked);
    memset(text, 'x', 1000);
    text[1000] = '\0';
    for (uint64_t i = 2; i <= 120; i++)
        expect_sent(host_send(&h, link, ann, channel, i, i - 1, text), i);
    ck_assert(!store_host_is_open(&h, slow));
    ck_assert(store_host_is_open(&h, link));
}
END_TEST

START_TEST(unknown_requests_are_unsupported)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLease lease = WIRE_LEASE__INIT;

    begin();
    frame.body_case = WIRE_LINK_FRAME__BODY_LEASE;
    frame.lease = &lease;
    expect_problem(store_host_ask(&h, link, &frame), PROBLEM_OF(UNSUPPORTED));
}
END_TEST

/* --- without memory --- */

static struct faulty_alloc memory;

static void mention_and_react(uint64_t round)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSendMessage send = WIRE_SEND_MESSAGE__INIT;
    WireReact react = WIRE_REACT__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = 0xd2;
    nonce.counter = 2 * round;
    send.channel_id = react.channel_id = channel;
    send.nonce = react.nonce = &nonce;
    send.text = (char *)(uintptr_t) "you";
    send.mention_ids = &bob;
    send.n_mention_ids = 1;
    frame.user_id = ann;
    frame.body_case = WIRE_LINK_FRAME__BODY_SEND_MESSAGE;
    frame.send_message = &send;
    store_host_send(&h, link, &frame);
    nonce.counter = 2 * round + 1;
    react.seq = 1;
    react.emoji = (char *)(uintptr_t) "+1";
    react.remove = round % 3 == 0;
    frame.body_case = WIRE_LINK_FRAME__BODY_REACT;
    frame.react = &react;
    store_host_send(&h, link, &frame);
}

/* A little of everything, whatever is answered. */
static void try_everything(uint64_t round)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireOpenSession open = WIRE_OPEN_SESSION__INIT;
    WireFetchHistory history = WIRE_FETCH_HISTORY__INIT;
    WireOpenDirect direct = WIRE_OPEN_DIRECT__INIT;
    char subject[16];

    snprintf(subject, sizeof(subject), "n%llu", (unsigned long long)round);
    open.issuer = (char *)(uintptr_t) "i";
    open.subject = open.name = subject;
    open.device_id = 1;
    frame.user_id = ann;
    frame.body_case = WIRE_LINK_FRAME__BODY_OPEN_SESSION;
    frame.open_session = &open;
    store_host_send(&h, link, &frame);
    direct.peer_id = bob + round;
    frame.body_case = WIRE_LINK_FRAME__BODY_OPEN_DIRECT;
    frame.open_direct = &direct;
    store_host_send(&h, link, &frame);
    send_as(1000 + round, "text");
    host_edit(&h, link, ann, channel, 100 + round, 1, "edited");
    host_mark_read(&h, link, ann, channel, 1 + round);
    mention_and_react(round);
    history.channel_id = channel;
    history.limit = 50;
    history.backwards = true;
    frame.body_case = WIRE_LINK_FRAME__BODY_FETCH_HISTORY;
    frame.fetch_history = &history;
    store_host_send(&h, link, &frame);
    history.around = true;
    history.start_seq = round;
    store_host_send(&h, link, &frame);
    history.message_id = round;
    store_host_send(&h, link, &frame);
}

START_TEST(any_failing_allocation_is_survived)
{
    uint64_t head;

    faulty_alloc_init(&memory);
    h.configs[0].allocator = &memory.allocator;
    begin();
    for (uint64_t round = 1; round <= 400; round++) {
        faulty_alloc_fail_after(&memory, (size_t)round / 2);
        try_everything(round);
        faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
        if (round % 10 == 0)
            store_host_wait(&h, 1500);
        if (!store_host_is_open(&h, link)) {
            store_host_wait(&h, 1500);
            link = store_host_connect(&h, 0);
        }
    }
    store_host_wait(&h, 60000);
    if (!store_host_is_open(&h, link))
        link = store_host_connect(&h, 0);
    ck_assert(store_is_ready(h.stores[0]));
    head = host_history(&h, link, ann, channel, 0, 1, true)->head->seq;
    expect_sent(host_send(&h, link, ann, channel, 100000, 0, "still here"), head + 1);
    store_host_kill(&h, 0);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

/* One of the requests that look for something that is there. */
static const WireLinkFrame *look_for_it(int which, uint64_t counter, uint64_t message_id)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFetchHistory history = WIRE_FETCH_HISTORY__INIT;
    WireFetchChanges changes = WIRE_FETCH_CHANGES__INIT;
    WireFetchUsers users = WIRE_FETCH_USERS__INIT;
    WireRange range = WIRE_RANGE__INIT, *ranges[] = {&range};

    if (which == 3)
        return host_edit(&h, link, ann, channel, counter, 1, "edited");
    frame.user_id = ann;
    history.channel_id = changes.channel_id = channel;
    history.limit = 10;
    history.message_id = message_id;
    range.from_seq = 1;
    range.to_seq = 100;
    changes.ranges = ranges;
    changes.n_ranges = 1;
    users.user_ids = &ann;
    users.n_user_ids = 1;
    frame.body_case = which == 0   ? WIRE_LINK_FRAME__BODY_FETCH_HISTORY
                      : which == 1 ? WIRE_LINK_FRAME__BODY_FETCH_CHANGES
                                   : WIRE_LINK_FRAME__BODY_FETCH_USERS;
    frame.fetch_history = which == 0 ? &history : (void *)(which == 1 ? (void *)&changes : &users);
    return store_host_ask(&h, link, &frame);
}

/* Without an answer, or with one of these, it is asked again. */
static bool is_for_later(const WireLinkFrame *answer)
{
    if (!answer)
        return true;
    return answer->body_case == WIRE_LINK_FRAME__BODY_PROBLEM &&
           (answer->problem->code == PROBLEM_OF(OVERLOADED) ||
            answer->problem->code == PROBLEM_OF(UNAVAILABLE) ||
            answer->problem->code == PROBLEM_OF(UNKNOWN_OUTCOME));
}

static void expect_found(int which, const WireLinkFrame *answer)
{
    switch (which) {
    case 0:
        ck_assert_int_eq(answer->body_case, WIRE_LINK_FRAME__BODY_HISTORY_PAGE);
        ck_assert_uint_eq(answer->history_page->n_messages, 10);
        break;
    case 1:
        ck_assert_int_eq(answer->body_case, WIRE_LINK_FRAME__BODY_CHANGES_PAGE);
        ck_assert_uint_eq(answer->changes_page->n_messages, 5);
        break;
    case 2:
        ck_assert_int_eq(answer->body_case, WIRE_LINK_FRAME__BODY_USERS);
        ck_assert_uint_eq(answer->users->n_users, 1);
        break;
    default: ck_assert_int_eq(answer->body_case, WIRE_LINK_FRAME__BODY_ALTERED);
    }
}

START_TEST(without_memory_nothing_that_is_there_is_told_to_be_missing)
{
    uint64_t message_id;
    size_t allowed = 0;
    char text[4000];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    faulty_alloc_init(&memory);
    h.configs[0].allocator = &memory.allocator;
    begin();
    for (uint64_t i = 2; i <= 40; i++)
        expect_sent(host_send(&h, link, ann, channel, i, 0, text), i);
    for (uint64_t i = 1; i <= 5; i++)
        (void)host_edit(&h, link, ann, channel, 100 + i, 10 * i - 9 < 40 ? 10 * i - 9 : 40, text);
    message_id = host_history(&h, link, ann, channel, 20, 1, false)->messages[0]->message_id;
    store_host_wait(&h, 5000); /* rows */
    for (; allowed == 0 || memory.failed; allowed++) {
        const WireLinkFrame *answer;

        store_host_kill(&h, 0);
        store_host_start(&h, 0);
        link = store_host_connect(&h, 0);
        faulty_alloc_fail_at(&memory, allowed, false);
        answer = look_for_it(_i, 1000 + allowed, message_id);
        faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
        if (!is_for_later(answer))
            expect_found(_i, answer);
        store_host_wait(&h, 5000);
        ck_assert(store_is_ready(h.stores[0]));
        store_host_forget(&h);
    }
    ck_assert_uint_gt(allowed, 5);
    store_host_kill(&h, 0);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_limits");
    TCase *cases = tcase_create("limits");

    tcase_set_timeout(cases, 120);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_configuration_out_of_bounds_is_refused);
    tcase_add_test(cases, the_queue_of_decisions_is_bounded);
    tcase_add_test(cases, an_applier_that_falls_behind_becomes_backpressure);
    tcase_add_test(cases, requests_waiting_for_one_thing_are_bounded);
    tcase_add_test(cases, reads_at_the_engine_are_bounded);
    tcase_add_test(cases, subscriptions_are_bounded);
    tcase_add_test(cases, outstanding_notes_are_bounded);
    tcase_add_test(cases, a_group_has_at_most_500_members);
    tcase_add_test(cases, a_user_lists_at_most_2000_conversations);
    tcase_add_test(cases, left_conversations_make_room_for_new_cursors);
    tcase_add_test(cases, a_router_that_does_not_read_is_cut_off);
    tcase_add_test(cases, unknown_requests_are_unsupported);
    tcase_add_test(cases, any_failing_allocation_is_survived);
    tcase_add_loop_test(cases, without_memory_nothing_that_is_there_is_told_to_be_missing, 0, 4);
    suite_add_tcase(suite, cases);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
