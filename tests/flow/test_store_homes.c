/* Users, directs, groups, members, subscriptions, cursors, and notes between homes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/shards.h"
#include "store_host.h"

static struct store_host h;
static link_id link;
static uint64_t ann, bob, eve;

#define MANAGE (VIEW_SEND | (uint32_t)WIRE_PERMISSION__PERMISSION_MANAGE)

static void setup(void)
{
    store_host_init(&h, 1);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    ann = host_user(&h, link, "ann");
    bob = host_user(&h, link, "bob");
    eve = host_user(&h, link, "eve");
}

static void teardown(void) { store_host_fini(&h); }

static bool is_listed(const WireSessionOpened *session, uint64_t home)
{
    for (size_t i = 0; i < session->n_channels; i++)
        if (session->channels[i]->home_id == home)
            return true;
    return false;
}

static const WireHomeEvent *find_event(link_id on, uint64_t home, int body)
{
    for (size_t i = 0; i < h.heard_count; i++) {
        const WireLinkFrame *frame = h.heard[i].frame;

        if (h.heard[i].link != on || frame->body_case != WIRE_LINK_FRAME__BODY_PUBLICATION ||
            frame->publication->home_id != home)
            continue;
        for (size_t k = 0; k < frame->publication->n_events; k++)
            if ((int)frame->publication->events[k]->body_case == body)
                return frame->publication->events[k];
    }
    return NULL;
}

/* --- users --- */

START_TEST(a_subject_is_one_user_for_ever)
{
    ck_assert_uint_ne(ann, bob);
    ck_assert_uint_eq(host_user(&h, link, "ann"), ann);
    ck_assert_uint_eq(shard_of_id(ann, HOST_SHARDS),
                      shard_of_subject("https://issuer", "ann", HOST_SHARDS));
}
END_TEST

START_TEST(concurrent_first_sign_ins_make_one_user)
{
    WireLinkFrame frames[8];
    WireLinkFrame *list[8];
    WireOpenSession open = WIRE_OPEN_SESSION__INIT;
    uint64_t user = 0;

    open.issuer = (char *)(uintptr_t) "i";
    open.subject = (char *)(uintptr_t) "new";
    open.name = (char *)(uintptr_t) "New";
    open.device_id = 5;
    for (size_t i = 0; i < 8; i++) {
        wire_link_frame__init(&frames[i]);
        frames[i].body_case = WIRE_LINK_FRAME__BODY_OPEN_SESSION;
        frames[i].open_session = &open;
        list[i] = &frames[i];
    }
    store_host_send_all(&h, link, list, 8);
    for (size_t i = 0; i < 8; i++) {
        const WireLinkFrame *answer = store_host_answer(&h, link, frames[i].request_id);

        ck_assert_int_eq(answer->body_case, WIRE_LINK_FRAME__BODY_SESSION_OPENED);
        if (user == 0)
            user = answer->session_opened->user_id;
        ck_assert_uint_eq(answer->session_opened->user_id, user);
    }
}
END_TEST

START_TEST(session_numbers_rise_and_are_told_to_all_routers_of_the_user)
{
    link_id second = store_host_connect(&h, 0);
    const uint64_t first = host_session(&h, link, "ann", 7)->session_no;
    const WireSessionOpened *next;

    store_host_forget(&h);
    next = host_session(&h, second, "ann", 7);
    ck_assert_uint_gt(next->session_no, first);
    ck_assert_uint_eq(next->routers, 2);
    ck_assert_uint_eq(find_event(link, ann, WIRE_HOME_EVENT__BODY_ROUTERS)->routers, 2);
    ck_assert_ptr_nonnull(find_event(second, ann, WIRE_HOME_EVENT__BODY_SESSION_STARTED));
    store_host_forget(&h);
    store_host_disconnect(&h, second);
    ck_assert_uint_eq(find_event(link, ann, WIRE_HOME_EVENT__BODY_ROUTERS)->routers, 1);
}
END_TEST

START_TEST(a_session_announced_anew_keeps_its_number_unless_superseded)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireOpenSession open = WIRE_OPEN_SESSION__INIT;
    uint64_t first = host_session(&h, link, "ann", 7)->session_no;

    open.user_id = ann;
    open.device_id = 7;
    open.auth_epoch = 1;
    open.session_no = first;
    frame.body_case = WIRE_LINK_FRAME__BODY_OPEN_SESSION;
    frame.open_session = &open;
    ck_assert_uint_eq(store_host_ask(&h, link, &frame)->session_opened->session_no, first);
    host_session(&h, link, "ann", 7);
    expect_problem(store_host_ask(&h, link, &frame), PROBLEM_OF(SUPERSEDED));
    open.auth_epoch = 0;
    expect_problem(store_host_ask(&h, link, &frame), PROBLEM_OF(UNAUTHENTICATED));
    open.user_id = ann + 8;
    expect_problem(store_host_ask(&h, link, &frame), PROBLEM_OF(NOT_FOUND));
}
END_TEST

START_TEST(a_new_name_in_the_token_is_kept)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireOpenSession open = WIRE_OPEN_SESSION__INIT;
    WireFetchUsers fetch = WIRE_FETCH_USERS__INIT;
    uint64_t ids[2] = {ann, ann + 8};
    const WireLinkFrame *answer;

    open.issuer = (char *)(uintptr_t) "https://issuer";
    open.subject = (char *)(uintptr_t) "ann";
    open.name = (char *)(uintptr_t) "Ann B.";
    open.device_id = 1;
    frame.body_case = WIRE_LINK_FRAME__BODY_OPEN_SESSION;
    frame.open_session = &open;
    ck_assert_str_eq(store_host_ask(&h, link, &frame)->session_opened->name, "Ann B.");
    fetch.user_ids = ids;
    fetch.n_user_ids = 2;
    frame.body_case = WIRE_LINK_FRAME__BODY_FETCH_USERS;
    frame.fetch_users = &fetch;
    answer = store_host_ask(&h, link, &frame);
    ck_assert_uint_eq(answer->users->n_users, 1);
    ck_assert_str_eq(answer->users->users[0]->name, "Ann B.");
}
END_TEST

START_TEST(users_are_found_by_subject)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFindUserIn find = WIRE_FIND_USER_IN__INIT;

    find.issuer = (char *)(uintptr_t) "https://issuer";
    find.subject = (char *)(uintptr_t) "bob";
    frame.body_case = WIRE_LINK_FRAME__BODY_FIND_USER;
    frame.find_user = &find;
    ck_assert_uint_eq(store_host_ask(&h, link, &frame)->users->users[0]->user_id, bob);
    find.subject = (char *)(uintptr_t) "nobody";
    ck_assert_uint_eq(store_host_ask(&h, link, &frame)->users->n_users, 0);
}
END_TEST

/* --- conversations --- */

START_TEST(two_users_have_one_direct_whoever_asks)
{
    uint64_t direct = host_direct(&h, link, ann, bob);
    const WireLinkFrame *subscribed;

    ck_assert_uint_eq(host_direct(&h, link, bob, ann), direct);
    ck_assert_uint_eq(shard_of_id(direct, HOST_SHARDS), shard_of_pair(ann, bob, HOST_SHARDS));
    subscribed = host_subscribe(&h, link, ann, direct);
    ck_assert_uint_eq(subscribed->subscribed->n_direct_members, 2);
    ck_assert_int_eq(subscribed->subscribed->kind, WIRE_HOME_KIND__HOME_KIND_DIRECT);
    ck_assert_uint_eq(subscribed->subscribed->n_channels, 1);
    ck_assert(is_listed(host_session(&h, link, "ann", 3), direct));
    ck_assert(is_listed(host_session(&h, link, "bob", 3), direct));
}
END_TEST

START_TEST(a_repeated_nonce_finds_the_same_group)
{
    uint64_t members[3] = {bob, eve, bob};
    uint64_t group = host_group(&h, link, ann, 5, members, 3);
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFetchMembers fetch = WIRE_FETCH_MEMBERS__INIT;
    const WireMembers *found;

    ck_assert_uint_eq(host_group(&h, link, ann, 5, members, 3), group);
    ck_assert_uint_ne(host_group(&h, link, ann, 6, members, 3), group);
    fetch.home_id = group;
    fetch.limit = 2;
    frame.user_id = bob;
    frame.body_case = WIRE_LINK_FRAME__BODY_FETCH_MEMBERS;
    frame.fetch_members = &fetch;
    found = store_host_ask(&h, link, &frame)->members;
    ck_assert_uint_eq(found->n_members, 2);
    ck_assert(!found->end);
    fetch.after_user_id = found->members[1]->user_id;
    found = store_host_ask(&h, link, &frame)->members;
    ck_assert_uint_eq(found->n_members, 1);
    ck_assert(found->end);
}
END_TEST

START_TEST(impossible_conversations_are_refused)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireOpenDirect direct = WIRE_OPEN_DIRECT__INIT;

    direct.peer_id = ann;
    frame.user_id = ann;
    frame.body_case = WIRE_LINK_FRAME__BODY_OPEN_DIRECT;
    frame.open_direct = &direct;
    expect_problem(store_host_ask(&h, link, &frame), PROBLEM_OF(INVALID));
    direct.peer_id = (uint64_t)900 << 12; /* a shard that is not */
    expect_problem(store_host_ask(&h, link, &frame), PROBLEM_OF(INVALID));
}
END_TEST

START_TEST(members_are_set_by_who_may_manage_and_anyone_may_leave)
{
    uint64_t group = host_group(&h, link, ann, 5, &bob, 1);

    expect_problem(host_set_member(&h, link, bob, group, eve, VIEW_SEND), PROBLEM_OF(FORBIDDEN));
    ck_assert_uint_eq(
        host_set_member(&h, link, ann, group, eve, VIEW_SEND)->member_changed->member->permissions,
        VIEW_SEND);
    expect_sent(host_send(&h, link, eve, group, 1, 0, "hi"), 1);
    ck_assert(is_listed(host_session(&h, link, "eve", 3), group));
    host_set_member(&h, link, eve, group, eve, 0);
    expect_problem(host_send(&h, link, eve, group, 2, 0, "again"), PROBLEM_OF(FORBIDDEN));
    ck_assert(!is_listed(host_session(&h, link, "eve", 3), group));
    host_set_member(&h, link, ann, group, eve, VIEW_SEND);
    ck_assert(is_listed(host_session(&h, link, "eve", 3), group));
    expect_sent(host_send(&h, link, eve, group, 3, 0, "back"), 2);
}
END_TEST

START_TEST(a_removed_sender_still_learns_that_his_message_is_in)
{
    uint64_t group = host_group(&h, link, ann, 5, &bob, 1);

    expect_sent(host_send(&h, link, bob, group, 1, 0, "hi"), 1);
    host_set_member(&h, link, ann, group, bob, 0);
    expect_sent(host_send(&h, link, bob, group, 1, 0, "hi"), 1);
}
END_TEST

START_TEST(members_of_a_direct_are_fixed)
{
    uint64_t direct = host_direct(&h, link, ann, bob);

    expect_problem(host_set_member(&h, link, ann, direct, eve, VIEW_SEND), PROBLEM_OF(FORBIDDEN));
    expect_problem(host_set_member(&h, link, ann, direct, ann, 0), PROBLEM_OF(FORBIDDEN));
}
END_TEST

START_TEST(who_may_manage_deletes_any_message)
{
    uint64_t group = host_group(&h, link, ann, 5, &bob, 1);

    expect_sent(host_send(&h, link, bob, group, 1, 0, "rude"), 1);
    expect_problem(host_edit(&h, link, ann, group, 1, 1, "kind"), PROBLEM_OF(FORBIDDEN));
    ck_assert_int_eq(host_delete(&h, link, ann, group, 1, 1)->body_case,
                     WIRE_LINK_FRAME__BODY_ALTERED);
}
END_TEST

/* --- subscriptions --- */

START_TEST(publications_continue_exactly_where_the_answer_ends)
{
    uint64_t group = host_group(&h, link, ann, 5, &bob, 1);
    link_id late = store_host_connect(&h, 0);
    uint64_t lsn, last;
    size_t count;

    host_subscribe(&h, link, ann, group);
    expect_sent(host_send(&h, link, ann, group, 1, 0, "one"), 1);
    h.hold[ENGINE_APPEND] = true;
    host_send(&h, link, ann, group, 2, 1, "two");
    host_send(&h, link, ann, group, 3, 2, "three");
    ck_assert_ptr_null(host_subscribe(&h, late, bob, group)); /* waits for the sync of three */
    host_send(&h, link, ann, group, 4, 3, "four");
    store_host_forget(&h);
    store_host_release(&h, ENGINE_APPEND);

    lsn = 0;
    for (size_t i = 0; i < h.heard_count; i++)
        if (h.heard[i].link == late &&
            h.heard[i].frame->body_case == WIRE_LINK_FRAME__BODY_SUBSCRIBED) {
            lsn = h.heard[i].frame->subscribed->lsn;
            ck_assert_uint_eq(h.heard[i].frame->subscribed->channels[0]->head->seq, 3);
        }
    ck_assert_uint_eq(lsn, 3);
    ck_assert_uint_eq(store_host_count_publications(&h, late, group), 1);
    ck_assert_uint_eq(store_host_publication(&h, late, group, 0)->prev_lsn, lsn);
    ck_assert_uint_eq(store_host_publication(&h, late, group, 0)->n_events, 1);
    /* The early one sees all of them without a hole. */
    count = store_host_count_publications(&h, link, group);
    last = store_host_publication(&h, link, group, 0)->prev_lsn;
    ck_assert_uint_eq(last, 1);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(store_host_publication(&h, link, group, i)->prev_lsn, last);
        last = store_host_publication(&h, link, group, i)->lsn;
    }
    ck_assert_uint_eq(last, 4);
}
END_TEST

/* Another member's session opens on the same router while a message is on its way to disk:
 * the answer begins after it, the publication for those who were there must still come. */
START_TEST(subscribing_again_loses_no_publication)
{
    uint64_t group = host_group(&h, link, ann, 5, &bob, 1);

    host_subscribe(&h, link, ann, group);
    expect_sent(host_send(&h, link, ann, group, 1, 0, "loads the ring"), 1);
    store_host_forget(&h);
    h.hold[ENGINE_APPEND] = true;
    ck_assert_ptr_null(host_send(&h, link, ann, group, 2, 1, "on its way"));
    ck_assert_ptr_null(host_subscribe(&h, link, bob, group));
    store_host_release(&h, ENGINE_APPEND);

    ck_assert_uint_eq(store_host_count_publications(&h, link, group), 1);
    ck_assert_uint_eq(store_host_publication(&h, link, group, 0)->events[0]->message->seq, 2);
}
END_TEST

static void tell_unsubscribe(link_id from, uint64_t home_id)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireUnsubscribe unsubscribe = WIRE_UNSUBSCRIBE__INIT;

    unsubscribe.home_id = home_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_UNSUBSCRIBE;
    frame.unsubscribe = &unsubscribe;
    store_host_tell(&h, from, &frame);
}

START_TEST(an_unsubscribed_or_closed_link_hears_nothing)
{
    uint64_t group = host_group(&h, link, ann, 5, &bob, 1);
    link_id other = store_host_connect(&h, 0);
    struct store_stats stats;

    host_subscribe(&h, link, ann, group);
    host_subscribe(&h, other, bob, group);
    tell_unsubscribe(other, group);
    expect_sent(host_send(&h, link, ann, group, 1, 0, "one"), 1);
    ck_assert_uint_eq(store_host_count_publications(&h, other, group), 0);
    ck_assert_uint_eq(store_host_count_publications(&h, link, group), 1);
    store_host_disconnect(&h, link);
    store_get_stats(h.stores[0], &stats);
    ck_assert_uint_eq(stats.subscriptions, 0);
}
END_TEST

/* The home's last message is on its way to disk, and another home's behind it: what waits
 * for the first must not come after what is asked between the two. */
START_TEST(subscribing_anew_while_unsubscribing_waits_keeps_the_subscription)
{
    uint64_t group = host_group(&h, link, ann, 5, &bob, 1);
    uint64_t other = host_group(&h, link, ann, 6, &bob, 1);

    ck_assert_uint_eq(shard_of_id(group, HOST_SHARDS), shard_of_id(other, HOST_SHARDS));
    host_subscribe(&h, link, ann, group);
    expect_sent(host_send(&h, link, ann, group, 1, 0, "loads the ring"), 1);
    expect_sent(host_send(&h, link, ann, other, 1, 0, "loads the other"), 1);
    h.hold[ENGINE_APPEND] = true;
    ck_assert_ptr_null(host_send(&h, link, ann, group, 2, 1, "on its way"));
    ck_assert_ptr_null(host_send(&h, link, ann, other, 2, 1, "behind it"));
    tell_unsubscribe(link, group);
    ck_assert(store_host_release_one(&h, ENGINE_APPEND, CHAT_OK));
    ck_assert_int_eq(host_subscribe(&h, link, ann, group)->body_case,
                     WIRE_LINK_FRAME__BODY_SUBSCRIBED);
    store_host_release(&h, ENGINE_APPEND);
    store_host_forget(&h);
    expect_sent(host_send(&h, link, ann, group, 3, 2, "heard"), 3);
    ck_assert_uint_eq(store_host_count_publications(&h, link, group), 1);
}
END_TEST

START_TEST(a_subscription_taken_back_before_its_sync_does_not_begin)
{
    uint64_t group = host_group(&h, link, ann, 5, &bob, 1);
    struct store_stats before, after;

    expect_sent(host_send(&h, link, ann, group, 1, 0, "loads the ring"), 1);
    store_get_stats(h.stores[0], &before);
    h.hold[ENGINE_APPEND] = true;
    ck_assert_ptr_null(host_send(&h, link, ann, group, 2, 1, "on its way"));
    ck_assert_ptr_null(host_subscribe(&h, link, bob, group));
    tell_unsubscribe(link, group);
    store_host_release(&h, ENGINE_APPEND);
    store_get_stats(h.stores[0], &after);
    ck_assert_uint_eq(after.subscriptions, before.subscriptions);
    ck_assert_uint_eq(store_host_count_publications(&h, link, group), 0);
}
END_TEST

START_TEST(a_recheck_tells_who_is_still_a_member)
{
    uint64_t group = host_group(&h, link, ann, 5, &bob, 1);
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSubscribe subscribe = WIRE_SUBSCRIBE__INIT;
    uint64_t ids[2] = {bob, eve};
    const WireSubscribed *answer;

    subscribe.home_id = group;
    subscribe.user_ids = ids;
    subscribe.n_user_ids = 2;
    frame.body_case = WIRE_LINK_FRAME__BODY_SUBSCRIBE;
    frame.subscribe = &subscribe;
    answer = store_host_ask(&h, link, &frame)->subscribed;
    ck_assert_uint_eq(answer->n_members, 2);
    ck_assert_uint_eq(answer->members[0]->permissions, VIEW_SEND);
    ck_assert_uint_eq(answer->members[1]->permissions, 0);
    expect_sent(host_send(&h, link, ann, group, 1, 0, "one"), 1);
    ck_assert_uint_eq(store_host_count_publications(&h, link, group), 1);
}
END_TEST

START_TEST(a_removal_is_published_at_its_place_in_the_order)
{
    uint64_t group = host_group(&h, link, ann, 5, &bob, 1);
    const WireHomeEvent *event;

    host_subscribe(&h, link, ann, group);
    expect_sent(host_send(&h, link, ann, group, 1, 0, "one"), 1);
    host_set_member(&h, link, ann, group, bob, 0);
    event = find_event(link, group, WIRE_HOME_EVENT__BODY_MEMBER_CHANGED);
    ck_assert_ptr_nonnull(event);
    ck_assert_uint_eq(event->member_changed->member->user_id, bob);
    ck_assert_uint_eq(event->member_changed->member->permissions, 0);
    ck_assert_uint_eq(event->member_changed->lsn, 2);
}
END_TEST

/* --- read positions --- */

START_TEST(a_cursor_only_moves_forward_and_reaches_the_other_devices)
{
    uint64_t direct = host_direct(&h, link, ann, bob);
    const WireSessionOpened *session;

    ck_assert_uint_eq(host_mark_read(&h, link, ann, direct, 5)->cursor->read_seq, 5);
    ck_assert_uint_eq(host_mark_read(&h, link, ann, direct, 3)->cursor->read_seq, 5);
    ck_assert_uint_eq(find_event(link, ann, WIRE_HOME_EVENT__BODY_CURSOR)->cursor->read_seq, 5);
    session = host_session(&h, link, "ann", 9);
    ck_assert_uint_eq(session->n_channels, 1);
    ck_assert_uint_eq(session->channels[0]->read_seq, 5);
    ck_assert_uint_eq(session->channels[0]->read_message_id, 50);
}
END_TEST

START_TEST(sending_moves_the_authors_cursor_after_a_while)
{
    uint64_t direct = host_direct(&h, link, ann, bob);

    expect_sent(host_send(&h, link, ann, direct, 1, 0, "one"), 1);
    expect_sent(host_send(&h, link, ann, direct, 2, 0, "two"), 2);
    store_host_wait(&h, 2500);
    ck_assert_uint_eq(host_session(&h, link, "ann", 9)->channels[0]->read_seq, 2);
    ck_assert_uint_eq(host_session(&h, link, "bob", 9)->channels[0]->read_seq, 0);
}
END_TEST

/* --- two stores --- */

static struct store_host pair;

/* A user whose home is on the given store. */
static uint64_t user_on(uint32_t store, link_id on, const char *prefix, char *out_subject)
{
    for (int i = 0;; i++) {
        snprintf(out_subject, 32, "%s%d", prefix, i);
        if (shard_of_subject("https://issuer", out_subject, HOST_SHARDS) % 2 == store)
            return host_user(&pair, on, out_subject);
    }
}

static void setup_pair(void)
{
    store_host_init(&pair, 2);
    store_host_start(&pair, 0);
    store_host_start(&pair, 1);
    store_host_wait(&pair, 6000);
}

static void teardown_pair(void) { store_host_fini(&pair); }

START_TEST(notes_reach_homes_on_another_store_and_are_forgotten_then)
{
    link_id links[2] = {store_host_connect(&pair, 0), store_host_connect(&pair, 1)};
    char subjects[2][32];
    uint64_t users[2], group;
    struct store_stats stats;

    for (uint32_t i = 0; i < 2; i++)
        users[i] = user_on(i, links[i], "user", subjects[i]);
    group = host_group(&pair, links[0], users[0], 1, &users[1], 1);

    ck_assert(is_listed(host_session(&pair, links[1], subjects[1], 4), group));
    store_host_wait(&pair, 2000);
    store_get_stats(pair.stores[0], &stats);
    ck_assert_uint_eq(stats.notes, 0);
    ck_assert_uint_ge(stats.notes_acked, 2);
}
END_TEST

START_TEST(notes_wait_while_stores_are_apart_and_come_in_order)
{
    link_id links[2] = {store_host_connect(&pair, 0), store_host_connect(&pair, 1)};
    char subjects[2][32];
    uint64_t users[2], group;
    struct store_stats stats;

    for (uint32_t i = 0; i < 2; i++)
        users[i] = user_on(i, links[i], "user", subjects[i]);
    store_host_cut(&pair, true);
    group = host_group(&pair, links[0], users[0], 1, &users[1], 1);
    host_set_member(&pair, links[0], users[0], group, users[1], 0);
    host_set_member(&pair, links[0], users[0], group, users[1], VIEW_SEND);
    host_set_member(&pair, links[0], users[0], group, users[1], 0);
    ck_assert(!is_listed(host_session(&pair, links[1], subjects[1], 4), group));
    /* The sender dies with four notes unsent, and finds them again. */
    store_host_kill(&pair, 0);
    store_host_start(&pair, 0);
    store_get_stats(pair.stores[0], &stats);
    ck_assert_uint_eq(stats.notes, 4);
    store_host_cut(&pair, false);
    store_host_wait(&pair, 20000);

    ck_assert(!is_listed(host_session(&pair, links[1], subjects[1], 4), group));
    store_get_stats(pair.stores[0], &stats);
    ck_assert_uint_eq(stats.notes, 0);
    store_get_stats(pair.stores[1], &stats);
    ck_assert_uint_eq(stats.notes_applied, 4);
}
END_TEST

START_TEST(a_note_is_applied_once_and_acknowledged_after_its_sync)
{
    link_id links[2] = {store_host_connect(&pair, 0), store_host_connect(&pair, 1)};
    char subjects[2][32];
    uint64_t users[2], group;
    struct store_stats stats;

    for (uint32_t i = 0; i < 2; i++)
        users[i] = user_on(i, links[i], "user", subjects[i]);
    store_host_cut(&pair, true);
    group = host_group(&pair, links[0], users[0], 1, &users[1], 1);
    store_host_wait(&pair, 1000);
    pair.hold[ENGINE_APPEND] = true;
    store_host_cut(&pair, false);
    store_host_wait(&pair, 20000); /* sent again and again */
    store_get_stats(pair.stores[0], &stats);
    ck_assert_uint_eq(stats.notes, 1);
    store_host_release(&pair, ENGINE_APPEND);
    store_host_wait(&pair, 2000);

    store_get_stats(pair.stores[0], &stats);
    ck_assert_uint_eq(stats.notes, 0);
    store_get_stats(pair.stores[1], &stats);
    ck_assert_uint_eq(stats.notes_applied, 1);
    ck_assert(is_listed(host_session(&pair, links[1], subjects[1], 4), group));
}
END_TEST

START_TEST(a_shard_held_elsewhere_is_refused)
{
    link_id wrong = store_host_connect(&pair, 1);
    link_id right = store_host_connect(&pair, 0);
    char subject[32];
    uint64_t user = user_on(0, right, "user", subject);
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireMarkRead mark = WIRE_MARK_READ__INIT;

    mark.channel_id = user;
    mark.seq = 1;
    frame.user_id = user;
    frame.body_case = WIRE_LINK_FRAME__BODY_MARK_READ;
    frame.mark_read = &mark;
    expect_problem(store_host_ask(&pair, wrong, &frame), PROBLEM_OF(WRONG_SHARD));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_homes");
    TCase *homes = tcase_create("homes");
    TCase *two = tcase_create("two stores");

    tcase_add_checked_fixture(homes, setup, teardown);
    tcase_add_test(homes, a_subject_is_one_user_for_ever);
    tcase_add_test(homes, concurrent_first_sign_ins_make_one_user);
    tcase_add_test(homes, session_numbers_rise_and_are_told_to_all_routers_of_the_user);
    tcase_add_test(homes, a_session_announced_anew_keeps_its_number_unless_superseded);
    tcase_add_test(homes, a_new_name_in_the_token_is_kept);
    tcase_add_test(homes, users_are_found_by_subject);
    tcase_add_test(homes, two_users_have_one_direct_whoever_asks);
    tcase_add_test(homes, a_repeated_nonce_finds_the_same_group);
    tcase_add_test(homes, impossible_conversations_are_refused);
    tcase_add_test(homes, members_are_set_by_who_may_manage_and_anyone_may_leave);
    tcase_add_test(homes, a_removed_sender_still_learns_that_his_message_is_in);
    tcase_add_test(homes, members_of_a_direct_are_fixed);
    tcase_add_test(homes, who_may_manage_deletes_any_message);
    tcase_add_test(homes, publications_continue_exactly_where_the_answer_ends);
    tcase_add_test(homes, subscribing_again_loses_no_publication);
    tcase_add_test(homes, subscribing_anew_while_unsubscribing_waits_keeps_the_subscription);
    tcase_add_test(homes, an_unsubscribed_or_closed_link_hears_nothing);
    tcase_add_test(homes, a_subscription_taken_back_before_its_sync_does_not_begin);
    tcase_add_test(homes, a_recheck_tells_who_is_still_a_member);
    tcase_add_test(homes, a_removal_is_published_at_its_place_in_the_order);
    tcase_add_test(homes, a_cursor_only_moves_forward_and_reaches_the_other_devices);
    tcase_add_test(homes, sending_moves_the_authors_cursor_after_a_while);
    suite_add_tcase(suite, homes);
    tcase_add_checked_fixture(two, setup_pair, teardown_pair);
    tcase_add_test(two, notes_reach_homes_on_another_store_and_are_forgotten_then);
    tcase_add_test(two, notes_wait_while_stores_are_apart_and_come_in_order);
    tcase_add_test(two, a_note_is_applied_once_and_acknowledged_after_its_sync);
    tcase_add_test(two, a_shard_held_elsewhere_is_refused);
    suite_add_tcase(suite, two);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
