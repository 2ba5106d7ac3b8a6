/* What becomes of a cache file that is locked, foreign, damaged, or an older copy of itself. */
#include "../support/files.h"
#include "base/rng.h"
#include "client_rig.h"

static struct rig rig;
static char folder[FOLDER_MAX], path[128], copy[128];

static void setup(void)
{
    make_folder(folder);
    (void)snprintf(path, sizeof(path), "%s/cache.db", folder);
    (void)snprintf(copy, sizeof(copy), "%s/copy.db", folder);
    rig_init(&rig);
    rig.config.cache_path = path;
}

static void teardown(void)
{
    rig_fini(&rig);
    remove_folder(folder);
}

static chat_status try_open(const char *name, uint64_t seed)
{
    struct client_config config = rig.config;
    struct client_core *core = NULL;
    chat_status status;

    config.cache_path = name;
    config.seed = seed;
    status = client_new(&config, &core);
    client_free(core);
    return status;
}

/* As after an ordinary end. */
static void close_file(void)
{
    ck_assert_int_eq(client_flush(rig.core), CHAT_OK);
    rig_crash(&rig);
}

/* --- one writer --- */

START_TEST(a_second_writer_is_told_at_once_and_the_first_goes_on)
{
    rig_start(&rig);
    ck_assert_int_eq(try_open(path, 2), CHAT_E_CONFLICT);
    rig_post(&rig, CH, "news");
    rig_pull(&rig);
    ck_assert_str_eq(rig_last(&rig, CHAT_EVENT_MESSAGE)->text, "news");
    close_file();
    ck_assert_int_eq(try_open(path, 2), CHAT_OK);
}
END_TEST

START_TEST(a_suspended_client_locks_nothing_and_goes_on_where_it_was)
{
    chat_page *page = NULL;

    rig_store_many(&rig, CH, 3);
    rig_start(&rig);
    rig_pull(&rig);
    client_suspend(rig.core);
    rig_turn(&rig);
    ck_assert_int_eq(client_read(rig.core, CH, 0, 10, true, &page), CHAT_OK);
    ck_assert_uint_eq(chat_page_get_count(page), 3);
    chat_page_free(page);
    rig_type(&rig, CH, "while suspended");
    rig_wait(&rig, 60000);
    client_resume(rig.core);
    rig_wait(&rig, 1000);
    rig_pull(&rig);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_REREAD), 0);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_CACHE), 0);
    ck_assert_uint_eq(rig.channels[0].seq, 4);
}
END_TEST

START_TEST(who_takes_the_file_of_a_suspended_client_is_noticed)
{
    chat_page *page = NULL;

    rig_store_many(&rig, CH, 3);
    rig_start(&rig);
    rig_pull(&rig);
    client_suspend(rig.core);
    rig_turn(&rig);
    ck_assert_int_eq(try_open(path, 2), CHAT_OK); /* nobody is locked out */
    ck_assert_int_eq(client_read(rig.core, CH, 0, 10, true, &page), CHAT_E_CONFLICT);
    client_resume(rig.core);
    rig_wait(&rig, 5000);
    rig_post(&rig, CH, "news");
    rig_wait(&rig, 5000);
    rig_pull(&rig);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_CACHE)->status, CHAT_E_CONFLICT);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_REREAD), 1);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    ck_assert_uint_eq(client_channel(rig.core, CH)->stream_seq, 4);
    ck_assert_int_eq(try_open(path, 2), CHAT_E_CONFLICT);
}
END_TEST

/* What another process queued in the file of a suspended client. */
static struct chat_nonce queue_elsewhere(const char *text)
{
    struct client_config config = rig.config;
    struct chat_content content = rig_content(text, strlen(text));
    struct chat_nonce nonce = {0};
    struct client_core *core = NULL;

    config.seed = 2;
    ck_assert_int_eq(client_new(&config, &core), CHAT_OK);
    ck_assert_int_eq(client_send(core, CH, &content, &nonce), CHAT_OK);
    client_free(core);
    return nonce;
}

static bool has_message(const struct chat_nonce *nonce)
{
    const struct rig_channel *ch = &rig.channels[0];

    for (uint64_t s = 1; s <= ch->seq; s++)
        if (ch->messages[s].device == nonce->device_id && ch->messages[s].counter == nonce->counter)
            return true;
    return false;
}

/* _i: the first call that finds out. */
START_TEST(what_another_process_queued_goes_out_whichever_call_finds_out)
{
    struct chat_nonce nonce, elsewhere;
    uint64_t ticket;

    rig_start(&rig);
    client_suspend(rig.core);
    rig_turn(&rig);
    elsewhere = queue_elsewhere("from elsewhere");
    if (_i == 0)
        ck_assert_int_eq(rig_try_send(&rig, CH, "own", 3, &nonce), CHAT_E_CONFLICT);
    else if (_i == 1)
        ck_assert_int_eq(client_set_draft(rig.core, CH, "typed", 5, 0), CHAT_E_CONFLICT);
    else if (_i == 2)
        ck_assert_int_eq(client_search(rig.core, "word", 4, 0, 0, 10, &ticket), CHAT_E_CONFLICT);
    client_resume(rig.core);
    rig_wait(&rig, 5000);
    rig_pull(&rig);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_CACHE)->status, CHAT_E_CONFLICT);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_CACHE), 1);
    ck_assert(has_message(&elsewhere));
    ck_assert_int_eq(rig_try_send(&rig, CH, "own", 3, &nonce), CHAT_OK);
    rig_wait(&rig, 5000);
    ck_assert(has_message(&nonce));
}
END_TEST

START_TEST(a_file_that_was_taken_before_the_first_welcome_is_bound_all_the_same)
{
    rig_open(&rig);
    ck_assert_int_eq(client_start(rig.core), CHAT_OK);
    client_suspend(rig.core);
    rig_turn(&rig);
    ck_assert_int_eq(try_open(path, 2), CHAT_OK);
    client_resume(rig.core);
    rig_wait(&rig, 5000);
    rig_pull(&rig);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_CACHE)->status, CHAT_E_CONFLICT);
    ck_assert_uint_eq(client_user_id(rig.core), ME);
}
END_TEST

/* --- an older copy --- */

START_TEST(a_rolled_back_file_never_uses_a_nonce_of_the_future_it_lost)
{
    struct chat_nonce queued, sent[40], again;

    rig_open(&rig);
    rig_start(&rig);
    client_stop(rig.core);
    rig_turn(&rig);
    queued = rig_type(&rig, CH, "queued when it was copied");
    close_file();
    copy_file(path, copy);

    rig.config.seed = 43; /* the future that will be lost */
    rig_start(&rig);
    for (int i = 0; i < 40; i++)
        sent[i] = rig_type(&rig, CH, "ok");
    rig_wait(&rig, 5000);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_uint_eq(rig.channels[0].seq, 41);
    close_file();

    copy_file(copy, path);
    rig.config.seed = 44;
    rig_start(&rig);
    for (int i = 0; i < 40; i++) {
        again = rig_type(&rig, CH, "ok"); /* the same words */
        ck_assert(!has_message(&again));
        for (int k = 0; k < 40; k++)
            ck_assert(again.counter != sent[k].counter || again.device_id != sent[k].device_id);
    }
    rig_wait(&rig, 60000);
    rig_pull(&rig);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_uint_eq(rig.channels[0].seq, 81); /* each once, the queued one, too */
    ck_assert(has_message(&queued));
    ck_assert_uint_eq(client_channel(rig.core, CH)->stream_seq, 81);
}
END_TEST

START_TEST(a_rolled_back_file_learns_again_what_it_forgot)
{
    rig_store_many(&rig, CH, 20);
    rig_start(&rig);
    rig_pull(&rig);
    close_file();
    copy_file(path, copy);

    rig_start(&rig);
    rig_store_many(&rig, CH, 20);
    rig_alter(&rig, CH, 3, "edited");
    rig_publish(&rig, CH, 3, true);
    rig_wait(&rig, 40000);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 40), CHAT_OK);
    rig_wait(&rig, 1000);
    close_file();

    copy_file(copy, path);
    rig_start(&rig);
    rig_wait(&rig, 1000);
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 21, 40);
    ck_assert_str_eq(rig_last(&rig, CHAT_EVENT_MESSAGE_CHANGED)->text, "edited");
    ck_assert_uint_eq(client_channel(rig.core, CH)->read_seq, 40);
}
END_TEST

/* --- foreign and damaged --- */

START_TEST(a_foreign_file_is_refused_and_left_alone)
{
    char bytes[64] = {0};
    FILE *f = fopen(path, "wb");

    ck_assert_ptr_nonnull(f);
    for (int i = 0; i < 500; i++)
        fputs("not a cache", f);
    fclose(f);
    ck_assert_int_eq(try_open(path, 1), CHAT_E_CORRUPT);
    f = fopen(path, "rb");
    ck_assert_uint_eq(fread(bytes, 1, 11, f), 11);
    ck_assert_str_eq(bytes, "not a cache");
    fclose(f);
    ck_assert_int_ne(try_open(folder, 1), CHAT_OK); /* a folder is none, either */
    (void)snprintf(copy, sizeof(copy), "%s/none/cache.db", folder);
    ck_assert_int_eq(try_open(copy, 1), CHAT_E_IO);
}
END_TEST

static void damage(struct rng *rng)
{
    FILE *f = fopen(path, "r+b");
    uint64_t size, count = 1 + rng_below(rng, 40);

    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    size = (uint64_t)ftell(f);
    for (uint64_t i = 0; i < count; i++) {
        long at = (long)rng_below(rng, size);

        if (rng_below(rng, 2) == 0)
            at = at / 4096 * 4096 + (long)rng_below(rng, 24); /* the heads of pages */
        (void)fseek(f, at, SEEK_SET);
        (void)fputc((int)rng_below(rng, 256), f);
    }
    fclose(f);
    if (rng_below(rng, 8) == 0)
        ck_assert_int_eq(truncate(path, (off_t)rng_below(rng, size)), 0);
}

static void use_all(void)
{
    chat_page *page = NULL;
    struct chat_event e = CHAT_EVENT_INIT;
    uint64_t ticket;

    (void)client_start(rig.core);
    for (uint64_t seq = 1; seq < 400; seq += 100)
        if (client_read(rig.core, CH, seq, 100, false, &page) == CHAT_OK)
            chat_page_free(page);
    (void)client_search(rig.core, "m3", 2, 0, 0, 10, &ticket);
    rig_wait(&rig, 100);
    rig_store_many(&rig, CH, 2);
    rig_publish(&rig, CH, rig.channels[0].seq, false);
    (void)rig_try_send(&rig, CH, "x", 1, NULL);
    rig_wait(&rig, 3000);
    for (int i = 0; i < 5000 && client_next_event(rig.core, &e); i++)
        rig_turn(&rig);
    (void)client_flush(rig.core);
}

START_TEST(any_damage_is_a_status_and_never_more)
{
    struct rng rng;

    rng_seed(&rng, (uint64_t)_i + 1);
    rig_store_many(&rig, CH, 400);
    rig_start(&rig);
    rig_wait(&rig, 1000);
    close_file();
    copy_file(path, copy);
    for (int i = 0; i < 25; i++) {
        chat_status status;

        copy_file(copy, path);
        damage(&rng);
        rig.channels[0].seq = 400;
        rig.heard_count = 0;
        status = client_new(&rig.config, &rig.core);
        if (status != CHAT_OK) {
            rig.core = NULL;
            ck_assert(status == CHAT_E_CORRUPT || status == CHAT_E_UNSUPPORTED ||
                      status == CHAT_E_CACHE || status == CHAT_E_IO);
            continue;
        }
        rig.m = client_machine(rig.core);
        use_all();
        rig_crash(&rig);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_file");
    TCase *tc = tcase_create("file");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_second_writer_is_told_at_once_and_the_first_goes_on);
    tcase_add_test(tc, a_suspended_client_locks_nothing_and_goes_on_where_it_was);
    tcase_add_test(tc, who_takes_the_file_of_a_suspended_client_is_noticed);
    tcase_add_test(tc, a_file_that_was_taken_before_the_first_welcome_is_bound_all_the_same);
    tcase_add_loop_test(tc, what_another_process_queued_goes_out_whichever_call_finds_out, 0, 4);
    tcase_add_test(tc, a_rolled_back_file_never_uses_a_nonce_of_the_future_it_lost);
    tcase_add_test(tc, a_rolled_back_file_learns_again_what_it_forgot);
    tcase_add_test(tc, a_foreign_file_is_refused_and_left_alone);
    tcase_add_loop_test(tc, any_damage_is_a_status_and_never_more, 0, 4);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
