/*
 * What every sample of a cache file holds: a little of everything a user cannot get back.
 * cache_sample.c writes it with the schema of its day, test_cache_golden.c looks for it in
 * the samples of all versions. Only ever appended, for what a later schema keeps beside it:
 * what is "own" is in the samples v<version>_own.db alone, from schema 3 on.
 */
#ifndef CHAT_TESTS_CACHE_SAMPLE_H
#define CHAT_TESTS_CACHE_SAMPLE_H

#include <string.h>

#include "cache/cache.h"

#define SAMPLE_SERVICE UINT64_C(7)
#define SAMPLE_USER UINT64_C(1001)
#define SAMPLE_DEVICE UINT64_C(0x8877665544332211)
#define SAMPLE_GROUP (UINT64_MAX - 5)
#define SAMPLE_TICKET "ticket of a sample"

#define SAMPLE_COUNT(list) (sizeof(list) / sizeof((list)[0]))

static const struct {
    uint64_t user_id;
    const char *name;
} sample_users[] = {
    {SAMPLE_USER, "me"},
    {1002, "bob"},
    {UINT64_MAX - 1, "\xc3\x86r\xc3\xb8 \xe5\x8c\x97\xe4\xba\xac"},
};

struct sample_range {
    uint64_t from, to, rev;
};

static const struct sample_channel {
    struct cache_channel c;
    struct sample_range ranges[2];
} sample_channels[] = {
    {.c = {.channel_id = 500,
           .home_id = 500,
           .kind = CHAT_HOME_DIRECT,
           .permissions = 3,
           .epoch = 2,
           .head_seq = 40,
           .head_message_id = 5040,
           .head_rev = 3,
           .first_seq = 1,
           .stream_seq = 40,
           .read_seq = 35,
           .read_message_id = 5035,
           .deleted_unread = 1,
           .peer_id = 1002,
           .last_counter = (UINT64_C(1) << 32) + 4,
           .last_device = SAMPLE_DEVICE},
     .ranges = {{1, 10, 2}, {31, 40, 3}}},
    {.c = {.channel_id = 600,
           .home_id = 600,
           .kind = CHAT_HOME_DIRECT,
           .permissions = 1,
           .epoch = 1,
           .head_seq = 9,
           .head_message_id = 6009,
           .stream_seq = 9,
           .mark_seq = 8,
           .peer_id = UINT64_MAX - 1}},
    {.c = {.channel_id = SAMPLE_GROUP,
           .home_id = SAMPLE_GROUP,
           .kind = CHAT_HOME_GROUP,
           .permissions = 7,
           .epoch = 1,
           .head_seq = 3,
           .head_message_id = 7003,
           .first_seq = 1,
           .stream_seq = 2,
           .read_seq = 1,
           .name = "the room",
           .name_len = 8},
     .ranges = {{1, 3, 0}}},
};

static inline struct chat_message sample_message(uint64_t channel_id, uint64_t seq)
{
    static const char *const texts[] = {"plain words", "", "na\xc3\xafve caf\xc3\xa9",
                                        "\xe4\xbd\xa0\xe5\xa5\xbd\xe4\xb8\x96\xe7\x95\x8c"};
    static const uint8_t extra[] = {0, 0xff, 'x', 0};
    const bool other = seq % 2;
    struct chat_message m = {
        .channel_id = channel_id,
        .seq = seq,
        .message_id = (channel_id == 500 ? 5000 : 7000) + seq,
        .author_id = other ? UINT64_MAX - 1 : SAMPLE_USER,
        .nonce = {other ? 9 : SAMPLE_DEVICE, (UINT64_C(1) << 32) + seq},
        .sent_at_ms = INT64_C(1700000000000) + (int64_t)seq,
        .reply_to_seq = seq % 4 == 3 ? seq - 1 : 0,
        .text = texts[seq % 4],
        .extra = seq % 4 == 1 ? extra : NULL,
        .extra_len = seq % 4 == 1 ? sizeof(extra) : 0,
    };

    if (seq == 3) { /* edited */
        m.rev = 1;
        m.edited_at_ms = INT64_C(1700000001000);
        m.text = "as edited";
    } else if (seq == 5) { /* deleted */
        m.rev = 2;
        m.deleted = true;
        m.text = "";
        m.extra = NULL;
        m.extra_len = 0;
    }
    m.text_len = strlen(m.text);
    return m;
}

static const struct cache_outgoing sample_outbox[] = {
    {.device_id = SAMPLE_DEVICE,
     .counter = (UINT64_C(1) << 32) + 5,
     .channel_id = 500,
     .kind = CHAT_OUTGOING_SEND,
     .state = CHAT_OUTGOING_QUEUED,
     .reply_to_seq = 39,
     .base_seq = 40,
     .created_at_ms = INT64_C(1700000002000),
     .text = "typed in a tunnel",
     .text_len = 17,
     .extra = (const uint8_t *)"\0\1",
     .extra_len = 2},
    {.device_id = SAMPLE_DEVICE,
     .counter = (UINT64_C(1) << 32) + 6,
     .channel_id = 500,
     .kind = CHAT_OUTGOING_EDIT,
     .state = CHAT_OUTGOING_QUEUED,
     .seq = 2,
     .base_seq = 40,
     .text = "better words",
     .text_len = 12},
    {.device_id = SAMPLE_DEVICE,
     .counter = (UINT64_C(1) << 32) + 7,
     .channel_id = SAMPLE_GROUP,
     .kind = CHAT_OUTGOING_DELETE,
     .state = CHAT_OUTGOING_QUEUED,
     .seq = 2,
     .base_seq = 3,
     .text = ""},
    {.device_id = SAMPLE_DEVICE,
     .counter = (UINT64_C(1) << 32) + 8,
     .old_device_id = 55,
     .old_counter = 3,
     .channel_id = SAMPLE_GROUP,
     .kind = CHAT_OUTGOING_SEND,
     .state = CHAT_OUTGOING_REFUSED,
     .status = CHAT_E_FORBIDDEN,
     .base_seq = 3,
     .text = "not allowed",
     .text_len = 11},
    {.device_id = 55, /* of a channel that is gone */
     .counter = 4,
     .channel_id = 999,
     .kind = CHAT_OUTGOING_SEND,
     .state = CHAT_OUTGOING_QUEUED,
     .text = "perhaps in",
     .text_len = 10},
};

/* --- own: what a user sets and is told besides --- */

#define SAMPLE_OWN_CHANNEL UINT64_C(600)
#define SAMPLE_OWN_MENTIONS 2u /* unread ones of that channel */

static const uint64_t sample_ids[] = {SAMPLE_USER, UINT64_MAX - 1, 3};
static const struct chat_reaction sample_reactions[] = {
    {.emoji = "\xf0\x9f\x98\x80", .emoji_len = 4, .count = 3, .user_ids = sample_ids},
    {.emoji = "+1", .emoji_len = 2, .count = 1, .user_ids = sample_ids + 1},
};
static const struct chat_reaction *const sample_reaction_list[] = {&sample_reactions[0],
                                                                   &sample_reactions[1]};

static const struct chat_message sample_own_message = {
    .channel_id = SAMPLE_OWN_CHANNEL,
    .seq = 9,
    .message_id = 6009,
    .author_id = UINT64_MAX - 1,
    .rev = 2,
    .text = "@me",
    .text_len = 3,
    .mention_ids = sample_ids,
    .mentions_count = 3,
    .reactions = sample_reaction_list,
    .reactions_count = 2,
};

static const struct cache_settings sample_settings = {.channel_id = SAMPLE_OWN_CHANNEL,
                                                      .muted_until_ms = INT64_MAX,
                                                      .version = 5,
                                                      .dirty = true,
                                                      .shown_seq = 8};
static const struct cache_draft sample_draft = {.channel_id = SAMPLE_OWN_CHANNEL,
                                                .version = 6,
                                                .dirty = true,
                                                .reply_to_seq = 9,
                                                .updated_at_ms = INT64_C(1700000003000),
                                                .text = "half a sent",
                                                .text_len = 11};
static const struct cache_receipt sample_receipts[] = {
    {SAMPLE_OWN_CHANNEL, 1002, 9, 7},
    {SAMPLE_OWN_CHANNEL, UINT64_MAX - 1, 8, 0}, /* the peer; ids are signed for SQLite */
};

/* A message, and what waits for it. */
static const struct cache_outgoing sample_own_outbox[] = {
    {.device_id = SAMPLE_DEVICE,
     .counter = (UINT64_C(1) << 32) + 9,
     .channel_id = SAMPLE_OWN_CHANNEL,
     .kind = CHAT_OUTGOING_SEND,
     .state = CHAT_OUTGOING_QUEUED,
     .base_seq = 9,
     .text = "@all of you",
     .text_len = 11,
     .mention_ids = sample_ids,
     .mentions_count = 3},
    {.device_id = SAMPLE_DEVICE,
     .counter = (UINT64_C(1) << 32) + 10,
     .channel_id = SAMPLE_OWN_CHANNEL,
     .kind = CHAT_OUTGOING_REACT,
     .state = CHAT_OUTGOING_QUEUED,
     .base_seq = 9,
     .text = "+1",
     .text_len = 2,
     .removes = true,
     .sent = true},
};

#endif
