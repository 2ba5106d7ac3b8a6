/* A real router and a real presence daemon: what people see of each other. */
#include "router_rig.h"

#include "../support/script.h"
#include "server/presence/presence.h"

#define STATE(name) WIRE_PRESENCE_STATE__PRESENCE_STATE_##name
#define ALICE_LINK 1u
#define BOB_LINK 2u

static struct rig g;
static struct script s;
static struct presence *presence;
static size_t carried_up, carried_down; /* of what router and presence said */
static link_id link_up;                 /* the one presence knows */

static void start_presence(void)
{
    struct presence_config config;

    presence_config_init(&config);
    config.seed = 3;
    ck_assert_int_eq(presence_new(&config, &presence), CHAT_OK);
    script_init(&s, presence_machine(presence));
    s.now = g.now;
    carried_down = 0;
}

static void stop_presence(void)
{
    presence_free(presence);
    script_fini(&s);
}

/* Carries frames both ways until nobody has anything to say. The rig says the welcome. */
static void carry(void)
{
    while (carried_up < g.heard_count || carried_down < s.heard_count) {
        while (carried_up < g.heard_count) {
            struct rig_heard heard = g.heard[carried_up++];

            if (heard.peer && heard.link == g.peer_links[RIG_PRESENCE])
                script_say(&s, link_up, heard.peer);
        }
        while (carried_down < s.heard_count) {
            const WireLinkFrame *frame = s.heard[carried_down++].frame;

            if (frame->body_case == LINK(PRESENCE_BATCH))
                rig_peer_says(&g, RIG_PRESENCE, frame);
        }
        rig_settle(&g);
    }
    ck_assert_msg(s.closes == 0, "presence closed the link: %s", s.close_reason);
}

static void connect_presence(link_id link)
{
    link_up = link;
    script_open(&s, link, LINK_PEER, 0);
    rig_up(&g, RIG_PRESENCE);
    carry();
}

static void wait(int64_t wait_ms)
{
    for (int64_t passed = 0; passed < wait_ms; passed += 50) {
        rig_wait(&g, 50);
        script_wait(&s, 50);
        carry();
    }
}

static void setup(void)
{
    rig_config(&g);
    rig_start_all(&g);
    rig_down(&g, RIG_PRESENCE);
    rig_wait(&g, 200);
    carried_up = g.heard_count;
    start_presence();
}

static void teardown(void)
{
    rig_fini(&g);
    stop_presence();
}

static void watch(link_id link, uint64_t user_id)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireWatchPresence body = WIRE_WATCH_PRESENCE__INIT;

    body.n_user_ids = 1;
    body.user_ids = &user_id;
    frame.request_id = 50;
    frame.body_case = CLIENT(WATCH_PRESENCE);
    frame.watch_presence = &body;
    rig_say(&g, link, &frame);
    carry();
}

static void set_state(link_id link, WirePresenceState state)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireSetPresence body = WIRE_SET_PRESENCE__INIT;

    body.state = state;
    frame.request_id = 51;
    frame.body_case = CLIENT(SET_PRESENCE);
    frame.set_presence = &body;
    rig_say(&g, link, &frame);
    carry();
}

static WirePresenceState seen(link_id link, uint64_t user_id)
{
    for (size_t i = g.heard_count; i-- > 0;) {
        const WireServerFrame *frame = g.heard[i].server;

        if (g.heard[i].link != link || !frame || frame->body_case != SERVER(PRESENCE))
            continue;
        for (size_t k = 0; k < frame->presence->n_users; k++)
            if (frame->presence->users[k]->user_id == user_id)
                return frame->presence->users[k]->state;
    }
    return STATE(UNSPECIFIED);
}

START_TEST(bob_sees_alice_come_change_and_go)
{
    uint64_t alice = rig_user("alice");

    connect_presence(1);
    rig_sign_in(&g, ALICE_LINK, "alice", RIG_DEVICE);
    rig_sign_in(&g, BOB_LINK, "bob", RIG_DEVICE + 1);
    watch(BOB_LINK, alice);
    wait(1000);
    ck_assert_int_eq(seen(BOB_LINK, alice), STATE(ONLINE));
    set_state(ALICE_LINK, STATE(DND));
    wait(1000);
    ck_assert_int_eq(seen(BOB_LINK, alice), STATE(DND));
    set_state(ALICE_LINK, STATE(INVISIBLE));
    wait(PRESENCE_LEASE_MS);
    ck_assert_int_eq(seen(BOB_LINK, alice), STATE(OFFLINE));
    set_state(ALICE_LINK, STATE(ONLINE));
    wait(1000);
    ck_assert_int_eq(seen(BOB_LINK, alice), STATE(ONLINE));
    rig_event(&g, EVENT_LINK_CLOSED, ALICE_LINK);
    wait(1000);
    ck_assert_int_eq(seen(BOB_LINK, alice), STATE(OFFLINE));
}
END_TEST

START_TEST(who_watched_before_presence_came_is_told)
{
    uint64_t alice = rig_user("alice");

    rig_sign_in(&g, ALICE_LINK, "alice", RIG_DEVICE);
    rig_sign_in(&g, BOB_LINK, "bob", RIG_DEVICE + 1);
    watch(BOB_LINK, alice);
    connect_presence(1);
    wait(1000);
    ck_assert_int_eq(seen(BOB_LINK, alice), STATE(ONLINE));
}
END_TEST

START_TEST(a_lease_lasts_while_the_router_lives)
{
    struct presence_stats stats;

    connect_presence(1);
    rig_sign_in(&g, ALICE_LINK, "alice", RIG_DEVICE);
    wait(PRESENCE_LEASE_MS / 2); /* heartbeats of clients are the router's affair */
    presence_get_stats(presence, &stats);
    ck_assert_uint_eq(stats.routers, 1);
    wait(PRESENCE_LEASE_MS);
    presence_get_stats(presence, &stats);
    ck_assert_uint_eq(stats.routers, 1);
    ck_assert_uint_eq(stats.leases_ended, 0);
}
END_TEST

START_TEST(a_restarted_presence_learns_all_anew)
{
    struct presence_stats stats;
    uint64_t alice = rig_user("alice");

    connect_presence(1);
    rig_sign_in(&g, ALICE_LINK, "alice", RIG_DEVICE);
    rig_sign_in(&g, BOB_LINK, "bob", RIG_DEVICE + 1);
    watch(BOB_LINK, alice);
    wait(500);
    rig_down(&g, RIG_PRESENCE);
    stop_presence();
    rig_wait(&g, 200);
    set_state(ALICE_LINK, STATE(IDLE));
    carried_up = g.heard_count;
    start_presence();
    connect_presence(2);
    wait(1000);
    presence_get_stats(presence, &stats);
    ck_assert_uint_eq(stats.users_online, 2);
    ck_assert_uint_eq(stats.watches, 1);
    ck_assert_int_eq(seen(BOB_LINK, alice), STATE(IDLE));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("presence and router");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, bob_sees_alice_come_change_and_go);
    tcase_add_test(all, who_watched_before_presence_came_is_told);
    tcase_add_test(all, a_lease_lasts_while_the_router_lives);
    tcase_add_test(all, a_restarted_presence_learns_all_anew);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
