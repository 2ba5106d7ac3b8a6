#include "server/router/heartbeat.h"

#include "server/router/output.h"
#include "server/router/presence_report.h"

/* Behind, or on another history. A router that is itself behind says nothing. */
static bool is_behind(const WirePosition *client, const struct home *h)
{
    if (client->epoch != h->head_epoch)
        return true;
    if (client->seq < h->head_seq || client->rev < h->head_rev)
        return true;
    return client->seq == h->head_seq && client->message_id != 0 && h->head_message_id != 0 &&
           client->message_id != h->head_message_id;
}

static bool compare(const struct router *r, const struct session *s, const WirePosition *client,
                    WirePosition *out_head)
{
    const struct home *h = home_find(r, client->channel_id);
    struct home_member member;

    if (!h || h->state != HOME_LIVE)
        return false;
    if (!home_member_of(h, s, &member) ||
        !(member.permissions & WIRE_PERMISSION__PERMISSION_VIEW) || !is_behind(client, h))
        return false;
    *out_head = (WirePosition)WIRE_POSITION__INIT;
    out_head->channel_id = h->home_id;
    out_head->epoch = h->head_epoch;
    out_head->seq = h->head_seq;
    out_head->message_id = h->head_message_id;
    out_head->rev = h->head_rev;
    return true;
}

static void note_activity(struct router *r, struct session *s)
{
    if (r->now.wall_ms - s->active_at_ms < HEARTBEAT_ACTIVE_MS)
        return;
    s->active_at_ms = r->now.wall_ms;
    report_session(r, s, (WirePresenceState)s->presence);
}

void heartbeat_answer(struct router *r, struct session *s, uint32_t request_id,
                      const WireHeartbeat *heartbeat)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireHeartbeatAck ack = WIRE_HEARTBEAT_ACK__INIT;
    WirePosition heads[CHAT_HEARTBEAT_POSITIONS_MAX];
    WirePosition *pointers[CHAT_HEARTBEAT_POSITIONS_MAX];

    for (size_t i = 0; i < heartbeat->n_positions && i < CHAT_HEARTBEAT_POSITIONS_MAX; i++) {
        pointers[ack.n_heads] = &heads[ack.n_heads];
        if (compare(r, s, heartbeat->positions[i], &heads[ack.n_heads]))
            ack.n_heads++;
    }
    if (heartbeat->active)
        note_activity(r, s);
    ack.heads = pointers;
    ack.server_time_ms = r->now.wall_ms;
    frame.request_id = request_id;
    frame.body_case = WIRE_SERVER_FRAME__BODY_HEARTBEAT_ACK;
    frame.heartbeat_ack = &ack;
    output_send(r, s, &frame);
}
