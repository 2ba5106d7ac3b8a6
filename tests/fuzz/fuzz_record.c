/* What a store reads back: the first byte says which record or row. */
#include "fuzz_wire.h"

static const ProtobufCMessageDescriptor *const types[] = {
    &wire_record__descriptor,      &wire_note__descriptor,
    &wire_message__descriptor,     &wire_deployment_row__descriptor,
    &wire_mint_row__descriptor,    &wire_home_row__descriptor,
    &wire_lsn_row__descriptor,     &wire_channel_row__descriptor,
    &wire_member_row__descriptor,  &wire_change_row__descriptor,
    &wire_ring_row__descriptor,    &wire_directory_row__descriptor,
    &wire_cursor_row__descriptor,  &wire_list_row__descriptor,
    &wire_receipt_row__descriptor, &wire_setting_row__descriptor,
    &wire_draft__descriptor,       &wire_device_row__descriptor,
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct wire_fault fault;
    struct arena arena;
    ProtobufCMessage *message = NULL;
    chat_status status;

    if (len == 0)
        return 0;
    arena_init(&arena, NULL, 8u << 20);
    status = wire_decode(types[bytes[0] % (sizeof(types) / sizeof(types[0]))], bytes + 1, len - 1,
                         &arena, &message, &fault);
    if (status == CHAT_OK)
        fuzz_accepted(message);
    else
        fuzz_refused(status, &fault);
    arena_fini(&arena);
    return 0;
}
