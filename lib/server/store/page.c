#include "server/store/page.h"

#include "base/alloc.h"
#include "base/plant.h"
#include "server/store/answer.h"
#include "server/store/homes.h"
#include "server/store/role.h"
#include "server/store/rows.h"
#include "wire/wire.h"

/* It keeps the frame; page_decode() makes the request usable. */
static struct page_job *page_new(struct shard *s, const struct request *req)
{
    struct page_job *page = alloc_zeroed(s->allocator, sizeof(*page));

    if (!page)
        return NULL;
    page->link = req->link;
    page->request_id = req->frame->request_id;
    arena_init(&page->arena, s->allocator, PAGE_ARENA_MAX);
    page->frame = wire_encode_link(s->allocator, req->frame);
    if (!page->frame) {
        page_free(s, page);
        return NULL;
    }
    return page;
}

void page_free(struct shard *s, struct page_job *page)
{
    if (!page)
        return;
    frame_unref(page->frame);
    arena_fini(&page->arena);
    alloc_free(s->allocator, page);
}

struct read_job *page_read_new(struct shard *s, const struct request *req,
                               void (*found)(struct shard *s, struct read_job *job))
{
    struct read_job *job = reads_new(s, found);

    if (job)
        job->page = page_new(s, req);
    if (job && job->page)
        return job;
    if (job)
        reads_drop(s, job);
    answer_problem(s, NULL, req, PROBLEM(OVERLOADED), "reads");
    return NULL;
}

bool page_decode(struct shard *s, struct page_job *page)
{
    WireLinkBatch *batch = NULL;
    struct wire_fault fault;

    if (wire_decode_link(page->frame->bytes, page->frame->len, &page->arena, &batch, &fault) !=
            CHAT_OK ||
        batch->n_frames != 1) {
        answer_problem_to(s, page->link, page->request_id, PROBLEM(OVERLOADED), "memory");
        return false;
    }
    page->request = batch->frames[0];
    return true;
}

static bool may_view(const struct home *home, const struct request *req)
{
    return (home_permissions(home, req->frame->user_id) & WIRE_PERMISSION__PERMISSION_VIEW) != 0 ||
           PLANTED(PERMISSION_NOT_CHECKED);
}

struct home *page_home(struct shard *s, uint64_t channel_id, const struct request *req)
{
    struct home *home = homes_need(s, channel_id, req);

    if (!home)
        return NULL;
    if (home->kind == WIRE_HOME_KIND__HOME_KIND_USER) {
        answer_problem(s, NULL, req, PROBLEM(NOT_FOUND), "channel");
        return NULL;
    }
    if (!may_view(home, req)) {
        answer_problem(s, home, req, PROBLEM(FORBIDDEN), "view");
        return NULL;
    }
    return home;
}

bool page_still_allowed(struct shard *s, struct home *home, const struct request *req)
{
    if (home->state != HOME_LOADED) {
        answer_problem(s, NULL, req, PROBLEM(UNAVAILABLE), "home");
        return false;
    }
    if (!may_view(home, req)) {
        answer_problem(s, home, req, PROBLEM(FORBIDDEN), "view");
        return false;
    }
    return true;
}

struct home *page_barrier(const struct shard *s, struct home *home)
{
    return home->member_position > s->synced ? home : NULL;
}

static const struct overlay_row *overlaid(struct shard *s, uint32_t table, struct engine_key key)
{
    const struct overlay_row *row = overlay_find(&s->overlay, table, key);

    /* Captured, but maybe not in the snapshot that was read. */
    if (PLANTED(OVERLAY_DROPPED_EARLY) && row && row->captured)
        return NULL;
    return row;
}

const WireChannelRow *page_channel(struct shard *s, uint64_t channel_id,
                                   const struct engine_result *found, struct arena *arena)
{
    const struct overlay_row *row = overlaid(s, TABLE_CHANNEL, row_key(channel_id, channel_id, 0));

    if (row)
        return row_unpack(&wire_channel_row__descriptor, row->bytes, row->len, arena);
    return found ? row_of_result(&wire_channel_row__descriptor, found, arena) : NULL;
}

bool page_is_ours(struct shard *s, const struct home *home, const WireChannelRow *channel,
                  const struct request *req)
{
    if (channel->seq <= home->head.seq && channel->rev <= home->head.rev)
        return true;
    answer_problem(s, NULL, req, PROBLEM(UNAVAILABLE), "owner");
    shard_give_up(s, AFTER_FENCED, CHAT_E_CONFLICT, "read");
    return false;
}

const WireMessage *page_message(struct shard *s, uint64_t channel_id, uint64_t seq,
                                const struct engine_row *found, struct arena *arena,
                                size_t *out_len)
{
    const struct overlay_row *row = overlaid(s, TABLE_MESSAGE, row_key(channel_id, seq, 0));

    if (row) {
        *out_len = row->len;
        return row_unpack(&wire_message__descriptor, row->bytes, row->len, arena);
    }
    if (!found)
        return NULL;
    *out_len = found->value_len;
    return row_unpack(&wire_message__descriptor, found->value, found->value_len, arena);
}

void page_position(const WireChannelRow *row, uint64_t channel_id, WirePosition *out_position)
{
    wire_position__init(out_position);
    out_position->channel_id = channel_id;
    out_position->epoch = row->epoch;
    out_position->seq = row->seq;
    out_position->message_id = row->message_id;
    out_position->rev = row->rev;
}
