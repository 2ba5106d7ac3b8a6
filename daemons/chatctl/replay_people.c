#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Lines that wait in nicks' queues, so that one who is offline does not stop the rest. */
#define AHEAD 4u

static bool is_nonce(const struct chat_nonce *a, const struct chat_nonce *b)
{
    return a->device_id == b->device_id && a->counter == b->counter;
}

/* REPLAY_END: not one of this nick's lines under way. */
static uint32_t find_sent(const struct replay *replay, const struct nick *nick,
                          const struct chat_nonce *nonce)
{
    uint32_t line = nick->oldest;

    while (line != REPLAY_END && line != nick->next) {
        if (is_nonce(&replay->log.lines[line].nonce, nonce))
            return line;
        line = replay->log.lines[line].next;
    }
    return REPLAY_END;
}

static void settle(struct replay *replay, struct nick *nick, struct replay_line *line,
                   enum line_state state)
{
    line->state = (uint8_t)state;
    nick->outstanding--;
    nick->left--;
    if (state == LINE_DONE)
        replay->done++;
    else
        replay->refused++;
    while (nick->oldest != REPLAY_END && nick->oldest != nick->next &&
           replay->log.lines[nick->oldest].state >= LINE_DONE)
        nick->oldest = replay->log.lines[nick->oldest].next;
}

static void on_outgoing(struct replay *replay, struct nick *nick, const struct chat_event *event)
{
    const struct chat_outgoing *out = event->outgoing;
    bool renamed = out->old_nonce.device_id != 0;
    uint32_t number = find_sent(replay, nick, renamed ? &out->old_nonce : &out->nonce);
    struct replay_line *line;

    if (number == REPLAY_END && renamed)
        number = find_sent(replay, nick, &out->nonce);
    if (number == REPLAY_END)
        return;
    line = &replay->log.lines[number];
    line->nonce = out->nonce;
    if (line->state != LINE_SENT)
        return;
    if (out->state == CHAT_OUTGOING_DONE) {
        line->seq = out->seq;
        settle(replay, nick, line, LINE_DONE);
    } else if (out->state == CHAT_OUTGOING_REFUSED || out->state == CHAT_OUTGOING_DISCARDED) {
        if (replay->refused == 0)
            snprintf(replay->refusal, sizeof(replay->refusal), "line %u: %s %.60s", number + 1,
                     chat_status_text(event->status), event->rule ? event->rule : "");
        settle(replay, nick, line, LINE_REFUSED);
    }
}

static void on_event(struct person *person, const struct chat_event *event)
{
    struct replay *replay = person->user;
    struct nick *nick = (struct nick *)person; /* its first member */

    if (event->type == CHAT_EVENT_WELCOME) {
        if (replay->author_ids[nick->number] == 0)
            replay->signed_in++;
        replay->author_ids[nick->number] = person->user_id;
    } else if (event->type == CHAT_EVENT_OUTGOING) {
        on_outgoing(replay, nick, event);
    }
}

static void on_member_event(struct person *person, const struct chat_event *event)
{
    (void)event;
    if (person->user_id != 0)
        crowd_leave(person); /* it exists now: that is all */
}

bool replay_people_init(struct replay *replay)
{
    replay->nicks = calloc(replay->log.nick_count, sizeof(*replay->nicks));
    replay->author_ids = calloc(replay->log.nick_count, sizeof(*replay->author_ids));
    if (!replay->nicks || !replay->author_ids)
        return false;
    for (uint32_t i = 0; i < replay->log.nick_count; i++) {
        const struct replay_nick *who = &replay->log.nicks[i];
        struct nick *nick = &replay->nicks[i];
        nick->number = i;
        nick->next = nick->oldest = who->first;
        nick->left = who->count;
        snprintf(nick->person.subject, sizeof(nick->person.subject), "%s", who->name);
        nick->person.keep_max = 1; /* it talks; what it missed is the listeners' business */
        nick->person.on_event = on_event;
        nick->person.user = replay;
    }
    for (uint32_t i = 0; i < replay->options.member_count; i++) {
        struct person *person = &replay->members[i];
        snprintf(person->subject, sizeof(person->subject), "%s", replay->options.members[i]);
        person->keep_max = 1;
        person->on_event = on_member_event;
        person->user = replay;
    }
    return true;
}

void replay_people_fini(struct replay *replay)
{
    free(replay->nicks);
    free(replay->author_ids);
    replay->nicks = NULL;
    replay->author_ids = NULL;
}

/* Signed in at some time, or on the way there. */
static void sign_in(struct replay *replay, struct person *person, uint32_t *arriving)
{
    if (person->user_id != 0)
        return;
    if (!person->conn && *arriving < REPLAY_ARRIVING_MAX)
        (void)crowd_arrive(&replay->crowd, person); /* an error: tried again, until the timeout */
    *arriving += person->conn != NULL;
}

bool replay_people_sign_in(struct replay *replay)
{
    uint32_t arriving = 0, missing = 0;

    sign_in(replay, &replay->listener, &arriving);
    sign_in(replay, &replay->late, &arriving);
    for (uint32_t i = 0; i < replay->options.member_count; i++)
        sign_in(replay, &replay->members[i], &arriving);
    for (uint32_t i = 0; i < replay->log.nick_count; i++) {
        struct person *person = &replay->nicks[i].person;
        sign_in(replay, person, &arriving);
        missing += person->user_id == 0;
        if (person->user_id != 0 && replay->options.come_and_go)
            crowd_leave(person);
    }
    for (uint32_t i = 0; i < replay->options.member_count; i++)
        missing += replay->members[i].user_id == 0;
    return missing == 0 && replay->listener.user_id != 0 &&
           (!replay->options.verify || replay->late.user_id != 0);
}

/* Lines are admitted in the log's order, in time when there is a speed. */
static void admit(struct replay *replay, int64_t now_ms)
{
    uint64_t may = replay->log.count;
    uint64_t ahead = replay->done + replay->refused + replay->options.window * AHEAD;

    if (replay->options.speed > 0)
        may = 1 + (uint64_t)(now_ms - replay->sending_ms) * replay->options.speed / 1000;
    if (may > ahead)
        may = ahead;
    while (replay->admitted < replay->log.count && replay->admitted < may)
        replay->nicks[replay->log.lines[replay->admitted++].nick].queued++;
}

/* False: not now. */
static bool send_line(struct replay *replay, struct nick *nick, chat_status *out_status)
{
    struct replay_line *line = &replay->log.lines[nick->next];
    uint64_t channel_id = replay->channel_ids[line->channel];
    chat_status status;

    if (!chat_conn_get_channel(nick->person.conn, channel_id))
        return false; /* it has not heard of the group yet */
    status = chat_conn_send_text(nick->person.conn, channel_id, line->text, line->text_len,
                                 &line->nonce);
    if (status == CHAT_E_FULL)
        return false;
    if (status != CHAT_OK) {
        *out_status = status;
        return false;
    }
    line->state = LINE_SENT;
    nick->next = line->next;
    nick->queued--;
    nick->outstanding++;
    replay->sent++;
    return true;
}

static bool may_send(const struct replay *replay, const struct nick *nick)
{
    return nick->queued > 0 && nick->outstanding < REPLAY_PER_NICK_MAX &&
           replay->sent - replay->done - replay->refused < replay->options.window;
}

static void come_or_go(struct replay *replay, struct nick *nick, uint32_t *arriving)
{
    struct person *person = &nick->person;

    if (nick->queued > 0 && !person->conn && *arriving < REPLAY_ARRIVING_MAX)
        (void)crowd_arrive(&replay->crowd, person);
    if (replay->options.come_and_go && nick->left == 0 && person->conn)
        crowd_leave(person);
    *arriving += person->conn && person->state < CHAT_CONN_SYNCING;
}

chat_status replay_people_talk(struct replay *replay, int64_t now_ms)
{
    chat_status status = CHAT_OK;
    uint32_t arriving = 0;

    admit(replay, now_ms);
    for (uint32_t i = 0; i < replay->log.nick_count && status == CHAT_OK; i++) {
        struct nick *nick = &replay->nicks[i];
        come_or_go(replay, nick, &arriving);
        if (!nick->person.conn || nick->person.leaving)
            continue;
        while (may_send(replay, nick) && send_line(replay, nick, &status))
            ;
    }
    return status;
}

uint64_t replay_people_drops(const struct replay *replay)
{
    uint64_t drops = replay->listener.drops + replay->late.drops + replay->pager.drops;

    for (uint32_t i = 0; i < replay->log.nick_count; i++)
        drops += replay->nicks[i].person.drops;
    return drops;
}
