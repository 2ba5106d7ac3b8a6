/*
 * What hits the users of other SDKs most, about the program they are in. Each test bears the
 * number of its complaint: C2 memory that grows for days, C3 a library that aborts its host, C4
 * an upgrade or downgrade that loses the database, C6 deadlocks and clashes in callbacks, C8
 * "database is locked", C11 no mature library for C: all that an app needs, from plain C, on the
 * thread it has.
 */
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>

#include "../kit/kit_app.h"
#include "../support/faulty_alloc.h"
#include "base/rng.h"

static chat_testkit *kit;
static struct app app;
static uint64_t channel;

static void setup(void)
{
    kit = new_kit(2);
    app_init(&app, kit, "phone", "alice", "alice.db");
    app_open(&app);
    app_live(&app);
    ck_assert_int_eq(chat_testkit_open_direct(kit, "bob", "alice", &channel), CHAT_OK);
    ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", "first", NULL), CHAT_OK);
    app.channel = channel;
    app_has(&app, channel, 1);
}

static void teardown(void)
{
    app_close(&app);
    chat_testkit_free(kit);
}

/* --- C2 --- */

struct meter {
    struct chat_allocator allocator;
    size_t bytes, blocks;
};

union block {
    size_t size;
    max_align_t align;
};

static void *meter_alloc(void *user, size_t size)
{
    struct meter *meter = user;
    union block *block = malloc(sizeof(*block) + size);

    if (!block)
        return NULL;
    block->size = size;
    meter->bytes += size;
    meter->blocks++;
    return block + 1;
}

static void meter_free(void *user, void *memory)
{
    struct meter *meter = user;
    union block *block = (union block *)memory - 1;

    if (!memory)
        return;
    meter->bytes -= block->size;
    meter->blocks--;
    free(block);
}

/* A day with 200 messages, two broken links and a tunnel. */
static void live_a_day(void)
{
    static const int64_t hour_ms = 3600000;

    for (int hour = 0; hour < 24; hour++) {
        if (hour % 12 == 5)
            ck_assert_int_eq(chat_testkit_drop_links(kit, app.device), CHAT_OK);
        ck_assert_int_eq(chat_testkit_set_online(kit, app.device, hour != 8), CHAT_OK);
        for (int i = 0; i < 8; i++)
            ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", "one of many", NULL), CHAT_OK);
        app_send(&app, channel, "mine");
        ck_assert_int_eq(chat_testkit_advance(kit, hour_ms), CHAT_OK);
    }
    app_live(&app);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
}

START_TEST(c2_memory_is_the_same_after_days)
{
    struct meter meter;
    size_t bytes, blocks;

    app_close(&app);
    meter = (struct meter){{meter_alloc, meter_free, &meter}, 0, 0};
    app.allocator = &meter.allocator;
    app_open(&app);
    live_a_day();
    live_a_day();
    bytes = meter.bytes;
    blocks = meter.blocks;
    for (int day = 0; day < 5; day++)
        live_a_day();
    ck_assert_uint_eq(meter.blocks, blocks);
    ck_assert_uint_eq(meter.bytes, bytes);
    app_close(&app);
    ck_assert_uint_eq(meter.blocks, 0);
    app.allocator = NULL;
    app_open(&app);
}
END_TEST

/* --- C3 --- */

static void read_something(struct rng *rng, chat_conn *conn, uint64_t id)
{
    struct chat_event event = CHAT_EVENT_INIT;
    const struct chat_outgoing *outgoing;
    chat_page *page = NULL;

    (void)chat_conn_next_event(conn, &event);
    (void)chat_conn_get_outgoing(conn, (uint32_t)rng_below(rng, 5), &outgoing);
    (void)chat_conn_next_channel(conn, id);
    (void)chat_conn_get_channel(conn, id);
    (void)chat_conn_get_user(conn, id);
    (void)chat_conn_get_user_name(conn);
    (void)chat_conn_last_problem(conn);
    if (chat_conn_read_messages(conn, id, rng_below(rng, 9), (uint32_t)rng_below(rng, 300),
                                rng_below(rng, 2), &page) == CHAT_OK)
        chat_page_free(page);
}

static void ask_something(struct rng *rng, chat_conn *conn, uint64_t id)
{
    static const char text[] = "text \xff with a wrong byte";
    const size_t len = rng_below(rng, sizeof(text));
    uint64_t ticket, ids[2] = {id, rng_u64(rng)};
    struct chat_content content = CHAT_CONTENT_INIT;

    content.text = text;
    content.text_len = len;
    content.reply_to_seq = rng_below(rng, 9);
    switch (rng_below(rng, 12)) {
    case 0: (void)!chat_conn_send(conn, id, &content, NULL); break;
    case 1: (void)!chat_conn_edit_text(conn, id, rng_below(rng, 9), text, len, NULL); break;
    case 2: (void)!chat_conn_delete(conn, id, rng_u64(rng) >> rng_below(rng, 64), NULL); break;
    case 3: (void)chat_conn_mark_read(conn, id, rng_u64(rng) >> rng_below(rng, 64)); break;
    case 4:
        (void)!chat_conn_fetch_history(conn, id, rng_u64(rng), (uint32_t)rng_below(rng, 300), true,
                                       &ticket);
        break;
    case 5: (void)!chat_conn_fetch_users(conn, ids, rng_below(rng, 3), &ticket); break;
    case 6: (void)!chat_conn_find_user(conn, text, len, &ticket); break;
    case 7:
        (void)!chat_conn_fetch_members(conn, id, 0, (uint32_t)rng_below(rng, 900), &ticket);
        break;
    case 8: (void)!chat_conn_open_direct(conn, ids[rng_below(rng, 2)], &ticket); break;
    case 9: (void)!chat_conn_create_group(conn, text, len, ids, 2, &ticket); break;
    case 10:
        (void)!chat_conn_set_member(conn, id, ids[1], (uint32_t)rng_below(rng, 16), &ticket);
        break;
    default: (void)chat_conn_watch_presence(conn, ids, rng_below(rng, 3)); break;
    }
}

static void steer(struct rng *rng, chat_conn *conn)
{
    static const char junk[] = "not.a.token";
    const struct chat_nonce nonce = {rng_u64(rng), rng_u64(rng)};

    switch (rng_below(rng, 11)) {
    case 0: (void)chat_conn_start(conn); break;
    case 1: chat_conn_stop(conn); break;
    case 2: chat_conn_suspend(conn); break;
    case 3: chat_conn_resume(conn); break;
    case 4: chat_conn_network_changed(conn); break;
    case 5: (void)chat_conn_flush(conn); break;
    case 6: (void)chat_conn_set_token(conn, junk, rng_below(rng, sizeof(junk))); break;
    case 7: (void)!chat_conn_resend(conn, &nonce, NULL); break;
    case 8: (void)chat_conn_discard(conn, &nonce); break;
    case 9: (void)chat_conn_set_presence(conn, (chat_presence_state)rng_below(rng, 7)); break;
    default: chat_conn_set_active(conn); break;
    }
}

/* _i: the seed. */
START_TEST(c3_calls_in_any_order_with_any_arguments_are_statuses)
{
    struct rng rng;
    chat_page *page;

    rng_seed(&rng, (uint64_t)_i + 1);
    for (int i = 0; i < 1500; i++) {
        const uint64_t id = rng_below(&rng, 3) ? channel : rng_u64(&rng) >> rng_below(&rng, 64);

        if (rng_below(&rng, 3) == 0)
            steer(&rng, app.conn);
        ask_something(&rng, app.conn, id);
        read_something(&rng, app.conn, id);
        if (rng_below(&rng, 4) == 0)
            ck_assert_int_eq(chat_testkit_advance(kit, (int64_t)rng_below(&rng, 3000)), CHAT_OK);
    }
    /* It is as good as new. */
    (void)chat_conn_start(app.conn);
    chat_conn_resume(app.conn);
    app_token(&app, 3600);
    app_live(&app);
    ck_assert_int_eq(chat_conn_read_messages(app.conn, channel, 0, 1, true, &page), CHAT_OK);
    chat_page_free(page);
}
END_TEST

/* Allocations of loop and conn fail from the n-th on, for a while: at every place there is. */
START_TEST(c3_no_memory_at_any_place_is_a_status_and_loses_nothing)
{
    struct faulty_alloc memory;
    bool failed = true;
    size_t after;

    app.deaf = true; /* it cannot be expected to answer when there is no memory */
    app.allocator = &memory.allocator;
    for (after = 0; failed; after++) {
        const uint64_t before = count_of(kit, channel);
        uint64_t sent = 0;

        app_close(&app);
        faulty_alloc_init(&memory);
        faulty_alloc_fail_after(&memory, after);
        if (app_try_open(&app) == CHAT_OK && chat_conn_start(app.conn) == CHAT_OK) {
            ck_assert_int_eq(chat_testkit_advance(kit, 100), CHAT_OK);
            for (int i = 0; i < 3; i++)
                sent += chat_conn_send_text(app.conn, channel, "mine", 4, NULL) == CHAT_OK;
            ck_assert_int_eq(chat_testkit_advance(kit, 100), CHAT_OK);
        }
        failed = memory.calls > after;
        faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
        if (!app.conn) {
            app_close(&app);
            app_open(&app);
        }
        (void)chat_conn_start(app.conn);
        app_token(&app, 3600);
        app_live(&app);
        ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
        ck_assert_uint_eq(count_of(kit, channel), before + sent);
        app_close(&app);
        ck_assert_uint_eq(memory.live, 0);
        app_open(&app);
        ck_assert_uint_lt(after, 100000);
    }
    ck_assert_uint_gt(after, 30); /* it struck at so many places at least */
    app_close(&app);
    app.allocator = NULL;
    app_open(&app);
}
END_TEST

/* --- C4 --- */

#define USER_VERSION_AT 60u /* in an SQLite file: the schema's number, 4 bytes */

START_TEST(c4_a_newer_database_is_refused_and_kept_with_all_that_is_in_it)
{
    static const uint8_t newer[4] = {0, 0, 0x7f, 0xff};
    uint8_t ours[4];
    const uint8_t *file;
    size_t len = 0;

    ck_assert_int_eq(chat_testkit_set_online(kit, app.device, false), CHAT_OK);
    app_send(&app, channel, "typed before the downgrade");
    ck_assert_int_eq(chat_conn_flush(app.conn), CHAT_OK);
    app_close(&app);
    file = chat_testkit_disk_get_file(app.device, "alice.db", &len);
    ck_assert_uint_gt(len, USER_VERSION_AT + sizeof(ours));
    memcpy(ours, file + USER_VERSION_AT, sizeof(ours));

    ck_assert_int_eq(chat_testkit_disk_put(app.device, "alice.db", USER_VERSION_AT, newer, 4),
                     CHAT_OK);
    ck_assert_int_eq(app_try_open(&app), CHAT_E_UNSUPPORTED);
    app_close(&app);
    ck_assert_int_eq(chat_testkit_disk_put(app.device, "alice.db", USER_VERSION_AT, ours, 4),
                     CHAT_OK);
    app_open(&app); /* the newer program again */
    ck_assert_uint_eq(chat_conn_get_outgoing_count(app.conn), 1);
    ck_assert_uint_eq(chat_conn_get_channel(app.conn, channel)->stream_seq, 1);
    ck_assert_int_eq(chat_testkit_set_online(kit, app.device, true), CHAT_OK);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_uint_eq(count_of(kit, channel), 2);
}
END_TEST

/* --- C6 --- */

static void call_everything(struct app *a, const struct chat_event *event)
{
    const uint64_t ids[1] = {chat_conn_get_user_id(a->conn)};
    uint64_t ticket;
    chat_page *page;

    if (event->type == CHAT_EVENT_MESSAGE && !event->message->own && a->messages < 30)
        app_send(a, event->message->channel_id, "an answer");
    if (event->type == CHAT_EVENT_MESSAGE && event->message->own)
        (void)!chat_conn_edit_text(a->conn, channel, event->message->seq, "edited", 6, NULL);
    if (event->type == CHAT_EVENT_MESSAGE_CHANGED)
        (void)chat_conn_mark_read(a->conn, channel, event->message->seq);
    if (event->type == CHAT_EVENT_MESSAGE) { /* or each answer would be a question, for ever */
        (void)!chat_conn_fetch_history(a->conn, channel, 0, 10, true, &ticket);
        (void)!chat_conn_fetch_users(a->conn, ids, 1, &ticket);
        (void)chat_conn_watch_presence(a->conn, ids, 1);
    }
    if (chat_conn_read_messages(a->conn, channel, 0, 10, true, &page) == CHAT_OK)
        chat_page_free(page);
    (void)chat_conn_flush(a->conn);
    if (a->messages == 7 && event->type == CHAT_EVENT_MESSAGE) {
        chat_conn_stop(a->conn);
        (void)chat_conn_start(a->conn);
    }
    if (a->messages == 9 && event->type == CHAT_EVENT_MESSAGE) {
        chat_conn_suspend(a->conn);
        chat_conn_resume(a->conn);
    }
    ck_assert_int_eq(chat_loop_step(a->loop, 0), CHAT_OK); /* as some do: a loop in a loop */
}

static void on_busy_step(chat_loop *loop, void *user)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct app *a = user;

    (void)loop;
    while (chat_conn_next_event(a->conn, &event)) {
        app_on_event(a, &event);
        call_everything(a, &event);
    }
}

START_TEST(c6_every_call_may_be_made_while_handling_an_event)
{
    ck_assert_int_eq(chat_testkit_device_attach(app.device, app.loop, on_busy_step, &app), CHAT_OK);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", "x", NULL), CHAT_OK);
        ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
    }
    ck_assert_int_eq(chat_testkit_device_attach(app.device, app.loop, app_on_step, &app), CHAT_OK);
    app_live(&app);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    app_has(&app, channel, count_of(kit, channel));
    ck_assert_uint_gt(count_of(kit, channel), 25);
    ck_assert(!app.out_of_order);
}
END_TEST

/* --- C8 --- */

START_TEST(c8_a_second_writer_is_told_at_once_and_the_first_goes_on)
{
    struct chat_conn_config config;
    chat_conn *second;

    chat_conn_config_init(&config);
    config.url = "wss://chat.example/";
    config.cache_path = "alice.db";
    config.cache_vfs = chat_testkit_device_get_vfs(app.device);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(chat_conn_new(app.loop, &config, &second), CHAT_E_CONFLICT);
        app_send(&app, channel, "the first goes on");
        ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    }
    ck_assert_uint_eq(app.cache_events, 0);
    ck_assert_uint_eq(count_of(kit, channel), 4);
    app_close(&app);
    app_open(&app); /* nothing is left of a lock */
    app_live(&app);
    ck_assert_uint_eq(app.cache_events, 0);
}
END_TEST

/* Such as an extension of the system that shares something into the app. */
static void send_from_another_process(const char *text)
{
    struct chat_conn_config config;
    struct chat_loop_config loop_config;
    chat_testkit_device *elsewhere;
    chat_loop *loop;
    chat_conn *conn;

    ck_assert_int_eq(chat_testkit_device_new(kit, "extension", &elsewhere), CHAT_OK);
    chat_loop_config_init(&loop_config);
    loop_config.transport = chat_testkit_device_get_transport(elsewhere);
    ck_assert_int_eq(chat_loop_new(&loop_config, &loop), CHAT_OK);
    chat_conn_config_init(&config);
    config.url = "wss://chat.example/";
    config.cache_path = "alice.db";
    config.cache_vfs = chat_testkit_device_get_vfs(app.device);
    ck_assert_int_eq(chat_conn_new(loop, &config, &conn), CHAT_OK);
    ck_assert_int_eq(chat_conn_send_text(conn, channel, text, strlen(text), NULL), CHAT_OK);
    chat_conn_free(conn);
    chat_loop_free(loop);
}

START_TEST(c8_a_suspended_app_keeps_nobody_out_and_sends_what_others_queued)
{
    chat_conn_suspend(app.conn);
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
    send_from_another_process("shared into the app");
    ck_assert_int_eq(chat_testkit_advance(kit, 60000), CHAT_OK);
    ck_assert_uint_eq(count_of(kit, channel), 1); /* nothing happens until resume */

    chat_conn_resume(app.conn);
    app_live(&app);
    app_has(&app, channel, 2);
    app_send(&app, channel, "and on");
    app_has(&app, channel, 3);
    ck_assert_uint_eq(count_of(kit, channel), 3);
    ck_assert_int_eq(app.cache_status, CHAT_E_CONFLICT); /* it was told, once */
    ck_assert_uint_eq(app.cache_events, 1);
    ck_assert_uint_eq(app.rereads, 1);

    chat_conn_suspend(app.conn); /* where nobody came nothing is told */
    ck_assert_int_eq(chat_testkit_advance(kit, 60000), CHAT_OK);
    chat_conn_resume(app.conn);
    app_live(&app);
    ck_assert_uint_eq(app.cache_events, 1);
}
END_TEST

START_TEST(c8_what_a_suspended_app_reads_is_let_go_at_once)
{
    const struct chat_outgoing *outgoing;
    const struct chat_receipt *const *receipts;
    struct chat_event event = CHAT_EVENT_INIT;
    chat_page *page = NULL;
    size_t count;

    chat_conn_suspend(app.conn);
    switch (_i) {
    case 0: (void)chat_conn_get_channel(app.conn, channel); break;
    case 1: (void)chat_conn_next_channel(app.conn, 0); break;
    case 2: (void)chat_conn_get_user(app.conn, 77); break;
    case 3: (void)chat_conn_get_outgoing(app.conn, 0, &outgoing); break;
    case 4: (void)chat_conn_get_draft(app.conn, channel); break;
    case 5:
        ck_assert_int_eq(chat_conn_get_receipts(app.conn, channel, &receipts, &count), CHAT_OK);
        break;
    case 6:
        ck_assert_int_eq(chat_conn_read_messages(app.conn, channel, 0, 10, true, &page), CHAT_OK);
        break;
    default: (void)chat_conn_next_event(app.conn, &event); break;
    }
    send_from_another_process("shared into the app");
    chat_page_free(page);
}
END_TEST

/* --- C11 --- */

/* Of this process; 0 where the system does not say. */
static int count_threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    int count = 0;

    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static uint64_t find_word(const char *word)
{
    struct chat_event event = CHAT_EVENT_INIT;
    uint64_t ticket, hits = UINT64_MAX;

    ck_assert_int_eq(chat_conn_search(app.conn, word, strlen(word), 0, 0, 10, &ticket), CHAT_OK);
    for (int i = 0; i < 1000 && hits == UINT64_MAX; i++) {
        ck_assert_int_eq(chat_loop_step(app.loop, 0), CHAT_OK);
        while (chat_conn_next_event(app.conn, &event))
            if (event.type == CHAT_EVENT_SEARCH && event.ticket == ticket)
                hits = event.hits_count;
    }
    return hits;
}

static uint32_t count_rows(void)
{
    struct chat_diff diff = CHAT_DIFF_INIT;
    chat_view *view;
    uint32_t count;

    ck_assert_int_eq(chat_view_open_messages(app.conn, channel, NULL, &view), CHAT_OK);
    while (chat_view_next_diff(view, &diff))
        continue;
    count = chat_view_get_count(view);
    chat_view_free(view);
    return count;
}

START_TEST(c11_plain_c_on_one_thread_does_all_an_app_does)
{
    const int threads = count_threads();
    struct sigaction before, after;
    struct chat_nonce nonce;

    ck_assert_int_eq(sigaction(SIGPIPE, NULL, &before), 0);
    (void)app_send(&app, channel, "hello from c");
    app_has(&app, channel, 2);
    ck_assert_int_eq(chat_conn_edit_text(app.conn, channel, 2, "greetings from c", 16, NULL),
                     CHAT_OK);
    ck_assert_int_eq(chat_conn_react(app.conn, channel, 1, "+1", 2, false, NULL), CHAT_OK);
    ck_assert_int_eq(chat_conn_mark_read(app.conn, channel, 2), CHAT_OK);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_int_eq(chat_testkit_advance(kit, 3000), CHAT_OK); /* the index follows */
    ck_assert_uint_eq(find_word("greetings"), 1);
    ck_assert_uint_eq(find_word("hello"), 0);
    ck_assert_uint_eq(count_rows(), 2);

    app_close(&app); /* what is typed without a network outlives the process */
    ck_assert_int_eq(chat_testkit_set_online(kit, app.device, false), CHAT_OK);
    app_open(&app);
    ck_assert_int_eq(chat_conn_set_draft(app.conn, channel, "to be", 5, 0), CHAT_OK);
    ck_assert_str_eq(chat_conn_get_draft(app.conn, channel)->text, "to be");
    nonce = app_send(&app, channel, "from a tunnel");
    app_close(&app);
    ck_assert_int_eq(chat_testkit_set_online(kit, app.device, true), CHAT_OK);
    app_open(&app);
    app_live(&app);
    app_has(&app, channel, 3);
    ck_assert_uint_ne(nonce.device_id, 0);
    ck_assert_ptr_null(chat_conn_get_draft(app.conn, channel));

    ck_assert_int_eq(count_threads(), threads);
    ck_assert_int_eq(sigaction(SIGPIPE, NULL, &after), 0);
    ck_assert(before.sa_handler == after.sa_handler);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("complaints_host");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, c2_memory_is_the_same_after_days);
    tcase_add_loop_test(all, c3_calls_in_any_order_with_any_arguments_are_statuses, 0, 5);
    tcase_add_test(all, c3_no_memory_at_any_place_is_a_status_and_loses_nothing);
    tcase_add_test(all, c4_a_newer_database_is_refused_and_kept_with_all_that_is_in_it);
    tcase_add_test(all, c6_every_call_may_be_made_while_handling_an_event);
    tcase_add_test(all, c8_a_second_writer_is_told_at_once_and_the_first_goes_on);
    tcase_add_test(all, c8_a_suspended_app_keeps_nobody_out_and_sends_what_others_queued);
    tcase_add_loop_test(all, c8_what_a_suspended_app_reads_is_let_go_at_once, 0, 8);
    tcase_add_test(all, c11_plain_c_on_one_thread_does_all_an_app_does);
    tcase_set_timeout(all, 120);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
