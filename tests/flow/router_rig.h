/*
 * A router in virtual time between scripted clients and a scripted deployment: two stores
 * (peers 0 and 1, a shard each) and one presence daemon (peer 2).
 *
 * The stores answer OpenSession and Subscribe from the homes of the rig, unless told not to;
 * every other request waits for the test (rig_asked, rig_answer). What clients and daemons
 * hear is decoded and kept until rig_forget().
 */
#ifndef CHAT_TESTS_ROUTER_RIG_H
#define CHAT_TESTS_ROUTER_RIG_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/close.h>

#include "../support/faulty_alloc.h"
#include "server/router/router.h"
#include "server/shards.h"
#include "wire/wire.h"

#define RIG_SERVICE UINT64_C(0x5e7f1ce)
#define RIG_SHARDS 2u
#define RIG_PEERS 3u
#define RIG_PRESENCE 2u
#define RIG_HOMES 64u
#define RIG_MEMBERS 64u
#define RIG_HEARD 65536u
#define RIG_LINKS 4096u
#define RIG_ISSUER "https://id.example"
#define RIG_DEVICE UINT64_C(0xd1) /* of sign-ins that do not care */
#define RIG_ID(shard, n) ((uint64_t)(n) << 22 | (uint64_t)(shard) << 12)

#define VIEW WIRE_PERMISSION__PERMISSION_VIEW
#define MEMBER (WIRE_PERMISSION__PERMISSION_VIEW | WIRE_PERMISSION__PERMISSION_SEND)
#define CLIENT(name) WIRE_CLIENT_FRAME__BODY_##name
#define SERVER(name) WIRE_SERVER_FRAME__BODY_##name
#define LINK(name) WIRE_LINK_FRAME__BODY_##name
#define PROBLEM(name) WIRE_PROBLEM_CODE__PROBLEM_##name

struct rig_home {
    uint64_t home_id, lsn, published_lsn, seq, rev;
    WireHomeKind kind;
    uint64_t users[RIG_MEMBERS];
    uint32_t permissions[RIG_MEMBERS];
    uint32_t count;
};

/* One frame that somebody heard. */
struct rig_heard {
    link_id link;
    uint32_t message; /* number of the WebSocket message, over all links */
    const WireServerFrame *server;
    const WireLinkFrame *peer;
};

struct rig {
    struct router_config config;
    struct router *router;
    struct machine *machine;
    struct moment now;
    struct arena arena;
    struct faulty_alloc memory;

    struct rig_home homes[RIG_HOMES];
    uint32_t home_count;
    uint64_t session_no, auth_epoch;
    uint64_t user_ids[RIG_MEMBERS], user_lsns[RIG_MEMBERS]; /* of users' homes */
    uint32_t user_count;
    bool hold_open, hold_subscribe; /* the test answers these itself */
    bool hold_close;                /* no LINK_CLOSED follows an EFFECT_CLOSE */
    uint32_t credit;

    link_id peer_links[RIG_PEERS], next_peer_link;
    bool dialed[RIG_PEERS];

    struct rig_heard heard[RIG_HEARD];
    size_t heard_count;
    size_t answered; /* heard[] below it was looked at by the stores */
    uint32_t messages;
    uint16_t closed[RIG_LINKS]; /* code of EFFECT_CLOSE, by link */
    uint32_t sends[RIG_LINKS];  /* WebSocket messages, by link */
    link_id to_close[RIG_LINKS];
    size_t to_close_count;
    bool stopped;
};

/* --- who is who --- */

static inline uint64_t rig_user(const char *name)
{
    uint64_t n = 1;

    for (const char *c = name; *c; c++)
        n = n * 131 + (uint64_t)(unsigned char)*c;
    return RIG_ID(shard_of_subject(RIG_ISSUER, name, RIG_SHARDS), n % 100000 + 1000);
}

/* "alice": an hour. "alice@1234": until then. "bad...": refused. */
static chat_status rig_verify(void *user, const char *token, size_t len, int64_t wall_ms,
                              struct token_claims *out, const char **out_reason)
{
    char text[256];
    char *at;

    (void)user;
    ck_assert_uint_lt(len, sizeof(text));
    memcpy(text, token, len);
    text[len] = 0;
    *out_reason = "signature";
    if (strncmp(text, "bad", 3) == 0)
        return CHAT_E_AUTH;
    memset(out, 0, sizeof(*out));
    out->issued_at_ms = wall_ms - 7000;
    out->expires_at_ms = wall_ms + 3600000;
    at = strchr(text, '@');
    if (at) {
        *at = 0;
        out->expires_at_ms = strtoll(at + 1, NULL, 10);
    }
    if (out->expires_at_ms <= wall_ms) {
        *out_reason = "exp";
        return CHAT_E_EXPIRED;
    }
    snprintf(out->issuer, sizeof(out->issuer), "%s", RIG_ISSUER);
    snprintf(out->subject, sizeof(out->subject), "%s", text);
    return CHAT_OK;
}

static chat_status rig_seal(void *user, struct ticket *ticket, uint8_t *out, size_t *out_len)
{
    (void)user;
    if (ticket->expires_at_ms > ticket->token_expires_at_ms)
        ticket->expires_at_ms = ticket->token_expires_at_ms;
    if (ticket->expires_at_ms <= ticket->issued_at_ms)
        return CHAT_E_EXPIRED;
    memcpy(out, ticket, sizeof(*ticket));
    *out_len = sizeof(*ticket);
    return CHAT_OK;
}

static chat_status rig_open_ticket(void *user, const uint8_t *bytes, size_t len, uint64_t device,
                                   int64_t wall_ms, struct ticket *out)
{
    (void)user;
    if (len != sizeof(*out))
        return CHAT_E_AUTH;
    memcpy(out, bytes, sizeof(*out));
    if (out->device_id != device)
        return CHAT_E_AUTH;
    return out->expires_at_ms <= wall_ms ? CHAT_E_EXPIRED : CHAT_OK;
}

/* --- hearing --- */

static inline int rig_peer_of(const struct rig *g, link_id link)
{
    for (uint32_t peer = 0; peer < RIG_PEERS; peer++)
        if (g->peer_links[peer] == link)
            return (int)peer;
    return -1;
}

static void rig_note(struct rig *g, link_id link, const WireServerFrame *server,
                     const WireLinkFrame *peer)
{
    ck_assert_uint_lt(g->heard_count, RIG_HEARD);
    g->heard[g->heard_count++] =
        (struct rig_heard){.link = link, .message = g->messages, .server = server, .peer = peer};
}

static void rig_hear(struct rig *g, const struct effect *effect)
{
    uint8_t *bytes = arena_alloc(&g->arena, effect->send.bytes);
    struct wire_fault fault;
    size_t len = 0;

    ck_assert_ptr_nonnull(bytes);
    for (size_t i = 0; i < effect->send.count; i++) {
        memcpy(bytes + len, effect->send.frames[i]->bytes, effect->send.frames[i]->len);
        len += effect->send.frames[i]->len;
    }
    ck_assert_uint_eq(len, effect->send.bytes);
    ck_assert_uint_le(len, CHAT_SERVER_MESSAGE_MAX);
    g->messages++;
    g->sends[effect->link]++;
    if (rig_peer_of(g, effect->link) >= 0) {
        WireLinkBatch *batch;

        ck_assert_int_eq(wire_decode_link(bytes, len, &g->arena, &batch, &fault), CHAT_OK);
        for (size_t i = 0; i < batch->n_frames; i++)
            rig_note(g, effect->link, NULL, batch->frames[i]);
    } else {
        WireServerBatch *batch;

        ck_assert_msg(wire_decode_server(bytes, len, &g->arena, &batch, &fault) == CHAT_OK,
                      "a client got what breaks %s", fault.rule);
        for (size_t i = 0; i < batch->n_frames; i++)
            rig_note(g, effect->link, batch->frames[i], NULL);
    }
}

static void rig_pull(struct rig *g)
{
    struct effect effect;

    while (machine_poll(g->machine, &effect)) {
        switch (effect.kind) {
        case EFFECT_SEND: rig_hear(g, &effect); break;
        case EFFECT_CLOSE:
            if (rig_peer_of(g, effect.link) < 0)
                g->closed[effect.link] = effect.close.code;
            ck_assert_uint_lt(g->to_close_count, RIG_LINKS);
            g->to_close[g->to_close_count++] = effect.link;
            break;
        case EFFECT_DIAL: g->dialed[effect.dial.peer] = true; break;
        case EFFECT_STOPPED: g->stopped = true; break;
        case EFFECT_ENGINE: ck_abort_msg("a router has no engine");
        }
    }
}

/* --- the stores --- */

static void rig_settle(struct rig *g);

static void rig_feed(struct rig *g, struct event *event)
{
    event->now = g->now;
    machine_feed(g->machine, event);
}

static void rig_feed_bytes(struct rig *g, link_id link, const uint8_t *bytes, size_t len)
{
    struct event event = {.kind = EVENT_LINK_MESSAGE, .link = link};

    event.message.bytes = bytes;
    event.message.len = len;
    rig_feed(g, &event);
}

static void rig_peer_says(struct rig *g, uint32_t peer, const WireLinkFrame *frame)
{
    struct frame *encoded = wire_encode_link(NULL, frame);

    ck_assert_ptr_nonnull(encoded);
    rig_feed_bytes(g, g->peer_links[peer], encoded->bytes, encoded->len);
    frame_unref(encoded);
}

static struct rig_home *rig_find_home(struct rig *g, uint64_t home_id)
{
    for (uint32_t i = 0; i < g->home_count; i++)
        if (g->homes[i].home_id == home_id)
            return &g->homes[i];
    return NULL;
}

static uint32_t rig_permissions(const struct rig_home *h, uint64_t user_id)
{
    for (uint32_t i = 0; i < h->count; i++)
        if (h->users[i] == user_id)
            return h->permissions[i];
    return 0;
}

static void rig_set_member(struct rig_home *h, uint64_t user_id, uint32_t permissions)
{
    for (uint32_t i = 0; i < h->count; i++) {
        if (h->users[i] == user_id) {
            h->permissions[i] = permissions;
            return;
        }
    }
    h->users[h->count] = user_id;
    h->permissions[h->count++] = permissions;
}

/* Adds a group on `shard` with these members (names, NULL at the end). */
static inline struct rig_home *rig_group(struct rig *g, uint32_t shard, const char *const *members)
{
    struct rig_home *h = &g->homes[g->home_count];

    *h = (struct rig_home){.home_id = RIG_ID(shard, 500 + g->home_count),
                           .kind = WIRE_HOME_KIND__HOME_KIND_GROUP,
                           .lsn = 1,
                           .published_lsn = 1};
    g->home_count++;
    for (; *members; members++)
        rig_set_member(h, rig_user(*members), MEMBER);
    return h;
}

/* Where a user's home stands: at 7 to begin with. */
static uint64_t *rig_user_lsn(struct rig *g, uint64_t user_id)
{
    for (uint32_t i = 0; i < g->user_count; i++)
        if (g->user_ids[i] == user_id)
            return &g->user_lsns[i];
    ck_assert_uint_lt(g->user_count, RIG_MEMBERS);
    g->user_ids[g->user_count] = user_id;
    g->user_lsns[g->user_count] = 7;
    return &g->user_lsns[g->user_count++];
}

static void rig_answer_problem(struct rig *g, uint32_t peer, uint64_t request_id,
                               WireProblemCode code)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireProblem problem = WIRE_PROBLEM__INIT;

    problem.code = code;
    problem.retry = WIRE_RETRY__RETRY_LATER;
    frame.request_id = request_id;
    frame.body_case = LINK(PROBLEM);
    frame.problem = &problem;
    rig_peer_says(g, peer, &frame);
}

static void rig_answer_open(struct rig *g, uint32_t peer, const WireLinkFrame *asked)
{
    const WireOpenSession *open = asked->open_session;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSessionOpened opened = WIRE_SESSION_OPENED__INIT;
    WireUserChannel list[RIG_HOMES], *pointers[RIG_HOMES];

    opened.user_id = open->user_id != 0 ? open->user_id : rig_user(open->subject);
    opened.session_no = open->session_no != 0 ? open->session_no : ++g->session_no;
    opened.auth_epoch = g->auth_epoch;
    opened.name = open->name;
    opened.lsn = *rig_user_lsn(g, opened.user_id);
    opened.routers = 1;
    opened.channels = pointers;
    for (uint32_t i = 0; i < g->home_count; i++) {
        WireUserChannel *channel = &list[opened.n_channels];

        if (rig_permissions(&g->homes[i], opened.user_id) == 0)
            continue;
        *channel = (WireUserChannel)WIRE_USER_CHANNEL__INIT;
        channel->home_id = g->homes[i].home_id;
        channel->kind = g->homes[i].kind;
        pointers[opened.n_channels++] = channel;
    }
    frame.request_id = asked->request_id;
    frame.body_case = LINK(SESSION_OPENED);
    frame.session_opened = &opened;
    rig_peer_says(g, peer, &frame);
}

/* A user's home: nobody but the router's sweep asks so. */
static bool rig_answer_users_home(struct rig *g, uint32_t peer, const WireLinkFrame *asked)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSubscribed said = WIRE_SUBSCRIBED__INIT;

    for (uint32_t i = 0; i < g->user_count; i++) {
        if (g->user_ids[i] != asked->subscribe->home_id)
            continue;
        said.home_id = g->user_ids[i];
        said.lsn = g->user_lsns[i];
        said.kind = WIRE_HOME_KIND__HOME_KIND_USER;
        frame.request_id = asked->request_id;
        frame.body_case = LINK(SUBSCRIBED);
        frame.subscribed = &said;
        rig_peer_says(g, peer, &frame);
        return true;
    }
    return false;
}

static void rig_answer_subscribe(struct rig *g, uint32_t peer, const WireLinkFrame *asked)
{
    const WireSubscribe *subscribe = asked->subscribe;
    const struct rig_home *h = rig_find_home(g, subscribe->home_id);
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSubscribed said = WIRE_SUBSCRIBED__INIT;
    WireChannelState state = WIRE_CHANNEL_STATE__INIT, *states[] = {&state};
    WirePosition head = WIRE_POSITION__INIT;
    static WireMember list[512];
    static WireMember *pointers[512];
    size_t asked_count = subscribe->user_id != 0 ? 1 : subscribe->n_user_ids;

    if (!h && rig_answer_users_home(g, peer, asked))
        return;
    if (!h || (subscribe->user_id != 0 && rig_permissions(h, subscribe->user_id) == 0)) {
        rig_answer_problem(g, peer, asked->request_id, PROBLEM(FORBIDDEN));
        return;
    }
    head.channel_id = h->home_id;
    head.epoch = 1;
    head.seq = h->seq;
    head.message_id = h->seq * 10;
    head.rev = h->rev;
    state.head = &head;
    state.first_seq = 1;
    said.home_id = h->home_id;
    said.lsn = h->lsn;
    said.kind = h->kind;
    said.name = (char *)"a group";
    said.n_channels = 1;
    said.channels = states;
    said.n_members = asked_count;
    said.members = pointers;
    for (size_t i = 0; i < asked_count; i++) {
        list[i] = (WireMember)WIRE_MEMBER__INIT;
        list[i].user_id = subscribe->user_id != 0 ? subscribe->user_id : subscribe->user_ids[i];
        list[i].permissions = rig_permissions(h, list[i].user_id);
        pointers[i] = &list[i];
    }
    frame.request_id = asked->request_id;
    frame.body_case = LINK(SUBSCRIBED);
    frame.subscribed = &said;
    rig_peer_says(g, peer, &frame);
}

static void rig_stores_look(struct rig *g)
{
    for (; g->answered < g->heard_count; g->answered++) {
        const struct rig_heard *heard = &g->heard[g->answered];
        int peer = rig_peer_of(g, heard->link);

        if (!heard->peer || peer < 0)
            continue;
        if (heard->peer->body_case == LINK(OPEN_SESSION) && !g->hold_open)
            rig_answer_open(g, (uint32_t)peer, heard->peer);
        else if (heard->peer->body_case == LINK(SUBSCRIBE) && !g->hold_subscribe)
            rig_answer_subscribe(g, (uint32_t)peer, heard->peer);
    }
}

static void rig_feed_closed(struct rig *g, link_id link)
{
    struct event event = {.kind = EVENT_LINK_CLOSED, .link = link};
    int peer = rig_peer_of(g, link);

    event.closed.code = 1006;
    if (peer >= 0) {
        event.closed.peer = (uint32_t)peer;
        g->peer_links[peer] = 0;
    }
    rig_feed(g, &event);
}

/* Until nobody has anything to say. */
static void rig_settle(struct rig *g)
{
    for (;;) {
        size_t before = g->heard_count;

        rig_pull(g);
        rig_stores_look(g);
        if (!g->hold_close && g->to_close_count > 0) {
            while (g->to_close_count > 0)
                rig_feed_closed(g, g->to_close[--g->to_close_count]);
            continue;
        }
        rig_pull(g);
        if (g->heard_count == before && g->answered == g->heard_count &&
            (g->hold_close || g->to_close_count == 0))
            return;
    }
}

static inline void rig_event(struct rig *g, enum event_kind kind, link_id link)
{
    struct event event = {.kind = kind, .link = link};

    rig_feed(g, &event);
    rig_settle(g);
}

/* --- daemons come and go --- */

static void rig_peer_welcome(struct rig *g, uint32_t peer)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLinkWelcome welcome = WIRE_LINK_WELCOME__INIT;
    uint32_t shards[] = {peer};

    welcome.version = 1;
    welcome.role =
        peer == RIG_PRESENCE ? WIRE_LINK_ROLE__LINK_ROLE_PRESENCE : WIRE_LINK_ROLE__LINK_ROLE_STORE;
    welcome.node_id = 90 + peer;
    welcome.request_credit = g->credit;
    if (peer != RIG_PRESENCE) {
        welcome.service_id = RIG_SERVICE;
        welcome.shard_count = RIG_SHARDS;
        welcome.n_shards = 1;
        welcome.shards = shards;
        welcome.map_version = 1;
    }
    frame.body_case = LINK(LINK_WELCOME);
    frame.link_welcome = &welcome;
    rig_peer_says(g, peer, &frame);
}

static void rig_up(struct rig *g, uint32_t peer)
{
    struct event event = {.kind = EVENT_LINK_OPENED, .link = g->next_peer_link};

    ck_assert_msg(g->dialed[peer], "peer %u was not dialed", peer);
    g->dialed[peer] = false;
    g->peer_links[peer] = g->next_peer_link++;
    event.opened.kind = LINK_DIALED;
    event.opened.peer = peer;
    rig_feed(g, &event);
    rig_pull(g);
    rig_peer_welcome(g, peer);
    rig_settle(g);
}

static inline void rig_down(struct rig *g, uint32_t peer)
{
    rig_feed_closed(g, g->peer_links[peer]);
    rig_settle(g);
}

/* Time passes, with timers at their deadlines; live daemons pong, so that none dies. */
static void rig_wait(struct rig *g, int64_t wait_ms)
{
    int64_t end_ms = g->now.mono_ms + wait_ms;

    for (;;) {
        int64_t deadline_ms = machine_deadline(g->machine);
        int64_t next_ms = deadline_ms < end_ms ? deadline_ms : end_ms;

        if (next_ms > g->now.mono_ms) {
            g->now.wall_ms += next_ms - g->now.mono_ms;
            g->now.mono_ms = next_ms;
        }
        if (deadline_ms > end_ms)
            return;
        for (uint32_t peer = 0; peer < RIG_PEERS; peer++) {
            WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
            WireLinkPong pong = WIRE_LINK_PONG__INIT;

            frame.body_case = LINK(LINK_PONG);
            frame.link_pong = &pong;
            if (g->peer_links[peer] != 0)
                rig_peer_says(g, peer, &frame);
        }
        rig_event(g, EVENT_TIMER, 0);
        ck_assert_int_gt(machine_deadline(g->machine), g->now.mono_ms);
    }
}

/* --- clients --- */

static inline void rig_open_from(struct rig *g, link_id link, const char *address)
{
    struct event event = {.kind = EVENT_LINK_OPENED, .link = link};

    event.opened.kind = LINK_CLIENT;
    event.opened.address = address;
    rig_feed(g, &event);
    rig_settle(g);
}

static inline void rig_open(struct rig *g, link_id link) { rig_open_from(g, link, "192.0.2.7"); }

static void rig_say(struct rig *g, link_id link, const WireClientFrame *frame)
{
    struct frame *encoded = wire_encode_client(NULL, frame);

    ck_assert_ptr_nonnull(encoded);
    rig_feed_bytes(g, link, encoded->bytes, encoded->len);
    frame_unref(encoded);
    rig_settle(g);
}

static inline void rig_hello(struct rig *g, link_id link, const char *token, uint64_t device_id)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireHello hello = WIRE_HELLO__INIT;

    hello.token = (char *)token;
    hello.device_id = device_id;
    frame.request_id = 1;
    frame.body_case = CLIENT(HELLO);
    frame.hello = &hello;
    rig_say(g, link, &frame);
}

/* The newest frame of this kind that the link heard; NULL: none. */
static inline const WireServerFrame *rig_last(const struct rig *g, link_id link,
                                              WireServerFrame__BodyCase body)
{
    for (size_t i = g->heard_count; i-- > 0;)
        if (g->heard[i].link == link && g->heard[i].server && g->heard[i].server->body_case == body)
            return g->heard[i].server;
    return NULL;
}

static inline size_t rig_count(const struct rig *g, link_id link, WireServerFrame__BodyCase body)
{
    size_t count = 0;

    for (size_t i = 0; i < g->heard_count; i++)
        count +=
            g->heard[i].link == link && g->heard[i].server && g->heard[i].server->body_case == body;
    return count;
}

/* The newest Problem on a link has this code. */
static inline const WireProblem *rig_problem(const struct rig *g, link_id link,
                                             WireProblemCode code)
{
    const WireServerFrame *frame = rig_last(g, link, SERVER(PROBLEM));

    ck_assert_msg(frame != NULL, "no problem on link %u", (unsigned)link);
    ck_assert_msg(frame->problem->code == code, "problem %d (%s, %s) instead of %d",
                  (int)frame->problem->code, frame->problem->limit, frame->problem->detail,
                  (int)code);
    return frame->problem;
}

/* What a daemon was last asked or told of this kind; NULL: nothing. */
static inline const WireLinkFrame *rig_asked(const struct rig *g, WireLinkFrame__BodyCase body)
{
    for (size_t i = g->heard_count; i-- > 0;)
        if (g->heard[i].peer && g->heard[i].peer->body_case == body)
            return g->heard[i].peer;
    return NULL;
}

static inline size_t rig_asked_count(const struct rig *g, WireLinkFrame__BodyCase body)
{
    size_t count = 0;

    for (size_t i = 0; i < g->heard_count; i++)
        count += g->heard[i].peer && g->heard[i].peer->body_case == body;
    return count;
}

static inline void rig_sign_in(struct rig *g, link_id link, const char *name, uint64_t device_id)
{
    const WireServerFrame *list;

    rig_open(g, link);
    rig_hello(g, link, name, device_id);
    ck_assert_msg(rig_last(g, link, SERVER(WELCOME)) != NULL, "%s got no Welcome", name);
    list = rig_last(g, link, SERVER(CHANNEL_LIST));
    ck_assert_msg(list && list->channel_list->complete, "the list of %s is not complete", name);
}

static inline void rig_forget(struct rig *g)
{
    arena_reset(&g->arena);
    g->heard_count = g->answered = 0;
    memset(g->sends, 0, sizeof(g->sends));
}

/* --- life --- */

static inline void rig_config(struct rig *g)
{
    static const WireLinkRole peers[RIG_PEERS] = {WIRE_LINK_ROLE__LINK_ROLE_STORE,
                                                  WIRE_LINK_ROLE__LINK_ROLE_STORE,
                                                  WIRE_LINK_ROLE__LINK_ROLE_PRESENCE};
    static const char *const issuers[] = {RIG_ISSUER};

    memset(g, 0, sizeof(*g));
    faulty_alloc_init(&g->memory);
    router_config_init(&g->config);
    g->config.allocator = &g->memory.allocator;
    g->config.seed = 1;
    g->config.auth =
        (struct router_auth){.verify = rig_verify, .seal = rig_seal, .open = rig_open_ticket};
    g->config.issuers = issuers;
    g->config.issuer_count = 1;
    g->config.peers = peers;
    g->config.peer_count = RIG_PEERS;
    g->credit = 1024;
    g->next_peer_link = 1000;
    g->now = (struct moment){.mono_ms = 1000, .wall_ms = INT64_C(1700000000000)};
    arena_init(&g->arena, NULL, 512u << 20);
}

/* Starts the router; nobody is up yet. */
static inline void rig_start(struct rig *g)
{
    ck_assert_int_eq(router_new(&g->config, &g->router), CHAT_OK);
    g->machine = router_machine(g->router);
    rig_event(g, EVENT_TIMER, 0);
}

static inline void rig_start_all(struct rig *g)
{
    rig_start(g);
    for (uint32_t peer = 0; peer < RIG_PEERS; peer++)
        rig_up(g, peer);
    rig_forget(g);
}

static inline void rig_fini(struct rig *g)
{
    router_free(g->router);
    arena_fini(&g->arena);
    ck_assert_uint_eq(g->memory.live, 0);
}

static inline struct router_stats rig_stats(const struct rig *g)
{
    struct router_stats stats;

    router_get_stats(g->router, &stats);
    return stats;
}

#include "router_news.h"

#endif
