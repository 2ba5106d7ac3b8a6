/*
 * The frames of the client protocol as plain structs, for <libchat/codec.h>.
 *
 * proto/libchat/v1 is the specification: what each field means, its limits, and which
 * answer belongs to which request. The names here are the same.
 *
 * Every struct begins with its size, so that fields can be appended: who fills one in
 * writes CHAT_FRAME_INIT(chat_frame_hello) first, who reads one that libchat made need
 * not look. Lists are arrays of pointers for the same reason. Text is UTF-8 without NUL
 * inside; text that libchat hands out also ends in a NUL that its length leaves out.
 * A pointer to a struct may be NULL: then the field is absent. Numbers of enumerations
 * are int32_t because a newer peer may send ones not listed here.
 */
#ifndef LIBCHAT_FRAMES_H
#define LIBCHAT_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/export.h>
#include <libchat/message.h> /* chat_home_kind, chat_presence_state, CHAT_PERMISSION_* */

CHAT_BEGIN_DECLS

/* struct chat_frame_sent sent = CHAT_FRAME_INIT(chat_frame_sent); */
#ifdef __cplusplus
#define CHAT_FRAME_INIT(name)                                                                      \
    ([] {                                                                                          \
        name frame_ = name();                                                                      \
        frame_.size = sizeof(frame_);                                                              \
        return frame_;                                                                             \
    }())
#else
#define CHAT_FRAME_INIT(name)                                                                      \
    {                                                                                              \
        .size = sizeof(struct name)                                                                \
    }
#endif

/* --- parts --- */

struct chat_frame_position {
    size_t size;
    uint64_t channel_id;
    uint32_t epoch;
    uint64_t seq;
    uint64_t message_id;
    uint64_t rev;
};

struct chat_frame_nonce {
    size_t size;
    uint64_t device_id;
    uint64_t counter;
    uint64_t after;
};

struct chat_frame_range {
    size_t size;
    uint64_t from_seq;
    uint64_t to_seq;
};

struct chat_frame_mentions {
    size_t size;
    uint64_t channel_id;
    uint32_t count; /* CHAT_MENTIONS_COUNT_MAX: or more */
};

struct chat_frame_reaction {
    size_t size;
    const char *emoji;
    size_t emoji_len;
    const uint64_t *user_ids;
    size_t user_ids_count;
};

struct chat_frame_receipt {
    size_t size;
    uint64_t user_id;
    uint64_t delivered_seq;
    uint64_t read_seq;
};

struct chat_frame_receipt_mark {
    size_t size;
    uint64_t channel_id;
    uint64_t delivered_seq;
    uint64_t read_seq;
};

struct chat_frame_channel_settings {
    size_t size;
    uint64_t channel_id;
    int64_t muted_until_ms;
    uint64_t version;
    uint64_t draft_version;
    bool has_draft;
};

struct chat_frame_device {
    size_t size;
    uint64_t device_id;
    const char *client;
    size_t client_len;
    int64_t first_seen_at_ms;
    int64_t last_seen_at_ms;
};

struct chat_frame_channel {
    size_t size;
    const struct chat_frame_position *head;
    uint64_t home_id;
    int32_t kind; /* chat_home_kind */
    const char *name;
    size_t name_len;
    uint64_t first_seq;
    uint32_t permissions;
    uint64_t read_seq;
    uint64_t read_message_id;
    uint64_t peer_id;
    uint64_t deleted_unread;
    bool unavailable;                           /* its store is away: head is not known now */
    const struct chat_frame_mentions *mentions; /* NULL: not told here */
    const struct chat_frame_channel_settings *settings; /* NULL: not said */
    const struct chat_frame_receipt *const *receipts;
    size_t receipts_count;
};

struct chat_frame_member {
    size_t size;
    uint64_t user_id;
    uint32_t permissions;
    int64_t joined_at_ms;
};

struct chat_frame_user {
    size_t size;
    uint64_t user_id;
    const char *name;
    size_t name_len;
};

struct chat_frame_presence {
    size_t size;
    uint64_t user_id;
    int32_t state; /* chat_presence_state */
    int64_t last_active_at_ms;
};

struct chat_frame_limits {
    size_t size;
    uint32_t text_bytes;
    uint32_t extra_bytes;
    uint32_t operations_per_second;
    uint32_t in_flight_per_channel;
    uint32_t message_bytes;
    uint32_t history_page;
    uint32_t group_members;
    uint32_t reads_per_second;
};

/* --- from the client --- */

struct chat_frame_send_message {
    size_t size;
    uint64_t channel_id;
    const struct chat_frame_nonce *nonce;
    const char *text;
    size_t text_len;
    const uint8_t *extra;
    size_t extra_len;
    uint64_t reply_to_seq;
    const uint64_t *mention_ids;
    size_t mention_ids_count;
};

struct chat_frame_mark_read {
    size_t size;
    uint64_t channel_id;
    uint64_t seq;
    uint64_t message_id;
};

struct chat_frame_heartbeat {
    size_t size;
    const struct chat_frame_position *const *positions;
    size_t positions_count;
    bool active;
};

struct chat_frame_fetch_history {
    size_t size;
    uint64_t channel_id;
    uint64_t start_seq;
    uint32_t limit;
    bool backwards;
    bool around;
    uint64_t message_id; /* not 0: in place of start_seq */
};

struct chat_frame_typing { /* both ways */
    size_t size;
    uint64_t channel_id;
    bool stop;
    uint64_t user_id;    /* from the server */
    uint64_t session_no; /* always 0 here */
};

struct chat_frame_mark_receipts {
    size_t size;
    const struct chat_frame_receipt_mark *const *marks;
    size_t marks_count;
};

struct chat_frame_set_channel_settings {
    size_t size;
    uint64_t channel_id;
    int64_t muted_until_ms;
};

struct chat_frame_set_draft {
    size_t size;
    uint64_t channel_id;
    const char *text;
    size_t text_len;
    uint64_t reply_to_seq;
    int64_t updated_at_ms;
    uint64_t base_version;
    uint64_t device_id;
};

struct chat_frame_fetch_receipts {
    size_t size;
    uint64_t channel_id;
};

struct chat_frame_fetch_devices {
    size_t size;
};

struct chat_frame_sign_out_device {
    size_t size;
    uint64_t device_id;
};

struct chat_frame_sign_out_everywhere {
    size_t size;
};

struct chat_frame_hello {
    size_t size;
    const char *token;
    size_t token_len;
    const uint8_t *ticket;
    size_t ticket_len;
    uint64_t device_id;
    const char *client;
    size_t client_len;
    const char *const *features; /* each ends in NUL */
    size_t features_count;
    int32_t presence; /* chat_presence_state; 0 means online */
};

struct chat_frame_edit_message {
    size_t size;
    uint64_t channel_id;
    const struct chat_frame_nonce *nonce;
    uint64_t seq;
    const char *text;
    size_t text_len;
    const uint8_t *extra;
    size_t extra_len;
    const uint64_t *mention_ids;
    size_t mention_ids_count;
};

struct chat_frame_delete_message {
    size_t size;
    uint64_t channel_id;
    const struct chat_frame_nonce *nonce;
    uint64_t seq;
};

struct chat_frame_fetch_changes {
    size_t size;
    uint64_t channel_id;
    uint64_t since_rev;
    const struct chat_frame_range *const *ranges;
    size_t ranges_count;
};

struct chat_frame_fetch_members {
    size_t size;
    uint64_t home_id;
    uint64_t after_user_id;
    uint32_t limit;
};

struct chat_frame_fetch_users {
    size_t size;
    const uint64_t *user_ids;
    size_t user_ids_count;
};

struct chat_frame_find_user {
    size_t size;
    const char *subject;
    size_t subject_len;
};

struct chat_frame_open_direct {
    size_t size;
    uint64_t peer_id;
};

struct chat_frame_create_group {
    size_t size;
    const struct chat_frame_nonce *nonce;
    const char *name;
    size_t name_len;
    const uint64_t *member_ids;
    size_t member_ids_count;
};

struct chat_frame_set_member {
    size_t size;
    uint64_t home_id;
    uint64_t user_id;
    uint32_t permissions;
};

struct chat_frame_watch_presence {
    size_t size;
    const uint64_t *user_ids;
    size_t user_ids_count;
};

struct chat_frame_set_presence {
    size_t size;
    int32_t state; /* chat_presence_state */
};

struct chat_frame_refresh_token {
    size_t size;
    const char *token;
    size_t token_len;
};

struct chat_frame_goodbye {
    size_t size;
};

struct chat_frame_react {
    size_t size;
    uint64_t channel_id;
    const struct chat_frame_nonce *nonce;
    uint64_t seq;
    const char *emoji;
    size_t emoji_len;
    bool remove;
};

/* --- from the server --- */

struct chat_frame_message {
    size_t size;
    uint64_t channel_id;
    uint64_t seq;
    uint64_t message_id;
    uint64_t author_id;
    int64_t sent_at_ms;
    const struct chat_frame_nonce *nonce;
    const char *text;
    size_t text_len;
    const uint8_t *extra;
    size_t extra_len;
    uint64_t reply_to_seq;
    uint64_t rev;
    int64_t edited_at_ms;
    bool deleted;
    const struct chat_frame_reaction *const *reactions;
    size_t reactions_count;
    const uint64_t *mention_ids;
    size_t mention_ids_count;
};

typedef enum chat_durability {
    CHAT_DURABILITY_MEMORY = 1,
    CHAT_DURABILITY_LOCAL_DISK = 2,
    CHAT_DURABILITY_REPLICATED = 3,
} chat_durability;

struct chat_frame_sent {
    size_t size;
    uint64_t channel_id;
    uint64_t seq;
    uint64_t message_id;
    int64_t sent_at_ms;
    int32_t durability; /* chat_durability */
    uint32_t epoch;
};

struct chat_frame_altered {
    size_t size;
    uint64_t channel_id;
    uint64_t seq;
    uint64_t rev;
    int32_t durability; /* chat_durability */
};

struct chat_frame_cursor {
    size_t size;
    uint64_t channel_id;
    uint64_t read_seq;
    uint64_t read_message_id;
};

struct chat_frame_heartbeat_ack {
    size_t size;
    const struct chat_frame_position *const *heads;
    size_t heads_count;
    int64_t server_time_ms;
};

struct chat_frame_presence_batch {
    size_t size;
    const struct chat_frame_presence *const *users;
    size_t users_count;
};

struct chat_frame_welcome {
    size_t size;
    uint64_t service_id;
    uint64_t user_id;
    uint64_t session_no;
    const char *const *features; /* each ends in NUL */
    size_t features_count;
    uint32_t heartbeat_ms;
    int64_t server_time_ms;
    const uint8_t *ticket;
    size_t ticket_len;
    int64_t ticket_expires_at_ms;
    int64_t token_expires_at_ms;
    const struct chat_frame_limits *limits;
    bool resumed;
    const char *name;
    size_t name_len;
};

typedef enum chat_problem_code {
    CHAT_PROBLEM_MALFORMED = 1,
    CHAT_PROBLEM_LIMIT = 2,
    CHAT_PROBLEM_UNSUPPORTED = 3,
    CHAT_PROBLEM_UNAUTHENTICATED = 4,
    CHAT_PROBLEM_TOKEN_EXPIRED = 5,
    CHAT_PROBLEM_FORBIDDEN = 6,
    CHAT_PROBLEM_NOT_FOUND = 7,
    CHAT_PROBLEM_INVALID = 8,
    CHAT_PROBLEM_OUT_OF_ORDER = 9,
    CHAT_PROBLEM_NONCE_STALE = 10,
    CHAT_PROBLEM_RATE_LIMITED = 11,
    CHAT_PROBLEM_UNAVAILABLE = 12,
    CHAT_PROBLEM_UNKNOWN_OUTCOME = 13,
    CHAT_PROBLEM_STORAGE_FULL = 14,
    CHAT_PROBLEM_SUPERSEDED = 15,
    CHAT_PROBLEM_SLOW_CONSUMER = 16,
    CHAT_PROBLEM_DRAINING = 17,
    CHAT_PROBLEM_OVERLOADED = 18,
    CHAT_PROBLEM_INTERNAL = 19,
    CHAT_PROBLEM_WRONG_SHARD = 20,
} chat_problem_code;

typedef enum chat_retry {
    CHAT_RETRY_NEVER = 1,
    CHAT_RETRY_LATER = 2,
    CHAT_RETRY_REAUTH = 3,
} chat_retry;

struct chat_frame_problem {
    size_t size;
    int32_t code;  /* chat_problem_code */
    int32_t retry; /* chat_retry */
    uint32_t retry_after_ms;
    const char *limit;
    size_t limit_len;
    const char *detail;
    size_t detail_len;
};

struct chat_frame_channel_list {
    size_t size;
    const struct chat_frame_channel *const *channels;
    size_t channels_count;
    bool complete;
};

struct chat_frame_history_page {
    size_t size;
    const struct chat_frame_position *head;
    const struct chat_frame_range *covered;
    bool partial;
    uint64_t first_seq;
    const struct chat_frame_message *const *messages;
    size_t messages_count;
};

struct chat_frame_changes_page {
    size_t size;
    const struct chat_frame_position *head;
    uint64_t covered_to_rev;
    bool too_many;
    const struct chat_frame_message *const *messages;
    size_t messages_count;
};

struct chat_frame_members {
    size_t size;
    uint64_t home_id;
    const struct chat_frame_member *const *members;
    size_t members_count;
    bool end;
};

struct chat_frame_users {
    size_t size;
    const struct chat_frame_user *const *users;
    size_t users_count;
};

struct chat_frame_opened {
    size_t size;
    uint64_t home_id;
    uint64_t channel_id;
    bool created;
};

struct chat_frame_member_changed {
    size_t size;
    uint64_t home_id;
    uint64_t lsn;
    const struct chat_frame_member *member;
};

struct chat_frame_channel_removed {
    size_t size;
    uint64_t channel_id;
    uint64_t lsn;
};

struct chat_frame_going_away {
    size_t size;
    uint32_t reconnect_after_ms;
};

struct chat_frame_ticket {
    size_t size;
    const uint8_t *ticket;
    size_t ticket_len;
    int64_t ticket_expires_at_ms;
    int64_t token_expires_at_ms;
};

struct chat_frame_receipts {
    size_t size;
    uint64_t channel_id;
    const struct chat_frame_receipt *const *receipts;
    size_t receipts_count;
};

struct chat_frame_draft {
    size_t size;
    uint64_t channel_id;
    const char *text;
    size_t text_len;
    uint64_t reply_to_seq;
    int64_t updated_at_ms;
    uint64_t version;
    uint64_t device_id;
};

struct chat_frame_devices {
    size_t size;
    const struct chat_frame_device *const *devices;
    size_t devices_count;
};

struct chat_frame_ok {
    size_t size;
};

/* --- the envelope --- */

/* What a frame holds: the body's field number in ClientFrame, or 256 + that in ServerFrame. */
typedef enum chat_frame_kind {
    CHAT_FRAME_UNKNOWN = 0, /* a newer peer's: answer UNSUPPORTED, or ignore what nobody asked */

    CHAT_FRAME_SEND_MESSAGE = 10,
    CHAT_FRAME_MARK_READ = 11,
    CHAT_FRAME_HEARTBEAT = 12,
    CHAT_FRAME_FETCH_HISTORY = 13,
    CHAT_FRAME_TYPING = 14,
    CHAT_FRAME_HELLO = 16,
    CHAT_FRAME_EDIT_MESSAGE = 17,
    CHAT_FRAME_DELETE_MESSAGE = 18,
    CHAT_FRAME_FETCH_CHANGES = 19,
    CHAT_FRAME_FETCH_MEMBERS = 20,
    CHAT_FRAME_FETCH_USERS = 21,
    CHAT_FRAME_FIND_USER = 22,
    CHAT_FRAME_OPEN_DIRECT = 23,
    CHAT_FRAME_CREATE_GROUP = 24,
    CHAT_FRAME_SET_MEMBER = 25,
    CHAT_FRAME_WATCH_PRESENCE = 26,
    CHAT_FRAME_SET_PRESENCE = 27,
    CHAT_FRAME_REFRESH_TOKEN = 28,
    CHAT_FRAME_GOODBYE = 29,
    CHAT_FRAME_REACT = 30,
    CHAT_FRAME_MARK_RECEIPTS = 31,
    CHAT_FRAME_SET_CHANNEL_SETTINGS = 32,
    CHAT_FRAME_SET_DRAFT = 33,
    CHAT_FRAME_FETCH_RECEIPTS = 34,
    CHAT_FRAME_FETCH_DEVICES = 35,
    CHAT_FRAME_SIGN_OUT_DEVICE = 36,
    CHAT_FRAME_SIGN_OUT_EVERYWHERE = 37,

    CHAT_FRAME_MESSAGE = 256 + 10,
    CHAT_FRAME_SENT = 256 + 11,
    CHAT_FRAME_CHANGED = 256 + 12,
    CHAT_FRAME_CURSOR = 256 + 13,
    CHAT_FRAME_HEARTBEAT_ACK = 256 + 14,
    CHAT_FRAME_PRESENCE = 256 + 15,
    CHAT_FRAME_WELCOME = 256 + 16,
    CHAT_FRAME_PROBLEM = 256 + 17,
    CHAT_FRAME_CHANNEL_LIST = 256 + 18,
    CHAT_FRAME_HISTORY_PAGE = 256 + 19,
    CHAT_FRAME_CHANGES_PAGE = 256 + 20,
    CHAT_FRAME_ALTERED = 256 + 21,
    CHAT_FRAME_MEMBERS = 256 + 22,
    CHAT_FRAME_USERS = 256 + 23,
    CHAT_FRAME_OPENED = 256 + 24,
    CHAT_FRAME_MEMBER_CHANGED = 256 + 25,
    CHAT_FRAME_CHANNEL_REMOVED = 256 + 26,
    CHAT_FRAME_GOING_AWAY = 256 + 27,
    CHAT_FRAME_TICKET = 256 + 28,
    CHAT_FRAME_OK = 256 + 29,
    CHAT_FRAME_TYPING_NOW = 256 + 30,
    CHAT_FRAME_RECEIPTS = 256 + 31,
    CHAT_FRAME_CHANNEL_SETTINGS = 256 + 32,
    CHAT_FRAME_DRAFT = 256 + 33,
    CHAT_FRAME_DEVICES = 256 + 34,
    CHAT_FRAME_MENTIONS = 256 + 35,
} chat_frame_kind;

/* One frame: `kind` says which pointer to read. NULL for CHAT_FRAME_UNKNOWN. */
struct chat_frame {
    size_t size;
    chat_frame_kind kind;
    uint32_t request_id;
    union {
        const void *body;

        const struct chat_frame_send_message *send_message;
        const struct chat_frame_mark_read *mark_read;
        const struct chat_frame_heartbeat *heartbeat;
        const struct chat_frame_fetch_history *fetch_history;
        const struct chat_frame_hello *hello;
        const struct chat_frame_edit_message *edit_message;
        const struct chat_frame_delete_message *delete_message;
        const struct chat_frame_fetch_changes *fetch_changes;
        const struct chat_frame_fetch_members *fetch_members;
        const struct chat_frame_fetch_users *fetch_users;
        const struct chat_frame_find_user *find_user;
        const struct chat_frame_open_direct *open_direct;
        const struct chat_frame_create_group *create_group;
        const struct chat_frame_set_member *set_member;
        const struct chat_frame_watch_presence *watch_presence;
        const struct chat_frame_set_presence *set_presence;
        const struct chat_frame_refresh_token *refresh_token;
        const struct chat_frame_goodbye *goodbye;
        const struct chat_frame_react *react;
        const struct chat_frame_typing *typing; /* CHAT_FRAME_TYPING_NOW too */
        const struct chat_frame_mark_receipts *mark_receipts;
        const struct chat_frame_set_channel_settings *set_channel_settings;
        const struct chat_frame_set_draft *set_draft;
        const struct chat_frame_fetch_receipts *fetch_receipts;
        const struct chat_frame_fetch_devices *fetch_devices;
        const struct chat_frame_sign_out_device *sign_out_device;
        const struct chat_frame_sign_out_everywhere *sign_out_everywhere;

        const struct chat_frame_message *message; /* CHAT_FRAME_CHANGED too */
        const struct chat_frame_sent *sent;
        const struct chat_frame_cursor *cursor;
        const struct chat_frame_heartbeat_ack *heartbeat_ack;
        const struct chat_frame_presence_batch *presence;
        const struct chat_frame_welcome *welcome;
        const struct chat_frame_problem *problem;
        const struct chat_frame_channel_list *channel_list;
        const struct chat_frame_history_page *history_page;
        const struct chat_frame_changes_page *changes_page;
        const struct chat_frame_altered *altered;
        const struct chat_frame_members *members;
        const struct chat_frame_users *users;
        const struct chat_frame_opened *opened;
        const struct chat_frame_member_changed *member_changed;
        const struct chat_frame_channel_removed *channel_removed;
        const struct chat_frame_going_away *going_away;
        const struct chat_frame_ticket *ticket;
        const struct chat_frame_ok *ok;
        const struct chat_frame_mentions *mentions;
        const struct chat_frame_receipts *receipts;
        const struct chat_frame_channel_settings *channel_settings;
        const struct chat_frame_draft *draft;
        const struct chat_frame_devices *devices;
    };
};

CHAT_END_DECLS

#endif
