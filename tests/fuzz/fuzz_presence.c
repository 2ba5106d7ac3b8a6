/*
 * The presence role, and the links it stands on, against routers that say anything. The
 * input is steps: one byte for what happens and on which of four links, one for how long a
 * message is or how much time passes, and the message.
 */
#include <string.h>

#include "fuzz.h"
#include "server/presence/presence.h"
#include "wire/wire.h"

#define LINKS 4u
#define EFFECTS_MAX 10000u

struct run {
    struct presence *presence;
    struct moment now;
    link_id next_id;
    link_id open[LINKS]; /* 0: none */
};

static void feed(struct run *r, struct event *event)
{
    struct machine *m = presence_machine(r->presence);
    struct effect effect;
    uint32_t effects = 0;

    event->now = r->now;
    machine_feed(m, event);
    while (machine_poll(m, &effect)) {
        FUZZ_CHECK(++effects < EFFECTS_MAX);
        FUZZ_CHECK(effect.kind == EFFECT_SEND || effect.kind == EFFECT_CLOSE);
    }
}

static void greet(struct run *r, uint32_t at)
{
    struct event event = {.kind = EVENT_LINK_MESSAGE, .link = r->open[at]};
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireLinkHello hello = WIRE_LINK_HELLO__INIT;
    struct frame *encoded;

    hello.version = 1;
    hello.role = WIRE_LINK_ROLE__LINK_ROLE_ROUTER;
    hello.node_id = at + 1;
    frame.body_case = WIRE_LINK_FRAME__BODY_LINK_HELLO;
    frame.link_hello = &hello;
    encoded = wire_encode_link(NULL, &frame);
    FUZZ_CHECK(encoded);
    event.message.bytes = encoded->bytes;
    event.message.len = encoded->len;
    feed(r, &event);
    frame_unref(encoded);
}

static void open_or_close(struct run *r, uint32_t at)
{
    struct event event = {.kind = EVENT_LINK_CLOSED, .link = r->open[at]};

    if (r->open[at] != 0) {
        feed(r, &event);
        r->open[at] = 0;
        return;
    }
    event = (struct event){.kind = EVENT_LINK_OPENED, .link = ++r->next_id};
    event.opened.kind = LINK_PEER;
    event.opened.address = "192.0.2.1";
    r->open[at] = event.link;
    feed(r, &event);
}

/* How many bytes of the message it used. */
static size_t step(struct run *r, uint8_t what, uint8_t amount, const uint8_t *bytes, size_t len)
{
    uint32_t at = what % LINKS;
    struct event event = {.link = r->open[at]};

    switch (what / LINKS % 6) {
    case 0: open_or_close(r, at); return 0;
    case 1: greet(r, at); return 0;
    case 2: event.kind = EVENT_LINK_BLOCKED; break;
    case 3: event.kind = EVENT_LINK_DRAINED; break;
    case 4:
        r->now.mono_ms += (int64_t)amount * amount;
        event = (struct event){.kind = EVENT_TIMER};
        break;
    default:
        event.kind = EVENT_LINK_MESSAGE;
        event.message.bytes = bytes;
        event.message.len = len < amount ? len : amount;
        break;
    }
    feed(r, &event);
    return event.kind == EVENT_LINK_MESSAGE ? event.message.len : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct run r = {.now = {.mono_ms = 1000, .wall_ms = INT64_C(1700000000000)}};
    struct presence_config config;
    struct presence_stats stats;

    presence_config_init(&config);
    config.seed = 1;
    config.sessions_max = 8;
    config.watches_max = 8;
    config.routers_max = 3;
    FUZZ_CHECK(presence_new(&config, &r.presence) == CHAT_OK);
    for (size_t at = 0; at + 2 <= len;) {
        at += 2;
        at += step(&r, bytes[at - 2], bytes[at - 1], bytes + at, len - at);
    }
    presence_get_stats(r.presence, &stats);
    FUZZ_CHECK(stats.sessions <= 8 && stats.watches <= 8 && stats.users <= 16);
    FUZZ_CHECK(stats.users_online <= stats.sessions && stats.routers <= 3);
    presence_free(r.presence);
    return 0;
}
