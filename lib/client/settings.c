/*
 * What the user sets for a channel, on all of his devices. Set here it is in the cache when
 * the call returns; the server hears of it when there is a link. Drafts are in draft.c.
 *
 * Mute: the later one wins, by the order of the user's home. One set here while the server's
 * became newer than what it was made from gives way to that.
 */
#include "base/plant.h"
#include "client/inner.h"

#define RETRY_MS 1000    /* after a problem that may pass */
#define REFUSED_MS 60000 /* after one that may not */

void settings_check(struct client_core *core, struct channel *ch)
{
    const bool waits = ch->own.mute_dirty || ch->own.draft_dirty || ch->own.draft_pull;

    if (waits && !list_node_is_linked(&ch->settling))
        list_push_back(&core->settling, &ch->settling);
    else if (!waits)
        list_remove(&ch->settling);
}

static chat_status take_settings(const struct cache_settings *s, void *user)
{
    struct channel *ch = channel_find(user, s->channel_id);

    if (!ch)
        return CHAT_OK;
    ch->own.muted_until_ms = s->muted_until_ms;
    ch->own.version = s->version;
    ch->own.mute_dirty = s->dirty;
    ch->own.shown_seq = s->shown_seq;
    settings_check(user, ch);
    return CHAT_OK;
}

chat_status settings_load(struct client_core *core)
{
    chat_status status = cache_settings_load(core->cache, take_settings, core);

    return status == CHAT_OK ? draft_load(core) : status;
}

void settings_save(struct client_core *core, struct channel *ch)
{
    const struct cache_settings row = {ch->c.channel_id, ch->own.muted_until_ms, ch->own.version,
                                       ch->own.mute_dirty, ch->own.shown_seq};

    (void)core_ok(core, cache_settings_save(core->cache, &row));
}

/* --- mute --- */

chat_status client_set_muted(struct client_core *core, uint64_t channel_id, int64_t until_ms)
{
    struct channel *ch;
    chat_status status = core_commit(core);

    if (status != CHAT_OK)
        return status;
    if (until_ms < 0)
        return CHAT_E_INVALID;
    ch = channel_find(core, channel_id);
    if (!ch)
        return CHAT_E_NOT_FOUND;
    if (ch->own.muted_until_ms == until_ms)
        return CHAT_OK;
    ch->own.muted_until_ms = until_ms;
    ch->own.mute_dirty = true;
    settings_save(core, ch);
    events_channel(core, ch);
    settings_check(core, ch);
    return core_commit(core);
}

/* What the server has. True when it was newer. */
static bool learn_mute(struct client_core *core, struct channel *ch, const WireChannelSettings *w)
{
    const bool changed = ch->own.muted_until_ms != w->muted_until_ms;

    if (w->version <= ch->own.version)
        return false;
    ch->own.version = w->version;
    ch->own.mute_dirty = false;
    ch->own.muted_until_ms = w->muted_until_ms;
    settings_save(core, ch);
    if (changed)
        events_channel(core, ch);
    settings_check(core, ch);
    return true;
}

void settings_listed(struct client_core *core, struct channel *ch, const WireChannelSettings *w)
{
    if (!w || PLANTED(SETTINGS_NOT_LISTED))
        return;
    if (w->version > RANGES_SEQ_MAX || w->draft_version > RANGES_SEQ_MAX || w->muted_until_ms < 0) {
        session_odd(core, "settings beyond all bounds");
        return;
    }
    (void)learn_mute(core, ch, w);
    if (w->draft_version <= ch->own.draft_version)
        return;
    if (w->has_draft)
        ch->own.draft_pull = true; /* its push may have been missed: ask */
    else
        draft_forget(core, ch, w->draft_version);
    settings_check(core, ch);
}

void settings_push(struct client_core *core, const WireChannelSettings *settings)
{
    struct channel *ch = channel_find(core, settings->channel_id);

    if (ch)
        settings_listed(core, ch, settings);
}

static bool send_mute(struct client_core *core, struct channel *ch)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireSetChannelSettings body = WIRE_SET_CHANNEL_SETTINGS__INIT;
    struct request *r = request_new(core, REQ_SETTINGS);
    uint32_t id;

    if (!r)
        return false;
    id = r->id;
    r->channel = ch;
    r->start_seq = (uint64_t)ch->own.muted_until_ms;
    body.channel_id = ch->c.channel_id;
    body.muted_until_ms = ch->own.muted_until_ms;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_SET_CHANNEL_SETTINGS;
    frame.set_channel_settings = &body;
    if (!request_send(core, r, &frame))
        return false;
    ch->own.settings_request = id;
    request_spend(core, BUDGET_OPERATIONS);
    return true;
}

int64_t settings_wait_after(struct client_core *core, const WireProblem *p)
{
    int64_t wait_ms = dispatch_is_temporary(p) ? RETRY_MS : REFUSED_MS;

    wait_ms += (int64_t)rng_below(&core->rng, RETRY_MS);
    return core->now.mono_ms + wait_ms + (int64_t)least_u64(p->retry_after_ms, CLIENT_SLOT_MAX_MS);
}

/* Ours is in. What was set here since stands; what another device set before it does not. */
static void learn_answer(struct client_core *core, struct channel *ch, const WireChannelSettings *w)
{
    const bool changed = ch->own.muted_until_ms != w->muted_until_ms;

    if (w->version > RANGES_SEQ_MAX || w->muted_until_ms < 0) {
        session_odd(core, "settings beyond all bounds");
        return;
    }
    if (w->version >= ch->own.version) { /* else older than what was told: say it again, if dirty */
        if (!changed)
            ch->own.mute_dirty = false;
        if (changed && !ch->own.mute_dirty) {
            ch->own.muted_until_ms = w->muted_until_ms;
            events_channel(core, ch);
        }
    }
    ch->own.version = w->version;
    settings_save(core, ch);
}

void settings_answer(struct client_core *core, struct request *r, const WireServerFrame *frame)
{
    struct channel *ch = r->channel;

    if (!ch)
        return;
    ch->own.settings_request = 0;
    if (frame->body_case == WIRE_SERVER_FRAME__BODY_PROBLEM) {
        ch->own.settings_wait_until_ms = settings_wait_after(core, frame->problem);
    } else if (frame->body_case == WIRE_SERVER_FRAME__BODY_CHANNEL_SETTINGS) {
        learn_answer(core, ch, frame->channel_settings);
    } else {
        session_protocol_error(core, "settings answered by something else");
        return;
    }
    settings_check(core, ch);
}

/* False: nothing more can be sent now. */
static bool settle(struct client_core *core, struct channel *ch)
{
    struct own_settings *own = &ch->own;

    if (own->mute_dirty && !own->settings_request) {
        if (core->now.mono_ms < own->settings_wait_until_ms)
            core_wake_at(core, own->settings_wait_until_ms);
        else if (!request_may_aside(core, BUDGET_OPERATIONS) || !send_mute(core, ch))
            return false;
    }
    if ((own->draft_dirty || own->draft_pull) && !own->draft_request) {
        if (core->now.mono_ms < own->draft_wait_until_ms)
            core_wake_at(core, own->draft_wait_until_ms);
        else if (!request_may_aside(core, BUDGET_OPERATIONS) || !draft_send(core, ch))
            return false;
    }
    return true;
}

void settings_pump(struct client_core *core)
{
    LIST_EACH(node, &core->settling)
    {
        struct channel *ch = LIST_ENTRY(node, struct channel, settling);

        /* What the server has comes first: it may be newer. */
        if (ch->listed == core->list_round && !settle(core, ch))
            return;
    }
}
