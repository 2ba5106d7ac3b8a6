/* Views: their life, what they are told, and the diffs they give. */
#include <string.h>

#include "client/view_inner.h"

/* --- life --- */

static chat_status open_view(struct client_core *core, uint64_t channel_id,
                             const struct chat_view_config *config, void *owner,
                             chat_view **out_view)
{
    chat_view *view;

    if (core->view_count >= CHAT_VIEWS_MAX)
        return CHAT_E_FULL;
    view = alloc_zeroed(core->allocator, sizeof(*view));
    if (!view)
        return CHAT_E_NOMEM;
    view->core = core;
    view->owner = owner;
    view->user = config->user;
    view->channel_id = channel_id;
    view->only_unread = config->only_unread;
    view->rows = config->rows;
    view->rows_max = config->rows_max;
    view->around = config->around_seq;
    view->eye = VIEW_EYE_LATEST;
    view->latest = config->around_seq == 0;
    view->first_visible = 1; /* nothing said */
    view->dirty = true;
    list_push_back(&core->views, &view->link);
    core->view_count++;
    *out_view = view;
    return CHAT_OK;
}

static bool is_sane(const struct chat_view_config *config)
{
    return config->rows_max && config->rows_max <= CHAT_VIEW_ROWS_MAX && config->rows &&
           config->rows <= config->rows_max && config->around_seq <= RANGES_SEQ_MAX;
}

chat_status view_open_channels(struct client_core *core, const struct chat_view_config *config,
                               void *owner, chat_view **out_view)
{
    if (!is_sane(config))
        return CHAT_E_INVALID;
    for (uint32_t i = 0; i < core->channel_count; i++) /* without a view nobody kept them so */
        core->channels[i]->row_fresh = false;
    return open_view(core, 0, config, owner, out_view);
}

chat_status view_open_messages(struct client_core *core, uint64_t channel_id,
                               const struct chat_view_config *config, void *owner,
                               chat_view **out_view)
{
    struct channel *ch = channel_find(core, channel_id);
    chat_status status;

    if (!channel_id || !is_sane(config))
        return CHAT_E_INVALID;
    status = open_view(core, channel_id, config, owner, out_view);
    if (status != CHAT_OK || !ch)
        return status;
    keep_shown(core, ch);
    lane_check(core, ch); /* what is missing in it is fetched now */
    return CHAT_OK;
}

void view_free(chat_view *view)
{
    struct client_core *core = view->core;
    struct channel *ch = channel_find(core, view->channel_id);

    if (ch)
        keep_shown(core, ch);
    list_remove(&view->link);
    core->view_count--;
    view_rows_fini(&view->shown, core->allocator);
    view_rows_fini(&view->wanted, core->allocator);
    view_rows_fini(&view->spare, core->allocator);
    alloc_free(core->allocator, view->order);
    alloc_free(core->allocator, view);
    presence_look(core); /* nobody looks at those any more */
}

void view_free_all(struct client_core *core)
{
    VIEW_EACH(view, core) { view_free(view); }
}

void *view_owner(const chat_view *view) { return view->owner; }
void *chat_view_get_user(const chat_view *view) { return view->user; }
uint64_t chat_view_get_channel_id(const chat_view *view) { return view->channel_id; }
uint32_t chat_view_get_count(const chat_view *view) { return view->shown.count; }
bool chat_view_is_ready(const chat_view *view) { return view->dirty || view->more; }

/* --- what it is told --- */

static void touch_lists(struct client_core *core)
{
    VIEW_EACH(view, core)
    {
        if (view_is_list(view))
            view->dirty = true;
    }
}

static void touch_windows(struct client_core *core, uint64_t channel_id, struct stretch stale)
{
    VIEW_EACH(view, core)
    {
        if (view->channel_id != channel_id)
            continue;
        view->dirty = true;
        if (stretch_is_empty(stale))
            continue;
        if (stretch_is_empty(view->stale))
            view->stale = stale;
        view->stale.from = least_u64(view->stale.from, stale.from);
        view->stale.to = most_u64(view->stale.to, stale.to);
    }
}

void view_touch_outbox(struct client_core *core, uint64_t channel_id)
{
    struct channel *ch;

    if (list_is_empty(&core->views))
        return;
    ch = channel_find(core, channel_id);
    if (ch)
        ch->row_fresh = false;
    touch_lists(core);
    touch_windows(core, channel_id, (struct stretch){1, 0});
}

static void rename_row(chat_view *view, const struct out_op *op)
{
    for (uint32_t i = 0; i < view->shown.count; i++) {
        struct chat_nonce *nonce = &view->shown.items[i].nonce;

        if (nonce->device_id == op->old_device_id && nonce->counter == op->old_counter)
            *nonce = (struct chat_nonce){op->device_id, op->counter};
    }
}

void view_renamed(struct client_core *core, const struct out_op *op)
{
    view_touch_outbox(core, op->channel_id);
    VIEW_EACH(view, core)
    {
        if (view->channel_id == op->channel_id && op->old_device_id)
            rename_row(view, op);
    }
}

void view_touch_channel(struct client_core *core, struct channel *ch)
{
    ch->row_fresh = false;
    if (list_is_empty(&core->views))
        return;
    touch_lists(core);
    touch_windows(core, ch->c.channel_id, (struct stretch){1, 0});
}

void view_touch_messages(struct client_core *core, struct channel *ch, uint64_t from, uint64_t to)
{
    ch->row_fresh = false;
    if (list_is_empty(&core->views))
        return;
    touch_lists(core);
    touch_windows(core, ch->c.channel_id, (struct stretch){from, to});
}

void view_reset(struct client_core *core, struct channel *ch)
{
    view_touch_messages(core, ch, 1, UINT64_MAX);
    VIEW_EACH(view, core)
    {
        if (view->channel_id != ch->c.channel_id)
            continue;
        view->reset = true;
        if (view->latest) /* as if it were opened now */
            view->placed = false;
    }
}

/* A window's rows of that author are as if they were of another version. */
static void touch_author(chat_view *view, uint64_t user_id)
{
    for (uint32_t i = 0; i < view->shown.count; i++) {
        if (view->shown.items[i].author_id != user_id)
            continue;
        view->shown.items[i].version = 0;
        view->at = 0;
        view->dirty = true;
    }
    view->dirty = true; /* it may be the peer */
}

void view_touch_user(struct client_core *core, uint64_t user_id)
{
    if (list_is_empty(&core->views))
        return;
    for (uint32_t i = 0; i < core->channel_count; i++) {
        struct channel *ch = core->channels[i];

        if (ch->c.peer_id != user_id && ch->row_author != user_id)
            continue;
        ch->row_names++;
        ch->row_fresh = false;
    }
    touch_lists(core);
    VIEW_EACH(view, core)
    {
        if (!view_is_list(view))
            touch_author(view, user_id);
    }
}

void view_touch_link(struct client_core *core)
{
    VIEW_EACH(view, core) { view->dirty = true; }
}

void view_touch_all(struct client_core *core)
{
    VIEW_EACH(view, core)
    {
        view->dirty = true;
        view->stale = (struct stretch){1, UINT64_MAX};
    }
}

/* --- what it is asked --- */

static bool is_due(const chat_view *view)
{
    return view->dirty && !view->told && view->core->now.mono_ms >= view->retry_at_ms;
}

bool view_is_due(const struct client_core *core)
{
    VIEW_EACH(view, core)
    {
        if (is_due(view))
            return true;
    }
    return false;
}

chat_view *view_take_due(struct client_core *core)
{
    VIEW_EACH(view, core)
    {
        if (!is_due(view))
            continue;
        view->told = true;
        return view;
    }
    return NULL;
}

int64_t view_deadline(const struct client_core *core)
{
    int64_t at_ms = MOMENT_NEVER;

    VIEW_EACH(view, core)
    {
        if (view->dirty && !view->told && view->retry_at_ms > core->now.mono_ms &&
            view->retry_at_ms < at_ms)
            at_ms = view->retry_at_ms;
    }
    return at_ms;
}

/* --- diffs --- */

static chat_status build(chat_view *view)
{
    chat_status status = view_is_list(view) ? view_list_build(view) : view_window_build(view);

    if (status != CHAT_OK)
        return status;
    view->dirty = false;
    view->at = 0;
    return CHAT_OK;
}

static bool tell_status(chat_view *view, struct chat_diff *out)
{
    struct client_core *core = view->core;
    uint64_t version;

    view_status_make(view, &core->row_status);
    version = view_status_hash(&core->row_status);
    if (version == view->status_version)
        return false;
    view->status_version = version;
    out->type = CHAT_DIFF_STATUS;
    out->status = &core->row_status;
    return true;
}

/* The step that `view_rows_step` made, with what the row says. */
static chat_status tell_step(chat_view *view, const struct view_step *step, struct chat_diff *out)
{
    chat_status status;

    out->type = step->type;
    out->index = step->index;
    out->to_index = step->to_index;
    out->key = step->key;
    /* A row that moves may be another one by now, and be told so when it has moved. */
    if (step->type == CHAT_DIFF_REMOVE || step->type == CHAT_DIFF_MOVE)
        return CHAT_OK;
    status = view_row_show(view, &view->shown.items[step->index]);
    out->row = &view->core->row;
    return status;
}

static chat_status next(chat_view *view, struct chat_diff *out)
{
    struct client_core *core = view->core;
    struct view_step step;
    chat_status status = CHAT_OK;

    arena_reset(&core->row_arena);
    if (view->dirty)
        status = build(view);
    if (status == CHAT_OK) /* a step may add a row */
        status = view_rows_reserve(&view->shown, core->allocator, view->shown.count + 1);
    if (status != CHAT_OK)
        return status;
    if (view->reset) {
        view->reset = false;
        view->shown.count = view->at = 0;
        out->type = CHAT_DIFF_RESET;
        return CHAT_OK;
    }
    if (!view_rows_step(&view->shown, &view->wanted, &view->at, &view->last_key, &step)) {
        (void)tell_status(view, out);
        return CHAT_OK;
    }
    status = tell_step(view, &step, out);
    if (status != CHAT_OK) { /* it was not told: start over */
        view->reset = view->dirty = true;
        view->shown.count = 0;
    }
    return status;
}

/* Told again later: the cache cannot be read, or there is no memory. */
static void give_up(chat_view *view, chat_status status)
{
    view->dirty = true;
    view->told = false;
    view->retry_at_ms = view->core->now.mono_ms + VIEW_RETRY_MS;
    if (status == CHAT_E_NOMEM) {
        events_cache(view->core, status);
    } else if (status != CHAT_E_NOT_FOUND) {
        (void)core_ok(view->core, status);
        (void)core_commit(view->core);
    }
}

bool view_has_news(const chat_view *view)
{
    return view->more || (view->dirty && view->core->now.mono_ms >= view->retry_at_ms);
}

bool view_next_diff(chat_view *view, struct chat_diff *out)
{
    struct chat_diff diff = {.size = sizeof(diff)};
    size_t size = out->size;
    chat_status status;

    if (view->dirty && !view_has_news(view)) { /* it is to be tried again later */
        diff.size = size;
        memcpy(out, &diff, size < sizeof(diff) ? size : sizeof(diff));
        return false;
    }
    (void)core_commit(view->core);
    status = next(view, &diff);
    if (status != CHAT_OK) {
        give_up(view, status);
        diff = (struct chat_diff){0};
    } else if (!diff.type) {
        view->told = false;
        presence_look(view->core);
    }
    view->more = diff.type != 0;
    diff.size = size;
    memcpy(out, &diff, size < sizeof(diff) ? size : sizeof(diff));
    return view->more;
}

bool view_get_row(chat_view *view, uint32_t index, const struct chat_row **out)
{
    if (core_commit(view->core) != CHAT_OK || index >= view->shown.count)
        return false;
    arena_reset(&view->core->row_arena);
    *out = &view->core->row;
    return view_row_show(view, &view->shown.items[index]) == CHAT_OK;
}

const struct chat_view_status *view_get_status(chat_view *view)
{
    (void)core_commit(view->core);
    arena_reset(&view->core->row_arena);
    view_status_make(view, &view->core->row_status);
    return &view->core->row_status;
}

const char *chat_diff_type_name(chat_diff_type type)
{
    switch (type) {
    case CHAT_DIFF_INSERT: return "insert";
    case CHAT_DIFF_UPDATE: return "update";
    case CHAT_DIFF_REMOVE: return "remove";
    case CHAT_DIFF_MOVE: return "move";
    case CHAT_DIFF_RESET: return "reset";
    case CHAT_DIFF_STATUS: return "status";
    }
    return "unknown";
}
