#include "server/store/rings.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/plant.h"
#include "server/store/answer.h"
#include "server/store/apply.h"
#include "server/store/reads.h"
#include "server/store/role.h"
#include "server/store/rows.h"

#define EVICT_TRIES 8u

struct ring_name {
    uint64_t channel, user, device;
};

static struct ring_slot *slot_of(struct table_node *node)
{
    return (struct ring_slot *)(void *)node;
}

static bool matches(const struct table_node *node, const void *key)
{
    const struct ring_slot *slot = (const struct ring_slot *)(const void *)node;
    const struct ring_name *name = key;

    return slot->device == name->device && slot->channel == name->channel &&
           slot->user == name->user;
}

static uint64_t hash_name(const struct ring_name *name)
{
    return hash_pair(hash_pair(name->channel, name->user), name->device);
}

void rings_init(struct shard *s)
{
    table_init(&s->rings.slots, s->allocator, matches);
    list_init(&s->rings.lru);
    list_init(&s->rings.dirty);
    s->rings.dirty_count = 0;
}

static void free_slot(struct shard *s, struct ring_slot *slot)
{
    wait_drop(s, &slot->waiting);
    table_remove(&s->rings.slots, &slot->node);
    list_remove(&slot->lru);
    list_remove(&slot->dirty);
    ring_fini(&slot->ring, s->allocator);
    alloc_free(s->allocator, slot);
}

void rings_fini(struct shard *s)
{
    struct table_node *node;

    if (!s->rings.lru.head.next)
        return;
    while ((node = table_next(&s->rings.slots, NULL)) != NULL)
        free_slot(s, slot_of(node));
    table_fini(&s->rings.slots);
    s->rings.dirty_count = 0;
}

static bool is_evictable(const struct shard *s, const struct ring_slot *slot)
{
    return slot->loaded && !slot->busy && !slot->resuming && slot->ring.unsynced == 0 &&
           slot->synced_position <= s->applied && slot->waiting.count == 0;
}

static bool make_room(struct shard *s)
{
    uint32_t tries = 0;

    if (s->rings.slots.count < s->limits->rings_max)
        return true;
    LIST_EACH(node, &s->rings.lru)
    {
        struct ring_slot *slot = LIST_ENTRY(node, struct ring_slot, lru);

        if (is_evictable(s, slot)) {
            free_slot(s, slot);
            s->stats->ring_evictions++;
            return true;
        }
        if (++tries == EVICT_TRIES)
            break;
    }
    apply_hasten(s);
    return false;
}

static void loaded(struct shard *s, struct read_job *job)
{
    struct ring_slot *slot = job->ring;
    const WireRingRow *row;
    chat_status status = CHAT_OK;

    s->stats->ring_loads++;
    if (job->results[0].count > 0 && !PLANTED(RING_NOT_PERSISTED)) {
        row = row_of_result(&wire_ring_row__descriptor, &job->results[0], &job->arena);
        status = row ? ring_from_row(&slot->ring, s->allocator, row) : row_trouble(&job->arena);
    }
    if (status != CHAT_OK) {
        shard_give_up(s, status == CHAT_E_CORRUPT ? AFTER_REFUSED : AFTER_REOPEN, status,
                      "read of a nonce ring");
        return;
    }
    slot->loaded = true;
    if (s->state == SHARD_SERVING)
        rings_unbusy(s, slot);
}

static struct ring_slot *new_slot(struct shard *s, const struct ring_name *name)
{
    struct ring_slot *slot = alloc_zeroed(s->allocator, sizeof(*slot));
    struct read_job *job;

    if (!slot)
        return NULL;
    slot->channel = name->channel;
    slot->user = name->user;
    slot->device = name->device;
    wait_init(&slot->waiting);
    if (table_insert(&s->rings.slots, &slot->node, hash_name(name)) != CHAT_OK) {
        alloc_free(s->allocator, slot);
        return NULL;
    }
    list_push_back(&s->rings.lru, &slot->lru);
    job = reads_new(s, loaded);
    if (!job) {
        free_slot(s, slot);
        return NULL;
    }
    job->ring = slot;
    job->queries[0] = query_one(TABLE_RING, row_key(name->channel, name->user, name->device));
    job->query_count = 1;
    reads_start(s, job);
    return slot;
}

static struct ring_slot *find(struct shard *s, const struct ring_name *name)
{
    struct table_node *node = table_find(&s->rings.slots, hash_name(name), name);

    return node ? slot_of(node) : NULL;
}

struct ring_slot *rings_prepare(struct shard *s, uint64_t channel, uint64_t user, uint64_t device)
{
    const struct ring_name name = {channel, user, device};
    struct ring_slot *slot = find(s, &name);

    /* None makes room for it: the slice may have prepared that one, too. */
    return slot ? slot : new_slot(s, &name);
}

void rings_trim(struct shard *s)
{
    LIST_EACH(node, &s->rings.lru)
    {
        struct ring_slot *slot = LIST_ENTRY(node, struct ring_slot, lru);

        if (s->rings.slots.count < s->limits->rings_max)
            break;
        if (is_evictable(s, slot)) {
            free_slot(s, slot);
            s->stats->ring_evictions++;
        }
    }
}

struct ring_slot *rings_need(struct shard *s, uint64_t channel, uint64_t user, uint64_t device,
                             const struct request *req)
{
    const struct ring_name name = {channel, user, device};
    struct ring_slot *slot = find(s, &name);

    if (!slot) {
        slot = make_room(s) ? new_slot(s, &name) : NULL;
        if (!slot) {
            answer_problem(s, NULL, req, PROBLEM(OVERLOADED), "rings");
            return NULL;
        }
    } else if (slot->lru.next != &s->rings.lru.head) {
        list_remove(&slot->lru);
        list_push_back(&s->rings.lru, &slot->lru);
    }
    if (slot->loaded && !slot->busy && (slot->resuming || slot->waiting.count == 0))
        return slot;
    (void)wait_add(s, &slot->waiting, req);
    return NULL;
}

void rings_set_busy(struct ring_slot *slot) { slot->busy = true; }

void rings_unbusy(struct shard *s, struct ring_slot *slot)
{
    struct waiter *waiter;

    slot->busy = false;
    if (slot->resuming || !slot->loaded)
        return;
    slot->resuming = true;
    while (!slot->busy && (waiter = wait_take(s, &slot->waiting)) != NULL)
        wait_resume(s, waiter);
    slot->resuming = false;
}

void rings_synced(struct shard *s, struct ring_slot *slot, uint64_t position)
{
    ring_synced(&slot->ring);
    slot->synced_position = position;
    if (list_node_is_linked(&slot->dirty))
        return;
    list_push_back(&s->rings.dirty, &slot->dirty);
    s->rings.dirty_count++;
}

void rings_captured(struct shard *s)
{
    while (list_pop_front(&s->rings.dirty) != NULL)
        ;
    s->rings.dirty_count = 0;
}

void rings_refused(struct shard *s)
{
    LIST_EACH(node, &s->rings.lru)
    ring_refused(&LIST_ENTRY(node, struct ring_slot, lru)->ring);
}
