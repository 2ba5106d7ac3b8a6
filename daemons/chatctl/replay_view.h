/*
 * replay_view: what one device has seen of a conversation, message by message, and the
 * judgement over several of them: the same sequence, nothing lost, nothing twice, each
 * sender's order kept, every byte equal.
 */
#ifndef CHAT_CHATCTL_REPLAY_VIEW_H
#define CHAT_CHATCTL_REPLAY_VIEW_H

#include "replay_log.h"

struct seen_message {
    uint64_t message_id; /* 0: not seen */
    uint64_t author_id;
    struct chat_nonce nonce;
    char *text;
    uint32_t text_len;
};

struct seen_channel {
    struct seen_message *messages; /* [seq - 1] */
    uint64_t cap;
    uint64_t count;
    uint64_t last_seq; /* as events, in order */
};

struct view {
    const char *name; /* "live" */
    struct seen_channel channels[REPLAY_CHANNELS_MAX];
    uint64_t count; /* of all channels */
    uint64_t twice; /* told again, or after a later one */
    uint64_t holes; /* left out and not told */
    uint64_t gaps;  /* told */
    bool no_memory;
};

void view_init(struct view *view, const char *name);
void view_fini(struct view *view);
/* As CHAT_EVENT_MESSAGE: in order, each once. */
void view_message(struct view *view, uint32_t channel, const struct chat_message *message);
/* As CHAT_EVENT_GAP. */
void view_gap(struct view *view, uint32_t channel, uint64_t from_seq, uint64_t to_seq);
/* From a page of history: fills in. */
void view_fill(struct view *view, uint32_t channel, const struct chat_message *message);

/*
 * Judges. `author_ids` are the users of the log's nicks. Says every kind of broken promise on
 * stderr with its first case. True when all hold.
 */
bool view_judge(const struct replay_log *log, const uint64_t *author_ids,
                const struct view *const *views, uint32_t view_count);

#endif
