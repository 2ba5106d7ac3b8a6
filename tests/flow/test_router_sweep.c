/* What a store has and a router never heard of is found without anybody's help. */
#include "router_news.h"
#include "router_rig.h"
#include "server/router/sweep.h"

static struct rig g;
static struct rig_home *room;

static void setup(void)
{
    rig_config(&g);
    rig_start_all(&g);
    room = rig_group(&g, 0, (const char *[]){"alice", "bob", NULL});
}

static void teardown(void) { rig_fini(&g); }

static void missed_message(void)
{
    room->seq++;
    room->lsn++;
    room->published_lsn++;
}

static uint64_t head_told(link_id link)
{
    const WireServerFrame *frame = rig_last(&g, link, SERVER(CHANNEL_LIST));
    return frame ? frame->channel_list->channels[0]->head->seq : 0;
}

START_TEST(a_publication_that_never_came_is_found_and_told_as_the_head)
{
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    rig_sign_in(&g, 2, "bob", RIG_DEVICE);
    rig_forget(&g);
    missed_message();
    rig_wait(&g, 4 * SWEEP_STEP_MS);

    ck_assert_uint_eq(head_told(1), 1);
    ck_assert_uint_eq(head_told(2), 1);
    ck_assert_uint_eq(rig_stats(&g).missed, 1);
    ck_assert_uint_eq(rig_stats(&g).homes_lost, 0);
    rig_message(&g, room, "on we go");
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(MESSAGE))->message->seq, 2);
}
END_TEST

START_TEST(a_users_home_that_went_on_unheard_is_announced_again)
{
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    rig_forget(&g);
    ++*rig_user_lsn(&g, rig_user("alice"));
    rig_wait(&g, 4 * SWEEP_STEP_MS);

    ck_assert_uint_eq(rig_asked_count(&g, LINK(OPEN_SESSION)), 1);
    ck_assert_uint_eq(rig_stats(&g).missed, 1);
    ck_assert_uint_eq(g.closed[1], 0);
}
END_TEST

/* Answers leave before the publications of the same sync. */
START_TEST(what_comes_right_behind_the_answer_was_not_missed)
{
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    rig_forget(&g);
    room->lsn++; /* the store answers with it, and then publishes it */
    rig_wait(&g, SWEEP_STEP_MS);
    room->lsn--;
    rig_message(&g, room, "here it is");
    rig_wait(&g, 4 * SWEEP_STEP_MS);

    ck_assert_uint_eq(rig_last(&g, 1, SERVER(MESSAGE))->message->seq, 1);
    ck_assert_uint_eq(rig_stats(&g).missed, 0);
    ck_assert_uint_eq(rig_stats(&g).rechecks, 0);
}
END_TEST

START_TEST(a_step_asks_only_its_share_and_all_have_their_turn)
{
    const uint32_t rooms = 40;

    for (uint32_t i = 1; i < rooms; i++)
        rig_group(&g, i % 2, (const char *[]){"alice", NULL});
    g.config.limits.sweep_ms = 10 * SWEEP_STEP_MS;
    rig_fini(&g);
    rig_start(&g);
    for (uint32_t peer = 0; peer < RIG_PEERS; peer++)
        rig_up(&g, peer);
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    rig_forget(&g);

    rig_wait(&g, SWEEP_STEP_MS);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(SUBSCRIBE)), rooms / 10 + 1); /* and one user */
    rig_wait(&g, 9 * SWEEP_STEP_MS);
    ck_assert_uint_le(rig_asked_count(&g, LINK(SUBSCRIBE)), rooms + 10);
    for (uint32_t i = 0; i < rooms; i++) {
        uint32_t asked = 0;

        for (size_t k = 0; k < g.heard_count; k++) {
            const WireLinkFrame *frame = g.heard[k].peer;
            asked += frame && frame->body_case == LINK(SUBSCRIBE) &&
                     frame->subscribe->home_id == g.homes[i].home_id;
        }
        ck_assert_uint_eq(asked, 1);
    }
}
END_TEST

START_TEST(an_idle_router_without_sessions_asks_nothing)
{
    rig_wait(&g, 10 * SWEEP_STEP_MS);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(SUBSCRIBE)), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("router_sweep");
    SRunner *runner = srunner_create(suite);
    TCase *all = tcase_create("all");
    int failed;

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, a_publication_that_never_came_is_found_and_told_as_the_head);
    tcase_add_test(all, a_users_home_that_went_on_unheard_is_announced_again);
    tcase_add_test(all, what_comes_right_behind_the_answer_was_not_missed);
    tcase_add_test(all, a_step_asks_only_its_share_and_all_have_their_turn);
    tcase_add_test(all, an_idle_router_without_sessions_asks_nothing);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
