#include "server/store/typing.h"

#include "server/store/homes.h"
#include "server/store/publish.h"
#include "server/store/role.h"
#include "server/store/subscriptions.h"

#define WINDOW_MS 1000

/* A large home has many who type: nobody reads more than a few names. */
static bool is_too_much(struct shard *s, struct home *home)
{
    const int64_t now_ms = s->store->now.mono_ms;

    if (now_ms - home->typing_at_ms >= WINDOW_MS) {
        home->typing_at_ms = now_ms;
        home->typing_count = 0;
    }
    return home->typing_count++ >= s->limits->typing_per_second;
}

void typing_tell(struct shard *s, const struct request *req)
{
    const uint32_t needed = WIRE_PERMISSION__PERMISSION_VIEW | WIRE_PERMISSION__PERMISSION_SEND;
    struct home *home = homes_need(s, req->frame->typing->channel_id, req);
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    WireTyping typing = *req->frame->typing;
    struct frame *frame;

    if (!home || home->kind == WIRE_HOME_KIND__HOME_KIND_USER ||
        (home_permissions(home, req->frame->user_id) & needed) != needed)
        return;
    if (is_too_much(s, home)) {
        s->stats->typing_dropped++;
        return;
    }
    typing.user_id = req->frame->user_id;
    typing.session_no = req->frame->session_no;
    event.body_case = WIRE_HOME_EVENT__BODY_TYPING;
    event.typing = &typing;
    frame = publish_ephemeral(s, home->id, &event);
    if (!frame)
        return;
    s->stats->typing_told++;
    subscriptions_send(s, home, frame);
    frame_unref(frame);
}
