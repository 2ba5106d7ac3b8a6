/* What a channel list shows, and counts of unread messages: right after whatever happened. */
#include "base/rng.h"
#include "view_copy.h"

static struct rig rig;
static struct copy copy;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

static void settle(int64_t ms)
{
    rig_wait(&rig, ms);
    rig_pull(&rig);
    (void)copy_pull(&copy);
}

/* Ids as a store gives them: they carry the time. */
static uint64_t id_at(int64_t wall_ms)
{
    return (uint64_t)(wall_ms - INT64_C(1704067200000)) << 22;
}

static void post_at(uint64_t channel_id, const char *text, int64_t wall_ms)
{
    struct rig_channel *ch = rig_channel(&rig, channel_id);
    uint64_t seq = rig_store(&rig, channel_id, BOB, text, 9, ch->seq + 1);

    ch->messages[seq].message_id = id_at(wall_ms);
    rig_publish(&rig, channel_id, seq, false);
    rig_turn(&rig);
}

#define NOON INT64_C(1750000000000)

static void start(void)
{
    rig.now.wall_ms = NOON;
    rig_add_channel(&rig, CH2);
    rig_start(&rig);
    rig_wait(&rig, 1000);
    rig_pull(&rig);
    copy_open(&copy, &rig, 0, NULL);
}

static uint64_t unread_of(uint64_t channel_id)
{
    return client_channel(rig.core, channel_id)->unread;
}

START_TEST(the_latest_activity_comes_first)
{
    start();
    post_at(CH, "one", NOON + 1000);
    post_at(CH2, "two", NOON + 2000);
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy), "bob/1/two|bob/1/one");
    ck_assert_uint_eq(copy.rows[0].key, CH2);

    post_at(CH, "three", NOON + 3000);
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy), "bob/2/three|bob/1/two");
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_MOVE], 1);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_UPDATE], 1);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_INSERT] + copy.diffs[CHAT_DIFF_REMOVE], 0);
    ck_assert_uint_eq(copy.status.unread, 3);
    ck_assert_uint_eq(copy.status.unread_channels, 2);
}
END_TEST

START_TEST(what_one_types_is_activity_at_once)
{
    start();
    post_at(CH, "one", NOON + 100);
    post_at(CH2, "two", NOON + 200);
    rig.keep_sends = true;
    rig_type(&rig, CH, "mine");
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy), "bob/1/mine|bob/1/two");
}
END_TEST

START_TEST(a_list_that_is_opened_again_knows_what_happened_meanwhile)
{
    start();
    post_at(CH, "one", NOON + 100);
    post_at(CH2, "two", NOON + 200);
    (void)copy_pull(&copy);
    view_free(copy.view);
    rig.keep_sends = true;
    rig_type(&rig, CH, "mine");
    copy_open(&copy, &rig, 0, NULL);
    ck_assert_str_eq(copy_text(&copy), "bob/1/mine|bob/1/two");
}
END_TEST

START_TEST(only_what_is_different_is_told)
{
    start();
    post_at(CH, "one", NOON + 1000);
    (void)copy_pull(&copy);
    ck_assert_uint_eq(copy_pull(&copy), 0);
    settle(31000); /* a heartbeat */
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_INSERT] + copy.diffs[CHAT_DIFF_REMOVE] +
                          copy.diffs[CHAT_DIFF_UPDATE] + copy.diffs[CHAT_DIFF_MOVE],
                      0);
}
END_TEST

START_TEST(a_channel_comes_and_goes)
{
    WireChannelRemoved removed = WIRE_CHANNEL_REMOVED__INIT;

    start();
    ck_assert_uint_eq(copy.count, 2);
    removed.channel_id = CH;
    RIG_SAY(&rig, 0, CHANNEL_REMOVED, channel_removed, &removed);
    settle(10);
    ck_assert_uint_eq(copy.count, 1);
    ck_assert_uint_eq(copy.rows[0].key, CH2);
    rig_list(&rig);
    settle(10);
    ck_assert_uint_eq(copy.count, 2);
}
END_TEST

START_TEST(unread_only_leaves_out_what_was_read)
{
    struct chat_view_config config = copy_config();

    start();
    view_free(copy.view);
    config.only_unread = true;
    copy_open(&copy, &rig, 0, &config);
    ck_assert_uint_eq(copy.count, 0);
    post_at(CH2, "two", NOON + 1000);
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy), "bob/1/two");
    ck_assert_int_eq(client_mark_read(rig.core, CH2, 1), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_uint_eq(copy.count, 0);
}
END_TEST

static uint32_t users_request;

static bool keep_users(struct rig *r, const WireClientFrame *f)
{
    (void)r;
    if (f->body_case != WIRE_CLIENT_FRAME__BODY_FETCH_USERS)
        return false;
    users_request = f->request_id;
    return true;
}

START_TEST(a_name_that_is_learned_is_an_update_everywhere)
{
    static struct copy window;
    const struct chat_row *row;
    WireUsers users = WIRE_USERS__INIT;
    WireUser user = WIRE_USER__INIT, *pointer = &user;

    rig.on_frame = keep_users;
    start();
    rig_post(&rig, CH, "hi");
    copy_open(&window, &rig, CH, NULL);
    (void)copy_pull(&copy);
    ck_assert_uint_eq(copy_key(&copy, "/1/hi"), CH); /* nobody knows his name */
    ck_assert(view_get_row(window.view, 0, &row));
    ck_assert_str_eq(row->author_name, "");

    user.user_id = BOB;
    user.name = (char *)"bob";
    users.users = &pointer;
    users.n_users = 1;
    RIG_SAY(&rig, users_request, USERS, users, &users);
    (void)copy_pull(&copy);
    (void)copy_pull(&window);
    ck_assert_uint_eq(copy_key(&copy, "bob/1/hi"), CH);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_UPDATE], 2); /* he is the peer of both */
    ck_assert_uint_eq(window.diffs[CHAT_DIFF_UPDATE], 1);
    ck_assert_str_eq(window.status.title, "bob");
    ck_assert(view_get_row(window.view, 0, &row));
    ck_assert_str_eq(row->author_name, "bob");
}
END_TEST

START_TEST(a_window_in_the_list_is_refused)
{
    start();
    ck_assert_int_eq(view_load_older(copy.view, 1), CHAT_E_INVALID);
    ck_assert_int_eq(view_load_newer(copy.view, 1), CHAT_E_INVALID);
    ck_assert_int_eq(view_jump_to(copy.view, 1), CHAT_E_INVALID);
    ck_assert_int_eq(view_jump_to_latest(copy.view), CHAT_E_INVALID);
    ck_assert_int_eq(view_mark_read(copy.view), CHAT_E_INVALID);
}
END_TEST

/* --- complaint C9: wrong unread counts, duplicates, messages missed on resume --- */

/* OpenIM #195: counts of what came while away are wrong. */
START_TEST(c9_unread_counts_what_came_while_away)
{
    start();
    post_at(CH, "one", NOON + 1);
    rig_cut(&rig, 1006);
    rig_store_many(&rig, CH, 7);
    settle(3000);
    ck_assert_uint_eq(unread_of(CH), 8);
    ck_assert_uint_eq(copy.status.unread, 8);
}
END_TEST

/* OpenIM #556: a message that was deleted counts on. */
START_TEST(c9_deleted_messages_do_not_count)
{
    start();
    for (int i = 0; i < 5; i++)
        post_at(CH, "one", NOON + i);
    ck_assert_uint_eq(unread_of(CH), 5);
    rig_channel(&rig, CH)->messages[3].deleted = true;
    rig_alter(&rig, CH, 3, "");
    rig_publish(&rig, CH, 3, true);
    settle(10);
    ck_assert_uint_eq(unread_of(CH), 4);

    rig_cut(&rig, 1006);
    rig_channel(&rig, CH)->messages[4].deleted = true;
    rig_alter(&rig, CH, 4, "");
    settle(3000);
    ck_assert_uint_eq(unread_of(CH), 3);
    rig_alter(&rig, CH, 5, "edited"); /* an edit is no news */
    rig_publish(&rig, CH, 5, true);
    settle(10);
    ck_assert_uint_eq(unread_of(CH), 3);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 4), CHAT_OK);
    ck_assert_uint_eq(unread_of(CH), 1);
}
END_TEST

/* OpenIM #865: what was read on another device counts on. */
START_TEST(c9_reading_on_another_device_counts_here)
{
    WireCursor cursor = WIRE_CURSOR__INIT;

    start();
    for (int i = 0; i < 5; i++)
        post_at(CH, "one", NOON + i);
    cursor.channel_id = CH;
    cursor.read_seq = 3;
    RIG_SAY(&rig, 0, CURSOR, cursor, &cursor);
    settle(10);
    ck_assert_uint_eq(unread_of(CH), 2);
    ck_assert_str_eq(copy.rows[0].text, "bob/2/one");

    rig_cut(&rig, 1006);
    rig_channel(&rig, CH)->read_seq = 5;
    settle(3000);
    ck_assert_uint_eq(unread_of(CH), 0);
    cursor.read_seq = 2; /* an older one that comes late moves nothing back */
    RIG_SAY(&rig, 0, CURSOR, cursor, &cursor);
    settle(10);
    ck_assert_uint_eq(unread_of(CH), 0);
}
END_TEST

/* OpenIM #971: messages missed on resume; the head tells, and everything heals by itself. */
START_TEST(c9_a_head_alone_heals_the_count_and_the_messages)
{
    start();
    post_at(CH, "one", NOON + 1);
    rig_store_many(&rig, CH, 2); /* their publications are lost */
    settle(35000);
    ck_assert_uint_eq(unread_of(CH), 3);
    ck_assert_uint_eq(copy_key(&copy, "bob/3/m3"), CH);
}
END_TEST

START_TEST(c9_a_resume_brings_each_message_once)
{
    struct copy *window = calloc(1, sizeof(*window));

    start();
    copy_open(window, &rig, CH, NULL);
    for (int round = 0; round < 5; round++) {
        rig_post(&rig, CH, "live");
        rig_cut(&rig, 1006);
        rig_store_many(&rig, CH, 2);
        rig_wait(&rig, 5000);
        rig_publish(&rig, CH, rig_channel(&rig, CH)->seq, false); /* again */
        rig_turn(&rig);
        rig_pull(&rig);
        (void)copy_pull(window);
    }
    ck_assert_uint_eq(window->count, 15);
    copy_expect_cache(window, &rig, CH);
    ck_assert_uint_eq(unread_of(CH), 15);
    view_free(window->view);
    free(window);
}
END_TEST

START_TEST(c9_own_messages_from_another_device_are_read)
{
    WireCursor cursor = WIRE_CURSOR__INIT;

    start();
    post_at(CH, "one", NOON + 1);
    rig_store(&rig, CH, ME, "from the phone", 77, 1);
    rig_publish(&rig, CH, 2, false);
    cursor.channel_id = CH;
    cursor.read_seq = 2; /* sending reads up to it, says the user's home */
    RIG_SAY(&rig, 0, CURSOR, cursor, &cursor);
    settle(10);
    ck_assert_uint_eq(unread_of(CH), 0);
}
END_TEST

/* Of what is not held only the server knows how much was deleted; of the rest we do. */
START_TEST(c9_what_is_held_counts_even_when_not_all_is)
{
    rig.config.keep_max = 10;
    start();
    rig_cut(&rig, 1006);
    rig_store_many(&rig, CH, 100);
    rig_channel(&rig, CH)->messages[95].deleted = true;
    rig_alter(&rig, CH, 95, "");
    settle(3000);
    ck_assert_uint_eq(unread_of(CH), 99);
}
END_TEST

/* 100 messages of which the newest 10 are held; 3, 4 and 95 are deleted. */
static void start_with_a_part(void)
{
    static WireChannelSettings settings = WIRE_CHANNEL_SETTINGS__INIT;

    settings.channel_id = CH;
    rig.config.keep_max = 10;
    start();
    rig_cut(&rig, 1006);
    rig_channel(&rig, CH)->settings = &settings;
    rig_store_many(&rig, CH, 100);
    for (int i = 0; i < 3; i++) {
        const uint64_t seq = (const uint64_t[]){3, 4, 95}[i];

        rig_channel(&rig, CH)->messages[seq].deleted = true;
        rig_alter(&rig, CH, seq, "");
    }
    settle(3000);
}

static void delete_live(uint64_t seq)
{
    rig_channel(&rig, CH)->messages[seq].deleted = true;
    rig_alter(&rig, CH, seq, "");
    rig_publish(&rig, CH, seq, true);
    rig_publish(&rig, CH, seq, true); /* twice: as good as once */
    settle(10);
}

START_TEST(c9_deleted_ones_that_are_not_held_do_not_count)
{
    start_with_a_part();
    ck_assert_uint_eq(unread_of(CH), 97);
    delete_live(5); /* not held */
    ck_assert_uint_eq(unread_of(CH), 96);
    delete_live(96); /* held */
    ck_assert_uint_eq(unread_of(CH), 95);
    ck_assert_uint_eq(copy.status.unread, 95);
    rig_channel(&rig, CH)->settings = NULL; /* a list that does not say */
    rig_list(&rig);
    settle(10);
    ck_assert_uint_eq(unread_of(CH), 95);
    rig_post(&rig, CH, "new");
    settle(10);
    ck_assert_uint_eq(unread_of(CH), 96);
}
END_TEST

START_TEST(c9_what_the_cursor_passed_is_known_where_it_is_held)
{
    uint64_t ticket;

    start_with_a_part();
    ck_assert_int_eq(client_fetch_history(rig.core, CH, 1, 6, false, &ticket), CHAT_OK);
    settle(100);
    ck_assert_uint_eq(unread_of(CH), 97);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 3), CHAT_OK);
    settle(100);
    ck_assert_uint_eq(unread_of(CH), 95); /* of 4 to 100 all but 4 and 95 */
    delete_live(50);
    ck_assert_uint_eq(unread_of(CH), 94);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 100), CHAT_OK);
    ck_assert_uint_eq(unread_of(CH), 0);
}
END_TEST

/* Then they count as unread, until the server says it anew: nothing unread is ever hidden. */
START_TEST(c9_what_another_device_passed_unseen_is_counted_at_the_next_list)
{
    WireCursor cursor = WIRE_CURSOR__INIT;

    start_with_a_part();
    cursor.channel_id = CH;
    cursor.read_seq = rig_channel(&rig, CH)->read_seq = 3;
    RIG_SAY(&rig, 0, CURSOR, cursor, &cursor);
    settle(10);
    ck_assert_uint_eq(unread_of(CH), 96); /* 4 may be deleted, or not; 95 is held */
    rig_cut(&rig, 1006);
    settle(3000);
    ck_assert_uint_eq(unread_of(CH), 95);
}
END_TEST

START_TEST(rewritten_history_counts_anew)
{
    start();
    for (int i = 0; i < 9; i++)
        post_at(CH, "one", NOON + i);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 5), CHAT_OK);
    settle(10);
    rig_cut(&rig, 1006);
    rig_channel(&rig, CH)->epoch++;
    rig_channel(&rig, CH)->seq = 3;
    rig_channel(&rig, CH)->read_seq = 0;
    settle(3000);
    ck_assert_uint_eq(unread_of(CH), 0);
    rig_post(&rig, CH, "new");
    settle(10);
    ck_assert_uint_eq(unread_of(CH), 1);
}
END_TEST

/* --- anything at all --- */

static void expect_state(bool only_unread)
{
    const struct chat_channel *channel;
    uint64_t after = 0, unread = 0;
    uint32_t count = 0;
    char text[64];

    while ((channel = client_next_channel(rig.core, after))) {
        after = channel->channel_id;
        unread += channel->unread;
        if (only_unread && !channel->unread)
            continue;
        count++;
        snprintf(text, sizeof(text), "/%llu/", (unsigned long long)channel->unread);
        for (uint32_t i = 0; i < copy.count; i++)
            if (copy.rows[i].key == after)
                ck_assert_ptr_nonnull(strstr(copy.rows[i].text, text));
    }
    ck_assert_uint_eq(copy.count, count);
    ck_assert_uint_eq(copy.status.unread, unread);
}

static void act(struct rng *rng)
{
    uint64_t channel_id = rng_below(rng, 2) ? CH : CH2, what = rng_below(rng, 10);
    struct rig_channel *ch = rig_channel(&rig, channel_id);
    WireChannelRemoved removed = WIRE_CHANNEL_REMOVED__INIT;

    if (what < 3) {
        post_at(channel_id, "live", NOON + (int64_t)rng_below(rng, 100000));
    } else if (what == 3) {
        rig_store_many(&rig, channel_id, 3);
    } else if (what == 4 && client_channel(rig.core, channel_id) && ch->seq) {
        (void)client_mark_read(rig.core, channel_id, 1 + rng_below(rng, ch->seq));
    } else if (what == 5 && ch->seq) {
        uint64_t seq = 1 + rng_below(rng, ch->seq);

        ch->messages[seq].deleted = true;
        rig_alter(&rig, channel_id, seq, "");
        if (rng_below(rng, 2))
            rig_publish(&rig, channel_id, seq, true);
    } else if (what == 6) {
        (void)rig_try_send(&rig, channel_id, "mine", 4, NULL);
    } else if (what == 7 && rig.link) {
        rig_cut(&rig, 1006);
    } else if (what == 8) {
        removed.channel_id = channel_id;
        RIG_SAY(&rig, 0, CHANNEL_REMOVED, channel_removed, &removed);
        if (rng_below(rng, 2))
            rig_list(&rig);
    } else {
        rig_wait(&rig, (int64_t)rng_below(rng, 4000));
    }
}

START_TEST(any_history_leads_to_the_state_of_the_channels)
{
    struct chat_view_config config = copy_config();
    struct rng rng;

    rng_seed(&rng, (uint64_t)_i + 1);
    rig.config.keep_max = _i % 3 == 0 ? 5 : 0;
    config.only_unread = _i % 2;
    start();
    view_free(copy.view);
    copy_open(&copy, &rig, 0, &config);
    for (int round = 0; round < 300; round++) {
        act(&rng);
        rig_pull(&rig);
        if (rng_below(&rng, 3) == 0)
            (void)copy_pull_some(&copy, (uint32_t)rng_below(&rng, 3));
        if (rng_below(&rng, 4) == 0) {
            (void)copy_pull(&copy);
            expect_state(config.only_unread);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_channels");
    TCase *list = tcase_create("list");
    TCase *unread = tcase_create("unread");

    tcase_add_checked_fixture(list, setup, teardown);
    tcase_add_test(list, the_latest_activity_comes_first);
    tcase_add_test(list, what_one_types_is_activity_at_once);
    tcase_add_test(list, a_list_that_is_opened_again_knows_what_happened_meanwhile);
    tcase_add_test(list, only_what_is_different_is_told);
    tcase_add_test(list, a_channel_comes_and_goes);
    tcase_add_test(list, unread_only_leaves_out_what_was_read);
    tcase_add_test(list, a_name_that_is_learned_is_an_update_everywhere);
    tcase_add_test(list, a_window_in_the_list_is_refused);
    tcase_add_loop_test(list, any_history_leads_to_the_state_of_the_channels, 0, 12);
    suite_add_tcase(suite, list);

    tcase_add_checked_fixture(unread, setup, teardown);
    tcase_add_test(unread, c9_unread_counts_what_came_while_away);
    tcase_add_test(unread, c9_deleted_messages_do_not_count);
    tcase_add_test(unread, c9_reading_on_another_device_counts_here);
    tcase_add_test(unread, c9_a_head_alone_heals_the_count_and_the_messages);
    tcase_add_test(unread, c9_a_resume_brings_each_message_once);
    tcase_add_test(unread, c9_own_messages_from_another_device_are_read);
    tcase_add_test(unread, c9_what_is_held_counts_even_when_not_all_is);
    tcase_add_test(unread, c9_deleted_ones_that_are_not_held_do_not_count);
    tcase_add_test(unread, c9_what_the_cursor_passed_is_known_where_it_is_held);
    tcase_add_test(unread, c9_what_another_device_passed_unseen_is_counted_at_the_next_list);
    tcase_add_test(unread, rewritten_history_counts_anew);
    suite_add_tcase(suite, unread);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
