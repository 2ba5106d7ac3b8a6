#include "server/router/admission.h"

#include <stdlib.h>
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

#define IPV6_GROUPS 8u
#define NETWORK_GROUPS 4u

/* The first 64 bits of an IPv6 address as the system writes it. False: it is none, or an
 * IPv4 address in disguise. */
static bool network_of(const char *text, uint16_t out[NETWORK_GROUPS])
{
    uint16_t groups[IPV6_GROUPS] = {0};
    uint32_t count = 0, gap = IPV6_GROUPS; /* "::" stands before groups[gap] */

    if (!strchr(text, ':') || strchr(text, '.'))
        return false;
    while (*text && count < IPV6_GROUPS) {
        char *end = NULL;

        if (text[0] == ':') {
            if (text[1] == ':')
                gap = count;
            text += 1 + (text[1] == ':');
            continue;
        }
        groups[count++] = (uint16_t)strtoul(text, &end, 16);
        if (end == text)
            return false;
        text = end;
    }
    for (uint32_t i = 0; i < NETWORK_GROUPS; i++) {
        const uint32_t zeros = IPV6_GROUPS - count;

        out[i] = i < gap ? groups[i] : i < gap + zeros ? 0 : groups[i - zeros];
    }
    return true;
}

/* Who has one IPv6 address has the 2^64 of its network: they count as one. */
static uint64_t key_of(const struct admission *a, const char *text)
{
    uint16_t network[NETWORK_GROUPS];
    const bool is_ipv6 = network_of(text, network);

    return hash_bytes(a->hash_key, is_ipv6 ? (const void *)network : text,
                      is_ipv6 ? sizeof(network) : strlen(text)) |
           1;
}

const char *admission_enter(struct admission *a, const char *address, uint64_t *out_key)
{
    uint64_t key = key_of(a, address ? address : "");
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
