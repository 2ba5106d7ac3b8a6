/* Requests of store_host.h, ready made. */
#include "store_host.h"

#include <string.h>

#define BODY(name) WIRE_LINK_FRAME__BODY_##name

const WireSessionOpened *host_session(struct store_host *h, link_id link, const char *subject,
                                      uint64_t device)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireOpenSession open = WIRE_OPEN_SESSION__INIT;
    const WireLinkFrame *answer;

    open.issuer = (char *)(uintptr_t) "https://issuer";
    open.subject = (char *)(uintptr_t)subject;
    open.name = (char *)(uintptr_t)subject;
    open.device_id = device;
    frame.body_case = BODY(OPEN_SESSION);
    frame.open_session = &open;
    answer = store_host_ask(h, link, &frame);
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, BODY(SESSION_OPENED));
    return answer->session_opened;
}

uint64_t host_user(struct store_host *h, link_id link, const char *subject)
{
    return host_session(h, link, subject, HOST_DEVICE)->user_id;
}

static uint64_t opened(const WireLinkFrame *answer)
{
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, BODY(OPENED));
    ck_assert_uint_eq(answer->opened->home_id, answer->opened->channel_id);
    return answer->opened->home_id;
}

uint64_t host_direct(struct store_host *h, link_id link, uint64_t a, uint64_t b)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireOpenDirect open = WIRE_OPEN_DIRECT__INIT;

    open.peer_id = b;
    frame.user_id = a;
    frame.body_case = BODY(OPEN_DIRECT);
    frame.open_direct = &open;
    return opened(store_host_ask(h, link, &frame));
}

uint64_t host_group(struct store_host *h, link_id link, uint64_t creator, uint64_t counter,
                    const uint64_t *members, size_t count)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireCreateGroup create = WIRE_CREATE_GROUP__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = HOST_DEVICE;
    nonce.counter = counter;
    create.nonce = &nonce;
    create.name = (char *)(uintptr_t) "a group";
    create.member_ids = (uint64_t *)(uintptr_t)members;
    create.n_member_ids = count;
    frame.user_id = creator;
    frame.body_case = BODY(CREATE_GROUP);
    frame.create_group = &create;
    return opened(store_host_ask(h, link, &frame));
}

const WireLinkFrame *host_send(struct store_host *h, link_id link, uint64_t user, uint64_t channel,
                               uint64_t counter, uint64_t after, const char *text)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSendMessage send = WIRE_SEND_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = HOST_DEVICE;
    nonce.counter = counter;
    nonce.after = after;
    send.channel_id = channel;
    send.nonce = &nonce;
    send.text = (char *)(uintptr_t)text;
    frame.user_id = user;
    frame.body_case = BODY(SEND_MESSAGE);
    frame.send_message = &send;
    return store_host_ask(h, link, &frame);
}

const WireLinkFrame *host_edit(struct store_host *h, link_id link, uint64_t user, uint64_t channel,
                               uint64_t counter, uint64_t seq, const char *text)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireEditMessage edit = WIRE_EDIT_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = HOST_DEVICE;
    nonce.counter = counter;
    edit.channel_id = channel;
    edit.nonce = &nonce;
    edit.seq = seq;
    edit.text = (char *)(uintptr_t)text;
    frame.user_id = user;
    frame.body_case = BODY(EDIT_MESSAGE);
    frame.edit_message = &edit;
    return store_host_ask(h, link, &frame);
}

const WireLinkFrame *host_delete(struct store_host *h, link_id link, uint64_t user,
                                 uint64_t channel, uint64_t counter, uint64_t seq)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireDeleteMessage remove = WIRE_DELETE_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    nonce.device_id = HOST_DEVICE;
    nonce.counter = counter;
    remove.channel_id = channel;
    remove.nonce = &nonce;
    remove.seq = seq;
    frame.user_id = user;
    frame.body_case = BODY(DELETE_MESSAGE);
    frame.delete_message = &remove;
    return store_host_ask(h, link, &frame);
}

const WireHistoryPage *host_history(struct store_host *h, link_id link, uint64_t user,
                                    uint64_t channel, uint64_t start, uint32_t limit,
                                    bool backwards)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFetchHistory fetch = WIRE_FETCH_HISTORY__INIT;
    const WireLinkFrame *answer;

    fetch.channel_id = channel;
    fetch.start_seq = start;
    fetch.limit = limit;
    fetch.backwards = backwards;
    frame.user_id = user;
    frame.body_case = BODY(FETCH_HISTORY);
    frame.fetch_history = &fetch;
    answer = store_host_ask(h, link, &frame);
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, BODY(HISTORY_PAGE));
    return answer->history_page;
}

const WireChangesPage *host_changes(struct store_host *h, link_id link, uint64_t user,
                                    uint64_t channel, uint64_t since, uint64_t from, uint64_t to)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFetchChanges fetch = WIRE_FETCH_CHANGES__INIT;
    WireRange range = WIRE_RANGE__INIT;
    WireRange *ranges[1] = {&range};
    const WireLinkFrame *answer;

    range.from_seq = from;
    range.to_seq = to;
    fetch.channel_id = channel;
    fetch.since_rev = since;
    fetch.ranges = ranges;
    fetch.n_ranges = 1;
    frame.user_id = user;
    frame.body_case = BODY(FETCH_CHANGES);
    frame.fetch_changes = &fetch;
    answer = store_host_ask(h, link, &frame);
    ck_assert_ptr_nonnull(answer);
    ck_assert_int_eq(answer->body_case, BODY(CHANGES_PAGE));
    return answer->changes_page;
}

const WireLinkFrame *host_subscribe(struct store_host *h, link_id link, uint64_t user,
                                    uint64_t home)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSubscribe subscribe = WIRE_SUBSCRIBE__INIT;

    subscribe.home_id = home;
    subscribe.user_id = user;
    frame.body_case = BODY(SUBSCRIBE);
    frame.subscribe = &subscribe;
    return store_host_ask(h, link, &frame);
}

const WireLinkFrame *host_set_member(struct store_host *h, link_id link, uint64_t actor,
                                     uint64_t home, uint64_t user, uint32_t permissions)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSetMember set = WIRE_SET_MEMBER__INIT;

    set.home_id = home;
    set.user_id = user;
    set.permissions = permissions;
    frame.user_id = actor;
    frame.body_case = BODY(SET_MEMBER);
    frame.set_member = &set;
    return store_host_ask(h, link, &frame);
}

const WireLinkFrame *host_mark_read(struct store_host *h, link_id link, uint64_t user,
                                    uint64_t channel, uint64_t seq)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireMarkRead mark = WIRE_MARK_READ__INIT;

    mark.channel_id = channel;
    mark.seq = seq;
    mark.message_id = seq * 10;
    frame.user_id = user;
    frame.body_case = BODY(MARK_READ);
    frame.mark_read = &mark;
    return store_host_ask(h, link, &frame);
}

const WireSent *expect_sent(const WireLinkFrame *frame, uint64_t seq)
{
    ck_assert_ptr_nonnull(frame);
    if (frame->body_case == BODY(PROBLEM))
        ck_abort_msg("problem %d %s", (int)frame->problem->code, frame->problem->limit);
    ck_assert_int_eq(frame->body_case, BODY(SENT));
    ck_assert_uint_eq(frame->sent->seq, seq);
    return frame->sent;
}

void expect_problem(const WireLinkFrame *frame, WireProblemCode code)
{
    ck_assert_ptr_nonnull(frame);
    ck_assert_int_eq(frame->body_case, BODY(PROBLEM));
    if (frame->problem->code != code)
        ck_abort_msg("problem %d %s, not %d", (int)frame->problem->code, frame->problem->limit,
                     (int)code);
}
