#include "sim_screen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define ROWS_MAX 2048u
#define WINDOW_ROWS 12u
#define WINDOW_ROWS_MAX 40u

struct shown_row {
    uint64_t key, seq, to; /* seq 0: in the outbox */
    struct chat_nonce nonce;
    uint64_t message_id, rev, text; /* a hash */
    uint64_t unread, read_seq, head_seq;
    int64_t active_at_ms;
    uint32_t reactions_waiting;
    bool is_gap, deleted, changing;
};

/* What the outbox does to a row. */
struct doing {
    chat_outgoing_kind kind; /* the newest edit or deletion; 0: none */
    chat_outgoing_state state;
    uint64_t text; /* a hash */
    uint32_t reactions;
};

struct pane {
    chat_view *view; /* NULL: closed */
    struct shown_row *rows;
    uint32_t count;
    struct chat_view_status status; /* its pointers are not kept */
    bool has_channel;
};

struct sim_screen {
    struct rng rng;
    struct checker *checker;
    const char *name;
    const struct sim_cache_disk *disk;
    struct pane list, window;
    struct doing *doing; /* of the window's rows */
};

struct sim_screen *sim_screen_new(uint64_t seed, struct checker *checker, const char *name,
                                  const struct sim_cache_disk *disk)
{
    struct sim_screen *s = calloc(1, sizeof(*s));

    if (!s)
        exit(2);
    s->list.rows = calloc(ROWS_MAX, sizeof(struct shown_row));
    s->window.rows = calloc(ROWS_MAX, sizeof(struct shown_row));
    s->doing = calloc(ROWS_MAX, sizeof(*s->doing));
    if (!s->list.rows || !s->window.rows || !s->doing)
        exit(2);
    rng_seed(&s->rng, seed);
    s->checker = checker;
    s->name = name;
    s->disk = disk;
    return s;
}

void sim_screen_free(struct sim_screen *s)
{
    if (!s)
        return;
    free(s->list.rows);
    free(s->window.rows);
    free(s->doing);
    free(s);
}

void sim_screen_forget(struct sim_screen *s)
{
    s->list.view = s->window.view = NULL;
    s->list.count = s->window.count = 0;
}

static void wrong(struct sim_screen *s, const struct pane *p, uint32_t index, const char *what)
{
    const struct shown_row *row = index < p->count ? &p->rows[index] : NULL;

    if (sim_cache_disk_is_dead(s->disk)) /* since it looked: nobody sees this any more */
        return;
    checker_violation(s->checker, CHECK_VIEWS_EQUAL,
                      "%s: %s row %" PRIu32 " of %" PRIu32 " (seq %" PRIu64 "): %s", s->name,
                      p == &s->list ? "list" : "window", index, p->count, row ? row->seq : 0, what);
}

/* --- the copy --- */

static uint64_t hash_text(const char *text, size_t len)
{
    static const uint64_t key[2] = {3, 5};

    return hash_bytes(key, text, len) | 1;
}

static uint64_t text_hash(const struct chat_message *m)
{
    return m->deleted ? 0 : hash_text(m->text, m->text_len);
}

static struct shown_row copy_row(const struct chat_row *row)
{
    struct shown_row out = {.key = row->key, .active_at_ms = row->active_at_ms};

    if (row->kind == CHAT_ROW_CHANNEL) {
        out.unread = row->channel->unread;
        out.read_seq = row->channel->read_seq;
        out.head_seq = row->channel->head_seq;
    } else if (row->kind == CHAT_ROW_GAP) {
        out.is_gap = true;
        out.seq = row->from_seq;
        out.to = row->to_seq;
    } else {
        out.seq = out.to = row->message->seq;
        out.nonce = row->message->nonce;
        out.message_id = row->message->message_id;
        out.rev = row->message->rev;
        out.text = text_hash(row->message);
        out.deleted = row->message->deleted;
        out.changing = row->change && row->change_state == CHAT_OUTGOING_QUEUED;
        out.reactions_waiting = row->reactions_waiting;
    }
    return out;
}

static void take_out(struct pane *p, uint32_t at)
{
    p->count--;
    memmove(&p->rows[at], &p->rows[at + 1], (p->count - at) * sizeof(p->rows[0]));
}

static void put_in(struct pane *p, uint32_t at, const struct shown_row *row)
{
    memmove(&p->rows[at + 1], &p->rows[at], (p->count - at) * sizeof(p->rows[0]));
    p->rows[at] = *row;
    p->count++;
}

static bool fits(const struct pane *p, const struct chat_diff *d)
{
    if (d->type == CHAT_DIFF_RESET || d->type == CHAT_DIFF_STATUS)
        return true;
    if (d->type == CHAT_DIFF_INSERT)
        return d->index <= p->count && p->count < ROWS_MAX;
    return d->index < p->count && p->rows[d->index].key == d->key &&
           (d->type != CHAT_DIFF_MOVE || d->to_index < p->count);
}

static void apply(struct sim_screen *s, struct pane *p, const struct chat_diff *d)
{
    struct shown_row row = {0};

    if (!fits(p, d)) {
        wrong(s, p, d->index, "a diff that fits nothing");
        return;
    }
    if (d->row)
        row = copy_row(d->row);
    switch (d->type) {
    case CHAT_DIFF_INSERT: put_in(p, d->index, &row); break;
    case CHAT_DIFF_UPDATE: p->rows[d->index] = row; break;
    case CHAT_DIFF_REMOVE: take_out(p, d->index); break;
    case CHAT_DIFF_MOVE:
        row = p->rows[d->index];
        take_out(p, d->index);
        put_in(p, d->to_index, &row);
        break;
    case CHAT_DIFF_RESET: p->count = 0; break;
    case CHAT_DIFF_STATUS:
        p->status = *d->status;
        p->has_channel = d->status->channel != NULL;
        break;
    }
}

/* False when another process had the cache: that shows at the first look into it, and is told. */
static bool can_look(chat_conn *conn)
{
    const struct chat_channel *channel = chat_conn_next_channel(conn, 0);
    const struct chat_outgoing *o;
    chat_page *page = NULL;
    chat_status status = CHAT_OK;

    if (chat_conn_get_outgoing_count(conn) > 0 && !chat_conn_get_outgoing(conn, 0, &o))
        return false;
    if (channel)
        status = chat_conn_read_messages(conn, channel->channel_id, 0, 1, true, &page);
    chat_page_free(page);
    return status == CHAT_OK;
}

/* True when all there was is pulled. */
static bool pull(struct sim_screen *s, chat_conn *conn, struct pane *p, uint32_t max,
                 uint64_t *trace)
{
    struct chat_diff diff = CHAT_DIFF_INIT;

    if (!can_look(conn))
        return false;
    for (uint32_t i = 0; i < max; i++) {
        if (!chat_view_next_diff(p->view, &diff))
            return !chat_view_is_ready(p->view);
        apply(s, p, &diff);
        *trace = hash_pair(*trace, hash_pair((uint64_t)diff.type, diff.index));
    }
    return false;
}

/* --- against the cache --- */

static bool is_held(chat_conn *conn, uint64_t channel_id, uint64_t seq)
{
    chat_page *page = NULL;
    bool held;

    if (chat_conn_read_messages(conn, channel_id, seq, 1, false, &page) != CHAT_OK)
        return true; /* told elsewhere */
    held = chat_page_get_count(page) == 1 && chat_page_get_message(page, 0)->seq == seq;
    chat_page_free(page);
    return held;
}

/* What the cache has of the row; NULL: nothing. *page is read on where it ends. False: it
 * cannot be read, which is told elsewhere. */
static bool find_message(struct sim_screen *s, chat_conn *conn, const struct shown_row *row,
                         chat_page **page, const struct chat_message **out)
{
    uint64_t channel_id = chat_view_get_channel_id(s->window.view), from;

    if (!*page || row->seq < chat_page_get_from_seq(*page) ||
        row->seq > chat_page_get_to_seq(*page)) {
        chat_page_free(*page);
        *page = NULL;
        if (chat_conn_read_messages(conn, channel_id, row->seq, WINDOW_ROWS_MAX, false, page) !=
            CHAT_OK)
            return false;
    }
    from = chat_page_get_from_seq(*page);
    *out = row->seq >= from ? chat_page_get_message(*page, row->seq - from) : NULL;
    return true;
}

static void check_message(struct sim_screen *s, uint32_t index, const struct chat_message *m)
{
    const struct shown_row *row = &s->window.rows[index];

    if (!m || m->seq != row->seq)
        wrong(s, &s->window, index, "the cache does not hold it");
    else if (m->message_id != row->message_id)
        wrong(s, &s->window, index, "the cache has another message");
    else if (m->rev != row->rev)
        wrong(s, &s->window, index, "the cache has it altered");
    else if ((m->deleted && !row->deleted) ||
             (!row->changing && (m->deleted != row->deleted || text_hash(m) != row->text)))
        wrong(s, &s->window, index, "the cache says something else");
}

static void check_keys(struct sim_screen *s, const struct pane *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        for (uint32_t k = 0; k < i; k++)
            if (p->rows[i].key == p->rows[k].key)
                wrong(s, p, i, "its key is another row's, too");
}

/* The row that an operation is about; NULL: it is not in the window. */
static struct doing *find_doing(struct sim_screen *s, const struct chat_outgoing *o)
{
    const struct pane *p = &s->window;

    for (uint32_t i = 0; i < p->count; i++) {
        const struct shown_row *row = &p->rows[i];

        if (o->seq ? !row->is_gap && row->seq == o->seq
                   : !row->seq && row->nonce.counter == o->message_nonce.counter &&
                         row->nonce.device_id == o->message_nonce.device_id)
            return &s->doing[i];
    }
    return NULL;
}

static void note_doing(struct sim_screen *s, const struct chat_outgoing *o)
{
    struct doing *d = find_doing(s, o);

    if (!d)
        return;
    if (o->kind == CHAT_OUTGOING_REACT) {
        d->reactions += o->state == CHAT_OUTGOING_QUEUED;
    } else {
        d->kind = o->kind;
        d->state = o->state;
        d->text = o->kind == CHAT_OUTGOING_DELETE ? 0 : hash_text(o->text, o->text_len);
    }
}

static void check_waiting(struct sim_screen *s, const struct chat_outgoing *o, uint32_t index)
{
    struct pane *p = &s->window;
    const struct shown_row *row = &p->rows[index];

    if (index >= p->count || row->seq || row->nonce.counter != o->nonce.counter ||
        row->nonce.device_id != o->nonce.device_id)
        wrong(s, p, index, "the outbox has something else");
    else if (!row->changing && row->text != hash_text(o->text, o->text_len))
        wrong(s, p, index, "the outbox has another text of it");
}

/* The rows from `index` on are what waits in the outbox. What else waits there, for it was done
 * to messages and is not in, shows on their rows. */
static void check_outbox(struct sim_screen *s, chat_conn *conn, uint32_t index)
{
    struct pane *p = &s->window;
    const struct chat_outgoing *o;

    memset(s->doing, 0, p->count * sizeof(*s->doing));
    for (uint32_t i = 0; chat_conn_get_outgoing(conn, i, &o); i++) {
        if (o->channel_id != chat_view_get_channel_id(p->view))
            continue;
        if (o->kind != CHAT_OUTGOING_SEND)
            note_doing(s, o);
        else if (p->status.at_latest)
            check_waiting(s, o, index++);
    }
    if (index < p->count)
        wrong(s, p, index, "the outbox has nothing of it");
}

static void check_changes(struct sim_screen *s)
{
    struct pane *p = &s->window;

    for (uint32_t i = 0; i < p->count; i++) {
        const struct shown_row *row = &p->rows[i];
        const struct doing *d = &s->doing[i];

        if (row->changing != (d->kind && d->state == CHAT_OUTGOING_QUEUED))
            wrong(s, p, i, "an edit or deletion of it came or went");
        else if (row->changing && row->text != (row->deleted ? 0 : d->text))
            wrong(s, p, i, "it does not show its edit");
        if (row->reactions_waiting != (row->deleted ? 0 : d->reactions))
            wrong(s, p, i, "it does not show what waits of reactions");
    }
}

static void check_window(struct sim_screen *s, chat_conn *conn, bool whole)
{
    struct pane *p = &s->window;
    uint64_t channel_id = chat_view_get_channel_id(p->view), next = 0, head = 0;
    const struct chat_channel *channel = chat_conn_get_channel(conn, channel_id);
    chat_page *page = NULL;
    uint32_t i = 0;

    if (channel)
        head = channel->head_seq >= channel->first_seq ? channel->head_seq : 0;
    if (p->has_channel != (channel != NULL))
        wrong(s, p, 0, "its channel came or went");
    for (; i < p->count && p->rows[i].seq; i++) {
        const struct shown_row *row = &p->rows[i];
        const struct chat_message *m = NULL;

        if (next && row->seq != next)
            wrong(s, p, i, "it does not follow the row before it");
        next = row->to + 1;
        if (row->is_gap && whole)
            wrong(s, p, i, "a gap where everything is held");
        if (!row->is_gap) {
            if (find_message(s, conn, row, &page, &m))
                check_message(s, i, m);
        } else if (is_held(conn, channel_id, row->seq) || is_held(conn, channel_id, row->to)) {
            wrong(s, p, i, "a gap that the cache holds");
        }
    }
    if (p->status.at_latest && (next ? next - 1 : 0) != head)
        wrong(s, p, i, "it does not end at the newest message");
    if (i > WINDOW_ROWS_MAX)
        wrong(s, p, i, "more rows than were allowed");
    chat_page_free(page);
    check_outbox(s, conn, i);
    check_changes(s);
    check_keys(s, p);
}

static void check_list(struct sim_screen *s, chat_conn *conn)
{
    struct pane *p = &s->list;
    const struct chat_channel *channel;
    uint64_t after = 0;
    uint32_t count = 0;

    while ((channel = chat_conn_next_channel(conn, after))) {
        after = channel->channel_id;
        count++;
    }
    if (count != p->count)
        wrong(s, p, count, "the cache has more channels, or less");
    for (uint32_t i = 0; i < p->count; i++) {
        const struct shown_row *row = &p->rows[i];

        channel = chat_conn_get_channel(conn, row->key);
        if (!channel)
            wrong(s, p, i, "the cache has no such channel");
        else if (channel->unread != row->unread || channel->read_seq != row->read_seq ||
                 channel->head_seq != row->head_seq)
            wrong(s, p, i, "the cache says something else of it");
        if (i && row->active_at_ms > p->rows[i - 1].active_at_ms)
            wrong(s, p, i, "it was active after the row before it");
    }
    check_keys(s, p);
}

static void check_pane(struct sim_screen *s, struct pane *p, chat_conn *conn, bool whole)
{
    if (p == &s->list)
        check_list(s, conn);
    else
        check_window(s, conn, whole);
}

/* --- what the person does --- */

static uint64_t some_channel(struct sim_screen *s, chat_conn *conn)
{
    const struct chat_channel *channel;
    uint64_t after = 0, chosen = 0, seen = 0;

    while ((channel = chat_conn_next_channel(conn, after))) {
        after = channel->channel_id;
        if (rng_below(&s->rng, ++seen) == 0)
            chosen = after;
    }
    return chosen;
}

static void open_window(struct sim_screen *s, chat_conn *conn)
{
    struct chat_view_config config;
    uint64_t channel_id = some_channel(s, conn);

    chat_view_config_init(&config);
    config.rows = WINDOW_ROWS;
    config.rows_max = WINDOW_ROWS_MAX;
    config.around_seq = rng_below(&s->rng, 3) == 0 ? 1 + rng_below(&s->rng, 50) : 0;
    s->window.count = 0;
    if (channel_id &&
        chat_view_open_messages(conn, channel_id, &config, &s->window.view) != CHAT_OK)
        s->window.view = NULL;
}

static void close_window(struct sim_screen *s)
{
    chat_view_free(s->window.view);
    s->window.view = NULL;
    s->window.count = 0;
}

static void move_window(struct sim_screen *s)
{
    chat_view *view = s->window.view;
    uint32_t count = chat_view_get_count(view), first;

    switch (rng_below(&s->rng, 8)) {
    case 0: (void)chat_view_load_older(view, 1 + (uint32_t)rng_below(&s->rng, 20)); break;
    case 1: (void)chat_view_load_newer(view, 1 + (uint32_t)rng_below(&s->rng, 20)); break;
    case 2: (void)chat_view_jump_to(view, 1 + rng_below(&s->rng, 80)); break;
    case 3: (void)chat_view_jump_to_latest(view); break;
    case 4: (void)chat_view_mark_read(view); break;
    case 5: close_window(s); break;
    default:
        first = count ? (uint32_t)rng_below(&s->rng, count) : 0;
        if (count)
            (void)chat_view_set_visible(
                view, first, first + (uint32_t)rng_below(&s->rng, (uint64_t)count - first));
    }
}

void sim_screen_act(struct sim_screen *s, chat_conn *conn)
{
    uint64_t trace = 0;

    if (!s->list.view && rng_below(&s->rng, 8) == 0) {
        s->list.count = 0;
        if (chat_view_open_channels(conn, NULL, &s->list.view) != CHAT_OK)
            s->list.view = NULL;
    } else if (!s->window.view && rng_below(&s->rng, 3) == 0) {
        open_window(s, conn);
    } else if (s->window.view && rng_below(&s->rng, 2)) {
        move_window(s);
    }
    /* What was left over from a notice. */
    if (s->window.view && pull(s, conn, &s->window, (uint32_t)rng_below(&s->rng, 64), &trace))
        check_window(s, conn, false);
}

uint64_t sim_screen_ready(struct sim_screen *s, chat_conn *conn, chat_view *view)
{
    struct pane *p = view == s->list.view ? &s->list : &s->window;
    uint64_t trace = 0;
    bool all = rng_below(&s->rng, 4) != 0;

    if (pull(s, conn, p, all ? UINT32_MAX : (uint32_t)rng_below(&s->rng, 4), &trace) &&
        rng_below(&s->rng, 4) == 0)
        check_pane(s, p, conn, false);
    return trace;
}

static bool is_on_screen(const struct pane *p, uint64_t from, uint64_t to, bool gaps)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->rows[i].seq && p->rows[i].seq <= to && p->rows[i].to >= from &&
            (gaps || !p->rows[i].is_gap))
            return true;
    return false;
}

/* They were shown, and are still where the window is. */
void sim_screen_evicted(struct sim_screen *s, chat_conn *conn, uint64_t channel_id, uint64_t from,
                        uint64_t to)
{
    struct pane *p = &s->window;
    uint64_t trace = 0;

    if (!p->view || chat_view_get_channel_id(p->view) != channel_id ||
        !is_on_screen(p, from, to, false))
        return;
    if (pull(s, conn, p, UINT32_MAX, &trace) && is_on_screen(p, from, to, true))
        checker_violation(s->checker, CHECK_VIEWS_EQUAL,
                          "%s: seqs %" PRIu64 "..%" PRIu64 " were evicted on screen", s->name, from,
                          to);
}

void sim_screen_check(struct sim_screen *s, chat_conn *conn, bool whole)
{
    struct pane *const panes[] = {&s->list, &s->window};
    uint64_t trace = 0;

    if (!s->list.view && chat_view_open_channels(conn, NULL, &s->list.view) != CHAT_OK)
        s->list.view = NULL;
    if (!s->window.view)
        open_window(s, conn);
    for (size_t i = 0; i < 2; i++) {
        if (!panes[i]->view)
            continue;
        if (pull(s, conn, panes[i], UINT32_MAX, &trace))
            check_pane(s, panes[i], conn, whole);
        else
            wrong(s, panes[i], 0, "its diffs never end");
    }
}
