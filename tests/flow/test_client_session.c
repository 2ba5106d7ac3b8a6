/* The life of a connection: tokens, backing off, being replaced, heartbeats, limits. */
#include <libchat/close.h>

#include "../support/faulty_alloc.h"
#include "client_rig.h"

static struct rig rig;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

static chat_conn_state state(void) { return client_state(rig.core); }

START_TEST(without_credentials_a_token_is_asked_for_and_the_answer_may_come_later)
{
    rig.config.token = NULL;
    rig_start(&rig);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 1);
    ck_assert_uint_eq(rig.dials, 0);
    rig_wait(&rig, 60000);
    ck_assert_uint_eq(rig.dials, 0);
    ck_assert_int_eq(client_set_token(rig.core, "late", 4), CHAT_OK);
    rig_turn(&rig);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
    ck_assert_str_eq(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->text, "late");
}
END_TEST

START_TEST(a_refused_token_is_not_tried_again)
{
    static const WireProblemCode codes[] = {WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED,
                                            WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED};
    static const chat_status statuses[] = {CHAT_E_AUTH, CHAT_E_EXPIRED};

    rig.hello_problem = codes[_i];
    rig.problem_retry = WIRE_RETRY__RETRY_REAUTH;
    rig_start(&rig);
    rig_wait(&rig, 120000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig.dials, 1);
    ck_assert_int_eq(state(), CHAT_CONN_OFFLINE);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_NEED_TOKEN)->status, statuses[_i]);
    rig.hello_problem = WIRE_PROBLEM_CODE__PROBLEM_CODE_UNSPECIFIED;
    ck_assert_int_eq(client_set_token(rig.core, "fresh", 5), CHAT_OK);
    rig_turn(&rig);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

/* The answer about the old one comes when the new one is there already. */
static bool hand_over_while_refused(struct rig *r, const WireClientFrame *f)
{
    if (f->body_case != WIRE_CLIENT_FRAME__BODY_HELLO || strcmp(f->hello->token, "token") != 0)
        return false;
    ck_assert_int_eq(client_set_token(r->core, "newer", 5), CHAT_OK);
    rig_problem(r, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED,
                WIRE_RETRY__RETRY_REAUTH, 0);
    return true;
}

START_TEST(a_token_that_was_never_shown_is_not_thrown_away_for_the_one_before)
{
    rig.on_frame = hand_over_while_refused;
    rig_start(&rig);
    rig_wait(&rig, 2000);
    rig_pull(&rig);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
    ck_assert_str_eq(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->text, "newer");
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 0);
}
END_TEST

START_TEST(a_close_code_alone_asks_for_a_token_too)
{
    rig_start(&rig);
    rig_pull(&rig);
    rig_cut(&rig, CHAT_CLOSE_REVOKED); /* came in by token */
    rig_wait(&rig, 60000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 1);
    ck_assert_int_eq(state(), CHAT_CONN_OFFLINE);
}
END_TEST

START_TEST(a_reconnect_uses_the_ticket_and_falls_back_to_the_token)
{
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig_wait(&rig, 2000);
    ck_assert(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);

    rig_cut(&rig, CHAT_CLOSE_UNAUTHENTICATED);
    rig_turn(&rig); /* at once: it is another credential */
    ck_assert(!rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

START_TEST(a_token_that_ends_is_renewed_in_band_before)
{
    rig.token_left_ms = 300000;
    rig_start(&rig);
    rig_pull(&rig);
    rig_wait(&rig, 239000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 0);
    rig_wait(&rig, 2000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 1);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_NEED_TOKEN)->status, CHAT_OK);
    ck_assert_int_eq(client_set_token(rig.core, "next", 4), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_REFRESH_TOKEN), 1);
    ck_assert_uint_eq(rig.dials, 1);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
}
END_TEST

/* The device's clock is ten years behind the server's, or ahead. */
START_TEST(a_clock_that_is_years_off_changes_nothing)
{
    char path[] = "client_skew.db";

    remove(path);
    rig.config.cache_path = path;
    rig.server_ahead_ms = (_i ? -1 : 1) * INT64_C(315360000000);
    rig.token_left_ms = 300000;
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig_wait(&rig, 2000);
    ck_assert(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket);

    /* A new token is asked for in time, by the server's clock. */
    rig_pull(&rig);
    rig_wait(&rig, 235000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 0);
    rig_wait(&rig, 10000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 1);

    /* The kept ticket is good after a restart, and not for ever. */
    rig_crash(&rig);
    rig_start(&rig);
    ck_assert(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket);
    rig_crash(&rig);
    rig.now.wall_ms += 700000;
    rig_start(&rig);
    ck_assert(!rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
    rig_crash(&rig);
    remove(path);
}
END_TEST

START_TEST(a_token_renewed_after_the_last_warning_is_as_good_as_any)
{
    rig_start(&rig);
    rig_problem(&rig, 0, WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED, WIRE_RETRY__RETRY_REAUTH, 0);
    ck_assert_int_eq(client_set_token(rig.core, "next", 4), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_REFRESH_TOKEN), 1);
    rig_pull(&rig);
    rig_cut(&rig, 1006);
    ck_assert_int_eq(state(), CHAT_CONN_BACKING_OFF);
    rig_wait(&rig, 2000);
    rig_pull(&rig);
    ck_assert(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket);
    ck_assert_int_eq(state(), CHAT_CONN_LIVE);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_NEED_TOKEN), 0);
}
END_TEST

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

START_TEST(another_users_cache_is_refused_and_kept)
{
    char path[] = "client_foreign.db";
    WireWelcome w = WIRE_WELCOME__INIT;

    remove(path);
    rig.config.cache_path = path;
    rig_store_many(&rig, CH, 3);
    rig_start(&rig);
    rig_crash(&rig);
    rig_open(&rig);
    rig.no_list = true;
    rig.silent = true;
    rig_start(&rig);
    w.service_id = SERVICE;
    w.user_id = ME + 5;
    RIG_SAY(&rig, rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->request_id, WELCOME, welcome,
            &w);
    rig_wait(&rig, 60000);
    rig_pull(&rig);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_CACHE)->status, CHAT_E_CONFLICT);
    ck_assert_int_eq(state(), CHAT_CONN_CLOSED);
    ck_assert_uint_eq(client_channel(rig.core, CH)->stream_seq, 3);
    ck_assert_uint_eq(client_user_id(rig.core), ME);
    rig_crash(&rig);
    remove(path);
}
END_TEST

/* Else who signs in after somebody else on the same cache would go on as him. */
START_TEST(a_kept_ticket_is_not_used_beside_another_token)
{
    static const struct {
        const char *token;
        bool by_ticket;
    } starts[] = {
        {"token", false},         /* there is no ticket yet */
        {"token", true},          /* the one that earned it */
        {"another token", false}, /* another user's, perhaps */
        {NULL, true},             /* nobody says that it is another user */
    };
    char path[] = "client_ticket.db";

    remove(path);
    rig.config.cache_path = path;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
        rig.config.token = starts[i].token;
        if (i > 0)
            rig_open(&rig);
        rig_start(&rig);
        ck_assert_int_eq(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_HELLO)->by_ticket,
                         starts[i].by_ticket);
        rig_crash(&rig);
    }
    remove(path);
}
END_TEST

/* --- limits --- */

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
    Suite *suite = suite_create("client_session");
    TCase *life = tcase_create("life"), *limits = tcase_create("limits");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(life, setup, teardown);
    tcase_add_test(life, without_credentials_a_token_is_asked_for_and_the_answer_may_come_later);
    tcase_add_loop_test(life, a_refused_token_is_not_tried_again, 0, 2);
    tcase_add_test(life, a_token_that_was_never_shown_is_not_thrown_away_for_the_one_before);
    tcase_add_test(life, a_close_code_alone_asks_for_a_token_too);
    tcase_add_test(life, a_reconnect_uses_the_ticket_and_falls_back_to_the_token);
    tcase_add_test(life, a_token_that_ends_is_renewed_in_band_before);
    tcase_add_loop_test(life, a_clock_that_is_years_off_changes_nothing, 0, 2);
    tcase_add_loop_test(life, a_dial_that_is_out_when_the_network_changes_begins_anew, 0, 2);
    tcase_add_test(life, a_token_renewed_after_the_last_warning_is_as_good_as_any);
    tcase_add_loop_test(life, superseded_means_closed_and_stays_closed, 0, 2);
    tcase_add_loop_test(life, a_hello_of_ours_that_was_late_does_not_end_the_session_for_good, 0,
                        2);
    tcase_add_test(life, a_final_close_code_outweighs_a_soft_problem);
    tcase_add_loop_test(life, waits_are_random_below_a_doubling_ceiling, 0, 10);
    tcase_add_loop_test(life, a_slot_said_by_the_server_is_kept, 0, 2);
    tcase_add_loop_test(life, a_silent_server_is_left_in_time, 0, 3);
    tcase_add_test(life, a_server_that_takes_nothing_any_more_is_left_in_time);
    tcase_add_test(life, heartbeats_are_jittered_and_bear_positions);
    tcase_add_test(life, suspend_is_quiet_and_resume_connects_at_once);
    tcase_add_test(life, a_changed_network_ends_the_wait_or_probes);
    tcase_add_test(life, a_stop_during_a_dial_wants_nothing_of_the_late_link);
    tcase_add_test(life, the_machine_stops);
    tcase_add_test(life, a_blocked_link_gets_nothing_until_it_drained);
    tcase_add_test(life, another_users_cache_is_refused_and_kept);
    tcase_add_test(life, a_kept_ticket_is_not_used_beside_another_token);
    suite_add_tcase(suite, life);
    tcase_add_checked_fixture(limits, setup, teardown);
    tcase_add_test(limits, a_slow_application_loses_nothing_and_memory_stays_bounded);
    tcase_add_test(limits, too_many_single_events_become_one_reread);
    tcase_add_test(limits, questions_are_bounded_answered_once_and_time_out);
    tcase_add_test(limits, presence_is_the_latest_of_those_watched);
    tcase_add_loop_test(limits, what_nobody_waits_for_is_asked_again_when_the_server_was_busy, 0,
                        4);
    tcase_add_test(limits, nobody_can_say_of_himself_that_he_is_offline);
    tcase_add_test(limits, a_full_cache_refuses_keeps_and_recovers);
    suite_add_tcase(suite, limits);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
