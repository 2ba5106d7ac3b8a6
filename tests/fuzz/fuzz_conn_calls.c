/*
 * The public calls in any order over a transport that does anything it may: two conns on a
 * loop, calls between an event and its use, after stop and suspend, conns freed with links
 * open, views at any moment. The input is steps: a byte for the call, then its arguments; what
 * the network does is read from it within pump(). An input that begins with 0xff finds conn 0
 * live, with some messages in a channel: by chance few inputs come so far.
 */
#include <libchat/libchat.h>

#include "fuzz_input.h"
#include "fuzz_pane.h"
#include "wire/wire.h"

#define CONNS 2u
#define LINKS 4u
#define STEPS_MAX 300u
#define PULLS_MAX 2000u

enum link_state { LINK_FREE, LINK_CONNECTING, LINK_OPEN, LINK_CLOSING };

struct net_link {
    enum link_state state;
    uint64_t number;
    bool blocked;
    uint32_t asked; /* the last request */
    WireClientFrame__BodyCase asked_what;
    uint64_t asked_channel; /* of a message */
};

struct world {
    struct input in;
    struct chat_transport transport;
    struct chat_transport_sink sink;
    struct net_link links[LINKS];
    bool pumping;
    uint64_t last_number;
    int64_t now_ms;
    struct arena arena;
    chat_loop *loop;
    chat_conn *conns[CONNS];
    struct chat_event held[CONNS]; /* borrowed until the next pull */
    bool holds[CONNS];
    struct chat_nonce nonce;
    uint64_t head; /* of channel 1, as the server that means well has it */
    bool means_well;
};

static struct world w;
static struct pane lists[CONNS], windows[CONNS];

/* --- the transport --- */

static struct net_link *link_of(uint64_t number)
{
    for (uint32_t i = 0; i < LINKS; i++)
        if (w.links[i].state != LINK_FREE && w.links[i].number == number)
            return &w.links[i];
    return NULL;
}

static chat_status net_start(void *self, const struct chat_transport_sink *sink)
{
    (void)self;
    w.sink = *sink;
    return CHAT_OK;
}

static chat_status net_connect(void *self, uint64_t number, const struct chat_connect *to)
{
    (void)self;
    FUZZ_CHECK(!w.pumping && number > w.last_number && to->url[0] && to->timeout_ms > 0);
    w.last_number = number;
    if (!w.means_well && input_below(&w.in, 16) == 15)
        return CHAT_E_NOMEM;
    for (uint32_t i = 0; i < LINKS; i++) {
        if (w.links[i].state != LINK_FREE)
            continue;
        w.links[i] = (struct net_link){.state = LINK_CONNECTING, .number = number};
        return CHAT_OK;
    }
    return CHAT_E_FULL;
}

static void note_asked(struct net_link *l, const WireClientFrame *frame)
{
    if (!frame->request_id)
        return;
    l->asked = frame->request_id;
    l->asked_what = frame->body_case;
    if (frame->body_case == WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE)
        l->asked_channel = frame->send_message->channel_id;
}

static chat_status net_send(void *self, uint64_t number, const struct chat_buffer *buffers,
                            size_t count, bool *out_blocked)
{
    static uint8_t bytes[CHAT_CLIENT_MESSAGE_MAX];
    struct net_link *l = link_of(number);
    WireClientBatch *batch;
    struct wire_fault fault;
    struct arena arena;
    size_t len = 0;

    (void)self;
    FUZZ_CHECK(!w.pumping && l && !l->blocked && count > 0);
    if (l->state != LINK_OPEN)
        return CHAT_E_STATE;
    for (size_t i = 0; i < count; i++) {
        FUZZ_CHECK(len + buffers[i].len <= sizeof(bytes));
        memcpy(bytes + len, buffers[i].bytes, buffers[i].len);
        len += buffers[i].len;
    }
    arena_init(&arena, NULL, 4u << 20);
    FUZZ_CHECK(wire_decode_client(bytes, len, &arena, &batch, &fault) == CHAT_OK);
    for (size_t i = 0; i < batch->n_frames; i++)
        note_asked(l, batch->frames[i]);
    arena_fini(&arena);
    if (w.means_well)
        return CHAT_OK;
    switch (input_below(&w.in, 16)) {
    case 13: l->blocked = *out_blocked = true; return CHAT_OK;
    case 14: return CHAT_E_NETWORK;
    case 15: return CHAT_E_NOMEM;
    default: *out_blocked = false; return CHAT_OK;
    }
}

static void net_close(void *self, uint64_t number, uint16_t code, const char *reason, size_t len)
{
    struct net_link *l = link_of(number);

    (void)self, (void)code;
    FUZZ_CHECK(!w.pumping && (reason || !len) && len <= CHAT_CLOSE_REASON_MAX);
    if (l)
        l->state = LINK_CLOSING;
}

static void say(struct net_link *l, WireServerFrame *frame, uint32_t request_id)
{
    struct frame *encoded;

    frame->request_id = request_id;
    encoded = wire_encode_server(NULL, frame);
    FUZZ_CHECK(encoded);
    w.sink.on_message(l->number, encoded->bytes, encoded->len, w.sink.user);
    frame_unref(encoded);
    arena_reset(&w.arena);
}

static void welcome(struct net_link *l)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireWelcome hello = WIRE_WELCOME__INIT;
    WireChannelList list = WIRE_CHANNEL_LIST__INIT;
    WireChannel channel = WIRE_CHANNEL__INIT, *pointer = &channel;
    WirePosition head = WIRE_POSITION__INIT;

    hello.service_id = 7;
    hello.user_id = 1;
    frame.body_case = WIRE_SERVER_FRAME__BODY_WELCOME;
    frame.welcome = &hello;
    say(l, &frame, l->asked);
    head.channel_id = 1;
    head.epoch = 1;
    head.seq = w.head;
    head.message_id = w.head * 10;
    channel.first_seq = 1;
    channel.head = &head;
    channel.home_id = 1;
    channel.permissions = 7;
    list.channels = &pointer;
    list.n_channels = 1;
    list.complete = true;
    frame.body_case = WIRE_SERVER_FRAME__BODY_CHANNEL_LIST;
    frame.channel_list = &list;
    say(l, &frame, 0);
}

/* The next message of channel 1. */
static void talk(struct net_link *l)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireMessage m = WIRE_MESSAGE__INIT;
    WireNonce nonce = WIRE_NONCE__INIT;

    w.head++;
    nonce.device_id = 99;
    nonce.counter = w.head;
    m.channel_id = 1;
    m.seq = w.head;
    m.message_id = w.head * 10;
    m.author_id = 2;
    m.sent_at_ms = w.now_ms;
    m.nonce = &nonce;
    m.text = "talk";
    frame.body_case = WIRE_SERVER_FRAME__BODY_MESSAGE;
    frame.message = &m;
    say(l, &frame, 0);
}

/* What was asked last is done, or is denied. */
static void answer(struct net_link *l, bool denied)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireSent sent = WIRE_SENT__INIT;
    WireOk ok = WIRE_OK__INIT;
    WireProblem problem = WIRE_PROBLEM__INIT;

    frame.body_case = WIRE_SERVER_FRAME__BODY_OK;
    frame.ok = &ok;
    if (denied) {
        problem.code = (WireProblemCode)input_below(&w.in, 24);
        frame.body_case = WIRE_SERVER_FRAME__BODY_PROBLEM;
        frame.problem = &problem;
    } else if (l->asked_what == WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE) {
        sent.channel_id = l->asked_channel;
        sent.seq = ++w.head;
        sent.message_id = w.head * 10;
        sent.epoch = 1;
        frame.body_case = WIRE_SERVER_FRAME__BODY_SENT;
        frame.sent = &sent;
    }
    say(l, &frame, l->asked);
}

static void some_frame(struct net_link *l)
{
    const ProtobufCMessageDescriptor *type = &wire_server_frame__descriptor;
    uint32_t id = input_below(&w.in, 2) ? l->asked : (uint32_t)input_number(&w.in);
    uint32_t member = input_member(&w.in, type);

    say(l, (WireServerFrame *)input_message(&w.in, type, member, &w.arena), id);
}

static void end_link(struct net_link *l)
{
    uint64_t number = l->number;
    chat_status status = -(chat_status)input_below(&w.in, 8);

    l->state = LINK_FREE;
    w.sink.on_closed(number, status, (uint16_t)(1000 + input_byte(&w.in)), "why", 3, w.sink.user);
}

static void net_happens(void)
{
    struct net_link *l = &w.links[input_below(&w.in, LINKS)];
    uint64_t what = input_below(&w.in, 16);

    if (l->state == LINK_FREE)
        return;
    if (l->state == LINK_CLOSING || what == 7) {
        end_link(l);
    } else if (l->state == LINK_CONNECTING) {
        l->state = LINK_OPEN;
        w.sink.on_opened(l->number, w.sink.user);
    } else if (what < 2) {
        welcome(l);
    } else if (what < 5) {
        some_frame(l);
    } else if (what >= 8) {
        if (what < 12)
            talk(l);
        else
            answer(l, what == 15);
    } else if (what == 5) {
        w.sink.on_message(l->number, w.in.bytes, w.in.len % 64, w.sink.user);
    } else if (l->blocked) {
        l->blocked = false;
        w.sink.on_drained(l->number, w.sink.user);
    }
}

static void net_means_well(void)
{
    struct net_link *l = &w.links[0];

    if (l->state == LINK_OPEN && l->asked_what == WIRE_CLIENT_FRAME__BODY_HELLO) {
        welcome(l);
        for (uint32_t i = 0; i < 9; i++)
            talk(l);
        l->asked_what = WIRE_CLIENT_FRAME__BODY__NOT_SET;
    } else if (l->state == LINK_CONNECTING) {
        l->state = LINK_OPEN;
        w.sink.on_opened(l->number, w.sink.user);
    }
}

static chat_status net_pump(void *self, int64_t timeout_ms)
{
    (void)self;
    w.pumping = true;
    if (w.means_well)
        net_means_well();
    for (uint64_t i = input_below(&w.in, 6); i > 0; i--)
        net_happens();
    w.pumping = false;
    if (timeout_ms > 0)
        w.now_ms += timeout_ms;
    return input_below(&w.in, 64) == 63 ? CHAT_E_NETWORK : CHAT_OK;
}

static int net_fd(void *self)
{
    (void)self;
    return -1;
}

static int64_t net_deadline(void *self)
{
    (void)self;
    return CHAT_DEADLINE_NEVER;
}

static void net_wake(void *self) { (void)self; }

static void net_now(void *self, int64_t *out_mono_ms, int64_t *out_wall_ms)
{
    (void)self;
    *out_mono_ms = w.now_ms;
    *out_wall_ms = INT64_C(1700000000000) + w.now_ms;
}

static chat_status net_random(void *self, uint8_t *bytes, size_t len)
{
    (void)self;
    memset(bytes, 1 + input_byte(&w.in), len);
    return input_below(&w.in, 32) == 31 ? CHAT_E_IO : CHAT_OK;
}

/* --- calls --- */

static void make_loop(void)
{
    struct chat_loop_config config;

    w.transport = (struct chat_transport){
        .size = sizeof(w.transport),
        .start = net_start,
        .connect = net_connect,
        .send = net_send,
        .close = net_close,
        .pump = net_pump,
        .get_fd = net_fd,
        .get_deadline_ms = net_deadline,
        .wake = net_wake,
        .now = net_now,
        .random = net_random,
    };
    chat_loop_config_init(&config);
    config.transport = &w.transport;
    FUZZ_CHECK(chat_loop_new(&config, &w.loop) == CHAT_OK);
}

/* --- views --- */

static chat_status open_view(void *of, uint64_t channel_id, const struct chat_view_config *config,
                             chat_view **out_view)
{
    if (channel_id)
        return chat_view_open_messages(of, channel_id, config, out_view);
    return chat_view_open_channels(of, config, out_view);
}

static const struct pane_calls view_calls = {
    .open = open_view,
    .free = chat_view_free,
    .next = chat_view_next_diff,
    .get_row = chat_view_get_row,
    .get_status = chat_view_get_status,
    .older = chat_view_load_older,
    .newer = chat_view_load_newer,
    .jump = chat_view_jump_to,
    .jump_to_latest = chat_view_jump_to_latest,
    .set_visible = chat_view_set_visible,
    .mark_read = chat_view_mark_read,
};

static void view_call(uint32_t at)
{
    const bool list = input_below(&w.in, 2) == 0;

    pane_act(list ? &lists[at] : &windows[at], &w.in, list, true);
}

static void forget_views(uint32_t at)
{
    lists[at].calls = windows[at].calls = &view_calls;
    lists[at].of = windows[at].of = w.conns[at];
    pane_forget(&lists[at]);
    pane_forget(&windows[at]);
}

/* --- life --- */

static void free_conn(uint32_t at)
{
    chat_conn_free(w.conns[at]);
    w.conns[at] = NULL;
    w.holds[at] = false;
    forget_views(at);
}

static void new_conn(uint32_t at)
{
    struct chat_conn_config config;
    uint8_t flags = input_byte(&w.in);

    chat_conn_config_init(&config);
    config.url = "wss://chat.invalid/";
    config.token = flags & 1 ? "token" : NULL;
    config.events_max = flags & 2 ? 4 : 1024;
    config.outbox_max = flags & 4 ? 3 : 100;
    config.requests_max = flags & 8 ? 2 : 64;
    config.presence =
        (chat_presence_state)(flags < 0xe0 ? CHAT_PRESENCE_IDLE + (flags >> 5) % 4 : 0);
    if (chat_conn_new(w.loop, &config, &w.conns[at]) != CHAT_OK)
        FUZZ_CHECK(!w.conns[at]);
    forget_views(at);
}

/* Every byte that an event lends must be there for as long as it says. */
static void use_held(uint32_t at)
{
    const struct chat_event *e = &w.held[at];
    size_t sum = 0;

    if (!w.holds[at])
        return;
    if (e->message)
        sum += strlen(e->message->text) + (e->message->extra_len ? e->message->extra[0] : 0);
    if (e->channel)
        sum += strlen(e->channel->name);
    if (e->outgoing)
        sum += strlen(e->outgoing->text);
    for (size_t i = 0; i < e->users_count; i++)
        sum += strlen(e->users[i]->name);
    for (size_t i = 0; i < e->members_count; i++)
        sum += (size_t)e->members[i]->user_id;
    for (size_t i = 0; e->page && i < chat_page_get_count(e->page); i++)
        sum += strlen(chat_page_get_message(e->page, i)->text);
    if (e->presence)
        sum += (size_t)e->presence->user_id;
    if (e->rule)
        sum += strlen(e->rule);
    FUZZ_CHECK(sum != 1 || sum == 1); /* read */
}

static void pull(uint32_t at)
{
    for (uint32_t i = 1 + input_byte(&w.in) % 16u; i > 0; i--) {
        w.held[at] = (struct chat_event)CHAT_EVENT_INIT;
        w.holds[at] = chat_conn_next_event(w.conns[at], &w.held[at]);
        if (!w.holds[at])
            return;
        FUZZ_CHECK(strcmp(chat_event_type_name(w.held[at].type), "unknown") != 0);
        use_held(at);
        if (w.held[at].type == CHAT_EVENT_VIEW) {
            struct pane *p = w.held[at].view == lists[at].view ? &lists[at] : &windows[at];

            FUZZ_CHECK(w.held[at].view == p->view);
            pane_ready(p, true);
        }
    }
}

static void write_call(chat_conn *conn)
{
    uint64_t channel_id = input_number(&w.in), seq = input_number(&w.in);
    size_t len;
    char *text = input_text(&w.in, &w.arena, &len);
    struct chat_content content = CHAT_CONTENT_INIT;

    content.text = text;
    content.text_len = len;
    content.reply_to_seq = seq;
    content.mention_ids = &seq;
    content.mentions_count = len % 2;
    switch (input_below(&w.in, 10)) {
    case 0:
    case 1: (void)(chat_conn_send(conn, channel_id, &content, &w.nonce) == CHAT_OK); break;
    case 2:
        content.extra = (uint8_t *)text;
        content.extra_len = len % 5;
        (void)(chat_conn_edit(conn, channel_id, seq, &content, &w.nonce) == CHAT_OK);
        break;
    case 6:
        (void)(chat_conn_react(conn, channel_id, seq, text, len, seq % 2, &w.nonce) == CHAT_OK);
        break;
    case 7: (void)(chat_conn_edit_outgoing(conn, &w.nonce, &content, &w.nonce) == CHAT_OK); break;
    case 8: (void)(chat_conn_set_draft(conn, channel_id, text, len, seq) == CHAT_OK); break;
    case 3: (void)(chat_conn_delete(conn, channel_id, seq, NULL) == CHAT_OK); break;
    case 4: (void)chat_conn_mark_read(conn, channel_id, seq); break;
    case 5: (void)(chat_conn_resend(conn, &w.nonce, &w.nonce) == CHAT_OK); break;
    default: (void)chat_conn_discard(conn, &w.nonce); break;
    }
    arena_reset(&w.arena);
}

static void read_call(chat_conn *conn)
{
    const struct chat_outgoing *outgoing = NULL;
    const struct chat_channel *ch;
    chat_page *page = NULL;
    uint64_t id = 0;

    while ((ch = chat_conn_next_channel(conn, id)) != NULL)
        id = ch->channel_id;
    if (chat_conn_get_outgoing(conn, (uint32_t)input_below(&w.in, 6), &outgoing))
        w.nonce = outgoing->nonce;
    (void)chat_conn_get_user(conn, input_number(&w.in));
    (void)chat_conn_get_channel(conn, input_number(&w.in));
    FUZZ_CHECK(chat_conn_last_problem(conn) && chat_conn_get_user_name(conn));
    (void)chat_conn_get_user_id(conn);
    if (chat_conn_read_messages(conn, input_number(&w.in), input_number(&w.in),
                                (uint32_t)input_number(&w.in), input_below(&w.in, 2),
                                &page) == CHAT_OK)
        chat_page_free(page);
}

static void ask_call(chat_conn *conn)
{
    uint64_t ids[4] = {input_number(&w.in), input_number(&w.in), 1, 2}, ticket = 0;
    uint32_t number = (uint32_t)input_number(&w.in);
    size_t len;
    char *text = input_text(&w.in, &w.arena, &len);
    chat_status status = CHAT_E_INVALID;

    switch (input_below(&w.in, 8)) {
    case 0: status = chat_conn_fetch_history(conn, ids[0], ids[1], number, len & 1, &ticket); break;
    case 1: status = chat_conn_fetch_users(conn, ids, len % 5, &ticket); break;
    case 2: status = chat_conn_find_user(conn, text, len, &ticket); break;
    case 3: status = chat_conn_fetch_members(conn, ids[0], ids[1], number, &ticket); break;
    case 4: status = chat_conn_open_direct(conn, ids[0], &ticket); break;
    case 5: status = chat_conn_create_group(conn, text, len, ids, len % 5, &ticket); break;
    case 6: status = chat_conn_set_member(conn, ids[0], ids[1], number, &ticket); break;
    default:
        (void)chat_conn_watch_presence(conn, ids, len % 5);
        (void)chat_conn_set_presence(conn, (chat_presence_state)(number % 9));
        chat_conn_set_active(conn);
        break;
    }
    FUZZ_CHECK((status == CHAT_OK) == (ticket != 0));
    arena_reset(&w.arena);
}

static void life_call(chat_conn *conn)
{
    size_t len;
    char *text = input_text(&w.in, &w.arena, &len);

    switch (input_below(&w.in, 8)) {
    case 0:
    case 1: (void)chat_conn_start(conn); break;
    case 2: chat_conn_stop(conn); break;
    case 3: chat_conn_suspend(conn); break;
    case 4: chat_conn_resume(conn); break;
    case 5: chat_conn_network_changed(conn); break;
    case 6: (void)chat_conn_set_token(conn, text, len); break;
    default: (void)chat_conn_flush(conn); break;
    }
    arena_reset(&w.arena);
}

static void loop_call(void)
{
    if (input_below(&w.in, 16) == 15) {
        for (uint32_t i = 0; i < CONNS; i++)
            free_conn(i);
        chat_loop_free(w.loop);
        memset(w.links, 0, sizeof(w.links));
        w.last_number = 0;
        make_loop();
    }
    chat_loop_wake(w.loop);
    FUZZ_CHECK(chat_loop_get_fd(w.loop) == -1 && chat_loop_get_timeout_ms(w.loop) >= -1);
}

static void step(void)
{
    uint32_t what = input_byte(&w.in), at = what & 1;
    const bool views = what >= 0xe0;
    chat_conn *conn = w.conns[at];

    what = (what >> 1) % 12;
    if (views && conn) {
        view_call(at);
    } else if (what == 0) {
        loop_call();
    } else if (what < 4) {
        (void)chat_loop_step(w.loop, (int64_t)input_byte(&w.in) * input_byte(&w.in));
    } else if (!conn) {
        new_conn(at);
    } else if (what == 4) {
        if (input_below(&w.in, 4) == 3)
            free_conn(at);
    } else if (what < 7) {
        pull(at);
    } else if (what == 7) {
        life_call(conn);
    } else if (what < 10) {
        write_call(conn);
    } else if (what == 10) {
        read_call(conn);
    } else {
        ask_call(conn);
    }
    for (uint32_t i = 0; i < CONNS; i++)
        use_held(i);
}

static void begin_live(void)
{
    const struct input rest = w.in;

    w.in = (struct input){.bytes = (const uint8_t *)"\1", .len = 1};
    new_conn(0);
    FUZZ_CHECK(w.conns[0] && chat_conn_start(w.conns[0]) == CHAT_OK);
    w.means_well = true;
    for (uint32_t i = 0; i < 4; i++)
        FUZZ_CHECK(chat_loop_step(w.loop, 0) == CHAT_OK);
    FUZZ_CHECK(chat_conn_get_state(w.conns[0]) == CHAT_CONN_LIVE);
    FUZZ_CHECK(chat_conn_get_channel(w.conns[0], 1)->head_seq == w.head);
    w.means_well = false;
    w.in = rest;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct chat_event event = CHAT_EVENT_INIT;

    w = (struct world){.in = {.bytes = bytes, .len = len}, .now_ms = 1000};
    arena_init(&w.arena, NULL, SIZE_MAX / 2);
    make_loop();
    for (uint32_t i = 0; i < CONNS; i++)
        forget_views(i);
    if (len && bytes[0] == 0xff) {
        w.in.at++;
        begin_live();
    }
    for (uint32_t i = 0; i < STEPS_MAX && !input_ended(&w.in); i++)
        step();
    for (uint32_t i = 0; i < CONNS; i++) {
        pane_ready(&lists[i], true);
        pane_ready(&windows[i], true);
        for (uint32_t n = 0; w.conns[i] && chat_conn_next_event(w.conns[i], &event); n++)
            FUZZ_CHECK(n < PULLS_MAX);
        chat_conn_free(w.conns[i]);
    }
    chat_loop_free(w.loop);
    arena_fini(&w.arena);
    return 0;
}
