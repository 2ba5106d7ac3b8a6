/* A server that lies, fails or breaks off at any moment; memory that ends. */
#include "../support/faulty_alloc.h"
#include "base/rng.h"
#include "client/view.h"
#include "client_rig.h"

static struct rig rig;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

/* --- pages that contradict themselves --- */

static int lie;

static void spoil(struct rig *r, WireHistoryPage *page, WireMessage *last)
{
    static WirePosition head;

    (void)r;
    head = *page->head;
    page->head = &head;
    switch (lie) {
    case 0: page->head->channel_id = 12345; break;
    case 1: page->n_messages--; break;
    case 2: page->covered->to_seq += 1000; break;
    case 3: page->covered->from_seq = page->covered->to_seq + 1; break;
    case 4: last->seq++; break;
    case 5: last->channel_id++; break;
    case 6: last->message_id = 0; break;
    case 7: page->head->seq = UINT64_MAX; break;
    case 8: page->head->rev = UINT64_MAX; break;
    case 9: page->covered = NULL; break;
    case 10: page->head = NULL; break;
    case 11:
        page->covered->from_seq++;
        page->messages++;
        page->n_messages--;
        break;
    case 12: /* nothing there at all, for ever */
        page->covered->from_seq = 1;
        page->covered->to_seq = 0;
        page->n_messages = 0;
        break;
    default: break;
    }
}

static bool lying_pages(struct rig *r, const WireClientFrame *f)
{
    WireHistoryPage page = WIRE_HISTORY_PAGE__INIT;
    WireRange covered = WIRE_RANGE__INIT;
    WirePosition head;
    static WireMessage messages[200];
    static WireNonce nonces[200];
    WireMessage *pointers[200];
    struct rig_channel *ch = rig_channel(r, CH);

    if (f->body_case != WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY)
        return false;
    head = rig_head(ch);
    covered.from_seq = f->fetch_history->start_seq;
    covered.to_seq = ch->seq;
    for (uint64_t s = covered.from_seq; s <= covered.to_seq; s++) {
        rig_wire(ch, s, &messages[page.n_messages], &nonces[page.n_messages]);
        pointers[page.n_messages] = &messages[page.n_messages];
        page.n_messages++;
    }
    page.head = &head;
    page.covered = &covered;
    page.first_seq = 1;
    page.messages = pointers;
    spoil(r, &page, &messages[page.n_messages - 1]);
    RIG_SAY(r, f->request_id, HISTORY_PAGE, history_page, &page);
    return true;
}

START_TEST(a_lying_page_ends_the_link_and_is_not_believed)
{
    const struct chat_channel *view;

    lie = _i;
    rig.on_frame = lying_pages;
    rig_store_many(&rig, CH, 20);
    rig_start(&rig);
    rig_wait(&rig, 600000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_MESSAGE), 0);
    ck_assert_uint_ge(rig.closes, 1);
    ck_assert_uint_le(rig.dials, 40);
    view = client_channel(rig.core, CH);
    ck_assert_uint_eq(view->stream_seq, 0);

    rig.on_frame = NULL; /* and when it comes to its senses all is well */
    rig_wait(&rig, 120000);
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 1, 20);
}
END_TEST

START_TEST(the_wrong_kind_of_answer_ends_the_link)
{
    WireOk ok = WIRE_OK__INIT;

    rig_start(&rig);
    rig.keep_sends = true;
    rig_type(&rig, CH, "x");
    rig_turn(&rig);
    RIG_SAY(&rig, rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE)->request_id, OK, ok,
            &ok);
    rig_turn(&rig);
    ck_assert_uint_eq(rig.closes, 1);
    ck_assert_uint_eq(rig.close_code, 1002);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1);
}
END_TEST

START_TEST(bytes_that_are_no_frames_end_the_link)
{
    static const uint8_t garbage[] = {0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 1, 2, 3};

    rig_start(&rig);
    rig_bytes(&rig, garbage, sizeof(garbage));
    rig_turn(&rig);
    ck_assert_uint_eq(rig.close_code, 1002);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_BACKING_OFF);
    ck_assert(client_last_problem(rig.core)[0]);
}
END_TEST

/* In one message: a good frame, then one that cannot be decoded, or that is cut off. What has no
 * form is refused before its first frame is looked at. */
START_TEST(a_good_frame_before_a_broken_one_counts_when_the_message_has_a_form)
{
    static const uint8_t broken[][3] = {{0x0a, 1, 0x08}, {0x0a, 9, 0x08}};
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    struct frame *encoded;
    uint8_t bytes[1024];
    WireMessage m;
    WireNonce n;

    rig_start(&rig);
    rig_pull(&rig);
    rig_store_many(&rig, CH, 1);
    rig_wire(&rig.channels[0], 1, &m, &n);
    frame.body_case = WIRE_SERVER_FRAME__BODY_MESSAGE;
    frame.message = &m;
    encoded = wire_encode_server(NULL, &frame);
    memcpy(bytes, encoded->bytes, encoded->len);
    memcpy(bytes + encoded->len, broken[_i], sizeof(broken[_i]));
    rig_bytes(&rig, bytes, encoded->len + sizeof(broken[_i]));
    frame_unref(encoded);
    rig_turn(&rig);
    ck_assert_uint_eq(rig.close_code, 1002);
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_MESSAGE), _i == 0 ? 1 : 0);
    rig_wait(&rig, 120000); /* in the end it is told once either way */
    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_MESSAGE), _i == 0 ? 0 : 1);
}
END_TEST

/* --- frames of random content --- */

static uint64_t number(struct rng *rng)
{
    static const uint64_t odd[] = {0, 1, 2, 3, CH, ME, BOB, 5, UINT64_MAX, INT64_MAX, 1u << 31};

    return rng_below(rng, 3) ? odd[rng_below(rng, sizeof(odd) / sizeof(odd[0]))]
                             : rng_below(rng, 300);
}

static void random_position(struct rng *rng, WirePosition *p)
{
    wire_position__init(p);
    p->channel_id = rng_below(rng, 4) ? CH : number(rng);
    p->epoch = (uint32_t)rng_below(rng, 3);
    p->seq = number(rng);
    p->message_id = number(rng);
    p->rev = number(rng);
}

/* It stands until the next one. */
static void random_lists(struct rng *rng, WireMessage *m)
{
    static WireReaction reaction, *reactions[1] = {&reaction};
    static uint64_t ids[3];

    for (size_t i = 0; i < 3; i++)
        ids[i] = rng_below(rng, 2) ? ME : number(rng);
    wire_reaction__init(&reaction);
    reaction.emoji = (char *)(uintptr_t)(rng_below(rng, 9) ? "+1" : "");
    reaction.user_ids = ids;
    reaction.n_user_ids = (size_t)rng_below(rng, 4);
    m->reactions = reactions;
    m->n_reactions = rng_below(rng, 3) == 0;
    m->mention_ids = ids;
    m->n_mention_ids = (size_t)rng_below(rng, 4);
}

static void random_message(struct rng *rng, WireMessage *m, WireNonce *n)
{
    wire_message__init(m);
    if (rng_below(rng, 2))
        random_lists(rng, m);
    wire_nonce__init(n);
    n->device_id = number(rng);
    n->counter = number(rng);
    m->channel_id = rng_below(rng, 4) ? CH : number(rng);
    m->seq = number(rng);
    m->message_id = number(rng);
    m->author_id = rng_below(rng, 2) ? ME : number(rng);
    m->sent_at_ms = (int64_t)number(rng);
    m->nonce = rng_below(rng, 5) ? n : NULL;
    m->text = (char *)"text";
    m->rev = number(rng);
    m->deleted = rng_below(rng, 2) == 1;
}

static void random_frame(struct rig *r, struct rng *rng, uint32_t id)
{
    WireServerFrame f = WIRE_SERVER_FRAME__INIT;
    WireMessage m, *messages = &m;
    WireNonce n;
    WirePosition pos, *positions = &pos;
    WireRange range = WIRE_RANGE__INIT;
    WireSent sent = WIRE_SENT__INIT;
    WireCursor cursor = WIRE_CURSOR__INIT;
    WireAltered altered = WIRE_ALTERED__INIT;
    WireHeartbeatAck ack = WIRE_HEARTBEAT_ACK__INIT;
    WireHistoryPage page = WIRE_HISTORY_PAGE__INIT;
    WireChangesPage changes = WIRE_CHANGES_PAGE__INIT;
    WireChannel channel = WIRE_CHANNEL__INIT, *channels = &channel;
    WireChannelList list = WIRE_CHANNEL_LIST__INIT;
    WireChannelRemoved removed = WIRE_CHANNEL_REMOVED__INIT;
    WireMemberChanged member = WIRE_MEMBER_CHANGED__INIT;
    WireOpened opened = WIRE_OPENED__INIT;
    WireMentions mentions = WIRE_MENTIONS__INIT;

    random_message(rng, &m, &n);
    random_position(rng, &pos);
    range.from_seq = number(rng);
    range.to_seq = number(rng);
    switch (rng_below(rng, 14)) {
    case 0: f.body_case = WIRE_SERVER_FRAME__BODY_MESSAGE, f.message = &m; break;
    case 1: f.body_case = WIRE_SERVER_FRAME__BODY_CHANGED, f.changed = &m; break;
    case 2:
        sent.channel_id = CH, sent.seq = number(rng), sent.message_id = number(rng);
        f.body_case = WIRE_SERVER_FRAME__BODY_SENT, f.sent = &sent;
        break;
    case 3:
        cursor.channel_id = CH, cursor.read_seq = number(rng);
        f.body_case = WIRE_SERVER_FRAME__BODY_CURSOR, f.cursor = &cursor;
        break;
    case 4:
        ack.heads = &positions, ack.n_heads = 1;
        f.body_case = WIRE_SERVER_FRAME__BODY_HEARTBEAT_ACK, f.heartbeat_ack = &ack;
        break;
    case 5:
    case 6:
        page.head = rng_below(rng, 9) ? &pos : NULL;
        page.covered = rng_below(rng, 9) ? &range : NULL;
        page.first_seq = number(rng);
        page.messages = &messages, page.n_messages = rng_below(rng, 2) == 1;
        f.body_case = WIRE_SERVER_FRAME__BODY_HISTORY_PAGE, f.history_page = &page;
        break;
    case 7:
        changes.head = rng_below(rng, 9) ? &pos : NULL;
        changes.covered_to_rev = number(rng), changes.too_many = rng_below(rng, 2) == 1;
        changes.messages = &messages, changes.n_messages = rng_below(rng, 2) == 1;
        f.body_case = WIRE_SERVER_FRAME__BODY_CHANGES_PAGE, f.changes_page = &changes;
        break;
    case 8:
        altered.channel_id = CH, altered.seq = number(rng), altered.rev = number(rng);
        f.body_case = WIRE_SERVER_FRAME__BODY_ALTERED, f.altered = &altered;
        break;
    case 9:
        channel.head = rng_below(rng, 9) ? &pos : NULL;
        channel.home_id = number(rng), channel.first_seq = number(rng);
        channel.read_seq = number(rng);
        list.channels = &channels, list.n_channels = 1, list.complete = rng_below(rng, 2) == 1;
        f.body_case = WIRE_SERVER_FRAME__BODY_CHANNEL_LIST, f.channel_list = &list;
        break;
    case 10:
        removed.channel_id = rng_below(rng, 3) ? number(rng) : CH;
        f.body_case = WIRE_SERVER_FRAME__BODY_CHANNEL_REMOVED, f.channel_removed = &removed;
        break;
    case 12:
        mentions.channel_id = CH, mentions.count = (uint32_t)number(rng);
        f.body_case = WIRE_SERVER_FRAME__BODY_MENTIONS, f.mentions = &mentions;
        break;
    case 11:
        member.home_id = CH;
        f.body_case = WIRE_SERVER_FRAME__BODY_MEMBER_CHANGED, f.member_changed = &member;
        break;
    default: f.body_case = WIRE_SERVER_FRAME__BODY_OPENED, f.opened = &opened; break;
    }
    rig_say(r, id, &f);
}

static struct rng hostile_rng;

static bool answer_at_random(struct rig *r, const WireClientFrame *f)
{
    if (f->body_case == WIRE_CLIENT_FRAME__BODY_HELLO || rng_below(&hostile_rng, 3) == 0)
        return false;
    random_frame(r, &hostile_rng, f->request_id);
    return true;
}

/* Something is done to what waits in the outbox, whatever it is. */
static void change_some(struct rig *r)
{
    uint32_t count = client_outgoing_count(r->core);
    struct chat_content content = rig_content("z", 1);
    const struct chat_outgoing *out;
    struct chat_nonce nonce;

    if (count == 0 || !client_outgoing(r->core, (uint32_t)rng_below(&hostile_rng, count), &out))
        return;
    nonce = out->nonce;
    switch (rng_below(&hostile_rng, 5)) {
    case 0: (void)client_edit_outgoing(r->core, &nonce, &content, NULL); break;
    case 1: (void)client_delete_outgoing(r->core, &nonce, NULL); break;
    case 2: (void)client_react_outgoing(r->core, &nonce, "+1", 2, false, NULL); break;
    case 3: (void)client_discard(r->core, &nonce); break;
    default: (void)client_resend(r->core, &nonce, NULL); break;
    }
}

/* Whatever is shown of it, the diffs end, and fit what was shown. */
static void look_at(chat_view *view, uint32_t *count)
{
    struct chat_diff diff = CHAT_DIFF_INIT;
    uint32_t pulled = 0;

    while (view_next_diff(view, &diff)) {
        ck_assert_uint_lt(++pulled, 10000);
        if (diff.type == CHAT_DIFF_RESET)
            *count = 0;
        else if (diff.type == CHAT_DIFF_INSERT)
            ck_assert_uint_le(diff.index, (*count)++);
        else if (diff.type != CHAT_DIFF_STATUS)
            ck_assert_uint_lt(diff.index, *count);
        if (diff.type == CHAT_DIFF_REMOVE)
            --*count;
    }
    ck_assert_uint_eq(chat_view_get_count(view), *count);
}

START_TEST(random_frames_never_crash_hang_or_grow)
{
    static struct faulty_alloc alloc;
    const struct chat_view_config config = {.size = sizeof(config), .rows = 20, .rows_max = 50};
    uint32_t listed = 0, shown = 0;
    chat_view *list, *window;
    uint64_t ticket;

    faulty_alloc_init(&alloc);
    rig.config.allocator = &alloc.allocator;
    rng_seed(&hostile_rng, (uint64_t)_i + 1);
    rig.on_frame = answer_at_random;
    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    ck_assert_int_eq(view_open_channels(rig.core, &config, NULL, &list), CHAT_OK);
    ck_assert_int_eq(view_open_messages(rig.core, CH, &config, NULL, &window), CHAT_OK);
    for (int step = 0; step < 300; step++) {
        if (rng_below(&hostile_rng, 4) == 0)
            look_at(list, &listed);
        if (rng_below(&hostile_rng, 4) == 0)
            look_at(window, &shown);
        if (rng_below(&hostile_rng, 8) == 0)
            (void)view_jump_to(window, 1 + rng_below(&hostile_rng, 2000));
        if (rng_below(&hostile_rng, 8) == 0)
            (void)view_load_older(window, 10);
        if (rng_below(&hostile_rng, 4) == 0)
            (void)rig_try_send(&rig, CH, "x", 1, NULL);
        if (rng_below(&hostile_rng, 8) == 0)
            (void)rig_try_edit(&rig, CH, 1, "y");
        if (rng_below(&hostile_rng, 8) == 0)
            (void)client_fetch_history(rig.core, CH, 3, 9, rng_below(&hostile_rng, 2), &ticket);
        if (rng_below(&hostile_rng, 8) == 0)
            (void)client_fetch_around(rig.core, CH, rng_below(&hostile_rng, 9), 9, &ticket);
        if (rng_below(&hostile_rng, 8) == 0)
            (void)client_find_message(rig.core, CH, 100000 + rng_below(&hostile_rng, 90), 9,
                                      &ticket);
        if (rng_below(&hostile_rng, 8) == 0)
            (void)client_react(rig.core, CH, 1, "+1", 2, rng_below(&hostile_rng, 2), NULL);
        if (rng_below(&hostile_rng, 4) == 0)
            change_some(&rig);
        random_frame(&rig, &hostile_rng, (uint32_t)rng_below(&hostile_rng, 20));
        rig_wait(&rig, (int64_t)rng_below(&hostile_rng, 3000));
        rig.heard_count = 0;
        if (rng_below(&hostile_rng, 10) == 0)
            rig_pull(&rig);
    }
    ck_assert_uint_le(alloc.live, 5000);
    rig_crash(&rig);
    ck_assert_uint_eq(alloc.live, 0);
}
END_TEST

/* --- links that break at any moment --- */

static bool cut_now(struct rig *r, const WireClientFrame *f)
{
    uint64_t dice = rng_below(&hostile_rng, 12);

    if (f->body_case == WIRE_CLIENT_FRAME__BODY_HELLO || dice > 2)
        return false;
    if (dice == 0) { /* done, but nobody hears of it */
        if (f->body_case == WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE) {
            r->lose_acks = true;
            rig_answer(r, f);
            r->lose_acks = false;
        }
        rig_cut(r, 1006);
    } else if (dice == 1) {
        rig_cut(r, 1006);
    } else {
        rig_problem(r, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_UNAVAILABLE,
                    WIRE_RETRY__RETRY_LATER, (uint32_t)rng_below(&hostile_rng, 500));
    }
    return true;
}

static void happen(struct rig *r)
{
    uint64_t seq;

    switch (rng_below(&hostile_rng, 8)) {
    case 0:
    case 1: (void)rig_type(r, CH, "mine"); break;
    case 2: /* said, but not published */
        rig_store_many(r, CH, 1 + rng_below(&hostile_rng, 3));
        break;
    case 3:
        seq = rig_store_many(r, CH, 1);
        rig_publish(r, CH, seq, false);
        break;
    case 4:
        if (r->channels[0].seq) {
            seq = 1 + rng_below(&hostile_rng, r->channels[0].seq);
            rig_alter(r, CH, seq, "altered");
            if (rng_below(&hostile_rng, 2))
                rig_publish(r, CH, seq, true);
        }
        break;
    case 5:
        if (r->link)
            rig_cut(r, 1006);
        break;
    case 6:
        if (r->channels[0].seq) /* again, and out of order */
            rig_publish(r, CH, 1 + rng_below(&hostile_rng, r->channels[0].seq), false);
        break;
    default: break;
    }
}

static uint64_t streamed; /* the last seq told, over restarts */

static void pull_and_check(struct rig *r)
{
    rig_pull(r);
    for (size_t i = 0; i < r->seen_count; i++) {
        ck_assert_int_ne(r->seen[i].type, CHAT_EVENT_CHANNEL_RESET);
        ck_assert_int_ne(r->seen[i].type, CHAT_EVENT_GAP);
        if (r->seen[i].type == CHAT_EVENT_MESSAGE)
            ck_assert_uint_eq(r->seen[i].seq, ++streamed);
    }
}

START_TEST(whatever_breaks_everything_arrives_once_in_order_and_current)
{
    struct rig_channel *ch = &rig.channels[0];
    uint64_t typed = 0, own = 0;
    char path[32];
    chat_page *page = NULL;

    snprintf(path, sizeof(path), "client_chaos_%d.db", _i);
    remove(path);
    streamed = 0;
    rng_seed(&hostile_rng, (uint64_t)_i + 100);
    rig.config.cache_path = path;
    rig.config.seed = (uint64_t)_i;
    rig_start(&rig);
    rig.on_frame = cut_now;
    rig.ack_last = _i % 2;
    for (int step = 0; step < 150; step++) {
        happen(&rig);
        rig_wait(&rig, (int64_t)rng_below(&hostile_rng, 400));
        rig.heard_count = 0;
        if (rng_below(&hostile_rng, 4) == 0)
            pull_and_check(&rig);
        if (rng_below(&hostile_rng, 30) == 0) {
            pull_and_check(&rig);
            rig_crash(&rig);
            rig.config.seed += 1000;
            rig_open(&rig);
            rig_start(&rig);
        }
    }
    rig.on_frame = NULL;
    rig_wait(&rig, 200000);
    pull_and_check(&rig);

    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_uint_eq(streamed, ch->seq);
    for (uint64_t s = 1; s <= ch->seq; s++) {
        ck_assert_int_eq(client_read(rig.core, CH, s, 1, false, &page), CHAT_OK);
        ck_assert_uint_eq(chat_page_get_count(page), 1);
        ck_assert_str_eq(chat_page_get_message(page, 0)->text, ch->messages[s].text);
        ck_assert_uint_eq(chat_page_get_message(page, 0)->rev, ch->messages[s].rev);
        chat_page_free(page);
        if (ch->messages[s].author == ME) {
            ck_assert_uint_gt(ch->messages[s].counter, own); /* in the order of typing */
            own = ch->messages[s].counter;
            typed++;
        }
    }
    ck_assert_uint_gt(typed, 0);
    rig_crash(&rig);
    remove(path);
}
END_TEST

/* --- memory that ends --- */

START_TEST(memory_that_ends_at_any_point_loses_nothing)
{
    static struct faulty_alloc alloc;
    uint64_t ticket;

    rng_seed(&hostile_rng, (uint64_t)_i + 300);
    for (size_t n = (size_t)_i; n < 600; n += 8) {
        struct rig *r = &rig;
        chat_status status;

        faulty_alloc_init(&alloc);
        rig.config.allocator = &alloc.allocator;
        faulty_alloc_fail_after(&alloc, n);
        status = client_new(&r->config, &r->core);
        if (status != CHAT_OK) {
            ck_assert_int_eq(status, CHAT_E_NOMEM);
            ck_assert_uint_eq(alloc.live, 0);
            r->core = NULL;
            continue;
        }
        r->m = client_machine(r->core);
        ck_assert_int_eq(client_start(r->core), CHAT_OK);
        rig_store_many(r, CH, 3);
        rig_wait(r, 100);
        (void)rig_try_send(r, CH, "x", 1, NULL);
        change_some(r);
        (void)client_fetch_history(r->core, CH, 0, 5, true, &ticket);
        (void)client_fetch_around(r->core, CH, 2, 3, &ticket);
        rig_wait(r, 100);
        rig_pull(r);
        alloc.allowed = FAULTY_ALLOC_NEVER;
        if (client_state(r->core) == CHAT_CONN_CLOSED)
            (void)client_start(r->core);
        rig_wait(r, 300000);
        rig_pull(r);
        ck_assert_int_eq(client_state(r->core), CHAT_CONN_LIVE);
        ck_assert_uint_eq(client_channel(r->core, CH)->stream_seq, r->channels[0].seq);
        ck_assert_uint_eq(client_outgoing_count(r->core), 0);
        rig_crash(r);
        r->heard_count = 0;
        r->channels[0].seq = 0;
        ck_assert_uint_eq(alloc.live, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_hostile");
    TCase *lies = tcase_create("lies"), *random = tcase_create("random");
    TCase *breaks = tcase_create("breaks"), *memory = tcase_create("memory");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(lies, setup, teardown);
    tcase_add_loop_test(lies, a_lying_page_ends_the_link_and_is_not_believed, 0, 13);
    tcase_add_loop_test(lies, a_good_frame_before_a_broken_one_counts_when_the_message_has_a_form,
                        0, 2);
    tcase_add_test(lies, the_wrong_kind_of_answer_ends_the_link);
    tcase_add_test(lies, bytes_that_are_no_frames_end_the_link);
    suite_add_tcase(suite, lies);
    tcase_add_checked_fixture(random, setup, teardown);
    tcase_set_timeout(random, 60);
    tcase_add_loop_test(random, random_frames_never_crash_hang_or_grow, 0, 20);
    suite_add_tcase(suite, random);
    tcase_add_checked_fixture(breaks, setup, teardown);
    tcase_set_timeout(breaks, 60);
    tcase_add_loop_test(breaks, whatever_breaks_everything_arrives_once_in_order_and_current, 0,
                        30);
    suite_add_tcase(suite, breaks);
    tcase_add_checked_fixture(memory, setup, teardown);
    tcase_set_timeout(memory, 60);
    tcase_add_loop_test(memory, memory_that_ends_at_any_point_loses_nothing, 0, 8);
    suite_add_tcase(suite, memory);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
