/* Who is online: best effort, the latest state of each watched user. */
#include <string.h>

#include "client/inner.h"

#define LOOK_PAUSE_MS 1000 /* between two changes of whom views watch */

/* Keeps what is known of those who stay. */
static void watch(struct client_core *core, const uint64_t *ids, uint32_t count)
{
    struct chat_presence kept[CHAT_WATCH_MAX];
    bool dirty[CHAT_WATCH_MAX] = {false};

    core->watched_dirty_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        kept[i] = (struct chat_presence){.user_id = ids[i]};
        for (uint32_t k = 0; k < core->watched_count; k++) {
            if (core->watched[k].user_id != ids[i])
                continue;
            kept[i] = core->watched[k];
            dirty[i] = core->watched_dirty[k];
        }
        core->watched_dirty_count += dirty[i];
    }
    if (count)
        memcpy(core->watched, kept, count * sizeof(kept[0]));
    memcpy(core->watched_dirty, dirty, sizeof(dirty));
    core->watched_count = count;
    core->watch_wanted = true;
}

static bool is_watched(const struct client_core *core, const uint64_t *ids, uint32_t count)
{
    bool same = core->watched_count == count;

    for (uint32_t i = 0; i < count && same; i++)
        same = core->watched[i].user_id == ids[i];
    return same;
}

/* Whoever the application or its views look at. */
static void merge(struct client_core *core)
{
    uint64_t ids[CHAT_WATCH_MAX];
    uint32_t count = core->watch_id_count;

    if (count)
        memcpy(ids, core->watch_ids, count * sizeof(ids[0]));
    count = view_people(core, ids, count, CHAT_WATCH_MAX);
    if (!is_watched(core, ids, count))
        watch(core, ids, count);
}

chat_status client_watch_presence(struct client_core *core, const uint64_t *ids, size_t count)
{
    if (count > CHAT_WATCH_MAX)
        return CHAT_E_TOO_LARGE;
    if (count && !ids)
        return CHAT_E_INVALID;
    if (count)
        memcpy(core->watch_ids, ids, count * sizeof(ids[0]));
    core->watch_id_count = (uint32_t)count;
    merge(core);
    return CHAT_OK;
}

void presence_look(struct client_core *core) { core->look_wanted = true; }

/* Not at each line somebody else says: watching costs a request. */
static void look(struct client_core *core)
{
    if (!core->look_wanted)
        return;
    if (core->now.mono_ms < core->look_at_ms) {
        core_wake_at(core, core->look_at_ms);
        return;
    }
    core->look_wanted = false;
    core->look_at_ms = core->now.mono_ms + LOOK_PAUSE_MS;
    merge(core);
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
    look(core);
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
            if (mine->state != (chat_presence_state)p->state)
                view_touch_user(core, p->user_id);
            mine->state = (chat_presence_state)p->state;
            mine->last_active_at_ms = p->last_active_at_ms;
            if (!core->watched_dirty[k]) {
                core->watched_dirty[k] = true;
                core->watched_dirty_count++;
            }
        }
    }
}
