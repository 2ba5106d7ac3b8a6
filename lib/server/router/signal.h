/*
 * signal: what a client says in passing and nobody waits for: that its user types, and what
 * has arrived and was read. Passed to the conversation's home, with a rate of its own, so that
 * it never costs a message.
 *
 * Of a session's typing in a channel one in TYPING_PAUSE_MS goes through, and one stop after
 * it. What was told is remembered in a table of fixed size: where two fall on one slot, the
 * rate alone bounds them.
 */
#ifndef CHAT_SERVER_ROUTER_SIGNAL_H
#define CHAT_SERVER_ROUTER_SIGNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/wire.h"

#define TYPING_PAUSE_MS 3000
#define TYPING_SLOTS 1024u

struct router;
struct session;

struct typing_slot {
    uint64_t session_no, channel_id;
    int64_t at_ms; /* when it was passed on */
    bool typing;   /* and not stopped since */
};

void signal_typing(struct router *r, struct session *s, const WireTyping *typing);
void signal_receipts(struct router *r, struct session *s, uint32_t request_id,
                     const WireMarkReceipts *marks);

#endif
