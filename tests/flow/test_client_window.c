/* What a message window shows, whatever happens beneath it. */
#include "view_copy.h"

static struct rig rig;
static struct copy copy;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

static void start_with(uint64_t messages)
{
    rig_store_many(&rig, CH, messages);
    rig_start(&rig);
    rig_pull(&rig);
    copy_open(&copy, &rig, CH, NULL);
}

/* Turns of the machine, and of the application. */
static void settle(int64_t ms)
{
    rig_wait(&rig, ms);
    rig_pull(&rig);
    (void)copy_pull(&copy);
}

static const struct rig_heard *first_page(void)
{
    for (size_t i = 0; i < rig.heard_count; i++)
        if (rig.heard[i].body == WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY)
            return &rig.heard[i];
    ck_abort_msg("no page was asked for");
    return NULL;
}

START_TEST(it_opens_at_the_newest_messages)
{
    start_with(120);

    ck_assert_uint_eq(copy.count, 50);
    ck_assert_str_eq(copy.rows[0].text, "m71");
    ck_assert_str_eq(copy.rows[49].text, "m120");
    ck_assert(copy.status.at_latest && copy.status.can_load_older && !copy.status.can_load_newer);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_INSERT], 50);
}
END_TEST

START_TEST(a_message_that_comes_is_one_insert)
{
    start_with(3);
    rig_post(&rig, CH, "hello");
    (void)copy_pull(&copy);

    ck_assert_str_eq(copy_text(&copy), "m1|m2|m3|hello");
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_INSERT], 1);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_UPDATE] + copy.diffs[CHAT_DIFF_RESET], 0);
    ck_assert_uint_eq(copy_pull(&copy), 0);
}
END_TEST

START_TEST(c5_an_own_message_is_one_row_from_the_keystroke_on)
{
    uint64_t key;

    start_with(1);
    rig.keep_sends = true;
    rig_type(&rig, CH, "mine");
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy), "m1|mine*");
    key = copy.rows[1].key;

    rig_cut(&rig, 1006);
    rig_post(&rig, CH, "between");
    rig.keep_sends = false;
    settle(5000);
    ck_assert_str_eq(copy_text(&copy), "m1|between|mine");
    ck_assert_uint_eq(copy.rows[2].key, key);
    ck_assert_uint_eq(copy.rows[2].seq, 3);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_REMOVE] + copy.diffs[CHAT_DIFF_RESET], 0);
}
END_TEST

START_TEST(a_publication_before_the_acknowledgement_is_still_the_same_row)
{
    uint64_t key;

    start_with(0);
    rig.ack_last = true;
    rig_type(&rig, CH, "mine");
    (void)copy_pull(&copy);
    key = copy.rows[0].key;
    settle(10);

    ck_assert_str_eq(copy_text(&copy), "mine");
    ck_assert_uint_eq(copy.rows[0].key, key);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_UPDATE], 1);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_INSERT] + copy.diffs[CHAT_DIFF_REMOVE], 0);
}
END_TEST

START_TEST(a_refused_message_stays_until_it_is_discarded)
{
    struct chat_nonce nonce, again;
    uint64_t key;

    start_with(1);
    rig.op_problems = 1;
    rig.op_problem = WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN;
    rig.problem_retry = WIRE_RETRY__RETRY_NEVER;
    nonce = rig_type(&rig, CH, "no");
    settle(10);
    ck_assert_str_eq(copy_text(&copy), "m1|no!");
    key = copy.rows[1].key;

    rig.keep_sends = true;
    ck_assert_int_eq(client_resend(rig.core, &nonce, &again), CHAT_OK);
    settle(10);
    ck_assert_str_eq(copy_text(&copy), "m1|no*");
    ck_assert_uint_eq(copy.rows[1].key, key);

    rig_cut(&rig, 1006);
    rig.keep_sends = false;
    rig.op_problems = 1;
    settle(5000);
    ck_assert_str_eq(copy_text(&copy), "m1|no!");
    ck_assert_int_eq(client_discard(rig.core, &again), CHAT_OK);
    settle(10);
    ck_assert_str_eq(copy_text(&copy), "m1");
}
END_TEST

/* Its row moves while the outbox has nothing of it any more. */
START_TEST(a_message_that_gets_in_passes_those_that_were_refused)
{
    uint64_t key;

    start_with(0);
    rig.op_problems = 2;
    rig.op_problem = WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN;
    rig.problem_retry = WIRE_RETRY__RETRY_NEVER;
    rig_type(&rig, CH, "no");
    settle(1000);
    rig_type(&rig, CH, "nor this");
    settle(1000);
    rig.keep_sends = true;
    rig_type(&rig, CH, "mine");
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy), "no!|nor this!|mine*");
    key = copy.rows[2].key;

    rig_cut(&rig, 1006);
    rig.keep_sends = false;
    settle(5000);
    ck_assert_str_eq(copy_text(&copy), "mine|no!|nor this!");
    ck_assert_uint_eq(copy.rows[0].key, key);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_MOVE], 1);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_RESET], 0);
}
END_TEST

START_TEST(a_stale_nonce_does_not_cost_the_row_its_key)
{
    uint64_t key;

    start_with(1);
    rig.op_problems = 1;
    rig.op_problem = WIRE_PROBLEM_CODE__PROBLEM_NONCE_STALE;
    rig.problem_retry = WIRE_RETRY__RETRY_NEVER;
    rig_type(&rig, CH, "mine");
    (void)copy_pull(&copy);
    key = copy.rows[1].key;
    settle(2000);

    ck_assert_str_eq(copy_text(&copy), "m1|mine");
    ck_assert_uint_eq(copy.rows[1].key, key);
}
END_TEST

START_TEST(edits_and_deletions_are_updates_and_coalesce)
{
    start_with(5);
    for (int i = 0; i < 10; i++) {
        rig_alter(&rig, CH, 2, i == 9 ? "last" : "edit");
        rig_publish(&rig, CH, 2, true);
    }
    rig_channel(&rig, CH)->messages[4].deleted = true;
    rig_alter(&rig, CH, 4, "");
    rig_publish(&rig, CH, 4, true);
    (void)copy_pull(&copy);

    ck_assert_str_eq(copy_text(&copy), "m1|last|m3|x|m5");
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_UPDATE], 2);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_INSERT] + copy.diffs[CHAT_DIFF_REMOVE], 0);
}
END_TEST

START_TEST(an_own_edit_shows_before_it_is_in)
{
    const struct chat_content content = rig_content("better", 6);
    struct chat_nonce nonce;

    start_with(1);
    rig_type(&rig, CH, "mine");
    settle(10);
    rig.keep_sends = true;
    ck_assert_int_eq(client_edit(rig.core, CH, 2, &content, &nonce), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy), "m1|better~");
    ck_assert_int_eq(client_delete(rig.core, CH, 2, &nonce), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy), "m1|x~");

    rig_cut(&rig, 1006);
    rig.keep_sends = false;
    settle(5000);
    ck_assert_str_eq(copy_text(&copy), "m1|x");
}
END_TEST

START_TEST(a_refused_edit_shows_the_message_as_it_is)
{
    const struct chat_content content = rig_content("better", 6);
    const struct chat_row *row;
    struct chat_nonce nonce;

    start_with(0);
    rig_type(&rig, CH, "mine");
    settle(10);
    rig.op_problems = 1;
    rig.op_problem = WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN;
    rig.problem_retry = WIRE_RETRY__RETRY_NEVER;
    rig.on_frame = NULL;
    ck_assert_int_eq(client_edit(rig.core, CH, 1, &content, &nonce), CHAT_OK);
    rig.keep_sends = true;
    settle(10);
    rig_problem(&rig, rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE)->request_id,
                WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN, WIRE_RETRY__RETRY_NEVER, 0);
    settle(10);

    ck_assert_str_eq(copy_text(&copy), "mine~");
    ck_assert(view_get_row(copy.view, 0, &row));
    ck_assert_int_eq(row->change, CHAT_OUTGOING_EDIT);
    ck_assert_int_eq(row->change_state, CHAT_OUTGOING_REFUSED);
    ck_assert_int_eq(row->change_status, CHAT_E_FORBIDDEN);
    ck_assert_uint_eq(row->change_nonce.counter, nonce.counter);
    ck_assert_int_eq(client_discard(rig.core, &nonce), CHAT_OK);
    settle(10);
    ck_assert_str_eq(copy_text(&copy), "mine");
}
END_TEST

START_TEST(scrolling_up_fetches_what_is_not_held)
{
    rig.config.keep_max = 10;
    start_with(100);
    settle(10);
    ck_assert_uint_eq(copy.count, 50); /* driven by the window, not only the last 10 */
    ck_assert_str_eq(copy.rows[0].text, "m51");

    ck_assert_int_eq(view_load_older(copy.view, 30), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy.rows[0].text, "[21-50]");
    settle(10);
    ck_assert_uint_eq(copy.count, 80);
    ck_assert_str_eq(copy.rows[0].text, "m21");
    ck_assert_int_eq(view_load_older(copy.view, 500), CHAT_OK);
    settle(10);
    ck_assert_str_eq(copy.rows[0].text, "m1");
    ck_assert(!copy.status.can_load_older);
    ck_assert_int_eq(view_load_older(copy.view, 1), CHAT_E_NOT_FOUND);
    copy_expect_cache(&copy, &rig, CH);
}
END_TEST

START_TEST(without_a_link_all_that_is_held_can_be_scrolled_to)
{
    uint64_t ticket;

    rig.config.keep_max = 10;
    rig_store_many(&rig, CH, 100);
    rig_start(&rig);
    ck_assert_int_eq(client_fetch_history(rig.core, CH, 1, 20, false, &ticket), CHAT_OK);
    rig_wait(&rig, 10);
    client_stop(rig.core);
    rig_turn(&rig);
    copy_open(&copy, &rig, CH,
              &(struct chat_view_config){
                  .size = sizeof(struct chat_view_config), .rows = 5, .rows_max = 100});
    ck_assert_str_eq(copy_text(&copy), "m96|m97|m98|m99|m100");
    ck_assert_int_eq(view_load_older(copy.view, 8), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy),
                     "m18|m19|m20|[21-90]|m91|m92|m93|m94|m95|m96|m97|m98|m99|m100");

    ck_assert_int_eq(client_start(rig.core), CHAT_OK);
    settle(10);
    ck_assert_uint_eq(copy.count, 83);
    copy_expect_cache(&copy, &rig, CH);
}
END_TEST

START_TEST(what_is_on_screen_is_fetched_before_anything_else)
{
    rig_add_channel(&rig, CH2);
    rig_store_many(&rig, CH, 2000);
    rig_store_many(&rig, CH2, 2000);
    rig.config.lanes_max = 1;
    rig_open(&rig);
    copy_open(&copy, &rig, CH2, NULL); /* not known yet: it comes to life */
    ck_assert_uint_eq(copy.count, 0);
    ck_assert_ptr_null(copy.status.channel);
    rig_start(&rig);
    (void)copy_pull(&copy);

    ck_assert_uint_eq(first_page()->channel_id, CH2);
    ck_assert_uint_eq(first_page()->start, 2000);
    ck_assert(first_page()->backwards);
    ck_assert_uint_eq(copy.count, 50);
    ck_assert_str_eq(copy.rows[49].text, "m2000");
}
END_TEST

START_TEST(after_a_long_absence_the_newest_come_in_one_round_trip)
{
    start_with(100);
    rig_cut(&rig, 1006);
    rig_store_many(&rig, CH, 3000);
    rig.heard_count = 0;
    settle(2000);

    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_RESET], 1);
    ck_assert_uint_eq(copy.count, 50);
    ck_assert_str_eq(copy.rows[49].text, "m3100");
    ck_assert(first_page()->backwards);
    ck_assert_uint_eq(first_page()->start, 3100);
    ck_assert_uint_eq(first_page()->limit, 50);
    copy_expect_cache(&copy, &rig, CH);
}
END_TEST

START_TEST(who_reads_older_messages_is_not_torn_away)
{
    start_with(300);
    ck_assert_int_eq(view_jump_to(copy.view, 100), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_RESET], 1);
    ck_assert_str_eq(copy.rows[0].text, "m75");
    ck_assert(!copy.status.at_latest && copy.status.can_load_newer);

    rig_post(&rig, CH, "new");
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy.rows[0].text, "m75");
    ck_assert_uint_eq(copy.count, 50);
    rig_type(&rig, CH, "mine"); /* behind the newest message, not here */
    settle(10);
    ck_assert_uint_eq(copy.count, 50);
    ck_assert_int_eq(view_load_newer(copy.view, 1000), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert(copy.status.at_latest);
    ck_assert_str_eq(copy.rows[copy.count - 1].text, "mine");
    ck_assert_int_eq(view_jump_to_latest(copy.view), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_uint_eq(copy.count, 50);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_RESET], 0); /* it was shown already */
}
END_TEST

START_TEST(a_jump_into_a_gap_fetches_around_it)
{
    rig.config.keep_max = 10;
    start_with(1000);
    settle(10);
    ck_assert_int_eq(view_jump_to(copy.view, 300), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy), "[275-324]");
    settle(10);
    ck_assert_uint_eq(copy.count, 50);
    ck_assert_str_eq(copy.rows[25].text, "m300");
    copy_expect_cache(&copy, &rig, CH);
}
END_TEST

START_TEST(it_is_bounded_and_drops_the_far_end)
{
    struct chat_view_config config = copy_config();

    config.rows = config.rows_max = 20;
    rig_store_many(&rig, CH, 100);
    rig_start(&rig);
    copy_open(&copy, &rig, CH, &config);
    for (int i = 0; i < 30; i++)
        rig_post(&rig, CH, "live");
    (void)copy_pull(&copy);
    ck_assert_uint_eq(copy.count, 20);
    ck_assert_str_eq(copy.rows[0].text, "live");
    ck_assert(copy.status.at_latest);

    ck_assert_int_eq(view_load_older(copy.view, 20), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_uint_eq(copy.count, 20);
    ck_assert_uint_eq(copy.rows[0].seq, 91);
    ck_assert(!copy.status.at_latest && copy.status.can_load_newer);
    ck_assert_int_eq(view_load_newer(copy.view, 5), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_uint_eq(copy.rows[0].seq, 96);
    ck_assert_uint_eq(copy.count, 20);
}
END_TEST

START_TEST(the_visible_rows_say_which_end_is_far)
{
    struct chat_view_config config = copy_config();

    config.rows = 20;
    config.rows_max = 40;
    rig_store_many(&rig, CH, 100);
    rig_start(&rig);
    copy_open(&copy, &rig, CH, &config);
    ck_assert_int_eq(view_load_older(copy.view, 20), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_int_eq(view_set_visible(copy.view, 30, 39), CHAT_OK); /* the end */
    rig_post(&rig, CH, "new");
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy.rows[39].text, "new");
    ck_assert_uint_eq(copy.rows[0].seq, 62);

    ck_assert_int_eq(view_set_visible(copy.view, 0, 9), CHAT_OK);
    rig_post(&rig, CH, "newer");
    (void)copy_pull(&copy);
    ck_assert_uint_eq(copy.rows[0].seq, 62); /* what is looked at stays */
    ck_assert(copy.status.can_load_newer);
    ck_assert_int_eq(view_set_visible(copy.view, 5, 40), CHAT_E_INVALID);
    ck_assert_int_eq(view_set_visible(copy.view, 5, 4), CHAT_E_INVALID);
}
END_TEST

START_TEST(a_notice_comes_once_until_the_diffs_are_pulled)
{
    start_with(1);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_VIEW), 0);
    rig_post(&rig, CH, "a");
    rig_post(&rig, CH, "b");
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_VIEW), 1);
    rig_post(&rig, CH, "c");
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_VIEW), 0);
    ck_assert(chat_view_is_ready(copy.view));
    (void)copy_pull(&copy);
    ck_assert(!chat_view_is_ready(copy.view));
    rig_post(&rig, CH, "d");
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_VIEW), 1);
}
END_TEST

START_TEST(reading_marks_up_to_the_newest_visible_message)
{
    start_with(10);
    ck_assert_int_eq(view_set_visible(copy.view, 2, 6), CHAT_OK);
    ck_assert_int_eq(view_mark_read(copy.view), CHAT_OK);
    settle(10);
    ck_assert_uint_eq(client_channel(rig.core, CH)->read_seq, 7);
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 3);
}
END_TEST

START_TEST(a_heartbeat_brings_what_was_never_published)
{
    start_with(1);
    rig_store_many(&rig, CH, 1);
    rig_wait(&rig, 31000); /* the answer tells what was never published */
    settle(1000);
    ck_assert_str_eq(copy_text(&copy), "m1|m2");
}
END_TEST

static uint32_t watches;
static uint64_t watched_id;

static bool hear_watch(struct rig *r, const WireClientFrame *f)
{
    (void)r;
    if (f->body_case == WIRE_CLIENT_FRAME__BODY_WATCH_PRESENCE) {
        watches++;
        watched_id = f->watch_presence->n_user_ids ? f->watch_presence->user_ids[0] : 0;
    }
    return false;
}

START_TEST(presence_of_who_is_shown_is_watched_and_shown)
{
    WirePresenceBatch batch = WIRE_PRESENCE_BATCH__INIT;
    WirePresence online = WIRE_PRESENCE__INIT, *pointer = &online;
    const struct chat_row *row;

    watches = 0;
    rig.on_frame = hear_watch;
    start_with(3);
    settle(2000);
    ck_assert_uint_eq(watches, 1);
    ck_assert_uint_eq(watched_id, BOB);
    online.user_id = BOB;
    online.state = WIRE_PRESENCE_STATE__PRESENCE_STATE_ONLINE;
    batch.users = &pointer;
    batch.n_users = 1;
    RIG_SAY(&rig, 0, PRESENCE, presence, &batch);
    (void)copy_pull(&copy);
    ck_assert(view_get_row(copy.view, 0, &row));
    ck_assert_int_eq(row->presence, CHAT_PRESENCE_ONLINE);
    ck_assert_int_eq(copy.status.presence, CHAT_PRESENCE_ONLINE);
    for (int i = 0; i < 20; i++)
        rig_post(&rig, CH, "live"); /* nobody new: nothing to ask */
    settle(5000);
    ck_assert_uint_eq(watches, 1);
    view_free(copy.view);
    rig_wait(&rig, 2000);
    ck_assert_uint_eq(watches, 2);
    ck_assert_uint_eq(watched_id, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_window");
    TCase *shown = tcase_create("shown");
    TCase *moved = tcase_create("moved");

    tcase_add_checked_fixture(shown, setup, teardown);
    tcase_add_test(shown, it_opens_at_the_newest_messages);
    tcase_add_test(shown, a_message_that_comes_is_one_insert);
    tcase_add_test(shown, c5_an_own_message_is_one_row_from_the_keystroke_on);
    tcase_add_test(shown, a_publication_before_the_acknowledgement_is_still_the_same_row);
    tcase_add_test(shown, a_refused_message_stays_until_it_is_discarded);
    tcase_add_test(shown, a_message_that_gets_in_passes_those_that_were_refused);
    tcase_add_test(shown, a_stale_nonce_does_not_cost_the_row_its_key);
    tcase_add_test(shown, edits_and_deletions_are_updates_and_coalesce);
    tcase_add_test(shown, an_own_edit_shows_before_it_is_in);
    tcase_add_test(shown, a_refused_edit_shows_the_message_as_it_is);
    tcase_add_test(shown, a_notice_comes_once_until_the_diffs_are_pulled);
    suite_add_tcase(suite, shown);

    tcase_add_checked_fixture(moved, setup, teardown);
    tcase_add_test(moved, scrolling_up_fetches_what_is_not_held);
    tcase_add_test(moved, without_a_link_all_that_is_held_can_be_scrolled_to);
    tcase_add_test(moved, what_is_on_screen_is_fetched_before_anything_else);
    tcase_add_test(moved, after_a_long_absence_the_newest_come_in_one_round_trip);
    tcase_add_test(moved, who_reads_older_messages_is_not_torn_away);
    tcase_add_test(moved, a_jump_into_a_gap_fetches_around_it);
    tcase_add_test(moved, it_is_bounded_and_drops_the_far_end);
    tcase_add_test(moved, the_visible_rows_say_which_end_is_far);
    tcase_add_test(moved, reading_marks_up_to_the_newest_visible_message);
    tcase_add_test(moved, presence_of_who_is_shown_is_watched_and_shown);
    tcase_add_test(moved, a_heartbeat_brings_what_was_never_published);
    suite_add_tcase(suite, moved);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
