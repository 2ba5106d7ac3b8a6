/* Bugs that users of other SDKs met, as they would hit ours. */
#include "client_rig.h"

static struct rig rig;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

/* Pulls `count` events and no more: an application whose handler is slow. */
static uint64_t pull_some(size_t count, uint64_t last)
{
    struct chat_event event = CHAT_EVENT_INIT;

    while (count-- > 0 && client_next_event(rig.core, &event)) {
        if (event.type != CHAT_EVENT_MESSAGE)
            continue;
        ck_assert_uint_eq(event.message->seq, last + 1);
        last++;
    }
    return last;
}

/* Publications delivered twice when a connection is replaced during a slow handler. */
START_TEST(centrifuge_go_150_a_link_replaced_during_a_slow_handler_tells_nothing_twice)
{
    uint64_t last;

    rig_start(&rig);
    last = pull_some(1000, 0);
    for (int i = 0; i < 10; i++)
        rig_post(&rig, CH, "before");
    last = pull_some(4, last); /* the handler has six more to go */
    rig_cut(&rig, 1006);
    rig_store_many(&rig, CH, 5);
    rig_wait(&rig, 2000);
    /* The new session's router publishes again what it has in its hands. */
    for (uint64_t seq = 8; seq <= 15; seq++)
        rig_publish(&rig, CH, seq, false);
    rig_turn(&rig);
    last = pull_some(3, last);
    rig_post(&rig, CH, "after");
    last = pull_some(1000, last);
    ck_assert_uint_eq(last, 16);
}
END_TEST

/* A new epoch with an old offset. */
START_TEST(centrifuge_go_160_a_new_epoch_is_never_read_from_the_old_position)
{
    struct rig_channel *ch = &rig.channels[0];
    size_t before;

    rig_store_many(&rig, CH, 50);
    rig_start(&rig);
    rig_pull(&rig);
    rig_cut(&rig, 1006);
    ch->epoch = 2;
    ch->seq = ch->rev = 0;
    rig_store_many(&rig, CH, _i ? 70 : 10); /* shorter than what we had, or longer */
    before = rig.heard_count;
    rig_wait(&rig, 2000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_CHANNEL_RESET), 1);
    rig_expect_stream(&rig, CH, 1, ch->seq);
    /* What was asked of the new history began at its beginning. */
    for (size_t i = before; i < rig.heard_count; i++)
        if (rig.heard[i].body == WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY && !rig.heard[i].backwards)
            ck_assert_uint_ne(rig.heard[i].start, 51);
}
END_TEST

/* Unsubscribing and subscribing again inside a callback delivers the old ones again. */
START_TEST(centrifuge_dart_142_coming_back_from_inside_a_handler_tells_nothing_twice)
{
    struct chat_event event = CHAT_EVENT_INIT;
    uint64_t last = 0;
    int rounds = 0;

    rig_store_many(&rig, CH, 20);
    rig_start(&rig);
    while (last < 60) {
        ck_assert_int_lt(rounds++, 5000);
        if (!client_next_event(rig.core, &event)) {
            rig_wait(&rig, 100);
            if (rig.channels[0].seq < 60)
                rig_post(&rig, CH, "more");
            continue;
        }
        if (event.type != CHAT_EVENT_MESSAGE)
            continue;
        ck_assert_uint_eq(event.message->seq, last + 1);
        last++;
        if (last % 7 == 0) {
            client_stop(rig.core);
            ck_assert_int_eq(client_start(rig.core), CHAT_OK);
        } else if (last % 5 == 0) {
            client_suspend(rig.core);
            client_resume(rig.core);
        }
    }
    rig_wait(&rig, 5000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_MESSAGE), 0);
}
END_TEST

/* The recovery position is not reset when the server says that it is invalid. */
START_TEST(centrifuge_js_385_a_position_that_was_refused_is_not_used_again)
{
    struct rig_channel *ch = &rig.channels[0];

    rig_store_many(&rig, CH, 40);
    rig_start(&rig);
    rig_pull(&rig);
    rig_cut(&rig, 1006);
    ch->seq = 25; /* restored from a backup: our position is beyond its end */
    ch->epoch += (uint32_t)_i;
    for (uint64_t seq = 1; seq <= 25; seq++)
        ch->messages[seq].message_id = ch->epoch * UINT64_C(100000) + seq * 10;
    rig_wait(&rig, 2000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_CHANNEL_RESET), 1);
    rig_expect_stream(&rig, CH, 1, 25);

    /* From here on it is the new position that counts: in memory, and in the cache. */
    rig_cut(&rig, 1006);
    rig_store_many(&rig, CH, 3);
    rig_wait(&rig, 2000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_CHANNEL_RESET), 0);
    rig_expect_stream(&rig, CH, 26, 28);
    ck_assert_uint_eq(client_channel(rig.core, CH)->epoch, ch->epoch);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_field");
    TCase *tc = tcase_create("field");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, centrifuge_go_150_a_link_replaced_during_a_slow_handler_tells_nothing_twice);
    tcase_add_loop_test(tc, centrifuge_go_160_a_new_epoch_is_never_read_from_the_old_position, 0,
                        2);
    tcase_add_test(tc, centrifuge_dart_142_coming_back_from_inside_a_handler_tells_nothing_twice);
    tcase_add_loop_test(tc, centrifuge_js_385_a_position_that_was_refused_is_not_used_again, 0, 2);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
