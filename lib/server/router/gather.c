#include "server/router/gather.h"

#include "base/alloc.h"
#include "server/router/answer.h"
#include "server/router/output.h"
#include "server/router/request.h"

#define GATHER_USERS_MAX 100u /* of FetchUsers.user_ids */

struct gather_user {
    uint64_t user_id;
    uint16_t name_len;
    char name[CHAT_NAME_MAX + 1];
};

/* Shared by its asks; the last one answers and frees it. */
struct gather {
    uint32_t waiting; /* asks under way, and 1 while they are being made */
    bool failed;      /* a Problem was sent already */
    uint32_t request_id;
    uint32_t count, max;
    struct gather_user users[];
};

static void answer(struct router *r, struct session *s, const struct gather *g)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireUsers users = WIRE_USERS__INIT;
    WireUser list[GATHER_USERS_MAX], *pointers[GATHER_USERS_MAX];

    for (uint32_t i = 0; i < g->count; i++) {
        list[i] = (WireUser)WIRE_USER__INIT;
        list[i].user_id = g->users[i].user_id;
        list[i].name = (char *)g->users[i].name;
        pointers[i] = &list[i];
    }
    users.n_users = g->count;
    users.users = pointers;
    frame.request_id = g->request_id;
    frame.body_case = WIRE_SERVER_FRAME__BODY_USERS;
    frame.users = &users;
    output_send(r, s, &frame);
}

static void part_done(struct router *r, struct session *s, struct gather *g)
{
    if (--g->waiting > 0)
        return;
    if (s && !g->failed)
        answer(r, s, g);
    alloc_free(r->allocator, g);
}

static void take_users(struct gather *g, const WireUsers *users)
{
    for (size_t i = 0; i < users->n_users && g->count < g->max; i++) {
        struct gather_user *kept = &g->users[g->count++];
        const char *name = users->users[i]->name;

        kept->user_id = users->users[i]->user_id;
        for (kept->name_len = 0; name[kept->name_len] != 0 && kept->name_len < CHAT_NAME_MAX;
             kept->name_len++)
            kept->name[kept->name_len] = name[kept->name_len];
        kept->name[kept->name_len] = 0;
    }
}

static void fail(struct router *r, struct session *s, struct gather *g, const WireProblem *why)
{
    if (!g->failed && s) {
        if (why)
            answer_with_problem(r, s, g->request_id, why);
        else
            request_refused(r, s, g->request_id, CHAT_E_UNAVAILABLE);
    }
    g->failed = true;
}

void gather_answered(struct router *r, const struct ask *a, const WireLinkFrame *frame)
{
    struct gather *g = a->context;
    struct session *s = ask_session(r, a);

    if (frame && frame->body_case == WIRE_LINK_FRAME__BODY_USERS)
        take_users(g, frame->users);
    else
        fail(r, s, g,
             frame && frame->body_case == WIRE_LINK_FRAME__BODY_PROBLEM ? frame->problem : NULL);
    part_done(r, s, g);
}

void gather_dropped(struct router *r, const struct ask *a) { part_done(r, NULL, a->context); }

/* Asks one shard for those of the ids that are its own. */
static chat_status ask_shard(struct router *r, struct session *s, struct gather *g, uint32_t shard,
                             uint64_t *ids, size_t count)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireFetchUsers fetch = WIRE_FETCH_USERS__INIT;
    struct ask *a = ask_new(r, ASK_GATHER, s);
    chat_status status;

    if (!a)
        return CHAT_E_LIMITED;
    a->request_id = g->request_id;
    a->context = g;
    fetch.n_user_ids = count;
    fetch.user_ids = ids;
    frame.user_id = s->user_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_FETCH_USERS;
    frame.fetch_users = &fetch;
    status = ask_send(r, a, shard, &frame);
    if (status == CHAT_OK)
        g->waiting++;
    return status;
}

void gather_users(struct router *r, struct session *s, uint32_t request_id,
                  const WireFetchUsers *request)
{
    size_t count = request->n_user_ids < GATHER_USERS_MAX ? request->n_user_ids : GATHER_USERS_MAX;
    uint32_t shards[GATHER_USERS_MAX];
    uint64_t part[GATHER_USERS_MAX];
    chat_status status = CHAT_OK;
    struct gather *g;

    g = alloc_zeroed(r->allocator, sizeof(*g) + count * sizeof(g->users[0]));
    if (!g) {
        request_refused(r, s, request_id, CHAT_E_NOMEM);
        return;
    }
    g->waiting = 1;
    g->request_id = request_id;
    g->max = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        shards[i] = router_shard(r, request->user_ids[i]);
    if (r->shards.shard_count == 0)
        status = CHAT_E_UNAVAILABLE;
    for (size_t i = 0; i < count && status == CHAT_OK; i++) {
        uint32_t shard = shards[i];
        size_t len = 0;

        if (shard == SHARD_NONE)
            continue; /* no such user, or asked with another */
        for (size_t j = i; j < count; j++) {
            if (shards[j] != shard)
                continue;
            part[len++] = request->user_ids[j];
            shards[j] = SHARD_NONE;
        }
        status = ask_shard(r, s, g, shard, part, len);
    }
    if (status != CHAT_OK) {
        request_refused(r, s, request_id, status);
        g->failed = true;
    }
    part_done(r, s, g);
}
