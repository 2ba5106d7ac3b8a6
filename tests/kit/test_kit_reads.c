/* What an application reads of its cache, by the public calls alone: pages and searches. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "kit_app.h"

#define MESSAGES 12u

static chat_testkit *kit;
static struct app app;
static uint64_t channel;

static void setup(void)
{
    struct chat_testkit_config config;

    chat_testkit_config_init(&config);
    ck_assert_int_eq(chat_testkit_new(&config, &kit), CHAT_OK);
    app_init(&app, kit, "phone", "ann", "ann.db");
    app_open(&app);
    app_live(&app);
    ck_assert_int_eq(chat_testkit_open_direct(kit, "bob", "ann", &channel), CHAT_OK);
    for (unsigned i = 0; i < MESSAGES; i++)
        ck_assert_int_eq(
            chat_testkit_post(kit, channel, "bob", i % 3 ? "red apple" : "green pear", NULL),
            CHAT_OK);
    ck_assert_int_eq(chat_testkit_wait_delivered(kit, app.conn, channel, MESSAGES, APP_WAIT_MS),
                     CHAT_OK);
}

static void teardown(void)
{
    app_close(&app);
    chat_testkit_free(kit);
}

static void ck_page(uint64_t start, uint32_t limit, bool backwards, uint64_t from, uint64_t to)
{
    chat_page *page;

    ck_assert_int_eq(chat_conn_read_messages(app.conn, channel, start, limit, backwards, &page),
                     CHAT_OK);
    ck_assert_uint_eq(chat_page_get_channel_id(page), channel);
    ck_assert_uint_eq(chat_page_get_from_seq(page), from);
    ck_assert_uint_eq(chat_page_get_to_seq(page), to);
    ck_assert_uint_eq(chat_page_get_count(page), to - from + 1);
    for (size_t i = 0; i < chat_page_get_count(page); i++)
        ck_assert_uint_eq(chat_page_get_message(page, i)->seq, from + i);
    ck_assert_ptr_null(chat_page_get_message(page, chat_page_get_count(page)));
    ck_assert(chat_page_is_complete(page));
    ck_assert_int_eq(chat_page_reached_start(page), from == 1);
    ck_assert_int_eq(chat_page_reached_end(page), to == MESSAGES);
    chat_page_free(page);
}

START_TEST(pages_say_what_they_cover_and_where_the_channel_ends)
{
    ck_page(0, 5, true, MESSAGES - 4, MESSAGES);
    ck_page(MESSAGES - 5, 5, true, MESSAGES - 9, MESSAGES - 5);
    ck_page(1, 5, false, 1, 5);
    ck_page(6, CHAT_HISTORY_PAGE_MAX, false, 6, MESSAGES);
    ck_page(0, CHAT_HISTORY_PAGE_MAX, true, 1, MESSAGES);
}
END_TEST

START_TEST(a_page_that_cannot_be_is_refused)
{
    chat_page *page = NULL;

    ck_assert_int_eq(chat_conn_read_messages(app.conn, channel, 0, 0, true, &page), CHAT_E_INVALID);
    ck_assert_int_eq(
        chat_conn_read_messages(app.conn, channel, 0, CHAT_HISTORY_PAGE_MAX + 1, true, &page),
        CHAT_E_INVALID);
    ck_assert_int_eq(chat_conn_read_messages(app.conn, channel + 1, 0, 5, true, &page),
                     CHAT_E_NOT_FOUND);
    ck_assert_ptr_null(page);
    chat_page_free(NULL);
}
END_TEST

/* --- searching: events are pulled by hand, so that hits are seen while they are lent --- */

static uint64_t next_before;

/* Hits of one page; ends the test when one of them is not of the word or not older. */
static size_t search(const char *query, uint64_t before, uint32_t limit, bool *out_more)
{
    struct chat_event event = CHAT_EVENT_INIT;
    uint64_t ticket, last = UINT64_MAX;

    ck_assert_int_eq(
        chat_conn_search(app.conn, query, strlen(query), channel, before, limit, &ticket), CHAT_OK);
    for (int i = 0; i < 1000; i++) {
        (void)chat_loop_step(app.loop, 10);
        while (chat_conn_next_event(app.conn, &event)) {
            if (event.type != CHAT_EVENT_SEARCH || event.ticket != ticket)
                continue;
            ck_assert_int_eq(event.status, CHAT_OK);
            for (size_t k = 0; k < event.hits_count; k++) {
                ck_assert_ptr_nonnull(strstr(event.hits[k]->text, "pear"));
                ck_assert_uint_lt(event.hits[k]->seq, last);
                last = event.hits[k]->seq;
            }
            *out_more = event.more;
            next_before = event.next_before;
            return event.hits_count;
        }
    }
    ck_abort_msg("a search was not answered");
    return 0;
}

START_TEST(a_search_finds_from_the_newest_on_page_by_page)
{
    bool more = false;

    ck_assert_int_eq(chat_testkit_device_attach(app.device, NULL, NULL, NULL), CHAT_OK);
    for (int i = 0; i < 1000 && chat_conn_get_search_backlog(app.conn) > 0; i++)
        (void)chat_loop_step(app.loop, 10);
    ck_assert_uint_eq(chat_conn_get_search_backlog(app.conn), 0);
    ck_assert_uint_eq(search("Green pea", 0, 3, &more), 3);
    ck_assert(more);
    ck_assert_uint_eq(search("Green pea", next_before, 3, &more), 1);
    ck_assert(!more);
    ck_assert_uint_eq(search("plum", 0, 3, &more), 0);
}
END_TEST

START_TEST(a_search_that_cannot_be_is_refused)
{
    char over[CHAT_SEARCH_MAX + 1];
    uint64_t ticket = 0;

    memset(over, 'x', sizeof(over));
    ck_assert_int_eq(chat_conn_search(app.conn, "", 0, 0, 0, 5, &ticket), CHAT_E_INVALID);
    ck_assert_int_eq(chat_conn_search(app.conn, over, sizeof(over), 0, 0, 5, &ticket),
                     CHAT_E_INVALID);
    ck_assert_int_eq(chat_conn_search(app.conn, "\xff", 1, 0, 0, 5, &ticket), CHAT_E_INVALID);
    ck_assert_int_eq(chat_conn_search(app.conn, "x", 1, 0, 0, 0, &ticket), CHAT_E_INVALID);
    ck_assert_int_eq(chat_conn_search(app.conn, "x", 1, 0, 0, CHAT_SEARCH_PAGE_MAX + 1, &ticket),
                     CHAT_E_INVALID);
    ck_assert_int_eq(chat_conn_search(app.conn, "x", 1, channel + 1, 0, 5, &ticket),
                     CHAT_E_NOT_FOUND);
    ck_assert_uint_eq(ticket, 0);
    ck_assert_int_eq(chat_conn_search(app.conn, over, CHAT_SEARCH_MAX, 0, 0, 5, &ticket), CHAT_OK);
    ck_assert_uint_ne(ticket, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kit_reads");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, pages_say_what_they_cover_and_where_the_channel_ends);
    tcase_add_test(all, a_page_that_cannot_be_is_refused);
    tcase_add_test(all, a_search_finds_from_the_newest_on_page_by_page);
    tcase_add_test(all, a_search_that_cannot_be_is_refused);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
