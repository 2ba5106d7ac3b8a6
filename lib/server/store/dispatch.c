#include "server/store/dispatch.h"

#include "server/shards.h"
#include "server/store/answer.h"
#include "server/store/create.h"
#include "server/store/devices.h"
#include "server/store/members.h"
#include "server/store/messages.h"
#include "server/store/notes.h"
#include "server/store/page.h"
#include "server/store/receipts.h"
#include "server/store/role.h"
#include "server/store/settings.h"
#include "server/store/typing.h"
#include "server/store/users.h"

#define BODY(name) WIRE_LINK_FRAME__BODY_##name

/* The home that a frame is about; 0 when that is not how it is routed. */
static uint64_t home_of(const WireLinkFrame *frame)
{
    switch ((int)frame->body_case) {
    case BODY(SEND_MESSAGE): return frame->send_message->channel_id;
    case BODY(EDIT_MESSAGE): return frame->edit_message->channel_id;
    case BODY(DELETE_MESSAGE): return frame->delete_message->channel_id;
    case BODY(REACT): return frame->react->channel_id;
    case BODY(FETCH_HISTORY): return frame->fetch_history->channel_id;
    case BODY(FETCH_CHANGES): return frame->fetch_changes->channel_id;
    case BODY(FETCH_MEMBERS): return frame->fetch_members->home_id;
    case BODY(SET_MEMBER): return frame->set_member->home_id;
    case BODY(SUBSCRIBE): return frame->subscribe->home_id;
    case BODY(UNSUBSCRIBE): return frame->unsubscribe->home_id;
    case BODY(OPEN_SESSION): return frame->open_session->user_id;
    case BODY(MARK_READ):
    case BODY(SET_CHANNEL_SETTINGS):
    case BODY(SET_DRAFT):
    case BODY(FETCH_DEVICES):
    case BODY(SIGN_OUT_DEVICE):
    case BODY(SIGN_OUT_EVERYWHERE):
    case BODY(CREATE_GROUP): return frame->user_id;
    case BODY(TYPING): return frame->typing->channel_id;
    case BODY(RECEIPT_MARK): return frame->receipt_mark->channel_id;
    case BODY(FETCH_RECEIPTS): return frame->fetch_receipts->channel_id;
    case BODY(FETCH_USERS):
        return frame->fetch_users->n_user_ids > 0 ? frame->fetch_users->user_ids[0] : 0;
    case BODY(NOTE): return frame->note->dest_home;
    case BODY(NOTE_ACK): return frame->note_ack->source_home;
    default: return 0;
    }
}

uint32_t dispatch_shard(const WireLinkFrame *frame, uint32_t shard_count)
{
    const uint64_t home = home_of(frame);

    if (home != 0)
        return shard_of_id(home, shard_count);
    switch ((int)frame->body_case) {
    case BODY(OPEN_SESSION):
        return shard_of_subject(frame->open_session->issuer, frame->open_session->subject,
                                shard_count);
    case BODY(FIND_USER):
        return shard_of_subject(frame->find_user->issuer, frame->find_user->subject, shard_count);
    case BODY(OPEN_DIRECT):
        return shard_of_pair(frame->user_id, frame->open_direct->peer_id, shard_count);
    default: return SHARD_NONE;
    }
}

typedef void (*handler)(struct shard *s, const struct request *req);

static handler handler_of(const WireLinkFrame *frame)
{
    switch ((int)frame->body_case) {
    case BODY(SEND_MESSAGE): return messages_send;
    case BODY(EDIT_MESSAGE): return messages_edit;
    case BODY(DELETE_MESSAGE): return messages_delete;
    case BODY(REACT): return messages_react;
    case BODY(FETCH_HISTORY): return history_fetch;
    case BODY(FETCH_CHANGES): return changes_fetch;
    case BODY(FETCH_MEMBERS): return members_fetch;
    case BODY(SET_MEMBER): return members_set;
    case BODY(SUBSCRIBE): return members_subscribe;
    case BODY(UNSUBSCRIBE): return members_unsubscribe;
    case BODY(OPEN_SESSION): return users_open_session;
    case BODY(MARK_READ): return users_mark_read;
    case BODY(FETCH_USERS): return users_fetch;
    case BODY(FIND_USER): return users_find;
    case BODY(OPEN_DIRECT): return create_direct;
    case BODY(CREATE_GROUP): return create_group;
    case BODY(TYPING): return typing_tell;
    case BODY(RECEIPT_MARK): return receipts_mark;
    case BODY(FETCH_RECEIPTS): return receipts_fetch;
    case BODY(SET_CHANNEL_SETTINGS): return settings_set;
    case BODY(SET_DRAFT): return settings_set_draft;
    case BODY(FETCH_DEVICES): return devices_fetch;
    case BODY(SIGN_OUT_DEVICE): return devices_sign_out;
    case BODY(SIGN_OUT_EVERYWHERE): return devices_sign_out_everywhere;
    case BODY(NOTE): return notes_take;
    case BODY(NOTE_ACK): return notes_take_ack;
    default: return NULL;
    }
}

bool dispatch_knows(const WireLinkFrame *frame) { return handler_of(frame) != NULL; }

void shard_take(struct shard *s, const struct request *req)
{
    if (s->state == SHARD_SERVING)
        handler_of(req->frame)(s, req);
    else if (s->state == SHARD_FENCED || s->state == SHARD_REFUSED)
        answer_problem(s, NULL, req, PROBLEM(WRONG_SHARD), "shard");
    else
        answer_problem(s, NULL, req, PROBLEM(UNAVAILABLE), "shard");
}
