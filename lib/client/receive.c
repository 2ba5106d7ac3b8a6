/*
 * One WebSocket message, in pieces: a host that has little time hands over what it can
 * afford. Between two pieces the turn may be committed and anything else may happen, so a
 * piece leaves everything whole: of a half page what was stored is also held.
 */
#include <libchat/close.h>

#include "client/inner.h"

bool receive_one(struct client_core *core)
{
    if (core->units == 0) {
        core->unfinished = true;
        return false;
    }
    core->units--;
    core->item++;
    return true;
}

static void free_request(struct client_core *core, struct request *r)
{
    if (!r)
        return;
    alloc_free(core->allocator, r->ranges);
    alloc_free(core->allocator, r);
}

void receive_drop(struct client_core *core)
{
    if (!core->half.frame)
        return;
    free_request(core, core->half.request);
    core->half = (struct half_frame){0};
    arena_reset(&core->arena);
}

/* Handles a frame from core->item on. Its request, if any, is ours. */
static void handle(struct client_core *core, const WireServerFrame *frame, struct request *r)
{
    core->unfinished = false;
    dispatch_frame(core, r, frame);
    if (core->unfinished && core->link) {
        core->half = (struct half_frame){.frame = frame, .request = r};
        return;
    }
    free_request(core, r);
    arena_reset(&core->arena);
}

/* The next frame; false when the message says nothing more. */
static bool next_frame(struct client_core *core, const uint8_t *bytes, size_t len, size_t *at)
{
    struct wire_fault fault = {.rule = ""};
    WireServerFrame *frame = NULL;
    chat_status status = CHAT_OK;

    if (*at == 0)
        status = wire_check_server(bytes, len, &fault);
    if (status == CHAT_OK)
        status = wire_next_server(bytes, len, at, &core->arena, &frame, &fault);
    if (status == CHAT_E_NOMEM) /* no fault of the server's */
        session_drop(core, CHAT_CLOSE_GOING_AWAY, "no memory", status);
    else if (status != CHAT_OK)
        session_protocol_error(core, fault.rule);
    if (!frame) {
        arena_reset(&core->arena);
        return false;
    }
    core->item = 0;
    handle(core, frame, dispatch_request(core, frame));
    return true;
}

bool client_receive(struct client_core *core, link_id link, const uint8_t *bytes, size_t len,
                    size_t *at, uint32_t *units)
{
    bool done = false;

    core->units = *units;
    while (core->units && core->link == link && link) {
        struct half_frame half = core->half;

        if (half.frame) {
            core->half = (struct half_frame){0};
            handle(core, half.frame, half.request);
        } else if (*at == len) {
            done = true;
            break;
        } else {
            bool last = core->units == 1; /* then its first item is had for the same price */

            core->units -= !last;
            done = !next_frame(core, bytes, len, at);
            if (done)
                break;
            if (last && core->units)
                core->units--;
        }
    }
    *units = core->units;
    return done || core->link != link || !link || (*at == len && !core->half.frame);
}
