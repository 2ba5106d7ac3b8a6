/*
 * What a simulated person looks for. Everybody says certain words now and then; who searches
 * for one must find messages that have it, and in the end exactly those of its cache.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "sim_app_inner.h"

#define PAGE 200u
#define HITS_MAX 30u

/* As it is said, and as it is looked for. The digits keep them apart from all other words. */
static const struct {
    const char *said, *query;
} words[] = {
    {"Na\xc3\xafve7", "naive7 "}, /* accents and case do not count */
    {"\xe6\x88\x91\xe5\x9c\xa8\xe5\x8c\x97\xe4\xba\xac", "\xe5\x8c\x97\xe4\xba\xac"}, /* a part */
    {"left9-right9", "right9 LEFT9 "}, /* in any order */
    {"beginning88word", "beginning8"}, /* the beginning of one */
    {"\"OR1*", "\"or1* "},             /* nothing is syntax */
};
#define WORDS (sizeof(words) / sizeof(words[0]))

size_t sim_search_say(struct sim_app *app, char *text, size_t size)
{
    if (rng_below(&app->rng, 3) != 0)
        return 0;
    return (size_t)snprintf(text, size, " %s", words[rng_below(&app->rng, WORDS)].said);
}

static bool has_word(const struct chat_message *m, uint32_t word)
{
    const size_t len = strlen(words[word].said);

    for (size_t at = 0; !m->deleted && at + len <= m->text_len; at++)
        if (memcmp(m->text + at, words[word].said, len) == 0)
            return true;
    return false;
}

/* --- what it should find --- */

static void expect(struct sim_search *s, uint64_t message_id)
{
    if (s->expected_count == s->expected_room) {
        s->expected_room = s->expected_room ? s->expected_room * 2 : 64;
        s->expected = realloc(s->expected, s->expected_room * sizeof(uint64_t));
        if (!s->expected)
            exit(2);
    }
    s->expected[s->expected_count++] = message_id;
}

static void expect_of_channel(struct sim_app *app, uint64_t channel_id, uint64_t head)
{
    const struct view *v = sim_app_view(app, channel_id);
    uint64_t seq = 0;

    while ((seq = sim_held_next(&v->held, seq + 1, head)) != 0) {
        chat_page *page = NULL;

        if (sim_app_read(app, channel_id, seq, PAGE, false, &page) != CHAT_OK)
            return;
        for (size_t i = 0; i < chat_page_get_count(page); i++) {
            const struct chat_message *m = chat_page_get_message(page, i);

            if (has_word(m, app->search.word))
                expect(&app->search, m->message_id);
        }
        if (chat_page_get_to_seq(page) > seq)
            seq = chat_page_get_to_seq(page);
        chat_page_free(page);
    }
}

static int compare_falling(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

    return left < right ? 1 : left > right ? -1 : 0;
}

static void expect_all(struct sim_app *app)
{
    struct sim_search *s = &app->search;
    const struct chat_channel *channel;
    uint64_t after = 0;

    s->expected_count = s->found_count = 0;
    while ((channel = chat_conn_next_channel(sim_app_conn(app), after))) {
        after = channel->channel_id;
        if (!s->channel_id || s->channel_id == after)
            expect_of_channel(app, after, channel->head_seq);
    }
    if (s->expected_count)
        qsort(s->expected, s->expected_count, sizeof(uint64_t), compare_falling);
}

/* --- what it finds --- */

static void ask(struct sim_app *app, uint64_t before)
{
    struct sim_search *s = &app->search;
    const char *query = words[s->word].query;

    if (chat_conn_search(sim_app_conn(app), query, strlen(query), s->channel_id, before, s->limit,
                         &s->ticket) != CHAT_OK)
        s->ticket = 0;
}

static void begin(struct sim_app *app, bool is_judged)
{
    struct sim_search *s = &app->search;

    s->word = (uint32_t)rng_below(&app->rng, WORDS);
    s->channel_id = rng_below(&app->rng, 2) ? sim_act_some_channel(app) : 0;
    s->limit = 1 + (uint32_t)rng_below(&app->rng, HITS_MAX);
    s->is_judged = is_judged;
    if (is_judged)
        expect_all(app);
    ask(app, 0);
}

static void wrong(struct sim_app *app, uint64_t message_id, const char *what)
{
    checker_violation(app->crowd->checker, CHECK_SEARCH,
                      "%s: a search for \"%s\" %s message %" PRIx64, app->name,
                      words[app->search.word].query, what, message_id);
}

/* Newest first, none left out, none that does not belong there. */
static void judge_page(struct sim_app *app, const struct chat_event *e)
{
    struct sim_search *s = &app->search;

    for (size_t i = 0; i < e->hits_count; i++, s->found_count++) {
        const uint64_t id = e->hits[i]->message_id;

        if (s->found_count >= s->expected_count || s->expected[s->found_count] < id) {
            wrong(app, id, "also found");
            return;
        }
        if (s->expected[s->found_count] > id) {
            wrong(app, s->expected[s->found_count], "did not find");
            return;
        }
    }
    if (e->more && e->hits_count < s->limit)
        wrong(app, e->next_before, "gave a short page before");
    if (!e->more && s->found_count < s->expected_count)
        wrong(app, s->expected[s->found_count], "did not find");
}

void sim_search_event(struct sim_app *app, const struct chat_event *e)
{
    struct sim_search *s = &app->search;
    const uint64_t next = e->next_before;
    const bool more = e->more;

    if (e->type != CHAT_EVENT_SEARCH || e->ticket != s->ticket)
        return;
    s->ticket = 0;
    if (e->status != CHAT_OK)
        return; /* it is asked again */
    for (size_t i = 0; i < e->hits_count; i++)
        if (!has_word(e->hits[i], s->word))
            wrong(app, e->hits[i]->message_id, "found the foreign");
    app->crowd->hits += e->hits_count;
    if (s->is_judged)
        judge_page(app, e);
    if (more)
        ask(app, next);
    else if (s->is_judged)
        s->is_done = true;
}

void sim_search_act(struct sim_app *app)
{
    if (!app->search.ticket)
        begin(app, false);
}

/* The index takes in what is new in turns that have nothing else to do. */
bool sim_search_prove(struct sim_app *app)
{
    struct sim_search *s = &app->search;

    if (!s->is_done && (!s->ticket || !s->is_judged) &&
        chat_conn_get_search_backlog(sim_app_conn(app)) == 0)
        begin(app, true);
    return s->is_done;
}

void sim_search_forget(struct sim_app *app)
{
    free(app->search.expected);
    app->search = (struct sim_search){0};
}
