#include "replay_view.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "chatctl.h"

#define SEQ_MAX (2ull * REPLAY_LINES_MAX)
#define CASES_MAX 5u /* of one kind are said */

void view_init(struct view *view, const char *name) { *view = (struct view){.name = name}; }

void view_fini(struct view *view)
{
    for (uint32_t c = 0; c < REPLAY_CHANNELS_MAX; c++) {
        struct seen_channel *channel = &view->channels[c];
        for (uint64_t i = 0; i < channel->cap; i++)
            free(channel->messages[i].text);
        free(channel->messages);
    }
    view_init(view, view->name);
}

static bool make_room(struct seen_channel *channel, uint64_t seq)
{
    uint64_t cap = channel->cap ? channel->cap : 1024;
    struct seen_message *messages;

    if (seq <= channel->cap)
        return true;
    while (cap < seq)
        cap *= 2;
    messages = seq > SEQ_MAX ? NULL : realloc(channel->messages, cap * sizeof(*messages));
    if (!messages)
        return false;
    memset(messages + channel->cap, 0, (cap - channel->cap) * sizeof(*messages));
    channel->messages = messages;
    channel->cap = cap;
    return true;
}

/* False: this seq was there already. */
static bool put(struct view *view, uint32_t number, const struct chat_message *message)
{
    struct seen_channel *channel = &view->channels[number];
    struct seen_message *seen;

    if (message->seq == 0 || !make_room(channel, message->seq)) {
        view->no_memory = true;
        return true;
    }
    seen = &channel->messages[message->seq - 1];
    if (seen->message_id != 0)
        return false;
    seen->text = malloc(message->text_len + 1);
    if (!seen->text) {
        view->no_memory = true;
        return true;
    }
    memcpy(seen->text, message->text, message->text_len);
    seen->text_len = (uint32_t)message->text_len;
    seen->message_id = message->message_id;
    seen->author_id = message->author_id;
    seen->nonce = message->nonce;
    channel->count++;
    view->count++;
    return true;
}

void view_message(struct view *view, uint32_t number, const struct chat_message *message)
{
    struct seen_channel *channel = &view->channels[number];

    if (message->seq <= channel->last_seq) {
        view->twice++;
        return;
    }
    view->holes += message->seq - channel->last_seq - 1;
    channel->last_seq = message->seq;
    if (!put(view, number, message))
        view->twice++;
}

void view_gap(struct view *view, uint32_t number, uint64_t from_seq, uint64_t to_seq)
{
    struct seen_channel *channel = &view->channels[number];

    view->gaps++;
    if (from_seq == channel->last_seq + 1 && to_seq >= from_seq)
        channel->last_seq = to_seq;
}

void view_fill(struct view *view, uint32_t number, const struct chat_message *message)
{
    (void)put(view, number, message);
}

/* --- the judgement --- */

struct verdict {
    const struct replay_log *log;
    const uint64_t *author_ids;
    uint32_t *lines_by_nonce; /* open addressing; 0: free, else line + 1 */
    uint64_t table_size;      /* a power of two */
    uint64_t cases[8];
    bool broken;
};

enum rule { R_LOST, R_TWICE, R_HOLES, R_SAME, R_BYTES, R_ORDER, R_ACK, R_STRANGE };

static void broken(struct verdict *verdict, enum rule rule, const char *format, ...)
    CHAT_PRINTF(3, 4);
static void broken(struct verdict *verdict, enum rule rule, const char *format, ...)
{
    va_list args;

    verdict->broken = true;
    if (verdict->cases[rule]++ >= CASES_MAX)
        return;
    fputs("broken: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static uint64_t slot_of(const struct verdict *verdict, const struct chat_nonce *nonce)
{
    return hash_pair(nonce->device_id, nonce->counter) & (verdict->table_size - 1);
}

static bool index_lines(struct verdict *verdict)
{
    const struct replay_log *log = verdict->log;

    verdict->table_size = 1024;
    while (verdict->table_size < 2ull * log->count)
        verdict->table_size *= 2;
    verdict->lines_by_nonce = calloc(verdict->table_size, sizeof(uint32_t));
    if (!verdict->lines_by_nonce)
        return false;
    for (uint32_t i = 0; i < log->count; i++) {
        uint64_t at = slot_of(verdict, &log->lines[i].nonce);
        while (verdict->lines_by_nonce[at] != 0)
            at = (at + 1) & (verdict->table_size - 1);
        verdict->lines_by_nonce[at] = i + 1;
    }
    return true;
}

/* REPLAY_END: nobody sent this. */
static uint32_t find_line(const struct verdict *verdict, const struct chat_nonce *nonce)
{
    uint64_t at = slot_of(verdict, nonce);

    for (; verdict->lines_by_nonce[at] != 0; at = (at + 1) & (verdict->table_size - 1)) {
        uint32_t line = verdict->lines_by_nonce[at] - 1;
        const struct chat_nonce *other = &verdict->log->lines[line].nonce;
        if (other->device_id == nonce->device_id && other->counter == nonce->counter)
            return line;
    }
    return REPLAY_END;
}

static void judge_message(struct verdict *verdict, const struct view *view, uint32_t channel,
                          uint64_t seq, uint8_t *line_seen, uint64_t *last_line_of_nick)
{
    const struct seen_message *seen = &view->channels[channel].messages[seq - 1];
    uint32_t number = find_line(verdict, &seen->nonce);
    const struct replay_line *line;

    if (number == REPLAY_END) {
        broken(verdict, R_STRANGE, "%s: message %" PRIu64 " was sent by nobody", view->name, seq);
        return;
    }
    line = &verdict->log->lines[number];
    if (line->channel != channel || verdict->author_ids[line->nick] != seen->author_id)
        broken(verdict, R_STRANGE, "%s: line %u is in the wrong place, or another's", view->name,
               number + 1);
    if (line_seen[number]++)
        broken(verdict, R_TWICE, "%s: line %u is there twice", view->name, number + 1);
    if (line->text_len != seen->text_len || memcmp(line->text, seen->text, seen->text_len) != 0)
        broken(verdict, R_BYTES, "%s: line %u has other bytes", view->name, number + 1);
    if (line->state == LINE_DONE && line->seq != seq)
        broken(verdict, R_ACK, "%s: line %u was acknowledged as %" PRIu64 " and is %" PRIu64,
               view->name, number + 1, line->seq, seq);
    if (last_line_of_nick[line->nick] > number + 1ull)
        broken(verdict, R_ORDER, "%s: %s said line %u after line %" PRIu64, view->name,
               verdict->log->nicks[line->nick].name, number + 1, last_line_of_nick[line->nick]);
    last_line_of_nick[line->nick] = number + 1ull;
}

static uint64_t lines_of_channel(const struct replay_log *log, uint32_t channel)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < log->count; i++)
        count += log->lines[i].channel == channel;
    return count;
}

static void judge_view(struct verdict *verdict, const struct view *view)
{
    const struct replay_log *log = verdict->log;
    uint8_t *line_seen = calloc(log->count, 1);
    uint64_t *last_line = calloc((size_t)log->nick_count * log->channel_count, sizeof(uint64_t));

    if (!line_seen || !last_line || view->no_memory) {
        broken(verdict, R_LOST, "%s: no memory to judge it", view->name);
    } else {
        for (uint32_t c = 0; c < log->channel_count; c++) {
            const struct seen_channel *channel = &view->channels[c];
            uint64_t lines = lines_of_channel(log, c);
            for (uint64_t seq = 1; seq <= channel->cap; seq++) {
                if (channel->messages[seq - 1].message_id != 0)
                    judge_message(verdict, view, c, seq, line_seen,
                                  last_line + (size_t)c * log->nick_count);
                else if (seq <= lines)
                    broken(verdict, R_LOST, "%s: %s %" PRIu64 " is missing", view->name,
                           log->channels[c], seq);
            }
            if (channel->cap < lines)
                broken(verdict, R_LOST, "%s: %s ends early", view->name, log->channels[c]);
        }
        for (uint32_t i = 0; i < log->count; i++) {
            if (!line_seen[i])
                broken(verdict, R_LOST, "%s: line %u is lost", view->name, i + 1);
        }
    }
    if (view->twice)
        broken(verdict, R_TWICE, "%s: %" PRIu64 " messages were told again", view->name,
               view->twice);
    if (view->holes)
        broken(verdict, R_HOLES, "%s: %" PRIu64 " messages were left out in silence", view->name,
               view->holes);
    free(line_seen);
    free(last_line);
}

static void compare(struct verdict *verdict, const struct view *a, const struct view *b)
{
    for (uint32_t c = 0; c < verdict->log->channel_count; c++) {
        const struct seen_channel *x = &a->channels[c], *y = &b->channels[c];
        uint64_t cap = x->cap < y->cap ? x->cap : y->cap;
        for (uint64_t i = 0; i < cap; i++) {
            const struct seen_message *m = &x->messages[i], *n = &y->messages[i];
            if (m->message_id != n->message_id || m->author_id != n->author_id ||
                m->text_len != n->text_len ||
                (m->text_len && memcmp(m->text, n->text, m->text_len) != 0))
                broken(verdict, R_SAME, "%s and %s differ at %s %" PRIu64, a->name, b->name,
                       verdict->log->channels[c], i + 1);
        }
    }
}

bool view_judge(const struct replay_log *log, const uint64_t *author_ids,
                const struct view *const *views, uint32_t view_count)
{
    struct verdict verdict = {.log = log, .author_ids = author_ids};

    if (!index_lines(&verdict)) {
        fputs("broken: no memory to judge\n", stderr);
        return false;
    }
    for (uint32_t i = 0; i < log->count; i++) {
        if (log->lines[i].state != LINE_DONE)
            broken(&verdict, R_LOST, "line %u was %s", i + 1,
                   log->lines[i].state == LINE_REFUSED ? "refused" : "not acknowledged");
    }
    for (uint32_t v = 0; v < view_count; v++) {
        judge_view(&verdict, views[v]);
        if (v > 0)
            compare(&verdict, views[0], views[v]);
    }
    free(verdict.lines_by_nonce);
    return !verdict.broken;
}
