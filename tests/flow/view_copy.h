/*
 * What an application makes of a view: a list of its own, to which it applies diffs, and
 * nothing else.
 *
 *     copy_pull(&copy);                       // all diffs there are
 *     ck_assert_str_eq(copy_text(&copy), "one|two|[3-5]|six*");
 *
 * A gap is [from-to], a queued message ends in *, a refused one in !, a deleted one is x;
 * with a change that is under way in ~.
 */
#ifndef CHAT_TESTS_VIEW_COPY_H
#define CHAT_TESTS_VIEW_COPY_H

#include "client/view.h"
#include "client_rig.h"

#define COPY_ROWS_MAX 3000u

struct copy_row {
    uint64_t key, seq;
    char text[64];
};

struct copy {
    chat_view *view;
    struct copy_row rows[COPY_ROWS_MAX];
    uint32_t count;
    uint32_t diffs[8]; /* by type, of the last pull */
    struct chat_view_status status;
    char title[64];
    char text[COPY_ROWS_MAX * 8];
};

static inline struct chat_view_config copy_config(void)
{
    return (struct chat_view_config){
        .size = sizeof(struct chat_view_config), .rows = 50, .rows_max = CHAT_VIEW_ROWS_MAX};
}

static inline void copy_message(const struct chat_row *row, struct copy_row *out)
{
    const char *mark = "";

    if (row->state == CHAT_OUTGOING_QUEUED)
        mark = "*";
    else if (row->state == CHAT_OUTGOING_REFUSED)
        mark = "!";
    else if (row->change)
        mark = "~";
    out->seq = row->message->seq;
    snprintf(out->text, sizeof(out->text), "%s%s", row->message->deleted ? "x" : row->message->text,
             mark);
}

static inline void copy_row(const struct chat_row *row, struct copy_row *out)
{
    *out = (struct copy_row){.key = row->key};
    if (row->kind == CHAT_ROW_MESSAGE)
        copy_message(row, out);
    else if (row->kind == CHAT_ROW_GAP)
        snprintf(out->text, sizeof(out->text), "[%llu-%llu]", (unsigned long long)row->from_seq,
                 (unsigned long long)row->to_seq);
    else
        snprintf(out->text, sizeof(out->text), "%s/%llu/%s", row->title,
                 (unsigned long long)row->channel->unread, row->message ? row->message->text : "");
}

static inline void copy_apply(struct copy *c, const struct chat_diff *d)
{
    struct copy_row row = {0};
    uint32_t to = d->type == CHAT_DIFF_MOVE ? d->to_index : d->index;

    c->diffs[d->type]++;
    if (d->type == CHAT_DIFF_STATUS) {
        c->status = *d->status;
        snprintf(c->title, sizeof(c->title), "%s", d->status->title);
        c->status.title = c->title;
        return;
    }
    if (d->type == CHAT_DIFF_RESET) {
        c->count = 0;
        return;
    }
    if (d->type != CHAT_DIFF_INSERT) {
        ck_assert_uint_lt(d->index, c->count);
        ck_assert_uint_eq(c->rows[d->index].key, d->key);
        row = c->rows[d->index];
    }
    if (d->type == CHAT_DIFF_REMOVE || d->type == CHAT_DIFF_MOVE) {
        c->count--;
        memmove(&c->rows[d->index], &c->rows[d->index + 1], (c->count - d->index) * sizeof(row));
    }
    if (d->type == CHAT_DIFF_INSERT || d->type == CHAT_DIFF_UPDATE) {
        ck_assert_uint_eq(d->row->key, d->key);
        copy_row(d->row, &row);
    }
    if (d->type == CHAT_DIFF_INSERT || d->type == CHAT_DIFF_MOVE) {
        ck_assert_uint_le(to, c->count);
        ck_assert_uint_lt(c->count, COPY_ROWS_MAX);
        memmove(&c->rows[to + 1], &c->rows[to], (c->count - to) * sizeof(row));
        c->count++;
    }
    if (d->type != CHAT_DIFF_REMOVE)
        c->rows[to] = row;
}

/* At most `max` diffs; how many there were. */
static inline uint32_t copy_pull_some(struct copy *c, uint32_t max)
{
    struct chat_diff diff = CHAT_DIFF_INIT;
    uint32_t pulled = 0;

    while (pulled < max && view_next_diff(c->view, &diff)) {
        copy_apply(c, &diff);
        pulled++;
    }
    return pulled;
}

static inline uint32_t copy_pull(struct copy *c)
{
    uint32_t pulled;

    memset(c->diffs, 0, sizeof(c->diffs));
    pulled = copy_pull_some(c, 100000);
    ck_assert_uint_lt(pulled, 100000);
    ck_assert(!chat_view_is_ready(c->view)); /* it ended because there was no more */
    ck_assert_uint_eq(chat_view_get_count(c->view), c->count);
    return pulled;
}

static inline const char *copy_text(struct copy *c)
{
    size_t len = 0;

    c->text[0] = '\0';
    for (uint32_t i = 0; i < c->count; i++)
        len += (size_t)snprintf(c->text + len, sizeof(c->text) - len, "%s%s", i ? "|" : "",
                                c->rows[i].text);
    return c->text;
}

static inline uint64_t copy_key(const struct copy *c, const char *text)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (strcmp(c->rows[i].text, text) == 0)
            return c->rows[i].key;
    return 0;
}

static inline void copy_open(struct copy *c, struct rig *rig, uint64_t channel_id,
                             const struct chat_view_config *config)
{
    const struct chat_view_config defaults = copy_config();

    memset(c, 0, sizeof(*c));
    if (!config)
        config = &defaults;
    if (channel_id)
        ck_assert_int_eq(view_open_messages(rig->core, channel_id, config, NULL, &c->view),
                         CHAT_OK);
    else
        ck_assert_int_eq(view_open_channels(rig->core, config, NULL, &c->view), CHAT_OK);
    (void)copy_pull(c);
}

/* The rows are what the cache and the outbox have of the stretch they span. */
static inline void copy_expect_cache(const struct copy *c, struct rig *rig, uint64_t channel_id)
{
    uint64_t next = 0;

    for (uint32_t i = 0; i < c->count; i++) {
        chat_page *page = NULL;
        unsigned long long from, to;

        for (uint32_t k = 0; k < i; k++)
            ck_assert_uint_ne(c->rows[i].key, c->rows[k].key);
        if (sscanf(c->rows[i].text, "[%llu-%llu]", &from, &to) == 2) {
            ck_assert(!next || from == next);
            next = to + 1;
            continue;
        }
        if (!c->rows[i].seq)
            continue;
        ck_assert(!next || c->rows[i].seq == next);
        next = c->rows[i].seq + 1;
        ck_assert_int_eq(client_read(rig->core, channel_id, c->rows[i].seq, 1, false, &page),
                         CHAT_OK);
        ck_assert_uint_eq(chat_page_get_count(page), 1);
        if (!strchr(c->rows[i].text, '~') && !chat_page_get_message(page, 0)->deleted)
            ck_assert_str_eq(c->rows[i].text, chat_page_get_message(page, 0)->text);
        chat_page_free(page);
    }
}

#endif
