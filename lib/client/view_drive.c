/* What open views want of the rest of the core: pages, positions, people. */
#include "client/view_inner.h"

bool view_is_open(const struct client_core *core, uint64_t channel_id)
{
    VIEW_EACH(view, core)
    {
        if (view->channel_id == channel_id)
            return true;
    }
    return false;
}

bool view_shows(const struct client_core *core, uint64_t channel_id, uint64_t low, uint64_t high,
                uint64_t *out_from, uint64_t *out_to)
{
    VIEW_EACH(view, core)
    {
        if (view->channel_id != channel_id || stretch_is_empty(view->at_seq) ||
            view->at_seq.from > high || view->at_seq.to < low)
            continue;
        *out_from = view->at_seq.from;
        *out_to = view->at_seq.to;
        return true;
    }
    return false;
}

/* The page within a gap that brings what is nearest to the eye. */
static void plan_page(const struct client_core *core, const chat_view *view, struct stretch gap,
                      uint64_t *out_start, uint32_t *out_limit, bool *out_backwards)
{
    uint64_t half = core->page_max / 2;

    *out_limit = (uint32_t)least_u64(gap.to - gap.from + 1, core->page_max);
    *out_backwards = gap.to < view->eye;
    *out_start = *out_backwards ? gap.to : gap.from;
    if (!*out_backwards && gap.from < view->eye && view->eye - gap.from > half) {
        *out_start = view->eye - half;
        *out_limit = (uint32_t)least_u64(gap.to - *out_start + 1, core->page_max);
    }
}

bool view_wants(struct client_core *core, struct channel *ch, uint64_t *out_start,
                uint32_t *out_limit, bool *out_backwards)
{
    struct stretch gap;

    VIEW_EACH(view, core)
    {
        if (view->channel_id != ch->c.channel_id)
            continue;
        view_place(view, ch);
        if (view_place_gap(view, ch, &gap)) {
            plan_page(core, view, gap, out_start, out_limit, out_backwards);
            return true;
        }
    }
    return false;
}

static bool is_among(const uint64_t *ids, uint32_t count, uint64_t id)
{
    for (uint32_t i = 0; i < count; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* Whom a row stands for: the author, or the peer of a direct. */
static uint64_t person_of(const chat_view *view, const struct view_row *row)
{
    const struct channel *ch;

    if (!view_is_list(view))
        return row->author_id;
    ch = channel_find(view->core, row->from);
    return ch ? ch->c.peer_id : 0;
}

static void visible_rows(const chat_view *view, uint32_t *out_first, uint32_t *out_end)
{
    uint32_t count = view->shown.count;

    if (view->first_visible <= view->last_visible) {
        *out_first = view->first_visible < count ? view->first_visible : count;
        *out_end = view->last_visible < count ? view->last_visible + 1 : count;
    } else if (view_is_list(view)) { /* not said: the top of a list, the end of a window */
        *out_first = 0;
        *out_end = count < VIEW_PEOPLE_MAX ? count : VIEW_PEOPLE_MAX;
    } else {
        *out_first = count > VIEW_PEOPLE_MAX ? count - VIEW_PEOPLE_MAX : 0;
        *out_end = count;
    }
}

uint32_t view_people(struct client_core *core, uint64_t *ids, uint32_t count, uint32_t max)
{
    VIEW_EACH(view, core)
    {
        uint32_t first, end, limit = count + VIEW_PEOPLE_MAX < max ? count + VIEW_PEOPLE_MAX : max;
        const struct channel *ch = channel_find(core, view->channel_id);

        if (ch && ch->c.peer_id && count < limit && !is_among(ids, count, ch->c.peer_id))
            ids[count++] = ch->c.peer_id;
        visible_rows(view, &first, &end);
        for (uint32_t i = first; i < end && count < limit; i++) {
            uint64_t id = person_of(view, &view->shown.items[i]);

            if (id && id != client_user_id(core) && !is_among(ids, count, id))
                ids[count++] = id;
        }
    }
    return count;
}
