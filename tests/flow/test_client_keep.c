/* What the cache keeps and what gives way; and searching it, through the whole client. */
#include "client/inner.h"
#include "client_rig.h"

static struct rig rig;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

static bool is_held(uint64_t channel_id, uint64_t seq)
{
    chat_page *page = NULL;
    bool held;

    ck_assert_int_eq(client_read(rig.core, channel_id, seq, 1, false, &page), CHAT_OK);
    held = chat_page_get_count(page) == 1 && chat_page_get_from_seq(page) == seq;
    chat_page_free(page);
    return held;
}

static uint64_t count_held(uint64_t channel_id)
{
    uint64_t held = 0;

    for (uint64_t seq = 1; seq <= rig_channel(&rig, channel_id)->seq; seq++)
        held += is_held(channel_id, seq);
    return held;
}

/* --- what is caught up --- */

START_TEST(by_default_the_newest_200_are_caught_up)
{
    struct client_config defaults;

    client_config_init(&defaults);
    rig.config.keep_max = defaults.keep_max;
    rig_store_many(&rig, CH, 1000);
    rig_start(&rig);
    rig_pull(&rig);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY), 1);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_GAP), 1);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_GAP)->to, 800);
    rig_expect_stream(&rig, CH, 801, 1000);
}
END_TEST

#define POSTS 1500

static chat_view *window;

static void pull_window(void)
{
    struct chat_diff diff = CHAT_DIFF_INIT;

    while (view_next_diff(window, &diff))
        ;
}

START_TEST(what_is_on_screen_is_asked_for_first_when_all_is_kept)
{
    const struct chat_view_config config = {.rows = 50, .rows_max = 200};
    bool found = false;

    rig_store_many(&rig, CH, 1000);
    rig_add_channel(&rig, CH2);
    rig_store_many(&rig, CH2, 1000);
    rig.keep_pages = true;
    rig_open(&rig);
    ck_assert_int_eq(view_open_messages(rig.core, CH2, &config, NULL, &window), CHAT_OK);
    pull_window();
    rig_start(&rig);
    /* The first page asked for is the end of what is looked at, the others follow. */
    for (size_t i = 0; i < rig.heard_count && !found; i++) {
        const struct rig_heard *h = &rig.heard[i];

        if (h->body != WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY)
            continue;
        ck_assert_uint_eq(h->channel_id, CH2);
        ck_assert(h->backwards);
        found = true;
    }
    ck_assert(found);
    rig.keep_pages = false;
    rig_cut(&rig, 1006);
    rig_wait(&rig, 5000);
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 1, 1000);
    rig_expect_stream(&rig, CH2, 1, 1000);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_GAP), 0);
    view_free(window);
}
END_TEST

/* --- what gives way --- */

/* Which seqs of the channel the events seen name as gaps, and with `messages` as messages. */
static void note(uint64_t channel_id, bool messages, bool told[POSTS + 1])
{
    for (size_t i = 0; i < rig.seen_count; i++) {
        const struct rig_seen *e = &rig.seen[i];

        if (e->channel_id == channel_id && e->type == CHAT_EVENT_MESSAGE && messages)
            told[e->seq] = true;
        for (uint64_t s = e->from;
             e->channel_id == channel_id && e->type == CHAT_EVENT_GAP && s <= e->to; s++)
            told[s] = true;
    }
}

/* Two channels full, the cache smaller than they are. */
static void outgrow(void)
{
    rig.config.keep_max = 20;
    rig.config.cache_bytes_max = 128u << 10;
    rig_add_channel(&rig, CH2);
    rig_start(&rig);
    for (int i = 0; i < POSTS; i++) {
        rig_post(&rig, CH, "a text of some length, so it takes its room");
        rig_post(&rig, CH2, "a text of some length, so it takes its room");
        if (i % 50 == 0)
            rig_wait(&rig, 100);
    }
    rig_wait(&rig, 5000);
}

START_TEST(a_cache_that_outgrows_its_size_drops_the_oldest_and_tells)
{
    bool told[POSTS + 1] = {false};
    uint64_t held;

    rig.config.events_max = 100000;
    outgrow();
    held = count_held(CH);
    ck_assert_uint_lt(held, 1400);
    ck_assert_uint_ge(held, 20);
    for (uint64_t seq = POSTS + 1 - held; seq <= POSTS; seq++)
        ck_assert(is_held(CH, seq)); /* the newest, in one piece */
    rig_pull(&rig);
    note(CH, true, told);
    for (uint64_t seq = 1; seq <= POSTS; seq++)
        ck_assert(told[seq]);
}
END_TEST

static uint64_t bytes_used(void)
{
    uint64_t bytes;

    ck_assert_int_eq(cache_bytes_used(rig.core->cache, &bytes), CHAT_OK);
    return bytes;
}

/* What is dropped is in the index for a while, and its room is not free before. */
START_TEST(a_cache_that_is_a_little_too_large_loses_a_little)
{
    const uint64_t max = 512u << 10;
    uint64_t posts = 0;

    rig.config.keep_max = 20;
    rig.config.cache_bytes_max = max;
    rig_start(&rig);
    while (bytes_used() <= max) {
        char text[48];

        posts++;
        snprintf(text, sizeof(text), "a%x b%x c%x d%x", (unsigned)posts * 7919,
                 (unsigned)posts * 104729, (unsigned)posts * 1299709, (unsigned)posts * 15485863);
        rig_post(&rig, CH, text);
        if (posts % 100 == 0)
            rig_wait(&rig, 2000); /* the index is up to date */
        ck_assert_uint_lt(posts, RIG_MESSAGES_MAX - 500);
    }
    for (int i = 0; i < 300; i++) /* it is looked at once in a while */
        rig_post(&rig, CH, "more");
    rig_wait(&rig, 20000);
    ck_assert_uint_le(bytes_used(), max);
    ck_assert_uint_ge(count_held(CH), posts * 2 / 3);
}
END_TEST

static void post_many(uint64_t channel_id, int count)
{
    for (int i = 0; i < count; i++) {
        rig_post(&rig, channel_id, "a text of some length, so it takes its room");
        if (i % 50 == 0)
            rig_wait(&rig, 100);
    }
}

/* News that an event of another kind parted wait as two entries: neither is to go early. */
START_TEST(all_that_waits_to_be_pulled_gives_way_after_what_was_pulled)
{
    rig.config.keep_max = 20;
    rig.config.cache_bytes_max = 256u << 10;
    rig.keep_sends = true;
    rig_add_channel(&rig, CH2);
    rig_start(&rig);
    post_many(CH2, 400);
    rig_pull(&rig);
    post_many(CH, 60);
    rig_type(&rig, CH, "parts them");
    post_many(CH, 60);
    post_many(CH2, 850);
    rig_wait(&rig, 10000);
    ck_assert(!is_held(CH2, 1));
    ck_assert_uint_eq(count_held(CH), 120);
}
END_TEST

START_TEST(who_follows_the_stream_is_told_what_was_dropped_of_it)
{
    bool dropped[POSTS + 1] = {false};

    rig.config.keep_max = 20;
    rig.config.cache_bytes_max = 128u << 10;
    rig_start(&rig);
    for (int i = 0; i < POSTS; i++) {
        rig_post(&rig, CH, "a text of some length, so it takes its room");
        if (i % 25 != 24)
            continue;
        rig_wait(&rig, 100);
        rig_pull(&rig);
        note(CH, false, dropped);
    }
    rig_wait(&rig, 5000);
    rig_pull(&rig);
    note(CH, false, dropped);
    for (uint64_t seq = 1; seq <= POSTS; seq++)
        ck_assert(dropped[seq] == !is_held(CH, seq));
    ck_assert(dropped[1]);
    ck_assert(!dropped[POSTS]);
}
END_TEST

START_TEST(what_is_on_screen_and_what_is_queued_never_give_way)
{
    const struct chat_view_config config = {.rows = 30, .rows_max = 30, .around_seq = 26};
    struct chat_nonce nonce;

    rig.keep_sends = true;
    rig.config.keep_max = 20;
    rig.config.cache_bytes_max = 128u << 10;
    rig_start(&rig);
    nonce = rig_type(&rig, CH, "typed");
    for (int i = 0; i < 100; i++)
        rig_post(&rig, CH, "the beginning that somebody looks at");
    ck_assert_int_eq(view_open_messages(rig.core, CH, &config, NULL, &window), CHAT_OK);
    pull_window();
    for (int i = 0; i < POSTS; i++) {
        rig_post(&rig, CH, "a text of some length, so it takes its room");
        if (i % 50 == 0)
            rig_wait(&rig, 10);
    }
    rig_wait(&rig, 5000);
    for (uint64_t seq = 11; seq <= 40; seq++)
        ck_assert(is_held(CH, seq));
    ck_assert(!is_held(CH, 10));
    ck_assert(!is_held(CH, 41));
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1);
    ck_assert_uint_ne(nonce.counter, 0);
    view_free(window); /* now it may */
    for (int i = 0; i < 600; i++)
        rig_post(&rig, CH, "a text of some length, so it takes its room");
    rig_wait(&rig, 5000);
    ck_assert(!is_held(CH, 11));
}
END_TEST

START_TEST(an_operation_that_is_in_is_over_when_its_message_gives_way)
{
    rig.config.keep_max = 0;
    rig_start(&rig);
    for (int i = 0; i < 20; i++)
        rig_post(&rig, CH, "words");
    rig.no_publish = true; /* the answer comes before what it did is to be seen */
    ck_assert_int_eq(client_react(rig.core, CH, 3, "+1", 2, false, NULL), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1);
    ck_assert(keep_drop(rig.core, channel_find(rig.core, CH), 1, 10));
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    rig_pull(&rig);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->out_state, CHAT_OUTGOING_DONE);
}
END_TEST

START_TEST(the_channel_shown_longest_ago_gives_way_first)
{
    chat_page *page = NULL;

    rig.config.keep_max = 20;
    rig.config.cache_bytes_max = 256u << 10;
    rig_add_channel(&rig, CH2);
    rig_start(&rig);
    for (int i = 0; i < 300; i++) {
        rig_post(&rig, CH, "a text of some length, so it takes its room");
        rig_post(&rig, CH2, "a text of some length, so it takes its room");
    }
    rig_wait(&rig, 120000);
    ck_assert_int_eq(client_read(rig.core, CH, 0, 10, true, &page), CHAT_OK);
    chat_page_free(page);
    for (int i = 0; i < 2700; i++) {
        rig_post(&rig, CH2, "a text of some length, so it takes its room");
        if (i % 50 == 0)
            rig_wait(&rig, 10);
    }
    rig_wait(&rig, 5000);
    ck_assert_uint_eq(count_held(CH), 300);
    ck_assert_uint_lt(count_held(CH2), 2900);
}
END_TEST

START_TEST(a_size_that_cannot_be_kept_ends_in_quiet)
{
    rig.config.keep_max = 0;
    rig.config.cache_bytes_max = 1; /* less than the empty file */
    rig_store_many(&rig, CH, 300);
    rig_start(&rig);
    rig_pull(&rig);
    rig_wait(&rig, 10000); /* timers end, or this would fail */
    rig_post(&rig, CH, "goes on");
    rig_pull(&rig);
    ck_assert_str_eq(rig_last(&rig, CHAT_EVENT_MESSAGE)->text, "goes on");
}
END_TEST

/* --- searching --- */

static uint64_t search(const char *text, uint64_t channel_id, uint64_t before, uint32_t limit)
{
    uint64_t ticket = 0;

    ck_assert_int_eq(
        client_search(rig.core, text, strlen(text), channel_id, before, limit, &ticket), CHAT_OK);
    ck_assert_uint_ne(ticket, 0);
    return ticket;
}

static struct chat_event answer;
static uint64_t hit_seqs[CHAT_SEARCH_PAGE_MAX];

/* The answer to it; of the hits their seqs. */
static void await(uint64_t ticket)
{
    struct chat_event e = CHAT_EVENT_INIT;

    for (int i = 0; i < 1000; i++) {
        rig_wait(&rig, 1);
        while (client_next_event(rig.core, &e)) {
            if (e.type != CHAT_EVENT_SEARCH || e.ticket != ticket)
                continue;
            answer = e;
            for (size_t h = 0; h < e.hits_count; h++) {
                hit_seqs[h] = e.hits[h]->seq;
                ck_assert_uint_ne(e.hits[h]->channel_id, 0);
                ck_assert_uint_eq(strlen(e.hits[h]->text), e.hits[h]->text_len);
            }
            return;
        }
    }
    ck_abort_msg("no answer");
}

START_TEST(a_search_is_answered_from_the_newest_on_page_by_page)
{
    rig_store_many(&rig, CH, 50); /* m1 .. m50 */
    rig_add_channel(&rig, CH2);
    rig_start(&rig);
    rig_post(&rig, CH, "the cat sat");
    rig_post(&rig, CH2, "a Cat ran");
    rig_post(&rig, CH, "cats");
    rig_wait(&rig, 500);
    ck_assert_uint_eq(client_search_backlog(rig.core), 0);

    await(search("cat", CH, 0, 10));
    ck_assert_int_eq(answer.status, CHAT_OK);
    ck_assert_uint_eq(answer.hits_count, 2);
    ck_assert_uint_eq(hit_seqs[0], 52);
    ck_assert_uint_eq(hit_seqs[1], 51);
    ck_assert(!answer.more);

    await(search("cat", CH, 0, 1));
    ck_assert_uint_eq(answer.hits_count, 1);
    ck_assert(answer.more);
    await(search("cat", CH, answer.next_before, 1));
    ck_assert_uint_eq(hit_seqs[0], 51);
    ck_assert(!answer.more);

    await(search("cat", 0, 0, 10));
    ck_assert_uint_eq(answer.hits_count, 3);
}
END_TEST

static void expect_greatest(const struct chat_message *m)
{
    ck_assert_uint_eq(strlen(m->text), CHAT_TEXT_MAX);
    ck_assert_uint_eq(m->extra_len, CHAT_EXTRA_MAX);
    ck_assert_uint_eq(m->mentions_count, CHAT_MENTIONS_MAX);
    ck_assert_uint_eq(m->reactions_count, CHAT_REACTION_KINDS_MAX);
    for (size_t i = 0; i < m->reactions_count; i++) {
        ck_assert_uint_eq(strlen(m->reactions[i]->emoji), CHAT_EMOJI_MAX);
        ck_assert_uint_eq(m->reactions[i]->count, CHAT_REACTIONS_MAX / CHAT_REACTION_KINDS_MAX);
        ck_assert_uint_gt(m->reactions[i]->user_ids[m->reactions[i]->count - 1], UINT64_MAX / 2);
    }
}

START_TEST(pages_and_hits_of_the_greatest_messages_come_whole)
{
    chat_page *page = NULL;

    rig_start(&rig);
    for (uint64_t seq = 1; seq <= CHAT_HISTORY_PAGE_MAX; seq++)
        rig_post_greatest(&rig, BOB);
    rig_wait(&rig, 5000);
    await(search("needle", 0, 0, CHAT_SEARCH_PAGE_MAX));
    ck_assert_int_eq(answer.status, CHAT_OK);
    ck_assert_uint_eq(answer.hits_count, CHAT_SEARCH_PAGE_MAX);
    for (size_t i = 0; i < answer.hits_count; i++)
        expect_greatest(answer.hits[i]);
    ck_assert_int_eq(client_read(rig.core, CH, 1, CHAT_HISTORY_PAGE_MAX, false, &page), CHAT_OK);
    ck_assert_uint_eq(chat_page_get_count(page), CHAT_HISTORY_PAGE_MAX);
    for (size_t i = 0; i < CHAT_HISTORY_PAGE_MAX; i++)
        expect_greatest(chat_page_get_message(page, i));
    chat_page_free(page);
}
END_TEST

START_TEST(new_messages_are_found_soon_even_while_more_keep_coming)
{
    rig_start(&rig);
    rig_post(&rig, CH, "needle");
    for (int i = 0; i < 60; i++) { /* never idle */
        rig_post(&rig, CH, "hay");
        rig_wait(&rig, 10);
    }
    await(search("needle", 0, 0, 10));
    ck_assert_uint_eq(answer.hits_count, 1);
}
END_TEST

START_TEST(a_search_works_without_any_link)
{
    rig_start(&rig);
    rig_post(&rig, CH, "needle");
    client_stop(rig.core);
    rig_turn(&rig);
    rig_wait(&rig, 500);
    await(search("needle", 0, 0, 10));
    ck_assert_uint_eq(answer.hits_count, 1);
}
END_TEST

START_TEST(what_cannot_be_searched_for_is_refused)
{
    char text[CHAT_SEARCH_MAX + 1];
    uint64_t ticket;

    rig_start(&rig);
    memset(text, 'a', sizeof(text));
    ck_assert_int_eq(client_search(rig.core, text, sizeof(text), 0, 0, 10, &ticket),
                     CHAT_E_INVALID);
    ck_assert_int_eq(client_search(rig.core, text, sizeof(text) - 1, 0, 0, 10, &ticket), CHAT_OK);
    ck_assert_int_eq(client_search(rig.core, "a", 0, 0, 0, 10, &ticket), CHAT_E_INVALID);
    ck_assert_int_eq(client_search(rig.core, "a\0b", 3, 0, 0, 10, &ticket), CHAT_E_INVALID);
    ck_assert_int_eq(client_search(rig.core, "\xff", 1, 0, 0, 10, &ticket), CHAT_E_INVALID);
    ck_assert_int_eq(client_search(rig.core, "a", 1, 0, 0, 0, &ticket), CHAT_E_INVALID);
    ck_assert_int_eq(client_search(rig.core, "a", 1, 0, 0, CHAT_SEARCH_PAGE_MAX + 1, &ticket),
                     CHAT_E_INVALID);
    ck_assert_int_eq(client_search(rig.core, "a", 1, 12345, 0, 10, &ticket), CHAT_E_NOT_FOUND);
    for (uint32_t i = 1; i < rig.config.requests_max; i++)
        ck_assert_int_eq(client_search(rig.core, "a", 1, 0, 0, 10, &ticket), CHAT_OK);
    ck_assert_int_eq(client_search(rig.core, "a", 1, 0, 0, 10, &ticket), CHAT_E_FULL);
    rig_wait(&rig, 10);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_SEARCH), rig.config.requests_max);
    ck_assert_int_eq(client_search(rig.core, "a", 1, 0, 0, 10, &ticket), CHAT_OK);
}
END_TEST

START_TEST(a_deleted_message_is_not_found)
{
    rig_start(&rig);
    rig_post(&rig, CH, "needle one");
    rig_post(&rig, CH, "needle two");
    rig_wait(&rig, 500);
    ck_assert_int_eq(client_delete(rig.core, CH, 1, NULL), CHAT_OK);
    rig_wait(&rig, 5);
    await(search("needle", 0, 0, 10));
    ck_assert_uint_eq(answer.hits_count, 1);
    ck_assert_uint_eq(hit_seqs[0], 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_keep");
    TCase *keeps = tcase_create("keeps"), *searches = tcase_create("searches");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(keeps, setup, teardown);
    tcase_set_timeout(keeps, 60);
    tcase_add_test(keeps, by_default_the_newest_200_are_caught_up);
    tcase_add_test(keeps, what_is_on_screen_is_asked_for_first_when_all_is_kept);
    tcase_add_test(keeps, a_cache_that_outgrows_its_size_drops_the_oldest_and_tells);
    tcase_add_test(keeps, a_cache_that_is_a_little_too_large_loses_a_little);
    tcase_add_test(keeps, all_that_waits_to_be_pulled_gives_way_after_what_was_pulled);
    tcase_add_test(keeps, who_follows_the_stream_is_told_what_was_dropped_of_it);
    tcase_add_test(keeps, what_is_on_screen_and_what_is_queued_never_give_way);
    tcase_add_test(keeps, an_operation_that_is_in_is_over_when_its_message_gives_way);
    tcase_add_test(keeps, the_channel_shown_longest_ago_gives_way_first);
    tcase_add_test(keeps, a_size_that_cannot_be_kept_ends_in_quiet);
    suite_add_tcase(suite, keeps);
    tcase_add_checked_fixture(searches, setup, teardown);
    tcase_add_test(searches, a_search_is_answered_from_the_newest_on_page_by_page);
    tcase_add_test(searches, pages_and_hits_of_the_greatest_messages_come_whole);
    tcase_add_test(searches, new_messages_are_found_soon_even_while_more_keep_coming);
    tcase_add_test(searches, a_search_works_without_any_link);
    tcase_add_test(searches, what_cannot_be_searched_for_is_refused);
    tcase_add_test(searches, a_deleted_message_is_not_found);
    suite_add_tcase(suite, searches);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
