/* An application that goes to the background: no lock is held, and another may write. */
#include "cache/cache.h"
#include "client_rig.h"

#define PATH "client_suspend.db"

static struct rig rig;
static struct cache *other;

static void remove_files(void)
{
    remove(PATH);
    remove(PATH "-wal");
    remove(PATH "-journal");
}

static void setup(void)
{
    remove_files();
    other = NULL;
    rig_init(&rig);
    rig.config.cache_path = PATH;
    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    rig_pull(&rig);
}

static void teardown(void)
{
    cache_close(other);
    rig_fini(&rig);
    remove_files();
}

/* As another process of the same application would. */
static chat_status open_other(void)
{
    const struct cache_config config = {.path = PATH, .device_id = 77};

    return cache_open(&config, &other);
}

static void close_other(void)
{
    cache_close(other);
    other = NULL;
}

/* C8: a lock that is kept in the background. */
START_TEST(c8_no_lock_is_held_once_suspend_has_returned)
{
    ck_assert_int_eq(open_other(), CHAT_E_CONFLICT);
    client_suspend(rig.core);
    ck_assert_int_eq(open_other(), CHAT_OK);
    close_other();
    client_resume(rig.core);
    rig_turn(&rig);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    ck_assert_int_eq(open_other(), CHAT_E_CONFLICT);
}
END_TEST

START_TEST(calls_while_suspended_work_and_leave_no_lock)
{
    chat_page *page = NULL;

    client_suspend(rig.core);
    rig_type(&rig, CH, "typed in the background");
    ck_assert_int_eq(client_read(rig.core, CH, 0, 10, true, &page), CHAT_OK);
    ck_assert_uint_eq(chat_page_get_count(page), 5);
    chat_page_free(page);
    ck_assert_int_eq(open_other(), CHAT_OK);
    close_other();
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1);
}
END_TEST

START_TEST(what_was_typed_while_suspended_is_sent_after_resume)
{
    client_suspend(rig.core);
    rig_type(&rig, CH, "typed in the background");
    client_resume(rig.core);
    rig_turn(&rig);
    ck_assert_uint_eq(rig.channels[0].seq, 6);
    ck_assert_str_eq(rig.channels[0].messages[6].text, "typed in the background");
}
END_TEST

static void note_outgoing(const char *text)
{
    const struct cache_identity *id = cache_identity(other);
    const struct cache_outgoing o = {
        .device_id = id->device_id,
        .counter = (uint64_t)id->opens << 32 | 1,
        .channel_id = CH,
        .kind = CHAT_OUTGOING_SEND,
        .state = CHAT_OUTGOING_QUEUED,
        .text = text,
        .text_len = strlen(text),
    };
    int64_t row;

    ck_assert_int_eq(cache_outbox_add(other, &o, &row), CHAT_OK);
    ck_assert_int_eq(cache_commit(other), CHAT_OK);
}

START_TEST(what_another_process_wrote_is_read_on_resume)
{
    client_suspend(rig.core);
    ck_assert_int_eq(open_other(), CHAT_OK);
    note_outgoing("a reply from the notification");
    close_other();
    client_resume(rig.core);
    rig_turn(&rig);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_REREAD), 1);
    ck_assert_uint_eq(rig.channels[0].seq, 6);
    ck_assert_str_eq(rig.channels[0].messages[6].text, "a reply from the notification");
}
END_TEST

START_TEST(two_that_wrote_in_turn_never_use_one_nonce_twice)
{
    struct chat_nonce before, after;
    uint32_t opens;

    before = rig_type(&rig, CH, "before");
    client_suspend(rig.core);
    ck_assert_int_eq(open_other(), CHAT_OK);
    opens = cache_identity(other)->opens;
    close_other();
    client_resume(rig.core);
    after = rig_type(&rig, CH, "after");
    ck_assert_uint_lt(before.counter >> 32, opens);
    ck_assert_uint_gt(after.counter >> 32, opens);
    rig_crash(&rig);
    ck_assert_int_eq(open_other(), CHAT_OK);
    ck_assert_uint_gt(cache_identity(other)->opens, after.counter >> 32);
}
END_TEST

START_TEST(a_call_that_finds_another_ones_writing_says_so_and_works_the_next_time)
{
    struct chat_nonce nonce;
    chat_status status;

    client_suspend(rig.core);
    ck_assert_int_eq(open_other(), CHAT_OK);
    note_outgoing("a reply from the notification");
    close_other();
    status = client_send(rig.core, CH, "mine", 4, NULL, 0, 0, &nonce);
    ck_assert_int_eq(status, CHAT_E_CONFLICT);
    status = client_send(rig.core, CH, "mine", 4, NULL, 0, 0, &nonce);
    ck_assert_int_eq(status, CHAT_OK);
    client_resume(rig.core);
    rig_turn(&rig);
    ck_assert_uint_eq(rig.channels[0].seq, 7);
    ck_assert_str_eq(rig.channels[0].messages[7].text, "mine");
}
END_TEST

START_TEST(resume_waits_for_who_still_has_the_file)
{
    client_suspend(rig.core);
    ck_assert_int_eq(open_other(), CHAT_OK);
    client_resume(rig.core);
    rig_turn(&rig);
    rig_pull(&rig);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_OFFLINE);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_CACHE)->status, CHAT_E_CONFLICT);
    close_other();
    client_resume(rig.core);
    rig_turn(&rig);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_suspend");
    TCase *tc = tcase_create("suspend");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, c8_no_lock_is_held_once_suspend_has_returned);
    tcase_add_test(tc, calls_while_suspended_work_and_leave_no_lock);
    tcase_add_test(tc, what_was_typed_while_suspended_is_sent_after_resume);
    tcase_add_test(tc, what_another_process_wrote_is_read_on_resume);
    tcase_add_test(tc, two_that_wrote_in_turn_never_use_one_nonce_twice);
    tcase_add_test(tc, a_call_that_finds_another_ones_writing_says_so_and_works_the_next_time);
    tcase_add_test(tc, resume_waits_for_who_still_has_the_file);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
