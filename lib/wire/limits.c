#include "wire/limits.h"

#include <libchat/limits.h>

#include "libchat/v1/client.pb-c.h"
#include "libchat/v1/link.pb-c.h"
#include "libchat/v1/record.pb-c.h"
#include "libchat/v1/types.pb-c.h"

#define FEATURES_MAX 32u     /* names in a list of features */
#define FEATURE_NAME_MAX 32u /* bytes of one */
#define LIMIT_NAME_MAX 64u   /* bytes of Problem.limit */
#define DETAIL_MAX 256u      /* bytes of Problem.detail */
#define RANGES_MAX 64u       /* ranges of a FetchChanges */
#define USERS_MAX 100u       /* users asked for at once */
#define CHANNELS_MAX 500u    /* channels a frame */
#define EVENTS_MAX 1024u     /* events of a Publication */
#define RECHECK_MAX 512u     /* members asked for with a Subscribe */
#define PRESENCE_MAX 500u    /* users or sessions a presence frame */
#define OWN_RECEIPTS_MAX 2u  /* of a channel in a list: the user's own, and a direct's other */

#define LIST(number, max, rule)                                                                    \
    {                                                                                              \
        number, max, 0, rule                                                                       \
    }
#define TEXT(number, max, rule)                                                                    \
    {                                                                                              \
        number, 0, max, rule                                                                       \
    }
#define TEXTS(number, max, bytes, rule)                                                            \
    {                                                                                              \
        number, max, bytes, rule                                                                   \
    }

/* --- client.proto --- */

static const struct limits_field client_batch[] = {
    LIST(1, CHAT_CLIENT_FRAMES_MAX, "frames"),
};
static const struct limits_field server_batch[] = {
    LIST(1, CHAT_SERVER_FRAMES_MAX, "frames"),
};
static const struct limits_field hello[] = {
    TEXT(1, CHAT_TOKEN_MAX, "Hello.token"),
    TEXT(2, CHAT_TICKET_MAX, "Hello.ticket"),
    TEXT(4, CHAT_CLIENT_NAME_MAX, "Hello.client"),
    TEXTS(5, FEATURES_MAX, FEATURE_NAME_MAX, "Hello.features"),
};
static const struct limits_field welcome[] = {
    TEXTS(4, FEATURES_MAX, FEATURE_NAME_MAX, "Welcome.features"),
    TEXT(7, CHAT_TICKET_MAX, "Welcome.ticket"),
    TEXT(12, CHAT_NAME_MAX, "Welcome.name"),
};
static const struct limits_field channel_list[] = {
    LIST(1, CHANNELS_MAX, "ChannelList.channels"),
};
static const struct limits_field heartbeat[] = {
    LIST(1, CHAT_HEARTBEAT_POSITIONS_MAX, "Heartbeat.positions"),
};
static const struct limits_field heartbeat_ack[] = {
    LIST(1, CHAT_HEARTBEAT_POSITIONS_MAX, "HeartbeatAck.heads"),
};
static const struct limits_field refresh_token[] = {
    TEXT(1, CHAT_TOKEN_MAX, "RefreshToken.token"),
};
static const struct limits_field ticket[] = {
    TEXT(1, CHAT_TICKET_MAX, "Ticket.ticket"),
};

/* --- types.proto --- */

static const struct limits_field message[] = {
    TEXT(7, CHAT_TEXT_MAX, "Message.text"),
    TEXT(8, CHAT_EXTRA_MAX, "Message.extra"),
    LIST(13, CHAT_REACTION_KINDS_MAX, "Message.reactions"),
    LIST(14, CHAT_MENTIONS_MAX, "Message.mention_ids"),
};
static const struct limits_field reaction[] = {
    TEXT(1, CHAT_EMOJI_MAX, "Reaction.emoji"),
    LIST(2, CHAT_REACTIONS_MAX, "Reaction.user_ids"),
};
static const struct limits_field channel[] = {
    TEXT(4, CHAT_NAME_MAX, "Channel.name"),
    LIST(14, OWN_RECEIPTS_MAX, "Channel.receipts"),
};
static const struct limits_field user[] = {
    TEXT(2, CHAT_NAME_MAX, "User.name"),
};
static const struct limits_field send_message[] = {
    TEXT(3, CHAT_TEXT_MAX, "SendMessage.text"),
    TEXT(4, CHAT_EXTRA_MAX, "SendMessage.extra"),
    LIST(6, CHAT_MENTIONS_MAX, "SendMessage.mention_ids"),
};
static const struct limits_field edit_message[] = {
    TEXT(4, CHAT_TEXT_MAX, "EditMessage.text"),
    TEXT(5, CHAT_EXTRA_MAX, "EditMessage.extra"),
    LIST(6, CHAT_MENTIONS_MAX, "EditMessage.mention_ids"),
};
static const struct limits_field react[] = {
    TEXT(4, CHAT_EMOJI_MAX, "React.emoji"),
};
static const struct limits_field history_page[] = {
    LIST(5, CHAT_HISTORY_PAGE_MAX, "HistoryPage.messages"),
};
static const struct limits_field fetch_changes[] = {
    LIST(3, RANGES_MAX, "FetchChanges.ranges"),
};
static const struct limits_field changes_page[] = {
    LIST(4, CHAT_CHANGES_PAGE_MAX, "ChangesPage.messages"),
};
static const struct limits_field members[] = {
    LIST(2, CHAT_GROUP_MEMBERS_MAX, "Members.members"),
};
static const struct limits_field fetch_users[] = {
    LIST(1, USERS_MAX, "FetchUsers.user_ids"),
};
static const struct limits_field users[] = {
    LIST(1, USERS_MAX, "Users.users"),
};
static const struct limits_field find_user[] = {
    TEXT(1, CHAT_SUBJECT_MAX, "FindUser.subject"),
};
static const struct limits_field create_group[] = {
    TEXT(2, CHAT_NAME_MAX, "CreateGroup.name"),
    LIST(3, CHAT_GROUP_MEMBERS_MAX - 1, "CreateGroup.member_ids"),
};
static const struct limits_field mark_receipts[] = {
    LIST(1, CHAT_RECEIPT_MARKS_MAX, "MarkReceipts.marks"),
};
static const struct limits_field receipts[] = {
    LIST(2, CHAT_GROUP_MEMBERS_MAX, "Receipts.receipts"),
};
static const struct limits_field set_draft[] = {
    TEXT(2, CHAT_DRAFT_MAX, "SetDraft.text"),
};
static const struct limits_field draft[] = {
    TEXT(2, CHAT_DRAFT_MAX, "Draft.text"),
};
static const struct limits_field devices[] = {
    LIST(1, CHAT_DEVICES_MAX, "Devices.devices"),
};
static const struct limits_field device[] = {
    TEXT(2, CHAT_CLIENT_NAME_MAX, "Device.client"),
};
static const struct limits_field presence_batch[] = {
    LIST(1, PRESENCE_MAX, "PresenceBatch.users"),
};
static const struct limits_field watch_presence[] = {
    LIST(1, CHAT_WATCH_MAX, "WatchPresence.user_ids"),
};
static const struct limits_field problem[] = {
    TEXT(4, LIMIT_NAME_MAX, "Problem.limit"),
    TEXT(5, DETAIL_MAX, "Problem.detail"),
};

/* --- link.proto --- */

static const struct limits_field link_batch[] = {
    LIST(1, CHAT_SERVER_FRAMES_MAX, "frames"),
};
static const struct limits_field link_hello[] = {
    TEXTS(4, FEATURES_MAX, FEATURE_NAME_MAX, "LinkHello.features"),
};
static const struct limits_field link_welcome[] = {
    TEXTS(4, FEATURES_MAX, FEATURE_NAME_MAX, "LinkWelcome.features"),
    LIST(8, CHAT_SHARDS_MAX, "LinkWelcome.shards"),
};
static const struct limits_field open_session[] = {
    TEXT(1, CHAT_SUBJECT_MAX, "OpenSession.issuer"),
    TEXT(2, CHAT_SUBJECT_MAX, "OpenSession.subject"),
    TEXT(3, CHAT_NAME_MAX, "OpenSession.name"),
    TEXT(8, CHAT_CLIENT_NAME_MAX, "OpenSession.client"),
};
static const struct limits_field session_opened[] = {
    TEXT(4, CHAT_NAME_MAX, "SessionOpened.name"),
    LIST(6, CHAT_USER_CHANNELS_MAX, "SessionOpened.channels"),
};
static const struct limits_field subscribe[] = {
    LIST(3, RECHECK_MAX, "Subscribe.user_ids"),
};
static const struct limits_field subscribed[] = {
    TEXT(4, CHAT_NAME_MAX, "Subscribed.name"),
    LIST(5, CHANNELS_MAX, "Subscribed.channels"),
    LIST(6, RECHECK_MAX + 1, "Subscribed.members"),
    LIST(7, 2, "Subscribed.direct_members"),
};
static const struct limits_field channel_state[] = {
    LIST(10, RECHECK_MAX + 3, "ChannelState.receipts"),
};
static const struct limits_field publication[] = {
    LIST(4, EVENTS_MAX, "Publication.events"),
};
static const struct limits_field find_user_in[] = {
    TEXT(1, CHAT_SUBJECT_MAX, "FindUserIn.issuer"),
    TEXT(2, CHAT_SUBJECT_MAX, "FindUserIn.subject"),
};
static const struct limits_field presence_delta[] = {
    LIST(2, PRESENCE_MAX, "PresenceDelta.sessions"),
};
static const struct limits_field watch[] = {
    LIST(1, PRESENCE_MAX, "Watch.add"),
    LIST(2, PRESENCE_MAX, "Watch.remove"),
};

/* --- record.proto: lines for its messages go here; without one the default holds --- */

#define LINES(name)                                                                                \
    {                                                                                              \
        &wire_##name##__descriptor, name, sizeof(name) / sizeof(name[0])                           \
    }

/* Searched from the top: what travels most comes first. */
static const struct limits_message table[] = {
    LINES(message),       LINES(send_message),   LINES(client_batch),   LINES(server_batch),
    LINES(link_batch),    LINES(publication),    LINES(history_page),   LINES(channel),
    LINES(channel_list),  LINES(heartbeat),      LINES(heartbeat_ack),  LINES(presence_batch),
    LINES(user),          LINES(presence_delta), LINES(changes_page),   LINES(fetch_changes),
    LINES(edit_message),  LINES(members),        LINES(fetch_users),    LINES(users),
    LINES(find_user),     LINES(create_group),   LINES(watch_presence), LINES(problem),
    LINES(hello),         LINES(welcome),        LINES(refresh_token),  LINES(ticket),
    LINES(link_hello),    LINES(link_welcome),   LINES(open_session),   LINES(session_opened),
    LINES(subscribe),     LINES(subscribed),     LINES(find_user_in),   LINES(watch),
    LINES(reaction),      LINES(react),          LINES(receipts),       LINES(mark_receipts),
    LINES(channel_state), LINES(set_draft),      LINES(draft),          LINES(devices),
    LINES(device),
};

const struct limits_field *limits_find(const ProtobufCMessageDescriptor *descriptor,
                                       uint32_t number)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const struct limits_message *m = &table[i];

        if (m->descriptor != descriptor)
            continue;
        for (size_t k = 0; k < m->field_count; k++) {
            if (m->fields[k].number == number)
                return &m->fields[k];
        }
        return NULL;
    }
    return NULL;
}

const struct limits_message *limits_table(size_t *out_count)
{
    *out_count = sizeof(table) / sizeof(table[0]);
    return table;
}
