#include "server/store/users.h"

#include <string.h>

#include "server/store/answer.h"
#include "server/store/batch.h"
#include "server/store/create.h"
#include "server/store/devices.h"
#include "server/store/homes.h"
#include "server/store/mentions.h"
#include "server/store/page.h"
#include "server/store/publish.h"
#include "server/store/role.h"
#include "server/store/rows.h"
#include "server/store/subscriptions.h"

struct home *users_home(struct shard *s, const struct request *req)
{
    struct home *home = homes_need(s, req->frame->user_id, req);

    if (home && home->kind != WIRE_HOME_KIND__HOME_KIND_USER) {
        answer_problem(s, NULL, req, PROBLEM(NOT_FOUND), "user");
        return NULL;
    }
    return home;
}

/* --- sessions --- */

/* The user's home, made at the first sign-in. NULL: the request waits or was answered. */
static struct home *user_of(struct shard *s, const struct request *req)
{
    const WireOpenSession *o = req->frame->open_session;
    struct creation creation = {.kind = WIRE_HOME_KIND__HOME_KIND_USER, .name = o->name};
    struct directory_key key;
    struct home *home;

    if (o->user_id != 0) {
        home = homes_need(s, o->user_id, req);
    } else {
        directory_key_user(&key, o->issuer, o->subject);
        creation.entry = directory_need(s, &key, req);
        if (!creation.entry)
            return NULL;
        home = creation.entry->home_id != 0 ? homes_need(s, creation.entry->home_id, req)
                                            : create_home(s, &creation, req);
    }
    if (home && home->kind != WIRE_HOME_KIND__HOME_KIND_USER) {
        answer_problem(s, NULL, req, PROBLEM(NOT_FOUND), "user");
        return NULL;
    }
    return home;
}

/* A token brought another name. Best effort: the next sign-in brings it again. */
static void rename_user(struct shard *s, struct home *home, const char *name)
{
    WireRecord record = WIRE_RECORD__INIT;
    WireHomeRow row;

    if (name[0] == '\0' || strcmp(name, home->name) == 0 || shard_limit(s))
        return;
    home_to_info(home, &row);
    row.name = (char *)(uintptr_t)name;
    record.body_case = WIRE_RECORD__BODY_INFO;
    record.info = &row;
    if (batch_decide(s, home, &record, NULL, NULL, NULL) == CHAT_OK)
        home_set_info(home, &row);
}

static bool fill_channels(struct shard *s, const struct home *home, WireSessionOpened *opened)
{
    WireUserChannel *channels =
        arena_alloc(&s->scratch, (home->listed_count + 1) * sizeof(*channels));
    WireUserChannel **list =
        arena_alloc(&s->scratch, (home->listed_count + 1) * sizeof(WireUserChannel *));
    size_t count = 0;

    if (!channels || !list)
        return false;
    for (uint32_t i = 0; i < home->listing_count; i++) {
        const struct listing *l = &home->listings[i];

        if (!l->listed)
            continue;
        wire_user_channel__init(&channels[count]);
        channels[count].home_id = l->home_id;
        channels[count].kind = l->kind;
        channels[count].read_seq = l->read_seq;
        channels[count].read_message_id = l->read_message_id;
        channels[count].mentions = mentions_count(l);
        channels[count].muted_until_ms = l->muted_until_ms;
        channels[count].settings_version = l->settings_version;
        channels[count].draft_version = l->draft_version;
        channels[count].has_draft = l->has_draft;
        list[count] = &channels[count];
        count++;
    }
    opened->channels = list;
    opened->n_channels = count;
    return true;
}

static void tell_session(struct shard *s, struct home *home, uint64_t device_id,
                         uint64_t session_no)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    WireSessionStarted started = WIRE_SESSION_STARTED__INIT;
    struct outcome *outcome;
    struct frame *frame;

    started.device_id = device_id;
    started.session_no = session_no;
    event.body_case = WIRE_HOME_EVENT__BODY_SESSION_STARTED;
    event.session_started = &started;
    frame = publish_ephemeral(s, home->id, &event);
    if (!frame)
        return;
    if (home->decided_position <= s->synced) {
        subscriptions_send(s, home, frame);
        frame_unref(frame);
        return;
    }
    outcome = batch_home_outcome(s, OUTCOME_EPHEMERAL, 0, home);
    if (outcome)
        outcome->frame = frame;
    else
        frame_unref(frame);
}

static void open_session(struct shard *s, struct home *home, const struct request *req,
                         uint64_t session_no)
{
    const bool again = is_subscribed(home, req->link);
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSessionOpened opened = WIRE_SESSION_OPENED__INIT;

    arena_reset(&s->scratch);
    if (!fill_channels(s, home, &opened) || !subscriptions_begin(s, home, req->link)) {
        answer_no_memory(s, req);
        return;
    }
    home_set_device(home, s->allocator, req->frame->open_session->device_id, session_no);
    opened.user_id = home->id;
    opened.session_no = session_no;
    opened.auth_epoch = home->auth_epoch;
    opened.name = home->name;
    opened.lsn = home->lsn;
    opened.routers = home->subscription_count + (again ? 0u : 1u);
    if (home->decided_position <= s->synced)
        opened.routers = home->subscription_count;
    frame.body_case = WIRE_LINK_FRAME__BODY_SESSION_OPENED;
    frame.session_opened = &opened;
    answer(s, home, req, &frame);
    tell_session(s, home, req->frame->open_session->device_id, session_no);
    if (!again)
        subscriptions_routers_changed(s, home);
}

void users_open_session(struct shard *s, const struct request *req)
{
    const WireOpenSession *o = req->frame->open_session;
    uint64_t session_no = o->session_no;
    struct home *home;

    if (o->device_id == 0 || (o->user_id == 0 && o->subject[0] == '\0')) {
        answer_problem(s, NULL, req, PROBLEM(INVALID),
                       o->device_id == 0 ? "OpenSession.device_id" : "OpenSession.subject");
        return;
    }
    if (!subscriptions_have_room(s)) {
        answer_problem(s, NULL, req, PROBLEM(OVERLOADED), "subscriptions");
        return;
    }
    home = user_of(s, req);
    if (!home)
        return;
    if (o->user_id != 0 && o->auth_epoch < home->auth_epoch) {
        answer_problem(s, home, req, PROBLEM(UNAUTHENTICATED), "auth_epoch");
        return;
    }
    if (devices_is_signed_out(s, home, o)) {
        answer_problem(s, home, req, PROBLEM(UNAUTHENTICATED), "signed_out");
        return;
    }
    if (session_no != 0 && session_no < home_device_session(home, o->device_id)) {
        answer_problem(s, home, req, PROBLEM(SUPERSEDED), "session_no");
        return;
    }
    if (session_no == 0)
        session_no = snowflake_mint_next(&s->mint, s->store->now.wall_ms);
    else
        snowflake_mint_saw(&s->mint, session_no);
    if (o->user_id == 0)
        rename_user(s, home, o->name);
    if (o->session_no == 0)
        devices_saw(s, home, o, session_no);
    open_session(s, home, req, session_no);
}

/* --- read positions --- */

static void answer_cursor(struct shard *s, struct home *home, const struct request *req,
                          const struct listing *l)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireCursor cursor = WIRE_CURSOR__INIT;

    cursor.channel_id = req->frame->mark_read->channel_id;
    cursor.read_seq = l ? l->read_seq : 0;
    cursor.read_message_id = l ? l->read_message_id : 0;
    frame.body_case = WIRE_LINK_FRAME__BODY_CURSOR;
    frame.cursor = &cursor;
    answer(s, home, req, &frame);
}

static void move_cursor(struct shard *s, struct home *home, const struct request *req)
{
    const WireMarkRead *m = req->frame->mark_read;
    WireRecord record = WIRE_RECORD__INIT;
    WireCursor cursor = WIRE_CURSOR__INIT;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    struct listing *l = home_put_listing(home, s->allocator, m->channel_id);

    cursor.channel_id = m->channel_id;
    cursor.read_seq = m->seq;
    cursor.read_message_id = m->message_id;
    record.body_case = WIRE_RECORD__BODY_CURSOR;
    record.cursor = &cursor;
    frame.body_case = WIRE_LINK_FRAME__BODY_CURSOR;
    frame.cursor = &cursor;
    if (!l || batch_decide(s, home, &record, req, &frame, NULL) != CHAT_OK) {
        answer_no_memory(s, req);
        return;
    }
    l->read_seq = m->seq;
    l->read_message_id = m->message_id;
    mentions_read(s, home, l);
}

void users_mark_read(struct shard *s, const struct request *req)
{
    const WireMarkRead *m = req->frame->mark_read;
    const struct listing *l;
    struct home *home;

    if (m->channel_id == 0 || m->channel_id > INT64_MAX || m->seq > INT64_MAX) {
        answer_problem(s, NULL, req, PROBLEM(INVALID), "MarkRead");
        return;
    }
    home = users_home(s, req);
    if (!home)
        return;
    l = home_find_listing(home, m->channel_id);
    if (m->seq <= (l ? l->read_seq : 0))
        answer_cursor(s, home, req, l);
    else if (!l && home->listing_count >= HOME_LISTINGS_MAX)
        answer_problem(s, home, req, PROBLEM(LIMIT), "user_channels");
    else if (shard_may_decide(s, req))
        move_cursor(s, home, req);
}

/* --- finding users --- */

static void answer_users(struct shard *s, struct home *home, const struct request *req,
                         WireUser **list, size_t count)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireUsers users = WIRE_USERS__INIT;

    users.users = list;
    users.n_users = count;
    frame.body_case = WIRE_LINK_FRAME__BODY_USERS;
    frame.users = &users;
    answer(s, home, req, &frame);
}

void users_find(struct shard *s, const struct request *req)
{
    const WireFindUserIn *f = req->frame->find_user;
    struct directory_key key;
    struct directory_entry *entry;
    struct home *home;
    WireUser user = WIRE_USER__INIT;
    WireUser *list[1] = {&user};

    directory_key_user(&key, f->issuer, f->subject);
    entry = directory_need(s, &key, req);
    if (!entry)
        return;
    if (entry->home_id == 0) {
        answer_users(s, NULL, req, NULL, 0);
        return;
    }
    home = homes_need(s, entry->home_id, req);
    if (!home)
        return;
    user.user_id = home->id;
    user.name = home->name;
    answer_users(s, home, req, list, 1);
}

static void next_users(struct shard *s, struct read_job *job);

static bool take_user(struct shard *s, struct page_job *page, uint64_t id,
                      const struct engine_result *result)
{
    const struct overlay_row *row =
        overlay_find(&s->overlay, TABLE_HOME, row_key(id, HOME_INFO, 0));
    const WireHomeRow *info =
        row ? row_unpack(&wire_home_row__descriptor, row->bytes, row->len, &page->arena)
            : row_of_result(&wire_home_row__descriptor, result, &page->arena);
    WireUser *user;

    if (!info || info->kind != WIRE_HOME_KIND__HOME_KIND_USER)
        return !page->arena.starved;
    user = arena_alloc(&page->arena, sizeof(*user));
    if (!user)
        return false;
    wire_user__init(user);
    user->user_id = id;
    user->name = info->name;
    page->users[page->found_count++] = user;
    return true;
}

static void users_found(struct shard *s, struct read_job *job)
{
    struct page_job *page = job->page;

    for (uint32_t i = 0; i < page->asked; i++, page->user_next++) {
        const uint64_t id = page->request->fetch_users->user_ids[page->user_next];

        if (!take_user(s, page, id, &job->results[i])) {
            answer_problem_to(s, page->link, page->request_id, PROBLEM(OVERLOADED), "memory");
            return;
        }
    }
    if (page->user_next == page->request->fetch_users->n_user_ids) {
        const struct request req = page_request(page);

        answer_users(s, NULL, &req, page->users, page->found_count);
        return;
    }
    next_users(s, job);
}

static void next_users(struct shard *s, struct read_job *job)
{
    struct page_job *page = job->page;
    const WireFetchUsers *f = page->request->fetch_users;
    const size_t left = f->n_user_ids - page->user_next;

    page->asked = left < ENGINE_QUERIES_MAX ? (uint32_t)left : ENGINE_QUERIES_MAX;
    for (uint32_t i = 0; i < page->asked; i++)
        job->queries[i] =
            query_one(TABLE_HOME, row_key(f->user_ids[page->user_next + i], HOME_INFO, 0));
    job->query_count = page->asked;
    reads_start(s, job);
}

void users_fetch(struct shard *s, const struct request *req)
{
    const WireFetchUsers *f = req->frame->fetch_users;
    struct read_job *job;

    if (f->n_user_ids == 0 || f->n_user_ids > USERS_PAGE_MAX) {
        answer_problem(s, NULL, req, PROBLEM(LIMIT), "FetchUsers.user_ids");
        return;
    }
    job = page_read_new(s, req, users_found);
    if (!job)
        return;
    if (!page_decode(s, job->page)) {
        reads_drop(s, job);
        return;
    }
    job->page->users = arena_alloc(&job->page->arena, USERS_PAGE_MAX * sizeof(WireUser *));
    if (!job->page->users) {
        reads_drop(s, job);
        answer_no_memory(s, req);
        return;
    }
    next_users(s, job);
}
