#include "server/store/ring.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/plant.h"

#define ROOM_MIN 4u
#define ROOM_MAX (RING_SYNCED_MAX + RING_UNSYNCED_MAX)

void ring_fini(struct ring *ring, const struct chat_allocator *allocator)
{
    alloc_free(allocator, ring->nonces);
    *ring = (struct ring){0};
}

/* Ascending by counter. */
static const struct ring_nonce *at(const struct ring *ring, uint32_t i)
{
    return &ring->nonces[ring->first + i];
}

/* From the end: what is asked for is nearly always among the last. */
static const struct ring_nonce *find(const struct ring *ring, uint64_t counter)
{
    for (uint32_t i = ring->count; i-- > 0 && at(ring, i)->counter >= counter;)
        if (at(ring, i)->counter == counter)
            return at(ring, i);
    return NULL;
}

static uint64_t newest(const struct ring *ring)
{
    return ring->count > 0 ? at(ring, ring->count - 1)->counter : ring->floor;
}

enum ring_verdict ring_judge(const struct ring *ring, uint64_t counter, uint64_t after,
                             uint64_t body_hash, const struct ring_nonce **out_nonce)
{
    if (counter <= newest(ring)) {
        const struct ring_nonce *nonce = find(ring, counter);

        if (!nonce || nonce->body_hash != body_hash)
            return RING_STALE;
        *out_nonce = nonce;
        return RING_REPEAT;
    }
    if (after > ring->floor && !find(ring, after) && !PLANTED(AFTER_IGNORED))
        return RING_OUT_OF_ORDER;
    if (ring->unsynced >= RING_UNSYNCED_MAX)
        return RING_BUSY;
    return RING_NEW;
}

chat_status ring_reserve(struct ring *ring, const struct chat_allocator *allocator)
{
    uint32_t room = ring->room * 2;
    struct ring_nonce *grown;

    if (ring->first + ring->count < ring->room)
        return CHAT_OK;
    if (ring->first > 0) {
        memmove(ring->nonces, at(ring, 0), ring->count * sizeof(*ring->nonces));
        ring->first = 0;
        return CHAT_OK;
    }
    if (room < ROOM_MIN)
        room = ROOM_MIN;
    if (room > ROOM_MAX)
        room = ROOM_MAX;
    assert(room > ring->room);
    grown =
        alloc_resize(allocator, ring->nonces, ring->room * sizeof(*grown), room * sizeof(*grown));
    if (!grown)
        return CHAT_E_NOMEM;
    ring->nonces = grown;
    ring->room = room;
    return CHAT_OK;
}

void ring_add(struct ring *ring, const struct ring_nonce *nonce)
{
    assert(ring->first + ring->count < ring->room);
    ring->nonces[ring->first + ring->count++] = *nonce;
    ring->unsynced++;
}

void ring_synced(struct ring *ring)
{
    assert(ring->unsynced > 0);
    ring->unsynced--;
    if (ring->count - ring->unsynced > RING_SYNCED_MAX) {
        ring->floor = at(ring, 0)->counter;
        ring->first++;
        ring->count--;
    }
}

void ring_refused(struct ring *ring)
{
    ring->count -= ring->unsynced;
    ring->unsynced = 0;
}

WireRingRow *ring_to_row(const struct ring *ring, struct arena *arena)
{
    const uint32_t count = ring->count - ring->unsynced;
    WireRingRow *row = arena_alloc(arena, sizeof(*row));
    WireRingNonce *nonces = arena_alloc(arena, (count + 1) * sizeof(*nonces));
    WireRingNonce **list = arena_alloc(arena, (count + 1) * sizeof(WireRingNonce *));

    if (!row || !nonces || !list)
        return NULL;
    wire_ring_row__init(row);
    for (uint32_t i = 0; i < count; i++) {
        const struct ring_nonce *from = at(ring, i);

        wire_ring_nonce__init(&nonces[i]);
        nonces[i].counter = from->counter;
        nonces[i].body_hash = from->body_hash;
        nonces[i].seq = from->seq;
        nonces[i].rev = from->rev;
        nonces[i].message_id = from->message_id;
        nonces[i].sent_at_ms = from->sent_at_ms;
        list[i] = &nonces[i];
    }
    row->floor = ring->floor;
    row->n_nonces = count;
    row->nonces = list;
    return row;
}

chat_status ring_from_row(struct ring *ring, const struct chat_allocator *allocator,
                          const WireRingRow *row)
{
    uint64_t last = row->floor;

    assert(ring->count == 0);
    if (row->n_nonces > RING_SYNCED_MAX)
        return CHAT_E_CORRUPT;
    for (size_t i = 0; i < row->n_nonces; i++) {
        const WireRingNonce *from = row->nonces[i];
        const struct ring_nonce nonce = {.counter = from->counter,
                                         .body_hash = from->body_hash,
                                         .seq = from->seq,
                                         .rev = from->rev,
                                         .message_id = from->message_id,
                                         .sent_at_ms = from->sent_at_ms};

        if (from->counter <= last)
            return CHAT_E_CORRUPT;
        if (ring_reserve(ring, allocator) != CHAT_OK)
            return CHAT_E_NOMEM;
        ring_add(ring, &nonce);
        last = from->counter;
    }
    ring->unsynced = 0;
    ring->floor = row->floor;
    return CHAT_OK;
}
