/* What a client sends to a router. */
#include <libchat/limits.h>

#include "fuzz_wire.h"

FUZZ_BATCH(wire_decode_client, WireClientBatch, 8 * CHAT_CLIENT_MESSAGE_MAX)
