#include "server/store/home.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

void home_unload(struct home *h, const struct chat_allocator *allocator)
{
    for (uint32_t i = 0; i < h->listing_count; i++)
        alloc_free(allocator, h->listings[i].mention_seqs);
    alloc_free(allocator, h->members);
    alloc_free(allocator, h->listings);
    h->members = NULL;
    h->member_count = h->member_room = 0;
    h->listings = NULL;
    h->listing_count = h->listing_room = h->listed_count = h->draft_count = 0;
    alloc_free(allocator, h->known);
    h->known = NULL;
    h->known_count = h->known_room = 0;
    alloc_free(allocator, h->tombstones);
    h->tombstones = NULL;
    h->tombstone_count = h->tombstone_room = 0;
    h->lsn = 0;
    h->head = (struct head){0};
    h->decided_position = h->member_position = h->receipts_position = 0;
    memset(h->altering, 0, sizeof(h->altering));
    h->group = NULL;
    h->state = HOME_EMPTY;
}

void home_fini(struct home *h, const struct chat_allocator *allocator)
{
    home_unload(h, allocator);
    alloc_free(allocator, h->devices);
    h->devices = NULL;
    h->device_count = 0;
}

/* The first index whose id is not below `id`. */
static uint32_t member_index(const struct home *h, uint64_t user_id)
{
    uint32_t low = 0, high = h->member_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (h->members[middle].user_id < user_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct member *home_find_member(const struct home *h, uint64_t user_id)
{
    const uint32_t i = member_index(h, user_id);

    return i < h->member_count && h->members[i].user_id == user_id ? &h->members[i] : NULL;
}

uint32_t home_permissions(const struct home *h, uint64_t user_id)
{
    const struct member *member = home_find_member(h, user_id);

    return member ? member->permissions : 0;
}

chat_status home_reserve_member(struct home *h, const struct chat_allocator *allocator)
{
    const uint32_t room = h->member_room ? h->member_room * 2 : 4;
    struct member *grown;

    if (h->member_count < h->member_room)
        return CHAT_OK;
    grown =
        alloc_resize(allocator, h->members, h->member_room * sizeof(*grown), room * sizeof(*grown));
    if (!grown)
        return CHAT_E_NOMEM;
    h->members = grown;
    h->member_room = room;
    return CHAT_OK;
}

void home_put_member(struct home *h, const struct member *member)
{
    const uint32_t i = member_index(h, member->user_id);

    if (i < h->member_count && h->members[i].user_id == member->user_id) {
        h->members[i] = *member;
        return;
    }
    assert(h->member_count < h->member_room);
    memmove(&h->members[i + 1], &h->members[i], (h->member_count - i) * sizeof(*h->members));
    h->members[i] = *member;
    h->member_count++;
}

void home_remove_member(struct home *h, uint64_t user_id)
{
    const uint32_t i = member_index(h, user_id);

    if (i == h->member_count || h->members[i].user_id != user_id)
        return;
    h->member_count--;
    memmove(&h->members[i], &h->members[i + 1], (h->member_count - i) * sizeof(*h->members));
}

static uint32_t listing_index(const struct home *h, uint64_t home_id)
{
    uint32_t low = 0, high = h->listing_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (h->listings[middle].home_id < home_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct listing *home_find_listing(const struct home *h, uint64_t home_id)
{
    const uint32_t i = listing_index(h, home_id);

    return i < h->listing_count && h->listings[i].home_id == home_id ? &h->listings[i] : NULL;
}

struct listing *home_put_listing(struct home *h, const struct chat_allocator *allocator,
                                 uint64_t home_id)
{
    const uint32_t i = listing_index(h, home_id);

    if (i < h->listing_count && h->listings[i].home_id == home_id)
        return &h->listings[i];
    if (h->listing_count == h->listing_room) {
        const uint32_t room = h->listing_room ? h->listing_room * 2 : 8;
        struct listing *grown = alloc_resize(
            allocator, h->listings, h->listing_room * sizeof(*grown), room * sizeof(*grown));

        if (!grown)
            return NULL;
        h->listings = grown;
        h->listing_room = room;
    }
    memmove(&h->listings[i + 1], &h->listings[i], (h->listing_count - i) * sizeof(*h->listings));
    h->listings[i] = (struct listing){.home_id = home_id};
    h->listing_count++;
    return &h->listings[i];
}

void home_remove_listing(struct home *h, const struct chat_allocator *allocator, struct listing *l)
{
    const uint32_t i = (uint32_t)(l - h->listings);

    home_set_listed(h, l, false);
    alloc_free(allocator, l->mention_seqs);
    home_set_draft(h, l, 0, false);
    h->listing_count--;
    memmove(&h->listings[i], &h->listings[i + 1], (h->listing_count - i) * sizeof(*h->listings));
}

void home_set_listed(struct home *h, struct listing *l, bool listed)
{
    if (l->listed == listed)
        return;
    l->listed = listed;
    h->listed_count += listed ? 1u : UINT32_MAX; /* + 1 or - 1 */
}

void home_set_draft(struct home *h, struct listing *l, uint64_t version, bool has_draft)
{
    if (l->has_draft != has_draft)
        h->draft_count += has_draft ? 1u : UINT32_MAX; /* + 1 or - 1 */
    l->draft_version = version;
    l->has_draft = has_draft;
}

struct known_device *home_find_known(const struct home *h, uint64_t device_id)
{
    for (uint32_t i = 0; i < h->known_count; i++)
        if (h->known[i].device_id == device_id)
            return &h->known[i];
    return NULL;
}

chat_status home_reserve_known(struct home *h, const struct chat_allocator *allocator)
{
    const uint32_t room = h->known_room ? 2 * h->known_room : 2;
    struct known_device *grown;

    if (h->known_count < h->known_room || h->known_count == CHAT_DEVICES_MAX)
        return CHAT_OK;
    grown =
        alloc_resize(allocator, h->known, h->known_room * sizeof(*grown), room * sizeof(*grown));
    if (!grown)
        return CHAT_E_NOMEM;
    h->known = grown;
    h->known_room = room;
    return CHAT_OK;
}

void home_put_known(struct home *h, const struct known_device *device)
{
    const struct known_device *found = home_find_known(h, device->device_id);
    uint32_t at = 0;

    if (found) {
        at = (uint32_t)(found - h->known);
    } else if (h->known_count < CHAT_DEVICES_MAX) {
        assert(h->known_count < h->known_room);
        at = h->known_count++;
    }
    memmove(&h->known[at], &h->known[at + 1], (h->known_count - 1 - at) * sizeof(*h->known));
    h->known[h->known_count - 1] = *device;
}

uint64_t home_device_session(const struct home *h, uint64_t device_id)
{
    for (uint32_t i = 0; i < h->device_count; i++)
        if (h->devices[i].device_id == device_id)
            return h->devices[i].session_no;
    return 0;
}

void home_set_device(struct home *h, const struct chat_allocator *allocator, uint64_t device_id,
                     uint64_t session_no)
{
    uint32_t i = 0;

    if (!h->devices) {
        h->devices = alloc_array(allocator, HOME_DEVICES_MAX, sizeof(*h->devices));
        if (!h->devices)
            return;
    }
    while (i < h->device_count && h->devices[i].device_id != device_id)
        i++;
    if (i == HOME_DEVICES_MAX)
        i = 0;
    if (i < h->device_count) {
        h->device_count--;
        memmove(&h->devices[i], &h->devices[i + 1], (h->device_count - i) * sizeof(*h->devices));
    }
    h->devices[h->device_count++] = (struct device){device_id, session_no};
}

struct altering *home_altering(struct home *h, uint64_t seq, uint64_t synced)
{
    struct altering *free_one = NULL;

    for (uint32_t i = 0; i < HOME_ALTERING_MAX; i++) {
        struct altering *a = &h->altering[i];

        if (a->position <= synced)
            free_one = a;
        else if (a->seq == seq)
            return NULL;
    }
    return free_one;
}

void home_set_info(struct home *h, const WireHomeRow *row)
{
    size_t len = strlen(row->name);

    if (len > CHAT_NAME_MAX)
        len = CHAT_NAME_MAX;
    memcpy(h->name, row->name, len);
    h->name[len] = '\0';
    h->kind = row->kind;
    h->created_at_ms = row->created_at_ms;
    h->creator_id = row->creator_id;
    h->auth_epoch = row->auth_epoch;
    h->signed_out_at_ms = row->signed_out_at_ms;
}

void home_to_info(struct home *h, WireHomeRow *out_row)
{
    wire_home_row__init(out_row);
    out_row->kind = h->kind;
    out_row->name = h->name;
    out_row->created_at_ms = h->created_at_ms;
    out_row->creator_id = h->creator_id;
    out_row->auth_epoch = h->auth_epoch;
    out_row->signed_out_at_ms = h->signed_out_at_ms;
}

void home_to_position(const struct home *h, WirePosition *out_position)
{
    wire_position__init(out_position);
    out_position->channel_id = h->id;
    out_position->epoch = h->head.epoch;
    out_position->seq = h->head.seq;
    out_position->message_id = h->head.message_id;
    out_position->rev = h->head.rev;
}
