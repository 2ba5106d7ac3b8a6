/* What survives: crashes, failed syncs, full disks, other owners. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/engine_rows.h"
#include "store_host.h"

static struct store_host h;
static link_id link;
static uint64_t ann, bob, channel;

static void setup(void)
{
    store_host_init(&h, 1);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    ann = host_user(&h, link, "ann");
    bob = host_user(&h, link, "bob");
    channel = host_direct(&h, link, ann, bob);
}

static void teardown(void) { store_host_fini(&h); }

static void crash(void)
{
    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    ck_assert(store_is_ready(h.stores[0]));
    link = store_host_connect(&h, 0);
}

static struct store_stats stats(void)
{
    struct store_stats out;

    store_get_stats(h.stores[0], &out);
    return out;
}

START_TEST(acknowledged_messages_and_nonces_survive_a_crash)
{
    uint64_t last_id = 0, sent_id;

    for (uint64_t i = 1; i <= 50; i++)
        last_id = expect_sent(host_send(&h, link, ann, channel, i, i - 1, "x"), i)->message_id;
    crash();
    ck_assert_uint_gt(stats().replayed, 50);
    ck_assert_uint_eq(host_history(&h, link, bob, channel, 0, 200, true)->n_messages, 50);
    ck_assert_uint_eq(expect_sent(host_send(&h, link, ann, channel, 50, 49, "x"), 50)->message_id,
                      last_id);
    expect_problem(host_send(&h, link, ann, channel, 60, 59, "x"), PROBLEM_OF(OUT_OF_ORDER));
    sent_id = expect_sent(host_send(&h, link, ann, channel, 51, 50, "x"), 51)->message_id;
    ck_assert_uint_gt(sent_id, last_id);
    ck_assert_uint_eq(host_user(&h, link, "ann"), ann);
    ck_assert_uint_eq(host_direct(&h, link, bob, ann), channel);
}
END_TEST

START_TEST(what_was_not_synced_is_gone_and_comes_again)
{
    expect_sent(host_send(&h, link, ann, channel, 1, 0, "x"), 1);
    h.hold[ENGINE_APPEND] = true;
    ck_assert_ptr_null(host_send(&h, link, ann, channel, 2, 1, "y"));
    h.hold[ENGINE_APPEND] = false;
    crash();
    ck_assert_uint_eq(host_history(&h, link, bob, channel, 0, 10, true)->head->seq, 1);
    expect_sent(host_send(&h, link, ann, channel, 2, 1, "y"), 2);
}
END_TEST

START_TEST(ids_rise_although_the_clock_steps_back)
{
    uint64_t last_id = expect_sent(host_send(&h, link, ann, channel, 1, 0, "x"), 1)->message_id;

    h.now.wall_ms -= 86400000;
    ck_assert_uint_gt(expect_sent(host_send(&h, link, ann, channel, 2, 1, "x"), 2)->message_id,
                      last_id);
    last_id = expect_sent(host_send(&h, link, ann, channel, 3, 2, "x"), 3)->message_id;
    store_host_stop(&h, 0);
    h.now.wall_ms -= 86400000;
    crash();
    ck_assert_uint_gt(expect_sent(host_send(&h, link, ann, channel, 4, 3, "x"), 4)->message_id,
                      last_id);
}
END_TEST

/* --- the same rows, applied or replayed --- */

struct dump {
    struct arena arena;
    struct engine_result tables[TABLE_MAX + 1];
};

static void dump_rows(struct store_host *host, uint32_t shard, struct dump *out)
{
    struct store_engine *engine = engine_memory_new(host->cluster, NULL);
    struct engine_query queries[TABLE_MAX];
    struct engine_request request = {.op = ENGINE_OPEN, .shard = shard};

    arena_init(&out->arena, NULL, 64u << 20);
    engine->ops->execute(engine, &request);
    ck_assert_int_eq(request.status, CHAT_OK);
    ck_assert_uint_eq(request.open.applied_position, request.open.synced_position);
    for (uint32_t t = 1; t <= TABLE_MAX; t++)
        queries[t - 1] = (struct engine_query){
            .table = t, .to = {UINT64_MAX, UINT64_MAX, UINT64_MAX}, .limit = 100000};
    request = (struct engine_request){.op = ENGINE_READ, .shard = shard, .arena = &out->arena};
    request.read.queries = queries;
    request.read.count = TABLE_MAX;
    engine->ops->execute(engine, &request);
    ck_assert_int_eq(request.status, CHAT_OK);
    for (uint32_t t = 1; t <= TABLE_MAX; t++)
        out->tables[t] = request.read.results[t - 1];
    engine->ops->free(engine);
}

static size_t compare_rows(struct store_host *a, struct store_host *b)
{
    size_t rows = 0;

    for (uint32_t shard = 0; shard < HOST_SHARDS; shard++) {
        struct dump x, y;

        dump_rows(a, shard, &x);
        dump_rows(b, shard, &y);
        for (uint32_t t = 1; t <= TABLE_MAX; t++) {
            ck_assert_msg(x.tables[t].count == y.tables[t].count, "table %u: %zu and %zu rows", t,
                          x.tables[t].count, y.tables[t].count);
            for (size_t i = 0; i < x.tables[t].count; i++) {
                const struct engine_row *p = &x.tables[t].rows[i], *q = &y.tables[t].rows[i];

                ck_assert_int_eq(engine_key_compare(t, &p->key, t, &q->key), 0);
                ck_assert_msg(p->value_len == q->value_len &&
                                  memcmp(p->value, q->value, p->value_len) == 0,
                              "table %u: row %zu differs", t, i);
            }
            rows += x.tables[t].count;
        }
        arena_fini(&x.arena);
        arena_fini(&y.arena);
    }
    return rows;
}

static void live(struct store_host *host, link_id on)
{
    uint64_t a = host_user(host, on, "a"), b = host_user(host, on, "b"), c, group, direct;

    c = host_user(host, on, "c");
    direct = host_direct(host, on, a, b);
    group = host_group(host, on, a, 1, &b, 1);
    host_set_member(host, on, a, group, c, VIEW_SEND);
    for (uint64_t i = 1; i <= 80; i++) {
        expect_sent(host_send(host, on, a, direct, i, i - 1, "direct"), i);
        expect_sent(host_send(host, on, i % 2 ? b : c, group, 1000 + i, 0, "group"), i);
    }
    host_edit(host, on, a, direct, 100, 3, "edited");
    host_edit(host, on, a, direct, 101, 3, "edited again");
    host_delete(host, on, a, group, 102, 7);
    host_mark_read(host, on, b, direct, 9);
    host_set_member(host, on, b, group, b, 0);
}

START_TEST(replay_makes_the_same_rows_as_applying)
{
    static struct store_host other;

    /* Everything in one apply at the end, or by replay of the log after a crash. */
    store_host_stop(&h, 0);
    store_host_init(&other, 1);
    store_host_start(&other, 0);
    live(&other, store_host_connect(&other, 0));
    store_host_stop(&other, 0);

    store_host_fini(&h);
    store_host_init(&h, 1);
    h.configs[0].limits.replay_bytes = 1500; /* many pages */
    h.hold[ENGINE_APPLY] = false;
    store_host_start(&h, 0);
    live(&h, store_host_connect(&h, 0));
    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    ck_assert_uint_gt(stats().replayed, 160);
    store_host_stop(&h, 0);

    ck_assert_uint_gt(compare_rows(&h, &other), 200);
    store_host_fini(&other);
}
END_TEST

/* --- failures of the log --- */

START_TEST(a_failed_sync_is_never_acknowledged_and_recovery_finds_out)
{
    const bool done = _i == 1;

    expect_sent(host_send(&h, link, ann, channel, 1, 0, "x"), 1);
    store_host_fail_next(&h, 0, ENGINE_APPEND, CHAT_E_IO, done);
    expect_problem(host_send(&h, link, ann, channel, 2, 1, "y"), PROBLEM_OF(UNKNOWN_OUTCOME));
    ck_assert(!store_host_is_open(&h, link));
    ck_assert(!store_is_ready(h.stores[0]));
    store_host_wait(&h, 600);
    ck_assert(store_is_ready(h.stores[0]));

    link = store_host_connect(&h, 0);
    ck_assert_uint_eq(host_history(&h, link, bob, channel, 0, 10, true)->head->seq, done ? 2 : 1);
    expect_sent(host_send(&h, link, ann, channel, 2, 1, "y"), 2);
    expect_sent(host_send(&h, link, ann, channel, 3, 2, "z"), 3);
}
END_TEST

START_TEST(requests_in_between_are_unavailable)
{
    link_id next;

    store_host_fail_next(&h, 0, ENGINE_APPEND, CHAT_E_IO, false);
    expect_problem(host_send(&h, link, ann, channel, 1, 0, "y"), PROBLEM_OF(UNKNOWN_OUTCOME));
    next = store_host_connect(&h, 0);
    expect_problem(host_send(&h, next, ann, channel, 1, 0, "y"), PROBLEM_OF(UNAVAILABLE));
    store_host_wait(&h, 600);
    expect_sent(host_send(&h, next, ann, channel, 1, 0, "y"), 1);
}
END_TEST

START_TEST(another_owner_fences_the_shard_for_good)
{
    link_id next;

    expect_sent(host_send(&h, link, ann, channel, 1, 0, "x"), 1);
    store_host_fail_next(&h, 0, ENGINE_APPEND, CHAT_E_CONFLICT, false);
    expect_problem(host_send(&h, link, ann, channel, 2, 1, "y"), PROBLEM_OF(UNAVAILABLE));
    store_host_wait(&h, 60000);
    next = store_host_connect(&h, 0);
    expect_problem(host_send(&h, next, ann, channel, 2, 1, "y"), PROBLEM_OF(WRONG_SHARD));
    ck_assert_uint_eq(stats().shards_fenced, 1);
    ck_assert_uint_eq(stats().shards_serving, HOST_SHARDS - 1);
}
END_TEST

START_TEST(an_append_at_work_outlives_the_shard_that_gave_up)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSendMessage send = WIRE_SEND_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;
    uint64_t id;

    expect_sent(host_send(&h, link, ann, channel, 1, 0, "x"), 1);
    h.hold[ENGINE_APPEND] = h.hold[ENGINE_APPLY] = true;
    store_host_wait(&h, 1200);
    nonce.device_id = HOST_DEVICE;
    nonce.counter = 2;
    send.channel_id = channel;
    send.nonce = &nonce;
    send.text = (char *)(uintptr_t) "y";
    frame.user_id = ann;
    frame.body_case = WIRE_LINK_FRAME__BODY_SEND_MESSAGE;
    frame.send_message = &send;
    id = store_host_send(&h, link, &frame);
    ck_assert_uint_ge(store_host_count_held(&h, ENGINE_APPLY), 1);
    while (store_host_count_held(&h, ENGINE_APPLY) > 0)
        store_host_release_one(&h, ENGINE_APPLY, CHAT_E_IO);
    /* Its link went with the first shard that gave up: that says as much. */
    ck_assert(!store_host_is_open(&h, link));
    if (store_host_answer(&h, link, id))
        expect_problem(store_host_answer(&h, link, id), PROBLEM_OF(UNKNOWN_OUTCOME));
    h.hold[ENGINE_APPLY] = false;
    store_host_release(&h, ENGINE_APPEND); /* reads what was decided, and succeeds */
    store_host_wait(&h, 2000);

    link = store_host_connect(&h, 0);
    expect_sent(host_send(&h, link, ann, channel, 2, 0, "y"), 2);
    ck_assert_uint_eq(host_history(&h, link, ann, channel, 0, 10, true)->head->seq, 2);
}
END_TEST

/* Two stores that both take all shards; the first one is started, and a router with it. */
static link_id begin_two(struct store_host *two)
{
    store_host_init(two, 2);
    for (uint32_t i = 0; i < 2; i++) {
        two->configs[i].peer_count = 0;
        two->configs[i].shards_held = HOST_SHARDS;
        for (uint32_t k = 0; k < HOST_SHARDS; k++)
            two->shards[i][k] = k;
    }
    store_host_start(two, 0);
    return store_host_connect(two, 0);
}

START_TEST(of_two_owners_one_goes_on)
{
    static struct store_host two;
    link_id links[2];
    uint64_t a, b, direct;

    links[0] = begin_two(&two);
    a = host_user(&two, links[0], "a");
    b = host_user(&two, links[0], "b");
    direct = host_direct(&two, links[0], a, b);
    store_host_start(&two, 1);
    links[1] = store_host_connect(&two, 1);
    expect_sent(host_send(&two, links[1], a, direct, 1, 0, "new owner"), 1);
    expect_problem(host_send(&two, links[0], a, direct, 2, 0, "old owner"),
                   PROBLEM_OF(UNAVAILABLE));
    ck_assert_uint_eq(host_history(&two, links[1], b, direct, 0, 10, true)->head->seq, 1);
    store_host_fini(&two);
}
END_TEST

/* He knows the members as they were; the pages would be as they are. */
START_TEST(an_owner_who_is_behind_shows_no_page_of_what_another_decided)
{
    static struct store_host two;
    link_id links[2];
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFetchHistory fetch = WIRE_FETCH_HISTORY__INIT;
    uint64_t a, b, group;

    links[0] = begin_two(&two);
    a = host_user(&two, links[0], "a");
    b = host_user(&two, links[0], "b");
    group = host_group(&two, links[0], a, 1, &b, 1);
    store_host_wait(&two, 5000);
    store_host_start(&two, 1);
    links[1] = store_host_connect(&two, 1);
    ck_assert_uint_eq(host_history(&two, links[1], b, group, 0, 10, true)->n_messages, 0);

    (void)host_set_member(&two, links[0], a, group, b, 0);
    expect_sent(host_send(&two, links[0], a, group, 2, 0, "not for b"), 1);
    store_host_wait(&two, 5000);
    fetch.channel_id = group;
    fetch.limit = 10;
    fetch.backwards = true;
    frame.user_id = b;
    frame.body_case = WIRE_LINK_FRAME__BODY_FETCH_HISTORY;
    frame.fetch_history = &fetch;
    expect_problem(store_host_ask(&two, links[1], &frame), PROBLEM_OF(UNAVAILABLE));
    expect_sent(host_send(&two, links[0], a, group, 3, 2, "we go on"), 2);
    store_host_fini(&two);
}
END_TEST

/* --- full --- */

START_TEST(a_full_disk_refuses_everything_that_was_decided_and_undoes_it)
{
    WireLinkFrame frames[5];
    WireLinkFrame *list[5];
    WireSendMessage send = WIRE_SEND_MESSAGE__INIT;
    WireEditMessage edit = WIRE_EDIT_MESSAGE__INIT;
    WireSetMember set = WIRE_SET_MEMBER__INIT;
    WireCreateGroup create = WIRE_CREATE_GROUP__INIT;
    WireMarkRead mark = WIRE_MARK_READ__INIT;
    WireNonce nonces[3] = {WIRE_NONCE__INIT, WIRE_NONCE__INIT, WIRE_NONCE__INIT};
    uint64_t group = host_group(&h, link, ann, 1, &bob, 1);

    expect_sent(host_send(&h, link, ann, group, 10, 0, "one"), 1);
    for (size_t i = 0; i < 5; i++) {
        wire_link_frame__init(&frames[i]);
        frames[i].user_id = ann;
        list[i] = &frames[i];
    }
    for (size_t i = 0; i < 3; i++) {
        nonces[i].device_id = HOST_DEVICE;
        nonces[i].counter = 11 + i;
        nonces[i].after = i < 2 ? 10 + i : 0;
    }
    send.channel_id = edit.channel_id = mark.channel_id = set.home_id = group;
    send.nonce = &nonces[0];
    edit.nonce = &nonces[1];
    create.nonce = &nonces[2];
    send.text = edit.text = create.name = (char *)(uintptr_t) "text";
    edit.seq = 1;
    set.user_id = bob;
    mark.seq = 1;
    frames[0].body_case = WIRE_LINK_FRAME__BODY_SEND_MESSAGE;
    frames[0].send_message = &send;
    frames[1].body_case = WIRE_LINK_FRAME__BODY_EDIT_MESSAGE;
    frames[1].edit_message = &edit;
    frames[2].body_case = WIRE_LINK_FRAME__BODY_SET_MEMBER;
    frames[2].set_member = &set;
    frames[3].body_case = WIRE_LINK_FRAME__BODY_CREATE_GROUP;
    frames[3].create_group = &create;
    frames[4].body_case = WIRE_LINK_FRAME__BODY_MARK_READ;
    frames[4].mark_read = &mark;
    h.hold[ENGINE_APPEND] = true;
    store_host_send_all(&h, link, list, 5);
    while (store_host_release_one(&h, ENGINE_APPEND, CHAT_E_FULL))
        ;
    for (size_t i = 0; i < 5; i++)
        expect_problem(store_host_answer(&h, link, frames[i].request_id), PROBLEM_OF(STORAGE_FULL));
    h.hold[ENGINE_APPEND] = false;

    /* As if nothing had been asked. */
    ck_assert(store_host_is_open(&h, link));
    ck_assert_uint_eq(host_history(&h, link, bob, group, 0, 10, true)->head->seq, 1);
    ck_assert_uint_eq(host_history(&h, link, bob, group, 0, 10, true)->head->rev, 0);
    store_host_send_all(&h, link, list, 5);
    ck_assert_uint_eq(store_host_answer(&h, link, frames[0].request_id)->sent->seq, 2);
    ck_assert_uint_eq(store_host_answer(&h, link, frames[1].request_id)->altered->rev, 1);
    ck_assert_int_eq(store_host_answer(&h, link, frames[2].request_id)->body_case,
                     WIRE_LINK_FRAME__BODY_MEMBER_CHANGED);
    ck_assert(store_host_answer(&h, link, frames[3].request_id)->opened->created);
    ck_assert_uint_eq(store_host_answer(&h, link, frames[4].request_id)->cursor->read_seq, 1);
    crash();
    expect_problem(host_send(&h, link, bob, group, 1, 0, "gone"), PROBLEM_OF(FORBIDDEN));
}
END_TEST

START_TEST(a_subscription_refused_with_its_batch_does_not_begin)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSubscribe subscribe = WIRE_SUBSCRIBE__INIT;
    uint64_t id;

    expect_sent(host_send(&h, link, ann, channel, 1, 0, "one"), 1);
    h.hold[ENGINE_APPEND] = true;
    ck_assert_ptr_null(host_send(&h, link, ann, channel, 2, 1, "two"));
    subscribe.home_id = channel;
    subscribe.user_id = ann;
    frame.body_case = WIRE_LINK_FRAME__BODY_SUBSCRIBE;
    frame.subscribe = &subscribe;
    id = store_host_send(&h, link, &frame);
    store_host_release_one(&h, ENGINE_APPEND, CHAT_E_FULL);
    h.hold[ENGINE_APPEND] = false;

    expect_problem(store_host_answer(&h, link, id), PROBLEM_OF(STORAGE_FULL));
    expect_sent(host_send(&h, link, ann, channel, 2, 1, "two"), 2);
    ck_assert_uint_eq(store_host_count_publications(&h, link, channel), 0);
}
END_TEST

START_TEST(a_log_full_for_lack_of_applying_recovers_by_itself)
{
    uint64_t sent = 0;

    engine_memory_cluster_set_log_max(h.cluster, 20000);
    for (uint64_t i = 1; i <= 2000; i++) {
        const WireLinkFrame *answer =
            host_send(&h, link, ann, channel, i, 0, "some text to fill it with");

        ck_assert_ptr_nonnull(answer);
        if (answer->body_case == WIRE_LINK_FRAME__BODY_SENT)
            sent++;
        else
            ck_assert_int_eq(answer->body_case, WIRE_LINK_FRAME__BODY_PROBLEM);
    }
    ck_assert_uint_gt(sent, 1900);
    ck_assert_uint_eq(host_history(&h, link, ann, channel, 0, 1, true)->head->seq, sent);
}
END_TEST

START_TEST(an_apply_that_finds_no_room_is_tried_again)
{
    expect_sent(host_send(&h, link, ann, channel, 1, 0, "x"), 1);
    store_host_fail_next(&h, 0, ENGINE_APPLY, CHAT_E_FULL, false);
    store_host_wait(&h, 5000);
    ck_assert_uint_ge(stats().apply_failures, 1);
    ck_assert_uint_eq(stats().unapplied_records, 0);
    ck_assert_uint_eq(host_history(&h, link, bob, channel, 0, 10, true)->n_messages, 1);
}
END_TEST

START_TEST(an_apply_or_read_that_fails_reopens_the_shard)
{
    const enum engine_op op = _i == 0 ? ENGINE_APPLY : ENGINE_READ;

    expect_sent(host_send(&h, link, ann, channel, 1, 0, "x"), 1);
    if (op == ENGINE_READ)
        store_host_wait(&h, 3000);
    store_host_fail_next(&h, 0, op, CHAT_E_IO, false);
    if (op == ENGINE_READ) {
        /* One more user: a key that is not known yet. */
        WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
        WireFindUserIn find = WIRE_FIND_USER_IN__INIT;

        find.issuer = (char *)(uintptr_t) "i";
        find.subject = (char *)(uintptr_t) "nobody";
        frame.body_case = WIRE_LINK_FRAME__BODY_FIND_USER;
        frame.find_user = &find;
        store_host_send(&h, link, &frame);
    }
    store_host_wait(&h, 5000);
    ck_assert_uint_eq(stats().reopened, 1);
    ck_assert(store_is_ready(h.stores[0]));
    link = store_host_connect(&h, 0);
    expect_sent(host_send(&h, link, ann, channel, 2, 1, "y"), 2);
}
END_TEST

/* --- opening and stopping --- */

START_TEST(a_stop_answers_what_was_decided_and_leaves_nothing_to_replay)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSendMessage send = WIRE_SEND_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;
    struct event stop = {.kind = EVENT_STOP};
    uint64_t id;

    expect_sent(host_send(&h, link, ann, channel, 1, 0, "x"), 1);
    nonce.device_id = HOST_DEVICE;
    nonce.counter = 2;
    send.channel_id = channel;
    send.nonce = &nonce;
    send.text = (char *)(uintptr_t) "last words";
    frame.user_id = ann;
    frame.body_case = WIRE_LINK_FRAME__BODY_SEND_MESSAGE;
    frame.send_message = &send;
    h.hold[ENGINE_APPEND] = true;
    id = store_host_send(&h, link, &frame);
    stop.now = h.now;
    machine_feed(store_machine(h.stores[0]), &stop);
    store_host_run(&h);
    ck_assert_ptr_null(store_host_answer(&h, link, id));
    expect_problem(host_send(&h, link, ann, channel, 3, 2, "late"), PROBLEM_OF(UNAVAILABLE));
    ck_assert(!h.stopped[0]);
    store_host_release(&h, ENGINE_APPEND);

    expect_sent(store_host_answer(&h, link, id), 2);
    ck_assert(h.stopped[0]);
    crash();
    ck_assert_uint_eq(stats().replayed, 0);
    ck_assert_uint_eq(host_history(&h, link, bob, channel, 0, 10, true)->head->seq, 2);
}
END_TEST

START_TEST(data_of_another_deployment_is_refused)
{
    store_host_kill(&h, 0);
    if (_i == 0)
        h.configs[0].service_id = 1234;
    else
        h.configs[0].shard_count = HOST_SHARDS * 2;
    store_host_start(&h, 0);
    ck_assert(!store_is_ready(h.stores[0]));
    ck_assert_uint_eq(stats().shards_refused, HOST_SHARDS);
    store_host_wait(&h, 60000);
    ck_assert_uint_eq(stats().shards_refused, HOST_SHARDS);
}
END_TEST

START_TEST(without_a_service_id_the_data_says_or_a_random_one_is_taken)
{
    static struct store_host fresh;
    uint64_t id;

    store_host_kill(&h, 0);
    h.configs[0].service_id = 0;
    store_host_start(&h, 0);
    ck_assert(store_is_ready(h.stores[0]));
    ck_assert_uint_eq(store_get_service_id(h.stores[0]), 99);

    store_host_init(&fresh, 1);
    fresh.configs[0].service_id = 0;
    store_host_start(&fresh, 0);
    id = store_get_service_id(fresh.stores[0]);
    ck_assert_uint_ne(id, 0);
    store_host_kill(&fresh, 0);
    fresh.configs[0].seed++;
    store_host_start(&fresh, 0);
    ck_assert_uint_eq(store_get_service_id(fresh.stores[0]), id);
    store_host_fini(&fresh);
}
END_TEST

START_TEST(a_shard_that_cannot_open_is_tried_again)
{
    store_host_kill(&h, 0);
    h.hold[ENGINE_OPEN] = true;
    store_host_start(&h, 0);
    for (int i = 0; i < (int)HOST_SHARDS; i++)
        store_host_release_one(&h, ENGINE_OPEN, i == 0 ? CHAT_E_CONFLICT : CHAT_E_UNAVAILABLE);
    h.hold[ENGINE_OPEN] = false;
    ck_assert(!store_is_ready(h.stores[0]));
    store_host_wait(&h, 1000);
    ck_assert(store_is_ready(h.stores[0]));
}
END_TEST

/* --- more rings than are kept --- */

/* Rings that are not applied cannot go: for a moment there is no room for another. */
static const WireSent *send_until_taken(uint64_t user, uint64_t channel_id, uint64_t counter,
                                        const char *text)
{
    const WireLinkFrame *answer = NULL;

    for (int i = 0; i < 10; i++) {
        answer = host_send(&h, link, user, channel_id, counter, counter - 1, text);
        ck_assert_ptr_nonnull(answer);
        if (answer->body_case == WIRE_LINK_FRAME__BODY_SENT)
            break;
        expect_problem(answer, PROBLEM_OF(OVERLOADED));
        store_host_wait(&h, 1);
    }
    ck_assert_int_eq(answer->body_case, WIRE_LINK_FRAME__BODY_SENT);
    return answer->sent;
}

#define MANY 24u
#define MANY_MESSAGES 400u

/* A page of the log goes on with rings that the page before had, and then brings others that
 * want their room. */
START_TEST(a_log_of_more_rings_than_are_kept_replays_every_nonce)
{
    uint64_t users[MANY], counters[MANY] = {0}, ids[MANY] = {0}, group, dice = 1;
    char subject[16];

    for (size_t i = 0; i < MANY; i++) {
        snprintf(subject, sizeof(subject), "user%zu", i);
        users[i] = host_user(&h, link, subject);
    }
    group = host_group(&h, link, ann, 1, users, MANY);
    store_host_wait(&h, 3000);
    h.hold[ENGINE_APPLY] = true;
    for (uint64_t seq = 1; seq <= MANY_MESSAGES; seq++) {
        size_t i = (dice = dice * 48271 % 2147483647) % MANY;

        counters[i]++;
        ids[i] =
            expect_sent(host_send(&h, link, users[i], group, counters[i], counters[i] - 1, "again"),
                        seq)
                ->message_id;
    }
    h.hold[ENGINE_APPLY] = false;
    h.configs[0].limits.rings_max = 6;
    h.configs[0].limits.replay_bytes = 600;
    crash();
    ck_assert_uint_ge(stats().replayed, MANY_MESSAGES);
    for (size_t i = 0; i < MANY; i++)
        ck_assert_uint_eq(send_until_taken(users[i], group, counters[i], "again")->message_id,
                          ids[i]);
}
END_TEST

/* --- forgetting and loading again --- */

START_TEST(evicted_homes_rings_and_keys_come_back_as_they_were)
{
    uint64_t users[12], directs[11];
    char subject[16];

    store_host_kill(&h, 0);
    h.configs[0].limits.homes_max = 3;
    h.configs[0].limits.rings_max = 3;
    h.configs[0].limits.directory_max = 3;
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    for (int i = 0; i < 12; i++) {
        snprintf(subject, sizeof(subject), "user%d", i);
        users[i] = host_user(&h, link, subject);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 11; i++) {
            directs[i] = host_direct(&h, link, users[i], users[i + 1]);
            ck_assert_uint_eq(
                send_until_taken(users[i], directs[i], (uint64_t)round + 1, "again")->seq,
                (uint64_t)round + 1);
            if (i == 5)
                store_host_wait(&h, 3000);
        }
    }
    for (int i = 0; i < 11; i++)
        ck_assert_uint_eq(send_until_taken(users[i], directs[i], 3, "again")->seq, 3);
    ck_assert_uint_gt(stats().home_evictions, 0);
    ck_assert_uint_gt(stats().ring_evictions, 0);
    ck_assert_uint_le(stats().homes, 3 * HOST_SHARDS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_recovery");
    TCase *cases = tcase_create("recovery");

    tcase_set_timeout(cases, 60);
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, acknowledged_messages_and_nonces_survive_a_crash);
    tcase_add_test(cases, what_was_not_synced_is_gone_and_comes_again);
    tcase_add_test(cases, ids_rise_although_the_clock_steps_back);
    tcase_add_test(cases, replay_makes_the_same_rows_as_applying);
    tcase_add_loop_test(cases, a_failed_sync_is_never_acknowledged_and_recovery_finds_out, 0, 2);
    tcase_add_test(cases, requests_in_between_are_unavailable);
    tcase_add_test(cases, another_owner_fences_the_shard_for_good);
    tcase_add_test(cases, an_append_at_work_outlives_the_shard_that_gave_up);
    tcase_add_test(cases, of_two_owners_one_goes_on);
    tcase_add_test(cases, an_owner_who_is_behind_shows_no_page_of_what_another_decided);
    tcase_add_test(cases, a_full_disk_refuses_everything_that_was_decided_and_undoes_it);
    tcase_add_test(cases, a_subscription_refused_with_its_batch_does_not_begin);
    tcase_add_test(cases, a_log_full_for_lack_of_applying_recovers_by_itself);
    tcase_add_test(cases, an_apply_that_finds_no_room_is_tried_again);
    tcase_add_loop_test(cases, an_apply_or_read_that_fails_reopens_the_shard, 0, 2);
    tcase_add_test(cases, a_stop_answers_what_was_decided_and_leaves_nothing_to_replay);
    tcase_add_loop_test(cases, data_of_another_deployment_is_refused, 0, 2);
    tcase_add_test(cases, without_a_service_id_the_data_says_or_a_random_one_is_taken);
    tcase_add_test(cases, a_shard_that_cannot_open_is_tried_again);
    tcase_add_test(cases, a_log_of_more_rings_than_are_kept_replays_every_nonce);
    tcase_add_test(cases, evicted_homes_rings_and_keys_come_back_as_they_were);
    suite_add_tcase(suite, cases);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
