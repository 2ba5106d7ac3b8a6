/*
 * A client core for fuzz targets: a host in virtual time, a server that says anything, links
 * that break at any moment and an application that calls in any order, all driven by the
 * input. A step is a byte for what happens, and what that takes of the bytes behind it.
 *
 * What is asked of the client: it ends no process, hangs in no loop, sends only what the
 * protocol allows, keeps to its memory, and tells the messages of a channel in order, each
 * once, gaps said. What was queued is in the outbox of the next opening. What views show is
 * right: see fuzz_pane.h.
 */
#ifndef CHAT_TESTS_FUZZ_CLIENT_H
#define CHAT_TESTS_FUZZ_CLIENT_H

#include <libchat/limits.h>

#include "../support/faulty_alloc.h"
#include "../support/memory_vfs.h"
#include "client/core.h"
#include "client/view.h"
#include "fuzz_input.h"
#include "fuzz_pane.h"
#include "wire/wire.h"

#define EFFECTS_MAX 20000u
#define TIMERS_MAX 200u
#define PULLS_MAX 5000u
#define STEPS_MAX 400u
#define ASKED_MAX 32u
#define CHANNELS_MAX 32u
#define LIVE_MAX 60000u
#define VIEWS_LIVE_MAX 200000u /* of two views, and what rows lend */
#define FILE_NAME "client.db"
#define VFS_NAME "memory"
#define OUTBOX_MAX 24u

/* What the application was shown of a channel. */
struct shown {
    uint64_t channel_id, seq;
};

struct run {
    struct input in;
    struct client_config config;
    struct client_core *core;
    struct moment now;
    link_id link, links; /* 0: none */
    bool dialing;
    bool unsound; /* the file was tampered with: it need not open again */
    struct arena arena;
    uint32_t asked[ASKED_MAX]; /* requests without an answer from us, newest last */
    WireClientFrame__BodyCase asked_what[ASKED_MAX];
    uint32_t asked_count;
    struct shown shown[CHANNELS_MAX];
    uint32_t shown_count;
    struct pane list, window; /* last: large, and not cleared */
};

static struct memory_vfs disk;
static struct faulty_alloc memory;

/* --- the host --- */

static inline void feed(struct run *r, struct event event)
{
    event.now = r->now;
    machine_feed(client_machine(r->core), &event);
}

static inline void hear(struct run *r, const struct effect *effect)
{
    static uint8_t bytes[CHAT_CLIENT_MESSAGE_MAX];
    WireClientBatch *batch;
    struct wire_fault fault;
    struct arena arena;
    size_t len = 0;

    for (size_t i = 0; i < effect->send.count; i++) {
        FUZZ_CHECK(len + effect->send.frames[i]->len <= sizeof(bytes));
        memcpy(bytes + len, effect->send.frames[i]->bytes, effect->send.frames[i]->len);
        len += effect->send.frames[i]->len;
    }
    arena_init(&arena, NULL, 4u << 20);
    FUZZ_CHECK(wire_decode_client(bytes, len, &arena, &batch, &fault) == CHAT_OK);
    for (size_t i = 0; i < batch->n_frames; i++) {
        if (batch->frames[i]->request_id == 0)
            continue;
        if (r->asked_count == ASKED_MAX) {
            memmove(r->asked, r->asked + 1, sizeof(r->asked) - sizeof(r->asked[0]));
            memmove(r->asked_what, r->asked_what + 1,
                    sizeof(r->asked_what) - sizeof(r->asked_what[0]));
            r->asked_count--;
        }
        r->asked[r->asked_count] = batch->frames[i]->request_id;
        r->asked_what[r->asked_count++] = batch->frames[i]->body_case;
    }
    arena_fini(&arena);
}

static inline void closed(struct run *r, link_id link, uint16_t code)
{
    struct event e = {.kind = EVENT_LINK_CLOSED, .link = link};

    e.closed.code = code;
    if (link == r->link)
        r->link = 0;
    feed(r, e);
}

static inline void turn(struct run *r)
{
    struct effect effect;
    uint32_t effects = 0;

    while (machine_poll(client_machine(r->core), &effect)) {
        FUZZ_CHECK(++effects < EFFECTS_MAX);
        FUZZ_CHECK(effect.kind != EFFECT_ENGINE);
        if (effect.kind == EFFECT_SEND) {
            hear(r, &effect);
        } else if (effect.kind == EFFECT_CLOSE) {
            FUZZ_CHECK(!effect.close.reason || strlen(effect.close.reason) <= 123);
            if (!effect.link) {
                FUZZ_CHECK(r->dialing);
                r->dialing = false;
            }
            closed(r, effect.link, effect.close.code);
        } else if (effect.kind == EFFECT_DIAL) {
            FUZZ_CHECK(!r->dialing);
            r->dialing = true;
        }
    }
}

static inline void pass_time(struct run *r, int64_t ms)
{
    int64_t until = r->now.mono_ms + ms;

    for (uint32_t i = 0; i < TIMERS_MAX; i++) {
        int64_t at = machine_deadline(client_machine(r->core));

        if (at > until)
            break;
        if (at > r->now.mono_ms)
            r->now.mono_ms = at;
        feed(r, (struct event){.kind = EVENT_TIMER});
        turn(r);
    }
    r->now.mono_ms = until > r->now.mono_ms ? until : r->now.mono_ms;
    feed(r, (struct event){.kind = EVENT_TIMER});
    turn(r);
}

/* --- the server --- */

static inline void say(struct run *r, WireServerFrame *frame, uint32_t request_id)
{
    struct event e = {.kind = EVENT_LINK_MESSAGE, .link = r->link};
    struct frame *encoded;

    frame->request_id = request_id;
    encoded = wire_encode_server(NULL, frame);
    FUZZ_CHECK(encoded);
    e.message.bytes = encoded->bytes;
    e.message.len = encoded->len;
    feed(r, e);
    frame_unref(encoded);
    arena_reset(&r->arena);
}

/* A frame that answers such a request in earnest. */
static inline uint32_t body_for(WireClientFrame__BodyCase what)
{
    switch ((int)what) {
    case WIRE_CLIENT_FRAME__BODY_HELLO: return WIRE_SERVER_FRAME__BODY_WELCOME;
    case WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE: return WIRE_SERVER_FRAME__BODY_SENT;
    case WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE:
    case WIRE_CLIENT_FRAME__BODY_DELETE_MESSAGE: return WIRE_SERVER_FRAME__BODY_ALTERED;
    case WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY: return WIRE_SERVER_FRAME__BODY_HISTORY_PAGE;
    case WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES: return WIRE_SERVER_FRAME__BODY_CHANGES_PAGE;
    case WIRE_CLIENT_FRAME__BODY_FETCH_USERS:
    case WIRE_CLIENT_FRAME__BODY_FIND_USER: return WIRE_SERVER_FRAME__BODY_USERS;
    case WIRE_CLIENT_FRAME__BODY_FETCH_MEMBERS: return WIRE_SERVER_FRAME__BODY_MEMBERS;
    case WIRE_CLIENT_FRAME__BODY_MARK_READ: return WIRE_SERVER_FRAME__BODY_CURSOR;
    case WIRE_CLIENT_FRAME__BODY_HEARTBEAT: return WIRE_SERVER_FRAME__BODY_HEARTBEAT_ACK;
    case WIRE_CLIENT_FRAME__BODY_OPEN_DIRECT:
    case WIRE_CLIENT_FRAME__BODY_CREATE_GROUP: return WIRE_SERVER_FRAME__BODY_OPENED;
    case WIRE_CLIENT_FRAME__BODY_SET_MEMBER: return WIRE_SERVER_FRAME__BODY_MEMBER_CHANGED;
    case WIRE_CLIENT_FRAME__BODY_REFRESH_TOKEN: return WIRE_SERVER_FRAME__BODY_TICKET;
    default: return WIRE_SERVER_FRAME__BODY_OK;
    }
}

static inline void answer(struct run *r, bool in_earnest)
{
    const ProtobufCMessageDescriptor *type = &wire_server_frame__descriptor;
    uint32_t at, id, member;

    if (!r->asked_count || !r->link)
        return;
    at = r->asked_count - 1 - (uint32_t)input_below(&r->in, r->asked_count);
    id = r->asked[at];
    member = in_earnest ? body_for(r->asked_what[at]) : input_member(&r->in, type);
    r->asked_count--;
    memmove(r->asked + at, r->asked + at + 1, (r->asked_count - at) * sizeof(r->asked[0]));
    memmove(r->asked_what + at, r->asked_what + at + 1,
            (r->asked_count - at) * sizeof(r->asked_what[0]));
    say(r, (WireServerFrame *)input_message(&r->in, type, member, &r->arena), id);
}

static inline void push(struct run *r)
{
    const ProtobufCMessageDescriptor *type = &wire_server_frame__descriptor;
    uint32_t member = input_member(&r->in, type);

    if (r->link)
        say(r, (WireServerFrame *)input_message(&r->in, type, member, &r->arena), 0);
}

/* As a server that means well: what most inputs would never find by chance. */
static inline void welcome(struct run *r)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireWelcome w = WIRE_WELCOME__INIT;
    WireChannelList list = WIRE_CHANNEL_LIST__INIT;
    WireChannel channels[3], *pointers[3];
    WirePosition heads[3];

    if (!r->link || !r->asked_count)
        return;
    w.service_id = 7;
    w.user_id = 1;
    frame.body_case = WIRE_SERVER_FRAME__BODY_WELCOME;
    frame.welcome = &w;
    say(r, &frame, r->asked[r->asked_count - 1]);
    for (uint32_t i = 0; i < 3; i++) {
        wire_channel__init(&channels[i]);
        wire_position__init(&heads[i]);
        heads[i].channel_id = i + 1;
        heads[i].epoch = 1;
        heads[i].seq = input_below(&r->in, 20);
        heads[i].message_id = heads[i].seq * 10;
        heads[i].rev = input_below(&r->in, 4);
        channels[i].head = &heads[i];
        channels[i].home_id = i + 1;
        channels[i].kind = WIRE_HOME_KIND__HOME_KIND_GROUP;
        channels[i].permissions = 7;
        channels[i].first_seq = 1;
        pointers[i] = &channels[i];
    }
    list.channels = pointers;
    list.n_channels = 3;
    list.complete = true;
    frame.body_case = WIRE_SERVER_FRAME__BODY_CHANNEL_LIST;
    frame.channel_list = &list;
    say(r, &frame, 0);
}

static inline void raw_bytes(struct run *r)
{
    struct event e = {.kind = EVENT_LINK_MESSAGE, .link = r->link};
    size_t len = input_byte(&r->in), left;

    left = r->in.len - r->in.at;
    e.message.bytes = r->in.bytes + r->in.at;
    e.message.len = len < left ? len : left;
    r->in.at += e.message.len;
    if (r->link)
        feed(r, e);
}

/* --- the application --- */

static inline struct shown *shown_of(struct run *r, uint64_t channel_id)
{
    for (uint32_t i = 0; i < r->shown_count; i++)
        if (r->shown[i].channel_id == channel_id)
            return &r->shown[i];
    if (r->shown_count == CHANNELS_MAX)
        return NULL;
    r->shown[r->shown_count] = (struct shown){.channel_id = channel_id};
    return &r->shown[r->shown_count++];
}

/* As an application that reads the cache anew. */
static inline void reread(struct run *r, uint64_t channel_id)
{
    const struct chat_channel *ch = NULL;
    uint64_t id = 0;

    if (channel_id) {
        struct shown *s = shown_of(r, channel_id);

        ch = client_channel(r->core, channel_id);
        if (s)
            s->seq = ch ? ch->stream_seq : 0;
        return;
    }
    r->shown_count = 0;
    while ((ch = client_next_channel(r->core, id)) != NULL) {
        struct shown *s;

        FUZZ_CHECK(ch->channel_id > id);
        id = ch->channel_id;
        s = shown_of(r, id);
        if (s)
            s->seq = ch->stream_seq;
    }
}

/* --- what it shows --- */

static inline chat_status open_view(void *of, uint64_t channel_id,
                                    const struct chat_view_config *config, chat_view **out_view)
{
    if (channel_id)
        return view_open_messages(of, channel_id, config, NULL, out_view);
    return view_open_channels(of, config, NULL, out_view);
}

static const struct pane_calls view_calls = {
    .open = open_view,
    .free = view_free,
    .next = view_next_diff,
    .get_row = view_get_row,
    .get_status = view_get_status,
    .older = view_load_older,
    .newer = view_load_newer,
    .jump = view_jump_to,
    .jump_to_latest = view_jump_to_latest,
    .set_visible = view_set_visible,
    .mark_read = view_mark_read,
};

static inline void watch(struct run *r)
{
    const bool list = input_below(&r->in, 2) == 0;

    pane_act(list ? &r->list : &r->window, &r->in, list, !r->unsound);
}

static inline void see(struct run *r, const struct chat_event *e)
{
    struct shown *s;

    switch ((int)e->type) {
    case CHAT_EVENT_REREAD: reread(r, e->channel_id); break;
    case CHAT_EVENT_CHANNEL_RESET:
    case CHAT_EVENT_CHANNEL_REMOVED:
        s = shown_of(r, e->channel_id);
        if (s)
            s->seq = 0;
        break;
    case CHAT_EVENT_GAP:
        FUZZ_CHECK(e->from_seq <= e->to_seq);
        s = shown_of(r, e->channel_id);
        if (s && e->to_seq > s->seq) {
            FUZZ_CHECK(e->from_seq <= s->seq + 1);
            s->seq = e->to_seq;
        }
        break;
    case CHAT_EVENT_MESSAGE:
        FUZZ_CHECK(e->message && e->message->text[e->message->text_len] == '\0');
        s = shown_of(r, e->message->channel_id);
        if (s)
            FUZZ_CHECK(e->message->seq == ++s->seq);
        break;
    case CHAT_EVENT_OUTGOING: FUZZ_CHECK(e->outgoing && e->outgoing->text); break;
    case CHAT_EVENT_VIEW:
        FUZZ_CHECK(e->view == r->list.view || e->view == r->window.view);
        pane_ready(e->view == r->list.view ? &r->list : &r->window, !r->unsound);
        break;
    default: break;
    }
}

static inline void pull(struct run *r, uint32_t most)
{
    struct chat_event e = CHAT_EVENT_INIT;

    for (uint32_t i = 0; i < most && client_next_event(r->core, &e); i++)
        see(r, &e);
}

static inline void read_something(struct run *r)
{
    chat_page *page = NULL;
    uint64_t channel_id = input_number(&r->in), start = input_number(&r->in);
    bool backwards = input_below(&r->in, 2);

    if (client_read(r->core, channel_id, start, 1 + (uint32_t)input_below(&r->in, 200), backwards,
                    &page) != CHAT_OK)
        return;
    for (size_t i = 1; i < chat_page_get_count(page); i++)
        FUZZ_CHECK(chat_page_get_message(page, i)->seq ==
                   chat_page_get_message(page, i - 1)->seq + 1);
    chat_page_free(page);
}

static inline void ask_something(struct run *r)
{
    uint64_t ids[3] = {input_number(&r->in), input_number(&r->in), 1}, ticket = 1;
    uint32_t number = (uint32_t)input_number(&r->in);
    size_t len;
    char *text = input_text(&r->in, &r->arena, &len);
    chat_status status = CHAT_E_INVALID;

    ticket = 0;
    switch (input_below(&r->in, 8)) {
    case 0: status = client_fetch_history(r->core, ids[0], ids[1], number, len & 1, &ticket); break;
    case 1: status = client_fetch_users(r->core, ids, len % 4, &ticket); break;
    case 2: status = client_find_user(r->core, text, len, &ticket); break;
    case 3: status = client_fetch_members(r->core, ids[0], ids[1], number, &ticket); break;
    case 4: status = client_open_direct(r->core, ids[0], &ticket); break;
    case 5: status = client_create_group(r->core, text, len, ids, len % 4, &ticket); break;
    case 6: status = client_set_member(r->core, ids[0], ids[1], number, &ticket); break;
    default:
        (void)client_watch_presence(r->core, ids, len % 4);
        (void)client_set_presence(r->core, (chat_presence_state)(number % 8));
        client_set_active(r->core);
        break;
    }
    FUZZ_CHECK((status == CHAT_OK) == (ticket != 0));
    arena_reset(&r->arena);
}

static inline void follow_something(struct run *r, const struct chat_nonce *nonce, uint64_t what,
                                    const struct chat_content *content, const char *text,
                                    size_t len)
{
    if (what % 4 == 0)
        (void)client_edit_outgoing(r->core, nonce, content, NULL);
    else if (what % 4 == 1)
        (void)client_delete_outgoing(r->core, nonce, NULL);
    else if (what % 4 == 2)
        (void)client_react_outgoing(r->core, nonce, text, len, what & 8, NULL);
    else
        (void)client_react(r->core, content->reply_to_seq % 4, content->reply_to_seq % 8, text, len,
                           what & 8, NULL);
}

static inline void write_something(struct run *r)
{
    uint64_t channel_id = input_number(&r->in), seq = input_number(&r->in);
    const struct chat_outgoing *outgoing = NULL;
    struct chat_nonce nonce = {0}, first = {0};
    size_t len;
    char *text = input_text(&r->in, &r->arena, &len);
    uint32_t before;
    struct chat_content content = CHAT_CONTENT_INIT;
    chat_status status = CHAT_E_INVALID;
    uint64_t what = input_byte(&r->in);

    if (client_outgoing(r->core, (uint32_t)input_below(&r->in, 4), &outgoing))
        first = outgoing->nonce;
    content.text = text;
    content.text_len = len;
    content.extra = (const uint8_t *)text;
    content.extra_len = len % 3;
    content.reply_to_seq = seq;
    content.mention_ids = &seq;
    content.mentions_count = len % 2;
    if (what >= 0xe0) /* to what is on its way */
        follow_something(r, &first, what, &content, text, len);
    before = client_outgoing_count(r->core);
    what %= 7;
    if (what < 2)
        status = client_send(r->core, channel_id, &content, &nonce);
    else if (what == 2)
        status = client_edit(r->core, channel_id, seq, &content, &nonce);
    else if (what == 3)
        status = client_delete(r->core, channel_id, seq, &nonce);
    else if (what == 4)
        (void)client_mark_read(r->core, channel_id, seq);
    else if (what == 5)
        (void)client_resend(r->core, &first, NULL);
    else
        (void)client_discard(r->core, &first);
    if (status == CHAT_OK) {
        FUZZ_CHECK(nonce.device_id && client_outgoing_count(r->core) == before + 1);
        FUZZ_CHECK(client_outgoing(r->core, before, &outgoing));
        FUZZ_CHECK(outgoing->nonce.counter == nonce.counter);
    }
    arena_reset(&r->arena);
}

/* --- life --- */

/* No core afterwards: only when the file was tampered with. */
static inline void open_core(struct run *r)
{
    chat_status status;

    r->config.seed++;
    status = client_new(&r->config, &r->core);
    FUZZ_CHECK(
        status == CHAT_OK ||
        (r->unsound && (status == CHAT_E_CORRUPT || status == CHAT_E_UNSUPPORTED ||
                        status == CHAT_E_FULL || status == CHAT_E_IO || status == CHAT_E_CACHE)));
    if (status != CHAT_OK) {
        r->core = NULL;
        return;
    }
    r->list.of = r->window.of = r->core;
    feed(r, (struct event){.kind = EVENT_TIMER});
    reread(r, 0);
}

/* The process dies, and comes again. */
static inline void reopen(struct run *r)
{
    uint32_t queued = client_outgoing_count(r->core);

    client_free(r->core);
    pane_forget(&r->list);
    pane_forget(&r->window);
    FUZZ_CHECK(memory.live == 0 && memory_vfs_open_count(&disk) == 0);
    r->link = 0;
    r->dialing = false;
    r->asked_count = 0;
    open_core(r);
    FUZZ_CHECK(r->unsound || client_outgoing_count(r->core) == queued);
}

static inline void live(struct run *r)
{
    static const char token[] = "another";
    uint64_t what = input_below(&r->in, 8);

    if (what < 2)
        (void)client_start(r->core);
    else if (what == 2)
        client_stop(r->core);
    else if (what == 3)
        client_suspend(r->core);
    else if (what == 4)
        client_resume(r->core);
    else if (what == 5)
        client_network_changed(r->core);
    else if (what == 6)
        (void)client_set_token(r->core, token, sizeof(token) - 1);
    else
        (void)client_flush(r->core);
}

static inline void open_link(struct run *r)
{
    struct event e = {.kind = EVENT_LINK_OPENED};

    if (!r->dialing)
        return;
    r->dialing = false;
    if (input_below(&r->in, 8) == 7) {
        closed(r, 0, 1006);
        return;
    }
    r->link = e.link = ++r->links;
    e.opened.kind = LINK_DIALED;
    r->asked_count = 0;
    feed(r, e);
}

static inline void step(struct run *r)
{
    struct event e = {.link = r->link};
    const uint8_t what = input_byte(&r->in);

    if (what >= 0xe0) {
        watch(r);
        return;
    }
    switch (what % 16) {
    case 0: open_link(r); break;
    case 1:
        if (r->link)
            closed(r, r->link, (uint16_t)(input_below(&r->in, 2) ? 1006 : input_number(&r->in)));
        break;
    case 2: raw_bytes(r); break;
    case 3: welcome(r); break;
    case 4:
    case 5: answer(r, true); break;
    case 6: answer(r, false); break;
    case 7:
    case 8: push(r); break;
    case 9: pass_time(r, (int64_t)input_byte(&r->in) * (1 << input_below(&r->in, 14))); break;
    case 10: write_something(r); break;
    case 11: ask_something(r); break;
    case 12: read_something(r); break;
    case 13: pull(r, input_byte(&r->in)); break;
    case 14:
        e.kind = input_below(&r->in, 2) ? EVENT_LINK_BLOCKED : EVENT_LINK_DRAINED;
        if (r->link)
            feed(r, e);
        break;
    default:
        if (input_below(&r->in, 6) == 5)
            reopen(r);
        else
            live(r);
        break;
    }
}

/* The core is r->config's, or none. Nothing of it stays in memory. */
static inline void run_config(struct run *r, const uint8_t *bytes, size_t len)
{
    static bool registered;

    if (!registered)
        memory_vfs_init(&disk, VFS_NAME);
    registered = true;
    memory_vfs_erase(&disk);
    faulty_alloc_init(&memory);
    memset(r, 0, offsetof(struct run, list));
    r->in = (struct input){.bytes = bytes, .len = len};
    r->list.calls = r->window.calls = &view_calls;
    pane_forget(&r->list);
    pane_forget(&r->window);
    r->now = (struct moment){.mono_ms = 1000, .wall_ms = INT64_C(1700000000000)};
    arena_init(&r->arena, NULL, SIZE_MAX / 2);
    client_config_init(&r->config);
    r->config.allocator = &memory.allocator;
    r->config.seed = 42;
    r->config.token = "token";
    r->config.cache_path = FILE_NAME;
    r->config.cache_vfs = VFS_NAME;
    r->config.outbox_max = OUTBOX_MAX;
    r->config.events_max = 16;
    r->config.requests_max = 4;
}

static inline void run_steps(struct run *r)
{
    for (uint32_t i = 0; i < STEPS_MAX && !input_ended(&r->in); i++) {
        step(r);
        if (!r->core)
            return;
        turn(r);
        FUZZ_CHECK(memory.live < LIVE_MAX + VIEWS_LIVE_MAX);
    }
    pass_time(r, 100000);
    pull(r, PULLS_MAX);
    pane_ready(&r->list, !r->unsound);
    pane_ready(&r->window, !r->unsound);
}

static inline void run_end(struct run *r)
{
    client_free(r->core);
    r->core = NULL;
    arena_fini(&r->arena);
    FUZZ_CHECK(memory.live == 0 && memory_vfs_open_count(&disk) == 0);
}

#endif
