/* What an application that is slow or asks for much gets: bounded memory, and an answer. */
#include "../support/faulty_alloc.h"
#include "client/inner.h"
#include "client_rig.h"

static struct rig rig;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

START_TEST(a_slow_application_loses_nothing_and_memory_stays_bounded)
{
    static struct faulty_alloc alloc;
    size_t used;

    faulty_alloc_init(&alloc);
    rig.config.allocator = &alloc.allocator;
    rig_start(&rig);
    rig_post(&rig, CH, "first");
    used = alloc.live;
    for (int i = 0; i < 3000; i++)
        rig_post(&rig, CH, "more");
    ck_assert_uint_le(alloc.live, used + 8);
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 1, 3001);
    rig_crash(&rig);
}
END_TEST

START_TEST(too_many_single_events_become_one_reread)
{
    rig.config.events_max = 16;
    rig_store_many(&rig, CH, 100);
    rig_start(&rig);
    rig_pull(&rig);
    for (uint64_t s = 1; s <= 100; s++) {
        rig_alter(&rig, CH, s, "edited");
        rig_publish(&rig, CH, s, true);
    }
    rig_post(&rig, CH, "new");
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_REREAD), 1);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_REREAD)->channel_id, CH);
    ck_assert_uint_le(rig_count(&rig, CHAT_EVENT_MESSAGE_CHANGED), 16);
    ck_assert_uint_eq(client_channel(rig.core, CH)->stream_seq, 101); /* it covers "new" */
    rig_alter(&rig, CH, 5, "again"); /* and after it single ones again */
    rig_publish(&rig, CH, 5, true);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_MESSAGE_CHANGED), 1);
}
END_TEST

START_TEST(questions_are_bounded_answered_once_and_time_out)
{
    uint64_t ticket, last = 0;

    rig_add_channel(&rig, CH2);
    rig.config.requests_max = 4;
    rig.dial_fails = true;
    rig_start(&rig);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(client_open_direct(rig.core, BOB, &last), CHAT_OK);
    ck_assert_int_eq(client_open_direct(rig.core, BOB, &ticket), CHAT_E_FULL);
    rig_wait(&rig, 15000);
    ck_assert_int_eq(client_open_direct(rig.core, BOB, &ticket), CHAT_E_FULL); /* not pulled */
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_OPENED), 4);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_OPENED)->status, CHAT_E_TIMEOUT);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_OPENED)->ticket, last);

    rig.dial_fails = false;
    client_network_changed(rig.core);
    ck_assert_int_eq(client_find_user(rig.core, "bob", 3, &ticket), CHAT_OK);
    ck_assert_int_eq(client_create_group(rig.core, "g", 1, NULL, 0, &last), CHAT_OK);
    rig_turn(&rig);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_USERS)->count, 1);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_OPENED)->channel_id, CH2);
}
END_TEST

static uint32_t place_of(chat_event_type type)
{
    for (size_t i = 0; i < rig.seen_count; i++)
        if (rig.seen[i].type == type)
            return (uint32_t)i;
    return UINT32_MAX;
}

START_TEST(who_opened_a_channel_hears_so_when_it_can_be_written_to)
{
    uint64_t ticket;

    rig_start(&rig);
    rig_pull(&rig);
    ck_assert_int_eq(client_open_direct(rig.core, BOB, &ticket), CHAT_OK);
    rig_turn(&rig); /* the answer comes before the channel */
    rig_wait(&rig, 1000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_OPENED), 0);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_OPEN_DIRECT), 1);
    rig_add_channel(&rig, CH2);
    rig_list(&rig);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_OPENED)->ticket, ticket);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_OPENED)->channel_id, CH2);
    ck_assert_uint_lt(place_of(CHAT_EVENT_CHANNEL), place_of(CHAT_EVENT_OPENED));
    ck_assert_int_eq(rig_try_send(&rig, CH2, "hello", 5, NULL), CHAT_OK);

    /* One that is there. */
    ck_assert_int_eq(client_open_direct(rig.core, BOB, &ticket), CHAT_OK);
    rig_turn(&rig);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_OPENED)->ticket, ticket);
}
END_TEST

START_TEST(a_channel_that_the_cache_would_not_take_is_not_open_yet)
{
    uint64_t ticket;

    rig_start(&rig);
    ck_assert_int_eq(client_open_direct(rig.core, BOB, &ticket), CHAT_OK);
    rig_turn(&rig);
    rig_add_channel(&rig, CH2);
    rig.core->trouble = CHAT_E_FULL; /* as a write of this turn would have it */
    rig_list(&rig);
    rig_pull(&rig);
    ck_assert_ptr_null(client_channel(rig.core, CH2));
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_OPENED), 0);
    rig_wait(&rig, 5000); /* it connects again */
    rig_pull(&rig);
    ck_assert_ptr_nonnull(client_channel(rig.core, CH2));
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_OPENED)->ticket, ticket);
}
END_TEST

START_TEST(a_channel_that_does_not_come_was_opened_all_the_same)
{
    uint64_t ticket;

    rig_start(&rig);
    ck_assert_int_eq(client_open_direct(rig.core, BOB, &ticket), CHAT_OK);
    rig_turn(&rig);
    rig_cut(&rig, 1006);
    rig_wait(&rig, 16000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_OPEN_DIRECT), 1);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_OPENED), 1);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_OPENED)->status, CHAT_OK);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_OPENED)->channel_id, CH2);
}
END_TEST

START_TEST(presence_is_the_latest_of_those_watched)
{
    const uint64_t ids[] = {BOB};
    WirePresenceBatch batch = WIRE_PRESENCE_BATCH__INIT;
    WirePresence p = WIRE_PRESENCE__INIT, *pointer = &p;

    rig_start(&rig);
    rig_pull(&rig);
    ck_assert_int_eq(client_watch_presence(rig.core, ids, 1), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_WATCH_PRESENCE), 1);
    batch.users = &pointer;
    batch.n_users = 1;
    p.user_id = BOB;
    for (int i = 1; i <= 4; i++) {
        p.state = (WirePresenceState)i;
        RIG_SAY(&rig, 0, PRESENCE, presence, &batch);
    }
    p.user_id = 999;
    RIG_SAY(&rig, 0, PRESENCE, presence, &batch);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_PRESENCE), 1);
    ck_assert_int_eq((int)rig_last(&rig, CHAT_EVENT_PRESENCE)->state, CHAT_PRESENCE_ONLINE);
    rig_cut(&rig, 1006);
    rig_wait(&rig, 2000); /* watched again on the next link */
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_WATCH_PRESENCE), 2);
}
END_TEST

static WireClientFrame__BodyCase busy_for;

static bool busy_once(struct rig *r, const WireClientFrame *f)
{
    if (f->body_case != busy_for)
        return false;
    busy_for = WIRE_CLIENT_FRAME__BODY__NOT_SET;
    rig_problem(r, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_UNAVAILABLE, WIRE_RETRY__RETRY_LATER,
                5000);
    return true;
}

START_TEST(what_nobody_waits_for_is_asked_again_when_the_server_was_busy)
{
    static const WireClientFrame__BodyCase bodies[] = {
        WIRE_CLIENT_FRAME__BODY_WATCH_PRESENCE, WIRE_CLIENT_FRAME__BODY_SET_PRESENCE,
        WIRE_CLIENT_FRAME__BODY_FETCH_USERS, WIRE_CLIENT_FRAME__BODY_REFRESH_TOKEN};
    const uint64_t ids[] = {BOB};

    busy_for = bodies[_i];
    rig.on_frame = busy_once;
    rig_store_many(&rig, CH, 1);
    rig_start(&rig);
    ck_assert_int_eq(client_watch_presence(rig.core, ids, 1), CHAT_OK);
    ck_assert_int_eq(client_set_presence(rig.core, CHAT_PRESENCE_DND), CHAT_OK);
    ck_assert_int_eq(client_set_token(rig.core, "next", 4), CHAT_OK);
    rig_wait(&rig, 4000);
    ck_assert_uint_eq(rig_heard(&rig, bodies[_i]), 1);
    rig_wait(&rig, 2000);
    ck_assert_uint_eq(rig_heard(&rig, bodies[_i]), 2);
    rig_wait(&rig, 60000);
    ck_assert_uint_eq(rig_heard(&rig, bodies[_i]), 2);
    ck_assert_str_eq(client_user(rig.core, BOB)->name, "bob");
}
END_TEST

START_TEST(nobody_can_say_of_himself_that_he_is_offline)
{
    rig_start(&rig);
    ck_assert_int_eq(client_set_presence(rig.core, CHAT_PRESENCE_OFFLINE), CHAT_E_INVALID);
    ck_assert_int_eq(client_set_presence(rig.core, CHAT_PRESENCE_INVISIBLE), CHAT_OK);
}
END_TEST

START_TEST(a_full_cache_refuses_keeps_and_recovers)
{
    static char big[CHAT_TEXT_MAX];
    char path[] = "client_full.db";
    chat_status status = CHAT_OK;
    uint32_t queued = 0;

    remove(path);
    memset(big, 'x', sizeof(big));
    rig.config.cache_path = path;
    rig.config.cache_pages_max = 60;
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig.dial_fails = true;
    while (status == CHAT_OK && queued < 100) {
        status = rig_try_send(&rig, CH, big, sizeof(big), NULL);
        queued += status == CHAT_OK;
    }
    ck_assert_int_eq(status, CHAT_E_FULL);
    ck_assert_uint_eq(client_outgoing_count(rig.core), queued);
    rig.dial_fails = false;
    rig_wait(&rig, 5000); /* what is queued still goes out; incoming messages do not fit */
    rig_pull(&rig);
    rig_crash(&rig);
    rig.config.cache_pages_max = 0; /* room again */
    rig_open(&rig);
    rig_start(&rig);
    rig_wait(&rig, 20000);
    rig_pull(&rig);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_uint_eq(client_channel(rig.core, CH)->stream_seq, rig.channels[0].seq);
    ck_assert_uint_eq(rig.channels[0].seq, queued);
    rig_crash(&rig);
    remove(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_limits");
    TCase *tc = tcase_create("limits");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_slow_application_loses_nothing_and_memory_stays_bounded);
    tcase_add_test(tc, too_many_single_events_become_one_reread);
    tcase_add_test(tc, questions_are_bounded_answered_once_and_time_out);
    tcase_add_test(tc, who_opened_a_channel_hears_so_when_it_can_be_written_to);
    tcase_add_test(tc, a_channel_that_the_cache_would_not_take_is_not_open_yet);
    tcase_add_test(tc, a_channel_that_does_not_come_was_opened_all_the_same);
    tcase_add_test(tc, presence_is_the_latest_of_those_watched);
    tcase_add_loop_test(tc, what_nobody_waits_for_is_asked_again_when_the_server_was_busy, 0, 4);
    tcase_add_test(tc, nobody_can_say_of_himself_that_he_is_offline);
    tcase_add_test(tc, a_full_cache_refuses_keeps_and_recovers);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
