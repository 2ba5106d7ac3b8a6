/* What a router sends to a client. */
#include <libchat/limits.h>

#include "fuzz_wire.h"

FUZZ_BATCH(wire_decode_server, WireServerBatch, 8 * CHAT_SERVER_MESSAGE_MAX)
