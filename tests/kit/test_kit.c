/* What the kit itself promises: its time, its chance, its people, its limits, its errors. */
#include <stdio.h>
#include <stdlib.h>

#include "../support/faulty_alloc.h"
#include "kit_app.h"

static chat_testkit *kit;
static struct app app;
static uint64_t channel;

static void setup(void)
{
    kit = new_kit(5);
    app_init(&app, kit, "phone", "alice", "alice.db");
}

static void teardown(void)
{
    app_close(&app);
    chat_testkit_free(kit);
}

static void go_live(void)
{
    app_open(&app);
    app_live(&app);
    ck_assert_int_eq(chat_testkit_open_direct(kit, "bob", "alice", &channel), CHAT_OK);
    app.channel = channel;
}

/* --- time --- */

START_TEST(time_stands_still_until_somebody_lets_it_pass)
{
    int64_t before;

    go_live();
    before = chat_testkit_get_time_ms(kit);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(chat_loop_step(app.loop, 0), CHAT_OK);
    ck_assert_int_eq(chat_testkit_get_time_ms(kit), before);
    ck_assert_int_eq(chat_testkit_advance(kit, 1234), CHAT_OK);
    ck_assert_int_eq(chat_testkit_get_time_ms(kit), before + 1234);
}
END_TEST

START_TEST(a_step_that_waits_moves_time_to_what_comes_next_for_its_loop)
{
    int64_t before;

    go_live();
    ck_assert_int_eq(chat_testkit_device_attach(app.device, NULL, NULL, NULL), CHAT_OK);
    before = chat_testkit_get_time_ms(kit);
    app_send(&app, channel, "the answer takes two milliseconds and some");
    while (chat_conn_get_outgoing_count(app.conn) > 0) {
        ck_assert_int_eq(chat_loop_step(app.loop, 1000), CHAT_OK);
        app_pull(&app);
        ck_assert_int_le(chat_testkit_get_time_ms(kit), before + 100);
    }
    before = chat_testkit_get_time_ms(kit);
    ck_assert_int_eq(chat_loop_step(app.loop, 50), CHAT_OK); /* nothing comes */
    app_pull(&app);
    ck_assert_int_ge(chat_testkit_get_time_ms(kit), before);
    ck_assert_int_le(chat_testkit_get_time_ms(kit), before + 50);
}
END_TEST

/* 60 frames a second, each with a step that does not wait. */
START_TEST(a_game_loop_gets_its_news_frame_by_frame)
{
    const int64_t before = chat_testkit_get_time_ms(kit);
    int frames = 0;

    app_open(&app);
    ck_assert_int_eq(chat_testkit_device_attach(app.device, NULL, NULL, NULL), CHAT_OK);
    for (; chat_conn_get_state(app.conn) != CHAT_CONN_LIVE && frames < 60; frames++) {
        ck_assert_int_eq(chat_testkit_advance(kit, 16), CHAT_OK);
        ck_assert_int_eq(chat_loop_step(app.loop, 0), CHAT_OK);
        app_pull(&app);
    }
    ck_assert_int_eq(chat_conn_get_state(app.conn), CHAT_CONN_LIVE);
    ck_assert_int_eq(chat_testkit_get_time_ms(kit), before + frames * 16);
}
END_TEST

START_TEST(a_step_without_a_limit_ends_all_the_same)
{
    app_open(&app);
    ck_assert_int_eq(chat_testkit_device_attach(app.device, NULL, NULL, NULL), CHAT_OK);
    chat_conn_stop(app.conn);
    ck_assert_int_eq(chat_loop_step(app.loop, -1), CHAT_OK);
    ck_assert_int_eq(chat_loop_step(app.loop, -1), CHAT_OK);
    ck_assert_int_le(chat_testkit_get_time_ms(kit), 3 * CHAT_TESTKIT_WAIT_MAX_MS);
}
END_TEST

START_TEST(idle_is_when_nothing_is_under_way)
{
    go_live();
    ck_assert_int_eq(chat_testkit_set_delay(kit, app.device, 5000), CHAT_OK);
    app_send(&app, channel, "far");
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
    ck_assert_uint_eq(app.done, 1);

    ck_assert_int_eq(chat_testkit_stall_links(kit, app.device, CHAT_TESTKIT_IDLE_MAX_MS * 2),
                     CHAT_OK);
    app_send(&app, channel, "stuck");
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_E_TIMEOUT);
}
END_TEST

/* Looks at live views in each turn, whether there is news or not. */
struct viewer {
    chat_view *list, *window;
    uint32_t turns;
};

static void look_at_views(chat_loop *loop, void *user)
{
    struct viewer *viewer = user;
    struct chat_diff diff = CHAT_DIFF_INIT;

    (void)loop;
    viewer->turns++;
    app_pull(&app);
    while (chat_view_next_diff(viewer->list, &diff))
        ;
    while (chat_view_next_diff(viewer->window, &diff))
        ;
}

START_TEST(who_looks_at_views_in_each_turn_comes_to_rest)
{
    struct viewer viewer = {0};
    uint32_t turns;

    go_live();
    ck_assert_int_eq(chat_view_open_channels(app.conn, NULL, &viewer.list), CHAT_OK);
    ck_assert_int_eq(chat_view_open_messages(app.conn, channel, NULL, &viewer.window), CHAT_OK);
    ck_assert_int_eq(chat_testkit_device_attach(app.device, app.loop, look_at_views, &viewer),
                     CHAT_OK);
    ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", "hello", NULL), CHAT_OK);
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
    ck_assert_uint_eq(chat_view_get_count(viewer.list), 1);
    ck_assert_uint_eq(chat_view_get_count(viewer.window), 1);
    ck_assert_int_ne(chat_loop_get_timeout_ms(app.loop), 0);
    turns = viewer.turns;
    ck_assert_int_eq(chat_testkit_advance(kit, 10), CHAT_OK);
    ck_assert_uint_le(viewer.turns, turns + 2);
}
END_TEST

static bool never(void *user)
{
    ++*(int *)user;
    return false;
}

static void advances(chat_loop *loop, void *user)
{
    uint64_t count;
    int *calls = user;
    int looks = 0;

    (void)loop;
    ++*calls;
    ck_assert_int_eq(chat_testkit_advance(kit, 1), CHAT_E_STATE);
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_E_STATE);
    ck_assert_int_eq(chat_testkit_run_until(kit, never, &looks, 1), CHAT_E_STATE);
    ck_assert_int_eq(chat_testkit_post(kit, 1, "bob", "x", NULL), CHAT_E_STATE);
    ck_assert_int_eq(chat_testkit_count_messages(kit, 1, &count), CHAT_E_STATE);
    ck_assert_int_eq(chat_testkit_server_backup(kit), CHAT_E_STATE);
    ck_assert_int_eq(chat_testkit_server_stop(kit, CHAT_TESTKIT_DRAIN), CHAT_E_STATE);
    ck_assert_int_eq(chat_testkit_drop_links(kit, CHAT_TESTKIT_ALL), CHAT_OK); /* no time passes */
}

START_TEST(callbacks_cannot_let_time_pass)
{
    int calls = 0, looks = 0;

    app_open(&app);
    ck_assert_int_eq(chat_testkit_device_attach(app.device, app.loop, advances, &calls), CHAT_OK);
    ck_assert_int_eq(chat_testkit_advance(kit, 5000), CHAT_OK);
    ck_assert_int_gt(calls, 0);
    ck_assert_int_eq(chat_testkit_run_until(kit, never, &looks, 100), CHAT_E_TIMEOUT);
    ck_assert_int_gt(looks, 0);
}
END_TEST

/* --- chance --- */

struct trace {
    int64_t at_ms[3];
    struct chat_nonce nonce;
};

static struct trace run_once(uint64_t seed)
{
    struct trace trace;
    chat_testkit *own = new_kit(seed);
    struct app a;
    uint64_t id;

    app_init(&a, own, "phone", "alice", "alice.db");
    app_open(&a);
    app_live(&a);
    trace.at_ms[0] = chat_testkit_get_time_ms(own);
    ck_assert_int_eq(chat_testkit_open_direct(own, "bob", "alice", &id), CHAT_OK);
    ck_assert_int_eq(chat_testkit_drop_links(own, a.device), CHAT_OK);
    ck_assert_int_eq(chat_testkit_refuse(own, a.device, CHAT_TESTKIT_REFUSE_NETWORK, 0, 9000),
                     CHAT_OK);
    app_live(&a);
    trace.at_ms[1] = chat_testkit_get_time_ms(own);
    trace.nonce = app_send(&a, id, "same?");
    ck_assert_int_eq(chat_testkit_wait_sent(own, a.conn, APP_WAIT_MS), CHAT_OK);
    trace.at_ms[2] = chat_testkit_get_time_ms(own);
    app_close(&a);
    chat_testkit_free(own);
    return trace;
}

START_TEST(the_same_seed_gives_the_same_run)
{
    struct trace first = run_once(11), again = run_once(11), other = run_once(12);

    ck_assert_mem_eq(&first, &again, sizeof(first));
    ck_assert_mem_ne(&first, &other, sizeof(first));
}
END_TEST

/* --- people --- */

START_TEST(groups_directs_and_posts_reach_everybody_in_order)
{
    static const char *const others[] = {"alice", "carol"};
    uint64_t group, again, seq = 0, alice;
    chat_conn *carol;

    go_live();
    ck_assert_int_eq(chat_testkit_create_group(kit, "bob", "Trip", others, 2, &group), CHAT_OK);
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(chat_testkit_post(kit, group, i % 2 ? "bob" : "carol", "hello", &seq),
                         CHAT_OK);
    ck_assert_uint_eq(seq, 50);
    app_has(&app, group, 50);
    ck_assert_uint_eq(count_of(kit, group), 50);

    ck_assert_int_eq(chat_testkit_open_direct(kit, "bob", "alice", &again), CHAT_OK);
    ck_assert_uint_eq(again, channel); /* found, not made anew */
    ck_assert_int_eq(chat_testkit_get_user_id(kit, "alice", &alice), CHAT_OK);
    ck_assert_uint_eq(alice, chat_conn_get_user_id(app.conn));
    ck_assert_int_eq(chat_testkit_get_conn(kit, "carol", &carol), CHAT_OK);
    ck_assert_int_eq(chat_conn_mark_read(carol, group, 50), CHAT_OK);
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
    ck_assert_uint_eq(chat_conn_get_channel(carol, group)->unread, 0);
}
END_TEST

START_TEST(one_loop_holds_several_accounts)
{
    struct chat_conn_config config;
    char token[CHAT_TOKEN_MAX + 1];
    chat_conn *second;

    go_live();
    chat_conn_config_init(&config);
    config.url = "wss://chat.example/";
    config.cache_path = "dora.db";
    config.cache_vfs = chat_testkit_device_get_vfs(app.device);
    ck_assert_int_eq(chat_testkit_mint_token(kit, "dora", NULL, 3600, token, sizeof(token)),
                     CHAT_OK);
    config.token = token;
    ck_assert_int_eq(chat_conn_new(app.loop, &config, &second), CHAT_OK);
    ck_assert_int_eq(chat_conn_start(second), CHAT_OK);
    ck_assert_int_eq(chat_testkit_wait_live(kit, second, APP_WAIT_MS), CHAT_OK);
    ck_assert_uint_ne(chat_conn_get_user_id(second), chat_conn_get_user_id(app.conn));

    ck_assert_int_eq(chat_testkit_drop_links(kit, app.device), CHAT_OK); /* of both */
    ck_assert_int_eq(chat_testkit_advance(kit, 1), CHAT_OK);
    ck_assert_int_eq(chat_conn_get_state(app.conn), CHAT_CONN_BACKING_OFF);
    ck_assert_int_eq(chat_conn_get_state(second), CHAT_CONN_BACKING_OFF);
    ck_assert_int_eq(chat_testkit_wait_live(kit, second, APP_WAIT_MS), CHAT_OK);
    app_live(&app);
    chat_conn_free(second);
}
END_TEST

START_TEST(what_people_cannot_do_now_is_a_timeout_and_may_yet_happen)
{
    go_live();
    ck_assert_int_eq(chat_testkit_server_set_full(kit, true), CHAT_OK);
    ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", "no room", NULL), CHAT_E_TIMEOUT);
    ck_assert_int_eq(chat_testkit_server_set_full(kit, false), CHAT_OK);
    ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", "room", NULL), CHAT_OK);
    app_has(&app, channel, 2); /* in bob's order */
    ck_assert_uint_eq(count_of(kit, channel), 2);
}
END_TEST

START_TEST(who_is_no_member_cannot_post)
{
    go_live();
    ck_assert_int_eq(chat_testkit_post(kit, channel, "mallory", "x", NULL), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", "", NULL), CHAT_E_INVALID);
    ck_assert_uint_eq(count_of(kit, channel), 0);
}
END_TEST

struct seen {
    uint64_t count, last_seq;
    bool deleted;
};

static void see(const struct chat_message *message, void *user)
{
    struct seen *seen = user;

    ck_assert_uint_eq(message->seq, seen->last_seq + 1);
    seen->last_seq = message->seq;
    seen->deleted = message->deleted;
    seen->count++;
}

START_TEST(history_is_what_the_store_has)
{
    struct seen seen = {0};

    go_live();
    for (int i = 0; i < 450; i++) /* more than a page of rows */
        ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", "x", NULL), CHAT_OK);
    app_has(&app, channel, 450);
    app_send(&app, channel, "mine");
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_int_eq(chat_conn_delete(app.conn, channel, 451, NULL), CHAT_OK);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_int_eq(chat_testkit_read_history(kit, channel, 0, see, &seen), CHAT_OK);
    ck_assert_uint_eq(seen.count, 451);
    ck_assert(seen.deleted);
    ck_assert_uint_eq(count_of(kit, channel), 450);
}
END_TEST

START_TEST(a_token_ends_when_it_says)
{
    char token[CHAT_TOKEN_MAX + 1];

    app.deaf = true;
    app_open(&app);
    ck_assert_int_eq(chat_testkit_mint_token(kit, "alice", "Alice", -120, token, sizeof(token)),
                     CHAT_OK);
    ck_assert_int_eq(chat_conn_set_token(app.conn, token, strlen(token)), CHAT_OK);
    ck_assert_int_eq(chat_testkit_advance(kit, 2000), CHAT_OK);
    ck_assert_int_eq(app.last_status, CHAT_E_EXPIRED);
    ck_assert_int_eq(chat_testkit_mint_token(kit, "alice", "Alice", 600, token, sizeof(token)),
                     CHAT_OK);
    ck_assert_int_eq(chat_conn_set_token(app.conn, token, strlen(token)), CHAT_OK);
    app_live(&app);
    ck_assert_str_eq(chat_conn_get_user_name(app.conn), "Alice");
    ck_assert_int_eq(chat_testkit_advance(kit, 800000), CHAT_OK);
    ck_assert_int_ne(chat_conn_get_state(app.conn), CHAT_CONN_LIVE);
}
END_TEST

START_TEST(a_device_may_think_it_is_another_year)
{
    ck_assert_int_eq(chat_testkit_device_set_clock_skew(app.device, -INT64_C(100000000000)),
                     CHAT_OK);
    go_live();
    app_send(&app, channel, "from the past");
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_int_eq(chat_testkit_device_set_clock_skew(app.device, INT64_MAX), CHAT_E_INVALID);
}
END_TEST

/* --- scripts --- */

START_TEST(a_script_does_what_it_says_when_it_says)
{
    go_live();
    ck_assert_int_eq(
        chat_testkit_run_script(kit,
                                "# a bad day\n"
                                "at 100ms drop phone; at 150ms refuse all overloaded 500ms for 2s\n"
                                "at 20s server kill; at 25s server start;\n"
                                "at 40s offline phone # the tunnel\n"
                                "at 1min online phone; at 2min server full; at 3min server room",
                                NULL),
        CHAT_OK);
    ck_assert_int_eq(chat_testkit_advance(kit, 99), CHAT_OK);
    ck_assert_uint_eq(app.backoffs, 0);
    ck_assert_int_eq(chat_testkit_advance(kit, 2), CHAT_OK);
    ck_assert_uint_eq(app.backoffs, 1);
    ck_assert_int_eq(chat_testkit_advance(kit, 20900), CHAT_OK);
    ck_assert(!chat_testkit_server_is_up(kit));
    ck_assert_int_eq(chat_testkit_advance(kit, 5000), CHAT_OK);
    ck_assert(chat_testkit_server_is_up(kit));
    ck_assert_int_eq(chat_testkit_advance(kit, 20000), CHAT_OK);
    ck_assert_int_ne(chat_conn_get_state(app.conn), CHAT_CONN_LIVE);
    app_send(&app, channel, "typed");
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
}
END_TEST

static const struct {
    const char *text;
    size_t at;
} bad_scripts[] = {
    {"at 5ms jump phone", 7},
    {"drop phone", 0},
    {"at 5 drop phone", 3},
    {"at -5ms drop phone", 3},
    {"at 5ms drop nobody", 12},
    {"at 5ms drop phone now", 18},
    {"at 5ms close phone 70000", 19},
    {"at 5ms disk phone fail 3", 24},
    {"at 5ms refuse phone overloaded 5s for", 37},
    {"at 9999999999h drop phone", 3},
    {"at 5ms drop phone; at 6ms server explode", 33},
    {"at 5ms drop a-name-that-is-longer-than-any-may-be", 12},
};

START_TEST(a_bad_script_is_refused_whole_with_its_place)
{
    size_t at = SIZE_MAX;

    go_live();
    ck_assert_int_eq(chat_testkit_run_script(kit, bad_scripts[_i].text, &at), CHAT_E_INVALID);
    ck_assert_uint_eq(at, bad_scripts[_i].at);
    ck_assert_int_eq(chat_testkit_advance(kit, 1000), CHAT_OK);
    ck_assert_uint_eq(app.backoffs, 0);
}
END_TEST

START_TEST(a_script_has_so_many_statements_and_no_more)
{
    static char text[(CHAT_TESTKIT_SCRIPT_MAX + 1) * 32];
    size_t len = 0;

    for (uint32_t i = 0; i <= CHAT_TESTKIT_SCRIPT_MAX; i++) {
        if (i == CHAT_TESTKIT_SCRIPT_MAX)
            ck_assert_int_eq(chat_testkit_run_script(kit, text, NULL), CHAT_OK);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "at %ums drop phone;", i);
    }
    ck_assert_int_eq(chat_testkit_run_script(kit, text, NULL), CHAT_E_TOO_LARGE);
}
END_TEST

/* --- limits and misuse --- */

START_TEST(devices_and_people_are_bounded)
{
    chat_testkit_device *device;
    uint64_t id;
    char name[16];

    for (uint32_t i = 1; i < CHAT_TESTKIT_DEVICES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "device-%u", i);
        ck_assert_int_eq(chat_testkit_device_new(kit, name, &device), CHAT_OK);
    }
    ck_assert_int_eq(chat_testkit_device_new(kit, "more", &device), CHAT_E_FULL);
    for (uint32_t i = 0; i < CHAT_TESTKIT_PEOPLE_MAX; i++) {
        (void)snprintf(name, sizeof(name), "person-%u", i);
        ck_assert_int_eq(chat_testkit_get_user_id(kit, name, &id), CHAT_OK);
    }
    ck_assert_int_eq(chat_testkit_get_user_id(kit, "more", &id), CHAT_E_FULL);
}
END_TEST

/* The greatest number of shards, and a second kit beside the first. */
START_TEST(two_kits_in_one_process_never_meet)
{
    struct chat_testkit_config config;
    chat_testkit *other;
    struct app twin;
    uint64_t id;

    go_live();
    chat_testkit_config_init(&config);
    config.shards = 8;
    config.delay_ms = 60000;
    ck_assert_int_eq(chat_testkit_new(&config, &other), CHAT_OK);
    app_init(&twin, other, "phone", "alice", "alice.db");
    ck_assert_int_eq(chat_testkit_set_delay(other, twin.device, 0), CHAT_OK);
    app_open(&twin);
    app_live(&twin);
    ck_assert_int_eq(chat_testkit_open_direct(other, "bob", "alice", &id), CHAT_OK);
    ck_assert_int_eq(chat_testkit_post(other, id, "bob", "here", NULL), CHAT_OK);
    ck_assert_int_eq(chat_testkit_advance(kit, 1000), CHAT_OK);
    ck_assert_uint_eq(app.messages, 0);
    ck_assert_int_eq(chat_testkit_drop_links(kit, twin.device), CHAT_E_INVALID);
    app_has(&twin, id, 1);
    app_close(&twin);
    chat_testkit_free(other);
}
END_TEST

START_TEST(misuse_is_a_status)
{
    chat_testkit_device *device;
    struct chat_testkit_config config;
    chat_testkit *other;
    uint64_t id;

    chat_testkit_config_init(&config);
    config.shards = 9;
    ck_assert_int_eq(chat_testkit_new(&config, &other), CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_new(NULL, &other), CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_device_new(kit, "phone", &device), CHAT_E_CONFLICT);
    ck_assert_int_eq(chat_testkit_device_new(kit, "all", &device), CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_device_new(kit, "a b", &device), CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_device_new(NULL, "x", &device), CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_advance(kit, -1), CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_advance(NULL, 1), CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_set_delay(kit, NULL, 60001), CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_close_links(kit, NULL, 999), CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_mute_links(kit, NULL, (chat_testkit_way)4), CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_refuse(kit, NULL, (chat_testkit_refusal)10, 0, 0),
                     CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_server_start(kit), CHAT_E_STATE);
    ck_assert_int_eq(chat_testkit_server_stop(kit, (chat_testkit_end)0), CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_disk_fail(app.device, 0, 1, CHAT_OK), CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_open_direct(kit, "", "bob", &id), CHAT_E_INVALID);
    ck_assert_int_eq(chat_testkit_count_messages(kit, UINT64_MAX, &id), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(chat_testkit_device_attach(app.device, (chat_loop *)&id, NULL, NULL),
                     CHAT_E_STATE);
    ck_assert_int_eq(chat_testkit_run_script(kit, NULL, NULL), CHAT_E_INVALID);
    ck_assert_ptr_null(chat_testkit_device_get_vfs(NULL));
    chat_testkit_free(NULL);
}
END_TEST

/* The first n allocations succeed: a kit, a device and somebody's message. */
static chat_status live_with(const struct chat_allocator *allocator)
{
    struct chat_testkit_config config;
    chat_testkit_device *device;
    chat_testkit *own = NULL;
    uint64_t id;
    chat_status status;

    chat_testkit_config_init(&config);
    config.allocator = allocator;
    config.shards = 1;
    status = chat_testkit_new(&config, &own);
    if (status == CHAT_OK)
        status = chat_testkit_device_new(own, "phone", &device);
    if (status == CHAT_OK)
        status = chat_testkit_open_direct(own, "bob", "alice", &id);
    if (status == CHAT_OK)
        status = chat_testkit_post(own, id, "bob", "x", NULL);
    if (status == CHAT_OK)
        status = chat_testkit_server_stop(own, CHAT_TESTKIT_POWER_LOSS);
    if (status == CHAT_OK)
        status = chat_testkit_server_start(own);
    chat_testkit_free(own);
    return status;
}

START_TEST(without_memory_it_says_so_and_leaks_nothing)
{
    struct faulty_alloc memory;
    chat_status status = CHAT_E_NOMEM;

    /* Strided, with an offset of its own per case; the last one needs no failure at all. */
    for (size_t after = (size_t)_i; status != CHAT_OK; after += 97) {
        faulty_alloc_init(&memory);
        faulty_alloc_fail_after(&memory, after);
        status = live_with(&memory.allocator);
        ck_assert_uint_eq(memory.live, 0);
        ck_assert_uint_lt(after, 1000000);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kit");
    TCase *all = tcase_create("all");
    TCase *memory = tcase_create("memory");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, time_stands_still_until_somebody_lets_it_pass);
    tcase_add_test(all, a_step_that_waits_moves_time_to_what_comes_next_for_its_loop);
    tcase_add_test(all, a_game_loop_gets_its_news_frame_by_frame);
    tcase_add_test(all, a_step_without_a_limit_ends_all_the_same);
    tcase_add_test(all, idle_is_when_nothing_is_under_way);
    tcase_add_test(all, who_looks_at_views_in_each_turn_comes_to_rest);
    tcase_add_test(all, callbacks_cannot_let_time_pass);
    tcase_add_test(all, the_same_seed_gives_the_same_run);
    tcase_add_test(all, groups_directs_and_posts_reach_everybody_in_order);
    tcase_add_test(all, one_loop_holds_several_accounts);
    tcase_add_test(all, what_people_cannot_do_now_is_a_timeout_and_may_yet_happen);
    tcase_add_test(all, who_is_no_member_cannot_post);
    tcase_add_test(all, history_is_what_the_store_has);
    tcase_add_test(all, a_token_ends_when_it_says);
    tcase_add_test(all, a_device_may_think_it_is_another_year);
    tcase_add_test(all, a_script_does_what_it_says_when_it_says);
    tcase_add_loop_test(all, a_bad_script_is_refused_whole_with_its_place, 0,
                        sizeof(bad_scripts) / sizeof(bad_scripts[0]));
    tcase_add_test(all, a_script_has_so_many_statements_and_no_more);
    tcase_add_test(all, devices_and_people_are_bounded);
    tcase_add_test(all, two_kits_in_one_process_never_meet);
    tcase_add_test(all, misuse_is_a_status);
    tcase_set_timeout(all, 60);
    suite_add_tcase(suite, all);
    tcase_add_loop_test(memory, without_memory_it_says_so_and_leaks_nothing, 0, 5);
    tcase_set_timeout(memory, 120);
    suite_add_tcase(suite, memory);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
