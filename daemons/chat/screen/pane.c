/* The message pane: which messages are visible, and moving through them. */
#include <string.h>
#include <time.h>

#include "block.h"
#include "scene.h"

#define OWN_LOOK_MAX 50u /* rows from the end on in which the newest own message is looked for */

/* What is the same for all blocks. */
struct pane {
    struct scene *scene;
    const struct scene_source *source;
    uint32_t count;
    bool is_direct, can_load_older, at_latest;
    uint64_t delivered_seq, read_seq;
    bool has_own;
    uint32_t last_own; /* the newest own message of the history */
};

static void find_last_own(struct pane *pane)
{
    const struct chat_row *row;

    for (uint32_t i = pane->count; i > 0 && pane->count - i < OWN_LOOK_MAX; i--) {
        if (pane->source->get_message(pane->source->user, i - 1, &row) &&
            row->kind == CHAT_ROW_MESSAGE && row->message->own && row->message->seq != 0) {
            pane->has_own = true;
            pane->last_own = i - 1;
            return;
        }
    }
}

static struct pane look(struct scene *scene, const struct scene_source *source)
{
    struct pane pane = {.scene = scene, .source = source};
    const struct chat_view_status *status = source->get_status(source->user);

    if (status && status->channel) {
        pane.is_direct = status->channel->kind == CHAT_HOME_DIRECT;
        pane.delivered_seq = status->channel->peer_delivered_seq;
        pane.read_seq = status->channel->peer_read_seq;
    }
    if (status) {
        pane.can_load_older = status->can_load_older;
        pane.at_latest = status->at_latest;
    }
    pane.count = source->count_messages(source->user);
    if (!pane.is_direct)
        find_last_own(&pane);
    return pane;
}

static bool is_same_day(int64_t a_ms, int64_t b_ms)
{
    const time_t a = (time_t)(a_ms / 1000), b = (time_t)(b_ms / 1000);
    struct tm a_tm, b_tm;

    return localtime_r(&a, &a_tm) && localtime_r(&b, &b_tm) && a_tm.tm_yday == b_tm.tm_yday &&
           a_tm.tm_year == b_tm.tm_year;
}

/* The row before: what of it matters, as it goes when the next one is asked for. */
struct before {
    bool any, is_message;
    int64_t sent_at_ms;
    uint64_t seq;
};

static struct before look_before(const struct pane *pane, uint32_t index)
{
    struct before before = {0};
    const struct chat_row *row;

    if (index == 0 || !pane->source->get_message(pane->source->user, index - 1, &row))
        return before;
    before.any = true;
    before.is_message = row->kind == CHAT_ROW_MESSAGE;
    before.sent_at_ms = before.is_message ? row->message->sent_at_ms : 0;
    before.seq = before.is_message ? row->message->seq : row->to_seq;
    return before;
}

static bool is_first_new(const struct pane *pane, const struct before *before, uint64_t seq)
{
    const uint64_t news_seq = pane->scene->news_seq;

    if (!pane->scene->has_news || seq <= news_seq)
        return false;
    if (before->any)
        return before->seq <= news_seq && (before->seq != 0 || news_seq == 0);
    return seq == news_seq + 1 || !pane->can_load_older;
}

/* Paints the block of a row at y, or only measures it. 0: there is no such row. */
static int paint_row(const struct pane *pane, uint32_t index, struct canvas *canvas, int x, int y,
                     int width)
{
    const struct before before = look_before(pane, index);
    struct block block = {
        .is_direct = pane->is_direct,
        .delivered_seq = pane->delivered_seq,
        .read_seq = pane->read_seq,
        .selected = pane->scene->focus == FOCUS_MESSAGES && pane->scene->selected.set &&
                    pane->scene->selected.index == index,
        .shows_presence = scene_is_live(pane->scene),
    };
    struct scene_quote quote;
    char seen_by[SCENE_NAMES_MAX] = "";

    if (!pane->source->get_message(pane->source->user, index, &block.row))
        return 0;
    if (block.row->kind == CHAT_ROW_MESSAGE) {
        const struct chat_message *m = block.row->message;

        block.new_day = !before.is_message || !is_same_day(before.sent_at_ms, m->sent_at_ms);
        block.first_new = is_first_new(pane, &before, m->seq);
        if (m->reply_to_seq != 0) {
            quote = (struct scene_quote){0};
            pane->source->get_quote(pane->source->user, m->reply_to_seq, &quote);
            block.quote = &quote;
        }
        if (!pane->is_direct && m->own && m->seq != 0 &&
            (block.selected || (pane->has_own && pane->last_own == index)))
            pane->source->get_seen_by(pane->source->user, m->seq, seen_by, sizeof(seen_by));
        block.seen_by = seen_by;
    }
    return block_paint(&block, canvas, x, y, width);
}

static int height_of(const struct pane *pane, uint32_t index)
{
    return paint_row(pane, index, NULL, 0, 0, pane->scene->pane.width);
}

/* Where the pane ends, from how it is told to the row and the lines below the edge. */
static void settle(struct pane *pane)
{
    struct scene *scene = pane->scene;

    if (scene->following || !scene->bottom.set) {
        scene->bottom = (struct place){pane->count > 0, pane->count > 0 ? pane->count - 1 : 0};
        scene->skip = 0;
    }
    place_clamp(&scene->bottom, pane->count);
}

/* Down by lines (negative: up), as far as there are rows. */
static void shift_bottom(struct pane *pane, int lines)
{
    struct scene *scene = pane->scene;
    int height;

    scene->skip -= lines;
    while (scene->skip < 0 && scene->bottom.index + 1 < pane->count) {
        scene->bottom.index++;
        scene->skip += height_of(pane, scene->bottom.index);
    }
    if (scene->skip < 0)
        scene->skip = 0;
    while ((height = height_of(pane, scene->bottom.index)) <= scene->skip &&
           scene->bottom.index > 0) {
        scene->skip -= height;
        scene->bottom.index--;
    }
    if (scene->skip > 0 && scene->skip >= height)
        scene->skip = height > 0 ? height - 1 : 0;
}

/* No blank lines above the first row while there are rows below the edge. */
static void fill_top(struct pane *pane)
{
    struct scene *scene = pane->scene;
    int lines = -scene->skip;

    for (uint32_t i = scene->bottom.index + 1; i > 0 && lines < scene->pane.height; i--)
        lines += height_of(pane, i - 1);
    if (lines < scene->pane.height)
        shift_bottom(pane, scene->pane.height - lines);
}

void pane_follow(struct scene *scene)
{
    scene->following = true;
    scene->bottom.set = false;
    scene->skip = 0;
}

/* At the end of a window that has the newest message it is followed again. */
static void follow_at_end(const struct pane *pane)
{
    const struct scene *scene = pane->scene;

    if (pane->at_latest && scene->bottom.index + 1 >= pane->count && scene->skip == 0)
        pane_follow(pane->scene);
}

void pane_scroll(struct scene *scene, const struct scene_source *source, int lines)
{
    struct pane pane = look(scene, source);

    if (pane.count == 0)
        return;
    settle(&pane);
    scene->following = false;
    shift_bottom(&pane, -lines);
    fill_top(&pane);
    follow_at_end(&pane);
}

void pane_reveal(struct scene *scene, const struct scene_source *source, uint32_t index)
{
    struct pane pane = look(scene, source);
    int lines, height;

    if (index >= pane.count)
        return;
    settle(&pane);
    height = height_of(&pane, index);
    if (index > scene->bottom.index || (index == scene->bottom.index && scene->skip > 0)) {
        scene->following = false;
        scene->bottom = (struct place){true, index};
        scene->skip = height > scene->pane.height ? height - scene->pane.height : 0;
        follow_at_end(&pane);
        return;
    }
    /* Lines from its first one to the edge. */
    lines = -scene->skip;
    for (uint32_t i = index; i <= scene->bottom.index && lines <= scene->pane.height; i++)
        lines += height_of(&pane, i);
    if (lines <= scene->pane.height)
        return;
    scene->following = false;
    scene->bottom = (struct place){true, index};
    scene->skip = height - scene->pane.height;
    if (scene->skip < 0) {
        lines = -scene->skip;
        scene->skip = 0;
        shift_bottom(&pane, lines);
    }
}

bool pane_select(struct scene *scene, const struct scene_source *source, int by)
{
    const uint32_t count = source->count_messages(source->user);
    int64_t index;

    if (count == 0)
        return false;
    index = scene->selected.set ? (int64_t)scene->selected.index + by : (int64_t)count - 1;
    if (index < 0 || index >= (int64_t)count)
        return false;
    scene->selected = (struct place){true, (uint32_t)index};
    pane_reveal(scene, source, (uint32_t)index);
    return true;
}

void pane_paint(struct scene *scene, const struct scene_source *source, struct canvas *canvas,
                struct rect where, struct scene_shown *out)
{
    struct pane pane;
    int y = where.y + where.height;

    scene->pane = where;
    pane = look(scene, source);
    if (pane.count == 0 || where.width <= 0 || where.height <= 0)
        return;
    place_clamp(&scene->selected, pane.count);
    settle(&pane);
    if (!scene->following)
        fill_top(&pane);
    y += scene->skip;
    canvas_set_clip(canvas, where);
    out->last = scene->bottom.index;
    for (uint32_t i = scene->bottom.index + 1; i > 0 && y > where.y; i--) {
        int height = height_of(&pane, i - 1);

        y -= height;
        paint_row(&pane, i - 1, canvas, where.x, y, where.width);
        out->first = i - 1;
        out->any = true;
        out->reached_top = i == 1 && y >= where.y;
    }
    canvas_set_clip(canvas, (struct rect){0, 0, canvas->columns, canvas->rows});
}
