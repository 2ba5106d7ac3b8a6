/* Taking the application's questions. */
#include <string.h>

#include "base/utf8.h"
#include "client/inner.h"

static chat_status ask_new(struct client_core *core, enum ask_kind kind, const uint64_t *ids,
                           size_t count, const char *text, size_t text_len, struct ask **out_ask)
{
    struct ask *ask;
    char *block;

    if (core->state == CHAT_CONN_CLOSED || core->stopping)
        return CHAT_E_STATE;
    if (core->ask_count >= core->cfg.requests_max)
        return CHAT_E_FULL;
    ask = alloc_zeroed(core->allocator, sizeof(*ask) + count * sizeof(*ids) + text_len + 1);
    if (!ask)
        return CHAT_E_NOMEM;
    ask->answer = alloc_zeroed(core->allocator, sizeof(*ask->answer));
    if (!ask->answer) {
        alloc_free(core->allocator, ask);
        return CHAT_E_NOMEM;
    }
    block = (char *)(ask + 1);
    ask->kind = kind;
    ask->ids = (uint64_t *)(void *)block;
    ask->count = count;
    ask->text = block + count * sizeof(*ids);
    ask->text_len = text_len;
    if (count)
        memcpy(ask->ids, ids, count * sizeof(*ids));
    if (text_len)
        memcpy(ask->text, text, text_len);
    ask->ticket = ++core->last_ticket;
    ask->deadline_ms = core->now.mono_ms + core->cfg.request_timeout_ms;
    list_push_back(&core->asks, &ask->link);
    core->ask_count++;
    *out_ask = ask;
    return CHAT_OK;
}

static bool text_is_fine(const char *text, size_t len, size_t max)
{
    return text && len && len <= max && utf8_is_valid((const uint8_t *)text, len);
}

/* Is all of it held already? */
static bool is_held(struct client_core *core, const struct ask *ask)
{
    chat_page *page = NULL;
    bool complete;

    if (page_read(core, channel_find(core, ask->id), ask->second_id, ask->number, ask->way,
                  &page) != CHAT_OK)
        return false;
    complete = chat_page_is_complete(page);
    chat_page_free(page);
    return complete;
}

/* From `start_seq`, or from where `message_id` is, if that is not 0. */
static chat_status fetch(struct client_core *core, uint64_t channel_id, uint64_t start_seq,
                         uint64_t message_id, uint32_t limit, enum page_way way,
                         uint64_t *out_ticket)
{
    struct ask *ask;
    chat_status status;

    if (limit == 0 || limit > CHAT_HISTORY_PAGE_MAX || start_seq > RANGES_SEQ_MAX)
        return CHAT_E_INVALID;
    if (!channel_find(core, channel_id))
        return CHAT_E_NOT_FOUND;
    status = ask_new(core, ASK_HISTORY, NULL, 0, NULL, 0, &ask);
    if (status != CHAT_OK)
        return status;
    ask->id = channel_id;
    ask->second_id = ask->at_seq = start_seq;
    ask->message_id = message_id;
    ask->number = ask->left = limit;
    ask->way = ask->next_way = way;
    *out_ticket = ask->ticket;
    if (!message_id && is_held(core, ask))
        ask_finish_history(core, ask, CHAT_OK);
    return CHAT_OK;
}

chat_status client_fetch_history(struct client_core *core, uint64_t channel_id, uint64_t start_seq,
                                 uint32_t limit, bool backwards, uint64_t *out_ticket)
{
    return backwards ? fetch(core, channel_id, start_seq, 0, limit, PAGE_BACKWARDS, out_ticket)
                     : fetch(core, channel_id, most_u64(start_seq, 1), 0, limit, PAGE_FORWARDS,
                             out_ticket);
}

chat_status client_fetch_around(struct client_core *core, uint64_t channel_id, uint64_t seq,
                                uint32_t limit, uint64_t *out_ticket)
{
    return seq ? fetch(core, channel_id, seq, 0, limit, PAGE_AROUND, out_ticket) : CHAT_E_INVALID;
}

chat_status client_find_message(struct client_core *core, uint64_t channel_id, uint64_t message_id,
                                uint32_t limit, uint64_t *out_ticket)
{
    uint64_t seq = 0;
    chat_status status = core_commit(core);

    if (status == CHAT_OK && message_id)
        status = cache_message_find(core->cache, channel_id, message_id, &seq);
    if (status != CHAT_OK && status != CHAT_E_NOT_FOUND)
        return status;
    if (!message_id)
        return CHAT_E_INVALID;
    return fetch(core, channel_id, seq, seq ? 0 : message_id, limit, PAGE_AROUND, out_ticket);
}

chat_status client_fetch_users(struct client_core *core, const uint64_t *ids, size_t count,
                               uint64_t *out_ticket)
{
    struct ask *ask;
    chat_status status;

    if (!ids || count == 0 || count > 100)
        return CHAT_E_INVALID;
    status = ask_new(core, ASK_USERS, ids, count, NULL, 0, &ask);
    if (status == CHAT_OK)
        *out_ticket = ask->ticket;
    return status;
}

chat_status client_find_user(struct client_core *core, const char *subject, size_t len,
                             uint64_t *out_ticket)
{
    struct ask *ask;
    chat_status status;

    if (!text_is_fine(subject, len, CHAT_SUBJECT_MAX))
        return CHAT_E_INVALID;
    status = ask_new(core, ASK_FIND, NULL, 0, subject, len, &ask);
    if (status == CHAT_OK)
        *out_ticket = ask->ticket;
    return status;
}

chat_status client_fetch_members(struct client_core *core, uint64_t home_id, uint64_t after_user_id,
                                 uint32_t limit, uint64_t *out_ticket)
{
    struct ask *ask;
    chat_status status;

    if (!home_id || limit == 0 || limit > 500)
        return CHAT_E_INVALID;
    status = ask_new(core, ASK_MEMBERS, NULL, 0, NULL, 0, &ask);
    if (status != CHAT_OK)
        return status;
    ask->id = home_id;
    ask->second_id = after_user_id;
    ask->number = limit;
    *out_ticket = ask->ticket;
    return CHAT_OK;
}

chat_status client_open_direct(struct client_core *core, uint64_t peer_id, uint64_t *out_ticket)
{
    struct ask *ask;
    chat_status status;

    if (!peer_id)
        return CHAT_E_INVALID;
    status = ask_new(core, ASK_DIRECT, NULL, 0, NULL, 0, &ask);
    if (status != CHAT_OK)
        return status;
    ask->id = peer_id;
    *out_ticket = ask->ticket;
    return CHAT_OK;
}

chat_status client_create_group(struct client_core *core, const char *name, size_t name_len,
                                const uint64_t *ids, size_t count, uint64_t *out_ticket)
{
    struct ask *ask;
    chat_status status;

    if (!text_is_fine(name, name_len, CHAT_NAME_MAX) || (count && !ids) ||
        count >= CHAT_GROUP_MEMBERS_MAX)
        return CHAT_E_INVALID;
    status = ask_new(core, ASK_GROUP, ids, count, name, name_len, &ask);
    if (status != CHAT_OK)
        return status;
    ask->id = cache_identity(core->cache)->device_id;
    ask->second_id = compose_counter(core);
    *out_ticket = ask->ticket;
    return CHAT_OK;
}

chat_status client_fetch_receipts(struct client_core *core, uint64_t channel_id,
                                  uint64_t *out_ticket)
{
    struct channel *ch = channel_find(core, channel_id);
    struct ask *ask;
    chat_status status;

    if (!ch)
        return CHAT_E_NOT_FOUND;
    status = ask_new(core, ASK_RECEIPTS, NULL, 0, NULL, 0, &ask);
    if (status != CHAT_OK)
        return status;
    receipts_want(core, ch);
    ask->id = channel_id;
    *out_ticket = ask->ticket;
    return CHAT_OK;
}

static chat_status ask_plainly(struct client_core *core, enum ask_kind kind, uint64_t id,
                               uint64_t *out_ticket)
{
    struct ask *ask;
    chat_status status = ask_new(core, kind, NULL, 0, NULL, 0, &ask);

    if (status != CHAT_OK)
        return status;
    ask->id = id;
    *out_ticket = ask->ticket;
    return CHAT_OK;
}

chat_status client_fetch_devices(struct client_core *core, uint64_t *out_ticket)
{
    return ask_plainly(core, ASK_DEVICES, 0, out_ticket);
}

chat_status client_sign_out_device(struct client_core *core, uint64_t device_id,
                                   uint64_t *out_ticket)
{
    return device_id ? ask_plainly(core, ASK_SIGN_OUT, device_id, out_ticket) : CHAT_E_INVALID;
}

chat_status client_sign_out_everywhere(struct client_core *core, uint64_t *out_ticket)
{
    return ask_plainly(core, ASK_SIGN_OUT_ALL, 0, out_ticket);
}

chat_status client_set_member(struct client_core *core, uint64_t home_id, uint64_t user_id,
                              uint32_t permissions, uint64_t *out_ticket)
{
    struct ask *ask;
    chat_status status;

    if (!home_id || !user_id)
        return CHAT_E_INVALID;
    status = ask_new(core, ASK_SET_MEMBER, NULL, 0, NULL, 0, &ask);
    if (status != CHAT_OK)
        return status;
    ask->id = home_id;
    ask->second_id = user_id;
    ask->number = permissions;
    *out_ticket = ask->ticket;
    return CHAT_OK;
}
