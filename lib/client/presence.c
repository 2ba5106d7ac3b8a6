/* Who is online: best effort, the latest state of each watched user. */
#include <string.h>

#include "client/inner.h"

chat_status client_watch_presence(struct client_core *core, const uint64_t *ids, size_t count)
{
    struct chat_presence kept[CHAT_WATCH_MAX];

    if (count > CHAT_WATCH_MAX)
        return CHAT_E_TOO_LARGE;
    if (count && !ids)
        return CHAT_E_INVALID;
    for (size_t i = 0; i < count; i++) {
        kept[i] = (struct chat_presence){.user_id = ids[i]};
        for (uint32_t k = 0; k < core->watched_count; k++)
            if (core->watched[k].user_id == ids[i])
                kept[i] = core->watched[k];
    }
    if (count)
        memcpy(core->watched, kept, count * sizeof(kept[0]));
    core->watched_count = (uint32_t)count;
    memset(core->watched_dirty, 0, sizeof(core->watched_dirty));
    core->watched_dirty_count = 0;
    core->watch_wanted = true;
    return CHAT_OK;
}

chat_status client_set_presence(struct client_core *core, chat_presence_state state)
{
    if (state < CHAT_PRESENCE_IDLE || state > CHAT_PRESENCE_INVISIBLE)
        return CHAT_E_INVALID;
    core->cfg.presence = state; /* the next hello says it, too */
    core->presence_wanted = true;
    return CHAT_OK;
}

static bool send_watch(struct client_core *core)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireWatchPresence body = WIRE_WATCH_PRESENCE__INIT;
    uint64_t ids[CHAT_WATCH_MAX];
    struct request *r = request_new(core, REQ_WATCH);

    if (!r)
        return false;
    for (uint32_t i = 0; i < core->watched_count; i++)
        ids[i] = core->watched[i].user_id;
    body.user_ids = ids;
    body.n_user_ids = core->watched_count;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_WATCH_PRESENCE;
    frame.watch_presence = &body;
    return request_send(core, r, &frame);
}

static bool send_state(struct client_core *core)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireSetPresence body = WIRE_SET_PRESENCE__INIT;
    struct request *r = request_new(core, REQ_PRESENCE);

    if (!r)
        return false;
    body.state = (WirePresenceState)core->cfg.presence;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_SET_PRESENCE;
    frame.set_presence = &body;
    return request_send(core, r, &frame);
}

void presence_pump(struct client_core *core)
{
    if (core->watch_wanted && request_may_aside(core, BUDGET_OPERATIONS)) {
        core->watch_wanted = !send_watch(core);
        request_spend(core, BUDGET_OPERATIONS);
    }
    if (core->presence_wanted && request_may_aside(core, BUDGET_OPERATIONS)) {
        core->presence_wanted = !send_state(core);
        request_spend(core, BUDGET_OPERATIONS);
    }
}

void presence_batch(struct client_core *core, const WirePresenceBatch *batch)
{
    for (size_t i = 0; i < batch->n_users; i++) {
        const WirePresence *p = batch->users[i];

        for (uint32_t k = 0; k < core->watched_count; k++) {
            struct chat_presence *mine = &core->watched[k];

            if (mine->user_id != p->user_id)
                continue;
            mine->state = (chat_presence_state)p->state;
            mine->last_active_at_ms = p->last_active_at_ms;
            if (!core->watched_dirty[k]) {
                core->watched_dirty[k] = true;
                core->watched_dirty_count++;
            }
        }
    }
}
