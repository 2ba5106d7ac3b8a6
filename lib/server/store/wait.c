#include "server/store/wait.h"

#include "base/alloc.h"
#include "server/store/answer.h"
#include "server/store/role.h"
#include "wire/wire.h"

static struct waiter *new_waiter(struct shard *s, struct wait_queue *q, const struct request *req)
{
    struct waiter *waiter = NULL;

    if (q->count < s->limits->waiting_per_key && s->waiting < s->limits->waiting_max)
        waiter = alloc_zeroed(s->allocator, sizeof(*waiter));
    if (waiter) {
        waiter->link = req->link;
        waiter->frame = wire_encode_link(s->allocator, req->frame);
        if (waiter->frame)
            return waiter;
        alloc_free(s->allocator, waiter);
    }
    answer_problem(s, NULL, req, PROBLEM(OVERLOADED), "waiting");
    return NULL;
}

bool wait_add(struct shard *s, struct wait_queue *q, const struct request *req)
{
    struct waiter *waiter = new_waiter(s, q, req);

    if (!waiter)
        return false;
    list_push_back(&q->list, &waiter->node);
    q->count++;
    s->waiting++;
    return true;
}

bool wait_add_first(struct shard *s, struct wait_queue *q, const struct request *req)
{
    struct waiter *waiter = new_waiter(s, q, req);

    if (!waiter)
        return false;
    list_push_front(&q->list, &waiter->node);
    q->count++;
    s->waiting++;
    return true;
}

struct waiter *wait_take(struct shard *s, struct wait_queue *q)
{
    struct list_node *node = list_pop_front(&q->list);

    if (!node)
        return NULL;
    q->count--;
    s->waiting--;
    return LIST_ENTRY(node, struct waiter, node);
}

void wait_move(struct shard *s, struct wait_queue *to, struct wait_queue *from)
{
    struct list_node *node;

    (void)s;
    while ((node = list_pop_front(&from->list)) != NULL)
        list_push_back(&to->list, node);
    to->count += from->count;
    from->count = 0;
}

void wait_free(struct shard *s, struct waiter *waiter)
{
    frame_unref(waiter->frame);
    alloc_free(s->allocator, waiter);
}

void wait_drop(struct shard *s, struct wait_queue *q)
{
    struct waiter *waiter;

    while ((waiter = wait_take(s, q)) != NULL)
        wait_free(s, waiter);
}

void wait_resume(struct shard *s, struct waiter *waiter)
{
    WireLinkBatch *batch = NULL;
    struct wire_fault fault;

    /* Nothing that resumes is inside another resumption's decoded frame. */
    arena_reset(&s->resumed);
    if (wire_decode_link(waiter->frame->bytes, waiter->frame->len, &s->resumed, &batch, &fault) ==
            CHAT_OK &&
        batch->n_frames == 1) {
        const struct request req = {.link = waiter->link, .frame = batch->frames[0]};

        shard_take(s, &req);
    }
    wait_free(s, waiter);
}

void wait_resume_all(struct shard *s, struct wait_queue *q)
{
    struct wait_queue mine;
    struct waiter *waiter;

    wait_init(&mine);
    wait_move(s, &mine, q);
    while ((waiter = wait_take(s, &mine)) != NULL)
        wait_resume(s, waiter);
}
