/* Where a window stands in its channel: arithmetic over what is held, nothing is read. */
#include "client/view_inner.h"

uint64_t view_first_seq(const struct channel *ch) { return most_u64(ch->c.first_seq, 1); }

static bool is_held(const struct channel *ch, uint64_t seq)
{
    return ranges_holds(&ch->c.ranges, seq, seq);
}

/* The part without a change from held to not held that `seq` is in, within from..to. */
static struct stretch part_at(const struct channel *ch, uint64_t seq, uint64_t from, uint64_t to)
{
    struct stretch part = {seq, seq};

    if (is_held(ch, seq)) {
        part.from = ranges_run_start(&ch->c.ranges, seq);
        part.to = ranges_run_end(&ch->c.ranges, seq);
    } else {
        (void)ranges_next_hole(&ch->c.ranges, seq, to, &part.from, &part.to);
        part.from = from;
        for (uint32_t i = 0; i < ch->c.ranges.count && ch->c.ranges.items[i].to < seq; i++)
            part.from = most_u64(from, ch->c.ranges.items[i].to + 1);
    }
    part.from = most_u64(part.from, from);
    part.to = least_u64(part.to, to);
    return part;
}

/* Rows of s: a gap is one, whatever its length. */
static uint64_t count_rows(const struct channel *ch, struct stretch s)
{
    uint64_t rows = 0;

    while (!stretch_is_empty(s)) {
        struct stretch part = part_at(ch, s.from, s.from, s.to);

        rows += is_held(ch, s.from) ? part.to - part.from + 1 : 1;
        s.from = part.to + 1;
    }
    return rows;
}

/* `rows` rows more are dropped from the older end, or from the newer one. */
static struct stretch cut(const struct channel *ch, struct stretch s, uint64_t rows, bool older)
{
    while (rows && !stretch_is_empty(s)) {
        uint64_t seq = older ? s.from : s.to, n = 1;
        struct stretch part = part_at(ch, seq, s.from, s.to);

        if (is_held(ch, seq))
            n = least_u64(rows, part.to - part.from + 1);
        else
            n = part.to - part.from + 1;
        rows -= is_held(ch, seq) ? n : 1;
        if (older)
            s.from += n;
        else
            s.to -= n;
    }
    return s;
}

/* Too many rows: the end that is farther from the eye goes. */
static void trim(chat_view *view, const struct channel *ch)
{
    struct stretch *s = &view->at_seq;
    uint64_t rows = count_rows(ch, *s), eye = view->eye;
    bool older;

    if (rows <= view->rows_max)
        return;
    older = eye > s->to || (eye > s->from && eye - s->from > s->to - eye);
    *s = cut(ch, *s, rows - view->rows_max, older);
    if (!older)
        view->latest = false;
}

static void place_at_latest(chat_view *view, uint64_t first, uint64_t head)
{
    view->at_seq.to = head;
    view->at_seq.from = head >= first + view->rows ? head - view->rows + 1 : first;
    view->latest = true;
}

static void place_around(chat_view *view, uint64_t first, uint64_t head)
{
    uint64_t seq = most_u64(view->around, first), half = view->rows / 2;

    view->eye = seq;
    view->at_seq.from = seq >= first + half ? seq - half : first;
    view->at_seq.to = least_u64(head, view->at_seq.from + view->rows - 1);
    view->latest = view->at_seq.to == head;
}

static void begin(chat_view *view, uint64_t first, uint64_t head)
{
    if (view->around && view->around <= head) {
        place_around(view, first, head);
    } else {
        view->eye = VIEW_EYE_LATEST;
        place_at_latest(view, first, head);
    }
    view->around = 0;
    view->placed = true;
}

/* The newest messages moved away from a window that ends at them. */
static void follow(chat_view *view, const struct channel *ch, uint64_t first, uint64_t head)
{
    uint64_t to = view->at_seq.to;

    if (head <= to)
        return;
    if (head - to > CHAT_HISTORY_PAGE_MAX && !ranges_holds(&ch->c.ranges, to + 1, head)) {
        /* Much was missed. Who looks at the newest wants the newest now; who looks at older
         * ones keeps them, and the newest are to be had by load_newer(). */
        if (view->eye == VIEW_EYE_LATEST) {
            view->reset = true;
            place_at_latest(view, first, head);
        } else {
            view->latest = false;
        }
        return;
    }
    view->at_seq.to = head;
}

void view_place(chat_view *view, const struct channel *ch)
{
    uint64_t first = view_first_seq(ch), head = ch->c.head_seq;

    if (head < first) { /* an empty channel */
        view->at_seq = (struct stretch){1, 0};
        view->latest = true;
        return;
    }
    if (!view->placed || stretch_is_empty(view->at_seq))
        begin(view, first, head);
    if (view->latest)
        follow(view, ch, first, head);
    view->at_seq.from = most_u64(view->at_seq.from, first);
    view->at_seq.to = least_u64(view->at_seq.to, head);
    if (stretch_is_empty(view->at_seq)) { /* all of it is gone */
        view->eye = VIEW_EYE_LATEST;
        place_at_latest(view, first, head);
    }
    trim(view, ch);
    if (view->at_seq.to == head)
        view->latest = true;
}

static uint64_t distance(struct stretch gap, uint64_t eye)
{
    if (gap.to < eye)
        return eye - gap.to;
    return gap.from > eye ? gap.from - eye : 0;
}

bool view_place_gap(const chat_view *view, const struct channel *ch, struct stretch *out)
{
    struct stretch s = view->at_seq, gap;
    bool any = false;

    while (!stretch_is_empty(s) &&
           ranges_next_hole(&ch->c.ranges, s.from, s.to, &gap.from, &gap.to)) {
        if (!any || distance(gap, view->eye) < distance(*out, view->eye))
            *out = gap;
        any = true;
        s.from = gap.to + 1;
    }
    return any;
}

/* --- what the application wants --- */

static struct channel *channel_of(const chat_view *view)
{
    return view_is_list(view) ? NULL : channel_find(view->core, view->channel_id);
}

/* To be built again, and what is missing in it to be fetched. */
static chat_status moved(chat_view *view, struct channel *ch)
{
    view->dirty = true;
    if (ch)
        lane_check(view->core, ch);
    return CHAT_OK;
}

/* How much of the next part beyond an end is taken in. Without a link a gap before something
 * held is jumped over, and costs nothing. */
static uint64_t take(const chat_view *view, const struct channel *ch, struct stretch part,
                     bool is_last, uint64_t *left)
{
    uint64_t len = part.to - part.from + 1;

    if (!is_held(ch, part.from) && !is_last && !session_is_signed_in(view->core))
        return len;
    len = least_u64(*left, len);
    *left -= len;
    return len;
}

static chat_status check_load(chat_view *view, uint32_t n, struct channel **out_ch)
{
    *out_ch = channel_of(view);
    if (view_is_list(view) || n == 0 || n > view->rows_max)
        return CHAT_E_INVALID;
    if (!*out_ch)
        return CHAT_E_NOT_FOUND;
    view_place(view, *out_ch);
    return stretch_is_empty(view->at_seq) ? CHAT_E_NOT_FOUND : CHAT_OK;
}

chat_status view_load_older(chat_view *view, uint32_t n)
{
    struct channel *ch;
    chat_status status = check_load(view, n, &ch);
    struct stretch *s = &view->at_seq;
    uint64_t left = n, first;

    if (status != CHAT_OK)
        return status;
    first = view_first_seq(ch);
    if (s->from <= first)
        return CHAT_E_NOT_FOUND;
    while (left && s->from > first) {
        struct stretch part = part_at(ch, s->from - 1, first, s->from - 1);

        s->from -= take(view, ch, part, part.from == first, &left);
    }
    if (view->first_visible > view->last_visible)
        view->eye = s->from;
    return moved(view, ch);
}

chat_status view_load_newer(chat_view *view, uint32_t n)
{
    struct channel *ch;
    chat_status status = check_load(view, n, &ch);
    struct stretch *s = &view->at_seq;
    uint64_t left = n, head;

    if (status != CHAT_OK)
        return status;
    head = ch->c.head_seq;
    if (s->to >= head)
        return CHAT_E_NOT_FOUND;
    while (left && s->to < head) {
        struct stretch part = part_at(ch, s->to + 1, s->to + 1, head);

        s->to += take(view, ch, part, part.to == head, &left);
    }
    if (view->first_visible > view->last_visible)
        view->eye = s->to == head ? VIEW_EYE_LATEST : s->to;
    return moved(view, ch);
}

static chat_status jump(chat_view *view, uint64_t seq)
{
    struct channel *ch = channel_of(view);
    struct stretch before = view->at_seq;

    if (view_is_list(view))
        return CHAT_E_INVALID;
    view->around = seq;
    view->placed = false;
    view->latest = seq == 0;
    view->first_visible = 1; /* it says nothing any more */
    view->last_visible = 0;
    if (ch)
        view_place(view, ch);
    if (stretch_is_empty(before) || before.from > view->at_seq.to || before.to < view->at_seq.from)
        view->reset = true;
    return moved(view, ch);
}

chat_status view_jump_to(chat_view *view, uint64_t seq)
{
    return seq && seq <= RANGES_SEQ_MAX ? jump(view, seq) : CHAT_E_INVALID;
}

chat_status view_jump_to_latest(chat_view *view) { return jump(view, 0); }

/* About the middle of the visible messages; the end, when that is visible. */
static uint64_t eye_of(const chat_view *view)
{
    uint32_t middle = view->first_visible + (view->last_visible - view->first_visible) / 2;

    if (view->last_visible + 1 >= view->shown.count && view->latest)
        return VIEW_EYE_LATEST;
    for (uint32_t i = middle; i < view->shown.count; i++)
        if (view->shown.items[i].from)
            return view->shown.items[i].from;
    return VIEW_EYE_LATEST; /* nothing but what waits in the outbox */
}

chat_status view_set_visible(chat_view *view, uint32_t first, uint32_t last)
{
    struct channel *ch = channel_of(view);

    if (first > last || last >= view->shown.count)
        return CHAT_E_INVALID;
    view->first_visible = first;
    view->last_visible = last;
    if (!view_is_list(view))
        view->eye = eye_of(view);
    presence_look(view->core);
    if (ch)
        lane_check(view->core, ch);
    return CHAT_OK;
}

chat_status view_mark_read(chat_view *view)
{
    uint32_t end = view->shown.count;

    if (view_is_list(view))
        return CHAT_E_INVALID;
    if (view->first_visible <= view->last_visible && view->last_visible < end)
        end = view->last_visible + 1;
    for (; end > 0; end--) {
        const struct view_row *row = &view->shown.items[end - 1];

        if (row->kind == CHAT_ROW_MESSAGE && row->from)
            return client_mark_read(view->core, view->channel_id, row->from);
    }
    return CHAT_E_NOT_FOUND;
}
