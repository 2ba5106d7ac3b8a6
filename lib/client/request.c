/* What was asked and is not answered yet, and what may be sent at all. */
#include "client/inner.h"

#define OUT_FRAMES_MAX 256u
#define OUT_BYTES_MAX (256u << 10)
#define REQUEST_COST 1000 /* of a budget */

struct request *request_new(struct client_core *core, enum request_kind kind)
{
    struct request *r;

    if (core->requests_by_id.count >= CLIENT_REQUESTS_MAX)
        return NULL;
    r = alloc_zeroed(core->allocator, sizeof(*r));
    if (!r) {
        (void)core_ok(core, CHAT_E_NOMEM);
        return NULL;
    }
    if (++core->last_request_id == 0)
        core->last_request_id = 1;
    r->id = core->last_request_id;
    r->kind = kind;
    r->deadline_ms = core->now.mono_ms + core->cfg.request_timeout_ms;
    if (map_get(&core->requests_by_id, r->id) ||
        !core_ok(core, map_put(&core->requests_by_id, r->id, r))) {
        alloc_free(core->allocator, r);
        return NULL;
    }
    list_push_back(&core->requests, &r->link);
    return r;
}

void request_free(struct client_core *core, struct request *r)
{
    (void)map_take(&core->requests_by_id, r->id);
    list_remove(&r->link);
    alloc_free(core->allocator, r->ranges);
    alloc_free(core->allocator, r);
}

bool request_say(struct client_core *core, WireClientFrame *frame)
{
    struct frame *encoded = wire_encode_client(core->allocator, frame);
    chat_status status = CHAT_E_NOMEM;

    if (encoded)
        status = outq_push(&core->out, core->allocator, encoded, OUT_BYTES_MAX, OUT_FRAMES_MAX);
    frame_unref(encoded);
    return core_ok(core, status);
}

bool request_send(struct client_core *core, struct request *r, WireClientFrame *frame)
{
    frame->request_id = r->id;
    if (request_say(core, frame))
        return true;
    request_free(core, r);
    return false;
}

struct request *client_request_take(struct client_core *core, uint32_t id)
{
    return id ? map_get(&core->requests_by_id, id) : NULL;
}

static void lose(struct client_core *core, struct request *r)
{
    switch (r->kind) {
    case REQ_OP:
        if (r->op)
            outbox_unsend(core, r->op);
        break;
    case REQ_MARK:
        if (r->channel)
            r->channel->mark_request = 0;
        break;
    case REQ_HISTORY:
    case REQ_CHANGES:
        if (r->channel) {
            r->channel->lane_request = 0;
            core->lanes--;
        }
        break;
    case REQ_ASK:
        if (r->ask)
            r->ask->request_id = 0;
        break;
    case REQ_USERS: core->users_request = 0; break;
    case REQ_REFRESH: core->refresh_wanted = true; break;
    case REQ_MARK_RECEIPTS: core->tell_request = 0; break; /* the next list says what is known */
    case REQ_RECEIPTS: core->receipts_request = 0; break;  /* likewise */
    case REQ_SETTINGS:
        if (r->channel)
            r->channel->own.settings_request = 0;
        break;
    case REQ_DRAFT:
        if (r->channel)
            r->channel->own.draft_request = 0;
        break;
    case REQ_HELLO:
    case REQ_HEARTBEAT:
    case REQ_WATCH:
    case REQ_PRESENCE: break;
    }
}

void requests_lost(struct client_core *core)
{
    LIST_EACH(node, &core->requests)
    {
        struct request *r = LIST_ENTRY(node, struct request, link);

        lose(core, r);
        request_free(core, r);
    }
}

bool requests_overdue(struct client_core *core)
{
    struct list_node *oldest;

    while ((oldest = list_first(&core->requests)) != NULL) {
        struct request *r = LIST_ENTRY(oldest, struct request, link);

        if (core->now.mono_ms < r->deadline_ms)
            return false;
        if (r->kind != REQ_WATCH && r->kind != REQ_PRESENCE)
            return true;
        request_free(core, r); /* nobody waits for it */
    }
    return false;
}

void request_forget_lanes(struct client_core *core, struct channel *ch)
{
    LIST_EACH(node, &core->requests)
    {
        struct request *r = LIST_ENTRY(node, struct request, link);

        if (r->channel == ch && (r->kind == REQ_HISTORY || r->kind == REQ_CHANGES)) {
            lose(core, r);
            r->channel = NULL;
        }
    }
    if (core->half.request && core->half.request->channel == ch)
        core->half.request->channel = NULL;
}

void request_forget_channel(struct client_core *core, struct channel *ch)
{
    request_forget_lanes(core, ch);
    LIST_EACH(node, &core->requests)
    {
        struct request *r = LIST_ENTRY(node, struct request, link);

        if (r->channel == ch)
            r->channel = NULL;
    }
}

void request_forget_op(struct client_core *core, uint32_t id)
{
    struct request *r = client_request_take(core, id);

    if (r)
        r->op = NULL;
}

bool request_has_room(const struct client_core *core)
{
    return core->out.bytes < CLIENT_BATCH_BYTES && core->out.count < CHAT_CLIENT_FRAMES_MAX &&
           core->requests_by_id.count < CLIENT_REQUESTS_MAX;
}

bool request_may_send(struct client_core *core, enum budget_kind kind)
{
    struct budget *b = &core->budgets[kind];
    int64_t full = (int64_t)b->per_second * REQUEST_COST, passed_ms;

    if (!request_has_room(core))
        return false;
    if (!b->per_second)
        return true;
    passed_ms = core->now.mono_ms - b->at_ms;
    b->at_ms = core->now.mono_ms;
    /* a rate per second * 1000 thousandths / 1000 ms: one unit of the rate per ms */
    b->left = passed_ms > 1000 ? full : b->left + passed_ms * b->per_second;
    if (b->left > full)
        b->left = full;
    if (b->left >= REQUEST_COST)
        return true;
    core_wake_at(core, core->now.mono_ms + (REQUEST_COST - b->left) / b->per_second + 1);
    return false;
}

bool request_may_aside(struct client_core *core, enum budget_kind kind)
{
    if (core->now.mono_ms >= core->aside_wait_until_ms)
        return request_may_send(core, kind);
    core_wake_at(core, core->aside_wait_until_ms);
    return false;
}

void request_spend(struct client_core *core, enum budget_kind kind)
{
    if (core->budgets[kind].per_second)
        core->budgets[kind].left -= REQUEST_COST;
}
