/* Who is told that a message mentions him, and how his home counts. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/limits.h>

#include "store_host.h"

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
}

static void teardown(void) { store_host_fini(&h); }

/* The answer; NULL when it is still to come. */
static const WireLinkFrame *send_under(uint64_t nonce_counter, uint64_t user, const uint64_t *ids,
                                       size_t count)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSendMessage send = WIRE_SEND_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = HOST_DEVICE;
    nonce.counter = nonce_counter;
    send.channel_id = group;
    send.nonce = &nonce;
    send.text = (char *)(uintptr_t) "you there";
    send.mention_ids = (uint64_t *)(uintptr_t)ids;
    send.n_mention_ids = count;
    frame.user_id = user;
    frame.body_case = WIRE_LINK_FRAME__BODY_SEND_MESSAGE;
    frame.send_message = &send;
    return store_host_ask(&h, link, &frame);
}

static uint64_t mention(uint64_t user, const uint64_t *ids, size_t count)
{
    const WireLinkFrame *answer = send_under(++counter, user, ids, count);

    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, WIRE_LINK_FRAME__BODY_SENT);
    return answer->sent->seq;
}

static const WireLinkFrame *edit(uint64_t user, uint64_t seq, const uint64_t *ids, size_t count)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireEditMessage body = WIRE_EDIT_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = HOST_DEVICE;
    nonce.counter = ++counter;
    body.channel_id = group;
    body.nonce = &nonce;
    body.seq = seq;
    body.text = (char *)(uintptr_t) "better";
    body.mention_ids = (uint64_t *)(uintptr_t)ids;
    body.n_mention_ids = count;
    frame.user_id = user;
    frame.body_case = WIRE_LINK_FRAME__BODY_EDIT_MESSAGE;
    frame.edit_message = &body;
    return store_host_ask(&h, link, &frame);
}

/* As a new session of the user is told. */
static uint32_t count_of(const char *subject)
{
    const WireSessionOpened *session = host_session(&h, link, subject, 4);

    for (size_t i = 0; i < session->n_channels; i++)
        if (session->channels[i]->home_id == group)
            return session->channels[i]->mentions;
    ck_abort_msg("%s is no member", subject);
    return 0;
}

/* The last count that the sessions of the user were told. */
static const WireMentions *told(uint64_t user)
{
    const WireMentions *last = NULL;

    for (size_t n = 0; n < store_host_count_publications(&h, link, user); n++) {
        const WirePublication *p = store_host_publication(&h, link, user, n);

        for (size_t i = 0; i < p->n_events; i++)
            if (p->events[i]->body_case == WIRE_HOME_EVENT__BODY_MENTIONS)
                last = p->events[i]->mentions;
    }
    return last;
}

START_TEST(a_mention_is_kept_in_the_message_counted_and_told)
{
    uint64_t seq = mention(ann, &bob, 1);
    const WireHistoryPage *page = host_history(&h, link, bob, group, 0, 10, true);

    ck_assert_uint_eq(page->messages[0]->n_mention_ids, 1);
    ck_assert_uint_eq(page->messages[0]->mention_ids[0], bob);
    ck_assert_ptr_nonnull(told(bob));
    ck_assert_uint_eq(told(bob)->channel_id, group);
    ck_assert_uint_eq(told(bob)->count, 1);
    ck_assert_uint_eq(seq, 1);
    ck_assert_uint_eq(count_of("bob"), 1);
}
END_TEST

START_TEST(only_members_that_may_view_count_and_not_the_author)
{
    const uint64_t ids[3] = {ann, bob, eve};

    host_set_member(&h, link, ann, group, bob, WIRE_PERMISSION__PERMISSION_SEND);
    mention(ann, ids, 3);

    ck_assert_uint_eq(count_of("ann"), 0);
    ck_assert_uint_eq(count_of("bob"), 0);
    ck_assert_ptr_null(told(eve));
    ck_assert_uint_eq(host_history(&h, link, ann, group, 0, 10, true)->messages[0]->n_mention_ids,
                      3);
}
END_TEST

START_TEST(an_edit_adds_and_takes_back_and_a_deletion_takes_back)
{
    uint64_t first, second;

    host_set_member(&h, link, ann, group, eve, VIEW_SEND);
    first = mention(ann, &bob, 1);
    second = mention(ann, &bob, 1);
    ck_assert_int_eq(edit(ann, first, &eve, 1)->body_case, WIRE_LINK_FRAME__BODY_ALTERED);
    ck_assert_uint_eq(count_of("bob"), 1);
    ck_assert_uint_eq(count_of("eve"), 1);
    ck_assert_uint_eq(told(bob)->count, 1);

    host_delete(&h, link, ann, group, ++counter, second);
    ck_assert_uint_eq(count_of("bob"), 0);
    ck_assert_uint_eq(told(bob)->count, 0);
    ck_assert_uint_eq(host_history(&h, link, ann, group, 0, 10, true)->messages[1]->n_mention_ids,
                      0);
    ck_assert_uint_eq(count_of("eve"), 1);
}
END_TEST

START_TEST(what_is_read_does_not_count)
{
    for (int i = 0; i < 3; i++)
        mention(ann, &bob, 1);
    store_host_forget(&h);
    host_mark_read(&h, link, bob, group, 2);
    ck_assert_uint_eq(told(bob)->count, 1);
    ck_assert_uint_eq(count_of("bob"), 1);
    /* One that is read already does not count again when an edit brings it. */
    edit(ann, 1, NULL, 0);
    edit(ann, 1, &bob, 1);
    ck_assert_uint_eq(count_of("bob"), 1);
    host_mark_read(&h, link, bob, group, 3);
    ck_assert_uint_eq(told(bob)->count, 0);
    ck_assert_uint_eq(count_of("bob"), 0);
}
END_TEST

START_TEST(a_hundred_are_counted_and_reading_on_makes_it_exact_again)
{
    for (int i = 0; i < 150; i++)
        mention(ann, &bob, 1);
    ck_assert_uint_eq(count_of("bob"), CHAT_MENTIONS_COUNT_MAX);
    host_mark_read(&h, link, bob, group, 40);
    ck_assert_uint_eq(count_of("bob"), CHAT_MENTIONS_COUNT_MAX); /* 110 */
    host_mark_read(&h, link, bob, group, 60);
    ck_assert_uint_eq(count_of("bob"), 90);
    mention(ann, &bob, 1);
    ck_assert_uint_eq(count_of("bob"), 91);
}
END_TEST

/* From the log, and from the rows. */
START_TEST(the_count_survives_the_store)
{
    mention(ann, &bob, 1);
    mention(ann, &bob, 1);
    mention(ann, &bob, 1);
    host_mark_read(&h, link, bob, group, 1);
    if (_i)
        store_host_wait(&h, 5000);
    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    store_host_wait(&h, 5000);
    link = store_host_connect(&h, 0);
    ck_assert_uint_eq(count_of("bob"), 2);
    edit(ann, 3, NULL, 0);
    ck_assert_uint_eq(count_of("bob"), 1);
}
END_TEST

START_TEST(who_leaves_and_comes_back_starts_at_none)
{
    mention(ann, &bob, 1);
    host_set_member(&h, link, ann, group, bob, 0);
    mention(ann, &bob, 1);
    host_set_member(&h, link, ann, group, bob, VIEW_SEND);
    ck_assert_uint_eq(count_of("bob"), 0);
    mention(ann, &bob, 1);
    ck_assert_uint_eq(count_of("bob"), 1);
}
END_TEST

START_TEST(mentions_belong_to_the_body_of_a_nonce)
{
    expect_sent(send_under(7, ann, &bob, 1), 1);
    expect_sent(send_under(7, ann, &bob, 1), 1);
    expect_problem(send_under(7, ann, &eve, 1), PROBLEM_OF(NONCE_STALE));
    ck_assert_uint_eq(count_of("bob"), 1);

    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    store_host_wait(&h, 5000);
    link = store_host_connect(&h, 0);
    expect_sent(send_under(7, ann, &bob, 1), 1);
    ck_assert_uint_eq(count_of("bob"), 1);
}
END_TEST

START_TEST(a_list_with_nobody_or_somebody_twice_is_refused)
{
    const uint64_t twice[2] = {bob, bob}, nobody[2] = {bob, 0};

    expect_problem(send_under(1, ann, twice, 2), PROBLEM_OF(INVALID));
    expect_problem(send_under(2, ann, nobody, 2), PROBLEM_OF(INVALID));
    mention(ann, &bob, 1);
    expect_problem(edit(ann, 1, twice, 2), PROBLEM_OF(INVALID));
}
END_TEST

START_TEST(without_room_for_its_notes_a_message_is_to_be_sent_later)
{
    struct store_stats stats;

    h.configs[0].limits.notes_max = 6; /* half of it for mentions */
    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    store_host_wait(&h, 5000);
    link = store_host_connect(&h, 0);
    h.hold[ENGINE_APPEND] = true;
    for (int i = 0; i < 3; i++)
        ck_assert_ptr_null(send_under(++counter, ann, &bob, 1));
    expect_problem(send_under(++counter, ann, &bob, 1), PROBLEM_OF(OVERLOADED));
    ck_assert_ptr_null(host_set_member(&h, link, ann, group, eve, VIEW_SEND)); /* taken */
    store_host_release(&h, ENGINE_APPEND);
    store_host_wait(&h, 5000);
    mention(ann, &bob, 1);
    store_get_stats(h.stores[0], &stats);
    ck_assert_uint_eq(stats.notes, 0);
    ck_assert_uint_eq(count_of("bob"), 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_mentions");
    TCase *tc = tcase_create("mentions");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_mention_is_kept_in_the_message_counted_and_told);
    tcase_add_test(tc, only_members_that_may_view_count_and_not_the_author);
    tcase_add_test(tc, an_edit_adds_and_takes_back_and_a_deletion_takes_back);
    tcase_add_test(tc, what_is_read_does_not_count);
    tcase_add_test(tc, a_hundred_are_counted_and_reading_on_makes_it_exact_again);
    tcase_add_loop_test(tc, the_count_survives_the_store, 0, 2);
    tcase_add_test(tc, who_leaves_and_comes_back_starts_at_none);
    tcase_add_test(tc, mentions_belong_to_the_body_of_a_nonce);
    tcase_add_test(tc, a_list_with_nobody_or_somebody_twice_is_refused);
    tcase_add_test(tc, without_room_for_its_notes_a_message_is_to_be_sent_later);
    suite_add_tcase(suite, tc);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
