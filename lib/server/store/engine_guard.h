/*
 * engine_guard: the last lsn of the homes written lately, to notice a record whose
 * (home, lsn) is taken. The embedded engine's fence is the lock on its folder; this is
 * a net under our own mistakes. It forgets homes when it runs out of room: then it says
 * nothing about them.
 */
#ifndef CHAT_SERVER_STORE_ENGINE_GUARD_H
#define CHAT_SERVER_STORE_ENGINE_GUARD_H

#include "server/store/engine.h"

#define GUARD_SLOTS 1024u /* a power of two */

struct guard_slot {
    uint64_t home_id, lsn; /* lsn 0: free */
    uint64_t attempt;      /* the check that `pending` is of */
    uint64_t pending;
};

struct engine_guard {
    struct guard_slot slots[GUARD_SLOTS];
    uint64_t attempt;
};

/* CHAT_E_CONFLICT: an lsn is taken. CHAT_E_INVALID: one leaves a hole. Changes nothing. */
chat_status engine_guard_check(struct engine_guard *guard, const struct engine_record *records,
                               size_t count);
/* The records are in the log. */
void engine_guard_saw(struct engine_guard *guard, const struct engine_record *records,
                      size_t count);

#endif
