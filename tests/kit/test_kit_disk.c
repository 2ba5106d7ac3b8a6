/* What faults of a device's disk do to an application: full, failing, killed, torn, replaced. */
#include <stdlib.h>

#include "kit_app.h"

#define SENT_MAX 8u
#define PLACES 8

static chat_testkit *kit;
static struct app app;
static uint64_t channel;

static void setup(void)
{
    kit = new_kit(3);
    app_init(&app, kit, "phone", "alice", "alice.db");
    app_open(&app);
    app_live(&app);
    ck_assert_int_eq(chat_testkit_open_direct(kit, "bob", "alice", &channel), CHAT_OK);
    app.channel = channel;
    ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", "first", NULL), CHAT_OK);
    app_has(&app, channel, 1);
}

static void teardown(void)
{
    app_close(&app);
    chat_testkit_free(kit);
}

static void reopen(void)
{
    app_close(&app);
    app_open(&app);
}

/* Every message once, whatever happened: `sent` of ours beside the first. */
static void check_whole(uint64_t sent)
{
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_uint_eq(count_of(kit, channel), 1 + sent);
    app_has(&app, channel, 1 + sent);
}

START_TEST(a_full_disk_is_told_and_refuses_what_it_cannot_keep)
{
    char text[4000];
    chat_status status = CHAT_OK;
    uint64_t sent = 0;

    memset(text, 'x', sizeof(text));
    ck_assert_int_eq(chat_testkit_disk_set_full(app.device, true), CHAT_OK);
    ck_assert_int_eq(chat_testkit_set_online(kit, app.device, false), CHAT_OK);
    while (status == CHAT_OK && sent < 10000) {
        status = chat_conn_send_text(app.conn, channel, text, sizeof(text), NULL);
        sent += status == CHAT_OK;
    }
    ck_assert_int_eq(status, CHAT_E_FULL);

    ck_assert_int_eq(chat_testkit_disk_set_full(app.device, false), CHAT_OK);
    ck_assert_int_eq(chat_testkit_set_online(kit, app.device, true), CHAT_OK);
    app_send(&app, channel, "there is room again");
    check_whole(sent + 1);
}
END_TEST

START_TEST(a_killed_process_says_io_until_it_starts_anew)
{
    ck_assert_int_eq(chat_testkit_device_kill(app.device, false), CHAT_OK);
    ck_assert(chat_testkit_device_is_dead(app.device));
    ck_assert_int_eq(chat_conn_send_text(app.conn, channel, "x", 1, NULL), CHAT_E_IO);
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);

    reopen();
    ck_assert(!chat_testkit_device_is_dead(app.device));
    app_live(&app);
    ck_assert_uint_eq(app.messages, 1); /* it was told, and is in the cache */
    ck_assert_uint_eq(chat_conn_get_channel(app.conn, channel)->stream_seq, 1);
}
END_TEST

/* Dies at its n-th write, truncation or sync, counted from when it is live. */
static void live_and_die(uint64_t n, bool by_power_loss, uint64_t *out_sent)
{
    *out_sent = 0;
    ck_assert_int_eq(chat_testkit_disk_die(app.device, n, by_power_loss), CHAT_OK);
    for (uint64_t i = 0; i < SENT_MAX && !chat_testkit_device_is_dead(app.device); i++) {
        chat_status status = chat_conn_send_text(app.conn, channel, "mine", 4, NULL);

        *out_sent += status == CHAT_OK;
        if (i % 3 == 0)
            ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
        if (i % 3 == 1)
            (void)chat_conn_flush(app.conn);
    }
    (void)chat_testkit_run_until_idle(kit);
}

/* _i: the place. All there are, of twenty scenes, are tried by tests/fault/test_crashes.c. */
START_TEST(a_kill_in_mid_commit_loses_nothing_that_was_typed)
{
    uint64_t sent, all;

    live_and_die((uint64_t)_i * 2, false, &sent);
    ck_assert(chat_testkit_device_is_dead(app.device));
    reopen();
    app_live(&app);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    all = count_of(kit, channel);
    /* The one that the kill interrupted may be there: it was not refused, it was unknown. */
    ck_assert_uint_ge(all, 1 + sent);
    ck_assert_uint_le(all, 2 + sent);
    app_has(&app, channel, all);
}
END_TEST

START_TEST(a_power_loss_leaves_a_cache_that_opens)
{
    uint64_t sent;

    live_and_die((uint64_t)_i * 2, true, &sent);
    ck_assert(chat_testkit_device_is_dead(app.device));
    reopen();
    app_live(&app);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    app_has(&app, channel, count_of(kit, channel));
}
END_TEST

/* At every place: tests/fault/test_disk_faults.c. */
START_TEST(an_io_error_is_a_status_and_loses_nothing)
{
    app_close(&app);
    ck_assert_int_eq(chat_testkit_disk_fail(app.device, 3, UINT64_MAX, CHAT_E_IO), CHAT_OK);
    ck_assert_int_eq(app_try_open(&app), CHAT_E_IO);
    app_close(&app);
    ck_assert_int_eq(chat_testkit_disk_fail(app.device, 0, 0, CHAT_OK), CHAT_OK);
    app_open(&app);
    app_live(&app);
    ck_assert_int_eq(chat_testkit_disk_fail(app.device, 0, 1, CHAT_E_IO), CHAT_OK);
    ck_assert_int_eq(chat_conn_send_text(app.conn, channel, "mine", 4, NULL), CHAT_E_IO);
    app_send(&app, channel, "mine");
    check_whole(1);
}
END_TEST

START_TEST(a_rolled_back_cache_gets_what_it_lost_and_sends_nothing_twice)
{
    ck_assert_int_eq(chat_testkit_disk_restore(app.device), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(chat_testkit_disk_backup(app.device), CHAT_OK);
    app_send(&app, channel, "after the copy");
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_int_eq(chat_testkit_disk_restore(app.device), CHAT_E_STATE); /* it is open */

    app_close(&app);
    ck_assert_int_eq(chat_testkit_disk_restore(app.device), CHAT_OK);
    app_open(&app);
    app_live(&app);
    app_has(&app, channel, 2);
    app_send(&app, channel, "and on");
    check_whole(2);
}
END_TEST

START_TEST(a_damaged_file_is_told_and_left_as_it_is)
{
    static const uint8_t junk[4096] = {1, 2, 3};
    const uint8_t *file;
    size_t len = 0;

    app_close(&app);
    file = chat_testkit_disk_get_file(app.device, "alice.db", &len);
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_ge(len, sizeof(junk));
    ck_assert_int_eq(chat_testkit_disk_put(app.device, "alice.db", 0, junk, sizeof(junk)), CHAT_OK);
    ck_assert_int_eq(app_try_open(&app), CHAT_E_CORRUPT);
    file = chat_testkit_disk_get_file(app.device, "alice.db", &len);
    ck_assert_mem_eq(file, junk, sizeof(junk));
}
END_TEST

START_TEST(a_second_conn_on_one_file_is_a_conflict)
{
    struct app other;

    app_init(&other, kit, "tablet", "alice", "alice.db");
    ck_assert_int_eq(app_try_open(&other), CHAT_OK); /* another device, another disk */
    app_close(&other);
    other.device = app.device;
    {
        struct chat_conn_config config;
        chat_conn *second;

        chat_conn_config_init(&config);
        config.url = "wss://chat.example/";
        config.cache_path = "alice.db";
        config.cache_vfs = chat_testkit_device_get_vfs(app.device);
        ck_assert_int_eq(chat_conn_new(app.loop, &config, &second), CHAT_E_CONFLICT);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kit_disk");
    TCase *one = tcase_create("one");

    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_test(one, a_full_disk_is_told_and_refuses_what_it_cannot_keep);
    tcase_add_test(one, a_killed_process_says_io_until_it_starts_anew);
    tcase_add_test(one, a_rolled_back_cache_gets_what_it_lost_and_sends_nothing_twice);
    tcase_add_test(one, an_io_error_is_a_status_and_loses_nothing);
    tcase_add_test(one, a_damaged_file_is_told_and_left_as_it_is);
    tcase_add_test(one, a_second_conn_on_one_file_is_a_conflict);
    tcase_add_loop_test(one, a_kill_in_mid_commit_loses_nothing_that_was_typed, 0, PLACES);
    tcase_add_loop_test(one, a_power_loss_leaves_a_cache_that_opens, 0, PLACES);
    suite_add_tcase(suite, one);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
