/* absorb: which rows a synced record makes. */
#ifndef CHAT_SERVER_STORE_ABSORB_H
#define CHAT_SERVER_STORE_ABSORB_H

#include "server/store/rings.h"
#include "server/store/shard.h"

/*
 * Takes in the next synced record, decoded and as it lies in the log: its rows go to the
 * overlay, its nonce, if `ring` is given, counts as synced there. On replay (`live` false)
 * notes are left to the scan that follows.
 * Errors: CHAT_E_NOMEM, CHAT_E_CORRUPT: half of it may be in, the shard must recover.
 */
chat_status absorb(struct shard *s, const WireRecord *record, const struct engine_record *bytes,
                   struct ring_slot *ring, bool live);

/* The nonce in a record; false when it has none. */
struct nonce_of {
    uint64_t channel, user, device;
    struct ring_nonce nonce; /* position is left 0 */
};
bool absorb_nonce_of(const WireRecord *record, struct nonce_of *out_nonce);

#endif
