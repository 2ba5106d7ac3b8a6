#include "server/store/tombstones.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

/* How many are not above it. */
static uint32_t index_above(const struct home *home, uint64_t seq)
{
    uint32_t low = 0, high = home->tombstone_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (home->tombstones[middle] <= seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

uint64_t tombstones_above(const struct home *home, uint64_t seq)
{
    return home->tombstone_count - index_above(home, seq);
}

chat_status tombstones_reserve(struct home *home, const struct chat_allocator *allocator)
{
    uint32_t room = home->tombstone_room ? 2 * home->tombstone_room : 4;
    uint64_t *grown;

    if (home->tombstone_count < home->tombstone_room ||
        home->tombstone_count == HOME_TOMBSTONES_MAX)
        return CHAT_OK;
    if (room > HOME_TOMBSTONES_MAX)
        room = HOME_TOMBSTONES_MAX;
    grown = alloc_resize(allocator, home->tombstones, home->tombstone_room * sizeof(*grown),
                         room * sizeof(*grown));
    if (!grown)
        return CHAT_E_NOMEM;
    home->tombstones = grown;
    home->tombstone_room = room;
    return CHAT_OK;
}

void tombstones_put(struct home *home, uint64_t seq)
{
    uint64_t *list = home->tombstones;
    const uint32_t at = index_above(home, seq);

    if (at > 0 && list[at - 1] == seq)
        return;
    if (home->tombstone_count < HOME_TOMBSTONES_MAX) {
        assert(home->tombstone_count < home->tombstone_room);
        memmove(&list[at + 1], &list[at], (home->tombstone_count - at) * sizeof(*list));
        list[at] = seq;
        home->tombstone_count++;
    } else if (at > 0) { /* in the place of the oldest */
        memmove(&list[0], &list[1], (at - 1) * sizeof(*list));
        list[at - 1] = seq;
    }
}
