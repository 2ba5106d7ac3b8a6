/* Names: those that messages and channels mention are asked for once. */
#include <string.h>

#include "client/inner.h"

#define KEEP_MAX 65536u

static void know(struct client_core *core, uint64_t user_id)
{
    if (core->known_users.count >= CLIENT_KNOWN_USERS_MAX) { /* the cache knows them still */
        map_fini(&core->known_users);
        map_init(&core->known_users, core->allocator);
    }
    (void)map_put(&core->known_users, user_id, core); /* without memory: looked up again */
}

void users_saw(struct client_core *core, uint64_t user_id)
{
    char name[CHAT_NAME_MAX + 1];
    size_t len;
    chat_status status;

    if (!user_id || map_get(&core->known_users, user_id) ||
        core->unknown_count == CLIENT_UNKNOWN_USERS_MAX)
        return;
    for (uint32_t i = 0; i < core->unknown_count; i++)
        if (core->unknown_users[i] == user_id)
            return;
    status = cache_user_get(core->cache, user_id, name, &len);
    if (status == CHAT_OK)
        know(core, user_id);
    else if (status == CHAT_E_NOT_FOUND)
        core->unknown_users[core->unknown_count++] = user_id;
    else
        (void)core_ok(core, status);
}

void users_pump(struct client_core *core)
{
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    WireFetchUsers body = WIRE_FETCH_USERS__INIT;
    struct request *r;
    uint32_t id;

    if (!core->unknown_count || core->users_request || !request_may_aside(core, BUDGET_READS))
        return;
    r = request_new(core, REQ_USERS);
    if (!r)
        return;
    id = r->id;
    r->limit = core->unknown_count; /* those seen later wait for the next one */
    body.user_ids = core->unknown_users;
    body.n_user_ids = core->unknown_count;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_FETCH_USERS;
    frame.fetch_users = &body;
    if (!request_send(core, r, &frame))
        return;
    core->users_request = id;
    request_spend(core, BUDGET_READS);
}

void users_answer(struct client_core *core, struct request *r, const WireServerFrame *frame)
{
    struct reply *reply;

    core->users_request = 0;
    if (frame->body_case != WIRE_SERVER_FRAME__BODY_USERS &&
        frame->body_case != WIRE_SERVER_FRAME__BODY_PROBLEM) {
        session_protocol_error(core, "names answered by something else");
        return;
    }
    if (dispatch_aside_later(core, frame))
        return;
    /* Whoever the server does not know is not asked for again. */
    for (uint32_t i = 0; i < r->limit; i++)
        know(core, core->unknown_users[i]);
    core->unknown_count -= r->limit;
    memmove(core->unknown_users, core->unknown_users + r->limit,
            core->unknown_count * sizeof(core->unknown_users[0]));
    if (frame->body_case == WIRE_SERVER_FRAME__BODY_PROBLEM)
        return;
    reply = users_keep(core, frame->users);
    if (reply)
        events_names(core, reply);
}

struct reply *users_keep(struct client_core *core, const WireUsers *users)
{
    struct reply *reply = reply_new(core, KEEP_MAX);
    struct chat_user *list;

    if (!reply)
        return NULL;
    list = arena_alloc(&reply->arena, (users->n_users + 1) * sizeof(*list));
    reply->users = arena_alloc(&reply->arena, (users->n_users + 1) * sizeof(*reply->users));
    for (size_t i = 0; list && reply->users && i < users->n_users; i++) {
        const char *name = users->users[i]->name ? users->users[i]->name : "";
        uint64_t user_id = users->users[i]->user_id;
        size_t len = strlen(name);
        char *copy = arena_copy(&reply->arena, name, len + 1);

        if (!copy || !user_id)
            continue;
        list[reply->users_count] = (struct chat_user){user_id, copy, len};
        reply->users[reply->users_count] = &list[reply->users_count];
        reply->users_count++;
        (void)core_ok(core, cache_user_put(core->cache, user_id, name, len));
        view_touch_user(core, user_id);
        know(core, user_id);
    }
    return reply;
}

struct reply *members_keep(struct client_core *core, uint64_t home_id, WireMember *const *members,
                           size_t count)
{
    struct reply *reply = reply_new(core, KEEP_MAX);
    struct chat_member *list;

    if (!reply)
        return NULL;
    list = arena_alloc(&reply->arena, (count + 1) * sizeof(*list));
    reply->members = arena_alloc(&reply->arena, (count + 1) * sizeof(*reply->members));
    for (size_t i = 0; list && reply->members && i < count; i++) {
        list[i] = (struct chat_member){
            .home_id = home_id,
            .user_id = members[i]->user_id,
            .permissions = members[i]->permissions,
            .joined_at_ms = members[i]->joined_at_ms,
        };
        reply->members[i] = &list[i];
        reply->members_count++;
        users_saw(core, members[i]->user_id);
    }
    return reply;
}

struct reply *devices_keep(struct client_core *core, const WireDevices *devices)
{
    struct reply *reply = reply_new(core, KEEP_MAX);
    struct chat_device *list;

    if (!reply)
        return NULL;
    list = arena_alloc(&reply->arena, (devices->n_devices + 1) * sizeof(*list));
    reply->devices = arena_alloc(&reply->arena, (devices->n_devices + 1) * sizeof(*reply->devices));
    for (size_t i = 0; list && reply->devices && i < devices->n_devices; i++) {
        const WireDevice *w = devices->devices[i];
        size_t len = strlen(w->client);
        char *client = arena_copy(&reply->arena, w->client, len + 1);

        if (!client || !w->device_id)
            continue;
        list[reply->devices_count] = (struct chat_device){
            .device_id = w->device_id,
            .client = client,
            .client_len = len,
            .first_seen_at_ms = w->first_seen_at_ms,
            .last_seen_at_ms = w->last_seen_at_ms,
            .own = w->device_id == cache_identity(core->cache)->device_id,
        };
        reply->devices[reply->devices_count] = &list[reply->devices_count];
        reply->devices_count++;
    }
    return reply;
}

const struct chat_user *client_user(struct client_core *core, uint64_t user_id)
{
    size_t len;
    chat_status status = cache_user_get(core->cache, user_id, core->view_name, &len);

    if (status != CHAT_OK && status != CHAT_E_NOT_FOUND)
        events_cache(core, status);
    if (status != CHAT_OK)
        return NULL;
    core->view_user = (struct chat_user){user_id, core->view_name, len};
    return &core->view_user;
}
