/* What belongs to a user: receipts, typing, mute, drafts and devices, as a store keeps them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/store/home.h"
#include "store_host.h"

#define BODY(name) WIRE_LINK_FRAME__BODY_##name
#define EVENT(name) WIRE_HOME_EVENT__BODY_##name
#define HOUR_MS 3600000

static struct store_host h;
static link_id link;
static uint64_t ann, bob, eve, direct;

static void setup(void)
{
    store_host_init(&h, 1);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    ann = host_user(&h, link, "ann");
    bob = host_user(&h, link, "bob");
    eve = host_user(&h, link, "eve");
    direct = host_direct(&h, link, ann, bob);
    for (uint64_t i = 1; i <= 5; i++)
        (void)expect_sent(host_send(&h, link, ann, direct, i, i - 1, "hello"), i);
    (void)host_subscribe(&h, link, ann, direct);
    store_host_wait(&h, 3000); /* own messages move the cursor */
    store_host_forget(&h);
}

static void teardown(void) { store_host_fini(&h); }

static void restart(void)
{
    store_host_kill(&h, 0);
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    store_host_forget(&h);
}

/* The nth (from 0) event of this kind in publications of the home. */
static const WireHomeEvent *event_of(uint64_t home, int body, size_t nth)
{
    for (size_t i = 0; i < h.heard_count; i++) {
        const WireLinkFrame *frame = h.heard[i].frame;

        if (frame->body_case != BODY(PUBLICATION) || frame->publication->home_id != home)
            continue;
        for (size_t k = 0; k < frame->publication->n_events; k++)
            if ((int)frame->publication->events[k]->body_case == body && nth-- == 0)
                return frame->publication->events[k];
    }
    return NULL;
}

static size_t count_events(uint64_t home, int body)
{
    size_t count = 0;

    while (event_of(home, body, count))
        count++;
    return count;
}

static const WireLinkFrame *ask(uint64_t user, WireLinkFrame__BodyCase body, void *message)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;

    frame.user_id = user;
    frame.body_case = body;
    frame.send_message = message; /* every member of the union is a pointer */
    return store_host_ask(&h, link, &frame);
}

/* --- receipts --- */

static void mark(uint64_t user, uint64_t channel, uint64_t delivered, uint64_t read)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireReceiptMark m = WIRE_RECEIPT_MARK__INIT;

    m.channel_id = channel;
    m.delivered_seq = delivered;
    m.read_seq = read;
    frame.user_id = user;
    frame.body_case = BODY(RECEIPT_MARK);
    frame.receipt_mark = &m;
    store_host_tell(&h, link, &frame);
}

static const WireReceipts *fetch(uint64_t user, uint64_t channel)
{
    WireFetchReceipts f = WIRE_FETCH_RECEIPTS__INIT;
    const WireLinkFrame *answer;

    f.channel_id = channel;
    answer = ask(user, BODY(FETCH_RECEIPTS), &f);
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, BODY(RECEIPTS));
    return answer->receipts;
}

static void expect_receipt(const WireReceipts *r, uint64_t user, uint64_t delivered, uint64_t read)
{
    for (size_t i = 0; i < r->n_receipts; i++) {
        if (r->receipts[i]->user_id != user)
            continue;
        ck_assert_uint_eq(r->receipts[i]->delivered_seq, delivered);
        ck_assert_uint_eq(r->receipts[i]->read_seq, read);
        return;
    }
    ck_abort_msg("no receipt of that user");
}

START_TEST(receipts_gather_and_are_published_once_a_second)
{
    const WireHomeEvent *event;

    mark(bob, direct, 1, 0);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 1); /* the first one at once */
    mark(bob, direct, 2, 0);
    mark(ann, direct, 3, 3);
    mark(bob, direct, 4, 3);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 1);
    store_host_wait(&h, 1000);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 2);
    event = event_of(direct, EVENT(RECEIPTS), 1);
    ck_assert_uint_eq(event->receipts->n_receipts, 2);
    expect_receipt(event->receipts, bob, 4, 3);
    expect_receipt(event->receipts, ann, 3, 3);
    store_host_wait(&h, 5000);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 2);
}
END_TEST

START_TEST(receipts_only_rise_and_never_pass_the_head)
{
    mark(bob, direct, 99, 4);
    store_host_wait(&h, 1000);
    mark(bob, direct, 2, 1);
    store_host_wait(&h, 1000);
    expect_receipt(fetch(ann, direct), bob, 5, 4);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 1);
    mark(bob, direct, 0, 5);
    store_host_wait(&h, 1000);
    expect_receipt(fetch(ann, direct), bob, 5, 5);
}
END_TEST

START_TEST(who_has_read_it_has_it)
{
    mark(bob, direct, 0, 3);
    store_host_wait(&h, 1000);
    expect_receipt(fetch(bob, direct), bob, 3, 3);
}
END_TEST

START_TEST(who_may_not_see_the_channel_neither_marks_nor_asks)
{
    WireFetchReceipts f = WIRE_FETCH_RECEIPTS__INIT;

    mark(eve, direct, 5, 5);
    mark(bob, eve, 5, 5); /* a user's home has no channel */
    mark(bob, direct << 8, 5, 5);
    store_host_wait(&h, 2000);
    ck_assert_uint_eq(fetch(ann, direct)->n_receipts, 0);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 0);
    f.channel_id = direct;
    expect_problem(ask(eve, BODY(FETCH_RECEIPTS), &f), PROBLEM_OF(FORBIDDEN));
    f.channel_id = eve;
    expect_problem(ask(eve, BODY(FETCH_RECEIPTS), &f), PROBLEM_OF(NOT_FOUND));
}
END_TEST

START_TEST(journaled_receipts_survive_a_crash)
{
    mark(bob, direct, 2, 1);
    mark(bob, direct, 5, 5); /* still gathering */
    restart();
    expect_receipt(fetch(ann, direct), bob, 2, 1);
    mark(bob, direct, 5, 5); /* its device says it again */
    store_host_wait(&h, 1000);
    restart();
    expect_receipt(fetch(ann, direct), bob, 5, 5);
    store_host_wait(&h, 3000); /* rows */
    restart();
    expect_receipt(fetch(ann, direct), bob, 5, 5);
}
END_TEST

START_TEST(receipts_that_are_not_synced_are_not_told)
{
    const WireReceipts *receipts;
    WireFetchReceipts f = WIRE_FETCH_RECEIPTS__INIT;

    h.hold[ENGINE_APPEND] = true;
    mark(bob, direct, 5, 5);
    f.channel_id = direct;
    ck_assert_ptr_null(ask(ann, BODY(FETCH_RECEIPTS), &f));
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 0);
    store_host_release(&h, ENGINE_APPEND);
    ck_assert_uint_eq(count_events(direct, EVENT(RECEIPTS)), 1);
    receipts = fetch(ann, direct);
    expect_receipt(receipts, bob, 5, 5);
}
END_TEST

START_TEST(receipts_refused_by_a_full_disk_are_said_again)
{
    store_host_fail_next(&h, 0, ENGINE_APPEND, CHAT_E_FULL, false);
    mark(bob, direct, 5, 5);
    store_host_wait(&h, 2000);
    ck_assert_uint_eq(fetch(ann, direct)->n_receipts, 0);
    mark(bob, direct, 5, 5);
    store_host_wait(&h, 2000);
    expect_receipt(fetch(ann, direct), bob, 5, 5);
}
END_TEST

START_TEST(a_subscriber_hears_its_own_and_a_directs_others)
{
    const WireSubscribed *said;
    const uint64_t others[] = {bob, eve};
    uint64_t group = host_group(&h, link, ann, 9, others, 2);

    (void)expect_sent(host_send(&h, link, ann, group, 10, 0, "hi"), 1);
    mark(bob, direct, 5, 2);
    mark(bob, group, 1, 1);
    mark(eve, group, 1, 0);
    store_host_wait(&h, 1000);
    said = host_subscribe(&h, link, ann, direct)->subscribed;
    ck_assert_uint_eq(said->channels[0]->n_receipts, 1);
    ck_assert_uint_eq(said->channels[0]->receipts[0]->user_id, bob);
    ck_assert_uint_eq(said->channels[0]->receipts[0]->read_seq, 2);
    said = host_subscribe(&h, link, bob, group)->subscribed;
    ck_assert_uint_eq(said->channels[0]->n_receipts, 1);
    ck_assert_uint_eq(said->channels[0]->receipts[0]->user_id, bob);
}
END_TEST

START_TEST(a_receipt_goes_with_the_membership_and_stays_with_a_changed_one)
{
    const uint64_t others[] = {bob, eve};
    uint64_t group = host_group(&h, link, ann, 9, others, 2);

    (void)expect_sent(host_send(&h, link, ann, group, 10, 0, "hi"), 1);
    mark(bob, group, 1, 1);
    mark(eve, group, 1, 1);
    store_host_wait(&h, 1000);
    (void)host_set_member(&h, link, ann, group, bob, WIRE_PERMISSION__PERMISSION_VIEW);
    (void)host_set_member(&h, link, ann, group, eve, 0);
    expect_receipt(fetch(ann, group), bob, 1, 1);
    ck_assert_uint_eq(fetch(ann, group)->n_receipts, 1);
    (void)host_set_member(&h, link, ann, group, eve, VIEW_SEND);
    restart();
    ck_assert_uint_eq(fetch(ann, group)->n_receipts, 1);
    expect_receipt(fetch(ann, group), bob, 1, 1);
}
END_TEST

START_TEST(a_group_of_500_is_one_record_and_rarer)
{
    static uint64_t members[CHAT_GROUP_MEMBERS_MAX - 1];
    const size_t count = sizeof(members) / sizeof(members[0]);
    uint64_t group;

    for (size_t i = 0; i < count; i++) {
        char name[16];

        snprintf(name, sizeof(name), "user%zu", i);
        members[i] = host_user(&h, link, name);
    }
    group = host_group(&h, link, ann, 9, members, count);
    (void)expect_sent(host_send(&h, link, ann, group, 10, 0, "hi"), 1);
    (void)host_subscribe(&h, link, ann, group);
    mark(ann, group, 1, 0);
    for (size_t i = 0; i < count; i++)
        mark(members[i], group, 1, 1);
    store_host_wait(&h, 10900);
    ck_assert_uint_eq(count_events(group, EVENT(RECEIPTS)), 1);
    store_host_wait(&h, 200); /* 500 members: 11 s */
    ck_assert_uint_eq(count_events(group, EVENT(RECEIPTS)), 2);
    ck_assert_uint_eq(event_of(group, EVENT(RECEIPTS), 1)->receipts->n_receipts, count);
    ck_assert_uint_eq(fetch(ann, group)->n_receipts, CHAT_GROUP_MEMBERS_MAX);
    restart();
    ck_assert_uint_eq(fetch(ann, group)->n_receipts, CHAT_GROUP_MEMBERS_MAX);
}
END_TEST

START_TEST(a_home_with_gathering_receipts_stays_in_memory)
{
    mark(bob, direct, 1, 1);
    mark(bob, direct, 5, 5);
    for (int i = 0; i < 8; i++) { /* more than homes_max */
        char name[16];

        snprintf(name, sizeof(name), "passer-by %d", i);
        (void)host_user(&h, link, name);
    }
    store_host_wait(&h, 1000);
    expect_receipt(fetch(ann, direct), bob, 5, 5);
}
END_TEST

/* --- typing --- */

static void type(uint64_t user, uint64_t channel, bool stop)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireTyping t = WIRE_TYPING__INIT;

    t.channel_id = channel;
    t.stop = stop;
    t.user_id = eve; /* what is said there does not count */
    frame.user_id = user;
    frame.session_no = 77;
    frame.body_case = BODY(TYPING);
    frame.typing = &t;
    store_host_tell(&h, link, &frame);
}

START_TEST(typing_is_passed_on_in_no_order_and_logged_nowhere)
{
    const uint32_t appends = h.requests[ENGINE_APPEND];
    const WireHomeEvent *event;

    type(bob, direct, false);
    event = event_of(direct, EVENT(TYPING), 0);
    ck_assert_ptr_nonnull(event);
    ck_assert_uint_eq(event->typing->user_id, bob);
    ck_assert_uint_eq(event->typing->session_no, 77);
    ck_assert(!event->typing->stop);
    type(bob, direct, true);
    ck_assert(event_of(direct, EVENT(TYPING), 1)->typing->stop);
    for (size_t i = 0; i < h.heard_count; i++)
        if (h.heard[i].frame->body_case == BODY(PUBLICATION))
            ck_assert_uint_eq(h.heard[i].frame->publication->lsn, 0);
    ck_assert_uint_eq(h.requests[ENGINE_APPEND], appends);
}
END_TEST

START_TEST(who_may_not_write_does_not_type)
{
    const uint64_t others[] = {bob};
    uint64_t group = host_group(&h, link, ann, 9, others, 1);

    (void)host_subscribe(&h, link, ann, group);
    (void)host_set_member(&h, link, ann, group, bob, WIRE_PERMISSION__PERMISSION_VIEW);
    type(bob, group, false);
    type(eve, group, false);
    type(eve, direct, false);
    type(ann, ann, false);
    ck_assert_uint_eq(count_events(group, EVENT(TYPING)), 0);
    ck_assert_uint_eq(count_events(direct, EVENT(TYPING)), 0);
}
END_TEST

START_TEST(typing_beyond_the_limit_of_a_home_is_dropped)
{
    const size_t max = h.configs[0].limits.typing_per_second;

    for (size_t i = 0; i < max + 5; i++)
        type(i % 2 ? bob : ann, direct, false);
    ck_assert_uint_eq(count_events(direct, EVENT(TYPING)), max);
    store_host_wait(&h, 1000);
    type(bob, direct, false);
    ck_assert_uint_eq(count_events(direct, EVENT(TYPING)), max + 1);
}
END_TEST

/* --- mute --- */

static const WireChannelSettings *mute(uint64_t user, uint64_t channel, int64_t until_ms)
{
    WireSetChannelSettings m = WIRE_SET_CHANNEL_SETTINGS__INIT;
    const WireLinkFrame *answer;

    m.channel_id = channel;
    m.muted_until_ms = until_ms;
    answer = ask(user, BODY(SET_CHANNEL_SETTINGS), &m);
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, BODY(CHANNEL_SETTINGS));
    return answer->channel_settings;
}

static const WireUserChannel *listed(const char *name, uint64_t channel)
{
    const WireSessionOpened *opened = host_session(&h, link, name, 5);

    for (size_t i = 0; i < opened->n_channels; i++)
        if (opened->channels[i]->home_id == channel)
            return opened->channels[i];
    ck_abort_msg("not listed");
    return NULL;
}

START_TEST(mute_is_published_to_the_users_own_and_listed_at_sign_in)
{
    const uint64_t first = mute(ann, direct, 1000)->version;
    const WireHomeEvent *event = event_of(ann, EVENT(CHANNEL_SETTINGS), 0);

    ck_assert_ptr_nonnull(event);
    ck_assert_uint_eq(event->channel_settings->channel_id, direct);
    ck_assert_int_eq(event->channel_settings->muted_until_ms, 1000);
    ck_assert_uint_gt(mute(ann, direct, INT64_MAX)->version, first);
    ck_assert_int_eq(listed("ann", direct)->muted_until_ms, INT64_MAX);
    ck_assert_int_eq(listed("bob", direct)->muted_until_ms, 0);
    restart();
    ck_assert_int_eq(listed("ann", direct)->muted_until_ms, INT64_MAX);
    ck_assert_uint_gt(listed("ann", direct)->settings_version, first);
}
END_TEST

START_TEST(the_same_mute_again_writes_nothing)
{
    const uint64_t version = mute(ann, direct, 1000)->version;
    const uint32_t appends = h.requests[ENGINE_APPEND];

    ck_assert_uint_eq(mute(ann, direct, 1000)->version, version);
    ck_assert_uint_eq(h.requests[ENGINE_APPEND], appends);
}
END_TEST

START_TEST(bad_settings_are_refused)
{
    WireSetChannelSettings m = WIRE_SET_CHANNEL_SETTINGS__INIT;
    WireSetDraft d = WIRE_SET_DRAFT__INIT;

    expect_problem(ask(ann, BODY(SET_CHANNEL_SETTINGS), &m), PROBLEM_OF(INVALID));
    m.channel_id = UINT64_MAX;
    expect_problem(ask(ann, BODY(SET_CHANNEL_SETTINGS), &m), PROBLEM_OF(INVALID));
    m.channel_id = direct;
    m.muted_until_ms = -1;
    expect_problem(ask(ann, BODY(SET_CHANNEL_SETTINGS), &m), PROBLEM_OF(INVALID));
    m.muted_until_ms = 5;
    expect_problem(ask(direct, BODY(SET_CHANNEL_SETTINGS), &m), PROBLEM_OF(NOT_FOUND));
    expect_problem(ask(ann, BODY(SET_DRAFT), &d), PROBLEM_OF(INVALID));
    d.channel_id = direct;
    d.reply_to_seq = UINT64_MAX;
    expect_problem(ask(ann, BODY(SET_DRAFT), &d), PROBLEM_OF(INVALID));
}
END_TEST

/* --- drafts --- */

static const WireLinkFrame *set_draft(uint64_t user, uint64_t channel, const char *text,
                                      uint64_t base, uint64_t device)
{
    WireSetDraft d = WIRE_SET_DRAFT__INIT;

    d.channel_id = channel;
    d.text = (char *)(uintptr_t)text;
    d.base_version = base;
    d.device_id = device;
    d.updated_at_ms = 42;
    return ask(user, BODY(SET_DRAFT), &d);
}

static const WireDraft *draft(uint64_t user, uint64_t channel, const char *text, uint64_t base,
                              uint64_t device)
{
    const WireLinkFrame *answer = set_draft(user, channel, text, base, device);

    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, BODY(DRAFT));
    return answer->draft;
}

START_TEST(a_draft_goes_to_all_devices_and_is_listed_by_its_version)
{
    const uint64_t version = draft(ann, direct, "dear bob", 0, 1)->version;
    const WireHomeEvent *event = event_of(ann, EVENT(DRAFT), 0);
    const WireUserChannel *channel;

    ck_assert_ptr_nonnull(event);
    ck_assert_str_eq(event->draft->text, "dear bob");
    ck_assert_uint_eq(event->draft->device_id, 1);
    ck_assert_uint_eq(event->draft->version, version);
    channel = listed("ann", direct);
    ck_assert(channel->has_draft);
    ck_assert_uint_eq(channel->draft_version, version);
    ck_assert(!listed("bob", direct)->has_draft);
}
END_TEST

START_TEST(a_draft_from_who_does_not_know_the_present_one_changes_nothing)
{
    const uint64_t first = draft(ann, direct, "one", 0, 1)->version;
    const WireDraft *told;
    uint64_t second;

    told = draft(ann, direct, "two", 0, 2); /* written apart */
    ck_assert_str_eq(told->text, "one");
    ck_assert_uint_eq(told->version, first);
    ck_assert_uint_eq(told->device_id, 1);
    ck_assert_int_eq(told->updated_at_ms, 42);
    second = draft(ann, direct, "one, two", first, 2)->version;
    ck_assert_uint_gt(second, first);
    ck_assert_str_eq(draft(ann, direct, "", 0, 1)->text, "one, two"); /* how it is asked for */
    ck_assert(listed("ann", direct)->has_draft);
}
END_TEST

START_TEST(a_cleared_draft_keeps_its_version)
{
    const uint64_t first = draft(ann, direct, "one", 0, 1)->version;
    const uint64_t cleared = draft(ann, direct, "", first, 1)->version;
    const WireDraft *told = draft(ann, direct, "late", first, 2);

    ck_assert_uint_gt(cleared, first);
    ck_assert_str_eq(told->text, "");
    ck_assert_uint_eq(told->version, cleared);
    restart();
    ck_assert(!listed("ann", direct)->has_draft);
    ck_assert_uint_eq(listed("ann", direct)->draft_version, cleared);
    ck_assert_str_eq(draft(ann, direct, "late", cleared, 2)->text, "late");
}
END_TEST

START_TEST(a_draft_survives_a_crash_and_becomes_a_row)
{
    const uint64_t version = draft(ann, direct, "kept", 0, 1)->version;

    restart();
    ck_assert_str_eq(draft(ann, direct, "", 0, 2)->text, "kept");
    store_host_wait(&h, 3000);
    restart();
    ck_assert_str_eq(draft(ann, direct, "", 0, 2)->text, "kept");
    ck_assert_uint_eq(draft(ann, direct, "", 0, 2)->version, version);
}
END_TEST

START_TEST(a_draft_of_the_greatest_size_is_taken_and_one_more_byte_breaks_the_wire)
{
    char text[CHAT_DRAFT_MAX + 2];
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSetDraft d = WIRE_SET_DRAFT__INIT;

    memset(text, 'x', sizeof(text));
    text[CHAT_DRAFT_MAX] = '\0';
    ck_assert_uint_eq(strlen(draft(ann, direct, text, 0, 1)->text), CHAT_DRAFT_MAX);
    ck_assert_uint_eq(strlen(draft(ann, direct, "", 0, 2)->text), CHAT_DRAFT_MAX);
    text[CHAT_DRAFT_MAX] = 'x';
    text[CHAT_DRAFT_MAX + 1] = '\0';
    d.channel_id = direct;
    d.text = text;
    frame.user_id = ann;
    frame.body_case = BODY(SET_DRAFT);
    frame.set_draft = &d;
    ck_assert_ptr_null(store_host_ask(&h, link, &frame));
    ck_assert(!store_host_is_open(&h, link));
}
END_TEST

START_TEST(a_user_has_so_many_drafts_and_no_more)
{
    uint64_t version = 0;

    for (uint64_t i = 0; i < HOME_DRAFTS_MAX; i++)
        version = draft(ann, direct + i, "x", 0, 1)->version;
    expect_problem(set_draft(ann, direct + HOME_DRAFTS_MAX, "x", 0, 1), PROBLEM_OF(LIMIT));
    ck_assert_str_eq(draft(ann, direct, "changed", version, 1)->text, "changed");
    (void)draft(ann, direct, "", UINT64_MAX, 1);
    ck_assert_str_eq(draft(ann, direct + HOME_DRAFTS_MAX, "x", 0, 1)->text, "x");
}
END_TEST

/* --- devices --- */

static const WireLinkFrame *sign_in(const char *name, uint64_t device, const char *client)
{
    WireOpenSession open = WIRE_OPEN_SESSION__INIT;

    open.issuer = (char *)(uintptr_t) "https://issuer";
    open.subject = open.name = (char *)(uintptr_t)name;
    open.device_id = device;
    open.client = (char *)(uintptr_t)client;
    return ask(0, BODY(OPEN_SESSION), &open);
}

static const WireLinkFrame *resume(uint64_t user, uint64_t device, uint64_t ticket_session_no,
                                   uint64_t session_no)
{
    WireOpenSession open = WIRE_OPEN_SESSION__INIT;

    open.user_id = user;
    open.auth_epoch = 1;
    open.device_id = device;
    open.session_no = session_no;
    open.ticket_session_no = ticket_session_no;
    return ask(user, BODY(OPEN_SESSION), &open);
}

static const WireDevices *devices_of(uint64_t user)
{
    WireFetchDevices f = WIRE_FETCH_DEVICES__INIT;
    const WireLinkFrame *answer = ask(user, BODY(FETCH_DEVICES), &f);

    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, BODY(DEVICES));
    return answer->devices;
}

static bool has_device(uint64_t user, uint64_t device)
{
    const WireDevices *devices = devices_of(user);

    for (size_t i = 0; i < devices->n_devices; i++)
        if (devices->devices[i]->device_id == device)
            return true;
    return false;
}

static uint64_t sign_out(uint64_t user, uint64_t device)
{
    WireSignOutDevice s = WIRE_SIGN_OUT_DEVICE__INIT;
    const WireLinkFrame *answer;

    s.device_id = device;
    answer = ask(user, BODY(SIGN_OUT_DEVICE), &s);
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, BODY(SIGNED_OUT));
    return answer->signed_out->session_no;
}

START_TEST(devices_are_listed_the_last_one_first)
{
    const uint64_t high = UINT64_C(1) << 63 | 9; /* ids have all 64 bits */
    const WireDevices *devices;

    store_host_wait(&h, 1000);
    (void)sign_in("ann", high, "phone/2");
    restart();
    devices = devices_of(ann);
    ck_assert_uint_eq(devices->n_devices, 2);
    ck_assert_uint_eq(devices->devices[0]->device_id, high);
    ck_assert_str_eq(devices->devices[0]->client, "phone/2");
    ck_assert_uint_eq(devices->devices[1]->device_id, HOST_DEVICE);
    ck_assert_int_gt(devices->devices[0]->first_seen_at_ms, devices->devices[1]->first_seen_at_ms);
}
END_TEST

START_TEST(signing_in_is_noted_once_an_hour)
{
    uint32_t appends;
    int64_t first_ms, last_ms;

    (void)sign_in("ann", 9, "phone/1");
    first_ms = devices_of(ann)->devices[0]->last_seen_at_ms;
    appends = h.requests[ENGINE_APPEND];
    store_host_wait(&h, HOUR_MS - 60000);
    link = store_host_connect(&h, 0);
    (void)sign_in("ann", 9, "phone/1");
    ck_assert_uint_eq(h.requests[ENGINE_APPEND], appends);
    store_host_wait(&h, 60000);
    link = store_host_connect(&h, 0);
    (void)sign_in("ann", 9, "phone/1");
    ck_assert_uint_eq(h.requests[ENGINE_APPEND], appends + 1);
    last_ms = devices_of(ann)->devices[0]->last_seen_at_ms;
    ck_assert_int_ge(last_ms - first_ms, HOUR_MS);
    (void)sign_in("ann", 9, "phone/2"); /* another version: at once */
    ck_assert_str_eq(devices_of(ann)->devices[0]->client, "phone/2");
}
END_TEST

START_TEST(at_the_limit_the_device_unused_for_longest_goes)
{
    for (uint64_t i = 1; i <= CHAT_DEVICES_MAX; i++) {
        store_host_wait(&h, 10);
        (void)sign_in("ann", 1000 + i, "phone/1");
    }
    ck_assert_uint_eq(devices_of(ann)->n_devices, CHAT_DEVICES_MAX);
    ck_assert(!has_device(ann, HOST_DEVICE));
    ck_assert(has_device(ann, 1001));
    restart();
    ck_assert_uint_eq(devices_of(ann)->n_devices, CHAT_DEVICES_MAX);
    ck_assert(!has_device(ann, HOST_DEVICE));
    store_host_wait(&h, 3000);
    restart();
    ck_assert_uint_eq(devices_of(ann)->n_devices, CHAT_DEVICES_MAX);
}
END_TEST

START_TEST(a_signed_out_device_has_no_session_and_no_ticket_any_more)
{
    const uint64_t session = sign_in("ann", 9, "phone/1")->session_opened->session_no;
    const WireHomeEvent *event;
    uint64_t number, again;

    ck_assert_int_eq(resume(ann, 9, session, 0)->body_case, BODY(SESSION_OPENED));
    store_host_forget(&h);
    number = sign_out(ann, 9);
    ck_assert_uint_gt(number, session);
    event = event_of(ann, EVENT(SIGNED_OUT), 0);
    ck_assert_ptr_nonnull(event);
    ck_assert_uint_eq(event->signed_out->device_id, 9);
    ck_assert_uint_eq(event->signed_out->session_no, number);
    ck_assert(!has_device(ann, 9));
    for (int i = 0; i < 2; i++) { /* now and after a crash */
        expect_problem(resume(ann, 9, session, 0), PROBLEM_OF(UNAUTHENTICATED));
        expect_problem(resume(ann, 9, 0, 0), PROBLEM_OF(UNAUTHENTICATED)); /* of version 1 */
        expect_problem(resume(ann, 9, 0, session), PROBLEM_OF(UNAUTHENTICATED));
        ck_assert_int_eq(resume(ann, HOST_DEVICE, session, 0)->body_case, BODY(SESSION_OPENED));
        restart();
    }
    /* Its issuer gives it a token: it is there again, and with new tickets. */
    again = sign_in("ann", 9, "phone/1")->session_opened->session_no;
    ck_assert_uint_gt(again, number);
    ck_assert(has_device(ann, 9));
    ck_assert_int_eq(resume(ann, 9, again, 0)->body_case, BODY(SESSION_OPENED));
    expect_problem(resume(ann, 9, session, 0), PROBLEM_OF(UNAUTHENTICATED));
}
END_TEST

START_TEST(a_clock_set_back_lets_no_signed_out_session_in)
{
    const uint64_t session = sign_in("ann", 9, "phone/1")->session_opened->session_no;
    const uint64_t number = sign_out(ann, 9);

    store_host_kill(&h, 0);
    h.now.wall_ms -= 86400000;
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    expect_problem(resume(ann, 9, session, 0), PROBLEM_OF(UNAUTHENTICATED));
    ck_assert_uint_gt(sign_in("ann", 9, "phone/1")->session_opened->session_no, number);
}
END_TEST

START_TEST(only_the_users_own_devices_are_signed_out)
{
    WireSignOutDevice s = WIRE_SIGN_OUT_DEVICE__INIT;

    (void)sign_in("ann", 9, "phone/1");
    s.device_id = 9;
    expect_problem(ask(bob, BODY(SIGN_OUT_DEVICE), &s), PROBLEM_OF(NOT_FOUND));
    expect_problem(ask(direct, BODY(SIGN_OUT_DEVICE), &s), PROBLEM_OF(NOT_FOUND));
    ck_assert(has_device(ann, 9));
}
END_TEST

START_TEST(signing_out_everywhere_ends_every_session_and_ticket)
{
    const uint64_t session = sign_in("ann", 9, "phone/1")->session_opened->session_no;
    WireSignOutEverywhere s = WIRE_SIGN_OUT_EVERYWHERE__INIT;
    const WireHomeEvent *event;

    store_host_forget(&h);
    ck_assert_int_eq(ask(ann, BODY(SIGN_OUT_EVERYWHERE), &s)->body_case, BODY(SIGNED_OUT));
    event = event_of(ann, EVENT(AUTH_EPOCH), 0);
    ck_assert_ptr_nonnull(event);
    ck_assert_uint_eq(event->auth_epoch, 2);
    for (int i = 0; i < 2; i++) {
        expect_problem(resume(ann, 9, session, 0), PROBLEM_OF(UNAUTHENTICATED));
        expect_problem(resume(ann, HOST_DEVICE, 0, session), PROBLEM_OF(UNAUTHENTICATED));
        ck_assert_int_eq(resume(bob, HOST_DEVICE, 1, 0)->body_case, BODY(SESSION_OPENED));
        restart();
    }
    ck_assert_uint_eq(sign_in("ann", 9, "phone/1")->session_opened->auth_epoch, 2);
}
END_TEST

static void setup_few_homes(void)
{
    setup();
    store_host_stop(&h, 0);
    h.configs[0].limits.homes_max = 4;
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    store_host_forget(&h);
}

int main(void)
{
    Suite *suite = suite_create("store_own");
    TCase *receipts = tcase_create("receipts"), *few = tcase_create("few");
    TCase *typing = tcase_create("typing"), *settings = tcase_create("settings");
    TCase *devices = tcase_create("devices");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(receipts, setup, teardown);
    tcase_add_test(receipts, receipts_gather_and_are_published_once_a_second);
    tcase_add_test(receipts, receipts_only_rise_and_never_pass_the_head);
    tcase_add_test(receipts, who_has_read_it_has_it);
    tcase_add_test(receipts, who_may_not_see_the_channel_neither_marks_nor_asks);
    tcase_add_test(receipts, journaled_receipts_survive_a_crash);
    tcase_add_test(receipts, receipts_that_are_not_synced_are_not_told);
    tcase_add_test(receipts, receipts_refused_by_a_full_disk_are_said_again);
    tcase_add_test(receipts, a_subscriber_hears_its_own_and_a_directs_others);
    tcase_add_test(receipts, a_receipt_goes_with_the_membership_and_stays_with_a_changed_one);
    tcase_add_test(receipts, a_group_of_500_is_one_record_and_rarer);
    suite_add_tcase(suite, receipts);
    tcase_add_checked_fixture(few, setup_few_homes, teardown);
    tcase_add_test(few, a_home_with_gathering_receipts_stays_in_memory);
    suite_add_tcase(suite, few);
    tcase_add_checked_fixture(typing, setup, teardown);
    tcase_add_test(typing, typing_is_passed_on_in_no_order_and_logged_nowhere);
    tcase_add_test(typing, who_may_not_write_does_not_type);
    tcase_add_test(typing, typing_beyond_the_limit_of_a_home_is_dropped);
    suite_add_tcase(suite, typing);
    tcase_add_checked_fixture(settings, setup, teardown);
    tcase_add_test(settings, mute_is_published_to_the_users_own_and_listed_at_sign_in);
    tcase_add_test(settings, the_same_mute_again_writes_nothing);
    tcase_add_test(settings, bad_settings_are_refused);
    tcase_add_test(settings, a_draft_goes_to_all_devices_and_is_listed_by_its_version);
    tcase_add_test(settings, a_draft_from_who_does_not_know_the_present_one_changes_nothing);
    tcase_add_test(settings, a_cleared_draft_keeps_its_version);
    tcase_add_test(settings, a_draft_survives_a_crash_and_becomes_a_row);
    tcase_add_test(settings,
                   a_draft_of_the_greatest_size_is_taken_and_one_more_byte_breaks_the_wire);
    tcase_add_test(settings, a_user_has_so_many_drafts_and_no_more);
    suite_add_tcase(suite, settings);
    tcase_add_checked_fixture(devices, setup, teardown);
    tcase_add_test(devices, devices_are_listed_the_last_one_first);
    tcase_add_test(devices, signing_in_is_noted_once_an_hour);
    tcase_add_test(devices, at_the_limit_the_device_unused_for_longest_goes);
    tcase_add_test(devices, a_signed_out_device_has_no_session_and_no_ticket_any_more);
    tcase_add_test(devices, a_clock_set_back_lets_no_signed_out_session_in);
    tcase_add_test(devices, only_the_users_own_devices_are_signed_out);
    tcase_add_test(devices, signing_out_everywhere_ends_every_session_and_ticket);
    suite_add_tcase(suite, devices);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
