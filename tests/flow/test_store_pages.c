/* History and alterations by pages, on both sides of the applied horizon. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/limits.h>

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

static void send_many(uint64_t from, uint64_t to)
{
    char text[32];

    for (uint64_t i = from; i <= to; i++) {
        snprintf(text, sizeof(text), "text %llu", (unsigned long long)i);
        expect_sent(host_send(&h, link, ann, channel, i, 0, text), i);
    }
}

static void expect_page(const WireHistoryPage *page, uint64_t from, uint64_t to, uint64_t head)
{
    char text[32];

    ck_assert_uint_eq(page->covered->from_seq, from);
    ck_assert_uint_eq(page->covered->to_seq, to);
    ck_assert_uint_eq(page->head->seq, head);
    ck_assert_uint_eq(page->n_messages, to + 1 - from);
    ck_assert(!page->partial);
    for (size_t i = 0; i < page->n_messages; i++) {
        ck_assert_uint_eq(page->messages[i]->seq, from + i);
        snprintf(text, sizeof(text), "text %llu", (unsigned long long)(from + i));
        ck_assert_str_eq(page->messages[i]->text, text);
        ck_assert_uint_eq(page->messages[i]->author_id, ann);
    }
}

/* 60 messages: all in the overlay, half of them in the table, or all of them. */
enum { IN_OVERLAY, HALF_APPLIED, ALL_APPLIED, PLACES };

static void place_messages(int place)
{
    send_many(1, 30);
    if (place != IN_OVERLAY)
        store_host_wait(&h, 3000);
    send_many(31, 60);
    if (place == ALL_APPLIED)
        store_host_wait(&h, 3000);
}

START_TEST(pages_are_exact_both_ways_wherever_the_rows_are)
{
    place_messages(_i);

    expect_page(host_history(&h, link, bob, channel, 0, 10, true), 51, 60, 60);
    expect_page(host_history(&h, link, bob, channel, 0, 200, true), 1, 60, 60);
    expect_page(host_history(&h, link, bob, channel, 35, 10, true), 26, 35, 60);
    expect_page(host_history(&h, link, bob, channel, 5, 10, true), 1, 5, 60);
    expect_page(host_history(&h, link, bob, channel, 1, 10, false), 1, 10, 60);
    expect_page(host_history(&h, link, bob, channel, 26, 10, false), 26, 35, 60);
    expect_page(host_history(&h, link, bob, channel, 55, 10, false), 55, 60, 60);
    expect_page(host_history(&h, link, bob, channel, 1000, 10, true), 51, 60, 60);
}
END_TEST

START_TEST(a_page_beyond_the_end_or_of_an_empty_channel_is_empty)
{
    const WireHistoryPage *page = host_history(&h, link, ann, channel, 0, 10, true);

    ck_assert_uint_eq(page->n_messages, 0);
    ck_assert_uint_gt(page->covered->from_seq, page->covered->to_seq);
    ck_assert_uint_eq(page->head->seq, 0);
    ck_assert_uint_eq(page->first_seq, 1);
    send_many(1, 3);
    page = host_history(&h, link, ann, channel, UINT64_MAX - 5, 10, false);
    ck_assert_uint_eq(page->n_messages, 0);
    ck_assert_uint_gt(page->covered->from_seq, page->covered->to_seq);
    ck_assert_uint_eq(page->head->seq, 3);
    store_host_wait(&h, 3000);
    page = host_history(&h, link, ann, channel, 4, 10, false);
    ck_assert_uint_eq(page->n_messages, 0);
    ck_assert_uint_eq(page->head->seq, 3);
}
END_TEST

START_TEST(a_read_that_is_older_than_the_applier_misses_nothing)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFetchHistory fetch = WIRE_FETCH_HISTORY__INIT;
    uint64_t id;

    send_many(1, 30);
    store_host_wait(&h, 3000);
    send_many(31, 40);
    fetch.channel_id = channel;
    fetch.limit = 20;
    fetch.backwards = true;
    frame.user_id = bob;
    frame.body_case = WIRE_LINK_FRAME__BODY_FETCH_HISTORY;
    frame.fetch_history = &fetch;
    h.hold[ENGINE_READ] = true;
    id = store_host_send(&h, link, &frame);
    ck_assert_ptr_null(store_host_answer(&h, link, id));
    send_many(41, 50);
    store_host_wait(&h, 5000); /* applies, and would sweep */
    store_host_release(&h, ENGINE_READ);

    expect_page(store_host_answer(&h, link, id)->history_page, 31, 50, 50);
}
END_TEST

static uint64_t ask_history(uint64_t start, uint32_t limit, bool backwards)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFetchHistory fetch = WIRE_FETCH_HISTORY__INIT;

    fetch.channel_id = channel;
    fetch.start_seq = start;
    fetch.limit = limit;
    fetch.backwards = backwards;
    frame.user_id = bob;
    frame.body_case = WIRE_LINK_FRAME__BODY_FETCH_HISTORY;
    frame.fetch_history = &fetch;
    return store_host_send(&h, link, &frame);
}

START_TEST(a_read_that_waited_for_its_turn_misses_nothing_said_meanwhile)
{
    uint64_t first, forwards, backwards, behind;

    store_host_fini(&h);
    store_host_init(&h, 1);
    h.configs[0].limits.reads_in_flight = 1;
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    ann = host_user(&h, link, "ann");
    bob = host_user(&h, link, "bob");
    channel = host_direct(&h, link, ann, bob);
    send_many(1, 30);
    store_host_wait(&h, 3000);
    h.hold[ENGINE_READ] = true;
    first = ask_history(1, 10, false);
    forwards = ask_history(21, 50, false); /* these wait until the first has come back */
    backwards = ask_history(0, 50, true);
    behind = ask_history(31, 50, false);
    send_many(31, 40);
    store_host_wait(&h, 5000); /* applied: only the first read is older */
    store_host_release(&h, ENGINE_READ);
    store_host_wait(&h, 5000);

    expect_page(store_host_answer(&h, link, first)->history_page, 1, 10, 40);
    expect_page(store_host_answer(&h, link, forwards)->history_page, 21, 40, 40);
    expect_page(store_host_answer(&h, link, backwards)->history_page, 1, 40, 40);
    expect_page(store_host_answer(&h, link, behind)->history_page, 31, 40, 40);
}
END_TEST

START_TEST(a_page_is_cut_by_size_and_says_so)
{
    char text[8001];
    const WireHistoryPage *page;
    uint64_t next = 1;

    memset(text, 'x', 8000);
    text[8000] = '\0';
    for (uint64_t i = 1; i <= 100; i++)
        expect_sent(host_send(&h, link, ann, channel, i, 0, text), i);
    page = host_history(&h, link, bob, channel, 0, 200, true);
    ck_assert(page->partial);
    ck_assert_uint_eq(page->covered->to_seq, 100);
    ck_assert_uint_eq(page->messages[0]->seq, page->covered->from_seq);
    ck_assert_uint_eq(page->covered->from_seq, 101 - page->n_messages);
    ck_assert_uint_lt(page->n_messages, 66);
    while (next <= 100) {
        page = host_history(&h, link, bob, channel, next, 200, false);
        ck_assert_uint_eq(page->covered->from_seq, next);
        ck_assert(page->partial == (page->covered->to_seq < 100));
        next = page->covered->to_seq + 1;
    }
}
END_TEST

/* --- around a message --- */

static const WireLinkFrame *ask_around(uint64_t seq, uint64_t message_id, uint32_t limit)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFetchHistory fetch = WIRE_FETCH_HISTORY__INIT;

    fetch.channel_id = channel;
    fetch.start_seq = seq;
    fetch.message_id = message_id;
    fetch.limit = limit;
    fetch.around = true;
    frame.user_id = bob;
    frame.body_case = WIRE_LINK_FRAME__BODY_FETCH_HISTORY;
    frame.fetch_history = &fetch;
    return store_host_ask(&h, link, &frame);
}

static const WireHistoryPage *around(uint64_t seq, uint32_t limit)
{
    const WireLinkFrame *answer = ask_around(seq, 0, limit);

    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, WIRE_LINK_FRAME__BODY_HISTORY_PAGE);
    return answer->history_page;
}

START_TEST(a_page_around_a_message_is_exact_wherever_the_rows_are)
{
    place_messages(_i);

    expect_page(around(30, 10), 25, 34, 60);
    expect_page(around(30, 11), 25, 35, 60);
    expect_page(around(30, 1), 30, 30, 60);
    expect_page(around(2, 10), 1, 10, 60); /* what one side lacks the other gets */
    expect_page(around(58, 10), 51, 60, 60);
    expect_page(around(60, 10), 51, 60, 60);
    expect_page(around(1000, 10), 51, 60, 60);
    expect_page(around(0, 10), 1, 10, 60);
    expect_page(around(30, 200), 1, 60, 60);
}
END_TEST

/* Simulator, seed 893: the page ended earlier than what was decided, and began before what was
 * read. */
START_TEST(a_page_around_what_is_not_synced_ends_with_what_is)
{
    char text[32];

    send_many(1, 9);
    store_host_wait(&h, 5000); /* rows */
    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    (void)around(9, 1); /* the home is loaded */
    h.hold[ENGINE_APPEND] = true;
    for (uint64_t i = 10; i <= 14; i++) {
        snprintf(text, sizeof(text), "text %llu", (unsigned long long)i);
        ck_assert_ptr_null(host_send(&h, link, ann, channel, i, 0, text));
    }
    for (uint64_t start = 9; start <= 15; start++) {
        expect_page(around(start, 5), 5, 9, 9);
        expect_page(around(start, 1), 9, 9, 9);
        expect_page(around(start, 100), 1, 9, 9);
    }
    store_host_release(&h, ENGINE_APPEND);
    expect_page(around(10, 5), 8, 12, 14);
    expect_page(around(14, 5), 10, 14, 14);
}
END_TEST

START_TEST(around_in_an_empty_channel_there_is_nothing)
{
    const WireHistoryPage *page = around(5, 10);

    ck_assert_uint_eq(page->n_messages, 0);
    ck_assert_uint_gt(page->covered->from_seq, page->covered->to_seq);
}
END_TEST

START_TEST(a_page_around_is_cut_by_size_where_it_is_farthest_away)
{
    char text[8001];
    const WireHistoryPage *page;

    memset(text, 'x', 8000);
    text[8000] = '\0';
    for (uint64_t i = 1; i <= 200; i++)
        expect_sent(host_send(&h, link, ann, channel, i, 0, text), i);
    page = around(100, 200);
    ck_assert(page->partial);
    ck_assert_uint_gt(page->n_messages, 50);
    ck_assert_uint_eq(page->n_messages, page->covered->to_seq - page->covered->from_seq + 1);
    ck_assert_uint_eq(page->messages[0]->seq, page->covered->from_seq);
    ck_assert_uint_le(page->covered->to_seq - 100, 101 - page->covered->from_seq);
    ck_assert_uint_le(100 - page->covered->from_seq, page->covered->to_seq - 99);
    page = around(195, 200); /* the near end stays */
    ck_assert_uint_eq(page->covered->to_seq, 200);
}
END_TEST

START_TEST(a_message_is_found_by_its_id_wherever_its_row_is)
{
    const WireHistoryPage *all;
    uint64_t ids[61];

    place_messages(_i);
    all = host_history(&h, link, ann, channel, 1, 60, false);
    for (size_t i = 0; i < 60; i++)
        ids[i + 1] = all->messages[i]->message_id;
    for (uint64_t seq = 1; seq <= 60; seq++) {
        const WireLinkFrame *answer = ask_around(0, ids[seq], 1);

        ck_assert_int_eq(answer->body_case, WIRE_LINK_FRAME__BODY_HISTORY_PAGE);
        expect_page(answer->history_page, seq, seq, 60);
    }
    expect_problem(ask_around(0, ids[1] - 1, 1), PROBLEM_OF(NOT_FOUND));
    expect_problem(ask_around(0, ids[60] + 1, 1), PROBLEM_OF(NOT_FOUND));
}
END_TEST

/* More than fit one read of probes. */
START_TEST(a_message_is_found_among_many)
{
    uint64_t ids[1001];

    for (uint64_t i = 1; i <= 1000; i++)
        ids[i] = expect_sent(host_send(&h, link, ann, channel, i, 0, "x"), i)->message_id;
    store_host_wait(&h, 3000);
    for (uint64_t seq = 1; seq <= 1000; seq += 37) {
        const WireLinkFrame *answer = ask_around(0, ids[seq], 3);

        ck_assert_int_eq(answer->body_case, WIRE_LINK_FRAME__BODY_HISTORY_PAGE);
        ck_assert_uint_eq(answer->history_page->n_messages, 3);
        if (seq > 1 && ids[seq] - 1 != ids[seq - 1])
            expect_problem(ask_around(0, ids[seq] - 1, 3), PROBLEM_OF(NOT_FOUND));
    }
    expect_problem(ask_around(0, ids[1000] + 1, 3), PROBLEM_OF(NOT_FOUND));
}
END_TEST

START_TEST(in_an_empty_channel_no_id_is_found)
{
    struct store_stats stats;

    expect_problem(ask_around(0, 77, 10), PROBLEM_OF(NOT_FOUND));
    store_get_stats(h.stores[0], &stats);
    ck_assert_uint_eq(stats.reads, 0);
}
END_TEST

START_TEST(a_page_limit_out_of_bounds_is_refused)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFetchHistory fetch = WIRE_FETCH_HISTORY__INIT;

    fetch.channel_id = channel;
    frame.user_id = bob;
    frame.body_case = WIRE_LINK_FRAME__BODY_FETCH_HISTORY;
    frame.fetch_history = &fetch;
    expect_problem(store_host_ask(&h, link, &frame), PROBLEM_OF(LIMIT));
    fetch.limit = CHAT_HISTORY_PAGE_MAX + 1;
    expect_problem(store_host_ask(&h, link, &frame), PROBLEM_OF(LIMIT));
}
END_TEST

/* --- changes --- */

START_TEST(changes_hold_the_latest_of_each_altered_message)
{
    const WireChangesPage *page;

    place_messages(_i);
    host_edit(&h, link, ann, channel, 100, 5, "a");
    host_edit(&h, link, ann, channel, 101, 50, "b");
    if (_i == ALL_APPLIED)
        store_host_wait(&h, 3000);
    host_edit(&h, link, ann, channel, 102, 5, "c");
    host_delete(&h, link, ann, channel, 103, 40);

    page = host_changes(&h, link, bob, channel, 0, 1, 60);
    ck_assert_uint_eq(page->n_messages, 3);
    ck_assert(!page->too_many);
    ck_assert_uint_eq(page->covered_to_rev, 4);
    ck_assert_uint_eq(page->head->rev, 4);
    ck_assert_uint_eq(page->messages[0]->seq, 50);
    ck_assert_uint_eq(page->messages[1]->seq, 5);
    ck_assert_uint_eq(page->messages[1]->rev, 3);
    ck_assert_str_eq(page->messages[1]->text, "c");
    ck_assert(page->messages[2]->deleted);
    page = host_changes(&h, link, bob, channel, 3, 1, 60);
    ck_assert_uint_eq(page->n_messages, 1);
    page = host_changes(&h, link, bob, channel, 0, 45, 60);
    ck_assert_uint_eq(page->n_messages, 1);
    page = host_changes(&h, link, bob, channel, 4, 1, 60);
    ck_assert_uint_eq(page->n_messages, 0);
    ck_assert_uint_eq(page->covered_to_rev, 4);
}
END_TEST

START_TEST(a_page_of_changes_holds_at_most_500_and_goes_on_from_there)
{
    const WireChangesPage *page;

    send_many(1, 520);
    for (uint64_t i = 1; i <= 520; i++)
        host_edit(&h, link, ann, channel, 1000 + i, i, "edited");
    store_host_wait(&h, 3000);
    page = host_changes(&h, link, bob, channel, 0, 1, 520);
    ck_assert_uint_eq(page->n_messages, CHAT_CHANGES_PAGE_MAX);
    ck_assert_uint_eq(page->covered_to_rev, 500);
    ck_assert_uint_eq(page->head->rev, 520);
    page = host_changes(&h, link, bob, channel, 500, 1, 520);
    ck_assert_uint_eq(page->n_messages, 20);
    ck_assert_uint_eq(page->messages[19]->seq, 520);
}
END_TEST

START_TEST(ranges_must_be_ascending_and_apart)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFetchChanges fetch = WIRE_FETCH_CHANGES__INIT;
    WireRange ranges[2] = {WIRE_RANGE__INIT, WIRE_RANGE__INIT};
    WireRange *list[2] = {&ranges[0], &ranges[1]};

    ranges[0].from_seq = 1;
    ranges[0].to_seq = 5;
    ranges[1].from_seq = 5;
    ranges[1].to_seq = 9;
    fetch.channel_id = channel;
    fetch.ranges = list;
    fetch.n_ranges = 2;
    frame.user_id = bob;
    frame.body_case = WIRE_LINK_FRAME__BODY_FETCH_CHANGES;
    frame.fetch_changes = &fetch;
    expect_problem(store_host_ask(&h, link, &frame), PROBLEM_OF(INVALID));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_pages");
    TCase *pages = tcase_create("pages");

    tcase_add_checked_fixture(pages, setup, teardown);
    tcase_add_loop_test(pages, pages_are_exact_both_ways_wherever_the_rows_are, 0, PLACES);
    tcase_add_test(pages, a_page_beyond_the_end_or_of_an_empty_channel_is_empty);
    tcase_add_test(pages, a_read_that_is_older_than_the_applier_misses_nothing);
    tcase_add_test(pages, a_read_that_waited_for_its_turn_misses_nothing_said_meanwhile);
    tcase_add_test(pages, a_page_is_cut_by_size_and_says_so);
    tcase_add_test(pages, a_page_limit_out_of_bounds_is_refused);
    tcase_add_loop_test(pages, a_page_around_a_message_is_exact_wherever_the_rows_are, 0, PLACES);
    tcase_add_test(pages, a_page_around_what_is_not_synced_ends_with_what_is);
    tcase_add_test(pages, around_in_an_empty_channel_there_is_nothing);
    tcase_add_test(pages, a_page_around_is_cut_by_size_where_it_is_farthest_away);
    tcase_add_loop_test(pages, a_message_is_found_by_its_id_wherever_its_row_is, 0, PLACES);
    tcase_add_test(pages, a_message_is_found_among_many);
    tcase_add_test(pages, in_an_empty_channel_no_id_is_found);
    tcase_add_loop_test(pages, changes_hold_the_latest_of_each_altered_message, 0, PLACES);
    tcase_add_test(pages, a_page_of_changes_holds_at_most_500_and_goes_on_from_there);
    tcase_add_test(pages, ranges_must_be_ascending_and_apart);
    suite_add_tcase(suite, pages);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
