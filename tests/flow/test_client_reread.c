/* Reading the cache once and then following events: how the two fit together. */
#include "client_rig.h"

static struct rig rig;

static void setup(void)
{
    rig_init(&rig);
    rig.config.events_max = 8;
}
static void teardown(void) { rig_fini(&rig); }

/* More single events than may wait. */
static void overflow(uint64_t channel_id, uint64_t up_to_seq)
{
    for (uint64_t s = 1; s <= up_to_seq; s++) {
        rig_alter(&rig, channel_id, s, "edited");
        rig_publish(&rig, channel_id, s, true);
    }
    rig_turn(&rig);
}

static const struct rig_seen *only_reread(void)
{
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_REREAD), 1);
    return rig_last(&rig, CHAT_EVENT_REREAD);
}

START_TEST(a_reread_stands_for_all_that_happens_until_it_is_pulled)
{
    rig_store_many(&rig, CH, 30);
    rig_start(&rig);
    rig_pull(&rig);
    rig_post(&rig, CH, "before");
    overflow(CH, 30);
    rig_post(&rig, CH, "behind it in the queue");
    rig_pull(&rig);
    ck_assert_uint_eq(only_reread()->channel_id, CH);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_MESSAGE), 0);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_MESSAGE_CHANGED), 0);
    ck_assert_uint_eq(client_channel(rig.core, CH)->stream_seq, 32);

    rig_post(&rig, CH, "after");
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 33, 33);
}
END_TEST

START_TEST(other_channels_go_on_beside_a_reread)
{
    rig_add_channel(&rig, CH2);
    rig_store_many(&rig, CH, 30);
    rig_start(&rig);
    rig_pull(&rig);
    rig_post(&rig, CH2, "one");
    overflow(CH, 30);
    rig_post(&rig, CH2, "two");
    rig_pull(&rig);
    ck_assert_uint_eq(only_reread()->channel_id, CH);
    rig_expect_stream(&rig, CH2, 1, 2);
}
END_TEST

START_TEST(a_removal_behind_a_reread_says_to_read_everything)
{
    WireChannelRemoved removed = WIRE_CHANNEL_REMOVED__INIT;

    rig_add_channel(&rig, CH2);
    rig_store_many(&rig, CH2, 30);
    rig_start(&rig);
    rig_pull(&rig);
    rig_post(&rig, CH, "of another channel");
    overflow(CH2, 30);
    removed.channel_id = CH2;
    RIG_SAY(&rig, 0, CHANNEL_REMOVED, channel_removed, &removed);
    rig_post(&rig, CH, "of another channel");
    rig_pull(&rig);
    ck_assert_uint_eq(only_reread()->channel_id, 0);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_MESSAGE), 0); /* it is read anyway */
    ck_assert_ptr_null(client_channel(rig.core, CH2));
    ck_assert_uint_eq(client_channel(rig.core, CH)->stream_seq, 2);
    rig_post(&rig, CH, "after");
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 3, 3);
}
END_TEST

START_TEST(a_rewritten_history_begins_at_the_first_message_again)
{
    rig_store_many(&rig, CH, 30);
    rig_start(&rig);
    rig_pull(&rig);
    overflow(CH, 30); /* a REREAD waits */
    rig.channels[0].epoch++;
    rig.channels[0].seq = 0;
    rig_store_many(&rig, CH, 12);
    rig_cut(&rig, 1006);
    rig_wait(&rig, 3000);
    rig_pull(&rig);
    /* Forget it all; then what is queued is to be looked up, and with it the channel. */
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_CHANNEL_RESET), 1);
    ck_assert(rig_last(&rig, CHAT_EVENT_CHANNEL_RESET) < only_reread());
    ck_assert_uint_eq(client_channel(rig.core, CH)->stream_seq, 12);
    rig_post(&rig, CH, "new");
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 13, 13);
}
END_TEST

START_TEST(a_reset_without_a_reread_tells_every_message)
{
    rig_store_many(&rig, CH, 30);
    rig_start(&rig);
    rig_pull(&rig);
    rig.channels[0].epoch++;
    rig.channels[0].seq = 0;
    rig_store_many(&rig, CH, 12);
    rig_cut(&rig, 1006);
    rig_wait(&rig, 3000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_CHANNEL_RESET), 1);
    rig_expect_stream(&rig, CH, 1, 12);
}
END_TEST

static bool too_many(struct rig *r, const WireClientFrame *f)
{
    WireChangesPage page = WIRE_CHANGES_PAGE__INIT;
    WirePosition head = rig_head(&r->channels[0]);

    if (f->body_case != WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES)
        return false;
    page.head = &head;
    page.too_many = true;
    RIG_SAY(r, f->request_id, CHANGES_PAGE, changes_page, &page);
    return true;
}

START_TEST(news_that_were_dropped_before_they_were_pulled_are_a_gap)
{
    rig_store_many(&rig, CH, 100);
    rig_start(&rig); /* 1 to 100 wait as news */
    rig.on_frame = too_many;
    rig_cut(&rig, 1006);
    rig_alter(&rig, CH, 3, "edited");
    rig_wait(&rig, 3000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_MESSAGE), 0);
    for (size_t i = 0; i < rig.seen_count; i++) {
        if (rig.seen[i].type != CHAT_EVENT_GAP)
            continue;
        ck_assert_uint_eq(rig.seen[i].from, 1);
        ck_assert_uint_eq(rig.seen[i].to, 100);
    }
    ck_assert_uint_ge(rig_count(&rig, CHAT_EVENT_GAP), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_reread");
    TCase *tc = tcase_create("reread");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_reread_stands_for_all_that_happens_until_it_is_pulled);
    tcase_add_test(tc, other_channels_go_on_beside_a_reread);
    tcase_add_test(tc, a_removal_behind_a_reread_says_to_read_everything);
    tcase_add_test(tc, a_rewritten_history_begins_at_the_first_message_again);
    tcase_add_test(tc, a_reset_without_a_reread_tells_every_message);
    tcase_add_test(tc, news_that_were_dropped_before_they_were_pulled_are_a_gap);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
