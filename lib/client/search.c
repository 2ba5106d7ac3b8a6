/* Searching the cache, and keeping its index up in turns that have nothing else to do. */
#include <string.h>

#include "base/utf8.h"
#include "client/inner.h"

#define INDEX_PIECE 64u   /* messages taken in by one turn */
#define INDEX_IDLE_MS 20  /* without a message from the server: one piece after the other */
#define INDEX_LATE_MS 200 /* between two pieces while messages keep coming */

struct search_job {
    struct ask ask; /* in core->searches; its ticket and answer */
    struct cache_search *search;
};

/* --- the index --- */

void index_turn(struct client_core *core)
{
    if (core->now.mono_ms < index_deadline(core))
        return;
    core->index_at_ms = core->now.mono_ms;
    (void)core_ok(core, cache_index_step(core->cache, INDEX_PIECE));
}

int64_t index_deadline(const struct client_core *core)
{
    int64_t idle_ms = core->fed_at_ms + INDEX_IDLE_MS;
    int64_t late_ms = core->index_at_ms + INDEX_LATE_MS;

    if (cache_index_is_done(core->cache))
        return MOMENT_NEVER;
    return idle_ms < late_ms ? idle_ms : late_ms;
}

uint64_t client_search_backlog(struct client_core *core)
{
    uint64_t count = 0;

    if (core_commit(core) != CHAT_OK || cache_index_count_waiting(core->cache, &count) != CHAT_OK)
        return 0;
    return count;
}

/* --- searches --- */

static void job_free(struct client_core *core, struct search_job *job)
{
    list_remove(&job->ask.link);
    cache_search_free(job->search);
    alloc_free(core->allocator, job->ask.answer);
    alloc_free(core->allocator, job);
}

void search_free_all(struct client_core *core)
{
    LIST_EACH(node, &core->searches)
    {
        job_free(core, (struct search_job *)LIST_ENTRY(node, struct ask, link));
    }
}

chat_status client_search(struct client_core *core, const char *text, size_t text_len,
                          uint64_t channel_id, uint64_t before, uint32_t limit,
                          uint64_t *out_ticket)
{
    struct search_job *job;
    chat_status status;

    if (!text || text_len == 0 || text_len > CHAT_SEARCH_MAX || limit == 0 ||
        limit > CHAT_SEARCH_PAGE_MAX || !utf8_is_valid((const uint8_t *)text, text_len))
        return CHAT_E_INVALID;
    status = core_commit(core);
    if (status != CHAT_OK)
        return status;
    if (core->stopping)
        return CHAT_E_STATE;
    if (channel_id && !channel_find(core, channel_id))
        return CHAT_E_NOT_FOUND;
    if (core->ask_count >= core->cfg.requests_max)
        return CHAT_E_FULL;
    job = alloc_zeroed(core->allocator, sizeof(*job));
    if (!job)
        return CHAT_E_NOMEM;
    job->ask.answer = alloc_zeroed(core->allocator, sizeof(*job->ask.answer));
    status = job->ask.answer ? cache_search_new(core->cache, text, text_len, channel_id, before,
                                                limit, &job->search)
                             : CHAT_E_NOMEM;
    if (status != CHAT_OK) {
        job_free(core, job);
        return status;
    }
    job->ask.id = channel_id;
    job->ask.number = limit;
    job->ask.ticket = *out_ticket = ++core->last_ticket;
    core->ask_count++;
    list_push_back(&core->searches, &job->ask.link);
    return CHAT_OK;
}

struct gathering {
    struct client_core *core;
    struct reply *reply;
    const struct chat_message **hits;
};

static chat_status gather(const struct chat_message *m, void *user)
{
    struct gathering *g = user;
    struct chat_message *copy = arena_alloc(&g->reply->arena, sizeof(*copy));

    if (!copy || message_copy(&g->reply->arena, m, copy) != CHAT_OK)
        return CHAT_E_NOMEM;
    copy->own = m->author_id == client_user_id(g->core);
    g->hits[g->reply->hits_count++] = copy;
    return CHAT_OK;
}

static chat_status take_hits(struct client_core *core, struct search_job *job,
                             struct reply **out_reply)
{
    struct gathering g = {.core = core};
    chat_status status = CHAT_E_NOMEM;

    g.reply = reply_new(core, (size_t)job->ask.number * CLIENT_MESSAGE_BYTES_MAX);
    if (g.reply) {
        g.hits = arena_alloc(&g.reply->arena, job->ask.number * sizeof(struct chat_message *));
        g.reply->hits = g.hits;
    }
    if (g.hits)
        status = cache_search_read(job->search, gather, &g);
    if (status != CHAT_OK) {
        reply_free(core, g.reply);
        return status;
    }
    g.reply->next_before = cache_search_next(job->search);
    g.reply->more = g.reply->next_before != 0;
    *out_reply = g.reply;
    return CHAT_OK;
}

bool search_turn(struct client_core *core)
{
    struct list_node *first = list_first(&core->searches);
    struct search_job *job;
    struct reply *reply = NULL;
    bool done = true;
    chat_status status;

    if (!first)
        return false;
    job = (struct search_job *)LIST_ENTRY(first, struct ask, link);
    status = cache_search_step(job->search, &done);
    if (status == CHAT_OK && !done)
        return true;
    if (status == CHAT_OK)
        status = take_hits(core, job, &reply);
    events_answer(core, &job->ask, CHAT_EVENT_SEARCH, status, job->ask.id, 0, reply);
    job_free(core, job);
    (void)(status == CHAT_E_NOMEM || core_ok(core, status)); /* what cannot be read is trouble */
    return true;
}
