/*
 * home: the state of one home in memory, as decided.
 *
 * Loaded state is what the table and the overlay say plus what was decided since. It can
 * be dropped whenever nothing decided is waiting for its sync: then table and overlay
 * say it all. Subscriptions stay without it.
 */
#ifndef CHAT_SERVER_STORE_HOME_H
#define CHAT_SERVER_STORE_HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/limits.h>
#include <libchat/status.h>

#include "base/list.h"
#include "base/wheel.h"
#include "libchat/v1/record.pb-c.h"
#include "server/store/wait.h"

#define HOME_MEMBERS_MAX CHAT_GROUP_MEMBERS_MAX
#define HOME_LISTINGS_MAX (2 * CHAT_USER_CHANNELS_MAX) /* left ones included */
#define HOME_DEVICES_MAX 32u      /* whose newest session a user's home remembers */
#define HOME_DRAFTS_MAX 100u      /* of one user */
#define HOME_TOMBSTONES_MAX 1000u /* deleted messages of a channel that are known in memory */

#define HOME_ALTERING_MAX 8u /* messages altered in one home and not synced yet */

struct group;

/* How far a member has the channel, and has read; both only rise. */
struct receipt {
    uint64_t delivered_seq, read_seq;
};

struct member {
    uint64_t user_id;
    int64_t joined_at_ms;
    uint32_t permissions;
    struct receipt receipt; /* as decided */
    struct receipt marked;  /* as said since; never behind it */
};

/* A conversation as its member's home knows it. */
struct listing {
    uint64_t home_id;
    uint64_t note_number; /* the last note applied; 0: only a cursor */
    uint64_t read_seq, read_message_id;
    WireHomeKind kind;
    bool listed;
    /* mentions.h: ascending; those up to read_seq do not count. */
    uint16_t mention_count, mention_room;
    uint64_t *mention_seqs;
    uint64_t dropped_seq; /* greatest one that had to make room; 0: none */
    bool has_draft;
    int64_t muted_until_ms;
    uint64_t settings_version, draft_version; /* 0: never set */
};

struct device {
    uint64_t device_id, session_no;
};

/* A device of a user, as its row has it. */
struct known_device {
    uint64_t device_id, session_no, signed_out_no;
    int64_t first_seen_at_ms, last_seen_at_ms, signed_out_at_ms;
    char client[CHAT_CLIENT_NAME_MAX + 1];
};

/* The one channel of a direct or group; its id is the home's. */
struct head {
    uint64_t seq, message_id, rev, first_seq;
    uint32_t epoch;
};

/* An edit or deletion that may not be synced yet. */
struct altering {
    uint64_t seq, position;
};

enum home_state { HOME_EMPTY, HOME_LOADING, HOME_LOADED };

struct home {
    uint64_t id;
    enum home_state state;
    bool counted;  /* among the loaded */
    bool missing;  /* while those who asked for it hear that there is none */
    uint32_t pins; /* reads and resumptions that hold a pointer */
    struct list_node lru;
    struct list subscriptions; /* of struct subscription, by in_home */
    uint32_t subscription_count;
    struct wait_queue waiting;
    struct group *group;       /* takes further decisions of the batch being filled */
    uint64_t decided_position; /* of its last decision; 0: none since it was loaded */
    uint64_t member_position;  /* of the last one that concerns a member */
    struct altering altering[HOME_ALTERING_MAX];
    struct wheel_timer receipts_timer; /* set: marks wait to be journaled */
    bool receipts_pinned;              /* for that: until it was tried once */
    int64_t receipts_at_ms;            /* mono: not before, so that they gather */
    uint64_t receipts_position;        /* of the last ones */
    int64_t typing_at_ms;              /* mono: start of the second that is counted */
    uint32_t typing_count;

    /* Loaded: */
    uint64_t lsn;
    uint64_t creator_id;
    uint64_t auth_epoch;
    int64_t signed_out_at_ms; /* everywhere; 0: never */
    int64_t created_at_ms;
    WireHomeKind kind;
    char name[CHAT_NAME_MAX + 1];
    struct head head;
    uint64_t *tombstones; /* seqs of the newest deleted messages, ascending */
    uint32_t tombstone_count, tombstone_room;
    struct member *members; /* ascending by user_id */
    uint32_t member_count, member_room;
    struct listing *listings; /* ascending by home_id */
    uint32_t listing_count, listing_room;
    uint32_t listed_count, draft_count;
    struct known_device *known; /* longest untouched first */
    uint32_t known_count, known_room;
    struct device *devices; /* newest last; kept while anybody subscribes */
    uint32_t device_count;
};

/* Frees the loaded state, not the devices; state becomes EMPTY. */
void home_unload(struct home *h, const struct chat_allocator *allocator);
void home_fini(struct home *h, const struct chat_allocator *allocator);

/* NULL when not there. */
struct member *home_find_member(const struct home *h, uint64_t user_id);
/* 0 for a non-member. */
uint32_t home_permissions(const struct home *h, uint64_t user_id);
/* Errors: CHAT_E_NOMEM. After it one home_put_member() of a new one cannot fail. */
chat_status home_reserve_member(struct home *h, const struct chat_allocator *allocator);
void home_put_member(struct home *h, const struct member *member);
void home_remove_member(struct home *h, uint64_t user_id);

struct listing *home_find_listing(const struct home *h, uint64_t home_id);
/* Finds or adds. NULL: no memory. */
struct listing *home_put_listing(struct home *h, const struct chat_allocator *allocator,
                                 uint64_t home_id);
void home_remove_listing(struct home *h, const struct chat_allocator *allocator, struct listing *l);
void home_set_listed(struct home *h, struct listing *l, bool listed);
void home_set_draft(struct home *h, struct listing *l, uint64_t version, bool has_draft);

struct known_device *home_find_known(const struct home *h, uint64_t device_id);
/* Errors: CHAT_E_NOMEM. After it one home_put_known() of a new one cannot fail. */
chat_status home_reserve_known(struct home *h, const struct chat_allocator *allocator);
/* Replaces or adds, as the last one touched; past CHAT_DEVICES_MAX the longest untouched goes. */
void home_put_known(struct home *h, const struct known_device *device);

/* The newest session of a device; 0 when not known. */
uint64_t home_device_session(const struct home *h, uint64_t device_id);
/* Best effort: without memory, or past HOME_DEVICES_MAX, the oldest is forgotten. */
void home_set_device(struct home *h, const struct chat_allocator *allocator, uint64_t device_id,
                     uint64_t session_no);

/* A free place to note an alteration of seq; NULL: another one of seq, or too many, are not
 * synced yet. */
struct altering *home_altering(struct home *h, uint64_t seq, uint64_t synced);

void home_set_info(struct home *h, const WireHomeRow *row);
/* Borrows the home's name. */
void home_to_info(struct home *h, WireHomeRow *out_row);
void home_to_position(const struct home *h, WirePosition *out_position);

#endif
