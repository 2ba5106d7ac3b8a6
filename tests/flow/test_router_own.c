/* What belongs to a user, on its way through the router: receipts, typing, settings, devices. */
#include "router_rig.h"

#define OTHER (RIG_DEVICE + 1)

static struct rig g;
static struct rig_home *room;

static void begin(void)
{
    room = rig_group(&g, 0, (const char *[]){"alice", "bob", NULL});
    room->seq = 5;
    rig_start_all(&g);
    rig_sign_in(&g, 1, "alice", RIG_DEVICE);
    rig_sign_in(&g, 2, "alice", OTHER);
    rig_sign_in(&g, 3, "bob", RIG_DEVICE);
    rig_forget(&g);
}

static void setup(void)
{
    rig_config(&g);
    begin();
}

static void setup_short_queue(void)
{
    rig_config(&g);
    g.config.link_queue_max = 1000;
    begin();
}

static void teardown(void) { rig_fini(&g); }

static void say(link_id link, uint32_t request_id, WireClientFrame__BodyCase body, void *message)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;

    frame.request_id = request_id;
    frame.body_case = body;
    frame.send_message = message; /* every member of the union is a pointer */
    rig_say(&g, link, &frame);
}

static void answer(WireLinkFrame__BodyCase asked, WireLinkFrame__BodyCase body, void *message)
{
    const WireLinkFrame *question = rig_asked(&g, asked);
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;

    ck_assert_ptr_nonnull(question);
    frame.request_id = question->request_id;
    frame.body_case = body;
    frame.send_message = message;
    rig_peer_says(&g, shard_of_id(rig_user("alice"), RIG_SHARDS), &frame);
    rig_settle(&g);
}

/* An event of the room in no order. */
static void tell(WireHomeEvent *event, uint64_t prev_lsn, uint64_t lsn)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WirePublication publication = WIRE_PUBLICATION__INIT;

    publication.home_id = room->home_id;
    publication.prev_lsn = prev_lsn;
    publication.lsn = lsn;
    publication.n_events = 1;
    publication.events = &event;
    frame.body_case = LINK(PUBLICATION);
    frame.publication = &publication;
    rig_peer_says(&g, 0, &frame);
    rig_settle(&g);
}

/* --- typing --- */

static void type(link_id link, uint64_t channel_id, bool stop)
{
    WireTyping typing = WIRE_TYPING__INIT;

    typing.channel_id = channel_id;
    typing.stop = stop;
    typing.user_id = rig_user("bob"); /* what is said there does not count */
    say(link, 0, CLIENT(TYPING), &typing);
}

START_TEST(typing_is_passed_on_once_in_three_seconds_and_never_answered)
{
    const WireLinkFrame *told;

    type(1, room->home_id, false);
    told = rig_asked(&g, LINK(TYPING));
    ck_assert_ptr_nonnull(told);
    ck_assert_uint_eq(told->request_id, 0);
    ck_assert_uint_eq(told->user_id, rig_user("alice"));
    ck_assert_uint_ne(told->session_no, 0);
    ck_assert_uint_eq(told->typing->user_id, 0);
    rig_wait(&g, 2999);
    type(1, room->home_id, false);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(TYPING)), 1);
    type(2, room->home_id, false); /* another device */
    ck_assert_uint_eq(rig_asked_count(&g, LINK(TYPING)), 2);
    rig_wait(&g, 1);
    type(1, room->home_id, false);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(TYPING)), 3);
    ck_assert_uint_eq(g.sends[1] + g.sends[2], 0);
    ck_assert_uint_eq(rig_stats(&g).typing, 3);
    ck_assert_uint_eq(rig_stats(&g).typing_dropped, 1);
}
END_TEST

START_TEST(a_stop_goes_through_once_after_typing)
{
    type(1, room->home_id, true);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(TYPING)), 0);
    type(1, room->home_id, false);
    type(1, room->home_id, true);
    type(1, room->home_id, true);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(TYPING)), 2);
    ck_assert(rig_asked(&g, LINK(TYPING))->typing->stop);
    type(1, room->home_id, false); /* on and off again is no way around */
    ck_assert_uint_eq(rig_asked_count(&g, LINK(TYPING)), 2);
}
END_TEST

START_TEST(typing_where_one_may_not_write_is_dropped)
{
    struct rig_news *news = rig_news(room);

    type(1, RIG_ID(0, 77), false);
    type(1, rig_user("alice"), false);
    rig_add_change(news, "alice", VIEW);
    rig_publish(&g, news);
    type(1, room->home_id, false);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(TYPING)), 0);
}
END_TEST

START_TEST(typing_never_eats_into_what_messages_may_cost)
{
    WireSendMessage message = WIRE_SEND_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    for (uint32_t i = 0; i < 200; i++) {
        type(1, room->home_id, false);
        type(1, room->home_id, true);
    }
    nonce.device_id = RIG_DEVICE;
    message.channel_id = room->home_id;
    message.nonce = &nonce;
    message.text = (char *)"hello";
    for (uint32_t i = 1; i <= g.config.limits.operations_burst; i++) {
        nonce.counter = i;
        say(1, i, CLIENT(SEND_MESSAGE), &message);
    }
    ck_assert_uint_eq(rig_asked_count(&g, LINK(SEND_MESSAGE)), g.config.limits.operations_burst);
    ck_assert_uint_eq(rig_stats(&g).rate_limited, 0);
}
END_TEST

START_TEST(typing_in_many_channels_has_a_rate)
{
    struct rig_home *rooms[60];
    const uint32_t burst = g.config.limits.signals_burst;

    for (size_t i = 0; i < 60; i++)
        rooms[i] = rig_group(&g, 0, (const char *[]){"carol", NULL});
    rig_sign_in(&g, 4, "carol", RIG_DEVICE);
    rig_forget(&g);
    for (size_t i = 0; i < 60; i++)
        type(4, rooms[i]->home_id, false);
    ck_assert_uint_le(rig_asked_count(&g, LINK(TYPING)), burst);
    ck_assert_uint_ge(rig_asked_count(&g, LINK(TYPING)), burst - 5); /* but for equal slots */
}
END_TEST

START_TEST(typing_beyond_the_rate_is_paid_first_and_holds_nothing_back)
{
    for (uint32_t i = 0; i < g.config.limits.signals_burst; i++)
        type(1, RIG_ID(0, 777 + i), false); /* no member there: it costs all the same */
    type(1, room->home_id, false);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(TYPING)), 0);
    rig_wait(&g, 1000); /* the rate grants some again, the pause is not over */
    type(1, room->home_id, false);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(TYPING)), 1);
}
END_TEST

static void hear_typing(uint64_t session_no)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    WireTyping typing = WIRE_TYPING__INIT;

    typing.channel_id = room->home_id;
    typing.user_id = rig_user("alice");
    typing.session_no = session_no;
    event.body_case = WIRE_HOME_EVENT__BODY_TYPING;
    event.typing = &typing;
    tell(&event, 0, 0);
}

START_TEST(typing_reaches_every_session_but_the_one_that_types)
{
    uint64_t session_no;

    type(1, room->home_id, false);
    session_no = rig_asked(&g, LINK(TYPING))->session_no;
    rig_forget(&g);
    hear_typing(session_no);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(TYPING)), 0);
    ck_assert_uint_eq(rig_count(&g, 2, SERVER(TYPING)), 1);
    ck_assert_uint_eq(rig_count(&g, 3, SERVER(TYPING)), 1);
    ck_assert_uint_eq(rig_last(&g, 3, SERVER(TYPING))->typing->user_id, rig_user("alice"));
    ck_assert_uint_eq(rig_last(&g, 3, SERVER(TYPING))->typing->session_no, 0);
    ck_assert_uint_eq(rig_stats(&g).holes, 0);
}
END_TEST

START_TEST(typing_is_dropped_before_a_slow_client_is)
{
    WireWatchPresence watch = WIRE_WATCH_PRESENCE__INIT;
    uint64_t alice = rig_user("alice");

    watch.user_ids = &alice;
    watch.n_user_ids = 1;
    say(3, 1, CLIENT(WATCH_PRESENCE), &watch);
    rig_wait(&g, 1000);
    rig_event(&g, EVENT_LINK_BLOCKED, 3);
    for (size_t i = 0; i < 3 * g.config.limits.session_frames_max; i++) {
        hear_typing(1);
        rig_forget(&g);
    }
    ck_assert_uint_eq(g.closed[3], 0);
    ck_assert_uint_gt(rig_stats(&g).ephemera_dropped, 0);
    ck_assert_uint_eq(rig_stats(&g).slow, 0);
    rig_event(&g, EVENT_LINK_DRAINED, 3);
    rig_wait(&g, 2000);
    ck_assert_uint_eq(g.sends[3], 0); /* it is over, and of presence nothing was lost */
}
END_TEST

/* --- receipts --- */

START_TEST(marks_go_to_the_homes_the_user_may_see_and_are_answered_at_once)
{
    WireMarkReceipts body = WIRE_MARK_RECEIPTS__INIT;
    WireReceiptMark marks[3], *pointers[3];

    for (size_t i = 0; i < 3; i++) {
        wire_receipt_mark__init(&marks[i]);
        marks[i].channel_id = i == 1 ? room->home_id : RIG_ID(0, 77 + i);
        marks[i].delivered_seq = 4;
        marks[i].read_seq = 3;
        pointers[i] = &marks[i];
    }
    body.n_marks = 3;
    body.marks = pointers;
    say(1, 9, CLIENT(MARK_RECEIPTS), &body);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(RECEIPT_MARK)), 1);
    ck_assert_uint_eq(rig_asked(&g, LINK(RECEIPT_MARK))->user_id, rig_user("alice"));
    ck_assert_uint_eq(rig_asked(&g, LINK(RECEIPT_MARK))->receipt_mark->read_seq, 3);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(OK))->request_id, 9);
}
END_TEST

START_TEST(marks_have_a_rate_of_their_own_and_a_limit)
{
    WireMarkReceipts body = WIRE_MARK_RECEIPTS__INIT;
    WireReceiptMark mark = WIRE_RECEIPT_MARK__INIT, *pointers[CHAT_RECEIPT_MARKS_MAX + 1];

    for (uint32_t i = 1; i <= g.config.limits.signals_burst + 1; i++)
        say(1, i, CLIENT(MARK_RECEIPTS), &body);
    ck_assert_str_eq(rig_problem(&g, 1, PROBLEM(RATE_LIMITED))->limit, "signals_per_second");
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(OK)), g.config.limits.signals_burst);
    for (size_t i = 0; i <= CHAT_RECEIPT_MARKS_MAX; i++)
        pointers[i] = &mark;
    body.marks = pointers;
    body.n_marks = CHAT_RECEIPT_MARKS_MAX;
    say(3, 1, CLIENT(MARK_RECEIPTS), &body);
    ck_assert_uint_eq(g.closed[3], 0);
    body.n_marks++;
    say(3, 2, CLIENT(MARK_RECEIPTS), &body);
    ck_assert_str_eq(rig_problem(&g, 3, PROBLEM(LIMIT))->limit, "MarkReceipts.marks");
    ck_assert_uint_eq(g.closed[3], CHAT_CLOSE_POLICY);
}
END_TEST

START_TEST(each_mark_has_its_share_of_the_rate)
{
    WireMarkReceipts body = WIRE_MARK_RECEIPTS__INIT;
    WireReceiptMark mark = WIRE_RECEIPT_MARK__INIT, *pointers[CHAT_RECEIPT_MARKS_MAX];
    const struct router_limits *limits = &g.config.limits;

    for (size_t i = 0; i < CHAT_RECEIPT_MARKS_MAX; i++)
        pointers[i] = &mark;
    mark.channel_id = room->home_id;
    body.marks = pointers;
    body.n_marks = CHAT_RECEIPT_MARKS_MAX;
    say(1, 1, CLIENT(MARK_RECEIPTS), &body);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(OK))->request_id, 1);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(RECEIPT_MARK)), CHAT_RECEIPT_MARKS_MAX);
    rig_forget(&g);
    body.n_marks = 1;
    say(1, 2, CLIENT(MARK_RECEIPTS), &body);
    ck_assert_str_eq(rig_problem(&g, 1, PROBLEM(RATE_LIMITED))->limit, "signals_per_second");
    ck_assert_uint_gt(rig_problem(&g, 1, PROBLEM(RATE_LIMITED))->retry_after_ms,
                      (CHAT_RECEIPT_MARKS_MAX - limits->signals_burst) * 1000 /
                          limits->signals_per_second);
}
END_TEST

START_TEST(marks_that_a_link_has_no_room_for_are_refused)
{
    WireMarkReceipts body = WIRE_MARK_RECEIPTS__INIT;
    WireReceiptMark mark = WIRE_RECEIPT_MARK__INIT, *pointers[] = {&mark};
    uint32_t id = 0;

    rig_event(&g, EVENT_LINK_BLOCKED, g.peer_links[0]);
    mark.channel_id = room->home_id;
    body.marks = pointers;
    body.n_marks = 1;
    while (!rig_last(&g, 1, SERVER(PROBLEM)) && id < g.config.limits.signals_burst)
        say(1, ++id, CLIENT(MARK_RECEIPTS), &body);
    ck_assert_str_eq(rig_problem(&g, 1, PROBLEM(OVERLOADED))->limit, "link_queue_max");
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(PROBLEM))->request_id, id);
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(OK)), id - 1);
    ck_assert_uint_eq(rig_stats(&g).receipt_marks, id - 1);
}
END_TEST

START_TEST(receipts_reach_the_members_behind_the_messages_they_are_of)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    WireReceipts receipts = WIRE_RECEIPTS__INIT;
    WireReceipt one = WIRE_RECEIPT__INIT, *list[] = {&one};

    one.user_id = rig_user("bob");
    one.delivered_seq = one.read_seq = 5;
    receipts.channel_id = room->home_id;
    receipts.receipts = list;
    receipts.n_receipts = 1;
    event.body_case = WIRE_HOME_EVENT__BODY_RECEIPTS;
    event.receipts = &receipts;
    tell(&event, 1, 2);
    for (link_id link = 1; link <= 3; link++)
        ck_assert_uint_eq(rig_last(&g, link, SERVER(RECEIPTS))->receipts->receipts[0]->read_seq, 5);
    tell(&event, 1, 2); /* the same once more */
    ck_assert_uint_eq(rig_count(&g, 1, SERVER(RECEIPTS)), 1);
}
END_TEST

START_TEST(the_receipts_of_all_are_fetched_from_the_home)
{
    WireFetchReceipts fetch = WIRE_FETCH_RECEIPTS__INIT;
    WireReceipts receipts = WIRE_RECEIPTS__INIT;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;

    fetch.channel_id = room->home_id;
    say(1, 8, CLIENT(FETCH_RECEIPTS), &fetch);
    receipts.channel_id = room->home_id;
    frame.request_id = rig_asked(&g, LINK(FETCH_RECEIPTS))->request_id;
    frame.body_case = LINK(RECEIPTS);
    frame.receipts = &receipts;
    rig_peer_says(&g, 0, &frame);
    rig_settle(&g);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(RECEIPTS))->request_id, 8);
}
END_TEST

/* --- settings and drafts --- */

START_TEST(a_draft_bears_the_device_that_the_router_knows)
{
    WireSetDraft set = WIRE_SET_DRAFT__INIT;
    WireDraft draft = WIRE_DRAFT__INIT;

    set.channel_id = room->home_id;
    set.text = (char *)"dear bob";
    set.device_id = 666;
    say(2, 7, CLIENT(SET_DRAFT), &set);
    ck_assert_uint_eq(rig_asked(&g, LINK(SET_DRAFT))->set_draft->device_id, OTHER);
    ck_assert_uint_eq(rig_asked(&g, LINK(SET_DRAFT))->user_id, rig_user("alice"));
    draft.channel_id = room->home_id;
    draft.text = (char *)"dear bob";
    answer(LINK(SET_DRAFT), LINK(DRAFT), &draft);
    ck_assert_uint_eq(rig_last(&g, 2, SERVER(DRAFT))->request_id, 7);
}
END_TEST

START_TEST(who_is_no_member_sets_nothing)
{
    WireSetDraft draft = WIRE_SET_DRAFT__INIT;
    WireSetChannelSettings settings = WIRE_SET_CHANNEL_SETTINGS__INIT;

    draft.channel_id = settings.channel_id = RIG_ID(0, 77);
    say(1, 1, CLIENT(SET_DRAFT), &draft);
    rig_problem(&g, 1, PROBLEM(FORBIDDEN));
    rig_forget(&g);
    say(1, 2, CLIENT(SET_CHANNEL_SETTINGS), &settings);
    rig_problem(&g, 1, PROBLEM(FORBIDDEN));
    ck_assert_uint_eq(rig_asked_count(&g, LINK(SET_DRAFT)), 0);
}
END_TEST

START_TEST(what_one_device_sets_the_users_others_hear)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    WireChannelSettings settings = WIRE_CHANNEL_SETTINGS__INIT;
    WireDraft draft = WIRE_DRAFT__INIT;

    settings.channel_id = draft.channel_id = room->home_id;
    settings.muted_until_ms = 1234;
    event.body_case = WIRE_HOME_EVENT__BODY_CHANNEL_SETTINGS;
    event.channel_settings = &settings;
    rig_user_event(&g, "alice", 7, 8, &event);
    draft.text = (char *)"dear bob";
    event.body_case = WIRE_HOME_EVENT__BODY_DRAFT;
    event.draft = &draft;
    rig_user_event(&g, "alice", 8, 9, &event);
    for (link_id link = 1; link <= 2; link++) {
        const WireServerFrame *heard = rig_last(&g, link, SERVER(CHANNEL_SETTINGS));

        ck_assert_int_eq(heard->channel_settings->muted_until_ms, 1234);
        ck_assert_str_eq(rig_last(&g, link, SERVER(DRAFT))->draft->text, "dear bob");
    }
    ck_assert_uint_eq(g.sends[3], 0);
}
END_TEST

/* SessionOpened with one channel in it. */
static void answer_open(const WireLinkFrame *asked, const char *name)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSessionOpened opened = WIRE_SESSION_OPENED__INIT;
    WireUserChannel channel = WIRE_USER_CHANNEL__INIT, *channels[] = {&channel};

    channel.home_id = room->home_id;
    channel.muted_until_ms = 1234;
    channel.settings_version = 3;
    channel.draft_version = 4;
    channel.has_draft = true;
    opened.user_id = rig_user(name);
    opened.session_no =
        asked->open_session->session_no ? asked->open_session->session_no : ++g.session_no;
    opened.lsn = 20;
    opened.routers = 1;
    opened.channels = channels;
    opened.n_channels = 1;
    frame.request_id = asked->request_id;
    frame.body_case = LINK(SESSION_OPENED);
    frame.session_opened = &opened;
    rig_peer_says(&g, shard_of_id(opened.user_id, RIG_SHARDS), &frame);
}

static uint64_t told_deleted; /* by the room's home, of whom it is asked about */

static void answer_subscribe(const char *name)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSubscribed said = WIRE_SUBSCRIBED__INIT;
    WireChannelState state = WIRE_CHANNEL_STATE__INIT, *states[] = {&state};
    WirePosition head = WIRE_POSITION__INIT;
    WireMember member = WIRE_MEMBER__INIT, *members[] = {&member};
    WireReceipt receipts[2], *list[2];

    for (size_t i = 0; i < 2; i++) {
        wire_receipt__init(&receipts[i]);
        receipts[i].user_id = rig_user(i ? name : "bob");
        receipts[i].delivered_seq = 4 + i;
        list[i] = &receipts[i];
    }
    head.channel_id = room->home_id;
    head.seq = 5;
    state.head = &head;
    state.receipts = list;
    state.n_receipts = 2;
    state.deleted_unread = told_deleted;
    member.user_id = rig_user(name);
    member.permissions = MEMBER;
    said.home_id = room->home_id;
    said.lsn = room->lsn;
    said.kind = room->kind;
    said.channels = states;
    said.n_channels = 1;
    said.members = members;
    said.n_members = 1;
    frame.request_id = rig_asked(&g, LINK(SUBSCRIBE))->request_id;
    frame.body_case = LINK(SUBSCRIBED);
    frame.subscribed = &said;
    rig_peer_says(&g, 0, &frame);
    rig_settle(&g);
}

static const WireChannel *first_listed(link_id link)
{
    for (size_t i = 0; i < g.heard_count; i++)
        if (g.heard[i].link == link && g.heard[i].server &&
            g.heard[i].server->body_case == SERVER(CHANNEL_LIST))
            return g.heard[i].server->channel_list->channels[0];
    ck_abort_msg("nothing was listed");
    return NULL;
}

START_TEST(what_is_told_before_a_channel_is_listed_is_listed)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    WireChannelSettings settings = WIRE_CHANNEL_SETTINGS__INIT;
    WireDraft draft = WIRE_DRAFT__INIT;
    WireCursor cursor = WIRE_CURSOR__INIT;
    const WireChannel *channel;

    rig_set_member(room, rig_user("dave"), MEMBER);
    g.hold_open = g.hold_subscribe = true;
    rig_open(&g, 4);
    rig_hello(&g, 4, "dave", RIG_DEVICE);
    answer_open(rig_asked(&g, LINK(OPEN_SESSION)), "dave");
    rig_settle(&g);
    settings.channel_id = draft.channel_id = cursor.channel_id = room->home_id;
    settings.muted_until_ms = 99;
    settings.version = 21;
    event.body_case = WIRE_HOME_EVENT__BODY_CHANNEL_SETTINGS;
    event.channel_settings = &settings;
    rig_user_event(&g, "dave", 20, 21, &event);
    draft.text = (char *)""; /* cleared */
    draft.version = 22;
    event.body_case = WIRE_HOME_EVENT__BODY_DRAFT;
    event.draft = &draft;
    rig_user_event(&g, "dave", 21, 22, &event);
    cursor.read_seq = 5;
    event.body_case = WIRE_HOME_EVENT__BODY_CURSOR;
    event.cursor = &cursor;
    rig_user_event(&g, "dave", 22, 23, &event);
    answer_subscribe("dave");
    channel = first_listed(4);
    ck_assert_int_eq(channel->settings->muted_until_ms, 99);
    ck_assert_uint_eq(channel->settings->version, 21);
    ck_assert_uint_eq(channel->settings->draft_version, 22);
    ck_assert(!channel->settings->has_draft);
    ck_assert_uint_eq(channel->read_seq, 5);
}
END_TEST

START_TEST(a_list_says_what_the_user_has_set_and_his_own_receipt)
{
    const WireChannel *channel;

    rig_set_member(room, rig_user("dave"), MEMBER);
    g.hold_open = g.hold_subscribe = true;
    rig_open(&g, 4);
    rig_hello(&g, 4, "dave", RIG_DEVICE);
    answer_open(rig_asked(&g, LINK(OPEN_SESSION)), "dave");
    rig_settle(&g);
    answer_subscribe("dave");
    ck_assert_uint_eq(rig_count(&g, 4, SERVER(CHANNEL_LIST)), 2);
    channel = first_listed(4);
    ck_assert_int_eq(channel->settings->muted_until_ms, 1234);
    ck_assert_uint_eq(channel->settings->version, 3);
    ck_assert_uint_eq(channel->settings->draft_version, 4);
    ck_assert(channel->settings->has_draft);
    ck_assert_uint_eq(channel->n_receipts, 1); /* of a group nobody else's */
    ck_assert_uint_eq(channel->receipts[0]->delivered_seq, 5);
}
END_TEST

START_TEST(a_list_says_how_many_unread_ones_are_deleted)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    WireCursor cursor = WIRE_CURSOR__INIT;

    told_deleted = 3;
    rig_set_member(room, rig_user("dave"), MEMBER);
    g.hold_open = g.hold_subscribe = true;
    rig_open(&g, 4);
    rig_hello(&g, 4, "dave", RIG_DEVICE);
    answer_open(rig_asked(&g, LINK(OPEN_SESSION)), "dave");
    rig_settle(&g);
    ck_assert_uint_eq(rig_asked(&g, LINK(SUBSCRIBE))->subscribe->read_seq, 0);
    cursor.channel_id = room->home_id;
    cursor.read_seq = 2;
    event.body_case = WIRE_HOME_EVENT__BODY_CURSOR;
    event.cursor = &cursor;
    rig_user_event(&g, "dave", 20, 21, &event);
    answer_subscribe("dave"); /* counted from where the cursor is no more: asked again */
    ck_assert_uint_eq(rig_count(&g, 4, SERVER(CHANNEL_LIST)), 0);
    ck_assert_uint_eq(rig_asked(&g, LINK(SUBSCRIBE))->subscribe->read_seq, 2);
    told_deleted = 1;
    answer_subscribe("dave");
    told_deleted = 0;
    ck_assert_uint_eq(first_listed(4)->read_seq, 2);
    ck_assert_uint_eq(first_listed(4)->deleted_unread, 1);
}
END_TEST

START_TEST(after_a_hole_in_the_users_home_all_settings_are_told_again)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    const WireServerFrame *heard;

    g.hold_open = true;
    event.body_case = WIRE_HOME_EVENT__BODY_ROUTERS;
    rig_user_event(&g, "bob", 9, 10, &event);
    answer_open(rig_asked(&g, LINK(OPEN_SESSION)), "bob");
    rig_settle(&g);
    heard = rig_last(&g, 3, SERVER(CHANNEL_SETTINGS));
    ck_assert_ptr_nonnull(heard);
    ck_assert_int_eq(heard->channel_settings->muted_until_ms, 1234);
    ck_assert_uint_eq(heard->channel_settings->draft_version, 4);
}
END_TEST

START_TEST(what_is_still_to_be_listed_is_listed_as_told_after_a_hole)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    const WireChannel *channel;

    g.hold_open = g.hold_subscribe = true;
    event.body_case = WIRE_HOME_EVENT__BODY_CHANNEL_REMOVED; /* of a home it has: asks there */
    event.channel_removed = room->home_id;
    rig_user_event(&g, "bob", 7, 8, &event);
    ck_assert_uint_eq(rig_asked_count(&g, LINK(SUBSCRIBE)), 1);
    event.body_case = WIRE_HOME_EVENT__BODY_ROUTERS;
    event.routers = 1;
    rig_user_event(&g, "bob", 9, 10, &event);
    answer_open(rig_asked(&g, LINK(OPEN_SESSION)), "bob");
    answer_subscribe("bob");
    channel = first_listed(3);
    ck_assert_ptr_nonnull(channel->settings);
    ck_assert_int_eq(channel->settings->muted_until_ms, 1234);
    ck_assert_uint_eq(channel->settings->draft_version, 4);
}
END_TEST

/* --- devices --- */

START_TEST(the_home_hears_what_a_device_calls_itself_and_how_old_its_token_is)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHello hello = WIRE_HELLO__INIT;

    rig_open(&g, 4);
    hello.token = (char *)"carol";
    hello.device_id = RIG_DEVICE;
    hello.client = (char *)"phone/2";
    frame.request_id = 1;
    frame.body_case = CLIENT(HELLO);
    frame.hello = &hello;
    rig_say(&g, 4, &frame);
    ck_assert_str_eq(rig_asked(&g, LINK(OPEN_SESSION))->open_session->client, "phone/2");
    ck_assert_int_eq(rig_asked(&g, LINK(OPEN_SESSION))->open_session->token_issued_at_ms,
                     g.now.wall_ms - 7000);
}
END_TEST

START_TEST(a_ticket_says_to_which_session_it_was_given)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHello hello = WIRE_HELLO__INIT;
    const WireWelcome *welcome;

    rig_sign_in(&g, 4, "carol", RIG_DEVICE);
    welcome = rig_last(&g, 4, SERVER(WELCOME))->welcome;
    rig_open(&g, 5);
    hello.ticket = welcome->ticket;
    hello.device_id = RIG_DEVICE;
    frame.request_id = 1;
    frame.body_case = CLIENT(HELLO);
    frame.hello = &hello;
    rig_say(&g, 5, &frame);
    ck_assert_uint_eq(rig_asked(&g, LINK(OPEN_SESSION))->open_session->ticket_session_no,
                      welcome->session_no);
    ck_assert_int_eq(rig_asked(&g, LINK(OPEN_SESSION))->open_session->token_issued_at_ms, 0);
}
END_TEST

START_TEST(a_device_signed_out_on_another_router_ends_here_and_no_other)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    WireSignedOut out = WIRE_SIGNED_OUT__INIT;

    rig_event(&g, EVENT_LINK_BLOCKED, 2); /* half-open: it reads nothing any more */
    out.device_id = OTHER;
    out.session_no = g.session_no + 1;
    event.body_case = WIRE_HOME_EVENT__BODY_SIGNED_OUT;
    event.signed_out = &out;
    rig_user_event(&g, "alice", 7, 8, &event);
    ck_assert_uint_eq(g.closed[2], CHAT_CLOSE_REVOKED);
    ck_assert_uint_eq(g.closed[1], 0);
    ck_assert_uint_eq(g.closed[3], 0);
    out.device_id = RIG_DEVICE; /* but it has signed in again since */
    out.session_no = 1;
    rig_user_event(&g, "alice", 8, 9, &event);
    ck_assert_uint_eq(g.closed[1], 0);
    out.session_no = g.session_no + 1;
    rig_user_event(&g, "alice", 9, 10, &event);
    ck_assert_uint_eq(g.closed[1], CHAT_CLOSE_REVOKED);
    ck_assert_int_eq(rig_problem(&g, 1, PROBLEM(UNAUTHENTICATED))->retry, WIRE_RETRY__RETRY_REAUTH);
    ck_assert_uint_eq(rig_stats(&g).users, 1);
    ck_assert_uint_eq(rig_stats(&g).revoked, 2);
}
END_TEST

START_TEST(one_whose_signing_out_was_missed_ends_when_it_is_announced_anew)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    uint32_t shard = shard_of_id(rig_user("bob"), RIG_SHARDS);

    g.hold_open = true;
    event.body_case = WIRE_HOME_EVENT__BODY_ROUTERS;
    rig_user_event(&g, "bob", 9, 10, &event); /* a hole */
    rig_answer_problem(&g, shard, rig_asked(&g, LINK(OPEN_SESSION))->request_id,
                       PROBLEM(UNAUTHENTICATED));
    rig_settle(&g);
    ck_assert_uint_eq(g.closed[3], CHAT_CLOSE_REVOKED);
    ck_assert_uint_eq(g.closed[1], 0);
}
END_TEST

START_TEST(signing_out_is_answered_with_ok)
{
    WireSignOutDevice one = WIRE_SIGN_OUT_DEVICE__INIT;
    WireSignOutEverywhere all = WIRE_SIGN_OUT_EVERYWHERE__INIT;
    WireFetchDevices fetch = WIRE_FETCH_DEVICES__INIT;
    WireDevices devices = WIRE_DEVICES__INIT;
    WireSignedOut out = WIRE_SIGNED_OUT__INIT;

    one.device_id = OTHER;
    say(1, 4, CLIENT(SIGN_OUT_DEVICE), &one);
    ck_assert_uint_eq(rig_asked(&g, LINK(SIGN_OUT_DEVICE))->user_id, rig_user("alice"));
    answer(LINK(SIGN_OUT_DEVICE), LINK(SIGNED_OUT), &out);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(OK))->request_id, 4);
    say(1, 5, CLIENT(SIGN_OUT_EVERYWHERE), &all);
    answer(LINK(SIGN_OUT_EVERYWHERE), LINK(SIGNED_OUT), &out);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(OK))->request_id, 5);
    say(1, 6, CLIENT(FETCH_DEVICES), &fetch);
    answer(LINK(FETCH_DEVICES), LINK(DEVICES), &devices);
    ck_assert_uint_eq(rig_last(&g, 1, SERVER(DEVICES))->request_id, 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("router_own");
    TCase *all = tcase_create("all");
    TCase *few = tcase_create("short queue");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_checked_fixture(few, setup_short_queue, teardown);
    tcase_add_test(all, typing_is_passed_on_once_in_three_seconds_and_never_answered);
    tcase_add_test(all, a_stop_goes_through_once_after_typing);
    tcase_add_test(all, typing_where_one_may_not_write_is_dropped);
    tcase_add_test(all, typing_never_eats_into_what_messages_may_cost);
    tcase_add_test(all, typing_in_many_channels_has_a_rate);
    tcase_add_test(all, typing_beyond_the_rate_is_paid_first_and_holds_nothing_back);
    tcase_add_test(all, typing_reaches_every_session_but_the_one_that_types);
    tcase_add_test(all, typing_is_dropped_before_a_slow_client_is);
    tcase_add_test(all, marks_go_to_the_homes_the_user_may_see_and_are_answered_at_once);
    tcase_add_test(all, marks_have_a_rate_of_their_own_and_a_limit);
    tcase_add_test(all, each_mark_has_its_share_of_the_rate);
    tcase_add_test(few, marks_that_a_link_has_no_room_for_are_refused);
    tcase_add_test(all, receipts_reach_the_members_behind_the_messages_they_are_of);
    tcase_add_test(all, the_receipts_of_all_are_fetched_from_the_home);
    tcase_add_test(all, a_draft_bears_the_device_that_the_router_knows);
    tcase_add_test(all, who_is_no_member_sets_nothing);
    tcase_add_test(all, what_one_device_sets_the_users_others_hear);
    tcase_add_test(all, a_list_says_what_the_user_has_set_and_his_own_receipt);
    tcase_add_test(all, a_list_says_how_many_unread_ones_are_deleted);
    tcase_add_test(all, what_is_told_before_a_channel_is_listed_is_listed);
    tcase_add_test(all, after_a_hole_in_the_users_home_all_settings_are_told_again);
    tcase_add_test(all, what_is_still_to_be_listed_is_listed_as_told_after_a_hole);
    tcase_add_test(all, the_home_hears_what_a_device_calls_itself_and_how_old_its_token_is);
    tcase_add_test(all, a_ticket_says_to_which_session_it_was_given);
    tcase_add_test(all, a_device_signed_out_on_another_router_ends_here_and_no_other);
    tcase_add_test(all, one_whose_signing_out_was_missed_ends_when_it_is_announced_anew);
    tcase_add_test(all, signing_out_is_answered_with_ok);
    suite_add_tcase(suite, all);
    suite_add_tcase(suite, few);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
