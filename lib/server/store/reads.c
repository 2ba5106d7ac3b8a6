#include "server/store/reads.h"

#include "base/alloc.h"
#include "base/log.h"
#include "server/store/page.h"
#include "server/store/role.h"

static struct read_job *job_of(struct list_node *node)
{
    return LIST_ENTRY(node, struct read_job, node);
}

void reads_init(struct shard *s)
{
    list_init(&s->reads_waiting);
    list_init(&s->reads_at_work);
}

void reads_fini(struct shard *s)
{
    if (!s->reads_waiting.head.next)
        return;
    LIST_EACH(node, &s->reads_waiting)
    reads_drop(s, job_of(node));
    LIST_EACH(busy, &s->reads_at_work)
    reads_drop(s, job_of(busy));
}

static void done(struct shard *s, struct lane *lane)
{
    struct read_job *job = (struct read_job *)(void *)lane;
    const chat_status status = lane->request.status;

    s->reads_busy--;
    list_remove(&job->node);
    job->started = false;
    shard_mark(s);
    if (s->state != SHARD_SERVING && s->state != SHARD_REPLAYING && s->state != SHARD_IDENTIFYING) {
        reads_drop(s, job);
        return;
    }
    if (status != CHAT_OK) {
        s->stats->read_failures++;
        reads_drop(s, job);
        shard_give_up(s, status == CHAT_E_CORRUPT ? AFTER_REFUSED : AFTER_REOPEN, status, "read");
        return;
    }
    job->results = lane->request.read.results;
    job->found(s, job);
    if (!job->started)
        reads_drop(s, job);
}

struct read_job *reads_new(struct shard *s, void (*found)(struct shard *s, struct read_job *job))
{
    struct read_job *job;

    if (s->reads_count >= s->limits->reads_max)
        return NULL;
    job = alloc_zeroed(s->allocator, sizeof(*job));
    if (!job)
        return NULL;
    s->reads_count++;
    job->found = found;
    job->lane.shard = s;
    job->lane.done = done;
    arena_init(&job->arena, s->allocator, READ_ARENA_MAX);
    return job;
}

void reads_start(struct shard *s, struct read_job *job)
{
    job->started = true;
    list_push_back(&s->reads_waiting, &job->node);
    shard_mark(s);
}

void reads_drop(struct shard *s, struct read_job *job)
{
    list_remove(&job->node);
    s->reads_count--;
    if (job->home)
        job->home->pins--;
    page_free(s, job->page);
    arena_fini(&job->arena);
    alloc_free(s->allocator, job);
}

void reads_pin(struct read_job *job, struct home *home)
{
    job->home = home;
    home->pins++;
}

void reads_pump(struct shard *s)
{
    struct list_node *node;

    while (s->reads_busy < s->limits->reads_in_flight &&
           (node = list_pop_front(&s->reads_waiting)) != NULL) {
        struct read_job *job = job_of(node);
        struct engine_request *request = &job->lane.request;

        arena_reset(&job->arena);
        job->floor = s->applied;
        request->op = ENGINE_READ;
        request->arena = &job->arena;
        request->read.queries = job->queries;
        request->read.count = job->query_count;
        list_push_back(&s->reads_at_work, &job->node);
        s->reads_busy++;
        s->stats->read_requests++;
        shard_issue(s, &job->lane);
    }
}

uint64_t reads_floor(const struct shard *s)
{
    /* In the order they were started: the first is the oldest. */
    const struct list_node *first = s->reads_at_work.head.next;

    if (first == &s->reads_at_work.head)
        return s->applied;
    return LIST_ENTRY((struct list_node *)(uintptr_t)first, struct read_job, node)->floor;
}
