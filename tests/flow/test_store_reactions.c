/* Reactions: an alteration of anybody's message, inline in it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/limits.h>

#include "store_host.h"

#define SMILE "\xf0\x9f\x98\x80"
#define HEART "\xe2\x9d\xa4"

static struct store_host h;
static link_id link;
static uint64_t ann, bob, eve, group, counter;

static void setup(void)
{
    store_host_init(&h, 1);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    ann = host_user(&h, link, "ann");
    bob = host_user(&h, link, "bob");
    eve = host_user(&h, link, "eve");
    group = host_group(&h, link, ann, 1, &bob, 1);
    counter = 100;
    expect_sent(host_send(&h, link, ann, group, 1, 0, "hello"), 1);
}

static void teardown(void) { store_host_fini(&h); }

static const WireLinkFrame *react_under(uint64_t nonce_counter, uint64_t after, uint64_t user,
                                        uint64_t seq, const char *emoji, bool remove)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireReact react = WIRE_REACT__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = HOST_DEVICE;
    nonce.counter = nonce_counter;
    nonce.after = after;
    react.channel_id = group;
    react.nonce = &nonce;
    react.seq = seq;
    react.emoji = (char *)(uintptr_t)emoji;
    react.remove = remove;
    frame.user_id = user;
    frame.body_case = WIRE_LINK_FRAME__BODY_REACT;
    frame.react = &react;
    return store_host_ask(&h, link, &frame);
}

static const WireLinkFrame *react(uint64_t user, const char *emoji, bool remove)
{
    return react_under(++counter, 0, user, 1, emoji, remove);
}

static void expect_rev(const WireLinkFrame *answer, uint64_t rev)
{
    ck_assert_ptr_nonnull(answer);
    if (answer->body_case == WIRE_LINK_FRAME__BODY_PROBLEM)
        ck_abort_msg("problem %d %s", (int)answer->problem->code, answer->problem->limit);
    ck_assert_int_eq(answer->body_case, WIRE_LINK_FRAME__BODY_ALTERED);
    ck_assert_uint_eq(answer->altered->seq, 1);
    ck_assert_uint_eq(answer->altered->rev, rev);
}

static const WireMessage *message(void)
{
    return host_history(&h, link, ann, group, 0, 1, true)->messages[0];
}

START_TEST(reactions_are_added_and_taken_back_in_the_order_they_came)
{
    expect_rev(react(bob, SMILE, false), 1);
    expect_rev(react(ann, HEART, false), 2);
    expect_rev(react(ann, SMILE, false), 3);
    ck_assert_uint_eq(message()->n_reactions, 2);
    ck_assert_str_eq(message()->reactions[0]->emoji, SMILE);
    ck_assert_uint_eq(message()->reactions[0]->n_user_ids, 2);
    ck_assert_uint_eq(message()->reactions[0]->user_ids[0], bob);
    ck_assert_uint_eq(message()->reactions[0]->user_ids[1], ann);
    ck_assert_str_eq(message()->reactions[1]->emoji, HEART);
    ck_assert_int_eq(message()->edited_at_ms, 0);
    ck_assert_str_eq(message()->text, "hello");

    expect_rev(react(bob, SMILE, true), 4);
    ck_assert_uint_eq(message()->reactions[0]->n_user_ids, 1);
    expect_rev(react(ann, SMILE, true), 5);
    ck_assert_uint_eq(message()->n_reactions, 1);
    ck_assert_str_eq(message()->reactions[0]->emoji, HEART);
}
END_TEST

START_TEST(it_is_published_and_comes_with_the_changes)
{
    const WirePublication *p;

    host_subscribe(&h, link, ann, group);
    store_host_forget(&h);
    expect_rev(react(bob, SMILE, false), 1);
    p = store_host_publication(&h, link, group, 0);
    ck_assert_int_eq(p->events[0]->body_case, WIRE_HOME_EVENT__BODY_CHANGED);
    ck_assert_uint_eq(p->events[0]->changed->n_reactions, 1);
    ck_assert_uint_eq(host_changes(&h, link, ann, group, 0, 1, 1)->messages[0]->n_reactions, 1);
}
END_TEST

START_TEST(what_is_there_or_is_not_changes_nothing_and_lets_others_follow)
{
    expect_rev(react(bob, SMILE, true), 0);
    expect_rev(react(bob, SMILE, false), 1);
    host_subscribe(&h, link, ann, group);
    store_host_forget(&h);
    expect_rev(react_under(501, 0, bob, 1, SMILE, false), 1);
    ck_assert_uint_eq(host_changes(&h, link, ann, group, 0, 1, 1)->head->rev, 1);
    ck_assert_uint_eq(store_host_publication(&h, link, group, 0)->n_events, 0);
    expect_rev(react_under(502, 501, bob, 1, HEART, false), 2);
}
END_TEST

/* Those that changed something, and those that did not; from the log and from the row. */
START_TEST(a_repeated_nonce_gets_the_first_answer_over_a_restart)
{
    expect_rev(react_under(501, 0, bob, 1, SMILE, true), 0);
    expect_rev(react_under(502, 501, bob, 1, SMILE, false), 1);
    expect_rev(react_under(503, 502, bob, 1, SMILE, false), 1);
    if (_i)
        store_host_wait(&h, 5000);
    if (_i < 2) {
        store_host_kill(&h, 0);
        store_host_start(&h, 0);
        store_host_wait(&h, 5000);
        link = store_host_connect(&h, 0);
    }
    expect_rev(react_under(501, 0, bob, 1, SMILE, true), 0);
    expect_rev(react_under(502, 501, bob, 1, SMILE, false), 1);
    expect_rev(react_under(503, 502, bob, 1, SMILE, false), 1);
    expect_problem(react_under(502, 501, bob, 1, SMILE, true), PROBLEM_OF(NONCE_STALE));
    expect_problem(react_under(502, 501, bob, 1, HEART, false), PROBLEM_OF(NONCE_STALE));
    ck_assert_uint_eq(message()->rev, 1);
}
END_TEST

START_TEST(who_may_send_reacts_to_any_message_that_is_there)
{
    expect_problem(react(eve, SMILE, false), PROBLEM_OF(FORBIDDEN));
    host_set_member(&h, link, ann, group, eve, WIRE_PERMISSION__PERMISSION_VIEW);
    expect_problem(react(eve, SMILE, false), PROBLEM_OF(FORBIDDEN));
    expect_problem(react_under(++counter, 0, bob, 2, SMILE, false), PROBLEM_OF(NOT_FOUND));
    expect_problem(react(bob, "", false), PROBLEM_OF(INVALID));
    expect_rev(react(bob, SMILE, false), 1);

    host_delete(&h, link, ann, group, ++counter, 1);
    ck_assert_uint_eq(message()->n_reactions, 0);
    expect_problem(react(bob, SMILE, false), PROBLEM_OF(INVALID));
}
END_TEST

START_TEST(an_edit_keeps_the_reactions)
{
    expect_rev(react(bob, SMILE, false), 1);
    host_edit(&h, link, ann, group, ++counter, 1, "better");
    ck_assert_str_eq(message()->text, "better");
    ck_assert_uint_eq(message()->n_reactions, 1);
}
END_TEST

START_TEST(different_emoji_are_bounded)
{
    char emoji[8];

    for (unsigned i = 0; i < CHAT_REACTION_KINDS_MAX; i++) {
        snprintf(emoji, sizeof(emoji), "e%u", i);
        expect_rev(react(bob, emoji, false), i + 1);
    }
    expect_problem(react(bob, SMILE, false), PROBLEM_OF(LIMIT));
    expect_rev(react(ann, "e0", false), CHAT_REACTION_KINDS_MAX + 1); /* one that is there */
    expect_rev(react(bob, "e1", true), CHAT_REACTION_KINDS_MAX + 2);
    expect_rev(react(bob, SMILE, false), CHAT_REACTION_KINDS_MAX + 3);
}
END_TEST

START_TEST(several_in_one_batch_see_each_other)
{
    WireLinkFrame frames[3], *pointers[3];
    WireReact reacts[3];
    WireNonce nonces[3];
    const uint64_t users[3] = {ann, bob, ann};

    for (int i = 0; i < 3; i++) {
        wire_link_frame__init(&frames[i]);
        wire_react__init(&reacts[i]);
        wire_nonce__init(&nonces[i]);
        nonces[i].device_id = HOST_DEVICE;
        nonces[i].counter = 600u + (uint64_t)i;
        reacts[i].channel_id = group;
        reacts[i].nonce = &nonces[i];
        reacts[i].seq = 1;
        reacts[i].emoji = (char *)(uintptr_t)(i == 2 ? HEART : SMILE);
        frames[i].user_id = users[i];
        frames[i].body_case = WIRE_LINK_FRAME__BODY_REACT;
        frames[i].react = &reacts[i];
        pointers[i] = &frames[i];
    }
    store_host_send_all(&h, link, pointers, 3);
    ck_assert_uint_eq(message()->n_reactions, 2);
    ck_assert_uint_eq(message()->reactions[0]->n_user_ids, 2);
    ck_assert_uint_eq(message()->rev, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_reactions");
    TCase *tc = tcase_create("reactions");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, reactions_are_added_and_taken_back_in_the_order_they_came);
    tcase_add_test(tc, it_is_published_and_comes_with_the_changes);
    tcase_add_test(tc, what_is_there_or_is_not_changes_nothing_and_lets_others_follow);
    tcase_add_loop_test(tc, a_repeated_nonce_gets_the_first_answer_over_a_restart, 0, 3);
    tcase_add_test(tc, who_may_send_reacts_to_any_message_that_is_there);
    tcase_add_test(tc, an_edit_keeps_the_reactions);
    tcase_add_test(tc, different_emoji_are_bounded);
    tcase_add_test(tc, several_in_one_batch_see_each_other);
    suite_add_tcase(suite, tc);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
