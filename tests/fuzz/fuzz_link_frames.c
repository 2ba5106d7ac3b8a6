/* What daemons send to each other. */
#include "fuzz_wire.h"

FUZZ_BATCH(wire_decode_link, WireLinkBatch, 8 * WIRE_LINK_MESSAGE_MAX)
