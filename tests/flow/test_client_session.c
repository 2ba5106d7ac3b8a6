/* The life of a connection: being replaced, backing off, heartbeats, suspend. */
#include <libchat/close.h>

#include "client_rig.h"

static struct rig rig;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

static chat_conn_state state(void) { return client_state(rig.core); }

START_TEST(superseded_means_closed_and_stays_closed)
{
    rig_start(&rig);
    if (_i == 0)
        rig_problem(&rig, 0, WIRE_PROBLEM_CODE__PROBLEM_SUPERSEDED, WIRE_RETRY__RETRY_NEVER, 0);
    rig_cut(&rig, CHAT_CLOSE_SUPERSEDED);
    rig_wait(&rig, 600000);
    rig_pull(&rig);
    ck_assert_int_eq(state(), CHAT_CONN_CLOSED);
    ck_assert_uint_eq(rig.dials, 1);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_STATE)->status, CHAT_E_CONFLICT);
    ck_assert_int_eq(client_start(rig.core), CHAT_OK);
    rig_turn(&rig);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

START_TEST(a_final_close_code_outweighs_a_soft_problem)
{
    rig_start(&rig);
    rig_problem(&rig, 0, WIRE_PROBLEM_CODE__PROBLEM_SLOW_CONSUMER, WIRE_RETRY__RETRY_LATER, 5);
    rig_cut(&rig, CHAT_CLOSE_SUPERSEDED);
    rig_wait(&rig, 60000);
    ck_assert_int_eq(state(), CHAT_CONN_CLOSED);
    ck_assert_uint_eq(rig.dials, 1);
}
END_TEST

START_TEST(a_hello_of_ours_that_was_late_does_not_end_the_session_for_good)
{
    rig.silent = true; /* the hello is lost, for all we know */
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig.silent = false;
    rig_wait(&rig, 3000);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
    /* It made a session after the one that replaced it. */
    if (_i == 0)
        rig_problem(&rig, 0, WIRE_PROBLEM_CODE__PROBLEM_SUPERSEDED, WIRE_RETRY__RETRY_NEVER, 0);
    rig_cut(&rig, CHAT_CLOSE_SUPERSEDED);
    rig_wait(&rig, 5000);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
    rig_wait(&rig, 120000); /* no ghost lives that long */
    rig_cut(&rig, CHAT_CLOSE_SUPERSEDED);
    rig_wait(&rig, 5000);
    ck_assert_int_eq(state(), CHAT_CONN_CLOSED);
}
END_TEST

START_TEST(waits_are_random_below_a_doubling_ceiling)
{
    uint64_t ceiling = 500;

    rig.dial_fails = true;
    rig.config.seed = (uint64_t)_i + 1;
    rig_start(&rig);
    for (int i = 0; i < 12; i++) {
        rig_pull(&rig);
        ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_STATE)->state, CHAT_CONN_BACKING_OFF);
        ck_assert_uint_le(rig_last(&rig, CHAT_EVENT_STATE)->retry_after_ms, ceiling);
        ceiling = ceiling * 2 < 60000 ? ceiling * 2 : 60000;
        rig.now.mono_ms = machine_deadline(rig.m);
        rig_feed(&rig, (struct event){.kind = EVENT_TIMER});
        rig_turn(&rig);
        ck_assert_uint_eq(rig.dials, (uint32_t)i + 2);
    }
}
END_TEST

START_TEST(a_slot_said_by_the_server_is_kept)
{
    WireGoingAway away = WIRE_GOING_AWAY__INIT;

    if (_i == 0) {
        rig.hello_problem = WIRE_PROBLEM_CODE__PROBLEM_OVERLOADED;
        rig.problem_retry = WIRE_RETRY__RETRY_LATER;
        rig.problem_after_ms = 5000;
        rig_start(&rig);
    } else {
        rig_start(&rig);
        away.reconnect_after_ms = 5000;
        RIG_SAY(&rig, 0, GOING_AWAY, going_away, &away);
        rig_turn(&rig);
    }
    client_network_changed(rig.core); /* shortens no slot */
    rig_turn(&rig);
    rig.hello_problem = WIRE_PROBLEM_CODE__PROBLEM_CODE_UNSPECIFIED;
    rig_wait(&rig, 4999);
    ck_assert_uint_eq(rig.dials, 1);
    rig_wait(&rig, 1);
    ck_assert_uint_eq(rig.dials, 2);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

/* The peer is gone and nobody told: what was written fills the socket, and no question is open
 * whose answer could be missed. */
START_TEST(a_server_that_takes_nothing_any_more_is_left_in_time)
{
    rig_start(&rig);
    rig_wait(&rig, 1000);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    ck_assert_uint_eq(rig.dials, 1);
    rig_feed(&rig, (struct event){.kind = EVENT_LINK_BLOCKED, .link = rig.link});
    rig_type(&rig, CH, "waits");
    rig_wait(&rig, 60000);
    ck_assert_uint_eq(rig.dials, 2);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

START_TEST(a_silent_server_is_left_in_time)
{
    if (_i == 0)
        rig.silent = true; /* no welcome */
    else if (_i == 1)
        rig.no_list = true;
    else
        rig.mute_beats = true;
    rig_start(&rig);
    rig_wait(&rig, 50000);
    ck_assert_uint_ge(rig.closes, 1);
    ck_assert_uint_ge(rig.dials, 2);
}
END_TEST

#define BEATS_MAX 32u

static int64_t beats_at_ms[BEATS_MAX];
static uint32_t beat_count;
static uint64_t beaten_seq; /* of CH, in the last one */

static bool hear_beat(struct rig *r, const WireClientFrame *f)
{
    if (f->body_case != WIRE_CLIENT_FRAME__BODY_HEARTBEAT)
        return false;
    ck_assert_uint_lt(beat_count, BEATS_MAX);
    ck_assert_uint_eq(f->heartbeat->n_positions, 1);
    ck_assert_uint_eq(f->heartbeat->positions[0]->channel_id, CH);
    beaten_seq = f->heartbeat->positions[0]->seq;
    beats_at_ms[beat_count++] = r->now.mono_ms;
    return false;
}

START_TEST(heartbeats_are_jittered_and_bear_positions)
{
    int64_t least_ms = INT64_MAX, most_ms = 0;

    beat_count = 0;
    rig.on_frame = hear_beat;
    rig_store_many(&rig, CH, 3);
    rig_start(&rig);
    rig_wait(&rig, 10 * 30000);
    ck_assert_uint_eq(beaten_seq, 3);
    ck_assert_uint_ge(beat_count, 10);
    for (uint32_t i = 1; i < beat_count; i++) {
        const int64_t between_ms = beats_at_ms[i] - beats_at_ms[i - 1];

        least_ms = between_ms < least_ms ? between_ms : least_ms;
        most_ms = between_ms > most_ms ? between_ms : most_ms;
    }
    ck_assert_int_ge(least_ms, 24000); /* 30 s, and up to a fifth less */
    ck_assert_int_le(most_ms, 30000);
    ck_assert_int_gt(most_ms - least_ms, 1000);

    rig_post(&rig, CH, "news");
    rig_wait(&rig, 31000);
    ck_assert_uint_eq(beaten_seq, 4);
    ck_assert_uint_eq(rig.dials, 1);
}
END_TEST

START_TEST(suspend_is_quiet_and_resume_connects_at_once)
{
    rig_start(&rig);
    client_suspend(rig.core);
    rig_wait(&rig, 600000);
    ck_assert_uint_eq(rig.dials, 1);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_GOODBYE), 1);
    client_resume(rig.core);
    rig_turn(&rig);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

START_TEST(a_changed_network_ends_the_wait_or_probes)
{
    size_t beats;

    rig_start(&rig);
    beats = rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_HEARTBEAT);
    client_network_changed(rig.core);
    rig_turn(&rig);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_HEARTBEAT), beats + 1);
    rig.dial_fails = true;
    rig_cut(&rig, 1006);
    rig_wait(&rig, 100000);
    rig.dial_fails = false;
    client_network_changed(rig.core);
    rig_turn(&rig);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

/* What was dialed in the old network would hang there until its time is over. */
START_TEST(a_dial_that_is_out_when_the_network_changes_begins_anew)
{
    rig.dial_hangs = true;
    rig_start(&rig);
    ck_assert_int_eq(state(), CHAT_CONN_CONNECTING);
    rig.dial_hangs = false;
    if (_i) {
        client_suspend(rig.core);
        client_resume(rig.core);
    } else {
        client_network_changed(rig.core);
    }
    rig_turn(&rig);
    ck_assert_uint_eq(rig.closes, 1);
    ck_assert_uint_eq(rig.dials, 2);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

START_TEST(a_stop_during_a_dial_wants_nothing_of_the_late_link)
{
    struct event opened = {.kind = EVENT_LINK_OPENED, .link = 9};

    rig.dial_hangs = true;
    rig_start(&rig);
    client_stop(rig.core);
    rig_feed(&rig, opened);
    rig_turn(&rig);
    ck_assert_uint_eq(rig.closes, 1);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_HELLO), 0);
    ck_assert_int_eq(state(), CHAT_CONN_CLOSED);
}
END_TEST

START_TEST(the_machine_stops)
{
    rig_start(&rig);
    rig_feed(&rig, (struct event){.kind = EVENT_STOP});
    rig_turn(&rig);
    ck_assert_uint_eq(rig.stops, 1);
    ck_assert_int_eq(client_start(rig.core), CHAT_E_STATE);
}
END_TEST

START_TEST(a_blocked_link_gets_nothing_until_it_drained)
{
    rig_start(&rig);
    rig_feed(&rig, (struct event){.kind = EVENT_LINK_BLOCKED, .link = rig.link});
    rig_type(&rig, CH, "x");
    rig_wait(&rig, 5000);
    ck_assert_uint_eq(rig.channels[0].seq, 0);
    rig_feed(&rig, (struct event){.kind = EVENT_LINK_DRAINED, .link = rig.link});
    rig_turn(&rig);
    ck_assert_uint_eq(rig.channels[0].seq, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_session");
    TCase *tc = tcase_create("session");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_dial_that_is_out_when_the_network_changes_begins_anew, 0, 2);
    tcase_add_loop_test(tc, superseded_means_closed_and_stays_closed, 0, 2);
    tcase_add_loop_test(tc, a_hello_of_ours_that_was_late_does_not_end_the_session_for_good, 0, 2);
    tcase_add_test(tc, a_final_close_code_outweighs_a_soft_problem);
    tcase_add_loop_test(tc, waits_are_random_below_a_doubling_ceiling, 0, 10);
    tcase_add_loop_test(tc, a_slot_said_by_the_server_is_kept, 0, 2);
    tcase_add_loop_test(tc, a_silent_server_is_left_in_time, 0, 3);
    tcase_add_test(tc, a_server_that_takes_nothing_any_more_is_left_in_time);
    tcase_add_test(tc, heartbeats_are_jittered_and_bear_positions);
    tcase_add_test(tc, suspend_is_quiet_and_resume_connects_at_once);
    tcase_add_test(tc, a_changed_network_ends_the_wait_or_probes);
    tcase_add_test(tc, a_stop_during_a_dial_wants_nothing_of_the_late_link);
    tcase_add_test(tc, the_machine_stops);
    tcase_add_test(tc, a_blocked_link_gets_nothing_until_it_drained);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
