#include "wire/codec_map.h"

#include "libchat/v1/client.pb-c.h"
#include "libchat/v1/types.pb-c.h"

#define MEMBER_SIZE(name, member) sizeof(((const struct chat_frame_##name *)0)->member)
#define MEMBER(name, member) offsetof(struct chat_frame_##name, member)

/* A number. */
#define N(name, number, member)                                                                    \
    {                                                                                              \
        number, MEMBER(name, member), MEMBER_SIZE(name, member), 0, NULL                           \
    }
/* Text or bytes, with member_len. */
#define T(name, number, member)                                                                    \
    {                                                                                              \
        number, MEMBER(name, member), MEMBER_SIZE(name, member), MEMBER(name, member##_len), NULL  \
    }
/* A list of numbers or texts, with member_count. */
#define L(name, number, member)                                                                    \
    {                                                                                              \
        number, MEMBER(name, member), MEMBER_SIZE(name, member), MEMBER(name, member##_count),     \
            NULL                                                                                   \
    }
/* A message, and a list of them. */
#define M(name, number, member, of)                                                                \
    {                                                                                              \
        number, MEMBER(name, member), MEMBER_SIZE(name, member), 0, &map_##of                      \
    }
#define LM(name, number, member, of)                                                               \
    {                                                                                              \
        number, MEMBER(name, member), MEMBER_SIZE(name, member), MEMBER(name, member##_count),     \
            &map_##of                                                                              \
    }

#define MAP(name)                                                                                  \
    static const struct codec_map map_##name = {&wire_##name##__descriptor,                        \
                                                sizeof(struct chat_frame_##name), name##_fields,   \
                                                sizeof(name##_fields) / sizeof(name##_fields[0])}
#define MAP_EMPTY(name)                                                                            \
    static const struct codec_map map_##name = {&wire_##name##__descriptor,                        \
                                                sizeof(struct chat_frame_##name), NULL, 0}

/* clang-format off */

/* --- parts --- */

static const struct codec_field position_fields[] = {
    N(position, 1, channel_id), N(position, 2, epoch), N(position, 3, seq),
    N(position, 4, message_id), N(position, 5, rev),
};
MAP(position);
static const struct codec_field nonce_fields[] = {
    N(nonce, 1, device_id), N(nonce, 2, counter), N(nonce, 3, after),
};
MAP(nonce);
static const struct codec_field range_fields[] = {
    N(range, 1, from_seq), N(range, 2, to_seq),
};
MAP(range);
static const struct codec_field mentions_fields[] = {
    N(mentions, 1, channel_id), N(mentions, 2, count),
};
MAP(mentions);
static const struct codec_field reaction_fields[] = {
    T(reaction, 1, emoji), L(reaction, 2, user_ids),
};
MAP(reaction);
static const struct codec_field receipt_fields[] = {
    N(receipt, 1, user_id), N(receipt, 2, delivered_seq), N(receipt, 3, read_seq),
};
MAP(receipt);
static const struct codec_field receipt_mark_fields[] = {
    N(receipt_mark, 1, channel_id), N(receipt_mark, 2, delivered_seq),
    N(receipt_mark, 3, read_seq),
};
MAP(receipt_mark);
static const struct codec_field channel_settings_fields[] = {
    N(channel_settings, 1, channel_id), N(channel_settings, 2, muted_until_ms),
    N(channel_settings, 3, version), N(channel_settings, 4, draft_version),
    N(channel_settings, 5, has_draft),
};
MAP(channel_settings);
static const struct codec_field device_fields[] = {
    N(device, 1, device_id), T(device, 2, client), N(device, 3, first_seen_at_ms),
    N(device, 4, last_seen_at_ms),
};
MAP(device);
static const struct codec_field channel_fields[] = {
    M(channel, 1, head, position), N(channel, 2, home_id), N(channel, 3, kind),
    T(channel, 4, name), N(channel, 5, first_seq), N(channel, 6, permissions),
    N(channel, 7, read_seq), N(channel, 8, read_message_id), N(channel, 9, peer_id),
    N(channel, 10, deleted_unread), N(channel, 11, unavailable), M(channel, 12, mentions, mentions),
    M(channel, 13, settings, channel_settings), LM(channel, 14, receipts, receipt),
};
MAP(channel);
static const struct codec_field member_fields[] = {
    N(member, 1, user_id), N(member, 2, permissions), N(member, 3, joined_at_ms),
};
MAP(member);
static const struct codec_field user_fields[] = {
    N(user, 1, user_id), T(user, 2, name),
};
MAP(user);
static const struct codec_field presence_fields[] = {
    N(presence, 1, user_id), N(presence, 2, state), N(presence, 3, last_active_at_ms),
};
MAP(presence);
static const struct codec_field limits_fields[] = {
    N(limits, 1, text_bytes), N(limits, 2, extra_bytes), N(limits, 3, operations_per_second),
    N(limits, 4, in_flight_per_channel), N(limits, 5, message_bytes), N(limits, 6, history_page),
    N(limits, 7, group_members), N(limits, 8, reads_per_second),
};
MAP(limits);

/* --- from the client --- */

static const struct codec_field send_message_fields[] = {
    N(send_message, 1, channel_id), M(send_message, 2, nonce, nonce), T(send_message, 3, text),
    T(send_message, 4, extra), N(send_message, 5, reply_to_seq), L(send_message, 6, mention_ids),
};
MAP(send_message);
static const struct codec_field mark_read_fields[] = {
    N(mark_read, 1, channel_id), N(mark_read, 2, seq), N(mark_read, 3, message_id),
};
MAP(mark_read);
static const struct codec_field heartbeat_fields[] = {
    LM(heartbeat, 1, positions, position), N(heartbeat, 2, active),
};
MAP(heartbeat);
static const struct codec_field fetch_history_fields[] = {
    N(fetch_history, 1, channel_id), N(fetch_history, 2, start_seq), N(fetch_history, 3, limit),
    N(fetch_history, 4, backwards), N(fetch_history, 5, around), N(fetch_history, 6, message_id),
};
MAP(fetch_history);
static const struct codec_field hello_fields[] = {
    T(hello, 1, token), T(hello, 2, ticket), N(hello, 3, device_id), T(hello, 4, client),
    L(hello, 5, features), N(hello, 6, presence),
};
MAP(hello);
static const struct codec_field edit_message_fields[] = {
    N(edit_message, 1, channel_id), M(edit_message, 2, nonce, nonce), N(edit_message, 3, seq),
    T(edit_message, 4, text), T(edit_message, 5, extra), L(edit_message, 6, mention_ids),
};
MAP(edit_message);
static const struct codec_field delete_message_fields[] = {
    N(delete_message, 1, channel_id), M(delete_message, 2, nonce, nonce),
    N(delete_message, 3, seq),
};
MAP(delete_message);
static const struct codec_field fetch_changes_fields[] = {
    N(fetch_changes, 1, channel_id), N(fetch_changes, 2, since_rev),
    LM(fetch_changes, 3, ranges, range),
};
MAP(fetch_changes);
static const struct codec_field fetch_members_fields[] = {
    N(fetch_members, 1, home_id), N(fetch_members, 2, after_user_id), N(fetch_members, 3, limit),
};
MAP(fetch_members);
static const struct codec_field fetch_users_fields[] = {
    L(fetch_users, 1, user_ids),
};
MAP(fetch_users);
static const struct codec_field find_user_fields[] = {
    T(find_user, 1, subject),
};
MAP(find_user);
static const struct codec_field open_direct_fields[] = {
    N(open_direct, 1, peer_id),
};
MAP(open_direct);
static const struct codec_field create_group_fields[] = {
    M(create_group, 1, nonce, nonce), T(create_group, 2, name), L(create_group, 3, member_ids),
};
MAP(create_group);
static const struct codec_field set_member_fields[] = {
    N(set_member, 1, home_id), N(set_member, 2, user_id), N(set_member, 3, permissions),
};
MAP(set_member);
static const struct codec_field watch_presence_fields[] = {
    L(watch_presence, 1, user_ids),
};
MAP(watch_presence);
static const struct codec_field set_presence_fields[] = {
    N(set_presence, 1, state),
};
MAP(set_presence);
static const struct codec_field refresh_token_fields[] = {
    T(refresh_token, 1, token),
};
MAP(refresh_token);
MAP_EMPTY(goodbye);
static const struct codec_field react_fields[] = {
    N(react, 1, channel_id), M(react, 2, nonce, nonce), N(react, 3, seq), T(react, 4, emoji),
    N(react, 5, remove),
};
MAP(react);
static const struct codec_field typing_fields[] = {
    N(typing, 1, channel_id), N(typing, 2, stop), N(typing, 3, user_id), N(typing, 4, session_no),
};
MAP(typing);
static const struct codec_field mark_receipts_fields[] = {
    LM(mark_receipts, 1, marks, receipt_mark),
};
MAP(mark_receipts);
static const struct codec_field set_channel_settings_fields[] = {
    N(set_channel_settings, 1, channel_id), N(set_channel_settings, 2, muted_until_ms),
};
MAP(set_channel_settings);
static const struct codec_field set_draft_fields[] = {
    N(set_draft, 1, channel_id), T(set_draft, 2, text), N(set_draft, 3, reply_to_seq),
    N(set_draft, 4, updated_at_ms), N(set_draft, 5, base_version), N(set_draft, 6, device_id),
};
MAP(set_draft);
static const struct codec_field fetch_receipts_fields[] = {
    N(fetch_receipts, 1, channel_id),
};
MAP(fetch_receipts);
MAP_EMPTY(fetch_devices);
static const struct codec_field sign_out_device_fields[] = {
    N(sign_out_device, 1, device_id),
};
MAP(sign_out_device);
MAP_EMPTY(sign_out_everywhere);

/* --- from the server --- */

static const struct codec_field message_fields[] = {
    N(message, 1, channel_id), N(message, 2, seq), N(message, 3, message_id),
    N(message, 4, author_id), N(message, 5, sent_at_ms), M(message, 6, nonce, nonce),
    T(message, 7, text), T(message, 8, extra), N(message, 9, reply_to_seq), N(message, 10, rev),
    N(message, 11, edited_at_ms), N(message, 12, deleted), LM(message, 13, reactions, reaction),
    L(message, 14, mention_ids),
};
MAP(message);
static const struct codec_field sent_fields[] = {
    N(sent, 1, channel_id), N(sent, 2, seq), N(sent, 3, message_id), N(sent, 4, sent_at_ms),
    N(sent, 5, durability), N(sent, 6, epoch),
};
MAP(sent);
static const struct codec_field altered_fields[] = {
    N(altered, 1, channel_id), N(altered, 2, seq), N(altered, 3, rev), N(altered, 4, durability),
};
MAP(altered);
static const struct codec_field cursor_fields[] = {
    N(cursor, 1, channel_id), N(cursor, 2, read_seq), N(cursor, 3, read_message_id),
};
MAP(cursor);
static const struct codec_field heartbeat_ack_fields[] = {
    LM(heartbeat_ack, 1, heads, position), N(heartbeat_ack, 2, server_time_ms),
};
MAP(heartbeat_ack);
static const struct codec_field presence_batch_fields[] = {
    LM(presence_batch, 1, users, presence),
};
MAP(presence_batch);
static const struct codec_field welcome_fields[] = {
    N(welcome, 1, service_id), N(welcome, 2, user_id), N(welcome, 3, session_no),
    L(welcome, 4, features), N(welcome, 5, heartbeat_ms), N(welcome, 6, server_time_ms),
    T(welcome, 7, ticket), N(welcome, 8, ticket_expires_at_ms),
    N(welcome, 9, token_expires_at_ms), M(welcome, 10, limits, limits), N(welcome, 11, resumed),
    T(welcome, 12, name),
};
MAP(welcome);
static const struct codec_field problem_fields[] = {
    N(problem, 1, code), N(problem, 2, retry), N(problem, 3, retry_after_ms),
    T(problem, 4, limit), T(problem, 5, detail),
};
MAP(problem);
static const struct codec_field channel_list_fields[] = {
    LM(channel_list, 1, channels, channel), N(channel_list, 2, complete),
};
MAP(channel_list);
static const struct codec_field history_page_fields[] = {
    M(history_page, 1, head, position), M(history_page, 2, covered, range),
    N(history_page, 3, partial), N(history_page, 4, first_seq),
    LM(history_page, 5, messages, message),
};
MAP(history_page);
static const struct codec_field changes_page_fields[] = {
    M(changes_page, 1, head, position), N(changes_page, 2, covered_to_rev),
    N(changes_page, 3, too_many), LM(changes_page, 4, messages, message),
};
MAP(changes_page);
static const struct codec_field members_fields[] = {
    N(members, 1, home_id), LM(members, 2, members, member), N(members, 3, end),
};
MAP(members);
static const struct codec_field users_fields[] = {
    LM(users, 1, users, user),
};
MAP(users);
static const struct codec_field opened_fields[] = {
    N(opened, 1, home_id), N(opened, 2, channel_id), N(opened, 3, created),
};
MAP(opened);
static const struct codec_field member_changed_fields[] = {
    N(member_changed, 1, home_id), N(member_changed, 2, lsn), M(member_changed, 3, member, member),
};
MAP(member_changed);
static const struct codec_field channel_removed_fields[] = {
    N(channel_removed, 1, channel_id), N(channel_removed, 2, lsn),
};
MAP(channel_removed);
static const struct codec_field going_away_fields[] = {
    N(going_away, 1, reconnect_after_ms),
};
MAP(going_away);
static const struct codec_field ticket_fields[] = {
    T(ticket, 1, ticket), N(ticket, 2, ticket_expires_at_ms), N(ticket, 3, token_expires_at_ms),
};
MAP(ticket);
static const struct codec_field receipts_fields[] = {
    N(receipts, 1, channel_id), LM(receipts, 2, receipts, receipt),
};
MAP(receipts);
static const struct codec_field draft_fields[] = {
    N(draft, 1, channel_id), T(draft, 2, text), N(draft, 3, reply_to_seq),
    N(draft, 4, updated_at_ms), N(draft, 5, version), N(draft, 6, device_id),
};
MAP(draft);
static const struct codec_field devices_fields[] = {
    LM(devices, 1, devices, device),
};
MAP(devices);
MAP_EMPTY(ok);

static const struct codec_kind kinds[] = {
    {CHAT_FRAME_SEND_MESSAGE, &map_send_message},
    {CHAT_FRAME_MARK_READ, &map_mark_read},
    {CHAT_FRAME_HEARTBEAT, &map_heartbeat},
    {CHAT_FRAME_FETCH_HISTORY, &map_fetch_history},
    {CHAT_FRAME_TYPING, &map_typing},
    {CHAT_FRAME_HELLO, &map_hello},
    {CHAT_FRAME_EDIT_MESSAGE, &map_edit_message},
    {CHAT_FRAME_DELETE_MESSAGE, &map_delete_message},
    {CHAT_FRAME_FETCH_CHANGES, &map_fetch_changes},
    {CHAT_FRAME_FETCH_MEMBERS, &map_fetch_members},
    {CHAT_FRAME_FETCH_USERS, &map_fetch_users},
    {CHAT_FRAME_FIND_USER, &map_find_user},
    {CHAT_FRAME_OPEN_DIRECT, &map_open_direct},
    {CHAT_FRAME_CREATE_GROUP, &map_create_group},
    {CHAT_FRAME_SET_MEMBER, &map_set_member},
    {CHAT_FRAME_WATCH_PRESENCE, &map_watch_presence},
    {CHAT_FRAME_SET_PRESENCE, &map_set_presence},
    {CHAT_FRAME_REFRESH_TOKEN, &map_refresh_token},
    {CHAT_FRAME_GOODBYE, &map_goodbye},
    {CHAT_FRAME_REACT, &map_react},
    {CHAT_FRAME_MARK_RECEIPTS, &map_mark_receipts},
    {CHAT_FRAME_SET_CHANNEL_SETTINGS, &map_set_channel_settings},
    {CHAT_FRAME_SET_DRAFT, &map_set_draft},
    {CHAT_FRAME_FETCH_RECEIPTS, &map_fetch_receipts},
    {CHAT_FRAME_FETCH_DEVICES, &map_fetch_devices},
    {CHAT_FRAME_SIGN_OUT_DEVICE, &map_sign_out_device},
    {CHAT_FRAME_SIGN_OUT_EVERYWHERE, &map_sign_out_everywhere},
    {CHAT_FRAME_MESSAGE, &map_message},
    {CHAT_FRAME_SENT, &map_sent},
    {CHAT_FRAME_CHANGED, &map_message},
    {CHAT_FRAME_CURSOR, &map_cursor},
    {CHAT_FRAME_HEARTBEAT_ACK, &map_heartbeat_ack},
    {CHAT_FRAME_PRESENCE, &map_presence_batch},
    {CHAT_FRAME_WELCOME, &map_welcome},
    {CHAT_FRAME_PROBLEM, &map_problem},
    {CHAT_FRAME_CHANNEL_LIST, &map_channel_list},
    {CHAT_FRAME_HISTORY_PAGE, &map_history_page},
    {CHAT_FRAME_CHANGES_PAGE, &map_changes_page},
    {CHAT_FRAME_ALTERED, &map_altered},
    {CHAT_FRAME_MEMBERS, &map_members},
    {CHAT_FRAME_USERS, &map_users},
    {CHAT_FRAME_OPENED, &map_opened},
    {CHAT_FRAME_MEMBER_CHANGED, &map_member_changed},
    {CHAT_FRAME_CHANNEL_REMOVED, &map_channel_removed},
    {CHAT_FRAME_GOING_AWAY, &map_going_away},
    {CHAT_FRAME_TICKET, &map_ticket},
    {CHAT_FRAME_OK, &map_ok},
    {CHAT_FRAME_TYPING_NOW, &map_typing},
    {CHAT_FRAME_RECEIPTS, &map_receipts},
    {CHAT_FRAME_CHANNEL_SETTINGS, &map_channel_settings},
    {CHAT_FRAME_DRAFT, &map_draft},
    {CHAT_FRAME_DEVICES, &map_devices},
    {CHAT_FRAME_MENTIONS, &map_mentions},
};

/* clang-format on */

const struct codec_map *codec_map_of(chat_frame_kind kind)
{
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].kind == kind)
            return kinds[i].map;
    }
    return NULL;
}

const struct codec_kind *codec_kinds(size_t *out_count)
{
    *out_count = sizeof(kinds) / sizeof(kinds[0]);
    return kinds;
}
