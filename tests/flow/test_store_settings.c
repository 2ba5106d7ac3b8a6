/* Mute, drafts and devices of a user, as a store keeps them. */
#include "../support/faulty_alloc.h"
#include "store_own.h"

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

/* By a token issued so long before now. */
static const WireLinkFrame *sign_in_by(const char *name, uint64_t device, int64_t before_ms)
{
    WireOpenSession open = WIRE_OPEN_SESSION__INIT;

    open.issuer = (char *)(uintptr_t) "https://issuer";
    open.subject = open.name = (char *)(uintptr_t)name;
    open.device_id = device;
    open.token_issued_at_ms = (h.now.wall_ms - before_ms) / 1000 * 1000;
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

/* Of what is not noted nothing stays in memory: or a row too many would be written later. */
START_TEST(at_the_limit_a_failing_allocation_makes_no_device_too_many)
{
    static struct faulty_alloc memory;
    uint64_t device = 1000;

    faulty_alloc_init(&memory);
    store_host_kill(&h, 0);
    h.configs[0].allocator = &memory.allocator;
    store_host_start(&h, 0);
    link = store_host_connect(&h, 0);
    while (device < 1000 + CHAT_DEVICES_MAX)
        (void)sign_in("ann", ++device, "phone/1");
    for (size_t allowed = 0; allowed == 0 || memory.failed; allowed++) {
        device++;
        faulty_alloc_fail_at(&memory, allowed, false);
        (void)sign_in("ann", device, "phone/1");
        faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
        store_host_wait(&h, 3000);
        if (!store_host_is_open(&h, link))
            link = store_host_connect(&h, 0);
        (void)sign_in("ann", device, "phone/2");
        store_host_wait(&h, 3000); /* rows */
        restart();
        ck_assert_uint_eq(devices_of(ann)->n_devices, CHAT_DEVICES_MAX);
        ck_assert(has_device(ann, device));
    }
    store_host_kill(&h, 0);
    ck_assert_uint_eq(memory.live, 0);
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

/* Or what it was signed out of, its token and its ticket, would let it in again. */
START_TEST(a_device_that_was_just_signed_out_is_the_last_to_be_forgotten)
{
    const uint64_t session = sign_in("ann", 9, "phone/1")->session_opened->session_no;
    uint64_t device = 1000;

    store_host_wait(&h, 10);
    while (devices_of(ann)->n_devices < CHAT_DEVICES_MAX) {
        store_host_wait(&h, 10);
        (void)sign_in("ann", ++device, "phone/1");
    }
    store_host_wait(&h, 10000);
    (void)sign_out(ann, 9); /* nearly the longest unused one */
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 4; k++)
            (void)sign_in("ann", ++device, "phone/1");
        expect_problem(resume(ann, 9, session, 0), PROBLEM_OF(UNAUTHENTICATED));
        expect_problem(sign_in_by("ann", 9, 60000), PROBLEM_OF(UNAUTHENTICATED));
        if (i == 1)
            store_host_wait(&h, 3000); /* rows */
        restart();
    }
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

START_TEST(a_token_issued_before_the_device_was_signed_out_is_refused)
{
    (void)sign_in_by("ann", 9, 1000);
    (void)sign_out(ann, 9);
    for (int i = 0; i < 2; i++) { /* now and after a crash */
        expect_problem(sign_in_by("ann", 9, 1000), PROBLEM_OF(UNAUTHENTICATED));
        ck_assert_int_eq(sign_in_by("ann", HOST_DEVICE, 1000)->body_case, BODY(SESSION_OPENED));
        ck_assert_int_eq(sign_in_by("bob", 9, 1000)->body_case, BODY(SESSION_OPENED));
        restart();
    }
    store_host_wait(&h, 3000); /* and as a row */
    restart();
    expect_problem(sign_in_by("ann", 9, 5000), PROBLEM_OF(UNAUTHENTICATED));
    ck_assert_int_eq(sign_in_by("ann", 9, 0)->body_case, BODY(SESSION_OPENED));
    /* It is in again, and that makes the old token no better. */
    expect_problem(sign_in_by("ann", 9, 5000), PROBLEM_OF(UNAUTHENTICATED));
    /* Of one that does not say when it was issued nothing is known. */
    ck_assert_int_eq(sign_in("ann", 9, "phone/1")->body_case, BODY(SESSION_OPENED));
}
END_TEST

START_TEST(a_token_issued_before_signing_out_everywhere_is_refused)
{
    WireSignOutEverywhere s = WIRE_SIGN_OUT_EVERYWHERE__INIT;

    ck_assert_int_eq(ask(ann, BODY(SIGN_OUT_EVERYWHERE), &s)->body_case, BODY(SIGNED_OUT));
    for (int i = 0; i < 3; i++) {
        for (uint64_t device = 9; device < 12; device++)
            expect_problem(sign_in_by("ann", device, 10000), PROBLEM_OF(UNAUTHENTICATED));
        ck_assert_int_eq(sign_in_by("bob", 9, 10000)->body_case, BODY(SESSION_OPENED));
        if (i == 1)
            store_host_wait(&h, 3000); /* rows */
        restart();
    }
    /* The very second counts as after, and another name changes nothing. */
    ck_assert_int_eq(sign_in_by("ann", 9, 3000)->body_case, BODY(SESSION_OPENED));
    (void)sign_in("ann", 9, "phone/1");
    expect_problem(sign_in_by("ann", 9, 10000), PROBLEM_OF(UNAUTHENTICATED));
}
END_TEST

START_TEST(a_clock_that_was_far_ahead_locks_nobody_out)
{
    WireSignOutEverywhere s = WIRE_SIGN_OUT_EVERYWHERE__INIT;

    ck_assert_int_eq(ask(ann, BODY(SIGN_OUT_EVERYWHERE), &s)->body_case, BODY(SIGNED_OUT));
    h.now.wall_ms -= 60000;
    expect_problem(sign_in_by("ann", 9, 0), PROBLEM_OF(UNAUTHENTICATED));
    h.now.wall_ms -= 1000;
    ck_assert_int_eq(sign_in_by("ann", 9, 0)->body_case, BODY(SESSION_OPENED));
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

int main(void)
{
    Suite *suite = suite_create("store_settings");
    TCase *settings = tcase_create("settings");
    TCase *devices = tcase_create("devices");
    SRunner *runner = srunner_create(suite);
    int failed;

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
    tcase_add_test(devices, at_the_limit_a_failing_allocation_makes_no_device_too_many);
    tcase_add_test(devices, a_signed_out_device_has_no_session_and_no_ticket_any_more);
    tcase_add_test(devices, a_device_that_was_just_signed_out_is_the_last_to_be_forgotten);
    tcase_add_test(devices, a_clock_set_back_lets_no_signed_out_session_in);
    tcase_add_test(devices, a_token_issued_before_the_device_was_signed_out_is_refused);
    tcase_add_test(devices, a_token_issued_before_signing_out_everywhere_is_refused);
    tcase_add_test(devices, a_clock_that_was_far_ahead_locks_nobody_out);
    tcase_add_test(devices, only_the_users_own_devices_are_signed_out);
    tcase_add_test(devices, signing_out_everywhere_ends_every_session_and_ticket);
    suite_add_tcase(suite, devices);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
