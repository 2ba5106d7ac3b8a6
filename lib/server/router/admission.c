#include "server/router/admission.h"

#include <string.h>

#include "base/hash.h"

#define WHOLE 1000

void admission_init(struct admission *a, const struct chat_allocator *allocator,
                    const uint64_t hash_key[2])
{
    *a = (struct admission){.hash_key = {hash_key[0], hash_key[1]}, .touched_ms = INT64_MIN};
    map_init(&a->addresses, allocator);
}

void admission_fini(struct admission *a)
{
    if (a->addresses.allocator)
        map_fini(&a->addresses);
}

const char *admission_enter(struct admission *a, const char *address, uint64_t *out_key)
{
    const char *text = address ? address : "";
    uint64_t key = hash_bytes(a->hash_key, text, strlen(text)) | 1;
    uintptr_t count = (uintptr_t)map_get(&a->addresses, key);

    if (a->waiting >= a->total)
        return "preauth_max";
    if (count >= a->per_address)
        return "preauth_per_address";
    if (map_put(&a->addresses, key, (void *)(count + 1)) != CHAT_OK)
        return "memory";
    a->waiting++;
    *out_key = key;
    return NULL;
}

void admission_leave(struct admission *a, uint64_t key)
{
    uintptr_t count = (uintptr_t)map_get(&a->addresses, key);

    if (count == 0)
        return;
    a->waiting--;
    /* Replacing a value never allocates. */
    if (count == 1 || map_put(&a->addresses, key, (void *)(count - 1)) != CHAT_OK)
        map_take(&a->addresses, key);
}

uint32_t admission_take(struct admission *a, int64_t now_ms)
{
    int64_t full = (int64_t)a->burst * WHOLE;

    if (a->touched_ms == INT64_MIN) {
        a->tokens = full;
    } else {
        int64_t passed_ms = now_ms - a->touched_ms;
        int64_t fill_ms = full / a->rate + 1;

        a->tokens += (passed_ms < fill_ms ? passed_ms : fill_ms) * a->rate;
        if (a->tokens > full)
            a->tokens = full;
    }
    a->touched_ms = now_ms;
    if (a->tokens >= WHOLE) {
        a->tokens -= WHOLE;
        return 0;
    }
    return admission_slot(a, now_ms);
}

uint32_t admission_slot(struct admission *a, int64_t now_ms)
{
    int64_t wait_ms;

    /* Slots follow each other at the rate; the line is as long as slot_max_ms at most, then
     * it starts anew. */
    if (a->next_slot_us < now_ms * WHOLE || a->next_slot_us > (now_ms + a->slot_max_ms) * WHOLE)
        a->next_slot_us = now_ms * WHOLE;
    a->next_slot_us += 1000000 / a->rate;
    wait_ms = a->next_slot_us / WHOLE - now_ms;
    return wait_ms > 0 ? (uint32_t)wait_ms : 1;
}
