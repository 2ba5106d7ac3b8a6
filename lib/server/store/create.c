#include "server/store/create.h"

#include <stdlib.h>

#include "server/shards.h"
#include "server/store/answer.h"
#include "server/store/batch.h"
#include "server/store/homes.h"
#include "server/store/notes.h"
#include "server/store/role.h"

#define MEMBER_PERMISSIONS                                                                         \
    (uint32_t)(WIRE_PERMISSION__PERMISSION_VIEW | WIRE_PERMISSION__PERMISSION_SEND)
#define CREATOR_PERMISSIONS (MEMBER_PERMISSIONS | (uint32_t)WIRE_PERMISSION__PERMISSION_MANAGE)

static bool fill_members(struct shard *s, struct home *home, const struct creation *creation,
                         WireCreatedRecord *record)
{
    const size_t count = creation->member_count;
    WireMember *members = arena_alloc(&s->scratch, (count + 1) * sizeof(*members));
    WireMember **list = arena_alloc(&s->scratch, (count + 1) * sizeof(WireMember *));

    if (!members || !list)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct member *member = &creation->members[i];

        if (home_reserve_member(home, s->allocator) != CHAT_OK)
            return false;
        home_put_member(home, member);
        wire_member__init(&members[i]);
        members[i].user_id = member->user_id;
        members[i].permissions = member->permissions;
        members[i].joined_at_ms = member->joined_at_ms;
        list[i] = &members[i];
    }
    record->members = list;
    record->n_members = count;
    return true;
}

static void fill_home(struct shard *s, struct home *home, const struct creation *creation,
                      WireHomeRow *row)
{
    wire_home_row__init(row);
    row->kind = creation->kind;
    row->name = (char *)(uintptr_t)creation->name;
    row->created_at_ms = s->store->now.wall_ms;
    row->creator_id = creation->creator_id;
    row->auth_epoch = creation->kind == WIRE_HOME_KIND__HOME_KIND_USER ? 1 : 0;
    home_set_info(home, row);
    if (creation->kind != WIRE_HOME_KIND__HOME_KIND_USER)
        home->head = (struct head){.first_seq = 1, .epoch = 1};
}

static chat_status decide(struct shard *s, struct home *home, const struct creation *creation,
                          const struct request *req)
{
    WireRecord record = WIRE_RECORD__INIT;
    WireCreatedRecord created = WIRE_CREATED_RECORD__INIT;
    WireHomeRow row;

    arena_reset(&s->scratch);
    fill_home(s, home, creation, &row);
    if (!fill_members(s, home, creation, &created))
        return CHAT_E_NOMEM;
    created.home_id = home->id;
    created.home = &row;
    created.key.data = creation->entry->key.bytes;
    created.key.len = creation->entry->key.len;
    record.body_case = WIRE_RECORD__BODY_CREATED;
    record.created = &created;
    return batch_decide(s, s->root, &record, req, NULL, NULL);
}

struct home *create_home(struct shard *s, const struct creation *creation,
                         const struct request *req)
{
    struct home *home;

    if (!shard_may_decide(s, req) || !notes_have_room(s, creation->member_count, req))
        return NULL;
    home = homes_create(s, snowflake_mint_next(&s->mint, s->store->now.wall_ms));
    if (!home) {
        answer_problem(s, NULL, req, PROBLEM(OVERLOADED), "homes");
        return NULL;
    }
    if (decide(s, home, creation, req) != CHAT_OK) {
        homes_discard(s, home);
        answer_no_memory(s, req);
        return NULL;
    }
    home->decided_position = home->member_position = s->decided;
    creation->entry->home_id = home->id;
    creation->entry->decided_position = s->decided;
    notes_reserve(s, creation->member_count);
    return home;
}

/* `home` is NULL when it is found, synced and not in memory. */
static void answer_opened(struct shard *s, struct home *home, uint64_t home_id, bool created,
                          const struct request *req)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireOpened opened = WIRE_OPENED__INIT;

    opened.home_id = opened.channel_id = home_id;
    opened.created = created;
    frame.body_case = WIRE_LINK_FRAME__BODY_OPENED;
    frame.opened = &opened;
    answer(s, home, req, &frame);
}

/* An id that could be a user's. */
static bool is_user_id(const struct shard *s, uint64_t id)
{
    return id != 0 && id <= INT64_MAX &&
           shard_of_id(id, s->store->config.shard_count) != SHARD_NONE;
}

void create_direct(struct shard *s, const struct request *req)
{
    const uint64_t actor = req->frame->user_id;
    const uint64_t peer = req->frame->open_direct->peer_id;
    struct directory_key key;
    struct directory_entry *entry;
    struct creation creation = {.kind = WIRE_HOME_KIND__HOME_KIND_DIRECT, .name = ""};
    struct member members[2];
    struct home *home;

    if (!is_user_id(s, actor) || !is_user_id(s, peer) || actor == peer) {
        answer_problem(s, NULL, req, PROBLEM(INVALID), "OpenDirect.peer_id");
        return;
    }
    directory_key_direct(&key, actor, peer);
    entry = directory_need(s, &key, req);
    if (!entry)
        return;
    if (entry->home_id != 0) {
        answer_opened(s, homes_find(s, entry->home_id), entry->home_id, false, req);
        return;
    }
    for (size_t i = 0; i < 2; i++)
        members[i] = (struct member){.user_id = (i == 0) == (actor < peer) ? actor : peer,
                                     .permissions = MEMBER_PERMISSIONS,
                                     .joined_at_ms = s->store->now.wall_ms};
    creation.entry = entry;
    creation.creator_id = actor;
    creation.members = members;
    creation.member_count = 2;
    home = create_home(s, &creation, req);
    if (home)
        answer_opened(s, home, home->id, true, req);
}

static int by_user_id(const void *a, const void *b)
{
    const uint64_t x = ((const struct member *)a)->user_id;
    const uint64_t y = ((const struct member *)b)->user_id;

    return x < y ? -1 : x > y;
}

/* Sorted, each once, the creator among them. 0: one of them cannot be a user. */
static uint32_t gather_members(struct shard *s, const struct request *req, struct member *out)
{
    const WireCreateGroup *g = req->frame->create_group;
    uint32_t count = 0, kept = 0;

    for (size_t i = 0; i <= g->n_member_ids; i++) {
        const uint64_t id = i == 0 ? req->frame->user_id : g->member_ids[i - 1];

        if (!is_user_id(s, id))
            return 0;
        if (i > 0 && id == req->frame->user_id)
            continue;
        out[count++] =
            (struct member){.user_id = id,
                            .permissions = i == 0 ? CREATOR_PERMISSIONS : MEMBER_PERMISSIONS,
                            .joined_at_ms = s->store->now.wall_ms};
    }
    qsort(out, count, sizeof(*out), by_user_id);
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || out[kept - 1].user_id != out[i].user_id)
            out[kept++] = out[i];
    return kept;
}

static const char *group_fault(const WireCreateGroup *g)
{
    if (!g->nonce || g->nonce->device_id == 0 || g->nonce->counter == 0)
        return "CreateGroup.nonce";
    if (g->name[0] == '\0')
        return "CreateGroup.name";
    return NULL;
}

static void create_new_group(struct shard *s, const struct request *req,
                             struct directory_entry *entry)
{
    struct member members[HOME_MEMBERS_MAX + 1];
    struct creation creation = {.entry = entry,
                                .kind = WIRE_HOME_KIND__HOME_KIND_GROUP,
                                .name = req->frame->create_group->name,
                                .creator_id = req->frame->user_id,
                                .members = members};
    struct home *home;

    creation.member_count = gather_members(s, req, members);
    if (creation.member_count == 0) {
        answer_problem(s, NULL, req, PROBLEM(INVALID), "CreateGroup.member_ids");
        return;
    }
    home = create_home(s, &creation, req);
    if (home)
        answer_opened(s, home, home->id, true, req);
}

void create_group(struct shard *s, const struct request *req)
{
    const WireCreateGroup *g = req->frame->create_group;
    const char *fault = group_fault(g);
    struct directory_key key;
    struct directory_entry *entry;
    struct home *user;

    if (fault || g->n_member_ids > HOME_MEMBERS_MAX - 1) {
        answer_problem(s, NULL, req, fault ? PROBLEM(INVALID) : PROBLEM(LIMIT),
                       fault ? fault : "group_members");
        return;
    }
    user = homes_need(s, req->frame->user_id, req);
    if (!user)
        return;
    directory_key_group(&key, req->frame->user_id, g->nonce->device_id, g->nonce->counter);
    entry = directory_need(s, &key, req);
    if (!entry)
        return;
    if (entry->home_id != 0) /* the same operation: the same answer */
        answer_opened(s, homes_find(s, entry->home_id), entry->home_id, true, req);
    else if (user->listed_count >= CHAT_USER_CHANNELS_MAX)
        answer_problem(s, user, req, PROBLEM(LIMIT), "user_channels");
    else
        create_new_group(s, req, entry);
}
