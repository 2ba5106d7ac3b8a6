/*
 * The frame codec of the client protocol, by itself: feed bytes, get frames; build frames
 * into a buffer of yours. It opens no socket and needs nothing else of libchat. For
 * servers, tests and tools as well as for clients.
 *
 *   reading:  chat_codec_reader_feed_message()  ->  chat_codec_reader_next() ... no frame
 *   writing:  chat_codec_write_hello(&hello, 1, bytes, sizeof(bytes), &len)
 *
 * A written frame is a WebSocket message by itself; frames written one behind the other
 * are one message with all of them. Text and lists are held to the limits of
 * proto/libchat/v1 in both directions.
 *
 * Threads: a reader belongs to one thread at a time. Writing shares nothing.
 */
#ifndef LIBCHAT_CODEC_H
#define LIBCHAT_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/export.h>
#include <libchat/frames.h>
#include <libchat/limits.h>
#include <libchat/status.h>

CHAT_BEGIN_DECLS

/* --- reading --- */

typedef struct chat_codec_reader chat_codec_reader;

/* Whose frames are read. */
typedef enum chat_codec_side {
    CHAT_CODEC_FROM_CLIENT = 1,
    CHAT_CODEC_FROM_SERVER = 2,
} chat_codec_side;

/* How to build a reader. Start from chat_codec_reader_config_init(). */
struct chat_codec_reader_config {
    size_t size;

    chat_codec_side side;                   /* default CHAT_CODEC_FROM_SERVER */
    const struct chat_allocator *allocator; /* NULL means malloc; outlives the reader */
    /* Bytes of a message: 0, the default, means the protocol's own maximum for the side,
     * which is also the most that can be set. */
    size_t message_max;
    /* Bytes a decoded message may take; default 0: eight times the protocol's maximum. */
    size_t memory_max;
};

/* Sets `size` and all fields to their defaults. Applications call the second one, which tells the
 * first how large the struct is that they were compiled with. */
CHAT_API void chat_codec_reader_config_init_sized(struct chat_codec_reader_config *config,
                                                  size_t size);
static inline void chat_codec_reader_config_init(struct chat_codec_reader_config *config)
{
    chat_codec_reader_config_init_sized(config, sizeof(*config));
}

/* Owner: the caller, who ends it with chat_codec_reader_free(). Errors: CHAT_E_INVALID,
 * CHAT_E_NOMEM. */
CHAT_API CHAT_USE_RESULT chat_status chat_codec_reader_new(
    const struct chat_codec_reader_config *config, chat_codec_reader **out_reader);
/* NULL is fine. */
CHAT_API void chat_codec_reader_free(chat_codec_reader *reader);

/*
 * Reads one whole WebSocket message; its frames come from chat_codec_reader_next(). All of
 * it is checked before the first frame comes out: a message with a bad frame yields none.
 * The bytes may go when the call returns.
 *
 * Errors: CHAT_E_PROTOCOL, CHAT_E_TOO_LARGE: chat_codec_reader_get_fault() says more.
 *         CHAT_E_NOMEM. The message is dropped, the next one may be fed.
 *         CHAT_E_STATE while frames of an earlier message, or half a message of a stream,
 *         are not read yet.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_codec_reader_feed_message(chat_codec_reader *reader,
                                                                    const uint8_t *bytes,
                                                                    size_t bytes_len);

#define CHAT_CODEC_PREFIX_LEN 4u

/*
 * Reads a stream of messages, each behind its length as 4 bytes, big-endian: for pipes
 * and tests, where there is no WebSocket to keep messages apart. Takes bytes up to the end
 * of one message and says in *out_used how many; feed the rest when
 * chat_codec_reader_next() has no more frames.
 *
 * Errors: as above, the bytes of the bad message are used up. A length past message_max
 *         is CHAT_E_TOO_LARGE and breaks the stream: from then on CHAT_E_STATE, until
 *         chat_codec_reader_reset(). CHAT_E_NOMEM breaks it, too, when the message was not
 *         complete.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_codec_reader_feed_stream(chat_codec_reader *reader,
                                                                   const uint8_t *bytes,
                                                                   size_t bytes_len,
                                                                   size_t *out_used);

/*
 * The next frame, NULL when there is none. It and all it points to are borrowed until the
 * next call on the reader.
 * Errors: CHAT_E_NOMEM; the same frame comes with the next call.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_codec_reader_next(chat_codec_reader *reader,
                                                            const struct chat_frame **out_frame);

/* Forgets frames, half messages and a broken stream. Keeps memory for the next ones. */
CHAT_API void chat_codec_reader_reset(chat_codec_reader *reader);

/* Why the last message was refused. */
struct chat_codec_fault {
    /* "malformed", "utf8", "frames", "message_bytes", "memory", or the field whose limit it
     * passed: "SendMessage.text". "" when nothing was refused. Never NULL, never freed. */
    const char *rule;
    uint32_t frame;      /* which of the message's frames, from 0 */
    uint32_t request_id; /* of that frame, 0 when it could not be read */
};

/* Borrowed until the next call on the reader; never NULL. */
CHAT_API const struct chat_codec_fault *
chat_codec_reader_get_fault(const chat_codec_reader *reader);

/* --- writing --- */

/*
 * Writes one frame of any kind, `frame->body` being the struct that belongs to
 * `frame->kind`, and says in *out_len how many bytes it took.
 *
 * Errors: CHAT_E_TOO_LARGE: with *out_len > 0 so much room is needed (`bytes` may be NULL
 *         when cap is 0), with *out_len 0 a limit of the protocol is passed.
 *         CHAT_E_INVALID: not a kind, a size that is not this libchat's, NULL where there
 *         must be something, text that is not UTF-8 without NUL.
 *         Nothing is written then.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_codec_write(const struct chat_frame *frame,
                                                      uint8_t *bytes, size_t cap, size_t *out_len);

/* Writes the length in front of a message of a stream. */
CHAT_API void chat_codec_write_prefix(uint32_t message_len, uint8_t out_bytes[4]);

/* The same for each kind, checked by the compiler. Errors as with chat_codec_write(). */
#define CHAT_CODEC_WRITE(name, body_struct)                                                        \
    CHAT_API CHAT_USE_RESULT chat_status chat_codec_write_##name(                                  \
        const struct body_struct *body, uint32_t request_id, uint8_t *bytes, size_t cap,           \
        size_t *out_len)

/* From the client. */
CHAT_CODEC_WRITE(send_message, chat_frame_send_message);
CHAT_CODEC_WRITE(mark_read, chat_frame_mark_read);
CHAT_CODEC_WRITE(heartbeat, chat_frame_heartbeat);
CHAT_CODEC_WRITE(fetch_history, chat_frame_fetch_history);
CHAT_CODEC_WRITE(hello, chat_frame_hello);
CHAT_CODEC_WRITE(edit_message, chat_frame_edit_message);
CHAT_CODEC_WRITE(delete_message, chat_frame_delete_message);
CHAT_CODEC_WRITE(fetch_changes, chat_frame_fetch_changes);
CHAT_CODEC_WRITE(fetch_members, chat_frame_fetch_members);
CHAT_CODEC_WRITE(fetch_users, chat_frame_fetch_users);
CHAT_CODEC_WRITE(find_user, chat_frame_find_user);
CHAT_CODEC_WRITE(open_direct, chat_frame_open_direct);
CHAT_CODEC_WRITE(create_group, chat_frame_create_group);
CHAT_CODEC_WRITE(set_member, chat_frame_set_member);
CHAT_CODEC_WRITE(watch_presence, chat_frame_watch_presence);
CHAT_CODEC_WRITE(set_presence, chat_frame_set_presence);
CHAT_CODEC_WRITE(refresh_token, chat_frame_refresh_token);
CHAT_CODEC_WRITE(goodbye, chat_frame_goodbye);
CHAT_CODEC_WRITE(react, chat_frame_react);
/* Since 0.2: */
CHAT_CODEC_WRITE(typing, chat_frame_typing);
CHAT_CODEC_WRITE(mark_receipts, chat_frame_mark_receipts);
CHAT_CODEC_WRITE(set_channel_settings, chat_frame_set_channel_settings);
CHAT_CODEC_WRITE(set_draft, chat_frame_set_draft);
CHAT_CODEC_WRITE(fetch_receipts, chat_frame_fetch_receipts);
CHAT_CODEC_WRITE(fetch_devices, chat_frame_fetch_devices);
CHAT_CODEC_WRITE(sign_out_device, chat_frame_sign_out_device);
CHAT_CODEC_WRITE(sign_out_everywhere, chat_frame_sign_out_everywhere);

/* From the server. */
CHAT_CODEC_WRITE(message, chat_frame_message);
CHAT_CODEC_WRITE(sent, chat_frame_sent);
CHAT_CODEC_WRITE(changed, chat_frame_message);
CHAT_CODEC_WRITE(cursor, chat_frame_cursor);
CHAT_CODEC_WRITE(heartbeat_ack, chat_frame_heartbeat_ack);
CHAT_CODEC_WRITE(presence, chat_frame_presence_batch);
CHAT_CODEC_WRITE(welcome, chat_frame_welcome);
CHAT_CODEC_WRITE(problem, chat_frame_problem);
CHAT_CODEC_WRITE(channel_list, chat_frame_channel_list);
CHAT_CODEC_WRITE(history_page, chat_frame_history_page);
CHAT_CODEC_WRITE(changes_page, chat_frame_changes_page);
CHAT_CODEC_WRITE(altered, chat_frame_altered);
CHAT_CODEC_WRITE(members, chat_frame_members);
CHAT_CODEC_WRITE(users, chat_frame_users);
CHAT_CODEC_WRITE(opened, chat_frame_opened);
CHAT_CODEC_WRITE(member_changed, chat_frame_member_changed);
CHAT_CODEC_WRITE(channel_removed, chat_frame_channel_removed);
CHAT_CODEC_WRITE(going_away, chat_frame_going_away);
CHAT_CODEC_WRITE(ticket, chat_frame_ticket);
CHAT_CODEC_WRITE(ok, chat_frame_ok);
CHAT_CODEC_WRITE(mentions, chat_frame_mentions);
/* Since 0.2: */
CHAT_CODEC_WRITE(typing_now, chat_frame_typing);
CHAT_CODEC_WRITE(receipts, chat_frame_receipts);
CHAT_CODEC_WRITE(channel_settings, chat_frame_channel_settings);
CHAT_CODEC_WRITE(draft, chat_frame_draft);
CHAT_CODEC_WRITE(devices, chat_frame_devices);

CHAT_END_DECLS

#endif
