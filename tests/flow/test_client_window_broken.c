/* What a message window shows when histories, links, memory and servers break. */
#include "../support/faulty_alloc.h"
#include "base/rng.h"
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

START_TEST(a_live_hole_is_a_gap_until_it_is_filled)
{
    start_with(1);
    rig_store_many(&rig, CH, 3); /* never published */
    rig_post(&rig, CH, "five");
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy), "m1|[2-4]|five");
    ck_assert(copy.status.loading);

    settle(300);
    ck_assert_str_eq(copy_text(&copy), "m1|m2|m3|m4|five");
    ck_assert(!copy.status.loading);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY), 2);
}
END_TEST

/* As when an operator restored a backup. */
static void rewrite(uint64_t channel_id, uint64_t keep)
{
    struct rig_channel *ch = rig_channel(&rig, channel_id);

    ch->epoch++;
    ch->seq = keep;
    for (uint64_t s = 1; s <= keep; s++) {
        ch->messages[s].message_id += 100000;
        snprintf(ch->messages[s].text, sizeof(ch->messages[s].text), "n%llu",
                 (unsigned long long)s);
    }
}

START_TEST(rewritten_history_is_a_reset_and_right_after)
{
    start_with(20);
    rig.keep_sends = true;
    rig_type(&rig, CH, "mine");
    settle(10);
    rig_cut(&rig, 1006);
    rewrite(CH, 3);
    settle(3000);

    ck_assert_uint_ge(copy.diffs[CHAT_DIFF_RESET], 1);
    ck_assert_str_eq(copy_text(&copy), "n1|n2|n3|mine*");
}
END_TEST

/* element-x-ios #5824: a reset that came with an echo left only the newest message. */
START_TEST(a_reset_while_an_own_message_gets_in_loses_neither)
{
    start_with(20);
    rig_type(&rig, CH, "mine"); /* not sent yet: the turn comes later */
    rewrite(CH, 5);
    rig_cut(&rig, 1006);
    settle(5000);

    ck_assert_str_eq(copy_text(&copy), "n1|n2|n3|n4|n5|mine");
    copy_expect_cache(&copy, &rig, CH);
}
END_TEST

START_TEST(a_removed_channel_leaves_an_empty_window_and_may_come_back)
{
    WireChannelRemoved removed = WIRE_CHANNEL_REMOVED__INIT;

    start_with(3);
    ck_assert_ptr_nonnull(copy.status.channel);
    removed.channel_id = CH;
    RIG_SAY(&rig, 0, CHANNEL_REMOVED, channel_removed, &removed);
    settle(10);
    ck_assert_uint_eq(copy.count, 0);
    ck_assert_ptr_null(copy.status.channel);
    ck_assert_int_eq(view_load_older(copy.view, 1), CHAT_E_NOT_FOUND);

    rig_list(&rig);
    settle(1000);
    ck_assert_str_eq(copy_text(&copy), "m1|m2|m3");
}
END_TEST

START_TEST(what_retention_removed_is_removed)
{
    start_with(30);
    rig_cut(&rig, 1006);
    rig_channel(&rig, CH)->first_seq = 11;
    rig_store_many(&rig, CH, 1);
    settle(3000);

    ck_assert_uint_eq(copy.rows[0].seq, 11);
    ck_assert_uint_eq(copy.count, 21);
    ck_assert(!copy.status.can_load_older);
}
END_TEST

START_TEST(a_slow_application_costs_no_memory_and_gets_it_right)
{
    start_with(10);
    for (int i = 0; i < 1500; i++) {
        rig_post(&rig, CH, "live");
        rig_alter(&rig, CH, 5, "edited");
        rig_publish(&rig, CH, 5, true);
    }
    (void)copy_pull(&copy);

    ck_assert_uint_eq(copy.count, CHAT_VIEW_ROWS_MAX);
    ck_assert_uint_eq(copy.rows[CHAT_VIEW_ROWS_MAX - 1].seq, 1510);
    copy_expect_cache(&copy, &rig, CH);
}
END_TEST

START_TEST(views_are_bounded_and_may_be_freed_at_any_time)
{
    struct chat_view_config config = copy_config();
    chat_view *views[CHAT_VIEWS_MAX], *more;
    struct chat_diff diff = CHAT_DIFF_INIT;

    rig_store_many(&rig, CH, 10);
    rig_start(&rig);
    for (uint32_t i = 0; i < CHAT_VIEWS_MAX; i++)
        ck_assert_int_eq(view_open_messages(rig.core, CH, &config, NULL, &views[i]), CHAT_OK);
    ck_assert_int_eq(view_open_channels(rig.core, &config, NULL, &more), CHAT_E_FULL);
    ck_assert(view_next_diff(views[3], &diff));
    view_free(views[3]);
    rig_post(&rig, CH, "x");
    rig_pull(&rig);
    view_free(views[0]);
    ck_assert_int_eq(view_open_channels(rig.core, &config, NULL, &more), CHAT_OK);

    config.rows = CHAT_VIEW_ROWS_MAX + 1;
    ck_assert_int_eq(view_open_channels(rig.core, &config, NULL, &more), CHAT_E_INVALID);
    config.rows = 0;
    ck_assert_int_eq(view_open_channels(rig.core, &config, NULL, &more), CHAT_E_INVALID);
    config = copy_config();
    config.rows_max = CHAT_VIEW_ROWS_MAX + 1;
    ck_assert_int_eq(view_open_channels(rig.core, &config, NULL, &more), CHAT_E_INVALID);
} /* the others go with the core */
END_TEST

/* A server may say anything, two messages of one nonce included. */
START_TEST(two_messages_under_one_nonce_are_two_rows)
{
    rig_store(&rig, CH, ME, "one", 77, 1);
    rig_store(&rig, CH, ME, "two", 77, 1);
    rig_store(&rig, CH, BOB, "like mine", 77, 1);
    rig_start(&rig);
    copy_open(&copy, &rig, CH, NULL);
    ck_assert_str_eq(copy_text(&copy), "one|two|like mine");
    copy_expect_cache(&copy, &rig, CH);
    rig_alter(&rig, CH, 2, "edited");
    rig_publish(&rig, CH, 2, true);
    settle(10);
    ck_assert_str_eq(copy_text(&copy), "one|edited|like mine");
    copy_expect_cache(&copy, &rig, CH);
}
END_TEST

/* The n-th allocation and all after it fail for a while. */
START_TEST(memory_that_ends_while_diffs_are_pulled_costs_nothing)
{
    static struct faulty_alloc alloc;

    faulty_alloc_init(&alloc);
    rig.config.allocator = &alloc.allocator;
    start_with(30);
    for (size_t n = 0; n < 12; n++) {
        rig_post(&rig, CH, "live");
        rig_type(&rig, CH, "mine");
        (void)view_jump_to(copy.view, 5 + n);
        faulty_alloc_fail_after(&alloc, n);
        (void)copy_pull_some(&copy, 200);
        alloc.allowed = FAULTY_ALLOC_NEVER;
        settle(20000);
        copy_expect_cache(&copy, &rig, CH);
        (void)view_jump_to_latest(copy.view);
        settle(10);
        ck_assert_uint_eq(copy.rows[copy.count - 1].seq, rig_channel(&rig, CH)->seq);
        copy_expect_cache(&copy, &rig, CH);
    }
    rig_crash(&rig);
    ck_assert_uint_eq(alloc.live, 0);
}
END_TEST

static struct chat_nonce last_typed;

/* Nothing is on its way any more. */
static void expect_settled(void)
{
    const struct chat_row *row;

    for (uint32_t i = 0; i < copy.count; i++) {
        ck_assert(view_get_row(copy.view, i, &row));
        ck_assert_uint_eq(row->reactions_waiting, 0);
        ck_assert_int_eq(row->change, 0);
    }
}

/* Any history of messages, edits, losses, jumps and pulls: the copy is what the cache has. */
static void act(struct rng *rng)
{
    struct rig_channel *ch = rig_channel(&rig, CH);
    uint64_t what = rng_below(rng, 19);

    if (what < 4) {
        rig_post(&rig, CH, "live");
    } else if (what == 4) {
        rig_store_many(&rig, CH, 1 + rng_below(rng, 8));
    } else if (what < 8 && ch->seq) {
        uint64_t seq = 1 + rng_below(rng, ch->seq);

        rig_alter(&rig, CH, seq, "edited");
        if (what < 7)
            rig_publish(&rig, CH, seq, true);
    } else if (what == 8) {
        (void)view_load_older(copy.view, 1 + (uint32_t)rng_below(rng, 20));
    } else if (what == 9) {
        (void)view_load_newer(copy.view, 1 + (uint32_t)rng_below(rng, 20));
    } else if (what == 10) {
        (void)view_jump_to(copy.view, 1 + rng_below(rng, ch->seq + 2));
    } else if (what == 11) {
        (void)view_jump_to_latest(copy.view);
    } else if (what == 12) {
        rig_wait(&rig, (int64_t)rng_below(rng, 3000));
    } else if (what == 13 && rig.link) {
        rig_cut(&rig, 1006);
    } else if (what == 14) {
        last_typed = rig_type(&rig, CH, "mine");
    } else if (what == 15 && ch->seq) {
        (void)client_react(rig.core, CH, 1 + rng_below(rng, ch->seq), "+", 1, rng_below(rng, 2),
                           NULL);
    } else if (what == 16) {
        (void)client_react_outgoing(rig.core, &last_typed, "+", 1, rng_below(rng, 2), NULL);
    } else if (what == 17) {
        const struct chat_content content = rig_content("better", 6);

        (void)client_edit_outgoing(rig.core, &last_typed, &content, NULL);
    } else if (copy.count) {
        uint32_t first = (uint32_t)rng_below(rng, copy.count);

        (void)view_set_visible(copy.view, first, copy.count - 1);
    }
    if (rng_below(rng, 40) == 0 && ch->seq < 3000)
        rewrite(CH, ch->seq - rng_below(rng, ch->seq + 1) / 4);
}

START_TEST(any_history_leads_to_what_the_cache_has)
{
    struct chat_view_config config = copy_config();
    struct rng rng;

    rng_seed(&rng, (uint64_t)_i + 1);
    rig.config.keep_max = _i % 2 ? 20 : 0;
    config.rows = 10;
    config.rows_max = 40;
    rig_store_many(&rig, CH, 60);
    rig_start(&rig);
    copy_open(&copy, &rig, CH, &config);
    for (int round = 0; round < 300; round++) {
        act(&rng);
        rig_pull(&rig);
        if (rng_below(&rng, 3) == 0)
            (void)copy_pull_some(&copy, (uint32_t)rng_below(&rng, 5));
        if (rng_below(&rng, 4) == 0) {
            (void)copy_pull(&copy);
            copy_expect_cache(&copy, &rig, CH);
        }
    }
    (void)view_jump_to_latest(copy.view);
    settle(200000);
    ck_assert(copy.status.at_latest && !copy.status.loading);
    ck_assert_uint_eq(copy.rows[copy.count - 1].seq, rig_channel(&rig, CH)->seq);
    copy_expect_cache(&copy, &rig, CH);
    expect_settled();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_window_broken");
    TCase *broken = tcase_create("broken");

    tcase_add_checked_fixture(broken, setup, teardown);
    tcase_set_timeout(broken, 60);
    tcase_add_test(broken, a_live_hole_is_a_gap_until_it_is_filled);
    tcase_add_test(broken, rewritten_history_is_a_reset_and_right_after);
    tcase_add_test(broken, a_reset_while_an_own_message_gets_in_loses_neither);
    tcase_add_test(broken, a_removed_channel_leaves_an_empty_window_and_may_come_back);
    tcase_add_test(broken, what_retention_removed_is_removed);
    tcase_add_test(broken, a_slow_application_costs_no_memory_and_gets_it_right);
    tcase_add_test(broken, views_are_bounded_and_may_be_freed_at_any_time);
    tcase_add_test(broken, two_messages_under_one_nonce_are_two_rows);
    tcase_add_test(broken, memory_that_ends_while_diffs_are_pulled_costs_nothing);
    tcase_add_loop_test(broken, any_history_leads_to_what_the_cache_has, 0, 30);
    suite_add_tcase(suite, broken);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
