/* What the cache's file promises: identity, versions, limits, and what survives. */
#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/files.h"
#include "cache/cache.h"

static char folder[FOLDER_MAX];
static char path[128];
static struct cache *c;

static struct cache_config config(void)
{
    return (struct cache_config){.path = path, .device_id = 77};
}

static chat_status open_cache(void)
{
    struct cache_config cfg = config();

    return cache_open(&cfg, &c);
}

static void reopen(void)
{
    cache_close(c);
    c = NULL;
    ck_assert_int_eq(open_cache(), CHAT_OK);
}

static void setup(void)
{
    make_folder(folder);
    snprintf(path, sizeof(path), "%s/cache.db", folder);
    ck_assert_int_eq(open_cache(), CHAT_OK);
}

static void teardown(void)
{
    cache_close(c);
    c = NULL;
    remove_folder(folder);
}

static void sql(const char *text)
{
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static int64_t queue(uint64_t counter, const char *text)
{
    const struct cache_outgoing o = {
        .device_id = 77,
        .counter = counter,
        .channel_id = 5,
        .kind = CHAT_OUTGOING_SEND,
        .state = CHAT_OUTGOING_QUEUED,
        .base_seq = 3,
        .text = text,
        .text_len = strlen(text),
    };
    int64_t row = 0;

    ck_assert_int_eq(cache_outbox_add(c, &o, &row), CHAT_OK);
    return row;
}

struct seen {
    uint64_t counters[16];
    char text[64];
    struct cache_outgoing last;
    int count;
};

static chat_status see(const struct cache_outgoing *o, void *user)
{
    struct seen *s = user;

    s->counters[s->count++] = o->counter;
    memcpy(s->text, o->text, o->text_len);
    s->text[o->text_len] = '\0';
    s->last = *o;
    return CHAT_OK;
}

START_TEST(every_opening_counts_up_and_the_device_stays)
{
    ck_assert_uint_eq(cache_identity(c)->opens, 1);
    reopen();
    ck_assert_uint_eq(cache_identity(c)->opens, 2);
    ck_assert_uint_eq(cache_identity(c)->device_id, 77);
}
END_TEST

START_TEST(a_cache_is_bound_to_its_first_user_and_never_wiped)
{
    ck_assert_int_eq(cache_bind(c, 1, 2), CHAT_OK);
    queue(1, "kept");
    ck_assert_int_eq(cache_commit(c), CHAT_OK);
    reopen();
    ck_assert_int_eq(cache_bind(c, 1, 2), CHAT_OK);
    ck_assert_int_eq(cache_bind(c, 1, 3), CHAT_E_CONFLICT);
    ck_assert_int_eq(cache_bind(c, 9, 2), CHAT_E_CONFLICT);

    struct seen seen = {0};
    ck_assert_int_eq(cache_outbox_load(c, see, &seen), CHAT_OK);
    ck_assert_int_eq(seen.count, 1);
}
END_TEST

START_TEST(outbox_keeps_its_order_over_openings)
{
    struct seen seen = {0};
    int64_t second;

    queue(1, "one");
    second = queue(2, "two");
    queue(3, "three");
    ck_assert_int_eq(cache_outbox_remove(c, second), CHAT_OK);
    queue((UINT64_C(2) << 32) + 1, "four");
    ck_assert_int_eq(cache_commit(c), CHAT_OK);
    reopen();
    ck_assert_int_eq(cache_outbox_load(c, see, &seen), CHAT_OK);
    ck_assert_int_eq(seen.count, 3);
    ck_assert_uint_eq(seen.counters[0], 1);
    ck_assert_uint_eq(seen.counters[1], 3);
    ck_assert_uint_eq(seen.counters[2], (UINT64_C(2) << 32) + 1);
}
END_TEST

START_TEST(a_renamed_operation_keeps_place_text_and_its_old_nonce)
{
    struct seen seen = {0};
    int64_t row = queue(1, "text");

    queue(2, "later");
    ck_assert_int_eq(cache_outbox_rename(c, row, 88, 9, 4), CHAT_OK);
    ck_assert_int_eq(cache_outbox_set_state(c, row, CHAT_OUTGOING_REFUSED, CHAT_E_FORBIDDEN),
                     CHAT_OK);
    ck_assert_int_eq(cache_outbox_get(c, row, see, &seen), CHAT_OK);
    ck_assert_str_eq(seen.text, "text");
    ck_assert_uint_eq(seen.last.device_id, 88);
    ck_assert_uint_eq(seen.last.old_device_id, 77);
    ck_assert_uint_eq(seen.last.old_counter, 1);
    ck_assert_int_eq(seen.last.status, CHAT_E_FORBIDDEN);
    seen.count = 0;
    ck_assert_int_eq(cache_outbox_load(c, see, &seen), CHAT_OK);
    ck_assert_uint_eq(seen.counters[0], 9);
    ck_assert_uint_eq(seen.counters[1], 2);
}
END_TEST

START_TEST(what_was_not_committed_is_gone)
{
    struct seen seen = {0};

    queue(1, "lost");
    reopen();
    ck_assert_int_eq(cache_outbox_load(c, see, &seen), CHAT_OK);
    ck_assert_int_eq(seen.count, 0);
}
END_TEST

START_TEST(a_newer_schema_is_unsupported_and_left_alone)
{
    char back[40];

    queue(1, "kept");
    ck_assert_int_eq(cache_commit(c), CHAT_OK);
    cache_close(c);
    c = NULL;
    sql("PRAGMA user_version=1000000");
    ck_assert_int_eq(open_cache(), CHAT_E_UNSUPPORTED);
    snprintf(back, sizeof(back), "PRAGMA user_version=%d", CACHE_SCHEMA_VERSION);
    sql(back);
    ck_assert_int_eq(open_cache(), CHAT_OK);

    struct seen seen = {0};
    ck_assert_int_eq(cache_outbox_load(c, see, &seen), CHAT_OK);
    ck_assert_int_eq(seen.count, 1);
}
END_TEST

START_TEST(another_programs_database_is_refused)
{
    cache_close(c);
    c = NULL;
    remove(path);
    sql("CREATE TABLE theirs(x)");
    ck_assert_int_eq(open_cache(), CHAT_E_CORRUPT);
    sql("SELECT * FROM theirs");
}
END_TEST

START_TEST(a_file_that_is_no_database_is_corrupt)
{
    FILE *f;

    cache_close(c);
    c = NULL;
    f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    for (int i = 0; i < 5000; i++)
        fputc(i * 7 % 251, f);
    fclose(f);
    ck_assert_int_eq(open_cache(), CHAT_E_CORRUPT);
}
END_TEST

START_TEST(a_second_writer_is_told_at_once)
{
    struct cache_config cfg = config();
    struct cache *second = NULL;

    ck_assert_int_eq(cache_open(&cfg, &second), CHAT_E_CONFLICT);
    ck_assert_ptr_null(second);
}
END_TEST

START_TEST(a_full_file_refuses_and_keeps_what_was_committed)
{
    struct cache_config cfg = config();
    struct seen seen = {0};
    static char big[8000];
    struct cache_outgoing o = {.device_id = 77, .counter = 2, .text = big, .text_len = sizeof(big)};
    chat_status status = CHAT_OK;
    int64_t row;

    memset(big, 'x', sizeof(big));
    queue(1, "kept");
    ck_assert_int_eq(cache_commit(c), CHAT_OK);
    cache_close(c);
    cfg.pages_max = 30;
    ck_assert_int_eq(cache_open(&cfg, &c), CHAT_OK);
    for (int i = 0; i < 50 && status == CHAT_OK; i++) {
        o.counter++;
        status = cache_outbox_add(c, &o, &row);
    }
    ck_assert_int_eq(status, CHAT_E_FULL);
    /* The transaction is spoilt: a part of it is never kept. */
    o.counter++;
    o.text_len = 1;
    ck_assert_int_eq(cache_outbox_add(c, &o, &row), CHAT_E_FULL);
    ck_assert_int_eq(cache_commit(c), CHAT_E_FULL);
    ck_assert_int_eq(cache_outbox_load(c, see, &seen), CHAT_OK);
    ck_assert_int_eq(seen.count, 1);
    /* And it goes on working. */
    queue(3, "more");
    ck_assert_int_eq(cache_commit(c), CHAT_OK);
}
END_TEST

START_TEST(no_checkpoint_happens_by_itself)
{
    for (uint64_t i = 1; i <= 1500; i++) {
        queue(i, "x");
        ck_assert_int_eq(cache_commit(c), CHAT_OK);
    }
    ck_assert_uint_gt(cache_wal_pages(c), 1500);
    ck_assert_int_eq(cache_checkpoint(c), CHAT_OK);
    ck_assert_uint_eq(cache_wal_pages(c), 0);
}
END_TEST

START_TEST(a_ticket_is_kept_and_forgotten)
{
    struct cache_ticket ticket = {.bytes = "abc", .len = 3, .expires_at_ms = 12345};

    ck_assert_int_eq(cache_set_ticket(c, &ticket), CHAT_OK);
    ck_assert_int_eq(cache_commit(c), CHAT_OK);
    reopen();
    ticket = (struct cache_ticket){0};
    ck_assert_int_eq(cache_get_ticket(c, &ticket), CHAT_OK);
    ck_assert_uint_eq(ticket.len, 3);
    ck_assert_int_eq(ticket.expires_at_ms, 12345);
    ticket.len = 0;
    ck_assert_int_eq(cache_set_ticket(c, &ticket), CHAT_OK);
    ck_assert_int_eq(cache_get_ticket(c, &ticket), CHAT_OK);
    ck_assert_uint_eq(ticket.len, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache_file");
    TCase *tc = tcase_create("file");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, every_opening_counts_up_and_the_device_stays);
    tcase_add_test(tc, a_cache_is_bound_to_its_first_user_and_never_wiped);
    tcase_add_test(tc, outbox_keeps_its_order_over_openings);
    tcase_add_test(tc, a_renamed_operation_keeps_place_text_and_its_old_nonce);
    tcase_add_test(tc, what_was_not_committed_is_gone);
    tcase_add_test(tc, a_newer_schema_is_unsupported_and_left_alone);
    tcase_add_test(tc, another_programs_database_is_refused);
    tcase_add_test(tc, a_file_that_is_no_database_is_corrupt);
    tcase_add_test(tc, a_second_writer_is_told_at_once);
    tcase_add_test(tc, a_full_file_refuses_and_keeps_what_was_committed);
    tcase_add_test(tc, no_checkpoint_happens_by_itself);
    tcase_add_test(tc, a_ticket_is_kept_and_forgotten);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
