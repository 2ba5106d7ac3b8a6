/* What routers hear from presence, played over scripted links. */
#include <check.h>
#include <stdlib.h>

#include "../support/faulty_alloc.h"
#include "../support/script.h"
#include "server/presence/presence.h"

#define ROUTER WIRE_LINK_ROLE__LINK_ROLE_ROUTER
#define STATE(name) WIRE_PRESENCE_STATE__PRESENCE_STATE_##name
#define ALICE 100u
#define BOB 200u

static struct presence *presence;
static struct presence_config config;
static struct script s;
static struct faulty_alloc memory;

static void start(void)
{
    ck_assert_int_eq(presence_new(&config, &presence), CHAT_OK);
    script_init(&s, presence_machine(presence));
    script_wait(&s, 0);
}

static void setup(void)
{
    faulty_alloc_init(&memory);
    presence_config_init(&config);
    config.allocator = &memory.allocator;
    config.seed = 7;
    start();
}

static void restart(void)
{
    presence_free(presence);
    script_fini(&s);
    start();
}

static void teardown(void)
{
    presence_free(presence);
    script_fini(&s);
    ck_assert_uint_eq(memory.live, 0);
}

/* --- what a router says --- */

static void lease(link_id link, uint64_t router_id, uint64_t epoch, bool follows, bool done)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLease body = WIRE_LEASE__INIT;

    body.router_id = router_id;
    body.epoch = epoch;
    body.snapshot_follows = follows;
    body.snapshot_done = done;
    frame.body_case = WIRE_LINK_FRAME__BODY_LEASE;
    frame.lease = &body;
    script_say(&s, link, &frame);
}

static void tell(link_id link, uint64_t epoch, uint64_t user_id, uint64_t session_no,
                 WirePresenceState state, int64_t last_active_at_ms)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WirePresenceDelta body = WIRE_PRESENCE_DELTA__INIT;
    WireSessionPresence session = WIRE_SESSION_PRESENCE__INIT;
    WireSessionPresence *sessions[] = {&session};

    session.user_id = user_id;
    session.session_no = session_no;
    session.state = state;
    session.last_active_at_ms = last_active_at_ms;
    body.epoch = epoch;
    body.n_sessions = 1;
    body.sessions = sessions;
    frame.body_case = WIRE_LINK_FRAME__BODY_PRESENCE_DELTA;
    frame.presence_delta = &body;
    script_say(&s, link, &frame);
}

static void watch(link_id link, uint64_t add, uint64_t remove)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireWatch body = WIRE_WATCH__INIT;

    body.n_add = add != 0;
    body.add = &add;
    body.n_remove = remove != 0;
    body.remove = &remove;
    frame.body_case = WIRE_LINK_FRAME__BODY_WATCH;
    frame.watch = &body;
    script_say(&s, link, &frame);
}

static void connect_router(link_id link, uint64_t router_id, uint64_t epoch)
{
    script_open(&s, link, LINK_PEER, 0);
    script_hello(&s, link, ROUTER, router_id);
    lease(link, router_id, epoch, true, false);
}

static void connect_empty(link_id link, uint64_t router_id)
{
    connect_router(link, router_id, 1);
    lease(link, router_id, 1, false, true);
}

/* Lets time pass while these links are kept alive, and their leases if so told. */
static void live(int64_t wait_ms, link_id links, bool renew)
{
    for (int64_t passed = 0; passed < wait_ms; passed += 5000) {
        script_wait(&s, wait_ms - passed < 5000 ? wait_ms - passed : 5000);
        for (link_id link = 1; link <= links; link++) {
            if (renew)
                lease(link, link + 10, 1, false, false);
            else
                script_ping(&s, link);
        }
    }
}

/* What `link` last heard of a user; NULL: nothing. */
static const WirePresence *heard(link_id link, uint64_t user_id)
{
    for (size_t i = s.heard_count; i-- > 0;) {
        const WireLinkFrame *frame = s.heard[i].frame;

        if (s.heard[i].link != link || frame->body_case != WIRE_LINK_FRAME__BODY_PRESENCE_BATCH)
            continue;
        for (size_t k = 0; k < frame->presence_batch->n_users; k++)
            if (frame->presence_batch->users[k]->user_id == user_id)
                return frame->presence_batch->users[k];
    }
    return NULL;
}

static void ck_heard(link_id link, uint64_t user_id, WirePresenceState state)
{
    const WirePresence *presence_of = heard(link, user_id);

    ck_assert_ptr_nonnull(presence_of);
    ck_assert_int_eq(presence_of->state, state);
}

/* Two routers, links 1 and 2 with ids 11 and 12, past the first lease. */
static void two_routers(void)
{
    connect_empty(1, 11);
    connect_empty(2, 12);
    live(PRESENCE_LEASE_MS, 2, true);
    script_forget(&s);
}

START_TEST(a_watch_is_answered_at_once)
{
    two_routers();
    tell(1, 1, ALICE, 1, STATE(ONLINE), 5000);
    watch(2, ALICE, 0);
    ck_heard(2, ALICE, STATE(ONLINE));
    ck_assert_int_eq(heard(2, ALICE)->last_active_at_ms, 5000);
    watch(2, BOB, 0);
    ck_heard(2, BOB, STATE(OFFLINE));
}
END_TEST

START_TEST(a_change_reaches_watchers_within_150_ms)
{
    two_routers();
    watch(2, ALICE, 0);
    script_forget(&s);
    tell(1, 1, ALICE, 1, STATE(ONLINE), 0);
    script_wait(&s, PRESENCE_BATCH_MS - 1);
    ck_assert_ptr_null(heard(2, ALICE));
    script_wait(&s, 1);
    ck_heard(2, ALICE, STATE(ONLINE));
    ck_assert_ptr_null(heard(1, ALICE));
}
END_TEST

START_TEST(changes_in_between_are_told_once_or_not_at_all)
{
    two_routers();
    watch(2, ALICE, 0);
    watch(2, BOB, 0);
    script_forget(&s);
    tell(1, 1, ALICE, 1, STATE(ONLINE), 0);
    tell(1, 1, BOB, 2, STATE(ONLINE), 0);
    tell(1, 1, ALICE, 1, STATE(OFFLINE), 0);
    tell(1, 1, BOB, 2, STATE(IDLE), 0);
    script_wait(&s, PRESENCE_BATCH_MS);
    ck_assert_ptr_null(heard(2, ALICE));
    ck_heard(2, BOB, STATE(IDLE));
    ck_assert_uint_eq(script_count(&s, WIRE_LINK_FRAME__BODY_PRESENCE_BATCH), 1);
}
END_TEST

START_TEST(an_unwatched_user_is_not_told)
{
    two_routers();
    watch(2, ALICE, 0);
    script_forget(&s);
    tell(1, 1, ALICE, 1, STATE(ONLINE), 0);
    watch(2, 0, ALICE);
    script_wait(&s, 1000);
    ck_assert_ptr_null(heard(2, ALICE));
}
END_TEST

START_TEST(the_best_device_on_any_router_counts)
{
    two_routers();
    watch(1, ALICE, 0);
    tell(1, 1, ALICE, 1, STATE(IDLE), 1000);
    tell(2, 1, ALICE, 2, STATE(DND), 2000);
    script_wait(&s, 1000);
    ck_heard(1, ALICE, STATE(DND));
    tell(1, 1, ALICE, 3, STATE(ONLINE), 3000);
    script_wait(&s, 1000);
    ck_heard(1, ALICE, STATE(ONLINE));
    ck_assert_int_eq(heard(1, ALICE)->last_active_at_ms, 3000);
    tell(1, 1, ALICE, 3, STATE(OFFLINE), 0);
    tell(2, 1, ALICE, 2, STATE(OFFLINE), 0);
    script_wait(&s, 1000);
    ck_heard(1, ALICE, STATE(IDLE));
}
END_TEST

START_TEST(invisible_looks_offline_and_leaves_no_trace)
{
    two_routers();
    watch(2, ALICE, 0);
    tell(1, 1, ALICE, 1, STATE(INVISIBLE), 9000);
    script_wait(&s, 1000);
    ck_heard(2, ALICE, STATE(OFFLINE));
    ck_assert_int_eq(heard(2, ALICE)->last_active_at_ms, 0);
    tell(1, 1, ALICE, 1, STATE(ONLINE), 9500);
    script_wait(&s, 1000);
    ck_heard(2, ALICE, STATE(ONLINE));
    tell(1, 1, ALICE, 1, STATE(INVISIBLE), 9900);
    script_wait(&s, 1000);
    ck_heard(2, ALICE, STATE(OFFLINE));
    ck_assert_int_eq(heard(2, ALICE)->last_active_at_ms, 9500);
}
END_TEST

START_TEST(a_state_of_a_later_version_counts_as_online)
{
    two_routers();
    watch(2, ALICE, 0);
    tell(1, 1, ALICE, 1, (WirePresenceState)99, 0);
    script_wait(&s, 1000);
    ck_heard(2, ALICE, STATE(ONLINE));
}
END_TEST

START_TEST(nobody_is_offline_in_the_first_lease)
{
    connect_empty(1, 11);
    watch(1, ALICE, 0);
    watch(1, BOB, 0);
    ck_assert_ptr_null(heard(1, ALICE));
    live(PRESENCE_LEASE_MS - 1000, 1, true);
    tell(1, 1, BOB, 1, STATE(ONLINE), 0);
    script_wait(&s, 200);
    ck_heard(1, BOB, STATE(ONLINE));
    ck_assert_ptr_null(heard(1, ALICE));
    tell(1, 1, BOB, 1, STATE(OFFLINE), 0);
    script_wait(&s, 200);
    ck_heard(1, BOB, STATE(ONLINE)); /* another router may hold it, too */

    script_wait(&s, 1000);
    ck_heard(1, ALICE, STATE(OFFLINE));
    ck_heard(1, BOB, STATE(OFFLINE));
}
END_TEST

START_TEST(a_dead_routers_users_are_offline_when_its_lease_ends)
{
    two_routers();
    watch(2, ALICE, 0);
    tell(1, 1, ALICE, 1, STATE(ONLINE), 0);
    script_wait(&s, 200);
    lease(1, 11, 1, false, false);
    script_close(&s, 1, 0);
    for (int i = 0; i < 3; i++) {
        script_wait(&s, 13000);
        lease(2, 12, 1, false, false);
    }
    ck_heard(2, ALICE, STATE(ONLINE));
    script_wait(&s, 1200);
    ck_heard(2, ALICE, STATE(OFFLINE));
}
END_TEST

START_TEST(a_router_that_comes_back_in_time_loses_nobody)
{
    two_routers();
    watch(2, ALICE, 0);
    tell(1, 1, ALICE, 1, STATE(ONLINE), 0);
    tell(1, 1, BOB, 2, STATE(ONLINE), 0);
    watch(2, BOB, 0);
    script_wait(&s, 200);
    script_close(&s, 1, 0);
    script_forget(&s);

    connect_router(3, 11, 2);
    tell(3, 2, ALICE, 1, STATE(ONLINE), 0);
    script_wait(&s, 1000);
    ck_assert_ptr_null(heard(2, BOB));
    lease(3, 11, 2, false, true); /* Bob left meanwhile */
    script_wait(&s, 1000);
    ck_heard(2, BOB, STATE(OFFLINE));
    ck_assert_ptr_null(heard(2, ALICE));
}
END_TEST

START_TEST(an_old_link_revives_nobody)
{
    two_routers();
    watch(2, ALICE, 0);
    script_open(&s, 3, LINK_PEER, 0);
    script_hello(&s, 3, ROUTER, 11);
    lease(3, 11, 5, true, false); /* a newer link of the same process */
    ck_assert_uint_eq(s.closed_link, 1);
    lease(3, 11, 5, false, true);
    script_forget(&s);

    script_open(&s, 4, LINK_PEER, 0);
    script_hello(&s, 4, ROUTER, 11);
    lease(4, 11, 4, true, false);
    ck_assert_uint_eq(s.closed_link, 4);
    ck_assert_str_eq(s.close_reason, "Lease.epoch");
    tell(4, 4, ALICE, 1, STATE(ONLINE), 0);
    script_wait(&s, 1000);
    ck_assert_ptr_null(heard(2, ALICE));
}
END_TEST

START_TEST(an_ended_lease_is_fenced_too)
{
    two_routers();
    script_close(&s, 1, 0);
    live(PRESENCE_LEASE_MS + 1000, 0, false);
    connect_router(3, 11, 1);
    ck_assert_str_eq(s.close_reason, "Lease.epoch");
    connect_router(4, 11, 2);
    ck_assert_uint_ne(s.closed_link, 4);
}
END_TEST

START_TEST(a_lease_that_is_not_renewed_closes_its_link)
{
    connect_empty(1, 11);
    live(PRESENCE_LEASE_MS - 1, 1, false);
    ck_assert_uint_eq(s.closes, 0);
    script_wait(&s, 1);
    ck_assert_uint_eq(s.closed_link, 1);
    ck_assert_str_eq(s.close_reason, "lease ended");
}
END_TEST

START_TEST(a_snapshot_that_never_ends_does_not_renew)
{
    two_routers();
    lease(1, 11, 1, true, false);
    live(PRESENCE_LEASE_MS, 2, true);
    ck_assert_uint_eq(s.closed_link, 1);
}
END_TEST

START_TEST(a_lease_comes_first_and_with_a_snapshot)
{
    script_open(&s, 1, LINK_PEER, 0);
    script_hello(&s, 1, ROUTER, 11);
    watch(1, ALICE, 0);
    ck_assert_str_eq(s.close_reason, "Lease first");
    script_open(&s, 2, LINK_PEER, 0);
    script_hello(&s, 2, ROUTER, 12);
    tell(2, 0, ALICE, 1, STATE(ONLINE), 0);
    ck_assert_str_eq(s.close_reason, "PresenceDelta.epoch");
    script_open(&s, 3, LINK_PEER, 0);
    script_hello(&s, 3, ROUTER, 13);
    lease(3, 13, 1, false, false);
    ck_assert_str_eq(s.close_reason, "Lease.snapshot_follows");
    connect_router(4, 14, 1);
    tell(4, 2, ALICE, 1, STATE(ONLINE), 0);
    ck_assert_str_eq(s.close_reason, "PresenceDelta.epoch");
    script_open(&s, 5, LINK_PEER, 0);
    script_hello(&s, 5, ROUTER, 15);
    lease(5, 16, 1, true, false);
    ck_assert_str_eq(s.close_reason, "Lease.router_id");
    connect_router(6, 16, 1);
    tell(6, 1, 0, 1, STATE(ONLINE), 0);
    ck_assert_str_eq(s.close_reason, "SessionPresence.user_id");
}
END_TEST

START_TEST(a_reconnected_router_announces_its_watches_anew)
{
    two_routers();
    watch(1, BOB, 0);
    script_close(&s, 1, 0);
    connect_router(3, 11, 2);
    lease(3, 11, 2, false, true);
    script_forget(&s);
    tell(2, 1, BOB, 1, STATE(ONLINE), 0);
    script_wait(&s, 1000);
    ck_assert_ptr_null(heard(3, BOB));
    watch(3, BOB, 0);
    ck_heard(3, BOB, STATE(ONLINE));
}
END_TEST

START_TEST(a_new_snapshot_on_the_same_link_keeps_its_watches)
{
    two_routers();
    watch(1, BOB, 0);
    tell(1, 1, ALICE, 1, STATE(ONLINE), 0);
    watch(2, ALICE, 0);
    script_forget(&s);
    lease(1, 11, 2, true, false);
    lease(1, 11, 2, false, true);
    tell(2, 1, BOB, 1, STATE(ONLINE), 0);
    script_wait(&s, 1000);
    ck_heard(1, BOB, STATE(ONLINE));
    ck_heard(2, ALICE, STATE(OFFLINE));
    ck_assert_uint_eq(s.closes, 0);
}
END_TEST

START_TEST(a_router_that_does_not_read_hears_the_sum_later)
{
    two_routers();
    watch(2, ALICE, 0);
    script_forget(&s);
    script_kind(&s, EVENT_LINK_BLOCKED, 2);
    for (int i = 0; i < 10; i++) {
        tell(1, 1, ALICE, 1, i % 2 ? STATE(ONLINE) : STATE(IDLE), 0);
        script_wait(&s, 200);
    }
    ck_assert_ptr_null(heard(2, ALICE));
    script_kind(&s, EVENT_LINK_DRAINED, 2);
    script_wait(&s, PRESENCE_BATCH_MS);
    ck_heard(2, ALICE, STATE(ONLINE));
    ck_assert_uint_eq(script_count(&s, WIRE_LINK_FRAME__BODY_PRESENCE_BATCH), 1);
}
END_TEST

START_TEST(a_batch_holds_at_most_500_users)
{
    two_routers();
    for (uint64_t user = 1; user <= 1200; user++)
        watch(2, user, 0);
    script_forget(&s);
    for (uint64_t user = 1; user <= 1200; user++)
        tell(1, 1, user, user, STATE(ONLINE), 0);
    script_wait(&s, 1000);
    ck_assert_uint_eq(script_count(&s, WIRE_LINK_FRAME__BODY_PRESENCE_BATCH), 3);
    for (uint64_t user = 1; user <= 1200; user++)
        ck_heard(2, user, STATE(ONLINE));
}
END_TEST

static const char *last_limit(void)
{
    const WireLinkFrame *frame = script_last(&s, WIRE_LINK_FRAME__BODY_PROBLEM);
    return frame ? frame->problem->limit : "";
}

START_TEST(tables_are_bounded)
{
    struct presence_stats stats;

    config.sessions_max = 2;
    config.watches_max = 1;
    config.routers_max = 1;
    restart();
    connect_empty(1, 11);
    tell(1, 1, ALICE, 1, STATE(ONLINE), 0);
    tell(1, 1, ALICE, 2, STATE(ONLINE), 0);
    ck_assert_str_eq(last_limit(), "");
    tell(1, 1, BOB, 3, STATE(ONLINE), 0);
    ck_assert_str_eq(last_limit(), "sessions_max");
    watch(1, ALICE, 0);
    watch(1, BOB, 0);
    ck_assert_str_eq(last_limit(), "watches_max");
    presence_get_stats(presence, &stats);
    ck_assert_uint_eq(stats.sessions, 2);
    ck_assert_uint_eq(stats.watches, 1);
    ck_assert_uint_eq(stats.users, 1);
    ck_assert_uint_eq(stats.sessions_refused, 1);
    ck_assert_uint_eq(stats.watches_refused, 1);

    tell(1, 1, ALICE, 2, STATE(OFFLINE), 0);
    tell(1, 1, BOB, 3, STATE(ONLINE), 0);
    presence_get_stats(presence, &stats);
    ck_assert_uint_eq(stats.users_online, 2);
}
END_TEST

START_TEST(an_ended_record_makes_room_for_a_router)
{
    config.routers_max = 1;
    restart();
    connect_empty(1, 11);
    script_close(&s, 1, 0);
    connect_router(2, 12, 1);
    ck_assert_uint_eq(s.closed_link, 2); /* 11 still holds its lease */
    script_close(&s, 2, 0);
    live(PRESENCE_LEASE_MS, 0, false);
    connect_router(3, 12, 1);
    ck_assert_uint_eq(s.closed_link, 2);
}
END_TEST

START_TEST(it_is_ready_after_a_snapshot_or_a_lease)
{
    ck_assert(!presence_is_ready(presence));
    connect_router(1, 11, 1);
    ck_assert(!presence_is_ready(presence));
    lease(1, 11, 1, false, true);
    ck_assert(presence_is_ready(presence));
    restart();
    script_wait(&s, PRESENCE_LEASE_MS);
    ck_assert(presence_is_ready(presence));
}
END_TEST

START_TEST(stop_closes_all_links_and_says_so_once)
{
    two_routers();
    script_kind(&s, EVENT_STOP, 0);
    ck_assert_uint_eq(s.closes, 2);
    ck_assert_uint_eq(s.stops, 0);
    script_close(&s, 1, 0);
    script_close(&s, 2, 0);
    ck_assert_uint_eq(s.stops, 1);
    script_wait(&s, 1000);
    ck_assert_uint_eq(s.stops, 1);
}
END_TEST

START_TEST(metrics_name_what_it_holds)
{
    struct metrics m;

    two_routers();
    tell(1, 1, ALICE, 1, STATE(ONLINE), 0);
    metrics_init(&m, NULL, NULL);
    presence_write_metrics(presence, &m);
    ck_assert_int_eq(buf_append(&m.text, "", 1), CHAT_OK);
    ck_assert_ptr_nonnull(strstr((char *)m.text.bytes, "\nchat_presence_users_online 1\n"));
    ck_assert_ptr_nonnull(strstr((char *)m.text.bytes, "\nchat_links_ready 2\n"));
    metrics_fini(&m);
}
END_TEST

/* Each allocation fails once; the routers come back and all is well again. */
START_TEST(no_memory_harms_nothing_for_long)
{
    for (size_t allowed = 0; allowed < 40; allowed++) {
        restart();
        connect_empty(1, 11);
        faulty_alloc_fail_after(&memory, allowed);
        tell(1, 1, ALICE, 1, STATE(ONLINE), 0);
        watch(1, ALICE, 0);
        connect_router(2, 12, 1);
        tell(2, 1, BOB, 2, STATE(ONLINE), 0);
        script_wait(&s, 200);
        faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
        script_close(&s, 1, 0);
        connect_router(3, 11, 2);
        tell(3, 2, ALICE, 1, STATE(ONLINE), 0);
        lease(3, 11, 2, false, true);
        watch(3, ALICE, 0);
        ck_heard(3, ALICE, STATE(ONLINE));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("presence");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, a_watch_is_answered_at_once);
    tcase_add_test(all, a_change_reaches_watchers_within_150_ms);
    tcase_add_test(all, changes_in_between_are_told_once_or_not_at_all);
    tcase_add_test(all, an_unwatched_user_is_not_told);
    tcase_add_test(all, the_best_device_on_any_router_counts);
    tcase_add_test(all, invisible_looks_offline_and_leaves_no_trace);
    tcase_add_test(all, a_state_of_a_later_version_counts_as_online);
    tcase_add_test(all, nobody_is_offline_in_the_first_lease);
    tcase_add_test(all, a_dead_routers_users_are_offline_when_its_lease_ends);
    tcase_add_test(all, a_router_that_comes_back_in_time_loses_nobody);
    tcase_add_test(all, an_old_link_revives_nobody);
    tcase_add_test(all, an_ended_lease_is_fenced_too);
    tcase_add_test(all, a_lease_that_is_not_renewed_closes_its_link);
    tcase_add_test(all, a_snapshot_that_never_ends_does_not_renew);
    tcase_add_test(all, a_lease_comes_first_and_with_a_snapshot);
    tcase_add_test(all, a_reconnected_router_announces_its_watches_anew);
    tcase_add_test(all, a_new_snapshot_on_the_same_link_keeps_its_watches);
    tcase_add_test(all, a_router_that_does_not_read_hears_the_sum_later);
    tcase_add_test(all, a_batch_holds_at_most_500_users);
    tcase_add_test(all, tables_are_bounded);
    tcase_add_test(all, an_ended_record_makes_room_for_a_router);
    tcase_add_test(all, it_is_ready_after_a_snapshot_or_a_lease);
    tcase_add_test(all, stop_closes_all_links_and_says_so_once);
    tcase_add_test(all, metrics_name_what_it_holds);
    tcase_add_test(all, no_memory_harms_nothing_for_long);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
