/*
 * What an application shows of views, for fuzz targets: rows that are changed by nothing but
 * diffs, and moved about as the input says. Whenever all diffs were pulled, a view that is
 * opened at that moment has to show the same.
 */
#ifndef CHAT_TESTS_FUZZ_PANE_H
#define CHAT_TESTS_FUZZ_PANE_H

#include <libchat/view.h>

#include "base/hash.h"
#include "fuzz_input.h"

#define PANE_ROWS_MAX 4096u   /* channels, or what a window may have with the outbox */
#define PANE_DIFFS_MAX 20000u /* of one pull: they end */
#define PANE_WINDOW_MAX 24u

/* The views of a core, or of a conn. */
struct pane_calls {
    chat_status (*open)(void *of, uint64_t channel_id, const struct chat_view_config *config,
                        chat_view **out_view);
    void (*free)(chat_view *view);
    bool (*next)(chat_view *view, struct chat_diff *out);
    bool (*get_row)(chat_view *view, uint32_t index, const struct chat_row **out);
    const struct chat_view_status *(*get_status)(chat_view *view);
    chat_status (*older)(chat_view *view, uint32_t n);
    chat_status (*newer)(chat_view *view, uint32_t n);
    chat_status (*jump)(chat_view *view, uint64_t seq);
    chat_status (*jump_to_latest)(chat_view *view);
    chat_status (*set_visible)(chat_view *view, uint32_t first, uint32_t last);
    chat_status (*mark_read)(chat_view *view);
};

struct pane_row {
    uint64_t key, from, to; /* from 0: a channel, or in the outbox */
    uint64_t says;          /* a hash of all that it says */
    chat_row_kind kind;
};

struct pane {
    const struct pane_calls *calls;
    void *of;
    chat_view *view; /* NULL: closed */
    bool only_unread, at_latest;
    uint64_t unread;
    uint32_t count;
    struct pane_row rows[PANE_ROWS_MAX];
};

/* --- what a row says --- */

static inline uint64_t pane_mix(uint64_t hash, const void *bytes, size_t len)
{
    static const uint64_t key[2] = {7, 9};

    return hash_pair(hash, hash_bytes(key, len ? bytes : "", len));
}

static inline uint64_t pane_message(uint64_t hash, const struct chat_message *m)
{
    const uint64_t values[] = {
        m->channel_id,
        m->seq,
        m->message_id,
        m->author_id,
        (uint64_t)m->sent_at_ms,
        (uint64_t)m->edited_at_ms,
        m->reply_to_seq,
        m->rev,
        m->nonce.device_id,
        m->nonce.counter,
        (uint64_t)m->deleted | (uint64_t)m->own << 1 | (uint64_t)m->mentions_me << 2,
    };

    FUZZ_CHECK(m->text[m->text_len] == '\0');
    hash = pane_mix(hash, values, sizeof(values));
    hash = pane_mix(hash, m->text, m->text_len);
    hash = pane_mix(hash, m->extra, m->extra_len);
    hash = pane_mix(hash, m->mention_ids, m->mentions_count * sizeof(uint64_t));
    for (size_t i = 0; i < m->reactions_count; i++) {
        const struct chat_reaction *r = m->reactions[i];

        FUZZ_CHECK(r->count > 0 && r->emoji_len > 0 && r->emoji[r->emoji_len] == '\0');
        hash = pane_mix(hash, r->emoji, r->emoji_len);
        hash = pane_mix(hash, r->user_ids, r->count * sizeof(uint64_t));
        hash = hash_pair(hash, r->mine);
    }
    return hash;
}

static inline uint64_t pane_channel(uint64_t hash, const struct chat_channel *c)
{
    const uint64_t values[] = {
        c->channel_id,    c->home_id,
        c->permissions,   c->head_seq,
        c->read_seq,      c->unread,
        c->mentions,      (uint64_t)c->muted_until_ms,
        c->has_draft,     c->peer_delivered_seq,
        c->peer_read_seq,
    };

    hash = pane_mix(hash, values, sizeof(values));
    return pane_mix(hash, c->name, c->name_len);
}

static inline uint64_t pane_says(const struct chat_row *row)
{
    const uint64_t values[] = {
        (uint64_t)row->kind,
        (uint64_t)row->active_at_ms,
        (uint64_t)row->presence,
        (uint64_t)row->state,
        (uint64_t)(int64_t)row->status,
        (uint64_t)row->change,
        (uint64_t)row->change_state,
        (uint64_t)(int64_t)row->change_status,
        row->change_nonce.device_id,
        row->change_nonce.counter,
        row->loading,
        row->reactions_waiting,
    };
    uint64_t hash = pane_mix(0, values, sizeof(values));

    hash = pane_mix(hash, row->title, row->title_len);
    hash = pane_mix(hash, row->author_name, row->author_name_len);
    if (row->message)
        hash = pane_message(hash, row->message);
    return row->channel ? pane_channel(hash, row->channel) : hash;
}

static inline struct pane_row pane_row(const struct chat_row *row)
{
    struct pane_row out = {.key = row->key, .says = pane_says(row), .kind = row->kind};

    FUZZ_CHECK((row->kind == CHAT_ROW_CHANNEL) == (row->channel != NULL));
    if (row->kind == CHAT_ROW_GAP) {
        FUZZ_CHECK(row->from_seq && row->from_seq <= row->to_seq);
        out.from = row->from_seq;
        out.to = row->to_seq;
    } else if (row->kind == CHAT_ROW_MESSAGE) {
        FUZZ_CHECK(row->message);
        out.from = out.to = row->message->seq;
    }
    return out;
}

/* --- diffs --- */

static inline void pane_apply(struct pane *p, const struct chat_diff *d)
{
    uint32_t to = d->type == CHAT_DIFF_MOVE ? d->to_index : d->index;
    struct pane_row row = {0};

    if (d->type == CHAT_DIFF_STATUS) {
        p->at_latest = d->status->at_latest;
        p->unread = d->status->unread;
        return;
    }
    if (d->type == CHAT_DIFF_RESET) {
        p->count = 0;
        return;
    }
    if (d->type != CHAT_DIFF_INSERT) {
        FUZZ_CHECK(d->index < p->count && p->rows[d->index].key == d->key);
        row = p->rows[d->index];
    }
    if (d->type == CHAT_DIFF_REMOVE || d->type == CHAT_DIFF_MOVE) {
        p->count--;
        memmove(&p->rows[d->index], &p->rows[d->index + 1], (p->count - d->index) * sizeof(row));
    }
    if (d->type == CHAT_DIFF_INSERT || d->type == CHAT_DIFF_UPDATE) {
        FUZZ_CHECK(d->row && d->row->key == d->key);
        row = pane_row(d->row);
    }
    if (d->type == CHAT_DIFF_INSERT || d->type == CHAT_DIFF_MOVE) {
        FUZZ_CHECK(to <= p->count && p->count < PANE_ROWS_MAX);
        memmove(&p->rows[to + 1], &p->rows[to], (p->count - to) * sizeof(row));
        p->count++;
    }
    if (d->type != CHAT_DIFF_REMOVE)
        p->rows[to] = row;
}

/* True: all there was is pulled. */
static inline bool pane_pull(struct pane *p, uint32_t most)
{
    struct chat_diff diff = CHAT_DIFF_INIT;

    for (uint32_t i = 0; i < most; i++) {
        FUZZ_CHECK(i < PANE_DIFFS_MAX);
        if (!p->calls->next(p->view, &diff)) {
            FUZZ_CHECK(chat_view_get_count(p->view) == p->count || chat_view_is_ready(p->view));
            return !chat_view_is_ready(p->view);
        }
        pane_apply(p, &diff);
    }
    return false;
}

/* --- against a view that is opened now --- */

static inline void pane_same_list(const struct pane *p, const struct pane *fresh)
{
    FUZZ_CHECK(p->count == fresh->count && p->unread == fresh->unread);
    for (uint32_t i = 0; i < p->count; i++)
        FUZZ_CHECK(p->rows[i].key == fresh->rows[i].key && p->rows[i].says == fresh->rows[i].says);
}

/* How many rows are in the history; it has no holes. */
static inline uint32_t pane_history(const struct pane *p)
{
    uint32_t i = 0;

    for (; i < p->count && p->rows[i].from; i++)
        FUZZ_CHECK(!i || p->rows[i].from == p->rows[i - 1].to + 1);
    for (uint32_t k = i; k < p->count; k++)
        FUZZ_CHECK(!p->rows[k].from && p->rows[k].kind == CHAT_ROW_MESSAGE);
    return i;
}

/* They may span different stretches: where both do, and in the outbox, they say the same. */
static inline void pane_same_window(const struct pane *p, const struct pane *fresh)
{
    const uint32_t ours = pane_history(p), theirs = pane_history(fresh);

    for (uint32_t i = 0, k = 0; i < ours && k < theirs;) {
        const struct pane_row *a = &p->rows[i], *b = &fresh->rows[k];

        if (a->to >= b->from && b->to >= a->from) {
            FUZZ_CHECK(a->kind == b->kind);
            FUZZ_CHECK(a->kind == CHAT_ROW_GAP || (a->from == b->from && a->says == b->says));
        }
        if (a->to < b->to)
            i++;
        else
            k++;
    }
    if (!p->at_latest || !fresh->at_latest)
        return;
    FUZZ_CHECK(p->count - ours == fresh->count - theirs);
    for (uint32_t i = 0; ours + i < p->count; i++)
        FUZZ_CHECK(p->rows[ours + i].says == fresh->rows[theirs + i].says);
    FUZZ_CHECK((ours == 0) == (theirs == 0));
    FUZZ_CHECK(!ours || p->rows[ours - 1].to == fresh->rows[theirs - 1].to);
}

static inline void pane_compare(struct pane *p)
{
    static struct pane fresh;
    struct chat_view_config config = {.size = sizeof(config)};
    const uint64_t channel_id = chat_view_get_channel_id(p->view);

    config.only_unread = p->only_unread;
    config.rows = config.rows_max = PANE_WINDOW_MAX;
    config.around_seq = p->count && !p->at_latest ? p->rows[p->count / 2].from : 0;
    fresh.calls = p->calls;
    fresh.count = 0;
    if (p->calls->open(p->of, channel_id, &config, &fresh.view) != CHAT_OK)
        return;
    fresh.at_latest = false;
    fresh.unread = 0;
    if (pane_pull(&fresh, UINT32_MAX) && !chat_view_is_ready(p->view)) {
        if (channel_id)
            pane_same_window(p, &fresh);
        else
            pane_same_list(p, &fresh);
    }
    p->calls->free(fresh.view);
}

/* CHAT_EVENT_VIEW, or at the end. `sure`: the cache can be believed. */
static inline void pane_ready(struct pane *p, bool sure)
{
    if (p->view && pane_pull(p, UINT32_MAX) && sure)
        pane_compare(p);
}

/* --- what the person does --- */

static inline void pane_close(struct pane *p)
{
    if (p->view)
        p->calls->free(p->view);
    p->view = NULL;
    p->count = 0;
}

/* The core or conn is gone, and the view with it. */
static inline void pane_forget(struct pane *p)
{
    p->view = NULL;
    p->count = 0;
}

static inline void pane_open(struct pane *p, struct input *in, bool list)
{
    struct chat_view_config config = {.size = sizeof(config)};
    const uint8_t how = input_byte(in);

    pane_close(p);
    config.only_unread = p->only_unread = list && how & 1;
    config.rows = 1 + how % PANE_WINDOW_MAX;
    config.rows_max = PANE_WINDOW_MAX;
    config.around_seq = how & 0x40 ? input_number(in) : 0;
    p->at_latest = false;
    p->unread = 0;
    if (p->calls->open(p->of, list ? 0 : input_number(in), &config, &p->view) != CHAT_OK)
        p->view = NULL;
}

static inline void pane_look(struct pane *p, struct input *in)
{
    const struct chat_row *row = NULL;
    const uint32_t index = (uint32_t)input_number(in);

    if (p->calls->get_row(p->view, index, &row))
        FUZZ_CHECK(index < chat_view_get_count(p->view) && pane_row(row).key == row->key);
    FUZZ_CHECK(p->calls->get_status(p->view)->title);
}

static inline void pane_act(struct pane *p, struct input *in, bool list, bool sure)
{
    const uint32_t n = (uint32_t)input_number(in);

    if (!p->view) {
        pane_open(p, in, list);
        return;
    }
    switch (input_below(in, 12)) {
    case 0: (void)p->calls->older(p->view, n); break;
    case 1: (void)p->calls->newer(p->view, n); break;
    case 2: (void)p->calls->jump(p->view, n); break;
    case 3: (void)p->calls->jump_to_latest(p->view); break;
    case 4: (void)p->calls->set_visible(p->view, n / 2, n); break;
    case 5: (void)p->calls->mark_read(p->view); break;
    case 6: pane_open(p, in, list); break;
    case 7: pane_close(p); break;
    case 8: (void)pane_pull(p, n % 8); break;
    case 9: pane_look(p, in); break;
    default: pane_ready(p, sure); break;
    }
}

#endif
