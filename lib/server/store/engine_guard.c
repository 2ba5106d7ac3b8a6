#include "server/store/engine_guard.h"

#include "base/hash.h"

static struct guard_slot *slot_of(struct engine_guard *guard, uint64_t home_id)
{
    return &guard->slots[hash_u64(home_id) & (GUARD_SLOTS - 1)];
}

chat_status engine_guard_check(struct engine_guard *guard, const struct engine_record *records,
                               size_t count)
{
    guard->attempt++;
    for (size_t i = 0; i < count; i++) {
        struct guard_slot *slot = slot_of(guard, records[i].home_id);
        if (slot->lsn == 0 || slot->home_id != records[i].home_id)
            continue;
        if (slot->attempt != guard->attempt) {
            slot->attempt = guard->attempt;
            slot->pending = slot->lsn;
        }
        if (records[i].lsn <= slot->pending)
            return CHAT_E_CONFLICT;
        if (records[i].lsn != slot->pending + 1)
            return CHAT_E_INVALID;
        slot->pending = records[i].lsn;
    }
    return CHAT_OK;
}

void engine_guard_saw(struct engine_guard *guard, const struct engine_record *records, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct guard_slot *slot = slot_of(guard, records[i].home_id);
        slot->home_id = records[i].home_id;
        slot->lsn = records[i].lsn;
    }
}
