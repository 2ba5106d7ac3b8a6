/*
 * A scripted other side of daemon links, for one machine in virtual time.
 *
 *     struct script s;
 *     script_init(&s, machine);
 *     script_open(&s, 1, LINK_PEER, 0);
 *     script_say(&s, 1, &frame);        // one message of one frame
 *     script_wait(&s, 150);             // timers run at their deadlines
 *     script_last(&s, WIRE_LINK_FRAME__BODY_PONG) ...
 *
 * What the machine sends is decoded and kept in s.heard until script_forget().
 */
#ifndef CHAT_TESTS_SCRIPT_H
#define CHAT_TESTS_SCRIPT_H

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "wire/machine.h"
#include "wire/wire.h"

#define SCRIPT_HEARD_MAX 16384u

struct script_heard {
    link_id link;
    const WireLinkFrame *frame;
};

struct script {
    struct machine *machine;
    struct moment now;
    struct arena arena;
    struct script_heard heard[SCRIPT_HEARD_MAX];
    size_t heard_count;
    size_t sends, closes, dials, stops;
    link_id closed_link;
    uint16_t close_code;
    char close_reason[128];
    uint32_t dialed_peer;
    link_id last_sent_link;
};

static inline void script_init(struct script *s, struct machine *machine)
{
    memset(s, 0, sizeof(*s));
    s->machine = machine;
    s->now = (struct moment){.mono_ms = 1000, .wall_ms = INT64_C(1700000000000)};
    arena_init(&s->arena, NULL, 256u << 20);
}

static inline void script_fini(struct script *s) { arena_fini(&s->arena); }

static inline void script_forget(struct script *s)
{
    arena_reset(&s->arena);
    s->heard_count = s->sends = s->closes = s->dials = 0;
}

static inline void script_hear(struct script *s, const struct effect *effect)
{
    struct wire_fault fault;
    WireLinkBatch *batch;
    uint8_t *message = arena_alloc(&s->arena, effect->send.bytes);
    size_t len = 0;

    ck_assert_ptr_nonnull(message);
    ck_assert_uint_gt(effect->send.count, 0);
    for (size_t i = 0; i < effect->send.count; i++) {
        memcpy(message + len, effect->send.frames[i]->bytes, effect->send.frames[i]->len);
        len += effect->send.frames[i]->len;
    }
    ck_assert_uint_eq(len, effect->send.bytes);
    ck_assert_uint_le(len, WIRE_LINK_MESSAGE_MAX);
    ck_assert_int_eq(wire_decode_link(message, len, &s->arena, &batch, &fault), CHAT_OK);
    for (size_t i = 0; i < batch->n_frames; i++) {
        ck_assert_uint_lt(s->heard_count, SCRIPT_HEARD_MAX);
        s->heard[s->heard_count++] =
            (struct script_heard){.link = effect->link, .frame = batch->frames[i]};
    }
    s->sends++;
    s->last_sent_link = effect->link;
}

static inline void script_pull(struct script *s)
{
    struct effect effect;

    while (machine_poll(s->machine, &effect)) {
        switch (effect.kind) {
        case EFFECT_SEND: script_hear(s, &effect); break;
        case EFFECT_CLOSE:
            s->closes++;
            s->closed_link = effect.link;
            s->close_code = effect.close.code;
            snprintf(s->close_reason, sizeof(s->close_reason), "%s", effect.close.reason);
            break;
        case EFFECT_DIAL:
            s->dials++;
            s->dialed_peer = effect.dial.peer;
            break;
        case EFFECT_STOPPED: s->stops++; break;
        case EFFECT_ENGINE: ck_abort_msg("engine effect on a link"); break;
        }
    }
}

static inline void script_event(struct script *s, struct event *event)
{
    event->now = s->now;
    machine_feed(s->machine, event);
    script_pull(s);
}

static inline void script_kind(struct script *s, enum event_kind kind, link_id link)
{
    struct event event = {.kind = kind, .link = link};
    script_event(s, &event);
}

static inline void script_open(struct script *s, link_id link, enum link_kind kind, uint32_t peer)
{
    struct event event = {.kind = EVENT_LINK_OPENED, .link = link};

    event.opened.kind = kind;
    event.opened.peer = peer;
    event.opened.address = "192.0.2.1";
    script_event(s, &event);
}

/* link 0: the dial of `peer` failed. */
static inline void script_close(struct script *s, link_id link, uint32_t peer)
{
    struct event event = {.kind = EVENT_LINK_CLOSED, .link = link};

    event.closed.peer = peer;
    event.closed.code = 1006;
    script_event(s, &event);
}

static inline void script_bytes(struct script *s, link_id link, const uint8_t *bytes, size_t len)
{
    struct event event = {.kind = EVENT_LINK_MESSAGE, .link = link};

    event.message.bytes = bytes;
    event.message.len = len;
    script_event(s, &event);
}

static inline void script_say(struct script *s, link_id link, const WireLinkFrame *frame)
{
    struct frame *encoded = wire_encode_link(NULL, frame);

    ck_assert_ptr_nonnull(encoded);
    script_bytes(s, link, encoded->bytes, encoded->len);
    frame_unref(encoded);
}

/* Lets time pass; EVENT_TIMER is fed at each deadline on the way. */
static inline void script_wait(struct script *s, int64_t wait_ms)
{
    int64_t end_ms = s->now.mono_ms + wait_ms;

    for (;;) {
        int64_t deadline_ms = machine_deadline(s->machine);
        int64_t next_ms = deadline_ms < end_ms ? deadline_ms : end_ms;

        if (next_ms > s->now.mono_ms) {
            s->now.wall_ms += next_ms - s->now.mono_ms;
            s->now.mono_ms = next_ms;
        }
        if (deadline_ms > end_ms)
            return;
        script_kind(s, EVENT_TIMER, 0);
        ck_assert_int_gt(machine_deadline(s->machine), s->now.mono_ms);
    }
}

/* The newest frame of this kind that was heard; NULL if none. */
static inline const WireLinkFrame *script_last(const struct script *s, WireLinkFrame__BodyCase body)
{
    for (size_t i = s->heard_count; i-- > 0;)
        if (s->heard[i].frame->body_case == body)
            return s->heard[i].frame;
    return NULL;
}

static inline size_t script_count(const struct script *s, WireLinkFrame__BodyCase body)
{
    size_t count = 0;

    for (size_t i = 0; i < s->heard_count; i++)
        count += s->heard[i].frame->body_case == body;
    return count;
}

static inline void script_hello(struct script *s, link_id link, WireLinkRole role, uint64_t node_id)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLinkHello hello = WIRE_LINK_HELLO__INIT;

    hello.version = 1;
    hello.role = role;
    hello.node_id = node_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_LINK_HELLO;
    frame.link_hello = &hello;
    script_say(s, link, &frame);
}

static inline void script_welcome(struct script *s, link_id link, WireLinkRole role,
                                  uint64_t node_id, uint32_t credit)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLinkWelcome welcome = WIRE_LINK_WELCOME__INIT;

    welcome.version = 1;
    welcome.role = role;
    welcome.node_id = node_id;
    welcome.request_credit = credit;
    frame.body_case = WIRE_LINK_FRAME__BODY_LINK_WELCOME;
    frame.link_welcome = &welcome;
    script_say(s, link, &frame);
}

static inline void script_ping(struct script *s, link_id link)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLinkPing ping = WIRE_LINK_PING__INIT;

    ping.sent_at_ms = 42;
    frame.body_case = WIRE_LINK_FRAME__BODY_LINK_PING;
    frame.link_ping = &ping;
    script_say(s, link, &frame);
}

static inline void script_pong(struct script *s, link_id link)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLinkPong pong = WIRE_LINK_PONG__INIT;

    frame.body_case = WIRE_LINK_FRAME__BODY_LINK_PONG;
    frame.link_pong = &pong;
    script_say(s, link, &frame);
}

#endif
