/*
 * Typing: best effort, both ways. Of our own user it is said at once and again while it goes
 * on; of others it is over when they say so, write, or say nothing for a while.
 */
#include <string.h>

#include "client/inner.h"

#define EXPIRE_MS 6000   /* somebody who says nothing more has stopped */
#define REPEAT_MS 4000   /* sooner than that, later than the server's 3 s */
#define GIVE_UP_MS 10000 /* after the last call our own user has stopped */

/* --- others --- */

static struct typist *find(struct client_core *core, uint64_t channel_id, uint64_t user_id)
{
    for (uint32_t i = 0; i < core->typists_count; i++) {
        struct typist *t = &core->typists[i];

        if (t->channel_id == channel_id && t->user_id == user_id)
            return t;
    }
    return NULL;
}

static void set_news(struct client_core *core, struct typist *t)
{
    if (!t->is_news)
        core->typing_news++;
    t->is_news = true;
}

static void stop(struct client_core *core, struct typist *t)
{
    if (t->until_ms == 0)
        return;
    t->until_ms = 0;
    set_news(core, t);
}

void typing_over(struct client_core *core, uint64_t channel_id, uint64_t user_id)
{
    struct typist *t = find(core, channel_id, user_id);

    if (t)
        stop(core, t);
}

void typing_heard(struct client_core *core, const WireTyping *typing)
{
    struct typist *t;

    if (!typing->user_id || typing->user_id == client_user_id(core) ||
        !channel_find(core, typing->channel_id))
        return;
    t = find(core, typing->channel_id, typing->user_id);
    if (typing->stop) {
        if (t)
            stop(core, t);
        return;
    }
    if (!t && core->typists_count == CLIENT_TYPISTS_MAX)
        return; /* more than anybody reads */
    if (!t) {
        t = &core->typists[core->typists_count++];
        *t = (struct typist){.channel_id = typing->channel_id, .user_id = typing->user_id};
    }
    if (t->until_ms == 0)
        set_news(core, t);
    t->until_ms = core->now.mono_ms + EXPIRE_MS;
    users_saw(core, typing->user_id);
}

void typing_lost(struct client_core *core)
{
    for (uint32_t i = 0; i < core->typists_count; i++)
        stop(core, &core->typists[i]);
    core->typing_count = 0;
}

void typing_timer(struct client_core *core)
{
    for (uint32_t i = 0; i < core->typists_count; i++)
        if (core->now.mono_ms >= core->typists[i].until_ms)
            stop(core, &core->typists[i]);
}

int64_t typing_deadline(const struct client_core *core)
{
    int64_t at_ms = MOMENT_NEVER;

    for (uint32_t i = 0; i < core->typists_count; i++)
        if (core->typists[i].until_ms != 0 && core->typists[i].until_ms < at_ms)
            at_ms = core->typists[i].until_ms;
    return at_ms;
}

bool typing_show(struct client_core *core, struct chat_event *out)
{
    for (uint32_t i = 0; i < core->typists_count && core->typing_news; i++) {
        struct typist *t = &core->typists[i];

        if (!t->is_news)
            continue;
        t->is_news = false;
        core->typing_news--;
        out->type = CHAT_EVENT_TYPING;
        out->channel_id = t->channel_id;
        out->user_id = t->user_id;
        out->typing = t->until_ms != 0;
        if (!out->typing)
            *t = core->typists[--core->typists_count];
        return true;
    }
    return false;
}

/* --- our own user --- */

static struct typing *find_own(struct client_core *core, uint64_t channel_id)
{
    for (uint32_t i = 0; i < core->typing_count; i++)
        if (core->typing[i].channel_id == channel_id)
            return &core->typing[i];
    return NULL;
}

static void forget_own(struct client_core *core, struct typing *t)
{
    *t = core->typing[--core->typing_count];
}

chat_status client_set_typing(struct client_core *core, uint64_t channel_id, bool typing)
{
    struct typing *t = find_own(core, channel_id);

    if (!channel_find(core, channel_id))
        return CHAT_E_NOT_FOUND;
    if (!typing) {
        if (t && t->said)
            t->until_ms = 0;
        else if (t)
            forget_own(core, t);
        return CHAT_OK;
    }
    if (!session_is_signed_in(core))
        return CHAT_OK; /* it would be over by then */
    if (!t) {
        if (core->typing_count == CLIENT_TYPING_MAX)
            forget_own(core, &core->typing[0]);
        t = &core->typing[core->typing_count++];
        *t = (struct typing){.channel_id = channel_id, .say_at_ms = core->now.mono_ms};
    }
    t->until_ms = core->now.mono_ms + GIVE_UP_MS;
    return CHAT_OK;
}

/* The message says it. */
void typing_sent(struct client_core *core, uint64_t channel_id)
{
    struct typing *t = find_own(core, channel_id);

    if (t)
        forget_own(core, t);
}

static bool say(struct client_core *core, uint64_t channel_id, bool stopped)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireTyping body = WIRE_TYPING__INIT;

    body.channel_id = channel_id;
    body.stop = stopped;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_TYPING;
    frame.typing = &body;
    return request_say(core, &frame);
}

void typing_pump(struct client_core *core)
{
    for (uint32_t i = core->typing_count; i-- > 0;) {
        struct typing *t = &core->typing[i];
        const bool stopped = t->until_ms == 0;

        if (!request_has_room(core))
            return;
        if (!stopped && core->now.mono_ms >= t->until_ms) {
            forget_own(core, t); /* the others see it for themselves */
        } else if (stopped) {
            if (!say(core, t->channel_id, true))
                return;
            forget_own(core, t);
        } else if (core->now.mono_ms >= t->say_at_ms) {
            if (!say(core, t->channel_id, false))
                return;
            t->said = true;
            t->say_at_ms = core->now.mono_ms + REPEAT_MS;
            core_wake_at(core, t->say_at_ms);
        } else {
            core_wake_at(core, t->say_at_ms);
        }
    }
}
