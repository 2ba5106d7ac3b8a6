#include "server/store/seek.h"

#include "server/store/answer.h"
#include "server/store/homes.h"
#include "server/store/role.h"
#include "server/store/rows.h"

/* The nth of `count` probes that part low..high evenly; the last one is high. */
static uint64_t probe_at(const struct page_seek *seek, uint32_t n, uint32_t count)
{
    const uint64_t span = seek->high - seek->low;

    return count == 1 ? seek->high
                      : seek->low + span / (count - 1) * n + span % (count - 1) * n / (count - 1);
}

static void probe(struct shard *s, struct read_job *job);

/* The id of the message at a probe; 0: it is not there yet, or scratch is starved. */
static uint64_t id_at(struct shard *s, const struct read_job *job, uint32_t n)
{
    const struct engine_result *result = &job->results[n];
    const WireMessage *m;
    size_t len;

    arena_reset(&s->scratch);
    m = page_message(s, job->home->id, job->queries[n].from.k2,
                     result->count > 0 ? &result->rows[0] : NULL, &s->scratch, &len);
    return m ? m->message_id : 0;
}

static void probed(struct shard *s, struct read_job *job)
{
    struct page_job *page = job->page;
    struct page_seek *seek = &page->seek;
    struct request req;

    if (!page->request && !page_decode(s, page))
        return;
    req = page_request(page);
    if (!page_still_allowed(s, job->home, &req))
        return;
    for (uint32_t i = 0; i < page->asked; i++) {
        const uint64_t seq = job->queries[i].from.k2, id = id_at(s, job, i);

        if (id == 0 && s->scratch.starved) {
            answer_no_memory(s, &req);
            return;
        }
        if (id == seek->message_id) {
            seek->then(s, job, seq);
            return;
        }
        if (id == 0 || id > seek->message_id) {
            seek->high = seq - 1;
            break;
        }
        seek->low = seq + 1;
    }
    probe(s, job);
}

static void probe(struct shard *s, struct read_job *job)
{
    struct page_job *page = job->page;
    struct page_seek *seek = &page->seek;
    uint32_t count = ENGINE_QUERIES_MAX;

    if (seek->low > seek->high) {
        answer_problem_to(s, page->link, page->request_id, PROBLEM(NOT_FOUND), "message");
        return;
    }
    if (seek->high - seek->low < count)
        count = (uint32_t)(seek->high - seek->low) + 1;
    for (uint32_t i = 0; i < count; i++)
        job->queries[i] =
            query_one(TABLE_MESSAGE, row_key(job->home->id, probe_at(seek, i, count), 0));
    job->query_count = page->asked = count;
    job->found = probed;
    reads_start(s, job);
}

void seek_start(struct shard *s, struct read_job *job, uint64_t message_id, seek_found then)
{
    job->page->seek = (struct page_seek){.message_id = message_id,
                                         .low = job->home->head.first_seq,
                                         .high = job->home->head.seq,
                                         .then = then};
    probe(s, job);
    if (!job->started) /* an empty channel */
        reads_drop(s, job);
}
