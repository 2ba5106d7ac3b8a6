#include "server/store/settings.h"

#include "base/plant.h"
#include "server/store/answer.h"
#include "server/store/batch.h"
#include "server/store/homes.h"
#include "server/store/page.h"
#include "server/store/role.h"
#include "server/store/rows.h"
#include "server/store/users.h"

static bool is_channel_id(uint64_t id) { return id != 0 && id <= INT64_MAX; }

void settings_fill(WireChannelSettings *out, uint64_t channel_id, const struct listing *l)
{
    wire_channel_settings__init(out);
    out->channel_id = channel_id;
    if (!l)
        return;
    out->muted_until_ms = l->muted_until_ms;
    out->version = l->settings_version;
    out->draft_version = l->draft_version;
    out->has_draft = l->has_draft;
}

/* The place for what is set; NULL: the request was refused. */
static struct listing *place_for(struct shard *s, struct home *home, uint64_t channel_id,
                                 const struct request *req)
{
    struct listing *l = home_find_listing(home, channel_id);

    if (!l && home->listing_count >= HOME_LISTINGS_MAX) {
        answer_problem(s, home, req, PROBLEM(LIMIT), "user_channels");
        return NULL;
    }
    if (!shard_may_decide(s, req))
        return NULL;
    l = home_put_listing(home, s->allocator, channel_id);
    if (!l)
        answer_no_memory(s, req);
    return l;
}

/* --- mute --- */

static void decide_settings(struct shard *s, struct home *home, const struct request *req)
{
    const WireSetChannelSettings *m = req->frame->set_channel_settings;
    struct listing *l = place_for(s, home, m->channel_id, req);
    WireRecord record = WIRE_RECORD__INIT;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireChannelSettings settings;

    if (!l)
        return;
    settings_fill(&settings, m->channel_id, l);
    settings.muted_until_ms = m->muted_until_ms;
    settings.version = home->lsn + 1;
    record.body_case = WIRE_RECORD__BODY_SETTINGS;
    record.settings = &settings;
    frame.body_case = WIRE_LINK_FRAME__BODY_CHANNEL_SETTINGS;
    frame.channel_settings = &settings;
    if (batch_decide(s, home, &record, req, &frame, NULL) != CHAT_OK) {
        answer_no_memory(s, req);
        return;
    }
    l->muted_until_ms = settings.muted_until_ms;
    l->settings_version = settings.version;
}

void settings_set(struct shard *s, const struct request *req)
{
    const WireSetChannelSettings *m = req->frame->set_channel_settings;
    const struct listing *l;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireChannelSettings settings;
    struct home *home;

    if (!is_channel_id(m->channel_id) || m->muted_until_ms < 0) {
        answer_problem(s, NULL, req, PROBLEM(INVALID), "SetChannelSettings");
        return;
    }
    home = users_home(s, req);
    if (!home)
        return;
    l = home_find_listing(home, m->channel_id);
    if ((l ? l->muted_until_ms : 0) != m->muted_until_ms) {
        decide_settings(s, home, req);
        return;
    }
    settings_fill(&settings, m->channel_id, l);
    frame.body_case = WIRE_LINK_FRAME__BODY_CHANNEL_SETTINGS;
    frame.channel_settings = &settings;
    answer(s, home, req, &frame);
}

/* --- drafts --- */

static void answer_draft(struct shard *s, struct home *home, const struct request *req,
                         WireDraft *draft)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;

    frame.body_case = WIRE_LINK_FRAME__BODY_DRAFT;
    frame.draft = draft;
    answer(s, home, req, &frame);
}

static void draft_found(struct shard *s, struct read_job *job)
{
    struct page_job *page = job->page;
    const struct overlay_row *row = overlay_find(&s->overlay, TABLE_DRAFT, job->queries[0].from);
    struct request req;
    WireDraft *draft = NULL;

    if (!page_decode(s, page))
        return;
    req = page_request(page);
    if (row && !row->deleted)
        draft = row_unpack(&wire_draft__descriptor, row->bytes, row->len, &page->arena);
    else if (!row)
        draft = row_of_result(&wire_draft__descriptor, &job->results[0], &page->arena);
    if (draft)
        answer_draft(s, NULL, &req, draft);
    else /* changed, and not synced yet: what is there is told the next time */
        answer_problem(s, NULL, &req, PROBLEM(OVERLOADED), "draft");
}

/* What is there, whose text only its row has. */
static void tell_draft(struct shard *s, const struct home *home, const struct request *req)
{
    struct read_job *job = page_read_new(s, req, draft_found);

    if (!job)
        return;
    job->queries[0] =
        query_one(TABLE_DRAFT, row_key(home->id, req->frame->set_draft->channel_id, 0));
    job->query_count = 1;
    reads_start(s, job);
}

static void decide_draft(struct shard *s, struct home *home, const struct request *req)
{
    const WireSetDraft *d = req->frame->set_draft;
    struct listing *l = place_for(s, home, d->channel_id, req);
    WireRecord record = WIRE_RECORD__INIT;
    WireDraftRecord body = WIRE_DRAFT_RECORD__INIT;
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireChannelSettings settings;
    WireDraft draft = WIRE_DRAFT__INIT;

    if (!l)
        return;
    draft.channel_id = d->channel_id;
    draft.text = d->text;
    draft.reply_to_seq = d->reply_to_seq;
    draft.updated_at_ms = d->updated_at_ms;
    draft.version = home->lsn + 1;
    draft.device_id = d->device_id;
    settings_fill(&settings, d->channel_id, l);
    settings.draft_version = draft.version;
    settings.has_draft = d->text[0] != '\0' || d->reply_to_seq != 0;
    body.draft = &draft;
    body.settings = &settings;
    record.body_case = WIRE_RECORD__BODY_DRAFT;
    record.draft = &body;
    frame.body_case = WIRE_LINK_FRAME__BODY_DRAFT;
    frame.draft = &draft;
    if (batch_decide(s, home, &record, req, &frame, NULL) != CHAT_OK) {
        answer_no_memory(s, req);
        return;
    }
    home_set_draft(home, l, settings.draft_version, settings.has_draft);
}

void settings_set_draft(struct shard *s, const struct request *req)
{
    const WireSetDraft *d = req->frame->set_draft;
    const bool is_clear = d->text[0] == '\0' && d->reply_to_seq == 0;
    struct home *home;
    const struct listing *l;
    bool is_behind;

    if (!is_channel_id(d->channel_id) || d->reply_to_seq > INT64_MAX) {
        answer_problem(s, NULL, req, PROBLEM(INVALID), "SetDraft");
        return;
    }
    home = users_home(s, req);
    if (!home)
        return;
    l = home_find_listing(home, d->channel_id);
    is_behind = l && d->base_version < l->draft_version;
    if (PLANTED(DRAFT_OVERWRITTEN) && !is_clear)
        is_behind = false;
    if (is_behind && l->has_draft) {
        tell_draft(s, home, req);
    } else if ((!l || !l->has_draft) && (is_clear || is_behind)) {
        WireDraft none = WIRE_DRAFT__INIT;

        none.channel_id = d->channel_id;
        none.version = l ? l->draft_version : 0;
        answer_draft(s, home, req, &none);
    } else if (!is_clear && !(l && l->has_draft) && home->draft_count >= HOME_DRAFTS_MAX) {
        answer_problem(s, home, req, PROBLEM(LIMIT), "drafts");
    } else {
        decide_draft(s, home, req);
    }
}
