#include "api/lanes.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "base/alloc.h"

/* Applying may wait: acknowledgements and reads come first. */
#define APPLY_NICE 5

enum pool_kind { POOL_LOG, POOL_APPLY, POOL_READ, POOL_KINDS };

/* A ring of requests; its owner holds the lock. */
struct ring_queue {
    struct engine_request **slots;
    uint32_t cap, first, count;
};

struct pool {
    struct lanes *lanes;
    enum pool_kind kind;
    pthread_mutex_t lock;
    pthread_cond_t filled;
    struct ring_queue waiting;
    pthread_t threads[LANES_THREADS_MAX];
    uint32_t thread_count;
    bool ready; /* lock and condition are there */
    bool ending;
};

struct lanes {
    struct lanes_config config;
    struct pool pools[POOL_KINDS];
    pthread_mutex_t lock; /* of `done` */
    bool lock_ready;
    struct ring_queue done;
    struct engine_request **taken; /* the loop's own batch of completions */
    uint32_t taken_first, taken_count;
    uint32_t pending; /* the loop's */
};

static void ring_push(struct ring_queue *q, struct engine_request *request)
{
    q->slots[(q->first + q->count++) % q->cap] = request;
}

static struct engine_request *ring_pop(struct ring_queue *q)
{
    struct engine_request *request;

    if (q->count == 0)
        return NULL;
    request = q->slots[q->first];
    q->first = (q->first + 1) % q->cap;
    q->count--;
    return request;
}

static void complete(struct lanes *lanes, struct engine_request *request)
{
    bool was_empty;

    pthread_mutex_lock(&lanes->lock);
    was_empty = lanes->done.count == 0;
    ring_push(&lanes->done, request);
    pthread_mutex_unlock(&lanes->lock);
    if (was_empty)
        lanes->config.wake(lanes->config.user);
}

static void step_back(const struct pool *pool)
{
#ifdef __linux__
    if (pool->kind == POOL_APPLY)
        setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), APPLY_NICE);
#else
    (void)pool;
#endif
}

static void *work(void *user)
{
    struct pool *pool = user;
    struct store_engine *engine = pool->lanes->config.engine;

    step_back(pool);
    for (;;) {
        struct engine_request *request;

        pthread_mutex_lock(&pool->lock);
        while (pool->waiting.count == 0 && !pool->ending)
            pthread_cond_wait(&pool->filled, &pool->lock);
        request = ring_pop(&pool->waiting);
        pthread_mutex_unlock(&pool->lock);
        if (!request)
            return NULL;
        engine->ops->execute(engine, request);
        complete(pool->lanes, request);
    }
}

static enum pool_kind kind_of(enum engine_op op)
{
    switch (op) {
    case ENGINE_APPLY: return POOL_APPLY;
    case ENGINE_READ: return POOL_READ;
    case ENGINE_OPEN:
    case ENGINE_LOG_READ:
    case ENGINE_APPEND:
    case ENGINE_CLOSE: break;
    }
    return POOL_LOG;
}

chat_status lanes_submit(struct lanes *lanes, struct engine_request *request)
{
    struct pool *pool = &lanes->pools[kind_of(request->op)];

    if (lanes->pending == lanes->config.requests_max)
        return CHAT_E_FULL;
    lanes->pending++;
    pthread_mutex_lock(&pool->lock);
    ring_push(&pool->waiting, request);
    pthread_cond_signal(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
    return CHAT_OK;
}

struct engine_request *lanes_take(struct lanes *lanes)
{
    if (lanes->taken_count == 0) {
        struct engine_request *request;

        lanes->taken_first = 0;
        pthread_mutex_lock(&lanes->lock);
        while ((request = ring_pop(&lanes->done)))
            lanes->taken[lanes->taken_count++] = request;
        pthread_mutex_unlock(&lanes->lock);
        if (lanes->taken_count == 0)
            return NULL;
    }
    lanes->taken_count--;
    lanes->pending--;
    return lanes->taken[lanes->taken_first++];
}

static chat_status make_ring(struct lanes *lanes, struct ring_queue *q)
{
    q->cap = lanes->config.requests_max;
    q->slots = alloc_array(lanes->config.allocator, q->cap, sizeof(struct engine_request *));
    return q->slots ? CHAT_OK : CHAT_E_NOMEM;
}

static chat_status start_pool(struct lanes *lanes, enum pool_kind kind, uint32_t threads)
{
    struct pool *pool = &lanes->pools[kind];

    pool->lanes = lanes;
    pool->kind = kind;
    if (make_ring(lanes, &pool->waiting) != CHAT_OK)
        return CHAT_E_NOMEM;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->filled, NULL);
    pool->ready = true;
    while (pool->thread_count < threads) {
        if (pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) != 0)
            return CHAT_E_IO;
        pool->thread_count++;
    }
    return CHAT_OK;
}

static bool is_thread_count(uint32_t count) { return count >= 1 && count <= LANES_THREADS_MAX; }

chat_status lanes_new(const struct lanes_config *config, struct lanes **out_lanes)
{
    struct lanes *lanes;
    chat_status status;

    if (!config->engine || !config->wake || !is_thread_count(config->log_threads) ||
        !is_thread_count(config->apply_threads) || !is_thread_count(config->read_threads) ||
        config->requests_max == 0 || config->requests_max > LANES_REQUESTS_MAX)
        return CHAT_E_INVALID;
    lanes = alloc_zeroed(config->allocator, sizeof(*lanes));
    if (!lanes)
        return CHAT_E_NOMEM;
    lanes->config = *config;
    pthread_mutex_init(&lanes->lock, NULL);
    lanes->lock_ready = true;
    lanes->taken =
        alloc_array(config->allocator, config->requests_max, sizeof(struct engine_request *));
    status = lanes->taken ? make_ring(lanes, &lanes->done) : CHAT_E_NOMEM;
    if (status == CHAT_OK)
        status = start_pool(lanes, POOL_LOG, config->log_threads);
    if (status == CHAT_OK)
        status = start_pool(lanes, POOL_APPLY, config->apply_threads);
    if (status == CHAT_OK)
        status = start_pool(lanes, POOL_READ, config->read_threads);
    if (status != CHAT_OK) {
        lanes_free(lanes);
        return status;
    }
    *out_lanes = lanes;
    return CHAT_OK;
}

static void end_pool(struct pool *pool)
{
    if (!pool->ready)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->filled);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->filled);
    pthread_mutex_destroy(&pool->lock);
}

void lanes_free(struct lanes *lanes)
{
    if (!lanes)
        return;
    for (unsigned kind = 0; kind < POOL_KINDS; kind++) {
        end_pool(&lanes->pools[kind]);
        alloc_free(lanes->config.allocator, lanes->pools[kind].waiting.slots);
    }
    if (lanes->lock_ready)
        pthread_mutex_destroy(&lanes->lock);
    alloc_free(lanes->config.allocator, lanes->done.slots);
    alloc_free(lanes->config.allocator, lanes->taken);
    alloc_free(lanes->config.allocator, lanes);
}
